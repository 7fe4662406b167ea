"""Two graphs or replays side by side: what is paired, what is marked, what is said."""

from __future__ import annotations

import importlib
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from graphs import HOSTILE, random_graph, trace_over

from teachgrad import viz
from teachgrad.viz.comparing import SUFFIXES
from teachgrad.viz.model import Graph, Node
from teachgrad.viz.pairing import aligned, partners

SVG = "{http://www.w3.org/2000/svg}"


def lesson(lib: Any, detach: bool = False, factor: float = 1.0) -> dict[str, Any]:
    x = lib.tensor([1.0, 2.0], requires_grad=True)
    w = lib.tensor([3.0, 4.0], requires_grad=True)
    h = (x * w).detach() if detach else x * w
    return {"x": x, "w": w, "h": h, "loss": (h * w * factor).sum()}


def replay(lib: Any, **how: Any) -> viz.Player:
    names = lesson(lib, **how)
    return viz.animate(names["loss"], names=names)


def found(comparison: viz.Comparison) -> set[tuple[str, str]]:
    return {(difference.what, difference.node) for difference in comparison.differences}


def test_a_lesson_is_the_same_as_itself(lib: Any) -> None:
    comparison = viz.compare(replay(lib), replay(lib))
    assert comparison.differences == ()
    assert "tg-differs" not in re.sub(r"<style>.*?</style>", "", comparison.svg(), flags=re.DOTALL)
    assert comparison.text() == "first and second: no differences\n"


def test_detach_takes_a_branch_away_and_changes_a_gradient(lib: Any) -> None:
    comparison = viz.compare(replay(lib, detach=True), replay(lib), ("with detach", "without"))
    differences = found(comparison)
    assert ("only in second", "x") in differences
    assert ("only in first", "h") in differences  # there it is an input
    assert ("gradient", "w") in differences
    assert not [what for what, node in differences if node == "SumBackward0"]
    assert ("step only in second", "MulBackward0") in differences  # it sends a gradient on to h
    assert ("first step", "AccumulateGrad of w") in differences
    assert comparison._repr_mimebundle_()["text/html"].count('class="tg-data"') == 2  # two players that step together
    text = comparison.text()
    assert "w: gradient [3., 8.] and [6., 16.]" in text
    assert "only in without: x = [1., 2.] (leaf)" in text


def test_no_grad_makes_an_input_of_what_was_computed(lib: Any) -> None:
    names = lesson(lib)
    with lib.no_grad():
        h = names["x"] * names["w"]
    without = viz.animate((h * names["w"]).sum(), names={"x": names["x"], "w": names["w"], "h": h})
    comparison = viz.compare(without, replay(lib), ("with no_grad", "without"))
    assert {("only in first", "h"), ("only in second", "x"), ("gradient", "w")} <= found(comparison)
    assert "<td>only in with no_grad</td>" in comparison.html()


def test_zero_grad_changes_what_the_leaves_end_with(lib: Any) -> None:
    def twice(zero: bool) -> viz.Player:
        x = lib.tensor([1.0, 2.0], requires_grad=True)
        loss = (x * x).sum()
        with viz.record(loss) as r:
            loss.backward(retain_graph=True)
            if zero:
                x.grad.zero_()
            loss.backward()
        player: viz.Player = r.player()
        return player

    comparison = viz.compare(twice(True), twice(False))
    assert [(d.what, d.node) for d in comparison.differences] == [
        ("gradient", "x"),
        ("step only in first", "x"),
        ("first step", "AccumulateGrad of x"),
    ]
    gradient, zeroed, first = comparison.differences
    assert (gradient.first, gradient.second) == ("[2., 4.]", "[4., 8.]")
    assert zeroed.first.endswith("Before this backward(), x.grad was set to zero.")
    assert first.second.endswith("x.grad was [2, 4]; plus [2, 4] it becomes [4, 8].")


def test_a_constant_that_differs_is_told(lib: Any) -> None:
    comparison = viz.compare(lesson(lib, factor=2.0)["loss"], lesson(lib, factor=3.0)["loss"])
    assert ("constants", "MulBackward0") in found(comparison)
    assert ("value", "output") in found(comparison)


def test_both_replays_begin_together_whatever_comes_last(lib: Any) -> None:
    x = lib.tensor(2.0, requires_grad=True)
    one, two = viz.animate(x * 3, names={"x": x}), viz.animate((x * 4).sin(), names={"x": x})
    steps = [d for d in viz.compare(one, two).differences if d.what.startswith("step only")]
    assert not any("backward() starts" in d.first + d.second for d in steps)


def test_tensors_carry_the_names_of_the_leaves_that_both_have(lib: Any) -> None:
    x, w1 = lib.tensor([1.0, 2.0], requires_grad=True), lib.tensor([3.0, 4.0], requires_grad=True)
    w2 = lib.tensor([3.0, 4.0], requires_grad=True)
    comparison = viz.compare((x * w1).sum(), (x * w2).sum())
    assert comparison.differences == ()  # w1 and w2 are the same thing in two lessons
    assert ">x</text>" in comparison.svg()
    assert found(viz.compare((x * w1).sum(), viz.draw((x * x).sum()))) >= {("only in first", "w1")}


