"""What `import teachgrad` costs beside `import numpy`: whole processes, interleaved, medians.

    python benchmarks/import_time.py [--rounds 40]

Prints the two medians, the start of an empty interpreter, and two ratios. The target is 1.25 for the whole
processes, which is what a learner waits for. A noisy machine slows both alike because the runs alternate.
It is a measurement, not a test: nothing fails when it is high.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

STATEMENTS = {"nothing": "pass", "numpy": "import numpy", "teachgrad": "import teachgrad"}
TARGET = 1.25


def seconds(statement: str, environment: dict[str, str]) -> float:
    """Wall-clock time of one fresh interpreter that runs `statement` and ends."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True, env=environment)
    return time.perf_counter() - start


def memory(library: str, runs: int = 5) -> float | None:
    """Bytes that a fresh interpreter has in RAM after importing it, the median of some; None where there is no /proc."""
    show = "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmRSS')))"
    if not pathlib.Path("/proc/self/status").exists():
        return None
    command = [sys.executable, "-c", f"import {library}; {show}"]
    return 1024 * statistics.median(
        int(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(runs)
    )


def measure(rounds: int) -> dict[str, list[float]]:
    """The times of every statement, in turn, `rounds` times."""
    times: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    with tempfile.TemporaryDirectory() as compiled:
        # Everything is compiled beforehand, as after a first import, whatever this machine's settings are.
        environment = os.environ | {"PYTHONPYCACHEPREFIX": compiled}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for statement in STATEMENTS.values():
            seconds(statement, environment)
        for _ in range(rounds):
            for name, statement in STATEMENTS.items():
                times[name].append(seconds(statement, environment))
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40, help="runs of each statement (default 40)")
    times = measure(parser.parse_args().rounds)
    median = {name: statistics.median(values) for name, values in times.items()}
    for name, value in median.items():
        print(f"{STATEMENTS[name]:<18}{value * 1000:7.1f} ms  (fastest {min(times[name]) * 1000:.1f})")
    whole = median["teachgrad"] / median["numpy"]
    alone = (median["teachgrad"] - median["nothing"]) / (median["numpy"] - median["nothing"])
    print(f"teachgrad / numpy {whole:6.2f}      whole processes, target {TARGET}")
    print(f"                  {alone:6.2f}      without the interpreter's own start")


if __name__ == "__main__":
    main()
