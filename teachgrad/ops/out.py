"""`torch.add(x, y, out=z)`: a result written into a tensor that is there already.

    torch.exp(x, out=z)      computes exp(x), writes it into the memory of z, returns z itself; z's version goes up

Nothing is recorded, so it is refused while gradients are wanted. A `z` of another shape becomes as large as the result,
with a warning unless it was empty; a `z` of another dtype receives the result cast, if that loses no kind of number.

Operators and methods take no `out`, and inside the library nobody uses it. So the parameter is not in the ops: the
functions in `NAMES` get it around them when they are first looked up in the face (`teachgrad/__init__.py`).
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from teachgrad import dtypes, errors, return_types
from teachgrad.autograd import views
from teachgrad.autograd.modes import GRAD_MODE, no_grad
from teachgrad.autograd.variable import TensorBase, bump, wrap
from teachgrad.ops import refusals
from teachgrad.ops.table import METHODS, OPS


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MADE = _words("arange empty eye full linspace logspace ones rand randint randn randperm range zeros")
"""Functions that make a tensor from nothing: in the dtype of `out`."""

NAMES = MADE | _words(
    """abs absolute acos acosh add addmm addmv addr all amax amin aminmax angle any arccos arccosh
    arcsin arcsinh arctan arctan2 arctanh argmax argmin asin asinh atan atan2 atanh baddbmm bitwise_and
    bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor bmm bucketize cat ceil clamp clamp_max
    clamp_min clip column_stack complex concat concatenate conj_physical cos cosh cross cummax cummin cumprod cumsum
    deg2rad diag div divide dot dstack eq erf erfc exp exp2 expm1 fix floor floor_divide fmod frac gather ge ger greater
    greater_equal gt hstack hypot index_add index_copy index_select inner inverse kthvalue le lerp less less_equal log
    log10 log1p log2 logaddexp logcumsumexp logical_and logical_not logical_or logical_xor logsumexp lt masked_select
    matmul matrix_power max maximum mean median min minimum mm mode msort mul multiply mv nanmean nanmedian nansum ne
    neg negative nonzero not_equal outer polar pow prod quantile rad2deg reciprocal remainder round row_stack rsqrt
    scatter scatter_add searchsorted sgn sigmoid sign sin sinh sort sqrt square stack std sub subtract sum
    take_along_dim tan tanh topk tril triu true_divide trunc var vdot vstack where"""
)
"""The functions that take `out` in PyTorch."""

_CALLED = {
    "column_stack": "cat", "cross": "linalg_cross", "dstack": "cat", "hstack": "cat", "inner": "tensordot",
    "inverse": "linalg_inv_ex", "msort": "sort", "nanmean": "nansum", "outer": "mul", "square": "pow", "vstack": "cat",
}  # fmt: skip
"""What a function that is made of another is called in the error about gradients."""

_SAME = _words("addmm addmv baddbmm bmm cross diag gather inverse matmul mm msort mv take_along_dim tril triu")
_FOUND = _words("abs absolute ceil conj_physical fix floor frac lerp neg negative round sgn sign trunc")
_JOINED = _words("cat column_stack concat concatenate dstack hstack row_stack stack vstack")
_ANY = _words("cumprod cumsum nansum prod sum")
"""Functions that compute in the dtype of `out`, whatever it is."""


def with_out(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` with a keyword parameter `out`, written for its signature so that a call without it costs little."""
    head, call, keyword_only = [], [], False
    space: dict[str, Any] = {
        "__name__": "teachgrad.ops.generated",
        "_function": function,
        "_into": functools.partial(into, name),
    }
    for parameter in inspect.signature(function).parameters.values():
        given, kind = parameter.name, parameter.kind
        text = given
        if parameter.default is not parameter.empty:
            space[f"_{given}"] = parameter.default
            text = f"{given}=_{given}"
        if kind is parameter.KEYWORD_ONLY:
            head += [text] if keyword_only else ["*", text]
            keyword_only = True
            call.append(f"{given}={given}")
        elif kind is parameter.VAR_POSITIONAL:
            keyword_only = True
            head.append(f"*{given}")
            call.append(f"*{given}")
        elif kind is parameter.VAR_KEYWORD:
            last = f"**{given}"
            head += ["out=None", last] if keyword_only else ["*", "out=None", last]
            call.append(last)
        else:
            head.append(text)
            call.append(given)
    if "out=None" not in head:
        head += ["out=None"] if keyword_only else ["*", "out=None"]
    arguments = ", ".join(call)
    source = f"""\
def {name}({", ".join(head)}):
    if out is None:
        return _function({arguments})
    return _into(_function, out, {arguments})
"""
    exec(compile(source, f"<teachgrad out {name}>", "exec"), space)
    face: Callable[..., Any] = space[name]
    face.__doc__, face.__module__ = function.__doc__, function.__module__
    face.__wrapped__ = function  # type: ignore[attr-defined]
    return face


