"""Reading what stands in square brackets: which views to take, and what to index the result with.

    x[0, 1:, None]      three views: ("select", (0, 0)), ("slice.Tensor", (0, 1, 3, 1)), ("unsqueeze", (1,))
    x[mask, :2]         one view, ("slice.Tensor", (2, 0, 2, 1)), and the arrays [mask] to index with

Integers become `select`, slices become `slice`, None becomes `unsqueeze`; only lists, masks and tensors of integers are
left to index with. That is also the difference to NumPy, which takes an integer beside a list for a list of one.

Mirrors `torch/csrc/autograd/python_variable_indexing.cpp` and `ATen/TensorIndexing.h`.
"""

from __future__ import annotations

import warnings
from operator import index as whole_number
from typing import Any

import numpy as np

from teachgrad import gpu
from teachgrad.autograd import views
from teachgrad.autograd.variable import TensorBase
from teachgrad.ops import refusals
from teachgrad.reading import new_array

Step = tuple[str, tuple[Any, ...]]
"""One view to take: the name of an op and its plain arguments."""


_UNSIGNED = {4: np.uint32, 8: np.uint64}


def parse(shape: tuple[int, ...], index: Any, *, reading: bool) -> tuple[list[Step], list[Any] | None]:
    """The views that `index` takes of a tensor of `shape`, and then the arrays to index with (None: there are none)."""
    if index.__class__ is slice and reading:  # PyTorch shows x[:] as a slice, but drops full slices from tuples
        return [_slice_step(shape, 0, index)], None
    items = _as_tuple(index)
    taken = sum(_dimensions(item) for item in items)
    if taken > len(shape):
        if len(items) == 1 and isinstance(items[0], slice):
            raise IndexError("slice() cannot be applied to a 0-dim tensor.")
        if not shape and len(items) == 1 and _as_integer(items[0]) is not None:
            raise refusals.index_of_number()
        raise refusals.too_many_indices(len(shape))
    steps: list[Step] = []
    arrays: dict[int, Any] = {}
    sizes = list(shape)
    dim = 0
    for named, item in enumerate(items):
        if item is Ellipsis:
            dim += len(shape) - taken
            taken = len(shape)  # a second ... stands for nothing
        elif item is None:
            steps.append(("unsqueeze", (dim,)))
            sizes.insert(dim, 1)
            dim += 1
        elif isinstance(item, slice):
            step = _slice_step(tuple(sizes), dim, item)
            start, end, stride = step[1][1:]
            if (start, stride) != (0, 1) or end < sizes[dim]:
                steps.append(step)
                sizes[dim] = len(range(sizes[dim])[start:end:stride])
            dim += 1
        elif isinstance(item, bool | np.bool_) or _is_flag(item):
            steps.append(("unsqueeze", (dim,)))
            sizes.insert(dim, 1)
            arrays[dim] = np.zeros(int(bool(item)), np.int64)
            dim += 1
        elif (number := _as_integer(item)) is not None:
            steps.append(("select", (dim, place_of(sizes, dim, number, named))))
            del sizes[dim]
        else:
            arrays[dim] = index_array(item)
            dim += max(arrays[dim].ndim, 1) if arrays[dim].dtype == np.bool_ else 1
    if not arrays:
        return steps, None
    indices: list[Any] = []
    for place in sorted(arrays):
        indices += [slice(None)] * (place - _width(indices))
        indices.append(arrays[place])
    return steps, indices


def _width(indices: list[Any]) -> int:
    """How many dimensions `indices` take."""
    return sum(max(i.ndim, 1) if not isinstance(i, slice) and i.dtype == np.bool_ else 1 for i in indices)


def _as_tuple(index: Any) -> tuple[Any, ...]:
    """`index` as a tuple of indices; PyTorch takes a list with slices, tensors or lists in it for one."""
    if isinstance(index, tuple):
        return index
    if isinstance(index, list) and len(index) < 32:
        for item in index:
            if item is None or isinstance(item, slice | TensorBase | list | tuple | type(Ellipsis)):
                warnings.warn(refusals.LIST_INDEX, UserWarning, stacklevel=4)
                return tuple(index)
    return (index,)


def _dimensions(item: Any) -> int:
    """How many dimensions of the tensor one index uses up."""
    if item is None or item is Ellipsis or isinstance(item, bool | np.bool_):
        return 0
    if isinstance(item, TensorBase):
        return item._data.ndim if item._data.dtype.kind == "b" or item._data.dtype == np.uint8 else 1
    if isinstance(item, np.ndarray) and item.dtype == np.bool_:
        return item.ndim
    return 1


