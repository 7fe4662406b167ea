"""Linear algebra as `torch` offers it outside `torch.linalg`: older names, mostly methods too."""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgrad import gpu, return_types
from teachgrad.autograd.variable import wrap
from teachgrad.ops import dims, nearest
from teachgrad.ops.elimination import first_zero_pivots
from teachgrad.ops.linalg import matmul
from teachgrad.ops.matrices import check_square, failed
from teachgrad.ops.table import LIVE, OPS, public

_SINGULAR = "One row of the matrix is a combination of the others, so it has no inverse."
_NOT_POSITIVE = (
    "A Cholesky factor exists only for a symmetric (Hermitian) matrix with positive eigenvalues. torch.linalg.eigvalsh(A) "
    "shows them; adding a small multiple of the identity often helps."
)


def inverted(input: Any, function: str = "linalg.inv") -> Any:
    """The inverse; raises LinAlgError, in the name of `function`, for a matrix that has none."""
    result, info = LIVE["linalg_inv_ex_all"](dims.tensor("linalg_inv", input))
    if info._data.any():
        text = "The diagonal element {} is zero, the inversion could not be completed because the input matrix is singular."
        raise failed(function, info._data if not gpu.on_gpu(info._data) else _place(input, info), text, _SINGULAR)
    return result


def _place(input: Any, info: Any) -> Any:
    """Which element of the diagonal is zero. CuPy tells only that there is no inverse."""
    exact = first_zero_pivots(input._data)
    return np.where((info._data != 0) & (exact != 0), exact, info._data)


def rooted(op: str, function: str, input: Any, upper: bool) -> Any:
    """The Cholesky factor; raises LinAlgError, in the name of `function`, for a matrix that has none."""
    L, info = LIVE[op](dims.tensor(function, input), upper)
    if info._data.any():
        text = (
            "The factorization could not be completed because the input is not positive-definite (the leading minor of "
            "order {} is not positive-definite)."
        )
        raise failed(function, info._data, text, _NOT_POSITIVE)
    return L


@public()
def inverse(input: Any) -> Any:
    """The inverse of a square matrix, or of each of a batch; LinAlgError if there is none. Mirrors `torch.inverse`."""
    return inverted(input)


@public()
def cholesky(input: Any, upper: bool = False) -> Any:
    """The lower triangular L with L L^H = input. Mirrors `torch.cholesky`."""
    return rooted("cholesky_half", "cholesky", input, upper)


@public()
def cholesky_solve(input: Any, input2: Any, upper: bool = False) -> Any:
    """The X with A X = input, where input2 is a Cholesky factor of A. Mirrors `torch.cholesky_solve`."""
    return LIVE["cholesky_solve_half"](input, input2, upper)


@public()
def cholesky_inverse(input: Any, upper: bool = False) -> Any:
    """The inverse of the matrix whose Cholesky factor is `input`. Mirrors `torch.cholesky_inverse`."""
    return LIVE["cholesky_inverse_half"](input, upper)


@public()
def svd(input: Any, some: bool = True, compute_uv: bool = True) -> Any:
    """U, S and V with input = U S V^H; only the first min(m, n) columns if `some`. Mirrors `torch.svd`."""
    if dims.tensor("svd", input)._data.ndim < 2:
        raise RuntimeError(
            f"linalg.svd: input should have at least 2 dimensions, but has {input._data.ndim} dimensions instead"
        )
    if compute_uv:
        U, S, Vh = OPS["linalg.svd.full"](input, not some)
        return return_types.svd(U, S, Vh.mH)
    *batch, m, n = input._data.shape
    empty = (wrap(gpu.xp(input._data).zeros((*batch, size, size), input._data.dtype)) for size in (m, n))
    return return_types.svd(next(empty), OPS["linalg.svd.full"](input, False)[1], next(empty))


