"""Tensors put together and taken apart: `cat`, `stack`, `split`, `chunk`, `unbind`.

    cat([a, b])           a: rows 0-1 of the result         the gradient of a is rows 0-1 of the gradient
                          b: row 2                          and that of b is row 2
    a, b = x.split(2)     the other way round: the gradient of x is the gradients of a and b, put together

The pieces of `split`, `chunk` and `unbind` are views of one tensor that come out of one node; PyTorch does not allow to
change such a piece in place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgrad import dtypes, errors
from teachgrad.autograd.variable import TensorBase
from teachgrad.bfloats import cast
from teachgrad.gpu import MODULES, on_gpu, xp
from teachgrad.ops import dims, refusals
from teachgrad.ops.dimensions import atleast_1d, atleast_2d, atleast_3d
from teachgrad.ops.shape import reshape
from teachgrad.ops.table import OPS, composite, op, public, raw
from teachgrad.refusals import no_dimensions


# -- what the forward expressions compute ----------------------------------------------------------------------
@raw
def joined(arrays: list[Any], dim: int) -> Any:
    """The arrays one after the other along `dim`; empty vectors do not count."""
    first = arrays[0].dtype
    if any(array.dtype is not first for array in arrays):
        dtype = dtypes.result_numpy_dtype([*arrays])
        arrays = [cast(array, dtype) for array in arrays]
    real = [array for array in arrays if array.shape != (0,)] or arrays[:1]
    try:
        return xp(real[0]).asarray(np.concatenate(real, dim), order="C")
    except ValueError:
        raise refusals.cannot_join([array.shape for array in real], dim) from None


@raw
def stacked(arrays: list[Any], dim: int) -> Any:
    """The arrays side by side along a new dimension."""
    if MODULES and len({on_gpu(array) for array in arrays}) > 1:
        raise TypeError("arrays of two devices")  # which the table says in PyTorch's words
    first = arrays[0].dtype
    if any(array.dtype is not first for array in arrays):
        dtype = dtypes.result_numpy_dtype([*arrays])
        arrays = [cast(array, dtype) for array in arrays]
    if any(array.shape != arrays[0].shape for array in arrays):
        raise refusals.cannot_stack([array.shape for array in arrays])
    shape = arrays[0].shape
    stack = xp(arrays[0]).empty(shape[:dim] + (len(arrays),) + shape[dim:], arrays[0].dtype)
    before: tuple[Any, ...] = (slice(None),) * dim
    for place, array in enumerate(arrays):
        stack[(*before, place)] = array
    return stack


def part(self: Any, dim: int, start: int, end: int, step: int = 1) -> Any:
    """The elements from `start` to `end` along `dim`."""
    return self[(slice(None),) * dim + (slice(start, end, step),)]


@raw
def parts(self: Any, sizes: Any, dim: int) -> Any:
    """Consecutive parts of the given sizes along `dim`."""
    ends = np.cumsum(sizes).tolist()
    return [part(self, dim, end - size, end) for size, end in zip(sizes, ends, strict=True)]


@raw
def layers(self: Any, dim: int) -> Any:
    """The parts of size 1 along `dim`, without that dimension."""
    before = (slice(None),) * dim
    return [self[(*before, n, ...)] for n in range(self.shape[dim])]


# -- the entries -----------------------------------------------------------------------------------------------
op(
    "cat(*tensors; dim)", "CatBackward0", "joined(tensors, dim)", tensors="parts_of_gradient(grad, tensors_shape, dim)",
    samples=[
        "torch.cat([x, y])", "torch.cat((x, y), 1)", "torch.cat([x, x], dim=-1)", "torch.cat([x, mask.float()])",
        "torch.cat([x.double(), y.float()])", "torch.cat([i, v])", "torch.cat([torch.tensor([]), v])",
        "torch.concat([x, y])", "torch.concatenate([x, y], axis=1)", "torch.hstack([x, y])", "torch.hstack([v, u])",
        "torch.hstack([s, s])", "torch.vstack([v, u])", "torch.row_stack([x, v])", "torch.dstack([x, y])",
        "torch.dstack([v, u])", "torch.column_stack([v, m])", "torch.cat([])", "torch.cat(x)", "torch.cat([x, v])",
        "torch.cat([x, x[:, :2]])", "torch.cat([x, y], 2)", "torch.cat([s, s])", "torch.cat([x, 3])",
        "torch.hstack([])", "torch.cat(tensors=[x, y])",
    ],
)  # fmt: skip
op(
    "stack(*tensors; dim)", "StackBackward0", "stacked(tensors, dim)", tensors="layers_of_gradient(grad, dim)",
    samples=[
        "torch.stack([x, y])", "torch.stack((x, x), -1)", "torch.stack([x, mask.float()], dim=1)",
        "torch.stack([s, s * 2])", "torch.stack([i, labels.float()])", "torch.stack([])", "torch.stack([x, v])",
        "torch.stack([x, y], 4)", "torch.stack([x, 3])", "torch.cartesian_prod(v, u)",
    ],
)  # fmt: skip
op(
    "unbind(self; dim) -> *parts", "UnbindBackward0", "layers(self, dim)", view=True, self="unbind_back(grads, dim)",
    samples=[
        "x.unbind()", "torch.unbind(b, 1)", "v.unbind()", "x.unbind(1)[2]", "list(x)[1]", "s.unbind()", "x.unbind(3)",
    ],
)  # fmt: skip
op(
    "split(self; split_size, dim) -> *parts", "SplitBackward0",
    "parts(self, equal_sizes(self.shape[dim], split_size), dim)", view=True,
    self="split_back(grads, equal_sizes(self_shape[dim], split_size), self_shape, dim)",
    samples=[
        "x.split(1)", "torch.split(k, 2, dim=1)", "v.split(5)", "x.split(2, 1)[1]", "x.chunk(2)",
        "torch.chunk(k, 3, dim=1)", "v.chunk(2)[0]", "x.split(0)", "x.split(-1)", "x.chunk(0)", "s.chunk(2)",
        "s.split(1)",
    ],
)  # fmt: skip
op(
    "split_with_sizes(self; split_sizes, dim) -> *parts", "SplitWithSizesBackward0",
    "parts(self, split_sizes, dim)", view=True,
    self="split_back(grads, split_sizes, self_shape, dim)",
    samples=[
        "x.split([1, 2], 1)", "torch.split(k, (3, 1))", "torch.split_with_sizes(k, [1, 3])", "x.split([1, 2])",
        "x.split([1, 1], dim=5)", "k.split([2, 0, 2])[0]",
    ],
)  # fmt: skip


@composite
def equal_sizes(_: Any, total: int, size: int) -> list[int]:
    """How `total` falls into parts of `size`, the last of which may be smaller."""
    return [min(size, total - start) for start in range(0, total, size)] if size and total else [total]


@composite
def parts_of_gradient(F: Any, grad: Any, shapes: list[tuple[int, ...]], dim: int) -> list[Any]:
    """The part of the gradient that belongs to each of the joined tensors."""
    grads, start = [], 0
    for shape in shapes:
        if shape == (0,):
            grads.append(F.slice_Tensor(F.reshape(grad, (-1,)), 0, 0, 0, 1))
            continue
        grads.append(F.slice_Tensor(grad, dim, start, start + shape[dim], 1))
        start += shape[dim]
    return grads


@composite
def layers_of_gradient(F: Any, grad: Any, dim: int) -> list[Any]:
    """The layer of the gradient that belongs to each of the stacked tensors."""
    return [F.select(grad, dim, n) for n in range(grad.shape[dim])]


@composite
def unbind_back(F: Any, grads: list[Any], dim: int) -> Any:
    """The gradients of the layers, stacked; zeros where a layer was not used."""
    known = next(grad for grad in grads if grad is not None)
    return F.stack([F.zeros(known) if grad is None else grad for grad in grads], dim)


@composite
def split_back(F: Any, grads: list[Any], sizes: list[int], shape: tuple[int, ...], dim: int) -> Any:
    """The gradients of the parts, joined; zeros where a part was not used."""
    known = next(grad for grad in grads if grad is not None)
    shapes = [shape[:dim] + (size,) + shape[dim + 1 :] for size in sizes]
    return F.cat([F.new_zeros(known, s) if grad is None else grad for grad, s in zip(grads, shapes, strict=True)], dim)


@raw
def new_zeros(self: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of another shape in the dtype of `self`."""
    return xp(self).zeros(shape, self.dtype)


