"""Every pointwise entry of the op table against PyTorch: values, dtypes, shapes, graphs and derivatives.

Nothing here lists ops: an entry says its domain and is called generically. The others are tested by `test_lines.py`.
"""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import teachgrad  # noqa: E402 - after the skip
from oracle.check import (  # noqa: E402
    check_gradients,
    check_line,
    check_same_error,
    coarsest,
    evaluate,
    gradients,
)
from oracle.compare import LIBRARIES, check_tensor, make, outcome  # noqa: E402
from oracle.inputs import IN_PLACE, call_of, numbers  # noqa: E402
from teachgrad.ops.table import METHODS, OPS  # noqa: E402

POINTWISE = {name: op for name, op in OPS.items() if op.pointwise and not op.samples}
EXACT = {
    "add", "sub", "rsub.tensor", "rsub.number", "mul", "div", "div.floor", "div.trunc", "neg", "abs", "sign", "relu",
    "floor", "ceil", "trunc", "frac", "round.whole", "maximum", "minimum", "where.tensors", "reciprocal", "add.alpha",
    "sub.alpha", "remainder.tensor", "remainder.number", "fmod.tensor", "fmod.number", "clamp.numbers",
    "clamp.tensors", "clamp_min.number", "clamp_min.tensor", "clamp_max.number", "clamp_max.tensor",
}  # fmt: skip
"""Ops whose result is rounded at most once, and so the same everywhere."""

WRONG_IN_PYTORCH = {
    ("pow.tensor", "bool"), ("logaddexp", "bool"), ("logaddexp2", "bool"),
    ("ldexp", "float16"), ("ldexp", "float64"), ("ldexp", "int64"), ("ldexp", "int32"),
    ("atan2", "uint8"), ("atan2", "bool"),
    ("where.tensors", "complex beside real"), ("clamp.tensors", "complex beside real"),
    ("logaddexp", "complex beside real"), ("ldexp", "complex beside real"),
}  # fmt: skip
"""(op, dtype of one input) where PyTorch's own gradient or message fails: it computes in that dtype, or forgets a cast.

ldexp: with integers as exponents, PyTorch computes 2^-1 in integers, and so sends 0.
"""


def operands(op, shapes, dtypes_, *, text=None):
    """Arrays for the tensors A and B of a call of a pointwise op."""
    names = [n for n in ("A", "B") if re.search(rf"\b{n}\b", text or call_of(op))]
    return {
        name: numbers(f"{op.name}{name}", shape, dtype, op.domain)
        for name, shape, dtype in zip(names, shapes, dtypes_, strict=False)
    }


def tensors_from(arrays, *, grad=True, mask=True):
    def build(library):
        tensors = {
            name: make(library, array, requires_grad=grad and array.dtype.kind in "fc")
            for name, array in arrays.items()
        }
        if mask:
            shape = np.broadcast_shapes(*(array.shape for array in arrays.values()))
            tensors["C"] = make(library, np.asarray(np.arange(int(np.prod(shape))).reshape(shape) % 2 == 0))
        return tensors

    return build


def check_op(op, arrays, *, second=False, note=""):
    numbers_are_real = all(array.dtype.kind != "c" for array in arrays.values())
    ulps = 0 if op.name in EXACT and numbers_are_real else 8  # a complex product is rounded more than once
    check_line(call_of(op) + note, tensors_from(arrays), ulps=ulps, second=second)


ALL_POINTWISE = pytest.mark.parametrize("op", POINTWISE.values(), ids=POINTWISE)
SHAPES = [
    ((2, 3), (2, 3)), ((2, 3), (3,)), ((3,), (2, 3)), ((2, 1), (1, 3)), ((2, 3), ()), ((), (2, 3)), ((), ()),
    ((4, 1, 3), (2, 1)), ((1,), ()), ((1, 1), (1,)), ((0,), (0,)), ((0, 3), (3,)), ((2, 0), ()), ((2, 0, 3), (1, 1)),
]  # fmt: skip
DTYPES = ["float32", "float64", "float16", "int64", "int32", "uint8", "bool"]


