"""A rule such as ``grad * self.cos()`` as MathML, which browsers typeset themselves, with nothing to load.

The result is not markup but a tree of lists, ``["mrow", child, ...]`` with strings as leaves. The player
makes elements out of it one by one, so no text of a lesson is ever parsed as HTML.

>>> mathml("grad * x")
['mrow', ['mi', 'grad'], ['mo', '·'], ['mi', 'x']]
>>> mathml("2x3 float32") is None
True
"""

from __future__ import annotations

import ast
import re

#: A MathML element: its name, then its children, each an element or a string.
Tree = list["str | Tree"]

_OPERATORS: dict[type[ast.operator], tuple[str, int]] = {
    ast.Add: ("+", 1),
    ast.Sub: ("−", 1),
    ast.Mult: ("·", 2),
    ast.MatMult: ("@", 2),
}
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "=",
    ast.NotEq: "≠",
    ast.Lt: "<",
    ast.LtE: "≤",
    ast.Gt: ">",
    ast.GtE: "≥",
}
_NEGATION, _POWER, _ATOM = 3, 4, 5  # how tightly each binds; a sum is 1, a product 2
_TRANSPOSES = {"t", "T", "mT", "mH"}
#: ⟨2×3⟩ stands in a formula for an array too large to write; Python reads it under a name of ours.
_SHAPE, _SHAPE_NAME = re.compile("⟨([0-9×]*)⟩"), "_shape_"


def mathml(expression: str) -> Tree | None:
    """Typeset a Python expression, and words that follow it after a comma and a space (", summed to ...").

    None when it is no expression (a value's summary, say): then show it as it is.
    """
    formula, comma, words = expression.partition(", summed")
    try:
        body = ast.parse(_SHAPE.sub(_as_name, formula.strip()), mode="eval").body
        tree = _set(body)[0]
    except (SyntaxError, ValueError, MemoryError, RecursionError, _NotSet):
        return None
    return ["mrow", tree, ["mtext", comma + words]] if comma else tree


def _as_name(shape: re.Match[str]) -> str:
    return _SHAPE_NAME + shape[1].replace("×", "_")


class _NotSet(Exception):  # noqa: N818 - not an error: the caller shows the plain text instead
    """The expression uses something this module has no notation for."""


def _set(node: ast.expr, at_least: int = 0) -> tuple[Tree, int]:
    """The tree of ``node`` and how tightly it binds, in parentheses if that is looser than ``at_least``."""
    tree, binds = _bare(node)
    return (_fenced("(", tree, ")"), _ATOM) if binds < at_least else (tree, binds)


def _bare(node: ast.expr) -> tuple[Tree, int]:
    match node:
        case ast.Name(id=name) if name.startswith(_SHAPE_NAME):
            return ["mi", f"⟨{name.removeprefix(_SHAPE_NAME).replace('_', '×')}⟩"], _ATOM
        case ast.Name(id=name):
            return ["mi", "π" if name == "pi" else name], _ATOM
        case ast.Constant(value=bool() | None):
            return ["mi", str(node.value)], _ATOM
        case ast.Constant(value=int() | float()):
            return ["mn", f"{node.value!r}".removesuffix(".0")], _ATOM
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return ["mrow", ["mo", "−"], _set(operand, _NEGATION)[0]], _NEGATION
        case ast.BinOp():
            return _binary(node)
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
            # Iverson's bracket: one where the statement holds, zero elsewhere.
            return _fenced("[", _set(left)[0], ["mo", _COMPARISONS[type(op)]], _set(right)[0], "]"), _ATOM
        case ast.List(elts=elements):
            return _listed(elements), _ATOM
        case ast.Tuple(elts=elements):
            return _fenced("(", *_separated(elements), ")"), _ATOM
        case ast.Attribute(value=value, attr=name) if name in _TRANSPOSES:
            return ["msup", _set(value, _ATOM)[0], ["mo", "⊤"]], _POWER
        case ast.Subscript(value=value, slice=index) if not isinstance(index, ast.Slice):
            return ["msub", _set(value, _ATOM)[0], _set(index)[0]], _ATOM
        case ast.Call(func=function, args=arguments, keywords=[]):
            return _called(function, arguments)
        case _:
            raise _NotSet


