"""What an app is shipped in. `open_package` finds the kind by content; `discover` finds the apps below a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nngauge.domain.location import Location
from nngauge.errors import NngaugeError, NotThisFormat
from nngauge.io.source import ByteSource
from nngauge.packages import apk, archive, folder
from nngauge.packages._api import Container, Entry, Package, PackageFormat, PackagePart
from nngauge.packages._assembly import with_digests
from nngauge.packages.containers import entry_source, open_container, open_path, salvage

__all__ = [
    "PACKAGES",
    "Container",
    "Entry",
    "Package",
    "PackageFormat",
    "PackagePart",
    "entry_source",
    "open_container",
    "open_package",
    "open_source",
    "salvage",
    "with_digests",
]

PACKAGES: tuple[PackageFormat, ...] = (
    apk.PACKAGE,
    folder.PACKAGE,
    archive.PACKAGE,
)
"""The first that claims a container opens it: the more a kind demands, the earlier it is asked."""


def open_package(
    path: str | Path, *, hash_parts: bool = True, packages: Sequence[PackageFormat] = PACKAGES
) -> Package:
    """Opens the app at `path`, a file or a folder; close it after use.

    Without `hash_parts` the digests stay empty, which saves a pass over all bytes. Raises `NotThisFormat` when it is
    neither a package nor an archive, `UnreadableError`, `UnsupportedError` and `LimitError`; whatever concerns single
    parts only is in `Package.failures`.
    """
    place = Path(path)
    return _opened(open_path(place), str(place), hash_parts, packages)


def open_source(
    source: ByteSource, *, hash_parts: bool = True, packages: Sequence[PackageFormat] = PACKAGES
) -> Package:
    """Like `open_package` for bytes that are not a file; closing the package closes `source`."""
    name = Location(path=source.name).name
    return _opened(open_container(source, name), source.name, hash_parts, packages)


def _opened(container: Container, path: str, hash_parts: bool, packages: Sequence[PackageFormat]) -> Package:  # noqa: FBT001
    location = Location(path=path)
    try:
        form = next((form for form in packages if form.claims(container, location.name)), None)
        if form is None:
            raise NotThisFormat("neither an app package nor an archive", where=path)
        package = form.open(container, location)
        return with_digests(package) if hash_parts else package
    except NngaugeError:
        container.close()
        raise
