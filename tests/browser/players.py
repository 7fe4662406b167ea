"""The players that the browser tests open, and how they read them."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import teachgrad as torch
from teachgrad import viz
from teachgrad.viz.html import Player

#: Names that a page may show and must not run.
HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "]]><script>alert(1)</script>",
    "\"'`${alert(1)}&lt;",
    "nul\0nul",
    "שלום ‮abc",
    "👩‍👧 🙂",
]


def replay(*names: str, title: str = "z") -> Player:
    """z = x * y + x at x = 3, y = -2: fan-out, both signs, and one leaf reached twice."""
    x = torch.tensor(3.0, requires_grad=True)
    y = torch.tensor(-2.0, requires_grad=True)
    z = x * y + x
    return viz.animate(z, names=dict(zip(names or ("x", "y"), (x, y), strict=True)) | {title: z})


def matrices() -> Player:
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    big = torch.tensor([[1.0] * 10] * 2, requires_grad=True)
    loss = (x @ big).sum()
    return viz.animate(loss)


@pytest.fixture
def open_player(browser_page: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """``open_player(player, **options)``: the saved page in a browser, with the player standing."""

    def open_it(player: Player, **options: Any) -> Any:
        page = browser_page(**options)
        page.goto(player.save(tmp_path / "replay.html").as_uri())
        page.locator(".tg-stage").wait_for()
        return page

    return open_it


def long_chain(length: int) -> Player:
    x = torch.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(length):
        y = y * 1.01
    return viz.animate(y, names={"x": x, "result": y})


def large_net(units: int = 24) -> Player:
    """A net of scalars whose units are all different, so that nothing is repeated: 370 nodes with 24 units."""
    x = [torch.tensor(0.1 * i, requires_grad=True) for i in range(6)]
    made = []
    for i in range(units):
        total = x[i % 6] * (0.3 + i)
        for j in range(1 + i % 5):
            total = (total + x[(i + j) % 6] * 0.5).tanh() if (i * j) % 3 else total * x[j] - 0.1
        made.append(total.exp() if i % 2 else total.sin() + 1.0)
    loss = made[0]
    for unit in made[1:]:
        loss = loss + unit * unit
    return viz.animate(loss, names={f"x{i}": leaf for i, leaf in enumerate(x)} | {"loss": loss})


def step_of(scope: Any) -> int:
    return int(re.match(r"Step (\d+) of", scope.locator(".tg-kind").inner_text())[1])


def plain(text: str) -> str:
    """As the trace writes it: the page shows real minus signs, and a plus before a positive scalar."""
    return text.replace("−", "-").replace("+", "")


def facts(scope: Any) -> dict[str, str]:
    terms = scope.locator(".tg-facts .tg-fact")
    pairs = [terms.nth(i).locator("dt, dd").all_inner_texts() for i in range(terms.count())]
    return {term: plain(text) for term, text in pairs}


def leaves(scope: Any) -> dict[str, list[str]]:
    rows = scope.locator(".tg-leaves tbody tr")
    cells = [rows.nth(i).locator("th, td").all_inner_texts() for i in range(rows.count())]
    return {name: [plain(text) for text in rest] for name, *rest in cells}
