"""A drawing with closed groups as HTML: what travels with it, and what stays where no script runs."""

from __future__ import annotations

import base64
import json
import re
import zlib
from typing import Any

import pytest

import teachgrad as torch
from teachgrad import viz
from teachgrad.viz import exploring
from teachgrad.viz.assets import MODULES, OPENING, script
from teachgrad.viz.drawing import Drawing


def chain(length: int) -> Drawing:
    """A chain of differing operations, in which nothing repeats: parts are all that can be closed."""
    x = torch.tensor([0.5, 0.25], requires_grad=True)
    y = x
    for i in range(length):
        y = (y * x).tanh() if i % 3 else y.sin() + i if i % 5 else y.exp() - x
    return viz.draw(y.sum(), names={"x": x})


def sent(page: str) -> Any:
    (data,) = re.findall(r'<script type="text/plain" class="tg-data">(.*?)</script>', page)
    return json.loads(zlib.decompress(base64.b64decode(data)))


def test_closed_groups_travel_with_a_cell_and_with_a_page() -> None:
    drawing = chain(60)
    closed = {node.id for node in drawing.shown.nodes if node.kind == "group"}
    assert closed
    for html in (drawing._repr_mimebundle_()["text/html"], drawing.html()):
        data = sent(html)
        assert viz.Graph.from_dict(data["trace"]["graph"]) == drawing.graph
        assert closed <= data["views"].keys()
        for group, picture in data["views"].items():
            drawn = set(re.findall(r'data-node="(\w+)"', picture))
            members = next((set(g.nodes) for g in drawing.graph.groups if g.id == group), None)
            inner = {name for name in drawn if name.startswith("n")}
            assert drawn and (members is None or inner <= members)  # what is around a group is drawn around it, once
            assert "grad: not yet" not in picture
        assert script((*MODULES, OPENING)) in html
        words = html.partition("<pre>")[2].partition("</pre>")[0]
        assert "output = 0.707 (output)" in words and "×4, 120 nodes" in words
    assert drawing.html() == drawing.html()


def test_a_small_drawing_stays_a_plain_picture() -> None:
    drawing = chain(4)
    assert "tg-data" not in drawing._repr_mimebundle_()["text/html"]
    assert "<script" not in drawing.html()


def test_many_open_boxes_are_searched_and_zoomed_too() -> None:
    drawing = Drawing(chain(60).graph, collapse=False)
    data = sent(drawing._repr_mimebundle_()["text/html"])
    assert list(data["views"]) == [""]
    assert data["views"][""].count("data-node=") == len(drawing.graph.nodes) > 60


def test_a_very_large_one_says_how_to_see_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exploring, "MOST_NODES", 100)
    drawing = chain(60)
    cell = drawing._repr_mimebundle_()["text/html"]
    assert "tg-data" not in cell
    title = re.findall(r"drawing\.open\(&#x27;(.+?)&#x27;\)", cell)[0]
    assert len(drawing.open(title).graph.nodes) > 1
    assert len(sent(drawing.html())["views"]) <= exploring.FEW
