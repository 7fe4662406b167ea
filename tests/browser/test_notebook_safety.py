"""In a notebook: what comes from the learner's code stays text, outputs do not meddle with each other, no network."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from players import step_of

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
pytest.importorskip("anywidget", reason="anywidget is not installed")
pytestmark = [pytest.mark.browser, pytest.mark.slow]

TENSORS = """
import teachgrad as torch
from teachgrad import viz
x = torch.tensor([3.0, -1.0], requires_grad=True)
y = (x * 2).sum()
"""

#: Each would set window.hacked, or show a dialog, if anything took it for markup or for code.
PAYLOADS = [
    "<img src=x onerror=window.hacked=1>",
    "</script><script>window.hacked=1</script>",
    "</svg></style><svg onload=window.hacked=1>",
    "'\"><b onmouseover=window.hacked=1>",
    "$\\href{javascript:window.hacked=1}{x}$",
]
HOSTILE = f"""
import teachgrad as torch
from teachgrad import viz
payloads = {json.dumps(PAYLOADS)}
everything = "".join(payloads)
x = torch.tensor([3.0, 1.0], requires_grad=True)
code = "y = x * 2  # " + everything + "\\nloss = (y * y).sum()  # " + everything
scope = {{"x": x}}
with viz.lines():
    exec(compile(code, everything + ".py", "exec"), scope)  # a hostile line in a file with a hostile name
names = {{payload: x for payload in payloads[:1]}} | {{payloads[1]: scope["y"], payloads[2]: scope["loss"]}}

def fail(gradient):
    raise ValueError(everything)

fails = x * 3
fails.register_hook(fail)
z = (fails * 2).sum()
"""
FAILED = """
import contextlib
with contextlib.suppress(ValueError), viz.record(z, names={payloads[3]: z}) as r:
    z.backward()
r.player()
"""
SHOWN = [
    "viz.draw(scope['loss'], names=names, title=everything)",
    "player = viz.animate(scope['loss'], names=names, retain_graph=True)\nplayer",
    "stepper = viz.Stepper(scope['loss'], names=names)\nstepper",
    FAILED,
    "viz.compare(player, r.player(), (payloads[0], payloads[1]))",
    "viz.make_dot(z, params={payloads[0]: x})",
    "with viz.watch({payloads[0]: x}) as watched:\n    (x * x).sum().backward()\nwatched",
]


def untouched(page: Any) -> None:
    """Nothing of the payloads has run, or become an element."""
    assert page.evaluate("window.hacked") is None
    assert page.locator("img[src='x'], b[onmouseover], svg[onload], a[href^='javascript']").count() == 0


def test_payloads_execute_nothing_and_are_shown(jupyter_page: Callable[..., Any]) -> None:
    notebook = jupyter_page([HOSTILE, *SHOWN])
    notebook.run_all()
    players = notebook.page.locator(".tg-stage")
    for number in (2, 3, 4):
        notebook.cell(number).locator(".tg-stage").wait_for()
        notebook.cell(number).locator(".tg-last").click()
        for node in notebook.cell(number).locator(".tg-stage [data-node]").all():
            node.hover(force=True)
    assert players.count() >= 3
    assert PAYLOADS[0] in notebook.cell(2).inner_text()  # as text, for everybody to read
    assert "ValueError" in notebook.cell(4).inner_text()
    untouched(notebook.page)
    assert notebook.watch.errors == []


TWICE = """
player = viz.animate((x * y).sum())
display(player)
display(player)
drawing = viz.draw(x + y)
display(drawing, drawing)
"""


def test_outputs_on_one_page_share_no_ids_and_no_state(jupyter_page: Callable[..., Any]) -> None:
    notebook = jupyter_page([TENSORS, TWICE, "player", "viz.animate((x * x).sum())"])
    notebook.run_all()
    notebook.page.locator(".tg-stage").nth(3).wait_for()
    ids = notebook.page.locator(".jp-OutputArea [id^='tg']").evaluate_all("all => all.map((element) => element.id)")
    assert len(ids) > 40
    assert len(ids) == len(set(ids))
    players = notebook.page.locator(".tg-player").all()
    assert len(players) == 4
    for number in (1, 1, 3):
        players[number].locator(".tg-next").click()
    steps = [player.locator(".tg-kind").text_content()[:7] for player in players]  # some are scrolled out of sight
    assert steps == ["Step 0 ", "Step 2 ", "Step 0 ", "Step 1 "]
    assert notebook.watch.errors == []


def test_nbconvert_plays_with_the_network_cut(
    jupyter_page: Callable[..., Any], jupyter_server: tuple[str, Path], chromium: Any, tmp_path: Path
) -> None:
    """As `jupyter nbconvert --to html` makes it: its own scripts want a CDN, ours must not care."""
    from nbconvert import HTMLExporter

    notebook = jupyter_page([TENSORS, "player = viz.animate((x * x).sum())\nplayer", "viz.draw(x * 2)"])
    notebook.run_all()
    notebook.save()
    body, _ = HTMLExporter().from_notebook_node(nbformat.read(jupyter_server[1] / "lesson.ipynb", as_version=4))
    (tmp_path / "lesson.html").write_text(body, "utf-8")
    context = chromium.new_context(offline=True)
    page = context.new_page()
    page.goto((tmp_path / "lesson.html").as_uri())
    player = page.locator(".tg-player")
    player.locator(".tg-stage").wait_for()
    player.locator(".tg-last").click()
    assert step_of(player) == notebook.evaluate("len(player.trace.events)")
    assert notebook.evaluate("x.grad.tolist()") == [6.0, -2.0]
    shown = player.locator(".tg-leaves tbody tr").inner_text().replace("\u2212", "-")
    assert "6" in shown and "-2" in shown
    page.locator(".tg-drawing svg [data-node]").first.wait_for()
    context.close()
