"""bfloat16: float32 with the lower half of its bits cut off.

    float32     s eeeeeeee fffffffffffffffffffffff      about 7 digits
    bfloat16    s eeeeeeee fffffff                      about 2, over the same range

Such numbers are only a way of storing: PyTorch computes an op in float32 and rounds its result once, to the nearest
bfloat16. ml_dtypes gives NumPy the dtype, but would round after every ufunc. So the arrays of bfloat16 tensors are
`Bfloats`, which refuse to be computed with: `NeedsFloat32` is an AttributeError, which the functions that the op table
writes catch anyway, and `ops/convert.py` then runs the op again in float32. No other dtype pays for this.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from teachgrad import gpu
from teachgrad.autograd.variable import ARRAYS


class NeedsFloat32(AttributeError):  # noqa: N818 - a request rather than a mistake
    """Somebody tried to compute with bfloat16 numbers as they are. A learner sees it where no op stands in between."""

    def __init__(self, function: str) -> None:
        super().__init__(f"{function}() is not computed in bfloat16. Convert first, as in x.float().")


MOVERS = frozenset(
    {
        np.array_split, np.atleast_1d, np.broadcast_arrays, np.broadcast_to, np.copyto, np.diagonal, np.empty_like,
        np.expand_dims, np.flip, np.full_like, np.may_share_memory, np.moveaxis, np.ndim, np.ones_like, np.reshape,
        np.rollaxis, np.shape, np.shares_memory, np.size, np.split, np.squeeze, np.swapaxes, np.take_along_axis,
        np.transpose, np.zeros_like,
    }
)  # fmt: skip
"""NumPy's functions that look at places only, not at numbers."""


class Guarded:
    """What arrays of bfloat16 numbers do, and refuse to do, on the CPU and on a GPU."""

    __slots__ = ()
    sum_of: Any

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **named: Any) -> Any:
        # One sum of two is rounded once in any case: that is how gradients from several places meet.
        kinds = {getattr(each, "dtype", None) for each in inputs}
        if ufunc is np.add and method == "__call__" and not named and kinds == {numpy_dtype()}:
            total = self.sum_of(*inputs)
            if out is None:
                return total
            out[0][...] = total
            return out[0]
        raise NeedsFloat32(ufunc.__name__)

    def item(self, *args: Any) -> Any:
        """One element as a Python float."""
        return widened(self).item(*args)

    def tolist(self) -> Any:
        """The elements as nested lists of Python floats."""
        return widened(self).tolist()

    def __bool__(self) -> bool:
        return bool(widened(self))


class Bfloats(Guarded, np.ndarray[Any, Any]):
    """An array of bfloat16 numbers that can be reshaped, indexed, copied and converted, but not computed with."""

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func not in MOVERS:
            raise NeedsFloat32(func.__name__)
        moved = super().__array_function__(func, types, args, kwargs)
        return guarded(moved) if isinstance(moved, np.ndarray) and moved.dtype.kind == "V" else moved

    def astype(self, dtype: Any, *_: Any, **__: Any) -> Any:
        """Refused too: who converts, wants to compute."""
        raise NeedsFloat32("astype")

    @staticmethod
    def sum_of(one: Any, other: Any) -> Any:
        """The sum of two, which ml_dtypes adds in float32 as well."""
        return guarded(np.add(np.asarray(one).view(np.ndarray), np.asarray(other).view(np.ndarray)))


@cache
def numpy_dtype() -> np.dtype[Any]:
    """The `numpy.dtype` of bfloat16. Its kind is "V"; no other dtype of a tensor has that."""
    from ml_dtypes import bfloat16

    ARRAYS.add(Bfloats)
    kind: np.dtype[Any] = np.dtype(bfloat16)
    return kind


GUARDED: set[type] = {Bfloats}
"""The classes of arrays that refuse; gpubfloats.py adds the one for GPUs."""


def guarded(array: Any) -> Any:
    """A bfloat16 array, or NumPy scalar, as `Bfloats`, which share its memory."""
    return array if array.__class__ in GUARDED else np.asarray(array).view(Bfloats)


def cast(array: Any, dtype: Any) -> Any:
    """`array.astype(dtype)`, also from and to bfloat16."""
    if array.__class__ in gpu.MODULES:
        wide = widened(array)
        return gpu.bfloats().rounded(wide) if dtype.kind == "V" else wide.astype(dtype)
    made = (array.view(np.ndarray) if array.__class__ is Bfloats else array).astype(dtype)
    return guarded(made) if dtype.kind == "V" else made


def widened(array: Any) -> Any:
    """`array` as float32 if it is bfloat16, else as it is."""
    if array.dtype.kind != "V":
        return array
    return gpu.bfloats().widened(array) if gpu.on_gpu(array) else array.view(np.ndarray).astype(np.float32)
