"""Reading a tensor of either library into a :class:`Value`, and writing numbers the way ``print`` shows them.

Only what both libraries share is used: ``detach``, ``tolist`` and reductions of the tensor itself, so numbers
on a GPU come over once and nothing here needs NumPy.
"""

from __future__ import annotations

import itertools
import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from .model import Sample, Value

MOST_NUMBERS = 9  # a value with more elements is summed up by its shape and mean
BRIEF = 24  # characters that fit into a box beside others
LOOKED_AT = 512  # elements of a large array that its histogram counts, evenly spaced
BINS, CELLS = 16, 8  # of the histogram, and of the small map each way


def value_of(tensor: Any, look: bool = True) -> Value:
    """What ``tensor`` (or a Python number) holds now. Nothing is kept of it, and its graph is left alone.

    Without ``look``, a large tensor is told by its shape alone.
    """
    if isinstance(tensor, (bool, int, float)):
        text = write_number(tensor)
        return Value((), type(tensor).__name__, text, text, numbers=(tensor,))
    shape = tuple(int(size) for size in tensor.shape)
    dtype = str(tensor.dtype).rpartition(".")[2]
    numbers: tuple[float | int | bool, ...] | None = None
    stats: dict[str, float] | None = None
    sample: Sample | None = None
    try:
        if math.prod(shape) <= MOST_NUMBERS:
            numbers = tuple(_flat(tensor.tolist()))
        elif "float" in dtype and look:
            stats, sample = _summary(tensor.detach())
    except (RuntimeError, TypeError, ValueError):
        pass  # sparse, meta and other tensors that have a shape but no numbers to read: the shape must do
    if numbers is not None and any(isinstance(number, complex) for number in numbers):
        return Value(shape, dtype, _nested([str(n) for n in numbers], shape), f"{_times(shape)} {dtype}".strip())
    size = _times(shape)
    brief: str | None
    if numbers:
        text = _nested([write_number(number) for number in numbers], shape)
        brief = next((short for short in _shorter(numbers, text, shape) if len(short) <= BRIEF), None)
        if brief is None:
            finite = "float" in dtype and all(math.isfinite(number) for number in numbers)
            brief = f"{size}, mean {math.fsum(numbers) / len(numbers):.3g}" if finite else f"{size} {dtype}"
    elif stats:
        mean = f"{stats['mean']:.3g}"
        text, brief = f"{size} {dtype}, mean {mean}", f"{size}, mean {mean}"
    else:
        text = brief = f"{size} {dtype}"
    return Value(shape, dtype, text, shorten(brief, BRIEF), numbers=numbers, stats=stats, sample=sample)


def _shorter(numbers: Sequence[float], text: str, shape: Sequence[int]) -> Iterator[str]:
    """Ways to write few numbers, from the full one to two digits each."""
    yield text
    for digits in (3, 2):
        yield _nested([min(write_number(n), f"{n:.{digits}g}", key=len) for n in numbers], shape)


def write_number(number: float | int | bool) -> str:
    """As PyTorch prints a single element, without trailing zeros: ``-12.``, ``4.5``, ``0.3333``, ``1.2e-05``.

    >>> write_number(-12.0), write_number(1 / 3), write_number(1.2e-5), write_number(7)
    ('-12.', '0.3333', '1.2e-05', '7')
    """
    if not isinstance(number, float):
        return str(number)
    size = abs(number)
    if not math.isfinite(number):
        return str(number)
    if size < 1e6 and number == int(number):
        return f"{number:.0f}."
    if 1e-4 <= size < 1e6:
        text = f"{number:.4f}"
        # 2.99999 reads 3.0000, not 3.: the zeros say that it is not exactly three
        return text if text.endswith(".0000") else text.rstrip("0")
    mantissa, _, exponent = f"{number:.4e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{exponent}"


