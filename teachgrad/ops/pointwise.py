"""Ops that treat each element alike.

For z = f(x), the derivative of each element depends on that element only, so the Jacobian is diagonal and the
vector-Jacobian product is a product of elements: `grad * f'(x)`. Where f'(x) is cheaper to say with the result (exp,
tanh, sigmoid, sqrt), the rule says it with `result`, and the node keeps the result instead of the input.
"""

from __future__ import annotations

import math
from typing import Any

from teachgrad import errors
from teachgrad.ops import arrays  # noqa: F401 - fills the namespace that the expressions below use
from teachgrad.ops.table import composite, op, pointwise

_NO_CLAMP = "NotImplementedError: clamp is not supported for complex types"
_NO_SLOPE = {"self": "grad * 0"}  # a staircase: flat wherever it has a derivative

# -- arithmetic -----------------------------------------------------------------------------------------------
pointwise("add(self, other)", "AddBackward0", "self + other", numbers_first=True, self="grad", other="grad")
pointwise(
    "add.alpha(self, other; alpha)", "AddBackward0", "self + alpha * other", self="grad", other="grad * conj(alpha)"
)
pointwise(
    "sub(self, other)", "SubBackward0", "self - other", numbers_first=True, mixed="no_bools",
    self="grad", other="-grad", also=["subtract"],
)  # fmt: skip
pointwise(
    "sub.alpha(self, other; alpha)", "SubBackward0", "self - alpha * other", mixed="no_bools",
    self="grad", other="-grad * conj(alpha)",
)  # fmt: skip
pointwise(
    "rsub.tensor(self, other)", "RsubBackward0", "other - self", numbers=False, mixed="no_bools",
    self="-grad", other="grad",
)  # fmt: skip
pointwise(
    "rsub.number(self; number)", "RsubBackward1", "number - self", promotes=["number"], mixed="no_bools", self="-grad"
)  # fmt: skip
pointwise(
    "rsub.alpha(self, other; alpha)", "RsubBackward0", "other - alpha * self", numbers=False, mixed="no_bools",
    self="-grad * conj(alpha)", other="grad", samples=["torch.rsub(x, y, alpha=2)"],
)  # fmt: skip
pointwise(
    "rsub.number_alpha(self; number, alpha)", "RsubBackward1", "number - alpha * self", promotes=["number"],
    mixed="no_bools", self="-grad * conj(alpha)", samples=["torch.rsub(x, 2, alpha=3)"],
)  # fmt: skip
pointwise(
    "mul(self, other)", "MulBackward0", "self * other", numbers_first=True,
    self="grad * conj(other)", other="grad * conj(self)", also=["multiply"],
)  # fmt: skip
pointwise(
    "div(self, other)", "DivBackward0", "self / other", floats=True, domain="positive", numbers_first=True,
    self="grad / conj(other)", other="-grad * conj((self / other) / other)", also=["divide", "true_divide"],
)  # fmt: skip
pointwise(
    "div.floor(self, other)", "DivBackward2", "floor_divide(self, other)", domain="positive", numbers_first=True,
    refuses={"bc": "div_floor_cpu"},
    self="zeros(grad)", other="zeros(grad)", shown={"self": "grad * 0", "other": "grad * 0"},
)  # fmt: skip
pointwise(
    "div.trunc(self, other)", "DivBackward2", "truncated_quotient(self, other)", domain="positive", numbers_first=True,
    refuses={"bc": "div_trunc_cpu"},
    self="zeros(grad)", other="zeros(grad)", shown={"self": "grad * 0", "other": "grad * 0"},
)  # fmt: skip
pointwise(
    "floor_divide.tensor(self, other)", "NotImplemented", "floor_divide(self, other)", domain="positive", numbers=False,
    refuses={"bc": "div_floor_cpu"},
    self="no_rule('floor_divide')", other="no_rule('floor_divide')",
)  # fmt: skip
pointwise(
    "floor_divide.number(self; number)", "NotImplemented", "floor_divide(self, number)", promotes=["number"],
    refuses={"bc": "div_floor_cpu"},
    self="no_rule('floor_divide')",
)  # fmt: skip
pointwise(
    "floor_divide.of_number(self; number)", "NotImplemented", "floor_divide(number, self)", promotes=["number"],
    refuses={"bc": "div_floor_cpu"},
    domain="positive", self="no_rule('floor_divide')",
)  # fmt: skip
pointwise(
    "remainder.tensor(self, other)", "RemainderBackward1", "remainder(self, other)", domain="positive", numbers=False,
    refuses={"bc": "remainder_cpu"}, self="grad", other="-grad * floor_quotient(self, other)",
    shown={"other": "-grad * floor(self / other)"},
)  # fmt: skip
pointwise(
    "remainder.number(self; number)", "RemainderBackward0", "remainder(self, number)", promotes=["number"],
    refuses={"bc": "remainder_cpu"}, self="grad",
)  # fmt: skip
pointwise(
    "remainder.of_number(self; number)", "NotImplemented", "remainder(number, self)", promotes=["number"],
    domain="positive", refuses={"bc": "remainder_cpu"}, self="no_rule('remainder')",
)  # fmt: skip
pointwise(
    "fmod.tensor(self, other)", "FmodBackward1", "fmod(self, other)", domain="positive", numbers=False,
    refuses={"bc": "fmod_cpu"}, self="grad", other="-grad * trunc(self / other)",
)  # fmt: skip
pointwise(
    "fmod.number(self; number)", "FmodBackward0", "fmod(self, number)", promotes=["number"],
    refuses={"bc": "fmod_cpu"}, self="grad",
)  # fmt: skip
pointwise(
    "pow.number(self; exponent)", "PowBackward0", "power(self, exponent)", promotes=["exponent"],
    refuses={"b": "pow"}, self="grad * conj(power_slope(self, exponent))",
    shown={"self": "grad * exponent * self ** (exponent - 1)"},
)  # fmt: skip
pointwise(
    "pow.tensor(self, exponent)", "PowBackward1", "power(self, exponent)", domain="positive",
    refuses={"b": "pow"}, self="base_slope(grad, self, exponent)", exponent="exponent_slope(grad, self, result)",
    shown={"self": "grad * exponent * self ** (exponent - 1)", "exponent": "grad * result * log(self)"},
)  # fmt: skip
pointwise(
    "pow.base(exponent; base)", "PowBackward2", "power(base, exponent)", promotes=["base"], refuses={"b": "pow"},
    exponent="grad * conj(result * log_of_number(base))", shown={"exponent": "grad * (result * log(base))"},
)  # fmt: skip
pointwise("neg(self)", "NegBackward0", "-self", self="-grad", also=["negative"])
pointwise(
    "reciprocal(self)",
    "ReciprocalBackward0",
    "1 / self",
    floats=True,
    domain="positive",
    self="-grad * conj(result * result)",
)
pointwise(
    "abs(self)",
    "AbsBackward0",
    "abs(self)",
    refuses={"b": "abs_cpu"},
    self="grad * sgn(self)",
    also=["absolute"],
    shown={"self": "grad * sign(self)"},
)
pointwise(
    "sign(self)", "SignBackward0", "sign_of(self)", self="zeros(grad)", shown=_NO_SLOPE,
    refuses={
        "c": "NotImplementedError: Unlike NumPy, torch.sign is not intended to support complex numbers. "
        "Please use torch.sgn instead."
    },
)  # fmt: skip

