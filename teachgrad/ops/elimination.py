"""LU factors: P L U = A, where P exchanges rows, L is lower triangular with ones on its diagonal, U upper triangular.

It is what elimination by hand writes down. LAPACK keeps L and U in one matrix and P as the list of rows exchanged; so do
`lu_factor` and `lu_solve` here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from teachgrad.autograd.variable import wrap
from teachgrad.gpu import on_gpu, xp
from teachgrad.ops.matrices import check_numbers, check_solvable, check_square, eye_like, solved
from teachgrad.ops.table import composite, op, raw


# -- what the forward expressions compute ----------------------------------------------------------------------
@raw
def packed_factors(A: Any) -> tuple[Any, Any, Any]:
    """L (below the diagonal) and U in one matrix, the row exchanged with each row (from 1), and the first zero pivot.

    A batch is eliminated column by column, all its matrices together.
    """
    LU, each = _in_one_batch(A.copy(), 2)
    k = min(A.shape[-2:])
    pivots = xp(A).zeros((*LU.shape[:-2], k), np.int32)
    for j in range(k):
        rest = LU[..., j:, :]  # the rows that are not yet those of U
        best = (*each, _size(rest[..., j]).argmax(-1))
        pivots[..., j] = best[-1] + (j + 1)
        row = rest[best].copy()
        rest[best] = rest[..., 0, :]
        rest[..., 0, :] = row
        pivot = row[..., j, None]
        below = rest[..., 1:, j]
        below /= pivot + (pivot == 0)  # where the largest is 0, all are
        rest[..., 1:, j + 1 :] -= below[..., None] * row[..., None, j + 1 :]
    good = (np.cumsum(np.diagonal(LU, 0, -2, -1) == 0, axis=-1) == 0).sum(-1)  # how many pivots before the first zero
    info = ((good + 1) % (k + 1)).astype(np.int32)
    return LU.reshape(A.shape), pivots.reshape((*A.shape[:-2], k)), info.reshape(A.shape[:-2])[()]


def _size(numbers: Any) -> Any:
    """How large numbers are as pivots, in LAPACK's measure."""
    return np.abs(numbers.real) + np.abs(numbers.imag) if numbers.dtype.kind == "c" else np.abs(numbers)


def _in_one_batch(array: Any, own: int) -> tuple[Any, tuple[Any, ...]]:
    """The array with all dimensions but its `own` last made one, and the index of each of this batch.

    A batch of one on the CPU has neither, so that its rows are found by number, which is faster than by arrays of them.
    """
    last = array.shape[array.ndim - own :]
    count = math.prod(array.shape[: array.ndim - own])
    if count == 1 and not on_gpu(array):
        return array.reshape(last), ()
    return array.reshape((count, *last)), (xp(array).arange(count),)


def exchanged(pivots: Any, rows: int, dtype: Any) -> Any:
    """The permutation matrix P of the row exchanges `pivots`."""
    others, each = _in_one_batch(pivots - 1, 1)
    count = xp(pivots).arange(rows)
    order = np.broadcast_to(count, (*others.shape[:-1], rows)).copy()
    for j in range(others.shape[-1]):
        other = (*each, others[..., j])
        moved = order[other]
        order[other] = order[..., j]
        order[..., j] = moved
    return (order[..., None, :] == count[:, None]).astype(dtype).reshape((*pivots.shape[:-1], rows, rows))


@raw
def factors(A: Any) -> tuple[Any, Any, Any]:
    """P, L, U: (m, n) gives (m, m), (m, k), (k, n) with k = min(m, n)."""
    if A.ndim < 2:
        raise RuntimeError(f"linalg.lu: Expected tensor with 2 or more dimensions. Got size: {list(A.shape)} instead")
    check_numbers("linalg.lu", A, kernel="lu_cpu")
    P, L, U = unpacked(*packed_factors(A)[:2])
    return P, L, U


