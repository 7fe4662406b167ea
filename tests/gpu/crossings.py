"""Which lines may wait for the device, or carry numbers to it or from it, and why. All others must not."""

from __future__ import annotations

import re

DATA_DECIDES = "the shape of the answer depends on the numbers (PyTorch waits here too)"
PYTHON_ASKS = "the answer is a Python number or bool, or an index must be one"
HOST_NUMBERS = "the line makes a tensor of Python's or NumPy's numbers, or indexes with them"
MAY_FAIL = "whether the matrix has an inverse must be known (PyTorch waits here too)"
CPU_COMPUTES = "CuPy 13 has no eigenvalues of matrices that are not symmetric"
STEPS = "how often to square is read from the matrix (PyTorch waits here too)"

ALLOWED = {
    r"nonzero|argwhere|unique|bincount|masked_select|masked_scatter|repeat_interleave|\[[^]]*(mask|>|True|False)|uint8\)\]|"
    r"index_put.*mask|masked_fill_?\(mask, s\)|index_fill|histogram|histc|one_hot|combinations|cartesian": DATA_DECIDES,
    r"allclose|equal\(|is_nonzero|\[i\[0\]|item\(|tolist|__index__|s\[s|tensor_split|isclose\(.*bool": PYTHON_ASKS,
    r"torch\.\w*[tT]ensor\(|torch\.as\w*\(|np\.|space\(|arange|_indices|\[\[?-?\d[^]]*, |\[\(|\[\[|range|new_tensor|window|"
    r"hann|hamming|kaiser|blackman|bartlett|from_numpy|lengths|ctc_loss|manual_seed|eye|full\(|legacy|vander": HOST_NUMBERS,
    r"linalg\.inv\(|inverse\(|tensorinv|linalg\.solve\(|tensorsolve|matrix_power\(.*-|cholesky\(|lu_factor\(": MAY_FAIL,
    r"eig\(|eigvals\(": CPU_COMPUTES,
    r"matrix_exp": STEPS,
}


def reason(text):
    """Why the line may cross, or None."""
    for pattern, why in ALLOWED.items():
        if re.search(pattern, text):
            return why
    return None
