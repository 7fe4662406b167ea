"""What nodes keep for backward, packed and unpacked; edges of the graph as values; hooks that wait for several gradients."""

from __future__ import annotations

import threading

import pytest

import teachgrad


def leaf(torch, *values):
    return torch.tensor(values or (1.0, 2.0), requires_grad=True)


def name(node):
    return None if node is None else node.name().split("::")[-1]


@pytest.fixture
def log():
    return []


@pytest.fixture
def watching(torch, log):
    """A block in which every saved tensor is noted on its way in and out."""

    def pack(tensor):
        log.append(("in", tensor.tolist(), tensor.requires_grad, name(tensor.grad_fn), tensor.is_leaf))
        return tensor.detach()

    def unpack(packed):
        log.append(("out", packed.tolist()))
        return packed

    return lambda: torch.autograd.graph.saved_tensors_hooks(pack, unpack)


CASES = {
    "a * 2": [],
    "a + a": [],
    "a.sum()": [],
    "a * c": [("in", [3.0, 4.0], False, None, True)],
    "a * a": [("in", [1.0, 2.0], True, None, True)] * 2,
    "b * a": [("in", [1.0, 2.0], True, None, True), ("in", [2.0, 4.0], True, "MulBackward0", False)],
    "a / c": [("in", [3.0, 4.0], False, None, True)],
    "a ** 3": [("in", [1.0, 2.0], True, None, True)],
    "a.relu()": [("in", [1.0, 2.0], True, "ReluBackward0", False)],
    "torch.where(c > 3, a, c)": [("in", [False, True], False, None, True)],
    "a @ c": [("in", [3.0, 4.0], False, None, True)],
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_packed(torch, log, watching, case):
    a, c = leaf(torch), torch.tensor([3.0, 4.0])
    scope = {"torch": torch, "a": a, "c": c, "b": a * 2}
    expected = torch.autograd.grad(eval(case, scope).sum(), a, retain_graph=True)[0].tolist()
    with watching():
        y = eval(case, scope)
    assert log == CASES[case]
    y.sum().backward()
    assert a.grad.tolist() == expected
    assert log == [*CASES[case], *(("out", entry[1]) for entry in CASES[case])]


def test_outside_nothing_happens(torch, log, watching):
    a = leaf(torch)
    with watching(), torch.no_grad():
        a * a
    (a * a).sum().backward()
    assert log == []


def test_saved_names_unpack_one(torch, log, watching):
    a, c = leaf(torch), leaf(torch, 3.0, 4.0)
    with watching():
        y = (a * c).exp()
    product = y.grad_fn.next_functions[0][0]
    log.clear()
    assert product._saved_self.tolist() == [1.0, 2.0]
    assert log == [("out", [1.0, 2.0])]
    assert y.grad_fn._saved_result.grad_fn is y.grad_fn


def test_second_derivatives(torch, watching):
    a = leaf(torch)
    with watching():
        y = (a * a).exp().sum()
        (first,) = torch.autograd.grad(y, a, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), a)
    y = (a * a).exp().sum()
    (plain,) = torch.autograd.grad(torch.autograd.grad(y, a, create_graph=True)[0].sum(), a)
    assert second.tolist() == pytest.approx(plain.tolist())


def test_innermost_pair_counts(torch, log):
    hooks = torch.autograd.graph.saved_tensors_hooks

    def noting(word):
        return hooks(lambda tensor: log.append(word), lambda packed: None)

    a = leaf(torch)
    with noting("outer"):
        with noting("inner"):
            a.exp()
        a.exp()
    assert log == ["inner", "outer"]


def test_other_values_come_back(torch):
    a = leaf(torch)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.tolist(), lambda p: torch.tensor(p) * 10):
        y = a * a
    y.sum().backward()
    assert a.grad.tolist() == [20.0, 40.0]


def test_changes_in_place_are_the_hooks_affair(torch):
    a = leaf(torch)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda p: p):
        b = a.exp()
        y = b * b
    b.zero_()
    y.sum().backward()
    assert a.grad.tolist() == [0.0, 0.0]


