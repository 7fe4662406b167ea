"""PyTorch's text for a tensor: `tensor([1.0000, 2.5000], grad_fn=<MulBackward0>)`.

All numbers of a tensor are written in one notation and padded to one width, so that columns line up. The
notation is chosen by looking only at the finite, non-zero numbers that will be shown:

    all of them whole numbers                    1.      -20.
    magnitudes far apart, or extreme             1.0000e+00   (more than 1000 : 1, above 1e8 or below 1e-4)
    otherwise                                    1.0000  -20.5000

A tensor with more than `threshold` elements shows only `edgeitems` entries at both ends of each
dimension. Everything here works on NumPy arrays; a Tensor's `__repr__` is one call of `repr_tensor`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from teachgrad import dtypes, gpu
from teachgrad.bfloats import widened

if TYPE_CHECKING:  # numpy.typing costs `import teachgrad` milliseconds
    from numpy.typing import NDArray


class PrintOptions(NamedTuple):
    """The settings of `set_printoptions`; an immutable value, so a context manager can put it back."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=inf),
}

_options = PrintOptions()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Change how tensors print. Mirrors `torch.set_printoptions`.

    What is None stays as it is, except `sci_mode`, which every call sets: None means "decide per tensor".

    Args:
        precision: digits after the decimal point.
        threshold: a tensor with more elements than this is summarised.
        edgeitems: entries shown at each end of a summarised dimension.
        linewidth: columns per line.
        profile: `"default"`, `"short"` or `"full"` (never summarise); the other arguments come on top.
            Any other name is ignored, as PyTorch ignores it.
        sci_mode: True or False forces or forbids scientific notation.
    """
    global _options
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    base = _options if profile is None else _PROFILES.get(profile, _options)
    _options = base._replace(**changes, sci_mode=sci_mode)


def get_printoptions() -> dict[str, Any]:
    """The current settings, ready for `set_printoptions(**...)`."""
    return _options._asdict()


@contextmanager
def printoptions(**settings: Any) -> Iterator[None]:
    """`set_printoptions` for the length of a `with` block."""
    global _options
    before = _options
    set_printoptions(**settings)
    try:
        yield
    finally:
        _options = before


def repr_tensor(
    array: Any,
    *,
    dtype: dtypes.dtype,
    device: str | None = None,
    grad_fn_name: str | None = None,
    requires_grad: bool = False,
    tangent: Any = None,
    prefix: str = "tensor(",
    default_dtype: dtypes.dtype | None = None,
) -> str:
    """The text that `print(tensor)` shows.

    Args:
        array: the elements, of any shape and strides; a NumPy scalar for a 0-d tensor.
        dtype: the tensor's element type.
        device: `"cuda:0"` and so on, or None for the default device, which is not shown.
        grad_fn_name: the class name of the tensor's `grad_fn`, `"AddBackward0"`, or None.
        requires_grad: shown only when there is no `grad_fn`, that is, for leaves.
        tangent: the direction in which a dual tensor moves (forward mode), or None.
        prefix: the opening, up to the bracket; continuation lines are indented by its last line's length.
            `"Parameter containing:\\ntensor("` for a Parameter.
        default_dtype: the element type that need not be named; by default the current default dtype.
    """
    if not gpu.on_gpu(array):
        array = np.asarray(array) if dtype is not dtypes.bfloat16 else widened(array)
    indent = len(prefix) - (prefix.rfind("\n") + 1)
    suffixes = _suffixes(array, dtype, device, default_dtype or dtypes.get_default_dtype())
    if grad_fn_name is not None:
        suffixes.append(f"grad_fn=<{grad_fn_name}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    if tangent is not None:
        suffixes.append(f"tangent={tangent}")
    return _append(prefix + tensor_str(array, indent), suffixes, indent) + ")"


def _suffixes(array: NDArray[Any], dtype: dtypes.dtype, device: str | None, default_dtype: dtypes.dtype) -> list[str]:
    """What a reader could not guess from the numbers: device, size and element type, each where needed."""
    suffixes = [] if device is None else [f"device='{device}'"]
    if array.size == 0:
        sizeable = array.ndim != 1  # [] alone already says (0,)
        guessable: tuple[dtypes.dtype, ...] = (default_dtype,)
    else:
        sizeable = not _options.edgeitems  # no element will be shown
        # PyTorch pairs float16 with complex64 here, and so does to_complex.
        guessable = (default_dtype, default_dtype.to_complex(), dtypes.int64, dtypes.bool)
    if sizeable:
        suffixes.append(f"size={array.shape}")
    if dtype not in guessable:
        suffixes.append(f"dtype={dtype}")
    return suffixes


def _append(text: str, suffixes: Sequence[str], indent: int) -> str:
    """Put each suffix behind a comma, on a new line when the current one would grow too long."""
    length = len(text) - text.rfind("\n") + 1  # PyTorch counts two columns more than the last line has
    for suffix in suffixes:
        if length + len(suffix) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + suffix
            length = indent + len(suffix)
        else:
            text += ", " + suffix
            length += len(suffix) + 2
    return text


# -- The numbers in their brackets -----------------------------------------------------------------------------


def tensor_str(array: NDArray[Any], indent: int = 0) -> str:
    """The elements in nested brackets; continuation lines are indented by `indent` and the depth."""
    if array.size == 0:
        return "[]"
    cuts: tuple[bool, ...] = (False,) * array.ndim
    if array.size > _options.threshold:
        array, cuts = _edges(array)
    array = widened(gpu.to_host(array))
    write, width = _writer(array)
    return _brackets(array, cuts, indent, write, width)


def _edges(array: NDArray[Any]) -> tuple[NDArray[Any], tuple[bool, ...]]:
    """The part of a large array that a summary shows, and which dimensions have a gap in the middle."""
    keep = _options.edgeitems
    cuts = tuple(size > 2 * keep for size in array.shape)
    for axis, cut in enumerate(cuts):
        if cut:
            size = array.shape[axis]
            before = (slice(None),) * axis
            array = np.concatenate((array[(*before, slice(keep))], array[(*before, slice(size - keep, None))]), axis)
    return array, cuts


def _brackets(array: NDArray[Any], cuts: tuple[bool, ...], indent: int, write: Callable[[Any], str], width: int) -> str:
    """Lay out one dimension and, inside it, the next ones.

    The innermost dimension breaks into lines where `linewidth` ends. Sub-tensors are separated by as many
    newlines as they have dimensions, so that the matrices of a 3-d tensor stand a blank line apart.
    """
    if array.ndim == 0:
        return write(array.item())
    if array.ndim == 1:
        parts = [write(value) for value in array.tolist()]
        if cuts[0]:
            # The blank in front of the dots is PyTorch's; it is absent when edgeitems is 0.
            parts.insert(_options.edgeitems, " ..." if parts else "...")
        per_line = max(1, (_options.linewidth - indent) // (width + 2))
        lines = [", ".join(parts[start : start + per_line]) for start in range(0, len(parts), per_line)]
        separator = ",\n"
    else:
        lines = [_brackets(part, cuts[1:], indent + 1, write, width) for part in array]
        if cuts[0]:
            lines.insert(_options.edgeitems, "...")
        separator = "," + "\n" * (array.ndim - 1)
    return "[" + (separator + " " * (indent + 1)).join(lines) + "]"


# -- One number ------------------------------------------------------------------------------------------------


def _writer(shown: NDArray[Any]) -> tuple[Callable[[Any], str], int]:
    """How every element is written, and how many columns an element takes."""
    if shown.dtype.kind != "c":
        return _real_writer(shown)
    write_real, real_width = _real_writer(shown.real)
    write_imag, imag_width = _real_writer(shown.imag)

    def write(value: complex) -> str:
        imag = write_imag(value.imag).lstrip() + "j"  # alignment spaces would tear the number apart
        return write_real(value.real) + ("" if imag.startswith("-") else "+") + imag

    return write, real_width + imag_width + 1


def _real_writer(shown: NDArray[Any]) -> tuple[Callable[[Any], str], int]:
    """`_writer` for numbers that are not complex.

    The width is that of the widest finite non-zero number: zeros, nan and inf may stick out of their column
    when nothing else is there, as they do in PyTorch.
    """
    if shown.dtype.kind != "f":  # integers and bools
        width = max((len(str(value)) for value in shown.ravel().tolist()), default=1)
        return lambda value: str(value).rjust(width), width
    telling = shown[np.isfinite(shown) & (shown != 0)].astype(np.float64)
    whole = bool((telling == np.ceil(telling)).all())
    pattern = f".{_options.precision}f"
    if telling.size and _scientific(np.abs(telling)):
        pattern, whole = f".{_options.precision}e", False

    def digits(value: float) -> str:
        if whole:
            return f"{value:.0f}." if isfinite(value) else f"{value}"
        return format(value, pattern)

    width = max(map(len, map(digits, telling.tolist())), default=1)
    return lambda value: digits(value).rjust(width), width


def _scientific(magnitudes: NDArray[np.float64]) -> bool:
    """Whether fixed notation would lose digits or run wide for these positive numbers."""
    if _options.sci_mode is not None:
        return _options.sci_mode
    smallest, largest = float(magnitudes.min()), float(magnitudes.max())
    return largest > 1e8 or smallest < 1e-4 or largest / smallest > 1000
