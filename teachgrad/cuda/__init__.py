"""`torch.cuda`: questions to the GPU, and orders to it.

Without a usable GPU every question has the answer that a CPU build of PyTorch gives, so that the usual first line of a
lesson runs anywhere, and every order is refused with a note that says what is missing:

    device = "cuda" if torch.cuda.is_available() else "cpu"

Memory is CuPy's: `memory_allocated` counts what tensors hold, `memory_reserved` what its pool has taken from the GPU.
"""

from __future__ import annotations

import importlib
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from teachgrad import devices, gpu
from teachgrad.generator import default_cuda

has_magma = False


def is_available() -> bool:
    """Can tensors live on a GPU here? Mirrors `torch.cuda.is_available`."""
    return gpu.usable()


def is_initialized() -> bool:
    """Has a GPU been used? Mirrors `torch.cuda.is_initialized`."""
    return bool(gpu.MODULES)


def init() -> None:
    """Makes the GPU ready, which its first use does anyway. Raises AssertionError where there is none."""
    gpu.module()


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Can tensors on the GPU be bfloat16? Mirrors `torch.cuda.is_bf16_supported`; they are computed in float32."""
    return including_emulation and gpu.usable()


def is_tf32_supported() -> bool:
    """False: products of float32 are computed in float32."""
    return False


def get_arch_list() -> list[str]:
    """Empty: CuPy compiles for the GPU that it finds. Mirrors `torch.cuda.get_arch_list`."""
    return []


def device_count() -> int:
    """How many GPUs there are. Mirrors `torch.cuda.device_count`."""
    return int(gpu.module().cuda.runtime.getDeviceCount()) if gpu.usable() else 0


def current_device() -> int:
    """The number of the GPU that `"cuda"` means. Raises AssertionError where there is none."""
    return int(gpu.module().cuda.runtime.getDevice())


def _index(device: Any) -> int:
    """The number of a GPU, named in any way; None is the current one. Raises ValueError for the CPU."""
    if device is None:
        return current_device()
    place = device if isinstance(device, int) else devices.device(device)
    if isinstance(place, devices.device) and place.type != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {device}")
    return devices.resolve(place).index or 0


def set_device(device: Any) -> None:
    """Makes a GPU the one that `"cuda"` means. Mirrors `torch.cuda.set_device`."""
    number = _index(device)
    gpu.module().cuda.Device(number).use()


class device:  # noqa: N801 - PyTorch's name
    """The same for a `with` block; None and numbers below 0 mean no GPU, and nothing happens. Mirrors `torch.cuda.device`.

    Raises RuntimeError on entering where there is no GPU.
    """

    def __init__(self, device: Any) -> None:
        self._device = device
        self._before: list[int] = []

    def __enter__(self) -> None:
        if self._device is None or (isinstance(self._device, int) and self._device < 0):
            return
        gpu.need("PyTorch was compiled without CUDA support")
        self._before.append(current_device())
        set_device(self._device)

    def __exit__(self, *_: object) -> None:
        if self._before:
            set_device(self._before.pop())


class device_of(device):  # noqa: N801 - PyTorch's name
    """`device` for the GPU on which a tensor is; for one of the CPU nothing happens. Mirrors `torch.cuda.device_of`."""

    def __init__(self, obj: Any) -> None:
        super().__init__(obj.get_device() if obj.is_cuda else None)


class _Properties:
    """What `get_device_properties` tells of a GPU."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.name = facts["name"].decode()
        self.major, self.minor = facts["major"], facts["minor"]
        self.total_memory: int = facts["totalGlobalMem"]
        self.multi_processor_count: int = facts["multiProcessorCount"]

    def __repr__(self) -> str:
        return (
            f"_CudaDeviceProperties(name='{self.name}', major={self.major}, minor={self.minor}, "
            f"total_memory={self.total_memory // 2**20}MB, multi_processor_count={self.multi_processor_count})"
        )


def get_device_properties(device: Any = None) -> Any:
    """Name, compute capability, memory in bytes and multiprocessors of a GPU. Mirrors `torch.cuda.get_device_properties`."""
    cupy = gpu.module()
    return _Properties(cupy.cuda.runtime.getDeviceProperties(_index(device)))


def get_device_name(device: Any = None) -> str:
    """The name of a GPU, such as "NVIDIA A100". Mirrors `torch.cuda.get_device_name`."""
    name: str = get_device_properties(device).name
    return name


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """The compute capability of a GPU, (major, minor). Mirrors `torch.cuda.get_device_capability`."""
    facts = get_device_properties(device)
    return facts.major, facts.minor


def synchronize(device: Any = None) -> None:
    """Waits until the GPU has done all it was told. Mirrors `torch.cuda.synchronize`."""
    gpu.module().cuda.Device(_index(device)).synchronize()


# -- memory ----------------------------------------------------------------------------------------------------
def memory_allocated(device: Any = None) -> int:
    """Bytes that tensors hold on the GPU; 0 without one. Mirrors `torch.cuda.memory_allocated`."""
    return int(gpu.module().get_default_memory_pool().used_bytes()) if gpu.usable() else 0


def memory_reserved(device: Any = None) -> int:
    """Bytes that CuPy's pool has taken from the GPU. Mirrors `torch.cuda.memory_reserved`."""
    return int(gpu.module().get_default_memory_pool().total_bytes()) if gpu.usable() else 0


max_memory_reserved = memory_reserved
max_memory_allocated = memory_reserved
"""CuPy keeps no record of the peak: its pool, which only grows until it is emptied, is the nearest upper bound."""


