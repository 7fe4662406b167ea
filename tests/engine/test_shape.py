"""Shapes: which nodes they make, what shares memory with what, in-place forms, errors. Each line holds on PyTorch too."""

from __future__ import annotations

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
    return {
        "torch": torch,
        "x": torch.arange(1.0, 7.0).reshape(2, 3).clone().requires_grad_(),
        "b": torch.arange(24.0).reshape(2, 3, 4).clone().requires_grad_(),
        "v": torch.tensor([1.0, 2.0, 3.0], requires_grad=True),
        "s": torch.tensor(5.0, requires_grad=True),
    }


@pytest.mark.parametrize(
    ("line", "nodes"),
    [
        ("x.view(6)", "ViewBackward0(x)"),
        ("x.reshape(2, 3)", "ViewBackward0(x)"),
        ("x.t().reshape(3, 2)", "ReshapeAliasBackward0(TBackward0(x))"),
        ("x.t().reshape(6)", "UnsafeViewBackward0(CloneBackward0(TBackward0(x)))"),
        ("x.t().ravel()", "ViewBackward0(CloneBackward0(TBackward0(x)))"),
        ("v.flatten()", "None"),
        ("s.flatten()", "ViewBackward0(x)"),
        ("b.flatten(1)", "ViewBackward0(x)"),
        ("x.t()", "TBackward0(x)"),
        ("x.T", "PermuteBackward0(x)"),
        ("x.mT", "TransposeBackward0(x)"),
        ("b.movedim(0, 2)", "PermuteBackward0(x)"),
        ("x[:1].squeeze()", "SqueezeBackward0(SliceBackward0(x))"),
        ("x[:1].squeeze(0)", "SqueezeBackward1(SliceBackward0(x))"),
        ("x[:1].squeeze((0, 1))", "SqueezeBackward2(SliceBackward0(x))"),
        ("v.expand(2, 3)", "ExpandBackward0(x)"),
        ("v.repeat_interleave(2)", "ViewBackward0(CloneBackward0(ExpandBackward0(UnsqueezeBackward0(x))))"),
        ("v.repeat_interleave(torch.tensor([1, 2, 0]))", "IndexSelectBackward0(x)"),
        ("torch.cat([x, torch.ones(1, 3)])", "CatBackward0(x, None)"),
        ("torch.hstack([s, s])", "CatBackward0(ViewBackward0(x), ViewBackward0(x))"),
        ("torch.vstack([v, v])", "CatBackward0(UnsqueezeBackward0(x), UnsqueezeBackward0(x))"),
        ("x.chunk(2)[0]", "SplitBackward0(x)"),
        ("x.split([1, 2], 1)[0]", "SplitWithSizesBackward0(x)"),
        ("x.tensor_split(2)[0]", "SliceBackward0(x)"),
        ("x.diag()", "DiagonalBackward0_copy(x)"),
        ("v.diag()", "DiagEmbedBackward0(x)"),
        ("x.contiguous()", "None"),
        ("x.t().contiguous()", "CloneBackward0(TBackward0(x))"),
        ("b.sum_to_size(3, 1)", "ViewBackward0(SumBackward1(x))"),
        ("torch.meshgrid(v, v, indexing='ij')[1]", "ExpandBackward0(ViewBackward0(x))"),
        ("torch.complex(v, v).imag", "SelectBackward0(ViewAsRealBackward0(ComplexBackward0(x, x)))"),
    ],
)
def test_graphs(space, line, nodes):
    assert graph(eval(line, space)) == nodes


VIEWS = [
    "x.view(6)",
    "x.view(3, 2)[1]",
    "x.reshape(-1)",
    "x.t()",
    "x.T",
    "x.transpose(0, 1)",
    "b.permute(2, 0, 1)",
    "x.unsqueeze(1)",
    "x[:1].squeeze()",
    "v.expand(2, 3)",
    "x.diagonal()",
    "x.flatten()",
    "x.unbind()[1]",
    "x.split(1)[0]",
    "x.chunk(3, 1)[2]",
    "v.unfold(0, 2, 1)",
    "x.as_strided((2, 2), (1, 1))",
    "x.narrow(1, 0, 2)",
    "x.select(0, 1)",
    "x.t().reshape(3, 2)",
    "torch.broadcast_tensors(v, x)[0]",
    "x.movedim(0, 1)",
    "s.view(1, 1)",
    "x.unflatten(1, (3, 1))",
]
COPIES = [
    "x.t().reshape(6)",
    "x.flip(0)",
    "x.roll(1)",
    "x.rot90()",
    "v.repeat(2)",
    "x.diag()",
    "torch.cat([x])",
    "torch.stack([x])",
    "x.tril()",
    "x.t().contiguous()",
    "x[[0, 1]]",
    "x[x > 2]",
]