def test_in_place_ops_pack_too(torch, log, watching):
    a = leaf(torch)
    with watching():
        b = a * 1
        b.exp_()
    assert [entry[0] for entry in log] == ["in"]
    b.sum().backward()
    assert a.grad.tolist() == a.exp().tolist()


def test_custom_functions_pack_too(torch, log, watching):
    def forward(ctx, x):
        result = x * x
        ctx.save_for_backward(x, result)
        return result

    def backward(ctx, grad):
        x, result = ctx.saved_tensors
        assert result.grad_fn.name() == "SquareBackward"
        return grad * 2 * x

    square = type(
        "Square", (torch.autograd.Function,), {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    )
    a = leaf(torch)
    with watching():
        y = square.apply(a)
    assert log == [
        ("in", [1.0, 2.0], True, None, True),
        ("in", [1.0, 4.0], True, "SquareBackward", False),
    ]
    y.sum().backward()
    assert a.grad.tolist() == [2.0, 4.0]


def test_hooks_that_misbehave(torch, fails):
    hooks, a = torch.autograd.graph.saved_tensors_hooks, leaf(torch)
    with hooks(lambda t: "x", lambda p: 3):
        y = a * a
    with fails(TypeError, "Output of saved tensor unpack_hook expected to be a Tensor but got result of type int"):
        y.sum().backward()
    c = torch.tensor([1.0, 2.0])
    with (
        hooks(lambda t: t.add_(1), lambda p: p),
        pytest.raises(RuntimeError, match=r"^A saved tensor pack hook is mod"),
    ):
        a * c

    def refuse(tensor):
        raise KeyError("mine")

    with hooks(refuse, lambda p: p), pytest.raises(KeyError):
        a * a
    y = a * a
    y.sum().backward()
    assert a.grad.tolist() == [2.0, 4.0]


def test_switched_off(torch, fails):
    graph = torch.autograd.graph
    with graph.disable_saved_tensors_hooks("not here"), fails(RuntimeError, "not here"), graph.save_on_cpu():
        pass
    hooks, disabled = graph.saved_tensors_hooks(lambda t: t, lambda p: p), graph.disable_saved_tensors_hooks("not here")
    with hooks, fails(RuntimeError, "not here"), disabled:
        pass


def test_save_on_cpu(torch):
    a = leaf(torch)
    with torch.autograd.graph.save_on_cpu(pin_memory=False):
        y = (a * a).exp()
    y.sum().backward()
    assert a.grad.tolist() == (2 * a * (a * a).exp()).tolist()


def test_hooks_of_one_value(torch, log):
    a = leaf(torch)
    y = a * a
    raw = y.grad_fn._raw_saved_self
    raw.register_hooks(lambda t: log.append("in") or t.detach(), lambda p: log.append("out") or p * 10)
    y.sum().backward()
    assert log == ["in", "out"]
    assert a.grad.tolist() == [11.0, 22.0]


def test_allow_mutation(torch, fails):
    a = leaf(torch)
    allow = torch.autograd.graph.allow_mutation_on_saved_tensors
    gone = (
        "Trying to backward outside of the 'allow_mutation_on_saved_tensors' contextin which the graph was originally "
        "recorded."
    )
    with allow() as context:
        b = a.clone()
        y = b * b
        b.mul_(3)
        y.sum().backward()
        assert a.grad.tolist() == [2.0, 4.0]
        b = a.clone()
        y = b * b
        b.mul_(3)
        context.clear()
        with fails(AssertionError, gone):
            y.sum().backward()
        with fails(RuntimeError, "allow_mutation_on_saved_tensors contexts cannot be nested"), allow():
            pass
        y = a * a
    with fails(AssertionError, gone):
        y.sum().backward()


def test_threads_have_their_own_hooks():
    """The switch that ops test is shared, the hooks are not."""
    seen, a = [], leaf(teachgrad)
    with teachgrad.autograd.graph.saved_tensors_hooks(lambda t: seen.append(t) or t.detach(), lambda p: p):
        thread = threading.Thread(target=lambda: (a * a).sum().backward())
        thread.start()
        thread.join()
    assert seen == [] and a.grad.tolist() == [2.0, 4.0]


# -- edges --------------------------------------------------------------------------------------------------------
def test_edges_stand_for_tensors(torch, fails):
    graph, a = torch.autograd.graph, leaf(torch)
    y = a * 2
    edge = graph.get_gradient_edge(y)
    assert isinstance(edge, graph.GradientEdge) and edge.node is y.grad_fn and edge.output_nr == 0
    z = y * y
    assert torch.autograd.grad(z.sum(), edge, retain_graph=True)[0].tolist() == [4.0, 8.0]
    (from_edge,) = torch.autograd.grad(graph.get_gradient_edge(z), a, torch.ones(2), retain_graph=True)
    assert from_edge.tolist() == [8.0, 16.0]
    torch.autograd.backward(graph.get_gradient_edge(z.sum()), inputs=[graph.get_gradient_edge(a)], retain_graph=True)
    assert a.grad.tolist() == [8.0, 16.0]
    assert graph.get_gradient_edge(a).node.variable is a
    with fails(RuntimeError, "grad can be implicitly created only for scalar outputs"):
        torch.autograd.backward(graph.get_gradient_edge(z))
    message = (
        "Mismatch in shape: grad_output[0] has a shape of torch.Size([3]) and output[0] has a shape of torch.Size([2])."
    )
    with fails(RuntimeError, message):
        torch.autograd.backward(graph.get_gradient_edge(z), torch.ones(3))
    message = "It is not possible to get the gradient edge for a Tensor that does not require gradients"
    with fails(RuntimeError, message):
        graph.get_gradient_edge(torch.ones(2))


def test_increment_version(torch):
    a, b = torch.ones(2), torch.ones(2)
    torch.autograd.graph.increment_version(a)
    torch.autograd.graph.increment_version([a, b])
    assert (a._version, b._version) == (2, 1)


# -- several gradients --------------------------------------------------------------------------------------------
def test_multi_grad_hook(torch, log):
    a, b = leaf(torch), leaf(torch)
    c, d = a * b, a * b
    hook = torch.autograd.graph.register_multi_grad_hook
    handle = hook((a, b, c, d), lambda grads: log.append([g is not None for g in grads]))
    c.sum().backward(retain_graph=True)
    c.sum().backward(inputs=(a,), retain_graph=True)
    assert log == [[True, True, True, False], [True, False, True, False]]
    handle.remove()
    c.sum().backward()
    assert len(log) == 2


def test_multi_grad_hook_after_a_failure(torch, log):
    a = leaf(torch)
    b = a * 2
    torch.autograd.graph.register_multi_grad_hook((a, b), lambda grads: log.append([g.tolist() for g in grads]))
    b.register_hook(lambda grad: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        b.sum().backward(retain_graph=True)
    c = b * 3
    b.grad_fn.register_prehook(lambda grads: grads)
    with pytest.raises(ZeroDivisionError):
        c.sum().backward(retain_graph=True)
    assert log == []


def test_multi_grad_hook_any(torch, log):
    a, b = leaf(torch), leaf(torch)
    y = (a * b).sum()
    hook = torch.autograd.graph.register_multi_grad_hook
    hook((a, b), lambda grad: log.append(grad.tolist()), mode="any")
    y.backward(retain_graph=True)
    y.backward()
    assert log == [[1.0, 2.0]] * 2


def test_multi_grad_hook_mode(torch, fails):
    with fails(ValueError, "Expects mode to be one of ('all', 'any') but got some"):
        torch.autograd.graph.register_multi_grad_hook((), print, mode="some")


def test_hooks_off_the_path_stay_silent(torch, log):
    """With `inputs`, what does not lead to them is not visited."""
    a, b = leaf(torch), leaf(torch)
    y, z = a * 2, b * 3
    y.register_hook(lambda grad: log.append("y"))
    y.grad_fn.register_prehook(lambda grads: log.append("before y"))
    a.register_hook(lambda grad: log.append("a"))
    b.register_hook(lambda grad: log.append("b"))
    torch.autograd.grad((y * z).sum(), b)
    assert log == ["b"]
