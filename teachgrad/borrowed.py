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


_REDUCTIONS = ("none", "mean", "sum")


def _arguments(name: str, *parameters: str) -> None:
    """Makes a function of `nn.functional` known as `torch.name`, where its arguments have another order."""

    def face(*args: Any, **kwargs: Any) -> Any:
        from teachgrad.nn import functional

        named = dict(zip(parameters, args, strict=False)) | kwargs
        for unknown in ("cudnn_enabled", "sparse", "scale_grad_by_freq"):
            named.pop(unknown, None)
        if "reduction" in parameters:
            named["reduction"] = _REDUCTIONS[named.get("reduction", 0)]
        return getattr(functional, name)(**named)

    face.__name__ = face.__qualname__ = name
    face.__doc__ = f"`torch.nn.functional.{name}`, with arguments in the order of `torch.{name}`."
    public(name, method=False)(face)


_arguments("binary_cross_entropy_with_logits", "input", "target", "weight", "pos_weight", "reduction")
_arguments("kl_div", "input", "target", "reduction")
_arguments("cosine_embedding_loss", "input1", "input2", "target", "margin", "reduction")
_arguments("hinge_embedding_loss", "input", "target", "margin", "reduction")
_arguments("margin_ranking_loss", "input1", "input2", "target", "margin", "reduction")
_arguments("poisson_nll_loss", "input", "target", "log_input", "full", "eps", "reduction")
_arguments("triplet_margin_loss", "anchor", "positive", "negative", "margin", "p", "eps", "swap", "reduction")
_arguments("ctc_loss", "log_probs", "targets", "input_lengths", "target_lengths", "blank", "reduction", "zero_infinity")
_arguments(
    "batch_norm",
    "input",
    "weight",
    "bias",
    "running_mean",
    "running_var",
    "training",
    "momentum",
    "eps",
    "cudnn_enabled",
)
_arguments(
    "instance_norm", "input", "weight", "bias", "running_mean", "running_var", "use_input_stats", "momentum", "eps",
    "cudnn_enabled",
)  # fmt: skip
_arguments("group_norm", "input", "num_groups", "weight", "bias", "eps", "cudnn_enabled")
_arguments("rms_norm", "input", "normalized_shape", "weight", "eps")
_arguments("embedding", "weight", "input", "padding_idx", "scale_grad_by_freq", "sparse")


@public("constant_pad_nd", method=False)
def constant_pad_nd(input: Any, pad: Any, value: float = 0) -> Any:
    """`torch.nn.functional.pad` with a constant. Mirrors `torch.constant_pad_nd`."""
    from teachgrad.nn import functional

    return functional.pad(input, tuple(pad), value=value)


def _in_place(name: str) -> None:
    """`torch.name_` for a function of `nn.functional` that takes `inplace=True`."""

    def face(input: Any, *args: Any, **kwargs: Any) -> Any:
        from teachgrad.nn import functional

        return getattr(functional, name)(input, *args, **kwargs, inplace=True)

    face.__name__ = face.__qualname__ = f"{name}_"
    public(f"{name}_", method=False)(face)


for _name in ("celu", "dropout", "rrelu", "selu", "threshold"):
    _in_place(_name)


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
