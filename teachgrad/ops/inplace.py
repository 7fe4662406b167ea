"""In-place forms: `x.mul_(y)` is `x.mul(y)`, written into the memory of `x`.

    y = x * 2        y ── MulBackward0 ── x
    y.exp_()         y ── ExpBackward0 ── MulBackward0 ── x       same tensor y, new history, version 1

Every op of the table that treats each element alike gets one. `views.py` says what happens to views and to histories.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from teachgrad import dtypes, errors
from teachgrad.autograd import views
from teachgrad.autograd.graph import edge_of
from teachgrad.autograd.modes import GRAD_MODE
from teachgrad.autograd.variable import ARRAYS, TensorBase, wrap
from teachgrad.ops.table import METHODS, OPS, Op


def in_place(function: Callable[..., Any], *, keeps_input: bool = True) -> Callable[..., Any]:
    """The in-place form of `function(input, ...)`. `keeps_input`: do its rules need the old value of the input?"""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(self, TensorBase):
            raise errors.not_a_tensor(function.__name__ + "_", "input", 1, self)
        views.check_in_place(self, *args)
        recorded = GRAD_MODE.get() and any(isinstance(a, TensorBase) and a._requires_grad for a in (self, *args))
        before = as_it_was(self, keeps_input and recorded)
        result = function(before, *args, **kwargs)
        have, want = self._data.dtype, result._data.dtype
        if have is not want and dtypes.of(want).category > dtypes.of(have).category:
            raise errors.cannot_cast(dtypes.of(want).scalar_name, dtypes.of(have).scalar_name)
        views.write(self, result)
        return self

    method.__name__ = method.__qualname__ = function.__name__ + "_"
    method.__doc__ = f"`{function.__name__}`, in place."
    return method


def as_it_was(tensor: TensorBase, keep: bool) -> Any:
    """A tensor with the history and the present value of `tensor`, which is about to change."""
    before = wrap(tensor._data)
    if tensor._requires_grad:
        before._node = tensor._node or (edge_of(tensor) if tensor._view is not None else None)
        before._output_nr, before._requires_grad = tensor._output_nr, True
    if keep and tensor._data.__class__ in ARRAYS:
        before._data = tensor._data.copy()
    return before


def derive() -> None:
    """Adds the in-place methods of the table's pointwise ops and of the face functions over them."""
    for name, function in list(METHODS.items()):
        if isinstance(function, Op):
            if function.in_place and f"{name}_" not in METHODS:
                METHODS[f"{name}_"] = LateInPlace(function, f"{name}_")
        elif name in (
            "add",
            "sub",
            "subtract",
            "floor_divide",
            "div",
            "divide",
            "remainder",
            "fmod",
            "pow",
            "square",
            "clamp",
            "clip",
            "clamp_min",
            "clamp_max",
            "round",
        ):
            METHODS[f"{name}_"] = in_place(function)


class LateInPlace:
    """Stands in the class Tensor for an in-place method until it is first used."""

    __slots__ = ("key", "op")

    def __init__(self, op: Op, key: str) -> None:
        self.op, self.key = op, key

    def __get__(self, tensor: Any, cls: type) -> Any:
        method = in_place(self.op.front, keeps_input="self" in self.op.saved)
        for owner in cls.__mro__:
            if owner.__dict__.get(self.key) is self:
                setattr(owner, self.key, method)
        return method if tensor is None else method.__get__(tensor, cls)


__all__ = ["OPS", "derive", "in_place"]
