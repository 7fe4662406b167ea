"""`torch.special`: functions of mathematics, most of which `torch` also has under another name."""

from __future__ import annotations

from typing import Any

from teachgrad.ops import gammas, network, special  # noqa: F401 - the entries that are called below
from teachgrad.ops.table import LIVE

_SAME = {
    "digamma": "digamma", "entr": "special_entr_of", "erf": "erf", "erfc": "erfc", "erfcx": "special_erfcx_of",
    "erfinv": "erfinv", "exp2": "exp2", "expit": "sigmoid", "expm1": "expm1", "gammaln": "lgamma", "i0": "i0",
    "i0e": "special_i0e_of", "i1": "special_i1_of", "i1e": "special_i1e_of", "log1p": "log1p",
    "log_ndtr": "special_log_ndtr_of", "log_softmax": "log_softmax", "logit": "logit", "logsumexp": "logsumexp",
    "multigammaln": "mvlgamma", "ndtr": "special_ndtr", "ndtri": "special_ndtri_of", "polygamma": "polygamma",
    "psi": "digamma", "round": "round", "sinc": "sinc", "softmax": "softmax", "xlog1py": "special_xlog1py", "xlogy": "xlogy",
}  # fmt: skip
"""Name here -> name of the op."""


def __getattr__(name: str) -> Any:
    """The op behind a name, compiled when first used."""
    if name not in _SAME:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return LIVE[_SAME[name]]


def __dir__() -> list[str]:
    return sorted(_SAME)
