"""Backward: collect the graph, sort it by birth, run each node once.

A node is always younger than the nodes it came from, so "youngest first" is an order in which every gradient has fully
arrived before it is passed on: no counting, no heap, no recursion. One kind of node is an exception. A leaf's
AccumulateGrad runs as soon as its last gradient is there, as in PyTorch, and that takes a count.

    order      youngest to oldest                       pending     gradient that has arrived so far, per node
    waiting    arrivals each AccumulateGrad still       owned       nodes whose pending sum is an array of our own,
               expects                                              safe to add to in place

Mirrors PyTorch's `torch/csrc/autograd/engine.cpp`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from operator import attrgetter
from typing import Any

from numpy import add

from teachgrad.autograd import anomaly
from teachgrad.autograd.fit import fitted
from teachgrad.autograd.graph import AccumulateGrad, Node
from teachgrad.autograd.hooks import run_after, run_before, run_leaf_hooks, run_post_accumulate
from teachgrad.autograd.modes import GRAD_MODE
from teachgrad.autograd.variable import ARRAYS, wrap

Edge = tuple[Node, int]
TASK: ContextVar[Any] = ContextVar("teachgrad_backward", default=None)
"""What the backward that is now running will visit: (order, waiting, useful, wanted). None outside backward."""


def collect(roots: Sequence[Node]) -> tuple[list[Node], dict[Node, int]]:
    """All nodes that can be reached, youngest first, and how many gradients each AccumulateGrad will receive."""
    order: list[Node] = []
    seen: set[Node] = set()
    waiting: dict[Node, int] = {}
    found: list[Node | None] = list(roots)  # a stack instead of recursion: a graph may be a million nodes deep
    while found:
        node = found.pop()
        if node is None:
            continue
        if node.__class__ is AccumulateGrad:
            waiting[node] = waiting.get(node, 0) + 1
        elif node not in seen:
            seen.add(node)
            order.append(node)
            found += node.edges
    order.sort(key=attrgetter("birth"), reverse=True)
    return order, waiting


def leads_to(order: Sequence[Node], targets: set[Node]) -> set[Node]:
    """The nodes of `order` from which an edge path reaches one of `targets`."""
    useful: set[Node] = set()
    for node in reversed(order):  # oldest first: what a node leads to is already known
        if any(below in targets or below in useful for below in node.edges if below is not None):
            useful.add(node)
    return useful


def will_run(node: Node | None) -> bool:
    """Whether the backward that is now running will pass through `node`."""
    order, waiting, useful, wanted = TASK.get()
    if useful is None:
        return node in waiting or node in order
    return node in useful or node in wanted


def run(
    roots: Sequence[Edge],
    gradients: Sequence[Any],
    *,
    keep_graph: bool = False,
    create_graph: bool = False,
    targets: Sequence[Edge] | None = None,
    accumulate: bool = True,
) -> list[Any]:
    """Sends `gradients` into `roots` and lets them flow down to the leaves.

    The gradients are arrays, or tensors with `create_graph`: then every rule runs as recorded tensor ops. With `targets`
    only the nodes that lead to them run; the gradients that arrive there are returned, in order (None: unreached), and
    leaves among them receive `.grad` only if `accumulate`.

    Raises RuntimeError when a saved value was freed or has changed in place. Nodes that already ran stay freed, and
    leaves that already received their gradient keep it, as in PyTorch.
    """
    order, waiting = collect([node for node, _ in roots])
    captured: list[Any] = [None] * len(targets or ())
    wanted: dict[Node, list[tuple[int, int]]] = {}  # node -> (output number, position in `targets`)
    useful: set[Node] | None = None
    if targets is not None:
        for position, (node, number) in enumerate(targets):
            wanted.setdefault(node, []).append((number, position))
        useful = leads_to(order, set(wanted))

    pending: dict[Node, Any] = {}
    owned: set[Node] = set()
    live, checking = create_graph, bool(anomaly.CHECKS)
    token = GRAD_MODE.set(create_graph)
    task = TASK.set((order, waiting, useful, wanted))
    try:
        for (node, number), gradient in zip(roots, gradients, strict=True):
            _deliver(node, number, gradient, pending, owned)
            if node.__class__ is AccumulateGrad:
                waiting[node] -= 1
                if not waiting[node]:
                    _finish_leaf(node, pending.pop(node), False, wanted, captured, targets, accumulate, live)
        for node in order:
            grad = pending.pop(node, None)
            if useful is not None and node not in useful and node not in wanted:
                continue
            if node._extras is not None:
                grad = run_before(node, grad, live)
            if useful is not None:
                for number, position in wanted.get(node, ()):
                    captured[position] = grad if node.outputs == 1 or grad is None else grad[number]
                if node not in useful:
                    continue
            edges = node.edges
            if grad is None:  # nothing flowed in here, so nothing flows on
                grads: tuple[Any, ...] = (None,) * len(edges)
            else:
                grads = node.vjp_live(grad) if live else node.vjp(grad)
                if node.fit is not None:
                    grads = fitted(grads, node.fit, live)
            if node._extras is not None:
                grads = run_after(node, grads, grad, live)
            if checking:
                anomaly.check(node, grads)
            if not keep_graph and (node.tensor_names or node.keeps):
                node.saved = None  # freed as backward passes
            arrived = None
            for i, below in enumerate(edges):
                if below is None:
                    continue
                gradient = grads[i]
                if gradient is not None:
                    if below not in pending and below.outputs == 1:  # the first to arrive: the common case
                        pending[below] = gradient
                        if gradient.__class__ in ARRAYS and node.fresh[i]:
                            owned.add(below)
                    else:
                        _deliver(below, node.numbers[i] if node.numbers else 0, gradient, pending, owned)
                if below.__class__ is AccumulateGrad:
                    waiting[below] -= 1
                    if not waiting[below]:
                        arrived = [below] if arrived is None else [*arrived, below]
            if arrived is not None:
                for leaf in arrived if len(arrived) < 4 else popped(arrived):
                    if leaf in pending:
                        _finish_leaf(
                            leaf, pending.pop(leaf), leaf in owned, wanted, captured, targets, accumulate, live
                        )
    except Exception as error:
        if checking:
            anomaly.explain(error, node)
        raise
    finally:
        TASK.reset(task)
        GRAD_MODE.reset(token)
    return captured


def popped(leaves: Sequence[Node]) -> list[Node]:
    """The order in which PyTorch runs leaves that became ready together: as they leave a C++ priority queue of equals.

    A binary heap gives them back as they came only up to three; of four, 0 1 2 3 comes out as 0 2 1 3. The queue is taken
    to hold nothing else.
    """
    heap, order = list(leaves), []
    while heap:
        order.append(heap[0])
        last, hole = heap.pop(), 0
        while 2 * hole + 1 < len(heap):  # the hole moves down, to the right where there are two
            child = min(2 * hole + 2, len(heap) - 1)
            heap[hole], hole = heap[child], child
        if heap:
            heap[hole] = last
    return order


def _deliver(node: Node, number: int, gradient: Any, pending: dict[Node, Any], owned: set[Node]) -> None:
    """Adds a gradient to what has arrived at `node`. The first is borrowed, from the second on the sum is our own."""
    if node.outputs != 1:
        parts = pending.setdefault(node, [None] * node.outputs)
        parts[number] = gradient if parts[number] is None else parts[number] + gradient
        return
    known = pending.get(node)
    if known is None:
        pending[node] = gradient
    elif known.__class__ in ARRAYS and node in owned:
        add(known, gradient, out=known)
    else:
        pending[node] = known = known + gradient
        if known.__class__ in ARRAYS:
            owned.add(node)


def _finish_leaf(
    node: Node,
    grad: Any,
    mine: bool,
    wanted: dict[Node, list[tuple[int, int]]],
    captured: list[Any],
    targets: Sequence[Edge] | None,
    accumulate: bool,
    live: bool,
) -> None:
    """The whole gradient of a leaf is here: run its hooks, then hand it over."""
    assert isinstance(node, AccumulateGrad)
    leaf = node.variable
    if targets is not None and node not in wanted:
        return
    if leaf._hooks is not None:
        grad = run_leaf_hooks(leaf, grad, live)
        mine = False
    if targets is not None and not accumulate:
        for _, position in wanted[node]:
            captured[position] = grad
        return
    if node._extras is not None:
        grad, mine = run_before(node, grad, live), False
    if grad is not None and leaf._requires_grad:  # it may have been switched off since the graph was made
        _accumulate(leaf, grad, mine, live)
    if leaf._hooks is not None:
        run_post_accumulate(leaf)
    if node._extras is not None:
        run_after(node, (), grad, live)


def _accumulate(leaf: Any, grad: Any, mine: bool, live: bool) -> None:
    """`leaf.grad += grad`. The tensor in `.grad` stays the same object, so what a lesson holds of it stays current."""
    old = leaf._grad
    if live:
        leaf._grad = grad if old is None else old + grad
    elif old is None:
        leaf._grad = wrap(grad if mine or grad.__class__ not in ARRAYS else grad.copy())
    elif old._requires_grad:  # an earlier backward kept its graph: do not write into it
        leaf._grad = wrap(old._data + grad)
    else:
        if old._data.__class__ in ARRAYS:
            add(old._data, grad, out=old._data)
        else:
            old._data = old._data + grad
        if old._view is None:
            old._changes += 1
        else:
            old._view.owner._changes += 1
