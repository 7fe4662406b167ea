"""The rest of the stand-in for CuPy: `cupy.cuda`, `cupy.random` and the module that `import cupy` finds."""

from __future__ import annotations

import math
import sys
import time
import types

import numpy as np

from gpu.decompositions import decomposition, solve_triangular
from gpu.kernels import ElementwiseKernel
from gpu.standin import Device, _call, _host_of, _operand, _wrap, matmul, ndarray
from gpu.surface import BLOCKS, SURFACE, check_arguments, launched, note


def _function(key, name):
    func = getattr({"functions": np, "fft": np.fft}[key], name, None)

    def call(*args, **kwargs):
        if func is None:
            raise AttributeError(f"NumPy has no {name} to stand in for CuPy's")
        return _call(key, name, func, args, kwargs)

    call.__name__ = name
    return call


def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0):
    """`cupy.array`: the way onto the device."""
    if isinstance(obj, ndarray):
        return _wrap(np.array(obj._host, dtype, copy=copy or None, order=order, ndmin=ndmin))
    note("to device")
    return _wrap(np.array(_host_only(obj), dtype, order=order, ndmin=ndmin))


def asarray(a, dtype=None, order=None, *, blocking=False):
    """`cupy.asarray`."""
    if isinstance(a, ndarray):
        made = np.asarray(a._host, dtype, order=order)
        return a if made is a._host else _wrap(made)
    return array(a, dtype, order=order or "K")


def _host_only(value):
    if isinstance(value, list | tuple) and any(isinstance(part, ndarray) for part in value):
        raise TypeError("a list of device arrays: stack them")
    return value


def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    """`cupy.asnumpy`."""
    return a.get() if isinstance(a, ndarray) else np.asarray(a, order=order)


def _creation(name):
    func = getattr(np, name)

    def create(*args, **kwargs):
        check_arguments(name, SURFACE["functions"][name], args, kwargs)
        return _wrap(func(*map(_host_of, args), **kwargs))

    create.__name__ = name
    return create


class _Pool:
    def used_bytes(self):
        return sum(size for _, size in list(BLOCKS.values()))

    total_bytes = used_bytes

    def free_all_blocks(self):
        """Gives unused memory back."""


class Event:
    """`cupy.cuda.Event`."""

    def __init__(self, block=False, disable_timing=False, interprocess=False):
        self.at = None

    done = property(lambda self: True)

    def record(self, stream=None):
        self.at = time.perf_counter()

    def synchronize(self):
        note("wait")


