"""The safetensors format: tensors by name in one file that holds nothing else. Needs the package `safetensors`.

    from teachgrad.safetensors import load_file, save_file       # in a lesson: from safetensors.torch import ...

    save_file(net.state_dict(), "net.safetensors")
    net.load_state_dict(load_file("net.safetensors"))

`safetensors.torch` itself is made for real PyTorch tensors and imports it; these functions have its names and arguments.
With `teachgrad.as_torch`, lessons that import it get these. Reading and writing is left to the package, which checks every
length and offset in the file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from teachgrad import devices, dtypes, errors, gpu
from teachgrad.autograd.variable import TensorBase, wrap
from teachgrad.autograd.views import own_array
from teachgrad.bfloats import guarded
from teachgrad.nn.module import Module
from teachgrad.serialization import write_whole

__all__ = ["load", "load_file", "load_model", "save", "save_file", "save_model"]


def _package() -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError(
            'safetensors files need the package of that name: pip install "teachgrad[safetensors]".'
        ) from None
    return safetensors


def _names() -> dict[str, dtypes.dtype]:
    """The dtypes by their names in the format, such as F32 and I64."""
    letters = {"float": "F", "bfloat": "BF", "int": "I", "uint": "U", "complex": "C", "bool": "BOOL"}
    kinds = {each: each.name.rstrip("0123456789") for each in dtypes.ALL}
    return {letters[kind] + each.name.removeprefix(kind): each for each, kind in kinds.items()}


def _array(tensor: Any) -> Any:
    """The numbers as an ordinary array."""
    return gpu.to_host(own_array(tensor)).view(np.ndarray)


def _memory(tensor: Any) -> tuple[int, int]:
    """Where the numbers of a tensor begin and end in memory."""
    return np.lib.array_utils.byte_bounds(_array(tensor))


def _checked(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """The tensors. Raises ValueError for anything else, RuntimeError for two that share memory."""
    if not isinstance(tensors, dict):
        raise ValueError(f"Expected a dict of [str, torch.Tensor] but received {type(tensors)}")
    for name, tensor in tensors.items():
        if not isinstance(tensor, TensorBase):
            raise ValueError(f"Key `{name}` is invalid, expected torch.Tensor but received {type(tensor)}")
    places = sorted((*_memory(tensor), name) for name, tensor in tensors.items() if tensor.numel())
    for (_, end, first), (start, _, second) in pairwise(places):
        if start < end:
            raise errors.explained(
                RuntimeError(f"Some tensors share memory: {first} and {second}. They would be apart when read again."),
                "Save a .clone() of one, or leave it out; for a network whose layers share a parameter there is save_model.",
            )
    return tensors


def save(tensors: dict[str, Any], metadata: dict[str, str] | None = None) -> bytes:
    """The bytes of a file with these tensors. Mirrors `safetensors.torch.save`.

    Raises ValueError for what is no dict of tensors, RuntimeError for tensors that share memory.
    """
    package = _package()
    arrays = {name: np.asarray(_array(tensor), order="C") for name, tensor in _checked(tensors).items()}
    try:
        content: bytes = package.numpy.save(arrays, metadata)
    except package.SafetensorError as problem:
        raise ValueError(f"These tensors cannot be saved: {problem}.") from None
    return content


def load(data: bytes) -> dict[str, Any]:
    """The tensors in the bytes of a file. Mirrors `safetensors.torch.load`. Raises RuntimeError for a damaged file."""
    package = _package()
    try:
        parts = package.deserialize(data)
    except package.SafetensorError as problem:
        why = str(problem).removeprefix("Error while deserializing: ")
        raise errors.explained(
            RuntimeError(f"This is no whole safetensors file: {why}."),
            "It was cut off or changed, or has another format (torch.load reads .pt files). Save or download it again.",
        ) from None
    names, tensors = _names(), {}
    for name, part in parts:
        if part["dtype"] not in names:
            raise RuntimeError(f"The tensor {name} has the dtype {part['dtype']}, which teachgrad does not have.")
        kind = names[part["dtype"]].numpy
        array = np.frombuffer(part["data"], kind).reshape(part["shape"])
        tensors[name] = wrap(guarded(array) if kind.kind == "V" else array)
    return tensors


def save_file(
    tensors: dict[str, Any], filename: str | os.PathLike[str], metadata: dict[str, str] | None = None
) -> None:
    """Writes the tensors to a file, which appears whole or not at all. Mirrors `safetensors.torch.save_file`."""
    write_whole(Path(filename), save(tensors, metadata))


def load_file(filename: str | os.PathLike[str], device: Any = "cpu") -> dict[str, Any]:
    """The tensors in a file. Mirrors `safetensors.torch.load_file`.

    Raises RuntimeError for a damaged file, FileNotFoundError.
    """
    devices.resolve(device)
    return {name: tensor.to(device) for name, tensor in load(Path(filename).read_bytes()).items()}


def save_model(model: Module, filename: str | os.PathLike[str], metadata: dict[str, str] | None = None) -> None:
    """Writes a network's state; of parameters that are the same tensor, only the first. Mirrors `save_model`."""
    kept: dict[str, Any] = {}
    for name, tensor in model.state_dict().items():
        if _memory(tensor) not in map(_memory, kept.values()):
            kept[name] = tensor
    save_file(kept, filename, metadata)


def load_model(
    model: Module, filename: str | os.PathLike[str], strict: bool = True, device: Any = "cpu"
) -> tuple[list[str], list[str]]:
    """Reads what `save_model` wrote into a network; returns missing and unexpected names. Mirrors `load_model`.

    Raises RuntimeError if names are missing or too many and `strict`.
    """
    tensors, state = load_file(filename, device), model.state_dict()
    given = {_memory(state[name]) for name in tensors if name in state}
    missing = [name for name in state if name not in tensors and _memory(state[name]) not in given]
    unexpected = sorted(name for name in tensors if name not in state)
    if strict and (missing or unexpected):
        listed = ", ".join(
            [*(f"{name} is missing" for name in missing), *(f"{name} is unknown" for name in unexpected)]
        )
        raise RuntimeError(f"The file does not fit the network {type(model).__name__}: {listed}.")
    model.load_state_dict(tensors, strict=False)
    return missing, unexpected
