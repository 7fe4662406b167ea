"""Activations: functions that a network applies to every element between its linear layers."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from teachgrad import dtypes, gpu, gpurandom
from teachgrad.autograd.variable import wrap
from teachgrad.bfloats import cast, widened
from teachgrad.ops import dims, inplace
from teachgrad.ops.network import log_softmax as torch_log_softmax
from teachgrad.ops.network import softmax as torch_softmax
from teachgrad.ops.table import LIVE, METHODS, OPS

__all__ = [
    "celu", "elu", "gelu", "glu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "log_softmax",
    "logsigmoid", "mish", "prelu", "relu", "relu6", "relu_", "rrelu", "selu", "sigmoid", "silu", "softmax", "softmin",
    "softplus", "softshrink", "softsign", "tanh", "tanhshrink", "threshold",
]  # fmt: skip


def _apply(in_place: bool, name: str, input: Any, *arguments: Any) -> Any:
    """The op `name` of `input`, or written into `input` itself."""
    if not in_place:
        return LIVE[name](input, *arguments)
    return inplace.in_place(OPS.get(f"{name}_.in_place", OPS[name]).front)(input, *arguments)


def relu(input: Any, inplace: bool = False) -> Any:
    """max(0, x). Mirrors `F.relu`."""
    return METHODS["relu_"].__get__(input, type(input))() if inplace else LIVE["relu"](input)


def relu_(input: Any) -> Any:
    """`relu` in place. Mirrors `F.relu_`."""
    return relu(input, inplace=True)


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """x where positive, else negative_slope * x. Mirrors `F.leaky_relu`."""
    return _apply(inplace, "leaky_relu", input, negative_slope)


def prelu(input: Any, weight: Any) -> Any:
    """x where positive, else weight * x; one weight, or one per channel (dimension 1). Mirrors `F.prelu`."""
    shape, slope = input._data.shape, weight
    if input._data.ndim != 1:
        slope = weight.reshape((1, -1, *(1,) * (len(shape) - 2)) if len(shape) > 1 else ())
    return LIVE["prelu_kernel"](input, slope)


def rrelu(input: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, inplace: bool = False) -> Any:
    """leaky_relu with a slope drawn for each element; with the mean slope unless `training`. Mirrors `F.rrelu`."""
    numbers = widened(input._data)
    slopes = np.ones_like(numbers)
    negative = numbers <= 0
    if training:
        count = input._data.shape if gpu.on_gpu(input._data) else (int(negative.sum()),)  # a GPU's are not counted
        drawn = gpurandom.source(input._data).uniform(None, count, np.dtype(np.float64)) * (upper - lower) + lower
        if gpu.on_gpu(input._data):
            slopes = np.where(negative, drawn, slopes)
        else:
            slopes[negative] = drawn
    else:
        slopes = np.where(negative, (lower + upper) / 2, slopes)
    slopes = cast(slopes, input._data.dtype)
    return input.mul_(wrap(slopes)) if inplace else LIVE["rrelu_with_noise"](input, slopes)


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """x where positive, else alpha * (e^x - 1). Mirrors `F.elu`."""
    return _apply(inplace, "elu", input, alpha)


def selu(input: Any, inplace: bool = False) -> Any:
    """`elu`, scaled so that mean 0 and variance 1 are kept from layer to layer. Mirrors `F.selu`."""
    return _apply(inplace, "elu", input, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946)


def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """x where positive, else alpha * (e^(x / alpha) - 1), smooth at 0. Mirrors `F.celu`."""
    return _apply(inplace, "celu", input, alpha)


def gelu(input: Any, approximate: str = "none") -> Any:
    """x times the share of a normal distribution below x, or nearly that with approximate="tanh". Mirrors `F.gelu`."""
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    return LIVE["gelu_erf" if approximate == "none" else "gelu_tanh"](input)


def silu(input: Any, inplace: bool = False) -> Any:
    """x * sigmoid(x). Mirrors `F.silu`."""
    return _apply(inplace, "silu", input)


def mish(input: Any, inplace: bool = False) -> Any:
    """x * tanh(log(1 + e^x)). Mirrors `F.mish`."""
    return _apply(inplace, "mish", input)


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """log(1 + e^(beta x)) / beta, a smooth relu; x itself where beta x > threshold. Mirrors `F.softplus`."""
    return LIVE["softplus"](input, beta, threshold)


def logsigmoid(input: Any) -> Any:
    """log(sigmoid(x)), without a logarithm of 0. Mirrors `F.logsigmoid`."""
    return LIVE["log_sigmoid"](input)


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    """x held between two bounds. Mirrors `F.hardtanh`."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    return _apply(inplace, "hardtanh", input, min_val, max_val)


