"""Studies: packages to look at, in dated snapshots, and how far each has come."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

UNOPENED: Final = "unopened-"
"""How the identity of a package begins that could not be opened: made from its locator, for want of a digest."""


class State(StrEnum):
    """How far an item has come. Each is in exactly one state; only `done` and `failed` have a result."""

    WAITING = "waiting"
    """To be scanned, now or after a pause."""
    LEASED = "leased"
    """A run is at work on it; when the run ends without a result, it waits again."""
    DONE = "done"
    """Scanned; parts of it may have failed, which its facts say."""
    FAILED = "failed"
    """It will not get better by itself: no package, wrong digest, refused."""
    QUARANTINED = "quarantined"
    """Lost its worker, timed out or could not be fetched too often; `study retry` gives it another chance."""


class Item(Struct, frozen=True, kw_only=True):
    """A package that a source offers."""

    locator: str
    """Path, address or key; with the snapshot its identity."""
    size: int | None = None
    """Bytes, where the source tells."""
    stamp: str | None = None
    """Changes when the package does: modification time and size, ETag, version."""
    sha256: str | None = None
    """What the source promises; another content is a failure."""
    package_id: str | None = None
    version_code: str | None = None


class Work(Struct, frozen=True, kw_only=True):
    """An item that was leased."""

    id: int
    snapshot: str
    source: str
    """Kind of source that knows how to open it."""
    item: Item
    attempts: int
    """Including this one."""


class Progress(Struct, frozen=True, kw_only=True):
    """Items by state."""

    snapshot: str
    counts: dict[State, int]

    @property
    def total(self) -> int:
        """All items."""
        return sum(self.counts.values())
