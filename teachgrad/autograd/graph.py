"""The graph: nodes that know how to pull a gradient back through one op, and the edges between them.

    z = x * y + 1                      AddBackward0            z.grad_fn
                                            │ edge 0
                                       MulBackward0            z.grad_fn.next_functions[0][0]
                                    edge 0 │    │ edge 1
                             AccumulateGrad     AccumulateGrad
                                 (x)                (y)

A node is born when its op runs and keeps three things: its birth number (the engine runs the youngest first), one edge
per differentiable argument (None where no gradient is wanted), and exactly the values that its rule names. What the rule
computes is the vector-Jacobian product: given the gradient `grad` of a scalar with respect to the op's output, it
returns grad^T J, the gradient with respect to each input.

Mirrors `torch.autograd.graph.Node`.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import ref

from numpy import asarray

from teachgrad import errors
from teachgrad.autograd.variable import TensorBase, version, wrap

if TYPE_CHECKING:
    from teachgrad.tensor import Tensor

next_birth = itertools.count().__next__
_handle_ids = itertools.count().__next__
Hook = Callable[..., Any]


class RemovableHandle:
    """What registering a hook returns; `remove()` takes the hook away again. Mirrors `torch.utils.hooks.RemovableHandle`."""

    __slots__ = ("_hooks", "id")

    def __init__(self, hooks: dict[int, Hook], hook: Hook) -> None:
        self._hooks, self.id = hooks, _handle_ids()
        hooks[self.id] = hook

    def remove(self) -> None:
        """Removes the hook; removing it twice is harmless."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


class Watcher:
    """A hook that only looks, and does its work later. Where it is a node's only one, it is not given tensors but what
    the engine has, which costs next to nothing; `tensors` makes of that what a hook is given."""

    __slots__ = ("look",)

    def __init__(self, look: Hook) -> None:
        self.look = look

    def __call__(self, *seen: Any) -> None:
        """Looks at what any hook would be given, beside others."""
        self.look(*seen)

    @staticmethod
    def tensors(node: Node, seen: Any, made: dict[int, Any]) -> tuple[Any, ...]:
        """The tensors of what was seen of `node`. `made` has those of arrays that were met before, by id."""
        parts = seen if isinstance(seen, list | tuple) else node.parts(seen)
        return tuple([_tensor(part, made) for part in parts])


def _tensor(part: Any, made: dict[int, Any]) -> Any:
    if part is None or isinstance(part, TensorBase):
        return part
    if id(part) not in made:
        made[id(part)] = wrap(part)
    return made[id(part)]


class Extras:
    """What few nodes have, kept aside so that most nodes stay small: hooks, retained outputs, the user's metadata.

    The order in which they act is PyTorch's: the hooks of the output tensors, then `retain_grad`, then the node's
    prehooks; the node runs; then its posthooks.
    """

    __slots__ = ("metadata", "post", "pre", "retained", "tensor")

    def __init__(self) -> None:
        self.tensor: dict[int, dict[int, Hook]] = {}  # output number -> hooks of that output
        self.retained: dict[int, ref[TensorBase]] = {}  # output number -> tensor that asked to keep its .grad
        self.pre: dict[int, Hook] = {}
        self.post: dict[int, Hook] = {}
        self.metadata: dict[Any, Any] = {}


