"""Function transforms: from a function, the function that computes its derivative. Mirrors `torch.func`.

    slope = grad(torch.sin)                  slope(x) is cos(x)
    curvature = grad(grad(torch.sin))        transforms nest
    per_sample = vmap(grad(loss), in_dims=(None, 0))

Each call of a transformed function marks its arguments with a level of its own (the `Dual` nodes of
`autograd/forward_ad.py`), runs the function, and follows the recorded graph back to those marks. What comes back is taken
out of the level again; it keeps a history only if it depends on something outside, such as a leaf that the function
closes over, or the arguments of an enclosing transform.

Arguments and results may be nested in tuples, lists and dicts. `vmap` is in `batching.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import teachgrad as torch
from teachgrad import errors, gpu
from teachgrad.autograd import forward_ad, refusals
from teachgrad.autograd.forward_ad import Level
from teachgrad.autograd.graph import edge_of
from teachgrad.autograd.variable import TensorBase, wrap
from teachgrad.batching import check_randomness, vmap
from teachgrad.utils.stateless import functional_call, stack_module_state
from teachgrad.utils.trees import flatten, spec

__all__ = [
    "functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize", "stack_module_state",
    "vjp", "vmap",
]  # fmt: skip

Transformed = Callable[..., Any]


# -- marking arguments and following gradients back to the marks -------------------------------------------------
def _marked(value: Any, level: Level) -> tuple[Any, list[Any]]:
    """`value` with each tensor marked for `level`, and the marked tensors."""
    leaves, rebuild = flatten(value)
    for leaf in leaves:
        if not isinstance(leaf, TensorBase):
            raise ValueError(f"Thing passed to transform API must be Tensor, got {type(leaf)}")
        if leaf._data.dtype.kind not in "fcV":
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
    marked = [forward_ad.dual(leaf, None, level) for leaf in leaves]
    return rebuild(marked), marked


def _run(level: Level, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any] | None = None) -> Any:
    try:
        return func(*args, **(kwargs or {}))
    finally:
        level.running = False


def _rows(outputs: Sequence[Any], weights: Sequence[Any], marked: Sequence[Any], level: Level) -> list[Any]:
    """Gradients of the weighted outputs with respect to the marked tensors, zeros where there is no path."""
    live = [(o, w) for o, w in zip(outputs, weights, strict=True) if o._requires_grad]
    roots = [(edge_of(output), output._output_nr) for output, _ in live]
    with torch.enable_grad():
        found = forward_ad.send(roots, [weight for _, weight in live], [(tensor._node, 0) for tensor in marked])
    return [
        torch.zeros_like(tensor, requires_grad=False) if row is None else forward_ad.taken_out(row, level)
        for row, tensor in zip(found, marked, strict=True)
    ]


def _out(value: Any, level: Level) -> Any:
    """A result, taken out of the level."""
    leaves, rebuild = flatten(value)
    return rebuild([forward_ad.taken_out(leaf, level) if isinstance(leaf, TensorBase) else leaf for leaf in leaves])


def _split_aux(result: Any, has_aux: bool, caller: str) -> tuple[Any, Any]:
    if not has_aux:
        return result, None
    if not isinstance(result, tuple) or len(result) != 2:
        raise RuntimeError(f"{caller}: output of function f should be a tuple: (output, aux) if has_aux is True")
    return result


def _chosen(args: tuple[Any, ...], argnums: int | tuple[int, ...]) -> Any:
    """The arguments to differentiate with respect to: one, or a tuple."""
    if not isinstance(argnums, int | tuple):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    for number in (argnums,) if isinstance(argnums, int) else argnums:
        if not -len(args) <= number < len(args):
            raise RuntimeError(f"Got argnum={number}, but only {len(args)} positional inputs")
    return args[argnums] if isinstance(argnums, int) else tuple(args[number] for number in argnums)


def _replaced(args: tuple[Any, ...], argnums: int | tuple[int, ...], values: Any) -> list[Any]:
    result = list(args)
    numbers, given = ((argnums,), (values,)) if isinstance(argnums, int) else (argnums, values)
    for number, value in zip(numbers, given, strict=True):
        result[number] = value
    return result


def _results(output: Any, caller: str) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    """The tensors in what a function returned. Raises RuntimeError if there is anything else."""
    results, rebuild = flatten(output)
    for result in results:
        if not isinstance(result, TensorBase):
            raise RuntimeError(
                f"{caller}: expected f(*primals) to return only tensors, got unsupported type {type(result)}"
            )
    return results, rebuild


# -- reverse mode ------------------------------------------------------------------------------------------------
def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """(func(*primals), a function that takes v and returns v^T J), and aux if `has_aux`.

    Mirrors `torch.func.vjp`. The returned function gives a tuple with one gradient per argument.
    """
    level = Level()
    with torch.enable_grad():
        inside, marked = _marked(primals, level)
        output, aux = _split_aux(_run(level, func, inside), has_aux, "vjp(f, *primals)")
    results, rebuild = _results(output, "vjp(f, *primals)")
    _, rebuild_primals = flatten(primals)

    def pull_back(cotangents: Any) -> Any:
        """The gradients of the arguments, given the gradient of the output."""
        weights, _ = flatten(cotangents)
        if len(weights) != len(results):
            raise refusals.cotangents_do_not_fit(len(weights), len(results))
        for number, (weight, result) in enumerate(zip(weights, results, strict=True)):
            if weight.shape != result.shape:
                raise errors.gradient_shape(number, weight.shape, result.shape)
        return rebuild_primals(_rows(results, weights, marked, level))

    value = rebuild([forward_ad.taken_out(result, level) for result in results])
    return (value, pull_back, _out(aux, level)) if has_aux else (value, pull_back)


def grad_and_value(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Transformed:
    """The function that returns (gradient, value) of `func`, or (gradient, (value, aux)). Mirrors `torch.func`'s."""

    @wraps(func)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        level = Level()
        with torch.enable_grad():
            inside, marked = _marked(_chosen(args, argnums), level)
            result = _run(level, func, _replaced(args, argnums, inside), kwargs)
        output, aux = _split_aux(result, has_aux, "grad_and_value(f)(*args)")
        if not isinstance(output, torch.Tensor):
            raise RuntimeError(f"grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got {type(output)}")
        if output.dim():
            raise RuntimeError(
                "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor with "
                f"{output.dim()} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
            )
        _, rebuild = flatten(inside)
        slope = rebuild(_rows([output], [torch.ones_like(output)], marked, level))
        value = forward_ad.taken_out(output, level)
        return (slope, (value, _out(aux, level))) if has_aux else (slope, value)

    return transformed


