"""Norms: the length of a vector, and the distance between two.

|x| = sqrt(x_1^2 + ... + x_n^2)      x_i moves |x| by x_i / |x|, and at the origin, where |x| has a tip, by 0
|x|_1 = |x_1| + ... + |x_n|          x_i moves it by its sign
|x|_inf = the largest |x_i|          only the largest moves it
"""

from __future__ import annotations

import math
from typing import Any

from teachgrad import dtypes
from teachgrad.ops import dims, reduce_arrays  # noqa: F401 - the array functions that the entries name
from teachgrad.ops.matrices import check_matrix, check_numbers
from teachgrad.ops.table import LIVE, composite, op, public

# -- the entries -----------------------------------------------------------------------------------------------
op(
    "linalg.vector_norm(self; ord, dim, keepdim)", "LinalgVectorNormBackward0",
    "vector_norm(self, ord, dim, keepdim)",
    self="norm_slope(grad, self, result, ord, dim, keepdim)",
    shown={
        "self": "sgn(self) * abs(self) ** (ord - 1) * expand_back(grad / result ** (ord - 1), self_shape, dim, keepdim)",
    },
    samples=[
        "x.norm()", "x.norm(1)", "x.norm(3)", "x.norm(0.5)", "x.norm(float('inf'))", "x.norm(0)",
        "x.norm(dim=1)", "x.norm(2, 0, True)", "s.norm()", "torch.norm(x, p='fro')",
        "x.norm(-float('inf'), 1)",
    ],
)  # fmt: skip
op(
    "norm.dim(self; p, dim, keepdim)", "NormBackward1", "vector_norm(self, p, dim, keepdim)",
    self="norm_slope(grad, self, result, p, dim, keepdim)",
    shown={
        "self": "sgn(self) * abs(self) ** (p - 1) * expand_back(grad / result ** (p - 1), self_shape, dim, keepdim)",
    },
    samples=["F.pairwise_distance(x, y)", "F.pairwise_distance(x, y, 1)"],
)  # fmt: skip
op(
    "dist.broadcast(self, other; p)", "DistBackward0", "vector_norm(self - other, p, None, False)",
    self="dist_slope(grad, self - other, result, p, self_shape)",
    other="dist_slope(grad, other - self, result, p, other_shape)",
    shown={
        "self": "grad * sgn(self - other) * abs(self - other) ** (p - 1) / result ** (p - 1)",
        "other": "grad * sgn(other - self) * abs(other - self) ** (p - 1) / result ** (p - 1)",
    },
    samples=["torch.dist(x, y)", "torch.dist(x, y, 1)"],
)  # fmt: skip
op(
    "cdist.pairs(x1, x2; p)", "CdistBackward0",
    "vector_norm(x1[..., :, None, :] - x2[..., None, :, :], p, -1, False)",
    x1="folded(cdist_slope(grad, x1, x2, result, p), x1_shape)",
    x2="folded(cdist_slope(grad.mT, x2, x1, result.mT, p), x2_shape)",
    shown={
        "x1": "the gradient of each distance, times the slope of the norm at x1 - x2, summed over the rows of x2",
        "x2": "the same with x1 and x2 exchanged",
    },
    refuses={"c": "cdist only supports floating-point dtypes, X1 got: ComplexDouble"},
    samples=[
        "torch.cdist(x, m)", "torch.cdist(b, x)", "torch.cdist(b, b + 1, p=1.0)", "torch.cdist(v, m)",
        "torch.cdist(x, k)",
    ],
)  # fmt: skip


# -- rules that take more than one expression ------------------------------------------------------------------
@composite
def dist_slope(F: Any, grad: Any, apart: Any, result: Any, p: float, shape: tuple[int, ...]) -> Any:
    """The slope of a distance, added up over what was broadcast; none for p = 0."""
    slope = F.norm_slope(grad, apart, result, p)
    return None if slope is None else F.folded(slope, shape)


@composite
def norm_slope(
    F: Any, grad: Any, self: Any, result: Any, ord: float, dim: dims.Dims = None, keepdim: bool = False
) -> Any:
    """d|x|/dx, which is x / |x| for ord 2 and 0 where |x| is 0; tied extremes share the gradient of the inf norm."""
    if ord == 0:
        return None
    if ord == 1:
        return F.sgn(self) * F.expand_back(grad, self.shape, dim, keepdim)
    if math.isinf(ord):
        largest = F.abs(self) == F.expand_back(result, self.shape, dim, keepdim)
        ties = F.like(F.sum(largest, dim, True), grad)
        return F.sgn(self) * largest * (F.expand_back(grad, self.shape, dim, keepdim) / ties)
    if ord == 2:
        return self * F.expand_back(F.where(result == 0, 0, grad / result), self.shape, dim, keepdim)
    scale = F.expand_back(F.where(result == 0, 0, grad / F.pow(result, ord - 1)), self.shape, dim, keepdim)
    power = F.pow(F.abs(self), ord - 1)
    return F.sgn(self) * (F.where(self == 0, 0, power) if ord < 1 else power) * scale


@composite
def cdist_slope(F: Any, grad: Any, rows: Any, others: Any, result: Any, p: float) -> Any:
    """The gradient of each row: the sum of what its distance to each of the others gives it."""
    apart = rows[..., :, None, :] - others[..., None, :, :]
    ndim = len(apart.shape)
    if p == 0:  # how many differ: a step, flat everywhere
        return F.zeros(F.sum(apart, ndim - 2))
    return F.sum(F.norm_slope(grad, apart, result, p, ndim - 1), ndim - 2)


