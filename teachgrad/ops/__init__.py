"""The rule book: importing this package fills the op table with what every lesson uses. `table.py` explains an entry.

The rooms that are not named here join the table when a name of theirs is used: `teachgrad/rooms.py` is their directory.
"""

from teachgrad.ops import (
    comparing,
    dimensions,
    extremes,
    faces,
    indexing,
    linalg,
    memory,
    overwriting,
    pieces,
    pointwise,
    reduce,
    shape,
)

__all__ = [
    "comparing",
    "dimensions",
    "extremes",
    "faces",
    "indexing",
    "linalg",
    "memory",
    "overwriting",
    "pieces",
    "pointwise",
    "reduce",
    "shape",
]
