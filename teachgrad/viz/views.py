"""The pictures of a graph's groups, one inside the other, for pages that open and close them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape

from .folding import folded, folded_trace, inside
from .layout import place
from .model import Graph, Group, Layout, Trace
from .values import visible

MOST = 60  # pictures of groups in one page
MOST_BOXES = 600  # in those of a replay together, so that a large graph is shown within seconds


@dataclass(frozen=True)
class View:
    """One picture of a replay: what is shown of its graph, what happens to that, and where everything is."""

    trace: Trace
    layout: Layout

    @property
    def graph(self) -> Graph:
        """The graph as this picture shows it."""
        return self.trace.graph


def views_of(trace: Trace, room: Trace | None = None, engine: str = "embedded", most: int = MOST) -> dict[str, View]:
    """The pictures that a player of ``trace`` opens and closes: ``""`` is the whole graph, folded to about 60 boxes.

    Each closed group in one of them has a picture of its inside, by its id, as far as there is room for. ``room`` is
    a trace with all numbers that the boxes must have room for, where ``trace`` does not have them yet; ``most`` is how
    many pictures there may be. Raises as
    :func:`layout.place`.
    """
    found: dict[str, View] = {}
    todo = {"": folded(trace.graph)}
    spent = 0
    for name in (names := [""]):  # which grows with every group that is met
        graph = todo.pop(name)
        shown = folded_trace(trace, graph)
        found[name] = View(shown, place(graph, folded_trace(room, graph) if room else shown, engine))
        for group in (node.id for node in graph.nodes if node.kind == "group"):
            if group in names or len(names) >= most or spent > MOST_BOXES:
                continue
            view = replace(inside(trace.graph, group), title="")  # its frame is titled
            if len(view.nodes) <= 3 * MOST:
                todo[group] = view
                names.append(group)
                spent += len(view.nodes)
    return found


def views(graph: Graph, trace: Trace | None = None, engine: str = "embedded") -> dict[str, tuple[Graph, Layout]]:
    """For each group, its inside as a graph (see :func:`folding.inside`) and where everything goes in it.

    Of a repetition only the first turn is there, since the others are built like it. Groups come from outside
    inwards, the first 60 of them; one that is too large for a picture is left out.
    """
    wanted: dict[str | None, bool] = {None: True}
    seen: set[str | None] = set()
    for group in graph.groups:
        again = group.kind == "turn" and group.parent in seen
        wanted[group.id] = wanted[group.parent] and not again and group.kind != "ends"
        seen.add(group.parent)
    levels: dict[str | None, int] = {None: -1}
    for group in graph.groups:
        levels[group.id] = levels[group.parent] + 1
    chosen = sorted((group for group in graph.groups if wanted[group.id]), key=lambda group: levels[group.id])[:MOST]
    found = {}
    for group in chosen:
        view = inside(graph, group.id)
        if len(view.nodes) <= 3 * MOST:
            found[group.id] = view, place(view, trace, engine)
    return found


def html_of_views(graph: Graph, shown: Graph, engine: str) -> str:
    """The groups that ``shown`` has closed as HTML that opens and closes by mouse and by key, without a script."""
    from .svg import render

    found = views(graph, engine=engine)
    closed = {node.id for node in shown.nodes if node.kind == "group"}
    inner: dict[str | None, list[Group]] = {}
    for each in graph.groups:
        outer = each.parent if each.parent in found and each.id not in closed else None
        if each.id in found and (outer is not None or each.id in closed):
            inner.setdefault(outer, []).append(each)
    out: list[str] = []
    todo: list[Group | None] = list(reversed(inner.get(None, [])))
    while todo:
        group = todo.pop()
        if group is None:
            out.append("</details>")
            continue
        view, layout = found[group.id]
        times = f", ×{group.times}" if group.times > 1 else ""
        words = escape(visible(f"{group.title}: {len(group.nodes)} nodes{times}"))
        picture = render(view, layout, prefix=f"tg-{group.id}")
        out.append(f"<details><summary>{words}</summary>\n{picture}")
        todo += [None, *reversed(inner.get(group.id, []))]
    return "\n".join(out)
