"""Running a learner's script for the command line, and finding in it what is to be drawn."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import re
import subprocess
import sys
import time
import traceback
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from teachgrad.viz import lines

PACKAGE = Path(__file__).parent
LOOKS = 0.25  # seconds between two looks at the files, while watching

_IMPORTS_TORCH = re.compile(rb"^[ \t]*(import|from)[ \t]+torch\b", re.MULTILINE)


class CommandError(Exception):
    """Something to tell the user in one sentence, after `details`; `status` becomes the exit status."""

    def __init__(self, sentence: str, status: int = 1, details: str = "") -> None:
        super().__init__(sentence)
        self.status = status
        self.details = details


def run_script(script: Path, rest: list[str], as_torch: bool, noting: bool = False) -> dict[str, Any]:
    """Run `script` as `python script rest...` would, and return its global variables.

    With `as_torch`, its `import torch` finds teachgrad; with `noting`, each node of a graph knows the line that made it.
    A script that ends itself with `sys.exit()` or `sys.exit(0)` counts as finished. When it stops in any other way, its
    own error with the line is in the `details` of the CommandError that is raised.
    """
    source = load_library(script, as_torch)
    module = types.ModuleType("__main__")
    module.__file__ = str(script)
    sys.modules["__main__"] = module
    sys.argv = [str(script), *rest]
    sys.path.insert(0, str(script.resolve().parent))
    try:
        code = compile(source, str(script), "exec", dont_inherit=True)
        with lines() if noting else contextlib.nullcontext():
            exec(code, module.__dict__)
    except SystemExit as end:
        if end.code not in (None, 0):
            raise CommandError(f"{script} ended itself with status {end.code!r}") from end
    except Exception as error:  # whatever a learner's script may raise
        raise CommandError(f"{script} stopped with this error", details=own_error(error, script)) from error
    return module.__dict__


def load_library(script: Path, as_torch: bool) -> bytes:
    """Read the script, and import the PyTorch that it will import: what watches a library must find it there."""
    try:
        source = script.read_bytes()
    except OSError as error:
        raise CommandError(f"Cannot read the script {script}: {error.strerror}", status=2) from error
    if as_torch:
        importlib.import_module("teachgrad.as_torch")  # importing it is what installs it
    elif _IMPORTS_TORCH.search(source):
        with contextlib.suppress(ImportError):  # the script will say so itself, with the line
            importlib.import_module("torch")
    return source


def own_error(error: Exception, script: Path) -> str:
    """The script's error with the line where it happened, without the frames of any library."""
    folder = script.resolve().parent
    place = ""
    for frame in traceback.extract_tb(error.__traceback__):
        file = Path(frame.filename).resolve()
        if file.is_relative_to(folder) and PACKAGE not in file.parents and "site-packages" not in file.parts:
            place = f"{frame.filename}, line {frame.lineno}:\n    {frame.line}\n"
    return place + "".join(traceback.format_exception_only(error)).rstrip()


def find_tensor(variables: dict[str, Any], name: str, script: Path) -> Any:
    """The tensor called `name`, of either library; CommandError says which names there are."""
    tensors = [key for key, value in variables.items() if hasattr(type(value), "grad_fn")]
    if name in tensors:
        return variables[name]
    if name in variables:
        problem = f"{name} in {script} is not a tensor but of type {type(variables[name]).__name__}"
    else:
        problem = f"{script} makes no variable {name}"
    close = difflib.get_close_matches(name, tensors, n=1)
    if close:
        problem += f"; did you mean {close[0]}?"
    if not tensors:
        raise CommandError(f"{problem}; it has no tensors at all outside its functions", status=2)
    raise CommandError(f"{problem} (its tensors: {', '.join(sorted(tensors))})", status=2)


def watch(scripts: Sequence[Path], arguments: Sequence[str]) -> None:
    """Run `python -m teachgrad arguments...` now, and again whenever a Python file beside the scripts changes.

    Each run is a process of its own, so nothing of the last one is left. Ends with KeyboardInterrupt.
    """
    seen: dict[Path, int] = {}
    while True:
        found = changed(scripts)
        if found != seen:
            seen = found
            subprocess.run([sys.executable, "-m", "teachgrad", *arguments], check=False)
        time.sleep(LOOKS)


def changed(scripts: Sequence[Path]) -> dict[Path, int]:
    """When each Python file in the scripts' folders was last written, in nanoseconds."""
    times: dict[Path, int] = {}
    for folder in {script.resolve().parent for script in scripts}:
        for file in folder.glob("*.py"):
            with contextlib.suppress(OSError):  # an editor may just be putting it there
                times[file] = file.stat().st_mtime_ns
    return times
