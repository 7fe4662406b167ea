"""Switches of PyTorch's compiled libraries. What has no meaning for NumPy is noted, given back when asked, and does nothing.

Also `torch.compile`, which returns what it is given: there is nothing to compile.
"""

from __future__ import annotations

from typing import Any

from teachgrad import errors, storage
from teachgrad.autograd.variable import TensorBase
from teachgrad.ops.table import public


def _processors() -> int:
    import os

    return os.cpu_count() or 1


_noted: dict[str, Any] = {"deterministic": False, "warn_only": False, "precision": "highest", "warn_always": False}


def _number_of_threads(function: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise RuntimeError(f"{function} expects an int, but got {errors.type_name(value)}")
    if value <= 0:
        raise RuntimeError(f"{function} expects a positive integer")
    return value


@public("set_num_threads", method=False)
def set_num_threads(n: int) -> None:
    """Notes a number of threads; NumPy's own libraries decide for themselves. Mirrors `torch.set_num_threads`."""
    _noted["threads"] = _number_of_threads("set_num_threads", n)


@public("get_num_threads", method=False)
def get_num_threads() -> int:
    """The number noted, or that of processors. Mirrors `torch.get_num_threads`."""
    return int(_noted.get("threads") or _processors())


@public("set_num_interop_threads", method=False)
def set_num_interop_threads(n: int) -> None:
    """Notes a number of threads. Mirrors `torch.set_num_interop_threads`."""
    _noted["interop"] = _number_of_threads("set_num_interop_threads", n)


@public("get_num_interop_threads", method=False)
def get_num_interop_threads() -> int:
    """The number noted, or that of processors. Mirrors `torch.get_num_interop_threads`."""
    return int(_noted.get("interop") or _processors())


@public("use_deterministic_algorithms", method=False)
def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Notes the wish: on the CPU everything here is deterministic. Mirrors `torch.use_deterministic_algorithms`."""
    _noted.update(deterministic=bool(mode), warn_only=warn_only)


@public("are_deterministic_algorithms_enabled", method=False)
def are_deterministic_algorithms_enabled() -> bool:
    """What `use_deterministic_algorithms` was told. Mirrors `torch.are_deterministic_algorithms_enabled`."""
    return bool(_noted["deterministic"])


@public("is_deterministic_algorithms_warn_only_enabled", method=False)
def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """What `warn_only` was then. Mirrors `torch.is_deterministic_algorithms_warn_only_enabled`."""
    return bool(_noted["warn_only"])


@public("set_deterministic_debug_mode", method=False)
def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """The same as a number or word: 0 "default", 1 "warn", 2 "error". Mirrors `torch.set_deterministic_debug_mode`."""
    mode = ("default", "warn", "error").index(debug_mode) if isinstance(debug_mode, str) else debug_mode
    use_deterministic_algorithms(mode > 0, warn_only=mode == 1)


@public("get_deterministic_debug_mode", method=False)
def get_deterministic_debug_mode() -> int:
    """0, 1 or 2. Mirrors `torch.get_deterministic_debug_mode`."""
    return (1 if _noted["warn_only"] else 2) if _noted["deterministic"] else 0


@public("set_float32_matmul_precision", method=False)
def set_float32_matmul_precision(precision: str) -> None:
    """Notes the wish; products are float32 throughout. Mirrors `torch.set_float32_matmul_precision`."""
    _noted["precision"] = precision


@public("get_float32_matmul_precision", method=False)
def get_float32_matmul_precision() -> str:
    """What was noted, "highest" at first. Mirrors `torch.get_float32_matmul_precision`."""
    return str(_noted["precision"])


@public("set_flush_denormal", method=False)
def set_flush_denormal(mode: bool) -> bool:
    """False: tiny numbers stay what they are. Mirrors `torch.set_flush_denormal`."""
    return False


@public("set_warn_always", method=False)
def set_warn_always(b: bool) -> None:
    """Notes the wish. Mirrors `torch.set_warn_always`."""
    _noted["warn_always"] = b


@public("is_warn_always_enabled", method=False)
def is_warn_always_enabled() -> bool:
    """What `set_warn_always` was told. Mirrors `torch.is_warn_always_enabled`."""
    return bool(_noted["warn_always"])


@public("is_storage", method=False)
def is_storage(obj: Any) -> bool:
    """True if `obj` is the memory of a tensor. Mirrors `torch.is_storage`."""
    return isinstance(obj, storage.TypedStorage)


@public("typename", method=False)
def typename(obj: Any) -> str:
    """The name of the type of `obj`, "torch.FloatTensor" for a tensor. Mirrors `torch.typename`."""
    if isinstance(obj, TensorBase):
        return str(obj.type())  # type: ignore[attr-defined]
    kind = obj if hasattr(obj, "__qualname__") else type(obj)
    module = getattr(kind, "__module__", "")
    return kind.__qualname__ if module in ("", "builtins") else f"{module}.{kind.__qualname__}"


@public("compile", method=False)
def compile(model: Any = None, **_: Any) -> Any:
    """`model` itself, a function or module; without one, a decorator. Mirrors `torch.compile`."""
    return (lambda function: function) if model is None else model


class memory_format:  # noqa: N801 - PyTorch's name
    """In which order a tensor lies in memory. Mirrors `torch.memory_format`; here it is always row by row."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"


contiguous_format, preserve_format = memory_format("contiguous_format"), memory_format("preserve_format")
channels_last, channels_last_3d = memory_format("channels_last"), memory_format("channels_last_3d")

__all__ = ["channels_last", "channels_last_3d", "contiguous_format", "memory_format", "preserve_format"]
