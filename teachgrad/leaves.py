"""What all functions that create tensors share: the dtype asked for, and the leaf they make."""

from __future__ import annotations

from typing import Any

from teachgrad import devices, dtypes, refusals
from teachgrad.autograd.variable import wrap
from teachgrad.tensor import Tensor

_PYTHON_TYPES = {float: dtypes.float64, int: dtypes.int64, bool: dtypes.bool, complex: dtypes.complex128}


def dtype_of(function: str, dtype: Any, default: dtypes.dtype | None = None) -> dtypes.dtype:
    """The dtype asked for, which may be one of Python's types; `default`, or else the default dtype, for None.

    Raises TypeError for anything else.
    """
    if dtype.__class__ is dtypes.dtype:
        return dtype
    if dtype is None:
        return default or dtypes.get_default_dtype()
    if dtype in _PYTHON_TYPES:
        return _PYTHON_TYPES[dtype]
    raise TypeError(f"{function}(): argument 'dtype' must be torch.dtype, not {type(dtype).__name__}")


def leaf(array: Any, requires_grad: bool, device: Any = None) -> Tensor:
    """A tensor around `array`. Raises RuntimeError if it cannot require a gradient, or for a device that is not there."""
    if device is not None:
        devices.resolve(device)
    if requires_grad and array.dtype.kind not in "fc":
        raise refusals.only_floats("Only Tensors of floating point and complex dtype can require gradients")
    made = wrap(array)
    made._requires_grad = bool(requires_grad)
    return made
