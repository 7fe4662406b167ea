"""The two verbs: ``draw`` a graph as it is, ``animate`` what backward does to it."""

from __future__ import annotations

import functools
import os
import sys
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .capture import capture
from .files import suffix_of, write
from .folding import folded, inside
from .grouping import BUDGET
from .model import Graph, Layout
from .naming import Names, Params, namer
from .showing import bundle, inline, unique
from .text import graph_text
from .values import shorten, visible

if TYPE_CHECKING:
    from .html import Player

SUFFIXES = (".svg", ".png", ".pdf", ".html", ".dot", ".json", ".txt")

_PAGE_STYLE = """
:root { color-scheme: light dark; }
body { margin: 1rem; font: 15px "DejaVu Sans", Verdana, sans-serif; }
svg { max-width: 100%; height: auto; }
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

    def svg(self, theme: str = "auto", prefix: str = "tg", *, bare: bool = False) -> str:
        """A stand-alone SVG file; ``auto`` follows the reader's mode, ``bare`` leaves out what an ``<img>`` cannot use."""
        from .svg import render

        return render(self.shown, self.layout, theme=theme, prefix=prefix, bare=bare)

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
        """A page that holds the picture and needs nothing else; closed groups open in it."""
        if self._is_large:
            from .exploring import whole_page

            return whole_page(self)
        title = escape(visible(self.graph.title or "Graph"))
        return (
            f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
            '<meta name="viewport" content="width=device-width">\n'
            f"<style>{_PAGE_STYLE}</style>\n</head>\n<body>\n{self.svg()}</body>\n</html>\n"
        )

    @property
    def _is_large(self) -> bool:
        """Whether there are groups to open, or so many boxes that one searches and zooms."""
        return len(self.shown.nodes) > BUDGET or any(node.kind == "group" for node in self.shown.nodes)

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

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        return bundle(lambda: graph_text(self.shown), self.svg, lambda: html_cell(self))


def html_cell(drawing: Drawing) -> str:
    """The picture for a notebook cell: inline SVG with ids of its own, or with groups to open, a program."""
    from .exploring import MOST_NODES, cell, too_large

    if drawing._is_large and len(drawing.graph.nodes) <= MOST_NODES:
        return cell(drawing)
    prefix = unique()
    picture = inline(drawing.svg(prefix=prefix), graph_text(drawing.shown), prefix)
    return picture + (too_large(drawing) if drawing._is_large else "")
