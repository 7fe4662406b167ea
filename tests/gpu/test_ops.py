"""Every entry of the op table on the GPU: the CPU's values and derivatives, and no crossing that is not on the list."""

from __future__ import annotations

import contextlib

import pytest

import teachgrad
from gpu import lines
from gpu.crossings import reason

pytestmark = pytest.mark.gpu

CALLS = dict.fromkeys(lines.LINES) | {f"{lines.call_of(op)}  # {name}": op for name, op in lines.POINTWISE.items()}
ELSEWHERE = (
    "Generator()",
    "get_rng_state",
    "from_numpy",
    "frombuffer",
    "get_device",
    "typename",
    "gelsd",
    "lstsq(x[:0]",
)
"""Lines about the CPU's random numbers, memory and LAPACK, and about which device it is."""


def inputs(text, dtype):
    op = CALLS[text]
    return lines.inputs_of(text, dtype) if op is None else lines.pointwise_inputs(op, dtype)


def both(text, dtype, watch=contextlib.nullcontext, second=False):
    """What the line gives on the CPU and on the GPU; None if it is an error on the CPU."""
    if any(word in text for word in ELSEWHERE):
        return None
    arrays = inputs(text, dtype)
    try:
        wanted = lines.run(text, arrays, "cpu", second=second)
    except Exception:  # noqa: BLE001 - a line about an error: tests/oracle compares those with PyTorch
        return None
    return lines.run(text, arrays, "cuda", watch, second), wanted


@pytest.mark.parametrize("text", CALLS)
def test_line(text, watch, comparable):
    """float32: values and gradients, and nothing crosses."""
    allowed = reason(text)
    results = both(text, "float32", contextlib.nullcontext if allowed else watch)
    if results is None:
        return
    found, wanted = results
    if comparable(text):
        lines.check_same(list(found[:2]), list(wanted[:2]), text, rtol=2e-5, atol=2e-6)
    crossed = {when: counts for when, counts in found[3].items() if counts}
    assert allowed or not crossed, f"{text}: {crossed}"


@pytest.mark.parametrize("text", CALLS)
def test_line_second_order(text, comparable):
    """float64: derivatives of derivatives."""
    results = both(text, "float64", second=True)
    if results is not None and comparable(text):
        lines.check_same(list(results[0][:3]), list(results[1][:3]), text, rtol=1e-9, atol=1e-10)


def test_the_list_is_not_longer_than_it_must_be(request):
    """Most lines are not excused; and every reason excuses a line that needs it."""
    excused = [text for text in CALLS if reason(text)]
    assert len(excused) < len(CALLS) / 4
    if request.config.getoption("--device") == "cuda":
        return
    from gpu import surface

    needed = set()
    for text in excused:
        results = both(text, "float32", surface.counting)
        if results is not None and any(results[0][3].values()):
            needed.add(reason(text))
    assert needed == {reason(text) for text in excused}


def test_gradients_live_where_their_tensors_do():
    cpu = teachgrad.ones(3, device="cpu", requires_grad=True)
    gpu = teachgrad.ones(3, device="cuda", requires_grad=True)
    (cpu.cuda() * gpu).sum().backward()
    assert cpu.grad.device.type == "cpu" and gpu.grad.device == teachgrad.device("cuda", 0)
    assert cpu.grad.tolist() == gpu.grad.tolist() == [1.0, 1.0, 1.0]
