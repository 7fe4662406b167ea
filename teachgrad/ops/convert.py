"""Off the hot path: dtypes that meet in one op, and calls whose array computation failed.

PyTorch promotes by category (bool < integers < floats < complex), and within a category a 0-d tensor and a Python
number give way to a tensor with dimensions. NumPy's own promotion knows the second rule for Python numbers only, so the
ops convert their operands here, before NumPy sees them, whenever the dtypes differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from teachgrad import dtypes, errors, gpu
from teachgrad.autograd.graph import edge_of
from teachgrad.autograd.variable import ARRAYS, TensorBase, wrap
from teachgrad.bfloats import NeedsFloat32, cast, guarded
from teachgrad.conjugates import meet
from teachgrad.ops.arrays import dtype_of
from teachgrad.ops.table import OPS, Op

NUMBERS = (bool, int, float, complex, np.generic)
"""What counts as a number beside a tensor: Python's own, and NumPy's scalars, which are taken as Python's."""


def promote(*arrays: Any) -> tuple[Any, ...]:
    """The operands cast to the one dtype in which PyTorch would compute."""
    dtype = dtypes.result_numpy_dtype(arrays)
    if dtype.kind == "V":  # bfloat16 is not computed with
        raise NeedsFloat32("promote")
    meet(dtype)
    return tuple(array if array.dtype is dtype else array.astype(dtype) for array in arrays)


def promote_number(array: Any, *numbers: Any) -> Any:
    """`array` cast to the dtype in which PyTorch would combine it with Python numbers (None: no number)."""
    dtype = dtypes.result_numpy_dtype((array, *(number for number in numbers if number is not None)))
    meet(dtype)
    return array if array.dtype is dtype else cast(array, dtype)


def to_floats(array: Any) -> Any:
    """Integers and bools as numbers of the default dtype; floats as they are."""
    if array.dtype.kind in "fcV":
        return array
    return cast(array, dtypes.get_default_dtype().numpy)


def number(name: str, value: Any) -> Any:
    """`value` as a Python number, the second operand of op `name`. Raises TypeError for anything that is not a number."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, NUMBERS):
        if isinstance(value, complex) and name in OPS and "c" in "".join(OPS[name].refuses):
            raise refused(name, np.empty(0, dtypes.of_number(value).numpy))
        return value
    raise _wrong_operand(OPS[name], 1, ("Tensor", value))


def as_tensor(value: Any, others: Sequence[Any]) -> Any:
    """A Python number as a 0-d tensor of the dtype that it has beside the other operands; a tensor as it is."""
    if not isinstance(value, NUMBERS):
        return value
    value = value.item() if isinstance(value, np.generic) else value
    if value.__class__ is float:  # a float among floats takes their dtype: the common case
        for each in others:
            if isinstance(each, TensorBase) and each._data.dtype.kind == "f":
                return wrap(each._data.dtype.type(value))
    dtype = dtypes.result_type(value, *(each._data for each in others if isinstance(each, TensorBase)))
    return wrap(dtype.numpy.type(value) if dtype is not dtypes.bfloat16 else guarded(dtype.numpy.type(value)))


def operand(value: Any) -> Any:
    """`value` as a Python number, or NotImplemented: then Python asks the other operand, and raises TypeError."""
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, NUMBERS) else NotImplemented


def fit(result: Any, *tensors: TensorBase | None) -> tuple[tuple[Any, ...] | None, ...]:
    """The shape and dtype to which the gradient of each tensor must come back, unless they are those of `result`.

    A third item, True, says that it must come back from a GPU to the CPU, too. With None for `result` all are named.
    """
    if gpu.MODULES and len({gpu.on_gpu(t._data) for t in tensors if t is not None}) > 1:
        return tuple(
            (t._data.shape, t._data.dtype, not gpu.on_gpu(t._data)) if t is not None and t._requires_grad else None
            for t in tensors
        )
    shape = None if result is None else result.shape
    for t in tensors:
        if shape is not None and t is not None and t._data.dtype is not result.dtype:
            shape = None  # beside another dtype a rule may return one that is neither
    wanted: list[tuple[Any, ...] | None] = []
    for t in tensors:
        if t is None or not t._requires_grad or t._data.shape == shape:
            wanted.append(None)
        else:
            wanted.append((t._data.shape, t._data.dtype))
    return tuple(wanted)


def no_bools(*operands: Any) -> None:
    """Raises RuntimeError if bools are about to be subtracted, or subtracted from."""
    if any(isinstance(each, bool) or getattr(each, "dtype", None) == np.bool_ for each in operands):
        raise errors.bool_subtraction("a bool tensor")


def no_bool_power(factor: Any, exponent: Any) -> None:
    """Raises NotImplementedError if a float is to be multiplied by 2 to the power of a bool."""
    if factor.dtype.kind == "f" and exponent.dtype == np.bool_:
        raise errors.not_for_dtype("ldexp_cpu_exp", "Bool")


def same_dtype(first: Any, second: Any) -> None:
    """Raises RuntimeError for the ops that do not promote."""
    names = [dtypes.of(array.dtype).scalar_name for array in (first, second)]
    raise RuntimeError(f"{names[0]} did not match {names[1]}")


def refused(name: str, array: Any) -> Exception:
    """The error for a dtype that the op `name` has no computation for. The table names PyTorch's kernel, or the sentence."""
    kernel = next(kernel for kinds, kernel in OPS[name].refuses.items() if array.dtype.kind in kinds.lower())
    if " " not in kernel:
        return errors.not_for_dtype(kernel, dtypes.of(array.dtype).scalar_name)
    text = kernel.removeprefix("NotImplementedError: ")
    return RuntimeError(text) if text is kernel else NotImplementedError(text)


