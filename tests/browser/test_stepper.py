"""The Stepper among other widgets: composed, linked, changed by the learner, closed, and opened without its kernel."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from accessibility import violations

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect
pytest.importorskip("anywidget", reason="anywidget is not installed")
pytestmark = [pytest.mark.browser, pytest.mark.slow]

TENSORS = """
import ipywidgets
import teachgrad as torch
from teachgrad import viz
x = torch.tensor(3.0, requires_grad=True)
y = torch.tensor([-2.0, 4.0], requires_grad=True)
"""


def test_it_composes_links_and_closes(jupyter_page: Callable[..., Any]) -> None:
    compose = """
stepper = viz.Stepper((x * y).sum())
slider = ipywidgets.IntSlider(min=0, max=stepper.steps)
linked = ipywidgets.jslink((stepper, "step"), (slider, "value"))
ipywidgets.VBox([slider, stepper])
"""
    notebook = jupyter_page([TENSORS, compose])
    notebook.run_all()
    cell = notebook.cell(1)
    cell.locator(".tg-stage").wait_for()
    assert cell.locator(".tg-player").count() == 1  # no stand-in inside a box
    cell.locator(".tg-next").click()
    cell.locator(".tg-next").click()
    notebook.wait_for("slider.value", 2)
    notebook.evaluate("setattr(slider, 'value', 5)")
    expect(cell.locator(".tg-kind")).to_contain_text("Step 5 of")
    notebook.evaluate("stepper.close()")
    expect(cell.locator(".tg-stage")).to_have_count(0)
    assert notebook.evaluate("slider.value") == 5
    assert notebook.watch.errors == []


@pytest.mark.parametrize("live", [True, False])
def test_the_learner_changes_a_leaf_and_runs_again(jupyter_page: Callable[..., Any], live: bool) -> None:
    notebook = jupyter_page([TENSORS, f"stepper = viz.Stepper(lambda: (x * y).sum(), live={live})\nstepper"])
    notebook.run_all()
    cell = notebook.cell(1)
    stage = cell.locator(".tg-stage")
    stage.wait_for()
    cell.locator(".tg-last").click()
    notebook.wait_for("y.grad.tolist()", [3.0, 3.0])
    stage.locator("[data-kind=leaf]").nth(0).click()
    assert violations(notebook.page, ".jp-OutputArea-output .tg-player") == []
    cell.get_by_label("New value of x").fill("5")
    notebook.page.keyboard.press("Enter")
    expect(cell.locator(".tg-kind")).to_contain_text("Step 0")
    cell.locator(".tg-last").click()
    notebook.wait_for("(x.item(), y.grad.tolist())", (5.0, [5.0, 5.0]))
    stage.locator("[data-kind=leaf]").nth(1).click()
    cell.get_by_label("Which entry of y").select_option("1")
    expect(cell.get_by_label("New value of y")).to_have_value("4")
    cell.get_by_label("New value of y").fill("many")
    cell.get_by_role("button", name="Run again").click()
    expect(cell.get_by_role("alert")).to_contain_text("A leaf holds numbers such as -1.5; got 'many'.")
    cell.get_by_label("New value of y").fill("-1")
    cell.get_by_role("button", name="Run again").click()
    notebook.wait_for("y.tolist()", [-2.0, -1.0])
    expect(cell.get_by_role("alert")).to_have_count(0)
    assert notebook.watch.errors == []


def test_an_interrupted_kernel_leaves_the_tensors_as_they_stood(jupyter_page: Callable[..., Any]) -> None:
    slow = """
import time
w, z = torch.tensor(2.0, requires_grad=True), y.sum()
far = z * w
for _ in range(100):
    far = far * 1.0
    far.register_hook(lambda grad: time.sleep(0.1))
stepper = viz.Stepper(far + x, live=True)
stepper
"""
    notebook = jupyter_page([TENSORS, slow])
    notebook.run_all()
    notebook.cell(1).locator(".tg-stage").wait_for()
    stop = """async () => {
        const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
        const run = kernel.requestExecute({ code: "stepper.last()" });
        await new Promise((done) => setTimeout(done, 2500));
        await kernel.interrupt();
        return (await run.done).content.ename;
    }"""
    assert notebook.page.evaluate(stop) == "KeyboardInterrupt"
    assert notebook.evaluate("stepper.trace.events[-1].kind != 'free' and len(stepper.trace.events) < 150")
    assert notebook.evaluate("(x.grad is not None, w.grad, y.grad)") == (
        True,
        None,
        None,
    )  # x was reached, nothing else
    assert notebook.evaluate("(lambda total: (total.backward(), w.grad.item()))(w * 3)[1]") == 3.0  # all works on
    assert notebook.watch.errors == []


def test_without_its_kernel_the_picture_stands_in(
    jupyter_page: Callable[..., Any], jupyter_server: tuple[str, Path], tmp_path: Path
) -> None:
    notebook = jupyter_page([TENSORS, "stepper = viz.Stepper((x * y).sum())\nstepper"], "stepper.ipynb")
    notebook.run_all()
    expect(notebook.cell(1).locator(".tg-stage")).to_have_count(1)  # the widget; its stand-in is hidden
    notebook.cell(1).locator(".tg-next").click()
    notebook.wait_for("stepper.step", 1)
    notebook.save()
    again = jupyter_page(jupyter_server[1] / "stepper.ipynb", "again.ipynb")
    cell = again.cell(1)
    expect(cell.locator(".tg-stage")).to_have_count(1)
    cell.locator(".tg-next").click()
    expect(cell.locator(".tg-kind")).to_contain_text("Step 1 of")
    expect(cell.get_by_text("model not found")).not_to_be_visible()
    mailed = json.loads((jupyter_server[1] / "stepper.ipynb").read_text())
    mailed["cells"][0]["source"] = ["# mailed"]
    (tmp_path / "mailed.ipynb").write_text(json.dumps(mailed))
    untrusted = jupyter_page(tmp_path / "mailed.ipynb", "mailed.ipynb").cell(1)
    expect(untrusted.locator("img.tg-still")).to_be_visible()
