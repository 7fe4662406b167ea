"""Custom functions that change their arguments in place or return views, that fail, and what they keep alive."""

from __future__ import annotations

import gc
import weakref

import pytest

import teachgrad

IN_PLACE = (
    "Output 0 of {} is a view and is being modified inplace. This view was created inside a custom Function "
    "(or because an "
    "input was returned as-is) and the autograd logic to handle view+inplace would override the custom "
    "backward associated "
    "with the custom Function, leading to incorrect gradients. This behavior is forbidden. You can fix this "
    "by cloning the "
    "output of the custom Function."
)


def leaf(torch, *values):
    return torch.tensor(values or (1.0, 2.0, 3.0), requires_grad=True)


def function(torch, forward, backward=None, name="Custom", **more):
    """A Function class of either library, made of plain functions."""
    body = {"forward": forward, **({"backward": backward} if backward else {}), **more}
    return type(name, (torch.autograd.Function,), {key: staticmethod(value) for key, value in body.items()})


# -- in place, and views ------------------------------------------------------------------------------------------
def doubling(torch):
    def forward(ctx, x):
        x.mul_(2)
        ctx.mark_dirty(x)
        return x

    return function(torch, forward, lambda ctx, grad: grad * 2, name="Doubling")


def test_mark_dirty(torch):
    x = leaf(torch)
    c = x * 1
    same = doubling(torch).apply(c)
    assert same is c and c.tolist() == [2.0, 4.0, 6.0] and c._version == 2
    assert c.grad_fn.name() == "DoublingBackward"
    c.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def test_mark_dirty_without_gradients(torch):
    c = torch.tensor([1.0, 2.0])
    assert doubling(torch).apply(c) is c
    assert c.tolist() == [2.0, 4.0] and c._version == 2 and not c.requires_grad


def test_mark_dirty_on_a_leaf(torch, fails):
    with fails(RuntimeError, "a leaf Variable that requires grad has been used in an in-place operation."):
        doubling(torch).apply(leaf(torch))


def test_mark_dirty_on_a_view(torch):
    x = leaf(torch)
    base = x * 1
    view = base[:2]
    assert doubling(torch).apply(view) is view
    assert base.tolist() == [2.0, 4.0, 3.0] and base._version == view._version == 2
    assert [t.grad_fn.name().split("::")[-1] for t in (base, view)] == ["CopySlices", "AsStridedBackward0"]
    (base * torch.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert x.grad.tolist() == [2.0, 20.0, 100.0]


def test_mark_dirty_on_a_base_renews_its_views(torch):
    x = leaf(torch)
    base = x * 1
    view = base[1:]
    doubling(torch).apply(base)
    view.sum().backward()
    assert x.grad.tolist() == [0.0, 2.0, 2.0]


def test_mark_dirty_must_be_returned(torch, fails):
    def forward(ctx, x, y):
        ctx.mark_dirty(x)
        return y * 2

    with fails(
        RuntimeError,
        "Some elements marked as dirty during the forward method were not returned as output. The inputs that are "
        "modified "
        "inplace must all be outputs of the Function.",
    ):
        function(torch, forward, lambda ctx, grad: (None, grad)).apply(leaf(torch) * 1, leaf(torch))


def test_an_input_returned_is_a_view_of_it(torch, fails):
    same = function(torch, lambda ctx, x: x, lambda ctx, grad: grad * 5, name="Same")
    x = leaf(torch)
    y = same.apply(x)
    assert y is not x and y._is_view() and y.grad_fn.name() == "SameBackward"
    y.sum().backward()
    assert x.grad.tolist() == [5.0, 5.0, 5.0]
    with fails(RuntimeError, IN_PLACE.format("Same")):
        same.apply(x * 1).add_(1)


def test_a_view_made_inside(torch, fails):
    flat = function(torch, lambda ctx, x: x.view(-1), lambda ctx, grad: grad.view(1, 3) * 5, name="Flat")
    x = torch.tensor([[1.0, 2.0, 3.0]], requires_grad=True)
    y = flat.apply(x)
    assert y._is_view() and y.grad_fn.name() == "FlatBackward"
    y.sum().backward()
    assert x.grad.tolist() == [[5.0, 5.0, 5.0]]
    with fails(RuntimeError, IN_PLACE.format("Flat")):
        flat.apply(x * 1).add_(1)


def test_exceptions_leave_no_trace(torch):
    def refuse(ctx, grad):
        raise KeyError("mine")

    x = leaf(torch)
    y = function(torch, lambda ctx, x: x * 2, refuse).apply(x) + x
    with pytest.raises(KeyError, match="mine"):
        y.sum().backward()
    assert torch.is_grad_enabled() and x.grad is None
    (x * 2).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


# -- memory -------------------------------------------------------------------------------------------------------
def test_no_cycles():
    def forward(ctx, x):
        result = x.exp()
        ctx.save_for_backward(x, result)
        return result, x.view(-1)

    custom = function(teachgrad, forward, lambda ctx, a, b: a)
    gc.collect()
    gc.disable()
    try:
        x = leaf(teachgrad)
        result, view = custom.apply(x)
        refs = [weakref.ref(t) for t in (x, result, view)]
        result.sum().backward()
        del x, result, view
        assert [r() for r in refs] == [None] * 3
    finally:
        gc.enable()