@ALL_POINTWISE
def test_pointwise_shapes(op):
    """float32, over all ways to broadcast."""
    for shapes in SHAPES:
        check_op(op, operands(op, shapes, ("float32", "float32")))


@ALL_POINTWISE
def test_pointwise_dtypes(op):
    """All dtypes, and all pairs of them, with and without dimensions."""
    if "B" not in call_of(op):
        for dtype, shape in itertools.product(DTYPES, ((3,), ())):
            check_op(op, operands(op, (shape,), (dtype,)), note="" if shape else "  # 0-d")
        return
    for first, second in itertools.product(DTYPES, DTYPES):
        if {(op.name, first), (op.name, second)} & WRONG_IN_PYTORCH:
            continue
        for shapes in (((3,), (3,)), ((3,), ()), ((), (3,)), ((), ())):
            check_op(op, operands(op, shapes, (first, second)), note=f"  # {first} {shapes[0]}, {second} {shapes[1]}")


@ALL_POINTWISE
def test_pointwise_complex(op):
    """Complex numbers, alone and beside real ones; ops that have no meaning for them refuse as PyTorch does."""
    for shape in ((3,), ()):
        for kinds in (("complex128", "complex128"), ("complex64", "complex64")):
            check_op(op, operands(op, (shape, shape), kinds), second=kinds[0] == "complex128")
    if "B" in call_of(op):
        for kinds in (
            ("complex64", "float32"),
            ("float64", "complex64"),
            ("complex64", "int64"),
            ("bool", "complex128"),
        ):
            if {(op.name, kinds[0]), (op.name, "complex beside real")} & WRONG_IN_PYTORCH:
                continue
            for shapes in (((3,), (3,)), ((3,), ()), ((), (3,))):
                check_op(op, operands(op, shapes, kinds), note=f"  # {kinds}, {shapes}")


@ALL_POINTWISE
def test_pointwise_complex_numbers(op):
    """Python's complex numbers on either side."""
    call = call_of(op)
    if "B" not in call or (op.name, "complex beside real") in WRONG_IN_PYTORCH:
        return
    for dtype in ("complex64", "float32", "int64"):
        arrays = operands(op, ((3,),), (dtype,))
        for number in ("(1.5-0.5j)", "2.5"):
            for text in (call.replace("B", number), call.replace("A", number).replace("B", "A")):
                check_line(f"{text}  # {dtype}", tensors_from(arrays), ulps=8)


@ALL_POINTWISE
def test_pointwise_strides(op):
    """Transposed, strided and expanded inputs."""
    whole = operands(op, ((4, 3), (4, 3)), ("float32", "float32"))
    for change in (lambda a: a.T, lambda a: a[::2], lambda a: a[:, 1:], lambda a: np.broadcast_to(a[:1], a.shape)):
        check_op(op, {name: change(array) for name, array in whole.items()})


@ALL_POINTWISE
def test_pointwise_second_order(op):
    for shapes in (((2, 3), (2, 3)), ((2, 1), (3,)), ((), ())):
        check_op(op, operands(op, shapes, ("float64", "float64")), second=True)
    check_op(op, operands(op, ((3,), (3,)), ("float32", "float64")), second=True)


@ALL_POINTWISE
def test_pointwise_numbers(op):
    """Python and NumPy numbers on either side of an op that takes two tensors."""
    call = call_of(op)
    if "B" not in call:
        return
    for dtype, shape in itertools.product(DTYPES, ((3,), ())):
        arrays = operands(op, (shape,), (dtype,))
        for number in ("2", "1.5", "True", "np.float64(1.5)", "np.int64(2)"):
            for text in (call.replace("B", number), call.replace("A", number).replace("B", "A")):
                build = tensors_from(arrays, grad=number != "True")
                if number == "True" and dtype == "bool" and "**" in text:
                    continue
                if number == "True" and outcome(lambda t=text, b=build: evaluate(t, torch, b(torch)))[1]:
                    continue  # True as a number beside a bool tensor: PyTorch has no computation, NumPy mostly has
                check_line(f"{text}  # {dtype} {shape}", build, ulps=8)


