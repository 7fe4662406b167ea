"""`nn.init`: the same numbers under the same seed, bit for bit where PyTorch uses no LAPACK."""

# ruff: noqa: E501 - one case, one line

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import teachgrad  # noqa: E402 - after the skip

from .conftest import numbers, same_print  # noqa: E402

LIBRARIES = (teachgrad, torch)

CALLS = [
    "uniform_(w)", "uniform_(w, -2.0, 3.0)", "normal_(w)", "normal_(w, 1.0, 0.1)", "constant_(w, 0.3)", "ones_(w)", "zeros_(w)", "xavier_uniform_(w)",
    "xavier_uniform_(w, gain=2.0)", "xavier_normal_(w, 0.5)", "kaiming_uniform_(w)", "kaiming_uniform_(w, a=1, mode='fan_out', nonlinearity='relu')",
    "kaiming_normal_(w, nonlinearity='tanh')", "kaiming_normal_(w, 0.2, 'fan_out')", "trunc_normal_(w)", "trunc_normal_(w, std=0.02)", "trunc_normal_(w, 0, 1, 1.5, 2.5)",
    "trunc_normal_(w, 3.0, 1.0, -1.0, 2.5)",
]  # fmt: skip
SHAPES = [(5, 7), (3, 4), (2, 3, 3, 3)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("call", CALLS)
def test_same_numbers(call, shape):
    results = []
    for library in LIBRARIES:
        library.manual_seed(3)
        w = library.nn.Parameter(library.empty(shape))
        answer = eval(call, {"w": w, **vars(library.nn.init)})
        assert answer is w and w.requires_grad and w.is_leaf
        results.append((numbers(w), library.rand(1).item()))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    assert results[0][1] == results[1][1]


@pytest.mark.parametrize(
    "call",
    [
        "eye_(w)",
        "dirac_(c)",
        "dirac_(c, 2)",
        "sparse_(w, 0.5)",
        "orthogonal_(w)",
        "orthogonal_(w.t().contiguous())",
        "orthogonal_(c, gain=2)",
    ],
)
def test_others(call):
    results = []
    for library in LIBRARIES:
        library.manual_seed(3)
        space = {"w": library.empty(5, 7), "c": library.empty(4, 2, 3, 3), **vars(library.nn.init)}
        results.append(numbers(eval(call, space)))
    np.testing.assert_allclose(results[0], results[1], atol=2e-6)


@pytest.mark.parametrize("code", [
    "nn.init.xavier_uniform_(torch.ones(3))", "nn.init.eye_(torch.ones(3))", "nn.init.dirac_(torch.ones(3, 3))", "nn.init.dirac_(torch.ones(3, 3, 3), 2)",
    "nn.init.kaiming_normal_(torch.ones(3, 3), mode='fan')", "nn.init.orthogonal_(torch.ones(3))", "nn.init.sparse_(torch.ones(3), 0.1)",
    "nn.init.calculate_gain('swish')", "nn.init.calculate_gain('leaky_relu', True)",
    "print([nn.init.calculate_gain(n) for n in ('linear', 'conv2d', 'sigmoid', 'tanh', 'relu', 'selu', 'leaky_relu')], nn.init.calculate_gain('leaky_relu', 0.2))",
    "print(nn.init.xavier_uniform(torch.ones(2, 2)))", "print(nn.init.kaiming_normal_(torch.ones(0, 2)))", "print(nn.init.trunc_normal_(torch.ones(2, 2), 9.0))",
    "w = torch.ones(2, 2); v = w._version; nn.init.ones_(w); print(w._version - v)",
])  # fmt: skip
def test_messages(code):
    same_print(code)


def test_transposed_memory():
    """Numbers are drawn in the order in which the tensor lies in memory."""
    results = []
    for library in LIBRARIES:
        library.manual_seed(0)
        results.append(
            [numbers(f(library.ones(5, 4).t())) for f in (library.nn.init.uniform_, library.nn.init.normal_)]
        )
    for mine, theirs in zip(*results, strict=True):
        np.testing.assert_array_equal(mine, theirs)
