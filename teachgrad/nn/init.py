"""`nn.init`: the first values of parameters.

A layer should neither blow up nor shrink what passes through it. With weights of variance v, an output that adds up
`fan_in` terms has fan_in * v times the variance of its input, so v is chosen near 1 / fan_in; a gradient on its way back
adds up `fan_out` terms. X. Glorot and Y. Bengio ("Understanding the difficulty of training deep feedforward neural
networks", AISTATS 2010; here `xavier`) take the mean of both wishes. K. He and others ("Delving deep into rectifiers",
ICCV 2015; here `kaiming`) make up for the half that a ReLU cuts away by a gain of sqrt(2).

All functions write into the tensor, outside the graph, and return it. The same seed gives PyTorch's numbers.
Mirrors `torch.nn.init`.
"""

from __future__ import annotations

import functools
import math
import warnings
from typing import Any

import numpy as np

from teachgrad import gpurandom, random
from teachgrad.autograd.variable import TensorBase, bump
from teachgrad.autograd.views import own_array
from teachgrad.generator import Generator
from teachgrad.gpu import xp

__all__ = [
    "calculate_gain",
    "constant_",
    "dirac_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "sparse_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]


def _write(tensor: Any, numbers: Any) -> Any:
    array = own_array(tensor)
    array[...] = xp(array).asarray(numbers)
    bump(tensor)
    return tensor


def _draw(tensor: Any, distribution: str, *args: Any, generator: Generator | None) -> Any:
    """Fills `tensor` in the order in which its elements lie in memory, as PyTorch does."""
    array = own_array(tensor)
    place = random.memory_order(array)
    place[...] = getattr(gpurandom.source(array), distribution)(generator, place.shape, place.dtype, *args)
    bump(tensor)
    return tensor


