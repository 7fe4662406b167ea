"""Seeded random numbers, bit for bit PyTorch's."""

from __future__ import annotations

import copy
import math
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teachgrad import random

F16, F32, F64 = np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)
C64, C128, I64 = np.dtype(np.complex64), np.dtype(np.complex128), np.dtype(np.int64)
FLOATS = [F16, F32, F64]
REALS = [*FLOATS, *map(np.dtype, ["int64", "int32", "int16", "int8", "uint8", "bool"])]
SIZES = [*range(41), 100, 1000]


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def named(torch, dtype):
    return getattr(torch, dtype.name)


def same_bits(ours, theirs):
    """Equality that also tells -0.0 from 0.0 and one nan from another."""
    theirs = theirs.contiguous().numpy()
    ours = np.ascontiguousarray(ours).reshape(ours.shape)
    return ours.dtype == theirs.dtype and ours.shape == theirs.shape and ours.tobytes() == theirs.tobytes()


def seeded(torch, seed):
    """Two generators at the same seed: ours and PyTorch's."""
    return random.Generator().manual_seed(seed), torch.Generator().manual_seed(seed)


def same_state(gen, theirs):
    return gen.get_state().tobytes() == theirs.get_state().numpy().tobytes()


# One entry per kind of draw: ours, PyTorch's, and the dtypes it is tried with.
DRAWS = {
    "rand": (
        lambda gen, shape, dtype: random.uniform(gen, shape, dtype),
        lambda torch, gen, shape, dtype: torch.rand(shape, generator=gen, dtype=dtype),
        [*FLOATS, C64, C128],
    ),
    "uniform": (
        lambda gen, shape, dtype: random.uniform(gen, shape, dtype, -0.3, 0.77),
        lambda torch, gen, shape, dtype: torch.empty(shape, dtype=dtype).uniform_(-0.3, 0.77, generator=gen),
        FLOATS,
    ),
    "randn": (
        lambda gen, shape, dtype: random.normal(gen, shape, dtype),
        lambda torch, gen, shape, dtype: torch.randn(shape, generator=gen, dtype=dtype),
        [*FLOATS, C64, C128],
    ),
    "normal": (
        lambda gen, shape, dtype: random.normal(gen, shape, dtype, 1.1, 2.3),
        lambda torch, gen, shape, dtype: torch.empty(shape, dtype=dtype).normal_(1.1, 2.3, generator=gen),
        FLOATS,
    ),
    "exponential": (
        lambda gen, shape, dtype: random.exponential(gen, shape, dtype, 2.5),
        lambda torch, gen, shape, dtype: torch.empty(shape, dtype=dtype).exponential_(2.5, generator=gen),
        FLOATS,
    ),
    "bernoulli": (
        lambda gen, shape, dtype: random.bernoulli(gen, shape, 0.3).astype(dtype),
        lambda torch, gen, shape, dtype: torch.empty(shape, dtype=dtype).bernoulli_(0.3, generator=gen),
        [F32, I64],
    ),
    "bernoulli of": (
        lambda gen, shape, dtype: random.bernoulli_of(gen, np.full(shape, 0.3, dtype)),
        lambda torch, gen, shape, dtype: torch.bernoulli(torch.full(shape, 0.3, dtype=dtype), generator=gen),
        FLOATS,
    ),
    "random": (
        lambda gen, shape, dtype: random.any_integers(gen, shape, dtype),
        lambda torch, gen, shape, dtype: torch.empty(shape, dtype=dtype).random_(generator=gen),
        REALS,
    ),
    "randint": (
        lambda gen, shape, dtype: random.integers(gen, shape, 0, 2, dtype),
        lambda torch, gen, shape, dtype: torch.randint(0, 2, shape, generator=gen, dtype=dtype),
        REALS,
    ),
}
KINDS = [(kind, dtype) for kind, (_, _, kinds) in DRAWS.items() for dtype in kinds]


@pytest.mark.oracle
@pytest.mark.parametrize(("kind", "dtype"), KINDS, ids=lambda value: str(value))
def test_every_size_and_the_state_after_it(torch, kind, dtype):
    ours, theirs, _ = DRAWS[kind]
    for seed, size in enumerate(SIZES):
        gen, their_gen = seeded(torch, seed)
        for shape in ((size,), (2, size), (3,)):
            drawn = ours(gen, shape, dtype)
            assert same_bits(drawn, theirs(torch, their_gen, shape, named(torch, dtype))), (size, shape)
            assert drawn.flags.c_contiguous
        assert same_state(gen, their_gen), size


