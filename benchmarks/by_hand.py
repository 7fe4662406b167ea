"""The same work in plain NumPy, with gradients that a person derived: what no autograd can beat.

Each function is named like its workload and returns its step. Nothing is shared and nothing general: this is the code that
autograd saves you from writing.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from workloads import Step, numbers

RATE = np.float32(1e-9)


def regression() -> Step:
    x, b, w = numbers(120), np.array([0.1], np.float32), np.array([0.2], np.float32)
    y = 2 * x + 3

    def step() -> list[Any]:
        nonlocal b, w
        error = y - (b + w * x)
        slope = error * np.float32(-2 / 120)
        db, dw = slope.sum(keepdims=True), (slope * x).sum(keepdims=True)
        b, w = b - db * np.float32(1e-7), w - dw * np.float32(1e-7)
        return [db, dw]

    return step


def softmax_minus_target(scores: np.ndarray, rows: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The gradient of the mean cross-entropy."""
    p: np.ndarray = np.exp(scores - scores.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    p[rows, target] -= 1
    p /= np.float32(len(rows))
    return p


def network(sizes: list[int], batch: int) -> Step:
    x, rows, target = numbers(batch, sizes[0]), np.arange(batch), np.arange(batch) % sizes[-1]
    weights = [numbers(m, n, seed=m, scale=n**-0.5) for n, m in itertools.pairwise(sizes)]
    biases = [np.zeros(m, np.float32) for m in sizes[1:]]
    (w1, w2), (b1, b2) = weights, biases

    def step() -> list[Any]:
        hidden = x @ w1.T
        hidden += b1
        np.maximum(hidden, 0, out=hidden)
        back = softmax_minus_target(hidden @ w2.T + b2, rows, target)
        below = back @ w2
        below *= hidden > 0
        grads = [below.T @ x, back.T @ hidden, below.sum(0), back.sum(0)]
        for parameter, grad in zip((*weights, *biases), grads, strict=True):
            parameter -= RATE * grad
        return grads

    return step


def small_mlp() -> Step:
    return network([784, 128, 10], 64)


def large_mlp() -> Step:
    return network([1024, 1024, 1024], 512)


def cheap() -> Step:
    a, b, ones = numbers(1_000_000), numbers(1_000_000, seed=1), np.ones(1_000_000, np.float32)

    def step() -> list[Any]:
        y = a * b + b
        y = (y * 2 - b) / 3 + 1
        y = -(y * b) + a
        _out = y * a
        back = ones * a
        inner = -back * b / 3 * 2
        return [ones * y + back + inner * b]

    return step


def transcendental() -> Step:
    a, ones = numbers(1_000_000), np.ones(1_000_000, np.float32)

    def step() -> list[Any]:
        cosine = np.cos(a)
        tanh = np.tanh(np.sin(cosine))
        exp = np.exp(tanh)
        out = 1 / (1 + np.exp(-exp))
        back = ones * out * (1 - out) * exp * (1 - tanh * tanh) * np.cos(cosine)
        return [back * -np.sin(a)]

    return step


def bias() -> Step:
    x, b, ones = numbers(4096, 256), numbers(256), np.ones((4096, 256), np.float32)
    summing = np.ones(4096, np.float32)  # a sum over rows as a product, which BLAS does faster

    def step() -> list[Any]:
        _out = x + b
        return [summing @ ones]

    return step


def characters() -> Step:
    table, w1, b1 = numbers(27, 10), numbers(30, 64, scale=0.2), numbers(64, scale=0.1)
    gain, shift = np.ones((1, 64), np.float32), np.zeros((1, 64), np.float32)
    w2, b2 = numbers(64, 27, scale=0.1), numbers(27, scale=0.1)
    parameters = [table, w1, b1, gain, shift, w2, b2]
    words, next_one, rows = np.arange(96).reshape(32, 3) % 27, np.arange(32) % 27, np.arange(32)

    def step() -> list[Any]:
        embedded = table[words].reshape(32, -1)
        hidden = embedded @ w1 + b1
        apart = hidden - hidden.mean(0, keepdims=True)
        scale = ((apart**2).mean(0, keepdims=True) + np.float32(1e-5)) ** -0.5
        normal = apart * scale
        out = np.tanh(gain * normal + shift)
        back = softmax_minus_target(out @ w2 + b2, rows, next_one)
        dw2, db2 = out.T @ back, back.sum(0)
        inside = (back @ w2.T) * (1 - out * out)
        dgain, dshift = (inside * normal).sum(0, keepdims=True), inside.sum(0, keepdims=True)
        # Through the batch norm: what would move the mean or stretch the spread is taken out.
        through = gain * scale * (inside - dshift / 32 - normal * dgain / 32)
        dtable = np.zeros_like(table)
        np.add.at(dtable, words.ravel(), (through @ w1.T).reshape(-1, 10))
        grads = [dtable, embedded.T @ through, through.sum(0), dgain, dshift, dw2, db2]
        for parameter, grad in zip(parameters, grads, strict=True):
            parameter -= RATE * grad
        return grads

    return step


def columns(images: np.ndarray, size: int = 3) -> np.ndarray:
    """Every window of the padded images, one shifted copy per kernel position: (batch, channel * kh * kw, pixel)."""
    batch, channels, height, width = images.shape
    padded = np.zeros((batch, channels, height + 2, width + 2), np.float32)
    padded[:, :, 1:-1, 1:-1] = images
    windows = np.empty((batch, channels, size, size, height, width), np.float32)
    for i, j in itertools.product(range(size), range(size)):
        windows[:, :, i, j] = padded[:, :, i : i + height, j : j + width]
    return windows.reshape(batch, channels * size * size, height * width)


def small_conv() -> Step:
    images, filters = numbers(16, 1, 28, 28), numbers(8, 1, 3, 3)

    def step() -> list[Any]:
        windows = columns(images)
        out = filters.reshape(8, -1) @ windows
        _loss = (out * out).sum()
        back = 2 * out
        return [(back @ windows.transpose(0, 2, 1)).sum(0).reshape(filters.shape)]

    return step


def deep_conv() -> Step:
    images, filters = numbers(16, 8, 14, 14), numbers(16, 8, 3, 3)

    def step() -> list[Any]:
        windows = columns(images)
        out = filters.reshape(16, -1) @ windows
        _loss = (out * out).sum()
        back = 2 * out
        dfilters = (back @ windows.transpose(0, 2, 1)).sum(0).reshape(filters.shape)
        # The gradient of the images is a convolution of the result's gradient with the filters turned round.
        turned = filters[:, :, ::-1, ::-1].transpose(1, 0, 2, 3).reshape(8, -1)
        return [(turned @ columns(back.reshape(16, 16, 14, 14))).reshape(images.shape), dfilters]

    return step
