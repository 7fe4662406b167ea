"""Hooks: the learner's own functions, called while gradients flow.

Hooks see and return tensors, whatever the engine computes on; a hook that returns None changes nothing. The order is
PyTorch's (see `Extras`). A tensor that asked for it (`retain_grad`) receives its `.grad` after its hooks have run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from teachgrad import dtypes, errors
from teachgrad.autograd.graph import AccumulateGrad, Extras, Hook, Node, Watcher
from teachgrad.autograd.variable import TensorBase, wrap


class TensorHooks:
    """The hooks of a leaf, which outlive any one graph."""

    __slots__ = ("hooks", "post_accumulate")

    def __init__(self) -> None:
        self.hooks: dict[int, Hook] = {}
        self.post_accumulate: dict[int, Hook] = {}


def _seen(grads: Sequence[Any]) -> tuple[Any, ...]:
    """Gradients as a hook sees them: tensors, or None."""
    return tuple([grad if grad is None or isinstance(grad, TensorBase) else wrap(grad) for grad in grads])


def _arrived(node: Node, grad: Any) -> tuple[Any, ...]:
    """The same for what has arrived at `node`, one gradient for each of its outputs."""
    return _seen((grad,) if node.outputs == 1 else node.parts(grad))


def _taken(grad: Any, live: bool) -> Any:
    """A gradient as the engine takes it back."""
    return grad if live or not isinstance(grad, TensorBase) else grad._data


def _apply(hooks: dict[int, Hook], grad: Any) -> Any:
    """Passes one gradient through tensor hooks, each seeing what the one before returned."""
    for hook in tuple(hooks.values()):
        answer = hook(grad)
        if answer is not None:
            if not isinstance(answer, TensorBase):
                raise TypeError(f"expected Variable, but hook returned '{type(answer).__name__}'")
            _check_answer(hook, answer, grad)
            grad = answer
    return grad


def _answered(hook: Hook, answer: Any, grads: tuple[Any, ...]) -> tuple[Any, ...]:
    """The gradients of one node as one of its hooks wants them."""
    if not isinstance(answer, tuple):
        raise TypeError(f"expected tuple, but hook returned '{type(answer).__name__}'")
    if len(answer) != len(grads):
        raise errors.hook_count(hook, len(answer), len(grads))
    for new, old in zip(answer, grads, strict=True):
        if isinstance(new, TensorBase) and old is not None:
            _check_answer(hook, new, old)
    return answer


def _check_answer(hook: Hook, new: TensorBase, old: TensorBase) -> None:
    if new._data.dtype is not old._data.dtype:
        names = [dtypes.of(each._data.dtype).type_name for each in (old, new)]
        raise errors.hook_changed(hook, f"type of value (was {names[0]} got {names[1]})")
    if new._data.shape != old._data.shape:
        raise errors.hook_changed(hook, "size of value")


def run_tensor_hooks(node: Node, grad: Any, live: bool) -> Any:
    """The hooks of a node's output tensors and `retain_grad`, where a gradient is taken and the node itself does not run."""
    extras = node._extras
    assert extras is not None
    seen = _arrived(node, grad)
    taken = [_taken(part, live) for part in _run_tensor_hooks(extras, seen, live)]
    return taken[0] if node.outputs == 1 else taken


def _watcher(hooks: dict[int, Hook]) -> Watcher | None:
    """The only hook, if it is one that just looks."""
    if len(hooks) > 1:
        return None
    (hook,) = hooks.values()
    return hook if hook.__class__ is Watcher else None


def run_before(node: Node, grad: Any, live: bool) -> Any:
    """Tensor hooks, `retain_grad` and prehooks of `node`; returns the gradient with which it then runs."""
    extras = node._extras
    assert extras is not None
    if not (extras.tensor or extras.retained):
        if not extras.pre:
            if not (extras.post or extras.metadata):
                node._extras = None  # its hooks have been removed: from now on it is as fast as before
            return grad
        if (watcher := _watcher(extras.pre)) is not None:
            watcher.look(grad)
            return grad
    given = _arrived(node, grad)
    if extras.tensor or extras.retained:
        given = _run_tensor_hooks(extras, given, live)
    for hook in tuple(extras.pre.values()):
        if (answer := hook(given)) is not None:
            given = _answered(hook, answer, given)
    if node.outputs == 1:
        return _taken(given[0], live)
    taken = [_taken(part, live) for part in given]
    return None if all(part is None for part in taken) else taken


def _run_tensor_hooks(extras: Extras, seen: tuple[Any, ...], live: bool) -> tuple[Any, ...]:
    """The hooks of a node's output tensors, and then `retain_grad`."""
    grads = list(seen)
    for number, hooks in extras.tensor.items():
        if grads[number] is not None:
            grads[number] = _apply(hooks, grads[number])
    for number, keeper in extras.retained.items():
        tensor = keeper()
        if tensor is not None and grads[number] is not None:
            old, new = tensor._grad, grads[number]
            tensor._grad = old + new if old is not None else new.clone() if live else wrap(new._data.copy())
    return tuple(grads)


def run_after(node: Node, grads: Sequence[Any], grad: Any, live: bool) -> Sequence[Any]:
    """The posthooks of `node`: each sees (grad_inputs, grad_outputs) and may replace grad_inputs."""
    extras = node._extras
    if extras is None or not extras.post:
        return grads
    if (watcher := _watcher(extras.post)) is not None:
        watcher.look(grads, grad)
        return grads
    inputs, outputs = _seen(grads), _arrived(node, grad)
    for hook in tuple(extras.post.values()):
        if (answer := hook(inputs, outputs)) is not None:
            inputs = _answered(hook, answer, inputs)
    return inputs if live else [part._data if isinstance(part, TensorBase) else part for part in inputs]


def forget_removed(node: AccumulateGrad) -> None:
    """Drops the records of hooks of which none is left, so that backward is as fast as before there were any."""
    leaf, extras = node.variable, node._extras
    if leaf._hooks is not None and not (leaf._hooks.hooks or leaf._hooks.post_accumulate):
        leaf._hooks = None
    if extras is not None and not (
        extras.pre or extras.post or extras.retained or extras.metadata or any(extras.tensor.values())
    ):
        node._extras = None


def run_leaf_hooks(leaf: TensorBase, grad: Any, live: bool) -> Any:
    """The hooks registered on a leaf tensor, which see its whole gradient before it is accumulated."""
    return _taken(_apply(leaf._hooks.hooks, *_seen((grad,))), live)


def run_post_accumulate(leaf: TensorBase) -> None:
    """The hooks that want the leaf once its `.grad` is complete."""
    for hook in tuple(leaf._hooks.post_accumulate.values()):
        hook(leaf)
