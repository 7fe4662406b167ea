"""Local rules in three ways: text, LaTeX, and with numbers filled in."""

from __future__ import annotations

import pytest

from teachgrad.viz.formulas import input_names, rule_for
from teachgrad.viz.model import Value


@pytest.mark.parametrize(
    ("expression", "latex", "filled"),
    [
        ("grad * other", r"\bar{r} \cdot \mathrm{other}", "2 * (-3)"),
        (
            "-grad * self / (other * other)",
            r"\frac{-\bar{r} \cdot \mathrm{self}}{\mathrm{other} \cdot \mathrm{other}}",
            None,
        ),
        ("grad * (1 - result ** 2)", r"\bar{r} \cdot \left(1 - r^{2}\right)", "2 * (1 - 0.5 ** 2)"),
        ("grad * -self", r"\bar{r} \cdot \left(-\mathrm{self}\right)", "2 * -[1, 2]"),
        ("a - (b - c)", r"\mathrm{a} - \left(\mathrm{b} - \mathrm{c}\right)", "a - (b - c)"),
        ("grad @ other.T", r"\bar{r} \, \mathrm{other}^{\top}", "2 @ (-3).T"),
        ("exp(self) * grad", r"e^{\mathrm{self}} \cdot \bar{r}", "exp([1, 2]) * 2"),
        (
            "sum_to(grad, self_shape)",
            r"\operatorname{sum\_to}\left(\bar{r}, \mathrm{self\_shape}\right)",
            "sum_to(2, (2,))",
        ),
        ("not a rule", r"\text{not a rule}", "not a rule"),
    ],
)
def test_a_rule_in_three_ways(expression: str, latex: str, filled: str | None) -> None:
    one = Value((2,), "float32", "[1., 2.]", "[1., 2.]", numbers=(1.0, 2.0))
    values = {"grad": 2.0, "other": -3.0, "self": one, "result": 0.5, "self_shape": "(2,)"}
    rule = rule_for("TestBackward0", "self", values, {"TestBackward0": {"self": expression}})
    assert rule is not None
    assert rule.text == expression
    assert rule.latex == latex
    assert filled is None or rule.filled == filled


def test_where_is_cases_and_large_values_are_shapes() -> None:
    large = Value((64, 10), "float32", "", "", stats={"mean": 0.0})
    rule = rule_for("R", "self", {"self": large}, {"R": {"self": "where(self > 0, grad, 0)"}})
    assert rule is not None
    assert rule.latex.startswith(r"\begin{cases} \bar{r} & \left[\mathrm{self} > 0\right]")
    assert rule.filled == "where(⟨64×10⟩ > 0, grad, 0)"


def test_an_unknown_node_has_no_rule() -> None:
    assert rule_for("NobodyBackward0", "self", {}) is None
    assert rule_for("R", "other", {}, {"R": {"self": "grad"}}) is None
    assert input_names("NobodyBackward0", 3) == ("", "", "")
    assert input_names("S", 3, {"S": {"tensors": "grad"}}) == ("tensors[0]", "tensors[1]", "tensors[2]")


@pytest.mark.parametrize("op", ["AddBackward0", "SubBackward0"])
def test_alpha_stands_in_the_formula_where_it_is_not_one(op):
    import teachgrad  # noqa: F401 - fills the rule book

    scaled, plain = (rule_for(op, "other", {"grad": 3.0, "alpha": alpha}) for alpha in (2, 1))
    assert "alpha" in scaled.text
    assert scaled.filled.endswith("2")
    assert "alpha" not in plain.text
