"""Groups in the player: closed until there is room, opened and closed in the page, the step kept all the while."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from accessibility import violations
from players import HOSTILE, large_net, leaves, step_of

import teachgrad as torch
from teachgrad import viz
from teachgrad.viz.drawing import Drawing
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


def nested() -> Player:
    """A net of nets whose layers all differ: the outer modules are open, the inner ones closed."""
    acts = (torch.nn.Tanh, torch.nn.ReLU, torch.nn.Sigmoid, torch.nn.Softplus)
    outer = [
        torch.nn.Sequential(*(m for j in range(4) for m in (torch.nn.Linear(2, 2), acts[(i * j + i) % 4]())))
        for i in range(1, 4)
    ]
    model = torch.nn.Sequential(*outer)
    with viz.modules(model):
        loss = model(torch.ones(1, 2)).sum()
    return viz.animate(loss)


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


OVERLAPS = """() => {
  const boxes = [...document.querySelectorAll(".tg-figure [data-node]")]
    .map((g) => [g.dataset.node, g.querySelector(".tg-shape").getBoundingClientRect()]);
  return boxes.flatMap(([one, a], i) => boxes.slice(i + 1)
    .filter(([, b]) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)
    .map(([other]) => `${one} ${other}`));
}"""
ENDS = """() => [...document.querySelectorAll(".tg-figure [data-edge]")].flatMap((g) => {
  const line = g.querySelector(".tg-line");
  const at = (share) => line.getPointAtLength(share * line.getTotalLength()).matrixTransform(line.getScreenCTM());
  const [start, end] = [at(0), at(1)];
  const off = (point, id) => {
    const box = document.querySelector(`.tg-figure [data-node="${id}"]`).getBoundingClientRect();
    const [x, y] = [Math.max(box.left - point.x, point.x - box.right), Math.max(box.top - point.y, point.y - box.bottom)];
    return Math.max(x, y) > 14;
  };
  return off(start, g.dataset.target) || off(end, g.dataset.source) || start.y > end.y ? [g.dataset.edge] : [];
})"""


def test_a_group_opens_in_its_place_by_mouse_and_by_key(open_player: Callable[..., Any]) -> None:
    player = large_net(12)
    page = open_player(player)
    page.locator(".tg-scrubber").fill("40")
    whole, sentence = shown(page), page.locator(".tg-sentence").inner_text()
    group = next(name for name in player.views if name)
    view = player.views[group]
    inside = {node.id for node in view.graph.nodes} - view.ports
    assert len(inside) > 4
    page.locator(f".tg-figure [data-node={group}]").click()
    assert shown(page) == whole - {group} | inside  # the neighbours are where they were
    assert page.evaluate(OVERLAPS) == []
    assert page.evaluate(ENDS) == []
    assert (step_of(page), page.locator(".tg-sentence").inner_text()) == (40, sentence)
    page.keyboard.press("Backspace")
    assert shown(page) == whole
    page.locator(f".tg-figure [data-node={group}]").focus()
    page.keyboard.press("Enter")
    assert shown(page) == whole - {group} | inside
    assert page.evaluate("document.activeElement.dataset.group") == group  # Enter closes it again
    page.keyboard.press("Enter")
    assert shown(page) == whole
    assert page.evaluate("document.activeElement.dataset.node") == group
    page.keyboard.press("Enter")
    page.locator(".tg-crumbs").get_by_role("button", name="Close").click()
    assert shown(page) == whole
    assert step_of(page) == 40


def test_every_group_that_opens_leaves_a_sound_picture(open_player: Callable[..., Any]) -> None:
    player = large_net(12)
    page = open_player(player)
    closed = page.locator(".tg-figure .tg-group:not(.tg-shut)")
    most = closed.count()
    assert most > 5
    for _ in range(40):
        if not closed.count():
            break
        closed.first.focus()
        page.keyboard.press("Enter")
    assert closed.count() == 0
    assert page.evaluate(OVERLAPS) == []
    assert page.evaluate(ENDS) == []
    nodes = player.trace.graph.nodes
    assert shown(page) == {node.id for node in nodes}
    ends = "all => all.map((g) => [g.dataset.source, g.dataset.target].join(' '))"
    lines = page.locator(".tg-figure [data-edge]").evaluate_all(ends)
    assert sorted(lines) == sorted(f"{edge.source} {edge.target}" for edge in player.trace.graph.edges)
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert len(ids) == len(set(ids))
    page.locator(".tg-last").click()
    calls = {event.node: event.gradient for event in player.trace.events if event.kind == "call"}
    for node, value in calls.items():
        text = page.locator(f".tg-figure [data-node={node}] .tg-grad").text_content()
        assert text.replace("−", "-").replace("+", "") == f"grad {value.brief}"
    while page.locator(".tg-opened").count():
        page.keyboard.press("Backspace")
    assert closed.count() == most


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


def test_a_lid_stays_where_it_is_while_other_groups_open(open_player: Callable[..., Any]) -> None:
    page = open_player(nested())
    frames, lid = page.locator(".tg-frame:not(.tg-opened)"), page.locator("[data-lid]")
    closed = page.locator(".tg-figure .tg-group:not(.tg-shut):not(.tg-under):not([data-lid])")
    assert closed.count() and frames.count()
    frames.last.focus()
    page.keyboard.press("Enter")
    covered = lid.get_attribute("data-lid")
    for count in (1, 0):
        (closed.first if count else page.locator(".tg-opened").first).focus()
        page.keyboard.press("Enter")
        assert page.locator(".tg-opened").count() == count
        assert page.locator(".tg-frame").evaluate_all(
            "all => new Set(all.map((g) => g.dataset.group)).size === all.length"
        )
        place, frame = lid.bounding_box(), page.locator(f".tg-frame[data-group={covered}] rect").bounding_box()
        assert place == pytest.approx(frame, abs=3)


def test_search_opens_what_it_finds_and_a_hidden_step_says_where(open_player: Callable[..., Any]) -> None:
    player = large_net(12)
    page = open_player(player)
    hidden = [node for node in player.trace.graph.nodes if node.op == "TanhBackward0" and node.id not in shown(page)]
    page.keyboard.press("Tab")
    page.keyboard.press("/")
    page.keyboard.type("tanh")
    assert page.locator(".tg-found").count() > 0
    page.keyboard.press("Enter")
    assert page.locator(".tg-opened").count() == 1
    assert page.locator(".tg-selected").get_attribute("data-node") in {node.id for node in hidden}
    page.locator(".tg-scrubber").fill("1")
    event = player.trace.events[5]
    page.locator(".tg-scrubber").fill("6")
    hint = page.get_by_role("button", name="where this step is")
    while hint.is_visible():
        hint.click()
    assert page.locator(f".tg-active[data-node={event.node}]").is_visible()


def test_hostile_names_of_groups_are_only_shown(browser_page: Callable[..., Any], tmp_path: Path) -> None:
    hidden, params = torch.tensor([[1.0, 2.0]]), {}
    for i in range(24):
        name = HOSTILE[i % len(HOSTILE)].replace(".", "")
        params[f"{i}{name}.w"] = w = torch.tensor([[0.5, 0.1], [0.2, 0.3]], requires_grad=True)
        hidden = (hidden @ w).tanh() if i % 2 else (hidden @ w).sin() * 2.0
    drawing = viz.draw(hidden.sum(), params=params, names={})
    page = browser_page()
    page.goto(drawing.save(tmp_path / "graph.html").as_uri())
    page.locator(".tg-stage").wait_for()
    closed = page.locator(".tg-figure .tg-group:not(.tg-shut)")
    assert closed.count() > 0
    for _ in range(12):
        if closed.count():
            closed.first.focus()
            page.keyboard.press("Enter")
    assert page.locator(".tg-opened").count() > 2
    assert page.locator(".tg-stage :is(script, img, style)").count() == 0


def test_a_drawing_opens_its_groups_and_finds_its_boxes_too(browser_page: Callable[..., Any], tmp_path: Path) -> None:
    graph = large_net(12).trace.graph
    page = browser_page()
    page.goto(Drawing(graph).save(tmp_path / "graph.html").as_uri())
    page.locator(".tg-stage").wait_for()
    assert page.locator(".tg-controls, .tg-timeline, .tg-leaves:visible").count() == 0
    group = page.locator(".tg-figure .tg-group:not(.tg-shut)").first
    group.focus()
    page.keyboard.press("Enter")
    assert page.locator(".tg-opened").count() == 1
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    assert "nodes in" in page.locator(".tg-sentence").inner_text()
    page.keyboard.press("/")
    page.keyboard.type("tanh")
    page.keyboard.press("Enter")
    assert "TanhBackward0" in page.locator(".tg-chosen").inner_text()
    assert "not yet" not in page.locator(".tg-stage").inner_text()
    assert violations(page, ".tg-player") == []


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
    assert "tg-near" in page.locator(".tg-bar").nth(step - 1).get_attribute("class")
    # What goes out lights its line and both its boxes; the line's number lights what goes out; keys do as the pointer does.
    sent = next(event for event in player.trace.events if event.kind == "contribute" and event.node == mul)
    page.locator(".tg-scrubber").fill(str(sent.index + 1))
    near = "document.querySelectorAll('.tg-figure .tg-near').length"
    page.locator(".tg-fact", has_text="gradient going out").hover()
    assert "tg-near" in page.locator(f"[data-edge={sent.edge}]").get_attribute("class")
    assert "tg-near" in page.locator(f"[data-node={mul}]").get_attribute("class")
    assert page.evaluate(near) >= 3
    page.locator(".tg-sentence").hover()
    assert page.evaluate(near) == 0
    page.locator(f"[data-edge={sent.edge}] .tg-edge-label").hover(force=True)
    assert "tg-near" in page.locator(".tg-fact", has_text="gradient going out").get_attribute("class")
    page.locator(".tg-sentence").hover()
    page.locator(".tg-lesson").focus()
    for line, op in ((0, mul), (1, "ExpBackward0")):
        page.keyboard.press("ArrowDown")
        assert "tg-near" in lines.nth(line).get_attribute("class")
        node = next(each.id for each in player.trace.graph.nodes if op in (each.id, each.op))
        assert "tg-near" in page.locator(f"[data-node={node}]").get_attribute("class")
    page.locator(".tg-rule mi", has_text="other").hover()  # what a name in the rule stands for
    x_box = next(node.id for node in player.trace.graph.nodes if node.kind == "leaf")
    assert "tg-near" in page.locator(f"[data-node={x_box}]").get_attribute("class")
    page.locator(f"[data-node={x_box}]").hover()
    assert "tg-near" in page.locator(".tg-rule mi", has_text="other").get_attribute("class")
    page.get_by_role("group", name="local rule").focus()
    assert "tg-near" in page.locator(f"[data-node={mul}]").get_attribute("class")
    page.keyboard.press("ArrowLeft")
    assert step_of(page) == sent.index
    page.keyboard.press("ArrowRight")  # the keys are still the player's when the rule is gone
    assert step_of(page) == sent.index + 1


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
