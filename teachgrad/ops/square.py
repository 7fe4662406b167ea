"""Square matrices: trace, determinant, inverse, linear systems; and the cross product of vectors.

d det(A) = det(A) tr(A^-1 dA)        grad_A = grad * det(A) * A^-T
d A^-1   = -A^-1 dA A^-1             grad_A = -A^-T grad A^-T
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from teachgrad import dtypes, errors
from teachgrad.autograd.variable import wrap
from teachgrad.ops import dims
from teachgrad.ops.linalg import matmul
from teachgrad.ops.table import FUNCTIONS, LIVE, METHODS, OPS, RAW, composite, op, public, raw


class _LinAlgError(RuntimeError):
    """A matrix that has no inverse. Mirrors `torch.linalg.LinAlgError`, which prints itself by this name."""


LinAlgError = _LinAlgError


# -- what the forward expressions compute ----------------------------------------------------------------------
def _check_square(function: str, matrix: Any) -> None:
    if matrix.dtype.kind not in "fc":
        name = dtypes.of(matrix.dtype).scalar_name
        raise RuntimeError(f"{function}: Expected a floating point or complex tensor as input. Got {name}")
    if matrix.dtype.itemsize == 2:
        raise RuntimeError(f"{function}: Low precision dtypes not supported. Got Half")
    if matrix.ndim < 2:
        raise RuntimeError(f"{function}: The input tensor A must have at least 2 dimensions.")
    rows, columns = matrix.shape[-2:]
    if rows != columns:
        raise errors.explained(
            RuntimeError(
                f"{function}: A must be batches of square matrices, but they are {rows} by {columns} matrices"
            ),
            "Only a square matrix has a determinant or an inverse.",
        )


def _singular(function: str, A: Any) -> _LinAlgError:
    """The error for a matrix without an inverse; PyTorch names the first zero on the diagonal after elimination."""
    text = "the inversion could not be completed because the input matrix is singular."
    if function == "linalg.solve":
        text = "the solve could not be completed because the input matrix is singular."
    zero = int(np.linalg.matrix_rank(A).min()) + 1
    return errors.explained(
        _LinAlgError(f"{function}: The diagonal element {zero} is zero, {text}"),
        "One row of the matrix is a combination of the others.",
    )


@raw
def trace_of(self: Any) -> Any:
    """The sum of the diagonal."""
    if self.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {self.ndim}")
    return self.trace(dtype=np.int64 if self.dtype.kind in "biu" else self.dtype)


@raw
def det_of(self: Any) -> Any:
    """The determinant of a matrix, or of each of a batch."""
    _check_square("linalg.det", self)
    return np.linalg.det(self)


@raw
def slogdet_of(self: Any) -> Any:
    """The sign of the determinant and the logarithm of its size."""
    _check_square("linalg.slogdet", self)
    return tuple(np.linalg.slogdet(self))


@raw
def inverse(self: Any) -> Any:
    """The inverse of a matrix, or of each of a batch."""
    _check_square("linalg.inv", self)
    try:
        return np.linalg.inv(self)
    except np.linalg.LinAlgError:
        raise _singular("linalg.inv", self) from None


def _is_vector(A: Any, B: Any) -> bool:
    """Is B one right side (or one for each of a batch) rather than a matrix of right sides?"""
    return bool(B.ndim == 1 or (A.ndim - 1 == B.ndim and B.shape == A.shape[:-1]))


@raw
def solve(A: Any, B: Any) -> Any:
    """The X for which A @ X = B."""
    _check_square("linalg.solve", A)
    vector = _is_vector(A, B)
    rows, columns = (B.shape[-1], 1) if vector else B.shape[-2:]
    if rows != A.shape[-1]:
        raise RuntimeError(
            f"linalg.solve: Incompatible shapes of A and B for the equation AX = B ({A.shape[-2]}x{A.shape[-1]} and "
            f"{rows}x{columns})"
        )
    try:
        return np.linalg.solve(A, B[..., None])[..., 0] if vector else np.linalg.solve(A, B)
    except np.linalg.LinAlgError:
        raise _singular("linalg.solve", A) from None


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
    samples=[
        "torch.det(m)", "m.det()", "torch.linalg.det(m)", "torch.det(x)", "torch.det(v)",
    ],
)  # fmt: skip
op(
    "linalg.slogdet(self) -> sign, logabsdet", "LinalgSlogdetBackward0", "slogdet_of(self)",
    self="grads[1][..., None, None] * inverse(self).mT",
    samples=["torch.linalg.slogdet(m)[1]", "torch.slogdet(m)[1]"],
)  # fmt: skip
op(
    "linalg.inv_ex(self)", "LinalgInvExBackward0", "inverse(self)",
    self="-(result.mT @ grad @ result.mT)",
    samples=["torch.inverse(m)", "torch.linalg.inv(m)", "torch.inverse(x)"],
)  # fmt: skip
op(
    "linalg.solve_ex(A, B)", "LinalgSolveExBackward0", "solve(A, B)",
    A="solve_slope(grad, A, result)", B="solve(A.mT, grad)",
    samples=["torch.linalg.solve(m, v)", "torch.linalg.solve(m, m.t() @ m)", "torch.linalg.solve(m, x)"],
)  # fmt: skip
op(
    "linalg.cross.dim(self, other; dim)", "LinalgCrossBackward0", "cross_of(self, other, dim)",
    self="folded(cross(other, grad, dim), self_shape)", other="folded(cross(grad, self, dim), other_shape)",
    samples=[
        "torch.cross(v, u, dim=0)", "torch.cross(x, y, dim=1)", "torch.linalg.cross(m, m.t())",
        "torch.linalg.cross(m, v)",
    ],
)  # fmt: skip


# -- rules that take more than one expression ------------------------------------------------------------------
@dims.in_rules
def eye_like(shape: tuple[int, ...], values: Any) -> Any:
    """Ones on the diagonal, zeros elsewhere, as an array or tensor like `values`."""
    if hasattr(values, "_data"):
        return wrap(np.eye(*shape, dtype=values._data.dtype))
    return np.eye(*shape, dtype=values.dtype)


@composite
def det_slope(F: Any, grad: Any, self: Any, result: Any) -> Any:
    """det(A) A^-T; for a singular matrix 0, which is PyTorch's answer but not the derivative."""
    safe = F.where((result == 0)[..., None, None], eye_like(self.shape[-2:], self), self)
    return (grad * result)[..., None, None] * F.inverse(safe).mT


