"""The pictures of a graph's groups, one inside the other, for pages that open and close them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .folding import boxes, folded, folded_trace, inside
from .layout import place
from .model import Graph, Layout, Trace

MOST = 60  # pictures of groups in one page
MOST_BOXES = 600  # in those of a replay together, so that a large graph is shown within seconds


@dataclass(frozen=True)
class View:
    """One picture of a replay: what is shown of its graph, what happens to that, and where everything is.

    ``ports`` are the boxes around an opened group: dots at its rim, from which and to which its lines run.
    """

    trace: Trace
    layout: Layout
    ports: frozenset[str] = frozenset()

    @property
    def graph(self) -> Graph:
        """The graph as this picture shows it."""
        return self.trace.graph


def views_of(
    trace: Trace, room: Trace | None = None, engine: str = "embedded", most: int = MOST, whole: Graph | None = None
) -> dict[str, View]:
    """The pictures that a player of ``trace`` opens and closes: ``""`` is ``whole``, by default the graph folded to about
    60 boxes.

    Each closed group in one of them has a picture of its inside, by its id, as far as there is room for; the player
    puts it in the place of the closed box. ``room`` is a trace with all numbers that the boxes must have room for, where
    ``trace`` does not have them yet; ``most`` is how many pictures there may be. Where nothing
    happens in ``trace``, no box keeps room for a gradient. Raises as :func:`layout.place`.
    """
    found: dict[str, View] = {}
    todo = {"": whole or folded(trace.graph)}
    members = {group.id: group.nodes for group in trace.graph.groups}
    spent = 0
    for name in (names := [""]):  # which grows with every group that is met
        graph = todo.pop(name)
        shown = folded_trace(trace, graph)
        around = boxes(trace.graph, graph)
        own = {around[node] for node in members[name]} if name else {node.id for node in graph.nodes}
        ports = frozenset(node.id for node in graph.nodes if node.id not in own)
        layout = place(graph, folded_trace(room, graph) if room else shown if trace.events else None, engine, ports)
        found[name] = View(shown, layout, ports)
        for group in (node.id for node in graph.nodes if node.kind == "group"):
            if group in names or len(names) >= most or spent > MOST_BOXES:
                continue
            view = inside(trace.graph, group)
            # The player puts a frame with the title around it.
            view = replace(view, title="", groups=tuple(each for each in view.groups if each.id != group))
            if len(view.nodes) <= 3 * MOST:
                todo[group] = view
                names.append(group)
                spent += len(view.nodes)
    return found
