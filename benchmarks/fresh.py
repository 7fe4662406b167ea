"""What has to be measured in a process of its own: `python benchmarks/fresh.py growth|objects|bytes|peak LIBRARY NUMBER...`.

Prints one line of JSON. `bytes` and `peak` read /proc, which only Linux has. (The peak that `resource` reports would
begin at that of the process which started this one.)
"""

from __future__ import annotations

import importlib
import json
import os
import pathlib
import subprocess
import sys
import time
from typing import Any


def memory(what: str) -> int:
    """Bytes in RAM, now (`VmRSS`) or at the most since the mark was set back (`VmHWM`). Raises OSError outside Linux."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(what + ":"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {what}")


def chain(t: Any, length: int) -> Any:
    """`length` additions to a number that wants a gradient: one node each, nothing saved."""
    y = t.tensor(1.0, requires_grad=True)
    for _ in range(length):
        y = y + 1.0
    return y


def growth(t: Any, *lengths: int) -> dict[str, list[float]]:
    """Seconds of building, of `backward()` and of freeing a chain, the best of some, with the garbage collector on."""
    found: dict[str, list[float]] = {"forward": [], "backward": [], "freeing": []}
    chain(t, 1000).backward()
    for length in lengths:
        best = [float("inf")] * 3
        for _ in range(max(1, min(100, 100_000 // length))):
            marks = [time.process_time()]
            y = chain(t, length)
            marks.append(time.process_time())
            y.backward()
            marks.append(time.process_time())
            del y
            marks.append(time.process_time())
            best = [min(old, end - begin) for old, begin, end in zip(best, marks[:-1], marks[1:], strict=True)]
        for what, seconds in zip(found, best, strict=True):
            found[what].append(seconds)
    return found


class Link:
    """The least that a node of a chain could be."""

    __slots__ = ("birth", "edges")
    birth: int
    edges: tuple[Any, ...]


def objects(t: Any, *lengths: int) -> list[float]:
    """Seconds of building a chain of plain objects, as a floor for `growth`: what Python and its collector take anyhow."""
    found = []
    for length in lengths:
        best = float("inf")
        for _ in range(max(1, min(100, 100_000 // length))):
            begin = time.process_time()
            last = None
            for birth in range(length):
                link = Link()
                link.birth, link.edges, last = birth, (last,), link
            best = min(best, time.process_time() - begin)
            while last is not None:  # link by link: CPython frees a long chain recursively
                last = last.edges[0]
        found.append(best)
    return found


def per_node(t: Any, length: int) -> float:
    """Bytes that one more node of a chain takes."""
    chain(t, 1000).backward()
    before = memory("VmRSS")
    y = chain(t, length)
    taken = memory("VmRSS") - before
    del y
    return taken / length


def peak(t: Any, batch: int, *sizes: int) -> int:
    """Bytes that some training steps of a ReLU network take at the most, its parameters and data included."""
    from workloads import network

    if t.__name__ == "torch":
        t.set_num_threads(1)
    small = network(t, [8, 8, 8], 8)
    for _ in range(3):
        small()  # loads what is loaded late
    before = memory("VmRSS")
    step = network(t, list(sizes), batch)
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # sets the mark back to what is in use now
    for _ in range(5):
        step()
    return memory("VmHWM") - before


def asked(what: str, library: str, *numbers: int) -> Any:
    """The answer of a fresh process, or None where this system cannot say."""
    command = [sys.executable, __file__, what, library, *map(str, numbers)]
    environment = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)


def main() -> None:
    what, library, *numbers = sys.argv[1:]
    measure: Any = {"growth": growth, "objects": objects, "bytes": per_node, "peak": peak}[what]
    try:
        print(json.dumps(measure(importlib.import_module(library), *map(int, numbers))))
    except OSError:
        print("null")


if __name__ == "__main__":
    main()
