"""What is measured: lesson-sized work, forward and backward, written once for teachgrad and for PyTorch.

A workload is made by a function that takes the library `t` and returns a step: a function that does one forward and
backward pass and returns the gradients it found, so that they can be compared before anything is timed. The same work
stands under the same names in `by_hand.py` (NumPy), `numpy_like.py` (HIPS autograd, MyGrad) and `with_micrograd.py`.
"""

from __future__ import annotations

import importlib
import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Step = Callable[[], list[Any]]


class Workload(NamedTuple):
    """A row of the table."""

    title: str
    target: float  # the ratio teachgrad / torch that it should reach
    make: Callable[[Any], Step]


WORKLOADS: dict[str, Workload] = {}


def workload(title: str, target: float) -> Callable[[Callable[[Any], Step]], Callable[[Any], Step]]:
    def note(make: Callable[[Any], Step]) -> Callable[[Any], Step]:
        WORKLOADS[make.__name__] = Workload(title, target, make)
        return make

    return note


def numbers(*shape: int, seed: int = 0, scale: float = 1.0) -> np.ndarray:
    """The same float32 numbers for every library."""
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


def functional(t: Any) -> Any:
    return importlib.import_module(f"{t.__name__}.nn.functional")


def leaf(t: Any, array: Any) -> Any:
    return t.tensor(array, requires_grad=True)


def collect(*leaves: Any) -> list[Any]:
    """The gradients of the leaves, which are cleared for the next step."""
    grads = [x.grad for x in leaves]
    for x in leaves:
        x.grad = None
    return grads


@workload("8 ops on 0-d tensors", 0.25)
def scalars(t: Any) -> Step:
    x = t.tensor(3.0, requires_grad=True)

    def step() -> list[Any]:
        y = x * x
        z = t.sin(y)
        w = t.exp(z)
        v = 1 / w
        (v * y + z - x).backward()
        return collect(x)

    return step


@workload("micrograd's demo graph, 25 scalar ops", 0.27)
def demo_graph(t: Any) -> Step:
    a, b = t.tensor(-4.0, requires_grad=True), t.tensor(2.0, requires_grad=True)

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


@workload("scalar MLP, 641 ops on 0-d tensors", 0.35)
def scalar_mlp(t: Any) -> Step:
    sizes = [3, 8, 8, 1]
    random = np.random.default_rng(1)
    layers = [
        [[leaf(t, np.float32(random.normal())) for _ in range(n + 1)] for _ in range(m)]
        for n, m in itertools.pairwise(sizes)
    ]
    rows = [[t.tensor(float(v)) for v in random.normal(size=3)] for _ in range(2)]
    leaves = [w for layer in layers for neuron in layer for w in neuron]

    def step() -> list[Any]:
        loss = t.tensor(0.0)
        for row in rows:
            values = row
            for layer in layers:
                values = [sum((w * v for w, v in zip(n, values, strict=False)), n[-1]).tanh() for n in layer]
            loss = loss + (values[0] - 1.0) ** 2
        loss.backward()
        return collect(*leaves)

    return step


@workload("linear regression, 120 points, one epoch", 0.40)
def regression(t: Any) -> Step:
    x, b, w = t.tensor(numbers(120)), t.tensor([0.1], requires_grad=True), t.tensor([0.2], requires_grad=True)
    y = 2 * x + 3

    def step() -> list[Any]:
        loss = ((y - (b + w * x)) ** 2).mean()
        loss.backward()
        grads = [b.grad.clone(), w.grad.clone()]
        with t.no_grad():
            b.sub_(b.grad * 1e-7)
            w.sub_(w.grad * 1e-7)
        b.grad.zero_()
        w.grad.zero_()
        return grads

    return step


def network(t: Any, sizes: list[int], batch: int) -> Step:
    """A ReLU network with a cross-entropy loss and one step of gradient descent."""
    F = functional(t)
    x, target = t.tensor(numbers(batch, sizes[0])), t.tensor(np.arange(batch) % sizes[-1])
    weights = [leaf(t, numbers(m, n, seed=m, scale=n**-0.5)) for n, m in itertools.pairwise(sizes)]
    biases = [t.zeros(m, requires_grad=True) for m in sizes[1:]]

    def step() -> list[Any]:
        value = x
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            value = t.relu(F.linear(value, weight, bias))
        F.cross_entropy(F.linear(value, weights[-1], biases[-1]), target).backward()
        with t.no_grad():
            for p in (*weights, *biases):
                p.sub_(p.grad, alpha=1e-9)
        return collect(*weights, *biases)

    return step


@workload("MLP 784-128-10, batch 64, SGD step", 0.75)
def small_mlp(t: Any) -> Step:
    return network(t, [784, 128, 10], 64)


@workload("MLP 1024-1024-1024, batch 512, SGD step", 1.10)
def large_mlp(t: Any) -> Step:
    return network(t, [1024, 1024, 1024], 512)


@workload("10 cheap element-wise ops on 1e6 floats", 0.90)
def cheap(t: Any) -> Step:
    a, b, ones = leaf(t, numbers(1_000_000)), t.tensor(numbers(1_000_000, seed=1)), t.ones(1_000_000)

    def step() -> list[Any]:
        y = a * b + b
        y = (y * 2 - b) / 3 + 1
        y = -(y * b) + a
        (y * a).backward(ones)
        return collect(a)

    return step


