"""Backward: collect the graph, sort it by birth, run each node once.

A node is always younger than the nodes it came from, so "youngest first" is an order in which every gradient has fully
arrived before it is passed on: no counting, no heap, no recursion. One kind of node is an exception. A leaf's
AccumulateGrad runs as soon as its last gradient is there, as in PyTorch, and that takes a count.

    y = x.exp() * x        order           pending: the gradient that          waiting: arrivals each
                           (by birth)      has arrived so far, per node        AccumulateGrad still expects

                                           MulBackward0: 1                     x: 2
                           MulBackward0    ExpBackward0: x,  x: exp(x)         x: 1
                           ExpBackward0    x: exp(x) + x exp(x)                none: into x.grad

An array that nobody else holds is added to in place; Python's own reference count says so, as PyTorch's says it there.

Mirrors PyTorch's `torch/csrc/autograd/engine.cpp`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from operator import attrgetter
from sys import getrefcount
from typing import Any

from numpy import add, empty_like

from teachgrad.autograd import anomaly
from teachgrad.autograd.graph import AccumulateGrad, Node
from teachgrad.autograd.hooks import (
    forget_removed,
    run_after,
    run_before,
    run_leaf_hooks,
    run_post_accumulate,
    run_tensor_hooks,
)
from teachgrad.autograd.modes import GRAD_MODE
from teachgrad.autograd.rounding import rounded_rule
from teachgrad.autograd.variable import ARRAYS, wrap
from teachgrad.bfloats import NeedsFloat32

Edge = tuple[Node, int]
_BIRTH = attrgetter("birth")
TASK: ContextVar[Any] = ContextVar("teachgrad_backward", default=None)
"""The backward that is now running: (order, waiting, useful, wanted, roots, accumulate). None outside backward."""


def collect(roots: Sequence[Node]) -> tuple[list[Node], dict[Node, int]]:
    """All nodes that can be reached, youngest first, and how many gradients each AccumulateGrad will receive."""
    start = Node()
    start.edges = tuple(roots)
    found, seen = [start], {start}
    waiting: dict[Node, int] = {}
    for node in found:  # the list grows while it is read: no recursion, for a graph may be a million nodes deep
        for below in node.edges:
            if below.__class__ is AccumulateGrad:
                waiting[below] = waiting.get(below, 0) + 1
            elif below is not None and below not in seen:
                seen.add(below)
                found.append(below)
    return sorted(found[1:], key=_BIRTH, reverse=True), waiting


def leads_to(order: Sequence[Node], targets: set[Node]) -> set[Node]:
    """The nodes of `order` from which an edge path reaches one of `targets`."""
    useful: set[Node] = set()
    for node in reversed(order):  # oldest first: what a node leads to is already known
        if any(below in targets or below in useful for below in node.edges if below is not None):
            useful.add(node)
    return useful


def will_run(node: Node | None) -> bool:
    """Whether the backward that is now running will pass through `node`."""
    order, waiting, useful, wanted, roots, accumulate = TASK.get()
    if len(roots) == 1 and node is roots[0][0]:
        return False  # PyTorch does not count a node that backward starts from alone
    if useful is None:
        return node in waiting or node in order
    if not accumulate and node in wanted and node in waiting:
        raise RuntimeError(
            "A leaf node was passed to _will_engine_execute_node but we are currently running autograd.grad(). This is "
            "currently not supported."
        )
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
        if accumulate:
            useful.update(wanted)  # backward(inputs=[y]) runs the node of y itself, though nobody takes what it gives

    pending: dict[Node, Any] = {}
    live, checking = create_graph, bool(anomaly.CHECKS)
    token = GRAD_MODE.set(create_graph)
    task = TASK.set((order, waiting, useful, wanted, roots, accumulate))
    try:
        for i, (node, number) in enumerate(roots):
            _deliver(node, number, gradients[i], pending)
            if node in waiting:
                if waiting[node] > 1:
                    waiting[node] -= 1
                else:
                    _finish_leaf(node, pending, wanted, captured, targets, accumulate, live)
        for node in order:
            grad = pending.pop(node, None)
            if useful is not None and node not in useful and node not in wanted:
                if len(roots) == 1 and node is roots[0][0] and node._extras is not None:
                    run_tensor_hooks(node, grad, live)  # where backward starts, hooks see the gradient in any case
                continue
            extras = node._extras
            if useful is not None:  # what is taken here has passed the tensor's hooks only if the node does not run
                if extras is not None and node not in useful:
                    grad = run_tensor_hooks(node, grad, live)
                for number, position in wanted.get(node, ()):
                    captured[position] = None if grad is None else node.parts(grad)[number]
                if node not in useful:
                    continue
            if extras is not None:
                grad = run_before(node, grad, live)
            edges = node.edges
            if grad is None:  # nothing flowed in here, so nothing flows on
                grads: Sequence[Any] = (None,) * len(edges)
                if not keep_graph and (node.tensor_names or node.keeps):
                    node.saved = None
            else:
                try:
                    grads = node.vjp_live(grad, keep_graph) if live else node.vjp(grad, keep_graph)
                except NeedsFloat32:
                    grads = rounded_rule(node, grad, keep_graph)
            if extras is not None:
                if useful is not None and node.apart:  # its other gradients PyTorch does not compute
                    grads = [
                        g if edge in useful or edge in wanted else None for g, edge in zip(grads, edges, strict=True)
                    ]
                grads = run_after(node, grads, grad, live)
            if checking:
                anomaly.check(node, grads)
            ready = None  # leaves whose last gradient has just come
            numbers = node.numbers
            for i, below in enumerate(edges):
                if below is None:
                    continue
                gradient = grads[i]
                if gradient is not None:
                    if numbers is None and below not in pending:  # the first to arrive: the common case
                        pending[below] = gradient
                    else:
                        _deliver(below, 0 if numbers is None else numbers[i], gradient, pending)
                if below in waiting:
                    if waiting[below] > 1:
                        waiting[below] -= 1
                    else:
                        ready = [below] if ready is None else [*ready, below]
            if ready is not None:
                grads = grad = gradient = None  # type: ignore[assignment]  # so that only `pending` holds them
                for leaf in ready if len(ready) < 4 else popped(ready):
                    if leaf in pending:
                        _finish_leaf(leaf, pending, wanted, captured, targets, accumulate, live)
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


def _deliver(node: Node, number: int, gradient: Any, pending: dict[Node, Any]) -> None:
    """Adds a gradient to what has arrived at output `number` of `node`."""
    known = pending.get(node)
    if number or known.__class__ is list:
        parts = pending[node] = [None] * node.outputs if known is None else node.parts(known)
        parts[number] = gradient if parts[number] is None else parts[number] + gradient
    elif known is None:
        pending[node] = gradient
    elif known.__class__ in ARRAYS and _is_ours(pending, node, 1):
        add(known, gradient, out=known)
    else:
        pending[node] = known + gradient


def _references(pending: dict[Any, Any]) -> int:
    array = pending[None]
    return getrefcount(array)


_NOBODY = _references({None: object()})
"""The reference count, seen from inside a function, of what only `pending` holds; it depends on Python's version."""


