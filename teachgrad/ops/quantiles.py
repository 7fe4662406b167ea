"""`quantile`, and `lerp`, the point between two others that it ends with."""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgrad.autograd.variable import TensorBase, wrap
from teachgrad.gpu import on_gpu, xp
from teachgrad.ops import dims
from teachgrad.ops.shape import reshape
from teachgrad.ops.table import LIVE, op, public, raw


@raw
def lerp_of(self: Any, end: Any, weight: Any) -> Any:
    """self + weight * (end - self), reckoned from the nearer end so that weight 1 gives `end` exactly."""
    way = end - self
    return np.where(np.abs(weight) < 0.5, self + weight * way, end - way * (1 - weight))[()].astype(self.dtype)


op(
    "lerp.number(self, end; weight)", "LerpBackward0", "lerp_of(self, end, weight)",
    pointwise=True, self="grad * conj(1 - weight)", end="grad * conj(weight)",
    samples=["torch.lerp(x, y, 0.3)", "x.lerp(v, 2)"],
)  # fmt: skip
op(
    "lerp.tensor(self, end, weight)", "LerpBackward1", "lerp_of(self, end, weight)",
    pointwise=True, self="grad * conj(1 - weight)", end="grad * conj(weight)", weight="grad * conj(end - self)",
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
    return _quantile("quantile", input, q, dim, keepdim, interpolation)


@public()
def nanquantile(
    input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Any:
    """`quantile` of what is not nan. Mirrors `torch.nanquantile`."""
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation)


def _quantile(name: str, input: Any, q: Any, dim: int | None, keepdim: bool, interpolation: str) -> Any:
    data = dims.tensor(name, input)._data
    if not data.size:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    if data.dtype.name not in ("float32", "float64"):
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    if isinstance(q, TensorBase) and q._data.dtype is not data.dtype:
        raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        )
    shares = q._data if isinstance(q, TensorBase) else xp(data).full((), q, data.dtype)[()]
    if not on_gpu(shares) and not ((shares >= 0) & (shares <= 1)).all():
        between = (
            f"must be in the range [0, 1] but got {q:g}"
            if isinstance(q, int | float)
            else "values must be in the range [0, 1]"
        )
        raise RuntimeError(f"{name}() q {between}")
    if dim is None:
        line, place = input.flatten(), 0
    else:
        place = dims.one(name, input, dim)
        line = input.movedim(place, -1) if data.ndim else input.flatten()
    shares = reshape(q, -1) if isinstance(q, TensorBase) else wrap(shares.reshape(-1))
    found = _between(line.sort(-1)[0], shares, interpolation, name == "nanquantile")
    kept = (1,) * data.ndim if dim is None else dims.kept(data.shape, place)
    result = found.movedim(-1, 0)
    shape = kept if keepdim else () if dim is None else tuple(n for d, n in enumerate(data.shape) if d != place)
    return result.reshape((*(q._data.shape if isinstance(q, TensorBase) else ()), *shape))


def _between(ordered: Any, shares: Any, interpolation: str, skip_nan: bool) -> Any:
    """The elements of `ordered` (along its last dimension) at these shares of the way.

    A nan sorts last: it is the result if there is one, or (`skip_nan`) the way ends before it.
    """
    nans, last = np.isnan(ordered._data), ordered._data.shape[-1] - 1
    if skip_nan:
        ranks = shares * wrap(np.maximum(last - nans.sum(-1, keepdims=True), 0).astype(ordered._data.dtype))
    else:
        ranks = (shares * last).expand((*ordered._data.shape[:-1], shares._data.size))
        if on_gpu(nans) or nans.any():
            ranks = LIVE["where"](wrap(nans[..., -1:]), float(last), ranks)
    whole = {"lower": "floor", "higher": "ceil", "nearest": "round"}.get(interpolation)
    if whole is not None:
        ranks = LIVE[whole](ranks)
    places = xp(ranks._data).asarray(ranks._data)
    low, high = (ordered.gather(-1, wrap(place.astype(np.int64))) for place in (np.floor(places), np.ceil(places)))
    if interpolation == "midpoint":
        return LIVE["lerp_tensor"](low, high, wrap(np.full_like(places, 0.5)))
    return LIVE["lerp_tensor"](low, high, ranks - wrap(np.floor(places)))
