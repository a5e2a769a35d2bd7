"""What an AndroidManifest.xml, the resources and the signature tell about an app, whatever it is packed in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from nngauge.domain.app import App, Platform
from nngauge.domain.location import Location
from nngauge.domain.outcome import Failure
from nngauge.errors import InputError, MalformedError, NotThisFormat
from nngauge.io.axml import Element, Value, read_axml
from nngauge.limits import MAX_APP_DOCUMENT
from nngauge.packages._api import Container
from nngauge.packages._failures import failure, read_small
from nngauge.packages._resources import with_texts
from nngauge.packages._signers import read_signers

MANIFEST: Final = "AndroidManifest.xml"
_DISTRIBUTION: Final = "http://schemas.android.com/apk/distribution"


class ManifestReading(Struct, frozen=True):
    """A manifest, or why there is none."""

    root: Element | None
    failures: tuple[Failure, ...] = ()


def read_manifest(
    container: Container, location: Location, path: str = MANIFEST, parse: Callable[[bytes], Element] = read_axml
) -> ManifestReading:
    """Reads the manifest at `path`; missing or garbled ones become failures."""
    where = location.inside(path)
    entry = container.find(path)
    if entry is None:
        return ManifestReading(None, (failure(where, MalformedError("there is no AndroidManifest.xml")),))
    try:
        return ManifestReading(parse(read_small(entry, MAX_APP_DOCUMENT, str(where))))
    except (InputError, NotThisFormat) as error:
        return ManifestReading(None, (failure(where, error),))


def android_app(manifest: Element | None, *, kind: str, abis: tuple[str, ...] = ()) -> App:
    """The identity in a manifest, references not yet resolved; all fields None without one."""
    if manifest is None:
        return App(platform=Platform.ANDROID, container=kind, abis=abis)
    sdk = next(manifest.all("uses-sdk"), None)
    return App(
        platform=Platform.ANDROID,
        container=kind,
        package_id=_text(manifest.get("package", "")),
        version_name=_text(manifest.get("versionName")),
        version_code=_version_code(manifest),
        label=_text(next((application.get("label") for application in manifest.all("application")), None)),
        min_os=_text(sdk.get("minSdkVersion")) if sdk else None,
        target_os=_text(sdk.get("targetSdkVersion")) if sdk else None,
        permissions=_permissions(manifest),
        abis=abis,
    )


class ApkReading(Struct, frozen=True):
    """What one APK, base or split, tells about the app."""

    app: App
    manifest: Element | None
    failures: tuple[Failure, ...]

    @property
    def role(self) -> str:
        """``base``, ``split:<name>``, ``asset-pack:<name>`` or ``ai-pack:<name>``."""
        return "base" if self.manifest is None else part_role(self.manifest)


def read_apk(container: Container, location: Location, *, kind: str) -> ApkReading:
    """Identity from the manifest, the resources and the signature; what cannot be read becomes failures."""
    reading = read_manifest(container, location)
    abis = native_abis(entry.path for entry in container.entries)
    app, text_failures = with_texts(android_app(reading.root, kind=kind, abis=abis), container, location)
    signers, signer_failures = read_signers(container, location)
    return ApkReading(
        replace(app, signers=signers), reading.root, (*reading.failures, *text_failures, *signer_failures)
    )


def part_role(manifest: Element, fallback: str = "") -> str:
    """The role of the APK or module that `manifest` belongs to; `fallback` names it when it does not."""
    name = split_name(manifest) or fallback
    kind = module_type(manifest)
    if kind in ("asset-pack", "ai-pack"):
        return f"{kind}:{name}"
    return f"split:{name}" if name else "base"


def split_name(manifest: Element) -> str | None:
    """Name of the split; None for a base."""
    return _text(manifest.get("split", "")) or None


def module_type(manifest: Element) -> str | None:
    """``asset-pack`` or ``ai-pack`` of ``<dist:module dist:type=…>``; None for modules with code.

    https://developer.android.com/guide/app-bundle/asset-delivery and
    https://developer.android.com/google/play/on-device-ai write ``<dist:type dist:value=…>`` in it.
    """
    for module in manifest.all("module"):
        kind = _text(module.get("type", _DISTRIBUTION))
        if kind:
            return kind
        for inner in module.all("type"):
            return _text(inner.get("value", _DISTRIBUTION))
    return None


def native_abis(paths: Iterable[str]) -> tuple[str, ...]:
    """Directories under ``lib/`` that hold a file, sorted."""
    found = {
        parts[1]
        for path in paths
        if path.startswith("lib/") and len(parts := path.split("/")) == 3 and parts[1] and parts[2]
    }
    return tuple(sorted(found))


def _version_code(manifest: Element) -> str | None:
    """``versionCodeMajor`` is the upper half of what Android calls the long version code."""
    code, major = manifest.get("versionCode"), manifest.get("versionCodeMajor")
    if isinstance(code, int) and isinstance(major, int) and major > 0:
        return str(major << 32 | code & 0xFFFF_FFFF)
    return _text(code)


def _permissions(manifest: Element) -> tuple[str, ...]:
    names = {
        _text(element.get("name"))
        for kind in ("uses-permission", "uses-permission-sdk-23", "uses-permission-sdk-m")
        for element in manifest.all(kind)
    }
    return tuple(sorted(name for name in names if name))


def _text(value: Value) -> str | None:
    return None if value is None else str(value)
