"""Every module and loss: parameters drawn, state, printed form, output and gradients, beside PyTorch's."""

# ruff: noqa: E501 - one case, one line

from __future__ import annotations

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import teachgrad  # noqa: E402 - after the skip

from .conftest import numbers, same, same_print, tensors_in  # noqa: E402

LIBRARIES = (teachgrad, torch)

# the module, and the tensors that it is called with
LAYERS = [
    ("nn.Identity(54, unused=1)", "x"),
    ("nn.Linear(3, 4)", "x"), ("nn.Linear(3, 4, bias=False)", "x"), ("nn.Linear(3, 4)", "b"), ("nn.Linear(3, 4)", "v"),
    ("nn.Linear(3, 4, dtype=torch.float64)", "x.double()"), ("nn.Bilinear(3, 3, 2)", "x, x + 1"),
    ("nn.Flatten()", "b"), ("nn.Flatten(0, 1)", "b"), ("nn.Unflatten(1, (2, 2))", "torch.cat([x, x[:, :1]], 1)"),
    ("nn.Embedding(5, 3)", "i"), ("nn.Embedding(5, 3, padding_idx=1)", "i"), ("nn.Embedding(5, 3, padding_idx=-1, max_norm=1.0)", "i"),
    ("nn.ReLU()", "x"), ("nn.ReLU6()", "4 * x"), ("nn.LeakyReLU(0.2)", "x"), ("nn.PReLU()", "x"), ("nn.PReLU(3, init=0.1)", "x"),
    ("nn.ELU(0.5)", "x"), ("nn.CELU(0.7)", "x"), ("nn.SELU()", "x"), ("nn.GELU()", "x"), ("nn.GELU(approximate='tanh')", "x"),
    ("nn.Sigmoid()", "x"), ("nn.LogSigmoid()", "x"), ("nn.Hardsigmoid()", "3 * x"), ("nn.Tanh()", "x"), ("nn.Tanhshrink()", "x"),
    ("nn.Hardtanh(-0.5, 0.5)", "x"), ("nn.SiLU()", "x"), ("nn.Hardswish()", "3 * x"), ("nn.Mish()", "x"), ("nn.Softplus(2.0, 1.0)", "x"),
    ("nn.Softsign()", "x"), ("nn.Softshrink(0.3)", "x"), ("nn.Hardshrink(0.3)", "x"), ("nn.Threshold(0.1, 20)", "x"),
    ("nn.GLU()", "torch.cat([x, x + 1], 1)"), ("nn.Softmax(dim=1)", "x"), ("nn.Softmin(dim=0)", "x"), ("nn.LogSoftmax(dim=-1)", "x"),
    ("nn.Softmax2d()", "img"), ("nn.RReLU().eval()", "x"), ("nn.RReLU()", "x"),
    ("nn.Dropout(0.3)", "x"), ("nn.Dropout(0.3).eval()", "x"), ("nn.Dropout1d(0.5)", "b"), ("nn.Dropout2d(0.5)", "img"),
    ("nn.AlphaDropout(0.3)", "x"), ("nn.FeatureAlphaDropout(0.3)", "b"), ("nn.Dropout3d(0.5)", "img.unsqueeze(1)"),
    ("nn.Conv1d(4, 2, 2)", "seq"), ("nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2)", "seq"),
    ("nn.Conv2d(4, 3, 3)", "img"), ("nn.Conv2d(4, 3, (2, 3), stride=(1, 2), padding=1, bias=False)", "img"), ("nn.Conv2d(4, 3, 2, dilation=2)", "img"),
    ("nn.Conv2d(4, 3, 3, padding='same')", "img"), ("nn.Conv2d(4, 3, 3, padding=1, padding_mode='reflect')", "img"),
    ("nn.Conv2d(4, 3, 3, padding='same', padding_mode='circular')", "img"), ("nn.Conv2d(4, 4, 3, groups=4)", "img[0]"),
    ("nn.Conv3d(2, 3, 2)", "img.view(2, 2, 2, 5, 6)"), ("nn.ConvTranspose1d(4, 2, 3, stride=2)", "seq"),
    ("nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1)", "img"), ("nn.ConvTranspose2d(4, 6, 2, groups=2, dilation=2, bias=False)", "img"),
    ("nn.MaxPool1d(2)", "seq"), ("nn.MaxPool2d(2)", "img"), ("nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True)", "img"),
    ("nn.MaxPool2d(2, dilation=2, return_indices=True)", "img"), ("nn.MaxPool3d(2)", "img.view(2, 2, 2, 5, 6)"), ("nn.AvgPool1d(2)", "seq"),
    ("nn.AvgPool2d(2)", "img"), ("nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True, count_include_pad=False)", "img"),
    ("nn.AvgPool2d(3, 2, 1, ceil_mode=True)", "img"), ("nn.AvgPool2d(2, divisor_override=3)", "img"), ("nn.AvgPool3d(2)", "img.view(2, 2, 2, 5, 6)"),
    ("nn.AdaptiveAvgPool1d(3)", "seq"), ("nn.AdaptiveAvgPool2d((3, 4))", "img"), ("nn.AdaptiveAvgPool2d(1)", "img"),
    ("nn.AdaptiveMaxPool1d(2)", "seq"), ("nn.AdaptiveMaxPool2d((3, None), return_indices=True)", "img"),
    ("nn.ZeroPad2d(1)", "img"), ("nn.ReflectionPad1d((3, 0))", "seq"), ("nn.ReplicationPad2d((1, 0, 2, 3))", "img"), ("nn.CircularPad1d((2, 3))", "seq"), ("nn.ReplicationPad3d(1)", "img.view(2, 2, 2, 5, 6)"), ("nn.ConstantPad1d((1, 2), 0.5)", "seq"), ("nn.ReflectionPad2d((1, 2, 0, 1))", "img"),
    ("nn.ReplicationPad1d(2)", "seq"), ("nn.CircularPad2d(1)", "img"),
    ("nn.BatchNorm1d(3)", "x"), ("nn.BatchNorm1d(3)", "b.transpose(1, 2)"), ("nn.BatchNorm2d(4)", "img"), ("nn.BatchNorm2d(4, affine=False)", "img"),
    ("nn.BatchNorm2d(4, momentum=None, eps=0.1)", "img"), ("nn.BatchNorm2d(4, track_running_stats=False)", "img"), ("nn.BatchNorm1d(3).eval()", "x"),
    ("nn.BatchNorm2d(4, bias=False)", "img"), ("nn.BatchNorm3d(2)", "img.view(2, 2, 2, 5, 6)"),
    ("nn.InstanceNorm1d(4)", "seq"), ("nn.InstanceNorm2d(4, affine=True, track_running_stats=True)", "img"), ("nn.InstanceNorm2d(4)", "img[0]"),
    ("nn.LayerNorm(3)", "x"), ("nn.LayerNorm([4, 3])", "b"), ("nn.LayerNorm(3, elementwise_affine=False)", "x"), ("nn.LayerNorm(3, bias=False)", "x"),
    ("nn.GroupNorm(2, 4)", "img"), ("nn.GroupNorm(4, 4, affine=False)", "seq"), ("nn.RMSNorm(3)", "x"), ("nn.RMSNorm((4, 3), eps=1e-3)", "b"),
    ("nn.LocalResponseNorm(2)", "img"), ("nn.LocalResponseNorm(3, 0.1, 0.5, 2.0)", "seq"),
    ("nn.RNN(3, 4)", "b"), ("nn.RNN(3, 4, 2, nonlinearity='relu', bias=False, batch_first=True)", "b"), ("nn.RNN(3, 4, bidirectional=True)", "b"), ("nn.RNN(3, 4)", "x"),
    ("nn.RNN(3, 4, 2, dropout=0.5)", "b"), ("nn.LSTM(3, 4)", "b"), ("nn.LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True)", "b"), ("nn.LSTM(3, 4, proj_size=2)", "b"),
    ("nn.LSTM(3, 4, bias=False)", "x"), ("nn.LSTM(3, 4)", "b, (h, h + 1)"), ("nn.GRU(3, 4)", "b"), ("nn.GRU(3, 4, 2, bidirectional=True)", "b"), ("nn.GRU(3, 4)", "b, h"),
    ("nn.RNNCell(3, 4)", "x"), ("nn.RNNCell(3, 4, nonlinearity='relu', bias=False)", "x, h[0, :2]"), ("nn.RNNCell(3, 4)", "v"), ("nn.LSTMCell(3, 4)", "x"),
    ("nn.LSTMCell(3, 4)", "x, (h[0, :2], h[0, 2:])"), ("nn.GRUCell(3, 4)", "x"), ("nn.GRUCell(3, 4, bias=False)", "x, h[0, :2]"),
    ("nn.MultiheadAttention(4, 2)", "q, q, q"), ("nn.MultiheadAttention(4, 2, batch_first=True, bias=False)", "q, q + 1, q + 2"),
    ("nn.MultiheadAttention(4, 2, kdim=3, vdim=3)", "q, b[:3, :2], b[:3, :2]"), ("nn.MultiheadAttention(4, 2, add_bias_kv=True, add_zero_attn=True)", "q, q, q"),
    ("nn.MultiheadAttention(4, 2, dropout=0.5)", "q, q, q"), ("nn.MultiheadAttention(4, 1)", "q[0], q[0], q[0]"),
    ("nn.TransformerEncoderLayer(4, 2, 8)", "q"), ("nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True, norm_first=True, activation='gelu')", "q"),
    ("nn.TransformerDecoderLayer(4, 2, 8, dropout=0.0)", "q, q + 1"), ("nn.TransformerDecoderLayer(4, 2, 8, dropout=0.2, norm_first=True)", "q, q + 1"),
    ("nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), 2)", "q"), ("nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 8), 2, nn.LayerNorm(4))", "q, q"),
    ("nn.Transformer(4, 2, 1, 1, 8, batch_first=True)", "q, q + 1"), ("nn.CosineSimilarity()", "x, x[:1] + 1"), ("nn.PairwiseDistance()", "x, x[:1] + 1"),
    ("nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))", "x"), ("nn.DataParallel(nn.Linear(3, 5))", "x"),
    ("nn.Upsample(scale_factor=2)", "img"), ("nn.Upsample(size=(3, 9))", "img"), ("nn.Upsample(scale_factor=1.7, mode='bilinear')", "img"),
    ("nn.Upsample(size=(7, 4), mode='bilinear', align_corners=True)", "img"), ("nn.Upsample(size=11, mode='linear')", "seq"), ("nn.Upsample(size=(8, 4), mode='bicubic')", "img"),
    ("nn.Upsample(scale_factor=(1.5, 2), mode='bicubic', align_corners=True)", "img"), ("nn.Upsample(scale_factor=2, mode='trilinear')", "img.view(2, 2, 2, 5, 6)"),
    ("nn.Upsample(scale_factor=2)", "img.view(2, 2, 2, 5, 6)"), ("nn.Upsample(size=3)", "seq"), ("nn.Upsample(size=(2, 3), mode='area')", "img"), ("nn.UpsamplingNearest2d(scale_factor=2)", "img"), ("nn.UpsamplingBilinear2d(size=(8, 8))", "img"),
    ("nn.PixelShuffle(2)", "img"), ("nn.PixelUnshuffle(2)", "img[:, :, :4]"), ("nn.ChannelShuffle(2)", "img"), ("nn.LPPool2d(2, 2)", "img"), ("nn.LPPool1d(3.0, (2), stride=1)", "seq.exp()"), ("nn.Unfold(2)", "img"), ("nn.Unfold((2, 3), dilation=2, padding=1, stride=2)", "img"), ("nn.Fold((3, 4), 2)", "img.flatten(2)[:, :, :6]"),
    ("nn.EmbeddingBag(5, 3)", "i"), ("nn.EmbeddingBag(5, 3, mode='sum', padding_idx=1)", "i"), ("nn.EmbeddingBag(5, 3, mode='max')", "i"), ("nn.EmbeddingBag(5, 3)", "i.flatten(), torch.tensor([0, 3, 3, 10])"),
]  # fmt: skip

