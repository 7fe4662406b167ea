"""Checkpointing: the same gradients, with the block run twice."""

from __future__ import annotations

import gc
import weakref
from importlib import import_module

import pytest

import teachgrad


@pytest.fixture
def cp(torch):
    return import_module(f"{torch.__name__}.utils.checkpoint")


@pytest.fixture
def lesson(torch):
    """A block, its inputs, and a list of the grad modes in which it ran."""

    class Lesson:
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        w = torch.tensor([2.0, 3.0], requires_grad=True)
        runs: list = []

        def block(self, a):
            self.runs.append(torch.is_grad_enabled())
            return (a * self.w).sin() * a

    lesson = Lesson()
    lesson.runs = []
    (lesson.block(lesson.x)).sum().backward()
    lesson.expected = lesson.x.grad.tolist(), lesson.w.grad.tolist()
    lesson.x.grad = lesson.w.grad = None
    lesson.runs.clear()
    return lesson


@pytest.mark.parametrize("reentrant", [True, False])
def test_same_gradients(cp, lesson, reentrant):
    y = cp.checkpoint(lesson.block, lesson.x, use_reentrant=reentrant)
    assert y.grad_fn.name() == ("CheckpointFunctionBackward" if reentrant else "MulBackward0")
    assert lesson.runs == [not reentrant]
    y.sum().backward()
    assert lesson.runs == [not reentrant, True]
    assert (lesson.x.grad.tolist(), lesson.w.grad.tolist()) == lesson.expected


def test_default_warns(cp, lesson, warned):
    with warned() as messages:
        y = cp.checkpoint(lesson.block, lesson.x)
    assert y.grad_fn.name() == "CheckpointFunctionBackward"
    assert str(messages[0].message).startswith(
        "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly."
    )


def test_inputs_without_gradient(torch, cp, lesson, warned):
    constant = lesson.x.detach()
    y = cp.checkpoint(lesson.block, constant, use_reentrant=False)
    y.sum().backward()
    assert lesson.w.grad.tolist() == lesson.expected[1]
    with warned() as messages:
        assert not cp.checkpoint(lesson.block, constant, use_reentrant=True).requires_grad
    assert [str(m.message) for m in messages] == ["None of the inputs have requires_grad=True. Gradients will be None"]


def test_keywords(torch, cp, lesson, fails):
    y = cp.checkpoint(lambda a, k: a * k, lesson.x, k=3, use_reentrant=False)
    assert y.tolist() == [3.0, 6.0]
    with fails(ValueError, "Unexpected keyword arguments: k"):
        cp.checkpoint(lambda a, k: a * k, lesson.x, k=3, use_reentrant=True)


def test_grad_of_it(torch, cp, lesson, fails):
    (found,) = torch.autograd.grad(cp.checkpoint(lesson.block, lesson.x, use_reentrant=False).sum(), lesson.x)
    assert found.tolist() == lesson.expected[0]
    with fails(
        RuntimeError,
        "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an `inputs` "
        "parameter to "
        ".backward(). To resolve this error, you can either set use_reentrant=False, or call .backward() without "
        "passing the "
        "`inputs` argument.",
    ):
        torch.autograd.grad(cp.checkpoint(lesson.block, lesson.x, use_reentrant=True).sum(), lesson.x)


def test_second_derivative(torch, cp, lesson):
    found = []
    for y in (lesson.block(lesson.x), cp.checkpoint(lesson.block, lesson.x, use_reentrant=False)):
        (slope,) = torch.autograd.grad(y.sum(), lesson.x, create_graph=True)
        found.append(torch.autograd.grad(slope.sum(), lesson.x)[0].tolist())
    assert found[0] == pytest.approx(found[1])


def test_each_backward_runs_it_again(cp, lesson):
    y = cp.checkpoint(lesson.block, lesson.x, use_reentrant=False).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert len(lesson.runs) == 3
    assert lesson.x.grad.tolist() == pytest.approx([2 * g for g in lesson.expected[0]])


@pytest.mark.parametrize("reentrant", [True, False])
def test_random_numbers(torch, cp, lesson, reentrant):
    def block(a):
        return a * torch.rand(2) * a

    torch.manual_seed(0)
    expected = (2 * lesson.x * torch.rand(2)).tolist()
    after = torch.rand(1).item()
    torch.manual_seed(0)
    y = cp.checkpoint(block, lesson.x, use_reentrant=reentrant)
    y.sum().backward()
    assert lesson.x.grad.tolist() == pytest.approx(expected)
    assert torch.rand(1).item() == after


