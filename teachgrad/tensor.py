"""`torch.Tensor`: an array that remembers where it came from.

The arithmetic is not here: operators, methods and their in-place forms are bound from the op table at the end of this
file, so that `x * y`, `x.mul(y)` and `torch.mul(x, y)` are one function. What is here is the tensor as a thing: its
properties, its place in the graph, its way out to Python and NumPy.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any
from weakref import ref

import numpy as np

from teachgrad import autograd, devices, dtypes, errors, printing
from teachgrad.autograd import views
from teachgrad.autograd.graph import Hook, Node, RemovableHandle, accumulator, edge_of
from teachgrad.autograd.hooks import TensorHooks
from teachgrad.autograd.variable import TensorBase, tensor_class, version, wrap
from teachgrad.ops import inplace
from teachgrad.ops.table import METHODS, OPS, Late, Op
from teachgrad.size import Size


@tensor_class
class Tensor(TensorBase):
    """A multi-dimensional array of one dtype that can be differentiated. Mirrors `torch.Tensor`.

    Make one with `torch.tensor([1., 2.])`; `Tensor(2, 3)` and `Tensor([1, 2])` are the old constructors: an uninitialised
    float32 tensor of that shape, or a float32 copy of that data.
    """

    __slots__ = ()
    __array_priority__ = 1000  # np.float64(2) * x is our __rmul__

    def __new__(cls, *args: Any, **kwargs: Any) -> Tensor:
        from teachgrad.creation import legacy_tensor

        return legacy_tensor(cls, *args, **kwargs)

    # -- what it is -------------------------------------------------------------------------------------------
    @property
    def shape(self) -> Size:
        """The size of each dimension."""
        return Size(self._data.shape)

    @property
    def dtype(self) -> dtypes.dtype:
        """The type of the elements."""
        return dtypes.of(self._data.dtype)

    @property
    def device(self) -> devices.device:
        """Where the numbers live."""
        return devices.CPU

    @property
    def layout(self) -> Any:
        """How the numbers lie: always `torch.strided` here."""
        return dtypes.strided

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return int(self._data.ndim)

    @property
    def itemsize(self) -> int:
        """Bytes per element."""
        return int(self._data.itemsize)

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return int(self._data.nbytes)

    is_cuda = is_sparse = is_quantized = is_mps = is_meta = is_mkldnn = is_nested = False
    names = property(lambda self: (None,) * self.ndim)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dimension. Raises IndexError for a dimension that does not exist."""
        if dim is None:
            return Size(self._data.shape)
        if not -max(self.ndim, 1) <= dim < max(self.ndim, 1) or self.ndim == 0:
            raise errors.dim_out_of_range(dim, self.ndim) if self.ndim else errors.no_dimensions(dim)
        return self._data.shape[dim]

    def dim(self) -> int:
        """The number of dimensions."""
        return int(self._data.ndim)

    ndimension = dim

    def numel(self) -> int:
        """The number of elements."""
        return int(self._data.size)

    nelement = numel

    def element_size(self) -> int:
        """Bytes per element."""
        return int(self._data.itemsize)

    def stride(self, dim: int | None = None) -> Any:
        """How many elements to step in memory for one step in each dimension (or in `dim`)."""
        steps = tuple(s // self._data.itemsize for s in self._data.strides)
        return steps if dim is None else steps[dim]

    def storage_offset(self) -> int:
        """The place of the first element in the memory of the base."""
        owner = self._view.owner if self._view is not None else None
        if owner is None:
            return 0
        whole, part = views.own_array(owner), views.own_array(self)
        return int((part.__array_interface__["data"][0] - whole.__array_interface__["data"][0]) // part.itemsize)

    def data_ptr(self) -> int:
        """The address of the first element."""
        return int(views.own_array(self).__array_interface__["data"][0])

    def is_contiguous(self) -> bool:
        """True if the elements lie in memory in row-major order without gaps."""
        return bool(self._data.flags.c_contiguous)

    def is_floating_point(self) -> bool:
        """True for float dtypes."""
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        """True for complex dtypes."""
        return self.dtype.is_complex

    def is_signed(self) -> bool:
        """True for dtypes with negative numbers."""
        return self.dtype.is_signed

    def get_device(self) -> int:
        """The index of the GPU; -1 on the CPU."""
        return -1

    def is_same_size(self, other: Tensor) -> bool:
        """True if both have the same shape."""
        return bool(self._data.shape == other._data.shape)

    # -- its place in the graph -------------------------------------------------------------------------------
    @property
    def grad_fn(self) -> Node | None:
        """The node that made this tensor; None for a leaf."""
        if self._node is None and self._view is not None and self._view.stale:
            return self._view.regenerate(self)
        return self._node

    @property
    def is_leaf(self) -> bool:
        """True if the tensor was made by the user, not by a recorded op."""
        return not self._requires_grad or (self._node is None and not (self._view is not None and self._view.stale))

    @property
    def requires_grad(self) -> bool:
        """Whether ops on this tensor are recorded. Only leaves can change it (RuntimeError otherwise)."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if not self.is_leaf and not value:
            raise errors.requires_grad_of_non_leaf()
        if value and self._data.dtype.kind not in "fc":
            raise errors.only_floats("only Tensors of floating point dtype can require gradients")
        if self.is_leaf:
            self._requires_grad = bool(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Sets `requires_grad` and returns the tensor."""
        self.requires_grad = requires_grad
        return self

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward has accumulated in this leaf; None if there is none yet."""
        if self._grad is None and self._requires_grad and self._node is not None and not self.retains_grad:
            _warn_non_leaf_grad()
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, TensorBase):
                raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}")
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
            errors.check_assigned_grad(self, value)
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def data(self) -> Tensor:
        """The same memory as a tensor that autograd does not watch; changing it is not noticed by version checks."""
        return wrap(views.own_array(self))

    @data.setter
    def data(self, value: Tensor) -> None:
        self._data = views.own_array(value)

    @property
    def _version(self) -> int:
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
        result = wrap(views.own_array(self))
        views.alias(self, result)
        return result

    def detach_(self) -> Tensor:
        """Takes this tensor itself out of the graph."""
        if self._view is not None and self._view.base is not None and self._requires_grad:
            raise RuntimeError("Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for training, and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence detach_() cannot be called on these gradients. To fix this error, please refer to the Optimizer.zero_grad() function in torch/optim/optimizer.py as a solution.")
        self._node, self._output_nr, self._requires_grad = None, 0, False
        return self

    @property
    def retains_grad(self) -> bool:
        """True for a non-leaf that keeps its gradient (`retain_grad`)."""
        node = self._node
        return node is not None and node._extras is not None and self._output_nr in node._extras.retained

    def retain_grad(self) -> None:
        """Makes backward keep the gradient of this non-leaf in `.grad`. Raises RuntimeError if it requires none."""
        if not self._requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        node = edge_of(self)
        if self._node is not None and node is not None:
            node.extras.retained[self._output_nr] = ref(self)

    def register_hook(self, hook: Hook) -> RemovableHandle:
        """Calls `hook(grad)` when this tensor's gradient has been computed; a tensor it returns replaces the gradient.

        Raises RuntimeError if the tensor requires no grad.
        """
        if not self._requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        node = self.grad_fn
        if node is not None:
            return RemovableHandle(node.extras.tensor.setdefault(self._output_nr, {}), hook)
        return RemovableHandle(self._leaf_hooks().hooks, hook)

    def register_post_accumulate_grad_hook(self, hook: Hook) -> RemovableHandle:
        """Calls `hook(tensor)` after backward has added to this leaf's `.grad`."""
        if not self._requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self._node is not None:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        return RemovableHandle(self._leaf_hooks().post_accumulate, hook)

    def _leaf_hooks(self) -> TensorHooks:
        if self._hooks is None:
            self._hooks = TensorHooks()
        hooks: TensorHooks = self._hooks
        return hooks

    def _accumulator_node(self) -> Node:
        return accumulator(self)

    # -- copies and conversions -------------------------------------------------------------------------------
    def _cast(self, numpy_dtype: Any) -> Tensor:
        cast: Tensor = self if self._data.dtype is numpy_dtype else OPS["to_copy"](self, numpy_dtype)
        return cast

    def _read_flat(self, index: Any) -> Tensor:
        read: Tensor = OPS["read_flat"](self, index)
        return read

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
        copy._data = np.ascontiguousarray(copy._data)
        return copy

    def to(self, *args: Any, dtype: Any = None, device: Any = None, non_blocking: bool = False, copy: bool = False, memory_format: Any = None) -> Tensor:
        """This tensor with another dtype or device; itself if nothing changes. Mirrors `torch.Tensor.to`."""
        for value in args:
            if isinstance(value, dtypes.dtype):
                dtype = value
            elif isinstance(value, TensorBase):
                dtype, device = value.dtype, value.device
            elif isinstance(value, str | devices.device | int) and not isinstance(value, bool):
                device = value
            elif not isinstance(value, bool):
                raise TypeError(f"to() received an invalid combination of arguments - got ({errors.type_name(value)}), but expected one of: a dtype, a device, a tensor")
        devices.resolve(device)
        if dtype is None or dtype.numpy is self._data.dtype:
            return self.clone() if copy else self
        return self._cast(dtype.numpy)

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """The name of the old tensor type ("torch.FloatTensor"), or the tensor converted to `dtype`."""
        if dtype is None:
            return self.dtype.type_name
        return self.to(dtypes.from_type_name(dtype) if isinstance(dtype, str) else dtype)

    def type_as(self, other: Tensor) -> Tensor:
        """This tensor with the dtype of `other`."""
        return self.to(other.dtype)

    def cpu(self) -> Tensor:
        """The tensor itself: it is on the CPU."""
        return self

    def cuda(self, device: Any = None) -> Tensor:
        """Raises AssertionError: there is no GPU here."""
        devices.resolve("cuda" if device is None else device)
        return self

    # -- out to Python and NumPy ------------------------------------------------------------------------------
    def item(self) -> Any:
        """The one element as a Python number. Raises RuntimeError if there are several."""
        if self._data.size != 1:
            raise errors.many_to_scalar(self._data.size)
        return self._data.item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers; a number for a 0-d tensor."""
        return self._data.tolist()

    def numpy(self, *, force: bool = False) -> Any:
        """The memory as a NumPy array: writing to one changes the other. Raises RuntimeError if it requires grad."""
        if self._requires_grad and not force:
            raise errors.numpy_of_grad()
        return views.own_array(self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        array = self.numpy()
        return array if dtype is None else array.astype(dtype, copy=False)

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        prefix = "tensor("
        return printing.repr_tensor(
            self._data,
            dtype=self.dtype,
            device=None,
            grad_fn_name=None if self.grad_fn is None else type(self.grad_fn).__name__,
            requires_grad=self._requires_grad,
            prefix=prefix,
            default_dtype=dtypes.get_default_dtype(),
        )

    def __format__(self, spec: str) -> str:
        if self._data.ndim == 0 and type(self) is Tensor:
            return format(self.item(), spec)
        return object.__format__(self, spec)

    def __bool__(self) -> bool:
        if self._data.size != 1:
            raise errors.ambiguous_bool(self._data.size)
        return bool(self._data)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> int:
        if self._data.size != 1 or self._data.dtype.kind not in "iub":
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __len__(self) -> int:
        if self._data.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        if self._data.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))  # type: ignore[attr-defined]

    def __contains__(self, element: Any) -> bool:
        return bool((self == element).any())  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return id(self)

    def __reversed__(self) -> Tensor:
        return self if self._data.ndim == 0 else self.flip(0)  # type: ignore[attr-defined, no-any-return]

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if self._node is not None:
            raise errors.deepcopy_of_non_leaf()
        copy = wrap(self._data.copy(), type(self))
        copy._requires_grad = self._requires_grad
        memo[id(self)] = copy
        if self._grad is not None:
            copy._grad = self._grad.__deepcopy__(memo)
        copy.__dict__.update(self.__dict__)
        return copy

    def __reduce__(self) -> Any:
        return _rebuild, (type(self) is Tensor, views.own_array(self).copy(), self._requires_grad)


Tensor.__module__ = "torch"  # print(type(x)) shows <class 'torch.Tensor'>, as it does in the lessons


def _rebuild(plain: bool, data: Any, requires_grad: bool) -> Tensor:
    """Unpickles a tensor."""
    tensor = wrap(data)
    tensor._requires_grad = requires_grad
    return tensor


def _warn_non_leaf_grad() -> None:
    """PyTorch's warning, but only for the line that the learner wrote."""
    depth = 2
    if sys._getframe(depth).f_globals.get("__name__", "").startswith("teachgrad."):
        return
    warnings.warn(errors.NON_LEAF_GRAD, UserWarning, stacklevel=depth + 1)


_OPERATORS = {
    "__add__": "add", "__radd__": "add", "__sub__": "sub", "__mul__": "mul", "__rmul__": "mul", "__truediv__": "div",
    "__neg__": "neg", "__abs__": "abs", "__lt__": "lt", "__le__": "le", "__gt__": "gt", "__ge__": "ge",
    "__and__": "bitwise_and", "__rand__": "bitwise_and", "__or__": "bitwise_or", "__ror__": "bitwise_or",
    "__xor__": "bitwise_xor", "__rxor__": "bitwise_xor", "__floordiv__": "floor_divide",
}  # fmt: skip
"""Operators that are an op of the table; found and compiled at their first use."""

_METHOD_OPERATORS = {
    "__rsub__": "rsub", "__pow__": "pow", "__mod__": "remainder", "__matmul__": "matmul", "__pos__": "positive",
    "__iadd__": "add_", "__isub__": "sub_", "__imul__": "mul_", "__itruediv__": "div_", "__ipow__": "pow_",
    "__imod__": "remainder_", "__ifloordiv__": "floor_divide_", "__iand__": "bitwise_and_", "__ior__": "bitwise_or_",
    "__ixor__": "bitwise_xor_",
}  # fmt: skip
"""Operators that are another method."""


def _rtruediv(self: Tensor, other: Any) -> Tensor:
    return self.reciprocal() * other  # type: ignore[attr-defined, no-any-return]


def _rpow(self: Tensor, other: Any) -> Any:
    return METHODS["pow"](other, self)


def _rmod(self: Tensor, other: Any) -> Any:
    return METHODS["remainder"](other, self)


def _rfloordiv(self: Tensor, other: Any) -> Any:
    return OPS["floor_divide"](wrap(self._data.dtype.type(other)), self)


def _rmatmul(self: Tensor, other: Any) -> Any:
    return METHODS["matmul"](other, self)


def _invert(self: Tensor) -> Any:
    if self._data.dtype.kind not in "biu":
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return OPS["bitwise_not"](self)


def _equality(name: str) -> Callable[[Tensor, Any], Any]:
    def compare(self: Tensor, other: Any) -> Any:
        if not isinstance(other, TensorBase | int | float | complex | np.generic | np.ndarray):
            return NotImplemented
        return OPS[name](self, other)

    return compare


def bind() -> None:
    """Gives the class the methods and operators of the op table."""
    inplace.derive()
    for name, face in METHODS.items():
        if name not in Tensor.__dict__:
            setattr(Tensor, name, Late(face, "front", name) if isinstance(face, Op) else face)
    for operator, op in _OPERATORS.items():
        setattr(Tensor, operator, Late(OPS[op], "front", operator))
    for operator, method in _METHOD_OPERATORS.items():
        if method in Tensor.__dict__:
            setattr(Tensor, operator, Tensor.__dict__[method])
    for operator, function in {
        "__rtruediv__": _rtruediv, "__rpow__": _rpow, "__rmod__": _rmod, "__rfloordiv__": _rfloordiv,
        "__rmatmul__": _rmatmul, "__invert__": _invert, "__eq__": _equality("eq"), "__ne__": _equality("ne"),
    }.items():  # fmt: skip
        setattr(Tensor, operator, function)
