"""Tensors nested in tuples, lists and dicts, as a flat list and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Rebuild = Callable[[list[Any]], Any]


def flatten(tree: Any) -> tuple[list[Any], Rebuild]:
    """The leaves of `tree` from left to right, and the function that puts other leaves in their places.

    Tuples (named ones, too), lists and dicts are branches, None is a branch without leaves, all else is a leaf.
    """
    if tree is None:
        return [], lambda leaves: None
    if isinstance(tree, dict):
        keys = list(tree)
        leaves, rebuild = flatten([tree[key] for key in keys])
        return leaves, lambda new: type(tree)(zip(keys, rebuild(new), strict=True))
    if not isinstance(tree, tuple | list):
        return [tree], lambda leaves: leaves[0]
    parts = [flatten(item) for item in tree]

    def join(new: list[Any]) -> Any:
        items, start = [], 0
        for part, rebuild in parts:
            items.append(rebuild(new[start : start + len(part)]))
            start += len(part)
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)

    return [leaf for part, _ in parts for leaf in part], join
