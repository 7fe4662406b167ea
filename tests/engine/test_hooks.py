"""Hooks on tensors and on nodes: when they run, what they see, what they may change."""

from __future__ import annotations

import pytest

import teachgrad


def leaf(torch, *values):
    return torch.tensor(values[0] if len(values) == 1 else values, requires_grad=True)


def numbers(grads):
    return tuple(None if grad is None else grad.tolist() for grad in grads)


def test_tensor_hook_sees_and_replaces(torch):
    x = leaf(torch, 2.0)
    y = x * 3
    seen = []
    y.register_hook(lambda g: seen.append(g.item()))
    y.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: seen.append(g.item()))
    (y * y).backward()
    assert seen == [12.0, 120.0]
    assert x.grad.item() == 360.0


def test_leaf_hook_sees_the_whole_gradient(torch):
    x = leaf(torch, 2.0)
    seen = []
    x.register_hook(lambda g: seen.append(g.item()))
    x.register_hook(lambda g: g / 2)
    y = x * 3 + x * 4
    y.backward(retain_graph=True)
    assert seen == [7.0] and x.grad.item() == 3.5
    y.backward()
    assert seen == [7.0, 7.0] and x.grad.item() == 7.0


def test_leaf_hook_runs_in_autograd_grad(torch):
    x = leaf(torch, 2.0)
    x.register_hook(lambda g: g * 100)
    (g,) = torch.autograd.grad(x * 3, x)
    assert g.item() == 300.0


def test_hook_on_a_tensor_asked_for(torch):
    x = leaf(torch, 2.0)
    h = x * 3
    h.register_hook(lambda g: g + 1)
    (g,) = torch.autograd.grad(h * h, h)
    assert g.item() == 13.0


def test_removal(torch):
    x = leaf(torch, 2.0)
    seen = []
    one = x.register_hook(lambda g: seen.append(1))
    two = x.register_hook(lambda g: seen.append(2))
    (x * 1).backward()
    one.remove()
    one.remove()
    (x * 1).backward()
    with x.register_hook(lambda g: seen.append(3)):
        (x * 1).backward()
    two.remove()
    (x * 1).backward()
    assert seen == [1, 2, 2, 2, 3]


def test_a_hook_that_removes_itself(torch):
    x = leaf(torch, 2.0)
    seen = []

    def once(grad):
        seen.append(grad.item())
        handle.remove()

    handle = x.register_hook(once)
    x.register_hook(lambda g: seen.append("other"))
    (x * 1).backward()
    (x * 1).backward()
    assert seen == [1.0, "other", "other"]


def test_node_hooks_and_their_order(torch):
    """Tensor hook, retain_grad, prehooks, the node, posthooks."""
    x = leaf(torch, 2.0)
    y = x * 3
    order = []
    y.grad_fn.register_hook(lambda ins, outs: order.append(("post", numbers(ins), numbers(outs))))
    y.grad_fn.register_prehook(lambda outs: order.append(("pre", numbers(outs))))
    y.register_hook(lambda g: order.append(("tensor", g.item())))
    y.retain_grad()
    (y * y).backward()
    assert order == [("tensor", 12.0), ("pre", (12.0,)), ("post", (36.0, None), (12.0,))]
    assert y.grad.item() == 12.0


def test_retain_grad_comes_after_the_tensors_hooks(torch):
    x = leaf(torch, 2.0)
    y = x * 3
    y.retain_grad()
    y.register_hook(lambda g: g * 10)
    y.grad_fn.register_prehook(lambda gs: (gs[0] * 10,))
    y.backward()
    assert y.grad.item() == 10.0
    assert x.grad.item() == 300.0


def test_node_hooks_replace(torch):
    x, w = leaf(torch, 2.0), leaf(torch, 5.0)
    y = x * w
    y.grad_fn.register_prehook(lambda outs: (outs[0] * 2,))
    y.grad_fn.register_hook(lambda ins, outs: (ins[0] * 10, None))
    y.backward()
    assert x.grad.item() == 100.0
    assert w.grad is None


def test_several_posthooks_see_each_others_answers(torch):
    x = leaf(torch, 2.0)
    y = x.exp() * 0 + x * 3
    node = y.grad_fn.next_functions[1][0]
    seen = []
    node.register_hook(lambda ins, outs: tuple(None if g is None else g + 1 for g in ins))
    node.register_hook(lambda ins, outs: seen.append(numbers(ins)))
    y.backward()
    assert seen == [(4.0, None)] and x.grad.item() == 4.0


