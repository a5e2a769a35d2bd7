"""Files that appear whole or not at all: a killed run leaves no half file under a name that means something."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def write_atomically(target: Path, chunks: Iterable[bytes | memoryview]) -> None:
    """Writes `chunks` to `target`, replacing what is there. Raises `OSError`, and whatever `chunks` raises."""
    import tempfile

    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=".partial-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
