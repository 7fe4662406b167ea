"""Elements chosen by tensors of places: `gather`, `scatter`, `index_select`, `index_add`, ...

    gather      out[r, c] = x[r, idx[r, c]]           reads from the places
    scatter     out[r, idx[r, c]] = src[r, c]         writes to the places

The two are each other's gradient, as are `index_select` and `index_add`: what was read from a place, its gradient is added
there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgrad import errors
from teachgrad.autograd.variable import TensorBase, wrap
from teachgrad.gpu import add_at, on_gpu, xp
from teachgrad.ops import dims, overwriting, refusals
from teachgrad.ops.shape import reshape
from teachgrad.ops.table import LIVE, OPS, composite, op, public, raw


# -- what the forward expressions compute ----------------------------------------------------------------------
def grid(index: Any, dim: int) -> tuple[Any, ...]:
    """Arrays to index with so that dimension `dim` is read from `index` and the others stay in step with it."""
    axes = dims.axes(index)
    axes[dim] = index
    return tuple(axes)


@raw
def read_places(self: Any, index: Any, dim: int) -> Any:
    """self[..., index[...], ...] along `dim`."""
    if not index.size:
        return xp(self).empty(index.shape, self.dtype)
    if not self.ndim or not index.ndim:
        return xp(self).asarray(self).reshape(-1)[index]
    return xp(self).asarray(self[grid(index, dim)], order="C")


@raw
def write_places(self: Any, index: Any, src: Any, dim: int, accumulate: bool) -> Any:
    """A copy of `self` with `src`, a number or an array, put at the places `index` along `dim`, or added there."""
    result, index = xp(self).array(self), np.atleast_1d(index)
    if not index.size:
        return result
    flat = result.reshape(-1) if not self.ndim else result  # a number counts as having one dimension
    if not isinstance(src, int | float | complex):
        src = np.atleast_1d(src)[tuple(slice(n) for n in index.shape)]
    if accumulate:
        add_at(flat, grid(index, dim), src)
    else:
        flat[grid(index, dim)] = src
    return result


@raw
def layers_at(self: Any, index: Any, dim: int) -> Any:
    """The layers `index` along `dim`."""
    if not self.ndim:
        return np.asarray(self).reshape(1)[index.reshape(-1)].reshape(())
    return np.take(self, np.atleast_1d(index), dim)


@raw
def with_layers(self: Any, index: Any, source: Any, dim: int, accumulate: bool) -> Any:
    """A copy of `self` with `source`, a number or an array, as its layers `index` along `dim`, or added to them."""
    result = xp(self).array(self)
    layers = result if self.ndim else result.reshape(1)
    place = (slice(None),) * dim + (np.atleast_1d(index),)
    if not isinstance(source, int | float | complex):
        source = source if source.ndim == layers.ndim else source.reshape(1)
    if accumulate:
        add_at(layers, place, source)
    else:
        layers[place] = source
    return result


# -- the entries -----------------------------------------------------------------------------------------------
op(
    "gather(self, index; dim)", "GatherBackward0", "read_places(self, index, dim)",
    self="scatter_add(new_zeros(grad, self_shape), index, grad, dim)",
    samples=[
        "x.gather(1, idx)", "torch.gather(x, 1, idx[:1])", "x.gather(-1, idx.int())", "x.gather(0, idx % 2)",
        "s.gather(0, i[1])", "x.take_along_dim(idx, 1)", "torch.take_along_dim(x, idx)",
        "x.take_along_dim(x.argsort(1), dim=1)", "x.gather(1, i)", "x.gather(1, torch.tensor([[5]]))",
        "x.gather(1, torch.tensor([[0.]]))", "x.gather(3, idx)", "x.gather(1, [0])",
        "x.gather(1, torch.zeros(3, 1, dtype=torch.long))", "x.take_along_dim(i, 1)",
    ],
)  # fmt: skip
op(
    "scatter(self, index, src; dim)", "ScatterBackward0", "write_places(self, index, src, dim, False)",
    self="scatter_number(grad, index, dim, 0)", src="gather(grad, index, dim)",
    samples=[
        "x.scatter(1, idx, y[:, :2])", "torch.scatter(x, 1, idx, x.detach()[:, :2])",
        "(x * 1).scatter_(1, idx, y[:, 1:])", "x.scatter(1, i, 1.)", "x.scatter(1, idx, x[:, :1])",
        "x.scatter(1, idx, y[:, :2].to(torch.float16))", "x.sort(1)", "x.scatter(0, idx, y)",
    ],
)  # fmt: skip
op(
    "scatter.number(self, index; dim, value)", "ScatterBackward1", "write_places(self, index, value, dim, False)",
    self="scatter_number(grad, index, dim, 0)",
    samples=["x.scatter(1, idx, 1.5)", "(x * 1).scatter_(1, idx, 2)", "torch.zeros(2, 3).scatter_(1, idx, 1)"],
)  # fmt: skip
op(
    "scatter_add(self, index, src; dim)", "ScatterAddBackward0", "write_places(self, index, src, dim, True)",
    self="grad", src="gather(grad, index, dim)",
    samples=[
        "x.scatter_add(1, idx, y[:, :2])", "torch.scatter_add(x, 1, idx * 0, y[:, :2])",
        "(x * 1).scatter_add_(0, idx % 2, y[:, :2])",
    ],
)  # fmt: skip
op(
    "index_select(self, index; dim)", "IndexSelectBackward0", "layers_at(self, index, dim)",
    self="index_add(new_zeros(grad, self_shape), index, grad, dim)",
    samples=[
        "x.index_select(0, i)", "torch.index_select(b, 2, labels)", "x.index_select(1, torch.tensor([0, 0, 2]))",
        "x.repeat_interleave(i)", "x.repeat_interleave(2)", "x.repeat_interleave(2, dim=0)",
        "torch.repeat_interleave(v, torch.tensor([1, 2, 0]))", "x.repeat_interleave(i, dim=0)",
        "x.index_select(0, i + 4)", "x.index_select(0, idx)", "x.index_select(0, torch.tensor([0.]))",
        "x.index_select(3, i)", "x.repeat_interleave(-1)", "x.repeat_interleave(torch.tensor([1, 2, 3]), dim=0)",
    ],
)  # fmt: skip
op(
    "index_add(self, index, source; dim, alpha=1)", "IndexAddBackward0",
    "with_layers(self, index, times(source, alpha), dim, True)",
    self="grad", source="times(index_select(grad, index, dim), alpha)",
    samples=[
        "x.index_add(0, i, y)", "torch.index_add(x, 1, labels, y[:, :2], alpha=2)", "(x * 1).index_add_(0, i * 0, y)",
        "x.index_add(0, i, x[:1])", "x.index_add(0, i, y[:, :2])", "x.index_add(0, i + 4, y)",
    ],
)  # fmt: skip
op(
    "index_copy(self, index, source; dim)", "IndexCopyBackward0", "with_layers(self, index, source, dim, False)",
    self="index_fill(grad, index, dim, 0)", source="index_select(grad, index, dim)",
    samples=[
        "x.index_copy(0, i, y)", "torch.index_copy(b, 1, labels, b[:, :2].detach())", "(x * 1).index_copy_(0, i, y)",
    ],
)  # fmt: skip
op(
    "index_fill(self, index; dim, value)", "IndexFillBackward0", "with_layers(self, index, value, dim, False)",
    self="index_fill(grad, index, dim, 0)",
    samples=["x.index_fill(1, i, 2.)", "torch.index_fill(x, 0, i[:1], 0)", "(x * 1).index_fill_(0, i[1:], 3)"],
)  # fmt: skip
op(
    "index_fill.tensor(self, index, value; dim)", "IndexFillBackward1", "with_layers(self, index, value, dim, False)",
    self="index_fill(grad, index, dim, 0)", value="sum(index_select(grad, once(index), dim))",
    samples=["x.index_fill(1, i, s)", "(x * 1).index_fill_(0, i[1:], s)"],
)  # fmt: skip


@composite
def times(_: Any, value: Any, factor: Any) -> Any:
    """`value * factor`, where a factor of 1 costs nothing."""
    return value if factor == 1 else value * factor


@raw
def once(index: Any) -> Any:
    """Each place once, however often it is named."""
    return xp(index).unique(index)


LIVE["once"] = lambda index: wrap(once(index._data))


# -- what the functions below check ----------------------------------------------------------------------------
def _counts(array: Any) -> bool:
    """Are these int64 or int32, PyTorch's types for places?"""
    return bool(array.dtype.kind == "i" and array.dtype.itemsize >= 4)


