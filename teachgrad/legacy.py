"""PyTorch's old constructors, which many lessons still use.

    torch.Tensor(2, 3)           a float32 tensor of that shape, with whatever stood in the memory before
    torch.Tensor([2, 3])         a float32 copy of those numbers
    torch.LongTensor([2, 3])     the same for int64; isinstance(x, torch.LongTensor) asks for the dtype

New code writes `torch.empty(2, 3)` and `torch.tensor([2., 3.])`.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np

from teachgrad import dtypes, errors
from teachgrad.autograd.variable import TensorBase
from teachgrad.devices import set_default_device
from teachgrad.gpu import on_gpu, usable
from teachgrad.leaves import leaf
from teachgrad.ops.table import OPS, public
from teachgrad.reading import new_array
from teachgrad.size import Size
from teachgrad.sizes import bad_arguments, bad_size, negative_size, shape_of
from teachgrad.tensor import Tensor


class tensortype(type):  # noqa: N801 - PyTorch's name
    """The type of `torch.FloatTensor` and its sisters: calling one makes a tensor, which is then an instance of it."""

    dtype: dtypes.dtype

    def __call__(cls, *args: Any, **named: Any) -> Tensor:
        """A tensor of this dtype: of the given shape, or with the given numbers."""
        return _old_style(args, named, cls.dtype, strict=True)

    def __instancecheck__(cls, instance: Any) -> bool:
        return _has_dtype(instance, cls.dtype) and not on_gpu(instance._data)


def _has_dtype(instance: Any, dtype: dtypes.dtype) -> bool:
    return isinstance(instance, TensorBase) and dtypes.of(instance._data.dtype) is dtype


tensortype.__module__ = "torch"


def _make(dtype: dtypes.dtype) -> tensortype:
    name = dtype.type_name.removeprefix("torch.")
    body = {"__module__": "torch", "__doc__": f"Old constructor of {dtype} tensors.", "dtype": dtype}
    return tensortype(name, (), body)


FloatTensor, DoubleTensor, HalfTensor = _make(dtypes.float32), _make(dtypes.float64), _make(dtypes.float16)
BFloat16Tensor = _make(dtypes.bfloat16)
LongTensor, IntTensor, ShortTensor = _make(dtypes.int64), _make(dtypes.int32), _make(dtypes.int16)
CharTensor, ByteTensor, BoolTensor = _make(dtypes.int8), _make(dtypes.uint8), _make(dtypes.bool)


class _CudaType(tensortype):
    """The type of `torch.cuda.FloatTensor` and its sisters, whose tensors live on the GPU."""

    def __call__(cls, *args: Any, **named: Any) -> Tensor:
        """A tensor of this dtype on the GPU. Raises TypeError where there is none."""
        from teachgrad import cuda

        if not cuda.is_available():
            raise _not_available(cls.__name__)
        made: Tensor = _old_style(args, named, cls.dtype, strict=True).to("cuda")
        return made

    def __instancecheck__(cls, instance: Any) -> bool:
        return _has_dtype(instance, cls.dtype) and on_gpu(instance._data)


def _not_available(name: str) -> TypeError:
    """The error for a type of tensors on a GPU, where there is none."""
    return errors.explained(
        TypeError(f"type torch.cuda.{name} not available. Torch not compiled with CUDA enabled."),
        f"There is no GPU here. torch.{name} is the same on the CPU.",
    )


@functools.cache
def cuda_types() -> dict[str, tensortype]:
    """The old types of `torch.cuda`, by name."""
    kept = (FloatTensor, DoubleTensor, HalfTensor, BFloat16Tensor, LongTensor, IntTensor, ShortTensor, CharTensor)
    return {
        t.__name__: _CudaType(t.__name__, (), {"__module__": "torch.cuda", "dtype": t.dtype})
        for t in (*kept, ByteTensor, BoolTensor)
    }


def legacy_tensor(cls: type[Tensor], *args: Any, **named: Any) -> Tensor:
    """`torch.Tensor(...)`, also for subclasses: a shape, or data as the default dtype; a tensor gives an alias of itself."""
    made = _old_style(args, named, dtypes.get_default_dtype(), strict=False)
    if cls is not Tensor:
        made.__class__ = cls
    return made


def _old_style(args: tuple[Any, ...], named: dict[str, Any], dtype: dtypes.dtype, strict: bool) -> Tensor:
    """`strict`: a tensor among the arguments must have the dtype."""
    if named:
        raise bad_arguments("new", args, **named)
    if not args:
        return leaf(np.empty(0, dtype.numpy), False)
    data = args[0]
    if len(args) > 1 or isinstance(data, Size) or (isinstance(data, int | np.integer) and not isinstance(data, bool)):
        return leaf(np.empty(_shape(args), dtype.numpy), False)
    if isinstance(data, TensorBase):
        if strict and dtypes.of(data._data.dtype) is not dtype:
            raise TypeError(f"expected {_options(dtype)} (got {_options(dtypes.of(data._data.dtype))})")
        alias: Tensor = OPS["alias"](data)
        return alias
    if isinstance(data, str | bytes):
        raise TypeError(f"new(): invalid data type '{type(data).__name__}'")
    if not hasattr(data, "__len__"):
        raise TypeError(f"new(): data must be a sequence (got {type(data).__name__})")
    return leaf(new_array(data, dtype), False)


def _shape(args: tuple[Any, ...]) -> tuple[int, ...]:
    try:
        shape = shape_of(args)
    except TypeError:
        raise bad_size("new", args) from None
    if min(shape, default=0) < 0:
        raise negative_size("new", shape)
    return shape


def _options(dtype: dtypes.dtype) -> str:
    return (
        f"TensorOptions(dtype={dtype.c_name}, device=cpu, layout=Strided, requires_grad=false (default), "
        "pinned_memory=false (default), memory_format=(nullopt))"
    )


@public("new", function=False)
def new(input: Tensor, *args: Any) -> Tensor:
    """An old-style tensor, as from `torch.Tensor(...)`, with the dtype of this one. Mirrors `torch.Tensor.new`."""
    return _old_style(args, {}, input.dtype, strict=False)


@public("set_default_tensor_type", method=False)
def set_default_tensor_type(t: Any) -> None:
    """Makes the dtype of `torch.DoubleTensor` and the like, or of its name, the default. Deprecated in PyTorch too.

    Mirrors `torch.set_default_tensor_type`. Raises TypeError for a type of CUDA tensors where there is no GPU.
    """
    warnings.warn(
        "torch.set_default_tensor_type() is deprecated as of PyTorch 2.1, please use torch.set_default_dtype() and "
        "torch.set_default_device() as alternatives.",
        UserWarning,
        stacklevel=2,
    )
    name = t if isinstance(t, str) else f"{t.__module__}.{t.__name__}"
    there = name.startswith("torch.cuda.")
    if there and not usable():
        raise _not_available(name.rpartition(".")[2])
    by_name = {dtype.type_name: dtype for dtype in dtypes.ALL}
    dtypes.set_default_dtype(by_name[name.replace("torch.cuda.", "torch.")])
    set_default_device("cuda" if there else None)


__all__ = [
    "BFloat16Tensor", "BoolTensor", "ByteTensor", "CharTensor", "DoubleTensor", "FloatTensor", "HalfTensor", "IntTensor",
    "LongTensor", "ShortTensor",
]  # fmt: skip
