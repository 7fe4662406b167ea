"""Grad mode: whether the ops that run now write down how to undo them.

The switch belongs to the thread (as in PyTorch) and to the asyncio task, which is what a ContextVar is. `no_grad` and its
sisters flip it for a block of code or, as decorators, for a function:

    with no_grad():
        w -= 0.1 * w.grad      # not part of any graph
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from types import TracebackType
from typing import Any, TypeVar

GRAD_MODE: ContextVar[bool] = ContextVar("teachgrad_grad_mode", default=True)
is_grad_enabled = GRAD_MODE.get
"""True when ops record a graph. Mirrors `torch.is_grad_enabled`."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


class _GradMode:
    """A block, or a decorated function, that runs in one grad mode and then restores the former one."""

    __slots__ = ("_before", "_mode")

    def __init__(self, mode: bool) -> None:
        self._mode = mode
        self._before: list[bool] = []  # a stack: the same object may be entered again inside itself

    def __enter__(self) -> None:
        self._before.append(GRAD_MODE.get())
        GRAD_MODE.set(self._mode)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        GRAD_MODE.set(self._before.pop())

    def __call__(self, function: _Function) -> _Function:
        if inspect.isgeneratorfunction(function):
            return self._generator(function)  # type: ignore[return-value]

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with type(self)._of(self._mode):
                return function(*args, **kwargs)

        return wrapped  # type: ignore[return-value]

    def _generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A generator whose own lines run in the mode, while between its yields the caller keeps his."""

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            generator, step, sent = function(*args, **kwargs), "send", None
            while True:
                try:
                    with type(self)._of(self._mode):
                        value = getattr(generator, step)(sent)
                except StopIteration as end:
                    return end.value
                try:
                    step, sent = "send", (yield value)
                except GeneratorExit:
                    generator.close()
                    raise
                except BaseException as error:  # noqa: BLE001 - whatever is thrown in goes on to the generator
                    step, sent = "throw", error

        return wrapped

    @staticmethod
    def _of(mode: bool) -> _GradMode:
        return _GradMode(mode)


class _Switch(_GradMode):
    """`no_grad` and `enable_grad` may be used with or without brackets: `@no_grad` is `@no_grad()`."""

    __slots__ = ()
    mode: bool

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        """A block or, given a function, that function running in this mode."""
        switch = super().__new__(cls)
        if function is None:
            return switch
        _GradMode.__init__(switch, cls.mode)
        return switch(function)

    def __init__(self, function: Callable[..., Any] | None = None) -> None:
        super().__init__(self.mode)


class no_grad(_Switch):  # noqa: N801 - PyTorch's name
    """Nothing computed inside needs a gradient. Mirrors `torch.no_grad`."""

    __slots__ = ()
    mode = False


class enable_grad(_Switch):  # noqa: N801 - PyTorch's name
    """Gradients are recorded inside, also within a `no_grad` block. Mirrors `torch.enable_grad`."""

    __slots__ = ()
    mode = True


class set_grad_enabled(_GradMode):  # noqa: N801 - PyTorch's name
    """Switches grad mode at once; used as a block, it switches back at the end. Mirrors `torch.set_grad_enabled`."""

    __slots__ = ("_found",)

    def __init__(self, mode: bool) -> None:
        super().__init__(mode)
        self._found = GRAD_MODE.get()
        GRAD_MODE.set(mode)

    def __repr__(self) -> str:
        return f"torch.autograd.grad_mode.set_grad_enabled(mode={self._mode})"

    def __enter__(self) -> None:
        self._before.append(self._found)
        GRAD_MODE.set(self._mode)

    def __call__(self, function: _Function) -> _Function:
        """Decorates `function`."""
        GRAD_MODE.set(self._found)  # a decorator only promises a mode for the calls to come
        return super().__call__(function)
