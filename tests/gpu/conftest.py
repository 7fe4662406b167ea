"""These tests run on a CUDA device: on the stand-in for CuPy, or with `--device cuda` on a real one, where CuPy finds it.

`cuda_is_there` puts the stand-in where `import cupy` looks for the length of a test, so that other tests still see none.
"""

from __future__ import annotations

import contextlib
import importlib
import sys

import pytest

from teachgrad import gpu
from teachgrad.autograd.variable import ARRAYS


@pytest.fixture(autouse=True)
def cuda_is_there(request, monkeypatch):
    """CuPy, real or not."""
    chosen = request.config.getoption("--device")
    if chosen == "cuda":
        if not gpu.usable():
            pytest.skip(gpu.why_not())
        yield importlib.import_module("cupy")
        return
    from gpu import standin_module  # the tests' folder, not the module of teachgrad

    if chosen == "standin":
        yield standin_module.install()
        return
    before = {name: sys.modules.get(name) for name in ("cupy", "cupyx.scipy.special")}
    found = gpu._found
    gpu._found = None
    cupy = standin_module.install()
    try:
        yield cupy
    finally:
        gpu._found = found
        gpu.MODULES.pop(cupy.ndarray, None)
        ARRAYS.discard(cupy.ndarray)
        for name, module in before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module


@pytest.fixture
def watch(request):
    """`with watch() as counts:` tells what crossed meanwhile; on a real GPU, waiting raises."""
    if request.config.getoption("--device") == "cuda":
        cupyx = importlib.import_module("cupyx")

        @contextlib.contextmanager
        def forbidden():
            with cupyx.allow_synchronize(False):
                yield {}

        return forbidden
    from gpu import surface

    return surface.counting
