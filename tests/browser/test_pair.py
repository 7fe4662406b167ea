"""Two replays side by side: whoever steps in one sees the other at the same moment, and what differs is marked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from accessibility import violations
from players import HOSTILE, leaves, step_of

import teachgrad as torch
from teachgrad import viz

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
pytestmark = pytest.mark.browser


def lesson(detach: bool) -> viz.Player:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    w = torch.tensor([3.0, 4.0], requires_grad=True)
    h = (x * w).detach() if detach else x * w
    return viz.animate((h * w).sum(), names={"x": x, "w": w, "h": h})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_step_together(browser_page: Callable[..., Any], tmp_path: Path, scheme: str) -> None:
    comparison = viz.compare(lesson(True), lesson(False), ("with detach", "without"))
    page = browser_page(color_scheme=scheme, viewport={"width": 1400, "height": 1000})
    page.goto(comparison.save(tmp_path / "pair.html").as_uri())
    page.locator(".tg-stage").nth(1).wait_for()
    first, second = (page.locator(".tg-pair > section").nth(i) for i in range(2))
    first.locator(".tg-next").click()
    assert (step_of(first), step_of(second)) == (1, 1)
    page.keyboard.press("ArrowRight")
    second.locator(".tg-last").click()
    assert (step_of(first), step_of(second)) == (7, 12)
    assert leaves(first)["w"][-1] == "[3., 8.]"
    assert leaves(second)["w"][-1] == "[6., 16.]"
    page.keyboard.press("Home")
    assert (step_of(first), step_of(second)) == (0, 0)
    assert second.locator(".tg-only[data-kind=leaf] .tg-mark").text_content() == "only here"
    assert first.locator(".tg-differs").count() == 2
    assert violations(page, ".tg-pair") == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_titles_are_only_shown(browser_page: Callable[..., Any], tmp_path: Path, name: str) -> None:
    x = torch.tensor(2.0, requires_grad=True)
    one, two = (viz.animate(x * x, names={name: x}) for _ in range(2))
    page = browser_page()
    page.goto(viz.compare(one, two, (name, f"{name}2")).save(tmp_path / "pair.html").as_uri())
    page.locator(".tg-stage").nth(1).wait_for()
    page.locator(".tg-stage").nth(0).locator(".tg-last").click()
    assert page.locator(".tg-pair h2").count() == 2
    assert page.locator(".tg-stage :is(script, img, style), h2 *, .tg-differences :is(script, img)").count() == 0


def test_the_same_replay_twice_is_two_players(browser_page: Callable[..., Any], tmp_path: Path) -> None:
    player = lesson(False)
    page = browser_page(viewport={"width": 1400, "height": 1000})
    page.goto(viz.compare(player, player).save(tmp_path / "pair.html").as_uri())
    page.locator(".tg-stage").nth(1).wait_for()
    page.locator(".tg-stage").nth(1).locator(".tg-next").click()
    assert [step_of(page.locator(".tg-pair > section").nth(i)) for i in range(2)] == [1, 1]
    assert page.locator(".tg-differences").inner_text() == "no differences"
