"""From Python to arrays: which shape and which dtype do nested lists of numbers have?

    [[1, 2], [3, 4.5]]      shape (2, 2), float32: one float makes all of them floats of the default dtype
    [1, True]               int64
    [np.float64(1)]         float64: NumPy's numbers keep their own dtype
    [[1, 2], [3]]           an error: rows of different lengths

Mirrors PyTorch's `torch/csrc/utils/tensor_new.cpp`.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from teachgrad import dtypes, errors, refusals
from teachgrad.autograd.modes import GRAD_MODE
from teachgrad.autograd.variable import TensorBase

_PLAIN = frozenset({float, int, bool, complex})
_SLOW_LIST = (
    "Creating a tensor from a list of numpy.ndarrays is extremely slow. Please consider converting the list to a single "
    "numpy.ndarray with numpy.array() before converting to a tensor."
)


def new_array(data: Any, dtype: dtypes.dtype | None = None) -> Any:
    """A new array with the numbers of `data`: a number, nested sequences of numbers, an array or a tensor.

    Raises TypeError, ValueError or RuntimeError, as PyTorch does, for what is no rectangle of numbers.
    """
    kind = data.__class__
    if isinstance(data, TensorBase):
        return data._data.astype((dtype or dtypes.of(data._data.dtype)).numpy)
    if isinstance(data, np.ndarray | np.generic):
        return checked(data).astype((dtype or dtypes.of(data.dtype)).numpy)
    if isinstance(data, str | bytes):
        raise TypeError(f"new(): invalid data type '{kind.__name__}'")
    if kind not in _PLAIN and not _is_sequence(data):
        if hasattr(data, "__array__"):
            return new_array(np.asarray(data), dtype)
        raise RuntimeError(f"Could not infer dtype of {kind.__name__}")
    first = _first_leaf(data)
    if isinstance(first, np.ndarray):
        warnings.warn(_SLOW_LIST, UserWarning, stacklevel=3)
    try:
        array = _walked(data) if isinstance(first, TensorBase) else np.array(data)
    except (ValueError, RuntimeError):
        array = _walked(data)  # which says what is wrong, or reads the tensors among the numbers
    known = "fibcu" if isinstance(first, np.generic | np.ndarray) else "fibc"  # ints beyond int64 become unsigned
    if array.dtype.kind not in known:
        array = _walked(data)
    if dtype is None:
        plain_floats = array.dtype.kind in "fc" and not isinstance(first, np.generic | np.ndarray | TensorBase)
        dtype = _default_for(array.dtype.kind) if plain_floats else dtypes.of(array.dtype)
    return _cast(array, dtype)


def checked(array: Any) -> Any:
    """`array`, if a tensor can share its memory. Raises ValueError or TypeError if it cannot."""
    if array.ndim and min(array.strides) < 0:
        raise errors.explained(
            ValueError(
                "At least one stride in the given numpy array is negative, and tensors with negative strides are not "
                "currently supported. (You can probably work around this by making a copy of your array  with "
                "array.copy().) "
            ),
            "A slice such as array[::-1] reads the memory backwards. Write array[::-1].copy().",
        )
    if not array.dtype.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. Conversion between byte orders is "
            "currently not supported."
        )
    dtypes.of(array.dtype)
    return array


def _is_sequence(data: Any) -> bool:
    return hasattr(data, "__getitem__") and hasattr(data, "__len__") and not isinstance(data, dict)


def _first_leaf(data: Any) -> Any:
    """The first number, array or tensor inside `data`; an empty sequence is its own."""
    while isinstance(data, list | tuple) and data:
        data = data[0]
    return data


def _default_for(kind: str) -> dtypes.dtype:
    default = dtypes.get_default_dtype()
    return default if kind == "f" else default.to_complex()


def _cast(array: Any, dtype: dtypes.dtype) -> Any:
    """`array` as `dtype`. Raises RuntimeError for whole numbers that do not fit, TypeError for complex ones."""
    want = dtype.numpy
    if array.dtype is want:
        return array
    if array.dtype.kind == "c" and want.kind != "c":
        raise TypeError("must be real number, not complex")
    if want.kind in "iu" and array.size:
        limits = np.iinfo(want)
        lowest = limits.min if want.kind == "i" else -int(limits.max)  # -1 as uint8 is 255, as in C
        if not (lowest <= array.min() and array.max() <= limits.max):
            raise RuntimeError(f"value cannot be converted to type {dtype.name} without overflow")
    return array.astype(want)


def _walked(data: Any) -> Any:
    """Reads `data` element by element, as PyTorch does: slower than NumPy, but it finds what is wrong."""
    shape: list[int] = []
    inner = data
    while _is_sequence(inner) and not isinstance(inner, TensorBase | str | bytes | np.generic):
        shape.append(len(inner))
        if not len(inner):
            break
        inner = inner[0]
    if isinstance(inner, str | bytes):
        raise ValueError(f"too many dimensions '{type(inner).__name__}'")
    leaves: list[Any] = []
    _collect(data, shape, 0, leaves)
    kinds = [_kind(leaf) for leaf in leaves]
    dtype = kinds[0] if kinds else dtypes.get_default_dtype()
    for kind in kinds[1:]:
        dtype = dtypes.promote_types(dtype, kind)
    numbers = [_number(leaf, dtype) for leaf in leaves]
    return np.array(numbers, dtype.numpy).reshape(shape)


def _collect(data: Any, shape: list[int], depth: int, leaves: list[Any]) -> None:
    """Appends the leaves of `data`, whose part at this `depth` must have the length `shape[depth]`."""
    if depth == len(shape):
        leaves.append(data)
        return
    if not _is_sequence(data):
        raise errors.explained(TypeError("not a sequence"), "Rows and single numbers cannot be mixed on one level.")
    if len(data) != shape[depth]:
        raise errors.explained(
            ValueError(f"expected sequence of length {shape[depth]} at dim {depth} (got {len(data)})"),
            "A tensor is a rectangle: all rows must have the same length. Pad the short ones, or keep a list of tensors.",
        )
    for part in data:
        _collect(part, shape, depth + 1, leaves)


def _kind(leaf: Any) -> dtypes.dtype:
    """The dtype that one element alone would have."""
    if isinstance(leaf, np.generic | np.ndarray | TensorBase):
        return dtypes.of((leaf._data if isinstance(leaf, TensorBase) else leaf).dtype)
    if isinstance(leaf, str | bytes):
        raise TypeError(f"new(): invalid data type '{type(leaf).__name__}'")
    if isinstance(leaf, list | tuple):  # deeper than its neighbours; `_number` says so
        return dtypes.int64
    if not isinstance(leaf, bool | int | float | complex):
        raise RuntimeError(f"Could not infer dtype of {type(leaf).__name__}")
    return dtypes.of_number(leaf)


def _number(leaf: Any, dtype: dtypes.dtype) -> Any:
    """One element as a Python number."""
    if isinstance(leaf, TensorBase):
        if leaf._requires_grad and GRAD_MODE.get():
            refusals.warn_number_of_grad()
        if leaf._data.size != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        return leaf._data.item()
    if isinstance(leaf, list | tuple):
        kind = type(leaf).__name__
        raise TypeError(
            f"must be real number, not {kind}"
            if dtype.is_floating_point
            else f"'{kind}' object cannot be interpreted as an integer"
        )
    if isinstance(leaf, int) and not -(2**63) <= leaf < 2**63 and not dtype.is_floating_point:
        raise ValueError("Overflow when unpacking long long")
    return leaf
