"""Forward mode: dual numbers, and their agreement with backward (v . J^T u = u . J v)."""

from __future__ import annotations

import threading

import pytest

import teachgrad

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # PyTorch's make_dual, at its first use


@pytest.fixture
def fw(torch):
    """The module `forward_ad`."""
    from importlib import import_module

    return import_module(f"{torch.__name__}.autograd.forward_ad")


def numbers(torch, *values, **options):
    return torch.tensor(values, **options)


FUNCTIONS = {
    "mul": lambda t, x: x * x * 3,
    "div": lambda t, x: 1 / x + x / 3,
    "exp": lambda t, x: (x * 2).exp().log1p(),
    "pow": lambda t, x: x**3 + 2**x,
    "trig": lambda t, x: x.sin() * x.cos() + x.tanh(),
    "sum": lambda t, x: x.sum() * x,
    "mean": lambda t, x: x.mean(),
    "prod": lambda t, x: x.prod(),
    "matmul": lambda t, x: x.reshape(3, 1) @ x.reshape(1, 3),
    "index": lambda t, x: x[1:] * x[:-1] + x[[0, 2]],
    "cat": lambda t, x: t.cat([x, x * 2]),
    "stack": lambda t, x: t.stack([x, x.flip(0)], dim=1),
    "max": lambda t, x: x.max(),
    "where": lambda t, x: t.where(x > 1.5, x * x, -x),
    "softmax": lambda t, x: x.softmax(0),
    "norm": lambda t, x: x.norm(),
    "relu": lambda t, x: (x - 1.5).relu() + x.clamp(max=2.0),
    "cumsum": lambda t, x: x.cumsum(0),
    "double": lambda t, x: x.double() * 2,
    "var": lambda t, x: x.var(),
    "sort": lambda t, x: (x * x).sort(descending=True).values,
    "constant": lambda t, x: x.floor() + x.round(),
}


@pytest.mark.parametrize("case", FUNCTIONS)
def test_pushes_tangents_forward(torch, fw, case):
    """The numbers of both libraries, and of backward: u . (J v) = v . (J^T u)."""
    function = FUNCTIONS[case]
    x, v = numbers(torch, 1.0, 2.5, 3.5), numbers(torch, 0.5, -1.0, 2.0)
    with fw.dual_level():
        value, tangent = fw.unpack_dual(function(torch, fw.make_dual(x, v)))
    expected = function(torch, x)
    assert value.tolist() == expected.tolist() and tangent.dtype == expected.dtype
    assert not tangent.requires_grad and not value.requires_grad
    leaf = x.clone().requires_grad_()
    u = torch.cos(torch.arange(expected.numel()) * 1.0).to(expected.dtype).reshape(expected.shape)
    (row,) = torch.autograd.grad(function(torch, leaf), leaf, u)
    assert (tangent * u).sum().item() == pytest.approx((row * v).sum().item(), rel=1e-4, abs=1e-5)


def test_two_inputs(torch, fw):
    x, y, v = numbers(torch, 1.0, 2.0), numbers(torch, 3.0, 4.0), numbers(torch, 1.0, 10.0)
    with fw.dual_level():
        a, b = fw.make_dual(x, v), fw.make_dual(y, v)
        assert fw.unpack_dual(a * b).tangent.tolist() == [4.0, 60.0]
        assert fw.unpack_dual(a * y).tangent.tolist() == [3.0, 40.0]
        assert fw.unpack_dual(a * a.detach()).tangent.tolist() == [1.0, 20.0]
        assert fw.unpack_dual(x * y).tangent is None
        assert fw.unpack_dual(a > b).tangent is None


def test_parts(torch, fw):
    x, v = numbers(torch, 1.0, 2.0), numbers(torch, 1.0, 0.5)
    assert fw.unpack_dual(x) == (x, None)
    with fw.dual_level() as level:
        assert level == 0
        dual = fw.make_dual(x, v)
        assert fw.unpack_dual(dual).tangent is v
        assert fw.unpack_dual(dual).primal.data_ptr() == dual.data_ptr() == x.data_ptr()
        assert type(fw.unpack_dual(dual)).__name__ == "UnpackedDualTensor"
        out = dual * 2
    assert fw.unpack_dual(out).tangent is None
    assert fw.unpack_dual(dual).tangent is None


def test_what_was_taken_out_is_not_dual(torch, fw):
    x, v = numbers(torch, 1.0, 2.0), numbers(torch, 1.0, 0.5)
    with fw.dual_level():
        value, tangent = fw.unpack_dual(fw.make_dual(x, v) ** 2)
        assert fw.unpack_dual(value * tangent).tangent is None
        again = fw.make_dual(value, tangent)
        assert fw.unpack_dual(again * again).tangent.tolist() == [4.0, 16.0]


