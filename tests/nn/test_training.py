"""Whole lessons: the same script with the same seed starts from the same parameters and sees the same losses."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

import teachgrad  # noqa: E402 - after the skip

from .conftest import numbers  # noqa: E402
from .lessons import LESSONS, STEPS  # noqa: E402

LIBRARIES = (teachgrad, torch)


@pytest.mark.parametrize("lesson", LESSONS)
def test_lesson(lesson):
    starts, losses = [], []
    for library in LIBRARIES:
        library.manual_seed(42)
        steps = lesson(library)
        starts.append([numbers(p).copy() for p in next(steps)])
        losses.append(list(steps))
    for mine, theirs in zip(*starts, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert len(losses[0]) >= STEPS
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)
    assert losses[1][STEPS - 1] < losses[1][0], "nothing was learnt"


@pytest.mark.parametrize("settings", [{}, {"drop_last": True}, {"batch_size": 3}, {"seed": 5}], ids=str)
def test_order_of_a_shuffled_loader(settings):
    settings = dict(settings)
    seed = settings.pop("seed", None)
    found = []
    for library in LIBRARIES:
        library.manual_seed(1)
        data = library.utils.data
        generator = None if seed is None else library.Generator().manual_seed(seed)
        loader = data.DataLoader(
            data.TensorDataset(library.arange(50)), **{"batch_size": 8, **settings}, shuffle=True, generator=generator
        )
        order = [[batch.tolist() for (batch,) in loader] for _ in range(3)]
        found.append((order, library.rand(3).tolist()))
    assert found[0] == found[1]
    assert found[1][0][0] != found[1][0][1], "every epoch has an order of its own"


def test_order_of_samplers_and_splits():
    found = []
    for library in LIBRARIES:
        library.manual_seed(3)
        data = library.utils.data
        split = data.random_split(range(20), [0.5, 0.3, 0.2])
        weighted = data.WeightedRandomSampler([0.1, 0.5, 0.9, 0.2], 12)
        drawn = data.RandomSampler(range(9), replacement=True, num_samples=15)
        subset = data.SubsetRandomSampler([3, 5, 7, 9, 11])
        found.append(
            ([list(part) for part in split], list(weighted), list(drawn), list(subset), library.rand(1).item())
        )
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "layer", ["Dropout(0.5)", "Dropout(0.1)", "Dropout1d(0.5)", "Dropout2d(0.3)", "AlphaDropout(0.2)"]
)
def test_dropout_masks(layer):
    found = []
    for library in LIBRARIES:
        library.manual_seed(11)
        shape = (4, 6, 5) if "1d" in layer else (4, 6, 5, 5) if "2d" in layer else (40, 30)
        module = eval(f"nn.{layer}", {"nn": library.nn})
        x = library.ones(shape, requires_grad=True)
        first, second = module(x), module(x)
        (first.sum() + second.sum()).backward()
        assert not np.array_equal(numbers(first), numbers(second))
        found.append([numbers(t) for t in (first, second, x.grad, module.eval()(x), library.rand(2))])
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6)
        np.testing.assert_array_equal(mine == 0, theirs == 0)
