"""Weights in other coordinates: their length apart from their direction, or divided by how much they can stretch.

    weight_norm      W = g * V / |V|           g, the length of each row, is trained by itself
    spectral_norm    W / sigma                 sigma is W's largest singular value, the most it stretches any vector

T. Salimans and D. Kingma, "Weight normalization", NIPS 2016; T. Miyato and others, "Spectral normalization for generative
adversarial networks", ICLR 2018. These functions compute the weight before every call of the module, by a hook; those of
`nn.utils.parametrizations` whenever it is read.
"""

from __future__ import annotations

import warnings
from typing import Any, TypeVar

import teachgrad as torch
from teachgrad.autograd.modes import no_grad
from teachgrad.nn import functional as F
from teachgrad.nn.module import Module
from teachgrad.nn.parameter import Parameter

__all__ = ["remove_spectral_norm", "remove_weight_norm", "spectral_norm", "weight_norm"]

M = TypeVar("M", bound=Module)


def as_matrix(weight: Any, dim: int) -> Any:
    """The dimension `dim` as rows, all others as columns."""
    return weight.movedim(dim, 0).flatten(1)


def random_direction(weight: Any, size: int, eps: float) -> Any:
    """A vector of length 1 in a random direction."""
    return F.normalize(weight.new_empty(size).normal_(0, 1), dim=0, eps=eps)


class _Hook:
    """Computes the parameter `name` of a module before every call, and how to stop that."""

    def __init__(self, name: str, dim: int) -> None:
        self.name, self.dim = name, dim

    def compute(self, module: Module, training: bool) -> Any:
        """The weight."""
        raise NotImplementedError

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute(module, module.training))

    def start(self, module: Module, **originals: Any) -> None:
        """Replaces the parameter by what it is computed from: parameters and buffers `name_...`."""
        for other, _ in module._forward_pre_hooks.values():
            if type(other) is type(self) and other.name == self.name:
                kind = "weight_norm" if isinstance(self, _WeightNorm) else "spectral_norm"
                raise RuntimeError(f"Cannot register two {kind} hooks on the same parameter {self.name}")
        del module._parameters[self.name]
        for ending, tensor in originals.items():
            keep = module.register_parameter if isinstance(tensor, Parameter) else module.register_buffer
            keep(f"{self.name}_{ending}", tensor)
        self.endings = tuple(originals)
        module.register_forward_pre_hook(self)

    def remove(self, module: Module) -> None:
        """Makes the computed weight the parameter."""
        with no_grad():
            weight = self.compute(module, False)
        for name in (self.name, *(f"{self.name}_{ending}" for ending in self.endings)):
            delattr(module, name)
        module.register_parameter(self.name, Parameter(weight.detach()))


class _WeightNorm(_Hook):
    def compute(self, module: Module, training: bool) -> Any:
        g, v = getattr(module, self.name + "_g"), getattr(module, self.name + "_v")
        return torch._weight_norm(v, g, self.dim)


class _SpectralNorm(_Hook):
    def __init__(self, name: str, dim: int, steps: int, eps: float) -> None:
        super().__init__(name, dim)
        if steps <= 0:
            raise ValueError(f"Expected n_power_iterations to be positive, but got n_power_iterations={steps}")
        self.steps, self.eps = steps, eps

    def compute(self, module: Module, training: bool) -> Any:
        weight, u, v = (getattr(module, f"{self.name}_{ending}") for ending in ("orig", "u", "v"))
        matrix = as_matrix(weight, self.dim)
        with no_grad():
            for _ in range(self.steps if training else 0):  # the power method: u and v turn towards sigma's directions
                v.copy_(F.normalize(torch.mv(matrix.t(), u), dim=0, eps=self.eps))
                u.copy_(F.normalize(torch.mv(matrix, v), dim=0, eps=self.eps))
            if training:
                u, v = u.clone(), v.clone()  # the next call turns the buffers on, before backward has read them
        return weight / torch.dot(u, torch.mv(matrix, v))


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Trains length and direction of `module.name` apart, as `name_g` and `name_v`; returns the module.

    Mirrors `torch.nn.utils.weight_norm`, which warns that `nn.utils.parametrizations.weight_norm` replaces it.
    """
    warnings.warn(
        "`torch.nn.utils.weight_norm` is deprecated in favor of `torch.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    hook, weight = _WeightNorm(name, -1 if dim is None else dim), getattr(module, name)
    length = torch.norm_except_dim(weight, 2, hook.dim)
    hook.start(module, g=Parameter(length.detach()), v=Parameter(weight.detach()))
    setattr(module, name, hook.compute(module, False))
    return module


def spectral_norm(
    module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> M:
    """Divides `module.name` by its largest singular value, so that the layer stretches nothing; returns the module.

    Mirrors `torch.nn.utils.spectral_norm`.
    """
    if dim is None:
        dim = 1 if type(module).__name__.startswith("ConvTranspose") else 0
    hook, weight = _SpectralNorm(name, dim, n_power_iterations, eps), getattr(module, name)
    rows, columns = as_matrix(weight, dim).shape
    with no_grad():
        u, v = random_direction(weight, rows, eps), random_direction(weight, columns, eps)
    hook.start(module, orig=weight, u=u, v=v)
    setattr(module, name, weight.data)
    return module


def _remove(module: M, name: str, kind: type[_Hook], called: str) -> M:
    for number, (hook, _) in module._forward_pre_hooks.items():
        if isinstance(hook, kind) and hook.name == name:
            hook.remove(module)
            del module._forward_pre_hooks[number]
            return module
    raise ValueError(f"{called} of '{name}' not found in {module}")


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Makes the weight an ordinary parameter again. Mirrors `torch.nn.utils.remove_weight_norm`."""
    return _remove(module, name, _WeightNorm, "weight_norm")


def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """Makes the weight an ordinary parameter again. Mirrors `torch.nn.utils.remove_spectral_norm`."""
    return _remove(module, name, _SpectralNorm, "spectral_norm")
