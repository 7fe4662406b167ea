"""Points, and the matrices of derivatives at them, as lists."""

from __future__ import annotations


def point(torch, *values, **options):
    return torch.tensor(values or (1.0, 2.0, 3.0), **options)


def listed(value):
    """Tensors as lists, in whatever they are nested."""
    if isinstance(value, tuple | list):
        return type(value)(listed(item) for item in value)
    if isinstance(value, dict):
        return {key: listed(item) for key, item in value.items()}
    return value.tolist() if hasattr(value, "tolist") else value


def diagonal(*values):
    return [[v if i == j else 0.0 for j in range(len(values))] for i, v in enumerate(values)]
