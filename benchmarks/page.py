"""The numbers as tables: kept in benchmarks/results/, and written into docs/performance.md."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import json
import os
import pathlib
import platform
from typing import Any

from workloads import WORKLOADS

ROOT = pathlib.Path(__file__).parents[1]
REPORT = ROOT / "docs" / "performance.md"
NEWEST, BEFORE = (ROOT / "benchmarks" / "results" / name for name in ("newest.json", "before.json"))
START, END = "<!-- bench: start -->", "<!-- bench: end -->"

LIBRARIES = {"numpy": "NumPy by hand", "autograd": "HIPS autograd", "mygrad": "MyGrad", "micrograd": "micrograd"}

_FLOATS = "Floats of Python in micrograd, with no dtype, shape, version or hook to look after, need {micrograd}."
_NODES = "Each node is made, linked and walked by Python; the table of growth has what a bare object takes."
FLOORS = {
    "scalars": _FLOATS,
    "demo_graph": _FLOATS,
    "scalar_mlp": _FLOATS,
    "regression": "NumPy by hand needs {numpy}: a person's formulas merge the steps. Here each op is a call by itself.",
    "small_mlp": "NumPy by hand, which is BLAS for the most part, needs {numpy}.",
    "large_mlp": "Nearly all of it is BLAS: NumPy by hand needs {numpy}.",
    "cheap": "NumPy by hand, where every op waits for memory too, needs {numpy}.",
    "transcendental": "NumPy by hand needs {numpy}.",
    "chain": _NODES,
    "fan_out": _NODES,
    "bias": "One addition of a million numbers, which waits for memory, and one product with ones: by hand {numpy}.",
    "second": _NODES,
    "characters": "NumPy by hand needs {numpy}: a formula stands for the ten nodes of batch norm. "
    "Here they are some 40 calls on arrays of 2,000 numbers, each dearer than its arithmetic.",
    "small_conv": "NumPy by hand needs {numpy}, without the checks of shapes, strides and versions.",
    "deep_conv": "NumPy by hand needs {numpy}: the copies into columns and the products, nothing else.",
    "transformer": "Its 24 matrix products, called alone through NumPy, took 0.50 of PyTorch's time for the whole step.",
    "growth of forward with the length of a chain, exponent": "CPython's collector walks the growing graph: with it off the "
    "exponent is 0.99. A chain of plain Python objects, the next row, fares worse with it on.",
}
"""Why a row cannot reach its target, with what was measured; a library in braces stands for its ratio in the newest run.

A sentence is shown only where the newest run or the one before misses the target.
"""


def machine() -> dict[str, str]:
    """What the numbers were measured on and with."""
    found = {"date": dt.datetime.now(dt.UTC).date().isoformat(), "python": platform.python_version()}
    for name in ("numpy", "torch", "autograd", "mygrad", "micrograd"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    found["cores"] = str(os.cpu_count())
    information = pathlib.Path("/proc/cpuinfo")
    if information.exists():
        lines = (line.partition(":") for line in information.read_text().splitlines())
        found["processor"] = next((value.strip() for key, _, value in lines if key.strip() == "model name"), "")
    return found


def rounded(value: Any) -> Any:
    """The same with four digits of every number: what a run can tell, and the same bytes wherever it is written."""
    if isinstance(value, dict):
        return {key: rounded(inside) for key, inside in value.items()}
    if isinstance(value, list):
        return [rounded(inside) for inside in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def keep(found: dict[str, Any]) -> None:
    """The newest run becomes the one before."""
    NEWEST.parent.mkdir(exist_ok=True)
    if NEWEST.exists():
        NEWEST.replace(BEFORE)
    NEWEST.write_text(json.dumps(rounded(found), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def ratio(row: dict[str, Any], library: str) -> str:
    """A ratio as the table shows it: the median and the quartiles. Empty where the library did not take part."""
    if library not in row or "torch" not in row:
        return ""
    low, middle, high = row[library]["ratio"]
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def middle(row: dict[str, Any], library: str) -> str:
    return f"{row[library]['ratio'][1]:.2f}" if library in row and "torch" in row else ""


def line(title: str, row: dict[str, Any]) -> str:
    """One row for the terminal."""
    others = "".join(f"{library} {middle(row, library)}  " for library in LIBRARIES if library in row)
    return f"{title:58} {row['teachgrad']['microseconds'][1]:10,.0f} us  {ratio(row, 'teachgrad'):22} {others}"


def speed_table(found: dict[str, Any]) -> list[str]:
    """Every workload and every library, as ratios to PyTorch's time."""
    names = " | ".join(f"{name} / torch" for name in LIBRARIES.values())
    lines = [
        f"| workload (forward and backward) | torch | teachgrad | target | teachgrad / torch | {names} |",
        "|---|--:|--:|--:|--:|" + "--:|" * len(LIBRARIES),
    ]
    for key, row in found["speed"].items():
        times = [f"{row[one]['microseconds'][1]:,.0f} us" if one in row else "" for one in ("torch", "teachgrad")]
        others = " | ".join(ratio(row, one) if one == "numpy" else middle(row, one) for one in LIBRARIES)
        cells = [WORKLOADS[key].title, *times, f"{WORKLOADS[key].target:.2f}", ratio(row, "teachgrad"), others]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def per_op_table(sizes: dict[str, Any]) -> list[str]:
    """The trio, and PyTorch's time for the third."""
    heads = {
        "numpy": "NumPy",
        "no_grad": "under `no_grad()`",
        "grad": "with `backward()`",
        "torch": "torch, with `backward()`",
    }
    lines = [
        "| op | " + " | ".join(f"{size}: {head}" for size in sizes for head in heads.values()) + " |",
        "|---|" + "--:|" * len(heads) * len(sizes),
    ]
    for op in next(iter(sizes.values())):
        cells = [f"{sizes[size][op][what]:.2f}" if what in sizes[size][op] else "" for size in sizes for what in heads]
        lines.append(f"| {op} | {' | '.join(cells)} |")
    return lines


