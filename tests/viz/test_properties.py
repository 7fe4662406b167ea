"""What holds for any lesson: random programs, run with both libraries, recorded, laid out and drawn."""

from __future__ import annotations

import itertools
import math
import xml.etree.ElementTree as ET
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from teachgrad import viz
from teachgrad.viz.layout import place
from teachgrad.viz.model import Trace, Value
from teachgrad.viz.svg import render

torch = pytest.importorskip("torch")
import teachgrad  # noqa: E402

OPS = (
    "add",
    "sub",
    "mul",
    "tanh",
    "neg",
    "square",
    "scale",
    "matmul",
    "row",
    "flip",
    "view",
    "halves",
    "mean",
    "detach",
)

#: A program: what each line does, and to which of the tensors there are (counted modulo how many there are).
programs = st.lists(st.tuples(st.sampled_from(OPS), st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=9)


def run(lib: Any, program: list[tuple[str, int, int]]) -> tuple[dict[str, Any], Any]:
    """The leaves by name, and a scalar in which every line's result is used."""
    a = lib.tensor([[0.5, -0.25], [1.0, 0.75]], requires_grad=True)
    b = lib.tensor([[-1.0, 0.5]], requires_grad=True)  # broadcast against a
    c = lib.tensor(0.5, requires_grad=True)
    pool = [a, b, c]
    for op, i, j in program:
        x, y = pool[i % len(pool)], pool[j % len(pool)]
        square = x.expand(2, 2) if tuple(x.shape) != (2, 2) else x
        if op == "halves":
            first, second = square.unbind(0)
            pool.append(first * second)
            continue
        pool.append(
            {
                "add": lambda x=x, y=y: x + y,
                "sub": lambda x=x, y=y: x - 2 * y,
                "mul": lambda x=x, y=y: (x * y).tanh(),
                "tanh": lambda x=x: x.tanh(),
                "neg": lambda x=x: -x,
                "square": lambda x=x: x.tanh() ** 2,
                "scale": lambda x=x: x * 0.5,
                "matmul": lambda square=square: (square @ square.t()).tanh(),
                "row": lambda square=square: square[0],
                "flip": lambda square=square: square.t(),
                "view": lambda square=square: (square + 0).view(4).view(2, 2),
                "mean": lambda x=x: x.mean(),
                "detach": lambda x=x, y=y: x.detach() + y,
            }[op]()
        )
    loss = sum((tensor.sum() for tensor in pool[3:]), c * 0)
    return {"a": a, "b": b, "c": c}, loss


#: What a lesson does with its loss: one backward(), two, or two with the gradients taken away in between.
lessons = st.sampled_from(["once", "twice", "cleared", "zeroed"])


def recorded(lib: Any, program: list[tuple[str, int, int]], lesson: str = "once") -> tuple[dict[str, Any], Trace]:
    leaves, loss = run(lib, program)
    with viz.record(loss, names=leaves | {"loss": loss}) as r:
        loss.backward(retain_graph=lesson != "once")
        for leaf in leaves.values() if lesson in ("cleared", "zeroed") else ():
            if leaf.grad is not None and lesson == "zeroed":
                leaf.grad.zero_()
            else:
                leaf.grad = None
        if lesson != "once":
            loss.backward()
    return leaves, r.trace


def close(one: Value | None, two: Value | None) -> bool:
    if one is None or two is None:
        return one is two
    numbers = [
        value.numbers if value.numbers is not None else tuple((value.stats or {}).values()) for value in (one, two)
    ]
    return (one.shape, one.dtype) == (two.shape, two.dtype) and numbers[0] == pytest.approx(
        numbers[1], rel=1e-4, abs=1e-6
    )


SLOW = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@SLOW
@given(programs, lessons)
def test_both_libraries_tell_the_same_story(program: list[tuple[str, int, int]], lesson: str) -> None:
    (ours, mine), (theirs, other) = recorded(teachgrad, program, lesson), recorded(torch, program, lesson)
    boxes = [[(node.id, node.kind, node.op, node.title, node.detail) for node in t.graph.nodes] for t in (mine, other)]
    assert boxes[0] == boxes[1]
    assert mine.graph.edges == other.graph.edges
    assert mine.passes == other.passes
    steps = [[(event.kind, event.node, event.edge, event.summed) for event in t.events] for t in (mine, other)]
    assert steps[0] == steps[1]
    for one, two in zip(mine.events, other.events, strict=True):
        for field in ("gradient", "out", "before", "delta", "after", "product"):
            assert close(getattr(one, field), getattr(two, field)), (one.sentence, two.sentence)
    for name in ours:
        assert (ours[name].grad is None) == (theirs[name].grad is None)


@SLOW
@given(programs, st.integers(0, 20))
def test_our_engines_short_way_tells_what_hooks_tell(program: list[tuple[str, int, int]], hooked: int) -> None:
    """The recorder's hooks are handed bare arrays where they are alone on a node; here they are, and here never."""
    traces = []
    for is_short in (True, False):
        leaves, loss = run(teachgrad, program)
        todo, seen = [loss.grad_fn], set()
        while todo:
            node = todo.pop()
            if node is not None and node not in seen:
                seen.add(node)
                if len(seen) == hooked + 1:  # the learner has a hook of their own on one node
                    node.register_prehook(lambda grads: tuple(None if grad is None else grad * 2 for grad in grads))
                    node.register_hook(lambda *_: None)
                todo += [below for below, _ in node.next_functions]
        with pytest.MonkeyPatch.context() as patch:
            if not is_short:
                patch.setattr(teachgrad.autograd.graph.Node, "_watcher", None)
            with viz.record(loss, names=leaves | {"loss": loss}) as r:
                loss.backward(retain_graph=True)
                leaves["a"].grad = None
                loss.backward()
        traces.append(r.trace)
    assert traces[0] == traces[1]


@SLOW
@given(programs)
def test_events_come_in_pytorchs_own_order(program: list[tuple[str, int, int]]) -> None:
    """The order of the calls, against hooks of our own on PyTorch's nodes in a second run without the recorder."""
    _, trace = recorded(teachgrad, program)
    _, loss = run(torch, program)
    order: list[str] = []
    todo, seen = [loss.grad_fn], set()
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        name = node.name().rpartition("::")[2]
        node.register_prehook(lambda _, name=name: order.append(name))
        todo += [below for below, _ in node.next_functions]
    loss.backward()
    ops = {node.id: node.op for node in trace.graph.nodes}
    assert [ops[event.node] for event in trace.events if event.kind in ("call", "accumulate")] == order


@pytest.mark.parametrize("lib", [teachgrad, torch], ids=lambda lib: lib.__name__)
@SLOW
@given(programs, lessons)
def test_a_leafs_deltas_add_up_and_every_node_is_called_once_in_a_pass(
    lib: Any, program: list[tuple[str, int, int]], lesson: str
) -> None:
    leaves, trace = recorded(lib, program, lesson)
    assert len(trace.passes) == 1 + (lesson != "once")
    starts = [*trace.passes, len(trace.events)]
    for start, end in itertools.pairwise(starts):
        calls = Counter(event.node for event in trace.events[start:end] if event.kind in ("call", "accumulate"))
        assert calls == Counter(node.id for node in trace.graph.nodes if node.kind in ("op", "accumulate"))
    targets = {edge.id: edge.target for edge in trace.graph.edges}
    nodes = {node.id: node for node in trace.graph.nodes}
    sums: dict[str, list[float]] = {}
    for event in trace.events:
        if event.kind == "reset":
            sums.pop(nodes[event.node].name or "")
        if event.kind == "accumulate":
            assert event.delta is not None and event.delta.numbers is not None
            name = nodes[targets[event.edge or ""]].name or ""
            known = sums.setdefault(name, [0.0] * len(event.delta.numbers))
            sums[name] = [a + b for a, b in zip(known, event.delta.numbers, strict=True)]
    for name, leaf in leaves.items():
        if leaf.grad is None:  # reached by nothing: not a zero
            assert name not in sums
        else:
            assert sums[name] == pytest.approx(leaf.grad.reshape(-1).tolist())
    for event in trace.events:  # a product that is summed to undo broadcasting adds up to what is sent
        if event.product and event.product.numbers and event.out and event.summed:
            total = lib.tensor(event.product.numbers).reshape(event.product.shape).sum(event.summed)
            assert total.reshape(-1).tolist() == pytest.approx(event.out.numbers, abs=1e-6)
    for event in trace.events:  # what arrives at a node is the sum of what was sent to it
        first = next(e for e in trace.events if e.kind == "call").node
        if event.kind == "call" and not event.received and event.node != first:
            sent = [
                e.out
                for e in trace.events[max(start for start in starts if start <= event.index) : event.index]
                if e.kind == "contribute" and targets[e.edge or ""] == event.node
            ]
            parts = zip(*(value.numbers for value in sent if value and value.numbers), strict=True)
            assert event.gradient is not None and event.gradient.numbers is not None
            assert [math.fsum(part) for part in parts] == pytest.approx(event.gradient.numbers, abs=1e-6)


@pytest.mark.parametrize("lib", [teachgrad, torch], ids=lambda lib: lib.__name__)
@settings(SLOW, max_examples=15)
@given(programs)
def test_the_picture_is_sound(lib: Any, program: list[tuple[str, int, int]]) -> None:
    _, trace = recorded(lib, program)
    layout = place(trace.graph, trace)
    boxes = list(layout.boxes.values())
    for i, (x, y, width, height) in enumerate(boxes):
        for left, top, wide, high in boxes[i + 1 :]:
            assert x + width <= left or left + wide <= x or y + height <= top or top + high <= y
    for edge in trace.graph.edges:  # data flow downwards, so a gradient never has to turn round
        above, below = layout.boxes[edge.target], layout.boxes[edge.source]
        assert above[1] + above[3] <= below[1]
        heights = [y for _, y in layout.routes[edge.id]]
        assert heights[0] <= heights[-1]
    drawn = ET.fromstring(render(trace.graph, layout))
    ids = [element.get("id") for element in drawn.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    order = [element.get("data-node") for element in drawn.iter() if element.get("data-node")]
    assert sorted(order) == sorted(node.id for node in trace.graph.nodes)
    for edge in trace.graph.edges:  # who goes from box to box by key meets what uses a result before what made it
        assert order.index(edge.source) < order.index(edge.target)
    assert Trace.from_json(trace.to_json()) == trace
