"""From live ``grad_fn`` nodes to a :class:`Graph`: a walk over ``next_functions`` that changes nothing.

The picture has one box per node of the graph and one per tensor at its ends: the drawn tensor hangs below its
``grad_fn``, and above each ``AccumulateGrad`` stands the leaf it adds to.

    a [leaf] -> AccumulateGrad -> PowBackward0 -> MulBackward0 -> SubBackward0 -> Q [output]
"""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from .calls import calls_of, module_of
from .formulas import Rules, input_names
from .grouping import grouped
from .model import WORDS, Edge, Graph, Node, Value
from .naming import Namer, is_tensor
from .sources import source_of
from .values import plain, value_of, visible, write_number

NO_NAME = "(no name)"

Results = dict[Any, dict[int, tuple[str | None, Any]]]  # node -> output number -> name, tensor

# Plain saved arguments worth a line in the box; shapes, strides and flags of the implementation are not.
_CONSTANTS = (
    "alpha",
    "beta",
    "correction",
    "dim",
    "exponent",
    "index",
    "max",
    "min",
    "negative_slope",
    "other",
    "p",
    "self",
)


@dataclass
class Captured:
    """A graph together with the live objects behind its boxes, for whoever wants to hang hooks on them."""

    graph: Graph
    nodes: dict[str, Any] = field(default_factory=dict)  # id of an op or accumulate box -> its node
    leaves: dict[str, tuple[str, Any]] = field(default_factory=dict)  # id of an accumulate box -> leaf id, leaf
    outputs: dict[str, Any] = field(default_factory=dict)  # id of an output (or of a drawn leaf) -> tensor
    kept: dict[str, dict[str, Any]] = field(default_factory=dict)  # id of an op -> what it saved
    retained: dict[str, Any] = field(default_factory=dict)  # id of an op -> its result, if that retains its .grad

    def elements(self) -> int:
        """How many numbers there are in all that the graph saved and in its leaves."""
        held = [value for kept in self.kept.values() for value in kept.values() if is_tensor(value)]
        return sum(tensor.numel() for tensor in (*held, *(leaf for _, leaf in self.leaves.values())))

    def read_kept(self) -> dict[str, dict[str, Any]]:
        """What was saved as far as it can be shown, by id; the tensors themselves are let go."""
        read = {name: {argument: known(value) for argument, value in kept.items()} for name, kept in self.kept.items()}
        self.kept.clear()
        return {name: {key: value for key, value in kept.items() if value is not None} for name, kept in read.items()}


@dataclass
class _Box:
    """A box of the picture while it is being found: its kind, and the node or tensor it stands for."""

    id: str
    kind: str
    thing: Any
    saved: dict[str, Any] = field(default_factory=dict)


class _Step(NamedTuple):
    """An edge still to be walked: from box ``source`` to ``thing``, which may have a box already."""

    kind: str
    thing: Any
    source: str | None = None
    slot: int = 0
    output_nr: int = 0
    input_name: str = ""


def capture(tensors: Sequence[Any], names: Namer, title: str = "", rules: Rules | None = None) -> Captured:
    """Walk the graphs behind ``tensors`` and describe them as one Graph.

    Ids count in the order of the walk: depth first from each output, arguments from left to right. Raises
    TypeError when there is nothing to walk or a thing is no tensor.
    """
    if not tensors:
        raise TypeError("There is nothing to draw: give at least one tensor, such as the loss.")
    for tensor in tensors:
        if not is_tensor(tensor):
            raise TypeError(f"Only tensors have a graph to draw; got {type(tensor).__name__}.")
    boxes, edges = _walk(tensors, names, rules)
    results = _results(boxes, names)
    nodes = tuple(_describe(boxes, edges, names, results))
    named = {node.name: node.id for node in reversed(nodes) if node.name}
    graph = Graph(nodes, tuple(edges), names=dict(reversed(named.items())), title=visible(title))
    ops = {box.id: box.thing for box in boxes if box.kind == "op"}
    births = {name: node._sequence_nr() for name, node in ops.items()}
    graph = grouped(graph, births, {name: calls_of(node) for name, node in ops.items()})
    captured = Captured(graph)
    by_id = {box.id: box for box in boxes}
    for box in boxes:
        if box.kind in ("op", "accumulate"):
            captured.nodes[box.id] = box.thing
        if box.kind == "op":
            captured.kept[box.id] = box.saved
            _, result = results.get(box.thing, {}).get(0, (None, None))
            if getattr(result, "retains_grad", False):
                captured.retained[box.id] = result
    for edge in edges:
        if by_id[edge.source].kind == "accumulate":
            captured.leaves[edge.source] = (edge.target, by_id[edge.target].thing)
    for tensor in tensors:
        captured.outputs[next(box.id for box in boxes if box.thing is tensor)] = tensor
    return captured


