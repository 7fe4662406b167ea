"""Carries a call from PyTorch's OpInfo database over to teachgrad: the function, and its arguments bit for bit."""

from __future__ import annotations

import functools
import importlib
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

import teachgrad
from teachgrad.autograd.variable import wrap


class Missing(Exception):  # noqa: N818 - it says what it finds
    """teachgrad has no function of that name."""


# -- arguments -------------------------------------------------------------------------------------------------
def tensor(theirs: torch.Tensor) -> Any:
    """The teachgrad tensor with the same numbers, dtype, strides and overlaps, in memory of its own."""
    if theirs.layout is not torch.strided:
        raise Missing(str(theirs.layout))
    plain = theirs.detach().resolve_conj().resolve_neg()
    storage = torch.empty(0, dtype=plain.dtype).set_(plain.untyped_storage())
    whole = storage.numpy().copy()
    step = whole.itemsize
    strides = [each * step for each in plain.stride()]
    inside = whole.size if plain.numel() else 0
    ours = np.ndarray(
        plain.shape, whole.dtype, whole if inside else None, plain.storage_offset() * step * bool(inside), strides
    )
    made = wrap(ours)
    if inside and plain.storage_offset():  # a view of a larger tensor: that is there as well
        made = wrap(whole).as_strided(plain.shape, plain.stride(), plain.storage_offset()).detach()
    made._requires_grad = theirs.requires_grad
    return made


def argument(value: Any, memo: dict[int, Any]) -> Any:
    """Any argument of a sample: tensors in lists and dictionaries, dtypes, devices, functions, plain values."""
    if isinstance(value, torch.Tensor):
        if id(value) not in memo:
            memo[id(value)] = tensor(value)
        return memo[id(value)]
    if isinstance(value, torch.dtype | torch.memory_format | torch.layout):
        return named(str(value).removeprefix("torch."))
    if isinstance(value, torch.device):
        return teachgrad.device(str(value))
    if isinstance(value, torch.Size):
        return teachgrad.Size(value)
    if isinstance(value, tuple | list):
        return type(value)(argument(each, memo) for each in value)
    if isinstance(value, dict):
        return {key: argument(each, memo) for key, each in value.items()}
    return translated(value) if callable(value) else value


# -- functions -------------------------------------------------------------------------------------------------
def named(path: str, *, as_function: bool = False) -> Any:
    """What teachgrad has under a dotted PyTorch name, as a function or else as a method. Raises Missing."""
    first, _, rest = path.partition(".")
    for home in (teachgrad, teachgrad.Tensor):
        try:
            found = getattr(home, first)
            for part in rest.split(".") if rest else ():
                try:
                    found = getattr(found, part)
                except AttributeError:
                    found = importlib.import_module(f"{found.__name__}.{part}")
        except (AttributeError, ImportError):
            continue
        if not isinstance(found, teachgrad.dtype) or not as_function:
            return found
    raise Missing(path)


@functools.cache
def _names() -> dict[int, str]:
    """The dotted name of every public function of PyTorch, by its identity."""
    known: dict[int, str] = {}
    homes = [(torch, ""), (torch.Tensor, "Tensor."), (torch.nn.functional, "nn.functional.")]
    homes += [(getattr(torch, name), f"{name}.") for name in ("linalg", "special", "random", "nn", "autograd")]
    for home, prefix in homes:
        for name in dir(home):
            if name.startswith("_") and not name.startswith("__r"):
                continue
            value = getattr(home, name)
            if callable(value) or isinstance(value, types.ModuleType):
                known.setdefault(id(value), prefix + name)
    return known


class _Stand:
    """Stands for the module torch in a function of PyTorch's tests: its names are teachgrad's."""

    def __init__(self, path: str = "") -> None:
        self._path = path

    def __getattr__(self, name: str) -> Any:
        path = f"{self._path}.{name}".lstrip(".")
        if path in ("nn", "nn.functional", "linalg", "special", "Tensor", "testing"):
            return _Stand(path)
        return named(path)


def _seeded(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """PyTorch's wrapper_set_seed: random ops begin from the same seed."""
    teachgrad.manual_seed(42)
    return function(*arguments, **named)


def translated(value: Any) -> Any:
    """The same function over teachgrad: found by its name, or, if it is Python of PyTorch's tests, rebuilt."""
    if value is torch:
        return _Stand()
    if isinstance(value, torch.dtype | torch.device | torch.Tensor):
        return argument(value, {})
    if getattr(value, "__name__", "") == "wrapper_set_seed":
        return _seeded
    name = _names().get(id(value))
    if name is not None:
        return named(name)
    if isinstance(value, torch.nn.PairwiseDistance):
        return teachgrad.nn.PairwiseDistance(value.norm, value.eps, value.keepdim)
    if isinstance(value, functools.partial):
        return functools.partial(translated(value.func), *value.args, **value.keywords)
    if not isinstance(value, types.FunctionType) or not (value.__module__ or "").startswith("torch.testing"):
        return value
    wanted = set(_globals_of(value.__code__))
    space = {key: each for key, each in value.__globals__.items() if key not in wanted}
    for key in wanted & value.__globals__.keys():
        space[key] = translated(value.__globals__[key])
    cells = tuple(types.CellType(translated(cell.cell_contents)) for cell in value.__closure__ or ())
    rebuilt = types.FunctionType(value.__code__, space, value.__name__, value.__defaults__, cells)
    rebuilt.__kwdefaults__ = value.__kwdefaults__
    return rebuilt


def _globals_of(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _globals_of(constant)


def counterpart(function: Any, name: str) -> Any:
    """teachgrad's function for one of an OpInfo. Raises Missing."""
    if isinstance(function, types.FunctionType) and function.__module__.startswith("torch.testing"):
        return translated(function)
    return named(name, as_function=True)


def spellings(info: Any) -> Iterator[tuple[str, Any, Any]]:
    """The other ways to call an op: its aliases, its method, its in-place method, as (name, PyTorch's, teachgrad's)."""
    for alias in info.aliases:
        if alias.op is not None:
            yield alias.name, alias.op, alias.name
    for other in (info.method_variant, info.inplace_variant):
        name = getattr(other, "__name__", "")
        if other is not None and hasattr(torch.Tensor, name):
            yield f"Tensor.{name}", other, f"Tensor.{name}"