@workload("5 transcendental ops on 1e6 floats", 1.00)
def transcendental(t: Any) -> Step:
    a, ones = leaf(t, numbers(1_000_000)), t.ones(1_000_000)

    def step() -> list[Any]:
        t.sigmoid(t.exp(t.tanh(t.sin(t.cos(a))))).backward(ones)
        return collect(a)

    return step


@workload("chain of 10,000 additions", 0.35)
def chain(t: Any) -> Step:
    x = t.tensor(1.0, requires_grad=True)

    def step() -> list[Any]:
        y = x
        for _ in range(10_000):
            y = y + 1.0
        y.backward()
        return collect(x)

    return step


@workload("one leaf used 10,000 times", 0.45)
def fan_out(t: Any) -> Step:
    x, one = t.tensor(1.0, requires_grad=True), t.tensor(1.0)

    def step() -> list[Any]:
        y = one
        for _ in range(10_000):
            y = y + x
        y.backward()
        return collect(x)

    return step


@workload("bias gradient (4096, 256) + (256,)", 0.95)
def bias(t: Any) -> Step:
    x, b, ones = t.tensor(numbers(4096, 256)), leaf(t, numbers(256)), t.ones(4096, 256)

    def step() -> list[Any]:
        (x + b).backward(ones)
        return collect(b)

    return step


@workload("second derivative of 20 scalar ops", 0.35)
def second(t: Any) -> Step:
    x = t.tensor(0.5, requires_grad=True)

    def step() -> list[Any]:
        y = x
        for _ in range(10):
            y = t.sin(y * x)
        (slope,) = t.autograd.grad(y, x, create_graph=True)
        slope.backward()
        return collect(x)

    return step


@workload("character MLP with hand-written batch norm, SGD step", 0.50)
def characters(t: Any) -> Step:
    F = functional(t)
    table, w1, b1 = leaf(t, numbers(27, 10)), leaf(t, numbers(30, 64, scale=0.2)), leaf(t, numbers(64, scale=0.1))
    gain, shift = t.ones(1, 64, requires_grad=True), t.zeros(1, 64, requires_grad=True)
    w2, b2 = leaf(t, numbers(64, 27, scale=0.1)), leaf(t, numbers(27, scale=0.1))
    parameters = [table, w1, b1, gain, shift, w2, b2]
    words, next_one = t.tensor(np.arange(96).reshape(32, 3) % 27), t.tensor(np.arange(32) % 27)

    def step() -> list[Any]:
        hidden = table[words].view(32, -1) @ w1 + b1
        mean = hidden.mean(0, keepdim=True)
        apart = hidden - mean
        variance = (apart**2).mean(0, keepdim=True)
        hidden = t.tanh(gain * (apart * (variance + 1e-5) ** -0.5) + shift)
        F.cross_entropy(hidden @ w2 + b2, next_one).backward()
        with t.no_grad():
            for p in parameters:
                p.sub_(p.grad, alpha=1e-9)
        return collect(*parameters)

    return step


@workload("conv2d 16x1x28x28, 8 filters", 0.40)
def small_conv(t: Any) -> Step:
    return convolution(t, numbers(16, 1, 28, 28), numbers(8, 1, 3, 3), wants_input=False)


@workload("conv2d 16x8x14x14, 16 filters, input gradient", 1.00)
def deep_conv(t: Any) -> Step:
    return convolution(t, numbers(16, 8, 14, 14), numbers(16, 8, 3, 3), wants_input=True)


def convolution(t: Any, images: np.ndarray, filters: np.ndarray, *, wants_input: bool) -> Step:
    F = functional(t)
    x, w = t.tensor(images, requires_grad=wants_input), leaf(t, filters)

    def step() -> list[Any]:
        (F.conv2d(x, w, padding=1) ** 2).sum().backward()
        return collect(x, w) if wants_input else collect(w)

    return step


@workload("transformer block by hand ops, 4 heads, T=32, C=64, B=8", 0.75)
def transformer(t: Any) -> Step:
    F = functional(t)
    batch, length, width, heads = 8, 32, 64, 4
    x = t.tensor(numbers(batch, length, width))
    mask = t.tensor(np.tril(np.ones((length, length))) == 0)
    wq, wk, wv, wo = (leaf(t, numbers(width, width, seed=i, scale=0.1)) for i in range(4))
    w1 = leaf(t, numbers(width, 4 * width, seed=5, scale=0.1))
    w2 = leaf(t, numbers(4 * width, width, seed=6, scale=0.1))

    def step() -> list[Any]:
        def split(value: Any) -> Any:
            return value.view(batch, length, heads, width // heads).transpose(1, 2)

        q, k, v = split(x @ wq), split(x @ wk), split(x @ wv)
        scores = (q @ k.transpose(-2, -1)) / math.sqrt(width // heads)
        weights = F.softmax(scores.masked_fill(mask, -math.inf), dim=-1)
        mixed = (weights @ v).transpose(1, 2).reshape(batch, length, width)
        hidden = x + mixed @ wo
        hidden = hidden + t.relu(hidden @ w1) @ w2
        (hidden**2).mean().backward()
        return collect(wq, wk, wv, wo, w1, w2)

    return step
