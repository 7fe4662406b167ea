"""Functions that `torch` shares with `torch.nn.functional`, which is loaded when one of them is first called."""

from __future__ import annotations

from typing import Any

from teachgrad.ops.table import public


def _from_functional(name: str) -> None:
    """Makes a function of `nn.functional` known as `torch.name` too."""

    def face(*args: Any, **kwargs: Any) -> Any:
        from teachgrad.nn import functional

        return getattr(functional, name)(*args, **kwargs)

    face.__name__ = face.__qualname__ = name
    public(name, method=name in ("prelu", "hardshrink"))(face)


for _name in (
    "alpha_dropout", "bilinear", "celu", "cosine_similarity", "dropout", "feature_alpha_dropout", "hardshrink", "layer_norm",
    "pairwise_distance", "prelu", "rrelu", "selu", "threshold",
):  # fmt: skip
    _from_functional(_name)
