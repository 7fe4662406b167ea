"""`torch.jit`, where there is nothing to compile: what is given comes back and runs as the Python that it is.

TorchScript turns a function or module into a program that runs without Python. teachgrad is Python, so `script` and `trace`
return what they were given, after a trace has run it once. A file of such a program cannot be written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from teachgrad import errors

_Any = TypeVar("_Any")


def script(obj: _Any, *_: Any, **__: Any) -> _Any:
    """`obj` itself, a function or module. Mirrors `torch.jit.script`."""
    return obj


def trace(func: Any, example_inputs: Any = None, *_: Any, **__: Any) -> Any:
    """`func` itself, after running it once on the example. Mirrors `torch.jit.trace`."""
    if example_inputs is not None:
        func(*example_inputs) if isinstance(example_inputs, tuple | list) else func(example_inputs)
    return func


def optimize_for_inference(mod: _Any, *_: Any, **__: Any) -> _Any:
    """`mod` itself. Mirrors `torch.jit.optimize_for_inference`."""
    return mod


def freeze(mod: _Any, *_: Any, **__: Any) -> _Any:
    """`mod` itself. Mirrors `torch.jit.freeze`."""
    return mod


def ignore(drop: Any = False, **_: Any) -> Any:
    """A decorator that changes nothing. Mirrors `torch.jit.ignore`."""
    return drop if callable(drop) else _unchanged


def _unchanged(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


export = unused = script_if_tracing = _unchanged


def save(m: Any, f: Any, *_: Any, **__: Any) -> None:
    """Raises RuntimeError: there is no program to write. Mirrors `torch.jit.save`."""
    raise _no_program("written")


def load(f: Any, *_: Any, **__: Any) -> Any:
    """Raises RuntimeError: such a program cannot be run. Mirrors `torch.jit.load`."""
    raise _no_program("run")


def _no_program(what: str) -> RuntimeError:
    return errors.explained(
        RuntimeError(f"TorchScript files cannot be {what} here: teachgrad runs Python and compiles nothing."),
        "Keep the parameters instead: torch.save(model.state_dict(), path), and later, in a model made by the same code, "
        "model.load_state_dict(torch.load(path)).",
    )


def is_scripting() -> bool:
    """False. Mirrors `torch.jit.is_scripting`."""
    return False


def is_tracing() -> bool:
    """False. Mirrors `torch.jit.is_tracing`."""
    return False
