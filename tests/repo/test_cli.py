"""`python -m teachgrad`: what it writes, and what it says when it cannot. Each run is its own process."""

import json
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

LESSON = """
import {library} as torch

w = torch.tensor([2.0, 3.0], requires_grad=True)
rate = 0.1
loss = (w * w).sum()
"""


def run(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "teachgrad", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, encoding="utf-8", timeout=120)


def refused(done: subprocess.CompletedProcess[str], status: int) -> str:
    """The one sentence on stderr of a run that must have failed with `status`."""
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("teachgrad: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.fixture
def lesson(tmp_path: Path) -> Path:
    path = tmp_path / "lesson.py"
    path.write_text(LESSON.format(library="teachgrad"))
    return path


def nodes(path: Path) -> list[dict[str, Any]]:
    document = json.loads(path.read_text())
    return document["nodes"]


@pytest.mark.parametrize("library", ["teachgrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_draw_names_the_scripts_own_variables(tmp_path: Path, library: str) -> None:
    pytest.importorskip(library)
    (tmp_path / "lesson.py").write_text(LESSON.format(library=library))
    done = run("draw", "lesson.py", "--tensor", "loss", "-o", "graph.json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "wrote graph.json\n"
    names = {node["name"] for node in nodes(tmp_path / "graph.json")}
    assert {"w", "loss"} <= names
    assert {"SumBackward0", "MulBackward0"} <= {node["op"] for node in nodes(tmp_path / "graph.json")}


@pytest.mark.parametrize(
    ("suffix", "start"),
    [(".svg", b"<svg"), (".png", b"\x89PNG"), (".html", b"<!"), (".dot", b"digraph"), (".txt", b"")],
)
def test_draw_writes_every_format(lesson: Path, suffix: str, start: bytes) -> None:
    output = lesson.with_name("graph" + suffix)
    done = run("draw", lesson, "-t", "loss", "-o", output, cwd=lesson.parent)
    assert done.returncode == 0, done.stderr
    content = output.read_bytes()
    assert content.lstrip().startswith(start)
    assert len(content) > 100


@pytest.mark.parametrize("library", ["teachgrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_animate_writes_a_page_that_needs_no_other_file(tmp_path: Path, library: str) -> None:
    pytest.importorskip(library)
    (tmp_path / "lesson.py").write_text(LESSON.format(library=library))
    done = run("animate", "lesson.py", "--tensor", "loss", "-o", "page.html", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "MulBackward0" in page
    assert "<script" in page and "src=" not in page.split("<script", 1)[1].split(">", 1)[0]


def test_the_script_sees_itself_as_the_program(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "helper.py").write_text("import teachgrad\nw = teachgrad.ones(2, requires_grad=True)\n")
    (folder / "lesson.py").write_text(
        "import sys\nfrom helper import w\n"
        "if __name__ == '__main__':\n    print(sys.argv)\n    loss = (w * float(sys.argv[2])).sum()\n"
        "    sys.exit()\n"
    )
    script = Path("elsewhere", "lesson.py")
    done = run("draw", script, "-t", "loss", "-o", "g.svg", "--", "--scale", "3", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == str([str(script), "--scale", "3"])


def test_import_torch_can_mean_teachgrad(tmp_path: Path) -> None:
    (tmp_path / "lesson.py").write_text(LESSON.format(library="torch") + "print(torch.__name__)\n")
    done = run("run", "lesson.py", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "teachgrad\n", "")
    done = run("draw", "lesson.py", "-t", "loss", "-o", "g.txt", "--as-torch", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("teachgrad\n")


def test_version_and_help(tmp_path: Path) -> None:
    assert run("--version", cwd=tmp_path).stdout == f"teachgrad {version('teachgrad')}\n"
    assert "animate" in run("--help", cwd=tmp_path).stdout


def test_demo_prints_backward_and_writes_the_pictures(tmp_path: Path) -> None:
    done = run("demo", "--out", "out", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "MmBackward0" in done.stdout
    # x = [[0, 1, 2], [3, 4, 5]], w = 1, target = [2, 3], so the errors are 1 and 9.
    assert "tensor(41., grad_fn=<MeanBackward0>)" in done.stdout
    assert "[27.]" in done.stdout and "[37.]" in done.stdout and "[47.]" in done.stdout
    written = {path.name: path.stat().st_size for path in (tmp_path / "out").iterdir()}
    assert set(written) == {"regression.svg", "regression.png", "regression.html"}
    assert min(written.values()) > 1000


def test_unknown_tensor_lists_those_that_exist(lesson: Path) -> None:
    done = run("draw", lesson, "-t", "lose", "-o", "g.svg", cwd=lesson.parent)
    sentence = refused(done, 2)
    assert "did you mean loss?" in sentence
    assert "(its tensors: loss, w)" in sentence
    assert not lesson.with_name("g.svg").exists()


def test_a_variable_that_is_no_tensor(lesson: Path) -> None:
    sentence = refused(run("draw", lesson, "-t", "rate", "-o", "g.svg", cwd=lesson.parent), 2)
    assert "rate" in sentence and "of type float" in sentence


def test_a_script_without_tensors(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("x = 1\n")
    assert "no tensors at all" in refused(run("draw", "empty.py", "-t", "y", "-o", "g.svg", cwd=tmp_path), 2)


@pytest.mark.parametrize("command", ["draw", "animate"])
@pytest.mark.parametrize(
    ("script", "output", "said"),
    [
        ("missing.py", "g.html", "Cannot read the script missing.py"),
        (".", "g.html", "Cannot read the script ."),
        ("lesson.py", "g.bmp", "should end in"),
        ("lesson.py", "graph", "should end in"),
        ("lesson.py", "nowhere/g.html", "there is no folder nowhere"),
        ("lesson.py", "folder.html", "it is a folder"),
    ],
)
def test_a_wrong_command_is_one_sentence(lesson: Path, command: str, script: str, output: str, said: str) -> None:
    lesson.with_name("folder.html").mkdir()
    before = sorted(lesson.parent.iterdir())
    assert said in refused(run(command, script, "-t", "loss", "-o", output, cwd=lesson.parent), 2)
    assert sorted(lesson.parent.iterdir()) == before


@pytest.mark.parametrize("arguments", [(), ("paint",), ("draw", "lesson.py"), ("draw", "lesson.py", "-x")])
def test_a_wrong_option_is_one_sentence(lesson: Path, arguments: tuple[str, ...]) -> None:
    assert "--help" in refused(run(*arguments, cwd=lesson.parent), 2)


@pytest.mark.parametrize("place", ["file.txt", "file.txt/inside"])
def test_demo_that_cannot_write_is_one_sentence(tmp_path: Path, place: str) -> None:
    (tmp_path / "file.txt").write_text("in the way")
    assert "Cannot write" in refused(run("demo", "--out", place, cwd=tmp_path), 1)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("loss @ torch.ones(3)", "RuntimeError"),
        ("raise ValueError('my own')", "ValueError: my own"),
        ("not Python at all", "SyntaxError"),
    ],
)
def test_the_scripts_own_error_with_its_line_and_no_other(lesson: Path, line: str, error: str) -> None:
    lesson.write_text(lesson.read_text() + line + "\n")
    done = run("draw", lesson.name, "-t", "loss", "-o", "g.svg", cwd=lesson.parent)
    assert done.returncode == 1
    assert error in done.stderr and "line 7" in done.stderr and line in done.stderr
    assert "Traceback" not in done.stderr and "__main__.py" not in done.stderr
    assert done.stderr.endswith("teachgrad: lesson.py stopped with this error\n")
    assert not lesson.with_name("g.svg").exists()


def test_a_script_that_gives_up(lesson: Path) -> None:
    lesson.write_text("import sys\nsys.exit(3)\n")
    sentence = refused(run("draw", lesson, "-t", "loss", "-o", "g.svg", cwd=lesson.parent), 1)
    assert "ended itself with status 3" in sentence


@pytest.mark.parametrize(
    ("tensor", "said"),
    [("loss", "or take it out of the script"), ("w", "grad can be implicitly created only for scalar outputs")],
)
def test_backward_that_cannot_run_is_one_sentence(lesson: Path, tensor: str, said: str) -> None:
    lesson.write_text(lesson.read_text() + "loss.backward()\n")
    assert said in refused(run("animate", lesson, "-t", tensor, "-o", "g.html", cwd=lesson.parent), 1)
    assert not lesson.with_name("g.html").exists()


def test_a_missing_package_is_one_sentence(lesson: Path) -> None:
    lesson.write_text("import sys\nsys.modules['resvg_py'] = None\n" + lesson.read_text())
    done = run("draw", lesson, "-t", "loss", "-o", "g.png", cwd=lesson.parent)
    assert done.returncode == 1
    assert "resvg" in done.stderr and "pip install" in done.stderr
    assert "Traceback" not in done.stderr
    assert not lesson.with_name("g.png").exists()


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("r.html", b"<!"),
        ("r.svg", b"<svg"),
        ("r.anim.svg", b"<svg"),
        ("r.png", b"\x89PNG"),
        ("r.pdf", b"%PDF"),
        ("r.gif", b"GIF89a"),
        ("r.webp", b"RIFF"),
        ("r.json", b"{"),
        ("r.txt", b"  1. backward() starts"),
    ],
)
def test_animate_writes_every_format(lesson: Path, name: str, start: bytes) -> None:
    done = run("animate", lesson.name, "-t", "loss", "-o", name, cwd=lesson.parent)
    assert done.returncode == 0, done.stderr
    content = lesson.with_name(name).read_bytes()
    assert content.startswith(start)
    assert (b"<animate" in content) == (name == "r.anim.svg")


def test_a_page_that_asks_and_a_graph_with_its_modules_closed(lesson: Path) -> None:
    run("animate", lesson.name, "-t", "loss", "-o", "quiz.html", "--predict", cwd=lesson.parent)
    assert "practice, makeQuiz" in lesson.with_name("quiz.html").read_text("utf-8")
    lesson.write_text(
        "import teachgrad as torch\nmodel = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1))\n"
        "loss = model(torch.ones(1, 2)).sum()\n"
    )
    for depth, said in (("0", ">model<"), ("1", ">model.0<"), ("-1", "")):
        done = run("draw", lesson.name, "-t", "loss", "-o", "g.svg", "--depth", depth, cwd=lesson.parent)
        assert (done.returncode == 0) == bool(said), done.stderr
        if said:
            assert said in lesson.with_name("g.svg").read_text("utf-8")
    assert "depth is how many levels" in done.stderr


def test_several_files_from_one_run_and_words_from_none(lesson: Path) -> None:
    lesson.write_text(lesson.read_text() + "print('once')\n")
    done = run("draw", lesson.name, "-t", "loss", "-o", "a.svg", "-o", "b.json", cwd=lesson.parent)
    assert done.stdout.splitlines() == ["once", "wrote a.svg", "wrote b.json"]
    done = run("animate", lesson.name, "-t", "loss", cwd=lesson.parent)
    assert "w.grad was None and becomes [4, 6]." in done.stdout


@pytest.mark.parametrize("library", ["teachgrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_each_node_tells_its_line(tmp_path: Path, library: str) -> None:
    pytest.importorskip(library)
    (tmp_path / "lesson.py").write_text(LESSON.format(library=library))
    run("draw", "lesson.py", "-t", "loss", "-o", "g.json", cwd=tmp_path)
    lines = {node["op"]: node["source"] for node in nodes(tmp_path / "g.json") if node["kind"] == "op"}
    source = {"file": "lesson.py", "line": 6, "text": "loss = (w * w).sum()"}
    assert lines == {"SumBackward0": source, "MulBackward0": source}
    run("draw", "lesson.py", "-t", "loss", "-o", "g.json", "--no-lines", cwd=tmp_path)
    assert {node["source"] for node in nodes(tmp_path / "g.json")} == {None}


@pytest.mark.parametrize("library", ["teachgrad", pytest.param("torch", marks=pytest.mark.oracle)])
def test_the_scripts_own_backward_is_played(tmp_path: Path, library: str) -> None:
    pytest.importorskip(library)
    (tmp_path / "lesson.py").write_text(LESSON.format(library=library) + "loss.backward()\n")
    done = run("animate", "lesson.py", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "w.grad was None and becomes [4, 6]." in done.stdout


def test_a_script_without_backward_needs_a_tensor(lesson: Path) -> None:
    sentence = refused(run("animate", lesson.name, "-o", "r.html", cwd=lesson.parent), 1)
    assert "runs no backward() itself" in sentence and "--tensor" in sentence


def test_compare_tells_what_differs_between_two_scripts(lesson: Path) -> None:
    lesson.with_name("other.py").write_text(lesson.read_text().replace("(w * w)", "(w.detach() * w)"))
    done = run("compare", "lesson.py", "other.py", "-t", "loss", "-o", "c.html", "-o", "c.txt", cwd=lesson.parent)
    assert (done.returncode, done.stderr) == (0, "")
    text = lesson.with_name("c.txt").read_text()
    assert text.startswith("lesson.py and other.py: ") and "w: gradient [4., 6.] and [2., 3.]" in text


def test_watch_draws_again_until_it_is_interrupted(lesson: Path) -> None:
    output = lesson.with_name("g.json")
    command = [sys.executable, "-u", "-m", "teachgrad", "draw", lesson.name, "-t", "loss", "-o", "g.json", "--watch"]
    watching = subprocess.Popen(
        command, cwd=lesson.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
    )
    assert watching.stdout is not None
    try:
        assert watching.stdout.readline() == "watching lesson.py; Ctrl-C ends it\n"
        assert watching.stdout.readline() == "wrote g.json\n"
        assert "MulBackward0" in output.read_text()
        lesson.write_text("not Python at all\n")
        said = next(line for line in watching.stdout if line.startswith("teachgrad: "))
        assert said == "teachgrad: lesson.py stopped with this error\n"
        assert "MulBackward0" in output.read_text()  # the last good picture stays
        lesson.write_text(LESSON.format(library="teachgrad").replace("w * w", "w + w"))
        assert watching.stdout.readline() == "wrote g.json\n"
        assert "AddBackward0" in output.read_text()
        watching.send_signal(signal.SIGINT)
        assert (watching.stdout.read(), watching.wait(20)) == ("", 0)
    finally:
        watching.kill()
        watching.wait()
        watching.stdout.close()
