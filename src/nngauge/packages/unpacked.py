"""An app that somebody unpacked into a folder: an APK, an IPA, or the ``.app`` directory of one."""

from __future__ import annotations

from typing import Final

from nngauge.domain.location import Location
from nngauge.packages._android import MANIFEST, read_apk
from nngauge.packages._api import Container, Package, PackageFormat, PackagePart
from nngauge.packages._apple import INFO, bundle_prefixes, read_bundle
from nngauge.packages._assembly import assemble

_APK_MARKS: Final = ("classes.dex", "resources.arsc", "apktool.yml")
"""Beside a manifest they tell an unpacked APK from the sources of an app."""
_APP_MARKS: Final = ("PkgInfo", "_CodeSignature/CodeResources", "embedded.mobileprovision")
"""Frameworks and extensions have an Info.plist, too; so do folders of anything that came from a Mac."""


def claims(container: Container, name: str) -> bool:
    """A folder with the manifest and the marks of an app."""
    del name
    return container.kind == "folder" and (_is_apk(container) or _app_prefix(container) is not None)


def open_unpacked(container: Container, location: Location) -> Package:
    """One part, with the identity of the app that was unpacked here."""
    if _is_apk(container):
        reading = read_apk(container, location, kind="folder")
        part = PackagePart(role="folder", location=location, container=container, manifest=reading.manifest)
        return assemble(reading.app, container, location, [part], reading.failures)
    bundle = read_bundle(container, location, _app_prefix(container) or "", kind="folder")
    part = PackagePart(role="folder", location=location, container=container, properties=bundle.properties)
    return assemble(bundle.app, container, location, [part], bundle.failures)


def _is_apk(container: Container) -> bool:
    return container.find(MANIFEST) is not None and _has_any(container, _APK_MARKS)


def _app_prefix(container: Container) -> str | None:
    """Where the iOS app lies: ``Payload/X.app/``, or nothing in front when the folder is the app."""
    prefixes = bundle_prefixes(container)
    if prefixes:
        return prefixes[0]
    return "" if container.find(INFO) is not None and _has_any(container, _APP_MARKS) else None


def _has_any(container: Container, paths: tuple[str, ...]) -> bool:
    return any(container.find(path) is not None for path in paths)


PACKAGE = PackageFormat(
    name="unpacked",
    version=1,
    title="Unpacked APK, IPA or .app in a folder",
    suffixes=(),
    claims=claims,
    open=open_unpacked,
    references=(
        "https://developer.android.com/guide/topics/manifest/manifest-intro",
        "https://developer.apple.com/documentation/bundleresources/placing-content-in-a-bundle",
    ),
    limitations=("The signing block of an APK is lost by unpacking; only v1 signers can be read.",),
)
