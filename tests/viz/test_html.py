"""The player as HTML, read as text: what is in it, what is not, and how it is saved."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

import teachgrad as torch
from teachgrad import viz
from teachgrad.viz.assets import MODULES, NORMS, OPENING, QUIZ, WIDGET, asset, css, script
from teachgrad.viz.html import Player
from teachgrad.viz.mathml import mathml
from teachgrad.viz.style import PALETTES
from teachgrad.viz.svg import compact

HOSTILE = ["<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>", "\"'&<b>", "nul\0", "שלום", "🙂"]


def replay(names: list[str] | None = None) -> Player:
    """z = x * y + x at x = 3, y = -2, with other names if given."""
    x = torch.tensor(3.0, requires_grad=True)
    y = torch.tensor(-2.0, requires_grad=True)
    z = x * y + x
    return viz.animate(z, names=dict(zip(names or ["x", "y"], (x, y), strict=False)) | {"z": z})


class Elements(HTMLParser):
    """The start tags of a page, and the text inside its scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_a_cell_holds_the_picture_the_trace_and_the_script() -> None:
    player = replay()
    cell = Elements(player.html())
    (picture,) = cell.of("img")
    kind, _, text = picture["src"].partition(",")
    assert kind == "data:image/svg+xml"
    assert texts(unquote(text)) == texts(player.svg())
    data, script_of_page = cell.scripts
    sent = unpacked(data)
    assert viz.Trace.from_dict(sent["trace"]) == player.trace
    assert list(sent["views"]) == [""]
    assert sent["css"] == css()
    assert script_of_page.startswith(script())


def unpacked(data: str) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(data)))


def texts(picture: str) -> list[str]:
    """What is written in a picture, without the empty labels and the names for screen readers."""
    return [
        text for element in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}text") if (text := element.text)
    ]


def test_the_still_picture_is_the_picture_in_fewer_bytes() -> None:
    whole = replay().svg()
    small = compact(whole)
    assert len(small) < 0.7 * len(whole)
    assert '"' not in small
    used = {name for found in re.findall(r"class='([^']+)'", small) for name in found.split()}
    assert set(re.findall(r"\.([a-z]+)[ {,]", re.search("<style>(.*)</style>", small)[1])) <= used
    assert texts(small) == texts(whole)


def test_a_lesson_of_37_nodes_stays_under_its_budget() -> None:
    params = {f"w{i}": torch.tensor(0.1 * i - 0.7, requires_grad=True) for i in range(6)}
    w = list(params.values())
    hidden = (w[0] * 2.0 + w[1]).tanh() * w[2] + (w[0] * 3.0 - w[3]).tanh() * w[4]
    loss = (hidden * hidden + w[5]).exp() + w[1] * w[3] + (w[2] ** 2 - w[5]).tanh()
    loss = (loss + (w[3] * 2.0).exp() * w[0]).sin() * 2.0
    player = viz.animate(loss, names=params | {"hidden": hidden, "loss": loss})
    assert len(player.trace.graph.nodes) == 37
    assert len(player.html().encode()) < 100_000


def test_a_cell_asks_nobody_for_anything() -> None:
    cell = Elements(replay().html())
    addresses = [a[key] for _, a in cell.tags for key in ("src", "href", "srcset", "data") if key in a]
    assert [address for address in addresses if not address.startswith("data:")] == []
    assert not re.search(r"@import|url\(|fetch\(|import\(|XMLHttpRequest|WebSocket", css() + script())


