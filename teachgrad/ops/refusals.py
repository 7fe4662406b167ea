"""What the ops on shapes and indices refuse, in PyTorch's words, and what to do instead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from teachgrad import dtypes
from teachgrad.errors import cannot_cast, explained

ZERO_D_TRANSPOSE = "Tensor.{} is deprecated on 0-D tensors. This function is the identity in these cases."
T_OF_MANY_DIMENSIONS = (
    "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated and it will "
    "throw an error in "
    "a future release. Consider `x.mT` to transpose batches of matrices or `x.permute(*torch.arange(x.ndim - 1, "
    "-1, -1))` to "
    "reverse the dimensions of a tensor."
)
MESHGRID = "torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument."
LIST_INDEX = (
    "Using a non-tuple sequence for multidimensional indexing is deprecated and will be changed in pytorch 2.9; use "
    "x[tuple(seq)] instead of x[seq]. In pytorch 2.9 this will be interpreted as tensor index, x[torch.tensor(seq)], which "
    "will result either in an error or a different result"
)
BYTE_INDEX = "indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead."


# -- out= ------------------------------------------------------------------------------------------------------
def out_wants_gradient(function: str) -> RuntimeError:
    """`torch.exp(x, out=y)` where x or y requires grad."""
    return explained(
        RuntimeError(
            f"{function}(): functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        ),
        "Writing into a tensor leaves no history. Write y = torch.exp(x), or do it inside `with torch.no_grad():`.",
    )


def out_resized(have: tuple[int, ...], want: tuple[int, ...]) -> str:
    """The warning for an `out` of another shape than the result."""
    return (
        f"An output with one or more elements was resized since it had shape {list(have)}, which does not match the "
        f"required output shape {list(want)}. This behavior is deprecated, and in a future PyTorch release outputs will "
        "not be resized unless they have zero elements. You can explicitly reuse an out tensor t by resizing it, inplace, "
        "to zero elements with t.resize_(0)."
    )


# -- shapes ----------------------------------------------------------------------------------------------------
def no_view() -> RuntimeError:
    """view() of elements that do not lie in memory in the order that the new shape needs."""
    return explained(
        RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            "contiguous subspaces). Use .reshape(...) instead."
        ),
        "A view never copies, and after a transpose (or permute, expand, x[:, ::2], ...) the elements lie in another order. "
        "x.reshape(...) copies where it must.",
    )


def wrong_size(shape: tuple[int, ...], size: int) -> RuntimeError:
    """A shape with another number of elements than the tensor."""
    return explained(
        RuntimeError(f"shape '{list(shape)}' is invalid for input of size {size}"),
        f"The sizes must multiply to {size}, the number of elements; one of them may be -1, which is then computed.",
    )


def ambiguous_hole(shape: tuple[int, ...]) -> RuntimeError:
    """A -1 that could be anything, because another size is 0."""
    return RuntimeError(
        f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified dimension size -1 can be any "
        "value and is ambiguous"
    )


def too_few_sizes(tensor: Any, sizes: tuple[int, ...]) -> RuntimeError:
    """expand() to fewer dimensions."""
    name, have = dtypes.of(tensor._data.dtype).type_name, list(tensor._data.shape)
    return RuntimeError(
        f"expand({name}{{{have}}}, size={list(sizes)}): the number of sizes provided ({len(sizes)}) must be "
        "greater or equal "
        f"to the number of dimensions in the tensor ({len(have)})"
    )


def minus_one_in_front(dim: int) -> RuntimeError:
    """expand() with -1 where the tensor has no size to keep."""
    return RuntimeError(
        f"The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension {dim}"
    )


def not_expandable(size: int, own: int, dim: int, sizes: tuple[int, ...], have: tuple[int, ...]) -> RuntimeError:
    """expand() of a dimension that has another size than 1."""
    return explained(
        RuntimeError(
            f"The expanded size of the tensor ({size}) must match the existing size ({own}) at non-singleton "
            f"dimension {dim}.  "
            f"Target sizes: {list(sizes)}.  Tensor sizes: {list(have)}"
        ),
        "Only dimensions of size 1 can be repeated. Shapes are compared from the right.",
    )


def shapes_do_not_broadcast(expected: tuple[int, ...], got: tuple[int, ...], place: int) -> RuntimeError:
    """broadcast_shapes() of shapes that do not fit together."""
    back = next(n for n in range(1, len(got) + 1) if got[-n] not in (1, expected[-n]) and expected[-n] != 1)
    return RuntimeError(
        f"Attempting to broadcast a dimension of length {got[-back]} at -{back}! Mismatching argument at index {place} had "
        f"{got}; but expected shape should be broadcastable to {list(expected)}"
    )


# -- put together ----------------------------------------------------------------------------------------------
def join_of_numbers(place: int) -> RuntimeError:
    """cat() of 0-d tensors."""
    return explained(
        RuntimeError(f"zero-dimensional tensor (at position {place}) cannot be concatenated"),
        "A number has no dimension along which to put another. torch.stack makes a vector of numbers.",
    )


def cannot_join(shapes: list[tuple[int, ...]], dim: int) -> RuntimeError:
    """cat() of tensors that do not fit together."""
    first = shapes[0]
    for place, shape in enumerate(shapes):
        if len(shape) != len(first):
            return RuntimeError(f"Tensors must have same number of dimensions: got {len(first)} and {len(shape)}")
        for other, (want, have) in enumerate(zip(first, shape, strict=True)):
            if other != dim and want != have:
                return explained(
                    RuntimeError(
                        f"Sizes of tensors must match except in dimension {dim}. Expected size {want} but got "
                        f"size {have} for "
                        f"tensor number {place} in the list."
                    ),
                    f"The shapes are {', '.join(str(list(s)) for s in shapes)}.",
                )
    return RuntimeError("Tensors cannot be concatenated")


def cannot_stack(shapes: list[tuple[int, ...]]) -> RuntimeError:
    """stack() of tensors of different shapes."""
    place = next(n for n, shape in enumerate(shapes) if shape != shapes[0])
    return RuntimeError(
        f"stack expects each tensor to be equal size, but got {list(shapes[0])} at entry 0 and "
        f"{list(shapes[place])} at entry "
        f"{place}"
    )


# -- indices ---------------------------------------------------------------------------------------------------
def index_of_number() -> IndexError:
    """x[0] of a 0-d tensor."""
    return explained(
        IndexError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim "
            "tensor to a number"
        ),
        "The tensor is a single number and has no parts.",
    )


def too_many_indices(ndim: int) -> IndexError:
    """More indices than dimensions."""
    return explained(
        IndexError(f"too many indices for tensor of dimension {ndim}"),
        "Each integer, slice or list takes one dimension, a mask as many as it has itself.",
    )


def out_of_bounds(index: int, dim: int, size: int) -> IndexError:
    """An index beyond the end."""
    return explained(
        IndexError(f"index {index} is out of bounds for dimension {dim} with size {size}"),
        f"The indices of this dimension run from 0 to {size - 1}, or from -1 back to {-size}."
        if size
        else "This dimension has no elements.",
    )


def backward_slice(step: int) -> ValueError:
    """A slice with a step of 0 or less."""
    if step == 0:
        return ValueError("slice step cannot be zero")
    return explained(
        ValueError("step must be greater than zero"),
        "PyTorch's tensors cannot step backwards in memory. Use x.flip(0).",
    )


def not_an_index(item: Any) -> IndexError:
    """Something in the brackets that is no index."""
    return IndexError(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got "
        f"{type(item).__name__})"
    )


def not_an_index_dtype() -> IndexError:
    """A tensor of floats in the brackets."""
    return explained(
        IndexError("tensors used as indices must be long, int, byte or bool tensors"),
        "Convert it with .long(), or make a mask of it: x[t > 0].",
    )


def wrong_mask(mask: tuple[int, ...], place: int, shape: tuple[int, ...], dim: int) -> IndexError:
    """A mask of another shape than the dimensions that it masks."""
    at = next(n for n in range(len(mask)) if dim + n >= len(shape) or mask[n] != shape[dim + n])
    return explained(
        IndexError(
            f"The shape of the mask {list(mask)} at index {at} does not match the shape of the indexed tensor "
            f"{list(shape)} at "
            f"index {dim + at}"
        ),
        "A mask says for each element whether it is wanted, so it needs the shape of what it masks.",
    )


def indices_do_not_broadcast(shapes: Sequence[tuple[int, ...]]) -> IndexError:
    """Lists of indices of different lengths."""
    return explained(
        IndexError(
            "shape mismatch: indexing tensors could not be broadcast together with shapes "
            + ", ".join(str(list(shape)) for shape in shapes)
        ),
        "x[[0, 1], [1, 2]] takes the elements (0, 1) and (1, 2): the lists are read in parallel.",
    )


def cannot_assign(tensor: Any, value: Any) -> TypeError:
    """x[0] = something that is neither a number nor a tensor."""
    name = type(value).__name__
    module = type(value).__module__
    shown = f"{module}.{name}" if module == "numpy" else name
    return explained(
        TypeError(f"can't assign a {shown} to a {dtypes.of(tensor._data.dtype).type_name}"),
        "Assign a number or a tensor: x[0] = torch.tensor(value).",
    )


def put_of_other_dtype(target: Any, value: Any) -> RuntimeError:
    """x[mask] = a tensor of another dtype."""
    have, got = dtypes.of(target.dtype).scalar_name, dtypes.of(value.dtype).scalar_name
    return explained(
        RuntimeError(
            f"Index put requires the source and destination dtypes match, got {have} for the destination and "
            f"{got} for the source."
        ),
        "Convert the value first: value.to(x.dtype).",
    )


def put_shape(value: tuple[int, ...], place: tuple[int, ...]) -> RuntimeError:
    """x[mask] = a tensor that does not broadcast to the elements named."""
    return RuntimeError(
        f"shape mismatch: value tensor of shape {list(value)} cannot be broadcast to indexing result of shape {list(place)}"
    )


def place_out_of_bounds(index: int, dim: int, size: int) -> RuntimeError:
    """gather(), scatter() and index_add() beyond the end; negative places do not count from the end here."""
    return explained(
        RuntimeError(f"index {index} is out of bounds for dimension {dim} with size {size}"),
        f"The places along dimension {dim} are 0 to {size - 1}; negative ones are not allowed here.",
    )


def unpool_index(index: int, size: tuple[int, ...]) -> RuntimeError:
    """max_unpool() with a place that its output does not have."""
    return explained(
        RuntimeError(f"Found an invalid max index: {index} (output volumes are of size {'x'.join(map(str, size))})"),
        "The pooled planes were larger than what unpooling makes of them: say how large with output_size=.",
    )


def check_held(function: str, found: dtypes.dtype, held: dtypes.dtype, by_tensor: bool) -> None:
    """Raises RuntimeError if what `function` computed in place, of dtype `found`, cannot be written into a tensor of `held`.

    `by_tensor`: another tensor took part, and not only numbers.
    """
    if function == "abs" and held.is_complex:
        raise RuntimeError("In-place abs is not supported for complex tensors.")
    if found.category <= held.category:
        return
    if function == "ldexp":
        raise RuntimeError(f"ldexp can't be cast to the desired output type {held.scalar_name}")
    names_c_type = function.startswith("clamp") and not by_tensor
    raise cannot_cast(found.scalar_name, held.c_name if names_c_type else held.scalar_name)
