"""Datasets, samplers and loaders: the same samples in the same order as PyTorch's under the same seed."""

# ruff: noqa: E501 - one case, one line

from __future__ import annotations

import collections

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import teachgrad  # noqa: E402 - after the skip

from .conftest import outcome, same_print  # noqa: E402

LIBRARIES = (teachgrad, torch)
Pair = collections.namedtuple("Pair", "a b")


def plain(batch):
    """A batch with its tensors as (dtype, numbers), so that batches of both libraries can be compared."""
    if isinstance(batch, Pair):
        return ("Pair", plain(batch.a), plain(batch.b))
    if isinstance(batch, list | tuple):
        return [type(batch).__name__, *map(plain, batch)]
    if isinstance(batch, dict):
        return {key: plain(value) for key, value in batch.items()}
    return (str(batch.dtype), batch.tolist()) if hasattr(batch, "dtype") else batch


def datasets(library):
    data = library.utils.data

    class Mixed(data.Dataset):
        def __len__(self):
            return 7

        def __getitem__(self, i):
            return {
                "array": np.ones(2, np.float32) * i, "int": i, "float": float(i), "text": "a" * i, "nested": (i, [i + 1]),
                "pair": Pair(i, library.tensor(i)), "scalar": np.float32(i), "flag": i > 3, "bytes": b"x",
            }  # fmt: skip

    class Stream(data.IterableDataset):
        def __iter__(self):
            yield from range(7)

        def __len__(self):
            return 7

    numbers = data.TensorDataset(library.arange(20.0).reshape(10, 2), library.arange(10))
    return {
        "numbers": numbers,
        "mixed": Mixed(),
        "stream": Stream(),
        "D": data,
        "lib": library,
        "seeded": lambda: library.Generator().manual_seed(3),
    }


LOADERS = [
    "D.DataLoader(numbers, batch_size=3)", "D.DataLoader(numbers, batch_size=3, shuffle=True)", "D.DataLoader(numbers, 3, True, drop_last=True)",
    "D.DataLoader(numbers, 4, shuffle=True, generator=seeded())", "D.DataLoader(numbers, batch_size=None)", "D.DataLoader(numbers, batch_size=None, shuffle=True)",
    "D.DataLoader(mixed, batch_size=3, shuffle=True)", "D.DataLoader(mixed, batch_size=None)", "D.DataLoader(stream, batch_size=3)",
    "D.DataLoader(stream, batch_size=3, drop_last=True)", "D.DataLoader(stream, batch_size=None)", "D.DataLoader(numbers, batch_sampler=D.BatchSampler(D.SubsetRandomSampler([3, 5, 7, 1]), 3, False))",
    "D.DataLoader(numbers, 4, sampler=D.WeightedRandomSampler([0.1, 0.5, 0.4], 6))", "D.DataLoader(D.ConcatDataset([numbers, D.Subset(numbers, [1, 2])]), 4, shuffle=True)",
    "D.DataLoader(numbers + numbers, 7, shuffle=True)", "D.DataLoader(D.StackDataset(numbers, numbers), 7)", "D.DataLoader(D.StackDataset(a=numbers), 7)",
    "D.DataLoader(numbers, 4, collate_fn=lambda batch: len(batch))", "D.DataLoader([1.5, 2.5, 3.5], 2)", "D.DataLoader([(1, 2), (3, 4)], 2)",
    "D.DataLoader(D.random_split(numbers, [0.5, 0.3, 0.2])[0], 2)",
]  # fmt: skip


@pytest.mark.parametrize("text", LOADERS)
def test_loader(text):
    """Two passes, the length, and where the random numbers stand afterwards."""
    found = []
    for library in LIBRARIES:
        library.manual_seed(0)
        loader = eval(text, datasets(library))
        passes = [[plain(batch) for batch in loader] for _ in range(2)]
        found.append((passes, len(loader), library.rand(2).tolist()))
    assert found[0] == found[1]


ORDERS = [
    "D.RandomSampler(numbers)", "D.RandomSampler(numbers, replacement=True, num_samples=40)", "D.RandomSampler(numbers, num_samples=25)",
    "D.RandomSampler(numbers, num_samples=20, generator=seeded())", "D.SubsetRandomSampler([3, 5, 7])", "D.WeightedRandomSampler([0.1, 0.5, 0.4], 6)",
    "D.WeightedRandomSampler([0.1, 0.5, 0.4], 3, replacement=False)", "D.SequentialSampler(numbers)", "D.BatchSampler(range(7), 3, True)",
    "[s.indices for s in D.random_split(numbers, [0.55, 0.25, 0.2])]", "[s.indices for s in D.random_split(numbers, [7, 3], generator=seeded())]",
]  # fmt: skip


