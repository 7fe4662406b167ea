"""Pictures of another size, windows as columns, and bags of embeddings."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import teachgrad as torch
from teachgrad import errors
from teachgrad.autograd.variable import wrap
from teachgrad.gpu import xp
from teachgrad.nn.functional.layers import embedding, shorten_rows
from teachgrad.ops.adaptive import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from teachgrad.ops.convolution import sizes
from teachgrad.ops.resampling import MATRICES, pixel_shuffle, pixel_unshuffle
from teachgrad.ops.table import LIVE

__all__ = [
    "embedding_bag",
    "fold",
    "gumbel_softmax",
    "interpolate",
    "pixel_shuffle",
    "pixel_unshuffle",
    "unfold",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]

_MODES = {
    3: ("nearest", "nearest-exact", "linear", "area"),
    4: ("nearest", "nearest-exact", "bilinear", "bicubic", "lanczos", "area"),
    5: ("nearest", "nearest-exact", "trilinear", "area"),
}  # fmt: skip
_AT_HOME = {"linear": 3, "bilinear": 4, "trilinear": 5}  # the number of dimensions that a mode is for


def interpolate(
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    """(N, C, *) with other sizes: `size`, or `scale_factor` times the old one. Mirrors `F.interpolate`.

    `mode` is nearest, nearest-exact, linear (3-d), bilinear (4-d), trilinear (5-d), bicubic (4-d), lanczos (4-d) or area.
    With `antialias` (bilinear, bicubic and lanczos) a smaller picture is made of all old pixels, not of a few. Raises
    ValueError, TypeError or NotImplementedError for what does not go together, RuntimeError for sizes of 0.
    """
    align = bool(align_corners)
    if align_corners is not None and mode in ("nearest", "nearest-exact", "area"):
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
        )
    old = tuple(input.shape[2:]) if input.dim() > 2 else ()
    if (size is None) == (scale_factor is None):
        raise ValueError(
            "either size or scale_factor should be defined"
            if size is None
            else "only one of size or scale_factor should be defined"
        )
    asked = _each_dimension(mode, old, size, scale_factor)
    if size is not None and recompute_scale_factor:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    if antialias and not (mode in ("bilinear", "bicubic", "lanczos") and input.dim() == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input"
        )
    if mode not in _MODES.get(input.dim(), ()):
        if mode in _AT_HOME and input.dim() in _MODES:
            raise NotImplementedError(f"Got {input.dim()}D input, but {mode} mode needs {_AT_HOME[mode]}D input")
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {input.dim()}D) for the modes: nearest | "
            f"linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact (got {mode})"
        )
    if mode == "lanczos" and (align or not antialias):
        raise ValueError(f"Lanczos mode {'does not support align_corners' if align else 'requires antialias'}=True")
    new = asked if scale_factor is None else tuple(int(a * factor) for a, factor in zip(old, asked, strict=True))
    scales = asked if scale_factor is not None and not recompute_scale_factor else (None,) * len(old)
    if mode == "area":
        return (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)[len(old) - 1](input, new)
    if not all((*old, *new)):
        sizes = [", ".join(f"{d}: {n}" for d, n in zip("DHW"[-len(old) :], each, strict=True)) for each in (old, new)]
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input ({sizes[0]}) output ({sizes[1]})"
        )
    kind = f"{mode}_aa" if antialias else mode
    make = xp(input._data)
    matrices = tuple(MATRICES[kind](make, a, b, s, align) for a, b, s in zip(old, new, scales, strict=True))
    return LIVE[f"upsample_{mode.replace('-', '_')}{len(old)}d{'_aa' if antialias else ''}"](input, matrices)


def _each_dimension(mode: str, old: tuple[int, ...], size: Any, scale_factor: Any) -> tuple[Any, ...]:
    """`size` or `scale_factor`, whichever is given, for each dimension."""
    asked = scale_factor if size is None else size
    if not isinstance(asked, list | tuple):
        if not isinstance(asked, int | np.integer | (float if size is None else int)):
            given: list[Any] = ["Tensor", [], None] if size is not None else ["Tensor", None, []]
            raise errors.invalid_combination(f"upsample_{mode}{len(old)}d", *given)
        return (asked,) * len(old)
    if len(asked) != len(old):
        name, shown, letter = (
            ("scale_factor", "scale_factor of shape", "s") if size is None else ("output", "output size of", "o")
        )
        raise ValueError(
            f"Input and {name} must have the same number of spatial dimensions, but got input with spatial dimensions of "
            f"{list(old)} and {shown} {asked}. Please provide input tensor in (N, C, d1, d2, ...,dK) format and "
            f"{shown.split(' of')[0]} in ({letter}1, {letter}2, ...,{letter}K) format."
        )
    if size is not None and not all(isinstance(each, int | np.integer) for each in asked):
        raise TypeError(
            "expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], but got size with "
            f"types {[type(each) for each in asked]}"
        )
    return tuple(asked)


def upsample(
    input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Any:
    """The old name of `interpolate`. Mirrors `F.upsample`."""
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Any, size: Any = None, scale_factor: Any = None) -> Any:
    """The old name of `interpolate(mode="nearest")`. Mirrors `F.upsample_nearest`."""
    return interpolate(input, size, scale_factor)


def upsample_bilinear(input: Any, size: Any = None, scale_factor: Any = None) -> Any:
    """The old name of `interpolate(mode="bilinear", align_corners=True)`. Mirrors `F.upsample_bilinear`."""
    return interpolate(input, size, scale_factor, "bilinear", align_corners=True)


def unfold(input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Every window as a column: (N, C, H, W) to (N, C * kernel pixels, windows). Mirrors `F.unfold`."""
    if input.dim() == 3:
        return unfold(input.unsqueeze(0), kernel_size, dilation, padding, stride).squeeze(0)
    if input.dim() != 4:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but "
            f"got: {list(input.shape)}"
        )
    settings = (("kernel_size", kernel_size), ("dilation", dilation), ("padding", padding), ("stride", stride))
    return LIVE["im2col"](input, *(sizes(name, value, 2) for name, value in settings))


