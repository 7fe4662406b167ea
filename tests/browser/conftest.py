"""A real headless Chromium for the player, alone and inside JupyterLab.

Two fixtures are meant for use: ``browser_page`` (an empty page that watches for errors and for requests that
leave the machine) and ``jupyter_page`` (opens a notebook in JupyterLab and gives its page and its kernel).
Both skip, with the reason, where Playwright or Chromium is missing.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
from players import open_player  # noqa: F401 - a fixture for the tests of this folder

ROOT = Path(__file__).parents[2]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
LOCAL = ("file:", "data:", "blob:", "about:", "http://127.0.0.1:", "ws://127.0.0.1:", "http://localhost:")
PATIENCE = 60_000  # milliseconds: a first start on a small machine is slow


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One browser per test file. Not longer: Playwright keeps an event loop running while it is open."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.skip("no Chromium is installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


class Watch:
    """What a page did that a player must not: errors, and requests to other machines."""

    def __init__(self, page: Any) -> None:
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        page.on("dialog", lambda dialog: (self.errors.append("a dialog opened"), dialog.dismiss()))
        page.on("request", lambda request: self._note(request.url))

    def _note(self, url: str) -> None:
        if not url.startswith(LOCAL):
            self.requests.append(url)


@pytest.fixture
def browser_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """``browser_page(**options)`` opens an empty page; at the end no page may have erred or called out."""
    opened: list[tuple[Any, Watch]] = []

    def open_page(**options: Any) -> Any:
        page = chromium.new_context(**{"viewport": {"width": 1100, "height": 900}} | options).new_page()
        opened.append((page, Watch(page)))
        return page

    yield open_page
    for page, watch in opened:
        page.context.close()
        assert watch.errors == []
        assert watch.requests == []


@contextmanager
def serving(home: Path, python: str = sys.executable, module: str = "jupyterlab") -> Iterator[tuple[str, Path]]:
    """A Jupyter server with no settings of the person who runs the tests: (address, its folder).

    Another ``python`` may serve the pages; the kernel called "tests" is the one that the tests run in.
    """
    folders = ["HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"]
    folders += ["JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR"]
    places = {name: home / name.lower() for name in folders}
    work = home / "work"
    for place in (*places.values(), work):
        place.mkdir()
    quiet = places["JUPYTERLAB_SETTINGS_DIR"] / "@jupyterlab" / "apputils-extension"
    quiet.mkdir(parents=True)
    no_news = {"fetchNews": "false", "checkForUpdates": False}
    (quiet / "notification.jupyterlab-settings").write_text(json.dumps(no_news))
    kernel = places["JUPYTER_DATA_DIR"] / "kernels" / "tests"
    kernel.mkdir(parents=True)
    start = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": start, "display_name": "The tests' own Python", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    app = {"jupyterlab": "LabApp", "notebook": "JupyterNotebookApp"}[module]
    command = [python, "-m", module, "--no-browser", "--ServerApp.ip=127.0.0.1"]
    command += ["--ServerApp.port=0", f"--ServerApp.root_dir={work}", "--IdentityProvider.token=test"]
    command += [f"--{app}.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"]
    command += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    python_path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {name: str(place) for name, place in places.items()}
    with (home / "log.txt").open("w") as log:
        server = subprocess.Popen(
            command, env=environment | {"PYTHONPATH": python_path}, cwd=work, stdout=log, stderr=log
        )
    try:
        info = _until(
            lambda: next(places["JUPYTER_RUNTIME_DIR"].glob("jpserver-*.json"), None),
            server,
            home / "log.txt",
        )
        yield f"http://127.0.0.1:{json.loads(info.read_text())['port']}", work
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="session")
def jupyter_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The JupyterLab of this environment: (address, its folder)."""
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")
    with serving(tmp_path_factory.mktemp("jupyter")) as server:
        yield server


