"""What goes wrong in lessons, and what to do about it.

The message is PyTorch's, to the letter, because a learner will search for it (and because lessons print it). What it
means here and how to mend it follows as a note, which Python and Jupyter show under the message in a traceback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from teachgrad.changes import cannot_cast as cannot_cast
from teachgrad.changes import in_place_shape as in_place_shape
from teachgrad.changes import leaf_in_place as leaf_in_place
from teachgrad.changes import leaf_view_in_place as leaf_view_in_place
from teachgrad.changes import multi_view_in_place as multi_view_in_place
from teachgrad.changes import partial_overlap as partial_overlap
from teachgrad.changes import shared_elements as shared_elements
from teachgrad.changes import view_in_place as view_in_place
from teachgrad.lesson import explained as explained
from teachgrad.lesson import is_method_call

if TYPE_CHECKING:
    from teachgrad.autograd.graph import Node
    from teachgrad.autograd.variable import TensorBase


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
    return explained(
        RuntimeError(f"hook '{name}' has returned an incorrect number of values (got {got}, but expected {expected})"),
        "A node's hook returns None, or a tuple with as many gradients as it was given.",
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


def other_device(op: Any, tensors: list[Any]) -> Exception:
    """Tensors on the CPU and on a GPU in one op."""
    places = [str(tensor.device) for tensor in tensors]
    if op.pointwise:
        where = next(place for place in places if place != "cpu")
        text = f"Expected all tensors to be on the same device, but found at least two devices, {where} and cpu!"
    else:
        other = next(n for n, place in enumerate(places) if place != places[0])
        name = op.inputs[0 if op.list_input else other]
        kernel = "cat" if op.name == "stack" else op.name.partition(".")[0]
        text = (
            f"Expected all tensors to be on the same device, but got {name} is on {places[other]}, different from other "
            f"tensors on {places[0]} (when checking argument in method wrapper_CUDA_{kernel})"
        )
    return explained(
        RuntimeError(text), "Move one of them: x.to(y.device), or make it there: torch.zeros(3, device=y.device)."
    )


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
    position -= position > 1 and is_method_call()
    return explained(
        TypeError(f"{function}(): argument '{argument}' (position {position}) must be Tensor, not {type_name(value)}"),
        "Make a tensor of it first: torch.tensor(value).",
    )


def not_an_int(function: str, argument: str, position: int, value: Any) -> TypeError:
    """An argument that must be a whole number is something else."""
    position -= function not in ("cat", "stack") and is_method_call()
    return TypeError(f"{function}(): argument '{argument}' (position {position}) must be int, not {type_name(value)}")


def invalid_combination(function: str, *given: Any) -> TypeError:
    """No form of a function takes arguments of these types; a type may be given by its name."""
    shown = given[1:] if len(given) > 1 and is_method_call() else given
    names = ", ".join("Tensor" if isinstance(each, str) and each == "Tensor" else type_name(each) for each in shown)
    return explained(
        TypeError(f"{function}() received an invalid combination of arguments - got ({names}), but expected one of:"),
        f"{function}() takes tensors, or a tensor and a Python number.",
    )


def missing(function: str, *names: str) -> TypeError:
    """A call without an argument that it needs; PyTorch's grammar is kept."""
    listed = ", ".join(f'"{name}"' for name in names)
    return TypeError(
        f"{function}() missing {len(names)} required positional argument{'s' if len(names) == 1 else ''}: {listed}"
    )


def element_not_a_tensor(index: int, value: Any) -> TypeError:
    """A list of tensors has something else in it."""
    return explained(
        TypeError(f"expected Tensor as element {index} in argument 0, but got {type_name(value)}"),
        "All elements of the list must be tensors: torch.tensor(value) makes one.",
    )


def not_for_dtype(kernel: str, dtype: str) -> NotImplementedError:
    """An op that makes no sense for, or was not written for, a dtype."""
    return explained(
        NotImplementedError(f"\"{kernel}\" not implemented for '{dtype}'"),
        f"This operation does not exist for {dtype} tensors. Convert first, as in x.float().",
    )


def bool_subtraction(of: str) -> RuntimeError:
    """`mask - mask`, `1 - mask`."""
    instead = "Use the `^` or `logical_xor()` operator instead."
    if of != "two bool tensors":
        instead = "If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."
    return explained(
        RuntimeError(f"Subtraction, the `-` operator, with {of} is not supported. {instead}"),
        "Truth values are no numbers. To count with them, convert first: mask.int() or mask.float().",
    )


def bool_negation() -> RuntimeError:
    """`-mask`."""
    return explained(
        RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the "
            "`~` or `logical_not()` operator instead."
        ),
        "Truth values are no numbers. To count with them, convert first: mask.int() or mask.float().",
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
