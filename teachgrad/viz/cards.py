"""What is written in each box, and how large the box must be for it."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .metrics import text_width
from .model import Edge, Graph, Node, Value
from .values import shorten, visible

NOT_YET = "grad: not yet"
WIDEST = 176.0  # no line of text in a box is wider; about five boxes fit side by side in a notebook
SIDE, TOP = 12.0, 8.0  # room between text and outline
POINT = 10.0  # how far the tip of an output box reaches below its text
LEAST = 56.0
STACK = 4.0  # how far each of the two sheets behind a closed group stands out
FRAME_TITLE = 11.5  # font size of the title of an open group

#: Font size and weight of each kind of line, as graph.css has them.
SIZES = {
    "title": (15.0, True),
    "word": (11.0, False),
    "detail": (12.0, False),
    "slot": (11.0, False),
    "value": (12.0, False),
    "grad": (12.0, False),
}
_LEADING = 1.32


@dataclass(frozen=True)
class Line:
    """A text in a box: its class without the prefix, the height of its baseline, and how far across it stands."""

    kind: str
    text: str
    baseline: float
    across: float = 0.5


@dataclass(frozen=True)
class Card:
    """A box: its lines and its size."""

    lines: tuple[Line, ...]
    width: float
    height: float


def card(node: Node, gradient: str | None = None, widest_gradient: str = "", arguments: Sequence[str] = ()) -> Card:
    """Set the text of ``node``. ``gradient`` is its gradient line, None for no such line.

    The box is as wide as ``widest_gradient`` needs, so that a player can write other gradients into it. Where
    several edges arrive, ``arguments`` are their names, which stand inside along the upper side, each under
    its arrow.
    """
    lines, width, height = _set(node.kind, tuple(_texts(node, gradient)), tuple(arguments))
    widest = max(width, text_width(widest_gradient, SIZES["grad"][0]))
    return Card(lines, round(max(LEAST, widest + 2 * SIDE), 1), height)


@functools.lru_cache(4096)  # many boxes of a graph look the same, and each is set to be measured and again to be drawn
def _set(
    kind: str, texts: tuple[tuple[str, str], ...], arguments: tuple[str, ...]
) -> tuple[tuple[Line, ...], float, float]:
    """The lines of a box, the widest of them, and how high the box must be."""
    y, lines, widest = TOP, [], 0.0
    if len(arguments) > 1 and any(arguments):
        size, count = SIZES["slot"][0], len(arguments)
        names = [fit(name, size, room=64.0) for name in arguments]
        y = TOP - 3 + size * 1.2
        lines = [Line("slot", name, round(y - 2, 2), (i + 0.5) / count) for i, name in enumerate(names)]
        widest = max(widest, count * (max(text_width(name, size) for name in names) + 10) - 2 * SIDE)
    for line, text in texts:
        size, bold = SIZES[line]
        if kind == "accumulate" and line == "title":
            size = 12.0
        text = fit(text, size, bold)
        y += size * _LEADING
        lines.append(Line(line, text, round(y - size * 0.3, 2)))
        widest = max(widest, text_width(text, size, bold))
    height = y + TOP - 2 + {"output": POINT, "group": 2 * STACK}.get(kind, 0)
    return tuple(lines), widest, round(height, 1)


@functools.lru_cache(4096)
def fit(text: str, size: float, bold: bool = False, room: float = WIDEST) -> str:
    """``text`` made visible, with its middle left out if it is wider than ``room`` pixels."""
    text = visible(text)
    most = min(len(text), 200)
    while text_width(shorten(text, most), size, bold) > room and most > 2:
        most -= 1
    return shorten(text, most)


def arriving(graph: Graph) -> dict[str, list[Edge]]:
    """The drawn edges of each node's arguments, in the order of their slots."""
    found: dict[str, list[Edge]] = {}
    for edge in graph.edges:
        found.setdefault(edge.source, []).append(edge)
    return found


def argument_names(graph: Graph, routes: Mapping[str, Sequence[tuple[float, float]]]) -> dict[str, tuple[str, ...]]:
    """The names of each node's drawn arguments, from left to right as the arrows arrive."""
    for edges in (found := arriving(graph)).values():
        edges.sort(key=lambda edge: routes[edge.id][-1][0])
    return {node: tuple([edge.input_name for edge in edges]) for node, edges in found.items()}


def gradient_line(value: Value) -> str:
    """How a gradient is written in a box."""
    return f"grad {value.brief}"


def steps_line(done: int, steps: int) -> str:
    """What a closed group says instead: how many of the steps inside have happened.

    >>> steps_line(5, 24), steps_line(24, 24)
    ('5 of 24 steps', 'all 24 steps')
    """
    return f"all {steps} steps" if done == steps else f"{done} of {steps} steps"


def _texts(node: Node, gradient: str | None) -> list[tuple[str, str]]:
    if node.kind == "op":
        texts = [("title", part) for part in _halves(node.title)]
        texts += [("word", node.op)] if node.op != node.title else []
        texts += [("detail", node.detail)] if node.detail else []
        if node.value is not None:
            texts += _rows(node.value, f"{shorten(node.name, 14)} = " if node.name else "= ")
        elif node.name:
            texts.append(("value", f"makes {node.name}"))
    elif node.kind == "accumulate":
        texts = [("title", node.title)]
    elif node.kind == "group":
        texts = [("title", node.title), ("word", node.word)] + ([("detail", node.detail)] if node.detail else [])
    else:
        texts = [("word", "input, no grad" if node.kind == "input" else node.word), ("title", node.title)]
        texts += _rows(node.value, "") if node.value is not None else []
    return texts + ([("grad", gradient)] if gradient is not None else [])


def _halves(title: str) -> list[str]:
    """The word for an operation, on two lines if it is too long for one.

    >>> _halves("Mul"), _halves("MaxPool2DWithIndices")
    (['Mul'], ['MaxPool2D', 'WithIndices'])
    """
    places = [found.start() for found in re.finditer(r"(?<=.)(?=[A-Z][a-z])", title)]
    if not places or text_width(title, *SIZES["title"]) <= WIDEST:
        return [title]
    middle = min(places, key=lambda place: (not title.startswith("With", place), abs(place - len(title) / 2)))
    return [title[:middle], title[middle:]]


def _rows(value: Value, lead: str) -> list[tuple[str, str]]:
    """A value on one line, or a small matrix on a line for each row, as print sets it."""
    rows = value.text.split("], [")
    if value.brief == value.text or value.numbers is None or len(value.shape) != 2 or len(rows) > 3:
        return [("value", lead + value.brief)]
    if max(text_width(row, 12.0) for row in rows) > WIDEST - 20:
        return [("value", lead + value.brief)]
    lines = [f"[{row.strip('[]')}]" for row in rows]
    lines[0] = f"[{lines[0]}"
    lines[-1] += "]"
    lines = [line + ("" if i == len(lines) - 1 else ",") for i, line in enumerate(lines)]
    if text_width(lead + lines[0], 12.0) > WIDEST:
        lines.insert(0, lead.rstrip())
    else:
        lines[0] = lead + lines[0]
    return [("value", line) for line in lines]
