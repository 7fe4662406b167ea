"""Derivatives of functions: give a function and a point, get the matrix, or its product with a vector.

    jacobian(f, x)[i, j]     d f_i / d x_j          one backward per output element gives one row
    vjp(f, x, v)             v^T J                  what backward computes: one backward
    jvp(f, x, v)             J v                    two backwards (see `forward_ad.py` for why that works)
    hessian(f, x)            the Jacobian of the gradient of a scalar f
    vhp(f, x, v)             v^T H, the gradient differentiated once more
    hvp(f, x, v)             H v, the same number by the slower way (PyTorch has both)

`inputs`, the function's result and `v` are one tensor or a tuple of tensors each; what comes back is nested the same way.
With `create_graph=True` the answers can be differentiated further. With `strict=True` an input on which the result does
not depend is an error instead of zeros. Mirrors `torch.autograd.functional`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import teachgrad as torch
from teachgrad import autograd
from teachgrad.autograd import refusals
from teachgrad.autograd.variable import TensorBase

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Function = Callable[..., Any]
Tensors = tuple[Any, ...]


# -- one tensor or a tuple of tensors --------------------------------------------------------------------------
def _as_tuple(value: Any, what: str, caller: str) -> tuple[bool, Tensors]:
    """(was it a tuple, the tuple). Raises TypeError for anything that is not a tensor."""
    several = isinstance(value, tuple)
    values = value if several else (value,)
    for place, tensor in enumerate(values):
        if not isinstance(tensor, TensorBase):
            found = f"value at index {place}" if several else f"given {what}"
            raise TypeError(
                f"The {what} given to {caller} must be either a Tensor or a tuple of Tensors but the {found} has type "
                f"{type(tensor)}."
            )
    return several, values


def _like(several: bool, values: Sequence[Any]) -> Any:
    return tuple(values) if several else values[0]


def _started(tensors: Tensors, create_graph: bool, watch: bool) -> Tensors:
    """The inputs as the function will see them: watched, and connected with the caller's graph only if it wants that."""
    return tuple(
        tensor.view_as(tensor) if create_graph and tensor.requires_grad else tensor.detach().requires_grad_(watch)
        for tensor in tensors
    )


def _finished(tensors: Tensors, create_graph: bool) -> Tensors:
    return tensors if create_graph else tuple(tensor.detach() for tensor in tensors)


def _vector(v: Any, of: Tensors, several: bool, caller: str, create_graph: bool) -> Tensors | None:
    """`v` as a tuple, checked against the tensors it multiplies; None if not given."""
    if v is None:
        if len(of) == 1 and of[0].numel() == 1:
            return None
        which = "user-provided function returns" if caller == "vjp" else "input to the user-provided function is"
        raise RuntimeError(f"The vector v can only be None if the {which} a single Tensor with a single element.")
    _, vectors = _as_tuple(v, "v", caller)
    vectors = _started(vectors, create_graph, watch=False)
    if len(vectors) != len(of):
        raise RuntimeError(
            f"v is a tuple of invalid length: should be {len(of)} but got {len(vectors)}."
            if several
            else "The given v should contain a single Tensor."
        )
    for place, (vector, tensor) in enumerate(zip(vectors, of, strict=True)):
        if vector.shape != tensor.shape:
            where = f"Entry {place} in v" if several else "v"
            raise RuntimeError(f"{where} has invalid size: should be {tensor.shape} but got {vector.shape}.")
    return vectors


# -- gradients, with None where there is no path ---------------------------------------------------------------
def _grad(
    outputs: Tensors, inputs: Tensors, v: Tensors | None, create_graph: bool, keep: bool | None = None
) -> Tensors:
    """The gradients of the outputs that have any, None for inputs that they do not reach."""
    weights = v or (None,) * len(outputs)
    live = [(out, w) for out, w in zip(outputs, weights, strict=True) if out is not None and out.requires_grad]
    if not live:
        return (None,) * len(inputs)
    results, starts = zip(*live, strict=True)
    return autograd.grad(results, inputs, starts, retain_graph=keep, create_graph=create_graph, allow_unused=True)


def _zeros(grads: Tensors, like: Tensors, strict: bool, create_graph: bool, order: str) -> Tensors:
    """Zeros for None. Raises RuntimeError for it in strict mode; `order` says which derivative this is."""
    result = []
    for place, (grad, tensor) in enumerate(zip(grads, like, strict=True)):
        if strict and grad is None:
            raise refusals.strict_independent(order, place)
        if strict and create_graph and not grad.requires_grad:
            which = "hessian" if order.startswith("second") else "jacobian"
            raise RuntimeError(
                f"The {which} of the user-provided function is independent of input {place}. This is not allowed in strict "
                "mode when create_graph=True."
            )
        result.append(torch.zeros_like(tensor) if grad is None else grad)
    return tuple(result)


