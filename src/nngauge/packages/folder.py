"""A plain folder: files on disk, of which app nobody knows."""

from __future__ import annotations

from nngauge.domain.app import App, Platform
from nngauge.domain.location import Location
from nngauge.packages._api import Container, Package, PackageFormat, PackagePart
from nngauge.packages._assembly import assemble


def open_folder(container: Container, location: Location) -> Package:
    """One part, no identity."""
    part = PackagePart(role="folder", location=location, container=container)
    return assemble(App(platform=Platform.UNKNOWN, container="folder"), container, location, [part])


PACKAGE = PackageFormat(
    name="folder",
    version=1,
    title="Plain folder",
    suffixes=(),
    claims=lambda container, _: container.kind == "folder",
    open=open_folder,
    references=("https://docs.python.org/3/library/os.html#os.scandir",),
    limitations=("Symbolic links and special files are recorded, not followed.",),
)