@pytest.mark.oracle
@pytest.mark.parametrize("kind", ["rand", "uniform", "randn", "normal", "exponential", "bernoulli", "randint"])
def test_a_thousand_draws_of_three(torch, kind):
    ours, theirs, _ = DRAWS[kind]
    gen, their_gen = seeded(torch, 42)
    for _ in range(1000):
        assert same_bits(ours(gen, (3,), F32), theirs(torch, their_gen, (3,), torch.float32))


@pytest.mark.oracle
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(-(2**63), 2**64 - 1),
    calls=st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 40)), max_size=12),
)
def test_any_sequence_of_calls(seed, calls):
    torch = pytest.importorskip("torch")
    gen, their_gen = seeded(torch, seed)
    assert gen.initial_seed() == their_gen.initial_seed()
    for (kind, dtype), size in calls:
        ours, theirs, _ = DRAWS[kind]
        assert same_bits(ours(gen, (size,), dtype), theirs(torch, their_gen, (size,), named(torch, dtype)))
        assert same_state(gen, their_gen)


@pytest.mark.oracle
def test_large_tensors(torch):
    gen, their_gen = seeded(torch, 0)
    for _ in range(2):
        # 100,000 float16 numbers, of which a few show in which steps they were rounded
        ours, theirs, _ = DRAWS["exponential"]
        assert same_bits(ours(gen, (10**5,), F16), theirs(torch, their_gen, (10**5,), torch.float16))
        assert same_bits(random.normal(gen, (500, 999), F32), torch.randn(500, 999, generator=their_gen))
    assert same_bits(
        random.uniform(gen, (10**5,), F64, -0.1, 0.7),
        torch.empty(10**5, dtype=torch.float64).uniform_(-0.1, 0.7, generator=their_gen),
    )


@pytest.mark.oracle
def test_ends_near_the_largest_double(torch):
    gen, their_gen = seeded(torch, 0)
    ours = random.uniform(gen, (100,), F64, -1e308, 1e300)
    theirs = torch.empty(100, dtype=torch.float64).uniform_(-1e308, 1e300, generator=their_gen)
    assert same_bits(ours, theirs)
    assert np.isinf(random.normal(gen, (3,), F64, 1.0, math.inf)).all()


@pytest.mark.oracle
@pytest.mark.parametrize("ends", [(0, 10), (-5, 7), (0, 2**28 - 1), (0, 2**28), (-(2**40), 2**41), (7, 8)])
def test_randint_ranges(torch, ends):
    gen, their_gen = seeded(torch, 5)
    for size in SIZES:
        assert same_bits(random.integers(gen, (size,), *ends, I64), torch.randint(*ends, (size,), generator=their_gen))
    assert same_state(gen, their_gen)


@pytest.mark.oracle
def test_randperm(torch):
    gen, their_gen = seeded(torch, 1)
    for size in [*SIZES, 10**5]:
        assert same_bits(random.permutation(gen, size), torch.randperm(size, generator=their_gen)), size
    assert same_state(gen, their_gen)


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize(("count", "replacement"), [(1, False), (2, False), (5, False), (1, True), (9, True)])
def test_multinomial(torch, dtype, count, replacement):
    gen, their_gen = seeded(torch, 3)
    for size in (5, 6, 40, 1000):
        weights = np.random.default_rng(size).random((3, size)).astype(dtype)
        weights[:, 3] = 0
        if not replacement and count == size:
            continue
        for given_weights in (weights, weights[0]):
            ours = random.multinomial(gen, given_weights, count, replacement)
            theirs = torch.multinomial(torch.from_numpy(given_weights), count, replacement, generator=their_gen)
            assert same_bits(ours, theirs)
    assert same_state(gen, their_gen)


@pytest.mark.oracle
def test_random63_is_the_seed_a_loader_draws(torch):
    gen, their_gen = seeded(torch, 8)
    for _ in range(5):
        assert random.random63(gen) == torch.empty((), dtype=torch.int64).random_(generator=their_gen).item()


