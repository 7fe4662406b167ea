"""Optimisers that divide by the size of past gradients: Adagrad, RMSprop, Adadelta."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from teachgrad.optim.optimizer import Optimizer, as_number, check_settings, counter, zeros_like

__all__ = ["Adadelta", "Adagrad", "RMSprop"]


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
        super().__init__(
            params,
            {
                "lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value, "foreach": foreach, "maximize": maximize,
                "differentiable": differentiable, "fused": fused,
            },
        )  # fmt: skip

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
        super().__init__(
            params,
            {
                "lr": lr, "momentum": momentum, "alpha": alpha, "eps": eps, "centered": centered,
                "weight_decay": weight_decay, "capturable": capturable, "foreach": foreach, "maximize": maximize,
                "differentiable": differentiable,
            },
        )  # fmt: skip

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
        super().__init__(
            params,
            {
                "lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay, "maximize": maximize,
                "capturable": capturable, "foreach": foreach, "differentiable": differentiable,
            },
        )  # fmt: skip

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
