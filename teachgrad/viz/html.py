"""The player as HTML: one notebook cell, or one page, that holds all it needs.

A cell is the picture as an ``<img>``, a table of all events, the trace as JSON, and a script. The script
reads the picture back out of the ``<img>``, builds the player from it (the modules in static/) and hides the
``<img>``. Where scripts are taken out (an untrusted notebook) or fail, the picture and the table simply stay.

Names and source lines come from somebody's code. They reach a page in three ways only: escaped into the
table, as JSON with every ``<`` written as ``\\u003c``, and inside the SVG, whose one writer escapes them.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import os
import re
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from . import film
from .files import suffix_of, write
from .mathml import Tree, mathml
from .model import Event, Layout, Trace, Value
from .values import visible

SUFFIXES = (".html", ".svg", ".png", ".json", ".txt", *film.SUFFIXES)

#: What step 0 says, before the first event.
START = "Before backward(): the forward values are in place and no gradient has flowed yet."

#: A player's page may load nothing and run nothing but its own script: no inline handler, no other host.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
body {{ margin: 0; background: light-dark(#eef0f3, #0c0f13); }}
main {{ max-width: 1200px; margin: 0 auto; padding: 16px; }}
h1 {{ margin: 0 0 12px; font: 600 17px/1.4 system-ui, sans-serif; overflow-wrap: anywhere; }}
h1 {{ color: light-dark(#1a1f26, #e8ecf1); }}
@media print {{ body {{ background: none; }} main {{ padding: 0; }} }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<noscript><p>With scripts switched off, here are the picture and every step of backward().</p></noscript>
{cell}
</main>
</body>
</html>
"""

_CELL = """\
<div class="tg-root tg-player tex2jax_ignore mathjax_ignore" data-uid="{uid}">
<style>
{css}</style>
<img class="tg-still" alt="{alt}" src="data:image/svg+xml;base64,{picture}">
<details class="tg-events"{open}><summary>{summary}</summary>
{table}
</details>
<script type="application/json" class="tg-data">{data}</script>
<script type="module">{script}</script>
</div>"""

#: The player's modules, each after those it imports from.
MODULES = ("values.js", "frames.js", "picture.js", "panel.js", "player.js")

_HEADINGS = ("step", "what happens", "gradient in", "gradient out", ".grad after")


