"""Tensors that take after another: `zeros_like(x)` has its shape, `x.new_zeros(2, 3)` another; both its dtype and device."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from teachgrad import devices, errors, gpu
from teachgrad.autograd.variable import TensorBase
from teachgrad.creation import COPY_WARNING, empty, empty_strided, fill_number, full, ones, zeros
from teachgrad.leaves import dtype_of, leaf
from teachgrad.ops.table import public
from teachgrad.reading import new_array
from teachgrad.tensor import Tensor


@public("zeros_like", method=False)
def zeros_like(input: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros with the shape, dtype and memory order of `input`. Mirrors `torch.zeros_like`."""
    return _like("zeros_like", input, 0, dtype, device, requires_grad)


@public("ones_like", method=False)
def ones_like(input: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones with the shape, dtype and memory order of `input`. Mirrors `torch.ones_like`."""
    return _like("ones_like", input, 1, dtype, device, requires_grad)


@public("full_like", method=False)
def full_like(
    input: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """`fill_value` everywhere, with the shape and dtype of `input`. Mirrors `torch.full_like`."""
    return _like("full_like", input, fill_number("full_like", fill_value), dtype, device, requires_grad)


@public("empty_like", method=False)
def empty_like(input: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Memory for a tensor like `input`, with whatever stood in it before. Mirrors `torch.empty_like`."""
    return _like("empty_like", input, None, dtype, device, requires_grad)


def _like(function: str, input: Any, value: Any, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    if not isinstance(input, TensorBase):
        raise errors.not_a_tensor(function, "input", 1, input)
    kind = input._data.dtype if dtype is None else dtype_of(function, dtype).numpy
    here, there = devices.of(input._data), devices.resolve(_place(input, device))
    if here != there:
        array = devices.makers(there).empty(input._data.shape, kind)
    elif gpu.on_gpu(input._data):
        array = devices.makers(there).empty_like(input._data, kind)
    else:
        array = np.empty_like(input._data, kind, subok=False)
    if value is not None:
        array[...] = value
    return leaf(array, requires_grad, there)


def _place(input: Any, device: Any) -> Any:
    """The device asked for, or else that of `input`."""
    return devices.of(input._data) if device is None else device


@public("new_zeros", function=False)
def new_zeros(input: Any, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros of another shape with the dtype of this tensor. Mirrors `torch.Tensor.new_zeros`."""
    return zeros(*size, dtype=dtype or input.dtype, device=_place(input, device), requires_grad=requires_grad)


@public("new_ones", function=False)
def new_ones(input: Any, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones of another shape with the dtype of this tensor. Mirrors `torch.Tensor.new_ones`."""
    return ones(*size, dtype=dtype or input.dtype, device=_place(input, device), requires_grad=requires_grad)


@public("new_empty", function=False)
def new_empty(input: Any, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Memory of another shape with the dtype of this tensor. Mirrors `torch.Tensor.new_empty`."""
    return empty(*size, dtype=dtype or input.dtype, device=_place(input, device), requires_grad=requires_grad)


@public("new_empty_strided", function=False)
def new_empty_strided(
    input: Any, size: Any, stride: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """`torch.empty_strided` with the dtype of this tensor. Mirrors `torch.Tensor.new_empty_strided`."""
    kind, place = dtype or input.dtype, _place(input, device)
    return empty_strided(size, stride, dtype=kind, device=place, requires_grad=requires_grad)


@public("new_full", function=False)
def new_full(
    input: Any, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """`fill_value` in another shape with the dtype of this tensor. Mirrors `torch.Tensor.new_full`."""
    kind, place = dtype or input.dtype, _place(input, device)
    return full(size, fill_value, dtype=kind, device=place, requires_grad=requires_grad)


@public("new_tensor", function=False)
def new_tensor(
    input: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A copy of `data` with the dtype of this tensor. Mirrors `torch.Tensor.new_tensor`."""
    if isinstance(data, TensorBase):
        warnings.warn(COPY_WARNING.format("tensor.new_tensor"), UserWarning, stacklevel=2)
    return leaf(new_array(data, dtype_of("new_tensor", dtype, input.dtype)), requires_grad, _place(input, device))
