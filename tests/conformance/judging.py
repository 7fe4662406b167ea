"""One sample of one op in both libraries: what agrees of its values, dtype, shape, first and second gradients."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import teachgrad
from conformance import carry
from teachgrad.autograd.variable import TensorBase, wrap

# Relative to the largest number of the result: sums are rounded in another order, and LAPACK is not one program.
CLOSE = {"float16": 4e-3, "bfloat16": 2e-2, "float32": 2e-5, "float64": 1e-9, "complex64": 2e-5, "complex128": 1e-9}

UNINITIALISED = {"empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided", "resize_"}
"""Ops whose numbers are whatever stood in memory: their shape and dtype are compared."""

TIES = {"argsort", "kthvalue", "mode", "sort", "topk"}
"""Ops that name the place of an element: of several that are equal, PyTorch promises none, and any of them is right."""


@dataclasses.dataclass
class Verdict:
    """What agreed; None where there was nothing to compare. `why` is the first difference."""

    forward: bool = False
    first: bool | None = None
    second: bool | None = None
    why: str = ""

    @property
    def agrees(self) -> bool:
        """Nothing differed."""
        return self.forward and self.first is not False and self.second is not False


class Different(Exception):  # noqa: N818 - it says what it finds
    """A result is not PyTorch's."""


def leaves(value: Any) -> list[Any]:
    """The tensors in a result or an argument, in order."""
    if isinstance(value, TensorBase | torch.Tensor):
        return [value]
    if isinstance(value, dict):
        return [tensor for each in value.values() for tensor in leaves(each)]
    if isinstance(value, tuple | list):
        return [tensor for each in value for tensor in leaves(each)]
    return []


def plain(value: Any) -> Any:
    """What is left of a result when its tensors are taken out, to be compared by ==."""
    if isinstance(value, TensorBase | torch.Tensor):
        return "tensor"
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if isinstance(value, torch.dtype | teachgrad.dtype):
        return str(value)
    return value


def array(tensor: Any) -> np.ndarray[Any, Any]:
    """The numbers of a tensor of either library."""
    if "bfloat16" in str(tensor.dtype):  # no NumPy dtype
        tensor = tensor.detach().float()
    return np.asarray(tensor._data) if isinstance(tensor, TensorBase) else tensor.numpy(force=True)


def compare(mine: Any, theirs: Any, about: str, scale: float = 0.0, *, numbers: bool = True) -> None:
    """Raises Different unless two tensors have the same dtype, shape and numbers (up to rounding)."""
    if str(mine.dtype) != str(theirs.dtype):
        raise Different(f"{about}: dtype {mine.dtype}, PyTorch {theirs.dtype}")
    if tuple(mine.shape) != tuple(theirs.shape):
        raise Different(f"{about}: shape {tuple(mine.shape)}, PyTorch {tuple(theirs.shape)}")
    if not numbers:
        return
    ours, wanted = array(mine), array(theirs)
    step = CLOSE.get(str(theirs.dtype).removeprefix("torch."))
    if step is None:
        if not np.array_equal(ours, wanted):
            raise Different(f"{about}: {_glimpse(ours)}, PyTorch {_glimpse(wanted)}")
        return
    finite = np.abs(wanted[np.isfinite(wanted)])
    largest = min(max(float(finite.max()) if finite.size else 0.0, scale), 1e30)
    if not np.allclose(ours, wanted, rtol=step * 10, atol=step * max(largest, 1e-3), equal_nan=True):
        raise Different(f"{about}: {_glimpse(ours)}, PyTorch {_glimpse(wanted)}")


def _glimpse(values: np.ndarray[Any, Any]) -> str:
    return np.array2string(values.reshape(-1)[:6], precision=6, separator=" ").replace("\n", "")


