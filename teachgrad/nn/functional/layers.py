"""What the layers of a network do: linear maps, dropout, embedding, normalisation, padding."""

from __future__ import annotations

import math
from math import prod
from typing import Any

import numpy as np

from teachgrad import errors, gpurandom, random
from teachgrad.autograd.modes import no_grad
from teachgrad.autograd.variable import TensorBase, wrap
from teachgrad.autograd.views import own_array
from teachgrad.gpu import on_gpu, xp
from teachgrad.ops import dims
from teachgrad.ops.linalg import matmul
from teachgrad.ops.table import LIVE

__all__ = [
    "alpha_dropout", "bilinear", "dropout", "dropout1d", "dropout2d", "dropout3d", "embedding", "feature_alpha_dropout",
    "layer_norm", "linear", "normalize", "one_hot", "pad",
]  # fmt: skip


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """x W^T + b. Mirrors `F.linear`.

    x: (..., in), W: (out, in), b: (out,) or None, result: (..., out). Raises RuntimeError where the sizes or the dtypes
    differ.
    """
    for name, tensor in (("input", input), ("weight", weight)):
        if not isinstance(tensor, TensorBase):
            raise errors.not_a_tensor("linear", name, 1 if name == "input" else 2, tensor)
    n, m = input._data.ndim, weight._data.ndim
    if n == 0 or m == 0:
        raise RuntimeError(f"both arguments to linear need to be at least 1D, but they are {n}D and {m}D")
    if bias is None:
        return matmul(input, LIVE["t"](weight))
    if n == 2:
        return LIVE["addmm_plain"](bias, input, LIVE["t"](weight))
    if not input._data.flags.c_contiguous:
        return matmul(input, LIVE["t"](weight)) + bias
    *batch, features = input._data.shape
    rows = LIVE["view"](input, (prod(batch), features))
    return LIVE["view"](LIVE["addmm_plain"](bias, rows, LIVE["t"](weight)), (*batch, weight._data.shape[0]))


def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    """y_k = x1^T W_k x2 + b_k, on the last dimensions of x1 and x2. Mirrors `F.bilinear`."""
    rows1, rows2 = (x.reshape(-1, x.shape[-1]) for x in (input1, input2))
    products = LIVE["trilinear"](rows1, weight, rows2).reshape(*input1.shape[:-1], weight.shape[0])
    return products if bias is None else products + bias


# -- dropout ---------------------------------------------------------------------------------------------------
def _check_probability(p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _kept(input: Any, p: float, shape: tuple[int, ...] | None = None) -> Any:
    """0 with probability p, else 1, in the dtype of `input`; drawn in the order in which `input` lies in memory."""
    data = own_array(input)
    noise = np.empty_like(data) if shape is None else xp(data).empty(shape, data.dtype)
    drawn = random.memory_order(noise)
    drawn[...] = gpurandom.source(data).bernoulli(None, drawn.shape, 1 - p)
    return noise


def _dropped(input: Any, p: float, training: bool, inplace: bool, shape: tuple[int, ...] | None) -> Any:
    """`input` times noise of `shape` (None: one number for each element)."""
    _check_probability(p)
    if not training or p == 0 or not input._data.size:
        return input
    dtype = input._data.dtype
    noise = _kept(input, p, shape) / dtype.type(1 - p) if p < 1 else xp(input._data).zeros((), dtype)
    return input.mul_(wrap(noise)) if inplace else LIVE["mul"](input, wrap(noise))


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Each element zeroed with probability p, the others divided by 1 - p. Mirrors `F.dropout`."""
    return _dropped(dims.tensor("dropout", input), p, training, inplace, None)


def _channels(input: Any) -> tuple[int, ...]:
    """The shape of noise that is the same for a whole channel."""
    return input._data.shape[:2] + (1,) * (input._data.ndim - 2)  # type: ignore[no-any-return]


def dropout1d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Whole channels of (N, C, L) or (C, L) zeroed with probability p. Mirrors `F.dropout1d`."""
    _check_probability(p)
    if input._data.ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input._data.ndim}D input. Note that dropout1d exists to "
            "provide channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch "
            "dimension (i.e. 2D or 3D inputs)."
        )
    if input._data.ndim == 2:
        return dropout1d(input.unsqueeze(0), p, training, inplace).squeeze(0)
    return _dropped(input, p, training, inplace, _channels(input))


def dropout2d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Whole channels of (N, C, H, W) zeroed with probability p. Mirrors `F.dropout2d`."""
    return _dropped(input, p, training, inplace, _channels(input))


def dropout3d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Whole channels of (N, C, D, H, W) zeroed with probability p. Mirrors `F.dropout3d`."""
    if input._data.ndim == 4:
        return dropout3d(input.unsqueeze(0), p, training, inplace).squeeze(0)
    return _dropped(input, p, training, inplace, _channels(input))


