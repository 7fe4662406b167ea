"""Writes `docs/conformance.md` and reads it again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from conformance import scope
from conformance.exceptions import EXCEPTIONS
from conformance.rows import Row

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
_LINE = re.compile(r"^\| `(.+)` \| (\d+) of (\d+) \|")

HEAD = """\
# Conformance: PyTorch's own samples, in both libraries

PyTorch ships the database with which it tests itself: `OpInfo`, in `torch.testing._internal`. It lists {database} ops and,
for each, calls worth trying: empty tensors, numbers without dimensions, broadcasting, negative dimensions, transposed
memory. `make conformance` runs these calls in PyTorch 2.13 and in teachgrad, on the same numbers with the same strides,
and writes this page.

**{agree} of {samples} samples agree: {share}.** {full} of {ops} ops agree on every sample.

## What is compared

A sample agrees only if everything about it does:

- **values**: the results have the same dtype, shape and `requires_grad`, and the same numbers up to rounding (a relative
  1e-8 in float64, 2e-4 in float32, exactly for integers and bools); where PyTorch refuses the call, so must we;
- **1st**: a fixed random gradient is sent into the results; what arrives at every input agrees;
- **2nd**: those gradients are differentiated again, with respect to the inputs and to the gradient that was sent in.

Of each op at most {budget} samples are run, chosen evenly from all there are.
The other names of an op (its aliases, its method, its in-place method) count as one sample each. Where PyTorch itself has
no second derivative, there is none to compare with. Of several equal elements, `sort` and its kin may name any. Random
ops begin from the same seed and must give the same numbers. Of `empty` and its like only dtype and shape are compared.

The column *errors* is beside the count: of the calls that the database expects to fail, how many fail here with the same
exception and the same first line.

The continuous check runs all of this again and fails if a share has become smaller than it is here.
"""


def share(agree: int, of: int) -> str:
    """A percentage that says 100 % only if it is."""
    percent = 100 * agree / of if of else 100.0
    return "100 %" if agree == of else f"{min(percent, 99.9):.1f} %"


def _part(pair: tuple[int, int]) -> str:
    return "–" if not pair[1] else str(pair[0]) if pair[0] == pair[1] else f"{pair[0]} of {pair[1]}"


def _cell(name: str) -> str:
    return name.replace("|", r"\|")


def page(rows: Iterable[Row], database: Iterable[str], budget: str) -> str:
    """The whole page."""
    by_name = {row.name: row for row in rows}
    names = list(database)
    families = {title: ops for title, ops in scope.inside(names).items() if ops}
    agree, samples = (sum(getattr(row, what) for row in by_name.values()) for what in ("agree", "samples"))
    full = sum(row.agree == row.samples for row in by_name.values())
    lines = [
        HEAD.format(
            database=len(names),
            agree=agree,
            samples=samples,
            share=share(agree, samples),
            full=full,
            ops=len(by_name),
            budget=budget,
        ),
        "| family | ops | samples | agree | |",
        "|---|---:|---:|---:|---:|",
    ]
    for title, ops in families.items():
        chosen = [by_name[name] for name in ops]
        agree, samples = (sum(getattr(row, what) for row in chosen) for what in ("agree", "samples"))
        lines.append(f"| {title} | {len(ops)} | {samples} | {agree} | {share(agree, samples)} |")
    for title, ops in families.items():
        lines += [
            "",
            f"## {title}",
            "",
            "| op | agree | | values | 1st | 2nd | errors |",
            "|---|---:|---:|---:|---:|---:|---:|",
        ]
        for name in ops:
            row = by_name[name]
            parts = " | ".join(_part(each) for each in (row.forward, row.first, row.second, row.errors))
            lines.append(
                f"| `{_cell(name)}` | {row.agree} of {row.samples} | {share(row.agree, row.samples)} | {parts} |"
            )
    lines += ["", "## Exceptions", "", "Ops of which fewer than 90 % of the samples agree, and why.", ""]
    low = [row for row in by_name.values() if row.agree < 0.9 * row.samples]
    lines += [f"- `{row.name}` ({row.agree} of {row.samples}): {EXCEPTIONS.get(row.name, '')}" for row in low] or [
        "There are none."
    ]
    lines += ["", "## Out of scope", "", "The database lists these too. They are not counted.", ""]
    for group, (_, why) in scope.OUTSIDE.items():
        ops = [f"`{_cell(name)}`" for name in names if scope.outside(name) == group]
        lines += [f"**{group}.** {why}", "", ", ".join(ops) + ".", ""]
    return "\n".join(lines).rstrip() + "\n"


def committed() -> dict[str, tuple[int, int]]:
    """What the page in the repository says: op -> (samples that agree, samples)."""
    found = (_LINE.match(line) for line in PAGE.read_text(encoding="utf-8").splitlines())
    return {match[1].replace(r"\|", "|"): (int(match[2]), int(match[3])) for match in found if match}


def regressions(rows: Iterable[Row]) -> list[str]:
    """One sentence for each op whose share is smaller than on the page, or that is gone from the run."""
    by_name = {row.name: row for row in rows}
    lost = []
    for name, (agree, of) in committed().items():
        row = by_name.get(name)
        if row is None:
            lost.append(f"{name}: on the page, but not run")
        elif row.agree * of < agree * row.samples:
            first = row.why[0] if row.why else ""
            lost.append(f"{name}: {row.agree} of {row.samples} samples agree, on the page {agree} of {of} ({first})")
    lost += [f"{row.name}: not on the page" for row in rows if row.name not in committed()]
    lost += [
        f"{row.name}: {row.agree} of {row.samples} agree, and no sentence says why"
        for row in rows
        if row.agree < 0.9 * row.samples and row.name not in EXCEPTIONS
    ]
    return lost
