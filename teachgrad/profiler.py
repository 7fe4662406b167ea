"""`torch.profiler`: the newer face of `torch.autograd.profiler`, with steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from teachgrad.autograd import profiler
from teachgrad.autograd.profiler import record_function as record_function


class ProfilerActivity(Enum):
    """What to watch. Only the CPU is."""

    CPU = 0
    CUDA = 2


class ProfilerAction(Enum):
    """What a schedule says of a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0
) -> Callable[[int], ProfilerAction]:
    """Which steps to record: after `skip_first`, cycles of `wait`, `warmup` and `active` steps, `repeat` times (0: on)."""

    def action(step: int) -> ProfilerAction:
        step -= skip_first
        cycle, place = divmod(step, wait + warmup + active)
        if step < 0 or (repeat and cycle >= repeat) or place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if place < wait + warmup + active - 1 else ProfilerAction.RECORD_AND_SAVE

    return action


class profile(profiler.profile):  # noqa: N801 - PyTorch's name
    """Notes the ops that run inside the block; call `step()` after each step of a `schedule`.

    Mirrors `torch.profiler.profile`.
    `on_trace_ready(prof)` is called at the end of each cycle, or of the block if there is no schedule.
    """

    def __init__(
        self,
        *,
        activities: Iterable[ProfilerActivity] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[[Any], Any] | None = None,
        **_: Any,
    ) -> None:
        super().__init__()
        self._schedule, self._ready = schedule, on_trace_ready
        self.step_num = 0

    def _recording(self) -> bool:
        return self._schedule is None or self._schedule(self.step_num) in (
            ProfilerAction.RECORD,
            ProfilerAction.RECORD_AND_SAVE,
        )

    def start(self) -> None:
        """Begins, as `with` does."""
        if self._recording():
            self._start()

    def stop(self) -> None:
        """Ends, as leaving the block does."""
        if self in profiler._active:
            self._stop()
            if self._ready is not None:
                self._ready(self)

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def step(self) -> None:
        """Says that a step of the schedule is over."""
        was = self._schedule(self.step_num) if self._schedule is not None else ProfilerAction.RECORD
        self.step_num += 1
        if self._schedule is None:
            return
        if was is ProfilerAction.RECORD_AND_SAVE:
            self.stop()
            self.function_events = profiler.EventList()
        if self._recording() and self not in profiler._active:
            self._start()
