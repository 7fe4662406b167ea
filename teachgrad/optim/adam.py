"""Adam and its relatives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from teachgrad.optim.optimizer import Optimizer, as_number, check_settings, counter, number, own_settings, zeros_like

__all__ = ["Adam", "AdamW", "Adamax", "NAdam", "RAdam"]


def _moments(param: Any, grad: Any, state: dict[str, Any], betas: tuple[float, float]) -> tuple[Any, Any]:
    """Moves the running means of the gradient and of its square one step on, and returns them."""
    beta1, beta2 = map(as_number, betas)
    if "exp_avg" not in state:
        state["exp_avg"], state["exp_avg_sq"] = zeros_like(param), zeros_like(param)
    mean, square = state["exp_avg"], state["exp_avg_sq"]
    mean += (1 - beta1) * (grad - mean)
    square *= beta2
    square += (1 - beta2) * grad * grad
    return mean, square


def _decayed(param: Any, grad: Any, group: dict[str, Any]) -> Any:
    """The gradient with weight decay in it; or, if decoupled, `param` shrunk and the gradient as it is."""
    if group["weight_decay"] == 0:
        return grad
    if group.get("decoupled_weight_decay"):
        param *= 1 - as_number(group["lr"]) * group["weight_decay"]
        return grad
    return grad + group["weight_decay"] * param


class Adam(Optimizer):
    """Steps of about `lr` in each direction, whatever the size of the gradient.

    D. Kingma and J. Ba, "Adam: a method for stochastic optimization", ICLR 2015:

        m = beta1 * m + (1 - beta1) * g             running mean of the gradient
        v = beta2 * v + (1 - beta2) * g^2           running mean of its square
        p = p - lr * m' / (sqrt(v') + eps)          m' = m / (1 - beta1^t) and v' = v / (1 - beta2^t)

    m and v start at 0; the division makes up for that at step t. With `amsgrad` (S. Reddi and others, "On the convergence
    of Adam and beyond", ICLR 2018) the largest v so far is taken. Mirrors `torch.optim.Adam`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        check_settings(lr=lr, eps=eps, betas=betas, weight_decay=weight_decay)
        super().__init__(params, own_settings(locals()))

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        beta1, beta2 = map(as_number, group["betas"])
        step = counter(state)
        grad = _decayed(param, grad, group)
        mean, square = _moments(param, grad, state, group["betas"])
        if group["amsgrad"]:
            largest = state.setdefault("max_exp_avg_sq", zeros_like(param))
            largest.copy_(largest.maximum(square))
            square = largest
        step_size = as_number(group["lr"]) / (1 - beta1**step)
        scale = square.sqrt() / (1 - beta2**step) ** 0.5 + group["eps"]
        param -= step_size * mean / scale


class AdamW(Adam):
    """Adam whose weight decay shrinks the parameter itself: p = p * (1 - lr * weight_decay) before each step.

    I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", ICLR 2019. Mirrors `torch.optim.AdamW`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize, capturable=capturable,
            differentiable=differentiable, fused=fused, decoupled_weight_decay=True,
        )  # fmt: skip


class Adamax(Optimizer):
    """Adam with the largest recent gradient, u = max(beta2 * u, |g| + eps), in the place of sqrt(v).

    From section 7 of Kingma and Ba's paper. Mirrors `torch.optim.Adamax`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_settings(lr=lr, eps=eps, betas=betas, weight_decay=weight_decay)
        super().__init__(params, own_settings(locals()))

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        step = counter(state)
        grad = _decayed(param, grad, group)
        if "exp_avg" not in state:
            state["exp_avg"], state["exp_inf"] = zeros_like(param), zeros_like(param)
        mean, largest = state["exp_avg"], state["exp_inf"]
        mean += (1 - beta1) * (grad - mean)
        largest.copy_((beta2 * largest).maximum(grad.abs() + group["eps"]))
        param -= as_number(group["lr"]) / (1 - beta1**step) * mean / largest


class NAdam(Optimizer):
    """Adam with Nesterov's momentum (T. Dozat, "Incorporating Nesterov momentum into Adam", ICLR workshop 2016).

    The step mixes the gradient itself with the running mean, by a momentum mu that grows towards beta1. Mirrors
    `torch.optim.NAdam`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings(lr=lr, eps=eps, betas=betas, weight_decay=weight_decay, momentum_decay=momentum_decay)
        super().__init__(params, own_settings(locals()))

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        step, lr = counter(state), as_number(group["lr"])
        grad = _decayed(param, grad, group)
        mu = beta1 * (1 - 0.5 * 0.96 ** (step * group["momentum_decay"]))
        mu_next = beta1 * (1 - 0.5 * 0.96 ** ((step + 1) * group["momentum_decay"]))
        product = state.setdefault("mu_product", number(1.0))
        product *= mu
        mean, square = _moments(param, grad, state, group["betas"])
        scale = (square / (1 - beta2**step)).sqrt() + group["eps"]
        param -= lr * (1 - mu) / (1 - product.item()) * grad / scale
        param -= lr * mu_next / (1 - product.item() * mu_next) * mean / scale


class RAdam(Optimizer):
    """Adam that trusts its running mean of squares only after enough steps.

    L. Liu and others, "On the variance of the adaptive learning rate and beyond", ICLR 2020: `rho` counts how many
    gradients the mean is made of; up to 5 the step is plain momentum, after that a rectified Adam step. Mirrors
    `torch.optim.RAdam`.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings(lr=lr, eps=eps, betas=betas, weight_decay=weight_decay)
        super().__init__(params, own_settings(locals()))

    def _update(self, param: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        step, lr = counter(state), as_number(group["lr"])
        grad = _decayed(param, grad, group)
        mean, square = _moments(param, grad, state, group["betas"])
        corrected = mean / (1 - beta1**step)
        rho_end = 2 / (1 - beta2) - 1
        rho = rho_end - 2 * step * beta2**step / (1 - beta2**step)
        if rho > 5:
            rectified = ((rho - 4) * (rho - 2) * rho_end / ((rho_end - 4) * (rho_end - 2) * rho)) ** 0.5
            param -= corrected * lr * ((1 - beta2**step) ** 0.5 / (square.sqrt() + group["eps"])) * rectified
        else:
            param -= corrected * lr
