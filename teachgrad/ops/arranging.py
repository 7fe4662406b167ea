"""Elements moved, repeated or picked by their place: `flip`, `roll`, `repeat`, `diagonal`, `tril`, ...

Each of these is a linear map that only moves numbers, so its gradient is moved back: flipped again, rolled the other way;
what was repeated is summed, what was left out gets zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgrad import errors
from teachgrad.autograd.variable import TensorBase, wrap
from teachgrad.gpu import on_gpu, xp
from teachgrad.ops import dims, overwriting, picking  # noqa: F401 - index_select is called below
from teachgrad.ops.shape import flatten, reshape
from teachgrad.ops.table import OPS, composite, op, public, raw
from teachgrad.sizes import whole_numbers


# -- what the forward expressions compute ----------------------------------------------------------------------
@raw
def flipped(self: Any, axes: tuple[int, ...]) -> Any:
    """The elements in reverse order along the dimensions `axes`."""
    return np.flip(self, axes).copy("K")


@raw
def rolled(self: Any, shifts: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    """The elements moved by `shifts` along `axes`; those that leave at one end come in at the other."""
    return np.roll(self, shifts, axes) if axes else np.roll(self, shifts[0])


@raw
def repeated(self: Any, repeats: tuple[int, ...]) -> Any:
    """Copies of the whole, `repeats` times along each dimension."""
    return np.tile(self, repeats)


@raw
def diagonal_of(self: Any, offset: int, dim1: int, dim2: int) -> Any:
    """A view of the elements (n, n + offset) of the dimensions `dim1` and `dim2`, as the last dimension."""
    seen = np.diagonal(self, offset, dim1, dim2)
    if not on_gpu(self) and self.flags.writeable:
        seen.flags.writeable = True  # NumPy makes it read-only as a caution
    return seen


@raw
def diagonal_backward(grad: Any, shape: tuple[int, ...], offset: int, dim1: int, dim2: int) -> Any:
    """Zeros of `shape` with `grad` on a diagonal."""
    whole = xp(grad).zeros(shape, grad.dtype)
    diagonal_of(whole, offset, dim1, dim2)[...] = grad
    return whole


@raw
def embedded(self: Any, offset: int, dim1: int, dim2: int) -> Any:
    """Zeros with one more dimension, and the last dimension of `self` on the diagonal of `dim1` and `dim2`."""
    size = self.shape[-1] + abs(offset)
    shape = list(self.shape[:-1])
    for dim in sorted((dim1, dim2)):
        shape.insert(dim, size)
    return diagonal_backward(self, tuple(shape), offset, dim1, dim2)


@raw
def rot90_of(self: Any, k: int, axes: tuple[int, int]) -> Any:
    """Turned by k quarters in the plane of two dimensions."""
    return np.rot90(self, k, axes).copy("K")


@raw
def lower(self: Any, diagonal: int) -> Any:
    """Zeros above a diagonal."""
    return np.tril(self, diagonal)


@raw
def upper(self: Any, diagonal: int) -> Any:
    """Zeros below a diagonal."""
    return np.triu(self, diagonal)


# -- the entries -----------------------------------------------------------------------------------------------
op(
    "flip(self; axes)", "FlipBackward0", "flipped(self, axes)", self="flip(grad, axes)",
    samples=[
        "x.flip(0)", "torch.flip(b, (0, 2))", "x.flip([1])", "x.fliplr()", "torch.flipud(x)", "x.flip(0, 1)",
        "x.flip(3)", "x.flip((0, 0))", "v.fliplr()", "torch.fliplr(m)", "x.flipud()", "s.flip(())", "reversed(v)",
    ],
)  # fmt: skip
op(
    "roll(self; shifts, axes)", "RollBackward0", "rolled(self, shifts, axes)", self="roll(grad, opposite(shifts), axes)",
    samples=[
        "x.roll(1)", "torch.roll(x, -1, 1)", "b.roll((1, 2), (0, -1))", "x.roll(1, 5)", "x.roll((1, 1), 0)",
        "x.roll((), 0)",
    ],
)  # fmt: skip
op(
    "rot90(self; k, axes)", "Rot90Backward0", "rot90_of(self, k, axes)", self="rot90(grad, -k, axes)",
    samples=[
        "x.rot90()", "torch.rot90(b, 2, (1, 2))", "m.rot90(-1)", "x.rot90(4)", "v.rot90()", "x.rot90(1, (0, 0))",
        "x.rot90(1, (0, 5))",
    ],
)  # fmt: skip
op(
    "repeat(self; repeats)", "RepeatBackward0", "repeated(self, repeats)", self="sum_of_copies(grad, repeats, self_shape)",
    samples=[
        "v.repeat(2)", "v.repeat(2, 3)", "x.repeat((2, 1))", "b.repeat(1, 2, 3)", "s.repeat(3)", "v.tile(2)",
        "torch.tile(x, (2,))", "v.tile((2, 2))", "x.repeat(2)", "x.repeat(-1, 1)", "x.repeat(0, 1)",
    ],
)  # fmt: skip
op(
    "diagonal(self; offset, dim1, dim2)", "DiagonalBackward0", "diagonal_of(self, offset, dim1, dim2)", view=True,
    self="diagonal_backward(grad, self_shape, offset, dim1, dim2)",
    samples=[
        "x.diagonal()", "torch.diagonal(b, 1, 0, 2)", "m.diagonal(-1)", "b.diagonal(dim1=-2, dim2=-1)",
        "v.diagonal()", "x.diagonal(0, 0, 0)", "(m * 1).fill_diagonal_(5)",
    ],
)  # fmt: skip
op(
    "diagonal_backward(self; shape, offset, dim1, dim2)", "DiagonalBackwardBackward0",
    "diagonal_backward(self, shape, offset, dim1, dim2)", self="diagonal(grad, offset, dim1, dim2)",
    samples=["m.diagonal() ** 2"],
)  # fmt: skip
op(
    "diagonal_copy(self; offset, dim1, dim2)", "DiagonalBackward0_copy", "diagonal_of(self, offset, dim1, dim2).copy()",
    self="diagonal_backward(grad, self_shape, offset, dim1, dim2)",
    samples=["x.diag()", "torch.diag(m, 1)", "b.diag()", "s.diag()"],
)  # fmt: skip
op(
    "diag_embed(self; offset, dim1, dim2)", "DiagEmbedBackward0", "embedded(self, offset, dim1, dim2)",
    self="diagonal(grad, offset, dim1, dim2)",
    samples=[
        "v.diag()", "v.diag(-1)", "torch.diag_embed(x)", "torch.diag_embed(x, 1, 0, 2)", "torch.diagflat(x)",
        "s.diagflat(1)",
    ],
)  # fmt: skip
op(
    "tril(self; diagonal)", "TrilBackward0", "lower(self, diagonal)", self="tril(grad, diagonal)",
    samples=["x.tril()", "torch.tril(b, -1)", "m.tril(1)", "(m * 1).tril_()", "v.tril()"],
)  # fmt: skip
op(
    "triu(self; diagonal)", "TriuBackward0", "upper(self, diagonal)", self="triu(grad, diagonal)",
    samples=["x.triu()", "torch.triu(b, -1)", "m.triu(1)", "(m * 1).triu_(1)", "torch.triu(v)"],
)  # fmt: skip


@composite
def opposite(_: Any, shifts: tuple[int, ...]) -> tuple[int, ...]:
    """The shifts that undo `shifts`."""
    return tuple(-shift for shift in shifts)


@composite
def sum_of_copies(F: Any, grad: Any, repeats: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """The sum over all copies that `repeat` made: each dimension is split into (copies, size), and the copies are summed."""
    own = (1,) * (len(repeats) - len(shape)) + shape
    if 0 in repeats:
        return F.new_zeros(grad, shape)
    split = tuple(size for pair in zip(repeats, own, strict=True) for size in pair)
    copies = tuple(range(0, len(split), 2))
    return F.reshape(F.sum_dim(F.reshape(grad, split), copies, False), shape)


# -- reversed, rolled, turned ----------------------------------------------------------------------------------
@public("flip")
def flip(input: Any, *axes: Any, **named: Any) -> Any:
    """The elements in reverse order along the given dimensions. Mirrors `torch.flip`."""
    chosen = whole_numbers("flip", "dims", (named["dims"],) if "dims" in named else axes)
    return OPS["flip"](input, (dims.many("flip", input, chosen) or ()) if chosen else ())


@public("fliplr")
def fliplr(input: Any) -> Any:
    """The columns in reverse order. Mirrors `torch.fliplr`."""
    if input._data.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return OPS["flip"](input, (1,))


@public("flipud")
def flipud(input: Any) -> Any:
    """The rows in reverse order. Mirrors `torch.flipud`."""
    if input._data.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return OPS["flip"](input, (0,))


@public("roll")
def roll(input: Any, shifts: Any, dims: Any = ()) -> Any:
    """The elements moved along the given dimensions, going round; without dimensions, as if flat. Mirrors `torch.roll`."""
    return _rolled(
        input, (shifts,) if isinstance(shifts, int) else tuple(shifts), (dims,) if isinstance(dims, int) else dims
    )


def _rolled(input: Any, shifts: tuple[int, ...], axes: Any) -> Any:
    if not shifts:
        raise RuntimeError("`shifts` required")
    if (axes and len(shifts) != len(axes)) or (not axes and len(shifts) != 1):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(axes)}")
    return OPS["roll"](input, shifts, tuple(dims.one("roll", input, axis) for axis in axes))


@public("rot90")
def rot90(input: Any, k: int = 1, dims: Any = (0, 1)) -> Any:
    """Turned by k quarters, from the first of two dimensions towards the second. Mirrors `torch.rot90`."""
    return _turned(input, k, tuple(dims))


def _turned(input: Any, k: int, axes: tuple[int, ...]) -> Any:
    ndim = dims.tensor("rot90", input)._data.ndim
    if len(axes) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(axes)}")
    if ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {ndim}")
    if axes[0] == axes[1] or abs(axes[0] - axes[1]) == ndim:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {axes[0]} and dim1 = {axes[1]}")
    return OPS["rot90"](input, k, tuple(dims.one("rot90", input, axis) for axis in axes))


# -- repeated --------------------------------------------------------------------------------------------------
@public("repeat", function=False)
def repeat(input: Any, *repeats: Any) -> Any:
    """Copies of the whole side by side, so many along each dimension. Mirrors `torch.Tensor.repeat`."""
    counts = whole_numbers("repeat", "repeats", repeats)
    shape = input._data.shape
    extra = len(counts) - len(shape)
    if extra < 0:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    sizes = [count * size for count, size in zip(counts, (1,) * extra + shape, strict=True)]
    if min(sizes, default=0) < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(sizes)}: {sizes}")
    return OPS["repeat"](input, counts)


@public("tile")
def tile(input: Any, *dims: Any) -> Any:
    """`repeat`, where missing leading counts are 1. Mirrors `torch.tile`."""
    counts = whole_numbers("tile", "dims", dims)
    return OPS["repeat"](input, (1,) * (input._data.ndim - len(counts)) + counts)


@public("repeat_interleave")
def repeat_interleave(input: Any, repeats: Any, dim: int | None = None, *, output_size: int | None = None) -> Any:
    """Each element repeated on the spot, all so often or each as its entry in `repeats` says.

    Mirrors `torch.repeat_interleave`.
    """
    if dim is None:
        input, dim = flatten(input), 0
    dim = dims.one("repeat_interleave", input, dim)
    shape = input._data.shape
    counts = repeats._data if isinstance(repeats, TensorBase) else np.asarray(repeats)
    if not on_gpu(counts) and (counts < 0).any():
        raise RuntimeError("Repeats must be non-negative")
    if not isinstance(repeats, TensorBase):
        wide = OPS["expand"](OPS["unsqueeze"](input, dim + 1), (*shape[: dim + 1], repeats, *shape[dim + 1 :]))
        merged = (*shape[:dim], shape[dim] * repeats, *shape[dim + 1 :])
        return OPS["view"](OPS["clone.contiguous"](wide), merged)
    if counts.ndim and counts.size not in (1, shape[dim]):
        raise RuntimeError(
            f"repeats must have the same size as input along dim, but got repeats.size(0) = {counts.size} and "
            f"input.size({dim}) = "
            f"{shape[dim]}"
        )
    ends = np.cumsum(np.broadcast_to(counts, (shape[dim],)))
    places = np.searchsorted(ends, xp(ends).arange(int(ends[-1]) if ends.size else 0), "right")
    return OPS["index_select"](input, wrap(places), dim)


# -- diagonals and triangles -----------------------------------------------------------------------------------
@public("diagonal")
def diagonal(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """A view of a diagonal of two dimensions, as the last dimension of the result. Mirrors `torch.diagonal`."""
    first, second = dims.one("diagonal", input, dim1), dims.one("diagonal", input, dim2)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return OPS["diagonal"](input, offset, first, second)


@public("diag")
def diag(input: Any, diagonal: int = 0) -> Any:
    """The diagonal of a matrix, copied; of a vector, the matrix that has it as its diagonal. Mirrors `torch.diag`."""
    ndim = dims.tensor("diag", input)._data.ndim
    if ndim not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {ndim}D")
    return OPS["diag_embed" if ndim == 1 else "diagonal_copy"](input, diagonal, 0, 1)


@public("diag_embed")
def diag_embed(input: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """Matrices that have the last dimension of `input` as their diagonal. Mirrors `torch.diag_embed`."""
    ndim = dims.tensor("diag_embed", input)._data.ndim + 1
    for dim in (dim1, dim2):
        if not -ndim <= dim < ndim:
            raise errors.dim_out_of_range(dim, ndim)
    if dim1 % ndim == dim2 % ndim:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return OPS["diag_embed"](input, offset, dim1 % ndim, dim2 % ndim)


@public("diagflat")
def diagflat(input: Any, offset: int = 0) -> Any:
    """The matrix with all elements of `input` on its diagonal. Mirrors `torch.diagflat`."""
    return OPS["diag_embed"](reshape(input, -1), offset, 0, 1)


def _matrix(function: str, input: Any) -> Any:
    if dims.tensor(function, input)._data.ndim < 2:
        raise RuntimeError(f"{function}: input tensor must have at least 2 dimensions")
    return input


@public("tril")
def tril(input: Any, diagonal: int = 0) -> Any:
    """The lower triangle of each matrix; zeros above it. Mirrors `torch.tril`."""
    return OPS["tril"](_matrix("tril", input), diagonal)


@public("triu")
def triu(input: Any, diagonal: int = 0) -> Any:
    """The upper triangle of each matrix; zeros below it. Mirrors `torch.triu`."""
    return OPS["triu"](_matrix("triu", input), diagonal)


@public("tril_", function=False)
def tril_(input: Any, diagonal: int = 0) -> Any:
    """Zeros written above the lower triangle. Mirrors `torch.Tensor.tril_`."""
    return overwriting.overwrite(_matrix("tril", input), "tril", diagonal)


@public("triu_", function=False)
def triu_(input: Any, diagonal: int = 0) -> Any:
    """Zeros written below the upper triangle. Mirrors `torch.Tensor.triu_`."""
    return overwriting.overwrite(_matrix("triu", input), "triu", diagonal)


@public("fill_diagonal_", function=False)
def fill_diagonal_(input: Any, fill_value: Any) -> Any:
    """Writes a number on the diagonal of a matrix. Mirrors `torch.Tensor.fill_diagonal_`."""
    if input._data.ndim != 2:
        raise RuntimeError(
            "dimensions must larger than 1"
            if input._data.ndim < 2
            else "all dimensions of input must be of equal length"
        )
    overwriting.fill_(OPS["diagonal"](input, 0, 0, 1), fill_value)
    return input
