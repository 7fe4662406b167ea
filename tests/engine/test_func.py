"""Function transforms: `torch.func`, among themselves and against the matrices one knows."""

from __future__ import annotations

import math

import pytest
from matrices import diagonal, listed, point

import teachgrad

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # PyTorch's make_dual, at its first use


@pytest.fixture
def func(torch):
    from importlib import import_module

    return import_module(f"{torch.__name__}.func")


# -- func -----------------------------------------------------------------------------------------------------------
def test_grad(torch, func):
    x = point(torch)
    assert func.grad(lambda x: (x**2).sum())(x).tolist() == [2.0, 4.0, 6.0]
    assert listed(func.grad(lambda x, y: (x * y).sum(), argnums=(0, 1))(x, x * 2)) == ([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])
    assert func.grad(lambda x, y: (x * y).sum(), argnums=-1)(x, x * 2).tolist() == [1.0, 2.0, 3.0]
    assert listed(func.grad(lambda d: (d["a"] * d["b"][0]).sum())({"a": x, "b": [x]})) == {
        "a": [1.0, 2.0, 3.0],
        "b": [[1.0, 2.0, 3.0]],
    }
    assert func.grad(lambda x: torch.tensor(1.0))(x).tolist() == [0.0] * 3
    slope, aux = func.grad(lambda x: ((x**2).sum(), x * 3), has_aux=True)(x)
    assert slope.tolist() == [2.0, 4.0, 6.0] and aux.tolist() == [3.0, 6.0, 9.0]
    assert not slope.requires_grad and not aux.requires_grad
    slope, value = func.grad_and_value(lambda x: (x**2).sum())(x)
    assert (slope.tolist(), value.item()) == ([2.0, 4.0, 6.0], 14.0)
    assert func.grad(lambda x, k: (x**k).sum())(x, k=3).tolist() == [3.0, 12.0, 27.0]


def test_grad_nests(torch, func):
    assert [f(torch.tensor(2.0)).item() for f in (
        func.grad(lambda x: x**4),
        func.grad(func.grad(lambda x: x**4)),
        func.grad(func.grad(func.grad(lambda x: x**4))),
    )] == [32.0, 48.0, 48.0]  # fmt: skip


@pytest.mark.parametrize("inner", ["grad", "jvp"])
@pytest.mark.parametrize("outer", ["grad", "jvp"])
def test_perturbations_are_not_confused(torch, func, inner, outer):
    """d/dx [x * d/dy (x + y)] = 1, though both derivatives are taken at 1."""
    one = torch.tensor(1.0)

    def derivative(how, function):
        return func.grad(function)(one) if how == "grad" else func.jvp(function, (one,), (one,))[1]

    assert derivative(outer, lambda x: x * derivative(inner, lambda y: x + y)).item() == 1.0


def test_grad_through_what_it_closes_over(torch, func):
    x, w = point(torch), point(torch, requires_grad=True)
    slope = func.grad(lambda x: (x * w * w).sum())(x)
    assert slope.requires_grad
    slope.sum().backward()
    assert w.grad.tolist() == [2.0, 4.0, 6.0]
    of_leaf = func.grad(lambda x: (x**2).sum())(w)
    assert of_leaf.requires_grad and w.is_leaf
    with torch.no_grad():
        assert not func.grad(lambda x: (x * w).sum())(w).requires_grad
    assert w.grad.tolist() == [2.0, 4.0, 6.0]


def test_vjp(torch, func, fails):
    x = point(torch)
    value, pull_back = func.vjp(lambda x, y: (x * y, y.sum()), x, x * 2)
    assert listed(value) == ([2.0, 8.0, 18.0], 12.0)
    for _ in range(2):  # as often as one likes
        assert listed(pull_back((torch.ones(3), torch.tensor(10.0)))) == ([2.0, 4.0, 6.0], [11.0, 12.0, 13.0])
    value, pull_back, aux = func.vjp(lambda x: (x * 2, x * 3), x, has_aux=True)
    assert listed(pull_back(x)) == ([2.0, 4.0, 6.0],) and aux.tolist() == [3.0, 6.0, 9.0]
    with fails(
        RuntimeError,
        "Mismatch in shape: grad_output[0] has a shape of torch.Size([2]) and output[0] has a shape of "
        "torch.Size([3]).",
    ):
        pull_back(torch.ones(2))
    with fails(
        RuntimeError,
        "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the function. "
        "cotangents: "
        "*, primal output: (*, *)",
    ):
        func.vjp(lambda x: (x, x), x)[1](x)


