"""The player in a real browser: what a learner sees and does, and what hostile names do not do."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from accessibility import violations

import teachgrad as torch
from teachgrad import viz
from teachgrad.viz.html import Player

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect
pytestmark = pytest.mark.browser

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "]]><script>alert(1)</script>",
    "\"'`${alert(1)}&lt;",
    "nul\0nul",
    "שלום ‮abc",
    "👩‍👧 🙂",
]


def replay(*names: str, title: str = "z") -> Player:
    """z = x * y + x at x = 3, y = -2: fan-out, both signs, and one leaf reached twice."""
    x = torch.tensor(3.0, requires_grad=True)
    y = torch.tensor(-2.0, requires_grad=True)
    z = x * y + x
    return viz.animate(z, names=dict(zip(names or ("x", "y"), (x, y), strict=True)) | {title: z})


def matrices() -> Player:
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    big = torch.tensor([[1.0] * 10] * 2, requires_grad=True)
    loss = (x @ big).sum()
    return viz.animate(loss)


@pytest.fixture
def open_player(browser_page: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """``open_player(player, **options)``: the saved page in a browser, with the player standing."""

    def open_it(player: Player, **options: Any) -> Any:
        page = browser_page(**options)
        page.goto(player.save(tmp_path / "replay.html").as_uri())
        page.locator(".tg-stage").wait_for()
        return page

    return open_it


def long_chain(length: int) -> Player:
    x = torch.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(length):
        y = y * 1.01
    return viz.animate(y, names={"x": x, "result": y})


def step_of(scope: Any) -> int:
    return int(re.match(r"Step (\d+) of", scope.locator(".tg-kind").inner_text())[1])


def plain(text: str) -> str:
    """As the trace writes it: the page shows real minus signs, and a plus before a positive scalar."""
    return text.replace("−", "-").replace("+", "")


def facts(scope: Any) -> dict[str, str]:
    terms = scope.locator(".tg-facts .tg-fact")
    pairs = [terms.nth(i).locator("dt, dd").all_inner_texts() for i in range(terms.count())]
    return {term: plain(text) for term, text in pairs}


def leaves(scope: Any) -> dict[str, list[str]]:
    rows = scope.locator(".tg-leaves tbody tr")
    cells = [rows.nth(i).locator("th, td").all_inner_texts() for i in range(rows.count())]
    return {name: [plain(text) for text in rest] for name, *rest in cells}


def test_every_step_shows_the_numbers_of_the_trace(open_player: Callable[..., Any]) -> None:
    player = replay()
    page = open_player(player)
    assert step_of(page) == 0
    assert "no gradient has flowed yet" in page.locator(".tg-sentence").inner_text()
    for number, event in enumerate(player.trace.events, 1):
        page.locator(".tg-next").click()
        assert step_of(page) == number
        assert plain(page.locator(".tg-sentence").inner_text()) == plain(event.sentence)
        shown = facts(page)
        for term, value in (("gradient coming in", event.gradient), ("gradient going out", event.out)):
            if value and event.kind != "seed":
                assert shown[term] == value.text
        if event.rule:
            assert page.locator(".tg-rule math").count() == 1 + len(event.rule.filled.split(" = "))
        if event.kind == "accumulate":
            assert shown[".grad"] == f"None → {event.after.text}"
        active = page.locator(".tg-node.tg-active").evaluate_all("nodes => nodes.map((g) => g.dataset.node)")
        assert event.node in active
        if event.edge:
            edge = page.locator(f"[data-edge={event.edge}]")
            assert "tg-active" in edge.get_attribute("class")
            assert plain(edge.locator(".tg-edge-label").text_content()) == (event.delta or event.out).text


def test_nothing_reads_zero_before_it_arrives(open_player: Callable[..., Any]) -> None:
    page = open_player(replay())
    assert leaves(page) == {"x": ["None", "not yet", "not yet"], "y": ["None", "not yet", "not yet"]}
    assert set(page.locator(".tg-grad").all_text_contents()) == {"grad: not yet"}
    assert set(page.locator(".tg-edge-label").all_text_contents()) == {""}
    page.keyboard.press("Tab")
    page.keyboard.press("End")
    assert leaves(page) == {"x": ["None", "-1.", "-1."], "y": ["None", "3.", "3."]}


def test_a_leaf_reached_twice_says_how_many_are_here(open_player: Callable[..., Any]) -> None:
    player = replay()
    page = open_player(player)
    sends = [e for e in player.trace.events if e.kind == "contribute"]
    twice = next(e for e in player.trace.graph.edges if e.id == sends[1].edge).target
    page.locator(".tg-scrubber").fill(str(sends[1].index + 1))
    assert page.locator(f"[data-node={twice}] .tg-grad").text_content() == "1 of 2 here"


def test_back_and_jumps_agree_with_forward(open_player: Callable[..., Any]) -> None:
    player = replay()
    page = open_player(player)
    shown = [page.locator(".tg-stage").text_content()]
    for _ in player.trace.events:
        page.locator(".tg-next").click()
        page.locator(".tg-pulse").wait_for(state="detached")
        shown.append(page.locator(".tg-stage").text_content())
    for number in reversed(range(len(player.trace.events))):
        page.locator(".tg-back").click()
        assert page.locator(".tg-stage").text_content() == shown[number]
    for number in (7, 2, 9, 0, 5):
        page.locator(".tg-scrubber").fill(str(number))
        assert page.locator(".tg-stage").text_content() == shown[number]
    page.locator(".tg-last").click()
    assert step_of(page) == len(player.trace.events)
    page.locator(".tg-first").click()
    assert step_of(page) == 0


def test_the_keyboard_does_everything_and_moves_no_page(open_player: Callable[..., Any]) -> None:
    player = replay()
    page = open_player(player, viewport={"width": 700, "height": 400}, reduced_motion="reduce")
    page.keyboard.press("Tab")
    place = page.evaluate("scrollY")
    for key, step in [("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", 10), ("Home", 0)]:
        page.keyboard.press(key)
        assert step_of(page) == step, key
    page.keyboard.press("Space")
    assert page.locator(".tg-play").get_attribute("aria-label") == "Pause"
    expect(page.locator(".tg-kind")).to_contain_text("Step 1 ")
    page.keyboard.press("Escape")
    assert page.locator(".tg-play").get_attribute("aria-label") == "Play"
    assert page.evaluate("scrollY") == place


def test_space_on_a_focused_button_presses_that_button(open_player: Callable[..., Any]) -> None:
    page = open_player(replay())
    page.locator(".tg-next").focus()
    page.keyboard.press("Space")
    assert step_of(page) == 1
    assert page.locator(".tg-play").get_attribute("aria-label") == "Play"


def test_nothing_plays_until_asked_and_playing_ends_at_the_end(open_player: Callable[..., Any]) -> None:
    page = open_player(replay())
    page.wait_for_timeout(1600)
    assert step_of(page) == 0
    page.locator(".tg-speed").select_option("4")
    page.locator(".tg-scrubber").fill("8")
    page.locator(".tg-play").click()
    expect(page.locator(".tg-kind")).to_contain_text("Step 10 ")
    assert page.locator(".tg-play").get_attribute("aria-label") == "Play"
    assert page.locator(".tg-next").get_attribute("aria-disabled") == "true"


def test_a_pulse_runs_only_where_motion_is_welcome(open_player: Callable[..., Any]) -> None:
    for motion, pulses in (("no-preference", 1), ("reduce", 0)):
        page = open_player(replay(), reduced_motion=motion)
        page.locator(".tg-next").click()
        assert page.locator(".tg-pulse").count() == pulses
        page.wait_for_timeout(900)
        assert page.locator(".tg-pulse").count() == 0


def test_a_node_shows_its_rules_by_mouse_and_by_key(open_player: Callable[..., Any]) -> None:
    player = replay()
    page = open_player(player)
    (mul,) = [node.id for node in player.trace.graph.nodes if node.op == "MulBackward0"]
    page.locator(f"[data-node={mul}]").click()
    chosen = page.locator(".tg-chosen")
    assert "MulBackward0" in chosen.inner_text()
    assert chosen.locator(".tg-rule").count() == 2
    assert chosen.get_by_text("not yet").count() == 3  # its gradient, and what it sends to x and y
    page.keyboard.press("End")
    assert chosen.get_by_text("not yet").count() == 0
    page.keyboard.press("Escape")
    assert not chosen.is_visible()
    page.locator(f"[data-node={mul}]").focus()
    page.keyboard.press("Enter")
    assert chosen.is_visible()
    assert page.locator(f"[data-node={mul}]").get_attribute("aria-pressed") == "true"


def test_matrices_are_whole_up_to_nine_numbers(open_player: Callable[..., Any]) -> None:
    player = matrices()
    page = open_player(player)
    page.keyboard.press("Tab")
    page.keyboard.press("End")
    rows = page.locator(".tg-leaves tbody tr")
    assert rows.nth(0).locator("td").nth(2).locator("mn").all_text_contents() == ["10.", "10.", "10.", "10."]
    assert "2×10" in leaves(page)["big"][2]


def test_every_control_has_a_name_and_a_visible_focus(open_player: Callable[..., Any]) -> None:
    page = open_player(replay())
    controls = page.locator(".tg-controls :is(button, input, select)")
    names = controls.evaluate_all("all => all.map((control) => control.getAttribute('aria-label'))")
    assert names == ["First step", "Back one step", "Next step", "Last step", "Step", "Play", "Playing speed"]
    stops = page.locator(".tg-stage, .tg-stage :is(button, input, select, [data-node])").count()
    for _ in range(stops):
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", page.evaluate("document.activeElement.outerHTML")
    assert page.evaluate("document.activeElement.matches('.tg-stage *')")


def test_the_sentence_is_announced(open_player: Callable[..., Any]) -> None:
    page = open_player(replay())
    assert page.locator(".tg-sentence").get_attribute("aria-live") == "polite"
    page.locator(".tg-next").click()
    assert "backward() starts" in page.locator(".tg-scrubber").get_attribute("aria-valuetext")


def test_copies_on_one_page_are_independent(browser_page: Callable[..., Any], tmp_path: Path) -> None:
    page = browser_page()
    same, other = replay().html(), matrices().html()
    (tmp_path / "several.html").write_text(f"<!doctype html><body>{same}{same}{other}", "utf-8")
    page.goto((tmp_path / "several.html").as_uri())
    page.locator(".tg-stage").nth(2).wait_for()
    first, second, third = (page.locator(".tg-player").nth(i) for i in range(3))
    first.locator(".tg-next").click()
    first.locator(".tg-next").click()
    third.locator(".tg-last").click()
    assert [step_of(copy) for copy in (first, second)] == [2, 0]
    assert step_of(third) == len(matrices().trace.events)
    ids = page.locator("[id]").evaluate_all("all => all.map((element) => element.id)")
    assert len(ids) == len(set(ids)) > 0


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_only_shown(open_player: Callable[..., Any], name: str) -> None:
    page = open_player(replay(name, "y", title=f"z{name}"))  # its fixture fails on any dialog, error or request
    for node in page.locator("[data-node]").all():
        node.click()
    page.locator(".tg-last").click()
    assert len(leaves(page)) == 2
    assert page.locator("img[src=x], script:not(.tg-data, [type=module])").count() == 0


def test_the_same_in_a_cell_without_the_pages_policy(browser_page: Callable[..., Any], tmp_path: Path) -> None:
    page = browser_page()
    cells = "".join(replay(name, "y").html() for name in HOSTILE)
    (tmp_path / "cells.html").write_text(f"<!doctype html><meta charset=utf-8><body>{cells}", "utf-8")
    page.goto((tmp_path / "cells.html").as_uri())
    page.locator(".tg-stage").nth(len(HOSTILE) - 1).wait_for()
    for last in page.locator(".tg-last").all():
        last.click()
    page.wait_for_timeout(200)


def test_without_scripts_the_picture_and_the_table_stay(browser_page: Callable[..., Any], tmp_path: Path) -> None:
    page = browser_page(java_script_enabled=False)
    player = replay()
    page.goto(player.save(tmp_path / "replay.html").as_uri())
    assert page.locator("img.tg-still").is_visible()
    assert page.locator(".tg-events tbody tr").count() == len(player.trace.events)
    assert page.locator(".tg-events tbody tr").first.is_visible()
    assert page.locator(".tg-stage").count() == 0


def test_a_broken_trace_leaves_the_picture(chromium: Any, tmp_path: Path) -> None:
    page = chromium.new_page()
    cell = replay().html().replace('"events":[', '"events":7,"was":[')
    (tmp_path / "broken.html").write_text(f"<!doctype html><body>{cell}", "utf-8")
    with page.expect_event("pageerror"):
        page.goto((tmp_path / "broken.html").as_uri())
    assert page.locator("img.tg-still").is_visible()
    assert page.locator(".tg-stage").count() == 0
    page.close()


def test_print_shows_the_end_and_the_table(open_player: Callable[..., Any]) -> None:
    player = replay()
    page = open_player(player)
    page.locator(".tg-next").click()
    page.emulate_media(media="print")
    expect(page.locator(".tg-events")).to_have_attribute("open", "")
    assert step_of(page) == len(player.trace.events)
    assert not page.locator(".tg-controls").is_visible()
    page.emulate_media(media="screen")
    expect(page.locator(".tg-events")).not_to_have_attribute("open", "")
    assert step_of(page) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [600, 700, 1100, 1200])
def test_it_fits_the_page_in_both_colours(open_player: Callable[..., Any], width: int, scheme: str) -> None:
    page = open_player(matrices(), viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.locator(".tg-last").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    side = page.locator(".tg-panel").bounding_box()["x"] > width / 2
    assert side == (width >= 1000)
    red, green, blue = (
        int(part)
        for part in re.findall(
            r"\d+", page.evaluate("getComputedStyle(document.querySelector('.tg-player')).backgroundColor")
        )
    )
    assert (max(red, green, blue) < 60) == (scheme == "dark")


def test_jupyters_own_theme_wins_over_the_systems(browser_page: Callable[..., Any], tmp_path: Path) -> None:
    for scheme, lab_is_light in (("light", "false"), ("dark", "true")):
        page = browser_page(color_scheme=scheme)
        body = f'<!doctype html><body data-jp-theme-light="{lab_is_light}">{replay().html()}'
        (tmp_path / "lab.html").write_text(body, "utf-8")
        page.goto((tmp_path / "lab.html").as_uri())
        page.locator(".tg-stage").wait_for()
        look = "getComputedStyle(document.querySelector('{}')).{}"
        paper = page.evaluate(look.format(".tg-player", "backgroundColor"))
        panel = page.evaluate(look.format(".tg-controls", "backgroundColor"))
        dark = [int(re.search(r"\d+", colour)[0]) < 60 for colour in (paper, panel)]
        assert dark == [lab_is_light == "false"] * 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(open_player: Callable[..., Any], scheme: str) -> None:
    page = open_player(matrices(), color_scheme=scheme)
    assert violations(page, "html") == []
    page.keyboard.press("Tab")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.locator("[data-node]").nth(2).click()
    page.locator("summary").click()
    assert violations(page, "html") == []
    page.locator(".tg-last").click()
    assert violations(page, "html") == []


def test_search_finds_by_key_and_goes_from_hit_to_hit(open_player: Callable[..., Any]) -> None:
    player = replay()
    page = open_player(player)
    page.keyboard.press("Tab")
    page.keyboard.press("/")
    page.keyboard.type("backward")
    found = page.locator(".tg-found")
    assert found.count() == 2
    assert page.locator(".tg-count").inner_text() == "2 found"
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert page.locator(".tg-count").inner_text() == "2 of 2"
    last = [node.id for node in player.trace.graph.nodes if node.kind == "op"][-1]
    assert page.locator(".tg-selected").get_attribute("data-node") == last
    page.keyboard.press("Escape")
    assert found.count() == 0
    page.keyboard.press("ArrowRight")  # the keys are the player's again
    assert step_of(page) == 1


def test_zoom_and_pan_leave_the_page_its_wheel(open_player: Callable[..., Any]) -> None:
    page = open_player(long_chain(20), viewport={"width": 1100, "height": 500})
    figure = page.locator(".tg-figure")
    width = "document.querySelector('.tg-figure > svg').getBoundingClientRect().width"
    top = "document.querySelector('.tg-figure').scrollTop"
    box = figure.bounding_box()
    before, place = page.evaluate(width), page.evaluate(top)
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.mouse.wheel(0, 120)
    page.wait_for_timeout(400)
    assert page.evaluate("scrollY") > 0
    assert (page.evaluate(width), page.evaluate(top)) == (before, place)
    scrolled = page.evaluate("scrollY")
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    page.wait_for_timeout(400)
    assert page.evaluate(width) > before * 1.2
    assert page.evaluate("scrollY") == scrolled
    page.get_by_role("button", name="Zoom out").click()
    page.keyboard.press("f")
    inside = "(() => { const [f, s] = ['.tg-figure', '.tg-figure > svg'].map((q) => document.querySelector(q)"
    inside += ".getBoundingClientRect()); return s.height <= f.height && s.width <= f.width; })()"
    assert page.evaluate(inside)
    for _ in range(6):
        page.get_by_role("button", name="Zoom in").click()
    start = page.evaluate(top)
    page.mouse.move(box["x"] + 30, box["y"] + 150)
    page.mouse.down()
    page.mouse.move(box["x"] + 30, box["y"] + 100, steps=4)
    page.mouse.up()
    assert page.evaluate(top) != start


def test_a_minimap_stands_in_large_pictures_only(open_player: Callable[..., Any]) -> None:
    assert open_player(long_chain(20)).locator(".tg-map").count() == 0
    page = open_player(long_chain(160))
    assert page.locator(".tg-map rect").count() == 164
    top = "document.querySelector('.tg-figure').scrollTop"
    box = page.locator(".tg-map").bounding_box()
    places = []
    for share in (0.1, 0.9):
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] * share)
        page.wait_for_timeout(100)
        places.append(page.evaluate(top))
    assert places[1] > places[0] + 1000


def test_the_timeline_has_a_bar_per_step_and_leads_there(open_player: Callable[..., Any]) -> None:
    player = replay()
    page = open_player(player)
    kinds = page.locator(".tg-bar").evaluate_all("all => all.map((bar) => bar.classList[1].slice(7))")
    assert kinds == [event.kind for event in player.trace.events]
    box = page.locator(".tg-timeline").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.65, box["y"] + 10)
    assert step_of(page) == 7


def test_what_is_odd_about_a_gradient_is_marked_and_said(open_player: Callable[..., Any]) -> None:
    x = torch.tensor([2.0, 3.0], requires_grad=True)
    small, zero, bad = x * 1e-9, x * 0.0, (x - x).sqrt()
    page = open_player(viz.animate((x + small + zero).sum() + bad.sum(), names={"x": x}))
    page.keyboard.press("Tab")
    page.keyboard.press("End")
    marks = set(page.locator(".tg-edge").evaluate_all("all => all.map((edge) => edge.dataset.mark)"))
    assert {"", "vanishing", "zero", "inf", "nan"} <= marks
    assert "▽ " in page.locator("[data-mark=vanishing] .tg-edge-label").first.text_content()
    words = set()
    for number in range(len(page.locator(".tg-bar").all())):
        page.locator(".tg-scrubber").fill(str(number + 1))
        words |= set(page.locator(".tg-mark").all_inner_texts())
    assert {word.split(":")[0] for word in words} >= {"∅ zero", "▽ vanishing", "! infinite", "! nan"}


def test_a_chosen_node_shows_its_way_to_the_leaves_and_its_neighbours(open_player: Callable[..., Any]) -> None:
    player = replay()
    page = open_player(player)
    nodes = player.trace.graph.nodes
    (mul,) = [node.id for node in nodes if node.op == "MulBackward0"]
    page.locator(f"[data-node={mul}]").click()
    dim = page.locator(".tg-node.tg-dim").evaluate_all("all => all.map((g) => g.dataset.node)")
    assert sorted(dim) == sorted(node.id for node in nodes if node.kind == "output" or node.op == "AddBackward0")
    page.locator(".tg-leaves tbody tr").nth(0).hover()
    assert "tg-near" in page.locator("[data-kind=leaf]").nth(0).get_attribute("class")
    page.locator("[data-kind=leaf]").nth(1).focus()
    assert "tg-near" in page.locator(".tg-leaves tbody tr").nth(1).get_attribute("class")


def test_large_arrays_are_summed_up_in_pictures(open_player: Callable[..., Any]) -> None:
    x = torch.tensor([[float(i - j) for i in range(16)] for j in range(16)], requires_grad=True)
    page = open_player(viz.animate((x * x).sum(), names={"x": x}))
    page.locator("[data-kind=leaf]").click()
    chosen = page.locator(".tg-chosen .tg-fact").first
    assert "min −15 mean 0 max 15" in " ".join(chosen.locator(".tg-stats").inner_text().split())
    assert chosen.locator(".tg-histogram rect").count() == 16
    assert chosen.locator(".tg-thumbnail rect").count() == 64
    assert chosen.locator(".tg-thumbnail .tg-below path").count() == 28
