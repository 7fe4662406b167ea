"""Learning rate schedules, epoch by epoch beside PyTorch's."""

# ruff: noqa: E501 - one case, one line

from __future__ import annotations

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import teachgrad  # noqa: E402 - after the skip

from .conftest import numbers, same_print  # noqa: E402
from .test_optim import LIBRARIES, mlp, quadratic  # noqa: E402

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


LONG = [
    "StepLR(o, 60)", "MultiStepLR(o, [50, 150], gamma=0.3)", "ExponentialLR(o, 0.99)", "CosineAnnealingLR(o, 200)", "CosineAnnealingLR(o, 30)",
    "OneCycleLR(o, 0.1, total_steps=201)", "LambdaLR(o, lambda e: 1 / (1 + 0.01 * e))", "MultiplicativeLR(o, lambda e: 0.995)", "LinearLR(o, 0.1, total_iters=40)",
    "ConstantLR(o, 0.2, 70)", "PolynomialLR(o, 150, 0.9)", "CyclicLR(o, 0.001, 0.05, 15)", "CosineAnnealingWarmRestarts(o, 20, 2)", "ReduceLROnPlateau(o, patience=3)",
    "SequentialLR(o, [LinearLR(o, 0.1, 1.0, 20), CosineAnnealingLR(o, 180)], [20])", "ChainedScheduler([ConstantLR(o, 0.1, 30), ExponentialLR(o, 0.99)])",
]  # fmt: skip


@pytest.mark.parametrize("make", [quadratic, mlp])
@pytest.mark.parametrize("text", LONG)
def test_two_hundred_steps(text, make):
    found = []
    for library in LIBRARIES:
        params, loss = make(library, library.float64)
        optimiser, schedulers = library.optim.SGD(params, lr=0.05, momentum=0.9), library.optim.lr_scheduler
        scheduler = eval(text, {"o": optimiser, **{n: getattr(schedulers, n) for n in dir(schedulers)}})
        seen = []
        for _ in range(200):
            optimiser.zero_grad()
            value = loss()
            value.backward()
            optimiser.step()
            scheduler.step(*([value.detach()] if text.startswith("Reduce") else []))
            seen.append(np.concatenate([numbers(p).ravel() for p in params]))
        found.append(np.array(seen))
    np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-8)


PLATEAU = "p = [nn.Parameter(torch.ones(1))]; o = torch.optim.SGD(p, lr=1.0)\ns = torch.optim.lr_scheduler.ReduceLROnPlateau(o, {0})\nfor v in [5, 4, 4, 4, 4, 3.9999, 3, 3, 3, 3, 3, 3, 3, 3, 1, 2, 3]:\n    s.step({1})\n    print(s.get_last_lr(), s.num_bad_epochs, s.best, s.in_cooldown)"  # fmt: skip
ONE = "p = nn.Parameter(torch.ones(2)); o = torch.optim.SGD([p], lr=0.5, momentum=0.9)\n"

SNIPPETS = {
    "plateau": PLATEAU.format("patience=1", "v"),
    "plateau max": PLATEAU.format("'max', 0.5, 0, threshold_mode='abs', threshold=0.5", "v"),
    "plateau cooldown": PLATEAU.format("patience=0, cooldown=2, min_lr=0.005", "torch.tensor(v)"),
    "plateau mode": PLATEAU.format("'middle'", "v"),
    "plateau factor": PLATEAU.format("factor=1.5", "v"),
    "order warning": ONE + "s = torch.optim.lr_scheduler.StepLR(o, 1)\ns.step(); o.step(); s.step(); print(s.get_last_lr())",
    "right order": ONE + "s = torch.optim.lr_scheduler.StepLR(o, 1)\no.step(); s.step(); print(s.get_last_lr(), s.last_epoch)",
    "get_lr": ONE + "s = torch.optim.lr_scheduler.StepLR(o, 1)\nprint(s.get_lr())",
    "initial lr": ONE + "s = torch.optim.lr_scheduler.StepLR(o, 1); print(o)",
    "not an optimiser": "torch.optim.lr_scheduler.StepLR(3, 1)",
    "resume": ONE + "torch.optim.lr_scheduler.StepLR(o, 1, last_epoch=3)",
    "too many steps": ONE + "s = torch.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=2)\nfor _ in range(4): o.step(); s.step(); print(s.get_last_lr())",
    "one cycle lengths": ONE + "torch.optim.lr_scheduler.OneCycleLR(o, 0.1)",
    "linear": ONE + "torch.optim.lr_scheduler.LinearLR(o, 2.0)",
    "sequence": ONE + "S = torch.optim.lr_scheduler; S.SequentialLR(o, [S.StepLR(o, 1)], [3])",
    "empty sequence": ONE + "torch.optim.lr_scheduler.SequentialLR(o, [], [])",
    "schedule state": ONE + "s = torch.optim.lr_scheduler.StepLR(o, 3); print(s.state_dict()['last_epoch'], s.state_dict()['step_size'], s.base_lrs)",
}  # fmt: skip


@pytest.mark.parametrize("name", SNIPPETS)
def test_schedulers(name):
    same_print(SNIPPETS[name])


def test_no_warning_in_the_right_order():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rates(teachgrad, "StepLR(o, 3)")
