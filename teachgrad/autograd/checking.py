"""Is a gradient right? Compare it with what the function does when its input moves a little.

    numerical    (f(x + eps) - f(x - eps)) / (2 eps)       one input element at a time, central differences
    analytical   v^T J for each unit vector v              backward (or J v, forward mode), one output element at a time

Both are written as matrices with one row per input element and one column per output element; entries must agree within
`atol + rtol * |numerical|`. In float64 the central difference with eps 1e-6 has about ten good digits; in float32 almost
none. At a kink (relu at 0) the two differ rightly: the numerical one is the mean of the two slopes.

For complex numbers the real and the imaginary part of the output are checked one after the other, as two real functions.
A row belonging to a complex input is then d/dx + i d/dy, PyTorch's convention for gradients.

Mirrors `torch/autograd/gradcheck.py`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from teachgrad import autograd, devices, errors, gpu
from teachgrad.autograd import forward_ad, refusals
from teachgrad.autograd.variable import TensorBase, wrap

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]

Function = Callable[..., Any]


class GradcheckError(RuntimeError):
    """The two gradients differ."""


def gradcheck(
    func: Function,
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """True if the gradients of `func` at `inputs` are those of small differences. Mirrors `torch.autograd.gradcheck`.

    `inputs` is a tensor or a tuple; those that require grad are checked and should be float64 or complex128. With
    `check_forward_ad` forward mode is checked, too. The batched checks, `fast_mode` and `masked` change nothing here: there
    are no batched gradients to differ, and every entry is always compared.

    Raises GradcheckError, with both matrices and a note that names the worst entry, unless `raise_exception` is False;
    ValueError if no input requires grad.
    """
    if not (check_forward_ad or check_backward_ad):
        raise AssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    if check_batched_grad and not check_backward_ad:
        raise AssertionError("Setting check_batched_grad=True requires check_backward_ad to be True")
    if check_batched_forward_grad and not check_forward_ad:
        raise AssertionError("Setting check_batched_forward_grad=True requires check_forward_ad to be True")
    args = _as_tuple(inputs)
    _check_inputs(args)
    check = _Check(func, args, eps, atol, rtol, nondet_tol, check_grad_dtypes)
    try:
        if check_backward_ad:
            check.backward()
        if check_forward_ad:
            check.forward()
        if check_backward_ad:
            _check_zero_gradients(func, args, check_undefined_grad)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Function,
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """`gradcheck` of the gradient: are the second derivatives right? Mirrors `torch.autograd.gradgradcheck`.

    `grad_outputs`, the weights with which the first gradient is taken, are random unless given.
    """
    if not (check_fwd_over_rev or check_rev_over_rev):
        raise AssertionError("Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True")
    from teachgrad.testing import make_tensor

    args = _as_tuple(inputs)
    if grad_outputs is None:
        weights = tuple(
            make_tensor(out.shape, dtype=out.dtype, device="cpu", low=-1, high=1, requires_grad=True)
            for out in _differentiable(func(*args))
        )
    else:
        weights = _as_tuple(grad_outputs)
    count = len(weights)
    watched = [isinstance(a, TensorBase) and a._requires_grad for a in args]

    def slope(*values: Any) -> Any:
        points = [
            value.requires_grad_() if watch else value for value, watch in zip(values[:-count], watched, strict=True)
        ]
        starts = [
            w.requires_grad_() if given._requires_grad else w for w, given in zip(values[-count:], weights, strict=True)
        ]
        wanted = [point for point, watch in zip(points, watched, strict=True) if watch]
        found = autograd.grad(_differentiable(func(*points)), wanted, starts, create_graph=True, allow_unused=True)
        return tuple(grad for grad in found if grad is not None)

    return gradcheck(
        slope, args + weights, eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception, nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad, check_grad_dtypes=check_grad_dtypes,
        check_forward_ad=check_fwd_over_rev, check_backward_ad=check_rev_over_rev,
    )  # fmt: skip


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _differentiable(outputs: Any) -> tuple[Any, ...]:
    return tuple(out for out in _as_tuple(outputs) if isinstance(out, TensorBase) and out._requires_grad)


def _check_inputs(args: Sequence[Any]) -> None:
    """Warns about single precision. Raises ValueError if there is nothing to check, RuntimeError for overlapping memory."""
    wanted: list[tuple[int, Any]] = [
        (i, a) for i, a in enumerate(args) if isinstance(a, TensorBase) and a._requires_grad
    ]
    for number, tensor in wanted:
        if str(tensor.dtype) not in ("torch.float64", "torch.complex128"):
            warnings.warn(
                f"Input #{number} requires gradient and is not a double precision floating point or complex. This check "
                "will likely fail if all the inputs are not of double precision floating point or complex. ",
                stacklevel=3,
            )
        if any(step == 0 and size > 1 for step, size in zip(tensor.stride(), tensor.shape, strict=True)):
            raise RuntimeError(
                f"The {number}th input has a dimension with stride 0. gradcheck only supports inputs that are "
                "non-overlapping to be able to compute the numerical gradients correctly. You should call .contiguous on "
                "the input before passing it to gradcheck."
            )
    if not wanted:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )


@dataclass
class _Check:
    """One function at one point, and how exactly its gradients must agree."""

    func: Function
    args: tuple[Any, ...]
    eps: float
    atol: float
    rtol: float
    nondet_tol: float
    check_dtypes: bool

    @property
    def wanted(self) -> list[int]:
        """The positions of the inputs to check."""
        return [i for i, a in enumerate(self.args) if isinstance(a, TensorBase) and a._requires_grad]

    def outputs(self) -> list[Any]:
        """The tensors that the function returns."""
        return [out for out in _as_tuple(self.func(*self.args)) if isinstance(out, TensorBase)]

    def backward(self) -> None:
        """Compares backward with the differences; for complex outputs once for each part."""
        whole = [out.is_complex() for out in _differentiable(self.outputs())]
        if not any(out.is_complex() for out in self.outputs()):
            self._compare_backward("", whole)
            return
        for part, name in (("imag", "imaginary"), ("real", "real")):
            self._of_outputs(part)._compare_backward(name, whole)

    def _of_outputs(self, part: str) -> _Check:
        def func(*args: Any) -> Any:
            outputs = _as_tuple(self.func(*args))
            return tuple(
                getattr(o, part) if isinstance(o, TensorBase) and o._data.dtype.kind == "c" else o for o in outputs
            )

        return replace(self, func=func)

    def _compare_backward(self, part: str, complex_outputs: list[bool]) -> None:
        outputs = self.outputs()
        numerical = [self._differences(i) for i in self.wanted]
        live = [n for n, out in enumerate(outputs) if out._requires_grad]
        if not live and any(matrix.any() for matrices in numerical for matrix in matrices):
            raise GradcheckError("Numerical gradient for function expected to be zero")
        for number, n in enumerate(live):
            mode = part if complex_outputs[number] else ""
            for column, matrix in enumerate(self._rows(outputs[n])):
                self._agree(matrix, numerical[column][n], number, column, mode, "outputs")

    def _moved(self, which: int, place: int, by: complex) -> list[Any]:
        """The outputs, as arrays, with one element of one input moved."""
        args = list(self.args)
        for i in self.wanted:
            args[i] = wrap(gpu.xp(self.args[i]._data).array(self.args[i]._data))
            args[i]._requires_grad = True
        args[which]._data.reshape(-1)[place] += by
        outputs = [
            np.array(gpu.to_host(out._data)) for out in _as_tuple(self.func(*args)) if isinstance(out, TensorBase)
        ]
        return [out.astype(np.float64) if out.dtype.kind in "biu" else out for out in outputs]

    def _slope(self, which: int, place: int, step: complex) -> list[Any]:
        below, above = self._moved(which, place, -step), self._moved(which, place, step)
        slopes = []
        for a, b in zip(below, above, strict=True):
            if a.shape != b.shape:
                raise refusals.perturbed_shape(place, self.eps, a.shape, b.shape)
            slopes.append((b - a).reshape(-1) / (2 * self.eps))
        return slopes

    def _differences(self, which: int) -> list[Any]:
        """Per output, the numerical matrix for one input."""
        tensor = self.args[which]
        columns = []
        for place in range(tensor._data.size):
            slopes = self._slope(which, place, self.eps)
            if tensor.is_complex():
                slopes = [x + 1j * y for x, y in zip(slopes, self._slope(which, place, self.eps * 1j), strict=True)]
            columns.append(slopes)
        return [np.stack(rows) for rows in zip(*columns, strict=True)]

    def _rows(self, output: Any) -> list[Any]:
        """Per input, the matrix that backward gives for one output, computed twice to see that it is always the same."""
        inputs = [self.args[i] for i in self.wanted]

        def pull_back() -> list[Any]:
            matrices = [np.zeros((t._data.size, output._data.size), t._data.dtype) for t in inputs]
            for place in range(output._data.size):
                one = np.zeros(output._data.size, output._data.dtype)
                one[place] = 1
                start = wrap(devices.put(one.reshape(output._data.shape), output.device))
                for matrix, tensor, grad in zip(
                    matrices,
                    inputs,
                    autograd.grad(output, inputs, start, retain_graph=True, allow_unused=True),
                    strict=True,
                ):
                    if grad is not None:
                        if grad._data.shape != tensor._data.shape:
                            raise GradcheckError("Analytical gradient has incorrect size")
                        if self.check_dtypes and grad.dtype != tensor.dtype:
                            raise GradcheckError("Gradient has dtype mismatch")
                        matrix[:, place] = gpu.to_host(grad._data).reshape(-1)
            return matrices

        first, second = pull_back(), pull_back()
        if any(a.size and np.abs(a - b).max() > self.nondet_tol for a, b in zip(first, second, strict=True)):
            raise GradcheckError(refusals.not_reentrant(self.nondet_tol))
        return first

    def forward(self) -> None:
        """Compares forward mode with the differences; for complex inputs once for each part."""
        whole = [self.args[i].is_complex() for i in self.wanted]
        if not any(whole):
            self._compare_forward("", whole)
            return
        for part, name in (("imag", "imaginary"), ("real", "real")):
            self._of_inputs(part)._compare_forward(name, whole)

    def _of_inputs(self, part: str) -> _Check:
        """The function of the real (or imaginary) parts of its complex inputs, the other parts held still."""
        still = {i: self.args[i]._data for i in self.wanted if self.args[i].is_complex()}

        def func(*args: Any) -> Any:
            whole = list(args)
            for i, data in still.items():
                rest = wrap(gpu.xp(data).array(data.imag * 1j if part == "real" else data.real + 0j))
                whole[i] = args[i] + rest if part == "real" else rest + args[i] * 1j
            return self.func(*whole)

        parts = list(self.args)
        for i, data in still.items():
            parts[i] = wrap(gpu.xp(data).array(getattr(data, part)))
            parts[i]._requires_grad = True
        return replace(self, func=func, args=tuple(parts))

    def _compare_forward(self, part: str, complex_inputs: list[bool]) -> None:
        for column, which in enumerate(self.wanted):
            mode = part if complex_inputs[column] else ""
            for number, (matrix, numbers) in enumerate(
                zip(self._columns(which), self._differences(which), strict=True)
            ):
                self._agree(matrix, numbers, number, column, mode, "inputs", "computed with forward mode ")

    def _columns(self, which: int) -> list[Any]:
        """Per output, the matrix that forward mode gives for one input."""
        tensor = self.args[which]
        rows = []
        for place in range(tensor._data.size):
            one = np.zeros(tensor._data.size, tensor._data.dtype)
            one[place] = 1
            args = [wrap(a._data) if i in self.wanted else a for i, a in enumerate(self.args)]
            with forward_ad.dual_level():
                direction = wrap(devices.put(one.reshape(tensor._data.shape), tensor.device))
                args[which] = forward_ad.make_dual(args[which], direction)
                outputs = [out for out in _as_tuple(self.func(*args)) if isinstance(out, TensorBase)]
                tangents = [forward_ad.unpack_dual(out).tangent for out in outputs]
            rows.append(
                [
                    np.zeros(o._data.size, o._data.dtype) if t is None else np.array(gpu.to_host(t._data)).reshape(-1)
                    for o, t in zip(outputs, tangents, strict=True)
                ]
            )
        return [np.stack(column) for column in zip(*rows, strict=True)]

    def _agree(
        self, analytical: Any, numerical: Any, output: int, column: int, part: str, parts_of: str, mode: str = ""
    ) -> None:
        """Raises GradcheckError unless the two matrices agree."""
        if np.allclose(analytical, numerical, self.rtol, self.atol):
            return
        only = f"While considering the {part} part of complex {parts_of} only, " if part else ""
        error = GradcheckError(
            f"{only}Jacobian {mode}mismatch for output {output} with respect to input {column},\n"
            f"numerical:{wrap(numerical)}\nanalytical:{wrap(analytical)}\n"
        )
        excess = np.abs(analytical - numerical) - self.rtol * np.abs(numerical)
        row, place = np.unravel_index(int(np.nan_to_num(excess, nan=np.inf).argmax()), excess.shape)
        shape = self.args[self.wanted[column]]._data.shape
        element = [int(i) for i in np.unravel_index(int(row), shape)]
        raise errors.explained(
            error,
            f"The largest difference is in row {row}, column {place}: how element {element} of input "
            f"{self.wanted[column]} moves element {place} (counted through) of output {output}. The rule says "
            f"{analytical[row, place]:.6g}, a small step says {numerical[row, place]:.6g}; they differ by "
            f"{abs(analytical[row, place] - numerical[row, place]):.3g}.",
        )


def _check_zero_gradients(func: Function, args: tuple[Any, ...], without_some: bool) -> None:
    """A gradient of zero, or none at all, must come back as zero: the rule is linear in it."""
    inputs = [a for a in args if isinstance(a, TensorBase) and a._requires_grad]
    count = len(_differentiable(func(*args)))
    for left_out in range(-1, count if without_some and count > 1 else 0):
        outputs = [o for n, o in enumerate(_differentiable(func(*args))) if n != left_out]
        zeros = [wrap(np.zeros_like(out._data)) for out in outputs]
        for grad in autograd.grad(outputs, inputs, zeros, allow_unused=True) if outputs else ():
            if grad is not None and grad._data.any():
                raise GradcheckError("backward not multiplied by grad_output")
