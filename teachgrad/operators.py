"""Binds the op table to the class Tensor: methods by their names, operators by the ops they stand for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from teachgrad import dtypes, rooms
from teachgrad.autograd.variable import TensorBase, wrap
from teachgrad.ops import inplace
from teachgrad.ops.table import FUNCTIONS, METHODS, OPS, Late, Op
from teachgrad.tensor import Tensor

_OPERATORS = {
    "__add__": "add", "__radd__": "add", "__sub__": "sub", "__mul__": "mul", "__rmul__": "mul", "__truediv__": "div",
    "__neg__": "neg", "__abs__": "abs", "__lt__": "lt", "__le__": "le", "__gt__": "gt", "__ge__": "ge",
    "__and__": "bitwise_and", "__rand__": "bitwise_and", "__or__": "bitwise_or", "__ror__": "bitwise_or",
    "__xor__": "bitwise_xor", "__rxor__": "bitwise_xor", "__lshift__": "bitwise_left_shift",
    "__rshift__": "bitwise_right_shift",
}  # fmt: skip
"""Operators that are an op of the table; found and compiled at their first use."""

_METHOD_OPERATORS = {
    "__mod__": "remainder", "__floordiv__": "floor_divide",
    "__iadd__": "add_", "__isub__": "sub_", "__imul__": "mul_", "__itruediv__": "div_", "__ipow__": "pow_",
    "__imod__": "remainder_", "__ifloordiv__": "floor_divide_", "__iand__": "bitwise_and_", "__ior__": "bitwise_or_",
    "__ixor__": "bitwise_xor_", "__ilshift__": "bitwise_left_shift_", "__irshift__": "bitwise_right_shift_",
}  # fmt: skip
"""Operators that are another method."""

_REFLECTED = {
    "__rpow__": "pow", "__rmod__": "remainder", "__rfloordiv__": "floor_divide", "__rlshift__": "bitwise_left_shift",
    "__rrshift__": "bitwise_right_shift",
}  # fmt: skip
"""Operators that are a function with its arguments swapped."""

_OPERAND = (TensorBase, bool, int, float, complex, np.generic)
_OR_ARRAY = (*_OPERAND, np.ndarray)
_POWER, _RECIPROCAL = OPS["pow.number"], OPS["reciprocal"]


def _method_operator(method: str) -> Callable[[Tensor, Any], Any]:
    """The method as an operator, which leaves what is neither tensor nor number to Python: it raises TypeError then."""

    def operator(self: Tensor, other: Any) -> Any:
        return getattr(self, method)(other) if isinstance(other, _OPERAND) else NotImplemented

    return operator


def _reflected(function: str) -> Callable[[Tensor, Any], Any]:
    def operator(self: Tensor, other: Any) -> Any:
        return FUNCTIONS[function](other, self) if isinstance(other, _OPERAND) else NotImplemented

    return operator


def _pow(self: Tensor, exponent: Any) -> Any:
    if exponent.__class__ is int or exponent.__class__ is float:  # x**2, the power that lessons are full of
        return _POWER.front(self, exponent)
    return FUNCTIONS["pow"](self, exponent) if isinstance(exponent, _OPERAND) else NotImplemented


def _rsub(self: Tensor, other: Any) -> Any:
    return FUNCTIONS["rsub"](self, other) if isinstance(other, _OPERAND) else NotImplemented


def _rtruediv(self: Tensor, other: Any) -> Any:
    """2 / x is x.reciprocal() * 2, in PyTorch too."""
    return _RECIPROCAL.front(self) * other if isinstance(other, _OR_ARRAY) else NotImplemented


def _matmul(self: Tensor, other: Any) -> Any:
    return self.matmul(other) if isinstance(other, TensorBase) else NotImplemented


def _rmatmul(self: Tensor, other: Any) -> Any:
    return METHODS["matmul"](other, self) if isinstance(other, TensorBase) else NotImplemented


def _invert(self: Tensor) -> Any:
    if self._data.dtype.kind not in "biu":
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return OPS["bitwise_not"](self)


def _equality(name: str) -> Callable[[Tensor, Any], Any]:
    def compare(self: Tensor, other: Any) -> Any:
        if isinstance(other, _OPERAND):
            return OPS[name](self, other)
        arrays = name == "eq" and isinstance(other, np.ndarray)  # in PyTorch too == takes an array and != does not
        return OPS[name](self, wrap(other)) if arrays else NotImplemented

    return compare


def _conversion(dtype: dtypes.dtype) -> Callable[..., Tensor]:
    def convert(self: Tensor, memory_format: Any = None) -> Tensor:
        return self._cast(dtype.numpy)

    convert.__doc__ = f"This tensor as {dtype}."
    return convert


def bind_methods() -> None:
    """Gives the class the methods of the op table that it has not yet: those of the rooms opened since."""
    inplace.derive()
    for name, face in METHODS.items():
        if Tensor.__dict__.get(name).__class__ in (type(None), rooms.Elsewhere):
            setattr(Tensor, name, Late(face, "front", name) if isinstance(face, Op) else face)


def bind() -> None:
    """Gives the class the methods and operators of the op table, and a stand-in for each method of a room that is shut."""
    rooms.stand_in(Tensor)
    bind_methods()
    for operator, op in _OPERATORS.items():
        setattr(Tensor, operator, Late(OPS[op], "operator", operator))
    for operator, method in _METHOD_OPERATORS.items():
        setattr(Tensor, operator, _method_operator(method))
    for operator, function in _REFLECTED.items():
        setattr(Tensor, operator, _reflected(function))
    for operator, function in {
        "__rsub__": _rsub, "__pow__": _pow, "__rtruediv__": _rtruediv, "__rdiv__": _rtruediv,
        "__matmul__": _matmul, "__rmatmul__": _rmatmul, "__invert__": _invert,
        "__pos__": METHODS["positive"], "__eq__": _equality("eq"), "__ne__": _equality("ne"),
        "byte": _conversion(dtypes.uint8), "char": _conversion(dtypes.int8),
    }.items():  # fmt: skip
        setattr(Tensor, operator, function)
    for name in ("half", "bfloat16", "float", "double", "cfloat", "cdouble", "bool", "short", "int", "long"):
        setattr(Tensor, name, _conversion(getattr(dtypes, name)))
