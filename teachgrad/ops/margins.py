"""Losses that want a score to win by a margin.

soft margin         log(1 + e^(-t x))              targets t of 1 and -1
multi margin        max(0, m - x[t] + x[i])^p      for each wrong class i of one right class t, over the classes
multilabel margin   max(0, 1 - x[t] + x[i])        for each wrong class i of each right class t, over the classes
"""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgrad import dtypes
from teachgrad.gpu import add_at, xp
from teachgrad.ops import losses  # noqa: F401 - reduced, spread_loss
from teachgrad.ops.scans import running
from teachgrad.ops.table import RAW, composite, op, raw


@composite
def soft_margin_slope(F: Any, grad: Any, self: Any, target: Any) -> Any:
    """-t sigmoid(-t x): strong where the sign is wrong."""
    return -grad * target * F.sigmoid(-target * self)


@raw
def in_floats(self: Any) -> Any:
    """`self`; raises RuntimeError for integers, whose loss would be no integer."""
    if self.dtype.kind not in "fcV":
        raise RuntimeError(
            f"result type Float can't be cast to the desired output type {dtypes.of(self.dtype).scalar_name}"
        )
    return self


def chosen(target: Any, classes: int, dtype: Any) -> Any:
    """1 at the class of each row, else 0."""
    return (target[..., None] == xp(target).arange(classes)).astype(dtype)


@composite
def above(F: Any, self: Any, right: Any, margin: float) -> Any:
    """How far each score reaches above the right one less the margin, at least 0."""
    return F.clip(margin - F.sum(self * right, self.ndim - 1, True) + self, 0, None)


@raw
def multi_margin_of(self: Any, right: Any, p: int, margin: float, weight: Any) -> Any:
    """The loss of each row."""
    ahead = RAW["above"](self, right, margin) ** p * (1 - right)
    return (ahead if weight is None else ahead * (right @ weight)[..., None]).sum(-1) / self.shape[-1]


@composite
def multi_margin_slope(F: Any, grad: Any, self: Any, right: Any, p: int, margin: float, weight: Any) -> Any:
    """Wrong classes that are too high are pushed down, the right one up by as much as all of them together."""
    rows = None if weight is None else F.constant((right @ getattr(weight, "_data", weight))[..., None])
    ahead, right = F.above(self, F.constant(right), margin), F.constant(right)
    push = (2 * ahead if p == 2 else F.sign(ahead)) * (1 - right) / self.shape[-1]
    if rows is not None:
        push = push * rows
    return F.unsqueeze(grad, grad.ndim) * (push - right * F.sum(push, self.ndim - 1, True))


def multilabel_of(self: Any, target: Any) -> tuple[Any, Any]:
    """The loss of each row, and its derivatives; the right classes stand in `target` up to the first -1."""
    rows, classes = self.shape
    listed = running(np.minimum, target, 1) >= 0
    right = xp(self).zeros((rows, classes), self.dtype)
    add_at(right, (xp(self).arange(rows)[:, None], np.where(listed, target, 0)), listed.astype(self.dtype))
    wrong = (right == 0).astype(self.dtype)
    ahead = 1 - self[:, :, None] + self[:, None, :]  # row, right class, wrong class
    counts = right[:, :, None] * wrong[:, None, :] * (ahead > 0) / classes
    return (ahead * counts).sum((1, 2)).astype(self.dtype), (counts.sum(1) - counts.sum(2)).astype(self.dtype)


op(
    "soft_margin_loss(self, target; reduction)", "SoftMarginLossBackward0",
    "reduced(log1p(exp(-target * in_floats(self))), reduction)",
    refuses={"G": "soft_margin_loss"},
    self="soft_margin_slope(spread_loss(grad, self_shape, reduction), self, target)",
    shown={"self": "spread_loss(grad, self_shape, reduction) * -target * sigmoid(-target * self)"},
    samples=["F.soft_margin_loss(x, y.detach())", "F.soft_margin_loss(x, mask * 2.0 - 1, reduction='none')"],
)  # fmt: skip
op(
    "multi_margin_loss(self; right, p, margin, weight, reduction)", "MultiMarginLossBackward0",
    "reduced(multi_margin_of(self, right, p, margin, weight), reduction)",
    refuses={"c": "multi_margin_loss_cpu_kernel"},
    self="multi_margin_slope(spread_loss(grad, self_shape[:-1], reduction), self, right, p, margin, weight)",
    shown={"self": "grad at each class within the margin of the right one, and minus their sum at the right one"},
    samples=[
        "F.multi_margin_loss(x, labels)", "F.multi_margin_loss(x, labels, 2, 0.5, p[0].detach(), reduction='sum')",
        "F.multi_margin_loss(x, labels, reduction='none')", "F.multi_margin_loss(v, labels[0])",
    ],
)  # fmt: skip
op(
    "multilabel_margin_loss(self; target, reduction) -> result, !slopes", "MultilabelMarginLossBackward0",
    "multilabel_reduced(self, target, reduction)",
    refuses={"c": "multilabel_margin_loss_forward_out_frame"},
    self="unsqueeze(spread_loss(grad, self_shape[:-1], reduction), len(self_shape) - 1) * slopes",
    samples=[
        "F.multilabel_margin_loss(x, torch.tensor([[1, -1, 0], [2, 0, -1]]))",
        "F.multilabel_margin_loss(v, torch.tensor([2, -1, -1]), reduction='sum')",
        "F.multilabel_margin_loss(x, torch.tensor([[1, 1, 2], [-1, 0, 0]]), reduction='none')",
    ],
)  # fmt: skip


@raw
def multilabel_reduced(self: Any, target: Any, reduction: str) -> tuple[Any, Any]:
    """The reduced loss, and the derivatives of the losses of the rows."""
    shape = self.shape
    found, slopes = multilabel_of(self.reshape(-1, shape[-1]), target.reshape(-1, shape[-1]))
    return RAW["reduced"](found.reshape(shape[:-1]), reduction), slopes.reshape(shape)