def fold(input: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Adds windows back to their places: (N, C * kernel pixels, windows) to (N, C, *output_size). Mirrors `F.fold`."""
    if input.dim() == 2:
        return fold(input.unsqueeze(0), output_size, kernel_size, dilation, padding, stride).squeeze(0)
    settings = (
        ("output_size", output_size), ("kernel_size", kernel_size), ("dilation", dilation), ("padding", padding),
        ("stride", stride),
    )  # fmt: skip
    return LIVE["col2im"](input, *(sizes(name, value, 2) for name, value in settings))


def embedding_bag(
    input: Any,
    weight: Any,
    offsets: Any = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Any:
    """The mean, sum or max of the table's rows at the indices of each bag, shape (bags, embedding_dim).

    Bags are the rows of `input`, or for 1-d input begin at `offsets`. Mirrors `F.embedding_bag`.
    """
    make = xp(input._data)
    if input.dim() == 2:
        if offsets is not None:
            raise ValueError("if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed "
                             f"length sequences. However, found offsets of type {type(offsets)}")  # fmt: skip
        starts = make.arange(len(input) + 1) * input.shape[1]
        input = input.reshape(-1)
        if per_sample_weights is not None:
            per_sample_weights = per_sample_weights.reshape(-1)
    else:
        if offsets is None:
            raise ValueError("offsets has to be a 1D Tensor but got None")
        starts = offsets._data if include_last_offset else np.concatenate((offsets._data, make.full(1, len(input))))
    if padding_idx is not None:
        padding_idx %= len(weight)
    if max_norm is not None:
        shorten_rows(weight, input, max_norm, norm_type)
    places = make.arange(len(input))
    inside = (places >= starts[:-1, None]) & (places < starts[1:, None])
    if padding_idx is not None:
        inside &= input._data != padding_idx
    if mode == "max":
        rows = embedding(input, weight, padding_idx).unsqueeze(0).masked_fill(wrap(~inside[..., None]), -math.inf)
        return rows.max(1).values.masked_fill(wrap(~inside.any(1, keepdims=True)), 0)
    if mode not in ("mean", "sum"):
        raise ValueError("mode has to be one of sum, mean or max")
    share = inside.astype(weight._data.dtype)
    if mode == "mean":
        share = share / np.maximum(share.sum(1, keepdims=True), 1)
    padding = -1 if padding_idx is None else padding_idx
    return LIVE["embedding_bag_shares"](weight, per_sample_weights, input._data, share, padding)


def gumbel_softmax(logits: Any, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Any:
    """A random choice that can be differentiated: softmax((logits + noise) / tau). Mirrors `F.gumbel_softmax`.

    With `hard` the result is 1 for the largest and 0 elsewhere, with the gradient of the soft one. E. Jang and others, and
    C. Maddison and others, ICLR 2017.
    """
    noise = -torch.empty_like(logits).exponential_().log()
    soft = ((logits + noise) / tau).softmax(dim)
    if not hard:
        return soft
    chosen = torch.zeros_like(logits).scatter_(dim, soft.max(dim, keepdim=True)[1], 1.0)
    return chosen - soft.detach() + soft
