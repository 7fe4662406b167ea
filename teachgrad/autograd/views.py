"""Views and in-place changes: several tensors, one memory, one version number.

A view shows a part of its base's memory, so changing either changes both, and both must then know it:

    y = x * 1                 y ── MulBackward0 ── x
    v = y[0]                  v ── SelectBackward0 ── MulBackward0 ── x
    v.mul_(2)                 y ── CopySlices ── MulBackward0 ── x          the base has a new history,
                              v ── AsStridedBackward0 ── CopySlices         and the view is read off the base anew

`CopySlices` is the history of "all of y as before, except that v was multiplied": its rule takes the slice out of the
gradient, sends it through the rule of `mul`, and puts the result back in its place. The views of a base that changed
have lost their history; they are marked stale and get a new one when it is next asked for.

Each base counts its changes; its views count on it. A node that saved a tensor remembers the count it saw, and backward
refuses to compute with a value that has changed since.

Mirrors PyTorch's `torch/csrc/autograd/variable.h` (DifferentiableViewMeta) and `functions/tensor.h` (CopySlices).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from numpy.lib.stride_tricks import as_strided

from teachgrad import errors
from teachgrad.autograd.fit import fitted
from teachgrad.autograd.graph import Node, edge_of, next_birth
from teachgrad.autograd.modes import GRAD_MODE
from teachgrad.autograd.variable import TensorBase, bump, version, wrap

if TYPE_CHECKING:
    from teachgrad.tensor import Tensor


class View:
    """What a tensor knows about the tensor whose memory it shares.

    owner: whose `_changes` counts for this memory.
    base: the tensor that it is a differentiable view of, or None for a mere alias (`detach()`).
    multiple: the name of the op that made it together with other views ("Unbind"), or "".
    inherits: it was made without a history and requires grad only because its base does.
    """

    __slots__ = ("base", "inherits", "made_without_grad", "multiple", "owner", "stale")

    def __init__(self, owner: TensorBase, base: TensorBase | None, multiple: str = "") -> None:
        self.owner, self.base, self.multiple = owner, base, multiple
        self.made_without_grad = "" if GRAD_MODE.get() else "no_grad"  # or "inference", or a custom Function
        self.stale = self.inherits = False

    def regenerate(self, view: TensorBase) -> Node:
        """A new history for a view whose base has changed: its elements read off the base."""
        base = self.base
        assert base is not None
        if self.made_without_grad:
            raise errors.view_in_place(self.made_without_grad, view._output_nr, "", through_base=True)
        if self.multiple:
            raise errors.multi_view_in_place(view._output_nr, self.multiple, through_base=True)
        fresh = base._read_flat(positions(view, base))  # type: ignore[attr-defined]
        self.stale = False
        view._node, view._output_nr = fresh._node, 0
        return fresh._node  # type: ignore[no-any-return]


_viewers: dict[int, list[ref[TensorBase]]] = {}
"""id of a base that may still change -> its views. Parameters are not in it: they never change while recording."""


def own_array(tensor: TensorBase) -> Any:
    """The data as an array that can be written to or shared; a 0-d result becomes one now."""
    data = tensor._data
    if isinstance(data, np.generic):
        data = tensor._data = np.array(data)
    return data


def as_view(source: TensorBase, results: tuple[TensorBase, ...], multiple: str) -> None:
    """Notes that `results` show the memory of `source`."""
    known = source._view
    owner = source if known is None else known.owner
    base = source if known is None or known.base is None else known.base
    for result in results:
        result._view = view = View(owner, base, multiple)
        if view.made_without_grad:
            view.multiple = ""
        elif known is not None and known.base is not None and not multiple:
            # a part of a part is as forbidden to change as the part
            view.multiple, view.made_without_grad = known.multiple, known.made_without_grad
        if base._requires_grad and not GRAD_MODE.get():
            result._requires_grad = view.inherits = True  # PyTorch's answer; no gradient will come out of it
    if base._node is not None or not base._requires_grad:
        key = id(base)
        viewers = _viewers.get(key)
        if viewers is None:
            viewers = _viewers[key] = []
            _forget_with(base, key)
        elif len(viewers) > 64 and len(viewers) & (len(viewers) - 1) == 0:  # at each power of two: drop the dead
            viewers[:] = [viewer for viewer in viewers if viewer() is not None]
        viewers.extend(ref(result) for result in results)


_keepers: dict[int, ref[TensorBase]] = {}


def _forget_with(base: TensorBase, key: int) -> None:
    """Forgets the list of views when the base goes."""

    def forget(_: object) -> None:
        _viewers.pop(key, None)
        _keepers.pop(key, None)

    _keepers[key] = ref(base, forget)


def alias(source: TensorBase, result: TensorBase) -> None:
    """Notes that `result` shows the memory of `source` without being a part of its history (`detach`)."""
    result._view = View(source if source._view is None else source._view.owner, None)


def view_of(source: TensorBase) -> Tensor:
    """A tensor that shows all of `source`, as a view of it."""
    result = wrap(own_array(source))
    as_view(source, (result,), "")
    return result


def positions(view: TensorBase, base: TensorBase) -> Any:
    """For each element of `view`, its position in the flattened `base`: an int64 array of the view's shape."""
    whole, part = own_array(base), own_array(view)
    size = whole.itemsize
    offset = (part.__array_interface__["data"][0] - whole.__array_interface__["data"][0]) // size
    places = np.arange(max(whole.size, 1))
    if not whole.flags.c_contiguous:  # memory place -> position, by laying the positions out as the base lies
        extent = 1 + sum((n - 1) * s // size for n, s in zip(whole.shape, whole.strides, strict=True) if n)
        places = np.zeros(extent, np.int64)
        laid = as_strided(places, whole.shape, tuple(s // size * 8 for s in whole.strides))
        laid[...] = np.arange(whole.size).reshape(whole.shape)
    if not part.size:
        return np.zeros(part.shape, np.int64)
    return as_strided(places[offset:], part.shape, tuple(s // size * 8 for s in part.strides)).copy()


class CopySlices(Node):
    """The history of a base after an in-place op on a view of it. `saved` is (positions of the view, the op's node)."""

    __slots__ = ()
    tensor_names = frozenset({"fn"})  # freed with the graph

    def name(self) -> str:
        """The name by which PyTorch knows its C++ class."""
        return "torch::autograd::CopySlices"

    def vjp(self, grad: Any) -> tuple[Any, ...]:
        """Takes the slice out of `grad`, sends it through the op's rule, puts the answer in its place."""
        if self.saved is None:
            raise errors.freed()
        index, fn = self.saved
        whole = np.array(grad).reshape(-1)
        grads = fn.vjp(whole[index])
        if fn.fit is not None:
            grads = fitted(grads, fn.fit, live=False)
        whole[index] = 0 if grads[0] is None else grads[0]
        return (whole.reshape(grad.shape), *grads[1:])

    def vjp_live(self, grad: Any) -> tuple[Any, ...]:
        """The same on tensors."""
        if self.saved is None:
            raise errors.freed()
        index, fn = self.saved
        grads = fn.vjp_live(grad._read_flat(index))
        if fn.fit is not None:
            grads = fitted(grads, fn.fit, live=True)
        piece = grad._read_flat(index) * 0 if grads[0] is None else grads[0]
        return (grad._write_flat(piece, index), *grads[1:])


CopySlices.__module__ = "builtins"


IN_PLACE_CHECKS: list[Callable[[TensorBase], None]] = []
"""What else may forbid changing a tensor in place: `inference.py` adds its rule when that mode is first used."""


def check_in_place(tensor: TensorBase, *others: Any) -> None:
    """Raises RuntimeError where PyTorch forbids changing `tensor` in place; `others` are the op's other arguments."""
    for check in IN_PLACE_CHECKS:
        check(tensor)
    if not GRAD_MODE.get():
        return
    view = tensor._view
    base = None if view is None else view.base
    watched = tensor._requires_grad or (base is not None and base._requires_grad)
    if not watched and not any(isinstance(o, TensorBase) and o._requires_grad for o in others):
        return
    if view is not None and base is not None:
        maker = "" if tensor._node is None else tensor._node.name().removesuffix("Backward0")
        if view.made_without_grad:
            raise errors.view_in_place(view.made_without_grad, tensor._output_nr, maker)
        if view.multiple:
            raise errors.multi_view_in_place(tensor._output_nr, maker)
        if watched and base._node is None:
            raise errors.leaf_view_in_place()
    elif tensor._requires_grad and tensor._node is None:
        raise errors.leaf_in_place()


def rebase(tensor: TensorBase, node: Node) -> None:
    """Gives `tensor`, just changed in place by the op of `node`, that op as its history."""
    if "result" in node.saved_names:
        node.owner = ref(tensor)  # type: ignore[attr-defined]
        node.versions += version(tensor) << node.result_shift
    view = tensor._view
    base = tensor if view is None or view.base is None else view.base
    if base is tensor:
        tensor._node, tensor._output_nr, tensor._requires_grad = node, 0, True
    else:
        copy = CopySlices()
        copy.birth = next_birth()
        copy.edges = (edge_of(base), *node.edges[1:])
        copy.numbers = (base._output_nr, *(node.numbers or (0,) * len(node.edges))[1:])
        copy.saved = (positions(tensor, base), node)
        copy.versions, copy.fit, copy._extras = 0, None, None
        base._node, base._output_nr, base._requires_grad = copy, 0, True
    for viewer in _viewers.get(id(base), ()):
        shown = viewer()
        if shown is not None and shown._view is not None:
            shown._node, shown._requires_grad, shown._view.stale = None, True, True


def write(tensor: TensorBase, result: Tensor) -> None:
    """Puts the values of `result`, computed from the old values of `tensor`, into the memory of `tensor`."""
    data, new = tensor._data, result._data
    if data.shape != new.shape:
        raise errors.in_place_shape(data.shape, new.shape)
    if isinstance(data, np.generic) and tensor._view is None:
        tensor._data = new if new.dtype is data.dtype else new.astype(data.dtype)
    else:
        array = own_array(tensor)
        if not array.flags.writeable:
            raise errors.shared_elements()
        array[...] = new
    bump(tensor)
    if result._node is not None:
        rebase(tensor, result._node)