def _check(tensors: Tensors, what: str, strict: bool) -> None:
    """In strict mode, raises RuntimeError for a result that does not depend on any input."""
    for place, tensor in enumerate(tensors):
        if strict and (tensor is None or not tensor.requires_grad):
            raise refusals.strict_without_grad("none" if tensor is None else what, place)


def _single(outputs: Tensors, several: bool, caller: str) -> None:
    if several:
        raise RuntimeError(f"The function given to {caller} should return a single Tensor")
    if outputs[0].numel() != 1:
        raise RuntimeError(f"The Tensor returned by the function given to {caller} should contain a single element")


def _mode(create_graph: bool) -> Any:
    return torch.set_grad_enabled(True if create_graph else torch.is_grad_enabled())


OUTPUTS = "outputs of the user-provided function"


# -- products with a vector ------------------------------------------------------------------------------------
def vjp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(func(inputs), v^T J). `v` has the shape of the output, and may be left out if that is a single element.

    Mirrors `torch.autograd.functional.vjp`; raises RuntimeError for a `v` of another shape.
    """
    with torch.enable_grad():
        several, points = _as_tuple(inputs, "inputs", "vjp")
        points = _started(points, create_graph, watch=True)
        out_several, outputs = _as_tuple(func(*points), OUTPUTS, "vjp")
        _check(outputs, "outputs", strict)
        vectors = _vector(v, outputs, out_several, "vjp", create_graph)
    with _mode(create_graph):
        rows = _grad(outputs, points, vectors, create_graph)
        rows = _zeros(rows, points, strict, create_graph, "first")
    return _like(out_several, _finished(outputs, create_graph)), _like(several, _finished(rows, create_graph))


def jvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(func(inputs), J v). `v` has the shape of the inputs, and may be left out if that is a single element.

    Backward gives r(u) = J^T u for any u; r is linear, so its own backward with v gives J v.
    Mirrors `torch.autograd.functional.jvp`; raises RuntimeError for a `v` of another shape.
    """
    with torch.enable_grad():
        several, points = _as_tuple(inputs, "inputs", "jvp")
        points = _started(points, create_graph, watch=True)
        vectors = _vector(v, points, several, "jvp", create_graph)
        out_several, outputs = _as_tuple(func(*points), OUTPUTS, "jvp")
        _check(outputs, "outputs", strict)
        u = tuple(torch.zeros_like(out, requires_grad=True) for out in outputs)
        rows = _grad(outputs, points, u, create_graph=True)
        _check(rows, "grad_inputs", strict)
    with _mode(create_graph):
        columns = _grad(rows, u, vectors, create_graph)
        columns = _zeros(columns, outputs, strict, create_graph, "first of u")
    return _like(out_several, _finished(outputs, create_graph)), _like(out_several, _finished(columns, create_graph))


def vhp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(func(inputs), v^T H) for a function that returns one number. Mirrors `torch.autograd.functional.vhp`."""
    several, points, vectors, outputs, slope = _slope(func, inputs, v, create_graph, strict, "vhp")
    with _mode(create_graph):
        rows = _grad(slope, points, vectors, create_graph)
        rows = _zeros(rows, points, strict, create_graph, "second")
    return _finished(outputs, create_graph)[0], _like(several, _finished(rows, create_graph))


def hvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(func(inputs), H v) for a function that returns one number. Mirrors `torch.autograd.functional.hvp`.

    Where the Hessian is symmetric (the second derivatives are continuous) `vhp` gives the same with less work.
    """
    several, points, vectors, outputs, slope = _slope(func, inputs, v, create_graph, strict, "hvp")
    with torch.enable_grad():
        u = tuple(torch.zeros_like(point, requires_grad=True) for point in points)
        rows = _grad(slope, points, u, create_graph=True)
        _check(slope, "hessian", strict)
    with _mode(create_graph):
        columns = _grad(rows, u, vectors, create_graph)
        columns = _zeros(columns, points, strict, create_graph, "second of u")
    return _finished(outputs, create_graph)[0], _like(several, _finished(columns, create_graph))


def _slope(func: Function, inputs: Any, v: Any, create_graph: bool, strict: bool, caller: str) -> Any:
    """The recorded gradient of a function that returns one number, and what it was computed from."""
    with torch.enable_grad():
        several, points = _as_tuple(inputs, "inputs", caller)
        points = _started(points, create_graph, watch=True)
        vectors = _vector(v, points, several, caller, create_graph)
        out_several, outputs = _as_tuple(func(*points), OUTPUTS, caller)
        _check(outputs, "outputs", strict)
        _single(outputs, out_several, caller)
        slope = _grad(outputs, points, None, create_graph=True)
        _check(slope, "jacobian", strict)
    return several, points, vectors, outputs, slope


