"""Convolution layers; `ops/convolution.py` says what they compute."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from teachgrad.nn import functional as F
from teachgrad.nn import init
from teachgrad.nn.module import Module
from teachgrad.nn.parameter import Parameter, empty_parameter

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _Conv(Module):
    """What all convolutions share: their settings as tuples, a weight and a bias."""

    n: ClassVar[int]  # how many dimensions a picture has
    transposed: ClassVar[bool] = False
    weight: Parameter
    bias: Parameter | None

    def _tuple(self, value: Any) -> tuple[int, ...]:
        """One number for all dimensions, or one each, as a tuple."""
        return (value,) * self.n if isinstance(value, int) else tuple(value)

    def _set_up(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        output_padding: Any,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: Any,
    ) -> None:
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups:
            raise ValueError("out_channels must be divisible by groups")
        if padding_mode not in _PADDING_MODES:
            raise ValueError(
                f"padding_mode must be one of {set(_PADDING_MODES)}, but got padding_mode='{padding_mode}'"
            )
        self.in_channels, self.out_channels, self.groups, self.padding_mode = (
            in_channels,
            out_channels,
            groups,
            padding_mode,
        )
        self.kernel_size, self.stride, self.dilation = (
            self._tuple(kernel_size),
            self._tuple(stride),
            self._tuple(dilation),
        )
        self.output_padding = self._tuple(output_padding)
        self.padding: Any = padding
        if not isinstance(padding, str):
            self.padding = self._tuple(padding)
        elif padding not in ("valid", "same"):
            raise ValueError(f"Invalid padding string {padding!r}, should be one of {{'valid', 'same'}}")
        elif padding == "same" and any(s != 1 for s in self.stride):
            raise ValueError("padding='same' is not supported for strided convolutions")
        channels = (in_channels, out_channels // groups) if self.transposed else (out_channels, in_channels // groups)
        self.weight = empty_parameter((*channels, *self.kernel_size), device, dtype)
        self.register_parameter("bias", empty_parameter((out_channels,), device, dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws weight and bias anew, uniform in [-1/sqrt(k), 1/sqrt(k)), k numbers being added up for each output."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in:
                init.uniform_(self.bias, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))

    def extra_repr(self) -> str:
        """The sizes, and the arguments that are not the usual ones."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0,) * self.n:
            text += f", padding={self.padding}"
        if self.dilation != (1,) * self.n:
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * self.n:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        return text + ("" if self.padding_mode == "zeros" else f", padding_mode={self.padding_mode}")


class Conv2d(_Conv):
    """Slides kernels over pictures: (N, in_channels, H, W) to (N, out_channels, H', W').

    weight: (out_channels, in_channels / groups, kernel height, kernel width). `padding` is a number per dimension, "same" or
    "valid"; `padding_mode` says what is added around. Mirrors `torch.nn.Conv2d`.
    """

    n = 2

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._set_up(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            0,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def _around(self) -> list[int]:
        """The padding as `F.pad` wants it: before and after the last dimension, then the one before it, ..."""
        if self.padding == "valid":
            return [0] * 2 * self.n
        if self.padding == "same":
            total = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
            return [part for t in reversed(total) for part in (t // 2, t - t // 2)]
        return [p for p in reversed(self.padding) for _ in range(2)]

    def forward(self, input: Any) -> Any:
        """The convolved pictures. Raises RuntimeError if the kernel is larger than they are."""
        convolution = getattr(F, f"conv{self.n}d")
        padding = self.padding
        if self.padding_mode != "zeros":
            input, padding = F.pad(input, self._around(), mode=self.padding_mode), 0
        return convolution(input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv1d(Conv2d):
    """Conv2d for sequences (N, in_channels, L). Mirrors `torch.nn.Conv1d`."""

    n = 1


class Conv3d(Conv2d):
    """Conv2d for volumes (N, in_channels, D, H, W). Mirrors `torch.nn.Conv3d`."""

    n = 3


class ConvTranspose2d(_Conv):
    """Spreads every pixel over a kernel: the gradient of Conv2d as a layer of its own, which makes pictures larger.

    weight: (in_channels, out_channels / groups, kernel height, kernel width). Mirrors `torch.nn.ConvTranspose2d`.
    """

    n = 2
    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        self._set_up(
            in_channels, out_channels, kernel_size, stride, padding, dilation, output_padding, groups, bias, padding_mode,
            device, dtype,
        )  # fmt: skip

    def _extra(self, input: Any, output_size: Sequence[int] | None) -> tuple[int, ...]:
        """How many pixels must be added for the pictures to have `output_size`. Raises ValueError if none fits."""
        if output_size is None:
            return self.output_padding
        wanted = tuple(output_size)[-self.n :]
        sizes = list(input.shape[-self.n :])
        least = [
            (size - 1) * s - 2 * p + d * (k - 1) + 1
            for size, s, p, d, k in zip(sizes, self.stride, self.padding, self.dilation, self.kernel_size, strict=True)
        ]
        most = [low + s - 1 for low, s in zip(least, self.stride, strict=True)]
        if any(not low <= want <= high for low, want, high in zip(least, wanted, most, strict=True)):
            raise ValueError(
                f"requested an output size of {output_size}, but valid sizes range from {least} to {most} "
                f"(for an input of {input.shape[2:]})"
            )
        return tuple(want - low for low, want in zip(least, wanted, strict=True))

    def forward(self, input: Any, output_size: Sequence[int] | None = None) -> Any:
        """The larger pictures, of `output_size` if given."""
        convolution = getattr(F, f"conv_transpose{self.n}d")
        extra = self._extra(input, output_size)
        return convolution(input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation)


class ConvTranspose1d(ConvTranspose2d):
    """ConvTranspose2d for sequences. Mirrors `torch.nn.ConvTranspose1d`."""

    n = 1


class ConvTranspose3d(ConvTranspose2d):
    """ConvTranspose2d for volumes. Mirrors `torch.nn.ConvTranspose3d`."""

    n = 3
