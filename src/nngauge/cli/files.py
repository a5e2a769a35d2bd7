"""Files that a verb is asked to write: whether that will work is told before the work, not after it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def require_free(*targets: Path | None, force: bool) -> None:
    """Raises `UsageError` for one that is there already (unless `force`), that is named twice, or whose folder is not there."""
    from nngauge.errors import UsageError

    wanted = [target for target in targets if target is not None]
    for at, target in enumerate(wanted):
        if target.is_dir():
            raise UsageError("is a folder", where=str(target), hint="give the name of a file")
        if target.exists() and not (force and target.is_file()):
            raise UsageError("is there already", where=str(target), hint="--force writes over it")
        if target in wanted[:at]:
            raise UsageError("two results cannot be one file", where=str(target))
        if not target.parent.is_dir():
            raise UsageError("cannot be written: there is no such folder", where=str(target), hint="make it first")


def write_whole(target: Path, chunks: Iterable[bytes]) -> None:
    """The file, or what was there before. Raises `UsageError` where it cannot be written."""
    from nngauge.errors import UsageError
    from nngauge.io.atomic import write_atomically

    try:
        write_atomically(target, chunks)
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror or error}", where=str(target)) from None
