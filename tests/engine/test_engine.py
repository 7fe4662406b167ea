"""backward() and autograd.grad(): what they compute, accumulate, keep and free."""

from __future__ import annotations

import pytest

import teachgrad

SECOND_TIME = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
    "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
    "after calling backward."
)


def leaf(torch, *values):
    return torch.tensor(values[0] if len(values) == 1 else values, requires_grad=True)


# -- backward(...) -----------------------------------------------------------------------------------------------


def test_scalar_backward(torch):
    a, b = leaf(torch, 2.0), leaf(torch, 5.0)
    q = 3 * a**3 - b**2
    assert q.backward() is None
    assert (a.grad.item(), b.grad.item()) == (36.0, -10.0)
    assert a.grad.requires_grad is False and a.grad.grad_fn is None and a.grad.is_leaf


def test_gradient_argument(torch, fails):
    x = leaf(torch, 1.0, 2.0, 3.0)
    y = x * x
    y.backward(torch.tensor([1.0, 10.0, 100.0]), retain_graph=True)
    assert x.grad.tolist() == [2.0, 40.0, 600.0]
    y.backward(gradient=torch.tensor([1.0, 1.0, 1.0]))
    assert x.grad.tolist() == [4.0, 44.0, 606.0]
    with fails(RuntimeError, "grad can be implicitly created only for scalar outputs"):
        (x * x).backward()
    with fails(
        RuntimeError,
        "Mismatch in shape: grad_output[0] has a shape of torch.Size([2]) and output[0] has a shape of torch.Size([3]).",
    ):
        (x * x).backward(torch.tensor([1.0, 2.0]))
    with fails(TypeError, "gradients can be either Tensors or None, but got int"):
        torch.autograd.backward([x * x], [3])
    assert x.grad.tolist() == [4.0, 44.0, 606.0]


def test_one_element_needs_no_gradient(torch):
    x = leaf(torch, [[2.0]])
    (x * x).backward()
    assert x.grad.tolist() == [[4.0]]


def test_the_given_gradient_is_left_alone(torch):
    x, g = leaf(torch, 1.0, 2.0), torch.tensor([3.0, 4.0])
    (x * 1).backward(g)
    (x * 1).backward(g)
    assert x.grad.tolist() == [6.0, 8.0]
    assert g.tolist() == [3.0, 4.0]
    y = leaf(torch, 1.0, 2.0)
    y.backward(g)  # a leaf is its own graph
    y.grad.mul_(2)
    assert g.tolist() == [3.0, 4.0]


def test_without_grad(torch, fails):
    with fails(RuntimeError, "element 0 of tensors does not require grad and does not have a grad_fn"):
        torch.tensor(1.0).backward()
    with fails(RuntimeError, "element 1 of tensors does not require grad and does not have a grad_fn"):
        torch.autograd.backward([leaf(torch, 1.0) * 2, torch.tensor(1.0)])


def test_leaf_backward(torch):
    x = leaf(torch, 3.0)
    x.backward()
    x.backward()
    assert x.grad.item() == 2.0


def test_several_roots(torch):
    x = leaf(torch, 3.0)
    y, z = x * 2, x * x
    torch.autograd.backward([y, z])
    assert x.grad.item() == 8.0
    w = x * 5
    torch.autograd.backward((w, w))
    assert x.grad.item() == 18.0
    v = leaf(torch, 1.0, 2.0)
    torch.autograd.backward([v * 2, (v * v)], [torch.tensor([1.0, 1.0]), torch.tensor([1.0, 0.0])])
    assert v.grad.tolist() == [4.0, 2.0]


def test_a_root_below_another(torch):
    x = leaf(torch, 3.0)
    y = x * x
    z = y * y
    torch.autograd.backward([z, y])
    assert x.grad.item() == 108.0 + 6.0


def test_inputs_argument(torch, fails):
    x, y = leaf(torch, 2.0), leaf(torch, 3.0)
    (x * y).backward(inputs=[x])
    assert x.grad.item() == 3.0 and y.grad is None
    (x * y).backward(inputs=y)
    assert y.grad.item() == 2.0
    h = x * y
    h.retain_grad()
    (h * h).backward(inputs=[h])
    assert h.grad.item() == 12.0 and x.grad.item() == 3.0
    with fails(RuntimeError, "`inputs` argument to `backward()` cannot be empty."):
        (x * y).backward(inputs=[])
    with fails(RuntimeError, "all inputs have to be Tensors or GradientEdges, but got int"):
        (x * y).backward(inputs=[3])
    with fails(RuntimeError, "can't retain_grad on Tensor that has requires_grad=False"):
        (x * y).backward(inputs=[torch.tensor(1.0)])
    x.grad = None
    (y * 2).backward(inputs=[x])  # not part of that graph
    assert x.grad is None


