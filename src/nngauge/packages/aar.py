"""AAR: an Android library as developers publish it. Its classes.jar is walked as an archive inside.

https://developer.android.com/studio/projects/android-library#aar-contents
"""

from __future__ import annotations

from nngauge.domain.location import Location
from nngauge.packages._android import MANIFEST, android_app, native_abis, read_manifest
from nngauge.packages._api import Container, Package, PackageFormat, PackagePart
from nngauge.packages._assembly import assemble


def claims(container: Container, name: str) -> bool:
    """A zip with a manifest beside classes.jar, or with a manifest and the name."""
    if container.kind != "zip" or container.find(MANIFEST) is None or container.find("classes.dex") is not None:
        return False
    return container.find("classes.jar") is not None or name.lower().endswith(".aar")


def open_aar(container: Container, location: Location) -> Package:
    """One part. The package id is the library's namespace."""
    reading = read_manifest(container, location)
    # Native libraries lie under jni/, not under lib/ as in an APK.
    abis = native_abis(
        "lib" + entry.path.removeprefix("jni") for entry in container.entries if entry.path.startswith("jni/")
    )
    part = PackagePart(role="base", location=location, container=container, manifest=reading.root)
    return assemble(android_app(reading.root, kind="aar", abis=abis), container, location, [part], reading.failures)


PACKAGE = PackageFormat(
    name="aar",
    version=1,
    title="Android library (AAR)",
    suffixes=(".aar",),
    claims=claims,
    open=open_aar,
    references=("https://developer.android.com/studio/projects/android-library#aar-contents",),
)
