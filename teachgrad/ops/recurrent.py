"""A whole layer of a recurrent network as one op, as PyTorch computes an LSTM on the CPU, and the parts of its steps.

    i, f, g, o = split(W x + b + U h + d)              the gates, before the sigmoid (of g: tanh)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    h = sigmoid(o) * tanh(c)

Backwards the same steps are taken from the last to the first, each handing the gradients of h and c to the one before it:
backpropagation through time. S. Hochreiter and J. Schmidhuber, "Long short-term memory", 1997.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from teachgrad.autograd import grad
from teachgrad.autograd.modes import enable_grad
from teachgrad.gpu import xp
from teachgrad.ops import dims
from teachgrad.ops.table import LIVE, OPS, op, public, raw

Seven = Sequence[Any]  # input (steps, batch, features), W, U, b, d, h (batch, hidden) and c (batch, hidden)


def lstm_cell(sums: Any, cell: Any) -> tuple[Any, Any]:
    """The states h and c after a step on tensors, from the sums of the gates and the c before."""
    take, keep, new, show = unsafe_chunk(sums, 4, 1)
    cell = keep.sigmoid() * cell + take.sigmoid() * new.tanh()
    return show.sigmoid() * cell.tanh(), cell


# -- arrays ----------------------------------------------------------------------------------------------------
@raw
def lstm_of(tensors: Seven, reverse: bool) -> tuple[Any, Any, Any, Any, Any]:
    """All h, the last h and c; and what backward needs: the gates (4, steps, batch, hidden) and all c, by steps."""
    input, w, u, b, d, hidden, cell = tensors
    steps, batch, features = input.shape
    size = cell.shape[1]
    sums = (input.reshape(-1, features) @ w.T + (b + d)).reshape(steps, batch, 4 * size)
    gates, cells = np.empty_like(sums), xp(sums).empty((steps, *cell.shape), cell.dtype)
    output = np.empty_like(cells)
    back = xp(u).ascontiguousarray(u.T)
    for t in reversed(range(steps)) if reverse else range(steps):
        total = np.matmul(hidden, back, out=gates[t])
        total += sums[t]
        new = np.tanh(total[:, 2 * size : 3 * size])
        np.negative(total, out=total)  # sigmoid(x) = 1 / (1 + e^-x), for all four at once
        np.exp(total, out=total)
        total += 1
        np.reciprocal(total, out=total)
        total[:, 2 * size : 3 * size] = new
        cell = np.multiply(total[:, size : 2 * size], cell, out=cells[t])
        cell += total[:, :size] * new
        hidden = np.tanh(cell, out=output[t])
        hidden *= total[:, 3 * size :]
    return output, hidden.copy(), cell.copy(), gates, cells


@raw
def lstm_back(
    grads: Sequence[Any], tensors: Seven, output: Any, gates: Any, cells: Any, reverse: bool
) -> tuple[Any, ...]:
    """The gradients of the seven, from those of the outputs: of all h, of the last h and c (None: not used)."""
    input, w, u, _, _, first_hidden, first_cell = tensors
    steps, batch, features = input.shape
    size = first_cell.shape[1]
    grad_output, grad_hidden, grad_cell = grads
    grad_hidden = np.zeros_like(first_hidden) if grad_hidden is None else grad_hidden
    grad_cell = np.zeros_like(first_cell) if grad_cell is None else grad_cell
    slopes = np.empty_like(gates)  # d(loss) / d(sums)
    order = range(steps) if reverse else range(steps - 1, -1, -1)
    # What needs no order is computed for all steps at once: the derivative of sigmoid is s (1 - s), of tanh 1 - t^2.
    take, keep, new, show = (gates[..., n * size : (n + 1) * size] for n in range(4))
    shown = np.tanh(cells)
    to_cell = show * (1 - shown * shown)
    earlier = np.concatenate([cells[1:], first_cell[None]] if reverse else [first_cell[None], cells[:-1]])
    slopes[..., :size] = new * take * (1 - take)
    slopes[..., size : 2 * size] = earlier * keep * (1 - keep)
    slopes[..., 2 * size : 3 * size] = take * (1 - new * new)
    slopes[..., 3 * size :] = shown * show * (1 - show)
    for t in order:
        if grad_output is not None:
            grad_hidden = grad_hidden + grad_output[t]
        grad_cell = grad_cell + grad_hidden * to_cell[t]
        slope = slopes[t]
        slope.reshape(batch, 4, size)[:, :3] *= grad_cell[:, None]
        slope[:, 3 * size :] *= grad_hidden
        grad_cell = grad_cell * keep[t]
        grad_hidden = slope @ u
    before = np.concatenate([output[1:], first_hidden[None]] if reverse else [first_hidden[None], output[:-1]])
    flat = slopes.reshape(steps * batch, 4 * size)
    grad_bias = np.add.reduce(flat, axis=0)
    return (
        (flat @ w).reshape(input.shape),
        flat.T @ input.reshape(-1, features),
        flat.T @ before.reshape(steps * batch, size),
        grad_bias,
        grad_bias.copy(),
        grad_hidden,
        grad_cell,
    )


# -- tensors: for create_graph=True the layer is written out step by step ---------------------------------------
def _lstm_back_live(
    grads: Sequence[Any], tensors: Seven, output: Any, gates: Any, cells: Any, reverse: bool
) -> tuple[Any, ...]:
    """The same as `lstm_back`, as tensors with a graph of their own."""
    with enable_grad():
        given = [tensor.view_as(tensor) for tensor in tensors]  # only what passes through this layer counts
        input, w, u, b, d, hidden, cell = given
        sums = LIVE["matmul"](input, w.t()) + b
        outputs = [None] * len(input)
        for t in reversed(range(len(input))) if reverse else range(len(input)):
            hidden, cell = lstm_cell(sums[t] + (LIVE["matmul"](hidden, u.t()) + d), cell)
            outputs[t] = hidden
        results = [LIVE["stack"](outputs, 0), hidden, cell]
    used = [(result, slope) for result, slope in zip(results, grads, strict=True) if slope is not None]
    wanted = [alias for alias in given if alias.requires_grad]
    found = iter(grad([r for r, _ in used], wanted, [g for _, g in used], create_graph=True, allow_unused=True))
    return tuple(next(found) if alias.requires_grad else None for alias in given)


LIVE["lstm_back"] = _lstm_back_live

op(
    "mkldnn_rnn_layer(*tensors; reverse) -> output, hidden, cell, !gates, !cells", "MkldnnRnnLayerBackward0",
    "lstm_of(tensors, reverse)", tensors="lstm_back(grads, tensors, output, gates, cells, reverse)",
    shown={"tensors": "backwards through time: the gates of each step, from the last to the first"},
)  # fmt: skip
op(
    "unsafe_split(self; split_size, dim) -> *parts", "UnsafeSplitBackward0",
    "parts_apart(self, split_size, dim)",
    self="split_back(grads, equal_sizes(self_shape[dim], split_size), self_shape, dim)",
    samples=["torch.unsafe_split(x, 2, 1)", "x.unsafe_split(1)", "x.unsafe_chunk(2, 1)[1]"],
)  # fmt: skip


@raw
def parts_apart(self: Any, size: int, dim: int) -> list[Any]:
    """Consecutive parts of one size (the last may be smaller), each an array of its own."""
    before = (slice(None),) * dim
    return [self[(*before, slice(start, start + size))].copy() for start in range(0, self.shape[dim], size)]


@public("unsafe_split")
def unsafe_split(tensor: Any, split_size: int, dim: int = 0) -> Any:
    """`split` into parts that count as tensors of their own, which may be changed in place.

    Mirrors `torch.unsafe_split`.
    """
    return OPS["unsafe_split"](tensor, split_size, dims.one("unsafe_split", tensor, dim))


@public("unsafe_chunk")
def unsafe_chunk(input: Any, chunks: int, dim: int = 0) -> Any:
    """`chunk` into parts that count as tensors of their own. Mirrors `torch.unsafe_chunk`."""
    return unsafe_split(input, -(-input._data.shape[dim] // chunks), dim)