def test_accumulation_keeps_the_tensor(torch):
    x = leaf(torch, 1.0, 2.0)
    (x * 2).sum().backward()
    first = x.grad
    assert first._version == 0
    (x * 3).sum().backward()
    assert x.grad is first and first.tolist() == [5.0, 5.0]
    x.grad = None
    (x * 3).sum().backward()
    assert x.grad is not first and first.tolist() == [5.0, 5.0]


def test_grads_of_two_leaves_share_nothing(torch):
    x, y = leaf(torch, 1.0, 2.0), leaf(torch, 1.0, 2.0)
    (x + y).backward(torch.tensor([1.0, 1.0]))
    x.grad.add_(1)
    assert y.grad.tolist() == [1.0, 1.0]


def test_a_gradient_already_there_is_added_to(torch):
    x = leaf(torch, 1.0)
    x.grad = torch.tensor(10.0)
    (x * 2).backward()
    assert x.grad.item() == 12.0


def test_shared_subexpressions(torch):
    x = leaf(torch, 2.0)
    y = x * x
    (y + y + x).backward()
    assert x.grad.item() == 9.0


def test_broadcasting_sums_the_gradient(torch):
    x, w, s = leaf(torch, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), leaf(torch, 1.0, 10.0, 100.0), leaf(torch, 2.0)
    (x * w * s).sum().backward()
    assert w.grad.tolist() == [10.0, 14.0, 18.0]
    assert s.grad.item() == 5.0 + 70.0 + 900.0
    assert x.grad.tolist() == [[2.0, 20.0, 200.0]] * 2


def test_mixed_dtypes_cast_the_gradient(torch):
    x, y = leaf(torch, 1.0, 2.0), torch.tensor([3.0, 4.0], dtype=torch.float64, requires_grad=True)
    z = x * y
    assert z.dtype == torch.float64
    z.sum().backward()
    assert x.grad.dtype == torch.float32 and x.grad.tolist() == [3.0, 4.0]
    assert y.grad.dtype == torch.float64 and y.grad.tolist() == [1.0, 2.0]


# -- retain_graph, create_graph ------------------------------------------------------------------------------------


def test_second_backward_raises_where_something_was_saved(torch, fails):
    x = leaf(torch, 2.0)
    y = x * x
    y.backward()
    with fails(RuntimeError, SECOND_TIME):
        y.backward()
    assert x.grad.item() == 4.0
    z = x + 1  # nothing saved, nothing freed
    z.backward()
    z.backward()
    assert x.grad.item() == 6.0


def test_which_graphs_run_twice(torch):
    """Add, sub, neg and the like save nothing, so nothing is freed; a product saves even a number."""
    twice_ = ["x + x", "x - 1", "-x", "1 - x", "x.clone()", "x.double()", "x % 2", "x.floor()", "x.sign()", "x.frac()"]
    once = [
        "x * 2", "2 * x", "x / 2", "2 / x", "x * x", "x / x", "x ** 2", "x ** 0", "x.exp()", "x.relu()", "x.abs()",
        "x.sqrt()", "x.tanh()", "x.sigmoid()", "x.detach() * x", "torch.clamp(x, 0, 1)", "torch.where(x > 0, x, 0.)",
        "x.maximum(x)",
    ]  # fmt: skip
    lines = dict.fromkeys(twice_, True) | dict.fromkeys(once, False)
    for line, twice in lines.items():
        x = leaf(torch, 2.0)
        y = eval(line, {"x": x, "torch": torch})
        y.backward()
        try:
            y.backward()
            ran = True
        except RuntimeError:
            ran = False
        assert ran is twice, line


def test_a_shared_part_that_was_freed(torch, fails):
    x = leaf(torch, 2.0)
    h = x * x
    (h * 3).backward()
    with fails(RuntimeError, SECOND_TIME):
        (h * 4).backward()


def test_retain_graph(torch):
    x = leaf(torch, 2.0)
    y = x * x
    for _ in range(3):
        y.backward(retain_graph=True)
    assert x.grad.item() == 12.0