PROBABILITIES = "x.sigmoid(), (y > 0).float()"
LOSSES = [
    ("nn.MSELoss()", "x, y"), ("nn.MSELoss(reduction='sum')", "x, y"), ("nn.MSELoss(reduction='none')", "x, y"), ("nn.SoftMarginLoss(reduction='sum')", "x, y"), ("nn.L1Loss()", "x, y"),
    ("nn.SmoothL1Loss(beta=0.5)", "x, y"), ("nn.HuberLoss(delta=0.3)", "x, y"), ("nn.CrossEntropyLoss()", "x, labels"),
    ("nn.CrossEntropyLoss(weight=torch.tensor([0.2, 0.3, 0.5]))", "x, labels"), ("nn.CrossEntropyLoss(ignore_index=2, reduction='sum')", "x, labels"),
    ("nn.CrossEntropyLoss(label_smoothing=0.1)", "x, labels"), ("nn.CrossEntropyLoss()", "x, y.softmax(1)"), ("nn.CrossEntropyLoss()", "b.transpose(1, 2), i"),
    ("nn.NLLLoss()", "x.log_softmax(1), labels"), ("nn.BCELoss()", PROBABILITIES), ("nn.BCELoss(weight=torch.tensor([0.2, 0.3, 0.5]))", PROBABILITIES),
    ("nn.BCEWithLogitsLoss()", "x, (y > 0).float()"), ("nn.BCEWithLogitsLoss(pos_weight=torch.tensor([2.0, 3.0, 0.5]))", "x, (y > 0).float()"),
    ("nn.KLDivLoss(reduction='batchmean')", "x.log_softmax(1), y.softmax(1)"), ("nn.KLDivLoss(reduction='sum', log_target=True)", "x.log_softmax(1), y.log_softmax(1)"),
    ("nn.PoissonNLLLoss()", "x, y.abs()"), ("nn.GaussianNLLLoss()", "x, y, y.abs() + 1"), ("nn.HingeEmbeddingLoss()", "x, (y > 0) * 2.0 - 1"),
    ("nn.SoftMarginLoss()", "x, (y > 0) * 2.0 - 1"), ("nn.MultiMarginLoss()", "x, labels"), ("nn.MultiMarginLoss(p=2, margin=0.5, weight=torch.tensor([0.2, 0.3, 0.5]))", "x, labels"),
    ("nn.MultiLabelMarginLoss()", "x, torch.tensor([[1, -1, 0], [2, 0, -1]])"), ("nn.CTCLoss()", "b.log_softmax(2), torch.tensor([[1, 2], [1, 1], [2, 0], [2, 1]]), (5, 4, 3, 5), (2, 2, 1, 2)"),
    ("nn.CTCLoss(blank=2, reduction='sum', zero_infinity=True)", "b.log_softmax(2), torch.tensor([0, 0, 1, 1, 1, 0]), torch.tensor([1, 4, 3, 5]), torch.tensor([2, 1, 2, 1])"),
    ("nn.CTCLoss(reduction='none')", "b[:, 0].log_softmax(1), torch.tensor([1, 2]), torch.tensor(5), torch.tensor(2)"),
    ("nn.MultiLabelSoftMarginLoss()", "x, (y > 0).float()"), ("nn.MarginRankingLoss(margin=0.1)", "x, y, (y > 0) * 2.0 - 1"),
    ("nn.CosineEmbeddingLoss()", "x, y, torch.tensor([1, -1])"), ("nn.TripletMarginLoss()", "x, y, x - y"), ("nn.TripletMarginWithDistanceLoss()", "x, y, x - y"),
]  # fmt: skip