def test_the_same_lesson_in_both_libraries_is_the_same() -> None:
    torch, ours = pytest.importorskip("torch"), importlib.import_module("teachgrad")
    assert viz.compare(replay(torch), replay(ours)).differences == ()


def test_rounding_is_no_difference_and_a_changed_digit_is() -> None:
    torch = pytest.importorskip("torch")

    def graph(*numbers: float) -> Graph:
        x = torch.tensor(numbers, requires_grad=True)
        return viz.draw(x * 1, names={"x": x}).graph

    assert viz.compare(graph(0.1, 1e-12), graph(0.10000001, 0.0)).differences == ()
    assert found(viz.compare(graph(0.1), graph(0.1001))) >= {("value", "x")}
    assert viz.compare(graph(float("nan")), graph(float("nan"))).differences == ()
    assert found(viz.compare(graph(float("nan")), graph(1.0))) >= {("value", "x")}
    assert found(viz.compare(graph(0.0, 1.0), graph(0.0, 1.0, 2.0))) >= {("value", "x")}


def test_none_is_not_zero(lib: Any) -> None:
    x = lib.tensor(1.0, requires_grad=True)
    before = viz.draw(x * 0, names={"x": x}).graph
    (x * 0).backward()
    after = viz.draw(x * 0, names={"x": x}).graph
    (difference,) = [d for d in viz.compare(before, after).differences if d.what == "gradient"]
    assert (difference.node, difference.first, difference.second) == ("x", "None", "0.")


def test_marks_stand_on_the_right_boxes_and_ids_are_unique(lib: Any) -> None:
    root = ET.fromstring(viz.compare(replay(lib, detach=True), replay(lib)).svg())
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    marked = {
        (str(group.get("id"))[:3], str(group.get("aria-label")))
        for group in root.iter(f"{SVG}g")
        if "tg-only" in str(group.get("class")) and group.get("data-node")
    }
    assert any(side == "tgb" and label.startswith("leaf x") and label.endswith("; only here") for side, label in marked)
    assert any(side == "tga" and label.startswith("input h") for side, label in marked)
    assert "only here" in [text.text for text in root.iter(f"{SVG}text")]


@pytest.mark.parametrize("seed", range(4))
def test_any_two_graphs(seed: int) -> None:
    one, two = random_graph(seed), random_graph(seed + 1)
    comparison = viz.compare(one, trace_over(two))
    ET.fromstring(comparison.svg())
    lone = {d.what for d in comparison.differences if not d.first}
    assert lone <= {"only in second", "constants"}
    paired_first = sum(d.what == "only in first" for d in comparison.differences)
    paired_second = sum(d.what == "only in second" for d in comparison.differences)
    assert len(one.nodes) - paired_first == len(two.nodes) - paired_second


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_and_titles_are_text(name: str) -> None:
    one = Graph((Node("n0", "leaf", title=name, word="leaf", name=name),), ())
    comparison = viz.compare(one, Graph((), ()), (name, name))
    ET.fromstring(comparison.svg())
    page = comparison.html()
    assert "<script" not in page and "<img" not in page and "<b>" not in page
    page.encode("utf-8")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_saving(lib: Any, tmp_path: Path, suffix: str) -> None:
    comparison = viz.compare(replay(lib, detach=True), replay(lib))
    data = comparison.save(tmp_path / f"x{suffix}").read_bytes()
    starts = {".html": b"<!doctype", ".svg": b"<svg", ".png": b"\x89PNG", ".pdf": b"%PDF", ".txt": b"first and second"}
    assert data.startswith(starts[suffix])
    with pytest.raises(ValueError, match=r"\.html, \.svg"):
        comparison.save(tmp_path / "x.gif")


@pytest.mark.parametrize("seed", range(3))
def test_steps_are_paired_in_order_and_both_end_together(seed: int) -> None:
    one, two = trace_over(random_graph(seed)), trace_over(random_graph(seed + 1))
    same = {node.id: node.id for node in one.graph.nodes}
    pairs = aligned(one, one, same)
    assert pairs == [(i, i) for i in range(len(one.events))]
    pairs = aligned(one, two, {})
    for side, trace in enumerate((one, two)):
        assert [pair[side] for pair in pairs if pair[side] is not None] == list(range(len(trace.events)))
    known = partners(pairs)
    for side, trace in enumerate((one, two)):
        assert len(known[side]) == len(trace.events) + 1
        assert known[side] == sorted(known[side])
        assert known[side][-1] == len((two, one)[side].events)


def test_what_is_no_graph_is_refused() -> None:
    with pytest.raises(TypeError, match="wants tensors"):
        viz.compare(1, 2)
