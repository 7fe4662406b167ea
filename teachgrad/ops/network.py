"""The other ops of `torch.nn.functional`: softmax, embedding and bags of it, layer normalisation, bilinear maps.

softmax        s_i = e^(x_i) / sum of e^(x_j): raising one x lowers the others' share,
               grad_x = s * (grad - sum(grad * s))
log_softmax    grad_x = grad - softmax(x) * sum(grad)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgrad import dtypes, errors
from teachgrad.gpu import add_at, on_gpu, xp
from teachgrad.ops import arrays, dims, reduce_arrays
from teachgrad.ops.einsum import einsum
from teachgrad.ops.table import LIVE, composite, op, public, raw


# -- what the forward expressions compute ----------------------------------------------------------------------
def _shifted(self: Any, dim: int | None, name: str) -> Any:
    """`self` less its largest element along `dim`, so that the exponentials do not overflow; float16 as float32."""
    if self.dtype.kind not in "fcV":
        last = "lastdim_" if dim is None or dim == self.ndim - 1 else ""
        raise errors.not_for_dtype(f"{name}_{last}kernel_impl", dtypes.of(self.dtype).scalar_name)
    if self.dtype.itemsize == 2:
        self = self.astype(np.float32)
    if not self.size:
        return self
    if on_gpu(self):
        return self - self.max(axis=dim, keepdims=True)
    if dim == self.ndim - 1 > 0:
        rows = self.reshape(-1, self.shape[-1])  # NumPy finds the place of a row's maximum faster than the maximum
        top = rows[np.arange(len(rows)), rows.argmax(axis=1)].reshape(*self.shape[:-1], 1)
    else:
        top = np.maximum.reduce(self, axis=dim, keepdims=True)
    return np.subtract(self, top, order="C")


@raw
def softmax_of(self: Any, dim: int | None) -> Any:
    """e^x, divided by its sum along `dim`."""
    if (
        self.__class__ is np.ndarray
        and self.dtype.char in "fd"
        and self.size
        and np.maximum.reduce(self, axis=None) < 64
    ):
        powers = np.exp(self, order="C")  # none overflows: the search for the largest of each row can be spared
        sums = reduce_arrays.sum(powers, dim, True)
        if np.minimum.reduce(sums, axis=None) > 0.01:  # nor does a row have too few digits left
            powers /= sums
            return powers
    powers = np.exp(_shifted(self, dim, "softmax"))
    powers /= reduce_arrays.sum(powers, dim, True)
    return powers if powers.dtype is self.dtype else powers.astype(self.dtype)


@raw
def log_softmax_of(self: Any, dim: int | None) -> Any:
    """x less the logarithm of the sum of e^x along `dim`."""
    shifted = _shifted(self, dim, "log_softmax")
    shifted -= np.log(reduce_arrays.sum(np.exp(shifted), dim, True))
    return shifted if shifted.dtype is self.dtype else shifted.astype(self.dtype)


def _tensor_kind(array: Any) -> str:
    kind = dtypes.of(array.dtype)
    return f"CPU{kind.scalar_name}Type" if array.dtype.kind == "b" else kind.type_name


@raw
def rows_of(weight: Any, indices: Any) -> Any:
    """The rows of the table `weight` at `indices`."""
    if indices.dtype.kind != "i" or indices.dtype.itemsize < 4:
        raise errors.explained(
            RuntimeError(
                "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
                f"{_tensor_kind(indices)} instead (while checking arguments for embedding)"
            ),
            "The input of an embedding are row numbers. Convert with .long().",
        )
    if not on_gpu(indices) and indices.size and (indices.min() < 0 or indices.max() >= len(weight)):
        raise errors.explained(
            IndexError("index out of range in self"), f"The table has {len(weight)} rows, from 0 on."
        )
    return (
        weight.take(indices, axis=0)
        if weight.__class__ is np.ndarray and weight.flags.c_contiguous
        else weight[indices]
    )


@raw
def rows_back(self: Any, indices: Any, count: int, padding_idx: int) -> Any:
    """Zeros of `count` rows, with each gradient added to its row; none to the row `padding_idx`."""
    table = xp(self).zeros((count, self.shape[-1]), self.dtype)
    if on_gpu(self) or not self.size:
        add_at(table, indices, self)
    else:
        arrays.add_rows(table, indices, self)
    if padding_idx >= 0:
        table[padding_idx] = 0
    return table


@raw
def rows_again(self: Any, indices: Any, padding_idx: int) -> Any:
    """The transpose of `rows_back`."""
    rows = self[indices]
    if padding_idx >= 0:
        rows[indices == padding_idx] = 0
    return rows


@raw
def standardised(self: Any, ndim: int, eps: float) -> Any:
    """The last `ndim` dimensions shifted and scaled to mean 0 and variance 1, and the scale: (x - mean) * scale, scale."""
    if self.dtype.kind not in "fV":
        raise errors.not_for_dtype("LayerNormKernelImpl", dtypes.of(self.dtype).scalar_name)
    last = tuple(range(self.ndim - ndim, self.ndim))
    wide = self.astype(np.float64)
    centred = wide - wide.mean(axis=last, keepdims=True)
    scale = 1 / np.sqrt((centred * centred).mean(axis=last, keepdims=True) + eps)
    return (centred * scale).astype(self.dtype), scale.astype(self.dtype)


@raw
def normed(self: Any, weight: Any, bias: Any, ndim: int, eps: float) -> tuple[Any, Any]:
    """`standardised`, times weight, plus bias; and the scale."""
    result, scale = standardised(self, ndim, eps)
    if weight is not None:
        result = result * weight
    return result if bias is None else result + bias, scale


@raw
def summed(equation: str, *arrays: Any) -> Any:
    """`einsum`, under a name for rules."""
    return np.einsum(equation, *arrays, optimize=True)


LIVE["summed"] = einsum


@raw
def bags_of(table: Any, sample: Any, indices: Any, share: Any) -> Any:
    """For each bag the sum of its rows, each times its share."""
    if table.dtype.kind not in "fcV":
        raise RuntimeError(
            "Expected tensor for argument #1 'weight' to have one of the following scalar types: Half, BFloat16, Float, "
            f"Double; but got torch.{_tensor_kind(table).removeprefix('CPU').removesuffix('Type')}Tensor instead (while "
            "checking arguments for embedding_bag)"
        )
    rows = rows_of(table, indices)
    return share @ (rows if sample is None else rows * sample[:, None])


@composite
def bags_slope(F: Any, grad: Any, sample: Any, share: Any) -> Any:
    """What each row of each bag receives."""
    rows = F.constant(share.T) @ grad
    return rows if sample is None else rows * F.unsqueeze(sample, 1)


# -- the entries -----------------------------------------------------------------------------------------------
op(
    "softmax.int(self; dim)", "SoftmaxBackward0", "softmax_of(self, dim)",
    refuses={"c": "softmax_lastdim_kernel_impl"},
    self="(grad - sum(grad * result, dim, True)) * result",
    samples=[
        "F.softmax(x, dim=1)", "torch.softmax(x, 0)", "x.softmax(-1)", "F.softmin(v, 0)", "F.softmax(s, 0)",
        "F.softmax(x, 2)", "F.softmax(i, 0)", "F.softmax(idx, 0)", "F.softmax(x, 1, dtype=torch.float64)",
        "F.softmax(i, 0, dtype=torch.float32)",
    ],
)  # fmt: skip
op(
    "log_softmax.int(self; dim)", "LogSoftmaxBackward0", "log_softmax_of(self, dim)",
    refuses={"c": "log_softmax_lastdim_kernel_impl"},
    self="grad - exp(result) * sum(grad, dim, True)",
    samples=[
        "F.log_softmax(x, dim=1)", "x.log_softmax(0)", "torch.log_softmax(b, 1)",
        "F.log_softmax(100 * x, -1)",
    ],
)  # fmt: skip
op(
    "embedding.rows(table, indices; padding_idx)", "EmbeddingBackward0", "rows_of(table, indices)",
    refuses={"G": "embedding"},
    table="embedding_back(grad, indices, count(table_shape, 0), padding_idx)",
    samples=[
        "F.embedding(i, x)", "F.embedding(idx, m)", "F.embedding(idx, m, padding_idx=1)",
        "F.embedding(idx, m, padding_idx=-1)", "F.embedding(idx, x)", "F.embedding(mask, x)",
    ],
)  # fmt: skip
op(
    "embedding_back(self, indices; count, padding_idx)", "EmbeddingDenseBackward0",
    "rows_back(self, indices, count, padding_idx)",
    self="embedding_again(grad, indices, padding_idx)",
    samples=["F.embedding(i, x)"],
)  # fmt: skip
op(
    "embedding_again(self, indices; padding_idx)", "EmbeddingBackward0",
    "rows_again(self, indices, padding_idx)",
    self="embedding_back(grad, indices, count(self_shape, 0), padding_idx)",
    samples=["F.embedding(i, x)"],
)  # fmt: skip
op(
    "native_layer_norm(self, weight, bias; ndim=1, eps=1e-05) -> result, !scale", "NativeLayerNormBackward0",
    "normed(self, weight, bias, ndim, eps)",
    refuses={"c": "LayerNormKernelImpl"},
    self="layer_norm_slope(grad if weight is None else grad * weight, self, ndim, eps)",
    weight="folded(grad * standardised(self, ndim, eps)[0], weight_shape)", bias="folded(grad, bias_shape)",
    shown={
        "self": "weight * scale * (grad - mean(grad) - y * mean(grad * y)), where y is self standardised",
        "weight": "grad * y, summed to the shape of weight, where y is self standardised",
    },
    samples=[
        "F.layer_norm(x, (3,))", "F.layer_norm(b, [3, 4])", "F.layer_norm(x, (3,), v, u)",
        "F.layer_norm(x, (3,), v)",
    ],
)  # fmt: skip

op(
    "rrelu_with_noise(self; slopes)", "RreluWithNoiseBackward0", "self * slopes",
    self="grad * constant(slopes)", keeps=["slopes"],
    refuses={"c": "leaky_relu_cpu"},
    samples=["F.rrelu(x)", "F.rrelu(-p, 0.1, 0.5)"],
)  # fmt: skip
op(
    "trilinear(self, matrices, other)", "TrilinearBackward0", "summed('ni,oij,nj->no', self, matrices, other)",
    refuses={"G": "_trilinear"},
    self="summed('no,oij,nj->ni', grad, matrices, other)", matrices="summed('no,ni,nj->oij', grad, self, other)",
    other="summed('no,oij,ni->nj', grad, matrices, self)",
    samples=["F.bilinear(x, y, b.transpose(1, 2)[:, :3, :3].contiguous(), v[:2])", "F.bilinear(x, k[:2], c[:, :3])"],
)  # fmt: skip
op(
    "embedding_bag.shares(table, sample=None; indices=None, share=None, padding_idx=-1)", "EmbeddingBagBackward0",
    "bags_of(table, sample, indices, share)",
    table="embedding_back(bags_slope(grad, sample, share), constant(indices), count(table_shape, 0), padding_idx)",
    sample="sum(bags_slope(grad, None, share) * embedding_again(table, constant(indices), padding_idx), 1)",
    shown={
        "table": "the share of each row in its bag, times grad, added to the row",
        "sample": "grad of the bag times the row, summed",
    },
    samples=[
        "F.embedding_bag(idx, m)", "F.embedding_bag(idx, m, mode='sum')",
        "F.embedding_bag(idx, m, mode='sum', per_sample_weights=p[:, :2])",
    ],
)  # fmt: skip


# -- rules that take more than one expression ------------------------------------------------------------------
@composite
def layer_norm_slope(F: Any, grad: Any, self: Any, ndim: int, eps: float) -> Any:
    """scale * (grad - mean(grad) - y * mean(grad * y)), y being the standardised x: mean and variance move with x."""
    last = tuple(range(len(self.shape) - ndim, len(self.shape)))
    y, scale = F.standardised(self, ndim, eps)
    return scale * (grad - F.mean(grad, last, True) - y * F.mean(grad * y, last, True))


def _standardised_live(self: Any, ndim: int, eps: float) -> tuple[Any, Any]:
    """`standardised` on tensors."""
    last = tuple(range(self._data.ndim - ndim, self._data.ndim))
    centred = self - self.mean(last, True)
    scale = (LIVE["pow"](centred, 2).mean(last, True) + eps).rsqrt()
    return centred * scale, scale


LIVE["standardised"] = _standardised_live


# -- the faces -------------------------------------------------------------------------------------------------
@public()
def softmax(input: Any, dim: Any = None, dtype: dtypes.dtype | None = None, *, axis: Any = None) -> Any:
    """e^x divided by its sum along `dim`: numbers between 0 and 1 that add up to 1. Mirrors `torch.softmax`."""
    if dtype is not None:
        input = dims.tensor("softmax", input).to(dtype)
    dim = dims.one("softmax", input, dims.named("softmax", axis) if dim is None else dim)
    return LIVE["softmax_int"](input, dim if input._data.ndim else None)


@public()
def log_softmax(input: Any, dim: Any = None, dtype: dtypes.dtype | None = None, *, axis: Any = None) -> Any:
    """The logarithm of softmax, computed without overflow. Mirrors `torch.log_softmax`."""
    if dtype is not None:
        input = dims.tensor("log_softmax", input).to(dtype)
    dim = dims.one("log_softmax", input, dims.named("log_softmax", axis) if dim is None else dim)
    return LIVE["log_softmax_int"](input, dim if input._data.ndim else None)
