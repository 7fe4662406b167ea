"""A replay as files that play by themselves, and pictures as PDF."""

from __future__ import annotations

import io
import re
import sys
import xml.etree.ElementTree as ET
import zlib
from pathlib import Path
from typing import Any

import pytest
from graphs import HOSTILE, RULES, random_graph, trace_over

from teachgrad import viz
from teachgrad.viz import film
from teachgrad.viz.drawing import Drawing
from teachgrad.viz.layout import place
from teachgrad.viz.model import Graph, Layout, Node, Trace
from teachgrad.viz.pdf import pdf

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def replay(quadratic: dict[str, Any]) -> tuple[Trace, Layout]:
    Q, ones = quadratic["Q"], quadratic["lib"].tensor([1.0, 1.0])
    with viz.record(Q, names=quadratic, rules=RULES) as r:
        Q.backward(gradient=ones)
    return r.trace, place(r.trace.graph, r.trace)


def test_frames_are_the_fold_of_the_events(replay: tuple[Trace, Layout]) -> None:
    trace, _ = replay
    found = film.frames(trace)
    assert len(found) == len(trace.events) + 1
    assert found[0].labels == found[0].gradients == {}
    names = trace.graph.names
    before = next(i for i, event in enumerate(trace.events) if event.kind == "accumulate")
    assert names["b"] not in found[before].gradients
    assert found[before + 1].gradients[names["b"]] == "grad [-12., -8.]"
    assert {names["b"], trace.events[before].edge, trace.events[before].node} <= found[before + 1].active
    assert found[-1].gradients[names["a"]] == "grad [36., 81.]"


def test_a_second_pass_keeps_only_what_the_leaves_have(lib: Any) -> None:
    x = lib.tensor(3.0, requires_grad=True)
    y = x * x
    with viz.record(y, names={"x": x, "y": y}) as r:
        y.backward(retain_graph=True)
        y.backward()
    first_of_second = film.frames(r.trace)[r.trace.passes[1] + 1]
    assert set(first_of_second.gradients) == {r.trace.graph.names["x"], r.trace.graph.names["y"]}
    assert first_of_second.gradients[r.trace.graph.names["x"]] == "grad 6."


def test_every_picture_of_a_film_has_the_same_size_and_says_its_step(replay: tuple[Trace, Layout]) -> None:
    pictures = [ET.fromstring(text) for text in film.film(*replay)]
    assert len({picture.get("viewBox") for picture in pictures}) == 1
    for step, picture in enumerate(pictures):
        said = " ".join(str(e.text) for e in picture.iter(f"{SVG}text") if e.get("class") == "tg-caption")
        sentence = replay[0].events[step - 1].sentence if step else film.START
        assert said == f"{step} of {len(pictures) - 1}. {sentence}"


def test_an_animated_picture_shows_one_state_of_each_part_at_any_time(replay: tuple[Trace, Layout]) -> None:
    trace, layout = replay
    text = film.animated(trace, layout)
    root = ET.fromstring(text)
    assert "<script" not in text
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    steps = len(trace.events) + 1 + film.PAUSE
    states: dict[str, list[list[bool]]] = {}
    for group in root.iter(f"{SVG}g"):
        if "tg-state" not in str(group.get("class")):
            continue
        animate = next(iter(group))
        times = [float(time) for time in str(animate.get("keyTimes")).split(";")]
        values = str(animate.get("values")).split(";")
        assert times[0] == 0
        assert times == sorted(times)

        def shown(at: float, times: list[float] = times, values: list[str] = values) -> bool:
            return values[sum(time <= at for time in times) - 1] == "visible"

        part = next((e.get("data-node") or e.get("data-edge") for e in group if e.get("class", "")[:3] == "tg-"), None)
        states.setdefault(str(part), []).append([shown((i + 0.5) / steps) for i in range(steps)])
        assert (group.get("visibility") is None) == ("tg-last" in str(group.get("class"))) == shown(0.999)
    assert len(states) > 10
    for of_part in states.values():
        assert [sum(at) for at in zip(*of_part, strict=True)] == [1] * steps


def test_the_film_says_the_gradient_when_it_has_arrived(replay: tuple[Trace, Layout]) -> None:
    text = film.animated(*replay)
    assert text.count(">grad [-12., -8.]<") >= 2
    assert text.count("<animateMotion") == sum(frame.edge is not None for frame in film.frames(replay[0]))


