"""The gallery and the schema paper: made from real runs, and true to the code."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from teachgrad import viz
from teachgrad.viz import model

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def gallery() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gallery", DOCS / "images" / "gallery.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_case_runs_and_is_on_the_page(gallery: ModuleType, tmp_path: Path) -> None:
    page = (DOCS / "gallery.md").read_text("utf-8")
    pytest.importorskip("torch")
    for case in gallery.CASES:
        part = gallery.section(case, tmp_path)
        assert part in page, f"{case.__name__} has changed: run docs/images/gallery.py"
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {path.name for path in (DOCS / "images" / "gallery").iterdir()}
    assert made == set(re.findall(r"\(images/gallery/([^)]+)\)", page))
    for path in tmp_path.iterdir():
        ET.parse(path)


def documented(title: str) -> list[str]:
    """The fields in the first table below a heading of the schema paper."""
    text = (DOCS / "trace-schema.md").read_text("utf-8")
    part = re.split(r"^##+ ", text, flags=re.MULTILINE)
    below = next(section for section in part if section.startswith(title))
    table = below.split("|---|---|---|\n")[1].split("\n\n")[0]
    return [name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])]


@pytest.mark.parametrize("kind", ["Node", "Edge", "Group", "Value", "Event", "Graph", "Trace"])
def test_the_paper_names_the_fields_that_there_are(kind: str) -> None:
    fields = [field.name for field in dataclasses.fields(getattr(model, kind)) if field.name != "schema"]
    assert sorted(documented(kind)) == sorted(fields)


def test_the_paper_says_the_schemas(lib: Any) -> None:
    x = lib.tensor(2.0, requires_grad=True)
    text = (DOCS / "trace-schema.md").read_text("utf-8")
    trace = viz.animate(x * x).trace
    schemas = (json.loads(trace.to_json())["schema"], json.loads(trace.graph.to_json())["schema"])
    with viz.watch({"x": x}) as watched:
        pass
    for schema in (*schemas, watched.to_dict()["schema"]):
        assert f'"schema": "{schema}"' in text