@raw
def unpacked(LU: Any, pivots: Any) -> tuple[Any, Any, Any]:
    """P, L, U from L and U in one matrix and the row exchanges."""
    m, n = LU.shape[-2:]
    k = min(m, n)
    L = np.tril(LU[..., :, :k], -1) + xp(LU).eye(m, k, dtype=LU.dtype)
    return exchanged(pivots, m, LU.dtype), L, np.triu(LU[..., :k, :])


def first_zero_pivots(A: Any) -> Any:
    """For each matrix of a batch the place of the first zero on the diagonal of U, from 1; 0 if there is none."""
    return packed_factors(A)[2]


@raw
def lu_solved(LU: Any, pivots: Any, B: Any, left: bool, adjoint: bool) -> Any:
    """The X for which A X = B (X A = B), or the same with A^H, from the factors of A."""
    if pivots.dtype != np.int32:
        raise RuntimeError("linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32")
    check_square("linalg.lu_solve", LU)
    check_solvable("linalg.lu_solve", LU, B, left)
    n = LU.shape[-1]
    A = exchanged(pivots, n, LU.dtype) @ (np.tril(LU, -1) + xp(LU).eye(n, dtype=LU.dtype)) @ np.triu(LU)
    return solved(A.conj().mT if adjoint else A, B, left)


# -- the entries -----------------------------------------------------------------------------------------------
op(
    "linalg.lu_factor_ex.packed(A) -> LU, !pivots, !info", "LinalgLuFactorExBackward0", "packed_factors(A)",
    A="packed_slope(grad, LU, pivots)",
    shown={"A": "as for the factors: the lower half of grad belongs to L, the upper one to U"},
    samples=[
        "torch.linalg.lu_factor(m)[0]", "torch.linalg.lu_factor(x)[0]", "torch.linalg.lu_factor_ex(b)[0]",
        "torch.linalg.lu_factor(v)",
    ],
)  # fmt: skip
op(
    "lu_unpack.all(LU, pivots) -> !P, L, U", "LuUnpackBackward0", "unpacked(LU, pivots)",
    LU="unpacked_slope(grads, LU)",
    shown={"LU": "the lower half of the gradient of L and the upper half of that of U, added"},
    samples=["torch.lu_unpack(*torch.linalg.lu_factor(m))[2]", "torch.lu_unpack(*torch.linalg.lu_factor(x))[1]"],
)  # fmt: skip
op(
    "linalg.lu.all(A) -> !P, L, U", "LinalgLuBackward0", "factors(A)",
    A="lu_slope(grads, P, L, U)",
    shown={
        "A": "P @ L.mT inverse @ (lower half of L.mT @ dL + upper half of dU @ U.mT) @ U.mT inverse, with dL, dU = grads",
    },
    samples=[
        "torch.linalg.lu(m)[1]", "torch.linalg.lu(x)[2]", "torch.linalg.lu(x.mT)[1]", "torch.linalg.lu(b)[2]",
        "torch.linalg.lu(v)",
    ],
)  # fmt: skip
op(
    "linalg.lu_solve.side(LU, pivots, B; left=True, adjoint=False)", "LinalgLuSolveBackward0",
    "lu_solved(LU, pivots, B, left, adjoint)",
    LU="folded(lu_solve_slope(grad, LU, pivots, result, left, adjoint), LU_shape)",
    shown={"LU": "the gradient of A = P @ L @ U, which is that of solve, split among L and U"},
    B="folded(linalg_lu_solve_side(LU, pivots, grad, left, not adjoint), B_shape)",
    samples=[
        "torch.linalg.lu_solve(*torch.linalg.lu_factor(m), x.mT)", "torch.lu_solve(x.mT, *torch.linalg.lu_factor(m))",
        "torch.linalg.lu_solve(*torch.linalg.lu_factor(m), x, left=False)",
        "torch.linalg.lu_solve(*torch.linalg.lu_factor(m), x.mT, adjoint=True)",
    ],
)  # fmt: skip


