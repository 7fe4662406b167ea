"""The player and the Stepper inside a real JupyterLab: run, step, save, open again, convert."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from accessibility import violations

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect
pytest.importorskip("anywidget", reason="anywidget is not installed")
pytestmark = [pytest.mark.browser, pytest.mark.slow]

TENSORS = """
import teachgrad as torch
from teachgrad import viz
x = torch.tensor(3.0, requires_grad=True)
y = torch.tensor(-2.0, requires_grad=True)
"""
LESSON = [
    TENSORS,
    "viz.animate(x * y + x)",
    "stepper = viz.Stepper(x * y + x)\nstepper",
]
PLAYER, STEPPER = 1, 2  # the cells that show them


def step_of(cell: Any) -> int:
    return int(re.match(r"Step (\d+) of", cell.locator(".tg-kind").text_content())[1])  # in a hidden cell too


@pytest.fixture
def lesson(jupyter_page: Callable[..., Any]) -> Any:
    notebook = jupyter_page(LESSON)
    notebook.run_all()
    for number in (PLAYER, STEPPER):
        notebook.cell(number).locator(".tg-stage").wait_for()
    assert notebook.watch.errors == []
    return notebook


def test_the_player_steps_and_jupyterlab_keeps_its_hands_off(lesson: Any) -> None:
    cell, keyboard = lesson.cell(PLAYER), lesson.page.keyboard
    cell.locator(".tg-next").click()
    assert step_of(cell) == 1
    cells = lesson.page.locator(".jp-Cell").count()
    # Plain letters are JupyterLab's shortcuts: new cell above and below, delete, cut, to markdown, copy, paste.
    for key in ("a", "b", "d", "d", "x", "m", "c", "v", "Enter", "ArrowUp", "ArrowDown"):
        keyboard.press(key)
    assert lesson.page.locator(".jp-Cell").count() == cells
    for key, step in [("ArrowRight", 2), ("End", 10), ("ArrowLeft", 9), ("Home", 0)]:
        keyboard.press(key)
        assert step_of(cell) == step, key
    keyboard.press("Space")
    expect(cell.locator(".tg-kind")).to_contain_text("Step 1 ")
    keyboard.press("Space")
    assert cell.locator(".tg-play").get_attribute("aria-label") == "Play"


def test_what_the_learner_does_python_reads(lesson: Any) -> None:
    cell = lesson.cell(STEPPER)
    cell.locator(".tg-next").click()
    lesson.wait_for("stepper.step", 1)
    assert lesson.evaluate("stepper.sentence == stepper.trace.events[0].sentence")
    lesson.page.keyboard.press("ArrowRight")
    lesson.wait_for("stepper.step", 2)
    cell.locator(".tg-scrubber").fill("7")
    lesson.wait_for("stepper.step", 7)
    cell.locator(".tg-speed").select_option("2")
    lesson.wait_for("stepper.speed", 2.0)
    cell.locator("[data-node]").first.click()
    lesson.wait_for("stepper.selected", "n0")
    lesson.page.keyboard.press("Home")
    lesson.page.keyboard.press("Space")
    lesson.wait_for("stepper.playing", True)
    lesson.page.keyboard.press("Space")
    lesson.wait_for("stepper.playing", False)


def test_what_python_does_the_learner_sees(lesson: Any) -> None:
    cell = lesson.cell(STEPPER)
    lesson.evaluate("stepper.last()")
    expect(cell.locator(".tg-kind")).to_contain_text("Step 10 ")
    lesson.evaluate("setattr(stepper, 'selected', 'n1')")
    expect(cell.locator(".tg-chosen")).to_be_visible()
    lesson.evaluate("stepper.set_trait('speed', 4.0)")
    expect(cell.locator(".tg-speed")).to_have_value("4")
    lesson.evaluate("stepper.play()")  # from the end: once more from the start
    lesson.wait_for("(stepper.playing, stepper.step)", (False, 10))


def test_two_views_of_one_stepper_keep_one_time(jupyter_page: Callable[..., Any]) -> None:
    watch = (
        "import time\ntimes = []\nstepper.observe(lambda change: times.append(time.monotonic()), names='step')\nstepper"
    )
    lesson = jupyter_page([*LESSON, watch])
    lesson.run_all()
    for number in (STEPPER, STEPPER + 1):
        lesson.cell(number).locator(".tg-stage").wait_for()
    lesson.evaluate("setattr(stepper, 'speed', 4.0)")
    lesson.evaluate("stepper.play()")
    lesson.wait_for("stepper.step", 10)
    lesson.wait_for("stepper.playing", False)
    for number in (STEPPER, STEPPER + 1):
        expect(lesson.cell(number).locator(".tg-kind")).to_contain_text("Step 10 ")
    assert lesson.evaluate("len(times)") == 10
    assert lesson.evaluate("times[-1] - times[0]") > 9 * 0.35 * 0.8  # two drivers would take half of that


def test_a_saved_notebook_plays_again_and_untrusted_keeps_the_picture(
    lesson: Any, jupyter_page: Callable[..., Any], jupyter_server: tuple[str, Path], tmp_path: Path
) -> None:
    lesson.save()
    saved = jupyter_server[1] / "lesson.ipynb"
    again = jupyter_page(saved, "again.ipynb")
    stage = again.cell(PLAYER).locator(".tg-stage")
    stage.wait_for()
    again.cell(PLAYER).locator(".tg-next").click()
    assert step_of(again.cell(PLAYER)) == 1

    # Another text has no signature on this machine, as if it came by mail.
    mailed = tmp_path / "mailed.ipynb"
    notebook = json.loads(saved.read_text())
    notebook["cells"][0]["source"] = ["# mailed"]
    mailed.write_text(json.dumps(notebook))
    untrusted = jupyter_page(mailed, "mailed.ipynb")
    cell = untrusted.cell(PLAYER)
    picture = cell.locator("img[src^='data:image/svg+xml']")
    picture.wait_for()
    assert picture.evaluate("image => image.naturalWidth") > 100
    assert cell.locator(".tg-stage").count() == 0
    assert "not yet" not in cell.inner_text()  # no stray words of the player
    cell.locator("summary").click()
    assert "AddBackward0" in cell.locator("table").inner_text()


def test_a_large_drawing_opens_its_groups_in_the_notebook(jupyter_page: Callable[..., Any]) -> None:
    large = """
