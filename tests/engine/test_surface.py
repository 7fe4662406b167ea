"""The names that lessons use: they exist, and a call with ordinary arguments runs.

The two lists come from a count over 220 autograd and tensor lessons found on the web: the first covers every lesson that is
about autograd alone, both together cover all 220.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys

import pytest

import teachgrad as torch
from teachgrad import nn, optim

AUTOGRAD_LESSONS = """
Tensor: backward grad zero_ mean sum detach requires_grad item grad_fn requires_grad_ shape data view pow numpy
    norm clone is_leaf size float t retain_grad type max exp mm eq reshape unsqueeze T squeeze cpu abs sqrt
    clamp all tanh to add_ device matmul flatten numel add std tolist nelement int double log log10 uniform_ var
    relu sigmoid register_hook clamp_min detach_ equal scatter volatile
torch: tensor no_grad randn ones float32 rand manual_seed float zeros matmul Tensor mean arange device
    from_numpy __version__ ones_like sum exp sin FloatTensor mm linspace randint sigmoid dot log pow zeros_like
    add clamp sqrt float16 set_printoptions tanh allclose all cat eye abs mul save full load long int split
    multinomial randperm t Generator flatten eq norm where binary_cross_entropy_with_logits set_default_device
Optimizer/Scheduler: step param_groups
torch.optim: SGD
Module: parameters weight forward apply train bias eval children named_modules register_forward_hook
torch.nn: Linear Module MSELoss Sequential ReLU Parameter Sigmoid BCELoss Conv2d CrossEntropyLoss NLLLoss
    MaxPool2d BatchNorm1d LogSoftmax ModuleList DataParallel Identity
Module/Optimizer: zero_grad
torch.autograd: Variable grad Function variable
torch.nn.functional: relu mse_loss cross_entropy binary_cross_entropy_with_logits softmax log_softmax one_hot
Node: next_functions
torch.cuda: is_available
torch.utils.data: DataLoader Dataset
ctx: save_for_backward saved_tensors
torch.accelerator: current_accelerator is_available
torch.backends.cudnn: benchmark deterministic
torch.autograd.function: Function
torch.autograd.functional: jacobian vjp
torch.autograd.graph: save_on_cpu saved_tensors_hooks
torch.autograd.profiler: profile
"""

ALL_LESSONS = """
Tensor: dtype mul transpose permute cuda argmax min contiguous is_contiguous long fill_ mul_ storage unsqueeze_
    ndim dim argmin relu_ div stride cumsum new_ones sub round sub_ expand expand_as resize_ data_ptr ndimension
    storage_offset transpose_ scatter_ softmax repeat gather dot masked_select new type_as byte new_tensor
    nonzero short sin view_as new_zeros index_select random_ ge inverse narrow squeeze_ unfold ceil char cos det
    div_ floor gt half index_add_ is_floating_point is_nonzero median movedim mv neg new_full prod sqrt_
    subtract_ t_
torch: empty rand_like max int32 stack float64 empty_like min transpose argmax inverse std double det ceil floor
    prod randn_like argmin neg LongTensor relu softmax round chunk median var int64 div normal is_tensor int16
    cos sub asin full_like multiply mv inference_mode reshape set_grad_enabled set_default_tensor_type concat
    get_default_dtype IntTensor bitwise_xor fmod logspace set_default_dtype sin_ svd uint8 unique einsum
    unsqueeze as_tensor bmm topk tril triu bool compile diag histogram short get_num_threads is_storage
    BoolTensor DoubleTensor bernoulli cross deg2rad gt heaviside index_select int8 isfinite lstsq masked_select
    meshgrid narrow numel range set_num_threads sort squeeze std_mean subtract
torch.cuda: get_device_name device_count synchronize manual_seed memory_allocated memory_reserved current_device
    manual_seed_all FloatTensor get_device_capability Event HalfTensor device max_memory_allocated
    max_memory_reserved
