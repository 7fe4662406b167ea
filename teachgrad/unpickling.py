"""Reading `.pt` files without trusting them: a pickle machine that knows only tensors and containers.

`serialization.py` says what such a file holds.
"""

from __future__ import annotations

import codecs
import io
import os
import pickle
import struct
from collections import Counter, OrderedDict
from collections.abc import Callable
from pickle import UnpicklingError
from typing import IO, Any, ClassVar

import numpy as np

from teachgrad import devices, dtypes, gpu
from teachgrad.autograd.variable import TensorBase, wrap
from teachgrad.errors import explained
from teachgrad.nn.parameter import Parameter
from teachgrad.size import Size

NO_CUDA = (
    "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you are running on a "
    "CPU-only machine, please use torch.load with map_location=torch.device('cpu') to map your storages to the CPU."
)
_DAMAGE = (OSError, EOFError, LookupError, TypeError, ValueError, ArithmeticError, AttributeError, NotImplementedError)


def read(file: IO[bytes], map_location: Any) -> Any:
    """The object in an open file that can be read at any place."""
    import zipfile

    start = file.read(4)
    if not start:
        raise explained(
            EOFError("Ran out of input"),
            "The file is empty, or its reading position is at its end: after torch.save(x, f), call f.seek(0).",
        )
    if start != b"PK\x03\x04":
        if file.read(5)[4:] == b"{":
            raise _not_loaded("This is a safetensors file: read it with teachgrad.safetensors.load_file.")
        raise _not_loaded("The file is no zip archive, so it was not written by torch.save since PyTorch 1.6.")
    size = file.seek(0, os.SEEK_END)
    try:
        with zipfile.ZipFile(file) as archive:
            records = {}
            for info in archive.infolist():
                if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
                    raise _not_loaded(
                        f"The record {info.filename} is compressed or encrypted, as torch.save leaves none."
                    )
                records[info.filename.partition("/")[2]] = info
            if sum(info.file_size for info in archive.infolist()) > size:
                raise _not_loaded("Its records claim to hold more bytes than the whole file.")

            def record(name: str) -> bytes:
                if name not in records:
                    raise RuntimeError(f"PytorchStreamReader failed locating file {name}: file not found")
                return archive.read(records[name])

            program = record("data.pkl")
            order = record("byteorder").decode("latin1") if "byteorder" in records else "little"
            if order not in ("little", "big"):
                raise _not_loaded(f"Unknown endianness type: {order[:20]}")
            return _Reader(program, record, order, map_location).load()
    except UnpicklingError:
        raise
    except (zipfile.BadZipFile, *_DAMAGE, struct.error) as problem:
        # PyTorch's sentence for all of these; the note says which it was.
        error = RuntimeError("PytorchStreamReader failed reading zip archive: failed finding central directory")
        raise explained(
            error, f"The file is damaged or incomplete ({problem}). Save or download it again."
        ) from problem


def _not_loaded(why: str) -> UnpicklingError:
    return UnpicklingError(f"Weights only load failed. {why}")


class _ForGpu(np.ndarray[Any, Any]):
    """Memory whose tensors go to a GPU. There, each has memory of its own."""


def rebuild_tensor(
    storage: Any, offset: Any, shape: Any, strides: Any, requires_grad: Any, hooks: Any, metadata: Any = None
) -> Any:
    """A tensor that shows the memory of a storage; NumPy checks that it stays inside."""
    if not isinstance(storage, np.ndarray) or type(requires_grad) is not bool or type(shape) not in (tuple, Size):
        raise TypeError("a tensor is made of a storage, its offset, shape and strides")
    if not all(type(number) is int and number >= 0 for number in (offset, *shape, *strides)):
        raise ValueError("a tensor has a negative size or step")
    if 0 in shape:
        array = np.empty(shape, storage.dtype)
    else:
        steps = tuple(step * storage.itemsize for step in strides)
        array = np.ndarray(shape, storage.dtype, storage, offset * storage.itemsize, steps)
    if isinstance(storage, _ForGpu):
        array = gpu.to_device(np.array(array))
    for bit in metadata or ():  # lazily conjugated or negated: here done at once
        array = {"conj": np.conj, "neg": np.negative}[bit](array)
    tensor = wrap(array)
    tensor.requires_grad_(requires_grad)
    return tensor


def rebuild_parameter(data: Any, requires_grad: Any, hooks: Any) -> Any:
    """The Parameter around a tensor of the file. Raises TypeError for anything else."""
    if not isinstance(data, TensorBase) or type(requires_grad) is not bool:
        raise TypeError("a Parameter is made of a tensor")
    return Parameter(data, requires_grad)  # type: ignore[arg-type]


def _hashable(key: Any) -> Any:
    """The key. Only plain values and flat tuples of them: hashing a deep tuple may take for ever."""
    plain = (str, int, float, bool, bytes, complex, type(None), dtypes.dtype, devices.device)
    if isinstance(key, plain) or (isinstance(key, tuple) and all(isinstance(part, plain) for part in key)):
        return key
    raise TypeError(f"a {type(key).__name__} is no key")


_CALLS: dict[str, Callable[..., Any]] = {
    "torch._utils _rebuild_tensor_v2": rebuild_tensor,
    "torch._utils _rebuild_parameter": rebuild_parameter,
    "collections OrderedDict": lambda: OrderedDict(),
    "collections Counter": lambda counts: Counter({_hashable(key): count for key, count in counts.items()}),
    "torch Size": lambda sizes: Size(int(size) for size in sizes),
    "torch device": devices.device,
    "_codecs encode": lambda text, encoding: text.encode("latin1"),
    "__builtin__ set": lambda values: {_hashable(value) for value in values},
    "__builtin__ complex": lambda real, imaginary: complex(real, imaginary),
}
"""All that a file may have called, by the names that it uses."""

