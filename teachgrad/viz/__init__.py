"""Pictures of autograd graphs, and of ``backward()`` running over them.

    from teachgrad import viz
    viz.draw(loss)              # the graph behind a tensor, with names and values
    viz.animate(loss)           # run loss.backward() and step through it
    with viz.record(loss) as r: # the same around your own call
        loss.backward()
    r.player()

All of it reads only ``grad_fn``, ``next_functions`` and node hooks, so it works on PyTorch's tensors just as
well. Nothing optional is loaded before the function that needs it runs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .calls import modules as modules
    from .comparing import Comparison as Comparison
    from .comparing import compare as compare
    from .compat import draw_dot as draw_dot
    from .compat import make_dot as make_dot
    from .drawing import Drawing as Drawing
    from .drawing import animate as animate
    from .drawing import draw as draw
    from .html import Player as Player
    from .model import Graph as Graph
    from .model import Trace as Trace
    from .recording import record as record
    from .sources import lines as lines
    from .watching import watch as watch
    from .widget import Stepper as Stepper

_HOMES = {
    "Comparison": "comparing",
    "Drawing": "drawing",
    "Graph": "model",
    "Player": "html",
    "Stepper": "widget",
    "Trace": "model",
    "animate": "drawing",
    "compare": "comparing",
    "draw": "drawing",
    "draw_dot": "compat",
    "lines": "sources",
    "make_dot": "compat",
    "modules": "calls",
    "record": "recording",
    "watch": "watching",
}

__all__ = [
    "Comparison",
    "Drawing",
    "Graph",
    "Player",
    "Stepper",
    "Trace",
    "animate",
    "compare",
    "draw",
    "draw_dot",
    "lines",
    "make_dot",
    "modules",
    "record",
    "watch",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
