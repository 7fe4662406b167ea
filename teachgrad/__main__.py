"""The command line: draw the graph of a tensor that a script makes, or play its backward.

    python -m teachgrad draw lesson.py --tensor loss -o graph.svg
    python -m teachgrad animate lesson.py --tensor loss -o page.html
    python -m teachgrad run lesson.py              # just run it, with `import torch` meaning teachgrad
    python -m teachgrad demo

The script runs as it would by itself (`__name__ == "__main__"`, its own folder first on the path), with
`import torch` or `import teachgrad as torch`; afterwards the tensor is looked up among its global variables,
whose names become the labels. With `--as-torch`, `import torch` means teachgrad there, too. What goes wrong is said in
one sentence on stderr, and then nothing has been written. Exit status: 0 done, 1 the script or the drawing failed, 2 the
command itself was wrong.
"""

import argparse
import difflib
import importlib
import os
import sys
import traceback
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from teachgrad import __version__, demo, viz
from teachgrad.viz import drawing, html
from teachgrad.viz.files import suffix_of

PACKAGE = Path(__file__).parent


class CommandError(Exception):
    """Something to tell the user in one sentence; `status` becomes the exit status."""

    def __init__(self, sentence: str, status: int = 1) -> None:
        super().__init__(sentence)
        self.status = status


class Parser(argparse.ArgumentParser):
    """argparse without the usage block before an error: one sentence is easier to read."""

    def error(self, message: str) -> NoReturn:
        """Turn a mistake on the command line into a CommandError."""
        raise CommandError(f"{message} (try `{self.prog} --help`)", status=2)


