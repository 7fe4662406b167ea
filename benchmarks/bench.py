"""How fast teachgrad is beside PyTorch and others, as ratios: `python benchmarks/bench.py [--quick] [--write]`.

Every workload first has its gradients compared with PyTorch's. Then the libraries take turns, round after round, so that
a slow moment of the machine hits all of them, one thread each; a ratio is the median over the rounds, with its quartiles.
Times are the processor's for this process, which other programs disturb less than the clock on the wall.
A library that is missing, or cannot do the work, leaves a blank. Nothing here is a test: a slow machine fails nobody.

`--write` keeps the numbers in benchmarks/results/ (the newest run and the one before) and writes docs/performance.md.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import importlib
import os
import pathlib
import pstats
import re
import statistics
import sys
import time
from typing import Any

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"  # read by the libraries when they load, so before the imports below

import budgets  # noqa: E402
import by_hand  # noqa: E402
import gpu  # noqa: E402
import numpy as np  # noqa: E402
import numpy_like  # noqa: E402
import page  # noqa: E402
import per_op  # noqa: E402
from workloads import WORKLOADS, Step  # noqa: E402

import teachgrad  # noqa: E402

SLOW = 0.1  # seconds; a guest whose step takes longer takes part in the first rounds only
FEW = 3


def optional(name: str) -> Any:
    """A module, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def contenders(key: str) -> dict[str, Step]:
    """A step of each library that is here and can do this work. teachgrad comes first, then PyTorch if it is installed."""
    steps: dict[str, Step | None] = {"teachgrad": WORKLOADS[key].make(teachgrad)}
    if torch := optional("torch"):
        steps["torch"] = WORKLOADS[key].make(torch)
    for library, module in (("numpy", by_hand), ("micrograd", optional("with_micrograd"))):
        steps[library] = getattr(module, key)() if hasattr(module, key) else None
    if optional("autograd"):
        steps["autograd"] = numpy_like.autograd_step(key)
    if optional("mygrad"):
        steps["mygrad"] = numpy_like.mygrad_step(key)
    return {library: step for library, step in steps.items() if step is not None}


def as_array(grad: Any) -> np.ndarray[Any, Any]:
    return np.asarray(grad.detach().numpy() if hasattr(grad, "detach") else grad)


def check(key: str, steps: dict[str, Step], base: str) -> None:
    """Ends the program if a library does not find the same gradients as the base."""
    expected = [as_array(grad) for grad in steps[base]()]
    for library, step in steps.items():
        for a, b in zip(step(), expected, strict=True):
            if not np.allclose(as_array(a), b, rtol=2e-3, atol=1e-4):
                sys.exit(f"{WORKLOADS[key].title}: {library}'s gradients are not {base}'s: its time would mean nothing")


def timed(step: Step, seconds: float) -> float:
    """Seconds of the processor per step, over about as many steps as fit into `seconds`."""
    gc.collect()  # so that nobody pays for what the one before left behind
    begin = time.process_time()
    step()
    once = time.process_time() - begin
    if once >= seconds:
        return once
    count = int(seconds / once)
    begin = time.process_time()
    for _ in range(count):
        step()
    return (time.process_time() - begin) / count


def measure(key: str, rounds: int, seconds: float) -> dict[str, dict[str, list[float]]]:
    """For each library the quartiles of its time in microseconds and of its ratio to PyTorch's time."""
    steps = contenders(key)
    base = "torch" if "torch" in steps else "teachgrad"
    check(key, steps, base)
    times: dict[str, list[float]] = {library: [] for library in steps}
    for turn in range(rounds):
        for library, step in steps.items():
            if turn < FEW or library in ("teachgrad", "torch") or times[library][0] < SLOW:
                times[library].append(timed(step, seconds))
    return {
        library: {
            "microseconds": statistics.quantiles([1e6 * one for one in taken], n=4),
            "ratio": statistics.quantiles([a / b for a, b in zip(taken, times[base], strict=False)], n=4),
        }
        for library, taken in times.items()
    }


def profiled(key: str, seconds: float = 0.5, lines: int = 10) -> list[str]:
    """Where teachgrad spends a step of this workload: the functions with the most time of their own."""
    step = WORKLOADS[key].make(teachgrad)
    step()
    count = max(1, int(seconds / timed(step, seconds / 5)))
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(count):
        step()
    profile.disable()
    stats: dict[Any, Any] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    told = [f"{'own us':>10}{'calls':>8}  function (per step, under the profiler)"]
    for (path, _, name), (_, calls, own, _, _) in sorted(stats.items(), key=lambda item: -item[1][2])[:lines]:
        where = "" if path == "~" else "/".join(pathlib.PurePath(path).parts[-2:]) + " "
        plain = re.sub(r" at 0x\w+", "", name)  # an address means nothing tomorrow
        told.append(f"{1e6 * own / count:10,.1f}{calls / count:8,.1f}  {where}{plain}"[:110])
    return told


def run(quick: bool, only: str) -> dict[str, Any]:
    """Everything that is measured, printed as it comes."""
    if torch := optional("torch"):
        torch.set_num_threads(1)
    else:
        print("PyTorch is not installed: times without ratios, nothing to compare the gradients with.")
    for guest in ("autograd", "mygrad", "with_micrograd"):
        optional(guest)
    gc.collect()
    gc.freeze()  # what the imports left is walked by no collection from here on, whoever triggers it
    rounds, seconds = (5, 0.03) if quick else (15, 0.1)
    found: dict[str, Any] = {"machine": page.machine(), "speed": {}}
    for key, workload in WORKLOADS.items():
        if only in key:
            found["speed"][key] = measure(key, rounds, seconds)
            print(page.line(workload.title, found["speed"][key]), flush=True)
    if not only:
        found["per op"] = per_op.measure(torch, *((3, 0.002) if quick else (7, 0.008)))
        print(*page.per_op_table(found["per op"]), sep="\n", flush=True)
        found["budgets"] = budgets.measure(quick)
        print(*page.budget_table(found["budgets"]), sep="\n", flush=True)
    slowest = sorted(found["speed"], key=lambda key: -found["speed"][key]["teachgrad"]["ratio"][1])[:2]
    found["profile"] = {key: profiled(key) for key in slowest}
    for key, lines in found["profile"].items():
        print(f"\n{WORKLOADS[key].title}", *lines, sep="\n")
    return found


def main() -> None:
    """Measure, print, and with --write keep the numbers and write docs/performance.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a first impression, in under two minutes")
    parser.add_argument("--only", default="", help="only the workloads whose function's name contains this")
    parser.add_argument("--write", action="store_true", help="keep the numbers and write docs/performance.md")
    parser.add_argument(
        "--page", action="store_true", help="measure nothing: write docs/performance.md from the kept runs"
    )
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="cuda: the steps of gpu.py instead")
    options = parser.parse_args()
    if options.device == "cuda":
        gpu.run(options.quick)
        return
    if not options.page:
        found = run(options.quick, options.only)
        if options.write:
            page.keep(found)
    if options.write or options.page:
        page.write()


if __name__ == "__main__":
    main()
