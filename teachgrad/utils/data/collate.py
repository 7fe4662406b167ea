"""Collating: a list of samples becomes one batch, a tensor with a new first dimension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import teachgrad as torch
from teachgrad.autograd.variable import TensorBase

__all__ = ["default_collate", "default_convert"]


def default_collate(batch: Sequence[Any]) -> Any:
    """One batch of many samples: tensors, arrays and numbers are stacked, inside tuples, lists and dicts too.

    Strings stay a list; a tuple of samples becomes a list, a namedtuple stays one. Mirrors
    `torch.utils.data.default_collate`. Raises TypeError for other things, RuntimeError for lists of different lengths.
    """
    first = batch[0]
    if isinstance(first, TensorBase):
        return torch.stack(list(batch))
    if isinstance(first, np.ndarray) and first.dtype.kind not in "SUO":
        return torch.stack([torch.as_tensor(array) for array in batch])
    if isinstance(first, np.bool_ | np.number):
        return torch.as_tensor(np.array(batch))
    if isinstance(first, float):
        return torch.tensor(batch, dtype=torch.float64)
    if isinstance(first, int):
        return torch.tensor(batch)
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Mapping):
        return _like(first, {key: default_collate([sample[key] for sample in batch]) for key in first})
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        return _like(first, [default_collate(column) for column in zip(*batch, strict=True)])
    kind = first.dtype if isinstance(first, np.ndarray) else type(first)
    raise TypeError(f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {kind}")


def default_convert(data: Any) -> Any:
    """NumPy arrays as tensors, inside tuples, lists and dicts too: what a loader without batches does to a sample."""
    if isinstance(data, np.ndarray | np.bool_ | np.number):
        return data if data.dtype.kind in "SUO" else torch.as_tensor(data)
    if isinstance(data, Mapping):
        return _like(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, Sequence) and not isinstance(data, str | bytes | TensorBase):
        return _like(data, [default_convert(value) for value in data])
    return data


def _like(container: Any, values: Any) -> Any:
    """`values` (a dict or list) in a container of the kind of `container`, where such a one can be made of them."""
    if hasattr(container, "_fields"):
        return type(container)(*values)
    if isinstance(container, tuple):
        return values  # as in PyTorch, a tuple becomes a list
    try:
        return type(container)(values)
    except TypeError:
        return values
