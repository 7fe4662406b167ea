"""A stand-in for CuPy where there is no GPU: the same surface and the same refusals, computed by NumPy.

`surface.json` lists the functions, ufunc loops, methods and parameters that CuPy 13 and 14 share, read off those
packages. Whatever is not listed there does not exist here either. What CuPy refuses is refused (a NumPy array as operand,
`numpy.asarray` of a GPU array, `maximum.reduce`, `range(array)`), and every crossing between host and device and every
wait for the device is counted in `COUNTS`.
"""

from __future__ import annotations

import contextlib
import sys
import weakref

import numpy as np

from gpu.surface import (
    BLOCKS,
    SCALARS,
    SURFACE,
    WAITS,
    Flags,
    Pointer,
    allocated,
    check_arguments,
    launched,
    loop_of,
    note,
)


class Device:
    """`cupy.cuda.Device`."""

    mem_info = (2**30, 2**31)
    compute_capability = "00"

    def __init__(self, device=None):
        self.id = 0 if device is None else int(device)

    def __int__(self):
        return self.id

    def __eq__(self, other):
        return int(self) == int(other)

    __hash__ = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def use(self):
        """Makes it the current device."""

    def synchronize(self):
        """Waits."""
        note("wait")


class ndarray(np.lib.mixins.NDArrayOperatorsMixin):
    """Poses as `cupy.ndarray`: holds a NumPy array that nobody may touch."""

    __slots__ = ("__weakref__", "_base", "_host")
    __array_priority__ = 100
    __hash__ = None

    def __init__(self, shape, dtype=float, memptr=None, strides=None, order="C"):
        assert memptr is None and strides is None
        _adopt(self, np.empty(shape, _storable(dtype), order))

    # -- NumPy's protocols ----------------------------------------------------------------------------------
    def __array__(self, *_, **__):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array "
            "explicitly."
        )

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        name = ufunc.__name__
        if name == "matmul" and method == "__call__":
            return matmul(*inputs, **kwargs)
        if name not in SURFACE["ufuncs"]:
            return NotImplemented
        if method not in ("__call__", "outer", "at", "reduce", "accumulate", "reduceat"):
            return NotImplemented
        out = kwargs.pop("out", None)
        if out is not None:
            assert len(out) == 1, "The 'out' parameter must have exactly one array value"
            _only_device(out[0])
        allowed = {"__call__": {"dtype", "casting", "where"}, "at": set()}.get(method, {"axis", "dtype", "keepdims"})
        unknown = set(kwargs) - allowed
        if unknown:
            raise TypeError(f"{method}() got an unexpected keyword argument {unknown}")
        if method in ("reduce", "accumulate", "reduceat") and name not in ("add", "multiply"):
            raise NotImplementedError(f"`cupy_{name}.{method}` is not supported yet")
        if method == "at":
            return self._at(ufunc, *inputs)
        for each in inputs:
            if not isinstance(each, ndarray | np.ndarray) and not isinstance(each, SCALARS):
                return NotImplemented
        if method == "reduce":
            kwargs.setdefault("axis", 0)
        kwargs = {key: _host_of(value) for key, value in kwargs.items()}
        hosts = [_operand(each) for each in inputs]
        if method == "__call__":
            kwargs.update(loop_of(name, hosts, kwargs.get("dtype")))
        launched(name)
        with np.errstate(all="ignore"):
            answer = getattr(ufunc, method)(*hosts, **kwargs)
        if out is None:
            return _wrap(answer)
        if answer.dtype.kind == "c" and out[0]._host.dtype.kind in "fiub":
            raise TypeError("output (typecode 'c') could not be coerced to provided output parameter")
        np.copyto(out[0]._host, answer, casting="same_kind" if method == "__call__" else "unsafe")
        return out[0]

    def _at(self, ufunc, target, indices, value=None):
        assert ufunc.__name__ in ("add", "subtract", "maximum", "minimum", "bitwise_and", "bitwise_or", "bitwise_xor")
        _only_device(target)
        _scatterable(target)
        ufunc.at(target._host, _index(indices), _operand(value))

    def __array_function__(self, func, types_, args, kwargs):
        module = func.__module__.split(".")[1:]
        key = {"": "functions", "linalg": "linalg", "fft": "fft", "lib.stride_tricks": "functions"}.get(
            ".".join(module)
        )
        name = func.__name__
        if module[-1:] == ["stride_tricks"] and name == "sliding_window_view":
            assert not kwargs, "there is no writeable= in CuPy"
            return _wrap(func(*map(_host_of, args), writeable=True))
        if key == "linalg" and hasattr(sys.modules["cupy"].linalg, name):
            return getattr(sys.modules["cupy"].linalg, name)(*args, **kwargs)
        if key is None or (name not in SURFACE[key] and not (key == "functions" and name in SURFACE["ufuncs"])):
            return NotImplemented
        return _call(key, name, func, args, kwargs)

    # -- what CuPy's arrays tell --------------------------------------------------------------------------
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    itemsize = property(lambda self: self._host.itemsize)
    nbytes = property(lambda self: self._host.nbytes)
    strides = property(lambda self: self._host.strides)
    flags = property(lambda self: Flags(self._host))
    data = property(lambda self: Pointer(self._host))
    device = property(lambda self: Device(0))
    base = property(lambda self: self._base)
    T = property(lambda self: _wrap(self._host.T))
    real = property(
        lambda self: _wrap(self._host.real), lambda self, value: self._host.real.__setitem__(..., _operand(value))
    )
    imag = property(
        lambda self: _wrap(self._host.imag), lambda self, value: self._host.imag.__setitem__(..., _operand(value))
    )

    @property
    def shape(self):
        return self._host.shape

    @shape.setter
    def shape(self, value):
        self._host.shape = value

    def __len__(self):
        return len(self._host)

    def __iter__(self):
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key):
        index = _index(key)
        if _is_basic(index):
            return _wrap(self._host[(*index, ...) if Ellipsis not in index else index])
        return _wrap(self._host[index])

    def __setitem__(self, key, value):
        if isinstance(value, np.ndarray):
            if value.ndim:
                raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
            value = value.item()
        elif isinstance(value, list | tuple):
            note("to device")
        elif not isinstance(value, ndarray):
            value = _operand(value)
        self._host[_index(key)] = _host_of(value)

    # -- ways to the host ---------------------------------------------------------------------------------
    def get(self, stream=None, order="C", out=None, blocking=True):
        note("to host")
        return self._host.copy(order)

    def item(self):
        if self.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return self.get().item()

    def tolist(self):
        return self.get().tolist()

    def __bool__(self):
        return bool(self.get())

    def __int__(self):
        return int(self.get())

    def __float__(self):
        return float(self.get())

    def __complex__(self):
        return complex(self.get())

    def __repr__(self):
        return repr(self.get())

    def __format__(self, spec):
        return format(self.get(), spec)

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        return self.copy()

    def __reduce__(self):
        return _wrap, (self.get(),)


