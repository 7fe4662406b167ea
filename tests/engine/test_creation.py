"""Tensors from data, from nothing and from chance: dtypes, shared memory, warnings, errors. Each line holds on PyTorch."""

from __future__ import annotations

import warnings

import numpy as np
import pytest


# -- from data ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("data", "dtype", "shape"),
    [
        ("1", "int64", ()),
        ("1.", "float32", ()),
        ("True", "bool", ()),
        ("1j", "complex64", ()),
        ("[1, 2.]", "float32", (2,)),
        ("[True, 2]", "int64", (2,)),
        ("[]", "float32", (0,)),
        ("[[]]", "float32", (1, 0)),
        ("range(3)", "int64", (3,)),
        ("[(1, 2), [3, 4]]", "int64", (2, 2)),
        ("np.float64(1)", "float64", ()),
        ("[np.float64(1)]", "float64", (1,)),
        ("[np.int32(1)]", "int32", (1,)),
        ("np.array([1, 2], np.uint8)", "uint8", (2,)),
        ("np.array([1., 2.])", "float64", (2,)),
        ("[torch.tensor(1.), 2]", "float32", (2,)),
        ("[torch.tensor([1.]), torch.tensor([2])]", "float32", (2,)),
        ("torch.Size([2, 3])", "int64", (2,)),
    ],
)
def test_dtype_and_shape_follow_the_data(torch, data, dtype, shape):
    made = torch.tensor(eval(data, {"np": np, "torch": torch}))
    assert made.dtype is getattr(torch, dtype)
    assert made.shape == shape
    assert made.is_leaf and not made.requires_grad


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        ([[1, 2], [3]], ValueError, "expected sequence of length 2 at dim 1 (got 1)"),
        ([[[1]], [[2, 3]]], ValueError, "expected sequence of length 1 at dim 2 (got 2)"),
        ([[1], 2], TypeError, "not a sequence"),
        ([1, [2]], TypeError, "'list' object cannot be interpreted as an integer"),
        ([1.0, [2]], TypeError, "must be real number, not list"),
        ("a", TypeError, "new(): invalid data type 'str'"),
        (["a"], ValueError, "too many dimensions 'str'"),
        (None, RuntimeError, "Could not infer dtype of NoneType"),
        ([1, None], RuntimeError, "Could not infer dtype of NoneType"),
        ({1: 2}, RuntimeError, "Could not infer dtype of dict"),
        (2**63, ValueError, "Overflow when unpacking long long"),
    ],
)
def test_what_is_no_rectangle_of_numbers(torch, fails, data, kind, message):
    with fails(kind, message):
        torch.tensor(data)


def test_dtype_argument(torch, fails):
    assert torch.tensor([1.5, -2.5], dtype=torch.int64).tolist() == [1, -2]
    assert torch.tensor([1, 2], dtype=float).dtype is torch.float64
    assert torch.tensor([0, 2], dtype=torch.bool).tolist() == [False, True]
    assert torch.tensor([-1], dtype=torch.uint8).tolist() == [255]
    with fails(RuntimeError, "value cannot be converted to type uint8 without overflow"):
        torch.tensor([300], dtype=torch.uint8)
    with fails(TypeError, "tensor(): argument 'dtype' must be torch.dtype, not str"):
        torch.tensor([1], dtype="float32")
    with fails(TypeError, "must be real number, not complex"):
        torch.tensor(1j, dtype=torch.float32)


def test_the_default_dtype_decides_about_floats(torch):
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.tensor([1.0]).dtype is torch.float64
        assert torch.tensor([1]).dtype is torch.int64
        assert torch.zeros(2).dtype is torch.arange(0.5).dtype is torch.rand(1).dtype is torch.float64
        assert torch.tensor(1j).dtype is torch.complex128
        assert torch.Tensor([1]).dtype is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


def test_integers_cannot_require_a_gradient(torch, fails):
    message = "Only Tensors of floating point and complex dtype can require gradients"
    for make in (
        lambda: torch.tensor([1, 2], requires_grad=True),
        lambda: torch.zeros(2, dtype=torch.int64, requires_grad=True),
        lambda: torch.arange(3, requires_grad=True),
        lambda: torch.randint(0, 5, (2,), requires_grad=True),
        lambda: torch.ones_like(torch.ones(2), dtype=torch.int32, requires_grad=True),
    ):
        with fails(RuntimeError, message):
            make()


