"""The largest, the smallest, the middle: ops that select.

What is selected gets the gradient, the others get 0: a small change of an element that is not the largest does not
change the maximum. Where several elements are the largest, PyTorch has two answers:

    x.max(), x.amax(dim), x.median()     they share the gradient evenly
    x.max(dim), x.median(dim)            the one whose index was returned gets all of it
"""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgrad import return_types
from teachgrad.autograd.variable import TensorBase
from teachgrad.gpu import xp
from teachgrad.ops import dims, scans
from teachgrad.ops.table import LIVE, composite, op, public, raw


# -- what the forward expressions compute ----------------------------------------------------------------------
@raw
def extreme(self: Any, largest: bool, dim: dims.Dims, keepdim: bool, name: str) -> Any:
    """The largest or the smallest element along `dim`; nan if one is nan."""
    _not_empty(self, dim, name)
    return (self.max if largest else self.min)(axis=dim, keepdims=keepdim)


def _not_empty(self: Any, dim: dims.Dims, name: str) -> None:
    """Raises if there is nothing to choose from."""
    if self.size:
        return
    if dim is None:
        hint = "" if name.startswith("arg") else " Specify the reduction dim with the 'dim' argument."
        text = f"{name}(): Expected reduction dim to be specified for input.numel() == 0.{hint}"
        raise IndexError(text) if name.startswith("arg") else RuntimeError(text)
    for each in (dim,) if isinstance(dim, int) else dim:
        if self.shape[each] == 0:
            raise IndexError(f"{name}(): Expected reduction dim {each} to have non-zero size.")


@raw
def place_of(self: Any, largest: bool, dim: int | None, keepdim: bool, name: str) -> Any:
    """The index of the first of the largest (smallest) elements along `dim`, or in the flattened tensor."""
    if self.dtype.kind == "b":
        raise RuntimeError(f"{name}(): does not support bool input")
    _not_empty(self, dim, name)
    return (np.argmax if largest else np.argmin)(
        self, axis=dim if self.ndim else None, keepdims=keepdim and self.ndim > 0
    )


def _at(self: Any, indices: Any, dim: int | None, keepdim: bool) -> tuple[Any, Any]:
    """The values at `indices`, which still have the dimension `dim`, and the indices."""
    if dim is None:  # a number
        return self.copy(), indices
    values = np.take_along_axis(self, indices, dim)
    return (values, indices) if keepdim else (values.squeeze(dim), indices.squeeze(dim))


@raw
def extreme_at(self: Any, largest: bool, dim: int | None, keepdim: bool, name: str) -> tuple[Any, Any]:
    """The largest or smallest element along `dim`, and where it is."""
    if dim is None:
        return self.copy(), dims.zeroth(self)
    values = extreme(self, largest, dim, keepdim, name)
    return values, (np.argmax if largest else np.argmin)(self, axis=dim, keepdims=keepdim)


@raw
def ranked_at(self: Any, rank: Any, dim: int | None, keepdim: bool, name: str) -> tuple[Any, Any]:
    """The element with `rank` smaller ones along `dim`, and where it is. Negative rank: the lower median.

    With rank -1 a nan is the median if there is one, with rank -2 nans do not count.
    """
    if dim is None:
        return self.copy(), dims.zeroth(self)
    _not_empty(self, dim, name)
    order = np.argsort(self, axis=dim, kind="stable")
    size = self.shape[dim]
    if rank >= 0:
        return _at(self, order[(slice(None),) * dim + (slice(rank, rank + 1),)], dim, keepdim)
    nans = self != self
    counted = size - nans.sum(dim, keepdims=True)
    wanted = np.maximum(counted - 1, 0) // 2
    indices = np.take_along_axis(order, wanted, dim)
    if rank == -1:
        indices = np.where(counted < size, nans.argmax(dim, keepdims=True), indices)
    return _at(self, indices, dim, keepdim)


@raw
def middle(self: Any, rank: int, name: str) -> Any:
    """The lower median of all elements; nan for none."""
    if not self.size:
        return xp(self).full((), np.nan, self.dtype)[()]
    return ranked_at(self.reshape(-1), rank, 0, False, name)[0]


