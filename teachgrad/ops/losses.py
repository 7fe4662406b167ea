"""Losses: how far a prediction is from what it should have been.

    mse             (x - t)^2           pulls with 2 (x - t): twice as far, twice as hard
    smooth l1       the same near t, |x - t| further out: an outlier pulls no harder than by 1
    nll             -x[t]               raises the log probability of the right class, and of no other
    cross entropy   nll of log_softmax: together, the gradient is softmax(x) - onehot(t)

`reduction` makes one number of the losses of the elements: their "mean", their "sum", or it leaves them ("none").
"""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgrad import dtypes, errors
from teachgrad.autograd.variable import wrap
from teachgrad.bfloats import cast
from teachgrad.gpu import on_gpu, xp
from teachgrad.ops import activation, dims, reduce_arrays  # noqa: F401 - log_sigmoid
from teachgrad.ops.table import LIVE, composite, op, raw

_UNSIGNED = {np.dtype(np.int64): np.uint64, np.dtype(np.uint8): np.uint8}


# -- the entries -----------------------------------------------------------------------------------------------
op(
    "mse_loss(self, target; reduction)", "MseLossBackward0",
    "reduced(squared(floats(self - target, 'mse_cpu')), reduction)",
    refuses={"c": "mse_cpu"},
    self="spread_loss(grad, self_shape, reduction) * (2 * (self - target))",
    target="spread_loss(grad, self_shape, reduction) * (2 * (target - self))", pointwise=True,
    samples=["F.mse_loss(x, y)", "F.mse_loss(x, y, reduction='sum')", "F.mse_loss(x, y, reduction='none')"],
)  # fmt: skip
op(
    "smooth_l1_loss(self, target; reduction, beta)", "SmoothL1LossBackward0",
    "reduced(smooth_l1(floats(self - target, 'smooth_l1_cpu'), beta), reduction)",
    refuses={"c": "smooth_l1_cpu"},
    self="spread_loss(grad, self_shape, reduction) * clip((self - target) / beta, -1, 1)",
    target="spread_loss(grad, self_shape, reduction) * clip((target - self) / beta, -1, 1)", pointwise=True,
    samples=["F.smooth_l1_loss(x, y)", "F.smooth_l1_loss(x, 3 * y, reduction='none', beta=0.3)"],
)  # fmt: skip
op(
    "huber_loss(self, target; reduction, delta)", "HuberLossBackward0",
    "reduced(smooth_l1(floats(self - target, 'huber_cpu'), delta) * delta, reduction)",
    refuses={"c": "huber_cpu"},
    self="spread_loss(grad, self_shape, reduction) * clip(self - target, -delta, delta)",
    target="spread_loss(grad, self_shape, reduction) * clip(target - self, -delta, delta)", pointwise=True,
    samples=["F.huber_loss(x, y)", "F.huber_loss(x, 3 * y, reduction='sum', delta=0.3)"],
)  # fmt: skip
op(
    "nll_loss.rows(self, target, weight; reduction='mean', ignore_index=-100)", "NllLossBackward0",
    "nll_of(self, target, weight, reduction, ignore_index)",
    self="nll_slope(grad, self_shape, self_dtype, target, weight, reduction, ignore_index)",
    shown={
        "self": "-grad times the weight of its class at each target, elsewhere 0; for the mean divided by all weights",
    },
    refuses={"biuc": "nll_loss_out_frame"},
    samples=[
        "F.nll_loss(x, labels)", "F.nll_loss(x, labels, reduction='sum')",
        "F.nll_loss(x, labels, reduction='none')", "F.nll_loss(x, labels, weight=v.detach().abs())",
        "F.nll_loss(x, labels, ignore_index=0)", "F.nll_loss(v, labels[0])", "F.cross_entropy(x, labels)",
    ],
)  # fmt: skip
op(
    "nll_loss2d(self, target, weight; reduction='mean', ignore_index=-100)", "NllLoss2DBackward0",
    "nll_of(self, target, weight, reduction, ignore_index)",
    self="nll_slope(grad, self_shape, self_dtype, target, weight, reduction, ignore_index)",
    shown={
        "self": "-grad times the weight of its class at each target, elsewhere 0; for the mean divided by all weights",
    },
    refuses={"biuc": "nll_loss2d_forward_out_frame"},
    samples=["F.nll_loss(b, idx[:, :1].repeat(1, 4))"],
)  # fmt: skip
op(
    "binary_cross_entropy(self, target, weight; reduction='mean')", "BinaryCrossEntropyBackward0",
    "reduced(weighted(bce_of(self, target), weight), reduction)",
    refuses={"c": "binary_cross_entropy"},
    self="bce_slope(spread_loss(grad, self_shape, reduction), self, target, weight)",
    target="bce_target_slope(spread_loss(grad, self_shape, reduction), self, weight)",
    shown={
        "self": "spread_loss(grad, self_shape, reduction) * (self - target) / (self * (1 - self))",
        "target": "spread_loss(grad, self_shape, reduction) * (log(1 - self) - log(self))",
    },
    samples=[
        "F.binary_cross_entropy(p / 9, mask.to(p.dtype)).detach()",
        "F.binary_cross_entropy(p / 9, mask.to(x.dtype), p.detach(), reduction='sum').detach()",
    ],
)  # fmt: skip
op(
    "binary_cross_entropy_with_logits(self, target, weight=None, pos_weight=None; reduction='mean')",
    "BinaryCrossEntropyWithLogitsBackward0",
    "reduced(weighted(bce_logits_of(self, target, pos_weight), weight), reduction)",
    self="bce_logits_slope(spread_loss(grad, self_shape, reduction), self, target, weight, pos_weight)",
    target="bce_logits_target_slope(spread_loss(grad, self_shape, reduction), self, weight, pos_weight)",
    shown={
        "self": "spread_loss(grad, self_shape, reduction) * (sigmoid(self) - target)",
        "target": "spread_loss(grad, self_shape, reduction) * -self",
    },
    samples=[
        "F.binary_cross_entropy_with_logits(x, mask.to(x.dtype))",
        "F.binary_cross_entropy_with_logits(x, y.sigmoid(), reduction='none')",
        "F.binary_cross_entropy_with_logits(x, mask.to(x.dtype), pos_weight=p[0].detach())",
    ],
)  # fmt: skip


