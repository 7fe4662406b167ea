"""Systems without a solution, or with many: the X with the smallest |A X - B|, and the pseudo-inverse that gives it.

A = U S V^H         pinv(A) = V S^-1 U^H, with 0 in place of 1/0        X = pinv(A) B
"""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgrad import dtypes
from teachgrad.gpu import on_gpu, xp
from teachgrad.ops.factorings import eigen_hermitian, singular
from teachgrad.ops.matrices import same_batch
from teachgrad.ops.solving import is_vector
from teachgrad.ops.table import composite, op, raw


# -- what the forward expressions compute ----------------------------------------------------------------------
@raw
def pseudo_inverse(A: Any, atol: Any, rtol: Any, hermitian: bool) -> Any:
    """V S^-1 U^H, where singular values below max(atol, rtol * the largest) count as 0."""
    if A.ndim < 2 or A.dtype.kind not in "fc":
        raise RuntimeError(
            f"linalg.pinv({dtypes.of(A.dtype).scalar_name}{{{list(A.shape)}}}): expected a tensor with 2 or more dimensions "
            "of float, double, cfloat or cdouble types"
        )
    if not A.size:
        return xp(A).zeros((*A.shape[:-2], A.shape[-1], A.shape[-2]), A.dtype)
    if hermitian:
        values, U = eigen_hermitian(A, "L")
        Vh, S = U.conj().mT, np.abs(values)
    else:
        U, values, Vh = singular(A, False)
        S = values
    small = threshold(S, A.shape, atol, rtol)[..., None] >= S
    inverted = np.where(small, 0, 1 / np.where(small, 1, values)).astype(A.real.dtype)
    return (Vh.conj().mT * inverted[..., None, :]) @ U.conj().mT


def threshold(S: Any, shape: tuple[int, ...], atol: Any, rtol: Any) -> Any:
    """max(atol, rtol * the largest singular value); by default the rounding error of an (m, n) matrix.

    Each limit is None, a number, or an array with one for each matrix.
    """
    atol = 0 if atol is None else atol
    if rtol is None:
        rounding = max(shape[-2:]) * float(np.finfo(S.dtype).eps)
        rtol = np.where(atol > 0, 0, rounding) if hasattr(atol, "shape") else 0 if atol > 0 else rounding
    largest = S.max(axis=-1) if S.shape[-1] else xp(S).zeros(S.shape[:-1], S.dtype)
    return np.maximum(rtol * largest, atol)


@raw
def least_squares(A: Any, B: Any, rcond: float | None, driver: str) -> tuple[Any, Any, Any, Any]:
    """The X with the smallest |A X - B| (and of these the smallest X), the squared distances, rank, singular values."""
    vector = is_vector(A, B)
    A, columns = same_batch(A, B[..., None] if vector else B)
    (*batch, m, n), there = A.shape, xp(A)
    limit = np.finfo(A.dtype).eps * max(m, n) if rcond is None else rcond
    X = there.zeros((*batch, n, columns.shape[-1]), B.dtype)
    rank, S = there.zeros(tuple(batch), np.int64), there.zeros((*batch, min(m, n)), A.real.dtype)
    if A.size and on_gpu(A):
        U, S, Vh = np.linalg.svd(A, full_matrices=False)
        counts = float(limit) * S[..., :1] < S
        share = np.where(counts, 1 / np.where(counts, S, 1), 0)[..., None]
        X, rank = Vh.conj().mT @ (share * (U.conj().mT @ columns)), counts.sum(-1)
    elif A.size:
        for place in np.ndindex(*batch):
            X[place], _, rank[place], S[place] = np.linalg.lstsq(A[place], columns[place], limit)
    residuals = there.zeros(0, A.real.dtype)
    if driver != "gelsy" and m > n and (driver == "gels" or (rank == n).all()):
        apart = columns - A @ X
        residuals = (apart.real**2 + apart.imag**2).sum(-2)
    return (
        X[..., 0] if vector else X,
        residuals,
        there.zeros(0, np.int64) if driver == "gels" else rank[()],
        S if driver in ("gelsd", "gelss") else there.zeros(0, A.real.dtype),
    )


