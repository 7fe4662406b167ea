"""Square matrices: trace, determinant, inverse, linear systems; and the cross product."""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgrad import dtypes, errors
from teachgrad.ops.table import op, raw

op("trace(self)", "TraceBackward0", "trace_of(self)", self="trace_back(grad, self_shape)", samples=["torch.trace(m)", "x.trace()"])
op("linalg.det(self)", "LinalgDetBackward0", "det_of(self)", self="det_slope(grad, self, result)", samples=["torch.det(m)", "m.det()"])
op(
    "linalg.inv_ex(self)", "LinalgInvExBackward0", "inverse_of(self)", self="-(result.mT @ grad @ result.mT)",
    samples=["torch.inverse(m)", "torch.linalg.inv(m)"],
)  # fmt: skip
op(
    "linalg.solve_ex(A, B)", "LinalgSolveExBackward0", "solution_of(A, B)",
    A="solve_slope(grad, A, B, result)", B="solve(A.mT, grad)",
    samples=["torch.linalg.solve(m, v)", "torch.linalg.solve(m, m.t() @ m)"],
)  # fmt: skip
op("linalg.cross.dim(self, other; dim)", "LinalgCrossBackward0", "cross_of(self, other, dim)", self="cross(other, grad, dim)", other="cross(grad, self, dim)", samples=["torch.cross(v, u)", "torch.cross(x, y, dim=1)", "torch.linalg.cross(m, v)"])



# -- square matrices -------------------------------------------------------------------------------------------
def _square(function: str, matrix: Any) -> None:
    if matrix.ndim < 2:
        raise RuntimeError(
            f"{function}: The input tensor A must have at least 2 dimensions."
        )
    if matrix.shape[-1] != matrix.shape[-2]:
        rows, columns = matrix.shape[-2:]
        raise errors.explained(
            RuntimeError(f"{function}: A must be batches of square matrices, but they are {rows} by {columns} matrices"),
            "Only a square matrix has a determinant or an inverse.",
        )


@raw
def trace_of(self: Any) -> Any:
    """The sum of the diagonal."""
    if self.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {self.ndim}")
    return self.trace(dtype=np.int64 if self.dtype.kind in "biu" else self.dtype)


@raw
def det_of(self: Any) -> Any:
    """The determinant of a matrix or of each of a batch."""
    _square("linalg.det", self)
    return np.linalg.det(self)


@raw
def inverse_of(self: Any) -> Any:
    """The inverse of a matrix or of each of a batch."""
    _square("linalg.inv", self)
    try:
        return np.linalg.inv(self)
    except np.linalg.LinAlgError:
        raise _singular("linalg.inv", self) from None


@raw
def solution_of(A: Any, B: Any) -> Any:
    """The X for which A @ X = B."""
    _square("linalg.solve", A)
    try:
        return np.linalg.solve(A, B[..., None])[..., 0] if _is_vector(A, B) else np.linalg.solve(A, B)
    except np.linalg.LinAlgError:
        raise _singular("linalg.solve", A) from None


def _singular(function: str, A: Any) -> RuntimeError:
    """The error for a matrix without an inverse; it names the first zero on the diagonal after elimination."""
    zero = int(np.linalg.matrix_rank(A).min()) + 1
    return errors.explained(
        np.linalg.LinAlgError(
            f"{function}: The diagonal element {zero} is zero, the inversion could not be completed because the input matrix "
            "is singular."
        ),
        "One row of the matrix is a combination of others.",
    )


def _is_vector(A: Any, B: Any) -> bool:
    """Is B one right side (or a batch of them) rather than a matrix of right sides?"""
    return bool(B.ndim == 1 or (A.ndim - 1 == B.ndim and B.shape == A.shape[:-1]))


@raw
def cross_of(self: Any, other: Any, dim: int) -> Any:
    """The vector at right angles to both."""
    return np.cross(self, other, axis=dim)
