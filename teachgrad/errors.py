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
    return RuntimeError(f"hook '{name}' has returned an incorrect number of values (got {got}, but expected {expected})")


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
        origin = f", which is output {tensor._output_nr} of {node.name().rstrip('0123456789').removesuffix('Backward')},"
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


def nan_gradient(name: str, number: int) -> RuntimeError:
    """Anomaly mode found a NaN in what a node returned."""
    return explained(
        RuntimeError(f"Function '{name}' returned nan values in its {number}th output."),
        "A rule divided 0 by 0, or multiplied 0 by infinity, or was handed a NaN. Where a function has no finite slope "
        "(sqrt at 0, log at 0, norm at 0), keep away from the point, as in torch.sqrt(x + 1e-12).",
    )


def pack_hook_in_place() -> RuntimeError:
    """A pack hook changed the tensor that it was given."""
    return RuntimeError(
        "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook cannot be "
        "modified by in-place operations as this can lead to unexpected side-effects. Please open an issue if you need "
        "to perform in-place operations on the input to a pack hook."
    )


def unpack_hook_result(value: Any) -> TypeError:
    """An unpack hook returned something that is not a tensor."""
    return TypeError(
        f"Output of saved tensor unpack_hook expected to be a Tensor but got result of type {type(value).__name__}"
    )


def copy_is_gone() -> AssertionError:
    """Backward outside the `allow_mutation_on_saved_tensors` block of its forward pass."""
    return AssertionError(
        "Trying to backward outside of the 'allow_mutation_on_saved_tensors' contextin which the graph was originally "
        "recorded."
    )


