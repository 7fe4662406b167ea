"""The same notebook in Jupyter's other programs: run on its own, with a Python that has them.

    python -m venv /tmp/older
    /tmp/older/bin/pip install "jupyterlab~=4.4.0" "notebook~=7.4.0" ipywidgets anywidget
    TEACHGRAD_JUPYTER=/tmp/older/bin/python python -m pytest tests/browser/older_jupyters.py

Only the pages come from there; the kernel is that of the tests.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from conftest import JupyterPage, serving
from players import leaves, step_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TENSORS = """
import teachgrad as torch
from teachgrad import viz
x = torch.tensor([3.0, 0.5], requires_grad=True)
y = torch.tensor(-2.0, requires_grad=True)
"""
CELLS = [
    TENSORS,
    "viz.draw((x * y).sum())",
    "player = viz.animate((x * y + x).sum())\nplayer",
    "stepper = viz.Stepper((x * y).sum() * 2)\nstepper",
]
DRAWING, PLAYER, STEPPER = 1, 2, 3
PLACES = {"jupyterlab": "lab/tree/lesson.ipynb", "notebook": "notebooks/lesson.ipynb"}


@pytest.fixture(params=PLACES)
def notebook(request: pytest.FixtureRequest, chromium: Any, tmp_path: Path) -> Iterator[JupyterPage]:
    """The notebook above, open in each program, with everything run."""
    python = os.environ["TEACHGRAD_JUPYTER"]
    with serving(tmp_path, python, request.param) as (address, folder):
        kernel = {"kernelspec": {"name": "tests", "display_name": "tests"}}
        cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "lesson.ipynb")
        page = JupyterPage(chromium.new_context(viewport={"width": 1300, "height": 1000}).new_page())
        page.open(f"{address}/{PLACES[request.param]}?token=test")
        page.run_all()
        yield page
        page.page.context.close()
        assert page.watch.requests == []
        assert page.watch.errors == []


def test_it_steps_by_mouse_and_by_key_and_shows_the_gradients(notebook: JupyterPage) -> None:
    notebook.cell(DRAWING).locator(".tg-drawing svg [data-node]").first.wait_for()
    player, stepper = notebook.cell(PLAYER), notebook.cell(STEPPER)
    for cell in (player, stepper):
        cell.locator(".tg-stage").wait_for()
    player.locator(".tg-next").click()
    assert step_of(player) == 1
    notebook.page.keyboard.press("ArrowRight")
    assert step_of(player) == 2
    notebook.page.keyboard.press("b")  # Jupyter's own shortcut: a new cell
    assert notebook.page.locator(".jp-Notebook .jp-Cell").count() == len(CELLS)
    notebook.page.keyboard.press("End")
    assert step_of(player) == notebook.evaluate("len(player.trace.events)")
    # Two backward passes have run when this is read: the player's, and then the Stepper's.
    grads = notebook.evaluate("[p.after.text for p in player.trace.events if p.kind == 'accumulate']")
    assert sorted(row[-1] for row in leaves(player).values()) == sorted(grads)
    assert notebook.evaluate("(x.grad.tolist(), y.grad.item())") == ([-5.0, -5.0], 10.5)
    stepper.locator(".tg-next").click()
    notebook.wait_for("stepper.step", 1)
    notebook.evaluate("stepper.last()")
    notebook.page.wait_for_function("() => !document.querySelector('.tg-player .tg-working')")
    assert step_of(stepper) == notebook.evaluate("stepper.steps")
