"""Random tensors: `torch.rand`, `torch.randn` and all that a seed decides.

The numbers themselves, bit for bit PyTorch's, come from `teachgrad.random`; here they become tensors. A random tensor is
a leaf. The in-place forms (`x.uniform_()`) overwrite a tensor, so that nothing flows back through them:

    w = torch.empty(3, 2, requires_grad=True)
    with torch.no_grad():
        w.uniform_(-0.1, 0.1)      # outside no_grad: "a leaf Variable ... in an in-place operation"
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from teachgrad import devices, dtypes, errors, gpurandom, random
from teachgrad.autograd import views
from teachgrad.autograd.variable import TensorBase, wrap
from teachgrad.bfloats import cast, widened
from teachgrad.generator import Generator as Stream
from teachgrad.generator import default_generator, manual_seed
from teachgrad.leaves import dtype_of, leaf
from teachgrad.ops.overwriting import overwrite
from teachgrad.ops.table import OPS, composite, op, public
from teachgrad.sizes import bad_arguments, new_shape
from teachgrad.tensor import Tensor


class Generator(Stream):
    """A stream of random numbers of your own, instead of the one that all share. Mirrors `torch.Generator`."""

    __slots__ = ()

    def get_state(self) -> Any:
        """All that decides the numbers to come: a uint8 tensor of 5056 bytes."""
        return wrap(super().get_state())

    def set_state(self, state: Any) -> None:
        """Goes back to where `get_state` was called. Raises TypeError if `state` is no uint8 tensor."""
        super().set_state(_bytes(state))


def _bytes(state: Any) -> Any:
    if not isinstance(state, TensorBase):
        raise TypeError(f"expected a torch.ByteTensor, but got {type(state).__name__}")
    return state._data


@public("seed", method=False)
def seed() -> int:
    """Starts the shared stream at an unpredictable seed and returns it. Mirrors `torch.seed`."""
    return default_generator.seed()


@public("initial_seed", method=False)
def initial_seed() -> int:
    """The seed that the shared stream started from. Mirrors `torch.initial_seed`."""
    return default_generator.initial_seed()


@public("get_rng_state", method=False)
def get_rng_state() -> Tensor:
    """The state of the shared stream, a uint8 tensor. Mirrors `torch.get_rng_state`."""
    return wrap(default_generator.get_state())


@public("set_rng_state", method=False)
def set_rng_state(new_state: Tensor) -> None:
    """Puts the shared stream back to where `get_rng_state` was called. Mirrors `torch.set_rng_state`."""
    default_generator.set_state(_bytes(new_state))


public("manual_seed", method=False)(manual_seed)


def _source(device: Any) -> Any:
    """Who draws numbers for a new tensor: `random.py`, or on a GPU `gpurandom.py`."""
    return random if devices.makers(device) is np else gpurandom


def _of(tensor: Any) -> Any:
    """The same for a tensor that is there."""
    return gpurandom.source(tensor._data)


def _like(input: Any, device: Any) -> Any:
    return _source(_place(input, device))


def _place(input: Any, device: Any) -> Any:
    """The device asked for, or else that of `input`."""
    return devices.of(input._data) if device is None and isinstance(input, TensorBase) else device


def _stream(function: str, args: tuple[Any, ...], generator: Any) -> Stream | None:
    if generator is not None and not isinstance(generator, Stream):
        raise bad_arguments(function, args, generator=generator)
    return generator


# -- new tensors -----------------------------------------------------------------------------------------------
@public("rand", method=False)
def rand(
    *shape: Any,
    size: Any = None,
    generator: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers uniform in [0, 1). Mirrors `torch.rand`."""
    stream, kind = _stream("rand", shape, generator), dtype_of("rand", dtype).numpy
    return leaf(_source(device).uniform(stream, new_shape("rand", shape, size), kind), requires_grad, device)


