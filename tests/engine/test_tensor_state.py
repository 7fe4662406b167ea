"""What a tensor is to the graph, grad modes and threads, and graphs of a million nodes."""

from __future__ import annotations

import copy
import gc
import pickle
import sys
import threading
import time

import pytest

import teachgrad
from teachgrad.autograd.engine import popped

SECOND_TIME = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
    "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
    "after calling backward."
)


def leaf(torch, *values):
    return torch.tensor(values[0] if len(values) == 1 else values, requires_grad=True)


# -- properties of tensors -----------------------------------------------------------------------------------------


def test_is_leaf_and_requires_grad(torch, fails):
    x = torch.tensor([1.0, 2.0])
    assert x.is_leaf and not x.requires_grad and x.grad_fn is None
    assert x.requires_grad_() is x and x.requires_grad and x.is_leaf
    y = x * 2
    assert y.requires_grad and not y.is_leaf
    with fails(
        RuntimeError,
        "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph "
        "that doesn't require differentiation use var_no_grad = var.detach().",
    ):
        y.requires_grad = False
    with fails(RuntimeError, "you can only change requires_grad flags of leaf variables."):
        y.requires_grad = True
    with fails(RuntimeError, "requires_grad must be a bool"):
        x.requires_grad = 1
    assert y.requires_grad_() is y
    assert (x.detach() * 2).is_leaf
    with fails(RuntimeError, "only Tensors of floating point dtype can require gradients"):
        torch.tensor([1, 2]).requires_grad_()
    with fails(RuntimeError, "Only Tensors of floating point and complex dtype can require gradients"):
        torch.tensor([1, 2], requires_grad=True)
    x.requires_grad_(False)
    assert not (x * 2).requires_grad


def test_detach(torch):
    x = leaf(torch, 1.0, 2.0)
    y = x * 2
    d = y.detach()
    assert not d.requires_grad and d.grad_fn is None and d.is_leaf
    d[0] = 50.0
    assert y.tolist() == [50.0, 4.0] and y._version == d._version == 1
    z = (y.detach() * x).sum()
    z.backward()
    assert x.grad.tolist() == [50.0, 4.0]
    y.detach_()
    assert y.is_leaf and not y.requires_grad


def test_assigning_grad(torch, fails):
    x = leaf(torch, 1.0, 2.0)
    with fails(TypeError, "assigned grad expected to be a Tensor or None but got grad of type int"):
        x.grad = 3
    with fails(
        RuntimeError,
        "attempting to assign a gradient of size '[1]' to a tensor of size '[2]'. Please ensure that the gradient and the "
        "tensor are the same size",
    ):
        x.grad = torch.tensor([1.0])
    with pytest.raises(
        RuntimeError, match="attempting to assign a gradient with dtype 'double' to a tensor with grad_dtype"
    ):
        x.grad = torch.tensor([1.0, 2.0], dtype=torch.float64)
    with fails(RuntimeError, "can't assign Variable as its own grad"):
        x.grad = x
    assert x.grad is None
    g = torch.tensor([1.0, 1.0])
    x.grad = g
    assert x.grad is g
    del x.grad
    assert x.grad is None


def test_grad_of_a_non_leaf_warns_on_the_callers_line(torch, warned):
    x = leaf(torch, 2.0)
    y = x * 2
    with warned() as caught:
        y.grad  # noqa: B018
        line = sys._getframe().f_lineno - 1
    (only,) = caught
    assert only.category is UserWarning and only.filename == __file__ and only.lineno == line
    assert str(only.message).startswith("The .grad attribute of a Tensor that is not a leaf Tensor is being accessed.")
    y.retain_grad()
    with warned() as caught:
        assert y.grad is None and x.grad is None
        (y * 3).backward(retain_graph=True)
        assert y.grad.item() == 3.0
        repr(y), copy.copy(y), y.detach(), y * 2, y.backward(inputs=[x])
    assert not caught


def test_retain_grad(torch, fails):
    x = leaf(torch, 2.0)
    y = x * 3
    assert not y.retains_grad
    y.retain_grad()
    y.retain_grad()
    assert y.retains_grad and not x.retains_grad
    (y * y).backward()
    assert y.grad.item() == 12.0
    (x * 3).backward()
    x.retain_grad()  # a leaf retains anyway
    with fails(RuntimeError, "can't retain_grad on Tensor that has requires_grad=False"):
        torch.tensor(1.0).retain_grad()


def test_deepcopy_and_pickle(torch, fails):
    x = leaf(torch, 1.0, 2.0)
    (x * x).sum().backward()
    twin = copy.deepcopy(x)
    assert twin is not x and twin.tolist() == x.tolist() and twin.requires_grad and twin.is_leaf
    assert twin.grad.tolist() == [2.0, 4.0] and twin.grad is not x.grad
    twin.data[0] = 9.0
    assert x.tolist() == [1.0, 2.0]
    pair = copy.deepcopy([x, x])
    assert pair[0] is pair[1]
    with fails(
        RuntimeError,
        "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  If you "
        "were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, see "
        "https://github.com/pytorch/pytorch/pull/103001",
    ):
        copy.deepcopy(x * 2)
    again = pickle.loads(pickle.dumps(x))
    assert again.tolist() == [1.0, 2.0] and again.requires_grad and again.dtype == torch.float32
    alias = copy.copy(x)
    alias.data[0] = 7.0
    assert x.tolist() == [7.0, 2.0]


