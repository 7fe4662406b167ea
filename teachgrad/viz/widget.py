"""The player as a Jupyter widget: the same picture, with a step that Python reads, sets and watches.

This module needs anywidget and is loaded when ``viz.Stepper`` is first used. For showing a replay that no
code reacts to, ``viz.animate`` is enough: its player needs no kernel and works in a saved notebook.
"""

from __future__ import annotations

import sys
from typing import Any

try:
    import anywidget
    import traitlets
except ImportError as missing:
    raise ImportError(
        'viz.Stepper is a Jupyter widget and needs anywidget: pip install "teachgrad[notebook]".'
    ) from missing

from .drawing import animate
from .html import START, asset, css
from .model import Trace
from .naming import Names, Params


class Stepper(anywidget.AnyWidget):  # type: ignore[misc]
    """Runs ``loss.backward()`` once, and steps through what happened, in the notebook or from Python.

        stepper = viz.Stepper(loss)
        stepper                                   # shows it
        stepper.step = 3                          # the moment after the first three events
        stepper.observe(print, names="step")      # called whenever the learner steps

    ``gradient`` and ``retain_graph`` go to ``backward``; ``names`` and ``params`` label the picture as in
    ``viz.animate``. A graph can be stepped through as often as you like, but its backward has run once: the
    leaves' ``.grad`` hold the result from the start. Raises what ``loss.backward()`` would raise.

    Traits, shared with every view in the notebook (a bad value raises ``traitlets.TraitError``):

    - ``step``: how many events have happened, 0 (before backward) to ``steps``
    - ``steps``: how many events there are; cannot be set
    - ``playing``: whether a view is stepping on by itself; it needs an open view to keep time
    - ``speed``: 1.0 is one step every 1.4 seconds, 2.0 twice as fast; above 0, at most 20
    - ``selected``: the id of the node whose rule is shown, such as ``"n2"``, or ``""``
    - ``sentence``: what happened at this step, in words; cannot be set
    """

    _esm = asset("player.js")
    _css = css()

    step = traitlets.Int(0).tag(sync=True)
    steps = traitlets.Int(read_only=True).tag(sync=True)
    playing = traitlets.Bool(False).tag(sync=True)
    speed = traitlets.Float(1.0).tag(sync=True)
    selected = traitlets.Unicode("").tag(sync=True)
    sentence = traitlets.Unicode(read_only=True).tag(sync=True)
    _trace = traitlets.Dict(read_only=True).tag(sync=True)
    _options = traitlets.Dict(read_only=True).tag(sync=True)

    def __init__(
        self,
        loss: Any,
        gradient: Any = None,
        names: Names | None = None,
        params: Params | None = None,
        retain_graph: bool = False,
    ) -> None:
        if names is None:  # the caller's own variables, without the notebook's (_, _12)
            variables = sys._getframe(1).f_locals
            names = {name: thing for name, thing in variables.items() if not name.startswith("_")}
        self.player = animate(loss, gradient, names=names, params=params, retain_graph=retain_graph)
        super().__init__()

    @property
    def trace(self) -> Trace:
        """Everything that happened during backward, as data."""
        return self.player.trace

    def next(self) -> None:
        """One event on; at the end, nothing."""
        self.step = min(self.step + 1, self.steps)

    def back(self) -> None:
        """One event back; at the start, nothing."""
        self.step = max(self.step - 1, 0)

    def first(self) -> None:
        """Back to the moment before backward."""
        self.step = 0

    def last(self) -> None:
        """On to the end, where every gradient has arrived."""
        self.step = self.steps

    def play(self) -> None:
        """Let an open view step on by itself, from the start if it is at the end."""
        self.playing = True

    def pause(self) -> None:
        """Stop playing."""
        self.playing = False

    @traitlets.default("steps")  # type: ignore[untyped-decorator]
    def _count_steps(self) -> int:
        return len(self.trace.events)

    @traitlets.default("sentence")  # type: ignore[untyped-decorator]
    def _say_step(self) -> str:
        return self.trace.events[self.step - 1].sentence if self.step else START

    @traitlets.default("_trace")  # type: ignore[untyped-decorator]
    def _send_trace(self) -> dict[str, Any]:
        return self.trace.to_dict()

    @traitlets.default("_options")  # type: ignore[untyped-decorator]
    def _send_options(self) -> dict[str, Any]:
        return self.player.options() | {"svg": self.player.svg()}

    @traitlets.validate("step")  # type: ignore[untyped-decorator]
    def _check_step(self, proposal: dict[str, Any]) -> int:
        step: int = proposal["value"]
        if isinstance(step, bool) or not 0 <= step <= self.steps:
            raise traitlets.TraitError(
                f"step must be a whole number from 0 to {self.steps} (the events); it cannot be {step}."
            )
        return step

    @traitlets.validate("speed")  # type: ignore[untyped-decorator]
    def _check_speed(self, proposal: dict[str, Any]) -> float:
        speed: float = proposal["value"]
        if not 0 < speed <= 20:
            raise traitlets.TraitError(f"speed must be above 0 and at most 20; it cannot be {speed}.")
        return speed

    @traitlets.validate("selected")  # type: ignore[untyped-decorator]
    def _check_selected(self, proposal: dict[str, Any]) -> str:
        selected: str = proposal["value"]
        ids = [node.id for node in self.trace.graph.nodes]
        if selected and selected not in ids:
            raise traitlets.TraitError(
                f'selected must be a node\'s id, "{ids[0]}" to "{ids[-1]}", or ""; it cannot be {selected!r}.'
            )
        return selected

    @traitlets.observe("step")  # type: ignore[untyped-decorator]
    def _on_step(self, change: dict[str, Any]) -> None:
        self.set_trait("sentence", self._say_step())

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The live widget, and for places without widgets (GitHub, nbconvert) the player and the words."""
        data, metadata = super()._repr_mimebundle_(**kwargs)
        return {**data, "text/html": self.player.html(), "text/plain": self.player.text()}, metadata
