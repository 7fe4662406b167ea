"""Two graphs, or two replays of backward(), side by side, with what differs between them marked.

Boxes are paired by what they are: operations by name, tensors by name, in the order of the walk from the
output, so that a box that only one side has does not disturb the others. A pair differs when its numbers do.
"""

from __future__ import annotations

import difflib
import functools
import math
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from .capture import capture
from .drawing import draw
from .files import suffix_of, write
from .film import frames
from .html import Player
from .layout import place
from .model import Graph, Layout, Node, Trace, Value
from .naming import Namer, is_tensor
from .pairing import Pairs, aligned, can_step, cell, numbers_of, whole_page
from .showing import bundle, inline, unique
from .style import rules, stylesheet
from .svg import escaped, render
from .text import graph_text
from .values import visible

SUFFIXES = (".html", ".svg", ".png", ".pdf", ".txt")
GAP, HEAD = 28.0, 40.0  # between the two pictures, and above them
CLOSE = {"float64": 1e-9, "float32": 1e-5}  # what two libraries may round differently; 1e-2 for shorter types


@dataclass(frozen=True)
class Difference:
    """One box or step that only one side has, or a pair that is not the same."""

    what: str  # "only in first", "step only in second", ..., or what differs: "value", "gradient", "constants", "first step"
    node: str  # how the box is called
    first: str  # what it says on either side, "" where it is not
    second: str


def compare(
    first: Any,
    second: Any,
    titles: tuple[str, str] = ("first", "second"),
) -> Comparison:
    """Put two graphs or two replays side by side and mark what differs.

    Each may be a tensor, what ``viz.draw``, ``viz.animate`` or ``viz.record`` gave, or a saved Graph or Trace; the
    two may come from different libraries. Tensors carry the names of the caller's variables; of two tensors only the leaves
    that both have, since what else is called differently may well be the same. Numbers are the same when they agree as
    far as their type can be trusted
    (five digits for float32).

    >>> viz.compare(viz.animate(loss1), viz.animate(loss2), ("with detach", "without")).save("detach.html")
    ... # doctest: +SKIP

    Raises TypeError for anything else.
    """
    names = {name: x for name, x in sys._getframe(1).f_locals.items() if is_tensor(x) and not name.startswith("_")}
    if is_tensor(first) and is_tensor(second):
        one, two = ({id(leaf) for _, leaf in capture((x,), Namer()).leaves.values()} for x in (first, second))
        names = {name: x for name, x in names.items() if id(x) in one & two}
    return Comparison(_Side(first, names), _Side(second, names), titles)


class _Side:
    """One of the two: a graph, and at its end, when it is a replay, every gradient that arrived."""

    def __init__(self, thing: Any, names: Mapping[str, Any]) -> None:
        thing = draw(thing, names=names) if is_tensor(thing) else thing
        thing = thing if isinstance(thing, (Graph, Trace)) else getattr(thing, "trace", getattr(thing, "graph", None))
        if not isinstance(thing, (Graph, Trace)):
            raise TypeError("viz.compare wants tensors, or what viz.draw, viz.animate and viz.record return.")
        self.trace = thing if isinstance(thing, Trace) else None
        self.graph = thing.graph if isinstance(thing, Trace) else thing
        self.gradients = {node.id: node.grad for node in self.graph.nodes if node.grad is not None}
        edges = {edge.id: edge for edge in self.graph.edges}
        for event in self.trace.events if self.trace else ():
            arrived = {"call": event.gradient, "seed": event.out, "accumulate": event.delta}.get(event.kind)
            if arrived is not None:
                self.gradients[event.node] = arrived
            if event.edge is not None and event.after is not None:
                self.gradients[edges[event.edge].target] = event.after
            if event.kind == "reset":
                self.gradients.pop(event.node, None)
                if event.after is not None:
                    self.gradients[event.node] = event.after

    def called(self, node_id: str) -> str:
        """What a box is called: its operation and result, its leaf, or its name."""
        node = self.graph.node(node_id)
        if node.kind == "op":
            return f"{node.op} ({node.name})" if node.name else node.op
        leaf = next(
            (edge.target for edge in self.graph.edges if edge.source == node_id and node.kind == "accumulate"), None
        )
        return f"AccumulateGrad of {self.graph.node(leaf).title}" if leaf else node.title

    @functools.cached_property
    def layout(self) -> Layout:
        return place(self.graph, self.trace)

    def picture(self, prefix: str, marks: dict[str, str]) -> str:
        end = frames(self.trace)[-1] if self.trace else None
        labels, gradients = (end.labels, end.gradients) if end else ({}, {})
        how: dict[str, Any] = {"labels": labels, "gradients": gradients, "marks": marks}
        return render(self.graph, self.layout, prefix=prefix, embedded=True, **how)


