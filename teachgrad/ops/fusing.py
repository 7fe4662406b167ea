"""The rule of an element-wise op as one kernel, on a GPU.

Each op on an array of the GPU is a kernel of its own, which reads its operands from memory and writes its answer there;
for small sums the way to the memory is what takes the time. The rule of tanh, `grad * (1 - result * result)`, would be
three kernels. Here it is run once on symbols instead of arrays, which write down what is done to them,

    const T v0 = a1 * a1;  const T v1 = c0 - v0;  const T v2 = a0 * v1;  out0 = v2;

and CuPy compiles that: one kernel for all edges of the node. The numbers in a rule are arguments of the kernel (c0 is 1), so
that another slope or exponent need not be compiled again. A rule that does anything else than treat elements alike, or that
mixes dtypes, or has one ufunc only, runs as it is written.

Nothing of this is loaded before a GPU is in use; then `begin` lets the nodes compile their rules anew.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from teachgrad import gpu
from teachgrad.ops import activation, errorfunction  # noqa: F401 - whose functions are fused below
from teachgrad.ops.compiling import HELPERS, execute
from teachgrad.ops.table import OPS, RAW, Op

_INFIX = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "less": "<", "less_equal": "<=", "greater": ">",
    "greater_equal": ">=", "equal": "==", "not_equal": "!=", "bitwise_and": "&&", "logical_and": "&&",
    "bitwise_or": "||", "logical_or": "||",
}  # fmt: skip
_CALLS = {
    name: name
    for name in "exp exp2 log log2 log10 log1p expm1 sqrt sin cos tan sinh cosh tanh floor ceil trunc hypot".split()
}
_CALLS |= {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "arcsinh": "asinh", "arccosh": "acosh"}
_CALLS |= {"arctanh": "atanh", "arctan2": "atan2", "absolute": "abs", "power": "pow"}
_TESTS = ("isnan", "isinf", "isfinite")
_BOOL = np.dtype(np.bool_)
_FLOATS = "fd"  # float16 is rounded after each op, which a kernel would not do


class NotElementwiseError(Exception):
    """The rule does something that no kernel of elements can."""


class Symbol(NDArrayOperatorsMixin):
    """An array that is not there: what is done to it becomes a line of the kernel."""

    __slots__ = ("code", "dtype", "kernel")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, code: str, dtype: np.dtype[Any], kernel: Kernel) -> None:
        self.code, self.dtype, self.kernel = code, dtype, kernel

    def __array_ufunc__(self, ufunc: Any, method: str, *operands: Any, **options: Any) -> Symbol:
        if method != "__call__" or options:
            raise NotElementwiseError(ufunc.__name__)
        return self.kernel.call(ufunc.__name__, operands)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Symbol:
        if function is not np.where or options:
            raise NotElementwiseError(function.__name__)
        return self.kernel.call("where", args)

    def __getitem__(self, index: Any) -> Symbol:
        if index != ():
            raise NotElementwiseError("an index")
        return self

    def erf(self) -> Symbol:
        """The error function, which CUDA has and NumPy has not."""
        return self.kernel.line(f"erf({self.code})", self.dtype)

    def __getattr__(self, name: str) -> Any:
        raise NotElementwiseError(name)

    def _refuse(self, *_: Any) -> Any:
        raise NotElementwiseError("a number is asked for")

    __array__ = __bool__ = __float__ = __int__ = __index__ = __iter__ = __len__ = _refuse


class Kernel:
    """The lines that a rule has written, and the numbers in them. `kind`: the dtype of all that is not bool."""

    def __init__(self, kind: np.dtype[Any]) -> None:
        self.kind, self.ops = kind, 0
        self.lines: dict[tuple[str, np.dtype[Any]], Symbol] = {}  # what is computed twice is written once
        self.numbers: dict[str, str] = {}

    def line(self, expression: str, dtype: np.dtype[Any]) -> Symbol:
        """One more line, or the same one as before."""
        return self.lines.setdefault((expression, dtype), Symbol(f"v{len(self.lines)}", dtype, self))

    def operand(self, value: Any) -> str:
        """What an operand is called. A number becomes an argument in the arrays' dtype, as NumPy has it."""
        if value.__class__ is Symbol:
            code: str = value.code
            return code
        if not isinstance(value, int | float) and not (isinstance(value, np.generic) and value.dtype is self.kind):
            raise NotElementwiseError(repr(value))
        return self.numbers.setdefault(repr(float(value)), f"c{len(self.numbers)}")

    def call(self, name: str, operands: tuple[Any, ...]) -> Symbol:
        """The lines of one ufunc. Raises NotElementwiseError where there are none, or the dtype would be another."""
        kinds = {each.dtype for each in operands if each.__class__ is Symbol}
        self.ops += 1
        if name == "where":
            condition, *values = operands
            if condition.__class__ is not Symbol or condition.dtype is not _BOOL:
                raise NotElementwiseError("a condition that is no bool")
            if {each.dtype for each in values if each.__class__ is Symbol} != {self.kind}:
                raise NotElementwiseError("where, of numbers")
            return self.line(f"{condition.code} ? {self.operand(values[0])} : {self.operand(values[1])}", self.kind)
        codes = [self.operand(each) for each in operands]
        if name in ("bitwise_and", "bitwise_or", "logical_and", "logical_or", "invert", "logical_not"):
            if any(each.__class__ is not Symbol for each in operands) or kinds != {_BOOL}:
                raise NotElementwiseError("bits of numbers")
            return self.line(f"!{codes[0]}" if len(codes) == 1 else f"{codes[0]} {_INFIX[name]} {codes[1]}", _BOOL)
        if kinds != {self.kind}:
            raise NotElementwiseError("mixed dtypes")
        if name in _INFIX:
            compares = _INFIX[name] in ("<", "<=", ">", ">=", "==", "!=")
            return self.line(f"{codes[0]} {_INFIX[name]} {codes[1]}", _BOOL if compares else self.kind)
        if name in _TESTS:
            return self.line(f"{name}({codes[0]})", _BOOL)
        if name in _CALLS:
            return self.line(f"{_CALLS[name]}({', '.join(codes)})", self.kind)
        return self._spelt_out(name, codes)

    def _spelt_out(self, name: str, codes: list[str]) -> Symbol:
        """Ufuncs that take several lines."""
        first, kind = codes[0], self.kind
        if name == "negative":
            return self.line(f"-{first}", kind)
        if name == "square":
            return self.line(f"{first} * {first}", kind)
        if name == "reciprocal":
            return self.line(f"{self.operand(1)} / {first}", kind)
        if name == "sign":  # nan stays nan, 0 stays 0
            below = self.line(f"{first} < {self.operand(0)}", _BOOL)
            rest = self.line(f"{below.code} ? {self.operand(-1)} : {first}", kind)
            above = self.line(f"{first} > {self.operand(0)}", _BOOL)
            return self.line(f"{above.code} ? {self.operand(1)} : {rest.code}", kind)
        if name not in ("maximum", "minimum"):
            raise NotElementwiseError(name)
        tests = [self.line(f"isnan({code})", _BOOL).code for code in codes]
        either = self.line(f"{tests[0]} || {tests[1]}", _BOOL)
        nan = self.line(f"{first} + {codes[1]}", kind)  # CUDA's own max would drop it
        return self.line(f"{either.code} ? {nan.code} : {name[:3]}({first}, {codes[1]})", kind)


