"""Element types: `torch.float32` and its relatives, and which one a calculation ends in.

A `dtype` is a label. It knows the NumPy type that stores it and the names PyTorch uses for it in its
various messages. There is exactly one object per kind, so `is` compares them, and they survive pickling.

The second half of the file answers "what is the type of `a + b`?". PyTorch sorts types into four
categories:

    bool < integers < floats < complex

and operands into three ranks: tensors with dimensions, 0-d tensors, Python numbers. The type is taken from
the highest rank present; a lower rank has a say only when its *category* is higher. So a float32 vector
times a float64 0-d tensor stays float32, an int64 vector times `1.5` becomes the default float type, and a
uint8 vector plus `300` stays uint8 (and wraps around).
"""

from __future__ import annotations

# The aliases torch.float, torch.int and torch.bool live in this module and hide Python's own types of the
# same names, so the built-in ones are written py.float, py.int and py.bool here.
import builtins as py
from collections.abc import Iterable
from functools import cache
from typing import Any, NoReturn

import numpy as np

from teachgrad import bfloats

_BOOL, _INTEGER, _FLOAT, _COMPLEX = range(4)


class dtype:  # noqa: N801 (PyTorch's spelling)
    """The type of a tensor's elements, e.g. `torch.float32`. Mirrors `torch.dtype`.

    Instances are made by this module only, cannot be changed, and compare by identity.

    Attributes:
        name: `"float32"`; `repr` puts `torch.` in front.
        numpy: the `numpy.dtype` of the array that stores such elements.
        category: 0 bool, 1 integer, 2 floating, 3 complex; the order decides type promotion.
        itemsize: bytes per element.
        is_floating_point, is_complex, is_signed: as in PyTorch (complex numbers are not "floating point").
        scalar_name: the name in messages about scalar types, `"Float"` or `"Long"`.
        type_name: the old tensor type name, `"torch.FloatTensor"`.
        c_name: the C++ name that some of PyTorch's messages show, `"long int"`.
    """

    __slots__ = (
        "c_name",
        "category",
        "is_complex",
        "is_floating_point",
        "is_signed",
        "itemsize",
        "name",
        "numpy",
        "scalar_name",
        "type_name",
    )
    name: str
    numpy: np.dtype[Any]
    category: py.int
    itemsize: py.int
    is_floating_point: py.bool
    is_complex: py.bool
    is_signed: py.bool
    scalar_name: str
    type_name: str
    c_name: str

    def __init__(self, *_: object) -> None:
        raise TypeError(
            "cannot create 'torch.dtype' instances\n"
            "The element types already exist: use torch.float32, torch.int64, torch.bool and so on."
        )

    def __setattr__(self, name: str, value: object) -> NoReturn:
        if name in dtype.__slots__:
            raise AttributeError(f"attribute '{name}' of 'torch.dtype' objects is not writable")
        raise AttributeError(f"'torch.dtype' object has no attribute '{name}'")

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __getattr__(self, name: str) -> Any:
        # An empty slot: bfloat16 asks for its NumPy type when it is first used, for only then is ml_dtypes loaded.
        if name != "numpy":
            raise AttributeError(f"'torch.dtype' object has no attribute '{name}'")
        stored_as = bfloats.numpy_dtype()
        BY_NUMPY[stored_as] = self
        object.__setattr__(self, "numpy", stored_as)
        return stored_as

    def __reduce__(self) -> Any:
        return _named, (self.name,)  # the one instance comes back

    def to_complex(self) -> dtype:
        """The complex type whose parts have this type.

        float16 gives complex64 (NumPy has no complex32, which PyTorch would choose); so does bfloat16, in PyTorch too.

        Raises:
            RuntimeError: for bool and integer types, as PyTorch does.
        """
        if self.is_complex:
            return self
        if not self.is_floating_point:
            raise RuntimeError(f"Unknown Complex ScalarType for {self.scalar_name}")
        return complex128 if self is float64 else complex64

    def to_real(self) -> dtype:
        """The type of the real and imaginary parts; a real type gives itself."""
        if not self.is_complex:
            return self
        return float64 if self is complex128 else float32


