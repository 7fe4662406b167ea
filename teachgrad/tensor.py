"""`torch.Tensor`: an array that remembers where it came from.

The arithmetic is not here: operators, methods and their in-place forms are bound from the op table by `operators.py`,
so that `x * y`, `x.mul(y)` and `torch.mul(x, y)` are one function. What a tensor tells about itself is in `facts.py`,
its ways out to Python and NumPy in `crossings.py`. Here is its place in the graph, and how it is copied and converted.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any
from weakref import ref

from teachgrad import autograd, devices, dtypes, gpu, refusals
from teachgrad.autograd import inference, views
from teachgrad.autograd.graph import Hook, Node, RemovableHandle
from teachgrad.autograd.hooks import TensorHooks
from teachgrad.autograd.variable import TensorBase, tensor_class, version, wrap, written
from teachgrad.conjugates import meet
from teachgrad.crossings import Crossings
from teachgrad.ops.table import OPS


@tensor_class
class Tensor(Crossings):
    """A multi-dimensional array of one dtype that can be differentiated. Mirrors `torch.Tensor`.

    Make one with `torch.tensor([1., 2.])`; `Tensor(2, 3)` and `Tensor([1, 2])` are the old constructors: an
    uninitialised float32 tensor of that shape, or a float32 copy of that data.
    """

    __slots__ = ()
    __array_priority__ = 1000  # np.float64(2) * x is our __rmul__

    def __new__(cls, *args: Any, **kwargs: Any) -> Tensor:
        """The old constructors, which lessons still use."""
        from teachgrad.legacy import legacy_tensor

        return legacy_tensor(cls, *args, **kwargs)

    # -- its place in the graph -------------------------------------------------------------------------------
    @property
    def grad_fn(self) -> Node | None:
        """The node that made this tensor; None for a leaf."""
        return views.history(self)

    @property
    def is_leaf(self) -> bool:
        """True if the tensor was made by the user, not by a recorded op."""
        return views.history(self) is None

    @property
    def requires_grad(self) -> bool:
        """Whether ops on this tensor are recorded. Only leaves can change it (RuntimeError otherwise)."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise RuntimeError("requires_grad must be a bool")
        if written(self) is not None:
            raise refusals.requires_grad_of_non_leaf(value)
        if value and self._data.dtype.kind not in "fcV":
            raise refusals.only_floats("only Tensors of floating point and complex dtype can require gradients")
        meet(self._data.dtype)
        views.require(self, value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Sets `requires_grad` and returns the tensor. Raises RuntimeError for integers, and for False on a non-leaf."""
        if not isinstance(requires_grad, bool):
            raise refusals.not_a_truth("requires_grad_", "requires_grad", requires_grad)
        if requires_grad and written(self) is not None:
            return self
        if requires_grad and self._data.dtype.kind not in "fcV":
            raise refusals.only_floats("only Tensors of floating point dtype can require gradients")
        self.requires_grad = requires_grad
        return self

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward has accumulated in this leaf; None if there is none yet."""
        if self._grad is None and self._requires_grad and written(self) is not None and not self.retains_grad:
            _warn_non_leaf_grad()
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, TensorBase):
                raise refusals.grad_not_a_tensor(value)
            if value is self:
                raise refusals.own_grad()
            refusals.check_assigned_grad(self, value)
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def data(self) -> Tensor:
        """The same memory as a tensor that autograd does not watch; changing it is not noticed by version checks."""
        return self._same_memory()

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, TensorBase):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        if self._requires_grad and value._data.dtype.kind not in "fcV":
            raise RuntimeError("data set to a tensor that requires gradients must be floating point or complex dtype")
        self._data = views.own_array(value)

    def _same_memory(self) -> Tensor:
        """A tensor around the same array; also in inference mode, the tensor of an ordinary array is an ordinary one."""
        result = wrap(views.own_array(self))
        if result.__class__ is not Tensor and not inference.is_inference(self):
            result.__class__ = Tensor
        return result

    @property
    def _version(self) -> int:
        if inference.is_inference(self):
            raise RuntimeError("Inference tensors do not track version counter.")
        return version(self)

    @property
    def _base(self) -> Any:
        return None if self._view is None else self._view.base

    def _is_view(self) -> bool:
        return self._base is not None

    @property
    def output_nr(self) -> int:
        """Which output of `grad_fn` this tensor is."""
        return self._output_nr

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Adds to the `.grad` of every leaf the gradient of this tensor (weighted by `gradient`, if not a scalar).

        Mirrors `torch.Tensor.backward`; see `autograd.backward` for the arguments and errors.
        """
        autograd.backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def detach(self) -> Tensor:
        """The same memory, outside the graph."""
        result = self._same_memory()
        views.alias(self, result)
        return result

    def detach_(self) -> Tensor:
        """Takes this tensor itself out of the graph. In inference mode it does nothing, as in PyTorch."""
        if inference.is_inference_mode_enabled():
            return self
        if self._is_view():
            raise refusals.detach_of_view()
        self._node, self._output_nr = None, 0
        views.require(self, False)
        return self

    @property
    def retains_grad(self) -> bool:
        """True for a non-leaf that keeps its gradient (`retain_grad`)."""
        node = written(self)
        return node is not None and node._extras is not None and self._output_nr in node._extras.retained

    def retain_grad(self) -> None:
        """Makes backward keep the gradient of this non-leaf in `.grad`. Raises RuntimeError if it requires none."""
        if not self._requires_grad:
            raise refusals.no_grad_to_retain()
        node = None if written(self) is None else self.grad_fn
        if node is not None:
            node.extras.retained[self._output_nr] = ref(self)

    def register_hook(self, hook: Hook) -> RemovableHandle:
        """Calls `hook(grad)` when this tensor's gradient has been computed; a tensor it returns replaces the gradient.

        Raises RuntimeError if the tensor requires no grad.
        """
        if not self._requires_grad:
            raise refusals.no_grad_to_hook()
        node = self.grad_fn
        if node is not None:
            return RemovableHandle(node.extras.tensor.setdefault(self._output_nr, {}), hook)
        return RemovableHandle(self._leaf_hooks().hooks, hook)

    def register_post_accumulate_grad_hook(self, hook: Hook) -> RemovableHandle:
        """Calls `hook(tensor)` after backward has added to this leaf's `.grad`."""
        if not self._requires_grad:
            raise refusals.no_grad_to_hook()
        if self.grad_fn is not None:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        return RemovableHandle(self._leaf_hooks().post_accumulate, hook)

    def _leaf_hooks(self) -> TensorHooks:
        if self._hooks is None:
            self._hooks = TensorHooks()
        hooks: TensorHooks = self._hooks
        return hooks

    # -- copies and conversions -------------------------------------------------------------------------------
    def _cast(self, numpy_dtype: Any) -> Tensor:
        if self._data.dtype is numpy_dtype:
            return self
        cast: Tensor = OPS["to_copy" if numpy_dtype.kind in "fcV" else "to_copy.whole"](self, numpy_dtype)
        return cast

    def _read_flat(self, index: Any) -> Tensor:
        read: Tensor = OPS["read_flat"](self, index)
        return read

    def _spread_flat(self, index: Any, shape: tuple[int, ...]) -> Tensor:
        spread: Tensor = OPS["spread_flat"](self, index, shape)
        return spread

    def _write_flat(self, piece: Tensor, index: Any) -> Tensor:
        written: Tensor = OPS["write_flat"](self, piece, index)
        return written

    def clone(self, *, memory_format: Any = None) -> Tensor:
        """A copy, recorded in the graph."""
        copy: Tensor = OPS["clone"](self)
        return copy

    def contiguous(self, memory_format: Any = None) -> Tensor:
        """The tensor itself if its memory is row-major without gaps, else such a copy."""
        if self._data.flags.c_contiguous:
            return self
        copy = self.clone()
        copy._data = copy._data.copy("C")
        return copy

    def to(
        self,
        *args: Any,
        dtype: Any = None,
        device: Any = None,
        non_blocking: bool = False,
        copy: bool = False,
        memory_format: Any = None,
    ) -> Tensor:
        """This tensor with another dtype or device; itself if nothing changes. Mirrors `torch.Tensor.to`."""
        flags = [value for value in args if isinstance(value, bool)]
        copy = copy or (len(flags) > 1 and flags[1])
        for value in args:
            if isinstance(value, dtypes.dtype):
                dtype = value
            elif isinstance(value, Tensor):
                dtype, device = value.dtype, value.device
            elif isinstance(value, str | devices.device | int) and not isinstance(value, bool):
                device = value
            elif value in (float, int, bool, complex):  # as Python programmers write it
                from teachgrad.leaves import dtype_of

                dtype = dtype_of("to", value)
            elif value is not None and not isinstance(value, bool):
                raise refusals.bad_to_argument(value)
        if device is not None:
            here, there = self.device, devices.resolve(device)
            if here != there:
                return self._move(here, there, self._data.dtype if dtype is None else dtype.numpy)
        if dtype is None or dtype.numpy is self._data.dtype:
            return self.clone() if copy else self
        return self._cast(dtype.numpy)

    def _move(self, here: devices.device, there: devices.device, numpy_dtype: Any) -> Tensor:
        name = "to_copy.device" if numpy_dtype.kind in "fcV" else "to_copy.whole_device"
        moved: Tensor = OPS[name](self, numpy_dtype, there, here)
        return moved

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """The name of the old tensor type ("torch.FloatTensor"), or the tensor converted to `dtype`."""
        if dtype is None:
            name = self.dtype.type_name
            return name.replace("torch.", "torch.cuda.") if gpu.on_gpu(self._data) else name
        if isinstance(dtype, type):  # torch.LongTensor, as lessons of old write it
            dtype = f"{dtype.__module__}.{dtype.__name__}".removeprefix("builtins.")
        if isinstance(dtype, str):
            plain = dtype.replace("torch.cuda.", "torch.")
            named = [d for d in vars(dtypes).values() if isinstance(d, dtypes.dtype) and d.type_name == plain]
            if not named:
                raise ValueError(f"invalid type: '{dtype}'")
            return self.to("cpu" if dtype == plain else "cuda", named[0])
        return self.to(dtype)

    def type_as(self, other: Tensor) -> Tensor:
        """This tensor with the dtype of `other`."""
        return self.to(other.dtype)

    def cpu(self) -> Tensor:
        """The tensor itself, or a copy in the computer's own memory if it is on a GPU."""
        return self.to(devices.CPU) if gpu.on_gpu(self._data) else self

    def cuda(self, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> Tensor:
        """The tensor itself, or a copy on the GPU. Raises AssertionError where there is none, RuntimeError for the CPU."""
        if isinstance(device, str | devices.device) and devices.device(device).type != "cuda":
            raise RuntimeError("Invalid device, must be cuda device")
        return self.to("cuda" if device is None else device)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if self.grad_fn is not None:
            raise refusals.deepcopy_of_non_leaf()
        copy = wrap(self._data.copy(), type(self))
        copy._requires_grad = self._requires_grad
        memo[id(self)] = copy
        if self._grad is not None:
            copy._grad = self._grad.__deepcopy__(memo)
        copy.__dict__.update(self.__dict__)
        return copy

    def __copy__(self) -> Tensor:
        alias = wrap(views.own_array(self), type(self))
        alias._requires_grad = self._requires_grad
        alias.__dict__.update(self.__dict__)
        return alias

    def __reduce__(self) -> Any:
        return _rebuild, (type(self) is Tensor, views.own_array(self).copy(), self._requires_grad)


Tensor.__module__ = "torch"  # print(type(x)) shows <class 'torch.Tensor'>, as it does in the lessons


def _rebuild(plain: bool, data: Any, requires_grad: bool) -> Tensor:
    """Unpickles a tensor."""
    tensor = wrap(data)
    meet(data.dtype)
    tensor._requires_grad = requires_grad
    return tensor


def _warn_non_leaf_grad() -> None:
    """PyTorch's warning, but only for the line that the learner wrote."""
    depth = 2
    if sys._getframe(depth).f_globals.get("__name__", "").startswith("teachgrad."):
        return
    warnings.warn(refusals.NON_LEAF_GRAD, UserWarning, stacklevel=depth + 1)
