"""`einsum`: products and sums of tensors, told by the names of their dimensions; and `kron`, all products of two.

    "ij,jk->ik"       out[i, k] = sum over j of a[i, j] * b[j, k]

First all operands get the same dimensions in the same order: those of the result, then those that are summed; where an
operand lacks one, its size there is 1. Then they are multiplied from left to right, each time as one batch of matrix
products (`_pair`). Mirrors `torch.einsum`, graph and all.
"""

from __future__ import annotations

from math import prod
from typing import Any

from teachgrad.ops.table import LIVE, public

_DOTS = "."  # stands for each dimension of an ellipsis


@public(method=False)
def einsum(equation: str, *operands: Any) -> Any:
    """The sum of products that `equation` describes. Mirrors `torch.einsum`.

    Raises RuntimeError for an equation that does not fit the operands.
    """
    if len(operands) == 1 and isinstance(operands[0], tuple | list):
        operands = tuple(operands[0])
    left, arrow, right = equation.replace(" ", "").replace("...", _DOTS).partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        more = "more" if len(terms) < len(operands) else "fewer"
        raise RuntimeError(f"einsum(): {more} operands were provided than specified in the equation")
    pairs = list(zip(terms, operands, strict=True))
    dots = max(_dotted(number, *pair) for number, pair in enumerate(pairs))
    result = right if arrow else _implicit_result(terms)
    for label in result:
        if label != _DOTS and label not in left:
            raise RuntimeError(
                f"einsum(): output subscript {label} does not appear in the equation for any input operand"
            )
    order = [*_spelled(result, dots)]
    kept = len(order)
    order += sorted({label for term in terms for label in _spelled(term, dots)} - set(order))
    aligned = [_aligned(number, *pair, dots, order) for number, pair in enumerate(pairs)]
    _check_sizes(terms, operands, dots)
    if len(aligned) == 1:
        return aligned[0].sum(tuple(range(kept, len(order)))) if len(order) > kept else aligned[0]
    uses = [sum(each._data.shape[d] != 1 for each in aligned) for d in range(len(order))]
    total = aligned[0]
    for operand in aligned[1:]:
        total = _contracted(total, operand, uses, kept)
    return total.view(total._data.shape[:kept]) if len(order) > kept else total


def _dotted(number: int, term: str, operand: Any) -> int:
    """How many dimensions of the operand the ellipsis stands for."""
    labels, ndim = len(term.replace(_DOTS, "")), int(operand._data.ndim)
    if _DOTS not in term:
        if labels != ndim:
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({labels}) does not match the number of dimensions "
                f"({ndim}) for operand {number} and no ellipsis was given"
            )
    elif labels > ndim:
        raise RuntimeError(
            f"einsum(): the number of subscripts in the equation ({labels}) is more than the number of dimensions ({ndim}) "
            f"for operand {number}"
        )
    return ndim - labels


def _implicit_result(terms: list[str]) -> str:
    """Without an arrow, the result has the dimensions that are named once, in alphabetical order."""
    names = "".join(terms)
    once = "".join(sorted(label for label in set(names) if names.count(label) == 1 and label != _DOTS))
    return _DOTS + once if _DOTS in names else once


def _spelled(term: str, dots: int) -> list[str]:
    """The labels of a term, the ellipsis as ".0", ".1", ..."""
    return [each for label in term for each in ([f".{i}" for i in range(dots)] if label == _DOTS else [label])]


def _own_labels(term: str, operand: Any, dots: int) -> list[str]:
    """The labels of an operand's own dimensions: its ellipsis may stand for fewer than `dots`, the last of them."""
    missing = len(_spelled(term, dots)) - operand._data.ndim
    labels = _spelled(term, dots)
    place = term.find(_DOTS)
    return labels if place < 0 else labels[:place] + labels[place + missing :]