# what a learner sees that is the same in PyTorch only nearly, or by another way: how near
LOOSE = {"nn.GELU()": 1e-5}


def inputs(library):
    """The tensors that the calls above mention; the floats require a gradient."""
    generator = np.random.default_rng(0)
    shapes = {
        "x": (2, 3), "y": (2, 3), "v": (3,), "b": (5, 4, 3), "img": (2, 4, 5, 6), "seq": (2, 4, 7), "h": (1, 4, 4), "q": (3, 2, 4),
    }  # fmt: skip
    found = {}
    for name, shape in shapes.items():
        tensor = library.tensor(generator.normal(size=shape).astype(np.float32).tolist())
        found[name] = tensor.requires_grad_(name != "y")
    found["i"] = library.tensor([[0, 2, 1, 1], [2, 2, 0, 1], [1, 1, 1, 2], [0, 0, 2, 1], [2, 1, 0, 0]])
    found["labels"] = library.tensor([2, 0])
    return found


def run(library, module_text, call_text):
    """The module, its output and all gradients."""
    library.manual_seed(7)
    module = eval(module_text, {"nn": library.nn, "torch": library})
    state = {name: numbers(tensor).copy() for name, tensor in module.state_dict().items()}
    tensors = inputs(library)
    arguments = eval(f"({call_text},)", {**tensors, "torch": library})
    output = module(*arguments)
    total = 0
    for number, tensor in enumerate(tensors_in(output)):
        if tensor.dtype.is_floating_point:
            weights = (
                np.cos(np.arange(tensor.numel()) + number)
                .reshape(tuple(tensor.shape))
                .astype(str(tensor.dtype).split(".")[1])
            )
            total = total + (tensor * library.tensor(weights.tolist(), dtype=tensor.dtype)).sum()
    total.backward()
    grads = {name: p.grad for name, p in module.named_parameters()}
    grads |= {name: tensor.grad for name, tensor in tensors.items() if tensor.requires_grad}
    return module, state, output, grads


