"""Gradient norms over training: what is noted, when an iteration ends, and how it is shown."""

from __future__ import annotations

import importlib
import json
import math
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from graphs import HOSTILE

from teachgrad import viz
from teachgrad.viz.watching import MOST_ROWS, SUFFIXES


def pair(lib: Any) -> dict[str, Any]:
    return {"w": lib.tensor([3.0, 4.0], requires_grad=True), "b": lib.tensor(1.0, requires_grad=True)}


def test_each_backward_is_an_iteration(lib: Any) -> None:
    p = pair(lib)
    with viz.watch(p) as w:
        for factor in (1.0, 2.0, 0.0):
            p["w"].grad = p["b"].grad = None
            (p["w"].sum() * factor + p["b"]).backward()
    assert w.names == ["w", "b"]
    assert w.norms == [[pytest.approx(math.sqrt(2)), 1.0], [pytest.approx(2 * math.sqrt(2)), 1.0], [0.0, 1.0]]


def test_what_gets_no_gradient_is_none_and_not_zero(lib: Any) -> None:
    p = pair(lib)
    with viz.watch(p) as w:
        (p["w"] * 0).sum().backward()
        p["w"].sum().backward()
    assert w.norms == [[0.0, None], [pytest.approx(math.sqrt(2)), None]]
    assert "no gradient" in w.text()


def test_with_an_optimizer_an_iteration_ends_at_its_step() -> None:
    torch = pytest.importorskip("torch")
    for lib in (torch, importlib.import_module("teachgrad")):
        p = pair(lib)
        optimizer = lib.optim.SGD(list(p.values()), lr=0.1)
        with viz.watch(p, optimizer) as w:
            for _ in range(2):
                optimizer.zero_grad()
                p["w"].sum().backward()
                p["w"].sum().backward()  # accumulates
                p["b"].backward()
                optimizer.step()
        assert w.norms == [[pytest.approx(2 * math.sqrt(2)), 1.0]] * 2


def test_nothing_is_changed_and_nothing_stays(lib: Any) -> None:
    p, plain = pair(lib), pair(lib)
    with viz.watch(p) as w:
        (p["w"] * p["b"]).sum().backward()
    (plain["w"] * plain["b"]).sum().backward()
    assert p["w"].grad.tolist() == plain["w"].grad.tolist()
    (p["w"] * p["b"]).sum().backward()
    assert len(w.norms) == 1


def test_a_module_is_watched_by_its_parameters() -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1))
    model[0].bias.requires_grad_(False)
    with viz.watch(model) as w:
        model(torch.ones(1, 2)).sum().backward()
    assert w.names == ["0.weight", "1.weight", "1.bias"]
    assert w.norms[0][2] == 1.0


@pytest.mark.parametrize("nothing", [{}, 3, [1]])
def test_nothing_to_watch_is_refused(nothing: Any) -> None:
    with pytest.raises(TypeError, match="watch"):
        viz.watch(nothing)


def watched(lib: Any, *gradients: float, name: str = "w") -> viz.watch:
    x = lib.tensor(1.0, requires_grad=True)
    with viz.watch({name: x}) as w:
        for gradient in gradients:
            x.grad = None
            (x * gradient).backward()
    return w


@pytest.mark.parametrize(
    ("last", "word"),
    [(0.0, "zero"), (math.nan, "nan"), (1e-9, "vanishing"), (1e6, "exploding"), (math.inf, "exploding"), (1.0, "")],
)
def test_what_is_wrong_is_said_in_a_word(lib: Any, last: float, word: str) -> None:
    w = watched(lib, 1.0, last)
    assert w.text().splitlines()[-1].split()[-1] == (word or "1")
    texts = [str(element.text) for element in ET.fromstring(w.plot()).iter() if element.text]
    assert word in " ".join(texts)


def test_a_gap_breaks_the_curve_and_a_zero_is_a_spot(lib: Any) -> None:
    root = ET.fromstring(watched(lib, 1.0, 2.0, 0.0, 4.0, math.nan).plot())
    classes = [element.get("class") for element in root.iter()]
    assert classes.count("tg-curve") == 2
    assert classes.count("tg-spot") == 2


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text(lib: Any, name: str) -> None:
    w = watched(lib, 1.0, name=name)
    text = w.plot()
    ET.fromstring(text)
    assert "<script" not in text and "<img" not in text
    w.text().encode("utf-8")


def test_very_many_parameters_are_cut_with_a_word(lib: Any) -> None:
    many = {f"p{i}": lib.tensor(1.0, requires_grad=True) for i in range(MOST_ROWS + 5)}
    w = viz.watch(many)
    w.remove()
    assert "and 5 more" in w.plot()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_saving(lib: Any, tmp_path: Path, suffix: str) -> None:
    w = watched(lib, 1.0, math.nan)
    data = w.save(tmp_path / f"x{suffix}").read_bytes()
    starts = {
        ".html": b"<!doctype html>",
        ".svg": b"<svg",
        ".png": b"\x89PNG",
        ".pdf": b"%PDF",
        ".txt": b"Gradient norms over 2",
    }
    assert data.startswith(starts.get(suffix, b"{"))
    if suffix == ".json":
        assert json.loads(data) == {"schema": "teachgrad.watch/1", "names": ["w"], "norms": [[1.0], ["nan"]]}
    assert set(w._repr_mimebundle_()) == {"text/html", "text/plain"}
