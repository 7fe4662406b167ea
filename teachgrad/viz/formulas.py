"""Local derivative rules as a learner reads them: text, LaTeX, and with the numbers of this step filled in.

The rules themselves are the op table's, one expression per input, found under the node's name in
:data:`teachgrad.rulebook.RULES`; PyTorch's nodes have the same names, so the same rules explain them. In
LaTeX the gradient that arrives is written r-bar (the op's result being r), as in "adjoint of r".

>>> rules = {"MulBackward0": {"self": "grad * other"}}
>>> rule = rule_for("MulBackward0", "self", {"grad": 2.0, "other": 3.0}, rules)
>>> rule.text, rule.latex, rule.filled
('grad * other', '\\\\bar{r} \\\\cdot \\\\mathrm{other}', '2 * 3')
"""

from __future__ import annotations

import ast
import functools
import math
import operator
import re
from collections.abc import Mapping
from typing import Any

from .model import Rule, Value
from .values import plain, write_number

MOST_WRITTEN = 9  # elements, as in a value; a larger one stands in a formula as its shape

Rules = Mapping[str, Mapping[str, str]]


def input_names(op: str, slots: int, rules: Rules | None = None) -> tuple[str, ...]:
    """The names of the ``slots`` arguments of node ``op``; empty strings where the rule book does not say."""
    names = tuple((_rules(rules).get(op) or {}).keys())
    if len(names) == slots:
        return names
    if len(names) == 1 and slots > 1:  # cat and stack: one rule for a list of tensors
        return tuple(f"{names[0]}[{i}]" for i in range(slots))
    if not names and slots == 1:
        return ("self",)
    return ("",) * slots


def rule_for(op: str, name: str, values: Mapping[str, Any], rules: Rules | None = None) -> Rule | None:
    """The rule of input ``name`` of node ``op``, or None when nobody has written one down.

    ``values`` maps the rule's names to what is known at this step: a Value, a number, a tuple, or a string
    that is taken as written. Names without a value stay names.
    """
    book = _rules(rules, values)
    scaled = book.get(f"{op}.alpha") if values.get("alpha", 1) != 1 else None  # torch.add(x, y, alpha=2)
    expression = (scaled or book.get(op) or {}).get(name.partition("[")[0])
    if not expression:
        return None
    text, formula, blanks = _parsed(expression)
    return Rule(name, text, formula, _BLANK.sub(lambda blank: _put(blank[1], values), blanks))


_BLANK = re.compile(r"\0(\w+)\0")  # a place for a value, which no expression contains


def _put(name: str, values: Mapping[str, Any]) -> str:
    return written(values[name]) if name in values else name


@functools.cache
def _parsed(expression: str) -> tuple[str, str, str]:
    """A rule tidied up, as LaTeX, and with blanks for the values of its names. There are as many as ops have inputs."""
    try:
        tree = ast.parse(expression, mode="eval").body
    except SyntaxError:  # a rule told in words is still worth telling
        return expression, rf"\text{{{expression}}}", expression
    tree = _Readable().visit(tree)
    text, formula = ast.unparse(tree), latex(tree)
    return text, formula, ast.unparse(_Blanks().visit(tree))


def _rules(rules: Rules | None, values: Mapping[str, Any] | None = None) -> Rules:
    if rules is not None:
        return rules
    from teachgrad.rulebook import COMPLEX_RULES, RULES

    seen = (values or {}).values()
    return COMPLEX_RULES if any(isinstance(v, Value) and v.dtype.startswith("complex") for v in seen) else RULES


