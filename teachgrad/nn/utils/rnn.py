"""Sequences of different lengths in one tensor: padded to the same length, or packed without padding.

Packed, the first elements of all sequences come first, then all second elements, and so on; with the sequences sorted by
length, step t concerns the first `batch_sizes[t]` of them.

    a b c        padded: a b c            packed: a d f b e c       batch_sizes: 3 2 1
    d e                  d e 0
    f                    f 0 0
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

import teachgrad as torch
from teachgrad.autograd.variable import TensorBase, wrap

__all__ = [
    "PackedSequence", "pack_padded_sequence", "pack_sequence", "pad_packed_sequence", "pad_sequence", "unpack_sequence",
    "unpad_sequence",
]  # fmt: skip


class PackedSequence(NamedTuple):
    """Packed sequences: the elements, how many sequences have a step t, and how the sequences were sorted.

    Mirrors `torch.nn.utils.rnn.PackedSequence`.
    """

    data: Any
    batch_sizes: Any
    sorted_indices: Any = None
    unsorted_indices: Any = None

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The elements with another dtype or device."""
        return self._replace(data=self.data.to(*args, **kwargs))


def pad_sequence(
    sequences: Iterable[Any], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Any:
    """Sequences (length, *) in one tensor (longest, batch, *), or (batch, longest, *) with `batch_first`.

    Mirrors `torch.nn.utils.rnn.pad_sequence`.
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    tensors = list(sequences)
    longest = max(len(tensor) for tensor in tensors)
    padded = []
    for tensor in tensors:
        filling = torch.full((longest - len(tensor), *tensor.shape[1:]), padding_value, dtype=tensor.dtype)
        padded.append(torch.cat([tensor, filling] if padding_side == "right" else [filling, tensor]))
    return torch.stack(padded, 0 if batch_first else 1)


def pack_padded_sequence(
    input: Any, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Packs a padded tensor (longest, batch, *), given the length of each sequence.

    With enforce_sorted=False the sequences may come in any order. Mirrors `torch.nn.utils.rnn.pack_padded_sequence`.
    Raises RuntimeError for lengths that are not sorted, not positive, or of another number than the sequences.
    """
    counts = np.asarray(lengths._data if isinstance(lengths, TensorBase) else lengths, np.int64)
    if batch_first:
        input = input.transpose(0, 1)
    if len(counts) != input.shape[1]:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(counts)} (batch_size={input.shape[1]})"
        )
    if (counts <= 0).any():
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    order = None
    if not enforce_sorted:
        order = np.argsort(-counts, kind="stable")
        counts, input = counts[order], input.index_select(1, wrap(order))
    elif (np.diff(counts) > 0).any():
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you do not "
            "need ONNX exportability."
        )
    batch_sizes = (counts > np.arange(counts[0])[:, None]).sum(1)
    data = torch.cat([input[step, : int(size)] for step, size in enumerate(batch_sizes)])
    if order is None:
        return PackedSequence(data, wrap(batch_sizes))
    return PackedSequence(data, wrap(batch_sizes), wrap(order), wrap(np.argsort(order)))


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Any, Any]:
    """The padded tensor and the lengths from which a packed sequence was made.

    Mirrors `torch.nn.utils.rnn.pad_packed_sequence`. Raises ValueError if `total_length` is too short.
    """
    data, batch_sizes = sequence.data, sequence.batch_sizes.tolist()
    longest = len(batch_sizes) if total_length is None else total_length
    if longest < len(batch_sizes):
        raise ValueError(
            "Expected total_length to be at least the length of the longest sequence in input, but got "
            f"total_length={total_length} and max sequence length being {len(batch_sizes)}"
        )
    places = np.full((longest, batch_sizes[0]), len(data))  # where in the packed data; one past the end: padding
    start = 0
    for step, size in enumerate(batch_sizes):
        places[step, :size] = np.arange(start, start + size)
        start += size
    lengths = (places < len(data)).sum(0)
    if sequence.unsorted_indices is not None:
        back = sequence.unsorted_indices._data
        places, lengths = places[:, back], lengths[back]
    filling = torch.full((1, *data.shape[1:]), padding_value, dtype=data.dtype)
    padded = torch.cat([data, filling])[wrap(places.T.copy() if batch_first else places)]
    return padded, wrap(lengths)


def pack_sequence(sequences: list[Any], enforce_sorted: bool = True) -> PackedSequence:
    """Packs a list of sequences (length, *). Mirrors `torch.nn.utils.rnn.pack_sequence`."""
    return pack_padded_sequence(pad_sequence(sequences), [len(s) for s in sequences], enforce_sorted=enforce_sorted)


def unpad_sequence(padded_sequences: Any, lengths: Any, batch_first: bool = False) -> list[Any]:
    """The sequences of a padded tensor. Mirrors `torch.nn.utils.rnn.unpad_sequence`."""
    batch = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [sequence[: int(length)] for sequence, length in zip(batch, lengths, strict=True)]


def unpack_sequence(packed_sequences: PackedSequence) -> list[Any]:
    """The sequences of a packed one. Mirrors `torch.nn.utils.rnn.unpack_sequence`."""
    return unpad_sequence(*pad_packed_sequence(packed_sequences, batch_first=True), batch_first=True)
