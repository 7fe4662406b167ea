"""What the rarer parts of autograd refuse: custom functions, hooks on saved values, forward mode, transforms, checkpoints.

As in `teachgrad/errors.py`, the message is PyTorch's to the letter and the note under it says what to do.
"""

from __future__ import annotations

from typing import Any

from teachgrad.errors import explained

# -- values saved for backward -----------------------------------------------------------------------------------


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
    return RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")


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
    return RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")


# -- custom functions ------------------------------------------------------------------------------------------


def wrong_gradient_count(name: str, expected: int, got: int) -> RuntimeError:
    """A custom backward returned more or fewer gradients than forward has arguments."""
    return explained(
        RuntimeError(f"function {name} returned an incorrect number of gradients (expected {expected}, got {got})"),
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
    return explained(
        RuntimeError(f"expected Variable or None (got {type(value).__name__})"),
        "backward() of a custom Function returns tensors, or None where no gradient is wanted.",
    )


def gradient_of_non_tensor(name: str, index: int) -> RuntimeError:
    """A custom backward returned a gradient for an argument that is not a tensor."""
    return explained(
        RuntimeError(
            f"function {name} returned a gradient different than None at position {index + 1}, but the corresponding "
            "forward input was not a Variable"
        ),
        "This argument of forward() is no tensor, so backward() returns None in its place.",
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
        TypeError(f"save_for_backward can only save variables, but argument {place} is of type {type(value).__name__}"),
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
        (
            "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than during the "
            "forward pass."
        )
    ]
    for place, (before, now) in enumerate(zip(first, second, strict=True)):
        if before != now:
            shown = [
                f"{{'shape': {shape}, 'dtype': {dtype}, 'device': device(type='cpu')}}"
                for shape, dtype in (before, now)
            ]
            lines += [f"tensor at position {place}:", f"saved metadata: {shown[0]}", f"recomputed metadata: {shown[1]}"]
    return "\n".join(lines)


def checkpoint_with_inputs() -> RuntimeError:
    """A reentrant checkpoint inside autograd.grad(), or backward(inputs=...)."""
    return RuntimeError(
        "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an `inputs` parameter to "
        ".backward(). To resolve this error, you can either set use_reentrant=False, or call .backward() without passing "
        "the `inputs` argument."
    )


# -- gradcheck -------------------------------------------------------------------------------------------------


def perturbed_shape(place: int, eps: float, below: tuple[int, ...], above: tuple[int, ...]) -> AssertionError:
    """The function returns another shape when its input moves a little."""
    from teachgrad.size import Size

    return AssertionError(
        f"Expected `func` to return outputs with the same shape when inputs are perturbed on index {place} by {eps}, but "
        f"got: shapes {Size(below)} and {Size(above)}."
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


def tangents_do_not_fit(primals: str, tangents: str) -> RuntimeError:
    """jvp() with another number of directions than of points."""
    return RuntimeError(
        "jvp(f, primals, tangents): Expected primals and tangents to have the same python structure. For example, if "
        "primals is a tuple of 3 tensors, tangents also must be. Got primals with structure "
        f"{primals} and tangents with structure {tangents}"
    )


def vmap_dims_do_not_fit(name: str, which: str, dims: Any, dims_spec: str, given: str) -> ValueError:
    """in_dims or out_dims is nested otherwise than the arguments or results."""
    what = "inputs" if which == "in_dims" else "outputs"
    dots = "" if which == "in_dims" else "..., "
    after = ", ..." if which == "in_dims" else ""
    return ValueError(
        f"vmap({name}, {dots}{which}={dims}{after})(<inputs>): {which} is not compatible with the structure of `{what}`. "
        f"{which} has structure {dims_spec} but {what} has structure {given}."
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
        f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(value)}. Did you mean to set out_dims= to "
        "None for output?"
    )


def functional_call_names(module: str, unexpected: list[str], missing: list[str]) -> RuntimeError:
    """Strict functional_call() with names that the module does not have, or without some that it has."""
    lines = [f"Error(s) in reparametrizing for {module}:"]
    for title, names in (("Unexpected", unexpected), ("Missing", missing)):
        if names:
            lines.append(f"\t{title} key(s): {', '.join(map(repr, names))}.")
    return RuntimeError("\n".join(lines))
