"""`torch.testing`: are two results the same, and random tensors to try things on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import teachgrad as torch
from teachgrad import gpu
from teachgrad.autograd.variable import TensorBase, wrap

__all__ = ["assert_close", "make_tensor"]

_TOLERANCES = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "complex64": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex128": (1e-7, 1e-7),
}
"""(rtol, atol) for each dtype; all others must be equal."""

Message = str | Callable[[str], str] | None


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: Message = None,
) -> None:
    """Raises AssertionError unless `|actual - expected| <= atol + rtol * |expected|` for all elements.

    Takes tensors, NumPy arrays, numbers, and sequences and mappings of them. Tolerances follow from the dtype unless both
    are given; shapes and dtypes must be equal. `msg` replaces the message, or makes one from it.
    Mirrors `torch.testing.assert_close`.
    """
    for name, value, partner in (("atol", atol, rtol), ("rtol", rtol, atol)):
        if value is None and partner is not None:
            raise ValueError(f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {name}.")
    tolerances = None if rtol is None or atol is None else (rtol, atol)
    failure = _compare(actual, expected, "", tolerances, equal_nan, check_dtype, check_stride)
    if failure is not None:
        raise AssertionError(failure if msg is None else msg if isinstance(msg, str) else msg(failure))


def _compare(
    actual: Any,
    expected: Any,
    place: str,
    tolerances: tuple[float, float] | None,
    equal_nan: bool,
    check_dtype: bool,
    check_stride: bool,
) -> str | None:
    """What differs, in words, or None. `place` is where inside nested sequences, such as "[1][2]"."""
    where = f"\n\nThe failure occurred for item {place}" if place else ""
    rest: Any = (tolerances, equal_nan, check_dtype, check_stride)
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        if actual.keys() != expected.keys():
            return (
                "The keys of the mappings do not match:\n"
                f"Missing keys in the actual mapping: {sorted(expected.keys() - actual.keys())}\n"
                f"Additional keys in the actual mapping: {sorted(actual.keys() - expected.keys())}{where}"
            )
        pairs = [(actual[key], expected[key], f"{place}[{key!r}]") for key in actual]
        return next((f for pair in pairs if (f := _compare(*pair, *rest))), None)
    if _is_sequence(actual) and _is_sequence(expected):
        if len(actual) != len(expected):
            return f"The length of the sequences mismatch: {len(actual)} != {len(expected)}{where}"
        items = enumerate(zip(actual, expected, strict=True))
        return next((f for i, (a, e) in items if (f := _compare(a, e, f"{place}[{i}]", *rest))), None)
    if actual is None or expected is None:
        return None if actual is expected else f"None mismatch: {actual} is not {expected}{where}"
    if isinstance(actual, bool) and isinstance(expected, bool):
        return None if actual is expected else f"Booleans mismatch: {actual} is not {expected}{where}"
    if isinstance(actual, int | float | complex) and isinstance(expected, int | float | complex):
        failure = _compare_numbers(actual, expected, tolerances, equal_nan, check_dtype)
    else:
        pair = (actual, expected)
        if all(isinstance(value, np.ndarray) for value in pair):
            pair = tuple(torch.from_numpy(value) for value in pair)
        if not all(isinstance(value, TensorBase) for value in pair):
            raise TypeError(
                f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}."
            )
        failure = _compare_tensors(*pair, *rest)
    return None if failure is None else failure + where


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _tolerance(a: str, b: str) -> tuple[float, float]:
    pairs = [_TOLERANCES.get(name, (0.0, 0.0)) for name in (a, b)]
    return max(pair[0] for pair in pairs), max(pair[1] for pair in pairs)


def _compare_numbers(
    actual: Any, expected: Any, tolerances: tuple[float, float] | None, equal_nan: bool, check_type: bool
) -> str | None:
    if check_type and type(actual) is not type(expected):
        return f"The (d)types do not match: {type(actual)} != {type(expected)}."
    kinds = ["int64" if isinstance(n, int) else "float64" for n in (actual, expected)]
    rtol, atol = tolerances or _tolerance(*kinds)
    difference = abs(actual - expected)
    if difference <= atol + rtol * abs(expected) or (equal_nan and actual != actual and expected != expected):
        return None
    relative = difference / abs(expected) if expected else math.inf
    return _scalars(actual, expected, difference, relative, rtol, atol)


def _scalars(actual: Any, expected: Any, difference: Any, relative: Any, rtol: float, atol: float) -> str:
    equal = not rtol and not atol
    return (
        f"Scalars are not {'equal' if equal else 'close'}!\n\nExpected {expected} but got {actual}.\n"
        f"Absolute difference: {difference}{'' if equal else f' (up to {atol} allowed)'}\n"
        f"Relative difference: {relative}{'' if equal else f' (up to {rtol} allowed)'}"
    )


def _compare_tensors(
    actual: Any,
    expected: Any,
    tolerances: tuple[float, float] | None,
    equal_nan: bool,
    check_dtype: bool,
    check_stride: bool,
) -> str | None:
    checked = ["shape", *(["dtype"] if check_dtype else []), *(["stride()"] if check_stride else [])]
    for name in checked:
        have, want = ((t.stride() if name == "stride()" else getattr(t, name)) for t in (actual, expected))
        if have != want:
            return f"The values for attribute '{name}' do not match: {have} != {want}."
    rtol, atol = tolerances or _tolerance(*(str(t.dtype).removeprefix("torch.") for t in (actual, expected)))
    a, b = (np.asarray(gpu.to_host(t._data)) for t in (actual, expected))
    wide = np.complex128 if "c" in a.dtype.kind + b.dtype.kind else np.float64
    x, y = a.astype(wide), b.astype(wide)
    close = np.isclose(x, y, rtol, atol, equal_nan) if rtol or atol else (x == y)
    if not rtol and not atol and equal_nan:
        close = close | (np.isnan(x) & np.isnan(y))
    if close.all():
        return None
    kind = a.dtype if a.dtype.kind in "fc" else np.dtype(np.float32)
    apart = np.where(close, 0, np.abs(x - y))
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(close, 0, np.abs(x - y) / np.abs(y)).astype(
            kind if kind.kind == "f" else abs(kind.type()).dtype
        )
    difference = apart.astype(a.dtype if a.dtype.kind in "fiu" else relative.dtype if a.dtype.kind == "c" else np.int64)
    if not a.ndim:
        return _scalars(a.item(), b.item(), difference.item(), relative.item(), rtol, atol)
    equal, wrong = not rtol and not atol, int((~close).sum())
    lines = [f"Tensor-likes are not {'equal' if equal else 'close'}!\n"]
    lines.append(f"Mismatched elements: {wrong} / {a.size} ({wrong / a.size:.1%})")
    for name, values, allowed in (("absolute", difference, atol), ("relative", relative, rtol)):
        worst = np.unravel_index(int(np.argmax(values)), values.shape)
        limit = "" if equal else f" (up to {allowed} allowed)"
        lines.append(f"Greatest {name} difference: {values[worst].item()} at index {tuple(map(int, worst))}{limit}")
    return "\n".join(lines)


def make_tensor(
    *shape: Any,
    dtype: Any,
    device: Any,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Any:
    """A tensor of random numbers from [low, high), the ones that PyTorch makes of the same seed.

    Without bounds, -9 to 9 (bools: both). Mirrors `torch.testing.make_tensor`. Raises ValueError for `low >= high` and for
    requires_grad with integers.
    """
    sizes = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], Sequence) else shape
    floats = dtype.is_floating_point or dtype.is_complex
    if requires_grad and not floats:
        raise ValueError(f"`requires_grad=True` is not supported for boolean and integral dtypes, but got {dtype=}")
    spread = noncontiguous and math.prod(sizes) > 1
    if spread:
        sizes = (*sizes[:-1], 2 * sizes[-1])
    bools = dtype == torch.bool
    lowest, highest = (0, 2) if bools else (0, 256) if dtype == torch.uint8 else (-math.inf, math.inf)
    low = max(lowest, (0 if bools else -9) if low is None else low)
    high = min(highest, (2 if bools else 9 if floats else 10) if high is None else high)
    if low >= high:
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    if not floats:
        result = torch.randint(math.ceil(low), math.ceil(high), sizes, dtype=dtype)
    elif dtype.is_complex:
        pairs = torch.empty((*sizes, 2), dtype=torch.float64 if dtype == torch.complex128 else torch.float32)
        result = wrap(pairs.uniform_(low, high)._data.view(dtype.numpy)[..., 0])
    else:
        result = torch.empty(sizes, dtype=dtype).uniform_(low, high)
    if exclude_zero:
        smallest = np.finfo(dtype.numpy).tiny if floats else 1
        result._data[result._data == 0] = smallest
    if spread:
        result = result[..., 1::2]  # from 1, so that the memory does not start with the first element
    return result.requires_grad_(requires_grad)
