"""Graphs read from live nodes, and backward passes recorded through hooks, of both libraries."""

from __future__ import annotations

import gc
import math
import random
import sys
import weakref
from typing import Any

import pytest
from graphs import RULES

from teachgrad import viz
from teachgrad.viz.capture import capture
from teachgrad.viz.model import Trace, Value
from teachgrad.viz.naming import namer
from teachgrad.viz.values import value_of


def kinds(graph: viz.Graph) -> list[str]:
    return [node.op if node.kind in ("op", "accumulate") else f"{node.kind} {node.title}" for node in graph.nodes]


def random_graph(lib: Any, seed: int) -> tuple[list[Any], Any]:
    """Leaves and a loss with shared nodes, repeated arguments, broadcasting and an unused leaf."""
    dice = random.Random(seed)
    leaves = [lib.tensor([dice.uniform(-1, 1) for _ in range(size)], requires_grad=True) for size in (3, 3, 1)]
    pool = list(leaves)
    for _ in range(dice.randint(1, 12)):
        x, y = dice.choice(pool), dice.choice(pool)
        pool.append(
            dice.choice((lambda x, y: x * y, lambda x, y: x + y, lambda x, y: x - y, lambda x, _: x * 0.5))(x, y)
        )
    return leaves, (pool[-1] * pool[dice.randrange(len(pool))]).sum()


# Reading a graph


def test_the_tutorial_graph(quadratic: dict[str, Any]) -> None:
    graph = viz.draw(quadratic["Q"], names=quadratic).graph
    assert kinds(graph) == [
        "output Q",
        "SubBackward0",
        "MulBackward0",
        "PowBackward0",
        "AccumulateGrad",
        "leaf a",
        "PowBackward0",
        "AccumulateGrad",
        "leaf b",
    ]
    assert [(edge.source, edge.target, edge.slot) for edge in graph.edges] == [
        ("n0", "n1", 0),
        ("n1", "n2", 0),
        ("n1", "n6", 1),
        ("n2", "n3", 0),
        ("n3", "n4", 0),
        ("n4", "n5", 0),
        ("n6", "n7", 0),
        ("n7", "n8", 0),
    ]
    assert graph.names == {"Q": "n0", "a": "n5", "b": "n8"}
    assert graph.node("n3").detail == "exponent = 3"
    assert graph.node("n0").value == value_of(quadratic["Q"])


def test_names_come_from_the_callers_variables(lib: Any) -> None:
    weight = lib.tensor(2.0, requires_grad=True)
    hidden = weight * 3
    loss = hidden.exp()
    graph = viz.draw(loss).graph
    assert kinds(graph) == ["output loss", "ExpBackward0", "MulBackward0", "AccumulateGrad", "leaf weight"]
    assert graph.node("n2").name == "hidden"
    assert graph.node("n2").value == value_of(hidden)


def test_locals_with_anything_in_them_are_names(lib: Any) -> None:
    x = lib.tensor(2.0, requires_grad=True)
    _3 = y = x * x
    number, function, library = 3, len, lib  # no tensors: passed over
    assert number and function and library
    assert kinds(viz.draw(y, names=locals()).graph)[0] == "output _3"  # asked for, so taken as it is
    assert kinds(viz.draw(y).graph)[0] == "output y"  # found, so the notebook's own _3 is left out


@pytest.mark.parametrize("as_dict", [True, False])
def test_params_are_parameters(lib: Any, as_dict: bool) -> None:
    x, w = lib.tensor([1.0, 2.0]), lib.tensor([0.5, 0.25], requires_grad=True)
    params = {"layer.weight": w}
    graph = viz.draw((x * w).sum(), params=params if as_dict else iter(params.items())).graph
    assert "parameter layer.weight" in kinds(graph)
    assert graph.names["layer.weight"] == "n4"


def test_a_module_among_the_variables_names_its_parameters() -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.Linear(2, 1)
    loss = model(torch.ones(3, 2)).sum()
    assert {"parameter model.weight", "parameter model.bias"} <= set(kinds(viz.draw(loss).graph))


def test_a_named_input_is_drawn_and_a_nameless_constant_is_written(lib: Any) -> None:
    w, data = lib.tensor([1.0, 2.0], requires_grad=True), lib.tensor([3.0, 4.0])
    product = w * data
    graph = viz.draw(product * 5, names={"w": w, "data": data}).graph
    box = graph.node(graph.names["data"])
    assert box.kind == "input"
    (edge,) = (edge for edge in graph.edges if edge.target == box.id)
    assert edge.constant
    assert "5" in graph.node("n1").detail
    assert kinds(viz.draw(product, names={}).graph)[2:] == ["AccumulateGrad", "leaf (no name)"]


def test_values_that_a_later_node_saved_are_known_without_a_name(lib: Any) -> None:
    x = lib.tensor([1.0, 2.0], requires_grad=True)
    graph = viz.draw(((x * x).exp() ** 2).sum(), names={"x": x}).graph
    exp = next(node for node in graph.nodes if node.op == "ExpBackward0")
    assert exp.value is not None
    assert exp.value.numbers == pytest.approx((math.e, math.e**4))


