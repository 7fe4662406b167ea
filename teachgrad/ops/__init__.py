"""The rule book: importing this package fills the op table. `table.py` explains an entry."""

from teachgrad.ops import faces, linalg, memory, pointwise, reduce

__all__ = ["faces", "linalg", "memory", "pointwise", "reduce"]
