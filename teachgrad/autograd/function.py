"""`torch.autograd.Function`: an op with a rule of your own.

    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, grad):               # the vector-Jacobian product
            (x,) = ctx.saved_tensors
            return grad * 2 * x

    y = Square.apply(x)                        # y.grad_fn is <SquareBackward>

`ctx` is the graph's node itself: what forward leaves in it, backward finds there. Mirrors `torch/autograd/function.py`.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, ClassVar
from weakref import ref

import numpy as np

from teachgrad import errors, gpu
from teachgrad.autograd import forward_ad, refusals, views
from teachgrad.autograd.fit import unbroadcast, unbroadcast_live
from teachgrad.autograd.graph import Node, edge_of, next_birth, result_of
from teachgrad.autograd.modes import GRAD_MODE, enable_grad, no_grad
from teachgrad.autograd.saved import Packed, hooks_now
from teachgrad.autograd.variable import TensorBase, bump, version, wrap, written
from teachgrad.conjugates import meet


class FunctionCtx(Node):
    """The node of a custom function, and the `ctx` of its forward and backward. Each Function has its own subclass."""

    __slots__ = (
        "__dict__",
        "_inputs",
        "_materialize",
        "_outputs",
        "dirty_tensors",
        "needs_input_grad",
        "non_differentiable",
        "saved_for_forward",
    )
    _forward_cls: ClassVar[type[Function]]
    tensor_names = frozenset({"saved"})
    needs_input_grad: tuple[bool, ...]
    # Per argument: is it a tensor, its shape if it wants a gradient, its dtype.
    _inputs: tuple[tuple[bool, Any, Any], ...]
    # Per output: shape and dtype (None: not a tensor).
    _outputs: tuple[tuple[tuple[int, ...], Any], ...]
    _materialize: bool
    outputs: int  # type: ignore[misc]
    dirty_tensors: tuple[TensorBase, ...]
    non_differentiable: tuple[TensorBase, ...]
    saved_for_forward: tuple[Any, ...]

    def save_for_backward(self, *tensors: Any) -> None:
        """Keeps tensors for backward, which finds them in `saved_tensors`. Raises TypeError for anything else."""
        for place, tensor in enumerate(tensors):
            if tensor is not None and not isinstance(tensor, TensorBase):
                raise refusals.saved_not_a_tensor(place, tensor)
        self.saved = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Keeps tensors for `jvp`, which finds them in `saved_tensors`."""
        self.saved_for_forward = tensors

    def mark_dirty(self, *tensors: Any) -> None:
        """Says that forward changed these inputs in place."""
        self.dirty_tensors = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Says that these outputs have no gradient."""
        self.non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward receives zeros (True) or None for outputs that nobody used."""
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` kept. Raises RuntimeError when it has been freed, or changed in place since."""
        if self.saved is None:
            raise errors.freed()
        return tuple(item if item is None or isinstance(item, TensorBase) else item.tensor(self) for item in self.saved)

    def vjp(self, grad: Any, keep: bool = True) -> tuple[Any, ...]:
        """Runs the user's backward, which sees tensors, while nothing is recorded."""
        grads = [None if g is None else wrap(g) for g in self.parts(grad)]
        return tuple(None if g is None else g._data for g in self._run(grads, keep, live=False))

    def vjp_live(self, grad: Any, keep: bool = True) -> tuple[Any, ...]:
        """Runs the user's backward, recorded."""
        return self._run(self.parts(grad), keep, live=True)

    def _run(self, grads: list[Any], keep: bool, *, live: bool) -> tuple[Any, ...]:
        """Calls backward and checks its answer against the inputs: how many, which types, which shapes."""
        if self._materialize:
            xp = gpu.xp(next((grad._data for grad in grads if grad is not None), None))
            for i, (shape, dtype) in enumerate(self._outputs):
                if grads[i] is None and dtype is not None:
                    grads[i] = wrap(xp.zeros(shape, dtype))
        with enable_grad() if live else no_grad():
            answer = self._forward_cls._rule()(self, *grads)
        if not keep:
            self.saved = None
        given = answer if isinstance(answer, tuple) else (answer,)
        name, expected = self.name(), len(self.needs_input_grad)
        if len(given) > expected and all(g is None for g in given[expected:]):
            given = given[:expected]
        if len(given) != expected:
            raise refusals.wrong_gradient_count(name, expected, len(given))
        result: list[Any] = []
        for index, (gradient, (is_tensor, shape, dtype)) in enumerate(zip(given, self._inputs, strict=True)):
            if not is_tensor:
                if gradient is not None:
                    raise refusals.gradient_of_non_tensor(name, index)
                continue
            if gradient is not None and not isinstance(gradient, TensorBase):
                raise refusals.gradient_not_a_tensor(gradient)
            if gradient is None or shape is None:
                result.append(None)
                continue
            have = gradient._data.shape
            if errors.broadcast(shape, have) or np.broadcast_shapes(shape, have) != have:
                raise refusals.gradient_has_wrong_shape(name, index, have, shape)
            result.append(
                unbroadcast_live(gradient, shape, dtype) if live else wrap(unbroadcast(gradient._data, shape, dtype))
            )
        return tuple(result)

    def _adopt(self, results: list[Any]) -> None:
        """Makes this node the history of its differentiable outputs, and keeps saved outputs without owning them."""
        self.outputs = len(results)
        self._outputs = tuple(
            (r._data.shape, r._data.dtype) if isinstance(r, TensorBase) else ((), None) for r in results
        )
        for number, result in enumerate(results):
            if not isinstance(result, TensorBase) or _is_in(result, self.non_differentiable):
                continue
            if result._data.dtype.kind not in "fcV":
                continue
            meet(result._data.dtype)
            if not _is_in(result, self.dirty_tensors):
                views.set_history(result, self)
            elif len(results) > 1 and result._view is not None and result._view.base is not None:
                raise refusals.dirty_view_with_company()
            else:
                views.rebase(result, self)
            if written(result) is self:
                result._output_nr = number
        hooks = hooks_now()
        kept: list[Any] = []
        for item in self.saved or ():
            number = next((n for n, r in enumerate(results) if r is item), -1)
            if item is None:
                kept.append(None)
            elif hooks is not None:
                kept.append(Packed(item, hooks, own=number >= 0))
            else:
                kept.append(_Input(item) if number < 0 else _Output(item, number))
        self.saved = tuple(kept)

    def _tangents(self, tangents: list[Any], primals: tuple[Any, ...], expected: int) -> tuple[Any, ...]:
        """Runs the user's jvp. Raises RuntimeError unless it returns one tangent per output."""
        if self._materialize:
            tangents = [
                wrap(np.zeros_like(p._data)) if t is None and isinstance(p, TensorBase) else t
                for t, p in zip(tangents, primals, strict=True)
            ]
        before, self.saved = self.saved, self.saved_for_forward
        try:
            answer = self._forward_cls.jvp(self, *tangents)
        finally:
            self.saved = before
        given = answer if isinstance(answer, tuple) else (answer,)
        if len(given) != expected:
            raise refusals.wrong_tangent_count(expected, len(given))
        return given


class _Output:
    """A saved output of the same node: its bare numbers, since the output owns the node, and the version it had."""

    __slots__ = ("data", "number", "owner", "version")

    def __init__(self, tensor: TensorBase, number: int) -> None:
        self.data, self.number, self.owner, self.version = tensor._data, number, ref(tensor), version(tensor)

    def tensor(self, node: Node) -> TensorBase:
        """The output again, with its place in the graph."""
        owner = self.owner()
        if owner is not None and version(owner) != self.version:
            raise errors.modified(owner, node, version(owner), self.version)
        return result_of(node, self.data, self.number)


class _Input:
    """Any other saved tensor, with the version number that it had."""

    __slots__ = ("kept", "version")

    def __init__(self, tensor: TensorBase) -> None:
        self.kept, self.version = tensor, version(tensor)

    def tensor(self, node: Node) -> TensorBase:
        """The tensor, if it is still what it was."""
        if version(self.kept) != self.version:
            raise errors.modified(self.kept, views.history(self.kept), version(self.kept), self.version)
        return self.kept


def _is_in(tensor: Any, tensors: tuple[Any, ...] | list[Any]) -> bool:
    return any(tensor is other for other in tensors)


class Function:
    """Base class of custom ops: define static `forward` and `backward`, call `apply`. Mirrors `torch.autograd.Function`.

    With a static `setup_context(ctx, inputs, output)`, `forward` takes no ctx. A static `jvp(ctx, *tangents)` makes the op
    known to forward mode.
    """

    _node_class: ClassVar[type[FunctionCtx]]
    generate_vmap_rule = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you should invoke "
            "them on the class itself. Instantiating an autograd function will raise an error in a future version of "
            "PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The way of PyTorch before 1.3. Raises RuntimeError."""
        raise refusals.function_called()

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Computes the output."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Saves what backward needs, if `forward` takes no ctx."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Returns one gradient per argument of forward."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward mode AD."
        )

    vjp = backward

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """Returns one tangent per output, given one per argument of forward."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
        )

    @classmethod
    def _rule(cls) -> Callable[..., Any]:
        if cls.vjp is Function.vjp:
            return cls.backward
        if cls.backward is not Function.backward:
            raise RuntimeError(
                "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only implement "
                "one of them."
            )
        return cls.vjp

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._node_class = type(
            f"{cls.__name__}Backward",
            (FunctionCtx,),
            {"__slots__": ("outputs",), "_forward_cls": cls, "__module__": "torch.autograd.function"},
        )

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Runs forward and, if an input requires grad, makes its node the history of the outputs."""
        dual = forward_ad.tangents_of(args)
        if dual is None:
            return cls._apply(args)[0]
        level, primals, tangents = dual
        output, node = cls._apply(primals)
        outputs = output if isinstance(output, tuple) else (output,)
        moved = tuple(
            out if tangent is None or not isinstance(out, TensorBase) else forward_ad.dual(out, tangent, level)
            for out, tangent in zip(outputs, node._tangents(tangents, primals, len(outputs)), strict=True)
        )
        return moved if isinstance(output, tuple) else moved[0]

    @classmethod
    def _apply(cls, args: tuple[Any, ...]) -> tuple[Any, FunctionCtx]:
        """The output for arguments that are not dual, and the node."""
        tensors = [a for a in args if isinstance(a, TensorBase)]
        recording = GRAD_MODE.get() and any(t._requires_grad for t in tensors)
        node = cls._new_node(args, recording)
        separate = cls.setup_context is not Function.setup_context
        with no_grad():
            if separate:
                output = cls.forward(*args)
                cls.setup_context(node, args, output)
            else:
                output = cls.forward(node, *args)
        results = list(output) if isinstance(output, tuple) else [output]
        for dirty in node.dirty_tensors:
            if not _is_in(dirty, results):
                raise refusals.dirty_not_returned()
            if not _is_in(dirty, tensors):
                warnings.warn(refusals.DIRTY_NOT_AN_INPUT, UserWarning, stacklevel=3)
            if recording and dirty._requires_grad and written(dirty) is None and dirty._view is None:
                raise refusals.leaf_used_in_place()
            bump(dirty)
        for place, result in enumerate(results):
            if not isinstance(result, TensorBase) or _is_in(result, node.dirty_tensors):
                continue
            if _is_in(result, tensors):  # returned as it came: a tensor of its own, so that it can have its own history
                if separate and _is_in(result, node.saved or ()):
                    raise refusals.saved_input_returned()
                results[place] = result = views.view_of(result)
            if recording and result._view is not None:
                result._view.made_without_grad = cls.__name__
        if recording:
            node._adopt(results)
        else:
            node.saved = ()
        return tuple(results) if isinstance(output, tuple) else results[0], node

    @classmethod
    def _new_node(cls, args: tuple[Any, ...], recording: bool) -> FunctionCtx:
        node = cls._node_class()
        node.saved, node.versions, node.fit, node._extras = (), 0, None, None
        node.dirty_tensors = node.non_differentiable = node.saved_for_forward = ()
        node._materialize = True
        node.needs_input_grad = tuple(isinstance(a, TensorBase) and a._requires_grad for a in args)
        tensors = [a for a in args if isinstance(a, TensorBase)]
        node.edges = tuple(edge_of(t) for t in tensors) if recording else ()
        node.birth = next_birth()
        node.numbers = tuple(t._output_nr for t in tensors)
        node._inputs = tuple(
            (True, a._data.shape if a._requires_grad else None, a._data.dtype)
            if isinstance(a, TensorBase)
            else (False, None, None)
            for a in args
        )
        return node


def once_differentiable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator for a `backward` that cannot itself be differentiated. Mirrors PyTorch's of that name."""

    @functools.wraps(function)
    def wrapper(ctx: Any, *grads: Any) -> Any:
        with no_grad():
            answer = function(ctx, *grads)
        if not GRAD_MODE.get() or not any(isinstance(g, TensorBase) and g._requires_grad for g in grads):
            return answer
        return tuple(_once(g) for g in answer) if isinstance(answer, tuple) else _once(answer)

    return wrapper


def _once(gradient: Any) -> Any:
    if not isinstance(gradient, TensorBase):
        return gradient
    alias = wrap(gradient._data)
    alias._requires_grad = True
    return DelayedError.apply(alias)


class DelayedError(Function):
    """Marks a gradient that must not be differentiated again."""

    @staticmethod
    def forward(ctx: Any, gradient: Any) -> Any:
        """The gradient itself."""
        return gradient

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Refuses."""
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")
