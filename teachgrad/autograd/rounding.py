"""The backward of bfloat16 ops, whose arrays refuse to be computed with (bfloats.py).

The engine turns to `rounded_rule` when a rule has met such an array. The rule then runs on tensors, op by op: where it takes
several ops PyTorch's does too, and rounds after each of them. A rule that is one array function, with no version for
tensors, runs in float32 and is rounded at the end.
"""

from __future__ import annotations

from typing import Any

from numpy import float32

from teachgrad.autograd.graph import Node, edge_of
from teachgrad.autograd.variable import TensorBase, version, wrap
from teachgrad.bfloats import GUARDED, NeedsFloat32, cast, widened


def rounded_rule(node: Node, grad: Any, keep: bool) -> tuple[Any, ...]:
    """The gradients that the rule of `node` returns for the gradient (or gradients) `grad`. See `Node.vjp`."""
    several = isinstance(grad, tuple | list)
    try:
        grads = node.vjp_live([each if each is None else wrap(each) for each in grad] if several else wrap(grad), keep)
        return tuple(each if each is None else each._data for each in grads)
    except NeedsFloat32:
        pass
    saved, fit = node.saved, node.fit
    kind = next(each.dtype for each in (grad if several else (grad,)) if each is not None)
    try:
        node.saved, node.fit = tuple(wide(each) for each in saved or ()), None
        grads = node.vjp([each if each is None else widened(each) for each in grad] if several else widened(grad), keep)
    finally:
        node.saved, node.fit = saved if keep or node.saved is not None else None, fit
    return tuple(each if each is None or each.dtype != float32 else cast(each, kind) for each in grads)


def stand_in(tensor: TensorBase) -> TensorBase:
    """A float32 copy of a tensor, in the same place in the graph."""
    copy = wrap(widened(tensor._data))
    if tensor._requires_grad:
        copy._node = tensor._node or edge_of(tensor)
        copy._output_nr, copy._requires_grad = tensor._output_nr, True
    copy._changes = version(tensor)
    return copy


def wide(value: Any) -> Any:
    """A float32 copy of a bfloat16 tensor or array; anything else as it is."""
    if isinstance(value, TensorBase):
        return stand_in(value) if value._data is not None and value._data.dtype.kind == "V" else value
    return widened(value) if value.__class__ in GUARDED else value
