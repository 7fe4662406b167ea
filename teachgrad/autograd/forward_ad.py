"""Forward mode: how much does the result move when the input moves along a given direction?

    with dual_level():
        x = make_dual(point, direction)       # a number and its tangent
        y = f(x)
        value, tangent = unpack_dual(y)       # f(point) and J @ direction

Backward mode computes grad^T J, one row of the Jacobian at a time; forward mode J v, one column. The table of ops only
knows the first, and that is enough, because g -> g^T J is linear in g. Differentiating a linear map gives its transpose,
so the transpose of the transpose is the map itself:

    u = zeros like y, requiring grad
    r(u) = J^T u          backward through the recorded graph, itself recorded (create_graph)
    J v  = (dr/du)^T v    backward through that

A dual tensor is therefore a tensor whose history is a `Dual` node that remembers the tangent; ops record what they do
with it as ever, and `unpack_dual` transposes twice. That costs ops nothing, needs no second table, and can be
differentiated further in either mode. It costs more than PyTorch's own forward mode (about one backward with
create_graph and one more backward per `unpack_dual`), and two things look different: while a level is open, what is
computed from a dual tensor says `requires_grad=True`, and it keeps that history after the level.

Mirrors `torch/autograd/forward_ad.py`; with a `jvp` of its own, a custom `Function` takes part as there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

from teachgrad.autograd import engine, refusals, views
from teachgrad.autograd.graph import AccumulateGrad, Node, edge_of, next_birth, result_of
from teachgrad.autograd.modes import GRAD_MODE
from teachgrad.autograd.variable import TensorBase, wrap
from teachgrad.conjugates import meet

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]


class Level:
    """One forward pass with tangents. Levels nest in `teachgrad.func`, where a derivative is taken of a derivative."""

    __slots__ = ("number", "running", "transposing")

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self.running = True  # until the function whose derivative is taken has returned
        self.transposing = False  # while `unpack` follows its tangents: what was taken out of it then passes nothing on


_LEVELS: ContextVar[tuple[Level, ...]] = ContextVar("teachgrad_dual_levels", default=())
_open: list[Level] = []  # in all threads: while it is not empty, ops ask `_recording` instead of grad mode


class UnpackedDualTensor(NamedTuple):
    """What `unpack_dual` returns."""

    primal: Any
    tangent: Any


class Dual(Node):
    """The start of a dual tensor's history. Its gradient goes on to the tensor that it was made from."""

    __slots__ = ("level", "tangent")
    level: Level
    tangent: Any

    def vjp(self, grad: Any, keep: bool = True) -> tuple[Any, ...]:
        """The gradient itself."""
        return (grad,)

    vjp_live = vjp


class Identity(Node):
    """A value taken out of a level: its history goes on below, but in that level it is no longer dual."""

    __slots__ = ("level",)
    level: Level

    def vjp(self, grad: Any, keep: bool = True) -> tuple[Any, ...]:
        """The gradient itself; nothing for the level that it was taken out of."""
        return (None if self.level.transposing else grad,)

    vjp_live = vjp


Dual.__module__ = Identity.__module__ = "builtins"


def enter_level() -> Level:
    """Opens a level, inside those that are open."""
    level = Level(len(_LEVELS.get()))
    _LEVELS.set((*_LEVELS.get(), level))
    _open.append(level)
    _replace_grad_mode()
    return level


def exit_level() -> None:
    """Closes the innermost level."""
    level = _LEVELS.get()[-1]
    _LEVELS.set(_LEVELS.get()[:-1])
    _open.remove(level)
    level.running = False
    _replace_grad_mode()


def _replace_grad_mode() -> None:
    from teachgrad.ops.table import LIVE, RAW

    RAW["_grad_enabled"] = LIVE["_grad_enabled"] = _recording if _open else GRAD_MODE.get


def _recording() -> bool:
    return GRAD_MODE.get() or bool(_LEVELS.get())  # tangents flow under no_grad, too


