"""What the CPU computes for a GPU as well: decompositions that CuPy does not have, or not for batches.

Their arrays are sent to the computer's own memory and the answer back: two crossings, which the tests know by this list.
Multiplying, solving, inverting, the determinant, and the decompositions named svd, eigh and qr stay on the GPU.
"""

from __future__ import annotations

from teachgrad.gpu import on_host
from teachgrad.ops import ctc, factorings, solving  # noqa: F401 - whose functions these are
from teachgrad.ops.table import RAW

HOSTED = (
    "eigen", "eig_slope", "triangular_root", "packed_factors", "packed_slope", "unpacked", "unpacked_slope", "factors",
    "lu_slope", "solved_triangular", "triangular_slope", "lu_solved", "lu_solve_slope", "pseudo_inverse", "pinv_slope",
    "least_squares", "lstsq_slope", "exponential", "exponential_slope", "ctc_of", "ctc_back",
)  # fmt: skip
"""Their names in the rules."""

for _name in HOSTED:
    RAW[_name] = on_host(RAW[_name])
