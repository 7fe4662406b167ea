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

from .capture import capture, name_of, saved
from .model import Node
from .naming import Params, is_tensor, namer
from .values import visible

if TYPE_CHECKING:
    from graphviz import Digraph

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
    the base that it is a view of. Orange: a tensor saved for backward, if ``show_saved``. ``show_attrs`` lists what
    each node saved, each value in at most ``max_attr_chars`` characters.

    Raises TypeError when ``var`` is no tensor, RuntimeError when the graphviz package is missing.
    """
    outputs = var if isinstance(var, tuple) else (var,)
    for tensor in outputs:
        if not is_tensor(tensor):
            raise TypeError(f"make_dot draws a tensor or a tuple of tensors; got {type(tensor).__name__}.")
    look = {"style": "filled", "shape": "box", "align": "left", "fontsize": "10", "ranksep": "0.1"}
    dot = _digraph(node_attr={**look, "height": "0.2", "fontname": "monospace"})
    names = namer({}, params, None)
    ids: dict[Any, str] = {}

    def box(thing: Any) -> tuple[str, bool]:
        """The id of a node or tensor, and whether it is new."""
        key = id(thing) if is_tensor(thing) else thing
        names.held.append(thing)  # while it is held, its id is its own
        is_new = key not in ids
        return ids.setdefault(key, f"n{len(ids)}"), is_new

    def tensor_box(tensor: Any, colour: str, name: str = "") -> str:
        name_, is_new = box(tensor)
        if is_new:
            shape = ", ".join(str(int(size)) for size in tensor.shape)
            dot.node(name_, _label(f"{name or names.of(tensor) or ''}\n ({shape})"), fillcolor=colour)
        return name_

    for output in outputs:
        at, is_base = tensor_box(output, "darkolivegreen1"), False
        tensor = output
        while True:
            if tensor.grad_fn is not None:
                dot.edge(box(tensor.grad_fn)[0], at)
                ids.pop(tensor.grad_fn, None) if False else None
            if is_base or not getattr(tensor, "_is_view", bool)():
                break
            tensor, is_base = tensor._base, True
            base = tensor_box(tensor, "darkolivegreen3")
            dot.edge(base, at, style="dotted")
            at = base
    done: set[Any] = set()
    todo = [thing for thing in list(ids) if not isinstance(thing, int)][::-1]
    while todo:
        node = todo.pop()
        if node in done:
            continue
        done.add(node)
        at, _ = box(node)
        kept = saved(node)
        dot.node(at, _label(_with_attributes(node, kept, max_attr_chars) if show_attrs else type(node).__name__))
        if name_of(node) == "AccumulateGrad":
            dot.edge(tensor_box(node.variable, "lightblue"), at)
        for name, tensor in _saved_tensors(kept) if show_saved else ():
            dot.edge(at, tensor_box(tensor, "orange", name), dir="none")
        for tensor in _custom(node):
            dot.edge(tensor_box(tensor, "orange"), at, dir="none")
        further = [target for target, _ in node.next_functions if target is not None]
        for target in further:
            dot.edge(box(target)[0], at)
        todo.extend(reversed(further))
    size = max(12, 0.15 * len(dot.body))  # inches; a large graph gets more room
    dot.graph_attr["size"] = f"{size:g},{size:g}"
    return dot


def _with_attributes(node: Any, kept: dict[str, Any], most: int) -> str:
    """The node's name over a table of what it saved, tensors without their numbers."""
    shown = {}
    for name, value in kept.items():
        several = isinstance(value, tuple) and any(map(is_tensor, value))
        shown[name] = "[saved tensor]" if is_tensor(value) else "[saved tensors]" if several else str(value)
    title = type(node).__name__
    if not shown:
        return title
    left = max(map(len, shown))
    right = min(max(map(len, shown.values())), max(most, 3))
    short = {name: text if len(text) <= right else f"{text[: right - 3]}..." for name, text in shown.items()}
    rule = "-" * max(left + right + 2, len(title))
    return "\n".join([title, rule, *(f"{name:<{left}}: {text:>{right}}" for name, text in short.items())])


