"""Dtypes meet: promotion of the operands of one op, off the hot path.

PyTorch promotes by category (bool < integers < floats < complex), and within a category a 0-d tensor and a Python
number give way to a tensor with dimensions. NumPy's own promotion knows the second rule for Python numbers only, so the
ops convert their operands here, before NumPy sees them, whenever the dtypes differ.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgrad import dtypes, errors
from teachgrad.autograd.variable import TensorBase, wrap


def promote(*arrays: Any) -> tuple[Any, ...]:
    """The operands cast to the one dtype in which PyTorch would compute."""
    dtype = dtypes.result_numpy_dtype(arrays)
    return tuple(array if array.dtype is dtype else array.astype(dtype) for array in arrays)


def promote_number(array: Any, number: Any) -> Any:
    """`array` cast to the dtype in which PyTorch would combine it with a Python number."""
    dtype = dtypes.result_numpy_dtype((array, number))
    return array if array.dtype is dtype else array.astype(dtype)


def to_floats(array: Any) -> Any:
    """Integers and bools as numbers of the default dtype; floats as they are."""
    if array.dtype.kind in "fc":
        return array
    return array.astype(dtypes.get_default_dtype().numpy)


def number(name: str, value: Any) -> Any:
    """`value` as a Python number, or as a tensor if it is a NumPy array.

    Raises TypeError for anything that is not a number.
    """
    if isinstance(value, bool | int | float | complex) and not isinstance(value, np.generic):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return wrap(value)
    raise errors.not_a_number(name, value)


def fit(*tensors: TensorBase | None) -> tuple[tuple[tuple[int, ...], Any] | None, ...]:
    """The shape and dtype to which the gradient of each tensor must come back."""
    return tuple(
        (t._data.shape, t._data.dtype) if t is not None and t._requires_grad else None for t in tensors
    )