def test_copying_a_tensor_warns(torch, warned):
    x = torch.ones(2, requires_grad=True)
    with warned() as messages:
        y = torch.tensor(x)
        x.new_tensor(x)
    advice = "sourceTensor.detach().clone() or sourceTensor.detach().clone().requires_grad_(True), rather than"
    assert [str(m.message) for m in messages] == [
        f"To copy construct from a tensor, it is recommended to use {advice} torch.tensor(sourceTensor).",
        f"To copy construct from a tensor, it is recommended to use {advice} tensor.new_tensor(sourceTensor).",
    ]
    assert messages[0].category is UserWarning
    assert not y.requires_grad and y.grad_fn is None


# -- sharing memory ----------------------------------------------------------------------------------------------------
def test_from_numpy_shares_memory_both_ways(torch):
    array = np.zeros((2, 3))
    x = torch.from_numpy(array)
    array[0, 0] = 1
    x[1, 2] = 2
    assert x.tolist() == array.tolist() == [[1, 0, 0], [0, 0, 2]]
    x.t_()
    assert array.shape == (2, 3)  # the array's shape stays the user's own
    assert torch.as_tensor(array).data_ptr() == torch.asarray(array).data_ptr() == x.data_ptr()
    assert torch.tensor(array).data_ptr() != x.data_ptr()
    assert torch.asarray(array, copy=True).data_ptr() != x.data_ptr()


def test_as_tensor_returns_a_tensor_itself(torch):
    x = torch.ones(2)
    assert torch.as_tensor(x) is x and torch.asarray(x) is x
    assert torch.as_tensor(x, dtype=torch.float64).dtype is torch.float64


def test_from_numpy_refuses(torch, fails):
    with fails(TypeError, "expected np.ndarray (got list)"):
        torch.from_numpy([1])
    with fails(
        ValueError,
        "At least one stride in the given numpy array is negative, and tensors with negative strides are not currently "
        "supported. (You can probably work around this by making a copy of your array  with array.copy().)",
    ):
        torch.from_numpy(np.arange(3)[::-1])
    with pytest.raises(TypeError, match=r"can't convert np.ndarray of type numpy.str_"):
        torch.from_numpy(np.array(["a"]))


# -- filled ------------------------------------------------------------------------------------------------------------
def test_shapes_can_be_said_in_three_ways(torch):
    for make in (torch.zeros, torch.ones, torch.empty, torch.rand, torch.randn):
        assert make(2, 3).shape == make((2, 3)).shape == make([2, 3]).shape == make(size=(2, 3)).shape == (2, 3)
        assert make(()).shape == () and make(0).shape == (0,)
        assert make(torch.tensor(2), 3).shape == (2, 3)
        assert make(torch.Size([4])).requires_grad is False
        assert make(2, dtype=torch.float64, requires_grad=True).requires_grad


@pytest.mark.parametrize(
    ("line", "kind", "message"),
    [
        ("zeros()", TypeError, 'zeros() missing 1 required positional arguments: "size"'),
        ("zeros(2.0)", TypeError, "zeros(): argument 'size' (position 1) must be tuple of ints, not float"),
        (
            "zeros((2.0, 3))",
            TypeError,
            "zeros(): argument 'size' (position 1) must be tuple of ints, but found element of type float at pos 0",
        ),
        (
            "ones(2, None)",
            TypeError,
            (
                "ones(): argument 'size' failed to unpack the object at pos 2 with error \"type must be tuple of "
                'ints,but got NoneType"'
            ),
        ),
        ("zeros(True)", TypeError, "zeros(): argument 'size' (position 1) must be tuple of ints, not bool"),
        ("zeros(-1)", RuntimeError, "zeros: Dimension size must be non-negative."),
        ("rand(2, -1)", RuntimeError, "Trying to create tensor with negative dimension -1: [2, -1]"),
        ("ones(2, device='cuda')", AssertionError, "Torch not compiled with CUDA enabled"),
        ("full(2, 3)", TypeError, "full(): argument 'size' (position 1) must be tuple of ints, not int"),
        ("full((2,), 'a')", TypeError, "full(): argument 'fill_value' (position 2) must be Number, not str"),
        ("eye(-1)", RuntimeError, "n must be greater or equal to 0, got -1"),
        ("zeros_like(3)", TypeError, "zeros_like(): argument 'input' (position 1) must be Tensor, not int"),
        ("arange(1, 5, 0)", RuntimeError, "step must be nonzero"),
        ("arange(5, 1)", RuntimeError, "upper bound and lower bound inconsistent with step sign"),
        ("linspace(0, 1, -1)", RuntimeError, "number of steps must be non-negative"),
        ("randn(2, dtype=torch.int64)", NotImplementedError, "\"normal_kernel_cpu\" not implemented for 'Long'"),
        ("randint(5, 1, (2,))", RuntimeError, "random_ expects 'from' to be less than 'to', but got from=5 >= to=1"),
        ("randint(5, 2)", TypeError, "randint(): argument 'size' (position 2) must be tuple of ints, not int"),
        ("randperm(3.0)", TypeError, "randperm(): argument 'n' (position 1) must be int, not float"),
        (
            "rand(2, generator=3)",
            TypeError,
            "rand() received an invalid combination of arguments - got (int, generator=int), but expected one of:",
        ),
        (
            "normal(0.0, 1.0)",
            TypeError,
            "normal() received an invalid combination of arguments - got (float, float), but expected one of:",
        ),
        ("normal(torch.zeros(2), -1.0)", RuntimeError, "normal expects std >= 0.0, but found std -1"),
        ("Tensor(2.5)", TypeError, "new(): data must be a sequence (got float)"),
        ("set_default_dtype(torch.int32)", TypeError, "only floating-point types are supported as the default type"),
        ("set_rng_state([1])", TypeError, "expected a torch.ByteTensor, but got list"),
    ],
)
def test_errors(torch, fails, line, kind, message):
    with fails(kind, message):
        eval(f"torch.{line}", {"torch": torch})


