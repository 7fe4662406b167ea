"""Elements chosen by a mask, or by their place in the flattened tensor: `masked_fill`, `masked_select`, `take`, `put`.

x.masked_fill(mask, 0)      the gradient of x is 0 where the mask is True: the old value did not matter
x.masked_select(mask)       the gradient goes back to the places where the mask is True
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from teachgrad import dtypes, errors
from teachgrad.autograd.variable import TensorBase
from teachgrad.gpu import add_at, on_gpu, xp
from teachgrad.ops import arrays, dims, overwriting
from teachgrad.ops.table import OPS, composite, op, public, raw
from teachgrad.sizes import bad_arguments


# -- what the forward expressions compute ----------------------------------------------------------------------
@raw
def masked(self: Any, mask: Any, value: Any) -> Any:
    """`value` where the mask is True, else `self`; both broadcast."""
    make = xp(self)
    value = self.dtype.type(value) if isinstance(value, bool | int | float | complex) else value.astype(self.dtype)
    if self.__class__ is mask.__class__ is np.ndarray and self.dtype in arrays.BITS:
        bits = arrays.BITS[self.dtype]  # chosen by arithmetic on the bits, as in `arrays.kept`
        chosen = self.view(bits) * ~mask
        if number := value.view(bits):
            chosen |= mask * number
        result = chosen.view(self.dtype)
    else:
        result = np.where(mask, value, self)
    return make.asarray(result, order="C")


@raw
def unmasked(self: Any, mask: Any) -> Any:
    """The elements where the mask is True, as a vector; both broadcast."""
    shape = np.broadcast_shapes(self.shape, mask.shape)
    return np.broadcast_to(self, shape)[np.broadcast_to(mask, shape)]


@raw
def mask_filled_from(self: Any, mask: Any, source: Any) -> Any:
    """A copy of `self` with the elements of `source`, in order, where the mask is True."""
    result = xp(self).array(np.broadcast_to(self, np.broadcast_shapes(self.shape, mask.shape)))
    mask = np.broadcast_to(mask, result.shape)
    result[mask] = source.reshape(-1)[: int(np.count_nonzero(mask))]
    return result


@raw
def front_part(self: Any, mask: Any, shape: tuple[int, ...]) -> Any:
    """The elements where the mask is True, in order, at the beginning of zeros of `shape`."""
    flat = xp(self).zeros(math.prod(shape), self.dtype)
    chosen = self[np.broadcast_to(mask, self.shape)]
    flat[: chosen.size] = chosen
    return flat.reshape(shape)


@raw
def taken(self: Any, index: Any) -> Any:
    """The elements at the places `index` of the flattened array."""
    return self.reshape(-1)[index]


@raw
def with_put(self: Any, index: Any, source: Any, accumulate: bool) -> Any:
    """A copy of `self` with `source` at (or added to) the places `index` of the flattened array."""
    flat = xp(self).array(self).reshape(-1)
    if accumulate:
        add_at(flat, index.reshape(-1), source.reshape(-1))
    else:
        flat[index.reshape(-1)] = source.reshape(-1)
    return flat.reshape(self.shape)


# -- the entries -----------------------------------------------------------------------------------------------
op(
    "masked_fill.number(self, mask; value)", "MaskedFillBackward0", "masked(self, mask, value)",
    self="sum_to_size(masked_fill_number(grad, mask, 0), self_shape)",
    samples=[
        "x.masked_fill(mask, 0)", "torch.masked_fill(v, mask, 1.5)", "(x * 1).masked_fill_(mask, -1)",
        "x.masked_fill(mask[0], float('-inf'))", "x.masked_fill(i, 0)", "x.masked_fill(torch.ones(3, 3) > 0, 0)",
        "x.masked_fill(mask, v)", "x.masked_fill(mask, 'a')", "torch.zeros(()).masked_fill((mask | True)[0, 0], 2.0)",
    ],
)  # fmt: skip
op(
    "masked_fill.tensor(self, mask, value)", "MaskedFillBackward1", "masked(self, mask, value)",
    self="sum_to_size(masked_fill_number(grad, mask, 0), self_shape)", value="sum_to_size(masked_select(grad, mask), ())",
    samples=["x.masked_fill(mask, s)", "(x * 1).masked_fill_(mask, s)"],
)  # fmt: skip
op(
    "masked_select(self, mask)", "MaskedSelectBackward0", "unmasked(self, mask)",
    self="masked_select_back(grad, mask, self_shape)",
    samples=[
        "x.masked_select(mask)", "torch.masked_select(x, x > 0)", "v.masked_select(mask)", "x.masked_select(mask[0])",
        "x.masked_select(i)", "x.masked_select(torch.ones(3, 3) > 0)",
    ],
)  # fmt: skip
op(
    "masked_scatter(self, mask, source)", "MaskedScatterBackward0", "mask_filled_from(self, mask, source)",
    self="sum_to_size(masked_fill_number(grad, mask, 0), self_shape)",
    source="masked_scatter_back(grad, mask, source_shape)",
    samples=["x.masked_scatter(mask, y)", "(x * 1).masked_scatter_(mask, y)", "torch.masked_scatter(x, mask, v)"],
)  # fmt: skip
op(
    "masked_scatter_back(self, mask; shape)", "MaskedScatterBackwardBackward0", "front_part(self, mask, shape)",
    self="masked_scatter(new_zeros(grad, self_shape), mask, grad)", samples=["x.masked_scatter(mask, y * y)"],
)  # fmt: skip
op(
    "take(self, index)", "TakeBackward0", "taken(self, index)", self="put(new_zeros(grad, self_shape), index, grad, True)",
    samples=[
        "x.take(i)", "torch.take(x, idx)", "b.take(torch.tensor([-1, 23]))", "x.take(i + 7)",
        "x.take(torch.tensor([0.]))",
    ],
)  # fmt: skip
op(
    "put(self, index, source; accumulate)", "PutBackward0", "with_put(self, index, source, accumulate)",
    self="grad if accumulate else put(grad, index, new_zeros(grad, index_shape), False)",
    source="reshape(take(grad, index), source_shape)",
    samples=["x.put(i, v[:2])", "torch.put(x, i, v[:2], accumulate=True)", "(x * 1).put_(i, v[:2])"],
)  # fmt: skip


@composite
def masked_select_back(F: Any, grad: Any, mask: Any, shape: tuple[int, ...]) -> Any:
    """The gradient of each selected element at its place, zeros elsewhere."""
    whole = np.broadcast_shapes(shape, tuple(mask.shape))
    return F.sum_to_size(F.masked_scatter(F.new_zeros(grad, whole), mask, grad), shape)


# -- masks -----------------------------------------------------------------------------------------------------
def _filling(function: str, input: Any, mask: Any, value: Any) -> tuple[Any, ...]:
    """The op and arguments of a masked fill. Raises if the mask does not broadcast or the value is no single number."""
    if isinstance(value, TensorBase) and value._data.ndim:
        raise RuntimeError(
            f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {value._data.ndim} dimension(s)."
        )
    if not isinstance(value, TensorBase | int | float | complex) or not isinstance(mask, TensorBase):
        raise bad_arguments(function, (mask, value))
    clash = errors.broadcast(mask._data.shape, input._data.shape)
    if clash is not None:
        raise clash
    if mask._data.dtype.kind != "b":
        raise RuntimeError(
            f"masked_fill_ only supports boolean masks, but got mask with dtype {dtypes.of(mask._data.dtype).c_name}"
        )
    return ("masked_fill.tensor" if isinstance(value, TensorBase) else "masked_fill.number", mask, value)


@public("masked_fill")
def masked_fill(input: Any, mask: Any, value: Any) -> Any:
    """`input` with a number where the mask is True. Mirrors `torch.masked_fill`."""
    name, *arguments = _filling("masked_fill", dims.tensor("masked_fill", input), mask, value)
    return OPS[name](input, *arguments)


@public("masked_fill_", function=False)
def masked_fill_(input: Any, mask: Any, value: Any) -> Any:
    """`masked_fill`, in place. Mirrors `torch.Tensor.masked_fill_`."""
    return overwriting.overwrite(input, *_filling("masked_fill_", input, mask, value))


@public("masked_select")
def masked_select(input: Any, mask: Any) -> Any:
    """The elements where the mask is True, as a vector. Mirrors `torch.masked_select`."""
    if mask._data.dtype.kind != "b":
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    clash = errors.broadcast(mask._data.shape, dims.tensor("masked_select", input)._data.shape)
    if clash is not None:
        raise clash
    return OPS["masked_select"](input, mask)


@public("masked_scatter")
def masked_scatter(input: Any, mask: Any, source: Any) -> Any:
    """A copy of `input` with the elements of `source`, in order, where the mask is True. Mirrors `torch.masked_scatter`."""
    return OPS["masked_scatter"](input, mask, source)


@public("masked_scatter_", function=False)
def masked_scatter_(input: Any, mask: Any, source: Any) -> Any:
    """`masked_scatter`, in place. Mirrors `torch.Tensor.masked_scatter_`."""
    return overwriting.overwrite(input, "masked_scatter", mask, source)


# -- places of the flattened tensor ----------------------------------------------------------------------------
def _flat_places(function: str, input: Any, index: Any) -> Any:
    if index._data.dtype != np.int64:
        kind = dtypes.of(index._data.dtype).scalar_name
        raise RuntimeError(f"{function}(): Expected a long tensor for index, but got {kind}")
    size, data = input._data.size, index._data
    if not on_gpu(data) and data.size and (data.min() < -size or data.max() >= size):
        worst = int(data[(data < -size) | (data >= size)][0])
        raise IndexError(f"out of range: tried to access index {worst} on a tensor of {size} elements.")
    return index


@public("take")
def take(input: Any, index: Any) -> Any:
    """The elements at places of the flattened tensor. Mirrors `torch.take`."""
    return OPS["take"](input, _flat_places("take", input, index))


@public("put")
def put(input: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
    """A copy of `input` with `source` at (or added to) places of the flattened tensor. Mirrors `torch.put`."""
    return OPS["put"](input, _flat_places("put", input, index), source, accumulate)


@public("put_", function=False)
def put_(input: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
    """`put`, in place. Mirrors `torch.Tensor.put_`."""
    return overwriting.overwrite(input, "put", _flat_places("put", input, index), source, accumulate)
