"""Pooling: the largest, or the mean, of the pixels in each window.

Max pooling sends the gradient of an output to the one pixel that won (in a tie the first, in reading order); its number
within the plane was noted on the way forwards. Average pooling shares the gradient evenly among the pixels of the window.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from teachgrad import errors
from teachgrad.gpu import add_at, xp
from teachgrad.ops import dims, refusals
from teachgrad.ops.dims import in_rules
from teachgrad.ops.sliding import Sizes, framed, reach_of, window
from teachgrad.ops.table import LIVE, op, public, raw


def _grown(array: Any, out: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, fill: Any) -> Any:
    """`array` with `fill` around it, wide enough for all windows (the last may stick out with ceil_mode)."""
    sizes = zip(array.shape[-len(out) :], padding, reach_of(out, kernel, stride, dilation), strict=True)
    return framed(array, tuple(max(size + p, reach) for size, p, reach in sizes), padding, fill)


def _numbering(
    make: Any, size: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, out: Sizes
) -> tuple[Any, Any, Any]:
    """How pixels are numbered within a plane of `size`, in reading order, from 0.

    Gives three arrays: the number of each window's first pixel, shape `out`; how far from it the pixel at each kernel
    position is, in reading order; and the first position of each window that is not padding, shape `out`.
    """
    firsts = apart = inside = make.zeros((), np.int64)
    for n, k, s, p, d, o in zip(size, kernel, stride, padding, dilation, out, strict=True):
        starts = make.arange(o) * s - p
        firsts = (firsts * n)[..., None] + starts
        apart = (apart * n)[..., None] + make.arange(k) * d
        inside = (inside * k)[..., None] + np.maximum(-(starts // d), 0)
    return firsts, apart.reshape(-1), inside.astype(np.uint8 if math.prod(kernel) <= 256 else np.int64)


_numbering_known = functools.lru_cache(256)(_numbering)
"""The same for NumPy, where it would take longer to make these small arrays than to look them up."""


@raw
def largest_in_windows(
    self: Any, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, out: Sizes
) -> tuple[Any, Any]:
    """The largest pixel of each window, and its number within the plane. A NaN counts as the largest."""
    make = xp(self)
    lowest = -np.inf if self.dtype.kind in "fV" else np.iinfo(self.dtype).min
    pixels = _grown(self, out, kernel, stride, padding, dilation, lowest)
    numbering = _numbering_known if make is np else _numbering
    firsts, apart, inside = numbering(make, self.shape[-len(out) :], kernel, stride, padding, dilation, out)
    # One NaN makes the smallest number NaN. A GPU is not asked, it would have to be waited for.
    odd = self.dtype.kind in "fV" and (make is not np or (self.size and np.isnan(self.min())))
    best: Any = None
    for position, place in enumerate(np.ndindex(*kernel)):
        candidate = pixels[window(place, out, stride, dilation)].copy()
        if best is None:
            best, winners = candidate, make.broadcast_to(inside, candidate.shape)
            continue
        better = candidate > best
        if odd:
            better |= candidate != candidate
        winners = np.maximum(winners, np.multiply(better, position, dtype=inside.dtype))  # later positions are higher
        best = np.maximum(best, candidate)
    indices = apart.take(winners)
    indices += firsts
    return best, indices


def _flat_places(indices: Any, shape: Sizes, n: int) -> Any:
    """Where in the whole array of `shape` the pixels are that `indices` number within their planes, as one long list."""
    size = math.prod(shape[-n:])
    begins = xp(indices).arange(0, math.prod(shape[:-n]) * size, size or 1)
    return (indices.reshape(len(begins), math.prod(indices.shape[-n:])) + begins[:, None]).reshape(-1)


@raw
def planes_from(self: Any, indices: Any, shape: Sizes, n: int, apart: bool = False) -> Any:
    """Zeros of `shape` with each number of `self` added at its place in its plane, the last `n` dimensions.

    `apart` promises that no place occurs twice, so that there is nothing to add.
    """
    planes = xp(self).zeros(math.prod(shape), self.dtype)
    places = _flat_places(indices, shape, n)
    if apart:
        planes[places] = self.reshape(-1)
    else:
        add_at(planes, places, self.reshape(-1))
    return planes.reshape(shape)


@raw
def planes_with(self: Any, indices: Any, shape: Sizes, n: int) -> Any:
    """Zeros of `shape` with each number of `self` at its place in its plane; of several for one place, the last.

    Raises RuntimeError where a place lies outside of its plane.
    """
    size = math.prod(shape[-n:])
    outside = indices[(indices < 0) | (indices >= size)]
    if outside.size:
        raise refusals.unpool_index(int(outside[-1]), shape[-n:])
    planes = xp(self).zeros((math.prod(shape[:-n]), size), self.dtype)
    rows = xp(self).arange(len(planes))[:, None]
    flat = len(planes), math.prod(self.shape[-n:])
    planes[rows, indices.reshape(flat)] = self.reshape(flat)
    return planes.reshape(shape)


@raw
def planes_at(self: Any, indices: Any, n: int) -> Any:
    """The numbers at `indices` of each plane: the transpose of `planes_from`."""
    return self.reshape(-1)[_flat_places(indices, self.shape, n)].reshape(indices.shape)


@in_rules
def windows_apart(kernel: Sizes, stride: Sizes, dilation: Sizes) -> bool:
    """Does no pixel lie in two windows?"""
    return all(s > d * (k - 1) for k, s, d in zip(kernel, stride, dilation, strict=True))


def _counts(
    make: Any, size: Sizes, out: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, include: bool, divisor: Any
) -> Any:
    """By how much the sum of each window is divided, shape `out`: its pixels, with or without the padding."""
    if divisor is not None:
        return divisor
    counts: Any = 1
    for length, o, k, s, p in zip(size, out, kernel, stride, padding, strict=True):
        starts = make.arange(o) * s - p
        ends = np.minimum(starts + k, length + p)
        inside = np.minimum(ends, length) - np.maximum(starts, 0)
        counts = np.multiply.outer(counts, ends - starts if include else inside)
    return counts


@raw
def mean_of_windows(
    self: Any, kernel: Sizes, stride: Sizes, padding: Sizes, out: Sizes, include: bool, divisor: Any
) -> Any:
    """The mean of each window."""
    dilation = (1,) * len(out)
    pixels = _grown(self, out, kernel, stride, padding, dilation, 0)
    total: Any = xp(self).zeros((*self.shape[: -len(out)], *out), self.dtype)
    for place in np.ndindex(*kernel):
        total += pixels[window(place, out, stride, dilation)]
    counts = _counts(xp(self), self.shape[-len(out) :], out, kernel, stride, padding, include, divisor)
    return (total / counts).astype(self.dtype, copy=False)


@raw
def spread_over_windows(
    self: Any, size: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, include: bool, divisor: Any
) -> Any:
    """Planes of `size` with each number shared among the pixels of its window: the transpose of `mean_of_windows`."""
    n = len(size)
    out, dilation = self.shape[-n:], (1,) * n
    shares = (self / _counts(xp(self), size, out, kernel, stride, padding, include, divisor)).astype(
        self.dtype, copy=False
    )
    ends = (
        max((o - 1) * s + k, length + 2 * p)
        for o, s, k, length, p in zip(out, stride, kernel, size, padding, strict=True)
    )
    planes: Any = xp(self).zeros((*self.shape[:-n], *ends), self.dtype)
    for place in np.ndindex(*kernel):
        planes[window(place, out, stride, dilation)] += shares
    return planes[(..., *(slice(p, p + length) for p, length in zip(padding, size, strict=True)))]


for _n in (2, 3):
    op(
        f"max_pool{_n}d_with_indices(self; kernel, stride, padding, dilation, out) -> values, !indices",
        f"MaxPool{_n}DWithIndicesBackward0",
        "largest_in_windows(self, kernel, stride, padding, dilation, out)",
        self=f"planes_from(grad, indices, self.shape, {_n}, windows_apart(kernel, stride, dilation))",
        shown={"self": f"planes_from(grad, indices, self.shape, {_n})"},
        refuses={"c": f"max_pool{_n}d"},
        samples=["F.max_pool3d(b[None] + x.sum(), 2)", "F.max_pool3d(b[None], (1, 2, 2), stride=1)"] if _n == 3 else [
            "F.max_pool2d(c, 2)", "F.max_pool2d(c, 3, stride=1, padding=1)", "F.max_pool2d(c, 2, ceil_mode=True)",
            "F.max_pool2d(c, 2, 1, dilation=2)", "F.max_pool2d(c, 2, 2, 1, return_indices=True)[1]",
        ],
    )  # fmt: skip
    op(
        f"avg_pool{_n}d_windows(self; kernel, stride, padding, out, include, divisor)", f"AvgPool{_n}DBackward0",
        "mean_of_windows(self, kernel, stride, padding, out, include, divisor)",
        keeps=["kernel"], refuses={"c": f"avg_pool{_n}d" if _n == 2 else "avg_pool3d_out_frame"},
        self=f"avg_pool{_n}d_shares(grad, self_shape[-{_n}:], kernel, stride, padding, include, divisor)",
        samples=[f"F.avg_pool{_n}d(b[None], 2)" if _n == 3 else "F.avg_pool2d(c, 2)"],
    )  # fmt: skip
    op(
        f"avg_pool{_n}d_shares(self; size, kernel, stride, padding, include, divisor)", f"AvgPool{_n}DBackwardBackward0",
        "spread_over_windows(self, size, kernel, stride, padding, include, divisor)",
        self=f"avg_pool{_n}d_windows(grad, kernel, stride, padding, self_shape[-{_n}:], include, divisor)",
        samples=[f"F.avg_pool{_n}d(b[None], 2)" if _n == 3 else "F.avg_pool2d(c, 2)"],
    )  # fmt: skip
op(
    "planes_from(self, indices; shape, n, apart=False)", "MaxPool2DWithIndicesBackwardBackward0",
    "planes_from(self, indices, shape, n, apart)",
    self="planes_at(grad, indices, n)", samples=["F.max_pool2d(c, 2)"],
)  # fmt: skip
op(
    "planes_at(self, indices; n)", "MaxPool2DWithIndicesBackwardBackward0", "planes_at(self, indices, n)",
    self="planes_from(grad, indices, self_shape, n)", samples=["F.max_pool2d(c, 2)"],
)  # fmt: skip


# -- the faces -------------------------------------------------------------------------------------------------
def numbers_of(value: Any, n: int) -> Sizes:
    """One number for every dimension, or one each, as a tuple of `n`."""
    numbers = (int(value),) * n if isinstance(value, int | np.integer) else tuple(int(number) for number in value)
    return numbers * n if len(numbers) == 1 else numbers


def _placed(
    input: Any, n: int, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[Sizes, Sizes, Sizes, Sizes, Sizes]:
    """Kernel, stride, padding and dilation as tuples, and the size of the output. Raises RuntimeError if there is none."""
    kernel, padding, dilation = numbers_of(kernel, n), numbers_of(padding, n), numbers_of(dilation, n)
    stride = kernel if stride is None or stride == () else numbers_of(stride, n)
    if any(s == 0 for s in stride):
        raise RuntimeError("stride should not be zero")
    shape = input._data.shape
    if len(shape) not in (n + 1, n + 2) or 0 in shape[-n - 1 :]:
        raise errors.explained(
            RuntimeError(f"non-empty {n + 1}D or {n + 2}D (batch mode) tensor expected for input"),
            f"The dimensions are (batch, channels, {', '.join(('depth', 'height', 'width')[-n:])}); the batch may be left "
            "out.",
        )
    out = []
    for size, k, s, p, d in zip(shape[-n:], kernel, stride, padding, dilation, strict=True):
        if p > ((k - 1) * d + 1) // 2:
            raise RuntimeError(
                "pad should be at most half of effective kernel size, "
                f"but got pad={p}, kernel_size={k} and dilation={d}"
            )
        room = size + 2 * p - d * (k - 1) - 1
        count = (-(-room // s) if ceil_mode else room // s) + 1
        if ceil_mode and (count - 1) * s >= size + p:  # a window must begin inside the picture or its left padding
            count -= 1
        out.append(count)
    if any(count < 1 for count in out):
        before, after = ("x".join(map(str, (shape[-n - 1], *s))) for s in (shape[-n:], (max(c, 0) for c in out)))
        raise errors.explained(
            RuntimeError(f"Given input size: ({before}). Calculated output size: ({after}). Output size is too small"),
            "The picture has become smaller than the window. Use fewer pooling layers, or a smaller window.",
        )
    return kernel, stride, padding, dilation, tuple(out)


def _max_pool(n: int) -> Callable[..., Any]:
    def max_pool(
        input: Any,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        placed = _placed(dims.tensor(f"max_pool{n}d", input), n, kernel_size, stride, padding, dilation, ceil_mode)
        values, indices = LIVE[f"max_pool{n}d_with_indices"](input, *placed)
        return (values, indices) if return_indices else values

    return _described(max_pool, f"max_pool{n}d", "The largest element of each window")


def _avg_pool(n: int) -> Callable[..., Any]:
    def avg_pool(
        input: Any,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Any:
        if divisor_override == 0:
            raise RuntimeError("divisor must be not zero")
        kernel, steps, pad, _, out = _placed(
            dims.tensor(f"avg_pool{n}d", input), n, kernel_size, stride, padding, 1, ceil_mode
        )
        return LIVE[f"avg_pool{n}d_windows"](input, kernel, steps, pad, out, count_include_pad, divisor_override)

    return _described(avg_pool, f"avg_pool{n}d", "The mean of each window", function=False)


def _described(face: Callable[..., Any], name: str, what: str, function: bool = True) -> Callable[..., Any]:
    face.__name__ = face.__qualname__ = name
    face.__doc__ = (
        f"{what} of {name[-2]}-d planes, (N, C, *size) to (N, C, *out). Mirrors `F.{name}`.\n\n"
        "The window moves by `stride`, its own size if None. Raises RuntimeError if it fits nowhere."
    )
    return public(name, method=False)(face) if function else face


max_pool2d, max_pool3d = _max_pool(2), _max_pool(3)
avg_pool2d, avg_pool3d = _avg_pool(2), _avg_pool(3)


@public("max_pool1d", method=False)
def max_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window of (N, C, L) or (C, L). Mirrors `F.max_pool1d`."""
    if input._data.ndim not in (2, 3):
        raise RuntimeError(
            "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:"
            f"{list(input._data.shape)}"
        )
    around = [(1, *numbers_of(v, 1)) for v in (kernel_size, kernel_size if stride is None else stride)]
    pad, apart = (0, *numbers_of(padding, 1)), (1, *numbers_of(dilation, 1))
    found = max_pool2d(input.unsqueeze(-2), *around, pad, apart, ceil_mode, return_indices)
    return tuple(part.squeeze(-2) for part in found) if return_indices else found.squeeze(-2)


@public("avg_pool1d", method=False)
def avg_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """The mean of each window of (N, C, L) or (C, L). Mirrors `F.avg_pool1d`."""
    if input._data.ndim not in (2, 3):
        raise RuntimeError(
            f"Expected 2 to 3 dimensions, but got {input._data.ndim}-dimensional tensor for argument #1 'self' (while "
            "checking arguments for avg_pool1d)"
        )
    around = [(1, *numbers_of(v, 1)) for v in (kernel_size, kernel_size if stride is None else stride)]
    return avg_pool2d(input.unsqueeze(-2), *around, (0, *numbers_of(padding, 1)), ceil_mode, count_include_pad).squeeze(
        -2
    )
