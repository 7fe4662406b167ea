"""Writes out, as Python source, what a table entry means forwards: its function on tensors.

`rules.py` writes what it means backwards.

Each op becomes straight-line code without loops, closures or argument juggling, because a learner can read it
(`print(OPS["mul"].source)`) and because that is what makes an op cheap: about twice the bare NumPy call. PyTorch does
the same when it is built: its `derivatives.yaml` becomes `VariableType.cpp` and `Functions.cpp`. An op is written and
compiled when it is first called, so a table of any length costs `import teachgrad` nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from teachgrad.ops.compiling import execute
from teachgrad.ops.rules import make_node, node_key, packed, rule_source, shared, version
from teachgrad.ops.table import RAW, Op

_NAME = re.compile(r"\b[A-Za-z_]\w*")

BLANK = """\
    result = _new(_Tensor)
    result._data = data
    result._node = result._grad = result._view = result._hooks = result._accumulator = None
    result._requires_grad = False
    result._changes = result._output_nr = 0"""


def compile_front(op: Op) -> Callable[..., Any]:
    """The op as a function on tensors; its source is kept in `op.source`."""
    source = front_source(op, by_number=False)
    if op.numbers:
        source += "\n\n" + front_source(op, by_number=True)
    if op.node_name is not None:
        make_node(op, by_number=False)
        source += "\n\n" + rule_source(op, by_number=False)
        if op.numbers:
            make_node(op, by_number=True)
    op.source = source
    front = execute(op, source, RAW, op.identifier)
    front.__doc__ = f'{op.signature}: {op.forward}. How it is written out shows `print(OPS["{op.name}"].source)`.'
    return front


def compile_operator(op: Op) -> Callable[..., Any]:
    """The op as an operator of the class Tensor."""
    front = op.front  # makes the node classes that both share
    if not op.numbers:
        return front
    source = "\n\n".join(front_source(op, by_number=by_number, operator=True) for by_number in (False, True))
    return execute(op, source, RAW, f"{op.identifier}_operator")


def compile_raw(op: Op) -> Callable[..., Any]:
    """The op's forward expression as a function on arrays."""
    parameters = ", ".join((*op.inputs, *(_with_default(op, name) for name in op.plain)))
    return execute(op, f"def {op.identifier}({parameters}):\n    return {op.forward}\n", RAW, op.identifier)


def _with_default(op: Op, name: str) -> str:
    return f"{name}={op.defaults[name]}" if name in op.defaults else name


def _call_name(op: Op, name: str) -> str:
    """What the tensor function calls an input: the first is `input`, as in PyTorch's documentation."""
    return "input" if name == op.inputs[0] and name == "self" else name


