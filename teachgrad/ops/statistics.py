"""Covariances, histograms, and the area and slope of curves that are given by points.

Nothing here needs a rule of its own: covariances are products of differences from the mean, areas are sums of trapezoids,
slopes are differences. Histograms count, and have no gradient.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from teachgrad import errors, return_types
from teachgrad.autograd.variable import TensorBase, wrap
from teachgrad.bfloats import cast, widened
from teachgrad.gpu import add_at, on_gpu, xp
from teachgrad.ops import complexes, dims  # noqa: F401 - `complex` is called below
from teachgrad.ops.pieces import cat
from teachgrad.ops.reduce import sum
from teachgrad.ops.shape import reshape
from teachgrad.ops.table import LIVE, OPS, public


# -- covariance ------------------------------------------------------------------------------------------------
@public()
def cov(input: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Any:
    """How the variables, the rows of `input`, vary together: a matrix. Mirrors `torch.cov`.

    fweights (how often) and aweights (how much) weigh the observations, which are the columns.
    """
    if dims.tensor("cov", input)._data.ndim > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {input._data.ndim} dimensions"
        )
    rows = reshape(input, 1, -1) if input._data.ndim < 2 else input
    weights = fweights if aweights is None else aweights if fweights is None else fweights * aweights
    total = float(rows._data.shape[1]) if weights is None else weights.sum()
    mean = sum(rows if weights is None else rows * weights, 1) / total
    if weights is not None and aweights is not None and correction != 0:
        freedom = total - correction * (weights * aweights).sum() / total
    else:
        freedom = total - correction
    apart = rows - mean.unsqueeze(1)
    products = apart @ LIVE["t"](apart if weights is None else apart * weights).conj()
    if not isinstance(freedom, TensorBase):
        freedom = wrap(products._data.real.dtype.type(max(freedom, 0)))
    return (products / freedom).squeeze()


@public()
def corrcoef(input: Any) -> Any:
    """The covariances, divided by both standard deviations: from -1 to 1. Mirrors `torch.corrcoef`."""
    if dims.tensor("corrcoef", input)._data.ndim > 2:
        raise RuntimeError(
            "corrcoef(): expected input to have two or fewer dimensions but got an input with "
            f"{input._data.ndim} dimensions"
        )
    together = cov(input)
    if not together._data.ndim:
        return together / together
    spread = together.diag().real if together.is_complex() else together.diag()
    spread = spread.sqrt()
    together = together / spread.view(-1, 1) / spread.view(1, -1)
    if together.is_complex():
        return LIVE["complex"](together.real.clamp(-1, 1), together.imag.clamp(-1, 1))
    return together.clamp(-1, 1)


# -- histograms ------------------------------------------------------------------------------------------------
def _bounds(data: Any, low: float, high: float, apart: float) -> tuple[float, float]:
    """The ends of the first and last bin: of the data, if both are equal; and then `apart` from a single number."""
    if low == high and not data.size and apart < 1:
        return 0.0, 1.0
    if low == high and data.size:
        low, high = data.min().item(), data.max().item()
    return (low - apart, high + apart) if low == high else (low, high)


@public()
def histc(input: Any, bins: int = 100, min: float = 0, max: float = 0) -> Any:
    """How many elements fall into each of `bins` equal parts between `min` and `max`. Mirrors `torch.histc`.

    If both are equal, the smallest and largest element take their place. Elements outside do not count.
    """
    data = widened(dims.tensor("histogram", input)._data)
    if data.dtype.kind in "bc":
        raise errors.not_for_dtype("histogram_cpu", input.dtype.scalar_name)
    if bins <= 0:
        raise RuntimeError("bins must be > 0")
    if min > max:
        raise RuntimeError("max must be larger than min")
    low, high = _bounds(data, min, max, 1)
    if on_gpu(data):
        values = data.reshape(-1).astype(np.float64)
        counts = _counted([values], [xp(data).linspace(low, high, bins + 1)], None, False)
    else:
        counts = np.histogram(data, bins, (low, high))[0]
    return wrap(cast(counts, input._data.dtype))


def _counted(columns: Any, edges: list[Any], weights: Any, density: bool) -> Any:
    """How many points, or how much weight, lie in each cell between edges. `columns`: their coordinates."""
    if not on_gpu(columns[0]):
        return np.histogramdd(list(columns), edges, weights=weights, density=density)[0]
    sizes = [len(edge) - 1 for edge in edges]
    place: Any = 0
    inside: Any = True
    for column, edge, size in zip(columns, edges, sizes, strict=True):
        bin = np.where(column == edge[-1], size - 1, np.searchsorted(edge, column, side="right") - 1)
        place, inside = place * size + bin, inside & (column >= edge[0]) & (column <= edge[-1])
    counts = xp(place).zeros(math.prod(sizes))
    add_at(counts, np.where(inside, place, 0), np.where(inside, 1.0 if weights is None else weights, 0.0))
    counts = counts.reshape(sizes)
    if density:
        counts = counts / counts.sum()
        for dim, edge in enumerate(edges):
            counts = counts / np.diff(edge).reshape([-1] + [1] * (len(edges) - 1 - dim))
    return counts


def _floats(function: str, input: Any) -> Any:
    data = dims.tensor(function, input)._data
    if data.dtype.kind != "f":
        raise errors.not_for_dtype(function + "_cpu", input.dtype.scalar_name)
    return data


@public()
def histogram(input: Any, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    """How many elements (or how much weight) fall into each bin: (hist, bin_edges). Mirrors `torch.histogram`."""
    data = _floats("histogram", input)
    weights = None if weight is None else weight._data.reshape(-1)
    if isinstance(bins, TensorBase):
        edges: Any = bins._data
    else:
        first, last = range or (0, 0)
        low, high = _bounds(data, first, last, 0.5)
        edges = xp(data).linspace(low, high, bins + 1).astype(data.dtype)
    counts = _counted([data.reshape(-1)], [edges], weights, density)
    return return_types.histogram(wrap(counts.astype(data.dtype)), wrap(edges.copy()))


@public(method=False)
def histogramdd(input: Any, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    """A histogram of points: the last dimension holds their coordinates. Mirrors `torch.histogramdd`."""
    data = _floats("histogramdd", input)
    points = data.reshape(math.prod(data.shape[:-1]), data.shape[-1])
    counts = [bins] * points.shape[1] if isinstance(bins, int) else list(bins)
    limits = list(zip(range[::2], range[1::2], strict=True)) if range else [(0, 0)] * len(counts)
    edges = [
        each._data if isinstance(each, TensorBase)
        else xp(data).linspace(*_bounds(column, *limit, 0.5), each + 1).astype(data.dtype)
        for column, each, limit in zip(points.T, counts, limits, strict=True)
    ]  # fmt: skip
    weights = None if weight is None else weight._data.reshape(-1)
    found = _counted(points.T, edges, weights, density)
    return return_types.histogramdd(wrap(found.astype(data.dtype)), tuple(wrap(edge) for edge in edges))


# -- areas under curves ----------------------------------------------------------------------------------------
def _neighbours(y: Any, dim: int) -> tuple[Any, Any]:
    """All elements but the last along `dim`, and all but the first."""
    n = max(y._data.shape[dim], 1)
    return OPS["slice.Tensor"](y, dim, 0, n - 1, 1), OPS["slice.Tensor"](y, dim, 1, n, 1)


def _steps(y: Any, x: Any, dim: int) -> Any:
    """The distances between the points of `x`, with the dimensions of `y`."""
    if x._data.ndim == 1:
        shape = [1] * y._data.ndim
        shape[dim] = x._data.size
        x = x.view(shape)
    else:
        while x._data.ndim < y._data.ndim:
            x = x.unsqueeze(0)
    before, after = _neighbours(x, dim)
    return after - before


@public("trapezoid", "trapz", method=False)
def trapezoid(y: Any, x: Any = None, *, dx: Any = 1, dim: int = -1) -> Any:
    """The area under the curve through `y`, at points `x` or `dx` apart, by trapezoids. Mirrors `torch.trapezoid`."""
    dim = dims.one("trapezoid", y, dim)
    if not y._data.shape[dim]:
        return y.new_zeros([n for d, n in enumerate(y._data.shape) if d != dim])
    if x is not None:
        before, after = _neighbours(y, dim)
        return sum(_steps(y, x, dim) * (before + after), dim) / 2
    return (sum(y, dim) - (y.select(dim, 0) + y.select(dim, -1)) * 0.5) * dx


@public(method=False)
def cumulative_trapezoid(y: Any, x: Any = None, *, dx: Any = 1, dim: int = -1) -> Any:
    """The area so far, after each step. Mirrors `torch.cumulative_trapezoid`."""
    dim = dims.one("cumulative_trapezoid", y, dim)
    before, after = _neighbours(y, dim)
    if x is not None:
        return (_steps(y, x, dim) * (before + after)).cumsum(dim) / 2
    return ((before + after) * (dx / 2)).cumsum(dim)


# -- slopes ----------------------------------------------------------------------------------------------------
@public(method=False)
def gradient(input: Any, *, spacing: Any = None, dim: Any = None, edge_order: int = 1) -> Any:
    """The slopes along the dimensions, from differences of neighbours: a tuple. Mirrors `torch.gradient`.

    spacing: the distance of the points, one number for all dimensions or one each, or their coordinates as tensors.
    edge_order: of how many neighbours more the slope at the two ends is made.
    """
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    along = range(input._data.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    places = [dims.one("gradient", input, each) for each in along]
    steps = list(spacing) if isinstance(spacing, tuple | list) else [1 if spacing is None else spacing] * len(places)
    if len(steps) != len(places):
        raise RuntimeError(
            f"torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to 'self.dim() = "
            f"{input._data.ndim}' but got a list of length {len(steps)}."
        )
    for place in places:
        if input._data.shape[place] < edge_order + 1:
            raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
    return tuple(_slopes(input, place, step, edge_order) for place, step in zip(places, steps, strict=True))


def _slopes(y: Any, dim: int, step: Any, order: int) -> Any:
    n = y._data.shape[dim]
    shape = [1] * y._data.ndim
    shape[dim] = -1

    def part(start: int, end: int) -> Any:
        return OPS["slice.Tensor"](y, dim, start, end, 1)

    if isinstance(step, TensorBase) and step._data.ndim:
        gap = _neighbours(step, 0)[1] - _neighbours(step, 0)[0]
        left, right = (each.view(shape) for each in _neighbours(gap, 0))
        a, c = -right / (left * (left + right)), left / (right * (left + right))
        b = (right - left) / (left * right)
        middle = a * part(0, n - 2) + b * part(1, n - 1) + c * part(2, n)
        first, last = gap[0], gap[-1]
    else:
        middle = (part(2, n) - part(0, n - 2)) / (step * 2)
        first = last = step
    if order == 1:
        return cat([(part(1, 2) - part(0, 1)) / first, middle, (part(n - 1, n) - part(n - 2, n - 1)) / last], dim)
    if isinstance(step, TensorBase) and step._data.ndim:
        p, q = gap[0], gap[1]
        start = (
            part(0, 1) * (-(2 * p + q) / (p * (p + q)))
            + part(1, 2) * ((p + q) / (p * q))
            - part(2, 3) * (p / (q * (p + q)))
        )
        p, q = gap[-2], gap[-1]
        end = (
            part(n - 3, n - 2) * (q / (p * (p + q)))
            - part(n - 2, n - 1) * ((p + q) / (p * q))
            + part(n - 1, n) * ((2 * q + p) / (q * (p + q)))
        )
    else:
        start = (part(0, 1) * -1.5 + part(1, 2) * 2 - part(2, 3) * 0.5) / step
        end = (part(n - 3, n - 2) * 0.5 - part(n - 2, n - 1) * 2 + part(n - 1, n) * 1.5) / step
    return cat([start, middle, end], dim)