def no_gradient_edge() -> RuntimeError:
    """get_gradient_edge() of a tensor without a gradient."""
    return RuntimeError(
        "It is not possible to get the gradient edge for a Tensor that does not require gradients"
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
        NotImplementedError(f'"{kernel}" not implemented for \'{dtype}\''),
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
    return explained(RuntimeError("ZeroDivisionError"), "Integers have no infinity. Divide floats, or check for 0 first.")


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
    origin = f"Output {number} of {maker} is a view of a view which was created in" if maker else "A view was created in"
    now = "in normal mode" if mode == "inference" else "with grad mode enabled"
    return RuntimeError(
        f"{origin} {mode} mode and {what} {now}. Given that this use case is ambiguous "
        "and error-prone, it is forbidden. You can clarify your code by moving both the view and the inplace either both "
        f"inside the {block} block (if you don't want the inplace to be tracked) or both outside (if you want the "
        "inplace to be tracked)."
    )


def inference_saved() -> RuntimeError:
    """An op of a graph needs to keep a tensor that was made in inference mode."""
    return RuntimeError(
        "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
        "computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in "
        "autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`."
    )


def inference_in_place() -> RuntimeError:
    """An in-place op, outside inference mode, on a tensor that was made in it."""
    return RuntimeError(
        "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal "
        "tensor before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details."
    )


def inference_requires_grad() -> RuntimeError:
    """requires_grad=True, outside inference mode, on a tensor that was made in it."""
    return RuntimeError(
        "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed."
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
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please "
            "clone() the tensor before performing the operation."
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


# -- tensors as Python values ----------------------------------------------------------------------------------

NON_LEAF_GRAD = (
    "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be populated "
    "during autograd.backward(). If you indeed want the .grad field to be populated for a non-leaf Tensor, use "
    ".retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by mistake, make sure you access the leaf "
    "Tensor instead. See github.com/pytorch/pytorch/pull/30531 for more informations."
)


def requires_grad_of_non_leaf(wanted: bool) -> RuntimeError:
    """`y.requires_grad = False` on a computed tensor."""
    hint = (
        " If you want to use a computed variable in a subgraph that doesn't require differentiation use var_no_grad = "
        "var.detach()."
    )
    return explained(
        RuntimeError(
            f"you can only change requires_grad flags of leaf variables.{'' if wanted else hint}"
        ),
        "This tensor was computed from others, so whether it needs a gradient follows from them.",
    )


def only_floats(message: str) -> RuntimeError:
    """requires_grad on integers or bools."""
    return explained(
        RuntimeError(message),
        "Derivatives need numbers that can change a little. Write 1.0 instead of 1, or convert with .float().",
    )


def numpy_of_grad() -> RuntimeError:
    """numpy() on a tensor that autograd watches."""
    return explained(
        RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."),
        "NumPy would compute outside the graph and the gradient would be lost silently.",
    )


def many_to_scalar(size: int) -> RuntimeError:
    """item() of a tensor that has not exactly one element."""
    return RuntimeError(f"a Tensor with {size} elements cannot be converted to Scalar")


def many_to_python() -> ValueError:
    """float(), int() of a tensor that has not exactly one element."""
    return explained(
        ValueError("only one element tensors can be converted to Python scalars"),
        "Reduce it to one number first, as in float(x.sum()), or take x.tolist().",
    )


def ambiguous_bool(size: int) -> RuntimeError:
    """`if tensor:` where the tensor has not exactly one element."""
    return explained(
        RuntimeError(
            f"Boolean value of Tensor with {'no values' if size == 0 else 'more than one value'} is ambiguous"
        ),
        "Ask for one answer: (x > 0).all() or (x > 0).any().",
    )


def no_dimensions(dim: int) -> IndexError:
    """A dimension of a 0-d tensor."""
    return IndexError(f"Dimension specified as {dim} but tensor has no dimensions")


def deepcopy_of_non_leaf() -> RuntimeError:
    """copy.deepcopy() of a computed tensor."""
    return RuntimeError(
        "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  If you "
        "were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, see "
        "https://github.com/pytorch/pytorch/pull/103001"
    )


def check_assigned_grad(tensor: TensorBase, grad: TensorBase) -> None:
    """Raises RuntimeError unless `tensor.grad = grad` makes sense."""
    from teachgrad import dtypes

    have, want = dtypes.of(grad._data.dtype), dtypes.of(tensor._data.dtype)
    if have is not want:
        raise RuntimeError(
            f"attempting to assign a gradient with dtype '{have.c_name}' to a tensor with grad_dtype '{want.scalar_name}'. "
            "The gradient must match the tensor's grad_dtype (defaults to the tensor's dtype). You can set the tensor's "
            "grad_dtype attribute with a specific dtype, or None to allow any dtype. Set grad_dtype with caution. "
            "Diverging the dtypes of a tensor and its gradient may break downstream systems that assume they match."
        )
    if grad._data.shape != tensor._data.shape:
        raise RuntimeError(
            f"attempting to assign a gradient of size '{list(grad._data.shape)}' to a tensor of size "
            f"'{list(tensor._data.shape)}'. Please ensure that the gradient and the tensor are the same size"
        )


def detach_of_view() -> RuntimeError:
    """detach_() on a view."""
    return RuntimeError(
        "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for training, "
        "and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence detach_() cannot be "
        "called on these gradients. To fix this error, please refer to the Optimizer.zero_grad() function in "
        "torch/optim/optimizer.py as the solution."
    )


def bad_to_argument(value: Any) -> TypeError:
    """`x.to(...)` with something that is neither a dtype, a device nor a tensor."""
    return TypeError(
        f"to() received an invalid combination of arguments - got ({type_name(value)}), but expected one of:\n"
        " * (torch.device device = None, torch.dtype dtype = None, bool non_blocking = False, bool copy = False, *, "
        "torch.memory_format memory_format = None)\n * (torch.dtype dtype, bool non_blocking = False, bool copy = False, "
        "*, torch.memory_format memory_format = None)\n * (Tensor tensor, bool non_blocking = False, bool copy = False, "
        "*, torch.memory_format memory_format = None)\n"
    )


# -- custom functions ------------------------------------------------------------------------------------------


def wrong_gradient_count(name: str, expected: int, got: int) -> RuntimeError:
    """A custom backward returned more or fewer gradients than forward has arguments."""
    return explained(
        RuntimeError(
            f"function {name} returned an incorrect number of gradients (expected {expected}, got {got})"
        ),
        "backward() returns one gradient per argument of forward(), in the same order, and None for an argument that is "
        "not a tensor or needs no gradient.",
    )


def gradient_has_wrong_shape(name: str, index: int, got: tuple[int, ...], want: tuple[int, ...]) -> RuntimeError:
    """A custom backward returned a gradient that does not fit its argument."""
    return explained(
        RuntimeError(
            f"Function {name} returned an invalid gradient at index {index} - got {list(got)} but expected shape "
            f"compatible with {list(want)}"
        ),
        "A gradient has the shape of the argument it belongs to.",
    )


def gradient_not_a_tensor(value: Any) -> RuntimeError:
    """A custom backward returned something that is neither a tensor nor None."""
    return RuntimeError(f"expected Variable or None (got {type(value).__name__})")


def gradient_of_non_tensor(name: str, index: int) -> RuntimeError:
    """A custom backward returned a gradient for an argument that is not a tensor."""
    return RuntimeError(
        f"function {name} returned a gradient different than None at position {index + 1}, but the corresponding forward "
        "input was not a Variable"
    )


DIRTY_NOT_AN_INPUT = (
    "ctx.mark_dirty() received a tensor that was not an input. Only input Tensors that have been mutated should be passed "
    "to ctx.mark_dirty()."
)


def dirty_not_returned() -> RuntimeError:
    """mark_dirty() on something that forward does not return."""
    return RuntimeError(
        "Some elements marked as dirty during the forward method were not returned as output. The inputs that are modified "
        "inplace must all be outputs of the Function."
    )


def dirty_view_with_company() -> RuntimeError:
    """mark_dirty() on a view, in a Function with several outputs."""
    return RuntimeError(
        "If your Function modifies inplace an input that is a view of another Tensor, your Function cannot return more than "
        "one Tensor. This is not supported by the current autograd engine. You should either make sure the input is not a "
        "view (using .clone() for example) or make your Function only return one Tensor (potentially splitting it into two "
        "Functions: one doing the inplace that returns a single Tensor and a second one that does the other operations). "
        "You can ask on the forum https://discuss.pytorch.org/ if you need help to do this change."
    )


def saved_input_returned() -> RuntimeError:
    """setup_context() saves an input that forward returned as it came."""
    return RuntimeError(
        "An input that has been returned as-is as output is being saved for backward. This is not supported if you override "
        "setup_context. You should return and save a view of the input instead, e.g. with x.view_as(x) or setup ctx inside "
        "the forward function itself."
    )


def saved_not_a_tensor(place: int, value: Any) -> TypeError:
    """save_for_backward() of something that is not a tensor."""
    return explained(
        TypeError(
            f"save_for_backward can only save variables, but argument {place} is of type {type(value).__name__}"
        ),
        "Keep numbers, strings and the like as attributes instead: ctx.n = n.",
    )


def function_called() -> RuntimeError:
    """A custom Function was made and called like a module."""
    return explained(
        RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd function "
            "with static forward method. (Example: https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
        ),
        "Call the class, not an instance of it: Square.apply(x).",
    )


def wrong_tangent_count(expected: int, got: int) -> RuntimeError:
    """A custom jvp returned more or fewer tangents than forward has outputs."""
    return RuntimeError(
        f"Function's jvp returned an invalid number of forward gradients (expected {expected} but got {got})"
    )


def tangent_shape(tensor: tuple[int, ...], tangent: tuple[int, ...]) -> RuntimeError:
    """A tangent that does not have the shape of its tensor."""
    return RuntimeError(
        "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not "
        f"supported. Tensor is of size {list(tensor)} while the given forward gradient is of size {list(tangent)}."
    )


def leaf_used_in_place() -> RuntimeError:
    """mark_dirty() on a leaf that requires grad."""
    return RuntimeError("a leaf Variable that requires grad has been used in an in-place operation.")


# -- autograd.functional ---------------------------------------------------------------------------------------


def strict_independent(order: str, index: int) -> RuntimeError:
    """Strict mode: no path from input `index`. `order`: which derivative, and "of u" if found by differentiating J^T u."""
    function = {
        "first": f"The output of the user-provided function is independent of input {index}. This is not allowed in strict "
        "mode.",
        "first of u": f"The gradient with respect to the input is independent of entry {index} in the grad_outputs when "
        "using the double backward trick to compute forward mode gradients. This is not allowed in strict mode.",
        "second": f"The jacobian of the user-provided function is independent of input {index}. This is not allowed in "
        "strict mode.",
        "second of u": f"The hessian of the user-provided function is independent of entry {index} in the grad_jacobian. "
        "This is not allowed in strict mode as it prevents from using the double backward trick to replace forward mode AD.",
    }
    return RuntimeError(function[order])


def strict_without_grad(what: str, index: int) -> RuntimeError:
    """Strict mode: a result, or a derivative, that does not depend on any input."""
    texts = {
        "none": f"The output of the user-provided function is independent of input {index}. This is not allowed in strict "
        "mode.",
        "outputs": f"Output {index} of the user-provided function does not require gradients. The outputs must be computed "
        "in a differentiable manner from the input when running in strict mode.",
        "grad_inputs": f"The gradient with respect to input {index} is independent of the inputs of the user-provided "
        "function. This is not allowed in strict mode.",
        "jacobian": "While computing the hessian, found that the jacobian of the user-provided function with respect to "
        f"input {index} is independent of the input. This is not allowed in strict mode. You should ensure that your "
        "function is twice differentiable and that the jacobian depends on the inputs (this would be violated by a linear "
        "function for example).",
        "hessian": f"The hessian of the user-provided function with respect to input {index} is independent of the input. "
        "This is not allowed in strict mode. You should ensure that your function is thrice differentiable and that the "
        "hessian depends on the inputs.",
    }
    return RuntimeError(texts[what])


def not_together(options: str, instead: str) -> Exception:
    """Two options of jacobian() that exclude each other."""
    kind = NotImplementedError if options.startswith("`create_graph") else RuntimeError
    yet = "" if "vectorized" in options else " (yet)"
    return kind(
        f"torch.autograd.functional.jacobian: {options} are not supported together{yet}. Please either set {instead}."
    )


def forward_needs_vectorize() -> NotImplementedError:
    """jacobian(strategy="forward-mode") without vectorize=True."""
    return NotImplementedError(
        "Computing Jacobian using forward-AD or forward-over-reverse Hessian isonly implemented for `vectorize=True`."
    )


# -- utils.checkpoint ------------------------------------------------------------------------------------------


def checkpoint_count(first: int, second: int) -> str:
    """The second run of a checkpointed block saved more or fewer tensors."""
    return (
        "torch.utils.checkpoint: A different number of tensors was saved during the original forward and recomputation.\n"
        f"Number of tensors saved during forward: {first}\nNumber of tensors saved during recomputation: {second}."
    )


def checkpoint_kinds(first: list[tuple[Any, Any]], second: list[tuple[Any, Any]]) -> str:
    """The second run of a checkpointed block saved tensors of other shapes or dtypes."""
    lines = [
        "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than during the forward "
        "pass."
    ]
    for place, (before, now) in enumerate(zip(first, second, strict=True)):
        if before != now:
            shown = [f"{{'shape': {shape}, 'dtype': {dtype}, 'device': device(type='cpu')}}" for shape, dtype in (before, now)]
            lines += [f"tensor at position {place}:", f"saved metadata: {shown[0]}", f"recomputed metadata: {shown[1]}"]
    return "\n".join(lines)


def checkpoint_with_inputs() -> RuntimeError:
    """A reentrant checkpoint inside autograd.grad(), or backward(inputs=...)."""
    return RuntimeError(
        "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an `inputs` parameter to "
        ".backward(). To resolve this error, you can either set use_reentrant=False, or call .backward() without passing the "
        "`inputs` argument."
    )


# -- gradcheck -------------------------------------------------------------------------------------------------


def perturbed_shape(place: int, eps: float, below: tuple[int, ...], above: tuple[int, ...]) -> AssertionError:
    """The function returns another shape when its input moves a little."""
    from teachgrad.size import Size

    return AssertionError(
        f"Expected `func` to return outputs with the same shape when inputs are perturbed on index {place} by {eps}, but got:"
        f" shapes {Size(below)} and {Size(above)}."
    )


def not_reentrant(tolerance: float) -> str:
    """Two backward passes over the same graph gave different gradients."""
    return (
        "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives different "
        f"values, although analytical gradient matches numerical gradient.The tolerance for nondeterminism was {tolerance}."
    )


# -- func ------------------------------------------------------------------------------------------------------


def cotangents_do_not_fit(got: int, want: int) -> RuntimeError:
    """The function returned by vjp() was given too many or too few gradients."""
    shown = ["*" if n == 1 else f"({', '.join('*' * n)})" for n in (got, want)]
    return explained(
        RuntimeError(
            "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the function. "
            f"cotangents: {shown[0]}, primal output: {shown[1]}"
        ),
        "If the function returns a tuple of tensors, pass a tuple of gradients, one for each.",
    )


def vmap_without_inputs(name: str) -> ValueError:
    """A vmapped function was called without arguments."""
    return ValueError(
        f"vmap({name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a function "
        "with no inputs. The latter is unsupported."
    )


def vmap_bad_in_dims(name: str, in_dims: Any) -> ValueError:
    """in_dims is neither a number nor a tuple."""
    return ValueError(
        f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): expected `in_dims` to be int or a (potentially nested) tuple "
        f"matching the structure of inputs, got: {type(in_dims)}."
    )


