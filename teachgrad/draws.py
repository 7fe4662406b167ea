"""In-place draws of rarer distributions: log-normal, Cauchy, geometric. The usual ones are in `sampling.py`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from teachgrad import random
from teachgrad.bfloats import cast
from teachgrad.generator import default_generator
from teachgrad.ops.table import public
from teachgrad.sampling import _fill, _stream


def _from_uniforms(input: Any, name: str, generator: Any, change: Callable[[Any], Any]) -> Any:
    """Fills the tensor with `change(u)` of numbers u uniform in [0, 1), drawn in float64."""
    stream = _stream(f"{name}_", (), generator) or default_generator

    def draw(shape: tuple[int, ...]) -> Any:
        uniforms = np.asarray(stream.doubles(math.prod(shape)), np.float64).reshape(shape)
        return cast(change(uniforms), input._data.dtype)

    return _fill(input, f"{name}.drawn0", draw)


@public("log_normal_", function=False)
def log_normal_(input: Any, mean: float = 1.0, std: float = 2.0, *, generator: Any = None) -> Any:
    """Overwrites the tensor with powers of e whose exponents are normal numbers. Mirrors `torch.Tensor.log_normal_`."""
    stream, dtype = _stream("log_normal_", (), generator), input._data.dtype

    def draw(shape: tuple[int, ...]) -> Any:
        exponents = random.normal(stream, shape, np.dtype(np.float64), mean, std, False)
        return cast(np.exp(exponents), dtype)

    return _fill(input, "lognormal.drawn0", draw)


@public("cauchy_", function=False)
def cauchy_(input: Any, median: float = 0.0, sigma: float = 1.0, *, generator: Any = None) -> Any:
    """Overwrites the tensor with draws of a Cauchy distribution. Mirrors `torch.Tensor.cauchy_`."""
    return _from_uniforms(input, "cauchy", generator, lambda u: median + sigma * np.tan(np.pi * (u - 0.5)))


@public("geometric_", function=False)
def geometric_(input: Any, p: float, *, generator: Any = None) -> Any:
    """Overwrites the tensor with how many tries a success of probability `p` takes. Mirrors `torch.Tensor.geometric_`."""
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    return _from_uniforms(input, "geometric", generator, lambda u: np.ceil(np.log(u) / math.log1p(-p)))
