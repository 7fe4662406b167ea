"""Reductions: dtypes, ties, empty tensors, errors, graphs. Each line holds on PyTorch too (`conftest.py`)."""

from __future__ import annotations

import math

import pytest

INF = math.inf


def graph(tensor):
    """The nodes behind a tensor, nested: "SumBackward0(AccumulateGrad)"."""

    def name(node):
        if node is None:
            return "None"
        below = ", ".join(name(next_node) for next_node, _ in node.next_functions)
        title = node.name().removeprefix("torch::autograd::")
        return f"{title}({below})" if below else title

    return name(tensor.grad_fn)


def gradient(torch, function, values):
    x = torch.tensor(values, requires_grad=True)
    function(x).sum().backward()
    return x.grad.tolist()


@pytest.mark.parametrize(
    ("call", "dtype", "answer"),
    [
        ("sum()", "bool", "tensor(3)"),
        ("sum()", "uint8", "tensor(3)"),
        ("sum()", "int32", "tensor(3)"),
        ("sum()", "float16", "tensor(3., dtype=torch.float16)"),
        ("sum(dtype=torch.float32)", "int64", "tensor(3.)"),
        ("sum(dtype=torch.int32)", "int64", "tensor(3, dtype=torch.int32)"),
        ("prod(0)", "int8", "tensor([0, 1])"),
        ("mean(dtype=torch.float64)", "int64", "tensor(0.7500, dtype=torch.float64)"),
        ("max()", "bool", "tensor(True)"),
        ("amax(1)", "int64", "tensor([1, 1])"),
        ("all()", "int64", "tensor(False)"),
        ("all()", "uint8", "tensor(0, dtype=torch.uint8)"),
        ("any(1, True)", "float32", "tensor([[True],\n        [True]])"),
        ("count_nonzero(0)", "float32", "tensor([1, 2])"),
        ("cumsum(1)", "bool", "tensor([[0, 1],\n        [1, 2]])"),
        ("logsumexp(0)", "int64", "tensor([1.3133, 1.6931])"),
        ("argmax(1)", "float32", "tensor([1, 0])"),
        ("median()", "int64", "tensor(1)"),
    ],
)
def test_dtypes_of_results(torch, call, dtype, answer):
    x = torch.tensor([[0, 1], [1, 1]]).to(getattr(torch, dtype))  # noqa: F841 - evaluated below
    assert repr(eval(f"x.{call}")) == answer


@pytest.mark.parametrize(
    ("call", "nodes"),
    [
        ("x.sum()", "SumBackward0"),
        ("x.sum(dim=None)", "SumBackward1"),
        ("x.sum(())", "SumBackward1"),
        ("x.sum(axis=0, keepdims=True)", "SumBackward1"),
        ("x.mean((0, 1))", "MeanBackward1"),
        ("x.prod(0)", "ProdBackward1"),
        ("x.var(0)", "VarBackward0"),
        ("x.norm()", "LinalgVectorNormBackward0"),
        ("x.max()", "MaxBackward1"),
        ("x.max(0).values", "MaxBackward0"),
        ("x.median(0)[0]", "MedianBackward1"),
        ("x.nanmean()", "DivBackward0(NansumBackward0(AccumulateGrad), None)"),
        ("torch.max(x, x)", "MaximumBackward0(AccumulateGrad, AccumulateGrad)"),
        ("torch.std_mean(x)[1]", "StdMeanBackward0"),
        ("x.logsumexp(0)", "LogsumexpBackward0"),
        ("x.cumprod(0)", "CumprodBackward0"),
    ],
)
def test_node_names(torch, call, nodes):
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    assert graph(eval(call, {"x": x, "torch": torch})) == (nodes if "(" in nodes else f"{nodes}(AccumulateGrad)")


