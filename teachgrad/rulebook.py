"""The local rules of every op, as text: the one thing the engine and the pictures both know.

The op table (`teachgrad.ops`) writes each op's vector-Jacobian products in here when it is loaded; the pictures
(`teachgrad.viz`) read them to say what a node does. Neither imports the other, so the pictures can explain a real
PyTorch graph just as well: its nodes carry the same names.

    RULES["MulBackward0"] == {"self": "grad * other", "other": "grad * self"}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from teachgrad.conjugates import real_form

COMPLEX_RULES: dict[str, dict[str, str]] = {}
"""Node name -> name of the differentiable input -> expression for the gradient that flows to it.

The expressions use `grad` (the gradient of the output), the inputs by name, `result` (the output) and the op's plain
arguments. What a node does that kept an `alpha` other than 1 stands under "AddBackward0.alpha"."""


class _RealRules(Mapping[str, dict[str, str]]):
    """The same for real numbers: other in place of conj(other)."""

    def __getitem__(self, node: str) -> dict[str, str]:
        return {name: real_form(rule) for name, rule in COMPLEX_RULES[node].items()}

    def __iter__(self) -> Iterator[str]:
        return iter(COMPLEX_RULES)

    def __len__(self) -> int:
        return len(COMPLEX_RULES)


RULES = _RealRules()
"""What the pictures show unless numbers are complex."""