def test_accumulate_grad_node(torch):
    x = leaf(torch, 2.0)
    y = x * 3
    node = y.grad_fn.next_functions[0][0]
    assert node.name() == "torch::autograd::AccumulateGrad" and node.variable is x and node.next_functions == ()
    assert (x * 4).grad_fn.next_functions[0][0] is node
    assert y.grad_fn.next_functions[1] == (None, 0)
    order = []
    node.register_prehook(lambda outs: order.append(("pre", numbers(outs), x.grad)))
    node.register_hook(lambda ins, outs: order.append(("post", numbers(ins), numbers(outs), x.grad.item())))
    x.register_hook(lambda g: order.append(("tensor", g.item())))
    x.register_post_accumulate_grad_hook(lambda t: order.append(("accumulated", t is x, t.grad.item())))
    y.backward()
    assert order == [
        ("tensor", 3.0), ("pre", (3.0,), None), ("accumulated", True, 3.0), ("post", (), (3.0,), 3.0),
    ]  # fmt: skip


def test_post_accumulate_hook_may_clear_the_gradient(torch):
    """The pattern that steps an optimiser inside backward."""
    x = leaf(torch, 2.0)

    def step(tensor):
        with torch.no_grad():
            tensor -= 0.1 * tensor.grad
        tensor.grad = None

    x.register_post_accumulate_grad_hook(step)
    (x * 10).backward()
    assert x.grad is None and abs(x.item() - 1.0) < 1e-6


def test_hooks_that_may_not_be_registered(torch, fails):
    with fails(RuntimeError, "cannot register a hook on a tensor that doesn't require gradient"):
        torch.tensor(1.0).register_hook(print)
    with fails(RuntimeError, "cannot register a hook on a tensor that doesn't require gradient"):
        torch.tensor(1.0).register_post_accumulate_grad_hook(print)
    with fails(RuntimeError, "post accumulate grad hooks cannot be registered on non-leaf tensors"):
        (leaf(torch, 1.0) * 2).register_post_accumulate_grad_hook(print)


def test_wrong_answers_of_hooks(torch, fails):
    x = leaf(torch, 2.0)
    x.register_hook(lambda g: 3)
    with pytest.raises(TypeError, match="expected Variable, but hook returned 'int'"):
        (x * 2).backward()
    y = leaf(torch, 2.0, 3.0)
    h = y * 2
    h.register_hook(lambda g: g.sum())
    with pytest.raises(RuntimeError, match="hook '<lambda>' has changed the size of value"):
        h.sum().backward()
    h = y * 2
    h.register_hook(lambda g: g.double())
    with fails(
        RuntimeError, "hook '<lambda>' has changed the type of value (was torch.FloatTensor got torch.DoubleTensor)"
    ):
        h.sum().backward()
    h = y * 2
    h.grad_fn.register_prehook(lambda outs: 3)
    with fails(TypeError, "expected tuple, but hook returned 'int'"):
        h.sum().backward()
    h = y * 2
    h.grad_fn.register_hook(lambda ins, outs: ins[:1])
    with fails(RuntimeError, "hook '<lambda>' has returned an incorrect number of values (got 1, but expected 2)"):
        h.sum().backward()
    assert y.grad is None


