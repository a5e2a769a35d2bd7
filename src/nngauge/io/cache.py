"""Small derived files in the user's cache folder: only ever an accelerator.

Each is keyed by a digest of everything it was derived from, typed when read and written all at once; whatever is wrong
with one means deriving it again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import TypeVar

import msgspec

from nngauge.io.atomic import write_atomically

T = TypeVar("T")


def cache_file(kind: str, *sources: object) -> Path:
    """The place of a cached file of `kind` derived from `sources` (their `repr` must tell them apart)."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    key = hashlib.blake2b(repr(sources).encode(), digest_size=12).hexdigest()
    return root / "nngauge" / f"{kind}-{key}.msgpack"


def state_of(folder: Path, suffix: str) -> tuple[tuple[str, int, int], ...]:
    """Name, size and modification time (ns) of the files in `folder` that end in `suffix`: changes when any does."""
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.stat()) for entry in entries if entry.name.endswith(suffix)]
    return tuple(sorted((name, status.st_size, status.st_mtime_ns) for name, status in found))


def read_cached(place: Path, kind: type[T]) -> T | None:
    """What `write_cached` put there, None when there is nothing usable."""
    try:
        return msgspec.msgpack.decode(place.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None


def write_cached(place: Path, content: object) -> None:
    """Writes atomically; a folder that cannot be written is no error."""
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, [msgspec.msgpack.encode(content)])
