"""The replay of a training as HTML: gradient norms on the graph, a slider through the iterations, and the curves."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from . import assets
from .assets import NORMS, css, page, script, shown
from .folding import boxes, folded
from .layout import place
from .model import Graph, Value
from .style import rules, squeezed
from .svg import render
from .values import visible

if TYPE_CHECKING:
    from .watching import watch

_ROOM = Value((), "float32", "norm 1.23e-05 to 1.23e+05", "norm 1.23e-05")


def cell(watched: watch) -> str:
    """What a notebook shows of ``watched``; without scripts, its curves and a table."""
    data = {**_data(watched), "css": css() + squeezed(rules("norms") + rules("training"))}
    alt = f"Gradient norms of {len(watched.names)} parameters over {len(watched.norms)} iterations."
    words = f"<pre>{shown(watched.text())}</pre>"
    return assets.cell(data, _program(data["prefix"]), watched.plot(), alt, "The norms as a table", words)


def whole_page(watched: watch) -> str:
    """The same as a page that needs nothing else."""
    return page("Gradient norms", cell(watched), _program(_data(watched)["prefix"]))


@functools.cache
def _program(uid: str) -> str:
    return f'{script(NORMS)}mountAllNorms("{uid}");\n'


def _data(watched: watch) -> dict[str, Any]:
    """What mountNorms in norms.js needs, as plain JSON values."""
    from .watching import CHART, LARGE, ROW, SMALL, scale

    low, high, rows, left = scale(watched.names, watched.norms)
    norms = [[n if n is None or math.isfinite(n) else str(n) for n in row] for row in watched.norms]
    content = repr((watched.names, watched.norms)).encode("utf-8", "surrogatepass")
    uid = "tg" + hashlib.sha256(content).hexdigest()[:12]
    found = {
        "prefix": uid,
        "names": [str(name) for name in watched.names],
        "norms": norms,
        "boxes": [None] * len(watched.names),
        "plot": watched.plot(),
        "low": low,
        "high": high,
        "small": SMALL,
        "large": LARGE,
        "chart": {"left": left, "width": CHART, "top": 56, "height": ROW * rows - 4},
    }
    if watched.graph is not None:
        found |= _on_graph(watched.graph, watched.names, uid)
    return found


def _on_graph(graph: Graph, names: Sequence[str], uid: str) -> dict[str, Any]:
    """The picture of the graph, and the box that shows each parameter: its own, or a closed group around it."""
    seen = folded(graph)
    box = boxes(graph, seen)
    ids = {node.title: node.id for node in graph.nodes if node.kind in ("leaf", "parameter")}
    found = [box.get(ids.get(visible(name), "")) for name in names]
    nodes = tuple(replace(node, grad=_ROOM if node.id in found else None) for node in seen.nodes)
    picture = replace(seen, nodes=nodes)
    return {"boxes": found, "graph": render(picture, place(picture), prefix=uid, embedded=True)}
