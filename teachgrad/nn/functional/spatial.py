"""Convolution and pooling, from the op table; and their rarer relatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from teachgrad.ops.adaptive import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
)
from teachgrad.ops.convolution import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from teachgrad.ops.pooling import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from teachgrad.ops.table import LIVE

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "affine_grid",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "channel_shuffle",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "grid_sample",
    "lp_pool1d",
    "lp_pool2d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
]  # fmt: skip


def _sizes(value: Any, n: int) -> list[int]:
    return [value] * n if isinstance(value, int) else list(value)


def affine_grid(theta: Any, size: Sequence[int], align_corners: bool | None = None) -> Any:
    """Places (N, H, W, 2) for `grid_sample`: those of a picture of `size` (N, C, H, W), moved by `theta` (N, 2, 3).

    Mirrors `F.affine_grid` (for pictures).
    """
    if theta.dim() != 3 or tuple(theta.shape[-2:]) != (2, 3):
        raise ValueError(
            f"Expected a batch of 2D affine matrices of shape Nx2x3 for size {list(size)}. Got {theta.shape}."
        )
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    return LIVE["affine_grid_generator"](theta, tuple(size), bool(align_corners))


def grid_sample(
    input: Any, grid: Any, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None
) -> Any:
    """(N, C, H, W) read at the places `grid` (N, h, w, 2), x and y from -1 to 1. Mirrors `F.grid_sample`.

    `mode` is bilinear or nearest; `padding_mode` says what lies outside: zeros, border or reflection. Raises ValueError for
    other words.
    """
    if mode not in ("bilinear", "nearest"):
        raise ValueError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        )
    return LIVE["grid_sampler_2d"](input, grid, mode, padding_mode, bool(align_corners))


def channel_shuffle(input: Any, groups: int) -> Any:
    """Mixes groups of channels: one channel of each in turn. Mirrors `F.channel_shuffle`."""
    return LIVE["native_channel_shuffle"](input, groups)


def lp_pool2d(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
    """(sum of x^p over each window)^(1/p) of (N, C, H, W). Mirrors `F.lp_pool2d`."""
    height, width = _sizes(kernel_size, 2)
    mean = avg_pool2d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    return (mean.sign() * mean.abs().relu()).mul(height * width).pow(1.0 / norm_type)


def lp_pool1d(input: Any, norm_type: float, kernel_size: int, stride: Any = None, ceil_mode: bool = False) -> Any:
    """(sum of x^p over each window)^(1/p) of (N, C, L). Mirrors `F.lp_pool1d`."""
    mean = avg_pool1d(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    return (mean.sign() * mean.abs().relu()).mul(kernel_size).pow(1.0 / norm_type)


def _unpooled(
    input: Any, indices: Any, kernel_size: Any, stride: Any, padding: Any, output_size: Any, n: int
) -> list[int]:
    """The size of the unpooled planes. Raises ValueError if `output_size` cannot be it."""
    kernel, room = _sizes(kernel_size, n), _sizes(padding, n)
    step = kernel if stride is None else _sizes(stride, n)
    usual = [(size - 1) * s + k - 2 * p for size, s, k, p in zip(input.shape[-n:], step, kernel, room, strict=True)]
    if output_size is None:
        return usual
    wanted = output_size[2:] if len(output_size) == n + 2 else output_size
    if len(wanted) != n:
        raise ValueError(
            f"output_size should be a sequence containing {n} or {n + 2} elements, but it has a length of "
            f"'{len(output_size)}'"
        )
    for dim, (found, fits, s) in enumerate(zip(wanted, usual, step, strict=True)):
        if not fits - s < found < fits + s:
            raise ValueError(f'invalid output_size "{wanted}" (dim {dim} must be between {fits - s} and {fits + s})')
    return list(wanted)


def max_unpool2d(
    input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Any:
    """Zeros with each number of `input` where `max_pool2d` took it from. Mirrors `F.max_unpool2d`."""
    size = _unpooled(input, indices, kernel_size, stride, padding, output_size, 2)
    return LIVE["max_unpool2d"](input, indices, (*input.shape[:-2], *size))


def max_unpool1d(
    input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Any:
    """Zeros with each number of `input` where `max_pool1d` took it from. Mirrors `F.max_unpool1d`."""
    (size,) = _unpooled(input, indices, kernel_size, stride, padding, output_size, 1)
    planes = LIVE["max_unpool2d"](input.unsqueeze(-1), indices.unsqueeze(-1), (*input.shape[:-1], size, 1))
    return planes.squeeze(-1)


def max_unpool3d(
    input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Any:
    """Zeros with each number of `input` where `max_pool3d` took it from. Mirrors `F.max_unpool3d`."""
    size = _unpooled(input, indices, kernel_size, stride, padding, output_size, 3)
    return LIVE["max_unpool3d"](input, indices, (*input.shape[:-3], *size))
