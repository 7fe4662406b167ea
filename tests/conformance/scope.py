"""Which ops of the database teachgrad means to have, in families, and which not, with the reason."""

from __future__ import annotations

import re
from typing import Any

OUTSIDE = {
    "Fourier transforms": (
        r"fft\..*|stft|istft",
        "No autograd lesson of the census uses them; they are a library of their own.",
    ),
    "Sparse tensors": (r"sparse\..*|to_sparse", "Every tensor here is a NumPy array, and so dense."),
    "Masked tensors": (r"masked\..*", "`torch.masked` is a prototype in PyTorch too; `torch.where` says the same."),
    "Window functions of signal processing": (r"signal\..*", "They make constant tensors and have no gradient."),
    "Segments": (r"_segment_reduce.*", "A private op behind jagged tensors."),
    "Kernels compiled for one device": (
        r"jiterator_.*|torch\._scaled.*|torch\.ops\..*|bmm \(triton.*",
        "They exist on a GPU, in quantised 8-bit numbers, or as a private name of a fused kernel.",
    ),
    "PyTorch's own plumbing": (
        r"_.*_backward_data|native_.*|_native.*|_batch_norm.*|_unsafe.*|_chunk_cat|_upsample.*|grid_sampler_.*|max_pool2d_with.*"
        r"|hash_tensor|slice|nonzero_static|empty_permuted|(?!index)\w+_copy|unsafe_\w+|_softmax_.*|constant_pad_nd",
        "Names that PyTorch's functions and its compiler call behind the scenes; what a lesson calls is in the tables.",
    ),
    "Matrix factorisations beyond the usual ones": (
        r"geqrf|ormqr|lu|lu_\w+|linalg\.(lu.*|ldl.*|householder_product|eig|eigvals|lstsq.*|tensor\w+|vander|cond)"
        r"|svd_lowrank|pca_lowrank|cholesky_(inverse|solve)|triangular_solve",
        "LAPACK's building blocks and names that PyTorch has deprecated.",
    ),
    "Special functions of physics": (
        r"special\.(airy|bessel|modified|scaled|spherical|chebyshev|hermite|laguerre|legendre|shifted|zeta).*|igammac?",
        "Bessel, Airy, Gamma and polynomial families, most of which PyTorch itself cannot differentiate.",
    ),
}  # fmt: skip
"""Group -> (names, why). Every op that matches is listed by name; all other ops of the database are in the tables."""

FAMILIES = {
    "Losses": r"nn\.functional\.(.*loss.*|.*cross_entropy.*|kl_div)",
    "Activations": (
        r"nn\.functional\.(.*elu.*|hard\w+|softplus|softsign|softshrink|softm.*|.*sigmoid|silu.*|mish|tanhshrink|threshold"
        r"|glu)|softmax.*|log_softmax.*|sigmoid|nn\.functional\.relu6?"
    ),
    "Pooling, padding and resampling": (
        r"nn\.functional\.(.*pool.*|pad.*|interpolate.*|upsample.*|grid_sample|unfold|fold|.*shuffle)"
    ),
    "Layers": r"nn\.functional\..*",
    "Linear algebra": (
        r"linalg\..*|.*mm|.*mv|addm.*|addr|dot|vdot|matmul|inner|outer|kron|trace|einsum|tensordot|norm( .*)?|dist|cdist"
        r"|cross|cholesky|svd|qr|pinverse|logdet|matrix_exp|addbmm|baddbmm|__rmatmul__|block_diag|renorm"
    ),
    "Reductions": (
        r"sum|nansum|mean|nanmean|prod|std.*|var.*|all|any|amax|amin|aminmax|argm\w+|max \(red.*|min \(red.*|logsumexp"
        r"|median|nanmedian|mode|quantile|nanquantile|count_nonzero|cum.*|logcumsumexp|trapz|trapezoid|cumulative_trapezoid|diff"
        r"|gradient|cov|corrcoef"
    ),
    "Sorting, searching and counting": (
        r"sort|msort|argsort|topk|kthvalue|unique.*|bincount|histc|histogram.*|bucketize|searchsorted|isin|nonzero|argwhere"
    ),
    "Indexing and scattering": (
        r"__getitem__|index.*|gather|scatter.*|take.*|put|masked_\w+|select.*|slice.*|where|narrow|diagonal_scatter"
        r"|as_strided_scatter|unravel_index"
    ),
    "Making tensors": (
        r"(new_)?(empty|zeros|ones|full).*|eye|arange|lin.*space.*|logspace.*|tri._indices|scalar_tensor|rand.*|normal.*|uniform"
        r"|cauchy|exponential|geometric|log_normal|bernoulli|multinomial|complex|polar|clone|contiguous|fill|zero_"
    ),
    "Shapes and views": (
        r"view.*|reshape.*|expand.*|broadcast.*|permute|transpose|T|H|mT|mH|t|swap.*|squeeze.*|unsqueeze|flatten|unflatten|ravel"
        r"|chunk|split.*|tensor_split|.split|unbind|stack|.stack|column_stack|cat|repeat.*|tile|roll|rot90|flip.*|movedim"
        r"|diag.*|tri[lu]|unfold|atleast.*|meshgrid.*|cartesian_prod|combinations|as_strided.*|resize.*|sum_to_size"
    ),
    "Conversions": (
        r"to|bool|byte|char|short|int|long|half|bfloat16|float|double|chalf|cfloat|cdouble|item|real|imag|conj.*|resolve.*"
    ),
    "Special functions": (
        r"special\..*|erf.*|.*gamma.*|i0|sinc|xlogy|logit|polygamma.*"
    ),
    "Elementwise": r".*",
}  # fmt: skip
"""Family -> names; an op belongs to the first that matches."""


def outside(name: str) -> str | None:
    """The group for which an op is out of scope, or None."""
    return next((group for group, (names, _) in OUTSIDE.items() if re.fullmatch(names, name)), None)


def family(name: str) -> str:
    """The family of an op that is in scope."""
    return next(title for title, names in FAMILIES.items() if re.fullmatch(names, name))


def inside(names: Any) -> dict[str, list[str]]:
    """The ops in scope, by family."""
    found: dict[str, list[str]] = {title: [] for title in FAMILIES}
    for name in names:
        if outside(name) is None:
            found[family(name)].append(name)
    return found
