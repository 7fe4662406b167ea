"""Predict, then reveal: what a learner may be asked before each step, and how an answer is judged.

A question hides one event of a finished replay: which node runs next, which gradient a rule sends on, what
``.grad`` becomes. An answer may be typed, clicked, or given from Python; all go through :func:`judge`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from .model import Event, Node, Trace, Value
from .values import plain

CLOSE = 1e-3  # how far off a number may be, next to its size: four digits are shown, three suffice


@dataclass(frozen=True)
class Question:
    """What is asked before event ``index``. ``kind`` is "node", "number" or "shape"; ``rule`` may help."""

    index: int
    kind: str
    text: str
    rule: str = ""


@dataclass(frozen=True)
class Feedback:
    """How an answer was judged, with the reason. ``bool(feedback)`` says whether it was right."""

    right: bool
    text: str

    def __bool__(self) -> bool:
        return self.right


def question_for(trace: Trace, index: int) -> Question | None:
    """The question that hides event ``index``, or None where there is nothing to work out (seed, free, error)."""
    event = trace.events[index]
    if event.kind == "call":
        return Question(index, "node", "Which node runs next? Click it, or type its name.")
    value = _asked(event)
    if value is None:
        return None
    kind = "shape" if value.numbers is None or (value.shape and not value.numbers) else "number"
    what = "the shape of the gradient that" if kind == "shape" else "the gradient that"
    if event.kind == "accumulate":
        leaf = _title(trace, _target(trace, event))
        before = "is None" if event.before is None else f"is {plain(event.before.text)}"
        asks = "Which shape will it have" if kind == "shape" else "What does it become"
        return Question(index, kind, f"{leaf}.grad {before}, and the whole gradient of {leaf} is here. {asks}?")
    got = f" It received {plain(event.gradient.text)}." if event.gradient else ""
    sender, receiver = _title(trace, event.node), _title(trace, _target(trace, event))
    asks = f"What is {what} {sender} sends to {receiver}?{got}"
    return Question(index, kind, asks, event.rule.text if event.rule else "")


def questions(trace: Trace) -> list[dict[str, Any]]:
    """Every question of a replay with its answer and the reason, as data for a page that judges by itself.

    ``answer`` is a list: of names that are right, in lower case, or of the numbers.
    """
    found = []
    for index, event in enumerate(trace.events):
        question = question_for(trace, index)
        if question is None:
            continue
        value = _asked(event)
        if question.kind == "node" or value is None:
            answer: list[Any] = sorted({name.lower() for name in _names_of(trace, event.node)})
        else:
            answer = [_plain(number) for number in (value.shape if question.kind == "shape" else value.numbers or ())]
        known = {"index": index, "kind": question.kind, "text": question.text, "rule": question.rule}
        found.append({**known, "answer": answer, "tell": _reason(trace, question)})
    return found


def judge(trace: Trace, question: Question, answer: Any) -> Feedback:
    """Compare ``answer`` with what happened; None is "I do not know".

    Numbers may be numbers, lists, tensors or text ("1/3", "[1, -2]"), and are right within a thousandth, or
    when they are the true number rounded to at least two digits. Nodes are named by id, title or operation.
    Raises ValueError when the answer is of the wrong sort, so that it need not be counted.
    """
    event = trace.events[question.index]
    if question.kind == "node":
        names = {name.casefold() for name in _names_of(trace, event.node)}
        right = answer is not None and str(answer).strip().casefold() in names
        return Feedback(right, f"{_opening(right, answer)} {_reason(trace, question)}")
    value = _asked(event)
    assert value is not None
    if question.kind == "shape":
        right = answer is not None and tuple(_numbers(answer)[0]) == value.shape
    else:
        right = answer is not None and _same(*_numbers(answer), value.numbers or ())
    return Feedback(right, f"{_opening(right, answer)} {_reason(trace, question)}")


def expected(trace: Trace, question: Question) -> str:
    """The right answer, as it is written."""
    event = trace.events[question.index]
    value = _asked(event)
    if question.kind == "node" or value is None:
        return _title(trace, event.node)
    return str(value.shape) if question.kind == "shape" else plain(value.text)


def _reason(trace: Trace, question: Question) -> str:
    event = trace.events[question.index]
    value = _asked(event)
    if question.kind == "node" or value is None:
        return (
            f"{_title(trace, event.node)} runs next: of the nodes whose gradient is complete, the youngest goes first."
        )
    return f"The shape is {value.shape}. {event.sentence}" if question.kind == "shape" else event.sentence


def _plain(number: float) -> float | str:
    return number if math.isfinite(number) else str(number)


def _opening(right: bool, answer: Any) -> str:
    return "Right." if right else "Here it is." if answer is None else "Not quite."


def _asked(event: Event) -> Value | None:
    return {"contribute": event.out, "accumulate": event.after}.get(event.kind)


def _target(trace: Trace, event: Event) -> str:
    return next(edge.target for edge in trace.graph.edges if edge.id == event.edge)


def _leaf_of(trace: Trace, node: Node) -> Node:
    """The leaf behind an AccumulateGrad; any other node is itself."""
    if node.kind != "accumulate":
        return node
    return trace.graph.node(next(edge.target for edge in trace.graph.edges if edge.source == node.id))


def _title(trace: Trace, node_id: str) -> str:
    node = _leaf_of(trace, trace.graph.node(node_id))
    return (f"{node.op} ({node.name})" if node.name else node.op) if node.kind == "op" else node.title


def _names_of(trace: Trace, node_id: str) -> set[str]:
    node = trace.graph.node(node_id)
    names = {node.id, node.title, node.op, node.name or "", _title(trace, node_id), node.op.partition("Backward")[0]}
    return names - {""}


def _numbers(answer: Any) -> tuple[list[float], list[int]]:
    """The numbers of an answer in order, and to how many decimals each was written (-1: not as text)."""
    if isinstance(answer, str):
        words = re.findall(r"[^\s,;×x\[\]()]+", answer.replace("\u2212", "-"))
    else:
        words = [str(item) for item in _flat(answer.tolist() if hasattr(answer, "tolist") else answer)]
    try:
        numbers = [float(word) if "/" not in word else float(Fraction(word)) for word in words]
    except (ValueError, ZeroDivisionError):
        numbers = []
    if not numbers and (not isinstance(answer, str) or answer.strip(" ()[]") or not answer.strip()):
        raise ValueError(f"An answer is a number such as -1.5, or several such as [1, 2]; got {answer!r}.")
    return numbers, [_decimals(word) for word in words]


def _flat(items: Any) -> Iterable[Any]:
    if not isinstance(items, (list, tuple)):
        yield items
        return
    for item in items:
        yield from _flat(item)


def _decimals(word: str) -> int:
    """How many decimals a rounded number has; -1 when too few digits were written to call it rounded."""
    plain_number = re.fullmatch(r"[-+]?(\d*)\.(\d+)", word)
    if not plain_number or len((plain_number[1] + plain_number[2]).lstrip("0")) < 2:
        return -1
    return len(plain_number[2])


def _same(given: list[float], decimals: list[int], wanted: tuple[float | int | bool, ...]) -> bool:
    if len(given) != len(wanted):
        return False
    for number, places, true in zip(given, decimals, map(float, wanted), strict=True):
        close = number == true or (math.isnan(number) and math.isnan(true))
        close = close or math.isclose(number, true, rel_tol=CLOSE)
        if not close and not (places > 0 and math.isfinite(true) and math.isclose(round(true, places), number)):
            return False
    return True
