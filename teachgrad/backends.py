"""`torch.backends`: switches of compiled libraries that teachgrad does not have; each answers as on a CPU build.

Lessons set `torch.backends.cudnn.deterministic = True` and ask `torch.backends.mps.is_available()`. The first is noted
and changes nothing, since teachgrad is deterministic anyway; the second says no.
"""

from __future__ import annotations


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


cudnn = _Backend(benchmark=False, deterministic=False, enabled=True, allow_tf32=True)
mps = _Backend()
cuda = _Backend(matmul=_Backend(allow_tf32=False))
mkldnn = _Backend(enabled=True)
