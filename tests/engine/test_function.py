"""Custom functions: what forward leaves in ctx, what backward may return, and how they fit into graphs and views."""

from __future__ import annotations

import pytest

MODIFIED = (
    "one of the variables needed for gradient computation has been modified by an inplace operation: "
    "[torch.FloatTensor [3]]"
    ", which is output 0 of {}, is at version 1; expected version 0 instead. Hint: enable anomaly detection "
    "to find the "
    "operation that failed to compute its gradient, with torch.autograd.set_detect_anomaly(True, check_nan=False)."
)


def leaf(torch, *values):
    return torch.tensor(values or (1.0, 2.0, 3.0), requires_grad=True)


def function(torch, forward, backward=None, name="Custom", **more):
    """A Function class of either library, made of plain functions."""
    body = {"forward": forward, **({"backward": backward} if backward else {}), **more}
    return type(name, (torch.autograd.Function,), {key: staticmethod(value) for key, value in body.items()})


def square(torch):
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * 2 * x

    return function(torch, forward, backward, name="Square")


def test_a_node_of_its_own_name(torch):
    x = leaf(torch)
    y = square(torch).apply(x)
    assert y.grad_fn.name() == "SquareBackward"
    assert str(type(y.grad_fn)) == "<class 'torch.autograd.function.SquareBackward'>"
    assert repr(y) == "tensor([1., 4., 9.], grad_fn=<SquareBackward>)"
    assert y.grad_fn.next_functions[0][0].variable is x
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 4.0, 6.0]


def test_ctx_is_the_node(torch):
    def forward(ctx, x, k):
        ctx.k = k
        return x * k

    def backward(ctx, grad):
        assert ctx.needs_input_grad == (True, False)
        return grad * ctx.k, None

    y = function(torch, forward, backward).apply(leaf(torch), 3)
    assert y.grad_fn.k == 3 and y.grad_fn.needs_input_grad == (True, False)
    y.grad_fn.k = 5
    x = y.grad_fn.next_functions[0][0].variable
    y.sum().backward()
    assert x.grad.tolist() == [5.0, 5.0, 5.0]


def test_nothing_is_recorded_inside(torch):
    seen = []

    def forward(ctx, x):
        seen.append(torch.is_grad_enabled())
        return x * 1

    def backward(ctx, grad):
        seen.append((torch.is_grad_enabled(), grad.requires_grad))
        return grad

    custom, x = function(torch, forward, backward), leaf(torch)
    custom.apply(x).sum().backward()
    torch.autograd.grad(custom.apply(x).sum(), x, create_graph=True)
    assert seen == [False, (False, False), False, (True, False)]
    with torch.no_grad():
        assert not custom.apply(x).requires_grad
    assert not custom.apply(torch.tensor([1.0])).requires_grad


@pytest.mark.parametrize("materialize", [True, False])
def test_unused_outputs(torch, materialize):
    seen = []

    def forward(ctx, x, y):
        ctx.set_materialize_grads(materialize)
        return x * y, x + y

    def backward(ctx, a, b):
        seen.append((None if a is None else a.tolist(), b.tolist()))
        return a, b

    x, y = leaf(torch), leaf(torch)
    product, total = function(torch, forward, backward).apply(x, y)
    assert (product.output_nr, total.output_nr) == (0, 1)
    assert product.grad_fn is total.grad_fn
    total.sum().backward()
    assert seen == [([0.0, 0.0, 0.0] if materialize else None, [1.0, 1.0, 1.0])]
    assert (x.grad is None) is not materialize
    assert y.grad.tolist() == [1.0, 1.0, 1.0]


def test_both_outputs_used(torch):
    custom = function(torch, lambda ctx, x: (x * 2, x * 3), lambda ctx, a, b: a * 2 + b * 3)
    x = leaf(torch)
    a, b = custom.apply(x)
    (a + 10 * b).sum().backward()
    assert x.grad.tolist() == [32.0, 32.0, 32.0]


def test_outputs_without_gradient(torch):
    seen = []

    def forward(ctx, x):
        twice = x * 2
        ctx.mark_non_differentiable(twice)
        return x * 3, twice, x > 1, 5, None

    def backward(ctx, *grads):
        seen.extend(None if g is None else g.tolist() for g in grads)
        return grads[0] * 3

    x = leaf(torch)
    out = function(torch, forward, backward).apply(x)
    assert [getattr(o, "requires_grad", o) for o in out] == [True, False, False, 5, None]
    out[0].sum().backward()
    assert x.grad.tolist() == [3.0, 3.0, 3.0]
    assert seen == [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [False, False, False], None, None]


