"""The two verbs: ``draw`` a graph as it is, ``animate`` what backward does to it."""

from __future__ import annotations

import base64
import functools
import os
import secrets
import sys
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .capture import capture
from .files import suffix_of, write
from .folding import folded, inside
from .model import Graph, Layout
from .naming import Names, Params, namer
from .text import graph_text
from .values import shorten, visible

if TYPE_CHECKING:
    from .html import Player

SUFFIXES = (".svg", ".png", ".pdf", ".html", ".dot", ".json", ".txt")

_PAGE_STYLE = """
:root { color-scheme: light dark; }
body { margin: 1rem; font: 15px "DejaVu Sans", Verdana, sans-serif; }
svg { max-width: 100%; height: auto; }
details { margin: 0.4rem 0 0.4rem 1rem; }
summary { cursor: pointer; padding: 0.2rem; }
"""

# The SVG is parsed as SVG, never as HTML, and it is our own writer's.
_CELL = """\
<div class="tg-drawing" data-tg="{prefix}" style="overflow-x: auto">
<img alt="{words}" src="data:image/svg+xml;base64,{data}">
<script>
for (const image of document.querySelectorAll('[data-tg="{prefix}"] > img')) {{
  const bytes = Uint8Array.from(atob(image.src.split(",")[1]), (char) => char.charCodeAt(0));
  const picture = new DOMParser().parseFromString(new TextDecoder().decode(bytes), "image/svg+xml");
  image.replaceWith(document.importNode(picture.documentElement, true));
}}
</script>
</div>
"""


def draw(
    *tensors: Any,
    names: Names | None = None,
    params: Params | None = None,
    title: str | None = None,
    engine: str = "embedded",
    collapse: str | bool = "auto",
    depth: int | None = None,
) -> Drawing:
    """The graph behind ``tensors``, of teachgrad or of PyTorch, as a picture that shows itself in a notebook.

    ``names`` maps names to tensors (``locals()`` will do); without it the caller's variables are used.
    ``params`` is a dict, or the pairs of ``module.named_parameters()``, and marks these leaves as parameters.
    ``engine`` is "embedded", or "dot" for the system's Graphviz. Nothing of the graph is kept or changed.

    Large graphs are drawn with their groups closed: modules (as the names of parameters tell, or exactly after
    ``with viz.modules(model):``), repeated structures (times N), and parts of a long program. ``collapse`` is
    "auto" (closed until about 60 boxes remain), True (all closed) or False (all open); ``depth`` opens that many
    levels of groups. ``drawing.open(group)`` draws the inside of one.

    >>> viz.draw(loss).save("loss.svg")  # doctest: +SKIP

    Raises TypeError when there is no tensor to draw.
    """
    found = namer(names, params, sys._getframe(1) if names is None else None)
    return Drawing(capture(tensors, found, title or "").graph, engine, collapse, depth)


def animate(
    loss: Any,
    gradient: Any = None,
    names: Names | None = None,
    params: Params | None = None,
    retain_graph: bool = False,
    create_graph: bool = False,
) -> Player:
    """Run ``loss.backward(gradient, retain_graph, create_graph)`` and return it as a player to step through.

    The leaves' ``.grad`` really changes, as backward() says. Names are found as in :func:`draw`. What
    backward() raises goes on to the caller.
    """
    from .recording import record

    found = namer(names, params, sys._getframe(1) if names is None else None)
    with record(loss, names=found) as recorder:
        loss.backward(gradient=gradient, retain_graph=retain_graph, create_graph=create_graph)
    return recorder.player()


