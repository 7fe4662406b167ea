"""The budgets that are no ratio of a workload: growth, memory, the import, and what is installed."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import math
import pathlib
import statistics
from collections.abc import Iterator
from typing import Any

import fresh
import import_time

Row = dict[str, Any]  # what, value, limit, unit, note
MLPS = {"784-128-10, batch 64": (64, 784, 128, 10), "1024-1024-1024, batch 512": (512, 1024, 1024, 1024)}


def row(what: str, value: float | None, limit: float | None, unit: str, note: str = "") -> Row:
    return {"what": what, "value": value, "limit": limit, "unit": unit, "note": note}


def exponent(lengths: list[int], seconds: list[float]) -> float:
    """p where the time grows like length**p: the slope of the line through the logarithms."""
    return statistics.linear_regression([*map(math.log, lengths)], [*map(math.log, seconds)]).slope


def growth(quick: bool) -> Iterator[Row]:
    lengths = [100, 1000, 10_000, 100_000] + ([] if quick else [1_000_000])
    found = fresh.asked("growth", "teachgrad", *lengths)
    for what, op in (("forward", "op"), ("backward", "node"), ("freeing", "node")):
        each = ", ".join(f"{1e6 * s / n:.2f}" for n, s in zip(lengths, found[what], strict=True))
        told = f"{each} us per {op} from {lengths[0]:,} to {lengths[-1]:,} nodes"
        yield row(
            f"growth of {what} with the length of a chain, exponent", exponent(lengths, found[what]), 1.1, "", told
        )
        if what == "forward":
            links = fresh.asked("objects", "teachgrad", *lengths)
            told = ", ".join(f"{1e6 * s / n:.2f}" for n, s in zip(lengths, links, strict=True)) + " us per object"
            yield row("the same of a chain of plain Python objects", exponent(lengths, links), None, "", told)
    told = ", ".join(f"{what} {seconds[-1]:.2f} s" for what, seconds in found.items())
    total = sum(seconds[-1] for seconds in found.values())
    yield row(f"a chain of {lengths[-1]:,} nodes, garbage collector on", total, None, "s", told)


def memory(quick: bool, has_torch: bool) -> Iterator[Row]:
    ours = fresh.asked("bytes", "teachgrad", 200_000)
    theirs = fresh.asked("bytes", "torch", 200_000) if has_torch else None
    yield row("memory per node of a chain of numbers", ours, 200, "bytes", f"torch {theirs:.0f}" if theirs else "")
    if not has_torch:
        return
    for name, numbers in MLPS.items():
        peaks: dict[str, list[int]] = {"teachgrad": [], "torch": []}
        for _ in range(1 if quick else 3):
            for library, seen in peaks.items():
                seen.append(fresh.asked("peak", library, *numbers))
        if None in peaks["teachgrad"]:
            return
        ours, theirs = (statistics.median(seen) for seen in peaks.values())
        told = f"{ours / 2**20:.1f} MiB, torch {theirs / 2**20:.1f} MiB"
        yield row(f"peak memory of training the MLP {name}, beside torch's", ours / theirs, 1.1, "times", told)


def imports(quick: bool, has_torch: bool) -> Iterator[Row]:
    times = import_time.measure(10 if quick else 30)
    middle = {name: statistics.median(taken) for name, taken in times.items()}
    told = ", ".join(f"{name} {1000 * seconds:.0f} ms" for name, seconds in middle.items())
    yield row(
        "`import teachgrad` beside `import numpy`, whole processes",
        middle["teachgrad"] / middle["numpy"],
        1.25,
        "times",
        told,
    )
    taken = {name: import_time.memory(name) for name in ("numpy", "teachgrad", *(["torch"] if has_torch else []))}
    numpy, ours, theirs = taken["numpy"], taken["teachgrad"], taken.get("torch")
    if numpy and ours:
        note = f"torch {(theirs - numpy) / 2**20:.0f} MiB" if theirs else ""
        yield row("memory of `import teachgrad` beyond `import numpy`", (ours - numpy) / 2**20, 8, "MiB", note)


def installed(name: str) -> int:
    """Bytes on disk of a distribution and all that it requires on this system."""
    from packaging.requirements import Requirement

    left, seen, counted = [Requirement(name)], set[str](), dict[str, int]()
    while left:
        wanted = left.pop()
        if str(wanted) in seen:
            continue
        seen.add(str(wanted))
        distribution = importlib.metadata.distribution(wanted.name)
        counted[distribution.metadata["Name"]] = size(distribution)
        for further in map(Requirement, distribution.requires or []):
            marker = further.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in wanted.extras or {""}):
                left.append(further)
    return sum(counted.values())


def size(distribution: importlib.metadata.Distribution) -> int:
    """Bytes of one distribution's files; of its package folder where it is installed in place."""
    if distribution.metadata["Name"] == "teachgrad":
        spec = importlib.util.find_spec("teachgrad")
        folder = pathlib.Path(spec.origin).parent if spec and spec.origin else pathlib.Path()
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    paths = (pathlib.Path(str(distribution.locate_file(file))) for file in distribution.files or [])
    return sum(path.stat().st_size for path in paths if path.is_file())


def measure(quick: bool) -> list[Row]:
    """All rows."""
    has_torch = importlib.util.find_spec("torch") is not None
    rows = [*growth(quick), *memory(quick, has_torch), *imports(quick, has_torch)]
    told = f"torch {installed('torch') / 1e6:.0f} MB" if has_torch else ""
    rows.append(row("installed, pictures and NumPy included", installed("teachgrad") / 1e6, 130, "MB", told))
    return rows