ndarray.__module__ = "cupy"


def _storable(dtype):
    dtype = np.dtype(dtype)
    if dtype.kind not in "biufc" or dtype.itemsize > 16 or dtype.char in "gG":
        raise ValueError(f"Unsupported dtype {dtype}")
    return dtype


def _adopt(made, host):
    """Puts `host` into the array `made`, and counts its memory until it is freed."""
    _storable(host.dtype)
    made._host, made._base = host, None
    if not host.flags.writeable and host.base is not None and all(host.strides):
        with contextlib.suppress(ValueError):
            host.flags.writeable = True  # a GPU's arrays always are; NumPy makes diagonals read-only
    block = host
    while isinstance(block.base, np.ndarray):
        block = block.base
    key = id(block)
    if key not in BLOCKS:
        allocated(block.nbytes)
        BLOCKS[key] = (weakref.ref(block, lambda _: BLOCKS.pop(key, None)), block.nbytes)
    if block is host:
        _OWNERS[key] = made
    elif block.dtype.kind in "biufc":  # a view keeps the array that it is a view of, as CuPy's do
        made._base = _OWNERS.get(key)
        if made._base is None:
            made._base = _wrap(block)
    return made


_OWNERS = weakref.WeakValueDictionary()  # id of a block of memory -> the array that owns it


def _wrap(value):
    """NumPy's answer as the device would give it: arrays, also for single numbers."""
    if isinstance(value, np.ndarray | np.generic):
        return _adopt(ndarray.__new__(ndarray), np.asarray(value))
    if isinstance(value, tuple | list):
        parts = [_wrap(part) for part in value]
        return parts if isinstance(value, list) else tuple(parts)
    return value


