"""Complex numbers: made of two real tensors, read as them again, mirrored and measured.

z = torch.complex(a, b)          a + ib
torch.view_as_real(z)            the same memory with one more dimension: (a, b)
z.real, z.imag                   its two layers
z.conj()                         a - ib
z.abs(), z.angle()               its length, and its direction as an angle
z.sgn()                          its direction as a number of length 1

What a gradient is here, and how rules are written for both kinds of numbers, says `conjugates.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgrad import dtypes, errors
from teachgrad.autograd.variable import TensorBase
from teachgrad.conjugates import conj_of, meet
from teachgrad.gpu import xp
from teachgrad.ops import dims
from teachgrad.ops.inplace import in_place
from teachgrad.ops.table import LIVE, METHODS, OPS, RAW, Op, composite, op, pointwise, public, raw


# -- what the forward expressions compute ----------------------------------------------------------------------
@raw
def complex_of(real: Any, imag: Any) -> Any:
    """real + i imag."""
    shape = np.broadcast_shapes(real.shape, imag.shape)
    parts = xp(real).empty(shape, np.result_type(real.dtype, np.complex64))
    meet(parts.dtype)
    parts.real, parts.imag = real, imag
    return parts


@raw
def as_pairs(self: Any) -> Any:
    """The memory of complex numbers as pairs of real ones, in a new last dimension."""
    return self.reshape(*self.shape, 1).view(self.real.dtype)


@raw
def from_pairs(self: Any) -> Any:
    """The memory of pairs of real numbers as complex ones."""
    numbers = xp(self).asarray(self, order="C").view(dtypes.of(self.dtype).to_complex().numpy)[..., 0]
    meet(numbers.dtype)
    return numbers


@raw
def polar_of(abs: Any, angle: Any) -> Any:
    """abs * (cos(angle) + i sin(angle))."""
    return complex_of(abs * np.cos(angle), abs * np.sin(angle))


@raw
def angle_of(self: Any) -> Any:
    """The angle from the positive real axis: 0 or pi for real numbers, nan for nan."""
    return (
        np.angle(self)
        if self.dtype.kind == "c"
        else np.where(np.isnan(self), self, np.angle(self).astype(self.dtype))[()]
    )


RAW["sgn"] = np.sign


# -- the entries -----------------------------------------------------------------------------------------------
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
op(
    "polar.parts(abs, angle)", "PolarBackward0", "polar_of(abs, angle)",
    abs="sum_to_size((conj(grad) * sgn(result)).real, abs_shape)",
    angle="sum_to_size((conj(grad) * result * 1j).real, angle_shape)",
    samples=["torch.polar(p, x)", "torch.polar(p, v).real", "torch.polar(s, s).imag", "torch.polar(i, i)"],
)  # fmt: skip
op(
    "conj.complex(self)", "ConjBackward0", "conj(self)", self="conj(grad)",
    samples=["torch.complex(v, u).conj()", "torch.complex(v, u).conj().angle() * u", "torch.conj(x)"],
)  # fmt: skip
op(
    "conj_physical.complex(self)", "ConjPhysicalBackward0", "conj(self)", self="conj(grad)",
    samples=["torch.conj_physical(torch.complex(v, u))", "torch.conj_physical(x)"],
)  # fmt: skip
op("conj_physical_.in_place(self)", "ConjPhysicalBackward1", "conj(self)", self="conj(grad)")
op(
    "angle.of(self)", "AngleBackward0", "angle_of(self)", self="angle_slope(grad, self)",
    shown={"self": "0 for real numbers, grad * 1j * self / abs(self) ** 2 for complex ones"},
    samples=["torch.complex(v, u).angle()", "torch.angle(x)", "s.angle()"],
)  # fmt: skip
pointwise(
    "sgn(self)", "SgnBackward0", "sign_of(self)", self="sgn_slope(grad, self, result)", shown={"self": "grad * 0"}
)


# -- rules that take more than one expression ------------------------------------------------------------------
@composite
def angle_slope(F: Any, grad: Any, self: Any) -> Any:
    """i z / |z|^2: the angle moves as z moves across its own direction; 0 for real numbers and at the origin."""
    if not is_complex(self):
        return grad * 0
    square = F.square(F.abs(self))
    return F.where(square == 0, 0, grad * (self * 1j) / F.where(square == 0, 1, square))


@composite
def sgn_slope(F: Any, grad: Any, self: Any, result: Any) -> Any:
    """The part of grad / |z| that lies across z: the rest would change the length, which stays 1."""
    if not is_complex(self):
        return grad * 0
    size = F.abs(self)
    part = F.where(size == 0, 0, grad / F.where(size == 0, 1, size))
    return part - (part * F.conj(result)).real * result


def _conj_live(values: Any) -> Any:
    return conj(values) if isinstance(values, TensorBase) else conj_of(values)


LIVE["conj"] = _conj_live


def is_complex(values: Any) -> bool:
    """Are these complex numbers, in an array or in a tensor?"""
    return bool((values._data if hasattr(values, "_data") else values).dtype.kind == "c")


@composite
def real_part(_: Any, grad: Any) -> Any:
    """The real part."""
    return grad.real


@composite
def imag_part(_: Any, grad: Any) -> Any:
    """The imaginary part."""
    return grad.imag


# -- the faces -------------------------------------------------------------------------------------------------
@public("complex", method=False)
def complex(real: Any, imag: Any) -> Any:
    """The complex tensor real + i imag. Mirrors `torch.complex`. Raises RuntimeError unless both are floats of one dtype."""
    return _from_floats(OPS["complex.parts"], real, imag)


def _from_floats(made: Op, first: Any, second: Any) -> Any:
    """`made(first, second)`, after checking that both are floats of one dtype and broadcast."""
    kinds = [dtypes.of(dims.tensor(made.name.partition(".")[0], part)._data.dtype) for part in (first, second)]
    if not all(kind.is_floating_point for kind in kinds):
        names = " and ".join(kind.scalar_name for kind in kinds)
        raise RuntimeError(f"Expected both inputs to be Half, Float or Double tensors but got {names}")
    if kinds[0] is not kinds[1]:
        raise RuntimeError(
            f"Expected object of scalar type {kinds[0].scalar_name} but got scalar type {kinds[1].scalar_name} "
            "for second argument"
        )
    clash = errors.broadcast(first._data.shape, second._data.shape)
    if clash is not None:
        raise clash
    return made(first, second)


@public("view_as_real", method=False)
def view_as_real(input: Any) -> Any:
    """Complex numbers as pairs of real ones, in a new last dimension of the same memory. Mirrors `torch.view_as_real`."""
    if dims.tensor("view_as_real", input)._data.dtype.kind != "c":
        raise RuntimeError("view_as_real is only supported for complex tensors")
    if is_conj(input):
        raise errors.explained(RuntimeError(_NO_VIEW), "z.conj().resolve_conj() has memory of its own.")
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
_NO_VIEW = (
    "view_as_real doesn't work on unresolved conjugated tensors.  To resolve the conjugate tensor so you can view it as "
    "real, use self.resolve_conj(); however, be warned that the resulting tensor will NOT alias the original."
)


@public("polar", method=False)
def polar(abs: Any, angle: Any) -> Any:
    """The complex tensor abs * e^(i angle). Mirrors `torch.polar`. Raises RuntimeError unless both are alike floats."""
    return _from_floats(OPS["polar.parts"], abs, angle)


@public("conj")
def conj(input: Any) -> Any:
    """a - ib for a + ib; real numbers as they are. Mirrors `torch.conj`, which notes it and computes it later."""
    if dims.tensor("conj", input)._data.dtype.kind != "c":
        return input
    result = OPS["conj.complex"](input)
    result.__dict__["conjugated"] = not is_conj(input)
    return result


@public("conj_physical")
def conj_physical(input: Any) -> Any:
    """a - ib for a + ib, never as a view. Mirrors `torch.conj_physical`."""
    return OPS["conj_physical.complex"](input) if dims.tensor("conj_physical", input)._data.dtype.kind == "c" else input


def _conj_physical(input: Any) -> Any:
    """`conj_physical` for its in-place form."""
    return OPS["conj_physical_.in_place"](input)


METHODS["conj_physical_"] = in_place(_conj_physical, keeps_input=False)


@public("is_conj")
def is_conj(input: Any) -> bool:
    """True for what `conj()` returned. Mirrors `torch.is_conj`."""
    return bool(input.__dict__.get("conjugated"))


@public("is_neg")
def is_neg(input: Any) -> bool:
    """False: here no tensor waits to be negated. Mirrors `torch.is_neg`."""
    return False


@public("resolve_conj")
def resolve_conj(input: Any) -> Any:
    """A copy of what `conj()` returned; any other tensor itself. Mirrors `torch.resolve_conj`."""
    return input.clone() if is_conj(input) else input


@public("resolve_neg")
def resolve_neg(input: Any) -> Any:
    """The tensor itself. Mirrors `torch.resolve_neg`."""
    return input


@public("angle")
def angle(input: Any) -> Any:
    """The angle of a complex number; 0 or pi for a real one. Mirrors `torch.angle`."""
    if dims.tensor("angle", input)._data.dtype.kind in "biu":
        input = input.to(dtypes.get_default_dtype())
    return OPS["angle.of"](input)


@public("isreal")
def isreal(input: Any) -> Any:
    """Which elements have no imaginary part. Mirrors `torch.isreal`."""
    return input.imag == 0 if dims.tensor("isreal", input)._data.dtype.kind == "c" else input == input
