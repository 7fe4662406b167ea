"""Losses: one number for how far `input`, what a network says, is from `target`, what it should say.

`reduction` says what becomes of the losses of the elements: their "mean", their "sum", or "none", the losses themselves.
`size_average` and `reduce` are how this was said before PyTorch 0.4.
"""

from __future__ import annotations

import warnings
from typing import Any

from teachgrad import errors
from teachgrad.autograd.variable import TensorBase
from teachgrad.ops.network import log_softmax as log_softmax_along
from teachgrad.ops.shape import broadcast_tensors
from teachgrad.ops.table import LIVE

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "huber_loss", "kl_div", "l1_loss",
    "mse_loss", "nll_loss", "smooth_l1_loss",
]  # fmt: skip


def reduction_of(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction that is meant; raises ValueError if it is none."""
    if size_average is not None or reduce is not None:
        reduction = "none" if reduce is False else "sum" if size_average is False else "mean"
        warnings.warn(
            f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.",
            stacklevel=3,
        )
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def _constant(function: str, **weights: Any) -> None:
    """Raises RuntimeError for a weight that wants a gradient: there is no rule for it."""
    for name, weight in weights.items():
        if weight is not None and weight._requires_grad:
            raise RuntimeError(
                f"The function '{function}' is not differentiable with respect to argument '{name}'. This input cannot have "
                "requires_grad True."
            )


def reduced(losses: Any, reduction: str) -> Any:
    """One number of many, recorded as the op that it is."""
    return losses.mean() if reduction == "mean" else losses.sum() if reduction == "sum" else losses


# -- distances: regression -------------------------------------------------------------------------------------
def _same_shape(input: Any, target: Any) -> tuple[Any, Any]:
    """Both broadcast to one shape, with the warning that this is rarely meant."""
    if target.size() != input.size():
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will likely "
            "lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=3,
        )
        input, target = broadcast_tensors(input, target)
    return input, target


def mse_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Any:
    """(x - t)^2. Mirrors `F.mse_loss`."""
    reduction = reduction_of(size_average, reduce, reduction)
    input, target = _same_shape(input, target)
    if weight is None:
        return LIVE["mse_loss"](input, target, reduction)
    losses = (input - target) ** 2 * weight
    return losses.sum() / weight.sum() if reduction == "mean" else reduced(losses, reduction)


def l1_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Any:
    """|x - t|. Mirrors `F.l1_loss`."""
    reduction = reduction_of(size_average, reduce, reduction)
    input, target = _same_shape(input, target)
    losses = (input - target).abs()
    if weight is None:
        return reduced(losses, reduction)
    losses = losses * weight
    return losses.sum() / weight.sum() if reduction == "mean" else reduced(losses, reduction)


def smooth_l1_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Any:
    """(x - t)^2 / (2 beta) near the target, |x - t| - beta / 2 from distance beta on. Mirrors `F.smooth_l1_loss`."""
    reduction = reduction_of(size_average, reduce, reduction)
    input, target = _same_shape(input, target)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return reduced((input - target).abs(), reduction)
    return LIVE["smooth_l1_loss"](input, target, reduction, beta)


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None) -> Any:
    """(x - t)^2 / 2 near the target, delta * (|x - t| - delta / 2) from distance delta on. Mirrors `F.huber_loss`."""
    reduction = reduction_of(None, None, reduction)
    input, target = _same_shape(input, target)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    if weight is None:
        return LIVE["huber_loss"](input, target, reduction, delta)
    losses = LIVE["huber_loss"](input, target, "none", delta) * weight
    return losses.sum() / weight.sum() if reduction == "mean" else reduced(losses, reduction)


# -- classes ---------------------------------------------------------------------------------------------------
def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """Minus the log probability that `input` gives to the class `target`. Mirrors `F.nll_loss`.

    input: (C,), (N, C) or (N, C, ...) with target: (), (N,) or (N, ...) of class numbers. `weight`, (C,), says how much each
    class counts; targets that are `ignore_index` do not. Raises ValueError or RuntimeError for other shapes, IndexError for
    a class that there is not.
    """
    _two_tensors("nll_loss_nd", input, target)
    return _nll(input, target, weight, ignore_index, reduction_of(size_average, reduce, reduction))


def _two_tensors(function: str, input: Any, target: Any) -> None:
    """Raises TypeError unless both are tensors."""
    for position, (name, value) in enumerate((("input", input), ("target", target)), 1):
        if not isinstance(value, TensorBase):
            raise errors.not_a_tensor(function, name, position, value)


def _nll(input: Any, target: Any, weight: Any, ignore_index: int, reduction: str) -> Any:
    shape, labels = input._data.shape, target._data
    rows = labels.shape[0] if labels.ndim else 0
    if len(shape) > 1 and shape[0] != rows:
        raise errors.explained(
            ValueError(f"Expected input batch_size ({shape[0]}) to match target batch_size ({rows})."),
            "There must be one target for each row of the input.",
        )
    if len(shape) <= 2 and labels.ndim > 1:
        raise errors.explained(
            RuntimeError("0D or 1D target tensor expected, multi-target not supported"),
            "The target is one class number for each row, shape (N,), not (N, 1): try target.squeeze(1).",
        )
    if (labels.dtype.kind, labels.dtype.itemsize) not in (("i", 8), ("u", 1)):
        raise errors.explained(
            RuntimeError(f"expected target dtype to be Long or Byte, but got {target.dtype.scalar_name}"),
            "The target are class numbers. Convert with target.long().",
        )
    classes = shape[1] if len(shape) > 1 else shape[0]
    if weight is not None and weight._data.shape != (classes,):
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no classes but got weight tensor "
            f"of shape: {list(weight._data.shape)}"
        )
    _constant("nll_loss_forward" if len(shape) <= 2 else "nll_loss2d_forward", weight=weight)
    if len(shape) <= 2:
        return LIVE["nll_loss_rows"](input, target, weight, reduction, ignore_index)
    if (shape[0], *shape[2:]) != labels.shape:
        raise RuntimeError(f"Expected target size {[shape[0], *shape[2:]]}, got {list(labels.shape)}")
    if len(shape) == 4:
        return LIVE["nll_loss2d"](input, target, weight, reduction, ignore_index)
    flat = LIVE["nll_loss2d"](
        input.reshape((shape[0], classes, 1, -1)), target.reshape((shape[0], 1, -1)), weight, reduction, ignore_index
    )
    return flat.reshape(labels.shape) if reduction == "none" else flat


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """nll_loss of log_softmax(input): for raw scores, not for probabilities. Mirrors `F.cross_entropy`.

    Shapes as for `nll_loss`; a target of the input's shape holds probabilities of the classes. `label_smoothing` takes that
    share of each target away and spreads it over all classes.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    _two_tensors("cross_entropy_loss", input, target)
    scores = log_softmax_along(input, 0 if input._data.ndim == 1 else 1)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")
    if input._data.shape == target._data.shape:
        return _cross_entropy_of_probabilities(scores, target, weight, reduction, label_smoothing)
    if label_smoothing == 0:
        return _nll(scores, target, weight, ignore_index, reduction)
    return _smoothed(scores, target, weight, ignore_index, reduction, label_smoothing)


def _per_class(weight: Any, scores: Any) -> Any:
    """The class weights in a shape that broadcasts with `scores`."""
    return weight.view((-1, *(1,) * (scores._data.ndim - 2))) if scores._data.ndim > 1 else weight


def _cross_entropy_of_probabilities(scores: Any, target: Any, weight: Any, reduction: str, smoothing: float) -> Any:
    if not target.is_floating_point():
        raise RuntimeError(
            f"Expected floating point type for target with class probabilities, got {target.dtype.scalar_name}"
        )
    dim = 0 if scores._data.ndim == 1 else 1
    if smoothing > 0:
        target = target * (1 - smoothing) + smoothing / scores._data.shape[dim]
    losses = scores * target if weight is None else scores * target * _per_class(weight, scores)
    if reduction == "none":
        return -losses.sum(dim)
    if reduction == "sum":
        return -losses.sum()
    return LIVE["div_scalar"](-losses.sum(), losses._data.size // max(losses._data.shape[dim], 1))


def _smoothed(scores: Any, target: Any, weight: Any, ignore_index: int, reduction: str, smoothing: float) -> Any:
    """(1 - s) times the loss of the targets plus s / classes times the loss of all classes."""
    dim = 0 if scores._data.ndim == 1 else 1
    exact = _nll(scores, target, weight, ignore_index, reduction)
    spread = -(scores if weight is None else scores * _per_class(weight, scores)).sum(dim)
    ignored = target == ignore_index
    spread = spread.masked_fill(ignored, 0)
    if reduction == "sum":
        spread = spread.sum()
    elif reduction == "mean":
        if weight is None:
            counted = (~ignored).sum()
        else:
            counted = weight[target.masked_fill(ignored, 0).flatten()].masked_fill(ignored.flatten(), 0).sum()
        spread = spread.sum() / counted
    shares = (exact, 1 - smoothing), (spread, smoothing / scores._data.shape[dim])
    return LIVE["add"](*(LIVE["mul_scalar"](loss, share) for loss, share in shares))


def binary_cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """-(t log x + (1 - t) log(1 - x)) for probabilities x. Mirrors `F.binary_cross_entropy`."""
    reduction = reduction_of(size_average, reduce, reduction)
    if target.size() != input.size():
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated. "
            "Please ensure they have the same size."
        )
    _constant("binary_cross_entropy", weight=weight)
    return LIVE["binary_cross_entropy"](input, target, weight, reduction)


def binary_cross_entropy_with_logits(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:
    """binary_cross_entropy of sigmoid(x), computed from x. Mirrors `F.binary_cross_entropy_with_logits`."""
    reduction = reduction_of(size_average, reduce, reduction)
    if target.size() != input.size():
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    _constant("binary_cross_entropy_with_logits", weight=weight, pos_weight=pos_weight)
    return LIVE["binary_cross_entropy_with_logits"](input, target, weight, pos_weight, reduction)


def kl_div(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Any:
    """t (log t - x) for log probabilities x and probabilities t (or their logarithms). Mirrors `F.kl_div`."""
    if reduction == "mean" and size_average is None and reduce is None:
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math definition."
            "'mean' will be changed to behave the same as 'batchmean' in the next major release.",
            stacklevel=2,
        )
    by_batch = reduction == "batchmean"
    reduction = reduction_of(size_average, reduce, "sum" if by_batch else reduction)
    losses = target.exp() * (target - input) if log_target else LIVE["xlogy_tensors"](target, target) - target * input
    total = reduced(losses, reduction)
    return total / input._data.shape[0] if by_batch and input._data.ndim else total