def test_a_list_is_not_a_tuple_of_outputs(torch):
    out = function(torch, lambda ctx, x: [x * 2, x * 3], lambda ctx, *g: g[0]).apply(leaf(torch))
    assert isinstance(out, list) and not out[0].requires_grad


def test_setup_context(torch):
    def forward(x, y):
        return x * y, x + 1

    def setup_context(ctx, inputs, output):
        assert isinstance(output, tuple) and len(inputs) == 2
        ctx.save_for_backward(*inputs)

    def backward(ctx, grad, other):
        x, y = ctx.saved_tensors
        return grad * y, grad * x

    x, y = leaf(torch), leaf(torch, 4.0, 5.0, 6.0)
    out = function(torch, forward, backward, setup_context=setup_context).apply(x, y)
    out[0].sum().backward()
    assert x.grad.tolist() == [4.0, 5.0, 6.0] and y.grad.tolist() == [1.0, 2.0, 3.0]


def test_setup_context_cannot_save_an_input_that_is_returned(torch, fails):
    custom = function(
        torch,
        lambda x: x,
        lambda ctx, grad: grad,
        setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs),
    )
    with fails(
        RuntimeError,
        "An input that has been returned as-is as output is being saved for backward. This is not supported if "
        "you override "
        "setup_context. You should return and save a view of the input instead, e.g. with x.view_as(x) or setup "
        "ctx inside "
        "the forward function itself.",
    ):
        custom.apply(leaf(torch))


def test_vjp_is_another_name_for_backward(torch, fails):
    x = leaf(torch)
    function(torch, lambda ctx, x: x * 2, vjp=lambda ctx, grad: grad * 7).apply(x).sum().backward()
    assert x.grad.tolist() == [7.0, 7.0, 7.0]
    both = function(torch, lambda ctx, x: x * 2, lambda ctx, grad: grad, vjp=lambda ctx, grad: grad)
    with fails(
        RuntimeError,
        "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only implement "
        "one of them.",
    ):
        both.apply(x).sum().backward()


