"""The scalar workloads for micrograd, which knows numbers only and works through its graph recursively.

Each function is named like its workload. sin, exp and tanh are not in the package: they are added as its lecture adds tanh.
"""

from __future__ import annotations

import importlib
import itertools
import math
from typing import Any

import numpy as np
from workloads import Step, numbers

Value: Any = importlib.import_module("micrograd.engine").Value


def unary(x: Any, value: float, slope: float) -> Any:
    """A node for a function of one number."""
    out = Value(value, (x,))

    def backward() -> None:
        x.grad += slope * out.grad

    out._backward = backward
    return out


def tanh(x: Any) -> Any:
    value = math.tanh(x.data)
    return unary(x, value, 1 - value * value)


def collect(*leaves: Any) -> list[float]:
    grads = [x.grad for x in leaves]
    for x in leaves:
        x.grad = 0
    return grads


def scalars() -> Step:
    x = Value(3.0)

    def step() -> list[Any]:
        y = x * x
        z = unary(y, math.sin(y.data), math.cos(y.data))
        e = math.exp(z.data)
        w = unary(z, e, e)
        v = 1 / w
        (v * y + z - x).backward()
        return collect(x)

    return step


def demo_graph() -> Step:
    a, b = Value(-4.0), Value(2.0)

    def step() -> list[Any]:
        c = a + b
        d = a * b + b**3
        c = c + (c + 1)
        c = c + (1 + c + (-a))
        d = d + (d * 2 + (b + a).relu())
        d = d + (3 * d + (b - a).relu())
        e = c - d
        f = e**2
        g = f / 2.0
        g = g + 10.0 / f
        g.backward()
        return collect(a, b)

    return step


def scalar_mlp() -> Step:
    sizes, random = [3, 8, 8, 1], np.random.default_rng(1)
    layers = [
        [[Value(float(random.normal())) for _ in range(n + 1)] for _ in range(m)] for n, m in itertools.pairwise(sizes)
    ]
    rows = [[Value(float(v)) for v in random.normal(size=3)] for _ in range(2)]
    leaves = [w for layer in layers for neuron in layer for w in neuron]

    def step() -> list[Any]:
        loss = Value(0.0)
        for row in rows:
            values = row
            for layer in layers:
                values = [tanh(sum((w * v for w, v in zip(n, values, strict=False)), n[-1])) for n in layer]
            loss = loss + (values[0] - 1.0) ** 2
        loss.backward()
        return collect(*leaves)

    return step


def regression() -> Step:
    x, b, w = numbers(120).tolist(), Value(0.1), Value(0.2)
    y = [2 * one + 3 for one in x]

    def step() -> list[Any]:
        loss = sum(((expected - (b + w * one)) ** 2 for one, expected in zip(x, y, strict=True)), Value(0.0)) / 120
        loss.backward()
        b.data, w.data = b.data - b.grad * 1e-7, w.data - w.grad * 1e-7
        return collect(b, w)

    return step
