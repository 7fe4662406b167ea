"""Square brackets: `x[0]`, `x[1:, ::2]`, `x[..., None]`, `x[mask]`, `x[[2, 0]]`, and the same on the left of `=`.

    x[0, 1:, None]      select 0 of dimension 0, then slice, then unsqueeze: views, one node each
    x[mask, :2]         first the views, then one `index` with all masks and lists of integers: a copy
    x[0] = v            select, then copy_ into the view: the history of x becomes CopySlices
    x[mask] = v         index_put_

The gradient of a view or of a copied selection is zero everywhere else: it is put back into zeros of the old shape. Where
`index` took an element several times, its gradients add up. What the brackets hold is read in `brackets.py`.
"""

from __future__ import annotations

import math
from operator import index as whole_number
from typing import Any

import numpy as np

from teachgrad import errors
from teachgrad.autograd import views
from teachgrad.autograd.modes import GRAD_MODE
from teachgrad.autograd.variable import TensorBase, bump, wrap
from teachgrad.gpu import add_at, on_gpu, xp
from teachgrad.ops import arrays, brackets, dims, overwriting, refusals
from teachgrad.ops.shape import expanded_shape
from teachgrad.ops.table import LIVE, METHODS, OPS, RAW, composite, op, public, raw


# -- what the forward expressions compute ----------------------------------------------------------------------
@raw
def selected(self: Any, dim: int, index: int) -> Any:
    """The layer `index` along `dim`; always an array, also of one number."""
    return self[(slice(None),) * dim + (index, ...)]


@raw
def sliced(self: Any, dim: int, start: Any, end: Any, step: int) -> Any:
    """Every `step`-th layer from `start` to `end` along `dim`."""
    return self[(slice(None),) * dim + (slice(start, end, step),)]


@raw
def select_backward(grad: Any, shape: tuple[int, ...], dim: int, index: int) -> Any:
    """Zeros of `shape` with `grad` in the layer `index` along `dim`."""
    whole = xp(grad).zeros(shape, grad.dtype)
    whole[(slice(None),) * dim + (index,)] = grad
    return whole


@raw
def slice_backward(grad: Any, shape: tuple[int, ...], dim: int, start: Any, end: Any, step: int) -> Any:
    """Zeros of `shape` with `grad` in the layers that the slice took."""
    whole = xp(grad).zeros(shape, grad.dtype)
    whole[(slice(None),) * dim + (slice(start, end, step),)] = grad
    return whole


@raw
def picked(self: Any, indices: tuple[Any, ...]) -> Any:
    """The elements that masks and arrays of integers name, copied."""
    if self.__class__ is np.ndarray and len(indices) == 1 and indices[0].dtype.kind == "i" and self.flags.c_contiguous:
        return self.take(indices[0], axis=0)  # quicker at whole rows
    return xp(self).asarray(self[indices], order="C")


@raw
def put_at(self: Any, values: Any, indices: tuple[Any, ...], accumulate: bool) -> Any:
    """A copy of `self` with `values` at the named elements, or added to them."""
    result = self.copy()
    whole_rows = len(indices) == 1 and result.ndim > 1 and indices[0].dtype.kind == "i" and result.flags.c_contiguous
    if (
        accumulate
        and whole_rows
        and len(self)
        and values.shape == (*indices[0].shape, *self.shape[1:])
        and not on_gpu(self)
    ):
        arrays.add_rows(result, indices[0], values)
    elif accumulate:
        add_at(result, indices, values)
    else:
        result[indices] = values
    return result