def front_source(op: Op, *, by_number: bool, operator: bool = False) -> str:
    """The op as a function on tensors. With `by_number`, the variant whose `other` is a Python number."""
    tensors = [name for name in op.inputs if not (by_number and name == "other")]
    call = {name: _call_name(op, name) for name in op.inputs}
    plain_name = op.identifier + ("_operator" if operator else "")
    name = plain_name + ("__number" if by_number else "")  # two underscores: `pow_number` is the table's `pow.number`
    optional = {n for n in tensors if op.is_optional(n)}
    head = [call[n] + ("=None" if n in optional else "") for n in op.inputs]
    head += [_with_default(op, plain) for plain in op.plain]
    lines = [f"def {name}({', '.join(head)}):"]
    arguments = ", ".join((*(call[n] for n in op.inputs), *op.plain))
    if by_number:
        lines += [
            "    if other.__class__ is not float and other.__class__ is not int:",
            "        other = _operand(other)" if operator else f'        other = _number("{op.name}", other)',
        ]
        if operator:
            lines += ["        if other is NotImplemented:", "            return NotImplemented"]
        if op.mixed:
            lines += [f"        _{op.mixed}(other)"]
    elif op.numbers:
        lines += [
            "    if not isinstance(other, _Tensor):",
            f"        return {plain_name}__number({arguments})",
        ]
    expression = _NAME.sub(lambda m: f"a_{m[0]}" if m[0] in tensors else m[0], op.forward)
    lines += ["    try:"]
    for n in tensors:
        t = call[n]
        if op.list_input:
            lines += [f"        a_{n} = [tensor._data for tensor in {t}]"]
        elif n in optional:
            lines += [f"        a_{n} = None if {t} is None else {t}._data"]
        elif op.view:
            lines += [
                f"        a_{n} = {t}._data",
                f"        if a_{n}.__class__ not in _ARRAYS:",
                f"            a_{n} = _own_array({t})",
            ]
        else:
            lines += [f"        a_{n} = {t}._data"]
    first = f"a_{tensors[0]}"
    mixing = op.pointwise and len(tensors) > 1 and not by_number
    if mixing:  # NumPy scalars of one class have one dtype; only otherwise are dtypes looked up, which takes longer
        operands = [f"a_{n}" for n in tensors if n != "condition"]
        differ = " or ".join(f"{b}.dtype is not {operands[0]}.dtype" for b in operands[1:])
        classes = " or ".join(f"{b}.__class__ is not {operands[0]}.__class__" for b in operands[1:])
        lines += [
            f"        mixed = ({operands[0]}.__class__ in _ARRAYS or {classes}) and ({differ})",
            "        if mixed:",
            *([f"            _{op.mixed}({', '.join(operands)})"] if op.mixed else []),
            f"            {', '.join(operands)} = _promote({', '.join(operands)})",
        ]
        first = operands[0]
    numbers = ["other"] if by_number else list(op.promotes)
    kinds = "".join(kinds for kinds in op.refuses if kinds.islower())
    refuse = [f"        if {first}.dtype.kind in {kinds!r}:", f'            raise _refused("{op.name}", {first})']
    refuse = refuse if kinds else []
    early = refuse if not numbers or kinds == "c" else []  # a number may yet raise the dtype, but not a complex one
    lines += [*early, f"        data = {expression}"]
    # Beside a Python number NumPy mostly arrives at PyTorch's dtype. Where the result shows that it did not, the operands
    # are cast and the expression is computed again.
    if op.pointwise and (op.floats or (numbers and op.node_name is not None)):
        changed = f"(data.__class__ is not {first}.__class__ or data.__class__ in _ARRAYS)"
        changed += f" and data.dtype is not {first}.dtype"
        convert_to = f"_promote_number({', '.join((first, *numbers))})" if numbers else first
        if op.floats:
            again = ", ".join(f"a_{n}" for n in tensors)
            values = f"_cast_floats({convert_to})" if numbers else ", ".join(f"_cast_floats(a_{n})" for n in tensors)
        else:
            again, values = first, convert_to
        lines += [
            f"        if {changed}:",
            *([f"            _{op.mixed}({first})"] if op.mixed and numbers else []),
            f"            {again} = {values}",
            *(f"    {line}" for line in refuse if numbers),
            f"            data = {expression}",
        ]
    several = len(op.inputs) > 1 or op.list_input  # which may be on different devices
    caught = "(AttributeError, TypeError)" if several else "AttributeError"
    caught = "(AttributeError, ValueError, TypeError, OverflowError)" if op.pointwise else caught
    lines += [f"    except {caught} as error:", f'        return _rescue("{op.name}", error, {arguments})']
    lines += _outputs_source(op, tensors, call, by_number, mixing)
    return "\n".join(lines) + "\n"


