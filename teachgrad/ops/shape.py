"""The same numbers in another shape: `view`, `reshape`, `flatten`, `expand`, ...

    memory            1 2 3 4 5 6
    x.view(2, 3)      [[1, 2, 3],       step 3 down, step 1 to the right
                       [4, 5, 6]]
    x.view(3, 2)      [[1, 2],          step 2 down, step 1 to the right: the memory stays, only the steps change
                       [3, 4],
                       [5, 6]]

These ops are views: nothing is copied, and result and input see each other's changes. Only `reshape` copies, when the
elements do not lie in memory as the new shape needs them. The gradient takes the way back: it gets the old shape again,
and what was repeated (`expand`) is summed. Dimensions exchanged, added and dropped are in `dimensions.py`.
"""

from __future__ import annotations

import math
from operator import index
from typing import Any

import numpy as np

from teachgrad import dtypes, errors
from teachgrad.autograd.fit import unbroadcast
from teachgrad.autograd.variable import wrap
from teachgrad.autograd.views import alias as share_memory
from teachgrad.autograd.views import own_array
from teachgrad.ops import dims, refusals
from teachgrad.ops.table import LIVE, OPS, RAW, op, public, raw
from teachgrad.size import Size
from teachgrad.sizes import bad_arguments, bad_size, shape_of


# -- what the forward expressions compute ----------------------------------------------------------------------
@raw
def viewed(self: Any, shape: tuple[int, ...]) -> Any:
    """The same memory in another shape. Raises RuntimeError if the steps in memory do not allow it."""
    if not self.flags.c_contiguous and not can_view(self, shape):
        raise refusals.no_view()
    return self.reshape(shape)


def can_view(array: Any, shape: tuple[int, ...]) -> bool:
    """Can the elements be read in another shape without a copy?

    Dimensions whose steps fit together (one is the size times the step of the next) are a run of evenly spaced elements.
    A new dimension may take any part of a run, but no step leads across two.
    """
    runs, step = [1], array.itemsize  # from the innermost outwards
    for size, stride in zip(array.shape[::-1], array.strides[::-1], strict=True):
        if size == 1:
            continue
        if runs[-1] == 1 or stride == step:
            runs[-1] *= size
        else:
            runs.append(size)
        step = size * stride
    place = 0
    for size in reversed(shape):
        if runs[place] == 1 and place < len(runs) - 1:
            place += 1
        if size and runs[place] % size:
            return not array.size
        runs[place] //= size or 1
    return True


@raw
def expanded(self: Any, shape: tuple[int, ...]) -> Any:
    """Repeated along new dimensions and those of size 1, by stepping 0 in memory."""
    if self.shape == shape:
        return self[...]
    repeated = np.broadcast_to(self, shape)
    if repeated.__class__ is np.ndarray:  # whether elements share a place is asked when they are written to (views.py)
        repeated.flags.writeable = self.flags.writeable
    return repeated


# The rules call these two on arrays; on tensors the functions of the same names below serve.
RAW["reshape"] = lambda self, shape: self.reshape(shape)
RAW["sum_to_size"] = lambda self, shape: unbroadcast(self, shape, self.dtype)


