"""Optimisers and schedulers, step by step beside PyTorch's."""

# ruff: noqa: E501 - one case, one line

from __future__ import annotations

import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import teachgrad  # noqa: E402 - after the skip

from .conftest import numbers, same_print  # noqa: E402

LIBRARIES = (teachgrad, torch)

OPTIMISERS = [
    "SGD(params, lr=0.1)",
    "SGD(params, lr=0.05, momentum=0.9)",
    "SGD(params, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01)",
    "SGD(params, lr=0.05, momentum=0.5, dampening=0.5)",
    "Adam(params, lr=0.05)",
    "Adam(params, lr=0.05, amsgrad=True, weight_decay=0.1)",
    "Adam(params, lr=0.1, betas=(0.8, 0.9), eps=1e-3)",
    "AdamW(params, lr=0.05)",
    "AdamW(params, lr=0.05, amsgrad=True)",
    "Adamax(params, lr=0.05)",
    "NAdam(params, lr=0.05)",
    "NAdam(params, lr=0.05, weight_decay=0.1, decoupled_weight_decay=True)",
    "RAdam(params, lr=0.05)",
    "RMSprop(params, lr=0.01)",
    "RMSprop(params, lr=0.01, momentum=0.9, centered=True, weight_decay=0.1)",
    "Adagrad(params, lr=0.1, lr_decay=0.1, weight_decay=0.1)",
    "Adagrad(params, initial_accumulator_value=0.5)",
    "Adadelta(params, lr=0.5)",
    "Adadelta(params, lr=0.5, rho=0.8, weight_decay=0.1)",
    "SGD(params, lr=0.05, momentum=0.9, nesterov=True)",
    "SGD(params, lr=0.05, weight_decay=0.1)",
    "Adam(params, lr=0.05, amsgrad=True)",
    "Adam(params, lr=0.05, weight_decay=0.1)",
    "Adamax(params, lr=0.01, weight_decay=0.1, betas=(0.8, 0.99))",
    "NAdam(params, lr=0.05, momentum_decay=0.1)",
    "RAdam(params, lr=0.05, weight_decay=0.1)",
    "RAdam(params, lr=0.05, weight_decay=0.1, decoupled_weight_decay=True)",
    "RMSprop(params, lr=0.01, centered=True)",
    "RMSprop(params, lr=0.001, momentum=0.5, alpha=0.95, eps=1e-2)",
    "ASGD(params, lr=0.05)",
    "ASGD(params, lr=0.05, lambd=0.1, alpha=0.5, t0=20, weight_decay=0.1)",
    "Rprop(params)",
    "Rprop(params, lr=0.1, etas=(0.3, 1.5), step_sizes=(1e-4, 0.2))",
]
GOING_UP = [
    f"{name}(params, lr=0.001, maximize=True{more})" for name, more in [("SGD", ", momentum=0.5"), ("Adam", ", amsgrad=True"), ("AdamW", ""), ("Adamax", ""), ("NAdam", ""), ("RAdam", ""), ("RMSprop", ", centered=True"), ("Adagrad", ""), ("Adadelta", ""), ("ASGD", ", lambd=0.1"), ("Rprop", "")]
]  # fmt: skip
LBFGS = [
    "LBFGS(params)",
    "LBFGS(params, lr=0.5, history_size=3)",
    "LBFGS(params, line_search_fn='strong_wolfe')",
    "LBFGS(params, max_iter=5, max_eval=4)",
]


def quadratic(library, dtype):
    """Parameters, and a closure that computes a loss of them with its gradients."""
    matrix = library.tensor([[3.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 0.3]], dtype=dtype)
    shift = library.tensor([1.0, -2.0, 0.5], dtype=dtype)
    x = library.nn.Parameter(library.tensor([1.0, 2.0, 3.0], dtype=dtype))
    scalar = library.nn.Parameter(library.tensor(0.7, dtype=dtype))

    def loss():
        return (matrix @ x * x).sum() / 2 - (shift * x).sum() + (scalar - 1) ** 2 + (x**2).sum() ** 2 * 0.01

    return [x, scalar], loss


def mlp(library, dtype):
    """The parameters of a small network on fixed data, and its loss."""
    library.manual_seed(0)
    net = library.nn.Sequential(library.nn.Linear(2, 8), library.nn.Tanh(), library.nn.Linear(8, 1)).to(dtype)
    x = library.linspace(-1, 1, 20, dtype=dtype).view(10, 2)
    target = (x * 2).sin().sum(1, keepdim=True)
    return list(net.parameters()), lambda: library.nn.functional.mse_loss(net(x), target)


