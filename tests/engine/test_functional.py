"""Derivatives of functions: `torch.autograd.functional`, against the matrices one knows."""

from __future__ import annotations

import pytest
from matrices import diagonal, listed, point

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # PyTorch's make_dual, at its first use


@pytest.fixture
def F(torch):
    from importlib import import_module

    return import_module(f"{torch.__name__}.autograd.functional")


# -- autograd.functional --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "options",
    [{}, {"vectorize": True}, {"create_graph": True}, {"vectorize": True, "strategy": "forward-mode"}],
    ids=lambda o: "-".join(o) or "plain",
)
def test_jacobian(torch, F, options):
    x, y = point(torch), point(torch, 4.0, 5.0, 6.0)
    assert listed(F.jacobian(lambda x: x**2, x, **options)) == diagonal(2.0, 4.0, 6.0)
    assert listed(F.jacobian(lambda x: x.sum(), x, **options)) == [1.0] * 3
    of_two = F.jacobian(lambda x, y: x * y, (x, y), **options)
    forward = options.get("strategy") == "forward-mode"
    assert isinstance(of_two, list if forward else tuple)  # PyTorch's, as it happens
    assert [listed(part) for part in of_two] == [diagonal(4.0, 5.0, 6.0), diagonal(1.0, 2.0, 3.0)]
    two = F.jacobian(lambda x: (x * 2, x[:1] * 1), x, **options)
    assert list(listed(two)) == [diagonal(2.0, 2.0, 2.0), [[1.0, 0.0, 0.0]]]
    square = F.jacobian(lambda m: m @ m, torch.tensor([[1.0, 2.0], [3.0, 4.0]]), **options)
    assert square.shape == (2, 2, 2, 2)
    assert square[0, 1].tolist() == [[2.0, 5.0], [0.0, 2.0]]


def test_jacobian_of_a_constant(torch, F, fails):
    x = point(torch)
    assert listed(F.jacobian(lambda x: torch.ones(1), x)) == [[0.0, 0.0, 0.0]]
    with fails(
        RuntimeError,
        "Output 0 of the user-provided function does not require gradients. The outputs must be computed in a "
        "differentiable manner from the input when running in strict mode.",
    ):
        F.jacobian(lambda x: torch.ones(1), x, strict=True)
    with fails(
        RuntimeError,
        "Output 0 of the user-provided function is independent of input 1. This is not allowed in strict mode.",
    ):
        F.jacobian(lambda x, y: x * 2, (x, x), strict=True)


def test_jacobian_can_be_differentiated(torch, F):
    x = point(torch, requires_grad=True)
    matrix = F.jacobian(lambda x: x**3, x, create_graph=True)
    assert matrix.requires_grad
    matrix.sum().backward()
    assert x.grad.tolist() == [6.0, 12.0, 18.0]
    assert not F.jacobian(lambda x: x**3, x).requires_grad


def test_hessian(torch, F):
    x, y = point(torch), point(torch, 4.0, 5.0, 6.0)
    assert listed(F.hessian(lambda x: (x**3).sum(), x)) == diagonal(6.0, 12.0, 18.0)
    assert listed(F.hessian(lambda x: x.sum(), x)) == diagonal(0.0, 0.0, 0.0)
    blocks = F.hessian(lambda x, y: (x * x * y).sum(), (x, y))
    assert listed(blocks) == (
        (diagonal(8.0, 10.0, 12.0), diagonal(2.0, 4.0, 6.0)),
        (diagonal(2.0, 4.0, 6.0), diagonal(0.0, 0.0, 0.0)),
    )
    forward = F.hessian(lambda x: (x**3).sum(), x, vectorize=True, outer_jacobian_strategy="forward-mode")
    assert forward.tolist() == diagonal(6.0, 12.0, 18.0)
    w = point(torch, requires_grad=True)
    F.hessian(lambda x: (x**4).sum(), w, create_graph=True).sum().backward()
    assert w.grad.tolist() == [24.0, 48.0, 72.0]


@pytest.mark.parametrize("create_graph", [False, True])
def test_products(torch, F, create_graph):
    x, y = point(torch), point(torch, 4.0, 5.0, 6.0)
    v = point(torch, 1.0, 10.0, 100.0)
    value, row = F.vjp(lambda x: x**2, x, v, create_graph=create_graph)
    assert (listed(value), listed(row)) == ([1.0, 4.0, 9.0], [2.0, 40.0, 600.0])
    value, rows = F.vjp(lambda x, y: (x * y, x.sum()), (x, y), (v, torch.tensor(2.0)), create_graph=create_graph)
    assert listed(rows) == ([6.0, 52.0, 602.0], [1.0, 20.0, 300.0])
    value, column = F.jvp(lambda x: x**2, x, v, create_graph=create_graph)
    assert (listed(value), listed(column)) == ([1.0, 4.0, 9.0], [2.0, 40.0, 600.0])
    value, columns = F.jvp(lambda x, y: (x * y, x.sum()), (x, y), (v, v), create_graph=create_graph)
    assert listed(columns) == ([5.0, 70.0, 900.0], 111.0)
    for product in (F.vhp, F.hvp):
        value, found = product(lambda x: (x**3).sum(), x, v, create_graph=create_graph)
        assert (value.item(), found.tolist()) == (36.0, [6.0, 120.0, 1800.0])
        _, both = product(lambda x, y: (x * x * y).sum(), (x, y), (v, v), create_graph=create_graph)
        assert listed(both) == ([10.0, 140.0, 1800.0], [2.0, 40.0, 600.0])


