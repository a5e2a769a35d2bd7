"""Any other archive: nothing tells which app it is, but everything in it is looked at."""

from __future__ import annotations

from nngauge.domain.app import App, Platform
from nngauge.domain.location import Location
from nngauge.packages._api import Container, Package, PackageFormat, PackagePart
from nngauge.packages._assembly import assemble


def open_archive(container: Container, location: Location) -> Package:
    """One part, no identity."""
    part = PackagePart(role="archive", location=location, container=container)
    return assemble(App(platform=Platform.UNKNOWN, container="archive"), container, location, [part])


PACKAGE = PackageFormat(
    name="archive",
    version=1,
    title="Archive (zip, tar, gzip, xz, bzip2, zstd, 7z)",
    suffixes=(".zip", ".tar", ".gz", ".tgz", ".xz", ".bz2", ".zst", ".7z"),
    claims=lambda container, _: container.kind not in ("folder", "file"),
    open=open_archive,
    references=("https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT",),
    limitations=("Apps inside an archive are scanned as its content, without an identity of their own.",),
)
