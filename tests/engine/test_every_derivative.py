"""Every entry of the op table against small differences, and its two directions against each other; without PyTorch.

An entry is called by one of its samples (tests/oracle/inputs.py explains their vocabulary), the pointwise ones with two
vectors. That checks three things per entry, in float64 and, where the op knows complex numbers, in complex128:

    gradcheck        J as backward has it, and J from f(x + eps) - f(x - eps)
    gradgradcheck    the same for the gradient
    adjointness      <J v, u> = <v, J^T u>: forward mode runs the rules on tensors, backward mode on arrays
"""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
from oracle.inputs import CALLS, call_of, numbers, sample_arrays

import teachgrad as torch
from teachgrad.autograd import forward_ad, gradcheck, gradgradcheck
from teachgrad.autograd.variable import TensorBase, wrap
from teachgrad.ops.table import OPS

LINES = {"linalg.eigh.half": ["torch.linalg.eigh(m + m.mH)[0]", "torch.linalg.eigh(m + m.mH)[1].abs() ** 2"]}
"""Lines in place of samples that are no functions of all that they are given: eigh reads one half of its matrix."""

RANDOM = re.compile(r"manual_seed|dropout|rrelu|bernoulli|multinomial|normal_|uniform_")
ENTRIES = [
    op
    for op in OPS.values()
    if op.node_name not in (None, "NotImplemented") and not any("no_derivative" in rule for rule in op.rules.values())
]


def calls(entry):
    """The lines that may stand for an entry."""
    if entry.samples:
        return [line for line in LINES.get(entry.name, entry.samples) if not RANDOM.search(line)]
    return [call_of(entry)] if entry.pointwise and ("." not in entry.name or entry.name in CALLS) else []


def inputs_of(entry, line, dtype):
    """The tensors that a line mentions: those that are differentiated, and the others."""
    words = set(re.findall(r"\b[A-Za-z]\w*\b", line))
    watched = set(re.findall(r"\b[A-Za-z]\w*\b", re.sub(r"\b\w+(\[\w+\])?\.detach\(\)", "", line)))
    floats, others = sample_arrays(dtype)
    floats |= {name: numbers(f"{entry.name}{name}", (3,), dtype, entry.domain) for name in "AB"}
    others |= {"C": np.array([True, False, True])}
    return (
        {name: wrap(np.asarray(array)).requires_grad_() for name, array in floats.items() if name in watched},
        {name: wrap(array) for name, array in (floats | others).items() if name in words - watched or name in others},
    )


def differentiable(results):
    """The tensors of a result that have a history."""
    if isinstance(results, TensorBase):
        results = (results,)
    if not isinstance(results, tuple | list):
        return []
    return [r for r in results if isinstance(r, TensorBase) and r.requires_grad]


def function_of(entry, dtype):
    """A function of an entry's first usable line, and the tensors to call it with; None if there is no such line."""
    for line in calls(entry):
        wanted, fixed = inputs_of(entry, line, dtype)

        def run(*values, line=line, wanted=wanted, fixed=fixed):
            space = (
                dict(zip(wanted, values, strict=True)) | fixed | {"torch": torch, "F": torch.nn.functional, "np": np}
            )
            found = differentiable(eval(line, space))
            return found[0] if len(found) == 1 else tuple(found)

        try:
            results = run(*wanted.values())
        except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError):
            continue
        if differentiable(results) and wanted:
            return run, tuple(wanted.values())
    return None


ALL = pytest.mark.parametrize("entry", ENTRIES, ids=[op.name for op in ENTRIES])
BOTH = pytest.mark.parametrize("dtype", ["float64", "complex128"])


@pytest.fixture(autouse=True)
def quiet():
    """Some lines warn, as they do in PyTorch; that is tested elsewhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@BOTH
@ALL
def test_gradients(entry, dtype):
    found = function_of(entry, dtype)
    if found is None:
        pytest.skip("no line of its own, or none for these numbers")
    gradcheck(*found)
    gradgradcheck(*found)


@BOTH
@ALL
def test_forward_mode_is_the_transpose_of_backward(entry, dtype):
    found = function_of(entry, dtype)
    if found is None:
        pytest.skip("no line of its own, or none for these numbers")
    run, points = found
    directions = [wrap(numbers(f"v{i}", point.shape, str(point.dtype)[6:])) for i, point in enumerate(points)]
    results = run(*points)
    results = results if isinstance(results, tuple) else (results,)
    weights = [wrap(numbers(f"u{i}", result.shape, str(result.dtype)[6:])) for i, result in enumerate(results)]
    back = torch.autograd.grad(results, points, weights, allow_unused=True)
    with forward_ad.dual_level():
        moved = run(*(forward_ad.make_dual(p.detach(), v) for p, v in zip(points, directions, strict=True)))
        moved = moved if isinstance(moved, tuple) else (moved,)
        tangents = [forward_ad.unpack_dual(result).tangent for result in moved]

    def inner(pairs):
        return sum(float(np.vdot(np.asarray(a._data), np.asarray(b._data)).real) for a, b in pairs if a is not None)

    left, right = inner(zip(tangents, weights, strict=True)), inner(zip(back, directions, strict=True))
    assert left == pytest.approx(right, rel=1e-9, abs=1e-9)