@composite
def solve_slope(F: Any, grad: Any, A: Any, result: Any) -> Any:
    """-(A^-T grad) X^T."""
    back = F.solve(A.mT, grad)
    if _is_vector(A, grad):
        return -(back[..., None] * result[..., None, :])
    return -(back @ result.mT)


LIVE["inverse"] = LIVE["linalg_inv_ex"]
LIVE["solve"] = LIVE["linalg_solve_ex"]


# -- the faces -------------------------------------------------------------------------------------------------
FUNCTIONS["trace"] = METHODS["trace"] = OPS["trace"]
FUNCTIONS["det"] = METHODS["det"] = OPS["linalg.det"]
FUNCTIONS["inverse"] = METHODS["inverse"] = OPS["linalg.inv_ex"]
FUNCTIONS["slogdet"] = METHODS["slogdet"] = OPS["linalg.slogdet"]


@public()
def logdet(input: Any) -> Any:
    """The logarithm of the determinant; nan if that is negative. Mirrors `torch.logdet`."""
    sign, size = LIVE["linalg_slogdet"](input)
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


@public()
def matrix_power(input: Any, n: int) -> Any:
    """`input` multiplied n times by itself; the inverse n times if n is negative. Mirrors `torch.matrix_power`."""
    _check_square("linalg.matrix_power", dims.tensor("matrix_power", input)._data)
    if n < 0:
        return matrix_power(LIVE["inverse"](input), -n)
    if n == 0:
        return wrap(np.broadcast_to(np.eye(input._data.shape[-1], dtype=input._data.dtype), input._data.shape).copy())
    if n == 1:
        return input.clone()
    power = matmul(input, input) if n < 4 else matrix_power(matmul(input, input), n // 2)
    return matmul(power, input) if n % 2 else power
