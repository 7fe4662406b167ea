"""The array functions that forward expressions and rules use by name, on NumPy arrays and scalars.

Mostly they are NumPy's own; where PyTorch's answer differs (integer division by zero, powers of integers, ...), a small
function says how. The table looks names up here (`RAW`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgrad import errors
from teachgrad.autograd.variable import ARRAYS, wrap
from teachgrad.gpu import on_gpu
from teachgrad.ops.table import LIVE, RAW, raw

RAW.update(
    {
        name: getattr(np, name)
        for name in [
            "exp",
            "exp2",
            "log",
            "log2",
            "log10",
            "log1p",
            "expm1",
            "sqrt",
            "square",
            "abs",
            "sign",
            "sin",
            "cos",
            "tan",
            "sinh",
            "cosh",
            "tanh",
            "arcsin",
            "arccos",
            "arctan",
            "arcsinh",
            "arccosh",
            "arctanh",
            "arctan2",
            "floor",
            "ceil",
            "trunc",
            "maximum",
            "minimum",
            "hypot",
            "isnan",
            "isinf",
            "isfinite",
            "logical_and",
            "logical_or",
            "logical_xor",
            "logical_not",
            "bitwise_and",
            "bitwise_or",
            "bitwise_xor",
            "invert",
        ]
    }
)


def dtype_of(value: Any) -> Any:
    """The dtype of an array, or of a Python number as NumPy would make it one."""
    return value.dtype if hasattr(value, "dtype") else np.asarray(value).dtype


def _whole(value: Any) -> bool:
    return dtype_of(value).kind in "biu"


BITS = {np.dtype(f"f{size}"): np.dtype(f"i{size}") for size in (2, 4, 8)}
"""For each float dtype the integers of the same size."""


@raw
def where(condition: Any, self: Any, other: Any) -> Any:
    """Elements of `self` where `condition` holds, else of `other`; NumPy scalars stay scalars."""
    if other.__class__ is int and not other:
        if condition.__class__ is np.bool_ and isinstance(self, np.generic):
            return self if condition else self.__class__()
        if self.__class__ is condition.__class__ is np.ndarray and self.dtype in BITS and condition.dtype == np.bool_:
            return kept(condition, self)
    return np.where(condition, self, other)[()]


def kept(condition: Any, self: Any) -> Any:
    """Elements of the float array `self` where `condition` holds, else 0.

    The bits of a number, times 1 or 0: up to ten times faster than np.where, whose branches the processor guesses wrong,
    and right for inf and nan, which the number itself times 0 is not.
    """
    return (self.view(BITS[self.dtype]) * condition).view(self.dtype)


def add_rows(target: Any, index: Any, values: Any) -> None:
    """`np.add.at(target, index, values)` for whole rows of a target that lies row by row: `index` says which.

    NumPy adds single elements several times faster than rows, so the elements are numbered.
    """
    width = target[0].size
    places = index.reshape(-1, 1) * width + np.arange(width)
    np.add.at(target.reshape(-1), places.reshape(-1), values.reshape(-1))


@raw
def zeros(grad: Any) -> Any:
    """No gradient flows: zeros in the shape and dtype of `grad`."""
    return np.zeros_like(grad)[()]


LIVE["zeros"] = lambda grad: wrap(zeros(grad._data))


@raw
def xlogy_of(self: Any, other: Any) -> Any:
    """x log y, and 0 where x is 0."""
    return np.where((self == 0) & ~np.isnan(other), 0, self * np.log(other))[()]


@raw
def sign_of(self: Any) -> Any:
    """-1, 0 or 1; a bool is its own sign."""
    return self if self.dtype == np.bool_ else np.sign(self)


@raw
def floor_divide(self: Any, other: Any) -> Any:
    """Division rounded down; x // 0 is infinite, where NumPy says nan."""
    _check_divisor(self, other)
    quotient = np.floor_divide(self, other)
    return quotient if _whole(quotient) else where(np.equal(other, 0), self / other, quotient).astype(quotient.dtype)


