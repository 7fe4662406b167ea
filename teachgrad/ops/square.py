"""Square matrices: trace and determinant; and the cross product of vectors.

d det(A) = det(A) tr(A^-1 dA)        grad_A = grad * det(A) * A^-T
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from teachgrad import return_types
from teachgrad.ops import dims
from teachgrad.ops.complexes import is_complex
from teachgrad.ops.matrices import check_numbers, check_square, eye_like
from teachgrad.ops.table import FUNCTIONS, LIVE, METHODS, OPS, RAW, composite, op, public, raw


# -- what the forward expressions compute ----------------------------------------------------------------------
@raw
def trace_of(self: Any) -> Any:
    """The sum of the diagonal."""
    if self.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {self.ndim}")
    return self.trace(dtype=np.int64 if self.dtype.kind in "biu" else self.dtype)


@raw
def det_of(self: Any) -> Any:
    """The determinant of a matrix, or of each of a batch."""
    check_square("linalg.det", self)
    check_numbers("linalg.det", self)
    return np.linalg.det(self)


@raw
def slogdet_of(self: Any, function: str = "linalg.slogdet") -> Any:
    """The sign of the determinant and the logarithm of its size."""
    check_square(function, self)
    check_numbers(function, self)
    return tuple(np.linalg.slogdet(self))


@raw
def cross_of(self: Any, other: Any, dim: int) -> Any:
    """The vector at right angles to both, as long as the area between them."""
    if self.ndim != other.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    n, m = self.shape[dim], other.shape[dim]
    if n != 3 or m != 3:
        raise RuntimeError(f"linalg.cross: inputs dimension {dim} must have length 3. Got {n} and {m}")
    return np.cross(self, other, axis=dim)


RAW["cross"] = cross_of


# -- the entries -----------------------------------------------------------------------------------------------
op(
    "trace(self)", "TraceBackward0", "trace_of(self)",
    self="expand_back(grad, self_shape) * eye_like(self_shape, grad)",
    samples=["torch.trace(m)", "x.trace()", "v.trace()"],
)  # fmt: skip
op(
    "linalg.det(self)", "LinalgDetBackward0", "det_of(self)",
    self="det_slope(grad, self, result)",
    shown={"self": "grad * conj(result) * conj(inverse(self)).mT"},
    samples=[
        "torch.det(m)", "m.det()", "torch.linalg.det(m)", "torch.det(x)", "torch.det(v)",
    ],
)  # fmt: skip
op(
    "linalg.slogdet.parts(self; function='linalg.slogdet') -> sign, logabsdet", "LinalgSlogdetBackward0",
    "slogdet_of(self, function)",
    self="slogdet_slope(grads, self, sign)",
    shown={"self": "grads[1] * conj(inverse(self)).mT"},
    samples=["torch.linalg.slogdet(m)[1]", "torch.slogdet(m)[1]", "torch.linalg.slogdet(m)[0]", "torch.logdet(m @ m.mT)"],
)  # fmt: skip
op(
    "linalg.cross.dim(self, other; dim)", "LinalgCrossBackward0", "cross_of(self, other, dim)",
    self="folded(cross(conj(other), grad, dim), self_shape)", other="folded(cross(grad, conj(self), dim), other_shape)",
    samples=[
        "torch.cross(v, u, dim=0)", "torch.cross(x, y, dim=1)", "torch.linalg.cross(m, m.t())",
        "torch.linalg.cross(m, v)",
    ],
)  # fmt: skip


# -- rules that take more than one expression ------------------------------------------------------------------
@composite
def det_slope(F: Any, grad: Any, self: Any, result: Any) -> Any:
    """det(A) A^-T; for a singular matrix 0, which is PyTorch's answer but not the derivative."""
    safe = F.where((result == 0)[..., None, None], eye_like(self.shape[-2:], self), self)
    return (grad * F.conj(result))[..., None, None] * F.adjoint_of(F.inverse(safe))


@composite
def slogdet_slope(F: Any, grads: Any, self: Any, sign: Any) -> Any:
    """grad A^-H for log|det A|; the sign only turns, where it is a complex number."""
    turned, grown = grads
    if turned is not None and is_complex(sign):
        turned = (F.conj(turned) * sign).imag * -1j
        grown = turned if grown is None else grown + turned
    if grown is None:
        return None
    return F.cast_like(grown, sign)[..., None, None] * F.adjoint_of(F.inverse(self))


# -- the faces -------------------------------------------------------------------------------------------------
FUNCTIONS["trace"] = METHODS["trace"] = OPS["trace"]
FUNCTIONS["det"] = METHODS["det"] = OPS["linalg.det"]


@public()
def slogdet(input: Any) -> Any:
    """The sign of the determinant and the logarithm of its size. Mirrors `torch.slogdet`."""
    return return_types.slogdet(*LIVE["linalg_slogdet_parts"](input))


@public()
def logdet(input: Any) -> Any:
    """The logarithm of the determinant; nan if that is negative. Mirrors `torch.logdet`."""
    sign, size = LIVE["linalg_slogdet_parts"](input, "logdet")
    if is_complex(sign):
        return sign.log() + size
    return LIVE["where"](sign == -1, float("nan"), size)


@public()
def cross(input: Any, other: Any, dim: int | None = None) -> Any:
    """The cross product of vectors of three, along `dim` (by default the first of size 3). Mirrors `torch.cross`."""
    if dim is None:
        sizes = dims.tensor("cross", input)._data.shape
        if 3 not in sizes:
            raise RuntimeError("no dimension of size 3 in input")
        dim = sizes.index(3)
        if len(sizes) > 1:
            warnings.warn(
                "Using torch.cross without specifying the dim arg is deprecated.\nPlease either pass the dim explicitly or "
                "simply use torch.linalg.cross.\nThe default value of dim will change to agree with that of "
                "torch.linalg.cross in a future release.",
                stacklevel=2,
            )
    return LIVE["linalg_cross_dim"](input, other, dim)
