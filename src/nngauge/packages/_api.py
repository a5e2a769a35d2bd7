"""What an app is shipped in: containers with entries, and the packages they add up to."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from nngauge.domain.app import App
from nngauge.domain.location import Location
from nngauge.domain.outcome import Anomaly, Failure
from nngauge.io.axml import Element
from nngauge.io.source import ByteSource
from nngauge.limits import HEAD_BYTES


class Entry(Protocol):
    """One file inside a container. Nothing is read before it is asked for."""

    path: str
    """As the container names it, with forward slashes; may be hostile, never used to write."""
    size: int
    """Uncompressed bytes as declared; −1 when the container does not tell."""
    stored_size: int
    """Bytes it occupies in the container."""

    @abstractmethod
    def head(self, count: int = HEAD_BYTES) -> bytes:
        """The first `count` bytes (fewer at the end). Raises `InputError` when they cannot be had."""

    @abstractmethod
    def chunks(self) -> Iterator[bytes]:
        """All bytes in pieces of at most `limits.CHUNK_BYTES`; what could be read comes before the `InputError`."""

    @abstractmethod
    def window(self) -> ByteSource | None:
        """The bytes in place, when they are not compressed; None otherwise."""


@dataclass(frozen=True, slots=True)
class Container:
    """An opened archive or folder."""

    kind: str
    """``zip``, ``folder``, ``tar``, ``gzip``, ``xz``, ``bzip2``, ``zstd``, ``7z``, ``file``."""
    entries: Sequence[Entry]
    """Files only, no directories, in container order."""
    anomalies: tuple[Anomaly, ...] = ()
    close: Callable[[], None] = lambda: None

    def find(self, path: str) -> Entry | None:
        """The entry that Android or iOS would take for `path`, None when there is none."""
        return next((entry for entry in self.entries if entry.path == path), None)


@dataclass(frozen=True, slots=True)
class PackagePart:
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
    """Entry paths that became parts of their own (the APKs inside an XAPK): not to be walked again."""


@dataclass(frozen=True, slots=True)
class Package:
    """An app, opened: its identity and the parts to walk."""

    app: App
    parts: tuple[PackagePart, ...]
    anomalies: tuple[Anomaly, ...] = ()
    failures: tuple[Failure, ...] = ()

    def close(self) -> None:
        """Gives back files and maps."""
        for part in self.parts:
            part.container.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageFormat:
    """One kind of package."""

    name: str
    version: int
    title: str
    suffixes: tuple[str, ...]
    claims: Callable[[Container, str], bool]
    """`(container, file name)` → is it this kind? Decided by content; the name only breaks ties."""
    open: Callable[[Container, Location], Package]
    """Identifies the app and its parts; problems with single parts become failures, not exceptions."""
    references: tuple[str, ...] = ()
    limitations: tuple[str, ...] = ()
