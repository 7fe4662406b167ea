"""The real backward, event by event: what has not happened yet has really not happened."""

import gc
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from teachgrad import viz
from teachgrad.viz.live import LivePass
from teachgrad.viz.naming import namer


@pytest.fixture
def tensors(lib: Any) -> tuple[Any, Any]:
    return lib.tensor(3.0, requires_grad=True), lib.tensor(-2.0, requires_grad=True)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    gc.collect()
    assert not [thread for thread in threading.enumerate() if thread.name == "backward"]


def begin(loss: Any, **arguments: Any) -> LivePass:
    return LivePass(loss, namer({}, None, None), **arguments)


def test_it_tells_what_the_recorder_tells(lib: Any, tensors: tuple[Any, Any]) -> None:
    x, y = tensors
    live = begin(x * y + x)
    live.advance()
    told = live.trace
    x.grad = y.grad = None
    loss = x * y + x
    with viz.record(loss, names={}) as r:
        loss.backward()
    assert told.events == r.trace.events


def test_a_leaf_has_its_gradient_from_its_step_on_and_not_before(tensors: tuple[Any, Any]) -> None:
    x, y = tensors
    live = begin(x * y + x)
    seen, count = {}, 0
    while live.waits:
        count += 1
        live.advance(count)
        for name, leaf in (("x", x), ("y", y)):
            if leaf.grad is not None:
                seen.setdefault(name, live.trace.events[-1].kind)
    assert seen == {"x": "accumulate", "y": "accumulate"}
    assert (x.grad.item(), y.grad.item()) == (-1.0, 3.0)


def test_nodes_ahead_still_hold_what_they_saved(tensors: tuple[Any, Any]) -> None:
    x, y = tensors
    product = x * y
    live = begin(product + x)
    live.advance(2)
    assert product.grad_fn._saved_self.item() == 3.0
    live.advance()
    with pytest.raises(RuntimeError, match="freed"):
        product.grad_fn._saved_self  # noqa: B018


def test_closing_half_way_leaves_an_interrupted_backward(tensors: tuple[Any, Any]) -> None:
    x, y = tensors
    first = x * x  # runs last
    second = first * y
    live = begin(second * 1.0)
    while not any(event.kind == "accumulate" for event in live.trace.events):
        live.advance(len(live.trace.events) + 1)
    live.close()
    assert not live.waits
    assert live.problem is None
    assert y.grad.item() == 9.0  # arrived, and kept
    assert x.grad is None
    with pytest.raises(RuntimeError, match="freed"):
        second.grad_fn._saved_self  # noqa: B018
    assert first.grad_fn._saved_self.item() == 3.0  # not reached, not freed
    first.backward()  # and no hook of ours is left on it
    assert x.grad.item() == 6.0
    live.close()
    assert live.advance() == len(live.trace.events)


def test_dropping_it_ends_it(tensors: tuple[Any, Any]) -> None:
    x, y = tensors
    live = begin(x * y)
    live.advance(2)
    del live


def test_the_caller_can_work_while_it_waits(lib: Any, tensors: tuple[Any, Any]) -> None:
    x, y = tensors
    live = begin(x * y + x)
    live.advance(3)
    other = x * 2
    other.backward()
    assert lib.is_grad_enabled()
    assert x.grad.item() == 2.0
    live.advance()
    assert x.grad.item() == 1.0  # 2 + (-1)


def test_an_error_is_told_in_its_place_and_raised_nowhere_else(lib: Any, tensors: tuple[Any, Any]) -> None:
    x, y = tensors
    product = x * y

    def fail(gradient: Any) -> None:
        raise ValueError("a hook of the lesson")

    product.register_hook(fail)
    live = begin(product + 1)
    live.advance()
    assert live.trace.events[-1].kind == "error"
    assert "a hook of the lesson" in live.trace.events[-1].sentence
    assert isinstance(live.problem, ValueError)
    assert x.grad is None


def test_an_interrupt_closes_it_and_goes_on(tensors: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = tensors
    live = begin(x * y + x)
    live.advance(3)
    waited = live._recorder.changed.wait

    def interrupt(timeout: float | None = None) -> bool:
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        return waited(timeout)

    monkeypatch.setattr(live._recorder.changed, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        live.advance(5)
    assert not live.waits
    assert x.grad is None


def recorded(loss: Any) -> None:
    with viz.record(loss, names={}):
        loss.backward()


@pytest.mark.parametrize(
    "run", [lambda loss: loss.backward(), recorded, viz.animate], ids=["plain", "record", "animate"]
)
def test_an_interrupted_backward_leaves_what_a_plain_one_leaves(lib: Any, tensors: tuple[Any, Any], run: Any) -> None:
    """The notebook's stop button in the middle: a leaf that has its gradient keeps it, the rest is as before."""
    x, y = tensors
    first = x * x
    second = first * y
    loss = second * 1.0

    def stop(gradient: Any) -> None:
        raise KeyboardInterrupt

    handle = first.register_hook(stop)  # y has its gradient by then, and x has not
    with pytest.raises(KeyboardInterrupt):
        run(loss)
    assert (x.grad, y.grad.item()) == (None, 9.0)
    with pytest.raises(RuntimeError, match="freed"):
        second.grad_fn._saved_self  # noqa: B018
    assert first.grad_fn._saved_self.item() == 3.0
    assert lib.is_grad_enabled()
    handle.remove()
    first.backward()
    assert (x.grad.item(), y.grad.item()) == (6.0, 9.0)


def test_what_has_no_graph_is_refused_at_once(lib: Any) -> None:
    with pytest.raises(RuntimeError, match="does not require grad"):
        begin(lib.tensor(1.0))
