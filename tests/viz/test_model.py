"""The model: plain data that survives JSON, and numbers written as a learner reads them."""

from __future__ import annotations

import doctest
import importlib
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teachgrad.viz.model import Edge, Event, Graph, Layout, Node, Rule, Source, Trace, Value
from teachgrad.viz.values import BRIEF, plain, shorten, value_of, visible, write_number


def a_trace() -> Trace:
    value = Value((2,), "float32", "[nan, -1.]", "[nan, -1.]", numbers=(math.nan, -1.0))
    large = Value(
        (4, 5), "float32", "4×5 float32, mean inf", "4×5, mean inf", stats={"mean": math.inf, "min": -math.inf}
    )
    nodes = (
        Node("n0", "output", title="L", word="output", name="L", value=value, source=Source("x.py", 3, "L = x")),
        Node("n1", "op", "ExpBackward0", "Exp", "operation", value=large),
    )
    graph = Graph(nodes, (Edge("e0", "n0", "n1"),), names={"L": "n0"}, title="t")
    rule = Rule("self", "grad * result", r"\bar{r} \cdot r", "2 * 3 = 6")
    return Trace(graph, (Event(0, "contribute", "n1", "e0", out=value, rule=rule, sentence="s"),), (0,), "no")


def test_a_trace_survives_json_and_json_is_strict() -> None:
    text = a_trace().to_json()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    again = Trace.from_json(text)
    assert again.to_json() == text
    assert again.graph.nodes[0].source == Source("x.py", 3, "L = x")
    assert again.events[0].rule == a_trace().events[0].rule
    assert again.graph.nodes[1].value is not None
    assert again.graph.nodes[1].value.stats == {"mean": math.inf, "min": -math.inf}
    assert math.isnan(again.events[0].out.numbers[0])  # type: ignore[union-attr, index]


def test_a_layout_survives_json() -> None:
    layout = Layout(3.0, 4.0, {"n0": (0.0, 1.0, 2.0, 3.0)}, {"e0": ((0.0, 1.0), (2.0, 3.0))}, {"e0": (1.0, 2.0)}, True)
    assert Layout.from_json(layout.to_json()) == layout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"nodes": [], "edges": [], "schema": "teachgrad.graph/2"}', "teachgrad.graph/2"),
        ('{"nodes": [], "edges": [], "colour": "red"}', "not a saved Graph"),
        ('{"nodes": []}', "not a saved Graph"),
        ("[1, 2]", "not a saved Graph"),
        ('{"nodes": [{"id": 3}], "edges": []}', "not a saved Graph"),
        ("not json", "Expecting value"),
    ],
)
def test_other_json_is_refused_in_a_sentence(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Graph.from_json(text)


def test_a_node_is_found_by_id() -> None:
    assert a_trace().graph.node("n1").title == "Exp"
    with pytest.raises(KeyError):
        a_trace().graph.node("n7")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (-12.0, "-12."),
        (4.5, "4.5"),
        (1 / 3, "0.3333"),
        (2.99999, "3.0000"),
        (1.2e-5, "1.2e-05"),
        (0.1 + 0.2, "0.3"),
        (1e6, "1e+06"),
        (123456.0, "123456."),
        (-0.0, "-0."),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (7, "7"),
        (True, "True"),
    ],
)
def test_numbers_are_written_as_print_shows_them(number: float, text: str) -> None:
    assert write_number(number) == text


def test_plain_drops_only_the_dot_that_marks_a_float() -> None:
    assert plain("[[4.5, 3.], [-0., 1.2e-05]]") == "[[4.5, 3], [-0, 1.2e-05]]"


@given(st.text(max_size=60), st.integers(2, 30))
def test_shorten_keeps_the_length_and_both_ends(text: str, most: int) -> None:
    short = shorten(text, most)
    assert len(short) <= most
    if len(text) > most:
        assert short[0] == text[0]
        assert "…" in short
        assert most < 4 or short[-1] == text[-1]
    else:
        assert short == text


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=40))
def test_visible_text_can_be_seen_and_encoded(text: str) -> None:
    seen = visible(text)
    seen.encode("utf-8")  # no lone surrogate
    assert all(char.isprintable() or char.isspace() or char == "\u200d" for char in seen)
    assert not any(ord(char) < 32 or char in "\u202e\u2066\u200b\x7f\u2028" for char in seen)
    assert visible(seen) == seen


def test_a_value_knows_its_numbers_while_they_are_few(lib: Any) -> None:
    small = value_of(lib.tensor([[1.0, 2.5], [-3.0, math.nan]]))
    assert small.shape == (2, 2)
    assert small.dtype == "float32"
    assert small.numbers is not None
    assert small.numbers[:3] == (1.0, 2.5, -3.0)
    assert small.text == "[[1., 2.5], [-3., nan]]"
    large = value_of(lib.tensor([[float(5 * i + j) for j in range(5)] for i in range(4)]))
    assert large.numbers is None
    assert large.stats == {"min": 0.0, "mean": 9.5, "max": 19.0, "norm": pytest.approx(math.sqrt(2470.0))}
    assert large.text == "4×5 float32, mean 9.5"
    assert large.brief == "4×5, mean 9.5"


@pytest.mark.parametrize("shape", [(), (1,), (9,), (10,), (0, 3), (3, 3), (1, 1, 1, 2), (64, 128, 3)])
def test_a_value_of_any_shape_is_short_in_a_box(lib: Any, shape: tuple[int, ...]) -> None:
    value = value_of(lib.zeros(shape) - 0.123456)
    assert value.shape == shape
    assert len(value.brief) <= BRIEF
    assert (value.numbers is None) == (math.prod(shape) > 9)


def test_a_box_gets_fewer_digits_before_it_gets_a_mean(lib: Any) -> None:
    assert value_of(lib.tensor([0.13567, -0.26171, 0.12644])).brief == "[0.136, -0.262, 0.126]"
    assert value_of(lib.tensor([1.0, -2.0])).brief == "[1., -2.]"
    assert value_of(lib.tensor([0.13567, -0.26171, 0.12604, 1.0, 5.5])).brief == "size 5, mean 1.3"


def test_reading_a_value_leaves_the_graph_alone(lib: Any) -> None:
    x = lib.tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).sum()
    value_of(y)
    y.backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_integers_and_python_numbers_have_values_too(lib: Any) -> None:
    assert value_of(lib.tensor([1, 2])).text == "[1, 2]"
    assert value_of(lib.tensor([3] * 12)).text == "size 12 int64"
    assert value_of(3).text == "3"
    assert value_of(lib.tensor(True)).numbers == (True,)


@pytest.mark.parametrize("module", ["model", "values", "formulas", "layout.dot"])
def test_the_examples_in_docstrings_are_true(module: str) -> None:
    found = doctest.testmod(importlib.import_module(f"teachgrad.viz.{module}"))
    assert found.attempted > 0
    assert found.failed == 0
