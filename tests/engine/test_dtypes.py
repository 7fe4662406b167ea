"""Element types, type promotion and torch.Size against PyTorch itself."""

from __future__ import annotations

import copy
import itertools
import pickle

import numpy as np
import pytest

from teachgrad import dtypes, limits
from teachgrad.size import Size

ALIASES = {
    **dict.fromkeys(["half"], "float16"),
    **dict.fromkeys(["float"], "float32"),
    **dict.fromkeys(["double"], "float64"),
    **dict.fromkeys(["short"], "int16"),
    **dict.fromkeys(["int"], "int32"),
    **dict.fromkeys(["long"], "int64"),
    **dict.fromkeys(["cfloat"], "complex64"),
    **dict.fromkeys(["cdouble"], "complex128"),
}
NUMBERS = (True, 3, 2.5, 1j)


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture
def restore_default():
    yield
    dtypes.set_default_dtype(dtypes.float32)


def outcome(function, *arguments):
    """What a call returns, as text, or the type and first line of what it raises."""
    try:
        return str(function(*arguments))
    except Exception as error:  # noqa: BLE001 - any difference in the kind of error is what the test looks for
        return type(error), str(error).split("\n")[0]


def represented(theirs):
    """PyTorch's answer, with complex32, which NumPy does not have, replaced by the type we use for it."""
    return "torch.complex64" if str(theirs) == "torch.complex32" else str(theirs)


def test_there_is_one_object_per_kind():
    for each in dtypes.ALL:
        assert getattr(dtypes, each.name) is each
        assert dtypes.of(each.numpy) is dtypes.BY_NUMPY[np.zeros(0, each.numpy).dtype] is each
        assert pickle.loads(pickle.dumps(each)) is copy.copy(each) is copy.deepcopy([each])[0] is each
    for alias, name in ALIASES.items():
        assert getattr(dtypes, alias) is getattr(dtypes, name)
    assert len(set(dtypes.ALL)) == 15


def test_a_dtype_cannot_be_made_or_changed():
    with pytest.raises(TypeError, match=r"cannot create 'torch\.dtype' instances"):
        dtypes.dtype()
    with pytest.raises(AttributeError, match=r"attribute 'itemsize' of 'torch\.dtype' objects is not writable"):
        dtypes.float32.itemsize = 8
    with pytest.raises(AttributeError, match=r"'torch\.dtype' object has no attribute 'colour'"):
        dtypes.float32.colour = 1
    with pytest.raises(TypeError, match=r"can't convert np\.ndarray of type numpy\.str_\. The only supported"):
        dtypes.of(np.array(["a"]).dtype)


@pytest.mark.oracle
def test_facts_about_each_type(torch):
    for ours in dtypes.ALL:
        theirs = getattr(torch, ours.name)
        assert repr(ours) == repr(theirs)
        for fact in ("itemsize", "is_floating_point", "is_complex", "is_signed"):
            assert getattr(ours, fact) == getattr(theirs, fact), (ours, fact)
        assert ours.type_name == torch.zeros(0, dtype=theirs).type()
        assert ours.scalar_name in ours.type_name
        assert outcome(ours.to_real) == outcome(theirs.to_real)
        wanted = outcome(theirs.to_complex)
        assert outcome(ours.to_complex) == (wanted if isinstance(wanted, tuple) else represented(wanted))
        if ours is not dtypes.float32:
            with pytest.raises(RuntimeError) as caught:
                torch.ones(1, 1) @ torch.ones(1, 1, dtype=theirs)
            assert str(caught.value).endswith(f"float != {ours.c_name}")
        if ours.category < 2:
            with pytest.raises(RuntimeError, match=f"Got: {ours.scalar_name}$"):
                torch.ones(1, dtype=theirs).mean()


@pytest.mark.oracle
@pytest.mark.parametrize("default", ["float32", "float64", "float16"])
def test_result_type_on_every_pair_of_operands(torch, restore_default, default):
    """Vectors, 0-d tensors (as arrays and as NumPy scalars) and Python numbers, in every combination."""
    dtypes.set_default_dtype(getattr(dtypes, default))
    torch.set_default_dtype(getattr(torch, default))
    try:
        operands = [(number, number) for number in NUMBERS]
        for each in dtypes.ALL:
            theirs = getattr(torch, each.name)
            if each.name in ("uint16", "uint32", "uint64"):  # these meet in tests/oracle/test_promotion.py
                continue
            operands.append((np.ones(2, each.numpy), torch.ones(2, dtype=theirs)))
            operands.append((np.ones((), each.numpy), torch.ones((), dtype=theirs)))
            operands.append((each.numpy.type(1), torch.ones((), dtype=theirs)))
        for (a, their_a), (b, their_b) in itertools.product(operands, repeat=2):
            wanted = represented(torch.result_type(their_a, their_b))
            assert str(dtypes.result_type(a, b)) == wanted, (a, b)
            assert dtypes.result_numpy_dtype([a, b]) == wanted.removeprefix("torch.")
    finally:
        torch.set_default_dtype(torch.float32)


