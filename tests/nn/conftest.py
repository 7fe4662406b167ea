"""What the tests of this folder share. Those that compare with PyTorch 2.13 are skipped where it is missing."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest


def pytest_collection_modifyitems(items):
    """Marks the tests of files that import PyTorch."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and hasattr(item.module, "torch"):
            item.add_marker(pytest.mark.oracle)


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Several threads only wait for each other on problems as small as these."""
    if importlib.util.find_spec("torch") is not None:
        import torch

        torch.set_num_threads(1)


def numbers(tensor):
    """The numbers of a tensor of either library."""
    return np.asarray(tensor.detach().numpy())


def tensors_in(value):
    """All tensors in a tensor, tuple, list or dict."""
    if isinstance(value, tuple | list):
        return [tensor for part in value for tensor in tensors_in(part)]
    if isinstance(value, dict):
        return tensors_in(list(value.values()))
    return [value] if hasattr(value, "requires_grad") else []


def same(mine, theirs, about="", rtol=2e-5, atol=2e-6):
    """The same shapes, dtypes and, nearly, numbers."""
    mine, theirs = tensors_in(mine), tensors_in(theirs)
    assert len(mine) == len(theirs), about
    for one, other in zip(mine, theirs, strict=True):
        assert tuple(one.shape) == tuple(other.shape), about
        assert str(one.dtype) == str(other.dtype), about
        np.testing.assert_allclose(numbers(one), numbers(other), rtol=rtol, atol=atol, err_msg=about)


def outcome(function):
    """What a call returned, or the class and first line of what it raised."""
    try:
        return function()
    except Exception as error:  # noqa: BLE001 - any error is a result to compare
        return type(error).__name__, str(error)


def printed(library, code):
    """What `code` prints when `torch` is `library`; an error that ends it is printed too, with its first line."""
    import contextlib
    import io
    import textwrap
    import warnings

    library.manual_seed(0)
    out = io.StringIO()
    space = {"torch": library, "nn": library.nn, "F": library.nn.functional, "__name__": "__main__"}
    with contextlib.redirect_stdout(out), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            exec(textwrap.dedent(code), space)
        except Exception as error:  # noqa: BLE001 - any error is a result to compare
            out.write(f"{type(error).__name__}: {error}")
    told = [f"{w.category.__name__}: {w.message}" for w in caught if "Triggered internally" not in str(w.message)]
    return out.getvalue(), told


def same_print(code):
    """A lesson prints the same, and warns of the same, in both libraries."""
    torch = pytest.importorskip("torch")
    import teachgrad

    (mine, my_warnings), (theirs, their_warnings) = printed(teachgrad, code), printed(torch, code)
    assert theirs, "the lesson prints nothing"
    assert mine == theirs
    assert my_warnings == their_warnings
