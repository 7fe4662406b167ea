"""The inputs of the sample expressions, and the calls that a pointwise entry of the table cannot say by itself."""

from __future__ import annotations

import zlib

import numpy as np

from oracle.creation_lines import LINES
from oracle.linalg_lines import LINES as LINALG_LINES
from oracle.name_lines import LINES as NAME_LINES

CALLS = {
    "add.alpha": "torch.add(A, B, alpha=2)",
    "sub.alpha": "torch.sub(A, B, alpha=2)",
    "rsub.tensor": "torch.rsub(A, B)",
    "rsub.number": "3 - A",
    "div.floor": "torch.div(A, B, rounding_mode='floor')",
    "div.trunc": "torch.div(A, B, rounding_mode='trunc')",
    "floor_divide.tensor": "A // B",
    "floor_divide.number": "A // 2",
    "floor_divide.of_number": "7 // A",
    "remainder.tensor": "A % B",
    "remainder.number": "A % 2",
    "remainder.of_number": "7 % A",
    "fmod.tensor": "torch.fmod(A, B)",
    "fmod.number": "torch.fmod(A, 2)",
    "pow.number": "A ** 3",
    "pow.tensor": "A ** B",
    "pow.base": "2 ** A",
    "clamp.numbers": "torch.clamp(A, -1, 1)",
    "clamp.tensors": "torch.clamp(A, -B, B)",
    "clamp_min.number": "torch.clamp_min(A, 0.5)",
    "clamp_max.number": "torch.clamp_max(A, 0.5)",
    "clamp_min.tensor": "torch.clamp_min(A, B)",
    "clamp_max.tensor": "torch.clamp_max(A, B)",
    "round.whole": "torch.round(A)",
    "round.decimals": "torch.round(A, decimals=1)",
    "where.tensors": "torch.where(C, A, B)",
    "isclose.all": "torch.isclose(A, B)",
}
"""How to call a pointwise op with the tensors A, B (and the mask C); unlisted ones are `torch.name(A, B)`."""

IN_PLACE = {
    "add.alpha": "A.add_(B, alpha=2)",
    "sub.alpha": "A.sub_(B, alpha=2)",
    "div.floor": "A.div_(B, rounding_mode='floor')",
    "div.trunc": "A.div_(B, rounding_mode='trunc')",
    "floor_divide.tensor": "A.floor_divide_(B)",
    "floor_divide.number": "A.floor_divide_(2)",
    "remainder.tensor": "A.remainder_(B)",
    "remainder.number": "A.remainder_(2)",
    "fmod.tensor": "A.fmod_(B)",
    "fmod.number": "A.fmod_(2)",
    "pow.number": "A.pow_(3)",
    "pow.tensor": "A.pow_(B)",
    "clamp.numbers": "A.clamp_(-1, 1)",
    "clamp.tensors": "A.clamp_(-B, B)",
    "clamp_min.number": "A.clamp_min_(0.5)",
    "clamp_max.number": "A.clamp_max_(0.5)",
    "clamp_min.tensor": "A.clamp_min_(B)",
    "clamp_max.tensor": "A.clamp_max_(B)",
    "round.whole": "A.round_()",
    "round.decimals": "A.round_(decimals=1)",
}
"""The same in place; unlisted ones that PyTorch has are `A.name_(B)`."""

