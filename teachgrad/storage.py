"""The memory under a tensor: `x.storage()` shows all of it, in the order in which it lies there.

x = torch.tensor([[1., 2.], [3., 4.]])
x.storage()          1.0 2.0 3.0 4.0
x.t().storage()      the same: a transposed tensor reads the same memory in other steps
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from teachgrad import devices, dtypes, gpu
from teachgrad.autograd import views
from teachgrad.autograd.variable import bump
from teachgrad.ops.table import public
from teachgrad.sizes import shape_of

_DEPRECATED = (
    "TypedStorage is deprecated. It will be removed in the future and UntypedStorage will be the only storage class. This "
    "should only matter to you if you are using storages directly.  To access UntypedStorage directly, use "
    "tensor.untyped_storage() instead of tensor.storage()"
)


def memory_of(tensor: Any) -> Any:
    """All the memory that a tensor shares with its base and the base's views, as a vector."""
    array = views.own_array(tensor if tensor._view is None else tensor._view.owner)
    extent = 1 + sum((n - 1) * step // array.itemsize for n, step in zip(array.shape, array.strides, strict=True))
    return gpu.xp(array).lib.stride_tricks.as_strided(array, (extent if array.size else 0,), (array.itemsize,))


class TypedStorage:
    """The elements in memory. Mirrors `torch.TypedStorage`; index it, assign to it, or make a list of it."""

    __slots__ = ("_memory",)

    def __init__(self, memory: Any) -> None:
        self._memory = memory

    @property
    def dtype(self) -> dtypes.dtype:
        """The type of the elements."""
        return dtypes.of(self._memory.dtype)

    @property
    def device(self) -> devices.device:
        """Where the memory is."""
        return devices.of(self._memory)

    def size(self) -> int:
        """The number of elements."""
        return len(self._memory)

    def nbytes(self) -> int:
        """The number of bytes."""
        return int(self._memory.nbytes)

    def data_ptr(self) -> int:
        """The address of the first element."""
        return views.address(self._memory)

    def tolist(self) -> list[Any]:
        """The elements as Python numbers."""
        return list(self)

    def __len__(self) -> int:
        return len(self._memory)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._memory.tolist())

    def __getitem__(self, index: int) -> Any:
        if not isinstance(index, int):
            raise RuntimeError(f"can't index a {type(self)} with {type(index)}")
        return self._memory[index].item()

    def __setitem__(self, index: Any, value: Any) -> None:
        self._memory[index] = value

    def __repr__(self) -> str:
        elements = "".join(f" {element}\n" for element in self)
        return f"{elements}[torch.storage.{self._title()} of size {len(self)}]"

    def _title(self) -> str:
        return f"TypedStorage(dtype={self.dtype}, device={self.device})"


class UntypedStorage(TypedStorage):
    """The bytes in memory. Mirrors `torch.UntypedStorage`."""

    __slots__ = ()

    def _title(self) -> str:
        return f"UntypedStorage(device={self.device})"


TypedStorage.__module__ = UntypedStorage.__module__ = "torch.storage"


@public("storage", function=False)
def storage(input: Any) -> TypedStorage:
    """The elements of the memory under the tensor. Mirrors `torch.Tensor.storage`; PyTorch means to remove it."""
    warnings.warn(_DEPRECATED, UserWarning, stacklevel=2)
    return TypedStorage(memory_of(input))


@public("untyped_storage", function=False)
def untyped_storage(input: Any) -> UntypedStorage:
    """The bytes of the memory under the tensor. Mirrors `torch.Tensor.untyped_storage`."""
    return UntypedStorage(memory_of(input).view(np.uint8))


@public("resize_", function=False)
def resize_(input: Any, *sizes: Any, memory_format: Any = None) -> Any:
    """Gives the tensor another shape, with more or fewer elements of its memory. Mirrors `torch.Tensor.resize_`.

    Raises RuntimeError if it requires grad. What lies in added memory is undefined.
    """
    if input._requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    shape = shape_of(sizes)
    memory = memory_of(input)[input.storage_offset() :]
    count = math.prod(shape)
    if count > len(memory):
        larger = gpu.xp(memory).empty(count, memory.dtype)
        larger[: len(memory)] = memory
        memory = larger
    input._data = memory[:count].reshape(shape)
    bump(input)
    return input