def _named(name: str) -> dtype:
    """Unpickles the type of that name."""
    known: dtype = globals()[name]
    return known


def _make(name: str, category: py.int, scalar_name: str, c_name: str) -> dtype:
    """The one instance called `name`, which is also NumPy's name for it (but NumPy has no bfloat16)."""
    self = object.__new__(dtype)
    stored_as = {} if name == "bfloat16" else {"numpy": np.dtype(name)}
    facts = {
        **stored_as,
        "name": name,
        "category": category,
        "itemsize": stored_as["numpy"].itemsize if stored_as else 2,
        "is_floating_point": category == _FLOAT,
        "is_complex": category == _COMPLEX,
        "is_signed": category != _BOOL and not name.startswith("u"),
        "scalar_name": scalar_name,
        "type_name": f"torch.{scalar_name}Tensor",
        "c_name": c_name,
    }
    for attribute, value in facts.items():
        object.__setattr__(self, attribute, value)  # our own __setattr__ refuses everything
    return self


dtype.__name__ = "torch.dtype"
dtype.__module__ = "torch"  # print(type(x.dtype)) shows <class 'torch.dtype'>, as it does in the lessons

uint8 = _make("uint8", _INTEGER, "Byte", "unsigned char")
int8 = _make("int8", _INTEGER, "Char", "signed char")
int16 = short = _make("int16", _INTEGER, "Short", "short int")
int32 = int = _make("int32", _INTEGER, "Int", "int")
int64 = long = _make("int64", _INTEGER, "Long", "long int")
uint16 = _make("uint16", _INTEGER, "UInt16", "short unsigned int")
uint32 = _make("uint32", _INTEGER, "UInt32", "unsigned int")
uint64 = _make("uint64", _INTEGER, "UInt64", "long unsigned int")
float16 = half = _make("float16", _FLOAT, "Half", "c10::Half")
bfloat16 = _make("bfloat16", _FLOAT, "BFloat16", "c10::BFloat16")
float32 = float = _make("float32", _FLOAT, "Float", "float")
float64 = double = _make("float64", _FLOAT, "Double", "double")
complex64 = cfloat = _make("complex64", _COMPLEX, "ComplexFloat", "c10::complex<float>")
complex128 = cdouble = _make("complex128", _COMPLEX, "ComplexDouble", "c10::complex<double>")
bool = _make("bool", _BOOL, "Bool", "bool")

ALL: tuple[dtype, ...] = (
    float64,
    float32,
    float16,
    bfloat16,
    complex64,
    complex128,
    int64,
    int32,
    int16,
    int8,
    uint64,
    uint32,
    uint16,
    uint8,
    bool,
)

BY_NUMPY: dict[np.dtype[Any], dtype] = {each.numpy: each for each in ALL if each is not bfloat16}
"""`BY_NUMPY[array.dtype]` is the hot-path form of `of`; an unknown type raises KeyError."""


def of(numpy_dtype: np.dtype[Any]) -> dtype:
    """The dtype of an array's `numpy.dtype` object.

    Raises:
        TypeError: when PyTorch has no such type (strings, objects, dates, other byte orders).
    """
    found = BY_NUMPY.get(numpy_dtype)
    if found is None:
        *names, last = (each.name for each in ALL if each is not bfloat16)
        error = TypeError(
            f"can't convert np.ndarray of type numpy.{numpy_dtype.type.__name__}. "
            f"The only supported types are: {', '.join(names)}, and {last}."
        )
        error.add_note("Convert the array first, for instance with array.astype('float32').")
        raise error
    return found


def _check_dtype(function: str, argument: str, position: py.int, value: object) -> None:
    if not isinstance(value, dtype):
        raise TypeError(
            f"{function}(): argument '{argument}' (position {position}) must be torch.dtype, not {type(value).__name__}"
        )


# -- The default floating type ---------------------------------------------------------------------------------

_default: dtype = float32


def get_default_dtype() -> dtype:
    """The type that Python floats become in a tensor; float32 unless changed."""
    return _default


