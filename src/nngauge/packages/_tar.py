"""Tar archives: ustar, GNU and pax, read by the standard library under a tight rein.

Only headers go through `tarfile`; contents are windows on the archive.
"""

from __future__ import annotations

import io
import tarfile
from typing import Final

from nngauge.domain.location import Location
from nngauge.domain.outcome import Anomaly, Failure, Stage
from nngauge.errors import InputError, LimitError, MalformedError, NotThisFormat
from nngauge.io.source import ByteSource
from nngauge.limits import MAX_ENTRIES, MAX_TAR_HEADER
from nngauge.packages._api import Container
from nngauge.packages._window import WindowEntry

_ERRORS: Final = (tarfile.TarError, ValueError, ArithmeticError, LookupError, EOFError, RecursionError)
"""What `tarfile` raises on hostile headers: numbers that are none, long names of long names without end."""
SPECIAL: Final = "tar-special-member"
"""Links, devices and pipes; they have no bytes of their own."""
SPARSE: Final = "tar-sparse-member"
"""Its stored bytes are read as they lie, without the holes."""


class _Reader(io.RawIOBase):
    """What `tarfile` reads from: bounded reads, no negative sizes."""

    def __init__(self, source: ByteSource) -> None:
        super().__init__()
        self._source = source
        self._at = 0

    def read(self, count: int = -1) -> bytes:
        if count > MAX_TAR_HEADER:
            raise LimitError(f"tar header of {count} bytes", where=f"{self._source.name}@{self._at}")
        if count < 0:
            raise MalformedError("tar header with a negative size", where=f"{self._source.name}@{self._at}")
        data = self._source.read(self._at, count)
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or offset < 0:
            raise MalformedError("tar member before its archive", where=self._source.name)
        self._at = offset
        return offset

    def tell(self) -> int:
        return self._at


def open_tar(source: ByteSource) -> Container:
    """All regular files. Damage ends the list and becomes a failure; `NotThisFormat` when the first header is bad."""
    members: list[WindowEntry] = []
    odd: dict[str, list[str]] = {}
    failure: Failure | None = None
    try:
        _collect(source, members, odd)
    except InputError as error:
        failure = _failure(source, type(error).__name__, error.what)
    except _ERRORS as error:
        if not members and not odd:
            raise NotThisFormat("no tar header", where=source.name) from error
        failure = _failure(source, MalformedError.__name__, str(error) or type(error).__name__)
    where = Location(path=source.name)
    anomalies = tuple(
        Anomaly(kind=kind, location=where.inside(names[0]), count=len(names)) for kind, names in sorted(odd.items())
    )
    return Container(
        kind="tar",
        entries=members,
        source=source,
        failures=(failure,) if failure else (),
        report=lambda: anomalies,
        close=source.close,
    )


def _collect(source: ByteSource, members: list[WindowEntry], odd: dict[str, list[str]]) -> None:
    reached = -1
    with tarfile.open(fileobj=_Reader(source), mode="r:", errorlevel=0) as archive:
        count = 0
        while (member := archive.next()) is not None:
            # Negative sizes have sent tarfile round in circles (CVE-2025-8194).
            if member.size < 0 or member.offset <= reached:
                raise MalformedError("tar member with a negative size", where=f"{source.name}@{member.offset}")
            count += 1
            if count > MAX_ENTRIES:
                raise LimitError(f"more than {MAX_ENTRIES} members", where=source.name)
            reached = member.offset
            if member.isreg():
                if member.issparse():
                    odd.setdefault(SPARSE, []).append(member.name)
                window = source.sub(member.offset_data, member.size, f"{source.name}!{member.name}")
                members.append(WindowEntry(member.name, window, member.size))
            elif not member.isdir():
                odd.setdefault(SPECIAL, []).append(member.name)


def _failure(source: ByteSource, error: str, reason: str) -> Failure:
    return Failure(stage=Stage.PACKAGE, location=Location(path=source.name), error=error, reason=f"tar: {reason}")
