"""The loss of sequences whose alignment is not known: connectionist temporal classification.

The network says at each time how probable each symbol is, or a blank. A text is spelled by every path through time that
becomes the text when repeats are merged and blanks dropped:

    "cab"   c c - a b      - c a a b      c a - - b      ...        the loss is -log of the sum of their probabilities

With blanks around the letters (- c - a - b -) a path stays at its place, goes on by one, or jumps over a blank between
different letters, so the sum is found step by step: alpha[t, s] adds up all beginnings that end at place s at time t, and
beta all endings from there. All sequences of a batch take a step together. A. Graves and others, "Connectionist temporal
classification", ICML 2006.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from teachgrad.gpu import add_at, xp
from teachgrad.ops.table import LIVE, op, raw

Lengths = tuple[int, ...]


def _with_blanks(targets: tuple[Any, ...], blank: int, like: Any) -> tuple[Any, Any]:
    """The symbols of each target with a blank before, between and after them: (batch, places), and how many places each has.

    Both are where `like` is. Rows that are shorter than the longest end in blanks that do not count.
    """
    sizes = np.array([2 * len(target) + 1 for target in targets])
    rows = xp(targets[0]).full((len(targets), int(sizes.max())), blank, np.int64)
    for row, target in zip(rows, targets, strict=True):
        row[1 : 2 * len(target) : 2] = target
    return xp(like).asarray(rows), xp(like).asarray(sizes)


def _beginnings(scores: Any, jumps: Any, starts: Any) -> Any:
    """alpha (time + 1, batch, places + 2): the log probability of all beginnings that end there.

    `starts` (time, batch, places) has the scores at which paths begin, and -inf elsewhere; `jumps` (batch, places) is 0
    where a path may come from two places before, and -inf elsewhere. The first row and the first two columns are before the
    beginning, where nothing is: -inf.
    """
    steps, batch, width = scores.shape
    alpha = xp(scores).full((steps + 1, batch, width + 2), -np.inf)
    here, one_back, two_back = alpha[:, :, 2:], alpha[:, :, 1:-1], alpha[:, :, :-2]
    for t in range(steps):
        came = np.logaddexp(np.logaddexp(here[t], one_back[t]), two_back[t] + jumps)
        here[t + 1] = np.maximum(came + scores[t], starts[t])  # no path comes by before its start
    return alpha


class _Sequences:
    """The sequences of a batch, each with its blanks, and all beginnings of their paths."""

    def __init__(self, log_probs: Any, targets: tuple[Any, ...], lengths: Lengths, blank: int) -> None:
        there = xp(log_probs)
        self.places, sizes = _with_blanks(targets, blank, log_probs)
        ends, batch = there.asarray(np.array(lengths)), there.arange(len(lengths))
        steps, width = log_probs.shape[0], self.places.shape[1]
        time, order = there.arange(steps)[:, None, None], there.arange(width)
        scores = np.take_along_axis(log_probs, np.broadcast_to(self.places, (steps, *self.places.shape)), 2)
        self.going_on = time < ends[:, None]
        self.scores = np.where(self.going_on & (order < sizes[:, None]), scores.astype(np.float64), -np.inf)
        new = (self.places != blank) & (order >= 2)
        new[:, 2:] &= self.places[:, 2:] != self.places[:, :-2]
        self.jumps = np.where(new, 0.0, -np.inf)
        first = np.where((time == 0) & (order < 2), self.scores, -np.inf)
        self.last = np.where((time == ends[:, None] - 1) & (order >= sizes[:, None] - 2), self.scores, -np.inf)
        self.alpha = _beginnings(self.scores, self.jumps, first)
        found = np.logaddexp(self.alpha[ends, batch, sizes + 1], self.alpha[ends, batch, sizes])
        self.losses = -np.where((ends == 0) & (sizes == 1), 0.0, found)  # nothing, spelled in no time, is certain

    def paths(self) -> Any:
        """(time, batch, places): the log probability of all paths that pass there: alpha + beta, less the score in both."""
        # beta is alpha from the end backwards; where a path may jump to, going back it may jump from.
        none = xp(self.jumps).full((len(self.jumps), 2), -np.inf)
        jumps = np.concatenate([self.jumps, none], axis=1)[:, :1:-1]
        beta = _beginnings(self.scores[::-1, :, ::-1], jumps, self.last[::-1, :, ::-1])
        counted_once = beta[:0:-1, :, :1:-1] - np.where(self.scores == -np.inf, 0, self.scores)
        return self.alpha[1:, :, 2:] + counted_once


@raw
def ctc_of(self: Any, targets: tuple[Any, ...], lengths: Lengths, blank: int) -> Any:
    """The loss of each sequence of (time, batch, classes)."""
    return _Sequences(self, targets, lengths, blank).losses.astype(self.dtype)


@raw
def ctc_back(grad: Any, self: Any, targets: tuple[Any, ...], lengths: Lengths, blank: int, zero_infinity: bool) -> Any:
    """Probability less the share of it that lies on right paths, for each symbol at each time."""
    known = _Sequences(self, targets, lengths, blank)
    possible = known.losses[:, None] != np.inf
    shares = np.exp(known.paths() + np.where(possible, known.losses[:, None], np.nan))  # no path: PyTorch says nan
    on_path, (steps, batch, classes) = xp(self).zeros(self.size), self.shape
    places = xp(self).arange(steps * batch).reshape(steps, batch, 1) * classes + known.places
    add_at(on_path, places.reshape(-1), shares.reshape(-1))
    wanted = known.going_on & possible if zero_infinity else known.going_on
    return np.where(wanted, (np.exp(self) - on_path.reshape(self.shape)) * grad[:, None], 0).astype(self.dtype)


def _ctc_back_live(*arguments: Any) -> NoReturn:
    raise RuntimeError("derivative for aten::_ctc_loss_backward is not implemented")


LIVE["ctc_back"] = _ctc_back_live

op(
    "ctc_loss(self; targets, lengths, blank, zero_infinity)", "CtcLossBackward0",
    "ctc_of(self, targets, lengths, blank)", self="ctc_back(grad, self, targets, lengths, blank, zero_infinity)",
    shown={"self": "grad * (exp(self) - how likely each label is at each time, given the targets)"},
)  # fmt: skip
