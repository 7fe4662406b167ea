"""`DataLoader`: the batches of a dataset, one pass after another."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from teachgrad import random
from teachgrad.generator import Generator
from teachgrad.utils.data.collate import default_collate, default_convert
from teachgrad.utils.data.dataset import IterableDataset
from teachgrad.utils.data.sampler import BatchSampler, RandomSampler, SequentialSampler
from teachgrad.utils.data.workers import load_in_workers

__all__ = ["DataLoader"]


class DataLoader:
    """Iterating over it gives the dataset's samples in batches. Mirrors `torch.utils.data.DataLoader`.

    Args:
        dataset: something with `len` and indices, or an IterableDataset.
        batch_size: samples per batch; None: samples as they are, without a batch dimension.
        shuffle: a new random order at each pass. The same seed gives PyTorch's order.
        sampler, batch_sampler: the order, or the batches, as indices.
        num_workers: processes that prepare batches; 0: none, batches are made when asked for.
        collate_fn: makes a batch of a list of samples.
        drop_last: leaves out a last batch that is not full.
        generator: the source of the random order; the default one if None.

    Raises:
        ValueError: for arguments that contradict each other.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        streams = isinstance(dataset, IterableDataset)
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        _check_order(streams, shuffle, sampler, batch_sampler)
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None:
            if streams:
                sampler = _Forever()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)  # type: ignore[arg-type]
        self.dataset, self.batch_size, self.drop_last = dataset, batch_size, drop_last
        self.sampler, self.batch_sampler, self.generator = sampler, batch_sampler, generator
        self.collate_fn = collate_fn or (default_convert if batch_sampler is None else default_collate)
        self.num_workers, self.worker_init_fn, self.timeout = num_workers, worker_init_fn, timeout
        self.prefetch_factor = 2 if prefetch_factor is None else prefetch_factor
        self.multiprocessing_context, self.persistent_workers = multiprocessing_context, persistent_workers
        self.pin_memory, self.pin_memory_device, self.in_order = pin_memory, pin_memory_device, in_order

    def __iter__(self) -> Iterator[Any]:
        if self.pin_memory:
            warnings.warn(
                "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be used.",
                stacklevel=2,
            )
        indices = iter(self.sampler if self.batch_sampler is None else self.batch_sampler)
        base_seed = random.random63(self.generator)  # drawn at once, also without workers: it is part of the stream
        if self.num_workers:
            return load_in_workers(self, indices, base_seed)
        return self._load(indices)

    def _load(self, indices: Iterator[Any]) -> Iterator[Any]:
        """The batches for `indices`, made in this process."""
        fetch = self._make_fetch()
        for batch in indices:
            try:
                loaded = fetch(batch)
            except StopIteration:
                return
            yield loaded

    def _make_fetch(self) -> Callable[[Any], Any]:
        """A function that turns what the sampler gives into a batch, and raises StopIteration at the end of a stream."""
        dataset, collate = self.dataset, self.collate_fn
        if isinstance(dataset, IterableDataset):
            stream = iter(dataset)
            if self.batch_sampler is None:
                return lambda _: collate(next(stream))
            return lambda places: collate(_take(stream, len(places), self.drop_last))
        if self.batch_sampler is None:
            return lambda index: collate(dataset[index])
        several = getattr(dataset, "__getitems__", None)
        if several is not None:
            return lambda batch: collate(several(batch))
        return lambda batch: collate([dataset[index] for index in batch])

    def __len__(self) -> int:
        if isinstance(self.dataset, IterableDataset):
            count = len(self.dataset)  # type: ignore[arg-type]
            if self.batch_size is None:
                return count
            return count // self.batch_size if self.drop_last else -(-count // self.batch_size)
        return len(self.sampler if self.batch_sampler is None else self.batch_sampler)  # type: ignore[arg-type]


class _Forever:
    """The sampler of a stream, whose samples have no indices."""

    def __iter__(self) -> Iterator[None]:
        return itertools.repeat(None)


def _take(stream: Iterator[Any], count: int, drop_last: bool) -> list[Any]:
    """The next `count` samples; fewer at the end. Raises StopIteration when none are left."""
    samples = list(itertools.islice(stream, count))
    if not samples or (drop_last and len(samples) < count):
        raise StopIteration
    return samples


def _check_workers(count: int, timeout: float, ahead: int | None, persistent: bool) -> None:
    if count < 0:
        raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if count == 0 and ahead is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable "
            "multiprocessing, otherwise set prefetch_factor to None."
        )
    if ahead is not None and ahead < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent and count == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _check_order(streams: bool, shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
    if streams:
        given = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
        for name, value in given.items():
            if value is not None:
                raise ValueError(
                    f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
                )
    elif sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle")
