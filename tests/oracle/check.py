"""One line of Python in both libraries, and everything that is compared about it."""

from __future__ import annotations

import re

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import teachgrad  # noqa: E402 - after the skip
from oracle.compare import (  # noqa: E402
    LIBRARIES,
    array_of,
    check_tensor,
    check_values,
    cotangent,
    first_line,
    outcome,
    outputs_of,
)

OTHER_GRAPH = {
    "torch.bilinear(x, y, m[None])",  # PyTorch has one node for it (TrilinearBackward0), here it is composed
    "torch.rrelu(x)",  # RreluWithNoiseBackward0 in PyTorch; without training it is leaky_relu
}
"""Lines whose result is right and whose graph is knowingly another."""

COMPOSED = re.compile(
    r"linalg\.(householder_product|tensorinv)|orgqr|corrcoef|combinations|block_diag|"
    r"trapez|trapz|gradient|nanquantile|norm_except_dim|rms_norm|rrelu_"
)
"""The same for functions: PyTorch has one node for them, or composes them of others."""

LONG_WAY = re.compile(r"linalg|svd|cholesky|qr|lu_|pinv|inverse|matrix_(exp|power)|det\(|'nuc'")
"""Functions whose result is the end of a long calculation, in which each rounding counts."""


def roundings(text, usual=16):
    """How many roundings two results of a line may be apart."""
    return 8 * usual if LONG_WAY.search(text) else usual


SAVES_MORE = re.compile(r"nextafter|rounding_mode|%|fmod|complex|adaptive_avg|trapezoid|gradient")
"""Lines whose backward may run twice in one of the libraries only: one keeps a tensor that its rule does not need."""


def evaluate(text, library, tensors):
    space = dict(tensors, torch=library, np=np)
    if "F." in text:
        space["F"] = library.nn.functional
    return eval(text, space)


def pair(text, tensors_of):
    """The outcome of one line in both libraries, with the tensors that went in: (mine, theirs)."""
    results = []
    for library in LIBRARIES:
        tensors = tensors_of(library)
        results.append((*outcome(lambda lib=library, t=tensors: evaluate(text, lib, t)), tensors))
    (mine, my_error, my_tensors), (theirs, their_error, their_tensors) = results
    failed = check_same_error(my_error, their_error, text)
    return mine, theirs, my_tensors, their_tensors, failed


def gradients(library, results, tensors, *, create_graph=False, retain_graph=None):
    """The gradients of all tensors that require one, for fixed cotangents of all differentiable results."""
    roots = [result for result in results if result.requires_grad]
    leaves = [tensor for tensor in tensors.values() if tensor.requires_grad]
    if not roots:
        return []
    grads = library.autograd.grad(
        roots,
        leaves,
        [cotangent(root, library, number) for number, root in enumerate(roots)],
        retain_graph=retain_graph,
        create_graph=create_graph,
        allow_unused=True,
    )
    return list(grads)


def check_gradients(mine, theirs, about, *, ulps=16, coarse=None):
    assert len(mine) == len(theirs)
    sizes = [np.abs(array_of(g)[np.isfinite(array_of(g))]).max(initial=0.0) for g in theirs if g is not None]
    largest = float(max([1.0, *sizes]))  # the terms that are summed, and may cancel, are about 1
    for mine_one, theirs_one in zip(mine, theirs, strict=True):
        assert (mine_one is None) == (theirs_one is None), f"{about}: {mine_one} but PyTorch {theirs_one}"
        if theirs_one is not None:
            check_values(mine_one, theirs_one, ulps=ulps, about=f"gradient of {about}", largest=largest, coarse=coarse)


def same_kind(mine, theirs):
    """Are these errors of one type? LinAlgError is the one that each library has of its own."""
    return type(mine) is type(theirs) or type(mine).__name__ == type(theirs).__name__ == "_LinAlgError"


def check_same_error(mine, theirs, about):
    """Both failed, in the same way, or neither did. True if they failed."""
    if theirs is None:
        if mine is not None:
            raise AssertionError(f"{about}: PyTorch raises nothing") from mine
        return False
    assert mine is not None, f"{about}: PyTorch raises {theirs!r}"
    assert same_kind(mine, theirs), f"{about}: PyTorch raises {theirs!r}, we {mine!r}"
    wanted = first_line(theirs).replace("floor_divide_ is", "floor_divide is")
    assert first_line(mine) == wanted, f"{about}: PyTorch {theirs!r}, we {mine!r}"
    return True


def coarsest(tensors):
    """The least precise float dtype among the inputs: rules may round there or not."""
    kinds = [array_of(t).dtype for t in tensors.values() if array_of(t).dtype.kind in "fc"]
    return max(kinds, key=lambda dtype: np.finfo(dtype).eps, default=None)


def check_line(text, tensors_of, *, ulps=8, second=False, graph=True):
    """One line in both libraries: results, graph, gradients and, if asked, second derivatives."""
    mine, theirs, my_tensors, their_tensors, failed = pair(text, tensors_of)
    if failed:
        return
    my_results, their_results = outputs_of(mine), outputs_of(theirs)
    assert len(my_results) == len(their_results), text
    coarse = coarsest(their_tensors)
    for one, other in zip(my_results, their_results, strict=True):
        half = 2 if coarse == np.float16 and not ulps else ulps  # PyTorch computes these in float32, we do not
        same_graph = graph and text not in OTHER_GRAPH and not COMPOSED.search(text)
        check_tensor(one, other, ulps=half, about=text, graph=same_graph)
    wanted, their_error = outcome(lambda: gradients(torch, their_results, their_tensors, create_graph=second))
    if second and their_error is not None:
        return
    found, my_error = outcome(lambda: gradients(teachgrad, my_results, my_tensors, create_graph=second))
    if check_same_error(my_error, their_error, f"backward of {text}"):
        return
    check_gradients(found, wanted, text, coarse=coarse, ulps=roundings(text))
    if not second and not SAVES_MORE.search(text):  # the graph is freed now, if it had saved something
        again = outcome(lambda: gradients(torch, their_results, their_tensors))[1]
        check_same_error(
            outcome(lambda: gradients(teachgrad, my_results, my_tensors))[1], again, f"2nd backward of {text}"
        )
    if second:
        check_second_order(found, wanted, my_tensors, their_tensors, text, coarse)


def check_second_order(found, wanted, my_tensors, their_tensors, text, coarse):
    """The gradients of each gradient. Where PyTorch's are all zero, ours may not be there: a piecewise linear op."""
    for mine, theirs in zip(found, wanted, strict=True):
        if theirs is None:
            continue
        more, error = outcome(lambda root=theirs: gradients(torch, [root], their_tensors, retain_graph=True))
        if error is not None:
            continue
        again = gradients(teachgrad, [mine], my_tensors, retain_graph=True)
        again, more = again or [None] * len(more), more or [None] * len(again)
        for number, (one, other) in enumerate(zip(again, more, strict=True)):
            if (one is None) != (other is None):
                there = other if one is None else one
                note = f"{text}: second derivative {number} is {one}, PyTorch has {other}"
                assert np.abs(array_of(there)).max(initial=0) < 1e-12, note
                again[number] = more[number] = None
        check_gradients(again, more, f"the gradient of {text}", ulps=roundings(text, 64), coarse=coarse)
