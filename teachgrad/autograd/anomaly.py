"""Anomaly mode: backward stops at the first NaN and names the line of the lesson that caused it.

    with detect_anomaly():
        y = torch.sqrt(x - x)        # the derivative of sqrt at 0 is infinite
        (y * 0).sum().backward()     # RuntimeError: Function 'SqrtBackward0' returned nan values in its 0th output.

While it is on, each node is born with a note of where: its birth number is an int that carries the call stack. That
needs no test in the ops, because switching the mode on replaces the counter from which they draw birth numbers, and the
note goes when the node goes. Backward then checks what each rule returns.

Mirrors `torch/autograd/anomaly_mode.py`.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from teachgrad import errors
from teachgrad.autograd import graph, refusals
from teachgrad.autograd.graph import Node
from teachgrad.autograd.variable import TensorBase

CHECKS: list[bool] = []
"""Empty while the mode is off, else [whether to look for NaN]."""

_Frame = tuple[str, int, str]


class _Birth(int):
    """A birth number that knows its place in the lesson: (file, line, function) from the outside in."""

    stack: tuple[_Frame, ...]


_count = graph.next_birth


def _next_birth() -> int:
    birth = _Birth(_count())
    frames: list[_Frame] = []
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        if not str(frame.f_globals.get("__name__", "")).startswith("teachgrad."):
            frames.append((code.co_filename, frame.f_lineno, code.co_name))
            if code.co_name == "<module>":  # the lesson's cell or file; what called it is no concern of the learner
                break
        frame = frame.f_back  # type: ignore[assignment]
    birth.stack = tuple(reversed(frames))
    return birth


def set_anomaly_enabled(mode: bool, check_nan: bool = True) -> None:
    """Switches the mode on or off for the whole program. Mirrors `torch.set_anomaly_enabled`."""
    from teachgrad.autograd import function, views
    from teachgrad.ops.table import LIVE, RAW

    CHECKS[:] = [bool(check_nan)] if mode else []
    births = _next_birth if mode else _count
    RAW["_next_birth"] = LIVE["_next_birth"] = births
    for module in (graph, function, views):
        module.next_birth = births  # type: ignore[attr-defined]


def is_anomaly_enabled() -> bool:
    """True while the mode is on. Mirrors `torch.is_anomaly_enabled`."""
    return bool(CHECKS)


def is_anomaly_check_nan_enabled() -> bool:
    """True while backward looks for NaN. Mirrors `torch.is_anomaly_check_nan_enabled`."""
    return CHECKS != [False]


class set_detect_anomaly:  # noqa: N801 - PyTorch's name
    """Switches the mode at once; used as a block, it switches back at the end.

    Mirrors `torch.autograd.set_detect_anomaly`. With `check_nan=False` only errors are explained.
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = is_anomaly_enabled(), is_anomaly_check_nan_enabled()
        set_anomaly_enabled(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        set_anomaly_enabled(*self._before)


class detect_anomaly:  # noqa: N801 - PyTorch's name
    """A block in which the mode is on. Warns that this is slow. Mirrors `torch.autograd.detect_anomaly`."""

    def __init__(self, check_nan: bool = True) -> None:
        self._before = is_anomaly_enabled(), is_anomaly_check_nan_enabled()
        self.check_nan = check_nan
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for "
            "debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        set_anomaly_enabled(True, self.check_nan)

    def __exit__(self, *_: object) -> None:
        set_anomaly_enabled(*self._before)


def check(node: Node, grads: Iterable[Any]) -> None:
    """Raises RuntimeError if one of the gradients that `node` returned is NaN."""
    if CHECKS != [True]:
        return
    for number, grad in enumerate(grads):
        data = grad._data if isinstance(grad, TensorBase) else grad
        if data is not None and data.dtype.kind in "fc" and np.isnan(data).any():
            raise refusals.nan_gradient(node.name(), number)


_ENABLE = "enable anomaly detection to find the operation that failed to compute its gradient, with "
_ENABLE += "torch.autograd.set_detect_anomaly(True, check_nan=False)."
_ABOVE = (
    "the backtrace further above shows the operation that failed to compute its gradient. The variable in question "
)
_ABOVE += "was changed in there or anywhere later. Good luck!"


def explain(error: BaseException, node: Node) -> None:
    """Adds to an error that arose in `node` during backward where that node was made."""
    if error.args and isinstance(error.args[0], str):
        error.args = (error.args[0].replace(_ENABLE, _ABOVE), *error.args[1:])
    stack = getattr(node.birth, "stack", None)
    if stack is None:
        where = "It was made before anomaly mode was switched on: switch it on before the forward pass to learn where."
    else:
        import traceback

        summary = traceback.StackSummary.from_list([(*frame, None) for frame in stack])
        where = "It was made in the forward pass here:\n" + "".join(summary.format()).rstrip()
    errors.explained(error, f"Backward failed in {node.name()}. {where}")
