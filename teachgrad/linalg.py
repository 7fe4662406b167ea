"""`torch.linalg`: products, norms, factorings, and systems of equations. Matrices may come in batches: (..., m, n)."""

from __future__ import annotations

import math
from math import prod
from typing import Any

from teachgrad import dtypes, return_types
from teachgrad.gpu import on_gpu
from teachgrad.ops import dims, square  # noqa: F401 - the entries that are called below
from teachgrad.ops.algebra import inverted, matrix_power, multiplied, powers_of, rank, reflected, rooted
from teachgrad.ops.linalg import matmul
from teachgrad.ops.matrices import LinAlgError, check_matrix, check_numbers, check_square, failed
from teachgrad.ops.norms import linalg_norm as norm
from teachgrad.ops.norms import matrix_norm, vector_norm
from teachgrad.ops.solving import is_vector
from teachgrad.ops.table import LIVE

__all__ = [
    "LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh",
    "householder_product", "inv", "inv_ex", "lstsq", "lu", "lu_factor", "lu_factor_ex", "lu_solve", "matmul", "matrix_exp",
    "matrix_norm", "matrix_power", "matrix_rank", "multi_dot", "norm", "pinv", "qr", "slogdet", "solve", "solve_ex",
    "solve_triangular", "svd", "svdvals", "tensorinv", "tensorsolve", "vander", "vecdot", "vector_norm",
]  # fmt: skip


# -- determinants, inverses, systems ---------------------------------------------------------------------------
def det(A: Any) -> Any:
    """The determinant of a square matrix, or of each of a batch. Mirrors `torch.linalg.det`."""
    return LIVE["linalg_det"](A)


def slogdet(A: Any) -> Any:
    """The sign of the determinant and the logarithm of its size. Mirrors `torch.linalg.slogdet`."""
    return return_types.linalg_slogdet(*LIVE["linalg_slogdet_parts"](A))


def inv(A: Any) -> Any:
    """The inverse of a square matrix; raises LinAlgError if there is none. Mirrors `torch.linalg.inv`."""
    return inverted(A)


def inv_ex(A: Any, *, check_errors: bool = False) -> Any:
    """The inverse, and for each matrix 0 or where its elimination met a zero. Mirrors `torch.linalg.inv_ex`."""
    if check_errors:
        inverted(A, "linalg.inv_ex")
    return return_types.linalg_inv_ex(*LIVE["linalg_inv_ex_all"](A))


def solve(A: Any, B: Any, *, left: bool = True) -> Any:
    """The X with A X = B (X A = B unless `left`); raises LinAlgError if A is singular. Mirrors `torch.linalg.solve`."""
    X, info = LIVE["linalg_solve_ex_side"](A, B, left)
    _check_solved("torch.linalg.solve", info)
    return X


def _check_solved(function: str, info: Any) -> None:
    """Raises LinAlgError, in the name of `function`, if elimination met a zero."""
    if info._data.any():
        raise failed(
            function, info._data, "The solver failed because the input matrix is singular.",
            "One row of the matrix is a combination of the others: there is no X, or there are many. "
            "torch.linalg.lstsq finds the nearest.",
        )  # fmt: skip


def solve_ex(A: Any, B: Any, *, left: bool = True, check_errors: bool = False) -> Any:
    """The solution, and for each matrix 0 or where its elimination met a zero. Mirrors `torch.linalg.solve_ex`.

    Raises LinAlgError for a singular matrix if `check_errors`.
    """
    X, info = LIVE["linalg_solve_ex_side"](A, B, left)
    if check_errors:
        _check_solved("torch.linalg.solve_ex", info)
    return return_types.linalg_solve_ex(X, info)


