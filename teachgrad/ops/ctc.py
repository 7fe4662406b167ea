"""The loss of sequences whose alignment is not known: connectionist temporal classification.

The network says at each time how probable each symbol is, or a blank. A text is spelled by every path through time that
becomes the text when repeats are merged and blanks dropped:

    "cab"   c c - a b      - c a a b      c a - - b      ...        the loss is -log of the sum of their probabilities

With blanks around the letters (- c - a - b -) a path stays at its place, goes on by one, or jumps over a blank between
different letters, so the sum is found step by step: alpha[t, s] adds up all beginnings that end at place s at time t, and
beta all endings from there. A. Graves and others, "Connectionist temporal classification", ICML 2006.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from teachgrad.ops.table import LIVE, op, raw

Lengths = tuple[int, ...]


def _add(*logarithms: Any) -> Any:
    """The logarithm of the sum of numbers given as logarithms."""
    return np.logaddexp.reduce(np.stack(logarithms), axis=0)


def _with_blanks(target: Any, blank: int) -> Any:
    """The symbols of `target` with a blank before, between and after them."""
    places = np.full(2 * len(target) + 1, blank)
    places[1::2] = target
    return places


def _beginnings(scores: Any, places: Any, blank: int) -> Any:
    """alpha: for each time and place the log probability of all beginnings that end there."""
    alpha = np.full(scores.shape, -np.inf)
    alpha[0, :2] = scores[0, :2]
    jumps = np.zeros(len(places), bool)
    jumps[2:] = (places[2:] != blank) & (places[2:] != places[:-2])
    for t in range(1, len(scores)):
        before = np.concatenate(([-np.inf, -np.inf], alpha[t - 1]))
        alpha[t] = scores[t] + _add(before[2:], before[1:-1], np.where(jumps, before[:-2], -np.inf))
    return alpha


def _both_ways(log_probs: Any, target: Any, blank: int) -> tuple[Any, Any, float]:
    """The places, alpha + beta less the score counted twice, and the loss, of one sequence (time, classes)."""
    places = _with_blanks(target, blank)
    scores = log_probs[:, places].astype(np.float64)
    alpha = _beginnings(scores, places, blank)
    beta = _beginnings(scores[::-1, ::-1], places[::-1], blank)[::-1, ::-1]
    return places, alpha + beta - scores, -float(np.logaddexp.reduce(alpha[-1, -2:]))


@raw
def ctc_of(self: Any, targets: tuple[Any, ...], lengths: Lengths, blank: int) -> Any:
    """The loss of each sequence of (time, batch, classes)."""
    found = [_both_ways(self[:n, i], targets[i], blank)[2] if n else np.inf for i, n in enumerate(lengths)]
    return np.array([0.0 if n == 0 and not len(targets[i]) else found[i] for i, n in enumerate(lengths)], self.dtype)


@raw
def ctc_back(grad: Any, self: Any, targets: tuple[Any, ...], lengths: Lengths, blank: int, zero_infinity: bool) -> Any:
    """Probability less the share of it that lies on right paths, for each symbol at each time."""
    slopes = np.zeros_like(self)
    for i, n in enumerate(lengths):
        if n == 0:
            continue
        places, paths, loss = _both_ways(self[:n, i], targets[i], blank)
        if np.isinf(loss) and zero_infinity:
            continue
        on_path = np.zeros((n, self.shape[2]))
        for place, symbol in enumerate(places):
            on_path[:, symbol] += np.exp(paths[:, place] + loss)
        slopes[:n, i] = (np.exp(self[:n, i]) - on_path) * grad[i]
    return slopes


def _ctc_back_live(*arguments: Any) -> NoReturn:
    raise RuntimeError("derivative for aten::_ctc_loss_backward is not implemented")


LIVE["ctc_back"] = _ctc_back_live

op(
    "ctc_loss(self; targets, lengths, blank, zero_infinity)", "CtcLossBackward0",
    "ctc_of(self, targets, lengths, blank)", self="ctc_back(grad, self, targets, lengths, blank, zero_infinity)",
    shown={"self": "grad * (exp(self) - how likely each label is at each time, given the targets)"},
)  # fmt: skip
