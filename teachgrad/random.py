"""PyTorch's random numbers: the same seed gives the same bits as `torch` on a CPU.

A `Generator` yields 32-bit words; the functions here turn them into numbers. There are many ways to
do that, and PyTorch's choices decide the result:

- a **uniform** float32 uses 24 bits of one word, a float64 53 bits of two words;
- an **integer** below `n` is a word modulo `n`;
- **normals** are made in pairs from two uniforms (`teachgrad.boxmuller`): fewer than sixteen one pair at
  a time, the second number being kept for the next call, more of them in blocks;
- **permutations** are shuffled by the method of Fisher and Yates;
- **exponentials** are `-log(1 - u) / rate`, and a draw by weights `w` without replacement takes the
  largest of the `w / exponential`.

The functions take a Generator, or None for the default one, and return new C-contiguous NumPy arrays. They
follow PyTorch's AVX2 and AVX-512 code. On Intel processors some PyTorch builds draw Bernoulli (dropout) and
exponential numbers from Intel's MKL instead; those streams are not reproduced.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from teachgrad import dtypes, limits
from teachgrad.bfloats import widened
from teachgrad.boxmuller import box_muller, fused_double, fused_single
from teachgrad.generator import Generator as Generator
from teachgrad.generator import default_generator as default_generator
from teachgrad.generator import fork_rng as fork_rng
from teachgrad.generator import manual_seed as manual_seed

if TYPE_CHECKING:  # numpy.typing costs `import teachgrad` milliseconds
    from numpy.typing import NDArray

    Array = NDArray[Any]

DType = np.dtype[Any]


def __getattr__(name: str) -> Any:
    """`torch.random.get_rng_state` and its like, which make tensors and so live a floor higher."""
    if name not in ("get_rng_state", "initial_seed", "seed", "set_rng_state"):
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    from . import sampling

    return getattr(sampling, name)


_BLOCK = 16  # PyTorch makes many normals in blocks of sixteen


# -- Numbers with a given distribution -------------------------------------------------------------------------


def uniform(gen: Generator | None, shape: Sequence[int], dtype: DType, lo: float = 0.0, hi: float = 1.0) -> Array:
    """Numbers uniform in [lo, hi). Mirrors `torch.rand` and `Tensor.uniform_`.

    Args:
        dtype: a floating or complex NumPy type; both parts of a complex number are uniform.

    Raises:
        RuntimeError: when `lo > hi`, or when the type cannot hold one of them or their difference.
        NotImplementedError: for integer types and bool.
    """
    kind = floating("check_uniform_bounds", dtype)
    limit = limits.finfo(kind).max
    for name, bound in (("from", lo), ("to", hi)):
        if not -limit <= bound <= limit:
            raise RuntimeError(f"{name} is out of bounds for {kind.c_name}")
    if lo > hi:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={lo:g} > to={hi:g}\n"
            "Put the smaller number first."
        )
    if hi - lo > limit:
        raise RuntimeError(
            f"uniform_ expects to-from <= std::numeric_limits<{kind.scalar_name}>::max(), "
            f"but found to={hi:g} and from={lo:g} which result in to-from to exceed the limit"
        )
    gen, count, real = gen or default_generator, _count(shape), kind.numpy
    if dtype.kind == "c":
        return uniform(gen, (2 * count,), real, lo, hi).view(dtype).reshape(shape)
    if real == np.float64:
        return fused_double(gen.doubles(count), hi - lo, lo).reshape(shape)
    low, high = np.float32(lo), np.float32(hi)
    drawn = fused_single(gen.floats(count), high - low, low).astype(real)
    if real.itemsize == 2:  # rounding to so few bits may reach the excluded end
        drawn[drawn == real.type(hi)] = lo
    return drawn.reshape(shape)


def normal(
    gen: Generator | None,
    shape: Sequence[int],
    dtype: DType,
    mean: float = 0.0,
    std: float = 1.0,
    contiguous: bool = True,
) -> Array:
    """Normal numbers. Mirrors `torch.randn` and `Tensor.normal_`.

    Args:
        dtype: a floating or complex NumPy type; the variance of a complex number is shared by its parts.
        contiguous: whether the tensor to be filled is; PyTorch fills others pair by pair, whatever their size
            (see `memory_order`).

    Raises:
        RuntimeError: when `std` is negative or nan.
        NotImplementedError: for integer types and bool.
    """
    real = floating("normal_kernel_cpu", dtype).numpy
    if not std >= 0.0:
        raise RuntimeError(
            f"normal expects std >= 0.0, but found std {std:g}\n"
            "The standard deviation is the width of the distribution; the mean may have any sign."
        )
    gen, count = gen or default_generator, _count(shape)
    if dtype.kind == "c":
        return normal(gen, (2 * count,), real, mean, std / math.sqrt(2), contiguous).view(dtype).reshape(shape)
    if count < _BLOCK or not contiguous:
        drawn = _narrow(fused_double(_normal_pairs(gen, count), std, mean), real)
    elif real == np.float64:
        drawn = fused_double(_normal_blocks(gen, count, real), std, mean)
    else:
        blocks = _normal_blocks(gen, count, real)
        drawn = fused_single(blocks, np.float32(std), np.float32(mean)).astype(real)
    return drawn.reshape(shape)


def _normal_pairs(gen: Generator, count: int) -> NDArray[np.float64]:
    """Standard normals in the order of their pairs; the one left over waits for the next call."""
    normals = [] if gen._spare is None or not count else [gen._spare]
    uniforms = gen.doubles((count - len(normals) + 1) // 2 * 2).tolist()
    for turn, level in zip(uniforms[::2], uniforms[1::2], strict=True):
        radius, angle = math.sqrt(-2.0 * math.log1p(-level)), 2.0 * math.pi * turn
        normals += [radius * math.cos(angle), radius * math.sin(angle)]
    if count:
        gen._spare = normals[count] if len(normals) > count else None
    return np.array(normals[:count], np.float64)


def _normal_blocks(gen: Generator, count: int, dtype: DType) -> Array:
    """Standard normals, 16 or more, in float64 or (for float16 too) in float32.

    When 16 does not divide the count, the last block would stick out: the last 16 are then drawn anew.
    """
    draw = gen.doubles if dtype == np.float64 else gen.floats
    whole = count - count % _BLOCK
    # PyTorch fills the whole tensor with uniforms first, but a float16 tensor block by block.
    uniforms: Array = draw(whole if dtype.itemsize == 2 else count)
    normals = np.empty(count, uniforms.dtype)
    normals[:whole] = box_muller(uniforms[:whole])
    if whole < count:
        normals[-_BLOCK:] = box_muller(draw(_BLOCK))
    return normals


def integers(gen: Generator | None, shape: Sequence[int], lo: int, hi: int, dtype: DType) -> Array:
    """Whole numbers in [lo, hi), in any real type. Mirrors `torch.randint` and `Tensor.random_`.

    Raises:
        RuntimeError: for complex types, and when the range is empty or reaches beyond the whole numbers that
            the type holds exactly.  (PyTorch only warns of the latter in float types, announcing an error.)
    """
    if lo >= hi:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={lo} >= to={hi}\n"
            "The upper end is never drawn, so it must lie above the lower end."
        )
    if dtype.kind == "c":
        raise RuntimeError("check_random_bounds handles only integral, floating-point and boolean types")
    smallest, largest = _whole_numbers(dtype)
    for name, bound in (("from", lo), ("to - 1", hi - 1)):
        if not smallest <= bound <= largest:
            raise RuntimeError(
                f"{name} is out of bounds for {dtypes.of(dtype).c_name}\n"
                f"{dtype.name} holds every whole number from {smallest} to {largest}; {bound} is outside."
            )
    gen, count, span = gen or default_generator, _count(shape), hi - lo
    words = gen.words(count) if span < 2**28 else gen.long_words(count)
    return ((words % np.uint64(span)).astype(np.int64) + lo).astype(dtype).reshape(shape)


def any_integers(gen: Generator | None, shape: Sequence[int], dtype: DType) -> Array:
    """Whole numbers from 0 up to the largest that the type holds exactly. Mirrors `Tensor.random_()`."""
    gen, count = gen or default_generator, _count(shape)
    words = gen.long_words(count) if dtype.itemsize == 8 else gen.words(count)
    return (words % np.uint64(_whole_numbers(dtype)[1] + 1)).astype(dtype).reshape(shape)


def _whole_numbers(dtype: DType) -> tuple[int, int]:
    """The ends of the range in which the type holds every whole number."""
    if dtype.kind == "b":
        return 0, 1
    if dtype.kind in "fV":
        reach = round(2 / limits.finfo(dtypes.of(dtype)).eps)
        return -reach, reach
    whole = np.iinfo(dtype)
    return int(whole.min), int(whole.max)


def random63(gen: Generator | None = None) -> int:
    """A number below 2**63: the seeds that DataLoader and its samplers draw."""
    return int(any_integers(gen, (), np.dtype(np.int64)))


def permutation(gen: Generator | None, n: int) -> NDArray[np.int64]:
    """The numbers 0 to n - 1 in random order. Mirrors `torch.randperm`.

    Each place, from the first on, is swapped with one of those not before it (Fisher and Yates).
    """
    order = list(range(_count((n,))))
    words = (gen or default_generator).words(max(n - 1, 0))
    offsets = words % np.arange(n, 1, -1, dtype=np.uint64)
    for place, offset in enumerate(offsets.tolist()):
        other = place + offset
        order[place], order[other] = order[other], order[place]
    return np.array(order, np.int64)


def bernoulli(gen: Generator | None, shape: Sequence[int], p: float) -> NDArray[np.bool_]:
    """True with probability `p`. Mirrors `Tensor.bernoulli_(p)`, and draws the masks of dropout.

    Raises:
        RuntimeError: when `p` is not a probability.
    """
    if not 0.0 <= p <= 1.0:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
    return ((gen or default_generator).doubles(_count(shape)) < p).reshape(shape)


def bernoulli_of(gen: Generator | None, probabilities: Array) -> Array:
    """1 with each element's probability, else 0, in the same type. Mirrors `torch.bernoulli(tensor)`.

    Raises:
        RuntimeError: when an element is not a probability.
        NotImplementedError: for integer types and bool.
    """
    dtype = floating("bernoulli_tensor_cpu_p_", probabilities.dtype).numpy
    probabilities = widened(probabilities)
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise RuntimeError(
            "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be "
            "improved?  If so, please report an enhancement request to PyTorch.)\n"
            "Every element is the probability of a 1, so it must lie between 0 and 1."
        )
    gen = gen or default_generator
    uniforms: Array = (gen.doubles if dtype == np.float64 else gen.floats)(probabilities.size)
    return (uniforms.reshape(probabilities.shape) < probabilities).astype(dtype)


def exponential(gen: Generator | None, shape: Sequence[int], dtype: DType, rate: float = 1.0) -> Array:
    """Waiting times with mean `1 / rate`. Mirrors `Tensor.exponential_(lambd)`.

    Raises:
        RuntimeError: when `rate` is not positive, or for integer types and bool.
    """
    kind = dtypes.of(dtype)
    if not kind.is_floating_point:
        raise RuntimeError(
            "Exponential distribution is a continuous probability distribution. "
            f"dtype must be a floating point but you specified {kind.scalar_name}"
        )
    if not rate > 0.0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={rate:g}")
    uniforms = (gen or default_generator).doubles(_count(shape)).tolist()
    drawn = np.array([-1.0 / rate * math.log1p(-u) for u in uniforms], np.float64)
    return _narrow(drawn, dtype).reshape(shape)


def multinomial(gen: Generator | None, weights: Array, count: int, replacement: bool = False) -> NDArray[np.int64]:
    """Indices drawn with probability proportional to their weight. Mirrors `torch.multinomial`.

    Args:
        weights: shape (n,) or (rows, n), floating, not negative; they need not add up to 1.
        count: draws per row.
        replacement: whether an index may come more than once.

    Returns:
        Shape (count,) or (rows, count).

    Raises:
        RuntimeError: for weights or counts that cannot be drawn from.
    """
    weights = widened(weights)
    _check_multinomial(weights, count, replacement)
    gen, rows = gen or default_generator, np.atleast_2d(weights)
    if not replacement or count == 1:
        # Of exponentials with rates w, the first to arrive is index i with probability w[i] / sum(w).
        scores = rows / exponential(gen, rows.shape, rows.dtype)
        chosen = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    else:
        chosen = np.empty((len(rows), count), np.int64)
        for row, drawn in zip(rows, chosen, strict=True):
            reached = np.cumsum(row, dtype=np.float32 if row.dtype == np.float16 else row.dtype)
            reached /= reached[-1]
            drawn[:] = np.searchsorted(reached.astype(np.float64), gen.doubles(count))
    return chosen.reshape(weights.shape[:-1] + (count,)).astype(np.int64)


def _check_multinomial(weights: Array, count: int, replacement: bool) -> None:
    kind = dtypes.of(weights.dtype)
    if not kind.is_floating_point:
        raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {kind.scalar_name}")
    if weights.ndim not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if count <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    if not replacement and count > weights.shape[-1]:
        raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    negative = not (weights >= 0).all()  # also true of nan
    finite = np.isfinite(weights).all()
    if not replacement or count == 1:
        if negative or not finite:
            raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    elif negative:
        raise RuntimeError("invalid multinomial distribution (encountering probability entry < 0)")
    elif not finite:
        raise RuntimeError("invalid multinomial distribution (encountering probability entry = infinity or NaN)")
    if not (weights.sum(axis=-1) > 0).all():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")


# -- Shared by the above ---------------------------------------------------------------------------------------


def memory_order(array: Array) -> Array:
    """A view whose elements, in C order, lie in `array`'s order in memory.

    PyTorch fills tensors in this order, whatever their shape: after `view = memory_order(x)`, write
    `view[...] = uniform(gen, view.shape, x.dtype)`.
    """
    return array.transpose(sorted(range(array.ndim), key=lambda axis: -array.strides[axis]))


def floating(operation: str, dtype: DType) -> dtypes.dtype:
    """The real type behind a floating or complex one; `operation` is the name in PyTorch's refusal."""
    kind = dtypes.of(dtype)
    if not (kind.is_floating_point or kind.is_complex):
        raise NotImplementedError(
            f"\"{operation}\" not implemented for '{kind.scalar_name}'\n"
            "Draw in a floating type, and convert afterwards if whole numbers are wanted."
        )
    return kind.to_real()


def _narrow(drawn: NDArray[np.float64], dtype: DType) -> Array:
    """Doubles in the type asked for; as in PyTorch, the 16-bit types are reached by way of float32, rounding twice."""
    return (drawn.astype(np.float32) if dtype.itemsize == 2 else drawn).astype(dtype)


def _count(shape: Sequence[int]) -> int:
    for size in shape:
        if size < 0:
            raise RuntimeError(
                f"Trying to create tensor with negative dimension {size}: {list(shape)}\n"
                "The sizes of a tensor are zero or more."
            )
    return math.prod(shape)
