"""Small files read whole, never more than they may have."""

from __future__ import annotations

from pathlib import Path

from nngauge.errors import LimitError, UnreadableError
from nngauge.limits import MIB


def read_whole(path: Path, mebibytes: int) -> bytes:
    """All bytes of a file. Raises `UnreadableError`, and `LimitError` for more than `mebibytes` MiB."""
    try:
        with path.open("rb") as file:
            data = file.read(mebibytes * MIB + 1)
    except OSError as error:
        raise UnreadableError(error.strerror or "cannot be read", where=str(path)) from None
    if len(data) > mebibytes * MIB:
        raise LimitError(f"is larger than {mebibytes} MiB", where=str(path))
    return data