@functools.lru_cache(maxsize=1024)
def _traced(rule: Any, edges: tuple[bool, ...], kind: np.dtype[Any], described: tuple[Any, ...]) -> Any:
    """(the compiled kernel, which values and what numbers it takes, where each gradient is then), or None: as it is written.

    A gradient is one of the values, counted from 0, or of the kernel's outputs, counted on. `described` has, for each
    value, the dtype of an array, or the class and the value of what is none.
    """
    kernel, values = Kernel(kind), []
    for number, (what, value) in enumerate(described):
        values.append(Symbol(f"a{number}", value, kernel) if what is Symbol else value)
    try:
        parts = rule(edges, *values)
    except Exception:  # noqa: BLE001 - whatever it is, the rule itself will say it, on arrays
        return None
    if any(part.__class__ is not Symbol or part.dtype is not kind for part in parts if part is not None):
        return None
    there = {part.code: part for part in parts if part is not None}
    outputs = [part for code, part in there.items() if code[0] != "a"]  # an argument that is handed on is not computed
    if kernel.ops < 2 or not outputs:
        return None
    used = set(re.findall(r"\ba\d+\b", " ".join([text for text, _ in kernel.lines] + [out.code for out in outputs])))
    chosen = tuple(n for n, (what, _) in enumerate(described) if what is Symbol and f"a{n}" in used)
    inputs = [f"{'T' if described[n][1] is kind else 'bool'} a{n}" for n in chosen]
    inputs += [f"T {code}" for code in kernel.numbers.values()]
    body = [
        f"const {'T' if line.dtype is kind else 'bool'} {line.code} = {text};"
        for (text, _), line in kernel.lines.items()
    ]
    body += [f"out{n} = {out.code};" for n, out in enumerate(outputs)]
    outs = ", ".join(f"T out{n}" for n in range(len(outputs)))
    compiled = _compiled(", ".join(inputs), outs, " ".join(body), rule.__name__)
    places = {out.code: len(described) + n for n, out in enumerate(outputs)} | {
        f"a{n}": n for n in range(len(described))
    }
    return (
        compiled,
        chosen,
        tuple(map(float, kernel.numbers)),
        tuple(None if p is None else places[p.code] for p in parts),
    )


