"""These tests run on a CUDA device: on the stand-in for CuPy, or with `--device cuda` on a real one, where CuPy finds it.

`cuda_is_there` puts the stand-in where `import cupy` looks for the length of a test, so that other tests still see none.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import warnings

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
    before = {name: sys.modules.get(name) for name in ("cupy", "cupyx.scipy.special", "cupyx.scipy.linalg")}
    found = gpu._found
    gpu._found = None
    cupy = standin_module.install()
    try:
        yield cupy
    finally:
        gpu._found = found
        ARRAYS.difference_update(gpu.MODULES)
        gpu.MODULES.clear()
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
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # CuPy says that it cannot notice every wait
                guard = cupyx.allow_synchronize(False)
                guard.__enter__()
            try:
                yield {}
            finally:
                guard.__exit__(None, None, None)

        return forbidden
    from gpu import surface

    return surface.counting


@pytest.fixture
def comparable(request):
    """Do the numbers of a line say the same here as on the CPU?"""
    from gpu import lines

    real = request.config.getoption("--device") == "cuda"
    return lambda text: not lines.is_random(text) and not (real and lines.UNDETERMINED.search(text))