@pytest.mark.parametrize(("module_text", "call_text"), [*LAYERS, *LOSSES])
def test_module(module_text, call_text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mine, theirs = (run(library, module_text, call_text) for library in LIBRARIES)
    assert repr(mine[0]) == repr(theirs[0])
    assert list(mine[1]) == list(theirs[1])
    for name, array in theirs[1].items():
        assert mine[1][name].shape == array.shape and mine[1][name].dtype == array.dtype
        np.testing.assert_array_equal(mine[1][name], array, err_msg=f"{name}, as drawn")
    same(mine[2], theirs[2], "output", rtol=LOOSE.get(module_text, 2e-5))
    assert mine[3].keys() == theirs[3].keys()
    for name, grad in theirs[3].items():
        assert (mine[3][name] is None) == (grad is None), name
        if grad is not None:
            same(mine[3][name], grad, f"gradient of {name}", rtol=1e-4, atol=5e-6)
    same(mine[0].state_dict(), theirs[0].state_dict(), "state after the call")
    assert mine[0].state_dict()._metadata.keys() == theirs[0].state_dict()._metadata.keys()


LAZY = """
net = nn.Sequential(nn.LazyConv2d(4, 3, padding=1), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(2, bias=False), nn.LazyLinear(3))
print(net, list(net.state_dict()), net[0].weight)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
x = torch.linspace(-1, 1, 96).view(2, 3, 4, 4)
print(net(x))
print(net, net[1].running_var.shape, [type(p).__name__ for p in net.parameters()])
net(x).sum().backward(); optimizer.step(); print(net[4].bias)
"""


def test_lazy_layers():
    same_print(LAZY)


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("align", [False, True])
def test_grid_sample(mode, padding, align):
    found = []
    for library in LIBRARIES:
        F = library.nn.functional
        theta = library.tensor([[[0.87, 0.41, 0.29], [-0.53, 1.71, 0.13]]] * 2, requires_grad=True)
        picture = inputs(library)["img"]
        grid = F.affine_grid(theta, (2, 4, 3, 4), align_corners=align)
        out = F.grid_sample(picture, grid, mode, padding, align_corners=align)
        (out * out).sum().backward()
        found.append([grid, out, picture.grad, theta.grad])
        assert [fn.name() for fn, _ in out.grad_fn.next_functions][1] == "AffineGridGeneratorBackward0"
    same(*found, rtol=1e-4, atol=1e-5)


UNPOOLED = """
for n, x in ((1, torch.arange(14.).view(1, 2, 7).sin()), (2, torch.arange(30.).view(1, 1, 5, 6).sin())):
    x.requires_grad_(); pool, unpool = getattr(nn, f"MaxPool{n}d")(2, return_indices=True), getattr(nn, f"MaxUnpool{n}d")(2)
    values, places = pool(x); y = unpool(values, places); print(unpool, y); (y * y).sum().backward(); print(x.grad)
    print(unpool(values, places, output_size=x.size()).shape)
unpool(values, places, output_size=(9, 9))
"""


def test_unpooling():
    same_print(UNPOOLED)


@pytest.mark.parametrize("arguments", ["", "tau=0.5, hard=True, dim=0"])
def test_gumbel_softmax(arguments):
    same_print(
        f"x = torch.linspace(-1, 1, 24).view(4, 6).requires_grad_(); y = F.gumbel_softmax(x, {arguments}); print(y.detach())\n(y * x).sum().backward(); print(x.grad)"
    )
