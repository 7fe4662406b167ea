"""bfloat16: two digits, the range of float32, and no cost for the other dtypes."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

import teachgrad as torch
from teachgrad import bfloats
from teachgrad.autograd.graph import Node


def test_loaded_when_first_used():
    """`import teachgrad` and work in float32 leave ml_dtypes alone."""
    code = (
        "import sys, teachgrad as torch; x = torch.ones(2, requires_grad=True); (x * 2).sum().backward(); "
        "assert 'ml_dtypes' not in sys.modules; torch.ones(1).bfloat16(); assert 'ml_dtypes' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_rounding_to_nearest_even():
    step = 2.0**-7  # from 1 to the next one
    for value, stored in (
        (1 + 0.4 * step, 1.0),
        (1 + step / 2, 1.0),
        (1 + 1.5 * step, 1 + 2 * step),
        (1.2345678, 1.234375),
    ):
        assert torch.tensor(value, dtype=torch.bfloat16).item() == stored


def test_an_op_is_rounded_once():
    """1/3 + 1/3 - 2/3 inside one op: in float32, not bfloat16 after bfloat16."""
    x = torch.full((3,), 3.0).bfloat16()
    wide = x.float()
    assert torch.sigmoid(x).equal(torch.sigmoid(wide).bfloat16())
    assert x.softmax(0).equal(wide.softmax(0).bfloat16())
    many = torch.ones(1000).bfloat16()
    assert many.sum().item() == 1000.0  # added up in bfloat16 it would stop at 256
    assert (many @ many).item() == 1000.0 and many.mean().item() == 1.0


def test_printing():
    x = torch.tensor([1.0, 2.5], dtype=torch.bfloat16, requires_grad=True)
    assert repr(x) == "tensor([1.0000, 2.5000], dtype=torch.bfloat16, requires_grad=True)"
    assert repr(x * 2) == "tensor([2., 5.], dtype=torch.bfloat16, grad_fn=<MulBackward0>)"
    assert f"{x[1]:.2f}" == "2.50" and x.tolist() == [1.0, 2.5] and str(torch.bfloat16) == "torch.bfloat16"


def test_backward_keeps_the_graph():
    """The nodes, edges and saved values are the op's own: nothing is cast on the way."""
    x = torch.tensor([1.0, 2.0, 3.0], dtype=torch.bfloat16, requires_grad=True)
    w = torch.tensor([2.0, 0.5, 1.0], requires_grad=True)
    y = x * x
    assert isinstance(y.grad_fn, Node) and y.grad_fn.name() == "MulBackward0"
    assert [below.variable is x for below, _ in y.grad_fn.next_functions] == [True, True]
    assert y.grad_fn._saved_self is x
    z = (y.neg().neg() * w).sum()
    z.backward()
    assert x.grad.dtype is torch.bfloat16 and x.grad.tolist() == [4.0, 2.0, 6.0]
    assert w.grad.dtype is torch.float32 and w.grad.tolist() == [1.0, 4.0, 9.0]


def test_double_backward_and_versions():
    x = torch.tensor([1.0, 2.0], dtype=torch.bfloat16, requires_grad=True)
    (first,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert first.tolist() == [3.0, 12.0] and second.tolist() == [6.0, 12.0]
    y = x.exp()
    y.add_(1)
    with pytest.raises(
        RuntimeError, match=r"\[torch.BFloat16Tensor \[2\]\], which is output 0 of Exp, is at version 1"
    ):
        y.sum().backward()
    z = x.exp().sum()
    z.backward()
    with pytest.raises(RuntimeError, match="second time"):
        z.backward()


def test_in_place_and_views():
    x = torch.zeros(2, 3, dtype=torch.bfloat16)
    x[0] += 1.5
    x[:, 1].mul_(2)
    x.t()[2].copy_(torch.tensor([7.0, 8.0]))
    assert x.tolist() == [[1.5, 3.0, 7.0], [0.0, 0.0, 8.0]] and x._version == 4
    with pytest.raises(TypeError, match="Got unsupported ScalarType BFloat16") as info:
        x.numpy()
    assert "float()" in info.value.__notes__[0]


def test_saved_tensors_hooks_see_bfloat16():
    seen = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: seen.append(t.dtype) or t, lambda t: t):
        x = torch.ones(2, dtype=torch.bfloat16, requires_grad=True)
        y = (x * x).exp().sum()
    y.backward()
    assert set(seen) == {torch.bfloat16} and x.grad.dtype is torch.bfloat16


def test_a_network_learns_and_is_saved():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)).bfloat16()
    x = torch.randn(32, 3).bfloat16()
    target = x[:, :1] - x[:, 1:2]
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(x), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    again = torch.load(file)
    assert all(again[name].dtype is torch.bfloat16 and again[name].equal(p) for name, p in model.state_dict().items())


def test_default_dtype():
    torch.set_default_dtype(torch.bfloat16)
    try:
        k = torch.tensor([1, 2, 3])
        assert (k / 2).tolist() == [0.5, 1.0, 1.5] and (k / 2).dtype is torch.bfloat16
        assert k.sqrt().dtype is (k * 1.5).dtype is torch.tensor([1.5]).dtype is torch.bfloat16
        assert repr(torch.ones(2)) == "tensor([1., 1.])"
    finally:
        torch.set_default_dtype(torch.float32)


def test_arrays_refuse():
    """The array behind a tensor may be moved about, but whoever computes with it must say in what."""
    array = torch.ones(2, 2).bfloat16()._data
    assert array.T[0].reshape(1, 2).shape == (1, 2)
    for compute in (lambda: array * 2, lambda: array.sum(), lambda: array.astype("float32")):
        with pytest.raises(bfloats.NeedsFloat32):
            compute()
    assert bfloats.widened(array).dtype == "float32"