# -- the faces -------------------------------------------------------------------------------------------------
@public()
def norm(
    input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: dtypes.dtype | None = None, **words: Any
) -> Any:
    """The length of the vector of all elements, or of those along `dim`: (sum of |x|^p)^(1/p). Mirrors `torch.norm`.

    p is a number, inf for the largest |x|, 0 for the number of non-zeros, or "fro", which is 2.
    """
    dim, keepdim = dims.numpy_words("norm", dim, keepdim, words)
    if isinstance(p, str) and p == "nuc":
        return matrix_norm(input, p, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    if dtype is not None:
        input = dims.tensor("norm", input).to(dtype)
    if isinstance(p, str):
        if p != "fro":
            raise RuntimeError(f"linalg.matrix_norm: Order {p} not supported.")
        p = 2
    return LIVE["linalg_vector_norm"](input, 2 if p is None else p, dims.many("norm", input, dim), keepdim)


@public()
def dist(input: Any, other: Any, p: float = 2) -> Any:
    """The p-norm of `input - other`. Mirrors `torch.dist`."""
    return LIVE["dist_broadcast"](input, other, p)


@public(method=False)
def cdist(x1: Any, x2: Any, p: float = 2.0, compute_mode: str = "") -> Any:
    """The p-norm of the difference of each row of `x1` and each of `x2`: (n, k), (m, k) -> (n, m). Mirrors `torch.cdist`.

    `compute_mode`, in PyTorch a matter of speed, changes nothing.
    """
    for name, rows in (("X1", x1), ("X2", x2)):
        if dims.tensor("cdist", rows)._data.ndim < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {rows._data.ndim}D")
    n, m = x1._data.shape[-1], x2._data.shape[-1]
    if n != m:
        raise RuntimeError(f"X1 and X2 must have the same number of columns. X1: {n} X2: {m}")
    return LIVE["cdist_pairs"](x1, x2, p)


# -- norms of torch.linalg -------------------------------------------------------------------------------------
def vector_norm(
    x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None
) -> Any:
    """(sum of |x|^ord)^(1/ord), for inf the largest |x|, for 0 the number of non-zeros.

    Mirrors `torch.linalg.vector_norm`.
    """
    if isinstance(ord, str):
        raise TypeError("linalg_vector_norm(): argument 'ord' (position 2) must be Number, not str")
    if dtype is not None:
        if not (dtype.is_floating_point or dtype.is_complex):
            name = dtype.scalar_name
            raise RuntimeError(f"linalg.vector_norm: dtype should be floating point or complex, but got {name}")
        x = dims.tensor("linalg_vector_norm", x).to(dtype)
    return LIVE["linalg_vector_norm"](x, ord, dims.many("linalg_vector_norm", x, dim), keepdim)


def matrix_norm(
    A: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: dtypes.dtype | None = None
) -> Any:
    """The norm of matrices, by `ord`. Mirrors `torch.linalg.matrix_norm`.

    "fro": of all elements as one vector    1, -1: the largest, smallest sum of a column's sizes
    2, -2: the largest, smallest singular value    inf, -inf: those of a row's    "nuc": the sum of singular values
    """
    if ord not in ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    check_matrix("linalg.matrix_norm", dims.tensor("linalg_matrix_norm", A)._data)
    check_numbers("linalg.matrix_norm", A._data, low=ord not in (2, -2, "nuc"))
    given = tuple(dim) if isinstance(dim, tuple | list) else (dim,)
    if len(given) != 2:
        raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {', '.join(map(str, given))}")
    rows, columns = (dims.one("linalg_matrix_norm", A, each) for each in given)
    if rows == columns:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({', '.join(map(str, given))})")
    if dtype is not None:
        A = A.to(dtype)
    if ord == "fro":
        return vector_norm(A, 2, (rows, columns), keepdim)
    if ord in ("nuc", 2, -2):
        if ord == 2 and not A._data.size:
            A = A.detach()
        others = [d for d in range(A._data.ndim) if d not in (rows, columns)]
        from teachgrad.linalg import svdvals

        S = svdvals(A.permute((*others, rows, columns)))
        found = S.sum(-1, keepdim) if ord == "nuc" else _ends(S, ord > 0, len(others), keepdim)
        back = sorted(range(A._data.ndim), key=(*others, rows, columns).__getitem__)
        return found.unsqueeze(-1).permute(tuple(back)) if keepdim else found
    summed, other = (rows, columns) if abs(ord) == 1 else (columns, rows)
    if summed < other and not keepdim:
        other -= 1
    return _ends(vector_norm(A, 1, summed, keepdim), ord > 0, other, keepdim)


def _ends(values: Any, largest: bool, dim: int, keepdim: bool) -> Any:
    """The largest or smallest of each row; 0 for the largest of an empty one."""
    if largest and not values._data.shape[dim]:
        return values.sum(dim, keepdim)
    return values.amax(dim, keepdim) if largest else values.amin(dim, keepdim)


def linalg_norm(
    A: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: dtypes.dtype | None = None
) -> Any:
    """The norm of a vector or of a matrix: of all elements if `ord` is None. Mirrors `torch.linalg.norm`."""
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    ndim = dims.tensor("linalg_norm", A)._data.ndim
    if dim is None and ndim not in (1, 2) and not isinstance(ord, str):
        raise RuntimeError(f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {ndim}D.")
    if isinstance(ord, str) or (dim is None and ndim == 2) or (isinstance(dim, tuple | list) and len(dim) == 2):
        return matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    return vector_norm(A, ord, dim, keepdim, dtype=dtype)
