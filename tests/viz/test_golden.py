"""Byte-stable pictures: the same graph gives the same bytes in every run, with either library.

``pytest tests/viz --overwrite-golden`` writes the files anew; look at them before keeping them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from graphs import GOLDEN, RULES

from teachgrad import viz
from teachgrad.viz.drawing import Drawing
from teachgrad.viz.layout import place
from teachgrad.viz.model import Graph, Trace
from teachgrad.viz.svg import render


def tutorial(lib: Any) -> Trace:
    a = lib.tensor([2.0, 3.0], requires_grad=True)
    b = lib.tensor([6.0, 4.0], requires_grad=True)
    Q = 3 * a**3 - b**2
    with viz.record(Q, names={"a": a, "b": b, "Q": Q}, rules=RULES) as r:
        Q.backward(gradient=lib.tensor([1.0, 1.0]))
    return r.trace


def shared(lib: Any) -> Trace:
    """A parameter used twice, a named input, a value above and below nine elements, and two passes."""
    w = lib.tensor([[1.0, -2.0], [0.5, 4.0]], requires_grad=True)
    data = lib.tensor([[1.0, 2.0], [3.0, 4.0]])
    hidden = w * data
    loss = (hidden * hidden - w).sum()
    names = {"data": data, "hidden": hidden, "loss": loss}
    with viz.record(loss, names=names, params={"layer.weight": w}, rules=RULES) as r:
        loss.backward(retain_graph=True)
        loss.backward()
    return r.trace


CASES = {"tutorial": tutorial, "shared": shared}


@pytest.mark.parametrize("case", CASES)
def test_every_form_has_the_golden_bytes(lib: Any, golden: Callable[[str, str], None], case: str) -> None:
    trace = CASES[case](lib)
    drawing = Drawing(trace.graph)
    golden(f"{case}.svg", drawing.svg())
    golden(f"{case}.dot", drawing.dot())
    golden(f"{case}.txt", drawing.text())
    golden(f"{case}.graph.json", trace.graph.to_json(indent=1) + "\n")
    golden(f"{case}.trace.json", trace.to_json(indent=1) + "\n")
    golden(f"{case}.trace.txt", trace.text())
    layout = place(trace.graph, trace)
    labels = {event.edge: event.out.brief for event in trace.events if event.edge and event.out}
    golden(f"{case}.trace.svg", render(trace.graph, layout, theme="dark", labels=labels, active={"n1"}))


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
@pytest.mark.parametrize("case", CASES)
def test_the_bytes_do_not_depend_on_the_hash_seed(case: str, seed: str) -> None:
    """From the saved graph, and from live tensors, in a new process for each seed."""
    script = f"""
import importlib, sys
sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(Path(__file__).parents[2])!r}]
import test_golden
lib = importlib.import_module({library()!r})
trace = test_golden.CASES[{case!r}](lib)
sys.stdout.reconfigure(encoding="utf-8", newline="")
sys.stdout.write(trace.to_json(indent=1) + "\\n" + test_golden.Drawing(trace.graph).svg())
"""
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, env=environment, check=False)
    assert found.returncode == 0, found.stderr.decode()
    wanted = (GOLDEN / f"{case}.trace.json").read_bytes() + (GOLDEN / f"{case}.svg").read_bytes()
    assert found.stdout == wanted


def library() -> str:
    """The library at hand that starts fastest."""
    import teachgrad

    return "teachgrad" if hasattr(teachgrad, "tensor") else "torch"


@pytest.mark.parametrize("case", CASES)
def test_a_saved_graph_is_drawn_like_the_live_one(case: str) -> None:
    graph = Graph.from_json((GOLDEN / f"{case}.graph.json").read_text("utf-8"))
    assert Drawing(graph).svg() == (GOLDEN / f"{case}.svg").read_text("utf-8")
    trace = Trace.from_json((GOLDEN / f"{case}.trace.json").read_text("utf-8"))
    assert trace.text() == (GOLDEN / f"{case}.trace.txt").read_text("utf-8")
