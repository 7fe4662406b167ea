"""A module's state as a flat dict of tensors, `{"0.weight": ..., "0.bias": ...}`, and back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from teachgrad.autograd.modes import no_grad
from teachgrad.autograd.variable import TensorBase
from teachgrad.nn.parameter import Parameter

if TYPE_CHECKING:
    from teachgrad.nn.module import Module

__all__ = ["IncompatibleKeys", "StateDict"]


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` returns: the keys that only the module has, and those that only the dict has."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"

    def __str__(self) -> str:
        return repr(self)


class Destination(OrderedDict[str, Any]):
    """The dict that `state_dict` returns, with the modules' versions beside it, which PyTorch reads from a saved file."""

    __slots__ = ("_metadata",)


Destination.__name__ = Destination.__qualname__ = "OrderedDict"  # prints as PyTorch's does


class StateDict:
    """The part of `nn.Module` that reads and writes its state. Mirrors the methods of `torch.nn.Module`."""

    _version = 1

    def _own_state(self) -> Iterator[tuple[str, Any]]:
        """The parameters and persistent buffers of this module alone."""
        for name, parameter in self._parameters.items():  # type: ignore[attr-defined]
            if parameter is not None:
                yield name, parameter
        for name, buffer in self._buffers.items():  # type: ignore[attr-defined]
            if buffer is not None and name not in self._non_persistent_buffers_set:  # type: ignore[attr-defined]
                yield name, buffer

    def state_dict(
        self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> OrderedDict[str, Any]:
        """All parameters and persistent buffers by their names, sharing memory with the module.

        They come detached from the graph unless `keep_vars`. `destination` is a dict to add to, `prefix` goes before every
        name. Mirrors `torch.nn.Module.state_dict`.
        """
        if destination is None:
            destination = Destination()
            destination._metadata = OrderedDict()
        module: Module
        for path, module in self.named_modules(prefix.removesuffix("."), remove_duplicate=False):  # type: ignore[attr-defined]
            if hasattr(destination, "_metadata"):
                destination._metadata[path] = {"version": module._version}
            for name, tensor in module._own_state():
                destination[f"{path}.{name}" if path else name] = tensor if keep_vars else tensor.detach()
        return destination  # type: ignore[no-any-return]

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copies the tensors of `state_dict` into the parameters and buffers of the same names.

        `strict` demands that the names be the same on both sides; `assign` puts the tensors themselves in place of the
        module's. Returns the names that only one side has. Mirrors `torch.nn.Module.load_state_dict`, except that a call
        that fails changes nothing. Raises RuntimeError if names (with `strict`) or shapes do not match.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        missing: list[str] = []
        unexpected: list[str] = []
        problems: list[str] = []
        found: list[tuple[Module, str, Any, Any]] = []
        module: Module
        for path, module in self.named_modules(remove_duplicate=False):  # type: ignore[attr-defined]
            prefix = f"{path}." if path else ""
            own = dict(module._own_state())
            for name, tensor in own.items():
                key = prefix + name
                if key not in state_dict:
                    missing.append(key)
                elif (problem := _mismatch(key, tensor, state_dict[key])) is not None:
                    problems.append(problem)
                else:
                    found.append((module, name, tensor, state_dict[key]))
            for key in state_dict:
                if key.startswith(prefix):
                    first, dot, _ = key[len(prefix) :].partition(".")
                    if first not in (module._modules if dot else own):
                        unexpected.append(key)
        if strict:
            for what, keys in (("Missing", missing), ("Unexpected", unexpected)):
                if keys:
                    listed = ", ".join(f'"{key}"' for key in keys)
                    problems.insert(
                        int(what == "Unexpected" and bool(missing)), f"{what} key(s) in state_dict: {listed}. "
                    )
        if problems:
            listed = "\n\t".join(problems)
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{listed}")
        with no_grad():
            for module, name, tensor, source in found:
                if assign:
                    _assign(module, name, tensor, source)
                else:
                    tensor.copy_(source.reshape(tensor.shape))
        return IncompatibleKeys(missing, unexpected)


def _mismatch(key: str, tensor: Any, source: Any) -> str | None:
    """Why `source` cannot become the value of `tensor`; None if it can."""
    if not isinstance(source, TensorBase):
        return (
            f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from checkpoint but '
            f"received {type(source)}"
        )
    have, want = source._data.shape, tensor._data.shape
    if have != want and not (want == () and have == (1,)):  # files from PyTorch 0.3 have [1] for a scalar
        return (
            f"size mismatch for {key}: copying a param with shape torch.Size({list(have)}) from checkpoint, "
            f"the shape in current model is torch.Size({list(want)})."
        )
    return None


def _assign(module: Module, name: str, tensor: Any, source: Any) -> None:
    """Puts `source` itself in the place of `tensor`, which decides whether it requires a gradient."""
    if isinstance(tensor, Parameter) and not isinstance(source, Parameter):
        source = Parameter(source, tensor.requires_grad)
    source.requires_grad_(tensor.requires_grad)
    setattr(module, name, source)
