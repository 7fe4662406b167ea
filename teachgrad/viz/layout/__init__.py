"""Deciding where everything goes: box sizes are measured here, positions come from Graphviz.

Graphviz sees only ids and sizes. No text of the learner's reaches it, no font of the machine matters, and the
same graph is laid out the same way everywhere.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from teachgrad.viz.cards import NOT_YET, Card, arriving, card, gradient_line
from teachgrad.viz.folding import close
from teachgrad.viz.metrics import text_width
from teachgrad.viz.model import Graph, Layout, Node, Trace

from .dot import LARGE, positions_dot
from .rows import is_in_rows, routes_between

__all__ = ["MOST_NODES", "Layout", "gradient_lines", "label_texts", "place"]

MOST_NODES = 1500
MARGIN = 14.0
HEADING = 28.0  # room for the graph's title
LABEL = 11.5  # font size on edges
PORT = 12.0  # width of what stands for a box that is elsewhere


def place(graph: Graph, trace: Trace | None = None, engine: str = "embedded", ports: Collection[str] = ()) -> Layout:
    """Lay out ``graph``; with a ``trace``, leave room for every gradient that it will show.

    Of the nodes in ``ports`` only the place is wanted where lines come in above and go out below: they are dots there.

    ``engine`` is "embedded" (Graphviz as WebAssembly, from PyPI) or "dot" (the program of that name on this
    machine). Raises ValueError above 1500 nodes and for another engine, RuntimeError when Graphviz fails or
    is missing.
    """
    if len(graph.nodes) > MOST_NODES:
        raise ValueError(
            f"This graph has {len(graph.nodes):,} nodes, and a picture can be read up to {MOST_NODES:,}. Draw a "
            "part of it (a smaller input, fewer steps, a tensor from the middle), close its groups (collapse='auto'), "
            "or save it as .dot, .json or .txt."
        )
    cards = boxes_of(graph, trace) | dict.fromkeys(ports, Card((), PORT, 1.0))
    widths = {edge: max(text_width(text, LABEL) for text in texts) for edge, texts in label_texts(trace).items()}
    framed = close(graph, ())  # of the groups, those that are drawn as frames
    sizes = {name: (box.width, box.height) for name, box in cards.items()}
    attempts = [(framed, True), (replace(framed, groups=()), True)]
    if len(graph.nodes) > LARGE and trace is None and not ports and is_in_rows(framed):
        attempts.insert(0, (framed, False))  # the lines are simple: Graphviz need not look for their ways

    def drawn(attempt: Graph, is_routed: bool, turned: Mapping[str, Sequence[str]]) -> Layout | None:
        source = positions_dot(attempt, sizes, widths, ports, is_routed, turned)
        return _read(json.loads(_run(source, engine, is_routed)), attempt, cards, trace is not None, is_routed)

    for attempt, is_routed in attempts:
        layout = drawn(attempt, is_routed, {})
        if layout is not None:
            turned = _turned(attempt, layout) if layout.frames and len(graph.nodes) <= LARGE else {}
            other = drawn(attempt, is_routed, turned) if turned else None
            return other if other is not None and len(_turned(attempt, other)) < len(turned) else layout
    raise RuntimeError("Graphviz found no way for some of this graph's edges; please report it.")


def boxes_of(graph: Graph, trace: Trace | None = None) -> dict[str, Card]:
    """The measured box of every node, the widest gradient it will hold included."""
    gradients, room = gradient_lines(trace), trace is not None
    arguments = {node: [edge.input_name for edge in edges] for node, edges in arriving(graph).items()}
    return {
        node.id: card(node, _static_gradient(node, room), gradients.get(node.id, ""), arguments.get(node.id, ()))
        for node in graph.nodes
    }


def _static_gradient(node: Node, room: bool) -> str | None:
    if node.grad is not None:
        return gradient_line(node.grad)
    return NOT_YET if room and node.kind not in ("input", "saved") else None


def gradient_lines(trace: Trace | None) -> dict[str, str]:
    """For each node, the widest of the gradient lines that it will hold during ``trace``."""
    found: dict[str, str] = {}
    edges = {edge.id: edge for edge in trace.graph.edges} if trace else {}
    groups = {node.id: 0 for node in trace.graph.nodes if node.kind == "group"} if trace else {}
    for event in trace.events if trace else ():
        if event.node in groups:
            groups[event.node] += 1
            continue
        shown = {event.node: event.gradient or event.out or event.delta}
        if event.edge is not None and event.after is not None:
            shown[edges[event.edge].target] = event.after
        for node, value in shown.items():
            line = gradient_line(value) if value is not None else NOT_YET
            found[node] = max(found.get(node, NOT_YET), line, key=lambda text: text_width(text, 12.0))
    return found | {group: f"{count} of {count} steps" for group, count in groups.items()}


def label_texts(trace: Trace | None) -> dict[str, list[str]]:
    """For each edge, every gradient that is written on it during ``trace``, in order."""
    found: dict[str, list[str]] = {}
    for event in trace.events if trace else ():
        value = event.delta if event.kind == "accumulate" else event.out
        if event.edge is not None and value is not None:
            found.setdefault(event.edge, []).append(value.brief)
    if trace and any(node.kind == "group" for node in trace.graph.nodes):  # where one line may stand for several
        for texts in found.values():
            texts += [f"{len(texts)} gradients"] * (len(texts) > 1)
    return found


def _turned(graph: Graph, layout: Layout) -> dict[str, list[str]]:
    """Nodes where arrows cross, with their edges in an order in which they need not.

    Graphviz puts a frame beside what leads into it from outside, whichever argument that is. So the arguments give way.
    """
    across = {name: x + width / 2 for name, (x, _, width, _) in layout.boxes.items()}
    framed = {node for group in graph.groups for node in group.nodes}
    found = {}
    for node, edges in arriving(graph).items():
        have = sorted(edges, key=lambda edge: layout.routes[edge.id][-1])
        want = sorted(have, key=lambda edge: across[edge.target])
        if node in framed and have != want:
            found[node] = [edge.id for edge in want]
    return found


def _run(source: str, engine: str, is_timed: bool) -> str:
    if engine == "embedded":
        from . import embedded

        return embedded.run(source, is_timed=is_timed)
    if engine == "dot":
        from . import system

        return system.run(source)
    raise ValueError(f"engine must be 'embedded' or 'dot', not {engine!r}.")


def _read(
    drawn: dict[str, Any], graph: Graph, cards: dict[str, Card], gradients: bool, is_routed: bool
) -> Layout | None:
    """Graphviz's positions (points, y upwards, centres) as ours (pixels, y downwards, top left corners).

    None when there is no way for some edge: where many meet in a frame, Graphviz may lose some.
    """
    if is_routed and not all("pos" in item for item in drawn.get("edges", ())):
        return None
    _, _, right, top = map(float, drawn.get("bb", "0,0,0,0").split(","))
    head = MARGIN + (HEADING if graph.title else 0)

    def point(text: str) -> tuple[float, float]:
        x, y = text.split(",")
        return round(float(x) + MARGIN, 2), round(top - float(y) + head, 2)

    boxes, frames = {}, {}
    for item in drawn.get("objects", ()):
        if item["name"].startswith("cluster_"):
            left, low, far, high = map(float, item["bb"].split(","))
            x, y = point(f"{left},{high}")
            frames[item["name"].removeprefix("cluster_")] = (x, y, round(far - left, 2), round(high - low, 2))
            continue
        if "pos" not in item:  # that the ports are on one level
            continue
        x, y = point(item["pos"])
        box = cards[item["name"]]
        boxes[item["name"]] = (
            round(x - box.width / 2, 2),
            round(y - box.height / 2, 2),
            box.width,
            box.height,
        )
    routes: dict[str, tuple[tuple[float, float], ...]] = {}
    labels = {}
    if not is_routed and (found := routes_between(graph, boxes)) is None:
        return None
    for item in drawn.get("edges", ()) if is_routed else ():
        # "e,x,y x,y x,y ...": the tip of the arrow, and then the points up to its base
        numbers = list(map(float, item["pos"].removeprefix("e,").replace(" ", ",").split(",")))
        across = [round(x + MARGIN, 2) for x in numbers[::2]]
        down = [round(top - y + head, 2) for y in numbers[1::2]]
        routes[item["id"]] = tuple(zip([*across[1:], across[0]], [*down[1:], down[0]], strict=True))
        if "lp" in item:
            labels[item["id"]] = point(item["lp"])
    routes = routes if is_routed else found or {}
    missing = [edge.id for edge in graph.edges if edge.id not in routes]
    if missing or len(boxes) != len(graph.nodes):
        raise RuntimeError(f"Graphviz left out a part of this graph ({missing or 'nodes'}); please report it.")
    order = {edge.id: labels.get(edge.id) or _middle(routes[edge.id]) for edge in graph.edges}
    return Layout(
        float(math.ceil(right + 2 * MARGIN)),
        float(math.ceil(top + head + MARGIN)),
        {node.id: boxes[node.id] for node in graph.nodes},
        {edge.id: routes[edge.id] for edge in graph.edges},
        order,
        gradients,
        {group.id: frames[group.id] for group in graph.groups},
    )


def _middle(route: tuple[tuple[float, float], ...]) -> tuple[float, float]:
    (x, y), (u, v) = route[0], route[-1]
    return round((x + u) / 2, 2), round((y + v) / 2, 2)
