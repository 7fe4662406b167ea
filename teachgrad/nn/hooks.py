"""Backward hooks of modules: called when a gradient has passed through the whole module.

A module is no node of the graph. To know when a gradient enters and leaves it, its inputs and outputs are sent through a
node that changes nothing:

    input ── BackwardHookFunctionBackward ── ... the module's own nodes ... ── BackwardHookFunctionBackward ── output
                     │ grad_input                                                        │ grad_output
                     └──────────────────── hook(module, grad_input, grad_output) ────────┘

Mirrors `torch/utils/hooks.py`.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from teachgrad.autograd import views
from teachgrad.autograd.graph import Hook, Node, edge_of, next_birth
from teachgrad.autograd.modes import is_grad_enabled
from teachgrad.autograd.variable import TensorBase, wrap

__all__ = ["BackwardHooks"]


class BackwardHookFunctionBackward(Node):
    """A node with as many outputs as inputs that hands each gradient on as it is, and zeros where none arrived.

    `saved` is a tensor of zeros for each output.
    """

    __slots__ = ("outputs",)
    outputs: int  # type: ignore[misc]

    def vjp(self, grad: Any, keep: bool = True) -> tuple[Any, ...]:
        """The same gradients."""
        grads = self.parts(grad)
        return tuple(zeros._data if g is None else g for g, zeros in zip(grads, self.saved or (), strict=True))

    def vjp_live(self, grad: Any, keep: bool = True) -> tuple[Any, ...]:
        """The same gradients, as tensors."""
        grads = self.parts(grad)
        return tuple(zeros if g is None else g for g, zeros in zip(grads, self.saved or (), strict=True))


BackwardHookFunctionBackward.__module__ = "builtins"


def _pass_through(tensors: list[Any]) -> list[Any]:
    """Views of `tensors` that all come out of one new node."""
    node = BackwardHookFunctionBackward()
    node.outputs, node.birth = len(tensors), next_birth()
    node.edges = tuple(edge_of(tensor) for tensor in tensors)
    node.numbers = tuple(tensor._output_nr for tensor in tensors)
    node.saved = tuple(wrap(np.zeros_like(views.own_array(tensor))) for tensor in tensors)
    node.versions, node.fit, node._extras = 0, None, None
    passed = []
    for number, tensor in enumerate(tensors):
        result = wrap(views.own_array(tensor))
        views.as_view(tensor, (result,), "")
        if tensor._requires_grad:
            views.set_history(result, node, number)
        passed.append(result)
    return passed


class BackwardHooks:
    """The backward hooks of one call of a module: joins the gradients of its outputs to those of its inputs."""

    def __init__(self, module: Any, hooks: list[Hook], pre_hooks: list[Hook]) -> None:
        self.module, self.hooks, self.pre_hooks = module, hooks, pre_hooks
        self.grad_outputs: tuple[Any, ...] | None = None
        self.input_count = 0
        self.input_places: list[int] | None = None  # which arguments are tensors; None: none of them needs a gradient
        self.output_places: list[int] = []

    @staticmethod
    def _send(values: tuple[Any, ...]) -> tuple[tuple[Any, ...], list[int] | None, Node | None]:
        """`values` with their tensors sent through a new node, the places of these tensors, and the node."""
        places = [i for i, value in enumerate(values) if isinstance(value, TensorBase)]
        if not (is_grad_enabled() and any(values[i]._requires_grad for i in places)):
            return values, None, None
        passed = list(values)
        for place, tensor in zip(places, _pass_through([values[i] for i in places]), strict=True):
            passed[place] = tensor
        node = next(edge_of(passed[place]) for place in places if passed[place]._requires_grad)
        return tuple(passed), places, node

    def watch_inputs(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments with which `forward` is to be called."""
        self.input_count = len(inputs)
        inputs, self.input_places, node = self._send(inputs)
        if node is not None:
            node.register_hook(self._left)
        return inputs

    def watch_outputs(self, result: Any) -> Any:
        """What the module is to return in place of `result`, a tensor or a tuple of tensors."""
        if not isinstance(result, TensorBase | tuple):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but received "
                f"{type(result)}",
                stacklevel=4,
            )
        outputs, places, node = self._send(result if isinstance(result, tuple) else (result,))
        if node is not None:
            self.output_places = places or []
            self.output_count = len(outputs)
            node.register_prehook(self._entered)
        return outputs if isinstance(result, tuple) else outputs[0]

    def _entered(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        """A gradient arrives at the outputs."""
        spread: list[Any] = [None] * self.output_count
        for place, grad in zip(self.output_places, grads, strict=True):
            spread[place] = grad
        self.grad_outputs = tuple(spread)
        for hook in self.pre_hooks:
            answer = hook(self.module, self.grad_outputs)
            if answer is not None:
                answer = answer if isinstance(answer, tuple) else (answer,)
                if len(answer) != len(spread):
                    raise RuntimeError(
                        "Backward pre hook returned an invalid number of grad_output, "
                        f"got {len(answer)}, but expected {len(spread)}"
                    )
                self.grad_outputs = answer
        onward = tuple(self.grad_outputs[place] for place in self.output_places)
        if self.input_places is None:
            self._call_without_inputs()
        return onward

    def _call_without_inputs(self) -> None:
        """No input needs a gradient, so no gradient will leave: the hooks are called now."""
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module outputs since no inputs "
            "require gradients. See "
            "https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module.register_full_backward_hook "
            "for more details.",
            stacklevel=2,
        )
        nothing = (None,) * self.input_count
        for hook in self.hooks:
            answer = hook(self.module, nothing, self.grad_outputs)
            if answer is not None and not (isinstance(answer, tuple) and all(one is None for one in answer)):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None or None for all "
                    "gradients."
                )
        self.grad_outputs = None

    def _left(self, grads: tuple[Any, ...], _: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """A gradient has come out at the inputs."""
        if self.grad_outputs is None or self.input_places is None:
            return None  # it did not pass through the module's outputs
        spread: list[Any] = [None] * self.input_count
        for place, grad in zip(self.input_places, grads, strict=True):
            spread[place] = grad
        found = tuple(spread)
        for hook in self.hooks:
            answer = hook(self.module, found, self.grad_outputs)
            if answer is not None:
                answer = answer if isinstance(answer, tuple) else (answer,)
                if len(answer) != len(found):
                    raise RuntimeError(
                        "Backward hook returned an invalid number of grad_input, "
                        f"got {len(answer)}, but expected {len(found)}"
                    )
                found = answer
        self.grad_outputs = None
        return tuple(found[place] for place in self.input_places)
