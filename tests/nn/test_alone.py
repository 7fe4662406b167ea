"""Networks, optimisers and loaders by themselves, without PyTorch: against closed forms and by what must hold."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

import teachgrad
from teachgrad import nn, optim
from teachgrad.utils import data


class Net(nn.Module):
    """Two layers, one of them twice, and a buffer."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.rest = nn.Sequential(nn.Tanh(), nn.Linear(4, 2))
        self.again = self.first
        self.register_buffer("calls", teachgrad.tensor(0))

    def forward(self, x):
        self.calls += 1
        return self.rest(self.first(x))


# -- modules ---------------------------------------------------------------------------------------------------
def test_the_tree():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == [
        "first.weight",
        "first.bias",
        "rest.1.weight",
        "rest.1.bias",
    ]
    assert [name for name, _ in net.named_modules()] == ["", "first", "rest", "rest.0", "rest.1"]
    assert list(net.state_dict()) == [
        "calls", "first.weight", "first.bias", "rest.1.weight", "rest.1.bias", "again.weight", "again.bias",
    ]  # fmt: skip
    seen = []
    net.apply(lambda module: seen.append(type(module).__name__))
    assert seen == ["Linear", "Tanh", "Linear", "Sequential", "Net"]
    assert net.eval().rest[1].training is False and net.train().rest[1].training is True
    assert "(1): Linear(in_features=4, out_features=2, bias=True)" in repr(net)


def test_state_goes_from_one_network_to_another():
    one, other = Net(), Net()
    x = teachgrad.randn(5, 3)
    one(x)
    assert not teachgrad.equal(one(x), other(x))
    assert repr(other.load_state_dict(one.state_dict())) == "<All keys matched successfully>"
    assert teachgrad.equal(one(x), other(x)) and other.calls.item() == 3
    state = one.state_dict()
    del state["calls"]
    state["first.bias"] = teachgrad.ones(7)
    with pytest.raises(RuntimeError) as caught:
        other.load_state_dict(state)
    assert 'Missing key(s) in state_dict: "calls".' in str(caught.value)
    assert "size mismatch for first.bias: copying a param with shape torch.Size([7])" in str(caught.value)
    assert teachgrad.equal(one(x), other(x)), "a refused state changes nothing"


def test_hooks():
    net, seen = Net(), []
    net.first.register_forward_pre_hook(lambda module, args: seen.append("before"))
    net.first.register_forward_hook(lambda module, args, output: output * 0)
    handle = net.rest[1].register_full_backward_hook(
        lambda module, grad_in, grad_out: seen.append(grad_out[0].tolist())
    )
    net(teachgrad.ones(1, 3)).sum().backward()
    assert seen == ["before", [[1.0, 1.0]]]
    assert net.first.weight.grad.abs().sum() == 0
    handle.remove()
    net(teachgrad.ones(1, 3)).sum().backward()
    assert seen[2:] == ["before"]


def test_frozen_and_converted():
    net = Net()
    net.first.requires_grad_(False)
    net(teachgrad.ones(1, 3)).sum().backward()
    assert net.first.weight.grad is None and net.rest[1].weight.grad is not None
    net.double()
    assert net.first.weight.dtype == teachgrad.float64 and net.calls.dtype == teachgrad.int64


@pytest.mark.parametrize("dim", [0, 1])
def test_weight_norm_to_the_second_order(dim):
    """PyTorch 2.13 itself fails its own `gradgradcheck` here."""
    v = teachgrad.linspace(-1, 2, 6, dtype=teachgrad.float64).view(2, 3).requires_grad_()
    g = (
        (teachgrad.arange(2 + dim, dtype=teachgrad.float64) + 0.5)
        .view((-1, 1) if dim == 0 else (1, -1))
        .requires_grad_()
    )
    assert teachgrad.autograd.gradcheck(lambda v, g: teachgrad._weight_norm(v, g, dim), (v, g))
    assert teachgrad.autograd.gradgradcheck(lambda v, g: teachgrad._weight_norm(v, g, dim), (v, g))


