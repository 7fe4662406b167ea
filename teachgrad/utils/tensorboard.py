"""`torch.utils.tensorboard`: the writer of the package tensorboardX, which needs no PyTorch."""

from __future__ import annotations

from typing import Any

from teachgrad import errors


def __getattr__(name: str) -> Any:
    try:
        import tensorboardX
    except ModuleNotFoundError:
        raise errors.explained(
            ModuleNotFoundError("No module named 'tensorboard'"),
            "Training curves for TensorBoard are written by an own package: pip install tensorboardX.",
        ) from None
    return getattr(tensorboardX, name)
