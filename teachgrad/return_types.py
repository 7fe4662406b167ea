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


max, min = named("max", "values", "indices"), named("min", "values", "indices")
median, nanmedian = named("median", "values", "indices"), named("nanmedian", "values", "indices")
mode, kthvalue = named("mode", "values", "indices"), named("kthvalue", "values", "indices")
sort, topk = named("sort", "values", "indices"), named("topk", "values", "indices")
cummax, cummin = named("cummax", "values", "indices"), named("cummin", "values", "indices")
aminmax = named("aminmax", "min", "max")
frexp = named("frexp", "mantissa", "exponent")
histogram, histogramdd = named("histogram", "hist", "bin_edges"), named("histogramdd", "hist", "bin_edges")
slogdet, linalg_slogdet = named("slogdet", "sign", "logabsdet"), named("linalg_slogdet", "sign", "logabsdet")
svd, linalg_svd = named("svd", "U", "S", "V"), named("linalg_svd", "U", "S", "Vh")
qr, linalg_qr = named("qr", "Q", "R"), named("linalg_qr", "Q", "R")
linalg_eigh = named("linalg_eigh", "eigenvalues", "eigenvectors")
linalg_eig = named("linalg_eig", "eigenvalues", "eigenvectors")
linalg_inv_ex, linalg_cholesky_ex = named("linalg_inv_ex", "inverse", "info"), named("linalg_cholesky_ex", "L", "info")
linalg_solve_ex, linalg_lu = named("linalg_solve_ex", "result", "info"), named("linalg_lu", "P", "L", "U")
linalg_lu_factor = named("linalg_lu_factor", "LU", "pivots")
linalg_lu_factor_ex = named("linalg_lu_factor_ex", "LU", "pivots", "info")
lu_unpack = named("lu_unpack", "P", "L", "U")
linalg_lstsq = named("linalg_lstsq", "solution", "residuals", "rank", "singular_values")
