"""Edges of the graph as values, and hooks that wait for several gradients.

A tensor that requires a gradient has a place in the graph: which output of which node it is. That place, a
`GradientEdge`, can be handed to `autograd.grad` and `backward` instead of the tensor, which may then be forgotten.
Mirrors the functions of `torch.autograd.graph`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from teachgrad.autograd import refusals
from teachgrad.autograd.engine import TASK, will_run
from teachgrad.autograd.graph import Hook, Node, RemovableHandle, edge_of
from teachgrad.autograd.variable import TensorBase, bump


class _Edge(NamedTuple):
    node: Node
    output_nr: int
    ownership_token: Node | None = None


class GradientEdge(_Edge):
    """Where the gradient of a tensor arrives: output `output_nr` of `node`. Mirrors `torch.autograd.graph.GradientEdge`."""

    like: Any = None  # an array as the tensor's, whose shape and dtype a gradient must have; None if not known


def get_gradient_edge(tensor: Any) -> GradientEdge:
    """The place of `tensor` in the graph. Raises RuntimeError if it requires no gradient.

    `grad(loss, get_gradient_edge(x))` is `grad(loss, x)`. Mirrors `torch.autograd.graph.get_gradient_edge`.
    """
    node = edge_of(tensor)
    if node is None:
        raise refusals.no_gradient_edge()
    edge = GradientEdge(node, tensor._output_nr)
    edge.like = tensor._data
    return edge


def increment_version(tensor: TensorBase | Iterable[TensorBase]) -> None:
    """Says that a tensor's memory was changed behind autograd's back. Mirrors `torch.autograd.graph.increment_version`."""
    for changed in [tensor] if isinstance(tensor, TensorBase) else tensor:
        bump(changed)


class _MultiHandle(RemovableHandle):
    """Removes the hooks on all the tensors."""

    __slots__ = ("handles",)

    def __init__(self, handles: Sequence[RemovableHandle]) -> None:
        self.handles = handles

    def remove(self) -> None:
        """Removes the hook; removing it twice is harmless."""
        for handle in self.handles:
            handle.remove()


def register_multi_grad_hook(tensors: Sequence[Any], fn: Hook, *, mode: str = "all") -> RemovableHandle:
    """Calls `fn` once per backward when the gradients of several tensors are there.

    With mode "all", `fn(grads)` receives a list, with None for tensors that this backward does not reach; with mode "any",
    `fn(grad)` receives the first gradient. Mirrors `torch.autograd.graph.register_multi_grad_hook`.
    Raises ValueError for another mode, AssertionError if a tensor is not part of a graph (mode "all").
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    if mode == "any":
        done: list[object] = [None]

        def first(grad: Any) -> None:
            if done[0] is not TASK.get():
                done[0] = TASK.get()
                fn(grad)

        return _MultiHandle([tensor.register_hook(first) for tensor in tensors if tensor._requires_grad])

    nodes = [edge_of(tensor) for tensor in tensors]
    if None in nodes:
        raise AssertionError("Expected gradient function to be set")
    arrived: dict[int, _Arrived] = {}

    def waiter(index: int) -> Callable[[Any], None]:
        def hook(grad: Any) -> None:
            task = TASK.get()
            known = arrived.get(id(task))
            if known is None:
                arrived.clear()  # what an interrupted backward left behind
                known = arrived[id(task)] = _Arrived(task, len(nodes), sum(will_run(node) for node in nodes))
            known.grads[index] = grad
            known.missing -= 1
            if known.missing == 0:
                del arrived[id(task)]
                fn(known.grads)

        return hook

    return _MultiHandle([tensor.register_hook(waiter(index)) for index, tensor in enumerate(tensors)])


class _Arrived:
    """The gradients that one backward has brought so far."""

    __slots__ = ("grads", "missing", "task")

    def __init__(self, task: object, count: int, missing: int) -> None:
        self.task, self.missing = task, missing
        self.grads: list[Any] = [None] * count
