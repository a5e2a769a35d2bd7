"""Small files read whole, never more than they may have."""

from __future__ import annotations

from pathlib import Path

from nngauge.errors import LimitError, UnreadableError
from nngauge.limits import MIB


def read_whole(path: Path, most: int, what: str = "the file") -> bytes:
    """All bytes of a file. Raises `UnreadableError`, and `LimitError` for more than `most` bytes; both speak of `what`.

    Bytes are counted as they are read: a device or a pipe says that it has none.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise UnreadableError(f"{what} cannot be read: {error.strerror or error}", where=str(path)) from None
    if len(data) > most:
        raise LimitError(f"{what} is larger than {most // MIB} MiB", where=str(path))
    return data
