"""Predict, then reveal: what is asked, and which answers are right."""

import math
from typing import Any

import pytest

import teachgrad as torch
from teachgrad import viz
from teachgrad.viz.model import Trace
from teachgrad.viz.predict import expected, judge, question_for


def trace(start: Any = 3.0) -> Trace:
    x = torch.tensor(start, requires_grad=True)
    y = torch.tensor(-2.0, requires_grad=True)
    return viz.animate((x * y + x).sum(), names={"x": x, "y": y}).trace


def ask(found: Trace, words: str) -> Any:
    return next(q for q in (question_for(found, i) for i in range(len(found.events))) if q and words in q.text)


def test_every_call_contribution_and_accumulation_is_asked_and_nothing_else() -> None:
    found = trace()
    asked = [event.kind for event in found.events if question_for(found, event.index)]
    assert asked == [e.kind for e in found.events if e.kind in ("call", "contribute", "accumulate")]


def test_no_question_gives_its_answer_away() -> None:
    found = trace(3.25)
    for event in found.events:
        question = question_for(found, event.index)
        if question and event.kind == "contribute" and event.out.text != event.gradient.text:
            assert event.out.text.rstrip(".") not in question.text


@pytest.mark.parametrize("answer", [-2, -2.0, "-2", "−2", " -2. ", "-2.001", "-4/2", [-2.0], torch.tensor(-2.0)])
def test_the_same_number_in_any_form_is_right(answer: Any) -> None:
    found = trace()
    feedback = judge(found, ask(found, "MulBackward0 sends to x"), answer)
    assert feedback
    assert feedback.text == "Right. MulBackward0 sends -2 to x: grad * other = 1 * (-2)."


@pytest.mark.parametrize("answer", [2, "-2.1", "-1.99", [-2, -2], None, "nan"])
def test_another_number_is_wrong_and_the_rule_says_why(answer: Any) -> None:
    found = trace()
    feedback = judge(found, ask(found, "MulBackward0 sends to x"), answer)
    assert not feedback
    assert feedback.text.endswith("MulBackward0 sends -2 to x: grad * other = 1 * (-2).")


@pytest.mark.parametrize("answer", ["minus two", "", "1/0", "x"])
def test_what_is_no_number_is_refused(answer: str) -> None:
    found = trace()
    with pytest.raises(ValueError, match="An answer is a number"):
        judge(found, ask(found, "MulBackward0 sends to x"), answer)


@pytest.mark.parametrize(("answer", "right"), [("0.33", True), ("0.3333", True), ("0.3", False), ("0.34", False)])
def test_a_number_rounded_to_two_digits_is_right(answer: str, right: bool) -> None:
    x = torch.tensor(1.0, requires_grad=True)
    found = viz.animate(x / 3.0, names={"x": x}).trace
    assert bool(judge(found, ask(found, "sends to x"), answer)) is right


def test_vectors_are_compared_element_by_element() -> None:
    found = trace([3.0, 1.0])
    question = ask(found, "x.grad")
    assert expected(found, question) == "[-1, -1]"
    for answer, right in (("[-1, -1]", True), ("-1 -1", True), ([-1, -1], True), ("-1, 1", False), ("-1", False)):
        assert bool(judge(found, question, answer)) is right


def test_large_arrays_are_asked_for_their_shape() -> None:
    found = trace([[1.0] * 6] * 2)
    question = ask(found, "x.grad")
    assert question.kind == "shape"
    for answer, right in (("2×6", True), ("(2, 6)", True), ("2 x 6", True), ((2, 6), True), ("6, 2", False)):
        assert bool(judge(found, question, answer)) is right


@pytest.mark.parametrize(("answer", "right"), [("AddBackward0", True), ("add", True), ("Mul", False), (None, False)])
def test_a_node_is_known_by_any_of_its_names(answer: str | None, right: bool) -> None:
    x = torch.tensor(3.0, requires_grad=True)
    found = viz.animate(x * x + x, names={"x": x}).trace
    question = ask(found, "Which node")
    assert bool(judge(found, question, answer)) is right
    assert judge(found, question, found.events[question.index].node)


def test_nan_is_an_answer() -> None:
    x = torch.tensor(math.nan, requires_grad=True)
    found = viz.animate(x * x, names={"x": x}).trace
    assert judge(found, ask(found, "x.grad"), "nan")
    assert not judge(found, ask(found, "x.grad"), "0")
