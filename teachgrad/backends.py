"""`torch.backends`: switches of compiled libraries that teachgrad does not have; each answers as on a CPU build.

Lessons set `torch.backends.cudnn.deterministic = True` and ask `torch.backends.mps.is_available()`. The first is noted
and changes nothing, since teachgrad is deterministic anyway; the second says no.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class _Backend:
    """A library that is not there, with the switches that lessons set."""

    def __init__(self, **switches: object) -> None:
        self.__dict__.update(switches)

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


cudnn = _Backend(benchmark=False, deterministic=False, enabled=True, allow_tf32=True, benchmark_limit=10)
mps = _Backend()
cuda = _Backend(matmul=_Backend(allow_tf32=False, allow_fp16_reduced_precision_reduction=True))
mkldnn = _Backend(enabled=True, deterministic=False, allow_tf32=True)
mkl, openmp, opt_einsum, xeon = _Backend(), _Backend(), _Backend(enabled=False), _Backend()
