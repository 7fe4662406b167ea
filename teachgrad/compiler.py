"""`torch.compiler`: decorators that change nothing, since nothing is compiled."""

from __future__ import annotations

from typing import Any


def is_compiling() -> bool:
    """False. Mirrors `torch.compiler.is_compiling`."""
    return False


is_dynamo_compiling = is_exporting = is_compiling


def disable(fn: Any = None, *_: Any, **__: Any) -> Any:
    """`fn` itself; without one, a decorator. Mirrors `torch.compiler.disable`."""
    return (lambda function: function) if fn is None else fn


allow_in_graph = assume_constant_result = disable


def reset() -> None:
    """Does nothing: no compiled code is kept. Mirrors `torch.compiler.reset`."""
