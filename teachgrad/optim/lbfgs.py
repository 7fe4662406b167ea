"""L-BFGS: Newton's method with the curvature guessed from the last few steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from teachgrad.autograd.modes import enable_grad, no_grad
from teachgrad.autograd.variable import wrap
from teachgrad.optim.optimizer import Optimizer, as_number, check_settings

__all__ = ["LBFGS"]


class LBFGS(Optimizer):
    """Minimises a loss that can be computed again and again: `step(closure)` takes up to `max_iter` steps.

    J. Nocedal, "Updating quasi-Newton matrices with limited storage", 1980; D. Liu and J. Nocedal, 1989. Newton's step is
    -H g, H being the inverse of the matrix of second derivatives. H is never written down: from the last steps s and the
    changes y of the gradient along them, `_direction` computes H g in two passes. With line_search_fn="strong_wolfe" each
    step is made so long that the loss falls enough and the slope flattens enough. There is one parameter group only.
    Mirrors `torch.optim.LBFGS`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_settings(lr=lr)
        super().__init__(
            params,
            {
                "lr": lr, "max_iter": max_iter, "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
                "tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change, "history_size": history_size,
                "line_search_fn": line_search_fn,
            },
        )  # fmt: skip
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    @property
    def _params(self) -> list[Any]:
        params: list[Any] = self.param_groups[0]["params"]
        return params

    def _gradient(self) -> Any:
        """All gradients as one vector."""
        grads = (p._data * 0 if p._grad is None else p._grad._data for p in self._params)
        return wrap(np.concatenate([np.ravel(grad) for grad in grads]))

    def _move(self, length: float, direction: Any) -> None:
        """Adds `length` times the vector `direction` to the parameters."""
        start = 0
        for param in self._params:
            part: Any = wrap(direction._data[start : start + param._data.size].reshape(param._data.shape))
            param += length * part
            start += param._data.size

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Takes up to `max_iter` steps. `closure` zeroes the gradients, computes the loss, calls backward, returns it."""
        if closure is None:
            raise TypeError("LBFGS.step() missing 1 required positional argument: 'closure'")
        evaluate = enable_grad()(closure)
        with no_grad():
            return self._minimise(evaluate)

    def _minimise(self, closure: Callable[[], Any]) -> Any:
        group, state = self.param_groups[0], self.state[self._params[0]]
        lr, line_search = as_number(group["lr"]), group["line_search_fn"]
        if line_search not in (None, "strong_wolfe"):
            raise RuntimeError("only 'strong_wolfe' is supported")
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss = closure()
        loss, gradient = float(first_loss), self._gradient()
        state["func_evals"] += 1
        evaluations = 1
        if largest(gradient) <= group["tolerance_grad"]:
            return first_loss
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                state.update(d=-gradient, old_dirs=[], old_stps=[], ro=[], H_diag=1)
                length = min(1.0, 1.0 / float(gradient.abs().sum())) * lr
            else:
                _remember(state, gradient, group["history_size"])
                state["d"] = _direction(state, gradient)
                length = lr
            direction = state["d"]
            state["prev_flat_grad"], state["prev_loss"], state["t"] = gradient, loss, length
            slope = dot(gradient, direction)
            if slope > -group["tolerance_change"]:
                break
            used = 0
            if line_search is not None:
                origin = [param.clone() for param in self._params]

                def look(length: float, direction: Any = direction, origin: list[Any] = origin) -> Point:
                    """The loss and gradient at some length along the direction; the parameters come back."""
                    self._move(length, direction)
                    loss, gradient = float(closure()), self._gradient()
                    for param, old in zip(self._params, origin, strict=True):
                        param.copy_(old)
                    return Point(length, loss, gradient, dot(gradient, direction))

                here = Point(0, loss, gradient, slope)
                found, used = strong_wolfe(look, here, length, largest(direction), group["max_eval"] - evaluations)
                state["t"], loss, gradient = found.length, found.loss, found.gradient
                self._move(found.length, direction)
            else:
                self._move(length, direction)
                if iteration != group["max_iter"]:  # the last loss would be computed for nothing
                    loss, gradient, used = float(closure()), self._gradient(), 1
            evaluations += used
            state["func_evals"] += used
            if (
                evaluations >= group["max_eval"]
                or largest(gradient) <= group["tolerance_grad"]
                or largest(direction) * state["t"] <= group["tolerance_change"]
                or abs(loss - state["prev_loss"]) < group["tolerance_change"]
            ):
                break
        return first_loss


def dot(a: Any, b: Any) -> float:
    """The inner product of two vectors."""
    return float(a._data @ b._data)


def largest(vector: Any) -> float:
    """The largest absolute value in a vector."""
    return float(abs(vector._data).max())


def _remember(state: dict[str, Any], gradient: Any, history_size: int) -> None:
    """Notes the last step s and the change y that it made to the gradient, if the loss curved upwards along it."""
    change, step = gradient - state["prev_flat_grad"], state["d"] * state["t"]
    curvature = dot(change, step)
    if curvature > 1e-10:
        for name, value in (("old_dirs", change), ("old_stps", step), ("ro", 1.0 / curvature)):
            state[name] = [*state[name], value][-history_size:]
        state["H_diag"] = curvature / dot(change, change)


def _direction(state: dict[str, Any], gradient: Any) -> Any:
    """-H g: once back through the remembered steps, times the guess H_diag, once forward through them."""
    history = list(zip(state["old_dirs"], state["old_stps"], state["ro"], strict=True))
    direction, shares = -gradient, []
    for change, step, ro in reversed(history):
        shares.append(dot(step, direction) * ro)
        direction = direction - shares[-1] * change
    direction = direction * state["H_diag"]
    for (change, step, ro), share in zip(history, reversed(shares), strict=True):
        direction = direction + (share - dot(change, direction) * ro) * step
    return direction


@dataclass
class Point:
    """A place on the search line: how far along, the loss, the gradient, and the slope along the line."""

    length: float
    loss: float
    gradient: Any
    slope: float


def strong_wolfe(
    look: Callable[[float], Point], start: Point, length: float, reach: float, max_looks: int
) -> tuple[Point, int]:
    """A point on the line where the loss fell enough and the slope is flat enough, and how often it looked.

    The strong Wolfe conditions: loss <= start.loss + 1e-4 * length * start.slope, and |slope| <= 0.9 * |start.slope|.
    First larger and larger steps until such points must lie in a bracket, then smaller and smaller brackets (J. Nocedal
    and S. Wright, "Numerical optimization", algorithms 3.5 and 3.6). `reach` is how far a length of 1 moves a parameter.
    """
    before, now, looks, turn = start, look(length), 1, 0
    bracket: list[Point] | None = None
    while turn < max_looks:
        if now.loss > start.loss + 1e-4 * now.length * start.slope or (turn > 1 and now.loss >= before.loss):
            bracket = [before, now]
            break
        if abs(now.slope) <= -0.9 * start.slope:
            return now, looks
        if now.slope >= 0:
            bracket = [before, now]
            break
        bounds = (now.length + 0.01 * (now.length - before.length), now.length * 10)
        before, now = now, look(cubic_minimum(before, now, bounds))
        looks, turn = looks + 1, turn + 1
    if bracket is None:
        bracket = [start, now]
    low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
    stuck = False
    while turn < max_looks:
        ends = [point.length for point in bracket]
        left, right = min(ends), max(ends)
        if (right - left) * reach < 1e-9:
            break
        length, margin = cubic_minimum(bracket[0], bracket[1]), 0.1 * (right - left)
        near_an_end = min(right - length, length - left) < margin
        if near_an_end and (stuck or length >= right or length <= left):
            length = right - margin if abs(length - right) < abs(length - left) else left + margin
            stuck = False
        else:
            stuck = near_an_end
        now = look(length)
        looks, turn = looks + 1, turn + 1
        if now.loss > start.loss + 1e-4 * now.length * start.slope or now.loss >= bracket[low].loss:
            bracket[high] = now
            low, high = (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
            continue
        flat = abs(now.slope) <= -0.9 * start.slope
        if not flat and now.slope * (bracket[high].length - bracket[low].length) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = now
        if flat:
            break
    return bracket[low], looks


def cubic_minimum(a: Point, b: Point, bounds: tuple[float, float] | None = None) -> float:
    """Where the cubic through two points with these slopes is least, held within `bounds` (or between the points)."""
    least, most = bounds or (min(a.length, b.length), max(a.length, b.length))
    if a.length > b.length:
        a, b = b, a
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.length - b.length)
    squared = d1**2 - a.slope * b.slope
    if squared < 0:
        return (least + most) / 2.0
    d2 = squared**0.5
    place = b.length - (b.length - a.length) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
    return float(min(max(place, least), most))