# -- the entries -----------------------------------------------------------------------------------------------
op(
    "select(self; dim, index)", "SelectBackward0", "selected(self, dim, index)", view=True,
    self="select_backward(grad, self_shape, dim, index)",
    samples=[
        "x[0]", "x[-1, 2]", "b[:, 1]", "b[..., -1]", "x[torch.tensor(1)]", "x[np.int64(1)]", "b[0, None, 1]", "v[0]",
        "x[(1,)]", "b[0, :, 2]", "x.select(1, -1)", "torch.select(b, 1, 2)", "x[np.array(1)]", "x[0:2, 1]",
        "x[i[0], i[1]]", "x[5]", "x[0, -4]", "x[0, 0, 0]", "s[0]", "s[..., 0]", "x.select(0, 5)", "x.select(3, 0)",
        "s.select(0, 0)", "x[1.5]", "x[None, 1.0]", "x['a']", "x[{}]", "x[1j]", "x[object()]", "x[torch.tensor(5)]",
    ],
)  # fmt: skip
op(
    "select_backward(self; shape, dim, index)", "SelectBackwardBackward0", "select_backward(self, shape, dim, index)",
    self="select(grad, dim, index)", samples=["x[0] * x[0]"],
)  # fmt: skip
op(
    "slice.Tensor(self; dim, start, end, step)", "SliceBackward0", "sliced(self, dim, start, end, step)", view=True,
    self="slice_backward(grad, self_shape, dim, start, end, step)",
    samples=[
        "x[1:]", "x[:]", "x[:, 1:]", "x[0:1, ::2]", "b[1:, :2, -2:]", "v[::2]", "x[-1:]", "x[5:]", "x[1:0]",
        "x[torch.tensor(1):]", "x.narrow(1, 1, 2)", "torch.narrow(b, 2, -2, 1)", "k.tensor_split(3)",
        "k.tensor_split([1, 3], dim=1)", "x.hsplit(3)", "torch.tensor_split(k, torch.tensor([1, 2]))",
        "torch.hsplit(v, [1])", "torch.vsplit(x, 2)", "b.dsplit(2)", "x.vsplit([1])", "torch.dsplit(b, [1])",
        "x[::-1]", "x[0:1:0]", "s[:]", "x[1.5:]", "x.narrow(0, 0, 5)", "x.narrow(0, 5, 1)", "x.narrow(0, 0, -1)",
        "x.narrow(3, 0, 1)", "x.tensor_split(0)", "v.vsplit(2)", "x.hsplit(2)",
    ],
)  # fmt: skip
op(
    "slice_backward(self; shape, dim, start, end, step)", "SliceBackwardBackward0",
    "slice_backward(self, shape, dim, start, end, step)", self="slice_Tensor(grad, dim, start, end, step)",
    samples=["x[:, 1:] * x[:, 1:]"],
)  # fmt: skip
op(
    "index(self; indices)", "IndexBackward0", "picked(self, indices)", keeps=["indices"],
    self="index_backward(grad, self_shape, indices)",
    samples=[
        "x[[1, 0]]", "x[i]", "x[mask]", "x[x > 0]", "x[:, [2, 0, 2]]", "x[i, i]", "b[0, :, [0, 3]]",
        "b[[0, 1], :, [2, 2]]", "b[:, i, i]", "x[mask[0, :2]]", "b[1, mask[0]]", "x[True]", "x[torch.tensor(True)]",
        "x[False]", "x[None, [0, 1]]", "b[..., [1, 1]]", "x[idx % 2]", "x[i[:, None], idx]", "x[[-1]]",
        "x[np.array([1, 0])]", "x[np.array([True, False])]", "x[range(1)]", "x[(0, 1), (0, 1)]",
        "x[[[0, 1], [1, 1]]]", "x[[True, False]]", "x[0, [1, 2]]", "x[[0.5]]",
        "v[torch.tensor([], dtype=torch.long)]", "x[i.int()]", "x[i.to(torch.uint8)]", "x[0:1, i]", "x[[0, 5]]",
        "x[[0, -5]]", "x[i, i, i]", "x[i, labels.repeat(2)[:3]]", "x[torch.tensor([0.5])]",
        "x[torch.tensor([True, False, True])]", "x[:, mask]", "x[mask, 0]", "x[i.to(torch.int16)]", "x[:, [5]]",
        "x[torch.tensor([[5]])]", "x[torch.tensor(1.5)]", "s[s > 9]", "s[[0]]",
    ],
)  # fmt: skip
op(
    "index_put(self, values; indices, accumulate=False)", "IndexPutBackward0",
    "put_at(self, values, indices, accumulate)", keeps=["indices"],
    self="kept_by_put(grad, indices, accumulate)", values="as_it_came(index(grad, indices), values_shape, values_dtype)",
    shown={"self": "grad, with zeros at indices unless values were added there"},
    samples=[
        "x.index_put((i,), v)", "x.index_put((i,), v, accumulate=True)", "torch.index_put(x, (i, i), s)",
        "(x * 1).index_put_((mask,), s)", "torch.index_put_(x * 1, [i], y[:1])",
    ],
)  # fmt: skip
op(
    "index_put_impl(self, values; indices)", "IndexPutImplBackward0", "put_at(self, values, indices, True)",
    keeps=["indices"], self="grad", values="index(grad, indices)", samples=["x[i] * x[i]"],
)  # fmt: skip


