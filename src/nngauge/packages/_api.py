"""What an app is shipped in: containers with entries, and the packages they add up to."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct, field

from nngauge.domain.app import App
from nngauge.domain.location import Location
from nngauge.domain.outcome import Anomaly, Failure
from nngauge.io.axml import Element
from nngauge.io.source import ByteSource
from nngauge.limits import HEAD_BYTES


class Entry(Protocol):
    """One file inside a container. Nothing is read before it is asked for."""

    @property
    def path(self) -> str:
        """As the container names it, with forward slashes; may be hostile, never used to write."""

    @property
    def size(self) -> int:
        """Uncompressed bytes as declared; −1 when the container does not tell."""

    @property
    def stored_size(self) -> int:
        """Bytes it occupies in the container; 0 when it shares a compressed block with others."""

    @abstractmethod
    def head(self, count: int = HEAD_BYTES) -> bytes:
        """The first `count` bytes (fewer at the end). Raises `InputError` when they cannot be had."""

    @abstractmethod
    def chunks(self) -> Iterator[bytes]:
        """All bytes in pieces of at most `limits.CHUNK_BYTES`; what could be read comes before the `InputError`."""

    @abstractmethod
    def window(self) -> ByteSource | None:
        """The bytes in place, when they are not compressed; None otherwise."""


def _nothing() -> None:
    """Containers in memory have nothing to give back."""


class Container(Struct, frozen=True, kw_only=True):
    """An opened archive or folder."""

    kind: str
    """``zip``, ``folder``, ``tar``, ``gzip``, ``xz``, ``bzip2``, ``zstd``, ``7z``, ``file``."""
    entries: Sequence[Entry]
    """Files only, no directories, in container order. May make its items when they are asked for."""
    source: ByteSource | None = None
    """The bytes of the archive itself; None for folders and for views on a part of another container."""
    failures: tuple[Failure, ...] = ()
    """What of the container itself could not be read: a directory without permission, the end of a broken tar."""
    report: Callable[[], tuple[Anomaly, ...]] = tuple
    """See `anomalies`."""
    lookup: Callable[[str], Entry | None] | None = None
    """A faster `find`, where the reader has one."""
    sparing: bool = False
    """Bytes are dear: what only decorates an app (its name in the resources) stays unread."""
    close: Callable[[], None] = _nothing
    """Gives back files and maps; windows handed out before are dead then."""

    @property
    def anomalies(self) -> tuple[Anomaly, ...]:
        """What is odd about it, so far: some oddities show only when an entry is read."""
        return self.report()

    @property
    def size(self) -> int:
        """Bytes as shipped: of the archive, or of all files of a folder or view."""
        return sum(max(entry.stored_size, 0) for entry in self.entries) if self.source is None else self.source.size

    def find(self, path: str) -> Entry | None:
        """The entry that Android or iOS would take for `path`, None when there is none."""
        if self.lookup is not None:
            return self.lookup(path)
        return next((entry for entry in self.entries if entry.path == path), None)


class PackagePart(Struct, frozen=True, kw_only=True):
    """One container of an app: base, split, asset pack, module, OBB."""

    role: str
    """As `nngauge.domain.app.Part.role`."""
    location: Location
    """Prefix of every location inside."""
    container: Container
    manifest: Element | None = None
    """AndroidManifest.xml, parsed, where there is one."""
    properties: Mapping[str, Any] = field(default_factory=dict)
    """Info.plist, parsed, where there is one."""
    consumed: frozenset[str] = frozenset()
    """Entry paths that became parts of their own (the APKs inside an XAPK): not to be walked again.

    Such a wrapper is not listed in `App.parts`, because its bytes are mostly theirs."""


class Package(Struct, frozen=True, kw_only=True):
    """An app, opened: its identity and the parts to walk."""

    app: App
    parts: tuple[PackagePart, ...]
    source: ByteSource | None = None
    """The one file it came in; None for folders."""
    failures: tuple[Failure, ...] = ()

    @property
    def anomalies(self) -> tuple[Anomaly, ...]:
        """What is odd about its containers, so far."""
        met: dict[Anomaly, None] = {}
        for part in self.parts:
            met.update(dict.fromkeys(part.container.anomalies))
        return tuple(met)

    def close(self) -> None:
        """Gives back files and maps."""
        # Splits are windows on their wrapper, which comes first.
        for part in reversed(self.parts):
            part.container.close()


class PackageFormat(Struct, frozen=True, kw_only=True):
    """One kind of package."""

    name: str
    version: int
    title: str
    suffixes: tuple[str, ...]
    claims: Callable[[Container, str], bool]
    """`(container, file name)` → is it this kind? Decided by content; the name only breaks ties."""
    open: Callable[[Container, Location], Package]
    """Identifies the app and its parts; problems with single parts become failures, not exceptions.

    Digests stay empty: `nngauge.packages.with_digests` fills them in, because hashing costs a pass over all bytes."""
    references: tuple[str, ...] = ()
    limitations: tuple[str, ...] = ()
