"""The player in a real browser: what a learner sees and does, and what hostile names do not do."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from accessibility import violations
from players import HOSTILE, facts, leaves, matrices, plain, replay, step_of

from teachgrad.viz.assets import packed

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect
pytestmark = pytest.mark.browser


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
    cell, options = replay().html(), replay().options()
    data = re.search(r'class="tg-data">([^<]*)<', cell)[1]
    cell = cell.replace(data, packed({"trace": replay().trace.to_dict() | {"events": 7}, "css": "", **options}))
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
