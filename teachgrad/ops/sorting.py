"""Order: `sort`, `topk`, `unique`, `searchsorted`, and finding what is not zero.

Sorting moves elements, so the gradient of the sorted tensor is moved back to where each element came from: scattered to
`indices`, which the op returns as well. What was not returned (`topk`) gets zero.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from teachgrad import dtypes, errors, return_types
from teachgrad.autograd.variable import TensorBase, wrap
from teachgrad.bfloats import widened
from teachgrad.gpu import xp
from teachgrad.ops import dims
from teachgrad.ops.table import OPS, composite, op, public, raw


# -- what the forward expressions compute ----------------------------------------------------------------------
@raw
def ordered(self: Any, dim: int, descending: bool) -> tuple[Any, Any]:
    """The elements in order along `dim`, and where they were; equal ones stay in order, nan counts as largest."""
    if not self.ndim:
        return self.copy(), dims.zeroth(self)
    places = _order(self, dim, descending)
    return np.take_along_axis(self, places, dim), places


def _order(self: Any, dim: int, descending: bool) -> Any:
    if not descending:
        return np.argsort(self, dim, kind="stable").astype(np.int64)
    backwards = np.flip(np.argsort(np.flip(self, dim), dim, kind="stable"), dim)  # so that ties stay in order
    return (self.shape[dim] - 1 - backwards).astype(np.int64)


@raw
def largest_k(self: Any, k: int, dim: int, largest: bool) -> tuple[Any, Any]:
    """The first k elements in descending (or ascending) order along `dim`, and where they were."""
    values, places = ordered(self, dim, largest)
    if not self.ndim:
        return values, places
    first = (slice(None),) * dim + (slice(k),)
    return values[first].copy(), places[first].copy()


@raw
def distinct(self: Any, dim: int | None, consecutive: bool) -> tuple[Any, Any, Any]:
    """The different elements (or layers), for each element which of them it is, and how often each occurs."""
    if not consecutive:
        values, inverse, counts = np.unique(self, return_inverse=True, return_counts=True, axis=dim)
        return values, inverse.reshape(self.shape if dim is None else -1).astype(np.int64), counts.astype(np.int64)
    layers = self.reshape(-1) if dim is None else np.moveaxis(self, dim, 0)
    new = xp(self).ones(len(layers), np.bool_)
    new[1:] = (layers[1:] != layers[:-1]).reshape(max(len(layers) - 1, 0), math.prod(layers.shape[1:])).any(1)
    inverse = np.cumsum(new) - 1
    values = layers[new] if dim is None else np.moveaxis(layers[new], 0, dim)
    return values, inverse.reshape(self.shape if dim is None else -1), np.bincount(inverse).astype(np.int64)


# -- the entries -----------------------------------------------------------------------------------------------
op(
    "sort.stable(self; dim, descending) -> values, !indices", "SortBackward1", "ordered(self, dim, descending)",
    refuses={"c": "Sort does not support complex dtypes on CPU"},
    self="scatter(new_zeros(grad, self_shape), indices, grad, dim)",
    samples=["v.sort(stable=True)", "torch.sort(x, dim=0, stable=True)", "x.sort(stable=False)"],
)  # fmt: skip
op(
    "sort.any(self; dim, descending) -> values, !indices", "SortBackward0", "ordered(self, dim, descending)",
    refuses={"c": "Sort does not support complex dtypes on CPU"},
    self="scatter(new_zeros(grad, self_shape), indices, grad, dim)",
    samples=[
        "x.sort()", "torch.sort(b, 1, descending=True)", "s.sort()", "mask.sort(1)", "idx.sort(descending=True)",
        "x.msort()", "torch.msort(m)", "x.argsort()", "torch.argsort(x, 0, True)", "mask.argsort(1, descending=True)",
        "x.sort(3)", "x.argsort(3)",
    ],
)  # fmt: skip
op(
    "topk(self; k, dim, largest) -> values, !indices", "TopkBackward0", "largest_k(self, k, dim, largest)",
    refuses={"c": "topk does not support complex dtypes on CPU"},
    self="scatter(new_zeros(grad, self_shape), indices, grad, dim)",
    samples=[
        "x.topk(2)", "torch.topk(b, 1, 0, largest=False)", "v.topk(3)[0]", "s.topk(1)", "x.topk(5)", "x.topk(1, 3)",
    ],
)  # fmt: skip
op(
    "unique2(self) -> output, !inverse, !counts", "Unique2Backward0", "distinct(self, None, False)",
    refuses={"c": "unique"},
    self="no_derivative(grad, '_unique2')",
    samples=[
        "torch.tensor([3, 1, 1]).unique()", "idx.unique(return_inverse=True)",
        "torch.unique(idx, return_counts=True)", "x.unique()", "s.unique()",
    ],
)  # fmt: skip
op(
    "unique_dim(self; dim) -> output, !inverse, !counts", "UniqueDimBackward0", "distinct(self, dim, False)",
    refuses={"c": "unique_dim"},
    self="no_derivative(grad, 'unique_dim')",
    samples=[
        "torch.unique(mask, dim=1)", "torch.unique(idx, dim=0, return_inverse=True, return_counts=True)",
        "x.unique(dim=0)",
    ],
)  # fmt: skip
op(
    "unique_consecutive(self; dim) -> output, !inverse, !counts", "UniqueConsecutiveBackward0", "distinct(self, dim, True)",
    refuses={"c": "unique"},
    self="no_derivative(grad, 'unique_consecutive')",
    samples=[
        "torch.unique_consecutive(torch.tensor([1, 1, 2, 1]))",
        "idx.unique_consecutive(return_inverse=True, return_counts=True)", "x.unique_consecutive()",
        "torch.unique_consecutive(idx, dim=0)",
    ],
)  # fmt: skip


@composite
def no_derivative(_: Any, grad: Any, name: str) -> Any:
    """PyTorch's refusal to differentiate."""
    raise NotImplementedError(f"the derivative for '{name}' is not implemented.")


