"""`torch.nn.functional`: graphs, kinks, losses, errors, dropout. Each line holds on PyTorch too (`conftest.py`)."""

from __future__ import annotations

import math

import numpy as np
import pytest


def graph(tensor):
    """The nodes behind a tensor, nested and without the word "Backward"; a leaf is a dot."""

    def name(node):
        if node is None:
            return "None"
        below = ", ".join(name(next_node) for next_node, _ in node.next_functions)
        title = node.name().removeprefix("torch::autograd::").replace("Backward", "")
        return "." if title == "AccumulateGrad" else f"{title}({below})" if below else title

    return name(tensor.grad_fn)


@pytest.fixture
def names(torch):
    """What the expressions below speak of."""

    def numbers(*shape, wanted=True):
        size = int(np.prod(shape))
        array = np.cos(np.arange(1, size + 1) * 1.7).astype(np.float32).reshape(shape)
        return torch.from_numpy(array).requires_grad_(wanted)

    return {
        "torch": torch, "F": torch.nn.functional, "x": numbers(2, 3), "v": numbers(3), "b": numbers(2, 2, 3),
        "w": numbers(4, 3), "bias": numbers(4), "const": numbers(2, 3, wanted=False), "labels": torch.tensor([2, 0]),
        "odds": torch.tensor([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]]), "i": torch.tensor([1, 2]), "ints": torch.ones(2, 3).long(),
    }  # fmt: skip


LOSSES = "Add0(Mul1(NllLoss0(LogSoftmax0(.))), Mul1(Div0(Sum0(MaskedFill0(Neg0(Sum1(LogSoftmax0(.))))), None)))"


@pytest.mark.parametrize(
    ("call", "nodes"),
    [
        ("F.linear(x, w, bias)", "Addmm0(., ., T0(.))"),
        ("F.linear(x, w)", "Mm0(., T0(.))"),
        ("F.linear(v, w, bias)", "View0(Addmm0(., View0(.), T0(.)))"),
        ("F.linear(v, w)", "Squeeze4(Mm0(Unsqueeze0(.), T0(.)))"),
        ("F.linear(b, w, bias)", "View0(Addmm0(., View0(.), T0(.)))"),
        ("F.linear(b, w)", "UnsafeView0(Mm0(View0(.), T0(.)))"),
        ("F.linear(const, w)", "Mm0(None, T0(.))"),
        (
            "F.linear(b.transpose(0, 1), w, bias)",
            "Add0(UnsafeView0(Mm0(UnsafeView0(Clone0(Transpose0(.))), T0(.))), .)",
        ),
        ("F.softmax(x, 1, dtype=torch.float64)", "Softmax0(ToCopy0(.))"),
        ("F.softmin(x, 1)", "Softmax0(Neg0(.))"),
        ("F.relu6(x)", "Hardtanh0(.)"),
        ("F.selu(x)", "Elu0(.)"),
        ("torch.selu(x)", "Elu0(.)"),
        ("F.softsign(x)", "Div0(., Add0(Abs0(.), None))"),
        ("F.prelu(x, v)", "PreluKernel0(., View0(.))"),
        ("F.dropout(x, 0.5)", "Mul0(., None)"),
        ("F.mse_loss(x, const)", "MseLoss0(., None)"),
        ("F.l1_loss(x, x)", "Mean0(Abs0(Sub0(., .)))"),
        ("F.cross_entropy(x, labels)", "NllLoss0(LogSoftmax0(.))"),
        ("F.cross_entropy(x, odds)", "Div1(Neg0(Sum0(Mul0(LogSoftmax0(.), None))))"),
        ("F.cross_entropy(x, labels, label_smoothing=0.1)", LOSSES),
        ("F.cross_entropy(b, i[:, None].expand(2, 3) * 0)", "NllLoss2D0(View0(LogSoftmax0(.)))"),
        ("F.binary_cross_entropy_with_logits(x, odds)", "BinaryCrossEntropyWithLogits0(., None)"),
        ("F.kl_div(x, odds, reduction='batchmean')", "Div0(Sum0(Sub0(None, Mul0(None, .))), None)"),
        ("F.normalize(x)", "Div0(., Expand0(ClampMin0(LinalgVectorNorm0(.))))"),
        ("F.pairwise_distance(x, const)", "Norm1(Add1(Sub0(., None)))"),
        ("F.layer_norm(x, (3,), v)", "NativeLayerNorm0(., ., None)"),
        ("F.embedding(i, x.t())", "Embedding0(T0(.))"),
        ("F.pad(x, (1, 2))", "ConstantPadNd0(.)"),
    ],
)
def test_graphs(names, call, nodes):
    assert graph(eval(call, names)) == nodes


