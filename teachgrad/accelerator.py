"""`torch.accelerator`: what is there to compute on besides the CPU. Here: nothing."""

from __future__ import annotations

from teachgrad.devices import device


def is_available() -> bool:
    """False: there is no accelerator. Mirrors `torch.accelerator.is_available`."""
    return False


def device_count() -> int:
    """0. Mirrors `torch.accelerator.device_count`."""
    return 0


def current_accelerator(check_available: bool = False) -> device | None:
    """None. Mirrors `torch.accelerator.current_accelerator`."""
    return None
