"""Writes the node of a table entry: a class whose `vjp` is the entry's rules, one expression per edge.

    class MulBackward0(Node):
        def vjp(node, grad, keep=True):
            self, other = node.saved                                # after checking that nothing was freed or changed
            grads = (grad * other._data, grad * self._data)
            ...                                                     # unless `keep`, free what was saved
            return grads if node.fit is None else _fitted(grads, node.fit)       # undo broadcasting and casts

`vjp_live` is the same on tensors, for `create_graph=True`.
"""

from __future__ import annotations

import re
from typing import Any

from teachgrad.autograd import graph
from teachgrad.gpu import MODULES
from teachgrad.ops.compiling import execute
from teachgrad.ops.table import LIVE, RAW, Op

_NAME = re.compile(r"\b[A-Za-z_]\w*")


def make_node(op: Op, *, by_number: bool) -> type[graph.Node]:
    """The node class of `op`, which compiles its rules when backward first meets it."""
    assert op.node_name is not None
    key = "number" if by_number else "tensor"

    def vjp(node: graph.Node, grad: Any, keep: bool = True) -> Any:
        cls.vjp = compile_rule(op, by_number, live=False)  # type: ignore[method-assign]
        return cls.vjp(node, grad, keep)

    def vjp_live(node: graph.Node, grad: Any, keep: bool = True) -> Any:
        cls.vjp_live = compile_rule(op, by_number, live=True)  # type: ignore[method-assign]
        return cls.vjp_live(node, grad, keep)

    slots = []
    if "result" in op.saved:
        slots.append("owner")  # a weak reference to the result, whose version number it is
    if shared(op):
        slots.append("owners")  # the same for parts of the result, which nobody has changed yet
    body: dict[str, Any] = {
        "__module__": "builtins",  # prints as PyTorch's: <MulBackward0 object at 0x...>
        "vjp": vjp,
        "vjp_live": vjp_live,
        "uncompiled": (vjp, vjp_live),
        "apart": not op.list_input,
        "saved_names": op.saved,
        "keeps": op.keeps,
        "tensor_names": frozenset(n for n in op.saved if n in op.inputs or n in op.outputs),
        "outputs": len(op.tracked),
    }
    compared = checked(op, by_number)
    if "result" in compared:
        body["result_shift"] = 32 * compared.index("result")
    body["owned"] = tuple(op.tracked.index(n) if n in op.tracked else None for n in shared(op))
    if op.list_output:
        slots.append("outputs")
        del body["outputs"]
    body["__slots__"] = tuple(slots)
    cls: type[graph.Node] = type(op.node_name, (graph.Node,), body)
    op.nodes[key] = RAW[node_key(op, by_number)] = cls
    return cls


def node_key(op: Op, by_number: bool) -> str:
    """The name by which the generated code finds the node class."""
    return f"{op.node_name}__{op.identifier}{'_number' if by_number else ''}"


def version(tensor: str) -> str:
    """An expression for the version number of the tensor with this name."""
    return f"({tensor}._changes if {tensor}._view is None else {tensor}._view.owner._changes)"


def checked(op: Op, by_number: bool) -> list[str]:
    """The saved tensors whose version numbers a node compares, in the order in which it packs them."""
    inputs = [] if op.list_input else [n for n in op.inputs if not (by_number and n == "other")]
    return [n for n in op.saved if n in inputs or n == "result"]


def shared(op: Op) -> list[str]:
    """The parts of the result that a node saves: if the lesson changes one in place, backward would go wrong."""
    return [] if op.list_output else [n for n in op.saved if n in op.outputs and n != "result"]


def packed(terms: list[str]) -> str:
    """Version numbers side by side in one int, 32 bits each: one comparison checks them all."""
    return " + ".join(f"({term} << {32 * i})" if i else term for i, term in enumerate(terms)) or "0"