def _across(op: Op, operands: Sequence[Any], rest: Sequence[Any], error: Exception) -> Any:
    """What an op gives whose operands are on the CPU and on a GPU: a single number of the CPU may take part, no more."""
    tensors = [each for each in operands if isinstance(each, TensorBase)]
    here = [gpu.on_gpu(tensor._data) for tensor in tensors]
    if len(set(here)) < 2:
        return None
    alone = [t for t, there in zip(tensors, here, strict=True) if not there and not t._data.ndim]
    if op.pointwise and len(alone) == here.count(False) and any(t._data.__class__ in ARRAYS for t in alone):
        return op(*(_as_scalar(each) if any(each is t for t in alone) else each for each in operands), *rest)
    raise errors.other_device(op, tensors) from error


def _as_scalar(tensor: Any) -> Any:
    """The same tensor for a graph, with a NumPy scalar in place of its 0-d array, which is all that CuPy takes."""
    twin = wrap(tensor._data[()])
    twin._node, twin._output_nr, twin._requires_grad = edge_of(tensor), tensor._output_nr, tensor._requires_grad
    return twin


def no_complex_gradient(name: str) -> RuntimeError:
    """The error for an op that PyTorch computes with complex numbers, but does not differentiate."""
    return RuntimeError(f"{name} does not support automatic differentiation for outputs with complex dtype.")


def rescue(name: str, error: Exception, *arguments: Any) -> Any:
    """What happens when the array computation of an op failed: it is called again with operands it understands (a number
    first, `2 * x`; a number too large for the dtype), or the error is raised that a learner should see.
    """
    op = OPS[name]
    operands = arguments[0] if op.list_input else arguments[: len(op.inputs)]
    if isinstance(error, NeedsFloat32):
        from teachgrad.ops.bfloat import in_float32

        return in_float32(op, arguments)
    if isinstance(error, AttributeError):
        if op.numbers_first and isinstance(operands[1], TensorBase) and isinstance(operands[0], NUMBERS):
            return op(as_tensor(operands[0], operands), *arguments[1:])
        for position, value in enumerate(operands):
            optional = not op.list_input and op.is_optional(op.inputs[position])
            if not isinstance(value, TensorBase) and not (value is None and optional):
                raise _wrong_operand(op, position, operands) from None
    if isinstance(error, TypeError) and gpu.MODULES:
        result = _across(op, operands, arguments[len(op.inputs) :], error)
        if result is not None:
            return result
    if isinstance(error, OverflowError):
        return op(*_wrapped(op, arguments))
    arrays = [each._data if isinstance(each, TensorBase) else each for each in operands if each is not None]
    if isinstance(error, TypeError) and op.pointwise:
        plain = dict(zip(op.plain, arguments[len(op.inputs) :], strict=False))
        raise _refusal(op, arrays + [plain[n] for n in op.promotes if plain.get(n) is not None]) or error from None
    if isinstance(error, ValueError):
        clash = errors.broadcast(*(np.shape(array) for array in arrays))
        raise clash or error from None
    raise error


def _wrong_operand(op: Op, position: int, operands: Sequence[Any]) -> TypeError:
    """The error for an operand that is not a tensor."""
    title = op.name.partition(".")[0]
    if op.list_input:
        return errors.element_not_a_tensor(position, operands[position])
    if op.numbers and title not in ("add", "sub", "mul", "div"):
        return errors.invalid_combination(title, *operands)
    name = "input" if op.inputs[position] == "self" else op.inputs[position]
    return errors.not_a_tensor(title, name, position + 1, operands[position])


def _wrapped(op: Op, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments with integers wrapped into the range of the tensor's dtype, as C does: 300 is 44 in uint8."""
    dtype = arguments[0]._data.dtype
    if any(type(value) is int and not -(2**63) <= value < 2**63 for value in arguments):
        raise OverflowError("int too big to convert")
    return tuple(int(np.int64(value).astype(dtype)) if type(value) is int else value for value in arguments)


def _refusal(op: Op, operands: list[Any]) -> Exception | None:
    """Why NumPy would not compute `op` on these operands, in PyTorch's words."""
    if op.name.partition(".")[0] in ("sub", "rsub") and all(dtype_of(each) == np.bool_ for each in operands):
        return errors.bool_subtraction(
            "two bool tensors" if isinstance(operands[1], np.ndarray | np.generic) else "a bool tensor"
        )
    if op.name == "neg":
        return errors.bool_negation()
    dtype = dtypes.result_type(*operands)
    if any(dtype.numpy.kind in kinds.lower() for kinds in op.refuses):
        return refused(op.name, np.empty(0, dtype.numpy))
    return None
