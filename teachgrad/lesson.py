"""The lesson's own line, at the moment when something goes wrong in it; and the note under an error that names it.

Looked up only then, on the call stack: the innermost call that is not teachgrad's own.
"""

from __future__ import annotations

import linecache
import os
import sys
from types import FrameType, ModuleType
from typing import TypeVar

_Error = TypeVar("_Error", bound=BaseException)


_OURS = (__file__.removesuffix("lesson.py"), "<teachgrad op ")


def explained(error: _Error, note: str) -> _Error:
    """`error` with a paragraph for the learner under it, which begins with the line of the lesson that led here."""
    error.add_note(lesson_line() + note)
    return error


def _lesson() -> FrameType | None:
    """The innermost call on the way here that is not ours, if its text is known."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(_OURS) and (not file.startswith("<") or file in linecache.cache):
            return frame
        frame = frame.f_back
    return None


def lesson_line() -> str:
    """ "Line 3 of lesson.py, `y.backward()`: ", where a lesson went wrong; "" if that cannot be said."""
    frame = _lesson()
    if frame is None:
        return ""
    file = frame.f_code.co_filename
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    cell = getattr(getattr(shell, "compile", None), "format_code_name", lambda _: None)(file)
    text = linecache.getline(file, frame.f_lineno).strip()
    text = text if len(text) <= 80 else text[:79] + "…"
    name = cell[1] if cell else os.path.basename(file)  # noqa: PTH119  pathlib would load with `import teachgrad`
    place = f"Line {frame.f_lineno} of {name}"
    return f"{place}, `{text}`: " if text else f"{place}: "


def is_method_call() -> bool:
    """Does the lesson say `x.add(y)`, and not `torch.add(x, y)`? PyTorch does not count the tensor in front of the dot.

    Both arrive here alike; the lesson's own text tells.
    """
    import ast

    frame = _lesson()
    if frame is None:
        return False
    line, end, start, stop = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    if line is None or line != end:
        return False
    text = linecache.getline(frame.f_code.co_filename, line).encode()[start:stop].decode()
    try:
        call = ast.parse(text, mode="eval").body
    except SyntaxError:
        return False
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return False
    root: ast.expr = call.func.value
    while isinstance(root, ast.Attribute):
        root = root.value
    name = root.id if isinstance(root, ast.Name) else ""
    return not isinstance(frame.f_locals.get(name, frame.f_globals.get(name)), ModuleType)
