"""bfloat16 against PyTorch: each line of the table's samples with bfloat16 inputs, forwards and backwards."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import teachgrad  # noqa: E402 - after the skip
from oracle.check import OTHER_GRAPH, evaluate  # noqa: E402
from oracle.compare import LIBRARIES, first_line, make, outcome, outputs_of, skeleton  # noqa: E402
from oracle.inputs import FACES, call_of, numbers, sample_arrays  # noqa: E402
from oracle.test_ops import EXACT, POINTWISE  # noqa: E402
from teachgrad.ops.table import OPS  # noqa: E402

STEP = 2.0**-8
"""Half the distance from 1 to the next bfloat16."""

DIFFERENT = {
    "F.scaled_dot_product_attention(x, m, m)": "PyTorch casts to float32 first, and records that",
    "F.scaled_dot_product_attention(b, b, b, is_causal=True)": "PyTorch casts to float32 first, and records that",
    "F.soft_margin_loss(x, mask * 2.0 - 1, reduction='none')": "PyTorch forgets to promote",
    "torch._weight_norm(x, p[:, :1], 0)": "PyTorch copies one input",
    "torch._weight_norm(b, p[:1, :1, None].expand(1, 1, 4), 2)": "PyTorch copies one input",
    "F.nll_loss(x, labels, weight=v.detach().abs())": "PyTorch adds up in bfloat16",
}
"""Lines whose graph, dtype or rounding is knowingly another -> why."""

LINES = list(dict.fromkeys(line for op in OPS.values() for line in op.samples)) + FACES


def inputs(library):
    floats, others = sample_arrays()
    tensors = {name: make(library, array).bfloat16().requires_grad_() for name, array in floats.items()}
    return tensors | {name: make(library, array) for name, array in others.items()}


def operands(op):
    arrays = {name: numbers(f"{op.name}{name}", (2, 3), "float32", op.domain) for name in "AB"[: len(op.inputs)]}

    def build(library):
        tensors = {name: make(library, array).bfloat16().requires_grad_() for name, array in arrays.items()}
        return tensors | {"C": make(library, np.arange(6).reshape(2, 3) % 2 == 0)}

    return build


def plain(tensor):
    """The numbers of a tensor, as float64 arrays where they are bfloat16."""
    return np.asarray((tensor.detach().float() if "float" in str(tensor.dtype) else tensor.detach()).numpy())


def weights(library, result):
    """A gradient to send into a result, of its dtype."""
    numbers_ = np.asarray(np.cos(np.arange(1, result.numel() + 1) * 0.7).reshape(tuple(result.shape)) + 1.5)
    return make(library, numbers_).to(result.dtype)


def check(mine, theirs, about, *, steps):
    assert str(mine.dtype) == str(theirs.dtype) and tuple(mine.shape) == tuple(theirs.shape), about
    ours, wanted = plain(mine), plain(theirs)
    if wanted.dtype.kind not in "fc" or not steps:
        np.testing.assert_array_equal(ours, wanted, err_msg=about)
        return
    largest = float(np.abs(wanted[np.isfinite(wanted)]).max(initial=0.0))
    np.testing.assert_allclose(ours, wanted, rtol=steps * STEP, atol=steps * STEP * largest, err_msg=about)


def check_line(text, build, *, steps):
    my_tensors, their_tensors = (build(library) for library in LIBRARIES)
    theirs, their_error = outcome(lambda: evaluate(text, torch, their_tensors))
    mine, my_error = outcome(lambda: evaluate(text, teachgrad, my_tensors))
    if their_error is not None:  # often PyTorch has no bfloat16 kernel where we have one
        assert my_error is not None or "BFloat16" in str(their_error), text
        return
    if my_error is not None:
        raise my_error
    ours, wanted = outputs_of(mine), outputs_of(theirs)
    assert len(ours) == len(wanted), text
    for one, other in zip(ours, wanted, strict=True):
        check(one, other, text, steps=steps)
        assert one.requires_grad == other.requires_grad, text
        if text not in OTHER_GRAPH:
            assert skeleton(one) == skeleton(other), text
    grads = []
    for results, tensors in ((ours, my_tensors), (wanted, their_tensors)):
        roots = [result for result in results if result.requires_grad]
        leaves = [tensor for tensor in tensors.values() if tensor.requires_grad]
        library = LIBRARIES[results is wanted]
        grads.append(
            outcome(
                lambda library=library, roots=roots, leaves=leaves: (
                    library.autograd.grad(roots, leaves, [weights(library, root) for root in roots], allow_unused=True)
                    if roots
                    else ()
                )
            )
        )
    (found, my_error), (expected, their_error) = grads
    if their_error is not None:
        assert my_error is not None or "BFloat16" in str(their_error), text
        return
    if my_error is not None:
        raise my_error
    for one, other in zip(found, expected, strict=True):
        assert (one is None) == (other is None), text
        if one is not None:
            check(one, other, f"gradient of {text}", steps=16)


@pytest.mark.parametrize("op", POINTWISE.values(), ids=POINTWISE)
def test_pointwise(op):
    check_line(call_of(op), operands(op), steps=0 if op.name in EXACT else 2)


def test_lines():
    """All samples of the table: 98 of 100 agree in numbers, dtype, graph and gradients."""
    failed = {}
    for line in LINES:
        if line not in DIFFERENT:
            _, error = outcome(lambda line=line: check_line(line, inputs, steps=4))
            if error is not None:
                failed[line] = f"{type(error).__name__}: {first_line(error)}"
    report = "\n".join(f"{line}    {why}" for line, why in failed.items())
    assert len(failed) < 0.02 * len(LINES), f"{len(failed)} of {len(LINES)} lines differ:\n{report}"
    print(f"{len(failed)} of {len(LINES)} lines differ\n{report}")  # noqa: T201 - shown by pytest -rP


ONCE = {
    "F.grid_sample(b[None], m[None, :, :2, None].mT.expand(1, 3, 2, 2) / 3, align_corners=True)": "derived once",
    **{
        f"torch.linalg.{line}": "refused, though nothing need be computed for no elements"
        for line in ("svd(x[:0])[2]", "svdvals(x[:, :0])", "solve(x[:0, :0], v[:0])")
    },
}
"""Lines that have no second gradient here -> why."""


def second_dtypes(library, line):
    """The dtypes of the gradients of all gradients that a line has."""
    tensors = inputs(library)
    leaves = [tensor for tensor in tensors.values() if tensor.requires_grad]
    roots = [(root * root).sum() for root in outputs_of(evaluate(line, library, tensors)) if root.requires_grad]
    first = library.autograd.grad(sum(roots), leaves, create_graph=True, allow_unused=True)
    again = [(grad * grad).sum() for grad in first if grad is not None and grad.requires_grad]
    second = library.autograd.grad(sum(again), leaves, allow_unused=True)
    return [None if grad is None else str(grad.dtype) for grad in (*first, *second)]


def test_second_gradients():
    """They exist where PyTorch has them, in its dtype."""
    failed = {}
    for line in LINES:
        theirs, error = outcome(lambda line=line: second_dtypes(torch, line))
        if error is None and line not in DIFFERENT and line not in ONCE:
            mine, error = outcome(lambda line=line: second_dtypes(teachgrad, line))
            if mine != theirs:
                failed[line] = mine or repr(error)
    assert not failed, "\n".join(f"{line}    {why}" for line, why in failed.items())
