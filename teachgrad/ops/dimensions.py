"""Dimensions exchanged, added and dropped: `transpose`, `permute`, `unsqueeze`, `squeeze`, ...

    memory      1 2 3 4 5 6
    x           [[1, 2, 3],         step 3 down, step 1 to the right
                 [4, 5, 6]]
    x.T         [[1, 4],            step 1 down, step 3 to the right
                 [2, 5],
                 [3, 6]]

All are views of the same memory. What was exchanged is exchanged back in the gradient, what was added is dropped.
"""

from __future__ import annotations

import warnings
from typing import Any

from teachgrad import errors
from teachgrad.autograd import views
from teachgrad.autograd.variable import TensorBase, bump
from teachgrad.ops import dims, refusals
from teachgrad.ops.inplace import as_it_was
from teachgrad.ops.shape import reshape
from teachgrad.ops.table import METHODS, OPS, composite, op, public, raw
from teachgrad.sizes import shape_of, whole_numbers


# -- what the forward expressions compute ----------------------------------------------------------------------
@raw
def unsqueezed(self: Any, dim: int) -> Any:
    """A new dimension of size 1 at place `dim`."""
    if dim < 0:
        dim += self.ndim + 1
    shape = self.shape
    if self.flags.c_contiguous:  # NumPy's None would give the new dimension the step 0, which PyTorch does not
        return self.reshape(shape[:dim] + (1,) + shape[dim:])
    return self[(slice(None),) * dim + (None,)]


@raw
def squeezed(self: Any, gone: Any = None) -> Any:
    """Without the dimensions of size 1, or without those of them that are in `gone`."""
    if gone is None:
        return self.squeeze()
    ones = tuple(d for d in ((gone,) if isinstance(gone, int) else gone) if self.ndim and self.shape[d] == 1)
    return self.squeeze(ones) if ones else self[...]


@raw
def transposed(self: Any, dim0: int, dim1: int) -> Any:
    """Two dimensions exchanged; a number has none."""
    return self.swapaxes(dim0, dim1) if self.ndim else self[...]


# -- the entries -----------------------------------------------------------------------------------------------
op(
    "t(self)",
    "TBackward0",
    "self.T",
    view=True,
    self="t(grad)",
    samples=["x.t()", "v.t()", "s.t()", "torch.t(m)", "b.t()"],
)
op(
    "transpose(self; dim0, dim1)", "TransposeBackward0", "transposed(self, dim0, dim1)", view=True,
    self="transpose(grad, dim0, dim1)",
    samples=[
        "x.transpose(0, 1)", "torch.transpose(b, 0, -1)", "b.swapaxes(1, 2)", "torch.swapaxes(x, 0, 1)", "x.mT",
        "x.mH", "x.H", "torch.swapdims(b, 0, 2)", "b.mT", "torch.adjoint(b)", "x.transpose(0, 2)", "v.mT", "b.H",
        "s.transpose(0, 0)",
    ],
)  # fmt: skip
op(
    "permute(self; order)", "PermuteBackward0", "self.transpose(order)",
    view=True, self="permute(grad, inverse_order(order))",
    samples=[
        "x.permute(1, 0)", "b.permute(2, 0, -2)", "torch.permute(b, (2, 0, 1))", "x.T", "v.T", "b.movedim(0, 2)",
        "x.permute(0)", "torch.movedim(b, (0, 1), (1, 2))", "b.moveaxis(-1, 0)", "torch.moveaxis(b, 0, 1)",
        "x.permute(0, 0)", "x.permute(0, 2)", "b.movedim((0, 1), (1,))", "b.movedim((0, 0), (1, 2))", "s.permute(())",
    ],
)  # fmt: skip
op(
    "unsqueeze(self; dim)", "UnsqueezeBackward0", "unsqueezed(self, dim)", view=True, self="squeeze_dim(grad, dim)",
    samples=[
        "x.unsqueeze(0)", "x.unsqueeze(-1)", "torch.unsqueeze(s, 0)", "x.t().unsqueeze(1)", "x[:, None]",
        "x.unsqueeze(4)", "torch.atleast_1d(s)", "torch.atleast_2d(v)", "torch.atleast_3d(v)",
        "torch.atleast_3d(x, v)", "torch.atleast_2d((s, x))",
    ],
)  # fmt: skip
op(
    "squeeze.all(self)", "SqueezeBackward0", "squeezed(self)", view=True, self="unsqueeze_to(grad, self_shape)",
    samples=["x.squeeze()", "x[:1].squeeze()", "torch.squeeze(s)", "x[:1, :1].squeeze()"],
)  # fmt: skip
op(
    "squeeze.dim(self; dim)", "SqueezeBackward1", "squeezed(self, dim)",
    view=True, self="unsqueeze_to(grad, self_shape, (dim,))",
    samples=["x[:1].squeeze(0)", "x.squeeze(1)", "torch.squeeze(x[None], -3)", "s.squeeze(0)", "x.squeeze(2)"],
)  # fmt: skip
op(
    "squeeze.dims(self; dims)", "SqueezeBackward2", "squeezed(self, dims)", view=True,
    self="unsqueeze_to(grad, self_shape, dims)",
    samples=["x[:1, :1].squeeze((0, 1))", "torch.squeeze(x[None], (0, -1))", "x.squeeze(())", "x.squeeze((0, 0))"],
)  # fmt: skip