# -- what backward may return -------------------------------------------------------------------------------------
WRONG = {
    "two for one": (
        lambda t, g: (g, g),
        "function CustomBackward returned an incorrect number of gradients (expected 1, got 2)",
    ),
    "wrong shape": (
        lambda t, g: t.ones(7),
        (
            "Function CustomBackward returned an invalid gradient at index 0 - got [7] but expected shape compatible "
            "with [3]"
        ),
    ),
    "a number": (lambda t, g: 3.0, "expected Variable or None (got float)"),
    "a list": (lambda t, g: [g], "expected Variable or None (got list)"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_answers(torch, fails, case):
    answer, message = WRONG[case]
    y = function(torch, lambda ctx, x: x * 2, lambda ctx, grad: answer(torch, grad)).apply(leaf(torch))
    with fails(RuntimeError, message):
        y.sum().backward()


def test_gradient_of_a_number(torch, fails):
    y = function(torch, lambda ctx, x, k: x * k, lambda ctx, grad: (grad, grad)).apply(leaf(torch), 2)
    with fails(
        RuntimeError,
        "function CustomBackward returned a gradient different than None at position 2, but the corresponding "
        "forward input "
        "was not a Variable",
    ):
        y.sum().backward()


def test_too_few(torch, fails):
    y = function(torch, lambda ctx, x, k: x * k, lambda ctx, grad: None).apply(leaf(torch), 2)
    with fails(RuntimeError, "function CustomBackward returned an incorrect number of gradients (expected 2, got 1)"):
        y.sum().backward()


def test_trailing_nones_are_welcome(torch):
    x = leaf(torch)
    function(torch, lambda ctx, x: x * 2, lambda ctx, grad: (grad, None, None)).apply(x).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


def test_gradients_are_fitted_to_their_arguments(torch):
    x = leaf(torch)
    function(torch, lambda ctx, x: x * torch.ones(2, 3), lambda ctx, grad: grad).apply(x).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]
    x = leaf(torch)
    function(torch, lambda ctx, x: x.double(), lambda ctx, grad: grad).apply(x).sum().backward()
    assert x.grad.dtype == torch.float32


def test_none_stops_the_flow(torch):
    x, y = leaf(torch), leaf(torch)
    function(torch, lambda ctx, x, y: x * y, lambda ctx, grad: (None, grad)).apply(x * 1, y).sum().backward()
    assert x.grad is None and y.grad.tolist() == [1.0, 1.0, 1.0]


def test_missing_methods(torch, fails):
    with fails(
        NotImplementedError,
        "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
        "backward mode "
        "AD.",
    ):
        function(torch, lambda ctx, x: x * 2).apply(leaf(torch)).sum().backward()
    empty = type("Empty", (torch.autograd.Function,), {})
    with fails(NotImplementedError, "You must implement the forward function for custom autograd.Function."):
        empty.apply(leaf(torch))


def test_instances_are_of_the_past(torch, fails, warned):
    with warned() as messages:
        instance = square(torch)()
    assert messages[0].category is DeprecationWarning
    assert str(messages[0].message).startswith("<class 'test_function.Square'> should not be instantiated. Methods on")
    with fails(
        RuntimeError,
        "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd "
        "function with "
        "static forward method. (Example: https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)",
    ):
        instance(leaf(torch))


# -- saved tensors ------------------------------------------------------------------------------------------------
def test_saved_output_has_its_history(torch):
    seen = []

    def forward(ctx, x):
        result = x.exp()
        ctx.save_for_backward(result, None)
        return result

    def backward(ctx, grad):
        result, nothing = ctx.saved_tensors
        seen.append((result.requires_grad, result.grad_fn.name(), nothing))
        return grad * result

    x = leaf(torch)
    (grad,) = torch.autograd.grad(function(torch, forward, backward, name="Exp").apply(x).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(grad.sum(), x)
    assert second.tolist() == x.exp().tolist()
    assert seen == [(True, "ExpBackward", None)] * 2


def test_saved_intermediate_is_a_constant(torch):
    def forward(ctx, x):
        middle = x.exp()
        ctx.save_for_backward(middle)
        return middle * 2

    def backward(ctx, grad):
        (middle,) = ctx.saved_tensors
        assert not middle.requires_grad
        return grad * middle * 2

    x = leaf(torch)
    (grad,) = torch.autograd.grad(function(torch, forward, backward).apply(x).sum(), x, create_graph=True)
    assert not grad.requires_grad  # which is why PyTorch's documentation warns of this


def test_double_backward(torch):
    x = leaf(torch)
    (first,) = torch.autograd.grad((square(torch).apply(x) * x).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x, create_graph=True)
    (third,) = torch.autograd.grad(second.sum(), x)
    assert first.tolist() == [3.0, 12.0, 27.0] and second.tolist() == [6.0, 12.0, 18.0] and third.tolist() == [6.0] * 3


def test_changed_in_place_since(torch, fails):
    x = leaf(torch)
    c = x * 1
    y = square(torch).apply(c)
    c.add_(1)
    with fails(RuntimeError, MODIFIED.format("Add")):
        y.sum().backward()


def test_saved_output_changed_in_place_since(torch, fails):
    def forward(ctx, x):
        result = x.exp()
        ctx.save_for_backward(result)
        return result

    y = function(torch, forward, lambda ctx, grad: grad * ctx.saved_tensors[0], name="Exp").apply(leaf(torch))
    y.add_(1)
    with fails(RuntimeError, MODIFIED.format("Exp")):
        y.sum().backward()


def test_freed(torch, fails):
    y = square(torch).apply(leaf(torch)).sum()
    y.backward()
    with fails(
        RuntimeError,
        "Trying to backward through the graph a second time (or directly access saved tensors after they have "
        "already been "
        "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). "
        "Specify "
        "retain_graph=True if you need to backward through the graph a second time or if you need to access saved "
        "tensors "
        "after calling backward.",
    ):
        y.backward()


def test_only_tensors_can_be_saved(torch, fails):
    with fails(TypeError, "save_for_backward can only save variables, but argument 1 is of type int"):
        function(torch, lambda ctx, x: ctx.save_for_backward(x, 3) or x).apply(leaf(torch))


def test_once_differentiable(torch, fails):
    once = torch.autograd.function.once_differentiable
    custom = function(torch, lambda ctx, x: x * 2, once(lambda ctx, grad: grad * 2))
    x = leaf(torch)
    custom.apply(x).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]
    y = custom.apply(x * x)
    (grad,) = torch.autograd.grad((y * y).sum(), x, create_graph=True)
    with fails(RuntimeError, "trying to differentiate twice a function that was marked with @once_differentiable"):
        grad.sum().backward()