def into(name: str, function: Callable[..., Any], out: Any, *args: Any, **kwargs: Any) -> Any:
    """Writes what `function` computes into `out`, a tensor or, where the result has several parts, a tuple of tensors.

    Raises RuntimeError if a gradient is wanted or the dtype does not fit, TypeError if `out` is no tensor. Nothing has
    been written then.
    """
    outs = tuple(out) if isinstance(out, tuple | list) else (out,)
    for each in outs:
        if not isinstance(each, TensorBase):
            raise TypeError(f"{name}(): argument 'out' must be Tensor, not {errors.type_name(out)}")
    sources = list(_tensors((*args, *kwargs.values())))
    if name in MADE:
        _check_made(name, outs[0], kwargs.get("dtype"))
    if GRAD_MODE.get() and differentiable(function) and any(t._requires_grad for t in (*sources, *outs)):
        raise refusals.out_wants_gradient(_CALLED.get(function.__name__, function.__name__))
    for each in outs:
        views.check_in_place(each)
        views.check_overlap(each, *sources)
    if name in _ANY | MADE and kwargs.get("dtype") is None:
        kwargs["dtype"] = dtypes.of(outs[0]._data.dtype)
    with no_grad():
        result = function(*args, **kwargs)
    results = result if isinstance(result, tuple) else (result,)
    if len(outs) != len(results):
        raise TypeError(f"{name}(): argument 'out' must be tuple of Tensors, not {errors.type_name(out)}")
    for each, part in zip(outs, results, strict=True):
        if part._data.shape != each._data.shape and any(each is source for source in sources):
            raise errors.in_place_shape(each._data.shape, part._data.shape)
        _check_dtype(name, part._data.dtype, each._data.dtype)
    for each, part in zip(outs, results, strict=True):
        _write(each, part._data)
    if not isinstance(result, tuple):
        return out
    return return_types.named(f"{type(result).__name__}_out", *result._fields)(*outs)  # type: ignore[attr-defined]


def _check_made(name: str, out: TensorBase, dtype: Any) -> None:
    """Raises RuntimeError if a tensor made from nothing may not be written into `out`."""
    have = dtypes.of(out._data.dtype)
    if dtype is not None and dtype is not have:
        raise RuntimeError(f"dtype {dtype.scalar_name} does not match dtype of out parameter ({have.scalar_name})")
    if out._requires_grad and GRAD_MODE.get():
        if name in ("empty", "randn"):
            raise RuntimeError("cannot resize variables that require grad")
        raise refusals.out_wants_gradient(f"aten::{name}")


def _tensors(values: Any) -> Iterator[TensorBase]:
    for value in values:
        if isinstance(value, TensorBase):
            yield value
        elif isinstance(value, tuple | list):
            yield from _tensors(value)


def differentiable(function: Callable[..., Any]) -> bool:
    """Whether the results of `function` can have a gradient: comparisons, for instance, have none."""
    op = OPS.get(function.__name__)
    return function.__name__ not in _FLAT and (op is None or op.node_name is not None)


_FLAT = _words(
    "all any argmax argmin bucketize conj_physical diag floor_divide inner matrix_power nonzero quantile searchsorted"
)
"""Functions whose results have no gradient, or that are made of others which do not ask about it."""


def _check_dtype(name: str, have: Any, want: Any) -> None:
    """Raises RuntimeError or TypeError unless a result of dtype `have` may be written into a tensor of dtype `want`."""
    if have is want or name in _ANY:
        return
    mine, other = dtypes.of(have), dtypes.of(want)
    if name in _SAME:
        raise RuntimeError(f"Expected out tensor to have dtype {mine.c_name}, but got {other.c_name} instead")
    if name == "where":
        raise RuntimeError(f"Expected out type to be {mine.scalar_name} but got {other.scalar_name}")
    if name in _FOUND:
        raise RuntimeError(f"Found dtype {other.scalar_name} but expected {mine.scalar_name}")
    if mine.category <= other.category:
        return
    if name in _JOINED:
        raise TypeError(f"torch.cat(): input types can't be cast to the desired output type {other.scalar_name}")
    raise errors.cannot_cast(mine.scalar_name, other.scalar_name)


def _write(out: Any, data: Any) -> None:
    shape = data.shape
    if out._data.shape != shape:
        if out._data.size:
            warnings.warn(refusals.out_resized(out._data.shape, shape), UserWarning, stacklevel=4)
        room = wrap(views.own_array(out))
        views.alias(out, room)
        METHODS["resize_"](room, shape)
        out._data = room._data
    else:
        bump(out)
    array = views.own_array(out)
    if views.repeats(array):
        raise errors.shared_elements()
    array[...] = data.real if data.dtype.kind == "c" and array.dtype.kind != "c" else data
