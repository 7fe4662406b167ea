"""From what the hooks of ``record`` noted to the events of a trace: numbers, rules and sentences.

A hook runs in the middle of backward, where every microsecond counts, so it only puts what it sees into a list. What
the list means is worked out here, in order and afterwards: which pass it is, which rule was at work, what a leaf had
before, and what hooks of the learner changed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .capture import Captured, is_freed, name_of
from .formulas import Rules, outcome, rule_for, written
from .model import Edge, Node, Rule, Value
from .naming import is_tensor
from .text import made_by
from .values import plain, value_of

# What the list holds, as (kind, node id, ...). CALL: gradients that arrive. SENT: those that leave, by argument.
# LEAF: what arrives at an AccumulateGrad, and .grad before; DONE: the same, and .grad after. GRADS: .grad of the leaves
# as a pass begins, by leaf id. KEPT: .grad of an inner tensor that retains it.
CALL, SENT, LEAF, DONE, GRADS, KEPT = range(6)
KNOWN = object()  # instead of a .grad that GRADS has told already
SUM = object()  # instead of one that is what it was plus what arrived

BROADCAST = {"MulBackward0", "DivBackward0", "AddBackward0", "SubBackward0"}  # rules of operators alone
MOST_FACTORS = 10_000  # numbers in what such an operation saved, for its products to be shown
MOST_SAID = 60  # letters of a formula with numbers that a sentence repeats; the event has it in full

Note = tuple[Any, ...]

_CLOSE = {"float64": 1e-9, "float32": 1e-5}  # what the order of a sum may change; 1e-2 for shorter types


class Teller:
    """Tells the notes of one recording, in order.

    Each event goes to ``add(kind, node, edge, sentence, **parts)``, and ``begin()`` is called before the first one of
    each pass. With ``checks``, sums are compared with what arrives, to find what hooks of the learner changed.
    """

    def __init__(
        self, captured: Captured, rules: Rules | None, add: Callable[..., None], begin: Callable[[], None], checks: bool
    ) -> None:
        self._captured, self._rules = captured, rules
        self._factors = _factors(captured) if checks else {}
        self._kept = captured.read_kept()  # now, since they may have other values when this is told
        self._add, self._begin, self._checks = add, begin, checks
        self._nodes: dict[str, Node] = {node.id: node for node in captured.graph.nodes}
        self._out: dict[str, list[Edge]] = {}  # edges towards the leaves, by source
        for edge in captured.graph.edges:
            self._out.setdefault(edge.source, []).append(edge)
        outputs = (edge for edge in captured.graph.edges if self._nodes[edge.source].kind == "output")
        self._outputs: dict[str, Edge] = {edge.target: edge for edge in reversed([*outputs])}
        self._called: set[str] = set()  # in this pass
        self._waiting: set[str] = set()  # reached by a gradient in this pass, not called yet
        self._sent: dict[tuple[str, int], list[Any]] = {}  # what this pass has sent to each result of a node
        self._is_whole = False  # this pass began at a tensor of the picture, so that nothing comes from elsewhere
        self._just_begun = False
        self._before: Any = None  # a leaf's .grad when its AccumulateGrad was called
        self._raw: dict[str, Any] = {}  # .grad of the leaves as the pass began
        self._grads: dict[str, Value | None] = {node.id: node.grad for node in captured.graph.nodes}
        self._read: dict[int, tuple[Any, Value]] = {}  # tensors met in these notes, which keeps their ids theirs
        self._running: str | None = None
        self._rest: tuple[Sequence[Note], int] = ((), 0)  # the notes that are being told, and how far

    def tell(self, notes: Sequence[Note]) -> None:
        """Turn these notes into events."""
        for i, (kind, node_id, *seen) in enumerate(notes):
            self._rest = (notes, i)
            if kind == CALL:
                self._call(node_id, seen[0])
            elif kind == SENT:
                if self._running != node_id:  # nobody looked before it ran
                    self._call(node_id, seen[1])
                self._send(node_id, seen[0], seen[1])
            elif kind == LEAF:
                self._call_leaf(node_id, seen[0], seen[1])
            elif kind == DONE:
                self._accumulate(node_id, seen[0], seen[1])
            elif kind == GRADS:
                if self._is_new_pass(node_id):
                    self._start()
                    self._see_changed(seen[0])
                self._raw = seen[0]
            else:
                self._keep(node_id, seen[0])
        self._rest = ((), 0)
        self._read.clear()

    def end(self, problem: Exception | None, message: str) -> None:
        """The block is over: what was freed, or where and why backward failed."""
        if problem is None:
            self._see_end()
            return
        if self._running is None and self._waiting:
            self._call_next()
        at = self._running or self._captured.graph.nodes[0].id
        self._add("error", at, sentence=f"{self._says(at)}: {type(problem).__name__}: {message}")

    def _call_next(self) -> None:
        """Call the node that was about to run: a leaf that has everything, or else the youngest that waits."""
        edges = self._captured.graph.edges
        lacking = {
            edge.target for edge in edges if self._nodes[edge.source].kind == "op" and edge.source not in self._called
        }
        leaves = [node_id for node_id in self._waiting if self._nodes[node_id].kind == "accumulate"]
        ready = next((leaf for leaf in leaves if leaf not in lacking), None)
        if ready is not None:
            self._running = ready
            return
        ops = [node_id for node_id in self._waiting if self._nodes[node_id].kind == "op"]
        youngest = max(ops, key=lambda node_id: self._captured.nodes[node_id]._sequence_nr(), default=None)
        if youngest is not None:
            sent = [self._sent.get((youngest, number)) for number in range(self._results_of(youngest))]
            self._call(youngest, tuple(sum(parts[1:], parts[0]) if parts else None for parts in sent))

    def _results_of(self, node_id: str) -> int:
        """How many results of an operation are used."""
        return 1 + max((edge.output_nr for edge in self._captured.graph.edges if edge.target == node_id), default=0)

    # Operations

    def _call(self, node_id: str, gradients: tuple[Any, ...]) -> None:
        self._enter(node_id, gradients)
        self._compare_with_sent(node_id, gradients)
        self._running = node_id
        received = [self._value(gradient) for gradient in gradients]
        # A node with several results gets a gradient for each that was used.
        said = " and ".join(_say(value) for value in received if value is not None) or "nothing"
        made = f" It was made by {line}" if (line := made_by(self._nodes[node_id])) else ""
        kept = self._kept.get(node_id, {})
        self._add(
            "call",
            node_id,
            sentence=f"{self._says(node_id)} receives {said}.{made}",
            gradient=_first(received),
            received=tuple(received) if len(received) > 1 else None,
            used={name: value.text for name, value in kept.items() if isinstance(value, Value)} or None,
        )

    def _send(self, node_id: str, sent: tuple[Any, ...], gradients: tuple[Any, ...]) -> None:
        self._running = None
        arrived = _first(self._value(gradient) for gradient in gradients)
        kept = self._kept.get(node_id, {})
        values = {**_shapes(kept), **kept, "grad": arrived, "result": kept.get("result") or self._nodes[node_id].value}
        values = {name: value for name, value in values.items() if value is not None}
        for edge in self._out.get(node_id, ()):
            if edge.constant:
                continue
            gradient = sent[edge.slot] if edge.slot < len(sent) else None
            if gradient is not None:
                self._waiting.add(edge.target)
                if self._checks:
                    self._sent.setdefault((edge.target, edge.output_nr), []).append(gradient)
            rule = rule_for(name_of(self._captured.nodes[node_id]), edge.input_name, values, self._rules)
            self._contribute(edge, gradients[0], arrived, self._value(gradient), rule)

    def _contribute(self, edge: Edge, grad: Any, arrived: Value | None, out: Value | None, rule: Rule | None) -> None:
        sends = f"{self._says(edge.source)} sends {_say(out)} to {self._says(edge.target)}"
        summed = product = None
        if rule is not None and out is not None:
            # The rule works on the broadcast shape; the edge sums back to the shape of the input.
            summed = summed_over(rule, arrived, out)
            steps = [rule.filled]
            if summed and arrived is not None:
                product = self._product(rule, edge.source, grad, arrived.shape)
                if product is not None and written(product) != rule.filled:
                    steps.append(written(product))
            back = (
                f", summed over dimension{'s' * (len(summed) > 1)} {' and '.join(map(str, summed))}" if summed else ""
            )
            numbers = [step for step in steps if step != rule.text and len(step) <= MOST_SAID]
            to = f" to shape {out.shape}" if summed else ""
            sends = f"{sends}: {' = '.join([rule.text, *numbers])}{back}{to}"
            rule = replace(rule, filled=f"{' = '.join(steps)}{back} = {written(out)}")
        parts: dict[str, Any] = {"gradient": arrived, "out": out, "rule": rule, "summed": summed, "product": product}
        self._add("contribute", edge.source, edge.id, f"{sends}.", **parts)

    def _product(self, rule: Rule, node_id: str, grad: Any, shape: tuple[int, ...]) -> Value | None:
        """What an element-wise rule gives before the sum to the shape of its input, if all it needs is known."""
        if grad is None:
            return None
        found = outcome(rule.text, {**self._factors.get(node_id, {}), "grad": grad.detach()})
        return value_of(found) if is_tensor(found) and tuple(found.shape) == shape else None

    def _keep(self, node_id: str, grad: Any) -> None:
        name, after = self._nodes[node_id].name or self._says(node_id), self._value(grad)
        self._add("retain", node_id, sentence=f"{name}.retain_grad(): {name}.grad is {_say(after)}.", after=after)

    # Leaves

    def _call_leaf(self, node_id: str, gradients: tuple[Any, ...], before: Any) -> None:
        self._enter(node_id, gradients)
        self._compare_with_sent(node_id, gradients)
        leaf_id = self._out[node_id][0].target
        if before is KNOWN:
            before = self._raw[leaf_id]
        else:
            self._see_changed({leaf_id: before})
        self._before = before

    def _accumulate(self, node_id: str, gradients: tuple[Any, ...], grad: Any) -> None:
        (edge,) = self._out[node_id]
        before, was, self._before = self._grads[edge.target], self._before, None
        if gradients[0] is None:
            return
        is_sum = grad is SUM
        if is_sum:
            grad = gradients[0] if was is None else was + gradients[0]
        after = whole = self._value(grad)
        delta = self._value(gradients[0])
        if self._checks and not is_sum:
            total = gradients[0] if was is None else was + gradients[0]
            if grad is None or _differ(total, grad):
                whole = value_of(total)
        name = f"{self._nodes[edge.target].title}.grad"
        if before is None:
            sentence = f"{name} was None and becomes {_say(whole)}."
        else:
            sentence = f"{name} was {_say(before)}; plus {_say(delta)} it becomes {_say(whole)}."
        self._add("accumulate", node_id, edge.id, sentence, before=before, delta=delta, after=whole)
        if whole != after:
            sentence = f"A hook that ran after this changed {name} from {_say(whole)} to {_say(after, 'None')}."
            self._add("reset", edge.target, sentence=sentence, before=whole, after=after)
        self._grads[edge.target] = after

    def _see_changed(self, grads: Mapping[str, Any]) -> None:
        """Note what happened to the leaves' ``.grad`` since the last pass: ``zero_grad()``, most likely."""
        for leaf_id, grad in grads.items():
            before, after = self._grads[leaf_id], self._value(grad)
            if before == after:
                continue
            name = f"{self._nodes[leaf_id].title}.grad"
            if after is None:
                sentence = f"Before this backward(), {name} was set to None, as zero_grad() does."
            elif before is not None and _is_zero(after):
                sentence = f"Before this backward(), {name} was set to zero."
            else:
                sentence = f"Before this backward(), {name} was changed from {_say(before, 'None')} to {_say(after)}."
            self._add("reset", leaf_id, sentence=sentence, before=before, after=after)
            self._grads[leaf_id] = after

    # Where one pass ends and the next begins: nobody says so, but a pass calls a node once at most, and has
    # no more to do when no gradient is waiting.

    def _is_new_pass(self, node_id: str) -> bool:
        return node_id in self._called or not (self._waiting or self._just_begun)

    def _start(self) -> None:
        self._see_end()
        self._called.clear()
        self._waiting.clear()
        self._sent.clear()
        self._just_begun = self._is_whole = True
        self._begin()

    def _enter(self, node_id: str, gradients: tuple[Any, ...]) -> None:
        if self._is_new_pass(node_id):
            self._start()
        self._just_begun = False
        self._called.add(node_id)
        if node_id in self._waiting:
            self._waiting.discard(node_id)
        else:
            self._seed(node_id, _first(map(self._value, gradients)))

    def _seed(self, node_id: str, arrived: Value | None) -> None:
        output = self._outputs.get(node_id)
        # A pass may also start inside the graph, at a tensor that was not drawn, or at a leaf itself.
        start, edge = (output.source, output.id) if output else (node_id, None)
        self._is_whole &= output is not None
        sentence = f"backward() starts at {self._says(start)} with the gradient {_say(arrived)}."
        self._add("seed", start, edge, sentence, out=arrived)

    def _see_end(self) -> None:
        """Note how the last pass ended. A node that began and sent nothing on has failed, and the block caught that."""
        if self._running is None:
            self._see_freed()
            return
        at, self._running = self._running, None
        self._add("error", at, sentence=f"{self._says(at)} stopped with an error, which the lesson caught.")

    def _see_freed(self) -> None:
        """Note that the pass that just ended let go of saved values, in nodes that do not run again later."""
        notes, now = self._rest
        again = {note[1] for note in notes[now:] if note[0] == SENT}
        here = [node_id for node_id in self._captured.nodes if node_id in self._called and node_id not in again]
        freed = tuple(node_id for node_id in here if is_freed(self._captured.nodes[node_id]))
        if freed:
            sentence = "The saved values are freed: to run backward() again, this one needs retain_graph=True."
            self._add("free", self._captured.graph.nodes[0].id, sentence=sentence, freed=freed)

    # Hooks of the learner

    def _compare_with_sent(self, node_id: str, gradients: tuple[Any, ...]) -> None:
        """Note where something else arrives than was sent: a hook on the tensor or on the node has changed it.

        A pass that began at a tensor further on, which is not drawn, looks the same from here.
        """
        for number, arrived in enumerate(gradients):
            sent = self._sent.pop((node_id, number), None)
            if not (self._checks and self._is_whole and sent) or arrived is None or node_id in self._outputs:
                continue
            if len(sent) == 1 and sent[0] is arrived:
                continue
            total = sum(sent[1:], sent[0])
            if _differ(total, arrived):
                before, after = value_of(total), self._value(arrived)
                told = f"{_say(before)} was sent to {self._says(node_id)} and {_say(after)} arrives"
                sentence = f"{told}: a hook has changed it, or more came from outside this picture."
                self._add("change", node_id, sentence=sentence, gradient=before, out=after)

    # Words and numbers

    def _value(self, tensor: Any) -> Value | None:
        """What ``tensor`` holds; one that is met again (sent, then received) is read once."""
        if tensor is None:
            return None
        found = self._read.get(id(tensor))
        if found is None:
            found = self._read[id(tensor)] = (tensor, value_of(tensor))
        return found[1]

    def _says(self, node_id: str) -> str:
        node = self._nodes[node_id]
        if node.kind == "op":
            return f"{node.op} ({node.name})" if node.name else node.op
        return self._nodes[self._out[node_id][0].target].title if node.kind == "accumulate" else node.title


