"""`torch.utils.benchmark`: how long a line takes, by Python's own `timeit`."""

from __future__ import annotations

import timeit
from typing import Any


class Measurement:
    """Times of one statement in seconds per run. Mirrors `torch.utils.benchmark.Measurement`."""

    def __init__(self, label: str, times: list[float], number_per_run: int) -> None:
        self.label, self.times, self.number_per_run = label, sorted(times), number_per_run

    @property
    def mean(self) -> float:
        """The mean time of a run."""
        return sum(self.times) / len(self.times)

    @property
    def median(self) -> float:
        """The time of the run in the middle."""
        half = len(self.times) // 2
        return self.times[half] if len(self.times) % 2 else (self.times[half - 1] + self.times[half]) / 2

    def __repr__(self) -> str:
        unit, size = next(
            (u, s) for u, s in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)) if self.median >= s or u == "ns"
        )
        runs = f"{len(self.times)} measurement{'s' * (len(self.times) > 1)}, {self.number_per_run} runs per measurement"
        return (
            f"<torch.utils.benchmark.utils.common.Measurement object at {id(self):#x}>\n{self.label}\n"
            f"  {self.median / size:.2f} {unit}\n  {runs}, 1 thread"
        )


class Timer:
    """Times a statement, given as text with its names in `globals`. Mirrors `torch.utils.benchmark.Timer`."""

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        **_: Any,
    ) -> None:
        self._timer = timeit.Timer(stmt, setup, globals=globals)
        self._label = label or stmt

    def timeit(self, number: int = 1_000_000) -> Measurement:
        """Runs the statement `number` times."""
        return Measurement(self._label, [self._timer.timeit(number) / number], number)

    def blocked_autorange(self, min_run_time: float = 0.2, **_: Any) -> Measurement:
        """Runs it in blocks until `min_run_time` seconds have passed."""
        number, took = self._timer.autorange()
        blocks = max(1, int(min_run_time / max(took, 1e-9)))
        return Measurement(self._label, [each / number for each in self._timer.repeat(blocks, number)], number)
