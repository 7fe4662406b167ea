"""Pictures in the look of two well-known programs, for lessons that were written with them.

    make_dot(loss, params=...)   as torchviz draws: grey operations, blue leaves, green outputs, orange saved tensors
    draw_dot(loss)               as micrograd draws: boxes ``name | data | grad`` and round operations

Both return a ``graphviz.Digraph``, so ``.source``, ``.save()`` and, with Graphviz installed, ``.render()`` work as
usual. In a notebook it shows itself without Graphviz, too. Ids count up, so the same graph gives the same text.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .capture import NO_NAME, capture, name_of, saved
from .model import Node, Value
from .naming import Params, is_tensor, namer
from .values import shorten, visible

if TYPE_CHECKING:
    from graphviz import Digraph

# The attributes that torchviz gives to every box.
_BOX = {
    "style": "filled",
    "shape": "box",
    "align": "left",
    "fontsize": "10",
    "ranksep": "0.1",
    "height": "0.2",
    "fontname": "monospace",
}
_SYMBOLS = {"Add": "+", "Sub": "-", "Mul": "*", "Div": "/", "Pow": "**", "Neg": "-"}
_SYMBOLS |= dict.fromkeys(("Bmm", "Dot", "Mm", "Mv"), "@")


def make_dot(
    var: Any,
    params: Params | None = None,
    show_attrs: bool = False,
    show_saved: bool = False,
    max_attr_chars: int = 50,
) -> Digraph:
    """The graph behind ``var`` (a tensor or a tuple of tensors), drawn as torchviz's ``make_dot`` does.

    Grey: a backward node. Blue: a leaf, with its name in ``params`` and its shape. Green: an output, or, darker,
    the base that it is a view of. Orange: a tensor saved for backward, if ``show_saved`` (those of the learner's
    own Functions always). ``show_attrs`` lists what each node saved, in at most ``max_attr_chars`` characters each.

    Raises TypeError when ``var`` is no tensor, RuntimeError when the graphviz package is missing.
    """
    outputs = var if isinstance(var, tuple) else (var,)
    for tensor in outputs:
        if not is_tensor(tensor):
            raise TypeError(f"make_dot draws a tensor or a tuple of tensors; got {type(tensor).__name__}.")
    picture = _Torchviz(params)
    for tensor in outputs:
        picture.output(tensor)
    picture.walk(show_attrs, show_saved, max_attr_chars)
    size = max(12, 0.15 * len(picture.dot.body))  # inches; a large graph gets more room
    picture.dot.graph_attr["size"] = f"{size:g},{size:g}"
    return picture.dot


class _Torchviz:
    """The picture while it is being drawn."""

    def __init__(self, params: Params | None) -> None:
        self.dot = _digraph(node_attr=_BOX)
        self.names = namer({}, params, None)
        self.ids: dict[Any, str] = {}
        self.held: list[Any] = []  # everything that has an id, so that no other thing gets it
        self.todo: list[Any] = []

    def id_of(self, thing: Any) -> str:
        """What a node or a tensor is called in the picture."""
        self.held.append(thing)
        return self.ids.setdefault(id(thing) if is_tensor(thing) else thing, f"n{len(self.ids)}")

    def tensor(self, tensor: Any, colour: str, name: str = "") -> str:
        """A box with a tensor's name and shape, made once."""
        is_new = id(tensor) not in self.ids
        box = self.id_of(tensor)
        if is_new:
            shape = ", ".join(str(int(size)) for size in tensor.shape)
            label = f"{name or self.names.of(tensor) or ''}\n ({shape})"
            self.dot.node(box, _label(label), fillcolor=colour)
        return box

    def output(self, tensor: Any) -> None:
        """An output, and if it is a view, what it is a view of."""
        box = self.tensor(tensor, "darkolivegreen1")
        while tensor.grad_fn is not None:
            self.dot.edge(self.id_of(tensor.grad_fn), box)
            self.todo.append(tensor.grad_fn)
            if not tensor._is_view():
                return
            tensor = tensor._base
            base = self.tensor(tensor, "darkolivegreen3")
            self.dot.edge(base, box, style="dotted")
            box = base

    def walk(self, show_attrs: bool, show_saved: bool, max_attr_chars: int) -> None:
        """The nodes behind the outputs."""
        done: set[Any] = set()
        while self.todo:
            node = self.todo.pop()
            if node in done:
                continue
            done.add(node)
            box = self.id_of(node)
            kept = saved(node) if show_attrs or show_saved else {}
            title = type(node).__name__
            self.dot.node(box, _label(_table(title, kept, max_attr_chars) if show_attrs else title))
            if name_of(node) == "AccumulateGrad":
                self.dot.edge(self.tensor(node.variable, "lightblue"), box)
            for name, tensor in _saved_tensors(kept) if show_saved else ():
                self.dot.edge(box, self.tensor(tensor, "orange", name), dir="none")
            for tensor in _saved_by_function(node):
                self.dot.edge(self.tensor(tensor, "orange"), box, dir="none")
            further = [target for target, _ in node.next_functions if target is not None]
            for target in further:
                self.dot.edge(self.id_of(target), box)
            self.todo.extend(reversed(further))