# -- put together ----------------------------------------------------------------------------------------------
def _list_of(function: str, tensors: Any) -> list[Any]:
    """`tensors` as a list. Raises TypeError unless it is a sequence of tensors."""
    if not isinstance(tensors, tuple | list):
        raise TypeError(
            f"{function}(): argument 'tensors' (position 1) must be tuple of Tensors, not {errors.type_name(tensors)}"
        )
    for place, one in enumerate(tensors):
        if not isinstance(one, TensorBase):
            raise errors.element_not_a_tensor(place, one)
    return list(tensors)


@public("cat", "concat", "concatenate", method=False)
def cat(tensors: Any, dim: int = 0, *, axis: int | None = None) -> Any:
    """The tensors one after the other along a dimension that they have. Mirrors `torch.cat`.

    Raises RuntimeError unless their sizes agree in all other dimensions, ValueError for an empty list.
    """
    given = _list_of("cat", tensors)
    if not given:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    main = next((one for one in given if one._data.shape != (0,)), given[0])
    for place, one in enumerate(given):
        if not one._data.ndim:
            raise refusals.join_of_numbers(place)
    return OPS["cat"](given, dims.one("cat", main, dim if axis is None else axis))


@public("stack", method=False)
def stack(tensors: Any, dim: int = 0, *, axis: int | None = None) -> Any:
    """The tensors, all of one shape, side by side along a new dimension. Mirrors `torch.stack`."""
    given = _list_of("stack", tensors)
    if not given:
        raise RuntimeError("stack expects a non-empty TensorList")
    dim, ndim = dim if axis is None else axis, given[0]._data.ndim + 1
    if dim.__class__ is not int:
        dim = dims.whole("stack", dim)
    if not -ndim <= dim < ndim:
        raise errors.dim_out_of_range(dim, ndim)
    return OPS["stack"](given, dim % ndim)


