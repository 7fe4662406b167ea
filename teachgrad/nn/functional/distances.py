"""How far apart, or how parallel, vectors are."""

from __future__ import annotations

from typing import Any

from teachgrad.autograd.modes import no_grad
from teachgrad.ops import dims
from teachgrad.ops.shape import broadcast_tensors
from teachgrad.ops.table import LIVE

__all__ = ["cosine_similarity", "pairwise_distance", "pdist"]


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """x1 . x2 / (|x1| |x2|) along `dim`, the norms at least `eps`. Mirrors `F.cosine_similarity`."""
    if x1._data.shape != x2._data.shape:
        shape = broadcast_tensors(x1, x2)[0]._data.shape
        x1, x2 = x1.expand(shape), x2.expand(shape)
    parts = []
    for x in (x1, x2):
        length = LIVE["linalg_vector_norm"](x, 2, dims.one("cosine_similarity", x, dim), True).clone()
        with no_grad():
            length.clamp_min_(eps)
        parts.append(x / length)
    return (parts[0] * parts[1]).sum(dim)


def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    """The p-norm of x1 - x2 + eps along the last dimension. Mirrors `F.pairwise_distance`."""
    difference = LIVE["add_scalar"](x1 - x2, eps)
    return LIVE["norm_dim"](difference, p, difference._data.ndim - 1, keepdim)


def pdist(input: Any, p: float = 2.0) -> Any:
    """The distances of all pairs of rows of (N, M), each pair once: (N (N - 1) / 2,). Mirrors `F.pdist`."""
    if input.dim() != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.dim()}D")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    first, second = LIVE["triu_indices"](len(input), len(input), 1)
    return LIVE["norm_dim"](input[first] - input[second], p, 1, False)
