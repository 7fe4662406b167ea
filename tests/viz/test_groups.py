"""Groups: which nodes belong together, and what a picture shows when they are closed."""

from __future__ import annotations

import random
import re
import xml.etree.ElementTree as ET
from graphlib import TopologicalSorter
from typing import Any

import pytest
from graphs import HOSTILE, random_graph

from teachgrad import viz
from teachgrad.viz.drawing import Drawing
from teachgrad.viz.folding import close, folded, inside
from teachgrad.viz.grouping import BUDGET, grouped
from teachgrad.viz.model import Edge, Graph, Node


def by_title(graph: Graph) -> dict[str, list[str]]:
    """The operations of each group."""
    ops = {node.id: node.op for node in graph.nodes if node.kind == "op"}
    return {group.title: [ops[node] for node in group.nodes if node in ops] for group in graph.groups}


def perceptron(lib: Any, layers: int, model: Any = None) -> Any:
    """A loss over `layers` layers, each a product, a bias and a tanh, with parameters named layer0.w, ..."""
    hidden, params = lib.tensor([[1.0, 2.0]]), {}
    for i in range(layers):
        w = lib.tensor([[0.5, 0.1], [0.2, 0.3]], requires_grad=True)
        b = lib.tensor([0.1, 0.2], requires_grad=True)
        hidden = (hidden @ w + b).tanh()
        params |= {f"layer{i}.w": w, f"layer{i}.b": b}
    return hidden.sum(), params


def scalar_net(lib: Any, inputs: int, neurons: int) -> Any:
    dice = random.Random(3)

    def weight() -> Any:
        return lib.tensor(dice.uniform(-1, 1), requires_grad=True)

    def neuron(xs: list[Any]) -> Any:
        total = weight()
        for x in xs:
            total = total + weight() * x
        return total.tanh()

    return neuron([neuron([lib.tensor(1.0)] * inputs) for _ in range(neurons)])


# Finding them


def test_parameters_tell_the_module(lib: Any) -> None:
    loss, params = perceptron(lib, 2)
    graph = viz.draw(loss, names={}, params=params).graph
    assert by_title(graph) == {
        "layer0": ["AddBackward0", "MmBackward0"],
        "layer1": ["AddBackward0", "MmBackward0"],
    }
    nodes = {node.id: node for node in graph.nodes}
    first = next(group for group in graph.groups if group.title == "layer0")
    assert {nodes[node].title for node in first.nodes} >= {"layer0.w", "layer0.b", "AccumulateGrad"}
    assert all(nodes[node].group == first.id for node in first.nodes)
    tanh = [node for node in graph.nodes if node.op == "TanhBackward0"]
    assert [node.group for node in tanh] == [None, None]  # it has no parameters, so nothing tells


def test_a_graph_without_modules_that_fits_has_no_groups(quadratic: dict[str, Any]) -> None:
    assert viz.draw(quadratic["Q"], names=quadratic).graph.groups == ()


def test_hooks_tell_exactly() -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
    with viz.modules(model):
        loss = (model(torch.ones(4, 2)) - 1).pow(2).mean()
    after = model(torch.ones(4, 2)).sum()
    graph = viz.draw(loss, names={}).graph
    assert [(group.title, group.detail) for group in graph.groups] == [
        ("Sequential", ""),
        ("0", "Linear"),
        ("2", "Linear"),
    ]
    assert {title: sorted(ops) for title, ops in by_title(graph).items()} == {
        "Sequential": ["AddmmBackward0", "AddmmBackward0", "TBackward0", "TBackward0", "TanhBackward0"],
        "0": ["AddmmBackward0", "TBackward0"],
        "2": ["AddmmBackward0", "TBackward0"],
    }
    paths = {node.op: node.module for node in graph.nodes if node.kind == "op"}
    assert paths["TanhBackward0"] == "1 (Tanh)"  # also of a module that is no group of its own
    assert paths["MeanBackward0"] is None
    assert "module 1 (Tanh)" in viz.draw(loss, names={}).text()
    assert not model._forward_hooks
    assert not model[0]._forward_pre_hooks
    assert viz.draw(after, names={}).graph.groups == ()


def test_each_call_of_a_shared_module_is_a_group_of_its_own() -> None:
    torch = pytest.importorskip("torch")
    layer = torch.nn.Linear(2, 2)
    model = torch.nn.Sequential(layer, torch.nn.ReLU(), layer)
    with viz.modules(model):
        loss = model(torch.ones(1, 2)).sum()
    graph = viz.draw(loss, names={}).graph
    assert [group.title for group in graph.groups] == ["Sequential", "0", "0"]
    shared = [node for node in graph.nodes if node.kind == "parameter"]
    assert {node.group for node in shared} == {graph.groups[0].id}  # both calls use them


def test_a_call_that_failed_leaves_no_trace() -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(2, 1), torch.nn.Linear(1, 1))
    with viz.modules(model):
        with pytest.raises(RuntimeError, match="shapes"):
            model(torch.ones(1, 2))
        model[1] = torch.nn.Linear(3, 1)
        loss = model(torch.ones(1, 2)).sum()
    assert viz.draw(loss, names={}).graph.groups[0].title == "Sequential"


