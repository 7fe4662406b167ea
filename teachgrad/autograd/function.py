"""`torch.autograd.Function`: an op with a rule of your own.

    class Square(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, grad):               # the vector-Jacobian product
            (x,) = ctx.saved_tensors
            return grad * 2 * x

    y = Square.apply(x)                        # y.grad_fn is <SquareBackward>

`ctx` is the graph's node itself: what forward leaves in it, backward finds there. Mirrors `torch/autograd/function.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from teachgrad import errors
from teachgrad.autograd import views
from teachgrad.autograd.fit import unbroadcast, unbroadcast_live
from teachgrad.autograd.graph import Node, edge_of, next_birth, result_of
from teachgrad.autograd.modes import GRAD_MODE, enable_grad, no_grad
from teachgrad.autograd.variable import TensorBase, bump, version, wrap


class FunctionCtx(Node):
    """The node of a custom function, and the `ctx` of its forward and backward. Each Function has its own subclass."""

    __slots__ = (
        "__dict__",
        "_inputs",
        "_materialize",
        "_outputs",
        "dirty_tensors",
        "needs_input_grad",
        "non_differentiable",
    )
    _forward_cls: ClassVar[type[Function]]
    tensor_names = frozenset({"saved"})
    needs_input_grad: tuple[bool, ...]
    _inputs: tuple[tuple[bool, Any, Any], ...]  # per argument: is it a tensor, the shape if it wants a gradient, the dtype
    _outputs: tuple[tuple[tuple[int, ...], Any], ...]
    _materialize: bool
    outputs: int  # type: ignore[misc]
    dirty_tensors: tuple[TensorBase, ...]
    non_differentiable: tuple[TensorBase, ...]

    def save_for_backward(self, *tensors: Any) -> None:
        """Keeps tensors for backward, which finds them in `saved_tensors`. Raises TypeError for anything else."""
        for tensor in tensors:
            if tensor is not None and not isinstance(tensor, TensorBase):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument is of type {type(tensor).__name__}"
                )
        self.saved = tensors

    def mark_dirty(self, *tensors: Any) -> None:
        """Says that forward changed these inputs in place."""
        self.dirty_tensors = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Says that these outputs have no gradient."""
        self.non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward receives zeros (True) or None for outputs that nobody used."""
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` kept. Raises RuntimeError when it has been freed, or changed in place since."""
        if self.saved is None:
            raise errors.freed()
        found = []
        for item in self.saved:
            if isinstance(item, _Output):
                item = result_of(self, item.data, item.number)
            elif isinstance(item, _Input):
                if version(item.tensor) != item.version:
                    raise errors.modified(item.tensor, version(item.tensor), item.version)
                item = item.tensor
            found.append(item)
        return tuple(found)

    def vjp(self, grad: Any) -> tuple[Any, ...]:
        """Runs the user's backward, which sees tensors, while nothing is recorded."""
        grads = [grad] if self.outputs == 1 else grad
        return tuple(
            None if g is None else g._data
            for g in self._run([None if g is None else wrap(g) for g in grads], live=False)
        )

    def vjp_live(self, grad: Any) -> tuple[Any, ...]:
        """Runs the user's backward, recorded."""
        return self._run([grad] if self.outputs == 1 else list(grad), live=True)

    def _run(self, grads: list[Any], *, live: bool) -> tuple[Any, ...]:
        """Calls backward and checks its answer against the inputs: how many, which types, which shapes."""
        if self._materialize:
            for i, (shape, dtype) in enumerate(self._outputs):
                if grads[i] is None:
                    grads[i] = wrap(np.zeros(shape, dtype))
        with enable_grad() if live else no_grad():
            answer = self._forward_cls._rule()(self, *grads)
        given = answer if isinstance(answer, tuple) else (answer,)
        name, expected = self.name(), len(self.needs_input_grad)
        if len(given) > expected and all(g is None for g in given[expected:]):
            given = given[:expected]
        if len(given) != expected:
            raise errors.wrong_gradient_count(name, expected, len(given))
        result: list[Any] = []
        for index, (gradient, (is_tensor, shape, dtype)) in enumerate(zip(given, self._inputs, strict=True)):
            if not is_tensor:
                if gradient is not None:
                    raise errors.gradient_of_non_tensor(name, index)
                continue
            if gradient is not None and not isinstance(gradient, TensorBase):
                raise errors.gradient_not_a_tensor(gradient)
            if gradient is None or shape is None:
                result.append(None)
                continue
            if errors.broadcast(shape, gradient._data.shape) or gradient._data.ndim < len(shape):
                raise errors.gradient_has_wrong_shape(name, index, gradient._data.shape, shape)
            if np.broadcast_shapes(shape, gradient._data.shape) != gradient._data.shape:
                raise errors.gradient_has_wrong_shape(name, index, gradient._data.shape, shape)
            result.append(
                unbroadcast_live(gradient, shape, dtype) if live else wrap(unbroadcast(gradient._data, shape, dtype))
            )
        return tuple(result)

    def _adopt(self, results: list[Any]) -> None:
        """Makes this node the history of its differentiable outputs, and keeps saved outputs without owning them."""
        self.outputs = len(results)
        self._outputs = tuple(
            (r._data.shape, r._data.dtype) if isinstance(r, TensorBase) else ((), None) for r in results
        )
        kept: list[Any] = []
        for item in self.saved or ():
            number = next((n for n, r in enumerate(results) if r is item), None)
            if number is not None and not any(item is d for d in self.dirty_tensors):
                kept.append(_Output(item._data, number))
            else:
                kept.append(None if item is None else _Input(item))
        self.saved = tuple(kept)
        for number, result in enumerate(results):
            if not isinstance(result, TensorBase) or any(result is n for n in self.non_differentiable):
                continue
            if result._data.dtype.kind not in "fc":
                continue
            if any(result is d for d in self.dirty_tensors):
                bump(result)
            result._node, result._output_nr, result._requires_grad = self, number, True


