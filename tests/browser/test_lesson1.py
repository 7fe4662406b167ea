"""Lesson 1 as a learner meets it: opened in JupyterLab, run, stepped through by mouse and by keyboard."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect
pytest.importorskip("anywidget", reason="anywidget is not installed")
pytestmark = [pytest.mark.browser, pytest.mark.slow]

LESSON = Path(__file__).parents[2] / "notebooks" / "01-what-a-graph-is.ipynb"
SOURCES = [cell.source for cell in nbformat.read(LESSON, as_version=4).cells]


def showing(start: str, which: int = 0) -> int:
    """The position of the cell whose source contains `start`."""
    return [i for i, source in enumerate(SOURCES) if start in source][which]


DRAWING, FIRST, SECOND = showing("viz.draw(Q)"), showing("viz.animate(Q"), showing("viz.animate(Q", 1)
STEPPER = showing("viz.Stepper(y)")


def number_shown(cell: Any, leaf: str) -> str:
    """What the player's table says that a leaf's .grad is now."""
    return str(cell.locator(f".tg-leaves tr:has(bdi:text-is('{leaf}')) td").last.text_content()).replace("−", "-")


def test_lesson_1(jupyter_page: Callable[..., Any]) -> None:
    lesson = jupyter_page(LESSON)
    # Without the saved outputs, so that no click can land on a player that is about to be replaced.
    lesson.page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    expect(lesson.page.locator(".tg-player, .tg-graph")).to_have_count(0)
    lesson.run_all()
    for number in (FIRST, SECOND, STEPPER):
        lesson.cell(number).locator(".tg-stage").wait_for(state="attached")
    assert lesson.watch.errors == []

    # The drawing is a picture of a, b and Q.
    drawing = lesson.cell(DRAWING).locator("svg.tg-graph")
    drawing.wait_for()
    for name in ("a", "b", "Q"):
        expect(drawing.locator(".tg-title", has_text=name).first).to_be_visible()

    # The first player: forward by mouse, back by keyboard, to the end; the numbers are those of `.grad`.
    player = lesson.cell(FIRST)
    player.locator(".tg-next").click()
    expect(player.locator(".tg-kind")).to_contain_text("Step 1 of")
    lesson.page.keyboard.press("ArrowRight")
    expect(player.locator(".tg-kind")).to_contain_text("Step 2 of")
    lesson.page.keyboard.press("ArrowLeft")
    expect(player.locator(".tg-kind")).to_contain_text("Step 1 of")
    assert number_shown(player, "a") == "not yet"
    player.locator(".tg-back").click()
    expect(player.locator(".tg-kind")).to_contain_text("Step 0 of")
    player.locator(".tg-last").click()
    assert number_shown(player, "a") == "[36., 81.]"
    assert number_shown(player, "b") == "[-12., -8.]"

    # The second player shows that gradients are added up.
    player = lesson.cell(SECOND)
    player.locator(".tg-last").click()
    assert number_shown(player, "a") == "[72., 162.]"

    # The Stepper: what Python set is shown; what the learner does, Python reads.
    stepper = lesson.cell(STEPPER)
    expect(stepper.locator(".tg-kind")).to_contain_text("Step 5 of")
    stepper.locator(".tg-next").click()
    lesson.wait_for("stepper.step", 6)
    lesson.page.keyboard.press("Home")
    lesson.wait_for("stepper.step", 0)
    lesson.page.keyboard.press("End")
    lesson.wait_for("stepper.step == stepper.steps", True)
    lesson.page.keyboard.press("ArrowLeft")
    lesson.wait_for("stepper.step == stepper.steps - 1", True)
    # JupyterLab may render the picture that stands in for the widget once more; it stays hidden beside the live one.
    last = stepper.locator(".tg-last:visible")
    expect(last).to_have_count(1)
    last.click()
    shown = float(number_shown(stepper, "w").lstrip("+"))
    assert shown == pytest.approx(lesson.evaluate("w.grad.item()"), rel=1e-3)
    assert lesson.watch.errors == []


def test_the_saved_lesson_plays_without_being_run(jupyter_page: Callable[..., Any]) -> None:
    lesson = jupyter_page(LESSON, "saved.ipynb")
    lesson.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:trust'); }")
    lesson.page.locator(".jp-Dialog .jp-mod-accept").click()
    player = lesson.cell(FIRST)
    player.locator(".tg-last").click()
    assert number_shown(player, "a") == "[36., 81.]"
