"""The SVG writer: well formed, unique ids, everything said in words, and text that stays text."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET

import pytest
from graphs import HOSTILE, random_graph, trace_over, value

from teachgrad.viz.drawing import Drawing, html_cell
from teachgrad.viz.layout import place
from teachgrad.viz.model import WORDS, Edge, Graph, Node
from teachgrad.viz.style import PALETTES, stylesheet
from teachgrad.viz.svg import render
from teachgrad.viz.text import describe
from teachgrad.viz.values import visible

SVG = "{http://www.w3.org/2000/svg}"
ALLOWED = {f"{SVG}{tag}" for tag in ("svg", "style", "g", "title", "path", "rect", "text")}


def drawn(graph: Graph, **options: object) -> ET.Element:
    return ET.fromstring(render(graph, place(graph), **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(15))
def test_any_graph_is_well_formed_with_unique_ids(seed: int) -> None:
    graph = random_graph(seed)
    root = drawn(graph, prefix="tg-1a")
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids)) == 1 + len(graph.nodes) + len(graph.edges)
    assert all(str(name).startswith("tg-1a-") for name in ids)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_drawn_as_text_and_does_nothing(name: str) -> None:
    nodes = (Node("n0", "output", title=name, word="output", name=name), Node("n1", "op", name, name, detail=name))
    graph = Graph(nodes, (Edge("e0", "n0", "n1", input_name=name),), title=name)
    text = render(graph, place(graph))
    text.encode("utf-8")
    root = ET.fromstring(text)
    assert {element.tag for element in root.iter()} <= ALLOWED
    assert not [key for element in root.iter() for key in element.attrib if key.startswith("on") or "href" in key]
    node = next(element for element in root.iter() if element.get("data-node") == "n0")
    assert visible(name) in str(node.get("aria-label"))
    assert (node.findtext(f"{SVG}title") or "") == node.get("aria-label")


def test_a_long_name_is_shortened_in_the_picture_and_whole_in_the_title() -> None:
    name = "encoder.layers.0.self_attention.output_projection.weight"
    node = Node("n0", "parameter", title=name, word="parameter")
    root = drawn(Graph((node,), ()))
    shown = next(element.text or "" for element in root.iter() if element.get("class") == "tg-title")
    assert "…" in shown
    assert shown.startswith("encoder")
    assert shown.endswith("weight")
    assert name in next(element.text or "" for element in root.iter(f"{SVG}title"))


def test_every_kind_is_told_by_shape_and_by_word() -> None:
    graph = Graph(
        tuple(Node(f"n{i}", kind, "MulBackward0", "x", word) for i, (kind, word) in enumerate(WORDS.items())), ()
    )
    root = drawn(graph)
    outlines, words = {}, {}
    for element in root.iter(f"{SVG}g"):
        kind = element.get("data-kind")
        if kind is None:
            continue
        shapes = [child for child in element if child.tag in (f"{SVG}rect", f"{SVG}path")]
        # a shape is its tag, its corners and its lines: dashes come from the style sheet, by class
        corners = [child.get("rx") or len(str(child.get("d")).split("L")) for child in shapes]
        outlines[kind] = (len(shapes), str(corners), kind in ("input", "saved"))
        words[kind] = str(element.get("aria-label")).partition(" ")[0]
    assert len(set(outlines.values())) == len(WORDS) - 1  # "saved" looks like an input
    assert words == WORDS


def test_light_and_dark_have_their_colours_written_in() -> None:
    graph = random_graph(2)
    for theme, palette in PALETTES.items():
        text = render(graph, place(graph), theme=theme)
        assert "var(" not in text
        assert "@media" not in text
        assert palette["paper"] in text
    assert "prefers-color-scheme: dark" in render(graph, place(graph))
    with pytest.raises(ValueError, match="'sepia'"):
        render(graph, place(graph), theme="sepia")


def test_every_property_is_set_for_light_and_dark() -> None:
    css = stylesheet("auto")
    used = set(re.findall(r"var\(--tg-(\w+)\)", css))
    assert used <= set(PALETTES["light"])
    assert set(PALETTES["light"]) == set(PALETTES["dark"])


def luminance(colour: tuple[float, float, float]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def rgb(text: str) -> tuple[float, float, float]:
    return (int(text[1:3], 16) / 255, int(text[3:5], 16) / 255, int(text[5:7], 16) / 255)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    "name", [n for n in PALETTES["light"] if n not in ("paper", "line") and not n.endswith("Tint")]
)
def test_text_has_contrast_on_paper_and_on_every_tint(theme: str, name: str) -> None:
    palette = PALETTES[theme]
    grounds = [rgb(colour) for ground, colour in palette.items() if ground == "paper" or ground.endswith("Tint")]
    assert len(grounds) == 7
    for ground in grounds:
        light, dark = sorted((luminance(rgb(palette[name])), luminance(ground)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_an_embedded_picture_leaves_the_style_to_its_page() -> None:
    graph = random_graph(1)
    root = drawn(graph, embedded=True)
    assert root.get("class") == "tg-graph"
    assert root.find(f"{SVG}style") is None


def test_a_moment_of_a_trace() -> None:
    graph = random_graph(1)
    layout = place(graph, trace_over(graph))
    text = render(graph, layout, labels={"e0": "[6.]"}, gradients={"n1": "grad [6.]"}, active={"n1", "e0"})
    root = ET.fromstring(text)
    parts = {element.get("data-node") or element.get("data-edge"): element for element in root.iter(f"{SVG}g")}
    assert "tg-on" in str(parts["n1"].get("class"))
    assert "tg-on" not in str(parts["n2"].get("class"))
    assert parts["e0"].findtext(f"{SVG}text") == "[6.]"
    written = {child.get("class"): child.text for child in parts["n1"]}
    assert written["tg-grad"] == "grad [6.]"
    assert "grad: not yet" in [child.text for child in parts["n0"]]


def test_a_cell_is_an_image_that_becomes_inline_and_never_repeats_an_id() -> None:
    drawing = Drawing(random_graph(4))
    one, two = html_cell(drawing), html_cell(drawing)
    pictures = [
        base64.b64decode(re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', cell)[0]) for cell in (one, two)
    ]
    ids = [{element.get("id") for element in ET.fromstring(picture).iter()} - {None} for picture in pictures]
    assert len(ids[0]) == 1 + len(drawing.graph.nodes) + len(drawing.graph.edges)
    assert not ids[0] & ids[1]
    # What an untrusted notebook takes out leaves the image, and no loose text.
    rest = re.sub(r"<script>.*?</script>|<[^>]*>", "", one, flags=re.DOTALL)
    assert rest.strip() == ""


def test_a_description_says_everything_in_the_box() -> None:
    node = Node(
        "n0",
        "op",
        "PowBackward0",
        "Pow",
        "operation",
        detail="exponent = 3",
        name="h",
        value=value(8.0),
        grad=value(-0.5),
    )
    assert describe(node) == "operation PowBackward0; exponent = 3; h = [8.0]; grad = [-0.5]"


def test_the_tutorial_graph_fits_into_a_notebook_column() -> None:
    """Twelve boxes at full size: no wider than the 900 pixels of a notebook."""
    leaf = [Node(f"n{i}", "leaf", title=f"weight_{i}", word="leaf", value=value(1.25, -2.5, 3.125)) for i in range(4)]
    ops = [Node(f"n{i}", "op", "AddmmBackward0", "Addmm", "operation", value=value(1.25, -2.5)) for i in range(4, 12)]
    pairs = [(11, 10), (10, 9), (9, 8), (8, 7), (7, 6), (6, 5), (5, 4), (4, 0), (5, 1), (7, 2), (9, 3)]
    edges = tuple(Edge(f"e{i}", f"n{a}", f"n{b}", i, input_name="self") for i, (a, b) in enumerate(pairs))
    assert place(Graph((*leaf, *ops), edges)).width <= 900