class Node:
    """One op of the graph, undone by `vjp`. Subclasses are written by the op table, one per op.

    There is no `__init__`: the op that makes a node fills the slots itself, which is what keeps an op cheap.
    """

    __slots__ = ("_extras", "birth", "edges", "fit", "numbers", "saved", "versions")
    birth: int  # how many nodes were born before it
    edges: tuple[Node | None, ...]  # whose output each argument was; None: no gradient is wanted there
    numbers: tuple[int, ...] | None  # which output of it; None: always output 0
    saved: tuple[Any, ...] | None  # the values its rules name; None: freed
    versions: int  # version numbers of the saved tensors when saved, 32 bits each
    fit: tuple[tuple[Any, ...] | None, ...] | None  # (shape, dtype) where an argument was broadcast or cast (fit.py)
    _extras: Extras | None

    _watcher: ClassVar[type[Watcher]] = Watcher  # what a recorder makes of its hooks
    outputs: ClassVar[int] = 1
    saved_names: ClassVar[tuple[str, ...]] = ()
    tensor_names: ClassVar[frozenset[str]] = frozenset()  # which of them are tensors (the rest are plain arguments)
    keeps: ClassVar[tuple[str, ...]] = ()  # and which plain arguments PyTorch holds as tensors, to be freed like them
    owned: ClassVar[tuple[int | None, ...]] = ()  # the parts of the result that are saved: which output, if one of them
    result_shift: ClassVar[int] = 0  # where in `versions` the result's version number stands
    apart: ClassVar[bool] = False  # has a rule for each edge: one rule for all of them computes all gradients at once
    uncompiled: ClassVar[Any] = None  # its two rules as they were before they were compiled

    def vjp(self, grad: Any, keep: bool = True) -> Sequence[Any]:
        """The gradient of each argument, given the gradient of the output: arrays in, arrays out.

        A node with several outputs is given a list (`parts`), or the gradient of its first output alone. Unless `keep`,
        what the node saved is freed.
        """
        raise errors.internal(f"{self.name()} has no rule")

    def vjp_live(self, grad: Any, keep: bool = True) -> Sequence[Any]:
        """The same on tensors, so that the backward pass is itself recorded (`create_graph=True`)."""
        raise errors.internal(f"{self.name()} has no rule")

    def parts(self, grad: Any) -> list[Any]:
        """The gradient of each output, from what the engine hands to `vjp`."""
        return grad if grad.__class__ is list else [grad, *[None] * (self.outputs - 1)]

    def name(self) -> str:
        """The node's name, such as "MulBackward0"."""
        return type(self).__name__

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        """For each argument, the node it came from and which of that node's outputs it was; `(None, 0)`: no gradient."""
        return tuple(zip(self.edges, self.numbers or itertools.repeat(0), strict=False))

    @property
    def extras(self) -> Extras:
        """The node's hooks and metadata, made when first asked for."""
        if self._extras is None:
            self._extras = Extras()
        return self._extras

    @property
    def metadata(self) -> dict[Any, Any]:
        """A dict for the user's own notes."""
        return self.extras.metadata

    def register_hook(self, hook: Hook) -> RemovableHandle:
        """Calls `hook(grad_inputs, grad_outputs)` after the node ran; a tuple it returns replaces `grad_inputs`."""
        return RemovableHandle(self.extras.post, hook)

    def register_prehook(self, hook: Hook) -> RemovableHandle:
        """Calls `hook(grad_outputs)` before the node runs; a tuple it returns replaces `grad_outputs`."""
        return RemovableHandle(self.extras.pre, hook)

    def _sequence_nr(self) -> int:
        return self.birth

    def __init_subclass__(cls) -> None:
        """Adds `_saved_self`, `_saved_result`, ...: what the node kept for its rule.

        As properties: a `__getattr__` would make every attribute of every node slow to read.
        """
        for name in cls.__dict__.get("saved_names", ()):
            setattr(cls, saved_attribute(name), property(partial(saved_value, name)))
            setattr(cls, f"_raw_saved_{name}", property(partial(_raw_saved_value, name)))


def saved_attribute(name: str) -> str:
    """What PyTorch calls the saved value `name`: a shape is `_saved_self_sym_sizes`."""
    return f"_saved_{name.replace('_shape', '_sym_sizes').replace('_strides', '_sym_strides')}"


def saved_value(name: str, node: Node) -> Any:
    """The value that `node` saved under `name`, tensors as tensors. Raises RuntimeError if it has been freed."""
    if node.saved is None:
        raise errors.freed()
    value = node.saved[node.saved_names.index(name)]
    if name not in node.tensor_names:
        return value
    if name == "result":
        return result_of(node, value)
    if value is not None and not isinstance(value, TensorBase | tuple):
        return wrap(asarray(value)[()])  # a Python number, as PyTorch wraps it: int64, float64, ...
    return value


