"""`quantile`, and `lerp`, the point between two others that it ends with."""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgrad.autograd.variable import TensorBase, wrap
from teachgrad.ops import dims
from teachgrad.ops.table import LIVE, op, public, raw


@raw
def lerp_of(self: Any, end: Any, weight: Any) -> Any:
    """self + weight * (end - self), reckoned from the nearer end so that weight 1 gives `end` exactly."""
    way = end - self
    return np.where(np.abs(weight) < 0.5, self + weight * way, end - way * (1 - weight))[()].astype(self.dtype)


op(
    "lerp.number(self, end; weight)", "LerpBackward0", "lerp_of(self, end, weight)",
    pointwise=True, self="grad * (1 - weight)", end="grad * weight",
    samples=["torch.lerp(x, y, 0.3)", "x.lerp(v, 2)"],
)  # fmt: skip
op(
    "lerp.tensor(self, end, weight)", "LerpBackward1", "lerp_of(self, end, weight)",
    pointwise=True, self="grad * (1 - weight)", end="grad * weight", weight="grad * (end - self)",
    samples=["torch.lerp(x, y, p)", "x.lerp(y, v)", "torch.quantile(i, 0.5)", "torch.quantile(x, 1.5)"],
)  # fmt: skip


@public()
def lerp(input: Any, end: Any, weight: Any) -> Any:
    """input + weight * (end - input): `input` for weight 0, `end` for weight 1. Mirrors `torch.lerp`."""
    return LIVE["lerp_tensor" if isinstance(weight, TensorBase) else "lerp_number"](input, end, weight)


@public()
def quantile(
    input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Any:
    """The number below which a share `q` of the elements lies, along `dim` or among all. Mirrors `torch.quantile`.

    q: a number from 0 to 1, or a 1-d tensor of them, one result for each (the first dimension). Between two elements,
    `interpolation` chooses: "linear", "lower", "higher", "midpoint" or "nearest".
    """
    data = dims.tensor("quantile", input)._data
    if not data.size:
        raise RuntimeError("quantile() input tensor must be non-empty")
    if data.dtype.name not in ("float32", "float64"):
        raise RuntimeError("quantile() input tensor must be either float or double dtype")
    if isinstance(q, TensorBase) and q._data.dtype is not data.dtype:
        raise RuntimeError("quantile() q tensor must be same dtype as the input tensor")
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise RuntimeError(
            f"quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        )
    shares = q._data if isinstance(q, TensorBase) else data.dtype.type(q)
    if not ((shares >= 0) & (shares <= 1)).all():
        between = (
            f"must be in the range [0, 1] but got {q:g}"
            if isinstance(q, int | float)
            else "values must be in the range [0, 1]"
        )
        raise RuntimeError(f"quantile() q {between}")
    if dim is None:
        line, place = input.flatten(), 0
    else:
        place = dims.one("quantile", input, dim)
        line = input.movedim(place, -1) if data.ndim else input.flatten()
    found = _between(line.sort(-1)[0], shares.reshape(-1), interpolation)
    kept = (1,) * data.ndim if dim is None else dims.kept(data.shape, place)
    result = found.movedim(-1, 0)
    shape = kept if keepdim else () if dim is None else tuple(n for d, n in enumerate(data.shape) if d != place)
    return result.reshape((*shares.shape, *shape))


def _between(ordered: Any, shares: Any, interpolation: str) -> Any:
    """The elements of `ordered` (along its last dimension) at these shares of the way; nan if there is one."""
    last = ordered._data.shape[-1] - 1
    ranks = np.broadcast_to(shares * last, (*ordered._data.shape[:-1], shares.size))
    ranks = np.where(np.isnan(ordered._data[..., -1:]), ranks.dtype.type(last), ranks)
    whole: Any = {"lower": np.floor, "higher": np.ceil, "nearest": np.round}.get(interpolation)
    if whole is not None:
        ranks = whole(ranks)
    below = np.floor(ranks)
    low, high = (ordered.gather(-1, wrap(place.astype(np.int64))) for place in (below, np.ceil(ranks)))
    weight = np.full_like(ranks, 0.5) if interpolation == "midpoint" else ranks - below
    return LIVE["lerp_tensor"](low, high, wrap(weight))