def test_products_without_a_vector(torch, F):
    assert F.vjp(lambda x: x.sum(), point(torch))[1].tolist() == [1.0] * 3
    assert F.jvp(lambda x: x * torch.ones(2), torch.tensor(3.0))[1].tolist() == [1.0, 1.0]
    assert F.vhp(lambda x: x**3, torch.tensor(2.0))[1].item() == 12.0


def test_products_can_be_differentiated(torch, F):
    w, v = point(torch, requires_grad=True), torch.ones(3)
    F.vhp(lambda x: (x**4).sum(), w, v, create_graph=True)[1].sum().backward()
    assert w.grad.tolist() == [24.0, 48.0, 72.0]
    w.grad = None
    F.jvp(lambda x: x**2, w, v, create_graph=True)[1].sum().backward()
    assert w.grad.tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize("name", ["vjp", "jvp", "vhp", "hvp"])
def test_vectors_that_do_not_fit(torch, F, fails, name):
    product, x = getattr(F, name), point(torch)
    subject = "user-provided function returns" if name == "vjp" else "input to the user-provided function is"
    scalar = (lambda x: x * 2) if name == "vjp" else (lambda x: x.sum() ** 2)
    with fails(RuntimeError, f"The vector v can only be None if the {subject} a single Tensor with a single element."):
        product(scalar, x)
    with fails(RuntimeError, "v has invalid size: should be torch.Size([3]) but got torch.Size([2])."):
        product(scalar, x, torch.ones(2))
    with fails(RuntimeError, "The given v should contain a single Tensor."):
        product(scalar, x, (x, x))
    pair = (lambda x, y: (x, y)) if name == "vjp" else (lambda x, y: (x * y).sum())
    with fails(RuntimeError, "v is a tuple of invalid length: should be 2 but got 1."):
        product(pair, (x, x), (x,))
    with fails(RuntimeError, "Entry 1 in v has invalid size: should be torch.Size([3]) but got torch.Size([])."):
        product(pair, (x, x), (x, torch.tensor(1.0)))


def test_strict(torch, F, fails):
    x, y = point(torch), point(torch)
    independent = (
        "The output of the user-provided function is independent of input 1. This is not allowed in strict mode."
    )
    with fails(RuntimeError, independent):
        F.vjp(lambda x, y: x.sum(), (x, y), strict=True)
    linear = (
        "While computing the hessian, found that the jacobian of the user-provided function with respect to input 0 is "
        "independent of the input. This is not allowed in strict mode. You should ensure that your function is twice "
        "differentiable and that the jacobian depends on the inputs (this would be violated by a linear function for "
        "example)."
    )
    for product in (F.vhp, F.hvp):
        with fails(RuntimeError, linear):
            product(lambda x: x.sum(), x, x, strict=True)
    with fails(
        RuntimeError,
        "The jacobian of the user-provided function is independent of input 0. This is not allowed in strict mode when "
        "create_graph=True.",
    ):
        F.jacobian(lambda x: x * 2, x, strict=True, create_graph=True)


def test_arguments(torch, F, fails):
    x = point(torch)
    start = "must be either a Tensor or a tuple of Tensors but the"
    with fails(TypeError, f"The inputs given to jacobian {start} given inputs has type <class 'list'>."):
        F.jacobian(lambda x: x, [x])
    with fails(TypeError, f"The inputs given to vjp {start} value at index 1 has type <class 'int'>."):
        F.vjp(lambda x, y: x, (x, 3))
    with fails(TypeError, f"The outputs of the user-provided function given to jacobian {start} given outputs of the "
               "user-provided function has type <class 'int'>."):  # fmt: skip
        F.jacobian(lambda x: 3, x)
    with fails(RuntimeError, "The Tensor returned by the function given to hessian should contain a single element"):
        F.hessian(lambda x: x, x)
    with fails(RuntimeError, "The function given to vhp should return a single Tensor"):
        F.vhp(lambda x: (x.sum(),), x, x)
    for options in ({"strict": True, "vectorize": True}, {"strict": True, "strategy": "forward-mode"}):
        with pytest.raises(RuntimeError, match="are not supported together"):
            F.jacobian(lambda x: x, x, **options)
    with pytest.raises(NotImplementedError, match="`create_graph=True` and"):
        F.jacobian(lambda x: x, x, create_graph=True, strategy="forward-mode")
    with pytest.raises(NotImplementedError, match="isonly implemented for `vectorize=True`"):
        F.jacobian(lambda x: x, x, strategy="forward-mode")
    with pytest.raises(AssertionError, match="Expected strategy to be either"):
        F.jacobian(lambda x: x, x, strategy="sideways")


def test_the_inputs_stay_as_they_were(torch, F):
    x = point(torch, requires_grad=True)
    F.jacobian(lambda x: x**2, x)
    F.hessian(lambda x: (x**3).sum(), x)
    assert x.grad is None and x.is_leaf and x.requires_grad
    with torch.no_grad():
        assert listed(F.jacobian(lambda x: x**2, x)) == diagonal(2.0, 4.0, 6.0)
        assert listed(F.vhp(lambda x: (x**3).sum(), x, torch.ones(3))[1]) == [6.0, 12.0, 18.0]
