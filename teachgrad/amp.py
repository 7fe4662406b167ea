"""Mixed precision: `autocast` multiplies matrices in bfloat16, `GradScaler` keeps small gradients from becoming zero.

    with torch.autocast("cpu"):
        y = model(x)              # Linear, conv and @ cast their float32 inputs to bfloat16; everything else is as before
    scaler.scale(loss).backward()                # gradients 65536 times as large
    scaler.step(optimizer); scaler.update()      # divides by that, and skips the step where a gradient overflowed

The ops know nothing of it. When `autocast` is first used, those that it concerns are wrapped, once, by a function that casts
while a block is open. Mirrors `torch.amp`.
"""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Self

import numpy as np

from teachgrad import devices, dtypes, rooms
from teachgrad.autograd.variable import TensorBase
from teachgrad.bfloats import widened
from teachgrad.ops.out import NAMES, with_out
from teachgrad.ops.table import FUNCTIONS, LIVE, METHODS, OPS, Op
from teachgrad.tensor import Tensor

_LOWERED = (
    "addmm", "addmm_plain", "baddbmm", "bmm", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d",
    "conv_transpose3d", "convolution", "flash_attention", "linear", "matmul", "mm", "prelu",
)  # fmt: skip
"""What PyTorch's autocast runs in the lower precision, under the names it has here."""

_Casts = dict[int, tuple[Any, Any]]  # id of a parameter -> the parameter, which keeps the id its own, and its cast
_state: ContextVar[tuple[str, dtypes.dtype, _Casts] | None] = ContextVar("teachgrad_autocast", default=None)