def test_create_graph_gives_higher_derivatives(torch):
    x = leaf(torch, 2.0)
    y = x**4
    found = []
    for _ in range(4):
        (y,) = torch.autograd.grad(y, x, create_graph=True)
        found.append(y.item())
    assert found == [32.0, 48.0, 48.0, 24.0]


def test_backward_with_create_graph(torch):
    x = leaf(torch, 3.0)
    with pytest.warns(UserWarning, match="create_graph=True") if torch is not teachgrad else _nothing():
        (x**3).backward(create_graph=True)
    assert x.grad.item() == 27.0 and x.grad.requires_grad
    first, x.grad = x.grad, None
    first.backward()
    assert x.grad.item() == 18.0


class _nothing:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


def test_second_order_of_several_inputs(torch):
    x, y = leaf(torch, 2.0), leaf(torch, 3.0)
    gx, gy = torch.autograd.grad(x * x * y, (x, y), create_graph=True)
    assert (gx.item(), gy.item()) == (12.0, 4.0)
    hxx, hxy = torch.autograd.grad(gx, (x, y), retain_graph=True)
    assert (hxx.item(), hxy.item()) == (6.0, 4.0)
    (hyx,) = torch.autograd.grad(gy, x)
    assert hyx.item() == 4.0


def test_gradient_penalty(torch):
    """The pattern of a gradient penalty: a loss that contains a gradient."""
    x, w = leaf(torch, 1.0, 2.0), leaf(torch, 3.0, 4.0)
    out = (w * x * x).sum()
    (g,) = torch.autograd.grad(out, x, create_graph=True)
    (g * g).sum().backward()
    assert w.grad.tolist() == [24.0, 128.0]


# -- autograd.grad -----------------------------------------------------------------------------------------------


def test_grad_returns_and_accumulates_nothing(torch):
    x, y = leaf(torch, 2.0), leaf(torch, 3.0)
    answer = torch.autograd.grad(x * y, [x, y])
    assert isinstance(answer, tuple) and [g.item() for g in answer] == [3.0, 2.0]
    assert x.grad is None and y.grad is None
    assert answer[0].requires_grad is False


def test_grad_of_a_non_leaf(torch):
    x = leaf(torch, 2.0)
    h = x * x
    z = h * 3
    assert [g.item() for g in torch.autograd.grad(z, (h, x, z))] == [3.0, 12.0, 1.0]


def test_grad_runs_only_what_is_needed(torch):
    x, y = leaf(torch, 2.0), leaf(torch, 3.0)
    h, k = x * x, y * y
    fired = []
    h.register_hook(lambda g: fired.append("h"))
    k.register_hook(lambda g: fired.append("k"))
    torch.autograd.grad(h * k, x)
    assert fired == ["h"]
    k.backward()  # its graph was not touched
    assert y.grad.item() == 6.0


def test_unused(torch, fails):
    x, y = leaf(torch, 2.0), leaf(torch, 3.0)
    with fails(
        RuntimeError,
        "The differentiated Tensor at index 1 appears to not have been used in the graph. Set allow_unused=True if this "
        "is the desired behavior.",
    ):
        torch.autograd.grad(x * 2, (x, y))
    assert torch.autograd.grad(x * 2, (y, x), allow_unused=True)[0] is None
    zeros = torch.autograd.grad(x * 2, (x, y), materialize_grads=True)
    assert [g.item() for g in zeros] == [2.0, 0.0]
    with fails(RuntimeError, "`inputs` argument to `grad()` cannot be empty."):
        torch.autograd.grad(x * 2, [])
    with fails(RuntimeError, "One of the differentiated Tensors does not require grad"):
        torch.autograd.grad(x * 2, torch.tensor(1.0))
    with fails(
        ValueError,
        "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False.",
    ):
        torch.autograd.grad(x * 2, x, allow_unused=False, materialize_grads=True)


def test_grad_of_vectors(torch, fails):
    x = leaf(torch, 1.0, 2.0)
    y = x * x
    with fails(RuntimeError, "grad can be implicitly created only for scalar outputs"):
        torch.autograd.grad(y, x)
    (g,) = torch.autograd.grad(y, x, torch.tensor([1.0, 10.0]), retain_graph=True)
    assert g.tolist() == [2.0, 40.0]
    (g,) = torch.autograd.grad([y, y], x, [torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])])
    assert g.tolist() == [2.0, 4.0]


def test_the_same_input_twice(torch):
    x = leaf(torch, 2.0)
    assert [g.item() for g in torch.autograd.grad(x * x, (x, x))] == [4.0, 4.0]