def enter_dual_level() -> int:
    """Opens a level and returns its number, 0. Raises RuntimeError if one is open. Mirrors PyTorch's function."""
    if _LEVELS.get():
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    return enter_level().number


def exit_dual_level(*, level: int | None = None) -> None:
    """Closes the level: its tangents are gone. Raises RuntimeError if `level` is not the one opened last."""
    if not _LEVELS.get() and level is None:
        raise RuntimeError("Dual level must be a positive number.")
    if not _LEVELS.get() or level not in (None, _LEVELS.get()[-1].number):
        raise RuntimeError(
            "Trying to exit a forward AD level that was not the last one that was created. This is not supported."
        )
    exit_level()


class dual_level:  # noqa: N801 - PyTorch's name
    """A block with a level of its own. Mirrors `torch.autograd.forward_ad.dual_level`."""

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *_: object) -> None:
        exit_dual_level()


def _level(number: int | None) -> Level | None:
    levels = _LEVELS.get()
    if number is None:
        return levels[-1] if levels else None
    return levels[number] if 0 <= number < len(levels) else None


def make_dual(tensor: Any, tangent: Any, *, level: int | None = None) -> Any:
    """`tensor`, sharing its memory, with a direction of the same shape along which it moves.

    Mirrors `torch.autograd.forward_ad.make_dual`. Raises RuntimeError outside a level, for a tangent of another shape and
    for a tensor that is dual already; ValueError for integers.
    """
    found = _level(level)
    if found is None:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    for name, value in (("primal", tensor), ("tangent", tangent)):
        if value._data.dtype.kind not in "fcV":
            raise ValueError(f"Expected {name} to be floating point or complex, but got: {value.dtype}")
    if next(_duals_behind([tensor], found), None) is not None:
        raise RuntimeError(
            "Making a dual Tensor based on a Tensor that already has a forward gradient at the same level "
            f"{found.number} is not supported."
        )
    return dual(tensor, tangent, found)


def dual(tensor: Any, tangent: Any, level: Level) -> Any:
    """`make_dual` for a tensor that is not dual in `level`. A tangent of None only marks it (`teachgrad.func`)."""
    if tangent is not None and tensor._data.shape != tangent._data.shape:
        raise refusals.tangent_shape(tensor._data.shape, tangent._data.shape)
    node = _node(Dual(), tensor)
    node.level, node.tangent = level, tangent
    meet(tensor._data.dtype)
    return _result(tensor, node)


def _node(node: Any, source: Any) -> Any:
    """Fills the slots of a node that passes the gradient of `source` on."""
    node.edges, node.numbers = (edge_of(source),), (source._output_nr,)
    node.birth, node.saved, node.versions, node.fit, node._extras = next_birth(), (), 0, None, None
    return node


def _result(source: Any, node: Node) -> Any:
    """A tensor with the memory of `source` and the history `node`."""
    result = result_of(node, views.own_array(source))
    views.alias(source, result)
    return result


def _duals_behind(tensors: Sequence[Any], level: Level) -> Iterator[Dual]:
    """The dual tensors of a level from which `tensors` were computed, by their nodes."""
    seen: set[Node] = set()
    found = [edge_of(tensor) for tensor in tensors]
    while found:
        node = found.pop()
        if node is None or node in seen or (isinstance(node, Identity) and node.level is level):
            continue
        seen.add(node)
        if isinstance(node, Dual) and node.level is level:
            yield node
        else:
            found += node.edges


def unpack_dual(tensor: Any, *, level: int | None = None) -> UnpackedDualTensor:
    """The value of a tensor and its tangent: (J v) for the directions v given to `make_dual`, or None if it has none.

    Mirrors `torch.autograd.forward_ad.unpack_dual`. The tangent is None outside a level.
    """
    found = _level(level)
    return UnpackedDualTensor(tensor, None) if found is None else UnpackedDualTensor(*unpack(tensor, found))


