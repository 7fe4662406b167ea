"""Scattering that reduces what meets at one place, and copies of a tensor with a part replaced.

    scatter_reduce(x, 0, [0, 0, 1], [1, 2, 3], "sum")       x_0 + 1 + 2, x_1 + 3
    select_scatter(x, row, 0, 1)                            x with `row` in place of x[1]

The second kind is what `x[1] = row` does, without changing x; there is one for each view.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgrad import errors
from teachgrad.gpu import add_at, on_gpu, xp
from teachgrad.ops import arranging, dims  # noqa: F401 - `diagonal` is called below
from teachgrad.ops.inplace import in_place
from teachgrad.ops.picking import _indexed, _layers, grid
from teachgrad.ops.table import LIVE, METHODS, OPS, composite, op, public, raw

_UFUNCS: dict[str, Any] = {
    "sum": np.add, "add": np.add, "mean": np.add, "prod": np.multiply, "multiply": np.multiply,
    "amax": np.maximum, "amin": np.minimum,
}  # fmt: skip


def _neutral(reduce: str, dtype: Any) -> Any:
    """What changes nothing when it is reduced with: 0, 1, or beyond all numbers."""
    if reduce in ("sum", "mean"):
        return 0
    if reduce == "prod":
        return 1
    sign = -1 if reduce == "amax" else 1
    if dtype.kind == "b":
        return sign > 0
    return sign * np.inf if dtype.kind == "f" else np.iinfo(dtype).min if sign < 0 else np.iinfo(dtype).max


# -- what the forward expressions compute ----------------------------------------------------------------------
@raw
def reduced_at(self: Any, index: Any, src: Any, dim: int, reduce: str, include_self: bool) -> Any:
    """A copy of `self` with all of `src` that goes to a place reduced there, together with what stood there or not."""
    shape, self, index = self.shape, np.atleast_1d(xp(self).array(self)), np.atleast_1d(index)
    if isinstance(src, bool | int | float | complex):
        src = self.dtype.type(src)
    else:
        src = np.atleast_1d(src)[tuple(slice(n) for n in index.shape)]
    places = grid(index, dim)
    if not include_self:
        self[places] = _neutral(reduce, self.dtype)
    if on_gpu(self) and reduce in ("prod", "multiply"):  # CUDA cannot multiply atomically: one layer after the other
        for n in range(index.shape[dim]):
            layer = (slice(None),) * dim + (slice(n, n + 1),)
            now = tuple(place[layer] if place.shape[dim] > 1 else place for place in places)
            self[now] = self[now] * (src if isinstance(src, bool | int | float | complex) else src[layer])
    elif _UFUNCS[reduce] is np.add:
        add_at(self, places, src)
    else:
        _UFUNCS[reduce].at(self, places, src)
    if reduce == "mean":
        counts = xp(self).full(self.shape, int(include_self))
        add_at(counts, places, 1)
        counts = np.maximum(counts, 1)
        self = self // counts if self.dtype.kind in "iu" else (self / counts).astype(self.dtype)
    return self.reshape(shape)


@raw
def along(index: Any, shape: tuple[int, ...], dim: int) -> Any:
    """The numbers of layers, repeated for all elements of the layers of an array of `shape`."""
    steps = [1] * max(len(shape), 1)
    steps[dim] = index.size
    return np.broadcast_to(index.reshape(steps), shape or (1,))


LIVE["along"] = lambda index, shape, dim: LIVE["expand"](
    index.reshape([index._data.size if d == dim else 1 for d in range(max(len(shape), 1))]), shape or (1,)
)


def _with(self: Any, place: Any, src: Any) -> Any:
    result = xp(self).array(self)
    result[place] = src
    return result


@raw
def with_layer(self: Any, src: Any, dim: int, index: int) -> Any:
    """A copy with one layer replaced."""
    return _with(self, (slice(None),) * dim + (index,), src)


@raw
def with_slice(self: Any, src: Any, dim: int, start: int, end: int, step: int) -> Any:
    """A copy with a slice replaced."""
    return _with(self, (slice(None),) * dim + (slice(start, end, step),), src)


@raw
def with_diagonal(self: Any, src: Any, offset: int, dim1: int, dim2: int) -> Any:
    """A copy with a diagonal replaced."""
    result = xp(self).array(self)
    places = xp(self).arange(src.shape[-1])
    turned = np.moveaxis(result, (dim1, dim2), (-2, -1))
    turned[..., places + max(-offset, 0), places + max(offset, 0)] = src
    return result


# -- the entries -----------------------------------------------------------------------------------------------
op(
    "scatter_reduce.two(self, index, src; dim, reduce, include_self)", "ScatterReduceBackward0",
    "reduced_at(self, index, src, dim, reduce, include_self)",
    refuses={"G": "scatter_reduce"},
    self="reduced_self(grad, self, index, src, result, dim, reduce, include_self)",
    src="reduced_source(grad, self, index, src, result, dim, reduce, include_self)",
    shown={"self": "grad, shared among all that were reduced", "src": "the same, gathered at index"},
    samples=[
        f"x.scatter_reduce(1, idx, y[:, :2], '{how}')" for how in ("sum", "prod", "mean", "amax", "amin")
    ] + [
        "torch.scatter_reduce(x, 1, idx * 0, y[:, :2], 'prod', include_self=False)",
        "(x * 1).scatter_reduce_(1, idx, y[:, :2], reduce='sum')",
    ],
)  # fmt: skip
op(
    "index_reduce.two(self, index, source; dim, reduce, include_self)", "IndexReduceBackward0",
    "reduced_at(self, along(index, source.shape, dim), source, dim, reduce, include_self)",
    refuses={"G": "index_reduce"},
    self="reduced_self(grad, self, along(index, source_shape, dim), source, result, dim, reduce, include_self)",
    source="reduced_source(grad, self, along(index, source_shape, dim), source, result, dim, reduce, include_self)",
    shown={"self": "grad, shared among all that were reduced", "source": "the same, at index"},
    samples=[f"x.index_reduce(1, labels, y[:, :2], '{how}')" for how in ("prod", "mean", "amax", "amin")],
)  # fmt: skip
op(
    "scatter.reduced(self, index, src; dim, reduce)", "NotImplemented", "reduced_at(self, index, src, dim, reduce, True)",
    self="no_rule('scatter')", src="no_rule('scatter')",
)  # fmt: skip
op(
    "scatter.reduced_number(self, index; value, dim, reduce)", "NotImplemented",
    "reduced_at(self, index, value, dim, reduce, True)", self="no_rule('scatter')",
)  # fmt: skip
op(
    "select_scatter.at(self, src; dim, index)", "SelectScatterBackward0", "with_layer(self, src, dim, index)",
    refuses={"G": "select_scatter"},
    self="select_scatter_at(grad, new_zeros(grad, src_shape), dim, index)", src="select(grad, dim, index)",
    samples=["x.select_scatter(v, 0, 1)", "torch.select_scatter(b, x.t(), 1, -1)"],
)  # fmt: skip
op(
    "slice_scatter.at(self, src; dim, start, end, step)", "SliceScatterBackward0",
    "with_slice(self, src, dim, start, end, step)",
    refuses={"G": "slice_scatter"},
    self="slice_scatter_at(grad, new_zeros(grad, src_shape), dim, start, end, step)",
    src="slice_Tensor(grad, dim, start, end, step)",
    samples=["x.slice_scatter(y[:1], 0, 1)", "torch.slice_scatter(x, y[:, :2], 1, 0, 3, 2)"],
)  # fmt: skip
op(
    "diagonal_scatter.at(self, src; offset, dim1, dim2)", "DiagonalScatterBackward0",
    "with_diagonal(self, src, offset, dim1, dim2)",
    self="diagonal_scatter_at(grad, new_zeros(grad, src_shape), offset, dim1, dim2)",
    src="diagonal(grad, offset, dim1, dim2)",
    samples=["m.diagonal_scatter(v)", "torch.diagonal_scatter(x, v[:2], 1)"],
)  # fmt: skip


# -- rules that take more than one expression ------------------------------------------------------------------
@composite
def reduced_self(F: Any, grad: Any, self: Any, index: Any, src: Any, result: Any, dim: int, how: str, own: bool) -> Any:
    """The gradient of what stood at the places before: its share, or nothing if it did not take part."""
    if how == "prod":
        ones = F.where(self == 0, 1.0, self)
        share = grad * F.scatter_reduce_two(ones, index, src, dim, how, own) / ones
    elif how in ("amax", "amin"):
        share = F.like(self == result, grad) * _per_winner(F, grad, self, index, src, result, dim)
    else:
        share = grad if how == "sum" else grad / _how_many(F, grad, index, src, dim, own)
    return share if own else F.scatter_number(share, index, dim, 0)


@composite
def reduced_source(
    F: Any, grad: Any, self: Any, index: Any, src: Any, result: Any, dim: int, how: str, own: bool
) -> Any:
    """The gradient of what was scattered, gathered from the places where it went."""
    gathered = _gathered(F, grad, self, index, src, result, dim, how, own)
    return gathered if src.ndim else F.reshape(gathered, ())


def _gathered(F: Any, grad: Any, self: Any, index: Any, src: Any, result: Any, dim: int, how: str, own: bool) -> Any:
    if how == "sum":
        return F.gather(grad, index, dim)
    if how == "mean":
        return F.gather(grad / _how_many(F, grad, index, src, dim, own), index, dim)
    if how in ("amax", "amin"):
        won = F.like(src == F.gather(result, index, dim), grad)
        return won * F.gather(_per_winner(F, grad, self, index, src, result, dim), index, dim)
    zero = src == 0
    zeros = F.gather(F.scatter_add(F.zeros(grad), index, F.like(zero, grad), dim), index, dim)
    alone = zero & (zeros == 1)  # the only zero at its place: its gradient is the product of the others
    others = F.scatter_reduce_two(self, index, F.where(alone, 1.0, src), dim, how, own)
    divided = F.gather(grad * result, index, dim) / F.where(zero, 1.0, src)
    return F.where(alone, F.gather(grad * others, index, dim), divided)


def _how_many(F: Any, grad: Any, index: Any, src: Any, dim: int, own: bool) -> Any:
    """How many numbers the mean at each place is of."""
    zeros = F.zeros(grad)
    count = F.scatter_add(zeros + 1 if own else zeros, index, F.zeros(src) + 1, dim)
    return F.where(count == 0, 1.0, count)


def _per_winner(F: Any, grad: Any, self: Any, index: Any, src: Any, result: Any, dim: int) -> Any:
    """The gradient of each place divided by the number of those that are the extreme there."""
    own, others = F.like(self == result, grad), F.like(src == F.gather(result, index, dim), grad)
    return grad / F.scatter_add(own, index, others, dim)


# -- the faces -------------------------------------------------------------------------------------------------
@public("scatter_reduce")
def scatter_reduce(input: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True) -> Any:
    """`src` brought to the places `index` along `dim` and reduced there. Mirrors `torch.scatter_reduce`."""
    dim = _indexed("scatter_reduce", input, dim, index)
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError("reduce argument must be either sum, prod, mean, amax or amin, got " + reduce)
    if src._data.dtype is not input._data.dtype:
        raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
    return OPS["scatter_reduce.two"](input, index, src, dim, reduce, include_self)


@public("index_reduce")
def index_reduce(input: Any, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True) -> Any:
    """The layers of `source` brought to the layers `index` and reduced there. Mirrors `torch.index_reduce`."""
    dim = _layers("index_reduce", input, dim, index)
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    return OPS["index_reduce.two"](input, index, source, dim, reduce, include_self)


METHODS.update(scatter_reduce_=in_place(scatter_reduce), index_reduce_=in_place(index_reduce))


def _same_shape(function: str, part: Any, src: Any) -> None:
    if part._data.shape != src._data.shape:
        raise errors.explained(
            RuntimeError(
                "expected src to have a size equal to the "
                + function
                + f" of self. src size = {list(src._data.shape)}, "
                f"{function} size = {list(part._data.shape)}"
            ),
            "The part that is replaced and what replaces it must have one shape; nothing is broadcast here.",
        )


@public("select_scatter")
def select_scatter(input: Any, src: Any, dim: int, index: int) -> Any:
    """A copy of `input` with the layer `index` replaced. Mirrors `torch.select_scatter`."""
    dim = dims.one("select_scatter", input, dim)
    _same_shape("slice", input.detach().select(dim, index), src)
    return OPS["select_scatter.at"](input, src, dim, index % input._data.shape[dim])


@public("slice_scatter")
def slice_scatter(
    input: Any, src: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Any:
    """A copy of `input` with a slice replaced. Mirrors `torch.slice_scatter`."""
    dim = dims.one("slice_scatter", input, dim)
    first, last, step = slice(start, end, step).indices(input._data.shape[dim])
    last = max(first, last)
    _same_shape("slice", OPS["slice.Tensor"](input.detach(), dim, first, last, step), src)
    return OPS["slice_scatter.at"](input, src, dim, first, last, step)


@public("diagonal_scatter")
def diagonal_scatter(input: Any, src: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """A copy of `input` with a diagonal replaced. Mirrors `torch.diagonal_scatter`."""
    places = dims.one("diagonal_scatter", input, dim1), dims.one("diagonal_scatter", input, dim2)
    _same_shape("slice", OPS["diagonal"](input.detach(), offset, *places), src)
    return OPS["diagonal_scatter.at"](input, src, offset, *places)
