"""Watching ``backward()`` through node hooks: what arrives, what leaves by each edge, what each leaf adds up.

The hooks only look. They return None, so the numbers stay what they are. They note what they see in a list, and what
it means is told when the block ends (``telling.py``), so that backward itself takes hardly longer than without them.
Nothing of the learner's is held after that. Where the graph is so large that waiting would hold a lot of memory, each
note is told at once.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .around import Around
from .capture import Captured, capture
from .formulas import Rules
from .model import Event, Graph, Trace
from .naming import Namer, Names, Params, namer
from .telling import CALL, DONE, GRADS, KEPT, KNOWN, LEAF, SENT, SUM, Note, Teller
from .values import visible

if TYPE_CHECKING:
    from .html import Player

_Grad = tuple[Any, int, Any]  # the .grad of a leaf, its version, and a copy

MOST_KEPT = 4_000_000  # numbers in what the graph saved and in its leaves, up to which notes may wait: 16 MB of float32


class record:  # noqa: N801  a context manager reads as a verb
    """Record every backward pass over the graphs of ``tensors`` that runs inside the block.

        with viz.record(loss) as r:
            loss.backward()
        print(r.trace.text())

    ``names`` and ``params`` name the boxes as in :func:`draw`; ``rules`` replaces the rule book. When the
    block raises, the trace ends in an "error" event and the exception goes on. Hooks are gone when the block
    ends. Without tensors, whichever ``backward()`` is called inside the block is recorded (see ``around.py``).
    """

    def __new__(
        cls, *tensors: Any, names: Names | Namer | None = None, params: Params | None = None, rules: Rules | None = None
    ) -> Any:
        """A recorder; without tensors, one that waits for ``backward()`` to be called."""
        if tensors:
            return super().__new__(cls)
        return Around(functools.partial(record, rules=rules), names if not isinstance(names, Namer) else None, params)

    def __init__(
        self,
        *tensors: Any,
        names: Names | Namer | None = None,
        params: Params | None = None,
        rules: Rules | None = None,
    ) -> None:
        if not isinstance(names, Namer):
            names = namer(names, params, sys._getframe(1) if names is None else None)
        self._captured: Captured | None = capture(tensors, names, rules=rules)
        self._graph: Graph = self._captured.graph
        self._events: list[Event] = []
        self._passes: list[int] = []
        self._error: str | None = None
        self._handles: list[Any] = []
        self._notes: list[Note] = []  # what the hooks saw and nobody has told yet
        self._known: dict[str, _Grad] = {}  # leaf id -> its .grad when somebody last looked
        self._noted: dict[str, _Grad] = {}  # the same as the pass began, of those that have not run
        self._roots = {edge.target for edge in self._graph.edges if edge.source in self._captured.outputs}
        self._is_small = self._captured.elements() <= MOST_KEPT
        # Our own engine knows hooks that only look: it hands them what it has, and that becomes tensors when it is told.
        first = next(iter(self._captured.nodes.values()), None)
        self._watcher: Any = getattr(first, "_watcher", None) if self._tells_later else None
        self._teller: Teller | None = Teller(self._captured, rules, self._add, self._begin, checks=self._is_small)

    @property
    def trace(self) -> Trace:
        """Everything recorded so far."""
        if self._tells_later:
            self._tell()
        return Trace(self._graph, tuple(self._events), tuple(self._passes), self._error)

    @property
    def _tells_later(self) -> bool:
        """Whether notes wait until the block ends: not where they would hold on to a lot of memory."""
        return self._is_small

    def player(self) -> Player:
        """The recorded passes, to step through in a notebook or to save."""
        from .html import Player

        return Player(self.trace)

    def __enter__(self) -> record:
        captured = self._captured
        if captured is None:
            raise RuntimeError("This recorder has been used; make a new one with viz.record(...).")
        self._known = {leaf_id: self._read(leaf.grad) for leaf_id, leaf in captured.leaves.values()}
        try:
            for node_id, node in captured.nodes.items():
                leaf = captured.leaves.get(node_id)
                before, after = self._hooks(node_id) if leaf is None else self._leaf_hooks(node_id, *leaf)
                if self._watcher is not None:
                    before, after = before and self._watcher(before), self._watcher(after)
                if before is not None:
                    self._handles.append(node.register_prehook(before))
                self._handles.append(node.register_hook(after))
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, where: TracebackType | None
    ) -> None:
        self._remove()
        self._tell()
        assert self._teller is not None
        if problem is None:
            self._teller.end(None, "")
            if self._events and self._events[-1].kind == "error":
                self._error = self._events[-1].sentence
        elif isinstance(problem, Exception):
            self._error = visible(str(problem)) or type(problem).__name__
            self._teller.end(problem, self._error)
        self._captured = self._teller = None  # the graph may be freed now, with the learner's own last reference

    def _remove(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    # What the hooks note down. They run inside backward: what can wait, waits.

    def _hooks(self, node_id: str) -> tuple[Any, Any]:
        note = self._note()

        def before(gradients: tuple[Any, ...]) -> None:
            note((CALL, node_id, gradients))

        def after(sent: tuple[Any, ...], gradients: tuple[Any, ...]) -> None:
            note((SENT, node_id, sent, gradients))

        assert self._captured is not None
        is_root, kept = node_id in self._roots, self._captured.retained.get(node_id)
        if not is_root and kept is None:
            # What arrived is told after the node has run, too. One hook instead of two is half the cost.
            return (None if self._tells_later else before), after
        leaves = list(self._captured.leaves.values())

        def looking(gradients: tuple[Any, ...]) -> None:  # where a pass begins, and where a tensor retains its .grad
            if is_root:
                known = self._known
                for leaf_id, leaf in leaves:
                    grad, version, _ = known[leaf_id]
                    now = leaf.grad
                    if now is not grad or (now is not None and now._version != version):
                        known[leaf_id] = self._read(now)
                self._noted = dict(known)
                note((GRADS, node_id, {leaf_id: copy for leaf_id, (_, _, copy) in known.items()}))
            before(gradients)
            if kept is not None and kept.grad is not None:
                note((KEPT, node_id, self._copy(kept.grad)))

        return looking, after

    def _leaf_hooks(self, node_id: str, leaf_id: str, leaf: Any) -> tuple[Any, Any]:
        note, is_small = self._note(), self._is_small
        grad, version = None, 0

        def before(gradients: tuple[Any, ...]) -> None:
            nonlocal grad, version
            known, told = self._noted.pop(leaf_id, None), KNOWN
            if known is None:  # the pass began elsewhere
                known = self._read(leaf.grad)
                told = known[2]
            grad, version, _ = known
            # The note holds on to the gradient, so that it does not become .grad itself, which goes on changing.
            note((LEAF, node_id, gradients, told))

        def after(_: tuple[Any, ...], gradients: tuple[Any, ...]) -> None:
            now = leaf.grad
            # A .grad is not copied where it can only be the sum of what was there and what came.
            if now is not None and is_small and now._version == version + 1 and (now is grad or grad is None):
                note((DONE, node_id, gradients, SUM))
            else:
                note((DONE, node_id, gradients, self._copy(now)))

        return before, after

    def _read(self, grad: Any) -> _Grad:
        """A ``.grad``, its version, and a copy of it (see ``_copy``). The first that a leaf has will be version 0."""
        return (None, -1, None) if grad is None else (grad, grad._version, self._copy(grad))

    def _copy(self, grad: Any) -> Any:
        """A ``.grad`` as it is now: the next pass, or an optimiser, may write into it before it is told."""
        if grad is None:
            return None
        grad = grad.detach() if grad.requires_grad else grad
        return grad.clone() if self._is_small else grad

    # Telling

    def _note(self) -> Callable[[Note], None]:
        """Where the hooks put their notes."""
        if self._tells_later:
            return self._notes.append

        def at_once(note: Note) -> None:
            self._notes.append(note)
            self._tell()

        return at_once

    def _tell(self) -> None:
        """Turn the notes so far into events."""
        notes, self._notes[:] = self._notes[:], ()
        if self._teller is not None:
            self._teller.tell(notes if self._watcher is None else list(self._in_tensors(notes)))

    def _in_tensors(self, notes: list[Note]) -> Iterator[Note]:
        """The same notes with tensors in place of what our own engine handed over."""
        assert self._captured is not None
        made: dict[int, Any] = {}
        for kind, node_id, *seen in notes:
            gradients = {SENT: 2, CALL: 1, LEAF: 1, DONE: 1}.get(kind, 0)  # so many of the parts are gradients
            node = self._captured.nodes[node_id]
            yield (
                kind,
                node_id,
                *(self._watcher.tensors(node, part, made) for part in seen[:gradients]),
                *seen[gradients:],
            )

    def _begin(self) -> None:
        self._passes.append(len(self._events))

    def _add(self, kind: str, node: str, edge: str | None = None, sentence: str = "", **parts: Any) -> None:
        self._events.append(Event(len(self._events), kind, node, edge, sentence=sentence, **parts))
