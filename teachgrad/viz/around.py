"""``viz.record()`` without a tensor: whichever ``backward()`` or ``autograd.grad()`` the block calls is recorded.

Nobody knows beforehand which tensor that will be, perhaps it is only computed inside the block. So for as long as the
block lasts, ``Tensor.backward``, ``autograd.backward`` and ``autograd.grad`` of the libraries in use first put up the hooks
on the graph of their tensors.
"""

from __future__ import annotations

import functools
import operator
import sys
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .naming import Names, Params, is_tensor, namer

if TYPE_CHECKING:
    from .html import Player
    from .model import Trace
    from .recording import record

LIBRARIES = ("teachgrad", "torch")


class Around:
    """Records every ``tensor.backward()`` inside the block, and ``autograd.backward`` and ``autograd.grad`` where they are
    called by these names; used like ``record(loss)``.

    ``recorders`` has one recorder for each tensor (or tensors together) whose backward ran, in order; ``trace`` and
    ``player()`` are those of the last one. Several calls on the same tensors in a row are passes of one trace.
    """

    def __init__(self, make: Callable[..., record], names: Names | None, params: Params | None) -> None:
        self.recorders: list[record] = []
        self._make, self._names, self._params = make, names, params
        self._tensors: tuple[Any, ...] = ()  # whose recorder is open
        self._restore: list[tuple[Any, str, Any]] = []  # what was replaced: where, its name, and what it was

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
        libraries = {sys.modules.get(library) for library in LIBRARIES} - {None}  # one where teachgrad stands for torch
        for library in libraries:
            tensor, autograd = getattr(library, "Tensor", None), getattr(library, "autograd", None)
            for place, name in ((tensor, "backward"), (autograd, "backward"), (autograd, "grad")):
                if place is not None:
                    self._restore.append((place, name, getattr(place, name)))
                    setattr(place, name, self._recorded(getattr(place, name)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, where: TracebackType | None
    ) -> None:
        for place, name, function in reversed(self._restore):
            setattr(place, name, function)
        self._restore.clear()
        self._close(kind, problem, where)

    def _recorded(self, function: Any) -> Any:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            given = args[0] if args else kwargs.get("tensors", kwargs.get("outputs"))
            tensors = tuple(given) if isinstance(given, (tuple, list)) else (given,)
            # PyTorch's Tensor.backward calls autograd.backward: that is the same pass. Without a graph: the library's error.
            known = len(tensors) == len(self._tensors) and all(map(operator.is_, tensors, self._tensors))
            if not known and any(getattr(tensor, "grad_fn", None) is not None for tensor in tensors):
                self._close()
                names = namer(self._names, self._params, sys._getframe(1) if self._names is None else None)
                self.recorders.append(self._make(*filter(is_tensor, tensors), names=names).__enter__())
                self._tensors = tensors
                known = True
            try:
                return function(*args, **kwargs)
            except Exception as problem:  # told now, with its words: the block may catch it
                if known:
                    self._close(type(problem), problem, problem.__traceback__)
                raise

        return call

    def _close(self, *outcome: Any) -> None:
        if self._tensors:
            self._tensors = ()
            self.recorders[-1].__exit__(*(outcome or (None, None, None)))
