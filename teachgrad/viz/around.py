"""``viz.record()`` without a tensor: whichever ``backward()`` the block calls is recorded.

Nobody knows beforehand which tensor that will be, perhaps it is only computed inside the block. So for as long as the
block lasts, ``Tensor.backward`` of the libraries in use first puts up the hooks on the graph of its tensor.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .naming import Names, Params, namer

if TYPE_CHECKING:
    from .html import Player
    from .model import Trace
    from .recording import record

LIBRARIES = ("teachgrad", "torch")


class Around:
    """Records every ``tensor.backward()`` inside the block; used like ``record(loss)``.

    ``recorders`` has one recorder for each tensor whose backward ran, in order; ``trace`` and ``player()`` are those of
    the last one. Several calls on the same tensor in a row are passes of one trace.
    """

    def __init__(self, make: Callable[..., record], names: Names | None, params: Params | None) -> None:
        self.recorders: list[record] = []
        self._make, self._names, self._params = make, names, params
        self._tensor: Any = None  # whose recorder is open
        self._restore: list[tuple[type, Any]] = []

    @property
    def trace(self) -> Trace:
        """What the last ``backward()`` did. Raises RuntimeError when there was none."""
        return self._last().trace

    def player(self) -> Player:
        """The same, to step through in a notebook or to save. Raises RuntimeError when there was none."""
        return self._last().player()

    def _last(self) -> record:
        if not self.recorders:
            raise RuntimeError("Nothing was recorded: no tensor's backward() ran inside the block.")
        return self.recorders[-1]

    def __enter__(self) -> Around:
        classes = {getattr(sys.modules.get(library), "Tensor", None) for library in LIBRARIES}
        for cls in classes - {None}:
            assert cls is not None
            self._restore.append((cls, cls.backward))
            cls.backward = self._recorded(cls.backward)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, where: TracebackType | None
    ) -> None:
        for cls, backward in self._restore:
            cls.backward = backward  # type: ignore[attr-defined]
        self._restore.clear()
        self._close(kind, problem, where)

    def _recorded(self, backward: Any) -> Any:
        @functools.wraps(backward)
        def call(tensor: Any, *args: Any, **kwargs: Any) -> Any:
            if tensor is not self._tensor and tensor.grad_fn is not None:  # without a graph: the library's own error
                self._close()
                frame = sys._getframe(1) if self._names is None else None
                self.recorders.append(self._make(tensor, names=namer(self._names, self._params, frame)).__enter__())
                self._tensor = tensor
            return backward(tensor, *args, **kwargs)

        return call

    def _close(self, *outcome: Any) -> None:
        if self._tensor is not None:
            self._tensor = None
            self.recorders[-1].__exit__(*(outcome or (None, None, None)))