@pytest.mark.parametrize("line", VIEWS)
def test_views_share_memory_and_version(torch, space, line):
    """The base changes under the view, and both count the change."""
    view = eval(line, space)
    base = view._base
    assert any(base is leaf for leaf in space.values())
    assert view._is_view()
    with torch.no_grad():
        base.fill_(-7.0)
    assert (view == -7).all()
    assert view._version == base._version == 1


@pytest.mark.parametrize("line", COPIES)
def test_copies_do_not(torch, space, line):
    copy = eval(line, space)
    assert copy._base is None
    with torch.no_grad():
        space["x"].fill_(-7.0)
    assert (copy != -7).all()
    assert copy._version == 0


def test_a_reshape_of_transposed_memory_is_a_view_of_its_clone(torch):
    x = torch.ones(2, 3, requires_grad=True)
    flat = x.t().ravel()
    assert flat._base is not None and flat._base is not x


@pytest.mark.parametrize(
    ("line", "strides"),
    [
        ("x.t()", (1, 3)),
        ("x.unsqueeze(0)", (3 * 2, 3, 1)),
        ("x[:, ::2]", (3, 2)),
        ("v.expand(2, 3)", (0, 1)),
        ("b.permute(2, 0, 1)", (1, 12, 4)),
        ("x.t().clone()", (1, 3)),
        ("x.t().flip(0)", (1, 3)),
        ("torch.stack([x.t(), x.t()])", (6, 2, 1)),
    ],
)
def test_strides(space, line, strides):
    assert eval(line, space).stride() == strides


# -- in place ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("line", "node", "shape"),
    [
        ("y.t_()", "TBackward1", (3, 2)),
        ("y.transpose_(0, 1)", "TransposeBackward1", (3, 2)),
        ("y.unsqueeze_(0)", "UnsqueezeBackward1", (1, 2, 3)),
        ("y.squeeze_()", "SqueezeBackward3", (2, 3)),
        ("y.squeeze_(0)", "SqueezeBackward4", (2, 3)),
        ("y.squeeze_((0, 1))", "SqueezeBackward5", (2, 3)),
    ],
)
def test_in_place_forms_keep_the_tensor(torch, line, node, shape):
    x = torch.ones(2, 3, requires_grad=True)
    y = x * 1
    result = eval(line, {"y": y})
    assert result is y
    assert y.shape == shape and y._version == 1
    assert graph(y) == f"{node}(MulBackward0(x, None))"
    (y * torch.arange(6.0).reshape(shape)).sum().backward()
    assert x.grad.sum() == 15


def test_an_older_view_follows_its_transposed_base(torch):
    x = torch.arange(6.0).reshape(2, 3).requires_grad_()
    y = x * 1
    z = y.view(6)
    y.t_()
    assert graph(z) == "AsStridedBackward0(TBackward1(MulBackward0(x, None)))"
    z[1].backward()
    assert x.grad.tolist() == [[0, 1, 0], [0, 0, 0]]


def test_in_place_forms_obey_the_leaf_rule(torch, fails):
    x = torch.ones(2, 3, requires_grad=True)
    with fails(RuntimeError, "a leaf Variable that requires grad is being used in an in-place operation."):
        x.t_()
    assert x.shape == (2, 3)


def test_pieces_cannot_be_changed_in_place(torch, fails):
    y = torch.ones(2, 3, requires_grad=True) * 1
    for piece, name in (
        (y.split(1)[1], "Output 1 of Split"),
        (y.unbind()[0], "Output 0 of Unbind"),
        (y.chunk(2)[0][0], "Output 0 of Select"),
    ):
        message = (
            f"{name} is a view and is being modified inplace. This view is the output of a function that returns multiple "
            "views. Such functions do not allow the output views to be modified inplace. You should replace the inplace "
            "operation by an out-of-place one."
        )
        with fails(RuntimeError, message):
            piece.mul_(2)


def test_expanded_tensors_cannot_be_written_to(torch, fails):
    wide = torch.ones(3).expand(2, 3)
    message = (
        "unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please "
        "clone() the tensor before performing the operation."
    )
    for change in (lambda: wide.add_(1), lambda: wide.copy_(torch.zeros(2, 3)), lambda: wide.uniform_()):
        with fails(RuntimeError, message):
            change()
    assert (wide == 1).all()


