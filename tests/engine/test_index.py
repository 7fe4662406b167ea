"""Square brackets, read and written, and the ops that pick elements by place or by mask. Each line holds on PyTorch too."""

from __future__ import annotations

import numpy as np
import pytest


def graph(tensor):
    """The nodes behind a tensor, nested, with `x` for a leaf: "SelectBackward0(x)"."""

    def name(node):
        if node is None:
            return "None"
        below = ", ".join(name(next_node) for next_node, _ in node.next_functions)
        title = node.name().removeprefix("torch::autograd::")
        return "x" if title == "AccumulateGrad" else f"{title}({below})" if below else title

    return name(tensor.grad_fn)


@pytest.fixture
def space(torch):
    """What the lines of the tables below are evaluated in."""
    x = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
    return {
        "torch": torch,
        "np": np,
        "x": x,
        "b": torch.zeros(2, 3, 4),
        "v": torch.tensor([1.0, 2.0, 3.0], requires_grad=True),
        "s": torch.tensor(5.0, requires_grad=True),
        "i": torch.tensor([1, 0]),
        "mask": x.detach() > 2,
        "idx": torch.tensor([[0, 2], [1, 0]]),
    }


# -- reading -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("x[0]", [1, 2, 3]),
        ("x[-1, 2]", 6),
        ("x[1:, ::2]", [[4, 6]]),
        ("x[None, 0]", [[1, 2, 3]]),
        ("x[..., 0]", [1, 4]),
        ("x[[1, 0]]", [[4, 5, 6], [1, 2, 3]]),
        ("x[[0, 1], [1, 2]]", [2, 6]),
        ("x[:, [2, 0]]", [[3, 1], [6, 4]]),
        ("x[mask]", [3, 4, 5, 6]),
        ("x[mask[:, 0]]", [[4, 5, 6]]),
        ("x[torch.tensor(1), torch.tensor(0)]", 4),
        ("x[np.int64(1)]", [4, 5, 6]),
        ("x[np.array([True, False])]", [[1, 2, 3]]),
        ("x[range(2), 0]", [1, 4]),
        ("x[(1, 0), (2, 2)]", [6, 3]),
        ("x[[-1]]", [[4, 5, 6]]),
        ("x[5:]", []),
        ("x[True]", [[[1, 2, 3], [4, 5, 6]]]),
        ("x[False]", []),
        ("x[()]", [[1, 2, 3], [4, 5, 6]]),
    ],
)
def test_values(space, line, values):
    assert eval(line, space).tolist() == values


@pytest.mark.parametrize(
    ("line", "shape"),
    [
        ("b[0, :, [0, 3]]", (3, 2)),  # unlike NumPy: the integer selects first
        ("b[[0, 1], :, [0, 3]]", (2, 3)),
        ("b[:, [0, 1], [0, 3]]", (2, 2)),
        ("b[[0, 1], None, 0]", (2, 1, 4)),
        ("b[..., None, 1:]", (2, 3, 1, 3)),
        ("b[:, mask[0]]", (2, 1, 4)),
        ("b[mask]", (4, 4)),
        ("b[i[:, None], idx]", (2, 2, 4)),
        ("b[..., ...]", (2, 3, 4)),
    ],
)
def test_shapes(space, line, shape):
    assert eval(line, space).shape == shape


@pytest.mark.parametrize(
    ("line", "nodes"),
    [
        ("x[:]", "SliceBackward0(x)"),
        ("x[:, :]", "AliasBackward0(x)"),
        ("x[...]", "AliasBackward0(x)"),
        ("x[:, 0]", "SelectBackward0(x)"),
        ("x[0:2, 0]", "SelectBackward0(x)"),
        ("x[0, None, 1:]", "SliceBackward0(UnsqueezeBackward0(SelectBackward0(x)))"),
        ("x[0, [0, 1]]", "IndexBackward0(SelectBackward0(x))"),
        ("x[mask]", "IndexBackward0(x)"),
        ("x[True]", "IndexBackward0(UnsqueezeBackward0(x))"),
        ("x[torch.tensor(0)]", "SelectBackward0(x)"),
        ("x.narrow(1, 0, 2)", "SliceBackward0(x)"),
        ("x.gather(1, idx)", "GatherBackward0(x)"),
        ("x.scatter(1, idx, 1.)", "ScatterBackward1(x)"),
        ("x.scatter_add(1, idx, x[:, :2])", "ScatterAddBackward0(x, SliceBackward0(x))"),
        ("x.index_add(0, i, x)", "IndexAddBackward0(x, x)"),
        ("x.index_put((i,), v)", "IndexPutBackward0(x, x)"),
        ("x.masked_fill(mask, s)", "MaskedFillBackward1(x, x)"),
        ("x.take(i)", "TakeBackward0(x)"),
        ("x.sort().values", "SortBackward0(x)"),
        ("x.sort(stable=True)[0]", "SortBackward1(x)"),
        ("x.unique()", "Unique2Backward0(x)"),
    ],
)
def test_graphs(space, line, nodes):
    assert graph(eval(line, space)) == nodes