def test_a_hook_that_raises(torch):
    """What was accumulated before stays, and the next backward works."""
    x, w = leaf(torch, 2.0), leaf(torch, 3.0)
    h = x * 2
    y = h * w
    broken = h.register_hook(lambda g: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        y.backward()
    assert x.grad is None and w.grad.item() == 4.0
    broken.remove()
    (x * 2 * w).backward()
    assert x.grad.item() == 6.0 and w.grad.item() == 8.0
    assert torch.is_grad_enabled()


def test_hooks_run_without_recording(torch):
    x = leaf(torch, 2.0)
    modes = []
    y = x * 3
    y.register_hook(lambda g: modes.append((torch.is_grad_enabled(), g.requires_grad)))
    y.backward(retain_graph=True)
    torch.autograd.grad(y * y, x, create_graph=True)
    assert modes == [(False, False), (True, True)]


def test_backward_inside_a_hook(torch):
    x, w = leaf(torch, 2.0), leaf(torch, 3.0)
    y = x * 3

    def inner(grad):
        with torch.enable_grad():
            (w * w).backward()

    y.register_hook(inner)
    y.backward()
    assert (x.grad.item(), w.grad.item()) == (3.0, 6.0)


def test_the_gradient_a_hook_saw_stays_as_it_was(torch):
    x = leaf(torch, 1.0, 2.0)
    kept = []
    x.register_hook(kept.append)
    (x * 3).sum().backward()
    (x * 3).sum().backward()
    assert kept[0].tolist() == [3.0, 3.0] and x.grad.tolist() == [6.0, 6.0]


def test_metadata(torch):
    x = leaf(torch, 2.0)
    y = x * 3
    assert y.grad_fn.metadata == {}
    y.grad_fn.metadata["note"] = 1
    assert y.grad_fn.metadata == {"note": 1}


def test_node_names_and_facts(torch):
    x = leaf(torch, 2.0)
    y = (x * 3).exp()
    node = y.grad_fn
    assert node.name() == "ExpBackward0" and type(node).__name__ == "ExpBackward0"
    assert str(type(node)) == "<class 'ExpBackward0'>" and repr(node).startswith("<ExpBackward0 object at 0x")
    assert node._sequence_nr() > node.next_functions[0][0]._sequence_nr()
    assert y.grad_fn is node and y.output_nr == 0
    assert {"_saved_result", "next_functions", "register_hook"} <= set(dir(node))


def test_saved_values(torch, fails):
    x, w = leaf(torch, 2.0), leaf(torch, 3.0)
    y = x * w
    assert y.grad_fn._saved_self is x and y.grad_fn._saved_other is w
    (x * 3).grad_fn  # noqa: B018
    z = x.exp()
    assert z.grad_fn._saved_result.item() == z.item() and z.grad_fn._saved_result.grad_fn is z.grad_fn
    p = x**3
    assert p.grad_fn._saved_self is x and p.grad_fn._saved_exponent == 3
    constant = (x * torch.tensor(5.0)).grad_fn
    assert constant._saved_self is None and constant._saved_other.item() == 5.0
    y.backward()
    with fails(RuntimeError, _SECOND_TIME):
        y.grad_fn._saved_self  # noqa: B018
    with pytest.raises(AttributeError):
        y.grad_fn._saved_nothing  # noqa: B018


_SECOND_TIME = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
    "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
    "after calling backward."
)


def test_saved_sizes(torch):
    x = leaf(torch, [[1.0, 2.0], [3.0, 4.0]])
    assert tuple(x.sum().grad_fn._saved_self_sym_sizes) == (2, 2)
    assert tuple(x.sum(0).grad_fn._saved_self_sym_sizes) == (2, 2)
    assert x.sum(0).grad_fn._saved_keepdim is False


def test_a_graph_keeps_its_node_alive(torch):
    """Hooks on an AccumulateGrad last as long as something holds the node."""
    x = leaf(torch, 2.0)
    calls = []
    y = x * 3
    node = y.grad_fn.next_functions[0][0]
    node.register_hook(lambda ins, outs: calls.append(1))
    y.backward()
    (x * 2).backward()
    assert calls == [1, 1]
    if torch is teachgrad:
        del node, y
        (x * 2).backward()
        assert calls == [1, 1]


def test_post_hook_sees_none_where_no_gradient_was_asked_for(torch):
    x, y = torch.tensor([2.0], requires_grad=True), torch.tensor([3.0], requires_grad=True)
    seen = []
    for z in (x * y, torch.cat([x, y])):  # one rule for a list gives all its gradients, in PyTorch too
        z.grad_fn.register_hook(lambda grad_inputs, _: seen.append([g is None for g in grad_inputs]))
        torch.autograd.grad(z.sum(), x)
    assert seen == [[False, True], [False, False]]


def test_a_leaf_forgets_its_removed_hooks():
    x = teachgrad.ones(2, requires_grad=True)
    x.register_hook(lambda grad: None).remove()
    y = x * 2
    y.grad_fn.next_functions[0][0].register_hook(lambda *_: None).remove()
    y.sum().backward()
    assert x._hooks is None
    assert y.grad_fn.next_functions[0][0]._extras is None
