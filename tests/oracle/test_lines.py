"""The sample lines of the op table, and the functions over it: each runs in both libraries.

An entry that is neither pointwise nor run by some line fails `test_every_entry_is_covered`.
"""

from __future__ import annotations

import re

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import teachgrad  # noqa: E402 - after the skip
from oracle.check import check_line, evaluate, gradients, roundings, same_kind  # noqa: E402
from oracle.compare import make, outcome, outputs_of  # noqa: E402
from oracle.inputs import CALLS, FACES, call_of, sample_arrays  # noqa: E402
from teachgrad.ops.table import FUNCTIONS, METHODS, OPS  # noqa: E402

LINES = sorted({*FACES, *(sample for op in OPS.values() for sample in op.samples)})
NAMES = re.compile(r"\b[a-z]\w*\b")
POINTWISE = {name: op for name, op in OPS.items() if op.pointwise and not op.samples}
ON_INTEGERS = {
    "F.kl_div(x, mask.to(x.dtype), reduction='batchmean')": "PyTorch refuses integers, here they become floats",
    "F.kl_div(x, p, reduction='sum')": "PyTorch refuses integers, here they become floats",
    "torch.nanmean(x)": "PyTorch refuses integers, here they become floats",
    "torch.addbmm(torch.ones(3, 5), b, c)": "float beside int: NumPy's error instead of PyTorch's",
    "torch.baddbmm(torch.ones(2, 3, 5), b, c)": "float beside int: NumPy's error instead of PyTorch's",
    "x.masked_fill(mask[0], float('-inf'))": "OverflowError instead of RuntimeError",
    "torch.hinge_embedding_loss(x, y.sign().detach())": "the mean of integers: PyTorch divides them, here they are floats",
}
"""Lines that we knowingly treat otherwise when x, y, ... are whole numbers."""

WITH_GAPS = {
    "torch.take_along_dim(x, idx)": "PyTorch fails where a reshape would do",
    "torch.view_as_real(torch.view_as_complex(c[:, :, :2] * 1))": "PyTorch fails, here a copy is made",
    "torch.kron(x, v)": "PyTorch fails where a reshape would do",
}
"""The same when the memory of x, y, ... has gaps."""

ONCE = {
    "torch._weight_norm(x, p[:, :1], 0)": "PyTorch's own second derivative fails its gradgradcheck",
    "torch.ctc_loss": "refused at the first backward with create_graph=True, by PyTorch at the second",
    "F.grid_sample": "refused at the first backward with create_graph=True, by PyTorch at the second",
}
"""Beginnings of lines whose second derivative is not compared."""

BEYOND_COMPLEX = (
    r"embedding|affine_grid|cosine_similarity|cross_entropy_with_logits|(nan_to_num|scatter_reduce|rrelu)_\(|kl_div|mvlgamma|"
    r"_reduce.*am(ax|in)|xlog\w*y\(2"
)
"""Ops for which PyTorch has no complex derivative, or no complex kernel somewhere inside, where we have one."""

COPIES_FIRST = re.compile(r"(group|instance)_norm|diagflat|nll_loss\(b")
"""Lines for which PyTorch then copies its input first (CloneBackward0, ViewBackward0); ours have other nodes there."""


def needed(text, dtype="float32", arrange=lambda array: array):
    """Only the inputs that a line mentions; the floats in a dtype, and in memory as `arrange` lays them."""
    floats, others = sample_arrays(dtype)
    words = set(NAMES.findall(text))

    def build(library):
        grad = np.dtype(dtype).kind in "fc"
        tensors = {n: make(library, arrange(a), requires_grad=grad) for n, a in floats.items() if n in words}
        return tensors | {n: make(library, a) for n, a in others.items() if n in words}

    return build


def with_gaps(array):
    """The same numbers in memory with gaps, in another order."""
    if not array.ndim:
        return array
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype, order="F")
    wide[..., ::2] = array
    return wide[..., ::2]


def test_every_entry_is_covered():
    """Each entry is called generically, or has samples, or is run by some line or by the derivatives of one."""
    without_call = [n for n, op in POINTWISE.items() if (op.plain or "." in n) and n not in CALLS]
    assert not without_call, f"these entries need samples=[...] or a line in inputs.CALLS: {without_call}"
    for text in LINES:
        build = needed(text, "float64")
        results, error = outcome(lambda t=text, b=build: (tensors := b(teachgrad), evaluate(t, teachgrad, tensors)))
        if error is None:
            outcome(lambda r=results: gradients(teachgrad, outputs_of(r[1]), r[0], create_graph=True))
    # Random numbers: tests/engine/test_random.py; views: test_views.py; devices: tests/gpu.
    run_alone = ("drawn", "clear_flat", "device")
    missing = [
        name
        for name, op in OPS.items()
        if not op.pointwise
        and not op.samples
        and "front" not in vars(op)
        and not any(word in name for word in run_alone)
    ]
    assert not missing, f"these entries need samples=[...]: {missing}"


