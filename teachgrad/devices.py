"""`torch.device`: where a tensor's numbers live, and which place is meant when none is named."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import numpy as np

from teachgrad import gpu

_TYPES = (
    "cpu", "cuda", "ipu", "xpu", "mkldnn", "opengl", "opencl", "ideep", "hip", "ve", "fpga", "maia", "xla", "lazy",
    "vulkan", "mps", "meta", "hpu", "mtia", "privateuseone",
)  # fmt: skip
_NO_ACCELERATOR = "Cannot access accelerator device when none is available."


class device:  # noqa: N801 - PyTorch's name
    """A place for tensors, such as `device("cpu")` or `device("cuda", 0)`; two with the same type and index are equal.

    A number alone is a GPU. Around a block, `with torch.device("cuda"):`, it is the place of tensors that name none.
    Raises RuntimeError for a type that PyTorch does not know. Mirrors `torch.device`.
    """

    __slots__ = ("_tokens", "index", "type")
    type: str
    index: int | None

    def __init__(self, type: str | int | device, index: int | None = None) -> None:
        if isinstance(type, device):
            index, type = type.index, type.type
        elif isinstance(type, int) and not isinstance(type, bool):
            if type < 0:
                raise RuntimeError("Device index must not be negative")
            if not gpu.usable():
                raise _explained(RuntimeError(_NO_ACCELERATOR))
            index, type = type, "cuda"
        elif not isinstance(type, str):
            raise TypeError(
                f"device() received an invalid combination of arguments - got ({type.__class__.__name__}), but expected "
                "one of:\n * (torch.device device)\n * (str type, int index = -1)\n"
            )
        if not type:
            raise RuntimeError("Device string must not be empty")
        name, colon, number = type.partition(":")
        if colon:
            if index is not None:
                raise RuntimeError(
                    f"type (string) must not include an index because index was passed explicitly: {type}"
                )
            if not number.isdigit() or str(int(number)) != number:
                raise RuntimeError(f"Invalid device string: '{type}'")
            index = int(number)
        if index is not None and index < 0:
            raise RuntimeError("Device index must not be negative")
        if name not in _TYPES:
            raise RuntimeError(f"Expected one of {', '.join(_TYPES)} device type at start of device string: {type}")
        self.type, self.index = name, index
        self._tokens: list[Any] = []

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __repr__(self) -> str:
        return (
            f"device(type='{self.type}')" if self.index is None else f"device(type='{self.type}', index={self.index})"
        )

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __reduce__(self) -> Any:
        return device, (self.type, self.index)

    def __enter__(self) -> device:
        self._tokens.append(_default.set(self))
        return self

    def __exit__(self, *_: object) -> None:
        _default.reset(self._tokens.pop())


class layout:  # noqa: N801 - PyTorch's name
    """How a tensor lies in memory. Mirrors `torch.layout`; only `strided` exists here."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "torch.strided"


strided = layout()
CPU = device("cpu")
_default: ContextVar[device | None] = ContextVar("teachgrad_device", default=None)
preferred = _default.get
"""The place of new tensors that name none; None until somebody chooses one."""


def set_default_device(device: device | str | int | None) -> None:
    """Makes `device` the place of new tensors that name none; None is the CPU. Mirrors `torch.set_default_device`."""
    _default.set(None if device is None else _named(device))


def get_default_device() -> device:
    """The place of new tensors that name none. Mirrors `torch.get_default_device`."""
    chosen = preferred()
    return CPU if chosen is None else resolve(chosen) if chosen.type == "cuda" else chosen


def _named(where: Any) -> device:
    return where if isinstance(where, device) else device(where)


def resolve(where: device | str | int | None) -> device:
    """The place that `where` names, a GPU with its number; for None the default one.

    Raises AssertionError, as a CPU build of PyTorch does, for a GPU where none can be used, RuntimeError for a GPU that is
    not there.
    """
    if where is None:
        chosen = preferred()
        if chosen is None:
            return CPU
        where = chosen
    place = _named(where)
    if place.type == "cuda":
        cupy = gpu.module()
        if place.index is None:
            return device("cuda", cupy.cuda.runtime.getDevice())
        if place.index >= cupy.cuda.runtime.getDeviceCount():
            raise RuntimeError("CUDA error: invalid device ordinal")
        return place
    if place.type == "cpu":
        return CPU
    error = NotImplementedError(f"teachgrad has no device '{place.type}'")
    error.add_note("Tensors live on 'cpu', or on 'cuda' where CuPy and an NVIDIA GPU are.")
    raise error


def _explained(error: Exception) -> Exception:
    error.add_note(gpu.why_not())
    return error


def of(array: Any) -> device:
    """Where the numbers of an array or a NumPy scalar live."""
    return device("cuda", array.device.id) if gpu.on_gpu(array) else CPU


def put(array: Any, place: device) -> Any:
    """The array at `place`: itself if it is there already, else a copy."""
    if gpu.on_gpu(array):
        if place.type == "cuda":
            return array if array.device.id == place.index else gpu.to_device(array, place.index)
        return gpu.to_host(array)
    return gpu.to_device(array, place.index) if place.type == "cuda" else array


def makers(where: Any) -> Any:
    """The module, NumPy or CuPy, whose `zeros` and `arange` make arrays at the place that `where` names."""
    if where is None and preferred() is None:
        return np
    return gpu.module() if resolve(where).type == "cuda" else np
