"""Pictures as PDF, with lines that stay sharp and text that can be searched; no package needed.

It reads what our one SVG writer writes and nothing else: groups, rectangles, paths of lines and cubic curves,
and text, with the rules of graph.css. The shipped fonts go into the file, so it looks the same everywhere.
Characters that they lack (emoji, Chinese) are drawn as empty boxes, as in the PNG.

A PDF file is a list of numbered objects and a table of where each begins. Its numbers are points (1/72 inch),
counted from the lower left corner; each page turns them into CSS pixels from the upper left.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Iterable, Iterator, Sequence

from .metrics import FILES, glyphs_of, text_width

_POINTS = 0.75  # per CSS pixel
_ROUND = 0.5523  # how far a cubic's handles reach to make a quarter of a circle
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")

Style = dict[str, str]
Compound = tuple[str, frozenset[str]]  # a tag ("" is any) and classes


def pdf(pictures: Sequence[str], title: str = "") -> bytes:
    """One page for each of ``pictures``: SVG text of our own writer with colours written in (theme "light")."""
    fonts = [_Font(bold) for bold in (False, True)]
    pages = [_page(ET.fromstring(picture), fonts) for picture in pictures]
    objects: list[bytes] = [b""] * 3  # catalogue, list of pages, information: written when the rest is known
    font_numbers = []
    for font in fonts:
        first = len(objects) + 1
        objects += font.objects(first)
        font_numbers.append(first)
    resources = "/Font <<" + " ".join(f"/F{i} {number} 0 R" for i, number in enumerate(font_numbers)) + ">>"
    alphas = sorted({alpha for _, _, _, used in pages for alpha in used})
    resources += " /ExtGState <<" + " ".join(f"/{_alpha(a)} <</ca {a}>>" for a in alphas) + ">>"
    kids = []
    for width, height, content, _ in pages:
        objects.append(_stream(content.encode("ascii")))
        box = f"/MediaBox [0 0 {_n(width * _POINTS)} {_n(height * _POINTS)}]"
        page = f"<</Type /Page /Parent 2 0 R {box} /Contents {len(objects)} 0 R /Resources <<{resources}>>>>"
        objects.append(page.encode("ascii"))
        kids.append(f"{len(objects)} 0 R")
    objects[0] = b"<</Type /Catalog /Pages 2 0 R>>"
    objects[1] = f"<</Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)}>>".encode("ascii")
    objects[2] = f"<</Title <FEFF{title.encode('utf-16-be', 'replace').hex()}> /Producer (teachgrad)>>".encode("ascii")
    return _file(objects)


def _file(objects: Sequence[bytes]) -> bytes:
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<</Size %d /Root 1 0 R /Info 3 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


def _stream(data: bytes, entries: str = "") -> bytes:
    packed = zlib.compress(data, 9)
    return (
        f"<</Length {len(packed)} /Filter /FlateDecode {entries}>>\nstream\n".encode("ascii") + packed + b"\nendstream"
    )


class _Font:
    """One of the shipped fonts, and which of its glyphs the pages use."""

    def __init__(self, bold: bool) -> None:
        self.bold = bold
        self.glyphs = glyphs_of(bold)
        self.used: dict[int, str] = {0: "\ufffd"}

    def encode(self, text: str) -> str:
        """``text`` as glyph numbers, four hexadecimal digits each."""
        numbers = [self.glyphs.get(char, 0) for char in text]
        self.used.update({number: char for number, char in zip(numbers, text, strict=True) if number})
        return "".join(f"{number:04X}" for number in numbers)

    def objects(self, first: int) -> list[bytes]:
        """The font as PDF objects, numbered from ``first``, which is the one to name."""
        name = "DejaVuSans-Bold" if self.bold else "DejaVuSans"
        widths = " ".join(f"{n} [{text_width(c, 1000.0, self.bold):.0f}]" for n, c in sorted(self.used.items()) if n)
        lines = [f"<{n:04X}> <{c.encode('utf-16-be').hex()}>" for n, c in sorted(self.used.items()) if n]
        blocks = [lines[i : i + 100] for i in range(0, len(lines), 100)]
        mapping = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
        unicode = (
            "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapType 2 def /CMapName /U def\n"
            f"1 begincodespacerange <0000> <FFFF> endcodespacerange\n{mapping}\n"
            "endcmap CMapName currentdict /CMap defineresource pop end end"
        )
        data = FILES[self.bold].read_bytes()
        return [
            f"<</Type /Font /Subtype /Type0 /BaseFont /{name} /Encoding /Identity-H "
            f"/DescendantFonts [{first + 1} 0 R] /ToUnicode {first + 3} 0 R>>".encode("ascii"),
            f"<</Type /Font /Subtype /CIDFontType2 /BaseFont /{name} /CIDToGIDMap /Identity /DW 600 /W [{widths}] "
            "/CIDSystemInfo <</Registry (Adobe) /Ordering (Identity) /Supplement 0>> "
            f"/FontDescriptor {first + 2} 0 R>>".encode("ascii"),
            f"<</Type /FontDescriptor /FontName /{name} /Flags 4 /FontBBox [-1069 -415 1975 1174] /ItalicAngle 0 "
            f"/Ascent 928 /Descent -236 /CapHeight 729 /StemV 80 /FontFile2 {first + 4} 0 R>>".encode("ascii"),
            _stream(unicode.encode("ascii")),
            _stream(data, f"/Length1 {len(data)}"),
        ]


def _page(svg: ET.Element, fonts: Sequence[_Font]) -> tuple[float, float, str, set[str]]:
    """A picture's width, height and drawing commands, and the opacities that they use."""
    width, height = float(svg.get("width", 0)), float(svg.get("height", 0))
    rules = list(_rules("".join(svg.find("{*}style").itertext())))  # type: ignore[union-attr]
    out = [f"{_POINTS} 0 0 {-_POINTS} 0 {_n(height * _POINTS)} cm 1 j"]
    alphas: set[str] = set()
    todo: list[tuple[ET.Element | str, tuple[Compound, ...]]] = [(svg, ())]
    while todo:
        element, around = todo.pop()
        if isinstance(element, str):
            out.append(element)
            continue
        tag = element.tag.rpartition("}")[2]
        path = (*around, (tag, frozenset(element.get("class", "").split())))
        style = _style(path, rules)
        if tag in ("svg", "g"):
            move = re.fullmatch(r"translate\(([-\d.]+)(?:,([-\d.]+))?\)", element.get("transform", ""))
            todo.append(("Q", path))
            todo += [(child, path) for child in reversed(element)]
            out.append(f"q 1 0 0 1 {move[1]} {move[2] or 0} cm" if move else "q")
        elif tag == "text":
            out += _text(element, style, fonts)
        elif tag in ("rect", "path"):
            alpha = style.get("fill-opacity", "1")
            alphas.add(alpha)
            out += _shape(element, tag, style, alpha)
    return width, height, "\n".join(out), alphas


