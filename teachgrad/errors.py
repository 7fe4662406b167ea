"""What goes wrong in lessons, and what to do about it.

The message is PyTorch's, to the letter, because a learner will search for it (and because lessons print it). What it
means here and how to mend it follows as a note, which Python and Jupyter show under the message in a traceback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from teachgrad.autograd.graph import Node
    from teachgrad.autograd.variable import TensorBase

_Error = TypeVar("_Error", bound=BaseException)


def explained(error: _Error, note: str) -> _Error:
    """`error` with a paragraph for the learner under it."""
    error.add_note(note)
    return error


def internal(what: str) -> RuntimeError:
    """A state that cannot happen unless teachgrad itself is wrong."""
    return explained(
        RuntimeError(f"internal error: {what}"),
        "This is a fault of teachgrad, not of the lesson. Please report it.",
    )


# -- backward --------------------------------------------------------------------------------------------------


def hook_changed(hook: Any, what: str) -> RuntimeError:
    """A hook returned a gradient of another size or type than it was given."""
    name = getattr(hook, "__name__", "<unknown>")
    return explained(
        RuntimeError(f"hook '{name}' has changed the {what}"),
        "The gradient that a hook returns replaces the one it was given, so it must have the same shape and dtype.",
    )


def not_a_mask(dtype: str) -> RuntimeError:
    """where() with a condition that is not a bool tensor."""
    return explained(
        RuntimeError(f"where expected condition to be a boolean tensor, but got a tensor with dtype {dtype}"),
        "Write the condition as a comparison, such as x > 0 or x != 0.",
    )


def hook_count(hook: Any, got: int, expected: int) -> RuntimeError:
    """A node's hook returned more or fewer gradients than it was given."""
    name = getattr(hook, "__name__", "<unknown>")
    return RuntimeError(
        f"hook '{name}' has returned an incorrect number of values (got {got}, but expected {expected})"
    )


def freed() -> RuntimeError:
    """Backward through a graph whose saved values are gone."""
    return explained(
        RuntimeError(
            "Trying to backward through the graph a second time (or directly access saved tensors after they have "
            "already been freed). Saved intermediate values of the graph are freed when you call .backward() or "
            "autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or if "
            "you need to access saved tensors after calling backward."
        ),
        "The first backward() threw away the values that the rules need. Compute the loss again before the second "
        "backward(), or keep the graph with loss.backward(retain_graph=True). In a training loop this usually means "
        "that something computed once, outside the loop, should be computed inside it.",
    )


def modified(tensor: TensorBase, node: Node | None, version: int, expected: int) -> RuntimeError:
    """A value saved for backward, which `node` had made, was overwritten in place."""
    from teachgrad import dtypes

    shape = ", ".join(map(str, tensor._data.shape))
    origin = ""
    if node is not None:
        origin = f", which is output {tensor._output_nr} of {node.name().removesuffix('0').replace('Backward', '')},"
    return explained(
        RuntimeError(
            "one of the variables needed for gradient computation has been modified by an inplace operation: "
            f"[{dtypes.of(tensor._data.dtype).type_name} [{shape}]]{origin} is at version {version}; expected version "
            f"{expected} instead. Hint: enable anomaly detection to find the operation that failed to compute its "
            "gradient, with torch.autograd.set_detect_anomaly(True, check_nan=False)."
        ),
        "A rule needs the value that this tensor had in the forward pass, but an in-place operation (x += 1, x[0] = 2, "
        "x.mul_(2), ...) has overwritten it since. Write x = x + 1 instead, or change a copy made with clone().",
    )


def no_grad_fn(index: int = 0) -> RuntimeError:
    """backward() on something that is not part of a graph."""
    return explained(
        RuntimeError(f"element {index} of tensors does not require grad and does not have a grad_fn"),
        "Nothing that this tensor was computed from requires a gradient. Was requires_grad=True forgotten, or was the "
        "tensor computed under no_grad() or after detach()?",
    )