def _indexed(function: str, input: Any, dim: Any, index: Any) -> int:
    """`dim` counted from 0. Raises unless `index` is a tensor of integers that are places along `dim`."""
    place = dims.one(function, input, dim)
    if not isinstance(index, TensorBase):
        raise errors.not_a_tensor(function, "index", 2, index)
    if not _counts(index._data) and index._data.size:
        raise RuntimeError(f"{function}(): Expected dtype int32/int64 for index")
    if index._data.size and index._data.ndim != input._data.ndim and max(index._data.ndim, input._data.ndim) > 1:
        name = "input" if function == "gather" else "self"
        raise RuntimeError(f"Index tensor must have the same number of dimensions as {name} tensor")
    return place


def _in_bounds(input: Any, dim: int, index: Any) -> None:
    size = input._data.shape[dim] if input._data.ndim else 1
    data = index._data
    if not on_gpu(data) and data.size and (data.min() < 0 or data.max() >= size):
        raise refusals.place_out_of_bounds(int(data[(data < 0) | (data >= size)][0]), dim, size)


def _layers(function: str, input: Any, dim: Any, index: Any) -> int:
    place = dims.one(function, input, dim)
    if not isinstance(index, TensorBase):
        raise errors.not_a_tensor(function, "index", 3, index)
    if index._data.ndim > 1:
        raise IndexError(f"{function}(): Index is supposed to be a vector")
    if not _counts(index._data):
        raise RuntimeError(f"{function}(): Expected dtype int32 or int64 for index")
    return place


