"""Views with steps of their own: the windows of `unfold`, `as_strided`, and the grids of `meshgrid`.

v                   1 2 3 4
v.unfold(0, 2, 1)   [[1, 2], [2, 3], [3, 4]]     each inner element is shown twice; its two gradients add up
"""

from __future__ import annotations

import warnings
from operator import index
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from teachgrad.autograd import views
from teachgrad.gpu import on_gpu, xp
from teachgrad.ops import dims, refusals
from teachgrad.ops.pieces import stack
from teachgrad.ops.shape import flatten
from teachgrad.ops.table import OPS, op, public, raw


# -- what the forward expressions compute ------------------------------------------------------------------------------
@raw
def windows(self: Any, dim: int, size: int, step: int) -> Any:
    """A view of all windows of `size` along `dim`, `step` apart; the places within a window are the last dimension."""
    if not self.ndim:
        return self.reshape(1)[:size]
    writable: Any = {} if on_gpu(self) else {"writeable": self.flags.writeable}  # a GPU's arrays always are
    seen = sliding_window_view(self, size, dim, **writable)
    return seen[(slice(None),) * dim + (slice(None, None, step),)]


@raw
def unfold_backward(grad: Any, shape: tuple[int, ...], dim: int, size: int, step: int) -> Any:
    """Each element gets the sum of its gradients from all windows that show it."""
    whole = xp(grad).zeros(shape, grad.dtype)
    if not shape:
        return whole + grad.sum()
    count = grad.shape[dim]
    for place in range(size):
        whole[(slice(None),) * dim + (slice(place, place + (count - 1) * step + 1, step),)] += grad[..., place]
    return whole


@raw
def at_steps(self: Any, size: tuple[int, ...], stride: tuple[int, ...], offset: int) -> Any:
    """A view of the memory at the given steps, counted in elements, from `offset` elements after the first one of `self`."""
    strided_view = xp(self).lib.stride_tricks.as_strided
    if offset < 0:  # the places lie before the first one that `self` shows: count from the beginning of the memory
        whole = self
        while whole.base is not None:
            whole = whole.base if isinstance(whole.base, np.ndarray) else whole.base.base
        offset += (self.ctypes.data - whole.ctypes.data) // self.itemsize
        self = whole
    flat = strided_view(self, (offset + 1,), (self.itemsize,))[offset:]
    return strided_view(flat, size, tuple(step * self.itemsize for step in stride))


# -- the entries -------------------------------------------------------------------------------------------------------
op(
    "unfold(self; dim, size, step)", "UnfoldBackward0", "windows(self, dim, size, step)", view=True,
    self="unfold_backward(grad, self_shape, dim, size, step)",
    samples=[
        "v.unfold(0, 2, 1)", "k.unfold(1, 3, 2)", "b.unfold(-1, 2, 2)", "v.unfold(0, 5, 1)", "v.unfold(0, 2, 0)",
    ],
)  # fmt: skip
op(
    "unfold_backward(self; shape, dim, size, step)", "UnfoldBackwardBackward0",
    "unfold_backward(self, shape, dim, size, step)",
    self="unfold(grad, dim, size, step)", samples=["v.unfold(0, 2, 1) * v.unfold(0, 2, 1)"],
)  # fmt: skip
op(
    "as_strided(self; size, stride, offset, places)", "AsStridedBackward0", "at_steps(self, size, stride, offset)",
    view=True,
    self="spread_flat(grad, places, self_shape)",
    samples=[
        "x.as_strided((2, 2), (1, 1))", "torch.as_strided(x, (3,), (2,), 1)", "v.as_strided((3, 3), (0, 1))",
        "x.as_strided((2,), (1, 1))", "x.as_strided((5, 5), (1, 1))", "x.as_strided((2,), (-1,))",
    ],
)  # fmt: skip


@public("as_strided_scatter")
def as_strided_scatter(input: Any, src: Any, size: Any, stride: Any, storage_offset: int | None = None) -> Any:
    """A copy of `input` with `src` in the places that `as_strided` would show. Mirrors `torch.as_strided_scatter`."""
    size, stride = tuple(map(index, size)), tuple(map(index, stride))
    return OPS["write_flat"](input, src, places_of(size, stride) + (storage_offset or 0))


def places_of(size: tuple[int, ...], stride: tuple[int, ...]) -> Any:
    """The flat positions that `as_strided` shows, in the shape `size`."""
    steps = np.indices(size).reshape(len(size), -1).T @ np.array(stride, np.int64) if size else np.zeros(1, np.int64)
    return steps.reshape(size)


# -- windows and grids -----------------------------------------------------------------------------------------
@public("unfold", function=False)
def unfold(input: Any, dimension: int, size: int, step: int) -> Any:
    """A view of all windows of `size` along a dimension, `step` apart. Mirrors `torch.Tensor.unfold`."""
    dim = dims.one("unfold", input, dimension)
    length = input._data.shape[dim] if input._data.ndim else 1
    if size > length:
        raise RuntimeError(f"maximum size for tensor at dimension {dim} is {length} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    return OPS["unfold"](input, dim, size, step)


@public("as_strided")
def as_strided(input: Any, size: Any, stride: Any, storage_offset: int | None = None) -> Any:
    """A view of the memory at steps of your own, counted in elements. Mirrors `torch.as_strided`."""
    size, stride = tuple(map(index, size)), tuple(map(index, stride))
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")
    if min(stride, default=0) < 0:
        raise RuntimeError(f"as_strided: Negative strides are not supported at the moment, got strides: {list(stride)}")
    own = input.storage_offset()
    offset = own if storage_offset is None else storage_offset
    data = views.own_array(input)
    owner = data if input._view is None else views.own_array(input._view.owner)
    needed = 1 + offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 not in size and needed > owner.size:
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize {data.itemsize} "
            f"requiring a storage size of {needed * data.itemsize} are out of bounds for storage of size {owner.nbytes}"
        )
    places = xp(data).full(size, offset - own)
    for place, step in zip(dims.axes(places), stride, strict=True):
        places += place * step
    return OPS["as_strided"](input, size, stride, offset - own, places)


@public("meshgrid", method=False)
def meshgrid(*tensors: Any, indexing: str | None = None) -> Any:
    """Grids of coordinates from vectors: the n-th varies along dimension n ("ij") or, the first two exchanged, ("xy").

    Mirrors `torch.meshgrid`.
    """
    given = list(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], tuple | list) else list(tensors)
    if indexing is None:
        warnings.warn(refusals.MESHGRID, UserWarning, stacklevel=2)
        indexing = "ij"
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    for one in given:
        if one._data.ndim > 1:
            raise RuntimeError(f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {one}")
    swap = indexing == "xy" and len(given) > 1
    if swap:
        given[:2] = given[1::-1]
    shape = tuple(one._data.size for one in given)
    grids = []
    for place, one in enumerate(given):
        column = OPS["view"](one, (1,) * place + (one._data.size,) + (1,) * (len(given) - place - 1))
        grids.append(OPS["expand"](column, shape))
    if swap:
        grids[:2] = grids[1::-1]
    return tuple(grids)


@public("cartesian_prod", method=False)
def cartesian_prod(*tensors: Any) -> Any:
    """All combinations of one element of each vector, as rows. Mirrors `torch.cartesian_prod`."""
    if len(tensors) == 1:
        return tensors[0]
    return stack([flatten(grid) for grid in meshgrid(*tensors, indexing="ij")], 1)
