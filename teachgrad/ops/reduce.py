"""Ops that make one number of many: sums, means, variances.

    s = x_1 + ... + x_n         every x_i moves s as much as itself: its gradient is that of s, repeated
    m = s / n                   the same, divided by n
    p = x_1 * ... * x_n         x_i is multiplied by all the others: grad * p / x_i

Mirrors the reductions of `torch`. Norms are in `norms.py`, extremes (max, median, ...) in `extremes.py`, running sums in
`scans.py`.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from teachgrad import dtypes, errors
from teachgrad.autograd.variable import wrap
from teachgrad.bfloats import widened
from teachgrad.gpu import on_gpu, xp
from teachgrad.ops import dims, reduce_arrays  # noqa: F401 - the array functions that the entries name
from teachgrad.ops.table import LIVE, composite, op, public

ALL: Any = object()
"""`dim` was not given. PyTorch has two ops: `x.sum()` is SumBackward0, `x.sum(dim)` SumBackward1, also for dim=None."""


# -- the entries -----------------------------------------------------------------------------------------------
op(
    "sum.all(self)", "SumBackward0", "sum(self)",
    self="expand_back(grad, self_shape)",
    samples=["x.sum()", "s.sum()", "b.sum()"],
)  # fmt: skip
op(
    "sum.dim(self; dim, keepdim)", "SumBackward1", "sum(self, dim, keepdim)",
    self="expand_back(grad, self_shape, dim, keepdim)",
    samples=[
        "x.sum(0)", "x.sum(-1, keepdim=True)", "b.sum((0, 2))", "b.sum(dim=None)", "s.sum(0)", "x.t().sum(1)",
    ],
)  # fmt: skip
op(
    "mean.all(self)", "MeanBackward0", "mean(self)",
    self="expand_back(grad / count(self_shape), self_shape)",
    samples=["x.mean()", "s.mean()"],
)  # fmt: skip
op(
    "mean.dim(self; dim, keepdim)", "MeanBackward1", "mean(self, dim, keepdim)",
    self="expand_back(grad / count(self_shape, dim), self_shape, dim, keepdim)",
    samples=["x.mean(0)", "b.mean((0, -1))", "x.mean(1, True)"],
)  # fmt: skip
op(
    "nansum.dim(self; dim, keepdim)", "NansumBackward0", "nansum(self, dim, keepdim)",
    refuses={"c": "nansum on CPU does not support complex inputs"},
    self="where(isnan(self), 0, expand_back(grad, self_shape, dim, keepdim))",
    samples=["x.nansum()", "x.nansum(0)", "x.log().nansum(1)"],
)  # fmt: skip
op(
    "prod.all(self)", "ProdBackward0", "prod(self)",
    self="conj(prod_slope(conj(grad), self, result))",
    shown={"self": "conj(conj(grad) * result / self)"},
    samples=["x.prod()", "s.prod()", "(x * mask).prod()"],
)  # fmt: skip
op(
    "prod.dim(self; dim, keepdim)", "ProdBackward1", "prod(self, dim, keepdim)",
    self="conj(prod_slope(conj(grad), self, result, dim, keepdim))",
    shown={"self": "conj(expand_back(conj(grad) * result, self_shape, dim, keepdim) / self)"},
    samples=["x.prod(0)", "x.prod(1, True)", "(x * mask).prod(1)"],
)  # fmt: skip
op(
    "var.dims(self; dim, correction, keepdim)", "VarBackward0", "variance(self, dim, correction, keepdim)",
    self="var_slope(grad, self, dim, correction, keepdim)",
    shown={
        "self": "expand_back(grad, self_shape, dim, keepdim) * 2 * (self - mean(self, dim, True)) "
        "/ (count(self_shape, dim) - correction)",
    },
    samples=[
        "x.var()", "x.var(0)", "x.var(1, unbiased=False)", "b.var((0, 2), keepdim=True)",
        "x.var(correction=2)",
    ],
)  # fmt: skip
op(
    "std.dims(self; dim, correction, keepdim)", "StdBackward0",
    "sqrt(variance(self, dim, correction, keepdim))",
    self="var_slope(where(result == 0, 0, grad / (2 * result)), self, dim, correction, keepdim)",
    shown={
        "self": "expand_back(grad / result, self_shape, dim, keepdim) * (self - mean(self, dim, True)) "
        "/ (count(self_shape, dim) - correction)",
    },
    samples=["x.std()", "x.std(0)", "x.std(1, unbiased=False)", "x.std(dim=1, keepdim=True)"],
)  # fmt: skip
op(
    "var_mean.dims(self; dim, correction, keepdim) -> var, mean", "VarMeanBackward0",
    "(variance(self, dim, correction, keepdim), mean(self, dim, keepdim))",
    self="spread_and_mean_slope(grads, 1, self, dim, correction, keepdim)",
    shown={"self": "the gradient of var as in var, plus that of mean as in mean"},
    samples=["torch.var_mean(x)[0]", "torch.var_mean(x, 1)[1]", "sum(torch.var_mean(x, 0, keepdim=True))"],
)  # fmt: skip
op(
    "std_mean.dims(self; dim, correction, keepdim) -> std, mean", "StdMeanBackward0",
    "(sqrt(variance(self, dim, correction, keepdim)), mean(self, dim, keepdim))",
    self="spread_and_mean_slope(grads, where(std == 0, 0, 1 / (2 * std)), self, dim, correction, keepdim)",
    shown={"self": "the gradient of std as in std, plus that of mean as in mean"},
    samples=["torch.std_mean(x)[0]", "torch.std_mean(x, 1)[1]", "sum(torch.std_mean(x, 0))"],
)  # fmt: skip
op(
    "logsumexp.dims(self; dim, keepdim)", "LogsumexpBackward0", "logsumexp(self, dim, keepdim)",
    self="expand_back(grad, self_shape, dim, keepdim) * conj(exp(self - expand_back(result, self_shape, dim, keepdim)))",
    samples=["x.logsumexp(0)", "torch.logsumexp(x, 1, True)", "b.logsumexp((0, 2))"],
)  # fmt: skip
op(
    "all.dims(self; dim, keepdim)", None, "all_of(self, dim, keepdim)",
    samples=["mask.all()", "x.all(0)", "torch.all(mask, dim=1, keepdim=True)", "b.all((0, 2))", "s.all()"],
)  # fmt: skip
op(
    "any.dims(self; dim, keepdim)", None, "any_of(self, dim, keepdim)",
    samples=[
        "mask.any()", "x.any(0)", "torch.any(mask, dim=1, keepdim=True)", "(b > 1).any((0, 2))", "i.any(0)",
    ],
)  # fmt: skip


# -- rules that take more than one expression ------------------------------------------------------------------
@composite
def var_slope(F: Any, grad: Any, self: Any, dim: dims.Dims, correction: float, keepdim: bool) -> Any:
    """2 (x - mean) / (n - correction). The mean moves too, but the distances from it add up to 0, so it drops out."""
    n = dims.count(self.shape, dim) - correction
    return (
        F.expand_back(grad, self.shape, dim, keepdim)
        * (2 / n if n > 0 else math.inf)
        * (self - F.mean(self, dim, True))
    )


@composite
def spread_and_mean_slope(
    F: Any, grads: Any, scale: Any, self: Any, dim: dims.Dims, correction: float, keepdim: bool
) -> Any:
    """The rules of the variance (or, by its `scale`, the deviation) and of the mean, added."""
    spread, centre = grads
    through = None if spread is None else F.var_slope(spread * scale, self, dim, correction, keepdim)
    if centre is None:
        return through
    mean = F.expand_back(centre / dims.count(self.shape, dim), self.shape, dim, keepdim)
    return mean if through is None else through + mean


def _prod_slope_live(grad: Any, self: Any, result: Any, dim: dims.Dims = None, keepdim: bool = False) -> Any:
    """The same on tensors. Where there are zeros, each x_i gets the product of a row in which it is replaced by 1."""
    spread = LIVE["expand_back"](grad, self._data.shape, dim, keepdim)
    if not on_gpu(self._data) and not (widened(self._data) == 0).any():
        return spread * LIVE["expand_back"](result, self._data.shape, dim, keepdim) / self
    line = self.reshape(-1) if dim is None else self.transpose(dim, -1)
    n = line._data.shape[-1]
    rows = LIVE["where"](wrap(xp(self._data).eye(n, dtype=bool)), 1.0, line.unsqueeze(-2))
    others = LIVE["prod"](rows, -1)
    return spread * (others.reshape(self._data.shape) if dim is None else others.transpose(dim, -1))


LIVE["prod_slope"] = _prod_slope_live


# -- the faces -------------------------------------------------------------------------------------------------
# What PyTorch's signatures allow, brought into the one form that the entries take. LIVE holds the compiled ops.
@public()
def sum(input: Any, dim: Any = ALL, keepdim: bool = False, *, dtype: dtypes.dtype | None = None, **words: Any) -> Any:
    """The sum of all elements, or over `dim` (an int or several). Mirrors `torch.sum`."""
    if words:
        dim, keepdim = dims.numpy_words("sum", dim, keepdim, words)
    if dtype is not None:
        return sum(dims.tensor("sum", input).to(dtype), dim, keepdim).to(dtype)
    if dim is ALL:
        return LIVE["sum_all"](input)
    return LIVE["sum_dim"](input, dims.many("sum", input, dim, keepdim), keepdim)


@public()
def mean(input: Any, dim: Any = ALL, keepdim: bool = False, *, dtype: dtypes.dtype | None = None, **words: Any) -> Any:
    """The mean of all elements, or over `dim` (an int or several). Mirrors `torch.mean`.

    Raises RuntimeError for integers, whose mean is no integer.
    """
    if words:
        dim, keepdim = dims.numpy_words("mean", dim, keepdim, words)
    if dtype is not None:
        input = dims.tensor("mean", input).to(dtype)
    if dim is ALL:
        return LIVE["mean_all"](input)
    return LIVE["mean_dim"](input, dims.many("mean", input, dim, keepdim), keepdim)


@public()
def nansum(
    input: Any, dim: Any = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None, **words: Any
) -> Any:
    """The sum of the elements that are not nan. Mirrors `torch.nansum`."""
    dim, keepdim = dims.numpy_words("nansum", dim, keepdim, words)
    if dtype is not None:
        input = dims.tensor("nansum", input).to(dtype)
    return LIVE["nansum_dim"](input, dims.many("nansum", input, dim), keepdim)


@public()
def nanmean(
    input: Any, dim: Any = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None, **words: Any
) -> Any:
    """The mean of the elements that are not nan. Mirrors `torch.nanmean`."""
    dim, keepdim = dims.numpy_words("nanmean", dim, keepdim, words)
    present = sum(~LIVE["isnan"](input), dim, keepdim)
    return nansum(input, dim, keepdim, dtype=dtype) / present


@public()
def prod(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None, **words: Any) -> Any:
    """The product of all elements, or over the one dimension `dim`. Mirrors `torch.prod`."""
    dim, keepdim = dims.numpy_words("prod", dim, keepdim, words)
    if dtype is not None:
        input = dims.tensor("prod", input).to(dtype)
    if dim is None:
        return LIVE["prod_all"](input)
    dim = dims.one("prod", input, dim)
    return LIVE["prod_dim"](input, dim if input._data.ndim else None, keepdim)


def _spread_arguments(
    function: str, input: Any, dim: Any, unbiased: Any, keepdim: bool, correction: Any, words: dict[str, Any]
) -> tuple[dims.Dims, float, bool]:
    """`x.std(False)` and `x.std(unbiased=False)` divide by n, `x.std(0, False)` too; else by n - correction."""
    dim, keepdim = dims.numpy_words(function, dim, keepdim, words)
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None else int(unbiased)
    dim = dims.many(function, input, dim)
    freedom = dims.count(input._data.shape, dim) - correction
    if freedom <= 0:
        warnings.warn(
            f"{function}(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor "
            "(input numel divided by output numel).",
            UserWarning,
            stacklevel=3,
        )
    return dim, correction, keepdim


@public()
def var(
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Any = None,
    **words: Any,
) -> Any:
    """The squared distances from the mean, summed and divided by n - 1, or by n if not `unbiased`. Mirrors `torch.var`."""
    return LIVE["var_dims"](input, *_spread_arguments("var", input, dim, unbiased, keepdim, correction, words))


@public()
def std(
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Any = None,
    **words: Any,
) -> Any:
    """The standard deviation, the root of the variance. Mirrors `torch.std`."""
    return LIVE["std_dims"](input, *_spread_arguments("std", input, dim, unbiased, keepdim, correction, words))


@public(method=False)
def var_mean(
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Any = None,
    **words: Any,
) -> Any:
    """The variance and the mean. Mirrors `torch.var_mean`."""
    arguments = _spread_arguments("var_mean", input, dim, unbiased, keepdim, correction, words)
    return LIVE["var_mean_dims"](input, *arguments)


@public(method=False)
def std_mean(
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Any = None,
    **words: Any,
) -> Any:
    """The standard deviation and the mean. Mirrors `torch.std_mean`."""
    arguments = _spread_arguments("std_mean", input, dim, unbiased, keepdim, correction, words)
    return LIVE["std_mean_dims"](input, *arguments)


@public()
def logsumexp(input: Any, dim: Any = ALL, keepdim: bool = False, **words: Any) -> Any:
    """log(sum of e^x) over `dim`, without overflow. Mirrors `torch.logsumexp`."""
    dim, keepdim = dims.numpy_words("logsumexp", dim, keepdim, words)
    if dim is ALL:
        raise errors.missing("logsumexp", "dim")
    return LIVE["logsumexp_dims"](input, dims.many("logsumexp", input, dim), keepdim)


@public()
def all(input: Any, dim: Any = None, keepdim: bool = False, **words: Any) -> Any:
    """Whether all elements (along `dim`) are non-zero. Mirrors `torch.all`."""
    dim, keepdim = dims.numpy_words("all", dim, keepdim, words)
    return LIVE["all_dims"](input, dims.many("all", input, dim), keepdim)


@public()
def any(input: Any, dim: Any = None, keepdim: bool = False, **words: Any) -> Any:
    """Whether any element (along `dim`) is non-zero. Mirrors `torch.any`."""
    dim, keepdim = dims.numpy_words("any", dim, keepdim, words)
    return LIVE["any_dims"](input, dims.many("any", input, dim), keepdim)


@public()
def count_nonzero(input: Any, dim: Any = None) -> Any:
    """How many elements (along `dim`) are not zero. Mirrors `torch.count_nonzero`."""
    return sum(LIVE["ne"](input, 0), dim=dim)