op(
    "xlogy.tensors(self, other)", "XlogyBackward0", "xlogy_of(self, other)",
    refuses={"c": "xlogy_cpu"},
    pointwise=True, floats=True, self="where(self == 0, 0, grad * log(other))", other="grad * self / other",
    samples=["F.kl_div(x, p, reduction='sum')", "F.kl_div(x, mask.to(x.dtype), reduction='batchmean')"],
)  # fmt: skip


# PyTorch's functions that are written in C++ add and scale by numbers with ops of other names than Python's operators.
for _name, _sign, _rule, _sample in (
    ("add", "+", "grad", "F.margin_ranking_loss(x, y, mask * 2.0 - 1, margin=0.2)"),
    ("sub", "-", "grad", "F.cosine_embedding_loss(x, y, torch.tensor([1, -1]), margin=-2.0)"),
    ("mul", "*", "grad * number", "F.cross_entropy(x, labels, label_smoothing=0.1)"),
    ("div", "/", "grad / number", "F.cross_entropy(x, y.detach().softmax(1))"),
):
    op(
        f"{_name}.scalar(self; number)", f"{_name.capitalize()}Backward1", f"self {_sign} number",
        pointwise=True, promotes=["number"], self=_rule, samples=[_sample],
    )  # fmt: skip


# -- what they compute -----------------------------------------------------------------------------------------
@raw
def reduced(losses: Any, reduction: str) -> Any:
    """The mean or the sum of `losses`, or all of them."""
    if reduction == "mean":
        return reduce_arrays.mean(losses)
    return reduce_arrays.sum(losses) if reduction == "sum" else losses


