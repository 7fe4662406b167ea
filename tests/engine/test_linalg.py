"""Products and linear algebra: graph shapes, values, errors. Each line holds on PyTorch too (`conftest.py`)."""

from __future__ import annotations

import numpy as np
import pytest


def graph(tensor):
    """The nodes behind a tensor, nested and without the word "Backward"; a leaf is a dot."""

    def name(node):
        if node is None:
            return "None"
        below = ", ".join(name(next_node) for next_node, _ in node.next_functions)
        title = node.name().removeprefix("torch::autograd::").replace("Backward", "")
        return "." if title == "AccumulateGrad" else f"{title}({below})" if below else title

    return name(tensor.grad_fn)


def numbers(torch, *shape, wanted=True, start=0):
    """A tensor of different numbers between -1 and 1."""
    size = int(np.prod(shape))
    array = np.cos(np.arange(start, start + size) * 1.7).astype(np.float32).reshape(shape)
    return torch.from_numpy(array).requires_grad_(wanted)


# fmt: off
CASES = [
    ((3,), (3,), "both", "Dot0(., .)"),
    ((3,), (3,), "first", "Dot0(., None)"),
    ((3,), (3,), "second", "Dot0(None, .)"),
    ((3,), (3, 4), "both", "Squeeze4(Mm0(Unsqueeze0(.), .))"),
    ((3,), (3, 4), "first", "Squeeze4(Mm0(Unsqueeze0(.), None))"),
    ((3,), (3, 4), "second", "Squeeze4(Mm0(None, .))"),
    ((2, 3), (3,), "both", "Mv0(., .)"),
    ((2, 3), (3,), "first", "Mv0(., None)"),
    ((2, 3), (3,), "second", "Mv0(None, .)"),
    ((2, 3), (3, 4), "both", "Mm0(., .)"),
    ((2, 3), (3, 4), "first", "Mm0(., None)"),
    ((2, 3), (3, 4), "second", "Mm0(None, .)"),
    ((2, 2, 3), (3,), "both", "UnsafeView0(Mv0(View0(.), .))"),
    ((2, 2, 3), (3,), "first", "UnsafeView0(Mv0(View0(.), None))"),
    ((2, 2, 3), (3,), "second", "UnsafeView0(Mv0(None, .))"),
    ((2, 2, 3), (3, 4), "both", "UnsafeView0(Mm0(View0(.), .))"),
    ((2, 2, 3), (3, 4), "first", "UnsafeView0(Mm0(View0(.), None))"),
    ((2, 2, 3), (3, 4), "second", "UnsafeView0(Mm0(None, .))"),
    ((3,), (2, 3, 4), "both", "UnsafeView0(Mv0(UnsafeView0(Clone0(Transpose0(.))), .))"),
    ((3,), (2, 3, 4), "first", "UnsafeView0(Mv0(None, .))"),
    ((3,), (2, 3, 4), "second", "UnsafeView0(Bmm0(None, View0(Expand0(.))))"),
    ((2, 3), (2, 3, 4), "both", "Clone0(Transpose0(UnsafeView0(Mm0(UnsafeView0(Clone0(Transpose0(.))), T0(.)))))"),
    ((2, 3), (2, 3, 4), "first", "Clone0(Transpose0(UnsafeView0(Mm0(None, T0(.)))))"),
    ((2, 3), (2, 3, 4), "second", "UnsafeView0(Bmm0(None, View0(Expand0(.))))"),
    ((2, 2, 3), (2, 3, 4), "both", "UnsafeView0(Bmm0(View0(Expand0(.)), View0(Expand0(.))))"),
    ((2, 2, 3), (2, 3, 4), "first", "UnsafeView0(Bmm0(View0(Expand0(.)), None))"),
    ((2, 2, 3), (2, 3, 4), "second", "UnsafeView0(Bmm0(None, View0(Expand0(.))))"),
    ((1, 2, 3), (2, 3, 4), "both",
     "Clone0(Transpose0(UnsafeView0(Mm0(UnsafeView0(Clone0(Transpose0(.))), T0(Squeeze1(.))))))"),
    ((1, 2, 3), (2, 3, 4), "first", "Clone0(Transpose0(UnsafeView0(Mm0(None, T0(Squeeze1(.))))))"),
    ((1, 2, 3), (2, 3, 4), "second", "UnsafeView0(Bmm0(None, View0(Expand0(.))))"),
    ((2, 2, 3), (1, 3, 4), "both", "UnsafeView0(Mm0(View0(.), Squeeze1(.)))"),
    ((2, 2, 3), (1, 3, 4), "first", "UnsafeView0(Bmm0(View0(Expand0(.)), None))"),
    ((2, 2, 3), (1, 3, 4), "second", "UnsafeView0(Mm0(None, Squeeze1(.)))"),
    ((4, 2, 2, 3), (2, 3, 4), "both", "UnsafeView0(Bmm0(View0(Expand0(.)), UnsafeView0(Clone0(Expand0(.)))))"),
    ((4, 2, 2, 3), (2, 3, 4), "first", "UnsafeView0(Bmm0(View0(Expand0(.)), None))"),
    ((4, 2, 2, 3), (2, 3, 4), "second", "UnsafeView0(Bmm0(None, UnsafeView0(Clone0(Expand0(.)))))"),
    ((2, 2, 3), (2, 1, 3, 4), "both",
     "UnsafeView0(Bmm0(UnsafeView0(Clone0(Expand0(.))), UnsafeView0(Clone0(Expand0(.)))))"),
    ((2, 2, 3), (2, 1, 3, 4), "first", "UnsafeView0(Bmm0(UnsafeView0(Clone0(Expand0(.))), None))"),
    ((2, 2, 3), (2, 1, 3, 4), "second", "UnsafeView0(Bmm0(None, UnsafeView0(Clone0(Expand0(.)))))"),
]
# fmt: on


