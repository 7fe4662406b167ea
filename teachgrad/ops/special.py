"""Functions of statistics and physics: what `torch.special` has beyond the usual ones, as far as lessons reach.

NumPy has none of them, so each is computed from what it means: the error function's inverse by Newton's method, the Bessel
functions from their integral over a circle. The work is done in float64 and rounded to the tensor's dtype at the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from teachgrad.autograd.variable import TensorBase
from teachgrad.gpu import special, xp
from teachgrad.ops import dims
from teachgrad.ops.convert import NUMBERS
from teachgrad.ops.errorfunction import erf
from teachgrad.ops.gammas import rounded
from teachgrad.ops.inplace import in_place
from teachgrad.ops.table import LIVE, METHODS, OPS, composite, pointwise, public, raw


def _wide(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Decorator: makes `function`, of float64 arrays, known to the rules on arrays and NumPy scalars of any float dtype."""

    def computed(self: Any) -> Any:
        return rounded(function(xp(self).asarray(self, np.float64)), self)

    computed.__name__ = function.__name__
    raw(computed)
    return function


# -- the error function's kin ----------------------------------------------------------------------------------
_of_numpy = np.vectorize(math.erfc, otypes=[np.float64])


def _erfc(x: Any) -> Any:
    scipy = special(x)
    return _of_numpy(x) if scipy is None else scipy.erfc(x)


@_wide
def upper_erf(x: Any) -> Any:
    """1 - erf(x), exact also where that is tiny."""
    return _erfc(x)


@_wide
def scaled_erfc(x: Any) -> Any:
    """e^(x^2) (1 - erf(x)), which stays in range where its factors do not."""
    near = np.minimum(x, 25)
    far = 1 / np.maximum(x, 25) ** 2
    series = 1 + far * (-1 / 2 + far * (3 / 4 + far * (-15 / 8 + far * 105 / 16)))
    return np.where(x < 25, np.exp(near * near) * _erfc(near), series * np.sqrt(far / np.pi))


@_wide
def inverse_erf(x: Any) -> Any:
    """The y with erf(y) = x: a good guess (Winitzki's), made exact by Newton's method."""
    inside = np.abs(x) < 1
    target = np.where(inside, x, 0)
    log = np.log1p(-target * target)
    half = 2 / (np.pi * 0.147) + log / 2
    guess = np.copysign(np.sqrt(np.sqrt(half * half - log / 0.147) - half), target)
    for _ in range(4):
        above = np.where(target < 0, erf(guess) - target, (1 - target) - _erfc(guess))
        error = np.where(np.abs(target) < 0.5, erf(guess) - target, above)
        guess = guess - error * np.exp(guess * guess) * (math.sqrt(math.pi) / 2)
    return np.where(inside, guess, np.where(np.abs(x) == 1, np.copysign(np.inf, x), np.nan))


@_wide
def log_of_normal(x: Any) -> Any:
    """The logarithm of the share of a normal distribution that lies below x."""
    low = np.minimum(x, -1)
    return np.where(
        x < -1,
        np.log(scaled_erfc(-low / math.sqrt(2)) / 2) - low * low / 2,
        np.log1p(-_erfc(np.maximum(x, -1) / math.sqrt(2)) / 2),
    )


@_wide
def inverse_normal(x: Any) -> Any:
    """The y below which the share x of a normal distribution lies; Newton's method on the logarithms, from the near end."""
    share = np.minimum(x, 1 - x)
    inside = share > 0
    log = np.log(np.where(inside, share, 0.5))
    y = -np.sqrt(np.maximum(-2 * log - np.log(2 * np.pi), 0))
    for _ in range(30):
        now = log_of_normal(y)
        y = y - (now - log) * np.exp(now + y * y / 2) * math.sqrt(2 * math.pi)
    y = np.where(inside, np.where(share == 0.5, 0, np.where(x < 0.5, y, -y)), np.nan)
    return np.where(x == 0, -np.inf, np.where(x == 1, np.inf, y))


# -- Bessel functions ------------------------------------------------------------------------------------------
_CIRCLE = np.cos(np.pi * np.arange(49) / 48)  # half of 96 points: the integrand is even
_WEIGHT = np.where(np.arange(49) % 48 == 0, 1, 2) / 96


def _bessel(order: int, x: Any) -> Any:
    """e^-|x| I_n(x), n = 0 or 1: up to 50 the mean of e^(x cos t) cos(n t) over a circle, beyond a series in 1/x."""
    if (scipy := special(x)) is not None:
        return (scipy.i1e if order else scipy.i0e)(x)
    size = np.abs(x)
    near = np.minimum(size, 50)[..., None]
    mean = (np.exp(near * (_CIRCLE - 1)) * (_CIRCLE if order else 1) * _WEIGHT).sum(-1)
    far, term = np.maximum(size, 50), np.ones_like(x)
    series = term
    for k in range(1, 16):
        term = term * ((2 * k - 1) ** 2 - 4 * order) / (8 * k * far)
        series = series + term
    value = np.where(size <= 50, mean, series / np.sqrt(2 * np.pi * far))
    return np.copysign(value, x) if order else value


