"""A large drawing as HTML: groups open in their places, and boxes are found, chosen and followed.

It is the player without its steps. Small drawings need none of this and stay plain pictures.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from . import assets
from .assets import css, program, shown
from .html import lean
from .model import Trace
from .svg import render
from .text import graph_text
from .views import MOST, views_of

if TYPE_CHECKING:
    from .drawing import Drawing

MOST_NODES = 3000  # that a cell carries along; a larger graph takes seconds, and is a picture at once
FEW = 12  # groups of a larger graph that a page opens


def cell(drawing: Drawing) -> str:
    """What a notebook shows of ``drawing``; without scripts, the picture with its groups closed, and the graph in words."""
    content = f"{drawing.graph.names} {len(drawing.graph.nodes)} {drawing.layout}"
    uid = "tg" + hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    trace = Trace(drawing.graph, ())
    most = MOST if len(drawing.graph.nodes) <= MOST_NODES else FEW
    views = views_of(trace, engine=drawing.engine, most=most, whole=drawing.shown)
    data = {
        "trace": lean(trace.to_dict()),
        "css": css(),
        "prefix": uid,
        "still": True,
        "start": f"{len(drawing.graph.nodes):,} nodes in {len(drawing.shown.nodes)} boxes.",
        "views": {
            name: render(view.graph, view.layout, prefix=f"{uid}{name}", embedded=True, ports=view.ports)
            for name, view in views.items()
        },
    }
    title = shown(drawing.graph.title)
    alt = f"The graph{f': {title}' if title else ''}. In words it stands below."
    words = f"<pre>{shown(graph_text(drawing.shown))}</pre>"
    return assets.cell(data, program(uid, opens=True), drawing.svg(bare=True), alt, "The picture in words", words)


def too_large(drawing: Drawing) -> str:
    """What stands under the picture of a graph whose groups do not open in the cell."""
    title = next(
        group.title for group in drawing.graph.groups if any(group.id == box.id for box in drawing.shown.nodes)
    )
    says = (
        f"{len(drawing.graph.nodes):,} nodes are too many to open here. drawing.open({title!r}) draws one group, and "
    )
    return f"<p>{shown(says)}drawing.save('graph.html') makes a page where the first groups open.</p>"


def whole_page(drawing: Drawing) -> str:
    """The same as a page that needs nothing else."""
    html = cell(drawing)
    uid = html.partition('data-uid="')[2].partition('"')[0]
    return assets.page(drawing.graph.title or "Graph", html, program(uid, opens=True))
