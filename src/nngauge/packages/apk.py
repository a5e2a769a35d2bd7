"""APK: the package that Android installs.

https://developer.android.com/guide/components/fundamentals ; what makes a zip an APK for Android is the binary
AndroidManifest.xml at its root, found by name, the first one when there are several.
"""

from __future__ import annotations

from typing import Final

from nngauge.domain.location import Location
from nngauge.errors import InputError
from nngauge.packages._android import MANIFEST, read_apk
from nngauge.packages._api import Container, Package, PackageFormat, PackagePart
from nngauge.packages._assembly import assemble

_TELLTALES: Final = ("classes.dex", "resources.arsc")
"""Root entries that make an APK of a zip whose manifest was taken away or cut off."""


def claims(container: Container, name: str) -> bool:
    """A zip with a compiled manifest, with code or resources where an APK has them, or at least with the name."""
    if container.kind != "zip":
        return False
    manifest = container.find(MANIFEST)
    if manifest is not None:
        try:
            # AARs and source archives carry the manifest as text.
            return not manifest.head(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") or _has_telltale(container)
        except InputError:
            return True
    return _has_telltale(container) or name.lower().endswith(".apk")


def _has_telltale(container: Container) -> bool:
    return any(container.find(path) is not None for path in _TELLTALES)


def open_apk(container: Container, location: Location) -> Package:
    """One part, the APK itself."""
    reading = read_apk(container, location, kind="apk")
    part = PackagePart(role=reading.role, location=location, container=container, manifest=reading.manifest)
    return assemble(reading.app, container, location, [part], reading.failures)


PACKAGE = PackageFormat(
    name="apk",
    version=1,
    title="Android package (APK)",
    suffixes=(".apk",),
    claims=claims,
    open=open_apk,
    references=("https://developer.android.com/guide/topics/manifest/manifest-intro",),
    limitations=("Signatures are read, not verified.",),
)
