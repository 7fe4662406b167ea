"""bfloat16 on the GPU: the bits that the CPU has, ops in float32 that are rounded once; tests/engine runs there as well."""

from __future__ import annotations

import pytest

import teachgrad as torch

pytestmark = pytest.mark.gpu
VALUES = [
    1.0,
    2.5,
    -3.1415926,
    1e-40,
    3.3895e38,
    1.00390625,
    1.01171875,
    float("inf"),
    -float("inf"),
    float("nan"),
    -0.0,
]
"""Among them two that lie half way between bfloat16 numbers: one goes to the even one below, the other above."""


def test_there_and_back(watch):
    cpu = torch.tensor(VALUES, device="cpu")
    gpu = cpu.cuda()
    with watch() as counts:
        rounded = gpu.bfloat16()
        wide = rounded.float()
        moved = rounded.reshape(11, 1)[1:].mT.clone()
    assert not counts and rounded.is_cuda and rounded.dtype is torch.bfloat16 and moved.shape == (1, 10)
    torch.testing.assert_close(wide.cpu(), cpu.bfloat16().float(), rtol=0, atol=0, equal_nan=True)
    assert repr(rounded.cpu()) == repr(cpu.bfloat16()) and repr(cpu.bfloat16().cuda().cpu()) == repr(cpu.bfloat16())
    assert rounded[1].item() == 2.5 and rounded[:2].tolist() == [1.0, 2.5] and bool(rounded[0] > 0)
    assert rounded.element_size() == 2 and rounded.type() == "torch.cuda.BFloat16Tensor"


@pytest.mark.parametrize(
    "text",
    [
        "torch.zeros(2, dtype=B, device='cuda')", "torch.ones(2, 3, dtype=B, device='cuda')",
        "torch.full((2,), 1.5, dtype=B, device='cuda')", "torch.empty(2, dtype=B, device='cuda')",
        "torch.arange(5, dtype=B, device='cuda')", "torch.eye(3, dtype=B, device='cuda')",
        "torch.tensor([1., 2.], dtype=B, device='cuda')", "torch.zeros_like(X, dtype=B)", "torch.ones_like(X.bfloat16())",
        "torch.full_like(X.bfloat16(), 3)", "torch.randn(3, dtype=B, device='cuda')", "X.bfloat16().new_zeros(2)",
        "torch.rand(3, dtype=B, device='cuda')", "torch.linspace(0, 1, 5, dtype=B, device='cuda')",
    ],
)  # fmt: skip
def test_made_there(text):
    made = eval(text, {"torch": torch, "B": torch.bfloat16, "X": torch.ones(2, device="cuda")})
    assert made.is_cuda and made.dtype is torch.bfloat16
    if "rand" not in text and "empty(" not in text:
        again = eval(
            text.replace("'cuda'", "'cpu'"), {"torch": torch, "B": torch.bfloat16, "X": torch.ones(2, device="cpu")}
        )
        assert made.tolist() == again.tolist()


def step(place):
    torch.manual_seed(0)
    with torch.device("cpu"):
        net, x = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)), torch.randn(5, 4)
    net = net.to(place, torch.bfloat16)
    loss = (net(x.to(place).bfloat16()) ** 2).mean() + net[0].weight.sum()
    loss.backward()
    torch.optim.SGD(net.parameters(), 0.1).step()
    return [loss, *(p for p in net.parameters()), *(p.grad for p in net.parameters())]


def test_a_step_is_the_cpu_s():
    for there, here in zip(step("cuda"), step("cpu"), strict=True):
        assert there.is_cuda and there.dtype is torch.bfloat16
        torch.testing.assert_close(there.cpu(), here)  # to two digits: sums are added in another order


def test_autocast():
    x, w = torch.ones(2, 3, device="cuda"), torch.ones(3, 3, device="cuda", requires_grad=True)
    with torch.autocast("cuda", dtype=torch.bfloat16):
        y = x @ w
    y.float().sum().backward()
    assert y.dtype is torch.bfloat16 and y.is_cuda and w.grad.dtype is torch.float32 and w.grad.is_cuda
    assert torch.cuda.is_bf16_supported()
