"""`make_dot` as torchviz draws, and `draw_dot` as micrograd does."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from graphs import HOSTILE

from teachgrad import viz

graphviz = pytest.importorskip("graphviz")


def boxes(dot: Any) -> dict[str, str]:
    """The label of each box, by id."""
    found = re.findall(r'^\t(\w+) \[label=(?:"((?:[^"\\]|\\.)*)"|(\S+?))(?: \w+=\S+)*\]$', dot.source, re.MULTILINE)
    return {name: quoted or bare for name, quoted, bare in found}


def arrows(dot: Any) -> list[tuple[str, str]]:
    names = boxes(dot)
    return [(names[a], names[b]) for a, b in re.findall(r"^\t(\w+) -> (\w+)", dot.source, re.MULTILINE)]


def colours(dot: Any) -> dict[str, str]:
    names = boxes(dot)
    found = re.findall(r'^\t(\w+) \[label=(?:"(?:[^"\\]|\\.)*"|\S+) fillcolor=(\w+)\]$', dot.source, re.MULTILINE)
    return {names[name]: colour for name, colour in found}


def test_make_dot_draws_what_torchviz_draws(lib: Any) -> None:
    w = lib.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    x = lib.tensor([[1.0, 1.0]])
    y = x @ w
    dot = viz.make_dot(y, params={"w": w})
    assert isinstance(dot, graphviz.Digraph)
    assert set(boxes(dot).values()) == {"\n (1, 2)", "MmBackward0", "AccumulateGrad", "w\n (2, 2)"}
    assert set(arrows(dot)) == {
        ("MmBackward0", "\n (1, 2)"),
        ("AccumulateGrad", "MmBackward0"),
        ("w\n (2, 2)", "AccumulateGrad"),
    }
    assert colours(dot) == {"\n (1, 2)": "darkolivegreen1", "w\n (2, 2)": "lightblue"}
    assert dot.graph_attr["size"] == "12,12"


def test_saved_tensors_are_orange_and_tied_without_an_arrow(lib: Any) -> None:
    x = lib.tensor([1.0, 2.0, 3.0], requires_grad=True)
    dot = viz.make_dot(x.exp(), show_saved=True)
    assert colours(dot)["result\n (3)"] == "orange"
    assert dot.source.count("dir=none") == 1
    assert "orange" not in viz.make_dot(x.exp()).source


def test_attributes_are_a_table(lib: Any) -> None:
    x = lib.tensor([1.0, 2.0], requires_grad=True)
    dot = viz.make_dot(x**3, show_attrs=True)
    label = next(text for text in boxes(dot).values() if text.startswith("PowBackward0"))
    lines = label.split("\n")
    assert set(lines[1]) == {"-"}
    assert len({len(line) for line in lines[1:]}) == 1
    assert any(re.fullmatch(r"exponent: +3\.?0?", line) for line in lines)
    assert any(re.fullmatch(r"self +: +\[saved tensor\]", line) for line in lines)
    narrow = viz.make_dot(x**3, show_attrs=True, max_attr_chars=8).source
    assert "[save..." in narrow


def test_a_view_hangs_on_its_base(lib: Any) -> None:
    x = lib.tensor([[1.0, 2.0, 3.0]], requires_grad=True)
    dot = viz.make_dot((x * 2).t())
    assert colours(dot)["\n (3, 1)"] == "darkolivegreen1"
    assert "fillcolor=darkolivegreen3" in dot.source
    assert dot.source.count("style=dotted") == 1


def test_several_outputs_and_shared_nodes(lib: Any) -> None:
    x = lib.tensor(3.0, requires_grad=True)
    shared = x * 2
    dot = viz.make_dot((shared.exp(), shared * shared), params={"x": x})
    assert list(colours(dot).values()).count("lightblue") == 1
    assert sum(label == "MulBackward0" for label in boxes(dot).values()) == 2
    assert list(colours(dot)) == list(dict.fromkeys(colours(dot)))


def test_the_same_graph_gives_the_same_text(lib: Any) -> None:
    def once() -> str:
        x = lib.tensor([1.0, 2.0], requires_grad=True)
        return str(viz.make_dot((x * x + x).sum(), params={"x": x}, show_saved=True).source)

    assert once() == once()


def test_only_tensors_are_drawn() -> None:
    with pytest.raises(TypeError, match="got int"):
        viz.make_dot(3)


def test_micrograds_look(lib: Any) -> None:
    a, b = lib.tensor(2.0, requires_grad=True), lib.tensor(-3.0, requires_grad=True)
    c = a * b
    d = (c + a).relu()
    d.backward(retain_graph=True)
    dot = viz.draw_dot(d)
    assert dot.format == "svg"
    assert dot.graph_attr["rankdir"] == "LR"
    labels = list(boxes(dot).values())
    assert "{ a | data 2.0000 | grad 0.0000 }" in labels
    assert "{ c | data -6.0000 | grad None }" in labels
    assert "{ d | data 0.0000 | grad None }" in labels
    assert ("{ a | data 2.0000 | grad 0.0000 }", "*") in arrows(dot)
    assert ("*", "{ c | data -6.0000 | grad None }") in arrows(dot)
    assert ("+", next(right for left, right in arrows(dot) if left == "+")) in arrows(dot)
    assert {"*", "+", "relu"} <= set(labels)


def test_what_nobody_kept_is_said(lib: Any) -> None:
    x = lib.tensor(2.0, requires_grad=True)
    y = (x + 1) + 1
    assert "{  | data not kept | grad None }" in boxes(viz.draw_dot(y)).values()


def test_the_direction_is_checked(lib: Any) -> None:
    x = lib.tensor(2.0, requires_grad=True)
    assert viz.draw_dot(x * x, rankdir="TB").graph_attr["rankdir"] == "TB"
    with pytest.raises(ValueError, match="'BT'"):
        viz.draw_dot(x * x, rankdir="BT")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text(lib: Any, name: str) -> None:
    x = lib.tensor([[2.0]], requires_grad=True)
    picture = viz.make_dot(x * x, params={name: x})._repr_mimebundle_()["image/svg+xml"]
    root = ET.fromstring(picture)
    assert not {element.tag.rpartition("}")[2] for element in root.iter()} & {"script", "img", "b", "a"}


def test_it_shows_itself_without_graphviz(lib: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    x = lib.tensor(2.0, requires_grad=True)
    for dot in (viz.make_dot(x * x), viz.draw_dot(x * x)):
        bundle = dot._repr_mimebundle_()
        assert bundle["image/svg+xml"].count("<g ") > 3
        assert bundle["text/plain"] == dot.source


def test_a_missing_package_is_told_in_a_sentence(lib: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(RuntimeError, match="pip install graphviz"):
        viz.make_dot(lib.tensor(2.0, requires_grad=True) * 2)
