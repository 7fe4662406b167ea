"""What a recording sees besides gradients that flow: hooks, retain_grad, zero_grad, saved values, where it failed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import teachgrad
from teachgrad import viz
from teachgrad.viz.model import Event, Trace
from teachgrad.viz.values import value_of


def of_kind(trace: Trace, kind: str) -> list[Event]:
    return [event for event in trace.events if event.kind == kind]


def sentences(trace: Trace, kind: str) -> list[str]:
    return [event.sentence for event in of_kind(trace, kind)]


@pytest.mark.parametrize("elements", [2, 5000])
def test_zero_grad_between_two_passes_is_told(lib: Any, elements: int) -> None:
    x = lib.full((elements,), 3.0, requires_grad=True)
    loss = (x * x).sum()
    with viz.record(loss) as r:
        loss.backward(retain_graph=True)
        x.grad = None
        loss.backward(retain_graph=True)
        x.grad.zero_()
        loss.backward(retain_graph=True)
        x.grad.mul_(2)
        loss.backward()
    trace = r.trace
    leaf = trace.graph.names["x"]
    resets = of_kind(trace, "reset")
    assert [event.node for event in resets] == [leaf] * 3
    assert [event.index for event in resets] == list(trace.passes[1:])  # first thing in its pass
    assert resets[0].after is None and resets[0].before == value_of(lib.full((elements,), 6.0))
    assert resets[0].sentence == "Before this backward(), x.grad was set to None, as zero_grad() does."
    assert resets[1].sentence == "Before this backward(), x.grad was set to zero."
    assert resets[2].after == value_of(lib.full((elements,), 12.0))
    befores = [event.before for event in of_kind(trace, "accumulate")]
    assert befores == [None, None, value_of(lib.zeros(elements)), resets[2].after]  # None is not zero
    assert of_kind(trace, "accumulate")[-1].after == value_of(x.grad) == value_of(lib.full((elements,), 18.0))


def test_a_grad_that_was_there_before_is_no_news(lib: Any) -> None:
    x = lib.tensor(3.0, requires_grad=True)
    (x * x).backward()
    loss = x * x
    with viz.record(loss) as r:
        loss.backward(retain_graph=True)
        loss.backward()
    assert of_kind(r.trace, "reset") == []
    assert [event.before.numbers for event in of_kind(r.trace, "accumulate") if event.before] == [(6.0,), (12.0,)]


@pytest.mark.parametrize("elements", [1, 2, 5000])
def test_what_the_optimiser_does_afterwards_is_not_taken_for_the_gradient(lib: Any, elements: int) -> None:
    w = lib.full((elements,), 3.0, requires_grad=True)
    loss = (w * w).sum()
    with viz.record(loss) as r:
        loss.backward()
        expected = value_of(w.grad)
        with lib.no_grad():
            w -= 0.1 * w.grad
        w.grad.zero_()
        w.grad.data.fill_(7.0)
    (event,) = of_kind(r.trace, "accumulate")
    assert event.delta == event.after == expected
    rules = [event.rule.filled for event in of_kind(r.trace, "contribute") if event.rule and elements == 1]
    assert rules[1:] == ["[1] * [3] = [3]"] * 2 if elements == 1 else not rules  # the weight as it was


def test_a_hook_that_changes_a_gradient_is_told_before_the_call(lib: Any) -> None:
    x = lib.tensor([2.0, 3.0], requires_grad=True)
    y = x * 2
    y.register_hook(lambda gradient: gradient * 10)
    loss = (y * y).sum()
    with viz.record(loss) as r:
        loss.backward()
    (event,) = of_kind(r.trace, "change")
    assert event.gradient == value_of(lib.tensor([8.0, 12.0])) and event.out == value_of(lib.tensor([80.0, 120.0]))
    following = r.trace.events[event.index + 1]
    assert (following.kind, following.node, following.gradient) == ("call", event.node, event.out)
    assert event.sentence.startswith(
        "[8, 12] was sent to MulBackward0 (y) and [80, 120] arrives: a hook has changed it"
    )


def test_a_hook_that_only_looks_is_no_event(lib: Any) -> None:
    x = lib.tensor([2.0, float("nan")], requires_grad=True)
    y = x * 2
    y.register_hook(lambda gradient: None)
    x.register_hook(lambda gradient: None)
    loss = (y * y + y).sum()
    with viz.record(loss) as r:
        loss.backward()
    assert of_kind(r.trace, "change") == []


def test_hooks_of_a_leaf_and_after_it(lib: Any) -> None:
    x = lib.tensor([2.0, 3.0], requires_grad=True)
    x.register_hook(lambda gradient: gradient + 1)

    def drop(tensor: Any) -> None:
        tensor.grad = None

    x.register_post_accumulate_grad_hook(drop)
    loss = (x * x).sum()
    with viz.record(loss) as r:
        loss.backward()
    assert sentences(r.trace, "change")[0].startswith("[4, 6] was sent to x and [5, 7] arrives: a hook")
    assert sentences(r.trace, "reset") == ["A hook that ran after this changed x.grad from [5, 7] to None."]
    assert r.trace.text().splitlines()[-1].split() == ["x.grad", "None", "None"]


def test_gradients_from_outside_the_picture_are_told(lib: Any) -> None:
    x = lib.tensor(2.0, requires_grad=True)
    y = x * x
    drawn, other = y * 3, y * 5
    both = drawn + other
    with viz.record(drawn) as r:
        both.backward()
    (said,) = sentences(r.trace, "change")
    assert said.startswith("3 was sent to MulBackward0 (y) and 8 arrives") and "outside this picture" in said
    assert [event.after.numbers for event in of_kind(r.trace, "accumulate") if event.after] == [(32.0,)]


def test_a_tensor_that_retains_its_gradient(lib: Any) -> None:
    x = lib.tensor(2.0, requires_grad=True)
    y = x * 3
    y.retain_grad()
    loss = y * y
    with viz.record(loss) as r:
        loss.backward()
    (event,) = of_kind(r.trace, "retain")
    assert event.after == value_of(y.grad)
    assert event.sentence == "y.retain_grad(): y.grad is 12."


def test_saved_tensors_are_told_when_used_and_when_freed(lib: Any) -> None:
    x, w = lib.tensor([2.0, 3.0], requires_grad=True), lib.tensor(4.0, requires_grad=True)
    loss = (x * w).exp().sum()
    with viz.record(loss) as r:
        loss.backward(retain_graph=True)
        loss.backward()
    nodes = {node.id: node.op for node in r.trace.graph.nodes}
    used = [(nodes[event.node], event.used) for event in of_kind(r.trace, "call")]
    assert used[:3] == used[3:]
    assert used[0] == ("SumBackward0", None)
    assert set(used[1][1] or ()) == {"result"}
    assert used[2] == ("MulBackward0", {"self": "[2., 3.]", "other": "4."})
    (free,) = of_kind(r.trace, "free")
    assert free.index == len(r.trace.events) - 1
    assert {nodes[node] for node in free.freed or ()} == {"ExpBackward0", "MulBackward0"}


def test_each_result_of_a_node_has_its_gradient(lib: Any) -> None:
    x = lib.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    first, second = x.unbind(0)
    loss = (first * first).sum() + 0 * second.sum()
    with viz.record(loss) as r:
        loss.backward()
    (event,) = [event for event in of_kind(r.trace, "call") if event.received]
    assert [value and value.numbers for value in event.received or ()] == [(2.0, 4.0), (0.0, 0.0)]


def test_the_dimensions_that_broadcasting_is_undone_over(lib: Any) -> None:
    matrix = lib.ones(2, 3, requires_grad=True)
    row, column = lib.ones(3, requires_grad=True), lib.ones(2, 1, requires_grad=True)
    loss = (matrix + row + column).sum()
    with viz.record(loss) as r:
        loss.backward()
    edges = {edge.id: edge.target for edge in r.trace.graph.edges}
    names = {
        edge.source: node.name for edge in r.trace.graph.edges for node in r.trace.graph.nodes if node.id == edge.target
    }
    summed = {names[edges[event.edge or ""]]: event.summed for event in of_kind(r.trace, "contribute")}
    assert summed == {"row": (0,), "column": (1,), "matrix": None, None: None}


def test_a_product_is_shown_before_it_is_summed(lib: Any) -> None:
    matrix = lib.tensor([[1.0, 2.0], [3.0, 4.0]])
    row, column = lib.tensor([3.0, 4.0], requires_grad=True), lib.tensor([[1.0], [2.0]], requires_grad=True)
    large = lib.ones(4, 5)
    loss = (matrix * row).sum() + (column / row).sum() + (large * column.sum()).sum()
    with viz.record(loss, names={"row": row, "column": column}) as r:
        loss.backward()
        matrix.zero_()  # before it is told, but after it was used
    found = {event.rule.filled: event for event in r.trace.events if event.summed and event.rule}
    product = found["[[1, 1], [1, 1]] * [[1, 2], [3, 4]] = [[1, 2], [3, 4]], summed over dimension 0 = [4, 6]"].product
    assert product is not None and product.numbers == (1.0, 2.0, 3.0, 4.0)
    event = found["⟨4×5⟩ * ⟨4×5⟩ = ⟨4×5⟩, summed over dimensions 0 and 1 = 20"]
    assert event.product is not None and event.product.shape == (4, 5) and event.product.stats
    assert "to shape ()." in event.sentence
    for event in found.values():  # the sum over those dimensions is what goes out
        assert event.product is not None and event.out is not None and event.summed
        if event.product.numbers is not None and event.out.numbers is not None:
            total = lib.tensor(event.product.numbers).reshape(event.product.shape).sum(event.summed)
            assert total.reshape(-1).tolist() == pytest.approx(event.out.numbers)


def test_the_step_that_failed_is_told_with_what_it_was_given(lib: Any) -> None:
    class Wrong(lib.autograd.Function):  # type: ignore[name-defined,misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * 2

        @staticmethod
        def backward(ctx: Any, gradient: Any) -> Any:
            raise ValueError("not today")

    x = lib.tensor(3.0, requires_grad=True)
    y = x * x
    loss = Wrong.apply(y) * 5 + y
    with pytest.raises(ValueError, match="not today"), viz.record(loss) as r:
        loss.backward()
    call, error = r.trace.events[-2:]
    assert (call.kind, error.kind, r.trace.error) == ("call", "error", "not today")
    assert call.node == error.node and call.gradient == value_of(lib.tensor(5.0))
    assert call.used == {"saved_tensors[0]": "9."}
    assert error.sentence == "WrongBackward: ValueError: not today"
    assert of_kind(r.trace, "accumulate") == []
    assert r.trace.graph.node(error.node).op == "WrongBackward"


def test_a_leaf_whose_hook_fails_is_where_it_failed(lib: Any) -> None:
    def fail(_: Any) -> None:
        raise ValueError("not here")

    x, y = lib.tensor(3.0, requires_grad=True), lib.tensor(4.0, requires_grad=True)
    y.register_hook(fail)
    loss = x.exp() * y
    with pytest.raises(ValueError, match="not here"), viz.record(loss) as r:
        loss.backward()
    assert r.trace.events[-1].sentence == "y: ValueError: not here"
    assert of_kind(r.trace, "accumulate") == []


def test_a_large_graph_is_told_at_once_and_tells_the_same(lib: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from teachgrad.viz import recording

    def lesson() -> Trace:
        x = lib.full((20, 30), 0.5, requires_grad=True)
        y = (x @ x.T).tanh()
        loss = (y * y).sum() + x.sum()
        with viz.record(loss, names={"x": x, "loss": loss}) as r:
            loss.backward(retain_graph=True)
            x.grad = None
            loss.backward()
        trace: Trace = r.trace
        return trace

    later = lesson()
    monkeypatch.setattr(recording, "MOST_KEPT", 10)
    at_once = lesson()
    assert [event.kind for event in later.events].count("reset") == 1
    assert at_once == later


def test_nothing_of_the_learners_is_held_after_the_block(lib: Any) -> None:
    import gc
    import weakref

    x = lib.tensor([3.0], requires_grad=True)
    y = x * x
    gone = []
    y.register_hook(lambda gradient: gone.append(weakref.ref(gradient)))
    loss = (y * y).sum()
    with viz.record(loss, names={"x": x}) as r:
        loss.backward()
    del y, loss
    gc.collect()
    assert [reference() for reference in gone] == [None]
    assert r.trace.events


def test_backward_is_as_fast_as_before_when_the_block_is_over() -> None:
    """Nothing is left on the nodes, and a number that was looked at is still one, not an array of no dimensions."""
    x = teachgrad.tensor(2.0, requires_grad=True)
    y = x * 3
    with viz.record(y, names={}) as r:
        y.backward(retain_graph=True)
    assert [event.kind for event in r.trace.events] == ["seed", "call", "contribute", "accumulate"]
    y.backward(retain_graph=True)
    assert y.grad_fn._extras is y.grad_fn.edges[0]._extras is None
    assert not isinstance(x._data, np.ndarray)
    z = x * teachgrad.tensor([1.0, 2.0])
    with viz.record(z, names={"x": x}) as r:
        z.backward(teachgrad.ones(2))
    assert "summed" in r.trace.text()
    assert not isinstance(x._data, np.ndarray)


def test_an_error_that_the_block_catches_is_told_where_it_happened(lib: Any) -> None:
    x = lib.tensor(2.0, requires_grad=True)
    y = x * x
    with viz.record(y, names={"x": x, "y": y}) as r:
        y.backward()
        with pytest.raises(RuntimeError, match="second time"):
            y.backward()
    assert [event.kind for event in r.trace.events[-4:]] == ["free", "seed", "call", "error"]
    assert (
        r.trace.error == r.trace.events[-1].sentence == "MulBackward0 stopped with an error, which the lesson caught."
    )
    z = x.exp() * x
    saved = z.grad_fn._saved_self
    with viz.record(z, names={}) as r:
        with lib.no_grad():
            saved.add_(1)
        with pytest.raises(RuntimeError, match="modified by an inplace"):
            z.backward()
        with pytest.raises(RuntimeError, match="modified by an inplace"):
            z.backward()
    assert [event.kind for event in r.trace.events] == ["seed", "call", "error"] * 2
    assert len(r.trace.passes) == 2
