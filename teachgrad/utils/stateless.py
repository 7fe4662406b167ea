"""Modules as functions of their parameters, for `torch.func`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import teachgrad as torch
from teachgrad.autograd import refusals


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Calls a module with other parameters and buffers, given by their names. Mirrors `torch.func.functional_call`.

    The module's own are back in place afterwards, also when the call fails. Raises RuntimeError in strict mode for names
    that are missing or unknown.
    """
    given: dict[str, Any] = {}
    for part in (
        [parameter_and_buffer_dicts] if isinstance(parameter_and_buffer_dicts, dict) else parameter_and_buffer_dicts
    ):
        given.update(part)
    places = {
        f"{prefix}{'.' if prefix else ''}{name}": (table, name)
        for prefix, child in module.named_modules()
        for table in (child._parameters, child._buffers)
        for name in table
    }
    if strict and given.keys() != places.keys():
        unexpected, missing = [n for n in given if n not in places], [n for n in places if n not in given]
        raise refusals.functional_call_names(type(module).__name__, unexpected, missing)
    if tie_weights:  # a name stands for all names of the same tensor
        by_id = {id(places[n][0][places[n][1]]): value for n, value in given.items() if n in places}
        given = {n: by_id[id(table[key])] for n, (table, key) in places.items() if id(table[key]) in by_id} | given
    before = {name: table[key] for name, (table, key) in places.items()}
    try:
        for name, value in given.items():
            if name in places:
                table, key = places[name]
                table[key] = value
        positional = () if args is None else args if isinstance(args, tuple) else (args,)
        return module(*positional, **(kwargs or {}))
    finally:
        for name, (table, key) in places.items():
            table[key] = before[name]


def stack_module_state(models: Sequence[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the buffers of several like modules, each stacked along a new first dimension.

    Mirrors `torch.func.stack_module_state`.
    """
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    stacked: list[dict[str, Any]] = []
    for kind in ("named_parameters", "named_buffers"):
        columns = [dict(getattr(model, kind)()) for model in models]
        stacked.append({name: torch.stack([c[name].detach() for c in columns]) for name in columns[0]})
    for tensor in stacked[0].values():
        tensor.requires_grad_()
    return stacked[0], stacked[1]
