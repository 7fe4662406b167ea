"""Graphs and traces in words: for terminals, for logs, and for readers who listen."""

from __future__ import annotations

from .model import Edge, Graph, Node, Trace, Value
from .values import visible


def graph_text(graph: Graph) -> str:
    """One line per node, indented under the node that uses it; a node met again is only referred to.

    Q = [-12., 65.] (output)
      SubBackward0
        MulBackward0: other = 3
    """
    nodes = {node.id: node for node in graph.nodes}
    onward: dict[str, list[Edge]] = {}
    for edge in graph.edges:
        onward.setdefault(edge.source, []).append(edge)
    used = {edge.target for edge in graph.edges}
    lines = [visible(f"{graph.title}:")] if graph.title else []
    written: set[str] = set()
    todo: list[tuple[str, int, str]] = [(node.id, 0, "") for node in reversed(graph.nodes) if node.id not in used]
    while todo:
        node_id, depth, argument = todo.pop()
        again = node_id in written
        lead = "  " * depth + (f"{argument}: " if argument else "")
        line = f"{lead}{_line(nodes[node_id])}{' (see above)' if again and node_id in onward else ''}"
        lines.append(visible(line))
        if again:
            continue
        written.add(node_id)
        edges = onward.get(node_id, [])
        several = len(edges) > 1
        todo.extend((edge.target, depth + 1, edge.input_name if several else "") for edge in reversed(edges))
    return "\n".join(lines) + "\n"


def trace_text(trace: Trace) -> str:
    """Numbered sentences, one per event, and the leaves' ``.grad`` before and after as a table at the end."""
    lines = []
    starts = {start: number for number, start in enumerate(trace.passes, 1)}
    for event in trace.events:
        if event.index in starts and len(starts) > 1:
            lines.append(f"backward() number {starts[event.index]}")
        lines.append(f"{event.index + 1:3}. {event.sentence}")
    table = [(f"{node.title}.grad", _said(before), _said(after)) for node, before, after in _gradients(trace)]
    if table:
        head = ("leaf", "before", "after")
        widths = [max(len(row[i]) for row in [head, *table]) for i in range(3)]
        lines.append("")
        lines += [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in [head, *table]
        ]
    return "\n".join(lines) + "\n"


def describe(node: Node) -> str:
    """One node in a sentence without a verb: what a screen reader says on it, and a tooltip shows."""
    if node.kind == "group":
        return "; ".join(filter(None, (f"group {node.title}", node.word, node.detail)))
    parts = [f"{node.word} {node.title}" if node.kind != "op" else f"{node.word} {node.op}"]
    if node.detail:
        parts.append(node.detail)
    if node.value is not None:
        parts.append(f"{node.name or 'value'} = {node.value.text}")
    elif node.kind == "op" and node.name:
        parts.append(f"makes {node.name}")
    if node.value is not None and node.value.stats:
        stats = ", ".join(f"{name} {number:.4g}" for name, number in node.value.stats.items())
        parts.append(f"{'×'.join(map(str, node.value.shape))}: {stats}")
    if node.grad is not None:
        parts.append(f"grad = {node.grad.text}")
    if node.module:
        parts.append(f"module {node.module}")
    if node.source is not None:
        parts.append(made_by(node))
    return "; ".join(parts)


def made_by(node: Node) -> str:
    """``line 4: y = a * b``: the line of the lesson that made the node, or nothing."""
    return f"line {node.source.line}: {node.source.text}" if node.source else ""


def _line(node: Node) -> str:
    value = f" = {node.value.text}" if node.value is not None else ""
    grad = f", grad {node.grad.text}" if node.grad is not None else ""
    if node.kind == "group":
        return f"{node.title} ({node.word})"
    if node.kind != "op":
        word = "" if node.kind == "accumulate" else f" ({node.word})"
        return f"{node.title}{value}{grad}{word}"
    known = f" -> {node.name or 'result'}{value}" if node.name or node.value is not None else ""
    made = "; ".join(filter(None, (f"module {node.module}" if node.module else "", made_by(node))))
    line = f"  ({made})" if made else ""
    return f"{node.op}{f' [{node.detail}]' if node.detail else ''}{known}{grad}{line}"


def _gradients(trace: Trace) -> list[tuple[Node, Value | None, Value | None]]:
    """Each leaf that wants a gradient, with its ``.grad`` before and after everything in the trace."""
    edges = {edge.id: edge for edge in trace.graph.edges}
    after: dict[str, Value | None] = {}
    for event in trace.events:
        if event.kind == "accumulate" and event.edge is not None:
            after[edges[event.edge].target] = event.after
        elif event.kind == "reset":
            after[event.node] = event.after
    leaves = [node for node in trace.graph.nodes if node.kind in ("leaf", "parameter")]
    return [(node, node.grad, after.get(node.id, node.grad)) for node in leaves]


def _said(value: Value | None) -> str:
    return "None" if value is None else value.text