_OPERATORS: dict[type[ast.operator], Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def outcome(text: str, values: Mapping[str, Any]) -> Any:
    """What a rule of operators alone makes of tensors and numbers. None where it calls a function, is told in words, or
    where a name has no value, or none that fits.

    >>> outcome("-grad * other", {"grad": 2.0, "other": 3.0})
    -6.0
    """

    def of(node: ast.expr) -> Any:
        match node:
            case ast.Name(id=name):
                return values[name]
            case ast.Constant(value=int() | float() as number):
                return number
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -of(operand)
            case ast.BinOp(left=left, op=sign, right=right):
                return _OPERATORS[type(sign)](of(left), of(right))
        raise KeyError(ast.dump(node))

    try:
        return of(ast.parse(text, mode="eval").body)
    except (SyntaxError, KeyError, ArithmeticError, RuntimeError, TypeError, ValueError):
        return None


READS = {
    "adaptive_avg_pool2d_shares": "adaptive_avg_pool2d_backward",
    "adaptive_avg_pool3d_shares": "adaptive_avg_pool3d_backward",
    "as_it_came": "sum_to_size",
    "avg_pool2d_shares": "avg_pool2d_backward",
    "avg_pool2d_windows": "avg_pool2d",
    "avg_pool3d_shares": "avg_pool3d_backward",
    "avg_pool3d_windows": "avg_pool3d",
    "base_grid": "meshgrid",
    "channel_sum": "sum_per_channel",
    "cholesky_solve_half": "cholesky_solve",
    "clear_flat": "as_strided_scatter",
    "convolution_back": "conv_transpose",
    "convolution_weight": "correlate",
    "cumsum_back": "cumsum_from_the_end",
    "diagonal_scatter_at": "diagonal_scatter",
    "embedding_again": "embedding",
    "embedding_back": "embedding_backward",
    "equal_sizes": "sizes",
    "expand_back": "expand",
    "eye_like": "eye",
    "folded": "sum_to_size",
    "imag_part": "imag",
    "index": "pick",
    "index_backward": "index_put",
    "inverse_order": "argsort",
    "layers_of_gradient": "unbind",
    "linalg_lu_solve_side": "lu_solve",
    "linalg_solve_triangular_side": "solve_triangular",
    "log_of_number": "log",
    "masked_fill_number": "masked_fill",
    "masked_scatter_back": "masked_select",
    "masked_select_back": "masked_scatter",
    "native_channel_shuffle": "channel_shuffle",
    "once": "unique",
    "opposite": "negative",
    "parts_of_gradient": "split",
    "pixel_shuffle_by": "pixel_shuffle",
    "pixel_unshuffle_by": "pixel_unshuffle",
    "planes_at": "gather",
    "planes_from": "scatter",
    "polygamma_n": "polygamma",
    "put_back": "scatter",
    "read_flat": "as_strided",
    "real_part": "real",
    "scatter_number": "scatter",
    "select_scatter_at": "select_scatter",
    "slice_Tensor": "slice",
    "slice_scatter_at": "slice_scatter",
    "slice_sum": "sum_per_slice",
    "special_erfcx_of": "erfcx",
    "special_i0e_of": "i0e",
    "special_i1_of": "i1",
    "special_i1e_of": "i1e",
    "split_back": "cat",
    "spread_flat": "as_strided_scatter",
    "spread_loss": "spread",
    "squeeze_dim": "squeeze",
    "sum_of_copies": "sum_to_size",
    "summed": "einsum",
    "to_copy": "to",
    "turned": "transpose",
    "unbind_back": "stack",
    "unpadding": "negative",
    "unsqueeze_to": "reshape",
    "zeros_of": "zeros",
}
"""Functions that only the rules know -> the well-known one of which each is a form; a formula shows that name."""


class _Readable(ast.NodeTransformer):
    """Well-known names in place of the rules' own, and products in place of their short cuts."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.Call(func=ast.Name(id="scaled" | "times"), args=[value, factor]):
                return ast.BinOp(factor, ast.Mult(), value)
            case ast.Call(func=ast.Name(id="constant"), args=[value]):
                return value
            case ast.Call(func=ast.Name(id=name)) if name in READS:
                node.func = ast.Name(READS[name])
        return node


class _Blanks(ast.NodeTransformer):
    """Replaces each name by a blank for what it holds."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        # The function's own name is not a value; a method's receiver and all arguments are.
        if isinstance(node.func, ast.Attribute):
            node.func.value = self.visit(node.func.value)
        node.args = [self.visit(arg) for arg in node.args]
        for keyword in node.keywords:
            keyword.value = self.visit(keyword.value)
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(f"\0{node.id}\0")


def written(value: Any) -> str:
    """A known value as it stands in a formula: its numbers while they are few, then its shape, ``⟨64×10⟩``.

    In brackets where an operator beside it would be misread.
    """
    if isinstance(value, Value):
        if value.numbers is None or len(value.numbers) > MOST_WRITTEN:
            return f"⟨{'×'.join(map(str, value.shape))}⟩"
        text = plain(value.text)
    elif isinstance(value, float):
        text = plain(write_number(value))
    else:
        text = str(value)
    return f"({text})" if text.startswith("-") else text


# How tightly each operator binds, as in Python: a looser one inside a tighter one needs brackets.
_BINDING = {
    ast.Add: 1,
    ast.Sub: 1,
    ast.Mult: 2,
    ast.Div: 2,
    ast.MatMult: 2,
    ast.Mod: 2,
    ast.FloorDiv: 2,
    ast.Pow: 4,
}
_INFIX = {ast.Add: "+", ast.Sub: "-", ast.Mult: r"\cdot", ast.MatMult: r"\,", ast.Mod: r"\bmod"}
_COMPARE = {ast.Lt: "<", ast.LtE: r"\le", ast.Gt: ">", ast.GtE: r"\ge", ast.Eq: "=", ast.NotEq: r"\ne"}
_NAMED = ("sin", "cos", "tan", "sinh", "cosh", "tanh", "log", "max", "min")
_SYMBOLS = {"grad": r"\bar{r}", "result": "r", "pi": r"\pi"}


def latex(tree: ast.expr) -> str:
    """An expression as LaTeX."""
    match tree:
        case ast.Name(id=name):
            return _symbol(name)
        case ast.Constant(value=int() | float() as number):
            return str(number)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return f"-{_bracketed(operand, 3)}"
        case ast.BinOp():
            return _binary(tree)
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
            # Iverson's bracket: one where the statement holds, zero elsewhere
            return rf"\left[{latex(left)} {_COMPARE[type(op)]} {latex(right)}\right]"
        case ast.Attribute(value=inner, attr="T" | "mT" | "mH" | "H"):
            return f"{_bracketed(inner, 5)}^{{\\top}}"
        case ast.Call(func=ast.Attribute(value=ast.Name(id="F" | "torch" | "math" | "np"), attr=name), args=args):
            return _call(name, args)
        case ast.Call(func=ast.Attribute(value=inner, attr=name), args=args):
            return _call(name, [inner, *args])
        case ast.Call(func=ast.Name(id=name), args=args):
            return _call(name, args)
        case _:
            return rf"\mathtt{{{_escaped(ast.unparse(tree))}}}"


def _binary(tree: ast.BinOp) -> str:
    kind, left, right = type(tree.op), tree.left, tree.right
    if kind is ast.Div:
        return rf"\frac{{{latex(left)}}}{{{latex(right)}}}"
    if kind is ast.Pow:
        return f"{_bracketed(left, 5)}^{{{latex(right)}}}"
    if kind not in _INFIX:
        return rf"\mathtt{{{_escaped(ast.unparse(tree))}}}"
    binding = _BINDING[kind]
    # a - (b - c) keeps its brackets, and so does a sign after an operator: a * (-b)
    right_binding = 3 if isinstance(right, ast.UnaryOp) else binding + (kind is ast.Sub)
    return f"{_bracketed(left, binding)} {_INFIX[kind]} {_bracketed(right, right_binding)}"


def _call(name: str, args: list[ast.expr]) -> str:
    inner = [latex(arg) for arg in args]
    match name, inner:
        case "exp", [x]:
            return f"e^{{{x}}}"
        case "sqrt", [x]:
            return rf"\sqrt{{{x}}}"
        case "conj", [x]:
            return rf"\overline{{{x}}}"
        case "abs", [x]:
            return rf"\left|{x}\right|"
        case "where", [condition, yes, no]:
            return rf"\begin{{cases}} {yes} & {condition} \\ {no} & \text{{otherwise}} \end{{cases}}"
        case _:
            head = f"\\{name}" if name in _NAMED else rf"\operatorname{{{_escaped(name)}}}"
            return rf"{head}\left({', '.join(inner)}\right)"


def _bracketed(tree: ast.expr, binding: int) -> str:
    inside = 5
    if isinstance(tree, ast.BinOp) and not (isinstance(tree.op, ast.Div) and binding < 5):
        inside = _BINDING.get(type(tree.op), 0)
    elif isinstance(tree, ast.UnaryOp) or (isinstance(tree, ast.Constant) and _negative(tree.value)):
        inside = 2
    text = latex(tree)
    return rf"\left({text}\right)" if inside < binding else text


def _negative(value: object) -> bool:
    return isinstance(value, (int, float)) and math.copysign(1, value) < 0


def _symbol(name: str) -> str:
    return _SYMBOLS.get(name) or rf"\mathrm{{{_escaped(name)}}}"


def _escaped(text: str) -> str:
    return "".join(f"\\{char}" if char in "_#%&{}$" else char for char in text)