@raw
def most_common(self: Any, dim: int | None, keepdim: bool) -> tuple[Any, Any]:
    """The most frequent element along `dim` (of several, the smallest), and where it stands last."""
    if dim is None:
        return self.copy(), dims.zeroth(self)
    _not_empty(self, dim, "mode")
    order = np.argsort(self, axis=dim, kind="stable")
    ranked = np.moveaxis(np.take_along_axis(self, order, dim), dim, -1)
    places = xp(self).arange(ranked.shape[-1])
    begins = xp(self).zeros(ranked.shape, np.int64)  # where the run of equals begins
    begins[..., 1:] = np.where(ranked[..., 1:] != ranked[..., :-1], places[1:], 0)
    lengths = places - scans.running(np.maximum, begins, ranked.ndim - 1)
    best = np.moveaxis(lengths.argmax(-1, keepdims=True), -1, dim)  # the end of the first of the longest runs
    return _at(self, np.take_along_axis(order, best, dim), dim, keepdim)


# -- the entries -----------------------------------------------------------------------------------------------
for _name, _largest in (("max", True), ("min", False)):
    _node = _name.capitalize()
    op(
        f"{_name}.all(self)", f"{_node}Backward1", f"extreme(self, {_largest}, None, False, '{_name}')",
        self="among_equals(grad, self, result)", refuses={"c": f"{_name}_all"},
        shown={"self": "where(self == result, grad, 0) / sum(self == result)"},
        samples=[f"x.{_name}()", f"s.{_name}()", f"x.relu().{_name}()"],
    )  # fmt: skip
    op(
        f"{_name}.dim(self; dim, keepdim) -> values, !indices", f"{_node}Backward0",
        f"extreme_at(self, {_largest}, dim, keepdim, '{_name}')",
        self="put_back(grad, indices, dim, keepdim, self_shape)",
        refuses={"c": f"{_name}(): does not support complex input"},
        samples=[
            f"x.{_name}(0)", f"torch.{_name}(b, 1, keepdim=True)", f"x.relu().{_name}(dim=-1)",
            f"s.{_name}(0)", f"i.{_name}(0)", f"x.{_name}(2)", f"torch.zeros(2, 0).{_name}(1)",
            f"torch.{_name}(x, y)",
        ],
    )  # fmt: skip
    op(
        f"a{_name}.dims(self; dim, keepdim)", f"A{_name}Backward0",
        f"extreme(self, {_largest}, dim, keepdim, 'a{_name}')",
        self="among_equals(grad, self, result, dim, keepdim)", refuses={"c": f"{_name}_values_cpu"},
        shown={
            "self": "where(self == expand_back(result, self_shape, dim, keepdim), "
            "expand_back(grad, self_shape, dim, keepdim), 0) "
            "/ sum(self == expand_back(result, self_shape, dim, keepdim), dim, True)",
        },
        samples=[
            f"x.a{_name}()", f"x.a{_name}(0)", f"b.a{_name}((0, 2), True)", f"x.relu().a{_name}(1)",
            f"i.a{_name}(0)",
        ],
    )  # fmt: skip
    op(
        f"arg{_name}.dim(self; dim, keepdim)", None,
        f"place_of(self, {_largest}, dim, keepdim, 'arg{_name}')",
        refuses={"c": f"arg{_name}(): does not support complex input"},
        samples=[
            f"x.arg{_name}()", f"x.arg{_name}(1)", f"b.arg{_name}(0, keepdim=True)", f"mask.arg{_name}()",
            f"s.arg{_name}()",
        ],
    )  # fmt: skip
