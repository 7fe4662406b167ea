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
from .model import Graph, Layout
from .naming import Names, Params, namer

if TYPE_CHECKING:
    from .html import Player

SUFFIXES = (".svg", ".png", ".html", ".dot", ".json", ".txt")

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
) -> Drawing:
    """The graph behind ``tensors``, of teachgrad or of PyTorch, as a picture that shows itself in a notebook.

    ``names`` maps names to tensors (``locals()`` will do); without it the caller's variables are used.
    ``params`` is a dict, or the pairs of ``module.named_parameters()``, and marks these leaves as parameters.
    ``engine`` is "embedded", or "dot" for the system's Graphviz. Nothing of the graph is kept or changed.

    >>> viz.draw(loss).save("loss.svg")  # doctest: +SKIP

    Raises TypeError when there is no tensor to draw.
    """
    found = namer(names, params, sys._getframe(1) if names is None else None)
    return Drawing(capture(tensors, found, title or "").graph, engine)


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
    """A graph and its picture. The layout is made when it is needed, so .json and .dot work for any size."""

    def __init__(self, graph: Graph, engine: str = "embedded") -> None:
        self.graph = graph
        self.engine = engine

    @functools.cached_property
    def layout(self) -> Layout:
        """Where everything goes. Raises ValueError when the graph is too large for a picture."""
        from .layout import place

        return place(self.graph, engine=self.engine)

    def svg(self, theme: str = "auto", prefix: str = "tg") -> str:
        """A stand-alone SVG file; ``auto`` follows the reader's light or dark mode."""
        from .svg import render

        return render(self.graph, self.layout, theme=theme, prefix=prefix)

    def png(self, width: int | None = None, dark: bool = False) -> bytes:
        """A PNG file, ``width`` dots wide (by default twice the size in a notebook)."""
        from .images import png

        return png(self.svg("dark" if dark else "light"), width)

    def dot(self) -> str:
        """The graph in Graphviz's language, to read or to edit."""
        from .layout.dot import readable_dot

        return readable_dot(self.graph)

    def text(self) -> str:
        """The graph in words, one node a line."""
        from .text import graph_text

        return graph_text(self.graph)

    def html(self) -> str:
        """A page that holds the picture and needs nothing else."""
        title = escape(self.graph.title or "Graph")
        return (
            f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
            '<meta name="viewport" content="width=device-width">\n'
            "<style>body { margin: 1rem; } svg { max-width: 100%; height: auto; }</style>\n"
            f"</head>\n<body>\n{self.svg()}</body>\n</html>\n"
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save as what the name ends in: .svg .png .html .dot .json or .txt; the file is whole or not there.

        Raises ValueError for another ending and OSError when the place cannot be written, in one sentence
        each.
        """
        suffix = suffix_of(path, SUFFIXES)
        if suffix == ".png":
            return write(path, self.png())
        if suffix == ".json":
            return write(path, self.graph.to_json(indent=1) + "\n")
        makers = {".svg": self.svg, ".html": self.html, ".dot": self.dot, ".txt": self.text}
        return write(path, makers[suffix]())

    def __repr__(self) -> str:
        return f"<Drawing of {len(self.graph.nodes)} nodes and {len(self.graph.edges)} edges>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        try:
            return {"text/html": html_cell(self), "text/plain": self.text()}
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
    return _CELL.format(prefix=prefix, data=data, words=escape(drawing.text()))
