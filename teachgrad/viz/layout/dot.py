"""Graphs in the DOT language: one writer for Graphviz's eyes only, one for people.

Each edge is a statement of its own, because long chains in one statement are silently cut by Graphviz.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence

from teachgrad.viz.cards import FRAME_TITLE, arriving
from teachgrad.viz.metrics import text_width
from teachgrad.viz.model import Graph, Group, Node
from teachgrad.viz.values import visible

LARGE = 60  # nodes above which Graphviz is asked for less; what is not closed is rarely more
_LABEL = 11.5  # points; Courier is 0.6 of that wide in every Graphviz
_SHAPES = {
    "leaf": 'shape=box, style="rounded,filled", fillcolor="#e6f0f6"',
    "parameter": 'shape=box, peripheries=2, style="rounded,filled", fillcolor="#f3eee6"',
    "input": "shape=box, style=dashed",
    "op": "shape=octagon",
    "accumulate": 'shape=box, style="rounded"',
    "output": 'shape=invhouse, style=filled, fillcolor="#e6f1ed"',
    "saved": "shape=note",
    "group": "shape=folder",
}


def positions_dot(
    graph: Graph,
    sizes: Mapping[str, tuple[float, float]],
    labels: Mapping[str, float],
    ports: Collection[str] = (),
    is_routed: bool = True,
    turned: Mapping[str, Sequence[str]] = {},
) -> str:
    """DOT with ids and sizes (pixels) only. ``labels`` maps edge ids to the width to keep free beside them.

    ``turned`` maps nodes to their edges from left to right, where that is not the order of their slots.

    ``ports`` are nodes at the rim: what the rest uses stands above it, and what uses the rest below. Unless
    ``is_routed``, the ways of the edges are not asked for.
    """
    is_large = len(graph.nodes) > LARGE
    shape = "box" if is_large else "record"
    routed = "" if is_routed else ", splines=none, nslimit=20, nslimit1=20"  # which never takes long
    lines = [
        "digraph {",
        # A reserved label takes a rank of its own, and Graphviz then halves the distance between ranks.
        f"graph [rankdir=TB, nodesep=0.25, ranksep={0.3 if labels else 0.42}, ordering=in{_haste(graph)}{routed}]",
        f'node [shape={shape}, fixedsize=true, label=""]',
    ]
    if is_routed:
        font = f', fontname="Courier", fontsize={_LABEL}' if labels else ""
        lines.append(f"edge [arrowsize=0.6{font}]")
    arguments = arriving(graph)
    for node_id, order in turned.items():
        arguments[node_id].sort(key=lambda edge: order.index(edge.id))
    for node in graph.nodes:
        width, height = sizes[node.id]
        # One field for each argument, so that edges arrive side by side in the order of the arguments.
        fields = "|".join(f"<{edge.id}>" for edge in arguments.get(node.id, ()))
        record = f', shape=record, label="{fields}"' if "|" in fields else ""
        record = record if is_large else f', label="{fields}"'
        lines.append(f"{node.id} [width={width / 72:.4f}, height={height / 72:.4f}{record}]")
    lines += _clusters(graph)
    for rank, ends in (
        ("source", (edge.target for edge in graph.edges)),
        ("sink", (edge.source for edge in graph.edges)),
    ):
        rim = dict.fromkeys(end for end in ends if end in ports)
        lines += [f"{{ rank={rank}; {' '.join(rim)} }}"] if rim else []
    kinds = {node.id: node.kind for node in graph.nodes}
    turns = {source: iter(edges) for source, edges in arguments.items()}
    for edge in (next(turns[edge.source]) for edge in graph.edges):  # Graphviz keeps to the order of the statements
        room = labels.get(edge.id)
        label = f', label="{"M" * max(1, math.ceil((room + 6) / (0.6 * _LABEL)))}"' if room else ""
        # A leaf stands straight above its AccumulateGrad. In a large graph that is left to chance, which saves a third.
        weight = ", weight=9" if kinds[edge.source] == "accumulate" and not is_large else ""
        field = f":{edge.id}" if not is_large or len(arguments[edge.source]) > 1 else ""
        if is_routed:
            lines.append(f'{edge.target}:s -> {edge.source}{field}:n [id="{edge.id}"{weight}{label}]')
        else:
            lines.append(f"{edge.target} -> {edge.source}{field}")
    return "\n".join([*lines, "}", ""])


def _haste(graph: Graph) -> str:
    """Where lines are so many that nobody can follow one, Graphviz need not look for the best way of each."""
    if len(graph.edges) < max(200, 2.5 * len(graph.nodes)):
        return ""
    return f", nslimit=1, nslimit1=1, mclimit=0.3, splines={'polyline' if len(graph.edges) < 800 else 'false'}"


def _clusters(graph: Graph) -> Iterator[str]:
    """The open groups, each with room for its title above its nodes; inner ones inside outer ones."""
    inner: dict[str | None, list[Group]] = {}
    for each in graph.groups:
        inner.setdefault(each.parent, []).append(each)
    todo: list[Group | None] = list(reversed(inner.get(None, [])))
    while todo:
        group = todo.pop()
        if group is None:
            yield "}"
            continue
        room = math.ceil(min(text_width(group.title, FRAME_TITLE) + 8, 300) / (0.6 * FRAME_TITLE))
        title = f'label="{"M" * room}", labeljust=l, fontname="Courier", fontsize={FRAME_TITLE}, margin=10'
        yield f"subgraph cluster_{group.id} {{ graph [{title}]"
        yield f"{' '.join(group.nodes)};"
        todo += [None, *reversed(inner.get(group.id, []))]


def readable_dot(graph: Graph) -> str:
    """DOT to read, to edit and to give to any Graphviz: the same boxes with their text."""
    lines = ["digraph {", "rankdir=TB", 'node [fontname="DejaVu Sans", fontsize=11]']
    if graph.title:
        lines.append(f"label={quoted(graph.title)}")
    lines += [f"{node.id} [label={quoted(*_lines(node))}, {_SHAPES[node.kind]}]" for node in graph.nodes]
    for edge in graph.edges:
        style = ", style=dashed" if edge.constant else ""
        lines.append(f"{edge.target} -> {edge.source} [tooltip={quoted(edge.input_name)}{style}]")
    return "\n".join([*lines, "}", ""])


def quoted(*lines: str) -> str:
    """A DOT string that shows exactly these lines.

    >>> print(quoted('a "b" \\\\N &lt;', "c"))
    "a \\"b\\" \\\\N &amp;lt;\\nc"
    """
    escaped = (visible(line).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for line in lines)
    return '"' + "\\n".join(escaped) + '"'


def _lines(node: Node) -> list[str]:
    lines = [node.title] if node.kind in ("op", "accumulate") else [f"{node.title} ({node.word})"]
    if node.kind == "op":
        lines += [node.op, node.detail]
    if node.value is not None:
        lines.append(f"{node.name} = {node.value.text}" if node.kind == "op" and node.name else node.value.text)
    if node.grad is not None:
        lines.append(f"grad {node.grad.text}")
    return [line for line in lines if line]
