"""Parameters that are computed from others: `register_parametrization(layer, "weight", Symmetric())`.

The tensor that is trained moves to `layer.parametrizations.weight.original`, and `layer.weight` becomes a property that
computes the weight from it whenever it is read. Mirrors `torch.nn.utils.parametrize`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from teachgrad.autograd.modes import no_grad
from teachgrad.autograd.variable import TensorBase
from teachgrad.nn.containers import ModuleDict, ModuleList
from teachgrad.nn.module import Module
from teachgrad.nn.parameter import Parameter

__all__ = [
    "ParametrizationList", "cached", "is_parametrized", "register_parametrization", "remove_parametrizations",
    "type_before_parametrizations",
]  # fmt: skip

_cache: dict[tuple[int, str], Any] | None = None


@contextlib.contextmanager
def cached() -> Iterator[None]:
    """Computes each parametrized tensor only once as long as this context lasts."""
    global _cache
    before = _cache
    _cache = {} if before is None else before
    try:
        yield
    finally:
        _cache = before


def _keep(module: Module, name: str, tensor: Any) -> None:
    """Makes `tensor` a parameter of `module`, or a buffer."""
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, in the order in which they apply, and what they start from.

    That is `original`, or `original0`, `original1`, ... if the first one's `right_inverse` returns several tensors.
    Raises ValueError if the computed tensor has another shape or dtype, unless `unsafe`.
    """

    def __init__(self, modules: Sequence[Module], original: Any, unsafe: bool = False) -> None:
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        with no_grad():
            start: Any = self._undone(original, strict=False)
        self.is_tensor = isinstance(start, TensorBase)
        if not self.is_tensor and not isinstance(start, Sequence):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(start).__name__}"
            )
        self.ntensors = 1 if self.is_tensor else len(start)
        if self.is_tensor:
            if start.dtype != dtype:
                raise ValueError(
                    "When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                    f"original.dtype: {dtype}\nright_inverse(original).dtype: {start.dtype}"
                )
            original.data = start.detach()  # the same parameter, which an optimiser may know already
            _keep(self, "original", original)
        else:
            for number, tensor in enumerate(start):
                if isinstance(original, Parameter):
                    tensor = Parameter(tensor, original.requires_grad)
                tensor.requires_grad_(original.requires_grad)
                _keep(self, f"original{number}", tensor)
        if not unsafe:
            self._check(self(), shape, dtype)

    def _check(self, found: Any, shape: Any, dtype: Any) -> None:
        if not isinstance(found, TensorBase):
            raise ValueError(f"A parametrization must return a tensor. Got {type(found).__name__}.")
        for what, before, after in (("dtype", dtype, found.dtype), ("shape", shape, found.shape)):  # type: ignore[attr-defined]
            if before != after:
                raise ValueError(
                    f"Registering a parametrization may not change the {what} of the tensor, unless `unsafe` flag is "
                    f"enabled.\nunparametrized {what}: {before}\nparametrized {what}: {after}"
                )

    def _undone(self, value: Any, strict: bool) -> Any:
        """What the parametrizations start from if they are to give `value`."""
        for module in reversed(list(self)):
            if hasattr(module, "right_inverse"):
                value = module.right_inverse(value)
            elif strict:
                raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
        return value

    def right_inverse(self, value: Any) -> None:
        """Sets the originals so that the computed tensor becomes `value`."""
        with no_grad():
            start = self._undone(value, strict=True)
            for tensor, new in zip(self._originals(), [start] if self.is_tensor else start, strict=True):
                tensor.data = new.detach()

    def _originals(self) -> list[Any]:
        names = ["original"] if self.is_tensor else [f"original{n}" for n in range(self.ntensors)]
        return [getattr(self, name) for name in names]

    def forward(self) -> Any:
        """The computed tensor."""
        first, *others = self
        value = first(*self._originals())
        for module in others:
            value = module(value)
        return value


def _make_property(module: Module, name: str) -> None:
    """Makes `module.name` a computed attribute of the module's class, which belongs to it alone."""

    def compute(self: Any) -> Any:
        parametrizations = self.parametrizations[name]
        if _cache is None:
            return parametrizations()
        key = (id(self), name)
        if key not in _cache:
            _cache[key] = parametrizations()
        return _cache[key]

    def assign(self: Any, value: Any) -> None:
        self.parametrizations[name].right_inverse(value)

    setattr(type(module), name, property(compute, assign))


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """From now on `module.tensor_name` is `parametrization` of what it was; returns the module.

    Raises ValueError if the module has no such parameter or buffer, or if its shape or dtype would change.
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        chain: Any = module.parametrizations[tensor_name]
        with no_grad():
            value = getattr(module, tensor_name)
            changed = parametrization(value)
            if not unsafe:
                chain._check(changed, value.shape, value.dtype)
            chain.append(parametrization)
            if hasattr(parametrization, "right_inverse"):
                chain.right_inverse(value)
        chain.unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        made = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            module.__class__ = type(f"Parametrized{type(module).__name__}", (type(module),), {})
            module.parametrizations = ModuleDict()
        _make_property(module, tensor_name)
        module.parametrizations[tensor_name] = made
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name '{tensor_name}'"
        )
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Is any tensor of the module parametrized, or the one with this name?"""
    found = getattr(module, "parametrizations", None)
    if not isinstance(found, ModuleDict):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Makes `module.tensor_name` an ordinary tensor again: the computed one, or with False the original.

    Raises ValueError if it is not parametrized, or if there are several originals to go back to.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    chain: Any = module.parametrizations[tensor_name]
    if leave_parametrized:
        with no_grad():
            value = getattr(module, tensor_name)
        original = chain._originals()[0]
        kept = Parameter(value) if isinstance(original, Parameter) else value
        kept.requires_grad_(original.requires_grad)
        if chain.is_tensor and not chain.unsafe:  # the same parameter, with the computed numbers
            original.data = value.detach()
            kept = original
    elif chain.is_tensor:
        kept = chain.original
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a sequence "
            "of tensors."
        )
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _keep(module, tensor_name, kept)
    if not len(module.parametrizations):
        delattr(module, "parametrizations")
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Module) -> type:
    """The module's class without its parametrizations."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)