class _Output:
    """A saved tensor that is an output of the same node: kept as bare numbers, since the output owns the node."""

    __slots__ = ("data", "number")

    def __init__(self, data: Any, number: int) -> None:
        self.data, self.number = data, number


class _Input:
    """A saved tensor with the version number that it had when it was saved."""

    __slots__ = ("tensor", "version")

    def __init__(self, tensor: TensorBase) -> None:
        self.tensor, self.version = tensor, version(tensor)


class Function:
    """Base class of custom ops: define static `forward` and `backward`, call `apply`. Mirrors `torch.autograd.Function`.

    With a static `setup_context(ctx, inputs, output)`, `forward` takes no ctx.
    """

    _node_class: ClassVar[type[FunctionCtx]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you should invoke "
            "them on the class itself. Instantiating an autograd function will raise an error in a future version of "
            "PyTorch."
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Computes the output."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Saves what backward needs, if `forward` takes no ctx."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Returns one gradient per argument of forward."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward mode AD."
        )

    vjp = backward

    @classmethod
    def _rule(cls) -> Callable[..., Any]:
        return cls.backward if cls.backward is not Function.backward else cls.vjp

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._node_class = type(
            f"{cls.__name__}Backward",
            (FunctionCtx,),
            {"__slots__": ("outputs",), "_forward_cls": cls, "__module__": "torch.autograd.function"},
        )

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Runs forward and, if an input requires grad, makes its node the history of the outputs."""
        tensors = [a for a in args if isinstance(a, TensorBase)]
        recording = GRAD_MODE.get() and any(t._requires_grad for t in tensors)
        node = cls._new_node(args, recording)
        with no_grad():
            if cls.setup_context is not Function.setup_context:
                output = cls.forward(*args)
                cls.setup_context(node, args, output)
            else:
                output = cls.forward(node, *args)
        results = list(output) if isinstance(output, tuple | list) else [output]
        for dirty in node.dirty_tensors:
            if recording and dirty._requires_grad and dirty._node is None and dirty._view is None:
                raise errors.leaf_used_in_place()
        results = [_own_output(r, tensors, node) for r in results]
        if recording:
            node._adopt(results)
        return tuple(results) if isinstance(output, tuple | list) else results[0]

    @classmethod
    def _new_node(cls, args: tuple[Any, ...], recording: bool) -> FunctionCtx:
        node = cls._node_class()
        node.birth, node.numbers, node.saved, node.versions = next_birth(), None, (), 0
        node.fit = node._extras = None
        node.dirty_tensors = node.non_differentiable = ()
        node._materialize = True
        node.needs_input_grad = tuple(isinstance(a, TensorBase) and a._requires_grad for a in args)
        tensors = [a for a in args if isinstance(a, TensorBase)]
        node.edges = tuple(edge_of(t) for t in tensors) if recording else ()
        node.numbers = tuple(t._output_nr for t in tensors)
        node._inputs = tuple(
            (True, a._data.shape if a._requires_grad else None, a._data.dtype)
            if isinstance(a, TensorBase)
            else (False, None, None)
            for a in args
        )
        return node


def _own_output(output: Any, inputs: list[Any], node: FunctionCtx) -> Any:
    """An output that is an input, unchanged, becomes a tensor of its own, so that it can have its own history."""
    if any(output is t for t in inputs) and not any(output is d for d in node.dirty_tensors):
        alias = wrap(views.own_array(output))
        views.alias(output, alias)
        return alias
    return output


def once_differentiable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator for a `backward` that cannot itself be differentiated. Mirrors `torch.autograd.function.once_differentiable`."""

    @functools.wraps(function)
    def wrapper(ctx: Any, *grads: Any) -> Any:
        with no_grad():
            answer = function(ctx, *grads)
        if not GRAD_MODE.get() or not any(isinstance(g, TensorBase) and g._requires_grad for g in grads):
            return answer
        return (
            tuple(_Once.apply(g) if isinstance(g, TensorBase) else g for g in answer)
            if isinstance(answer, tuple)
            else _Once.apply(answer)
        )

    return wrapper


class _Once(Function):
    """Marks a gradient that must not be differentiated again."""

    @staticmethod
    def forward(ctx: Any, gradient: Any) -> Any:
        """The gradient itself."""
        return gradient

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Refuses."""
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")
