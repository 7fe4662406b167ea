"""`nn.Module`: a tree of parameters, buffers and further modules, with one computation, `forward`.

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden = nn.Linear(2, 8)      # Net ── hidden ── weight, bias
            self.out = nn.Linear(8, 1)         #     └─ out ──── weight, bias

        def forward(self, x):
            return self.out(torch.relu(self.hidden(x)))

What makes it work is `__setattr__`: a Parameter or Module that is made an attribute goes into `_parameters` or `_modules`
instead of the object's `__dict__`, so that the tree can be walked without knowing the attributes' names.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypeVar

from teachgrad import devices, dtypes, errors
from teachgrad.autograd.graph import Hook, RemovableHandle
from teachgrad.autograd.modes import no_grad
from teachgrad.autograd.variable import TensorBase
from teachgrad.nn.hooks import BackwardHooks
from teachgrad.nn.parameter import Buffer, Parameter
from teachgrad.nn.state import StateDict
from teachgrad.nn.tree import Tree

__all__ = ["Module"]

Self = TypeVar("Self", bound="Module")


class Module(Tree, StateDict):
    """The base of all networks and layers. Mirrors `torch.nn.Module`.

    Subclasses call `super().__init__()` first and define `forward`; `module(x)` runs `forward(x)` and the hooks.
    """

    training: bool

    _PLACES: ClassVar = ("_parameters", "_buffers", "_modules")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if kwargs:
            raise TypeError(
                f"{type(self).__name__}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'"
            )
        if args:
            raise TypeError(
                f"{type(self).__name__}.__init__() takes 1 positional argument but {len(args) + 1} were given"
            )
        vars(self).update(
            training=True, _parameters={}, _buffers={}, _non_persistent_buffers_set=set(), _modules={},
            _forward_pre_hooks={}, _forward_hooks={}, _backward_pre_hooks={}, _backward_hooks={},
        )  # fmt: skip

    # -- computing --------------------------------------------------------------------------------------------
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass defines it. Raises NotImplementedError if it did not."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the hooks and `forward`."""
        state = self.__dict__
        if not (
            state["_forward_hooks"]
            or state["_forward_pre_hooks"]
            or state["_backward_hooks"]
            or state["_backward_pre_hooks"]
        ):
            return self.forward(*args, **kwargs)
        for hook, with_kwargs in tuple(state["_forward_pre_hooks"].values()):
            answer = hook(self, args, kwargs) if with_kwargs else hook(self, args)
            if answer is not None and with_kwargs:
                if not (isinstance(answer, tuple) and len(answer) == 2):
                    raise RuntimeError(
                        f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {answer}."
                    )
                args, kwargs = answer
            elif answer is not None:
                args = answer if isinstance(answer, tuple) else (answer,)
        watch = None
        if state["_backward_hooks"] or state["_backward_pre_hooks"]:
            watch = BackwardHooks(
                self, list(state["_backward_hooks"].values()), list(state["_backward_pre_hooks"].values())
            )
            args = watch.watch_inputs(args)
        result = self.forward(*args, **kwargs)
        for hook, with_kwargs in tuple(state["_forward_hooks"].values()):
            answer = hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
            if answer is not None:
                result = answer
        return result if watch is None else watch.watch_outputs(result)

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Calls `hook(module, args)` before `forward`; what it returns, if not None, replaces the arguments."""
        return _register(self._forward_pre_hooks, (hook, with_kwargs), prepend)

    def register_forward_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Calls `hook(module, args, output)` after `forward`; what it returns, if not None, replaces the output.

        `always_call` has no effect here: when `forward` raises, no hook is called.
        """
        return _register(self._forward_hooks, (hook, with_kwargs), prepend)

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Calls `hook(module, grad_output)` when a gradient reaches the outputs; what it returns replaces it."""
        return _register(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Calls `hook(module, grad_input, grad_output)` when a gradient has passed through the module.

        What it returns, if not None, replaces `grad_input`.
        """
        return _register(self._backward_hooks, hook, prepend)

    # -- what belongs to the module ---------------------------------------------------------------------------
    def __getattr__(self, name: str) -> Any:
        """Parameters, buffers and modules; Python calls this for names that are not in `__dict__`."""
        state = self.__dict__
        for place in self._PLACES:
            if place in state and name in state[place]:
                return state[place][name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        state = self.__dict__
        if isinstance(value, Parameter):
            place = "_parameters"
        elif isinstance(value, Module):
            place = "_modules"
        elif isinstance(value, Buffer):
            place = "_buffers"
        elif "_parameters" not in state:  # before Module.__init__
            return object.__setattr__(self, name, value)
        else:
            known = [p for p in self._PLACES if name in state[p]]
            if not known:
                return object.__setattr__(self, name, value)
            place = known[0]
            if value is not None and not (place == "_buffers" and isinstance(value, TensorBase)):
                kind, expected = {
                    "_parameters": ("parameter", "torch.nn.Parameter"),
                    "_buffers": ("buffer", "torch.nn.Buffer, torch.Tensor"),
                    "_modules": ("child module", "torch.nn.Module"),
                }[place]
                raise TypeError(f"cannot assign '{type_name(value)}' as {kind} '{name}' ({expected} or None expected)")
        if "_parameters" not in state:
            what = {"_parameters": "parameters", "_modules": "module", "_buffers": "buffer"}[place]
            raise errors.explained(
                AttributeError(f"cannot assign {what} before Module.__init__() call"),
                "The first line of the subclass's __init__ must be super().__init__().",
            )
        state.pop(name, None)
        for other in self._PLACES:
            if other != place:
                state[other].pop(name, None)
        if place == "_parameters":
            self.register_parameter(name, value)
        elif place == "_buffers":
            kept = value.persistent if isinstance(value, Buffer) else name not in self._non_persistent_buffers_set
            self.register_buffer(name, value, kept)
        else:
            state["_modules"][name] = value
        return None

    def __delattr__(self, name: str) -> None:
        for place in self._PLACES:
            if name in self.__dict__[place]:
                del self.__dict__[place][name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        names = itertools.chain(object.__dir__(self), self._parameters, self._buffers, self._modules)
        return sorted({name for name in names if not name[0].isdigit()})

    def _check_name(self, kind: str, name: Any, place: dict[str, Any]) -> None:
        """Raises TypeError or KeyError unless a `kind` may be called `name`."""
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {type_name(name)}")
        if "." in name:
            got = f", got: {name}" if kind == "module" else ""
            raise KeyError(f'{kind} name can\'t contain "."{got}')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if name not in place and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Makes `param` the parameter `name`; None says that the module has none by that name (as with bias=False)."""
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        self._check_name("parameter", name, self._parameters)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{type_name(param)}' object to parameter '{name}' (torch.nn.Parameter or None required)"
            )
        if param is not None and param.grad_fn is not None:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly. To "
                f"express '{name}' as a function of another Tensor, compute the value in the forward() method."
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Any, persistent: bool = True) -> None:
        """Makes `tensor` the buffer `name`: state that is not trained; in `state_dict` if `persistent`."""
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._check_name("buffer", name, self._buffers)
        if tensor is not None and not isinstance(tensor, TensorBase):
            raise TypeError(
                f"cannot assign '{type_name(tensor)}' object to buffer '{name}' (torch Tensor or None required)"
            )
        self._buffers[name] = tensor
        (self._non_persistent_buffers_set.discard if persistent else self._non_persistent_buffers_set.add)(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Makes `module` the child `name`."""
        if module is not None and not isinstance(module, Module):
            raise _not_a_module(module)
        self._check_name("module", name, self._modules)
        self._modules[name] = module

    register_module = add_module

    # -- changing the whole tree ------------------------------------------------------------------------------
    def apply(self: Self, fn: Callable[[Module], Any]) -> Self:
        """Calls `fn` with every module of the tree, children first (to initialise weights, for instance)."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def train(self: Self, mode: bool = True) -> Self:
        """Switches dropout and batch normalisation of the tree to training. Raises ValueError unless `mode` is a bool."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self: Self) -> Self:
        """Switches dropout and batch normalisation of the tree to evaluation."""
        return self.train(False)

    def requires_grad_(self: Self, requires_grad: bool = True) -> Self:
        """Says for all parameters whether they need a gradient: `requires_grad_(False)` freezes them."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Takes the `.grad` of all parameters away, or fills it with zeros."""
        clear_gradients(self.parameters(), set_to_none)

    def _apply(self: Self, fn: Callable[[Any], Any], recurse: bool = True) -> Self:
        """Replaces the data of every parameter, gradient and buffer `t` by `fn(t)`; parameters stay the same objects."""
        if recurse:
            for child in self.children():
                child._apply(fn)
        with no_grad():
            for parameter in self._parameters.values():
                if parameter is not None:
                    parameter.data = fn(parameter)
                    if parameter._grad is not None:
                        parameter._grad.data = fn(parameter._grad)
            for name, buffer in self._buffers.items():
                if buffer is not None:
                    self._buffers[name] = fn(buffer)
        return self

    def to(self: Self, *args: Any, **kwargs: Any) -> Self:
        """Moves all parameters and buffers to a device, and the floating ones to a dtype.

        Called as `to(device)`, `to(dtype)`, `to(device, dtype)` or `to(tensor)`. Raises TypeError for integer dtypes.
        """
        device, dtype = kwargs.get("device"), kwargs.get("dtype")
        for value in args:
            if isinstance(value, dtypes.dtype):
                dtype = value
            elif isinstance(value, TensorBase):
                dtype, device = value.dtype, value.device  # type: ignore[attr-defined]
            elif isinstance(value, str | devices.device | int) and not isinstance(value, bool):
                device = value
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )
        return self._apply(lambda t: t.to(device=device, dtype=dtype if t._data.dtype.kind in "fcV" else None))

    def type(self: Self, dst_type: Any) -> Self:
        """Converts all parameters and buffers to `dst_type`."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self: Self) -> Self:
        """Converts the floating parameters and buffers to float32."""
        return self.to(dtypes.float32)

    def double(self: Self) -> Self:
        """Converts the floating parameters and buffers to float64."""
        return self.to(dtypes.float64)

    def half(self: Self) -> Self:
        """Converts the floating parameters and buffers to float16."""
        return self.to(dtypes.float16)

    def bfloat16(self: Self) -> Self:
        """Converts the floating parameters and buffers to bfloat16."""
        return self.to(dtypes.bfloat16)

    def cpu(self: Self) -> Self:
        """Moves all parameters and buffers to the CPU."""
        return self._apply(lambda t: t.cpu())

    def cuda(self: Self, device: Any = None) -> Self:
        """Moves all parameters and buffers to the GPU."""
        return self._apply(lambda t: t.cuda(device))

    # -- printing ---------------------------------------------------------------------------------------------
    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What the printed form shows in the brackets; subclasses say their arguments."""
        return ""

    def __repr__(self) -> str:
        own = self.extra_repr().split("\n") if self.extra_repr() else []
        below = [f"({name}): " + repr(child).replace("\n", "\n  ") for name, child in self._modules.items()]
        if len(own) == 1 and not below:
            return f"{self._get_name()}({own[0]})"
        lines = [*own, *below]
        return f"{self._get_name()}(" + ("\n  " + "\n  ".join(lines) + "\n" if lines else "") + ")"


def _register(hooks: dict[int, Any], hook: Any, prepend: bool) -> RemovableHandle:
    """Adds a hook at the end, or at the beginning, of those that a module has."""
    handle = RemovableHandle(hooks, hook)
    if prepend:
        others = {key: value for key, value in hooks.items() if key != handle.id}
        for key, value in others.items():
            del hooks[key]
            hooks[key] = value
    return handle


def clear_gradients(parameters: Iterable[Any], set_to_none: bool) -> None:
    """Takes the `.grad` of `parameters` away, or makes it zeros that belong to no graph."""
    for parameter in parameters:
        grad = parameter._grad
        if grad is None:
            continue
        if set_to_none:
            parameter._grad = None
            continue
        if grad.grad_fn is not None:
            grad.detach_()
        else:
            grad.requires_grad_(False)
        grad.zero_()


def type_name(value: Any) -> str:
    """The full name of a value's type as PyTorch's errors give it: "torch.FloatTensor", "list", "numpy.ndarray"."""
    if isinstance(value, TensorBase):
        name: str = value.type()  # type: ignore[attr-defined]
        return name
    module = type(value).__module__
    return type(value).__qualname__ if module in ("builtins", None) else f"{module}.{type(value).__qualname__}"


def _not_a_module(value: Any) -> TypeError:
    """A part of a network that is no module, or only the class of one."""
    if isinstance(value, type):
        message = f"{value.__module__}.{value.__qualname__} is not a Module subclass"
        return errors.explained(TypeError(message), f"Parentheses make a module of the class: {value.__name__}().")
    return errors.explained(
        TypeError(f"{type_name(value)} is not a Module subclass"),
        "The parts of a network are modules. A function such as torch.relu is called in forward().",
    )
