"""Closing groups: the graph as it is shown, where a closed group is one box, and an open one a frame."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

from .grouping import BUDGET, grouped
from .model import Edge, Event, Graph, Group, Node, Trace

FRAMED = ("module", "repeat")  # open groups that are drawn as a frame; the others are only for closing


def folded(graph: Graph, collapse: str | bool = "auto", depth: int | None = None) -> Graph:
    """The graph to draw: with ``collapse="auto"``, closed until about 60 boxes remain.

    ``collapse=True`` closes every group of the outermost level, ``False`` none. ``depth`` opens that many levels
    from outside, whatever the size. Raises ValueError for another ``collapse`` and a negative ``depth``.
    """
    if collapse not in ("auto", True, False):
        raise ValueError(f"collapse must be 'auto', True or False, not {collapse!r}.")
    if depth is not None and depth < 0:
        raise ValueError(f"depth is how many levels of groups to open, 0 or more; not {depth}.")
    if not graph.groups and len(graph.nodes) > BUDGET and collapse is not False:
        graph = grouped(graph)
    levels = _levels(graph)
    if collapse is True:
        depth = depth or 0
    if depth is not None:
        return close(graph, {group for group, level in levels.items() if level >= depth})
    if collapse is False or len(graph.nodes) <= BUDGET:
        return close(graph, ())
    # As deep as there is room for; "times N" says more than N boxes that all look the same.
    groups = {group.id: group for group in graph.groups}
    turns = (group for group in graph.groups if group.kind == "turn")
    alike = {next(outer for outer in _outer(turn, groups) if groups[outer].kind == "repeat") for turn in turns}
    closed: set[str] = set()
    for deep in range(1 + max(levels.values()), -1, -1):
        closed = {group for group, level in levels.items() if level >= deep or group in alike}
        if len({box for _, box in _shown(graph, closed)}) <= BUDGET:
            break
    return close(graph, closed)


def close(graph: Graph, closed: Collection[str]) -> Graph:
    """``graph`` with each group in ``closed`` as one node of kind "group", which has the group's id.

    Edges into a closed group, of one thing to another, become one; it keeps the id of the first. Open groups stay
    groups, if they are drawn as frames.
    """
    groups = {group.id: group for group in graph.groups}
    shown = dict(_shown(graph, closed))
    nodes: dict[str, Node] = {}
    for node in graph.nodes:
        box = shown[node.id]
        if box not in nodes:
            nodes[box] = node if box == node.id else _closed(groups[box])
    edges: dict[tuple[str, str, int | str], Edge] = {}
    for edge in graph.edges:
        source, target = shown[edge.source], shown[edge.target]
        if source == target:
            continue
        key = (source, target, 0 if source in groups else edge.id)
        if key in edges:
            continue
        moved: dict[str, Any] = {"source": source, "target": target}
        if source in groups:
            moved |= {"slot": 0, "input_name": "", "constant": False}
        if target in groups:
            moved["output_nr"] = 0
        edges[key] = edge if (source, target) == (edge.source, edge.target) else replace(edge, **moved)
    frames = []
    for group in graph.groups:
        inside = tuple(dict.fromkeys(shown[node] for node in group.nodes))
        if group.kind in FRAMED and group.id not in inside and len(inside) > 1 and len(inside) < len(nodes):
            frames.append(replace(group, nodes=inside))
    drawn = {group.id for group in frames}
    frames = [replace(group, parent=_around(group, groups, drawn)) for group in frames]
    names = {name: node for name, node in graph.names.items() if node in nodes}
    return replace(graph, nodes=tuple(nodes.values()), edges=tuple(edges.values()), groups=tuple(frames), names=names)


def inside(graph: Graph, group_id: str) -> Graph:
    """What is in one group, its inner groups closed, with what it touches outside as closed as in the whole graph.

    This is the picture to show when a closed group is opened. Raises KeyError when there is no such group.
    """
    groups = {group.id: group for group in graph.groups}
    opened = {group_id, *_outer(groups[group_id], groups)}
    members = set(groups[group_id].nodes)
    closed = close(_around_members(graph, members), groups.keys() - opened)
    own = {node.id for node in closed.nodes if (groups[node.id].nodes[0] if node.id in groups else node.id) in members}
    edges = tuple(edge for edge in closed.edges if edge.source in own or edge.target in own)
    kept = own.union(*((edge.source, edge.target) for edge in edges))
    within = {group.id for group in closed.groups if own.issuperset(group.nodes)}
    frames = tuple(
        replace(group, parent=group.parent if group.parent in within else None)
        for group in closed.groups
        if group.id in within
    )
    nodes = tuple(_closed(groups[node.id]) if node.id in groups else node for node in closed.nodes if node.id in kept)
    return replace(closed, nodes=nodes, edges=edges, groups=frames, title=groups[group_id].title)


def _around_members(graph: Graph, members: Collection[str]) -> Graph:
    """The part of the graph that some nodes touch: closing groups in a small part of a large graph is quick."""
    edges = tuple(edge for edge in graph.edges if edge.source in members or edge.target in members)
    kept = {*members, *(edge.source for edge in edges), *(edge.target for edge in edges)}
    groups = tuple(replace(group, nodes=tuple(node for node in group.nodes if node in kept)) for group in graph.groups)
    return replace(graph, nodes=tuple(node for node in graph.nodes if node.id in kept), edges=edges, groups=groups)


def boxes(graph: Graph, shown: Graph) -> dict[str, str]:
    """For each node of ``graph``, what stands for it in ``shown``, a picture of it with closed groups.

    That is the node, or a closed group around it; a node that the picture leaves out is missing.
    """
    drawn = {node.id for node in shown.nodes}
    box: dict[str | None, str] = {}
    for group in graph.groups:  # parents come first
        if group.id in drawn or group.parent in box:
            box[group.id] = group.id if group.id in drawn else box[group.parent]
    found = {node.id: node.id if node.id in drawn else box.get(node.group, "") for node in graph.nodes}
    return {node: name for node, name in found.items() if name}


def folded_trace(trace: Trace, shown: Graph) -> Trace:
    """``trace`` as the picture ``shown`` can tell it: what happens in a closed group happens to its box.

    Events of nodes that the picture leaves out are left out; the others keep their index.
    """
    box = boxes(trace.graph, shown)
    line: dict[tuple[str, str], str] = {}
    for edge in shown.edges:
        line.setdefault((edge.source, edge.target), edge.id)
    own = {edge.id: (edge.source, edge.target) for edge in shown.edges}
    lines: dict[str | None, str | None] = {}
    for edge in trace.graph.edges:
        ends = box.get(edge.source, ""), box.get(edge.target, "")
        lines[edge.id] = edge.id if own.get(edge.id) == ends else line.get(ends)
    events = (event for event in trace.events if event.node in box)
    return replace(
        trace, graph=shown, events=tuple(_moved(event, box[event.node], lines.get(event.edge)) for event in events)
    )


def _moved(event: Event, node: str, edge: str | None) -> Event:
    is_there = event.node == node and event.edge == edge
    return event if is_there else replace(event, node=node, edge=edge)


def _levels(graph: Graph) -> dict[str, int]:
    """How many groups are around each group."""
    levels: dict[str, int] = {}
    for group in graph.groups:  # parents come first
        levels[group.id] = 0 if group.parent is None else levels[group.parent] + 1
    return levels


def _shown(graph: Graph, closed: Collection[str]) -> Iterator[tuple[str, str]]:
    """For each node, the box that stands for it: the outermost closed group, or the node."""
    box: dict[str | None, str] = {}
    for group in graph.groups:
        if group.parent in box:
            box[group.id] = box[group.parent]
        elif group.id in closed:
            box[group.id] = group.id
    for node in graph.nodes:
        yield node.id, box.get(node.group, node.id)


def _closed(group: Group) -> Node:
    size = len(group.nodes)
    word = f"×{group.times}, {size} nodes" if group.times > 1 else f"{size} nodes"
    detail = "" if group.kind == "ends" else group.detail
    return Node(group.id, "group", title=group.title, word=word, detail=detail)


def _outer(group: Group, groups: dict[str, Group]) -> Iterator[str]:
    while group.parent is not None:
        yield group.parent
        group = groups[group.parent]


def _around(group: Group, groups: dict[str, Group], drawn: Collection[str]) -> str | None:
    return next((outer for outer in _outer(group, groups) if outer in drawn), None)