@pytest.mark.parametrize(("left", "right", "wanted", "nodes"), CASES)
def test_matmul_takes_pytorchs_way(torch, left, right, wanted, nodes):
    a = numbers(torch, *left, wanted=wanted != "second")
    b = numbers(torch, *right, wanted=wanted != "first", start=5)
    product = a @ b
    assert graph(product) == nodes
    np.testing.assert_allclose(product.detach().numpy(), a.detach().numpy() @ b.detach().numpy(), rtol=1e-5, atol=1e-6)

    # The product is linear in each factor, so sum(grad_a * a) is the value of sum(product * weights) itself; so for b.
    weights = numbers(torch, *product.shape, wanted=False, start=9)
    total = (product * weights).sum()
    total.backward()
    for factor in (a, b):
        if factor.requires_grad:
            assert (factor.grad * factor).sum().item() == pytest.approx(total.item(), rel=1e-4, abs=1e-5)
            assert factor.grad.shape == factor.shape


EINSUM = f"View0(Permute0(View0(Bmm0({', '.join(['View0(Permute0(Permute0(Unsqueeze0(.))))'] * 2)}))))"


@pytest.mark.parametrize(
    ("call", "nodes"),
    [
        ("torch.outer(v, v)", "Mul0(View0(.), .)"),
        ("torch.inner(x, x)", "View0(Mm0(View0(Permute0(.)), ReshapeAlias0(Permute0(.))))"),
        ("torch.inner(v, v)", "View0(Dot0(Permute0(.), Permute0(.)))"),
        ("torch.tensordot(x, x.t(), 1)", "View0(Mm0(View0(Permute0(.)), ReshapeAlias0(Permute0(T0(.)))))"),
        ("torch.tensordot(x, x, 2)", "View0(Dot0(View0(Permute0(.)), View0(Permute0(.))))"),
        ("torch.addmm(v, x, m)", "Addmm0(., ., .)"),
        ("x.t().contiguous() @ x", "Mm0(Clone0(T0(.)), .)"),
        ("torch.linalg.norm(x)", "LinalgVectorNorm0(.)"),
        ("torch.linalg.norm(x, 1)", "Amax0(LinalgVectorNorm0(.))"),
        ("torch.matrix_power(m, 3)", "Mm0(Mm0(., .), .)"),
        ("torch.logdet(m)", "Where0(None, LinalgSlogdet0(.))"),
        ("torch.einsum('ij,jk->ik', x, m)", EINSUM),
        ("torch.einsum('i,j', v, v)", "Mul0(Permute0(Unsqueeze0(.)), Permute0(Unsqueeze0(.)))"),
        ("torch.einsum('ii', m)", "Sum1(Permute0(Permute0(Diagonal0(.))))"),
    ],
)
def test_graphs_of_other_products(torch, call, nodes):
    names = {"torch": torch, "v": numbers(torch, 3), "x": numbers(torch, 2, 3)}
    names["m"] = (torch.eye(3) * 3 + numbers(torch, 3, 3, wanted=False)).requires_grad_()
    assert graph(eval(call, names)) == nodes


EQUATIONS = {
    "ij,jk->ik": [(2, 3), (3, 4)],
    "ij,jk": [(2, 3), (3, 4)],
    "bij,bjk->bik": [(2, 3, 4), (2, 4, 5)],
    "...ij,...jk->...ik": [(2, 2, 3), (3, 4)],
    "i,j->ij": [(2,), (3,)],
    "i,i->": [(3,), (3,)],
    "ij->ji": [(2, 3)],
    "ij->": [(2, 3)],
    "ii->i": [(3, 3)],
    "ij,j->i": [(2, 3), (3,)],
    "ij,ij->i": [(2, 3), (2, 3)],
    "ij,kj->ik": [(2, 3), (4, 3)],
    "ij,jk,kl->il": [(2, 3), (3, 4), (4, 5)],
    "i,ij,j->": [(2,), (2, 3), (3,)],
    "bhqd,bhkd->bhqk": [(2, 2, 3, 4), (2, 2, 5, 4)],
    "ab,bc->ca": [(2, 3), (3, 4)],
    "ij,jk->k": [(2, 3), (3, 4)],
    "i...,j...->ij...": [(2, 3), (4, 3)],
    "ij,j": [(2, 3), (1,)],
}


