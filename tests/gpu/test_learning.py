"""Whole programs on the GPU: a lesson's cell, training runs that match the CPU's, pictures."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import teachgrad as torch
import teachgrad.viz.values
from teachgrad import nn, viz

pytestmark = pytest.mark.gpu


def test_the_cell_of_the_lesson():
    """The last lesson of the seeds, on whatever is there."""
    values = {}
    for device in ("cpu", "cuda"):
        x = torch.tensor([3.0, 7.0], device=device, requires_grad=True)
        t = (1 / torch.exp(torch.sin(x**2))).sum()
        t.backward()
        assert x.grad.device.type == device
        values[device] = (t.item(), *x.grad.tolist())
    assert values["cuda"] == pytest.approx(values["cpu"], rel=1e-5)


def network(kind):
    torch.manual_seed(0)
    if kind == "convolutions":
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 3)
        )
    if kind == "attention":
        return nn.Sequential(
            nn.Flatten(2), nn.Linear(64, 8), nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True),
            nn.Flatten(), nn.Linear(8, 3),
        )  # fmt: skip
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.LayerNorm(16), nn.Tanh(), nn.Linear(16, 3))


OPTIMISERS = {
    "dense": lambda p: torch.optim.Adam(p, 1e-2),
    "convolutions": lambda p: torch.optim.SGD(p, 1e-2, momentum=0.9),
    "attention": lambda p: torch.optim.AdamW(p, 1e-2),
}


def losses(kind, device, steps=5):
    with torch.device("cpu"):
        net, x, labels = network(kind), torch.randn(8, 1, 8, 8), torch.arange(8) % 3
    net, x, labels = net.to(device), x.to(device), labels.to(device)
    optimiser = OPTIMISERS[kind](net.parameters())
    found = []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(net(x), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        found.append(loss)
    assert all(p.device.type == device and p.grad.device.type == device for p in net.parameters())
    return found


@pytest.mark.parametrize("kind", OPTIMISERS)
def test_training_matches_the_cpu(kind):
    cpu, gpu = ([loss.item() for loss in losses(kind, device)] for device in ("cpu", "cuda"))
    assert gpu == pytest.approx(cpu, rel=1e-4)
    assert gpu[-1] < gpu[0]


@pytest.mark.parametrize("kind", OPTIMISERS)
def test_training_waits_for_nothing(kind, watch):
    """Forward, backward and the optimiser's step: no number comes back. Moving the network there is what crosses."""
    losses(kind, "cuda", steps=1)
    with torch.device("cpu"):
        net, x, labels = network(kind), torch.randn(8, 1, 8, 8), torch.arange(8) % 3
    net, x, labels = net.to("cuda"), x.to("cuda"), labels.to("cuda")
    optimiser = OPTIMISERS[kind](net.parameters())
    with watch() as counts:
        for _ in range(2):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(x), labels).backward()
            optimiser.step()
    assert not counts, counts


PROGRAM = """
import importlib, sys
if {standin}:
    importlib.import_module("gpu.standin_module").install()
import teachgrad as torch
x = torch.tensor([0.5, -1.0], requires_grad=True)
(x * x).sigmoid().sum().backward()  # rules compiled before a GPU is in use
y = x.detach().cuda().requires_grad_()
m = torch.eye(2, device="cuda", dtype=torch.bfloat16) * 2
((y * y).sigmoid() + torch.nn.functional.gelu(y) + y.erf() + torch.linalg.inv(m.float()) @ y).sum().backward()
y.grad -= x.grad.cuda()
print(y.grad.tolist())
"""


def test_a_program_of_its_own(request):
    """In a process where nothing was used before: what waits until it is needed finds the GPU when it comes."""
    standin = request.config.getoption("--device") != "cuda"
    here = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(standin=standin)],
        capture_output=True, text=True, cwd=here, env={**os.environ, "PYTHONPATH": f"{here}{os.pathsep}{here.parent}"},
    )  # fmt: skip
    assert not done.returncode, done.stderr
    x = torch.tensor([0.5, -1.0], device="cpu", requires_grad=True)
    (torch.nn.functional.gelu(x) + x.erf() + x / 2).sum().backward()
    assert eval(done.stdout) == pytest.approx(x.grad.tolist(), rel=1e-5)


def test_in_place_accumulation():
    """The second gradient is added into the memory of the first."""
    x = torch.ones(4, device="cuda", requires_grad=True)
    (x * 2).sum().backward()
    (x * 3).sum().backward()
    grad, place = x.grad, x.grad.data_ptr()
    (x * 4).sum().backward()
    assert x.grad is grad and grad.data_ptr() == place and grad.tolist() == [9.0] * 4


def test_the_benchmark_runs():
    """All its sides compute the same; the times of a stand-in mean nothing."""
    path = Path(__file__).parents[2] / "benchmarks" / "gpu.py"
    spec = importlib.util.spec_from_file_location("benchmark_of_the_gpu", path)
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    lines = benchmark.compare(batch=4, width=3, count=2, rounds=1)
    assert [line.split(":")[0] for line in lines] == ["network 4x3", "chain 4x3"]


def test_pictures_read_few_numbers(request, watch):
    """One copy for each tensor shown, and of a large one only a summary."""
    if request.config.getoption("--device") == "cuda":
        pytest.skip("the stand-in counts")
    copies = {}
    for size in (4, 10_000, 40_000):
        tensor = torch.rand(size // 4, 4, device="cuda")
        with watch() as counts:
            value = viz.values.value_of(tensor)
        copies[size] = counts["to host"]
        assert value.shape == (size // 4, 4)
    assert copies == {4: 1, 10_000: 1, 40_000: 1}


def test_a_recorded_backward():
    x = torch.ones(3, device="cuda", requires_grad=True)
    loss = (x * torch.arange(3.0, device="cuda")).sum()
    with viz.record(loss) as recorder:
        loss.backward()
    assert x.grad.is_cuda and x.grad.tolist() == [0.0, 1.0, 2.0]
    assert "[0., 1., 2.]" in recorder.trace.text()