_VALUES: dict[str, dtypes.dtype] = {
    f"torch {name}": each for each in dtypes.ALL for name in (each.name, f"{each.scalar_name}Storage")
}
"""The values that a file may name."""

NAMES: dict[Any, str] = {function: name for name, function in _CALLS.items()} | {
    OrderedDict: "collections OrderedDict",
    Counter: "collections Counter",
    Size: "torch Size",
    codecs.encode: "_codecs encode",
    set: "__builtin__ set",
    complex: "__builtin__ complex",
}
"""What `save` calls its side of them."""

# None, True, False; numbers; a string; empty containers; mark; tuples; append; put down and push again; a name; a storage.
_INSTRUCTIONS = b"\x80.N\x88\x89JKM\x8aGX]})(t\x85\x86\x87aeqrhjcQ"
"""What is left of pickle's own machine, after PROTO and STOP."""


class _Reader(pickle._Unpickler):
    """The machine: `pickle.Unpickler` in the form written in Python, without the instructions that could do harm.

    `record(name)` gives the bytes of a record of the file; numbers are in the byte order `order`, "little" or "big".
    """

    def __init__(self, program: bytes, record: Callable[[str], bytes], order: str, map_location: Any) -> None:
        super().__init__(io.BytesIO(program))
        self._record, self._order, self._map_location = record, order, map_location
        self._storages: dict[str, Any] = {}

    def load(self) -> Any:
        """The object that the program builds. Raises UnpicklingError for whatever is not on the lists."""
        try:
            return super().load()
        except UnpicklingError as problem:
            if str(problem).startswith("Weights only"):
                raise
            raise _not_loaded(f"The file is damaged: {problem}.") from problem
        except KeyError as problem:
            raise _not_loaded(f"Unsupported operand {problem}: it builds no tensor and no plain value.") from problem
        except (*_DAMAGE, struct.error) as problem:
            raise _not_loaded(f"The file is damaged: {problem or 'it ends too early'}.") from problem

    def find_class(self, module: str, name: str) -> Any:
        """What a name in the file stands for; only `_CALLS` and `_VALUES` are known, and nothing is imported."""
        known = f"{module} {name}".replace("builtins ", "__builtin__ ")
        if known in _CALLS:
            return _CALLS[known]
        if known in _VALUES:
            return _VALUES[known]
        raise _not_loaded(
            f"Unsupported global: GLOBAL {module}.{name} was not an allowed global by default.\n"
            "teachgrad reads tensors and plain values only, and never runs code from a file. Save a state_dict instead."
        )

    def persistent_load(self, name: Any) -> Any:
        """The storage of that name, read from its record when first asked for."""
        tag, kind, key, location, length = name
        if tag != "storage" or not isinstance(kind, dtypes.dtype) or type(key) is not str or type(length) is not int:
            raise TypeError("a storage has a type, a name, a place and a length")
        place = self._place(location)
        if place.type == "cuda" and self._map_location is None and not gpu.usable():
            raise RuntimeError(NO_CUDA)
        element = kind.numpy
        if key not in self._storages:
            content, needed = self._record(f"data/{key}"), length * element.itemsize
            if len(content) != needed:
                raise ValueError(f"the record data/{key} has {len(content)} bytes where its tensors need {needed}")
            stored = np.frombuffer(bytearray(content), element.newbyteorder("<" if self._order == "little" else ">"))
            stored = stored.astype(element, copy=False)
            self._storages[key] = stored.view(_ForGpu) if place.type == "cuda" else stored
        if self._storages[key].dtype != element:
            raise TypeError(f"the storage {key} has two types")
        return self._storages[key]

    def _place(self, location: str) -> devices.device:
        """Where the tensors of a storage from this place go."""
        chosen = self._map_location
        if isinstance(chosen, dict):
            chosen = chosen.get(location, location)
        return devices.CPU if callable(chosen) else devices.device(location if chosen is None else chosen)

    def _reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not any(function is known for known in _CALLS.values()) or type(arguments) is not tuple:
            raise TypeError("it calls what is no function")
        self.append(function(*arguments))  # type: ignore[attr-defined]

    def _build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if type(state) is not dict or set(state) != {"_metadata"} or not isinstance(target, OrderedDict):
            raise TypeError("it sets attributes other than the versions in a state dict")
        target._metadata = state["_metadata"]  # type: ignore[attr-defined]

    def _set_items(self) -> None:
        items = self.pop_mark()  # type: ignore[attr-defined]
        if not isinstance(self.stack[-1], dict):
            raise TypeError("it fills what is no dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            self.stack[-1][_hashable(key)] = value

    def _set_item(self) -> None:
        items = [self.stack.pop(), self.stack.pop()]  # type: ignore[has-type]
        self.metastack.append(self.stack)  # type: ignore[attr-defined, has-type]
        self.stack = items[::-1]
        self._set_items()

    dispatch: ClassVar[Any] = {code: pickle._Unpickler.dispatch[code] for code in _INSTRUCTIONS} | {
        pickle.REDUCE[0]: _reduce,
        pickle.BUILD[0]: _build,
        pickle.SETITEM[0]: _set_item,
        pickle.SETITEMS[0]: _set_items,
    }
