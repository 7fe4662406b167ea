"""Layers that find out their number of inputs when they first see one; and DataParallel, which here has one device.

Until then their parameters are empty. They keep being the same objects, so that an optimiser may be made before.
"""

from __future__ import annotations

from typing import Any, ClassVar

from teachgrad import dtypes
from teachgrad.gpu import xp
from teachgrad.nn.conv import Conv1d, Conv2d, Conv3d
from teachgrad.nn.linear import Linear
from teachgrad.nn.module import Module
from teachgrad.nn.normalization import BatchNorm1d, BatchNorm2d, BatchNorm3d
from teachgrad.nn.parameter import Parameter, empty_parameter

__all__ = [
    "DataParallel", "LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d", "LazyConv1d", "LazyConv2d", "LazyConv3d",
    "LazyLinear", "UninitializedParameter",
]  # fmt: skip


class UninitializedParameter(Parameter):
    """A parameter whose shape is not known yet. Mirrors `torch.nn.UninitializedParameter`."""

    __slots__ = ()

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> UninitializedParameter:
        """Empty."""
        return super().__new__(cls, empty_parameter((0,), device, dtype).data, requires_grad)  # type: ignore[return-value]

    def __repr__(self, **options: Any) -> str:  # type: ignore[override]
        return "<UninitializedParameter>"

    def materialize(self, shape: tuple[int, ...]) -> None:
        """Gives the parameter its shape; from now on it is an ordinary one."""
        self._data = xp(self._data).empty(shape, self._data.dtype)
        self.__class__ = Parameter  # type: ignore[assignment]


class _Lazy(Module):
    """Becomes the layer `ready` at the first call, with as many inputs as there are."""

    ready: ClassVar[type[Module]]
    channel_dim: ClassVar[int]
    counter: ClassVar[str]  # the name of the attribute that says how many inputs there are

    def _empty(self) -> None:
        """Empties the parameters that the layer was made with."""
        self._shapes = {name: p._data.shape for name, p in self._parameters.items() if p is not None}
        for name, parameter in list(self._parameters.items()):
            if parameter is not None:
                self._parameters[name] = UninitializedParameter(
                    True, parameter.device, dtypes.of(parameter._data.dtype)
                )

    def _shape_for(self, name: str, count: int) -> tuple[int, ...]:
        raise NotImplementedError

    def _make(self, input: Any) -> None:
        count = int(input.shape[self.channel_dim])
        setattr(self, self.counter, count)
        for name in self._shapes:
            parameter: Any = self._parameters[name]
            parameter.materialize(self._shape_for(name, count))
        del self._shapes
        self.__class__ = self.ready  # type: ignore[assignment]

    def reset_parameters(self) -> None:
        """Nothing: there is nothing to draw yet."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Makes the layer ready, and calls it."""
        self._make(args[0])
        self.reset_parameters()
        return self(*args, **kwargs)


class LazyLinear(_Lazy, Linear):
    """A Linear layer for inputs of any size. Mirrors `torch.nn.LazyLinear`."""

    ready, channel_dim, counter = Linear, -1, "in_features"

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(0, 0, bias, device, dtype)
        self.out_features = out_features
        self._empty()

    def _shape_for(self, name: str, count: int) -> tuple[int, ...]:
        return (self.out_features, count) if name == "weight" else (self.out_features,)


class _LazyConv(_Lazy):
    channel_dim, counter = 1, "in_channels"

    def __init__(self, out_channels: int, kernel_size: Any, *args: Any, **kwargs: Any) -> None:
        groups = kwargs.get("groups", args[3] if len(args) > 3 else 1)
        super().__init__(groups, groups, kernel_size, *args, **kwargs)
        self.in_channels, self.out_channels = 0, out_channels
        self._empty()

    def _shape_for(self, name: str, count: int) -> tuple[int, ...]:
        if name == "bias":
            return (self.out_channels,)
        return (self.out_channels, count // self.groups, *self.kernel_size)


class LazyConv1d(_LazyConv, Conv1d):
    """A Conv1d layer for any number of channels. Mirrors `torch.nn.LazyConv1d`."""

    ready = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """A Conv2d layer for any number of channels. Mirrors `torch.nn.LazyConv2d`."""

    ready = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """A Conv3d layer for any number of channels. Mirrors `torch.nn.LazyConv3d`."""

    ready = Conv3d


class _LazyBatchNorm(_Lazy):
    channel_dim, counter = 1, "num_features"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(0, *args, **kwargs)
        self._empty()

    def _shape_for(self, name: str, count: int) -> tuple[int, ...]:
        for buffer in (self.running_mean, self.running_var):
            if buffer is not None and buffer._data.shape != (count,):
                buffer._data = xp(buffer._data).zeros(count, buffer._data.dtype)
        return (count,)


class LazyBatchNorm1d(_LazyBatchNorm, BatchNorm1d):
    """A BatchNorm1d layer for any number of channels. Mirrors `torch.nn.LazyBatchNorm1d`."""

    ready = BatchNorm1d


class LazyBatchNorm2d(_LazyBatchNorm, BatchNorm2d):
    """A BatchNorm2d layer for any number of channels. Mirrors `torch.nn.LazyBatchNorm2d`."""

    ready = BatchNorm2d


class LazyBatchNorm3d(_LazyBatchNorm, BatchNorm3d):
    """A BatchNorm3d layer for any number of channels. Mirrors `torch.nn.LazyBatchNorm3d`."""

    ready = BatchNorm3d


class DataParallel(Module):
    """Runs `module`; with several GPUs, PyTorch would share the batch among them. Mirrors `torch.nn.DataParallel`."""

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """What the module returns."""
        return self.module(*inputs, **kwargs)