class autocast:  # noqa: N801 - PyTorch's name
    """Inside, matrix products of float32 tensors are computed and returned in `dtype`. Also a decorator.

    `device_type` is "cpu", or "cuda", which is switched off with a warning where there is no GPU. A parameter is cast once
    per block. Mirrors `torch.autocast`.
    """

    def __init__(
        self,
        device_type: str,
        dtype: dtypes.dtype | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        self.device = devices.device(device_type).type
        self.fast_dtype = dtype or get_autocast_dtype(self.device)
        if enabled and not is_autocast_available(self.device):
            warnings.warn(
                "CUDA is not available or torch_xla is imported. Disabling autocast.", UserWarning, stacklevel=2
            )
            enabled = False
        if enabled and self.fast_dtype not in (dtypes.bfloat16, dtypes.float16):
            warnings.warn(
                f"In {self.device.upper()} autocast, but the target dtype is not supported. Disabling autocast.\n"
                f"{self.device.upper()} Autocast only supports dtypes of torch.bfloat16, torch.float16 currently.",
                UserWarning,
                stacklevel=2,
            )
            enabled = False
        self._enabled = enabled
        self._tokens: list[Any] = []

    def __enter__(self) -> Self:
        _wrap_ops()
        self._tokens.append(_state.set((self.device, self.fast_dtype, {}) if self._enabled else None))
        return self

    def __exit__(self, *_: object) -> None:
        _state.reset(self._tokens.pop())

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`function`, run inside such a block."""

        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return inside


def _lowered(value: Any, dtype: dtypes.dtype, casts: _Casts) -> Any:
    """A float tensor as `dtype`, float64 as it is."""
    if not isinstance(value, TensorBase) or value._data.dtype.kind not in "fV" or value._data.dtype.itemsize == 8:
        return value
    if not value._requires_grad or value._node is not None:
        return value.to(dtype)  # type: ignore[attr-defined]
    if id(value) not in casts:
        casts[id(value)] = value, value.to(dtype)  # type: ignore[attr-defined]
    return casts[id(value)][1]


def _casting(plain: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(plain)
    def cast_first(*args: Any, **kwargs: Any) -> Any:
        state = _state.get()
        if state is None:
            return plain(*args, **kwargs)
        args = tuple(_lowered(each, *state[1:]) for each in args)
        kwargs = {name: _lowered(each, *state[1:]) for name, each in kwargs.items()}
        token = _state.set(None)
        try:
            return plain(*args, **kwargs)
        finally:
            _state.reset(token)

    return cast_first


@functools.cache
def _wrap_ops() -> None:
    """Puts the casting function in the place of each op, wherever it is looked up."""
    face: Any = sys.modules["teachgrad"]
    rooms.open_all()
    for name in _LOWERED:
        op = OPS.get(name)
        plain = op.front if op is not None else FUNCTIONS.get(name) or LIVE.get(name)
        if plain is None:
            continue
        wrapped = _casting(plain)
        if op is not None:
            op.__dict__["front"] = wrapped
        for space in (LIVE, METHODS, FUNCTIONS):
            if name in space and not isinstance(space[name], Op):
                space[name] = wrapped
        if name in METHODS:
            setattr(Tensor, name, wrapped)
        if name in face.__dict__:
            setattr(face, name, with_out(name, wrapped) if name in NAMES else wrapped)


def is_autocast_available(device_type: str) -> bool:
    """True for "cpu", and for "cuda" where there is a GPU. Mirrors `torch.amp.is_autocast_available`."""
    from teachgrad import cuda

    return device_type == "cpu" or (device_type == "cuda" and cuda.is_available())


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """True inside an `autocast` block for this kind of device. Mirrors `torch.is_autocast_enabled`."""
    state = _state.get()
    return state is not None and state[0] == device_type


def get_autocast_dtype(device_type: str) -> dtypes.dtype:
    """The dtype to which `autocast` casts. Mirrors `torch.get_autocast_dtype`."""
    state = _state.get()
    if state is not None and state[0] == device_type:
        return state[1]
    return dtypes.float16 if device_type == "cuda" else dtypes.bfloat16


class GradScaler:
    """Multiplies the loss, so that gradients do not vanish in float16, and divides before the step.

    When a gradient overflows, the step is skipped and the scale halved; after `growth_interval` good steps it is doubled.
    Mirrors `torch.amp.GradScaler`: switched off, with a warning, where there is no GPU and "cuda" is asked for.
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if enabled and not is_autocast_available(device):
            warnings.warn(
                "torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.",
                UserWarning,
                stacklevel=2,
            )
            enabled = False
        self._enabled, self._scale, self._good_steps = enabled, init_scale, 0
        self._growth, self._backoff, self._interval = growth_factor, backoff_factor, growth_interval
        self._overflowed: dict[int, bool] = {}  # optimizer -> whether a gradient was infinite or nan

    def is_enabled(self) -> bool:
        """Whether it does anything."""
        return self._enabled

    def get_scale(self) -> float:
        """The factor by which the loss is multiplied now."""
        return self._scale if self._enabled else 1.0

    def scale(self, outputs: Any) -> Any:
        """The loss, or each of several, times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, TensorBase):
            return outputs * self._scale  # type: ignore[operator]
        return type(outputs)(map(self.scale, outputs))

    def unscale_(self, optimizer: Any) -> None:
        """Divides the gradients by the scale, for instance before clipping them. Raises RuntimeError if done twice."""
        if not self._enabled:
            return
        if id(optimizer) in self._overflowed:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        found = False
        for group in optimizer.param_groups:
            for param in group["params"]:
                if param._grad is not None:
                    found = found or not np.isfinite(widened(param._grad._data)).all()
                    param._grad.mul_(1 / self._scale)
        self._overflowed[id(optimizer)] = bool(found)

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """`optimizer.step()` with gradients of their true size, unless one overflowed."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if id(optimizer) not in self._overflowed:
            self.unscale_(optimizer)
        return None if self._overflowed[id(optimizer)] else optimizer.step(*args, **kwargs)

    def update(self, new_scale: float | None = None) -> None:
        """Sets the scale for the next step."""
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale)
        elif any(self._overflowed.values()):
            self._scale, self._good_steps = self._scale * self._backoff, 0
        else:
            self._good_steps += 1
            if self._good_steps == self._interval:
                self._scale, self._good_steps = self._scale * self._growth, 0
        self._overflowed.clear()

    def state_dict(self) -> dict[str, Any]:
        """The scale and its settings."""
        if not self._enabled:
            return {}
        return {
            "scale": self._scale, "growth_factor": self._growth, "backoff_factor": self._backoff,
            "growth_interval": self._interval, "_growth_tracker": self._good_steps,
        }  # fmt: skip

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continues from what `state_dict` returned."""
        if self._enabled:
            self._scale, self._good_steps = state_dict["scale"], state_dict["_growth_tracker"]
            self._growth, self._backoff = state_dict["growth_factor"], state_dict["backoff_factor"]
            self._interval = state_dict["growth_interval"]