# -- the entries -----------------------------------------------------------------------------------------------
op(
    "view(self; shape)", "ViewBackward0", "viewed(self, shape)", view=True, self="reshape(grad, self_shape)",
    samples=[
        "x.view(6)", "x.view(3, -1)", "x.view((1, 6))", "s.view(1, 1)", "x.reshape(-1)", "x.reshape([3, 2])",
        "torch.reshape(b, (6, 4))", "x.flatten()", "b.flatten(1)", "s.flatten()", "torch.flatten(b, 0, 1)",
        "x.ravel()", "torch.ravel(x.t())", "x.unflatten(1, (3, 1))", "b.unflatten(2, (2, -1))",
        "torch.unflatten(b, -1, (2, 2))", "x.view_as(y)", "x.reshape_as(y)", "x.t().reshape(-1)",
        "x[:, ::2].view(2, 2, 1)", "x.view(3)", "x.view(-1, -1)", "x.view(-1, 4)", "x.t().view(6)", "x.view(-2, 3)",
        "x.view()", "x.view(2., 3)", "x.flatten(2)", "x.flatten(1, 0)", "x.unflatten(0, (3, 1))",
        "x.unflatten(0, ())", "torch.zeros(0, 3).view(-1, 0)",
    ],
)  # fmt: skip
op(
    "reshape_alias(self; shape)", "ReshapeAliasBackward0", "viewed(self, shape)",
    view=True, self="reshape(grad, self_shape)",
    samples=["x.t().reshape(3, 2, 1)", "b[:, 0].reshape(2, 2, 2)"],
)  # fmt: skip
op(
    "unsafe_view(self; shape)", "UnsafeViewBackward0", "self.reshape(shape)", self="reshape(grad, self_shape)",
    samples=["x.t().reshape(6)", "v.expand(2, 3).reshape(6)"],
)  # fmt: skip
op(
    "clone.contiguous(self)", "CloneBackward0", "self.copy('C')", self="grad",
    samples=["b.transpose(0, 2).reshape(-1)", "x.t().contiguous()"],
)  # fmt: skip
op(
    "alias(self)",
    "AliasBackward0",
    "self[...]",
    view=True,
    self="grad",
    samples=["x[...]", "s[...]", "torch.Tensor(x)"],
)
op(
    "expand(self; shape)", "ExpandBackward0", "expanded(self, shape)", view=True, self="sum_to_size(grad, self_shape)",
    samples=[
        "v.expand(2, 3)", "s.expand(2)", "x[:1].expand(4, -1)", "v.expand_as(x)", "v.broadcast_to((2, 3))",
        "x.expand(2, 3)", "torch.broadcast_to(v, (2, 2, 3))", "torch.broadcast_tensors(v, x)",
        "torch.broadcast_tensors(x[:, :1], v)", "x.expand(3)", "x.expand(4, 3)", "v.expand(-1, 3)",
        "torch.broadcast_shapes((2, 1), (3,))", "torch.broadcast_tensors(x, x[0, :2])",
        "torch.broadcast_shapes((2, 3), (2,))",
    ],
)  # fmt: skip


_SHAPES = {"reshape": "shape", "view": "size"}


