"""Optimisers that fit steps to past gradients: Adagrad, RMSprop and Adadelta divide by their size, Rprop heeds signs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from teachgrad.optim.optimizer import Optimizer, as_number, check_settings, counter, own_settings, zeros_like

__all__ = ["Adadelta", "Adagrad", "RMSprop", "Rprop"]


class Adagrad(Optimizer):
    """Divides by the root of the sum of all squared gradients, so that steps shrink where gradients were large.

    J. Duchi, E. Hazan and Y. Singer, "Adaptive subgradient methods for online learning and stochastic optimization",
    JMLR 12, 2011:

        s = s + g^2
        p = p - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)

    Mirrors `torch.optim.Adagrad`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_settings(
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
        )
        super().__init__(params, own_settings(locals()))

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        step = counter(state)
        if "sum" not in state:
            state["sum"] = zeros_like(param, group["initial_accumulator_value"])
        if group["weight_decay"] != 0:
            grad = grad + group["weight_decay"] * param
        state["sum"] += grad * grad
        lr = as_number(group["lr"]) / (1 + (step - 1) * group["lr_decay"])
        param -= lr * grad / (state["sum"].sqrt() + group["eps"])


class RMSprop(Optimizer):
    """Divides by the root of a running mean of squared gradients.

    G. Hinton, "Neural networks for machine learning", lecture 6, 2012; `centered` takes the variance instead (A. Graves,
    "Generating sequences with recurrent neural networks", 2013):

        v = alpha * v + (1 - alpha) * g^2
        p = p - lr * g / (sqrt(v) + eps)

    Mirrors `torch.optim.RMSprop`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings(lr=lr, eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        super().__init__(params, own_settings(locals()))

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        alpha, lr = group["alpha"], as_number(group["lr"])
        counter(state)
        if "square_avg" not in state:
            state["square_avg"] = zeros_like(param)
            if group["momentum"] > 0:
                state["momentum_buffer"] = zeros_like(param)
            if group["centered"]:
                state["grad_avg"] = zeros_like(param)
        if group["weight_decay"] != 0:
            grad = grad + group["weight_decay"] * param
        square = state["square_avg"]
        square *= alpha
        square += (1 - alpha) * grad * grad
        if group["centered"]:
            mean = state["grad_avg"]
            mean += (1 - alpha) * (grad - mean)
            square = square - mean * mean
        scale = square.sqrt() + group["eps"]
        if group["momentum"] > 0:
            buffer = state["momentum_buffer"]
            buffer *= group["momentum"]
            buffer += grad / scale
            param -= lr * buffer
        else:
            param -= lr * grad / scale


class Adadelta(Optimizer):
    """Steps of the size of past steps, relative to the size of past gradients: no learning rate needs to be chosen.

    M. Zeiler, "ADADELTA: an adaptive learning rate method", 2012:

        v = rho * v + (1 - rho) * g^2
        d = sqrt(u + eps) / sqrt(v + eps) * g
        u = rho * u + (1 - rho) * d^2
        p = p - lr * d

    Mirrors `torch.optim.Adadelta`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings(lr=lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_settings(eps=eps, weight_decay=weight_decay)
        super().__init__(params, own_settings(locals()))

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        rho, eps = group["rho"], group["eps"]
        counter(state)
        if "square_avg" not in state:
            state["square_avg"], state["acc_delta"] = zeros_like(param), zeros_like(param)
        if group["weight_decay"] != 0:
            grad = grad + group["weight_decay"] * param
        square, moved = state["square_avg"], state["acc_delta"]
        square *= rho
        square += (1 - rho) * grad * grad
        delta = (moved + eps).sqrt() / (square + eps).sqrt() * grad
        moved *= rho
        moved += (1 - rho) * delta * delta
        param -= as_number(group["lr"]) * delta


class Rprop(Optimizer):
    """Looks only at the signs: a step grows while its gradient keeps its sign, and shrinks when that changes.

    M. Riedmiller and H. Braun, "A direct adaptive method for faster backpropagation learning", ICNN 1993. For whole data
    sets, not for batches. Mirrors `torch.optim.Rprop`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings(lr=lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(params, own_settings(locals()))

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        counter(state)
        if "prev" not in state:
            state["prev"], state["step_size"] = zeros_like(param), zeros_like(param, as_number(group["lr"]))
        before, size = state["prev"], state["step_size"]
        shrink, grow = group["etas"]
        turn = (grad * before).sign()  # 1: the same way as before, -1: back
        size *= 1 + turn.clamp(min=0) * (grow - 1) - turn.clamp(max=0) * (shrink - 1)
        size.clamp_(*group["step_sizes"])
        grad = grad * (turn >= 0)  # where the sign has changed, this step is left out
        param -= grad.sign() * size
        before.copy_(grad)
