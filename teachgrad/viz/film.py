"""A replay of backward() as pictures: one frame for each step, and the files that show them one after another.

frames       what is written and what is lit at each step
film         the same as SVG texts, with the step's sentence below
animated     one SVG file that plays by itself, also inside an <img>, where no script runs
gif, webp    the same as bitmaps (with Pillow)
pages        the same as a PDF with a page for each step
save         any of them, as the file's name says
"""

from __future__ import annotations

import io
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .cards import gradient_line
from .files import suffix_of, write
from .images import MOST_PIXELS, png
from .metrics import text_width
from .model import Event, Layout, Trace
from .pdf import pdf
from .style import rules
from .svg import LEADING, Caption, render

SUFFIXES = (".gif", ".webp", ".pdf")
ANIMATED = ".anim.svg"
SECONDS = 1.4  # that a step is shown: time to read a short sentence
PAUSE = 2  # steps that the last one stays longer
START = "Before backward(): no gradient has flowed yet."
MOST_FRAMES = 400
COLOURS = 96  # of a GIF: ours, and the steps between them that smooth the letters
LEAST_WIDTH = 460.0  # of a picture with a sentence below
_CAPTION = 13.0  # font size


@dataclass
class Frame:
    """The moment after some of a trace's events."""

    labels: dict[str, str] = field(default_factory=dict)  # edge id -> the gradient on it
    gradients: dict[str, str] = field(default_factory=dict)  # node id -> its gradient line
    active: frozenset[str] = frozenset()
    sentence: str = START
    edge: str | None = None  # along which a gradient has just gone


def frames(trace: Trace) -> list[Frame]:
    """The moment before the first event, and that after each."""
    targets = {edge.id: edge.target for edge in trace.graph.edges}
    found = [Frame()]
    for event in trace.events:
        before = found[-1]
        if event.index in trace.passes and event.index > 0:  # a new pass: only .grad on the leaves stays
            leaves = {node.id for node in trace.graph.nodes if node.kind in ("leaf", "parameter")}
            gradients = {node: line for node, line in before.gradients.items() if node in leaves}
            before = Frame(gradients=gradients)
        found.append(_after(before, event, targets))
    return found


def _after(before: Frame, event: Event, targets: dict[str, str]) -> Frame:
    labels, gradients, active = dict(before.labels), dict(before.gradients), {event.node}
    arrived = {"call": event.gradient, "seed": event.out, "accumulate": event.delta}.get(event.kind)
    if arrived is not None:
        gradients[event.node] = gradient_line(arrived)
    flowed = event.delta or event.out
    if event.edge is not None:
        active.add(event.edge)
        if flowed is not None:
            labels[event.edge] = flowed.brief
        if event.after is not None:
            gradients[targets[event.edge]] = gradient_line(event.after)
            active.add(targets[event.edge])
    if event.kind == "reset":
        gradients.pop(event.node, None)
        if event.after is not None:
            gradients[event.node] = gradient_line(event.after)
    moved = event.edge if flowed is not None else None
    return Frame(labels, gradients, frozenset(active), event.sentence, moved)


def film(trace: Trace, layout: Layout, theme: str = "light", prefix: str = "tg") -> list[str]:
    """Each frame as a stand-alone SVG; all of one size. Raises ValueError for a replay of very many steps."""
    if len(trace.events) > MOST_FRAMES:
        raise ValueError(
            f"This replay has {len(trace.events):,} steps, and a film can have {MOST_FRAMES}; "
            "save it as .html, which plays any number."
        )
    shown = frames(trace)
    width = max(layout.width, LEAST_WIDTH)
    texts = [f"{i} of {len(trace.events)}. {frame.sentence}" for i, frame in enumerate(shown)]
    lines = [_wrapped(text, width - 28) for text in texts]
    height = LEADING * max(map(len, lines)) + 12
    return [
        render(
            trace.graph,
            layout,
            prefix=prefix,
            theme=theme,
            labels=frame.labels,
            gradients=frame.gradients,
            active=frame.active,
            caption=Caption(said, width, height),
        )
        for frame, said in zip(shown, lines, strict=True)
    ]


def _wrapped(text: str, room: float) -> tuple[str, ...]:
    """``text`` in lines of at most ``room`` pixels; at most five, a formula may be longer than any picture."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if text_width(longer, _CAPTION) <= room or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return tuple(lines) if len(lines) <= 5 else (*lines[:4], f"{lines[4][:-1]}…")


def animated(trace: Trace, layout: Layout, theme: str = "auto", seconds: float = SECONDS) -> str:
    """The whole replay as one SVG that plays in a loop, without a script (by SMIL).

    Each part of the picture that changes is there in all its states, one of them visible at a time. Where nothing
    plays, or the reader wants no motion, the last state is what is seen.
    """
    pictures = [_parts(picture) for picture in film(trace, layout, theme)]
    steps = len(pictures) + PAUSE
    out = []
    for states in zip(*pictures, strict=True):
        when: dict[str, list[int]] = {}
        for step, state in enumerate(states):
            when.setdefault(state, []).append(step)
        if len(when) == 1:
            out.append(states[0])
            continue
        for state, shown in when.items():
            is_last = state == states[-1]
            at = {*shown, *(range(len(pictures), steps) if is_last else ())}
            inside = re.sub(r' (id|tabindex)="[^"]*"', "", state)
            last, hidden = (" tg-last", "") if is_last else ("", ' visibility="hidden"')
            out.append(f'<g class="tg-state{last}"{hidden}>{_visible(at, steps, seconds)}{inside}</g>')
    dots = [_dot(layout, frame.edge, i, steps, seconds) for i, frame in enumerate(frames(trace)) if frame.edge]
    end = out.pop()
    return "\n".join([*out, *dots, end]).replace("</style>", f"\n{rules('film', theme)}</style>", 1) + "\n"


def _parts(picture: str) -> list[str]:
    """A picture's parts: the groups of nodes and edges and the lines of the caption whole, all else line by line."""
    head, *rest = picture.rstrip("\n").split("</style>\n")
    body = re.sub(r'((?:<text class="tg-caption".*\n)+)', _one_line, rest[0])
    body = re.sub(r'(<g class="tg-(?:node|edge)[\s\S]*?\n</g>)', _one_line, body)
    return [f"{head}</style>", *body.split("\n")]


