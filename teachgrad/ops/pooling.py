"""Pooling: the largest, or the mean, of the pixels in each window.

Max pooling sends the gradient of an output to the one pixel that won (in a tie the first, in reading order); its number
within the plane was noted on the way forwards. Average pooling shares the gradient evenly among the pixels of the window.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from teachgrad import dtypes, errors
from teachgrad.ops.convolution import Sizes, added_back
from teachgrad.ops.convolution import _window as window
from teachgrad.ops.table import LIVE, op, public, raw


def _places(array: Any, n: int) -> Any:
    """The numbers 0, 1, 2, ... of the pixels of a plane, in its shape."""
    size = array.shape[-n:]
    return np.arange(math.prod(size)).reshape(size)


def _grown(array: Any, out: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, fill: Any) -> Any:
    """`array` with `fill` around it, wide enough for all windows (the last may stick out with ceil_mode)."""
    n = len(out)
    ends = (
        (o - 1) * s + d * (k - 1) + 1 - p - size
        for o, s, d, k, p, size in zip(out, stride, dilation, kernel, padding, array.shape[-n:], strict=True)
    )
    around = [(0, 0)] * (array.ndim - n) + [(p, max(end, 0)) for p, end in zip(padding, ends, strict=True)]
    return np.pad(array, around, constant_values=fill) if any(map(any, around)) else array


@raw
def largest_in_windows(
    self: Any, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, out: Sizes
) -> tuple[Any, Any]:
    """The largest pixel of each window, and its number within the plane."""
    lowest = -np.inf if self.dtype.kind == "f" else np.iinfo(self.dtype).min
    pixels = _grown(self, out, kernel, stride, padding, dilation, lowest)
    numbers = _grown(_places(self, len(out)), out, kernel, stride, padding, dilation, -1)
    best = indices = None
    for place in np.ndindex(*kernel):
        seen = window(place, out, stride, dilation)
        candidate = pixels[seen]
        number = np.broadcast_to(numbers[seen], candidate.shape)
        if best is None:
            best, indices = candidate.copy(), number.copy()
            continue
        better = (candidate > best) | (candidate != candidate) | (indices < 0)
        best = np.where(better, candidate, best)
        indices = np.where(better, number, indices)
    return best, indices


@raw
def planes_from(self: Any, indices: Any, shape: Sizes) -> Any:
    """Zeros of `shape` with each number of `self` added at its place in its plane."""
    lead = indices.shape[: len(shape) - len(indices.shape) + _plane_dims(indices, shape)]
    planes = np.zeros((math.prod(lead), math.prod(shape[len(lead) :])), self.dtype)
    rows = np.arange(len(planes))[:, None]
    np.add.at(planes, (rows, indices.reshape(len(planes), -1)), self.reshape(len(planes), -1))
    return planes.reshape(shape)


@raw
def planes_at(self: Any, indices: Any, lead: int) -> Any:
    """The numbers at `indices` of each plane: the transpose of `planes_from`."""
    planes = self.reshape(math.prod(self.shape[:lead]), -1)
    return np.take_along_axis(planes, indices.reshape(len(planes), -1), 1).reshape(indices.shape)