@pytest.mark.parametrize(
    ("call", "at", "slope"),
    [
        ("F.relu(x)", 0.0, 0),
        ("F.leaky_relu(x, 0.1)", 0.0, 0.1),
        ("F.elu(x)", 0.0, 1),
        ("F.hardtanh(x)", 1.0, 0),
        ("F.relu6(x)", 6.0, 0),
        ("F.threshold(x, 1, 20)", 1.0, 0),
        ("F.hardsigmoid(x)", 3.0, 0),
        ("F.softplus(x)", 30.0, 1),
        ("F.logsigmoid(x)", -100.0, 1),
        ("F.gelu(x)", 0.0, 0.5),
        ("F.silu(x)", 0.0, 0.5),
        ("F.softplus(x)", 0.0, 0.5),
        ("F.l1_loss(x, x.detach())", 2.0, 0),
        ("F.smooth_l1_loss(x, x.detach() - 1)", 2.0, 1),
        ("F.binary_cross_entropy(x, torch.ones(()))", 1.0, 0),
    ],
)
def test_slopes_at_the_kinks(torch, names, call, at, slope):
    x = names["x"] = torch.tensor(at, requires_grad=True)
    eval(call, names).backward()
    assert x.grad.item() == pytest.approx(slope, abs=1e-6)


def test_cross_entropy_pulls_towards_the_label(torch, names):
    x, F = names["x"], names["F"]
    F.cross_entropy(x, names["labels"]).backward()
    wanted = (F.softmax(x, 1) - F.one_hot(names["labels"], 3)) / 2
    np.testing.assert_allclose(x.grad.numpy(), wanted.detach().numpy(), atol=1e-6)