def _alpha(input: Any, p: float, training: bool, shape: tuple[int, ...] | None) -> Any:
    """Dropout to the negative limit of selu, then scaled and shifted so that mean and variance stay."""
    _check_probability(p)
    if not training or p == 0 or not input._data.size:
        return input
    if p == 1:
        return input * wrap(xp(input._data).zeros((), input._data.dtype))
    limit = 1.7580993408473766
    scale = 1 / math.sqrt((limit * limit * p + 1) * (1 - p))
    noise = _kept(input, p, shape)
    return input * wrap(noise * scale) + wrap((noise - 1) * (limit * scale) + limit * scale * p)


def alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """Dropout for selu, which keeps mean and variance. Mirrors `F.alpha_dropout`."""
    return _alpha(input, p, training, None)


def feature_alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """`alpha_dropout` of whole channels. Mirrors `F.feature_alpha_dropout`."""
    return _alpha(input, p, training, _channels(input))


# -- embedding, normalisation, padding -------------------------------------------------------------------------
def embedding(
    input: Any,
    weight: Any,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:
    """Row i of the table `weight` for each index i of `input`. Mirrors `F.embedding`.

    The row `padding_idx` receives no gradient. With `max_norm`, rows that are used are first shortened to it, in place.
    """
    count = weight._data.shape[0]
    if padding_idx is not None:
        if not -count <= padding_idx < count:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= count
    if max_norm is not None:
        shorten_rows(weight, input, max_norm, norm_type)
    return LIVE["embedding_rows"](weight, input, -1 if padding_idx is None else padding_idx)


def shorten_rows(weight: Any, indices: Any, max_norm: float, norm_type: float) -> None:
    """Scales the rows of `weight` that are used down to the norm `max_norm`, in place."""
    with no_grad():
        used = np.unique(indices._data)
        norms = LIVE["linalg_vector_norm"](wrap(weight._data[used]), norm_type, 1, True)._data
        weight._data[used] *= np.where(norms > max_norm, max_norm / (norms + 1e-7), 1).astype(norms.dtype)


def one_hot(tensor: Any, num_classes: int = -1) -> Any:
    """For each class number a row of zeros with a 1 at its place; int64. Mirrors `F.one_hot`."""
    labels = dims.tensor("one_hot", tensor)._data
    if labels.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if num_classes == -1:
        if not labels.size:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        num_classes = int(labels.max()) + 1
    if not on_gpu(labels) and labels.size and labels.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    if not on_gpu(labels) and labels.size and labels.max() >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return wrap((labels[..., None] == xp(labels).arange(num_classes)).astype(np.int64))


def layer_norm(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """The last dimensions shifted and scaled to mean 0 and variance 1, times weight, plus bias. Mirrors `F.layer_norm`."""
    shape = list(normalized_shape)
    if list(dims.tensor("layer_norm", input)._data.shape[-len(shape) :]) != shape:
        raise RuntimeError(
            f"Given normalized_shape={shape}, expected input with shape [*, {', '.join(map(str, shape))}], but got input of "
            f"size{list(input._data.shape)}"
        )
    return LIVE["native_layer_norm"](input, weight, bias, len(shape), eps)[0]


def normalize(input: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Any:
    """`input` divided by its p-norm along `dim`. Mirrors `F.normalize`."""
    return input / input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)


def pad(input: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Any:
    """Elements added around: pad is (before, after) for the last dimension, then for the one before it, ... .

    `mode` says what they are: "constant" (`value`, 0), "reflect", "replicate" or "circular". Negative numbers cut elements
    off. Mirrors `F.pad`.
    """
    if len(pad) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    n = input._data.ndim
    if len(pad) > 2 * n:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(pad)} and input of dimension {n}"
        )
    around = [(0, 0)] * (n - len(pad) // 2) + [(pad[i], pad[i + 1]) for i in range(len(pad) - 2, -1, -2)]
    if mode == "constant":
        return LIVE["constant_pad_nd"](input, tuple(around), 0 if value is None else value)
    if mode == "circular":
        return _wrapped(input, around)
    if mode not in ("reflect", "replicate"):
        raise RuntimeError(f"Unrecognised padding mode {mode}")
    kind = "reflection" if mode == "reflect" else "replication"
    return LIVE[f"{kind}_pad{len(pad) // 2}d"](input, tuple(around))


def _wrapped(input: Any, around: list[tuple[int, int]]) -> Any:
    """The tensor surrounded by its own opposite ends, copied piece by piece into a new one."""
    part = LIVE["slice_Tensor"]
    size = [n + before + after for n, (before, after) in zip(input._data.shape, around, strict=True)]
    out = wrap(xp(input._data).empty(size, input._data.dtype))
    middle, source = out, input
    padded = [dim for dim, ends in enumerate(around) if dim >= 2 or ends != (0, 0)]
    for dim in padded:
        before, after = around[dim]
        middle = part(middle, dim, max(before, 0), size[dim] - max(after, 0), 1)
        source = part(source, dim, max(-before, 0), input._data.shape[dim] - max(-after, 0), 1)
    middle.copy_(source)
    for dim in reversed(padded):
        before, after = (max(end, 0) for end in around[dim])
        if before:
            part(out, dim, 0, before, 1).copy_(part(out, dim, size[dim] - before - after, size[dim] - after, 1))
        if after:
            part(out, dim, size[dim] - after, size[dim], 1).copy_(part(out, dim, before, before + after, 1))
    return out
