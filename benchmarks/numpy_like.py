"""The same work for HIPS autograd and MyGrad: both speak NumPy, so one forward function serves both.

`TASKS` has for each workload its forward function of the module `m` (`autograd.numpy` or `mygrad`) and the leaves.
Neither takes in-place ops, so their descent updates the arrays outside. `autograd_step` and `mygrad_step` make the steps.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from workloads import Step, numbers


class Task(NamedTuple):
    """A workload without its backward pass, which the library finds."""

    forward: Callable[..., Any]  # of the module and the leaves
    leaves: list[Any]
    seed: Any = None  # the gradient of the result, where that is not a number
    rate: float = 0.0  # of gradient descent, where the workload has a step of it


def scalars(m: Any, x: Any) -> Any:
    y = x * x
    z = m.sin(y)
    w = m.exp(z)
    v = 1 / w
    return v * y + z - x


def demo_graph(m: Any, a: Any, b: Any) -> Any:
    c = a + b
    d = a * b + b**3
    c = c + (c + 1)
    c = c + (1 + c + (-a))
    d = d + (d * 2 + m.maximum(b + a, 0.0))
    d = d + (3 * d + m.maximum(b - a, 0.0))
    e = c - d
    f = e**2
    g = f / 2.0
    return g + 10.0 / f


def scalar_mlp() -> Task:
    sizes, random = [3, 8, 8, 1], np.random.default_rng(1)
    weights = [float(random.normal()) for n, m in itertools.pairwise(sizes) for _ in range((n + 1) * m)]
    rows = [random.normal(size=3).tolist() for _ in range(2)]

    def forward(m: Any, *leaves: Any) -> Any:
        loss = 0.0
        for row in rows:
            values, rest = row, iter(leaves)
            for width, count in itertools.pairwise(sizes):
                neurons = [list(itertools.islice(rest, width + 1)) for _ in range(count)]
                values = [m.tanh(sum((w * v for w, v in zip(n, values, strict=False)), n[-1])) for n in neurons]
            loss = loss + (values[0] - 1.0) ** 2
        return loss

    return Task(forward, weights)


def regression() -> Task:
    x = numbers(120)
    y = 2 * x + 3
    leaves = [np.array([0.1], np.float32), np.array([0.2], np.float32)]
    return Task(lambda m, b, w: m.mean((y - (b + w * x)) ** 2), leaves, rate=1e-7)


def cross_entropy(m: Any, scores: Any, target: np.ndarray) -> Any:
    if m.__name__ == "mygrad":
        return m.nnet.losses.softmax_crossentropy(scores, target)
    shifted = scores - m.max(scores, axis=1, keepdims=True)
    chosen = shifted[np.arange(len(target)), target]
    return m.mean(m.log(m.sum(m.exp(shifted), axis=1)) - chosen)


def network(sizes: list[int], batch: int) -> Task:
    x, target = numbers(batch, sizes[0]), np.arange(batch) % sizes[-1]
    weights = [numbers(m, n, seed=m, scale=n**-0.5) for n, m in itertools.pairwise(sizes)]

    def forward(m: Any, w1: Any, w2: Any, b1: Any, b2: Any) -> Any:
        hidden = m.maximum(m.matmul(x, m.transpose(w1)) + b1, 0)
        return cross_entropy(m, m.matmul(hidden, m.transpose(w2)) + b2, target)

    return Task(forward, [*weights, *(np.zeros(m, np.float32) for m in sizes[1:])], rate=1e-9)


def cheap() -> Task:
    b = numbers(1_000_000, seed=1)

    def forward(m: Any, a: Any) -> Any:
        y = a * b + b
        y = (y * 2 - b) / 3 + 1
        y = -(y * b) + a
        return y * a

    return Task(forward, [numbers(1_000_000)], seed=np.ones(1_000_000, np.float32))


def transcendental() -> Task:
    def forward(m: Any, a: Any) -> Any:
        return 1 / (1 + m.exp(-m.exp(m.tanh(m.sin(m.cos(a))))))

    return Task(forward, [numbers(1_000_000)], seed=np.ones(1_000_000, np.float32))


def chain(m: Any, x: Any) -> Any:
    y = x
    for _ in range(10_000):
        y = y + 1.0
    return y


def fan_out(m: Any, x: Any) -> Any:
    y = 1.0
    for _ in range(10_000):
        y = y + x
    return y


def bias() -> Task:
    x = numbers(4096, 256)
    return Task(lambda m, b: x + b, [numbers(256)], seed=np.ones((4096, 256), np.float32))


def second(m: Any, x: Any) -> Any:
    y = x
    for _ in range(10):
        y = m.sin(y * x)
    return y


def characters() -> Task:
    leaves = [numbers(27, 10), numbers(30, 64, scale=0.2), numbers(64, scale=0.1)]
    leaves += [np.ones((1, 64), np.float32), np.zeros((1, 64), np.float32)]
    leaves += [numbers(64, 27, scale=0.1), numbers(27, scale=0.1)]
    words, next_one = np.arange(96).reshape(32, 3) % 27, np.arange(32) % 27

    def forward(m: Any, table: Any, w1: Any, b1: Any, gain: Any, shift: Any, w2: Any, b2: Any) -> Any:
        hidden = m.matmul(m.reshape(table[words], (32, -1)), w1) + b1
        apart = hidden - m.mean(hidden, axis=0, keepdims=True)
        variance = m.mean(apart**2, axis=0, keepdims=True)
        hidden = m.tanh(gain * (apart * (variance + 1e-5) ** -0.5) + shift)
        return cross_entropy(m, m.matmul(hidden, w2) + b2, next_one)

    return Task(forward, leaves, rate=1e-9)


def conv2d(m: Any, x: Any, w: Any) -> Any:
    """A 3x3 convolution with padding 1."""
    if m.__name__ == "mygrad":
        return m.nnet.conv_nd(x, w, stride=1, padding=1)
    convolve = importlib.import_module("autograd.scipy.signal").convolve
    padded = m.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)], "constant")
    # It convolves where deep learning correlates: the filters are turned round.
    return convolve(padded, w[:, :, ::-1, ::-1], axes=([2, 3], [2, 3]), dot_axes=([1], [1]), mode="valid")


def small_conv() -> Task:
    x = numbers(16, 1, 28, 28)
    return Task(lambda m, w: m.sum(conv2d(m, x, w) ** 2), [numbers(8, 1, 3, 3)])


def deep_conv() -> Task:
    return Task(lambda m, x, w: m.sum(conv2d(m, x, w) ** 2), [numbers(16, 8, 14, 14), numbers(16, 8, 3, 3)])


def softmax(m: Any, x: Any) -> Any:
    if m.__name__ == "mygrad":
        return m.nnet.activations.softmax(x, axis=-1)
    powers = m.exp(x - m.max(x, axis=-1, keepdims=True))
    return powers / m.sum(powers, axis=-1, keepdims=True)


def transformer() -> Task:
    batch, length, width, heads = 8, 32, 64, 4
    x = numbers(batch, length, width)
    mask = np.where(np.tril(np.ones((length, length))) == 0, np.float32(-1e9), np.float32(0))
    leaves = [numbers(width, width, seed=i, scale=0.1) for i in range(4)]
    leaves += [numbers(width, 4 * width, seed=5, scale=0.1), numbers(4 * width, width, seed=6, scale=0.1)]

    def forward(m: Any, wq: Any, wk: Any, wv: Any, wo: Any, w1: Any, w2: Any) -> Any:
        def split(value: Any) -> Any:
            return m.swapaxes(m.reshape(value, (batch, length, heads, width // heads)), 1, 2)

        q, k, v = split(m.matmul(x, wq)), split(m.matmul(x, wk)), split(m.matmul(x, wv))
        scores = m.matmul(q, m.swapaxes(k, -2, -1)) / math.sqrt(width // heads)
        weights = softmax(m, scores + mask)
        mixed = m.reshape(m.swapaxes(m.matmul(weights, v), 1, 2), (batch, length, width))
        hidden = x + m.matmul(mixed, wo)
        hidden = hidden + m.matmul(m.maximum(m.matmul(hidden, w1), 0), w2)
        return m.mean(hidden**2)

    return Task(forward, leaves)


TASKS: dict[str, Callable[[], Task]] = {
    "scalars": lambda: Task(scalars, [3.0]),
    "demo_graph": lambda: Task(demo_graph, [-4.0, 2.0]),
    "scalar_mlp": scalar_mlp,
    "regression": regression,
    "small_mlp": lambda: network([784, 128, 10], 64),
    "large_mlp": lambda: network([1024, 1024, 1024], 512),
    "cheap": cheap,
    "transcendental": transcendental,
    "chain": lambda: Task(chain, [1.0]),
    "fan_out": lambda: Task(fan_out, [1.0]),
    "bias": bias,
    "second": lambda: Task(second, [0.5]),
    "characters": characters,
    "small_conv": small_conv,
    "deep_conv": deep_conv,
    "transformer": transformer,
}


def autograd_step(name: str) -> Step:
    """HIPS autograd: functions are differentiated, not tensors. Raises ImportError where it is missing."""
    autograd, m = importlib.import_module("autograd"), importlib.import_module("autograd.numpy")
    make_vjp = importlib.import_module("autograd.differential_operators").make_vjp
    task = TASKS[name]()
    leaves, single = task.leaves, len(task.leaves) == 1
    if name == "second":
        slope = autograd.grad(autograd.grad(functools.partial(task.forward, m)))
        return lambda: [slope(leaves[0])]
    differentiated = make_vjp(functools.partial(task.forward, m), 0 if single else tuple(range(len(leaves))))
    seed = 1.0 if task.seed is None else task.seed

    def step() -> list[Any]:
        back, _ = differentiated(*leaves)
        grads = [back(seed)] if single else list(back(seed))
        if task.rate:
            for parameter, grad in zip(leaves, grads, strict=True):
                parameter -= task.rate * grad
        return grads

    return step


def mygrad_step(name: str) -> Step | None:
    """MyGrad: tensors, as in PyTorch, first derivatives only. Raises ImportError where it is missing."""
    m = importlib.import_module("mygrad")
    if name == "second":
        return None
    task = TASKS[name]()
    leaves = [m.tensor(value) for value in task.leaves]

    def step() -> list[Any]:
        task.forward(m, *leaves).backward(task.seed)
        grads = [x.grad for x in leaves]
        if task.rate:
            for x, grad in zip(leaves, grads, strict=True):
                x.data -= task.rate * grad
        return grads

    return step
