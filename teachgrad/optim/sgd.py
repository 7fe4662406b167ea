"""Stochastic gradient descent, and its averaged form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from teachgrad.optim.optimizer import Optimizer, as_number, check_settings, counter, number, own_settings, zeros_like

__all__ = ["ASGD", "SGD"]


class SGD(Optimizer):
    """Gradient descent, with momentum if wished.

    H. Robbins and S. Monro, "A stochastic approximation method", 1951; the momentum is B. Polyak's (1964), `nesterov` its
    variant as in I. Sutskever and others, "On the importance of initialization and momentum in deep learning", ICML 2013:

        g = grad + weight_decay * p
        b = g at the first step, then momentum * b + (1 - dampening) * g
        p = p - lr * b                              with nesterov: p - lr * (g + momentum * b)

    Without momentum p = p - lr * g. Mirrors `torch.optim.SGD`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_settings(lr=lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, own_settings(locals()))

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        momentum = group["momentum"]
        if group["weight_decay"] != 0:
            grad = grad + group["weight_decay"] * param
        if momentum != 0:
            buffer = state.get("momentum_buffer")
            if buffer is None:
                buffer = state["momentum_buffer"] = grad.detach().clone()
            else:
                buffer *= momentum
                buffer += (1 - group["dampening"]) * grad
            grad = grad + momentum * buffer if group["nesterov"] else buffer
        param -= as_number(group["lr"]) * grad


class ASGD(Optimizer):
    """Gradient descent with shrinking steps, and the mean of the parameters since step `t0` in `state[p]["ax"]`.

    B. Polyak and A. Juditsky, "Acceleration of stochastic approximation by averaging", 1992:

        p  = (1 - lambd * eta) * p - eta * g
        ax = ax + mu * (p - ax)
        eta = lr / (1 + lambd * lr * t)^alpha        mu = 1 / max(1, t - t0)

    Mirrors `torch.optim.ASGD`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_settings(lr=lr, weight_decay=weight_decay)
        super().__init__(params, own_settings(locals()))

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        lr = as_number(group["lr"])
        step = counter(state)
        if "eta" not in state:
            state["eta"], state["mu"], state["ax"] = number(lr), number(1.0), zeros_like(param)
        eta, mu, mean = state["eta"], state["mu"], state["ax"]
        if group["weight_decay"] != 0:
            grad = grad + group["weight_decay"] * param
        param *= 1 - group["lambd"] * eta.item()
        param -= eta.item() * grad
        mean += mu.item() * (param - mean)
        eta.fill_(lr / (1 + group["lambd"] * lr * step) ** group["alpha"])
        mu.fill_(1 / max(1, step - group["t0"]))