def parser() -> Parser:
    """The commands and their options."""
    top = Parser(prog="python -m teachgrad", description="Draw a tensor's graph, or play its backward.")
    top.add_argument("--version", action="version", version=f"teachgrad {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="{draw,animate,run,demo}")
    for name, what in (
        ("draw", "draw the graph of a tensor"),
        ("animate", "run backward on a tensor and write a page that plays it"),
        ("run", "run a script with `import torch` meaning teachgrad"),
    ):
        command = commands.add_parser(name, help=what, description=f"{what}. What follows -- is passed to the script.")
        command.add_argument("script", type=Path, help="a Python file")
        if name == "run":
            continue
        formats = drawing.SUFFIXES if name == "draw" else html.SUFFIXES
        command.add_argument("--tensor", "-t", required=True, metavar="NAME", help="the variable that holds it")
        command.add_argument(
            "--output", "-o", required=True, type=Path, metavar="FILE", help=f"ending in {', '.join(formats)}"
        )
        command.add_argument("--as-torch", action="store_true", help="`import torch` means teachgrad in the script")
        command.set_defaults(formats=formats)
    example = commands.add_parser("demo", help="lesson 2's regression, in words and pictures")
    example.add_argument("--out", type=Path, default=Path("demo-out"), metavar="FOLDER", help="default: demo-out")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command (`sys.argv` unless given) and return the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    end = given.index("--") if "--" in given else len(given)
    try:
        options = parser().parse_args(given[:end])
        if options.command == "demo":
            demo.main(options.out)
        elif options.command == "run":
            run_script(options.script, given[end + 1 :], as_torch=True)
        else:
            picture(options, given[end + 1 :])
    except CommandError as failure:
        print(f"teachgrad: {failure}", file=sys.stderr)
        return failure.status
    except KeyboardInterrupt:
        return 130
    except OSError as error:  # the pictures' own sentence, or the system's number, words and file
        reason = f"Cannot write {error.filename}: {error.strerror}." if error.errno else error
        print(f"teachgrad: {reason}", file=sys.stderr)
        return 1
    return 0


def picture(options: argparse.Namespace, rest: list[str]) -> None:
    """`draw` and `animate`: check the output, run the script, find the tensor, write the picture."""
    check_output(options.output, options.formats)
    variables = run_script(options.script, rest, options.as_torch)
    tensor = find_tensor(variables, options.tensor, options.script)
    show = viz.draw if options.command == "draw" else viz.animate
    try:
        show(tensor, names=variables).save(options.output)
    except (ImportError, RuntimeError, TypeError, ValueError) as error:
        if "backward through the graph a second time" in str(error):
            raise CommandError(
                f"{options.script} has already run backward on {options.tensor}, which uses its graph up; "
                "animate runs it itself, so take that call out of the script"
            ) from error
        raise CommandError(f"{options.tensor} cannot be shown: {error}") from error
    print(f"wrote {options.output}")


def check_output(output: Path, formats: tuple[str, ...]) -> None:
    """Refuse an output that cannot work before the script, which may run for minutes, has started."""
    try:
        suffix_of(output, formats)
    except ValueError as error:
        raise CommandError(str(error), status=2) from error
    if not output.parent.is_dir():
        raise CommandError(f"Cannot write {output}: there is no folder {output.parent}", status=2)
    if output.is_dir():
        raise CommandError(f"Cannot write {output}: it is a folder", status=2)
    if not os.access(output if output.exists() else output.parent, os.W_OK):
        raise CommandError(f"Cannot write {output}: no permission", status=2)


def run_script(script: Path, rest: list[str], as_torch: bool) -> dict[str, Any]:
    """Run `script` as `python script rest...` would, and return its global variables.

    With `as_torch`, its `import torch` finds teachgrad. A script that ends itself with `sys.exit()` or `sys.exit(0)`
    counts as finished. When it stops in any other way, its own error is printed with the line, and CommandError is
    raised.
    """
    try:
        source = script.read_bytes()
    except OSError as error:
        raise CommandError(f"Cannot read the script {script}: {error.strerror}", status=2) from error
    if as_torch:
        importlib.import_module("teachgrad.as_torch")  # importing it is what installs it
    module = types.ModuleType("__main__")
    module.__file__ = str(script)
    sys.modules["__main__"] = module
    sys.argv = [str(script), *rest]
    sys.path.insert(0, str(script.resolve().parent))
    try:
        exec(compile(source, str(script), "exec", dont_inherit=True), module.__dict__)
    except SystemExit as end:
        if end.code not in (None, 0):
            raise CommandError(f"{script} ended itself with status {end.code!r}") from end
    except Exception as error:  # whatever a learner's script may raise
        print(own_error(error, script), file=sys.stderr)
        raise CommandError(f"{script} stopped with this error") from error
    return module.__dict__


def own_error(error: Exception, script: Path) -> str:
    """The script's error with the line where it happened, without the frames of any library."""
    folder = script.resolve().parent
    place = ""
    for frame in traceback.extract_tb(error.__traceback__):
        file = Path(frame.filename).resolve()
        if file.is_relative_to(folder) and PACKAGE not in file.parents and "site-packages" not in file.parts:
            place = f"{frame.filename}, line {frame.lineno}:\n    {frame.line}\n"
    return place + "".join(traceback.format_exception_only(error)).rstrip()


def find_tensor(variables: dict[str, Any], name: str, script: Path) -> Any:
    """The tensor called `name`, of either library; CommandError says which names there are."""
    tensors = [key for key, value in variables.items() if hasattr(type(value), "grad_fn")]
    if name in tensors:
        return variables[name]
    if name in variables:
        problem = f"{name} in {script} is not a tensor but of type {type(variables[name]).__name__}"
    else:
        problem = f"{script} makes no variable {name}"
    close = difflib.get_close_matches(name, tensors, n=1)
    if close:
        problem += f"; did you mean {close[0]}?"
    if not tensors:
        raise CommandError(f"{problem}; it has no tensors at all outside its functions", status=2)
    raise CommandError(f"{problem} (its tensors: {', '.join(sorted(tensors))})", status=2)


if __name__ == "__main__":
    sys.exit(main())