def _raw_saved_value(name: str, node: Node) -> Any:
    return importlib.import_module("teachgrad.autograd.saved").SavedTensor(node, name)


def result_of(node: Node, data: Any, number: int = 0) -> Tensor:
    """The tensor that `node` produced, put together again from its saved numbers.

    A node cannot keep its result itself (the result owns the node: a cycle), so it keeps the bare numbers.
    """
    tensor = wrap(data)
    tensor._node, tensor._output_nr, tensor._requires_grad = node, number, True
    return tensor


def versions_of(tensors: Iterable[TensorBase]) -> int:
    """The version numbers of a list of tensors, 32 bits each."""
    return sum(version(tensor) << 32 * i for i, tensor in enumerate(tensors))


def stale(node: Node) -> Exception:
    """The error for a saved tensor of `node` whose memory was changed in place after the forward pass."""
    assert node.saved is not None
    for number, owner in zip(node.owned, getattr(node, "owners", ()), strict=False):
        part = owner()
        if part is not None and version(part):
            shown = part if number is None else result_of(node, part._data, number)
            return errors.modified(shown, None if number is None else node, version(part), 0)
    expected = node.versions
    for name, value in zip(node.saved_names, node.saved, strict=True):
        if name not in node.tensor_names:
            continue
        held = node.owner() if name == "result" else value  # type: ignore[attr-defined]
        for tensor in held if isinstance(held, tuple) else (held,):
            if isinstance(tensor, TensorBase) and version(tensor) != expected & 0xFFFFFFFF:
                maker = node if name == "result" else tensor.grad_fn  # type: ignore[attr-defined]
                shown = result_of(node, value) if name == "result" else tensor  # as it was when it was saved
                return errors.modified(shown, maker, version(tensor), expected & 0xFFFFFFFF)
            expected >>= 32
    raise errors.internal(f"{node.name()} found nothing stale")


class AccumulateGrad(Node):
    """The end of the line: adds the gradient that arrives to `variable.grad`. Mirrors PyTorch's node of that name."""

    __slots__ = ("__weakref__", "variable")
    variable: Tensor
    edges = ()
    numbers = None
    saved = ()
    versions = 0
    fit = None

    def name(self) -> str:
        """The name by which PyTorch knows its C++ class."""
        return "torch::autograd::AccumulateGrad"

    def _sequence_nr(self) -> int:
        return 2**64 - 1  # PyTorch: run as soon as the last gradient has arrived


AccumulateGrad.__module__ = "builtins"  # so that it prints as PyTorch's does: <AccumulateGrad object at 0x...>


def accumulator(leaf: TensorBase) -> AccumulateGrad:
    """The one AccumulateGrad of a leaf. The leaf only holds it weakly: it lives as long as a graph needs it."""
    known = leaf._accumulator
    node = None if known is None else known()
    if node is None:
        node = AccumulateGrad()
        node.birth, node._extras, node.variable = next_birth(), None, leaf  # type: ignore[assignment]
        leaf._accumulator = ref(node)
    return node


def edge_of(tensor: TensorBase) -> Node | None:
    """The node to which a gradient of `tensor` goes: its grad_fn, a leaf's AccumulateGrad, or None if nobody wants it.

    The ops call this only when `tensor._node` is None: for leaves, constants and views.
    """
    if tensor._node is not None:
        return tensor._node
    if not tensor._requires_grad:
        return None
    view = tensor._view
    if view is not None:
        node = view.history(tensor)
        if node is not None or (view.base is not None and not view.asked):
            return node
    return accumulator(tensor)


_ELSEWHERE = {
    "GradientEdge": "edges",
    "get_gradient_edge": "edges",
    "increment_version": "edges",
    "register_multi_grad_hook": "edges",
    "allow_mutation_on_saved_tensors": "saved",
    "disable_saved_tensors_hooks": "saved",
    "save_on_cpu": "saved",
    "saved_tensors_hooks": "saved",
}
"""What `torch.autograd.graph` also offers, and the file in which it is written."""


def __getattr__(name: str) -> Any:
    if name not in _ELSEWHERE:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(f"teachgrad.autograd.{_ELSEWHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_ELSEWHERE})
