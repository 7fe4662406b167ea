"""Putting other values into a tensor: `copy_`, `fill_`, `zero_`.

    y = x * 1            y ── MulBackward0 ── x
    y.copy_(v)           y ── CopyBackwards ──┬── MulBackward0 ── x      receives zeros: nothing of the old y is left
                                              └── v                      receives the gradient

Assignment to a part, `y[0] = v`, is this on a view of the part: see `indexing.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgrad import errors
from teachgrad.autograd import views
from teachgrad.autograd.variable import ARRAYS, TensorBase, bump, wrap
from teachgrad.conjugates import meet
from teachgrad.gpu import on_gpu, xp
from teachgrad.ops.convert import NUMBERS
from teachgrad.ops.inplace import as_it_was
from teachgrad.ops.table import OPS, composite, op, public, raw


@raw
def filled(self: Any, value: Any) -> Any:
    """An array like `self` with `value` (a number, or an array that broadcasts to it) everywhere."""
    result = np.empty_like(self)
    meet(result.dtype)
    result[...] = value
    return result


op("fill.out(self; value)", "FillBackward0", "filled(self, value)", self="zeros(grad)", samples=["torch.fill(x, 3)"])
op(
    "fill.number(self; value)", "FillBackward2", "filled(self, value)", self="zeros(grad)",
    samples=["(x * 1).fill_(3)", "(s * 1).fill_(2.5)"],
)  # fmt: skip
op(
    "fill.tensor(self, value)", "FillBackward3", "filled(self, value)",
    self="zeros(grad)", value="as_it_came(grad, value_shape, value_dtype)",
    samples=["(x * 1).fill_(s)", "(x * 1).fill_(s.double())", "(x * 1).fill_(v)"],
)  # fmt: skip
op("zero(self)", "ZeroBackward0", "zeros(self)", self="zeros(grad)", samples=["(x * 1).zero_()", "torch.zero_(x * 1)"])
op(
    "copy(self, src)", "CopyBackwards", "filled(self, src)",
    self="zeros(grad)", src="as_it_came(grad, src_shape, src_dtype)",
    samples=[
        "(x * 1).copy_(y)", "(x * 1).copy_(v)", "(x * 1).copy_(v.double()) * x", "(x * 1).copy_(i[0])",
        "(x * 1).copy_(m)",
    ],
)  # fmt: skip


@composite
def as_it_came(F: Any, grad: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """The gradient of a value that was broadcast and cast: summed to its shape, cast to its dtype."""
    if grad.shape != shape:
        grad = F.sum_to_size(grad, shape)
    have = grad._data.dtype if isinstance(grad, TensorBase) else grad.dtype
    return grad if have is dtype else F.to_copy(grad, dtype)


_APART = frozenset({"index_add", "index_copy", "index_put", "masked_scatter", "put", "scatter", "scatter_add"})
"""Ops whose other tensors must not lie in the same memory at all."""


def overwrite(tensor: Any, name: str, *args: Any, keep: bool = False) -> Any:
    """Changes `tensor` in place as the op `name` says. `keep`: do its rules need the old values?"""
    views.check_in_place(tensor, *args)
    views.check_overlap(tensor, *args, whole=name in _APART)
    if tensor._data.__class__ in ARRAYS and views.repeats(tensor._data):
        raise errors.shared_elements()
    views.write(tensor, OPS[name](as_it_was(tensor, keep), *args))
    return tensor


@public("copy_", function=False)
def copy_(input: Any, src: Any, non_blocking: bool = False) -> Any:
    """Overwrites the tensor with the values of `src`, broadcast and cast. Mirrors `torch.Tensor.copy_`."""
    if not isinstance(src, TensorBase):
        if not isinstance(src, NUMBERS):
            raise errors.not_a_tensor("copy_", "other", 2, src)
        src = wrap(xp(input._data).asarray(src, input._data.dtype))
    elif on_gpu(src._data) is not on_gpu(input._data):
        src = src.to(input.device)  # type: ignore[attr-defined]
    views.check_in_place(input, src)
    views.check_overlap(input, src)
    clash = errors.broadcast(input._data.shape, src._data.shape)
    if clash is not None:
        raise clash
    if np.broadcast_shapes(input._data.shape, src._data.shape) != input._data.shape:
        raise errors.in_place_shape(input._data.shape, np.broadcast_shapes(input._data.shape, src._data.shape))
    return overwrite(input, "copy", src)


@public("fill_")
def fill_(input: Any, value: Any) -> Any:
    """Overwrites all elements with a number or a 0-d tensor. Mirrors `torch.Tensor.fill_`."""
    if not isinstance(value, TensorBase):
        if not isinstance(value, NUMBERS):
            raise errors.invalid_combination("fill_", value)
        return overwrite(input, "fill.number", value)
    if value._data.ndim:
        raise RuntimeError(
            f"fill_ only supports 0-dimension value tensor but got tensor with {value._data.ndim} dimensions."
        )
    return overwrite(input, "fill.tensor", value)


@public("fill", method=False)
def fill(input: Any, value: Any) -> Any:
    """A tensor like `input` with `value` everywhere. Mirrors `torch.fill`."""
    return OPS["fill.out"](input, value._data.item() if isinstance(value, TensorBase) else value)


@public("zero_")
def zero_(input: Any) -> Any:
    """Overwrites all elements with 0. Mirrors `torch.Tensor.zero_`."""
    data = input._data
    if not input._requires_grad and data.__class__ is np.ndarray and not views.repeats(data):
        data.fill(0)
        bump(input)
        return input
    return overwrite(input, "zero")