def test_like_follows_dtype_and_strides(torch):
    x = torch.ones(2, 3, dtype=torch.float64).t()
    for make in (torch.zeros_like, torch.ones_like, torch.empty_like):
        assert make(x).dtype is torch.float64
        assert make(x).stride() == (1, 3)
    assert torch.full_like(torch.tensor([1, 2]), 2.7).tolist() == [2, 2]
    assert x.new_zeros(2).dtype is x.new_full((2,), 1).dtype is x.new_tensor([1]).dtype is torch.float64


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("arange(3)", "tensor([0, 1, 2])"),
        ("arange(1, 2.5, 0.5)", "tensor([1.0000, 1.5000, 2.0000])"),
        ("arange(5, 0, -2)", "tensor([5, 3, 1])"),
        ("arange(start=1, end=4)", "tensor([1, 2, 3])"),
        ("arange(0, 1, 0.1)[3].item()", "0.30000001192092896"),
        ("arange(torch.tensor(3.))", "tensor([0., 1., 2.])"),
        ("linspace(0, 1, 5)", "tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])"),
        ("linspace(0, 10, 4, dtype=torch.int64)", "tensor([ 0,  3,  6, 10])"),
        ("linspace(0, 1, 11)[7].item()", "0.699999988079071"),
        ("logspace(0, 2, 3)", "tensor([  1.,  10., 100.])"),
        ("eye(2, 3)", "tensor([[1., 0., 0.],\n        [0., 1., 0.]])"),
        ("full((2,), 3)", "tensor([3, 3])"),
        ("full((2,), 3.)", "tensor([3., 3.])"),
        ("tril_indices(2, 2)", "tensor([[0, 1, 1],\n        [0, 0, 1]])"),
        ("complex(torch.tensor(1.), torch.tensor(2.))", "tensor(1.+2.j)"),
        ("result_type(torch.tensor([1]), 1.0)", "torch.float32"),
    ],
)
def test_values(torch, line, answer):
    assert repr(eval(f"torch.{line}", {"torch": torch})) == answer


# -- the old constructors ----------------------------------------------------------------------------------------------
def test_old_constructors(torch):
    assert torch.Tensor(2, 3).shape == torch.Tensor(torch.Size([2, 3])).shape == (2, 3)
    assert torch.Tensor([2, 3]).tolist() == [2.0, 3.0] and torch.Tensor([True]).dtype is torch.float32
    assert torch.Tensor().shape == (0,)
    assert torch.LongTensor([1.5]).tolist() == [1]
    assert torch.FloatTensor(2, 3).shape == (2, 3)
    x = torch.ones(2, requires_grad=True)
    assert torch.Tensor(x).grad_fn.name() == "AliasBackward0"
    assert isinstance(x, torch.FloatTensor) and not isinstance(x, torch.LongTensor)
    assert repr(torch.FloatTensor) == "<class 'torch.FloatTensor'>"
    assert x.new([1, 2]).dtype is torch.float32


def test_old_constructors_check_the_dtype(torch):
    with pytest.raises(TypeError, match=r"expected TensorOptions\(dtype=long int"):
        torch.LongTensor(torch.ones(2))