# -- gather and scatter ----------------------------------------------------------------------------------------
@public("gather")
def gather(input: Any, dim: int, index: Any, *, sparse_grad: bool = False) -> Any:
    """Reads along `dim` at the places `index`, a tensor of integers. Mirrors `torch.gather`."""
    dim = _indexed("gather", input, dim, index)
    have, want = input._data.shape, index._data.shape
    if index._data.size and any(n > have[d] for d, n in enumerate(want) if d != dim and have):
        raise RuntimeError(
            "Size does not match at dimension "
            f"{next(d for d, n in enumerate(want) if d != dim and n > have[d])} expected index "
            f"{list(want)} to be no larger than self {list(have)} apart from dimension {dim}"
        )
    _in_bounds(input, dim, index)
    return OPS["gather"](input, index, dim)


@public("take_along_dim")
def take_along_dim(input: Any, indices: Any, dim: int | None = None) -> Any:
    """`gather` with broadcasting; without `dim`, from the flattened tensor. Mirrors `torch.take_along_dim`."""
    if dim is None:
        return gather(reshape(input, -1), 0, reshape(indices, -1))
    if input._data.ndim != indices._data.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{input._data.ndim} dimensions for input, and {indices._data.ndim} dimensions for indices"
        )
    dim = dims.one("take_along_dim", input, dim)
    if on_gpu(indices._data) or (indices._data < 0).any():
        indices = OPS["where.tensors"](indices < 0, indices + input._data.shape[dim], indices)
    have, want = list(input._data.shape), list(indices._data.shape)
    rest = np.broadcast_shapes((*have[:dim], 1, *have[dim + 1 :]), (*want[:dim], 1, *want[dim + 1 :]))
    wide = OPS["expand"](input, (*rest[:dim], have[dim], *rest[dim + 1 :]))
    return gather(wide, dim, OPS["expand"](indices, (*rest[:dim], want[dim], *rest[dim + 1 :])))


def _scatter(function: str, input: Any, dim: int, index: Any, src: Any) -> int:
    dim = _indexed(function, input, dim, index)
    if isinstance(src, TensorBase):
        if src._data.dtype is not input._data.dtype:
            raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
        own, places, values = input._data.shape, index._data.shape, src._data.shape
        large = any(n > own[d] for d, n in enumerate(places) if d != dim and own)
        if large or any(n > values[d] for d, n in enumerate(places)):
            raise RuntimeError(
                f"Expected index {list(places)} to be no larger than self {list(own)} apart from dimension "
                f"{dim} and to be no "
                f"larger size than src {list(values)}"
            )
    _in_bounds(input, dim, index)
    return dim


@public("scatter")
def scatter(input: Any, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: str | None = None) -> Any:
    """A copy of `input` with `src` (a tensor or a number) written along `dim` at the places `index`.

    With `reduce`, "add" or "multiply", what stood there counts too; that has no gradient. Mirrors `torch.scatter`.
    """
    src = value if src is None else src
    dim = _scatter("scatter", input, dim, index, src)
    if reduce is not None:
        return _reduced(input, index, src, dim, reduce)
    if isinstance(src, TensorBase):
        return OPS["scatter"](input, index, src, dim)
    return OPS["scatter.number"](input, index, dim, src)


def _reduced(input: Any, index: Any, src: Any, dim: int, reduce: str) -> Any:
    if reduce not in ("add", "multiply"):
        raise RuntimeError("reduce argument must be either add or multiply.")
    name = "scatter.reduced" if isinstance(src, TensorBase) else "scatter.reduced_number"
    return OPS[name](input, index, src, dim, reduce)