class Stream:
    """`cupy.cuda.Stream`."""

    def __init__(self, null=False, non_blocking=False, ptds=False):
        self.ptr = 0

    done = property(lambda self: True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def synchronize(self):
        note("wait")

    def wait_event(self, event):
        """Waits on the device."""

    def record(self, event=None):
        event = event or Event()
        event.record()
        return event


class Generator:
    """`cupy.random.Generator`, over NumPy's: other numbers than CuPy's, from the same calls."""

    def __init__(self, seed):
        self._generator = np.random.default_rng(seed)


def _draw(name, parameters):
    def draw(self, *args, **kwargs):
        check_arguments(name, parameters, args, kwargs)
        values = [_host_of(each) for each in args]
        return _wrap(np.asarray(getattr(self._generator, name)(*values, **{k: _host_of(v) for k, v in kwargs.items()})))

    return draw


for _name, _parameters in SURFACE["generator"].items():
    if _name != "uniform":
        setattr(Generator, _name, _draw(_name, _parameters))


def _event_time(start, end):
    return 1000 * (end.at - start.at)


def _module():
    """The module that `import cupy` finds."""
    cupy = types.ModuleType("cupy")
    cupy.__version__ = "13.0.0-standin"
    for name in SURFACE["functions"]:
        setattr(cupy, name, _function("functions", name))
    for name in SURFACE["ufuncs"]:
        setattr(cupy, name, getattr(np, name, None))
    for name in ("zeros", "ones", "empty", "full", "arange", "eye", "identity", "linspace", "tri", "indices"):
        setattr(cupy, name, _creation(name))
    for name in ("float16", "float32", "float64", "int64", "int32", "bool_", "uint8", "inf", "nan", "newaxis", "dtype"):
        setattr(cupy, name, getattr(np, name))
    cupy.ndarray, cupy.array, cupy.asarray, cupy.asnumpy, cupy.matmul = ndarray, array, asarray, asnumpy, matmul
    cupy.get_default_memory_pool, cupy.ElementwiseKernel = _Pool, ElementwiseKernel
    cupy.get_array_module = lambda *arrays: cupy if any(isinstance(each, ndarray) for each in arrays) else np
    cupy.linalg, cupy.cuda, cupy.random, cupy.lib = (types.SimpleNamespace() for _ in range(4))
    for name in SURFACE["linalg"]:
        setattr(cupy.linalg, name, decomposition(name, SURFACE["linalg"][name]))
    cupy.linalg.LinAlgError = np.linalg.LinAlgError
    cupy.lib.stride_tricks = types.SimpleNamespace(
        as_strided=lambda x, shape=None, strides=None: _wrap(np.lib.stride_tricks.as_strided(x._host, shape, strides)),
        sliding_window_view=np.lib.stride_tricks.sliding_window_view,
    )
    cupy.cuda.Device, cupy.cuda.Stream, cupy.cuda.Event = Device, Stream, Event
    cupy.cuda.get_elapsed_time, cupy.cuda.is_available = _event_time, lambda: True
    cupy.cuda.get_current_stream = lambda: Stream(null=True)
    cupy.cuda.runtime = types.SimpleNamespace(
        getDeviceCount=lambda: 1,
        getDevice=lambda: 0,
        memGetInfo=lambda: Device.mem_info,
        runtimeGetVersion=lambda: 12000,
        getDeviceProperties=lambda n: {
            "name": b"stand-in", "major": 0, "minor": 0, "totalGlobalMem": 2**31, "multiProcessorCount": 1,
        },
    )  # fmt: skip
    cupy.random.default_rng = Generator
    cupy.random.Generator = Generator
    return cupy


def _special(function):
    vectorised = np.vectorize(function, otypes=[np.float64])

    def call(array):
        launched(getattr(function, "__name__", "special"))
        answer = vectorised(_operand(array))
        return _wrap(answer.astype(np.float32) if array.dtype == np.float32 else answer)  # e->d, f->f, d->d

    return call


def _zeta(x, q):
    """`cupyx.scipy.special.zeta`, Hurwitz's: the sum of (q + k)^-x, by Euler and Maclaurin from the first q + k above 20."""
    launched("zeta")
    shift = np.maximum(0, np.ceil(20 - _operand(q)))
    numbers = [
        math.inf if at <= 0 and at == math.floor(at)
        else sum((at + k) ** -x for k in range(int(steps)))
        + (end := at + steps) ** (1 - x) / (x - 1) + end**-x / 2 + x * end ** (-x - 1) / 12
        - x * (x + 1) * (x + 2) * end ** (-x - 3) / 720 + math.prod(x + i for i in range(5)) * end ** (-x - 5) / 30240
        - math.prod(x + i for i in range(7)) * end ** (-x - 7) / 1209600
        for at, steps in zip(_operand(q).flat, shift.flat, strict=True)
    ]  # fmt: skip
    return _wrap(np.array(numbers, q.dtype).reshape(q.shape))


def install():
    """Puts the stand-in where `import cupy` looks, and returns it."""
    if not getattr(sys.modules.get("cupy"), "__version__", "").endswith("standin"):
        sys.modules["cupy"] = _module()
        functions = {name: _special(getattr(math, name)) for name in ("erf", "erfc")}
        circle = np.cos((np.arange(400) + 0.5) * np.pi / 400)
        functions["i0e"] = _special(lambda x: np.exp(x * circle - abs(x)).mean())
        functions["i1e"] = _special(lambda x: (np.exp(x * circle - abs(x)) * circle).mean())
        functions["gammaln"] = _special(lambda x: math.inf if x <= 0 and x == math.floor(x) else math.lgamma(x))
        sys.modules["cupyx.scipy.special"] = types.SimpleNamespace(zeta=_zeta, **functions)
        sys.modules["cupyx.scipy.linalg"] = types.SimpleNamespace(solve_triangular=solve_triangular)
    return sys.modules["cupy"]
