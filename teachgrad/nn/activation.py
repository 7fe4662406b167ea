"""Activations as modules: each calls the function of `nn.functional` that does the work."""

from __future__ import annotations

from typing import Any, ClassVar

from teachgrad.nn import functional as F
from teachgrad.nn import init
from teachgrad.nn.module import Module
from teachgrad.nn.parameter import Parameter, empty_parameter

__all__ = [
    "CELU", "ELU", "GELU", "GLU", "SELU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU",
    "LogSigmoid", "LogSoftmax", "Mish", "PReLU", "RReLU", "ReLU", "ReLU6", "SiLU", "Sigmoid", "Softmax", "Softmax2d",
    "Softmin", "Softplus", "Softshrink", "Softsign", "Tanh", "Tanhshrink", "Threshold",
]  # fmt: skip


class _Activation(Module):
    """An activation is a function and the arguments it was made with, which are also attributes and what is printed."""

    function: ClassVar[str]

    def __init__(self, **arguments: Any) -> None:
        super().__init__()
        self._names = tuple(arguments)
        for name, value in arguments.items():
            setattr(self, name, value)

    def forward(self, input: Any) -> Any:
        """The function applied to `input`; same shape."""
        return getattr(F, self.function)(input, **{name: getattr(self, name) for name in self._names})

    def extra_repr(self) -> str:
        """The arguments; `inplace` only if it is set."""
        shown = [(name, getattr(self, name)) for name in self._names]
        return ", ".join(f"{name}={value}" for name, value in shown if name != "inplace" or value)


class Threshold(_Activation):
    """x where x > threshold, else `value`. Mirrors `torch.nn.Threshold`."""

    function = "threshold"

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(threshold=threshold, value=value, inplace=inplace)


class ReLU(_Activation):
    """max(0, x). Mirrors `torch.nn.ReLU`."""

    function = "relu"

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)


class ReLU6(_Activation):
    """min(max(0, x), 6). Mirrors `torch.nn.ReLU6`."""

    function = "relu6"

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)


class LeakyReLU(_Activation):
    """x where positive, else negative_slope * x. Mirrors `torch.nn.LeakyReLU`."""

    function = "leaky_relu"

    def __init__(self, negative_slope: float = 1e-2, inplace: bool = False) -> None:
        super().__init__(negative_slope=negative_slope, inplace=inplace)


class RReLU(_Activation):
    """LeakyReLU with a slope that is drawn anew from [lower, upper) in training. Mirrors `torch.nn.RReLU`."""

    function = "rrelu"

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        super().__init__(lower=lower, upper=upper, inplace=inplace)

    def forward(self, input: Any) -> Any:
        """The function applied to `input`; outside training the slope is the mean of both ends."""
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)


class PReLU(Module):
    """LeakyReLU whose slope is learnt: one for all channels, or `num_parameters`, one for each.

    Mirrors `torch.nn.PReLU`.
    """

    weight: Parameter

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = empty_parameter((num_parameters,), device, dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Sets the slopes back to `init`."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Any) -> Any:
        """x where positive, else weight * x."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """The number of slopes."""
        return f"num_parameters={self.num_parameters}"


class ELU(_Activation):
    """x where positive, else alpha * (exp(x) - 1). Mirrors `torch.nn.ELU`."""

    function = "elu"

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(alpha=alpha, inplace=inplace)


class CELU(_Activation):
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1)). Mirrors `torch.nn.CELU`."""

    function = "celu"

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(alpha=alpha, inplace=inplace)


class SELU(_Activation):
    """ELU scaled so that it keeps mean 0 and variance 1. Mirrors `torch.nn.SELU`."""

    function = "selu"

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)


class GELU(_Activation):
    """x times the probability that a normal number is below x. Mirrors `torch.nn.GELU`."""

    function = "gelu"

    def __init__(self, approximate: str = "none") -> None:
        super().__init__(approximate=approximate)

    def extra_repr(self) -> str:
        """The argument, quoted."""
        return f"approximate={self.approximate!r}"


class Sigmoid(_Activation):
    """1 / (1 + exp(-x)). Mirrors `torch.nn.Sigmoid`."""

    function = "sigmoid"


class LogSigmoid(_Activation):
    """log(1 / (1 + exp(-x))). Mirrors `torch.nn.LogSigmoid`."""

    function = "logsigmoid"


class Hardsigmoid(_Activation):
    """The sigmoid as three straight lines. Mirrors `torch.nn.Hardsigmoid`."""

    function = "hardsigmoid"

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)


class Tanh(_Activation):
    """The hyperbolic tangent. Mirrors `torch.nn.Tanh`."""

    function = "tanh"


class Tanhshrink(_Activation):
    """x - tanh(x). Mirrors `torch.nn.Tanhshrink`."""

    function = "tanhshrink"


class Hardtanh(_Activation):
    """x held between min_val and max_val. Mirrors `torch.nn.Hardtanh`."""

    function = "hardtanh"

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__(min_val=min_val, max_val=max_val, inplace=inplace)
        if max_val <= min_val:
            raise AssertionError(f"max_val ({max_val}) must be greater than min_val ({min_val})")


class SiLU(_Activation):
    """x * sigmoid(x), also called swish. Mirrors `torch.nn.SiLU`."""

    function = "silu"

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)


class Hardswish(_Activation):
    """x times the hard sigmoid. Mirrors `torch.nn.Hardswish`."""

    function = "hardswish"

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)


class Mish(_Activation):
    """x * tanh(softplus(x)). Mirrors `torch.nn.Mish`."""

    function = "mish"

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)


class Softplus(_Activation):
    """log(1 + exp(beta x)) / beta, a smooth ReLU; x itself where beta x > threshold. Mirrors `torch.nn.Softplus`."""

    function = "softplus"

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__(beta=beta, threshold=threshold)


class Softsign(_Activation):
    """x / (1 + |x|). Mirrors `torch.nn.Softsign`."""

    function = "softsign"


class Softshrink(_Activation):
    """x moved towards 0 by lambd, 0 where that would cross it. Mirrors `torch.nn.Softshrink`."""

    function = "softshrink"

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)

    def extra_repr(self) -> str:
        """The argument without its name."""
        return str(self.lambd)


class Hardshrink(Softshrink):
    """x where |x| > lambd, else 0. Mirrors `torch.nn.Hardshrink`."""

    function = "hardshrink"


class GLU(_Activation):
    """The first half along `dim`, times the sigmoid of the second half. Mirrors `torch.nn.GLU`."""

    function = "glu"

    def __init__(self, dim: int = -1) -> None:
        super().__init__(dim=dim)


class Softmax(_Activation):
    """exp(x) divided by its sum along `dim`. Mirrors `torch.nn.Softmax`."""

    function = "softmax"

    def __init__(self, dim: int | None = None) -> None:
        super().__init__(dim=dim)


class Softmin(Softmax):
    """The softmax of -x. Mirrors `torch.nn.Softmin`."""

    function = "softmin"


class LogSoftmax(Softmax):
    """The logarithm of the softmax. Mirrors `torch.nn.LogSoftmax`."""

    function = "log_softmax"


class Softmax2d(Module):
    """Softmax over the channels of (N, C, H, W) or (C, H, W). Mirrors `torch.nn.Softmax2d`."""

    def forward(self, input: Any) -> Any:
        """The softmax along dimension -3. Raises ValueError for other shapes."""
        if input.dim() not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.dim()}D instead")
        return F.softmax(input, -3)