def _table(title: str, kept: dict[str, Any], most: int) -> str:
    """A node's name over what it saved, one argument a line, tensors without their numbers."""
    if not kept:
        return title
    texts = {}
    for name, value in kept.items():
        several = isinstance(value, tuple) and any(map(is_tensor, value))
        texts[name] = "[saved tensor]" if is_tensor(value) else "[saved tensors]" if several else str(value)
    left = max(map(len, texts))
    right = min(max(map(len, texts.values())), max(most, 3))
    short = {name: text if len(text) <= right else f"{text[: right - 3]}..." for name, text in texts.items()}
    rule = "-" * max(left + right + 2, len(title))
    return "\n".join([title, rule, *(f"{name:<{left}}: {text:>{right}}" for name, text in short.items())])


def _saved_tensors(kept: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in kept.items():
        if is_tensor(value):
            yield name, value
        elif isinstance(value, tuple):
            yield from ((f"{name}[{i}]", item) for i, item in enumerate(value) if is_tensor(item))


def _saved_by_function(node: Any) -> tuple[Any, ...]:
    try:
        return tuple(tensor for tensor in getattr(node, "saved_tensors", ()) if is_tensor(tensor))
    except RuntimeError:  # freed
        return ()


def draw_dot(root: Any, format: str = "svg", rankdir: str = "LR") -> Digraph:
    """The graph behind ``root`` in micrograd's look, from the leaves on the left to ``root`` on the right.

    Every tensor is a box ``name | data | grad``. One that has no name, and that no node has saved, is not there any
    more to be asked for its number, and its box says "not kept". Raises ValueError unless ``rankdir`` is "LR" or
    "TB", TypeError when ``root`` is no tensor.
    """
    if rankdir not in ("LR", "TB"):
        raise ValueError(f"rankdir must be 'LR' or 'TB', not {rankdir!r}.")
    graph = capture([root], namer(None, None, sys._getframe(1))).graph
    dot = _digraph(format=format, graph_attr={"rankdir": rankdir})
    nodes = {node.id: node for node in graph.nodes}
    tensor_of = {}  # an operation's result where it was drawn, an AccumulateGrad's leaf
    for edge in graph.edges:
        if nodes[edge.source].kind == "output":
            tensor_of[edge.target] = edge.source
        elif nodes[edge.source].kind == "accumulate":
            tensor_of[edge.source] = edge.target
    for node in graph.nodes:
        if node.kind == "op":
            dot.node(f"{node.id}op", _label(_symbol(node)))
            dot.edge(f"{node.id}op", tensor_of.get(node.id, node.id))
        if node.kind != "accumulate" and node.id not in tensor_of:
            dot.node(node.id, _record(node), shape="record")
    for edge in graph.edges:
        if nodes[edge.source].kind == "op":
            dot.edge(tensor_of.get(edge.target, edge.target), f"{edge.source}op")
    return dot


def _record(node: Node) -> str:
    name = node.name or (node.title if node.kind != "op" and node.title != NO_NAME else "")
    fields = (name, f"data {_number(node.value, 'not kept')}", f"grad {_number(node.grad, 'None')}")
    # Braces, bars and angles would make fields.
    plain = ("".join(f"\\{char}" if char in "{}|<>" else char for char in _label(field)) for field in fields)
    return f"{{ {' | '.join(plain)} }}"


def _number(value: Value | None, missing: str) -> str:
    if value is None:
        return missing
    if value.shape == () and value.numbers and isinstance(value.numbers[0], float):
        return f"{value.numbers[0]:.4f}"
    return value.brief


def _symbol(node: Node) -> str:
    constant = node.detail.rpartition(" = ")[2] if node.title in _SYMBOLS else ""
    return _SYMBOLS.get(node.title, node.title.lower()) + constant


def _label(text: str) -> str:
    """A label that shows this text: no escape, no entity, no markup."""
    lines = (shorten(visible(line), 200).replace("\\", "\\\\").replace("&", "&amp;") for line in text.split("\n"))
    label = "\n".join(lines)
    return f"{label} " if label.startswith("<") and label.endswith(">") else label


def _digraph(**how: Any) -> Digraph:
    """A graphviz.Digraph that shows itself in a notebook also where Graphviz is not installed."""
    try:
        import graphviz
    except ImportError as problem:
        raise RuntimeError("make_dot and draw_dot need the graphviz package: pip install graphviz.") from problem
    from .layout import embedded

    class Picture(graphviz.Digraph):  # type: ignore[misc]
        def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **_: Any) -> dict[str, str]:
            source = self.source.replace("fontname=monospace", "fontname=Courier")  # whose widths it knows
            return {"image/svg+xml": embedded.run(source, "svg"), "text/plain": self.source}

    return Picture(**how)
