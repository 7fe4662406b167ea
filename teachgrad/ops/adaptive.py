"""Adaptive pooling: windows that divide a plane evenly into as many parts as are asked for, however large it is.

Window i of n over a length L reaches from floor(i L / n) to ceil((i + 1) L / n); neighbours may overlap by one. The means
along one dimension are a matrix (out, in), the same for all others, so a plane is done one dimension after the other.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from teachgrad import dtypes, errors
from teachgrad.gpu import xp
from teachgrad.ops.pooling import numbers_of as numbers
from teachgrad.ops.sliding import Sizes
from teachgrad.ops.table import LIVE, op, public, raw


def _bounds(size: int, out: int) -> list[tuple[int, int]]:
    """Where the windows begin and end that divide `size` pixels evenly among `out` outputs."""
    return [(i * size // out, -(-(i + 1) * size // out)) for i in range(out)]


def _means(like: Any, size: int, out: int) -> Any:
    """The matrix that takes these means: (out, size)."""
    matrix = xp(like).zeros((out, size), like.dtype)
    for row, (start, end) in zip(matrix, _bounds(size, out), strict=True):
        row[start:end] = 1 / (end - start)
    return matrix


def _along(self: Any, matrix: Any, dim: int) -> Any:
    """The matrix applied along dimension `dim`."""
    return np.moveaxis(np.tensordot(self, matrix, (dim, 1)), -1, dim)


@raw
def adaptive_means(self: Any, out: Sizes) -> Any:
    """Means of windows that divide each plane evenly, along one dimension after the other."""
    if self.dtype.kind not in "fV":
        raise errors.not_for_dtype("adaptive_avg_pool2d", dtypes.of(self.dtype).scalar_name)
    for dim, n in enumerate(out, self.ndim - len(out)):
        self = _along(self, _means(self, self.shape[dim], n), dim)
    return xp(self).ascontiguousarray(self)


@raw
def adaptive_shares(self: Any, size: Sizes) -> Any:
    """The transpose of `adaptive_means`: each number shared among the pixels of its window."""
    for dim, n in enumerate(size, self.ndim - len(size)):
        self = _along(self, _means(self, n, self.shape[dim]).T, dim)
    return xp(self).ascontiguousarray(self)


@raw
def adaptive_largest(self: Any, out: Sizes) -> tuple[Any, Any]:
    """The largest pixel of windows that divide each plane evenly, and its number within the plane."""
    lead, size = self.shape[: -len(out)], self.shape[-len(out) :]
    values = xp(self).empty((*lead, *out), self.dtype)
    indices = xp(self).empty(values.shape, np.int64)
    places = xp(self).arange(math.prod(size)).reshape(size)
    bounds = [_bounds(n, o) for n, o in zip(size, out, strict=True)]
    for cell in np.ndindex(*out):
        window = tuple(slice(*bounds[dim][i]) for dim, i in enumerate(cell))
        numbers_here = places[window].reshape(-1)
        pixels = self[(..., *window)].reshape(*lead, numbers_here.size)
        best = (pixels.argmax(-1) if pixels.size else xp(self).zeros(lead, np.int64))[..., None]
        values[(..., *cell)] = np.take_along_axis(pixels, best, -1)[..., 0]
        indices[(..., *cell)] = numbers_here[best[..., 0]]
    return values, indices


for _n in (2, 3):
    _input = "c" if _n == 2 else "c[None]"
    op(
        f"adaptive_avg_pool{_n}d_means(self; out)", f"AdaptiveAvgPool{_n}DBackward0", "adaptive_means(self, out)",
        self=f"adaptive_avg_pool{_n}d_shares(grad, self_shape[-{_n}:])",
        samples=[
            f"F.adaptive_avg_pool{_n}d({_input}, 2)", f"F.adaptive_avg_pool{_n}d({_input}, ({'1, ' * (_n - 2)}3, None))",
        ],
    )  # fmt: skip
    op(
        f"adaptive_avg_pool{_n}d_shares(self; size)", f"AdaptiveAvgPool{_n}DBackward0", "adaptive_shares(self, size)",
        self=f"adaptive_avg_pool{_n}d_means(grad, self_shape[-{_n}:])", samples=[f"F.adaptive_avg_pool{_n}d({_input}, 2)"],
    )  # fmt: skip
    op(
        f"adaptive_max_pool{_n}d_largest(self; out) -> values, !indices", f"AdaptiveMaxPool{_n}DBackward0",
        "adaptive_largest(self, out)",
        refuses={"c": f"adaptive_max_pool{_n}d"},
        self=f"planes_from(grad, indices, self_shape, {_n})",
        samples=[
            f"F.adaptive_max_pool{_n}d({_input}, 2)", f"F.adaptive_max_pool{_n}d({_input}, ({'1, ' * (_n - 2)}3, None))",
        ],
    )  # fmt: skip


# -- the faces -------------------------------------------------------------------------------------------------
def _size(function: str, input: Any, output_size: Any, n: int) -> Sizes:
    """The output size as a tuple of n; None keeps the input's."""
    wanted = (output_size,) * n if output_size is None or isinstance(output_size, int) else tuple(output_size)
    if len(wanted) != n:
        raise RuntimeError(f"{function}: output_size must be {n}")
    return tuple(have if want is None else want for want, have in zip(wanted, input._data.shape[-n:], strict=True))


def _average(input: Any, output_size: Any, n: int) -> Any:
    out = _size(f"adaptive_avg_pool{n}d", input, output_size, n)
    if out == (1,) * n and input._data.dtype.kind in "fV":
        return input.mean(tuple(range(-1, -n - 1, -1)), keepdim=True)
    return LIVE[f"adaptive_avg_pool{n}d_means"](input, out)


def adaptive_avg_pool2d(input: Any, output_size: Any) -> Any:
    """Means of windows that divide each plane into `output_size` parts. Mirrors `F.adaptive_avg_pool2d`."""
    return _average(input, output_size, 2)


def adaptive_avg_pool3d(input: Any, output_size: Any) -> Any:
    """Means of windows that divide each volume into `output_size` parts. Mirrors `F.adaptive_avg_pool3d`."""
    return _average(input, output_size, 3)


def _largest(input: Any, output_size: Any, return_indices: bool, n: int) -> Any:
    out = _size(f"adaptive_max_pool{n}d", input, output_size, n)
    values, indices = LIVE[f"adaptive_max_pool{n}d_largest"](input, out)
    return (values, indices) if return_indices else values


def adaptive_max_pool2d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of windows that divide each plane evenly. Mirrors `F.adaptive_max_pool2d`."""
    return _largest(input, output_size, return_indices, 2)


def adaptive_max_pool3d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of windows that divide each volume evenly. Mirrors `F.adaptive_max_pool3d`."""
    return _largest(input, output_size, return_indices, 3)


@public("adaptive_avg_pool1d", method=False)
def adaptive_avg_pool1d(input: Any, output_size: Any) -> Any:
    """Means of windows that divide (N, C, L) evenly along L. Mirrors `F.adaptive_avg_pool1d`."""
    return adaptive_avg_pool2d(input.unsqueeze(-2), (1, *numbers(output_size, 1))).squeeze(-2)


def adaptive_max_pool1d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """The largest elements of windows that divide (N, C, L) evenly along L. Mirrors `F.adaptive_max_pool1d`."""
    found = adaptive_max_pool2d(input.unsqueeze(-2), (1, *numbers(output_size, 1)), return_indices)
    return tuple(part.squeeze(-2) for part in found) if return_indices else found.squeeze(-2)
