"""How wide a text is: advance widths read straight from the shipped font files, no font library.

A TrueType file is a directory of tables; two of them are enough. ``cmap`` maps characters to glyphs, ``hmtx``
holds how far each glyph moves the pen.
"""

from __future__ import annotations

import functools
import struct
import unicodedata
from pathlib import Path

FAMILY = "DejaVu Sans"
FILES = tuple(Path(__file__).with_name("fonts") / name for name in ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"))


@functools.lru_cache(4096)  # the words of a graph come again and again
def text_width(text: str, size: float, bold: bool = False) -> float:
    """Width of ``text`` in pixels at font size ``size``; characters the font lacks are estimated."""
    advances = _advances(bold)
    return size * sum(advances[char] if char in advances else _elsewhere(char) for char in text)


def _elsewhere(char: str) -> float:
    if unicodedata.combining(char):
        return 0.0
    return 1.3 if unicodedata.east_asian_width(char) in "WF" else 0.7


@functools.cache
def glyphs_of(bold: bool) -> dict[str, int]:
    """Character -> number of its glyph in the font file."""
    data, tables = _tables(bold)
    return {chr(code): glyph for code, glyph in _glyphs(data, tables[b"cmap"])}


def _tables(bold: bool) -> tuple[bytes, dict[bytes, int]]:
    """The font file, and where each of its tables begins."""
    data = FILES[bold].read_bytes()
    (count,) = struct.unpack_from(">H", data, 4)
    places = range(12, 12 + 16 * count, 16)
    return data, {data[at : at + 4]: struct.unpack_from(">I", data, at + 8)[0] for at in places}


@functools.cache
def _advances(bold: bool) -> dict[str, float]:
    """Character -> advance width in units of the font size."""
    data, tables = _tables(bold)
    (per_em,) = struct.unpack_from(">H", data, tables[b"head"] + 18)
    (full,) = struct.unpack_from(">H", data, tables[b"hhea"] + 34)
    # The last width is shared by all glyphs from there on, so a glyph beyond it reads the last entry.
    widths = struct.unpack_from(">" + "Hh" * full, data, tables[b"hmtx"])[::2]
    return {char: widths[min(glyph, full - 1)] / per_em for char, glyph in glyphs_of(bold).items()}


def _glyphs(data: bytes, cmap: int) -> list[tuple[int, int]]:
    """(character code, glyph number) pairs of the format 4 subtable: segments of consecutive codes."""
    (count,) = struct.unpack_from(">H", data, cmap + 2)
    starts = [cmap + struct.unpack_from(">I", data, cmap + 8 + 8 * i)[0] for i in range(count)]
    at = next(start for start in starts if struct.unpack_from(">H", data, start)[0] == 4)
    segments = struct.unpack_from(">H", data, at + 6)[0] // 2
    ends = struct.unpack_from(f">{segments}H", data, at + 14)
    firsts = struct.unpack_from(f">{segments}H", data, at + 16 + 2 * segments)
    deltas = struct.unpack_from(f">{segments}H", data, at + 16 + 4 * segments)
    offsets_at = at + 16 + 6 * segments
    offsets = struct.unpack_from(f">{segments}H", data, offsets_at)
    pairs = []
    for i in range(segments):
        for code in range(firsts[i], min(ends[i], 0xFFFE) + 1):
            glyph = code
            if offsets[i]:  # counted from where the offset itself stands
                place = offsets_at + 2 * i + offsets[i] + 2 * (code - firsts[i])
                (glyph,) = struct.unpack_from(">H", data, place)
            pairs.append((code, (glyph + deltas[i]) & 0xFFFF if glyph else 0))
    return [(code, glyph) for code, glyph in pairs if glyph]