def test_an_element_taken_twice_gets_both_gradients(torch):
    x = torch.zeros(3, requires_grad=True)
    (x[[0, 2, 0]] * torch.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert x.grad.tolist() == [101, 0, 10]
    x.grad = None
    x.gather(0, torch.tensor([1, 1])).sum().backward()
    assert x.grad.tolist() == [0, 2, 0]


def test_views_share_and_selections_do_not(torch):
    x = torch.zeros(2, 3)
    row, picked = x[0], x[[0]]
    x[0, 1] = 7
    assert row.tolist() == [0, 7, 0]
    assert picked.tolist() == [[0, 0, 0]]
    assert row._base is x and picked._base is None
    assert row._version == x._version == 1 and picked._version == 0


# -- writing -----------------------------------------------------------------------------------------------------------
ASSIGNMENTS = [
    ("y[0] = 3", "CopySlices(MulBackward0(x, None), None)", [0, 0, 0, 4, 5, 6], None, None),
    ("y[0] = v", "CopySlices(MulBackward0(x, None), x)", [0, 0, 0, 4, 5, 6], [1, 2, 3], None),
    ("y[0] = v[0]", "CopySlices(MulBackward0(x, None), SelectBackward0(x))", [0, 0, 0, 4, 5, 6], [6, 0, 0], None),
    ("y[:] = v", "CopyBackwards(MulBackward0(x, None), ExpandBackward0(ViewBackward0(x)))", [0] * 6, [5, 7, 9], None),
    ("y[...] = 3", "FillBackward3(MulBackward0(x, None), None)", [0] * 6, None, None),
    ("y[:, 0] = s", "CopySlices(MulBackward0(x, None), x)", [0, 2, 3, 0, 5, 6], None, 5),
    ("y[0, 1] = s", "CopySlices(MulBackward0(x, None), x)", [1, 0, 3, 4, 5, 6], None, 2),
    ("y[0, i] = v[:2]", "CopySlices(MulBackward0(x, None), SliceBackward0(x))", [0, 0, 3, 4, 5, 6], [2, 1, 0], None),
    ("y[i] = v", "IndexPutBackward0(MulBackward0(x, None), x)", [0] * 6, [5, 7, 9], None),
    ("y[mask] = s", "IndexPutBackward0(MulBackward0(x, None), x)", [1, 2, 0, 0, 0, 0], None, 18),
    ("y[mask] = 0", "IndexPutBackward0(MulBackward0(x, None), None)", [1, 2, 0, 0, 0, 0], None, None),
    ("y[True] = 3", "CopySlices(MulBackward0(x, None), None)", [0] * 6, None, None),
    ("y[0][1:] = v[:2]", "CopySlices(MulBackward0(x, None), SliceBackward0(x))", [1, 0, 0, 4, 5, 6], [2, 3, 0], None),
    (
        "y[i] += 1",
        "IndexPutBackward0(MulBackward0(x, None), AddBackward0(IndexBackward0(MulBackward0(x, None)), None))",
        [1, 2, 3, 4, 5, 6],
        None,
        None,
    ),
    ("y[0].mul_(v)", "CopySlices(MulBackward0(x, None), x)", [1, 4, 9, 4, 5, 6], [1, 4, 9], None),
    ("y.view(6)[2:4] = 0", "CopySlices(MulBackward0(x, None), None)", [1, 2, 0, 0, 5, 6], None, None),
    ("y.t()[0] = s", "CopySlices(MulBackward0(x, None), x)", [0, 2, 3, 0, 5, 6], None, 5),
    ("y.diagonal().fill_(1)", "CopySlices(MulBackward0(x, None))", [0, 2, 3, 4, 0, 6], None, None),
    ("y.fill_(s)", "FillBackward3(MulBackward0(x, None), x)", [0] * 6, None, 21),
    ("y.fill_(2)", "FillBackward2(MulBackward0(x, None))", [0] * 6, None, None),
    ("y.copy_(v)", "CopyBackwards(MulBackward0(x, None), x)", [0] * 6, [5, 7, 9], None),
    ("y.zero_()", "ZeroBackward0(MulBackward0(x, None))", [0] * 6, None, None),
    ("y.masked_fill_(mask, s)", "MaskedFillBackward1(MulBackward0(x, None), x)", [1, 2, 0, 0, 0, 0], None, 18),
    (
        "y.index_put_((i,), v, accumulate=True)",
        "IndexPutBackward0(MulBackward0(x, None), x)",
        [1, 2, 3, 4, 5, 6],
        [5, 7, 9],
        None,
    ),
    ("y.scatter_(1, idx, 2.0)", "ScatterBackward1(MulBackward0(x, None))", [0, 2, 0, 0, 0, 6], None, None),
    ("y.tril_()", "TrilBackward0(MulBackward0(x, None))", [1, 0, 0, 4, 5, 0], None, None),
]


@pytest.mark.parametrize(("line", "nodes", "of_x", "of_v", "of_s"), ASSIGNMENTS)
def test_assignments(torch, space, line, nodes, of_x, of_v, of_s):
    """The history of the changed tensor, and the gradients of what was there and of what came in."""
    y = space["x"] * 1
    exec(line, {**space, "y": y})
    assert graph(y) == nodes and y._version == 1
    y.backward(torch.arange(1.0, 7.0).reshape(2, 3))
    assert space["x"].grad.flatten().tolist() == of_x
    for name, wanted in (("v", of_v), ("s", of_s)):
        grad = space[name].grad
        assert (None if grad is None else grad.tolist()) == wanted


def test_assignment_to_a_constant_makes_it_part_of_the_graph(torch):
    v = torch.tensor([1.0, 2.0], requires_grad=True)
    y = torch.zeros(2, 2)
    y[1] = v
    assert y.requires_grad and graph(y) == "CopySlices(None, x)"
    (y * y).sum().backward()
    assert v.grad.tolist() == [2, 4]


def test_assignment_without_history(torch):
    y = torch.zeros(2, 3, dtype=torch.int64)
    y[0] = 1.7
    y[1, 1:] = torch.tensor([5, 6])
    y[torch.tensor([True, False]), 0] = -1
    assert y.tolist() == [[-1, 1, 1], [0, 5, 6]] and y._version == 3
    z = torch.tensor(3.0)
    z[...] = 4
    assert z.item() == 4
    w = torch.ones(3, requires_grad=True)
    with torch.no_grad():
        w[0] = 5
        w[w > 2] *= 2
    assert w.tolist() == [10, 1, 1] and w.is_leaf


def test_failed_assignments_change_nothing(torch, fails):
    y = torch.zeros(2, 3)
    for value in (torch.ones(2), torch.ones(2, 3)):
        with pytest.raises(RuntimeError):
            y[0] = value
    with pytest.raises(IndexError):
        y[0, 5] = 1
    assert y._version == 0 and not y.any()


def test_leaves_and_their_views_refuse(torch, fails):
    x = torch.ones(2, 2, requires_grad=True)
    with fails(RuntimeError, "a view of a leaf Variable that requires grad is being used in an in-place operation."):
        x[0] = 1
    with fails(RuntimeError, "a leaf Variable that requires grad is being used in an in-place operation."):
        x[x > 0] = 1
    assert x.tolist() == [[1, 1], [1, 1]]


def test_a_saved_value_overwritten_is_noticed(torch):
    x = torch.ones(3, requires_grad=True)
    y = x * 1
    z = y.exp()
    z[0] = 0
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


# -- order -------------------------------------------------------------------------------------------------------------
def test_sorting_is_stable_and_puts_nan_last(torch):
    x = torch.tensor([2.0, float("nan"), 1.0, 2.0])
    assert x.argsort().tolist() == [2, 0, 3, 1]
    assert x.argsort(descending=True).tolist() == [1, 0, 3, 2]
    values, indices = torch.tensor([[3, 1], [2, 4]]).sort(0)
    assert values.tolist() == [[2, 1], [3, 4]] and indices.tolist() == [[1, 0], [0, 1]]
    top = torch.tensor([1.0, 3.0, 2.0]).topk(2)
    assert repr(top) == "torch.return_types.topk(\nvalues=tensor([3., 2.]),\nindices=tensor([1, 2]))"
    assert top.values is top[0]


def test_unique(torch):
    values, inverse, counts = torch.tensor([3, 1, 1]).unique(return_inverse=True, return_counts=True)
    assert (values.tolist(), inverse.tolist(), counts.tolist()) == ([1, 3], [1, 0, 0], [2, 1])
    assert torch.unique_consecutive(torch.tensor([1, 1, 2, 1])).tolist() == [1, 2, 1]
    assert torch.unique(torch.tensor([[1, 2], [1, 2]]), dim=0).tolist() == [[1, 2]]


def test_nonzero(torch):
    mask = torch.tensor([[True, False], [False, True]])
    assert mask.nonzero().tolist() == [[0, 0], [1, 1]]
    assert [part.tolist() for part in torch.where(mask)] == [[0, 1], [0, 1]]
    assert torch.tensor(3).nonzero().shape == (1, 0)
    assert torch.tensor(3).nonzero(as_tuple=True)[0].tolist() == [0]


# -- warnings and errors -----------------------------------------------------------------------------------------------
def test_a_list_of_lists_is_taken_for_a_tuple_with_a_warning(torch, warned):
    x = torch.arange(4).reshape(2, 2)
    with warned() as messages:
        assert x[[[0, 1], [1, 1]]].tolist() == [1, 3]
    assert str(messages[0].message).startswith("Using a non-tuple sequence for multidimensional indexing is deprecated")


@pytest.mark.parametrize(
    ("line", "kind", "message"),
    [
        ("x[5]", IndexError, "index 5 is out of bounds for dimension 0 with size 2"),
        ("x[0, -4]", IndexError, "index -4 is out of bounds for dimension 1 with size 3"),
        ("x[0, 0, 0]", IndexError, "too many indices for tensor of dimension 2"),
        (
            "s[0]",
            IndexError,
            (
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to "
                "convert a 0-dim tensor to a number"
            ),
        ),
        ("s[:]", IndexError, "slice() cannot be applied to a 0-dim tensor."),
        ("x[::-1]", ValueError, "step must be greater than zero"),
        (
            "x[1.5]",
            IndexError,
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got float)",
        ),
        ("x[[0, 5]]", IndexError, "index 5 is out of bounds for dimension 0 with size 2"),
        (
            "x[i, torch.tensor([0, 1, 2])]",
            IndexError,
            "shape mismatch: indexing tensors could not be broadcast together with shapes [2], [3]",
        ),
        ("x[v]", IndexError, "tensors used as indices must be long, int, byte or bool tensors"),
        (
            "x[torch.tensor([True] * 3)]",
            IndexError,
            "The shape of the mask [3] at index 0 does not match the shape of the indexed tensor [2, 3] at index 0",
        ),
        ("x.select(0, 5)", IndexError, "select(): index 5 out of range for tensor of size [2, 3] at dimension 0"),
        ("x.gather(1, i)", RuntimeError, "Index tensor must have the same number of dimensions as input tensor"),
        ("x.gather(1, idx + 9)", RuntimeError, "index 9 is out of bounds for dimension 1 with size 3"),
        ("x.index_select(0, i + 4)", IndexError, "index out of range in self"),
        (
            "x.masked_fill(mask, v)",
            RuntimeError,
            "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with 1 dimension(s).",
        ),
        ("x.topk(5)", RuntimeError, "selected index k out of range"),
        ("x.unique().sum().backward()", NotImplementedError, "the derivative for '_unique2' is not implemented."),
        ("x.__setitem__(0, [1, 2, 3])", TypeError, "can't assign a list to a torch.FloatTensor"),
        ("x.detach().__setitem__(0, np.ones(3))", TypeError, "can't assign a numpy.ndarray to a torch.FloatTensor"),
        (
            "x.detach().__setitem__(0, torch.zeros(2))",
            RuntimeError,
            (
                "The expanded size of the tensor (3) must match the existing size (2) at non-singleton dimension 0. "
                " Target sizes: [3].  Tensor sizes: [2]"
            ),
        ),
        (
            "x.detach().__setitem__(i, torch.zeros(5))",
            RuntimeError,
            "shape mismatch: value tensor of shape [5] cannot be broadcast to indexing result of shape [2, 3]",
        ),
        (
            "x.detach().__setitem__(i, torch.zeros(3).double())",
            RuntimeError,
            (
                "Index put requires the source and destination dtypes match, got Float for the destination and "
                "Double for the source."
            ),
        ),
    ],
)
def test_errors(space, fails, line, kind, message):
    with fails(kind, message):
        eval(line, space)