# -- chance ------------------------------------------------------------------------------------------------------------
def test_a_seed_decides(torch):
    generator = torch.manual_seed(3)
    assert repr(generator).startswith("<torch._C.Generator object at 0x")
    assert torch.initial_seed() == 3
    first = torch.rand(3).tolist(), torch.randn(3).tolist(), torch.randperm(5).tolist(), torch.randint(9, (4,)).tolist()
    torch.manual_seed(3)
    assert first == (
        torch.rand(3).tolist(),
        torch.randn(3).tolist(),
        torch.randperm(5).tolist(),
        torch.randint(9, (4,)).tolist(),
    )
    assert first[0] == [0.004263520240783691, 0.10556936264038086, 0.2858424782752991]
    state = torch.get_rng_state()
    assert state.dtype is torch.uint8 and state.shape == (5056,)
    value = torch.rand(()).item()
    torch.set_rng_state(state)
    assert torch.rand(()).item() == value


def test_generators_are_streams_of_their_own(torch):
    mine = torch.Generator().manual_seed(3)
    torch.manual_seed(0)
    assert torch.rand(1, generator=mine).item() == 0.004263520240783691
    state = mine.get_state()
    torch.rand(5, generator=mine)
    mine.set_state(state)
    assert torch.rand(1, generator=mine).item() == 0.10556936264038086
    assert mine.initial_seed() == 3


@pytest.mark.parametrize(
    ("line", "node"),
    [
        ("y.normal_()", "NormalBackward0"),
        ("y.uniform_(-1, 1)", "UniformBackward0"),
        ("y.exponential_()", "ExponentialBackward0"),
        ("y.random_(5)", "RandomBackward1"),
        ("y.random_(1, 5)", "RandomBackward0"),
        ("y.bernoulli_(0.5)", "BernoulliBackward2"),
    ],
)
def test_random_fills_in_place(torch, fails, line, node):
    """They end the old history of a tensor; a leaf that requires grad may be filled under no_grad only."""
    x = torch.full((3,), -9.0, requires_grad=True)
    y = x * 1
    assert eval(line, {"y": y}) is y
    assert y.grad_fn.name() == node and y._version == 1
    y.sum().backward()
    assert x.grad.tolist() == [0, 0, 0]
    torch.manual_seed(0)
    with fails(RuntimeError, "a leaf Variable that requires grad is being used in an in-place operation."):
        eval(line, {"y": x})
    assert torch.rand(1).item() == 0.49625658988952637  # the refused call drew nothing
    with torch.no_grad():
        eval(line, {"y": x})
    assert x.requires_grad and x.is_leaf and (x != -9).all()


def test_transposed_tensors_are_filled_in_the_order_of_memory(torch):
    torch.manual_seed(0)
    straight = torch.zeros(2, 3).uniform_()
    torch.manual_seed(0)
    assert torch.zeros(2, 3).t().uniform_().t().tolist() == straight.tolist()


# -- questions ---------------------------------------------------------------------------------------------------------
def test_questions(torch, fails):
    assert torch.is_tensor(torch.ones(1)) and not torch.is_tensor(1)
    assert torch.numel(torch.ones(2, 3)) == 6
    assert torch.is_floating_point(torch.ones(1)) and not torch.is_floating_point(torch.tensor(1))
    assert torch.is_complex(torch.tensor(1j))
    with fails(TypeError, "is_floating_point(): argument 'input' (position 1) must be Tensor, not int"):
        torch.is_floating_point(1)
    assert (torch.inf, torch.newaxis) == (float("inf"), None) and torch.pi > 3.14


def test_storage_is_the_memory_that_views_share(torch):
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # "TypedStorage is deprecated", once per process in PyTorch
        memory = x.t().storage()
    assert (
        repr(memory)
        == " 1.0\n 2.0\n 3.0\n 4.0\n[torch.storage.TypedStorage(dtype=torch.float32, device=cpu) of size 4]"
    )
    memory[1] = 7
    assert x.tolist() == [[1, 7], [3, 4]] and x.untyped_storage().nbytes() == 16


def test_resize(torch, fails):
    x = torch.arange(6.0)
    assert x.resize_(2, 2).tolist() == [[0, 1], [2, 3]] and x._version == 1
    assert x.resize_(8).tolist()[:4] == [0, 1, 2, 3]
    with fails(RuntimeError, "cannot resize variables that require grad"):
        torch.ones(2, requires_grad=True).resize_(1)
