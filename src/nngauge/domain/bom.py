"""What differs between two bills of materials."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class BomChangeKind(StrEnum):
    """What happened to one line of a bill."""

    ADDED = "added"
    REMOVED = "removed"
    UPGRADED = "upgraded"
    DOWNGRADED = "downgraded"
    VERSION = "version changed"
    """Of which it cannot be told which is newer."""
    MODEL = "model changed"
    """Another file that takes the place of the first: `BomChange.detail` says how it changed."""
    MOVED = "moved"
    """The same bytes at another place."""
    LICENSE = "licence changed"
    SUPPLIER = "supplier changed"
    PROTECTION = "protection changed"
    GRADE = "grade changed"
    """A technology is inside in another way: its own library, inside another one, classes …"""
    ENDPOINTS = "endpoints changed"
    CONTENT = "file changed"
    """The same version of a library, other bytes."""


class BomChange(Struct, frozen=True, kw_only=True):
    """One change."""

    kind: BomChangeKind
    item: str
    """``model``, ``library``, ``platform`` or ``service``."""
    name: str
    first: str = ""
    """What it was."""
    second: str = ""
    detail: str = ""
    first_bytes: int | None = None
    second_bytes: int | None = None


class BomSide(Struct, frozen=True, kw_only=True):
    """One of the two bills."""

    path: str
    """The file as given: a package or a bill."""
    source: str
    """``package``, ``CycloneDX 1.6``, ``SPDX 3.0.1``."""
    app: str
    version: str
    items: int
    models: int
    bytes: int | None
    """Of the app as shipped; None where the bill does not say."""


class BomDifference(Struct, frozen=True, kw_only=True):
    """Two bills side by side."""

    first: BomSide
    second: BomSide
    changes: tuple[BomChange, ...]
    same: int
    """Lines that are in both and did not change."""
    notes: tuple[str, ...] = ()