@public("randn", method=False)
def randn(
    *shape: Any,
    size: Any = None,
    generator: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Numbers from the normal distribution with mean 0 and standard deviation 1. Mirrors `torch.randn`."""
    stream, kind = _stream("randn", shape, generator), dtype_of("randn", dtype).numpy
    if not shape and size is None:
        raise bad_arguments("randn", ())
    return leaf(_source(device).normal(stream, new_shape("randn", shape, size), kind), requires_grad, device)


@public("randint", method=False)
def randint(
    *bounds_and_size: Any,
    low: int = 0,
    high: int | None = None,
    size: Any = None,
    generator: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Whole numbers in [low, high), int64 unless asked otherwise: `randint(low, high, size)`. Mirrors `torch.randint`.

    `low` may be left out. Raises RuntimeError if the range is empty.
    """
    args = list(bounds_and_size)
    if size is None and args and (isinstance(args[-1], tuple | list) or len(args) == 2 - (high is not None)):
        size = args.pop()
    if high is None and args:
        high = args.pop()
    if args:
        low = args.pop(0)
    if args or size is None or not isinstance(low, int) or not isinstance(high, int):
        raise bad_arguments("randint", bounds_and_size)
    if not isinstance(size, tuple | list):
        raise TypeError(f"randint(): argument 'size' (position 2) must be tuple of ints, not {errors.type_name(size)}")
    kind = dtype_of("randint", dtype, dtypes.int64).numpy
    stream = _stream("randint", bounds_and_size, generator)
    shape = new_shape("randint", (size,))
    return leaf(_source(device).integers(stream, shape, low, high, kind), requires_grad, device)


@public("randperm", method=False)
def randperm(
    n: int, *, generator: Any = None, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """The numbers 0 to n - 1 in random order. Mirrors `torch.randperm`."""
    if not isinstance(n, int):
        raise TypeError(f"randperm(): argument 'n' (position 1) must be int, not {errors.type_name(n)}")
    order = _source(device).permutation(_stream("randperm", (n,), generator), n)
    return leaf(order.astype(dtype_of("randperm", dtype, dtypes.int64).numpy), requires_grad, device)


def _same(function: str, input: Any, dtype: Any) -> tuple[tuple[int, ...], Any]:
    """The shape and the NumPy dtype of a tensor like `input`."""
    if not isinstance(input, TensorBase):
        raise errors.not_a_tensor(function, "input", 1, input)
    return input._data.shape, dtype_of(function, dtype, dtypes.of(input._data.dtype)).numpy


@public("rand_like", method=False)
def rand_like(input: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Numbers uniform in [0, 1), with the shape and dtype of `input`. Mirrors `torch.rand_like`."""
    return leaf(
        _like(input, device).uniform(None, *_same("rand_like", input, dtype)), requires_grad, _place(input, device)
    )


@public("randn_like", method=False)
def randn_like(input: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Standard normal numbers, with the shape and dtype of `input`. Mirrors `torch.randn_like`."""
    return leaf(
        _like(input, device).normal(None, *_same("randn_like", input, dtype)), requires_grad, _place(input, device)
    )


@public("randint_like", method=False)
def randint_like(
    input: Any, low: int, high: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Whole numbers in [low, high), or [0, low), with the shape and dtype of `input`. Mirrors `torch.randint_like`."""
    shape, kind = _same("randint_like", input, dtype)
    low, high = (0, low) if high is None else (low, high)
    return leaf(_like(input, device).integers(None, shape, low, high, kind), requires_grad, _place(input, device))


@public("normal", method=False)
def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Any = None,
    dtype: Any = None,
    device: Any = None,
    layout: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Normal numbers; `mean` and `std` may be tensors with one value for each, else `size` is needed.

    Mirrors `torch.normal`. Raises RuntimeError for a negative `std`.
    """
    stream = _stream("normal", (mean, std), generator)
    tensors = [value for value in (mean, std) if isinstance(value, TensorBase)]
    if not tensors:
        if size is None:
            raise bad_arguments("normal", (mean, std))
        kind = dtype_of("normal", dtype).numpy
        shape = new_shape("normal", (size,))
        return leaf(_source(device).normal(stream, shape, kind, mean, std), requires_grad, device)
    if isinstance(std, TensorBase):
        if (widened(std._data) < 0).any():
            raise RuntimeError("normal expects all elements of std >= 0.0")
    elif std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    shapes = [tensor._data.shape for tensor in tensors]
    clash = errors.broadcast(shapes[0], shapes[-1])
    if clash is not None:
        raise clash
    shape = np.broadcast_shapes(*shapes)
    kind = tensors[0]._data.dtype
    drawn = widened(_of(tensors[0]).normal(stream, shape, kind))
    centre, width = (widened(value._data) if isinstance(value, TensorBase) else value for value in (mean, std))
    values = cast(drawn * width + centre, kind)
    name = "normal.drawn3" if len(tensors) == 2 else "normal.drawn1" if tensors[0] is mean else "normal.drawn2"
    result: Tensor = OPS[name](*tensors, values)
    return result


@public("bernoulli", method=False)
def bernoulli(input: Any, p: float | None = None, *, generator: Any = None) -> Tensor:
    """1 with the probability that each element says (or with probability `p`), else 0. Mirrors `torch.bernoulli`."""
    stream = _stream("bernoulli", (input,), generator)
    if p is not None:
        return wrap(cast(_of(input).bernoulli(stream, input._data.shape, p), input._data.dtype))
    drawn: Tensor = OPS["bernoulli.drawn0"](input, _of(input).bernoulli_of(stream, input._data))
    return drawn


@public("multinomial")
def multinomial(input: Any, num_samples: int, replacement: bool = False, *, generator: Any = None) -> Tensor:
    """Indices drawn with probability proportional to the elements of each row. Mirrors `torch.multinomial`."""
    stream = _stream("multinomial", (input,), generator)
    return wrap(_of(input).multinomial(stream, input._data, num_samples, replacement))


# -- in place --------------------------------------------------------------------------------------------------
for _kind, _numbers in (
    ("Normal", "0"),
    ("Uniform", "0"),
    ("Exponential", "0"),
    ("Random", "012"),
    ("Bernoulli", "02"),
    ("LogNormal", "0"),
    ("Cauchy", "0"),
    ("Geometric", "0"),
):
    for _number in _numbers:
        op(f"{_kind.lower()}.drawn{_number}(self; values)", f"{_kind}Backward{_number}", "values", self="zeros(grad)")


op("normal.drawn1(mean; values)", "NormalBackward1", "values", mean="zeros_of(grad, mean_shape)")
op("normal.drawn2(std; values)", "NormalBackward2", "values", std="zeros_of(grad, std_shape)")
op(
    "normal.drawn3(mean, std; values)", "NormalBackward3", "values",
    mean="zeros_of(grad, mean_shape)", std="zeros_of(grad, std_shape)",
)  # fmt: skip
op("bernoulli.drawn1(self, p; values)", "BernoulliBackward1", "values", self="zeros(grad)", p="zeros_of(grad, p_shape)")


@composite
def zeros_of(F: Any, grad: Any, shape: tuple[int, ...]) -> Any:
    """No gradient flows to an argument of this shape."""
    return F.new_zeros(grad, shape)


def _fill(tensor: Any, name: str, draw: Callable[[tuple[int, ...]], Any]) -> Any:
    """Fills `tensor` with `draw(shape)`, in the order of its memory; the op `name` is its new history."""
    views.check_in_place(tensor)
    values = np.empty_like(tensor._data)
    ordered = random.memory_order(values) if values.ndim else values
    ordered[...] = draw(ordered.shape)
    return overwrite(tensor, name, values)


@public("normal_", function=False)
def normal_(input: Any, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> Any:
    """Overwrites the tensor with normal numbers. Mirrors `torch.Tensor.normal_`."""
    data, stream = input._data, _stream("normal_", (), generator)
    contiguous = data.flags.c_contiguous
    return _fill(
        input, "normal.drawn0", lambda shape: _of(input).normal(stream, shape, data.dtype, mean, std, contiguous)
    )


@public("uniform_", function=False)
def uniform_(input: Any, from_: float = 0.0, to: float = 1.0, *, generator: Any = None, **named: float) -> Any:
    """Overwrites the tensor with numbers uniform in [from, to). Mirrors `torch.Tensor.uniform_`."""
    low, stream = named.get("from", from_), _stream("uniform_", (), generator)
    return _fill(input, "uniform.drawn0", lambda shape: _of(input).uniform(stream, shape, input._data.dtype, low, to))


@public("exponential_", function=False)
def exponential_(input: Any, lambd: float = 1.0, *, generator: Any = None) -> Any:
    """Overwrites the tensor with waiting times of mean 1 / lambd. Mirrors `torch.Tensor.exponential_`."""
    stream = _stream("exponential_", (), generator)
    return _fill(
        input, "exponential.drawn0", lambda shape: _of(input).exponential(stream, shape, input._data.dtype, lambd)
    )


@public("random_", function=False)
def random_(input: Any, from_: int | None = None, to: int | None = None, *, generator: Any = None) -> Any:
    """Overwrites the tensor with whole numbers in [from, to), [0, to) or all that its dtype holds from 0 on.

    Mirrors `torch.Tensor.random_`.
    """
    dtype, stream = input._data.dtype, _stream("random_", (), generator)
    if from_ is None:
        return _fill(input, "random.drawn2", lambda shape: _of(input).any_integers(stream, shape, dtype))
    low, high = (0, from_) if to is None else (from_, to)
    name = "random.drawn1" if to is None else "random.drawn0"
    return _fill(input, name, lambda shape: _of(input).integers(stream, shape, low, high, dtype))


@public("bernoulli_", function=False)
def bernoulli_(input: Any, p: Any = 0.5, *, generator: Any = None) -> Any:
    """Overwrites the tensor with ones (with probability `p`, a number or a tensor) and zeros.

    Mirrors `torch.Tensor.bernoulli_`.
    """
    stream = _stream("bernoulli_", (), generator)
    if isinstance(p, TensorBase):
        views.check_in_place(input, p)
        ones = _of(input).bernoulli_of(stream, np.broadcast_to(p._data, input._data.shape))
        return overwrite(input, "bernoulli.drawn1", p, cast(ones, input._data.dtype))
    return _fill(input, "bernoulli.drawn2", lambda shape: _of(input).bernoulli(stream, shape, p))


__all__ = ["Generator", "default_generator"]