def test_the_same_argument_twice_is_two_edges(lib: Any) -> None:
    x = lib.tensor(3.0, requires_grad=True)
    graph = viz.draw(x * x).graph
    assert [(edge.target, edge.slot) for edge in graph.edges if edge.source == "n1"] == [("n2", 0), ("n2", 1)]


def test_several_outputs_share_their_nodes(lib: Any) -> None:
    x = lib.tensor(3.0, requires_grad=True)
    shared = x * 2
    one, two = shared.exp(), shared * shared
    found = kinds(viz.draw(one, two).graph)
    assert found.count("AccumulateGrad") == 1
    assert [name for name in found if name.startswith("output")] == ["output one", "output two"]


def test_grad_is_shown_where_there_is_one_and_asked_for_nowhere_else(lib: Any) -> None:
    x = lib.tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    y.retain_grad()
    loss = y.sum()
    loss.backward()
    graph = viz.draw(loss).graph  # a warning about .grad of a non-leaf would be an error here
    assert graph.node(graph.names["x"]).grad == value_of(x.grad)
    assert graph.node(graph.names["y"]).grad == value_of(y.grad)
    assert graph.node(graph.names["loss"]).grad is None


def test_a_leaf_alone_is_a_graph(lib: Any) -> None:
    x = lib.tensor(3.0, requires_grad=True)
    constant = lib.tensor(3.0)
    assert kinds(viz.draw(x).graph) == ["AccumulateGrad", "leaf x"]
    assert kinds(viz.draw(constant).graph) == ["input constant"]


@pytest.mark.parametrize("wrong", [(), (3,), ([1],), ("loss",), (None,)])
def test_what_is_no_tensor_is_refused(wrong: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match="tensor"):
        viz.draw(*wrong)


@pytest.mark.parametrize("wrong", [{"params": [1]}, {"params": {"w": 3}}, {"names": [1]}])
def test_wrong_names_are_refused(lib: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"name"):
        viz.draw(lib.tensor(1.0), **wrong)


def test_a_long_chain_is_walked_without_recursion(lib: Any) -> None:
    """Depth costs a list entry, not a stack frame: 20,000 steps under a limit of a few hundred frames."""
    x = y = lib.tensor(1.0, requires_grad=True)
    for _ in range(20_000):
        y = y + x
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(300)
    try:
        captured = capture([y], namer({}, None, None))
    finally:
        sys.setrecursionlimit(limit)
    assert len(captured.graph.nodes) == 20_003


# Recording


def test_the_tutorial_trace(quadratic: dict[str, Any]) -> None:
    Q, ones = quadratic["Q"], quadratic["lib"].tensor([1.0, 1.0])
    with viz.record(Q, names=quadratic, rules=RULES) as r:
        Q.backward(gradient=ones)
    assert [event.kind for event in r.trace.events] == [
        "seed",
        "call",
        "contribute",
        "contribute",
        "call",
        "contribute",
        "accumulate",
        "call",
        "contribute",
        "call",
        "contribute",
        "accumulate",
        "free",
    ]
    power = r.trace.events[5]
    assert power.rule is not None
    assert power.rule.filled == "[-1, -1] * 2 * [6, 4] ** (2 - 1) = [-12, -8]"
    assert power.out == value_of(quadratic["b"].grad)
    assert r.trace.events[-2].sentence == "a.grad was None and becomes [36, 81]."
    assert Trace.from_json(r.trace.to_json()) == r.trace


@pytest.mark.parametrize("seed", range(25))
def test_deltas_add_up_and_every_node_is_called_once(lib: Any, seed: int) -> None:
    leaves, loss = random_graph(lib, seed)
    with viz.record(loss, names={}) as r:
        loss.backward()
    trace = r.trace
    called = [event.node for event in trace.events if event.kind == "call"]
    ops = [node.id for node in trace.graph.nodes if node.kind == "op"]
    assert sorted(called) == sorted(ops)
    edges = {edge.id: edge for edge in trace.graph.edges}
    for event in trace.events:
        if event.kind == "call" and len(trace.events) > 1:
            # Everything that arrives was sent before, and adds up.
            sent = [e for e in trace.events[: event.index] if e.edge and edges[e.edge].target == event.node]
            assert added(e.out for e in sent) == pytest.approx(event.gradient.numbers)  # type: ignore[union-attr]
    for leaf in (node for node in trace.graph.nodes if node.kind == "leaf"):
        events = [e for e in trace.events if e.kind == "accumulate" and edges[e.edge or ""].target == leaf.id]
        tensor = next(t for t in leaves if value_of(t) == leaf.value)
        assert added(e.delta for e in events) == pytest.approx(tensor.grad.tolist())
        assert events[-1].after == value_of(tensor.grad)


def added(values: Any) -> list[float]:
    """The element-wise sum of recorded values, shorter ones broadcast."""
    rows = [value.numbers if isinstance(value, Value) and value.numbers else (0.0,) for value in values]
    size = max(map(len, rows))
    return [math.fsum(row[i % len(row)] for row in rows) for i in range(size)]


