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
from teachgrad.ops.table import OPS


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MADE = _words("arange empty eye full linspace logspace ones rand randint randn randperm range zeros")
"""Functions that make a tensor from nothing: in the dtype of `out`."""

NAMES = MADE | _words(
    """abs absolute acos acosh add addbmm addcdiv addcmul addmm addmv addr all amax amin aminmax angle any arccos arccosh
    arcsin arcsinh arctan arctan2 arctanh argmax argmin asin asinh atan atan2 atanh baddbmm bitwise_and
    bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor bmm bucketize cat ceil clamp clamp_max
    clamp_min clip column_stack complex concat concatenate conj_physical copysign cos cosh cross cummax cummin cumprod
    cumsum deg2rad diag digamma div divide dot dstack eq erf erfc erfinv exp exp2 expm1 fix float_power floor
    floor_divide fmax fmin fmod frac gather gcd ge ger greater greater_equal gt heaviside hstack hypot i0 index_add
    index_copy index_select inner inverse isneginf isposinf kron kthvalue lcm ldexp le lerp less less_equal lgamma log
    log10 log1p log2 logaddexp logaddexp2 logcumsumexp logical_and logical_not logical_or logical_xor logit logsumexp
    lt masked_select matmul matrix_power max maximum mean median min minimum mm mode msort mul multiply mv nan_to_num
    nanmean nanmedian nansum ne neg negative nextafter nonzero not_equal outer polar polygamma pow prod quantile rad2deg
    reciprocal remainder renorm round row_stack rsqrt scatter scatter_add searchsorted sgn sigmoid sign signbit sin sinc
    sinh sort sqrt square stack std sub subtract sum take take_along_dim tan tanh topk tril triu true_divide trunc var
    vdot vstack where xlogy"""
)
"""The functions that take `out` in PyTorch."""

_CALLED = {
    "column_stack": "cat", "cross": "linalg_cross", "dstack": "cat", "float_power": "pow", "hstack": "cat",
    "inner": "tensordot", "inverse": "linalg_inv_ex", "kron": "mul", "msort": "sort", "nanmean": "nansum", "outer": "mul",
    "square": "pow", "vstack": "cat",
}  # fmt: skip
"""What a function that is made of another is called in the error about gradients."""

_OTHER = {
    "Expected out tensor to have dtype {want.c_name}, but got {got.c_name} instead": "addmm addmv aminmax "
    "argmax argmin baddbmm bmm cross diag gather index_add index_copy inverse matmul matrix_power max.0 max.1 min.0 min.1 "
    "mm msort renorm scatter scatter_add sort take_along_dim topk tril triu",
    "Found dtype {got.scalar_name} but expected {want.scalar_name}": "abs absolute bitwise_not ceil clamp:1 "
    "clamp_max:1 clamp_min:1 clip:1 conj_physical fix floor frac lerp:3 neg negative round sgn sign trunc",
    "expected scalar_type {want.scalar_name} but found {got.scalar_name}": "cummax cummin logcumsumexp",
    "{name}(): self and result must have the same scalar type": "index_select masked_select",
    "Expected object of scalar type {want.scalar_name} but got scalar type {got.scalar_name} for argument 'out'": "complex "
    "polar",
    "Expected out type to be {want.scalar_name} but got {got.scalar_name}": "where",
    "Expected the dtype for input and out to match, but got {want.scalar_name} for input's dtype and {got.scalar_name} for "
    "out's dtype.": "amax amin",
    "result dtype {got.scalar_name} does not match input dtype {want.scalar_name}": "dot vdot",
    "{name} only supports bool tensor for result, got: {got.scalar_name}": "all any",
    "self and mat2 must have the same dtype, but got {got.scalar_name} and {want.scalar_name}": "addbmm",
    "addmv input tensors must have the same dtype, but got {got.scalar_name}, {want.scalar_name}, and "
    "{want.scalar_name}": "mv",
    "the output given to float_power has dtype {got.scalar_name} but the operation's result requires dtype "
    "{want.scalar_name}": "float_power",
    "heaviside is not yet implemented for tensors with different dtypes.": "heaviside",
    "nan_to_num: dtype of out: {got.scalar_name} should be same as input: {want.scalar_name}": "nan_to_num",
    "take(): self and out expected to have the same dtype, but got self.dtype = {want.scalar_name} and out.dtype = "
    "{got.scalar_name}": "take",
    "{name} does not support non-boolean outputs.": "isneginf isposinf signbit",
    "quantile() out tensor must be same dtype as the input tensor": "quantile",
    "nonzero: Expected out tensor to have scalar type {want.scalar_name} but got scalar type{got.scalar_name}": "nonzero",
    "tensordot: Expected the output tensor to have dtype {want.scalar_name}, but got an output tensor with dtype "
    "{got.scalar_name}": "inner",
    "torch.searchsorted(): output tensor's dtype is wrong, it can only be Int(int32) or Long(int64) depending on whether "
    "out_int32 flag is True, but we got output tensor's dtype {got.scalar_name} and out_int32 flag is False": "bucketize "
    "searchsorted",
    "output values must be of same type as input": "kthvalue.0",
    "output indices must be of scalar type Long": "kthvalue.1",
    "expected scalar type '{want.scalar_name}' but got '{got.scalar_name}' for values output": "mode.0",
    "expected scalar type '{want.scalar_name}' but got '{got.scalar_name}' for indices output": "mode.1",
    "Expected tensor for 'values' to have the same type as tensor for argument #2 'self'; but type {type} does not "
    "equal {want.type_name} (while checking arguments for median)": "median.0 nanmedian.0",
    "Expected tensor for argument #1 'indices' to have scalar type Long; but got {type} instead (while checking "
    "arguments for median)": "median.1 nanmedian.1",
}
"""What functions say about an `out` that is not of the dtype that is wanted, even if it could hold the result.

A number after a dot is the place in a result of several parts, one after a colon how many tensors the call is given."""

