"""Batch and group normalisation: numbers shifted and scaled so that they have mean 0 and variance 1.

    y = (x - mean) / sqrt(var + eps)           over the batch, for each channel; or over a group of channels, for each sample

Mean and variance are computed from x, so they move with it:

    grad_x = (grad - mean(grad) - y * mean(grad * y)) / sqrt(var + eps)

S. Ioffe and C. Szegedy, "Batch normalization", ICML 2015; Y. Wu and K. He, "Group normalization", ECCV 2018.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from teachgrad.ops import convolution  # noqa: F401 - channel_sum
from teachgrad.ops import norms as _norms  # noqa: F401 - linalg_vector_norm
from teachgrad.ops.table import LIVE, RAW, composite, op, public, raw


@composite
def per_channel(F: Any, values: Any, self: Any) -> Any:
    """One number per channel, in a shape that broadcasts with (N, C, *)."""
    return F.reshape(values, (1, -1, *(1,) * (self.ndim - 2)))


@composite
def centred_and_scale(F: Any, self: Any, dims: Any, eps: float) -> tuple[Any, Any]:
    """x - mean and 1 / sqrt(var + eps), with the mean and variance over `dims`."""
    centred = self - F.mean(self, dims, True)
    return centred, 1 / F.sqrt(F.mean(centred * centred, dims, True) + eps)


@composite
def standard_slope(F: Any, grad: Any, self: Any, dims: Any, eps: float) -> Any:
    """The gradient of x, where mean and variance over `dims` were computed from x."""
    centred, scale = F.centred_and_scale(self, dims, eps)
    y = centred * scale
    return scale * (grad - F.mean(grad, dims, True) - y * F.mean(grad * y, dims, True))


# -- batches ---------------------------------------------------------------------------------------------------
def _all_but_channels(self: Any) -> tuple[int, ...]:
    return (0, *range(2, self.ndim))


@composite
def batch_standard(F: Any, self: Any, mean: Any, var: Any, eps: float) -> tuple[Any, Any]:
    """y and 1 / sqrt(var + eps), with the given mean and variance of each channel (arrays), or the batch's own."""
    if mean is None:
        centred, scale = F.centred_and_scale(self, _all_but_channels(self), eps)
        return centred * scale, scale
    shape = (1, -1, *(1,) * (self.ndim - 2))
    scale = F.constant((1 / np.sqrt(var + eps)).reshape(shape))
    return (self - F.constant(mean.reshape(shape))) * scale, scale


@composite
def batch_slope(F: Any, grad: Any, self: Any, weight: Any, mean: Any, var: Any, eps: float) -> Any:
    """The gradient of the input of batch normalisation."""
    if weight is not None:
        grad = grad * F.per_channel(weight, self)
    if mean is not None:
        return grad * F.batch_standard(self, mean, var, eps)[1]
    return F.standard_slope(grad, self, _all_but_channels(self), eps)


@raw
def batch_normed(self: Any, weight: Any, bias: Any, mean: Any, var: Any, eps: float) -> tuple[Any, Any, Any]:
    """The normalised batch, and the mean and variance of each channel that it was normalised with."""
    if mean is None:
        dims = _all_but_channels(self)
        mean, var = self.mean(dims), self.var(dims)
    shape = (1, -1, *(1,) * (self.ndim - 2))
    scale = 1 / np.sqrt(var + eps)
    result = (self - mean.reshape(shape)) * (scale if weight is None else scale * weight).reshape(shape)
    return (result if bias is None else result + bias.reshape(shape)), mean, var


op(
    "native_batch_norm(self, weight, bias; mean=None, var=None, eps=1e-05) -> result, !used_mean, !used_var",
    "NativeBatchNormBackward0", "batch_normed(self, weight, bias, mean, var, eps)",
    refuses={"c": "batch_norm"},
    self="batch_slope(grad, self, weight, mean, var, eps)",
    weight="channel_sum(grad * batch_standard(self, mean, var, eps)[0])", bias="channel_sum(grad)",
    shown={
        "self": "weight * scale * (grad - mean(grad) - y * mean(grad * y)), where y is self standardised",
        "weight": "grad * y, summed over all but the channels, where y is self standardised",
    },
    samples=[
        "F.batch_norm(m, None, None, training=True)", "F.batch_norm(b, None, None, v, u.detach(), True)",
        "F.batch_norm(b, u.detach(), p[0].detach(), v)", "F.batch_norm(x, u.detach(), p[0].detach())",
        "F.instance_norm(b)", "F.instance_norm(b, weight=v)",
    ],
)  # fmt: skip