def set_default_dtype(d: dtype) -> None:
    """Make `d` the type of new tensors made from Python floats. Mirrors `torch.set_default_dtype`.

    Raises:
        TypeError: when `d` is not a floating-point dtype.
    """
    global _default
    if not isinstance(d, dtype):
        raise TypeError(
            "invalid dtype object: only floating-point types are supported as the default type\n"
            f"Pass a dtype such as torch.float64, not {d!r}."
        )
    if not d.is_floating_point:
        raise TypeError(
            "only floating-point types are supported as the default type\n"
            f"{d} is none: choose torch.float32, torch.float64, torch.float16 or torch.bfloat16."
        )
    _default = d


# -- Type promotion --------------------------------------------------------------------------------------------


_BARE = frozenset({uint16, uint32, uint64})
"""Types that PyTorch stores, and computes little with."""


@cache
def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest type that holds both, for operands of equal rank. Mirrors `torch.promote_types`."""
    _check_dtype("promote_types", "type1", 1, type1)
    _check_dtype("promote_types", "type2", 2, type2)
    if type1 is type2:
        return type1
    if _BARE & {type1, type2} and _FLOAT not in (type1.category, type2.category):
        raise RuntimeError(
            "Promotion for uint16, uint32, uint64 types is not supported, attempted to promote "
            f"{type1.scalar_name} and {type2.scalar_name}"
        )
    if {type1, type2} == {float16, bfloat16}:
        return float32  # one has more digits, the other more range
    low, high = sorted((type1, type2), key=lambda each: (each.category, each.itemsize))
    if {low, high} == {uint8, int8}:
        return int16  # neither 8-bit type holds the other
    if high.is_complex and low.is_floating_point:
        return promote_types(high, low.to_complex())  # complex64 with float64 keeps the precision: complex128
    return high


@cache
def _combine_ranks(higher: dtype | None, lower: dtype | None) -> dtype | None:
    """Let operands of a lower rank raise the category, and never the precision within it."""
    if higher is None or lower is None:
        return higher or lower
    if higher.category >= lower.category:
        return higher
    if higher.is_floating_point:
        return higher.to_complex()  # a float64 tensor times 1j is complex128, whatever 1j alone would be
    return lower if lower.is_complex else promote_types(higher, lower)


def result_type(*operands: Any) -> dtype:
    """The dtype of arithmetic on these operands. Mirrors `torch.result_type`, for any number of operands.

    Args:
        operands: arrays (or anything with `dtype` and `ndim`; the dtype may be NumPy's or ours), NumPy
            scalars, which count as 0-d tensors, and Python numbers.
    """
    dimensioned: dtype | None = None
    zero_dim: dtype | None = None
    numbers: dtype | None = None
    for operand in operands:
        kind = getattr(operand, "dtype", None)
        if kind is None:
            own = of_number(operand)
            numbers = own if numbers is None else promote_types(numbers, own)
            continue
        own = kind if isinstance(kind, dtype) else of(kind)
        if operand.ndim:
            dimensioned = own if dimensioned is None else promote_types(dimensioned, own)
        else:
            zero_dim = own if zero_dim is None else promote_types(zero_dim, own)
    result = _combine_ranks(dimensioned, _combine_ranks(zero_dim, numbers))
    if result is None:
        raise TypeError("result_type() needs at least one operand")
    return result


def result_numpy_dtype(operands: Iterable[Any]) -> np.dtype[Any]:
    """`result_type` for the operands of one operation, as the `numpy.dtype` to compute in."""
    return result_type(*operands).numpy


def of_number(value: object) -> dtype:
    """The type a Python number has when no tensor of its category says otherwise."""
    if isinstance(value, py.bool):
        return bool
    if isinstance(value, py.int):
        return int64
    if isinstance(value, py.float):
        return _default
    if isinstance(value, complex):
        return _default.to_complex()
    raise TypeError(f"expected a tensor or a number, but got {type(value).__name__}")


def can_cast(from_: dtype, to: dtype) -> py.bool:
    """Whether `to` may receive `from_`: never into a lower category. Mirrors `torch.can_cast`."""
    _check_dtype("can_cast", "from_", 1, from_)
    _check_dtype("can_cast", "to", 2, to)
    return from_.category <= to.category
