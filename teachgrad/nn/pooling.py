"""Pooling layers; `ops/pooling.py` says what they compute."""

from __future__ import annotations

from typing import Any, ClassVar

from teachgrad.nn import functional as F
from teachgrad.nn.module import Module

__all__ = [
    "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "AvgPool1d", "AvgPool2d",
    "AvgPool3d", "LPPool1d", "LPPool2d", "MaxPool1d", "MaxPool2d", "MaxPool3d", "MaxUnpool1d", "MaxUnpool2d",
]  # fmt: skip


class MaxPool2d(Module):
    """The largest pixel of each window of (N, C, H, W). Mirrors `torch.nn.MaxPool2d`."""

    function: ClassVar[str] = "max_pool2d"

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation, self.return_indices, self.ceil_mode = padding, dilation, return_indices, ceil_mode

    def forward(self, input: Any) -> Any:
        """The smaller pictures, and with `return_indices` the numbers of the pixels taken."""
        return getattr(F, self.function)(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )

    def extra_repr(self) -> str:
        """The arguments."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(MaxPool2d):
    """MaxPool2d for sequences (N, C, L). Mirrors `torch.nn.MaxPool1d`."""

    function = "max_pool1d"


class MaxPool3d(MaxPool2d):
    """MaxPool2d for volumes (N, C, D, H, W). Mirrors `torch.nn.MaxPool3d`."""

    function = "max_pool3d"


class AvgPool2d(Module):
    """The mean of each window of (N, C, H, W). Mirrors `torch.nn.AvgPool2d`."""

    function: ClassVar[str] = "avg_pool2d"

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, kernel_size if stride is None else stride, padding
        self.ceil_mode, self.count_include_pad, self.divisor_override = ceil_mode, count_include_pad, divisor_override

    def forward(self, input: Any) -> Any:
        """The smaller pictures."""
        return getattr(F, self.function)(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        """The sizes."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool3d(AvgPool2d):
    """AvgPool2d for volumes (N, C, D, H, W). Mirrors `torch.nn.AvgPool3d`."""

    function = "avg_pool3d"


class AvgPool1d(Module):
    """The mean of each window of (N, C, L). Mirrors `torch.nn.AvgPool1d`."""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        sizes = (kernel_size, kernel_size if stride is None else stride, padding)
        self.kernel_size, self.stride, self.padding = ((s,) if isinstance(s, int) else tuple(s) for s in sizes)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, input: Any) -> Any:
        """The shorter sequences."""
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)

    def extra_repr(self) -> str:
        """The sizes."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AdaptiveAvgPool2d(Module):
    """Means of windows that divide each picture into `output_size` parts. Mirrors `torch.nn.AdaptiveAvgPool2d`."""

    function: ClassVar[str] = "adaptive_avg_pool2d"

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Any) -> Any:
        """The smaller pictures."""
        return getattr(F, self.function)(input, self.output_size)

    def extra_repr(self) -> str:
        """The size."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(AdaptiveAvgPool2d):
    """AdaptiveAvgPool2d for sequences (N, C, L). Mirrors `torch.nn.AdaptiveAvgPool1d`."""

    function = "adaptive_avg_pool1d"


class AdaptiveMaxPool2d(AdaptiveAvgPool2d):
    """The largest pixels of windows that divide each picture. Mirrors `torch.nn.AdaptiveMaxPool2d`."""

    function = "adaptive_max_pool2d"

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input: Any) -> Any:
        """The smaller pictures, and with `return_indices` the numbers of the pixels taken."""
        return getattr(F, self.function)(input, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(AdaptiveMaxPool2d):
    """AdaptiveMaxPool2d for sequences (N, C, L). Mirrors `torch.nn.AdaptiveMaxPool1d`."""

    function = "adaptive_max_pool1d"


class LPPool2d(Module):
    """The p-norm of each window of (N, C, H, W). Mirrors `torch.nn.LPPool2d`."""

    function: ClassVar[str] = "lp_pool2d"

    def __init__(self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> None:
        super().__init__()
        self.norm_type, self.kernel_size, self.stride, self.ceil_mode = norm_type, kernel_size, stride, ceil_mode

    def forward(self, input: Any) -> Any:
        """The smaller pictures."""
        return getattr(F, self.function)(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        """The arguments."""
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(LPPool2d):
    """LPPool2d for sequences (N, C, L). Mirrors `torch.nn.LPPool1d`."""

    function = "lp_pool1d"


class MaxUnpool2d(Module):
    """Puts the pixels that MaxPool2d took back to their places, with zeros between. Mirrors `torch.nn.MaxUnpool2d`."""

    n: ClassVar[int] = 2

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        given = (kernel_size, kernel_size if stride is None else stride, padding)
        self.kernel_size, self.stride, self.padding = (
            (value,) * self.n if isinstance(value, int) else tuple(value) for value in given
        )

    def forward(self, input: Any, indices: Any, output_size: Any = None) -> Any:
        """The larger pictures."""
        unpool = getattr(F, f"max_unpool{self.n}d")
        return unpool(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(MaxUnpool2d):
    """MaxUnpool2d for sequences (N, C, L). Mirrors `torch.nn.MaxUnpool1d`."""

    n = 1