def uniform_(tensor: Any, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Any:
    """Numbers uniform in [a, b)."""
    return _draw(tensor, "uniform", a, b, generator=generator)


def normal_(tensor: Any, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Any:
    """Normal numbers."""
    return _draw(tensor, "normal", mean, std, own_array(tensor).flags.c_contiguous, generator=generator)


def constant_(tensor: Any, val: float) -> Any:
    """Every element is `val`."""
    return _write(tensor, val)


def ones_(tensor: Any) -> Any:
    """Every element is 1."""
    return _write(tensor, 1)


def zeros_(tensor: Any) -> Any:
    """Every element is 0."""
    return _write(tensor, 0)


def eye_(tensor: Any) -> Any:
    """Ones on the diagonal, zeros elsewhere: a linear layer that changes nothing. Raises ValueError unless 2-d."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return _write(tensor, np.eye(*tensor.shape))


def dirac_(tensor: Any, groups: int = 1) -> Any:
    """A convolution weight (3-d to 5-d) that passes as many channels as it can through unchanged."""
    if tensor.ndim not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    if tensor.shape[0] % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    numbers = np.zeros(tensor.shape)
    middle = tuple(size // 2 for size in tensor.shape[2:])
    channels = tensor.shape[0] // groups
    for group in range(groups):
        for channel in range(min(channels, tensor.shape[1])):
            numbers[(group * channels + channel, channel, *middle)] = 1
    return _write(tensor, numbers)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By how much weights must be larger because of the activation that follows. `param`: the slope of leaky_relu.

    Raises ValueError for an activation that it does not know.
    """
    if nonlinearity in ("linear", "sigmoid") or nonlinearity in {
        f"conv{transposed}{n}d" for transposed in ("", "_transpose") for n in (1, 2, 3)
    }:
        return 1
    if nonlinearity == "leaky_relu":
        if isinstance(param, bool) or not isinstance(param, int | float | None):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + (0.01 if param is None else param) ** 2))
    gains = {"tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 3.0 / 4}
    if nonlinearity not in gains:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    return gains[nonlinearity]


def _calculate_fan_in_and_fan_out(tensor: Any) -> tuple[int, int]:
    """How many inputs each output adds up, and how many outputs each input goes into."""
    if tensor.ndim < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    outputs, inputs, *kernel = tensor.shape
    return inputs * math.prod(kernel), outputs * math.prod(kernel)


def xavier_uniform_(tensor: Any, gain: float = 1.0, generator: Generator | None = None) -> Any:
    """Uniform in [-a, a) with variance gain^2 * 2 / (fan_in + fan_out): a = sqrt(3) times that deviation."""
    std = gain * math.sqrt(2.0 / float(sum(_calculate_fan_in_and_fan_out(tensor))))
    a = math.sqrt(3.0) * std
    return uniform_(tensor, -a, a, generator)


def xavier_normal_(tensor: Any, gain: float = 1.0, generator: Generator | None = None) -> Any:
    """Normal with variance gain^2 * 2 / (fan_in + fan_out)."""
    std = gain * math.sqrt(2.0 / float(sum(_calculate_fan_in_and_fan_out(tensor))))
    return normal_(tensor, 0.0, std, generator)


def _kaiming_std(tensor: Any, a: float, mode: str, nonlinearity: str) -> float:
    mode = mode.lower()
    valid = ["fan_in", "fan_out"]
    if mode not in valid:
        raise ValueError(f"Mode {mode} not supported, please use one of {valid}")
    fan = _calculate_fan_in_and_fan_out(tensor)[valid.index(mode)]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def _has_no_elements(tensor: Any) -> bool:
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return True
    return False


def kaiming_uniform_(
    tensor: Any,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Any:
    """Uniform with variance gain^2 / fan; `a` is the slope of the leaky_relu that follows."""
    if _has_no_elements(tensor):
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Any,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Any:
    """Normal with variance gain^2 / fan; `a` is the slope of the leaky_relu that follows."""
    if _has_no_elements(tensor):
        return tensor
    return normal_(tensor, 0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def trunc_normal_(
    tensor: Any,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Any:
    """Normal numbers of which those outside [a, b] were drawn again until they fell inside."""
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be incorrect.",
            stacklevel=2,
        )
    array = own_array(tensor)
    shape, dtype, draw = array.shape, array.dtype, gpurandom.source(array)

    def inside(bound: float) -> float:
        return (1.0 + math.erf((bound - mean) / std / math.sqrt(2.0))) / 2.0

    if inside(b) - inside(a) > 0.3:
        numbers = draw.normal(generator, shape, dtype, mean, std)
        while (outside := (numbers < dtype.type(a)) | (numbers > dtype.type(b))).any():
            numbers = np.where(outside, draw.normal(generator, shape, dtype, mean, std), numbers)
        return _write(tensor, numbers)
    # So few would fall inside that uniform numbers are drawn instead and kept with the probability of the bell's height.
    peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2
    numbers = xp(array).zeros(shape, dtype)
    pending = xp(array).ones(shape, np.bool_)
    while pending.any():
        candidates = draw.uniform(generator, shape, dtype, a, b)
        numbers = np.where(pending, candidates, numbers)
        height = ((candidates - mean) / std) ** 2 * -0.5 - peak
        pending &= np.log(draw.uniform(generator, shape, dtype)) > height
    return _write(tensor, numbers)


def orthogonal_(tensor: Any, gain: float = 1, generator: Generator | None = None) -> Any:
    """A random matrix with orthonormal rows or columns, times `gain`; dimensions after the first count as one.

    From A. Saxe and others, "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks", 2013:
    the Q of a QR decomposition, with signs that make it uniformly distributed.
    """
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    array = own_array(tensor)
    rows = array.shape[0]
    columns = array.size // rows
    drawn = gpurandom.source(array).normal(generator, (rows, columns), array.dtype)
    q, r = np.linalg.qr(drawn.T if rows < columns else drawn)
    q = q * np.sign(np.diagonal(r))
    return _write(tensor, ((q.T if rows < columns else q) * gain).reshape(array.shape))


def sparse_(tensor: Any, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Any:
    """Normal numbers, of which the share `sparsity` in each column is zero. Raises ValueError unless 2-d."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    normal_(tensor, 0, std, generator)
    array = own_array(tensor)
    rows, columns = array.shape
    for column in range(columns):
        array[gpurandom.source(array).permutation(None, rows)[: math.ceil(sparsity * rows)], column] = 0
    return tensor


def __getattr__(name: str) -> Any:
    """The old names without the underscore, which still work and warn."""
    new = globals().get(f"{name}_")
    if new is None or f"{name}_" not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")

    @functools.wraps(new)
    def deprecated(tensor: TensorBase, *args: Any, **kwargs: Any) -> Any:
        warnings.warn(f"`nn.init.{name}` is now deprecated in favor of `nn.init.{name}_`.", FutureWarning, stacklevel=2)
        return new(tensor, *args, **kwargs)

    return deprecated
