"""Which ops ran, how often and for how long. Mirrors `torch.autograd.profiler`.

    with torch.autograd.profiler.profile() as prof:
        y = (x * x).sum()
        y.backward()
    print(prof.key_averages().table(sort_by="self_cpu_time_total"))

Nothing is added to the ops for this. Each op is a Python function of its own, compiled from text (`ops/writer.py`), and
Python can be asked to report calls: the profiler notes those whose code comes from the op table. It sees the first call of
an op too, which compiles it and so takes far longer than the others.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter_ns
from types import FrameType, TracebackType
from typing import Any, Self

_PREFIX = "<teachgrad op "
_active: list[profile] = []


class FunctionEvent:
    """One call, or several of one name taken together: times in microseconds."""

    def __init__(self, key: str, start: float = 0.0) -> None:
        self.key = self.name = key
        self.start = start
        self.count = 0
        self.cpu_time_total = self.self_cpu_time_total = 0.0

    @property
    def cpu_time(self) -> float:
        """The mean time of a call."""
        return self.cpu_time_total / self.count if self.count else 0.0

    def __repr__(self) -> str:
        times = f"self_cpu_time={_time(self.self_cpu_time_total)} cpu_time={_time(self.cpu_time)}"
        return f"<FunctionEventAvg key={self.key} {times}>"


class EventList(list[FunctionEvent]):
    """Events, which can be summed up by name and shown as a table."""

    @property
    def self_cpu_time_total(self) -> float:
        """The time of all of them together, in microseconds."""
        return sum(event.self_cpu_time_total for event in self)

    def key_averages(self) -> EventList:
        """One event per name."""
        found: dict[str, FunctionEvent] = {}
        for event in self:
            whole = found.setdefault(event.key, FunctionEvent(event.key))
            whole.count += event.count
            whole.cpu_time_total += event.cpu_time_total
            whole.self_cpu_time_total += event.self_cpu_time_total
        return EventList(found.values())

    def table(self, sort_by: str | None = None, row_limit: int = 100, **_: Any) -> str:
        """The events as text, the largest `sort_by` ("cpu_time_total", "count", ...) first."""
        rows = sorted(self, key=lambda event: -getattr(event, sort_by)) if sort_by else list(self)
        whole = self.self_cpu_time_total or 1.0
        heads = ["Name", "Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg", "# of Calls"]
        cells = [
            [
                event.key, f"{100 * event.self_cpu_time_total / whole:.2f}%", _time(event.self_cpu_time_total),
                f"{100 * event.cpu_time_total / whole:.2f}%", _time(event.cpu_time_total), _time(event.cpu_time),
                str(event.count),
            ]
            for event in rows[: row_limit if row_limit >= 0 else None]
        ]  # fmt: skip
        widths = [max(12, *(len(row[i]) for row in [heads, *cells])) for i in range(len(heads))]
        rule = "  ".join("-" * width for width in widths)
        lines = [
            "  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in [heads, *cells]
        ]
        return "\n".join(
            [rule, lines[0], rule, *lines[1:], rule, f"Self CPU time total: {_time(self.self_cpu_time_total)}"]
        )


def _time(microseconds: float) -> str:
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if microseconds >= size:
            return f"{microseconds / size:.3f}{unit}"
    return f"{microseconds:.3f}us"


class profile:  # noqa: N801 - PyTorch's name
    """Notes the ops that run inside the block, in this thread. Mirrors `torch.autograd.profiler.profile`.

    `enabled=False` notes nothing; the other options of PyTorch's are accepted and change nothing.
    """

    def __init__(self, enabled: bool = True, **_: Any) -> None:
        self.enabled = enabled
        self.function_events = EventList()
        self._open: list[tuple[FunctionEvent, int, list[int]]] = []
        self._before: Callable[..., Any] | None = None

    def __enter__(self) -> Self:
        if self.enabled:
            self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.enabled:
            self._stop()

    def _start(self) -> None:
        _active.append(self)
        self._before = sys.getprofile()
        sys.setprofile(self._note)

    def _stop(self) -> None:
        sys.setprofile(self._before)
        _active.remove(self)
        while self._open:
            self._close()

    def _note(self, frame: FrameType, event: str, _: Any) -> None:
        """Python's report of a call or a return."""
        file = frame.f_code.co_filename
        if file.startswith(_PREFIX) and frame.f_code.co_name != "<module>":  # which defines it, when it is compiled
            if event == "call":
                self._begin(_name_of(file))
            elif event == "return" and self._open:
                self._close()

    def _begin(self, name: str) -> None:
        now = perf_counter_ns()
        self._open.append((FunctionEvent(name, now / 1e3), now, []))

    def _close(self) -> None:
        event, start, inner = self._open.pop()
        took = perf_counter_ns() - start
        event.count, event.cpu_time_total, event.self_cpu_time_total = 1, took / 1e3, (took - sum(inner)) / 1e3
        self.function_events.append(event)
        if self._open:
            self._open[-1][2].append(took)

    @property
    def self_cpu_time_total(self) -> float:
        """The time of all ops together, in microseconds."""
        return self.function_events.self_cpu_time_total

    def key_averages(self, *_: Any, **__: Any) -> EventList:
        """One event per name."""
        return self.function_events.key_averages()

    def events(self) -> EventList:
        """Every call by itself, in the order in which they ended."""
        return self.function_events

    def table(self, sort_by: str | None = None, row_limit: int = 100, **_: Any) -> str:
        """Every call as text."""
        return self.function_events.table(sort_by, row_limit)

    def export_chrome_trace(self, path: str | Path) -> None:
        """Writes the calls as JSON that chrome://tracing and https://ui.perfetto.dev show."""
        events: Iterable[FunctionEvent] = self.function_events
        calls = [
            {"name": e.key, "ph": "X", "ts": e.start, "dur": e.cpu_time_total, "pid": 0, "tid": 0, "cat": "cpu_op"}
            for e in events
        ]
        Path(path).write_text(json.dumps({"traceEvents": calls}))

    def __repr__(self) -> str:
        return self.table() if self.function_events else "<unfinished torch.autograd.profile>"


def _name_of(file: str) -> str:
    """`<teachgrad op sum.dim: vjp>` is SumBackward1, with any other ending it is aten::sum."""
    from teachgrad.ops.table import OPS

    name, _, kind = file.removeprefix(_PREFIX).rstrip(">").partition(": ")
    op = OPS.get(name)
    if kind.startswith("vjp") and op is not None and op.node_name is not None:
        return op.node_name
    return f"aten::{name.partition('.')[0]}"


class record_function:  # noqa: N801 - PyTorch's name
    """Inside, the time counts as a call of `name`. Mirrors `torch.autograd.profiler.record_function`; also a decorator."""

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name = name

    def __enter__(self) -> Self:
        for profiler in _active[-1:]:
            profiler._begin(self.name)
        return self

    def __exit__(self, *_: object) -> None:
        for profiler in _active[-1:]:
            if profiler._open:
                profiler._close()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, recorded at each call."""

        def recorded(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return recorded