def budget_table(rows: list[dict[str, Any]]) -> list[str]:
    """Memory, growth and size beside their limits."""
    lines = ["| what | measured | limit | |", "|---|--:|--:|---|"]
    for row in rows:
        if row["value"] is not None:
            value = f"{row['value']:.{0 if row['value'] >= 100 else 2}f} {row['unit']}".strip()
            limit = "" if row["limit"] is None else f"{row['limit']:g} {row['unit']}".strip()
            lines.append(f"| {row['what']} | {value} | {limit} | {row['note']} |")
    return lines


def missed(runs: list[dict[str, Any]]) -> list[str]:
    """A sentence for every workload and budget over its target in any of the runs."""
    lines = []
    for key, workload in WORKLOADS.items():
        ratios = [run["speed"][key]["teachgrad"]["ratio"][1] for run in runs if "torch" in run["speed"].get(key, ())]
        if any(round(found, 2) > workload.target for found in ratios):
            told = " and ".join(f"{found:.2f}" for found in ratios)
            floor = FLOORS[key].format_map({one: middle(runs[0]["speed"][key], one) for one in LIBRARIES})
            lines.append(f"- **{workload.title}**: {told}, target {workload.target:.2f}. {floor}")
    for row in runs[0].get("budgets", []):
        if None not in (row["value"], row["limit"]) and round(row["value"], 2) > row["limit"]:
            value = f"{row['value']:.2f} {row['unit']}".strip()
            reason = FLOORS.get(row["what"], "No floor known.")
            lines.append(f"- **{row['what']}**: {value}, limit {row['limit']:g}. {reason}")
    return lines or ["None."]


def headed(found: dict[str, Any]) -> list[str]:
    """What a run was made with, and its table."""
    facts = dict(found["machine"])
    where = f"{facts.pop('processor', 'processor unknown')}, {facts.pop('cores')} cores"
    return [
        f"{facts.pop('date')}; {where}; {', '.join(f'{k} {v}' for k, v in facts.items())}.",
        "",
        *speed_table(found),
    ]


def written(runs: list[dict[str, Any]]) -> str:
    """All of the page between the marks."""
    newest = runs[0]
    parts = ["## The workloads, newest run", "", *headed(newest)]
    if len(runs) > 1:
        parts += ["", "## The workloads, the run before", "", *headed(runs[1])]
    parts += ["", "## Over the target", "", *missed(runs)]
    if "per op" in newest:
        parts += ["", "## One op", "", ONE_OP, "", *per_op_table(newest["per op"])]
    if "budgets" in newest:
        parts += ["", "## Growth, memory and size", "", *budget_table(newest["budgets"])]
    parts += ["", "## Where the time goes", "", PROFILES]
    for key, lines in newest["profile"].items():
        parts += ["", f"### {WORKLOADS[key].title}", "", "```text", *lines, "```"]
    return "\n".join(parts)


ONE_OP = (
    "Microseconds of one op: the bare NumPy call, teachgrad's op under `no_grad()`, and the op with a graph and its "
    "`backward()`, beside the same in PyTorch. About 0.05 us of each is the call of the function that is timed."
)
PROFILES = (
    "The two workloads that are slowest beside PyTorch, by the functions with the most time of their own. The profiler "
    "makes every call dearer, so compare the lines and not the sums."
)


def write() -> None:
    """Put the kept runs into docs/performance.md, between the marks."""
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in (NEWEST, BEFORE) if path.exists()]
    before, _, rest = REPORT.read_text(encoding="utf-8").partition(START)
    after = rest.partition(END)[2]
    REPORT.write_text(f"{before}{START}\n{written(runs)}\n{END}{after}", encoding="utf-8")
