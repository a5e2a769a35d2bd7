"""IPA: an iOS app as it is shipped, a zip with ``Payload/X.app``.

https://developer.apple.com/documentation/bundleresources/placing-content-in-a-bundle ; On-Demand Resources:
https://developer.apple.com/library/archive/documentation/FileManagement/Conceptual/On_Demand_Resources_Guide/
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from nngauge.domain.location import Location
from nngauge.packages._api import Container, Entry, Package, PackageFormat, PackagePart
from nngauge.packages._apple import bundle_prefixes, read_bundle
from nngauge.packages._assembly import assemble, view

_PACK: Final = ".assetpack"


def claims(container: Container, name: str) -> bool:
    """A zip with an app under ``Payload``."""
    del name
    return container.kind == "zip" and bool(bundle_prefixes(container))


def open_ipa(container: Container, location: Location) -> Package:
    """The app as base, and one part for each On-Demand Resources pack; frameworks and extensions belong to the base."""
    reading = read_bundle(container, location, bundle_prefixes(container)[0], kind="ipa")
    packs = _packs(container)
    base = view(container, packs.pop("", [])) if len(packs) > 1 else container
    parts = [PackagePart(role="base", location=location, container=base, properties=reading.properties)]
    if base is not container:
        parts += [
            PackagePart(role=f"asset-pack:{name}", location=location, container=view(container, entries))
            for name, entries in sorted(packs.items())
        ]
    return assemble(reading.app, container, location, parts, reading.failures)


def _packs(container: Container) -> dict[str, list[Entry]]:
    """Entries by asset pack; those of none under the empty name."""
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in container.entries:
        folders = entry.path.split("/")[:-1]
        found[next((folder.removesuffix(_PACK) for folder in folders if folder.endswith(_PACK)), "")].append(entry)
    return found


PACKAGE = PackageFormat(
    name="ipa",
    version=1,
    title="iOS app (IPA)",
    suffixes=(".ipa",),
    claims=claims,
    open=open_ipa,
    references=(
        "https://developer.apple.com/documentation/bundleresources/information-property-list",
        "https://developer.apple.com/library/archive/documentation/FileManagement/Conceptual/On_Demand_Resources_Guide/",
    ),
    limitations=(
        "Signers are the certificates that the provisioning profile allows; App Store packages have no profile.",
        "Asset packs that the App Store hosts are not in the package.",
    ),
)
