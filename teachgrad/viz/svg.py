"""The one SVG writer. Every picture, on every surface, is made here.

All text goes through :func:`escape`, ids are made of our own prefix and counters, and there is no script, link or
foreign element in the output, so it can be put into a page as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from html import escape

from .cards import NOT_YET, POINT, SIZES, card, fit, gradient_line
from .metrics import text_width
from .model import Edge, Graph, Layout, Node
from .style import stylesheet as stylesheet
from .text import describe
from .values import visible

Box = tuple[float, float, float, float]


def render(
    graph: Graph,
    layout: Layout,
    *,
    prefix: str = "tg",
    theme: str = "auto",
    embedded: bool = False,
    labels: Mapping[str, str] | None = None,
    gradients: Mapping[str, str] | None = None,
    active: Collection[str] = (),
) -> str:
    """Write ``graph`` at the places of ``layout`` as SVG text.

    Each id begins with ``prefix``, which must be unique in a page. A stand-alone picture carries its style sheet;
    ``embedded=True`` leaves it to the page, which wraps the picture in an element of class ``tg-root``. A moment of
    a replay is drawn by ``labels`` (edge id to text), ``gradients`` (node id to text) and the ids that are ``active``.
    """
    labels, gradients = labels or {}, gradients or {}
    width, height = _number(layout.width), _number(layout.height)
    title = graph.title or _default_title(graph)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="tg-graph{"" if embedded else " tg-root"}" '
        f'id="{_id(prefix, "graph")}" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="group" '
        f'aria-label="{_text(title)}">'
    ]
    if not embedded:
        out.append(f"<style>{stylesheet(theme)}</style>")
    out.append(f'<rect class="tg-paper" width="{width}" height="{height}" rx="6"/>')
    if graph.title:
        heading = fit(graph.title, 15.0, True, layout.width - 28)
        out.append(f'<text class="tg-heading" x="14" y="27">{_text(heading)}</text>')
    nodes = {node.id: node for node in graph.nodes}
    siblings: dict[str, int] = {}
    for edge in graph.edges:
        siblings[edge.source] = siblings.get(edge.source, 0) + 1
    for edge in graph.edges:
        slot = edge.input_name if siblings[edge.source] > 1 else ""
        out += _edge(edge, layout, nodes, prefix, labels.get(edge.id, ""), edge.id in active, slot)
    for node in graph.nodes:
        line = gradients.get(node.id) or (gradient_line(node.grad) if node.grad else None)
        if line is None and layout.gradients and node.kind not in ("input", "saved"):
            line = NOT_YET
        out += _node(node, layout.boxes[node.id], prefix, line, node.id in active)
    out.append("</svg>")
    return "\n".join(out) + "\n"


def _default_title(graph: Graph) -> str:
    outputs = ", ".join(node.title for node in graph.nodes if node.kind == "output")
    return f"Graph of {outputs}, {len(graph.nodes)} nodes" if outputs else f"Graph of {len(graph.nodes)} nodes"


def _node(node: Node, box: Box, prefix: str, gradient: str | None, active: bool) -> list[str]:
    x, y, w, h = box
    label = _text(visible(describe(node)))
    middle = _number(x + w / 2)
    return [
        f'<g class="tg-node tg-{node.kind}{" tg-on" if active else ""}" id="{_id(prefix, node.id)}" data-node="{node.id}" '
        f'data-kind="{node.kind}" tabindex="0" role="img" aria-label="{label}">',
        f"<title>{label}</title>",
        *_shape(node.kind, x, y, w, h),
        *(
            f'<text class="tg-{line.kind}{" tg-none" if line.text == NOT_YET else ""}" x="{middle}" y="{_number(y + line.baseline)}">{_text(line.text)}</text>'
            for line in card(node, gradient).lines
        ),
        "</g>",
    ]


def _shape(kind: str, x: float, y: float, w: float, h: float) -> list[str]:
    """The outline that tells the kind: rounded tensor, doubled parameter, cornered operation, pill, pointed output."""
    if kind == "op":
        c = 9.0
        return [_path((x + c, y), (x + w - c, y), (x + w, y + c), (x + w, y + h - c), (x + w - c, y + h), (x + c, y + h),
                      (x, y + h - c), (x, y + c))]  # fmt: skip
    if kind == "output":
        low = y + h - POINT
        return [_path((x, y), (x + w, y), (x + w, low), (x + w / 2, y + h), (x, low))]
    round_by = {"leaf": 9.0, "parameter": 9.0, "accumulate": min(h / 2, 16.0)}.get(kind, 2.0)
    shapes = [_rect("tg-shape", x, y, w, h, round_by)]
    if kind == "parameter":
        shapes.append(_rect("tg-inner", x + 3.5, y + 3.5, w - 7, h - 7, round_by - 3))
    return shapes


def _edge(
    edge: Edge, layout: Layout, nodes: Mapping[str, Node], prefix: str, label: str, active: bool, slot: str
) -> list[str]:
    *points, tip = layout.routes[edge.id]
    start, *rest = points
    curve = " ".join(f"{_number(x)},{_number(y)}" for x, y in rest)
    x, y = layout.labels.get(edge.id, points[len(points) // 2])
    classes = f"tg-edge{' tg-constant' if edge.constant else ''}{' tg-on' if active else ''}"
    says = f"{nodes[edge.target].title} to {nodes[edge.source].title}{f', as {edge.input_name}' if edge.input_name else ''}"
    out = [
        f'<g class="{classes}" id="{_id(prefix, edge.id)}" data-edge="{edge.id}" data-source="{edge.source}" '
        f'data-target="{edge.target}">',
        f"<title>{_text(visible(says))}</title>",
        f'<path class="tg-line" d="M{_number(start[0])},{_number(start[1])} C{curve}"/>',
        _head(points[-1], tip),
    ]
    if slot:
        out.append(_slot(slot, points[-1], tip, layout.boxes[edge.source]))
    out.append(f'<text class="tg-edge-label" x="{_number(x)}" y="{_number(y + 4)}">{_text(visible(label))}</text>')
    return [*out, "</g>"]


def _slot(name: str, base: tuple[float, float], tip: tuple[float, float], box: Box) -> str:
    """The argument's name beside the arrow head, on the outer side of the box."""
    left = tip[0] < box[0] + box[2] / 2
    x = tip[0] + (-7 if left else 7)
    anchor = "end" if left else "start"
    text = fit(name, SIZES["word"][0], room=60)
    return f'<text class="tg-slot" x="{_number(x)}" y="{_number(base[1] + 1)}" style="text-anchor: {anchor}">{_text(text)}</text>'


def _head(base: tuple[float, float], tip: tuple[float, float]) -> str:
    """A triangle from ``base`` to ``tip``."""
    (bx, by), (tx, ty) = base, tip
    length = max(((tx - bx) ** 2 + (ty - by) ** 2) ** 0.5, 1e-6)
    sx, sy = -(ty - by) / length * 3.4, (tx - bx) / length * 3.4
    return _path((tx, ty), (bx + sx, by + sy), (bx - sx, by - sy), kind="tg-head")


def _path(*points: tuple[float, float], kind: str = "tg-shape") -> str:
    return f'<path class="{kind}" d="M{" L".join(f"{_number(x)},{_number(y)}" for x, y in points)} Z"/>'


def _rect(kind: str, x: float, y: float, w: float, h: float, r: float) -> str:
    place = f'x="{_number(x)}" y="{_number(y)}" width="{_number(w)}" height="{_number(h)}"'
    return f'<rect class="{kind}" {place} rx="{_number(r)}"/>'


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _text(text: str) -> str:
    return escape(text, quote=True)


def _id(prefix: str, name: str) -> str:
    return _text(f"{prefix}-{name}")
