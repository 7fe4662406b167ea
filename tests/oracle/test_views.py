"""Views, in-place changes and backward in random order: after each step all that one can see is as in PyTorch.

A step is a line of Python over the tensors made so far; both libraries run the same lines. What is compared after each:
the numbers, the version, is_leaf, requires_grad and the name of the grad_fn of every tensor, the gradient of every leaf,
and the error if there was one.
"""

from __future__ import annotations

import random

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import teachgrad  # noqa: E402 - after the skip
from oracle.compare import array_of, first_line, make, name_of, outcome  # noqa: E402
from oracle.inputs import numbers  # noqa: E402

NEW = [
    "{a} * 0.5", "{a} + {b}", "{a} * {b}", "{a}.tanh()", "{a}.exp()", "{a}.sigmoid()", "-{a}", "{a}.clone()",
    "{a}.detach()", "{a}[0]", "{a}[1:]", "{a}[..., 0]", "{a}[..., ::2]", "{a}[None]", "{a}.t()", "{a}.view(-1)",
    "{a}.reshape(-1)", "{a}.unsqueeze(0)", "{a}.squeeze()", "{a}.transpose(0, 1)", "{a}.sum(0)", "{a}.max()",
    "{a}.flatten()", "{a}.unbind(0)[0]", "{a}.chunk(2)[1]", "{a}.split(1)[0]", "{a}[[0, 1]]", "{a}[{a} > 0]",
    "{a}.contiguous()", "{a}.data",
]  # fmt: skip
CHANGE = [
    "{a}.mul_(0.5)", "{a}.add_({b})", "{a}.mul_({b})", "{a}.tanh_()", "{a}.exp_()", "{a}.zero_()", "{a}.copy_({b})",
    "{a}.fill_(0.25)", "{a}[0] = 0.5", "{a}[..., 0] = 0.25", "{a}[0] = {b}[0]", "{a}[1:] *= 0.5",
    "{a}[..., 0].add_(0.5)", "{a}.view(-1).mul_(0.5)", "{a}.t().add_(0.5)", "{a}[{a} > 0] = 0.5", "{a}[[0, 1]] = 0.5",
    "{a}.detach().mul_(0.5)", "{a}.clamp_(-0.5, 0.5)", "{a}.sub_(0.1)", "{a}.unbind(0)[0].mul_(0.5)", "{a}.relu_()",
    "{a}.sigmoid_()", "{a}.div_(2)", "{a}.neg_()", "{a}.masked_fill_({a} > 0, 0.1)",
]  # fmt: skip
STATE = [
    "{a}.retain_grad()", "{a}.requires_grad_()", "{a}.requires_grad_(False)", "{a}.detach_()", "{a}.data.mul_(0.5)",
    "{a}.grad = None",
]  # fmt: skip
BACKWARD = ["{a}.sum().backward()", "{a}.sum().backward(retain_graph=True)", "({a} * {b}).sum().backward()"]


REQUIRES_GRAD, NAME, IS_VIEW = 2, 3, 7  # where they stand among the facts of a tensor


def plan(seed):
    """About 20 steps, as text: `(name of the new tensor or None, line, under no_grad)`."""
    choose = random.Random(seed)
    names, steps = ["t0", "t1", "t2"], []
    for _ in range(choose.randint(8, 22)):
        lines = choose.choices((NEW, CHANGE, STATE, BACKWARD), (8, 7, 1, 3))[0]
        line = choose.choice(lines).format(a=choose.choice(names[-6:]), b=choose.choice(names))
        new = None
        if lines is NEW:
            new = f"t{len(names)}"
            names.append(new)
            line = f"{new} = {line}"
        steps.append((new, line, lines is not BACKWARD and choose.random() < 0.12))
    return steps


def seen(space):
    """What one can see of all tensors made so far."""
    facts = {}
    for name, tensor in space.items():
        if not isinstance(tensor, torch.Tensor | teachgrad.Tensor):
            continue
        values, error = outcome(lambda t=tensor: facts_of(t))
        facts[name] = values if error is None else (type(error).__name__, first_line(error))
    return facts


def facts_of(tensor):
    steps = tuple(step for step, size in zip(tensor.stride(), tensor.shape, strict=True) if size > 1 and tensor.numel())
    gradient = tensor.grad if tensor.is_leaf or tensor.retains_grad else None
    return (
        tensor._version, tensor.is_leaf, tensor.requires_grad, name_of(tensor.grad_fn), tuple(tensor.shape),
        steps, tensor.output_nr, tensor._is_view(),
        np.array(array_of(tensor)), None if gradient is None else np.array(array_of(gradient)),
    )  # fmt: skip


def run(steps, library):
    """The states after each step, and the errors."""
    space = {
        "torch": library,
        "t0": make(library, numbers("t0", (2, 3)), requires_grad=True),
        "t1": make(library, numbers("t1", (2, 3))),
        "t2": make(library, numbers("t2", (3,)), requires_grad=True),
    }
    for new, line, quiet in steps:
        text = f"with torch.no_grad(): {line}" if quiet else line
        _, error = outcome(lambda t=text: exec(t, space))
        if error is not None and new is not None:
            space[new] = space["t0"]
        yield text, None if error is None else (type(error).__name__, first_line(error)), seen(space)


ELSEWHERE = (
    "some elements of the input tensor and the written-to tensor refer to a single memory location",  # we compute first
    "out of bounds",  # PyTorch may have written some elements by then; we none
    "its base or another view of its base has been modified inplace",  # PyTorch asks each time, we when gradients flow
)
"""Errors after which a story ends: what follows them is not compared."""


def story_ends(my_error, their_error, mine, theirs):
    """Did something happen of which we knowingly make less than PyTorch?"""
    if any(words in f"{my_error} {their_error} {theirs}" for words in ELSEWHERE):
        return True
    return any(  # a view asks its base whether it requires grad, each time; ours knows since it was made
        len(facts) > 2
        and facts[IS_VIEW]
        and facts[NAME] == "None"
        and facts[REQUIRES_GRAD] != mine[name][REQUIRES_GRAD]
        for name, facts in theirs.items()
    )


def same(mine, theirs):
    """None if two facts agree, else what differs.

    After a change that no gradient flows through (under no_grad, or of a detached alias), PyTorch gives a view the new
    name AsStridedBackward0; here it keeps its own, which leads to the same gradient.
    """
    for name, facts in theirs.items():
        if len(mine[name]) != len(facts):
            return f"{name}: {mine[name]}, PyTorch {facts}"
        for position, (one, other) in enumerate(zip(mine[name], facts, strict=True)):
            if isinstance(other, np.ndarray):
                agree = isinstance(one, np.ndarray) and one.shape == other.shape
                agree = agree and np.allclose(one, other, rtol=3e-5, atol=1e-6, equal_nan=True)
            elif position == NAME and other == "AsStridedBackward0":
                agree = one not in ("None", "AccumulateGrad")
            else:
                agree = not isinstance(one, np.ndarray) and one == other
            if not agree:
                return f"{name}, fact {position}: {one}, PyTorch {other}"
    return None


@pytest.mark.parametrize("seed", range(300))
def test_random_steps(seed):
    steps = plan(seed)
    so_far = []
    for (text, my_error, mine), (_, their_error, theirs) in zip(run(steps, teachgrad), run(steps, torch), strict=True):
        so_far.append(text)
        story = "\n".join(so_far)
        if story_ends(my_error, their_error, mine, theirs):
            return
        assert my_error == their_error, story
        difference = same(mine, theirs)
        assert difference is None, f"{story}\n{difference}"