def _saved_tensors(kept: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in kept.items():
        if is_tensor(value):
            yield name, value
        elif isinstance(value, tuple):
            yield from ((f"{name}[{i}]", item) for i, item in enumerate(value) if is_tensor(item))


def _custom(node: Any) -> tuple[Any, ...]:
    """What a Function of the learner's own has saved; these are always drawn."""
    try:
        return tuple(tensor for tensor in getattr(node, "saved_tensors", ()) if is_tensor(tensor))
    except RuntimeError:  # freed
        return ()


def draw_dot(root: Any, format: str = "svg", rankdir: str = "LR") -> Digraph:
    """The graph behind ``root`` in micrograd's look, from the leaves on the left to ``root`` on the right.

    Every tensor that is known is a box ``name | data | grad``; what no name and no node holds any more has no
    number to show and says so. Raises ValueError unless ``rankdir`` is "LR" or "TB".
    """
    if rankdir not in ("LR", "TB"):
        raise ValueError(f"rankdir must be 'LR' or 'TB', not {rankdir!r}.")
    graph = capture([root], namer(None, None, sys._getframe(1))).graph
    dot = _digraph(format=format, graph_attr={"rankdir": rankdir})
    nodes = {node.id: node for node in graph.nodes}
    leaf = {edge.source: edge.target for edge in graph.edges if nodes[edge.source].kind == "accumulate"}
    result = {edge.target: edge.source for edge in graph.edges if nodes[edge.source].kind == "output"}
    for node in graph.nodes:
        if node.kind not in ("accumulate", "output") or node.id in leaf:
            if node.kind == "op":
                output = nodes.get(result.get(node.id, ""), node)
                dot.node(node.id, _label(_record(output)), shape="record")
                dot.node(f"{node.id}op", _label(_symbol(node)))
                dot.edge(f"{node.id}op", node.id)
            elif node.kind != "accumulate":
                dot.node(node.id, _label(_record(node)), shape="record")
    for edge in graph.edges:
        if nodes[edge.source].kind == "op":
            dot.edge(leaf.get(edge.target, edge.target), f"{edge.source}op")
    return dot


def _record(node: Node) -> str:
    def number(value: Any) -> str:
        if value is None:
            return "None"
        is_scalar = value.shape == () and value.numbers is not None and isinstance(value.numbers[0], float)
        return f"{value.numbers[0]:.4f}" if is_scalar else str(value.brief)

    name = node.name or (node.title if node.kind != "op" and node.title != "(no name)" else "")
    data = number(node.value) if node.value is not None else "not kept"
    fields = (name, f"data {data}", f"grad {number(node.grad)}")
    return "{ " + " | ".join(_plain(field) for field in fields) + " }"


def _plain(text: str) -> str:
    """Text inside a record, where braces, bars and angles would make fields."""
    return "".join(f"\\{char}" if char in "{}|<>\\" else char for char in text)


def _symbol(node: Node) -> str:
    symbol = _SYMBOLS.get(node.title, node.title.lower())
    constant = node.detail.rpartition(" = ")[2] if node.title in _SYMBOLS else ""
    return f"{symbol}{constant}"


def _label(text: str) -> str:
    return text


def _digraph(**how: Any) -> Digraph:
    """A graphviz.Digraph that shows itself in a notebook also where Graphviz is not installed."""
    try:
        import graphviz
    except ImportError as problem:
        raise RuntimeError("make_dot and draw_dot need the graphviz package: pip install graphviz.") from problem
    from .layout import embedded

    class Picture(graphviz.Digraph):  # type: ignore[misc]
        def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **_: Any) -> dict[str, str]:
            return {"image/svg+xml": embedded.run(self.source, "svg"), "text/plain": self.source}

    return Picture(**how)


__all__ = ["draw_dot", "make_dot", "visible"]
