"""What CuPy has, by name, and what crosses: the ground under the stand-in (`standin.py`)."""

from __future__ import annotations

import contextlib
import json
import re
import traceback
from pathlib import Path

import numpy as np

SURFACE = json.loads((Path(__file__).parent / "surface.json").read_text())
COUNTS = {"to host": 0, "to device": 0, "wait": 0}
PLACES: list[str] = []
"""Where in the package each crossing happened, for messages."""

WAITS = frozenset(
    re.findall(
        r"\w+",
        "nonzero flatnonzero argwhere unique bincount extract compress histogram histogramdd histogram2d delete setdiff1d "
        "intersect1d union1d setxor1d tril_indices triu_indices tril_indices_from triu_indices_from mask_indices place "
        "trim_zeros choose ravel_multi_index percentile quantile nanpercentile nanmedian lstsq eig eigvals",
    )
)
"""Functions that wait for the device, because the shape of their answer depends on the numbers or an error does."""

SCALARS = (bool, int, float, complex, np.generic)
BLOCKS = {}  # id of a block of memory -> (weak reference to it, bytes)
LOGS: list[Log] = []

_NO_KERNEL = frozenset(
    "broadcast_to reshape ravel transpose swapaxes moveaxis squeeze expand_dims view diagonal shape ndim size real imag "
    "atleast_1d atleast_2d split array_split empty empty_like broadcast_arrays get result_type can_cast iscomplexobj".split()
)


class Log:
    """What the device does while `with Log() as log:` is open."""

    def __init__(self):
        self.kernels = []  # their names; a function that only makes another view of an array starts none
        self.blocks = []  # the sizes, in bytes, of the memory that is taken

    def __enter__(self):
        LOGS.append(self)
        return self

    def __exit__(self, *_):
        LOGS.remove(self)


def launched(name):
    for log in LOGS:
        if name not in _NO_KERNEL:
            log.kernels.append(name)


def allocated(size):
    for log in LOGS:
        log.blocks.append(size)


def note(kind):
    COUNTS[kind] += 1
    frames = [
        f for f in traceback.extract_stack() if "/teachgrad/" in f.filename or f.filename.startswith("<teachgrad")
    ]
    PLACES.append(f"{kind}: " + " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames[:-6:-1]))


@contextlib.contextmanager
def counting():
    """`with counting() as counts:` starts from nothing; `counts` is what the body did."""
    before, places = dict(COUNTS), len(PLACES)
    counts = {}
    yield counts
    counts.update({key: COUNTS[key] - before[key] for key in COUNTS if COUNTS[key] != before[key]})
    counts_places = PLACES[places:]
    if counts_places:
        counts["where"] = counts_places


def loop_of(name, hosts, dtype):
    """The dtype of CuPy's loop where it is another than NumPy's. Raises TypeError where CuPy has no loop."""
    loops = [loop.split("->") for loop in SURFACE["ufuncs"][name].split()]
    arrays = [each for each in hosts if isinstance(each, np.ndarray)]
    if dtype is not None or len(arrays) != len(hosts):
        kinds = [each.dtype for each in arrays]
        if loops and not any(all(np.can_cast(k, t) for k in kinds for t in [max(ins)]) for ins, _ in loops):
            wide = [ins for ins, _ in loops if all(any(np.can_cast(k, c) for c in ins) for k in kinds)]
            if not wide:
                raise TypeError(f"Wrong type ({kinds}) of arguments for cupy_{name}")
        return {}
    for ins, outs in loops:
        if all(np.can_cast(each.dtype, char) for each, char in zip(hosts, ins, strict=False)):
            return (
                {}
                if len(outs) > 1 or outs == "?" or "?" in ins or len(set(ins)) > 1
                else {"signature": f"{ins}->{outs}"}
            )
    if loops:
        raise TypeError(f"Wrong type ({[each.dtype for each in hosts]}) of arguments for cupy_{name}")
    return {}


def check_arguments(where, parameters, args, kwargs):
    names = parameters.split()
    extra = "**" in names or any(name.startswith("*") for name in names)
    if (len(args) > len(names) and not extra) or (set(kwargs) - set(names) and "**" not in names):
        raise TypeError(f"{where}() takes the arguments {names}, not {len(args)} and {sorted(kwargs)}")
    if kwargs.get("subok") is not None or kwargs.get("casting") is not None:
        raise TypeError("subok and casting are not supported yet")
    if kwargs.get("kind") not in (None, "stable"):
        raise ValueError("only the stable sort is supported")


class Pointer:
    def __init__(self, host):
        self.ptr = host.__array_interface__["data"][0]


class Flags:
    """CuPy tells these three and no others: there is no `writeable`."""

    def __init__(self, host):
        self.c_contiguous, self.f_contiguous = host.flags.c_contiguous, host.flags.f_contiguous
        self.owndata = host.base is None

    def __getitem__(self, name):
        return getattr(self, name.lower())