def test_jvp(torch, func, fails):
    x, v = point(torch), point(torch, 1.0, 10.0, 100.0)
    assert listed(func.jvp(lambda x: x**2, (x,), (v,))) == ([1.0, 4.0, 9.0], [2.0, 40.0, 600.0])
    assert listed(func.jvp(lambda x: {"a": x, "b": (x * x).sum()}, (x,), (v,))[1]) == {"a": v.tolist(), "b": 642.0}
    assert listed(func.jvp(lambda x: (x * 2, x), (x,), (v,), has_aux=True)) == ([2, 4, 6], [2, 20, 200], [1, 2, 3])
    assert func.jvp(lambda x: torch.ones(2), (x,), (v,))[1].tolist() == [0.0, 0.0]
    second = func.jvp(lambda x: func.jvp(lambda x: x**3, (x,), (v,))[1], (x,), (v,))[1]
    assert second.tolist() == [6.0, 1200.0, 180000.0]
    with fails(
        RuntimeError,
        "jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to call f(*primals).",
    ):
        func.jvp(lambda x: x, x, v)


@pytest.mark.parametrize("name", ["jacrev", "jacfwd"])
def test_jacobians(torch, func, name):
    jac, x = getattr(func, name), point(torch)
    assert jac(lambda x: x**2)(x).tolist() == diagonal(2.0, 4.0, 6.0)
    assert listed(jac(lambda x, y: (x * y, y.sum()), argnums=(0, 1))(x, x)) == (
        (diagonal(1.0, 2.0, 3.0), diagonal(1.0, 2.0, 3.0)),
        ([0.0] * 3, [1.0] * 3),
    )
    matrix, aux = jac(lambda x: (x**2, x), has_aux=True)(x)
    assert matrix.tolist() == diagonal(2.0, 4.0, 6.0) and aux.tolist() == x.tolist()
    twice = jac(jac(lambda x: x**3))(x)
    assert twice.shape == (3, 3, 3) and twice[1, 1].tolist() == [0.0, 12.0, 0.0] and not twice.requires_grad


def test_func_hessian(torch, func):
    x = point(torch)
    assert func.hessian(lambda x: (x**3).sum())(x).tolist() == diagonal(6.0, 12.0, 18.0)
    assert listed(func.hessian(lambda x, y: (x * x * y).sum(), argnums=(0, 1))(x, x))[0][1] == diagonal(2.0, 4.0, 6.0)


def test_hessian_vector_product(torch, func):
    x, v = point(torch), torch.ones(3)
    assert func.jvp(func.grad(lambda x: (x**3).sum()), (x,), (v,))[1].tolist() == [6.0, 12.0, 18.0]
    _, push = func.vjp(func.grad(lambda x: (x**3).sum()), x)
    assert listed(push(v)) == ([6.0, 12.0, 18.0],)


def test_grad_errors(torch, func, fails):
    x = point(torch)
    with fails(
        RuntimeError,
        "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor with 1 dims. Maybe you "
        "wanted to "
        "use the vjp or jacrev APIs instead?",
    ):
        func.grad(lambda x: x)(x)
    with fails(RuntimeError, "grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got <class 'int'>"):
        func.grad(lambda x: 3)(x)
    with fails(ValueError, "Thing passed to transform API must be Tensor, got <class 'int'>"):
        func.grad(lambda x: x)(3)
    with fails(RuntimeError, "Got argnum=2, but only 2 positional inputs"):
        func.grad(lambda x, y: x.sum(), argnums=2)(x, x)
    with fails(
        RuntimeError,
        "grad_and_value(f)(*args): output of function f should be a tuple: (output, aux) if has_aux is True",
    ):
        func.grad(lambda x: x.sum(), has_aux=True)(x)
    assert torch.is_grad_enabled()


# -- vmap -----------------------------------------------------------------------------------------------------------
def test_vmap(torch, func):
    x, m = point(torch), torch.arange(6.0).reshape(2, 3)
    assert func.vmap(lambda x: x * 2)(x).tolist() == [2.0, 4.0, 6.0]
    assert func.vmap(torch.dot)(m, m).tolist() == [5.0, 50.0]
    assert func.vmap(torch.dot, in_dims=(0, None))(m, x).tolist() == [8.0, 26.0]
    assert func.vmap(lambda a, b: (a * b).sum(), in_dims=1)(m, m).tolist() == [9.0, 17.0, 29.0]
    assert func.vmap(lambda row: (row, row.sum()), out_dims=(1, 0))(m)[0].shape == (3, 2)
    assert func.vmap(lambda x: x, in_dims=-1, out_dims=-1)(m).tolist() == m.tolist()
    assert func.vmap(func.vmap(lambda x: x * x))(m).tolist() == (m * m).tolist()
    assert func.vmap(lambda d, y: d["a"] * y, in_dims=({"a": 0}, None))({"a": x}, 3).tolist() == [3.0, 6.0, 9.0]
    assert func.vmap(lambda x: x.sum())(torch.ones(0, 3)).shape == (0,)