def vmap_dims_do_not_fit(name: str, which: str, dims: Any) -> ValueError:
    """in_dims or out_dims is nested otherwise than the arguments or results."""
    what = "inputs" if which == "in_dims" else "outputs"
    dots = "" if which == "in_dims" else "..., "
    after = ", ..." if which == "in_dims" else ""
    return ValueError(
        f"vmap({name}, {dots}{which}={dims}{after})(<inputs>): {which} is not compatible with the structure of `{what}`."
    )


def vmap_over_non_tensor(name: str, in_dims: Any, dim: int, value: Any) -> ValueError:
    """A dim was given for an argument that is not a tensor."""
    return ValueError(
        f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): Got in_dim={dim} for an input but the input is of type "
        f"{type(value)}. We cannot vmap over non-Tensor arguments, please use None as the respective in_dim"
    )


def vmap_dim(name: str, in_dims: Any, dim: int, ndim: int) -> ValueError:
    """A dim that the argument does not have."""
    return ValueError(
        f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): Got in_dim={dim} for some input, but that input is a Tensor of "
        f"dimensionality {ndim} so expected in_dim to satisfy -{ndim} <= in_dim < {ndim}."
    )


def vmap_sizes(sizes: list[int]) -> ValueError:
    """The arguments have different sizes where they are mapped."""
    return ValueError(
        f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the mapped "
        "dimension"
    )


