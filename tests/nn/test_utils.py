"""`nn.utils`: clipping, vectors of parameters, padded and packed sequences."""

# ruff: noqa: E501 - one case, one line

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import teachgrad  # noqa: E402 - after the skip

from .conftest import same, same_print  # noqa: E402

LIBRARIES = (teachgrad, torch)

NET = "net = nn.Linear(3, 2); (net(torch.arange(6.).view(2, 3)) ** 2).sum().backward(); U = nn.utils\n"
SNIPPETS = {
    "norm": "print(U.clip_grad_norm_(net.parameters(), 1.0)); print(net.weight.grad)", "norm 1": "print(U.clip_grad_norm_(net.parameters(), 1.0, norm_type=1)); print(net.bias.grad)",
    "norm inf": "print(U.clip_grad_norm_(list(net.parameters()), 1.0, float('inf'))); print(net.bias.grad)", "small": "g = net.weight.grad.clone(); U.clip_grad_norm_(net.parameters(), 1e9); print((g == net.weight.grad).all())",
    "old name": "print(U.clip_grad_norm(net.parameters(), 1.0)); print(net.bias.grad)",
    "one tensor": "print(U.clip_grad_norm_(net.weight, 0.5)); print(net.weight.grad, net.bias.grad)", "no gradients": "net.zero_grad(); print(U.clip_grad_norm_(net.parameters(), 1.0))",
    "empty": "print(U.clip_grad_norm_((p for p in []), 1.0))", "not finite": "net.bias.grad[0] = float('nan'); print(U.clip_grad_norm_(net.parameters(), 1.0)); U.clip_grad_norm_(net.parameters(), 1.0, error_if_nonfinite=True)",
    "value": "U.clip_grad_value_(net.parameters(), 0.3); print(net.weight.grad, net.bias.grad)", "vector": "v = U.parameters_to_vector(net.parameters()); print(v); U.vector_to_parameters(torch.arange(8.), net.parameters()); print(net.weight, net.bias)",
    "total norm": "g = [p.grad for p in net.parameters()]; n = U.get_total_norm(g); print(n); U.clip_grads_with_norm_(net.parameters(), 1.0, n); print(net.weight.grad)", "norm of an iterator": "print(U.clip_grad_norm_(iter(list(net.parameters())), 1.0)); print(net.weight.grad)",
    "vector wrong": "U.vector_to_parameters([1], net.parameters())",
}  # fmt: skip


@pytest.mark.parametrize("name", SNIPPETS)
def test_utils(name):
    same_print(NET + SNIPPETS[name])


SEQUENCES = (
    "R = nn.utils.rnn; a, b, c = torch.arange(6.).view(3, 2), torch.ones(1, 2), torch.arange(4.).view(2, 2) + 7\n"
)
PACKING = {
    "pad": "print(R.pad_sequence([a, b, c])); print(R.pad_sequence([a, b, c], batch_first=True, padding_value=-1.0)); print(R.pad_sequence([a, b], True, 9.0, 'left'))",
    "pack": "p = R.pack_sequence([a, c, b]); print(p.data, p.batch_sizes, p.sorted_indices); print(R.pad_packed_sequence(p)); print(R.unpack_sequence(p))",
    "unsorted": "p = R.pack_sequence([b, a, c], enforce_sorted=False); print(p); print(R.pad_packed_sequence(p, batch_first=True, total_length=4))",
    "refused": "R.pack_sequence([b, a])", "zero": "R.pack_padded_sequence(R.pad_sequence([a, b]), [3, 0])", "count": "R.pack_padded_sequence(R.pad_sequence([a, b]), [3])",
    "short": "R.pad_packed_sequence(R.pack_sequence([a, b]), total_length=2)", "lengths": "print(R.pack_padded_sequence(R.pad_sequence([a, b], True), torch.tensor([3, 1]), batch_first=True).batch_sizes)",
}  # fmt: skip


@pytest.mark.parametrize("name", PACKING)
def test_packing(name):
    same_print(SEQUENCES + PACKING[name])


