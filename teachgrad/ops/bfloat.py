"""Ops on bfloat16 tensors: the op runs on float32 copies, and what it made is rounded and put in their place.

    x, y  bfloat16 ──> float32 ──> op ──> float32 ──> bfloat16  z       z.grad_fn is the op's own node, as ever:
                                                                        its edges, shapes, saved values are those of x and y

Backwards the rule meets bfloat16 arrays, which refuse too: `autograd/rounding.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from teachgrad import dtypes
from teachgrad.autograd.graph import Node
from teachgrad.autograd.rounding import wide
from teachgrad.autograd.saved import ACTIVE, pack
from teachgrad.autograd.variable import TensorBase, wrap
from teachgrad.bfloats import cast
from teachgrad.gpu import xp
from teachgrad.ops import convert
from teachgrad.ops.table import Op

_FLOAT32 = np.dtype(np.float32)


def in_float32(op: Op, arguments: tuple[Any, ...]) -> Any:
    """`op(*arguments)`, computed in float32."""
    count = 1 if op.list_input else len(op.inputs)
    operands = arguments[0] if op.list_input else arguments[:count]
    dtype = _result_type(op, operands, arguments[count:])
    stand_ins = [wide(each) for each in operands]
    if all(one is other for one, other in zip(stand_ins, operands, strict=True)):
        # No bfloat16 yet, but it is the default dtype, in which quotients and roots of integers come out.
        stand_ins = [wrap(xp(t._data).asarray(t._data, _FLOAT32)) if isinstance(t, TensorBase) else t for t in operands]
    plain = [wide(each) for each in arguments[count:]]
    packing, ACTIVE[:] = ACTIVE[:], []
    try:
        made = op.front(stand_ins, *plain) if op.list_input else op.front(*stand_ins, *plain)
    except Exception as error:
        error.args = tuple(text.replace("'Float'", "'BFloat16'") for text in error.args)
        raise
    finally:
        ACTIVE[:] = packing
    results = [each for each in (made if isinstance(made, tuple) else (made,)) if isinstance(each, TensorBase)]
    node = next((each._node for each in results if each._node is not None), None)
    if dtype is dtypes.bfloat16:
        for result in results:
            if result._data is not None and result._data.dtype == _FLOAT32:  # None: nothing was kept
                result._data = cast(result._data, dtype.numpy)
    if node is not None:
        _restore(node, op, operands, results)
        if ACTIVE:
            pack(node)
    return made


def _result_type(op: Op, operands: Any, plain: Any) -> dtypes.dtype:
    """The dtype of the floating results of `op`."""
    given = [each._data if isinstance(each, TensorBase) else each for each in operands]
    given = [each for each in given if each is not None]  # a tensor has none if its values were not kept
    if op.pointwise:
        numbers = [value for name, value in zip(op.plain, plain, strict=False) if name in op.promotes]
        kind = dtypes.result_type(*given, *(value for value in numbers if value is not None))
        return kind if kind.category >= 2 else dtypes.get_default_dtype()
    floats = [each for each in given if dtypes.of(each.dtype).category >= 2]
    return dtypes.result_type(*floats) if floats else dtypes.get_default_dtype()


def _restore(node: Node, op: Op, operands: Any, results: list[Any]) -> None:
    """Makes the node remember the operands themselves, and the results as they were rounded."""
    by_name = {} if op.list_input else dict(zip(op.inputs, operands, strict=True))
    outputs = dict(zip(op.outputs, results, strict=False))
    saved = list(node.saved or ())
    for place, name in enumerate(op.saved):
        if name in op.outputs and not op.list_output:
            saved[place] = outputs[name]._data
        elif isinstance(saved[place], TensorBase):
            saved[place] = by_name[name]
        elif op.list_input and name in op.inputs:
            saved[place] = tuple(operands)
        elif name.endswith("_dtype") and name.removesuffix("_dtype") in by_name:
            operand = by_name[name.removesuffix("_dtype")]
            saved[place] = None if operand is None else operand._data.dtype
    node.saved = tuple(saved)
    tracked = operands if op.list_input else [by_name[n] for n in op.inputs if n in op.rules]
    node.fit = convert.fit(None, *(each if isinstance(each, TensorBase) else None for each in tracked))
