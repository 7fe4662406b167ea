"""teachgrad: PyTorch's autograd in readable Python.

    import teachgrad as torch

runs PyTorch lessons and prints what PyTorch prints; `teachgrad.viz` draws the graph behind a tensor and plays
`backward()`. This file is only the torch-shaped face: the names come from the op table (`teachgrad.ops`) and are looked
up when they are used.
"""

from __future__ import annotations

import importlib
import warnings
from typing import Any

from teachgrad import autograd as autograd
from teachgrad import dtypes as dtypes
from teachgrad import ops as ops
from teachgrad import rooms
from teachgrad.autograd.anomaly import is_anomaly_check_nan_enabled as is_anomaly_check_nan_enabled
from teachgrad.autograd.anomaly import is_anomaly_enabled as is_anomaly_enabled
from teachgrad.autograd.anomaly import set_anomaly_enabled as set_anomaly_enabled
from teachgrad.autograd.inference import inference_mode as inference_mode
from teachgrad.autograd.inference import is_inference as is_inference
from teachgrad.autograd.inference import is_inference_mode_enabled as is_inference_mode_enabled
from teachgrad.autograd.modes import enable_grad as enable_grad
from teachgrad.autograd.modes import is_grad_enabled as is_grad_enabled
from teachgrad.autograd.modes import no_grad as no_grad
from teachgrad.autograd.modes import set_grad_enabled as set_grad_enabled
from teachgrad.creation import *  # noqa: F403 - tensor, zeros, arange, ...
from teachgrad.devices import device as device
from teachgrad.devices import get_default_device as get_default_device
from teachgrad.devices import layout as layout
from teachgrad.devices import set_default_device as set_default_device
from teachgrad.devices import strided as strided
from teachgrad.dtypes import *  # noqa: F403 - float32, int64, ...
from teachgrad.operators import bind
from teachgrad.ops.table import FUNCTIONS, Op
from teachgrad.size import Size as Size
from teachgrad.tensor import Tensor as Tensor

__version__ = "0.1.0"

# 1/0 is inf in a lesson, not a warning. This silences our own modules only and leaves NumPy's settings to the user.
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"teachgrad\.")
bind()

_SUBMODULES = frozenset(
    {
        "accelerator", "amp", "backends", "compiler", "cuda", "func", "jit", "linalg", "nn", "optim", "profiler", "random",
        "special", "testing", "utils", "version", "viz",
    }
)  # fmt: skip


def __getattr__(name: str) -> Any:
    """`torch.exp` and its like: compiled, and kept here, when first used."""
    value: Any
    if name in _SUBMODULES:
        value = importlib.import_module(f"{__name__}.{name}")
    else:
        room = None if name in FUNCTIONS else rooms.open_for(name, ("", "torch."))
        value = FUNCTIONS.get(name) or getattr(room, name, None)
        if value is None:
            raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
        if isinstance(value, Op):
            value = value.front
        from teachgrad.ops import out

        if name in out.NAMES:
            value = out.with_out(name, value)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    late = (name.removeprefix("torch.") for name in rooms.ROOM_OF if name[0] != ".")
    return sorted({*globals(), *FUNCTIONS, *_SUBMODULES, *late})