# -- the rules -------------------------------------------------------------------------------------------------
@composite
def lu_slope(F: Any, grads: Any, P: Any, L: Any, U: Any) -> Any:
    """P L^-H (tril(L^H gL, -1) + triu(gU U^H)) U^-H for the square part; what is left of a longer side follows from it."""
    gL, gU = (F.zeros(part) if grad is None else grad for grad, part in zip(grads, (L, U), strict=True))
    m, n, k = L.shape[-2], U.shape[-1], L.shape[-1]
    lower, upper = F.adjoint_of(L[..., :k, :]), F.adjoint_of(U[..., :k])
    inside = F.tril(lower @ gL[..., :k, :], -1) + F.triu(gU[..., :k] @ upper, 0)
    if n > k:  # A = (X | Y), U = (V | W), W = L^-1 Y
        inside = inside - F.tril(gU[..., k:] @ F.adjoint_of(U[..., k:]), -1)
    if m > k:  # A = (X over Y), L = (M over N), N = Y U^-1
        inside = inside - F.triu(F.adjoint_of(L[..., k:, :]) @ gL[..., k:, :], 0)
    found = F.adjoint_of(F.solve(U[..., :k], F.adjoint_of(F.solve(lower, inside))))
    if n > k:
        found = F.cat([found, F.solve(lower, gU[..., k:])], len(found.shape) - 1)
    if m > k:
        below = F.adjoint_of(F.solve(U[..., :k], F.adjoint_of(gL[..., k:, :])))
        found = F.cat([found, below], len(found.shape) - 2)
    return P @ found


@composite
def packed_slope(F: Any, grad: Any, LU: Any, pivots: Any) -> Any:
    """The rule of lu for L and U in one matrix."""
    m, n = LU.shape[-2:]
    k = min(m, n)
    eye = eye_like((m, k), LU)
    P = permutation_like(pivots, m, LU)
    halves = (F.tril(grad[..., :, :k], -1), F.triu(grad[..., :k, :], 0))
    return F.lu_slope(halves, P, F.tril(LU[..., :, :k], -1) + eye, F.triu(LU[..., :k, :], 0))


@composite
def unpacked_slope(F: Any, grads: Any, LU: Any) -> Any:
    """The gradients of L and U side by side: below the diagonal that of L, the rest that of U."""
    (m, n), k, last = LU.shape[-2:], min(LU.shape[-2:]), len(LU.shape) - 1
    found = []
    if grads[0] is not None:
        lower = F.tril(grads[0], -1)
        found.append(lower if n == k else F.cat([lower, F.zeros(LU[..., :, k:])], last))
    if grads[1] is not None:
        upper = F.triu(grads[1], 0)
        found.append(upper if m == k else F.cat([upper, F.zeros(LU[..., k:, :])], last - 1))
    return found[0] if len(found) == 1 else found[0] + found[1]


def permutation_like(pivots: Any, rows: int, values: Any) -> Any:
    """The permutation matrix of the row exchanges, as an array or tensor like `values`."""
    if not hasattr(values, "_data"):
        return exchanged(pivots, rows, values.dtype)
    return wrap(exchanged(pivots._data, rows, values._data.dtype))


@composite
def lu_solve_slope(F: Any, grad: Any, LU: Any, pivots: Any, result: Any, left: bool, adjoint: bool) -> Any:
    """First what flows to A = P L U, then to L and U: below the diagonal P^T gA U^H, from it upwards L^H P^T gA."""
    back = F.linalg_lu_solve_side(LU, pivots, grad, left, not adjoint)
    product = back @ F.adjoint_of(result) if left else F.adjoint_of(result) @ back
    n = LU.shape[-1]
    turned = permutation_like(pivots, n, LU).mT @ -(F.adjoint_of(product) if adjoint else product)
    L = F.tril(LU, -1) + F.eye_like((n, n), LU)
    return F.tril(turned @ F.adjoint_of(F.triu(LU, 0)), -1) + F.triu(F.adjoint_of(L) @ turned, 0)
