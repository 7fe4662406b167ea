"""Complex numbers: made of two real tensors, and read as them again.

z = torch.complex(a, b)          a + ib
torch.view_as_real(z)            the same memory with one more dimension: (a, b)
z.real, z.imag                   its two layers
"""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgrad import dtypes, errors
from teachgrad.ops import dims
from teachgrad.ops.table import METHODS, OPS, composite, op, public, raw


@raw
def complex_of(real: Any, imag: Any) -> Any:
    """real + i imag."""
    parts = np.empty(np.broadcast_shapes(real.shape, imag.shape), np.result_type(real, np.complex64))
    parts.real, parts.imag = real, imag
    return parts


@raw
def as_pairs(self: Any) -> Any:
    """The memory of complex numbers as pairs of real ones, in a new last dimension."""
    return self.reshape(*self.shape, 1).view(self.real.dtype)


@raw
def from_pairs(self: Any) -> Any:
    """The memory of pairs of real numbers as complex ones."""
    return np.asarray(self, order="C").view(dtypes.of(self.dtype).to_complex().numpy)[..., 0]


op(
    "complex.parts(real, imag)", "ComplexBackward0", "complex_of(real, imag)",
    real="sum_to_size(real_part(grad), real_shape)", imag="sum_to_size(imag_part(grad), imag_shape)",
    samples=[
        "torch.complex(v, u)", "torch.complex(x, v).real", "torch.complex(s, s).imag", "torch.complex(i, i)",
        "torch.complex(v, u.half())",
    ],
)  # fmt: skip
op(
    "view_as_real(self)", "ViewAsRealBackward0", "as_pairs(self)", view=True, self="view_as_complex(grad)",
    samples=["torch.view_as_real(torch.complex(v, u))", "torch.view_as_real(v)"],
)  # fmt: skip
op(
    "view_as_complex(self)", "ViewAsComplexBackward0", "from_pairs(self)", view=True, self="view_as_real(grad)",
    samples=["torch.view_as_real(torch.view_as_complex(c[:, :, :2] * 1))", "torch.view_as_complex(x)"],
)  # fmt: skip


@composite
def real_part(_: Any, grad: Any) -> Any:
    """The real part."""
    return grad.real


@composite
def imag_part(_: Any, grad: Any) -> Any:
    """The imaginary part."""
    return grad.imag


@public("complex", method=False)
def complex(real: Any, imag: Any) -> Any:
    """The complex tensor real + i imag. Mirrors `torch.complex`. Raises RuntimeError unless both are floats of one dtype."""
    kinds = [dtypes.of(dims.tensor("complex", part)._data.dtype) for part in (real, imag)]
    if not all(kind.is_floating_point for kind in kinds):
        names = " and ".join(kind.scalar_name for kind in kinds)
        raise RuntimeError(f"Expected both inputs to be Half, Float or Double tensors but got {names}")
    if kinds[0] is not kinds[1]:
        raise RuntimeError(
            f"Expected object of scalar type {kinds[0].scalar_name} but got scalar type {kinds[1].scalar_name} "
            "for second argument"
        )
    clash = errors.broadcast(real._data.shape, imag._data.shape)
    if clash is not None:
        raise clash
    return OPS["complex.parts"](real, imag)


@public("view_as_real", method=False)
def view_as_real(input: Any) -> Any:
    """Complex numbers as pairs of real ones, in a new last dimension of the same memory. Mirrors `torch.view_as_real`."""
    if dims.tensor("view_as_real", input)._data.dtype.kind != "c":
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return OPS["view_as_real"](input)


@public("view_as_complex", method=False)
def view_as_complex(input: Any) -> Any:
    """Pairs of real numbers (the last dimension) as complex ones in the same memory. Mirrors `torch.view_as_complex`."""
    data = dims.tensor("view_as_complex", input)._data
    if data.dtype.kind != "f":
        kind = dtypes.of(data.dtype).scalar_name
        raise RuntimeError(
            f"view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: {kind}"
        )
    if not data.ndim:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if data.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    return OPS["view_as_complex"](input)


def _part(input: Any, place: int) -> Any:
    pairs = OPS["view_as_real"](input)
    return OPS["select"](pairs, pairs._data.ndim - 1, place)


@public("real", method=False)
def real(input: Any) -> Any:
    """The real part, a view; of real numbers, the tensor itself. Mirrors `torch.real`."""
    return _part(input, 0) if dims.tensor("real", input)._data.dtype.kind == "c" else input


@public("imag", method=False)
def imag(input: Any) -> Any:
    """The imaginary part, a view. Mirrors `torch.imag`. Raises RuntimeError for real numbers."""
    if dims.tensor("imag", input)._data.dtype.kind != "c":
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return _part(input, 1)


METHODS.update(real=property(real), imag=property(imag))
