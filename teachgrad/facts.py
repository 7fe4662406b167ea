"""What a tensor tells about itself: shape, dtype, device, memory. Reading these touches no graph."""

from __future__ import annotations

import warnings
from typing import Any, Self

from teachgrad import devices, dtypes, errors, gpu, refusals
from teachgrad.autograd import inference, views
from teachgrad.autograd.variable import TensorBase, wrap
from teachgrad.size import Size


class Facts(TensorBase):
    """The part of `Tensor` that describes it. Mirrors the attributes of `torch.Tensor` of the same names."""

    __slots__ = ()

    @property
    def shape(self) -> Size:
        """The size of each dimension."""
        return Size(self._data.shape)

    @property
    def dtype(self) -> dtypes.dtype:
        """The type of the elements."""
        return dtypes.of(self._data.dtype)

    @property
    def device(self) -> devices.device:
        """Where the numbers live."""
        return devices.of(self._data)

    @property
    def layout(self) -> Any:
        """How the numbers lie: always `torch.strided` here."""
        return devices.strided

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return int(self._data.ndim)

    @property
    def itemsize(self) -> int:
        """Bytes per element."""
        return int(self._data.itemsize)

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return int(self._data.nbytes)

    is_cuda = property(lambda self: gpu.on_gpu(self._data))
    is_sparse = is_quantized = is_mps = is_meta = is_mkldnn = is_nested = False
    is_sparse_csr = is_xla = is_vulkan = is_xpu = is_ipu = is_mtia = is_maia = False
    is_cpu = property(lambda self: not gpu.on_gpu(self._data))
    name = None

    @property
    def volatile(self) -> bool:
        """False, with a warning: `Variable.volatile` was replaced by `torch.no_grad()` long ago."""
        warnings.warn("volatile was removed (Variable.volatile is always False)", UserWarning, stacklevel=2)
        return False

    @property
    def grad_dtype(self) -> dtypes.dtype:
        """The dtype that `grad` will have."""
        return dtypes.of(self._data.dtype)

    def is_pinned(self, device: Any = None) -> bool:
        """Does the tensor lie in memory that `pin_memory` took?"""
        return gpu.is_pinned(self._data)

    def pin_memory(self, device: Any = None) -> Any:
        """A copy in memory that a GPU can read by itself. Raises RuntimeError without a GPU, and for a tensor there."""
        if gpu.on_gpu(self._data):
            raise RuntimeError(f"cannot pin '{self.type()}' only dense CPU tensors can be pinned")  # type: ignore[attr-defined]
        return self if self.is_pinned() else wrap(gpu.pinned(self._data))

    def is_shared(self) -> bool:
        """False: nothing is shared between processes."""
        return False

    is_distributed = is_shared

    def share_memory_(self) -> Self:
        """The tensor itself: nothing is shared between processes."""
        return self

    def to_dense(self, dtype: Any = None, *, masked_grad: bool | None = None) -> Any:
        """The tensor itself: none is sparse here."""
        return self if dtype is None else self.to(dtype)  # type: ignore[attr-defined]

    def dim_order(self) -> tuple[int, ...]:
        """The dimensions, that with the largest step in memory first."""
        return tuple(sorted(range(self.ndim), key=lambda d: -self._data.strides[d]))

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dimension. Raises IndexError for a dimension that does not exist."""
        if dim is None:
            return Size(self._data.shape)
        if not isinstance(dim, int):
            raise TypeError(f"size(): argument 'dim' (position 1) must be int, not {errors.type_name(dim)}")
        if not -max(self.ndim, 1) <= dim < max(self.ndim, 1) or self.ndim == 0:
            raise errors.dim_out_of_range(dim, self.ndim) if self.ndim else refusals.no_dimensions(dim)
        return self._data.shape[dim]

    def dim(self) -> int:
        """The number of dimensions."""
        return int(self._data.ndim)

    ndimension = dim

    def numel(self) -> int:
        """The number of elements."""
        return int(self._data.size)

    nelement = numel

    def element_size(self) -> int:
        """Bytes per element."""
        return int(self._data.itemsize)

    def stride(self, dim: int | None = None) -> Any:
        """How many elements to step in memory for one step in each dimension (or in `dim`)."""
        steps = tuple(s // self._data.itemsize for s in self._data.strides)
        return steps if dim is None else steps[dim]

    def storage_offset(self) -> int:
        """The place of the first element in the memory of the base."""
        owner = self._view.owner if self._view is not None else None
        if owner is None:
            return 0
        whole, part = views.own_array(owner), views.own_array(self)
        return (views.address(part) - views.address(whole)) // int(part.itemsize)

    def data_ptr(self) -> int:
        """The address of the first element."""
        return views.address(views.own_array(self))

    const_data_ptr = data_ptr

    def is_contiguous(self) -> bool:
        """True if the elements lie in memory in row-major order without gaps."""
        return bool(self._data.flags.c_contiguous)

    def is_floating_point(self) -> bool:
        """True for float dtypes."""
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        """True for complex dtypes."""
        return self.dtype.is_complex

    def is_signed(self) -> bool:
        """True for dtypes with negative numbers."""
        return self.dtype.is_signed

    def is_inference(self) -> bool:
        """True if the tensor was made in inference mode."""
        return inference.is_inference(self)

    def get_device(self) -> int:
        """The index of the GPU; -1 on the CPU."""
        index = devices.of(self._data).index
        return -1 if index is None else index

    def is_same_size(self, other: TensorBase) -> bool:
        """True if both have the same shape."""
        return bool(self._data.shape == other._data.shape)
