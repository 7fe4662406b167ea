"""Which lines may wait for the device, or carry numbers to it or from it, and why. All others must not."""

from __future__ import annotations

import re

from teachgrad.ops.hosted import HOSTED
from teachgrad.ops.table import OPS

DATA_DECIDES = "the shape of the answer depends on the numbers (PyTorch waits here too)"
PYTHON_ASKS = "the answer is a Python number or bool, or an index must be one"
HOST_NUMBERS = "the line makes a tensor of Python's or NumPy's numbers, or indexes with them"
MAY_FAIL = "whether the matrix has an inverse must be known (PyTorch waits here too)"
CPU_COMPUTES = "CuPy has no such decomposition: ops/hosted.py"
STEPS = "how many terms of the series are needed depends on the smallest number"

ALLOWED = {
    r"nonzero|argwhere|unique|bincount|masked_select|masked_scatter|repeat_interleave|\[[^]]*(mask|>|True|False)|uint8\)\]|"
    r"index_put.*mask|masked_fill_?\(mask, s\)|index_fill|histogram|histc|one_hot|combinations|cartesian": DATA_DECIDES,
    r"allclose|equal\(|is_nonzero|\[i\[0\]|item\(|tolist|__index__|s\[s|tensor_split|isclose\(.*bool": PYTHON_ASKS,
    r"torch\.\w*[tT]ensor\(|torch\.as\w*\(|np\.|space\(|arange|_indices|\[\[?-?\d[^]]*, |\[\(|\[\[|range|new_tensor|window|"
    r"hann|hamming|kaiser|blackman|bartlett|from_numpy|lengths|ctc_loss|manual_seed|eye|full\(|legacy|vander": HOST_NUMBERS,
    r"inv|solve|matrix_power|cholesky|\.det|pinv": MAY_FAIL,
    r"eigvals|lu_factor|matrix_rank|linalg\.cond|multi_dot|householder|orgqr": CPU_COMPUTES,
    r"polygamma|digamma|lgamma|multigammaln": STEPS,
}

_HOSTED_OPS = re.compile("|".join(rf"\b{name}\(" for name in HOSTED))
_HOSTED_NODES = {name for name, op in OPS.items() if _HOSTED_OPS.search(" ".join([op.forward, *op.rules.values()]))}


def reason(text):
    """Why the line may cross, or None."""
    for pattern, why in ALLOWED.items():
        if re.search(pattern, text):
            return why
    for name in _HOSTED_NODES:
        if re.search(rf"\b{name.split('.')[-2 if '.' in name else 0]}\b", text):
            return CPU_COMPUTES
    return None