def test_binary_cross_entropy_pulls_harder_the_surer_the_mistake(torch, names):
    x = torch.tensor([0.5, 0.9, 0.9], requires_grad=True)
    t = torch.tensor([1.0, 1.0, 0.0], requires_grad=True)
    names["F"].binary_cross_entropy(x, t, reduction="sum").backward()
    assert x.grad.tolist() == pytest.approx([-2, -1 / 0.9, 10], rel=1e-5)
    assert t.grad.tolist() == pytest.approx([0, math.log(1 / 9), math.log(1 / 9)], rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        ("F.cross_entropy(torch.tensor([[1000., 0.]]), torch.tensor([1]))", 1000),
        ("F.softmax(torch.tensor([1000., 1000.]), 0)[0]", 0.5),
        ("F.binary_cross_entropy(torch.tensor([0.]), torch.tensor([1.]))", 100),
        ("F.binary_cross_entropy_with_logits(torch.tensor([-200.]), torch.tensor([1.]))", 200),
        ("F.nll_loss(torch.tensor([[-1., -2.], [-3., -4.]]), torch.tensor([1, -100]))", 2),
        (
            "F.nll_loss(torch.tensor([[-1., -2.], [-3., -4.]]), i * 0, weight=torch.tensor([3., 1.]), reduction='sum')",
            12,
        ),
        ("F.mse_loss(torch.tensor([1., 3.]), torch.tensor([0, 1]))", 2.5),
        ("F.huber_loss(torch.tensor([4.]), torch.tensor([0.]), delta=2)", 6),
        ("F.smooth_l1_loss(torch.tensor([4., 0.5]), torch.zeros(2), reduction='sum')", 3.625),
        ("F.cosine_similarity(torch.tensor([3., 4.]), torch.tensor([4., 3.]), dim=0)", 0.96),
        ("F.gelu(torch.tensor(2.))", 1.9544997),
        ("F.gelu(torch.tensor(2.), approximate='tanh')", 1.9545977),
        ("F.poisson_nll_loss(torch.tensor([0.5]), torch.tensor([2.]), full=True)", 1.3005278),
        ("F.triplet_margin_loss(torch.zeros(1, 2), torch.ones(1, 2), torch.ones(1, 2) * 2)", 0),
        ("F.margin_ranking_loss(torch.tensor([1.]), torch.tensor([3.]), torch.tensor([1.]), margin=0.5)", 2.5),
        ("F.cosine_embedding_loss(odds[:1] * 0 + 1, odds[:1] * 0 + 1, torch.tensor([-1]), margin=0.25)", 0.75),
        ("F.hinge_embedding_loss(torch.tensor([0.25, 0.5]), torch.tensor([1, -1]))", 0.375),
        ("F.multi_margin_loss(torch.tensor([[0.1, 0.2, 0.4]]), torch.tensor([2]))", 0.5),
        ("F.soft_margin_loss(torch.tensor([0., 0.]), torch.tensor([1., -1.]))", math.log(2)),
        ("F.gaussian_nll_loss(torch.tensor([1.]), torch.tensor([3.]), torch.tensor([4.]))", 0.5 * (math.log(4) + 1)),
        ("F.multilabel_soft_margin_loss(torch.zeros(1, 2), torch.tensor([[1., 0.]]))", math.log(2)),
    ],
)
def test_values(names, call, answer):
    assert eval(call, names).item() == pytest.approx(answer, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        ("F.linear(x, w.t())", RuntimeError, "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x3)"),
        ("F.linear(ints, w, bias)", RuntimeError, "mat1 and mat2 must have the same dtype, but got Long and Float"),
        (
            "F.linear(x.double(), w)",
            RuntimeError,
            "expected m1 and m2 to have the same dtype, but got: double != float",
        ),
        (
            "F.linear(x.sum(), w)",
            RuntimeError,
            "both arguments to linear need to be at least 1D, but they are 0D and 2D",
        ),
        ("F.softmax(ints, 0)", NotImplementedError, "\"softmax_kernel_impl\" not implemented for 'Long'"),
        ("F.gelu(ints)", NotImplementedError, "\"GeluKernelImpl\" not implemented for 'Long'"),
        ("F.mse_loss(ints, ints)", NotImplementedError, "\"mse_cpu\" not implemented for 'Long'"),
        ("F.mse_loss(x, x, reduction='avg')", ValueError, "avg is not a valid value for reduction"),
        ("F.nll_loss(x, torch.tensor([0, 3]))", IndexError, "Target 3 is out of bounds."),
        ("F.nll_loss(x, torch.tensor([0, -1]))", IndexError, "Target -1 is out of bounds."),
        (
            "F.cross_entropy(x, torch.tensor([0, 1, 2]))",
            ValueError,
            "Expected input batch_size (2) to match target batch_size (3).",
        ),
        ("F.cross_entropy(x, labels.float())", RuntimeError, "expected target dtype to be Long or Byte, but got Float"),
        (
            "F.cross_entropy(x, labels[:, None])",
            RuntimeError,
            "0D or 1D target tensor expected, multi-target not supported",
        ),
        ("F.binary_cross_entropy(x, odds)", RuntimeError, "all elements of input should be between 0 and 1"),
        ("F.binary_cross_entropy(odds, ints)", RuntimeError, "Found dtype Long but expected Float"),
        (
            "F.binary_cross_entropy_with_logits(x, v)",
            ValueError,
            "Target size (torch.Size([3])) must be the same as input size (torch.Size([2, 3]))",
        ),
        ("F.one_hot(labels, 2)", RuntimeError, "Class values must be smaller than num_classes."),
        ("F.one_hot(x)", RuntimeError, "one_hot is only applicable to index tensor of type LongTensor."),
        ("F.embedding(i + 9, x)", IndexError, "index out of range in self"),
        ("F.dropout(x, 1.5)", ValueError, "dropout probability has to be between 0 and 1, but got 1.5"),
        (
            "F.layer_norm(x, (2,))",
            RuntimeError,
            "Given normalized_shape=[2], expected input with shape [*, 2], but got input of size[2, 3]",
        ),
        ("F.pad(x, (1,))", RuntimeError, "Padding length must be divisible by 2"),
    ],
)
def test_errors(names, fails, call, kind, message):
    with fails(kind, message):
        eval(call, names)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            "F.mse_loss(x, v)",
            (
                "Using a target size (torch.Size([3])) that is different to the input size (torch.Size([2, 3])). This will "
                "likely lead to incorrect results due to broadcasting. Please ensure they have the same size."
            ),
        ),
        (
            "F.softmax(x)",
            "Implicit dimension choice for softmax has been deprecated. Change the call to include dim=X as an argument.",
        ),
        (
            "F.l1_loss(x, x, size_average=False)",
            "size_average and reduce args will be deprecated, please use reduction='sum' instead.",
        ),
    ],
)
def test_warnings(names, warned, call, message):
    with warned() as messages:
        eval(call, names)
    assert [str(each.message) for each in messages] == [message]


