"""The local rules of every op, as text: the one thing the engine and the pictures both know.

The op table (`teachgrad.ops`) writes each op's vector-Jacobian products in here when it is loaded; the pictures
(`teachgrad.viz`) read them to say what a node does. Neither imports the other, so the pictures can explain a real
PyTorch graph just as well: its nodes carry the same names.

    RULES["MulBackward0"] == {"self": "grad * other", "other": "grad * self"}
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from teachgrad import rooms
from teachgrad.conjugates import real_form

ENTRIES: dict[str, dict[str, str]] = {}
"""Node name -> name of the differentiable input -> expression for the gradient that flows to it, as the table has it.

The expressions use `grad` (the gradient of the output), the inputs by name, `result` (the output) and the op's plain
arguments. What a node does that kept an `alpha` other than 1 stands under "AddBackward0.alpha"."""


class _Book(Mapping[str, dict[str, str]]):
    """The entries in one form. A node that is not among them may be an op of a room that is shut: then all are opened."""

    def __init__(self, form: Callable[[str], str]) -> None:
        self._form = form

    def __getitem__(self, node: str) -> dict[str, str]:
        if node not in ENTRIES:
            rooms.open_all()
        return {name: self._form(rule) for name, rule in ENTRIES[node].items()}

    def __iter__(self) -> Iterator[str]:
        rooms.open_all()
        return iter(ENTRIES)

    def __len__(self) -> int:
        rooms.open_all()
        return len(ENTRIES)


COMPLEX_RULES = _Book(str)
"""The rules for complex numbers, with `conj(other)`."""

RULES = _Book(real_form)
"""What the pictures show unless numbers are complex: other in place of conj(other)."""