def summed_over(rule: Rule, arrived: Value | None, out: Value) -> tuple[int, ...] | None:
    """The dimensions over which the result of an element-wise ``rule`` was summed to the input's shape, if any."""
    elementwise = "(" not in re.sub(r"\B\(", "", rule.text) and "@" not in rule.text
    if not elementwise or arrived is None or math.prod(arrived.shape) <= math.prod(out.shape):
        return None
    shape = (1,) * (len(arrived.shape) - len(out.shape)) + out.shape
    new = len(arrived.shape) - len(out.shape)
    return tuple(i for i, size in enumerate(arrived.shape) if i < new or size != shape[i])


def _factors(captured: Captured) -> dict[str, dict[str, Any]]:
    """What operations on several tensors saved, by id, as it is now: factors of products that are summed afterwards."""
    found = {}
    for node_id, kept in captured.kept.items():
        node = captured.nodes[node_id]
        sizes = [value.numel() for value in kept.values() if is_tensor(value)]
        if max(sizes, default=0) < 2 or sum(sizes) > MOST_FACTORS:  # of single numbers there is nothing to sum
            continue
        if name_of(node) in BROADCAST and len(node.next_functions) > 1:
            # A copy first: our own single numbers become arrays, and slower, when their memory is shared.
            found[node_id] = {name: x.clone().detach() if is_tensor(x) else x for name, x in kept.items()}
    return found


