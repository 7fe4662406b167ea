"""Uniform numbers made normal, with the rounding of PyTorch's processor code.

If `u1` and `u2` are uniform, then with

    radius = sqrt(-2 log u1),   angle = 2 pi u2

the numbers `radius cos(angle)` and `radius sin(angle)` are independent normals: the squared radius of a
normal point in the plane is exponential, its angle uniform (G. E. P. Box and M. E. Muller, "A note on the
generation of random normal deviates", Annals of Mathematical Statistics 29, 1958).

The mathematics fits in three lines. The rest of this file is there because two correct implementations of
`log` differ in the last bit, and "the same seed gives the same numbers" is a statement about bits. In
float32 PyTorch uses the short polynomials of S. Moshier's Cephes library, evaluated with *fused* steps:
`a * b + c` rounded once instead of twice. In float64 it uses the C library, as Python's `math` does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:  # numpy.typing costs `import teachgrad` milliseconds
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Single = NDArray[np.float32]
    Double = NDArray[np.float64]


def fused_single(a: Any, b: Any, c: Any) -> Single:
    """`a * b + c` of float32 values, rounded once.

    The product of two float32 values is exact in float64; adding `c` there leaves an error so small that it
    survives the final rounding about once in 10**9 times.
    """
    return np.asarray(np.multiply(a, b, dtype=np.float64) + c, np.float32)


def fused_double(a: Double, b: float, c: float) -> Double:
    """`a * b + c` in float64, rounded once.

    Dekker's method splits each factor into two halves of 26 bits, whose products are exact; that gives the
    product as an unevaluated sum `product + error`. `math.fsum` adds three numbers with one rounding.
    """
    if c == 0.0 or not math.isfinite(b):  # nothing to fuse
        return a * b + c
    if abs(b) > 2.0**990:  # the splitting would overflow
        return fused_double(a, b * 2.0**-64, c * 2.0**-64) * 2.0**64
    if b == 1.0:
        return a + c
    a_high, b_high = _high_half(a), float(_high_half(np.float64(b)))
    a_low, b_low = a - a_high, b - b_high
    product = a * b
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return np.array([math.fsum((p, e, c)) for p, e in zip(product.tolist(), error.tolist(), strict=True)])


def _high_half(x: Any) -> Any:
    """The upper 26 of the 53 bits of a float64 (Veltkamp's splitting)."""
    scaled = x * 134217729.0  # 2**27 + 1
    return scaled - (scaled - x)


def box_muller(uniforms: Array) -> Array:
    """Normals from uniforms in [0, 1), in blocks of sixteen.

    The first eight numbers of a block give the radii, the last eight the angles; the cosines come out first.
    The size must be a multiple of 16; float32 gives float32, float64 gives float64.
    """
    blocks = uniforms.reshape(-1, 16)
    u1, u2 = 1 - blocks[:, :8], blocks[:, 8:]  # 1 - u lies in (0, 1]: its logarithm is finite
    if uniforms.dtype == np.float32:
        radius = np.sqrt(np.float32(-2) * _log(u1))
        sine, cosine = _sine_cosine(np.float32(2 * math.pi) * u2)
    else:
        radius = np.sqrt(-2.0 * _each(math.log, u1))
        sine, cosine = _each(math.sin, 2 * math.pi * u2), _each(math.cos, 2 * math.pi * u2)
    return np.concatenate([radius * cosine, radius * sine], axis=1).ravel()


def _each(function: Callable[[float], float], values: Array) -> Array:
    """A function of Python's `math` for every element (NumPy's own may differ in the last bit)."""
    return np.array([function(value) for value in values.ravel().tolist()]).reshape(values.shape)


# -- Cephes in float32. The order of the operations is part of the result. -------------------------------------

_LOG = (
    *(7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1),
    *(-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1),
)
_LOG2 = (0.693359375, -2.12194440e-4)  # log 2 as a short number, so that its multiples are exact, and the rest
_SINE = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_COSINE = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
_QUARTER_PI = (0.78515625, 2.4187564849853515625e-4, 3.77489497744594108e-8)  # pi/4 in three short parts


def _polynomial(coefficients: tuple[float, ...], x: Single) -> Single:
    """Horner's rule with fused steps; the coefficient of the highest power comes first."""
    result = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        result = fused_single(result, x, np.float32(coefficient))
    return result


def _log(x: Single) -> Single:
    """Natural logarithm of positive numbers: `log(2**e (1 + m)) = e log 2 + m - m**2 / 2 + m**3 P(m)`."""
    fraction, exponent = np.frexp(x)  # fraction in [1/2, 1)
    low = fraction < np.float32(math.sqrt(0.5))
    m = np.where(low, fraction + fraction, fraction) - np.float32(1)  # in [sqrt(1/2) - 1, sqrt(2) - 1)
    e = (exponent - low).astype(np.float32)
    square = m * m
    tail = _polynomial(_LOG, m) * m
    tail = fused_single(tail, square, e * np.float32(_LOG2[1]))
    tail = fused_single(square, np.float32(-0.5), tail)
    return fused_single(e, np.float32(_LOG2[0]), m + tail)


def _sine_cosine(angle: Single) -> tuple[Array, Array]:
    """Sine and cosine of angles in [0, 2 pi].

    The nearest multiple of pi/2 is subtracted, which leaves at most pi/4 for two short polynomials; which of
    them is the sine, and with which sign, depends on the multiple.
    """
    octant = (angle * np.float32(4 / math.pi)).astype(np.int32)
    quadrant = (octant + 1) // 2
    x = angle
    for part in _QUARTER_PI:
        x = fused_single(2 * quadrant, np.float32(-part), x)
    square = x * x
    sine = fused_single(_polynomial(_SINE, square) * square, x, x)
    cosine = _polynomial(_COSINE, square) * square
    cosine = fused_single(cosine, square, square * np.float32(-0.5)) + np.float32(1)
    swapped = quadrant % 2 == 1
    sine, cosine = np.where(swapped, cosine, sine), np.where(swapped, sine, cosine)
    turn = quadrant % 4
    return np.where(turn >= 2, -sine, sine), np.where((turn == 1) | (turn == 2), -cosine, cosine)
