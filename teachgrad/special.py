"""`torch.special`: functions of mathematics, most of which `torch` also has under another name."""

from __future__ import annotations

from typing import Any

from teachgrad.ops.table import LIVE

_SAME = {
    "erf": "erf", "exp2": "exp2", "expit": "sigmoid", "expm1": "expm1", "log1p": "log1p", "log_softmax": "log_softmax",
    "logsumexp": "logsumexp", "round": "round", "softmax": "softmax", "xlogy": "xlogy_tensors",
}  # fmt: skip
"""Name here -> name of the op."""


def __getattr__(name: str) -> Any:
    """The op behind a name, compiled when first used."""
    if name not in _SAME:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return LIVE[_SAME[name]]


def __dir__() -> list[str]:
    return sorted(_SAME)
