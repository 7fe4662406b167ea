"""The notebooks: each runs from top to bottom, and what is saved in it is what it shows today."""

import re
import runpy
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
executed = runpy.run_path(str(ROOT / "notebooks" / "run.py"))["executed"]  # as `make notebooks` runs them
ADDRESS = re.compile(r"0x[0-9a-f]+")
PACE = re.compile(r"\|[█ ]*\| (\d+/\d+) \[.*?\]")  # a progress bar, whose length depends on what it says of time


def shown(cell: Any) -> list[tuple[str, ...]]:
    """The text of each output of a cell and the kinds it comes in; addresses, times and widget ids are masked."""
    outputs = []
    for output in cell.outputs:
        data = output.get("data", {})
        text = output.get("text") or data.get("text/plain", "")
        if "application/vnd.jupyter.widget-view+json" in data:
            text = "a widget"
        outputs.append((output.output_type, PACE.sub(r"\1", ADDRESS.sub("0x", text)), *sorted(data)))
    return outputs


def code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_and_shows_what_is_saved(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    saved = nbformat.read(path, as_version=4)
    fresh = executed(path)
    assert [cell.execution_count for cell in code(saved)] == list(range(1, len(code(saved)) + 1))
    for old, new in zip(code(saved), code(fresh), strict=True):
        assert shown(old) == shown(new), f"`make notebooks` saves what this cell shows now:\n{old.source}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_saved_player_needs_no_network(path: Path) -> None:
    pages = [
        output["data"]["text/html"]
        for cell in code(nbformat.read(path, as_version=4))
        for output in cell.outputs
        if "text/html" in output.get("data", {})
    ]
    assert pages, "no picture is saved in this notebook"
    for page in pages:
        assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", page)
