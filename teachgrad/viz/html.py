"""The player as HTML: one notebook cell, or one page, that holds all it needs.

A cell is the picture as an ``<img>``, a table of all events, the data, and a script. The data is JSON, compressed:
the trace, and a picture for every group that can be opened. The script builds the player from it (the modules in
static/) and hides the ``<img>``. Where scripts are taken out (an untrusted notebook) or fail, the picture and the
table simply stay.

Names and source lines come from somebody's code. They reach a page in three ways only: escaped into the
table, inside the compressed data, and inside the SVG, whose one writer escapes them.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import film
from .assets import address, asset, cell, css, page, program, shown
from .cards import gradient_line, steps_line
from .files import suffix_of, write
from .mathml import Tree, mathml
from .model import Event, Layout, Trace
from .predict import questions
from .showing import bundle
from .style import squeezed
from .svg import render
from .views import MOST, View, views_of

SUFFIXES = (".html", ".svg", ".png", ".json", ".txt", *film.SUFFIXES)

#: What step 0 says, before the first event.
START = "Before backward(): the forward values are in place and no gradient has flowed yet."

#: Events that can be stepped through; a page with more is too slow to open and too large to keep.
MOST_EVENTS = 4000

_TOO_MANY = """\
<div class="tg-root tg-player">
<style>{css}</style>
<p class="tg-events">{words}</p>
<img class="tg-still" alt="The graph that backward() walks, its groups closed." src="data:image/svg+xml,{picture}">
</div>"""

_HEADINGS = ("step", "what happens", "gradient in", "gradient out", ".grad after")


class Player:
    """A recorded ``backward()`` over its picture, to step through in a notebook or on a page of its own.

    ``trace`` is what happened. ``room`` is a trace with the numbers that boxes must have room for, where ``trace`` does
    not have them yet. ``mode="predict"`` asks before each step (see :meth:`predict`); ``marks`` are those of
    :func:`svg.render`. Leave a Player as the last line
    of a cell to see it; ``save`` it to keep it.
    """

    def __init__(
        self, trace: Trace, room: Trace | None = None, *, mode: str = "replay", marks: Mapping[str, str] | None = None
    ) -> None:
        self.trace = trace
        self.mode = mode
        self._room = room
        self._marks = marks

    @functools.cached_property
    def views(self) -> dict[str, View]:
        """The picture (``""``) and those of its closed groups, by the group's id; made when they are needed."""
        return views_of(self.trace, self._room, most=MOST if len(self.trace.events) <= MOST_EVENTS else 1)

    @property
    def shown(self) -> Trace:
        """The trace as the picture shows it, which is what an image or a film tells; groups may be closed in it."""
        return self.views[""].trace

    @property
    def layout(self) -> Layout:
        """Where everything is in the picture of ``shown``."""
        return self.views[""].layout

    def predict(self) -> Player:
        """The same replay as questions: each step is hidden until the learner has typed or clicked an answer.

        It needs no kernel: answers are judged, explained and counted in the page itself.
        """
        return Player(self.trace, self._room, mode="predict")

    def __repr__(self) -> str:
        return f"Player({len(self.trace.graph.nodes)} nodes, {len(self.trace.events)} events)"

    def text(self) -> str:
        """All events as numbered sentences: the same replay for a terminal or a screen reader."""
        return self.trace.text()

    def html(self) -> str:
        """The player as a piece of HTML that needs nothing else, for a notebook cell or inside any page."""
        return self._cell(is_open=False)

    def part(self) -> str:
        """The same without the script, for a piece of HTML whose script mounts it (see :mod:`pairing`)."""
        return self._cell(is_open=False, program="")

    def page(self) -> str:
        """The player as a whole HTML page that needs nothing else and may load nothing else."""
        title = self.trace.graph.title or "backward(), step by step"
        return page(title, self._cell(is_open=True), self._script)

    def svg(self, theme: str = "auto") -> str:
        """The picture at the end of the replay, every gradient written in, as a stand-alone SVG file.

        ``theme`` is "light", "dark", or "auto", which follows the reader's mode.
        """
        return self._svg(theme, bare=False)

    def _svg(self, theme: str, *, bare: bool) -> str:
        shown = self.shown
        edges = {edge.id: edge for edge in shown.graph.edges}
        labels: dict[str, str] = {}
        gradients: dict[str, str] = {}
        for event in shown.events:
            arrived = event.gradient if event.kind == "call" else event.out if event.kind == "seed" else event.delta
            flowed = event.delta or event.out
            if arrived:
                gradients[event.node] = gradient_line(arrived)
            if event.edge and flowed:
                labels[event.edge] = flowed.brief
            if event.edge and event.after:
                gradients[edges[event.edge].target] = gradient_line(event.after)
        for group in (node.id for node in shown.graph.nodes if node.kind == "group"):
            count = sum(event.node == group for event in shown.events)
            gradients[group] = steps_line(count, count)
        return render(
            shown.graph,
            self.layout,
            prefix=self._uid,
            theme=theme,
            labels=labels,
            gradients=gradients,
            bare=bare,
        )

    def png(self, width: int | None = None, dark: bool = False) -> bytes:
        """That picture as a PNG file, ``width`` dots wide (by default twice the size in a notebook)."""
        from .images import png

        return png(self.svg("dark" if dark else "light"), width)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save as what the name ends in: .html .svg .png .json .txt .pdf .gif .webp or .anim.svg (a picture that plays).

        The file is whole or not there. Raises ValueError for another ending, RuntimeError when Pillow is needed and
        missing, OSError when the place cannot be written.
        """
        suffix = suffix_of(path, SUFFIXES)
        if suffix in film.SUFFIXES or os.fspath(path).lower().endswith(film.ANIMATED):
            return film.save(self.shown, self.layout, path)
        if suffix == ".png":
            return write(path, self.png())
        if suffix == ".json":
            return write(path, self.trace.to_json(indent=1) + "\n")
        makers = {".html": self.page, ".svg": self.svg, ".txt": self.text}
        return write(path, makers[suffix]())

    def options(self) -> dict[str, Any]:
        """What ``mount`` in player.js needs besides the trace, as plain JSON values: the pictures above all."""
        pictures = {
            name: render(
                view.graph, view.layout, prefix=f"{self._uid}{name}", embedded=True, ports=view.ports, marks=self._marks
            )
            for name, view in self.views.items()
        }
        return {"prefix": self._uid, "start": START, "math": typeset(self.trace), "views": pictures}

    @functools.cached_property
    def _uid(self) -> str:
        """What this output is called on a page. From the content: the same replay gives the same bytes."""
        content = self.mode + self.trace.to_json() + self.layout.to_json()
        return "tg" + hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:12]

    def _cell(self, *, is_open: bool, program: str | None = None) -> str:
        if len(self.trace.events) > MOST_EVENTS:
            return _TOO_MANY.format(
                css=squeezed(asset("still.css")),
                picture=address(self._svg("auto", bare=True)),
                words=f"This replay has {len(self.trace.events):,} steps, and up to {MOST_EVENTS:,} can be stepped "
                "through here. Take a smaller input or fewer turns to play it; <code>player.trace</code> holds every "
                "step, and <code>player.text()</code> tells them in words.",
            )
        title = shown(self.trace.graph.title)
        hides = self.mode == "predict"  # then neither the picture nor the table may tell what is asked
        data = {"trace": lean(self.trace.to_dict()), "css": css(), **self.options()}
        if hides:
            data["questions"] = questions(self.trace)
        return cell(
            data,
            self._script if program is None else program,
            self._svg("auto", bare=True),
            f"The graph that backward() walks{f': {title}' if title else ''}. The table has every step.",
            f"All {len(self.trace.events)} steps of backward(), as a table",
            _table(self.trace),
            is_open and not hides,
        )

    @property
    def _script(self) -> str:
        return program(self._uid, opens=len(self.views) > 1, asks=self.mode == "predict")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        def stepper() -> Any:
            from .widget import Stepper

            return Stepper(self)

        return bundle(self.text, self.svg, self.html, stepper)


def typeset(trace: Trace) -> dict[str, Tree]:
    """MathML trees for every formula of the trace, by its text; what cannot be typeset is missing."""
    rules = [event.rule for event in trace.events if event.rule]
    # "1 * -2 = -2" is typeset side by side, one tree per side.
    texts = dict.fromkeys(text for rule in rules for text in (rule.text, *rule.filled.split(" = ")))
    return {text: tree for text in texts if (tree := mathml(text))}


def lean(data: Any) -> Any:
    """JSON data without its nulls: in the player, what is missing and what is null are the same."""
    if isinstance(data, dict):
        return {key: lean(item) for key, item in data.items() if item is not None}
    return [lean(item) for item in data] if isinstance(data, list) else data


def _table(trace: Trace) -> str:
    # HTML lets the end of a cell go unsaid, and there are many cells.
    head = "".join(f'<th scope="col">{heading}' for heading in _HEADINGS)
    rows = "\n".join(_row(event) for event in trace.events)
    return f'<table dir="auto"><thead><tr>{head}<tbody>\n{rows}\n</table>'


def _row(event: Event) -> str:
    values = (event.gradient or event.delta, event.out, event.after)
    cells = "".join(f"<td>{shown(value.text) if value else ''}" for value in values)
    return f'<tr><th scope="row">{event.index + 1}<td>{shown(event.sentence)}{cells}'
