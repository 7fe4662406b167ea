"""A real ``backward()`` that waits: it runs in a thread of its own and stands still after each event.

The hooks of :class:`record` already see every event as it happens. Here each of them also waits until somebody
asks for more, so between two events the engine itself is halted: nodes ahead still hold what they saved, and a
leaf's ``.grad`` is unset until the step that reaches it.
"""

from __future__ import annotations

import contextvars
import functools
import math
import threading
import weakref
from collections.abc import Callable
from typing import Any

from .model import Event, Node, Trace, Value
from .naming import Namer
from .recording import record


class _Abandoned(BaseException):
    """Thrown into a waiting backward to end it; no hook or handler takes it for an error of the lesson."""


class _Paced(record):
    """A recorder that lets backward go no further than it may."""

    def __init__(self, *tensors: Any, names: Namer) -> None:
        super().__init__(*tensors, names=names)
        self.changed = threading.Condition()
        self.allowed = 0.0  # how many events may happen
        self.abandoned = False
        self.done = False
        self.problem: BaseException | None = None
        self.owner = threading.get_ident()  # whose own backward passes over the same leaves are none of ours

    @property
    def _tells_later(self) -> bool:
        return False  # whoever steps wants each event as it happens

    def _hooks(self, node_id: str) -> tuple[Any, Any]:
        return self._ours(super()._hooks(node_id))

    def _leaf_hooks(self, node_id: str, leaf_id: str, leaf: Any) -> tuple[Any, Any]:
        return self._ours(super()._leaf_hooks(node_id, leaf_id, leaf))

    def _ours(self, hooks: tuple[Any, Any]) -> tuple[Any, Any]:
        """The hooks, deaf to a backward that the waiting code runs itself: it must not wait for itself."""

        def deaf(hook: Any) -> Any:
            return lambda *seen: None if threading.get_ident() == self.owner else hook(*seen)

        before, after = hooks
        return deaf(before), deaf(after)

    def _add(self, kind: str, node: str, edge: str | None = None, sentence: str = "", **parts: Any) -> None:
        super()._add(kind, node, edge, sentence, **parts)
        with self.changed:
            self.changed.notify_all()
            if kind not in ("free", "error"):  # those are told when the engine has already stopped
                self.changed.wait_for(lambda: self.abandoned or len(self._events) < self.allowed)
        if self.abandoned and kind not in ("free", "error"):
            raise _Abandoned

    def work(self, backward: Callable[[], None]) -> None:
        """Run the whole pass; for the thread."""
        try:
            with self.changed:
                self.changed.wait_for(lambda: self.abandoned or self.allowed > 0)
            problem: BaseException | None = None
            try:
                if not self.abandoned:
                    backward()
            except BaseException as raised:  # noqa: BLE001  it belongs to whoever waits, not to this thread
                problem = raised
            self.__exit__(type(problem) if problem else None, problem, None)
            self.problem = None if isinstance(problem, _Abandoned) else problem
        finally:
            with self.changed:
                self.done = True
                self.changed.notify_all()


class LivePass:
    """One pass of ``backward()`` over the graph of ``loss``, taken event by event.

    ``advance`` lets it run on, ``close`` ends it where it stands: nodes that ran stay freed, gradients that
    arrived stay in ``.grad``, and the hooks are gone, as after any ``backward()`` that was interrupted.
    ``problem`` is what backward raised, or None.
    """

    def __init__(self, loss: Any, names: Namer, **arguments: Any) -> None:
        if not loss.requires_grad:
            loss.backward(**arguments)  # raises PyTorch's own sentence, here and not in a thread
        self._recorder = recorder = _Paced(loss, names=names)
        recorder.__enter__()
        # PyTorch's and our own settings of the calling code (grad mode, say) hold in the thread too.
        context = contextvars.copy_context()
        backward = functools.partial(context.run, loss.backward, **arguments)
        thread = threading.Thread(target=recorder.work, args=(backward,), name="backward", daemon=True)
        thread.start()
        self._ending = weakref.finalize(self, _abandon, recorder, thread)

    @property
    def trace(self) -> Trace:
        """What has happened so far."""
        return self._recorder.trace

    @property
    def leaves(self) -> dict[str, Any]:
        """The leaves that the graph ends in, by node id. Empty once the pass is over, which lets go of its graph."""
        return leaves_of(self._recorder)

    @property
    def waits(self) -> bool:
        """Whether backward is standing still with more to do."""
        return not self._recorder.done

    @property
    def problem(self) -> BaseException | None:
        """What backward raised, once it has."""
        return self._recorder.problem

    def advance(self, to: float = float("inf")) -> int:
        """Let backward run until ``to`` events have happened or it is over; how many there are now.

        An interrupt while waiting (Ctrl-C, or the notebook's stop button) closes the pass and goes on.
        """
        recorder = self._recorder
        try:
            with recorder.changed:
                recorder.allowed = max(recorder.allowed, to)
                recorder.changed.notify_all()
                while not recorder.done and len(recorder._events) < to:
                    recorder.changed.wait(0.2)  # in pieces, so that an interrupt gets through on every system
        except BaseException:
            self.close()
            raise
        return len(recorder._events)

    def close(self) -> None:
        """End the pass where it stands. Once over, this changes nothing."""
        self._ending()


def leaves_of(recorder: record) -> dict[str, Any]:
    """The leaves of the graph that is being recorded, by node id."""
    captured = recorder._captured
    return dict(captured.leaves.values()) if captured else {}


def set_entry(leaf: Any, entry: int, number: float, title: str) -> None:
    """Write one number into a leaf, which autograd does not see. Raises IndexError when it has no such entry."""
    lengths = [int(length) for length in leaf.shape]
    size = math.prod(lengths)
    if not 0 <= entry < size:
        raise IndexError(f"{title} has {size} numbers, 0 to {size - 1}; it has no number {entry}.")
    place: list[int] = []
    for length in reversed(lengths):
        entry, at = divmod(entry, length)
        place.insert(0, at)
    leaf.data[tuple(place)] = number


def number_of(text: Any) -> float:
    """A number as a learner types it. Raises ValueError with one sentence."""
    try:
        return float(str(text).replace("\u2212", "-"))
    except ValueError:
        raise ValueError(f"A leaf holds numbers such as -1.5; got {text!r}.") from None


def _abandon(recorder: _Paced, thread: threading.Thread) -> None:
    with recorder.changed:
        recorder.abandoned = True
        recorder.changed.notify_all()
    thread.join()


def expected_trace(trace: Trace) -> Trace:
    """A stand-in with one event per node and edge, for a layout that must leave room for numbers to come."""

    def room(node: Node) -> Value:
        wide = "[-0.0000, -0.0000]" if node.value and node.value.shape else "-0.00000"
        return Value((), "float32", wide, wide)

    nodes = {node.id: node for node in trace.graph.nodes}
    edges = [
        Event(i, "contribute", edge.source, edge.id, out=room(nodes[edge.target]), after=room(nodes[edge.target]))
        for i, edge in enumerate(trace.graph.edges)
        if not edge.constant
    ]
    calls = [Event(len(edges) + i, "call", node.id, gradient=room(node)) for i, node in enumerate(trace.graph.nodes)]
    return Trace(trace.graph, (*edges, *calls))
