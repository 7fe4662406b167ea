"""`viz.record()` without a tensor: it waits for whichever backward the block calls."""

from typing import Any

import pytest

from teachgrad import viz


def test_record_without_a_tensor_waits_for_backward(lib: Any) -> None:
    x, y = lib.tensor(2.0, requires_grad=True), lib.tensor(3.0, requires_grad=True)
    backward = lib.Tensor.backward
    with viz.record() as r:
        loss = x * y + x
        loss.backward(retain_graph=True)
        loss.backward()
    assert lib.Tensor.backward is backward
    assert len(r.recorders) == 1 and len(r.trace.passes) == 2
    assert {node.name for node in r.trace.graph.nodes} >= {"x", "y", "loss"}
    sums = [event.after.text for event in r.trace.events if event.kind == "accumulate" and event.after]
    assert sums[-2:] == ["8.", "4."] and x.grad.item() == 8.0
    with viz.record() as r:
        (x * x).backward()
        (y * y).backward()
    assert [len(recorder.trace.passes) for recorder in r.recorders] == [1, 1]
    assert r.player().trace == r.recorders[1].trace


def test_record_without_a_tensor_sees_autograd_backward_and_grad(lib: Any) -> None:
    x, y = lib.tensor(2.0, requires_grad=True), lib.tensor(3.0, requires_grad=True)
    backward, grad = lib.autograd.backward, lib.autograd.grad
    with viz.record() as r:
        first, second = x * y, y * y
        lib.autograd.backward([first, second])
        (slope,) = lib.autograd.grad(outputs=x**3, inputs=x)
    assert (lib.autograd.backward, lib.autograd.grad) == (backward, grad)
    together, alone = (recorder.trace for recorder in r.recorders)
    assert {node.name for node in together.graph.nodes} >= {"x", "y", "first", "second"}
    sums = [event.after.text for event in together.events if event.kind == "accumulate" and event.after]
    assert sorted(sums) == ["3.", "8."] and (x.grad.item(), y.grad.item()) == (3.0, 8.0)
    assert [event.out.text for event in alone.events if event.kind == "contribute" and event.out] == ["12."]
    assert slope.item() == 12.0 and not any(event.kind == "accumulate" for event in alone.events)


def test_record_without_a_tensor_keeps_errors_and_restores(lib: Any) -> None:
    x = lib.tensor(2.0, requires_grad=True)
    loss = x * x
    loss.backward()
    backward = lib.Tensor.backward
    with pytest.raises(RuntimeError, match="second time"), viz.record() as r:
        loss.backward()
    assert lib.Tensor.backward is backward
    assert r.trace.error is not None and r.trace.error.startswith("Trying to backward")
    with viz.record() as r:  # a lesson that catches it
        with pytest.raises(RuntimeError, match="second time"):
            loss.backward()
        (x * 3).backward()
    assert [(recorder.trace.error or "")[:9] for recorder in r.recorders] == ["Trying to", ""]
    assert r.recorders[0].trace.events[-1].kind == "error"
    with viz.record() as r:
        pass
    with pytest.raises(RuntimeError, match=r"^Nothing was recorded"):
        r.player()
