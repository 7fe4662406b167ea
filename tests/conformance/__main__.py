"""python -m conformance (in tests/): runs the database and compares with docs/conformance.md; `--write` writes that page.

With names of ops, it runs those and tells what differs.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time

from conformance import report, running, scope


def main() -> int:
    """The command line. 1 if a share has become smaller."""
    parser = argparse.ArgumentParser(prog="python -m conformance", description=__doc__)
    parser.add_argument("ops", nargs="*", help="ops to run and to tell about; all if none is named")
    parser.add_argument("--write", action="store_true", help="write docs/conformance.md")
    options = parser.parse_args()
    database = running.database()
    wanted = options.ops or [name for ops in scope.inside(database).values() for name in ops]
    begun = time.monotonic()
    with multiprocessing.get_context("fork").Pool(os.cpu_count(), running.quiet) as pool:
        rows = pool.map(running.run, wanted, chunksize=4)
    for row in rows if options.ops else ():
        print(f"{row.name}: {row.agree} of {row.samples} agree", *row.why, sep="\n    ")
    agree, samples = (sum(getattr(row, what) for row in rows) for what in ("agree", "samples"))
    for row in sorted(rows, key=lambda row: -row.seconds)[:5]:
        print(f"{row.seconds:.1f} s for {row.name}")
    print(f"{agree} of {samples} samples agree ({report.share(agree, samples)}), {time.monotonic() - begun:.0f} s")
    if options.ops:
        return 0
    if options.write:
        report.PAGE.write_text(report.page(rows, database, running.budget()), encoding="utf-8")
    lost = report.regressions(rows)
    print(*lost, sep="\n")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
