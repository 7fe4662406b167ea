"""`torch.autograd`: sending gradients through a graph.

Only the calls that lessons make live here; `graph.py` says what a graph is, `engine.py` how backward runs.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from teachgrad import errors
from teachgrad.autograd import engine, graph
from teachgrad.autograd.anomaly import detect_anomaly, set_detect_anomaly
from teachgrad.autograd.edges import GradientEdge
from teachgrad.autograd.graph import Node, edge_of
from teachgrad.autograd.inference import inference_mode
from teachgrad.autograd.modes import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from teachgrad.autograd.variable import ARRAYS, TensorBase, wrap

if TYPE_CHECKING:
    from teachgrad.tensor import Tensor

__all__ = [
    "Function", "backward", "detect_anomaly", "enable_grad", "forward_ad", "functional", "grad", "gradcheck",
    "gradgradcheck", "graph", "inference_mode", "is_grad_enabled", "no_grad", "set_detect_anomaly", "set_grad_enabled",
]  # fmt: skip

Tensors = Any  # a tensor, or a sequence of tensors


_SINGLE = (TensorBase, GradientEdge)


def _as_tuple(tensors: Any) -> tuple[Any, ...]:
    """A tensor, an edge, a sequence of them, or a dict of tensors, as a tuple."""
    if isinstance(tensors, _SINGLE):
        return (tensors,)
    return tuple(tensors.values()) if isinstance(tensors, dict) else tuple(tensors)


_ONE = {kind: kind(1) for kind in (np.float16, np.float32, np.float64)}


def _root_gradients(outputs: Sequence[Any], gradients: Sequence[Any], create_graph: bool) -> list[Any]:
    """The gradient that starts at each output: the given one, or 1 for a scalar.

    Raises RuntimeError if it is missing where it is needed, or has the wrong shape.
    """
    starts: list[Any] = []
    for number, output in enumerate(outputs):
        gradient, data = gradients[number], _like(output)
        if gradient is None:
            if data.__class__ in _ONE:
                ones = _ONE[data.__class__]  # a NumPy scalar
            elif data is None or ((isinstance(output, GradientEdge) or output._requires_grad) and data.size != 1):
                raise errors.not_scalar()
            elif data.dtype.kind == "c":
                raise errors.not_real_scalar(data.dtype)
            else:
                ones = np.ones_like(data)
            starts.append(wrap(ones) if create_graph else ones)
            continue
        if not isinstance(gradient, TensorBase):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(gradient).__name__}")
        if data is not None and gradient._data.shape != data.shape:
            raise errors.gradient_shape(number, gradient._data.shape, data.shape)
        if data is not None and (gradient._data.dtype.kind == "c") != (data.dtype.kind == "c"):
            raise errors.gradient_complex(number, gradient._data.dtype, data.dtype)
        starts.append(gradient if create_graph else gradient._data)
    return starts


def _like(target: Any) -> Any:
    """An array of the shape and dtype of a tensor, or of the tensor behind an edge (None if not known)."""
    return target.like if isinstance(target, GradientEdge) else target._data


def _edges_of(outputs: Sequence[Any]) -> list[tuple[Node, int]]:
    """Where to begin. Raises RuntimeError for a tensor that is not part of a graph."""
    roots = []
    for index, output in enumerate(outputs):
        node, number = _place_of(output)
        if node is None:
            raise errors.no_grad_fn(index)
        roots.append((node, number))
    return roots


def _place_of(target: Any) -> tuple[Node | None, int]:
    """Where in the graph a tensor, or an edge, is."""
    if isinstance(target, TensorBase):
        return target._node or edge_of(target), target._output_nr
    return target.node, target.output_nr


def _target(tensor: Any) -> tuple[Node, int]:
    """Where the gradient of `tensor` would arrive. Raises RuntimeError if it requires none."""
    node, number = _place_of(tensor)
    if node is None and not tensor._requires_grad:
        raise errors.input_without_grad()
    return node or Node(), number  # a view that requires grad only because its base does: nothing arrives there


def backward(
    tensors: Tensors,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Tensors | None = None,
) -> None:
    """Adds to the `.grad` of every leaf (or of `inputs` only) the gradient of `sum(tensor * grad_tensor)`.

    `retain_graph` keeps the saved values for another backward; `create_graph` records backward itself, so that it can be
    differentiated again. Mirrors `torch.autograd.backward`. Raises RuntimeError as PyTorch does; the graph and the leaves
    are then as far as backward had come.
    """
    outputs = _as_tuple(tensors)
    if inputs is not None and not isinstance(inputs, TensorBase) and len(inputs) == 0:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    given = (None,) * len(outputs) if grad_tensors is None else _as_tuple(grad_tensors)
    if len(given) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(given)} gradients")
    starts = _root_gradients(outputs, given, create_graph)
    roots = _edges_of(outputs)
    keep = create_graph if retain_graph is None else retain_graph
    if inputs is None:
        engine.run(roots, starts, keep_graph=keep, create_graph=create_graph)
        return
    targets: list[tuple[Node, int]] = []
    for tensor in _as_tuple(inputs):
        if not isinstance(tensor, TensorBase | GradientEdge):
            raise RuntimeError(f"all inputs have to be Tensors or GradientEdges, but got {type(tensor).__name__}")
        if isinstance(tensor, TensorBase):
            tensor.retain_grad()  # type: ignore[attr-defined]
        targets.append(_target(tensor))
    engine.run(roots, starts, keep_graph=keep, create_graph=create_graph, targets=targets)


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of `sum(output * grad_output)` with respect to `inputs`; no `.grad` changes.

    Mirrors `torch.autograd.grad`. Raises RuntimeError if an input is not part of the graph and `allow_unused` is not set.
    """
    if not only_inputs:
        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To accumulate gradient for other "
            "parts of the graph, please use torch.autograd.backward.",
            FutureWarning,
            stacklevel=2,
        )
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    if is_grads_batched:
        rows = [
            grad(
                outputs,
                inputs,
                [g[i] for g in _as_tuple(grad_outputs)],
                True,
                create_graph,
                True,
                allow_unused,
                False,
                materialize_grads,
            )
            for i in range(len(_as_tuple(grad_outputs)[0]))
        ]
        from teachgrad.autograd.functional import stack_rows

        return tuple(None if column[0] is None else stack_rows(column) for column in zip(*rows, strict=True))
    results, wanted = _as_tuple(outputs), _as_tuple(inputs)
    if not wanted:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    given = (None,) * len(results) if grad_outputs is None else _as_tuple(grad_outputs)
    if len(given) != len(results):
        raise RuntimeError(f"got {len(results)} tensors and {len(given)} gradients")
    starts = _root_gradients(results, given, create_graph)
    roots = _edges_of(results)
    targets = [_target(tensor) for tensor in wanted]
    keep = create_graph if retain_graph is None else retain_graph
    found = engine.run(roots, starts, keep_graph=keep, create_graph=create_graph, targets=targets, accumulate=False)
    answer: list[Tensor | None] = []
    for index, (tensor, gradient) in enumerate(zip(wanted, found, strict=True)):
        if gradient is None:
            if not allow_unused and not materialize_grads:
                raise errors.unused_input(index)
            zeros = wrap(np.zeros_like(_like(tensor))) if materialize_grads else None
            if zeros is not None:
                zeros._requires_grad = create_graph
            answer.append(zeros)
        elif create_graph:
            answer.append(gradient)
        else:
            answer.append(wrap(gradient.copy() if gradient.__class__ in ARRAYS else gradient))
    return tuple(answer)


def Variable(data: Any, requires_grad: bool = False, volatile: bool = False) -> Tensor:
    """`data` as a leaf, which autograd watches if asked to: what old lessons wrap tensors in.

    Mirrors `torch.autograd.Variable`. Raises TypeError if `data` is no tensor.
    """
    if not isinstance(data, TensorBase):
        raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
    result: Tensor = data.detach()  # type: ignore[attr-defined]
    result.requires_grad = requires_grad
    return result


_LATER = {
    "Function": "function", "forward_ad": "forward_ad", "functional": "functional", "gradcheck": "checking",
    "gradgradcheck": "checking", "profiler": "profiler",
}  # fmt: skip
"""Names that wait for their first use, and the room they are in."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    room = importlib.import_module(f"teachgrad.autograd.{_LATER[name]}")
    globals()[name] = found = getattr(room, name, room)  # the functions take the place of the room of the same name
    return found
