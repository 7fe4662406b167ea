"""Without a usable GPU: the answers of a CPU build of PyTorch, and a note that says what is missing."""

from __future__ import annotations

import sys
import types
import warnings

import pytest

import teachgrad
from teachgrad import gpu


@pytest.fixture(autouse=True)
def cuda_is_there(monkeypatch):
    """No: here it is not."""
    monkeypatch.setattr(gpu, "_found", None)


def fake(**parts):
    def raises(problem):
        def call(*_):
            raise problem

        return call

    module = types.ModuleType("cupy")
    module.__version__ = parts.get("version", "13.1.0")
    count = parts.get("count", 1)
    module.cuda = types.SimpleNamespace(
        runtime=types.SimpleNamespace(getDeviceCount=raises(count) if isinstance(count, Exception) else lambda: count),
        compiler=types.SimpleNamespace(CompileException=type("CompileException", (Exception,), {})),
    )
    module.zeros = lambda shape, dtype: shape
    module.exp = raises(parts.get("kernel", RuntimeError("libnvrtc.so not found")))
    return module


REASONS = {
    "is not installed": None,
    "CuPy 12.3.0 is too old": fake(version="12.3.0"),
    "no driver for an NVIDIA GPU: cudaErrorInsufficientDriver": fake(count=RuntimeError("cudaErrorInsufficientDriver")),
    "CuPy finds no NVIDIA GPU": fake(count=0),
    "NVRTC may be missing": fake(),
}


@pytest.mark.parametrize("reason", REASONS)
def test_the_reason_is_told(monkeypatch, reason):
    monkeypatch.setitem(sys.modules, "cupy", REASONS[reason])
    assert not teachgrad.cuda.is_available() and reason in gpu.why_not()
    with pytest.raises(AssertionError) as info:
        teachgrad.ones(2, device="cuda")
    assert str(info.value) == "Torch not compiled with CUDA enabled"
    assert reason in info.value.__notes__[0]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("torch.cuda.is_available()", False),
        ("torch.cuda.device_count()", 0),
        ("torch.cuda.is_initialized()", False),
        ("torch.cuda.memory_allocated()", 0),
        ("torch.cuda.max_memory_allocated()", 0),
        ("torch.cuda.memory_stats()", {}),
        ("torch.cuda.get_arch_list()", []),
        ("torch.cuda.is_bf16_supported()", False),
        ("torch.cuda.is_tf32_supported()", False),
        ("torch.cuda.device(None) is None", False),
        ("torch.cuda.device_of(torch.ones(1)).__enter__()", None),
        ("torch.cuda.set_stream(None)", None),
        ("isinstance(torch.ones(1), torch.cuda.FloatTensor)", False),
        ("isinstance(torch.ones(1), torch.FloatTensor)", True),
        ("torch.ones(1).is_pinned()", False),
        ("torch.cuda.empty_cache()", None),
        ("torch.cuda.manual_seed(0)", None),
        ("torch.cuda.manual_seed_all(0)", None),
        ("torch.accelerator.is_available()", False),
        ("torch.accelerator.current_accelerator()", None),
        ("torch.ones(2).is_cuda", False),
        ("torch.ones(2).get_device()", -1),
    ],
)
def test_questions(monkeypatch, text, answer):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert eval(text, {"torch": teachgrad}) == answer
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        assert eval(text, {"torch": torch}) == answer


ORDERS = [
    "torch.cuda.current_device()", "torch.cuda.get_device_name()", "torch.cuda.synchronize()", "torch.cuda.mem_get_info()",
    "torch.cuda.get_device_properties(0)", "torch.cuda.initial_seed()", "torch.cuda.init()", "torch.cuda.current_stream()",
    "torch.cuda.Event()", "torch.cuda.Stream()", "torch.device(0)", "torch.device(-1)", "torch.device('cuda:01')",
    "torch.device('')", "torch.device('cpu', -2)", "torch.device('cuda:0', 1)", "torch.device('gpu')",
    "torch.accelerator.synchronize()", "torch.accelerator.current_device_index()", "torch.ones(2).cuda()",
    "torch.ones(2).to('cuda:0')", "torch.ones(2).to(0)", "torch.zeros(2, device='cuda')", "torch.nn.Linear(2, 2).cuda()",
    "torch.cuda.set_device('cpu')", "torch.cuda.device(0).__enter__()", "torch.cuda.device('cuda:0').__enter__()",
    "torch.ones(2).pin_memory()", "torch.ones(2).cuda('cpu')", "torch.cuda.ipc_collect()",
    "torch.accelerator.memory_stats()",
    "torch.set_default_tensor_type(torch.cuda.FloatTensor)", "torch.set_default_tensor_type('torch.cuda.FloatTensor')",
    "torch.accelerator.device_index(0).__enter__()", "torch.accelerator.reset_peak_memory_stats()",
    "torch.accelerator.get_device_capability()", "torch.cuda.FloatTensor([1.0])", "torch.cuda.LongTensor(2)",
    "torch.randn(2, device='cuda')", "torch.zeros_like(torch.ones(2), device='cuda')",
]  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("text", ORDERS)
def test_orders_fail_as_in_pytorch(monkeypatch, text):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this PyTorch has a GPU")
    monkeypatch.setitem(sys.modules, "cupy", None)
    errors = []
    for library in (teachgrad, torch):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(Exception) as info:  # noqa: PT011 - any error is a result to compare
                eval(text, {"torch": library})
        errors.append((type(info.value), str(info.value).split("\n")[0]))
    assert errors[0] == errors[1]
