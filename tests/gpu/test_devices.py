"""Devices as in PyTorch: where tensors are made, how they move, what mixing them says. The texts are PyTorch 2.13's."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest

import teachgrad as torch

pytestmark = pytest.mark.gpu
GPU = torch.device("cuda", 0)


def refuses(kind, text, function):
    with pytest.raises(kind) as info:
        function()
    assert str(info.value).split("\n")[0] == text


@pytest.mark.parametrize(
    "text",
    [
        "torch.tensor([1., 2.], device='cuda')", "torch.zeros(2, 3, device='cuda:0')", "torch.ones(2, device=0)",
        "torch.empty(2, device=GPU)", "torch.full((2,), 3., device='cuda')", "torch.arange(5, device='cuda')",
        "torch.arange(0, 1, 0.25, device='cuda')", "torch.linspace(0, 1, 5, device='cuda')", "torch.eye(3, device='cuda')",
        "torch.rand(3, device='cuda')", "torch.randn(3, device='cuda')", "torch.randint(5, (3,), device='cuda')",
        "torch.randperm(5, device='cuda')", "torch.zeros_like(X)", "torch.ones_like(X)", "torch.full_like(X, 2.)",
        "torch.empty_like(X)", "torch.rand_like(X)", "torch.randn_like(X)", "torch.zeros_like(C, device='cuda')",
        "X.new_zeros(2)", "X.new_ones(2)", "X.new_full((2,), 1.)", "X.new_empty(2)", "X.new_tensor([1.])",
        "torch.as_tensor([1.], device='cuda')", "torch.asarray([1.], device='cuda')", "C.to('cuda')", "C.to(GPU)",
        "C.to(0)", "C.to(X)", "C.to('cuda', torch.float64)", "C.to(device='cuda', dtype=torch.float64)", "C.cuda()",
        "C.cuda(0)", "C.to('cuda', non_blocking=True)", "torch.tril_indices(3, 3, device='cuda')",
        "torch.nn.Linear(2, 3, device='cuda').weight", "torch.nn.Linear(2, 3).cuda().weight",
        "torch.nn.Linear(2, 3).to('cuda').bias", "torch.nn.BatchNorm1d(3, device='cuda').running_mean",
        "torch.scalar_tensor(2., device='cuda')", "torch.from_numpy(np.ones(2)).cuda()",
    ],
)  # fmt: skip
def test_on_the_gpu(text):
    made = eval(text, {"torch": torch, "np": np, "GPU": GPU, "X": torch.ones(2, device="cuda"), "C": torch.ones(2)})
    assert made.device == GPU and made.is_cuda and made.get_device() == 0


def test_the_default_device():
    before = torch.get_default_device()
    with torch.device("cuda"):
        assert torch.ones(2).is_cuda and torch.tensor([1.0]).is_cuda and torch.nn.Linear(2, 2).weight.is_cuda
        assert torch.get_default_device() == GPU
        with torch.device("cpu"):
            assert not torch.ones(2).is_cuda
        assert torch.zeros_like(torch.ones(2, device="cpu")).device == torch.device("cpu")
    assert torch.get_default_device() == before
    torch.set_default_device("cuda")
    try:
        assert torch.rand(3).is_cuda
    finally:
        torch.set_default_device(None if before.type == "cpu" else before)


def test_moving_is_an_op():
    x = torch.tensor([1.0, 2.0], device="cpu", requires_grad=True)
    y = x.cuda()
    assert type(y.grad_fn).__name__ == "ToCopyBackward0" and y.cuda() is y and x.cpu() is x
    assert y.to("cuda") is y and y.to("cuda", copy=True) is not y
    (y * y).sum().backward(create_graph=True)
    assert x.grad.device.type == "cpu" and x.grad.tolist() == [2.0, 4.0]
    (again,) = torch.autograd.grad(x.grad.sum(), x)
    assert again.tolist() == [2.0, 2.0]
    assert y.to("cpu", torch.float64).dtype is torch.float64 and y.to("cpu", torch.int64).tolist() == [1, 2]


def test_a_number_of_the_cpu_may_join():
    x = torch.tensor([1.0, 2.0], device="cuda", requires_grad=True)
    for s in (torch.tensor(3.0, device="cpu"), torch.tensor(1.5, device="cpu") * 2):
        s = s.detach().requires_grad_()
        x.grad = None
        for product in (x * s, s * x):
            assert product.is_cuda and product.tolist() == [3.0, 6.0]
        (x * s).sum().backward()
        assert s.grad.device.type == "cpu" and s.grad.item() == 3.0 and x.grad.tolist() == [3.0, 3.0]
    zero = torch.tensor(2.0, device="cuda", requires_grad=True)
    (zero * s).backward()
    assert s.grad.item() == 5.0 and not s.grad.is_cuda and zero.grad.is_cuda


def test_mixing_devices():
    cpu, gpu = torch.ones(2, 2, device="cpu"), torch.ones(2, 2, device="cuda")
    two = "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!"
    for function in (lambda: gpu.add_(cpu), lambda: cpu.mul_(gpu), lambda: cpu.sub_(gpu[0, 0])):
        refuses(RuntimeError, two, function)
    assert gpu.add_(torch.tensor(1.0, device="cpu")).sub_(1).tolist() == [[1.0, 1.0], [1.0, 1.0]]
    for function in (lambda: cpu + gpu, lambda: gpu * cpu, lambda: torch.nn.functional.mse_loss(gpu, cpu)):
        refuses(RuntimeError, two, function)
    other = "Expected all tensors to be on the same device, but got {} is on {}, different from other tensors on {} "
    other += "(when checking argument in method wrapper_CUDA_{})"
    refuses(RuntimeError, other.format("mat2", "cpu", "cuda:0", "mm"), lambda: gpu @ cpu)
    refuses(RuntimeError, other.format("tensors", "cuda:0", "cpu", "cat"), lambda: torch.cat([cpu, gpu]))
    refuses(RuntimeError, other.format("tensors", "cpu", "cuda:0", "cat"), lambda: torch.stack([gpu, cpu]))
    refuses(RuntimeError, other.format("tensors", "cuda:0", "cpu", "cat"), lambda: torch.stack([cpu, gpu, cpu]))
    refuses(
        RuntimeError, other.format("mat1", "cpu", "cuda:0", "addmm"), lambda: torch.nn.Linear(2, 2, device="cuda")(cpu)
    )
    refuses(
        RuntimeError, "indices should be either on cpu or on the same device as the indexed tensor (cpu)",
        lambda: cpu[torch.tensor([0], device="cuda")],
    )  # fmt: skip
    assert gpu[torch.tensor([0], device="cpu")].tolist() == [[1.0, 1.0]]


def test_running_statistics_elsewhere():
    net, x = torch.nn.BatchNorm1d(3, device="cuda"), torch.ones(4, 3, device="cuda")
    net.running_mean = net.running_mean.cpu()
    text = "Expected all tensors to be on the same device, but got running_mean is on cpu, different from other tensors on "
    text += "cuda:0 (when checking argument in method wrapper_CUDA__{}_batch_norm)"
    for mode in (net.train(), net.eval()):
        refuses(RuntimeError, text.format("cudnn"), lambda mode=mode: mode(x))
        refuses(
            RuntimeError, text.format("native"),
            lambda mode=mode: torch.nn.functional.batch_norm(x, mode.running_mean, mode.running_var),
        )  # fmt: skip


def test_another_gpu_than_the_current_one(request, monkeypatch):
    if request.config.getoption("--device") == "cuda" and torch.cuda.device_count() < 2:
        pytest.skip("one GPU")
    if request.config.getoption("--device") != "cuda":
        monkeypatch.setattr(sys.modules["cupy"].cuda.runtime, "getDeviceCount", lambda: 2)
    text = "teachgrad computes on one GPU at a time, now on cuda:0 and not on cuda:1"
    x = torch.ones(2, device="cuda")
    for function in (
        lambda: torch.ones(2, device="cuda:1"), lambda: x.to("cuda:1"), lambda: torch.tensor([1.0], device=1),
        lambda: torch.zeros_like(x, device="cuda:1"), lambda: torch.ones(2, device="cpu").cuda(1),
        lambda: torch.nn.Linear(2, 2, device="cuda:1"),
    ):  # fmt: skip
        refuses(RuntimeError, text, function)
    with pytest.raises(RuntimeError) as info:
        torch.zeros(2, device="cuda:1")
    assert "torch.cuda.set_device(1)" in info.value.__notes__[0]
    if request.config.getoption("--device") == "cuda":
        with torch.cuda.device(1):
            assert (torch.ones(2, device="cuda:1") * 2).device == torch.device("cuda", 1)
        assert torch.cuda.current_device() == 0


def test_copies_cross():
    """`copy_`, assignment and `load_state_dict` take what is on another device; so does their backward."""
    cpu = torch.tensor([1.0, 2.0], device="cpu", requires_grad=True)
    gpu = torch.zeros(2, device="cuda")
    gpu.copy_(cpu)
    (gpu * 3).sum().backward()
    assert gpu.is_cuda and gpu.tolist() == [1.0, 2.0] and cpu.grad.tolist() == [3.0, 3.0] and not cpu.grad.is_cuda
    rows = torch.zeros(2, 2, device="cuda")
    rows[0] = cpu.detach()
    assert rows.tolist() == [[1.0, 2.0], [0.0, 0.0]]
    with torch.device("cpu"):
        state = torch.nn.Linear(2, 2).state_dict()
    net = torch.nn.Linear(2, 2, device="cuda")
    net.load_state_dict(state)
    assert net.weight.is_cuda and net.weight.tolist() == state["weight"].tolist()
    back = torch.zeros(2, device="cpu")
    assert not back.copy_(gpu.detach()).is_cuda and back.tolist() == [1.0, 2.0]


def test_ways_out(request):
    x = torch.tensor([1.0, 2.0], device="cuda", requires_grad=True)
    if request.config.getoption("--device") == "cpu":  # else the fixture of tests/conftest.py builds bridges here
        text = "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first."
        refuses(TypeError, text, x.numpy)
        assert repr(x) == "tensor([1., 2.], device='cuda:0', requires_grad=True)"
        assert repr(x * 2) == "tensor([2., 4.], device='cuda:0', grad_fn=<MulBackward0>)"
        large = torch.arange(3000, device="cuda").reshape(3, 1000)
        assert repr(large) == repr(large.cpu())[:-1] + ", device='cuda:0')"
    assert x.tolist() == [1.0, 2.0] and x.sum().item() == 3.0 and float(x.detach()[0]) == 1.0 and bool(x[0] > 0)
    assert x.detach().cpu().numpy().tolist() == x.numpy(force=True).tolist() == [1.0, 2.0]


def test_each_way_out_is_one_copy(request, watch):
    if request.config.getoption("--device") == "cuda":
        pytest.skip("the stand-in counts")
    x = torch.arange(5000, device="cuda").reshape(5, 1000) * 1.0
    for way in (repr, torch.Tensor.tolist, lambda t: t[0, 0].item(), lambda t: bool(t[0, 0]), torch.Tensor.cpu):
        with watch() as counts:
            way(x)
        assert {name: n for name, n in counts.items() if name != "where"} == {"to host": 1}


def test_random_numbers_are_a_stream():
    def numbers():
        torch.manual_seed(3)
        first = torch.randn(4, device="cuda").tolist()
        torch.cuda.manual_seed(3)
        assert torch.randn(4, device="cuda").tolist() == first
        return (
            first,
            torch.rand(3, device="cuda").tolist(),
            torch.nn.functional.dropout(torch.ones(9, device="cuda")).tolist(),
        )

    assert numbers() == numbers()
    generator = torch.Generator(device="cuda").manual_seed(1)
    assert generator.device.type == "cuda" and torch.rand(2, device="cuda", generator=generator).is_cuda
    refuses(
        RuntimeError, "Expected a 'cuda' device type for generator but found 'cpu'",
        lambda: torch.rand(2, device="cuda", generator=torch.Generator(device="cpu")),
    )  # fmt: skip
    refuses(
        RuntimeError, "Expected a 'cpu' device type for generator but found 'cuda'",
        lambda: torch.rand(2, device="cpu", generator=generator),
    )  # fmt: skip


def test_the_namespaces():
    assert torch.cuda.is_available() and torch.cuda.device_count() >= 1 and torch.cuda.current_device() == 0
    assert torch.cuda.get_device_name() == torch.cuda.get_device_properties(0).name != ""
    assert len(torch.cuda.get_device_capability()) == 2 and torch.cuda.is_initialized()
    assert torch.accelerator.is_available() and torch.accelerator.current_accelerator() == torch.device("cuda")
    assert torch.accelerator.current_device_index() == 0 and torch.device(0) == GPU
    stats = torch.cuda.memory_stats()
    assert stats["allocated_bytes.all.current"] == torch.cuda.memory_allocated()
    with torch.cuda.device(0), torch.cuda.device("cuda"), torch.cuda.device_of(torch.ones(1, device="cuda")):
        assert torch.cuda.current_device() == 0
    refuses(ValueError, "Expected a cuda device, but got: cpu", lambda: torch.cuda.set_device("cpu"))
    assert len(torch.cuda.mem_get_info()) == 2 and torch.cuda.memory_reserved() >= torch.cuda.memory_allocated()
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    start.record()
    with torch.cuda.stream(torch.cuda.Stream()):
        torch.ones(3, device="cuda").exp()
    end.record()
    torch.cuda.synchronize()
    assert start.elapsed_time(end) >= 0
    refuses(RuntimeError, "CUDA error: invalid device ordinal", lambda: torch.ones(2, device="cuda:99"))


def test_the_old_names():
    x = torch.ones(2, device="cuda")
    assert x.type() == "torch.cuda.FloatTensor" and x.cpu().type() == "torch.FloatTensor"
    assert x.type("torch.DoubleTensor").device.type == "cpu" and x.cpu().type("torch.cuda.LongTensor").is_cuda
    assert x.cpu().type(torch.LongTensor).dtype is torch.int64 and x.type(torch.float64).is_cuda
    made = torch.cuda.FloatTensor([1.0, 2.0])
    assert made.is_cuda and isinstance(made, torch.cuda.FloatTensor) and made.tolist() == [1.0, 2.0]
    assert not isinstance(made, torch.FloatTensor) and not isinstance(made, torch.cuda.LongTensor)
    assert isinstance(made.cpu(), torch.FloatTensor) and not isinstance(made.cpu(), torch.cuda.FloatTensor)
    refuses(RuntimeError, "Invalid device, must be cuda device", lambda: made.cuda("cpu"))
    refuses(
        RuntimeError, "cannot pin 'torch.cuda.FloatTensor' only dense CPU tensors can be pinned", made.pin_memory
    )  # fmt: skip
    assert x.cpu().type(torch.cuda.HalfTensor).dtype is torch.float16
    root = torch.linalg.cholesky(torch.eye(2, device="cuda") * 4, upper=True)
    assert root.is_cuda and root.tolist() == [[2.0, 0.0], [0.0, 2.0]]


def test_saving_and_loading():
    net = torch.nn.Linear(2, 3, device="cuda")
    file = io.BytesIO()
    torch.save(net.state_dict(), file)
    for place, there in ((None, "cuda"), ("cpu", "cpu"), ("cuda", "cuda"), ({"cuda:0": "cpu"}, "cpu")):
        file.seek(0)
        loaded = torch.load(file, map_location=place)
        assert loaded["weight"].device.type == there and loaded["weight"].tolist() == net.weight.tolist()


def test_memory_returns_to_its_start():
    torch.ones(2, device="cuda").sum()  # what is kept for good
    before = torch.cuda.memory_allocated()
    x = torch.ones(1000, device="cuda", requires_grad=True)
    loss = (x.exp() * x).sum()
    assert torch.cuda.memory_allocated() >= before + 4000
    loss.backward()
    del x, loss
    torch.cuda.empty_cache()
    assert torch.cuda.memory_allocated() == before