@pytest.mark.parametrize(
    "text",
    ["LSTM(2, 3, 2, bidirectional=True)", "GRU(2, 3, bidirectional=True)", "RNN(2, 3)", "LSTM(2, 4, proj_size=3)"],
)
@pytest.mark.parametrize("given", [False, True])
def test_packed_sequences_in_networks(text, given):
    """Outputs, final states and gradients, with and without initial states."""
    results = []
    for library in LIBRARIES:
        library.manual_seed(0)
        network = eval(text, {"LSTM": library.nn.LSTM, "GRU": library.nn.GRU, "RNN": library.nn.RNN})
        sequences = [library.arange(2.0 * n).view(n, 2).mul(0.3).requires_grad_() for n in (2, 5, 1, 3)]
        packed = library.nn.utils.rnn.pack_sequence(sequences, enforce_sorted=False)
        rows = network.num_layers * (2 if network.bidirectional else 1)
        hidden = library.linspace(-1, 1, rows * 12).view(rows, 4, 3)
        states = (
            (hidden, library.linspace(-1, 1, rows * 4 * network.hidden_size).view(rows, 4, -1))
            if text[0] == "L"
            else hidden
        )
        output, finals = network(packed, states) if given else network(packed)
        padded, lengths = library.nn.utils.rnn.pad_packed_sequence(output)
        (
            padded.sin().sum() + sum(s.cos().sum() for s in (finals if isinstance(finals, tuple) else (finals,)))
        ).backward()
        results.append([padded, lengths, finals, [s.grad for s in sequences], [p.grad for p in network.parameters()]])
    for mine, theirs in zip(*results, strict=True):
        same(mine, theirs, rtol=1e-4, atol=1e-5)


