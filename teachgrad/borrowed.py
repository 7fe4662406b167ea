"""Functions that `torch` lends from rooms which are loaded when one of them is first called: `nn.functional`, files."""

from __future__ import annotations

from typing import Any

from teachgrad.ops.table import public


def _from_functional(name: str) -> None:
    """Makes a function of `nn.functional` known as `torch.name` too."""

    def face(*args: Any, **kwargs: Any) -> Any:
        from teachgrad.nn import functional

        return getattr(functional, name)(*args, **kwargs)

    face.__name__ = face.__qualname__ = name
    public(name, method=name in ("prelu", "hardshrink"))(face)


for _name in (
    "alpha_dropout", "bilinear", "celu", "cosine_similarity", "dropout", "feature_alpha_dropout", "hardshrink", "layer_norm",
    "pairwise_distance", "prelu", "rrelu", "selu", "threshold",
):  # fmt: skip
    _from_functional(_name)


@public("save", method=False)
def save(obj: Any, f: Any) -> None:
    """Writes tensors and state dicts to a file. Mirrors `torch.save`; see `serialization.py`."""
    from teachgrad import serialization

    serialization.save(obj, f)


@public("load", method=False)
def load(f: Any, map_location: Any = None, *, weights_only: bool = True) -> Any:
    """Reads what `torch.save` wrote, executing nothing. Mirrors `torch.load`; see `serialization.py`."""
    from teachgrad import serialization

    return serialization.load(f, map_location, weights_only=weights_only)
