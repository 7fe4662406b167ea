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
        return _again, (self.type, self.index)

    def __enter__(self) -> device:
        self._tokens.append(_default.set(self))
        return self

    def __exit__(self, *_: object) -> None:
        _default.reset(self._tokens.pop())


def _again(type: str, index: int | None) -> device:
    """Unpickles a device."""
    return device(type, index)


class layout:  # noqa: N801 - PyTorch's name
    """How a tensor lies in memory. Mirrors `torch.layout`; only `strided` exists here."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "torch.strided"


device.__name__ = "torch.device"  # x.device() says: 'torch.device' object is not callable
device.__module__ = layout.__module__ = "torch"  # how type(x.device) is shown in the lessons
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


def together(method: str, **tensors: Any) -> None:
    """Raises RuntimeError unless all tensors (None: no tensor) are where the first is; `method` is PyTorch's kernel."""
    (_, first), *others = ((name, each) for name, each in tensors.items() if each is not None)
    for name, each in others:
        if gpu.on_gpu(each._data) is not gpu.on_gpu(first._data):
            error = RuntimeError(
                f"Expected all tensors to be on the same device, but got {name} is on {each.device}, different from other "
                f"tensors on {first.device} (when checking argument in method {method})"
            )
            error.add_note("Move one of them: x.to(y.device). A module is moved as a whole: net.to(x.device).")
            raise error


def put(array: Any, place: device) -> Any:
    """The array at `place`: itself if it is there already, else a copy."""
    if gpu.on_gpu(array):
        if place.type == "cuda":
            return array if array.device.id == place.index else _moved(array, place)
        return gpu.to_host(array)
    return _moved(array, place) if place.type == "cuda" else array


def _moved(array: Any, place: device) -> Any:
    _computing(place)
    return gpu.to_device(array)


def _computing(place: device) -> None:
    """Raises RuntimeError for a GPU that is not the current one, which is where CuPy computes."""
    number = gpu.module().cuda.runtime.getDevice()
    if place.index not in (None, number):
        error = RuntimeError(f"teachgrad computes on one GPU at a time, now on cuda:{number} and not on {place}")
        error.add_note(
            f"Call torch.cuda.set_device({place.index}) first, or do this inside `with torch.cuda.device({place.index}):`."
        )
        raise error


def makers(where: Any) -> Any:
    """The module, NumPy or CuPy, whose `zeros` and `arange` make arrays at the place that `where` names."""
    if where is None and preferred() is None:
        return np
    place = resolve(where)
    if place.type != "cuda":
        return np
    _computing(place)
    return gpu.MODULES[gpu.bfloats().DeviceBfloats]
