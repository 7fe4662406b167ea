"""Opens each late room of teachgrad by itself and prints the names of the op table that it uses and nobody has brought.

`test_rooms.py` runs this: what a room needs, it imports, or the directory knows where it is.
"""

from __future__ import annotations

import ast
import builtins
import dis
import functools
import importlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import numpy as np

import teachgrad
from teachgrad import conjugates, rooms
from teachgrad.ops import rules
from teachgrad.ops.table import FUNCTIONS, LIVE, METHODS, OPS, RAW

TABLES = {"OPS": OPS, "LIVE": LIVE, "RAW": RAW, "METHODS": METHODS, "FUNCTIONS": FUNCTIONS}
CALLERS = [
    "linalg",
    "special",
    "autograd.functional",
    "autograd.function",
    "autograd.forward_ad",
    "nn",
    "optim",
    "func",
]
"""Other modules that call ops by name."""


def pattern(key: ast.expr) -> str:
    """A key of a table as a regular expression: f"avg_pool{n}d" is avg_pool.*d. "" for what is no text."""
    if isinstance(key, ast.Constant) and isinstance(key.value, str):
        return re.escape(key.value)
    if isinstance(key, ast.JoinedStr):
        return "".join(re.escape(part.value) if isinstance(part, ast.Constant) else ".*" for part in key.values)
    return ""


@functools.cache
def uses(file: str) -> list[tuple[str, str, str]]:
    """(text, table, key) of what a file looks up: OPS["x"], and F.x in a rule written over F."""
    found = []
    for node in ast.walk(ast.parse(Path(file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and isinstance(node.value, ast.Name):
            key = pattern(node.slice)
            found += [(ast.unparse(node), node.value.id, key)] if key and node.value.id in TABLES else []
        if isinstance(node, ast.FunctionDef) and node.args.args and node.args.args[0].arg == "F":
            for part in ast.walk(node):
                if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id == "F":
                    found += [(f"F.{part.attr} in {node.name}", table, part.attr) for table in ("RAW", "LIVE")]
    return found


def looked_up() -> Iterator[str]:
    """What the modules that are open look up and nobody has brought."""
    for name, module in sorted(sys.modules.items()):
        if name.startswith("teachgrad.") and getattr(module, "__file__", None):
            for text, table, key in uses(module.__file__):
                here = key in TABLES[table] or any(re.fullmatch(key, known) for known in TABLES[table])
                if not here and not (text.startswith("F.") and {key, f"torch.{key}", f".{key}"} & rooms.ROOM_OF.keys()):
                    yield f"{name}: {text}"


def globals_of(code: CodeType) -> Iterator[str]:
    """The global names that a function uses, with those of the functions inside it."""
    yield from (step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL")
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from globals_of(constant)


def compiled(names: set[str]) -> Iterator[str]:
    """What the expressions and rules of these ops call and nobody knows, once they are compiled."""
    for op in [OPS[name] for name in sorted(names)]:
        parts = [("forward", op.raw, RAW), ("front", op.front, RAW)]
        for live, space in ((False, RAW), (True, LIVE)) if op.node_name is not None else ():
            kinds = (False, True) if op.numbers else (False,)
            parts += [(f"rule, live={live}", rules.compile_rule(op, kind, live=live), space) for kind in kinds]
        for part, function, space in parts:
            for name in globals_of(function.__code__):
                if name not in space and not hasattr(builtins, name):
                    yield f"op {op.name}, {part}: {name}"


def alone(room: str) -> Iterator[str]:
    """What is missing when `room` is the first that opens ("": the everyday rooms)."""
    everyday = set() if room == "" else {*OPS}
    if room in rooms.LATE:
        rooms.open_room(room)
    elif room:
        importlib.import_module(f"teachgrad.{room}")
    yield from looked_up()
    new = OPS.keys() - everyday
    yield from compiled(new)
    conjugates.meet(np.dtype(complex))  # now with the bars over the conjugates
    yield from compiled(new)


def main() -> None:
    for file in Path(teachgrad.__file__).parent.rglob("*.py"):
        uses(str(file))
    for room in ["", *rooms.LATE, *CALLERS]:
        sys.stdout.flush()
        child = os.fork()  # so that each finds the house as `import teachgrad` leaves it
        if not child:
            sys.stdout.writelines(f"{room or 'everyday'}: {line}\n" for line in sorted({*alone(room)}))
            sys.stdout.flush()
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
