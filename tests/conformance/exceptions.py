"""Why fewer than 90 % of an op's samples agree: one sentence each."""

EXCEPTIONS = {
    "as_strided_scatter": (
        "PyTorch sends the gradient of the result to the elements of `input` that were overwritten, and none to those that "
        "were kept; here it is the other way round, as the chain rule has it."
    ),
    "as_strided (partial_views)": (
        "the gradient of places that the input itself does not show: PyTorch drops it, here it is counted from the input's "
        "own first element."
    ),
    "chalf": "complex numbers of two float16 do not exist in NumPy.",
    "bfloat16": "values and gradients agree; the gradient of a gradient comes back as float32.",
    "histogramdd": "most samples have edges that are not in order, for which there is no right answer: NumPy refuses.",
    "logcumsumexp": (
        "two float32 samples around 1,000, where three digits are all that float32 leaves of the gradient in either library."
    ),
    "addmv": "integers with a fractional `beta` or `alpha`, which PyTorch cuts to whole numbers: here it is refused.",
    "asinh": "`asinh_`: PyTorch has no derivative for the in-place form, here it has one.",
    "atanh": "`atanh_`: PyTorch has no derivative for the in-place form, here it has one.",
    "cdist": "for p = 0 PyTorch's gradient is zeros; here it is missing.",
    "linalg.norm": "the second derivative at 0 of orders that are no smooth norm: nan in one library, 0 in the other.",
    "linalg.norm (subgradients_at_zero)": "the second derivative at 0: nan in one library, 0 in the other.",
    "nn.functional.batch_norm": "input of shape (0,), which has no channels.",
    "nn.functional.conv_transpose2d": "an output padding beyond the stride: the gradient has extra pixels.",
    "nn.functional.conv_transpose3d": "an output padding beyond the stride, of which the gradient keeps the extra pixels.",
    "nn.functional.gaussian_nll_loss": "a variance with fewer dimensions than the input is broadcast along another one.",
    "nn.functional.grid_sample": "no second derivative, no bicubic mode, no volumes.",
    "nn.functional.group_norm": "samples without any element.",
    "nn.functional.multi_margin_loss": "a target without dimensions.",
    "nn.functional.multilabel_margin_loss": "a target without dimensions.",
    "nn.functional.pad (replicate_negative)": "padding of a dimension that negative padding has left empty.",
    "nn.functional.silu (complex)": "complex numbers as input of an activation: here they have no gradient.",
}
"""Op -> sentence. The check demands one for every op under 90 %."""
