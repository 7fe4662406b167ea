"""Turns the source that `writer.py` and `rules.py` write into functions, with the names that it uses."""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable
from typing import Any
from weakref import ref

from teachgrad import errors, rooms
from teachgrad.autograd import fit, graph, views
from teachgrad.autograd.modes import GRAD_MODE
from teachgrad.autograd.saved import ACTIVE, pack
from teachgrad.autograd.variable import ARRAYS, _new, _tensor_class, wrap
from teachgrad.gpu import MODULES
from teachgrad.ops import convert
from teachgrad.ops.table import Op

HELPERS: dict[str, Any] = {
    "_ARRAYS": ARRAYS,
    "_MODULES": MODULES,
    "_cast_floats": convert.to_floats,
    "_edge_of": graph.edge_of,
    "_fit": convert.fit,
    "_fitted": fit.fitted,
    "_fitted_live": fit.fitted_live,
    "_freed": errors.freed,
    "_grad_enabled": GRAD_MODE.get,
    "_new": _new,
    "_next_birth": graph.next_birth,
    "_no_bools": convert.no_bools,
    "_no_bool_power": convert.no_bool_power,
    "_no_complex_gradient": convert.no_complex_gradient,
    "_number": convert.number,
    "_operand": convert.operand,
    "_own_array": views.own_array,
    "_pack": pack,
    "_packing": ACTIVE,
    "_promote": convert.promote,
    "_promote_number": convert.promote_number,
    "_ref": ref,
    "_refused": convert.refused,
    "_rescue": convert.rescue,
    "_result_of": graph.result_of,
    "_same_dtype": convert.same_dtype,
    "_stale": graph.stale,
    "_versions_of": graph.versions_of,
    "_view": views.as_view,
    "_wrap": wrap,
}
"""What the generated code calls, besides the names of the table: all with an underscore, none of them in a rule."""


_CALLED = re.compile(r"(?<![\w.])(\w+)\(")


def execute(op: Op, source: str, space: dict[str, Any], name: str) -> Callable[..., Any]:
    """Compiles `source` with the names of `space`, so that tracebacks and debuggers can show its lines.

    A function that it calls may live in a room that is still shut.
    """
    for key, value in HELPERS.items():
        space.setdefault(key, value)
    space["_Tensor"] = _tensor_class[0]
    for called in _CALLED.findall(source):
        if called not in space:
            rooms.open_for(called)
    file = f"<teachgrad op {op.name}: {name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    scope: dict[str, Any] = {}
    exec(compile(source, file, "exec"), space, scope)
    if f"{name}__number" in scope:  # which `name` calls
        space[f"{name}__number"] = scope[f"{name}__number"]
    function: Callable[..., Any] = scope[name]
    function.__qualname__ = name
    return function