# -- view and reshape ------------------------------------------------------------------------------------------
def full_shape(function: str, size: int, args: tuple[Any, ...]) -> tuple[int, ...]:
    """The shape in `args` for `size` elements, with a -1 in it computed.

    Raises RuntimeError for a shape with another number of elements, TypeError for what is no shape.
    """
    if not args:
        raise errors.missing(function, "shape")
    try:
        shape = shape_of(args)
    except TypeError:
        first = args[0][0] if isinstance(args[0], tuple | list) else args[0]
        if function == "view" and not isinstance(first, int):  # a dtype might have stood there
            raise bad_arguments(function, args) from None
        raise bad_size(function, args, _SHAPES[function]) from None
    count = math.prod(shape)
    lowest = min(shape) if shape else 0
    if count == size and lowest >= 0:
        return shape
    holes = shape.count(-1)
    if holes == 1 and count and lowest == -1 and size % count == 0:
        return tuple([size // -count if each == -1 else each for each in shape])
    for place, each in enumerate(shape):
        if each < -1:
            raise RuntimeError(f"invalid shape dimension {each} at index {place} of shape {list(shape)}")
    if holes > 1:
        raise RuntimeError("only one dimension can be inferred")
    if holes and count == size == 0:
        raise refusals.ambiguous_hole(shape)
    raise refusals.wrong_size(shape, size)


@public("view", function=False)
def view(input: Any, *shape: Any, size: Any = None, dtype: Any = None) -> Any:
    """The same memory in another shape, or (given a dtype) read as other numbers. Mirrors `torch.Tensor.view`.

    One size may be -1: it is computed. Raises RuntimeError if the shape has another number of elements, or if the elements
    do not lie in memory so that no copy is needed.
    """
    if size is not None:
        shape = (size,)
    if dtype is not None or (len(shape) == 1 and isinstance(shape[0], dtypes.dtype)):
        return _reinterpreted(input, dtype or shape[0])
    if not shape:
        raise bad_arguments("view", ())
    return LIVE["view"](input, full_shape("view", input._data.size, shape))


def _reinterpreted(input: Any, dtype: dtypes.dtype) -> Any:
    have = dtypes.of(input._data.dtype)
    last = input._data.shape[-1] if input._data.ndim else 1
    if last * have.itemsize % dtype.itemsize:
        raise RuntimeError(
            f"self.size(-1) must be divisible by {dtype.itemsize // have.itemsize} to view {have.scalar_name} as "
            f"{dtype.scalar_name} (different element sizes), but got {last}"
        )
    result = wrap(own_array(input).view(dtype.numpy))
    share_memory(input, result)
    return result


@public("reshape")
def reshape(input: Any, *sizes: Any, shape: Any = None) -> Any:
    """Another shape: a view where the memory allows it, else a copy. Mirrors `torch.reshape`; one size may be -1."""
    data = dims.tensor("reshape", input)._data
    full = full_shape("reshape", data.size, sizes if shape is None else (shape,))
    if data.flags.c_contiguous:
        return LIVE["view"](input, full)
    if can_view(data, full):
        return LIVE["reshape_alias"](input, full)
    return LIVE["unsafe_view"](LIVE["clone_contiguous"](input), full)


@public("view_as", function=False)
def view_as(input: Any, other: Any) -> Any:
    """`input` in the shape of `other`, without a copy. Mirrors `torch.Tensor.view_as`."""
    return view(input, other._data.shape)


@public("reshape_as", function=False)
def reshape_as(input: Any, other: Any) -> Any:
    """`input` in the shape of `other`. Mirrors `torch.Tensor.reshape_as`."""
    return reshape(input, other._data.shape)


@public("flatten")
def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """The dimensions from `start_dim` to `end_dim` made one. Mirrors `torch.flatten`."""
    shape = dims.tensor("flatten", input)._data.shape
    if start_dim == 0 and end_dim == -1:  # the usual call
        return input if len(shape) == 1 else reshape(input, input._data.size)
    start, end = dims.one("flatten", input, start_dim), dims.one("flatten", input, end_dim)
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not shape:
        return reshape(input, 1)
    if start == end:
        return input
    return reshape(input, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


@public("unflatten")
def unflatten(input: Any, dim: int, sizes: Any) -> Any:
    """One dimension made several, of the given sizes (one may be -1). Mirrors `torch.unflatten`."""
    if not dims.tensor("unflatten", input)._data.ndim:
        raise RuntimeError("unflatten got an unexpected error:\nDimension specified as 0 but tensor has no dimensions")
    dim = dims.one("unflatten", input, dim)
    shape, given = input._data.shape, list(sizes)
    if not given:
        raise RuntimeError("unflatten: sizes must be non-empty")
    known = math.prod(size for size in given if size != -1)
    fits = known == shape[dim] if -1 not in given else bool(known) and shape[dim] % known == 0
    if not fits or given.count(-1) > 1:
        raise RuntimeError(
            f"unflatten: Provided sizes {given} don't multiply up to the size of dim {dim} ({shape[dim]}) in "
            "the input tensor"
        )
    return view(input, (*shape[:dim], *(shape[dim] // known if s == -1 else s for s in given), *shape[dim + 1 :]))


@public("ravel")
def ravel(input: Any) -> Any:
    """All elements in one dimension: a view, or of a copy if they do not lie in order. Mirrors `torch.ravel`."""
    contiguous = input if input._data.flags.c_contiguous else OPS["clone.contiguous"](input)
    return OPS["view"](contiguous, (input._data.size,))


# -- repeated without a copy -----------------------------------------------------------------------------------
def expanded_shape(input: Any, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """`sizes` with each -1 replaced by the tensor's own size. Raises RuntimeError if the tensor cannot take that shape."""
    have = input._data.shape
    extra = len(sizes) - len(have)
    if extra < 0:
        raise refusals.too_few_sizes(input, sizes)
    shape = list(sizes)
    for dim, size in reversed(list(enumerate(sizes))):
        own = have[dim - extra] if dim >= extra else 1
        if size == -1:
            if dim < extra:
                raise refusals.minus_one_in_front(dim)
            shape[dim] = own
        elif own not in (1, size):
            raise refusals.not_expandable(size, own, dim, sizes, have)
    return tuple(shape)


@public("expand", function=False)
def expand(input: Any, *sizes: Any, size: Any = None) -> Any:
    """Repeated along new leading dimensions and those of size 1, without a copy; -1 keeps a size.

    Mirrors `torch.Tensor.expand`. Raises RuntimeError if a size other than 1 would have to change.
    """
    if not sizes and size is None:
        raise errors.missing("expand", "size")
    try:
        wanted = shape_of(sizes if size is None else (size,))
    except TypeError:
        raise bad_size("expand", sizes) from None
    return OPS["expand"](input, expanded_shape(input, wanted))


@public("expand_as", function=False)
def expand_as(input: Any, other: Any) -> Any:
    """`input` expanded to the shape of `other`. Mirrors `torch.Tensor.expand_as`."""
    return OPS["expand"](input, expanded_shape(input, other._data.shape))


@public("broadcast_to")
def broadcast_to(input: Any, size: Any) -> Any:
    """`input` expanded to `size`. Mirrors `torch.broadcast_to`."""
    return expand(input, size)


@public("broadcast_tensors", method=False)
def broadcast_tensors(*tensors: Any) -> Any:
    """All tensors expanded to the one shape that they broadcast to. Mirrors `torch.broadcast_tensors`."""
    shape: tuple[int, ...] = ()
    for one in tensors:
        clash = errors.broadcast(shape, one._data.shape)
        if clash is not None:
            raise clash
        shape = np.broadcast_shapes(shape, one._data.shape)
    return tuple(one if one._data.shape == shape else OPS["expand"](one, shape) for one in tensors)


@public("broadcast_shapes", method=False)
def broadcast_shapes(*shapes: Any) -> Any:
    """The shape that tensors of these shapes broadcast to. Mirrors `torch.broadcast_shapes`."""
    result: tuple[int, ...] = ()
    for place, shape in enumerate(shapes):
        each = (shape,) if isinstance(shape, int) else tuple(index(size) for size in shape)
        if errors.broadcast(result, each) is not None:
            raise refusals.shapes_do_not_broadcast(result, each, place)
        result = np.broadcast_shapes(result, each)
    return Size(result)


@public("sum_to_size", function=False)
def sum_to_size(input: Any, *size: Any) -> Any:
    """`input` summed until it has the shape `size`, from which it could have been expanded.

    Mirrors `torch.Tensor.sum_to_size`.
    """
    if not size:
        raise errors.missing("sum_to_size", "size")
    shape, have = shape_of(size), input._data.shape
    if shape == have:
        return input
    extra = len(have) - len(shape)
    if extra < 0 or any(n not in (1, have[extra + i]) for i, n in enumerate(shape)):
        raise RuntimeError(f"size {{{list(shape)}}} is not expandable to size {{{list(have)}}}.")
    summed = [i for i in range(len(have)) if i < extra or (shape[i - extra] == 1 and have[i] != 1)]
    total = OPS["sum.dim"](input, tuple(summed), True)
    return OPS["view"](total, shape) if extra else total