# -- groups of channels ----------------------------------------------------------------------------------------
@composite
def group_standard(F: Any, self: Any, groups: int, eps: float) -> Any:
    """y, with the mean and variance of each group of channels of each sample."""
    rows = F.reshape(self, (self.shape[0] * groups, math.prod(self.shape[1:]) // groups))
    centred, scale = F.centred_and_scale(rows, (1,), eps)
    return F.reshape(centred * scale, tuple(self.shape))


@composite
def group_slope(F: Any, grad: Any, self: Any, weight: Any, groups: int, eps: float) -> Any:
    """The gradient of the input of group normalisation."""
    if weight is not None:
        grad = grad * F.per_channel(weight, self)
    shape = (self.shape[0] * groups, -1)
    slope = F.standard_slope(F.reshape(grad, shape), F.reshape(self, shape), (1,), eps)
    return F.reshape(slope, tuple(self.shape))


@composite
def group_normed(F: Any, self: Any, weight: Any, bias: Any, groups: int, eps: float) -> Any:
    """y, times the weight and plus the bias of each channel."""
    result = F.group_standard(self, groups, eps)
    if weight is not None:
        result = result * F.per_channel(weight, self)
    return result if bias is None else result + F.per_channel(bias, self)


op(
    "native_group_norm(self, weight, bias; groups=1, eps=1e-05)", "NativeGroupNormBackward0",
    "group_normed(self, weight, bias, groups, eps)",
    refuses={"c": "GroupNormKernelImpl"},
    self="group_slope(grad, self, weight, groups, eps)",
    weight="channel_sum(grad * group_standard(self, groups, eps))", bias="channel_sum(grad)",
    shown={
        "self": "weight * scale * (grad - mean(grad) - y * mean(grad * y)), where y is self standardised in its group",
        "weight": "grad * y, summed over all but the channels, where y is self standardised",
    },
    samples=["F.group_norm(c, 2)", "F.group_norm(c, 4, b[0, 0], b[1, 1])", "F.group_norm(b, 1, v)", "F.group_norm(b, 3)"],
)  # fmt: skip


# -- weights whose length is a number of its own ----------------------------------------------------------------
@composite
def slice_sum(F: Any, self: Any, dim: int) -> Any:
    """The sum over all dimensions but `dim`, which stay with size 1."""
    return F.sum(self, tuple(d for d in range(self.ndim) if d != dim), True)


@raw
def scaled_slices(self: Any, g: Any, dim: int) -> tuple[Any, Any]:
    """g * v / |v|, with the norms |v| of the slices along `dim`; and the norms."""
    norms = np.sqrt(RAW["slice_sum"](self * self, dim))
    return self * (g / norms), norms


@composite
def scaled_slices_slope(F: Any, grad: Any, self: Any, g: Any, dim: int) -> Any:
    """The gradient of v: only what is at right angles to v can change its direction."""
    square = F.slice_sum(self * self, dim)
    return g / F.sqrt(square) * (grad - self * (F.slice_sum(grad * self, dim) / square))


op(
    "weight_norm_interface(self, g; dim) -> result, !norms", "WeightNormInterfaceBackward0",
    "scaled_slices(self, g, dim)", self="scaled_slices_slope(grad, self, g, dim)",
    refuses={"c": "weight_norm_kernel"},
    g="slice_sum(grad * self, dim) / sqrt(slice_sum(self * self, dim))",
    shown={"self": "g / norm * (grad - self * sum(grad * self, dim) / norm ** 2), where norm is that of each slice"},
)  # fmt: skip


@public("norm_except_dim", method=False)
def norm_except_dim(v: Any, pow: float = 2, dim: int = 0) -> Any:
    """The norm of each slice along `dim`, with sizes 1 elsewhere; of all of `v` if `dim` is -1.

    Mirrors `torch.norm_except_dim`.
    """
    if dim == -1:
        return v.norm(pow)
    return LIVE["linalg_vector_norm"](v, pow, tuple(d for d in range(v.dim()) if d != dim), True)


@public("_weight_norm", method=False)
def weight_norm(v: Any, g: Any, dim: int = 0) -> Any:
    """g * v / |v|, with the norms of the slices along `dim`. Mirrors `torch._weight_norm`."""
    if dim in (0, v.dim() - 1):
        return LIVE["weight_norm_interface"](v.contiguous(), g.contiguous(), dim)[0]
    return v * (g / norm_except_dim(v, 2, dim))
