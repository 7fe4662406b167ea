"""Chains of element-wise ops in a rule are one kernel on the GPU, with the answers that the chain has."""

from __future__ import annotations

import pytest

import teachgrad as torch
from gpu import lines
from teachgrad.ops import fusing
from teachgrad.ops.table import RAW

pytestmark = pytest.mark.gpu
F = torch.nn.functional

CHAINS = {
    "x.tanh()": 1, "x.sigmoid()": 1, "x.atan()": 1, "(x * x + 1).sqrt()": None, "F.gelu(x)": 1, "F.silu(x)": 1,
    "F.gelu(x, approximate='tanh')": 1, "F.softplus(x)": 1, "F.mish(x)": 1, "F.elu(x)": 1, "F.celu(x)": 1, "x ** 3": 1,
    "F.hardswish(x)": 1, "F.hardtanh(x)": 1, "F.leaky_relu(x)": 1, "F.logsigmoid(x)": 1, "x.clamp(-1, 1)": 1, "x.abs()": 1,
    "x.relu()": 1, "x.erf()": 1, "x * y": 1, "x / y": 1, "torch.maximum(x, y)": 1, "torch.atan2(x, y)": 1,
    "torch.where(x > 0, x, y)": 1, "torch.lerp(x, y, 0.3)": 1, "x.clamp(min=y)": 1, "x.logaddexp(y)": 1, "x.fmax(y)": 1,
}  # fmt: skip
"""A line, and how many kernels its backward is."""


def launches(request, function):
    """The names of the kernels that `function` starts, and what it gives."""
    if request.config.getoption("--device") == "cuda":
        pytest.skip("the stand-in counts")
    from gpu import surface

    with surface.Log() as log:
        answer = function()
    return log.kernels, answer


def operands(dtype=torch.float32):
    x = torch.tensor([[0.5, -0.3, 2.0], [-4.0, 0.0, 1.0]], device="cuda", dtype=dtype, requires_grad=True)
    y = torch.tensor([[1.0, 2.0, -3.0], [-5.0, 1.5, 1.0]], device="cuda", dtype=dtype, requires_grad=True)
    return x, y


@pytest.mark.parametrize("text", [text for text, count in CHAINS.items() if count])
def test_backward_is_one_kernel(request, text):
    x, y = operands()
    result = eval(text, {"torch": torch, "F": F, "x": x, "y": y})
    start = torch.ones_like(result)
    started, _ = launches(request, lambda: result.backward(start))
    assert len(started) == CHAINS[text] and started[0].startswith("rule_of_"), started
    assert x.grad.is_cuda


FORWARDS = {"x.sigmoid()": 1, "F.gelu(x)": 2, "F.gelu(x, approximate='tanh')": 2, "F.silu(x)": 2}


@pytest.mark.parametrize("text", FORWARDS)
def test_forwards(request, text):
    x, _ = operands()
    started, _ = launches(request, lambda: eval(text, {"F": F, "x": x}))
    assert len(started) == FORWARDS[text]


def unfused(rule, edges, *values):
    return rule(edges, *values)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("text", CHAINS)
def test_the_answers_are_the_chains(request, monkeypatch, text, dtype):
    """To the last bit where NumPy computes both; CUDA's compiler may take other steps in a function of several lines."""

    def values():
        x, y = operands(dtype)
        result = eval(text, {"torch": torch, "F": F, "x": x, "y": y})
        return [
            None if grad is None else grad.cpu()
            for grad in torch.autograd.grad(result, [x, y], result.detach() * 0.7 + 1, allow_unused=True)
        ]

    fused = values()
    monkeypatch.setitem(RAW, "_in_one_kernel", unfused)
    for one, other in zip(fused, values(), strict=True):
        assert (one is None) == (other is None)
        if one is not None and request.config.getoption("--device") == "cuda":
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
        elif one is not None:
            assert one.dtype is dtype and one.numpy(force=True).tobytes() == other.numpy(force=True).tobytes()


