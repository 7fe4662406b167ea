"""`torch.linalg`: norms, products, determinants, inverses and linear systems."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

from teachgrad import dtypes
from teachgrad.ops import dims
from teachgrad.ops.linalg import matmul
from teachgrad.ops.square import LinAlgError, matrix_power
from teachgrad.ops.table import LIVE

__all__ = [
    "LinAlgError", "cross", "det", "diagonal", "inv", "matmul", "matrix_norm", "matrix_power", "multi_dot",
    "norm", "slogdet", "solve", "vector_norm",
]  # fmt: skip


def det(A: Any) -> Any:
    """The determinant of a square matrix, or of each of a batch. Mirrors `torch.linalg.det`."""
    return LIVE["linalg_det"](A)


def slogdet(A: Any) -> Any:
    """The sign of the determinant and the logarithm of its size. Mirrors `torch.linalg.slogdet`."""
    return LIVE["linalg_slogdet"](A)


def inv(A: Any) -> Any:
    """The inverse of a square matrix; raises LinAlgError if there is none. Mirrors `torch.linalg.inv`."""
    return LIVE["linalg_inv_ex"](A)


def solve(A: Any, B: Any) -> Any:
    """The X for which A @ X = B; raises LinAlgError if A is singular. Mirrors `torch.linalg.solve`."""
    return LIVE["linalg_solve_ex"](A, B)


def cross(input: Any, other: Any, *, dim: int = -1) -> Any:
    """The cross product of vectors of three, along `dim`. Mirrors `torch.linalg.cross`."""
    return LIVE["linalg_cross_dim"](input, other, dim)


def diagonal(A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """The diagonal of a matrix, or of each of a batch. Mirrors `torch.linalg.diagonal`."""
    return LIVE["diagonal"](A, offset, dim1, dim2)


def multi_dot(tensors: Any) -> Any:
    """The product of several matrices. Mirrors `torch.linalg.multi_dot` (from left to right, whatever is cheapest)."""
    return reduce(matmul, tensors)


def vector_norm(
    x: Any, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None
) -> Any:
    """(sum of |x|^ord)^(1/ord), for inf the largest |x|, for 0 the number of non-zeros.

    Mirrors `torch.linalg.vector_norm`.
    """
    if dtype is not None:
        x = dims.tensor("linalg_vector_norm", x).to(dtype)
    return LIVE["linalg_vector_norm"](x, ord, dims.many("linalg_vector_norm", x, dim), keepdim)


def matrix_norm(
    A: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: dtypes.dtype | None = None
) -> Any:
    """The norm of matrices: "fro" of all elements, 1 and inf the largest sum of a column or row.

    Mirrors `torch.linalg.matrix_norm`.
    Raises RuntimeError for the orders that need singular values (2, -2, "nuc"), which teachgrad does not compute.
    """
    if dtype is not None:
        A = dims.tensor("linalg_matrix_norm", A).to(dtype)
    if ord == "fro":
        return vector_norm(A, 2, dim, keepdim)
    if isinstance(ord, str) or abs(ord) not in (1, math.inf):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    rows, columns = (dims.one("linalg_matrix_norm", A, each) for each in dim)
    summed, other = (rows, columns) if abs(ord) == 1 else (columns, rows)
    if summed < other and not keepdim:
        other -= 1
    sums = vector_norm(A, 1, summed, keepdim)
    return sums.amax(other, keepdim) if ord > 0 else sums.amin(other, keepdim)


def norm(A: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None) -> Any:
    """The norm of a vector or of a matrix: of all elements if `ord` is None. Mirrors `torch.linalg.norm`."""
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    of_matrix = (dim is None and A._data.ndim == 2) or (isinstance(dim, tuple | list) and len(dim) == 2)
    if of_matrix or isinstance(ord, str):
        return matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    return vector_norm(A, ord, dim, keepdim, dtype=dtype)
