"""Names that lessons meet rarely: relations in place, Python functions per element, memory that grows, functions of old.

x.gt_(0)                 writes 1 where x > 0, else 0, and keeps the dtype
x.apply_(lambda v: ...)  a Python function for each element, slowly
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from teachgrad import devices, dtypes, errors
from teachgrad.autograd import views
from teachgrad.autograd.variable import TensorBase, bump, wrap
from teachgrad.bfloats import cast
from teachgrad.gpu import xp
from teachgrad.ops import dims, elements, norms  # noqa: F401 - the entries that the rules call
from teachgrad.ops.inplace import in_place
from teachgrad.ops.overwriting import overwrite
from teachgrad.ops.table import FUNCTIONS, METHODS, OPS, composite, op, pointwise, public

# -- relations in place ----------------------------------------------------------------------------------------
_RELATIONS = {
    "eq": ("==",), "ne": ("!=", "not_equal"), "lt": ("<", "less"), "le": ("<=", "less_equal"), "gt": (">", "greater"),
    "ge": (">=", "greater_equal"),
}  # fmt: skip


def _relation(name: str, sign: str, *also: str) -> None:
    refuses = {} if name in ("eq", "ne") else {"c": f"{name}_cpu"}
    pointwise(
        f"{name}.kept_number(self; other)", f"{name.title()}Backward0", f"self {sign} other", in_place=False,
        self="zeros(grad)", refuses=refuses, samples=[f"(x * 1).{name}_(0.5)", f"(i * 1).{name}_(0.5)"],
    )  # fmt: skip
    pointwise(
        f"{name}.kept(self, other)", f"{name.title()}Backward1", f"self {sign} other", in_place=False, numbers=False,
        self="zeros(grad)", other="zeros(grad)", refuses=refuses,
        samples=[f"(x * 1).{name}_(y)", f"(x * 1).{name}_(v)", f"(x * 1).{name}_(x.double())"],
    )  # fmt: skip

    def relation(input: Any, other: Any) -> Any:
        return overwrite(input, f"{name}.kept" if isinstance(other, TensorBase) else f"{name}.kept_number", other)

    relation.__name__ = relation.__qualname__ = f"{name}_"
    relation.__doc__ = f"`{name}`, written as ones and zeros into the tensor. Mirrors `torch.Tensor.{name}_`."
    METHODS.update({f"{each}_": relation for each in (name, *also)})


for _name, _signs in _RELATIONS.items():
    _relation(_name, *_signs)


# -- functions that are methods first --------------------------------------------------------------------------
def _function_of_method(name: str) -> None:
    def face(input: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(dims.tensor(name, input), name)(*args, **kwargs)

    face.__name__ = face.__qualname__ = name
    face.__doc__ = f"`input.{name}(...)`. Mirrors `torch.{name}`."
    FUNCTIONS.setdefault(name, face)


for _name in ("clone", "detach", "detach_", "is_same_size", "is_signed", "get_device"):
    _function_of_method(_name)


@public("bernoulli", function=False)
def bernoulli(input: Any, p: float | None = None, *, generator: Any = None) -> Any:
    """`torch.bernoulli(input, p)`. Mirrors `torch.Tensor.bernoulli`."""
    from teachgrad.sampling import bernoulli as draw

    return draw(input, p, generator=generator)


# -- Python's functions, element by element --------------------------------------------------------------------
@public("apply_", function=False)
def apply_(input: Any, callable: Callable[[Any], Any]) -> Any:
    """Replaces each element by what a Python function makes of it, outside the graph. Mirrors `torch.Tensor.apply_`.

    Raises RuntimeError for a tensor that requires grad.
    """
    return _filled(input, "apply_", [callable(value) for value in input.detach().reshape(-1).tolist()])


@public("map_", function=False)
def map_(input: Any, tensor: Any, callable: Callable[[Any, Any], Any]) -> Any:
    """Replaces each element by what a Python function makes of it and of the other's. Mirrors `torch.Tensor.map_`."""
    other = tensor.detach().expand(input.shape).reshape(-1).tolist()
    mine = input.detach().reshape(-1).tolist()
    return _filled(input, "map_", [callable(*pair) for pair in zip(mine, other, strict=True)])


