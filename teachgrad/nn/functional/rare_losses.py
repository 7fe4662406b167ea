"""Losses for distances, rankings and counts; each is a line or two of arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from teachgrad.autograd.modes import no_grad
from teachgrad.autograd.variable import TensorBase, wrap
from teachgrad.gpu import xp
from teachgrad.likes import ones_like
from teachgrad.nn.functional.activations import logsigmoid
from teachgrad.nn.functional.distances import pairwise_distance
from teachgrad.nn.functional.losses import cross_entropy, reduced, reduction_of
from teachgrad.ops.margins import chosen
from teachgrad.ops.table import LIVE

__all__ = [
    "cosine_embedding_loss", "ctc_loss", "gaussian_nll_loss", "hinge_embedding_loss", "linear_cross_entropy",
    "margin_ranking_loss",
    "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss", "poisson_nll_loss", "soft_margin_loss",
    "triplet_margin_loss", "triplet_margin_with_distance_loss",
]  # fmt: skip


def linear_cross_entropy(
    input: Any, linear_weight: Any, target: Any, *, linear_bias: Any = None, weight: Any = None, reduction: str = "mean",
    ignore_index: int | None = None, label_smoothing: float = 0.0, options: Any = None,
) -> Any:  # fmt: skip
    """`cross_entropy` of a linear layer's output, whose weight is (C, in) or (C, d_1, ..., in).

    PyTorch's `options` say how it saves memory on the way; here they change nothing. Mirrors `F.linear_cross_entropy`.
    """
    logits = input @ linear_weight.flatten(0, -2).t()
    logits = logits.unflatten(-1, linear_weight.shape[:-1])
    logits = logits if linear_bias is None else logits + linear_bias
    ignored = -100 if ignore_index is None else ignore_index
    return cross_entropy(
        logits, target, weight, ignore_index=ignored, reduction=reduction, label_smoothing=label_smoothing
    )


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
        var = var * ones_like(input)
    if var._data.shape == input._data.shape[:-1]:
        var = var.unsqueeze(-1)
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
    reduction = reduction_of(size_average, reduce, reduction)
    scores = input._data
    right, weights = chosen(target._data, scores.shape[-1], scores.dtype), None if weight is None else weight._data
    return LIVE["multi_margin_loss"](input, right, p, margin, weights, reduction)


def multilabel_margin_loss(
    input: Any, target: Any, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
) -> Any:
    """How far wrong classes reach above the right ones less 1, over the classes. Mirrors `F.multilabel_margin_loss`.

    `target` has the shape of `input`: in each row the numbers of the right classes, then -1.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    return LIVE["multilabel_margin_loss"](input, target._data, reduction)[0]


def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    """Minus the log probability of the target sequences, however they lie in time. Mirrors `F.ctc_loss`.

    log_probs (T, N, C) or (T, C); targets (N, S), or all sequences one after the other; the lengths are tensors or tuples.
    The mean is that of the losses divided by the lengths of their targets. Raises RuntimeError for lengths that do not fit.
    """
    reduction = reduction_of(None, None, reduction)
    if log_probs.dim() == 2:
        arguments = (log_probs.unsqueeze(1), targets.reshape(1, -1), _list(input_lengths), _list(target_lengths))
        found = ctc_loss(*arguments, blank, reduction, zero_infinity)
        return found.squeeze(0) if reduction == "none" else found
    lengths, sizes = _list(input_lengths), _list(target_lengths)
    sequences = _sequences(log_probs._data.shape, targets._data, lengths, sizes, blank)
    losses = LIVE["ctc_loss"](log_probs, sequences, tuple(lengths), blank, zero_infinity)
    if zero_infinity:
        losses = LIVE["where"](losses == math.inf, 0.0, losses)
    if reduction == "mean":
        losses = losses / wrap(xp(losses._data).asarray(np.maximum(np.array(sizes, losses._data.dtype), 1)))
    return reduced(losses, reduction)


def _list(lengths: Any) -> list[int]:
    """Lengths given as a tensor, a number or a sequence."""
    numbers = lengths.tolist() if isinstance(lengths, TensorBase) else lengths  # type: ignore[attr-defined]
    return [numbers] if isinstance(numbers, int) else list(numbers)


def _sequences(
    shape: tuple[int, ...], targets: Any, lengths: list[int], sizes: list[int], blank: int
) -> tuple[Any, ...]:
    """The target of each sample. Raises RuntimeError for lengths that do not fit."""
    steps, batch, classes = shape
    where = "(while checking arguments for ctc_loss_allocate_outputs)"
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    for name, found in (("input_lengths", lengths), ("target_lengths", sizes)):
        if len(found) != batch:
            raise RuntimeError(f"{name} must be of size batch_size")
    if max(lengths) > steps:
        raise RuntimeError(
            f"Expected input_lengths to have value at most {steps}, but got value {max(lengths)} {where}"
        )
    if targets.ndim == 1:
        if len(targets) != sum(sizes):
            raise RuntimeError(
                f"Expected tensor to have size {sum(sizes)} at dimension 0, but got size {len(targets)} for argument #2 "
                f"'targets' {where}"
            )
        return tuple(np.split(targets, np.cumsum(sizes)[:-1]))
    if targets.shape[1] < max(sizes):
        raise RuntimeError(
            f"Expected tensor to have size at least {max(sizes)} at dimension 1, but got size {targets.shape[1]} for "
            f"argument #2 'targets' {where}"
        )
    return tuple(row[:size] for row, size in zip(targets, sizes, strict=True))


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
    return LIVE["soft_margin_loss"](input, target, reduction_of(size_average, reduce, reduction))


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

    reduction = reduction_of(size_average, reduce, reduction)
    near, far = pairwise_distance(anchor, positive, p, eps), pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = LIVE["minimum"](far, pairwise_distance(positive, negative, p, eps))
    return reduced((LIVE["add_scalar"](near, margin) - far).clamp_min(0), reduction)


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
    return reduced((margin + near - far).clamp_min(0), reduction_of(None, None, reduction))