def test_the_script_is_small_and_never_reads_text_as_code() -> None:
    assert len(script().encode()) < 50_000
    whole = script((*MODULES, OPENING, QUIZ, WIDGET)) + script(NORMS)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|import\(", whole)


def test_the_modules_are_joined_without_a_trace() -> None:
    together = script((*MODULES, OPENING, QUIZ, WIDGET))
    assert not re.search(r"^import |^export (?!default)|/\*|(^|\s)// ", together, re.MULTILINE)
    for name in (*MODULES, OPENING, QUIZ, WIDGET):
        for declared in re.findall(r"^export (?:async )?(?:function|const) (\w+)", asset(name), re.MULTILINE):
            found = re.findall(rf"(?:^|[;}}])(?:async function|function|const) {declared}\b", together, re.MULTILINE)
            assert len(found) == 1, declared


def test_squeezing_changes_no_string_and_no_meaning(tmp_path: Path) -> None:
    strings = r'"(?:[^"\\\n]|\\.)*"|`[^`\n]*`'
    whole = "\n".join(asset(name) for name in (*MODULES, OPENING, QUIZ, WIDGET))
    whole = re.sub(r"^import .*$|^\s*/\*[\s\S]*?\*/$|(?:^|(?<=\s))//\s.*$", "", whole, flags=re.MULTILINE)
    assert re.findall(strings, script((*MODULES, OPENING, QUIZ, WIDGET))) == re.findall(strings, whole)
    if (node := shutil.which("node")) is None:
        pytest.skip("no Node to read the script; the browser tests run it")
    (tmp_path / "player.mjs").write_text(script((*MODULES, OPENING, QUIZ, WIDGET)), "utf-8")
    done = subprocess.run([node, "--check", tmp_path / "player.mjs"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_same_replay_is_the_same_bytes() -> None:
    assert replay().html() == replay().html()
    assert replay().html() != replay(["u", "v"]).html()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_stays_text(name: str) -> None:
    plain, hostile = Elements(replay(["x", "y"]).page()), Elements(replay([name, "y"]).page())
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in plain.tags]
    assert len(hostile.scripts) == 2
    assert not [key for _, attributes in hostile.tags for key in attributes if key.startswith("on")]
    page = replay([name, "y"]).page()
    page.encode()  # no lone surrogate
    assert "\0" not in page


def test_a_page_is_complete_and_runs_its_own_script_only() -> None:
    page = replay().page()
    elements = Elements(page)
    assert page.startswith("<!doctype html>")
    assert elements.of("html") == [{"lang": "en"}]
    assert "<title>" in page
    assert "<noscript>" in page
    (policy,) = [a["content"] for a in elements.of("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    digest = base64.b64encode(hashlib.sha256(elements.scripts[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_the_table_has_every_step_and_is_open_only_on_a_page() -> None:
    player = replay()
    assert player.page().count('<th scope="row">') == len(player.trace.events)
    assert 'class="tg-events" open' in player.page()
    assert 'class="tg-events">' in player.html()
    for event in player.trace.events:
        assert event.sentence in player.html()


def test_a_notebook_gets_html_and_words() -> None:
    player = replay()
    bundle = player._repr_mimebundle_()
    assert bundle == {"text/html": player.html(), "text/plain": player.trace.text()}


def test_the_picture_shows_the_end() -> None:
    picture = replay().svg()
    assert re.findall(r'class="tg-edge-label"[^>]*>([^<]*)<', picture) == ["1.", "1.", "1.", "-2.", "3.", "-1.", "3."]
    assert "grad: not yet" not in picture


@pytest.mark.parametrize(
    ("suffix", "start"),
    [
        (".html", b"<!doctype html>"),
        (".svg", b"<svg "),
        (".png", b"\x89PNG"),
        (".json", b"{"),
        (".txt", b"  1. backward() starts at z"),
        (".HTML", b"<!doctype html>"),
    ],
)
def test_save_goes_by_the_ending(tmp_path: Path, suffix: str, start: bytes) -> None:
    path = replay().save(tmp_path / f"replay{suffix}")
    assert path.read_bytes().startswith(start)
    assert list(tmp_path.iterdir()) == [path]


def test_a_saved_trace_is_the_trace(tmp_path: Path) -> None:
    player = replay()
    saved = player.save(tmp_path / "replay.json").read_text("utf-8")
    assert viz.Trace.from_json(saved) == player.trace


def test_save_refuses_in_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"should end in \.html, \.svg, .* or \.pdf"):
        replay().save(tmp_path / "replay.mp4")
    with pytest.raises(OSError, match=r"^Cannot write .*\.html: .*\.$"):
        replay().save(tmp_path / "missing" / "replay.html")
    assert list(tmp_path.iterdir()) == []


def test_a_replay_is_saved_as_what_its_name_ends_in(tmp_path: Path) -> None:
    for name, start in [("r.pdf", b"%PDF-"), ("r.anim.svg", b"<"), ("r.html", b"<!doctype"), ("r.png", b"\x89PNG")]:
        assert replay().save(tmp_path / name).read_bytes().lower().startswith(start.lower()), name
    assert b"<animate" in (tmp_path / "r.anim.svg").read_bytes()


@pytest.mark.parametrize(
    ("expression", "tree"),
    [
        ("a * b + c", ["mrow", ["mi", "a"], ["mo", "·"], ["mi", "b"], ["mo", "+"], ["mi", "c"]]),
        (
            "1 * -3",
            ["mrow", ["mn", "1"], ["mo", "·"], ["mrow", ["mo", "("], ["mrow", ["mo", "−"], ["mn", "3"]], ["mo", ")"]]],
        ),
        ("a / (b + c)", ["mfrac", ["mi", "a"], ["mrow", ["mi", "b"], ["mo", "+"], ["mi", "c"]]]),
        ("a.mm(b.t())", ["mrow", ["mi", "a"], ["mo", "@"], ["msup", ["mi", "b"], ["mo", "⊤"]]]),
        ("exp(a)", ["msup", ["mi", "e"], ["mi", "a"]]),
        ("F.sqrt(a)", ["msqrt", ["mi", "a"]]),
        ("[[1, 2]]", ["mtable", ["mtr", ["mtd", ["mn", "1"]], ["mtd", ["mn", "2"]]]]),
        ("⟨2×3⟩", ["mi", "⟨2×3⟩"]),
        ("a, summed to shape (1,)", ["mrow", ["mi", "a"], ["mtext", ", summed to shape (1,)"]]),
        ("2x3 float32, mean 0.12", None),
        ("lambda: 1", None),
        ("(" * 500 + ")" * 500, None),
    ],
)
def test_formulas_are_typeset_or_left_alone(expression: str, tree: object) -> None:
    assert mathml(expression) == tree


@pytest.mark.parametrize(
    ("expression", "brackets"),
    [("a - (b - c)", 1), ("(a - b) - c", 0), ("(a + b) * c", 1), ("a * (b * c)", 1), ("(-a) ** 2", 1), ("-a ** 2", 0)],
)
def test_formulas_keep_the_brackets_that_matter(expression: str, brackets: int) -> None:
    assert json.dumps(mathml(expression)).count('["mo", "("]') == brackets


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("mode", "place"), [("light", 1), ("dark", 2)])
def test_every_text_colour_has_contrast_on_every_paper(mode: str, place: int) -> None:
    pairs = re.findall(r"--tg-(\w+): light-dark\((#\w{6}), (#\w{6})\)", asset("player.css"))
    colours = {pair[0]: pair[place] for pair in pairs} | PALETTES[mode]
    for text in ("ink", "muted", "plus", "minus", "now"):
        for paper in ("paper", "surface", "wash"):
            assert contrast(colours[text], colours[paper]) >= 4.5, (text, paper)