def _outputs_source(op: Op, tensors: list[str], call: dict[str, str], by_number: bool, mixing: bool) -> list[str]:
    """The second half of a front: wrap the result, and write the node if a gradient is wanted."""
    lines: list[str] = []
    many = len(op.outputs) > 1 or op.list_output
    if op.list_output:
        lines += ["    results = tuple(_wrap(part) for part in data)"]
    elif many:
        lines += [f"    {', '.join(f'd_{o}' for o in op.outputs)} = data"]
        lines += [f"    r_{o} = _wrap(d_{o})" for o in op.outputs]
    else:
        lines += BLANK.splitlines()
    if op.view:
        share = "results" if op.list_output else "(result,)"
        maker = (op.node_name or "").removesuffix("Backward0") if op.list_output else ""
        lines += [f"    _view({call['self']}, {share}, {maker!r})"]
    answer = "results" if op.list_output else f"({', '.join(f'r_{o}' for o in op.outputs)})" if many else "result"
    if op.node_name is None:
        return [*lines, f"    return {answer}"]
    tracked = [n for n in tensors if n in op.rules]
    optional = {n for n in tensors if op.is_optional(n)}

    def wants(n: str) -> str:
        t = call[n]
        return f"({t} is not None and {t}._requires_grad)" if n in optional else f"{t}._requires_grad"

    if op.list_input:
        condition = f"any([tensor._requires_grad for tensor in {call[tensors[0]]}])"
    else:
        condition = " or ".join(wants(n) for n in tracked)
        condition = f"({condition})" if len(tracked) > 1 else condition
    lines += [f"    if {condition} and _grad_enabled():"]
    body = []
    if "G" in op.refuses:
        body += ['if data.dtype.kind == "c":', f'    raise _no_complex_gradient("{op.refuses["G"]}")']
    body += [f"node = {node_key(op, by_number)}()"]
    if op.list_input:
        t = call[tensors[0]]
        body += [
            f"node.edges = tuple([tensor._node or _edge_of(tensor) for tensor in {t}])",
            f"node.numbers = tuple([tensor._output_nr for tensor in {t}])",
        ]
    else:
        edges, numbers = [], []
        for n in (n for n in op.inputs if n in op.rules):
            t = call[n]
            if n not in tensors:  # a Python number in place of a tensor: an edge to nowhere
                edges += ["None"]
                numbers += ["0"]
            elif n in optional:
                edges += [f"None if {t} is None else {t}._node or _edge_of({t})"]
                numbers += [f"(0 if {t} is None else {t}._output_nr)"]
            else:
                edges += [f"{t}._node or _edge_of({t})"]
                numbers += [f"{t}._output_nr"]
        body += [f"node.edges = ({', '.join(edges)},)"]
        some = " or ".join(n for n in numbers if n != "0")
        body += [f"node.numbers = ({', '.join(numbers)},) if {some} else None"]
    body += ["node.birth = _next_birth()"]  # after its edges: a view may have got a new history just there
    # What the rules name, each value only if an input that wants a gradient needs it; and the version numbers of tensors.
    saved, versions = [], []
    listed = op.list_input and op.inputs[0] in op.saved
    for n in op.saved:
        if n in tensors and not op.list_input:
            t = call[n]
            needed = [wants(m) for m in op.needs(n) if m in tensors]
            always = len(tracked) == 1 and bool(needed)
            now = version(t)
            if n in optional:
                needed, always = [f"{t} is not None"], False
            if not needed:
                saved += ["None"]
                versions += ["0"]
            else:
                test = " or ".join(needed)
                saved += [t if always else f"{t} if {test} else None"]
                versions += [now if always else f"({now} if {test} else 0)"]
        elif n == "result":
            saved += ["data"]
            versions += ["0"]
        elif n in op.outputs:
            saved += ["data" if op.list_output else f"d_{n}"]
        elif (split := n.rpartition("_"))[0] in op.inputs and split[2] in ("shape", "dtype", "strides"):
            of, _, fact = split
            source = f"[array.{fact} for array in a_{of}]" if op.list_input else f"a_{of}.{fact}"
            if of in optional:
                source = f"None if a_{of} is None else {source}"
            saved += [source if of in tensors else "()"]
        elif by_number and n == "other":
            saved += ["other"]
        elif op.list_input and n in op.inputs:
            saved += [f"tuple({call[n]})"]
        else:
            saved += [n]
    body += [
        f"node.saved = ({', '.join(saved)}{',' if saved else ''})",
        f"node.versions = {f'_versions_of({call[tensors[0]]})' if listed else packed(versions)}",
    ]
    if "result" in op.saved:
        body += ["node.owner = _ref(result)"]
    if parts := shared(op):
        body += [f"node.owners = ({', '.join(f'_ref(r_{n})' for n in parts)},)"]
    # To which shape and dtype the gradients must come back (autograd/fit.py): None, if those of the result are right.
    fits = "None"
    if mixing:
        given = ", ".join(call[n] for n in tracked)
        shapes = [f"a_{n}.shape" for n in tensors]
        kinds = [f"a_{n}.__class__" for n in tensors if n != "condition"]  # a number of the CPU in an op of the GPU
        differ = " or ".join(
            [f"{shapes[0]} != {s}" for s in shapes[1:]] + [f"{kinds[0]} is not {k}" for k in kinds[1:]]
        )
        wanted = ", ".join(f"None if a_{n}.shape == data.shape else (a_{n}.shape, a_{n}.dtype)" for n in tracked)
        fits = (
            f"(_fit(data, {given}) if _MODULES else ({wanted},)) if data.__class__ in _ARRAYS and ({differ}) else None"
        )
        fits = f"_fit(data, {given}) if mixed else {fits}"
    elif by_number:
        fits = f"_fit(data, {call['self']}, None) if data.dtype is not {call['self']}._data.dtype else None"
        fits = f"None if data.__class__ is {call['self']}._data.__class__ not in _ARRAYS else {fits}"
        if "other" not in op.rules:
            fits = fits.replace(", None)", ")")
    elif op.promotes:  # a complex number made it complex
        of = op.inputs[0]
        fits = f"_fit(None, {call[of]}) if a_{of} is not {call[of]}._data else None"
    elif op.list_input:
        several = f"len({{tensor._data.dtype for tensor in {call[tensors[0]]}}}) > 1"
        fits = f"_fit(None, *{call[tensors[0]]}) if {several} else None"
    body += [f"node.fit = {fits}", "node._extras = None"]
    if op.list_output:
        part = "part._view.node" if op.view else "part._node"
        body += [
            "node.outputs = len(results)",
            "for number, part in enumerate(results):",
            f"    {part}, part._output_nr, part._requires_grad = node, number, True",
        ]
    elif many:
        for number, name in enumerate(op.tracked):
            body += [f"r_{name}._node, r_{name}._output_nr, r_{name}._requires_grad = node, {number}, True"]
    else:
        body += ["result._view.node = node" if op.view else "result._node = node", "result._requires_grad = True"]
    if any(n in op.saved for n in (*op.inputs, *op.outputs)):
        body += ["if _packing:", "    _pack(node)"]
    return [*lines, *(f"        {line}" for line in body), f"    return {answer}"]