@pytest.mark.parametrize(
    ("function", "values", "expected"),
    [
        (lambda x: x.max(), [2.0, 1, 2], [0.5, 0, 0.5]),  # ties share
        (lambda x: x.amin(0), [2.0, 1, 1], [0, 0.5, 0.5]),
        (lambda x: x.max(0)[0], [2.0, 1, 2], [1, 0, 0]),  # the returned index takes all
        (lambda x: x.median(), [1.0, 1, 1, 5], [1 / 3, 1 / 3, 1 / 3, 0]),
        (lambda x: x.norm(INF), [-2.0, 1, 2], [-0.5, 0, 0.5]),
        (lambda x: x.norm(), [0.0, 0], [0, 0]),
        (lambda x: x.std(), [2.0, 2], [0, 0]),
        (lambda x: x.prod(), [2.0, 0, 3], [0, 6, 0]),  # exact through one zero, and through two
        (lambda x: x.prod(), [0.0, 0, 3], [0, 0, 0]),
        (lambda x: x.cumprod(0), [2.0, 0, 3], [1, 8, 0]),
        (lambda x: x.cummax(0)[0], [1.0, 3, 3, 2], [1, 1, 2, 0]),
        (lambda x: x.nansum(), [1.0, math.nan], [1, 0]),
        (lambda x: x.aminmax()[1] + x.aminmax().min, [1.0, 3, 3], [1, 0.5, 0.5]),
        (lambda x: x.cumsum(0), [1.0, 2, 3], [3, 2, 1]),
        (lambda x: x.mode().values, [1.0, 2, 2], [0, 0, 1]),
    ],
)
def test_gradients_at_ties_and_zeros(torch, function, values, expected):
    assert gradient(torch, function, values) == pytest.approx(expected)


def test_the_number_of_nonzeros_has_no_gradient_at_all(torch):
    x = torch.tensor([3.0, 0], requires_grad=True)
    x.norm(0).backward()
    assert x.grad is None


def test_second_derivative_through_a_zero(torch):
    x = torch.tensor([2.0, 0.0, 3.0], requires_grad=True)
    (first,) = torch.autograd.grad(x.prod(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert first.tolist() == [0, 6, 0]
    assert second.tolist() == [3, 5, 2]


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        ("x.sum(2)", IndexError, "Dimension out of range (expected to be in range of [-2, 1], but got 2)"),
        ("x.sum((0, -2))", RuntimeError, "dim 0 appears multiple times in the list of dims"),
        ("x.sum(0, 1)", TypeError, "sum(): argument 'keepdim' (position 2) must be bool, not int"),
        ("torch.sum([1, 2])", TypeError, "sum(): argument 'input' (position 1) must be Tensor, not list"),
        (
            "i.mean()",
            RuntimeError,
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: Long",
        ),
        ("i.std()", RuntimeError, "std and var only support floating point and complex dtypes"),
        (
            "i.norm()",
            RuntimeError,
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got Long",
        ),
        (
            "none.max()",
            RuntimeError,
            (
                "max(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction "
                "dim with the 'dim' argument."
            ),
        ),
        ("none.max(0)", IndexError, "max(): Expected reduction dim 0 to have non-zero size."),
        ("none.argmin()", IndexError, "argmin(): Expected reduction dim to be specified for input.numel() == 0."),
        ("x.cumsum()", TypeError, 'cumsum() missing 1 required positional arguments: "dim"'),
        ("x.kthvalue(9)", RuntimeError, "kthvalue(): selected number k out of range for dimension 1"),
        ("i.bool().argmax()", RuntimeError, "argmax(): does not support bool input"),
    ],
)
def test_errors(torch, fails, call, kind, message):
    names = {"torch": torch, "x": torch.ones(2, 3), "i": torch.tensor([1, 2]), "none": torch.tensor([])}
    with fails(kind, message):
        eval(call, names)


