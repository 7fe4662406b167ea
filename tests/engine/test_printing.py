"""The text of tensors, to the letter PyTorch's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from teachgrad import bfloats, dtypes, printing

SHAPES = [
    *[(), (0,), (0, 3), (2, 0, 3), (1,), (3,), (7,), (30,), (1, 1), (2, 3), (5, 20), (3, 2, 4)],
    *[(2, 1, 2, 2), (1000,), (1001,), (40, 40), (7, 8, 30), (2, 3, 4, 50), (1, 2000)],
]
SETTINGS = [
    *[{}, {"precision": 2}, {"precision": 0}, {"precision": 10, "linewidth": 200}],
    *[{"threshold": 0}, {"threshold": 5, "edgeitems": 1}, {"edgeitems": 0}, {"edgeitems": 0, "threshold": 3}],
    *[{"linewidth": 40}, {"linewidth": 10}, {"profile": "short"}, {"profile": "full", "linewidth": 60}],
    *[{"sci_mode": True}, {"sci_mode": False}, {"profile": "default", "sci_mode": True}, {"profile": "none"}],
]
SPECIAL = [math.nan, math.inf, -math.inf, 0.0, -0.0]


@pytest.fixture(autouse=True)
def default_options():
    with printing.printoptions(profile="default"):
        yield


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def text(tensor):
    """Our text for a PyTorch tensor."""
    node = tensor.grad_fn
    bfloat16 = str(tensor.dtype) == "torch.bfloat16"  # NumPy alone has none
    numbers = tensor.detach()
    return printing.repr_tensor(
        bfloats.cast(numbers.float().numpy(), dtypes.bfloat16.numpy) if bfloat16 else numbers.numpy(),
        dtype=getattr(dtypes, str(tensor.dtype).removeprefix("torch.")),
        grad_fn_name=None if node is None else type(node).__name__,
        requires_grad=tensor.requires_grad,
    )


def number_kinds(generator, shape):
    """Float arrays of one shape that call for each of the notations."""
    plain = np.asarray(generator.standard_normal(shape))
    yield plain
    yield np.round(plain * 10)  # whole numbers
    yield np.round(plain * 1000)  # whole numbers far apart
    yield plain * 10.0 ** generator.integers(-12, 12)  # all large or all small
    yield plain * 10.0 ** generator.integers(-6, 6, shape)  # far apart
    yield np.where(generator.random(shape) < 0.3, generator.choice(SPECIAL, shape), plain)
    yield np.where(generator.random(shape) < 0.3, generator.choice(SPECIAL, shape), np.round(plain * 9))
    yield np.asarray(generator.choice(SPECIAL, shape))


@pytest.mark.oracle
@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_floats_of_every_size_and_magnitude(torch, options):
    generator = np.random.default_rng(0)
    with printing.printoptions(**options), torch._tensor_str.printoptions(**options):
        for shape in SHAPES:
            for number, values in enumerate(number_kinds(generator, shape)):
                tensor = torch.tensor(values).to((torch.float32, torch.float64, torch.float16)[number % 3])
                assert text(tensor) == repr(tensor)


@pytest.mark.oracle
def test_where_scientific_notation_begins(torch):
    smallest, largest = 1e-4, 1e8
    for values in (
        *[[1.0, 1000.0], [1.0, 1001.0], [0.5, 500.0], [0.5, 500.5], [0.0, 0.5, 500.0]],
        *[[smallest], [math.nextafter(smallest, 0)], [largest], [math.nextafter(largest, math.inf)]],
    ):
        for tensor in (torch.tensor(values), torch.tensor(values, dtype=torch.float64)):
            assert text(tensor) == repr(tensor)


@pytest.mark.oracle
@pytest.mark.parametrize("options", SETTINGS[::3], ids=str)
@pytest.mark.parametrize("dtype", dtypes.ALL, ids=str)
def test_every_dtype(torch, dtype, options):
    generator = np.random.default_rng(1)
    with printing.printoptions(**options), torch._tensor_str.printoptions(**options):
        for shape in SHAPES:
            values = np.asarray(generator.standard_normal(shape) * 20)
            if dtype.is_complex:
                values = values.astype(complex)
                values.imag = generator.choice([*SPECIAL, 1.0, -2.5, 1e6], shape)
            tensor = torch.tensor(values).to(getattr(torch, dtype.name))
            assert text(tensor) == repr(tensor)


@pytest.mark.oracle
@pytest.mark.parametrize("shape", [shape for shape in SHAPES if len(shape) > 1])
def test_strides_do_not_show(torch, shape):
    tensor = torch.arange(math.prod(shape)).reshape(shape) / 7
    for view in (tensor.transpose(0, -1), tensor[..., ::2], tensor[:, :1].expand(shape), tensor.mT):
        assert text(view) == repr(view)


@pytest.mark.oracle
def test_suffixes_and_where_they_break_the_line(torch):
    for count in range(1, 40):
        leaf = torch.full((count,), 0.5, requires_grad=True)
        integers = torch.arange(count, dtype=torch.int16)
        for tensor in (leaf, leaf * 2, leaf.double() + 1, integers, leaf.reshape(1, 1, count).cos()):
            assert text(tensor) == repr(tensor)
    for tensor in (torch.zeros(0, 3, requires_grad=True), torch.zeros(2, 0).double().requires_grad_() * 2):
        assert text(tensor) == repr(tensor)


@pytest.mark.oracle
@pytest.mark.parametrize("default", ["float64", "float16"])
def test_the_default_dtype_goes_unnamed(torch, default):
    torch.set_default_dtype(getattr(torch, default))
    dtypes.set_default_dtype(getattr(dtypes, default))
    try:
        for dtype in dtypes.ALL:
            for values in ([1, 0], []):
                tensor = torch.tensor(values, dtype=getattr(torch, dtype.name))
                assert text(tensor) == repr(tensor)
    finally:
        torch.set_default_dtype(torch.float32)
        dtypes.set_default_dtype(dtypes.float32)


@pytest.mark.oracle
def test_parameters(torch):
    for count in (1, 9, 100):
        weights = torch.nn.Parameter(torch.arange(float(count)) / 3)
        ours = printing.repr_tensor(
            weights.detach().numpy(),
            dtype=dtypes.float32,
            requires_grad=True,
            prefix="Parameter containing:\ntensor(",
        )
        assert ours == repr(weights)


def test_device_comes_first():
    ones = np.ones(2, np.float32)
    ours = printing.repr_tensor(ones, dtype=dtypes.float32, device="cuda:0", grad_fn_name="MulBackward0")
    assert ours == "tensor([1., 1.], device='cuda:0', grad_fn=<MulBackward0>)"


def test_numpy_scalars_are_0d_tensors():
    assert printing.repr_tensor(np.float32(0.1), dtype=dtypes.float32) == "tensor(0.1000)"
    assert printing.repr_tensor(np.bool_(True), dtype=dtypes.bool) == "tensor(True)"


floats = st.one_of(
    st.floats(width=32), st.floats(-10, 10, width=32), st.integers(-(10**9), 10**9).map(float), st.just(1e8)
)


@pytest.mark.oracle
@settings(max_examples=300, deadline=None)
@given(
    values=hnp.arrays(np.float32, hnp.array_shapes(min_dims=0, max_dims=3, max_side=6), elements=floats),
    precision=st.integers(0, 8),
    threshold=st.integers(0, 20),
    edgeitems=st.integers(0, 3),
    linewidth=st.integers(1, 120),
    sci_mode=st.sampled_from([None, None, True, False]),
)
def test_any_numbers_under_any_options(values, **options):
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(values)
    with printing.printoptions(**options), torch._tensor_str.printoptions(**options):
        assert text(tensor) == repr(tensor)


@pytest.mark.oracle
def test_options_change_and_come_back_as_in_pytorch(torch):
    theirs = torch._tensor_str
    with theirs.printoptions(profile="default"):
        for change in ({"sci_mode": True}, {"precision": 2}, {"linewidth": 50, "sci_mode": False}, *SETTINGS):
            printing.set_printoptions(**change)
            torch.set_printoptions(**change)
            assert printing.get_printoptions() == theirs.get_printoptions()


def test_an_error_inside_printoptions_does_not_keep_them():
    before = printing.get_printoptions()
    with pytest.raises(ValueError, match="inside"), printing.printoptions(precision=1, sci_mode=True):
        raise ValueError("inside")
    assert printing.get_printoptions() == before


def test_golden_texts():
    """A few of PyTorch 2.13's own outputs, for machines without it."""
    cases = [
        ([1.0, 2.5, -3.0], "tensor([ 1.0000,  2.5000, -3.0000])"),
        ([1.0, 5000.0], "tensor([1.0000e+00, 5.0000e+03])"),
        ([math.nan, 1.0, -0.0], "tensor([nan, 1., -0.])"),
        ([[1.0, 2.0], [3.0, 40.0]], "tensor([[ 1.,  2.],\n        [ 3., 40.]])"),
        (np.zeros(1001), "tensor([0., 0., 0.,  ..., 0., 0., 0.])"),
        ([], "tensor([])"),
    ]
    for values, wanted in cases:
        assert printing.repr_tensor(np.array(values, np.float32), dtype=dtypes.float32) == wanted
    empty = np.zeros((0, 3), np.int64)
    assert printing.repr_tensor(empty, dtype=dtypes.int64) == "tensor([], size=(0, 3), dtype=torch.int64)"
    flags = np.array([True, False])
    assert printing.repr_tensor(flags, dtype=dtypes.bool) == "tensor([ True, False])"