# -- the entries -----------------------------------------------------------------------------------------------
op(
    "linalg.pinv.limits(self; atol=None, rtol=None, hermitian=False)", "LinalgPinvBackward0",
    "pseudo_inverse(self, atol, rtol, hermitian)", self="pinv_slope(grad, result, self)",
    shown={"self": "-P.mT @ grad @ P.mT, plus what moves the space of self, where P is the result"},
    samples=[
        "torch.linalg.pinv(x)", "torch.pinverse(x.mT)", "torch.linalg.pinv(m @ m.mH, hermitian=True)",
        "torch.linalg.pinv(b, rtol=1e-3)", "torch.linalg.pinv(m, atol=0.1)", "torch.linalg.pinv(v)",
    ],
)  # fmt: skip
op(
    "linalg.lstsq.driver(self, b; rcond=None, driver='gelsy') -> solution, residuals, !rank, !singular_values",
    "LinalgLstsqBackward0", "least_squares(self, b, rcond, driver)",
    self="folded(lstsq_slope(grads, self, b, solution)[0], self_shape)",
    b="folded(lstsq_slope(grads, self, b, solution)[1], b_shape)",
    shown={
        "self": "as for pinv(self) @ b, plus that of the residuals",
        "b": "pinv(self).mT @ grad, plus 2 * (b - self @ solution) times the gradient of the residuals",
    },
    samples=[
        "torch.linalg.lstsq(m, x.mT)[0]", "torch.linalg.lstsq(x.mT, m)[0]", "torch.linalg.lstsq(x, y)[0]",
        "torch.linalg.lstsq(m, v)[0]", "torch.linalg.lstsq(x.mT, m, driver='gels')[1]", "torch.linalg.lstsq(x, m)",
        "torch.linalg.lstsq(b.mT, b.mT, driver='gelsd')[3]",
    ],
)  # fmt: skip


# -- the rules -------------------------------------------------------------------------------------------------
@composite
def pinv_slope(F: Any, grad: Any, P: Any, A: Any) -> Any:
    """Golub and Pereyra, "The differentiation of pseudo-inverses", 1973: dP = -P dA P + P P^H dA^H (1 - A P) + ..."""
    back, Ph = F.adjoint_of(grad), F.adjoint_of(P)
    if A.shape[-2] <= A.shape[-1]:
        K = back @ P
        KPh = K @ Ph
        return -F.adjoint_of(P @ K) + KPh - (A @ P) @ KPh + (Ph @ P) @ (back - K @ A)
    K = P @ back
    PhK = Ph @ K
    return -F.adjoint_of(K @ P) + (back - A @ K) @ P @ Ph + PhK - (PhK @ P) @ A


@composite
def lstsq_slope(F: Any, grads: Any, A: Any, B: Any, solution: Any) -> Any:
    """X = pinv(A) B, and the residuals |A X - B|^2, in which X may be held still because it minimises them."""
    gX, gR = grads
    vector = len(solution.shape) < max(len(A.shape), len(B.shape)) or len(B.shape) == 1
    if vector:
        B, solution = B[..., None], solution[..., None]
        gX = None if gX is None else gX[..., None]
    gA, gB = A * 0, B * 0
    if gX is not None:
        P = F.linalg_pinv_limits(A)
        gB = F.adjoint_of(P) @ gX
        gA = F.pinv_slope(gX @ F.adjoint_of(B), P, A)
    if gR is not None and gR.shape[-1:] != (0,):
        apart = (B - A @ solution) * (2 * gR[..., None, :])
        gB = gB + apart
        gA = gA - apart @ F.adjoint_of(solution)
    return gA, gB[..., 0] if vector else gB
