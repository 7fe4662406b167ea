"""Every page of docs/errors: its wrong code raises the sentence that the page prints, its right code runs; so in PyTorch."""

from __future__ import annotations

import builtins
import re
import sys
import warnings
from pathlib import Path

import pytest

import teachgrad

FOLDER = Path(__file__).parents[2] / "docs" / "errors"
PAGES = [page for page in sorted(FOLDER.glob("*.md")) if page.stem != "index"]
PAGE = re.compile(
    r"# .+\n\n    (?P<kind>\w+): (?P<sentence>[^\n]+)\n\n(?P<text>.+)\n## Wrong\n\n```python\n(?P<wrong>.+?)```\n\n"
    r"## Right\n\n```python\n(?P<right>.+?)```\n",
    re.DOTALL,
)


def library(name):
    return teachgrad if name == "teachgrad" else pytest.importorskip("torch")


def run(code, page, name, monkeypatch):
    """Runs the code of a page, with `import torch` meaning the library."""
    monkeypatch.setitem(sys.modules, "torch", library(name))
    exec(compile(code, str(page), "exec"), {"__name__": "lesson"})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
@pytest.mark.parametrize("name", ["teachgrad", "torch"])
def test_page(page, name, monkeypatch):
    parts = PAGE.fullmatch(page.read_text(encoding="utf-8"))
    assert parts, "a page has a sentence, a text, wrong and right code"
    kind = getattr(builtins, parts["kind"])
    if page.stem == "device" and library(name).cuda.is_available():
        pytest.skip("there is a GPU")
    if issubclass(kind, Warning):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            run(parts["wrong"], page, name, monkeypatch)
        (warning,) = caught
        assert warning.category is kind and Path(warning.filename) == page
        assert str(warning.message).partition(" (Triggered internally")[0] == parts["sentence"]
    else:
        with pytest.raises(kind) as info:
            run(parts["wrong"], page, name, monkeypatch)
        assert str(info.value).split("\n")[0] == parts["sentence"]
        if name == "teachgrad":
            (note,) = info.value.__notes__
            assert note and (page.stem == "device" or re.match(r"Line \d+ of ", note))
    run(parts["right"], page, name, monkeypatch)


def test_every_page_is_listed():
    listed = re.findall(r"^[a-z-]+$", (FOLDER / "index.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == [page.stem for page in PAGES]