def not_scalar() -> RuntimeError:
    """backward() without a gradient on a tensor of several elements."""
    return explained(
        RuntimeError("grad can be implicitly created only for scalar outputs"),
        "backward() starts from one number. Reduce the tensor first, as in y.sum().backward(), or say with which "
        "weights its elements count: y.backward(gradient=torch.ones_like(y)).",
    )


# -- arguments -------------------------------------------------------------------------------------------------


def broadcast(*shapes: tuple[int, ...]) -> RuntimeError | None:
    """The error for shapes that do not broadcast; None if they do. They are met one by one, as in PyTorch."""
    result = shapes[0]
    for shape in shapes[1:]:
        for back in range(1, min(len(result), len(shape)) + 1):
            first, second = result[-back], shape[-back]
            if first != second and 1 not in (first, second):
                dim = max(len(result), len(shape)) - back
                return explained(
                    RuntimeError(
                        f"The size of tensor a ({first}) must match the size of tensor b ({second}) at non-singleton "
                        f"dimension {dim}"
                    ),
                    f"Shapes {list(result)} and {list(shape)} are compared from the right; in each dimension the sizes "
                    "must be equal, or one of them 1 (or missing).",
                )
        longer, shorter = (result, shape) if len(result) >= len(shape) else (shape, result)
        padded = (1,) * (len(longer) - len(shorter)) + shorter
        result = tuple(b if a == 1 else a for a, b in zip(longer, padded, strict=True))
    return None


def type_name(value: Any) -> str:
    """How PyTorch's argument errors call the type of `value`."""
    name = type(value).__name__
    return f"numpy.{name}" if type(value).__module__ == "numpy" else name


def not_a_tensor(function: str, argument: str, position: int, value: Any) -> TypeError:
    """An argument that must be a tensor is something else."""
    return TypeError(
        f"{function}(): argument '{argument}' (position {position}) must be Tensor, not {type_name(value)}"
    )


def invalid_combination(function: str, *given: Any) -> TypeError:
    """No form of a function takes arguments of these types; a type may be given by its name."""
    names = ", ".join("Tensor" if isinstance(each, str) and each == "Tensor" else type_name(each) for each in given)
    return explained(
        TypeError(f"{function}() received an invalid combination of arguments - got ({names}), but expected one of:"),
        f"{function}() takes tensors, or a tensor and a Python number.",
    )


def element_not_a_tensor(index: int, value: Any) -> TypeError:
    """A list of tensors has something else in it."""
    return TypeError(f"expected Tensor as element {index} in argument 0, but got {type_name(value)}")


def not_for_dtype(kernel: str, dtype: str) -> NotImplementedError:
    """An op that makes no sense for, or was not written for, a dtype."""
    return explained(
        NotImplementedError(f"\"{kernel}\" not implemented for '{dtype}'"),
        f"This operation does not exist for {dtype} tensors. Convert first, as in x.float().",
    )


def bool_subtraction(of: str) -> RuntimeError:
    """`mask - mask`, `1 - mask`."""
    if of == "two bool tensors":
        return RuntimeError(
            f"Subtraction, the `-` operator, with {of} is not supported. Use the `^` or `logical_xor()` operator instead."
        )
    return RuntimeError(
        f"Subtraction, the `-` operator, with {of} is not supported. If you are trying to invert a mask, use the `~` or "
        "`logical_not()` operator instead."
    )


def bool_negation() -> RuntimeError:
    """`-mask`."""
    return RuntimeError(
        "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or "
        "`logical_not()` operator instead."
    )


def no_derivative(name: str) -> RuntimeError:
    """Backward through an op that has no rule."""
    return explained(
        RuntimeError(f"derivative for aten::{name} is not implemented"),
        "The result is a staircase: its slope is 0 wherever it has one. Use torch.floor(x / y) if a gradient of 0 is meant.",
    )


