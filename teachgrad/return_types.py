"""`torch.return_types`: what ops with several results return, a tuple whose parts also have names.

    >>> torch.tensor([2., 1.]).sort()
    torch.return_types.sort(
    values=tensor([1., 2.]),
    indices=tensor([1, 0]))
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any


def named(name: str, *fields: str) -> Any:
    """The type of what `torch.name` returns: `named("max", "values", "indices")(values, indices)`."""

    def show(self: Any) -> str:
        parts = ",\n".join(f"{field}={value!r}" for field, value in zip(fields, self, strict=True))
        return f"torch.return_types.{name}(\n{parts})"

    plain = namedtuple(name, fields)  # noqa: PYI024 - made from a list of names
    return type(name, (plain,), {"__slots__": (), "__module__": "torch.return_types", "__repr__": show})


max, min = named("max", "values", "indices"), named("min", "values", "indices")
median, nanmedian = named("median", "values", "indices"), named("nanmedian", "values", "indices")
mode, kthvalue = named("mode", "values", "indices"), named("kthvalue", "values", "indices")
sort, topk = named("sort", "values", "indices"), named("topk", "values", "indices")
cummax, cummin = named("cummax", "values", "indices"), named("cummin", "values", "indices")
aminmax = named("aminmax", "min", "max")
