"""Tensors from nothing, from Python's numbers and from NumPy's arrays.

    tensor([[1., 2.]])    copies the numbers           from_numpy(array)    shares the array's memory
    zeros(2, 3)           a shape filled with a value  zeros_like(x)        the shape and dtype of another tensor
    arange(0, 10, 2)      a range of numbers           linspace(0, 1, 5)    so many numbers from one to another

All of them make leaves: tensors without a history, whose gradient is collected if `requires_grad=True`.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from teachgrad import devices, dtypes, errors, gpu, refusals
from teachgrad.autograd.variable import TensorBase, wrap
from teachgrad.leaves import dtype_of, leaf
from teachgrad.ops import dims
from teachgrad.ops.table import public
from teachgrad.reading import checked, new_array
from teachgrad.sizes import bad_arguments, new_shape
from teachgrad.tensor import Tensor

e, inf, nan, newaxis, pi = math.e, math.inf, math.nan, None, math.pi
COPY_WARNING = (
    "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
    "sourceTensor.detach().clone().requires_grad_(True), rather than {}(sourceTensor)."
)
_ASARRAY_WARNING = (
    "torch.asarray: unspecified requires_grad now defaults to obj.requires_grad instead of False. Pass requires_grad=False "
    "explicitly to get the old behavior and silence this warning."
)


# -- from data -------------------------------------------------------------------------------------------------
@public("tensor", method=False)
def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A new tensor with a copy of `data`: a number, nested lists of numbers, a NumPy array. Mirrors `torch.tensor`.

    Whole numbers become int64, other numbers the default dtype (float32), NumPy's keep theirs. Raises ValueError for rows
    of different lengths, RuntimeError if integers are to require a gradient. Warns if `data` is a tensor.
    """
    if isinstance(data, TensorBase):
        warnings.warn(COPY_WARNING.format("torch.tensor"), UserWarning, stacklevel=2)
    made = leaf(new_array(data, None if dtype is None else dtype_of("tensor", dtype)), requires_grad, device)
    if made._data.__class__ is np.ndarray and not made._data.ndim:
        made._data = made._data[()]  # a NumPy scalar, with which arithmetic is several times faster
    return made


@public("as_tensor", method=False)
def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a tensor, sharing its memory where possible. Mirrors `torch.as_tensor`."""
    want = None if dtype is None else dtype_of("as_tensor", dtype)
    if isinstance(data, Tensor):
        return data.to(device=device, dtype=want)
    if isinstance(data, np.ndarray):
        return from_numpy(data).to(device=devices.resolve(device), dtype=want)
    return leaf(new_array(data, want), False, device)


@public("from_numpy", method=False)
def from_numpy(ndarray: Any) -> Tensor:
    """A tensor that shows the memory of a NumPy array: writing to one changes the other. Mirrors `torch.from_numpy`.

    Raises TypeError for anything but an array of a dtype that PyTorch has, ValueError for negative strides. Warns if the
    array is read-only.
    """
    if not isinstance(ndarray, np.ndarray):
        name = f"numpy.{type(ndarray).__name__}" if isinstance(ndarray, np.generic) else type(ndarray).__name__
        raise TypeError(f"expected np.ndarray (got {name})")
    if not ndarray.flags.writeable:
        warnings.warn(
            "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. This means writing "
            "to this tensor will result in undefined behavior. You may want to copy the array to protect its data or make "
            "it writable before converting it to a tensor. This type of warning will be suppressed for the rest of this "
            "program.",
            UserWarning,
            stacklevel=2,
        )
    return wrap(checked(ndarray).view())  # a view: the array's shape stays the user's own


@public("asarray", method=False)
def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool | None = None
) -> Tensor:
    """`obj` as a tensor, copied only if `copy` or another dtype asks for it. Mirrors `torch.asarray`."""
    made = as_tensor(obj, dtype, device)
    if requires_grad is None and made is obj and made._requires_grad and not copy:
        warnings.warn(_ASARRAY_WARNING, UserWarning, stacklevel=2)
    if copy and (isinstance(obj, TensorBase) or (isinstance(obj, np.ndarray) and not gpu.on_gpu(made._data))):
        made = made.clone()
    if requires_grad and made._data.dtype.kind not in "fcV":
        raise refusals.only_floats("Only Tensors of floating point and complex dtype can require gradients")
    return made.requires_grad_() if requires_grad else made


@public("scalar_tensor", method=False)
def scalar_tensor(s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A 0-d tensor of the default dtype. Mirrors `torch.scalar_tensor`."""
    return leaf(np.array(s, dtype_of("scalar_tensor", dtype).numpy), requires_grad, device)


