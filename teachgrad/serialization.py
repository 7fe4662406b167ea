"""`torch.save` and `torch.load`: tensors, state dicts and plain Python values in PyTorch's own `.pt` files.

torch.save(net.state_dict(), "net.pt")
net.load_state_dict(torch.load("net.pt"))

Such a file is a zip archive of uncompressed records:

    archive/data.pkl      the structure: a pickle in which each tensor names its storage, offset, shape and strides
    archive/data/0        the numbers of storage "0" as they lie in memory; tensors that share memory share a record
    archive/byteorder     "little" or "big"
    archive/version       "3"

A pickle is a small program for a machine with a stack, and Python's `pickle.load` lets it call any function there is. Here
it runs on a machine that knows only the instructions and names that tensors and containers need (`unpickling.py`):
nothing in a file can be executed. Real `torch.load(weights_only=True)` reads what `save` wrote, and `load` reads what real
`torch.save` wrote.
"""

from __future__ import annotations

import io
import os
import pickle
from collections import Counter, OrderedDict
from pathlib import Path
from types import BuiltinFunctionType, FunctionType
from typing import IO, Any, NoReturn

import numpy as np

from teachgrad import devices, dtypes, gpu
from teachgrad.autograd import views
from teachgrad.autograd.variable import TensorBase, wrap
from teachgrad.nn.parameter import Parameter
from teachgrad.size import Size
from teachgrad.unpickling import NAMES, NO_CUDA, read, rebuild_parameter, rebuild_tensor

_PLAIN = (type(None), bool, int, float, str, list, tuple, dict, bytes, set)


