"""Worker processes that prepare batches while the network computes.

Batch number i is prepared by worker i modulo their number, each worker has its own random seed, and batches come back in
order: a run with workers is as reproducible as one without. Each worker is a process pool of one, from the standard
library, so that it is known which of them does what.
"""

from __future__ import annotations

import multiprocessing
import random as python_random
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from teachgrad.generator import manual_seed

__all__ = ["WorkerInfo", "get_worker_info", "load_in_workers"]


@dataclass(frozen=True)
class WorkerInfo:
    """Which worker this process is."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


class _End:
    """What a worker sends when its share of a stream is used up."""


_info: WorkerInfo | None = None
_fetch: Callable[[Any], Any] | None = None


def get_worker_info() -> WorkerInfo | None:
    """In a worker process its WorkerInfo, elsewhere None. Mirrors `torch.utils.data.get_worker_info`."""
    return _info


def _start(info: WorkerInfo, make_fetch: Callable[[], Callable[[Any], Any]], init: Callable[[int], Any] | None) -> None:
    """Prepares a worker process: its seeds, the user's `worker_init_fn`, its view of the dataset."""
    global _info, _fetch
    python_random.seed(info.seed)
    np.random.seed(info.seed % 2**32)  # the old generator, which datasets written for PyTorch use
    manual_seed(info.seed)
    _info = info
    if init is not None:
        init(info.id)
    _fetch = make_fetch()


def _work(indices: Any) -> Any:
    """Prepares one batch, in a worker process."""
    assert _fetch is not None
    try:
        return _fetch(indices)
    except StopIteration:
        return _End()


def load_in_workers(loader: Any, indices: Iterator[Any], base_seed: int) -> Iterator[Any]:
    """The batches for `indices`, in order, each prepared ahead by one of the loader's workers."""
    context = loader.multiprocessing_context
    if context is None or isinstance(context, str):
        context = multiprocessing.get_context(context)
    count = loader.num_workers
    workers = [
        ProcessPoolExecutor(
            1,
            context,
            _start,
            (WorkerInfo(i, count, base_seed + i, loader.dataset), loader._make_fetch, loader.worker_init_fn),
        )
        for i in range(count)
    ]
    running = deque(range(count))  # the workers that still have something to give, in turn
    ahead: deque[tuple[int, Future[Any]]] = deque()

    def submit() -> None:
        """Gives the next worker in turn the next batch to prepare."""
        while running:
            worker = running.popleft()
            batch = next(indices, _End)
            if batch is _End:
                running.clear()
                return
            ahead.append((worker, workers[worker].submit(_work, batch)))
            running.append(worker)
            return

    try:
        for _ in range(count * loader.prefetch_factor):
            submit()
        while ahead:
            worker, future = ahead.popleft()
            result = future.result(loader.timeout or None)
            if isinstance(result, _End):
                if worker in running:
                    running.remove(worker)
                submit()
                continue
            submit()
            yield result
    finally:
        for pool in workers:
            pool.shutdown(wait=True, cancel_futures=True)
