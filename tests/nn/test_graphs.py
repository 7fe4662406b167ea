"""Every module's output has the same nodes behind it as in PyTorch, joined in the same way."""

# ruff: noqa: E501 - one case, one line

from __future__ import annotations

import warnings

import pytest

torch = pytest.importorskip("torch")

import teachgrad  # noqa: E402 - after the skip

from .conftest import tensors_in  # noqa: E402
from .test_modules import LAYERS, LOSSES, inputs  # noqa: E402

EXCEPTIONS = {
    # The largest of each bag is rare in lessons; here it is max over the rows, where PyTorch's bags have one node for all.
    "nn.EmbeddingBag(5, 3, mode='max')",
}

ATTENTION = [
    "a, a, a", "a, a, a, is_causal=True", "a, a, a, dropout_p=0.5", "a, a, a, a[0, 0].detach()", "a, a, a, a[0, 0].detach() > 0",
    "a, a, a, torch.zeros(2, 1, 3, 3)", "a, a, a, torch.zeros(2, 3, 3)", "a, a, a, torch.zeros(3, 3, requires_grad=True)",
    "a[0], a[0], a[0]", "a[0], a[0], a[0], is_causal=True", "a, a[:, :, :2], a[:, :, :2]", "a, a, a[..., :2]", "a, a[:, :1], a[:, :1]",
    "a, a, a, scale=-0.3", "a[0], a[0], a[0], scale=-0.3", "a.transpose(1, 2), a.transpose(1, 2), a.transpose(1, 2)", "a.mT, a.mT, a.mT",
    "a[0, 0], a[0, 0], a[0, 0]", "a.double(), a.double(), a.double()",
]  # fmt: skip


def graph_of(outputs):
    """For each node, in the order in which it is met: its name, and where its edges lead."""
    numbers, nodes = {}, []

    def number(node):
        if node is not None and node not in numbers:
            numbers[node] = len(nodes)
            nodes.append(node)
        return None if node is None else numbers[node]

    roots = [(number(output.grad_fn), output.output_nr) for output in outputs]
    rows = [(node.name(), tuple((number(to), place) for to, place in node.next_functions)) for node in nodes]
    return roots, rows


def graph(library, make, call):
    library.manual_seed(7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        space = {**inputs(library), "torch": library, "nn": library.nn, "F": library.nn.functional}
        space["a"] = library.linspace(-1, 1, 36).view(2, 2, 3, 3).requires_grad_()
        function = eval(make, space)
        output = eval(f"f({call})", {**space, "f": function})
    return graph_of([tensor for tensor in tensors_in(output) if tensor.dtype.is_floating_point])


def same_graph(make, call):
    mine, theirs = graph(teachgrad, make, call), graph(torch, make, call)
    assert mine[1] == theirs[1]
    assert mine[0] == theirs[0]


@pytest.mark.parametrize(("module", "call"), [case for case in [*LAYERS, *LOSSES] if case[0] not in EXCEPTIONS])
def test_graph_of_a_module(module, call):
    same_graph(module, call)


@pytest.mark.parametrize(("module", "call"), [case for case in [*LAYERS, *LOSSES] if case[0] in EXCEPTIONS])
def test_exceptions_are_needed(module, call):
    assert graph(teachgrad, module, call) != graph(torch, module, call)


@pytest.mark.parametrize("call", ATTENTION)
def test_graph_of_attention(call):
    same_graph("F.scaled_dot_product_attention", call)
