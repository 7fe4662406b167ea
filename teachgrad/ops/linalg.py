"""Products of vectors and matrices, and the linear algebra built on them.

    C = A B         c_ij = sum over k of a_ik b_kj
                    grad_A = grad B^T,  grad_B = A^T grad        the shapes leave no other choice

`matmul` is the general product. Like PyTorch, it has no node of its own: it brings its arguments into the shapes of one
of dot, mv, mm, bmm, and these appear in the graph with the views around them. The array functions that check the
arguments are in `products.py`.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from teachgrad import errors
from teachgrad.autograd.variable import TensorBase, bump
from teachgrad.ops import dims, products  # noqa: F401 - the array functions that the entries name
from teachgrad.ops.table import FUNCTIONS, LIVE, METHODS, OPS, RAW, op, public

# -- the entries -----------------------------------------------------------------------------------------------
op(
    "dot(self, tensor)", "DotBackward0", "dot_of(self, tensor)",
    self="grad * conj(tensor)", tensor="grad * conj(self)",
    samples=["torch.dot(v, u)", "v.dot(v)"],
)  # fmt: skip
op(
    "vdot(self, other)", "VdotBackward0", "dot_of(conj(self), other, 'vdot')",
    self="conj(grad) * other", other="grad * self",
    samples=["torch.vdot(v, u)"],
)  # fmt: skip
op(
    "mv(self, vec)", "MvBackward0", "mv_of(self, vec)",
    self="outer(grad, conj(vec))", vec="conj(self).T @ grad",
    samples=["torch.mv(m, v)", "x.mv(u)", "x.t().mv(x[:, 0])"],
)  # fmt: skip
op(
    "mm(self, mat2)", "MmBackward0", "mm_of(self, mat2)",
    self="grad @ conj(mat2).T", mat2="product(conj(self).T, grad, mat2_strides)",
    shown={"mat2": "self.T @ grad"},
    samples=["torch.mm(x, m)", "x.mm(y.t())", "x.t().mm(y)"],
)  # fmt: skip
op(
    "bmm(self, mat2)", "BmmBackward0", "bmm_of(self, mat2)",
    self="grad @ conj(mat2).mT", mat2="conj(self).mT @ grad",
    samples=["torch.bmm(b, c)", "b.bmm(b.transpose(1, 2))"],
)  # fmt: skip
op(
    "addmm.plain(self, mat1, mat2; beta=1, alpha=1)", "AddmmBackward0",
    "addmm_of(self, mat1, mat2, beta, alpha)",
    self="folded(scaled(grad, conj(beta)), self_shape)", mat1="scaled(grad @ conj(mat2).T, conj(alpha))",
    mat2="scaled(product(conj(mat1).T, grad, mat2_strides), conj(alpha))",
    shown={"mat2": "scaled(mat1.T @ grad, alpha)"},
    samples=["torch.addmm(v, x, m)", "torch.addmm(x, x, m, beta=0.5, alpha=2)", "m.addmm(m, m, beta=2)"],
)  # fmt: skip
op(
    "addmv.plain(self, mat, vec; beta=1, alpha=1)", "AddmvBackward0", "addmv_of(self, mat, vec, beta, alpha)",
    self="folded(scaled(grad, conj(beta)), self_shape)", mat="scaled(outer(grad, conj(vec)), conj(alpha))",
    vec="scaled(conj(mat).T @ grad, conj(alpha))",
    samples=["torch.addmv(v, m, u)", "torch.addmv(s, m, u, beta=3, alpha=0.5)"],
)  # fmt: skip
op(
    "addr.plain(self, vec1, vec2; beta=1, alpha=1)", "AddrBackward0",
    "addr_of(self, vec1, vec2, beta, alpha)",
    self="folded(scaled(grad, conj(beta)), self_shape)", vec1="scaled(grad @ conj(vec2), conj(alpha))",
    vec2="scaled(grad.T @ conj(vec1), conj(alpha))",
    samples=["torch.addr(m, v, u)", "torch.addr(m, v, u, beta=2, alpha=3)"],
)  # fmt: skip
op(
    "addbmm.plain(self, batch1, batch2; beta=1, alpha=1)", "AddbmmBackward0",
    "addbmm_of(self, batch1, batch2, beta, alpha)",
    self="folded(scaled(grad, conj(beta)), self_shape)", batch1="scaled(grad @ conj(batch2).mT, conj(alpha))",
    batch2="scaled(conj(batch1).mT @ grad, conj(alpha))",
    samples=["torch.addbmm(torch.ones(3, 5), b, c)", "torch.addbmm(s, b, c, beta=2)"],
)  # fmt: skip
op(
    "baddbmm.plain(self, batch1, batch2; beta=1, alpha=1)", "BaddbmmBackward0",
    "baddbmm_of(self, batch1, batch2, beta, alpha)",
    self="folded(scaled(grad, conj(beta)), self_shape)", batch1="scaled(grad @ conj(batch2).mT, conj(alpha))",
    batch2="scaled(conj(batch1).mT @ grad, conj(alpha))",
    samples=["torch.baddbmm(torch.ones(2, 3, 5), b, c)", "torch.baddbmm(s, b, c, alpha=2)"],
)  # fmt: skip
for _name in ("dot", "vdot", "mv", "mm", "bmm"):
    FUNCTIONS[_name] = METHODS[_name] = OPS[_name]


# In place, so PyTorch calls its node by another name than that of `squeeze(0)`.
op("squeeze_product(self; dim)", "SqueezeBackward4", "self[0]", self="unsqueeze_to(grad, self_shape, (dim,))")


# -- matmul ----------------------------------------------------------------------------------------------------
@public()
def matmul(input: Any, other: Any) -> Any:
    """The matrix product `input @ other`: of vectors a number, of batches of matrices a batch. Mirrors `torch.matmul`.

    (k) (k) -> ()           (n, k) (k) -> (n)          (n, k) (k, m) -> (n, m)
    (k) (k, m) -> (m)       (b, n, k) (k) -> (b, n)    (b, n, k) (k, m) or (b, k, m) -> (b, n, m)

    Dimensions before the last two are batches and broadcast. Raises RuntimeError for 0-d tensors, for other sizes and for
    different dtypes.
    """
    for place, value in enumerate((input, other)):
        if not isinstance(value, TensorBase):
            raise errors.not_a_tensor("matmul", ("input", "other")[place], place + 1, value)
    n, m = input._data.ndim, other._data.ndim
    if n == 2 and m == 2:
        return LIVE["mm"](input, other)
    if n == 2 and m == 1:
        return LIVE["mv"](input, other)
    if n == 1 and m == 1:
        return LIVE["dot"](input, other)
    if n == 1 and m == 2:
        row = LIVE["squeeze_product"](LIVE["mm"](input.unsqueeze(0), other), 0)
        bump(row)  # PyTorch squeezes in place, and counts that as a change
        return row
    if n == 0 or m == 0:
        raise errors.explained(
            RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {n}D and {m}D"),
            "A 0-d tensor is a number: multiply by it with *.",
        )
    return _folded_product(input, other) if _can_fold(input, other) else _batched_product(input, other)


def _can_fold(input: Any, other: Any) -> bool:
    """Is this a batch times one matrix or vector, which PyTorch computes as one product of a taller matrix?

    It does so where that saves memory in backward (the one matrix wants a gradient) or costs no copy in forward.
    """
    n, m = input._data.ndim, other._data.ndim
    large, small = (input, other) if n >= m else (other, input)
    if large._data.ndim < 3 or small._data.ndim > 2:
        return False
    if small._requires_grad:
        return True
    if n == 2:
        return False
    array = large._data if n >= m else large._data.mT
    if not array.size:
        return True
    shape, strides = array.shape, array.strides
    return all(strides[i] == strides[i + 1] * shape[i + 1] for i in range(array.ndim - 2))


def _folded_product(input: Any, other: Any) -> Any:
    """(b, n, k) times (k, m), computed as (b n, k) times (k, m)."""
    turned = other._data.ndim > input._data.ndim  # A B = (B^T A^T)^T puts the batch in front
    large = other.mT if turned else input
    small = other if not turned else input.t() if input._data.ndim == 2 else input
    *batch, k = large._data.shape
    tall = large.reshape((prod(batch), k))
    if small._data.ndim == 1:
        return LIVE["unsafe_view"](LIVE["mv"](tall, small), tuple(batch))
    product = LIVE["unsafe_view"](LIVE["mm"](tall, small), (*batch, small._data.shape[1]))
    return product.mT.contiguous() if turned else product


def _batched_product(input: Any, other: Any) -> Any:
    """Both arguments broadcast to the same batches, which are laid out in one row for bmm."""
    a, b = input._data.shape, other._data.shape
    if len(a) == 3 and len(b) == 3 and a[0] != b[0]:
        if a[0] == 1 and input._requires_grad:
            return matmul(input.squeeze(0), other)
        if b[0] == 1 and other._requires_grad:
            return matmul(input, other.squeeze(0))
    clash = errors.broadcast(a[:-2], b[:-2])
    if clash is not None:
        raise clash
    batch = np.broadcast_shapes(a[:-2], b[:-2])
    count = prod(batch)
    rows, columns = (a[-2:] if len(a) > 1 else (1, a[0])), (b[-2:] if len(b) > 1 else b)
    first = input.expand((*batch, *rows)).reshape((count, *rows))
    second = other.expand((*batch, *columns)).reshape((count, *columns))
    if len(b) == 1:
        second = second.unsqueeze(2)
    product = LIVE["bmm"](first, second)
    if len(b) == 1:
        product = product.squeeze(-1)
    return LIVE["unsafe_view"](product, (*batch, *a[-2:-1], *(b[-1:] if len(b) > 1 else ())))


# -- products that are compositions of others -------------------------------------------------------------------
RAW["outer"] = np.multiply.outer


@public("outer", "ger")
def outer(input: Any, vec2: Any) -> Any:
    """The matrix of all products input[i] * vec2[j]. Mirrors `torch.outer`.

    Raises RuntimeError unless both are vectors.
    """
    for name, vector in (("self", input), ("vec2", vec2)):
        if dims.tensor("outer", vector)._data.ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {vector._data.ndim}-D")
    return input.reshape((-1, 1)) * vec2


@public()
def inner(input: Any, other: Any) -> Any:
    """The sum of products over the last dimension of both. Mirrors `torch.inner`."""
    if dims.tensor("inner", input)._data.ndim == 0 or dims.tensor("inner", other)._data.ndim == 0:
        return input * other
    a, b = input._data.shape, other._data.shape
    if a[-1] != b[-1]:
        raise RuntimeError(
            f"inner() the last dimension must match on both input tensors but got shapes {list(a)} and {list(b)}"
        )
    return tensordot(input, other, ([-1], [-1]))


@public(method=False)
def tensordot(a: Any, b: Any, dims: Any = 2) -> Any:
    """The sum of products over pairs of dimensions: the last `dims` of `a` with the first of `b`, or two lists of them.

    Mirrors `torch.tensordot`: both become matrices, with the dimensions that are summed side by side, and are multiplied.
    """
    n, m, last = a._data.ndim, b._data.ndim, isinstance(dims, int)
    if last:
        left, right = list(range(n - dims, n)), list(range(dims))
    else:
        left, right = ([d % size for d in each] for each, size in zip(dims, (n, m), strict=True))
    for i, j in zip(left, right, strict=True):
        if a._data.shape[i] == 1 != b._data.shape[j]:
            b = b.sum(j, True)
        elif b._data.shape[j] == 1 != a._data.shape[i]:
            a = a.sum(i, True)
        elif a._data.shape[i] != b._data.shape[j]:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {a._data.shape[i]} in dim {i - n * last} and "
                f"second has size {b._data.shape[j]} in dim {j}"
            )
    if left and len(left) == n == m:
        lines = (each.permute(order) for each, order in ((a, left), (b, right)))
        return LIVE["dot"](*(line if n == 1 else line.reshape((-1,)) for line in lines)).reshape(())
    kept_a = [d for d in range(n) if d not in left]
    kept_b = [d for d in range(m) if d not in right]
    shape_a, shape_b = [a._data.shape[d] for d in kept_a], [b._data.shape[d] for d in kept_b]
    summed = prod(a._data.shape[d] for d in left)
    rows = a.permute(kept_a + left).reshape((prod(shape_a), summed))
    columns = b.permute(right + kept_b).reshape((summed, prod(shape_b)))
    return LIVE["mm"](rows, columns).reshape(shape_a + shape_b)


@public()
def addmm(input: Any, mat1: Any, mat2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta * input + alpha * mat1 @ mat2. Mirrors `torch.addmm`."""
    return LIVE["addmm_plain"](input, mat1, mat2, beta, alpha)


@public()
def addmv(input: Any, mat: Any, vec: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta * input + alpha * mat @ vec. Mirrors `torch.addmv`."""
    return LIVE["addmv_plain"](input, mat, vec, beta, alpha)


@public()
def addbmm(input: Any, batch1: Any, batch2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta * input + alpha * the sum of the products batch1 @ batch2. Mirrors `torch.addbmm`."""
    return LIVE["addbmm_plain"](input, batch1, batch2, beta, alpha)


@public()
def addr(input: Any, vec1: Any, vec2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta * input + alpha * outer(vec1, vec2). Mirrors `torch.addr`."""
    return LIVE["addr_plain"](input, vec1, vec2, beta, alpha)


@public()
def baddbmm(input: Any, batch1: Any, batch2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """beta * input + alpha * batch1 @ batch2, for a batch of matrices. Mirrors `torch.baddbmm`."""
    return LIVE["baddbmm_plain"](input, batch1, batch2, beta, alpha)
