"""The GPU: CuPy, if it is installed and works here, and which module an array belongs to.

A CUDA tensor holds a `cupy.ndarray`. NumPy's functions and operators hand such arrays on to CuPy by themselves, so most
of the op table runs on a GPU as it stands. What makes an array from nothing must be told where: `xp(array).zeros(3)` is
NumPy's or CuPy's, wherever `array` lives.

Nothing here happens before somebody asks for a GPU. Then CuPy is imported, a device looked for and one small kernel run,
once; if one of these fails, the reason is kept for the error's note.
"""

from __future__ import annotations

import functools
import importlib
import warnings
from typing import Any

import numpy as np

from teachgrad.lesson import explained

MODULES: dict[Any, Any] = {}
"""Class of GPU arrays -> CuPy, once a GPU is in use."""

_found: tuple[Any, str] | None = None  # (CuPy, ""), or (None, why it cannot be used); None: nobody has asked yet


def xp(array: Any) -> Any:
    """The module that makes arrays where `array` is: CuPy for a GPU's, else NumPy."""
    return MODULES.get(array.__class__, np) if MODULES else np


def on_gpu(array: Any) -> bool:
    """Is it an array of a GPU?"""
    return array.__class__ in MODULES


def to_host(array: Any) -> Any:
    """The array as NumPy's: copied from a GPU, as it is from anywhere else."""
    return array.get() if array.__class__ in MODULES else array


def to_device(array: Any) -> Any:
    """The array in the memory of the current GPU. Raises AssertionError where there is none."""
    cupy = module()
    kind = getattr(getattr(array, "dtype", None), "kind", "")
    return bfloats().sent(array) if kind == "V" else cupy.asarray(array)


def need(text: str) -> None:
    """Raises RuntimeError(text), with what is missing as a note, where no tensor can be on a GPU."""
    if not usable():
        raise explained(RuntimeError(text), why_not())


def pinned(array: Any) -> Any:
    """A copy of an array of the CPU in pinned memory. Raises RuntimeError where there is no GPU."""
    need("Cannot access accelerator device when none is available.")
    made = importlib.import_module("cupyx").empty_like_pinned(array)
    made[...] = array
    return made


def is_pinned(array: Any) -> bool:
    """Does a NumPy array, or the array of which it is a view, lie in pinned memory?"""
    while isinstance(array, np.ndarray):
        array = array.base
    return type(getattr(array, "obj", array)).__name__ == "PinnedMemoryPointer"


_NO_ATOMICS = {"b": np.int32, "i": np.int32, "u": np.uint32}


def add_at(target: Any, places: Any, values: Any) -> None:
    """`numpy.add.at`: adds `values` at the indices `places`, as often as each occurs.

    CUDA can add atomically to 32 bits, to floats and to unsigned 64 bits, which for a sum are as good as signed ones.
    """
    kind = target.dtype
    if not on_gpu(target) or kind.kind in "fcV":
        np.add.at(target, places, values)
        return
    wide: Any = np.uint64 if kind.itemsize == 8 else _NO_ATOMICS[kind.kind]
    values = values.astype(kind).astype(wide) if on_gpu(values) else wide(int(values))
    if kind.itemsize >= 4:
        np.add.at(target.view(wide), places, values)
    else:
        sums = target.astype(wide)
        np.add.at(sums, places, values)
        target[...] = sums.astype(kind)


def on_host(function: Any) -> Any:
    """`function` for arrays of a GPU as well, where CuPy has no such thing: computed by the CPU and sent back."""

    @functools.wraps(function)
    def carried(*args: Any, **named: Any) -> Any:
        if not MODULES or not any(map(_there, args)):
            return function(*args, **named)
        return _back(function(*map(_here, args), **named))

    return carried


def _there(value: Any) -> bool:
    return any(map(_there, value)) if isinstance(value, tuple | list) else on_gpu(value)


def _here(value: Any) -> Any:
    return type(value)(map(_here, value)) if isinstance(value, tuple | list) else to_host(value)