def both(mine: Callable[[], Any], theirs: Callable[[], Any], about: str) -> tuple[Any, Any] | None:
    """Both results; None if both libraries refuse. Raises Different if one does."""
    wanted = error = None
    try:
        wanted = theirs()
    except Exception as caught:  # noqa: BLE001 - which error it is does not matter, that there is one does
        error = caught
    try:
        found = mine()
    except carry.Missing:
        raise
    except Exception as caught:
        if error is not None:
            return None
        raise Different(f"{about}: {type(caught).__name__}: {str(caught).splitlines()[:1]}") from caught
    if error is not None:
        raise Different(f"{about}: PyTorch raises {type(error).__name__}: {str(error).splitlines()[:1]}")
    return found, wanted


def _same_values(sample: Any, mine: Any, theirs: Any) -> bool:
    """Do two results of integers name places at which the input has the same values?"""
    values, dim = array(sample.input), sample.kwargs.get("dim", -1)
    numbers = [each for each in sample.args if isinstance(each, int) and not isinstance(each, bool)]
    for along in {dim, *numbers}:
        if mine.shape != theirs.shape or not -values.ndim <= along < values.ndim:
            continue
        ours, wanted = (each if each.ndim == values.ndim else np.expand_dims(each, along) for each in (mine, theirs))
        try:
            same = np.take_along_axis(values, ours, along) == np.take_along_axis(values, wanted, along)
        except (IndexError, ValueError):
            continue
        if same.all():
            return True
    return False


def cotangents(results: list[Any], *, tracked: bool) -> tuple[list[Any], list[Any]]:
    """The same random gradient to send into each of PyTorch's results, in both libraries."""
    ours, theirs = [], []
    for number, result in enumerate(results):
        random = np.random.default_rng(number + 1)
        numbers = random.uniform(0.5, 1.5, tuple(result.shape))
        if result.dtype.is_complex:
            numbers = numbers + 1j * random.uniform(0.5, 1.5, tuple(result.shape))
        theirs.append(torch.asarray(np.asarray(numbers)).to(result.dtype).requires_grad_(tracked))
        ours.append(wrap(array(theirs[-1]).copy()).requires_grad_(tracked))
    return ours, theirs


def compare_gradients(mine: Any, theirs: Any, about: str) -> None:
    """Gradients agree; no gradient at all is the same as zeros."""
    scale = max(
        [1.0, *(float(np.abs(array(g)[np.isfinite(array(g))]).max(initial=0.0)) for g in theirs if g is not None)]
    )
    for number, (one, other) in enumerate(zip(mine, theirs, strict=True)):
        if one is None or other is None:
            there = array(other if one is None else one) if one is not other else np.zeros(1)
            if np.abs(there).max(initial=0) > 1e-9 * scale:
                raise Different(
                    f"{about} {number}: {'none' if one is None else 'one'}, PyTorch {'none' if other is None else 'one'}"
                )
            continue
        compare(one, other, f"{about} {number}", scale)


def judge(info: Any, functions: tuple[Any, Any], sample: Any, *, gradients: bool, second: bool) -> Verdict:
    """One sample. `functions` are teachgrad's op and PyTorch's."""
    verdict = Verdict()
    memo: dict[int, Any] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _judge(info, functions, sample, memo, verdict, gradients, second)
    except (Different, carry.Missing) as difference:
        verdict.why = str(difference) or "missing"
    return verdict