def unpack(tensor: Any, level: Level) -> tuple[Any, Any]:
    """The value of `tensor` and its tangent in `level` (None: it has none)."""
    duals = list(_duals_behind([tensor], level))
    if not duals:
        return taken_out(tensor, level), None
    node = edge_of(tensor)
    if node is duals[0]:
        return taken_out(tensor, level), duals[0].tangent
    u = wrap(np.zeros_like(tensor._data))
    u._requires_grad = True
    level.transposing = True
    try:
        targets = [(dual, 0) for dual in duals]
        rows = send([(node, tensor._output_nr)], [u], targets)
        live = [
            (row, dual.tangent) for row, dual in zip(rows, duals, strict=True) if row is not None and row._requires_grad
        ]
        roots = [(edge_of(row), row._output_nr) for row, _ in live]
        tangent = send(roots, [_like(v, row) for row, v in live], [(edge_of(u), 0)])[0] if roots else None
    finally:
        level.transposing = False
    if tangent is None:
        tangent = wrap(np.zeros_like(tensor._data))
    return taken_out(tensor, level), taken_out(tangent, level, but=u._accumulator)


def is_open() -> bool:
    """Whether a level is open."""
    return bool(_open) and bool(_LEVELS.get())


def shown(tensor: Any) -> tuple[Node | None, bool, Any]:
    """What `print` shows of a tensor while a level is open: `grad_fn` and `requires_grad` as PyTorch's, and the tangent."""
    primal, tangent = unpack(tensor, _LEVELS.get()[-1])
    node = views.history(tensor)
    if tangent is not None and isinstance(node, Dual):
        node = None if isinstance(node.edges[0], AccumulateGrad) else node.edges[0]
    if tangent is not None and not primal._requires_grad:
        node = None
    return node, primal._requires_grad if tangent is not None else tensor._requires_grad, tangent


def _like(tangent: Any, row: Any) -> Any:
    return tangent if tangent._data.dtype is row._data.dtype else tangent._cast(row._data.dtype)


def send(roots: Any, gradients: list[Any], targets: Any) -> list[Any]:
    """One recorded backward from `roots`; returns what arrives at `targets`."""
    return engine.run(roots, gradients, keep_graph=True, create_graph=True, targets=targets, accumulate=False)


def taken_out(tensor: Any, level: Level, but: Any = None) -> Any:
    """The same numbers, no longer dual in `level`; with a history only if that leads to anything else."""
    if (
        not tensor._requires_grad
        or not GRAD_MODE.get()
        or not _leads_out(tensor, level, None if but is None else but())
    ):
        plain = wrap(views.own_array(tensor))
        views.alias(tensor, plain)
        return plain
    node = _node(Identity(), tensor)
    node.level = level
    return _result(tensor, node)


def _leads_out(tensor: Any, level: Level, but: Node | None) -> bool:
    """Whether the history of `tensor` reaches a leaf (other than `but`) or a dual tensor of an enclosing level."""
    seen: set[Node | None] = {None, but}
    found: list[Node | None] = [edge_of(tensor)]
    while found:
        node = found.pop()
        if node in seen or node is None:
            continue
        seen.add(node)
        if isinstance(node, AccumulateGrad):
            return True
        if isinstance(node, Dual) and node.level is not level and node.level.running:
            return True
        found += node.edges
    return False


def tangents_of(args: Sequence[Any]) -> tuple[Level, tuple[Any, ...], list[Any]] | None:
    """For a custom function: the level, the arguments without tangents, and the tangents. None if no argument is dual."""
    if not _LEVELS.get():
        return None
    level = _LEVELS.get()[-1]
    pairs = [unpack(a, level) if isinstance(a, TensorBase) else (a, None) for a in args]
    if all(tangent is None for _, tangent in pairs):
        return None
    primals = tuple(a if tangent is None else primal for a, (primal, tangent) in zip(args, pairs, strict=True))
    return level, primals, [tangent for _, tangent in pairs]
