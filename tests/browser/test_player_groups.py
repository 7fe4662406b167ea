"""Groups in the player: closed until there is room, opened and closed in the page, the step kept all the while."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from accessibility import violations
from players import large_net, leaves, step_of

import teachgrad as torch
from teachgrad import viz
from teachgrad.viz.html import Player

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect
pytestmark = pytest.mark.browser


def layers(count: int) -> Player:
    """A net of layers, each a module by the names of its parameters."""
    hidden, params = torch.tensor([[1.0, 2.0]]), {}
    for i in range(count):
        params[f"layer{i}.w"] = w = torch.tensor([[0.5, 0.1], [0.2, 0.3]], requires_grad=True)
        params[f"layer{i}.b"] = b = torch.tensor([0.1, 0.2], requires_grad=True)
        hidden = (hidden @ w + b).tanh()
    loss = hidden.sum()
    return viz.animate(loss, params=params)


def shown(page: Any) -> set[str]:
    found = page.locator(".tg-figure [data-node]").evaluate_all("all => all.map((g) => g.dataset.node)")
    return set(found)


def test_a_large_graph_is_shown_closed_and_each_step_shows_on_its_group(open_player: Callable[..., Any]) -> None:
    player = large_net(12)
    trace = player.trace
    assert len(trace.graph.nodes) > 100
    page = open_player(player)
    assert shown(page) == {node.id for node in player.shown.graph.nodes}
    assert len(shown(page)) <= 60
    page.keyboard.press("Tab")
    inside = {group.id: set(group.nodes) for group in trace.graph.groups if group.id in shown(page)}
    seen = 0
    for number, event in enumerate(trace.events[:60], 1):
        page.keyboard.press("ArrowRight")
        group = next((name for name, nodes in inside.items() if event.node in nodes), None)
        active = page.locator(".tg-node.tg-active").evaluate_all("all => all.map((g) => g.dataset.node)")
        assert (group or event.node) in active
        if group:
            seen += 1
            all_of_it = sum(other.node in inside[group] for other in trace.events)
            done = sum(other.node in inside[group] for other in trace.events[:number])
            text = page.locator(f"[data-node={group}] .tg-grad").text_content()
            assert text == (f"all {done} steps" if done == all_of_it else f"{done} of {all_of_it} steps")
    assert seen > 10


def test_a_group_opens_by_mouse_and_by_key_and_the_step_stays(open_player: Callable[..., Any]) -> None:
    player = large_net(12)
    page = open_player(player)
    page.locator(".tg-scrubber").fill("40")
    whole, sentence = shown(page), page.locator(".tg-sentence").inner_text()
    group = next(name for name in player.views if name)
    page.locator(f".tg-figure [data-node={group}]").click()
    inside = shown(page)
    members = next(set(g.nodes) for g in player.trace.graph.groups if g.id == group)
    assert inside == {node.id for node in player.views[group].graph.nodes}
    assert inside & members or any(name.startswith("g") for name in inside - whole)
    assert (step_of(page), page.locator(".tg-sentence").inner_text()) == (40, sentence)
    assert page.locator(".tg-crumbs [aria-current]").is_visible()
    page.keyboard.press("Backspace")
    assert shown(page) == whole
    page.locator(f".tg-figure [data-node={group}]").focus()
    page.keyboard.press("Enter")
    assert shown(page) == inside
    assert page.evaluate("document.activeElement.closest('.tg-figure') !== null")
    page.get_by_role("button", name="whole graph").click()
    assert shown(page) == whole
    assert step_of(page) == 40


def test_the_numbers_inside_a_group_are_those_of_the_trace(open_player: Callable[..., Any]) -> None:
    player = large_net(12)
    page = open_player(player)
    page.locator(".tg-last").click()
    for group, view in list(player.views.items())[1:4]:
        page.evaluate("() => document.querySelector('.tg-crumbs .tg-way .tg-button')?.click()")
        page.locator(f".tg-figure [data-node={group}]").click()
        calls = {event.node: event.gradient for event in player.trace.events if event.kind == "call"}
        for node in view.graph.nodes:
            if node.kind == "op" and node.id in calls:
                text = page.locator(f".tg-figure [data-node={node.id}] .tg-grad").text_content()
                assert text.replace("−", "-").replace("+", "") == f"grad {calls[node.id].brief}"
        break


def test_an_open_frame_closes_under_a_lid_and_opens_again(open_player: Callable[..., Any]) -> None:
    player = layers(2)
    page = open_player(player)
    frame = page.locator(".tg-frame").first
    group = frame.get_attribute("data-group")
    members = next(g.nodes for g in player.trace.graph.groups if g.id == group)
    inner = page.locator(f".tg-figure [data-node={members[0]}]")
    page.locator(".tg-next").click()
    frame.focus()
    page.keyboard.press("Enter")
    lid = page.locator(f"[data-lid={group}]")
    assert not inner.is_visible()
    assert lid.locator(".tg-grad").text_content() == "grad: not yet"
    assert step_of(page) == 1
    page.locator(".tg-last").click()
    count = sum(event.node in members for event in player.trace.events)
    assert lid.locator(".tg-grad").text_content() == f"all {count} steps"
    assert f"all {count} steps" in lid.get_attribute("aria-label")
    lid.click()
    assert inner.is_visible()
    assert lid.count() == 0
    page.locator(".tg-frame-title").first.click()
    assert not inner.is_visible()


def test_search_goes_into_a_closed_group_and_a_step_elsewhere_says_where(open_player: Callable[..., Any]) -> None:
    player = large_net(12)
    page = open_player(player)
    hidden = [node for node in player.trace.graph.nodes if node.op == "TanhBackward0" and node.id not in shown(page)]
    page.keyboard.press("Tab")
    page.keyboard.press("/")
    page.keyboard.type("tanh")
    assert page.locator(".tg-found").count() > 0
    page.keyboard.press("Enter")
    assert page.locator(".tg-crumbs [aria-current]").is_visible()
    assert page.locator(".tg-selected").get_attribute("data-node") in {node.id for node in hidden}
    page.locator(".tg-scrubber").fill("1")
    hint = page.get_by_role("button", name="This step is in")
    hint.click()
    assert page.locator(".tg-node.tg-active").count() == 1


def test_a_path_between_two_tensors_is_all_that_is_not_dimmed(open_player: Callable[..., Any]) -> None:
    player = layers(2)
    page = open_player(player)
    nodes = {node.title: node.id for node in player.trace.graph.nodes}
    page.locator(f"[data-node={nodes['layer0.w']}]").click()
    page.locator(f"[data-node={nodes['loss']}]").click(modifiers=["Shift"])
    expect(page.locator(".tg-chosen")).to_contain_text("Path between layer0.w and loss")
    bright = set(page.locator(".tg-node:not(.tg-dim)").evaluate_all("all => all.map((g) => g.dataset.node)"))
    assert {nodes["layer0.w"], nodes["loss"]} <= bright
    assert not {nodes["layer0.b"], nodes["layer1.w"]} & bright
    page.keyboard.press("Escape")
    assert page.locator(".tg-dim").count() == 0


def test_forced_colours_leave_every_form_and_sign(open_player: Callable[..., Any]) -> None:
    page = open_player(layers(2), forced_colors="active", color_scheme="dark")
    page.locator(".tg-last").click()
    assert violations(page, ".tg-player") == []
    colour = "(what) => getComputedStyle(document.querySelector(what)).%s"
    strokes = [page.evaluate(colour % "stroke", f".tg-{kind} .tg-shape") for kind in ("parameter", "op", "accumulate")]
    assert len(set(strokes)) == 1  # the system's, so the forms alone tell the kinds
    assert page.evaluate(colour % "fill", ".tg-op .tg-shape") != strokes[0]
    assert page.locator(".tg-edge-label", has_text="+").count() > 0 or page.locator(".tg-number").count() > 0


def test_the_lesson_stands_beside_and_lights_with_the_graph(open_player: Callable[..., Any]) -> None:
    x = torch.tensor(2.0, requires_grad=True)
    with viz.lines():
        y = x * x
        z = y.exp()
    player = viz.animate(z, names={"x": x, "y": y, "z": z})
    page = open_player(player)
    lines = page.locator(".tg-lesson li")
    assert [text.strip() for text in lines.locator("code").all_inner_texts()] == ["y = x * x", "z = y.exp()"]
    lines.nth(0).hover()
    (mul,) = [node.id for node in player.trace.graph.nodes if node.op == "MulBackward0"]
    assert "tg-near" in page.locator(f"[data-node={mul}]").get_attribute("class")
    page.locator(f"[data-node={mul}]").focus()
    assert "tg-near" in lines.nth(0).get_attribute("class")
    step = next(event.index for event in player.trace.events if event.node == mul) + 1
    page.locator(".tg-scrubber").fill(str(step))
    assert lines.nth(0).get_attribute("aria-current") == "true"
    page.locator(".tg-rule, .tg-fact").first.hover()
    assert "tg-near" in page.locator(f"[data-node={mul}]").get_attribute("class")


def test_too_many_steps_are_said_and_not_tried(browser_page: Callable[..., Any], tmp_path: Path) -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x
    for _ in range(1400):
        y = (y * x).tanh()
    player = viz.animate(y.sum(), names={"x": x})
    assert len(player.trace.events) > 4000
    page = browser_page()
    page.goto(player.save(tmp_path / "long.html").as_uri())
    assert "steps, and up to 4,000 can be stepped through here" in page.locator(".tg-player").inner_text()
    assert page.locator("img.tg-still").evaluate("image => image.naturalWidth") > 100


def test_groups_pass_axe_and_every_box_is_reached_by_tab(open_player: Callable[..., Any]) -> None:
    page = open_player(large_net(12))
    assert violations(page, ".tg-player") == []
    page.locator(".tg-group:not(.tg-shut)").first.focus()
    page.keyboard.press("Enter")
    assert violations(page, ".tg-player") == []
    boxes = page.locator(".tg-figure [data-node]").count()
    page.locator(".tg-figure [data-node]").first.focus()
    for _ in range(boxes - 1):
        page.keyboard.press("Tab")
    last = page.locator(".tg-figure [data-node]").last.get_attribute("data-node")
    assert page.evaluate("document.activeElement.dataset.node") == last
    assert len(leaves(page)) == 6