def _check_sizes(terms: list[str], operands: tuple[Any, ...], dots: int) -> None:
    seen: dict[str, int] = {}
    for number, (term, operand) in enumerate(zip(terms, operands, strict=True)):
        for label, size in zip(_own_labels(term, operand, dots), operand._data.shape, strict=True):
            known = seen.get(label, 1)
            if size != 1 and known not in (1, size):
                raise RuntimeError(
                    f"einsum(): subscript {label} has size {size} for operand {number} which does not broadcast with "
                    f"previously seen size {known}"
                )
            seen[label] = max(known, size)


def _aligned(number: int, term: str, operand: Any, dots: int, order: list[str]) -> Any:
    """The operand with a dimension for each label of `order`."""
    labels = _own_labels(term, operand, dots)
    for label in sorted({label for label in labels if labels.count(label) > 1}):
        first = labels.index(label)
        while labels.count(label) > 1:  # a label that stands twice means the diagonal
            second = labels.index(label, first + 1)
            shape = operand._data.shape
            if shape[first] != shape[second]:
                raise RuntimeError(
                    f"einsum(): subscript {label} is repeated for operand {number} but the sizes don't match, "
                    f"{shape[second]} != {shape[first]}"
                )
            operand = operand.diagonal(0, first, second).movedim(-1, first)
            del labels[second]
    for label in order:
        if label not in labels:
            operand, labels = operand.unsqueeze(-1), [*labels, label]
    return operand.permute([labels.index(label) for label in order])


def _contracted(a: Any, b: Any, uses: list[int], kept: int) -> Any:
    """a times b, summed over the dimensions that no later operand has; these stay, with size 1."""
    alone: tuple[list[int], list[int]] = ([], [])
    both = []
    for d in range(kept, len(uses)):
        wide = a._data.shape[d] != 1, b._data.shape[d] != 1
        if all(wide):
            uses[d] -= 1
            if uses[d] == 1:
                both.append(d)
                uses[d] = 0
        elif uses[d] == 1 and any(wide):
            alone[wide[1]].append(d)
            uses[d] = 0
    a, b = (operand.sum(tuple(gone), True) if gone else operand for operand, gone in zip((a, b), alone, strict=True))
    return _pair(a, b, both) if both else a * b


def _pair(a: Any, b: Any, summed: list[int]) -> Any:
    """The sum over `summed` of a * b, as one batched matrix product: (shared, only a, summed) x (shared, summed, only b)."""
    left, right = a._data.shape, b._data.shape
    rest = [d for d in range(len(left)) if d not in summed]
    shared = [d for d in rest if left[d] != 1 and right[d] != 1]
    only_a = [d for d in rest if left[d] != 1 and right[d] == 1]
    only_b = [d for d in rest if left[d] == 1]
    if only_a and only_b and only_b[-1] < only_a[0]:  # the product then comes out in the right order
        a, b, left, right, only_a, only_b = b, a, right, left, only_b, only_a
    batch, n = prod(left[d] for d in shared), prod(left[d] for d in summed)
    rows = a.permute(shared + only_a + summed + only_b).reshape((batch, prod(left[d] for d in only_a), n))
    columns = b.permute(shared + summed + only_b + only_a).reshape((batch, n, prod(right[d] for d in only_b)))
    shape = [left[d] for d in shared + only_a] + [1] * len(summed) + [right[d] for d in only_b]
    placed = shared + only_a + summed + only_b
    return LIVE["bmm"](rows, columns).view(shape).permute([placed.index(d) for d in range(len(placed))])


@public("kron")
def kron(input: Any, other: Any) -> Any:
    """Kronecker's product: a block of `other` for each element of `input`, which it is multiplied by.

    Mirrors `torch.kron`: out[i * m + k] = input[i] * other[k] along each dimension, where m is the size of `other`.
    """
    ndim = max(input._data.ndim, other._data.ndim)
    have, want = (((1,) * (ndim - each._data.ndim) + each._data.shape) for each in (input, other))
    blocks = LIVE["unsafe_view"](input, tuple(n for size in have for n in (size, 1)))
    inner = LIVE["unsafe_view"](other, tuple(n for size in want for n in (1, size)))
    return LIVE["unsafe_view"](blocks * inner, tuple(a * b for a, b in zip(have, want, strict=True)))