@pytest.mark.parametrize("text", ORDERS)
def test_order(text):
    found = []
    for library in LIBRARIES:
        library.manual_seed(1)
        sampler = eval(text, datasets(library))
        found.append((list(sampler), len(sampler), library.rand(2).tolist()))
    assert found[0] == found[1]


WRONG = [
    "D.DataLoader(numbers, shuffle=True, sampler=D.SequentialSampler(numbers))", "D.DataLoader(numbers, batch_size=0)", "D.DataLoader(numbers, num_workers=-1)",
    "D.DataLoader(numbers, timeout=-1)", "D.DataLoader(numbers, prefetch_factor=2)", "D.DataLoader(numbers, persistent_workers=True)",
    "D.DataLoader(numbers, batch_size=None, drop_last=True)", "D.DataLoader(numbers, 2, batch_sampler=[[1]])", "D.DataLoader(stream, shuffle=True)",
    "D.DataLoader(stream, sampler=[1])", "D.DataLoader([], shuffle=True)", "list(D.DataLoader([None]))", "list(D.DataLoader([[1], [1, 2]], 2))",
    "D.random_split(numbers, [3, 3])", "D.random_split(numbers, [-0.5, 1.5])", "D.TensorDataset(lib.ones(3), lib.ones(4))", "D.ConcatDataset([])",
    "D.ConcatDataset([numbers])[-11]", "D.Dataset()[0]", "D.WeightedRandomSampler([0.5], 0)", "D.RandomSampler(numbers, replacement=3)", "D.BatchSampler([1], 2, 3)",
    "D.StackDataset(numbers, numbers=mixed)", "D.StackDataset()", "D.StackDataset(numbers, mixed)", "len(D.DataLoader(D.IterableDataset()))",
]  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_wrong(text):
    mine, theirs = (outcome(lambda lib=library: eval(text, datasets(lib))) for library in LIBRARIES)
    assert isinstance(theirs, tuple) and mine == theirs


def test_next_of_iter():
    same_print(
        "d = torch.utils.data.DataLoader(torch.arange(10), 4, shuffle=True); print(next(iter(d))); print(next(iter(d))); print(d.batch_size, d.dataset)"
    )


def test_pin_memory_warns():
    same_print("print(list(torch.utils.data.DataLoader(torch.arange(3), 2, pin_memory=True)))")


class Augmented(teachgrad.utils.data.Dataset):
    """Draws a random number for each sample, as augmentation does."""

    def __len__(self):
        return 11

    def __getitem__(self, i):
        if i == 99:
            raise ValueError("broken sample")
        return teachgrad.tensor(i), teachgrad.rand(1), teachgrad.utils.data.get_worker_info().id


class Shards(teachgrad.utils.data.IterableDataset):
    """A stream of which each worker gives its own part."""

    def __iter__(self):
        info = teachgrad.utils.data.get_worker_info()
        return iter(range(info.id, 10, info.num_workers))


class TorchAugmented(torch.utils.data.Dataset):
    def __len__(self):
        return 11

    def __getitem__(self, i):
        return torch.tensor(i), torch.rand(1), torch.utils.data.get_worker_info().id


@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning", "ignore:.*fork.*:DeprecationWarning")
def test_workers():
    """Two workers: the same batches, by the same workers, with the same random numbers as PyTorch's."""
    found = []
    for library, dataset in ((teachgrad, Augmented()), (torch, TorchAugmented())):
        library.manual_seed(0)
        loader = library.utils.data.DataLoader(dataset, 3, shuffle=True, num_workers=2)
        found.append([[part.flatten().tolist() for part in batch] for batch in loader])
    assert found[0] == found[1]
    assert teachgrad.utils.data.get_worker_info() is None
    shards = teachgrad.utils.data.DataLoader(Shards(), 2, num_workers=3)
    assert [batch.tolist() for batch in shards] == [[0, 3], [1, 4], [2, 5], [6, 9], [7], [8]]
    broken = teachgrad.utils.data.DataLoader(teachgrad.utils.data.Subset(Augmented(), [99]), num_workers=1)
    with pytest.raises(ValueError, match="broken sample"):
        list(broken)
