"""Finding out what the learner calls a tensor, without asking: variables, and parameters of modules."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .values import visible

Names = Mapping[str, Any]
Params = Mapping[str, Any] | Iterable[tuple[str, Any]]


def is_tensor(thing: object) -> bool:
    """Whether ``thing`` speaks the graph protocol; asked of its class, since an instance may act when asked."""
    cls: Any = type(thing)
    return not isinstance(thing, type) and _makes_tensors(cls)


@functools.lru_cache(maxsize=1000)
def _makes_tensors(cls: type) -> bool:
    return all(hasattr(cls, name) for name in ("grad_fn", "detach", "is_leaf"))


@dataclass
class Namer:
    """Names for tensors and for the nodes that made them. Holds the tensors, so that an id stays theirs."""

    leaves: dict[int, str] = field(default_factory=dict)  # id of a tensor without grad_fn -> name
    made: dict[tuple[Any, int], tuple[str, Any]] = field(default_factory=dict)  # (node, output number) -> name, tensor
    parameters: set[int] = field(default_factory=set)
    held: list[Any] = field(default_factory=list)

    def add(self, name: str, tensor: Any, parameter: bool = False) -> None:
        """Call ``tensor`` by ``name`` unless it has a name already: the first one given is the one."""
        self.held.append(tensor)
        if parameter:
            self.parameters.add(id(tensor))
        if tensor.grad_fn is None:
            self.leaves.setdefault(id(tensor), visible(name))
        else:
            self.made.setdefault((tensor.grad_fn, getattr(tensor, "output_nr", 0)), (visible(name), tensor))

    def of(self, tensor: Any) -> str | None:
        """The name of ``tensor``, or None."""
        if tensor.grad_fn is None:
            return self.leaves.get(id(tensor))
        return self.made.get((tensor.grad_fn, getattr(tensor, "output_nr", 0)), (None, None))[0]


def namer(names: Names | None, params: Params | None, frame: types.FrameType | None) -> Namer:
    """Collect names: those of ``params``, then of ``names``, or of the variables in ``frame`` when it is None.

    In ``names`` everything that is no tensor is passed over, so ``names=locals()`` is fine; a module among
    them (any object with ``named_parameters``) names its parameters ``model.weight``. Variables that begin
    with an underscore are the notebook's own (``_``, ``_12``) and are left out. (Before Python 3.13 the frame
    of a function keeps the snapshot taken here, and so the tensors in it, until the function returns;
    ``names=`` avoids that.) Raises TypeError when an argument is of another kind.
    """
    found = Namer()
    for name, tensor in _pairs(params):
        found.add(name, tensor, parameter=True)
    variables: Names = names if names is not None else dict(frame.f_locals) if frame is not None else {}
    if not isinstance(variables, Mapping):
        raise TypeError(f"names must map names to tensors, as locals() does; got {type(variables).__name__}.")
    for name, thing in variables.items():
        if names is None and name.startswith("_"):
            continue
        if is_tensor(thing):
            found.add(str(name), thing)
    for name, thing in variables.items():
        if callable(getattr(type(thing), "named_parameters", None)) and not name.startswith("_"):
            for inner, tensor in thing.named_parameters():
                found.add(f"{name}.{inner}", tensor, parameter=True)
    return found


def _pairs(params: Params | None) -> list[tuple[str, Any]]:
    """``params`` as (name, tensor) pairs."""
    pairs = list(params.items() if isinstance(params, Mapping) else params or ())
    for pair in pairs:
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str) and is_tensor(pair[1])):
            raise TypeError("params must be a dict of name to tensor, or pairs such as model.named_parameters() gives.")
    return pairs
