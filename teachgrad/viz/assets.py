"""What the pages and cells are made of: the scripts and styles of ``static/``, the data, and the page around a cell."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
import zlib
from html import escape
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from .style import PALETTES, squeezed, stylesheet
from .svg import compact
from .values import visible

#: A player's page may load nothing and run nothing but its own script: no inline handler, no other host.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
body {{ margin: 0; background: light-dark(#eef0f3, #0c0f13); }}
main {{ max-width: 1200px; margin: 0 auto; padding: 16px; }}
h1 {{ margin: 0 0 12px; font: 600 17px/1.4 system-ui, sans-serif; overflow-wrap: anywhere; }}
h1 {{ color: light-dark(#1a1f26, #e8ecf1); }}
@media print {{ body {{ background: none; }} main {{ padding: 0; }} }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<noscript><p>With scripts switched off, here are the picture and every step of backward().</p></noscript>
{cell}
</main>
</body>
</html>
"""

_CELL = """\
<div class="tg-root tg-player tex2jax_ignore mathjax_ignore" data-uid="{uid}">
<style>{css}</style>
<img class="tg-still" alt="{alt}" src="data:image/svg+xml,{picture}">
<details class="tg-events"{open}><summary>{summary}</summary>
{words}
</details>
<script type="text/plain" class="tg-data">{data}</script>{program}
</div>"""

#: The player's modules, each after those it imports from; a page whose groups open, one that asks questions, the widget,
#: and the replay of a training need others.
MODULES = ("values.js", "frames.js", "picture.js", "camera.js", "panel.js", "controls.js", "player.js")
OPENING, QUIZ, WIDGET, PAIR = "opening.js", "quiz.js", "widget.js", "pair.js"

NORMS = ("values.js", "frames.js", "picture.js", "camera.js", "norms.js")


def cell(
    data: dict[str, Any], program: str, picture: str, alt: str, summary: str, words: str, is_open: bool = False
) -> str:
    """What a notebook shows: an image and, under ``summary``, HTML that says the same in words; then, where scripts may run,
    what ``program`` makes of ``data`` ("" where one stands elsewhere). ``data["prefix"]`` is what the output is called, and
    ``alt`` is escaped already.
    """
    return _CELL.format(
        uid=data["prefix"],
        css=squeezed(asset("still.css")),
        alt=alt,
        picture=address(picture),
        open=" open" if is_open else "",
        summary=summary,
        words=words,
        data=packed(data),
        program=f'\n<script type="module">{program}</script>' if program else "",
    )


def page(title: str, cell: str, program: str) -> str:
    """A whole HTML page around a cell: it may load nothing, and run nothing but the cell's own ``program``."""
    digest = base64.b64encode(hashlib.sha256(program.encode()).digest()).decode()
    return _PAGE.format(policy=_POLICY.format(digest=digest), title=shown(title), cell=cell)


def address(picture: str) -> str:
    """A picture of ours as the address of an ``<img>``, without the ``data:image/svg+xml,`` in front."""
    return quote(compact(picture), safe=" <>=:;,/()'.-_~!*+@$?[]")


@functools.cache
def asset(name: str) -> str:
    """A file of the ``static`` folder, as text."""
    return (files("teachgrad.viz") / "static" / name).read_text("utf-8")


def packed(data: Any) -> str:
    """JSON, compressed (zlib), as base64: a replay says much twice, and a notebook keeps every byte."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode("ascii"), 9)).decode("ascii")


@functools.cache
def script(names: tuple[str, ...] = MODULES) -> str:
    """Files of the ``static`` folder as one ES module: joined, without imports of each other and comments."""
    joined = "\n".join(asset(name) for name in names)
    joined = re.sub(r'^import \{[^}]*\} from "\./\w+\.js";\n', "", joined, flags=re.MULTILINE)
    joined = re.sub(r"^\s*/\*[\s\S]*?\*/\n|(?:^|(?<=\s))//\s.*$", "", joined, flags=re.MULTILINE)
    joined = re.sub(r"^export (?=async|function|const|let|class)", "", joined, flags=re.MULTILINE)
    lines = "\n".join(_squeezed(line.strip()) for line in joined.splitlines() if line.strip())
    pieces = _STRING.split(re.sub(r"(?<=[;{,])\n", "", lines))
    pieces[::2] = [re.sub(r";(?=\})|(?<=\})\n(?=\})", "", piece) for piece in pieces[::2]]
    return "".join(pieces) + "\n"


_STRING = re.compile(r'("(?:[^"\\]|\\.)*"|`[^`]*`)')


def _squeezed(line: str) -> str:
    """A line of JavaScript without the spaces around its operators; strings stay as they are."""
    pieces = _STRING.split(line)
    for i in range(0, len(pieces), 2):
        piece = re.sub(r"\b(if|for|while) (?=\()", r"\1", pieces[i])
        piece = re.sub(r" ?(=>|[=!]==|&&|\|\||[{},;?:]|(?<=\s)[*<>=/%+-](?=\s)) ?", r"\1", piece)
        pieces[i] = re.sub(r"\) (?=\w)", ")", piece)
    return "".join(pieces)


def program(uid: str, *, opens: bool = False, asks: bool = False) -> str:
    """The player with what a page needs besides, and the call that mounts the output called ``uid``. A module, so that its
    names stay its own."""
    names = (*MODULES, *([OPENING] if opens else []), *([QUIZ] if asks else []))
    needs = ", ".join((["makeComposer"] if opens else []) + (["practice", "makeQuiz"] if asks else []))
    return f'{script(names)}mountAll("{uid}", {{{needs}}});\n'


@functools.cache
def css() -> str:
    """The style sheet of the player and of the picture in it; paper is white, whatever the screen is."""
    light = " ".join(f"--tg-{name}: {colour};" for name, colour in PALETTES["light"].items())
    on_paper = f"@media print {{ .tg-player.tg-player.tg-player {{ {light} }} }}"
    return squeezed("\n".join((asset("still.css"), stylesheet(), asset("player.css"), on_paper)))


def shown(text: str) -> str:
    """``text`` escaped for HTML, with what cannot be seen or may not stand in a page spelled out."""
    return escape(visible(text))