def test_empty_tensors(torch, warned):
    none = torch.tensor([])
    assert none.sum().item() == 0
    assert none.prod().item() == 1
    assert math.isnan(none.mean().item())
    assert math.isnan(none.median().item())
    assert none.all().item() is True
    assert none.any().item() is False
    assert none.norm().item() == 0
    assert torch.zeros(2, 0).sum(1).tolist() == [0, 0]
    assert torch.zeros(2, 0).amax(0).shape == (0,)
    with warned() as messages:
        assert math.isnan(torch.ones(1).std().item())
    assert str(messages[0].message).startswith("std(): degrees of freedom is <= 0. Correction should be strictly less")


def test_named_results_print_and_unpack(torch):
    result = torch.tensor([[1.0, 3.0], [4.0, 2.0]]).max(1)
    assert repr(result) == "torch.return_types.max(\nvalues=tensor([3., 4.]),\nindices=tensor([1, 0]))"
    values, indices = result
    assert values is result.values and indices is result[1]
    assert str(type(result)) == "<class 'torch.return_types.max'>"
    assert repr(torch.tensor([2, 1]).aminmax()) == "torch.return_types.aminmax(\nmin=tensor(1),\nmax=tensor(2))"


def test_nan_wins(torch):
    x = torch.tensor([[1.0, math.nan, 3.0]])
    assert math.isnan(x.max().item()) and math.isnan(x.median().item()) and math.isnan(x.amin().item())
    assert x.argmax(1).item() == 1 and x.max(1).indices.item() == 1 and x.median(1).indices.item() == 1
    assert x.nanmedian().item() == 1 and x.nansum().item() == 4


def test_long_sums_stay_accurate(torch):
    x = torch.full((100_000, 2), 0.1)
    assert x.sum(0).tolist() == pytest.approx([10_000, 10_000], rel=1e-6)
    assert x.sum().item() == pytest.approx(20_000, rel=1e-6)
    assert x.mean(0).tolist() == pytest.approx([0.1, 0.1], rel=1e-6)
    assert torch.full((3000,), 1.0, dtype=torch.float16).sum().item() == 3000


def test_float64_stays_and_complex_sums(torch):
    assert torch.tensor([1.0, 2.0], dtype=torch.float64).std().dtype == torch.float64
    assert torch.tensor([1 + 1j, 2.0]).sum().item() == 3 + 1j


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        ("x.quantile(0.5)", 2.5),
        ("torch.quantile(x, 0.4)", 2.2),
        ("torch.quantile(x, torch.tensor([0.0, 1.0]))", [1, 4]),
        ("torch.quantile(x, 0.4, interpolation='lower')", 2),
        ("torch.quantile(x, 0.4, interpolation='higher')", 3),
        ("torch.quantile(x, 0.4, interpolation='nearest')", 2),
        ("torch.quantile(x, 0.4, interpolation='midpoint')", 2.5),
        ("torch.quantile(x.view(2, 2), 0.5, dim=1)", [3, 2]),
        ("torch.quantile(x.view(2, 2), 0.5, dim=0, keepdim=True)", [[2.5, 2.5]]),
        ("torch.quantile(x.view(2, 2), torch.tensor([0.0, 0.25]), dim=1)", [[2, 1], [2.5, 1.5]]),
        ("torch.diff(x)", [-2, -1, 2]),
        ("torch.diff(x, n=2)", [1, 3]),
        ("torch.diff(x, prepend=torch.zeros(1))", [4, -2, -1, 2]),
        ("torch.diff(torch.tensor([True, False, False]))", [True, False]),
    ],
)
def test_quantiles_and_differences(torch, call, answer):
    x = torch.tensor([4.0, 2, 1, 3])
    assert eval(call, {"torch": torch, "x": x}).tolist() == (
        answer if isinstance(answer, list) and isinstance(answer[0], list) else pytest.approx(answer)
    )


def test_the_gradient_of_a_median_between_two(torch):
    assert gradient(torch, lambda x: x.quantile(0.5), [4.0, 1, 3, 2]) == [0, 0, 0.5, 0.5]