@pytest.mark.parametrize("seed", range(8))
def test_recording_changes_no_bit_and_frees_as_before(lib: Any, seed: int) -> None:
    plain_leaves, plain_loss = random_graph(lib, seed)
    plain_loss.backward()
    leaves, loss = random_graph(lib, seed)
    with viz.record(loss) as r:
        loss.backward()
    for leaf, expected in zip(leaves, plain_leaves, strict=True):
        assert (leaf.grad is None) == (expected.grad is None)
        assert leaf.grad is None or leaf.grad.tolist() == expected.grad.tolist()
    if any(event.kind == "free" for event in r.trace.events):
        with pytest.raises(RuntimeError, match="second time"):
            loss.backward()


def test_two_passes_are_told_apart_and_accumulate(lib: Any) -> None:
    x = lib.tensor(3.0, requires_grad=True)
    loss = x * x
    with viz.record(loss) as r:
        loss.backward(retain_graph=True)
        loss.backward()
    first, second = r.trace.passes
    assert first == 0
    assert r.trace.events[second].kind == "seed"
    after = [event for event in r.trace.events if event.kind == "accumulate"][-1]
    assert (after.before, after.delta, after.after) == (value_of(6.0 + 0 * x), value_of(6.0 + 0 * x), value_of(x.grad))
    assert [event.kind for event in r.trace.events].count("free") == 1
    assert r.trace.events[-1].kind == "free"


def test_two_losses_in_one_block(lib: Any) -> None:
    x, y = lib.tensor(3.0, requires_grad=True), lib.tensor(4.0, requires_grad=True)
    one, two = x * x, y * y
    with viz.record(one, two) as r:
        two.backward()
        one.backward()
    assert len(r.trace.passes) == 2
    assert [event.node for event in r.trace.events if event.kind == "seed"] == [
        r.trace.graph.names["two"],
        r.trace.graph.names["one"],
    ]


def test_hooks_are_gone_after_the_block_even_after_an_error(lib: Any) -> None:
    x = lib.tensor(3.0, requires_grad=True)
    loss = x * x
    with pytest.raises(ZeroDivisionError), viz.record(loss) as r:
        raise ZeroDivisionError("<oh>")
    assert r.trace.error == "<oh>"
    assert r.trace.events[-1].kind == "error"
    length = len(r.trace.events)
    loss.backward()
    assert len(r.trace.events) == length


def test_an_error_in_backward_ends_the_trace_and_goes_on(lib: Any) -> None:
    x = lib.tensor(3.0, requires_grad=True)
    loss = (x * x).exp()
    loss.backward()
    with pytest.raises(RuntimeError, match="second time"), viz.record(loss) as r:
        loss.backward()
    assert r.trace.error is not None
    assert "second time" in r.trace.error
    assert r.trace.events[-1].kind == "error"
    assert r.trace.events[-1].node == "n1"
    assert x.grad.item() == pytest.approx(6 * math.exp(9), rel=1e-5)


def test_a_recorder_is_used_once(lib: Any) -> None:
    x = lib.tensor(3.0, requires_grad=True)
    recorder = viz.record(x * x)
    with recorder:
        pass
    with pytest.raises(RuntimeError, match="make a new one"), recorder:
        pass


def test_a_recorder_lets_the_graph_go(lib: Any) -> None:
    x = lib.tensor([3.0], requires_grad=True)
    y = x * x
    loss = y.sum()
    with viz.record(loss, names={"x": x, "y": y}) as r:
        loss.backward()
    gone = weakref.ref(y)
    del y, loss
    gc.collect()
    assert gone() is None
    assert r.trace.events


def test_a_leafs_own_backward_is_recorded(lib: Any) -> None:
    x = lib.tensor(3.0, requires_grad=True)
    with viz.record(x) as r:
        x.backward()
    assert [event.kind for event in r.trace.events] == ["seed", "accumulate"]
    assert r.trace.events[1].sentence == "x.grad was None and becomes 1."


def test_a_broadcast_input_gets_the_sum(lib: Any) -> None:
    w, v = lib.tensor(3.0, requires_grad=True), lib.tensor([1.0, 2.0])
    loss = (w * v).sum()
    with viz.record(loss, rules=RULES) as r:
        loss.backward()
    event = next(e for e in r.trace.events if e.kind == "contribute" and e.rule and e.rule.text == "grad * other")
    assert event.rule is not None
    assert event.rule.filled == "[1, 1] * [1, 2] = [1, 2], summed over dimension 0 = 3"


@pytest.mark.filterwarnings("ignore:Using backward.. with create_graph=True")
def test_create_graph_is_recorded_like_any_pass(lib: Any) -> None:
    x = lib.tensor(2.0, requires_grad=True)
    loss = x**3
    with viz.record(loss) as r:
        loss.backward(create_graph=True)
    assert r.trace.events[-1].kind == "accumulate"  # nothing is freed
    assert x.grad.requires_grad
    x.grad = None  # PyTorch warns of the cycle otherwise
