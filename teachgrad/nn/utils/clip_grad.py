"""Clipping: making gradients that are too large smaller before the optimiser's step.

R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training recurrent neural networks", ICML 2013.
"""

from __future__ import annotations

import types
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from teachgrad.autograd.modes import no_grad
from teachgrad.autograd.variable import TensorBase, wrap
from teachgrad.gpu import on_gpu

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]

_NO_PARAMETERS = "`parameters` is an empty generator, no gradient clipping will occur."


def _gradients(parameters: Any) -> list[Any]:
    """The gradients of one tensor or of many, of those that have one."""
    tensors: Iterable[Any] = [parameters] if isinstance(parameters, TensorBase) else list(parameters)
    return [tensor._grad for tensor in tensors if tensor._grad is not None]


def _norm(array: Any, order: float) -> Any:
    """(sum |x|^p)^(1/p) over all elements, the largest |x| for p = inf; a scalar of the array's dtype."""
    if order == float("inf"):
        return np.abs(array).max() if array.size else array.dtype.type(0)
    return np.linalg.norm(np.ravel(array), order).astype(array.dtype)


@no_grad()
def clip_grad_norm_(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Any:
    """Scales all gradients by one factor so that their norm, taken together, is at most `max_norm`.

    Returns the norm before (0-d). Mirrors `torch.nn.utils.clip_grad_norm_`. Raises RuntimeError if the norm is not finite
    and `error_if_nonfinite`.
    """
    if isinstance(parameters, types.GeneratorType):
        parameters = list(parameters)
        if not parameters:
            warnings.warn(_NO_PARAMETERS, stacklevel=3)
    parameters = [parameters] if isinstance(parameters, TensorBase) else list(parameters)
    total = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


@no_grad()
def get_total_norm(
    tensors: Any, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Any:
    """The norm of all tensors taken together (0-d). Mirrors `torch.nn.utils.get_total_norm`.

    Raises RuntimeError if it is not finite and `error_if_nonfinite`.
    """
    arrays = [tensor._data for tensor in ([tensors] if isinstance(tensors, TensorBase) else tensors)]
    if not arrays:
        return wrap(np.float32(0))
    order = float(norm_type)
    norms = [_norm(array, order) for array in arrays]
    total = _norm(np.stack(norms) if on_gpu(norms[0]) else np.array(norms), order)
    if error_if_nonfinite and not np.isfinite(total):
        raise RuntimeError(
            f"The total norm of order {order} for gradients from `parameters` is non-finite, so it cannot be clipped. To "
            "disable this error and scale the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return wrap(total)


@no_grad()
def clip_grads_with_norm_(parameters: Any, max_norm: float, total_norm: Any, foreach: bool | None = None) -> None:
    """Scales all gradients, whose norm is `total_norm`, so that it is at most `max_norm`.

    Mirrors `torch.nn.utils.clip_grads_with_norm_`.
    """
    factor = wrap(np.minimum(float(max_norm) / (total_norm._data + 1e-6), 1.0))
    for grad in _gradients(parameters):
        grad *= factor


@no_grad()
def clip_grad_value_(parameters: Any, clip_value: float, foreach: bool | None = None) -> None:
    """Holds every element of the gradients between -clip_value and clip_value.

    Mirrors `torch.nn.utils.clip_grad_value_`.
    """
    for grad in _gradients(parameters):
        grad.clamp_(-float(clip_value), float(clip_value))


def clip_grad_norm(parameters: Any, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False) -> Any:
    """The old name of `clip_grad_norm_`. Warns. Mirrors `torch.nn.utils.clip_grad_norm`."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite)