@ALL_POINTWISE
def test_pointwise_mixed_requires_grad(op):
    """Only one of two inputs requires a gradient: the other's edge leads to None."""
    arrays = operands(op, ((2, 3), (3,)), ("float32", "float32"))
    for wanting in arrays:
        check_line(
            call_of(op),
            lambda library, w=wanting: {
                n: t.requires_grad_(n == w) for n, t in tensors_from(arrays, grad=False)(library).items()
            },
        )


@ALL_POINTWISE
def test_pointwise_on_results(op):
    """On the results of other ops: 0-d results and graphs with more than one node."""
    for shape in ((), (2, 3)):
        arrays = operands(op, (shape, shape), ("float32", "float32"))
        text = re.sub(r"\b([AB])\b", r"(\1 * 1.0)", call_of(op))
        check_line(text, tensors_from(arrays))


IN_PLACE_OPS = {name: op for name, op in POINTWISE.items() if name in IN_PLACE or f"{name}_" in METHODS}
for name in ("asinh", "acosh", "atanh"):  # PyTorch has no derivative for these three in place
    del IN_PLACE_OPS[name]
ALL_IN_PLACE = pytest.mark.parametrize("op", IN_PLACE_OPS.values(), ids=IN_PLACE_OPS)


def in_place_call(op):
    return IN_PLACE.get(op.name) or f"A.{op.name}_({'B' if len(op.inputs) > 1 else ''})"


def check_in_place(op, arrays, *, leaf=False, view=False):
    """`A.op_(B)`: what becomes of A, of B's gradient and of the leaf behind A; or the error, and A as it was."""
    call = in_place_call(op)
    kept = []
    for library in LIBRARIES:
        leaves = tensors_from(arrays, grad=op.node_name is not None, mask=False)(library)
        tensors = dict(leaves)
        if not leaf and leaves["A"].requires_grad:
            tensors["A"] = leaves["A"] * 1
        if view:
            tensors["A"] = tensors["A"][1:]
        before = tensors["A"]
        result, error = outcome(lambda lib=library, t=tensors: evaluate(call, lib, t))
        assert error is not None or result is before, call
        kept.append((result, error, tensors, leaves))
    (mine, my_error, my_tensors, my_leaves), (theirs, their_error, their_tensors, their_leaves) = kept
    note = f"{call}  # " + ", ".join(f"{array.dtype} {array.shape}" for array in arrays.values())
    if their_error is not None and isinstance(my_error, NotImplementedError):
        return  # two reasons to refuse: PyTorch looks at shapes and the result's dtype first, we at the input's
    failed = check_same_error(my_error, their_error, note)
    if "ZeroDivisionError" in str(their_error):
        return  # PyTorch has overwritten some elements by then; we none
    for name, tensor in my_tensors.items():
        check_tensor(tensor, their_tensors[name], about=note)
        assert tensor._version == their_tensors[name]._version, note
    if failed:
        return
    wanted, their_error = outcome(lambda: gradients(torch, [theirs], their_leaves))
    found, my_error = outcome(lambda: gradients(teachgrad, [mine], my_leaves))
    if not check_same_error(my_error, their_error, f"backward of {note}"):
        check_gradients(found, wanted, note, coarse=coarsest(their_tensors))


@ALL_IN_PLACE
def test_in_place(op):
    for shapes in (((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 3), ()), ((), ()), ((3,), (2, 3)), ((1,), (3,)), ((), (3,))):
        arrays = operands(op, shapes, ("float32", "float32"), text=in_place_call(op))
        check_in_place(op, arrays)
        check_in_place(op, arrays, leaf=True)
        if arrays["A"].ndim == 2:
            check_in_place(op, arrays, view=True)
            check_in_place(op, arrays, leaf=True, view=True)


@ALL_IN_PLACE
def test_in_place_dtypes(op):
    for first, second in itertools.product(DTYPES, DTYPES):
        if {(op.name, first), (op.name, second)} & WRONG_IN_PYTORCH:
            continue
        arrays = operands(op, ((3,), (3,)), (first, second), text=in_place_call(op))
        check_in_place(op, arrays)
        if len(arrays) == 1 and second == "float64":
            break