# -- in order --------------------------------------------------------------------------------------------------
@public("sort")
def sort(
    input: Any, dim: int = -1, descending: bool = False, *, stable: bool | None = None, axis: int | None = None
) -> Any:
    """The elements in order along a dimension, and where they were: (values, indices). Mirrors `torch.sort`.

    Equal elements keep their order, whether `stable` asks for it or not.
    """
    name = "sort.any" if stable is None else "sort.stable"
    return return_types.sort(
        *OPS[name](input, dims.one("sort", input, dim if axis is None else axis), bool(descending))
    )


@public("msort")
def msort(input: Any) -> Any:
    """The elements in order along the first dimension. Mirrors `torch.msort`."""
    return sort(input, 0)[0]


@public("argsort")
def argsort(
    input: Any, dim: int = -1, descending: bool = False, *, stable: bool = False, axis: int | None = None
) -> Any:
    """Where the elements are, in order along a dimension. Mirrors `torch.argsort`."""
    return sort(input, dim if axis is None else axis, descending, stable=stable or None)[1]


@public("topk")
def topk(
    input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True, *, axis: int | None = None
) -> Any:
    """The k largest (or smallest) elements along a dimension, in order: (values, indices). Mirrors `torch.topk`."""
    dim = dims.one("topk", input, dim if axis is None else axis)
    if not isinstance(k, int | np.integer):
        raise errors.not_an_int("topk", "k", 2, k)
    if not 0 <= k <= (input._data.shape[dim] if input._data.ndim else 1):
        raise RuntimeError("selected index k out of range")
    return return_types.topk(*OPS["topk"](input, k, dim, bool(largest)))