def _one_line(match: re.Match[str]) -> str:
    whole = match[1].replace("\n", "")
    return whole + ("\n" if match[1].endswith("\n") else "")


def _visible(steps: set[int], all_steps: int, seconds: float) -> str:
    """The <animate> that shows its parent at these steps only."""
    values: list[str] = []
    times = []
    for step in range(all_steps):
        value = "visible" if step in steps else "hidden"
        if not values or value != values[-1]:
            values.append(value)
            times.append(_n(step / all_steps))
    loop = f'dur="{_n(all_steps * seconds)}s" repeatCount="indefinite"'
    listed = f'values="{";".join(values)}" keyTimes="{";".join(times)}"'
    return f'<animate attributeName="visibility" calcMode="discrete" {listed} {loop}/>'


def _dot(layout: Layout, edge: str, step: int, steps: int, seconds: float) -> str:
    """A dot that runs along an edge when its gradient is sent: against the data, from the last point to the first."""
    points = layout.routes[edge][-2::-1]
    path = f"M{_xy(points[0])} C{' '.join(map(_xy, points[1:]))}"
    begin, end = step / steps, (step + 0.45) / steps
    loop = f'dur="{_n(steps * seconds)}s" repeatCount="indefinite"'
    times = f"0;{_n(begin)};{_n(end)};1"
    motion = f'<animateMotion path="{path}" calcMode="linear" keyPoints="0;0;1;1" keyTimes="{times}" {loop}/>'
    shown = f'values="hidden;visible;hidden" keyTimes="0;{_n(begin)};{_n(end)}" {loop}'
    return (
        f'<circle class="tg-dot" r="5.5" visibility="hidden">{motion}'
        f'<animate attributeName="visibility" calcMode="discrete" {shown}/></circle>'
    )


def _xy(point: tuple[float, float]) -> str:
    return f"{_n(point[0])},{_n(point[1])}"


def _n(value: float) -> str:
    return f"{value:.5f}".rstrip("0").rstrip(".")


def gif(trace: Trace, layout: Layout, dark: bool = False, seconds: float = SECONDS) -> bytes:
    """The replay as an animated GIF. Raises RuntimeError when Pillow is missing, ValueError for very many steps."""
    first, rest, durations = _bitmaps(trace, layout, dark, seconds)
    colours = rest[-1].quantize(COLOURS, dither=0) if rest else first.quantize(COLOURS, dither=0)
    first, *rest = [picture.quantize(palette=colours, dither=0) for picture in (first, *rest)]
    out = io.BytesIO()
    first.save(out, "GIF", save_all=True, append_images=rest, duration=durations, loop=0, optimize=False, disposal=1)
    return out.getvalue()


def webp(trace: Trace, layout: Layout, dark: bool = False, seconds: float = SECONDS) -> bytes:
    """The replay as an animated WebP without loss, smaller than a GIF and in all colours. Raises as :func:`gif`."""
    first, rest, durations = _bitmaps(trace, layout, dark, seconds)
    out = io.BytesIO()
    first.save(out, "WEBP", save_all=True, append_images=rest, duration=durations, loop=0, lossless=True, quality=60)
    return out.getvalue()


def pages(trace: Trace, layout: Layout, dark: bool = False) -> bytes:
    """The replay as a PDF, one step a page, to go through in any reader or to print."""
    return pdf(film(trace, layout, "dark" if dark else "light"), trace.graph.title or "backward(), step by step")


def save(trace: Trace, layout: Layout, path: str | os.PathLike[str]) -> Path:
    """Save the replay as .gif, .webp, .pdf, or, when the name ends in .anim.svg, as an SVG that plays.

    Raises ValueError for another ending, RuntimeError when Pillow is needed and missing, OSError when the place
    cannot be written.
    """
    if os.fspath(path).lower().endswith(ANIMATED):
        return write(path, animated(trace, layout))
    makers = {".gif": gif, ".webp": webp, ".pdf": pages}
    return write(path, makers[suffix_of(path, SUFFIXES)](trace, layout))


def _bitmaps(trace: Trace, layout: Layout, dark: bool, seconds: float) -> tuple[Any, list[Any], list[int]]:
    """The frames as Pillow's images, and how many milliseconds each is shown."""
    image = pillow()
    pictures = film(trace, layout, "dark" if dark else "light")
    wide = max(layout.width, LEAST_WIDTH)
    dots = wide * layout.height * len(pictures)
    width = round(wide * min(1.5, (8 * MOST_PIXELS / dots) ** 0.5))
    opened = (image.open(io.BytesIO(png(picture, width))) for picture in pictures)
    first, *rest = [picture.convert("RGB") for picture in opened]
    durations = [round(1000 * seconds)] * len(pictures)
    durations[-1] += round(1000 * seconds * PAUSE)
    return first, rest, durations


def pillow() -> Any:
    """The module PIL.Image. Raises RuntimeError when the pillow package is missing."""
    try:
        from PIL import Image
    except ImportError as problem:
        raise RuntimeError('GIF and WebP need the pillow package: pip install "teachgrad[images]".') from problem
    return Image
