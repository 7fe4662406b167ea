"""More ops that treat each element alike: products added, signs copied, bits of floats, and what NumPy has for integers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from teachgrad import dtypes, errors, return_types
from teachgrad.autograd.variable import TensorBase
from teachgrad.ops import dims
from teachgrad.ops.convert import number
from teachgrad.ops.faces import pow
from teachgrad.ops.inplace import in_place
from teachgrad.ops.table import METHODS, OPS, RAW, composite, op, pointwise, public, raw

RAW.update({name: getattr(np, name) for name in ("fmax", "fmin", "logaddexp2", "lcm", "gcd", "nextafter")})


# -- what the forward expressions compute ----------------------------------------------------------------------
@raw
def with_sign(self: Any, other: Any) -> Any:
    """The size of `self` with the sign of `other`; bools and integers as floats."""
    return np.copysign(self, other).astype(self.dtype if self.dtype.kind == "f" else np.float32)


@raw
def negative_sign(self: Any) -> Any:
    """Is the sign bit set? Integers have none for zero."""
    return np.signbit(self) if self.dtype.kind == "f" else self < 0


@raw
def step_at(self: Any, values: Any) -> Any:
    """0 below zero, 1 above, `values` at zero; nan stays 0, as PyTorch has it."""
    return np.where(self == 0, values, self > 0).astype(self.dtype)[()]


@raw
def without_nan(self: Any, nan: float | None, posinf: float | None, neginf: float | None) -> Any:
    """nan and the infinities replaced by numbers: 0 and the largest there are, if nothing else is said."""
    if self.dtype.kind not in "fcV":
        return self.copy()
    return np.nan_to_num(self, nan=nan or 0.0, posinf=posinf, neginf=neginf).astype(self.dtype)[()]


@raw
def halves_and_powers(self: Any) -> tuple[Any, Any]:
    """x = m 2^n with m between 1/2 and 1."""
    mantissa, exponent = np.frexp(self)
    return mantissa, exponent.astype(np.int32)


# -- the entries -----------------------------------------------------------------------------------------------
pointwise(
    "addcmul.value(self, tensor1, tensor2; value)", "AddcmulBackward0", "self + value * tensor1 * tensor2", numbers=False,
    refuses={"b": "addcmul_cpu_out"},
    self="grad", tensor1="grad * conj(tensor2 * value)", tensor2="grad * conj(tensor1 * value)",
    samples=["torch.addcmul(x, y, p)", "x.addcmul(v, y, value=2)", "(x * 1).addcmul_(y, p, value=0.5)"],
)  # fmt: skip
pointwise(
    "addcdiv.value(self, tensor1, tensor2; value)", "AddcdivBackward0", "self + value * tensor1 / tensor2", numbers=False,
    self="grad", tensor1="grad * conj(value / tensor2)",
    tensor2="-grad * conj(value * tensor1 / tensor2 / tensor2)",
    samples=["torch.addcdiv(x, y, p)", "x.addcdiv(v, p, value=2)", "(x * 1).addcdiv_(y, p, value=0.5)"],
)  # fmt: skip
pointwise(
    "copysign.tensor(self, other)", "CopysignBackward0", "with_sign(self, other)", floats=True, numbers=False,
    refuses={"C": "copysign_cpu"},
    self="grad * sign_change(self, result)", other="zeros(grad)", shown={"self": "grad * result / self"},
    samples=["torch.copysign(x, y)", "(x * 1).copysign_(v)"],
)  # fmt: skip
pointwise(
    "copysign.number(self; other)", "CopysignBackward1", "with_sign(self, other)", floats=True, promotes=["other"],
    refuses={"C": "copysign_cpu"},
    self="grad * sign_change(self, result)", shown={"self": "grad * result / self"}, samples=["torch.copysign(x, -2)"],
)  # fmt: skip
pointwise(
    "signbit(self)", None, "negative_sign(self)", in_place=False,
    refuses={"c": "NotImplementedError: signbit is not implemented for complex tensors."},
)  # fmt: skip
pointwise(
    "isposinf(self)", None, "self == inf", in_place=False, refuses={"c": "isposinf does not support complex inputs."}
)
pointwise(
    "isneginf(self)", None, "self == -inf", in_place=False, refuses={"c": "isneginf does not support complex inputs."}
)
pointwise(
    "fmax(self, other)", "FmaxBackward0", "fmax(self, other)", numbers=False, in_place=False,
    refuses={"c": "fmax not implemented for complex tensors."},
    self="where((self >= other) | isnan(other), grad, 0)", other="where((self >= other) | isnan(other), 0, grad)",
)  # fmt: skip
pointwise(
    "fmin(self, other)", "FminBackward0", "fmin(self, other)", numbers=False, in_place=False,
    refuses={"c": "fmin not implemented for complex tensors."},
    self="where((self <= other) | isnan(other), grad, 0)", other="where((self <= other) | isnan(other), 0, grad)",
)  # fmt: skip
pointwise(
    "logaddexp2(self, other)", "Logaddexp2Backward0", "logaddexp2(self, other)", numbers=False, in_place=False,
    refuses={"biu": "logaddexp2_cpu", "C": "logaddexp2_cpu"},
    self="grad / (1 + exp2(other - self))", other="grad / (1 + exp2(self - other))",
)  # fmt: skip
pointwise(
    "ldexp(self, other)", "LdexpBackward0", "self * exp2(1.0 * other)", floats=True, numbers=False, mixed="no_bool_power",
    self="grad * conj(exp2(1.0 * other))", other="grad * conj(result * 0.6931471805599453)",
)  # fmt: skip
pointwise(
    "heaviside.values(self, values)", "NotImplemented", "step_at(self, values)", numbers=False,
    refuses={"c": "heaviside is not yet implemented for complex tensors."},
    self="no_rule('heaviside')", values="no_rule('heaviside')",
    samples=["torch.heaviside(x, y)", "torch.heaviside(x, y.double())", "torch.heaviside(i, i)"],
)  # fmt: skip
pointwise(
    "nextafter(self, other)", "NextafterBackward0", "nextafter(self, other)", numbers=False,
    refuses={"biu": "nextafter_cpu", "C": "nextafter_cpu"},
    self="where(self == other, 0, grad)", other="zeros(grad)",
)  # fmt: skip
pointwise("lcm(self, other)", None, "lcm(self, other)", numbers=False, refuses={"fc": "lcm_cpu", "b": "lcm_cpu"})
pointwise("gcd(self, other)", None, "gcd(self, other)", numbers=False, refuses={"fc": "gcd_cpu", "b": "gcd_cpu"})
pointwise(
    "nan_to_num.bounds(self; nan, posinf, neginf)", "NanToNumBackward0", "without_nan(self, nan, posinf, neginf)",
    refuses={"G": "nan_to_num"},
    self="where(isfinite(self), grad, 0)",
    samples=["x.log().nan_to_num()", "torch.nan_to_num(x.log(), nan=2.)", "(x * 1).nan_to_num_()"],
)  # fmt: skip
op(
    "frexp.parts(self) -> mantissa, !exponent", "FrexpBackward0", "halves_and_powers(self)",
    refuses={"biuc": "torch.frexp() only supports floating-point dtypes"},
    self="grad / exp2(like(exponent, grad))", samples=["torch.frexp(x)", "p.frexp()"],
)  # fmt: skip
RAW["inf"] = math.inf


@composite
def sign_change(F: Any, self: Any, result: Any) -> Any:
    """1 where the sign stayed, -1 where it changed, 0 for zero."""
    return F.where(self == 0, 0.0, result / F.where(self == 0, 1.0, self))


# -- the faces -------------------------------------------------------------------------------------------------
def _whole_value(value: Any, *tensors: Any) -> Any:
    """`value`, which for integers is cut to a whole number."""
    return int(value) if all(t._data.dtype.kind in "biu" for t in tensors) else value


@public("frexp")
def frexp(input: Any) -> Any:
    """The mantissa, between 1/2 and 1, and the power of 2 of each element. Mirrors `torch.frexp`."""
    return return_types.frexp(*OPS["frexp.parts"](dims.tensor("frexp", input)))


@public("addcmul")
def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """`input + value * tensor1 * tensor2`. Mirrors `torch.addcmul`."""
    return OPS["addcmul.value"](input, tensor1, tensor2, _whole_value(value, input, tensor1, tensor2))


@public("addcdiv")
def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """`input + value * tensor1 / tensor2`. Mirrors `torch.addcdiv`. Raises RuntimeError for the division of integers."""
    if all(isinstance(t, TensorBase) and t._data.dtype.kind in "biu" for t in (tensor1, tensor2)):
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true "
            "division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value * "
            "torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / tensor2) "
            "for float inputs. The future addcdiv behavior is just the latter implementation: (input + value * tensor1 / "
            "tensor2), for all dtypes."
        )
    return OPS["addcdiv.value"](input, tensor1, tensor2, value)


@public("copysign")
def copysign(input: Any, other: Any) -> Any:
    """The size of `input` with the sign of `other`. Mirrors `torch.copysign`."""
    if isinstance(other, TensorBase):
        return OPS["copysign.tensor"](input, other)
    return OPS["copysign.number"](dims.tensor("copysign", input), number("copysign.tensor", other))


@public("nan_to_num")
def nan_to_num(input: Any, nan: float | None = None, posinf: float | None = None, neginf: float | None = None) -> Any:
    """nan and the infinities replaced by numbers. Mirrors `torch.nan_to_num`."""
    return OPS["nan_to_num.bounds"](input, nan, posinf, neginf)


@public("heaviside")
def heaviside(input: Any, values: Any) -> Any:
    """0 below zero, 1 above, `values` at zero; it has no gradient rule. Mirrors `torch.heaviside`."""
    if isinstance(input, TensorBase) and isinstance(values, TensorBase) and input._data.dtype != values._data.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    return OPS["heaviside.values"](input, values)


@public("float_power")
def float_power(input: Any, exponent: Any) -> Any:
    """`input ** exponent`, computed in float64 (complex128). Mirrors `torch.float_power`."""
    given = (input, exponent)
    if not any(isinstance(each, TensorBase) for each in given):
        raise errors.invalid_combination("float_power", *given)
    kinds = {each._data.dtype.kind for each in given if isinstance(each, TensorBase)}
    wide = dtypes.complex128 if "c" in kinds or any(isinstance(each, complex) for each in given) else dtypes.float64
    number_of = complex if wide is dtypes.complex128 else float
    cast = (
        each.to(wide) if isinstance(each, TensorBase) else number_of(each)  # type: ignore[attr-defined]
        for each in given
    )
    return pow(*cast)


for _function in (addcmul, addcdiv, copysign, nan_to_num, heaviside, float_power):
    METHODS[f"{_function.__name__}_"] = in_place(_function)
