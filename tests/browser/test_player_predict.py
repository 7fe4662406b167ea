"""Predict, then reveal, on a page that stands alone: the page itself asks, judges, explains and counts."""

from collections.abc import Callable
from typing import Any

import pytest
from accessibility import violations
from players import replay, step_of

import teachgrad as torch
from teachgrad import viz
from teachgrad.viz.predict import expected, judge, question_for

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect
pytestmark = pytest.mark.browser


def test_a_page_asks_judges_and_counts(open_player: Callable[..., Any]) -> None:
    player = replay()
    page = open_player(player.predict())
    assert not page.locator(".tg-events").is_visible()  # the table has all the answers
    assert "AddBackward0 sends" not in page.locator(".tg-player").inner_text()
    page.locator(".tg-last").click()
    assert step_of(page) == 1
    expect(page.locator(".tg-question label")).to_contain_text("Which node runs next?")
    page.locator(f"[data-node={player.trace.events[1].node}]").click()
    expect(page.locator(".tg-feedback")).to_contain_text("✓ Right.")
    page.keyboard.press("ArrowRight")  # the question has the keyboard now
    page.keyboard.type("7")
    page.keyboard.press("Enter")
    expect(page.locator(".tg-feedback")).to_contain_text("✗ Not quite. AddBackward0 sends 1 to MulBackward0")
    page.locator(".tg-answer").fill("one")
    page.keyboard.press("Enter")
    expect(page.locator(".tg-feedback")).to_contain_text("An answer is a number")
    page.get_by_role("button", name="Show me").click()
    expect(page.locator(".tg-score")).to_have_text("1 of 3 right")
    assert violations(page, ".tg-player") == []


def test_every_right_answer_is_right_in_the_page_too(open_player: Callable[..., Any]) -> None:
    x = torch.tensor([[1.0, -2.0], [3.0, 4.5]], requires_grad=True)
    y = torch.tensor([0.0, 1 / 3], requires_grad=True)
    big = torch.ones(4, 5, requires_grad=True)
    player = viz.animate((x * y).sum() / 3 + (big * 2).sum() * y.log().sum())
    page = open_player(player.predict())
    asked = [question for i in range(len(player.trace.events)) if (question := question_for(player.trace, i))]
    for number, question in enumerate(asked, 1):
        page.locator(".tg-last").click()
        page.locator(".tg-answer").fill(expected(player.trace, question))
        page.keyboard.press("Enter")
        expect(page.locator(".tg-score")).to_have_text(f"{number} of {number} right")
    page.locator(".tg-last").click()
    assert step_of(page) == len(player.trace.events)


@pytest.mark.parametrize(
    "answer", ["1", "1.0001", "1.1", "-1", "−1", "1/1", "[1]", "1, 2", "nan", "0.99", "1.00", ".9999"]
)
def test_the_page_judges_as_python_does(open_player: Callable[..., Any], answer: str) -> None:
    player = replay()
    question = question_for(player.trace, 2)
    assert question is not None
    page = open_player(player.predict())
    page.locator(".tg-last").click()
    page.get_by_role("button", name="Show me").click()
    page.locator(".tg-answer").fill(answer)
    page.keyboard.press("Enter")
    said = page.locator(".tg-feedback").inner_text().replace("−", "-")
    assert said.lstrip("✓✗ ") == judge(player.trace, question, answer).text
