"""`torch.return_types`: what ops with several results return, a tuple whose parts also have names.

>>> torch.tensor([2.0, 1.0]).sort()
torch.return_types.sort(
values=tensor([1., 2.]),
indices=tensor([1, 0]))
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any


class _Named(tuple[Any, ...]):
    """A tuple that shows the names of its parts."""

    __slots__ = ()
    _fields: tuple[str, ...]

    def __new__(cls, *parts: Any) -> _Named:
        return tuple.__new__(cls, parts)

    def __repr__(self) -> str:
        parts = ",\n".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
        return f"torch.return_types.{type(self).__name__}(\n{parts})"


def named(name: str, *fields: str) -> Any:
    """The type of what `torch.name` returns: `named("max", "values", "indices")(values, indices)`."""
    parts = {field: property(itemgetter(place)) for place, field in enumerate(fields)}
    return type(name, (_Named,), {"__slots__": (), "__module__": "torch.return_types", "_fields": fields, **parts})


_FIELDS = {
    "max": "values indices",
    "min": "values indices",
    "median": "values indices",
    "nanmedian": "values indices",
    "mode": "values indices",
    "kthvalue": "values indices",
    "sort": "values indices",
    "topk": "values indices",
    "cummax": "values indices",
    "cummin": "values indices",
    "aminmax": "min max",
    "frexp": "mantissa exponent",
    "histogram": "hist bin_edges",
    "histogramdd": "hist bin_edges",
    "slogdet": "sign logabsdet",
    "linalg_slogdet": "sign logabsdet",
    "svd": "U S V",
    "linalg_svd": "U S Vh",
    "qr": "Q R",
    "linalg_qr": "Q R",
    "linalg_eigh": "eigenvalues eigenvectors",
    "linalg_eig": "eigenvalues eigenvectors",
    "linalg_inv_ex": "inverse info",
    "linalg_cholesky_ex": "L info",
    "linalg_solve_ex": "result info",
    "linalg_lu": "P L U",
    "linalg_lu_factor": "LU pivots",
    "linalg_lu_factor_ex": "LU pivots info",
    "lu_unpack": "P L U",
    "linalg_lstsq": "solution residuals rank singular_values",
}
"""Function -> the names of the parts of what it returns."""


def __getattr__(name: str) -> Any:
    """The type of what `torch.name` returns, made when it is first asked for."""
    if name not in _FIELDS:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    globals()[name] = made = named(name, *_FIELDS[name].split())
    return made


def __dir__() -> list[str]:
    return sorted({*globals(), *_FIELDS})