def _rules(css: str) -> Iterator[tuple[tuple[int, int], tuple[Compound, ...], Style]]:
    """Each selector with its weight, its parts from outside inwards, and what it sets."""
    for selectors, body in _RULE.findall(css):
        parts = (line.partition(":") for line in body.split(";") if ":" in line)
        sets = {name.strip(): value.strip() for name, _, value in parts}
        for selector in selectors.split(","):
            compounds = []
            for word in selector.split():
                tag, *classes = word.split(".")
                compounds.append((tag, frozenset(classes)))
            weight = sum(len(classes) for _, classes in compounds), sum(bool(tag) for tag, _ in compounds)
            yield weight, tuple(compounds), sets


def _style(path: tuple[Compound, ...], rules: Iterable[tuple[tuple[int, int], tuple[Compound, ...], Style]]) -> Style:
    """What the rules set for the element at the end of ``path``: the weightiest last, of equal ones the later."""
    style: Style = {}
    for _, _, sets in sorted((rule for rule in rules if _fits(rule[1], path)), key=lambda rule: rule[0]):
        style |= sets
    return style


def _fits(selector: tuple[Compound, ...], path: tuple[Compound, ...]) -> bool:
    def meets(wanted: Compound, found: Compound) -> bool:
        return wanted[0] in ("", found[0]) and wanted[1] <= found[1]

    if not meets(selector[-1], path[-1]):
        return False
    outer = iter(path[:-1])
    return all(any(meets(wanted, found) for found in outer) for wanted in selector[:-1])


