"""Every file of an app that may hold a model or code, with what its first bytes say; archives inside are walked too."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from nngauge.analyse.protection.explained import explained
from nngauge.domain.location import Location
from nngauge.errors import InputError, NotThisFormat
from nngauge.extract.load import load
from nngauge.io.content import ARCHIVES, Kind, content_kind
from nngauge.io.source import ByteSource
from nngauge.limits import MIB
from nngauge.packages import Container, Entry, Package, open_container

MAX_FILES: Final = 100_000
"""Entries looked at in one audit."""
MAX_READ: Final = 4096 * MIB
"""Bytes unpacked in one audit."""
MAX_FILE: Final = 512 * MIB
"""Larger files are looked at by their head only: statistics of what would have to be unpacked on disk."""
_DEPTH: Final = 2
_CODE: Final = frozenset({Kind.DEX, Kind.ELF, Kind.MACHO, Kind.HERMES, Kind.IL2CPP})
_SCRIPTS: Final = re.compile(r"\.(?:js|jsbundle|bundle|lua|py)$")
_START: Final = 16
_KEY_SIZES: Final = frozenset({16, 24, 32, 48, 64})
_KEY_NAME: Final = re.compile(
    r"(?:^|[/._-])(?:key|secret|iv|nonce|salt|token|aes\d*|passw(?:or)?d|cipher)(?:[/._\-\d]|$)", re.IGNORECASE
)
_PRIVATE_KEY: Final = re.compile(rb"-----BEGIN (?:RSA |EC |ENCRYPTED )?PRIVATE KEY-----")


class File(Struct, frozen=True, kw_only=True):
    """One entry."""

    entry: Entry
    location: Location
    role: str
    """Of the package part it is in."""
    kind: Kind
    head: bytes
    depth: int
    """Archives between the package part and the file."""

    @property
    def code(self) -> bool:
        """Dex, native code or scripts."""
        return self.kind in _CODE or (
            self.kind is Kind.TEXT and _SCRIPTS.search(self.location.path.lower()) is not None
        )

    @property
    def start(self) -> bytes:
        """The first 16 bytes, when they are no header: many different values."""
        first = self.head[:_START]
        return first if len(set(first)) >= _START * 3 // 4 else b""

    @property
    def may_hide(self) -> bool:
        """Data that explains itself in no way."""
        return self.kind not in (Kind.JSON, Kind.XML, Kind.HTML) and not explained(self.head, self.location.path)

    @property
    def key_file(self) -> str | None:
        """Its form, when it has the size or the text of a key."""
        if self.location.path.lower().endswith(".mlmodelkey"):
            return "a Core ML model key"
        if _PRIVATE_KEY.match(self.head):
            return "a private key in PEM form"
        if (
            self.entry.size in _KEY_SIZES
            and len(set(self.head)) >= self.entry.size * 5 // 8
            and not self.head.isascii()
        ):
            return f"a file of {self.entry.size} even bytes"
        named = _KEY_NAME.search(self.location.path.rpartition("!")[2].rpartition("/")[2]) is not None
        if named and 16 <= self.entry.size <= 512 and self.kind in (Kind.TEXT, Kind.DATA):
            return f"a file of {self.entry.size} bytes whose name speaks of keys"
        return None

    @property
    def stem(self) -> str:
        """Folder and name up to the first dot."""
        folder, _, name = self.location.path.rpartition("/")
        return f"{folder}/{name.partition('.')[0]}"


class Survey:
    """Walks a package once; archives that were opened are closed by `close`."""

    def __init__(self, package: Package) -> None:
        self._opened: list[Container] = []
        self._room = MAX_READ
        self._left = MAX_FILES
        self.files: list[File] = []
        self.cut = False
        """There was more than the bounds allow."""
        for part in package.parts:
            entries = [entry for entry in part.container.entries if entry.path not in part.consumed]
            self.files += self._walk(entries, part.location, part.role, 0)

    def _walk(self, entries: Sequence[Entry], place: Location, role: str, depth: int) -> Iterator[File]:
        for entry in entries:
            self._left -= 1
            if self._left < 0:
                self.cut = True
                return
            try:
                head = entry.head(4096) if depth == 0 else entry.head()
            except InputError:
                continue  # the scan reports it
            file = File(
                entry=entry, location=place.inside(entry.path), role=role, kind=content_kind(head[:512]), head=head, depth=depth
            )  # fmt: skip
            yield file
            if file.kind in ARCHIVES and depth < _DEPTH:
                yield from self._archive(file)

    def _archive(self, file: File) -> Iterator[File]:
        try:
            container = open_container(self.read(file), file.entry.path)
        except (InputError, NotThisFormat):
            return
        self._opened.append(container)
        yield from self._walk(container.entries, file.location, file.role, file.depth + 1)

    def read(self, file: File) -> ByteSource:
        """All bytes of a file. Raises `InputError`; past `MAX_READ` bytes in all, what is read is empty."""
        if file.entry.size > min(MAX_FILE, self._room) and file.entry.window() is None:
            self.cut = True
            return ByteSource.of_bytes(b"", file.entry.path)
        loaded = load(file.entry, None)
        if not loaded.in_place:
            self._room -= loaded.source.size
        return loaded.source

    def close(self) -> None:
        """Closes the archives inside the package."""
        for container in reversed(self._opened):
            container.close()
