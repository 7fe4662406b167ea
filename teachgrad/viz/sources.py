"""The lesson's own line behind each node: which line of the cell or script ran the operation.

A node cannot be asked afterwards where it was made, so somebody has to be noting it while the lesson runs. Both
libraries can, as a part of anomaly mode: teachgrad keeps the place in a node's birth number, PyTorch in its
metadata. :class:`lines` switches that part on, without the search for NaN that the rest of the mode is about.
"""

from __future__ import annotations

import linecache
import re
import sys
from pathlib import Path
from typing import Any

from .model import Source
from .values import visible

# Whose lines are not the lesson's: packages that were installed.
_INSTALLED = re.compile(r"[\\/](site-packages|dist-packages)[\\/]")
_ENTRY = re.compile(r'\s*File "(.+)", line (\d+), in .+(?:\n\s*(.*))?')  # of a traceback, as Python writes it


class lines:  # noqa: N801  a switch and a block in one, as torch.set_grad_enabled
    """Note the line of the lesson for every node made from now on, so that pictures can show it.

        with viz.lines():           # for a block
            loss = model(x).sum()
        viz.draw(loss)

        viz.lines(True)             # from here on, as in a notebook's first cell
        viz.lines(False)

    Works on teachgrad, and on PyTorch if that is imported by then. Each node made meanwhile costs a look at the
    call stack (microseconds in teachgrad, tens of them in PyTorch); while it is off nothing costs anything. It is
    the libraries' anomaly mode with ``check_nan=False``, so an error in backward() also says which line it is
    about. Where anomaly mode is on already, it stays as it is.
    """

    def __init__(self, mode: bool = True) -> None:
        self._before = [
            (library, library.is_anomaly_enabled(), library.is_anomaly_check_nan_enabled())
            for library in map(sys.modules.get, ("teachgrad", "torch"))
            if library is not None
        ]
        for library, was_on, _ in self._before:
            if was_on != mode:
                library.set_anomaly_enabled(mode, False)

    def __enter__(self) -> lines:
        return self

    def __exit__(self, *_: object) -> None:
        for library, mode, check_nan in self._before:
            library.set_anomaly_enabled(mode, check_nan)


def source_of(node: Any) -> Source | None:
    """The innermost line of the learner's own code that made ``node``; None where nobody noted it."""
    for file, line, text in reversed(_noted(node)):
        if not _INSTALLED.search(file):
            text = text or linecache.getline(file, line)
            return Source(visible(_shown(file)), line, visible(text.strip()))
    return None


def _noted(node: Any) -> list[tuple[str, int, str]]:
    """(file, line, text if known) of each call on the way to ``node``, the outermost first."""
    stack = getattr(node._sequence_nr(), "stack", None) if hasattr(node, "_sequence_nr") else None
    if stack is not None:  # teachgrad
        return [(file, line, "") for file, line, _ in stack]
    entries = (getattr(node, "metadata", None) or {}).get("traceback_") or ()
    found = (_ENTRY.match(entry) for entry in entries)
    return [(match[1], int(match[2]), match[3] or "") for match in found if match]


def _shown(file: str) -> str:
    """A file by its last name, so that a saved picture does not tell whose machine it is; a cell as ``In[3]``."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    cell = getattr(getattr(shell, "compile", None), "format_code_name", lambda _: None)(file)
    return str(cell[1]) if cell else Path(file).name
