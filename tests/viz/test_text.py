"""Graphs and traces in words."""

from __future__ import annotations

from typing import Any

from graphs import RULES

from teachgrad import viz
from teachgrad.viz.model import Edge, Event, Graph, Node, Trace
from teachgrad.viz.text import graph_text


def test_a_graph_is_an_outline(quadratic: dict[str, Any]) -> None:
    assert viz.draw(quadratic["Q"], names=quadratic, title="Tutorial").text().splitlines() == [
        "Tutorial:",
        "Q = [-12., 65.] (output)",
        "  SubBackward0",
        "    self: MulBackward0 [other = 3]",
        "      PowBackward0 [exponent = 3]",
        "        AccumulateGrad",
        "          a = [2., 3.] (leaf)",
        "    other: PowBackward0 [exponent = 2]",
        "      AccumulateGrad",
        "        b = [6., 4.] (leaf)",
    ]


def test_a_shared_node_is_written_once(lib: Any) -> None:
    x = lib.tensor(2.0, requires_grad=True)
    y = x * x
    lines = viz.draw(y + y).text().splitlines()
    assert sum("MulBackward0" in line for line in lines) == 2
    assert sum("see above" in line for line in lines) == 2  # y, and x inside it


def test_a_trace_is_numbered_sentences_and_a_table(lib: Any) -> None:
    x, unused = lib.tensor(3.0, requires_grad=True), lib.tensor(1.0, requires_grad=True)
    loss = x * x
    with viz.record(loss, names={"x": x, "unused": unused, "loss": loss}, rules=RULES) as r:
        loss.backward()
    assert r.trace.text().splitlines() == [
        "  1. backward() starts at loss with the gradient 1.",
        "  2. MulBackward0 receives 1.",
        "  3. MulBackward0 sends 3 to x: grad * other = 1 * 3.",
        "  4. MulBackward0 sends 3 to x: grad * self = 1 * 3.",
        "  5. x.grad was None and becomes 6.",
        "  6. The saved values are freed: to run backward() again, this one needs retain_graph=True.",
        "",
        "leaf    before  after",
        "x.grad  None    6.",
    ]


def test_several_passes_have_headings(lib: Any) -> None:
    x = lib.tensor(3.0, requires_grad=True)
    loss = x * x
    with viz.record(loss) as r:
        loss.backward(retain_graph=True)
        loss.backward()
    text = r.trace.text()
    assert text.index("backward() number 1") < text.index("backward() number 2")
    assert "x.grad was 6; plus 6 it becomes 12." in text


def test_an_error_is_in_the_words() -> None:
    graph = Graph((Node("n0", "op", "MulBackward0"),), ())
    trace = Trace(graph, (Event(0, "error", "n0", sentence="MulBackward0: RuntimeError: no"),), (0,), "no")
    assert trace.text() == "  1. MulBackward0: RuntimeError: no\n"


def test_a_deep_graph_is_written_without_recursion() -> None:
    nodes = tuple(Node(f"n{i}", "op", "AddBackward0") for i in range(5000))
    edges = tuple(Edge(f"e{i}", f"n{i}", f"n{i + 1}") for i in range(4999))
    assert len(graph_text(Graph(nodes, edges)).splitlines()) == 5000