@_wide
def bessel_0(x: Any) -> Any:
    """The modified Bessel function I_0."""
    return _bessel(0, x) * np.exp(np.abs(x))


@_wide
def bessel_1(x: Any) -> Any:
    """The modified Bessel function I_1."""
    return _bessel(1, x) * np.exp(np.abs(x))


@_wide
def bessel_0_scaled(x: Any) -> Any:
    """e^-|x| I_0(x)."""
    return _bessel(0, x)


@_wide
def bessel_1_scaled(x: Any) -> Any:
    """e^-|x| I_1(x)."""
    return _bessel(1, x)


@raw
def sine_over_angle(self: Any) -> Any:
    """sin(pi x) / (pi x), 1 at 0."""
    angle = self * np.pi
    return rounded(np.where(self == 0, 1, np.sin(angle) / np.where(self == 0, 1, angle)), self)


@raw
def times_log1p(self: Any, other: Any) -> Any:
    """x log(1 + y), 0 where x is 0 unless y is nan."""
    return rounded(np.where((self == 0) & (other == other), 0, self * np.log1p(other)), self)


@raw
def entropy(self: Any) -> Any:
    """-x log x; 0 at 0, -inf below."""
    return rounded(np.where(self > 0, self * -np.log(self), np.where(self < 0, -np.inf, self * 0)), self)


@raw
def log_odds(self: Any, eps: float | None) -> Any:
    """log(x / (1 - x)) of x held between eps and 1 - eps."""
    x = self if eps is None else np.clip(self, eps, 1 - eps)
    return np.log(x / (1 - x))


# -- the entries -----------------------------------------------------------------------------------------------
pointwise(
    "erfc(self)", "ErfcBackward0", "upper_erf(self)", floats=True, refuses={"c": "erfc_vml_cpu"},
    self="grad * exp(-self * self) * -1.1283791670955126",
)  # fmt: skip
pointwise(
    "erfinv(self)", "ErfinvBackward0", "inverse_erf(self)", floats=True, domain="unit",
    refuses={"c": "erfinv_vml_cpu"},
    self="grad * exp(result * result) * 0.8862269254527579",
)  # fmt: skip
pointwise(
    "special_erfcx.of(self)", "SpecialErfcxBackward0", "scaled_erfc(self)", floats=True,
    refuses={"c": "erfcx_cpu"},
    self="grad * (2 * self * result - 1.1283791670955126)", samples=["torch.special.erfcx(x)"],
)  # fmt: skip
pointwise(
    "special_log_ndtr.of(self)", "SpecialLogNdtrBackward0", "log_of_normal(self)", floats=True,
    refuses={"c": "log_ndtr_cpu"},
    self="grad / special_erfcx_of(self * -0.7071067811865476) * 0.7978845608028654", samples=["torch.special.log_ndtr(x)"],
)  # fmt: skip
pointwise(
    "special_ndtri.of(self)", "SpecialNdtriBackward0", "inverse_normal(self)", floats=True, domain="unit",
    refuses={"c": "ndtri_cpu"},
    self="grad * exp(result * result / 2) * 2.5066282746310002", samples=["torch.special.ndtri(p.sigmoid())"],
)  # fmt: skip
pointwise(
    "i0(self)", "I0Backward0", "bessel_0(self)", floats=True, refuses={"c": "i0_vml_cpu"},
    self="grad * special_i1_of(self)",
)  # fmt: skip
pointwise(
    "special_i0e.of(self)", "SpecialI0EBackward0", "bessel_0_scaled(self)", floats=True,
    refuses={"c": "i0e_cpu"},
    self="grad * (special_i1e_of(self) - sign(self) * result)", samples=["torch.special.i0e(x)"],
)  # fmt: skip
pointwise(
    "special_i1.of(self)", "SpecialI1Backward0", "bessel_1(self)", floats=True,
    refuses={"c": "i1_cpu"},
    self="grad * bessel_slope(i0(self), self, result, 0)",
    shown={"self": "grad * (i0(self) - result / self)"}, samples=["torch.special.i1(x)"],
)  # fmt: skip
pointwise(
    "special_i1e.of(self)", "SpecialI1EBackward0", "bessel_1_scaled(self)", floats=True,
    refuses={"c": "i1e_cpu"},
    self="grad * bessel_slope(special_i0e_of(self), self, result, sign(self))",
    shown={"self": "grad * (special_i0e_of(self) - result * (sign(self) + 1 / self))"}, samples=["torch.special.i1e(x)"],
)  # fmt: skip
pointwise(
    "sinc(self)",
    "SincBackward0",
    "sine_over_angle(self)",
    floats=True,
    self="grad * conj(sinc_slope(self))",
    shown={"self": "grad * conj((pi * self * cos(pi * self) - sin(pi * self)) / (pi * self * self))"},
)
pointwise(
    "xlogy.of_number(other; number)", "XlogyBackward1", "xlogy_of(other.dtype.type(number), other)", floats=True,
    refuses={"c": "xlogy_cpu"}, promotes=["number"], numbers=False, domain="positive", other="grad * number / other",
    samples=["torch.xlogy(2, p)"],
)  # fmt: skip
pointwise(
    "xlogy.number(self; number)", "XlogyBackward2", "xlogy_of(self, self.dtype.type(number))", floats=True,
    refuses={"c": "xlogy_cpu"}, promotes=["number"],
    self="where((self == 0) & (number <= 0), 0, grad * log_of_number(number))",
    samples=["torch.xlogy(x, 2.5)", "x.xlogy(0)"],
)  # fmt: skip
pointwise(
    "special_xlog1py.tensors(self, other)", "SpecialXlog1PyBackward0", "times_log1p(self, other)", floats=True,
    numbers=False, domain="positive",
    refuses={"c": "xlog1py_cpu"},
    self="grad * where((self == 0) & (other <= -1), 0, log1p(other))", other="grad * self / (other + 1)",
    samples=["torch.special.xlog1py(x, p)"],
)  # fmt: skip
pointwise(
    "special_xlog1py.of_number(other; number)", "SpecialXlog1PyBackward1", "times_log1p(other.dtype.type(number), other)",
    floats=True, promotes=["number"], numbers=False, refuses={"c": "xlog1py_cpu"}, domain="positive",
    other="grad * number / (other + 1)",
    samples=["torch.special.xlog1py(2, p)"],
)  # fmt: skip
pointwise(
    "special_xlog1py.number(self; number)", "SpecialXlog1PyBackward2", "times_log1p(self, self.dtype.type(number))",
    floats=True, promotes=["number"], refuses={"c": "xlog1py_cpu"},
    self="where((self == 0) & (number <= -1), 0, grad * log_of_number(number + 1))",
    samples=["torch.special.xlog1py(x, 2.5)"],
)  # fmt: skip
pointwise(
    "special_entr.of(self)", "SpecialEntrBackward0", "entropy(self)", floats=True, domain="positive",
    refuses={"c": "entr_cpu"},
    self="-grad * (1 + log(self))", samples=["torch.special.entr(p)"],
)  # fmt: skip
pointwise(
    "logit.of(self; eps=None)", "LogitBackward0", "log_odds(self, eps)", floats=True, domain="unit",
    refuses={"c": "logit_cpu"},
    self="logit_slope(grad, self, eps)", shown={"self": "grad / (self * (1 - self))"},
    samples=["torch.logit(p.sigmoid())", "torch.logit(x, 0.1)", "x.logit(eps=0.2)"],
)  # fmt: skip


