"""Running sums, products and extremes, and differences.

y_i = x_1 + ... + x_i      x_i is part of y_i and of all that follow: its gradient is the sum of theirs,
                           a running sum from the other end
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from teachgrad import dtypes, errors, return_types
from teachgrad.autograd.variable import TensorBase, wrap
from teachgrad.bfloats import widened
from teachgrad.gpu import on_gpu, xp
from teachgrad.ops import dims
from teachgrad.ops.table import LIVE, RAW, composite, op, public, raw


# -- what the forward expressions compute ----------------------------------------------------------------------
def _running(ufunc: Any, self: Any, dim: int | None) -> Any:
    """The running sum or product; floats are accumulated in float64, small integers as int64."""
    if dim is None:
        return self.astype(np.int64) if self.dtype.kind in "biu" else self.copy()
    kind = self.dtype.kind
    if kind == "f":
        return ufunc.accumulate(self, axis=dim, dtype=np.float64).astype(self.dtype, copy=False)
    return ufunc.accumulate(self, axis=dim, dtype=np.int64 if kind in "biu" else self.dtype)


def running(ufunc: Any, self: Any, dim: int) -> Any:
    """`ufunc.accumulate`. CuPy has none for most ufuncs: there, each step joins every element with one twice as far back."""
    if not on_gpu(self):
        return ufunc.accumulate(self, axis=dim)
    lines, step = np.moveaxis(self, dim, 0), 1
    while step < len(lines):
        lines, step = np.concatenate((lines[:step], ufunc(lines[step:], lines[:-step]))), 2 * step
    return np.moveaxis(lines, 0, dim)


@raw
def running_sum(self: Any, dim: int | None) -> Any:
    """x_1, x_1 + x_2, ... along `dim`."""
    return _running(np.add, self, dim)


@raw
def running_product(self: Any, dim: int | None) -> Any:
    """x_1, x_1 * x_2, ... along `dim`."""
    return _running(np.multiply, self, dim)


def backwards(self: Any, dim: int | None) -> Any:
    """`self` from the other end."""
    return self if dim is None else np.flip(self, dim)


@raw
def running_logsumexp(self: Any, dim: int | None) -> Any:
    """log e^x_1, log(e^x_1 + e^x_2), ... along `dim`."""
    if dim is None or self.dtype.kind != "c":
        return self.copy() if dim is None else running(np.logaddexp, self, dim)
    lines = np.moveaxis(self, dim, 0)
    sums = lines.copy()
    for i in range(1, len(sums)):  # NumPy has no logaddexp for complex numbers
        sums[i] = RAW["logaddexp_of"](sums[i - 1], lines[i])
    return np.moveaxis(sums, 0, dim)


@raw
def running_extreme(self: Any, largest: bool, dim: int | None) -> tuple[Any, Any]:
    """The largest (smallest) element so far, and where it was, the last place for equals."""
    if dim is None:
        return self.copy(), dims.zeroth(self)
    values = running(np.maximum if largest else np.minimum, self, dim)
    places = xp(self).arange(self.shape[dim]).reshape(-1, *(1,) * (self.ndim - dim - 1))
    is_new = (self == values) | ((self != self) & (np.cumsum(self != self, axis=dim) == 1))
    return values, running(np.maximum, np.where(is_new, places, 0), dim)


# -- the entries -----------------------------------------------------------------------------------------------
op(
    "cumsum.dim(self; dim)", "CumsumBackward0", "running_sum(self, dim)",
    self="cumsum_back(grad, dim)",
    samples=[
        "x.cumsum(0)", "torch.cumsum(b, dim=-1)", "s.cumsum(0)", "i.cumsum(0)", "mask.cumsum(1)",
        "x.cumsum(2)",
    ],
)  # fmt: skip
op(
    "cumprod.dim(self; dim)", "CumprodBackward0", "running_product(self, dim)",
    self="conj(cumprod_slope(conj(grad), self, result, dim))",
    shown={"self": "conj(cumsum_back(conj(grad) * result, dim) / self)"},
    samples=[
        "x.cumprod(1)", "torch.cumprod(b, dim=0)", "s.cumprod(0)", "(x * mask).cumprod(1)", "i.cumprod(0)",
    ],
)  # fmt: skip
op(
    "cummax.dim(self; dim) -> values, !indices", "CummaxBackward0", "running_extreme(self, True, dim)",
    refuses={"c": "cummax_cpu"},
    self="grad if dim is None else scatter_add(new_zeros(grad, self_shape), indices, grad, dim)",
    samples=["x.cummax(1)", "b.relu().cummax(0)"],
)  # fmt: skip
op(
    "cummin.dim(self; dim) -> values, !indices", "CumminBackward0", "running_extreme(self, False, dim)",
    refuses={"c": "cummin_cpu"},
    self="grad if dim is None else scatter_add(new_zeros(grad, self_shape), indices, grad, dim)",
    samples=["x.cummin(1)", "b.relu().cummin(0)"],
)  # fmt: skip
op(
    "logcumsumexp.dim(self; dim)", "LogcumsumexpBackward0",
    "running_logsumexp(self, dim)",
    self="grad if dim is None else logcumsumexp_slope(grad, self, result, dim)",
    shown={"self": "exp(self) * cumsum_back(grad * exp(-result), dim)"},
    samples=["x.logcumsumexp(1)", "b.logcumsumexp(0)"],
)  # fmt: skip


# -- rules that take more than one expression ------------------------------------------------------------------
@composite
def logcumsumexp_slope(F: Any, grad: Any, self: Any, result: Any, dim: int) -> Any:
    """The sum of grad_j e^(x_i - result_j) over j >= i, where no power exceeds 1.

    All pairs i, j side by side: linear in grad, as derivatives of this rule need it. For long rows of real numbers, where
    that takes too much memory, the same on logarithms.
    """
    n, last, live = self.shape[dim], len(self.shape) - 1, isinstance(self, TensorBase)
    if n > 512 and not live and self.dtype.kind == "f":
        return _on_logarithms(grad, self, result, dim)
    rows, columns, given = (F.transpose(each, dim, last) for each in (self, result, grad))
    places = xp(self._data if live else self).arange(n)
    later = places[:, None] <= places
    powers = F.exp(F.where(wrap(later) if live else later, rows[..., :, None] - columns[..., None, :], -math.inf))
    return F.transpose(F.sum(F.conj(powers) * given[..., None, :], last + 1), dim, last)


def _on_logarithms(grad: Any, self: Any, result: Any, dim: int) -> Any:
    """What adds and what takes away, each as e^log."""

    def summed(log: Any) -> Any:
        return np.exp(backwards(np.logaddexp.accumulate(backwards(log - result, dim), axis=dim), dim) + self)

    log, none = np.log(np.abs(grad)), -3e38  # the logarithm of nothing, but not -inf, of which differences would be nan
    return summed(np.where(grad > 0, log, none)) - summed(np.where(grad < 0, log, none))


@raw
def cumsum_back(grad: Any, dim: int | None) -> Any:
    """The running sum from the other end."""
    return backwards(running_sum(backwards(grad, dim), dim), dim)


def _cumsum_back_live(grad: Any, dim: int | None) -> Any:
    """The same on tensors."""
    if dim is None:
        return LIVE["cumsum_dim"](grad, dim)
    return LIVE["cumsum_dim"](grad.flip(dim), dim).flip(dim)


LIVE["cumsum_back"] = _cumsum_back_live


def _cumprod_slope(names: dict[str, Any], live: bool) -> Any:
    """The rule of cumprod, for arrays or for tensors."""

    def slope(grad: Any, self: Any, result: Any, dim: int | None) -> Any:
        data = widened(self._data) if live else self
        if dim is None:
            return grad
        if not on_gpu(data) and (data != 0).all():
            return names["cumsum_back"](grad * result, dim) / self
        # Through zeros without dividing: n rows, in the j-th of which x_j is replaced by 1, give the products of the others.
        n = data.shape[dim]
        own: Any = xp(data).eye(n, dtype=bool)
        later: Any = xp(data).tri(n, dtype=bool).T  # x_j is in y_i for all i >= j
        if live:
            own, later = wrap(own), wrap(later)
            rows = names["where"](own, 1.0, self.transpose(dim, -1).unsqueeze(-2))
            others = names["cumprod_dim"](rows, rows._data.ndim - 1) * later
            return (others * grad.transpose(dim, -1).unsqueeze(-2)).sum(-1).transpose(dim, -1)
        rows = np.where(own, 1, self.swapaxes(dim, -1)[..., None, :])
        others = running_product(rows, rows.ndim - 1) * later
        return np.add.reduce(others * grad.swapaxes(dim, -1)[..., None, :], axis=-1).swapaxes(dim, -1)

    return slope


RAW["cumprod_slope"], LIVE["cumprod_slope"] = _cumprod_slope(RAW, live=False), _cumprod_slope(LIVE, live=True)


# -- the faces -------------------------------------------------------------------------------------------------
def _scan(name: str, input: Any, dim: Any, dtype: dtypes.dtype | None, words: dict[str, Any]) -> Any:
    dim, _ = dims.numpy_words(name, dim, None, words)
    if dim is None:
        raise errors.missing(name, "dim")
    dim = dims.one(name, input, dim)
    if dtype is not None:
        input = input.to(dtype)
    result = LIVE[f"{name}_dim"](input, dim if input._data.ndim else None)
    return result if dtype is None or isinstance(result, tuple) else result.to(dtype)


@public()
def cumsum(input: Any, dim: Any = None, *, dtype: dtypes.dtype | None = None, **words: Any) -> Any:
    """The running sum along `dim`. Mirrors `torch.cumsum`."""
    return _scan("cumsum", input, dim, dtype, words)


@public()
def cumprod(input: Any, dim: Any = None, *, dtype: dtypes.dtype | None = None, **words: Any) -> Any:
    """The running product along `dim`. Mirrors `torch.cumprod`."""
    return _scan("cumprod", input, dim, dtype, words)


@public()
def logcumsumexp(input: Any, dim: Any = None, **words: Any) -> Any:
    """The logarithm of the running sum of e^x along `dim`. Mirrors `torch.logcumsumexp`."""
    return _scan("logcumsumexp", input, dim, None, words)


@public()
def cummax(input: Any, dim: Any = None, **words: Any) -> Any:
    """The largest element so far along `dim`, and its index. Mirrors `torch.cummax`."""
    return return_types.cummax(*_scan("cummax", input, dim, None, words))


@public()
def cummin(input: Any, dim: Any = None, **words: Any) -> Any:
    """The smallest element so far along `dim`, and its index. Mirrors `torch.cummin`."""
    return return_types.cummin(*_scan("cummin", input, dim, None, words))


@public()
def diff(input: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """The differences of neighbours along `dim`, taken `n` times. Mirrors `torch.diff`."""
    if dims.tensor("diff", input)._data.ndim == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    dim = dims.one("diff", input, dim)
    if n == 0:
        return input.clone()
    parts = [part for part in (prepend, input, append) if part is not None]
    if len(parts) > 1:
        input = LIVE["cat"](parts, dim)
    for _ in range(min(n, input._data.shape[dim])):
        size = input._data.shape[dim]
        after, before = input.narrow(dim, 1, size - 1), input.narrow(dim, 0, size - 1)
        input = after != before if input._data.dtype == bool else after - before
    return input