def name_of(node: Any) -> str:
    """The node's own name, without C++ namespaces: ``AccumulateGrad``, not ``torch::autograd::AccumulateGrad``."""
    return str(node.name()).rpartition("::")[2]


def saved(node: Any) -> dict[str, Any]:
    """What the node kept for its rule, by argument name; what was freed or overwritten is missing."""
    found: dict[str, Any] = {}
    for attribute in _saved_attributes(node):
        try:
            value = getattr(node, attribute)
        except (RuntimeError, AttributeError, TypeError, ValueError):
            continue  # freed, or overwritten in place since: there is no value to show
        if attribute == _OWN:
            found |= {f"saved_tensors[{i}]": tensor for i, tensor in enumerate(value)}
        else:
            found[attribute.removeprefix("_saved_")] = value
    return found


def known(value: Any) -> Any:
    """A saved argument as a formula can show it (of a large tensor the shape must do), or None."""
    if is_tensor(value):
        return value_of(value, look=False)
    if isinstance(value, (tuple, list)):
        return str(tuple(signed(item) for item in value)) if all(isinstance(item, int) for item in value) else None
    return signed(value) if isinstance(value, (bool, int, float, str)) else None


def is_freed(node: Any) -> bool:
    """Whether backward has let go of what the node saved."""
    for attribute in _saved_attributes(node):
        try:
            getattr(node, attribute)
        except RuntimeError as problem:
            if "freed" in str(problem):
                return True
        except (AttributeError, TypeError, ValueError):
            continue
    return False


_OWN = "saved_tensors"  # what a Function of the learner's own kept with ctx.save_for_backward
_attributes: WeakKeyDictionary[type, tuple[str, ...]] = WeakKeyDictionary()  # dir() of every node would take long


def _saved_attributes(node: Any) -> tuple[str, ...]:
    """The names of what nodes of this class save, ``_saved_self`` and so on."""
    kind = type(node)
    if kind not in _attributes:
        # A CopySlices keeps the node of the operation that wrote, no value: PyTorch's tells nothing, ours is not asked.
        names = () if name_of(node) == "CopySlices" else dir(node)
        _attributes[kind] = tuple(name for name in names if name.startswith("_saved_") or name == _OWN)
    return _attributes[kind]


def _walk(tensors: Iterable[Any], names: Namer, rules: Rules | None) -> tuple[list[_Box], list[Edge]]:
    """The boxes in the order of the walk, and the edges in the order of the boxes that they leave, and of the slots."""
    boxes: dict[Any, _Box] = {}  # nodes are their own keys, tensors are known by id
    edges: list[tuple[int, int, str, _Step]] = []  # place of the source, slot, target, the rest
    arguments_of = functools.cache(functools.partial(input_names, rules=rules))
    for tensor in tensors:
        todo = [_root(tensor, names)]
        while todo:
            step = todo.pop()
            key = step.thing if step.kind in ("op", "accumulate") else id(step.thing)
            box = boxes.get(key)
            if box is None:
                box = boxes[key] = _Box(f"n{len(boxes)}", step.kind, step.thing)
                todo.extend(reversed(list(_onward(box, names, arguments_of))))
            if step.source is not None:
                edges.append((int(step.source[1:]), step.slot, box.id, step))
    edges.sort(key=operator.itemgetter(0, 1))
    return list(boxes.values()), [
        Edge(f"e{i}", f"n{source}", target, slot, step.output_nr, step.input_name, step.kind == "input")
        for i, (source, slot, target, step) in enumerate(edges)
    ]


def _root(tensor: Any, names: Namer) -> _Step:
    """Where the walk from a drawn tensor begins: a leaf's own backward() starts at its AccumulateGrad."""
    if tensor.grad_fn is not None:
        return _Step("output", tensor)
    used = tensor * 1 if tensor.requires_grad else tensor  # a leaf's node is reached from what uses the leaf
    if used.grad_fn is None:  # no gradient wanted, or not while grad mode is off
        return _Step(_leaf_kind(tensor, names), tensor)
    return _Step("accumulate", used.grad_fn.next_functions[0][0])


