"""What each late room of teachgrad brings, found by opening them: the directory in `teachgrad/rooms.py` as it ought to be.

    python tests/repo/directory.py --write        puts it there

Run it when an op or a function has joined a room. `test_rooms.py` compares.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import teachgrad
from teachgrad import rooms
from teachgrad.ops import inplace
from teachgrad.ops.table import FUNCTIONS, METHODS, OPS

PACKAGE = Path(teachgrad.__file__).parent
ATTRIBUTES = {  # names of `torch` that are no entries of its table
    "amp": ["autocast", "get_autocast_dtype", "is_autocast_enabled"],
    "func": ["vmap"],
    "limits": ["finfo", "iinfo"],
    "printing": ["set_printoptions"],
    "storage": ["TypedStorage", "UntypedStorage"],
}
Names = set[tuple[str, str]]


def known() -> Names:
    """The table's functions, methods and ops."""
    inplace.derive()
    tables = {"function": FUNCTIONS, "method": METHODS, "op": OPS}
    return {(kind, name) for kind, table in tables.items() for name in table}


def brought() -> dict[str, Names]:
    """Opens every room and notes what the table has gained by each, without what the rooms that it imports brought."""
    found: dict[str, Names] = {}
    under_way: list[Names] = []
    execute = importlib.machinery.SourceFileLoader.exec_module

    def traced(self: Any, module: ModuleType) -> None:
        if not module.__name__.startswith("teachgrad."):
            return execute(self, module)
        before = known()
        under_way.append(set())
        execute(self, module)
        gained = known() - before
        found[module.__name__.removeprefix("teachgrad.")] = gained - under_way.pop()
        if under_way:
            under_way[-1].update(gained)
        return None

    importlib.machinery.SourceFileLoader.exec_module = traced  # type: ignore[method-assign]
    helpers = {"bfloat", "compiling", "fusing", "hosted", "out", "rules", "writer"}
    inside = sorted(f"ops.{file.stem}" for file in (PACKAGE / "ops").glob("*.py") if file.stem not in helpers)
    for room in [*inside, *(room for room in rooms.LATE if not room.startswith("ops."))]:
        if room != "ops.__init__":
            importlib.import_module(f"teachgrad.{room}")
    return found


def directory() -> dict[str, str]:
    """Room -> its names, as `rooms.LATE` has them."""
    own = {name for name, value in vars(teachgrad.Tensor).items() if not isinstance(value, rooms.Elsewhere)}
    lines = {}
    for room, gained in brought().items():
        module = sys.modules[f"teachgrad.{room}"]
        functions = {name for kind, name in gained if kind == "function"} | {*ATTRIBUTES.get(room, [])}
        if room in ("legacy", "sampling", "settings"):
            functions |= {*module.__all__}
        methods = {name for kind, name in gained if kind == "method"} - own
        words = dict.fromkeys(functions & methods, "")
        words |= dict.fromkeys(functions - methods, "torch.") | dict.fromkeys(methods - functions, ".")
        if words or gained or hasattr(module, "raw") or hasattr(module, "composite"):
            lines[room] = " ".join(mark + name for name, mark in sorted(words.items()))
    return dict(sorted(lines.items()))


def written(lines: dict[str, str]) -> str:
    """The directory as Python."""
    text = []
    for room, names in lines.items():
        if len(room) + len(names) < 108:
            text.append(f'    "{room}": "{names}",')
        else:
            text += [f'    "{room}": """', *(" " * 8 + line for line in textwrap.wrap(names, 112)), '    """,']
    return "LATE = {\n" + "\n".join(text) + "\n}\n"


def main() -> None:
    file = PACKAGE / "rooms.py"
    source = file.read_text(encoding="utf-8")
    start = source.index("LATE = {\n")
    end = source.index("}\n", start) + 2
    right = source[:start] + written(directory()) + source[end:]
    if "--write" in sys.argv:
        file.write_text(right, encoding="utf-8")
    elif right != source:
        sys.exit("teachgrad/rooms.py is out of date: python tests/repo/directory.py --write")


if __name__ == "__main__":
    main()