def _filled(tensor: Any, name: str, values: list[Any]) -> Any:
    if tensor._requires_grad:
        raise errors.explained(
            RuntimeError(f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead."),
            "A Python function has no rule that autograd knows. Write it with tensor operations, or as a custom Function.",
        )
    views.own_array(tensor)[...] = np.array(values).reshape(tensor._data.shape)
    bump(tensor)
    return tensor


# -- memory ----------------------------------------------------------------------------------------------------
@public("resize", function=False)
def resize(input: Any, *sizes: Any) -> Any:
    """The same elements in another shape: an old name of `reshape`. Mirrors `torch.Tensor.resize`.

    Raises RuntimeError for a shape with another number of elements.
    """
    warnings.warn("non-inplace resize is deprecated", UserWarning, stacklevel=2)
    shape = tuple(sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes)
    size, have = int(np.prod(shape, dtype=np.int64)), input._data
    if size != have.size:
        raise errors.explained(
            RuntimeError(
                f"requested resize to {'x'.join(map(str, shape))} ({size} elements in total), but the given tensor has a "
                f"size of {'x'.join(map(str, have.shape))} ({have.size} elements). autograd's resize can only change the "
                "shape of a given tensor, while preserving the number of elements. "
            ),
            "Write x[:n] for fewer elements, or torch.nn.functional.pad for more.",
        )
    return input.reshape(shape)


@public("resize_as_")
def resize_as_(input: Any, the_template: Any, *, memory_format: Any = None) -> Any:
    """Gives the tensor the shape of another. Mirrors `torch.Tensor.resize_as_`."""
    return input.resize_(tuple(the_template.shape))


@public("set_", function=False)
def set_(input: Any, source: Any) -> Any:
    """Makes the tensor show the memory of `source`. Mirrors `torch.Tensor.set_` for a tensor as source."""
    input._data = views.own_array(source)
    views.alias(source, input)
    return input


@public("is_set_to", function=False)
def is_set_to(input: Any, tensor: Any) -> bool:
    """True if both show the same elements of the same memory. Mirrors `torch.Tensor.is_set_to`."""
    mine, other = views.own_array(input), views.own_array(tensor)
    return bool(mine.__array_interface__ == other.__array_interface__)


@public("frombuffer", method=False)
def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Any:
    """The bytes of a Python buffer as a 1-d tensor that shares them. Mirrors `torch.frombuffer`."""
    made = wrap(np.frombuffer(buffer, dtype.numpy, count, offset))
    return made.requires_grad_() if requires_grad else made


@public("range", method=False)
def range_(
    start: float = 0, end: float | None = None, step: float = 1, *, dtype: Any = None, device: Any = None,
    requires_grad: bool = False,
) -> Any:  # fmt: skip
    """The numbers start, start + step, ... up to and including end. Mirrors `torch.range`."""
    warnings.warn(_RANGE, UserWarning, stacklevel=2)
    start, end = (0, start) if end is None else (start, end)
    kind = (dtype or dtypes.get_default_dtype()).numpy
    made = wrap(cast(start + step * devices.makers(device).arange(int((end - start) / step) + 1), kind))
    return made.requires_grad_() if requires_grad else made


_RANGE = (
    "torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with Python's "
    "range builtin. Instead, use torch.arange, which produces values in [start, end)."
)


# -- numbers and places ----------------------------------------------------------------------------------------
@public("combinations", method=False)
def combinations(input: Any, r: int = 2, with_replacement: bool = False) -> Any:
    """All choices of r elements of a vector, one per row. Mirrors `torch.combinations`."""
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = np.array(list(choose(range(len(dims.tensor("combinations", input)._data)), r)), np.int64).reshape(-1, r)
    return input[wrap(places)]


@public("unravel_index", method=False)
def unravel_index(indices: Any, shape: Any) -> Any:
    """The row, column, ... of each place in a flattened tensor of this shape. Mirrors `torch.unravel_index`."""
    places = dims.tensor("unravel_index", indices)._data
    make = xp(places)
    found = make.unravel_index(places, tuple(shape) if not isinstance(shape, int) else (shape,))
    return tuple(wrap(make.asarray(each, np.int64)) for each in found)


@public("block_diag", method=False)
def block_diag(*tensors: Any) -> Any:
    """Matrices along the diagonal of one matrix, zeros elsewhere. Mirrors `torch.block_diag`."""
    blocks = [each.reshape(1, -1) if each.ndim < 2 else each for each in tensors]
    width = sum(each.shape[1] for each in blocks)
    rows, before = [], 0
    for each in blocks:
        high, wide = each.shape
        left, right = each.new_zeros(high, before), each.new_zeros(high, width - before - wide)
        rows.append(FUNCTIONS["cat"]([left, each, right], 1))
        before += each.shape[1]
    return FUNCTIONS["cat"](rows)


op(
    "renorm.across(self; p, dims, maxnorm)", "RenormBackward0", "self * shrinking(self, p, dims, maxnorm)",
    self="shrunk_slope(grad, conj(grad) * self, self, p, dims, maxnorm)",
    shown={"self": "grad where the norm is small enough; elsewhere times maxnorm / norm, less what points along self"},
    samples=["x.renorm(2, 0, 1.2)", "torch.renorm(b, 1, 1, 0.5)", "x.renorm(3, 1, 0.4)"],
)  # fmt: skip


@composite
def shrinking(F: Any, self: Any, p: float, dims: tuple[int, ...], maxnorm: float) -> Any:
    """What brings the lengths over `dims` that are too large down to `maxnorm`; 1 for the others."""
    lengths = F.linalg_vector_norm(self, p, dims, True)
    return F.where(lengths > maxnorm, maxnorm / (lengths + 1e-7), 1.0)


@composite
def shrunk_slope(F: Any, grad: Any, moved: Any, self: Any, p: float, dims: tuple[int, ...], maxnorm: float) -> Any:
    """The gradient of `self * shrinking(self)`, by the product rule: the factor falls where the norm grows."""
    lengths = F.linalg_vector_norm(self, p, dims, True)
    along = F.sum(moved.real, dims, True)
    slope = F.norm_slope(-along * maxnorm / (lengths + 1e-7) ** 2, self, lengths, p, dims, True)
    falling = grad * (maxnorm / (lengths + 1e-7)) + (0 if slope is None else slope)
    return F.where(lengths > maxnorm, falling, grad)


@public("renorm")
def renorm(input: Any, p: float, dim: int, maxnorm: float) -> Any:
    """The parts along `dim`, those of a p-norm above `maxnorm` scaled down to it. Mirrors `torch.renorm`."""
    others = tuple(d for d in range(input.ndim) if d != dims.one("renorm", input, dim))
    return OPS["renorm.across"](input, p, others, maxnorm)


METHODS["renorm_"] = in_place(renorm)


# -- removed from PyTorch --------------------------------------------------------------------------------------
_REMOVED = {
    "lstsq": " `torch.lstsq` is deprecated in favor of `torch.linalg.lstsq`.",
    "eig": " `torch.linalg.eig` returns complex tensors of dtype `cfloat` or `cdouble` rather than real tensors mimicking "
    "complex tensors.",
    "symeig": " The default behavior has changed from using the upper triangular portion of the matrix by default to using "
    "the lower triangular portion.",
    "solve": " `torch.solve` is deprecated in favor of `torch.linalg.solve`. `torch.linalg.solve` has its arguments "
    "reversed and does not return the LU factorization.",
    "matrix_rank": "",
}


def _remove(name: str, reason: str) -> None:
    def gone(*_: Any, **__: Any) -> Any:
        instead = "eigh" if name == "symeig" else name
        raise errors.explained(
            RuntimeError(f"This function was deprecated since version 1.9 and is now removed.{reason}"),
            f"Use torch.linalg.{instead} instead.",
        )

    gone.__name__ = gone.__qualname__ = name
    gone.__doc__ = "Raises RuntimeError: removed from PyTorch."
    FUNCTIONS[name] = gone
    if name != "matrix_rank":
        METHODS[name] = gone


for _name, _reason in _REMOVED.items():
    _remove(_name, _reason)
