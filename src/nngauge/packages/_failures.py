"""Reading the small documents that describe an app, and recording what could not be read."""

from __future__ import annotations

from nngauge.domain.location import Location
from nngauge.domain.outcome import Failure, Stage
from nngauge.errors import LimitError, NngaugeError
from nngauge.packages._api import Entry


def failure(location: Location, error: NngaugeError) -> Failure:
    """The record of an error at `location`."""
    return Failure(
        stage=Stage.PACKAGE, location=location, error=type(error).__name__, reason=error.what, hint=error.hint
    )


def read_small(entry: Entry, limit: int, where: str) -> bytes:
    """All of an entry; `LimitError` past `limit` bytes and what reading the entry raises."""
    data = bytearray()
    for piece in entry.chunks():
        data += piece
        if len(data) > limit:
            raise LimitError(f"more than {limit} bytes", where=where)
    return bytes(data)