def plain(text: str) -> str:
    """Numbers as a sentence wants them, without the dot that marks a float: ``[4.5, 3.]`` -> ``[4.5, 3]``."""
    return re.sub(r"(?<=\d)\.(?![\de])", "", text)


def visible(text: str) -> str:
    """``text`` with everything that cannot be seen, or that reorders what is seen, spelled out.

    >>> visible("a\\0b\\u202e")
    'a\\\\x00b\\\\u202e'
    """
    if text.isprintable():  # nearly always, and then nothing of it is in _UNSEEN
        return text
    return "".join(_escape(char) if unicodedata.category(char) in _UNSEEN else char for char in text)


_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"))  # controls, bidi marks, surrogates, nobody's


def _escape(char: str) -> str:
    joiner = "\u200d"  # holds an emoji of several people together, and is harmless
    return char if char == joiner else char.encode("unicode_escape").decode("ascii")


def shorten(text: str, most: int) -> str:
    """At most ``most`` characters: the middle gives way, since both ends of a name tell it apart."""
    if len(text) <= most:
        return text
    head = (most - 1) // 2 + (most - 1) % 2
    return f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"


def _times(shape: Sequence[int]) -> str:
    if not shape:
        return "scalar"
    return "×".join(map(str, shape)) if len(shape) > 1 else f"size {shape[0]}"


def _nested(texts: Sequence[str], shape: Sequence[int]) -> str:
    """Written elements as nested brackets, innermost dimension first."""
    for size in reversed(shape):
        if size == 0:
            return "[]"
        texts = [f"[{', '.join(texts[i : i + size])}]" for i in range(0, len(texts), size)]
    return texts[0]


def _flat(nested: Any) -> list[Any]:
    flat = [nested]
    while flat and isinstance(flat[0], list):
        flat = list(itertools.chain.from_iterable(flat))
    return flat


def _summary(tensor: Any) -> tuple[dict[str, float], Sample]:
    """Four statistics of a large array, and what evenly spaced elements of it look like.

    All is gathered in one small tensor and read at once, so that of an array on a GPU one copy comes over, however large.
    """
    flat = tensor.reshape(-1)
    table = tensor.reshape(-1, int(tensor.shape[-1])) if len(tensor.shape) > 1 else tensor.reshape(1, -1)
    high, wide = (max(1, -(-int(size) // CELLS)) for size in table.shape)
    spaced, grid = flat[:: -(-int(flat.shape[0]) // LOOKED_AT)], table[::high, ::wide]
    count, columns = int(spaced.shape[0]), int(grid.shape[1])
    gathered = tensor.new_empty(4 + count + int(grid.shape[0]) * columns)
    for place, number in enumerate((tensor.min(), tensor.mean(), tensor.max(), (tensor * tensor).sum())):
        gathered[place] = number
    gathered[4 : 4 + count] = spaced
    gathered[4 + count :] = grid.reshape(-1)
    least, mean, most, squares, *numbers = gathered.tolist()
    seen, cells = numbers[:count], numbers[count:]
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    return {"min": least, "mean": mean, "max": most, "norm": math.sqrt(squares)}, _sample(seen, rows, least, most)


def _sample(seen: Sequence[float], rows: Sequence[Sequence[float]], least: float, most: float) -> Sample:
    counts = [0] * BINS
    width = (most - least) / BINS
    for number in seen:
        if math.isfinite(number) and math.isfinite(width):
            counts[min(int((number - least) / width), BINS - 1) if width else 0] += 1
    largest = max((abs(number) for row in rows for number in row if math.isfinite(number)), default=0.0)
    return Sample(tuple(counts), tuple("".join(_cell(number, largest) for number in row) for row in rows))


def _cell(number: float, largest: float) -> str:
    if not math.isfinite(number):
        return "!"
    level = math.ceil(8 * abs(number) / largest) if largest else 0
    return "0" if level == 0 else ("ABCDEFGH" if number > 0 else "abcdefgh")[min(level, 8) - 1]