# -- optimisers ------------------------------------------------------------------------------------------------
def steps(make, slope, count, start=2.0):
    """The parameter after each of `count` steps down a hill whose slope at x is `slope(x)`."""
    p = nn.Parameter(teachgrad.tensor(start, dtype=teachgrad.float64))
    optimiser, seen = make([p]), []
    for _ in range(count):
        p.grad = teachgrad.tensor(float(slope(p.item())), dtype=teachgrad.float64)
        optimiser.step()
        seen.append(p.item())
    return np.array(seen)


T = np.arange(1, 21)
CLOSED = {
    "gradient descent": (lambda p: optim.SGD(p, lr=0.1), lambda x: 3 * x, 2 * 0.7**T),
    "weight decay": (lambda p: optim.SGD(p, lr=0.1, weight_decay=0.5), lambda x: 0, 2 * 0.95**T),
    "momentum": (lambda p: optim.SGD(p, lr=0.1, momentum=0.5), lambda x: 1, 2 - 0.1 * np.cumsum(2 * (1 - 0.5**T))),
    "adam": (lambda p: optim.Adam(p, lr=0.1, eps=0), lambda x: -7, 2 + 0.1 * T),
    "adamw": (lambda p: optim.AdamW(p, lr=0.1, weight_decay=0.2), lambda x: 0, 2 * 0.98**T),
    "adagrad": (lambda p: optim.Adagrad(p, lr=0.1, eps=0), lambda x: 5, 2 - 0.1 * np.cumsum(1 / np.sqrt(T))),
    "rmsprop": (lambda p: optim.RMSprop(p, lr=0.1, eps=0), lambda x: 5, 2 - 0.1 * np.cumsum(1 / np.sqrt(1 - 0.99**T))),
    "adamax": (lambda p: optim.Adamax(p, lr=0.1, eps=0), lambda x: 5, 2 - 0.1 * T),
    "rprop": (lambda p: optim.Rprop(p, lr=0.1), lambda x: 3, 2 - np.cumsum(0.1 * 1.2 ** np.maximum(T - 1, 0))),
}


@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms(name):
    make, slope, wanted = CLOSED[name]
    np.testing.assert_allclose(steps(make, slope, 20), wanted, rtol=1e-12, atol=1e-12)