def test_without_grad_mode(torch, fw):
    x, v = numbers(torch, 1.0, 2.0), numbers(torch, 1.0, 0.5)
    w = numbers(torch, 3.0, 4.0, requires_grad=True)
    with torch.no_grad(), fw.dual_level():
        tangent = fw.unpack_dual(fw.make_dual(x, v) * w).tangent
    assert tangent.tolist() == [3.0, 2.0] and not tangent.requires_grad
    with fw.dual_level():
        dual = fw.make_dual(x, v)
        with torch.no_grad():
            out = dual * w
        assert fw.unpack_dual(out).tangent.tolist() == [3.0, 2.0]
    assert not (x * x).requires_grad
    with torch.no_grad():
        assert not (w * w).requires_grad


def test_in_place(torch, fw):
    x, v = numbers(torch, 1.0, 2.0), numbers(torch, 1.0, 0.5)
    with fw.dual_level():
        dual = fw.make_dual(x, v)
        dual.mul_(3)
        assert fw.unpack_dual(dual).tangent.tolist() == [3.0, 1.5]
        assert x.tolist() == [3.0, 6.0]
        whole = torch.zeros(3)
        whole[1:] = dual
        assert fw.unpack_dual(whole).tangent.tolist() == [0.0, 3.0, 1.5]


def test_reverse_over_forward(torch, fw):
    """The tangent is differentiable, with respect to the point and to the direction."""
    x = numbers(torch, 1.0, 2.0, requires_grad=True)
    v = numbers(torch, 1.0, 0.5, requires_grad=True)
    with fw.dual_level():
        value, tangent = fw.unpack_dual(fw.make_dual(x, v) ** 3)
    assert value.requires_grad and tangent.requires_grad
    tangent.sum().backward()
    assert x.grad.tolist() == [6.0, 6.0]
    assert v.grad.tolist() == [3.0, 12.0]


def test_forward_over_reverse(torch, fw):
    """H v without building H."""
    x, v = numbers(torch, 1.0, 2.0), numbers(torch, 1.0, 0.5)
    with fw.dual_level():
        dual = fw.make_dual(x, v).requires_grad_()
        (slope,) = torch.autograd.grad((dual**3).sum(), dual, create_graph=True)
        assert fw.unpack_dual(slope).tangent.tolist() == [6.0, 6.0]


def test_parameters_of_the_lesson(torch, fw):
    w = numbers(torch, 3.0, 4.0, requires_grad=True)
    x, v = numbers(torch, 1.0, 2.0), numbers(torch, 1.0, 0.5)
    with fw.dual_level():
        value, tangent = fw.unpack_dual(fw.make_dual(x, v) * w)
    (value + 10 * tangent).sum().backward()
    assert w.grad.tolist() == [11.0, 7.0]


def test_complex(torch, fw):
    x, v = numbers(torch, 1 + 2j, 3 - 1j), numbers(torch, 1j, 2 + 1j)
    with fw.dual_level():
        dual = fw.make_dual(x, v)
        assert fw.unpack_dual(dual.real).tangent.tolist() == pytest.approx([0.0, 2.0])
        assert fw.unpack_dual(dual.imag * 2).tangent.tolist() == pytest.approx([2.0, 2.0])


def test_errors(torch, fw, fails):
    x, v = numbers(torch, 1.0, 2.0), numbers(torch, 1.0, 0.5)
    with fails(
        RuntimeError,
        "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first.",
    ):
        fw.make_dual(x, v)
    with fw.dual_level():
        dual = fw.make_dual(x, v)
        with fails(
            RuntimeError,
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not "
            "supported. Tensor is of size [2] while the given forward gradient is of size [3].",
        ):
            fw.make_dual(x, torch.ones(3))
        with fails(ValueError, "Expected primal to be floating point or complex, but got: torch.int64"):
            fw.make_dual(torch.tensor([1]), v)
        with fails(ValueError, "Expected tangent to be floating point or complex, but got: torch.int64"):
            fw.make_dual(x, torch.tensor([1, 2]))
        with fails(
            RuntimeError,
            "Making a dual Tensor based on a Tensor that already has a forward gradient at the same level 0 is not "
            "supported.",
        ):
            fw.make_dual(dual, v)
        with fails(RuntimeError, "Nested forward mode AD is not supported at the moment"):
            fw.enter_dual_level()
        message = "Trying to exit a forward AD level that was not the last one that was created. This is not supported."
        with fails(RuntimeError, message):
            fw.exit_dual_level(level=5)
    with fails(RuntimeError, "Dual level must be a positive number."):
        fw.exit_dual_level()


# -- custom functions ---------------------------------------------------------------------------------------------
def custom(torch, forward, jvp=None, backward=None):
    body = {"forward": forward, "jvp": jvp, "backward": backward}
    return type("Custom", (torch.autograd.Function,), {k: staticmethod(f) for k, f in body.items() if f})


