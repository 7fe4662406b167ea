"""How large each parameter's gradient is over training: norms, one for each parameter and iteration."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from .calls import modules
from .capture import capture
from .cards import fit
from .files import suffix_of, write
from .metrics import text_width
from .model import Graph
from .naming import is_tensor, namer
from .showing import bundle
from .style import rules, stylesheet
from .svg import escaped
from .values import visible

WATCH_SCHEMA = "teachgrad.watch/1"
SUFFIXES = (".html", ".svg", ".png", ".pdf", ".json", ".txt")

SMALL, LARGE = 1e-6, 1e3  # outside, a gradient counts as vanishing or exploding
MOST_ROWS = 60
ROW, CHART, _LABEL = 34.0, 320.0, 200.0  # height of a parameter's strip, width of its curve, most of its name
_FIT = 12.0  # font size


class watch:  # noqa: N801  a switch and a block in one, as viz.lines
    """Note the norm of every parameter's ``.grad`` after each backward().

        with viz.watch(model) as w:
            for x, y in data:
                optimizer.zero_grad()
                loss_of(model(x), y).backward()
                optimizer.step()
        w                    # in a notebook, the curves; w.save("gradients.svg") keeps them

    ``model`` is anything with ``named_parameters()``, or a dict of name to tensor. One backward() is one iteration;
    with ``optimizer``, everything between two of its steps is. Outside a block, ``remove()`` ends it. Numbers are
    read, nothing is changed, and no tensor is kept.

    The norms are shown on the graph behind ``loss``, a tensor; by default that of the model's first output. In a
    notebook, and as .html, a slider leads through the iterations. Raises TypeError when there is nothing to watch.
    """

    graph: Graph | None = None

    def __init__(self, model: Any, optimizer: Any = None, loss: Any = None) -> None:
        pairs = list(model.items() if isinstance(model, dict) else _named(model))
        self.names = [str(name) for name, tensor in pairs if is_tensor(tensor) and tensor.requires_grad]
        if not self.names:
            raise TypeError("There is nothing to watch: give a module, or a dict of tensors with requires_grad=True.")
        self.norms: list[list[float | None]] = []  # for each iteration one norm per name; None: no gradient came
        self._is_open = False  # whether the last row may still be added to
        self._modules: modules | None = None
        self._handles: list[Any] = [
            tensor.register_post_accumulate_grad_hook(self._hook(self.names.index(str(name))))
            for name, tensor in pairs
            if is_tensor(tensor) and tensor.requires_grad
        ]
        self._named = dict(pairs)
        if loss is not None:
            self._see(loss)
        elif callable(getattr(model, "register_forward_hook", None)):
            self._modules = modules(model)
            self._handles += [self._modules, model.register_forward_hook(lambda _, __, output: self._see(output))]
        self._by_optimizer = optimizer is not None
        if optimizer is not None:
            self._handles.append(optimizer.register_step_post_hook(lambda *_: self._close()))

    def __enter__(self) -> watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, where: TracebackType | None
    ) -> None:
        self.remove()

    def remove(self) -> None:
        """Stop watching. What was noted stays."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._named.clear()
        self._is_open = False

    def _see(self, output: Any) -> None:
        """Keep the graph of the first output that has one."""
        parts = [output] if is_tensor(output) else list(output.values() if isinstance(output, dict) else output or ())
        first = next((part for part in parts if is_tensor(part)), None)
        if self.graph is None and first is not None and first.grad_fn is not None:
            self.graph = capture((first,), namer({}, self._named, None)).graph
            if self._modules is not None:
                self._modules.remove()

    def _hook(self, place: int) -> Any:
        def note(parameter: Any) -> None:
            again = self._is_open and self.norms[-1][place] is not None and not self._by_optimizer
            if again or not self._is_open:
                self.norms.append([None] * len(self.names))
                self._is_open = True
            gradient = parameter.grad.detach()
            self.norms[-1][place] = math.sqrt((gradient * gradient).sum().item())

        return note

    def _close(self) -> None:
        self._is_open = False

    # What came out

    def plot(self, theme: str = "auto") -> str:
        """The norms as SVG: a curve for each parameter, all on one logarithmic scale, the last norm beside it."""
        return _plot(self.names, self.norms, theme)

    def html(self) -> str:
        """The graph with a slider through the iterations, and the curves, as HTML that needs nothing else."""
        from .norms import cell

        return cell(self)

    def page(self) -> str:
        """The same as a whole page."""
        from .norms import whole_page

        return whole_page(self)

    def text(self) -> str:
        """The norms as a table: the first, the least, the largest and the last of each parameter."""
        head = ("parameter", "first", "least", "largest", "last", "")
        rows: list[tuple[str, ...]] = [head]
        for name, column in zip(self.names, _columns(self.names, self.norms), strict=True):
            known = [norm for norm in column if norm is not None]
            finite = [norm for norm in known if math.isfinite(norm)]
            told = (
                known[0] if known else None,
                min(finite, default=None),
                max(finite, default=None),
                (column or [None])[-1],
            )
            rows.append((visible(name), *map(_said, told), _word(column)))
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([f"Gradient norms over {len(self.norms)} iterations", *lines]) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """The norms as plain data, ready for strict JSON: ``nan`` and the infinities are strings."""
        rows = [[norm if norm is None or math.isfinite(norm) else str(norm) for norm in row] for row in self.norms]
        return {"schema": WATCH_SCHEMA, "names": self.names, "norms": rows}

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Save as .html, .svg, .png, .pdf, .json or .txt. Raises ValueError for another ending, OSError as ``write``."""
        from .images import png
        from .pdf import pdf

        suffix = suffix_of(path, SUFFIXES)
        if suffix == ".png":
            return write(path, png(self.plot("light")))
        if suffix == ".pdf":
            return write(path, pdf([self.plot("light")], "Gradient norms"))
        if suffix == ".json":
            return write(path, json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n")
        makers = {".html": self.page, ".svg": self.plot, ".txt": self.text}
        return write(path, makers[suffix]())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        return bundle(self.text, self.plot, self.html)


def _named(model: Any) -> Any:
    if not callable(getattr(model, "named_parameters", None)):
        raise TypeError(f"viz.watch wants a module or a dict of name to tensor; got {type(model).__name__}.")
    return model.named_parameters()


def _columns(names: Sequence[str], norms: Sequence[Sequence[float | None]]) -> list[list[float | None]]:
    return [[row[i] for row in norms] for i in range(len(names))]


def _said(norm: float | None) -> str:
    return "None" if norm is None else f"{norm:.3g}"


def _word(column: Sequence[float | None]) -> str:
    """What is wrong with the last gradient, in a word; "" when nothing is."""
    last = next((norm for norm in reversed(column) if norm is not None), None)
    if last is None:
        return "no gradient"
    if math.isnan(last):
        return "nan"
    if last == 0:
        return "zero"
    return "exploding" if last > LARGE else "vanishing" if last < SMALL else ""


def scale(names: Sequence[str], norms: Sequence[Sequence[float | None]]) -> tuple[int, int, int, float]:
    """The powers of ten between which the curves run, how many there are, and where they begin, right of the names."""
    positive = [n for row in norms for n in row if n is not None and 0 < n < math.inf]
    low = math.floor(math.log10(min(positive, default=0.1)))
    high = max(math.ceil(math.log10(max(positive, default=1.0))), low + 1)
    shown = names[:MOST_ROWS]
    return low, high, len(shown), 26 + max(text_width(fit(name, _FIT, room=_LABEL), _FIT) for name in shown)


def _plot(names: Sequence[str], norms: Sequence[Sequence[float | None]], theme: str) -> str:
    low, high, _, left = scale(names, norms)
    shown = names[:MOST_ROWS]
    width, height = left + CHART + 170, 66 + ROW * len(shown) + (20 if len(names) > MOST_ROWS else 0)
    title = f"Gradient norms over {len(norms)} iterations"
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    between = f"{10.0**low:g} to {10.0**high:g}, logarithmic"
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="tg-graph tg-root" {size} role="img" aria-label="{title}">',
        f"<style>{stylesheet(theme)}\n{rules('norms', theme)}</style>",
        f'<rect class="tg-paper" width="{width:g}" height="{height:g}" rx="6"/>',
        f'<text class="tg-heading" x="14" y="27">{title}</text>',
        f'<text class="tg-caption" x="14" y="46">Each strip is {between}; the last norm is beside it</text>',
    ]
    for i, (name, column) in enumerate(zip(shown, _columns(shown, norms), strict=True)):
        out += _strip(name, column, (left, 56 + ROW * i), low, high)
    if len(names) > MOST_ROWS:
        out.append(f'<text class="tg-caption" x="14" y="{height - 12:g}">and {len(names) - MOST_ROWS} more</text>')
    return "\n".join([*out, "</svg>"]) + "\n"


def _strip(name: str, column: Sequence[float | None], corner: tuple[float, float], low: int, high: int) -> list[str]:
    """One parameter: its name, its curve, its last norm, and what is wrong with that."""
    left, top = corner
    bottom = top + ROW - 6
    step = CHART / max(len(column) - 1, 1)

    def height(norm: float) -> float:
        share = (math.log10(norm) - low) / (high - low)
        return bottom - (ROW - 10) * min(max(share, 0.0), 1.0)

    runs: list[list[str]] = [[]]
    marks = []
    for i, norm in enumerate(column):
        x = left + i * step
        if norm is not None and 0 < norm < math.inf:
            runs[-1].append(f"{x:.1f},{height(norm):.1f}")
            continue
        runs.append([])
        if norm is not None:  # zero stands at the bottom, what is not finite at the top
            y = bottom if norm == 0 else top + 6
            marks.append(f'<rect class="tg-spot" x="{x - 2:.1f}" y="{y - 2:.1f}" width="4" height="4"/>')
    lines = [f"M{run[0]} L{' L'.join(run[1:] or run)}" for run in runs if run]
    word = _word(column)
    last = next((norm for norm in reversed(column) if norm is not None), None)
    warning = word if word != _said(last) else ""
    short = fit(name, _FIT, room=_LABEL)
    whole = escaped(f"{name}: last norm {_said(last)}{f', {word}' if word else ''}")
    start = left - 12 - text_width(short, _FIT)
    return [
        f'<g class="tg-strip"><title>{whole}</title>',
        f'<rect class="tg-border" x="{left:g}" y="{top:g}" width="{CHART:g}" height="{ROW - 4:g}" rx="2"/>',
        *(f'<path class="tg-curve" d="{line}"/>' for line in lines),
        *marks,
        f'<text class="tg-entry" x="{start:.1f}" y="{top + 19:g}">{escaped(short)}</text>',
        f'<text class="tg-entry" x="{left + CHART + 12:g}" y="{top + 19:g}">{_said(last)}</text>',
        f'<text class="tg-entry tg-wrong" x="{left + CHART + 80:g}" y="{top + 19:g}">{warning}</text>',
        "</g>",
    ]
