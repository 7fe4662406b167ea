"""The player on larger graphs: searching, zooming, the minimap, the timeline, what is odd about a gradient."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from players import large_net, long_chain, replay, step_of

import teachgrad as torch
from teachgrad import viz

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect
pytestmark = pytest.mark.browser


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
    assert not open_player(long_chain(20)).locator(".tg-map").is_visible()
    player = large_net(60)
    assert len(player.trace.graph.nodes) > 150
    page = open_player(player)
    assert page.locator(".tg-map rect").count() == 1 + len(player.shown.graph.nodes)
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


def test_the_sign_of_a_large_gradient_stands_on_its_line(open_player: Callable[..., Any]) -> None:
    x = torch.tensor([[float(i - j) for i in range(4)] for j in range(4)], requires_grad=True)
    page = open_player(viz.animate((x * x * 2.0).sum() - x.sum(), names={"x": x}))
    page.locator(".tg-last").click()
    labels = set(page.locator(".tg-edge-label").all_text_contents())
    assert {"± 4×4, mean 0", "+ 4×4, mean 2", "− 4×4, mean -1"} <= labels


def test_a_film_plays_as_an_image(browser_page: Callable[..., Any], tmp_path: Path) -> None:
    film = replay().save(tmp_path / "film.anim.svg")
    page = browser_page()
    (tmp_path / "page.html").write_text(f'<img src="{film.name}" alt="">')
    page.goto((tmp_path / "page.html").as_uri())
    seen = set()
    for _ in range(4):
        seen.add(page.locator("img").screenshot())
        page.wait_for_timeout(1500)
    assert len(seen) > 2


def test_large_arrays_are_summed_up_in_pictures(open_player: Callable[..., Any]) -> None:
    x = torch.tensor([[float(i - j) for i in range(16)] for j in range(16)], requires_grad=True)
    page = open_player(viz.animate((x * x).sum(), names={"x": x}))
    page.locator("[data-kind=leaf]").click()
    chosen = page.locator(".tg-chosen .tg-fact").first
    assert "min −15 mean 0 max 15" in " ".join(chosen.locator(".tg-stats").inner_text().split())
    assert chosen.locator(".tg-histogram rect").count() == 16
    assert chosen.locator(".tg-thumbnail rect").count() == 64
    assert chosen.locator(".tg-thumbnail .tg-below path").count() == 28