for _name, _rank in (("median", -1), ("nanmedian", -2)):
    op(
        f"{_name}.all(self)", f"{_name.capitalize()}Backward0", f"middle(self, {_rank}, '{_name}')",
        self="among_equals(grad, self, result)", refuses={"c": "median_cpu"},
        shown={"self": "where(self == result, grad, 0) / sum(self == result)"},
        samples=[f"x.{_name}()", f"s.{_name}()", f"b.{_name}()", f"x.log().{_name}()"],
    )  # fmt: skip
    op(
        f"{_name}.dim(self; dim, keepdim) -> values, !indices", f"{_name.capitalize()}Backward1",
        f"ranked_at(self, {_rank}, dim, keepdim, '{_name}')",
        self="put_back(grad, indices, dim, keepdim, self_shape)", refuses={"c": "median_out"},
        samples=[f"x.{_name}(0)", f"b.{_name}(1, True)", f"x.{_name}(1)", f"s.{_name}(0)", f"i.{_name}(0)"],
    )  # fmt: skip
op(
    "kthvalue.dim(self; k, dim, keepdim) -> values, !indices", "KthvalueBackward0",
    "ranked_at(self, k - 1, dim, keepdim, 'kthvalue')",
    refuses={"c": "kthvalue_cpu"},
    self="put_back(grad, indices, dim, keepdim, self_shape)",
    samples=["x.kthvalue(2)", "b.kthvalue(3, 1, True)", "x.kthvalue(4)"],
)  # fmt: skip
op(
    "mode.dim(self; dim, keepdim) -> values, !indices", "ModeBackward0", "most_common(self, dim, keepdim)",
    refuses={"c": "mode_cpu"},
    self="put_back(grad, indices, dim, keepdim, self_shape)",
    samples=["x.relu().mode()", "x.mode(0, True)", "idx.mode(1)"],
)  # fmt: skip
op(
    "aminmax.dim(self; dim, keepdim) -> min, max", "AminmaxBackward0",
    "(extreme(self, False, dim, keepdim, 'aminmax'), extreme(self, True, dim, keepdim, 'aminmax'))",
    refuses={"c": "aminmax_cpu"},
    self="added(among_equals(grads[0], self, min, dim, keepdim), among_equals(grads[1], self, max, dim, keepdim))",
    shown={"self": "the gradient of min where self is smallest, that of max where it is largest; equals share it"},
    samples=["x.aminmax()", "x.aminmax(dim=1)", "torch.aminmax(x, dim=0, keepdim=True)"],
)  # fmt: skip


# -- rules that take more than one expression ------------------------------------------------------------------
@composite
def among_equals(F: Any, grad: Any, self: Any, chosen: Any, dim: dims.Dims = None, keepdim: bool = False) -> Any:
    """The gradient in equal shares for all elements that equal the chosen one (for a nan, for all nans)."""
    if grad is None:
        return None
    value = F.expand_back(chosen, self.shape, dim, keepdim)
    equal = (self == value) | ((self != self) & (value != value))
    return equal * (F.expand_back(grad, self.shape, dim, keepdim) / F.like(F.sum(equal, dim, True), grad))


