"""One line of Python on the CPU and on the device: the same values, the same gradients, and what crossed meanwhile."""

from __future__ import annotations

import contextlib
import re
import warnings

import numpy as np
from oracle.inputs import FACES, call_of, numbers, sample_arrays

import teachgrad
from teachgrad.autograd.variable import TensorBase
from teachgrad.ops.table import OPS

NAMES = re.compile(r"\b[a-zA-Z]\w*\b")
POINTWISE = {name: op for name, op in OPS.items() if op.pointwise and not op.samples}
LINES = sorted({*FACES, *(sample for op in OPS.values() for sample in op.samples)})


def inputs_of(text, dtype="float32"):
    """The arrays that a line mentions, by name."""
    floats, others = sample_arrays(dtype)
    words = set(NAMES.findall(text))
    return {name: array for name, array in (floats | others).items() if name in words}


def pointwise_inputs(op, dtype="float32", shapes=((2, 3), (3,))):
    """Operands A and B, and a mask C, for a pointwise entry."""
    arrays = {
        name: numbers(f"{op.name}{name}", shape, dtype, op.domain) for name, shape in zip("AB", shapes, strict=True)
    }
    words = set(NAMES.findall(call_of(op)))
    arrays["C"] = np.arange(6).reshape(2, 3) % 2 == 0
    return {name: array for name, array in arrays.items() if name in words}


def tensors_in(value):
    """The tensors in a tensor, tuple or list."""
    if isinstance(value, TensorBase):
        return [value]
    if isinstance(value, tuple | list):
        return [tensor for part in value for tensor in tensors_in(part)]
    return []


def host(value):
    """A result with all its tensors as NumPy arrays."""
    if isinstance(value, TensorBase):
        return value.detach().cpu().numpy() if value.dtype is not teachgrad.bfloat16 else value.float().tolist()
    if isinstance(value, tuple | list):
        return [host(part) for part in value]
    return value


def cotangents(results, place):
    """Fixed gradients to send into the results, on the device."""
    made = []
    for number, result in enumerate(results):
        size = int(np.prod(result.shape, dtype=np.int64))
        values = (np.cos(np.arange(1, size + 1) * (0.7 + number)) + 1.5).reshape(tuple(result.shape))
        made.append(teachgrad.from_numpy(values.astype(result.dtype.numpy)).to(place))
    return made


def run(text, arrays, place, watch=contextlib.nullcontext, second=False):
    """(results, gradients, second gradients, what crossed) of a line whose inputs are on the device `place`."""
    tensors = {}
    for name, array in arrays.items():
        tensor = teachgrad.from_numpy(array.copy()).to(place)
        tensors[name] = tensor.requires_grad_() if array.dtype.kind in "fc" else tensor
    space = {"torch": teachgrad, "F": teachgrad.nn.functional, "np": np, **tensors}
    crossed = {}
    leaves = [tensor for tensor in tensors.values() if tensor.requires_grad]
    grads, more = [], []
    with warnings.catch_warnings(), teachgrad.device(place):
        warnings.simplefilter("ignore")
        teachgrad.manual_seed(0)
        with watch() as counts:
            value = eval(text, space)
        crossed["forward"] = counts
        roots = [tensor for tensor in tensors_in(value) if tensor.requires_grad]
        if roots and leaves:
            starts = cotangents(roots, place)
            with watch() as counts:
                grads = teachgrad.autograd.grad(roots, leaves, starts, create_graph=second, allow_unused=True)
            crossed["backward"] = counts
            roots = [grad for grad in grads if grad is not None and grad.requires_grad]
            if second and roots:
                starts = cotangents(roots, place)
                with watch() as counts:
                    more = teachgrad.autograd.grad(roots, leaves, starts, allow_unused=True)
                crossed["second backward"] = counts
    if not isinstance(value, str):
        for tensor in tensors_in([value, [g for g in [*grads, *more] if g is not None]]):
            assert tensor.device == teachgrad.device(place, None if place == "cpu" else 0), (
                f"{text}: on {tensor.device}"
            )
    return host(value), host(list(grads)), host(list(more)), crossed


def check_same(found, wanted, about, rtol=1e-5, atol=1e-6):
    """The same structure, shapes, dtypes and, nearly, numbers."""
    if isinstance(wanted, list):
        assert len(found) == len(wanted), about
        for one, other in zip(found, wanted, strict=True):
            check_same(one, other, about, rtol, atol)
    elif isinstance(wanted, np.ndarray):
        assert found.shape == wanted.shape and found.dtype == wanted.dtype, f"{about}: {found.dtype}{found.shape}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            np.testing.assert_allclose(found, wanted, rtol=rtol, atol=atol, err_msg=about)
    elif isinstance(wanted, float):
        assert found == wanted or abs(found - wanted) <= atol + rtol * abs(wanted) or found != found, about
    else:
        assert found == wanted, about


def is_random(text):
    return any(
        word in text for word in ("manual_seed", "rand", "dropout", "rrelu", "bernoulli", "multinomial", "normal")
    )


UNDETERMINED = re.compile(r"\bqr\(|eig\(|eigvals\(")
"""Lines whose answers cuSOLVER may give with other signs or in another order than LAPACK. test_linalg.py compares sums."""
