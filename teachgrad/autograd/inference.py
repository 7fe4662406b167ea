"""Inference mode: `no_grad`, and what is computed inside can never become part of a graph.

    with inference_mode():
        y = w * 2            # y.is_inference() is True
    y * w                    # RuntimeError: Inference tensors cannot be saved for backward. ...

An inference tensor has no version number, so autograd could not tell whether a saved one has changed, and refuses to
save it. Here such a tensor is of a subclass of Tensor whose version number cannot be read: an op that saves it fails by
itself, and the ops need no test. Inside the mode, the function with which tensors are allocated is replaced by one that
chooses that subclass; outside, everything is as it was. Mirrors `torch/autograd/grad_mode.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from teachgrad.autograd import refusals, variable, views
from teachgrad.autograd.modes import GRAD_MODE
from teachgrad.autograd.variable import TensorBase

_INFERENCE: ContextVar[bool] = ContextVar("teachgrad_inference_mode", default=False)
is_inference_mode_enabled = _INFERENCE.get
"""True inside `inference_mode`. Mirrors `torch.is_inference_mode_enabled`."""

_inside: list[object] = []  # the blocks that are open, in all threads
_allocate = variable._new


class inference_mode:  # noqa: N801 - PyTorch's name
    """A block, or a decorated function, in which nothing is recorded and tensors become inference tensors.

    Mirrors `torch.inference_mode`; `inference_mode(False)` switches it, and `no_grad`, off again.
    """

    def __new__(cls, mode: Any = True) -> Any:
        """A block or, given a function, that function running in this mode."""
        if callable(mode):
            return cls()(mode)
        return super().__new__(cls)

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode
        self._before: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        self._before.append((_INFERENCE.get(), GRAD_MODE.get()))
        _INFERENCE.set(self.mode)
        GRAD_MODE.set(not self.mode)
        _inside.append(self)
        _replace_allocation()

    def __exit__(self, *_: object) -> None:
        _inside.remove(self)
        _replace_allocation()
        inference, grad = self._before.pop()
        _INFERENCE.set(inference)
        GRAD_MODE.set(grad)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, running in this mode."""

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with inference_mode(self.mode):
                return function(*args, **kwargs)

        return wrapped


def _replace_allocation() -> None:
    from teachgrad.ops.table import LIVE, RAW

    variable._new = _new if _inside else _allocate
    RAW["_new"] = LIVE["_new"] = variable._new
    RAW["_view"] = LIVE["_view"] = _as_view if _inside else views.as_view
    RAW["_grad_enabled"] = LIVE["_grad_enabled"] = _recording if _inside else GRAD_MODE.get


def _recording() -> bool:
    return GRAD_MODE.get() and not _INFERENCE.get()  # enable_grad inside inference mode records nothing


def _new(cls: Any) -> Any:
    if _INFERENCE.get() and cls is variable._tensor_class[0]:
        cls = _inference_tensor()
    return _allocate(cls)


def _as_view(source: TensorBase, results: tuple[TensorBase, ...], multiple: str) -> None:
    """A view made in inference mode is an inference tensor only if its base is one; and then it is no view."""
    views.as_view(source, results, multiple)
    for result in results:
        assert result._view is not None
        if is_inference(result._view.owner):
            result._view.base = None
        elif _INFERENCE.get():
            result.__class__ = variable._tensor_class[0]
            result._view.made_without_grad = "inference"


def is_inference(input: Any) -> bool:
    """True if the tensor was made in inference mode. Mirrors `torch.is_inference`."""
    owner = input if input._view is None else input._view.owner
    return getattr(owner, "_is_inference", False)


def _check_in_place(tensor: TensorBase) -> None:
    if is_inference(tensor) and not _INFERENCE.get():
        raise refusals.inference_in_place()


@functools.cache
def _inference_tensor() -> Any:
    tensor = variable._tensor_class[0]
    version = TensorBase.__dict__["_changes"]

    def changes(self: Any) -> int:
        if not _INFERENCE.get():
            raise refusals.inference_saved()
        return version.__get__(self)  # type: ignore[no-any-return]

    def set_requires_grad(self: Any, value: bool) -> None:
        if value and not _INFERENCE.get() and is_inference(self):
            raise refusals.inference_requires_grad()
        tensor.requires_grad.__set__(self, value)  # type: ignore[attr-defined]

    views.IN_PLACE_CHECKS.append(_check_in_place)
    body = {
        "__slots__": (),
        "__module__": "torch",
        "__doc__": tensor.__doc__,
        "_is_inference": True,
        "_changes": property(changes, version.__set__),
        "requires_grad": property(tensor.requires_grad.__get__, set_requires_grad),
    }
    return type("Tensor", (tensor,), body)