def _is_array(data: Any) -> bool:
    return isinstance(data, np.ndarray | np.generic) or gpu.on_gpu(data)


def _is_flag(item: Any) -> bool:
    """Is it a single bool in a tensor or an array?"""
    data = item._data if isinstance(item, TensorBase) else item
    return _is_array(data) and data.ndim == 0 and data.dtype.kind == "b"


def _as_integer(item: Any) -> int | None:
    """The integer that `item` is, alone or in a 0-d tensor or array; None if it is none."""
    if isinstance(item, int):
        return item
    data = item._data if isinstance(item, TensorBase) else item
    if _is_array(data) and data.ndim == 0 and data.dtype.kind in "iu":
        return int(data)
    return None


def place_of(sizes: Any, dim: int, number: int, named: int) -> int:
    """`number` counted from 0. Raises IndexError if dimension `dim`, which the message calls `named`, is not so long."""
    size = sizes[dim]
    if not -size <= number < size:
        raise refusals.out_of_bounds(number, named, size)
    return number + size if number < 0 else number


def _slice_step(shape: tuple[int, ...], dim: int, item: slice) -> Step:
    if not shape:
        raise IndexError("slice() cannot be applied to a 0-dim tensor.")
    try:
        start, end, step = (None if part is None else whole_number(part) for part in (item.start, item.stop, item.step))
    except TypeError:
        raise TypeError("slice indices must be integers or None or have an __index__ method") from None
    if step is not None and step <= 0:
        raise refusals.backward_slice(step)
    start, end, step = slice(start, end, step).indices(shape[dim])
    return "slice.Tensor", (dim, start, max(end, start), step)


def index_array(item: Any) -> Any:
    """A mask or integers to index with, as an array. Raises IndexError for anything else."""
    if isinstance(item, TensorBase):
        data = item._data
        kind, size = data.dtype.kind, data.dtype.itemsize
        if kind == "u" and size == 1:
            warnings.warn(refusals.BYTE_INDEX, UserWarning, stacklevel=5)
            return data != 0
        if kind != "b" and not (kind == "i" and size >= 4):
            raise refusals.not_an_index_dtype()
        return views.own_array(item).copy()  # the node keeps it: later changes must not reach it
    if isinstance(item, str):
        raise TypeError(f"new(): invalid data type '{type(item).__name__}'")
    if not isinstance(item, list | tuple | range | np.ndarray):
        raise refusals.not_an_index(item)
    data = new_array(item)
    return data if data.dtype.kind == "b" else data.astype(np.int64)


def checked(array: Any, indices: list[Any]) -> tuple[Any, ...]:
    """`indices` for `array`, where it is. Raises IndexError if a mask has another shape or an integer is out of bounds.

    What lies on a GPU is not looked at: that would mean to wait for it.
    """
    shape, dim = array.shape, 0
    on_gpu = gpu.on_gpu(array)
    if on_gpu:
        indices = [index if isinstance(index, slice) else gpu.to_device(index) for index in indices]
    elif any(gpu.on_gpu(index) for index in indices):
        raise RuntimeError("indices should be either on cpu or on the same device as the indexed tensor (cpu)")
    lengths: list[tuple[int, ...]] = []
    for n, index in enumerate(indices):
        if isinstance(index, slice):
            dim += 1
        elif index.dtype.kind == "b":
            if index.shape != shape[dim : dim + index.ndim]:
                raise refusals.wrong_mask(index.shape, n, shape, dim)
            lengths.append((1 if on_gpu else int(np.count_nonzero(index)),))
            dim += index.ndim
        else:
            if index.size and not on_gpu:
                size = shape[dim]
                # Both ends in one look: read as an unsigned number, what lies below -size is large.
                if np.maximum.reduce((index + size).view(_UNSIGNED[index.itemsize]), axis=None) >= 2 * size:
                    first = index[(index < -size) | (index >= size)][0]
                    raise refusals.out_of_bounds(int(first), len(lengths), size)
            lengths.append(index.shape)
            dim += 1
    if len(lengths) > 1:
        try:
            np.broadcast_shapes(*lengths)
        except ValueError:
            raise refusals.indices_do_not_broadcast(lengths) from None
    return tuple(indices)
