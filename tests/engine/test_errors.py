"""Errors teach: PyTorch's sentence first, then a note on what it means and how to mend it; and nothing half-done."""

from __future__ import annotations

import copy
import runpy
import traceback
import warnings

import pytest

import teachgrad
from teachgrad import errors, refusals

torch = teachgrad

MISTAKES = {
    "second backward": lambda x: [x.exp().sum()] and _twice(x.exp().sum()),
    "vector": lambda x: x.backward(),
    "no graph": lambda x: x.detach().sum().backward(),
    "leaf": lambda x: x.add_(1),
    "leaf view": lambda x: x[0:1].add_(1),
    "stale": lambda x: _stale(x),
    "numpy": lambda x: x.numpy(),
    "ints": lambda x: torch.tensor([1, 2]).requires_grad_(),
    "non-leaf": lambda x: setattr(x * 2, "requires_grad", False),
    "gradient shape": lambda x: (x * 2).backward(torch.ones(2)),
    "unused": lambda x: torch.autograd.grad(x.sum(), torch.ones(1, requires_grad=True)),
    "no grad": lambda x: torch.autograd.grad(x.sum(), torch.ones(1)),
    "broadcast": lambda x: x + torch.ones(2),
    "in-place dtype": lambda x: torch.tensor([1, 2]).add_(0.5),
    "in-place shape": lambda x: torch.ones(3).add_(torch.ones(2, 3)),
    "if tensor": lambda x: bool(x),
    "float": lambda x: float(x),
    "negative power": lambda x: torch.tensor([1, 2]) ** -1,
    "zero division": lambda x: torch.tensor([1, 2]) // 0,
    "dtype": lambda x: torch.tensor([1.0]) & 1,
    "floor_divide": lambda x: (x // 2).sum().backward(),
    "condition": lambda x: torch.where(x, x, x),
}


def _twice(y):
    y.backward()
    y.backward()


def _stale(x):
    y = x.exp()
    y.add_(1)
    y.sum().backward()


@pytest.mark.filterwarnings("ignore:Converting a tensor")
@pytest.mark.parametrize("name", MISTAKES)
def test_a_note_follows_the_sentence(name):
    """str(e) is PyTorch's message alone (lessons print it); the explanation stands in the traceback below it."""
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    with pytest.raises((RuntimeError, ValueError, TypeError, NotImplementedError)) as info:
        MISTAKES[name](x)
    error = info.value
    assert "\n" not in str(error)
    (note,) = error.__notes__
    assert note and note not in str(error) and note.rstrip()[-1] in ".?"
    shown = "".join(traceback.format_exception_only(error))
    assert shown.index(str(error)) < shown.index(note)


@pytest.mark.parametrize("turned", [float, complex, lambda loss: teachgrad.tensor([loss, 1.0])])
def test_a_number_of_a_loss_warns_once(monkeypatch, turned):
    """Not where no gradient is wanted, and not with `item()`, `int()` and `bool()`, as in PyTorch."""
    monkeypatch.setattr(refusals, "_SAID", set())
    loss = torch.tensor([2.0, 3.0], requires_grad=True).sum()
    with torch.no_grad():
        turned(loss)
    loss.item(), int(loss), bool(loss), turned(loss.detach())
    with pytest.warns(UserWarning, match=r"^Converting a tensor with requires_grad=True to a scalar") as caught:
        turned(loss)
    assert len(caught) == 1
    assert caught[0].filename == __file__ or turned not in (float, complex)
    turned(loss)


def test_no_python_chain_in_the_traceback():
    """The NumPy error that lies beneath is not shown."""
    with pytest.raises(RuntimeError) as info:
        torch.ones(2) + torch.ones(3)
    assert info.value.__suppress_context__ and info.value.__cause__ is None
    with pytest.raises(TypeError) as info:
        torch.exp("a")
    assert info.value.__suppress_context__


def test_a_failed_call_changes_nothing():
    c, k = torch.ones(3), torch.tensor([1, 2, 3])
    for change in (
        lambda: c.add_(torch.ones(2, 3)), lambda: c.mul_("a"), lambda: k.add_(0.5), lambda: k.floor_divide_(0),
        lambda: c.__setitem__(slice(None), torch.ones(4)), lambda: k.pow_(-1), lambda: c.clamp_(),
    ):  # fmt: skip
        with pytest.raises((RuntimeError, TypeError)):
            change()
    assert c.tolist() == [1.0, 1.0, 1.0] and c._version == 0 and not c.requires_grad
    assert k.tolist() == [1, 2, 3] and k._version == 0


def test_a_failed_backward_leaves_the_leaves():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x.exp()
    z = (y * y).sum()
    with torch.no_grad():
        y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()
    assert x.grad is None and torch.is_grad_enabled()
    x.exp().sum().backward()
    assert x.grad is not None


def test_the_note_names_the_line_of_the_lesson(tmp_path):
    """The innermost line that is not teachgrad's: a call of a module leads to the line that calls it."""
    lesson = tmp_path / "lesson.py"
    lesson.write_text("import teachgrad as torch\n\nlayer = torch.nn.Linear(2, 3)\nlayer(torch.ones(4))\n")
    with pytest.raises(RuntimeError) as info:
        runpy.run_path(str(lesson))
    assert info.value.__notes__[0].startswith("Line 4 of lesson.py, `layer(torch.ones(4))`: The columns of")


def test_the_warning_for_a_tensor_in_between():
    """It points at the caller's line, once for each; our own looks at .grad say nothing."""
    y = torch.ones(2, requires_grad=True) * 2
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            assert y.grad is None
    (warning,) = caught
    assert warning.filename == __file__ and "is not a leaf Tensor" in str(warning.message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        copy.copy(y)
        torch.nn.utils.clip_grad_norm_([y], 1.0)
        torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1).zero_grad()


def test_internal_errors_ask_for_a_report():
    assert "report" in errors.internal("x").__notes__[0]