def _judge(
    info: Any,
    functions: tuple[Any, Any],
    sample: Any,
    memo: dict[int, Any],
    verdict: Verdict,
    gradients: bool,
    second: bool,
) -> None:
    arguments = (sample.input, *sample.args)
    ours = carry.argument(arguments, memo), carry.argument(sample.kwargs, memo)
    their_inputs = [t for t in leaves((arguments, sample.kwargs)) if t.requires_grad]
    my_inputs = [memo[id(t)] for t in their_inputs]
    wrapper, output = info.gradcheck_wrapper, sample.output_process_fn_grad
    my_wrapper, my_output = carry.translated(wrapper), carry.translated(output)
    torch.manual_seed(42)
    teachgrad.manual_seed(42)
    if "wrapper_set_seed" in getattr(wrapper, "__name__", ""):
        wrapper = my_wrapper = lambda op, *args, **kwargs: op(*args, **kwargs)
    pair = both(
        lambda: my_output(my_wrapper(functions[0], *ours[0], **ours[1])),
        lambda: output(wrapper(functions[1], *arguments, **sample.kwargs)),
        "forward",
    )
    if pair is None:
        verdict.forward = True
        return
    mine, theirs = leaves(pair[0]), leaves(pair[1])
    if len(mine) != len(theirs) or str(plain(pair[0])) != str(plain(pair[1])):
        raise Different(f"forward: {plain(pair[0])!s:.60}, PyTorch {plain(pair[1])!s:.60}")
    for one, other in zip(mine, theirs, strict=True):
        if info.name in TIES and other.dtype == torch.int64 and _same_values(sample, array(one), array(other)):
            continue
        compare(one, other, "forward", numbers=info.name not in UNINITIALISED)
        if one.requires_grad != other.requires_grad:
            raise Different(f"forward: requires_grad {one.requires_grad}")
    verdict.forward = True
    wanted = [number for number, result in enumerate(theirs) if result.requires_grad]
    if not gradients or not wanted or not their_inputs:
        return
    verdict.first = False
    my_roots, their_roots = [mine[n] for n in wanted], [theirs[n] for n in wanted]
    cots = cotangents(their_roots, tracked=second)
    roots, inputs = (my_roots, their_roots), (my_inputs, their_inputs)
    pair = _gradients(roots, inputs, cots, "gradient", retain_graph=True)
    verdict.first = True
    if second and pair is not None:
        verdict.second = _second_agrees(verdict, roots, inputs, cots)


def _gradients(roots: Any, inputs: Any, cots: Any, about: str, **options: bool) -> Any:
    """The gradients in both libraries, compared; None if both refuse."""
    pair = both(
        lambda: teachgrad.autograd.grad(roots[0], inputs[0], cots[0], allow_unused=True, **options),
        lambda: torch.autograd.grad(roots[1], inputs[1], cots[1], allow_unused=True, **options),
        about,
    )
    if pair is not None:
        compare_gradients(*pair, about)
    return pair


def _second_agrees(verdict: Verdict, roots: Any, inputs: Any, cots: Any) -> bool | None:
    """The gradients of the gradients, with respect to the inputs and to what was sent in. None: PyTorch has none."""
    wanting = inputs[0] + cots[0], inputs[1] + cots[1]
    try:
        theirs = torch.autograd.grad(roots[1], inputs[1], cots[1], allow_unused=True, create_graph=True)
        numbers = [n for n, g in enumerate(theirs) if g is not None and g.requires_grad]
        if not numbers:
            return None
        again = cotangents([theirs[n] for n in numbers], tracked=False)
        wanted = torch.autograd.grad([theirs[n] for n in numbers], wanting[1], again[1], allow_unused=True)
    except Exception:  # noqa: BLE001 - whatever keeps PyTorch from it: there is nothing to compare with
        return None
    verdict.second = False

    def ours() -> Any:
        grads = teachgrad.autograd.grad(roots[0], inputs[0], cots[0], allow_unused=True, create_graph=True)
        pairs = zip((grads[n] for n in numbers), again[0], strict=True)
        kept = [(grad, cot) for grad, cot in pairs if grad is not None and grad.requires_grad]
        if not kept:
            return [None] * len(wanting[0])
        return teachgrad.autograd.grad([g for g, _ in kept], wanting[0], [c for _, c in kept], allow_unused=True)

    pair = both(ours, lambda: wanted, "second gradient")
    assert pair is not None
    compare_gradients(*pair, "second gradient")
    return True


def judge_error(functions: tuple[Any, Any], bad: Any) -> bool:
    """A call that PyTorch refuses: do we raise the same exception, with the same first line?"""
    sample = bad.sample_input
    found: list[Any] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, function in enumerate(functions):
            arguments: Any = ((sample.input, *sample.args), sample.kwargs)
            try:
                if number == 0:
                    arguments = carry.argument(arguments, {})
                function(*arguments[0], **arguments[1])
                found.append(None)
            except Exception as error:  # noqa: BLE001 - which error it is, is the question
                found.append((type(error).__name__, str(error).split("\n")[0]))
    return found[0] == found[1]