@composite
def inverse_order(_: Any, order: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes `order`."""
    return tuple(sorted(range(len(order)), key=lambda place: order[place] % len(order)))


@composite
def unsqueeze_to(F: Any, grad: Any, shape: tuple[int, ...], gone: Any = None) -> Any:
    """The dimensions of size 1 that `squeeze` took out of `shape`, put back."""
    chosen = range(len(shape)) if gone is None else sorted(dim % len(shape) for dim in gone) if shape else ()
    for dim in chosen:
        if shape[dim] == 1:
            grad = F.unsqueeze(grad, dim)
    return grad


# -- dimensions exchanged --------------------------------------------------------------------------------------
@public("t")
def t(input: Any) -> Any:
    """The transpose of a matrix; a vector stays as it is. Mirrors `torch.t`. Raises RuntimeError beyond 2 dimensions."""
    if dims.tensor("t", input)._data.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input._data.ndim}D")
    return OPS["t"](input)


@public("transpose", "swapaxes", "swapdims")
def transpose(input: Any, dim0: int, dim1: int) -> Any:
    """Two dimensions exchanged. Mirrors `torch.transpose`."""
    return OPS["transpose"](input, dims.one("transpose", input, dim0), dims.one("transpose", input, dim1))


@public("permute")
def permute(input: Any, *order: Any, dims: Any = None) -> Any:
    """The dimensions in another order. Mirrors `torch.permute`. Raises RuntimeError if `order` does not name each once."""
    return _permuted(input, whole_numbers("permute", "dims", (dims,) if dims is not None else order))


def _permuted(input: Any, order: tuple[int, ...]) -> Any:
    ndim = dims.tensor("permute", input)._data.ndim
    if len(order) != ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the "
            "desired ordering "
            f"of dimensions i.e. input.dim() = {ndim} is not equal to len(dims) = {len(order)}"
        )
    places = tuple(dims.one("permute", input, dim) for dim in order)
    if len(set(places)) < ndim:
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return OPS["permute"](input, places)


@public("movedim", "moveaxis")
def movedim(input: Any, source: Any, destination: Any) -> Any:
    """The dimensions `source` moved to the places `destination`; the others keep their order. Mirrors `torch.movedim`."""
    given = [[dim] if isinstance(dim, int) else list(dim) for dim in (source, destination)]
    if len(given[0]) != len(given[1]):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({given[0]} dims) should contain the same "
            "number of dims as "
            f"destination ({given[1]} dims)"
        )
    origins, places = ([dims.one("movedim", input, dim) for dim in part] for part in given)
    for name, part, wrapped in zip(("source", "destination"), given, (origins, places), strict=True):
        if len(set(wrapped)) < len(wrapped):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({part})")
    if not input._data.ndim:
        return OPS["alias"](input)
    staying = (dim for dim in range(input._data.ndim) if dim not in origins)
    moved = dict(zip(places, origins, strict=True))
    return OPS["permute"](input, tuple(moved[n] if n in moved else next(staying) for n in range(input._data.ndim)))


def _T(input: Any) -> Any:
    """All dimensions in reverse order: the transpose of a matrix. Mirrors `torch.Tensor.T`."""
    ndim = input._data.ndim
    if ndim == 0:
        warnings.warn(refusals.ZERO_D_TRANSPOSE.format("T"), UserWarning, stacklevel=2)
    elif ndim != 2:
        warnings.warn(refusals.T_OF_MANY_DIMENSIONS, UserWarning, stacklevel=2)
    return OPS["permute"](input, tuple(range(ndim))[::-1])


def _mT(input: Any) -> Any:
    """The last two dimensions exchanged: the transpose of each matrix of a batch. Mirrors `torch.Tensor.mT`."""
    ndim = input._data.ndim
    if ndim == 0:
        warnings.warn(refusals.ZERO_D_TRANSPOSE.format("mT"), UserWarning, stacklevel=2)
        return input
    if ndim == 1:
        raise RuntimeError("tensor.mT is only supported on matrices or batches of matrices. Got 1-D tensor.")
    return OPS["transpose"](input, ndim - 2, ndim - 1)


@public("adjoint")
def adjoint(input: Any) -> Any:
    """The last two dimensions exchanged and complex numbers conjugated. Mirrors `torch.adjoint` and `torch.Tensor.mH`."""
    exchanged = _mT(input)
    return exchanged.conj() if input.is_complex() else exchanged


def _H(input: Any) -> Any:
    """The conjugate transpose of a matrix. Mirrors `torch.Tensor.H`."""
    if input._data.ndim not in (0, 2):
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {input._data.ndim}-D tensor."
            + (" For batches of matrices, consider using tensor.mH" if input._data.ndim > 2 else "")
        )
    return adjoint(input)


METHODS.update(T=property(_T), mT=property(_mT), H=property(_H), mH=property(adjoint))


# -- dimensions of size 1 --------------------------------------------------------------------------------------
@public("unsqueeze")
def unsqueeze(input: Any, dim: Any = None, *, axis: Any = None) -> Any:
    """A new dimension of size 1 at place `dim`, which NumPy calls `axis`. Mirrors `torch.unsqueeze`."""
    if dim is None:
        dim = dims.named("unsqueeze", axis)
    return OPS["unsqueeze"](input, new_dim("unsqueeze", input, dim))


def new_dim(function: str, input: Any, dim: int) -> int:
    """The place of a dimension to be added, counted from 0. Raises IndexError if there is no such place."""
    ndim = dims.tensor(function, input)._data.ndim + 1
    if dim.__class__ is not int:
        dim = dims.whole(function, dim)
    if not -ndim <= dim < ndim:
        raise errors.dim_out_of_range(dim, ndim)
    return dim + ndim if dim < 0 else dim


@public("squeeze")
def squeeze(input: Any, *dim: Any, **named: Any) -> Any:
    """Without its dimensions of size 1, or those of them that are in `dim`. Mirrors `torch.squeeze`."""
    if named:
        dim = (named.pop("dim") if "dim" in named else dims.numpy_words("squeeze", None, None, named)[0],)
    if not dim:
        return OPS["squeeze.all"](dims.tensor("squeeze", input))
    if len(dim) == 1 and not isinstance(dim[0], tuple | list):
        return OPS["squeeze.dim"](input, dims.one("squeeze", input, dim[0]))
    chosen = shape_of(dim)
    return OPS["squeeze.dims"](input, (dims.many("squeeze", input, chosen) or ()) if chosen else ())


@public("atleast_1d", method=False)
def atleast_1d(*tensors: Any) -> Any:
    """Numbers as vectors of one element; the others as they are. Mirrors `torch.atleast_1d`."""
    return _each(tensors, lambda one: one if one._data.ndim else reshape(one, 1))


@public("atleast_2d", method=False)
def atleast_2d(*tensors: Any) -> Any:
    """Numbers and vectors as matrices of one row. Mirrors `torch.atleast_2d`."""
    return _each(
        tensors,
        lambda one: reshape(one, 1, 1) if not one._data.ndim else unsqueeze(one, 0) if one._data.ndim == 1 else one,
    )


@public("atleast_3d", method=False)
def atleast_3d(*tensors: Any) -> Any:
    """With dimensions of size 1 added up to three: (1, n, 1) for vectors, (n, m, 1) for matrices.

    Mirrors `torch.atleast_3d`.
    """

    def three(one: Any) -> Any:
        ndim = one._data.ndim
        if ndim == 0:
            return reshape(one, 1, 1, 1)
        return unsqueeze(unsqueeze(one, 0), -1) if ndim == 1 else unsqueeze(one, -1) if ndim == 2 else one

    return _each(tensors, three)


def _each(tensors: tuple[Any, ...], change: Any) -> Any:
    if len(tensors) == 1 and isinstance(tensors[0], TensorBase):
        return change(tensors[0])
    if len(tensors) == 1 and isinstance(tensors[0], tuple | list):
        tensors = tuple(tensors[0])
    return tuple(change(one) for one in tensors)


# -- in place --------------------------------------------------------------------------------------------------
# x.t_() gives the tensor itself other dimensions. The memory stays as it is; the tensor gets a new history.
op("t_(self)", "TBackward1", "self.T", self="t(grad)", samples=["(x * 1).t_()", "(m * 1).t_() * m"])
op(
    "transpose_(self; dim0, dim1)", "TransposeBackward1", "transposed(self, dim0, dim1)", self="transpose(grad, dim0, dim1)",
    samples=["(b * 1).transpose_(0, 2)", "(x * 1).swapaxes_(0, 1)", "(x * 1).swapdims_(0, 1)"],
)  # fmt: skip
op(
    "unsqueeze_(self; dim)", "UnsqueezeBackward1", "unsqueezed(self, dim)", self="squeeze_dim(grad, dim)",
    samples=["(x * 1).unsqueeze_(-1)", "(s * 1).unsqueeze_(0)"],
)  # fmt: skip
op(
    "squeeze_.all(self)",
    "SqueezeBackward3",
    "squeezed(self)",
    self="unsqueeze_to(grad, self_shape)",
    samples=["(x[:1] * 1).squeeze_()"],
)
op(
    "squeeze_.dim(self; dim)", "SqueezeBackward4", "squeezed(self, dim)", self="unsqueeze_to(grad, self_shape, (dim,))",
    samples=["(x[:1] * 1).squeeze_(0)"],
)  # fmt: skip
op(
    "squeeze_.dims(self; dims)", "SqueezeBackward5", "squeezed(self, dims)", self="unsqueeze_to(grad, self_shape, dims)",
    samples=["(x[:1, :1] * 1).squeeze_((0, 1))"],
)  # fmt: skip


def _become(tensor: Any, name: str, *args: Any) -> Any:
    """Turns `tensor` itself into the view of it that the op `name` makes."""
    views.check_in_place(tensor)
    views.own_array(tensor)
    seen = OPS[name](as_it_was(tensor, False), *args)
    tensor._data = seen._data
    bump(tensor)
    node = views.history(seen)
    if node is not None:
        views.set_history(tensor, node)  # of the view alone, even if it is one: its base does not change
    return tensor


@public("t_", function=False)
def t_(input: Any) -> Any:
    """Transposes the matrix itself. Mirrors `torch.Tensor.t_`."""
    if input._data.ndim > 2:
        raise RuntimeError(f"t_() expects a tensor with <= 2 dimensions, but self is {input._data.ndim}D")
    return _become(input, "t_")


@public("transpose_", "swapaxes_", "swapdims_", function=False)
def transpose_(input: Any, dim0: int, dim1: int) -> Any:
    """Exchanges two dimensions of the tensor itself. Mirrors `torch.Tensor.transpose_`."""
    return _become(input, "transpose_", dims.one("transpose_", input, dim0), dims.one("transpose_", input, dim1))


@public("unsqueeze_", function=False)
def unsqueeze_(input: Any, dim: int) -> Any:
    """Gives the tensor itself a new dimension of size 1. Mirrors `torch.Tensor.unsqueeze_`."""
    return _become(input, "unsqueeze_", new_dim("unsqueeze_", input, dim))


@public("squeeze_", function=False)
def squeeze_(input: Any, *dim: Any) -> Any:
    """Drops dimensions of size 1 of the tensor itself. Mirrors `torch.Tensor.squeeze_`."""
    if not dim:
        return _become(input, "squeeze_.all")
    if len(dim) == 1 and not isinstance(dim[0], tuple | list):
        return _become(input, "squeeze_.dim", dims.one("squeeze_", input, dim[0]))
    return _become(input, "squeeze_.dims", dims.many("squeeze_", input, shape_of(dim)) or ())
