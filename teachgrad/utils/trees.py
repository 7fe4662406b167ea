"""Tensors nested in tuples, lists and dicts, as a flat list and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Rebuild = Callable[[list[Any]], Any]


def spec(tree: Any, indent: int = 2) -> str:
    """The nesting of `tree` as PyTorch's messages show it: a tuple of two tensors is `TreeSpec(tuple, None, [*, *])`."""
    if not isinstance(tree, tuple | list | dict):
        return "*"
    parts = list(tree.values()) if isinstance(tree, dict) else list(tree)
    between = ",\n" + " " * indent
    inside = between.join(spec(part, indent + 2) for part in parts)
    return f"TreeSpec({type(tree).__name__}, {list(tree) if isinstance(tree, dict) else None}, [{inside}])"


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