def _shape(element: ET.Element, tag: str, style: Style, alpha: str) -> Iterator[str]:
    fill, stroke = style.get("fill", "none"), style.get("stroke", "none")
    if fill != "none":
        yield f"/{_alpha(alpha)} gs {_colour(fill)} rg"
    if stroke != "none":
        yield f"{_colour(stroke)} RG {style.get('stroke-width', '1px').removesuffix('px')} w"
        yield f"[{style.get('stroke-dasharray', '')}] 0 d"
    yield " ".join(_rounded(element) if tag == "rect" else _curve(element.get("d", "")))
    yield {(True, True): "B", (True, False): "f", (False, True): "S"}.get((fill != "none", stroke != "none"), "n")


def _rounded(rect: ET.Element) -> Iterator[str]:
    x, y, w, h, r = (float(rect.get(name, 0)) for name in ("x", "y", "width", "height", "rx"))
    r = min(r, w / 2, h / 2)
    k = r * (1 - _ROUND)
    yield f"{_n(x + r)} {_n(y)} m {_n(x + w - r)} {_n(y)} l"
    for corner in (
        (x + w - k, y, x + w, y + k, x + w, y + r, x + w, y + h - r),
        (x + w, y + h - k, x + w - k, y + h, x + w - r, y + h, x + r, y + h),
        (x + k, y + h, x, y + h - k, x, y + h - r, x, y + r),
        (x, y + k, x + k, y, x + r, y, x + r, y),
    ):
        a, b, c, d, e, f, u, v = map(_n, corner)
        yield f"{a} {b} {c} {d} {e} {f} c {u} {v} l"
    yield "h"


def _curve(d: str) -> Iterator[str]:
    """``M1,2 C3,4 5,6 7,8`` as PDF has it: the numbers first."""
    for command, numbers in re.findall(r"([MLCZ])([^MLCZ]*)", d):
        found = re.findall(r"-?[\d.]+", numbers)
        size = 6 if command == "C" else 2
        for i in range(0, len(found), size):
            yield f"{' '.join(found[i : i + size])} {command.lower()}"
        if command == "Z":
            yield "h"


def _text(element: ET.Element, style: Style, fonts: Sequence[_Font]) -> Iterator[str]:
    text = element.text or ""
    bold = style.get("font-weight") == "bold"
    size = float(style.get("font-size", "12px").removesuffix("px"))
    x, y = float(element.get("x", 0)), float(element.get("y", 0))
    if style.get("text-anchor") == "middle":
        x -= text_width(text, size, bold) / 2
    begin = f"BT /F{int(bold)} {size} Tf 1 0 0 -1 {_n(x)} {_n(y)} Tm"
    shown = f"<{fonts[bold].encode(text)}> Tj ET"
    stroke = style.get("stroke", "none")
    if text and stroke != "none":  # a halo, behind the letters
        width = style.get("stroke-width", "1px").removesuffix("px")
        yield f"{_colour(stroke)} RG {width} w [] 0 d 1 Tr {begin} {shown} 0 Tr"
    if text:
        yield f"/{_alpha('1')} gs {_colour(style.get('fill', '#000000'))} rg {begin} {shown}"


def _alpha(opacity: str) -> str:
    return f"A{round(float(opacity) * 1000)}"


def _colour(text: str) -> str:
    """``#rrggbb`` as three numbers from 0 to 1."""
    return " ".join(_n(int(text[i : i + 2], 16) / 255) for i in (1, 3, 5))


def _n(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")
