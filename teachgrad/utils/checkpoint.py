"""Checkpointing: compute a part of the model twice instead of keeping its intermediate values for backward.

    y = checkpoint(block, x, use_reentrant=False)

Without it, every op inside `block` keeps what its rule needs until backward. With it, forward keeps only the arguments; when
backward first asks for one of those values, `block` runs again and fills them all in:

    forward     x ──block──> y        the saved values are thrown away, only how many there were is noted
    backward    x ──block──> y        again, as far as the last value that backward needs; then the rules run as ever

That is the non-reentrant way, built on `saved_tensors_hooks`. The older reentrant way (`use_reentrant=True`) is one
custom Function whose backward runs `block` and a whole backward of its own inside. Mirrors `torch.utils.checkpoint`.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any

import teachgrad as torch
from teachgrad.autograd import refusals
from teachgrad.autograd.engine import TASK
from teachgrad.autograd.function import Function
from teachgrad.autograd.saved import saved_tensors_hooks

__all__ = ["CheckpointError", "checkpoint", "checkpoint_sequential", "noop_context_fn", "set_checkpoint_early_stop"]

Block = Callable[..., Any]
_EARLY_STOP: ContextVar[bool] = ContextVar("teachgrad_checkpoint_early_stop", default=True)


class CheckpointError(RuntimeError):
    """The second run of a block did not do what the first did."""


class _EnoughError(Exception):
    """Ends the second run: all that backward needs is there."""


def noop_context_fn() -> tuple[Any, Any]:
    """Two contexts that do nothing, for the first and for the second run."""
    return contextlib.nullcontext(), contextlib.nullcontext()


@contextlib.contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Whether the second run stops at the last value that is needed (the default) or runs to the end."""
    token = _EARLY_STOP.set(enable)
    try:
        yield
    finally:
        _EARLY_STOP.reset(token)