FACES = [
    "torch.add(x, y, alpha=2)", "x.add(y, alpha=-1)", "torch.sub(x, y, alpha=3)", "torch.subtract(x, 2)", "x.sub(1)",
    "torch.rsub(x, y)", "torch.rsub(x, 2)", "torch.div(x, p)", "torch.divide(x, 2)", "torch.true_divide(x, p)",
    "torch.div(x, p, rounding_mode='floor')", "torch.div(x, p, rounding_mode='trunc')", "x.multiply(y)",
    "torch.mul(x, 3)", "torch.remainder(x, p)", "torch.remainder(x, 2)", "torch.remainder(3, p)", "torch.fmod(x, p)",
    "torch.fmod(x, 2)", "torch.pow(x, 2)", "torch.pow(p, y)", "torch.pow(2, x)", "x.pow(3)", "x ** 0", "x ** 1",
    "p ** 0.5", "p ** -1", "x ** -2", "torch.square(x)", "x.square()", "torch.positive(x)", "+x", "-x",
    "torch.negative(x)", "torch.absolute(x)", "abs(x)", "torch.clamp(x, 0)", "torch.clamp(x, max=0.5)",
    "x.clamp(min=-0.5)", "torch.clip(x, -0.5, 0.5)", "x.clip(0)", "torch.clamp(x, y, p)", "torch.clamp(x, min=v)",
    "torch.clamp(x, max=v)", "torch.clamp_min(x, 0.1)", "x.clamp_max(0.1)", "torch.round(x)",
    "torch.round(x, decimals=1)", "torch.where(mask, x, y)", "torch.where(mask, x, 0.)", "torch.where(mask, 1., x)",
    "torch.where(x > 0, x, v)", "x.where(mask, y)", "x.where(mask, 0.)", "torch.where(mask, 1, 2)",
    "torch.allclose(x, x)", "torch.allclose(x, y)",
    "torch.equal(x, x)", "x.equal(y)", "torch.equal(x, v)", "torch.floor_divide(x, p)", "torch.floor_divide(7, p)",
    "torch.isclose(x, y)", "torch.isclose(x, x + 1e-7)", "x.isclose(y, rtol=10.)", "torch.logical_not(x)",
    "torch.fix(x)", "torch.arcsin(x / 9)", "torch.arccos(x / 9)", "torch.arctan(x)", "torch.arctan2(x, p)",
    "torch.arcsinh(x)", "torch.arccosh(p + 1)", "torch.arctanh(x / 9)", "x > y", "x >= 0", "x < v", "x <= y",
    "x == x", "x != y", "torch.less(x, y)", "torch.greater_equal(x, 0)", "torch.not_equal(x, y)",
    "torch.greater(x, y)", "torch.less_equal(x, y)", "mask & (x > 0)", "mask | ~mask", "mask ^ (x > 0)", "1 - x",
    "1 + x", "2 * x", "2 / p", "2 ** x", "3 % p", "7 // p", "x // 1", "x % 2", "x // p", "s * x", "x * s", "s + 1",
    "s * s", "2. ** i", "i ** 2", "2 ** i", "i / 2", "i // 2", "i % 2", "1 / (i + 1)", "i - 1", "1 - i", "i * 2.5",
    "i + True", "~i", "~mask", "torch.alpha_dropout(x, 0.5, False)", "torch.dropout(x, 0.5, False)",
    "torch.feature_alpha_dropout(x, 0.5, False)", "torch.rrelu(x)", "torch.avg_pool1d(b, 2)",
    "torch.max_pool1d(b, 2)", "torch.bilinear(x, y, m[None])", "torch.cosine_similarity(x, y)",
    "torch.count_nonzero(x)", "torch.diff(x)", "torch.einsum('ij,kj->ik', x, y)", "torch.ger(v, u)",
    "torch.outer(v, u)", "torch.inner(x, v)", "torch.logdet(m @ m.t())", "torch.matmul(x, m)", "torch.matmul(b, c)",
    "torch.matmul(x, v)", "torch.matmul(v, m)", "torch.matmul(b, k)", "x @ m @ v", "torch.matrix_power(m, 3)",
    "torch.nanmean(x)", "torch.tensordot(x, m, 1)", "torch.all(mask)", "mask.all(1)", "x.any()",
    "torch.linalg.det(m)", "torch.special.erf(x)", "torch.special.expit(x)", "torch.special.xlogy(p, p)",
    "x.sum_to_size(1, 3)", "x.sum_to_size(3)", "x.double()", "x.half()", "x.int()", "x.bool()",
    "x.to(torch.float64) * x", "x.type_as(i)", "i & 1", "i | 2", "i ^ 3", "1 & i", "mask + mask", "mask * 2",
    "mask * 1.5", "mask + i.sum()", "-i", "abs(-i)", "i << 1", "i >> 1",
]  # fmt: skip
"""Lines for the functions that are not entries themselves but choose among them (`torch.clamp`, `torch.where`, ...)."""
FACES += LINES + LINALG_LINES + NAME_LINES


def call_of(op):
    return CALLS.get(op.name) or f"torch.{op.name}({', '.join('AB'[: len(op.inputs)])})"


def numbers(key, shape, dtype="float32", domain="real"):
    """Numbers of a domain, different for each key, without ties, zeros or halves among the floats."""
    generator = np.random.default_rng(zlib.crc32(f"{key}{shape}".encode()))
    low, high = {"real": (-2.1, 2.1), "positive": (0.3, 2.5), "unit": (-0.9, 0.9), "above one": (1.1, 3.0)}[domain]
    kind = np.dtype(dtype).kind
    if kind == "b":
        return generator.integers(0, 2, shape).astype(bool)
    if kind in "iu":
        bounds = {"real": (-4, 5), "positive": (1, 6), "unit": (-1, 2), "above one": (1, 6)}[domain]
        return generator.integers(max(bounds[0], 0) if kind == "u" else bounds[0], bounds[1], shape).astype(dtype)
    size = int(np.prod(shape, dtype=np.int64))
    spread = (np.arange(size) + generator.uniform(0.2, 0.8, size)) / max(size, 1)  # one in each strip: no ties
    values = low + (high - low) * generator.permutation(spread)
    if kind == "c":
        values = values + 1j * generator.permutation(values)
    return np.asarray(values).reshape(shape).astype(dtype)


def sample_arrays(dtype="float32"):
    """The vocabulary of `samples`: arrays by name, and which of them require grad."""
    turned = 0.2j * numbers("m", (3, 3), "float64") if np.dtype(dtype).kind == "c" else 0
    floats = {
        "x": numbers("x", (2, 3), dtype),
        "y": numbers("y", (2, 3), dtype),
        "p": numbers("p", (2, 3), dtype, "positive"),
        "v": numbers("v", (3,), dtype),
        "u": numbers("u", (3,), dtype),
        "s": numbers("s", (), dtype),
        "m": (numbers("m", (3, 3), "float64") * 0.3 + 2 * np.eye(3) + turned).astype(dtype),
        "b": numbers("b", (2, 3, 4), dtype),
        "c": numbers("c", (2, 4, 5), dtype),
        "k": numbers("k", (4, 5), dtype),
    }
    others = {
        "i": np.array([1, 0]),
        "labels": np.array([2, 0]),
        "mask": np.array([[True, False, True], [False, False, True]]),
        "idx": np.array([[0, 2], [1, 0]]),
    }
    return floats, others
