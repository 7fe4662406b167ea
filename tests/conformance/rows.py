"""The count of one op."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass
class Row:
    """One op: how many of its samples agree, of how many; then the same for each part, where it could be compared."""

    name: str
    samples: int = 0
    agree: int = 0
    forward: tuple[int, int] = (0, 0)
    first: tuple[int, int] = (0, 0)
    second: tuple[int, int] = (0, 0)
    errors: tuple[int, int] = (0, 0)
    why: list[str] = dataclasses.field(default_factory=list)
    """The differences, one line each."""
    seconds: float = 0.0
