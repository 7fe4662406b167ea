"""What a picture is made of: plain frozen dataclasses, no tensors, no arrays, JSON both ways.

A :class:`Graph` is one autograd graph at one moment. A :class:`Trace` is that graph together with everything
that happened while ``backward()`` ran over it, one :class:`Event` at a time. A :class:`Layout` says where
each box and line of the picture goes. Every surface (SVG, HTML player, widget, text) reads these and nothing
else, so a graph saved today can be drawn tomorrow without the library that made it.

>>> graph = Graph(nodes=(Node("n0", "leaf", title="x", word="leaf"),), edges=())
>>> Graph.from_json(graph.to_json()) == graph
True
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from dataclasses import dataclass, field
from typing import Any, TypeVar

GRAPH_SCHEMA = "teachgrad.graph/1"
TRACE_SCHEMA = "teachgrad.trace/1"

#: Each kind of node, and the word that says it in the picture (shape and colour only repeat the word).
WORDS = {
    "leaf": "leaf",
    "parameter": "parameter",
    "input": "input",
    "op": "operation",
    "accumulate": "accumulate",
    "output": "output",
    "saved": "saved",
    "group": "group",
}

_T = TypeVar("_T", bound="_Json")


class _Json:
    """``to_json`` and ``from_json`` for frozen dataclasses that hold plain values and each other."""

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, strings and finite numbers, ready for any strict JSON writer."""
        encoded = _encode(self)
        assert isinstance(encoded, dict)
        return encoded

    def to_json(self, indent: int | None = None) -> str:
        """Strict JSON text: ``nan`` and the infinities are the strings ``"nan"``, ``"inf"``, ``"-inf"``."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False, ensure_ascii=False)

    @classmethod
    def from_dict(cls: type[_T], data: Any) -> _T:
        """The inverse of ``to_dict``. Raises ValueError when the data is not of this kind."""
        try:
            return typing.cast(_T, _decode(cls, data))
        except (KeyError, TypeError, AttributeError) as problem:
            raise ValueError(f"This is not a saved {cls.__name__}: {problem}.") from problem

    @classmethod
    def from_json(cls: type[_T], text: str) -> _T:
        """The inverse of ``to_json``. Raises ValueError when the text is not JSON of this kind."""
        return cls.from_dict(json.loads(text))


@dataclass(frozen=True)
class Sample(_Json):
    """A look at a large array: ``counts`` of its elements in equal steps from min to max, and a small map.

    ``rows`` has a letter for every k-th row and column, at most 8 by 8: ``A`` to ``H`` above zero and ``a`` to
    ``h`` below, by size next to the largest, ``0`` for zero, ``!`` for nan and the infinities.
    """

    counts: tuple[int, ...]
    rows: tuple[str, ...]


@dataclass(frozen=True)
class Value(_Json):
    """A tensor as it is shown: the numbers themselves while they are few, otherwise what sums them up.

    ``numbers`` is flat and row-major, and None above nine elements; then ``stats`` holds min, mean, max and
    norm, and ``sample`` a histogram and a small map.
    ``text`` is how the value is written out: ``-12.``, ``[4.5, 4.5]``, ``20×30 float32, mean 0.12``;
    ``brief`` is the same where room is short (a box, an edge), at most 24 characters: ``-12.``, ``[4.5,
    4.5]``, ``20×30, mean 0.12``.
    """

    shape: tuple[int, ...]
    dtype: str
    text: str
    brief: str
    numbers: tuple[float | int | bool, ...] | None = None
    stats: dict[str, float] | None = None
    sample: Sample | None = None


@dataclass(frozen=True)
class Source(_Json):
    """The line of the lesson that made a node."""

    file: str
    line: int
    text: str


@dataclass(frozen=True)
class Node(_Json):
    """One box. ``id`` counts in traversal order from the outputs, so the same graph has the same ids."""

    id: str
    kind: str
    op: str = ""  # the node's own name, "MulBackward0"; empty for tensors
    title: str = ""  # what is written large: "Mul", or the variable's name
    word: str = ""  # the kind, in a word
    detail: str = ""  # the constants of an operation, "exponent = 3"
    name: str | None = None  # the learner's variable
    value: Value | None = None
    grad: Value | None = None  # .grad at drawing time
    source: Source | None = None
    group: str | None = None
    module: str | None = None  # the path of the innermost module it was made in, and its class, where that was noted

    def in_group(self, group: str) -> Node:
        """The same box in that group. ``dataclasses.replace`` takes ten times as long, and a graph may have many."""
        moved = object.__new__(Node)
        moved.__dict__.update(self.__dict__, group=group)
        return moved


@dataclass(frozen=True)
class Edge(_Json):
    """One argument slot, in the direction of the gradient: ``source`` is nearer the output than ``target``."""

    id: str
    source: str
    target: str
    slot: int = 0  # which argument of the source
    output_nr: int = 0  # which result of the target
    input_name: str = ""  # "self", "other", or "" when unknown
    constant: bool = False


@dataclass(frozen=True)
class Group(_Json):
    """Nodes that belong together.

    kind "module": made in one call of a module; "repeat": ``times`` times the same structure, each time a group
    inside it, a "turn" or a module; "part": a stretch of a long program; "ends": many leaves, or many outputs.
    """

    id: str
    title: str
    nodes: tuple[str, ...]  # all of them, also those of the groups inside this one
    kind: str = "module"
    detail: str = ""  # a module's class, or the operations in a part
    parent: str | None = None  # the group around this one
    times: int = 1


@dataclass(frozen=True)
class Graph(_Json):
    """Nodes and edges in traversal order; ``names`` maps the learner's variables to node ids."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    groups: tuple[Group, ...] = ()
    names: dict[str, str] = field(default_factory=dict)
    title: str = ""
    schema: str = GRAPH_SCHEMA

    def __post_init__(self) -> None:
        _check_schema(self.schema, GRAPH_SCHEMA)

    def node(self, node_id: str) -> Node:
        """The node with this id. Raises KeyError when there is none."""
        for node in self.nodes:
            if node.id == node_id:
                return node
        raise KeyError(node_id)


