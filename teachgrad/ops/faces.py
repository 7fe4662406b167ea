"""Pointwise functions whose arguments choose among several ops of the table, as PyTorch's overloads do."""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgrad import dtypes, errors
from teachgrad.autograd.variable import TensorBase, wrap
from teachgrad.bfloats import cast, widened
from teachgrad.ops import dims, pointwise  # noqa: F401 - the entries that are called below
from teachgrad.ops.convert import NUMBERS, as_tensor, no_bools, number
from teachgrad.ops.table import OPS, public


@public("add")
def add(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """`input + alpha * other`. Mirrors `torch.add`."""
    if alpha.__class__ is int and alpha == 1:
        return OPS["add"](input, other)
    return OPS["add.alpha"](*_scaled(input, other, alpha))


@public("sub", "subtract")
def sub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """`input - alpha * other`. Mirrors `torch.sub`."""
    if alpha.__class__ is int and alpha == 1:
        return OPS["sub"](input, other)
    return OPS["sub.alpha"](*_scaled(input, other, alpha))


def _scaled(input: Any, other: Any, alpha: Any) -> tuple[Any, Any, Any]:
    """The arguments of `add` or `sub` with an `alpha` that fits their dtype. Raises RuntimeError if it does not."""
    if not isinstance(alpha, NUMBERS):
        raise TypeError(f"add(): argument 'alpha' must be Number, not {errors.type_name(alpha)}")
    input, other = (as_tensor(value, (input, other)) for value in (input, other))
    kinds = input._data.dtype.kind + other._data.dtype.kind
    if kinds == "bb":
        return input, other, bool(alpha)
    if isinstance(alpha, bool):
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if isinstance(alpha, float) and "f" not in kinds and "c" not in kinds:
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    return input, other, alpha


@public("rsub", method=False)
def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """`other - alpha * input`. Mirrors `torch.rsub`."""
    if alpha != 1:
        if isinstance(other, TensorBase):
            return OPS["rsub.alpha"](input, other, alpha)
        return OPS["rsub.number_alpha"](dims.tensor("rsub", input), number("rsub.tensor", other), alpha)
    if isinstance(other, bool):
        no_bools(other)
    return _by_kind("rsub", input, other)


@public("div", "divide")
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """`input / other`, rounded down ("floor") or towards zero ("trunc") if asked. Mirrors `torch.div`."""
    if rounding_mode is None:
        return OPS["div"](input, other)
    if rounding_mode not in ("floor", "trunc"):
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    return OPS[f"div.{rounding_mode}"](input, other)


@public("floor_divide")
def floor_divide(input: Any, other: Any) -> Any:
    """`input / other`, rounded down; it has no gradient rule. Mirrors `torch.floor_divide`."""
    if isinstance(input, NUMBERS) and isinstance(other, TensorBase):
        return OPS["floor_divide.of_number"](other, number("floor_divide", input))
    return _by_kind("floor_divide", input, other)


@public("remainder")
def remainder(input: Any, other: Any) -> Any:
    """What is left over after division, with the sign of the divisor: Python's `%`. Mirrors `torch.remainder`."""
    if isinstance(input, NUMBERS) and isinstance(other, TensorBase):
        return OPS["remainder.of_number"](other, number("remainder", input))
    return _by_kind("remainder", input, other)


@public("fmod")
def fmod(input: Any, other: Any) -> Any:
    """What is left over after division, with the sign of the dividend: C's `fmod`. Mirrors `torch.fmod`."""
    return _by_kind("fmod", input, other)


def _by_kind(name: str, input: Any, other: Any) -> Any:
    """The form of an op for two tensors, or for a tensor and a Python number."""
    if not isinstance(input, TensorBase):
        raise errors.invalid_combination(name, input, other)
    if isinstance(other, TensorBase):
        return OPS[f"{name}.tensor"](input, other)
    if isinstance(other, NUMBERS):
        return OPS[f"{name}.number"](input, number(name, other))
    raise errors.invalid_combination(name, input, other)


@public("pow")
def pow(input: Any, exponent: Any) -> Any:
    """`input ** exponent`, where either may be a Python number. Mirrors `torch.pow`."""
    if exponent.__class__ is int or exponent.__class__ is float:
        if isinstance(input, TensorBase):
            return OPS["pow.number"](input, exponent)
    elif isinstance(exponent, TensorBase):
        if isinstance(input, TensorBase):
            return OPS["pow.tensor"](input, exponent)
        if isinstance(input, NUMBERS):
            return OPS["pow.base"](exponent, number("pow", input))
    elif isinstance(exponent, NUMBERS) and isinstance(input, TensorBase):
        return OPS["pow.number"](input, number("pow", exponent))
    raise errors.invalid_combination("pow", input, exponent)


@public("square")
def square(input: Any) -> Any:
    """`input ** 2`. Mirrors `torch.square`."""
    return OPS["pow.number"](input, 2)


@public("positive")
def positive(input: Any) -> Any:
    """The tensor itself. Mirrors `torch.positive`."""
    return input


@public("clamp", "clip")
def clamp(input: Any, min: Any = None, max: Any = None) -> Any:
    """`input` held between `min` and `max`, two numbers or two tensors. Mirrors `torch.clamp`.

    Raises RuntimeError if neither bound is given, TypeError for a number beside a tensor.
    """
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    given = [bound for bound in (min, max) if bound is not None]
    if not isinstance(input, TensorBase):
        raise errors.invalid_combination("clamp", input, *given)
    if all(isinstance(bound, NUMBERS) for bound in given):
        return OPS["clamp.numbers"](input, *(None if b is None else number("clamp", b) for b in (min, max)))
    if not all(isinstance(bound, TensorBase) for bound in given):
        raise errors.invalid_combination("clamp", input, *given)
    return OPS["clamp.tensors"](
        input, _limit(input, -1) if min is None else min, _limit(input, 1) if max is None else max
    )


def _limit(input: Any, sign: int) -> Any:
    """A bound that binds nothing."""
    dtype = input._data.dtype
    if dtype.kind in "fcV":
        return wrap(cast(np.float32(sign * np.inf), dtype))
    limits = np.iinfo(dtype)
    return wrap(dtype.type(limits.max if sign > 0 else limits.min))


@public("clamp_min")
def clamp_min(input: Any, min: Any) -> Any:
    """`input`, at least `min`. Mirrors `torch.clamp_min`."""
    return _by_kind("clamp_min", input, min)


@public("clamp_max")
def clamp_max(input: Any, max: Any) -> Any:
    """`input`, at most `max`. Mirrors `torch.clamp_max`."""
    return _by_kind("clamp_max", input, max)


@public("round")
def round(input: Any, *, decimals: int = 0) -> Any:
    """Rounded to `decimals` places, halves to even. Mirrors `torch.round`."""
    return OPS["round.whole"](input) if decimals == 0 else OPS["round.decimals"](input, decimals)


@public("where", method=False)
def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """Elements of `input` where `condition` holds, else of `other`; with one argument, the indices of what is true.

    Mirrors `torch.where`.
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    operands = (condition, input, other)
    if not isinstance(condition, TensorBase) or not all(isinstance(v, (TensorBase, *NUMBERS)) for v in operands):
        raise errors.invalid_combination("where", *operands)
    if condition._data.dtype.kind != "b":
        raise errors.not_a_mask(dtypes.of(condition._data.dtype).scalar_name)
    return OPS["where.tensors"](condition, *(as_tensor(value, (input, other)) for value in (input, other)))


@public("where", function=False)
def where_method(input: Any, condition: Any, other: Any) -> Any:
    """`torch.where(condition, input, other)`."""
    return where(condition, input, other)


@public("isclose")
def isclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """Where |input - other| <= atol + rtol * |other|. Mirrors `torch.isclose`."""
    return OPS["isclose.all"](input, other, rtol, atol, equal_nan)


@public("allclose")
def allclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """True if all elements are close. Mirrors `torch.allclose`."""
    return bool(isclose(input, other, rtol, atol, equal_nan).all())


@public("equal")
def equal(input: Any, other: Any) -> bool:
    """True if both tensors have the same shape and the same elements. Mirrors `torch.equal`."""
    for position, (name, value) in enumerate((("input", input), ("other", other)), 1):
        if not isinstance(value, TensorBase):
            raise errors.not_a_tensor("equal", name, position, value)
    return bool(input._data.shape == other._data.shape and (widened(input._data) == widened(other._data)).all())