def _is_ours(pending: dict[Node, Any], node: Node, names: int = 0) -> bool:
    """Does nobody else hold the gradient that is pending at `node`, neither whole nor in part?

    `names`: how many variables of the caller hold it.
    """
    array = pending[node]
    base = array.base
    if base is not None and (base.__class__ not in ARRAYS or base.size != array.size or getrefcount(base) > _NOBODY):
        return False  # a view of something that has other views, or another part
    return getrefcount(array) <= _NOBODY + names and getattr(array.flags, "writeable", True)  # CuPy's always are


def _finish_leaf(
    node: Node,
    pending: dict[Node, Any],
    wanted: dict[Node, list[tuple[int, int]]],
    captured: list[Any],
    targets: Sequence[Edge] | None,
    accumulate: bool,
    live: bool,
) -> None:
    """The whole gradient of a leaf is here: run its hooks, then hand it over."""
    assert isinstance(node, AccumulateGrad)
    leaf = node.variable
    if leaf._hooks is not None or node._extras is not None:
        forget_removed(node)
    ours = pending[node].__class__ in ARRAYS and _is_ours(pending, node)
    grad = pending.pop(node)
    if targets is not None and node not in wanted:
        roots = TASK.get()[4]
        if len(roots) == 1 and node is roots[0][0] and leaf._hooks is not None:
            run_leaf_hooks(leaf, grad, live)
        return
    if leaf._hooks is not None:
        grad = run_leaf_hooks(leaf, grad, live)
        ours = False
    if targets is not None and not accumulate:
        for _, position in wanted[node]:
            captured[position] = grad
        return
    if node._extras is not None:
        grad, ours = run_before(node, grad, live), False
    if grad is not None and leaf._requires_grad:  # it may have been switched off since the graph was made
        _accumulate(leaf, grad, ours, live)
    if leaf._hooks is not None:
        run_post_accumulate(leaf)
    if node._extras is not None:
        run_after(node, (), grad, live)


def _accumulate(leaf: Any, grad: Any, ours: bool, live: bool) -> None:
    """`leaf.grad += grad`. The tensor in `.grad` stays the same object, so what a lesson holds of it stays current."""
    old = leaf._grad
    if live:  # a copy, since the gradient may be anybody's tensor; PyTorch shows it as CopyBackwards, too
        leaf._grad = wrap(empty_like(grad._data)).copy_(grad) if old is None else old + grad
    elif old is None:
        leaf._grad = wrap(grad if ours or grad.__class__ not in ARRAYS else grad.copy())
    else:
        if old._data.__class__ in ARRAYS:
            add(old._data, grad, out=old._data)
        else:
            old._data = old._data + grad
        if old._view is None:
            old._changes += 1
        else:
            old._view.owner._changes += 1
