"""What one op costs: the bare NumPy call, teachgrad's op without a graph, and with a graph and its backward pass."""

from __future__ import annotations

import statistics
import time
import timeit
from collections.abc import Callable
from typing import Any

import numpy as np

import teachgrad

Call = Callable[[], Any]

OPS: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any, Any], Any]]] = {
    "add": (lambda a, b: a + b, lambda t, a, b: a + b),
    "sub": (lambda a, b: a - b, lambda t, a, b: a - b),
    "mul": (lambda a, b: a * b, lambda t, a, b: a * b),
    "div": (lambda a, b: a / b, lambda t, a, b: a / b),
    "pow 2": (lambda a, b: a**2, lambda t, a, b: a**2),
    "neg": (lambda a, b: -a, lambda t, a, b: -a),
    "abs": (lambda a, b: abs(a), lambda t, a, b: abs(a)),
    "exp": (lambda a, b: np.exp(a), lambda t, a, b: t.exp(a)),
    "log": (lambda a, b: np.log(a), lambda t, a, b: t.log(a)),
    "sqrt": (lambda a, b: np.sqrt(a), lambda t, a, b: t.sqrt(a)),
    "sin": (lambda a, b: np.sin(a), lambda t, a, b: t.sin(a)),
    "tanh": (lambda a, b: np.tanh(a), lambda t, a, b: t.tanh(a)),
    "sigmoid": (lambda a, b: 1 / (1 + np.exp(-a)), lambda t, a, b: t.sigmoid(a)),
    "relu": (lambda a, b: np.maximum(a, 0), lambda t, a, b: t.relu(a)),
    "sum": (lambda a, b: np.add.reduce(a) if a.ndim else a, lambda t, a, b: a.sum()),
}
"""Name -> (of two NumPy operands; of the library and two tensors)."""
SIZES = {"0-d": (), "1,000 floats": (1000,)}


def calls(name: str, shape: tuple[int, ...], torch: Any) -> dict[str, Call]:
    """What is timed for one op."""
    raw, op = OPS[name]
    random = np.random.default_rng(0)
    a, b = (
        random.uniform(0.5, 2, shape).astype(np.float32) if shape else np.float32(random.uniform(0.5, 2)) for _ in "ab"
    )

    def with_grad(t: Any) -> Call:
        x, y = t.tensor(a, requires_grad=True), t.tensor(b, requires_grad=True)
        seed = t.ones_like(op(t, x, y).detach())

        def call() -> None:
            op(t, x, y).backward(seed)
            x.grad = y.grad = None

        return call

    x, y = teachgrad.tensor(a, requires_grad=True), teachgrad.tensor(b, requires_grad=True)
    found = {"numpy": lambda: raw(a, b), "no_grad": lambda: op(teachgrad, x, y), "grad": with_grad(teachgrad)}
    return found | ({"torch": with_grad(torch)} if torch is not None else {})


def measure(torch: Any, rounds: int, seconds: float) -> dict[str, dict[str, dict[str, float]]]:
    """Size -> op -> what -> median microseconds per call, the four taking turns."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for size, shape in SIZES.items():
        for name in OPS:
            timers = {
                what: timeit.Timer(call, timer=time.process_time) for what, call in calls(name, shape, torch).items()
            }
            times: dict[str, list[float]] = {what: [] for what in timers}
            for _ in range(rounds):
                for what, timer in timers.items():
                    if what == "no_grad":
                        with teachgrad.no_grad():
                            times[what].append(per_call(timer, seconds))
                    else:
                        times[what].append(per_call(timer, seconds))
            found.setdefault(size, {})[name] = {what: statistics.median(taken) for what, taken in times.items()}
    return found


def per_call(timer: timeit.Timer, seconds: float) -> float:
    """Microseconds per call, over about that many seconds."""
    once = timer.timeit(20) / 20
    count = max(20, int(seconds / once))
    return 1e6 * timer.timeit(count) / count