def grad(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Transformed:
    """The gradient of a function that returns one number, with respect to argument `argnums`. Mirrors `torch.func.grad`.

    With `has_aux`, `func` returns (number, aux) and the gradient comes as (gradient, aux).
    Raises RuntimeError if `func` does not return a 0-d tensor.
    """
    both = grad_and_value(func, argnums, has_aux)

    @wraps(func)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        slope, value = both(*args, **kwargs)
        return (slope, value[1]) if has_aux else slope

    return transformed


def jacrev(
    func: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
) -> Transformed:
    """The Jacobian of `func`, row by row with backward: of shape output + input. Mirrors `torch.func.jacrev`."""
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @wraps(func)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        level = Level()
        with torch.enable_grad():
            inside, marked = _marked(_chosen(args, argnums), level)
            result = _run(level, func, _replaced(args, argnums, inside), kwargs)
        output, aux = _split_aux(result, has_aux, "jacrev(f)(*args)")
        results, rebuild = _results(output, "vjp(f, *primals)")
        _, rebuild_inputs = flatten(inside)
        matrices = []
        for result in results:
            rows = [_rows([result], [one], marked, level) for one in _basis(result)]
            blocks = zip(zip(*rows, strict=True), marked, strict=True)
            matrices.append(rebuild_inputs([torch.stack(b).reshape(result.shape + x.shape) for b, x in blocks]))
        return (rebuild(matrices), _out(aux, level)) if has_aux else rebuild(matrices)

    return transformed


def _basis(tensor: Any) -> list[Any]:
    """Tensors like this one with a single 1 at each place in turn."""
    units = gpu.xp(tensor._data).eye(tensor.numel(), dtype=tensor._data.dtype)
    return [wrap(unit.reshape(tensor._data.shape)) for unit in units]


# -- forward mode ------------------------------------------------------------------------------------------------
def jvp(func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> Any:
    """(func(*primals), J v) for the tangents v, one per argument, and aux if `has_aux`. Mirrors `torch.func.jvp`."""
    for name, value in (("primals", primals), ("tangents", tangents)):
        if not isinstance(value, tuple):
            raise RuntimeError(
                f"jvp(f, primals, tangents): Expected {name} to be a tuple. E.g. it should be valid to call f(*{name})."
            )
    points, rebuild = flatten(primals)
    directions, _ = flatten(tangents)
    if spec(primals) != spec(tangents):
        raise refusals.tangents_do_not_fit(spec(primals), spec(tangents))
    level = forward_ad.enter_level()
    try:
        with torch.enable_grad():
            inside = [forward_ad.dual(p, v, level) for p, v in zip(points, directions, strict=True)]
            output, aux = _split_aux(func(*rebuild(inside)), has_aux, "jvp(f, primals, tangents)")
            results, rebuild_output = _results(output, "jvp(f, primals, tangents)")
            pairs = [forward_ad.unpack(result, level) for result in results]
    finally:
        forward_ad.exit_level()
    if strict and any(tangent is None for _, tangent in pairs):
        raise RuntimeError(
            "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not allowed "
            "with strict=True."
        )
    value = rebuild_output([primal for primal, _ in pairs])
    moved = rebuild_output([torch.zeros_like(p) if t is None else t for p, t in pairs])
    return (value, moved, _out(aux, level)) if has_aux else (value, moved)


def jacfwd(
    func: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
) -> Transformed:
    """The Jacobian of `func`, column by column with forward mode: of shape output + input. Mirrors `torch.func.jacfwd`.

    Calls `func` once per element of the inputs.
    """

    @wraps(func)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        check_randomness(randomness)
        inputs, rebuild_inputs = flatten(_chosen(args, argnums))

        def along(place: int, direction: Any) -> Any:
            tangents = [direction if i == place else torch.zeros_like(x) for i, x in enumerate(inputs)]

            def narrowed(*values: Any) -> Any:
                return func(*_replaced(args, argnums, rebuild_inputs(list(values))), **kwargs)

            return jvp(narrowed, tuple(inputs), tuple(tangents), has_aux=has_aux)

        passes = [[along(place, one) for one in _basis(x.detach())] for place, x in enumerate(inputs)]
        results, rebuild = flatten(passes[0][0][0])
        matrices = []
        for number, result in enumerate(results):
            blocks = []
            for x, columns in zip(inputs, passes, strict=True):
                parts = [flatten(column[1])[0][number] for column in columns]
                blocks.append(torch.stack(parts, dim=-1).reshape(result.shape + x.shape))
            matrices.append(rebuild_inputs(blocks))
        return (rebuild(matrices), passes[0][0][2]) if has_aux else rebuild(matrices)

    return transformed


def hessian(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Transformed:
    """The matrix of second derivatives, forward over reverse. Mirrors `torch.func.hessian`."""
    return jacfwd(jacrev(func, argnums), argnums)


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """(func(*primals), the function v -> J v). Mirrors `torch.func.linearize`."""
    value = func(*primals)
    return value, lambda *tangents: jvp(func, primals, tangents)[1]
