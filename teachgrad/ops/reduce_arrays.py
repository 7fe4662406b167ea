"""What the reductions compute on arrays: NumPy's answers, in PyTorch's dtypes and with its accuracy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from teachgrad import dtypes, errors
from teachgrad.autograd.fit import ones
from teachgrad.gpu import on_gpu
from teachgrad.ops import dims
from teachgrad.ops.table import raw

_SUMMED_IN: dict[Any, Any] = {np.dtype(kind): np.int64 for kind in ("bool", "int8", "int16", "int32", "uint8")}
_SUMMED_IN[np.dtype(np.float16)] = np.float32
_FLOAT32 = np.dtype(np.float32)
_add_up: Any = np.add.reduce  # Any: NumPy's types do not foresee a `keepdims` that is a variable
_multiply_up: Any = np.multiply.reduce
_LONG = 512  # additions after which float32 loses digits, unless NumPy adds pairwise


@raw
def sum(self: Any, dim: dims.Dims = None, keepdim: bool = False) -> Any:
    """The sum. Small integers are summed as int64 and float16 in float32.

    NumPy adds the innermost dimension pairwise, which is accurate; the others one after the other, which is not when
    there are many. Those are summed in float64.
    """
    dtype = self.dtype
    if dim == self.ndim - 1 > 0 and self.__class__ is np.ndarray and dtype.char in "fd" and self.shape[-1] <= _LONG:
        total = self @ ones(self.shape[-1], dtype)  # rows: BLAS adds them several times faster
        return total[..., None] if keepdim else total
    if dtype in _SUMMED_IN:
        total = _add_up(self, axis=dim, dtype=_SUMMED_IN[dtype], keepdims=keepdim)
        return total.astype(dtype) if dtype.kind == "f" else total
    if dtype is _FLOAT32 and dim is not None and dims.count(self.shape, dim) > _LONG:
        pairwise = dim == self.ndim - 1 and self.strides[-1] == 4
        if not pairwise:
            return _add_up(self, axis=dim, dtype=np.float64, keepdims=keepdim).astype(dtype)
    return _add_up(self, axis=dim, keepdims=keepdim)


@raw
def mean(self: Any, dim: dims.Dims = None, keepdim: bool = False) -> Any:
    """The sum divided by the number of elements; nan for none."""
    if self.dtype.kind not in "fcV":
        name = dtypes.of(self.dtype).scalar_name
        raise errors.explained(
            RuntimeError(
                "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
                f"Got: {name}"
            ),
            "The mean of integers is in general no integer. Convert first: x.float().mean().",
        )
    if self.dtype.itemsize == 2:
        return mean(self.astype(np.float32), dim, keepdim).astype(self.dtype)
    n = self.size if dim is None else dims.count(self.shape, dim)
    return sum(self, dim, keepdim) / n if n else np.divide(sum(self, dim, keepdim), 0, dtype=self.dtype)


@raw
def nansum(self: Any, dim: dims.Dims, keepdim: bool) -> Any:
    """The sum of what is not nan."""
    return sum(np.where(np.isnan(self), 0, self) if self.dtype.kind in "fcV" else self, dim, keepdim)


@raw
def prod(self: Any, dim: dims.Dims = None, keepdim: bool = False) -> Any:
    """The product; of small integers as int64."""
    dtype = _SUMMED_IN.get(self.dtype)
    result = _multiply_up(self, axis=dim, dtype=dtype, keepdims=keepdim)
    return result.astype(self.dtype) if self.dtype.itemsize == 2 and self.dtype.kind == "f" else result


@raw
def variance(self: Any, dim: dims.Dims, correction: float, keepdim: bool) -> Any:
    """The mean squared distance from the mean, with n - correction in place of n; computed in float64, as PyTorch does."""
    if self.dtype.kind not in "fcV":
        raise errors.explained(
            RuntimeError("std and var only support floating point and complex dtypes"),
            "Convert integers first: x.float().std().",
        )
    n = dims.count(self.shape, dim)
    wide = self.astype(np.complex128 if self.dtype.kind == "c" else np.float64)
    centred = wide - _add_up(wide, axis=dim, keepdims=True) / np.float64(n)
    squares = centred.real**2 + centred.imag**2 if self.dtype.kind == "c" else centred * centred
    squares = _add_up(squares, axis=dim, keepdims=keepdim)
    return np.divide(squares, np.float64(max(n - correction, 0))).astype(self.real.dtype)


@raw
def vector_norm(self: Any, ord: float, dim: dims.Dims, keepdim: bool) -> Any:
    """(sum of |x|^ord)^(1/ord); the largest |x| for inf, the number of non-zeros for 0."""
    if self.dtype.kind not in "fcV":
        name = dtypes.of(self.dtype).scalar_name
        raise errors.explained(
            RuntimeError(f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {name}"),
            "Convert integers first: x.float().norm().",
        )
    if ord == 2 and self.dtype.kind == "f":
        return np.sqrt(sum(self * self, dim, keepdim))
    size = np.abs(self)
    if math.isinf(ord):
        if not dims.count(self.shape, dim) and (dim is None or self.size == 0):
            raise RuntimeError(
                f"linalg.vector_norm cannot compute the {'-' if ord < 0 else ''}inf norm on an empty tensor because the "
                "operation does not have an identity"
            )
        return (size.max if ord > 0 else size.min)(axis=dim, keepdims=keepdim)
    if ord == 0:
        return sum((size != 0).astype(size.dtype), dim, keepdim)
    return sum(size, dim, keepdim) if ord == 1 else sum(size**ord, dim, keepdim) ** (1 / ord)


@raw
def logsumexp(self: Any, dim: dims.Dims, keepdim: bool = False) -> Any:
    """log(sum of e^x), computed around the largest x so that nothing overflows."""
    if self.dtype.kind not in "fcV":
        self = self.astype(dtypes.get_default_dtype().numpy)
    if not dims.count(self.shape, dim):
        return np.log(sum(self, dim, keepdim))
    top = (self.real if self.dtype.kind == "c" else self).max(axis=dim, keepdims=True)
    top = np.where(np.isinf(top), 0, top)
    total = np.log(sum(np.exp(self - top), dim, keepdim))
    return total + top.reshape(total.shape)


@raw
def all_of(self: Any, dim: dims.Dims, keepdim: bool) -> Any:
    """Whether all are non-zero: bool, or 0 and 1 for uint8."""
    return _as_flag(self.all(axis=dim, keepdims=keepdim), self.dtype)


@raw
def any_of(self: Any, dim: dims.Dims, keepdim: bool) -> Any:
    """Whether any is non-zero: bool, or 0 and 1 for uint8."""
    return _as_flag(self.any(axis=dim, keepdims=keepdim), self.dtype)


def _as_flag(answer: Any, dtype: Any) -> Any:
    return answer.astype(dtype) if dtype == np.uint8 else answer


@raw
def prod_slope(grad: Any, self: Any, result: Any, dim: dims.Dims = None, keepdim: bool = False) -> Any:
    """The product of all the others: result / x_i, or where x_i is the only zero, the product of what is not zero."""
    spread = dims.expand_back(grad, self.shape, dim, keepdim)
    zero = self == 0
    if not on_gpu(self) and not zero.any():
        return spread * dims.expand_back(result, self.shape, dim, keepdim) / self
    zeros = _add_up(zero, axis=dim, keepdims=True, dtype=np.int64)
    others = prod(np.where(zero, 1, self), dim, True)  # an int 1 leaves the dtype as it is
    return spread * np.where(zeros == 0, others / np.where(zero, 1, self), np.where((zeros == 1) & zero, others, 0))
