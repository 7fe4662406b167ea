"""Ops on a tensor as a whole: copies, casts, and reading or writing some of its memory."""

from __future__ import annotations

from typing import Any

from teachgrad import devices, gpu
from teachgrad.bfloats import cast
from teachgrad.conjugates import meet
from teachgrad.ops.table import op, raw


@raw
def copy_of(self: Any) -> Any:
    """A copy in the same memory order; NumPy scalars need none, they never change."""
    return self.copy("C" if 0 in self.strides else "K")  # an expanded tensor has no order of its own


@raw
def cast_to(self: Any, dtype: Any) -> Any:
    """`self` with another NumPy dtype; a complex number loses its imaginary part on the way to a real one."""
    meet(dtype)
    if self.dtype.kind == "c" and dtype.kind not in "cb":
        self = self.real
    return cast(self.copy() if 0 in self.strides else self, dtype)


@raw
def moved_to(self: Any, dtype: Any, place: Any) -> Any:
    """`self` in the memory of another device, with the NumPy dtype `dtype`; the one copy that crosses."""
    return devices.put(cast_to(self, dtype) if self.dtype is not dtype else self, place)


@raw
def spread(self: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with the elements of `self` added at the flat positions `index`."""
    flat = gpu.xp(self).zeros(shape, self.dtype).reshape(-1)
    gpu.add_at(flat, index, self)
    return flat.reshape(shape)


@raw
def overwritten(self: Any, piece: Any, index: Any) -> Any:
    """A copy of `self` with `piece` at the flat positions `index`."""
    flat = gpu.xp(self).array(self).reshape(-1)
    flat[index] = piece
    return flat.reshape(self.shape)


@raw
def cleared(self: Any, index: Any) -> Any:
    """A copy of `self` with zeros at the flat positions `index`."""
    return overwritten(self, 0, index)


op("clone(self)", "CloneBackward0", "copy_of(self)", self="grad", samples=["x.clone()", "m.t().clone()"])
op(
    "to_copy(self; dtype)",
    "ToCopyBackward0",
    "cast_to(self, dtype)",
    self="to_copy(grad, self_dtype)",
    samples=["x.double()", "x.to(torch.float16)"],
)
op("to_copy.whole(self; dtype)", None, "cast_to(self, dtype)", samples=["x.int()", "x.bool()"])
# To another device, and in backward home again.
op(
    "to_copy.device(self; dtype, place, home)",
    "ToCopyBackward0",
    "moved_to(self, dtype, place)",
    self="to_copy_device(grad, self_dtype, home, place)",
)
op("to_copy.whole_device(self; dtype, place, home)", None, "moved_to(self, dtype, place)")
# What in-place changes of views leave behind (autograd/views.py): a view read off its changed base, and its inverse.
op(
    "read_flat(self; index)",
    "AsStridedBackward0",
    "self.reshape(-1)[index]",
    self="spread_flat(grad, index, self_shape)",
)
op(
    "spread_flat(self; index, shape)",
    "AsStridedBackward0",
    "spread(self, index, shape)",
    self="read_flat(grad, index)",
)
op(
    "write_flat(self, piece; index)", "AsStridedScatterBackward0", "overwritten(self, piece, index)",
    self="clear_flat(grad, index)", piece="read_flat(grad, index)",
)  # fmt: skip
op(
    "clear_flat(self; index)",
    "AsStridedScatterBackward0",
    "cleared(self, index)",
    self="clear_flat(grad, index)",
)
