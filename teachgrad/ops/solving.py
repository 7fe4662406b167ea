"""Linear systems: A X = B for square, triangular and factored A, and e^A.

    X = A^-1 B          d X = A^-1 (dB - dA X)
                        grad_B = A^-H grad,   grad_A = -grad_B X^H

Solving with the transpose is the whole rule: nobody needs the inverse for it.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from teachgrad.gpu import on_gpu, scipy, xp
from teachgrad.ops.elimination import first_zero_pivots
from teachgrad.ops.matrices import check_numbers, check_solvable, check_square, same_batch, solved
from teachgrad.ops.table import LIVE, composite, op, raw


# -- what the forward expressions compute ----------------------------------------------------------------------
@raw
def inverse_ex(A: Any, function: str = "linalg.inv") -> tuple[Any, Any]:
    """The inverse of each matrix (inf where there is none), and where its elimination met a zero."""
    check_square(function, A)
    check_numbers(function, A)
    if on_gpu(A):  # CuPy raises nothing; where there is no inverse, it gives no finite numbers
        found = solved(A, np.broadcast_to(xp(A).eye(A.shape[-1], dtype=A.dtype), A.shape), True)
        return found, _not_found(found, A)
    try:
        return np.linalg.inv(A), np.zeros(A.shape[:-2], np.int32)[()]
    except np.linalg.LinAlgError:
        fine, good, otherwise, info = _those_with_an_answer(A)
        return np.where(fine, np.linalg.inv(good), otherwise).astype(A.dtype), info


def _those_with_an_answer(A: Any) -> tuple[Any, Any, Any, Any]:
    """Which matrices of a batch NumPy can eliminate, the batch with ones on the diagonal in place of the others, what their
    answers are filled with (inf where there is none, nan where there is nan), and where elimination meets a zero.
    """
    info = first_zero_pivots(A)
    fine = ((info == 0) & np.isfinite(A).all(axis=(-2, -1)))[..., None, None]
    otherwise = np.where(info == 0, np.nan, np.inf)[..., None, None]
    return fine, np.where(fine, A, np.eye(A.shape[-1], dtype=A.dtype)), otherwise, info


def _not_found(X: Any, *given: Any) -> Any:
    """1 for each matrix of a GPU where numbers that are finite gave an answer that is not; else 0."""
    good = [np.isfinite(each).all(axis=(-2, -1)) for each in given]
    return (functools.reduce(np.logical_and, good) & ~np.isfinite(X).all(axis=(-2, -1))).astype(np.int32)


@raw
def inverse(A: Any) -> Any:
    """The inverse of a matrix, for rules."""
    return inverse_ex(A)[0]


LIVE["inverse"] = lambda A: LIVE["linalg_inv_ex_all"](A)[0]


def is_vector(A: Any, B: Any) -> bool:
    """Is B one right side (or one for each of a batch) rather than a matrix of right sides?"""
    return bool(B.ndim == 1 or (A.ndim - 1 == B.ndim and B.shape == A.shape[:-1]))


@raw
def solve_ex(A: Any, B: Any, left: bool = True) -> tuple[Any, Any]:
    """The X for which A X = B (X A = B), and for each matrix where its elimination met a zero."""
    check_square("linalg.solve", A)
    check_numbers("linalg.solve", A)
    vector = is_vector(A, B)
    if vector and not left:
        raise RuntimeError(
            "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. In this case "
            "linalg.solve is equivalent to B / A.squeeze(-1)"
        )
    columns = B[..., None] if vector else B
    check_solvable("linalg.solve", A, columns, left)
    if on_gpu(A):
        X = solved(A, columns, left)
        return (X[..., 0] if vector else X), _not_found(X, A, columns)
    info = np.zeros(A.shape[:-2], np.int32)[()]
    try:
        X = solved(A, columns, left)
    except np.linalg.LinAlgError:
        fine, good, otherwise, info = _those_with_an_answer(A)
        X = np.where(fine, solved(good, columns, left), otherwise).astype(B.dtype)
    return (X[..., 0] if vector else X), info


@raw
def solve(A: Any, B: Any, left: bool = True) -> Any:
    """`solve_ex` without the second answer, for rules."""
    return solve_ex(A, B, left)[0]


LIVE["solve"] = lambda A, B, left=True: LIVE["linalg_solve_ex_side"](A, B, left)[0]


@raw
def solved_triangular(A: Any, B: Any, upper: bool, left: bool, unitriangular: bool) -> Any:
    """The X for which A X = B (X A = B), reading one half of A only, or even taking its diagonal for ones."""
    check_square("linalg.solve_triangular", A)
    if B.ndim < 2:
        raise RuntimeError("linalg.solve_triangular: The input tensor B must have at least 2 dimensions.")
    check_solvable("linalg.solve_triangular", A, B, left)
    if on_gpu(A):
        if not left:
            return by_substitution(A.mT, B.mT, not upper, unitriangular).mT
        return by_substitution(A, B, upper, unitriangular)
    half = np.triu(A, int(unitriangular)) if upper else np.tril(A, -int(unitriangular))
    if unitriangular:
        half = half + np.eye(A.shape[-1], dtype=A.dtype)
    try:
        return solved(half, B, left)
    except np.linalg.LinAlgError:  # a zero on the diagonal: by substitution, which divides by it
        return _substituted(half if left else half.mT, B if left else B.mT, upper == left, left)


def by_substitution(A: Any, B: Any, upper: bool, unitriangular: bool) -> Any:
    """The X for which A X = B, by the GPU's own substitution (cuBLAS's trsm). CuPy 13 takes one matrix at a time."""
    trsm = scipy("linalg", A).solve_triangular
    A, B = same_batch(A, B)
    X = xp(B).zeros(B.shape, B.dtype)
    for place in np.ndindex(*B.shape[:-2]) if B.size else ():
        X[place] = trsm(A[place], B[place], lower=not upper, unit_diagonal=unitriangular)
    return X


def _substituted(A: Any, B: Any, upper: bool, left: bool) -> Any:
    n = A.shape[-1]
    X = np.zeros(np.broadcast_shapes(A.shape[:-2], B.shape[:-2]) + B.shape[-2:], B.dtype)
    for i in range(n - 1, -1, -1) if upper else range(n):
        known = slice(i + 1, n) if upper else slice(0, i)
        rest = B[..., i, :] - (A[..., i, known][..., None, :] @ X[..., known, :])[..., 0, :]
        X[..., i, :] = rest / A[..., i, i][..., None]
    return X if left else X.mT


@raw
def cholesky_solved(B: Any, L: Any, upper: bool) -> Any:
    """The X for which (L L^H) X = B, where L is a Cholesky factor."""
    for name, matrix in (("b", B), ("u", L)):
        if matrix.ndim < 2:
            raise RuntimeError(f"{name} should have at least 2 dimensions, but has {matrix.ndim} dimensions instead")
    check_square("", L)
    half = np.triu(L).conj().mT if upper else np.tril(L)
    return solved(half.conj().mT, solved(half, B, True), True)


@raw
def cholesky_inverted(L: Any, upper: bool) -> Any:
    """(L L^H)^-1, where L is a Cholesky factor."""
    check_square("cholesky_inverse", L)
    half = np.triu(L).conj().mT if upper else np.tril(L)
    return np.linalg.inv(half @ half.conj().mT)


_PADE = [
    64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600,
    670442572800, 33522128640, 1323241920, 40840800, 960960, 16380, 182, 1,
]  # fmt: skip


@raw
def exponential(A: Any) -> Any:
    """e^A = 1 + A + A^2 / 2 + ...: e^(A / 2^s) as a quotient of polynomials (Pade, degree 13), squared s times.

    Higham, "The scaling and squaring method for the matrix exponential revisited", 2005. How often to square is read from
    the matrix, once.
    """
    check_square("linalg.matrix_exp", A)
    check_numbers("linalg.matrix_exp", A, low=True)
    if not A.size:
        return A.copy()
    wide = A.astype(np.complex128 if A.dtype.kind == "c" else np.float64)
    size = float(np.abs(wide).sum(-2).max())
    halvings = max(0, math.ceil(math.log2(size / 5.37))) if 5.37 < size < math.inf else 0
    wide = wide / 2**halvings
    powers = [np.broadcast_to(xp(A).eye(A.shape[-1]), A.shape), wide @ wide]
    while len(powers) < 7:
        powers.append(powers[-1] @ powers[1])
    odd = wide @ sum(_PADE[2 * i + 1] * power for i, power in enumerate(powers))
    even = sum(_PADE[2 * i] * power for i, power in enumerate(powers))
    result = np.linalg.solve(even - odd, even + odd)
    for _ in range(halvings):
        result = result @ result
    return result.astype(A.dtype)


# -- the entries -----------------------------------------------------------------------------------------------
op(
    "linalg.inv_ex.all(A) -> inverse, !info", "LinalgInvExBackward0", "inverse_ex(A)",
    A="-(conj(inverse).mT @ (grad @ conj(inverse).mT))",
    samples=[
        "torch.inverse(m)", "torch.linalg.inv(m)", "torch.inverse(x)", "m.inverse()", "torch.linalg.inv_ex(m)[0]",
        "torch.linalg.inv(torch.ones(3, 3))", "torch.linalg.tensorinv(m, 1)", "torch.linalg.matrix_power(m, -2)",
        "torch.linalg.cond(m.detach(), 1)", "torch.linalg.inv(torch.stack([m, m * 0 + 1]))",
    ],
)  # fmt: skip
op(
    "linalg.solve_ex.side(A, B; left=True) -> solution, !info", "LinalgSolveExBackward0", "solve_ex(A, B, left)",
    A="folded(solve_slope(grad, A, solution, left, B_shape), A_shape)",
    shown={"A": "-solve(A.mT, grad, left) @ solution.mT"},
    B="folded(solve(conj(A).mT, grad, left), B_shape)",
    samples=[
        "torch.linalg.solve(m, v)", "torch.linalg.solve(m, m.t() @ m)", "torch.linalg.solve(m, x)",
        "torch.linalg.solve(m, x, left=False)", "torch.linalg.solve_ex(m, v)[0]", "torch.linalg.tensorsolve(m, v)",
        "torch.linalg.solve(m, torch.stack([m, m]))", "torch.linalg.solve(torch.stack([m, m + 1]), m)",
        "torch.linalg.solve(m * 0 + 1, v)", "torch.linalg.solve(m, v.double() + 1j)",
    ],
)  # fmt: skip
op(
    "linalg.solve_triangular.side(self, B; upper, left=True, unitriangular=False)", "LinalgSolveTriangularBackward0",
    "solved_triangular(self, B, upper, left, unitriangular)",
    self="folded(triangular_slope(grad, self, result, upper, left, unitriangular), self_shape)",
    shown={"self": "-Z @ result.mT on the triangle, where Z is the gradient of B"},
    B="folded(linalg_solve_triangular_side(conj(self).mT, grad, not upper, left, unitriangular), B_shape)",
    samples=[
        "torch.linalg.solve_triangular(m, x.mT, upper=True)", "torch.linalg.solve_triangular(m, x.mT, upper=False)",
        "torch.linalg.solve_triangular(m, x, upper=True, left=False, unitriangular=True)",
        "torch.linalg.solve_triangular(m, v, upper=True)", "torch.linalg.solve_triangular(m, x, upper=True)",
    ],
)  # fmt: skip
op(
    "cholesky_solve.half(self, input2; upper=False)", "CholeskySolveBackward0", "cholesky_solved(self, input2, upper)",
    self="folded(cholesky_solve_half(grad, input2, upper), self_shape)",
    input2="folded(cholesky_solve_slope(grad, input2, result, upper), input2_shape)",
    shown={"input2": "-(Z @ result.mT + result @ Z.mT) @ input2, where Z is the gradient of self"},
    samples=[
        "torch.cholesky_solve(x.mT, torch.linalg.cholesky(m @ m.mH))",
        "x.mT.cholesky_solve(torch.linalg.cholesky(m @ m.mH).mH, upper=True)",
        "torch.cholesky_solve(m, x)",
    ],
)  # fmt: skip
op(
    "cholesky_inverse.half(self; upper=False)", "CholeskyInverseBackward0", "cholesky_inverted(self, upper)",
    self="cholesky_inverse_slope(grad, self, result, upper)",
    shown={"self": "-result @ (grad + grad.mT) @ result @ self, for a lower triangle"},
    samples=[
        "torch.cholesky_inverse(torch.linalg.cholesky(m @ m.mH))", "torch.cholesky_inverse(x)",
        "torch.cholesky_inverse(torch.linalg.cholesky(m @ m.mH).mH, True)",
    ],
)  # fmt: skip
op(
    "linalg.matrix_exp.all(self)", "LinalgMatrixExpBackward0", "exponential(self)",
    self="exponential_slope(grad, self)",
    shown={"self": "the upper right block of exp of the blocks (self.mT, grad; 0, self.mT)"},
    samples=["torch.linalg.matrix_exp(m)", "torch.matrix_exp(m * 5)", "m.matrix_exp()", "torch.matrix_exp(x)"],
)  # fmt: skip


# -- rules that take more than one expression ------------------------------------------------------------------
@composite
def solve_slope(F: Any, grad: Any, A: Any, solution: Any, left: bool, b_shape: tuple[int, ...]) -> Any:
    """-(A^-H grad) X^H, or -X^H (grad A^-H)."""
    back = F.solve(F.adjoint_of(A), grad, left)
    if len(b_shape) == 1 or (len(A.shape) - 1 == len(b_shape) and b_shape == A.shape[:-1]):
        return -(back[..., None] * F.conj(solution)[..., None, :])
    return -(back @ F.adjoint_of(solution) if left else F.adjoint_of(solution) @ back)


@composite
def triangular_slope(F: Any, grad: Any, A: Any, result: Any, upper: bool, left: bool, unitriangular: bool) -> Any:
    """The same, kept to the half of A that was read."""
    back = F.linalg_solve_triangular_side(F.adjoint_of(A), grad, not upper, left, unitriangular)
    whole = -(back @ F.adjoint_of(result) if left else F.adjoint_of(result) @ back)
    return F.triu(whole, int(unitriangular)) if upper else F.tril(whole, -int(unitriangular))


@composite
def cholesky_solve_slope(F: Any, grad: Any, L: Any, result: Any, upper: bool) -> Any:
    """The gradient of A = L L^H is -(A^-1 grad) X^H; its Hermitian part reaches L."""
    through = F.cholesky_solve_half(grad, L, upper) @ F.adjoint_of(result)
    through = through + F.adjoint_of(through)
    return -F.triu(F.triu(L, 0) @ through, 0) if upper else -F.tril(through @ F.tril(L, 0), 0)


@composite
def cholesky_inverse_slope(F: Any, grad: Any, L: Any, result: Any, upper: bool) -> Any:
    """-A^-1 (grad + grad^H) A^-1 L."""
    through = result @ (grad + F.adjoint_of(grad)) @ result
    return -F.triu(F.triu(L, 0) @ through, 0) if upper else -F.tril(through @ F.tril(L, 0), 0)


@composite
def exponential_slope(F: Any, grad: Any, A: Any) -> Any:
    """The upper right block of exp of the block matrix (A^H, grad; 0, A^H): Mathias, 1996."""
    n = A.shape[-1]
    Ah = F.adjoint_of(A)
    last = len(A.shape) - 1
    upper = F.cat([Ah, grad], last)
    lower = F.cat([F.zeros(A), Ah], last)
    return F.linalg_matrix_exp_all(F.cat([upper, lower], last - 1))[..., :n, n:]
