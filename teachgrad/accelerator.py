"""`torch.accelerator`: what is there to compute on besides the CPU. Here that is a GPU, or nothing."""

from __future__ import annotations

from typing import Any

from teachgrad import cuda, gpu
from teachgrad.devices import device


def is_available() -> bool:
    """Is there an accelerator? Mirrors `torch.accelerator.is_available`."""
    return gpu.usable()


def device_count() -> int:
    """How many there are. Mirrors `torch.accelerator.device_count`."""
    return cuda.device_count()


def current_accelerator(check_available: bool = False) -> device | None:
    """`device("cuda")`, or None if there is none. Mirrors `torch.accelerator.current_accelerator`.

    PyTorch may have been built for a device that is not there, and then looks for it with `check_available`; here no
    other answer is possible.
    """
    return device("cuda") if gpu.usable() else None


def _checked(function: Any, name: str) -> Any:
    """`function` of `torch.cuda`, which without an accelerator raises this module's error instead."""

    def asked(*args: Any, **named: Any) -> Any:
        if not gpu.usable():
            error = RuntimeError("Cannot access accelerator device when none is available.")
            error.add_note(gpu.why_not())
            raise error
        return function(*args, **named)

    asked.__name__ = asked.__qualname__ = name
    asked.__doc__ = f"{function.__doc__.partition('.')[0]}. Raises RuntimeError without an accelerator."
    return asked


current_device_index = _checked(cuda.current_device, "current_device_index")
set_device_index = _checked(cuda.set_device, "set_device_index")
current_stream = _checked(cuda.current_stream, "current_stream")
synchronize = _checked(cuda.synchronize, "synchronize")
memory_allocated = _checked(cuda.memory_allocated, "memory_allocated")
memory_reserved = _checked(cuda.memory_reserved, "memory_reserved")
max_memory_allocated = _checked(cuda.max_memory_allocated, "max_memory_allocated")
max_memory_reserved = _checked(cuda.max_memory_reserved, "max_memory_reserved")
memory_stats = _checked(cuda.memory_stats, "memory_stats")
reset_peak_memory_stats = _checked(cuda.reset_peak_memory_stats, "reset_peak_memory_stats")
set_stream = _checked(cuda.set_stream, "set_stream")
device_index = _checked(cuda.device, "device_index")
get_device_capability = _checked(cuda.get_device_capability, "get_device_capability")
empty_cache = _checked(cuda.empty_cache, "empty_cache")
get_memory_info = _checked(cuda.mem_get_info, "get_memory_info")
