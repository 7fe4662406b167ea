"""Pictures of another size: interpolation, pixel shuffling, and windows laid out as columns.

Interpolating is linear and treats height and width alike and apart, so along each dimension it is a matrix (out, in) that
says how much of each old pixel is in each new one. Backwards its transpose does the work.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from teachgrad.bfloats import cast
from teachgrad.gpu import xp
from teachgrad.ops.sliding import Sizes, added_back, columns, output_size
from teachgrad.ops.table import LIVE, op, public, raw

Matrices = tuple[Any, ...]  # one (out, in) for each of the last dimensions


@raw
def resized(self: Any, matrices: Matrices) -> Any:
    """The last dimensions multiplied by their matrices; bytes are rounded after each, as in PyTorch."""
    whole, kept = self.dtype.kind == "u", self.dtype
    for dim, matrix in reversed([*enumerate(matrices, self.ndim - len(matrices))]):
        matrix = matrix if whole or matrix.dtype is kept else cast(matrix, kept)
        self = np.moveaxis(np.tensordot(self, matrix, (dim, 1)), -1, dim)
        self = np.clip(np.floor(self + 0.5), 0, 255).astype(kept) if whole else self
    return xp(self).ascontiguousarray(self)


@raw
def turned(matrices: Matrices) -> Matrices:
    """The transposed matrices, which send a gradient back."""
    return tuple(matrix.T for matrix in matrices)


LIVE["turned"] = turned

_NODES = {
    "upsample_nearest1d": "UpsampleNearest1DBackward0",
    "upsample_nearest2d": "UpsampleNearest2DBackward0",
    "upsample_nearest3d": "UpsampleNearest3DBackward0",
    "upsample_nearest_exact1d": "UpsampleNearestExact1DBackward0",
    "upsample_nearest_exact2d": "UpsampleNearestExact2DBackward0",
    "upsample_nearest_exact3d": "UpsampleNearestExact3DBackward0",
    "upsample_linear1d": "UpsampleLinear1DBackward0",
    "upsample_bilinear2d": "UpsampleBilinear2DBackward0",
    "upsample_trilinear3d": "UpsampleTrilinear3DBackward0",
    "upsample_bicubic2d": "UpsampleBicubic2DBackward0",
}
_KERNELS = {"upsample_linear1d": "linear", "upsample_trilinear3d": "linear", "upsample_bicubic2d": "cubic"}
for _name, _node in _NODES.items():
    _mode = _name.removeprefix("upsample_").rstrip("123d").replace("_", "-")
    _input = {"1": "c", "2": "c[None]", "3": "c[None, None]"}[_name[-2]]
    _kernel = f"compute_indices_weights_{_KERNELS.get(_name, 'nearest')}"
    if _name[-2] == "2" and _mode != "bicubic":
        _kernel = f"upsample_{_mode.removesuffix('-exact')}2d_channels_last"
    op(
        f"{_name}(self; matrices)", _node, "resized(self, matrices)", self=f"{_name}(grad, turned(matrices))",
        refuses={"biuc" if _kernel.endswith("linear") else "bic": _kernel},
        samples=[
            f"F.interpolate({_input}, scale_factor=2, mode='{_mode}')", f"F.interpolate({_input}, size=3, mode='{_mode}')",
        ],
    )  # fmt: skip

for _mode in ("bilinear", "bicubic", "lanczos"):
    _name = f"upsample_{_mode}2d_aa"
    op(
        f"{_name}(self; matrices)", f"Upsample{_mode.title()}2DAaBackward0", "resized(self, matrices)",
        self=f"{_name}(grad, turned(matrices))", refuses={"bic": "compute_index_ranges_weights"},
        samples=[
            f"F.interpolate(c[None], size=3, mode='{_mode}', antialias=True)",
            f"F.interpolate(c[None], scale_factor=(0.7, 1.8), mode='{_mode}', antialias=True)",
        ],
    )  # fmt: skip


# -- which old pixels are in a new one -------------------------------------------------------------------------
def _places(make: Any, size: int, out: int, scale: float | None, align: bool) -> Any:
    """Where the middles of the new pixels lie among the old ones; with `align` the corners lie on each other.

    `make`, NumPy or CuPy, says where the answer is to be.
    """
    if align:
        return make.arange(out) * ((size - 1) / (out - 1) if out > 1 else 0.0)
    return (make.arange(out) + 0.5) * (size / out if scale is None else 1 / scale) - 0.5


def nearest_matrix(make: Any, size: int, out: int, scale: float | None, align: bool) -> Any:
    """Each new pixel is the old one below its corner."""
    places = np.floor(make.arange(out) * (size / out if scale is None else 1 / scale)).astype(int)
    return (np.minimum(places, size - 1)[:, None] == make.arange(size)) * 1.0


def nearest_exact_matrix(make: Any, size: int, out: int, scale: float | None, align: bool) -> Any:
    """Each new pixel is the old one below its middle."""
    places = np.floor((make.arange(out) + 0.5) * (size / out if scale is None else 1 / scale)).astype(int)
    return (np.minimum(places, size - 1)[:, None] == make.arange(size)) * 1.0


def linear_matrix(make: Any, size: int, out: int, scale: float | None, align: bool) -> Any:
    """Each new pixel lies between two old ones, and is nearer to one of them."""
    places = np.maximum(_places(make, size, out, scale, align), 0)
    lower = np.minimum(places.astype(int), size - 1)
    upper, part = np.minimum(lower + 1, size - 1), places - lower
    matrix = make.zeros((out, size))
    np.add.at(matrix, (make.arange(out), lower), 1 - part)
    np.add.at(matrix, (make.arange(out), upper), part)
    return matrix


def cubic_matrix(make: Any, size: int, out: int, scale: float | None, align: bool) -> Any:
    """Each new pixel is on a smooth curve through four old ones (R. Keys, 1981, with the constant -0.75)."""
    places, a = _places(make, size, out, scale, align), -0.75
    lower = np.floor(places).astype(int)
    matrix = make.zeros((out, size))
    for neighbour in (-1, 0, 1, 2):
        d = np.abs(places - (lower + neighbour))
        weight = np.where(d <= 1, (a + 2) * d**3 - (a + 3) * d**2 + 1, a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a)
        np.add.at(matrix, (make.arange(out), np.clip(lower + neighbour, 0, size - 1)), weight)
    return matrix


def _averaging(half: int, bell: Callable[[Any], Any]) -> Callable[[Any, int, int, float | None, bool], Any]:
    """Antialiasing: a new pixel is the weighted mean of all old ones below a bell as wide as the new pixel is.

    `bell` gives the weight at a distance, in pixels; it ends at `half`. Enlarging, it is as wide as an old pixel.
    """

    def matrix(make: Any, size: int, out: int, scale: float | None, align: bool) -> Any:
        step = (size - 1) / max(out - 1, 1) * (out > 1) if align else size / out if scale is None else 1 / scale
        wide = max(step, 1.0)
        middle = (step * (make.arange(out) + 0.5))[:, None]
        first = np.maximum(np.trunc(middle - half * wide + 0.5), 0)
        last = np.minimum(np.trunc(middle + half * wide + 0.5), size)
        places = make.arange(size)
        weights = bell(np.abs((places + 0.5 - middle) / wide)) * ((places >= first) & (places < last))
        return weights / weights.sum(1, keepdims=True)

    return matrix


def _triangle(d: Any) -> Any:
    return np.maximum(1 - d, 0)


def _keys(d: Any) -> Any:
    """The smooth curve of `cubic_matrix` with the constant -0.5."""
    return np.where(d < 1, (1.5 * d - 2.5) * d**2 + 1, np.where(d < 2, ((-0.5 * d + 2.5) * d - 4) * d + 2, 0))


def _lanczos(d: Any) -> Any:
    return np.where(d < 3, np.sinc(d) * np.sinc(d / 3), 0)


MATRICES: dict[str, Callable[[Any, int, int, float | None, bool], Any]] = {
    "nearest": nearest_matrix, "nearest-exact": nearest_exact_matrix, "linear": linear_matrix, "bilinear": linear_matrix,
    "trilinear": linear_matrix,
    "bicubic": cubic_matrix, "bilinear_aa": _averaging(1, _triangle), "bicubic_aa": _averaging(2, _keys),
    "lanczos_aa": _averaging(3, _lanczos),
}  # fmt: skip


# -- channels and pixels ---------------------------------------------------------------------------------------
@raw
def shuffled(self: Any, factor: int) -> Any:
    """(*, C * r^2, H, W) to (*, C, H * r, W * r)."""
    *lead, channels, height, width = self.shape
    blocks = self.reshape(*lead, channels // factor**2, factor, factor, height, width)
    n = len(lead)
    order = (*range(n + 1), n + 3, n + 1, n + 4, n + 2)
    return blocks.transpose(order).reshape(*lead, channels // factor**2, height * factor, width * factor)


@raw
def unshuffled(self: Any, factor: int) -> Any:
    """(*, C, H * r, W * r) to (*, C * r^2, H, W)."""
    *lead, channels, height, width = self.shape
    blocks = self.reshape(*lead, channels, height // factor, factor, width // factor, factor)
    n = len(lead)
    order = (*range(n + 1), n + 2, n + 4, n + 1, n + 3)
    return blocks.transpose(order).reshape(*lead, channels * factor**2, height // factor, width // factor)


op(
    "pixel_shuffle.by(self; factor)", "PixelShuffleBackward0", "shuffled(self, factor)",
    self="pixel_unshuffle_by(grad, factor)",
    samples=["F.pixel_shuffle(c.view(1, 4, 2, 5), 2)", "torch.pixel_shuffle(c.view(4, 10, 1), 2)"],
)  # fmt: skip
op(
    "pixel_unshuffle.by(self; factor)", "PixelUnshuffleBackward0", "unshuffled(self, factor)",
    self="pixel_shuffle_by(grad, factor)",
    samples=["F.pixel_unshuffle(c.view(2, 2, 10), 2)", "torch.pixel_unshuffle(b[:, :2], 2)"],
)  # fmt: skip


@public("pixel_shuffle", method=False)
def pixel_shuffle(input: Any, upscale_factor: int) -> Any:
    """Makes pixels of channels: (*, C * r^2, H, W) to (*, C, H * r, W * r). Mirrors `torch.pixel_shuffle`."""
    channels = input._data.shape[-3]
    if channels % upscale_factor**2:
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but "
            f"input.size(-3)={channels} is not divisible by {upscale_factor**2}"
        )
    return LIVE["pixel_shuffle_by"](input, upscale_factor)


@public("pixel_unshuffle", method=False)
def pixel_unshuffle(input: Any, downscale_factor: int) -> Any:
    """Makes channels of pixels: (*, C, H * r, W * r) to (*, C * r^2, H, W). Mirrors `torch.pixel_unshuffle`."""
    for what, dim in (("height", -2), ("width", -1)):
        size = input._data.shape[dim]
        if size % downscale_factor:
            raise RuntimeError(
                f"pixel_unshuffle expects {what} to be divisible by downscale_factor, but input.size({dim})={size} is not "
                f"divisible by {downscale_factor}"
            )
    return LIVE["pixel_unshuffle_by"](input, downscale_factor)


# -- windows as columns ----------------------------------------------------------------------------------------
@raw
def window_columns(self: Any, kernel: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes) -> Any:
    """(N, C, H, W) to (N, C * kh * kw, number of windows)."""
    out = output_size(self.shape[2:], kernel, stride, padding, dilation)
    copies = columns(self, kernel, out, stride, padding, dilation)
    return copies.reshape(len(self), self.shape[1] * math.prod(kernel), math.prod(out))


@raw
def image_of_columns(self: Any, size: Sizes, kernel: Sizes, dilation: Sizes, padding: Sizes, stride: Sizes) -> Any:
    """The transpose of `window_columns`: (N, C * kh * kw, number of windows) to (N, C, *size), overlaps added."""
    out = output_size(size, kernel, stride, padding, dilation)
    copies = self.reshape(len(self), self.shape[1] // math.prod(kernel), *kernel, *out)
    return xp(self).ascontiguousarray(added_back(copies, size, stride, padding, dilation))


op(
    "im2col(self; kernel, dilation, padding, stride)", "Im2ColBackward0",
    "window_columns(self, kernel, dilation, padding, stride)",
    self="col2im(grad, self_shape[2:], kernel, dilation, padding, stride)",
    samples=["F.unfold(c[None], 2)", "F.unfold(c[None], (2, 3), dilation=(1, 2), padding=1, stride=2)"],
)  # fmt: skip
op(
    "col2im(self; size, kernel, dilation, padding, stride)", "Col2ImBackward0",
    "image_of_columns(self, size, kernel, dilation, padding, stride)",
    self="im2col(grad, kernel, dilation, padding, stride)",
    samples=["F.fold(c.view(2, 4, 5)[..., :4], (3, 3), 2)", "F.fold(c[..., :2], (2, 3), 2)"],
)  # fmt: skip
