"""`torch.return_types`: what ops with several results return, a tuple whose parts also have names.

    >>> torch.tensor([2., 1.]).sort()
    torch.return_types.sort(
    values=tensor([1., 2.]),
    indices=tensor([1, 0]))
"""

from __future__ import annotations

from typing import Any


class _Named(tuple[Any, ...]):
    """A tuple that shows the names of its parts."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    def __repr__(self) -> str:
        parts = ",\n".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
        return f"torch.return_types.{type(self).__name__}(\n{parts})"


def named(name: str, *fields: str) -> type[Any]:
    """The type of the result of `torch.name`, which is made of one tuple: `named("max", "values", "indices")((v, i))`."""
    body: dict[str, Any] = {"__slots__": (), "__module__": "torch.return_types", "_fields": fields}
    for place, field in enumerate(fields):
        body[field] = property(lambda self, place=place: self[place], doc=f"Part {place} of the result.")
    return type(name, (_Named,), body)


sort = named("sort", "values", "indices")
topk = named("topk", "values", "indices")
kthvalue = named("kthvalue", "values", "indices")
