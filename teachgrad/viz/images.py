"""Pictures made of dots: PNG from our SVG, drawn by resvg with the shipped fonts only."""

from __future__ import annotations

import re

from .metrics import FAMILY, FILES

MOST_PIXELS = 24_000_000  # of a whole picture; drawing takes about a second for 10 million
MOST_SIDE = 16_000
SCALE = 2.0  # dots per CSS pixel, when no width is asked for: sharp on a dense screen and in print


def png(svg: str, width: int | None = None) -> bytes:
    """Draw SVG text (with colours written in, theme="light" or "dark") as PNG, ``width`` dots wide.

    Without a width it is twice the picture's own, and smaller where the picture is so large that this would
    take minutes. Raises ValueError for a width that cannot be had, RuntimeError when the resvg-py package is
    missing.
    """
    try:
        import resvg_py
    except ImportError as problem:
        raise RuntimeError("PNG export needs the resvg-py package: pip install resvg-py.") from problem
    wide, high = _size(svg)
    most = int(min(wide * (MOST_PIXELS / (wide * high)) ** 0.5, MOST_SIDE, MOST_SIDE * wide / high))
    if width is None:
        width = max(1, min(round(wide * SCALE), most))
    if not 1 <= width <= most:
        raise ValueError(f"This picture can be 1 to {most} dots wide, not {width}.")
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg,
            width=width,
            dpi=96.0,
            skip_system_fonts=True,
            font_files=[str(path) for path in FILES],
            font_family=FAMILY,
            sans_serif_family=FAMILY,
        )
    )


def _size(svg: str) -> tuple[float, float]:
    match = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    if match is None:
        raise ValueError("This is not a picture of ours: it has no viewBox.")
    return float(match[1]), float(match[2])