@composite
def index_backward(F: Any, grad: Any, shape: tuple[int, ...], indices: tuple[Any, ...]) -> Any:
    """Zeros of `shape` with each element of `grad` added where it was taken from."""
    return F.index_put_impl(F.new_zeros(grad, shape), grad, indices)


@composite
def kept_by_put(F: Any, grad: Any, indices: tuple[Any, ...], accumulate: bool) -> Any:
    """Where values were put, nothing of the old ones is left; where they were added, all of it is."""
    return grad if accumulate else F.index_put(grad, F.new_zeros(grad, ()), indices, False)


# -- the brackets ---------------------------------------------------------------------------------------------
def getitem(self: Any, index: Any) -> Any:
    """`x[index]`. Raises IndexError, TypeError or ValueError for what is no index, as PyTorch does."""
    shape = self._data.shape
    if index.__class__ is int and shape:  # the most common kinds first
        return LIVE["select"](self, 0, brackets.place_of(shape, 0, index, 0))
    if shape and isinstance(index, TensorBase) and index._data.ndim and index._data.dtype.kind == "i":
        return LIVE["index"](self, brackets.checked(self._data, [brackets.index_array(index)]))
    steps, indices = brackets.parse(shape, index, reading=True)
    for name, arguments in steps:
        self = OPS[name](self, *arguments)
    if indices is not None:
        return OPS["index"](self, brackets.checked(self._data, indices))
    return self if steps else OPS["alias"](self)


# -- assignment ------------------------------------------------------------------------------------------------
def setitem(self: Any, index: Any, value: Any) -> None:
    """`x[index] = value`, where `value` is a number or a tensor that broadcasts to the place.

    Raises TypeError for other values, IndexError for a bad index, RuntimeError if the shapes do not fit or if PyTorch
    forbids the change in place.
    """
    number = not isinstance(value, TensorBase)
    if number and not isinstance(value, bool | int | float | complex | np.integer):
        raise refusals.cannot_assign(self, value)
    if not number and on_gpu(value._data) is not on_gpu(self._data):
        value = value.to(self.device)
    steps, indices = brackets.parse(self._data.shape, index, reading=False)
    if not (GRAD_MODE.get() and (self._requires_grad or (not number and value._requires_grad))):
        if indices is not None and not number:
            views.check_overlap(self, value, whole=True)
        _assign(self, steps, indices, value if number else value._data)
        return
    if number:
        value = wrap(xp(self._data).asarray(value).astype(self._data.dtype))
    for name, arguments in steps:
        self = OPS[name](self, *arguments)
    if indices is not None:
        views.check_in_place(self, value)
        checked = brackets.checked(self._data, indices)
        views.check_overlap(self, value, whole=True)
        value = _as_put(value)
        _check_put(self._data, value._data, checked)
        overwriting.overwrite(self, "index_put", value, checked, False)
    elif value._data.shape == self._data.shape:
        overwriting.overwrite(self, "copy", value)
    elif value._data.ndim == 0:
        overwriting.overwrite(self, "fill.tensor", value)
    else:
        value = OPS["view"](value, _without_leading_ones(value._data.shape))
        overwriting.overwrite(self, "copy", OPS["expand"](value, expanded_shape(value, self._data.shape)))