@pytest.mark.oracle
@pytest.mark.parametrize("shape", [(2, 3), (4, 5), (40, 3), (3, 1, 7), (5, 4, 3)])
@pytest.mark.parametrize("view", ["x.swapaxes(0, -1)", "x[..., ::2]", "x[1:]", "x.swapaxes(0, 1)[:, None]"])
def test_views_are_filled_in_the_order_of_memory(torch, shape, view):
    gen, their_gen = seeded(torch, 4)
    ours = eval(view, {"x": np.zeros(shape, F32)})
    theirs = eval(view, {"x": torch.zeros(shape)})
    window = random.memory_order(ours)
    window[...] = random.normal(gen, window.shape, F32, 1.0, 2.0, contiguous=ours.flags.c_contiguous)
    assert same_bits(ours, theirs.normal_(1.0, 2.0, generator=their_gen))
    window[...] = random.uniform(gen, window.shape, F32)
    assert same_bits(ours, theirs.uniform_(generator=their_gen))
    assert same_state(gen, their_gen)


@pytest.mark.oracle
@pytest.mark.parametrize("drawn", [0, 1, 2, 623, 624, 625, 1300])
def test_states_travel_both_ways(torch, drawn):
    gen, their_gen = seeded(torch, 2**40 + 7)
    random.uniform(gen, (drawn,), F32)
    random.normal(gen, (1,), F32)  # leaves the second number of a pair waiting
    state = gen.get_state()
    their_gen.set_state(torch.from_numpy(state))
    assert same_state(gen, their_gen)
    fresh = random.Generator()
    fresh.set_state(their_gen.get_state().numpy())
    assert fresh.initial_seed() == 2**40 + 7
    wanted = torch.randn(5, generator=their_gen)
    for each in (gen, fresh):
        assert same_bits(random.normal(each, (5,), F32), wanted)
    gen.set_state(state)
    assert same_bits(random.normal(gen, (5,), F32), wanted)


def test_the_state_of_a_fresh_generator():
    gen, other = random.Generator().manual_seed(5), random.Generator().manual_seed(6)
    other.set_state(gen.get_state())
    assert np.array_equal(other.get_state(), gen.get_state())
    assert np.array_equal(random.uniform(other, (9,), F32), random.uniform(gen, (9,), F32))


def test_generators_copy_and_pickle():
    gen = random.Generator().manual_seed(1)
    random.normal(gen, (3,), F32)
    for twin in (copy.deepcopy(gen), pickle.loads(pickle.dumps(gen))):
        assert np.array_equal(twin.get_state(), gen.get_state())
    twin = copy.deepcopy(gen)
    before = gen.get_state()
    random.uniform(twin, (3,), F32)
    assert np.array_equal(gen.get_state(), before)


@pytest.mark.oracle
def test_seeds(torch):
    for seed in (0, 1, -1, -5, 2**32, 2**63, 2**64 - 1, -(2**63)):
        gen, their_gen = seeded(torch, seed)
        assert gen.initial_seed() == their_gen.initial_seed()
        assert same_state(gen, their_gen)
    assert same_state(random.Generator(), torch.Generator())
    gen = random.Generator()
    assert gen.seed() == gen.initial_seed()


def test_the_default_generator():
    assert random.manual_seed(True) is random.default_generator
    assert random.manual_seed(0).device.type == "cpu"
    first = random.uniform(None, (3,), F32)
    with random.fork_rng():
        random.manual_seed(1)
        random.normal(None, (3,), F32)
    after = random.uniform(None, (3,), F32)
    random.manual_seed(0)
    assert np.array_equal(random.uniform(None, (6,), F32), np.concatenate([first, after]))


def test_an_unseeded_program_differs_from_run_to_run():
    program = "from teachgrad import random; print(random.default_generator.initial_seed())"
    runs = {subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout for _ in "ab"}
    assert len(runs) == 2


def test_numpy_random_is_loaded_only_when_needed():
    program = "import sys; from teachgrad import random; assert 'numpy.random' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_golden_numbers():
    """PyTorch 2.13's own numbers after manual_seed(0), for machines without it."""
    gen = random.Generator().manual_seed(0)
    hexadecimal = [
        *map(float.hex, random.uniform(gen, (3,), F32).tolist()),
        *map(float.hex, random.normal(gen, (3,), F64).tolist()),
        *map(float.hex, random.normal(gen, (16,), F32)[:2].tolist()),
    ]
    assert hexadecimal == [
        *["0x1.fc2ab00000000p-2", "0x1.89545e0000000p-1", "0x1.6a67500000000p-4"],
        *["0x1.75151210ad181p-2", "0x1.133e61deb8efcp-3", "0x1.50509b513c143p-3"],
        *["-0x1.a200160000000p-3", "-0x1.6a9fee0000000p-4"],
    ]
    assert random.integers(gen, (5,), 0, 100, I64).tolist() == [69, 49, 80, 81, 12]
    assert random.permutation(gen, 8).tolist() == [3, 6, 0, 2, 1, 7, 5, 4]
