"""Padding: with a number, or with what is there, by reflection or by repeating the edge.

    a b c    reflected by 2   c b [a b c] b a        replicated by 2   a a [a b c] c c

Backwards every element collects the gradients of all places where it came to stand.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgrad.gpu import add_at, xp
from teachgrad.ops.dims import in_rules
from teachgrad.ops.table import op, raw

Pad = tuple[tuple[int, int], ...]  # (before, after) for each dimension; negative numbers cut off


@raw
def padded(self: Any, pad: Pad, value: float) -> Any:
    """`value` around the elements: (before, after) for each dimension, negative to cut off."""
    self = self[tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(self.shape, pad, strict=True))]
    return np.pad(self, [(max(a, 0), max(b, 0)) for a, b in pad], constant_values=value)


@in_rules
def unpadding(pad: Pad) -> Pad:
    """The padding that undoes `pad`."""
    return tuple((-a, -b) for a, b in pad)


def _places(array: Any, size: int, ends: tuple[int, int], mode: str) -> Any:
    """Which element each place of a padded dimension shows, where `array` is."""
    before, after = ends
    kept = xp(array).arange(max(-before, 0), size - max(-after, 0))
    return np.pad(kept, (max(before, 0), max(after, 0)), mode=mode)  # type: ignore[call-overload]


@raw
def around(self: Any, pad: Pad, mode: str) -> Any:
    """The array with its own elements around it."""
    for dim, ends in enumerate(pad):
        if ends != (0, 0):
            self = self.take(_places(self, self.shape[dim], ends, mode), dim)
    return self


@raw
def around_back(self: Any, pad: Pad, mode: str, shape: tuple[int, ...]) -> Any:
    """The transpose of `around`: each element's sum over its places."""
    for dim, ends in enumerate(pad):
        if ends != (0, 0):
            total = xp(self).zeros((*self.shape[:dim], shape[dim], *self.shape[dim + 1 :]), self.dtype)
            where = (slice(None),) * dim
            add_at(total, (*where, _places(self, shape[dim], ends, mode)), self)
            self = total
    return self


op(
    "constant_pad_nd(self; pad, value)", "ConstantPadNdBackward0", "padded(self, pad, value)",
    self="constant_pad_nd(grad, unpadding(pad), 0)",
    samples=[
        "F.pad(x, (1, 2))", "F.pad(x, (1, 0, 0, 2), value=5.0)", "F.pad(x, (-1, 1))",
        "F.pad(v, (1, 1, 1, 1))", "F.pad(x, (1,))",
    ],
)  # fmt: skip

for _kind, _mode in (("reflection", "reflect"), ("replication", "edge")):
    for _n, _x in ((1, "b"), (2, "b[None]"), (3, "b[None, None]")):
        _node = f"{_kind.capitalize()}Pad{_n}D"
        _name = _mode.replace("edge", "replicate")
        op(
            f"{_kind}_pad{_n}d(self; pad)", f"{_node}Backward0", f"around(self, pad, '{_mode}')",
            self=f"{_kind}_pad{_n}d_backward(grad, pad, self.shape)",
            samples=[f"F.pad({_x}, {(1, 2, 0, 1, 0, 0)[: 2 * _n]}, mode='{_name}')"],
        )  # fmt: skip
        op(
            f"{_kind}_pad{_n}d_backward(self; pad, shape)", f"{_node}BackwardBackward0",
            f"around_back(self, pad, '{_mode}', shape)", self=f"{_kind}_pad{_n}d(grad, pad)",
        )  # fmt: skip
