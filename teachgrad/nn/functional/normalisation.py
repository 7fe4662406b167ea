"""Normalisation as functions; `layer_norm` is in `layers.py`."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from teachgrad.autograd.modes import no_grad
from teachgrad.devices import together
from teachgrad.gpu import MODULES, on_gpu
from teachgrad.nn.functional.layers import pad
from teachgrad.ops import dims
from teachgrad.ops.pooling import avg_pool2d, avg_pool3d
from teachgrad.ops.table import LIVE

__all__ = ["batch_norm", "group_norm", "instance_norm", "local_response_norm", "rms_norm"]


def _check_enough(shape: Sequence[int], batch: int, shown: Any) -> None:
    """Raises ValueError if there is but one value per channel: it would always become 0."""
    if batch * prod(shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {shown}")


def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Each channel of (N, C, *) shifted and scaled to mean 0 and variance 1, times weight, plus bias.

    In training with the mean and variance of the batch, which also move the running ones by `momentum`; otherwise with the
    running ones. Mirrors `F.batch_norm`. Raises ValueError for one value per channel.
    """
    shape, dtype = dims.tensor("batch_norm", input)._data.shape, input._data.dtype
    if MODULES:  # a GPU is in use
        kernel = "cudnn_batch_norm" if on_gpu(input._data) and weight is not None else "native_batch_norm"
        parameters = {"weight": weight, "bias": bias, "running_mean": running_mean, "running_var": running_var}
        together(f"wrapper_CUDA__{kernel}", input=input, **parameters)
    if training:
        _check_enough(shape, shape[0], input.shape)
    for name, tensor in (
        ("running_mean", running_mean),
        ("running_var", running_var),
        ("weight", weight),
        ("bias", bias),
    ):
        if tensor is not None and tensor._data.size != shape[1]:
            raise RuntimeError(f"{name} should contain {shape[1]} elements not {tensor._data.size}")
        if tensor is not None and tensor._data.dtype != dtype:
            raise RuntimeError("mixed dtype (CPU): all inputs must share same datatype.")
    if not training:
        if running_mean is None or running_var is None:
            raise RuntimeError("Expected running_mean and running_var to be defined when training=False")
        return LIVE["native_batch_norm"](input, weight, bias, running_mean._data, running_var._data, eps)[0]
    result, mean, var = LIVE["native_batch_norm"](input, weight, bias, None, None, eps)
    if running_mean is not None:
        count = shape[0] * prod(shape[2:])
        with no_grad():
            running_mean.copy_((1 - momentum) * running_mean + momentum * mean)
            running_var.copy_((1 - momentum) * running_var + momentum * (var * (count / (count - 1))))
    return result


def instance_norm(
    input: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Batch normalisation of each sample by itself. Mirrors `F.instance_norm`.

    With use_input_stats=False the running mean and variance are used instead.
    """
    shape = input._data.shape
    if use_input_stats and prod(shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.shape}")
    batch, channels = shape[:2]

    def repeated(tensor: Any) -> Any:
        return None if tensor is None else tensor.repeat(batch)

    mean, var = repeated(running_mean), repeated(running_var)
    samples = input.reshape(1, batch * channels, *shape[2:])
    result = batch_norm(samples, mean, var, repeated(weight), repeated(bias), use_input_stats, momentum, eps)
    if use_input_stats and running_mean is not None:
        with no_grad():
            running_mean.copy_(mean.view(batch, channels).mean(0))
            running_var.copy_(var.view(batch, channels).mean(0))
    return result.view(shape)


def group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """The channels of each sample in groups, each shifted and scaled to mean 0 and variance 1. Mirrors `F.group_norm`."""
    shape = input._data.shape
    if len(shape) < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {len(shape)}")
    _check_enough((1, 1, shape[0] * shape[1] // num_groups, *shape[2:]), 1, list(shape))
    for name, tensor in (("weight", weight), ("bias", bias)):
        if tensor is not None and tensor._data.shape != (shape[1],):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of shape "
                f"{list(tensor._data.shape)} and input of shape {list(shape)}"
            )
    if shape[1] % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(shape)} and num_groups={num_groups}"
        )
    return LIVE["native_group_norm"](input, weight, bias, num_groups, eps)


def rms_norm(input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Any:
    """The last dimensions divided by the root of their mean square, times weight. Mirrors `F.rms_norm`.

    B. Zhang and R. Sennrich, "Root mean square layer normalization", NeurIPS 2019.
    """
    shape = list(normalized_shape)
    if list(input._data.shape[-len(shape) :]) != shape:
        raise RuntimeError(
            f"Given normalized_shape={shape}, expected input with shape [*{', '.join(map(str, shape))}], but got input of "
            f"size{list(input._data.shape)}"
        )
    exact = input.float() if input._data.dtype.itemsize < 4 else input  # half precision is computed in float32
    if eps is None:
        eps = float(np.finfo(exact._data.dtype).eps)
    scale = LIVE["add_scalar"](exact.pow(2).mean(tuple(range(-len(shape), 0)), keepdim=True), eps).rsqrt()
    result = exact * scale if weight is None else exact * scale * weight
    return result.to(input.dtype) if exact is not input else result


def local_response_norm(input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Any:
    """Each channel of (N, C, *) divided by (k + alpha * mean square of its `size` neighbour channels)^beta.

    Mirrors `F.local_response_norm`. A. Krizhevsky and others, NIPS 2012.
    """
    if input.dim() < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {input.dim()} dimensions)")
    squares, before, after = input * input, size // 2, (size - 1) // 2
    if input.dim() == 3:
        means = avg_pool2d(pad(squares.unsqueeze(1), (0, 0, before, after)), (size, 1), 1).squeeze(1)
    else:
        batch, channels, height = input._data.shape[:3]
        squares = pad(squares.view(batch, 1, channels, height, -1), (0, 0, 0, 0, before, after))
        means = avg_pool3d(squares, (size, 1, 1), 1).squeeze(1).view(input._data.shape)
    return input / (means * alpha + k).pow(beta)
