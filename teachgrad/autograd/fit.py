"""The edge's share of the chain rule: a gradient comes back in the shape and dtype its argument had.

    forward    (3,) ──broadcast──> (2, 3)          backward    (2, 3) ──sum over rows──> (3,)

Broadcasting repeats an element; each copy receives a gradient; the element's gradient is their sum. Rules never deal
with this: the node notes (shape, dtype) for an argument that was broadcast or cast, and it is undone here. A third item,
True, says that a number of the CPU took part in an op of the GPU, and its gradient has to come home.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy import add, ndarray

from teachgrad import gpu
from teachgrad.bfloats import cast

Fit = tuple[tuple[Any, ...] | None, ...]
"""For each edge the arguments of `unbroadcast` after the gradient; None where there is nothing to undo."""


def fitted(grads: Any, fit: Fit) -> Sequence[Any]:
    """Each gradient in the shape and dtype of its argument; None stays None."""
    return [
        grad if want is None or grad is None else unbroadcast(grad, *want)
        for grad, want in zip(grads, fit, strict=True)
    ]


def fitted_live(grads: Any, fit: Fit) -> tuple[Any, ...]:
    """The same for tensors, recorded in the graph."""
    return tuple(
        grad if want is None or grad is None else unbroadcast_live(grad, *want)
        for grad, want in zip(grads, fit, strict=True)
    )


def unbroadcast(grad: Any, shape: tuple[int, ...], dtype: Any, away: bool = False) -> Any:
    """The transpose of broadcasting to `grad.shape`, for arrays. `away`: the gradient is to come from a GPU to the CPU."""
    if grad.shape != shape:
        extra = grad.ndim - len(shape)
        if extra:  # the dimensions that broadcasting put in front
            grad = sum_in_front(grad, extra)
        if grad.shape != shape:  # those that it stretched
            stretched = [i for i, size in enumerate(shape) if size == 1 != grad.shape[i]]
            if stretched == [0] and len(shape) == 2:
                grad = sum_in_front(grad, 1).reshape(shape)
            else:
                grad = add.reduce(grad, axis=tuple(stretched), keepdims=True)
    if away:
        grad = gpu.to_host(grad)[()]
    return grad if grad.dtype is dtype else _cast(grad, dtype)


ones = lru_cache(maxsize=16)(np.ones)
"""Vectors of ones, which turn sums into products; nobody writes to them."""


def sum_in_front(array: Any, dims: int) -> Any:
    """The sum over the first dimensions: of the rows of a matrix it is a product with ones, BLAS's faster loop."""
    if array.__class__ is ndarray and array.ndim == dims + 1 and array.dtype.char in "fd" and array.flags.c_contiguous:
        rows = array if dims == 1 else array.reshape(-1, array.shape[-1])
        if len(rows):
            return ones(len(rows), array.dtype) @ rows
    return add.reduce(array, axis=tuple(range(dims)))


def _cast(grad: Any, dtype: Any) -> Any:
    """Rounds a gradient to its argument's dtype; the gradient of a real argument is the real part."""
    return cast(grad.real if grad.dtype.kind == "c" and dtype.kind != "c" else grad, dtype)


def unbroadcast_live(grad: Any, shape: tuple[int, ...], dtype: Any, away: bool = False) -> Any:
    """The same for tensors, recorded in the graph."""
    if grad._data.shape != shape:
        grad = grad.sum_to_size(shape)
    if away:
        grad = grad.cpu()
    return grad if grad._data.dtype is dtype else grad._cast(dtype)
