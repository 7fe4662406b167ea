"""Saving a file whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write(path: str | os.PathLike[str], data: str | bytes) -> Path:
    """Write ``data`` (text as UTF-8) to ``path`` and return it.

    The data goes to a file beside it first and takes its name only when complete, so a reader, or a full
    disk, never sees half a picture. Raises OSError with one clear sentence when the place cannot be written.
    """
    target = Path(path)
    whole = target.resolve()  # a symbolic link is written through, not replaced
    part = whole.with_name(f".{whole.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        if whole.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        part.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)
        part.replace(whole)
    except OSError as problem:
        part.unlink(missing_ok=True)
        reason = problem.strerror or str(problem)
        raise OSError(f"Cannot write {target}: {reason[:1].lower()}{reason[1:]}.") from problem
    return target


def suffix_of(path: str | os.PathLike[str], known: tuple[str, ...]) -> str:
    """The suffix of ``path`` in lower case. Raises ValueError when it is not one of ``known``."""
    suffix = Path(path).suffix.lower()
    if suffix not in known:
        endings = f"{', '.join(known[:-1])} or {known[-1]}"
        raise ValueError(f"Cannot tell from the name {str(path)!r} what to save; it should end in {endings}.")
    return suffix
