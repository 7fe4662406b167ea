"""Lines that go from one row of boxes to the next, drawn without a search.

In a chain, a tree, a plain network every line does. Then nothing stands in its way: it goes down to the edge of its
row, crosses over between the rows, and goes down to its argument.

    +---+     +-------+
    | a |     |   b   |
    +---+     +-------+
      |           |        row
      '---.   .---'        between the rows
        +-------+
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from teachgrad.viz.cards import arriving
from teachgrad.viz.model import Graph

Box = tuple[float, float, float, float]
Point = tuple[float, float]
HEAD = 7.0  # length of an arrow's head


def is_in_rows(graph: Graph) -> bool:
    """Whether the nodes can stand in rows so that each edge leads to the next one."""
    near: dict[str, list[tuple[str, int]]] = {node.id: [] for node in graph.nodes}
    for edge in graph.edges:
        near[edge.target].append((edge.source, 1))
        near[edge.source].append((edge.target, -1))
    row: dict[str, int] = {}
    for node in graph.nodes:
        if node.id in row:
            continue
        row[node.id], todo = 0, [node.id]
        while todo:
            at = todo.pop()
            for other, step in near[at]:
                if other not in row:
                    row[other] = row[at] + step
                    todo.append(other)
                elif row[other] != row[at] + step:
                    return False
    return True


def routes_between(graph: Graph, boxes: Mapping[str, Box]) -> dict[str, tuple[Point, ...]] | None:
    """The way of each edge, as in a Layout; None when there is one that does not lead to the next row."""
    row, bands = _rows(boxes)
    arguments = arriving(graph)
    routes = {}
    for edge in graph.edges:
        if row[edge.source] != row[edge.target] + 1:
            return None
        (x, y, w, h), (left, v, wide, _) = boxes[edge.target], boxes[edge.source]
        slots = arguments[edge.source]
        start = _point(x + w / 2, y + h)
        tip = _point(left + wide * (slots.index(edge) + 0.5) / len(slots), v)
        routes[edge.id] = (*_route(start, tip, bands[row[edge.target]][1], bands[row[edge.source]][0]), tip)
    return routes


def _rows(boxes: Mapping[str, Box]) -> tuple[dict[str, int], list[tuple[float, float]]]:
    """The row of each box, from the top, and where each row begins and ends. The boxes of a row have the same middle."""
    row: dict[str, int] = {}
    bands: list[tuple[float, float]] = []
    last = -float("inf")
    for middle, name in sorted((y + h / 2, name) for name, (_, y, _, h) in boxes.items()):
        _, y, _, h = boxes[name]
        if middle > last + 1:
            bands.append((y, y + h))
        bands[-1] = (min(bands[-1][0], y), max(bands[-1][1], y + h))
        row[name], last = len(bands) - 1, middle
    return row, bands


def _route(start: Point, tip: Point, low: float, high: float) -> list[Point]:
    """A chain of Bezier curves to the base of the arrow; ``low`` and ``high`` are where the space between the rows is."""
    (x, y), (u, v) = start, _point(tip[0], tip[1] - HEAD)
    if abs(x - u) < 1:
        return [start, start, (u, v), (u, v)]
    high = min(high, v)
    _, bend = _point(u, (low + high) / 2)
    down = [start, start, (x, low), (x, low)] if low > y + 0.5 else [start]
    over = [(x, bend), (u, bend), (u, high)]
    return [*down, *over, *([(u, high), (u, v), (u, v)] if v > high + 0.5 else [])]


def _point(x: float, y: float) -> Point:
    """To a hundredth of a pixel; ``round`` takes four times as long."""
    return math.floor(x * 100 + 0.5) / 100, math.floor(y * 100 + 0.5) / 100
