"""Random numbers made on a GPU, by CuPy's generator: the functions of `random.py` for CUDA tensors.

They are reproducible, `torch.manual_seed(0)` starts this stream over too, but the numbers are CuPy's and not those that
PyTorch draws on a GPU: PyTorch's depend on how its kernels share the work. Nothing comes back to the computer, so arguments
whose check would need the numbers (probabilities between 0 and 1) are not checked.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from teachgrad import gpu, random
from teachgrad.bfloats import cast
from teachgrad.generator import Generator, default_cuda


def source(array: Any) -> Any:
    """Whose functions draw numbers for an array: this module's on a GPU, else those of `random.py`."""
    return sys.modules[__name__] if gpu.on_gpu(array) else random


def _engine(gen: Generator | None) -> Any:
    """CuPy's generator behind `gen`, or behind the stream that all share. Raises RuntimeError for one of the CPU's."""
    gen = default_cuda if gen is None else gen
    if gen.device.type != "cuda":
        raise RuntimeError(f"Expected a 'cuda' device type for generator but found '{gen.device.type}'")
    if gen._engine is None:
        gen._engine = gpu.module().random.default_rng(gen._seed)
    return gen._engine


def _drawn(draw: Any, shape: Any, dtype: Any) -> Any:
    """What `draw(shape, dtype)` gives, in a dtype for which CuPy has no generator too."""
    if dtype.kind == "c":
        real = np.dtype(np.float32 if dtype.itemsize == 8 else np.float64)
        parts = draw((*shape, 2), real)
        return (parts[..., 0] + 1j * parts[..., 1]).astype(dtype)
    return draw(shape, dtype) if dtype.itemsize >= 4 else cast(draw(shape, np.dtype(np.float32)), dtype)


def uniform(gen: Generator | None, shape: Any, dtype: Any, lo: float = 0.0, hi: float = 1.0) -> Any:
    """Numbers uniform in [lo, hi)."""
    random.floating("check_uniform_bounds", dtype)
    engine = _engine(gen)
    return _drawn(
        lambda size, kind: (engine.random(size, kind) * (hi - lo) + lo).astype(kind, copy=False), shape, dtype
    )


def normal(
    gen: Generator | None, shape: Any, dtype: Any, mean: float = 0.0, std: float = 1.0, contiguous: bool = True
) -> Any:
    """Normal numbers; of a complex one, both parts together have the variance."""
    random.floating("normal_kernel_cuda", dtype)
    engine = _engine(gen)
    spread = std / math.sqrt(2) if dtype.kind == "c" else std
    if dtype.kind == "c":
        return _drawn(lambda size, kind: engine.standard_normal(size, kind) * spread, shape, dtype) + mean
    return _drawn(lambda size, kind: engine.standard_normal(size, kind) * spread + mean, shape, dtype)


def integers(gen: Generator | None, shape: Any, lo: int, hi: int, dtype: Any) -> Any:
    """Whole numbers in [lo, hi). Raises RuntimeError for an empty range."""
    if lo >= hi:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={lo} >= to={hi}")
    return _engine(gen).integers(lo, hi, shape, np.int64).astype(dtype)


def any_integers(gen: Generator | None, shape: Any, dtype: Any) -> Any:
    """Whole numbers from 0 to the largest that the dtype holds exactly."""
    top = {"b": 2, "f": 2 ** (np.finfo(dtype).nmant + 1)}[dtype.kind] if dtype.kind in "bf" else np.iinfo(dtype).max
    return integers(gen, shape, 0, int(top), dtype)


def permutation(gen: Generator | None, n: int) -> Any:
    """0 to n - 1 in random order."""
    return _engine(gen).random(n, np.float64).argsort()


def bernoulli(gen: Generator | None, shape: Any, p: float) -> Any:
    """True with probability p. Raises RuntimeError unless p is in [0, 1]."""
    if not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
    return _engine(gen).random(shape, np.float64) < p


def bernoulli_of(gen: Generator | None, probabilities: Any) -> Any:
    """1 with each of the probabilities, else 0, in their dtype."""
    return (_engine(gen).random(probabilities.shape, np.float64) < probabilities).astype(probabilities.dtype)


def exponential(gen: Generator | None, shape: Any, dtype: Any, rate: float = 1.0) -> Any:
    """Waiting times of mean 1 / rate."""
    random.floating("exponential_cuda", dtype)
    engine = _engine(gen)
    return _drawn(lambda size, kind: engine.standard_exponential(size, kind) / rate, shape, dtype)


def multinomial(gen: Generator | None, weights: Any, count: int, replacement: bool = False) -> Any:
    """Indices drawn with probability proportional to the weights of each row."""
    engine = _engine(gen)
    if replacement:
        edges = np.cumsum(weights.astype(np.float64), axis=-1)
        drawn = engine.random((*weights.shape[:-1], count), np.float64) * edges[..., -1:]
        return (edges[..., None, :] <= drawn[..., None]).sum(axis=-1)
    keys = weights / engine.standard_exponential(weights.shape, np.float64)
    return np.argsort(-keys, axis=-1)[..., :count].copy()