def test_every_function_is_run_by_some_line():
    lines = " ".join([*LINES, *map(call_of, POINTWISE.values())])
    lines = lines.replace("torch.linalg.", "torch.linalg_").replace("torch.special.", "torch.special_")
    run = set(re.findall(r"\.(\w+)\(", lines))
    run |= {"save", "load"}  # which write and read files: tests/nn/test_serialization.py
    run |= {"compile", "set_num_interop_threads"}  # a compiler; a switch that PyTorch refuses once it has worked
    missing = sorted(name for name in FUNCTIONS if name not in run)
    assert not missing, f"no sample and no line in inputs.FACES calls {missing}"


def test_every_name_is_one_of_pytorch():
    spaces = {"special": torch.special, "linalg": torch.linalg}
    for name in FUNCTIONS:
        space, _, short = name.partition("_")
        assert hasattr(torch, name) or hasattr(spaces.get(space), short), name
    assert not [name for name in METHODS if not hasattr(torch.Tensor, name)]


def test_every_node_name_is_one_of_pytorch():
    unknown = {op.node_name for op in OPS.values() if op.node_name} - set(dir(torch._C._functions))
    assert unknown <= {"EmbeddingDenseBackward0"}, unknown  # the gradient of embedding's gradient: PyTorch composes it


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("text", LINES)
def test_line(text, dtype):
    build = needed(text, dtype)
    if dtype == "float64" and outcome(lambda: evaluate(text, torch, build(torch)))[1]:
        pytest.skip("PyTorch does not mix float64 with the float32 constants of this line")
    check_line(text, build, ulps=roundings(text))


@pytest.mark.parametrize("text", LINES)
def test_line_second_order(text):
    build = needed(text, "float64")
    for beginning, reason in ONCE.items():
        if text.startswith(beginning):
            pytest.skip(reason)
    if outcome(lambda: evaluate(text, torch, build(torch)))[1]:
        pytest.skip("PyTorch does not mix float64 with the float32 constants of this line")
    check_line(text, build, ulps=roundings(text), second=True)


@pytest.mark.parametrize("text", LINES)
def test_line_integers(text):
    """The same lines on whole numbers: which dtype comes out. PyTorch refuses more often, for want of a kernel."""
    if text in ON_INTEGERS:
        pytest.skip(ON_INTEGERS[text])
    build = needed(text, "int64")
    error = outcome(lambda: evaluate(text, torch, build(torch)))[1]
    if error is None:
        check_line(text, build, ulps=roundings(text))
    elif not isinstance(error, NotImplementedError):
        mine = outcome(lambda: evaluate(text, teachgrad, build(teachgrad)))[1]
        assert same_kind(mine, error), f"PyTorch raises {error!r}, we {mine!r}"


@pytest.mark.parametrize("text", LINES)
def test_line_complex(text):
    """The same lines on complex numbers: values and both derivatives, or PyTorch's refusal."""
    if "manual_seed" in text or re.search(BEYOND_COMPLEX, text):
        pytest.skip("random numbers, or a refusal that we do not share")
    build = needed(text, "complex128")
    error = outcome(lambda: evaluate(text, torch, build(torch)))[1]
    if error is None:
        real = "conv" in text  # of which PyTorch has three for a complex one
        check_line(text, build, ulps=roundings(text), second=True, graph=not real)
    else:
        mine = outcome(lambda: evaluate(text, teachgrad, build(teachgrad)))[1]
        assert same_kind(mine, error), f"PyTorch raises {error!r}, we {mine!r}"


@pytest.mark.parametrize("text", LINES)
def test_line_strides(text):
    """The same lines on tensors whose memory is not contiguous."""
    if text in WITH_GAPS:
        pytest.skip(WITH_GAPS[text])
    if "manual_seed" in text or "as_strided" in text:
        pytest.skip("random numbers fill memory in its own order; as_strided reads memory as it lies")
    check_line(text, needed(text, arrange=with_gaps), ulps=roundings(text), graph=not COPIES_FIRST.search(text))