def _until(find: Callable[[], Any], server: subprocess.Popen[bytes], log: Path) -> Any:
    end = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < end and server.poll() is None:
        if found := find():
            time.sleep(0.2)  # the file is named before it is filled
            return found
        time.sleep(0.1)
    pytest.fail(f"Jupyter did not start:\n{log.read_text()[-2000:]}")


class JupyterPage:
    """One notebook, open in JupyterLab: ``page`` is Playwright's page, ``watch`` what went wrong on it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.watch = Watch(page)

    def open(self, address: str) -> None:
        """Open the notebook and wait until its kernel listens (Lab says "idle" before there is a kernel)."""
        self.page.goto(address, timeout=PATIENCE)
        ready = """() => {
            const session = window.jupyterapp?.shell.currentWidget?.sessionContext;
            return session?.isReady && session.session?.kernel?.status === "idle"
                && session.session.kernel.connectionStatus === "connected";
        }"""
        self.page.wait_for_function(ready, timeout=PATIENCE)

    def run_all(self) -> None:
        """Run every cell and wait until the last one has its number; fails with the error if a cell has one."""
        # In braces, so that evaluate() does not wait for the whole run itself.
        self.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        outcome = """() => {
            const cells = window.jupyterapp.shell.currentWidget.content.widgets
                .filter((cell) => cell.model.type === "code" && cell.model.sharedModel.getSource().trim());
            const errors = cells.flatMap((cell) => cell.model.outputs.toJSON())
                .filter((output) => output.output_type === "error");
            if (errors.length) return `${errors[0].ename}: ${errors[0].evalue}`;
            return cells.every((cell) => cell.model.executionCount > 0
                && cell.model.executionState !== "running") && "done";
        }"""
        found = self.page.wait_for_function(outcome, timeout=PATIENCE).json_value()
        assert found == "done"

    def cell(self, number: int) -> Any:
        """The locator of a cell, counted from 0 over all cells."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(number)

    def evaluate(self, expression: str) -> Any:
        """The value of a Python expression in the notebook's kernel, if its ``repr`` is a literal."""
        reply = self.page.evaluate(
            """async (expression) => {
                const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
                const request = { code: "", silent: true, user_expressions: { value: expression } };
                return (await kernel.requestExecute(request).done).content.user_expressions.value;
            }""",
            expression,
        )
        assert reply["status"] == "ok", reply
        return ast.literal_eval(reply["data"]["text/plain"])

    def wait_for(self, expression: str, value: Any) -> None:
        """Wait until an expression has this value: what the page does reaches the kernel a little later."""
        end = time.monotonic() + 10
        while (found := self.evaluate(expression)) != value:
            assert time.monotonic() < end, f"{expression} is {found!r}, not {value!r}"
            self.page.wait_for_timeout(50)

    def save(self) -> None:
        """Save the notebook, outputs included."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")


@pytest.fixture
def jupyter_page(chromium: Any, jupyter_server: tuple[str, Path]) -> Iterator[Callable[..., JupyterPage]]:
    """``jupyter_page(notebook, name="lesson.ipynb", **options)`` opens a notebook and gives a JupyterPage.

    ``notebook`` is a path to copy from, or the sources of its code cells; ``options`` go to the browser
    (``color_scheme="dark"``, say). At the end no page may have called out.
    """
    address, folder = jupyter_server
    opened: list[JupyterPage] = []

    def open_notebook(notebook: Path | list[str], name: str = "lesson.ipynb", **options: Any) -> JupyterPage:
        if isinstance(notebook, Path):
            shutil.copyfile(notebook, folder / name)
        else:
            cells = [nbformat.v4.new_code_cell(source) for source in notebook]
            kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
            nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / name)
        settings = {"viewport": {"width": 1300, "height": 1000}} | options
        opened.append(JupyterPage(chromium.new_context(**settings).new_page()))
        opened[-1].open(f"{address}/lab/workspaces/test-{len(opened)}/tree/{name}?token=test&reset")
        return opened[-1]

    yield open_notebook
    for notebook in opened:
        notebook.page.context.close()
        assert notebook.watch.requests == []