def test_lbfgs_finds_the_lowest_point():
    a = teachgrad.tensor([[3.0, 0.5], [0.5, 1.0]], dtype=teachgrad.float64)
    b = teachgrad.tensor([1.0, -2.0], dtype=teachgrad.float64)
    x = nn.Parameter(teachgrad.zeros(2, dtype=teachgrad.float64))
    optimiser = optim.LBFGS([x], line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        loss = (a @ x) @ x / 2 - b @ x
        loss.backward()
        return loss

    for _ in range(3):
        optimiser.step(closure)
    np.testing.assert_allclose((a @ x).detach().numpy(), b.numpy(), atol=1e-4)


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (lambda o: optim.lr_scheduler.StepLR(o, 3, gamma=0.5), lambda t: 0.5 ** (t // 3)),
        (lambda o: optim.lr_scheduler.ExponentialLR(o, 0.9), lambda t: 0.9**t),
        (lambda o: optim.lr_scheduler.CosineAnnealingLR(o, 20), lambda t: (1 + math.cos(math.pi * t / 20)) / 2),
        (lambda o: optim.lr_scheduler.LambdaLR(o, lambda t: 1 / (1 + t)), lambda t: 1 / (1 + t)),
        (lambda o: optim.lr_scheduler.LinearLR(o, 0.5, 1.0, 10), lambda t: 0.5 + 0.05 * min(t, 10)),
    ],
)
def test_schedules(make, wanted):
    optimiser = optim.SGD([nn.Parameter(teachgrad.ones(1))], lr=1.0)
    scheduler = make(optimiser)
    for t in range(20):
        assert optimiser.param_groups[0]["lr"] == pytest.approx(wanted(t), rel=1e-9)
        optimiser.step()
        scheduler.step()


# -- data ------------------------------------------------------------------------------------------------------
def test_every_sample_comes_once():
    pairs = data.TensorDataset(teachgrad.arange(23), teachgrad.arange(23) * 2)
    loader = data.DataLoader(pairs, batch_size=5, shuffle=True, generator=teachgrad.Generator().manual_seed(1))
    orders = []
    for _ in range(2):
        batches = list(loader)
        assert [len(x) for x, _ in batches] == [5, 5, 5, 5, 3] and len(loader) == 5
        assert all(teachgrad.equal(y, 2 * x) for x, y in batches)
        orders.append([n for x, _ in batches for n in x.tolist()])
        assert sorted(orders[-1]) == list(range(23))
    assert orders[0] != orders[1]
    assert [len(x) for x, _ in data.DataLoader(pairs, batch_size=5, drop_last=True)] == [5, 5, 5, 5]


def test_a_split_shares_nothing():
    parts = data.random_split(range(30), [0.5, 0.3, 0.2])
    assert [len(part) for part in parts] == [15, 9, 6]
    assert Counter(n for part in parts for n in part) == Counter(range(30))


def test_workers_give_the_same_batches():
    numbers = data.TensorDataset(teachgrad.arange(12))
    alone, together = ([x.tolist() for (x,) in data.DataLoader(numbers, batch_size=4, num_workers=n)] for n in (0, 2))
    assert alone == together == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


# -- all together ----------------------------------------------------------------------------------------------
def test_a_network_learns_xor_and_is_saved(tmp_path):
    teachgrad.manual_seed(3)
    x = teachgrad.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = teachgrad.tensor([0, 1, 1, 0])

    def make():
        return nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))

    net = make()
    optimiser = optim.Adam(net.parameters(), lr=0.05)
    for _ in range(150):
        loss = nn.functional.cross_entropy(net(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.02
    assert net(x).argmax(1).tolist() == [0, 1, 1, 0]
    teachgrad.save({"net": net.state_dict(), "optimiser": optimiser.state_dict()}, tmp_path / "xor.pt")
    read, other = teachgrad.load(tmp_path / "xor.pt"), make()
    other.load_state_dict(read["net"])
    assert teachgrad.equal(other(x), net(x))
    optim.Adam(other.parameters()).load_state_dict(read["optimiser"])


@pytest.mark.parametrize("layer", [nn.LSTM(2, 3), nn.GRU(2, 3), nn.RNN(2, 3)])
def test_recurrent_layers_are_their_cells_step_by_step(layer):
    cell = getattr(nn, type(layer).__name__ + "Cell")(2, 3)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in layer.state_dict().items()})
    x = teachgrad.randn(5, 4, 2, requires_grad=True)
    state = outputs = None
    for step in x:
        state = cell(step, state)
        h = state[0] if isinstance(state, tuple) else state
        outputs = h.unsqueeze(0) if outputs is None else teachgrad.cat([outputs, h.unsqueeze(0)])
    whole, _ = layer(x)
    np.testing.assert_allclose(whole.detach().numpy(), outputs.detach().numpy(), rtol=1e-5, atol=1e-6)
    weights = teachgrad.randn(5, 4, 3)
    by_layer, by_cell = (
        teachgrad.autograd.grad((out * weights).sum(), [x, *module.parameters()])
        for out, module in ((whole, layer), (outputs, cell))
    )
    for one, other in zip(by_layer, by_cell, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-4, atol=1e-6)


def test_the_second_derivative_of_an_lstm():
    teachgrad.manual_seed(0)
    layer = nn.LSTM(2, 3)
    x = teachgrad.randn(4, 2, 2, requires_grad=True)

    def slope(x):
        output, (_, c) = layer(x)
        return teachgrad.autograd.grad(output.pow(2).sum() + c.sum(), x, create_graph=True)[0]

    direction = teachgrad.randn(4, 2, 2)
    exact = teachgrad.autograd.grad((slope(x) * direction).sum(), x)[0]
    with_step = [slope((x + h * direction).detach().requires_grad_()) for h in (1e-2, -1e-2)]
    nearly = (with_step[0] - with_step[1]).detach() / 2e-2
    np.testing.assert_allclose(exact.numpy(), nearly.numpy(), rtol=2e-2, atol=2e-3)