@functools.lru_cache(maxsize=1024)
def _compiled(inputs: str, outputs: str, body: str, name: str) -> Any:
    """CuPy's kernel. It rounds after each line, as the rule on arrays does: products and sums are not contracted."""
    return gpu.module().ElementwiseKernel(inputs, outputs, body, name, return_tuple=True, options=("--fmad=false",))


def in_one_kernel(rule: Any, edges: tuple[bool, ...], *values: Any) -> tuple[Any, ...]:
    """`rule(edges, *values)`, one gradient or None for each edge: by one kernel, if the first value is on a GPU.

    The values are arrays and the plain arguments of the op.
    """
    if gpu.on_gpu(values[0]) and (kind := values[0].dtype).char in _FLOATS:
        described = tuple((Symbol, each.dtype) if gpu.on_gpu(each) else (each.__class__, each) for each in values)
        if all(what is not Symbol or of is kind or of is _BOOL for what, of in described):
            try:
                traced = _traced(rule, edges, kind, described)
            except TypeError:  # a plain argument that cannot be hashed
                traced = None
            if traced is not None:
                compiled, chosen, numbers, places = traced
                known = (*values, *compiled(*[values[n] for n in chosen], *numbers))
                return tuple([None if place is None else known[place] for place in places])
    answer: tuple[Any, ...] = rule(edges, *values)
    return answer


# -- the rules of the table ------------------------------------------------------------------------------------
def rule_of(op: Op, key: str) -> str:
    """The name under which the generated code finds the rules of `op` as one function of arrays, or "".

    A rule with several outputs, or one that gives its edges gradients of different shapes, has none.
    """
    rules = [op.rules[name] for name in op.inputs if name in op.rules]
    if len(op.tracked) > 1 or op.list_input or op.list_output or not (op.pointwise or len(rules) == 1):
        return ""
    parts = " ".join(f"({rule}) if edges[{n}] else None," for n, rule in enumerate(rules))
    name = re.sub(r"\W", "_", f"rule_of_{key}")
    source = f"def {name}(edges, {', '.join(('grad', *op.saved))}):\n    return ({parts})\n"
    RAW[f"_{name}"] = execute(op, source, RAW, name)
    return f"_{name}"


# -- forwards --------------------------------------------------------------------------------------------------
FORWARDS = ("sigmoid_of", "normal_cdf", "normal_pdf", "tanh_cdf", "tanh_pdf")
"""Functions of one array, in the expressions of the table, that are chains."""


def _fused(function: Callable[[Any], Any], name: str) -> Callable[[Any], Any]:
    def rule(edges: tuple[bool, ...], array: Any) -> tuple[Any]:
        return (function(array),)

    rule.__name__ = name

    def fused(array: Any) -> Any:
        return in_one_kernel(rule, (True,), array)[0] if gpu.on_gpu(array) else function(array)

    fused.__name__ = name
    return fused


def _with_symbols(erf: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda array: array.erf() if array.__class__ is Symbol else erf(array)


RAW["erf"] = _with_symbols(RAW["erf"])
for _name in FORWARDS:
    RAW[_name] = _fused(RAW[_name], _name)
HELPERS["_in_one_kernel"] = RAW["_in_one_kernel"] = in_one_kernel


def begin() -> None:
    """A GPU is in use: the nodes forget their rules as they were compiled for arrays of the CPU alone."""
    for op in OPS.values():
        for node_class in op.nodes.values():
            node_class.vjp = node_class.uncompiled[0]  # type: ignore[method-assign]
