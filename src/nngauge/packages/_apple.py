"""What Info.plist, the provisioning profile and the main binary tell about an iOS app.

Keys: https://developer.apple.com/documentation/bundleresources/information-property-list
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from nngauge.domain.app import App, Platform
from nngauge.domain.location import Location
from nngauge.domain.outcome import Failure
from nngauge.errors import InputError, MalformedError, NotThisFormat
from nngauge.io.binary import Cursor
from nngauge.io.certificates import digest
from nngauge.io.plist import Plist, read_plist
from nngauge.limits import HEAD_BYTES, MAX_APP_DOCUMENT, MAX_CERTIFICATES, MAX_FAT_SLICES
from nngauge.packages._api import Container
from nngauge.packages._failures import failure, read_small

INFO: Final = "Info.plist"
_PROFILE: Final = "embedded.mobileprovision"
_USAGE: Final = "UsageDescription"
"""Suffix of the keys that explain to the user why a permission is asked for."""
_THIN: Final = {b"\xce\xfa\xed\xfe": "<", b"\xcf\xfa\xed\xfe": "<", b"\xfe\xed\xfa\xce": ">", b"\xfe\xed\xfa\xcf": ">"}
_FAT: Final = {b"\xca\xfe\xba\xbe": 20, b"\xca\xfe\xba\xbf": 32}
"""Magic and bytes per architecture."""


class BundleReading(Struct, frozen=True):
    """What one ``.app`` directory tells."""

    app: App
    properties: Plist
    failures: tuple[Failure, ...]


def read_bundle(container: Container, location: Location, prefix: str, *, kind: str) -> BundleReading:
    """The identity of the bundle whose files begin with `prefix` (``Payload/X.app/``, or nothing)."""
    failures: list[Failure] = []
    info = _read(container, location, prefix + INFO, failures) or {}
    profile = _read_profile(container, location, prefix + _PROFILE, failures) or {}
    executable = _text(info, "CFBundleExecutable")
    binary = prefix + (executable or prefix.rstrip("/").rpartition("/")[2].removesuffix(".app"))
    app = App(
        platform=Platform.IOS,
        container=kind,
        package_id=_text(info, "CFBundleIdentifier"),
        version_name=_text(info, "CFBundleShortVersionString"),
        version_code=_text(info, "CFBundleVersion"),
        label=_text(info, "CFBundleDisplayName") or _text(info, "CFBundleName"),
        min_os=_text(info, "MinimumOSVersion"),
        target_os=_text(info, "DTPlatformVersion"),
        permissions=tuple(sorted(key for key in info if key.endswith(_USAGE))),
        signers=_signers(profile),
        team=_team(profile),
        abis=_processors(container, location, binary, failures),
    )
    return BundleReading(app, info, tuple(failures))


def bundle_prefixes(container: Container) -> tuple[str, ...]:
    """``Payload/X.app/`` of each app in an IPA, sorted; those with an Info.plist first."""
    found: dict[str, bool] = {}
    for entry in container.entries:
        parts = entry.path.split("/")
        if len(parts) > 2 and parts[0] == "Payload" and parts[1].endswith(".app"):
            prefix = f"Payload/{parts[1]}/"
            found[prefix] = found.get(prefix, False) or entry.path == prefix + INFO
    return tuple(sorted(found, key=lambda prefix: (not found[prefix], prefix)))


def _read(container: Container, location: Location, path: str, failures: list[Failure]) -> Plist | None:
    where = location.inside(path)
    entry = container.find(path)
    if entry is None:
        failures.append(failure(where, MalformedError("there is no Info.plist")))
        return None
    try:
        return read_plist(read_small(entry, MAX_APP_DOCUMENT, str(where)))
    except (InputError, NotThisFormat) as error:
        failures.append(failure(where, error))
        return None


def _read_profile(container: Container, location: Location, path: str, failures: list[Failure]) -> Plist | None:
    """A property list inside a CMS signature. Apps from the store have none."""
    where = location.inside(path)
    entry = container.find(path)
    if entry is None:
        return None
    try:
        data = read_small(entry, MAX_APP_DOCUMENT, str(where))
        start, end = data.find(b"<?xml"), data.rfind(b"</plist>")
        if not 0 <= start < end:
            raise MalformedError("provisioning profile without a property list", where=str(where))
        return read_plist(data[start : end + len(b"</plist>")])
    except (InputError, NotThisFormat) as error:
        failures.append(failure(where, error))
        return None


def _signers(profile: Plist) -> tuple[str, ...]:
    """Certificates that may sign under this profile; for the App Store and for enterprises that is one."""
    certificates = profile.get("DeveloperCertificates")
    if not isinstance(certificates, list):
        return ()
    return tuple(digest(one) for one in certificates[:MAX_CERTIFICATES] if isinstance(one, bytes))


def _team(profile: Plist) -> str | None:
    teams = profile.get("TeamIdentifier")
    return next((team for team in teams if isinstance(team, str)), None) if isinstance(teams, list) else None


def _processors(container: Container, location: Location, path: str, failures: list[Failure]) -> tuple[str, ...]:
    """Architectures of the main binary, by its head only."""
    entry = container.find(path)
    if entry is None:
        return ()
    try:
        head = entry.head(HEAD_BYTES)
        types = _cpu_types(head)
    except InputError as error:
        failures.append(failure(location.inside(path), error))
        return ()
    from nngauge.io.macho import CPUS

    return tuple(sorted({CPUS.get(kind, f"cpu-{kind:#x}") for kind in types}))


def _cpu_types(head: bytes) -> list[int]:
    magic = head[:4]
    if magic in _THIN:
        return [Cursor(head, 4, order=_THIN[magic]).u32()]
    if magic not in _FAT:
        return []
    cursor = Cursor(head, 4, order=">")
    types = []
    for _ in range(min(cursor.u32(), MAX_FAT_SLICES)):
        if cursor.left < _FAT[magic]:
            break
        types.append(cursor.u32())
        cursor.skip(_FAT[magic] - 4)
    return types


def _text(properties: Plist, key: str) -> str | None:
    value = properties.get(key)
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