# -- gradients that take several steps ---------------------------------------------------------------------------------
def test_unused_pieces_get_zeros(torch):
    x = torch.ones(5, requires_grad=True)
    first, _, last = x.split(2)
    (first.sum() + 3 * last.sum()).backward()
    assert x.grad.tolist() == [1, 1, 0, 0, 3]
    for piece in torch.ones(1, requires_grad=True).unbind():  # a list of one piece
        piece.backward()


def test_overlapping_windows_add_up(torch):
    x = torch.zeros(4, requires_grad=True)
    x.unfold(0, 2, 1).sum().backward()
    assert x.grad.tolist() == [1, 2, 2, 1]
    x.grad = None
    x.as_strided((3, 3), (0, 1)).sum().backward()
    assert x.grad.tolist() == [3, 3, 3, 0]


def test_a_copy_gets_the_sum_of_its_repetitions(torch):
    v = torch.tensor([1.0, 2.0], requires_grad=True)
    weights = torch.arange(8.0).reshape(2, 4)
    (v.repeat(2, 2) * weights).sum().backward()
    assert v.grad.tolist() == [0 + 2 + 4 + 6, 1 + 3 + 5 + 7]


# -- warnings and errors -----------------------------------------------------------------------------------------------
def test_warnings(torch, warned, space):
    torch.set_warn_always(True) if hasattr(torch, "set_warn_always") else None
    with warned() as messages:
        space["b"].T  # noqa: B018
        torch.meshgrid(space["v"], space["v"])
    assert [str(m.message).split(" ", 3)[:3] for m in messages] == [
        ["The", "use", "of"],
        ["torch.meshgrid:", "in", "an"],
    ]


@pytest.mark.parametrize(
    ("line", "kind", "message"),
    [
        ("x.view(4)", RuntimeError, "shape '[4]' is invalid for input of size 6"),
        ("x.view(-1, -1)", RuntimeError, "only one dimension can be inferred"),
        ("x.reshape(5, -1)", RuntimeError, "shape '[5, -1]' is invalid for input of size 6"),
        ("x.transpose(0, 2)", IndexError, "Dimension out of range (expected to be in range of [-2, 1], but got 2)"),
        ("x.permute(0, 0)", RuntimeError, "permute(): duplicate dims are not allowed."),
        ("b.t()", RuntimeError, "t() expects a tensor with <= 2 dimensions, but self is 3D"),
        ("x.unsqueeze(4)", IndexError, "Dimension out of range (expected to be in range of [-3, 2], but got 4)"),
        (
            "v.expand(-1, 3)",
            RuntimeError,
            "The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension 0",
        ),
        (
            "x.repeat(2)",
            RuntimeError,
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor",
        ),
        ("torch.cat([])", ValueError, "torch.cat(): expected a non-empty list of Tensors"),
        ("torch.cat([x, v])", RuntimeError, "Tensors must have same number of dimensions: got 2 and 1"),
        ("torch.cat([x, 3])", TypeError, "expected Tensor as element 1 in argument 0, but got int"),
        (
            "torch.stack([x, v])",
            RuntimeError,
            "stack expects each tensor to be equal size, but got [2, 3] at entry 0 and [3] at entry 1",
        ),
        ("s.unbind()", IndexError, "Dimension specified as 0 but tensor has no dimensions"),
        ("x.chunk(0)", RuntimeError, "chunk expects `chunks` to be greater than 0, got: 0"),
        ("b.diag()", RuntimeError, "diag(): Supports 1D or 2D tensors. Got 3D"),
        ("x.flip(3)", IndexError, "Dimension out of range (expected to be in range of [-2, 1], but got 3)"),
        ("v.unfold(0, 5, 1)", RuntimeError, "maximum size for tensor at dimension 0 is 3 but size is 5"),
        ("x.sum_to_size(3, 3)", RuntimeError, "size {[3, 3]} is not expandable to size {[2, 3]}."),
    ],
)
def test_errors(space, fails, line, kind, message):
    with fails(kind, message):
        eval(line, space)


def test_errors_say_what_to_do():
    """PyTorch's sentence, and under it a note of our own."""
    teachgrad = pytest.importorskip("teachgrad")
    with pytest.raises(RuntimeError) as info:
        teachgrad.ones(2, 3).t().view(6)
    assert str(info.value).startswith("view size is not compatible with input tensor's size and stride")
    assert "reshape" in info.value.__notes__[0]
