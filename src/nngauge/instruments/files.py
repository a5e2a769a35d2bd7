"""Recordings as files: read whole, never more than can be held."""

from __future__ import annotations

from pathlib import Path

from nngauge.errors import LimitError, UnreadableError
from nngauge.limits import MAX_POWER_FILE


def read_bytes(path: Path, most: int = MAX_POWER_FILE) -> bytes:
    """All bytes of a file. Raises `UnreadableError`, and `LimitError` for more than `most`."""
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror or error}", where=path.name) from None
    if len(data) > most:
        raise LimitError(f"a recording of more than {most} bytes", where=path.name)
    return data
