"""The ``dot`` program of this machine, through the ``graphviz`` package; its pictures vary with its version."""

from __future__ import annotations


def run(source: str) -> str:
    """Lay out DOT text and return Graphviz's json0. Raises RuntimeError with one sentence when that fails."""
    try:
        import graphviz
    except ImportError as problem:
        raise RuntimeError("engine='dot' needs the graphviz package: pip install graphviz.") from problem
    try:
        return str(graphviz.Source(source).pipe(format="json0", encoding="utf-8"))
    except graphviz.ExecutableNotFound as problem:
        raise RuntimeError(
            "engine='dot' needs the program `dot`, which is not on the PATH of this machine; install Graphviz, or "
            "leave engine='embedded', which brings its own."
        ) from problem
    except graphviz.CalledProcessError as problem:
        raise RuntimeError(f"The program `dot` failed: {problem}") from problem