def test_only_a_module_has_modules() -> None:
    with pytest.raises(TypeError, match="got list"):
        viz.modules([])


def test_a_loop_is_its_body_times_n(lib: Any) -> None:
    w = lib.tensor([1.0, 2.0], requires_grad=True)
    x = lib.tensor([0.5, 0.1], requires_grad=True)
    y = x
    for _ in range(50):
        y = (y * w + x).tanh()
    drawing = viz.draw(y, names={"w": w, "x": x, "y": y})
    (repeat,) = [group for group in drawing.graph.groups if group.kind == "repeat"]
    assert (repeat.title, repeat.times, len(repeat.nodes)) == ("Mul, Add, Tanh", 50, 150)
    turns = [group for group in drawing.graph.groups if group.kind == "turn"]
    assert len(turns) == 50
    assert {len(turn.nodes) for turn in turns} == {3}
    assert [(node.title, node.word) for node in drawing.shown.nodes if node.kind == "group"] == [
        ("Mul, Add, Tanh", "×50, 150 nodes")
    ]
    # What every turn uses stays beside them.
    assert {node.title for node in drawing.shown.nodes if node.kind == "leaf"} == {"w", "x"}


def test_loops_in_loops(lib: Any) -> None:
    graph = viz.draw(scalar_net(lib, 10, 16), names={}).graph
    groups = {group.id: group for group in graph.groups}
    inner = [g for g in graph.groups if g.kind == "repeat" and g.parent and groups[g.parent].kind == "turn"]
    outer = [g for g in graph.groups if g.kind == "repeat" and g.parent is None]
    assert any(group.times == 16 for group in outer)
    assert {group.times for group in inner} == {10}


def test_the_same_operations_with_other_edges_are_no_repetition() -> None:
    def chain(wrong: bool) -> Graph:
        nodes, edges = [Node("n0", "output", title="y")], [Edge("e0", "n0", "n1")]
        for i in range(1, 91):
            nodes.append(Node(f"n{i}", "op", f"{'ABC'[i % 3]}Backward0", "ABC"[i % 3], "operation"))
            if i < 90:
                edges.append(Edge(f"e{len(edges)}", f"n{i}", f"n{i + 1}"))
            if i % 3 == 1 and i < 88:  # inside a turn: to the last of its three, every second time to the middle
                edges.append(Edge(f"e{len(edges)}", f"n{i}", f"n{i + (1 if wrong and i % 2 else 2)}", 1))
        return grouped(Graph(tuple(nodes), tuple(edges)))

    assert max(group.times for group in chain(wrong=False).groups) >= 29
    assert max(group.times for group in chain(wrong=True).groups) < 20


# Closing them


@pytest.mark.parametrize("seed", range(12))
def test_any_way_to_close_gives_each_node_one_box_and_no_cycle(seed: int) -> None:
    graph = grouped(random_graph(seed, size=150))
    dice = random.Random(seed)
    ids = [group.id for group in graph.groups]
    assert ids
    for closed in ([], ids, *(dice.sample(ids, dice.randrange(len(ids) + 1)) for _ in range(6))):
        view = close(graph, closed)
        shown = [node.id for node in view.nodes]
        assert len(set(shown)) == len(shown)
        assert set(shown) <= {node.id for node in graph.nodes} | set(closed)
        hidden = {node for group in graph.groups if group.id in closed for node in group.nodes}
        assert {node.id for node in graph.nodes} - hidden == set(shown) - set(closed)
        assert {end for edge in view.edges for end in (edge.source, edge.target)} <= set(shown)
        order: dict[str, set[str]] = {}
        for edge in view.edges:
            order.setdefault(edge.source, set()).add(edge.target)
        list(TopologicalSorter(order).static_order())  # raises CycleError


@pytest.mark.parametrize("seed", range(6))
def test_groups_are_a_tree_and_hold_their_nodes(seed: int) -> None:
    graph = grouped(random_graph(seed, size=150))
    groups = {group.id: group for group in graph.groups}
    assert list(groups) == [f"g{i}" for i in range(len(groups))]
    for group in graph.groups:
        assert group.nodes
        if group.parent is not None:
            assert set(group.nodes) <= set(groups[group.parent].nodes)
    for node in graph.nodes:
        holding = [group.id for group in graph.groups if node.id in group.nodes]
        assert (node.group is None) == (not holding)
        assert node.group is None or node.group in holding


def test_a_closed_graph_is_small_and_says_what_is_in_it() -> None:
    graph = random_graph(5, size=700)
    drawing = Drawing(graph)
    assert len(graph.nodes) > 700
    assert len(drawing.shown.nodes) <= BUDGET
    shown = sum(int(re.findall(r"(\d+) nodes", n.word)[0]) if n.kind == "group" else 1 for n in drawing.shown.nodes)
    assert shown == len(graph.nodes)
    assert f"{len(drawing.shown.nodes)} boxes" in repr(drawing)
    ET.fromstring(drawing.svg())
    assert Graph.from_json(drawing.shown.to_json()) == drawing.shown


