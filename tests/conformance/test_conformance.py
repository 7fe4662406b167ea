"""The judge itself: it must notice what is wrong, and carry tensors over as they are."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import teachgrad
from conformance import carry, report, scope
from conformance.judging import judge
from conformance.rows import Row

pytestmark = pytest.mark.oracle


def sample(*args, **kwargs):
    return SimpleNamespace(input=args[0], args=args[1:], kwargs=kwargs, output_process_fn_grad=lambda result: result)


def verdict(mine, theirs, *args, second=True):
    info = SimpleNamespace(name="op", gradcheck_wrapper=lambda op, *args, **kwargs: op(*args, **kwargs))
    return judge(info, (mine, theirs), sample(*args), gradients=True, second=second)


def x():
    return torch.tensor([[0.5, -1.0, 2.0], [1.5, 3.0, -0.5]], dtype=torch.float64, requires_grad=True)


def test_it_agrees_with_what_is_right():
    found = verdict(teachgrad.sin, torch.sin, x())
    assert found.agrees and found.first and found.second


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        (lambda t: t.cos(), "forward"),
        (lambda t: t.sin().float(), "forward"),
        (lambda t: t.sin().detach(), "forward"),
        (lambda t: t.sin().reshape(3, 2), "forward"),
        (lambda t: t.sin().detach() + t - t.detach(), "first"),
        (lambda t: t.sin().detach() + t.detach().cos() * (t - t.detach()), "second"),
    ],
)
def test_it_notices(wrong, part):
    found = verdict(wrong, torch.sin, x())
    assert not found.agrees
    assert getattr(found, part) is False and found.why


def test_a_refusal_must_be_shared():
    def refuse(tensor):
        raise RuntimeError

    assert not verdict(refuse, torch.sin, x()).agrees
    assert not verdict(teachgrad.sin, refuse, x()).agrees
    assert verdict(refuse, refuse, x()).agrees


@pytest.mark.parametrize(
    "view", [lambda t: t.t(), lambda t: t[:, 1:], lambda t: t[0].expand(4, 3), lambda t: t[:0], lambda t: t[1, 2]]
)
def test_tensors_come_over_with_their_strides(view):
    theirs = view(x().detach())
    mine = carry.tensor(theirs)
    assert tuple(mine.shape) == tuple(theirs.shape) and str(mine.dtype) == str(theirs.dtype)
    assert theirs.numel() < 2 or mine.stride() == theirs.stride()
    assert np.array_equal(mine.numpy(), theirs.numpy())


def test_functions_of_pytorchs_tests_are_rebuilt():
    assert carry.translated(torch.sin) is teachgrad.sin
    with pytest.raises(carry.Missing):
        carry.named("nn.functional.no_such_op")


def test_every_op_has_one_place():
    assert scope.outside("fft.fft") == "Fourier transforms" and scope.outside("exp") is None
    assert (
        scope.family("nn.functional.mse_loss") == "Losses" and scope.family("index_copy") == "Indexing and scattering"
    )


def test_a_smaller_share_is_a_regression(monkeypatch):
    monkeypatch.setattr(report, "committed", lambda: {"exp": (9, 10), "log": (10, 10)})
    assert report.regressions([Row("exp", 20, 18), Row("log", 10, 10)]) == []
    assert len(report.regressions([Row("exp", 10, 8), Row("log", 10, 10)])) == 2  # and no sentence says why
    assert len(report.regressions([Row("exp", 10, 9)])) == 1
