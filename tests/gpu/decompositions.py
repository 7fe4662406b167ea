"""`cupy.linalg` and `cupyx.scipy.linalg` of the stand-in: NumPy's answers, with the limits that CuPy 13 or 14 has.

None of these functions tells whether it succeeded: by default CuPy does not look (`cupyx.seterr(linalg='ignore')`). Where a
matrix is singular, numbers come out that are not finite.
"""

from __future__ import annotations

import numpy as np

from gpu.standin import _only_device, _wrap, ndarray
from gpu.surface import check_arguments, launched


def _checked(name, arrays):
    """What `cupy.linalg._util` checks: arrays of the device, two dimensions or more, no half precision, square ones."""
    for array in arrays:
        if not isinstance(array, ndarray):
            raise np.linalg.LinAlgError("cupy.linalg only supports cupy.ndarray")
        if array.dtype == np.float16:
            raise TypeError("float16 is unsupported in linalg")
    first = arrays[0]
    if first.ndim < 2:
        raise np.linalg.LinAlgError(f"{first.ndim}-dimensional array given. Array must be at least two-dimensional")
    if name not in ("qr", "svd", "lstsq", "pinv", "norm", "matrix_rank") and first.shape[-1] != first.shape[-2]:
        raise np.linalg.LinAlgError("Last 2 dimensions of the array must be square")


def _one_by_one(function, a, *others):
    """`function` of each matrix of a batch; what is singular gives no finite numbers and no error."""
    if a.ndim == 2:
        try:
            return function(a, *others)
        except np.linalg.LinAlgError:
            fill = np.inf if np.isfinite(a).all() else np.nan
            return np.full((others or (a,))[-1].shape, fill, np.result_type(a, *others))
    if not a.size:
        return function(a, *others)
    parts = [_one_by_one(function, *matrices) for matrices in zip(a, *others, strict=True)]
    return np.stack(parts)


def check_solve(a, b):
    """The shapes that both CuPys take: neither broadcasts, and a batch of no columns divides by zero there."""
    if b.ndim == 1 and a.ndim == 2 and a.shape[-1] == b.size:
        return
    if a.ndim != b.ndim or a.shape[:-1] != b.shape[:-1]:
        raise ValueError("a must have (..., M, M) shape and b must have (..., M, K) for multidimensional b")
    if a.ndim > 2 and a.size and not b.size:
        raise ZeroDivisionError("arange with a step of 0 bytes, in cupy.cublas.batched_gesv")


def decomposition(name, parameters):
    """The function of that name in `cupy.linalg`."""

    def call(*args, **kwargs):
        check_arguments(name, parameters, args, kwargs)
        if name == "norm":
            _only_device(args[0])
        else:
            _checked(name, args[:2] if name in ("solve", "lstsq") else args[:1])
        launched(name)
        hosts = [each._host if isinstance(each, ndarray) else each for each in args]
        if name == "solve":
            check_solve(*hosts)
        if name == "eigh" and (hosts[1:] or [kwargs.get("UPLO", "L")])[0] not in ("L", "U"):
            raise ValueError("UPLO argument must be 'L' or 'U'")
        with np.errstate(all="ignore"):
            if name in ("inv", "solve"):
                return _wrap(_one_by_one(getattr(np.linalg, name), *hosts))
            return _wrap(getattr(np.linalg, name)(*hosts, **kwargs))

    call.__name__ = name
    return call


def solve_triangular(a, b, trans=0, lower=False, unit_diagonal=False, overwrite_b=False, check_finite=False):
    """`cupyx.scipy.linalg.solve_triangular`, which in CuPy 13 takes no batches."""
    for each in (a, b):
        _only_device(each)
    if a.ndim != 2 or a.shape[0] != a.shape[1]:
        raise ValueError("expected square matrix")
    if len(a) != len(b):
        raise ValueError("incompatible dimensions")
    if not b.size:
        raise ValueError("cuBLAS: CUBLAS_STATUS_INVALID_VALUE")
    assert a.dtype == b.dtype and a.dtype.char in "fdFD" and trans == 0 and not check_finite and not overwrite_b
    launched("solve_triangular")
    A, X = (np.tril if lower else np.triu)(a._host), b._host.copy()
    n = len(A)
    with np.errstate(all="ignore"):
        for i in range(n) if lower else range(n - 1, -1, -1):
            known = slice(0, i) if lower else slice(i + 1, n)
            X[i] -= A[i, known] @ X[known]
            X[i] /= 1 if unit_diagonal else A[i, i]
    return _wrap(X)