class Comparison:
    """Two graphs or replays and what differs between them; it shows itself in a notebook."""

    def __init__(self, first: _Side, second: _Side, titles: tuple[str, str]) -> None:
        self._sides = (first, second)
        self.titles = (visible(str(titles[0])), visible(str(titles[1])))
        self._marks: tuple[dict[str, str], dict[str, str]] = ({}, {})
        self._pairs: Pairs = []  # of steps
        self.differences: tuple[Difference, ...] = tuple(self._find())

    def _find(self) -> Iterable[Difference]:
        one, two = (side.graph for side in self._sides)
        keys = [_keys(graph) for graph in (one, two)]
        paired: dict[str, str] = {}
        for tag, a, b, c, d in difflib.SequenceMatcher(None, keys[0], keys[1], autojunk=False).get_opcodes():
            if tag == "equal":
                for node, other in zip(one.nodes[a:b], two.nodes[c:d], strict=True):
                    paired[node.id] = other.id
                    yield from self._differ(node, other)
                continue
            for side, nodes in enumerate((one.nodes[a:b], two.nodes[c:d])):
                for node in nodes:
                    self._marks[side][node.id] = "only"
                    said = [graph_text(Graph((node,), ())).strip() if i == side else "" for i in range(2)]
                    yield Difference(f"only in {('first', 'second')[side]}", self._sides[side].called(node.id), *said)
        yield from self._find_steps(paired)
        wanted = {(paired.get(edge.source), paired.get(edge.target), edge.slot) for edge in one.edges}
        found = {(edge.source, edge.target, edge.slot) for edge in two.edges}
        for edge in one.edges:
            if (paired.get(edge.source), paired.get(edge.target), edge.slot) not in found:
                self._marks[0][edge.id] = "only"
        for edge in two.edges:
            if (edge.source, edge.target, edge.slot) not in wanted:
                self._marks[1][edge.id] = "only"

    def _find_steps(self, paired: dict[str, str]) -> Iterable[Difference]:
        """The steps of two replays that only one has, at boxes that both have, and the first that goes otherwise."""
        one, two = (side.trace for side in self._sides)
        if one is None or two is None or not can_step(one, two):
            return
        self._pairs = aligned(one, two, paired)
        both = (paired.keys(), set(paired.values()))
        goes = True  # alike so far
        for pair in self._pairs:
            found = [trace.events[i] if i is not None else None for trace, i in zip((one, two), pair, strict=True)]
            said = ["" if event is None else f"step {event.index + 1}: {event.sentence}" for event in found]
            events = [event for event in found if event is not None]
            name = self._sides[found[0] is None].called(events[0].node)
            if len(events) == 1:
                side = found[0] is None
                if events[0].node in both[side]:
                    yield Difference(f"step only in {('first', 'second')[side]}", name, *said)
            elif goes and not all(map(_same, *map(numbers_of, events))):
                goes = False
                yield Difference("first step", name, *said)

    def _differ(self, node: Node, other: Node) -> Iterable[Difference]:
        name = self._sides[0].called(node.id)
        gradients = (self._sides[0].gradients.get(node.id), self._sides[1].gradients.get(other.id))
        pairs = [("value", node.value, other.value), ("gradient", *gradients)]
        for what, left, right in pairs:
            # What one side has not kept is not known to differ; a gradient that did not come is None.
            if not _same(left, right) and (what == "gradient" or (left is not None and right is not None)):
                self._marks[0][node.id] = self._marks[1][other.id] = "differs"
                yield Difference(what, name, _said(left), _said(right))
        if node.detail != other.detail:
            self._marks[0][node.id] = self._marks[1][other.id] = "differs"
            yield Difference("constants", name, node.detail, other.detail)

    # Surfaces

    def svg(self, theme: str = "auto", prefix: str = "tg") -> str:
        """Both pictures in one, each with its title, as a stand-alone SVG."""
        left, right = (side.layout for side in self._sides)
        width = left.width + GAP + right.width
        height = HEAD + max(left.height, right.height)
        size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
        name = escaped(f"{self.titles[0]} beside {self.titles[1]}: {self._count()}")
        out = [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="tg-graph tg-root" {size} role="group" aria-label="{name}">',
            f"<style>{stylesheet(theme)}\n{rules('compare', theme)}</style>",
            f'<rect class="tg-paper" width="{width:g}" height="{height:g}" rx="6"/>',
        ]
        for i, (side, x) in enumerate(zip(self._sides, (0.0, left.width + GAP), strict=True)):
            picture = side.picture(f"{prefix}{'ab'[i]}", self._marks[i]).split("\n", 1)[1].rsplit("</svg>", 1)[0]
            out.append(f'<text class="tg-heading" x="{x + 14:g}" y="26">{escaped(self.titles[i])}</text>')
            out.append(f'<g transform="translate({x:g},{HEAD:g})">\n{picture}</g>')
        return "\n".join([*out, "</svg>"]) + "\n"

    def png(self, width: int | None = None, dark: bool = False) -> bytes:
        """The same as a PNG file."""
        from .images import png

        return png(self.svg("dark" if dark else "light"), width)

    def text(self) -> str:
        """What differs, one line each."""
        lines = [f"{self.titles[0]} and {self.titles[1]}: {self._count()}"]
        for found in self.differences:
            if found.what == "first step":
                lines += ["  the first step that differs:", f"    {found.first}", f"    {found.second}"]
            elif found.first and found.second:
                lines.append(f"  {found.node}: {found.what} {found.first} and {found.second}")
            else:
                side = self.titles[found.second != ""]
                lead = "step " if found.what.startswith("step") else ""
                lines.append(f"  {lead}only in {side}: {found.first or found.second}")
        return "\n".join(lines) + "\n"

    def html(self) -> str:
        """A page with both pictures and the differences as a table, which needs nothing else; replays step together."""
        if self._pairs:
            return whole_page(self._players(), self.titles, self._pairs, self._table())
        title = escape(f"{self.titles[0]} and {self.titles[1]}")
        return _PAGE.format(title=title, svg=self.svg(), table=self._table())

    def _players(self) -> tuple[Player, Player]:
        one, two = (
            Player(side.trace, marks=marks) for side, marks in zip(self._sides, self._marks, strict=True) if side.trace
        )
        return one, two

    def _table(self) -> str:
        """How many differences there are, and each of them."""
        count = f"<p>{escape(self._count())}</p>"
        if not self.differences:
            return f'<div class="tg-differences">{count}</div>'
        heads = ("box", "what differs", *self.titles)
        words = {
            f"{lead}only in {side}": f"{lead}only in {title}"
            for side, title in zip(("first", "second"), self.titles, strict=True)
            for lead in ("", "step ")
        }
        cells = ((d.node, words.get(d.what, d.what), d.first, d.second) for d in self.differences)
        rows = "\n".join(f"<tr>{''.join(f'<td>{escape(visible(cell))}</td>' for cell in row)}</tr>" for row in cells)
        head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in heads)
        table = f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
        return f'<div class="tg-differences">{count}\n{table}</div>'

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save as .html, .svg, .png, .pdf or .txt. Raises ValueError for another ending, OSError as ``write``."""
        from .pdf import pdf

        suffix = suffix_of(path, SUFFIXES)
        if suffix == ".png":
            return write(path, self.png())
        if suffix == ".pdf":
            return write(path, pdf([self.svg("light")], " and ".join(self.titles)))
        return write(path, {".html": self.html, ".svg": self.svg, ".txt": self.text}[suffix]())

    def _count(self) -> str:
        return f"{len(self.differences) or 'no'} difference{'' if len(self.differences) == 1 else 's'}"

    def __repr__(self) -> str:
        return f"<Comparison of {self.titles[0]} and {self.titles[1]}: {self._count()}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        prefix = unique()

        def html() -> str:
            if self._pairs:
                return cell(self._players(), self.titles, self._pairs, self._table())
            return inline(self.svg(prefix=prefix), self.text(), prefix)

        return bundle(self.text, self.svg, html)


def _keys(graph: Graph) -> list[tuple[str, str, str]]:
    """What makes two boxes a pair: an operation's name and its result's, a tensor's name, except an output's."""
    titles = {node.id: node.title for node in graph.nodes}
    leaf = {edge.source: titles[edge.target] for edge in graph.edges}
    keys = []
    for node in graph.nodes:
        by_kind = {"op": node.name or "", "accumulate": leaf.get(node.id, ""), "output": ""}
        keys.append((node.kind, node.op, by_kind.get(node.kind, node.title)))
    return keys


def _same(left: Value | None, right: Value | None) -> bool:
    if left is None or right is None:
        return left is right
    if left.shape != right.shape:
        return False
    bound = max(CLOSE.get(value.dtype, 1e-2 if "float" in value.dtype else 0.0) for value in (left, right))
    stats = [tuple((value.stats or {}).values()) for value in (left, right)]
    numbers = zip((*(left.numbers or ()), *stats[0]), (*(right.numbers or ()), *stats[1]), strict=False)
    scale = max((abs(x) for x in (*(left.numbers or ()), *stats[0]) if math.isfinite(x)), default=0.0)
    return all(_close(float(x), float(y), bound, scale) for x, y in numbers)


def _close(x: float, y: float, bound: float, scale: float) -> bool:
    return x == y or (math.isnan(x) and math.isnan(y)) or abs(x - y) <= bound * max(abs(x), abs(y), scale)


def _said(value: Value | None) -> str:
    return "None" if value is None else value.text


_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<meta name="viewport" content="width=device-width">
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 1rem; font: 15px "DejaVu Sans", Verdana, sans-serif; }}
svg {{ max-width: 100%; height: auto; }}
table {{ border-collapse: collapse; }}
td, th {{ border: 1px solid #8884; padding: 0.3rem 0.6rem; text-align: left; }}
</style>
</head>
<body>
{svg}{table}
</body>
</html>
"""