# -- which elements there are ----------------------------------------------------------------------------------
@public("unique")
def unique(
    input: Any, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The different elements (or layers along `dim`) in order; if asked, also which of them each element is, and how often
    each occurs. Mirrors `torch.unique`."""
    if dim is None:
        return _asked(OPS["unique2"](dims.tensor("_unique2", input)), return_inverse, return_counts)
    return _asked(OPS["unique_dim"](input, dims.one("unique", input, dim)), return_inverse, return_counts)


@public("unique_consecutive")
def unique_consecutive(
    input: Any, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The elements without those that equal the one before. Mirrors `torch.unique_consecutive`."""
    dim = None if dim is None else dims.one("unique_consecutive", input, dim)
    return _asked(OPS["unique_consecutive"](input, dim), return_inverse, return_counts)


def _asked(found: tuple[Any, Any, Any], inverse: bool, counts: bool) -> Any:
    parts = [found[0], *([found[1]] if inverse else []), *([found[2]] if counts else [])]
    return tuple(parts) if len(parts) > 1 else parts[0]


@public("bincount")
def bincount(input: Any, weights: Any = None, minlength: int = 0) -> Any:
    """How often each of 0, 1, 2, ... occurs in a vector; with weights, their sum. Mirrors `torch.bincount`."""
    data = input._data
    if data.dtype.kind not in "iu":
        raise NotImplementedError(f"\"bincount_cpu\" not implemented for '{dtypes.of(data.dtype).scalar_name}'")
    if data.ndim != 1 or (data.size and data.min() < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is not None and weights._data.size != data.size:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    counted = np.bincount(data, None if weights is None else weights._data, minlength)
    kind = np.int64 if weights is None else weights._data.dtype
    return wrap(counted.astype(kind if weights is None or kind == np.float32 else np.float64))


@public("isin", method=False)
def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Any:
    """Which elements are among `test_elements`. Mirrors `torch.isin`."""
    ours, theirs = (side._data if isinstance(side, TensorBase) else side for side in (elements, test_elements))
    return wrap(np.isin(ours, theirs, assume_unique=assume_unique, invert=invert))


@public("searchsorted", method=False)
def searchsorted(
    sorted_sequence: Any, input: Any, *, out_int32: bool = False, right: bool = False, side: str | None = None,
    sorter: Any = None,
) -> Any:  # fmt: skip
    """Where each value would have to be put into an ordered vector (or into the rows of one).

    `sorter` says in which order the vector is to be read if it is not in order. Mirrors `torch.searchsorted`.
    """
    kind = np.int32 if out_int32 else np.int64
    if sorter is not None:
        sorted_sequence = sorted_sequence.gather(-1, sorter)
    where: Literal["left", "right"] = "right" if right or side == "right" else "left"
    make = xp(sorted_sequence._data)
    rows, values = (
        widened(x._data if isinstance(x, TensorBase) else make.asarray(x)) for x in (sorted_sequence, input)
    )
    if "c" in (rows.dtype.kind, values.dtype.kind):
        raise errors.not_for_dtype("searchsorted_out_cpu", dtypes.of(values.dtype).scalar_name)
    if rows.ndim == 1:
        return wrap(np.searchsorted(rows, values, where).astype(kind))
    if rows.shape[:-1] != values.shape[:-1]:
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of "
            "boundaries tensor and "
            f"input value tensor must match, but we got boundaries tensor {list(rows.shape)} and input value tensor "
            f"{list(values.shape)}"
        )
    places = xp(values).empty(values.shape, kind)
    for row in np.ndindex(rows.shape[:-1]):
        places[row] = np.searchsorted(rows[row], values[row], where)
    return wrap(places)


@public("bucketize", method=False)
def bucketize(input: Any, boundaries: Any, *, out_int32: bool = False, right: bool = False) -> Any:
    """Between which boundaries each value lies. Mirrors `torch.bucketize`."""
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


# -- what is not zero ------------------------------------------------------------------------------------------
@public("nonzero")
def nonzero(input: Any, *, as_tuple: bool = False) -> Any:
    """The places of all elements that are not zero, one per row; or as a tuple of vectors, one per dimension.

    Mirrors `torch.nonzero`.
    """
    data = dims.tensor("nonzero", input)._data
    if as_tuple and not data.ndim:
        data = data.reshape(1)
    places = wrap(np.argwhere(widened(data)).astype(np.int64))
    return OPS["unbind"](places, 1) if as_tuple else places


@public("argwhere")
def argwhere(input: Any) -> Any:
    """The places of all elements that are not zero, one per row. Mirrors `torch.argwhere`."""
    return nonzero(input)
