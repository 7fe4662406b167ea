"""The error function, which NumPy does not have: erf(x) = 2/sqrt(pi) * integral of e^(-t^2) from 0 to x.

Up to 1 its Taylor series is quick. Beyond, it is 1 - e^(-x^2) times a smooth function of 2 / (2 + x), which is interpolated
at Chebyshev points from the values of Python's math.erfc when erf is first called. Both work on whole arrays.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from teachgrad.gpu import special, xp
from teachgrad.ops.table import pointwise, raw

_FAR = 6.0  # from here on, erf is 1 in float64
_MIDDLE, _HALF = 1 / 3 + 1 / (2 + _FAR), 1 / 3 - 1 / (2 + _FAR)  # of the range of 2 / (2 + x) from x = 1 on
_DEGREES = {np.dtype(np.float64): (18, 20), np.dtype(np.float32): (10, 9)}  # up to 1 and beyond


@cache
def _polynomials(dtype: np.dtype[Any]) -> tuple[list[Any], list[Any]]:
    """The coefficients of both polynomials, the highest power first; the second is one of a variable from -1 to 1."""
    from numpy.polynomial.chebyshev import cheb2poly, chebinterpolate  # not needed to import teachgrad

    near, far = _DEGREES[dtype]
    taylor = [2 / math.sqrt(math.pi) * (-1) ** n / (math.factorial(n) * (2 * n + 1)) for n in range(near + 1)]
    interpolate: Any = chebinterpolate  # typed as if for functions of one number
    outer = cheb2poly(interpolate(lambda u: [_rest(2 / (_MIDDLE + _HALF * v) - 2) for v in u], far))
    return [dtype.type(c) for c in taylor[::-1]], [dtype.type(c) for c in outer[::-1]]


def _rest(x: float) -> float:
    return math.erfc(x) * math.exp(x * x)


def _horner(coefficients: list[Any], x: Any) -> Any:
    total = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        total *= x
        total += coefficient
    return total


@raw
def erf(self: Any) -> Any:
    """erf of each element, to about the last digit of float64 or float32."""
    if self.dtype not in _DEGREES:
        wide = erf(self.astype(np.float32))
        return wide.astype(self.dtype) if self.dtype.kind == "f" else wide
    if (scipy := special(self)) is not None:
        return scipy.erf(self)
    x = xp(self).asarray(self)
    near, far = _polynomials(x.dtype)
    size = np.minimum(np.abs(x), _FAR)
    inner = x * _horner(near, np.minimum(x * x, 1))
    rest = _horner(far, (2 / (2 + np.maximum(size, 1)) - _MIDDLE) / _HALF)
    outer = np.copysign(1 - np.exp(-size * size) * rest, x)
    return np.where(size < 1, inner, outer)[()]


pointwise(
    "erf(self)", "ErfBackward0", "erf(self)",
    floats=True, self="grad * exp(-self * self) * 1.1283791670955126", refuses={"c": "erf_vml_cpu"},
)  # fmt: skip
