"""Recurrent networks: at each step the new state is computed from the input and the last state, with the same weights.

`cells.py` says what one step computes.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import teachgrad as torch
from teachgrad.nn import functional as F
from teachgrad.nn import init
from teachgrad.nn.cells import GATES, STEPS, States
from teachgrad.nn.module import Module
from teachgrad.nn.parameter import empty_parameter
from teachgrad.nn.utils.rnn import PackedSequence
from teachgrad.ops.table import OPS

__all__ = ["GRU", "LSTM", "RNN", "RNNBase"]


class RNNBase(Module):
    """What RNN, GRU and LSTM share: layers, directions, and running over the steps. Mirrors `torch.nn.RNNBase`.

    input: (steps, batch, input_size), with `batch_first` (batch, steps, input_size), without a batch (steps, input_size),
    or a PackedSequence. Returns the outputs of all steps in the same form, and the final states
    (num_layers * directions, batch, hidden_size).
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        _check_settings(input_size, hidden_size, num_layers, bias, batch_first, dropout, proj_size)
        self.mode, self.input_size, self.hidden_size, self.num_layers = mode, input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.proj_size = bidirectional, proj_size
        gates, output = GATES[mode] * hidden_size, proj_size or hidden_size
        directions = ("", "_reverse") if bidirectional else ("",)
        self._suffixes = [[f"_l{layer}{direction}" for direction in directions] for layer in range(num_layers)]
        for layer, suffixes in enumerate(self._suffixes):
            inputs = input_size if layer == 0 else output * len(directions)
            for suffix in suffixes:
                shapes: dict[str, tuple[int, ...]] = {"weight_ih": (gates, inputs), "weight_hh": (gates, output)}
                if bias:
                    shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
                if proj_size:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                for name, shape in shapes.items():
                    setattr(self, name + suffix, empty_parameter(shape, device, dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws all parameters anew, uniform in [-1/sqrt(hidden_size), 1/sqrt(hidden_size))."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def flatten_parameters(self) -> None:
        """Does nothing: in PyTorch it arranges the weights for a GPU."""

    def _weight(self, name: str) -> Any:
        return getattr(self, name, None)

    def _run(self, input: Any, hx: Any) -> tuple[Any, States]:
        """The outputs, and the final states as a tuple."""
        packed = isinstance(input, PackedSequence)
        data = input.data if packed else input
        if not packed and data.dim() not in (2, 3):
            kind = " tensor" if self.mode.startswith("RNN") else ""
            raise ValueError(f"{self._get_name()}: Expected input to be 2D or 3D, got {data.dim()}D{kind} instead")
        single = not packed and data.dim() == 2
        batch_dim = 0 if self.batch_first and not packed else 1
        states = self._given_states(hx, single)
        if single:
            data = data.unsqueeze(batch_dim)
        self._check_input(data, 2 if packed else 3)
        if packed:
            batch_sizes = input.batch_sizes.tolist()
            batch = batch_sizes[0]
        else:
            batch_sizes, batch = None, data.shape[batch_dim]
            if self.batch_first:
                data = data.transpose(0, 1)
        states = self._checked_states(states, batch, data.dtype)
        if packed and input.sorted_indices is not None and hx is not None:
            states = tuple(state.index_select(1, input.sorted_indices) for state in states)
        whole = self._runs_whole(data, packed)
        data, finals = self._run_layers(data, states, batch_sizes, whole)
        if packed:
            if input.unsorted_indices is not None:
                finals = tuple(state.index_select(1, input.unsorted_indices) for state in finals)
            return input._replace(data=data), finals
        if self.batch_first:
            data = data.transpose(0, 1) if whole else data.transpose_(0, 1)
        if single:
            return data.squeeze(batch_dim), tuple(state.squeeze(1) for state in finals)
        return data, finals

    def _runs_whole(self, data: Any, packed: bool) -> bool:
        """Does PyTorch's build for CPUs compute each layer as one op? An LSTM of float32 without projection."""
        return (
            self.mode == "LSTM" and not (self.proj_size or packed) and data.dtype == torch.float32 and data.numel() > 0
        )

    def _run_layers(self, data: Any, states: States, batch_sizes: list[int] | None, whole: bool) -> tuple[Any, States]:
        """Sends the sequence through all layers, each in one or both directions."""
        finals: list[States] = []
        data = data.contiguous() if whole else data
        starts = states if whole else [state.unbind(0) for state in states]
        for layer, suffixes in enumerate(self._suffixes):
            outputs = []
            for suffix in suffixes:
                start = tuple(layers[len(finals)] for layers in starts)
                run = self._run_direction if not whole else self._run_whole
                output, final = run(data, start, batch_sizes, suffix)
                outputs.append(output)
                finals.append(final)
            data = outputs[0] if len(outputs) == 1 else torch.cat(outputs, -1)
            if self.dropout and layer < self.num_layers - 1:
                data = F.dropout(data, self.dropout, self.training)
        return data, tuple(torch.stack(list(of_all_layers)) for of_all_layers in zip(*finals, strict=True))

    def _run_whole(self, data: Any, start: States, _: list[int] | None, suffix: str) -> tuple[Any, States]:
        """One layer of an LSTM in one direction as one op."""
        weights = [self._weight(name + suffix) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        if not self.bias:
            weights[2:] = [torch.zeros(4 * self.hidden_size)] * 2
        output, *final = OPS["mkldnn_rnn_layer"]([data, *weights, *start], suffix.endswith("_reverse"))[:3]
        return output, tuple(final)

    def _run_direction(
        self, data: Any, start: States, batch_sizes: list[int] | None, suffix: str
    ) -> tuple[Any, States]:
        """One layer in one direction: all inputs are multiplied at once, then the steps are taken one by one."""
        to_gates = F.linear(data, self._weight("weight_ih" + suffix), self._weight("bias_ih" + suffix))
        steps = list(to_gates.unbind(0) if batch_sizes is None else to_gates.split(batch_sizes))
        weight, bias = self._weight("weight_hh" + suffix), self._weight("bias_hh" + suffix)
        projection, advance = self._weight("weight_hr" + suffix), STEPS[self.mode]
        backwards = suffix.endswith("_reverse")
        states = tuple(state[: len(steps[-1])] for state in start) if backwards and batch_sizes else start
        outputs, ended = [], []
        for from_input in reversed(steps) if backwards else steps:
            running, now = len(states[0]), len(from_input)
            if now < running:  # packed: the shortest sequences have ended
                ended.append(tuple(state[now:] for state in states))
                states = tuple(state[:now] for state in states)
            elif now > running:  # packed and backwards: longer ones have ended before, now these begin
                states = tuple(
                    torch.cat([state, first[running:now]]) for state, first in zip(states, start, strict=True)
                )
            states = advance(from_input, F.linear(states[0], weight, bias), states)
            if projection is not None:
                states = (F.linear(states[0], projection), *states[1:])
            outputs.append(states[0])
        if backwards:
            outputs.reverse()
        if ended:
            ended.append(states)
            states = tuple(torch.cat(list(parts)[::-1]) for parts in zip(*ended, strict=True))
        return (torch.stack(outputs) if batch_sizes is None else torch.cat(outputs)), states

    def _given_states(self, hx: Any, single: bool) -> States | None:
        """The initial states that were passed, with a batch dimension. Raises RuntimeError for other dimensions."""
        if hx is None:
            return None
        dims, kind = (2, "unbatched 2-D") if single else (3, "batched 3-D")
        if hx.dim() != dims:
            raise RuntimeError(f"For {kind} input, hx should also be {dims}-D but got {hx.dim()}-D tensor")
        return (hx.unsqueeze(1) if single else hx,)

    def _check_input(self, data: Any, dims: int) -> None:
        dtype = next(self.parameters()).dtype
        if data.dtype != dtype:
            raise ValueError(
                f"RNN input dtype ({data.dtype}) does not match weight dtype ({dtype}). "
                f"Convert input: input.to({dtype}), or convert model: model.to({data.dtype})"
            )
        if data.dim() != dims:
            raise RuntimeError(f"input must have {dims} dimensions, got {data.dim()}")
        if data.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {data.shape[-1]}"
            )

    def _checked_states(self, states: States | None, batch: int, dtype: Any) -> States:
        """The initial states, zeros if there are none. Raises RuntimeError for other sizes."""
        rows = self.num_layers * len(self._suffixes[0])
        sizes = [(rows, batch, self.proj_size or self.hidden_size)]
        if self.mode == "LSTM":
            sizes.append((rows, batch, self.hidden_size))
        if states is None:
            return tuple(torch.zeros(size, dtype=dtype) for size in sizes)
        for number, (state, size) in enumerate(zip(states, sizes, strict=True)):
            if tuple(state.shape) != size:
                which = f"hidden[{number}]" if self.mode == "LSTM" else "hidden"
                raise RuntimeError(f"Expected {which} size {size}, got {list(state.shape)}")
        return states

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """The outputs of all steps and the final state."""
        output, finals = self._run(input, hx)
        return output, finals[0]

    def extra_repr(self) -> str:
        """The sizes, and the arguments that are not the usual ones."""
        usual = {
            "proj_size": 0,
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0,
            "bidirectional": False,
        }
        shown = [f"{name}={getattr(self, name)}" for name, value in usual.items() if getattr(self, name) != value]
        return ", ".join([f"{self.input_size}, {self.hidden_size}", *shown])

    @property
    def all_weights(self) -> list[list[Any]]:
        """The parameters of each layer and direction."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
        flat = [suffix for suffixes in self._suffixes for suffix in suffixes]
        return [[w for name in names if (w := self._weight(name + suffix)) is not None] for suffix in flat]


class RNN(RNNBase):
    """A plain recurrent network with tanh or relu; see RNNBase. Mirrors `torch.nn.RNN`."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        *args: Any,
        **kwargs: Any,
    ) -> None:
        _refuse_projection(kwargs)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, *args, **kwargs)
        self.nonlinearity = nonlinearity