# -- exponentials and logarithms ------------------------------------------------------------------------------
pointwise("exp(self)", "ExpBackward0", "exp(self)", floats=True, self="grad * conj(result)")
pointwise("exp2(self)", "Exp2Backward0", "exp2(self)", floats=True, self="grad * conj(result) * 0.6931471805599453")
pointwise("expm1(self)", "Expm1Backward0", "expm1(self)", floats=True, self="grad * (conj(result) + 1)")
pointwise("log(self)", "LogBackward0", "log(self)", floats=True, domain="positive", self="grad / conj(self)")
pointwise(
    "log2(self)",
    "Log2Backward0",
    "log2(self)",
    floats=True,
    domain="positive",
    self="grad / (conj(self) * 0.6931471805599453)",
)
pointwise(
    "log10(self)",
    "Log10Backward0",
    "log10(self)",
    floats=True,
    domain="positive",
    self="grad / (conj(self) * 2.302585092994046)",
)
pointwise(
    "log1p(self)", "Log1PBackward0", "log1p(self)", floats=True, domain="positive", self="grad / (conj(self) + 1)"
)
pointwise("sqrt(self)", "SqrtBackward0", "sqrt(self)", floats=True, domain="positive", self="grad / (2 * conj(result))")
pointwise(
    "rsqrt(self)",
    "RsqrtBackward0",
    "1 / sqrt(self)",
    floats=True,
    domain="positive",
    self="-0.5 * grad * conj(result) ** 3",
)
pointwise(
    "logaddexp(self, other)", "LogaddexpBackward0", "logaddexp_of(self, other)", numbers=False, in_place=False,
    refuses={"biu": "logaddexp_cpu"},
    self="grad / conj(1 + exp(other - self))", other="grad / conj(1 + exp(self - other))",
)  # fmt: skip