class Drawing:
    """A graph and its picture. The layout is made when it is needed, so .json and .dot work for any size.

    ``graph`` is the whole graph with its groups, ``shown`` what the picture shows of it: the same, where groups
    that ``collapse`` and ``depth`` close (see :func:`draw`) are one node each.
    """

    def __init__(
        self,
        graph: Graph,
        engine: str = "embedded",
        collapse: str | bool = "auto",
        depth: int | None = None,
    ) -> None:
        self.graph = graph
        self.engine = engine
        self.shown = folded(graph, collapse, depth)

    @functools.cached_property
    def layout(self) -> Layout:
        """Where everything goes. Raises ValueError when the graph is too large for a picture."""
        from .layout import place

        return place(self.shown, engine=self.engine)

    def open(self, group: str) -> Drawing:
        """The inside of one group, by its title or id, and what it touches. Raises KeyError when there is none."""
        found = next((g for g in self.graph.groups if group in (g.title, g.id)), None)
        if found is None:
            titles = ", ".join(dict.fromkeys(g.title for g in self.graph.groups)) or "it has none"
            raise KeyError(f"This graph has no group {group!r} (its groups: {shorten(titles, 400)}).")
        return Drawing(inside(self.graph, found.id), self.engine, collapse=False)

    def svg(self, theme: str = "auto", prefix: str = "tg") -> str:
        """A stand-alone SVG file; ``auto`` follows the reader's light or dark mode."""
        from .svg import render

        return render(self.shown, self.layout, theme=theme, prefix=prefix)

    def png(self, width: int | None = None, dark: bool = False) -> bytes:
        """A PNG file, ``width`` dots wide (by default twice the size in a notebook)."""
        from .images import png

        return png(self.svg("dark" if dark else "light"), width)

    def pdf(self, dark: bool = False) -> bytes:
        """A PDF file of one page, as large as the picture; its text can be searched."""
        from .pdf import pdf

        return pdf([self.svg("dark" if dark else "light")], self.graph.title)

    def dot(self) -> str:
        """The graph in Graphviz's language, to read or to edit."""
        from .layout.dot import readable_dot

        return readable_dot(self.graph)

    def text(self) -> str:
        """The graph in words, one node a line."""
        return graph_text(self.graph)

    def html(self) -> str:
        """A page that holds the picture and needs nothing else; closed groups open below it."""
        from .views import html_of_views

        title = escape(visible(self.graph.title or "Graph"))
        groups = html_of_views(self.graph, self.shown, self.engine)
        return (
            f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
            '<meta name="viewport" content="width=device-width">\n'
            f"<style>{_PAGE_STYLE}</style>\n</head>\n<body>\n{self.svg()}{groups}</body>\n</html>\n"
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save as what the name ends in: .svg .png .pdf .html .dot .json or .txt; the file is whole or not there.

        Raises ValueError for another ending and OSError when the place cannot be written, in one sentence
        each.
        """
        suffix = suffix_of(path, SUFFIXES)
        if suffix == ".png":
            return write(path, self.png())
        if suffix == ".pdf":
            return write(path, self.pdf())
        if suffix == ".json":
            return write(path, self.graph.to_json(indent=1) + "\n")
        makers = {".svg": self.svg, ".html": self.html, ".dot": self.dot, ".txt": self.text}
        return write(path, makers[suffix]())

    def __repr__(self) -> str:
        boxes = f" in {len(self.shown.nodes)} boxes" if self.shown.nodes != self.graph.nodes else ""
        return f"<Drawing of {len(self.graph.nodes)} nodes and {len(self.graph.edges)} edges{boxes}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        try:
            return {"text/html": html_cell(self), "text/plain": graph_text(self.shown)}
        except (
            ValueError,
            RuntimeError,
        ) as problem:  # too large, or no Graphviz: say so where the picture would be
            return {"text/plain": f"{self!r}: {problem}"}


def html_cell(drawing: Drawing) -> str:
    """The picture for a notebook cell: an image, which a small script turns into inline SVG.

    Inline, the picture follows the page's theme and its boxes answer to pointer, keyboard and screen reader.
    Where scripts are taken out (a notebook that is not trusted, or a preview), the image stays and looks the
    same. Every call makes ids of its own, so that no two outputs in a page share one.
    """
    prefix = f"tg-{secrets.token_hex(4)}"
    data = base64.b64encode(drawing.svg(prefix=prefix).encode("utf-8")).decode("ascii")
    return _CELL.format(prefix=prefix, data=data, words=escape(graph_text(drawing.shown)))