# -- filled with one value -------------------------------------------------------------------------------------
@public("zeros", method=False)
def zeros(*shape: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros of the given shape. Mirrors `torch.zeros`."""
    xp = devices.makers(device)
    return leaf(xp.zeros(new_shape("zeros", shape, size), dtype_of("zeros", dtype).numpy), requires_grad, device)


@public("ones", method=False)
def ones(*shape: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones of the given shape. Mirrors `torch.ones`."""
    xp = devices.makers(device)
    return leaf(xp.ones(new_shape("ones", shape, size), dtype_of("ones", dtype).numpy), requires_grad, device)


@public("empty", method=False)
def empty(*shape: Any, size: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Memory of the given shape with whatever stood in it before. Mirrors `torch.empty`."""
    xp = devices.makers(device)
    return leaf(xp.empty(new_shape("empty", shape, size), dtype_of("empty", dtype).numpy), requires_grad, device)


@public("empty_strided", method=False)
def empty_strided(
    size: Any, stride: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Memory whose elements lie `stride` apart, with whatever stood in it before. Mirrors `torch.empty_strided`."""
    shape, steps = new_shape("empty_strided", (size,)), tuple(stride)
    if len(shape) != len(steps):
        raise RuntimeError(
            f"mismatch in length of strides and shape: dimensionality of sizes ({len(shape)}) must match dimensionality of "
            f"strides ({len(steps)})"
        )
    room = 1 + sum((n - 1) * step for n, step in zip(shape, steps, strict=True)) if 0 not in shape else 0
    xp = devices.makers(device)
    flat = xp.empty(room, dtype_of("empty_strided", dtype).numpy)
    made = xp.lib.stride_tricks.as_strided(flat, shape, tuple(step * flat.itemsize for step in steps))
    return leaf(made, requires_grad, device)


@public("full", method=False)
def full(size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """`fill_value` everywhere, in its own dtype if none is given. Mirrors `torch.full`."""
    if not isinstance(size, tuple | list):
        raise TypeError(f"full(): argument 'size' (position 1) must be tuple of ints, not {errors.type_name(size)}")
    shape = new_shape("full", (size,))
    value = fill_number("full", fill_value)
    kind = dtype_of("full", dtype, dtypes.of_number(value))
    return leaf(devices.makers(device).full(shape, value, kind.numpy), requires_grad, device)


def fill_number(function: str, value: Any) -> Any:
    """`value` as a Python number. Raises TypeError if it is none."""
    if isinstance(value, TensorBase | np.generic):
        value = value.item()  # type: ignore[union-attr]
    if not isinstance(value, bool | int | float | complex):
        raise TypeError(
            f"{function}(): argument 'fill_value' (position 2) must be Number, not {errors.type_name(value)}"
        )
    return value


# -- ranges ----------------------------------------------------------------------------------------------------
@public("arange", method=False)
def arange(
    *bounds: Any,
    start: Any = 0,
    end: Any = None,
    step: Any = 1,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The numbers start, start + step, ... before end: int64 if all are whole, else floats. Mirrors `torch.arange`.

    Called as `arange(end)`, `arange(start, end)` or `arange(start, end, step)`. Raises RuntimeError if `step` is 0 or leads
    away from `end`.
    """
    if len(bounds) > 3 or (not bounds and end is None):
        raise bad_arguments("arange", bounds)
    if len(bounds) == 1 and end is None:
        end = bounds[0]
    elif len(bounds) == 1:
        start = bounds[0]
    else:
        start, end, step = (*bounds, *(start, end, step)[len(bounds) :])
    numbers = [_bound("arange", name, value) for name, value in (("start", start), ("end", end), ("step", step))]
    whole = all(isinstance(number, int) for number in numbers)
    kind = dtype_of("arange", dtype, dtypes.int64 if whole else None)
    if step == 0:
        raise RuntimeError("step must be nonzero")
    start, end, step = map(int, numbers) if kind.category < 2 else numbers
    whole = whole or kind.category < 2
    if step == 0:
        raise ValueError("step must be nonzero")
    if (end - start) * step < 0:
        raise errors.explained(
            RuntimeError("upper bound and lower bound inconsistent with step sign"),
            f"Steps of {step} from {start} never reach {end}. To count down, give a negative step.",
        )
    count = max(0, -((start - end) // step) if whole else math.ceil((end - start) / step))
    if whole:
        return leaf(np.arange(start, start + count * step, step).astype(kind.numpy, copy=False), requires_grad, device)
    return leaf(_steps(start, step, count, kind.numpy), requires_grad, device)


def _bound(function: str, name: str, value: Any) -> Any:
    if isinstance(value, TensorBase | np.generic):
        value = value.item()  # type: ignore[union-attr]
    if not isinstance(value, int | float):
        position = {"start": 1, "end": 1 if name == "end" else 2, "step": 3}[name]
        raise TypeError(
            f"{function}(): argument '{name}' (position {position}) must be Number, not {errors.type_name(value)}"
        )
    return value


def _steps(start: Any, step: Any, count: int, dtype: Any) -> Any:
    """`start + i * step`. To the last bit as PyTorch: eight float32 at a time, counted from a rounded first one."""
    i = np.arange(count)
    exact = start + i * step
    if dtype != np.float32:
        return exact.astype(dtype)
    first = np.float64(start + (i - i % 8) * step).astype(np.float32)
    in_eights = first.astype(np.float64) + i % 8 * step
    return np.where(i < count - count % 16, in_eights, exact).astype(np.float32)


@public("linspace", method=False)
def linspace(
    start: Any, end: Any, steps: Any = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """`steps` numbers evenly spaced from `start` to `end`, both included. Mirrors `torch.linspace`."""
    spaced = _spaced("linspace", start, end, steps, dtype)
    return leaf(spaced.astype(dtype_of("linspace", dtype).numpy), requires_grad, device)


@public("logspace", method=False)
def logspace(
    start: Any,
    end: Any,
    steps: Any = None,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`base` to the power of evenly spaced exponents. Mirrors `torch.logspace`."""
    kind, exponents = dtype_of("logspace", dtype).numpy, _spaced("logspace", start, end, steps, dtype)
    powers = base ** (exponents if kind.kind in "iu" else exponents.astype(kind).astype(np.float64))
    return leaf(powers.astype(kind), requires_grad, device)


def _spaced(function: str, start: Any, end: Any, steps: Any, dtype: Any) -> Any:
    if not isinstance(steps, int):
        raise bad_arguments(function, (start, end) if steps is None else (start, end, steps))
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    kind = dtype_of(function, dtype).numpy
    exact = np.float64 if kind.kind in "iu" else kind.type  # the ends and the step are rounded to the dtype first
    start, end = (np.float64(exact(_bound(function, n, v))) for n, v in (("start", start), ("end", end)))
    if steps < 2:
        return np.full(steps, start)
    step, i = np.float64(exact((end - start) / (steps - 1))), np.arange(steps)
    return np.where(i < steps // 2, start + i * step, end - (steps - 1 - i) * step)


# -- matrices --------------------------------------------------------------------------------------------------
@public("eye", method=False)
def eye(n: Any, m: Any = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """The n x m matrix (n x n if m is not given) with ones on its diagonal. Mirrors `torch.eye`."""
    for position, (name, value) in enumerate((("n", n), ("m", m)), 1):
        if value is not None and not isinstance(value, int):
            raise TypeError(
                f"eye(): argument '{name}' (position {position}) must be int, not {errors.type_name(value)}"
            )
        if value is not None and value < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {value}")
    return leaf(np.eye(n, m, dtype=dtype_of("eye", dtype).numpy), requires_grad, device)


@public("tril_indices", method=False)
def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None, layout: Any = None
) -> Tensor:
    """Row and column numbers, shape (2, n), of the lower triangle. Mirrors `torch.tril_indices`."""
    return leaf(np.array(np.tril_indices(row, offset, col), dtype.numpy if dtype else np.int64), False, device)


@public("triu_indices", method=False)
def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None, layout: Any = None
) -> Tensor:
    """Row and column numbers, shape (2, n), of the upper triangle. Mirrors `torch.triu_indices`."""
    return leaf(np.array(np.triu_indices(row, offset, col), dtype.numpy if dtype else np.int64), False, device)


# -- questions -------------------------------------------------------------------------------------------------
@public("is_tensor", method=False)
def is_tensor(obj: Any) -> bool:
    """True if `obj` is a tensor. Mirrors `torch.is_tensor`."""
    return isinstance(obj, TensorBase)


@public("numel", method=False)
def numel(input: Any) -> int:
    """The number of elements. Mirrors `torch.numel`."""
    return int(dims.tensor("numel", input)._data.size)


@public("is_floating_point", method=False)
def is_floating_point(input: Any) -> bool:
    """True for float dtypes. Mirrors `torch.is_floating_point`."""
    return bool(dims.tensor("is_floating_point", input)._data.dtype.kind in "fV")


@public("is_complex", method=False)
def is_complex(input: Any) -> bool:
    """True for complex dtypes. Mirrors `torch.is_complex`."""
    return bool(dims.tensor("is_complex", input)._data.dtype.kind == "c")


@public("is_nonzero")
def is_nonzero(input: Any) -> bool:
    """True if the one element is not zero. Mirrors `torch.is_nonzero`. Raises RuntimeError if there are several."""
    size = dims.tensor("is_nonzero", input)._data.size
    if size != 1:
        raise refusals.ambiguous_bool(size)
    return bool(input._data)


# The other functions are found through the op table; `tensor` must also hide the module of that name.
__all__ = ["e", "inf", "nan", "newaxis", "pi", "tensor"]
