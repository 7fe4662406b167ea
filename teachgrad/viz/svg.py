"""The one SVG writer. Every picture, on every surface, is made here.

All text goes through :func:`escape`, ids are made of our own prefix and counters, and there is no script,
link or foreign element in the output, so it can be put into a page as it is.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from html import escape

from .cards import FRAME_TITLE, NOT_YET, POINT, STACK, Card, argument_names, card, fit, gradient_line
from .model import Edge, Graph, Layout, Node
from .style import squeezed
from .style import stylesheet as stylesheet
from .text import describe
from .values import visible

Box = tuple[float, float, float, float]
MARKS = {"only": "only here", "differs": "differs"}
LEADING = 19.0  # from one line of a caption to the next


@dataclass(frozen=True)
class Caption:
    """What is said below a picture. ``width`` and ``height`` are kept free for it, the same in every frame."""

    lines: tuple[str, ...]
    width: float
    height: float


def render(
    graph: Graph,
    layout: Layout,
    *,
    prefix: str = "tg",
    theme: str = "auto",
    embedded: bool = False,
    bare: bool = False,
    labels: Mapping[str, str] | None = None,
    gradients: Mapping[str, str] | None = None,
    active: Collection[str] = (),
    caption: Caption | None = None,
    marks: Mapping[str, str] | None = None,
    ports: Collection[str] = (),
) -> str:
    """Write ``graph`` at the places of ``layout`` as SVG text.

    Each id begins with ``prefix``, which must be unique in a page. A stand-alone picture carries its style
    sheet; ``embedded=True`` leaves it to the page, which wraps the picture in an element of class
    ``tg-root``. ``bare=True`` leaves out what nobody can reach in an ``<img>``: names, ids and tooltips.

    A moment of a replay is drawn by ``labels`` (edge id to text), ``gradients`` (node id to
    text), the ids that are ``active``, and a ``caption`` below. ``marks`` are "only" and "differs", by id, where
    the graph is compared with another. Nodes in ``ports`` stand elsewhere: only their lines are drawn.
    """
    labels, gradients, marks = labels or {}, gradients or {}, marks or {}
    wide = max(layout.width, caption.width) if caption else layout.width
    width, height = _number(wide), _number(layout.height + (caption.height if caption else 0))
    title = graph.title or _default_title(graph)
    out = [
        _open(
            "svg",
            ("xmlns", "http://www.w3.org/2000/svg"),
            ("class", "tg-graph" if embedded else "tg-graph tg-root"),
            ("id", f"{prefix}-graph"),
            ("viewBox", f"0 0 {width} {height}"),
            ("width", width),
            ("height", height),
            ("role", "group"),
            ("aria-label", title),
        )
    ]
    if not embedded:
        out.append(f"<style>{stylesheet(theme)}</style>")
    out.append(f'<rect class="tg-paper" width="{width}" height="{height}" rx="6"/>')
    if graph.title:
        heading = fit(graph.title, 15.0, True, layout.width - 28)
        out.append(f'<text class="tg-heading" x="14" y="27">{escaped(heading)}</text>')
    if caption:
        out += [
            f'<text class="tg-caption" x="14" y="{_number(layout.height + 16 + i * LEADING)}">{escaped(line)}</text>'
            for i, line in enumerate(caption.lines)
        ]
        out.append(f'<g transform="translate({_number((wide - layout.width) / 2)})">')
    nodes = {node.id: node for node in graph.nodes}
    arguments = argument_names(graph, layout.routes)
    titles = {group.id: group.title for group in graph.groups}
    for group, box in layout.frames.items():
        out += _frame(titles[group], box, f"{prefix}-{group}", bare)
    for edge in graph.edges:
        state = _state(edge.id in active, marks.get(edge.id))
        out += _edge(edge, layout, nodes, "" if bare else prefix, labels.get(edge.id, ""), state)
    # From below upwards, as gradients go: whoever listens, or goes on by key, meets every box after those that use it.
    upwards = sorted(graph.nodes, key=lambda node: (-layout.boxes[node.id][1], layout.boxes[node.id][0]))
    for node in (node for node in upwards if node.id not in ports):
        line = gradients.get(node.id) or (gradient_line(node.grad) if node.grad else None)
        if line is None and layout.gradients and node.kind not in ("input", "saved"):
            line = NOT_YET
        content = card(node, line, arguments=arguments.get(node.id, ()))
        state = _state(node.id in active, marks.get(node.id))
        mark = MARKS.get(marks.get(node.id, ""), "")
        out += _node(node, layout.boxes[node.id], "" if bare else prefix, content, state, mark)
    out.append("</g></svg>" if caption else "</svg>")
    return "\n".join(out) + "\n"


def _default_title(graph: Graph) -> str:
    outputs = ", ".join(node.title for node in graph.nodes if node.kind == "output")
    return f"Graph of {outputs}, {len(graph.nodes)} nodes" if outputs else f"Graph of {len(graph.nodes)} nodes"


def _state(active: bool, mark: str | None) -> str:
    return f"{' tg-on' if active else ''}{f' tg-{mark}' if mark else ''}"


def _node(node: Node, box: Box, prefix: str, content: Card, state: str, mark: str = "") -> list[str]:
    x, y, w, h = box
    label = escaped(f"{describe(node)}; {mark}" if mark else describe(node))
    names = (
        ("id", f"{prefix}-{node.id}"),
        ("data-node", node.id),
        ("data-kind", node.kind),
        ("tabindex", "0"),
        ("role", "img"),
    )
    opened = _open("g", ("class", f"tg-node tg-{node.kind}{state}"), *(names if prefix else ()))
    return [
        *([f'{opened[:-1]} aria-label="{label}">', f"<title>{label}</title>"] if prefix else [opened]),
        *_shape(node.kind, x, y, w, h),
        *(
            _placed(
                f'<text class="tg-{line.kind}{" tg-none" if line.text == NOT_YET else ""}" x="%.1f" y="%.1f">',
                x + w * line.across,
                y + line.baseline,
            )
            + f"{escaped(line.text)}</text>"
            for line in content.lines
        ),
        *([f'<text class="tg-mark" x="{_number(x + 8)}" y="{_number(y + h + 7)}">{mark}</text>'] if mark else []),
        "</g>",
    ]


def _frame(title: str, box: Box, name: str, bare: bool) -> list[str]:
    x, y, w, _ = box
    written = fit(title, FRAME_TITLE, room=max(w - 16, 20))
    return [
        _open("g", ("class", "tg-frame"), *(() if bare else (("id", name), ("data-group", name.rpartition("-")[2])))),
        *([] if bare else [f"<title>{escaped(title)}</title>"]),
        _rect("tg-border", *box, 7.0),
        f'<text class="tg-frame-title" x="{_number(x + 9)}" y="{_number(y + 17)}">{escaped(written)}</text>',
        "</g>",
    ]


def _shape(kind: str, x: float, y: float, w: float, h: float) -> list[str]:
    """The outline that tells the kind: round leaf, doubled parameter, cut corners, pill, pointed output,
    and sheets for a group."""
    if kind == "op":
        c = 9.0  # how much each corner is cut
        sides = ((c, 0), (w - c, 0), (w, c), (w, h - c), (w - c, h), (c, h), (0, h - c), (0, c))
        return [_path(*((x + dx, y + dy) for dx, dy in sides))]
    if kind == "group":  # a pile of three sheets, the upper one whole
        step, low = STACK, y + h - 2 * STACK
        sheets = ((x + i * step, low + (i - 1) * step, x + w - i * step, low + i * step) for i in (1, 2))
        edges = (
            f"M{_number(a)},{_number(b)} L{_number(a)},{_number(d)} L{_number(c)},{_number(d)} L{_number(c)},{_number(b)}"
            for a, b, c, d in sheets
        )
        return [_rect("tg-shape", x, y, w, h - 2 * STACK, 3.0), f'<path class="tg-inner" d="{" ".join(edges)}"/>']
    if kind == "output":
        low = y + h - POINT
        return [_path((x, y), (x + w, y), (x + w, low), (x + w / 2, y + h), (x, low))]
    round_by = {"leaf": 9.0, "parameter": 9.0, "accumulate": min(h / 2, 16.0)}.get(kind, 2.0)
    shapes = [_rect("tg-shape", x, y, w, h, round_by)]
    if kind == "parameter":
        shapes.append(_rect("tg-inner", x + 3.5, y + 3.5, w - 7, h - 7, round_by - 3))
    return shapes


def _edge(edge: Edge, layout: Layout, nodes: Mapping[str, Node], prefix: str, label: str, state: str) -> list[str]:
    *points, tip = layout.routes[edge.id]
    x, y = layout.labels.get(edge.id, points[len(points) // 2])
    classes = f"tg-edge{' tg-constant' if edge.constant else ''}{state}"
    role = f", as {edge.input_name}" if edge.input_name else ""
    says = f"{nodes[edge.target].title} to {nodes[edge.source].title}{role}"
    names = (
        ("id", f"{prefix}-{edge.id}"),
        ("data-edge", edge.id),
        ("data-source", edge.source),
        ("data-target", edge.target),
    )
    out = [
        _open("g", ("class", classes), *(names if prefix else ())),
        *([f"<title>{escaped(says)}</title>"] if prefix else []),
        _placed(_ARROWS[len(points)], *itertools.chain.from_iterable(points), *_head(points[-1], tip)),
    ]
    if label or prefix:
        place = _placed('<text class="tg-edge-label" x="%.1f" y="%.1f">', x, y + 4)
        out.append(f"{place}{escaped(label)}</text>")
    return [*out, "</g>"]


def _head(base: tuple[float, float], tip: tuple[float, float]) -> tuple[float, ...]:
    """The corners of a triangle from ``base`` to ``tip``."""
    (bx, by), (tx, ty) = base, tip
    length = max(math.hypot(tx - bx, ty - by), 1e-6)
    sx, sy = -(ty - by) / length * 3.4, (tx - bx) / length * 3.4
    return tx, ty, bx + sx, by + sy, bx - sx, by - sy


class _Arrows(dict[int, str]):
    """What an edge of so many points looks like, with room for their numbers."""

    def __missing__(self, points: int) -> str:
        curve = " ".join(["%.1f,%.1f"] * (points - 1))
        self[points] = (
            f'<path class="tg-line" d="M%.1f,%.1f C{curve}"/>\n'
            '<path class="tg-head" d="M%.1f,%.1f L%.1f,%.1f L%.1f,%.1f Z"/>'
        )
        return self[points]


_ARROWS = _Arrows()


def _path(*points: tuple[float, float], kind: str = "tg-shape") -> str:
    corners = " L".join(["%.1f,%.1f"] * len(points))
    return _placed(f'<path class="{kind}" d="M{corners} Z"/>', *itertools.chain.from_iterable(points))


def _rect(kind: str, x: float, y: float, w: float, h: float, r: float) -> str:
    return _placed(f'<rect class="{kind}" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="%.1f"/>', x, y, w, h, r)


def _placed(markup: str, *numbers: float) -> str:
    """``markup`` with these numbers, to a tenth of a pixel: at once, since a large picture has tens of thousands."""
    return (markup % numbers).replace(".0,", ",").replace(".0 ", " ").replace('.0"', '"')


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


_ARROW = (
    '<marker id="h" markerUnits="userSpaceOnUse" markerWidth="8" markerHeight="7" refY="3.4" orient="auto">'
    '<path class="tg-head" d="M0,0 L7.4,3.4 L0,6.8 Z"/></marker>'
)


def compact(picture: str) -> str:
    """A picture for an ``<img>`` in fewer bytes: short class names, no style for what is not there, whole pixels, one
    arrow head for all lines."""
    picture = re.sub(r'<path class="tg-head"[^>]*/>\n', "", picture).replace("</style>", f"</style>{_ARROW}", 1)
    picture = picture.replace("</style>", ".tg-line {marker-end: url(#h)}</style>", 1)
    picture = re.sub(r'(?<=class="tg-line" d=")M([^"]+)', _relative, picture)
    picture = re.sub(r'(?<= )([xy])="([\d.-]+)"(?=[^>]*>[^<\n])', lambda at: f'{at[1]}="{float(at[2]):.0f}"', picture)
    kinds = re.findall(r'(?<= class=")[^"]+', picture)
    short = {name: _letters(i) for i, (name, _) in enumerate(Counter(" ".join(kinds).split()).most_common())}

    def kept(rule: re.Match[str]) -> str:
        parts = [part for part in rule[1].split(",") if not part.startswith("body")]  # an image has no page
        used = [part for part in parts if short.keys() >= set(re.findall(r"\.([\w-]+)", part))]
        return f"{','.join(used)}{{{rule[2]}}}" if used else ""

    def styled(style: re.Match[str]) -> str:
        text = re.sub(r"([^{}@]+)\{([^{}]*)\}", kept, squeezed(style[0]))
        return re.sub(r"\.(tg-[\w-]+)", lambda name: f".{short.get(name[1], name[1])}", text)

    text = re.sub(r"<style>.*?</style>", styled, picture, flags=re.DOTALL)
    text = re.sub(r'(?<= class=")[^"]+', lambda found: " ".join(short[name] for name in found[0].split()), text)
    return text.replace("\n", "").replace('"', "'")


def _relative(path: re.Match[str]) -> str:
    """The points of a chain of curves, each written as its distance from where its curve begins, in pixels."""
    points = [(round(float(x)), round(float(y))) for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", path[1])]
    x, y = points[0]
    out = f"M{x},{y}c"
    for i in range(1, len(points), 3):
        out += " ".join(f"{to - x},{down - y}" for to, down in points[i : i + 3]).replace(",-", "-") + " "
        x, y = points[i + 2]
    return out.replace(" -", "-").rstrip()


def _letters(number: int) -> str:
    """a, b, ..., z, aa, ab, ..."""
    return (_letters(number // 26 - 1) if number > 25 else "") + "abcdefghijklmnopqrstuvwxyz"[number % 26]


_HARMLESS = re.compile(r"[\w .,:;=+()\[\]×-]*")  # most of what is written


def escaped(text: str) -> str:
    """Text that is drawn and said as it stands, and executes nothing."""
    if _HARMLESS.fullmatch(text):
        return text
    return escape(visible(text), quote=True)


def _open(tag: str, *attributes: tuple[str, str]) -> str:
    if not _HARMLESS.fullmatch("".join([value for _, value in attributes])):
        attributes = tuple([(name, escaped(value)) for name, value in attributes])
    written = "".join([f' {name}="{value}"' for name, value in attributes])
    return f"<{tag}{written}>"
