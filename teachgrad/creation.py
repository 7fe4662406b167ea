"""Tensors from nothing, from Python and from NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgrad import dtypes, errors
from teachgrad.autograd.variable import wrap
from teachgrad.tensor import Tensor

__all__ = ["tensor"]


def tensor(data: Any, *, dtype: dtypes.dtype | None = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    array = np.array(data)
    if dtype is None:
        dtype = dtypes.get_default_dtype() if array.dtype.kind == "f" else dtypes.of(array.dtype)
    t = wrap(array.astype(dtype.numpy))
    t.requires_grad = requires_grad
    return t


def legacy_tensor(cls: Any, *args: Any, **kwargs: Any) -> Tensor:
    return wrap(np.empty(args, np.float32))