def test_other_random_numbers(torch, cp, lesson):
    torch.manual_seed(0)
    y = cp.checkpoint(lambda a: a * torch.rand(2) * a, lesson.x, use_reentrant=False, preserve_rng_state=False)
    y.sum().backward()
    torch.manual_seed(0)
    _, second = torch.rand(2), torch.rand(2)
    assert lesson.x.grad.tolist() == pytest.approx((2 * lesson.x * second).tolist())


def changing(first, then):
    """A block that does `first` the first time and `then` ever after."""
    runs = []
    return lambda a: (runs.append(0) or (first if len(runs) == 1 else then))(a)


def test_blocks_that_change(torch, cp, lesson, fails):
    def run(first, then, **options):
        cp.checkpoint(changing(first, then), lesson.x, use_reentrant=False, **options).sum().backward()

    count = (
        "torch.utils.checkpoint: A different number of tensors was saved during the original forward and recomputation."
    )
    with fails(cp.CheckpointError, count):
        run(lambda a: a.exp().sin(), lambda a: a.exp())
    run(lambda a: a * lesson.w, lambda a: (a * lesson.w).exp())  # more than needed does not show
    other = (
        "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than during the "
        "forward pass."
    )
    with fails(cp.CheckpointError, other):
        run(lambda a: (a * a).sum(), lambda a: (torch.cat([a, a]) * torch.cat([a, a])).sum())


def test_exceptions_pass_through(torch, cp, lesson):
    def refuse(a):
        raise KeyError("mine")

    for reentrant in (True, False):
        y = cp.checkpoint(changing(lambda a: a * a, refuse), lesson.x, use_reentrant=reentrant)
        with pytest.raises(KeyError):
            y.sum().backward()
        assert torch.is_grad_enabled()
        (lesson.x * 2).sum().backward()


def test_outputs_that_are_not_tensors(cp, lesson):
    for reentrant in (True, False):
        a, b, five = cp.checkpoint(lambda x: (x * 2, x * 3, 5), lesson.x, use_reentrant=reentrant)
        assert (a.tolist(), b.tolist(), five) == ([2.0, 4.0], [3.0, 6.0], 5)


def test_without_recording(torch, cp, lesson):
    with torch.no_grad():
        for reentrant in (True, False):
            assert not cp.checkpoint(lesson.block, lesson.x, use_reentrant=reentrant).requires_grad


def test_stops_as_soon_as_it_can(cp, lesson):
    seen = []

    def block(a):
        b = a.exp()
        seen.append("here")
        return b.sum()

    cp.checkpoint(block, lesson.x, use_reentrant=False).backward()
    assert seen == ["here"]
    with cp.set_checkpoint_early_stop(False):
        cp.checkpoint(block, lesson.x, use_reentrant=False).backward()
    assert seen == ["here"] * 3


def test_nested(torch, cp, lesson):
    def inner(b):
        return (b * lesson.w).sin()

    def outer(a):
        return cp.checkpoint(inner, a * a, use_reentrant=False).exp()

    inner(lesson.x * lesson.x).exp().sum().backward()
    expected = lesson.x.grad.tolist()
    lesson.x.grad = None
    cp.checkpoint(outer, lesson.x, use_reentrant=False).sum().backward()
    assert lesson.x.grad.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("segments", [1, 2, 3, 4])
def test_sequential(torch, cp, lesson, reentrant, segments):
    blocks = [lambda a: a * 2, torch.sin, lambda a: a * lesson.w, torch.exp]
    (lesson.w * (2 * lesson.x).sin()).exp().sum().backward()
    expected = lesson.x.grad.tolist()
    lesson.x.grad = None
    cp.checkpoint_sequential(blocks, segments, lesson.x, use_reentrant=reentrant).sum().backward()
    assert lesson.x.grad.tolist() == pytest.approx(expected)


def test_modules(torch, cp):
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
    x = torch.tensor([[1.0, 2.0]])
    model(x).sum().backward()
    expected = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    cp.checkpoint_sequential(model, 2, x.requires_grad_(), use_reentrant=False).sum().backward()
    for parameter, grad in zip(model.parameters(), expected, strict=True):
        assert (parameter.grad - grad).abs().max().item() < 1e-6


def test_forward_keeps_nothing():
    """The intermediate values are gone until backward."""
    from teachgrad.utils.checkpoint import checkpoint

    alive = []

    def block(a):
        middle = a.exp()
        alive.append(weakref.ref(middle))
        return middle.sin().cos()

    x = teachgrad.tensor([1.0, 2.0], requires_grad=True)
    gc.disable()
    try:
        y = checkpoint(block, x, use_reentrant=False)
        assert alive[0]() is None
        y.sum().backward()
    finally:
        gc.enable()
    assert x.grad is not None
