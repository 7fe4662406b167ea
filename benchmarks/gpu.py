"""How fast teachgrad is on a GPU, beside CuPy written by hand and PyTorch where it has CUDA:
`python benchmarks/bench.py --device cuda`.

A step is forward, backward and the update of a network of two layers, and of an element-wise chain. All sides compute the
same; their first losses are compared before anything is timed. Each is timed between two marks that the GPU itself sets.
"""

from __future__ import annotations

import importlib
import math
import statistics
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import teachgrad

Step = Callable[[], Any]
RATE = 1e-3


def data(batch: int, width: int) -> dict[str, np.ndarray]:
    """The same numbers for all sides."""
    generator = np.random.default_rng(0)
    shapes = {"x": (batch, width), "y": (batch, 1), "w": (width, width), "b": (width,), "v": (width, 1)}
    return {name: (generator.standard_normal(shape) / math.sqrt(width)).astype("f4") for name, shape in shapes.items()}


def network(t: Any, numbers: dict[str, np.ndarray]) -> Step:
    """A step of teachgrad or PyTorch."""
    x, y, w, b, v = (t.from_numpy(numbers[name].copy()).to("cuda") for name in "xywbv")
    leaves = [leaf.requires_grad_() for leaf in (w, b, v)]

    def step() -> Any:
        loss = ((t.tanh(x @ w + b) @ v - y) ** 2).mean()
        loss.backward()
        with t.no_grad():
            for leaf in leaves:
                leaf -= RATE * leaf.grad
                leaf.grad = None
        return loss

    return step


def network_by_hand(cupy: Any, numbers: dict[str, np.ndarray]) -> Step:
    """The same step, derived and written by hand."""
    x, y, w, b, v = (cupy.asarray(numbers[name]) for name in "xywbv")

    def step() -> Any:
        hidden = np.tanh(x @ w + b)
        error = hidden @ v - y
        slope = error * (2 / error.size)
        back = (slope @ v.T) * (1 - hidden * hidden)
        v[...] -= RATE * (hidden.T @ slope)
        w[...] -= RATE * (x.T @ back)
        b[...] -= RATE * back.sum(axis=0)
        return (error * error).mean()

    return step


def chain(t: Any, numbers: dict[str, np.ndarray]) -> Step:
    """Six element-wise ops and their derivatives."""
    x = t.from_numpy(numbers["x"].copy()).to("cuda").requires_grad_()

    def step() -> Any:
        x.grad = None
        loss = (t.exp(t.sin(x) * x + 1).log() * x).sum()
        loss.backward()
        return loss

    return step


def chain_by_hand(cupy: Any, numbers: dict[str, np.ndarray]) -> Step:
    """The same with each intermediate named."""
    x = cupy.asarray(numbers["x"])

    def step() -> Any:
        sine = np.sin(x)
        power = np.exp(sine * x + 1)
        logarithm = np.log(power)
        inner = x / power * power
        _grad = logarithm + inner * (np.cos(x) * x + sine)
        return (logarithm * x).sum()

    return step


def milliseconds(cupy: Any, step: Step, count: int) -> float:
    """GPU time per step."""
    start, end = cupy.cuda.Event(), cupy.cuda.Event()
    cupy.cuda.Device().synchronize()
    start.record()
    for _ in range(count):
        step()
    end.record()
    end.synchronize()
    return float(cupy.cuda.get_elapsed_time(start, end)) / count


def compare(batch: int, width: int, count: int, rounds: int = 5) -> list[str]:
    """One line per workload: the times and ratios of all sides. Raises ValueError if they do not compute the same."""
    cupy = importlib.import_module("cupy")
    try:
        torch = importlib.import_module("torch")
    except ImportError:
        torch = None
    numbers, lines = data(batch, width), []
    for name, make, hand in (("network", network, network_by_hand), ("chain", chain, chain_by_hand)):
        steps = {"CuPy by hand": hand(cupy, numbers), "teachgrad": make(teachgrad, numbers)}
        if torch is not None and torch.cuda.is_available():
            steps["PyTorch"] = make(torch, numbers)
        losses = {side: step() for side, step in steps.items()}
        first = {side: float(loss.detach() if hasattr(loss, "detach") else loss) for side, loss in losses.items()}
        if not all(math.isclose(loss, first["CuPy by hand"], rel_tol=1e-3) for loss in first.values()):
            raise ValueError(f"{name}: the sides do not compute the same: {first}")
        times: dict[str, list[float]] = {side: [] for side in steps}
        for _ in range(rounds):
            for side, step in steps.items():
                times[side].append(milliseconds(cupy, step, count))
        middle = {side: statistics.median(taken) for side, taken in times.items()}
        ratio = middle["teachgrad"] / middle["CuPy by hand"]
        told = ", ".join(f"{side} {taken:.3f} ms" for side, taken in middle.items())
        lines.append(f"{name} {batch}x{width}: {told}; {ratio:.2f} times CuPy by hand")
    return lines


def run(quick: bool) -> None:
    """Measures and prints. Exits where there is no GPU. `quick`: one size, few steps."""
    if not teachgrad.cuda.is_available():
        sys.exit(f"no GPU to measure: {teachgrad.gpu.why_not()}")
    print(teachgrad.cuda.get_device_name())
    for batch, width in [(256, 256)] if quick else [(32, 32), (256, 256), (4096, 1024), (16384, 4096)]:
        print(*compare(batch, width, count=20 if quick else 100), sep="\n")
