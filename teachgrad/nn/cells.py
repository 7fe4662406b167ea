"""Single steps of recurrent networks: from the input and the state before to the state after.

    RNN    h = tanh(W x + b + U h + c)
    GRU    r, z = sigmoid(...)    n = tanh(W x + b + r * (U h + c))    h = (1 - z) * n + z * h
    LSTM   i, f, o = sigmoid(...)    g = tanh(...)    c = f * c + i * g    h = o * tanh(c)

J. Elman, "Finding structure in time", 1990; K. Cho and others, EMNLP 2014; S. Hochreiter and J. Schmidhuber, "Long
short-term memory", 1997. The rows of the weights belong to the gates in the order written above (LSTM: i, f, g, o).
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import teachgrad as torch
from teachgrad.nn import functional as F
from teachgrad.nn import init
from teachgrad.nn.module import Module
from teachgrad.nn.parameter import empty_parameter
from teachgrad.ops.recurrent import lstm_cell

__all__ = ["GRUCell", "LSTMCell", "RNNCell"]

States = tuple[Any, ...]  # (h,) or, of an LSTM, (h, c): each (batch, hidden_size)


def tanh_step(from_input: Any, from_hidden: Any, states: States) -> States:
    """A plain recurrent network."""
    return (torch.tanh(from_hidden + from_input),)


def relu_step(from_input: Any, from_hidden: Any, states: States) -> States:
    """A plain recurrent network with relu."""
    return (torch.relu(from_hidden + from_input),)


def gru_step(from_input: Any, from_hidden: Any, states: States) -> States:
    """The gated recurrent unit."""
    input_r, input_z, input_n = torch.unsafe_chunk(from_input, 3, 1)
    hidden_r, hidden_z, hidden_n = torch.unsafe_chunk(from_hidden, 3, 1)
    reset = torch.sigmoid(hidden_r + input_r)
    keep = torch.sigmoid(hidden_z + input_z)
    new = torch.tanh(input_n + hidden_n * reset)
    return ((states[0] - new) * keep + new,)


def lstm_step(from_input: Any, from_hidden: Any, states: States) -> States:
    """Long short-term memory."""
    return lstm_cell(from_hidden + from_input, states[1])


STEPS = {"RNN_TANH": tanh_step, "RNN_RELU": relu_step, "GRU": gru_step, "LSTM": lstm_step}
GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "GRU": 3, "LSTM": 4}


class _Cell(Module):
    """What the cells share: their parameters, and a step of a batch (batch, input_size) or of one sample (input_size,)."""

    mode: ClassVar[str]

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        gates = GATES[self.mode] * hidden_size
        self.weight_ih = empty_parameter((gates, input_size), device, dtype)
        self.weight_hh = empty_parameter((gates, hidden_size), device, dtype)
        self.register_parameter("bias_ih", empty_parameter((gates,), device, dtype) if bias else None)
        self.register_parameter("bias_hh", empty_parameter((gates,), device, dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws all parameters anew, uniform in [-1/sqrt(hidden_size), 1/sqrt(hidden_size))."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _step(self, input: Any, states: States | None, mode: str) -> States:
        if input.dim() not in (1, 2):
            raise ValueError(f"{self._get_name()}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        for number, state in enumerate(states or ()):
            if state.dim() not in (1, 2):
                what = f"hx[{number}]" if mode == "LSTM" else "hidden"
                raise ValueError(f"{self._get_name()}: Expected {what} to be 1D or 2D, got {state.dim()}D instead")
        if input.dim() == 1:
            batched = self._step(input.unsqueeze(0), states and tuple(s.unsqueeze(0) for s in states), mode)
            return tuple(state.squeeze(0) for state in batched)
        if states is None:
            zeros = torch.zeros(input.shape[0], self.hidden_size, dtype=input.dtype)
            states = (zeros, zeros)
        from_input = F.linear(input, self.weight_ih, self.bias_ih)
        return STEPS[mode](from_input, F.linear(states[0], self.weight_hh, self.bias_hh), states)

    def forward(self, input: Any, hx: Any = None) -> Any:
        """The state after one step."""
        return self._step(input, None if hx is None else (hx,), self.mode)[0]

    def extra_repr(self) -> str:
        """The sizes, and bias=False if there is none."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else f", bias={self.bias}")


class RNNCell(_Cell):
    """One step of a plain recurrent network. Mirrors `torch.nn.RNNCell`."""

    mode = "RNN_TANH"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, *args, **kwargs)
        self.nonlinearity = nonlinearity

    def forward(self, input: Any, hx: Any = None) -> Any:
        """The state after one step. Raises RuntimeError for a nonlinearity that is neither tanh nor relu."""
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return self._step(input, None if hx is None else (hx,), f"RNN_{self.nonlinearity.upper()}")[0]

    def extra_repr(self) -> str:
        """The arguments."""
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}")


class GRUCell(_Cell):
    """One step of a gated recurrent unit. Mirrors `torch.nn.GRUCell`."""

    mode = "GRU"


class LSTMCell(_Cell):
    """One step of a long short-term memory; the state is a pair (h, c). Mirrors `torch.nn.LSTMCell`."""

    mode = "LSTM"

    def forward(self, input: Any, hx: Any = None) -> Any:
        """The states (h, c) after one step."""
        return self._step(input, None if hx is None else tuple(hx), self.mode)
