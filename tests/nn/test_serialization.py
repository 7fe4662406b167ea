"""`torch.save` and `torch.load`: PyTorch's files both ways, and files that mean harm."""

from __future__ import annotations

import collections
import io
import os
import pickle
import zipfile

import pytest

import teachgrad
from teachgrad.serialization import load, save


def written(obj):
    """The bytes of the file."""
    file = io.BytesIO()
    save(obj, file)
    return file.getvalue()


def round_trip(obj):
    return load(io.BytesIO(written(obj)))


def archive(program, records=(), compression=zipfile.ZIP_STORED):
    """A file with any pickle in it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as made:
        made.writestr("archive/data.pkl", program)
        for name, content in dict(records).items():
            made.writestr(f"archive/{name}", content)
    return file.getvalue()


def nested(library):
    """Everything a file can hold, made by either library."""
    x = library.arange(6.0).reshape(2, 3)
    return {
        "x": x,
        "turned": x.t(),
        "row": x[1],
        "empty": library.zeros(0, 3),
        "scalar": library.tensor(2.5, dtype=library.float64),
        "kinds": [
            library.ones(2, dtype=getattr(library, n)) for n in ("bool", "uint8", "int64", "float16", "complex64")
        ],
        "leaf": library.ones(2, requires_grad=True),
        "weight": library.nn.Parameter(library.ones(2, 2)),
        "frozen": library.nn.Parameter(library.ones(2), requires_grad=False),
        "wide": library.ones(1, 3).expand(2, 3),
        "shape": x.shape,
        "dtype": library.float32,
        "device": library.device("cpu"),
        "plain": (None, True, False, 0, -1, 2**40, -(2**70), 0.1, "Wörter", b"\x00\xff", 1 + 2j, {1, 2}, (), [], {}),
        3: collections.OrderedDict(a=collections.Counter({80: 1}), b=[("deep", {"er": [1]})]),
    }


def shown(obj):
    return repr(obj)


def test_round_trip_without_torch():
    before = nested(teachgrad)
    after = round_trip(before)
    assert shown(after) == shown(before)
    assert type(after[3]) is collections.OrderedDict and type(after["shape"]) is teachgrad.Size
    after["x"][1, 0] = 70.0
    assert after["turned"][0, 1].item() == 70.0 and after["row"][0].item() == 70.0  # one memory
    assert type(after["frozen"]) is teachgrad.nn.Parameter and not after["frozen"].requires_grad


def test_both_ways_with_torch():
    torch = pytest.importorskip("torch")
    file = io.BytesIO()
    torch.save(nested(torch), file)
    assert shown(load(io.BytesIO(file.getvalue()))) == shown(nested(torch))
    theirs = torch.load(io.BytesIO(written(nested(teachgrad))), weights_only=True)
    assert shown(theirs) == shown(nested(torch))
    theirs["x"][1, 0] = 70.0
    assert theirs["turned"][0, 1].item() == 70.0 and theirs["row"][0].item() == 70.0


def test_views_take_as_many_bytes_as_in_torch():
    torch = pytest.importorskip("torch")
    for library, writer in ((teachgrad, save), (torch, torch.save)):
        x, file = library.arange(100.0), io.BytesIO()
        writer([x[10:20], x[::2], x.detach()], file)
        with zipfile.ZipFile(file) as made:
            sizes = [info.file_size for info in made.infolist() if "archive/data/" in info.filename]
        assert sizes == [400]


def test_a_network_and_its_optimiser(tmp_path):
    torch = pytest.importorskip("torch")
    states = []
    for library, writer in ((teachgrad, save), (torch, torch.save)):
        library.manual_seed(0)
        net = library.nn.Sequential(library.nn.Linear(3, 4), library.nn.BatchNorm1d(4), library.nn.Linear(4, 1))
        adam = library.optim.Adam(net.parameters())
        net(library.ones(2, 3)).sum().backward()
        adam.step()
        writer({"net": net.state_dict(), "optimiser": adam.state_dict()}, tmp_path / f"{library.__name__}.pt")
        states.append((net, adam))
    (mine, my_adam), (theirs, their_adam) = states
    read = load(str(tmp_path / "torch.pt"), map_location="cpu")
    assert read["net"]._metadata[""] == {"version": 1} and read["net"]._metadata["1"] == {"version": 2}
    mine.load_state_dict(read["net"])
    my_adam.load_state_dict(read["optimiser"])
    assert mine[0].weight.tolist() == theirs[0].weight.tolist()
    read = torch.load(tmp_path / "teachgrad.pt")
    theirs.load_state_dict(read["net"])
    their_adam.load_state_dict(read["optimiser"])


def test_memory_that_no_storage_can_be():
    import numpy as np

    whole = np.arange(8.0, dtype="float32")
    odd = teachgrad.from_numpy(whole.copy())
    odd._data = np.ndarray((2, 2), "float32", np.zeros(40, "uint8")[1:], 1, (18, 4))
    pair = teachgrad.tensor([1 + 2j, 3 + 4j])
    assert shown(round_trip([odd, pair.real, pair.imag])) == shown([odd, pair.real, pair.imag])


def test_same_object_same_file_and_cycles():
    x = teachgrad.ones(2)
    assert written([x, x]) == written([x, x])
    twice = round_trip([x, x])
    assert twice[0] is twice[1]
    loop: list = []
    loop.append(loop)
    assert (back := round_trip(loop))[0] is back


def test_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "x.pt"
    save([1], path)
    with pytest.raises(TypeError, match="cannot save a object"):
        save([teachgrad.ones(2), object()], path)
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(RuntimeError, match=r"x\.pt cannot be opened"):
        save([2], path)
    assert load(path) == [1] and os.listdir(tmp_path) == ["x.pt"]  # noqa: PTH208


def test_refused_to_save(tmp_path):
    import numpy as np

    with pytest.raises(TypeError, match=r"(?s)cannot save a Linear: .*state_dict"):
        save(teachgrad.nn.Linear(1, 1), tmp_path / "net.pt")
    with pytest.raises(TypeError, match=r"(?s)cannot save a float64: .*item"):
        save({"loss": np.float64(1)}, io.BytesIO())
    for unwelcome in (print, os.system, int, lambda: 1, collections.defaultdict(list)):
        with pytest.raises(TypeError, match="cannot save a"):
            save(unwelcome, io.BytesIO())
    with pytest.raises(RuntimeError, match=r"Parent directory .*nowhere does not exist\."):
        save(1, tmp_path / "nowhere" / "x.pt")
    with pytest.raises(AttributeError, match="expected 'f' to be string"):
        save(1, 2)
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(TypeError, match="nested"):
        save(deep, io.BytesIO())


class Harm:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


G = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n"
STORAGE = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ"


def tensor_program(offset=b"K\x00", shape=b"K\x04\x85", steps=b"K\x01\x85", grad=b"\x89", storage=STORAGE):
    return G + b"(" + storage + offset + shape + steps + grad + b"}tR."


FOUR = {"data/0": bytes(16)}
BAD_PROGRAMS = {
    "changes the function": (G + b"N}X\x0c\x00\x00\x00__defaults__)s\x86b.", {}),
    "fills the attributes": (b"\x80\x02ccollections\nOrderedDict\n)R}X\x05\x00\x00\x00itemsK\x01sb.", {}),
    "calls a dtype": (b"\x80\x02ctorch\nfloat32\n)R.", {}),
    "calls a value": (b"\x80\x02K\x01)R.", {}),
    "new object": (b"\x80\x02ccollections\nOrderedDict\n)\x81.", {}),
    "instance": (b"(ios\nsystem\n.", {}),
    "stack global": (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", {}),
    "extension": (b"\x80\x02\x82\x01.", {}),
    "big note": (b"\x80\x02h\x07.", {}),
    "no stop": (b"\x80\x02K\x01", {}),
    "nothing": (b"", {}),
    "stack is empty": (b"\x80\x02.", {}),
    "no mark": (b"\x80\x02K\x01t.", {}),
    "deep key": (b"\x80\x02})" + b"2\x86" * 3 + b"K\x01s.", {}),
    "tuple key": (b"\x80\x02}K\x01\x85\x85K\x01s.", {}),
    "odd items": (b"\x80\x02}(K\x01u.", {}),
    "items of a list": (b"\x80\x02](K\x01K\x01u.", {}),
    "offset outside": (tensor_program(offset=b"K\x01"), FOUR),
    "shape outside": (tensor_program(shape=b"K\x05\x85"), FOUR),
    "step outside": (tensor_program(steps=b"K\x02\x85"), FOUR),
    "negative offset": (tensor_program(offset=b"J\xff\xff\xff\xff"), FOUR),
    "negative shape": (tensor_program(shape=b"J\xff\xff\xff\xff\x85"), FOUR),
    "negative step": (tensor_program(steps=b"J\xff\xff\xff\xff\x85"), FOUR),
    "huge shape": (tensor_program(shape=b"\x8a\x09" + b"\xff" * 8 + b"\x00\x85", steps=b"K\x00\x85"), FOUR),
    "ranks differ": (tensor_program(shape=b"K\x02K\x02\x86"), FOUR),
    "no storage": (tensor_program(storage=b"N"), FOUR),
    "wants a gradient": (tensor_program(grad=b"K\x01"), FOUR),
    "short record": (tensor_program(), {"data/0": bytes(12)}),
    "long record": (tensor_program(), {"data/0": bytes(20)}),
    "byte order": (tensor_program(), {**FOUR, "byteorder": b"middle"}),
}


@pytest.mark.parametrize("name", BAD_PROGRAMS)
def test_hostile_programs(name):
    with pytest.raises(pickle.UnpicklingError, match=r"^Weights only load failed"):
        load(io.BytesIO(archive(*BAD_PROGRAMS[name])))


def test_the_good_program_is_read():
    assert load(io.BytesIO(archive(tensor_program(), FOUR))).tolist() == [0.0] * 4


def test_nothing_is_executed(tmp_path):
    mark = tmp_path / "executed"
    for harm in (
        Harm(os.system, f"touch {mark}"),
        Harm(eval, f"open({str(mark)!r}, 'w')"),
        Harm(getattr, mark, "touch"),
    ):
        for protocol in range(6):
            with pytest.raises(pickle.UnpicklingError, match=r"^Weights only load failed"):
                load(io.BytesIO(archive(pickle.dumps({"a": harm}, protocol))), weights_only=False)
    assert not mark.exists()
    with pytest.raises(pickle.UnpicklingError, match=r"GLOBAL posix\.system was not an allowed global"):
        load(io.BytesIO(archive(pickle.dumps(Harm(os.system, "true"), 2))))


def test_damaged_files(tmp_path):
    good = written({"x": teachgrad.arange(100.0)})
    for length in range(4, len(good) - 1, 7):
        with pytest.raises(RuntimeError, match="failed reading zip archive"):
            load(io.BytesIO(good[:length]))
    at = good.index(bytes.fromhex("0000803f"))  # the number 1.0
    with pytest.raises(RuntimeError, match="failed reading zip archive"):
        load(io.BytesIO(good[: at + 3] + b"\x40" + good[at + 4 :]))
    with pytest.raises(RuntimeError, match="failed locating file data/0"):
        load(io.BytesIO(archive(tensor_program())))
    told = []
    for place in range(0, len(good), 3):  # whatever one byte becomes, it is read or refused with a sentence
        try:
            load(io.BytesIO(good[:place] + bytes([good[place] ^ 0x55]) + good[place + 1 :]))
        except (RuntimeError, pickle.UnpicklingError) as error:
            told.append(str(error))
    assert told and all(text.startswith(("PytorchStreamReader", "Weights only", "Attempting")) for text in told)
    with pytest.raises(EOFError, match="Ran out of input"):
        load(io.BytesIO())
    with pytest.raises(pickle.UnpicklingError, match="no zip archive"):
        load(io.BytesIO(b"hello there"))
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nowhere.pt")
    with pytest.raises(AttributeError, match="'int' object"):
        load(3)


def test_bombs():
    zeros = {"data/0": bytes(10**6)}
    with pytest.raises(pickle.UnpicklingError, match="compressed"):
        load(io.BytesIO(archive(tensor_program(), zeros, zipfile.ZIP_DEFLATED)))
    file = bytearray(archive(tensor_program(), FOUR))
    entry = file.rindex(b"PK\x01\x02")
    file[entry + 24 : entry + 28] = (2**31).to_bytes(4, "little")  # the size that the directory claims
    with pytest.raises(pickle.UnpicklingError, match="more bytes than the whole file"):
        load(io.BytesIO(file))


def test_where_tensors_go():
    cuda = STORAGE.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
    file = archive(tensor_program(storage=cuda), FOUR)
    with pytest.raises(RuntimeError, match=r"^Attempting to deserialize object on a CUDA device"):
        load(io.BytesIO(file))
    for place in ("cpu", teachgrad.device("cpu"), lambda storage, location: storage, {"cuda:0": "cpu"}):
        assert load(io.BytesIO(file), map_location=place).tolist() == [0.0] * 4
    with pytest.raises(RuntimeError, match=r"^Attempting to deserialize object on a CUDA device"):
        load(io.BytesIO(file), map_location="cuda")


def test_big_endian_numbers():
    file = archive(tensor_program(), {"data/0": b"\x3f\x80\x00\x00" * 4, "byteorder": b"big"})
    assert load(io.BytesIO(file)).tolist() == [1.0] * 4
