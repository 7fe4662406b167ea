"""`torch.cuda` on a machine without a GPU: every question has an answer, every order is refused.

Answers as a CPU build of PyTorch does, so that the usual first lines of a lesson run:

    device = "cuda" if torch.cuda.is_available() else "cpu"
"""

from __future__ import annotations

from typing import Any

from teachgrad import devices


def is_available() -> bool:
    """False: teachgrad computes on the CPU."""
    return False


def device_count() -> int:
    """0 GPUs."""
    return 0


def memory_allocated(*_: Any, **__: Any) -> int:
    """0 bytes of GPU memory."""
    return 0


def empty_cache(*_: Any, **__: Any) -> None:
    """Does nothing: there is no GPU memory to free and no generator to seed."""


def current_device(*_: Any, **__: Any) -> Any:
    """Raises AssertionError: there is no GPU."""
    devices.resolve("cuda")


is_initialized = is_bf16_supported = is_available
max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated
manual_seed = manual_seed_all = seed = seed_all = reset_peak_memory_stats = empty_cache
get_device_name = get_device_properties = get_device_capability = current_device
init = synchronize = set_device = mem_get_info = current_device