def _shapes(kept: Mapping[str, Any]) -> dict[str, Any]:
    """``self_sym_sizes`` is what PyTorch calls the ``self_shape`` of the rules."""
    sizes = ((re.fullmatch(r"(.+?)(?:_sym)?_sizes", name), value) for name, value in kept.items())
    return {f"{match[1]}_shape": value for match, value in sizes if match}


def _differ(total: Any, arrived: Any) -> bool:
    """Whether two gradients differ by more than the order of a sum explains; nan beside nan does not."""
    if tuple(total.shape) != tuple(arrived.shape) or total.numel() == 0:
        return False
    total, arrived = total.detach(), arrived.detach()
    bound = _CLOSE.get(str(arrived.dtype).rpartition(".")[2], 1e-2)
    try:
        return bool((total - arrived).abs().max().item() > bound * total.abs().max().item())
    except (RuntimeError, TypeError, ValueError):  # sparse and complex gradients are not compared
        return False


def _is_zero(value: Value) -> bool:
    return not any(value.numbers) if value.numbers is not None else value.stats is not None and value.stats["norm"] == 0


def _say(value: Value | None, nothing: str = "nothing") -> str:
    return nothing if value is None else plain(value.text)


def _first(values: Iterable[Value | None]) -> Value | None:
    """The gradient that arrived; of a node with several results, the first that has one."""
    return next((value for value in values if value is not None), None)
