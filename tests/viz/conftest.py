"""What the tests of the pictures share: the two libraries, one small graph, and golden files."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from graphs import GOLDEN


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--overwrite-golden", action="store_true", help="write tests/viz/golden anew, to look through")


@pytest.fixture(params=["torch", "teachgrad"])
def lib(request: pytest.FixtureRequest) -> Any:
    """Each library in turn: the pictures must not be able to tell them apart."""
    return pytest.importorskip(request.param)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Any:
    """``golden(name, text)`` compares with the file of that name, or writes it under ``--overwrite-golden``."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--overwrite-golden", default=False):
            path.write_text(text, "utf-8", newline="\n")
        assert path.exists(), f"no golden file {name}: run pytest tests/viz --overwrite-golden and look at it"
        assert text == path.read_text("utf-8"), f"{name} is drawn differently now; if it should be, --overwrite-golden"

    return compare


@pytest.fixture
def quadratic(lib: Any) -> dict[str, Any]:
    """PyTorch's tutorial graph, Q = 3 a**3 - b**2, by name."""
    a = lib.tensor([2.0, 3.0], requires_grad=True)
    b = lib.tensor([6.0, 4.0], requires_grad=True)
    return {"a": a, "b": b, "Q": 3 * a**3 - b**2, "lib": importlib.import_module(lib.__name__)}