class Player:
    """A recorded ``backward()`` over its picture, to step through in a notebook or on a page of its own.

    ``trace`` is what happened, ``layout`` where the boxes of its graph are. Leave a Player as the last line
    of a cell to see it; ``save`` it to keep it.
    """

    def __init__(self, trace: Trace, layout: Layout) -> None:
        self.trace = trace
        self.layout = layout

    def __repr__(self) -> str:
        return f"Player({len(self.trace.graph.nodes)} nodes, {len(self.trace.events)} events)"

    def text(self) -> str:
        """All events as numbered sentences: the same replay for a terminal or a screen reader."""
        return self.trace.text()

    def html(self) -> str:
        """The player as a piece of HTML that needs nothing else, for a notebook cell or inside any page."""
        return self._cell(is_open=False)

    def page(self) -> str:
        """The player as a whole HTML page that needs nothing else and may load nothing else."""
        digest = base64.b64encode(hashlib.sha256(_script(self._uid).encode()).digest()).decode()
        title = _shown(self.trace.graph.title) or "backward(), step by step"
        return _PAGE.format(policy=_POLICY.format(digest=digest), title=title, cell=self._cell(is_open=True))

    def svg(self, theme: str = "auto") -> str:
        """The picture at the end of the replay, every gradient written in, as a stand-alone SVG file.

        ``theme`` is "light", "dark", or "auto", which follows the reader's mode.
        """
        from .cards import gradient_line
        from .svg import render

        edges = {edge.id: edge for edge in self.trace.graph.edges}
        labels: dict[str, str] = {}
        gradients: dict[str, str] = {}
        for event in self.trace.events:
            arrived = event.gradient if event.kind == "call" else event.out if event.kind == "seed" else event.delta
            flowed = event.delta or event.out
            if arrived:
                gradients[event.node] = gradient_line(arrived)
            if event.edge and flowed:
                labels[event.edge] = flowed.brief
            if event.edge and event.after:
                gradients[edges[event.edge].target] = gradient_line(event.after)
        return render(self.trace.graph, self.layout, prefix=self._uid, theme=theme, labels=labels, gradients=gradients)

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
            return film.save(self.trace, self.layout, path)
        if suffix == ".png":
            return write(path, self.png())
        if suffix == ".json":
            return write(path, self.trace.to_json(indent=1) + "\n")
        makers = {".html": self.page, ".svg": self.svg, ".txt": self.text}
        return write(path, makers[suffix]())

    def options(self) -> dict[str, Any]:
        """What ``mount`` in player.js needs besides the trace and the picture, as plain JSON values."""
        return {"prefix": self._uid, "start": START, "math": typeset(self.trace)}

    @functools.cached_property
    def _uid(self) -> str:
        """What this output is called on a page. From the content: the same replay gives the same bytes."""
        content = self.trace.to_json() + self.layout.to_json()
        return "tg" + hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:12]

    def _cell(self, *, is_open: bool) -> str:
        title = _shown(self.trace.graph.title)
        data = json.dumps(
            {"trace": lean(self.trace.to_dict()), **self.options()}, allow_nan=False, separators=(",", ":")
        )
        return _CELL.format(
            uid=self._uid,
            css=css(),
            alt=f"The graph that backward() walks{f': {title}' if title else ''}. The table has every step.",
            picture=base64.b64encode(self.svg().encode()).decode(),
            open=" open" if is_open else "",
            summary=f"All {len(self.trace.events)} steps of backward(), as a table",
            table=_table(self.trace),
            data=data.replace("<", "\\u003c").replace(">", "\\u003e"),
            script=_script(self._uid),
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": self.text()}


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


@functools.cache
def asset(name: str) -> str:
    """A file of the ``static`` folder, as text."""
    return (files("teachgrad.viz") / "static" / name).read_text("utf-8")


@functools.cache
def script() -> str:
    """The player as one ES module: the files joined, without their imports of each other and without comments."""
    joined = "\n".join(asset(name) for name in MODULES)
    joined = re.sub(r'^import \{[^}]*\} from "\./\w+\.js";\n', "", joined, flags=re.MULTILINE)
    joined = re.sub(r"^\s*/\*[\s\S]*?\*/\n|^\s*//.*\n", "", joined, flags=re.MULTILINE)
    joined = re.sub(r"^export (?=function|const|let)", "", joined, flags=re.MULTILINE)
    return "\n".join(line.strip() for line in joined.splitlines() if line.strip()) + "\n"


def css() -> str:
    """The style sheet of the player and of the picture in it; paper is white, whatever the screen is."""
    from .style import PALETTES, stylesheet

    light = " ".join(f"--tg-{name}: {colour};" for name, colour in PALETTES["light"].items())
    on_paper = f"@media print {{ .tg-player.tg-player.tg-player {{ {light} }} }}"
    return "\n".join((stylesheet(), asset("player.css"), on_paper, ""))


def _script(uid: str) -> str:
    """The player, and the call that mounts this output. A module, so that its names stay its own."""
    return f'{script()}mountAll("{uid}");\n'


def _table(trace: Trace) -> str:
    head = "".join(f'<th scope="col">{heading}</th>' for heading in _HEADINGS)
    rows = "\n".join(f"<tr>{_row(event)}</tr>" for event in trace.events)
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table>"


def _row(event: Event) -> str:
    values = (event.gradient or event.delta, event.out, event.after)
    cells = "".join(f"<td>{_written(value)}</td>" for value in values)
    return f'<th scope="row">{event.index + 1}</th><td dir="auto">{_shown(event.sentence)}</td>{cells}'


def _written(value: Value | None) -> str:
    return _shown(value.text) if value else ""


def _shown(text: str) -> str:
    """``text`` escaped for HTML, with what cannot be seen or may not stand in a page spelled out."""
    return escape(visible(text))
