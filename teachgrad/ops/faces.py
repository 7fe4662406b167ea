"""Pointwise functions whose arguments choose among several ops of the table, as PyTorch's overloads do."""

from __future__ import annotations

from typing import Any

from teachgrad import dtypes, errors
from teachgrad.autograd.variable import TensorBase, wrap
from teachgrad.ops import pointwise  # noqa: F401 - the entries that are called below
from teachgrad.ops.table import OPS, public

_NUMBER = int | float | complex


@public("add")
def add(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """`input + alpha * other`. Mirrors `torch.add`."""
    if not isinstance(input, TensorBase) and isinstance(other, TensorBase) and isinstance(input, _NUMBER):
        input = wrap(dtypes.of_number(input).numpy.type(input))
    return OPS["add"](input, other) if alpha == 1 else OPS["add.alpha"](input, other, alpha)


@public("sub", "subtract")
def sub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """`input - alpha * other`. Mirrors `torch.sub`."""
    return OPS["sub"](input, other) if alpha == 1 else OPS["sub.alpha"](input, other, alpha)


@public("rsub")
def rsub(input: Any, other: Any) -> Any:
    """`other - input`. Mirrors `torch.rsub`."""
    return OPS["sub"](other, input) if isinstance(other, TensorBase) else OPS["rsub"](input, other)


@public("div", "divide")
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """`input / other`, rounded down ("floor") or towards zero ("trunc") if asked. Mirrors `torch.div`."""
    if rounding_mode is None:
        return OPS["div"](input, other)
    if rounding_mode == "floor":
        return OPS["floor_divide"](input, other)
    if rounding_mode == "trunc":
        quotient = OPS["trunc"](OPS["div"](input, other))
        return quotient.to(input.dtype) if not input.dtype.is_floating_point else quotient
    raise RuntimeError(
        f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
    )


@public("remainder")
def remainder(input: Any, other: Any) -> Any:
    """What is left over after division, with the sign of the divisor: Python's `%`. Mirrors `torch.remainder`."""
    if isinstance(other, TensorBase):
        if not isinstance(input, TensorBase):
            input = wrap(dtypes.of_number(input).numpy.type(input))
        return OPS["remainder"](input, other)
    return OPS["remainder.number"](input, other)


@public("fmod")
def fmod(input: Any, other: Any) -> Any:
    """What is left over after division, with the sign of the dividend: C's `fmod`. Mirrors `torch.fmod`."""
    return OPS["fmod"](input, other) if isinstance(other, TensorBase) else OPS["fmod.number"](input, other)


@public("pow")
def pow(input: Any, exponent: Any) -> Any:
    """`input ** exponent`, where either may be a Python number. Mirrors `torch.pow`."""
    if not isinstance(input, TensorBase):
        if not isinstance(exponent, TensorBase):
            raise errors.not_a_tensor("pow", "input", 1, input)
        return OPS["pow.base"](exponent, input)
    if isinstance(exponent, TensorBase):
        return OPS["pow.tensor"](input, exponent)
    if not isinstance(exponent, _NUMBER):
        raise TypeError(
            f"pow(): argument 'exponent' (position 2) must be Tensor, not {errors.type_name(exponent)}"
        )
    return OPS["pow.number"](input, exponent)


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
    """`input` held between `min` and `max`, numbers or tensors. Mirrors `torch.clamp`.

    Raises ValueError if neither bound is given.
    """
    if min is None and max is None:
        raise ValueError("At least one of 'min' or 'max' must not be None")
    if isinstance(min, TensorBase) or isinstance(max, TensorBase):
        if min is not None:
            input = OPS["maximum"](input, _tensor_like(input, min))
        return input if max is None else OPS["minimum"](input, _tensor_like(input, max))
    return OPS["clamp.numbers"](input, min, max)


@public("clamp_min")
def clamp_min(input: Any, min: Any) -> Any:
    """`input`, at least `min`. Mirrors `torch.clamp_min`."""
    return clamp(input, min=min)


@public("clamp_max")
def clamp_max(input: Any, max: Any) -> Any:
    """`input`, at most `max`. Mirrors `torch.clamp_max`."""
    return clamp(input, max=max)


def _tensor_like(input: Any, value: Any) -> Any:
    return value if isinstance(value, TensorBase) else wrap(input._data.dtype.type(value))


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
    return OPS["where.tensors"](condition, *(_operand(value, (input, other)) for value in (input, other)))


@public("where", function=False)
def where_method(input: Any, condition: Any, other: Any) -> Any:
    """`torch.where(condition, input, other)`."""
    return where(condition, input, other)


def _operand(value: Any, among: tuple[Any, ...]) -> Any:
    """A Python number as a 0-d tensor of the dtype that a number of its kind has."""
    if isinstance(value, TensorBase):
        return value
    dtype = dtypes.of_number(value)
    for other in among:
        if isinstance(other, TensorBase) and dtypes.of(other._data.dtype).category >= dtype.category:
            dtype = dtypes.of(other._data.dtype)
    return wrap(dtype.numpy.type(value))


@public("isclose")
def isclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """Where |input - other| <= atol + rtol * |other|. Mirrors `torch.isclose`."""
    return OPS["isclose.all"](input, other, rtol, atol, equal_nan)


@public("allclose")
def allclose(
    input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """True if all elements are close. Mirrors `torch.allclose`."""
    return bool(isclose(input, other, rtol, atol, equal_nan).all())
