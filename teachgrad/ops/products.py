"""What the products compute on arrays, after checking that the arguments fit together.

NumPy would multiply some things that PyTorch refuses (a float matrix by an integer one, a matrix where a vector is
due), so every product checks its arguments first and says in PyTorch's words what is wrong with them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgrad import dtypes, errors
from teachgrad.autograd.fit import unbroadcast, unbroadcast_live
from teachgrad.gpu import xp
from teachgrad.ops.table import LIVE, raw

_SHAPES_NOTE = (
    "The columns of the first matrix must be as many as the rows of the second. Is one of them transposed? x @ w.T, or "
    "x.T @ w, may be what was meant."
)
_DTYPES_NOTE = "Products do not convert. Bring both to one dtype first, for instance with x.float()."


def _names(*arrays: Any) -> list[str]:
    return [dtypes.of(array.dtype).scalar_name for array in arrays]


def _times(array: Any) -> str:
    return "x".join(map(str, array.shape))


def _cannot_multiply(a: Any, b: Any) -> RuntimeError:
    text = f"mat1 and mat2 shapes cannot be multiplied ({_times(a)} and {_times(b)})"
    return errors.explained(RuntimeError(text), _SHAPES_NOTE)


def _no_bools(kernel: str) -> NotImplementedError:
    return NotImplementedError(f"\"{kernel}\" not implemented for 'Bool'")


def _differ(text: str) -> RuntimeError:
    return errors.explained(RuntimeError(text), _DTYPES_NOTE)


@raw
def mm_of(self: Any, mat2: Any) -> Any:
    """(n, k) times (k, m)."""
    if self.ndim != 2 or mat2.ndim != 2:
        raise RuntimeError(f"{'self' if self.ndim != 2 else 'mat2'} must be a matrix")
    if self.dtype is not mat2.dtype:
        names = [dtypes.of(array.dtype).c_name for array in (self, mat2)]
        raise _differ(f"expected m1 and m2 to have the same dtype, but got: {names[0]} != {names[1]}")
    if self.shape[1] != mat2.shape[0]:
        raise _cannot_multiply(self, mat2)
    if self.dtype.kind == "b":
        raise _no_bools("addmm_impl_cpu_")
    return self @ mat2


@raw
def product(left: Any, right: Any, strides: tuple[int, ...]) -> Any:
    """left @ right, lying in memory as a matrix of these strides does.

    A weight is used transposed, x @ W.T, and its gradient is transposed once more on its way back: computed the other way
    round it arrives row by row, as W lies. Mirrors PyTorch's `mm_mat2_backward`.
    """
    return (right.T @ left.T).T if strides[0] < strides[1] else left @ right


LIVE["product"] = lambda left, right, strides: left @ right


@raw
def mv_of(self: Any, vec: Any) -> Any:
    """(n, k) times (k,)."""
    if self.ndim != 2 or vec.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got 1, {self.ndim}, {vec.ndim}")
    if self.shape[1] != vec.shape[0]:
        text = f"size mismatch, got input ({self.shape[0]}), mat ({_times(self)}), vec ({vec.shape[0]})"
        raise errors.explained(RuntimeError(text), "The vector must be as long as the matrix is wide.")
    if self.dtype is not vec.dtype:
        a, b = _names(self, vec)
        raise _differ(f"addmv input tensors must have the same dtype, but got {b}, {a}, and {b}")
    if self.dtype.kind == "b":
        raise _no_bools("addmv_impl_cpu")
    return self @ vec


@raw
def dot_of(self: Any, other: Any, name: str = "dot") -> Any:
    """(n,) times (n,), a number."""
    if self.ndim != 1 or other.ndim != 1:
        raise errors.explained(
            RuntimeError(f"1D tensors expected, but got {self.ndim}D and {other.ndim}D tensors"),
            "dot takes two vectors. For matrices there is x @ y, for the sum of all products (x * y).sum().",
        )
    if self.dtype is not other.dtype:
        a, b = _names(self, other)
        raise _differ(f"dot : expected both vectors to have same dtype, but found {a} and {b}")
    if self.shape != other.shape:
        n, m = self.shape[0], other.shape[0]
        raise errors.explained(
            RuntimeError(
                f"inconsistent tensor size, expected tensor [{n}] and src [{m}] to have the same number of elements, "
                f"but got {n} and {m} elements respectively"
            ),
            "Both vectors must be of the same length.",
        )
    if self.dtype.kind == "b":
        raise _no_bools(name)
    return self @ other


@raw
def bmm_of(self: Any, mat2: Any) -> Any:
    """(b, n, k) times (b, k, m): one product for each of the b."""
    if self.ndim != 3 or mat2.ndim != 3:
        raise RuntimeError(f"{'batch1' if self.ndim != 3 else 'batch2'} must be a 3D tensor")
    if mat2.shape[:2] != (self.shape[0], self.shape[2]):
        raise errors.explained(
            RuntimeError(
                "Expected size for first two dimensions of batch2 tensor to be: "
                f"[{self.shape[0]}, {self.shape[2]}] but got: {list(mat2.shape[:2])}."
            ),
            _SHAPES_NOTE,
        )
    if self.dtype is not mat2.dtype:
        raise _differ("expected scalar type {} but found {}".format(*_names(self, mat2)))
    if self.dtype.kind == "b":
        raise _no_bools("bmm")
    return self @ mat2


@raw
def addmm_of(self: Any, mat1: Any, mat2: Any, beta: float = 1, alpha: float = 1) -> Any:
    """beta * self + alpha * mat1 @ mat2, the layer of a network in one op."""
    for name, matrix in (("mat1", mat1), ("mat2", mat2)):
        if matrix.ndim != 2:
            raise RuntimeError(f"{name} must be a matrix, got {matrix.ndim}-D tensor")
    if mat1.dtype is not mat2.dtype:
        raise _differ("mat1 and mat2 must have the same dtype, but got {} and {}".format(*_names(mat1, mat2)))
    if mat1.shape[1] != mat2.shape[0]:
        raise _cannot_multiply(mat1, mat2)
    if self.dtype is not mat2.dtype:
        raise _differ("self and mat2 must have the same dtype, but got {} and {}".format(*_names(self, mat2)))
    if mat2.strides[0] < mat2.strides[1] and 1 < len(mat1) < mat2.shape[1]:
        return _added(self, (mat2.T @ mat1.T).T, beta, alpha)  # x W^T for few x: BLAS is faster at W x^T
    return _added(self, mat1 @ mat2, beta, alpha)


@raw
def addmv_of(self: Any, mat: Any, vec: Any, beta: float = 1, alpha: float = 1) -> Any:
    """beta * self + alpha * mat @ vec."""
    if self.dtype is not mat.dtype or self.dtype is not vec.dtype:
        names = [dtypes.of(array.dtype).scalar_name for array in (self, mat, vec)]
        raise _differ("addmv input tensors must have the same dtype, but got {}, {}, and {}".format(*names))
    return _added(self, mv_of(mat, vec), beta, alpha)


@raw
def addr_of(self: Any, vec1: Any, vec2: Any, beta: float = 1, alpha: float = 1) -> Any:
    """beta * self + alpha * (the outer product of the vectors)."""
    for name, factor in (("beta", beta), ("alpha", alpha)):
        if isinstance(factor, float) and all(array.dtype.kind in "iu" for array in (self, vec1, vec2)):
            raise RuntimeError(f"For integral input tensors, argument {name} must not be a floating point number.")
    return _added(self, np.multiply.outer(vec1, vec2), beta, alpha)


@raw
def addbmm_of(self: Any, batch1: Any, batch2: Any, beta: float = 1, alpha: float = 1) -> Any:
    """beta * self + alpha * (the sum of batch1 @ batch2)."""
    if self.dtype is not batch2.dtype and batch1.dtype is batch2.dtype:
        raise _differ("self and mat2 must have the same dtype, but got {} and {}".format(*_names(self, batch2)))
    return _added(self, np.add.reduce(bmm_of(batch1, batch2), axis=0), beta, alpha)


@raw
def baddbmm_of(self: Any, batch1: Any, batch2: Any, beta: float = 1, alpha: float = 1) -> Any:
    """beta * self + alpha * batch1 @ batch2."""
    if self.dtype is not batch1.dtype or batch1.dtype is not batch2.dtype:
        have = [dtypes.of(array.dtype).c_name for array in (self, batch1, batch2)]
        raise _differ("Input dtypes must be the same, got: input {}, batch1: {}, batch2: {}".format(*have))
    return _added(self, bmm_of(batch1, batch2), beta, alpha)


def _added(self: Any, product: Any, beta: float, alpha: float) -> Any:
    """beta * self + alpha * product, row by row in memory. For integers, the factors are cut to integers, too."""
    if product.dtype.kind in "iu":
        beta, alpha = int(beta), int(alpha)
    if alpha != 1:
        product *= alpha
    try:
        result = product if product.flags.c_contiguous else xp(product).empty(product.shape, product.dtype)
        return np.add(product, self if beta == 1 else self * beta, out=result)
    except ValueError:
        raise _cannot_expand(self.shape, product.shape) from None


def _cannot_expand(have: tuple[int, ...], want: tuple[int, ...]) -> RuntimeError:
    """The error for a term that cannot be broadcast to the product's shape."""
    missing = len(want) - len(have)
    for dim, size in enumerate(have, missing):
        if dim >= 0 and size not in (1, want[dim]):
            break
    return errors.explained(
        RuntimeError(
            f"The expanded size of the tensor ({want[dim]}) must match the existing size ({size}) at non-singleton "
            f"dimension {dim}.  Target sizes: {list(want)}.  Tensor sizes: {list(have)}"
        ),
        "The term that is added (a bias, say) must have the product's shape, or one that broadcasts to it.",
    )


@raw
def scaled(grad: Any, factor: float) -> Any:
    """`grad * factor`, without the work when the factor is 1."""
    return grad if factor == 1 else grad * factor


LIVE["scaled"] = scaled


@raw
def folded(grad: Any, shape: tuple[int, ...]) -> Any:
    """The transpose of broadcasting from `shape`: the gradients of all copies, added."""
    return unbroadcast(grad, shape, grad.dtype)


LIVE["folded"] = lambda grad, shape: unbroadcast_live(grad, shape, grad._data.dtype)
