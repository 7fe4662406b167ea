"""bfloat16 on a GPU: CuPy 13 has no such numbers, so a tensor keeps their bits, as whole numbers of 16.

    float32     s eeeeeeee fffffffffffffffffffffff
    the upper half is the bfloat16, rounded to the nearest and, half way, to the even one

`DeviceBfloats` can be moved, reshaped, indexed, copied and converted, and refuses to be computed with, like `Bfloats` on the
CPU (bfloats.py): then the op is run in float32 and its result rounded. Loaded when a GPU is first used.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from teachgrad import gpu
from teachgrad.autograd.variable import ARRAYS
from teachgrad.bfloats import GUARDED, MOVERS, Guarded, NeedsFloat32, guarded, numpy_dtype

_TOLD = frozenset(("shape", "ndim", "size", "strides", "nbytes", "itemsize", "flags", "device", "data"))
_MOVING = frozenset(("reshape", "transpose", "swapaxes", "squeeze", "ravel", "copy", "diagonal", "flatten", "repeat"))
_HALF = np.uint32(16)


class DeviceBfloats(Guarded, NDArrayOperatorsMixin):
    """An array of bfloat16 numbers on a GPU. `bits`: an array of CuPy's of the same shape, uint16."""

    __slots__ = ("bits",)
    __hash__ = None  # type: ignore[assignment]
    __array_priority__ = 200  # above CuPy's

    def __init__(self, bits: Any) -> None:
        self.bits = bits

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of bfloat16."""
        return numpy_dtype()

    @property
    def base(self) -> Any:
        """The bits, where nobody else has them; the array itself where they are a view, so that it counts as one."""
        return self.bits if self.bits.base is None else self

    @property
    def T(self) -> Any:
        """With all dimensions in reverse order."""
        return DeviceBfloats(self.bits.T)

    @property
    def mT(self) -> Any:
        """With the last two dimensions exchanged."""
        return DeviceBfloats(self.bits.swapaxes(-1, -2))

    @property
    def real(self) -> Any:
        """The array itself."""
        return self

    def __getattr__(self, name: str) -> Any:
        if name in _TOLD:
            return getattr(self.bits, name)
        if name in _MOVING:
            return lambda *args, **named: DeviceBfloats(getattr(self.bits, name)(*args, **named))
        raise NeedsFloat32(name)

    @staticmethod
    def sum_of(one: Any, other: Any) -> Any:
        """The sum of two."""
        return rounded(widened(one) + widened(other))

    def __cupy_get_ndarray__(self) -> Any:
        """CuPy asks for this when one of its own arrays meets this one in a kernel."""
        raise NeedsFloat32("a kernel")

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func not in MOVERS:
            raise NeedsFloat32(func.__name__)
        if func is np.ones_like:
            func, args = np.full_like, (args[0], 1.0, *args[1:])
        if func in (np.full_like, np.copyto) and args[1].__class__ is not DeviceBfloats:
            args = (args[0], _number(args[1]), *args[2:])
        return _with_bits(func, args, kwargs)

    def __len__(self) -> int:
        return len(self.bits)

    def __iter__(self) -> Any:
        return map(DeviceBfloats, self.bits)

    def __getitem__(self, index: Any) -> Any:
        return DeviceBfloats(self.bits[index])

    def __setitem__(self, index: Any, value: Any) -> None:
        self.bits[index] = rounded(value).bits if gpu.on_gpu(value) else _number(value)

    def get(self) -> Any:
        """The numbers as an array of the CPU."""
        return guarded(np.asarray(self.bits.get()).view(numpy_dtype()))


def _number(value: Any) -> int:
    """The bits of one number of the CPU."""
    return int(np.float32(value).astype(numpy_dtype()).view(np.uint16))


def _bits(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return type(value)(map(_bits, value))
    if isinstance(value, np.dtype):
        return np.dtype(np.uint16) if value == numpy_dtype() else value
    return value.bits if value.__class__ is DeviceBfloats else value


def _with_bits(function: Any, args: Any, kwargs: Any) -> Any:
    """`function`, which looks at places only, of the bits."""
    found = function(*_bits(tuple(args)), **{key: _bits(value) for key, value in kwargs.items()})
    return _wrapped(found)


def _wrapped(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return type(value)(map(_wrapped, value))
    return DeviceBfloats(value) if gpu.on_gpu(value) and value.dtype == np.uint16 else value


def rounded(array: Any) -> DeviceBfloats:
    """An array of a GPU as bfloat16."""
    if array.__class__ is DeviceBfloats:
        return array
    numbers = array.astype(np.float32).view(np.uint32)
    even = (numbers >> _HALF) & np.uint32(1)
    upper = (numbers + np.uint32(0x7FFF) + even) >> _HALF
    return DeviceBfloats(np.where(np.isnan(array), np.uint32(0x7FC0), upper).astype(np.uint16))


def widened(array: DeviceBfloats) -> Any:
    """bfloat16 numbers as an array of float32."""
    return (array.bits.astype(np.uint32) << _HALF).view(np.float32)


def sent(array: Any) -> DeviceBfloats:
    """bfloat16 numbers of the CPU or of another GPU on the current GPU."""
    bits = array.bits if array.__class__ is DeviceBfloats else np.asarray(array).view(np.ndarray).view(np.uint16)
    return DeviceBfloats(gpu.module().asarray(bits))


def _is_bfloat16(value: Any) -> bool:
    return isinstance(value, np.dtype) and value.kind == "V"


def _in_float32(value: Any) -> Any:
    return (
        widened(value) if value.__class__ is DeviceBfloats else np.dtype(np.float32) if _is_bfloat16(value) else value
    )


class Makers:
    """CuPy, whose functions that make or copy arrays know bfloat16 as well: in float32, then rounded, or on the bits."""

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._cupy, name)

        def make(*args: Any, **named: Any) -> Any:
            given = (*args, *named.values())
            ours = any(each.__class__ is DeviceBfloats for each in given)
            dtypes = [each for each in given if isinstance(each, np.dtype | type)]
            if ours and not dtypes and name not in ("ones_like", "full_like"):
                return _with_bits(function, args, named)
            made = function(*map(_in_float32, args), **{key: _in_float32(value) for key, value in named.items()})
            return rounded(made) if any(map(_is_bfloat16, dtypes)) or (ours and not dtypes) else made

        return make if callable(function) and not isinstance(function, type) else function


def begin(cupy: Any) -> None:
    """A GPU is in use."""
    gpu.MODULES[DeviceBfloats] = Makers(cupy)
    ARRAYS.add(DeviceBfloats)
    GUARDED.add(DeviceBfloats)