@raw
def truncated_quotient(self: Any, other: Any) -> Any:
    """Division rounded towards zero."""
    if _whole(self) and _whole(other):
        _check_divisor(self, other)
        return (self - np.fmod(self, other)) // other
    return np.trunc(self / other)


@raw
def remainder(self: Any, other: Any) -> Any:
    """What is left over, with the sign of the divisor."""
    _check_divisor(self, other)
    return np.remainder(self, other)


@raw
def fmod(self: Any, other: Any) -> Any:
    """What is left over, with the sign of the dividend."""
    _check_divisor(self, other)
    return np.fmod(self, other)


def _check_divisor(self: Any, other: Any) -> None:
    if on_gpu(self) or on_gpu(other):
        return  # where PyTorch does not look either: the quotient of a division by 0 is undefined
    kinds = dtype_of(self).kind + dtype_of(other).kind
    if kinds != "bb" and _whole(self) and _whole(other) and np.any(np.equal(other, 0)):
        raise errors.zero_division()


@raw
def power(self: Any, exponent: Any) -> Any:
    """`self ** exponent`; for integers, negative powers are 0 unless the base is 1 or -1."""
    try:
        return self**exponent
    except ValueError:  # NumPy's word for integers to negative powers (or shapes that do not match)
        if not (_whole(exponent) and _whole(self) and np.any(np.less(exponent, 0))):
            raise
    if isinstance(exponent, int):
        raise errors.explained(
            RuntimeError("Integers to negative integer powers are not allowed."),
            "The result would be a fraction. Make the base a float first: x.float() ** -1.",
        )
    inverse = where(np.equal(self, 1), 1, where(np.equal(self, -1), 1 - 2 * (exponent & 1), 0))
    return where(np.less(exponent, 0), inverse, self ** np.maximum(exponent, 0)).astype(exponent.dtype)


RAW["pow"] = power  # what rules call it, on arrays as on tensors


@raw
def clip(self: Any, lower: Any, upper: Any) -> Any:
    """`self` held between the bounds; a bound of None is no bound."""
    if lower is not None:
        self = np.maximum(self, lower)
    return self if upper is None else np.minimum(self, upper)


@raw
def logaddexp_of(self: Any, other: Any) -> Any:
    """log(e^a + e^b), computed around the larger one so that nothing overflows."""
    if "c" not in (self.dtype.kind, other.dtype.kind):
        return np.logaddexp(self, other)
    larger = np.where(self.real >= other.real, self, other)
    return (np.log(np.exp(np.where(self.real >= other.real, other, self) - larger) + 1) + larger)[()]


@raw
def relu_of(self: Any) -> Any:
    """max(x, 0); nan stays nan."""
    if self.__class__ not in ARRAYS:
        # For one number Python's comparison is much cheaper than a ufunc.
        return self.__class__() if self <= 0 else self
    if self.__class__ is not np.ndarray or not self.flags.c_contiguous:
        return np.maximum(self, 0)
    result = np.zeros(self.shape, self.dtype)
    return np.maximum(result, self, out=result)  # NumPy compares two arrays by vectors, an array and a number singly


@raw
def sigmoid_of(self: Any) -> Any:
    """1 / (1 + exp(-x)); for very negative x the exponential is inf and the quotient 0, as it should be."""
    return 1 / (1 + np.exp(0 - self))


@raw
def fraction(self: Any) -> Any:
    """The part after the decimal point, with the sign of the number."""
    return self - np.trunc(self)


@raw
def round_to(self: Any, decimals: int) -> Any:
    """Rounded to `decimals` places, halves to even."""
    return np.round(self, decimals)


@raw
def isclose_to(self: Any, other: Any, rtol: float, atol: float, equal_nan: bool) -> Any:
    """|self - other| <= atol + rtol * |other|."""
    return np.isclose(self, other, rtol=rtol, atol=atol, equal_nan=equal_nan)
