"""What an app is shipped in. `open_package` finds the kind by content; `discover` finds the apps below a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from nngauge.domain.location import Location
from nngauge.errors import NngaugeError, NotThisFormat
from nngauge.io.source import ByteSource
from nngauge.packages import aab, aar, apk, archive, folder, ipa, obb, split_set, unpacked
from nngauge.packages._api import Container, Entry, Package, PackageFormat, PackagePart
from nngauge.packages._assembly import with_digests
from nngauge.packages._digest import PARTIAL, partial_identity, with_identity
from nngauge.packages._discover import apps_below, claimant
from nngauge.packages._zip import ask_ahead, is_remote
from nngauge.packages.containers import entry_source, open_any, open_container, open_directory, salvage

__all__ = [
    "PACKAGES",
    "PARTIAL",
    "Container",
    "Entry",
    "Package",
    "PackageFormat",
    "PackagePart",
    "ask_ahead",
    "discover",
    "entry_source",
    "is_remote",
    "open_container",
    "open_package",
    "open_source",
    "partial_identity",
    "salvage",
    "with_digests",
]

PACKAGES: tuple[PackageFormat, ...] = (
    aab.PACKAGE,
    split_set.PACKAGE,
    aar.PACKAGE,
    apk.PACKAGE,
    ipa.PACKAGE,
    obb.PACKAGE,
    unpacked.PACKAGE,
    folder.PACKAGE,
    archive.PACKAGE,
)
"""The first that claims a container opens it: the more a kind demands, the earlier it is asked."""


def open_package(path: str | Path, *, hash_parts: bool = True, packages: Sequence[PackageFormat] = PACKAGES) -> Package:
    """Opens the app at `path`, a file or a folder; close it after use.

    Without `hash_parts` the digests stay empty, which saves a pass over all bytes. Raises `NotThisFormat` when it is
    neither a package nor an archive, `UnreadableError`, `UnsupportedError` and `LimitError`; whatever concerns single
    parts only is in `Package.failures`.
    """
    place = Path(path)
    if place.is_dir():
        container = open_directory(place, Location(path=str(place)))
        return _opened(container, str(place), packages, hash_parts=hash_parts)
    return open_source(ByteSource.open(place), hash_parts=hash_parts, packages=packages)


def open_source(
    source: ByteSource,
    *,
    hash_parts: bool = True,
    sparing: bool = False,
    packages: Sequence[PackageFormat] = PACKAGES,
) -> Package:
    """Like `open_package` for bytes that are not a file; closing the package closes `source`.

    Of a zip that is far away not all bytes are read for a digest: see `nngauge.packages._digest`. `sparing`: as
    `Container.sparing`.
    """
    try:
        container = replace(open_any(source, Location(path=source.name).name), sparing=sparing)
    except NngaugeError:
        source.close()
        raise
    return _opened(container, source.name, packages, hash_parts=hash_parts)


def discover(path: str | Path, *, packages: Sequence[PackageFormat] = PACKAGES) -> Iterator[Path]:
    """The apps at and below `path`, sorted; each is to be opened with `open_package`.

    An app is a file that some package kind claims by content or by suffix, or a folder that is one app: a split set,
    an unpacked APK, IPA or ``.app``. Plain archives in a folder are not apps and left out. A folder without any app is
    taken as one itself. Links to files are followed, links to folders are not. Raises `UnreadableError`.
    """
    return apps_below(Path(path), packages)


def _opened(container: Container, path: str, packages: Sequence[PackageFormat], *, hash_parts: bool) -> Package:
    location = Location(path=path)
    try:
        form = claimant(container, location.name, packages)
        if form is None:
            raise NotThisFormat("neither an app package nor an archive", where=path)
        package = form.open(container, location)
        if not hash_parts:
            return package
        is_far = container.source is not None and container.source.is_remote
        return with_identity(package, container) if is_far else with_digests(package)
    except NngaugeError:
        container.close()
        raise
