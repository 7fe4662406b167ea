"""`torch.finfo` and `torch.iinfo`: the largest number of a dtype, the smallest, and the step between them."""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgrad import dtypes


class _Limits:
    """What `finfo` and `iinfo` share: read-only facts, shown the way PyTorch shows them."""

    _shown: tuple[str, ...]

    def __repr__(self) -> str:
        # Six significant digits, also for integers: iinfo(int64).max shows as 9.22337e+18.
        numbers = ", ".join(f"{name}={getattr(self, name):g}" for name in self._shown)
        return f"{type(self).__name__}({numbers}, dtype={self.dtype})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.dtype == getattr(other, "dtype", None)

    def __hash__(self) -> int:
        return hash((type(self).__name__, self.dtype))

    dtype: str


class finfo(_Limits):  # noqa: N801
    """Numerical limits of a floating-point type. Mirrors `torch.finfo`.

    A complex type gives the limits of its parts, no argument those of the default dtype.

    Attributes:
        bits, eps, max, min, tiny (= smallest_normal), resolution, dtype (a name).

    Raises:
        TypeError: for integer and bool types.
    """

    _shown = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")

    def __init__(self, type: dtypes.dtype | None = None) -> None:
        given = dtypes.get_default_dtype() if type is None else type
        dtypes._check_dtype("finfo", "type", 1, given)
        kind = given.to_real()
        if not kind.is_floating_point:
            raise TypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'"
            )
        limits = np.finfo(kind.numpy) if kind is not dtypes.bfloat16 else _bfloat16_limits()
        self.dtype = kind.name
        self.bits = limits.bits
        self.eps = float(limits.eps)
        self.max = float(limits.max)
        self.min = float(limits.min)
        self.resolution = 10.0**-limits.precision
        self.smallest_normal = self.tiny = float(limits.smallest_normal)


def _bfloat16_limits() -> Any:
    from ml_dtypes import finfo as limits_of

    return limits_of(dtypes.bfloat16.numpy)  # type: ignore[no-untyped-call]


class iinfo(_Limits):  # noqa: N801
    """Numerical limits of an integer type. Mirrors `torch.iinfo`.

    Attributes:
        bits, max, min, dtype (a name).

    Raises:
        TypeError: for floating, complex and bool types.
    """

    _shown = ("min", "max")

    def __init__(self, type: dtypes.dtype) -> None:
        dtypes._check_dtype("iinfo", "type", 1, type)
        if type is dtypes.bool:
            raise TypeError("torch.bool is not supported by torch.iinfo")
        if type.category != dtypes._INTEGER:
            raise TypeError("torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'")
        limits = np.iinfo(type.numpy)
        self.dtype = type.name
        self.bits = limits.bits
        self.max = int(limits.max)
        self.min = int(limits.min)