# -- rules that take more than one expression ------------------------------------------------------------------
@composite
def bessel_slope(F: Any, zeroth: Any, self: Any, first: Any, drift: Any) -> Any:
    """I_1' = I_0 - I_1 / x, which at 0 is 1/2; `drift` is what the factor e^-|x| adds."""
    return F.where(self == 0, 0.5, zeroth - first * (drift + 1 / F.where(self == 0, 1.0, self)))


@composite
def sinc_slope(F: Any, self: Any) -> Any:
    """(pi x cos(pi x) - sin(pi x)) / (pi x^2), 0 at 0."""
    angle = self * math.pi
    safe = F.where(self == 0, 1.0, self)
    return F.where(self == 0, 0.0, (angle * F.cos(angle) - F.sin(angle)) / (safe * safe * math.pi))


@composite
def logit_slope(F: Any, grad: Any, self: Any, eps: float | None) -> Any:
    """grad / (x (1 - x)); beyond the bounds 0, or nan if there are none."""
    low = 0 if eps is None else eps
    return F.where((self >= low) & (self <= 1 - low), grad / (self * (1 - self)), math.nan if eps is None else 0.0)


# -- the faces -------------------------------------------------------------------------------------------------
def _times_log(name: str, input: Any, other: Any) -> Any:
    if isinstance(input, NUMBERS) and isinstance(other, TensorBase):
        return OPS[f"{name}.of_number"](other, input)
    if isinstance(other, NUMBERS):
        return OPS[f"{name}.number"](dims.tensor(name, input), other)
    return OPS[f"{name}.tensors"](input, other)


@public("xlogy")
def xlogy(input: Any, other: Any) -> Any:
    """`input * log(other)`, 0 where `input` is 0; either may be a number. Mirrors `torch.xlogy`."""
    return _times_log("xlogy", input, other)


@public("special_xlog1py", function=False, method=False)
def xlog1py(input: Any, other: Any) -> Any:
    """`input * log(1 + other)`, 0 where `input` is 0. Mirrors `torch.special.xlog1py`."""
    return _times_log("special_xlog1py", input, other)


@public("special_ndtr", function=False, method=False)
def ndtr(input: Any) -> Any:
    """The share of a normal distribution that lies below `input`. Mirrors `torch.special.ndtr`."""
    return (LIVE["erf"](input * 0.7071067811865476) + 1) * 0.5


@public("logit")
def logit(input: Any, eps: float | None = None) -> Any:
    """log(x / (1 - x)), the inverse of `sigmoid`; x is held between eps and 1 - eps. Mirrors `torch.logit`."""
    return OPS["logit.of"](input, eps)


METHODS["xlogy_"], METHODS["logit_"] = in_place(xlogy), in_place(logit)
