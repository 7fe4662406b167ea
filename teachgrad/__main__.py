"""The command line: draw the graph of a tensor that a script makes, or play its backward.

    python -m teachgrad draw lesson.py --tensor loss -o graph.svg
    python -m teachgrad animate lesson.py --tensor loss -o page.html -o film.anim.svg
    python -m teachgrad animate lesson.py -o page.html        # the backward() that the script runs itself
    python -m teachgrad animate lesson.py -o quiz.html --predict
    python -m teachgrad compare mine.py yours.py --tensor loss -o both.html
    python -m teachgrad run lesson.py                         # with `import torch` meaning teachgrad
    python -m teachgrad demo

The script runs as it would by itself (`__name__ == "__main__"`, its own folder first on the path), with
`import torch` or `import teachgrad as torch`; afterwards the tensor is looked up among its global variables,
whose names become the labels, and each node tells the line that made it. With `--as-torch`, `import torch` means
teachgrad there, too. Without `-o`, words go to the terminal. With `--watch`, it is done again whenever a Python file
beside the script changes, until Ctrl-C. What goes wrong is said in one sentence on stderr, and then nothing has been
written. Exit status: 0 done, 1 the script or the drawing failed, 2 the command itself was wrong.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from teachgrad import __version__, demo, viz
from teachgrad.scripts import CommandError, find_tensor, load_library, run_script, watch
from teachgrad.viz import comparing, drawing, film, html
from teachgrad.viz.files import suffix_of

DRAWING = {
    "draw": ("draw the graph of a tensor", drawing.SUFFIXES),
    "animate": ("run backward on a tensor and write what plays it", (*html.SUFFIXES, film.ANIMATED)),
    "compare": ("run backward in two scripts and show what differs", comparing.SUFFIXES),
}
"""What each command that draws says of itself, and the endings that it can write."""


class Parser(argparse.ArgumentParser):
    """argparse without the usage block before an error: one sentence is easier to read."""

    def error(self, message: str) -> NoReturn:
        """Turn a mistake on the command line into a CommandError."""
        raise CommandError(f"{message} (try `{self.prog} --help`)", status=2)


def parser() -> Parser:
    """The commands and their options."""
    top = Parser(prog="python -m teachgrad", description="Draw a tensor's graph, or play its backward.")
    top.add_argument("--version", action="version", version=f"teachgrad {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="{draw,animate,compare,run,demo}")
    rest = "What follows -- is passed to the script."
    for name, (what, formats) in DRAWING.items():
        command = commands.add_parser(name, help=what, description=f"{what}. {rest}")
        command.add_argument("scripts", type=Path, nargs=2 if name == "compare" else 1, metavar="SCRIPT")
        unless = "; without it, the last backward() that the script itself runs" if name == "animate" else ""
        command.add_argument(
            "--tensor", "-t", required=name != "animate", metavar="NAME", help=f"the variable that holds it{unless}"
        )
        command.add_argument(
            "--output",
            "-o",
            action="append",
            default=[],
            type=Path,
            metavar="FILE",
            help=f"ending in {', '.join(formats)}; may be given several times; without it, words are printed",
        )
        command.add_argument("--as-torch", action="store_true", help="`import torch` means teachgrad in the script")
        command.add_argument("--no-lines", action="store_true", help="do not note which line made each node (faster)")
        if name == "animate":
            command.add_argument("--predict", action="store_true", help="ask before each step (.html)")
        if name == "draw":
            command.add_argument("--depth", type=int, metavar="N", help="open so many levels of groups")
        command.add_argument("--watch", action="store_true", help="do it again whenever the script changes")
    command = commands.add_parser("run", help="run a script with `import torch` meaning teachgrad", description=rest)
    command.add_argument("script", type=Path, help="a Python file")
    example = commands.add_parser("demo", help="a regression, in words and pictures")
    example.add_argument("--out", type=Path, default=Path("demo-out"), metavar="FOLDER", help="default: demo-out")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command (`sys.argv` unless given) and return the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    end = given.index("--") if "--" in given else len(given)
    watching = False
    try:
        options = parser().parse_args(given[:end])
        watching = getattr(options, "watch", False)
        if options.command == "demo":
            demo.main(options.out)
        elif options.command == "run":
            run_script(options.script, given[end + 1 :], as_torch=True)
        else:
            check(options)
            if watching:
                print(f"watching {', '.join(map(str, options.scripts))}; Ctrl-C ends it", flush=True)
                watch(options.scripts, [word for word in given[:end] if word != "--watch"] + given[end:])
            picture(options, given[end + 1 :])
    except CommandError as failure:
        if failure.details:
            print(failure.details, file=sys.stderr)
        print(f"teachgrad: {failure}", file=sys.stderr)
        return failure.status
    except KeyboardInterrupt:
        return 0 if watching else 130
    except OSError as error:  # the pictures' own sentence, or the system's number, words and file
        reason = f"Cannot write {error.filename}: {error.strerror}." if error.errno else error
        print(f"teachgrad: {reason}", file=sys.stderr)
        return 1
    return 0


def picture(options: argparse.Namespace, rest: list[str]) -> None:
    """`draw`, `animate` and `compare`: run the script, find the tensor, write the picture."""
    shown = [show(options, script, rest) for script in options.scripts]
    result = shown[0]
    if options.command == "compare":
        first, second = map(str, options.scripts)
        result = viz.compare(shown[0], shown[1], (first, second))
    for output in options.output:
        try:
            result.save(output)
        except (ImportError, RuntimeError, ValueError) as error:
            raise CommandError(f"{options.tensor or 'It'} cannot be shown: {error}") from error
        print(f"wrote {output}")
    if not options.output:
        print(result.text(), end="")


def show(options: argparse.Namespace, script: Path, rest: list[str]) -> Any:
    """What one script makes: a Drawing, or the Player of its backward."""
    if options.tensor is None:
        load_library(script, options.as_torch)
        with viz.record() as recorder:
            run_script(script, rest, options.as_torch, not options.no_lines)
        try:
            return played(recorder.player(), options)
        except RuntimeError as error:
            raise CommandError(
                f"{script} runs no backward() itself; name the tensor to run it on with --tensor"
            ) from error
    variables = run_script(script, rest, options.as_torch, not options.no_lines)
    tensor = find_tensor(variables, options.tensor, script)
    try:
        if options.command == "draw":
            return viz.draw(tensor, names=variables, depth=options.depth)
        return played(viz.animate(tensor, names=variables), options)
    except (ImportError, RuntimeError, TypeError, ValueError) as error:
        if "backward through the graph a second time" in str(error):
            raise CommandError(
                f"{script} has already run backward on {options.tensor}, which uses its graph up; leave out --tensor "
                "to see that call, or take it out of the script"
            ) from error
        raise CommandError(f"{options.tensor} cannot be shown: {error}") from error


def played(player: viz.Player, options: argparse.Namespace) -> viz.Player:
    """The player as the options want it."""
    return player.predict() if getattr(options, "predict", False) else player


def check(options: argparse.Namespace) -> None:
    """Refuse a command that cannot work before the script, which may run for minutes, has started."""
    for output in options.output:
        check_output(output, DRAWING[options.command][1])
    for script in options.scripts if options.watch else ():
        if not script.is_file():
            raise CommandError(f"Cannot read the script {script}: there is no such file", status=2)


def check_output(output: Path, formats: tuple[str, ...]) -> None:
    """Refuse an output that cannot be written."""
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


if __name__ == "__main__":
    sys.exit(main())
