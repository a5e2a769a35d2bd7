"""Puts an app together from its parts: their list, sizes and digests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from nngauge.domain.app import App, Part
from nngauge.domain.location import Location
from nngauge.domain.outcome import Failure
from nngauge.errors import InputError
from nngauge.io.source import ByteSource
from nngauge.packages._api import Container, Entry, Package, PackagePart
from nngauge.packages._failures import failure


def assemble(
    app: App, container: Container, location: Location, parts: Sequence[PackagePart], failures: Iterable[Failure] = ()
) -> Package:
    """The package of `container` at `location`; failures of the parts' containers are added to `failures`."""
    listed = _shipped(parts)
    named = tuple(
        Part(path=_relative(part, location), role=part.role, size=part.container.size) for part in listed
    )  # fmt: skip
    # Views do not add up to the archive they are views on: headers and padding are missing.
    of_one_file = len(listed) == 1 or all(part.container.source is None for part in listed)
    size = container.size if of_one_file else sum(part.size for part in named)
    met = {id(part.container): part.container for part in parts}
    met[id(container)] = container
    return Package(
        app=replace(app, parts=named, size=size),
        parts=tuple(parts),
        source=container.source,
        failures=(*failures, *(one for each in met.values() for one in each.failures)),
    )


def view(container: Container, entries: Sequence[Entry]) -> Container:
    """A part of a container that is a part of the app on its own; paths stay as they are."""
    return Container(kind=container.kind, entries=entries, report=container.report, close=container.close)


def with_digests(package: Package) -> Package:
    """The package with the SHA-256 of its parts and of the app; a pass over all bytes. Read errors are failures."""
    listed = _shipped(package.parts)
    failures: list[Failure] = []
    digests = [_part_digest(part, failures) for part in listed]
    parts = tuple(replace(part, sha256=digest) for part, digest in zip(package.app.parts, digests, strict=True))
    known = sorted(digest for digest in digests if digest)
    if not known and package.source is not None:
        known = [digest for digest in [_source_digest(package.source, listed[0].location, failures)] if digest]
    return replace(
        package,
        app=replace(package.app, parts=parts, sha256=known[0] if len(known) == 1 else _joined(known)),
        failures=(*package.failures, *failures),
    )


def _shipped(parts: Sequence[PackagePart]) -> list[PackagePart]:
    """The parts that the app consists of: without the wrapper whose entries became parts."""
    return [part for part in parts if not part.consumed] or list(parts)


def _relative(part: PackagePart, location: Location) -> str:
    path = part.location.path
    if path != location.path:
        return path.removeprefix(location.path + "!")
    if part.container.source is None and part.container.kind != "folder":
        return part.role.partition(":")[2] or part.role
    return location.name


def _joined(digests: list[str]) -> str:
    """Order must not matter: the same splits in another wrapper are the same app."""
    return hashlib.sha256("\n".join(digests).encode()).hexdigest() if digests else ""


def _part_digest(part: PackagePart, failures: list[Failure]) -> str | None:
    if part.container.source is not None:
        return _source_digest(part.container.source, part.location, failures)
    if part.container.kind != "folder":
        return None  # a view: it has no bytes of its own
    digests = []
    for entry in part.container.entries:
        digest = _digest(entry.chunks(), part.location.inside(entry.path), failures)
        if digest:
            digests.append(f"{digest}  {entry.path}")
    return _joined(sorted(digests))


def _source_digest(source: ByteSource, location: Location, failures: list[Failure]) -> str | None:
    return _digest(source.chunks(), location, failures)


def _digest(chunks: Iterator[bytes] | Iterator[memoryview], location: Location, failures: list[Failure]) -> str | None:
    state = hashlib.sha256()
    try:
        for piece in chunks:
            state.update(piece)
    except InputError as error:
        failures.append(failure(location, error))
        return None
    return state.hexdigest()
