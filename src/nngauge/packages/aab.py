"""Android App Bundle: what developers upload, with a directory for each module, asset pack and AI pack.

https://developer.android.com/guide/app-bundle/app-bundle-format ,
AI packs: https://developer.android.com/google/play/on-device-ai
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from msgspec.structs import replace

from nngauge.domain.location import Location
from nngauge.domain.outcome import Failure
from nngauge.io.axml import read_proto_xml
from nngauge.packages._android import MANIFEST, android_app, native_abis, part_role, read_manifest
from nngauge.packages._api import Container, Entry, Package, PackageFormat, PackagePart
from nngauge.packages._assembly import assemble, view
from nngauge.packages._resources import PROTO_TABLE, with_texts
from nngauge.packages._signers import read_signers

_BASE: Final = "base"
_MANIFEST: Final = f"/manifest/{MANIFEST}"
_BUNDLE: Final = ""
"""Stands for everything that belongs to no module: BundleConfig.pb, BUNDLE-METADATA, the signature."""


def claims(container: Container, name: str) -> bool:
    """A zip with a base module."""
    del name
    return container.kind == "zip" and (
        container.find(_BASE + _MANIFEST) is not None
        or (container.find("BundleConfig.pb") is not None and container.find(MANIFEST) is None)
    )


def open_aab(container: Container, location: Location) -> Package:
    """One part per module, each a view on the same zip, so that paths keep their module directory."""
    failures: list[Failure] = []
    parts = [
        _module(container, location, name, entries, failures) for name, entries in _modules(container).items()
    ]  # fmt: skip
    base = next((part for part in parts if part.role == _BASE), None)
    manifest = base.manifest if base else None
    abis = {abi for part in parts for abi in _abis(part)}
    app, text_failures = with_texts(
        android_app(manifest, kind="aab", abis=tuple(sorted(abis))), container, location, PROTO_TABLE
    )
    signers, signer_failures = read_signers(container, location)
    app = replace(app, signers=signers)
    return assemble(app, container, location, parts, (*failures, *text_failures, *signer_failures))


def _modules(container: Container) -> dict[str, list[Entry]]:
    """Entries by module, the base first, what belongs to none last."""
    names = {
        entry.path.removesuffix(_MANIFEST) for entry in container.entries if entry.path.endswith(_MANIFEST)
    } | {_BASE}  # fmt: skip
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in container.entries:
        top, slash, _ = entry.path.partition("/")
        found[top if slash and top in names else _BUNDLE].append(entry)
    return {name: found[name] for name in sorted(found, key=lambda name: (name != _BASE, name == _BUNDLE, name))}


def _module(
    container: Container, location: Location, name: str, entries: list[Entry], failures: list[Failure]
) -> PackagePart:
    inner = view(container, entries)
    if name == _BUNDLE:
        return PackagePart(role="archive", location=location, container=inner)
    reading = read_manifest(container, location, name + _MANIFEST, read_proto_xml)
    failures += reading.failures
    role = _BASE if name == _BASE else f"module:{name}"
    if reading.root is not None and name != _BASE:
        declared = part_role(reading.root, name)
        role = f"module:{name}" if declared.startswith("split:") else declared
    return PackagePart(role=role, location=location, container=inner, manifest=reading.root)


def _abis(part: PackagePart) -> tuple[str, ...]:
    return native_abis(entry.path.partition("/")[2] for entry in part.container.entries)


PACKAGE = PackageFormat(
    name="aab",
    version=1,
    title="Android App Bundle (AAB)",
    suffixes=(".aab",),
    claims=claims,
    open=open_aab,
    references=(
        "https://developer.android.com/guide/app-bundle/app-bundle-format",
        "https://developer.android.com/google/play/on-device-ai",
        "https://android.googlesource.com/platform/frameworks/base/+/refs/heads/main/tools/aapt2/Resources.proto",
    ),
    limitations=("Which module goes to which device (targeting) is not read.",),
)