def _onward(box: _Box, names: Namer, arguments_of: Callable[[str, int], tuple[str, ...]]) -> Iterator[_Step]:
    """The edges that leave ``box`` towards the leaves."""
    if box.kind == "output":
        yield _node_step(box.thing.grad_fn, box.id, 0, getattr(box.thing, "output_nr", 0), "")
    elif box.kind == "accumulate":
        leaf = box.thing.variable
        yield _Step(_leaf_kind(leaf, names), leaf, box.id)
    elif box.kind == "op":
        box.saved = saved(box.thing)
        slots = box.thing.next_functions
        arguments = arguments_of(name_of(box.thing), len(slots))
        for slot, (node, output_nr) in enumerate(slots):
            if node is not None:
                yield _node_step(node, box.id, slot, output_nr, arguments[slot])
        # A constant has no edge in the autograd graph. One that the learner has named is worth a box all the
        # same.
        free = iter([slot for slot, (node, _) in enumerate(slots) if node is None])
        for argument, value in box.saved.items():
            if is_tensor(value) and not value.requires_grad and names.of(value) is not None:
                slot = arguments.index(argument) if argument in arguments else next(free, len(slots))
                yield _Step("input", value, box.id, slot, 0, argument)


def _node_step(node: Any, source: str, slot: int, output_nr: int, argument: str) -> _Step:
    kind = "accumulate" if hasattr(node, "variable") and name_of(node) == "AccumulateGrad" else "op"
    return _Step(kind, node, source, slot, output_nr, argument)


def _leaf_kind(tensor: Any, names: Namer) -> str:
    if not tensor.requires_grad:
        return "input"
    return "parameter" if id(tensor) in names.parameters or type(tensor).__name__ == "Parameter" else "leaf"


def _describe(boxes: Sequence[_Box], edges: Sequence[Edge], names: Namer, results: Results) -> Iterator[Node]:
    # An output box already tells the name and the value of what the operation above it made.
    told = {edge.target for edge in edges for box in (boxes[int(edge.source[1:])],) if box.kind == "output"}
    for box in boxes:
        if box.kind == "op":
            yield _describe_op(box, {} if box.id in told else results.get(box.thing, {}), names)
        elif box.kind == "accumulate":
            yield Node(box.id, box.kind, name_of(box.thing), "AccumulateGrad", WORDS[box.kind])
        else:
            name = names.of(box.thing)
            title = name or ("output" if box.kind == "output" else NO_NAME)
            value, grad = value_of(box.thing), _gradient(box.thing)
            yield Node(box.id, box.kind, "", title, WORDS[box.kind], name=name, value=value, grad=grad)


def _describe_op(box: _Box, results: dict[int, tuple[str | None, Any]], names: Namer) -> Node:
    op = name_of(box.thing)
    called = [name for _, (name, _) in sorted(results.items()) if name]
    tensor = results[0][1] if len(results) == 1 and 0 in results else None
    return Node(
        box.id,
        "op",
        op,
        _title(op),
        WORDS["op"],
        detail=", ".join(_constants(box.saved, names)),
        name=", ".join(called) or None,
        value=None if tensor is None else value_of(tensor),
        grad=None if tensor is None else _gradient(tensor),
        source=source_of(box.thing),
        module=module_of(box.thing),
    )


@functools.lru_cache(1000)
def _title(op: str) -> str:
    """``Mul`` of ``MulBackward0``."""
    return visible(re.sub(r"^(.+?)Backward\d*_?(.*)$", r"\1 \2", op).strip())


def _results(boxes: Sequence[_Box], names: Namer) -> Results:
    """What each op made, by output number, as far as the learner or a node that saved it still holds it."""
    found: Results = {}
    for (node, output_nr), (name, tensor) in names.made.items():
        found.setdefault(node, {})[output_nr] = (name, tensor)
    for box in boxes:
        for value in box.saved.values():
            if is_tensor(value) and value.grad_fn is not None:
                found.setdefault(value.grad_fn, {}).setdefault(getattr(value, "output_nr", 0), (None, value))
    return found


def _constants(kept: dict[str, Any], names: Namer) -> Iterator[str]:
    for name, value in kept.items():
        if is_tensor(value):
            plain_number = tuple(value.shape) == () and not value.requires_grad and names.of(value) is None
            if plain_number and name in _CONSTANTS:
                yield f"{name} = {plain(value_of(value).text)}"
        elif name in _CONSTANTS and not (name in ("alpha", "beta") and value == 1):
            items = value if isinstance(value, (tuple, list)) else (value,)
            if items and all(isinstance(item, (bool, int, float)) for item in items):
                yield f"{name} = {', '.join(plain(write_number(signed(item))) for item in items)}"


def signed(number: Any) -> Any:
    """The number that was meant: PyTorch hands out a saved ``dim=-1`` as an unsigned 64-bit integer."""
    return number - 2**64 if isinstance(number, int) and number >= 2**63 else number


def _gradient(tensor: Any) -> Value | None:
    """The tensor's ``.grad``, without the warning that asking a non-leaf for it would cause."""
    if not tensor.requires_grad or not (tensor.is_leaf or getattr(tensor, "retains_grad", False)):
        return None
    return None if tensor.grad is None else value_of(tensor.grad)
