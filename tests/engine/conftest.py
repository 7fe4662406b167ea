"""Each engine test runs twice: on teachgrad, and on PyTorch itself where it is installed. Both must pass."""

from __future__ import annotations

import contextlib
import warnings

import pytest

import teachgrad


@pytest.fixture(params=["teachgrad", pytest.param("torch", marks=pytest.mark.oracle)])
def torch(request):
    """The library under test, by the name that lessons give it."""
    return teachgrad if request.param == "teachgrad" else pytest.importorskip("torch")


@pytest.fixture
def fails():
    """`with fails(RuntimeError, "message"):` the body must raise exactly this; the message is its first line."""

    @contextlib.contextmanager
    def check(kind, message):
        with pytest.raises(kind) as info:
            yield
        assert type(info.value) is kind
        assert str(info.value).split("\n")[0].strip() == message

    return check


@pytest.fixture
def warned():
    """`with warned() as messages:` collects the warnings of the body instead of failing."""

    @contextlib.contextmanager
    def collect():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield caught

    return collect
