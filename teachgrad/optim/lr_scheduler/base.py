"""What all schedulers share: they count epochs and write a learning rate into each group of an optimiser."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import ref

from teachgrad.autograd.variable import TensorBase
from teachgrad.optim.optimizer import Optimizer

__all__ = ["LRScheduler"]

_ORDER = (
    "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and later, you should call them in "
    "the opposite order: `optimizer.step()` before `lr_scheduler.step()`.  Failure to do this will result in PyTorch "
    "skipping the first value of the learning rate schedule. See more details at "
    "https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"
)
_OVERRIDDEN = (
    "Seems like `optimizer.step()` has been overridden after learning rate scheduler initialization. Please, make sure to "
    "call `optimizer.step()` before `lr_scheduler.step()`. See more details at "
    "https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"
)


class LRScheduler:
    """The base of all schedulers. Mirrors `torch.optim.lr_scheduler.LRScheduler`.

    A subclass says in `_factor` by what the learning rates are multiplied now, or in `get_lr` what they are. `last_epoch`
    counts from 0; `base_lrs` are the rates that the optimiser was made with.
    """

    _inside_step = False
    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for number, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                lr = group["lr"]
                group.setdefault("initial_lr", lr.clone() if isinstance(lr, TensorBase) else lr)  # type: ignore[attr-defined]
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{number}] when resuming scheduler with "
                    "last_epoch >= 0.\nThis typically happens when:\n1. You're trying to resume training from a checkpoint "
                    "but haven't properly loaded the optimizer state\n2. You're using last_epoch >= 0 for a fresh training "
                    "run (not recommended)"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        _watch_steps(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        """Writes the rates of epoch 0."""
        self._step_count = 1
        with self._flag("_is_initial"):
            self._advance(self.last_epoch + 1)

    def _restart(self) -> None:
        """Begins again at epoch 0, from the rates that the optimiser was made with."""
        for group, lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            set_value(group, "lr", lr)
        with self._flag("_is_initial"):
            self._advance(0)

    @contextmanager
    def _flag(self, name: str) -> Iterator[None]:
        setattr(self, name, True)
        try:
            yield
        finally:
            delattr(self, name)  # back to the class's False

    def _factor(self) -> float:
        """What the learning rates are multiplied by in this epoch."""
        raise NotImplementedError

    def get_lr(self) -> list[Any]:
        """The learning rates of this epoch, one per group. Lessons want `get_last_lr()`."""
        self._warn_outside_step()
        factor = self._factor()
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def get_last_lr(self) -> list[Any]:
        """The learning rates that were written last, one per group."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Goes on to the next epoch (or to `epoch`, which is deprecated). Call it after `optimizer.step()`."""
        if self._step_count == 1:
            if not hasattr(self.optimizer.step, "_wrapped_by_lr_sched"):
                warnings.warn(_OVERRIDDEN, UserWarning, stacklevel=2)
            elif not getattr(self.optimizer, "_opt_called", False):
                warnings.warn(_ORDER, UserWarning, stacklevel=2)
        self._step_count += 1
        if epoch is None:
            self._advance(self.last_epoch + 1)
        else:
            warnings.warn(EPOCH_DEPRECATED, UserWarning, stacklevel=2)
            self._restart()
            while self.last_epoch < epoch:
                self._advance(self.last_epoch + 1)

    def _advance(self, epoch: int) -> None:
        """Goes to `epoch` and writes its learning rates."""
        self.last_epoch = epoch
        with self._flag("_inside_step"):
            rates = self.get_lr()
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            set_value(group, "lr", lr)
        self._last_lr = current_rates(self.optimizer)

    def _warn_outside_step(self) -> None:
        if not self._inside_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )

    def state_dict(self) -> dict[str, Any]:
        """All attributes but the optimiser."""
        return {name: value for name, value in vars(self).items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continues from what `state_dict` returned."""
        vars(self).update(state_dict)


EPOCH_DEPRECATED = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please use "
    "`scheduler.step()` to step the scheduler. During the deprecation, if epoch is different from None, the closed form is "
    "used instead of the new chainable form, where available. Please open an issue if you are unable to replicate your use "
    "case: https://github.com/pytorch/pytorch/issues/new/choose."
)


def check_optimizer(optimizer: Any) -> None:
    """Raises TypeError for what is not an optimiser."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def current_rates(optimizer: Optimizer) -> list[Any]:
    """The learning rate of each group."""
    rates = [group["lr"] for group in optimizer.param_groups]
    return [lr.clone() if isinstance(lr, TensorBase) else lr for lr in rates]  # type: ignore[attr-defined]


def set_value(group: dict[str, Any], name: str, value: Any) -> None:
    """Writes a setting of a group, into the tensor if it is one."""
    if isinstance(group[name], TensorBase):
        group[name].fill_(float(value))
    else:
        group[name] = value


def per_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """One value per group, from one for all or from a list. Raises ValueError if the list has another length."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, list | tuple):
        return [value] * groups
    if len(value) != groups:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} values, "
            f"param_groups has {groups}."
        )
    return list(value)


def _watch_steps(optimizer: Any) -> None:
    """Makes `optimizer.step` note that it was called, so that the wrong order can be warned of."""
    if hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        return
    watched, function = ref(optimizer), optimizer.step.__func__

    @functools.wraps(function)
    def step(*args: Any, **kwargs: Any) -> Any:
        owner: Any = watched()
        owner._opt_called = True
        return function(owner, *args, **kwargs)

    step._wrapped_by_lr_sched = True  # type: ignore[attr-defined]
    optimizer.step = step
