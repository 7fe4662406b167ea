"""`torch.utils`: data for training in `torch.utils.data`, computing twice instead of keeping in `torch.utils.checkpoint`."""

import importlib
from types import ModuleType

from teachgrad.utils import data as data


def __getattr__(name: str) -> ModuleType:
    if name not in ("benchmark", "checkpoint", "tensorboard"):
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return importlib.import_module(f"{__name__}.{name}")
