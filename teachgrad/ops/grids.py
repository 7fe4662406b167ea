"""Pictures read at any places, as a spatial transformer does: `grid_sample`, and grids that move or turn: `affine_grid`.

A grid gives for each output pixel where to look, x and y from -1 (left, top) to 1. Between pixels the four around it are
mixed by how near they are:

    value = (1 - v) ((1 - u) I[y, x] + u I[y, x+1]) + v ((1 - u) I[y+1, x] + u I[y+1, x+1])

so the picture gets a gradient, and so do the places: with respect to u it is how much brighter the right side is.
M. Jaderberg and others, "Spatial transformer networks", NIPS 2015.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

from teachgrad.gpu import add_at, xp
from teachgrad.ops import pooling  # noqa: F401 - planes_at, planes_with
from teachgrad.ops.table import LIVE, op, raw


def _folded_back(place: Any, size: int, align: bool) -> tuple[Any, Any]:
    """Places outside of the picture, reflected at its borders until they are inside; and by which sign they then move."""
    low, span = (0.0, size - 1.0) if align else (-0.5, float(size))
    if span == 0:
        return np.zeros_like(place), np.zeros_like(place)
    distance = place - low
    turns = np.floor(np.abs(distance) / span)
    rest = np.abs(distance) - turns * span
    even = turns % 2 == 0
    return np.where(even, rest, span - rest) + low, np.where(even, 1, -1) * np.where(distance < 0, -1, 1)


def _in_pixels(place: Any, size: int, padding: str, align: bool) -> tuple[Any, Any]:
    """Coordinates from -1 to 1 as coordinates in pixels, and the derivative of these."""
    scale = (size - 1) / 2 if align else size / 2
    pixels = (place + 1) / 2 * (size - 1) if align else ((place + 1) * size - 1) / 2
    slope = np.full_like(pixels, scale)
    if padding == "reflection":
        pixels, sign = _folded_back(pixels, size, align)
        slope = slope * sign
    if padding != "zeros":
        slope = np.where((pixels <= 0) | (pixels >= size - 1), 0, slope)
        pixels = np.clip(pixels, 0, size - 1)
    return pixels.astype(place.dtype), slope.astype(place.dtype)


def _neighbours(shape: tuple[int, ...], grid: Any, mode: str, padding: str, align: bool) -> Iterator[tuple[Any, ...]]:
    """For each pixel around the places: its row and column, whether it exists, its weight, and the weight's slopes."""
    x, slope_x = _in_pixels(grid[..., 0], shape[3], padding, align)
    y, slope_y = _in_pixels(grid[..., 1], shape[2], padding, align)
    if mode == "nearest":
        around = [(np.rint(y), np.rint(x), np.ones_like(x), 0 * x, 0 * x)]
    else:
        left, top = np.floor(x), np.floor(y)
        u, v = x - left, y - top
        around = [
            (top + down, left + right, (v if down else 1 - v) * (u if right else 1 - u),
             (v if down else 1 - v) * (slope_x if right else -slope_x),
             (u if right else 1 - u) * (slope_y if down else -slope_y))
            for down in (0, 1) for right in (0, 1)
        ]  # fmt: skip
    for row, column, weight, by_x, by_y in around:
        inside = (row >= 0) & (row < shape[2]) & (column >= 0) & (column < shape[3])
        yield np.where(inside, row, 0).astype(int), np.where(inside, column, 0).astype(int), inside, weight, by_x, by_y


@raw
def sampled(self: Any, grid: Any, *how: Any) -> Any:
    """(N, C, H, W) at the places (N, h, w, 2), as (N, C, h, w)."""
    sample = xp(self).arange(len(self))[:, None, None]
    total = xp(self).zeros((*grid.shape[:3], self.shape[1]), self.dtype)
    for row, column, inside, weight, _, _ in _neighbours(self.shape, grid, *how):
        total += self[sample, :, row, column] * (weight * inside)[..., None]
    return xp(self).ascontiguousarray(total.transpose(0, 3, 1, 2))