def _in_columns(function: str, tensors: Any, widen: Any, dim: int) -> Any:
    given = _list_of(function, tensors)
    if not given:
        raise RuntimeError(f"{function} expects a non-empty TensorList")
    wide = [widen(one) for one in given]
    return cat(wide, min(dim, wide[0]._data.ndim - 1))


@public("hstack", method=False)
def hstack(tensors: Any) -> Any:
    """Side by side: along dimension 1, vectors along dimension 0. Mirrors `torch.hstack`."""
    return _in_columns("hstack", tensors, atleast_1d, 1)


@public("vstack", "row_stack", method=False)
def vstack(tensors: Any) -> Any:
    """One above the other: along dimension 0, vectors as rows. Mirrors `torch.vstack`."""
    return _in_columns("vstack", tensors, atleast_2d, 0)


@public("dstack", method=False)
def dstack(tensors: Any) -> Any:
    """One behind the other: along dimension 2. Mirrors `torch.dstack`."""
    return _in_columns("dstack", tensors, atleast_3d, 2)


@public("column_stack", method=False)
def column_stack(tensors: Any) -> Any:
    """Side by side, vectors as columns. Mirrors `torch.column_stack`."""

    def column(one: Any) -> Any:
        return reshape(one, one._data.size, 1) if one._data.ndim < 2 else one

    return _in_columns("column_stack", tensors, column, 1)


# -- taken apart -----------------------------------------------------------------------------------------------
def _splittable(function: str, input: Any) -> Any:
    if not dims.tensor(function, input)._data.ndim:
        raise RuntimeError(f"{function} expects at least a 1-dimensional tensor")
    return input


@public("split")
def split(tensor: Any, split_size_or_sections: Any, dim: int = 0) -> Any:
    """Views of consecutive parts: all of one size (the last may be smaller), or of the sizes in a list.

    Mirrors `torch.split`.
    """
    if not isinstance(split_size_or_sections, int):
        return split_with_sizes(tensor, split_size_or_sections, dim)
    size, dim = split_size_or_sections, dims.one("split", _splittable("split", tensor), dim)
    if size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
    if size == 0 and tensor._data.shape[dim]:
        raise RuntimeError(
            f"split_size can only be 0 if dimension size is 0, but got dimension size of {tensor._data.shape[dim]}"
        )
    return OPS["split"](tensor, size, dim)


