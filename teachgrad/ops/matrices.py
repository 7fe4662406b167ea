"""What the linear algebra asks of its matrices before it begins, and the small parts that its rules are built of."""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgrad import dtypes, errors
from teachgrad.autograd.variable import wrap
from teachgrad.gpu import on_gpu, to_host, xp
from teachgrad.ops import dims
from teachgrad.ops.table import composite


class _LinAlgError(RuntimeError):
    """A matrix for which there is no answer. Mirrors `torch.linalg.LinAlgError`, which prints itself by this name."""


LinAlgError = _LinAlgError


# -- checks ----------------------------------------------------------------------------------------------------
def check_numbers(function: str, matrix: Any, *, kernel: str = "", low: bool = False) -> None:
    """Raises RuntimeError for whole numbers and, unless `low`, for numbers of 16 bits, in PyTorch's words for `function`."""
    name = dtypes.of(matrix.dtype).scalar_name
    if kernel and (matrix.dtype.kind not in "fc" or matrix.dtype.itemsize == 2):
        if matrix.size:
            raise errors.not_for_dtype(kernel, name)
        return
    if matrix.dtype.kind not in "fcV":
        raise RuntimeError(f"{function}: Expected a floating point or complex tensor as input. Got {name}")
    if matrix.dtype.itemsize == 2 and not low:
        raise RuntimeError(f"{function}: Low precision dtypes not supported. Got {name}")


def check_matrix(function: str, matrix: Any, name: str = "A") -> None:
    """Raises RuntimeError for what has less than two dimensions."""
    if matrix.ndim < 2:
        raise RuntimeError(f"{function}: The input tensor {name} must have at least 2 dimensions.")


def check_square(function: str, matrix: Any) -> None:
    """Raises RuntimeError unless `matrix` is square, or a batch of square matrices."""
    check_matrix(function, matrix)
    rows, columns = matrix.shape[-2:]
    if rows != columns:
        title = f"{function}: " if function else ""
        raise errors.explained(
            RuntimeError(f"{title}A must be batches of square matrices, but they are {rows} by {columns} matrices"),
            "Only a square matrix has a determinant, an inverse or eigenvalues.",
        )


def check_solvable(function: str, A: Any, B: Any, left: bool = True) -> None:
    """Raises RuntimeError unless A X = B (or X A = B) makes sense."""
    if A.dtype is not B.dtype:
        names = [dtypes.of(array.dtype).scalar_name for array in (A, B)]
        raise RuntimeError(
            f"{function}: Expected A and B to have the same dtype, but found A of type {names[0]} and B of type {names[1]} "
            "instead"
        )
    if A.shape[-1] != B.shape[-2 if left else -1]:
        sizes = ["x".join(map(str, array.shape[-2:])) for array in (A, B)]
        raise RuntimeError(
            f"{function}: Incompatible shapes of A and B for the equation {'AX' if left else 'XA'} = B "
            f"({sizes[0]} and {sizes[1]})"
        )
    clash = errors.broadcast(A.shape[:-2], B.shape[:-2])
    if clash is not None:
        raise clash


def failed(function: str, info: Any, text: str, note: str, kind: type[RuntimeError] = _LinAlgError) -> RuntimeError:
    """The error for the first matrix whose `info` is not 0; `{0}` in the text stands for that number."""
    info = np.asarray(to_host(info))
    place = np.flatnonzero(info)[0]
    batch = f"(Batch element {place}): " if info.ndim else ""
    return errors.explained(kind(f"{function}: {batch}{text.format(info.flat[place])}"), note)


def solved(A: Any, B: Any, left: bool) -> Any:
    """The X for which A X = B, or X A = B. On a GPU it is not finite where there is none."""
    if not left:
        return solved(A.mT, B.mT, True).mT
    if not on_gpu(A):
        return np.linalg.solve(A, B)
    A, B = same_batch(A, B)
    return np.linalg.solve(A, B) if B.size else xp(B).zeros(B.shape, B.dtype)


def same_batch(A: Any, B: Any) -> tuple[Any, Any]:
    """Two batches of matrices with their first dimensions broadcast, which CuPy does not do by itself."""
    if A.shape[:-2] == B.shape[:-2]:
        return A, B
    batch = np.broadcast_shapes(A.shape[:-2], B.shape[:-2])
    return np.broadcast_to(A, (*batch, *A.shape[-2:])), np.broadcast_to(B, (*batch, *B.shape[-2:]))


# -- parts of rules --------------------------------------------------------------------------------------------
@dims.in_rules
def eye_like(shape: tuple[int, ...], values: Any) -> Any:
    """Ones on the diagonal, zeros elsewhere, as an array or tensor like `values`."""
    if hasattr(values, "_data"):
        return wrap(xp(values._data).eye(*shape, dtype=values._data.dtype))
    return xp(values).eye(*shape, dtype=values.dtype)


@composite
def adjoint_of(F: Any, A: Any) -> Any:
    """A^H, the transpose with a bar over each number."""
    return F.conj(A).mT


@composite
def diagonal_values(F: Any, A: Any) -> Any:
    """The diagonal of a square matrix, as a vector."""
    return F.sum(A * eye_like(A.shape[-2:], A), len(A.shape) - 1)


@composite
def on_diagonal(F: Any, values: Any) -> Any:
    """A vector as the diagonal of a matrix of zeros."""
    return values[..., None] * eye_like(values.shape[-1:], values)


@composite
def cast_like(F: Any, values: Any, model: Any) -> Any:
    """`values` in the dtype of `model`: real ones become complex, complex ones lose their imaginary part."""
    have, want = ((each._data if hasattr(each, "_data") else each).dtype for each in (values, model))
    return values if have is want else F.to_copy(values, want)
