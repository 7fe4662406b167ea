"""Attention as one op, as PyTorch computes it on the CPU, and the softmax that its longer way uses.

    W = softmax(scale * Q K^T + mask)          how much each query looks at each key
    Y = W V

    grad_V = W^T grad
    slope  = W * (grad V^T - sum(grad V^T * W))        the gradient of the scores, through the softmax
    grad_Q = scale * slope K        grad_K = scale * slope^T Q

A. Vaswani and others, "Attention is all you need", NeurIPS 2017; the name of the op is that of T. Dao and others,
"FlashAttention", NeurIPS 2022, who compute the same block by block without ever holding W whole.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgrad.autograd.variable import wrap
from teachgrad.gpu import on_gpu, xp
from teachgrad.ops.network import softmax_of
from teachgrad.ops.table import LIVE, composite, op, raw


@raw
def safe_softmax_of(self: Any, dim: int) -> Any:
    """softmax; 0 instead of NaN where all of a row is -inf, because there is nothing to look at."""
    hidden: Any = self.max(axis=dim, keepdims=True) == -np.inf if self.size else np.False_
    if on_gpu(self) or hidden.any():  # on a GPU nobody waits for the answer
        return np.where(hidden, 0, softmax_of(np.where(hidden, 0, self), dim)).astype(self.dtype, copy=False)
    return softmax_of(self, dim)


@raw
def attention_of(query: Any, key: Any, value: Any, mask: Any, is_causal: bool, scale: float) -> tuple[Any, Any]:
    """The mixed values Y and the weights W."""
    scores = query @ key.mT
    scores *= scores.dtype.type(scale)
    if is_causal:
        scores = np.where(xp(scores).tri(*scores.shape[-2:]) == 0, scores.dtype.type(-np.inf), scores)
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype.kind == "b" else scores + mask
    weights = safe_softmax_of(scores.astype(query.dtype, copy=False), -1)
    return np.matmul(weights, value, out=np.empty_like(query)), weights  # laid out in memory as the queries are


@raw
def weights_again(weights: Any, *about: Any) -> Any:
    """The weights, which the node kept; on tensors they are computed again, so that they have a graph."""
    return weights


def _weights_live(weights: Any, query: Any, key: Any, mask: Any, is_causal: bool, scale: float) -> Any:
    scores = LIVE["matmul"](query, key.mT) * scale
    if is_causal:
        hidden = wrap(xp(scores._data).tri(*scores._data.shape[-2:]) == 0)
        scores = scores.masked_fill(hidden, -np.inf)
    if mask is not None:
        scores = scores.masked_fill(wrap(~mask._data), -np.inf) if mask._data.dtype.kind == "b" else scores + mask
    return LIVE["safe_softmax"](scores, -1)


LIVE["weights_again"] = _weights_live


@composite
def scores_slope(F: Any, grad: Any, weights: Any, value: Any, scale: float) -> Any:
    """The gradient of Q K^T."""
    towards = grad @ value.mT
    return weights * (towards - F.sum(towards * weights, -1, True)) * scale


_WEIGHTS = "weights_again(weights, query, key, mask, is_causal, scale)"

op(
    "flash_attention(query, key, value, mask=None; is_causal=False, scale=1.0) -> result, !weights",
    "ScaledDotProductFlashAttentionForCpuBackward0", "attention_of(query, key, value, mask, is_causal, scale)",
    query=f"scores_slope(grad, {_WEIGHTS}, value, scale) @ key",
    key=f"scores_slope(grad, {_WEIGHTS}, value, scale).mT @ query",
    shown={
        "query": "D @ key, where D = scale * W * (G - sum of G * W), G = grad @ value.mT and W: the attention weights",
        "key": "D.mT @ query, where D = scale * W * (G - sum of G * W), G = grad @ value.mT and W: the attention weights",
        "value": "W.mT @ grad, where W are the attention weights",
    },
    value=f"{_WEIGHTS}.mT @ grad",
    refuses={"c": "softmax_lastdim_kernel_impl"},
    samples=[
        "F.scaled_dot_product_attention(b[None], b[None] + 1, b[None] * 2)",
        "F.scaled_dot_product_attention(x[None, None], m[None, None], m[None, None], mask.T[:1])",
        "F.scaled_dot_product_attention(b[None], b[None], b[None], is_causal=True, scale=0.3)",
    ],
)  # fmt: skip
op(
    "safe_softmax(self; dim)", "SafeSoftmaxBackward0", "safe_softmax_of(self, dim)",
    refuses={"c": "softmax_lastdim_kernel_impl"},
    self="(grad - sum(grad * result, dim, True)) * result",
    samples=["F.scaled_dot_product_attention(x, m, m)", "F.scaled_dot_product_attention(b, b, b, is_causal=True)"],
)  # fmt: skip