def _assign(self: Any, steps: list[brackets.Step], indices: list[Any] | None, value: Any) -> None:
    """The assignment of a number or an array where no history is to be kept."""
    target = views.own_array(self)
    for name, arguments in steps:
        target = RAW[name.replace(".", "_")](target, *arguments)
    if views.repeats(target):
        raise errors.shared_elements()
    array = on_gpu(value) or (isinstance(value, np.ndarray | np.generic) and not isinstance(value, np.integer))
    if indices is not None:
        place: Any = brackets.checked(target, indices)
        if array:
            value = value.reshape(_without_leading_ones(value.shape))
            _check_put(target, value, place)
    else:
        place = ...
        if array and value.ndim and value.shape != target.shape:
            value = value.reshape(_without_leading_ones(value.shape))
            expanded_shape(wrap(value), target.shape)  # raises PyTorch's error if the shapes do not fit
    target[place] = value
    bump(self)


def _as_put(value: Any) -> Any:
    """A tensor without leading dimensions of size 1."""
    shape = _without_leading_ones(value._data.shape)
    return value if shape == value._data.shape else OPS["view"](value, shape)


def _without_leading_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    first = next((n for n, size in enumerate(shape) if size != 1), len(shape))
    return shape[first:]


def _check_put(target: Any, value: Any, indices: tuple[Any, ...]) -> None:
    """Raises RuntimeError unless the array `value` can be put at `indices` of the array `target`."""
    shape, place = value.shape, target[indices].shape
    clash = len(shape) > len(place) or any(a not in (1, b) for a, b in zip(shape[::-1], place[::-1], strict=False))
    if clash and math.prod(shape) != 1:
        raise refusals.put_shape(shape, place)
    if value.dtype is not target.dtype:
        raise refusals.put_of_other_dtype(target, value)


METHODS.update(__getitem__=getitem, __setitem__=setitem)


# -- the same by name ------------------------------------------------------------------------------------------
@public("select")
def select(input: Any, dim: int, index: int) -> Any:
    """The layer `index` along a dimension: a view without that dimension. Mirrors `torch.select`."""
    if not dims.tensor("select", input)._data.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim, shape = dims.one("select", input, dim), input._data.shape
    if not -shape[dim] <= index < shape[dim]:
        raise IndexError(f"select(): index {index} out of range for tensor of size {list(shape)} at dimension {dim}")
    return OPS["select"](input, dim, index % shape[dim])


@public("narrow")
def narrow(input: Any, dim: int, start: Any, length: int) -> Any:
    """`length` layers along a dimension, from `start` on: a view. Mirrors `torch.narrow`."""
    if not dims.tensor("narrow", input)._data.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    dim, start = dims.one("narrow", input, dim), whole_number(start)
    size = input._data.shape[dim]
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -size <= start <= size:
        raise IndexError(f"start out of range (expected to be in range of [-{size}, {size}], but got {start})")
    start = start + size if start < 0 else start
    if start + length > size:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return OPS["slice.Tensor"](input, dim, start, start + length, 1)


def _put(function: str, input: Any, indices: Any, values: Any) -> tuple[Any, tuple[Any, ...]]:
    arrays = [brackets.index_array(item) for item in indices]
    checked = brackets.checked(dims.tensor(function, input)._data, arrays)
    _check_put(input._data, values._data, checked)
    return values, checked


@public("index_put")
def index_put(input: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    """A copy of `input` with `values` put at (or added to) the elements that `indices` name. Mirrors `torch.index_put`."""
    return OPS["index_put"](input, *_put("index_put", input, indices, values), accumulate)


@public("index_put_")
def index_put_(input: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    """`index_put`, in place. Mirrors `torch.Tensor.index_put_`."""
    return overwriting.overwrite(input, "index_put", *_put("index_put_", input, indices, values), accumulate)