def save(obj: Any, f: Any) -> None:
    """Writes `obj` to the path or binary file object `f`. Mirrors `torch.save`.

    `obj` is a tensor, a `Parameter`, or a nesting of dict, OrderedDict, Counter, list, tuple, set, str, bytes,
    numbers, bool, None, `torch.Size`, dtypes and devices. Tensors that share memory share it in the file; of the graph only
    `requires_grad` is kept. A file at a path appears whole or not at all.

    Raises TypeError for other objects (a whole module, for instance: save its `state_dict()`), RuntimeError when the
    folder does not exist.
    """
    to_path = isinstance(f, str | os.PathLike)
    if not to_path and not hasattr(f, "write"):
        raise AttributeError("expected 'f' to be string, path, or a file-like object with a 'write' attribute")
    content = _archive(obj)
    if to_path:
        write_whole(Path(f), content)
    else:
        f.write(content)


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file beside `path` first, which takes the name only when complete: no reader sees half of it."""
    target = path.resolve()  # a symbolic link is written through, not replaced
    if not target.parent.is_dir():
        raise RuntimeError(f"Parent directory {path.parent} does not exist.")
    part = target.with_name(f".{target.name[:100]}.{os.urandom(4).hex()}.part")
    try:
        part.write_bytes(content)
        part.replace(target)
    except OSError as problem:
        raise RuntimeError(f"File {path} cannot be opened.\n{problem.strerror}.") from problem
    finally:
        part.unlink(missing_ok=True)


def _archive(obj: Any) -> bytes:
    """The bytes of the file for `obj`."""
    import zipfile

    program = io.BytesIO()
    writer = _Writer(program, protocol=2)  # the protocol that PyTorch uses
    try:
        writer.dump(obj)
    except RecursionError:
        raise TypeError("cannot save an object that is nested this deeply") from None
    storages = {f"data/{key}": memory for key, memory in enumerate(writer.storages)}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:  # not compressed: PyTorch maps the numbers straight into memory
        records = {"data.pkl": program.getvalue(), "byteorder": b"little", **storages, "version": b"3\n"}
        for name, content in records.items():
            archive.writestr(zipfile.ZipInfo(f"archive/{name}"), content)  # without the date: same object, same file
    return buffer.getvalue()


class _Kind(str):
    """The name of a type of storage, which is written as a name, not as a string."""


class _Place:
    """One storage, as the pickle names it."""

    def __init__(self, *name: Any) -> None:
        self.name = name


class _Writer(pickle._Pickler):
    """Writes the program that rebuilds an object, and collects the memory of its tensors.

    It is the form of `pickle.Pickler` written in Python, because that can write names that cannot be imported here.

    Attributes:
        storages: the memory of storage "0", "1" and so on, as bytes in little-endian order.
    """

    def __init__(self, file: IO[bytes], protocol: int) -> None:
        super().__init__(file, protocol)
        self.storages: list[bytes] = []
        self._places: dict[tuple[int, int, dtypes.dtype], _Place] = {}
        self._kept: list[Any] = []  # so that no other memory gets the address of a copy

    def persistent_id(self, obj: Any) -> Any:
        """A storage is not written into the program, only its name is."""
        return obj.name if isinstance(obj, _Place) else None

    def reducer_override(self, obj: Any) -> Any:
        """How to rebuild `obj`: a name, or a function with its arguments; NotImplemented leaves it to pickle."""
        if isinstance(obj, type | FunctionType | BuiltinFunctionType) and obj in NAMES:
            return NAMES[obj]
        if isinstance(obj, dtypes.dtype):
            return f"torch {obj.name}"
        if isinstance(obj, _Kind):
            return str(obj)
        if isinstance(obj, Parameter):
            data = wrap(views.own_array(obj))
            return rebuild_parameter, (data, obj.requires_grad, OrderedDict())
        if isinstance(obj, TensorBase):
            array = _storable(gpu.to_host(views.own_array(obj)))
            self._kept.append(array)
            place, offset = self._storage(array, str(obj.device))  # type: ignore[attr-defined]
            strides = tuple(step // array.itemsize for step in array.strides)
            return rebuild_tensor, (place, offset, array.shape, strides, obj._requires_grad, OrderedDict())
        if isinstance(obj, OrderedDict):
            metadata = getattr(obj, "_metadata", None)  # the versions of the modules, in a state dict
            return OrderedDict, (), metadata and {"_metadata": metadata}, None, iter(obj.items())
        if type(obj) is Size:
            return Size, (tuple(obj),)
        if isinstance(obj, devices.device):
            return devices.device, ((obj.type,) if obj.index is None else (obj.type, obj.index))
        if type(obj) is complex:
            return complex, (obj.real, obj.imag)
        if type(obj) is Counter:
            return Counter, (dict(obj),)
        return NotImplemented if type(obj) in _PLAIN else _refuse_to_save(obj)

    def save_global(self, obj: Any, name: Any = None) -> None:
        """Writes a name, of which pickle would first see whether it can be imported."""
        self.write(pickle.GLOBAL + name.replace(" ", "\n").encode() + b"\n")  # type: ignore[attr-defined]
        self.memoize(obj)  # type: ignore[attr-defined]

    def _storage(self, array: Any, location: str) -> tuple[_Place, int]:
        """The storage that holds `array`, and where in it the array begins, in elements."""
        owner, start = _owner(array)
        dtype = dtypes.of(array.dtype)
        memory = owner.__array_interface__["data"][0], owner.nbytes, dtype
        if memory not in self._places:
            flat = owner.ravel(order="K").view(array.dtype)
            self._places[memory] = _Place(
                "storage", _Kind(f"torch {dtype.scalar_name}Storage"), str(len(self.storages)), location, flat.size
            )
            self.storages.append(flat.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
        return self._places[memory], start // array.itemsize


def _owner(array: Any) -> tuple[Any, int]:
    """The array that owns the memory of `array`, and where `array` begins in it, in bytes."""
    owner = part = array
    while (part := getattr(part, "base", None)) is not None:
        if isinstance(part, np.ndarray):
            owner = part
    return owner, array.__array_interface__["data"][0] - owner.__array_interface__["data"][0]


def _storable(array: Any) -> Any:
    """The array, or a copy if its memory is none that a PyTorch storage can be: gaps, or steps of half an element."""
    owner, start = _owner(array)
    odd = any(step < 0 or step % array.itemsize for step in (start, owner.nbytes, *array.strides))
    return array.copy() if odd or not owner.flags.forc else array


def _refuse_to_save(value: Any) -> NoReturn:
    from teachgrad.nn.module import Module

    name = type(value).__name__
    if isinstance(value, Module):
        advice = "Save its numbers, torch.save(net.state_dict(), ...), and read them with load_state_dict."
    elif isinstance(value, np.generic | np.ndarray):
        advice = "Save x.item() of a NumPy number, and torch.from_numpy(x) of an array."
    else:
        advice = "Save the tensors, numbers, strings, lists and dicts that it is made of."
    raise TypeError(
        f"cannot save a {name}: a file holds tensors and plain Python values, no objects whose loading would run code\n"
        f"{advice}"
    )


# -- loading --------------------------------------------------------------------------------------------------


def load(f: Any, map_location: Any = None, *, weights_only: bool = True) -> Any:
    """The object in the `.pt` file at the path, or in the binary file object, `f`. Mirrors `torch.load`.

    Nothing in the file is executed, whatever `weights_only` says. `map_location` may be a device, a dict of devices, or a
    function, which means the CPU; without one, tensors go where they were, and those saved on a GPU are refused where there
    is none, as by a PyTorch without CUDA.

    Raises RuntimeError when the archive is damaged, `pickle.UnpicklingError` when it holds something else than tensors and
    plain values, EOFError when there is nothing to read, FileNotFoundError.
    """
    if map_location is not None and not callable(map_location) and not isinstance(map_location, dict):
        try:
            devices.resolve(map_location)
        except AssertionError:
            raise RuntimeError(NO_CUDA) from None
    if isinstance(f, str | os.PathLike):
        with Path(f).open("rb") as file:
            return read(file, map_location)
    if not hasattr(f, "read"):
        raise AttributeError(
            f"'{type(f).__name__}' object has no attribute 'read'. Pass a path or a binary file object."
        )
    return read(io.BytesIO(f.read()), map_location)