@public("scatter_", function=False)
def scatter_(input: Any, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: str | None = None) -> Any:
    """`scatter`, in place. Mirrors `torch.Tensor.scatter_`."""
    src = value if src is None else src
    dim = _scatter("scatter", input, dim, index, src)
    if reduce is not None:
        return overwriting.overwrite(
            input,
            "scatter.reduced" if isinstance(src, TensorBase) else "scatter.reduced_number",
            index,
            src,
            dim,
            reduce,
        )
    if isinstance(src, TensorBase):
        return overwriting.overwrite(input, "scatter", index, src, dim)
    return overwriting.overwrite(input, "scatter.number", index, dim, src)


@public("scatter_add")
def scatter_add(input: Any, dim: int, index: Any, src: Any) -> Any:
    """A copy of `input` with `src` added along `dim` at the places `index`. Mirrors `torch.scatter_add`."""
    return OPS["scatter_add"](input, index, src, _scatter("scatter_add", input, dim, index, src))


@public("scatter_add_", function=False)
def scatter_add_(input: Any, dim: int, index: Any, src: Any) -> Any:
    """`scatter_add`, in place. Mirrors `torch.Tensor.scatter_add_`."""
    dim = _scatter("scatter_add", input, dim, index, src)
    return overwriting.overwrite(input, "scatter_add", index, src, dim)


# -- whole layers ----------------------------------------------------------------------------------------------
@public("index_select")
def index_select(input: Any, dim: int, index: Any) -> Any:
    """The layers `index`, a vector of integers, along a dimension, copied. Mirrors `torch.index_select`."""
    dim = _layers("index_select", input, dim, index)
    size, data = input._data.shape[dim] if input._data.ndim else 1, index._data
    if not input._data.ndim and data.size != 1:
        raise RuntimeError(f"index_select(): Index to scalar can have only 1 value, got {data.size} value(s)")
    if not on_gpu(data) and data.size and (data.min() < 0 or data.max() >= size):
        raise errors.explained(
            IndexError("index out of range in self"), f"The places along dimension {dim} are 0 to {size - 1}."
        )
    return OPS["index_select"](input, index, dim)


def _layers_of(function: str, input: Any, dim: int, index: Any, source: Any) -> int:
    dim = _layers(function, input, dim, index)
    have, given, count = input._data.shape, source._data.shape, index._data.size
    if given and count != given[dim]:
        raise RuntimeError(
            f"{function}_(): Number of indices ({count}) should be equal to source.size(dim): ({given[dim]}), for dim: {dim}"
        )
    if have[:dim] + have[dim + 1 :] != given[:dim] + given[dim + 1 :]:
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = "
            f"{list(have)} source.shape = {list(given)}"
        )
    _in_bounds(input, dim, index)
    return dim


@public("index_add")
def index_add(input: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Any:
    """A copy of `input` with `alpha * source` added to its layers `index`. Mirrors `torch.index_add`."""
    return OPS["index_add"](input, index, source, _layers_of("index_add", input, dim, index, source), alpha)


@public("index_add_", function=False)
def index_add_(input: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Any:
    """`index_add`, in place. Mirrors `torch.Tensor.index_add_`."""
    dim = _layers_of("index_add", input, dim, index, source)
    return overwriting.overwrite(input, "index_add", index, source, dim, alpha)


@public("index_copy")
def index_copy(input: Any, dim: int, index: Any, source: Any) -> Any:
    """A copy of `input` with the layers of `source` in place of its layers `index`. Mirrors `torch.index_copy`."""
    return OPS["index_copy"](input, index, source, _layers_of("index_copy", input, dim, index, source))


@public("index_copy_", function=False)
def index_copy_(input: Any, dim: int, index: Any, source: Any) -> Any:
    """`index_copy`, in place. Mirrors `torch.Tensor.index_copy_`."""
    dim = _layers_of("index_copy", input, dim, index, source)
    return overwriting.overwrite(input, "index_copy", index, source, dim)


@public("index_fill")
def index_fill(input: Any, dim: int, index: Any, value: Any) -> Any:
    """A copy of `input` with a number in its layers `index`. Mirrors `torch.index_fill`."""
    name = "index_fill.tensor" if isinstance(value, TensorBase) else "index_fill"
    dim = _layers("index_fill", input, dim, index)
    return OPS[name](input, index, *((value, dim) if isinstance(value, TensorBase) else (dim, value)))


@public("index_fill_", function=False)
def index_fill_(input: Any, dim: int, index: Any, value: Any) -> Any:
    """`index_fill`, in place. Mirrors `torch.Tensor.index_fill_`."""
    dim = _layers("index_fill", input, dim, index)
    if isinstance(value, TensorBase):
        return overwriting.overwrite(input, "index_fill.tensor", index, value, dim)
    return overwriting.overwrite(input, "index_fill", index, dim, value)
