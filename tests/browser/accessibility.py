"""What axe-core, the usual checker of web accessibility, says of a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def violations(page: Any, within: str) -> list[str]:
    """What axe-core finds wrong in the part of the page that ``within`` selects, one line each."""
    axe = pytest.importorskip("axe_playwright_python", reason="axe-core is not installed")
    page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text("utf-8"))  # past the page's own policy
    found = page.evaluate("(within) => axe.run(within)", within)
    assert found["passes"], "axe looked at nothing"
    return [f"{rule['id']}: {node['html'][:120]}" for rule in found["violations"] for node in rule["nodes"]]