def _back(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return tuple(map(_back, value))
    return to_device(value) if isinstance(value, np.ndarray | np.generic) else value


def bfloats() -> Any:
    """The room of bfloat16 numbers on a GPU, loaded when a GPU is first used."""
    return importlib.import_module("teachgrad.gpubfloats")


def has_eig() -> bool:
    """Can the GPU compute eigenvalues of any matrix? With CuPy 14 and the cuSOLVER of CUDA 12.6 update 2 or newer it can."""
    cupy = module()
    return hasattr(cupy.linalg, "eig") and importlib.import_module("cupyx.cusolver").check_availability("geev")


def scipy(room: str, array: Any) -> Any:
    """CuPy's `scipy.special` or `scipy.linalg`, which compute where `array` is; None for arrays that are not on a GPU."""
    return importlib.import_module(f"cupyx.scipy.{room}") if array.__class__ in MODULES else None


def special(array: Any) -> Any:
    """CuPy's `scipy.special`; None for arrays that are not on a GPU."""
    return scipy("special", array)


def module() -> Any:
    """CuPy, ready to compute. Raises AssertionError, as a CPU build of PyTorch does, where it cannot; a note says why."""
    cupy, problem = _look()
    if cupy is None:
        error = AssertionError("Torch not compiled with CUDA enabled")
        error.add_note(f"{problem} Write device='cpu', or leave `device` out.")
        raise error
    return cupy


def usable() -> bool:
    """Can tensors live on a GPU here?"""
    return _look()[0] is not None


def why_not() -> str:
    """Why there is no GPU to use, as a sentence; "" if there is one."""
    return _look()[1]


def _look() -> tuple[Any, str]:
    global _found
    if _found is None:
        _found = _first_look()
    return _found


def _first_look() -> tuple[Any, str]:
    """Imports CuPy, asks for a device, runs a kernel: whatever fails is the reason."""
    try:
        cupy = importlib.import_module("cupy")
    except ImportError as problem:
        if getattr(problem, "name", None) == "cupy":
            return None, "CuPy, which computes on NVIDIA GPUs, is not installed (pip install 'teachgrad[gpu]')."
        return None, f"CuPy is installed and does not load: {_sentence(problem)}"
    if int(cupy.__version__.partition(".")[0]) < 13:
        return None, f"CuPy {cupy.__version__} is too old: teachgrad needs version 13 or newer."
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except RuntimeError as problem:
        return None, f"CuPy finds no driver for an NVIDIA GPU: {_sentence(problem)}"
    if not count:
        return None, "CuPy finds no NVIDIA GPU."
    try:
        ones = cupy.exp(cupy.zeros((2, 2), np.float32))  # compiles a kernel, with NVRTC
        ones @ ones  # loads cuBLAS
    except (ImportError, OSError, RuntimeError, cupy.cuda.compiler.CompileException) as problem:
        return None, (
            "CuPy finds a GPU and cannot compute on it; NVRTC may be missing, or cuBLAS (both come with pip install "
            f"'cupy-cuda12x[ctk]>=14'): {_sentence(problem)}"
        )
    if not hasattr(cupy.ndarray, "mT"):  # CuPy 13 has not yet what the rules of matrices use
        cupy.ndarray.mT = property(lambda array: array.swapaxes(-1, -2))
    MODULES[cupy.ndarray] = cupy
    importlib.import_module("teachgrad.autograd.variable").ARRAYS.add(cupy.ndarray)
    importlib.import_module("teachgrad.ops.fusing").begin()
    bfloats().begin(cupy)
    if count > 1:
        # With access to each other's memory, the answer would lie on the current GPU; without, it is an error.
        warnings.filterwarnings("error", "The device where the array resides", RuntimeWarning)
    return cupy, ""


def _sentence(problem: BaseException) -> str:
    lines = [line.strip(" =") for line in str(problem).splitlines()]
    return next((line for line in lines if line), type(problem).__name__).rstrip(".") + "."