def test_gif_and_webp_have_a_picture_for_each_step(lib: Any) -> None:
    image = pytest.importorskip("PIL.Image")
    x = lib.tensor(3.0, requires_grad=True)
    y = x * 2
    with viz.record(y, names={"x": x, "y": y}) as r:
        y.backward()
    layout = place(r.trace.graph, r.trace)
    for data, kind in ((film.gif(r.trace, layout), "GIF"), (film.webp(r.trace, layout), "WEBP")):
        opened = image.open(io.BytesIO(data))
        assert opened.format == kind
        assert opened.n_frames == len(r.trace.events) + 1
        assert opened.info["loop"] == 0
        assert opened.width >= film.LEAST_WIDTH
        first = opened.convert("RGB").tobytes()
        opened.seek(opened.n_frames - 1)
        assert opened.convert("RGB").tobytes() != first
    assert film.gif(r.trace, layout) == film.gif(r.trace, layout)


def test_a_missing_pillow_is_told_in_a_sentence(replay: tuple[Trace, Layout], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(RuntimeError, match=r"pip install \"teachgrad\[images\]\""):
        film.gif(*replay)


def test_a_very_long_replay_is_no_film() -> None:
    graph = random_graph(1, size=500)
    with pytest.raises(ValueError, match=r"save it as \.html"):
        film.film(trace_over(graph), Layout(1, 1, {}, {}))


def test_saving_by_the_name(replay: tuple[Trace, Layout], tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    starts = {"a.gif": b"GIF89a", "a.webp": b"RIFF", "a.pdf": b"%PDF-1.7", "a.anim.svg": b"<svg", "B.ANIM.SVG": b"<svg"}
    for name, start in starts.items():
        assert film.save(*replay, tmp_path / name).read_bytes().startswith(start)
    with pytest.raises(ValueError, match=r"\.gif, \.webp or \.pdf"):
        film.save(*replay, tmp_path / "a.mp4")


# PDF


def streams(data: bytes) -> list[bytes]:
    return [zlib.decompress(found) for found in re.findall(rb"stream\n(.*?)\nendstream", data, re.DOTALL)]


def text_of(data: bytes) -> str:
    """All text in the file, read back through its own tables from glyphs to characters."""
    found = streams(data)
    maps = [
        {
            int(a, 16): bytes.fromhex(b.decode()).decode("utf-16-be")
            for a, b in re.findall(rb"<(\w{4})> <(\w+)>", stream)
        }
        for stream in found
        if b"begincmap" in stream
    ]
    text = ""
    for stream in found:
        for font, glyphs in re.findall(rb"/F(\d) [\d.]+ Tf [^<]*<(\w*)> Tj", stream):
            text += (
                "".join(maps[int(font)].get(int(glyphs[i : i + 4], 16), "\ufffd") for i in range(0, len(glyphs), 4))
                + "\n"
            )
    return text


def test_a_pdf_is_sound_and_has_the_text_of_the_picture(quadratic: dict[str, Any]) -> None:
    data = viz.draw(quadratic["Q"], names=quadratic, title="Q = 3a³ - b²").pdf()
    places = [int(at) for at in re.findall(rb"(\d{10}) 00000 n", data)]
    for number, at in enumerate(places, 1):
        assert data[at:].startswith(b"%d 0 obj" % number)
    start = int(re.findall(rb"startxref\n(\d+)", data)[0])
    assert data[start:].startswith(b"xref")
    for length, body in re.findall(rb"/Length (\d+) .*?stream\n(.*?)\nendstream", data, re.DOTALL):
        assert int(length) == len(body)
    words = text_of(data).split("\n")
    assert {"Q", "a", "b", "Mul", "MulBackward0", "exponent = 3", "[-12., 65.]", "Q = 3a³ - b²"} <= set(words)
    assert "Q = 3a³ - b²".encode("utf-16-be").hex().encode() in data


def test_a_pdf_has_the_fonts_it_names_and_a_page_per_picture(replay: tuple[Trace, Layout]) -> None:
    data = film.pages(*replay)
    assert data.count(b"/Type /Page ") == len(replay[0].events) + 1
    assert sum(stream.startswith(b"\x00\x01\x00\x00") for stream in streams(data)) == 2
    assert "b.grad was None and becomes [-12, -8]." in text_of(data)
    assert film.pages(*replay) == data


@pytest.mark.parametrize("seed", range(4))
def test_a_pdf_of_any_graph_draws_every_shape(seed: int) -> None:
    drawing = Drawing(random_graph(seed))
    svg = drawing.svg("light")
    (content,) = [stream.decode() for stream in streams(pdf([svg])) if b" cm 1 j" in stream]
    painted = re.findall(r"^(?:B|f|S)$", content, re.MULTILINE)
    assert len(painted) == svg.count("<path") + svg.count("<rect")
    assert content.count("q") == content.count("Q")
    assert "#" not in content


def test_hostile_names_stay_inside_their_strings() -> None:
    nodes = tuple(Node(f"n{i}", "leaf", title=name, word="leaf") for i, name in enumerate(HOSTILE))
    data = Drawing(Graph(nodes, (), title=HOSTILE[1])).pdf()
    assert b"alert" not in data
    assert "<script>alert(1)</script>" in text_of(data)
