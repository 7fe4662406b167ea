"""Losses for distances, rankings and counts; each is a line or two of arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from teachgrad.autograd.modes import no_grad
from teachgrad.autograd.variable import TensorBase, wrap
from teachgrad.nn.functional.activations import logsigmoid
from teachgrad.nn.functional.distances import pairwise_distance
from teachgrad.nn.functional.losses import reduced, reduction_of
from teachgrad.ops.table import LIVE

__all__ = [
    "cosine_embedding_loss", "gaussian_nll_loss", "hinge_embedding_loss", "margin_ranking_loss", "multi_margin_loss",
    "multilabel_soft_margin_loss", "poisson_nll_loss", "soft_margin_loss", "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]  # fmt: skip


def _less(number: float, tensor: Any) -> Any:
    """number - tensor, by the node that PyTorch's C++ code makes of it."""
    return wrap(tensor._data.dtype.type(number)) - tensor


def cosine_embedding_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """1 - cos for pairs that should be alike (target 1), max(0, cos - margin) for others (-1).

    Mirrors `F.cosine_embedding_loss`.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    dot, square1, square2 = ((a * b).sum(-1) for a, b in ((input1, input2), (input1, input1), (input2, input2)))
    cosine = dot / (LIVE["add_scalar"](square1, 1e-12) * LIVE["add_scalar"](square2, 1e-12)).sqrt()
    where = LIVE["where"]
    losses = where(target == 1, _less(1, cosine), 0.0) + where(
        target == -1, LIVE["sub_scalar"](cosine, margin).clamp_min(0), 0.0
    )
    return reduced(losses, reduction)


def gaussian_nll_loss(
    input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Any:
    """Minus the log density of `target` under a normal distribution with mean `input`. Mirrors `F.gaussian_nll_loss`."""
    if isinstance(var, TensorBase):
        if (var < 0).any():  # type: ignore[attr-defined, operator]
            raise ValueError("var has negative entry/entries")
        var = var.clone()  # type: ignore[attr-defined]
        with no_grad():
            var.clamp_(min=eps)
    elif var < 0:
        raise ValueError("var has negative entry/entries")
    else:
        var = var * LIVE["ones_like"](input)
    losses = 0.5 * (var.log() + (input - target) ** 2 / var)
    return reduced(losses + 0.5 * math.log(2 * math.pi) if full else losses, reduction_of(None, None, reduction))


def hinge_embedding_loss(
    input: Any,
    target: Any,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """The distance `input` of pairs that are alike (target 1), max(0, margin - input) for others (-1).

    Mirrors `F.hinge_embedding_loss`.
    """
    where = LIVE["where"]
    losses = where(target != 1, _less(margin, input).clamp_min(0), 0.0) + where(target != -1, input, 0.0)
    return reduced(losses, reduction_of(size_average, reduce, reduction))


def margin_ranking_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """max(0, -target * (input1 - input2) + margin): target says which should be larger. Mirrors `F.margin_ranking_loss`."""
    losses = LIVE["add_scalar"](-target * (input1 - input2), margin).clamp_min(0)
    return reduced(losses, reduction_of(size_average, reduce, reduction))


def multi_margin_loss(
    input: Any,
    target: Any,
    p: int = 1,
    margin: float = 1.0,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """How far the other classes reach above the right one less a margin, per class. Mirrors `F.multi_margin_loss`."""
    scores, right = (input, target) if input.dim() > 1 else (input.unsqueeze(0), target.reshape(1))
    ahead = (margin - scores.gather(1, right.unsqueeze(1)) + scores).clamp_min(0) ** p
    if weight is not None:
        ahead = ahead * weight[right].unsqueeze(1)
    losses = ahead.scatter(1, right.unsqueeze(1), 0.0).sum(1) / scores.size(1)
    return reduced(losses if input.dim() > 1 else losses[0], reduction_of(size_average, reduce, reduction))


def multilabel_soft_margin_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """Binary cross entropy of sigmoid(input), averaged over the classes. Mirrors `F.multilabel_soft_margin_loss`."""
    losses = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        losses = losses * weight
    return reduced(losses.sum(-1) / input.size(-1), reduction_of(size_average, reduce, reduction))


def poisson_nll_loss(
    input: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """Minus the log probability of the count `target`, `input` being the (log of the) rate. Mirrors `F.poisson_nll_loss`."""
    losses = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:  # Stirling's approximation of log(target!)
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        losses = losses + stirling.masked_fill(target <= 1, 0)
    return reduced(losses, reduction_of(size_average, reduce, reduction))


def soft_margin_loss(
    input: Any, target: Any, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
) -> Any:
    """log(1 + e^(-target * input)) for targets 1 and -1. Mirrors `F.soft_margin_loss`."""
    return reduced((-target * input).exp().log1p(), reduction_of(size_average, reduce, reduction))


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """How much closer than `margin` the negative is than the positive. Mirrors `F.triplet_margin_loss`."""

    def distance(a: Any, b: Any) -> Any:
        return pairwise_distance(a, b, p, eps)

    reduction = reduction_of(size_average, reduce, reduction)
    return triplet_margin_with_distance_loss(
        anchor, positive, negative, distance_function=distance, margin=margin, swap=swap, reduction=reduction
    )


def triplet_margin_with_distance_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Callable[[Any, Any], Any] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    """triplet_margin_loss with any distance. Mirrors `F.triplet_margin_with_distance_loss`."""
    distance = distance_function or pairwise_distance
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = LIVE["minimum"](far, distance(positive, negative))
    return reduced((LIVE["add_scalar"](near, margin) - far).clamp_min(0), reduction_of(None, None, reduction))
