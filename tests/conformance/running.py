"""Runs ops of the database over their samples."""

from __future__ import annotations

import random
import signal
import sys
import time
import warnings
import zlib
from typing import Any

sys.modules.setdefault("scipy", None)  # type: ignore[arg-type]  # the samples are the same with and without it

import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db

from conformance import carry
from conformance.judging import Verdict, judge, judge_error
from conformance.rows import Row

BUDGET = {torch.float64: 20, torch.complex128: 12, torch.float32: 4, torch.int64: 6, torch.bool: 4}
"""dtype -> how many samples of an op at most, chosen evenly from all that the database has."""
SECONDS = 300
"""For one op; what has not been reached by then counts as not agreeing."""


def budget() -> str:
    """The same in words."""
    return ", ".join(f"{most} of {str(dtype).removeprefix('torch.')}" for dtype, most in BUDGET.items())


def quiet() -> None:
    """For a worker: one thread each, and no warnings of PyTorch's about its own tests."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")


def key(info: Any) -> str:
    """An op's name with its variant."""
    return f"{info.name} ({info.variant_test_name})" if info.variant_test_name else info.name


def database() -> dict[str, Any]:
    """Every op of the database by its name."""
    return {key(info): info for info in op_db}


def samples(info: Any, dtype: torch.dtype) -> list[Any]:
    """At most `BUDGET` samples of one dtype, evenly chosen."""
    seed = zlib.crc32(key(info).encode())
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)
    tracked = info.supports_autograd and (dtype.is_floating_point or dtype.is_complex)
    everything = list(info.sample_inputs("cpu", dtype, requires_grad=tracked))
    most = BUDGET[dtype]
    if len(everything) <= most:
        return everything
    return [everything[int(place)] for place in np.linspace(0, len(everything) - 1, most)]


class _TooLong(BaseException):
    pass


def _alarm(*_: Any) -> None:
    raise _TooLong


def run(name: str) -> Row:
    """All samples of one op."""
    info = database()[name]
    row = Row(name)
    signal.signal(signal.SIGALRM, _alarm)
    functions: Any = None
    try:
        functions = carry.counterpart(info.op, info.name), info.op
    except carry.Missing as missing:
        row.why = [f"missing: {missing}"]
    signal.alarm(SECONDS)
    begun = time.monotonic()
    todo = 0
    try:
        for dtype in BUDGET:
            if dtype not in info.dtypes:
                continue
            chosen = samples(info, dtype)
            todo = len(chosen)
            for sample in chosen:
                _count(row, _verdict(info, functions, sample, dtype), str(dtype).removeprefix("torch."))
                todo -= 1
        if functions is not None:
            _spellings(info, row)
            row.errors = _errors(info, functions)
    except _TooLong:
        row.samples += todo
        row.why.append("too long")
    finally:
        signal.alarm(0)
    row.seconds = time.monotonic() - begun
    return row


def _verdict(info: Any, functions: Any, sample: Any, dtype: torch.dtype) -> Verdict:
    if functions is None:
        return Verdict()
    second = dtype in (torch.float64, torch.complex128) and info.supports_gradgrad
    gradients = info.supports_autograd and dtype in info.supported_backward_dtypes("cpu")
    return judge(info, functions, sample, gradients=gradients, second=second)


def _spellings(info: Any, row: Row) -> None:
    """The first sample once more for each other name of the op."""
    dtype = next((dtype for dtype in BUDGET if dtype in info.dtypes), None)
    sample = next(iter(samples(info, dtype)), None) if dtype else None
    if sample is None or not isinstance(sample.input, torch.Tensor):
        return
    for name, theirs, path in carry.spellings(info):
        try:
            ours = carry.named(path)
        except carry.Missing:
            _count(row, Verdict(why="missing"), name)
            continue
        pair = (_on_copy(ours), _on_copy(theirs)) if name.endswith("_") else (ours, theirs)
        _count(row, judge(info, pair, sample, gradients=True, second=False), name)


def _on_copy(function: Any) -> Any:
    """An in-place method, on a copy of its tensor."""
    return lambda tensor, *args, **kwargs: function(tensor.clone(), *args, **kwargs)


def _errors(info: Any, functions: Any) -> tuple[int, int]:
    """Of the calls that PyTorch refuses, how many are refused in the same words."""
    if info.error_inputs_func is None:
        return (0, 0)
    try:
        bad = list(info.error_inputs("cpu"))
    except Exception:  # noqa: BLE001 - made for a device that is not here
        return (0, 0)
    return sum(judge_error(functions, each) for each in bad), len(bad)


def _count(row: Row, verdict: Verdict, what: str) -> None:
    row.samples += 1
    row.agree += verdict.agrees
    for part in ("forward", "first", "second"):
        value = getattr(verdict, part)
        if value is not None:
            agreed, of = getattr(row, part)
            setattr(row, part, (agreed + value, of + 1))
    if verdict.why:
        row.why.append(f"{what}: {verdict.why}")
