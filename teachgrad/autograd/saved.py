"""What a node keeps for backward may be packed on the way in and unpacked on the way out.

    with saved_tensors_hooks(pack, unpack):
        y = x * w          # pack(x), pack(w): the node keeps what these return
    y.backward()           # unpack(...) gives back the tensors that the rule reads

That is how values are kept on disk, in half precision, or not at all but computed again (`utils/checkpoint.py`).

Without hooks none of this costs anything: an op that has written its node tests once whether the list `ACTIVE` is empty.
With hooks, the node changes its class to one whose `saved` is a property: writing packs, reading unpacks, so neither the
rules nor the engine know the difference. Mirrors `torch/csrc/autograd/saved_variable.cpp`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary, ref

import numpy as np

from teachgrad import errors, gpu
from teachgrad.autograd import refusals
from teachgrad.autograd.graph import Node, edge_of, result_of, saved_attribute, saved_value
from teachgrad.autograd.variable import TensorBase, version, wrap

Pack = Callable[[Any], Any]
Unpack = Callable[[Any], Any]

ACTIVE: list[object] = []
"""Not empty while some thread is inside `saved_tensors_hooks`: the one thing that ops test."""

_HOOKS: ContextVar[tuple[tuple[Pack, Unpack], ...]] = ContextVar("teachgrad_saved_tensors_hooks", default=())
_DISABLED: ContextVar[str | None] = ContextVar("teachgrad_saved_tensors_hooks_disabled", default=None)


class saved_tensors_hooks:  # noqa: N801 - PyTorch's name
    """Inside, every tensor that an op keeps for backward is replaced by `pack_hook(tensor)`.

    When backward (or `node._saved_self`) needs it, `unpack_hook(packed)` must return a tensor of the same content. The
    innermost pair counts. Mirrors `torch.autograd.graph.saved_tensors_hooks`.
    Raises RuntimeError inside `disable_saved_tensors_hooks`, TypeError if `unpack_hook` returns no tensor.
    """

    def __init__(self, pack_hook: Pack, unpack_hook: Unpack) -> None:
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> None:
        message = _DISABLED.get()
        if message is not None:
            raise RuntimeError(message)
        _HOOKS.set((*_HOOKS.get(), (self.pack_hook, self.unpack_hook)))
        ACTIVE.append(self)

    def __exit__(self, *_: object) -> None:
        _HOOKS.set(_HOOKS.get()[:-1])
        ACTIVE.remove(self)


class save_on_cpu(saved_tensors_hooks):  # noqa: N801 - PyTorch's name
    """Keeps what backward needs in the CPU's memory, where it already is. Mirrors `torch.autograd.graph.save_on_cpu`."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda tensor: (tensor.device, tensor.cpu()), lambda packed: packed[1].to(packed[0]))


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Inside, `saved_tensors_hooks` raises RuntimeError with this message.

    Mirrors `torch.autograd.graph.disable_saved_tensors_hooks`.
    """
    if _HOOKS.get():
        raise RuntimeError(error_message)
    token = _DISABLED.set(error_message)
    try:
        yield
    finally:
        _DISABLED.reset(token)


class Packed:
    """One saved tensor as `pack_hook` left it, with its place in the graph, which hooks do not change."""

    __slots__ = ("node", "number", "own", "requires_grad", "unpack", "value")

    def __init__(self, tensor: TensorBase, hooks: tuple[Pack, Unpack], *, own: bool = False) -> None:
        pack, self.unpack = hooks
        before = version(tensor)
        self.value = pack(tensor)
        if version(tensor) != before:
            raise refusals.pack_hook_in_place()
        self.own = own  # an output of the very node that keeps it, which it must not own in turn
        self.node = None if own else edge_of(tensor)
        self.number, self.requires_grad = tensor._output_nr, tensor._requires_grad

    def tensor(self, keeper: Node) -> Any:
        """The saved tensor again, in its old place in the graph. `keeper` is the node that keeps it."""
        found = self.unpack(self.value)
        if not isinstance(found, TensorBase):
            raise refusals.unpack_hook_result(found)
        if self.own:
            return result_of(keeper, found._data, self.number)
        if not self.requires_grad or edge_of(found) is self.node:
            return found
        again = wrap(found._data)
        again._requires_grad, again._output_nr = True, self.number
        variable = getattr(self.node, "variable", None)
        if variable is None:
            again._node = self.node
        else:  # a leaf: what flows into it goes to the same AccumulateGrad
            again._accumulator = ref(self.node)  # type: ignore[arg-type]
        return again


def hooks_now() -> tuple[Pack, Unpack] | None:
    """The pair of hooks in force here, or None."""
    hooks = _HOOKS.get()
    return hooks[-1] if hooks else None


class _Trusted(int):
    """Version numbers of packed tensors: equal to any. What a hook returns is its own affair, as in PyTorch."""

    def __ne__(self, other: object) -> bool:
        return False

    __eq__, __hash__ = int.__eq__, int.__hash__

    def __add__(self, other: int) -> _Trusted:
        return self


_slot: Any = Node.__dict__["saved"]
"""The slot under the property: what a packed node really holds, without unpacking it."""


def pack(node: Node) -> None:
    """Packs what a node, just written by its op, has saved."""
    hooks = hooks_now()
    if hooks is None or not node.saved:
        return
    _pack_places(node, _in_order(type(node)), hooks)


def _pack_places(node: Node, places: list[int], hooks: tuple[Pack, Unpack]) -> None:
    kept = list(_slot.__get__(node))
    for place in places:
        value = kept[place]
        if isinstance(value, TensorBase):
            kept[place] = Packed(value, hooks)
        elif isinstance(value, tuple):
            kept[place] = tuple(Packed(item, hooks) for item in value)
        elif isinstance(value, np.ndarray | np.generic) or gpu.on_gpu(value):
            kept[place] = Packed(result_of(node, value), hooks, own=True)
    if type(node) not in _classes.values():
        node.__class__ = _packed_class(type(node))
    _slot.__set__(node, tuple(kept))
    node.versions = _Trusted()
    if node.owned:
        node.owners = ()  # type: ignore[attr-defined]


_classes: dict[type[Node], type[Node]] = {}
"""Node class -> its packed twin, made at most once."""


def _packed_class(cls: type[Node]) -> type[Node]:
    """The subclass of a node class whose `saved` unpacks when it is read."""
    known = _classes.get(cls)
    if known is None:
        body = {"__slots__": (), "__module__": cls.__module__, "saved": property(_read, _slot.__set__)}
        single = {saved_attribute(name): property(partial(_read_one, name)) for name in cls.saved_names}
        known = _classes[cls] = type(cls.__name__, (cls,), {**body, **single})
    return known


def _unpacked(node: Node, item: Any) -> Any:
    if isinstance(item, Packed):
        tensor = item.tensor(node)
        return tensor._data if item.own else tensor
    if isinstance(item, tuple):
        return tuple(_unpacked(node, part) for part in item)
    return item


def _in_order(cls: type[Node]) -> list[int]:
    """The places of the saved tensors in the order in which PyTorch packs and unpacks them: by name, results last."""
    places = [place for place, name in enumerate(cls.saved_names) if name in cls.tensor_names]
    return sorted(places, key=lambda place: (cls.saved_names[place] == "result", cls.saved_names[place]))


def _read(node: Node) -> Any:
    items = _slot.__get__(node)
    if items is None:
        return None
    found = list(items)
    for place in _in_order(type(node)):
        found[place] = _unpacked(node, items[place])
    return tuple(found)


def _read_one(name: str, node: Node) -> Any:
    """`node._saved_self` unpacks that one only."""
    items = _slot.__get__(node)
    item = None if items is None else items[node.saved_names.index(name)]
    return item.tensor(node) if isinstance(item, Packed) else saved_value(name, node)


class SavedTensor:
    """One saved value of a node: `node._raw_saved_self`. Mirrors `torch._C._autograd.SavedTensor`."""

    def __init__(self, node: Node, name: str) -> None:
        self._node, self._name = node, name

    def register_hooks(self, pack_hook: Pack, unpack_hook: Unpack) -> None:
        """Packs this value now, and unpacks it when backward needs it. Raises RuntimeError if it has been freed."""
        if _slot.__get__(self._node) is None:
            raise errors.freed()
        _pack_places(self._node, [self._node.saved_names.index(self._name)], (pack_hook, unpack_hook))


class _Copies(saved_tensors_hooks):
    """Keeps a copy of each saved tensor, as long as its node lives and `clear()` is not called."""

    def __init__(self) -> None:
        super().__init__(self._keep, self._find)
        self._copies: WeakKeyDictionary[_Handle, Any] = WeakKeyDictionary()

    def _keep(self, tensor: Any) -> _Handle:
        handle = _Handle()
        self._copies[handle] = wrap(tensor._data.copy())
        return handle

    def _find(self, handle: _Handle) -> Any:
        if handle not in self._copies:
            raise refusals.copy_is_gone()
        return self._copies[handle]

    def clear(self) -> None:
        """Drops the copies; backward through what was computed so far is then no longer possible."""
        self._copies.clear()


class _Handle:
    """Stands in a node for a copy kept elsewhere."""


@contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[_Copies]:
    """Inside, tensors that backward needs may be changed in place: a copy of each is kept.

    PyTorch copies only what is about to change; the gradients are the same. Backward has to run inside, too
    (AssertionError otherwise). Mirrors `torch.autograd.graph.allow_mutation_on_saved_tensors`.
    """
    if any(isinstance(active, _Copies) for active in ACTIVE):
        raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
    copies = _Copies()
    with copies:
        try:
            yield copies
        finally:
            copies.clear()