# -- grad mode -----------------------------------------------------------------------------------------------------


def test_no_grad_as_context_and_decorator(torch):
    x = leaf(torch, 2.0)
    with torch.no_grad():
        assert not torch.is_grad_enabled()
        y = x * 2
        with torch.enable_grad():
            z = x * 2
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()
    assert not y.requires_grad and y.is_leaf and z.requires_grad

    @torch.no_grad()
    def with_brackets(t):
        """Doc."""
        return t * 2

    @torch.no_grad
    def without_brackets(t):
        return t * 2

    @torch.enable_grad()
    def recording(t):
        return t * 2

    assert with_brackets.__name__ == "with_brackets" and with_brackets.__doc__ == "Doc."
    assert not with_brackets(x).requires_grad and not without_brackets(x).requires_grad
    with torch.no_grad():
        assert recording(x).requires_grad
    assert torch.is_grad_enabled()


def test_modes_survive_exceptions(torch):
    with pytest.raises(KeyError), torch.no_grad():
        raise KeyError
    assert torch.is_grad_enabled()

    @torch.no_grad()
    def broken():
        raise KeyError

    with pytest.raises(KeyError):
        broken()
    assert torch.is_grad_enabled()


def test_set_grad_enabled(torch):
    torch.set_grad_enabled(False)
    try:
        assert not torch.is_grad_enabled()
        with torch.set_grad_enabled(True):
            assert torch.is_grad_enabled()
        assert not torch.is_grad_enabled()
    finally:
        torch.set_grad_enabled(True)
    with torch.set_grad_enabled(False):
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()

    @torch.set_grad_enabled(False)
    def f(t):
        return t * 2

    assert torch.is_grad_enabled()
    assert not f(leaf(torch, 1.0)).requires_grad


def test_no_grad_generator(torch):
    @torch.no_grad()
    def numbers(t):
        for _ in range(2):
            assert not torch.is_grad_enabled()
            yield t * 2

    for value in numbers(leaf(torch, 1.0)):
        assert not value.requires_grad
        assert torch.is_grad_enabled()


def test_grad_mode_belongs_to_the_thread(torch):
    seen = []

    def other():
        seen.append(torch.is_grad_enabled())
        with torch.no_grad():
            started.set()
            gate.wait(5)
        seen.append(torch.is_grad_enabled())

    started, gate = threading.Event(), threading.Event()
    with torch.no_grad():
        thread = threading.Thread(target=other)
        thread.start()
        started.wait(5)
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()
    gate.set()
    thread.join()
    assert seen == [True, True]


def test_backward_in_threads(torch):
    """Each thread with its own graph over one shared leaf: nothing is lost."""
    x = leaf(torch, 1.0)
    results = []

    def work():
        (g,) = torch.autograd.grad(((x * 2).exp() * 3).sum(), x)
        results.append(round(g.item(), 3))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [44.334] * 8


# -- size and order ------------------------------------------------------------------------------------------------


def test_million_node_chain():
    """Built, differentiated and freed without recursion, in seconds."""
    x = teachgrad.tensor(1.0, requires_grad=True)
    gc.collect()
    start = time.perf_counter()
    y = x
    for _ in range(1_000_000):
        y = y * 1.0
    built = time.perf_counter()
    y.backward()
    done = time.perf_counter()
    assert x.grad.item() == 1.0
    del y
    freed = time.perf_counter()
    assert freed - start < 60, (built - start, done - built, freed - done)


def test_million_node_chain_of_saving_nodes():
    """The same where each node holds the tensor before it, dropped without ever running backward."""
    x = teachgrad.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(300_000):
        y = y * x
    del y
    z = x
    for _ in range(300_000):
        z = z.exp().log()
    z.backward()
    assert abs(x.grad.item() - 1.0) < 1e-3


def test_a_graph_is_freed_at_once(torch):
    import weakref

    x = leaf(torch, 1.0, 2.0)
    h = x * 2
    seen = weakref.ref(h)
    y = (h * h).sum()
    del h
    assert seen() is not None or torch is not teachgrad  # PyTorch keeps the C++ tensor, not the Python object
    gc.disable()
    try:
        del y
        assert seen() is None
    finally:
        gc.enable()


def test_order_of_leaves_that_are_ready_together(torch):
    for count in (1, 2, 3, 4, 5, 8, 13):
        leaves = [leaf(torch, float(n)) for n in range(count)]
        order = []
        for number, one in enumerate(leaves):
            one.register_hook(lambda g, n=number, order=order: order.append(n))
        torch.stack(leaves).sum().backward()
        assert order == popped(list(range(count)))


def test_diamond_runs_each_node_once(torch):
    x = leaf(torch, 2.0)
    calls = []
    h = x * 1
    h.grad_fn.register_hook(lambda ins, outs: calls.append(outs[0].item()))
    (h * h + h.exp() * 0 + h).backward()
    assert calls == [5.0] and x.grad.item() == 5.0