def solve_triangular(A: Any, B: Any, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Any:
    """The X with A X = B for a triangular A; the other half is not read. Mirrors `torch.linalg.solve_triangular`."""
    return LIVE["linalg_solve_triangular_side"](A, B, upper, left, unitriangular)


def lstsq(A: Any, B: Any, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """The X with the smallest |A X - B|, and what is left of it. Mirrors `torch.linalg.lstsq`."""
    if A._data.dtype.kind not in "fc":
        raise RuntimeError("This function doesn't handle types other than float and double")
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError("torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)")
    there = on_gpu(A._data)
    if there and driver not in (None, "gels"):
        raise RuntimeError("torch.linalg.lstsq: `driver` other than `gels` is not supported on CUDA")
    if A._data.ndim < 2:
        raise RuntimeError("torch.linalg.lstsq: input must have at least 2 dimensions.")
    dim = -1 if is_vector(A._data, B._data) else -2
    if B._data.shape[dim] != A._data.shape[-2]:
        raise RuntimeError(f"torch.linalg.lstsq: input.size(-2) should match other.size({dim})")
    return return_types.linalg_lstsq(
        *LIVE["linalg_lstsq_driver"](A, B, rcond, driver or ("gels" if there else "gelsy"))
    )


def pinv(A: Any, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Any:
    """The pseudo-inverse; singular values up to max(atol, rtol * the largest) count as 0. Mirrors `torch.linalg.pinv`."""
    rtol = rcond if rtol is None else rtol
    atol, rtol = (each._data if hasattr(each, "_data") else each for each in (atol, rtol))
    return LIVE["linalg_pinv_limits"](A, atol, rtol, hermitian)


def tensorinv(A: Any, ind: int = 2) -> Any:
    """The inverse of `A` as a map from its last dimensions to its first `ind`. Mirrors `torch.linalg.tensorinv`."""
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    first, last = A._data.shape[:ind], A._data.shape[ind:]
    if prod(first) != prod(last):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got "
            f"{prod(last)} != {prod(first)}"
        )
    return inverted(A.reshape((prod(last), prod(last)))).reshape((*last, *first))


def tensorsolve(A: Any, B: Any, dims: Any = None) -> Any:
    """The X with tensordot(A, X, X.ndim) = B. Mirrors `torch.linalg.tensorsolve`."""
    if dims is not None:
        A = LIVE["movedim"](A, tuple(dims), tuple(range(A._data.ndim - len(dims), A._data.ndim)))
    shape, rows = A._data.shape[B._data.ndim :], prod(A._data.shape[: B._data.ndim])
    if prod(shape) != rows:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), but "
            f"got {prod(shape)} != {rows}"
        )
    return solve(A.reshape((rows, rows)), B.flatten()).reshape(shape)


# -- factorings ------------------------------------------------------------------------------------------------
def svd(A: Any, full_matrices: bool = True, *, driver: str | None = None) -> Any:
    """U, S and V^H with A = U S V^H, S in descending order. Mirrors `torch.linalg.svd`.

    `driver`, in PyTorch one of cuSOLVER's methods, changes nothing.
    """
    return return_types.linalg_svd(*LIVE["linalg_svd_full"](dims.tensor("linalg_svd", A), full_matrices))


def svdvals(A: Any, *, driver: str | None = None) -> Any:
    """The singular values. Mirrors `torch.linalg.svdvals`."""
    return LIVE["linalg_svd_full"](dims.tensor("linalg_svdvals", A), False)[1]


def eigh(A: Any, UPLO: str = "L") -> Any:
    """Eigenvalues and -vectors of a symmetric (Hermitian) matrix, of which one half is read. Mirrors `torch.linalg.eigh`."""
    return return_types.linalg_eigh(*LIVE["linalg_eigh_half"](A, UPLO))


def eigvalsh(A: Any, UPLO: str = "L") -> Any:
    """Eigenvalues of a symmetric (Hermitian) matrix, in ascending order. Mirrors `torch.linalg.eigvalsh`."""
    return LIVE["linalg_eigh_half"](A, UPLO)[0]


def eig(A: Any) -> Any:
    """Eigenvalues and -vectors of any square matrix, as complex numbers. Mirrors `torch.linalg.eig`."""
    return return_types.linalg_eig(*LIVE["linalg_eig_any"](A))


def eigvals(A: Any) -> Any:
    """Eigenvalues of any square matrix, as complex numbers. Mirrors `torch.linalg.eigvals`."""
    check_matrix("linalg.eigvals", A._data)
    check_square("linalg.eigvals", A._data)
    return LIVE["linalg_eig_any"](A)[0]


def qr(A: Any, mode: str = "reduced") -> Any:
    """Q and R with A = Q R. Mirrors `torch.linalg.qr`; modes "reduced", "complete" and "r" (no Q)."""
    return return_types.linalg_qr(*LIVE["linalg_qr_mode"](A, mode))


def cholesky(A: Any, *, upper: bool = False) -> Any:
    """The lower triangular L with L L^H = A; raises LinAlgError if there is none. Mirrors `torch.linalg.cholesky`."""
    return rooted("linalg_cholesky_ex_half", "linalg.cholesky", A, upper)


def cholesky_ex(A: Any, *, upper: bool = False, check_errors: bool = False) -> Any:
    """The same, with the order of the first minor that is not positive, or 0. Mirrors `torch.linalg.cholesky_ex`."""
    if check_errors:
        rooted("linalg_cholesky_ex_half", "linalg.cholesky_ex", A, upper)
    return return_types.linalg_cholesky_ex(*LIVE["linalg_cholesky_ex_half"](A, upper))


def lu(A: Any, *, pivot: bool = True) -> Any:
    """P, L and U with A = P L U. Mirrors `torch.linalg.lu` on the CPU, which always exchanges rows."""
    _only_with_pivots(pivot)
    return return_types.linalg_lu(*LIVE["linalg_lu_all"](A))


