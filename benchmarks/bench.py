"""How fast teachgrad is beside PyTorch and beside NumPy by hand, as ratios: `python benchmarks/bench.py [--quick]`.

Every workload first has its gradients compared with PyTorch's. Then the libraries take turns, round after round, so that
a slow moment of the machine hits all of them, one thread each; a cell is the median of the ratios of the rounds, with
their quartiles. Nothing here is a test: a slow machine fails nobody.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"  # read by the libraries when they load, so before the imports below

import numpy as np  # noqa: E402
from workloads import BY_HAND, WORKLOADS, Step  # noqa: E402

import teachgrad  # noqa: E402

REPORT = pathlib.Path(__file__).parents[1] / "docs" / "performance.md"
START, END = "<!-- bench: start -->", "<!-- bench: end -->"


def timed(step: Step, seconds: float) -> float:
    """Seconds per step, over as many steps as fit into `seconds`."""
    begin = time.perf_counter()
    count = 0
    while True:
        step()
        count += 1
        spent = time.perf_counter() - begin
        if spent >= seconds:
            return spent / count


def as_array(grad: Any) -> np.ndarray:
    return np.asarray(grad.detach().numpy() if hasattr(grad, "detach") else grad)


def check(name: str, ours: Step, theirs: Step) -> None:
    """Ends the program if the two libraries do not find the same gradients."""
    for a, b in zip(ours(), theirs(), strict=True):
        if not np.allclose(as_array(a), as_array(b), rtol=2e-3, atol=1e-4):
            sys.exit(f"{name}: the gradients differ from PyTorch's, so its time means nothing")


def measure(make: Callable[[Any], Step], name: str, torch: Any, rounds: int, seconds: float) -> dict[str, Any]:
    """The times and ratios of one workload."""
    steps = {"teachgrad": make(teachgrad)}
    if torch is not None:
        steps["torch"] = make(torch)
        check(name, steps["teachgrad"], steps["torch"])
    if name in BY_HAND:
        steps["numpy"] = BY_HAND[name]()
        check(name + " (NumPy by hand)", steps["teachgrad"], steps["numpy"])
    times: dict[str, list[float]] = {library: [] for library in steps}
    for step in steps.values():
        step()
    for _ in range(rounds):
        for library, step in steps.items():
            times[library].append(timed(step, seconds))
    row: dict[str, Any] = {library: statistics.median(values) for library, values in times.items()}
    base = "torch" if torch is not None else "teachgrad"
    for library in steps:
        ratios = [a / b for a, b in zip(times[library], times[base], strict=True)]
        row[f"{library}/{base}"] = statistics.quantiles(ratios, n=4)
    return row


def written(row: dict[str, Any], key: str) -> str:
    """A ratio as the table shows it: the median and the quartiles."""
    if key not in row:
        return ""
    low, middle, high = row[key]
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def table(rows: dict[str, dict[str, Any]]) -> str:
    """The results as a Markdown table."""
    lines = [
        "| workload (forward and backward) | teachgrad | teachgrad / torch | target | NumPy by hand / torch |",
        "|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        lines.append(
            f"| {name} | {row['teachgrad'] * 1e6:,.0f} us | {written(row, 'teachgrad/torch')} | {WORKLOADS[name][1]:.2f} "
            f"| {written(row, 'numpy/torch')} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and with --write put the table into docs/performance.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a first impression, in under two minutes")
    parser.add_argument("--only", default="", help="workloads whose name contains this")
    parser.add_argument("--json", type=pathlib.Path, help="also write every number to this file")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    options = parser.parse_args()
    try:
        import torch
    except ImportError:
        torch = None  # type: ignore[assignment]
        print("PyTorch is not installed: times without ratios.")
    else:
        torch.set_num_threads(1)
    rounds, seconds = (5, 0.05) if options.quick else (15, 0.2)
    rows = {}
    for name, (make, _) in WORKLOADS.items():
        if options.only in name:
            rows[name] = measure(make, name, torch, rounds, seconds)
            print(
                f"{name:58} {rows[name]['teachgrad'] * 1e6:12,.0f} us  {written(rows[name], 'teachgrad/torch')}",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    if options.write:
        before, _, rest = REPORT.read_text().partition(START)
        after = rest.partition(END)[2]
        REPORT.write_text(f"{before}{START}\n{table(rows)}\n{END}{after}")


if __name__ == "__main__":
    main()
