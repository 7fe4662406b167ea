"""In-place forms: `x.mul_(y)` is `x.mul(y)`, written into the memory of `x`.

    y = x * 2        y ── MulBackward0 ── x
    y.exp_()         y ── ExpBackward0 ── MulBackward0 ── x       same tensor y, new history, version 1

Every op of the table that treats each element alike gets one. `views.py` says what happens to views and to histories.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from teachgrad import dtypes, errors
from teachgrad.autograd import views
from teachgrad.autograd.graph import edge_of
from teachgrad.autograd.modes import GRAD_MODE
from teachgrad.autograd.variable import ARRAYS, TensorBase, bump, wrap
from teachgrad.ops import refusals
from teachgrad.ops.table import FUNCTIONS, METHODS, RAW, Op


def in_place(function: Callable[..., Any], *, keeps_input: bool = True) -> Callable[..., Any]:
    """The in-place form of `function(input, ...)`. `keeps_input`: do its rules need the old value of the input?"""
    at_once = _AT_ONCE.get(function.__name__)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(self, TensorBase):
            raise errors.not_a_tensor(function.__name__ + "_", "input", 1, self)
        views.check_in_place(self, *args)
        views.check_overlap(self, *args)
        recorded = GRAD_MODE.get() and any(isinstance(a, TensorBase) and a._requires_grad for a in (self, *args))
        if at_once is not None and not recorded and len(args) == 1 and _done_at_once(*at_once, self, args[0], kwargs):
            return self
        before = as_it_was(self, keeps_input and recorded)
        try:
            result = function(before, *args, **kwargs)
        except TypeError as error:
            error.args = tuple(
                str(text).replace(f"{function.__name__}()", f"{function.__name__}_()", 1) for text in error.args
            )
            raise
        if result._data.shape != self._data.shape:
            raise errors.in_place_shape(self._data.shape, result._data.shape)
        have, want = self._data.dtype, result._data.dtype
        if have is not want:
            by_tensor = any(isinstance(bound, TensorBase) for bound in (*args, *kwargs.values()))
            refusals.check_held(function.__name__, dtypes.of(want), dtypes.of(have), by_tensor)
        views.write(self, result)
        return self

    method.__name__ = method.__qualname__ = function.__name__ + "_"
    method.__doc__ = f"`{function.__name__}`, in place."
    return method


_AT_ONCE = {
    "add": (np.add, True), "sub": (np.subtract, True), "mul": (np.multiply, False), "div": (np.true_divide, False),
}  # fmt: skip
"""What every training loop does to its parameters under `no_grad`; and whether it takes an `alpha`."""


def _done_at_once(ufunc: Any, is_scaled: bool, tensor: TensorBase, other: Any, options: dict[str, Any]) -> bool:
    """Lets NumPy write into the tensor's memory itself; False where something about it is out of the ordinary."""
    data = tensor._data
    if data.__class__ not in ARRAYS or data.dtype.kind != "f" or (data.base is not None and views.repeats(data)):
        return False
    if isinstance(other, TensorBase):
        other = other._data
        if other.dtype is not data.dtype or not (other.shape == data.shape or other.ndim == 0):
            return False
        if other.__class__ is not data.__class__ and other.__class__ in ARRAYS:
            return False  # on another device
    elif other.__class__ is not float and other.__class__ is not int:
        return False
    if options:
        alpha = options.get("alpha")
        if len(options) > 1 or (alpha.__class__ is not float and alpha.__class__ is not int) or not is_scaled:
            return False
        other = other * alpha
    ufunc(data, other, data)
    bump(tensor)
    return True


def as_it_was(tensor: TensorBase, keep: bool) -> Any:
    """A tensor with the history and the present value of `tensor`, which is about to change."""
    before = wrap(tensor._data)
    if tensor._requires_grad:
        if RAW.get("_grad_enabled", GRAD_MODE.get)():
            before._node = tensor._node or (edge_of(tensor) if tensor._view is not None else None)
        before._output_nr, before._requires_grad = tensor._output_nr, True
    if keep and tensor._data.__class__ in ARRAYS:
        before._data = tensor._data.copy()
    return before


_FACES = frozenset(
    """add addbmm addcdiv addcmul addmm addmv addr baddbmm clamp clamp_max clamp_min clip copysign cumprod cumsum div divide
    floor_divide fmod lerp nan_to_num pow remainder round square sub subtract true_divide""".split()
)
"""Functions over ops that have an in-place form."""

_CHECKED_LATE = frozenset({"detach_", "requires_grad_", "resize_", "zero_"})
"""In-place methods that are allowed where others are not, or that check for themselves."""

_FUNCTIONS = frozenset(
    """abs_ acos_ acosh_ addmv_ arccos_ arccosh_ arcsin_ arcsinh_ arctan_ arctanh_ asin_ asinh_ atan_ atanh_ ceil_
    clamp_ clamp_max_ clamp_min_ clip_ conj_physical_ cos_ cosh_ deg2rad_ erf_ erfc_ exp2_ exp_ expm1_ fix_
    floor_ frac_ gcd_ i0_ lcm_ ldexp_ log10_ log1p_ log2_ log_ logit_ nan_to_num_ neg_ negative_ rad2deg_
    reciprocal_ relu_ round_ rsqrt_ sigmoid_ sin_ sinc_ sinh_ sqrt_ square_ tan_ tanh_ trunc_ xlogy_""".split()
)
"""In-place methods that are functions, too: `torch.relu_(x)`."""


_DERIVED: set[str] = set()
"""The methods that `derive` has gone through."""


def derive() -> None:
    """Adds the in-place methods of the table's pointwise ops and of the face functions over them, for what is new in it."""
    for name in [name for name in METHODS if name not in _DERIVED]:
        function, key = METHODS[name], f"{name}_"
        if isinstance(function, Op):
            if function.in_place and key not in METHODS:
                METHODS[key] = LateInPlace(function, key)
        elif name in _FACES and key not in METHODS:
            METHODS[key] = in_place(function)
        elif name.endswith("_") and not name.endswith("__") and name not in _CHECKED_LATE:
            METHODS[name] = _checked_first(function)
    new = METHODS.keys() - _DERIVED
    FUNCTIONS.update((name, METHODS[name]) for name in new & _FUNCTIONS)
    _DERIVED.update(new)


def _checked_first(method: Callable[..., Any]) -> Callable[..., Any]:
    """An in-place method that asks whether the tensor may be changed before it looks at its other arguments."""

    @functools.wraps(method)
    def checked(input: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(input, TensorBase):
            views.check_in_place(input, *args)
        return method(input, *args, **kwargs)

    return checked


class LateInPlace:
    """Stands in the class Tensor for an in-place method until it is first used; also callable, as `torch.relu_`."""

    __slots__ = ("key", "op")

    def __init__(self, op: Op, key: str) -> None:
        self.op, self.key = op, key

    def __call__(self, input: Any, *args: Any, **kwargs: Any) -> Any:
        """The method as a function. Raises TypeError if `input` is no tensor."""
        if not isinstance(input, TensorBase):
            raise errors.not_a_tensor(self.key, "input", 1, input)
        return getattr(input, self.key)(*args, **kwargs)

    def __get__(self, tensor: Any, cls: type) -> Any:
        method = in_place(self.op.front, keeps_input="self" in self.op.saved)
        for owner in cls.__mro__:
            if owner.__dict__.get(self.key) is self:
                setattr(owner, self.key, method)
        return method if tensor is None else method.__get__(tensor, cls)