@composite
def put_back(F: Any, grad: Any, indices: Any, dim: int | None, keepdim: bool, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape`, with the gradient at the indices that were chosen along `dim`."""
    if dim is None:
        return grad
    if not keepdim:
        grad, indices = F.unsqueeze(grad, dim), F.unsqueeze(indices, dim)
    return F.scatter(F.new_zeros(grad, shape), indices, grad, dim)


@dims.in_rules
def added(a: Any, b: Any) -> Any:
    """a + b, where either may be None."""
    return b if a is None else a if b is None else a + b


# -- the faces -------------------------------------------------------------------------------------------------
def _extreme_face(name: str, input: Any, dim: Any, keepdim: bool, words: dict[str, Any]) -> Any:
    dim = words.pop("other", dim)
    dim, keepdim = dims.numpy_words(name, dim, keepdim, words)
    if dim is None:
        return LIVE[f"{name}_all"](input)
    if isinstance(dim, TensorBase):
        return LIVE[f"{name}imum"](input, dim)
    dim = dims.one(name, input, dim)
    result = LIVE[f"{name}_dim"](input, dim if input._data.ndim else None, keepdim)
    return getattr(return_types, name)(*result)


@public()
def max(input: Any, dim: Any = None, keepdim: bool = False, **words: Any) -> Any:
    """The largest element; over `dim` with its index; or of two tensors, element by element. Mirrors `torch.max`."""
    return _extreme_face("max", input, dim, keepdim, words)


@public()
def min(input: Any, dim: Any = None, keepdim: bool = False, **words: Any) -> Any:
    """The smallest element; over `dim` with its index; or of two tensors, element by element. Mirrors `torch.min`."""
    return _extreme_face("min", input, dim, keepdim, words)


@public()
def amax(input: Any, dim: Any = None, keepdim: bool = False, **words: Any) -> Any:
    """The largest element along `dim`, one dimension or several; ties share the gradient. Mirrors `torch.amax`."""
    dim, keepdim = dims.numpy_words("amax", dim, keepdim, words)
    return LIVE["amax_dims"](input, dims.many("amax", input, dim), keepdim)


@public()
def amin(input: Any, dim: Any = None, keepdim: bool = False, **words: Any) -> Any:
    """The smallest element along `dim`, one dimension or several; ties share the gradient. Mirrors `torch.amin`."""
    dim, keepdim = dims.numpy_words("amin", dim, keepdim, words)
    return LIVE["amin_dims"](input, dims.many("amin", input, dim), keepdim)


@public()
def aminmax(input: Any, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """The smallest and the largest element. Mirrors `torch.aminmax`."""
    if dims.tensor("aminmax", input)._data.size == 0 and dim is None:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
        )
    return return_types.aminmax(*LIVE["aminmax_dim"](input, dims.many("aminmax", input, dim), keepdim))


@public()
def argmax(input: Any, dim: int | None = None, keepdim: bool = False, **words: Any) -> Any:
    """The index of the largest element, in the flattened tensor or along `dim`. Mirrors `torch.argmax`."""
    dim, keepdim = dims.numpy_words("argmax", dim, keepdim, words)
    return LIVE["argmax_dim"](input, None if dim is None else dims.one("argmax", input, dim), keepdim)


@public()
def argmin(input: Any, dim: int | None = None, keepdim: bool = False, **words: Any) -> Any:
    """The index of the smallest element, in the flattened tensor or along `dim`. Mirrors `torch.argmin`."""
    dim, keepdim = dims.numpy_words("argmin", dim, keepdim, words)
    return LIVE["argmin_dim"](input, None if dim is None else dims.one("argmin", input, dim), keepdim)


def _line(name: str, input: Any, dim: int) -> int | None:
    """`dim` counted from 0; None for a number, which has no dimension."""
    dim = dims.one(name, input, dim)
    return dim if input._data.ndim else None


@public()
def median(input: Any, dim: int | None = None, keepdim: bool = False, **words: Any) -> Any:
    """The element in the middle, the lower of two; over `dim` with its index. Mirrors `torch.median`."""
    dim, keepdim = dims.numpy_words("median", dim, keepdim, words)
    if dim is None:
        return LIVE["median_all"](input)
    return return_types.median(*LIVE["median_dim"](input, _line("median", input, dim), keepdim))


@public()
def nanmedian(input: Any, dim: int | None = None, keepdim: bool = False, **words: Any) -> Any:
    """The median of what is not nan. Mirrors `torch.nanmedian`."""
    dim, keepdim = dims.numpy_words("nanmedian", dim, keepdim, words)
    if dim is None:
        return LIVE["nanmedian_all"](input)
    return return_types.nanmedian(*LIVE["nanmedian_dim"](input, _line("nanmedian", input, dim), keepdim))


@public()
def kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The k-th smallest element along `dim`, counted from 1, with its index. Mirrors `torch.kthvalue`."""
    line = _line("kthvalue", input, dim)
    if input._data.size and not 1 <= k <= (1 if line is None else input._data.shape[line]):
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {line or 0}")
    return return_types.kthvalue(*LIVE["kthvalue_dim"](input, k, line, keepdim))


@public()
def mode(input: Any, dim: int = -1, keepdim: bool = False) -> Any:
    """The most frequent element along `dim`, with its index. Mirrors `torch.mode`."""
    return return_types.mode(*LIVE["mode_dim"](input, _line("mode", input, dim), keepdim))