def checkpoint(
    function: Block,
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """`function(*args, **kwargs)`, which backward will compute once more instead of keeping its intermediate values.

    `preserve_rng_state` makes the second run draw the same random numbers. `determinism_check="none"` leaves out the check
    that it saves tensors of the same shapes and dtypes. `debug` changes nothing here.
    Mirrors `torch.utils.checkpoint.checkpoint`. Raises CheckpointError in backward if the two runs differ.
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. Starting in PyTorch 2.9, "
            "calling checkpoint without use_reentrant will raise an exception. use_reentrant=False is recommended, but if "
            "you need to preserve the current default behavior, you can pass use_reentrant=True. Refer to docs for more "
            "details on the differences between the two variants.",
            stacklevel=2,
        )
        use_reentrant = True
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        if torch.is_grad_enabled() and not any(isinstance(a, torch.Tensor) and a.requires_grad for a in args):
            warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)
        return CheckpointFunction.apply(function, preserve_rng_state, *args)
    first, second = context_fn()
    state = torch.get_rng_state() if preserve_rng_state else None

    def again() -> None:
        with _random_from(state), second:
            function(*args, **kwargs)

    if not torch.is_grad_enabled():
        with first:
            return function(*args, **kwargs)
    run = _Run(again, determinism_check == "default", early_stop and _EARLY_STOP.get())
    with saved_tensors_hooks(run.note, run.value), first:
        return function(*args, **kwargs)


@contextlib.contextmanager
def _random_from(state: Any) -> Iterator[None]:
    """Random numbers as they were drawn from `state` on (None: as they come)."""
    if state is None:
        yield
        return
    now = torch.get_rng_state()
    torch.set_rng_state(state)
    try:
        yield
    finally:
        torch.set_rng_state(now)


class _Place:
    """Stands in a node for the value number `number` of a run."""

    __slots__ = ("number", "run")

    def __init__(self, run: _Run, number: int) -> None:
        self.run, self.number = run, number


class _Run:
    """What the first run saved, by number and kind, and the values once the second has brought them back."""

    def __init__(self, again: Callable[[], None], check: bool, early_stop: bool) -> None:
        self._again, self._check, self._early_stop = again, check, early_stop
        self._kinds: list[tuple[Any, Any]] = []
        self._values: list[Any] | None = None
        self._task: object = None

    def note(self, tensor: Any) -> _Place:
        """The pack hook of the first run: remembers shape and dtype only."""
        self._kinds.append((tensor.shape, tensor.dtype))
        return _Place(self, len(self._kinds) - 1)

    def value(self, place: _Place) -> Any:
        """The unpack hook: the value from the second run, which happens once per backward."""
        if self._values is None or self._task is not TASK.get():
            self._values, self._task = self._second_run(), TASK.get()
        return self._values[place.number]

    def _second_run(self) -> list[Any]:
        values: list[Any] = []

        def keep(tensor: Any) -> Any:
            if len(values) < len(self._kinds):
                values.append(tensor.detach())
                if self._early_stop and len(values) == len(self._kinds):
                    raise _EnoughError
            return tensor.detach()

        with torch.enable_grad(), saved_tensors_hooks(keep, lambda kept: kept), contextlib.suppress(_EnoughError):
            self._again()
        if len(values) != len(self._kinds):
            raise CheckpointError(refusals.checkpoint_count(len(self._kinds), len(values)))
        kinds = [(value.shape, value.dtype) for value in values]
        if self._check and kinds != self._kinds:
            raise CheckpointError(refusals.checkpoint_kinds(self._kinds, kinds))
        return values


class CheckpointFunction(Function):
    """The reentrant way: a node whose backward runs the block, recorded this time, and backward through that."""

    @staticmethod
    def forward(ctx: Any, function: Block, preserve_rng_state: bool, *args: Any) -> Any:
        """Runs the block without recording; keeps the tensors among its arguments for backward, the rest in ctx."""
        ctx.function, ctx.args = function, [None if isinstance(a, torch.Tensor) else a for a in args]
        ctx.places = [i for i, a in enumerate(args) if isinstance(a, torch.Tensor)]
        ctx.state = torch.get_rng_state() if preserve_rng_state else None
        ctx.save_for_backward(*(args[i] for i in ctx.places))
        return function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Raises RuntimeError inside `autograd.grad` or `backward(inputs=...)`, since it adds to `.grad` of all leaves."""
        task = TASK.get()
        if task is not None and task[2] is not None:
            raise refusals.checkpoint_with_inputs()
        args = list(ctx.args)
        for place, tensor in zip(ctx.places, ctx.saved_tensors, strict=True):
            args[place] = tensor.detach().requires_grad_(tensor.requires_grad)
        with torch.enable_grad(), _random_from(ctx.state):
            outputs = ctx.function(*args)
        results = outputs if isinstance(outputs, tuple) else (outputs,)
        live = [(o, g) for o, g in zip(results, grads, strict=True) if isinstance(o, torch.Tensor) and o.requires_grad]
        if not live:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        torch.autograd.backward([output for output, _ in live], [grad for _, grad in live])
        return (None, None, *(a.grad if isinstance(a, torch.Tensor) else None for a in args))


def checkpoint_sequential(
    functions: Iterable[Block], segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Runs functions (or an `nn.Sequential`) one after the other, checkpointed in `segments` pieces but for the last.

    Mirrors `torch.utils.checkpoint.checkpoint_sequential`.
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed explicitly. In "
            "version 2.9 we will raise an exception if use_reentrant is not passed. use_reentrant=False is recommended, but "
            "if you need to preserve the current default behavior, you can pass use_reentrant=True. Refer to docs for more "
            "details on the differences between the two variants.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    blocks = list(functions)
    size = len(blocks) // segments

    def piece(start: int, stop: int) -> Block:
        def run(value: Any) -> Any:
            for block in blocks[start:stop]:
                value = block(value)
            return value

        return run

    last = size * (segments - 1)
    for start in range(0, last, size) if size else ():
        input = checkpoint(piece(start, start + size), input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return piece(last, len(blocks))(input)
