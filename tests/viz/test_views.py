"""The pictures of a replay: one for the whole, one for each closed group, and the same events in all of them."""

from __future__ import annotations

import random

import pytest
from graphs import random_graph, trace_over

from teachgrad.viz.folding import boxes, close, folded, folded_trace, inside
from teachgrad.viz.grouping import grouped
from teachgrad.viz.html import Player
from teachgrad.viz.model import Graph
from teachgrad.viz.views import views_of


def large(seed: int) -> Graph:
    return grouped(random_graph(seed, size=120))


@pytest.mark.parametrize("seed", range(4))
def test_every_event_happens_to_the_box_that_stands_for_its_node(seed: int) -> None:
    graph = large(seed)
    trace = trace_over(graph)
    for shown in (folded(graph), close(graph, ())):
        box = boxes(graph, shown)
        assert box.keys() == {node.id for node in graph.nodes}
        told = folded_trace(trace, shown)
        assert [event.node for event in told.events] == [box[event.node] for event in trace.events]
        ends = {edge.id: (edge.source, edge.target) for edge in shown.edges}
        own = {edge.id: (box[edge.source], box[edge.target]) for edge in graph.edges}
        for event, before in zip(told.events, trace.events, strict=True):
            source, target = own[before.edge or ""]
            assert (event.edge is None) == (source == target)
            if event.edge is not None:
                assert ends[event.edge] == (source, target)


@pytest.mark.parametrize("seed", range(4))
def test_the_inside_of_a_group_is_that_of_the_whole_graph(seed: int) -> None:
    graph = large(seed)
    groups = {group.id: group for group in graph.groups}
    for group in random.Random(seed).sample(list(graph.groups), 4):
        view = inside(graph, group.id)
        box = boxes(graph, view)
        assert {box[node] for node in group.nodes} <= {node.id for node in view.nodes}
        for node in view.nodes:
            if node.kind == "group":  # also one that is only touched says how many nodes it has
                assert f"{len(groups[node.id].nodes)} nodes" in node.word
        told = folded_trace(trace_over(graph), view)
        assert {event.node for event in told.events} <= {node.id for node in view.nodes}


def test_a_player_opens_every_closed_group_that_there_is_room_for() -> None:
    graph = large(1)
    found = views_of(trace_over(graph))
    assert len(found[""].graph.nodes) <= 60
    closed = {node.id for view in found.values() for node in view.graph.nodes if node.kind == "group"}
    assert found.keys() - {""} <= closed
    assert len(found) > 3
    for view in found.values():
        assert view.layout.boxes.keys() == {node.id for node in view.graph.nodes}
        assert view.layout.routes.keys() == {edge.id for edge in view.graph.edges}
    assert list(views_of(trace_over(graph), most=1)) == [""]


def test_the_end_picture_counts_the_steps_in_each_closed_group() -> None:
    graph = large(2)
    trace = trace_over(graph)
    picture = Player(trace).svg()
    box = boxes(graph, folded(graph))
    for group in {name for name in box.values() if name.startswith("g")}:
        count = sum(box[event.node] == group for event in trace.events)
        assert f">all {count} steps<" in picture