@public()
def qr(input: Any, some: bool = True) -> Any:
    """Q and R with input = Q R. Mirrors `torch.qr`."""
    return return_types.qr(*LIVE["linalg_qr_mode"](dims.tensor("qr", input), "reduced" if some else "complete"))


@public()
def pinverse(input: Any, rcond: float = 1e-15) -> Any:
    """The pseudo-inverse; singular values below rcond * the largest count as 0. Mirrors `torch.pinverse`."""
    return LIVE["linalg_pinv_limits"](dims.tensor("pinverse", input), 0.0, rcond, False)


@public()
def matrix_exp(input: Any) -> Any:
    """e^A = 1 + A + A^2 / 2 + ... of each square matrix. Mirrors `torch.matrix_exp`."""
    return LIVE["linalg_matrix_exp_all"](dims.tensor("matrix_exp", input))


@public()
def matrix_power(input: Any, n: int) -> Any:
    """`input` multiplied n times by itself; the inverse n times if n is negative. Mirrors `torch.matrix_power`."""
    check_square("linalg.matrix_power", dims.tensor("linalg_matrix_power", input)._data)
    if n.__class__ is not int:
        raise TypeError(f"linalg_matrix_power(): argument 'n' (position 2) must be int, not {type(n).__name__}")
    if n < 0:
        return matrix_power(inverted(input), -n)
    if n == 0:
        ones = np.broadcast_to(
            gpu.xp(input._data).eye(input._data.shape[-1], dtype=input._data.dtype), input._data.shape
        )
        return input.clone().copy_(wrap(ones.copy()))
    if n == 1:
        return input.clone()
    if n == 3:
        return matmul(matmul(input, input), input)
    power, result = input, None
    while True:  # n in binary digits: the powers 1, 2, 4, 8, ... of which the result is a product
        if n % 2:
            result = power if result is None else matmul(result, power)
        n //= 2
        if not n:
            return result
        power = matmul(power, power)


@public(method=False)
def chain_matmul(*matrices: Any) -> Any:
    """The product of several matrices. Mirrors `torch.chain_matmul`."""
    listed = list(matrices[0]) if len(matrices) == 1 and isinstance(matrices[0], list | tuple) else list(matrices)
    return listed[0] if len(listed) == 1 else multiplied(listed)


def multiplied(matrices: list[Any]) -> Any:
    """The product of two or more matrices, of which the first and last may be vectors, in the cheapest order.

    Raises RuntimeError for fewer, for other shapes, and for sizes that do not fit.
    """
    n = len(matrices)
    if n < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {n}")
    rows = [int(matrices[place]._data.ndim == 1) for place in (0, -1)]
    sheets = list(matrices)
    if rows[0]:
        sheets[0] = sheets[0].unsqueeze(0)
    if rows[1]:
        sheets[-1] = sheets[-1].unsqueeze(-1)
    for place, sheet in enumerate(sheets):
        if sheet._data.ndim != 2:
            either = "1D or 2D" if place in (0, n - 1) else "2D"
            raise RuntimeError(f"multi_dot(): tensor {place} must be {either} but got {matrices[place]._data.ndim}D")
    for place in range(n - 1):
        if sheets[place]._data.shape[1] != sheets[place + 1]._data.shape[0]:
            shapes = [list(matrices[i]._data.shape) for i in (place, place + 1)]
            raise RuntimeError(
                f"multi_dot(): tensors {place} and {place + 1} with shapes {shapes[0]} and {shapes[1]} cannot be multiplied"
            )
    sizes = [sheets[0]._data.shape[0], *(sheet._data.shape[1] for sheet in sheets)]
    cost: dict[tuple[int, int], tuple[int, int]] = {(i, i): (0, i) for i in range(n)}  # multiplications, where to cut
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            cost[i, j] = min(
                (cost[i, k][0] + cost[k + 1, j][0] + sizes[i] * sizes[k + 1] * sizes[j + 1], -k if n == 3 else k)
                for k in range(i, j)
            )

    def product(i: int, j: int) -> Any:
        cut = abs(cost[i, j][1])
        return sheets[i] if i == j else LIVE["mm"](product(i, cut), product(cut + 1, j))

    return product(0, n - 1).view(
        tuple(size for size, gone in zip((sizes[0], sizes[-1]), rows, strict=True) if not gone)
    )


