"""A matrix as a product of simpler ones: singular values, eigenvalues, QR, Cholesky, LU.

    A = U S V^H       svd        U, V unitary, S the singular values
    A = V L V^H       eigh       A Hermitian, V unitary, L real
    A = V L V^-1      eig        L and V complex
    A = Q R           qr         Q unitary, R upper triangular
    A = L L^H         cholesky   A positive definite, L lower triangular
    A = P L U         lu         elimination.py

Each rule comes from the product: from d(U S V^H) follows dU, dS, dV, and its transpose is the rule. The differences of
singular values or eigenvalues stand in its denominators, so where two are equal the vectors have no gradient.

The columns of U, V and Q may be multiplied by -1 (or e^it) without changing the product: LAPACK chooses, here as in
PyTorch, and a loss that depends on the choice has no meaningful gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgrad import dtypes, errors
from teachgrad.conjugates import meet
from teachgrad.gpu import has_eig, on_gpu, on_host, xp
from teachgrad.ops.matrices import LinAlgError, check_matrix, check_numbers, check_square, eye_like
from teachgrad.ops.table import composite, op, raw


# -- what the forward expressions compute ----------------------------------------------------------------------
@raw
def singular(A: Any, full_matrices: bool) -> tuple[Any, Any, Any]:
    """U, S, V^H: (m, n) gives (m, k), (k,), (k, n) with k = min(m, n), or with full matrices (m, m), (k,), (n, n)."""
    check_matrix("linalg.svd", A)
    check_numbers("linalg.svd", A, kernel="linalg_svd_cpu" if A.dtype == np.float16 else "")
    try:
        return tuple(np.linalg.svd(A, full_matrices=full_matrices))  # type: ignore[return-value]
    except np.linalg.LinAlgError:
        raise errors.explained(
            LinAlgError(
                "linalg.svd: The algorithm failed to converge because the input matrix contained non-finite values."
            ),
            "There is a nan or an inf in the matrix. torch.isfinite(A).all() tells; look where it came from.",
        ) from None


@raw
def eigen_hermitian(A: Any, UPLO: str) -> tuple[Any, Any]:
    """Eigenvalues in ascending order and eigenvectors of a symmetric or Hermitian matrix, of which one half is read."""
    check_square("linalg.eigh", A)
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    check_numbers("linalg.eigh", A, kernel="linalg_eigh_cpu")
    if not A.size and A.dtype.kind not in "fc":
        return xp(A).zeros(A.shape[:-1], A.dtype), A.copy()
    try:
        values, vectors = np.linalg.eigh(A, "L" if UPLO.upper() == "L" else "U")
        return values, vectors
    except np.linalg.LinAlgError:
        raise errors.explained(
            LinAlgError(
                "linalg.eigh: The algorithm failed to converge because the input matrix is ill-conditioned or has too many "
                f"repeated eigenvalues (error code: {A.shape[-1] - 1})."
            ),
            "Most often there is a nan or an inf in the matrix.",
        ) from None


@raw
def eigen(A: Any, function: str = "linalg.eig") -> tuple[Any, Any]:
    """Eigenvalues and eigenvectors of any square matrix, as complex numbers."""
    check_square(function, A)
    if A.dtype.kind not in "fc":
        raise RuntimeError(f"Unknown Complex ScalarType for {dtypes.of(A.dtype).scalar_name}")
    if not np.isfinite(A).all():
        raise RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")
    wide = dtypes.of(A.dtype).to_complex().numpy
    meet(wide)
    values, vectors = (np.linalg.eig if not on_gpu(A) or has_eig() else on_host(np.linalg.eig))(A)
    return values.astype(wide, copy=False), vectors.astype(wide, copy=False)


@raw
def orthogonal(A: Any, mode: str) -> tuple[Any, Any]:
    """Q and R; Q is empty for mode "r"."""
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    check_matrix("linalg.qr", A)
    check_numbers("linalg.qr", A)
    if mode == "r":
        return np.zeros(0, A.dtype), np.linalg.qr(A, "r")
    Q, R = np.linalg.qr(A, "reduced" if mode == "reduced" else "complete")
    return Q, R


@raw
def triangular_root(A: Any, upper: bool, function: str = "linalg.cholesky") -> tuple[Any, Any]:
    """L with L L^H = A (or its adjoint), and for each matrix the order of the first minor that is not positive, or 0."""
    check_square(function, A)
    check_numbers(function, A)
    if not on_gpu(A):  # CuPy does not tell whether it succeeded
        try:
            return np.linalg.cholesky(A, upper=upper), np.zeros(A.shape[:-2], np.int32)[()]
        except np.linalg.LinAlgError:
            pass  # which matrix fails, and where?
    root, info = _root_by_columns(A.conj().mT if upper else A)
    return root.conj().mT if upper else root, info


def _root_by_columns(A: Any) -> tuple[Any, Any]:
    """`triangular_root` column by column, for all matrices of a batch together: what is left shrinks by a row and a column.

    From the first pivot that is not positive on, nothing more is computed.
    """
    there, n = xp(A), A.shape[-1]
    L, rest = there.zeros_like(A), A.copy()
    info = there.zeros(A.shape[:-2], np.int32)
    for k in range(n):
        pivot = rest[..., k, k].real
        info = np.where((info == 0) & ~(pivot > 0), np.int32(k + 1), info)
        column = rest[..., k:, k] / np.sqrt(np.where(info == 0, pivot, np.inf))[..., None]
        L[..., k:, k] = column
        below = column[..., 1:]
        rest[..., k + 1 :, k + 1 :] -= below[..., :, None] * below[..., None, :].conj()
    return L, info[()]


# -- the entries -----------------------------------------------------------------------------------------------
# A loss for which the signs of the vectors do not matter: their squares.
op(
    "linalg.svd.full(A; full_matrices=True) -> U, S, Vh", "LinalgSvdBackward0", "singular(A, full_matrices)",
    A="svd_slope(grads, U, S, Vh)",
    shown={"A": "U @ (dS + what turns U and Vh, divided by the differences of the squares of S) @ Vh"},
    samples=[
        "torch.linalg.svd(x)[1]", "torch.linalg.svdvals(b)", "torch.linalg.svd(x, full_matrices=False)[0].abs() ** 2",
        "torch.linalg.svd(x.mT)[2].abs() ** 2", "(lambda t: (t[0] * t[1]) @ t[2])(torch.linalg.svd(b, full_matrices=False))",
        "torch.svd(x)[1]", "torch.linalg.matrix_norm(x, 2)", "torch.linalg.matrix_norm(b, 'nuc')", "torch.linalg.cond(m)",
        "torch.svd(b, some=False)[0].abs() ** 2", "torch.linalg.svd(v)", "torch.norm(m, 'nuc')",
    ],
)  # fmt: skip
op(
    "linalg.eigh.half(A; UPLO='L') -> eigenvalues, eigenvectors", "LinalgEighBackward0", "eigen_hermitian(A, UPLO)",
    A="eigh_slope(grads, eigenvalues, eigenvectors)",
    shown={
        "A": "V @ (dE + V.mT @ dV / differences of the eigenvalues) @ V.mT, with dE, dV = grads and V the eigenvectors",
    },
    samples=[
        "torch.linalg.eigh(m)[0]", "torch.linalg.eigh(m, UPLO='U')[1].abs() ** 2", "torch.linalg.eigvalsh(m @ m.mH)",
        "torch.linalg.eigh(x)", "torch.linalg.eigh(m, 'Q')",
    ],
)  # fmt: skip
op(
    "linalg.eig.any(A) -> eigenvalues, eigenvectors", "LinalgEigBackward0", "eigen(A)",
    A="eig_slope(grads, A_dtype, eigenvalues, eigenvectors)",
    shown={"A": "as for eigh, with the inverse of the eigenvectors in place of their transpose"},
    samples=[
        "torch.linalg.eig(m)[0]", "torch.linalg.eig(m)[1].abs() ** 2", "torch.linalg.eigvals(m @ m.mT)",
        "torch.linalg.eig(x)", "torch.linalg.eigvals(m).real",
    ],
)  # fmt: skip
op(
    "linalg.qr.mode(A; mode='reduced') -> Q, R", "LinalgQrBackward0", "orthogonal(A, mode)",
    A="qr_slope(grads, Q, R, mode)",
    shown={"A": "(dQ + Q @ M) @ R.mT inverse, M: lower half of R @ dR.mT - dQ.mT @ Q, mirrored; dQ, dR = grads"},
    samples=[
        "torch.linalg.qr(m)[0]", "torch.linalg.qr(x)[1]", "torch.linalg.qr(x.mT)", "torch.linalg.qr(b)[0]",
        "torch.linalg.qr(x, mode='complete')[0]", "torch.linalg.qr(x.mT, mode='complete')[1].abs()", "torch.qr(m)[1]",
        "torch.linalg.qr(m, mode='r')[1]", "torch.linalg.qr(v)", "torch.linalg.qr(m, mode='q')",
    ],
)  # fmt: skip
op(
    "linalg.cholesky_ex.half(A; upper=False) -> L, !info", "LinalgCholeskyExBackward0", "triangular_root(A, upper)",
    A="cholesky_slope(grad, L, upper)",
    shown={"A": "S, made symmetric, where L.mT @ S @ L is the lower half of L.mT @ grad"},
    samples=[
        "torch.linalg.cholesky(m @ m.mH)", "torch.linalg.cholesky(m @ m.mH, upper=True)", "torch.linalg.cholesky(-m @ m.mH)",
        "torch.linalg.cholesky_ex(m @ m.mH)[0]", "torch.linalg.cholesky(x)",
    ],
)  # fmt: skip
op(
    "cholesky.half(A; upper=False) -> L, !info", "CholeskyBackward0", "triangular_root(A, upper, 'cholesky')",
    A="cholesky_slope(grad, L, upper)",
    shown={"A": "S, made symmetric, where L.mT @ S @ L is the lower half of L.mT @ grad"},
    samples=["torch.cholesky(m @ m.mH)", "torch.cholesky(m @ m.mH, True)", "torch.cholesky(-m @ m.mH)"],
)  # fmt: skip


# -- the rules -------------------------------------------------------------------------------------------------
@composite
def differences(F: Any, values: Any) -> Any:
    """values[k] - values[j] at (j, k), and 1 on the diagonal, where the numerator is 0."""
    return values[..., None, :] - values[..., :, None] + eye_like((values.shape[-1],) * 2, values)


@composite
def svd_slope(F: Any, grads: Any, U: Any, S: Any, Vh: Any) -> Any:
    """What flows to A from the gradients of U, S and V^H, of which only the first k columns (rows) count."""
    gU, gS, gVh = grads
    k = S.shape[-1]
    U, Vh = U[..., :k], Vh[..., :k, :]
    E = F.differences(S * S)
    inner = None if gS is None else F.cast_like(F.on_diagonal(gS), U)
    left = right = None
    if gU is not None:
        gU = gU[..., :k]
        skew = F.adjoint_of(U) @ gU
        skew = (skew - F.adjoint_of(skew)) / E
        left = skew * S[..., None, :]
        if gVh is not None:  # the phases that U and V share
            left = left + F.on_diagonal(F.diagonal_values(skew) / (2 * S))
        inner = left if inner is None else inner + left
    if gVh is not None:
        gVh = gVh[..., :k, :]
        right = Vh @ F.adjoint_of(gVh)
        right = S[..., :, None] * ((right - F.adjoint_of(right)) / E)
        inner = right if inner is None else inner + right
    found = U @ F.cast_like(inner, U) @ Vh
    if gU is not None and U.shape[-2] > k:  # the part of dU that leaves the space of U
        out = gU / S[..., None, :]
        found = found + (out - U @ (F.adjoint_of(U) @ out)) @ Vh
    if gVh is not None and Vh.shape[-1] > k:
        out = gVh / S[..., :, None]
        found = found + U @ (out - (out @ F.adjoint_of(Vh)) @ Vh)
    return found


@composite
def eigh_slope(F: Any, grads: Any, eigenvalues: Any, eigenvectors: Any) -> Any:
    """V (V^H gV / E + gL) V^H, where E are the differences of eigenvalues."""
    gL, gV = grads
    inner = None if gL is None else F.cast_like(F.on_diagonal(gL), eigenvectors)
    if gV is not None:
        turn = F.adjoint_of(eigenvectors) @ gV
        turn = 0.5 * (turn - F.adjoint_of(turn))  # unitary matrices only turn
        turn = (turn - F.on_diagonal(F.diagonal_values(turn))) / F.differences(eigenvalues)
        inner = turn if inner is None else inner + turn
    return eigenvectors @ inner @ F.adjoint_of(eigenvectors)


@composite
def eig_slope(F: Any, grads: Any, dtype: Any, eigenvalues: Any, eigenvectors: Any) -> Any:
    """V^-H (...) V^H: as for eigh, but V is not unitary, and its columns are scaled to length 1."""
    gL, gV = grads
    adjoint = F.adjoint_of(eigenvectors)
    inner = None if gL is None else F.on_diagonal(gL)
    if gV is not None:
        turn = adjoint @ gV
        length = F.cast_like(F.diagonal_values(turn).real, eigenvectors)
        turn = turn - adjoint @ (eigenvectors * length[..., None, :])
        turn = (turn - F.on_diagonal(F.diagonal_values(turn))) / F.conj(F.differences(eigenvalues))
        inner = turn if inner is None else inner + turn
    found = F.solve(adjoint, inner @ adjoint)
    return found if dtype.kind == "c" else found.real


@composite
def qr_slope(F: Any, grads: Any, Q: Any, R: Any, mode: str) -> Any:
    """(gQ + Q sym(R gR^H - gQ^H Q)) R^-H, where sym mirrors the lower half; a wide R adds Q gR for its rest."""
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use linalg.qr(A, "
            "mode='reduced') if you are going to differentiate through linalg.qr."
        )
    m, n = Q.shape[-2], R.shape[-1]
    if mode == "complete" and m > n:
        raise RuntimeError("The QR decomposition is not differentiable when mode='complete' and nrows > ncols.")
    gQ, gR = grads
    rest = None
    if m < n:  # A = (X | Y), R = (S | T): X = Q S as before, and T = Q^H Y
        Y, R = Q @ R[..., m:], R[..., :m]
        rest = F.zeros(Y)
        if gR is not None:
            rest, through, gR = Q @ gR[..., m:], Y @ F.adjoint_of(gR[..., m:]), gR[..., :m]
            gQ = through if gQ is None else gQ + through
    inner = R @ F.adjoint_of(gR) if gR is not None else None
    if gQ is not None:
        turn = F.adjoint_of(gQ) @ Q
        inner = -turn if inner is None else inner - turn
    lower = F.tril(inner, -1)
    diagonal = F.cast_like(F.diagonal_values(inner).real, inner)
    mirrored = Q @ (lower + F.adjoint_of(lower) + F.on_diagonal(diagonal))
    mirrored = mirrored if gQ is None else mirrored + gQ
    found = F.adjoint_of(F.solve(R, F.adjoint_of(mirrored)))
    return found if rest is None else F.cat([found, rest], len(found.shape) - 1)


@composite
def cholesky_slope(F: Any, grad: Any, L: Any, upper: bool) -> Any:
    """L^-H sym(L^H gL) L^-1, where sym halves the diagonal of the lower half and mirrors it."""
    if upper:
        L, grad = F.adjoint_of(L), F.adjoint_of(grad)
    inner = F.tril(F.adjoint_of(L) @ grad, 0)
    inner = inner - 0.5 * F.on_diagonal(F.diagonal_values(inner))
    inner = 0.5 * (inner + F.adjoint_of(inner))
    half = F.solve(F.adjoint_of(L), inner)
    return F.adjoint_of(F.solve(F.adjoint_of(L), F.adjoint_of(half)))