_LOWER = {
    "Expected canCast( typeMetaToScalarType(self.dtype()), typeMetaToScalarType(out.dtype())) to be true, but got false.  "
    "(Could this error message be improved?  If so, please report an enhancement request to PyTorch.)": "max:1 min:1",
    "ldexp can't be cast to the desired output type {got.scalar_name}": "ldexp",
    "logsumexp(): Expected floating point type for result tensor, but got: {got.scalar_name}": "logsumexp",
    "matrix_power: Expected result to be safely castable from {want.scalar_name} dtype, but got result with dtype "
    "{got.scalar_name}": "matrix_power",
}
"""What functions of their own mind say about an `out` that cannot hold such numbers as the result has."""

_KERNELS = {
    "arange": ("arange_cpu", "bc"), "cumprod": ("cumprod_out_cpu", "b"), "cumsum": ("cumsum_out_cpu", "b"),
    "linspace": ("linspace_cpu", "b"), "logspace": ("logspace_cpu", "b"), "randperm": ("randperm", "bc"),
    "range": ("range_cpu", "bc"), "std": ("std_cpu", "c"), "var": ("std_cpu", "c"),
}  # fmt: skip
"""Functions that PyTorch has not written for an `out` of some kinds of dtype: what it calls them, and the kinds."""

_SAYS_OTHER, _SAYS_LOWER = (
    {name: sentence for sentence, names in each.items() for name in names.split()} for each in (_OTHER, _LOWER)
)
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
    kernel, kinds = _KERNELS.get(name, ("", ""))
    if outs[0]._data.dtype.kind in kinds:
        raise errors.not_for_dtype(kernel, dtypes.of(outs[0]._data.dtype).scalar_name)
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
        if len(results) == 1 or len(outs) == 1:
            wanted = "Tensor" if len(results) == 1 else "tuple of Tensors"
            raise TypeError(f"{name}(): argument 'out' must be {wanted}, not {errors.type_name(out)}")
        raise TypeError(f"expected tuple of {len(results)} elements but got {len(outs)}")
    for place, (each, part) in enumerate(zip(outs, results, strict=True)):
        if part._data.shape != each._data.shape and any(each is source for source in sources):
            raise errors.in_place_shape(each._data.shape, part._data.shape)
        form = f"{name}:{len(sources)}" if len(results) == 1 else f"{name}.{place}"
        _check_dtype(name, form, part._data.dtype, each._data.dtype)
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
    "all any argmax argmin bucketize conj_physical diag floor_divide heaviside inner matrix_power nonzero quantile "
    "searchsorted"
)
"""Functions whose results have no gradient, or that are made of others which do not ask about it."""


def _check_dtype(name: str, form: str, have: Any, want: Any) -> None:
    """Raises RuntimeError or TypeError unless a part of dtype `have` may be written into a tensor of dtype `want`."""
    if have is want or name in _ANY:
        return
    mine, other = dtypes.of(have), dtypes.of(want)
    lower = mine.category > other.category
    sentence = (_SAYS_LOWER.get(form) or _SAYS_LOWER.get(name)) if lower else None
    sentence = sentence or _SAYS_OTHER.get(form) or _SAYS_OTHER.get(name)
    if sentence and not (name in ("all", "any") and other is dtypes.uint8):
        plain = other.category == 2 or other is dtypes.int64
        raise RuntimeError(
            sentence.format(
                name=name, want=mine, got=other, type=other.type_name if plain else f"CPU{other.scalar_name}Type"
            )
        )
    if lower and name in _JOINED:
        raise TypeError(f"torch.cat(): input types can't be cast to the desired output type {other.scalar_name}")
    if lower:
        raise errors.cannot_cast(mine.scalar_name, other.scalar_name)


def _write(out: Any, data: Any) -> None:
    shape = data.shape
    if out._data.shape != shape:
        if out._data.size:
            warnings.warn(refusals.out_resized(out._data.shape, shape), UserWarning, stacklevel=4)
        room = wrap(views.own_array(out))
        views.alias(out, room)
        room.resize_(shape)
        out._data = room._data
    else:
        bump(out)
    array = views.own_array(out)
    if views.repeats(array):
        raise errors.shared_elements()
    array[...] = data.real if data.dtype.kind == "c" and array.dtype.kind != "c" else data