def _binary(node: ast.BinOp) -> tuple[Tree, int]:
    if isinstance(node.op, ast.Div):
        return ["mfrac", _set(node.left)[0], _set(node.right)[0]], _POWER
    if isinstance(node.op, ast.Pow):
        return _power(node.left, node.right)
    if type(node.op) not in _OPERATORS:
        raise _NotSet
    sign, binds = _OPERATORS[type(node.op)]
    right = _set(node.right, binds + 1)[0]
    if right[0] == "mrow" and right[1] == ["mo", "−"]:
        right = _fenced("(", right, ")")  # 2 · (−3), never 2 · −3
    left = _set(node.left, binds)[0]
    start = left[1:] if left[0] == "mrow" else [left]
    return ["mrow", *start, ["mo", sign], right], binds


def _power(base: ast.expr, exponent: ast.expr) -> tuple[Tree, int]:
    return ["msup", _set(base, _ATOM)[0], _set(exponent)[0]], _POWER


def _called(function: ast.expr, arguments: list[ast.expr]) -> tuple[Tree, int]:
    """``cos(x)`` and ``x.cos()`` read the same; a few functions have a notation of their own."""
    match function:
        case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="F" | "torch" | "math" | "np"), attr=name):
            inputs = arguments
        case ast.Attribute(value=value, attr=name):
            inputs = [value, *arguments]
        case _:
            raise _NotSet
    match name, inputs:
        case ("exp", [x]):
            return ["msup", ["mi", "e"], _set(x)[0]], _POWER
        case ("conj", [x]):
            return ["mover", _set(x)[0], ["mo", "\u203e"]], _ATOM
        case ("sqrt", [x]):
            return ["msqrt", _set(x)[0]], _ATOM
        case ("abs", [x]):
            return _fenced("|", _set(x)[0], "|"), _ATOM
        case ("pow", [base, exponent]):
            return _power(base, exponent)
        case ("reciprocal", [x]):
            return ["mfrac", ["mn", "1"], _set(x)[0]], _POWER
        case ("mm" | "matmul" | "mv" | "bmm", [a, b]):
            return _binary(ast.BinOp(a, ast.MatMult(), b))
        case ("where", [condition, yes, no]):
            return [
                "mrow",
                _set(yes)[0],
                ["mtext", "\u00a0if\u00a0"],
                _set(condition)[0],
                ["mtext", ",\u00a0else\u00a0"],
                _set(no)[0],
            ], 0
        case (transpose, [x]) if transpose in _TRANSPOSES:
            return ["msup", _set(x, _ATOM)[0], ["mo", "⊤"]], _POWER
        case _:
            return ["mrow", ["mi", name], _fenced("(", *_separated(inputs), ")")], _ATOM


def _listed(elements: list[ast.expr]) -> Tree:
    """A list of equally long lists is a matrix; any other list is a row."""
    rows = [row.elts for row in elements if isinstance(row, ast.List)]
    if rows and len(rows) == len(elements) and len({len(row) for row in rows}) == 1:
        table: Tree = ["mtable"]
        for row in rows:
            cells: Tree = [["mtd", _set(cell)[0]] for cell in row]
            table.append(["mtr", *cells])
        return table  # its brackets are drawn by player.css: not every font can stretch one
    return _fenced("[", *_separated(elements), "]")


def _separated(elements: list[ast.expr]) -> Tree:
    tree: Tree = []
    for element in elements:
        if tree:
            tree.append(["mo", ","])
        tree.append(_set(element)[0])
    return tree


def _fenced(left: str, *rest: str | Tree) -> Tree:
    *inside, right = rest
    return ["mrow", ["mo", left], *inside, ["mo", str(right)]]
