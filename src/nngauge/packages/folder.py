"""A plain folder: files on disk, perhaps an unpacked APK, IPA or ``.app``, which its manifest tells."""

from __future__ import annotations

from nngauge.domain.app import App, Platform
from nngauge.domain.location import Location
from nngauge.packages._android import MANIFEST, read_apk
from nngauge.packages._api import Container, Package, PackageFormat, PackagePart
from nngauge.packages._assembly import assemble


def open_folder(container: Container, location: Location) -> Package:
    """One part, with the identity of the app that was unpacked here, if any."""
    if container.find(MANIFEST) is not None:
        reading = read_apk(container, location, kind="folder")
        part = PackagePart(role="folder", location=location, container=container, manifest=reading.manifest)
        return assemble(reading.app, container, location, [part], reading.failures)
    part = PackagePart(role="folder", location=location, container=container)
    return assemble(App(platform=Platform.UNKNOWN, container="folder"), container, location, [part])


PACKAGE = PackageFormat(
    name="folder",
    version=1,
    title="Folder (also an unpacked APK, IPA or .app)",
    suffixes=(),
    claims=lambda container, _: container.kind == "folder",
    open=open_folder,
    references=("https://developer.android.com/guide/topics/manifest/manifest-intro",),
    limitations=("Symbolic links and special files are recorded, not followed.",),
)
