"""safetensors files: written and read like `safetensors.torch` does, and refused in one sentence when damaged."""

# ruff: noqa: E501 - one case, one line

from __future__ import annotations

import json
import random
import subprocess
import sys

import pytest

import teachgrad
from teachgrad.safetensors import load, load_file, load_model, save, save_file, save_model

package = pytest.importorskip("safetensors")

from .conftest import same  # noqa: E402 - after the skip


def tensors(library):
    made = {
        str(dtype).removeprefix("torch."): library.arange(6).reshape(2, 3).to(dtype)
        for dtype in (library.float32, library.float64, library.float16, library.int64, library.int32, library.int16)
        + (library.uint8, library.int8, library.bool, library.complex64, library.bfloat16)
    }
    return made | {"scalar": library.tensor(2.5), "empty": library.ones(0, 3), "turned": library.ones(3, 2).T * 2}


def test_round_trip(tmp_path):
    state = tensors(teachgrad)
    save_file(state, tmp_path / "x.safetensors", metadata={"format": "pt"})
    found = load_file(tmp_path / "x.safetensors")
    assert found.keys() == state.keys()
    for name, tensor in state.items():
        assert found[name].dtype == tensor.dtype and found[name].shape == tensor.shape
        assert found[name].tolist() == tensor.tolist()
        assert load(save(state))[name].tolist() == tensor.tolist()
    found["float32"].add_(1)


@pytest.mark.oracle
def test_both_ways_with_torch():
    torch = pytest.importorskip("torch")
    from safetensors import torch as theirs

    written = theirs.save({k: v.contiguous() for k, v in tensors(torch).items() if k != "bfloat16"})
    read = load(written)
    for name, tensor in tensors(teachgrad).items():
        if name != "bfloat16":
            same(read[name], tensor)
    assert load(theirs.save({"b": torch.tensor([1.5, -2.0]).bfloat16()}))["b"].tolist() == [1.5, -2.0]
    read = theirs.load(save(tensors(teachgrad)))
    for name, tensor in tensors(torch).items():
        assert read[name].dtype == tensor.dtype and torch.equal(read[name], tensor)


def test_a_network(tmp_path):
    nn = teachgrad.nn
    nets = [nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)) for _ in range(2)]
    save_file(nets[0].state_dict(), tmp_path / "net")
    nets[1].load_state_dict(load_file(tmp_path / "net"))
    assert teachgrad.equal(nets[0][0].weight, nets[1][0].weight)


def test_shared_parameters(tmp_path):
    class Tied(teachgrad.nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = teachgrad.nn.Linear(3, 3), teachgrad.nn.Linear(3, 3)
            self.b.weight = self.a.weight

    nets = Tied(), Tied()
    with pytest.raises(RuntimeError, match=r"Some tensors share memory: a\.weight and b\.weight"):
        save_file(nets[0].state_dict(), tmp_path / "tied")
    assert not list(tmp_path.iterdir())
    save_model(nets[0], tmp_path / "tied")
    assert load_model(nets[1], tmp_path / "tied") == ([], [])
    assert teachgrad.equal(nets[1].b.weight, nets[0].a.weight)
    with pytest.raises(RuntimeError, match=r"does not fit the network Linear: weight is missing, bias is missing, a\."):
        load_model(teachgrad.nn.Linear(3, 3), tmp_path / "tied")


@pytest.mark.parametrize("wrong", [[teachgrad.ones(1)], {"a": 3}])
def test_no_tensors(wrong):
    with pytest.raises(ValueError, match=r"torch\.Tensor"):
        save(wrong)


def header(text, data=b"\0" * 24):
    return len(text).to_bytes(8, "little") + text + data


HOSTILE = {
    "empty": b"", "no header": b"\1\2\3", "longer header than file": (10**9).to_bytes(8, "little") + b"{}",
    "negative": header(b'{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,24]}}'), "huge": header(b'{"a":{"dtype":"F32","shape":[99999999999999999,99999999999],"data_offsets":[0,24]}}'),
    "outside": header(b'{"a":{"dtype":"F32","shape":[6],"data_offsets":[8,32]}}'), "overlapping": header(b'{"a":{"dtype":"F32","shape":[6],"data_offsets":[0,24]},"b":{"dtype":"F32","shape":[6],"data_offsets":[0,24]}}'),
    "no such dtype": header(b'{"a":{"dtype":"X1","shape":[6],"data_offsets":[0,24]}}'), "a dtype of others": header(b'{"a":{"dtype":"F8_E4M3","shape":[24],"data_offsets":[0,24]}}'),
    "no JSON": header(b"{'a'"), "deep": header(b"[" * 100000), "a list": header(b"[1]"), "a pt file": b"PK\x03\x04" + b"\0" * 60,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files(name):
    with pytest.raises(RuntimeError) as caught:
        load(HOSTILE[name])
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


def test_damaged_files():
    """Every cut is refused; a changed byte changes a number or is refused, and nothing else."""
    whole = save({"weight": teachgrad.arange(4.0), "bias": teachgrad.ones(2)})
    for end in range(len(whole)):
        with pytest.raises(RuntimeError, match="no whole safetensors file"):
            load(whole[:end])
    choose = random.Random(0)
    refused = 0
    for _ in range(600):
        place = choose.randrange(len(whole))
        changed = whole[:place] + bytes([choose.randrange(256)]) + whole[place + 1 :]
        try:
            found = load(changed)
        except RuntimeError:
            refused += 1
        else:
            assert sum(tensor.numel() * tensor.element_size() for tensor in found.values()) == 24
    assert refused > 100


def test_told_apart(tmp_path):
    save_file({"a": teachgrad.ones(2)}, tmp_path / "a.safetensors")
    with pytest.raises(Exception, match=r"This is a safetensors file: read it with teachgrad\.safetensors\.load_file"):
        teachgrad.load(tmp_path / "a.safetensors")


def test_lessons_find_it_under_its_own_name():
    lesson = """
import teachgrad.as_torch, torch
from safetensors.torch import save, load
import safetensors.numpy
print(load(save({"a": torch.ones(2)})), torch.__name__)
"""
    answer = subprocess.run([sys.executable, "-c", lesson], capture_output=True, text=True, check=True)
    assert answer.stdout == "{'a': tensor([1., 1.])} teachgrad\n"


def test_metadata_is_kept():
    data = save({"a": teachgrad.ones(1)}, {"epoch": "3"})
    assert json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"] == {"epoch": "3"}