# -- whole matrices --------------------------------------------------------------------------------------------
def jacobian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """All partial derivatives of `func` at `inputs`: for each output and input a tensor of shape output + input.

    Row by row with backward, or column by column with `strategy="forward-mode"` (which PyTorch allows only together with
    `vectorize=True`). `vectorize` changes nothing else here: the rows are computed one after the other.
    Mirrors `torch.autograd.functional.jacobian`.
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has more outputs than '
            'inputs, "forward-mode" tends to be more performant. Otherwise, prefer to use "reverse-mode".'
        )
    if strategy == "forward-mode":
        return _columns(func, inputs, create_graph, strict, vectorize)
    with torch.enable_grad():
        several, points = _as_tuple(inputs, "inputs", "jacobian")
        points = _started(points, create_graph, watch=True)
        out_several, outputs = _as_tuple(func(*points), OUTPUTS, "jacobian")
        _check(outputs, "outputs", strict)
        if strict and vectorize:
            raise refusals.not_together("`strict=True` and `vectorized=True`", "`strict=False` or `vectorize=False`")
        matrices = [_rows(i, out, points, create_graph, strict) for i, out in enumerate(outputs)]
    return _like(out_several, [_like(several, _finished(row, create_graph)) for row in matrices])


def _rows(number: int, output: Any, points: Tensors, create_graph: bool, strict: bool) -> Tensors:
    """The Jacobians of one output with respect to each input."""
    rows: list[list[Any]] = [[] for _ in points]
    for element in output.reshape(-1):
        grads = _grad((element,), points, None, create_graph, keep=True)
        for place, (row, grad, point) in enumerate(zip(rows, grads, points, strict=True)):
            if strict and grad is None:
                raise RuntimeError(
                    f"Output {number} of the user-provided function is independent of input {place}. This is not allowed in "
                    "strict mode."
                )
            if strict and create_graph and not grad.requires_grad:
                raise RuntimeError(
                    f"The jacobian of the user-provided function is independent of input {number}. This is not allowed in "
                    "strict mode when create_graph=True."
                )
            row.append(torch.zeros_like(point) if grad is None else grad)
    return tuple(
        torch.stack(row, dim=0).view(output.shape + point.shape) for row, point in zip(rows, points, strict=True)
    )


def _columns(func: Function, inputs: Any, create_graph: bool, strict: bool, vectorize: bool) -> Any:
    """The Jacobian by forward mode: one pass per input element."""
    from teachgrad import func as transforms

    together = ' and `strategy="forward-mode"`'
    if create_graph:
        raise refusals.not_together(
            f"`create_graph=True`{together}", '`create_graph=False` or `strategy="reverse-mode"`'
        )
    if strict:
        raise refusals.not_together(f"`strict=True`{together}", '`strict=False` or `strategy="reverse-mode"`')
    several, points = _as_tuple(inputs, "inputs", "jacobian")
    if not vectorize:
        raise refusals.forward_needs_vectorize()
    shape: list[bool] = []

    def checked(*args: Any) -> Any:
        out_several, outputs = _as_tuple(func(*args), "outputs", "None")
        shape[:] = [out_several]
        return outputs

    matrices = transforms.jacfwd(checked, argnums=tuple(range(len(points))))(*(point.detach() for point in points))
    # Lists where the reverse mode gives tuples, as in PyTorch.
    rows = [list(row) if several else row[0] for row in matrices]
    return rows if shape[0] else rows[0]


def hessian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """All second derivatives of a function that returns one number: the Jacobian of its gradient.

    For each pair of inputs a tensor of shape first + second. Mirrors `torch.autograd.functional.hessian`.
    """
    several, points = _as_tuple(inputs, "inputs", "hessian")
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')

    def scalar(*args: Any) -> Any:
        out_several, outputs = _as_tuple(func(*args), OUTPUTS, "hessian")
        _check(outputs, "outputs", strict)
        _single(outputs, out_several, "hessian")
        return outputs[0].squeeze()

    def slope(*args: Any) -> Any:
        rows = jacobian(scalar, args, create_graph=True)
        _check(rows, "jacobian", strict)
        return rows

    matrix = jacobian(slope, points, create_graph, strict, vectorize, outer_jacobian_strategy)
    return matrix if several else matrix[0][0]


def stack_rows(rows: Sequence[TensorBase]) -> Any:
    """Gradients of one shape along a new first dimension, for `autograd.grad(..., is_grads_batched=True)`."""
    return torch.stack(list(rows))
