"""Why there is no fact: failures, refusals, anomalies and the account of bytes nobody looked at."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from nngauge.domain.location import Location


class Stage(StrEnum):
    """The stage of the pipeline that speaks."""

    SOURCE = "source"
    PACKAGE = "package"
    DETECT = "detect"
    EXTRACT = "extract"
    PARSE = "parse"
    ANALYSE = "analyse"
    RUN = "run"


class Failure(Struct, frozen=True, kw_only=True):
    """Something could not be done. Stored and counted, never dropped."""

    stage: Stage
    location: Location
    error: str
    """Name of the exception class in `nngauge.errors`, or ``Timeout``, ``OutOfMemory``, ``WorkerDied``."""
    reason: str
    hint: str = ""
    plugin: str = ""
    """``name@version`` of the format, package or rule that refused."""


class Anomaly(Struct, frozen=True, kw_only=True):
    """The input is odd in a way that tools disagree about; we read it and say so."""

    kind: str
    """Stable identifier, e.g. ``zip-encrypted-flag``, ``zip-local-name-differs``."""
    location: Location
    detail: str = ""
    count: int = 1
    """How many entries show it."""


class Treatment(StrEnum):
    """What was done with the bytes of an entry: the account behind "never a silent negative"."""

    SCANNED = "scanned"
    """Every byte went through the signature scan."""
    PARSED = "parsed"
    """Read by a structural reader or model parser; weights may be hashed only."""
    OPENED = "opened"
    """A container; its entries are accounted for on their own."""
    HEAD_ONLY = "head-only"
    """Only the head was looked at, because it says the content is media, a font or the like."""
    LEFT_OUT = "left-out"
    """Not asked for: only models were, and by its name, size or head it is none."""
    UNREAD = "unread"
    """Could not be read; a `Failure` says why."""


class Coverage(Struct, frozen=True, kw_only=True):
    """How many entries and bytes got one `Treatment`, by content kind (``elf``, ``dex``, ``png`` …)."""

    treatment: Treatment
    kind: str
    entries: int
    size: int
    """Uncompressed bytes."""
