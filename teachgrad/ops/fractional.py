"""Fractional max pooling: windows at random places, whose number need not divide the size of the plane.

B. Graham, "Fractional max-pooling", 2014. One random number per plane and dimension says where all windows begin.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from teachgrad.gpu import xp
from teachgrad.ops.pooling import numbers_of
from teachgrad.ops.sliding import Sizes
from teachgrad.ops.table import LIVE, op, raw
from teachgrad.sampling import rand


def _starts(samples: Any, size: int, out: int, kernel: int) -> Any:
    """Where the windows begin along one dimension, shape (*samples.shape, out)."""
    if out == 1:
        return xp(samples).full((*samples.shape, 1), size - kernel)
    step = samples.dtype.type((size - kernel) / (out - 1))
    places = xp(samples).arange(out, dtype=samples.dtype)
    starts = ((places + samples[..., None]) * step).astype(np.int64) - (samples[..., None] * step).astype(np.int64)
    starts[..., -1] = size - kernel
    return starts


@raw
def largest_in_random_windows(self: Any, samples: Any, kernel: Sizes, out: Sizes) -> tuple[Any, Any]:
    """The largest pixel of each window, and its number within the plane. `samples`: (N, C, number of dimensions)."""
    n, size = len(out), self.shape[-len(out) :]
    order = (1, 0) if n == 2 else (0, 1, 2)  # in the plane, PyTorch's first number is for the width
    places: Any = 0
    for dim in range(n):
        begin = _starts(samples[..., order[dim]], size[dim], out[dim], kernel[dim])
        along = begin[..., :, None] + xp(self).arange(kernel[dim])  # (N, C, out, kernel)
        shape = [
            *samples.shape[:2],
            *(out[d] if d == dim else 1 for d in range(n)),
            *(kernel[d] if d == dim else 1 for d in range(n)),
        ]
        places = places * size[dim] + along.reshape(shape)
    places = places.reshape(*samples.shape[:2], math.prod(out), math.prod(kernel))
    planes = self.reshape(*samples.shape[:2], 1, math.prod(size))
    pixels = np.take_along_axis(
        xp(self).broadcast_to(planes, (*planes.shape[:2], places.shape[2], planes.shape[3])), places, -1
    )
    best = pixels.argmax(-1)[..., None]
    shape_out = (*self.shape[:-n], *out)
    values, indices = (np.take_along_axis(each, best, -1).reshape(shape_out) for each in (pixels, places))
    return values, indices


for _n in (2, 3):
    op(
        f"fractional_max_pool{_n}d_windows(self; samples, kernel, out) -> values, !indices",
        f"FractionalMaxPool{_n}DBackward0", "largest_in_random_windows(self, samples, kernel, out)",
        self=f"planes_from(grad, indices, self_shape, {_n})",
        refuses={"c": f"fractional_max_pool{_n}d"},
        samples=[
            "(torch.manual_seed(0), F.fractional_max_pool2d(c[None], 2, 2))[1]"
            if _n == 2 else "(torch.manual_seed(0), F.fractional_max_pool3d(c[None], (1, 2, 2), (1, 2, 3)))[1]"
        ],
    )  # fmt: skip


def _pooled(input: Any, kernel: Any, size: Any, ratio: Any, return_indices: bool, samples: Any, n: int) -> Any:
    if size is None and ratio is None:
        raise ValueError(f"fractional_max_pool{n}d requires specifying either an output_size or an output_ratio")
    shape = input._data.shape
    if size is None:
        shares = (ratio,) * n if isinstance(ratio, int | float) else tuple(ratio)
        size = tuple(int(length * share) for length, share in zip(shape[-n:], shares, strict=True))
    batch = 1 if len(shape) == n + 1 else shape[0]
    if samples is None:
        samples = rand(batch, shape[-n - 1], n, dtype=input.dtype)
    kernel, size = numbers_of(kernel, n), numbers_of(size, n)
    for name, k, out, length in zip(("time", "height", "width")[-n:], kernel, size, shape[-n:], strict=True):
        if out + k - 1 > length - (n == 3):
            function = "fractional_max_pool2d" if n == 2 else "fractional_max_pool3d_out"
            raise RuntimeError(f"{function}(): pool {name} {k} too large relative to input {name} {length}")
    found = LIVE[f"fractional_max_pool{n}d_windows"](input, samples._data, kernel, size)
    return found if return_indices else found[0]


def fractional_max_pool2d(
    input: Any, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:  # fmt: skip
    """The largest elements of windows at random places of (N, C, H, W). Mirrors `F.fractional_max_pool2d`."""
    return _pooled(input, kernel_size, output_size, output_ratio, return_indices, _random_samples, 2)


def fractional_max_pool3d(
    input: Any, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:  # fmt: skip
    """The largest elements of windows at random places of (N, C, D, H, W). Mirrors `F.fractional_max_pool3d`."""
    return _pooled(input, kernel_size, output_size, output_ratio, return_indices, _random_samples, 3)
