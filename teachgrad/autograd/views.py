"""Views and in-place changes: several tensors, one memory, one version number.

A view shows a part of its base's memory, so changing either changes both, and both must then know it:

    y = x * 1                 y ── MulBackward0 ── x
    v = y[0]                  v ── SelectBackward0 ── MulBackward0 ── x
    v.mul_(2)                 y ── CopySlices ── MulBackward0 ── x          the base has a new history,
                              v ── AsStridedBackward0 ── CopySlices         and the view is read off the base anew

`CopySlices` is the history of "all of y as before, except that v was multiplied": its rule takes the slice out of the
gradient, sends it through the rule of `mul`, and puts the result back in its place.

Each base counts its changes; its views count on it. A node that saved a tensor remembers the count it saw, and backward
refuses to compute with a value that has changed since. A view remembers the count at which its history was written:
when that is asked for and the base has changed, whoever changed it, the view is read off the base anew. Therefore a
view's node is not in its slot `_node`, where every op looks first, but in its `View`, where `edge_of` finds it.

Mirrors PyTorch's `torch/csrc/autograd/variable.h` (DifferentiableViewMeta) and `functions/tensor.h` (CopySlices).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np

from teachgrad import errors, gpu
from teachgrad.autograd.graph import Node, edge_of, next_birth
from teachgrad.autograd.modes import GRAD_MODE
from teachgrad.autograd.variable import TensorBase, bump, version, wrap
from teachgrad.bfloats import cast

if TYPE_CHECKING:
    from teachgrad.tensor import Tensor


class View:
    """What a tensor knows about the tensor whose memory it shares.

    owner: whose `_changes` counts for this memory.
    base: the tensor that it is a differentiable view of, or None for a mere alias (`detach()`).
    multiple: the name of the op that made it together with other views ("Unbind"), or "".
    node, noted: its history, and the version number at which that was written.
    asked: it requires grad of its own (`requires_grad_()`), not only because its base does.
    made_without_grad: "no_grad", "inference" or the name of the custom Function it was made in; "" if it was recorded.
    """

    __slots__ = ("asked", "base", "made_without_grad", "multiple", "node", "noted", "owner")

    def __init__(self, owner: TensorBase, base: TensorBase | None, multiple: str = "") -> None:
        self.owner, self.base, self.multiple = owner, base, multiple
        self.made_without_grad = "" if GRAD_MODE.get() else "no_grad"
        self.node: Node | None = None
        self.asked = False
        try:
            self.noted = owner._changes
        except RuntimeError:  # an inference tensor counts no changes, and nobody is a view of one
            self.noted, self.base = 0, None

    def history(self, view: TensorBase) -> Node | None:
        """The node of `view`, written anew if its memory has changed since. Raises RuntimeError where PyTorch does."""
        base = self.base
        if base is None or (self.node is None and not base._requires_grad):
            return self.node
        now = self.owner._changes
        if self.noted != now:
            maker = "" if self.node is None else self.node.name().removesuffix("0").replace("Backward", "")
            if self.made_without_grad:
                raise errors.view_in_place(self.made_without_grad, view._output_nr, maker, through_base=True)
            if self.multiple:
                raise errors.multi_view_in_place(view._output_nr, maker, through_base=True)
            fresh = AsStridedBackward0()
            fresh.edges, fresh.numbers = (edge_of(base),), (base._output_nr,)
            fresh.birth, fresh.saved = next_birth(), (positions(view, base), base._data.shape)
            fresh.versions, fresh.fit, fresh._extras = 0, None, None
            keep_retained(view, self.node, fresh)
            self.node, self.noted, view._output_nr, view._requires_grad = fresh, now, 0, True
        return self.node


_waiting: dict[int, list[ref[TensorBase]]] = {}
"""id of a base -> its views without a history, which learn from it when it begins or ceases to require grad."""


def own_array(tensor: TensorBase) -> Any:
    """The data as an array that can be written to or shared; a 0-d result becomes one now."""
    data = tensor._data
    if isinstance(data, np.generic):
        data = tensor._data = np.array(data)
    return data


def address(array: Any) -> int:
    """Where in memory the first element of an array lies."""
    return int(array.data.ptr if gpu.on_gpu(array) else array.__array_interface__["data"][0])


def as_view(source: TensorBase, results: tuple[TensorBase, ...], multiple: str) -> None:
    """Notes that `results` show the memory of `source`. Whoever gives them a history puts it in their `View`."""
    known = source._view
    owner = source if known is None else known.owner
    base = source if known is None or known.base is None else known.base
    for result in results:
        result._view = view = View(owner, base, multiple)
        if view.made_without_grad:
            view.multiple = ""
        if (
            known is not None
            and known.base is not None
            and (known.made_without_grad == "inference" or not (view.made_without_grad or multiple))
        ):
            # a part of a part is as forbidden to change as the part
            view.multiple, view.made_without_grad = known.multiple, known.made_without_grad
    if base._requires_grad and GRAD_MODE.get():
        return  # they will have a history
    if base._requires_grad:
        for result in results:
            result._requires_grad = True  # PyTorch's answer; no gradient will come out of it
    key = id(base)
    viewers = _waiting.get(key)
    if viewers is None:
        viewers = _waiting[key] = []
        _forget_with(base, key)
    elif len(viewers) > 64 and len(viewers) & (len(viewers) - 1) == 0:  # at each power of two: drop the dead
        viewers[:] = [viewer for viewer in viewers if viewer() is not None]
    viewers.extend(ref(result) for result in results)


_keepers: dict[int, ref[TensorBase]] = {}
"""id of a base -> a weak reference that calls `forget` when the base goes, and must itself be kept until then."""


def _forget_with(base: TensorBase, key: int) -> None:
    """Forgets the list of views when the base goes."""

    def forget(_: object) -> None:
        _waiting.pop(key, None)
        _keepers.pop(key, None)

    _keepers[key] = ref(base, forget)


def require(tensor: TensorBase, requires_grad: bool) -> None:
    """Sets whether `tensor` requires grad, and what its views learn from that."""
    view = tensor._view
    if view is not None and view.base is not None:
        view.asked = requires_grad
        requires_grad = requires_grad or view.base._requires_grad
    tensor._requires_grad = requires_grad
    for viewer in _waiting.get(id(tensor), ()):
        shown = viewer()
        if shown is not None and shown._view is not None:
            shown._requires_grad = requires_grad or shown._view.asked or shown._view.node is not None


def history(tensor: TensorBase) -> Node | None:
    """The `grad_fn` of a tensor, be it a view or not."""
    view = tensor._view
    return tensor._node if view is None or tensor._node is not None else view.history(tensor)


def set_history(tensor: TensorBase, node: Node, number: int = 0) -> None:
    """Makes output `number` of `node` the history of `tensor`, be it a view or not."""
    view = tensor._view
    if view is None or view.base is None:
        tensor._node = node
    else:
        view.node, view.noted = node, view.owner._changes
    tensor._output_nr, tensor._requires_grad = number, True


def keep_retained(tensor: TensorBase, old: Node | None, new: Node) -> None:
    """`retain_grad` stays with the tensor when its history changes; hooks stay with the history they were given to."""
    if old is None or old._extras is None:
        return
    keeper = old._extras.retained.get(tensor._output_nr)
    if keeper is not None and keeper() is tensor:
        del old._extras.retained[tensor._output_nr]
        new.extras.retained[0] = keeper


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
    offset = (address(part) - address(whole)) // size
    xp = gpu.xp(whole)
    as_strided = xp.lib.stride_tricks.as_strided
    places = xp.arange(max(whole.size, 1))
    if not whole.flags.c_contiguous:  # memory place -> position, by laying the positions out as the base lies
        extent = 1 + sum((n - 1) * s // size for n, s in zip(whole.shape, whole.strides, strict=True) if n)
        places = xp.zeros(extent, np.int64)
        laid = as_strided(places, whole.shape, tuple(s // size * 8 for s in whole.strides))
        laid[...] = xp.arange(whole.size).reshape(whole.shape)
    if not part.size:
        return xp.zeros(part.shape, np.int64)
    return as_strided(places[offset:], part.shape, tuple(s // size * 8 for s in part.strides)).copy()


class AsStridedBackward0(Node):
    """A view read off its changed base. `saved` is (positions of the view in the base, shape of the base)."""

    __slots__ = ()
    saved_names = ("index", "shape")

    def vjp(self, grad: Any, keep: bool = True) -> tuple[Any, ...]:
        """Zeros, with the gradient of each element of the view added at its place in the base."""
        index, shape = self.saved or ()
        whole = gpu.xp(grad).zeros(math.prod(shape), grad.dtype)
        gpu.add_at(whole, index, grad)
        return (whole.reshape(shape),)

    def vjp_live(self, grad: Any, keep: bool = True) -> tuple[Any, ...]:
        """The same on tensors."""
        return (grad._spread_flat(*self.saved or ()),)


AsStridedBackward0.__module__ = "builtins"


class CopySlices(Node):
    """The history of a base after an in-place op on a view of it. `saved` is (positions of the view, the op's node)."""

    __slots__ = ()
    tensor_names = frozenset({"fn"})  # freed with the graph

    def name(self) -> str:
        """The name by which PyTorch knows its C++ class."""
        return "torch::autograd::CopySlices"

    def vjp(self, grad: Any, keep: bool = True) -> tuple[Any, ...]:
        """Takes the slice out of `grad`, sends it through the op's rule, puts the answer in its place."""
        if self.saved is None:
            raise errors.freed()
        index, fn = self.saved
        whole = gpu.xp(grad).array(grad).reshape(-1)
        grads = fn.vjp(whole[index], keep)
        if not keep:
            self.saved = None
        whole[index] = 0 if grads[0] is None else grads[0]
        return (whole.reshape(grad.shape), *grads[1:])

    def vjp_live(self, grad: Any, keep: bool = True) -> tuple[Any, ...]:
        """The same on tensors."""
        if self.saved is None:
            raise errors.freed()
        index, fn = self.saved
        grads = fn.vjp_live(grad._read_flat(index), keep)
        if not keep:
            self.saved = None
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
    if not tensor._requires_grad and not any(isinstance(o, TensorBase) and o._requires_grad for o in others):
        return
    if view is not None and view.base is not None:
        maker = "" if view.node is None else view.node.name().removesuffix("0").replace("Backward", "")
        if view.made_without_grad:
            raise errors.view_in_place(view.made_without_grad, tensor._output_nr, maker)
        if view.multiple:
            raise errors.multi_view_in_place(tensor._output_nr, maker)
        if tensor._requires_grad and history(view.base) is None:
            raise errors.leaf_view_in_place()
        if tensor._requires_grad and view.history(tensor) is None:
            raise errors.leaf_in_place()
    elif tensor._requires_grad and tensor._node is None:
        raise errors.leaf_in_place()


def check_overlap(target: TensorBase, *sources: Any, whole: bool = False) -> None:
    """Raises RuntimeError if `target`, about to be written to, shows memory that one of `sources` shows in another way,
    or, with `whole`, in the same way.
    """
    one = target._data
    for source in sources:
        if not isinstance(source, TensorBase) or (source is target and not whole):
            continue
        if source is target and one.size:
            raise errors.partial_overlap()
        other = source._data
        if one.base is other.base is None and one is not other:
            continue  # two arrays that own their memory have nothing in common
        if one.__class__ is not np.ndarray or other.__class__ is not np.ndarray or not np.may_share_memory(one, other):
            continue
        if not (_is_dense(one) and _is_dense(other)):
            continue  # PyTorch does not look closer either
        starts = [array.__array_interface__["data"][0] for array in (one, other)]
        ends = [start + array.nbytes for start, array in zip(starts, (one, other), strict=True)]
        same = (
            starts[0] == starts[1] and ends[0] == ends[1] and one.shape == other.shape and _steps(one) == _steps(other)
        )
        if (whole or not same) and starts[0] < ends[1] and starts[1] < ends[0]:
            raise errors.partial_overlap()


def _steps(array: Any) -> list[tuple[int, int]]:
    """Size and stride of each dimension in which one can take a step."""
    return [(n, s) for n, s in zip(array.shape, array.strides, strict=True) if n > 1]


def _is_dense(array: Any) -> bool:
    """Do the elements lie in memory without gaps and without sharing places, in whatever order?"""
    step = array.itemsize
    for stride, size in sorted((s, n) for n, s in zip(array.shape, array.strides, strict=True) if n > 1):
        if stride != step:
            return False
        step *= size
    return True


def rebase(tensor: TensorBase, node: Node) -> None:
    """Gives `tensor`, just changed in place by the op of `node`, that op as its history."""
    if "result" in node.saved_names:
        node.owner = ref(tensor)  # type: ignore[attr-defined]
        node.versions += version(tensor) << node.result_shift
    view = tensor._view
    if view is None or view.base is None:
        keep_retained(tensor, tensor._node, node)
        tensor._node, tensor._output_nr = node, 0
        require(tensor, True)
        return
    base = view.base
    copy = CopySlices()
    copy.birth = next_birth()
    copy.edges = (edge_of(base), *node.edges[1:])
    copy.numbers = (base._output_nr, *(node.numbers or (0,) * len(node.edges))[1:])
    copy.saved = (positions(tensor, base), node)
    copy.versions, copy.fit, copy._extras = 0, None, None
    keep_retained(base, base._node, copy)
    base._node, base._output_nr = copy, 0
    require(base, True)
    view.history(tensor)


def repeats(array: Any) -> bool:
    """Do several elements of the array share one place in memory, as those of an expanded tensor do?"""
    return (
        0 in array.strides
        and array.size > 0
        and any(n > 1 and not s for n, s in zip(array.shape, array.strides, strict=True))
    )


def write(tensor: TensorBase, result: Tensor) -> None:
    """Puts the values of `result`, computed from the old values of `tensor`, into the memory of `tensor`."""
    data, new = tensor._data, result._data
    if data.shape != new.shape:
        raise errors.in_place_shape(data.shape, new.shape)
    if isinstance(data, np.generic) and tensor._view is None:
        tensor._data = new if new.dtype is data.dtype else cast(new, data.dtype)
    else:
        array = own_array(tensor)
        if repeats(array):
            raise errors.shared_elements()
        array[...] = new
    bump(tensor)
    if result._node is not None and data.dtype.kind in "fcV":
        rebase(tensor, result._node)