def test_result_type_of_three_operands_ranks_them_together():
    vector, scalar = np.ones(2, np.int64), np.float64(1)
    assert dtypes.result_type(vector, scalar, 2.5) is dtypes.float64
    assert dtypes.result_type(vector, np.float32(1), 1j) is dtypes.complex64
    assert dtypes.result_type(vector, np.ones(2, np.float32), scalar) is dtypes.float32
    assert dtypes.result_type(np.ones(2, np.float64), scalar, 1j) is dtypes.complex128
    with pytest.raises(TypeError, match="expected a tensor or a number, but got str"):
        dtypes.result_type(vector, "1")


@pytest.mark.oracle
def test_limits(torch):
    for each in dtypes.ALL:
        theirs = getattr(torch, each.name)
        for kind in ("finfo", "iinfo"):
            ours = outcome(getattr(limits, kind), each)
            assert ours == outcome(getattr(torch, kind), theirs)
            if isinstance(ours, str):
                ours, theirs_limits = getattr(limits, kind)(each), getattr(torch, kind)(theirs)
                names = [name for name in dir(theirs_limits) if not name.startswith("_")]
                for name in names:
                    mine, wanted = getattr(ours, name), getattr(theirs_limits, name)
                    assert (type(mine), mine) == (type(wanted), wanted), (each, name)
    for bad in (3, "float32", None):
        assert outcome(limits.iinfo, bad) == outcome(torch.iinfo, bad)
    assert outcome(limits.finfo, 3) == outcome(torch.finfo, 3)
    assert repr(limits.finfo()) == repr(torch.finfo())
    assert limits.finfo(dtypes.float32) == limits.finfo(dtypes.complex64) != limits.finfo(dtypes.float64)


@pytest.mark.oracle
def test_default_dtype(torch, restore_default):
    dtypes.set_default_dtype(dtypes.double)
    assert dtypes.get_default_dtype() is dtypes.float64
    assert limits.finfo().dtype == "float64"
    for name in ("int64", "bool", "complex64"):
        ours = outcome(dtypes.set_default_dtype, getattr(dtypes, name))
        assert ours == outcome(torch.set_default_dtype, getattr(torch, name))
    for bad in ("float32", 3, None, float):
        assert outcome(dtypes.set_default_dtype, bad) == outcome(torch.set_default_dtype, bad)
    assert dtypes.get_default_dtype() is dtypes.float64, "a refused call changes nothing"


@pytest.mark.oracle
def test_wrong_arguments(torch):
    assert outcome(dtypes.promote_types, dtypes.int8, "a") == outcome(torch.promote_types, torch.int8, "a")
    assert outcome(dtypes.promote_types, 1, dtypes.int8) == outcome(torch.promote_types, 1, torch.int8)
    assert outcome(dtypes.can_cast, 1, dtypes.int8) == outcome(torch.can_cast, 1, torch.int8)
    assert outcome(dtypes.can_cast, dtypes.int8, None) == outcome(torch.can_cast, torch.int8, None)


@pytest.mark.oracle
@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (4, 0, 2)])
def test_size(torch, shape):
    for make in (
        lambda size: size(shape),
        lambda size: size(shape).numel(),
        lambda size: size(shape)[:1],
        lambda size: size(shape)[::-1],
        lambda size: size(shape) + (1, 2),
        lambda size: (7,) + size(shape),
        lambda size: size(shape) + size(shape),
        lambda size: size(shape) * 2,
        lambda size: 2 * size(shape),
        lambda size: f"{size(shape)} {size(shape)!r}",
        lambda size: size(shape)[-1],
        lambda size: size(shape)[9],
        lambda size: size(shape)["a"],
    ):
        ours, theirs = outcome(make, Size), outcome(make, torch.Size)
        assert ours == theirs


def test_a_size_is_a_tuple():
    size = Size((2, 3))
    rows, columns = size
    assert (rows, columns) == size == (2, 3)
    assert hash(size) == hash((2, 3))
    assert type(size[:]) is type(size + (4,)) is type((4,) + size) is type(2 * size) is Size
    assert type(pickle.loads(pickle.dumps(size))) is Size
    with pytest.raises(TypeError):
        size + [1]