@pytest.mark.parametrize("name", lines.POINTWISE)
def test_every_pointwise_entry(monkeypatch, name):
    """With and without broadcasting."""
    op = lines.POINTWISE[name]
    for shapes in (((2, 3), (3,)), ((2, 3), (2, 3))):
        arrays = lines.pointwise_inputs(op, shapes=shapes)
        try:
            fused = lines.run(lines.call_of(op), arrays, "cuda")
        except (RuntimeError, NotImplementedError):
            return  # ops of whole numbers, and those without a derivative
        with monkeypatch.context() as patch:
            patch.setitem(RAW, "_in_one_kernel", unfused)
            plain = lines.run(lines.call_of(op), arrays, "cuda")
        lines.check_same(list(fused[:2]), list(plain[:2]), name, rtol=1e-6, atol=1e-7)


def test_another_number_is_the_same_kernel():
    def gradient(slope, power):
        x, _ = operands()
        (F.leaky_relu(x, slope) + x.clamp(min=0.1) ** power).sum().backward()
        return x.grad

    gradient(0.1, 3)
    compiled = fusing._compiled.cache_info().misses
    grads = [gradient(slope, slope * 30).tolist() for slope in (0.2, 0.3)]
    assert fusing._compiled.cache_info().misses == compiled and grads[0] != grads[1]


PLAIN = {
    "mixed dtypes": lambda x, y: x * y.double().detach(),
    "one step": lambda x, y: x.exp(),
    "a shape of its own": lambda x, y: x.softmax(1),
    "sums": lambda x, y: F.mse_loss(x, y.detach()),
    "float16": lambda x, y: x.half().tanh(),
    "integers": lambda x, y: x * torch.ones(2, 3, dtype=torch.int64, device="cuda"),
}


@pytest.mark.parametrize("what", PLAIN)
def test_what_runs_as_it_is_written(request, what):
    x, y = operands()
    result = PLAIN[what](x, y)
    started, (grad,) = launches(request, lambda: torch.autograd.grad(result, x, torch.ones_like(result)))
    assert started and not any(name.startswith("rule_of_") for name in started)
    assert grad.dtype is torch.float32


def test_a_gradient_that_is_handed_on_is_not_copied(request):
    x, y = operands()
    result = torch.addcmul(x, y, y.detach(), value=2)
    start = torch.ones_like(result)._data
    started, grads = launches(request, lambda: result.grad_fn.vjp(start))
    assert grads[0] is start and len(started) == 1


def test_nodes_still_look_at_what_they_kept():
    x, _ = operands()
    y = x.tanh()
    y.sum().backward()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.sum().backward()
    y = x.sigmoid()
    y.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_complex_numbers_pass():
    """Once a program has met them, the rules have a bar over factors; real chains stay one kernel."""
    z = torch.tensor([1 + 2j, 0.5j], device="cuda", requires_grad=True)
    (z.tanh() * z).sum().abs().backward()
    there = z.grad.cpu()
    z = z.detach().cpu().requires_grad_()
    (z.tanh() * z).sum().abs().backward()
    torch.testing.assert_close(there, z.grad)


STEPS = {
    "in place": ("(x.exp() + x.sin() + x.cos()).sum()", 3 + 1),  # three rules, and the sum spread out
    "a view": ("(x.exp().reshape(-1) * 2 + x.sin().reshape(-1)).sum()", 3 + 1),
    "twice into one node": ("(lambda y: (y.exp() + y.sin()).sum())(x * 2)", 3 + 1),
}


@pytest.mark.parametrize("case", STEPS)
def test_gradients_are_added_in_place(request, case):
    """What arrives second is added into the memory of what arrived first: nothing is allocated for a sum."""
    text, wanted = STEPS[case]
    x = torch.linspace(0.1, 2, 1000, device="cuda").reshape(10, 100).requires_grad_()
    for again in range(2):  # into an empty .grad, and into a full one
        loss = eval(text, {"x": x})
        if request.config.getoption("--device") == "cuda":
            loss.backward()
            continue
        from gpu import surface

        with surface.Log() as log:
            loss.backward()
        made = [size for size in log.blocks if size >= 4000]
        assert len(made) == wanted, (again, made)
    there = x.grad.cpu()
    home = x.detach().cpu().requires_grad_()
    (2 * eval(text, {"x": home})).backward()
    torch.testing.assert_close(there, home.grad, rtol=1e-5, atol=1e-5)