h = x
for i in range(80):
    h = (h * y).sin() if i % 3 else h.exp() - x if i % 7 else h + i
drawing = viz.draw(h)
drawing
"""
    notebook = jupyter_page([TENSORS, large])
    notebook.run_all()
    cell = notebook.cell(1)
    cell.locator(".tg-stage").wait_for()
    group = cell.locator(".tg-figure .tg-group:not(.tg-shut)").first
    name, boxes = group.get_attribute("data-node"), cell.locator("[data-node]").count()
    assert notebook.evaluate(f"{name!r} in [node.id for node in drawing.shown.nodes]")
    group.focus()
    notebook.page.keyboard.press("Enter")
    assert cell.locator(f".tg-opened[data-group={name}]").count() == 1
    assert cell.locator("[data-node]").count() > boxes
    for key in ("b", "a", "f"):  # JupyterLab's shortcuts are not meant
        notebook.page.keyboard.press(key)
    assert notebook.page.locator(".jp-Notebook .jp-Cell").count() == 2
    notebook.page.keyboard.press("Backspace")
    assert cell.locator("[data-node]").count() == boxes
    assert notebook.watch.errors == []


def test_a_comparison_steps_together_in_the_notebook(jupyter_page: Callable[..., Any]) -> None:
    compare = 'viz.compare(viz.animate(x * y + x), viz.animate(x.detach() * y + x), ("x * y", "x.detach() * y"))'
    notebook = jupyter_page([TENSORS, compare], color_scheme="dark")
    notebook.run_all()
    cell = notebook.cell(1)
    cell.locator(".tg-stage").nth(1).wait_for()
    sides = [cell.locator(".tg-pair > section").nth(i) for i in range(2)]
    sides[1].locator(".tg-last").click()
    assert [step_of(side) for side in sides] == [10, 9]
    notebook.page.keyboard.press("Home")
    assert [step_of(side) for side in sides] == [0, 0]
    assert "step only in x * y" in cell.locator(".tg-differences").inner_text()
    assert violations(notebook.page, ".jp-OutputArea-output .tg-pair") == []
    assert notebook.watch.errors == []


def test_nbconvert_makes_a_page_that_plays_offline(
    lesson: Any, jupyter_server: tuple[str, Path], browser_page: Callable[..., Any], tmp_path: Path
) -> None:
    from nbconvert import HTMLExporter

    lesson.save()
    notebook = nbformat.read(jupyter_server[1] / "lesson.ipynb", as_version=4)
    body, _ = HTMLExporter(template_name="basic").from_notebook_node(notebook)
    (tmp_path / "lesson.html").write_text(f"<!doctype html><meta charset=utf-8><body>{body}", "utf-8")
    page = browser_page()
    page.goto((tmp_path / "lesson.html").as_uri())
    page.locator(".tg-stage").nth(1).wait_for()  # the player, and the Stepper's stand-in without its kernel
    for player in page.locator(".tg-player").all():
        player.locator(".tg-next").click()
        assert step_of(player) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_at_home_in_both_themes(
    jupyter_page: Callable[..., Any], jupyter_server: tuple[str, Path], scheme: str
) -> None:
    notebook = jupyter_page(LESSON[:2])
    theme = f"JupyterLab {scheme.title()}"
    notebook.page.evaluate(
        "(theme) => { window.jupyterapp.commands.execute('apputils:change-theme', { theme }); }", theme
    )
    light = str(scheme == "light").lower()
    notebook.page.locator(f"body[data-jp-theme-light={light}]").wait_for(state="attached")
    notebook.run_all()
    player = notebook.cell(PLAYER).locator(".tg-player")
    player.locator(".tg-last").click()
    paper = player.evaluate("element => getComputedStyle(element).backgroundColor")
    assert (int(re.search(r"\d+", paper)[0]) < 60) == (scheme == "dark")
    aligned = player.locator("th").first.evaluate("element => getComputedStyle(element).textAlign")
    assert aligned == "left"  # the notebook's own table style stays outside
    # and so does its height for every SVG
    timeline = player.locator(".tg-timeline").bounding_box()
    assert timeline is not None and timeline["height"] < 40


def test_predict_by_typing_clicking_and_key(jupyter_page: Callable[..., Any]) -> None:
    notebook = jupyter_page([TENSORS, "stepper = viz.Stepper(x * y + x, mode='predict')\nstepper"])
    notebook.run_all()
    cell, keyboard = notebook.cell(1), notebook.page.keyboard
    cell.locator(".tg-stage").wait_for()
    cell.locator(".tg-last").click()  # leads to the question, and no further
    expect(cell.locator(".tg-question label")).to_contain_text("Which node runs next?")
    assert step_of(cell) == 1
    assert cell.locator(".tg-bar").count() == 1  # nothing of what is to come
    node = notebook.evaluate("stepper.trace.events[1].node")
    cell.locator(f"[data-node={node}]").click()
    notebook.wait_for("stepper.score['right']", 1)
    expect(cell.locator(".tg-feedback")).to_contain_text("✓ Right.")
    expect(cell.locator(".tg-question label")).to_contain_text("sends to MulBackward0")
    keyboard.press("ArrowRight")  # the question has the keyboard now
    keyboard.type("7")
    keyboard.press("Enter")
    notebook.wait_for("stepper.score['asked']", 2)
    expect(cell.locator(".tg-feedback")).to_contain_text("✗ Not quite. AddBackward0 sends 1 to MulBackward0")
    cell.get_by_label("What is the gradient that AddBackward0 sends to x?").fill("one")
    keyboard.press("Enter")
    expect(cell.locator(".tg-feedback")).to_contain_text("An answer is a number")
    cell.get_by_role("button", name="Show me").click()
    expect(cell.locator(".tg-score")).to_have_text("1 of 3 right")
    assert notebook.evaluate("stepper.step") == 4
    assert violations(notebook.page, ".jp-OutputArea-output .tg-player") == []


def test_the_live_backward_waits_for_the_learner(jupyter_page: Callable[..., Any]) -> None:
    notebook = jupyter_page([TENSORS, "stepper = viz.Stepper(lambda: x * y + x, live=True)\nstepper"])
    notebook.run_all()
    cell = notebook.cell(1)
    cell.locator(".tg-stage").wait_for()
    assert notebook.evaluate("(stepper.steps, x.grad)") == (0, None)
    for number in range(1, 8):
        cell.locator(".tg-next").click()
        expect(cell.locator(".tg-kind")).to_contain_text(f"Step {number}, live")
    assert notebook.evaluate("x.grad") is None
    cell.locator(".tg-next").click()
    notebook.wait_for("x.grad is not None and x.grad.item()", -1.0)
    assert notebook.evaluate("y.grad") is None
    assert cell.locator(".tg-rule math").count() == 0
    cell.locator(".tg-back").click()
    expect(cell.locator(".tg-rule math").first).to_be_visible()
    notebook.evaluate("(x.data.fill_(5.0), stepper.rerun()) and None")
    expect(cell.locator(".tg-kind")).to_contain_text("Step 0, live")
    cell.locator(".tg-last").click()
    expect(cell.locator(".tg-kind")).to_contain_text("Step 10 of 10")
    assert notebook.evaluate("(x.grad.item(), y.grad.item())") == (-1.0, 5.0)
    assert notebook.watch.errors == []


def test_axe_finds_nothing_in_the_cell(lesson: Any) -> None:
    for number in (PLAYER, STEPPER):
        lesson.cell(number).locator(".tg-last").click()
    assert violations(lesson.page, ".jp-OutputArea-output .tg-player") == []