@public(method=False)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The powers of each element as a row: x^(N-1) ... x^0, or the other way round. Mirrors `torch.vander`."""
    if dims.tensor("vander", x)._data.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    powers = powers_of(x, x._data.shape[0] if N is None else N)
    return powers if increasing else powers.flip(1)


def powers_of(x: Any, N: int) -> Any:
    """x^0 ... x^(N-1) in a new last dimension."""
    shape = (*x._data.shape, N - 1)
    first = wrap(gpu.xp(x._data).ones((*x._data.shape, min(N, 1)), x._data.dtype))
    return LIVE["cat"]([first, x.unsqueeze(-1).expand(shape).cumprod(-1)], len(shape) - 1) if N > 1 else first


@public("lu_solve")
def lu_solve(input: Any, LU_data: Any, LU_pivots: Any) -> Any:
    """The X with A X = input, from the factors of A. Mirrors `torch.lu_solve`."""
    return LIVE["linalg_lu_solve_side"](LU_data, LU_pivots, input, True, False)


@public(method=False)
def lu_unpack(LU_data: Any, LU_pivots: Any, unpack_data: bool = True, unpack_pivots: bool = True) -> Any:
    """P, L and U from what `torch.linalg.lu_factor` returns. Mirrors `torch.lu_unpack`."""
    P, L, U = LIVE["lu_unpack_all"](LU_data, LU_pivots)
    none = wrap(gpu.xp(LU_data._data).zeros(0, LU_data._data.dtype))
    return return_types.lu_unpack(P if unpack_pivots else none, *((L, U) if unpack_data else (none, none)))


@public("orgqr")
def orgqr(input: Any, input2: Any) -> Any:
    """The product of Householder reflections. Mirrors `torch.orgqr`."""
    return reflected(input, input2)


def reflected(vectors: Any, scales: Any) -> Any:
    """The first n columns of H_1 H_2 ..., with H_i = 1 - scale_i v_i v_i^H; v_i is column i below a 1."""
    (*batch, m, n), k = vectors._data.shape, scales._data.shape[-1]
    if m < n:
        function = "torch.linalg.householder_product"
        raise RuntimeError(f"{function}: input.shape[-2] must be greater than or equal to input.shape[-1]")
    unit = gpu.xp(vectors._data).eye(m, n, dtype=vectors._data.dtype)
    product: Any = wrap(np.broadcast_to(unit, (*batch, m, n)).copy())
    columns = vectors.tril(-1) + wrap(unit)
    for i in reversed(range(k)):
        v = columns[..., :, i : i + 1]
        product = product - scales[..., i : i + 1, None] * (v @ (v.mH @ product))
    return product


def rank(A: Any, tol: Any, atol: Any, rtol: Any, hermitian: bool) -> Any:
    """How many singular values are larger than the tolerance."""
    data, there = A._data, gpu.xp(A._data)
    if data.ndim < 2:
        raise RuntimeError("torch.linalg.matrix_rank: The input tensor input must have at least 2 dimensions.")
    if data.dtype.kind not in "fc":
        raise RuntimeError("This function doesn't handle types other than float and double")
    tol, atol, rtol = (each._data if hasattr(each, "_data") else each for each in (tol, atol, rtol))
    if not data.size:
        return wrap(there.zeros(data.shape[:-2], np.int64)[()])
    S = np.abs(np.linalg.eigvalsh(data)) if hermitian else np.linalg.svd(data, compute_uv=False)
    limit = nearest.threshold(S, data.shape, atol, rtol) if tol is None else there.asarray(tol)
    return wrap((limit[..., None] < S).sum(-1)[()])
