"""Optimisers and schedulers, step by step beside PyTorch's."""

# ruff: noqa: E501 - one case, one line

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import teachgrad  # noqa: E402 - after the skip

from .conftest import numbers, same_print  # noqa: E402

LIBRARIES = (teachgrad, torch)

OPTIMISERS = [
    "SGD(params, lr=0.1)", "SGD(params, lr=0.05, momentum=0.9)", "SGD(params, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01)",
    "SGD(params, lr=0.05, momentum=0.5, dampening=0.5)", "Adam(params, lr=0.05)", "Adam(params, lr=0.05, amsgrad=True, weight_decay=0.1)",
    "Adam(params, lr=0.1, betas=(0.8, 0.9), eps=1e-3)", "AdamW(params, lr=0.05)", "AdamW(params, lr=0.05, amsgrad=True)", "Adamax(params, lr=0.05)",
    "NAdam(params, lr=0.05)", "NAdam(params, lr=0.05, weight_decay=0.1, decoupled_weight_decay=True)", "RAdam(params, lr=0.05)",
    "RMSprop(params, lr=0.01)", "RMSprop(params, lr=0.01, momentum=0.9, centered=True, weight_decay=0.1)", "Adagrad(params, lr=0.1, lr_decay=0.1, weight_decay=0.1)",
    "Adagrad(params, initial_accumulator_value=0.5)", "Adadelta(params, lr=0.5)", "Adadelta(params, lr=0.5, rho=0.8, weight_decay=0.1)",
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
        text, {"params": params, **vars(library.optim), **{n: getattr(library.optim, n) for n in dir(library.optim)}}
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


SCHEDULES = [
    "StepLR(o, 3)", "StepLR(o, 3, gamma=0.5)", "MultiStepLR(o, [2, 5, 5, 9], gamma=0.3)", "MultiStepLR(o, [0, 2])", "ExponentialLR(o, 0.9)",
    "CosineAnnealingLR(o, 5, eta_min=0.01)", "CosineAnnealingLR(o, 1)", "CosineAnnealingLR(o, 20)", "OneCycleLR(o, 0.5, total_steps=40)",
    "OneCycleLR(o, [0.5, 0.4], epochs=5, steps_per_epoch=8, three_phase=True, anneal_strategy='linear')", "LambdaLR(o, lambda e: 0.95 ** e)",
    "LambdaLR(o, [lambda e: 1 / (e + 1), lambda e: e])", "MultiplicativeLR(o, lambda e: 0.9)", "LinearLR(o)", "LinearLR(o, 0.1, 0.5, 7)",
    "ConstantLR(o, 0.5, 4)", "PolynomialLR(o, 10, 2.0)", "CyclicLR(o, 0.01, 0.1, step_size_up=4)",
    "CyclicLR(o, 0.01, 0.1, step_size_up=4, step_size_down=3, mode='triangular2')", "CyclicLR(o, 0.01, 0.1, 4, mode='exp_range', gamma=0.99, cycle_momentum=False)",
    "CosineAnnealingWarmRestarts(o, 4, 2, eta_min=0.001)", "CosineAnnealingWarmRestarts(o, 3)", "SequentialLR(o, [ConstantLR(o, 0.1, 2), ExponentialLR(o, 0.9)], [4])",
    "SequentialLR(o, [LinearLR(o, 0.1, 1.0, 5), CosineAnnealingLR(o, 10)], [5])", "ChainedScheduler([ConstantLR(o, 0.1, 3), ExponentialLR(o, 0.9)])",
    "SequentialLR(o, [LinearLR(o, 0.1, 1.0, 5), StepLR(o, 2), LambdaLR(o, lambda e: 0.5 ** e), MultiStepLR(o, [0, 3]), PolynomialLR(o, 6), OneCycleLR(o, 0.3, total_steps=30)], [5, 10, 15, 20, 25])",
]  # fmt: skip


def rates(library, text):
    """The learning rates and momenta of two groups over 35 epochs."""
    optimiser = library.optim.SGD(
        [
            {"params": [library.nn.Parameter(library.ones(2))]},
            {"params": [library.nn.Parameter(library.ones(2))], "lr": 0.7},
        ],
        lr=0.2,
        momentum=0.9,
    )
    schedulers = library.optim.lr_scheduler
    scheduler = eval(text, {"o": optimiser, **{n: getattr(schedulers, n) for n in dir(schedulers)}})
    seen = [scheduler.get_last_lr()]
    for _ in range(35):
        optimiser.step()
        scheduler.step()
        seen.append(
            [
                *scheduler.get_last_lr(),
                *(g["lr"] for g in optimiser.param_groups),
                *(g["momentum"] for g in optimiser.param_groups),
            ]
        )
    return seen, scheduler


@pytest.mark.parametrize("text", SCHEDULES)
def test_schedule(text):
    (mine, my_scheduler), (theirs, _) = rates(teachgrad, text), rates(torch, text)
    for one, other in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    my_scheduler.load_state_dict(my_scheduler.state_dict())


def test_schedule_goes_on():
    """A schedule halfway saved and loaded into a new one gives the same rates."""
    parameter = teachgrad.nn.Parameter(teachgrad.ones(1))
    schedulers = teachgrad.optim.lr_scheduler

    def make():
        optimiser = teachgrad.optim.SGD([parameter], lr=0.1)
        return optimiser, schedulers.CosineAnnealingLR(optimiser, 10)

    def run(optimiser, scheduler, epochs):
        found = []
        for _ in range(epochs):
            optimiser.step()
            scheduler.step()
            found += scheduler.get_last_lr()
        return found

    whole = run(*make(), 8)
    first = make()
    run(*first, 4)
    second = make()
    second[0].load_state_dict(first[0].state_dict())
    second[1].load_state_dict(first[1].state_dict())
    assert run(*second, 4) == whole[4:]


PLATEAU = "p = [nn.Parameter(torch.ones(1))]; o = torch.optim.SGD(p, lr=1.0)\ns = torch.optim.lr_scheduler.ReduceLROnPlateau(o, {0})\nfor v in [5, 4, 4, 4, 4, 3.9999, 3, 3, 3, 3, 3, 3, 3, 3, 1, 2, 3]:\n    s.step({1})\n    print(s.get_last_lr(), s.num_bad_epochs, s.best, s.in_cooldown)"  # fmt: skip
ONE = "p = nn.Parameter(torch.ones(2)); o = torch.optim.SGD([p], lr=0.5, momentum=0.9)\n"

SNIPPETS = {
    "plateau": PLATEAU.format("patience=1", "v"), "plateau max": PLATEAU.format("'max', 0.5, 0, threshold_mode='abs', threshold=0.5", "v"),
    "plateau cooldown": PLATEAU.format("patience=0, cooldown=2, min_lr=0.005", "torch.tensor(v)"), "plateau mode": PLATEAU.format("'middle'", "v"),
    "plateau factor": PLATEAU.format("factor=1.5", "v"),
    "order warning": ONE + "s = torch.optim.lr_scheduler.StepLR(o, 1)\ns.step(); o.step(); s.step(); print(s.get_last_lr())",
    "right order": ONE + "s = torch.optim.lr_scheduler.StepLR(o, 1)\no.step(); s.step(); print(s.get_last_lr(), s.last_epoch)",
    "get_lr": ONE + "s = torch.optim.lr_scheduler.StepLR(o, 1)\nprint(s.get_lr())",
    "initial lr": ONE + "s = torch.optim.lr_scheduler.StepLR(o, 1); print(o)",
    "not an optimiser": "torch.optim.lr_scheduler.StepLR(3, 1)", "resume": ONE + "torch.optim.lr_scheduler.StepLR(o, 1, last_epoch=3)",
    "too many steps": ONE + "s = torch.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=2)\nfor _ in range(4): o.step(); s.step(); print(s.get_last_lr())",
    "one cycle lengths": ONE + "torch.optim.lr_scheduler.OneCycleLR(o, 0.1)", "linear": ONE + "torch.optim.lr_scheduler.LinearLR(o, 2.0)",
    "sequence": ONE + "S = torch.optim.lr_scheduler; S.SequentialLR(o, [S.StepLR(o, 1)], [3])", "empty sequence": ONE + "torch.optim.lr_scheduler.SequentialLR(o, [], [])",
    "state": ONE + "p.sum().backward(); o.step(); print(o.state_dict()); print(o.state[p])",
    "schedule state": ONE + "s = torch.optim.lr_scheduler.StepLR(o, 3); print(s.state_dict()['last_epoch'], s.state_dict()['step_size'], s.base_lrs)",
    "printed": "print(torch.optim.Adam([{'params': [nn.Parameter(torch.ones(1))], 'lr': 0.1}, {'params': [nn.Parameter(torch.ones(1))]}], lr=0.5))",
    "add group": ONE + "o.add_param_group({'params': nn.Parameter(torch.ones(1)), 'lr': 3.0}); print(o)\no.add_param_group({'params': [p]})",
    "named": "l = nn.Linear(1, 1); o = torch.optim.SGD(l.named_parameters(), lr=0.1); print(o); print(o.state_dict())",
    "zero grad": ONE + "p.sum().backward(); o.zero_grad(); print(p.grad); p.sum().backward(); o.zero_grad(set_to_none=False); print(p.grad)",
    "no grad": ONE + "o.step(); print(p, o.state_dict()['state'])", "closure": ONE + "def c():\n    o.zero_grad(); l = (p ** 2).sum(); l.backward(); return l\nprint(o.step(c)); print(p)",
    "version": ONE + "p.sum().backward(); o.step(); print(p._version, p.is_leaf, p.grad); o.step(); print(p)", "hooks": ONE + "o.register_step_post_hook(lambda opt, a, k: print('after')); h = o.register_step_pre_hook(lambda opt, a, k: print('before')); o.step(); h.remove(); o.step()",
    "empty": "torch.optim.SGD([], lr=0.1)", "one tensor": "torch.optim.SGD(nn.Parameter(torch.ones(1)), lr=0.1)", "strings": "torch.optim.SGD(['a'], lr=0.1)",
    "twice": "p = nn.Parameter(torch.ones(1)); torch.optim.SGD([{'params': [p]}, {'params': [p]}], lr=0.1)", "set": "torch.optim.SGD([{'params': {nn.Parameter(torch.ones(1))}}], lr=0.1)",
    "non-leaf": "torch.optim.SGD([nn.Parameter(torch.ones(1)) * 2], lr=0.1)", "negative lr": "torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=-1)",
    "nesterov": "torch.optim.SGD([nn.Parameter(torch.ones(1))], nesterov=True)", "betas": "torch.optim.Adam([nn.Parameter(torch.ones(1))], betas=(1.0, 0.9))",
    "eps": "torch.optim.AdamW([nn.Parameter(torch.ones(1))], eps=-1.0)", "momentum": "torch.optim.RMSprop([nn.Parameter(torch.ones(1))], momentum=-1)", "rho": "torch.optim.Adadelta([nn.Parameter(torch.ones(1))], rho=2)",
    "load other groups": ONE + "s = o.state_dict(); s['param_groups'].append({'params': []}); o.load_state_dict(s)", "load other sizes": ONE + "s = o.state_dict(); s['param_groups'][0]['params'] = [0, 1]; o.load_state_dict(s)",
    "lbfgs groups": "torch.optim.LBFGS([{'params': [nn.Parameter(torch.ones(1))]}, {'params': [nn.Parameter(torch.ones(1))]}])",
    "lr by hand": ONE + "o.param_groups[0]['lr'] = 0.25; p.sum().backward(); o.step(); print(p, o.param_groups[0]['lr'])",
    "own optimiser": "class Plain(torch.optim.Optimizer):\n    def __init__(self, params, lr): super().__init__(params, {'lr': lr})\n    def step(self):\n        with torch.no_grad():\n            for g in self.param_groups:\n                for p in g['params']: p -= g['lr'] * p.grad; self.state[p]['n'] = 1\np = nn.Parameter(torch.ones(2)); o = Plain([p], 0.5); s = torch.optim.lr_scheduler.StepLR(o, 1); p.sum().backward(); o.step(); s.step(); print(p, o, o.state[p])",
}  # fmt: skip


@pytest.mark.parametrize("name", SNIPPETS)
def test_optim(name):
    same_print(SNIPPETS[name])


def test_no_warning_in_the_right_order():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rates(teachgrad, "StepLR(o, 3)")
