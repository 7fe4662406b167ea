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
    "histogramdd": "most of the samples have edges that are not in order, for which there is no right answer: NumPy refuses.",
    "logcumsumexp": (
        "two float32 samples around 1,000, where three digits are all that float32 leaves of the gradient in either library."
    ),
    "nn.functional.silu (complex)": "complex numbers as input of an activation: here they have no gradient.",
    "nn.functional.grid_sample": "the gradient of the gradient with respect to the grid is not implemented; bicubic neither.",
}
"""Op -> sentence. The check demands one for every op under 90 %."""
