"""Run the lessons from top to bottom and save what they show: `make notebooks`."""

from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent


def executed(path: Path) -> Any:
    """The notebook as a run from top to bottom leaves it: a progress bar's last state only, and no times."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.pop("widgets", None)
    resources = {"metadata": {"path": str(HERE)}}
    return NotebookClient(
        notebook, timeout=120, coalesce_streams=True, record_timing=False, resources=resources
    ).execute()


if __name__ == "__main__":
    for lesson in sorted(HERE.glob("*.ipynb")):
        nbformat.write(executed(lesson), lesson)