def vmap_result(name: str, value: Any) -> ValueError:
    """A vmapped function returned something that cannot be stacked."""
    return ValueError(
        f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(value)}. Did you mean to set out_dims= to None "
        "for output?"
    )


def functional_call_names(module: str, unexpected: list[str], missing: list[str]) -> RuntimeError:
    """Strict functional_call() with names that the module does not have, or without some that it has."""
    lines = [f"Error(s) in reparametrizing for {module}:"]
    for title, names in (("Unexpected", unexpected), ("Missing", missing)):
        if names:
            lines.append(f"\t{title} key(s): {', '.join(map(repr, names))}.")
    return RuntimeError("\n".join(lines))


# -- import teachgrad.as_torch ---------------------------------------------------------------------------------


def torch_is_loaded() -> ImportError:
    """The name torch is taken."""
    return explained(
        ImportError("teachgrad cannot stand in for torch: the real PyTorch has already been imported."),
        "Put `import teachgrad.as_torch` above the first import of torch (and of anything that imports it), and restart "
        "the notebook's kernel.",
    )


def no_such_module(name: str) -> ModuleNotFoundError:
    """A part of PyTorch that teachgrad does not have."""
    return explained(
        ModuleNotFoundError(f"No module named '{name}'", name=name),
        "This import was answered by teachgrad (see teachgrad.as_torch), which has no such part.",
    )
