"""Anomaly mode: the first NaN in backward, and the line of the forward pass it comes from. And inference mode."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

import teachgrad


def leaf(torch, *values):
    return torch.tensor(values, requires_grad=True)


@pytest.fixture
def anomaly(torch, warned):
    """The mode as a block, without the warnings that PyTorch prints besides the exception."""

    def block(check_nan=True):
        with warned(), torch.autograd.set_detect_anomaly(True, check_nan):
            yield

    import contextlib

    return contextlib.contextmanager(block)


def test_names_the_rule(torch, anomaly, fails):
    x = leaf(torch, 0.0)
    with anomaly():
        y = (torch.sqrt(x) * 0).sum()
        with fails(RuntimeError, "Function 'SqrtBackward0' returned nan values in its 0th output."):
            y.backward()
    assert x.grad is None


def test_second_output(torch, anomaly, fails):
    custom = type(
        "Custom",
        (torch.autograd.Function,),
        {
            "forward": staticmethod(lambda ctx, x, y: x * y),
            "backward": staticmethod(lambda ctx, g: (g, g * float("nan"))),
        },
    )
    x = leaf(torch, 1.0)
    with anomaly():
        y = custom.apply(x, x)
        with fails(RuntimeError, "Function 'CustomBackward' returned nan values in its 1th output."):
            y.backward()


@pytest.mark.parametrize("where", ["tensor", "node"])
def test_a_hook_that_returns_nan(torch, anomaly, fails, where):
    x = leaf(torch, 1.0)
    with anomaly():
        y = x * 2
        if where == "tensor":
            y.register_hook(lambda grad: grad * float("nan"))
        else:
            y.grad_fn.register_hook(lambda ins, outs: (ins[0] * float("nan"), *ins[1:]))
        with fails(RuntimeError, "Function 'MulBackward0' returned nan values in its 0th output."):
            y.backward()


def test_off_unless_asked(torch, anomaly):
    x = leaf(torch, 0.0)
    (torch.sqrt(x) * 0).sum().backward()
    assert x.grad.isnan().all()
    with anomaly(check_nan=False):
        (torch.sqrt(x) * 0).sum().backward()


def test_second_derivative(torch, anomaly, fails):
    x = leaf(torch, 0.0)
    with anomaly():
        (grad,) = torch.autograd.grad(x**1.5, x, create_graph=True)
        with fails(RuntimeError, "Function 'PowBackward0' returned nan values in its 0th output."):
            (grad * 0).backward()


def test_switches(torch, warned):
    autograd = torch.autograd

    def state():
        return torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()

    assert state() == (False, True)
    with warned() as messages, autograd.detect_anomaly(check_nan=False):
        assert state() == (True, False)
        with autograd.set_detect_anomaly(False):
            assert state() == (False, True)
        assert state() == (True, False)
    assert [str(m.message) for m in messages] == [
        (
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for "
            "debugging."
        )
    ]
    assert state() == (False, True)
    autograd.set_detect_anomaly(True)
    assert state() == (True, True)
    autograd.set_detect_anomaly(False)
    assert state() == (False, True)


def test_in_place_hint(torch, anomaly, fails):
    x = leaf(torch, 1.0, 2.0)
    with anomaly():
        b = x.exp()
        z = (b * b).sum()
        b.add_(1)
        with fails(
            RuntimeError,
            "one of the variables needed for gradient computation has been modified by an inplace operation: "
            "[torch.FloatTensor [2]], which is output 0 of Add, is at version 1; expected version 0 instead. Hint: the "
            "backtrace further above shows the operation that failed to compute its gradient. The variable in "
            "question was "
            "changed in there or anywhere later. Good luck!",
        ):
            z.backward()


# -- what teachgrad adds: the line of the lesson in the exception itself --------------------------------------------
def root(x):
    return teachgrad.sqrt(x)  # the line to be found


def notes_of(run):
    with pytest.raises(Exception) as info:  # noqa: PT011 - any
        run()
    return "\n".join(info.value.__notes__)


def test_the_line_of_the_lesson():
    x = leaf(teachgrad, -1.0)
    with teachgrad.autograd.set_detect_anomaly(True):
        y = root(x)
        notes = notes_of(y.backward)
    assert "Backward failed in SqrtBackward0. It was made in the forward pass here:" in notes
    assert notes.rstrip().endswith("return teachgrad.sqrt(x)  # the line to be found")
    assert "in root" in notes and "/teachgrad/" not in notes.split("here:")[1]


def test_the_line_of_a_failing_custom_function():
    def refuse(ctx, grad):
        raise KeyError("mine")

    custom = type(
        "Custom",
        (teachgrad.autograd.Function,),
        {"forward": staticmethod(lambda ctx, x: x * 2), "backward": staticmethod(refuse)},
    )
    with teachgrad.autograd.set_detect_anomaly(True):
        y = custom.apply(leaf(teachgrad, 1.0))  # the line to be found
        notes = notes_of(y.backward)
    assert "Backward failed in CustomBackward" in notes and "# the line to be found" in notes


def test_made_before_the_mode():
    y = root(leaf(teachgrad, -1.0))
    with teachgrad.autograd.set_detect_anomaly(True):
        assert "It was made before anomaly mode was switched on" in notes_of(y.backward)


def test_costs_nothing_when_off():
    """The counter that ops draw from is the bare one again, and a node keeps no stack."""
    from teachgrad.autograd import function, graph, views
    from teachgrad.ops.table import LIVE, RAW

    before = graph.next_birth
    with teachgrad.autograd.set_detect_anomaly(True):
        y = leaf(teachgrad, 1.0) * 2
        assert y.grad_fn.birth.stack and graph.next_birth is not before
    places = [graph.next_birth, views.next_birth, function.next_birth, RAW["_next_birth"], LIVE["_next_birth"]]
    assert places == [before] * 5
    assert type((y * 2).grad_fn.birth) is int


def test_no_cycles():
    gc.collect()
    gc.disable()
    try:
        with teachgrad.autograd.set_detect_anomaly(True):
            y = leaf(teachgrad, 1.0) * 2
            alive = weakref.ref(y)
            del y
        assert alive() is None
    finally:
        gc.enable()


# -- inference mode -----------------------------------------------------------------------------------------------
SAVED = (
    "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
    "computation "
    "tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in "
    "autograd, or use "
    "`torch.no_grad()` instead of `torch.inference_mode()`."
)
CHANGED = (
    "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a "
    "normal tensor "
    "before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details."
)
VIEW = (
    "A view was created in inference mode and is being modified inplace in normal mode. Given that this use case is "
    "ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and the "
    "inplace either both inside "
    "the inference_mode block (if you don't want the inplace to be tracked) or both outside (if you want the "
    "inplace to be "
    "tracked)."
)


def test_inside(torch):
    w = leaf(torch, 1.0, 2.0)
    assert not torch.is_inference_mode_enabled()
    with torch.inference_mode():
        assert torch.is_inference_mode_enabled() and not torch.is_grad_enabled()
        made, computed, view = torch.ones(2), w * 2, w.view(2)
        assert made.is_inference() and torch.is_inference(computed) and not view.is_inference()
        assert not computed.requires_grad and computed.is_leaf and computed.grad_fn is None
        made.add_(1)
        wanting = torch.ones(2, requires_grad=True)
        with torch.enable_grad():
            assert not (wanting * 2).requires_grad
        with torch.inference_mode(False):
            assert not torch.is_inference_mode_enabled() and torch.is_grad_enabled()
            assert (w * 2).requires_grad and not (w * 2).is_inference()
    assert not torch.is_inference_mode_enabled() and torch.is_grad_enabled()
    assert not w.is_inference() and made.tolist() == [2.0, 2.0] and computed.tolist() == [2.0, 4.0]


def test_outside(torch, fails):
    w = leaf(torch, 1.0, 2.0)
    with torch.inference_mode():
        y = w * 2
    assert not (y * 2).is_inference() and not y.clone().is_inference()
    assert y.view(2).is_inference() and y.detach().is_inference()
    assert (y + w).requires_grad
    with fails(RuntimeError, SAVED):
        y * w
    with fails(RuntimeError, CHANGED):
        y.add_(1)
    with torch.no_grad(), fails(RuntimeError, CHANGED):
        y.view(2).mul_(3)
    with fails(RuntimeError, "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed."):
        y.requires_grad_()
    with fails(RuntimeError, "Inference tensors do not track version counter."):
        _ = y._version
    assert (y.clone() * w).requires_grad


def test_refused_changes_change_nothing():
    with teachgrad.inference_mode():
        y = teachgrad.ones(2)
    with pytest.raises(RuntimeError):
        y.add_(1)
    assert y.tolist() == [1.0, 1.0]


def test_views_made_inside(torch, fails):
    w = leaf(torch, 1.0, 2.0)
    b = w * 1
    with torch.inference_mode():
        views = w.view(2), b[:1]
    for view in views:
        with fails(RuntimeError, VIEW):
            view.add_(1)


def test_as_decorator(torch):
    w = leaf(torch, 1.0)

    @torch.inference_mode()
    def with_brackets(x):
        return x * w

    @torch.inference_mode
    def without(x):
        return x * w

    assert with_brackets(w).is_inference() and without(w).is_inference()
    assert not torch.is_inference_mode_enabled()


def test_restored_after_an_error(torch):
    @torch.no_grad()
    @torch.inference_mode(False)
    def fail():
        assert torch.is_grad_enabled()
        return 1 / 0

    with pytest.raises(ZeroDivisionError):
        fail()
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
    assert not torch.ones(1).is_inference()


def test_other_threads_are_not_in_it(torch):
    found = []
    with torch.inference_mode():
        thread = threading.Thread(target=lambda: found.append(torch.ones(1).is_inference()))
        thread.start()
        thread.join()
    assert found == [False]
