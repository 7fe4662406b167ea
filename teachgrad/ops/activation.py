"""Activations: what a network puts between its linear layers. Each element is treated alike, as in `pointwise.py`.

The kinks are where lessons look closely: relu'(0) = 0, leaky_relu'(0) = the slope, elu'(0) = alpha, and hardtanh' is 0 at
its bounds.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from teachgrad.ops import errorfunction  # noqa: F401 - erf
from teachgrad.ops.table import OPS, composite, op, raw

# -- the entries -----------------------------------------------------------------------------------------------
op(
    "leaky_relu(self; negative_slope)", "LeakyReluBackward0", "where(self > 0, self, self * negative_slope)",
    self="where(self > 0, grad, grad * negative_slope)", refuses={"biuc": "leaky_relu_cpu"},
    samples=["F.leaky_relu(x)", "F.leaky_relu(x - 1, 0.3)", "F.leaky_relu(x * 0)"],
)  # fmt: skip
op(
    "elu(self; alpha, scale=1, input_scale=1)", "EluBackward0",
    "where(self > 0, self * scale, expm1(minimum(self, 0) * input_scale) * (alpha * scale))",
    self="where(self > 0, grad * scale, grad * (alpha * scale * input_scale) * exp(self * input_scale))",
    refuses={"biuc": "elu_cpu"},
    samples=["F.elu(x)", "F.elu(x * 2, alpha=0.5)", "F.selu(x)", "F.elu(x * 0)"],
)  # fmt: skip
op(
    "celu(self; alpha)", "CeluBackward0", "where(self > 0, self, expm1(minimum(self, 0) / alpha) * alpha)",
    self="where(self > 0, grad, grad * exp(self / alpha))", refuses={"biuc": "elu_cpu"},
    samples=["F.celu(x)", "F.celu(x, 2.0)"],
)  # fmt: skip
op(
    "gelu.erf(self)", "GeluBackward0", "self * normal_cdf(self)",
    self="grad * (normal_cdf(self) + self * normal_pdf(self))",
    shown={"self": "grad * ((1 + erf(self / sqrt(2))) / 2 + self * exp(-self * self / 2) / sqrt(2 * pi))"},
    refuses={"biuc": "GeluKernelImpl"},
    samples=["F.gelu(x)", "F.gelu(x * 3)"],
)  # fmt: skip
op(
    "gelu.tanh(self)", "GeluBackward0", "self * tanh_cdf(self)",
    self="grad * (tanh_cdf(self) + self * tanh_pdf(self))", refuses={"biuc": "GeluKernelImpl"},
    samples=["F.gelu(x, approximate='tanh')"],
)  # fmt: skip
op(
    "silu(self)", "SiluBackward0", "self * sigmoid(self)",
    self="grad * sigmoid(self) * (1 + self * (1 - sigmoid(self)))",
    refuses={"G": "silu", "biu": "silu_cpu"},
    samples=["F.silu(x)", "F.silu(x * 4)"],
)  # fmt: skip
op(
    "mish(self)", "MishBackward0", "self * tanh(log1p(exp(self)))",
    self="mish_slope(grad, self)",
    shown={"self": "grad * (tanh(log(1 + exp(self))) + self * sigmoid(self) * (1 - tanh(log(1 + exp(self))) ** 2))"},
    refuses={"biuc": "mish_cpu"},
    samples=["F.mish(x)", "F.mish(x * 3)"],
)  # fmt: skip
op(
    "softplus(self; beta, threshold)", "SoftplusBackward0",
    "where(self * beta > threshold, self, log1p(exp(minimum(self * beta, threshold))) / beta)",
    self="where(self * beta > threshold, grad, grad * sigmoid(self * beta))", refuses={"biuc": "softplus_cpu"},
    samples=["F.softplus(x)", "F.softplus(x * 9, beta=2, threshold=3)"],
)  # fmt: skip
op(
    "log_sigmoid(self)", "LogSigmoidBackward0", "minimum(self, 0) - log1p(exp(-abs(self)))",
    self="grad * sigmoid(-self)", refuses={"biuc": "log_sigmoid_cpu"},
    samples=["F.logsigmoid(x)", "F.logsigmoid(x * 5)"],
)  # fmt: skip
op(
    "hardtanh(self; min_val, max_val)", "HardtanhBackward0",
    "clip(self, number_like(self, min_val), number_like(self, max_val))",
    refuses={"c": "NotImplementedError: clamp is not supported for complex types"},
    self="where((self > min_val) & (self < max_val), grad, 0)",
    samples=["F.hardtanh(x)", "F.hardtanh(x, -0.1, 0.2)", "F.relu6(x * 9)", "F.relu6(x * 0 + 6)"],
)  # fmt: skip
# PyTorch's 1/6 is one of float32, whatever the dtype.
op(
    "hardsigmoid(self)", "HardsigmoidBackward0", "clip(self / 6 + 0.5, 0, 1)",
    self="where((self > -3) & (self < 3), grad * 0.1666666716337204, 0)", refuses={"biuc": "hardsigmoid_cpu"},
    samples=["F.hardsigmoid(x * 3)"],
)  # fmt: skip
op(
    "hardswish(self)", "HardswishBackward0", "self * clip(self + 3, 0, 6) / 6",
    self="where(self <= -3, 0, where(self < 3, grad * (self / 3 + 0.5), grad))",
    refuses={"biuc": "hardswish_cpu"},
    samples=["F.hardswish(x * 3)"],
)  # fmt: skip
op(
    "hardshrink(self; lambd)", "HardshrinkBackward0", "where((self >= -lambd) & (self <= lambd), 0, self)",
    self="where((self >= -lambd) & (self <= lambd), 0, grad)", refuses={"biuc": "hardshrink_cpu"},
    samples=["F.hardshrink(x)"],
)  # fmt: skip
op(
    "softshrink(self; lambd)", "SoftshrinkBackward0", "sign(self) * maximum(abs(self) - lambd, 0)",
    self="where((self >= -lambd) & (self <= lambd), 0, grad)", refuses={"biuc": "softshrink_check"},
    samples=["F.softshrink(x)"],
)  # fmt: skip
op(
    "threshold(self; threshold, value)", "ThresholdBackward0",
    "where(self <= threshold, number_like(self, value), self)",
    refuses={"c": "threshold_cpu"},
    self="where(self <= threshold, 0, grad)",
    samples=["F.threshold(x, 0.1, 20)"],
)  # fmt: skip
op(
    "prelu.kernel(self, slope)", "PreluKernelBackward0", "where(self > 0, self, self * slope)",
    refuses={"c": "prelu_cpu"},
    self="where(self > 0, grad, grad * slope)", slope="folded(where(self > 0, 0, grad * self), slope_shape)",
    samples=["F.prelu(x, u)", "F.prelu(x, v[:1])"],
)  # fmt: skip
op(
    "glu(self; dim)", "GluBackward0", "glu_of(self, dim)",
    refuses={"c": "glu_cpu"},
    self="glu_slope(grad, self, dim)",
    shown={
        "self": "grad * sigmoid(b) and grad * a * sigmoid(b) * (1 - sigmoid(b)), where a and b are the halves of self",
    },
    samples=["F.glu(b)", "F.glu(x, 0)"],
)  # fmt: skip

for _name in ("leaky_relu", "elu", "celu", "threshold"):  # in place, PyTorch calls the nodes of these by another name
    _op = OPS[_name]
    _arguments = ", ".join(f"{name}={_op.defaults[name]}" if name in _op.defaults else name for name in _op.plain)
    assert _op.node_name is not None
    op(
        f"{_name}_.in_place(self; {_arguments})", _op.node_name.replace("0", "1"), _op.forward,
        self=_op.rules["self"], refuses=_op.refuses,
        samples=[f"F.{_name}(x * 1, *{(0.1, 2) if _name == 'threshold' else ()}, inplace=True)"],
    )  # fmt: skip


# -- rules that take more than one expression ------------------------------------------------------------------
@composite
def normal_cdf(F: Any, self: Any) -> Any:
    """The share of a standard normal distribution below x."""
    return (F.erf(self * math.sqrt(0.5)) + 1) * 0.5


@composite
def normal_pdf(F: Any, self: Any) -> Any:
    """The density of a standard normal distribution at x."""
    return F.exp(self * self * -0.5) * (1 / math.sqrt(2 * math.pi))


@composite
def tanh_cdf(F: Any, self: Any) -> Any:
    """`normal_cdf`, nearly, without erf."""
    return (F.tanh(math.sqrt(2 / math.pi) * (self + 0.044715 * self * self * self)) + 1) * 0.5


@composite
def tanh_pdf(F: Any, self: Any) -> Any:
    """The derivative of `tanh_cdf`."""
    t = F.tanh(math.sqrt(2 / math.pi) * (self + 0.044715 * self * self * self))
    return (1 - t * t) * (1 + 3 * 0.044715 * self * self) * math.sqrt(0.5 / math.pi)


@composite
def mish_slope(F: Any, grad: Any, self: Any) -> Any:
    """d/dx of x tanh(log(1 + e^x))."""
    t = F.tanh(F.log1p(F.exp(self)))
    return grad * (t + self * F.sigmoid(self) * (1 - t * t))


@raw
def number_like(self: Any, value: float) -> Any:
    """`value` in the dtype of `self`."""
    return self.dtype.type(value)


def _halves(self: Any, dim: int) -> tuple[Any, Any]:
    half = self.shape[dim] // 2
    first = (slice(None),) * dim + (slice(0, half),)
    return self[first], self[(*first[:-1], slice(half, None))]


@raw
def glu_of(self: Any, dim: int) -> Any:
    """The first half of a dimension, gated by the sigmoid of the second."""
    if self.ndim == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    if self.shape[dim] % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {self.shape[dim]}")
    first, second = _halves(self, dim)
    return first / (1 + np.exp(-second))


@composite
def glu_slope(F: Any, grad: Any, self: Any, dim: int) -> Any:
    """Both halves' gradients, side by side."""
    first, second = _halves(self, dim)
    gate = F.sigmoid(second)
    return F.cat([grad * gate, grad * first * gate * (1 - gate)], dim)
