"""The source of randomness: a stream of 32-bit words that a seed decides.

The words come from MT19937, the Mersenne Twister of M. Matsumoto and T. Nishimura ("Mersenne Twister: a
623-dimensionally equidistributed uniform pseudo-random number generator", ACM TOMACS 8, 1998). Its state is
624 words; every 624 draws a linear recurrence over bits makes 624 new ones. NumPy has it compiled. Here it
is seeded as PyTorch does, so that the same seed gives the same words; `teachgrad.random` makes them
numbers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from teachgrad import devices

if TYPE_CHECKING:  # numpy.typing costs `import teachgrad` milliseconds
    from numpy.typing import NDArray

    Words = NDArray[np.uint64]

_WORDS_OF_STATE = 624


class Generator:
    """A stream of random numbers. Mirrors `torch.Generator`.

    Two generators with the same seed give the same numbers. A generator that was never seeded starts from a
    fixed seed, as PyTorch's do; only `default_generator` starts from an unpredictable one.

    Args:
        device: `"cpu"`, or `"cuda"` for a stream of a GPU's numbers, which are not PyTorch's (gpurandom.py).

    Raises:
        AssertionError: for a GPU where there is none.
    """

    __slots__ = ("_engine", "_seed", "_spare", "_untouched", "device")

    _engine: Any  # MT19937, or a generator of CuPy; None until the first number is asked for: seeding takes 624 steps
    _seed: int
    _spare: float | None  # the second normal of a pair, kept for the next call
    _untouched: bool  # no word has been drawn since seeding; only the layout of get_state tells

    def __init__(self, device: devices.device | str | None = "cpu") -> None:
        self.device = devices.resolve(device)
        self.manual_seed(67280421310721)

    def __repr__(self) -> str:
        return f"<torch._C.Generator object at {id(self):#x}>"  # as in the lessons

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream over at `seed` and return the generator. Only the low 32 bits of it count.

        Raises:
            RuntimeError: when `seed` is not an int.
            ValueError: when it needs more than 64 bits.
        """
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
        if not -(2**63) <= seed < 2**64:
            raise ValueError("Overflow when unpacking long long\nA seed has at most 64 bits.")
        self._seed = int(seed) % 2**64
        self._engine = self._spare = None
        self._untouched = True
        return self

    def seed(self) -> int:
        """Start over at an unpredictable seed, and return it."""
        self.manual_seed(int.from_bytes(os.urandom(8), "little"))
        return self._seed

    def initial_seed(self) -> int:
        """The seed that the stream started from."""
        return self._seed

    def get_state(self) -> NDArray[np.uint8]:
        """All that decides the numbers to come, in the 5056 bytes that PyTorch's CPU generator writes."""
        twister: Any = self._started().state["state"]
        record = np.zeros((), _state_layout())
        record["seed"], record["key"] = self._seed, twister["key"]
        record["seeded"] = 1
        record["next"] = 0 if self._untouched else twister["pos"]
        record["left"] = 1 if self._untouched else _WORDS_OF_STATE + 1 - twister["pos"]
        if self._spare is not None:
            record["normal"], record["normal_is_valid"] = self._spare, 1
        return np.frombuffer(record.tobytes(), np.uint8).copy()

    def set_state(self, state: NDArray[np.uint8]) -> None:
        """Go back to where `get_state` was called, here or in PyTorch.

        Raises:
            TypeError: when `state` does not hold bytes.
            RuntimeError: when the bytes are not those of a generator.
        """
        if getattr(state, "dtype", None) != np.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        layout = _state_layout()
        if state.size != layout.itemsize:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {layout.itemsize} "
                f"but found the input RNG state size to be {state.size}"
            )
        record = np.frombuffer(state.tobytes(), layout)[0]
        left, position = int(record["left"]), int(record["next"])
        if not record["seeded"] or not 0 < left <= _WORDS_OF_STATE or position > _WORDS_OF_STATE:
            raise RuntimeError("Invalid mt19937 state\nPass what get_state() or torch.get_rng_state() returned.")
        self._seed = int(record["seed"])
        self._spare = float(record["normal"]) if record["normal_is_valid"] else None
        self._untouched = left == 1 and position == 0
        self._engine = _twister(record["key"], _WORDS_OF_STATE if self._untouched else position)

    def _started(self) -> Any:
        """The engine, seeded with Knuth's generator: each word of the state from the one before it."""
        if self.device.type != "cpu":
            raise RuntimeError(f"Expected a 'cpu' device type for generator but found '{self.device.type}'")
        if self._engine is None:
            word = self._seed & 0xFFFFFFFF
            key = [word]
            for index in range(1, _WORDS_OF_STATE):
                word = (1812433253 * (word ^ (word >> 30)) + index) & 0xFFFFFFFF
                key.append(word)
            self._engine = _twister(key, _WORDS_OF_STATE)
        return self._engine

    def words(self, count: int) -> Words:
        """The next `count` 32-bit words, in 64-bit integers."""
        if count:
            engine = self._started()
            self._untouched = False
            drawn: Words = engine.random_raw(count)
            return drawn
        return np.empty(0, np.uint64)

    def long_words(self, count: int) -> Words:
        """The next `count` 64-bit words; of two 32-bit words the first is the high one."""
        pairs = self.words(2 * count).reshape(count, 2)
        return (pairs[:, 0] << np.uint64(32)) | pairs[:, 1]

    def floats(self, count: int) -> NDArray[np.float32]:
        """Uniforms in [0, 1) with the 24 bits that a float32 holds."""
        return (self.words(count) & np.uint64(2**24 - 1)).astype(np.float32) * np.float32(2.0**-24)

    def doubles(self, count: int) -> NDArray[np.float64]:
        """Uniforms in [0, 1) with the 53 bits that a float64 holds."""
        return (self.long_words(count) & np.uint64(2**53 - 1)).astype(np.float64) * 2.0**-53


def _twister(key: Sequence[int] | NDArray[Any], position: int) -> Any:
    """NumPy's MT19937 in a given state: 624 words, `position` of which have been handed out."""
    from numpy.random import MT19937  # NumPy itself loads numpy.random only when it is used

    engine = MT19937(0)
    twister: Any = {"key": np.asarray(key, np.uint32), "pos": position}
    engine.state = {"bit_generator": "MT19937", "state": twister}
    return engine


@cache
def _state_layout() -> np.dtype[Any]:
    """PyTorch's C++ struct: the twister with 64 bits per word, then what is left of a pair of normals."""
    return np.dtype(
        {
            "names": ["seed", "left", "seeded", "next", "key", "normal", "normal_is_valid"],
            "formats": ["<u8", "<i4", "<i4", "<u8", ("<u8", _WORDS_OF_STATE), "<f8", "<i4"],
            "offsets": [0, 8, 12, 16, 24, 5024, 5040],
            "itemsize": 5056,
        }
    )


default_generator = Generator()
default_generator.seed()
default_cuda = Generator()
default_cuda.device = devices.device("cuda", 0)
default_cuda.seed()


def manual_seed(seed: int) -> Generator:
    """Start the default stream over, so that a program gives the same numbers every time it runs."""
    default_cuda.manual_seed(int(seed))
    return default_generator.manual_seed(int(seed))


@contextmanager
def fork_rng(devices: Any = None, enabled: bool = True) -> Iterator[None]:
    """Put the default stream back to where it was when the `with` block ends.

    Mirrors `torch.random.fork_rng`; `devices`, its list of GPUs, has no meaning here.
    """
    state = default_generator.get_state() if enabled else None
    try:
        yield
    finally:
        if state is not None:
            default_generator.set_state(state)
