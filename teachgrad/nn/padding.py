"""Padding layers: pixels added around, as numbers (left, right, top, bottom, ...) or one number for all sides."""

from __future__ import annotations

from typing import Any, ClassVar

from teachgrad.nn import functional as F
from teachgrad.nn.module import Module

__all__ = [
    "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d", "ConstantPad2d", "ConstantPad3d",
    "ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d", "ReplicationPad2d", "ReplicationPad3d",
    "ZeroPad1d", "ZeroPad2d", "ZeroPad3d",
]  # fmt: skip


class ConstantPad2d(Module):
    """Adds pixels of one value. Mirrors `torch.nn.ConstantPad2d`."""

    n: ClassVar[int] = 2

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__()
        self.padding = (padding,) * 2 * self.n if isinstance(padding, int) else tuple(padding)
        self.value = value

    def forward(self, input: Any) -> Any:
        """The larger pictures."""
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(ConstantPad2d):
    """ConstantPad2d for sequences. Mirrors `torch.nn.ConstantPad1d`."""

    n = 1


class ConstantPad3d(ConstantPad2d):
    """ConstantPad2d for volumes. Mirrors `torch.nn.ConstantPad3d`."""

    n = 3


class ZeroPad2d(ConstantPad2d):
    """Adds zeros. Mirrors `torch.nn.ZeroPad2d`."""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        """The padding."""
        return str(self.padding)


class ZeroPad1d(ZeroPad2d):
    """ZeroPad2d for sequences. Mirrors `torch.nn.ZeroPad1d`."""

    n = 1


class ZeroPad3d(ZeroPad2d):
    """ZeroPad2d for volumes. Mirrors `torch.nn.ZeroPad3d`."""

    n = 3


class _CopyingPad(Module):
    """Adds pixels that are copied from the picture."""

    n: ClassVar[int] = 2
    mode: ClassVar[str]

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = (padding,) * 2 * self.n if isinstance(padding, int) else tuple(padding)

    def forward(self, input: Any) -> Any:
        """The larger pictures."""
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        """The padding."""
        return str(self.padding)


class ReflectionPad2d(_CopyingPad):
    """Adds the mirror image of the picture. Mirrors `torch.nn.ReflectionPad2d`."""

    mode = "reflect"


class ReflectionPad1d(ReflectionPad2d):
    """ReflectionPad2d for sequences. Mirrors `torch.nn.ReflectionPad1d`."""

    n = 1


class ReflectionPad3d(ReflectionPad2d):
    """ReflectionPad2d for volumes. Mirrors `torch.nn.ReflectionPad3d`."""

    n = 3


class ReplicationPad2d(_CopyingPad):
    """Adds copies of the border. Mirrors `torch.nn.ReplicationPad2d`."""

    mode = "replicate"


class ReplicationPad1d(ReplicationPad2d):
    """ReplicationPad2d for sequences. Mirrors `torch.nn.ReplicationPad1d`."""

    n = 1


class ReplicationPad3d(ReplicationPad2d):
    """ReplicationPad2d for volumes. Mirrors `torch.nn.ReplicationPad3d`."""

    n = 3


class CircularPad2d(_CopyingPad):
    """Adds the other side of the picture. Mirrors `torch.nn.CircularPad2d`."""

    mode = "circular"


class CircularPad1d(CircularPad2d):
    """CircularPad2d for sequences. Mirrors `torch.nn.CircularPad1d`."""

    n = 1


class CircularPad3d(CircularPad2d):
    """CircularPad2d for volumes. Mirrors `torch.nn.CircularPad3d`."""

    n = 3
