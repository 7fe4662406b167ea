"""Ways out of the tensor world: to Python numbers, lists, NumPy arrays and text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from teachgrad import dtypes, gpu, refusals
from teachgrad.autograd import views
from teachgrad.autograd.modes import GRAD_MODE
from teachgrad.autograd.variable import _tensor_class, wrap
from teachgrad.facts import Facts

if TYPE_CHECKING:
    from teachgrad.tensor import Tensor


class Crossings(Facts):
    """The part of `Tensor` that Python, NumPy and `print` meet. Mirrors `torch.Tensor`."""

    __slots__ = ()
    if TYPE_CHECKING:  # `Tensor` and the op table supply these

        def __getattr__(self, name: str) -> Any: ...

    def item(self) -> Any:
        """The one element as a Python number. Raises RuntimeError if there are several."""
        if self._data.size != 1:
            raise refusals.many_to_scalar(self._data.size)
        return self._data.item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers; a number for a 0-d tensor."""
        return self._data.tolist()

    def numpy(self, *, force: bool = False) -> Any:
        """The memory as a NumPy array: writing to one changes the other.

        Raises RuntimeError if it requires grad, TypeError if it is on a GPU. With `force`, a copy where need be.
        """
        if gpu.on_gpu(self._data):
            if not force:
                raise refusals.numpy_of_gpu(self.device)
            return gpu.to_host(self._data)
        if self._requires_grad and not force:
            raise refusals.numpy_of_grad()
        if self._data.dtype.kind == "c" and self.is_conj() and not force:
            raise RuntimeError(
                "Can't call numpy() on Tensor that has conjugate bit set. Use tensor.resolve_conj().numpy() instead."
            )
        array = views.own_array(self)
        if array.dtype.kind == "V":
            raise refusals.numpy_of_bfloat16()
        return array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        array = self.numpy()
        return array if dtype is None else array.astype(dtype, copy=False)

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        """What NumPy made of a tensor, as a tensor: `np.sin(x)`, `x + array`. Truth values become uint8, as in PyTorch."""
        return wrap(array.astype(np.uint8) if array.dtype == bool else np.asarray(array))

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        from teachgrad import printing
        from teachgrad.autograd import forward_ad

        node, requires_grad, tangent = self.grad_fn, self._requires_grad, None
        if forward_ad.is_open():
            node, requires_grad, tangent = forward_ad.shown(self)
        return printing.repr_tensor(
            self._data,
            dtype=self.dtype,
            device=str(self.device) if gpu.on_gpu(self._data) else None,
            grad_fn_name=None if node is None else type(node).__name__,
            requires_grad=requires_grad,
            tangent=tangent,
            prefix="tensor(",
            default_dtype=dtypes.get_default_dtype(),
        )

    def __format__(self, spec: str) -> str:
        if self._data.ndim == 0 and type(self) is _tensor_class[0]:
            return format(self.item(), spec)
        return object.__format__(self, spec)

    def __bool__(self) -> bool:
        if self._data.size != 1:
            raise refusals.ambiguous_bool(self._data.size)
        return bool(self._data)

    def _only(self) -> Any:
        """The one element. Raises ValueError if there are several, or none."""
        if self._data.size != 1:
            raise refusals.many_to_python()
        return self._data.item()

    def _untied(self) -> Any:
        """The one element, with a warning where its gradient is lost by that."""
        if self._requires_grad and GRAD_MODE.get():
            refusals.warn_number_of_grad()
        return self._only()

    def __float__(self) -> float:
        return float(self._untied())

    def __int__(self) -> int:
        return int(self._only())

    def __complex__(self) -> complex:
        return complex(self._untied())

    def __index__(self) -> int:
        if self._data.size != 1 or self._data.dtype.kind not in "iub":
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __len__(self) -> int:
        if self._data.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        if self._data.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __delitem__(self, key: Any) -> None:
        raise TypeError("Tensor does not support deleting items")

    def __contains__(self, element: Any) -> bool:
        return bool((self == element).any())

    def __hash__(self) -> int:
        return id(self)

    def __reversed__(self) -> Any:
        return self if self._data.ndim == 0 else self.flip(0)