def relu6(input: Any, inplace: bool = False) -> Any:
    """min(max(0, x), 6). Mirrors `F.relu6`."""
    return _apply(inplace, "hardtanh", input, 0, 6)


def hardsigmoid(input: Any, inplace: bool = False) -> Any:
    """x / 6 + 1/2, held between 0 and 1. Mirrors `F.hardsigmoid`."""
    return _apply(inplace, "hardsigmoid", input)


def hardswish(input: Any, inplace: bool = False) -> Any:
    """x * hardsigmoid(x). Mirrors `F.hardswish`."""
    return _apply(inplace, "hardswish", input)


def hardshrink(input: Any, lambd: float = 0.5) -> Any:
    """0 between -lambd and lambd, else x. Mirrors `F.hardshrink`."""
    return LIVE["hardshrink"](input, lambd)


def softshrink(input: Any, lambd: float = 0.5) -> Any:
    """x moved towards 0 by lambd, 0 if it would pass it. Mirrors `F.softshrink`."""
    return LIVE["softshrink"](input, lambd)


def softsign(input: Any) -> Any:
    """x / (1 + |x|). Mirrors `F.softsign`."""
    return input / (input.abs() + 1)


def tanhshrink(input: Any) -> Any:
    """x - tanh(x). Mirrors `F.tanhshrink`."""
    return input - input.tanh()


def threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Any:
    """x where x > threshold, else `value`. Mirrors `F.threshold`."""
    return _apply(inplace, "threshold", input, threshold, value)


def glu(input: Any, dim: int = -1) -> Any:
    """The first half of a dimension times the sigmoid of the second. Mirrors `F.glu`."""
    return LIVE["glu"](input, dims.one("glu", input, dim))


def tanh(input: Any) -> Any:
    """tanh(x). Mirrors `F.tanh`."""
    return LIVE["tanh"](input)


def sigmoid(input: Any) -> Any:
    """1 / (1 + e^(-x)). Mirrors `F.sigmoid`."""
    return LIVE["sigmoid"](input)


# -- softmax ---------------------------------------------------------------------------------------------------
def _softmax_dim(name: str, input: Any, dim: int | None) -> int:
    """`dim`, or the dimension that PyTorch guesses when none is given, with a warning."""
    if dim is not None:
        return dim
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        UserWarning,
        stacklevel=3,
    )
    return 0 if dims.tensor(name, input)._data.ndim in (0, 1, 3) else 1


def softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: dtypes.dtype | None = None) -> Any:
    """e^x divided by its sum along `dim`: numbers between 0 and 1 that add up to 1. Mirrors `F.softmax`."""
    return torch_softmax(input, _softmax_dim("softmax", input, dim), dtype)


def softmin(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: dtypes.dtype | None = None) -> Any:
    """softmax of -x. Mirrors `F.softmin`."""
    return torch_softmax(-input, _softmax_dim("softmin", input, dim), dtype)


def log_softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: dtypes.dtype | None = None) -> Any:
    """The logarithm of softmax, computed without overflow. Mirrors `F.log_softmax`."""
    return torch_log_softmax(input, _softmax_dim("log_softmax", input, dim), dtype)