@pytest.mark.parametrize("equation", EQUATIONS)
def test_einsum_agrees_with_numpy(torch, equation):
    operands = [numbers(torch, *shape, start=k) for k, shape in enumerate(EQUATIONS[equation])]
    result = torch.einsum(equation, *operands)
    arrays = [operand.detach().numpy() for operand in operands]
    np.testing.assert_allclose(result.detach().numpy(), np.einsum(equation, *arrays), rtol=1e-5, atol=1e-6)
    result.sum().backward()
    for operand in operands:  # linear in each operand
        assert (operand.grad * operand).sum().item() == pytest.approx(result.sum().item(), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("x @ x", "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)"),
        ("v @ x", "mat1 and mat2 shapes cannot be multiplied (1x3 and 2x3)"),
        ("b @ x", "mat1 and mat2 shapes cannot be multiplied (6x4 and 2x3)"),
        ("x @ w", "size mismatch, got input (2), mat (2x3), vec (2)"),
        (
            "v @ w",
            (
                "inconsistent tensor size, expected tensor [3] and src [2] to have the same number of elements, but "
                "got 3 and 2 elements respectively"
            ),
        ),
        ("b @ b", "Expected size for first two dimensions of batch2 tensor to be: [2, 4] but got: [2, 3]."),
        ("b @ c", "The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0"),
        ("x @ i.t()", "expected m1 and m2 to have the same dtype, but got: float != long int"),
        ("x @ i[0]", "addmv input tensors must have the same dtype, but got Long, Float, and Long"),
        ("v @ i[0]", "dot : expected both vectors to have same dtype, but found Float and Long"),
        ("x @ x.sum()", "both arguments to matmul need to be at least 1D, but they are 2D and 0D"),
        ("torch.mm(v, x)", "self must be a matrix"),
        ("torch.mv(v, v)", "vector + matrix @ vector expected, got 1, 1, 1"),
        ("torch.dot(x, v)", "1D tensors expected, but got 2D and 1D tensors"),
        ("torch.bmm(x, x)", "batch1 must be a 3D tensor"),
        ("torch.outer(x, v)", "outer: Expected 1-D argument self, but got 2-D"),
        (
            "torch.addmm(w, x, x.t() @ x)",
            (
                "The expanded size of the tensor (3) must match the existing size (2) at non-singleton dimension 1.  Target "
                "sizes: [2, 3].  Tensor sizes: [2]"
            ),
        ),
        (
            "torch.einsum('ij,jk', x, x)",
            "einsum(): subscript j has size 2 for operand 1 which does not broadcast with previously seen size 3",
        ),
        (
            "torch.einsum('ij->k', x)",
            "einsum(): output subscript k does not appear in the equation for any input operand",
        ),
        (
            "torch.inner(x, w)",
            "inner() the last dimension must match on both input tensors but got shapes [2, 3] and [2]",
        ),
        ("torch.det(x)", "linalg.det: A must be batches of square matrices, but they are 2 by 3 matrices"),
        ("torch.linalg.inv(i[:, :2])", "linalg.inv: Expected a floating point or complex tensor as input. Got Long"),
    ],
)
def test_what_does_not_fit_is_said_in_pytorchs_words(torch, fails, call, message):
    names = {
        "torch": torch, "x": torch.ones(2, 3), "v": torch.ones(3), "w": torch.ones(2), "b": torch.ones(2, 3, 4),
        "c": torch.ones(3, 4, 5), "i": torch.ones(2, 3, dtype=torch.int64),
    }  # fmt: skip
    with fails(RuntimeError, message):
        eval(call, names)


def test_a_singular_matrix_has_no_inverse(torch):
    with pytest.raises(torch.linalg.LinAlgError, match="The diagonal element 2 is zero"):
        torch.inverse(torch.tensor([[1.0, 2], [2, 4]]))
    assert issubclass(torch.linalg.LinAlgError, RuntimeError)


def test_the_determinant_of_a_singular_matrix(torch):
    a = torch.tensor([[1.0, 2], [2, 4]], requires_grad=True)
    torch.det(a).backward()
    assert a.grad.tolist() == [[0, 0], [0, 0]]


def test_numbers_are_refused(torch, fails):
    x = torch.ones(2, 2)
    with fails(TypeError, "matmul(): argument 'other' (position 2) must be Tensor, not float"):
        torch.matmul(x, 2.0)


def test_a_weight_changed_between_forward_and_backward_is_noticed(torch):
    w = torch.ones(3, 2, requires_grad=True)
    x = torch.ones(2, 3, requires_grad=True)
    y = (x @ w).sum()
    with torch.no_grad():
        w += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()
