"""Which dtype meets which: every pair, as tensors with dimensions, 0-d tensors and Python numbers, against PyTorch."""

from __future__ import annotations

import itertools

import pytest

torch = pytest.importorskip("torch")

import teachgrad  # noqa: E402 - after the skip
from oracle.compare import first_line, outcome  # noqa: E402

NAMES = [
    "bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64", "float16", "bfloat16", "float32",
    "float64", "complex64", "complex128",
]  # fmt: skip
PAIRS = list(itertools.product(NAMES, NAMES))
NUMBERS = [True, 2, 2.5, 1j]
BARE = {"uint16", "uint32", "uint64"}
"""Stored by PyTorch, but with few kernels: `x + x` exists for none of them."""


def answer(function):
    """The dtype that a call gives, or the first line of its error."""
    value, error = outcome(function)
    return first_line(error) if error is not None else str(getattr(value, "dtype", value))


def as_ours(text):
    """NumPy has no complex number of two float16: where PyTorch answers complex32, we answer complex64."""
    return text.replace("complex32", "complex64")


def both(question):
    return answer(lambda: question(teachgrad)), as_ours(answer(lambda: question(torch)))


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_types(one, other):
    for ask in (
        lambda lib: lib.promote_types(getattr(lib, one), getattr(lib, other)),
        lambda lib: lib.can_cast(getattr(lib, one), getattr(lib, other)),
    ):
        mine, theirs = both(ask)
        assert mine == theirs


@pytest.mark.parametrize(("one", "other"), PAIRS)
@pytest.mark.parametrize("shapes", [((2,), (2,)), ((2,), ()), ((), (2,)), ((), ())], ids=str)
def test_tensors(one, other, shapes):
    def tensors(lib):
        return [lib.ones(shape, dtype=getattr(lib, name)) for name, shape in zip((one, other), shapes, strict=True)]

    mine, theirs = both(lambda lib: lib.result_type(*tensors(lib)))
    assert mine == theirs
    for op in ("mul", "add", "eq", "true_divide"):
        mine, theirs = both(lambda lib, op=op: getattr(lib, op)(*tensors(lib)))
        if "not implemented for" in theirs and (BARE & {one, other} or "ComplexHalf" in theirs):
            continue  # we compute with them all the same
        assert mine == theirs, op


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("shape", [(2,), ()], ids=str)
def test_numbers(name, number, shape):
    for ask in (
        lambda lib: lib.result_type(lib.ones(shape, dtype=getattr(lib, name)), number),
        lambda lib: lib.ones(shape, dtype=getattr(lib, name)) * number,
        lambda lib: number * lib.ones(shape, dtype=getattr(lib, name)),
        lambda lib: lib.ones(shape, dtype=getattr(lib, name)) / number,
        lambda lib: lib.ones(shape, dtype=getattr(lib, name)) + number,
    ):
        mine, theirs = both(ask)
        if "not implemented for" not in theirs:
            assert mine == theirs


@pytest.mark.filterwarnings("ignore:Casting complex values to real")
@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_conversions(one, other):
    """Numbers that every type holds survive; what does not fit is cut off as in C."""

    def numbers(lib):
        return lib.tensor([0, 1, 3], dtype=getattr(lib, one)).to(getattr(lib, other))

    mine, theirs = numbers(teachgrad), numbers(torch)
    assert mine.tolist() == theirs.tolist() and str(mine.dtype) == str(theirs.dtype)


@pytest.mark.parametrize("name", NAMES)
def test_facts(name):
    """What a dtype says of itself, its limits, and how its tensors are printed."""
    mine, theirs = getattr(teachgrad, name), getattr(torch, name)
    for fact in ("itemsize", "is_floating_point", "is_complex", "is_signed"):
        assert getattr(mine, fact) == getattr(theirs, fact), fact
    limits = "iinfo" if name in BARE or "int" in name else "finfo"
    if name != "bool":
        assert repr(getattr(teachgrad, limits)(mine)) == repr(getattr(torch, limits)(theirs))
    for text in ("lib.ones(2, dtype=lib.NAME)", "lib.zeros(0, dtype=lib.NAME)", "lib.tensor(1, dtype=lib.NAME)"):
        line = text.replace("NAME", name)
        assert repr(eval(line, {"lib": teachgrad})) == repr(eval(line, {"lib": torch}))
    assert teachgrad.ones(2, dtype=mine).type() == torch.ones(2, dtype=theirs).type()
