"""Computed parameters: weight and spectral normalisation, and parametrizations of one's own."""

# ruff: noqa: E501 - one case, one line

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from .conftest import same_print

SHOWN = """
def show(net, *names):
    print(net); print(list(net.state_dict()))
    for step in range(2):
        y = net(x); y.pow(2).sum().backward()
        print(y.round(decimals=2), [(name, (p.grad + 0.001).round(decimals=2)) for name, p in net.named_parameters()])
    net.eval(); print(net(x), net.weight.detach(), net.weight.grad_fn and net.weight.grad_fn.name())
x = torch.linspace(-1, 1, 6).view(2, 3); P, Z = nn.utils.parametrize, nn.utils.parametrizations
class Symmetric(nn.Module):
    def forward(self, X): return X.triu() + X.triu(1).transpose(-1, -2)
    def right_inverse(self, A): return A.triu()
class Doubled(nn.Module):
    def forward(self, X): print("computed"); return 2 * X
"""
CASES = {
    "old weight norm": "m = nn.utils.weight_norm(nn.Linear(3, 2)); show(m); nn.utils.remove_weight_norm(m); show(m); nn.utils.remove_weight_norm(m)",
    "old weight norm dim": "show(nn.utils.weight_norm(nn.Linear(3, 2), dim=None)); show(nn.utils.weight_norm(nn.Linear(3, 2), dim=1)); print(nn.utils.weight_norm(nn.Conv2d(2, 3, 2), dim=1).weight)",
    "twice": "m = nn.utils.weight_norm(nn.Linear(3, 2)); nn.utils.weight_norm(m)",
    "old spectral norm": "m = nn.utils.spectral_norm(nn.Linear(3, 2)); show(m); nn.utils.remove_spectral_norm(m); show(m)",
    "old spectral norm of a convolution": "m = nn.utils.spectral_norm(nn.ConvTranspose1d(2, 3, 2), n_power_iterations=3); print(m(x[:, None].repeat(1, 2, 1)), m)",
    "no power": "nn.utils.spectral_norm(nn.Linear(3, 2), n_power_iterations=0)",
    "weight norm": "m = Z.weight_norm(nn.Linear(3, 2)); show(m); P.remove_parametrizations(m, 'weight'); print(m, m.weight); show(m)",
    "weight norm dim": "show(Z.weight_norm(nn.Linear(3, 2), dim=1)); show(Z.weight_norm(nn.Linear(3, 2), dim=None)); P.remove_parametrizations(Z.weight_norm(nn.Linear(3, 2)), 'weight', False)",
    "spectral norm": "m = Z.spectral_norm(nn.Linear(3, 2)); show(m); print(m.weight.norm() >= 1)",
    "spectral norm of a vector": "m = Z.spectral_norm(nn.Linear(3, 2), 'bias'); print(m.bias, m.bias.norm().round(decimals=4)); Z.spectral_norm(nn.Linear(3, 2), dim=3)",
    "own": "m = P.register_parametrization(nn.Linear(3, 3), 'weight', Symmetric()); show(m); print(torch.equal(m.weight, m.weight.T), P.is_parametrized(m), P.is_parametrized(m, 'bias'), P.type_before_parametrizations(m).__name__)",
    "assigned": "m = P.register_parametrization(nn.Linear(3, 3), 'weight', Symmetric()); m.weight = torch.arange(9.).view(3, 3); print(m.weight, m.parametrizations.weight.original)",
    "not assigned": "m = P.register_parametrization(nn.Linear(3, 3), 'weight', Doubled()); m.weight = torch.ones(3, 3)",
    "two": "m = nn.Linear(3, 3); P.register_parametrization(m, 'weight', Symmetric()); P.register_parametrization(m, 'weight', Doubled()); print(m, m.weight); P.remove_parametrizations(m, 'weight'); print(m, m.weight)",
    "left as it was": "m = nn.Linear(2, 2); w = m.weight.clone(); P.register_parametrization(m, 'weight', Doubled()); P.remove_parametrizations(m, 'weight', leave_parametrized=False); print(torch.equal(m.weight, w), type(m).__name__)",
    "cached": "m = P.register_parametrization(nn.Linear(2, 2), 'weight', Doubled())\nwith P.cached(): print(m.weight is m.weight)\nprint(m.weight is m.weight)",
    "shape": "P.register_parametrization(nn.Linear(3, 2), 'weight', nn.Flatten(0))", "dtype": "class D(nn.Module):\n    def forward(self, X): return X.double()\nP.register_parametrization(nn.Linear(3, 2), 'weight', D())",
    "no tensor": "class D(nn.Module):\n    def forward(self, X): return 3\nP.register_parametrization(nn.Linear(3, 2), 'weight', D())",
    "no such": "P.register_parametrization(nn.Linear(3, 2), 'height', Doubled())", "none to remove": "P.remove_parametrizations(nn.Linear(3, 2), 'weight')",
    "buffer": "m = P.register_parametrization(nn.BatchNorm1d(3), 'running_mean', Doubled()); print(m.running_mean, list(m.state_dict()))",
    "trained": "m = P.register_parametrization(nn.Linear(3, 3), 'weight', Symmetric()); o = torch.optim.SGD(m.parameters(), 0.1); m(x).sum().backward(); o.step(); print(m.weight)",
    "loaded": "m, n = (Z.weight_norm(nn.Linear(3, 2)) for _ in range(2)); n.load_state_dict(m.state_dict()); print(torch.equal(m.weight, n.weight))",
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_parametrization(name):
    same_print(SHOWN + CASES[name])