@composite
def spread_loss(F: Any, grad: Any, shape: tuple[int, ...], reduction: str) -> Any:
    """What one loss of `shape` receives of the gradient of the reduced loss."""
    if reduction == "none":
        return grad
    return F.expand_back(grad / F.count(shape) if reduction == "mean" else grad, shape)


@raw
def floats(self: Any, kernel: str) -> Any:
    """`self`, if its elements are floats; raises NotImplementedError, naming PyTorch's kernel, if not."""
    if self.dtype.kind not in "fcV":
        raise errors.not_for_dtype(kernel, dtypes.of(self.dtype).scalar_name)
    return self


@raw
def squared(difference: Any) -> Any:
    """The square."""
    return difference * difference


@raw
def smooth_l1(difference: Any, beta: float) -> Any:
    """d^2 / (2 beta) up to beta, |d| - beta / 2 beyond."""
    size = np.abs(difference)
    return np.where(size < beta, size * size * (0.5 / beta), size - 0.5 * beta)[()]


def _places(shape: tuple[int, ...], target: Any, weight: Any, ignore_index: int) -> tuple[Any, Any]:
    """Where each target's log probability stands, and how much each target counts (None: all the same).

    Raises IndexError for a class that there is not.
    """
    classes = shape[1] if len(shape) > 1 else shape[0]
    counts = None
    # Read as an unsigned number, -1 is large: one maximum finds the targets below 0 and those beyond the last class.
    # On a GPU nobody waits for the answer, so all targets are counted, and none is found to be wrong.
    if target.size and (
        on_gpu(target)
        or np.maximum.reduce(target.view(_UNSIGNED[target.dtype]), axis=None) >= classes
        or ignore_index >= 0
    ):
        counts = target != ignore_index
        target = np.where(counts, target, 0)
        wrong = (target < 0) | (target >= classes)
        if not on_gpu(target) and wrong.any():
            raise errors.explained(
                IndexError(f"Target {target[wrong][0]} is out of bounds."),
                f"There are {classes} classes, numbered from 0 to {classes - 1}.",
            )
    if weight is not None:
        counts = weight[target] if counts is None else weight[target] * counts
    if len(shape) == 1:
        return target, counts
    if len(shape) == 2:
        return (xp(target).arange(shape[0]), target), counts
    rows, *inner = dims.axes(target)
    return (rows, target, *inner), counts


@raw
def nll_of(self: Any, target: Any, weight: Any, reduction: str, ignore_index: int) -> Any:
    """Minus the log probability of each target; the mean is weighted."""
    place, counts = _places(self.shape, target, weight, ignore_index)
    losses = -self[place]
    if counts is not None:
        losses = np.where(counts == 0, 0, losses * counts).astype(self.dtype)[()]
        if reduction == "mean":
            return reduce_arrays.sum(losses) / reduce_arrays.sum(counts).astype(self.dtype)
    return reduced(losses, reduction)


def _nll_slopes(shape: tuple[int, ...], dtype: Any, target: Any, weight: Any, reduction: str, ignore_index: int) -> Any:
    """The derivative of the loss with respect to each log probability: zeros but for the targets."""
    place, counts = _places(shape, target, weight, ignore_index)
    kind = np.dtype(np.float32) if dtype.kind == "V" and on_gpu(target) else dtype  # CuPy does not compute in bfloat16
    scale = 1.0
    if reduction == "mean":
        scale = 1 / (target.size if counts is None else reduce_arrays.sum(counts).astype(kind))
    slopes = xp(target).zeros(shape, kind)
    slopes[place] = -scale if counts is None else -scale * counts
    return slopes if kind is dtype else cast(slopes, dtype)


@raw
def nll_slope(grad: Any, shape: tuple[int, ...], dtype: Any, *about: Any) -> Any:
    """-1, or a share of it, for the log probability of each target; 0 for the others."""
    slopes = _nll_slopes(shape, dtype, *about)
    slopes *= np.expand_dims(grad, 1) if grad.ndim else grad
    return slopes


