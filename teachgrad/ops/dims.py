"""The dimension arguments of reductions, and how a reduced gradient gets its dimensions back.

x.sum(1)                 forward   (2, 3) ──sum over 1──> (2,)
                         backward  (2, 3) <──repeat 3 times── (2, 1) <──reshape── (2,)
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from operator import index
from typing import Any

import numpy as np

from teachgrad import errors
from teachgrad.autograd.variable import TensorBase, wrap
from teachgrad.gpu import xp
from teachgrad.ops.table import LIVE, RAW, raw

Dims = int | tuple[int, ...] | None
"""One dimension, several, or (None) all of them; counted from 0 and checked."""


def tensor(function: str, input: Any) -> Any:
    """`input`, which must be a tensor; raises TypeError if it is not."""
    if not isinstance(input, TensorBase):
        raise errors.not_a_tensor(function, "input", 1, input)
    return input


def one(function: str, input: Any, dim: Any) -> int:
    """`dim` counted from 0. Raises IndexError if the tensor does not have it, TypeError if it is no int."""
    ndim = tensor(function, input)._data.ndim or 1  # a 0-d tensor counts as having one dimension
    if dim.__class__ is not int:
        dim = whole(function, dim)
    if not -ndim <= dim < ndim:
        raise errors.dim_out_of_range(dim, input._data.ndim)
    return int(dim) + ndim if dim < 0 else int(dim)


def many(function: str, input: Any, dim: Any, keepdim: bool = False) -> Dims:
    """`dim`, an int or several or None, counted from 0; an empty tuple means all, as None does.

    Raises IndexError for a dimension that the tensor does not have, RuntimeError for one named twice, TypeError for a
    `keepdim` that is no bool: x.sum(0, 1) does not sum over two dimensions, x.sum((0, 1)) does.
    """
    if keepdim.__class__ is not bool:
        raise TypeError(f"{function}(): argument 'keepdim' (position 2) must be bool, not {errors.type_name(keepdim)}")
    if dim is None or dim == ():
        tensor(function, input)
        return None
    if not isinstance(dim, tuple | list):
        dim = one(function, input, dim)
        return dim if input._data.ndim else None
    dims = tuple(one(function, input, each) for each in dim)
    for each in dims:
        if dims.count(each) > 1:
            raise RuntimeError(f"dim {each} appears multiple times in the list of dims")
    return dims if input._data.ndim else None


_ONE_FORM = {
    "argmax": 2, "argmin": 2, "cat": 2, "chunk": 3, "cummax": 2, "cummin": 2, "cumprod": 2, "cumsum": 2, "diff": 3,
    "flatten": 2, "gather": 2, "index_select": 2, "log_softmax": 2, "renorm": 3, "select": 2, "softmax": 2, "stack": 2,
    "topk": 3, "transpose": 2, "unbind": 2, "unflatten": 2, "unsqueeze": 2,
}  # fmt: skip
"""Functions that PyTorch has in one form only, and so can say what is wrong: the place of their first dimension."""

_NAMES = {"flatten": "start_dim", "transpose": "dim0"}


def whole(function: str, dim: Any) -> int:
    """A dimension as an int. Raises TypeError if it is none."""
    try:
        return index(dim)
    except TypeError:
        if function in _ONE_FORM:
            raise errors.not_an_int(function, _NAMES.get(function, "dim"), _ONE_FORM[function], dim) from None
        raise TypeError(
            f"{function}() received an invalid combination of arguments - got ({errors.type_name(dim)}), but expected "
            "one of:\n * (Tensor input, int or tuple of ints dim, bool keepdim)"
        ) from None


def named(function: str, axis: Any) -> Any:
    """The dimension that was not given as `dim` and perhaps as `axis`. Raises TypeError if it was not given at all."""
    if axis is None:
        raise errors.missing(function, "dim")
    return axis


def numpy_words(function: str, dim: Any, keepdim: Any, words: dict[str, Any]) -> tuple[Any, Any]:
    """PyTorch also understands NumPy's names of these arguments, `axis` and `keepdims`."""
    dim, keepdim = words.pop("axis", dim), words.pop("keepdims", keepdim)
    for name in words:
        raise TypeError(f"{function}() got an unexpected keyword argument '{name}'")
    return dim, keepdim


def kept(shape: tuple[int, ...], dim: Dims) -> tuple[int, ...]:
    """`shape` with size 1 in the reduced dimensions."""
    if dim is None:
        return (1,) * len(shape)
    gone = (dim,) if isinstance(dim, int) else dim
    return tuple(1 if i in gone else size for i, size in enumerate(shape))


def in_rules(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: a function of shapes and numbers that rules may name, on arrays as on tensors."""
    RAW[function.__name__] = LIVE[function.__name__] = function
    return function


@in_rules
def count(shape: tuple[int, ...], dim: Dims = None) -> int:
    """How many elements are reduced to one."""
    if dim is None:
        return prod(shape)
    return shape[dim] if isinstance(dim, int) else prod([shape[d] for d in dim])


@raw
def expand_back(grad: Any, shape: tuple[int, ...], dim: Dims = None, keepdim: bool = False) -> Any:
    """The transpose of summing over `dim`: each element repeated for all those that were summed to it."""
    if not keepdim and dim is not None:
        grad = grad.reshape(kept(shape, dim))
    out = xp(grad).empty(shape, grad.dtype)  # quicker than np.broadcast_to, and BLAS is slow on its repeated elements
    out[...] = grad
    return out


def zeroth(array: Any) -> Any:
    """The place of the one element of a 0-d array: 0, where the array is."""
    return xp(array).zeros((), np.int64)[()]


def axes(array: Any) -> list[Any]:
    """0, 1, 2, ... along each dimension of `array`, shaped so that together they index all of it."""
    count = xp(array).arange
    return [count(n).reshape([-1 if d == axis else 1 for d in range(array.ndim)]) for axis, n in enumerate(array.shape)]


def _expand_back_live(grad: Any, shape: tuple[int, ...], dim: Dims = None, keepdim: bool = False) -> Any:
    """`expand_back` on tensors."""
    if not keepdim and grad._data.shape != shape:
        grad = grad.reshape(kept(shape, dim))
    return grad.expand(shape)


LIVE["expand_back"] = _expand_back_live


@raw
def constant(array: Any) -> Any:
    """An array that a node kept, as the rule needs it: an array, or a tensor."""
    return array


LIVE["constant"] = wrap


@in_rules
def like(mask: Any, values: Any) -> Any:
    """Counts or flags as numbers of the dtype of `values`, so that arithmetic with them changes no dtype."""
    return LIVE["to_copy"](mask, values._data.dtype) if isinstance(mask, TensorBase) else mask.astype(values.dtype)