def test_per_sample_gradients(torch, func):
    w, xs = point(torch, 1.0, -1.0), torch.arange(6.0).reshape(3, 2)
    gradients = func.vmap(func.grad(lambda w, x: (w * x).sum() ** 2), in_dims=(None, 0))(w, xs)
    assert gradients.tolist() == [[-0.0, -2.0], [-4.0, -6.0], [-8.0, -10.0]]
    assert func.vmap(func.jacrev(torch.sin))(xs).shape == (3, 2, 2)
    leaf = w.clone().requires_grad_()
    func.vmap(lambda x: (x * leaf).sum())(xs).sum().backward()
    assert leaf.grad.tolist() == [6.0, 9.0]


VMAP_ERRORS = {
    "no tensor": (
        lambda func, x: func.vmap(abs)(3),
        (
            "vmap(abs, in_dims=0, ...)(<inputs>): Got in_dim=0 for an input but the input is of type <class 'int'>. "
            "We cannot "
            "vmap over non-Tensor arguments, please use None as the respective in_dim"
        ),
    ),
    "nothing": (
        lambda func, x: func.vmap(abs)(),
        (
            "vmap(abs)(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a "
            "function with "
            "no inputs. The latter is unsupported."
        ),
    ),
    "sizes": (
        lambda func, x: func.vmap(divmod)(x, x[:2]),
        (
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes [3, 2] for the "
            "mapped dimension"
        ),
    ),
    "dim": (
        lambda func, x: func.vmap(abs, in_dims=3)(x),
        (
            "vmap(abs, in_dims=3, ...)(<inputs>): Got in_dim=3 for some input, but that input is a Tensor of "
            "dimensionality 1 so "
            "expected in_dim to satisfy -1 <= in_dim < 1."
        ),
    ),
    "dims": (
        lambda func, x: func.vmap(abs, in_dims=None)(x),
        (
            "vmap(abs, in_dims=None, ...)(<inputs>): expected `in_dims` to be int or a (potentially nested) tuple "
            "matching the "
            "structure of inputs, got: <class 'NoneType'>."
        ),
    ),
    "mapped": (
        lambda func, x: func.vmap(abs, in_dims=(None,))(x),
        "vmap: Expected at least one Tensor to vmap over",
    ),
    "result": (
        lambda func, x: func.vmap(len)(x.view(1, 3)),
        (
            "vmap(len, ...): `len` must only return Tensors, got type <class 'int'>. Did you mean to set out_dims= to "
            "None for "
            "output?"
        ),
    ),
}


@pytest.mark.parametrize("case", VMAP_ERRORS)
def test_vmap_errors(torch, func, fails, case):
    call, message = VMAP_ERRORS[case]
    with fails(ValueError, message):
        call(func, point(torch))


@pytest.mark.parametrize("which", ["in_dims", "out_dims"])
def test_vmap_dims_that_do_not_fit(torch, func, which):
    with pytest.raises(ValueError, match=rf"^vmap\(abs,.*{which} is not compatible with the structure of `"):
        func.vmap(abs, **{which: (0, 0)})(point(torch))


# -- modules --------------------------------------------------------------------------------------------------------
def test_functional_call(torch, func, fails):
    linear = torch.nn.Linear(2, 1)
    own = linear.weight
    x, weight = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]], requires_grad=True)
    out = func.functional_call(linear, {"weight": weight, "bias": torch.tensor([0.5])}, (x,))
    assert out.tolist() == [[11.5]]
    out.sum().backward()
    assert weight.grad.tolist() == [[1.0, 2.0]] and own.grad is None and linear.weight is own
    assert func.functional_call(linear, [{"weight": weight}, {"bias": torch.zeros(1)}], x).tolist() == [[11.0]]
    with fails(RuntimeError, "Error(s) in reparametrizing for Linear:"):
        func.functional_call(linear, {"weight": weight}, (x,), strict=True)
    with pytest.raises(Exception, match="shapes"):
        func.functional_call(linear, {"weight": torch.ones(1, 5)}, (x,))
    assert linear.weight is own


def test_functional_call_inside_a_model(torch, func):
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Tanh(), torch.nn.Linear(2, 1))
    params = {name: p.detach() for name, p in model.named_parameters()}
    x = torch.tensor([[1.0, 2.0]])
    slopes = func.grad(lambda params: func.functional_call(model, params, x).sum())(params)
    model(x).sum().backward()
    for name, p in model.named_parameters():
        assert (slopes[name] - p.grad).abs().max().item() < 1e-6


def test_stack_module_state(torch, func, fails):
    models = [torch.nn.Linear(2, 1) for _ in range(3)]
    params, buffers = func.stack_module_state(models)
    assert params["weight"].shape == (3, 1, 2) and params["weight"].requires_grad and buffers == {}
    assert params["bias"][1].tolist() == models[1].bias.tolist()
    with fails(RuntimeError, "stack_module_state: Expected at least one model, got 0."):
        func.stack_module_state([])


def test_linearize():
    value, push = teachgrad.func.linearize(teachgrad.sin, teachgrad.tensor(1.0))
    assert value.item() == pytest.approx(math.sin(1)) and push(teachgrad.tensor(2.0)).item() == pytest.approx(
        2 * math.cos(1)
    )