def test_dropout_draws_pytorchs_mask(torch, names):
    x, F = torch.ones(2, 6), names["F"]
    torch.manual_seed(0)
    assert F.dropout(x, 0.5).tolist() == [[0, 0, 2, 0, 0, 0], [2, 2, 0, 2, 2, 2]]
    assert F.dropout(x, 0.5, training=False) is x
    assert F.dropout(x, 1.0).sum().item() == 0
    torch.manual_seed(0)
    assert F.dropout(torch.ones(2, 3).t(), 0.5).tolist() == [[0, 0], [0, 0], [2, 0]]  # drawn in the order of memory
    torch.manual_seed(0)
    assert F.alpha_dropout(torch.ones(4), 0.5, True).tolist() == pytest.approx(
        [-0.779194, -0.779194, 1.665599, -0.779194]
    )
    torch.manual_seed(0)
    assert F.rrelu(torch.tensor([-1.0, 1, -1]), training=True).tolist() == pytest.approx([-0.3270944, 1, -0.2724625])
    torch.manual_seed(1)
    assert F.dropout2d(torch.ones(2, 4, 1, 1), 0.5).flatten().tolist() == [2, 2, 2, 2, 0, 2, 2, 0]


def test_in_place_activations(torch, names):
    F = names["F"]
    y = torch.tensor([-1.0, 2.0], requires_grad=True) * 1
    assert F.leaky_relu(y, 0.5, inplace=True) is y
    assert y.tolist() == [-0.5, 2]
    assert graph(F.relu(y, inplace=True)) == "Relu0(LeakyRelu1(Mul0(., None)))"


def test_embedding_adds_up_and_skips_padding(torch, names):
    table = torch.zeros(3, 2, requires_grad=True)
    names["F"].embedding(torch.tensor([[1, 0], [1, 2]]), table, padding_idx=2).sum().backward()
    assert table.grad.tolist() == [[1, 1], [2, 2], [0, 0]]


def test_one_hot(torch, names):
    assert repr(names["F"].one_hot(names["labels"])) == "tensor([[0, 0, 1],\n        [1, 0, 0]])"


def test_double_precision_losses_give_each_input_a_gradient_of_its_own_dtype(torch, names):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    t = torch.tensor([0.0, 0.0], dtype=torch.float64, requires_grad=True)
    loss = names["F"].mse_loss(x, t)
    assert loss.dtype == torch.float64
    loss.backward()
    assert x.grad.dtype == torch.float32 and x.grad.tolist() == [1, 2]
    assert t.grad.dtype == torch.float64 and t.grad.tolist() == [-1, -2]


def test_erf_is_accurate_in_both_precisions(torch):
    places = [-7.0, -2.5, -1.0, -0.3, -1e-20, 0.0, 1e-3, 0.99, 1.01, 3.0, 5.9, math.inf]
    wanted = [math.erf(x) for x in places]
    for dtype, tolerance in ((torch.float64, 1e-14), (torch.float32, 3e-7)):
        assert torch.erf(torch.tensor(places, dtype=dtype)).tolist() == pytest.approx(wanted, rel=tolerance)
    assert math.isnan(torch.erf(torch.tensor(math.nan)).item())


def test_cuda_answers_as_on_a_machine_without_one(torch):
    if torch.cuda.is_available():
        pytest.skip("PyTorch has a GPU here")
    assert torch.cuda.device_count() == 0
    assert torch.cuda.memory_allocated() == 0
    assert torch.cuda.empty_cache() is None
    assert torch.cuda.manual_seed_all(0) is None
    for order in (torch.cuda.current_device, torch.cuda.synchronize, torch.cuda.get_device_name):
        with pytest.raises((AssertionError, RuntimeError)):
            order()