@public("split_with_sizes")
def split_with_sizes(input: Any, split_sizes: Any, dim: int = 0) -> Any:
    """Views of consecutive parts of the given sizes. Mirrors `torch.split_with_sizes`."""
    place = dims.one("split_with_sizes", _splittable("split", input), dim)
    sizes, total = list(split_sizes), input._data.shape[place]
    if sum(sizes) != total or min(sizes, default=0) < 0:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {total} (input tensor's size at dimension "
            f"{dim}), but got "
            f"split_sizes={sizes}"
        )
    return OPS["split_with_sizes"](input, tuple(sizes), place)


@public("chunk")
def chunk(input: Any, chunks: int, dim: int = 0, *, axis: int | None = None) -> Any:
    """At most so many views of equal parts (the last may be smaller). Mirrors `torch.chunk`."""
    dim = dims.one("chunk", _splittable("chunk", input), dim if axis is None else axis)
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    size = -(-input._data.shape[dim] // chunks)
    if size == 0:
        return split_with_sizes(input, [0] * chunks, dim)
    return OPS["split"](input, size, dim)


@public("unbind")
def unbind(input: Any, dim: int = 0, *, axis: int | None = None) -> Any:
    """The layers along a dimension, as views without that dimension. Mirrors `torch.unbind`."""
    dim = dim if axis is None else axis
    if not dims.tensor("unbind", input)._data.ndim:
        raise no_dimensions(dims.one("unbind", input, dim))
    return OPS["unbind"](input, dims.one("unbind", input, dim))


@public("tensor_split")
def tensor_split(input: Any, indices_or_sections: Any, dim: int = 0) -> Any:
    """So many views of nearly equal parts, or the parts between the given places. Mirrors `torch.tensor_split`."""
    if not dims.tensor("tensor_split", input)._data.ndim:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    dim = dims.one("tensor_split", input, dim)
    total = input._data.shape[dim]
    if isinstance(indices_or_sections, TensorBase):
        indices_or_sections = indices_or_sections.tolist()  # type: ignore[attr-defined]
    if isinstance(indices_or_sections, int):
        count = indices_or_sections
        if count <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {count}")
        cuts = [(total // count) * n + min(n, total % count) for n in range(1, count)]
    else:
        cuts = [range(total)[:cut].stop for cut in indices_or_sections]  # as a slice understands them
    return tuple(
        OPS["slice.Tensor"](input, dim, start, max(start, end), 1)
        for start, end in zip([0, *cuts], [*cuts, total], strict=True)
    )


def _split_along(function: str, input: Any, where: Any, dim: int) -> Any:
    ndim = dims.tensor(function, input)._data.ndim
    needed = {"hsplit": 1, "vsplit": 2, "dsplit": 3}[function]
    if ndim < needed:
        raise RuntimeError(
            f"torch.{function} requires a tensor with at least {needed} dimension, but got a tensor with {ndim} dimensions!"
        )
    total = input._data.shape[dim]
    if isinstance(where, int) and (where <= 0 or total % where):
        raise RuntimeError(
            f"torch.{function} attempted to split along dimension {dim}, but the size of the dimension {total} "
            "is not divisible "
            f"by the split_size {where}!"
        )
    return tensor_split(input, where, dim)


@public("hsplit")
def hsplit(input: Any, indices_or_sections: Any) -> Any:
    """`tensor_split` along dimension 1, of vectors along dimension 0. Mirrors `torch.hsplit`."""
    return _split_along("hsplit", input, indices_or_sections, 0 if input._data.ndim == 1 else 1)


@public("vsplit")
def vsplit(input: Any, indices_or_sections: Any) -> Any:
    """`tensor_split` along dimension 0. Mirrors `torch.vsplit`."""
    return _split_along("vsplit", input, indices_or_sections, 0)


@public("dsplit")
def dsplit(input: Any, indices_or_sections: Any) -> Any:
    """`tensor_split` along dimension 2. Mirrors `torch.dsplit`."""
    return _split_along("dsplit", input, indices_or_sections, 2)
