"""Schedules that say the learning rate of each epoch outright: one cycle, many cycles, warm restarts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from teachgrad.optim.lr_scheduler.base import LRScheduler, check_optimizer, per_group, set_value
from teachgrad.optim.optimizer import Optimizer

__all__ = ["CosineAnnealingWarmRestarts", "CyclicLR", "OneCycleLR"]


def _prepare_momentum(optimizer: Optimizer, base: Any, largest: Any, first_time: bool) -> None:
    """Writes the ends between which momentum (or beta1 of Adam) is to move into the groups."""
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
    ends = zip(per_group("base_momentum", optimizer, base), per_group("max_momentum", optimizer, largest), strict=True)
    if first_time:
        for group, (low, high) in zip(optimizer.param_groups, ends, strict=True):
            _set_momentum(group, high)
            group["max_momentum"], group["base_momentum"] = high, low


def _set_momentum(group: dict[str, Any], momentum: float) -> None:
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum


class OneCycleLR(LRScheduler):
    """Up from max_lr / div_factor to `max_lr`, and down to a tiny rate, once in `total_steps` steps.

    Momentum moves the other way. Step it after every batch. L. Smith and N. Topin, "Super-convergence", 2018. Mirrors
    `torch.optim.lr_scheduler.OneCycleLR`. Raises ValueError when stepped beyond the end.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Any,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.85,
        max_momentum: Any = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.total_steps = _count_steps(total_steps, epochs, steps_per_epoch)
        if pct_start < 0 or pct_start > 1 or not isinstance(pct_start, float):
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self.anneal_strategy, self.cycle_momentum = anneal_strategy, cycle_momentum
        # Each phase: its last step, the rates at its ends, the momenta at its ends (names of entries of the groups).
        up, end = pct_start * self.total_steps - 1.0, self.total_steps - 1
        self._phases = [(up, "initial_lr", "max_lr", "max_momentum", "base_momentum")]
        if three_phase:
            down = 2.0 * pct_start * self.total_steps - 2
            self._phases += [
                (down, "max_lr", "initial_lr", "base_momentum", "max_momentum"),
                (end, "initial_lr", "min_lr", "max_momentum", "max_momentum"),
            ]
        else:
            self._phases += [(end, "max_lr", "min_lr", "base_momentum", "max_momentum")]
        rates = per_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, rates, strict=True):
                group["initial_lr"], group["max_lr"] = lr / div_factor, lr
                group["min_lr"] = group["initial_lr"] / final_div_factor
        if cycle_momentum:
            _prepare_momentum(optimizer, base_momentum, max_momentum, last_epoch == -1)
        super().__init__(optimizer, last_epoch)

    def _between(self, start: float, end: float, part: float) -> float:
        """The value when `part` (0 to 1) of the way from `start` to `end` is done."""
        if self.anneal_strategy == "linear":
            return (end - start) * part + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)

    def get_lr(self) -> list[Any]:
        """The learning rates of this step; also writes the momenta."""
        self._warn_outside_step()
        if self.last_epoch > self.total_steps:
            raise ValueError(
                f"Tried to step {self.last_epoch} times. The specified number of total steps is {self.total_steps}"
            )
        start = 0.0
        for phase in self._phases:
            if self.last_epoch <= phase[0] or phase is self._phases[-1]:
                break
            start = phase[0]
        end, first_lr, last_lr, first_momentum, last_momentum = phase
        part = (self.last_epoch - start) / (end - start)
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._between(group[first_lr], group[last_lr], part))
            if self.cycle_momentum:
                _set_momentum(group, self._between(group[first_momentum], group[last_momentum], part))
        return rates


