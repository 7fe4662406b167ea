"""What a tensor is to autograd: its numbers, and the few slots that tie it to a graph.

    x = tensor(2., requires_grad=True)          y = x * 3

    Tensor x                                    Tensor y
      _data          2.0                          _data          6.0
      _requires_grad True                         _requires_grad True
      _node          None   <- a leaf             _node ───────> MulBackward0
      _grad          None                                          edges ──> AccumulateGrad
      _accumulator ╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌> variable ──> x

A tensor owns its node and a node owns the nodes it came from, never the other way round (the dotted arrow is a weak
reference): a graph has no cycles, so it is freed the moment the last tensor of it goes, without the garbage collector.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from weakref import ref

from numpy import empty, ndarray

if TYPE_CHECKING:
    from teachgrad.autograd.graph import AccumulateGrad, Node
    from teachgrad.autograd.views import View
    from teachgrad.tensor import Tensor


class TensorBase:
    """The slots of every tensor; `teachgrad.Tensor` adds what a lesson calls.

    `_data` is a NumPy array or, for a 0-d result, the NumPy scalar that the ufunc gave back: making an array of it
    would cost more than the arithmetic, so that waits until somebody writes in place or shares the memory (`own_array`).
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_accumulator",  # leaf: weak reference to its AccumulateGrad, or None
        "_changes",  # version number: how often the data was changed in place (views count on their base)
        "_data",
        "_grad",
        "_hooks",  # leaf: TensorHooks, or None (a non-leaf's hooks live on its node)
        "_node",  # the grad_fn; None for a leaf, and for a view, whose `_view` has it
        "_output_nr",  # which output of `_node` this tensor is
        "_requires_grad",
        "_view",  # views.View when this tensor shares another's memory, or None
    )
    _accumulator: ref[AccumulateGrad] | None
    _changes: int
    _data: Any
    _grad: Tensor | None
    _hooks: Any
    _node: Node | None
    _output_nr: int
    _requires_grad: bool
    _view: View | None


ARRAYS: set[Any] = {ndarray}
"""The classes of `_data` that are arrays and not 0-d NumPy scalars: NumPy's, and the GPU's once a GPU is in use."""

if sys.platform == "linux":
    # Every step of a training loop makes and frees the same arrays. GNU's malloc would hand those above 128 kB back to the
    # system each time and fetch them anew, page by page, which takes longer than the arithmetic. It keeps what is no
    # larger than the largest block that it has seen go: so one goes here, and nobody has touched its pages.
    empty(31 << 20, "u1")

_tensor_class: list[type[Tensor]] = []
"""Its one element is `teachgrad.Tensor`, which is defined on a floor above and says so by `tensor_class`."""
_new = object.__new__
"""Allocates a tensor. Inference mode puts a function of its own in this place (`inference.py`)."""


def tensor_class(cls: type[Tensor]) -> type[Tensor]:
    """Class decorator with which `tensor.py` tells the floors below which class to make results of."""
    _tensor_class.append(cls)
    return cls


def wrap(data: Any, cls: type[Tensor] | None = None) -> Tensor:
    """A tensor without history around `data` (an array or NumPy scalar), which it shares."""
    tensor = _new(cls or _tensor_class[0])
    tensor._data = data
    tensor._node = tensor._grad = tensor._view = tensor._hooks = tensor._accumulator = None
    tensor._requires_grad = False
    tensor._changes = tensor._output_nr = 0
    return tensor


def version(tensor: TensorBase) -> int:
    """The version number of the memory that `tensor` shows: one count per base, shared by all its views."""
    view = tensor._view
    return tensor._changes if view is None else view.owner._changes


def written(tensor: TensorBase) -> Node | None:
    """The node of `tensor` as it was written. For a view whose base has changed it is not the present one (views.py)."""
    view = tensor._view
    return tensor._node if view is None or tensor._node is not None else view.node


def bump(tensor: TensorBase) -> None:
    """Notes one in-place change of the memory that `tensor` shows."""
    owner = tensor if tensor._view is None else tensor._view.owner
    owner._changes += 1