# -- trigonometry ---------------------------------------------------------------------------------------------
pointwise("sin(self)", "SinBackward0", "sin(self)", floats=True, self="grad * conj(cos(self))")
pointwise("cos(self)", "CosBackward0", "cos(self)", floats=True, self="-grad * conj(sin(self))")
pointwise("tan(self)", "TanBackward0", "tan(self)", floats=True, self="grad * (1 + conj(result) ** 2)")
pointwise(
    "asin(self)",
    "AsinBackward0",
    "arcsin(self)",
    floats=True,
    domain="unit",
    self="grad / conj(sqrt(1 - self * self))",
    also=["arcsin"],
)
pointwise(
    "acos(self)",
    "AcosBackward0",
    "arccos(self)",
    floats=True,
    domain="unit",
    self="-grad / conj(sqrt(1 - self * self))",
    also=["arccos"],
)
pointwise(
    "atan(self)",
    "AtanBackward0",
    "arctan(self)",
    floats=True,
    self="grad / conj(self * self + 1)",
    also=["arctan"],
)
pointwise(
    "atan2(self, other)", "Atan2Backward0", "arctan2(self, other)", floats=True, domain="positive", numbers=False,
    refuses={"C": "atan2_cpu"},
    self="grad * other / (self * self + other * other)", other="-grad * self / (self * self + other * other)",
    also=["arctan2"],
)  # fmt: skip
pointwise("sinh(self)", "SinhBackward0", "sinh(self)", floats=True, self="grad * conj(cosh(self))")
pointwise("cosh(self)", "CoshBackward0", "cosh(self)", floats=True, self="grad * conj(sinh(self))")
pointwise("tanh(self)", "TanhBackward0", "tanh(self)", floats=True, self="grad * conj(1 - result * result)")
pointwise(
    "asinh(self)",
    "AsinhBackward0",
    "arcsinh(self)",
    floats=True,
    self="grad / conj(sqrt(self * self + 1))",
    also=["arcsinh"],
)
pointwise(
    "acosh(self)", "AcoshBackward0", "arccosh(self)", floats=True, domain="above one",
    self="grad / conj(sqrt(self * self - 1))", also=["arccosh"],
)  # fmt: skip
pointwise(
    "atanh(self)",
    "AtanhBackward0",
    "arctanh(self)",
    floats=True,
    domain="unit",
    self="grad / conj(1 - self * self)",
    also=["arctanh"],
)
pointwise(
    "hypot(self, other)", "HypotBackward0", "hypot(self, other)", domain="positive", numbers=False,
    refuses={"biu": "hypot_cpu", "C": "hypot_cpu"},
    self="grad * (self / result)", other="grad * (other / result)",
)  # fmt: skip

pointwise(
    "deg2rad(self)", "Deg2RadBackward0", "self * 0.017453292519943295", floats=True,
    refuses={"c": "deg2rad is not supported for complex tensors."}, self="grad * 0.017453292519943295",
)  # fmt: skip
pointwise(
    "rad2deg(self)", "Rad2DegBackward0", "self * 57.29577951308232", floats=True,
    refuses={"c": "rad2deg is not supported for complex tensors."}, self="grad * 57.29577951308232",
)  # fmt: skip

# -- kinks and steps ------------------------------------------------------------------------------------------
pointwise(
    "relu(self)", "ReluBackward0", "relu_of(self)",
    refuses={"b": "Boolean inputs not supported for relu", "c": _NO_CLAMP},
    self="relu_slope(grad, result)", shown={"self": "where(result > 0, grad, 0)"},
)  # fmt: skip
op(
    "relu_slope(slope, output)", "ThresholdBackwardBackward0", "where(~(output <= 0), slope, 0)",
    slope="relu_slope(grad, output)", output="zeros(grad)",
    shown={"slope": "where(output > 0, grad, 0)"},
)  # fmt: skip
pointwise(
    "sigmoid(self)",
    "SigmoidBackward0",
    "sigmoid_of(self)",
    floats=True,
    self="grad * conj(1 - result) * conj(result)",
)
pointwise(
    "clamp.numbers(self; min, max)", "ClampBackward1", "clip(self, min, max)", promotes=["min", "max"],
    refuses={"c": _NO_CLAMP},
    self="where(inside(self, min, max), grad, 0)",
)  # fmt: skip
pointwise(
    "clamp_min.number(self; min)", "ClampMinBackward0", "maximum(self, min)", promotes=["min"], refuses={"c": _NO_CLAMP},
    self="where(self >= min, grad, 0)",
)  # fmt: skip
pointwise(
    "clamp_max.number(self; max)", "ClampMaxBackward0", "minimum(self, max)", promotes=["max"], refuses={"c": _NO_CLAMP},
    self="where(self <= max, grad, 0)",
)  # fmt: skip
pointwise(
    "clamp_min.tensor(self, min)", "ClampMinBackward1", "maximum(self, min)", numbers=False,
    refuses={"c": "maximum_cpu"},
    self="where(self >= min, grad, 0)", min="where(self < min, grad, 0)",
)  # fmt: skip
pointwise(
    "clamp_max.tensor(self, max)", "ClampMaxBackward1", "minimum(self, max)", numbers=False,
    refuses={"c": "minimum_cpu"},
    self="where(self <= max, grad, 0)", max="where(self > max, grad, 0)",
)  # fmt: skip
pointwise(
    "clamp.tensors(self, min, max)", "ClampBackward0", "minimum(maximum(self, min), max)", numbers=False,
    refuses={"c": _NO_CLAMP},
    self="where((self >= min) & (self <= max), grad, 0)", min="where((self < min) & (min < max), grad, 0)",
    max="where((self > max) | (max < min), grad, 0)",
)  # fmt: skip
for _name in ("floor", "ceil", "trunc"):
    pointwise(
        f"{_name}(self)", f"{_name.title()}Backward0", f"{_name}(self)",
        refuses={
            "b": f"{_name}_vml_cpu", "C": f"NotImplementedError: {_name} is not supported for complex inputs",
        },
        self="zeros(grad)", shown=_NO_SLOPE, also=["fix"] if _name == "trunc" else [],
    )  # fmt: skip
