"""Dropout: in training, sets a random part of its input to zero and scales the rest up so that the mean stays.

From N. Srivastava and others, "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15, 2014.
"""

from __future__ import annotations

from typing import Any, ClassVar

from teachgrad.nn import functional as F
from teachgrad.nn.module import Module

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]


class Dropout(Module):
    """Each element is zeroed with probability `p`, the others are divided by 1 - p; in eval mode nothing happens.

    Mirrors `torch.nn.Dropout`. Raises ValueError if `p` is not a probability.
    """

    function: ClassVar[str] = "dropout"

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p, self.inplace = p, inplace

    def forward(self, input: Any) -> Any:
        """The input with zeros in it; same shape."""
        if self.inplace:
            return getattr(F, self.function)(input, self.p, self.training, True)
        return getattr(F, self.function)(input, self.p, self.training)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout1d(Dropout):
    """Zeroes whole channels of (N, C, L) or (C, L). Mirrors `torch.nn.Dropout1d`."""

    function = "dropout1d"


class Dropout2d(Dropout):
    """Zeroes whole channels of (N, C, H, W) or (N, C, L). Mirrors `torch.nn.Dropout2d`."""

    function = "dropout2d"


class Dropout3d(Dropout):
    """Zeroes whole channels of (N, C, D, H, W) or (C, D, H, W). Mirrors `torch.nn.Dropout3d`."""

    function = "dropout3d"


class AlphaDropout(Dropout):
    """Dropout for SELU: keeps mean and variance. Mirrors `torch.nn.AlphaDropout`."""

    function = "alpha_dropout"


class FeatureAlphaDropout(Dropout):
    """AlphaDropout of whole channels. Mirrors `torch.nn.FeatureAlphaDropout`."""

    function = "feature_alpha_dropout"