def _nll_slope_live(grad: Any, shape: tuple[int, ...], dtype: Any, target: Any, weight: Any, *about: Any) -> Any:
    """The same on tensors."""
    slopes = _nll_slopes(shape, dtype, target._data, None if weight is None else weight._data, *about)
    return wrap(slopes) * (grad.unsqueeze(1) if grad._data.ndim else grad)


LIVE["nll_slope"] = _nll_slope_live


# -- two classes -----------------------------------------------------------------------------------------------
@raw
def weighted(losses: Any, weight: Any) -> Any:
    """Each loss times its weight, if there are weights."""
    return losses if weight is None else losses * weight


@raw
def bce_of(self: Any, target: Any) -> Any:
    """-(t log x + (1 - t) log(1 - x)); a logarithm counts as -100 at least, so that the loss stays finite."""
    if self.dtype is not target.dtype:
        names = [dtypes.of(array.dtype).scalar_name for array in (target, self)]
        raise RuntimeError(f"Found dtype {names[0]} but expected {names[1]}")
    floats(self, "binary_cross_entropy")
    if not on_gpu(self) and self.size and not ((self >= 0) & (self <= 1)).all():
        raise errors.explained(
            RuntimeError("all elements of input should be between 0 and 1"),
            "The input must be probabilities. Apply sigmoid first, or use binary_cross_entropy_with_logits.",
        )
    if not on_gpu(target) and target.size and not ((target >= 0) & (target <= 1)).all():
        raise errors.explained(
            RuntimeError("all elements of target should be between 0 and 1"),
            "The target says how likely the first of two classes is: 1, 0 or something between.",
        )
    return (target - 1) * np.maximum(np.log1p(-self), -100) - target * np.maximum(np.log(self), -100)


@composite
def bce_slope(F: Any, grad: Any, self: Any, target: Any, weight: Any) -> Any:
    """(x - t) / (x (1 - x)), bounded near 0 and 1."""
    slope = grad * (self - target) / F.clip((1 - self) * self, 1e-12, None)
    return slope if weight is None else slope * weight


@composite
def bce_target_slope(F: Any, grad: Any, self: Any, weight: Any) -> Any:
    """log(1 - x) - log(x), bounded."""
    slope = grad * (F.clip(F.log1p(-self), -100, None) - F.clip(F.log(self), -100, None))
    return slope if weight is None else slope * weight


@raw
def bce_logits_of(self: Any, target: Any, pos_weight: Any) -> Any:
    """The same for x = sigmoid(z), computed from z without a logarithm of 0."""
    if target.dtype.kind not in "fV":
        raise errors.cannot_cast("Float", dtypes.of(target.dtype).scalar_name)
    rest = np.log1p(np.exp(-np.abs(self))) + np.maximum(-self, 0)
    if pos_weight is not None:
        rest = rest * ((pos_weight - 1) * target + 1)
    return ((1 - target) * self + rest).astype(target.dtype)[()]


@composite
def bce_logits_slope(F: Any, grad: Any, self: Any, target: Any, weight: Any, pos_weight: Any) -> Any:
    """sigmoid(z) - t: how much too sure it is."""
    if pos_weight is None:
        slope = grad * (F.sigmoid(self) - target)
    else:
        positive = pos_weight * target
        slope = grad * ((positive + 1 - target) * F.sigmoid(self) - positive)
    return slope if weight is None else slope * weight


@composite
def bce_logits_target_slope(F: Any, grad: Any, self: Any, weight: Any, pos_weight: Any) -> Any:
    """-z, or with weights log(1 - x) - p log(x)."""
    towards = -self if pos_weight is None else F.log_sigmoid(-self) - pos_weight * F.log_sigmoid(self)
    slope = grad * towards
    return slope if weight is None else slope * weight
