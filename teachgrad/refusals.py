"""What a tensor refuses as a Python value: to become a number, an array or a truth, to be copied or assigned.

As in `errors.py`, the message is PyTorch's to the letter and the note under it says what to do.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from teachgrad.errors import explained, type_name

if TYPE_CHECKING:
    from teachgrad.autograd.variable import TensorBase

NON_LEAF_GRAD = (
    "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be populated "
    "during autograd.backward(). If you indeed want the .grad field to be populated for a non-leaf Tensor, use "
    ".retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by mistake, make sure you access the leaf "
    "Tensor instead. See github.com/pytorch/pytorch/pull/30531 for more information."
)


def requires_grad_of_non_leaf(wanted: bool) -> RuntimeError:
    """`y.requires_grad = False` on a computed tensor."""
    hint = (
        " If you want to use a computed variable in a subgraph that doesn't require differentiation use var_no_grad = "
        "var.detach()."
    )
    return explained(
        RuntimeError(f"you can only change requires_grad flags of leaf variables.{'' if wanted else hint}"),
        "This tensor was computed from others, so whether it needs a gradient follows from them.",
    )


def not_a_truth(function: str, argument: str, value: object) -> TypeError:
    """A switch that is neither True nor False."""
    return TypeError(f"{function}(): argument '{argument}' (position 1) must be bool, not {type_name(value)}")


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


_SAID: set[str] = set()


def warn_number_of_grad() -> None:
    """Warns of float(x) for a tensor that autograd watches; once in a program, as PyTorch does."""
    text = (
        "Converting a tensor with requires_grad=True to a scalar may lead to unexpected behavior.\n"
        "Consider using tensor.detach() first."
    )
    if text not in _SAID:
        _SAID.add(text)
        warnings.warn(text, UserWarning, stacklevel=4)


def numpy_of_gpu(device: object) -> TypeError:
    """numpy() on a tensor on a GPU."""
    return explained(
        TypeError(
            f"can't convert {device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first."
        ),
        "NumPy reads the computer's own memory, not the GPU's: x.cpu().numpy() copies the numbers over.",
    )


def numpy_of_bfloat16() -> TypeError:
    """numpy() of a bfloat16 tensor."""
    return explained(
        TypeError("Got unsupported ScalarType BFloat16"), "NumPy has no such numbers. Write x.float().numpy()."
    )


def many_to_scalar(size: int) -> RuntimeError:
    """item() of a tensor that has not exactly one element."""
    return explained(
        RuntimeError(f"a Tensor with {size} elements cannot be converted to Scalar"),
        "item() takes the number out of a tensor that holds one. Reduce it first, as in x.sum().item(), or take x.tolist().",
    )


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
    return explained(
        IndexError(f"Dimension specified as {dim} but tensor has no dimensions"),
        "The tensor is a single number, and its shape is empty.",
    )


def deepcopy_of_non_leaf() -> RuntimeError:
    """copy.deepcopy() of a computed tensor."""
    return explained(
        RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  If "
            "you were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, see "
            "https://github.com/pytorch/pytorch/pull/103001"
        ),
        "A computed tensor has a history that cannot be copied with it. Copy its numbers: y.detach().clone().",
    )


def _explained_dtype(message: str) -> RuntimeError:
    return explained(RuntimeError(message), "Convert the gradient first: x.grad = grad.to(x.dtype).")


def check_assigned_grad(tensor: TensorBase, grad: TensorBase) -> None:
    """Raises RuntimeError unless `tensor.grad = grad` makes sense."""
    from teachgrad import dtypes

    have, want = dtypes.of(grad._data.dtype), dtypes.of(tensor._data.dtype)
    if have is not want:
        raise _explained_dtype(
            f"attempting to assign a gradient with dtype '{have.c_name}' to a tensor with grad_dtype '{want.scalar_name}'. "
            "The gradient must match the tensor's grad_dtype (defaults to the tensor's dtype). You can set the tensor's "
            "grad_dtype attribute with a specific dtype, or None to allow any dtype. Set grad_dtype with caution. "
            "Diverging the dtypes of a tensor and its gradient may break downstream systems that assume they match."
        )
    if grad._data.shape != tensor._data.shape:
        raise explained(
            RuntimeError(
                f"attempting to assign a gradient of size '{list(grad._data.shape)}' to a tensor of size "
                f"'{list(tensor._data.shape)}'. Please ensure that the gradient and the tensor are the same size"
            ),
            "Each element has its own gradient, so .grad has the shape of the tensor.",
        )


def detach_of_view() -> RuntimeError:
    """detach_() on a view."""
    return explained(
        RuntimeError(
            "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for "
            "training, and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence detach_() "
            "cannot be called on these gradients. To fix this error, please refer to the Optimizer.zero_grad() function in "
            "torch/optim/optimizer.py as the solution."
        ),
        "A view is tied to its base. Write x = x.detach() instead.",
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


def no_grad_to_retain() -> RuntimeError:
    """retain_grad() of a tensor that requires none."""
    return explained(
        RuntimeError("can't retain_grad on Tensor that has requires_grad=False"),
        "Nothing that this tensor was computed from requires a gradient, so it will receive none.",
    )


def no_grad_to_hook() -> RuntimeError:
    """register_hook() of a tensor that requires no grad."""
    return explained(
        RuntimeError("cannot register a hook on a tensor that doesn't require gradient"),
        "A hook is called with the gradient of the tensor, and this one will have none.",
    )


def own_grad() -> RuntimeError:
    """x.grad = x."""
    return explained(
        RuntimeError("can't assign Variable as its own grad"), "Assign a copy: x.grad = x.detach().clone()."
    )


def grad_not_a_tensor(value: Any) -> TypeError:
    """x.grad = 3."""
    return explained(
        TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}"),
        "A gradient is a tensor of the same shape: x.grad = torch.full_like(x, 3.0). None clears it.",
    )