WRONG = [
    ("nn.LSTM(2, 3)", "torch.ones(2, 3, 4)"), ("nn.LSTM(2, 3)", "torch.ones(2, 3, 2), (torch.ones(1, 4, 3), torch.ones(1, 3, 3))"),
    ("nn.LSTM(2, 3)", "torch.ones(2, 3, 2), (torch.ones(1, 3, 3), torch.ones(1, 3, 4))"), ("nn.LSTM(2, 3)", "torch.ones(2, 3, 2), (torch.ones(3, 3), torch.ones(3, 3))"),
    ("nn.RNN(2, 3)", "torch.ones(2)"), ("nn.GRU(2, 3)", "torch.ones(2, 2, 2, 2)"), ("nn.GRU(2, 3)", "torch.ones(2, 3, 2), torch.ones(3, 3)"), ("nn.GRU(2, 3)", "torch.ones(2, 3, 2).double()"),
    ("nn.RNN(2, 3)", "torch.ones(2, 3, 2), torch.ones(2, 3, 3)"), ("nn.RNN(2, 3)", "torch.ones(3, 2), torch.ones(1, 3, 3)"), ("nn.RNNCell(2, 3)", "torch.ones(1, 1, 2)"),
    ("nn.LSTMCell(2, 3)", "torch.ones(1, 2), (torch.ones(1, 1, 3), torch.ones(1, 3))"), ("nn.RNNCell(2, 3, nonlinearity='sin')", "torch.ones(1, 2)"),
    ("nn.RNN(0, 3)", ""), ("nn.RNN(2, 3, nonlinearity='sin')", ""), ("nn.LSTM(2, 3, dropout=0.5)", "torch.ones(1, 1, 2)"), ("nn.LSTM(2, 3, dropout=2)", ""), ("nn.GRU(2, 3, proj_size=1)", ""),
    ("nn.LSTM(2, 3, proj_size=3)", ""), ("nn.LSTM(2, 3, bias=1)", ""), ("nn.LSTM(2, 3.0)", ""), ("nn.LSTM(2, 3, num_layers=0)", ""),
    ("nn.Conv2d(3, 4, 2)", "torch.ones(2, 4, 6, 6)"), ("nn.Conv2d(3, 4, 2)", "torch.ones(6, 6)"), ("nn.Conv2d(3, 4, 9)", "torch.ones(1, 3, 6, 6)"), ("nn.Conv2d(3, 4, 2)", "torch.ones(1, 3, 6, 6).double()"),
    ("nn.Conv2d(3, 4, 2, groups=2)", ""), ("nn.Conv2d(4, 3, 2, groups=2)", ""), ("nn.Conv2d(4, 3, 2, stride=2, padding='same')", ""), ("nn.Conv1d(4, 3, 2)", "torch.ones(1, 4, 4, 4)"), ("nn.Conv2d(3, 4, 2, groups=0)", ""),
    ("nn.ConvTranspose2d(4, 4, 2)", "torch.ones(1, 4, 6, 6), (3, 3)"), ("nn.ConvTranspose2d(4, 4, 2)", "torch.ones(1, 3, 6, 6)"), ("nn.ConvTranspose2d(4, 4, 2, padding_mode='circular')", ""),
    ("nn.MaxPool2d(7)", "torch.ones(1, 1, 6, 6)"), ("nn.MaxPool2d(2, padding=2)", "torch.ones(1, 1, 6, 6)"), ("nn.MaxPool1d(2)", "torch.ones(1, 1, 6, 6)"), ("nn.MaxPool2d(0)", "torch.ones(1, 1, 6, 6)"),
    ("nn.AvgPool1d(2)", "torch.ones(1, 1, 6, 6)"), ("nn.AdaptiveAvgPool2d((1, 2, 3))", "torch.ones(1, 1, 6, 6)"),
    ("nn.BatchNorm2d(4)", "torch.ones(2, 4, 6)"), ("nn.BatchNorm1d(4)", "torch.ones(2, 4, 6, 6)"), ("nn.BatchNorm2d(3)", "torch.ones(2, 4, 6, 6)"), ("nn.BatchNorm1d(4)", "torch.ones(1, 4)"), ("nn.BatchNorm1d(4)", "torch.ones(2, 4).double()"),
    ("nn.GroupNorm(3, 4)", ""), ("nn.GroupNorm(2, 4)", "torch.ones(2, 6)"), ("nn.LayerNorm(5)", "torch.ones(2, 4)"), ("nn.RMSNorm(5)", "torch.ones(2, 4)"), ("nn.InstanceNorm2d(4)", "torch.ones(2, 4, 1, 1)"),
    ("nn.Linear(2, 3)", "torch.ones(2, 4)"), ("nn.Linear(2, 3)", "torch.ones(2, 2).long()"), ("nn.Linear(-1, 3)", ""), ("nn.Bilinear(0, 1, 1)", ""), ("nn.Embedding(3, 2)", "torch.tensor([5])"), ("nn.Embedding(3, 2, padding_idx=7)", ""),
    ("nn.Dropout(2)", ""), ("nn.Hardtanh(1, 0)", ""), ("nn.Softmax2d()", "torch.ones(2)"), ("nn.Unflatten(1, 3)", ""), ("nn.Unflatten(1, (2, '3'))", ""), ("nn.TripletMarginLoss(margin=0)", ""),
    ("nn.MultiheadAttention(4, 3)", ""), ("nn.MultiheadAttention(0, 1)", ""), ("nn.MultiheadAttention(4, 2)", "torch.ones(3, 2, 6), torch.ones(3, 2, 6), torch.ones(3, 2, 6)"),
    ("nn.MultiheadAttention(4, 2)", "torch.ones(3), torch.ones(3), torch.ones(3)"), ("nn.MSELoss(size_average=False)", "torch.ones(2), torch.zeros(2)"), ("nn.MSELoss()", "torch.ones(2, 1), torch.zeros(2)"),
    ("nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2), 1)", ""), ("nn.TransformerEncoderLayer(4, 2, activation='tanh')", ""), ("nn.Transformer(4, 2, 1, 1)", "torch.ones(3, 2, 4), torch.ones(3, 1, 4)"),
]  # fmt: skip


@pytest.mark.parametrize(("module", "call"), WRONG)
def test_what_modules_refuse(module, call):
    """Errors and warnings say what PyTorch's say."""
    same_print(f"m = {module}\nprint(m)\n" + (f"m({call})\nprint('called')" if call else ""))