def trace(library, make, text, steps, dtype):
    """The parameters after each step, and the optimiser."""
    params, loss = make(library, dtype)
    optimiser = eval(
        text,
        {
            "params": params,
            "torch": library,
            **vars(library.optim),
            **{n: getattr(library.optim, n) for n in dir(library.optim)},
        },
    )

    def closure():
        optimiser.zero_grad()
        value = loss()
        value.backward()
        return value

    seen = []
    for _ in range(steps):
        optimiser.step(closure)
        seen.append(np.concatenate([numbers(p).ravel() for p in params]))
    return np.array(seen), optimiser


@pytest.mark.parametrize("make", [quadratic, mlp])
@pytest.mark.parametrize("text", OPTIMISERS)
def test_two_hundred_steps(text, make):
    """In float64, where last bits do not grow into different turns."""
    (mine, my_optimiser), (theirs, their_optimiser) = (trace(lib, make, text, 200, lib.float64) for lib in LIBRARIES)
    np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)
    assert repr(my_optimiser) == repr(their_optimiser)
    mine, theirs = my_optimiser.state_dict(), their_optimiser.state_dict()
    assert mine["param_groups"] == theirs["param_groups"]
    assert mine["state"].keys() == theirs["state"].keys()
    for number, state in theirs["state"].items():
        assert list(mine["state"][number]) == list(state)
        for name, value in state.items():
            if value is not None:
                assert str(mine["state"][number][name].dtype) == str(value.dtype)
                np.testing.assert_allclose(numbers(mine["state"][number][name]), numbers(value), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("make", [quadratic, mlp])
@pytest.mark.parametrize("text", OPTIMISERS)
def test_first_steps_in_float32(text, make):
    (mine, _), (theirs, _) = (trace(lib, make, text, 15, lib.float32) for lib in LIBRARIES)
    np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("text", GOING_UP)
def test_maximize(text):
    (mine, _), (theirs, _) = (trace(lib, mlp, text, 40, lib.float64) for lib in LIBRARIES)
    np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-7)
    (down, _) = trace(teachgrad, mlp, text.replace("maximize=True", "maximize=False"), 40, teachgrad.float64)
    assert not np.allclose(mine, down, rtol=1e-3)


@pytest.mark.parametrize(("make", "steps"), [(quadratic, 8), (mlp, 2)])
@pytest.mark.parametrize("text", LBFGS)
def test_lbfgs(text, make, steps):
    (mine, my_optimiser), (theirs, their_optimiser) = (trace(lib, make, text, steps, lib.float64) for lib in LIBRARIES)
    np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)
    counts = [next(iter(o.state.values())) for o in (my_optimiser, their_optimiser)]
    assert counts[0]["func_evals"] == counts[1]["func_evals"] and counts[0]["n_iter"] == counts[1]["n_iter"]


@pytest.mark.parametrize(
    "text", ["SGD(params, lr=0.05, momentum=0.9)", "Adam(params, lr=0.05)", "RMSprop(params)", "Adadelta(params)"]
)
def test_state_goes_on(text):
    """Halfway saved and loaded into a new optimiser, training goes on as if nothing had happened."""
    params, loss = quadratic(teachgrad, teachgrad.float32)

    def step(optimiser):
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()

    def make():
        return eval(text, {"params": params, **{n: getattr(teachgrad.optim, n) for n in dir(teachgrad.optim)}})

    first = make()
    for _ in range(5):
        step(first)
    saved, values = pickle.dumps(first.state_dict()), [p.detach().clone() for p in params]
    for _ in range(5):
        step(first)
    wanted = [numbers(p).copy() for p in params]
    with teachgrad.no_grad():
        for param, value in zip(params, values, strict=True):
            param.copy_(value)
    second = make()
    second.load_state_dict(pickle.loads(saved))
    for _ in range(5):
        step(second)
    for param, value in zip(params, wanted, strict=True):
        np.testing.assert_array_equal(numbers(param), value)


ONE = "p = nn.Parameter(torch.ones(2)); o = torch.optim.SGD([p], lr=0.5, momentum=0.9)\n"

