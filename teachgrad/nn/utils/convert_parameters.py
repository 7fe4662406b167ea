"""All parameters of a network as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import teachgrad as torch
from teachgrad.autograd.variable import TensorBase
from teachgrad.nn.module import type_name

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Any]) -> Any:
    """The parameters one after the other in one 1-d tensor, recorded in the graph.

    Mirrors `torch.nn.utils.parameters_to_vector`.
    """
    return torch.cat([parameter.view(-1) for parameter in parameters])


def vector_to_parameters(vec: Any, parameters: Iterable[Any]) -> None:
    """Makes the parameters show pieces of `vec`, one after the other. Mirrors `torch.nn.utils.vector_to_parameters`."""
    if not isinstance(vec, TensorBase):
        raise TypeError(f"expected torch.Tensor, but got: {type_name(vec)}")
    start = 0
    for parameter in parameters:
        end = start + parameter.numel()
        parameter.data = vec[start:end].view_as(parameter).data  # type: ignore[index]
        start = end