def lu_factor_ex(A: Any, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """L and U in one matrix, the rows exchanged, and where a zero stands on the diagonal of U, or 0.

    Mirrors `torch.linalg.lu_factor_ex`. Raises RuntimeError for such a zero if `check_errors`.
    """
    _only_with_pivots(pivot)
    if A._data.ndim < 2:
        raise RuntimeError(
            f"torch.lu_factor: Expected tensor with 2 or more dimensions. Got size: {list(A._data.shape)} instead"
        )
    LU, pivots, info = LIVE["linalg_lu_factor_ex_packed"](A)
    if check_errors:
        _check_factored("torch.linalg.lu_factor_ex", info)
    return return_types.linalg_lu_factor_ex(LU, pivots, info)


def _check_factored(function: str, info: Any) -> None:
    """Raises RuntimeError, in the name of `function`, for a zero on the diagonal of U."""
    if info._data.any():
        raise failed(
            function, info._data,
            "U[{0},{0}] is zero and using it on lu_solve would result in a division by zero. If you still want to perform "
            "the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)",
            "One row of the matrix is a combination of the others.",
            RuntimeError,
        )  # fmt: skip


def lu_factor(A: Any, *, pivot: bool = True) -> Any:
    """L and U in one matrix, and the rows exchanged. Mirrors `torch.linalg.lu_factor`; RuntimeError for singular U."""
    LU, pivots, info = lu_factor_ex(A, pivot=pivot)
    _check_factored("torch.linalg.lu_factor", info)
    return return_types.linalg_lu_factor(LU, pivots)


def lu_solve(LU: Any, pivots: Any, B: Any, *, left: bool = True, adjoint: bool = False) -> Any:
    """The X with A X = B, from the factors of A. Mirrors `torch.linalg.lu_solve`."""
    return LIVE["linalg_lu_solve_side"](LU, pivots, B, left, adjoint)


def _only_with_pivots(pivot: bool) -> None:
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")


def householder_product(A: Any, tau: Any) -> Any:
    """The product of Householder reflections. Mirrors `torch.linalg.householder_product`."""
    return reflected(A, tau)


# -- products, norms, numbers ----------------------------------------------------------------------------------
def cross(input: Any, other: Any, *, dim: int = -1) -> Any:
    """The cross product of vectors of three, along `dim`. Mirrors `torch.linalg.cross`."""
    return LIVE["linalg_cross_dim"](input, other, dim)


def diagonal(A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """The diagonal of a matrix, or of each of a batch. Mirrors `torch.linalg.diagonal`."""
    return A.diagonal(offset, dim1, dim2)


def multi_dot(tensors: Any) -> Any:
    """The product of several matrices, in the cheapest order. Mirrors `torch.linalg.multi_dot`."""
    return multiplied(list(tensors))


def vecdot(x: Any, y: Any, *, dim: int = -1) -> Any:
    """The sum of conj(x) * y along `dim`. Mirrors `torch.linalg.vecdot`."""
    if x._data.dtype is not y._data.dtype:
        names = [dtypes.of(each._data.dtype).scalar_name for each in (x, y)]
        raise RuntimeError(
            f"linalg.vecdot: Expected x and y to have the same dtype, but found x of type {names[0]} and y of type "
            f"{names[1]} instead"
        )
    check_numbers("linalg.vecdot", x._data, low=True)
    return (x.conj() * y).sum(dim)


def vander(x: Any, *, N: int | None = None) -> Any:
    """x^0 ... x^(N-1) in a new last dimension. Mirrors `torch.linalg.vander`."""
    size = (x._data.shape[-1] if x._data.ndim else 1) if N is None else N
    if size <= 1:
        raise RuntimeError("N must be greater than 1.")
    return powers_of(x, size)


def matrix_exp(A: Any) -> Any:
    """e^A = 1 + A + A^2 / 2 + .... Mirrors `torch.linalg.matrix_exp`."""
    return LIVE["linalg_matrix_exp_all"](A)


def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Any:
    """How many singular values exceed max(atol, rtol * the largest). Mirrors `torch.linalg.matrix_rank`."""
    return rank(A, tol, atol, rtol, hermitian)


def cond(A: Any, p: Any = None) -> Any:
    """How much A can magnify a relative error: |A| |A^-1| in the norm `p` (by default 2). Mirrors `torch.linalg.cond`."""
    if A._data.ndim < 2:
        raise RuntimeError("linalg.cond: The input tensor must have at least 2 dimensions.")
    if p in (None, 2, -2):
        if not A._data.size:
            return A.detach().sum((-2, -1)).to(dtypes.of(A._data.real.dtype))
        S = svdvals(A)
        ends = S[..., :1] / S[..., -1:] if p != -2 else S[..., -1:] / S[..., :1]
        return ends.squeeze(-1)
    if p not in ("fro", "nuc", 1, -1, math.inf, -math.inf):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    check_square(f"linalg.cond(ord={p})", A._data)
    inverse, info = inv_ex(A)
    return matrix_norm(A, p) * matrix_norm(inverse, p).masked_fill(info != 0, math.inf)