def zero_division() -> RuntimeError:
    """Integers divided by zero; floats give inf or nan instead."""
    return explained(
        RuntimeError("ZeroDivisionError"), "Integers have no infinity. Divide floats, or check for 0 first."
    )


def dim_out_of_range(dim: int, ndim: int) -> IndexError:
    """A dimension that the tensor does not have (a 0-d tensor counts as having one)."""
    low, high = -max(ndim, 1), max(ndim, 1) - 1
    return explained(
        IndexError(f"Dimension out of range (expected to be in range of [{low}, {high}], but got {dim})"),
        f"The tensor has {ndim} dimension{'s' if ndim != 1 else ''}, counted from 0, or from -1 backwards.",
    )


# -- requires_grad and in-place --------------------------------------------------------------------------------


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
    return RuntimeError(
        f"{origin} This view is the output of a "
        "function that returns multiple views. Such functions do not allow the output views to be modified inplace. "
        "You should replace the inplace operation by an out-of-place one."
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
        return RuntimeError(
            f"Output {number} of {mode} is a view and {what}. This view was created inside a custom "
            "Function (or because an input was returned as-is) and the autograd logic to handle view+inplace would "
            "override the custom backward associated with the custom Function, leading to incorrect gradients. This "
            "behavior is forbidden. You can fix this by cloning the output of the custom Function."
        )
    block = f"{mode}_mode" if mode == "inference" else mode
    origin = (
        f"Output {number} of {maker} is a view of a view which was created in" if maker else "A view was created in"
    )
    now = "in normal mode" if mode == "inference" else "with grad mode enabled"
    return RuntimeError(
        f"{origin} {mode} mode and {what} {now}. Given that this use case is ambiguous "
        "and error-prone, it is forbidden. You can clarify your code by moving both the view and the inplace either both "
        f"inside the {block} block (if you don't want the inplace to be tracked) or both outside (if you want the "
        "inplace to be tracked)."
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


# -- backward(gradient=...), autograd.grad(...) ----------------------------------------------------------------


def gradient_shape(index: int, gradient: tuple[int, ...], output: tuple[int, ...]) -> RuntimeError:
    """The gradient given to backward() has not the shape of the tensor."""
    return explained(
        RuntimeError(
            f"Mismatch in shape: grad_output[{index}] has a shape of torch.Size({list(gradient)}) and output[{index}] has "
            f"a shape of torch.Size({list(output)})."
        ),
        "Each element of the output needs its own gradient: pass a tensor of the output's shape, for instance "
        "torch.ones_like(output).",
    )


def gradient_complex(index: int, gradient: Any, output: Any) -> RuntimeError:
    """A gradient of complex dtype for a real tensor, or the other way round. Both are given by their NumPy dtype."""
    from teachgrad import dtypes

    return RuntimeError(
        "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: "
        f"grad_output[{index}] has a dtype of {dtypes.of(gradient)} and output[{index}] has a dtype of "
        f"{dtypes.of(output)}."
    )


def not_real_scalar(dtype: Any) -> RuntimeError:
    """backward() without a gradient on a complex number."""
    from teachgrad import dtypes

    return explained(
        RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {dtypes.of(dtype)}"),
        "backward() follows one real number. Take the real part, the imaginary part or abs() of the result first.",
    )


def input_without_grad() -> RuntimeError:
    """autograd.grad() with respect to a tensor that requires no grad."""
    return explained(
        RuntimeError("One of the differentiated Tensors does not require grad"),
        "Call x.requires_grad_() on the input before computing the output from it.",
    )


def unused_input(index: int) -> RuntimeError:
    """autograd.grad() with respect to a tensor from which the output was not computed."""
    return explained(
        RuntimeError(
            f"The differentiated Tensor at index {index} appears to not have been used in the graph. Set "
            "allow_unused=True if this is the desired behavior."
        ),
        "The output does not depend on this input. With allow_unused=True its gradient is None.",
    )
