"""Losses as modules: each calls the function of `nn.functional` that does the work.

A loss compares `input`, what a network said, with `target`, what it should have said. `reduction` says what becomes of
the losses of the elements: "mean", "sum" or "none".
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, ClassVar

from teachgrad.nn import functional as F
from teachgrad.nn.module import Module

__all__ = [
    "BCELoss", "BCEWithLogitsLoss", "CTCLoss", "CosineEmbeddingLoss", "CosineSimilarity", "CrossEntropyLoss",
    "GaussianNLLLoss", "HingeEmbeddingLoss", "HuberLoss", "KLDivLoss", "L1Loss", "MSELoss", "MarginRankingLoss",
    "MultiLabelMarginLoss", "MultiLabelSoftMarginLoss", "MultiMarginLoss", "NLLLoss", "PairwiseDistance",
    "PoissonNLLLoss", "SmoothL1Loss", "SoftMarginLoss", "TripletMarginLoss", "TripletMarginWithDistanceLoss",
]  # fmt: skip


class _Loss(Module):
    """A loss is a function and the arguments it was made with, which are also attributes (tensors are buffers)."""

    function: ClassVar[str]
    reduction: str

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean", **arguments: Any
    ) -> None:
        super().__init__()
        if size_average is not None or reduce is not None:  # how it was said before PyTorch 0.4
            summed = size_average is not None and not size_average
            reduction = "none" if reduce is not None and not reduce else "sum" if summed else "mean"
            warnings.warn(
                f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.",
                stacklevel=3,
            )
        self._names = (*arguments, "reduction")
        for name, value in arguments.items():
            if name in ("weight", "pos_weight"):
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)
        self.reduction = reduction

    def forward(self, *tensors: Any) -> Any:
        """The loss of `(input, target)`, or of what the function takes instead."""
        return getattr(F, self.function)(*tensors, **{name: getattr(self, name) for name in self._names})


class _PlainLoss(_Loss):
    """A loss without arguments of its own."""

    def __init__(self, size_average: Any = None, reduce: Any = None, reduction: str = "mean") -> None:
        super().__init__(size_average, reduce, reduction)


class L1Loss(_PlainLoss):
    """|input - target|. Mirrors `torch.nn.L1Loss`."""

    function = "l1_loss"


class MSELoss(_PlainLoss):
    """(input - target)^2. Mirrors `torch.nn.MSELoss`."""

    function = "mse_loss"


class SmoothL1Loss(_Loss):
    """Squared below `beta`, straight above. Mirrors `torch.nn.SmoothL1Loss`."""

    function = "smooth_l1_loss"

    def __init__(
        self, size_average: Any = None, reduce: Any = None, reduction: str = "mean", beta: float = 1.0
    ) -> None:
        super().__init__(size_average, reduce, reduction, beta=beta)


class HuberLoss(_Loss):
    """SmoothL1Loss times `delta`. Mirrors `torch.nn.HuberLoss`."""

    function = "huber_loss"

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction, delta=delta)


class CrossEntropyLoss(_Loss):
    """The negative logarithm of the softmax at the target class.

    input: logits (N, C) or (N, C, d1, ...) or (C,); target: class numbers (N,) or (N, d1, ...) or (), or probabilities of
    the input's shape. `weight` (C,) counts classes more or less. Mirrors `torch.nn.CrossEntropyLoss`.
    """

    function = "cross_entropy"

    def __init__(
        self,
        weight: Any = None,
        size_average: Any = None,
        ignore_index: int = -100,
        reduce: Any = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(
            size_average, reduce, reduction, weight=weight, ignore_index=ignore_index, label_smoothing=label_smoothing
        )


class NLLLoss(_Loss):
    """Minus the log-probability at the target class: CrossEntropyLoss after LogSoftmax. Mirrors `torch.nn.NLLLoss`."""

    function = "nll_loss"

    def __init__(
        self,
        weight: Any = None,
        size_average: Any = None,
        ignore_index: int = -100,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction, weight=weight, ignore_index=ignore_index)


class BCELoss(_Loss):
    """-(t log(y) + (1 - t) log(1 - y)) for probabilities y. Mirrors `torch.nn.BCELoss`."""

    function = "binary_cross_entropy"

    def __init__(
        self, weight: Any = None, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
    ) -> None:
        super().__init__(size_average, reduce, reduction, weight=weight)


class BCEWithLogitsLoss(_Loss):
    """BCELoss of the sigmoid of the input; `pos_weight` counts the positive targets more. Mirrors
    `torch.nn.BCEWithLogitsLoss`.
    """

    function = "binary_cross_entropy_with_logits"

    def __init__(
        self,
        weight: Any = None,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
        pos_weight: Any = None,
    ) -> None:
        super().__init__(size_average, reduce, reduction, weight=weight, pos_weight=pos_weight)


class KLDivLoss(_Loss):
    """target * (log(target) - input), the input being log-probabilities. Mirrors `torch.nn.KLDivLoss`."""

    function = "kl_div"

    def __init__(
        self, size_average: Any = None, reduce: Any = None, reduction: str = "mean", log_target: bool = False
    ) -> None:
        super().__init__(size_average, reduce, reduction, log_target=log_target)


class PoissonNLLLoss(_Loss):
    """exp(input) - target * input, for counts. Mirrors `torch.nn.PoissonNLLLoss`."""

    function = "poisson_nll_loss"

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: Any = None,
        eps: float = 1e-8,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction, log_input=log_input, full=full, eps=eps)


class GaussianNLLLoss(_Loss):
    """(log(var) + (input - target)^2 / var) / 2, called with (input, target, var). Mirrors `torch.nn.GaussianNLLLoss`."""

    function = "gaussian_nll_loss"

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction, full=full, eps=eps)


class HingeEmbeddingLoss(_Loss):
    """input where target is 1, max(0, margin - input) where it is -1. Mirrors `torch.nn.HingeEmbeddingLoss`."""

    function = "hinge_embedding_loss"

    def __init__(
        self, margin: float = 1.0, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
    ) -> None:
        super().__init__(size_average, reduce, reduction, margin=margin)


class SoftMarginLoss(_PlainLoss):
    """log(1 + exp(-target * input)), targets 1 and -1. Mirrors `torch.nn.SoftMarginLoss`."""

    function = "soft_margin_loss"


class MultiMarginLoss(_Loss):
    """The hinge loss of several classes. Mirrors `torch.nn.MultiMarginLoss`."""

    function = "multi_margin_loss"

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Any = None,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction, p=p, margin=margin, weight=weight)


class MultiLabelMarginLoss(_PlainLoss):
    """The hinge loss of several right classes. Mirrors `torch.nn.MultiLabelMarginLoss`."""

    function = "multilabel_margin_loss"


class CTCLoss(_Loss):
    """The loss of sequences whose alignment is not known, called with (log_probs, targets, input_lengths,
    target_lengths). Mirrors `torch.nn.CTCLoss`.
    """

    function = "ctc_loss"

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction=reduction, blank=blank, zero_infinity=zero_infinity)


class MultiLabelSoftMarginLoss(_Loss):
    """BCEWithLogitsLoss averaged over the classes. Mirrors `torch.nn.MultiLabelSoftMarginLoss`."""

    function = "multilabel_soft_margin_loss"

    def __init__(
        self, weight: Any = None, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
    ) -> None:
        super().__init__(size_average, reduce, reduction, weight=weight)


class MarginRankingLoss(_Loss):
    """max(0, -target * (input1 - input2) + margin). Mirrors `torch.nn.MarginRankingLoss`."""

    function = "margin_ranking_loss"

    def __init__(
        self, margin: float = 0.0, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
    ) -> None:
        super().__init__(size_average, reduce, reduction, margin=margin)


class CosineEmbeddingLoss(_Loss):
    """1 - cos(input1, input2) where target is 1, max(0, cos - margin) where -1. Mirrors `torch.nn.CosineEmbeddingLoss`."""

    function = "cosine_embedding_loss"

    def __init__(
        self, margin: float = 0.0, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
    ) -> None:
        super().__init__(size_average, reduce, reduction, margin=margin)


class TripletMarginLoss(_Loss):
    """max(0, |anchor - positive| - |anchor - negative| + margin). Mirrors `torch.nn.TripletMarginLoss`."""

    function = "triplet_margin_loss"

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: Any = None,
        reduce: Any = None,
        reduction: str = "mean",
    ) -> None:
        if margin <= 0:
            raise ValueError(f"TripletMarginLoss: expected margin to be greater than 0, got {margin} instead")
        super().__init__(size_average, reduce, reduction, margin=margin, p=p, eps=eps, swap=swap)


class TripletMarginWithDistanceLoss(_Loss):
    """TripletMarginLoss with any distance. Mirrors `torch.nn.TripletMarginWithDistanceLoss`."""

    function = "triplet_margin_with_distance_loss"

    def __init__(
        self,
        *,
        distance_function: Callable[[Any, Any], Any] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        if margin <= 0:
            raise ValueError(
                f"TripletMarginWithDistanceLoss: expected margin to be greater than 0, got {margin} instead"
            )
        super().__init__(
            reduction=reduction, distance_function=distance_function or PairwiseDistance(), margin=margin, swap=swap
        )


class CosineSimilarity(Module):
    """x1 . x2 / (|x1| |x2|) along `dim`. Mirrors `torch.nn.CosineSimilarity`."""

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1: Any, x2: Any) -> Any:
        """The cosine of the angle between the vectors."""
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """The p-norm of x1 - x2 along the last dimension. Mirrors `torch.nn.PairwiseDistance`."""

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1: Any, x2: Any) -> Any:
        """The distances."""
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