@raw
def sampled_back(grad: Any, shape: tuple[int, ...], grid: Any, *how: Any) -> Any:
    """The gradient of the pictures: each place gives its own to the pixels around it."""
    total = xp(grad).zeros((shape[0], *shape[2:], shape[1]), grad.dtype)
    sample, last = xp(grad).arange(shape[0])[:, None, None], grad.transpose(0, 2, 3, 1)
    for row, column, inside, weight, _, _ in _neighbours(shape, grid, *how):
        add_at(total, (sample, row, column), last * (weight * inside)[..., None])
    return total.transpose(0, 3, 1, 2)


@raw
def places_back(grad: Any, self: Any, grid: Any, *how: Any) -> Any:
    """The gradient of the places."""
    total = np.zeros_like(grid)
    sample, last = xp(grad).arange(len(self))[:, None, None], grad.transpose(0, 2, 3, 1)
    for row, column, inside, _, by_x, by_y in _neighbours(self.shape, grid, *how):
        pull = (last * self[sample, :, row, column]).sum(-1) * inside
        total[..., 0] += pull * by_x
        total[..., 1] += pull * by_y
    return total


def _not_twice(*arguments: Any) -> NoReturn:
    raise RuntimeError("derivative for aten::grid_sampler_2d_backward is not implemented")


LIVE["sampled_back"] = LIVE["places_back"] = _not_twice


@raw
def base_grid(like: Any, size: tuple[int, ...], align: bool) -> Any:
    """(x, y, 1) for each pixel of a picture, x and y from -1 to 1: (H * W, 3), of the dtype of `like` and where it is."""
    like = getattr(like, "_data", like)
    make = xp(like)
    lines = [make.linspace(-1, 1, n) * (1 if align else (n - 1) / n) if n > 1 else make.zeros(1) for n in size[-2:]]
    y, x = np.meshgrid(*lines, indexing="ij")
    return np.stack([x, y, np.ones_like(x)], -1).reshape(-1, 3).astype(like.dtype)


LIVE["base_grid"] = base_grid


op(
    "grid_sampler_2d(self, grid; mode, padding, align)", "GridSampler2DBackward0",
    "sampled(self, grid, mode, padding, align)", refuses={"c": "grid_sampler_2d_cpu_kernel_impl"},
    self="sampled_back(grad, self_shape, grid, mode, padding, align)",
    grid="places_back(grad, self, grid, mode, padding, align)",
    shown={
        "self": "grad, added to the pixels around each place with the weights they had",
        "grid": "grad times the slope of the picture at each place",
    },
)  # fmt: skip
op(
    "affine_grid_generator(theta; size, align)", "AffineGridGeneratorBackward0",
    "reshape(base_grid(theta, size, align) @ theta.mT, (size[0], size[2], size[3], 2))",
    theta="reshape(grad, (size[0], -1, 2)).mT @ constant(base_grid(grad, size, align))",
    samples=["F.affine_grid(b[:, :2, :3], (2, 1, 3, 4), True)"],
)  # fmt: skip
for _n in (2, 3):
    op(
        f"max_unpool{_n}d(self, indices; shape)", f"MaxUnpool{_n}DBackward0", f"planes_with(self, indices, shape, {_n})",
        self=f"planes_at(grad, indices, {_n})",
        refuses={"c": f"max_unpool{_n}d"},
        samples=[
            "F.max_unpool2d(*F.max_pool2d(c, 2, return_indices=True), 2, output_size=(4, 5))" if _n == 2
            else "F.max_unpool3d(*F.max_pool3d(c[None], (1, 2, 2), return_indices=True), (1, 2, 2), output_size=(2, 4, 5))"
        ],
    )  # fmt: skip
op(
    "native_channel_shuffle(self; groups)", "ChannelShuffleBackward0", "shuffled_channels(self, groups)",
    self="native_channel_shuffle(grad, self_shape[1] // groups)",
    samples=["F.channel_shuffle(c, 2)"],
)  # fmt: skip


@raw
def shuffled_channels(self: Any, groups: int) -> Any:
    """Channels in groups, taken one from each group in turn."""
    batch, channels, *rest = self.shape
    return self.reshape(batch, groups, channels // groups, *rest).swapaxes(1, 2).reshape(self.shape)
