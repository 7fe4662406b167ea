"""What all functions that create tensors share: the dtype asked for, and the leaf they make."""

from __future__ import annotations

from typing import Any

from teachgrad import devices, dtypes, gpu, refusals
from teachgrad.autograd.variable import wrap
from teachgrad.bfloats import guarded
from teachgrad.conjugates import meet
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
    """A tensor around `array`, which goes to `device`, or to the default device if it is in the computer's own memory.

    Raises RuntimeError if it cannot require a gradient, or for a device that is not there.
    """
    if device is not None or (devices.preferred() is not None and not gpu.on_gpu(array)):
        array = devices.put(array, devices.resolve(device))
    if requires_grad and array.dtype.kind not in "fcV":
        raise refusals.only_floats("Only Tensors of floating point and complex dtype can require gradients")
    made = wrap(array if array.dtype.kind != "V" else guarded(array))
    if requires_grad:
        meet(array.dtype)
        made._requires_grad = True
    return made