class GRU(RNNBase):
    """A network of gated recurrent units; see RNNBase. Mirrors `torch.nn.GRU`."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, *args: Any, **kwargs: Any) -> None:
        _refuse_projection(kwargs)
        super().__init__("GRU", input_size, hidden_size, num_layers, *args, **kwargs)


class LSTM(RNNBase):
    """A long short-term memory; see RNNBase. The state is a pair (h, c). Mirrors `torch.nn.LSTM`."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", input_size, hidden_size, num_layers, *args, **kwargs)

    def _given_states(self, hx: Sequence[Any] | None, single: bool) -> States | None:
        if hx is None:
            return None
        dims, kind = (2, "unbatched 2-D") if single else (3, "batched 3-D")
        if hx[0].dim() != dims or hx[1].dim() != dims:
            raise RuntimeError(
                f"For {kind} input, hx and cx should also be {dims}-D but got "
                f"({hx[0].dim()}-D, {hx[1].dim()}-D) tensors"
            )
        return tuple(state.unsqueeze(1) if single else state for state in hx)

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """The outputs of all steps and the final states (h, c)."""
        return self._run(input, hx)


def _refuse_projection(kwargs: dict[str, Any]) -> None:
    if "proj_size" in kwargs:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")


def _check_settings(
    input_size: Any, hidden_size: Any, num_layers: int, bias: Any, batch_first: Any, dropout: Any, proj_size: int
) -> None:
    """Raises ValueError or TypeError for settings that make no network."""
    if not isinstance(dropout, int | float) or isinstance(dropout, bool) or not 0 <= dropout <= 1:
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers greater "
            f"than 1, but got dropout={dropout} and num_layers={num_layers}",
            stacklevel=4,
        )
    for name, value, kind in (
        ("bias", bias, bool), ("batch_first", batch_first, bool), ("input_size", input_size, int),
        ("hidden_size", hidden_size, int),
    ):  # fmt: skip
        if not isinstance(value, kind):
            raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")
    for name, value in (("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers)):
        if value <= 0:
            raise ValueError(f"{name} must be greater than zero")
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")
