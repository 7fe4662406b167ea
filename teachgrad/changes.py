"""What goes wrong when tensors are changed in place. As in `errors.py`: PyTorch's sentence, then the way out."""

from __future__ import annotations

from teachgrad.lesson import explained


def leaf_in_place() -> RuntimeError:
    """An in-place op on a leaf that requires grad."""
    return explained(
        RuntimeError("a leaf Variable that requires grad is being used in an in-place operation."),
        "Changing a leaf in place would lose the value its gradient belongs to. To update a parameter, do it inside "
        "`with torch.no_grad():`; to compute with it, write x = x + 1 instead of x += 1.",
    )


def leaf_view_in_place() -> RuntimeError:
    """An in-place op on a part of a leaf that requires grad."""
    return explained(
        RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation."),
        "The view shares its memory with a leaf. Do it inside `with torch.no_grad():`, or change a clone() of the leaf.",
    )


_THROUGH_BASE = "its base or another view of its base has been modified inplace"


def multi_view_in_place(number: int, node_name: str, *, through_base: bool = False) -> RuntimeError:
    """An in-place op on one of several views made at once (unbind, split, chunk), or on their base."""
    what = _THROUGH_BASE if through_base else "is being modified inplace"
    origin = f"Output {number} of {node_name} is a view and {what}."
    if not node_name:
        origin = f"A view was created in no_grad mode and {what} with grad mode enabled."
    return explained(
        RuntimeError(
            f"{origin} This view is the output of a "
            "function that returns multiple views. Such functions do not allow the output views to be modified inplace. "
            "You should replace the inplace operation by an out-of-place one."
        ),
        "unbind, split and chunk return parts that share one memory. Write part = part * 2 instead of part.mul_(2), or take "
        "the part by an index, x[0], which may be changed.",
    )


def cannot_cast(result: str, target: str) -> RuntimeError:
    """An in-place op whose result does not fit into the tensor's dtype."""
    return explained(
        RuntimeError(f"result type {result} can't be cast to the desired output type {target}"),
        "An in-place operation keeps the tensor's dtype. Convert first, as in x = x.float(), or write x = x + 0.5.",
    )


def view_in_place(mode: str, number: int, maker: str, *, through_base: bool = False) -> RuntimeError:
    """An in-place op, while recording, on a view made in a mode ("no_grad", "inference") or in a custom Function.

    `maker` is the op that made it a view of such a view.
    """
    what = _THROUGH_BASE if through_base else "is being modified inplace"
    if mode not in ("no_grad", "inference"):
        return explained(
            RuntimeError(
                f"Output {number} of {mode} is a view and {what}. This view was created inside a custom "
                "Function (or because an input was returned as-is) and the autograd logic to handle view+inplace would "
                "override the custom backward associated with the custom Function, leading to incorrect gradients. This "
                "behavior is forbidden. You can fix this by cloning the output of the custom Function."
            ),
            "Write y = Function.apply(x).clone() before changing y in place.",
        )
    block = f"{mode}_mode" if mode == "inference" else mode
    origin = (
        f"Output {number} of {maker} is a view of a view which was created in" if maker else "A view was created in"
    )
    now = "in normal mode" if mode == "inference" else "with grad mode enabled"
    return explained(
        RuntimeError(
            f"{origin} {mode} mode and {what} {now}. Given that this use case is ambiguous "
            "and error-prone, it is forbidden. You can clarify your code by moving both the view and the inplace either "
            f"both inside the {block} block (if you don't want the inplace to be tracked) or both outside (if you want the "
            "inplace to be tracked)."
        ),
        "The view was made where nothing is recorded, so its history would have a gap. Take the view again, "
        "outside the block.",
    )


def in_place_shape(have: tuple[int, ...], want: tuple[int, ...]) -> RuntimeError:
    """An in-place op whose result has another shape than the tensor."""
    return explained(
        RuntimeError(f"output with shape {list(have)} doesn't match the broadcast shape {list(want)}"),
        "An in-place operation cannot make a tensor larger. Write x = x + y instead of x += y.",
    )


def shared_elements() -> RuntimeError:
    """Writing into an expanded tensor, several of whose elements are one place in memory."""
    return explained(
        RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
            "Please clone() the tensor before performing the operation."
        ),
        "expand() and broadcasting repeat an element without copying it, so writing to one would change them all.",
    )


def partial_overlap() -> RuntimeError:
    """Writing into memory that an operand shows in part."""
    return explained(
        RuntimeError(
            "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory "
            "location. Please clone() the tensor before performing the operation."
        ),
        "The tensor that is written to and an operand are different views of the same memory: some elements would be "
        "overwritten before they are read.",
    )