def memory_stats(device: Any = None) -> OrderedDict[str, int]:
    """Bytes that tensors hold and that the pool has; empty without a GPU. Mirrors `torch.cuda.memory_stats`."""
    if not gpu.usable():
        return OrderedDict()
    held, taken = memory_allocated(), memory_reserved()
    return OrderedDict({"allocated_bytes.all.current": held, "reserved_bytes.all.current": taken})


def ipc_collect() -> None:
    """Does nothing: no memory is shared with other processes. Raises AssertionError without a GPU."""
    gpu.module()


def empty_cache() -> None:
    """Gives the memory that no tensor holds back to the GPU. Mirrors `torch.cuda.empty_cache`."""
    if gpu.usable():
        gpu.module().get_default_memory_pool().free_all_blocks()


def reset_peak_memory_stats(device: Any = None) -> None:
    """Starts `max_memory_allocated` anew, by emptying the pool. Mirrors `torch.cuda.reset_peak_memory_stats`."""
    empty_cache()


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Free and total bytes of the GPU. Mirrors `torch.cuda.mem_get_info`."""
    free, total = gpu.module().cuda.runtime.memGetInfo()
    return int(free), int(total)


# -- random numbers --------------------------------------------------------------------------------------------
def manual_seed(seed: int) -> None:
    """Starts the GPU's stream of random numbers over; harmless without a GPU. Mirrors `torch.cuda.manual_seed`."""
    default_cuda.manual_seed(int(seed))


def seed() -> None:
    """Starts it at an unpredictable seed. Mirrors `torch.cuda.seed`."""
    default_cuda.seed()


def initial_seed() -> int:
    """The seed that it started from. Raises AssertionError without a GPU."""
    gpu.module()
    return default_cuda.initial_seed()


manual_seed_all, seed_all = manual_seed, seed


# -- time ------------------------------------------------------------------------------------------------------
class Event:
    """A mark in the work of the GPU, to take times between two of them. Mirrors `torch.cuda.Event`."""

    def __init__(self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False) -> None:
        gpu.need("Tried to instantiate dummy base class Event")
        self._event = gpu.module().cuda.Event(block=blocking, disable_timing=not enable_timing)

    def record(self, stream: Any = None) -> None:
        """Puts the mark behind all that the GPU was told so far."""
        self._event.record(None if stream is None else stream._stream)

    def synchronize(self) -> None:
        """Waits until the GPU has passed the mark."""
        self._event.synchronize()

    def query(self) -> bool:
        """Has the GPU passed the mark?"""
        return bool(self._event.done)

    def wait(self, stream: Any = None) -> None:
        """Makes later work of a stream wait for the mark."""
        (stream or current_stream())._stream.wait_event(self._event)

    def elapsed_time(self, end_event: Event) -> float:
        """Milliseconds from this mark to another; both need `enable_timing=True`."""
        return float(gpu.module().cuda.get_elapsed_time(self._event, end_event._event))


class Stream:
    """A queue of work for the GPU. Mirrors `torch.cuda.Stream`; `with torch.cuda.stream(s):` fills it."""

    def __init__(self, device: Any = None, priority: int = 0, _stream: Any = None) -> None:
        gpu.need("torch.cuda.Stream requires CUDA support")
        self._stream = gpu.module().cuda.Stream(non_blocking=True) if _stream is None else _stream

    def synchronize(self) -> None:
        """Waits until its work is done."""
        self._stream.synchronize()

    def query(self) -> bool:
        """Is its work done?"""
        return bool(self._stream.done)

    def record_event(self, event: Event | None = None) -> Event:
        """Puts a mark behind its work so far."""
        event = event or Event()
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        """Makes its later work wait for a mark."""
        self._stream.wait_event(event._event)

    def wait_stream(self, stream: Stream) -> None:
        """Makes its later work wait for what another stream has to do now."""
        self.wait_event(stream.record_event())


def current_stream(device: Any = None) -> Stream:
    """The stream that ops go to. Mirrors `torch.cuda.current_stream`."""
    return Stream(_stream=gpu.module().cuda.get_current_stream())


def default_stream(device: Any = None) -> Stream:
    """The stream that ops go to when no other is chosen. Mirrors `torch.cuda.default_stream`."""
    return Stream(_stream=gpu.module().cuda.Stream(null=True))


def set_stream(stream: Stream | None) -> None:
    """Sends ops to a stream from now on; None does nothing. Mirrors `torch.cuda.set_stream`."""
    if stream is not None:
        stream._stream.use()


@contextmanager
def stream(stream: Stream | None) -> Iterator[None]:
    """Sends the ops of a `with` block to a stream; None does nothing. Mirrors `torch.cuda.stream`."""
    if stream is None:
        yield
        return
    with stream._stream:
        yield


def __getattr__(name: str) -> Any:
    """`torch.cuda.amp`, the error for a full memory, and the old types such as `torch.cuda.FloatTensor`, when asked for."""
    if name == "OutOfMemoryError":  # CuPy's, so that `except torch.cuda.OutOfMemoryError` catches it
        return gpu.module().cuda.memory.OutOfMemoryError if gpu.usable() else MemoryError
    if name == "amp":
        return importlib.import_module("teachgrad.cuda.amp")
    if name.endswith("Tensor"):
        old_types = importlib.import_module("teachgrad.legacy").cuda_types()
        if name in old_types:
            return old_types[name]
    raise AttributeError(f"module 'torch.cuda' has no attribute '{name}'")
