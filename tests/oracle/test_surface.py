"""How much of PyTorch's surface is here: the public names of each namespace, and that functions and methods agree.

`pytest -rP` shows the share of each namespace and what is missing from it.
"""

from __future__ import annotations

import importlib
import inspect
import re

import pytest

torch = pytest.importorskip("torch")

import teachgrad  # noqa: E402 - after the skip

ELSEWHERE = re.compile(
    r"(?i)sparse|quant|mkldnn|cudnn|miopen|fbgemm|_copy$|^sym_|^[cr]ow_|^q_|distributed|storage|vulkan|_xla|_ipu|autocast|"
    r"^qu?int|^uint[1-7]$|^int[1-7]$|^bits?\d|float[48]_|_pack|_ir_|^parse|^native_|^batch_norm_|jagged|nested|crow|ccol|"
    r"^[hsd]?s?p?mm$|^(saddmm|sspaddmm|chalf|complex32|ipu|xpu|mtia|hub|ao|fx|mps|package|library|masked|monitor)$|"
    r"^(classes|cpp|futures|multiprocessing|overrides|quasirandom|fork|wait|windows|signal|export|geqrf|ormqr|reinforce)$|"
    r"torch_function|^per_(channel|tensor)|^has_(lapack|mkl|openmp|spectral)|_with_indices$|^BroadcastingList|_notes$|^common_|"
    r"_common$|^(TYPE_CHECKING|Tensor|compiled_with_cxx11_abi|prepare_multiprocessing_environment|unify_type_list|bit|cpu)$|"
    r"^(merge_type_from_type_comment|profiler_allow_cudagraph_cupti_lazy_reinit_cuda12|init_num_threads|classproperty)$|"
    r"^(kineto_available|enforce_grad_layout_policy|is_view_replay_enabled|debug_unwrap|functionalize|rearrange|qscheme)$|"
    r"^(thread_safe_generator|is_tensor_like|get_file_path|get_device_module|ScalingType|SwizzleType|boolean_dispatch)$|"
    r"^(assert_int_or_pair|factory_kwargs|replace_all_batch_norm_modules_|grouped_mm|scaled_|slice_inverse|fwAD)|"
    r"^(lobpcg|segment_reduce|hash_tensor|module_load|record_stream|coalesce|indices|values|int_repr|dlpack)$"
)
"""What belongs to other devices, sparse, quantised or nested tensors, compilers, or PyTorch's own plumbing."""

FLOORS = {
    "torch": 0.88, "torch.Tensor": 0.94, "torch.autograd": 0.84, "torch.autograd.functional": 1.0, "torch.func": 1.0,
    "torch.linalg": 0.9, "torch.special": 0.48, "torch.nn.functional": 0.85, "torch.nn": 0.85, "torch.optim": 0.8,
    "torch.autograd.forward_ad": 1.0, "torch.random": 1.0,
}  # fmt: skip
"""The share of the names that is there; it may rise."""


def public(space):
    """The names that PyTorch's own code defines there, without what it imports, and without what `ELSEWHERE` names."""
    found = []
    for name in dir(space):
        value = getattr(space, name, None)
        if name.startswith("_") or ELSEWHERE.search(name) or inspect.ismodule(value):
            continue
        home = getattr(value, "__module__", None) or "torch"
        if not home.startswith("torch") or (name[0].isupper() and space in (torch, torch.autograd)):
            continue
        found.append(name)
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FLOORS)
def test_share(name):
    theirs = torch.Tensor if name == "torch.Tensor" else importlib.import_module(name)
    mine = (
        teachgrad.Tensor if name == "torch.Tensor" else importlib.import_module(name.replace("torch", "teachgrad", 1))
    )
    wanted = public(theirs)
    missing = [each for each in wanted if not hasattr(mine, each)]
    share = 1 - len(missing) / len(wanted)
    print(f"{name}: {share:.1%} of {len(wanted)} names; missing: {' '.join(missing)}")  # noqa: T201 - the report
    assert share >= FLOORS[name], missing


def test_functions_and_methods_come_in_pairs():
    """Where PyTorch has both `torch.name` and `Tensor.name`, so do we; and both are one function."""
    lone = [
        name
        for name in public(torch)
        if callable(getattr(torch, name))
        and callable(getattr(torch.Tensor, name, None))
        and not inspect.isclass(getattr(torch, name))
        if hasattr(teachgrad, name) != hasattr(teachgrad.Tensor, name)
    ]
    assert not lone
