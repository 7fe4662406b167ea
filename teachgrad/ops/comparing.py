"""Comparisons and logic, element by element: answers without a gradient."""

from __future__ import annotations

from teachgrad.ops import arrays  # noqa: F401 - fills the namespace that the expressions below use
from teachgrad.ops.table import pointwise

for _name, _sign, _also in (
    ("eq", "==", []), ("ne", "!=", ["not_equal"]), ("lt", "<", ["less"]), ("le", "<=", ["less_equal"]),
    ("gt", ">", ["greater"]), ("ge", ">=", ["greater_equal"]),
):  # fmt: skip
    pointwise(
        f"{_name}(self, other)", None, f"self {_sign} other", also=_also, in_place=False,
        refuses={} if _name in ("eq", "ne") else {"c": f"{_name}_cpu"},
    )  # fmt: skip
for _name in ("logical_and", "logical_or", "logical_xor"):
    pointwise(f"{_name}(self, other)", None, f"{_name}(self, other)", numbers=False)
for _name in ("bitwise_and", "bitwise_or", "bitwise_xor"):
    pointwise(
        f"{_name}(self, other)", None, f"{_name}(self, other)", numbers_first=True, refuses={"fc": f"{_name}_cpu"}
    )
for _name, _sign, _kernel in (("bitwise_left_shift", "<<", "lshift_cpu"), ("bitwise_right_shift", ">>", "rshift_cpu")):
    pointwise(
        f"{_name}(self, other)",
        None,
        f"self {_sign} other",
        domain="positive",
        numbers_first=True,
        refuses={"fc": _kernel, "b": _kernel},
    )
pointwise("logical_not(self)", None, "logical_not(self)")
pointwise("bitwise_not(self)", None, "invert(self)", refuses={"fc": "bitwise_not_cpu"})
for _name in ("isnan", "isinf", "isfinite"):
    pointwise(f"{_name}(self)", None, f"{_name}(self)", in_place=False)
pointwise(
    "isclose.all(self, other; rtol, atol, equal_nan)", None, "isclose_to(self, other, rtol, atol, equal_nan)",
    numbers=False, mixed="same_dtype",
)  # fmt: skip
