"""What all tests share: a device to run on, and no example of a property test fails because the machine was busy.

`pytest --device standin tests/engine` runs the tests on a CUDA device that is not there: tensors that name no place live on
the stand-in for CuPy (`tests/gpu/standin.py`), which refuses what CuPy refuses. `--device cuda` is the same on a real GPU.
"""

import signal

import pytest
from hypothesis import settings

settings.register_profile("steady", deadline=None)
settings.load_profile("steady")

# A shell that starts the tests in the background makes them deaf to Ctrl-C, and with them the programs that they interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption("--device", default="cpu", choices=["cpu", "standin", "cuda"], help="where tensors live")


def pytest_configure(config):
    if config.getoption("--device") == "standin":
        from gpu.standin_module import install

        install()
    from teachgrad import rooms

    rooms.open_all()  # many tests go through the whole op table


def pytest_collection_modifyitems(config, items):
    """Away from the CPU, PyTorch itself is no reference, and what is about NumPy's memory is left out, by name."""
    if config.getoption("--device") == "cpu":
        return
    from gpu.left_out import reason

    kept = []
    for item in items:
        if item.get_closest_marker("oracle"):
            continue
        why = reason(item.nodeid)
        if why is not None:
            item.add_marker(pytest.mark.skip(reason=why))
        kept.append(item)
    items[:] = kept


@pytest.fixture(autouse=True)
def _device(request, monkeypatch):
    """The place of tensors that name none, and bridges to what tests were written for: print does not name the device,
    and NumPy's arrays are copied to it and back.
    """
    if request.config.getoption("--device") == "cpu":
        yield
        return
    import teachgrad
    from teachgrad import gpu, printing

    if not gpu.usable():
        pytest.skip(gpu.why_not())
    suffixes = printing._suffixes
    monkeypatch.setattr(
        printing, "_suffixes", lambda array, dtype, device, default: suffixes(array, dtype, None, default)
    )
    numpy, from_numpy = teachgrad.Tensor.numpy, teachgrad.from_numpy
    monkeypatch.setattr(teachgrad.Tensor, "numpy", lambda self, *, force=False: numpy(self.cpu(), force=force))
    monkeypatch.setattr(teachgrad, "from_numpy", lambda array: from_numpy(array).to("cuda"))
    teachgrad.set_default_device("cuda")
    with teachgrad.device("cuda"):
        yield
