"""The replay of a training: norms on the graph, iteration by iteration, by slider and by key."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from accessibility import violations

import teachgrad as torch
from teachgrad import nn, viz

pytestmark = pytest.mark.browser


@pytest.fixture
def watched() -> viz.watch:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    x = torch.randn(8, 3)
    with viz.watch(model) as w:
        for factor in (1.0, 10.0, 1e-9, 0.0):
            model.zero_grad()
            (model(x).sum() * factor).backward()
    return w


def test_the_slider_shows_every_norm_on_its_parameter(
    browser_page: Callable[..., Any], watched: viz.watch, tmp_path: Path
) -> None:
    page = browser_page()
    page.goto(watched.save(tmp_path / "norms.html").as_uri())
    page.locator(".tg-stage").wait_for()
    assert page.locator(".tg-kind").inner_text() == "Iteration 4 of 4"
    page.locator(".tg-stage").focus()
    page.keyboard.press("Home")
    for i, row in enumerate(watched.norms):
        assert page.locator(".tg-kind").inner_text() == f"Iteration {i + 1} of 4"
        shown = page.locator("[data-kind=parameter]").evaluate_all(
            "all => all.map((g) => [g.querySelector('.tg-title').textContent, g.querySelector('.tg-grad').textContent])"
        )
        assert sorted(name for name, _ in shown) == sorted(watched.names)
        for name, text in shown:
            assert float(text.removeprefix("norm ")) == pytest.approx(row[watched.names.index(name)], rel=5e-3)
        page.keyboard.press("ArrowRight")
    assert page.locator(".tg-odd").count() == 4
    assert "zero" in page.locator(".tg-sentence").inner_text()
    page.locator(".tg-scrubber").fill("2")
    assert "vanishing" in page.locator(".tg-scrubber").get_attribute("aria-valuetext")
    place = page.locator(".tg-cursor").get_attribute("x")
    page.keyboard.press("ArrowLeft")
    assert page.locator(".tg-cursor").get_attribute("x") != place
    page.get_by_role("button", name="Play").click()
    page.locator(".tg-kind", has_text="Iteration 4 of 4").wait_for()
    assert violations(page, ".tg-player") == []


def test_without_scripts_the_curves_and_the_table_stay(browser_page: Callable[..., Any], watched: viz.watch) -> None:
    page = browser_page(java_script_enabled=False)
    page.set_content(watched.html())
    assert page.locator("img.tg-still").is_visible()
    assert watched.names[0] in page.locator(".tg-events pre").text_content()