pointwise("frac(self)", "FracBackward0", "fraction(self)", refuses={"biu": "frac_cpu", "C": "frac_cpu"}, self="grad")
pointwise(
    "round.whole(self)", "RoundBackward0", "round_to(self, 0)", refuses={"bc": "round_vml_cpu"},
    self="zeros(grad)", shown=_NO_SLOPE,
)  # fmt: skip
pointwise(
    "round.decimals(self; decimals)", "RoundBackward1", "round_to(self, decimals)", refuses={"biuc": "round_cpu"},
    self="zeros(grad)", shown=_NO_SLOPE,
)  # fmt: skip
# Where two arguments tie, each receives half of the gradient.
pointwise(
    "maximum(self, other)", "MaximumBackward0", "maximum(self, other)", numbers=False, in_place=False,
    refuses={"c": "maximum not implemented for complex tensors."},
    self="share(grad, self, other)", other="share(grad, other, self)",
)  # fmt: skip
pointwise(
    "minimum(self, other)", "MinimumBackward0", "minimum(self, other)", numbers=False, in_place=False,
    refuses={"c": "minimum not implemented for complex tensors."},
    self="share(grad, other, self)", other="share(grad, self, other)",
)  # fmt: skip
pointwise(
    "where.tensors(condition, self, other)", "WhereBackward0", "where(condition, self, other)", numbers=False,
    self="where(condition, grad, 0)", other="where(condition, 0, grad)",
)  # fmt: skip


# -- rules that take more than one expression -----------------------------------------------------------------
@composite
def power_slope(F: Any, self: Any, exponent: Any) -> Any:
    """d/dx x^n = n x^(n-1) for a number n, which for n = 0 is 0 also where x = 0."""
    if exponent == 2:
        return self * 2
    return exponent * self ** (exponent - 1) if exponent else F.zeros(self)


@composite
def base_slope(F: Any, grad: Any, self: Any, exponent: Any) -> Any:
    """The same for a tensor n, times the gradient."""
    return F.where(exponent == 0, grad * 0, grad * F.conj(exponent * F.pow(self, exponent - 1)))


@composite
def exponent_slope(F: Any, grad: Any, self: Any, result: Any) -> Any:
    """d/dn x^n = x^n log x, taken as 0 where x = 0 and the result is 0."""
    log = F.log(self * 1.0)  # integers become floats
    return F.where((self == 0) & (result == 0), grad * 0, grad * F.conj(result * log))


@composite
def log_of_number(F: Any, base: Any) -> Any:
    """The natural logarithm of a Python number, -inf at 0."""
    if isinstance(base, complex):
        import cmath  # a library of its own, which `import teachgrad` need not wait for

        return cmath.log(base)
    return math.log(base) if base > 0 else -math.inf if base == 0 else math.nan


@composite
def floor_quotient(F: Any, self: Any, other: Any) -> Any:
    """How often `other` fits into `self`."""
    return F.floor(self / other)


@composite
def inside(F: Any, self: Any, lower: Any, upper: Any) -> Any:
    """Which elements lie within the bounds; an element on a bound does."""
    if upper is None:
        return self >= lower
    return self <= upper if lower is None else (self >= lower) & (self <= upper)


@composite
def share(F: Any, grad: Any, winner: Any, loser: Any) -> Any:
    """The gradient where `winner` won, half of it where it tied."""
    return F.where(winner == loser, grad / 2, F.where(winner > loser, grad, 0))


@composite
def no_rule(F: Any, name: str) -> Any:
    """Raises RuntimeError: PyTorch has no derivative for this op either."""
    raise errors.no_derivative(name)