def test_ten_thousand_nodes_are_a_picture(lib: Any) -> None:
    x = y = lib.tensor(1.0, requires_grad=True)
    dice = random.Random(1)
    for _ in range(10_000):
        y = dice.choice((lambda y: y + x, lambda y: y * 0.5, lambda y: y.tanh()))(y)
    drawing = viz.draw(y)
    assert len(drawing.graph.nodes) >= 10_000
    assert len(drawing.shown.nodes) <= BUDGET
    assert drawing.svg().count('data-kind="group"') >= 5


def test_where_lines_lead_anywhere_the_parts_are_few(lib: Any) -> None:
    dice = random.Random(0)
    pool = [lib.tensor(dice.random(), requires_grad=True) for _ in range(9)]
    while len(pool) < 2000:
        pool.append(dice.choice(pool) * dice.choice(pool) if dice.random() < 0.5 else dice.choice(pool).tanh())
    drawing = viz.draw(lib.stack(pool[9:]).sum(), names={})
    assert len(drawing.shown.nodes) <= BUDGET
    assert len(drawing.shown.edges) <= 5 * len(drawing.shown.nodes)
    assert sum(group.kind == "part" and group.parent is None for group in drawing.graph.groups) <= 12


def test_collapse_and_depth(lib: Any) -> None:
    loss, params = perceptron(lib, 3)

    def shown(**how: Any) -> list[str]:
        return [node.title for node in viz.draw(loss, names={}, params=params, **how).shown.nodes]

    assert len(shown()) == len(shown(collapse=False)) == 23
    assert (
        shown(collapse=True)
        == shown(depth=0)
        == ["output", "Sum", "Tanh", "layer2", "Tanh", "layer1", "Tanh", "layer0"]
    )
    assert shown(depth=1) == shown()
    with pytest.raises(ValueError, match="'yes'"):
        shown(collapse="yes")
    with pytest.raises(ValueError, match="-1"):
        shown(depth=-1)


def test_edges_keep_the_slots_of_an_open_node() -> None:
    nodes = tuple(Node(f"n{i}", "op", "MulBackward0", "Mul", "operation") for i in range(3))
    edges = (
        Edge("e0", "n0", "n1", 0, input_name="self"),
        Edge("e1", "n0", "n2", 1, input_name="other"),
        Edge("e2", "n1", "n2", 0),
    )
    graph = grouped(Graph(nodes, edges), calls={"n0": (), "n1": (("inner", "", 1),), "n2": (("inner", "", 1),)})
    view = close(graph, {"g0"})
    assert [(e.id, e.source, e.target, e.input_name) for e in view.edges] == [
        ("e0", "n0", "g0", "self"),
        ("e1", "n0", "g0", "other"),
    ]


def test_opening_a_group(lib: Any) -> None:
    loss, params = perceptron(lib, 30)
    drawing = viz.draw(loss, names={}, params=params)
    assert len(drawing.graph.nodes) > BUDGET
    opened = drawing.open("layer3")
    titles = [node.title for node in opened.graph.nodes]
    assert {"Add", "Mm", "layer3.w", "layer3.b"} <= set(titles)
    assert titles.count("Tanh") <= 2  # its neighbours
    with pytest.raises(KeyError, match="layer0"):
        drawing.open("layer99")


def test_hostile_titles_of_groups_are_text() -> None:
    for name in HOSTILE:
        nodes = tuple(Node(f"n{i}", "op", "MulBackward0", "Mul", "operation") for i in range(6))
        edges = tuple(Edge(f"e{i}", f"n{i}", f"n{i + 1}") for i in range(5))
        call = ((name, name, 1),)
        graph = grouped(Graph(nodes, edges), calls={"n0": (), **{f"n{i}": call for i in range(1, 6)}})
        for collapse, images in ((True, 1), (False, 0)):
            page = Drawing(graph, collapse=collapse).html()
            assert page.count("<script") == 2 * images and page.count("<img") == images and "<b>" not in page
            ET.fromstring(Drawing(graph, collapse=collapse).svg())


def test_frames_hold_their_boxes_and_no_others(lib: Any) -> None:
    loss, params = perceptron(lib, 4)
    drawing = viz.draw(loss, names={}, params=params)
    layout = drawing.layout
    assert set(layout.frames) == {group.id for group in drawing.shown.groups}
    for group in drawing.shown.groups:
        x, y, w, h = layout.frames[group.id]
        for node, (u, v, p, q) in layout.boxes.items():
            within = x <= u and y <= v and u + p <= x + w and v + q <= y + h
            assert within == (node in group.nodes)


def test_groups_survive_json(lib: Any) -> None:
    loss, params = perceptron(lib, 2)
    graph = viz.draw(loss, names={}, params=params).graph
    assert Graph.from_json(graph.to_json()) == graph
    assert inside(graph, "g0").nodes
    assert folded(graph, depth=0).groups == ()