def test_jvp_of_a_function(torch, fw):
    seen = []

    def forward(ctx, x, k):
        assert not x.requires_grad and fw.unpack_dual(x).tangent is None
        ctx.save_for_forward(x)
        ctx.save_for_backward(x, x)
        ctx.k = k
        return x * k, x + 1

    def jvp(ctx, v, of_number):
        (x,) = ctx.saved_tensors
        seen.append((v.tolist(), of_number, x.tolist(), torch.is_grad_enabled()))
        return v * ctx.k, v

    x, v = numbers(torch, 1.0, 2.0), numbers(torch, 1.0, 0.5)
    with fw.dual_level():
        product, more = custom(torch, forward, jvp).apply(fw.make_dual(x, v) * 2, 3)
        assert seen == [([2.0, 1.0], None, [2.0, 4.0], True)]
        assert fw.unpack_dual(product).tangent.tolist() == [6.0, 3.0]
        assert fw.unpack_dual(product * more).tangent.tolist() == [30.0, 27.0]


@pytest.mark.parametrize("materialize", [True, False])
def test_tangents_that_are_missing(torch, fw, materialize):
    seen = []

    def forward(ctx, x, y):
        ctx.set_materialize_grads(materialize)
        return x * y

    def jvp(ctx, v, w):
        seen.append(None if w is None else w.tolist())
        return v

    x, v = numbers(torch, 1.0, 2.0), numbers(torch, 1.0, 0.5)
    with fw.dual_level():
        out = custom(torch, forward, jvp).apply(fw.make_dual(x, v), x)
        assert fw.unpack_dual(out).tangent.tolist() == [1.0, 0.5]
    assert seen == [[0.0, 0.0] if materialize else None]


def test_wrong_jvp(torch, fw, fails):
    x, v = numbers(torch, 1.0, 2.0), numbers(torch, 1.0, 0.5)
    with fw.dual_level():
        dual = fw.make_dual(x, v)
        with fails(
            NotImplementedError,
            "You must implement the jvp function for custom autograd.Function to use it with forward mode AD.",
        ):
            custom(torch, lambda ctx, x: x * 2, backward=lambda ctx, grad: grad * 2).apply(dual)
        with fails(
            RuntimeError, "Function's jvp returned an invalid number of forward gradients (expected 1 but got 2)"
        ):
            custom(torch, lambda ctx, x: x * 2, lambda ctx, v: (v, v)).apply(dual)
        with fails(
            RuntimeError,
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not "
            "supported. Tensor is of size [2] while the given forward gradient is of size [5].",
        ):
            custom(torch, lambda ctx, x: x * 2, lambda ctx, v: torch.ones(5)).apply(dual)


def test_backward_through_a_function_with_jvp(torch, fw):
    w = numbers(torch, 3.0, 4.0, requires_grad=True)
    square = custom(
        torch,
        lambda ctx, x: ctx.save_for_forward(x) or ctx.save_for_backward(x) or x * x,
        lambda ctx, v: v * 2 * ctx.saved_tensors[0],
        lambda ctx, grad: grad * 2 * ctx.saved_tensors[0],
    )
    with fw.dual_level():
        value, tangent = fw.unpack_dual(square.apply(fw.make_dual(w, torch.ones(2))))
    assert tangent.tolist() == [6.0, 8.0]
    value.sum().backward()
    assert w.grad.tolist() == [6.0, 8.0]


# -- what only teachgrad promises ---------------------------------------------------------------------------------
def test_ops_are_untouched_outside_levels():
    from teachgrad.autograd.modes import GRAD_MODE
    from teachgrad.ops.table import LIVE, RAW

    fw = teachgrad.autograd.forward_ad
    (teachgrad.ones(1) * 2).exp()  # so that there are compiled ops
    with fw.dual_level():
        assert RAW["_grad_enabled"] is not GRAD_MODE.get
    assert RAW["_grad_enabled"] == LIVE["_grad_enabled"] == GRAD_MODE.get


def test_other_threads_keep_their_grad_mode():
    fw, found = teachgrad.autograd.forward_ad, []
    w = teachgrad.ones(1, requires_grad=True)

    def run():
        with teachgrad.no_grad():
            found.append((w * w).requires_grad)

    with fw.dual_level():
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    assert found == [False]


def test_a_long_chain():
    """No recursion: the graph may be deep."""
    fw = teachgrad.autograd.forward_ad
    with fw.dual_level():
        x = fw.make_dual(teachgrad.tensor(1.0), teachgrad.tensor(1.0))
        for _ in range(3000):
            x = x * 1.0
        assert fw.unpack_dual(x).tangent.item() == 1.0
