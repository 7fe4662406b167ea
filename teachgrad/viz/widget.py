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

from .assets import MODULES, OPENING, QUIZ, WIDGET, css, script
from .html import START, Player, typeset
from .live import LivePass, expected_trace, leaves_of, number_of, set_entry
from .model import Trace
from .naming import Names, Params, namer
from .predict import Feedback, Question, expected, judge, question_for
from .recording import record
from .showing import unique

MODES = ("replay", "predict")

_ONCE = (
    "A graph runs once: give the newly computed loss, stepper.rerun(loss), or make the Stepper from a function that "
    "computes it, viz.Stepper(lambda: x * y)."
)

# In the output area of a notebook: a stand-in beside its live widget is hidden, and so is a widget's message that it
# has no kernel, beside its stand-in.
_STAND_IN = (
    ".jp-OutputArea-child:has([data-stands-for]):has(+ .jp-OutputArea-child .tg-stage),"
    ".jp-OutputArea-child:has([data-stands-for]) + .jp-OutputArea-child:not(:has(.tg-stage)) { display: none; }"
)


class Stepper(anywidget.AnyWidget):  # type: ignore[misc]
    """Runs ``loss.backward()`` once, and steps through what happened, in the notebook or from Python.

        stepper = viz.Stepper(loss)
        stepper                                   # shows it
        stepper.step = 3                          # the moment after the first three events
        stepper.observe(print, names="step")      # called whenever the learner steps

    ``gradient`` and ``retain_graph`` go to ``backward``; ``names`` and ``params`` label the picture as in
    ``viz.animate``. A graph can be stepped through as often as you like, but its backward has run once: the
    leaves' ``.grad`` hold the result from the start. Raises what ``loss.backward()`` would raise.

    ``mode="predict"`` asks before each step: which node runs next, which number comes. The learner types,
    clicks, or calls :meth:`answer`; ``score`` counts.

    ``live=True`` runs the real backward only as far as the step: the engine stands still in between, and a
    leaf's ``.grad`` is unset until its step. :meth:`close` ends a pass where it stands, as an interrupt would.

    Where ``loss`` is a function that computes it, the learner can select a leaf, change one of its numbers and run
    again; from Python that is :meth:`change` and :meth:`rerun`.

    Traits, shared with every view in the notebook (a bad value raises ``traitlets.TraitError``):

    - ``step``: how many events have happened, 0 (before backward) to ``steps``
    - ``steps``: how many events there are (live: so far); cannot be set
    - ``playing``: whether a view is stepping on by itself; it needs an open view to keep time
    - ``speed``: 1.0 is one step every 1.4 seconds, 2.0 twice as fast; above 0, at most 20
    - ``selected``: the id of the node whose rule is shown, such as ``"n2"``, or ``""``
    - ``sentence``: what happened at this step, in words; cannot be set
    - ``mode``, ``live``: as they were given; cannot be set
    - ``question``, ``feedback``: what is asked, and how the last answer was judged; cannot be set
    - ``score``: ``{"asked": 3, "right": 2, "answers": [{"step", "question", "given", "expected", "right"}, ...]}``
    """

    _esm = script((*MODULES, OPENING, QUIZ, WIDGET))
    _css = css()

    step = traitlets.Int(0).tag(sync=True)
    steps = traitlets.Int(read_only=True).tag(sync=True)
    playing = traitlets.Bool(False).tag(sync=True)
    speed = traitlets.Float(1.0).tag(sync=True)
    selected = traitlets.Unicode("").tag(sync=True)
    sentence = traitlets.Unicode(read_only=True).tag(sync=True)
    mode = traitlets.Enum(MODES, "replay", read_only=True).tag(sync=True)
    live = traitlets.Bool(False, read_only=True).tag(sync=True)
    question = traitlets.Dict(read_only=True).tag(sync=True)
    feedback = traitlets.Dict(read_only=True).tag(sync=True)
    score = traitlets.Dict({"asked": 0, "right": 0, "answers": []}, read_only=True).tag(sync=True)
    _reach = traitlets.Int(0, read_only=True).tag(sync=True)  # in predict mode, the last step that may be seen
    _can_rerun = traitlets.Bool(False, read_only=True).tag(sync=True)  # whether a view may change a leaf
    _problem = traitlets.Unicode("", read_only=True).tag(sync=True)  # why a change was refused
    _name = traitlets.Unicode(read_only=True).tag(sync=True)  # of this Stepper, for what stands in for it
    _run = traitlets.Dict(read_only=True).tag(sync=True)  # live: the events so far, and whether there are more
    _trace = traitlets.Dict(read_only=True).tag(sync=True)
    _options = traitlets.Dict(read_only=True).tag(sync=True)

    _pass: LivePass | None = None
    _question: Question | None = None
    _answered = 0  # so many events lie behind the last answer

    def __init__(
        self,
        loss: Any,
        gradient: Any = None,
        names: Names | None = None,
        params: Params | None = None,
        retain_graph: bool = False,
        *,
        mode: str = "replay",
        live: bool = False,
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"mode must be 'replay' or 'predict', not {mode!r}.")
        if live and mode == "predict":
            raise ValueError("mode='predict' asks about a backward that has run; live=True is one that has not.")
        if names is None:  # the caller's own variables, without the notebook's (_, _12)
            variables = sys._getframe(1).f_locals
            names = {name: thing for name, thing in variables.items() if not name.startswith("_")}
        self._given: dict[str, Any] = {"names": names, "params": params}
        self._arguments: dict[str, Any] = {"gradient": gradient, "retain_graph": retain_graph}
        self._make = loss if callable(loss) and not hasattr(loss, "grad_fn") else None
        self._begin(self._make() if self._make else loss, live)
        super().__init__()
        self.set_trait("mode", mode)
        self.set_trait("live", live)
        self.set_trait("_can_rerun", self._make is not None)
        self.set_trait("_name", unique())
        if live:
            self._tell()
        self._ask()
        self.on_msg(self._on_message)

    @property
    def trace(self) -> Trace:
        """Everything that happened during backward (live: so far), as data."""
        return self._pass.trace if self._pass else self.player.trace

    def next(self) -> None:
        """One event on; at the end, and before a question that is not answered, nothing."""
        if self.live:
            self._advance(self.step + 1)
        elif self.mode == "replay" or self.step < self._reach:
            self.step = min(self.step + 1, self.steps)

    def back(self) -> None:
        """One event back; at the start, nothing. What a live backward has done stays done."""
        self.step = max(self.step - 1, 0)

    def first(self) -> None:
        """Back to the moment before backward."""
        self.step = 0

    def last(self) -> None:
        """On to the end, where every gradient has arrived, or to the first question that is not answered."""
        if self.live:
            self._advance(float("inf"))
        else:
            self.step = self._reach if self.mode == "predict" else self.steps

    def play(self) -> None:
        """Let an open view step on by itself, from the start if it is at the end."""
        self.playing = True

    def pause(self) -> None:
        """Stop playing."""
        self.playing = False

    # Predict, then reveal

    def answer(self, answer: Any) -> Feedback:
        """Answer the open question, and step to where the truth shows; None stands for "I do not know".

        Numbers may be given as numbers, lists, tensors or text, nodes by id, title or name. The answer counts
        in ``score``. Raises ValueError, and counts nothing, for an answer of the wrong sort, and RuntimeError
        when nothing is asked.
        """
        question = self._question
        if question is None:
            raise RuntimeError("Nothing is asked: this is not mode='predict', or every question has its answer.")
        feedback = judge(self.trace, question, answer)
        entry = {
            "step": question.index + 1,
            "question": question.text,
            "given": None if answer is None else str(answer),
            "expected": expected(self.trace, question),
            "right": feedback.right,
        }
        answers = [*self.score["answers"], entry]
        right = sum(each["right"] for each in answers)
        self._answered = question.index + 1
        self.set_trait("score", {"asked": len(answers), "right": right, "answers": answers})
        self.set_trait("feedback", {"right": feedback.right, "text": feedback.text})
        self._ask()
        self.step = self._answered
        return feedback

    def _ask(self) -> None:
        """Find the next event to ask about; all before it may be seen."""
        reach, self._question = self._answered, None
        while self.mode == "predict" and reach < self.steps and self._question is None:
            self._question = question_for(self.trace, reach)
            reach += self._question is None
        self.set_trait("_reach", reach if self.mode == "predict" else self.steps)
        asked = self._question
        self.set_trait("question", {"kind": asked.kind, "text": asked.text, "rule": asked.rule} if asked else {})

    # The live pass

    @property
    def problem(self) -> BaseException | None:
        """What a live backward raised, once it has; the step where it stopped says so too."""
        return self._pass.problem if self._pass else None

    def change(self, leaf: str, value: float, entry: int = 0) -> None:
        """Set one number of a leaf, by the leaf's name or node id and the number's place, and :meth:`rerun`.

        Raises KeyError when there is no such leaf, IndexError when it has no such entry, ValueError for what is no
        number, and then changes nothing.
        """
        node = next(
            (n for n in self.trace.graph.nodes if leaf in (n.id, n.name, n.title) and n.id in self._leaves), None
        )
        if node is None:
            titles = ", ".join(n.title for n in self.trace.graph.nodes if n.id in self._leaves)
            raise KeyError(f"This graph has no leaf {leaf!r} (its leaves: {titles}).")
        if self._make is None:
            raise TypeError(_ONCE)
        set_entry(self._leaves[node.id], entry, float(value), node.title)
        self.rerun()

    def rerun(self, loss: Any = None) -> None:
        """Set the leaves' ``.grad`` to None and run again: live, stand before a new pass; otherwise replay it.

        ``loss`` is the new result to run backward from; without it, the function that was given as ``loss``
        is called again. Change a leaf first, and see what that changes. Raises TypeError where there is no
        function to call.
        """
        if loss is None:
            if self._make is None:
                raise TypeError(_ONCE)
            loss = self._make()
        if self._pass is not None:
            self._pass.close()
        for leaf in self._leaves.values():
            leaf.grad = None
        self.playing = False
        self.step = 0
        self.selected = ""
        self._begin(loss, self.live)
        self._answered = 0
        for name, value in (("_trace", self._send_trace()), ("feedback", {}), ("_problem", "")):
            self.set_trait(name, value)
        self.set_trait("score", {"asked": 0, "right": 0, "answers": []})
        if self.live:
            self._tell()
        else:
            self.set_trait("steps", len(self.trace.events))
            self.set_trait("sentence", self._say_step())
        self._ask()
        self.set_trait("_options", self._send_options())

    def close(self) -> None:
        """End a live pass where it stands (nodes that ran stay freed, ``.grad`` that came stays), and the widget."""
        if self._pass is not None:
            self._pass.close()
        super().close()

    def _begin(self, loss: Any, live: bool) -> None:
        """Run ``loss.backward()``, or live, stand before it."""
        found = namer(**self._given, frame=None)
        if live:
            self._pass = LivePass(loss, found, **self._arguments)
            self._leaves = self._pass.leaves
            self.player = Player(self._pass.trace, expected_trace(self._pass.trace))
        elif isinstance(loss, Player):
            self._leaves, self.player = {}, loss
        else:
            with record(loss, names=found) as recorder:
                self._leaves = leaves_of(recorder)
                loss.backward(**self._arguments)
            self.player = recorder.player()

    def _advance(self, to: float) -> None:
        assert self._pass is not None
        events = self._pass.advance(to)
        self._tell()
        self.step = int(min(to, events))

    def _tell(self) -> None:
        assert self._pass is not None
        trace = self._pass.trace
        events = trace.to_dict()["events"]
        self.set_trait("_run", {"events": events, "waits": self._pass.waits, "math": typeset(trace)})
        self.set_trait("steps", len(events))
        self.set_trait("sentence", self._say_step())

    def _on_message(self, _: Any, content: dict[str, Any], buffers: Any) -> None:
        """What a view asks for: the next live step, or the judgement of an answer."""
        if content.get("kind") == "advance" and self._pass is not None:
            if content.get("everything"):
                self.last()
            else:
                self.next()
        elif content.get("kind") == "change" and self._can_rerun:
            try:
                self.change(str(content.get("node")), number_of(content.get("value")), int(content.get("entry", 0)))
            except Exception as problem:  # noqa: BLE001  whatever the lesson raises is told where it was asked for
                self.set_trait("_problem", "")
                self.set_trait("_problem", f"{type(problem).__name__}: {problem}")
        elif content.get("kind") == "answer" and self._question is not None:
            try:
                self.answer(content.get("given"))
            except ValueError as problem:  # not counted: the learner may write it again
                self.set_trait("feedback", {"right": None, "text": str(problem)})

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
        # Live, the picture is that before backward; every number is written in as it comes.
        return self.player.options()

    @traitlets.validate("step")  # type: ignore[untyped-decorator]
    def _check_step(self, proposal: dict[str, Any]) -> int:
        step: int = proposal["value"]
        if isinstance(step, bool) or not 0 <= step <= self.steps:
            so_far = " so far; next() and last() run the live backward on" if self.live else ""
            raise traitlets.TraitError(
                f"step must be a whole number from 0 to {self.steps} (the events{so_far}); it cannot be {step}."
            )
        if self.mode == "predict" and step > self._reach:
            raise traitlets.TraitError(
                f"step can go up to {self._reach} until the question there has its answer: stepper.answer(...), or "
                f"stepper.answer(None) to be shown; it cannot be {step}."
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

    def _ipython_display_(self) -> None:
        """The widget, after a picture that stands in for it wherever no kernel is behind it.

        JupyterLab shows a widget of a notebook that was closed as "model not found", whatever else is with it. So the
        player comes first, as an output of its own; the widget hides it when it lives, and else hides the message.
        """
        from IPython.display import display

        data, metadata = super()._repr_mimebundle_()
        display({"text/html": self._stand_in(), "text/plain": self.player.text()}, raw=True)
        display({**data, "text/html": "", "text/plain": ""}, raw=True, metadata=metadata)

    def _stand_in(self) -> str:
        player = self.player.predict() if self.mode == "predict" else self.player
        return f'<div data-stands-for="{self._name}">\n<style>{_STAND_IN}</style>\n{player.html()}\n</div>'

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The live widget, and for places without widgets (GitHub, nbconvert) the player and the words."""
        data, metadata = super()._repr_mimebundle_(**kwargs)
        return {**data, "text/html": self.player.html(), "text/plain": self.player.text()}, metadata
