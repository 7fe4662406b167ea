"""How a teachgrad tensor, graph or error is compared with PyTorch's."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import teachgrad  # noqa: E402 - after the skip
from teachgrad.autograd.variable import TensorBase, wrap  # noqa: E402

LIBRARIES = (teachgrad, torch)


def make(library, array, *, requires_grad=False):
    """A tensor of either library with the numbers, dtype and strides of `array` (copied, so that nothing is shared)."""
    whole = array if array.base is None else array.base
    copy = (
        np.lib.stride_tricks.as_strided(whole.copy(order="K"), array.shape, array.strides)
        if whole is not array
        else array.copy()
    )
    tensor = wrap(copy) if library is teachgrad else torch.from_numpy(copy)
    return tensor.requires_grad_() if requires_grad else tensor


def array_of(tensor):
    """The numbers of a tensor of either library."""
    if isinstance(tensor, TensorBase):
        return np.asarray(tensor._data)
    return tensor.numpy(force=True)


def check_values(mine, theirs, *, ulps=8, about="", largest=0.0, coarse=None):
    """Same shape, dtype and numbers, up to `ulps` roundings of the largest number; integers and bools exactly.

    `largest` says how large the numbers were of which these are sums, `coarse` in which dtype some of them were rounded.
    """
    ours, wanted = array_of(mine), array_of(theirs)
    assert str(mine.dtype) == str(theirs.dtype), f"{about}: dtype {mine.dtype}, PyTorch {theirs.dtype}"
    assert tuple(mine.shape) == tuple(theirs.shape), f"{about}: shape {mine.shape}, PyTorch {theirs.shape}"
    assert ours.shape == wanted.shape
    if wanted.dtype.kind not in "fc" or not ulps:
        np.testing.assert_array_equal(ours, wanted, err_msg=about)
        return
    finite = np.abs(wanted[np.isfinite(wanted)])
    step = float(max(np.finfo(wanted.dtype).eps, np.finfo(coarse or wanted.dtype).eps)) * ulps
    largest = max(largest, float(finite.max()) if finite.size else 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        np.testing.assert_allclose(ours, wanted, rtol=step, atol=step * min(largest, 1e30), err_msg=about)


def name_of(node):
    return "None" if node is None else node.name().removeprefix("torch::autograd::")


def skeleton(tensor):
    """The graph behind a tensor as text: each node with its `next_functions`, in the order of a walk from the top."""
    if tensor.grad_fn is None:
        return ["leaf" if tensor.requires_grad else "constant"]
    numbers = {tensor.grad_fn: 0}
    lines, stack = [], [tensor.grad_fn]
    while stack:
        node = stack.pop()
        parts = []
        for below, number in node.next_functions:
            if below is None:
                if name_of(node) == "NotImplemented":
                    continue  # PyTorch gives it edges only where a gradient is wanted; nobody can go there anyway
                parts.append(f"None.{number}")
                continue
            if below not in numbers:
                numbers[below] = len(numbers)
                stack.append(below)
            parts.append(f"{name_of(below)}#{numbers[below]}.{number}")
        lines.append(f"{name_of(node)}#{numbers[node]}({', '.join(parts)})")
    return lines


def check_tensor(mine, theirs, *, ulps=8, graph=True, about="", coarse=None):
    """Everything one can see of a result: numbers, shape, dtype, requires_grad, is_leaf and the graph behind it."""
    check_values(mine, theirs, ulps=ulps, about=about, coarse=coarse)
    for fact in ("requires_grad", "is_leaf", "output_nr"):
        assert getattr(mine, fact) == getattr(theirs, fact), f"{about}: {fact} is {getattr(mine, fact)}"
    if graph:
        assert skeleton(mine) == skeleton(theirs), about


def outputs_of(result):
    """The tensors in what an expression returned: one, a tuple, a list, nested."""
    if isinstance(result, TensorBase | torch.Tensor):
        return [result]
    if isinstance(result, tuple | list):
        return [tensor for part in result for tensor in outputs_of(part)]
    return []


def outcome(function):
    """What a call returned, or the exception that it raised. Warnings are not compared here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return function(), None
        except Exception as error:  # noqa: BLE001 - any error is a result to compare
            return None, error


def first_line(error):
    """The sentence of an error that a learner reads first."""
    return str(error).split("\n")[0].strip()


def cotangent(tensor, library, seed=0):
    """A gradient to send into a result: the same numbers for the same shape, in either library."""
    shape = tuple(tensor.shape)
    size = int(np.prod(shape, dtype=np.int64))
    numbers = np.cos(np.arange(1, size + 1) * (0.7 + seed)) + 1.5
    if array_of(tensor).dtype.kind == "c":
        numbers = numbers + 1j * np.sin(np.arange(1, size + 1) * (0.9 + seed))
    return make(library, numbers.reshape(shape).astype(array_of(tensor).dtype))
