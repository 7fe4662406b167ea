"""Binds the op table to the class Tensor: methods by their names, operators by the ops they stand for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from teachgrad import dtypes
from teachgrad.autograd.variable import TensorBase, wrap
from teachgrad.ops import inplace
from teachgrad.ops.table import METHODS, OPS, Late, Op
from teachgrad.tensor import Tensor

_OPERATORS = {
    "__add__": "add", "__radd__": "add", "__sub__": "sub", "__mul__": "mul", "__rmul__": "mul", "__truediv__": "div",
    "__neg__": "neg", "__abs__": "abs", "__lt__": "lt", "__le__": "le", "__gt__": "gt", "__ge__": "ge",
    "__and__": "bitwise_and", "__rand__": "bitwise_and", "__or__": "bitwise_or", "__ror__": "bitwise_or",
    "__xor__": "bitwise_xor", "__rxor__": "bitwise_xor", "__floordiv__": "floor_divide",
}  # fmt: skip
"""Operators that are an op of the table; found and compiled at their first use."""

_METHOD_OPERATORS = {
    "__rsub__": "rsub", "__pow__": "pow", "__mod__": "remainder", "__matmul__": "matmul", "__pos__": "positive",
    "__iadd__": "add_", "__isub__": "sub_", "__imul__": "mul_", "__itruediv__": "div_", "__ipow__": "pow_",
    "__imod__": "remainder_", "__ifloordiv__": "floor_divide_", "__iand__": "bitwise_and_", "__ior__": "bitwise_or_",
    "__ixor__": "bitwise_xor_",
}  # fmt: skip
"""Operators that are another method."""


def _rtruediv(self: Tensor, other: Any) -> Tensor:
    return self.reciprocal() * other  # type: ignore[attr-defined, no-any-return]


def _rpow(self: Tensor, other: Any) -> Any:
    return METHODS["pow"](other, self)


def _rmod(self: Tensor, other: Any) -> Any:
    return METHODS["remainder"](other, self)


def _rfloordiv(self: Tensor, other: Any) -> Any:
    return OPS["floor_divide"](wrap(self._data.dtype.type(other)), self)


def _rmatmul(self: Tensor, other: Any) -> Any:
    return METHODS["matmul"](other, self)


def _invert(self: Tensor) -> Any:
    if self._data.dtype.kind not in "biu":
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return OPS["bitwise_not"](self)


def _equality(name: str) -> Callable[[Tensor, Any], Any]:
    def compare(self: Tensor, other: Any) -> Any:
        if not isinstance(other, TensorBase | int | float | complex | np.generic | np.ndarray):
            return NotImplemented
        return OPS[name](self, other)

    return compare


def _conversion(dtype: dtypes.dtype) -> Callable[..., Tensor]:
    def convert(self: Tensor, memory_format: Any = None) -> Tensor:
        return self._cast(dtype.numpy)

    convert.__doc__ = f"This tensor as {dtype}."
    return convert


def bind() -> None:
    """Gives the class the methods and operators of the op table."""
    inplace.derive()
    for name, face in METHODS.items():
        if name not in Tensor.__dict__:
            setattr(Tensor, name, Late(face, "front", name) if isinstance(face, Op) else face)
    for operator, op in _OPERATORS.items():
        setattr(Tensor, operator, Late(OPS[op], "front", operator))
    for operator, method in _METHOD_OPERATORS.items():
        if method in Tensor.__dict__:
            setattr(Tensor, operator, Tensor.__dict__[method])
    for operator, function in {
        "__rtruediv__": _rtruediv, "__rpow__": _rpow, "__rmod__": _rmod, "__rfloordiv__": _rfloordiv,
        "__rmatmul__": _rmatmul, "__invert__": _invert, "__eq__": _equality("eq"), "__ne__": _equality("ne"),
    }.items():  # fmt: skip
        setattr(Tensor, operator, function)
    for name in ("half", "float", "double", "cfloat", "cdouble", "bool", "short", "int", "long"):
        setattr(Tensor, name, _conversion(getattr(dtypes, name)))
    Tensor.byte = _conversion(dtypes.uint8)  # type: ignore[attr-defined]
    Tensor.char = _conversion(dtypes.int8)  # type: ignore[attr-defined]
