"""Complex numbers in the rules, at no cost to real ones.

PyTorch's gradient of a real loss L with respect to a complex number z = a + ib is dL/da + i dL/db, the direction in
which L grows fastest. For w = f(z) with a complex derivative f', that makes the rule of real numbers a rule for complex
ones by a single bar:

    grad_z = grad_w * conj(f'(z))             mul:  self="grad * conj(other)"

The table writes the bar everywhere. As long as a program has met no complex number, `real_form` takes it out of the
rules before they are compiled, and the formulas that the pictures show are without it too. The few places through which
a complex number can come into a graph call `meet`; from then on the rules run as they are written.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from teachgrad.ops.table import Op

_ONE_THING = re.compile(r"[\w.]+(\([^()]*\))?")


def real_form(rule: str) -> str:
    """The rule without its bars: "grad * conj(other)" becomes "grad * other", and a bar over a sum leaves its brackets."""
    while (start := rule.find("conj(")) >= 0:
        depth, end = 1, start + 5
        while depth:
            depth += {"(": 1, ")": -1}.get(rule[end], 0)
            end += 1
        inner = rule[start + 5 : end - 1]
        whole = _ONE_THING.fullmatch(inner) or (start == 0 and end == len(rule))
        rule = rule[:start] + (inner if whole else f"({inner})") + rule[end:]
    return rule


BARRED: list[Op] = []
"""The ops whose rules have a bar, until `meet` has put it there."""

have_met = False
"""Whether the program has met a complex number: an op that joins the table later has its bars at once."""


def meet(dtype: Any) -> None:
    """Takes note of numbers of this NumPy dtype that enter a graph.

    If they are the first complex ones, the rules with bars take the place of those without.
    """
    if dtype.kind == "c" and not have_met:
        _put_bars()


def _put_bars() -> None:
    from teachgrad import rooms

    global have_met
    have_met = True
    rooms.open_room("ops.complexes")  # whose `conj` the rules call from now on
    while BARRED:
        op = BARRED.pop()
        op.rules = op.complex_rules
        for node_class in op.nodes.values():  # which compiles its rules anew when backward next meets it
            node_class.vjp, node_class.vjp_live = node_class.uncompiled  # type: ignore[method-assign]


def conj_of(self: Any) -> Any:
    """The complex conjugate of an array or a Python number; real numbers as they are, without a copy."""
    dtype = getattr(self, "dtype", None)
    return self.conjugate() if isinstance(self, complex) or (dtype is not None and dtype.kind == "c") else self