def compile_rule(op: Op, by_number: bool, *, live: bool) -> Any:
    """The node's `vjp` (arrays) or `vjp_live` (tensors)."""
    one_kernel = ""
    if MODULES and not live:
        from teachgrad.ops import fusing

        one_kernel = fusing.rule_of(op, node_key(op, by_number))
    source = rule_source(op, by_number=by_number, live=live, one_kernel=one_kernel)
    return execute(op, source, LIVE if live else RAW, "vjp_live" if live else "vjp")


def rule_source(op: Op, *, by_number: bool, live: bool = False, one_kernel: str = "") -> str:
    """The rules of one node as a method: check that nothing saved was freed or changed, then one expression per edge.

    Once a GPU is in use, `one_kernel` names the expressions as a function, which `fusing.py` runs as one kernel there.
    """
    given = "grads" if len(op.tracked) > 1 or op.list_output else "grad"
    lines = [f"def vjp{'_live' if live else ''}(node, {given}, keep=True):"]
    if given == "grads":  # the engine makes a list only when a gradient for an output beyond the first arrives
        others = "[None] * (node.outputs - 1)" if op.list_output else f"[{', '.join(['None'] * (len(op.tracked) - 1))}]"
        lines += ["    if grads.__class__ is not list:", f"        grads = [grads] + {others}"]
    numbers = {"other"} if by_number else set()
    if op.saved:
        lines += ["    saved = node.saved", "    if saved is None:", "        raise _freed()"]
        lines += [f"    {', '.join(op.saved)}{',' if len(op.saved) == 1 else ''} = saved"]
    now = []
    for i, n in enumerate(checked(op, by_number)):
        if n == "result":
            lines += ["    owner = node.owner()"]
            now += [f"((node.versions >> {32 * i}) & 0xFFFFFFFF if owner is None else {version('owner')})"]
        else:
            now += [f"(0 if {n} is None else {version(n)})"]
    if shared(op):
        lines += ["    for owner in node.owners:", "        part = owner()"]
        lines += [f"        if part is not None and {version('part')}:", "            raise _stale(node)"]
    if op.list_input and op.inputs[0] in op.saved:
        lines += [f"    if _versions_of({op.inputs[0]}) != node.versions:", "        raise _stale(node)"]
    if now:
        lines += [f"    if {packed(now)} != node.versions:", "        raise _stale(node)"]

    def translate(match: re.Match[str]) -> str:
        n = match[0]
        if n not in op.saved or n in numbers:
            return n
        if n in op.inputs:
            if live:
                return n
            if op.list_input:
                return f"[tensor._data for tensor in {n}]"
            return f"(None if {n} is None else {n}._data)" if op.is_optional(n) else f"{n}._data"
        if not live or n not in op.outputs:
            return n
        return f"_result_of(node, {n}, {op.tracked.index(n)})" if n in op.tracked else f"_wrap({n})"

    rules = [_NAME.sub(translate, op.rules[n]) for n in op.inputs if n in op.rules]
    if one_kernel:
        values = [n if n in numbers or n not in op.inputs else f"None if {n} is None else {n}._data" for n in op.saved]
        wanted = ", ".join(f"edges[{i}] is not None" for i in range(len(rules)))
        edges = "(True,)"
        if len(rules) > 1:
            lines += ["    edges = node.edges"]
            edges = f"({wanted})"
        lines += [f"    grads = _in_one_kernel({', '.join((one_kernel, edges, 'grad', *values))})"]
    elif op.list_input:
        lines += [f"    grads = {rules[0]}"]
    elif len(rules) == 1:
        lines += [f"    grads = ({rules[0]},)"]
    else:
        lines += ["    edges = node.edges", "    grads = ("]
        lines += [f"        {rule} if edges[{i}] is not None else None," for i, rule in enumerate(rules)]
        lines += ["    )"]
    if any(n in op.inputs or n in op.outputs or n in op.keeps for n in op.saved):
        lines += ["    if not keep:", "        node.saved = None"]
    fitted = "_fitted_live" if live else "_fitted"
    return "\n".join([*lines, f"    return grads if node.fit is None else {fitted}(grads, node.fit)"]) + "\n"
