"""`torch.backends`: switches of compiled libraries that teachgrad does not have; each answers as on a CPU build.

Lessons set `torch.backends.cudnn.deterministic = True` and ask `torch.backends.mps.is_available()`. The first is noted
and changes nothing, since teachgrad is deterministic anyway; the second says no.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType

__path__: list[str] = []  # a package without files: `import torch.backends.cudnn` finds the module below


class _Backend(ModuleType):
    """A library that is not there, with the switches that lessons set."""

    def __init__(self, name: str, **switches: object) -> None:
        super().__init__(f"{__name__}.{name}", self.__doc__)
        self.__spec__ = ModuleSpec(self.__name__, None)
        self.__dict__.update(switches)
        sys.modules[self.__name__] = self

    def is_available(self) -> bool:
        """False."""
        return False

    def is_built(self) -> bool:
        """False."""
        return False

    def version(self) -> None:
        """None."""
        return

    @contextmanager
    def flags(self, **switches: object) -> Iterator[None]:
        """Inside, the switches have these values."""
        before = {name: getattr(self, name, None) for name in switches}
        self.__dict__.update(switches)
        try:
            yield
        finally:
            self.__dict__.update(before)


cudnn = _Backend("cudnn", benchmark=False, deterministic=False, enabled=True, allow_tf32=True, benchmark_limit=10)
mps = _Backend("mps")
cuda = _Backend("cuda", matmul=_Backend("cuda.matmul", allow_tf32=False, allow_fp16_reduced_precision_reduction=True))
mkldnn = _Backend("mkldnn", enabled=True, deterministic=False, allow_tf32=True)
mkl, openmp, opt_einsum = _Backend("mkl"), _Backend("openmp"), _Backend("opt_einsum", enabled=False)
