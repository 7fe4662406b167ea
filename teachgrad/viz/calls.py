"""Which module made a node: forward hooks that write the module's name into the nodes of its call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from .naming import is_tensor
from .values import visible

KEY = "teachgrad.modules"  # where a node's metadata keeps its calls

Call = tuple[str, str, int]  # a module's name in the model, its class, and which of its calls it was


class modules:  # noqa: N801  a switch and a block in one, as viz.lines
    """Note for every node which modules of ``model`` it was made in, so that pictures can group it.

        with viz.modules(model):
            loss = criterion(model(x), y)
        viz.draw(loss)

    Without it, nodes are grouped by the parameters that they use, which leaves out what has none (ReLU, say).
    ``model`` is anything with ``named_modules()`` and forward hooks, of teachgrad or of PyTorch; the names are
    those of ``named_modules()``. Outside a block, ``remove()`` ends it. Raises TypeError for anything else.
    """

    def __init__(self, model: Any) -> None:
        if not callable(getattr(model, "named_modules", None)):
            raise TypeError(f"viz.modules wants a module, such as torch.nn.Linear(2, 1); got {type(model).__name__}.")
        self._running: list[tuple[Call, int]] = []  # the calls we are in, with the youngest node they were given
        self._calls: Counter[str] = Counter()
        self._handles: list[Any] = []
        for name, module in model.named_modules():
            self._handles += self._hooks(name, module)

    def __enter__(self) -> modules:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def remove(self) -> None:
        """Take the hooks away. What they noted stays with the nodes."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _hooks(self, name: str, module: Any) -> tuple[Any, Any]:
        def before(_: Any, args: Any, kwargs: Any) -> None:
            if not name:
                self._running.clear()  # a call that ended in an error has not taken itself off
            self._calls[name] += 1
            given = (tensor.grad_fn for tensor in _tensors((args, kwargs)))
            youngest = max((node._sequence_nr() for node in given if node is not None), default=-1)
            self._running.append(((name, type(module).__name__, self._calls[name]), youngest))

        def after(_: Any, __: Any, output: Any) -> None:
            calls = tuple(call for call, _ in self._running)
            _, youngest = self._running.pop()
            _label((tensor.grad_fn for tensor in _tensors(output)), youngest, calls)

        return module.register_forward_pre_hook(before, with_kwargs=True), module.register_forward_hook(after)


def calls_of(node: Any) -> tuple[Call, ...]:
    """The calls that ``node`` was made in, the outermost first."""
    found: tuple[Call, ...] = (getattr(node, "metadata", None) or {}).get(KEY, ())
    return found


def module_of(node: Any) -> str | None:
    """The innermost module that ``node`` was made in, by its path in the model: ``layer1.0 (Linear)``."""
    calls = calls_of(node)
    if not calls:
        return None
    path, kind, _ = calls[-1]
    return visible(f"{path} ({kind})" if path else kind)


def _label(nodes: Iterable[Any], youngest: int, calls: tuple[Call, ...]) -> None:
    """Write ``calls`` into the nodes that were born after ``youngest``; an inner module has written before."""
    todo, seen = list(nodes), set()
    while todo:
        node = todo.pop()
        if node is None or node in seen or hasattr(node, "variable") or node._sequence_nr() <= youngest:
            continue
        seen.add(node)
        node.metadata.setdefault(KEY, calls)
        todo.extend(target for target, _ in node.next_functions)


def _tensors(thing: Any) -> Iterator[Any]:
    """The tensors in nested tuples, lists and dicts."""
    todo = [thing]
    while todo:
        item = todo.pop()
        if is_tensor(item):
            yield item
        elif isinstance(item, dict):
            todo.extend(item.values())
        elif isinstance(item, (tuple, list)):
            todo.extend(item)