SNIPPETS = {
    "state": ONE + "p.sum().backward(); o.step(); print(o.state_dict()); print(o.state[p])",
    "printed": "print(torch.optim.Adam([{'params': [nn.Parameter(torch.ones(1))], 'lr': 0.1}, {'params': [nn.Parameter(torch.ones(1))]}], lr=0.5))",
    "add group": ONE + "o.add_param_group({'params': nn.Parameter(torch.ones(1)), 'lr': 3.0}); print(o)\no.add_param_group({'params': [p]})",
    "named": "l = nn.Linear(1, 1); o = torch.optim.SGD(l.named_parameters(), lr=0.1); print(o); print(o.state_dict())",
    "zero grad": ONE + "p.sum().backward(); o.zero_grad(); print(p.grad); p.sum().backward(); o.zero_grad(set_to_none=False); print(p.grad)",
    "no grad": ONE + "o.step(); print(p, o.state_dict()['state'])",
    "closure": ONE + "def c():\n    o.zero_grad(); l = (p ** 2).sum(); l.backward(); return l\nprint(o.step(c)); print(p)",
    "version": ONE + "p.sum().backward(); o.step(); print(p._version, p.is_leaf, p.grad); o.step(); print(p)",
    "hooks": ONE + "o.register_step_post_hook(lambda opt, a, k: print('after')); h = o.register_step_pre_hook(lambda opt, a, k: print('before')); o.step(); h.remove(); o.step()",
    "empty": "torch.optim.SGD([], lr=0.1)",
    "one tensor": "torch.optim.SGD(nn.Parameter(torch.ones(1)), lr=0.1)",
    "strings": "torch.optim.SGD(['a'], lr=0.1)",
    "twice": "p = nn.Parameter(torch.ones(1)); torch.optim.SGD([{'params': [p]}, {'params': [p]}], lr=0.1)",
    "set": "torch.optim.SGD([{'params': {nn.Parameter(torch.ones(1))}}], lr=0.1)",
    "non-leaf": "torch.optim.SGD([nn.Parameter(torch.ones(1)) * 2], lr=0.1)",
    "negative lr": "torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=-1)",
    "nesterov": "torch.optim.SGD([nn.Parameter(torch.ones(1))], nesterov=True)",
    "betas": "torch.optim.Adam([nn.Parameter(torch.ones(1))], betas=(1.0, 0.9))",
    "eps": "torch.optim.AdamW([nn.Parameter(torch.ones(1))], eps=-1.0)",
    "momentum": "torch.optim.RMSprop([nn.Parameter(torch.ones(1))], momentum=-1)",
    "rho": "torch.optim.Adadelta([nn.Parameter(torch.ones(1))], rho=2)",
    "load other groups": ONE + "s = o.state_dict(); s['param_groups'].append({'params': []}); o.load_state_dict(s)",
    "load other sizes": ONE + "s = o.state_dict(); s['param_groups'][0]['params'] = [0, 1]; o.load_state_dict(s)",
    "lbfgs groups": "torch.optim.LBFGS([{'params': [nn.Parameter(torch.ones(1))]}, {'params': [nn.Parameter(torch.ones(1))]}])",
    "lr as a tensor": "p = nn.Parameter(torch.ones(2)); lr = torch.tensor(0.5); o = torch.optim.Adam([p], lr=lr); p.sum().backward(); o.step(); print(p); lr.mul_(0.1); o.step(); print(p, o)",
    "bad etas": "torch.optim.Rprop([nn.Parameter(torch.ones(1))], etas=(1.0, 2.0))",
    "lr by hand": ONE + "o.param_groups[0]['lr'] = 0.25; p.sum().backward(); o.step(); print(p, o.param_groups[0]['lr'])",
    "own optimiser": "class Plain(torch.optim.Optimizer):\n    def __init__(self, params, lr): super().__init__(params, {'lr': lr})\n    def step(self):\n        with torch.no_grad():\n            for g in self.param_groups:\n                for p in g['params']: p -= g['lr'] * p.grad; self.state[p]['n'] = 1\np = nn.Parameter(torch.ones(2)); o = Plain([p], 0.5); s = torch.optim.lr_scheduler.StepLR(o, 1); p.sum().backward(); o.step(); s.step(); print(p, o, o.state[p])",
}  # fmt: skip


@pytest.mark.parametrize("name", SNIPPETS)
def test_optim(name):
    same_print(SNIPPETS[name])
