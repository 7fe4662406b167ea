"""The lesson's own line behind each node: in the graph, in words, in the trace, and only where it was asked for."""

from __future__ import annotations

import linecache
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from teachgrad import viz
from teachgrad.viz.sources import source_of
from teachgrad.viz.text import describe, trace_text

HERE = Path(__file__).name


def line_of(text: str) -> int:
    """The number of the line of this file that reads ``text``."""
    lines = Path(__file__).read_text("utf-8").splitlines()
    return next(i for i, line in enumerate(lines, 1) if line.strip() == text)


def test_each_node_knows_its_line(lib: Any) -> None:
    x = lib.tensor([2.0, 3.0], requires_grad=True)
    with viz.lines():
        square = x * x
        loss = square.sum()
    graph = viz.draw(loss).graph
    found = {node.op: node.source for node in graph.nodes if node.kind == "op"}
    total, product = found["SumBackward0"], found["MulBackward0"]
    assert total is not None and product is not None
    assert (total.file, total.line, total.text) == (HERE, line_of("loss = square.sum()"), "loss = square.sum()")
    assert (product.file, product.line, product.text) == (HERE, line_of("square = x * x"), "square = x * x")
    assert all(node.source is None for node in graph.nodes if node.kind != "op")


def test_the_line_is_said_wherever_the_node_is(lib: Any) -> None:
    x = lib.tensor(3.0, requires_grad=True)
    with viz.lines():
        y = x * x
    line = f"line {line_of('y = x * x')}: y = x * x"
    drawing = viz.draw(y)
    assert f"MulBackward0  ({line})" in drawing.text()
    assert describe(drawing.graph.node("n1")).endswith(f"; {line}")
    assert line in drawing.svg()
    with viz.record(y) as r:
        y.backward()
    assert r.trace.events[1].sentence == f"MulBackward0 receives 1. It was made by {line}"
    assert line in trace_text(r.trace)


def test_a_line_inside_a_function_is_the_innermost_of_the_learners(lib: Any) -> None:
    def helper(value: Any) -> Any:
        return value.exp()

    with viz.lines():
        y = helper(lib.tensor(1.0, requires_grad=True))
    source = source_of(y.grad_fn)
    assert source is not None
    assert source.text == "return value.exp()"


def test_nothing_is_noted_outside_the_block(lib: Any) -> None:
    x = lib.tensor(3.0, requires_grad=True)
    before = x * x
    with viz.lines():
        pass
    after = x * x
    assert source_of(before.grad_fn) is None
    assert source_of(after.grad_fn) is None
    assert type(before.grad_fn._sequence_nr()) is int


def test_the_switch_stays_until_it_is_turned(lib: Any) -> None:
    x = lib.tensor(3.0, requires_grad=True)
    viz.lines(True)
    try:
        noted = x * x
        with viz.lines(False):
            unnoted = x * x
        again = x * x
    finally:
        viz.lines(False)
    assert [source_of(y.grad_fn) is not None for y in (noted, unnoted, again)] == [True, False, True]


def test_anomaly_mode_is_left_as_it_was(lib: Any) -> None:
    lib.set_anomaly_enabled(True, True)
    try:
        with viz.lines():
            assert lib.is_anomaly_check_nan_enabled()
        assert lib.is_anomaly_enabled()
    finally:
        lib.set_anomaly_enabled(False)
    with viz.lines():
        assert not lib.is_anomaly_check_nan_enabled()
    assert not lib.is_anomaly_enabled()


def test_nan_goes_through_backward_while_lines_are_noted(lib: Any) -> None:
    x = lib.tensor(0.0, requires_grad=True)
    with viz.lines():
        (x * float("nan")).backward()
    assert str(x.grad.item()) == "nan"


def test_a_hostile_line_stays_text(lib: Any) -> None:
    code = "y = x * x  # </text><script>alert('\\x00')</script>\n"
    linecache.cache["<hostile>"] = (len(code), None, [code], "<hostile>")
    space = {"x": lib.tensor(2.0, requires_grad=True)}
    with viz.lines():
        exec(compile(code, "<hostile>", "exec"), space)
    svg = viz.draw(space["y"], names=space).svg()
    assert "<script" not in svg
    assert "&lt;script&gt;" in svg


def test_torch_need_not_be_there_and_is_not_loaded() -> None:
    code = "import sys; from teachgrad import viz; viz.lines(True); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_cell_of_a_notebook_is_called_by_its_number() -> None:
    pytest.importorskip("IPython")
    code = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("import teachgrad\\nfrom teachgrad import viz\\nviz.lines(True)", store_history=True)
shell.run_cell("x = teachgrad.tensor(2.0, requires_grad=True)\\ny = x * x", store_history=True)
source = shell.user_ns["viz"].draw(shell.user_ns["y"], names={}).graph.node("n1").source
print(source.line, source.text)
print(source.file)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-2:] == ["2 y = x * x", "In[2]"]
