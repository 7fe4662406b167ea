"""The papers' own code: README.md and docs/ run as they are printed, and the excerpts in them are in the code."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FENCED = re.compile(r"^```python\n(.+?)^```", re.MULTILINE | re.DOTALL)
WALK = (ROOT / "docs" / "walkthrough.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
LESSON = README.split("```python\n")[1].split("\nviz.draw")[0] + "\n"  # without the two lines that are for a notebook


def is_excerpt(block: str) -> bool:
    """A piece of teachgrad's own code, not something to run."""
    return block.startswith(("pointwise(", "data =", "def vjp"))


def squeezed(line: str) -> str:
    """A line of code without its comment, its spaces and the comma before a closing bracket."""
    return re.sub(r"\s+|,(?=\))", "", line.split("#")[0])


@pytest.mark.parametrize("paper", ["README.md", "docs/walkthrough.md", "docs/gpu.md", "docs/pictures.md"])
def test_the_blocks_of_a_paper_run_one_after_the_other(paper: str, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = [block for block in FENCED.findall((ROOT / paper).read_text(encoding="utf-8")) if not is_excerpt(block)]
    assert blocks
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, paper, "exec"), names)
    printed = capsys.readouterr().out
    assert bool(printed) == any("print(" in block for block in blocks)


def test_no_other_paper_has_code_that_nobody_runs() -> None:
    """docs/errors has a test of its own, and so has the gallery."""
    with_code = {path.name for path in (ROOT / "docs").glob("*.md") if "```python" in path.read_text(encoding="utf-8")}
    assert with_code == {"walkthrough.md", "pictures.md", "gpu.md", "trace-schema.md", "gallery.md"}


def test_the_walkthrough_quotes_the_code() -> None:
    excerpts = [block for block in FENCED.findall(WALK) if is_excerpt(block)]
    assert len(excerpts) == 3
    entry, *written = excerpts
    assert entry in (ROOT / "teachgrad" / "ops" / "pointwise.py").read_text(encoding="utf-8")
    # As a program sees it that has met no complex number: other tests of this process may have.
    code = 'from teachgrad.ops.table import OPS; OPS["mul"].front; print(OPS["mul"].source)'
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    source = [squeezed(line) for line in shown.splitlines()]
    for excerpt in written:
        place = 0
        for line in filter(None, map(squeezed, excerpt.splitlines())):
            if line != "...":
                assert line in source[place:], f"the walkthrough shows a line that is not there, or not there: {line}"
                place = source.index(line, place) + 1


def test_the_walkthrough_tells_the_numbers_that_come() -> None:
    names: dict[str, Any] = {}
    exec(FENCED.findall(WALK)[0].replace("viz.animate(z)", "events = viz.animate(z).trace.events"), names)
    rows = re.findall(r"^\| (\w+)(?: \((\w)\))? \| (.+?) \| (.+?) \|$", WALK, re.MULTILINE)[1:]
    said = [re.findall(r"\[[\d, ]+\]|\b1\b", f"{arrives} {leaves}") for _, _, arrives, leaves in rows]
    got: dict[str, list[Any]] = {}
    for event in names["events"]:
        if event.kind == "contribute":
            got.setdefault(event.node, [event.gradient]).append(event.out)
        elif event.kind == "accumulate":
            got[event.node] = [event.delta, event.after]
    assert said == [[value.text.replace(".", "") for value in row] for row in got.values()]
    assert [row[0] for row in rows] == ["SumBackward0", "MulBackward0", "AccumulateGrad", "AccumulateGrad"]


def test_the_json_paper_reads_back_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(LESSON + "viz.draw(loss).save('graph.json')\nviz.animate(loss).save('trace.json')", names)
    (code,) = FENCED.findall((ROOT / "docs" / "trace-schema.md").read_text(encoding="utf-8"))
    exec(code, names)
    assert len(names["graph"].nodes) == len(names["trace"].graph.nodes) > 5


def test_the_commands_of_the_readme(tmp_path: Path) -> None:
    (tmp_path / "lesson.py").write_text(LESSON)
    commands = re.findall(r"^    python -m teachgrad (.+)$", README, re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["demo", "draw", "animate"]
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", "teachgrad", *shlex.split(command)], cwd=tmp_path, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")
    assert {path.name for path in tmp_path.iterdir()} == {"lesson.py", "graph.svg", "page.html", "demo-out"}
