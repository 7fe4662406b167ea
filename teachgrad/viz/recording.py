"""Watching ``backward()`` through node hooks: what arrives, what leaves by each edge, what each leaf adds up.

The hooks only look. They return None, so the numbers stay what they are, and they keep written-out values
instead of tensors, so memory and the freeing of saved values stay what they are too.
"""

from __future__ import annotations

import functools
import math
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .around import Around
from .capture import Captured, capture, is_freed, name_of, saved, signed
from .formulas import Rules, rule_for, written
from .model import Edge, Event, Graph, Node, Rule, Trace, Value
from .naming import Namer, Names, Params, is_tensor, namer
from .text import made_by
from .values import plain, value_of, visible

if TYPE_CHECKING:
    from .html import Player


class record:  # noqa: N801  a context manager reads as a verb
    """Record every backward pass over the graphs of ``tensors`` that runs inside the block.

        with viz.record(loss) as r:
            loss.backward()
        print(r.trace.text())

    ``names`` and ``params`` name the boxes as in :func:`draw`; ``rules`` replaces the rule book. When the
    block raises, the trace ends in an "error" event and the exception goes on. Hooks are gone when the block
    ends. Without tensors, whichever ``backward()`` is called inside the block is recorded (see ``around.py``).
    """

    def __new__(
        cls, *tensors: Any, names: Names | Namer | None = None, params: Params | None = None, rules: Rules | None = None
    ) -> Any:
        """A recorder; without tensors, one that waits for ``backward()`` to be called."""
        if tensors:
            return super().__new__(cls)
        return Around(functools.partial(record, rules=rules), names if not isinstance(names, Namer) else None, params)

    def __init__(
        self,
        *tensors: Any,
        names: Names | Namer | None = None,
        params: Params | None = None,
        rules: Rules | None = None,
    ) -> None:
        if not isinstance(names, Namer):
            names = namer(names, params, sys._getframe(1) if names is None else None)
        self._captured: Captured | None = capture(tensors, names, rules=rules)
        self._graph: Graph = self._captured.graph
        self._rules = rules
        self._nodes: dict[str, Node] = {node.id: node for node in self._graph.nodes}
        self._out: dict[str, list[Edge]] = {}  # edges towards the leaves, by source
        for edge in self._graph.edges:
            self._out.setdefault(edge.source, []).append(edge)
        self._events: list[Event] = []
        self._passes: list[int] = []
        self._error: str | None = None
        self._handles: list[Any] = []
        self._called: set[str] = set()  # in this pass
        self._waiting: set[str] = set()  # reached by a gradient in this pass, not called yet
        self._rules_now: dict[tuple[str, str], Rule | None] = {}  # read while the saved values are there
        self._before: dict[str, Value | None] = {}
        self._running: str | None = None
        self._freed = False

    @property
    def trace(self) -> Trace:
        """Everything recorded so far."""
        return Trace(self._graph, tuple(self._events), tuple(self._passes), self._error)

    def player(self) -> Player:
        """The recorded passes, to step through in a notebook or to save."""
        from .html import Player
        from .layout import place

        return Player(self.trace, place(self._graph, self.trace))

    def __enter__(self) -> record:
        if self._captured is None:
            raise RuntimeError("This recorder has been used; make a new one with viz.record(...).")
        try:
            for node_id, node in self._captured.nodes.items():
                leaf = self._captured.leaves.get(node_id)
                before, after = self._hooks(node_id, node) if leaf is None else self._leaf_hooks(node_id, *leaf)
                self._handles.append(node.register_prehook(before))
                self._handles.append(node.register_hook(after))
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, where: TracebackType | None
    ) -> None:
        self._remove()
        if problem is None:
            self._see_freed()
        elif isinstance(problem, Exception):
            self._error = visible(str(problem)) or type(problem).__name__
            at = self._running or self._graph.nodes[0].id
            self._add("error", at, sentence=f"{self._says(at)}: {type(problem).__name__}: {self._error}")
        self._captured = None  # the graph may be freed now, with the learner's own last reference

    def _remove(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    # What the hooks note down

    def _hooks(self, node_id: str, node: Any) -> tuple[Any, Any]:
        edges = [edge for edge in self._out.get(node_id, ()) if not edge.constant]

        def before(grad_outputs: tuple[Any, ...]) -> None:
            arrived = _first(grad_outputs)
            self._enter(node_id, arrived)
            self._read_rules(node_id, node, edges, arrived)
            self._running = node_id
            # A node with several results gets a gradient for each that was used.
            received = " and ".join(_say(value_of(g)) for g in grad_outputs if g is not None) or "nothing"
            made = f" It was made by {line}" if (line := made_by(self._nodes[node_id])) else ""
            sentence = f"{self._says(node_id)} receives {received}.{made}"
            self._add("call", node_id, gradient=arrived, sentence=sentence)

        def after(grad_inputs: tuple[Any, ...], grad_outputs: tuple[Any, ...]) -> None:
            self._running = None
            for edge in edges:
                gradient = grad_inputs[edge.slot] if edge.slot < len(grad_inputs) else None
                if gradient is not None:
                    self._waiting.add(edge.target)
                self._contribute(edge, _first(grad_outputs), gradient)

        return before, after

    def _leaf_hooks(self, node_id: str, leaf_id: str, leaf: Any) -> tuple[Any, Any]:
        (edge,) = self._out[node_id]

        def before(grad_outputs: tuple[Any, ...]) -> None:
            self._enter(node_id, _first(grad_outputs))
            self._before[node_id] = None if leaf.grad is None else value_of(leaf.grad)

        def after(_: tuple[Any, ...], grad_outputs: tuple[Any, ...]) -> None:
            delta = _first(grad_outputs)
            if delta is not None:
                self._accumulate(node_id, edge.id, leaf_id, self._before.pop(node_id, None), delta, leaf)

        return before, after

    def _contribute(self, edge: Edge, arrived: Value | None, gradient: Any) -> None:
        out = None if gradient is None else value_of(gradient)
        rule = self._rules_now.pop((edge.source, edge.id), None)
        sends = f"{self._says(edge.source)} sends {_say(out)} to {self._says(edge.target)}"
        if rule is not None and out is not None:
            # The rule works on the broadcast shape; the edge sums back to the shape of the input.
            summed = f", summed to shape {out.shape}" if _is_summed(rule, arrived, out) else ""
            numbers = f" = {rule.filled}" if rule.filled != rule.text else ""
            sends = f"{sends}: {rule.text}{numbers}{summed}"
            rule = replace(rule, filled=f"{rule.filled}{summed} = {written(out)}")
        self._add("contribute", edge.source, edge.id, gradient=arrived, out=out, rule=rule, sentence=f"{sends}.")

    def _accumulate(
        self, at: str, edge: str | None, leaf_id: str, before: Value | None, delta: Value, leaf: Any
    ) -> None:
        after = value_of(leaf.grad)
        name = f"{self._nodes[leaf_id].title}.grad"
        if before is None:
            sentence = f"{name} was None and becomes {_say(after)}."
        else:
            sentence = f"{name} was {_say(before)}; plus {_say(delta)} it becomes {_say(after)}."
        self._add("accumulate", at, edge, before=before, delta=delta, after=after, sentence=sentence)

    # Where one pass ends and the next begins: nobody says so, but a pass calls a node once at most, and has
    # no more to do when no gradient is waiting.

    def _enter(self, node_id: str, arrived: Value | None) -> None:
        is_root = node_id not in self._waiting
        if node_id in self._called or (is_root and not self._waiting):
            self._see_freed()
            self._passes.append(len(self._events))
            self._called.clear()
            self._waiting.clear()
        self._called.add(node_id)
        self._waiting.discard(node_id)
        if is_root:
            self._seed(node_id, arrived)

    def _seed(self, node_id: str, arrived: Value | None) -> None:
        outputs = [e for e in self._graph.edges if e.target == node_id and self._nodes[e.source].kind == "output"]
        # A pass may also start inside the graph, at a tensor that was not drawn, or at a leaf itself.
        start, edge = (outputs[0].source, outputs[0].id) if outputs else (node_id, None)
        sentence = f"backward() starts at {self._says(start)} with the gradient {_say(arrived)}."
        self._add("seed", start, edge, out=arrived, sentence=sentence)

    def _see_freed(self) -> None:
        """Note that the pass that just ended let go of the saved values."""
        if self._freed or self._captured is None or not self._called:
            return
        ops = (node for node_id, node in self._captured.nodes.items() if node_id in self._called)
        if any(is_freed(node) for node in ops):
            self._freed = True
            sentence = "The saved values are freed: to run backward() again, this one needs retain_graph=True."
            self._add("free", self._graph.nodes[0].id, sentence=sentence)

    def _read_rules(self, node_id: str, node: Any, edges: list[Edge], arrived: Value | None) -> None:
        kept = {name: _known(value) for name, value in saved(node).items()}
        result = self._nodes[node_id].value
        values = {**_shapes(kept), **kept, "grad": arrived, "result": kept.get("result") or result}
        values = {name: value for name, value in values.items() if value is not None}
        for edge in edges:
            self._rules_now[node_id, edge.id] = rule_for(name_of(node), edge.input_name, values, self._rules)

    def _add(self, kind: str, node: str, edge: str | None = None, sentence: str = "", **parts: Any) -> None:
        self._events.append(Event(len(self._events), kind, node, edge, sentence=sentence, **parts))

    # Words

    def _says(self, node_id: str) -> str:
        node = self._nodes[node_id]
        if node.kind == "op":
            return f"{node.op} ({node.name})" if node.name else node.op
        return self._nodes[self._out[node_id][0].target].title if node.kind == "accumulate" else node.title


def _known(value: Any) -> Any:
    """A saved argument as a formula can show it, or None."""
    if is_tensor(value):
        return value_of(value)
    if isinstance(value, (tuple, list)):
        return str(tuple(signed(item) for item in value)) if all(isinstance(item, int) for item in value) else None
    return signed(value) if isinstance(value, (bool, int, float, str)) else None


def _shapes(kept: Mapping[str, Any]) -> dict[str, Any]:
    """``self_sym_sizes`` is what PyTorch calls the ``self_shape`` of the rules."""
    sizes = ((re.fullmatch(r"(.+?)(?:_sym)?_sizes", name), value) for name, value in kept.items())
    return {f"{match[1]}_shape": value for match, value in sizes if match}


def _is_summed(rule: Rule, arrived: Value | None, out: Value) -> bool:
    """Whether a rule without any call, so an element-wise one, gave more elements than the input has."""
    elementwise = "(" not in re.sub(r"\B\(", "", rule.text) and "@" not in rule.text
    return elementwise and arrived is not None and math.prod(arrived.shape) > math.prod(out.shape)


def _say(value: Value | None) -> str:
    return "nothing" if value is None else plain(value.text)


def _first(gradients: tuple[Any, ...]) -> Value | None:
    """The gradient that arrived; of a node with several results, the first that has one."""
    return next((value_of(gradient) for gradient in gradients if gradient is not None), None)