def _count_steps(total: int | None, epochs: int | None, per_epoch: int | None) -> int:
    """How many steps a cycle has. Raises ValueError unless it is said in one way or the other."""
    if total is not None:
        if not isinstance(total, int) or total <= 0:
            raise ValueError(f"Expected positive integer total_steps, but got {total}")
        return total
    if epochs is None or per_epoch is None:
        raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    for name, value in (("epochs", epochs), ("steps_per_epoch", per_epoch)):
        if not isinstance(value, int) or value <= 0:
            raise ValueError(f"Expected positive integer {name}, but got {value}")
    return epochs * per_epoch


class CyclicLR(LRScheduler):
    """Up and down between `base_lr` and `max_lr` in straight lines, again and again.

    The height stays ("triangular"), halves with each cycle ("triangular2"), shrinks by `gamma` each step ("exp_range") or
    is said by `scale_fn`. L. Smith, "Cyclical learning rates for training neural networks", WACV 2017. Mirrors
    `torch.optim.lr_scheduler.CyclicLR`.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: Any,
        max_lr: Any,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.8,
        max_momentum: Any = 0.9,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        heights = {
            "triangular": lambda _: 1.0,
            "triangular2": lambda x: 1 / 2.0 ** (x - 1),
            "exp_range": lambda x: gamma**x,
        }
        if scale_fn is None:
            if mode not in heights:
                raise ValueError("mode is invalid and scale_fn is None")
            scale_fn, scale_mode = heights[mode], "iterations" if mode == "exp_range" else "cycle"
        self._scale, self.scale_mode = scale_fn, scale_mode
        base_lrs, self.max_lrs = per_group("base_lr", optimizer, base_lr), per_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, base_lrs, strict=True):
                set_value(group, "lr", lr)
        up = float(step_size_up)
        self.total_size = up + (up if step_size_down is None else float(step_size_down))
        self.step_ratio = up / self.total_size
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            _prepare_momentum(optimizer, base_momentum, max_momentum, last_epoch == -1)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def get_lr(self) -> list[Any]:
        """The learning rates of this step; also writes the momenta."""
        self._warn_outside_step()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self._scale(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            for group in self.optimizer.param_groups:
                reach = (group["max_momentum"] - group["base_momentum"]) * height
                _set_momentum(group, group["max_momentum"] - reach * scale)
        return [low + (high - low) * height * scale for low, high in zip(self.base_lrs, self.max_lrs, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """All attributes but the optimiser and the function of the height."""
        return {name: value for name, value in super().state_dict().items() if name != "_scale"}


class CosineAnnealingWarmRestarts(LRScheduler):
    """Down a cosine to eta_min, then at once up again; T_0 epochs the first time, each time T_mult times longer.

    From the same paper as CosineAnnealingLR. Mirrors `torch.optim.lr_scheduler.CosineAnnealingWarmRestarts`.
    """

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        if not isinstance(T_0, int) or T_0 <= 0:
            raise ValueError(f"Expected positive integer T_0, but got {T_0}")
        if not isinstance(T_mult, int) or T_mult < 1:
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        self.T_0, self.T_i, self.T_mult, self.eta_min, self.T_cur = T_0, T_0, T_mult, eta_min, float(last_epoch)
        super().__init__(optimizer, last_epoch)

    def _locate(self) -> None:
        """Finds how long the present run is (T_i), and how far it has come (T_cur); epochs may be fractions."""
        self.T_i, self.T_cur = self.T_0, self._place
        while self.T_cur >= self.T_i:
            self.T_cur -= self.T_i
            self.T_i *= self.T_mult

    def get_lr(self) -> list[Any]:
        """The learning rates of this epoch."""
        self._warn_outside_step()
        part = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * part for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Goes on to the next epoch, or to `epoch`, which may be a fraction such as epoch + batch / batches."""
        if epoch is not None and epoch < 0:
            raise ValueError(f"Expected non-negative epoch, but got {epoch}")
        self._advance(self._place + 1 if epoch is None else epoch)

    _place: float

    def _advance(self, epoch: float) -> None:
        self._place = epoch
        self._locate()
        super()._advance(math.floor(epoch))