def _only_device(value):
    if not isinstance(value, ndarray):
        raise TypeError(f"Unsupported type {type(value)}")


def _operand(value):
    """One argument of a kernel: a device array, or a number that travels with the launch."""
    if isinstance(value, ndarray):
        return value._host
    if isinstance(value, SCALARS):
        return value
    if hasattr(value, "__cupy_get_ndarray__"):
        return value.__cupy_get_ndarray__()._host
    raise TypeError(f"Unsupported type {type(value)}")


def _host_of(value):
    """The same argument for NumPy. NumPy arrays are refused: CuPy never moves them by itself."""
    if isinstance(value, ndarray):
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, tuple | list):
        parts = [_host_of(part) for part in value]
        return parts if isinstance(value, list) else tuple(parts)
    return value


def _index(key):
    """An index for NumPy, always a tuple. Lists and NumPy arrays in it are sent to the device; a mask is waited for."""
    items = key if isinstance(key, tuple) else (key,)
    found, masks = [], 0
    for item in items:
        if isinstance(item, list | np.ndarray):
            note("to device")
            item = np.asarray(item)
        elif isinstance(item, ndarray):
            item = item._host
        elif not (item is None or item is Ellipsis or isinstance(item, slice | int | np.integer | bool | np.bool_)):
            raise IndexError(f"Unsupported type {type(item)}")
        if isinstance(item, np.ndarray) and item.dtype.kind == "b":
            masks += 1
            note("wait")
        found.append(item)
    if masks > 1:
        raise ValueError("CuPy does not support slices that consist of more than one boolean array")
    return tuple(found)


def _is_basic(index):
    return not any(isinstance(item, np.ndarray | bool | np.bool_) for item in index)


def _scatterable(target):
    if target._host.dtype.char not in "iILQefdFD":
        raise TypeError(f"add.at does not support {target.dtype}")


def _call(key, name, func, args, kwargs):
    check_arguments(name, SURFACE[key].get(name, "x1 x2 out dtype"), args, kwargs)
    kwargs.pop("subok", None)
    launched(name)
    if name in WAITS:
        note("wait")
    out = kwargs.pop("out", None)
    values = [_host_of(each) for each in args]
    options = {k: _host_of(v) for k, v in kwargs.items()}
    if name == "repeat" and isinstance(values[1], np.ndarray):
        raise ValueError("CuPy repeats by host integers only")
    with np.errstate(all="ignore"):
        answer = func(*values, **options)
    if name in ("copyto", "fill_diagonal", "put_along_axis", "putmask", "place", "shape", "ndim", "size"):
        return answer
    if out is None:
        return _wrap(answer)
    out[...] = _wrap(answer)
    return out


def _method(name, parameters):
    def call(self, *args, **kwargs):
        check_arguments(name, parameters, args, kwargs)
        launched(name)
        if name in WAITS:
            note("wait")
        for key in ("subok", "casting", "blocking"):
            kwargs.pop(key, None)
        out = kwargs.pop("out", None)
        if name == "astype" and (args or kwargs):
            _storable(args[0] if args else kwargs["dtype"])
        values, options = [_host_of(each) for each in args], {k: _host_of(v) for k, v in kwargs.items()}
        if name == "repeat" and isinstance(values[0], np.ndarray):
            raise ValueError("CuPy repeats by host integers only")
        with np.errstate(all="ignore"):
            answer = getattr(self._host, name)(*values, **options)
        if out is not None:
            out[...] = _wrap(answer)
            return out
        return _wrap(answer)

    call.__name__ = name
    return call


for _name, _parameters in SURFACE["methods"].items():
    if _parameters != "attribute" and _name not in ndarray.__dict__ and hasattr(np.ndarray, _name):
        setattr(ndarray, _name, _method(_name, _parameters))


def matmul(x1, x2, out=None, **kwargs):
    """`cupy.matmul`."""
    assert not kwargs or set(kwargs) <= {"dtype"}
    launched("matmul")
    with np.errstate(all="ignore"):
        answer = _wrap(np.matmul(_operand(x1), _operand(x2), **kwargs))
    if out is None:
        return answer
    (out[0] if isinstance(out, tuple) else out)[...] = answer
    return out[0] if isinstance(out, tuple) else out
