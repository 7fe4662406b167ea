"""`nn.Parameter`: a tensor that a module trains, and `nn.Buffer`: one that it only keeps."""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgrad import devices, dtypes, errors, refusals
from teachgrad.autograd import views
from teachgrad.autograd.variable import TensorBase, wrap
from teachgrad.conjugates import meet
from teachgrad.tensor import Tensor

__all__ = ["Buffer", "Parameter"]


def _shared(data: Any, cls: type[Tensor], requires_grad: bool) -> Any:
    """A leaf of class `cls` in the memory of `data`; without data, an empty one."""
    if data is None:
        array = np.empty(0, dtypes.get_default_dtype().numpy)
    elif isinstance(data, TensorBase):
        array = views.own_array(data)
    else:
        raise errors.explained(
            AttributeError(f"'{type(data).__name__}' object has no attribute 'detach'"),
            f"{cls.__name__} is made of a tensor, for instance nn.{cls.__name__}(torch.randn(3)).",
        )
    if requires_grad and array.dtype.kind not in "fcV":
        raise refusals.only_floats("Only Tensors of floating point and complex dtype can require gradients")
    tensor = wrap(array, cls)
    meet(array.dtype)
    tensor._requires_grad = requires_grad
    return tensor


class Parameter(Tensor):
    """A tensor that counts as one of a module's parameters when it is made an attribute of the module.

    It shares the memory of `data` (any shape, floating) and is a leaf of the graph; what is computed from it is a plain
    tensor. Mirrors `torch.nn.Parameter`. Raises RuntimeError for integers that should require a gradient.
    """

    __slots__ = ()

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        """Shares the memory of `data`."""
        parameter: Parameter = _shared(data, cls, requires_grad)
        return parameter

    def __repr__(self, **options: Any) -> str:  # type: ignore[override]
        return "Parameter containing:\n" + super().__repr__(**options)

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        """A parameter with the same numbers and, unlike a copied tensor, no `.grad`."""
        if id(self) not in memo:
            memo[id(self)] = type(self)(wrap(self._data.copy()), self._requires_grad)
        copy: Parameter = memo[id(self)]
        return copy

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _rebuild, (True, views.own_array(self).copy(), self._requires_grad)


class Buffer(Tensor):
    """A tensor that counts as one of a module's buffers: kept in its state, moved with it, but not trained.

    `persistent` says whether `state_dict` contains it. Mirrors `torch.nn.Buffer`.
    """

    __slots__ = ()
    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Buffer:
        """Shares the memory of `data`."""
        buffer: Buffer = _shared(data, cls, requires_grad=False)
        buffer.persistent = persistent
        return buffer

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True) -> None:
        """All was done in `__new__`."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _rebuild, (False, views.own_array(self).copy(), False)


def empty_parameter(shape: tuple[int, ...], device: Any = None, dtype: Any = None) -> Parameter:
    """A parameter whose numbers `reset_parameters` is about to write. Raises RuntimeError for a negative size."""
    if any(size < 0 for size in shape):
        size = next(size for size in shape if size < 0)
        raise RuntimeError(f"Trying to create tensor with negative dimension {size}: {list(shape)}")
    return Parameter(wrap(devices.makers(device).empty(shape, (dtype or dtypes.get_default_dtype()).numpy)))


Parameter.__module__ = "torch.nn.parameter"  # print(type(p)) shows what it shows in the lessons


def _rebuild(trained: bool, data: Any, requires_grad: bool) -> Any:
    """Unpickles a parameter or buffer."""
    return Parameter(wrap(data), requires_grad) if trained else Buffer(wrap(data))