Module/Optimizer: state_dict load_state_dict
torch.nn: Flatten Embedding Dropout Softmax BatchNorm2d LSTM L1Loss Tanh RNN BCEWithLogitsLoss GRU Dropout2d
    AvgPool2d Conv3d ModuleDict AdaptiveAvgPool2d AvgPool1d BatchNorm3d Bilinear Conv1d Dropout3d MaxPool1d
    MultiheadAttention PixelShuffle Unflatten
torch.optim: Adam RMSprop AdamW Adadelta Adagrad Adamax NAdam
Module: named_parameters add_module
torch.nn.functional: max_pool2d binary_cross_entropy avg_pool2d leaky_relu nll_loss tanh sigmoid avg_pool1d
    conv2d dropout linear elu max_pool1d relu6 selu
torch.utils.data: TensorDataset random_split
torch.nn.init: xavier_uniform_ xavier_normal_ zeros_ kaiming_uniform_ kaiming_normal_ kaiming_normal ones_
    orthogonal_
torch.optim.lr_scheduler: StepLR CosineAnnealingLR ReduceLROnPlateau
torch.backends.mps: is_available
torch.jit: trace script load optimize_for_inference save
torch.utils: tensorboard benchmark
torch.func: vmap jacrev vjp grad jvp hessian jacfwd
torch.nn.utils.rnn: pad_sequence
torch.utils.data.dataset: random_split
torch.autograd: gradcheck
torch.linalg: cross lstsq matmul norm svd
torch.random: manual_seed
"""


def names(text):
    """The listed names in full: "torch.exp", "Tensor.sum", "Module.weight"."""
    spaces = re.split(r"^(\S+): ", text, flags=re.MULTILINE)[1:]
    return [f"{space}.{word}" for space, words in zip(spaces[::2], spaces[1::2], strict=True) for word in words.split()]


PURE, OTHERS = names(AUTOGRAD_LESSONS), names(ALL_LESSONS)

MISSING = {}
"""Names of the second list that we do not have -> what they were."""


def example(space):
    """An object that has the attributes of a space that is no module, or None."""
    layer = nn.Linear(2, 1)
    optimizer = optim.SGD(layer.parameters(), lr=0.1)
    return {
        "Tensor": torch.ones(2, requires_grad=True),
        "Module": layer,
        "Module/Optimizer": optimizer,
        "Optimizer/Scheduler": optimizer,
        "Node": layer(torch.ones(2)).grad_fn,
    }.get(space)


def find(name):
    """What a name stands for. Raises AttributeError if it stands for nothing."""
    space, _, word = name.rpartition(".")
    found = example(space)
    if found is not None:
        return getattr(found, word)
    found = torch
    for part in name.split(".")[1:]:
        found = getattr(found, part)
    return found


@pytest.mark.filterwarnings("ignore:volatile was removed", "ignore:`torch.nn.utils", "ignore:The use of `x.T`")
@pytest.mark.parametrize(
    "name", [name for name in PURE + OTHERS if not name.startswith("ctx.") and name not in MISSING]
)
def test_exists(name):
    find(name)


def test_ctx():
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return 2 * x * grad

    x = torch.tensor(3.0, requires_grad=True)
    Square.apply(x).backward()
    assert x.grad.item() == 6.0


def test_how_many_are_missing():
    """None of those that lessons about autograd need, and at most 3 of 100 of all."""
    assert not set(MISSING) & set(PURE)
    assert len(MISSING) <= 0.03 * len(PURE + OTHERS)
    for name in MISSING:  # the list must not grow old
        with pytest.raises(AttributeError):
            find(name)


X = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
I = torch.tensor([[0, 1], [1, 0]])
V, M = X[0].clone(), X > 2
ARGUMENTS = [
    (X,), (X, X), (X, 0), (V, V), (2,), (2, 2), ([X, X],), (X, 0, I), (I,), (I, I), (X[None], X[None]), (X, M), (M,), (),
    (0.0, 1.0, 3), (0, 2, (2,)), ((2,), 3), ([1.0, 2.0],), (X, 0, I[0]), (X, 1, 2), (True,), ("ij->ji", X), (X.numpy(),),
    (X, 0, I, X), (M, X, X), (X, 0, 1), (X, 0, 0, 1), (X, 0, 1, 1), (X, (4,)), (X, V), (X, (2, 2), 1), (X, 0, I[0], X),
    (X[0, :1], 3), (X[0, :1],), (X[None, None], 2), (X / 5, X / 5), (X, I[0]), (X[None, None], X[None, None]), ("cpu",),
    (torch.float32,), (X @ X, torch.ones(2, 3)), (torch.ones(2, 3), torch.ones(2, 3)), (V, print),
]  # fmt: skip
"""What the functions are called with: each runs with one of these, or stands among the lines below."""

LINES = {  # the first ones would change what later tests meet
    "torch.set_printoptions": "torch.set_printoptions(profile='default')",
    "torch.set_default_dtype": "torch.set_default_dtype(torch.float32)",
    "torch.set_default_tensor_type": "torch.set_default_tensor_type(torch.FloatTensor)",
    "torch.set_default_device": "torch.set_default_device(None)",
    "torch.set_grad_enabled": "torch.set_grad_enabled(True)",
    "torch.set_num_threads": "torch.set_num_threads(torch.get_num_threads())",
    "torch.manual_seed": "torch.manual_seed(0)",
    "Tensor.backward": "X.sum().backward()",
    "Tensor.retain_grad": "(X * 2).retain_grad()",
    "Tensor.register_hook": "X.register_hook(print)",
    "torch.save": "torch.save({'x': X}, file)",
    "torch.load": "torch.save({'x': X}, file), file.seek(0), torch.load(file)",
}


@pytest.mark.filterwarnings("ignore")
def test_functions_run():
    """Each function of the lists, called with the first of the arguments that it takes."""
    failed = []
    for name in PURE + OTHERS:
        space, _, word = name.rpartition(".")
        if space not in ("torch", "Tensor", "torch.linalg", "torch.nn.functional") or name in MISSING:
            continue
        function = getattr(torch.Tensor, word) if space == "Tensor" else find(name)
        if not callable(function) or isinstance(function, type):
            continue
        if name in LINES:
            exec(LINES[name], {"torch": torch, "X": X.clone().requires_grad_(), "file": io.BytesIO()})
        elif not any(runs(function, arguments, space == "Tensor") for arguments in ARGUMENTS):
            failed.append(name)
    assert set(failed) == {"torch.lstsq"}, failed  # which PyTorch has removed, with a sentence


def runs(function, arguments, method):
    if method and not (arguments and isinstance(arguments[0], torch.Tensor)):
        return False
    try:
        function(*(each.clone() if isinstance(each, torch.Tensor) else each for each in arguments))
    except Exception:  # noqa: BLE001 - not these arguments, then
        return False
    return True


# -- what has no meaning here answers as a CPU build does ------------------------------------------------------
def test_compiling_gives_back_what_runs():
    @torch.compile
    def double(x):
        return 2 * x

    assert double(torch.ones(1)).item() == 2.0
    assert torch.compile(fullgraph=True)(double) is double
    layer = nn.Linear(2, 1)
    assert torch.jit.script(layer) is layer and torch.jit.trace(layer, torch.ones(1, 2)) is layer
    assert torch.compile(layer)(torch.ones(2)).shape == (1,) and not torch.jit.is_scripting()
    with pytest.raises(RuntimeError, match="TorchScript files cannot be written") as info:
        torch.jit.save(layer, "model.pt")
    assert "state_dict" in info.value.__notes__[0]


def test_switches_remember():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    assert torch.get_num_threads() == 3
    torch.set_num_threads(before)
    with pytest.raises(RuntimeError, match="set_num_threads expects a positive integer"):
        torch.set_num_threads(0)
    torch.use_deterministic_algorithms(True)
    assert torch.are_deterministic_algorithms_enabled() and torch.get_deterministic_debug_mode() == 2
    torch.use_deterministic_algorithms(False)
    with torch.backends.cudnn.flags(enabled=False):
        assert not torch.backends.cudnn.enabled
    assert torch.backends.cudnn.enabled and not torch.backends.mps.is_available()


def test_modules_are_imported_by_their_names():
    """Under PyTorch's name too, as the first lines of training scripts do."""
    code = (
        "import teachgrad.as_torch; import torch; import torch.backends.cudnn as cudnn; from torch.amp import autocast; "
        "from torch.profiler import profile; from torch.autograd import profiler; import torch.utils.benchmark; "
        "import torch.jit; cudnn.benchmark = True; assert torch.backends.cudnn.benchmark and torch.version.cuda is None"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_profiler():
    x = torch.ones(3, requires_grad=True)
    with torch.autograd.profiler.profile() as prof, torch.autograd.profiler.record_function("mine"):
        (x * x).sum().backward()
    table = prof.key_averages().table(sort_by="self_cpu_time_total")
    found = {event.key: event.count for event in prof.key_averages()}
    assert found["aten::mul"] == found["MulBackward0"] == found["mine"] == 1
    assert "Self CPU time total" in table and "SumBackward0" in table
    total = sum(event.self_cpu_time_total for event in prof.events())
    assert total == pytest.approx(next(e.cpu_time_total for e in prof.events() if e.key == "mine"), rel=0.2)


def test_profiler_with_steps(tmp_path):
    traces = []
    plan = torch.profiler.schedule(wait=1, warmup=1, active=2, repeat=1)
    with torch.profiler.profile(schedule=plan, on_trace_ready=traces.append) as prof:
        for _ in range(6):
            torch.ones(1).exp()
            prof.step()
    assert traces == [prof]
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as prof:
        torch.ones(1).exp()
    prof.export_chrome_trace(tmp_path / "trace.json")
    assert "aten::exp" in (tmp_path / "trace.json").read_text()


def test_autocast():
    x = torch.ones(2, 2, requires_grad=True)
    layer = nn.Linear(2, 2)
    with torch.autocast("cpu"):
        y = x @ x
        assert y.dtype is layer(x).dtype is torch.bfloat16 and (x + x).dtype is torch.float32
        assert torch.is_autocast_enabled("cpu")
        with torch.autocast("cpu", enabled=False):
            assert (x @ x).dtype is torch.float32
    assert (x @ x).dtype is torch.float32 and [node.name() for node, _ in y.grad_fn.next_functions] == [
        "ToCopyBackward0"
    ] * 2
    y.float().sum().backward()
    assert x.grad.dtype is torch.float32 and x.grad.tolist() == [[4.0, 4.0], [4.0, 4.0]]


def test_grad_scaler():
    w = torch.ones(2, requires_grad=True)
    optimizer, scaler = optim.SGD([w], lr=0.25), torch.amp.GradScaler("cpu")
    for factor in (1.0, float("inf"), 1.0):
        optimizer.zero_grad()
        scaler.scale((w * factor).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
    assert w.tolist() == [0.5, 0.5] and scaler.get_scale() == 32768.0
    with pytest.warns(UserWarning, match="CUDA is not available.  Disabling"):
        assert not torch.amp.GradScaler().is_enabled()


def test_benchmark():
    measured = torch.utils.benchmark.Timer("x + x", globals={"x": torch.ones(3)}).timeit(10)
    assert measured.mean > 0 and "x + x" in repr(measured)


def test_names_from_before_amp_had_cpus():
    from teachgrad.cuda.amp import GradScaler

    with (
        pytest.warns(FutureWarning, match=r"^`torch.cuda.amp.GradScaler\(args...\)` is deprecated"),
        pytest.warns(UserWarning, match="CUDA is not available"),
    ):
        scaler = GradScaler()
    assert not scaler.is_enabled()
    assert not isinstance(torch.ones(2), torch.cuda.FloatTensor)
    with pytest.raises(TypeError, match=r"^type torch.cuda.FloatTensor not available."):
        torch.cuda.FloatTensor([1.0])
    with pytest.raises(AttributeError):
        torch.cuda.NoSuchTensor  # noqa: B018
