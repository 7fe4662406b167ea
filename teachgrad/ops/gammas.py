"""The Gamma function and its kin, which NumPy does not have: `lgamma`, `digamma`, `polygamma`, `mvlgamma`.

    log Gamma(x) ──d/dx──> digamma(x) ──d/dx──> polygamma(1, x) ──d/dx──> polygamma(2, x) ...

Each is the derivative of the one before. All are computed alike: the recurrence f(x) = f(x + 1) - ... leads to an x so
large that a few terms of a series in 1/x are exact to the last digit, and a reflection leads from x < 1/2 to 1 - x.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from teachgrad.bfloats import cast
from teachgrad.gpu import special, xp
from teachgrad.ops import dims
from teachgrad.ops.inplace import in_place
from teachgrad.ops.table import METHODS, OPS, composite, pointwise, public, raw

# B_2, B_4, ...: what the series of Stirling and of Euler and Maclaurin are made of.
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)
_FAR = 10  # from here on, eight terms are enough for float64


def rounded(values: Any, like: Any) -> Any:
    """The numbers in the float dtype of `like`; float32 where that holds integers, of which the table makes floats then."""
    return cast(values, like.dtype if like.dtype.kind in "fcV" else np.dtype(np.float32))[()]


def _log_gamma(x: float) -> float:
    if math.isinf(x) or (x <= 0 and x == math.floor(x)):
        return math.inf
    return math.lgamma(x)


@raw
def log_gamma(self: Any) -> Any:
    """log |Gamma(x)|, element by element through the C library; inf at 0, -1, -2, ..."""
    if (scipy := special(self)) is not None:
        return rounded(scipy.gammaln(self.astype(np.float64)), self)
    return rounded(np.vectorize(_log_gamma, otypes=[np.float64])(self), self)


@raw
def psi(self: Any) -> Any:
    """The derivative of log Gamma."""
    x = xp(self).asarray(self, np.float64)
    low = x < 0.5
    up = np.where(low, 1 - x, x)
    total = np.where(low, -np.pi / np.tan(np.pi * (x - np.round(x))), 0.0)
    for _ in range(_FAR):
        total -= np.where(up < _FAR, 1 / up, 0)
        up = np.where(up < _FAR, up + 1, up)
    total += np.log(up) - 0.5 / up
    for n, number in enumerate(_BERNOULLI, 1):
        total -= number / (2 * n * up ** (2 * n))
    total = np.where(low & (x == np.floor(x)), np.nan, total)
    return rounded(np.where(x == 0, -np.copysign(np.inf, x), np.where(x == np.inf, np.inf, total)), self)


def _zeta(s: int, x: Any) -> Any:
    """The sum of (x + k)^-s over k = 0, 1, ...; inf where one of the x + k is 0."""
    if (scipy := special(x)) is not None:  # which looks at each x by itself, and not at the least of them
        return scipy.zeta(float(s), x)
    total, up = np.zeros_like(x), x
    least = float(x.min()) if x.size else _FAR
    for _ in range(int(min(max(_FAR - least, 0), 10_000)) + 1):
        near = up < _FAR
        total += np.where(near, np.where(up == 0, np.inf, np.where(near, up, 1) ** -s), 0)
        up = np.where(near, up + 1, up)
    total += up ** (1 - s) / (s - 1) + 0.5 * up**-s
    rising = float(s)  # s (s + 1) ... (s + 2n - 2) / (2n)!
    for n, number in enumerate(_BERNOULLI, 1):
        total += number * rising / math.factorial(2 * n) * up ** (1 - s - 2 * n)
        rising *= (s + 2 * n - 1) * (s + 2 * n)
    return total


@raw
def psi_derivative(self: Any, n: int) -> Any:
    """The n-th derivative of digamma."""
    if n == 0:
        return psi(self)
    x = xp(self).asarray(self)
    if n > 1:
        return rounded((-1) ** (n + 1) * math.factorial(n) * _zeta(n + 1, x.astype(np.float64)), self)
    # As PyTorch computes it, to about ten digits, and with its rounding near 0, -1, -2, ...
    x = x if x.dtype.kind == "f" else x.astype(np.float32)
    pi = x.dtype.type(np.pi)
    low, up = x < 0.5, np.where(x < 0.5, 1 - x, x)
    total = np.zeros_like(x)
    for _ in range(6):
        total += 1 / (up * up)
        up = up + 1
    square = 1 / (up * up)
    total += (1 + 1 / (2 * up) + square * (1 / 6 - square * (1 / 30 - square / 42))) / up
    return rounded(np.where(low, pi * pi / np.sin(pi * x) ** 2 - total, total), self)


@raw
def many_log_gamma(self: Any, p: int) -> Any:
    """log of the Gamma function of p dimensions: a constant and the sum of log Gamma(x - j/2) for j < p."""
    total = sum(log_gamma(self - j / 2) for j in range(p))
    return rounded(total + p * (p - 1) / 4 * math.log(math.pi), self)


# -- the entries -----------------------------------------------------------------------------------------------
pointwise(
    "lgamma(self)", "LgammaBackward0", "log_gamma(self)", floats=True, domain="positive",
    refuses={"C": "lgamma_vml_cpu"}, self="grad * digamma(self)",
)  # fmt: skip
pointwise(
    "digamma(self)", "DigammaBackward0", "psi(self)", floats=True, domain="positive", refuses={"c": "digamma"},
    self="grad * polygamma_n(self, 1)",
)  # fmt: skip
pointwise(
    "polygamma.n(self; n)", "PolygammaBackward0", "psi_derivative(self, n)", floats=True, domain="positive",
    refuses={"c": "polygamma"},
    self="grad * polygamma_n(self, n + 1)", samples=["torch.polygamma(2, p)", "p.polygamma(1)"],
)  # fmt: skip
pointwise(
    "mvlgamma.p(self; p)", "MvlgammaBackward0", "many_log_gamma(self, p)", floats=True, domain="positive",
    refuses={"c": "arange_cpu"},
    self="mvlgamma_slope(grad, self, p)",
    shown={"self": "grad * (digamma(self) + digamma(self - 1/2) + ... for p terms)"},
    samples=["torch.mvlgamma(p + 3, 3)", "(p + 3).mvlgamma(2)"],
)  # fmt: skip


@composite
def mvlgamma_slope(F: Any, grad: Any, self: Any, p: int) -> Any:
    """The sum of the derivatives, one of each log Gamma(x - j/2)."""
    return grad * sum(F.digamma(self - j / 2) for j in range(p))


# -- the faces -------------------------------------------------------------------------------------------------
@public("polygamma", method=False)
def polygamma(n: int, input: Any) -> Any:
    """The n-th derivative of `digamma`. Mirrors `torch.polygamma`. Raises RuntimeError for a negative n."""
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    return OPS["polygamma.n"](dims.tensor("polygamma", input), n)


@public("polygamma", function=False)
def polygamma_of(input: Any, n: int) -> Any:
    """`torch.polygamma(n, input)`."""
    return polygamma(n, input)


@public("mvlgamma")
def mvlgamma(input: Any, p: int) -> Any:
    """The logarithm of the Gamma function of p dimensions. Mirrors `torch.mvlgamma`."""
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    return OPS["mvlgamma.p"](dims.tensor("mvlgamma", input), p)


METHODS["polygamma_"], METHODS["mvlgamma_"] = in_place(polygamma_of), in_place(mvlgamma)