@dataclass(frozen=True)
class Rule(_Json):
    """A local derivative rule for one ``input`` of an op: as text, as LaTeX, and with numbers filled in."""

    input: str
    text: str
    latex: str
    filled: str


@dataclass(frozen=True)
class Event(_Json):
    """One thing that happened during backward.

    kind        node                 edge                numbers
    seed        the output           to its operation    ``out``: the gradient that starts it all
    call        the operation        None                ``gradient``: everything that arrived
    contribute  the operation        to the input        ``gradient`` in, ``out`` to that input (None: nothing)
    accumulate  the AccumulateGrad   to its leaf         ``before`` + ``delta`` = ``after``; before None: was None
    change      where it was found   None                ``gradient`` that was sent, ``out``: what arrives, after a hook
    retain      the operation        None                ``after``: .grad of its result, kept by retain_grad()
    reset       the leaf             None                ``before`` and ``after`` of .grad, changed by someone else
    free        the output           None                the saved values of the nodes in ``freed`` are gone
    error       where it happened    None                ``sentence`` holds the message

    ``sentence`` says the event in plain English; it is what a screen reader says.
    """

    index: int
    kind: str
    node: str
    edge: str | None = None
    gradient: Value | None = None
    out: Value | None = None
    rule: Rule | None = None
    before: Value | None = None
    delta: Value | None = None
    after: Value | None = None
    sentence: str = ""
    used: dict[str, str] | None = None  # call: the saved tensors that it needs, by argument
    received: tuple[Value | None, ...] | None = None  # call: what arrived for each result, where there are several
    summed: tuple[int, ...] | None = None  # contribute: the dimensions summed over to undo broadcasting
    product: Value | None = None  # contribute: what the rule gave before that sum, where it is known
    freed: tuple[str, ...] | None = None  # free: the nodes whose saved values are gone


@dataclass(frozen=True)
class Trace(_Json):
    """A graph and what backward did to it; ``passes`` are the first events of each backward call.

    ``graph`` shows the moment before the first event; a leaf's ``.grad`` afterwards is the ``after`` of its
    last accumulate event.
    """

    graph: Graph
    events: tuple[Event, ...]
    passes: tuple[int, ...] = ()
    error: str | None = None
    schema: str = TRACE_SCHEMA

    def __post_init__(self) -> None:
        _check_schema(self.schema, TRACE_SCHEMA)

    def text(self) -> str:
        """The trace as numbered sentences and a table of ``.grad``, for terminals and screen readers."""
        from .text import trace_text

        return trace_text(self)


@dataclass(frozen=True)
class Layout(_Json):
    """Where everything goes, in CSS pixels from the top left.

    ``boxes``: node id to (x, y, width, height). ``routes``: edge id to the points of a chain of cubic Bezier
    curves (1 + 3 k points), in the direction of the data: from the edge's ``target`` (top) to its ``source``
    (bottom), the last two points being the base and the tip of the arrow head. ``labels``: edge id to the
    middle of its label. ``gradients`` says that every box keeps a line free for a gradient that arrives
    later. ``frames``: the boxes around open groups, outer ones first.
    """

    width: float
    height: float
    boxes: dict[str, tuple[float, float, float, float]]
    routes: dict[str, tuple[tuple[float, float], ...]]
    labels: dict[str, tuple[float, float]] = field(default_factory=dict)
    gradients: bool = False
    frames: dict[str, tuple[float, float, float, float]] = field(default_factory=dict)


def _check_schema(found: str, wanted: str) -> None:
    if found != wanted:
        raise ValueError(f"This data says schema {found!r}; this version of teachgrad reads {wanted!r}.")


def _encode(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {f.name: _encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, (tuple, list)):
        return [_encode(item) for item in value]
    if isinstance(value, dict):
        return {key: _encode(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _decode(hint: Any, data: Any) -> Any:
    """Read ``data`` as the annotated type ``hint``: a dataclass, tuple, dict, optional, or plain value."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType or origin is typing.Union:
        if data is None:
            return None
        first = args[0]
        return _decode(float, data) if first is float else _decode(first, data)
    if dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        return hint(**{name: _decode(hints[name], item) for name, item in data.items()})  # type: ignore[operator]
    if origin is tuple:
        kinds = args[:1] * len(data) if args[-1] is Ellipsis else args
        return tuple(_decode(kind, item) for kind, item in zip(kinds, data, strict=True))
    if origin is dict:
        return {key: _decode(args[1], item) for key, item in data.items()}
    if hint is float and isinstance(data, str):
        return float(data)
    return data
