"""What the random functions refuse, in PyTorch's words, and that a refused call draws nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from teachgrad import random

F16, F32, F64 = np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)
C64, I64 = np.dtype(np.complex64), np.dtype(np.int64)


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def first_line(function, *arguments, **options):
    """The type and first line of the error that a call must raise."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the type is part of the comparison
        function(*arguments, **options)
    return type(caught.value), str(caught.value).split("\n")[0]


BAD = {
    "randint empty": (
        lambda gen: random.integers(gen, (2,), 5, 3, I64),
        lambda torch: torch.randint(5, 3, (2,)),
    ),
    "randint high": (
        lambda gen: random.integers(gen, (2,), 0, 300, np.dtype("u1")),
        lambda torch: torch.randint(0, 300, (2,), dtype=torch.uint8),
    ),
    "randint low": (
        lambda gen: random.integers(gen, (2,), -1, 2, np.dtype("u1")),
        lambda torch: torch.randint(-1, 2, (2,), dtype=torch.uint8),
    ),
    "randint half": (
        lambda gen: random.integers(gen, (2,), 0, 70000, F16),
        lambda torch: torch.randint(0, 70000, (2,), dtype=torch.float16),
    ),
    "randint complex": (
        lambda gen: random.integers(gen, (2,), 0, 3, C64),
        lambda torch: torch.randint(0, 3, (2,), dtype=torch.complex64),
    ),
    "randperm": (lambda gen: random.permutation(gen, -1), lambda torch: torch.randperm(-1)),
    "shape": (lambda gen: random.uniform(gen, (2, -3), F32), lambda torch: torch.rand(2, -3)),
    "std": (
        lambda gen: random.normal(gen, (2,), F32, 0, -1.5),
        lambda torch: torch.empty(2).normal_(0, -1.5),
    ),
    "std nan": (
        lambda gen: random.normal(gen, (2,), F32, 0, math.nan),
        lambda torch: torch.empty(2).normal_(0, math.nan),
    ),
    "normal int": (
        lambda gen: random.normal(gen, (2,), I64),
        lambda torch: torch.randn(2, dtype=torch.int64),
    ),
    "uniform int": (
        lambda gen: random.uniform(gen, (2,), I64),
        lambda torch: torch.rand(2, dtype=torch.int64),
    ),
    "uniform order": (
        lambda gen: random.uniform(gen, (2,), F32, 2, 1.5),
        lambda torch: torch.empty(2).uniform_(2, 1.5),
    ),
    "uniform from": (
        lambda gen: random.uniform(gen, (2,), F32, -1e39, 1),
        lambda torch: torch.empty(2).uniform_(-1e39, 1),
    ),
    "uniform to": (
        lambda gen: random.uniform(gen, (2,), F64, 0, math.inf),
        lambda torch: torch.empty(2, dtype=torch.float64).uniform_(0, math.inf),
    ),
    "uniform nan": (
        lambda gen: random.uniform(gen, (2,), F16, math.nan, 1),
        lambda torch: torch.empty(2, dtype=torch.float16).uniform_(math.nan, 1),
    ),
    "uniform wide": (
        lambda gen: random.uniform(gen, (2,), F32, -3e38, 3e38),
        lambda torch: torch.empty(2).uniform_(-3e38, 3e38),
    ),
    "bernoulli": (
        lambda gen: random.bernoulli(gen, (2,), 1.5),
        lambda torch: torch.empty(2).bernoulli_(1.5),
    ),
    "bernoulli of": (
        lambda gen: random.bernoulli_of(gen, np.array([1.5], F32)),
        lambda torch: torch.bernoulli(torch.tensor([1.5])),
    ),
    "bernoulli int": (
        lambda gen: random.bernoulli_of(gen, np.array([1])),
        lambda torch: torch.bernoulli(torch.tensor([1])),
    ),
    "exponential": (
        lambda gen: random.exponential(gen, (2,), F32, -1),
        lambda torch: torch.empty(2).exponential_(-1),
    ),
    "exponential int": (
        lambda gen: random.exponential(gen, (2,), I64),
        lambda torch: torch.empty(2, dtype=torch.int64).exponential_(),
    ),
    "state dtype": (
        lambda gen: gen.set_state(np.zeros(3)),
        lambda torch: torch.Generator().set_state(torch.zeros(3)),
    ),
    "state size": (
        lambda gen: gen.set_state(np.zeros(3, np.uint8)),
        lambda torch: torch.Generator().set_state(torch.zeros(3, dtype=torch.uint8)),
    ),
    "state": (
        lambda gen: gen.set_state(np.zeros(5056, np.uint8)),
        lambda torch: torch.Generator().set_state(torch.zeros(5056, dtype=torch.uint8)),
    ),
}
for weights, count, replacement in [
    *[([0.1, 0.2], 3, False), ([0.1, -0.2], 1, False), ([0.0, 0.0], 1, False), ([0.0, 0.0], 2, True)],
    *[
        ([1, 1], 1, False),
        ([0.1], 0, False),
        ([[[1.0]]], 1, False),
        (1.0, 1, False),
        ([math.inf, 1], 1, True),
    ],
    *[([-1.0, 1], 2, True), ([math.nan, 1], 2, True), ([math.nan, 1], 1, False), ([], 1, False)],
]:
    BAD[f"multinomial {weights} {count} {replacement}"] = (
        lambda gen, w=weights, n=count, r=replacement: random.multinomial(
            gen, np.array(w, F32 if np.array(w).dtype == F64 else None), n, r
        ),
        lambda torch, w=weights, n=count, r=replacement: torch.multinomial(torch.tensor(w), n, r),
    )


@pytest.mark.oracle
@pytest.mark.parametrize("case", BAD)
def test_errors_and_that_they_draw_nothing(torch, case):
    ours, theirs = BAD[case]
    gen = random.Generator()
    before = gen.get_state()
    assert first_line(ours, gen) == first_line(theirs, torch)
    assert np.array_equal(gen.get_state(), before)


def test_whole_numbers_beyond_the_precision_are_refused():
    """PyTorch only warns here, and says that it will become an error."""
    with pytest.raises(RuntimeError, match="to - 1 is out of bounds for float"):
        random.integers(None, (2,), 0, 2**30, F32)


@pytest.mark.oracle
def test_seeds_that_are_none(torch):
    for bad in (2**64, -(2**63) - 1, 1.5, "a", True, None):
        ours = first_line(random.Generator().manual_seed, bad)
        assert ours == first_line(torch.Generator().manual_seed, bad)
