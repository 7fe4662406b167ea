"""`vmap`: a function of one example made into a function of many. Mirrors `torch.func.vmap`.

    norms = vmap(torch.linalg.norm)(rows)        one norm per row

It is a loop here: the function is called once per slice and its results are stacked. That gives PyTorch's values but not
its speed, and the function sees plain tensors, so `.item()` and `if` work in it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import teachgrad as torch
from teachgrad.autograd import refusals
from teachgrad.autograd.variable import TensorBase
from teachgrad.utils.trees import flatten, spec


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """The function that applies `func` to each slice of its arguments along `in_dims` and stacks along `out_dims`.

    An in_dim of None hands the whole argument to every call. With `randomness` "same" every call draws the same random
    numbers, with "different" its own, with "error" none. `chunk_size` bounds PyTorch's use of memory; it changes nothing
    here. Raises ValueError where dims and arguments do not fit, RuntimeError for random numbers that are not allowed.
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    name = getattr(func, "__name__", repr(func))

    @wraps(func)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        check_randomness(randomness)
        leaves, rebuild = flatten(args)
        if not leaves:
            raise refusals.vmap_without_inputs(name)
        if not isinstance(in_dims, int | tuple | list):
            raise refusals.vmap_bad_in_dims(name, in_dims)
        dims = _spread(in_dims if isinstance(in_dims, int) else tuple(in_dims), args)
        if dims is None:
            raise refusals.vmap_dims_do_not_fit(name, "in_dims", in_dims, spec(in_dims), spec(args))
        size = _mapped_size(name, in_dims, leaves, dims)

        def call(slices: list[Any]) -> Any:
            if randomness == "same":
                torch.default_generator.set_state(before)
            answer = func(*rebuild(slices), **kwargs)
            if randomness == "error" and (torch.default_generator.get_state() != before).any():
                raise RuntimeError(
                    "vmap: called random operation while in randomness error mode. Please either use the 'same' or "
                    "'different' randomness flags on vmap or perform the randomness operation out of vmap"
                )
            return answer

        before = torch.default_generator.get_state()

        def cut(i: int) -> list[Any]:
            return [leaf if dim is None else leaf.select(dim, i) for leaf, dim in zip(leaves, dims, strict=True)]

        if size:
            answers = [call(cut(i)) for i in range(size)]
        else:  # nothing to map over: one call on zeros shows the shape of the results
            blank = [
                leaf if dim is None else torch.zeros_like(leaf.movedim(dim, 0).sum(0))
                for leaf, dim in zip(leaves, dims, strict=True)
            ]
            answers = [call(blank)]
        first, rebuild_result = flatten(answers[0])
        for value in first:
            if not isinstance(value, TensorBase):
                raise refusals.vmap_result(name, value)
        out = _spread(out_dims, answers[0])
        if out is None:
            raise refusals.vmap_dims_do_not_fit(name, "out_dims", out_dims, spec(out_dims), spec(answers[0]))
        columns = zip(*(flatten(answer)[0] for answer in answers), strict=True)
        stacked = [
            column[0] if dim is None else torch.stack(column, dim) for column, dim in zip(columns, out, strict=True)
        ]
        if not size:
            stacked = [part.narrow(dim, 0, 0) for part, dim in zip(stacked, out, strict=True)]
        return rebuild_result(stacked)

    return transformed


def _spread(dims: Any, tree: Any) -> list[Any] | None:
    """One dim for each leaf of `tree`: a single dim counts for everything below it. None if the nesting differs."""
    if dims is None or isinstance(dims, int):
        return [dims] * len(flatten(tree)[0])
    if isinstance(dims, dict):
        same = isinstance(tree, dict) and dims.keys() == tree.keys()
        parts = [_spread(dims[key], tree[key]) for key in tree] if same else [None]
    else:
        same = isinstance(tree, tuple | list) and len(tree) == len(dims)
        parts = [_spread(dim, item) for dim, item in zip(dims, tree, strict=True)] if same else [None]
    return None if None in parts else [dim for part in parts for dim in part or ()]


def _mapped_size(name: str, in_dims: Any, leaves: list[Any], dims: list[Any]) -> int:
    sizes = []
    for leaf, dim in zip(leaves, dims, strict=True):
        if dim is None:
            continue
        if not isinstance(leaf, torch.Tensor):
            raise refusals.vmap_over_non_tensor(name, in_dims, dim, leaf)
        if not -leaf.dim() <= dim < leaf.dim():
            raise refusals.vmap_dim(name, in_dims, dim, leaf.dim())
        sizes.append(leaf.shape[dim])
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if len(set(sizes)) > 1:
        raise refusals.vmap_sizes(sizes)
    return int(sizes[0])


def check_randomness(randomness: str) -> None:
    """Raises RuntimeError unless `randomness` is one of the three words."""
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
