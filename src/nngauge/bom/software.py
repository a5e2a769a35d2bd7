"""Runtimes, SDKs, system frameworks and cloud services of an app as lines of its bill, and how they hang together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from nngauge.bom.cleaning import clean, inside
from nngauge.bom.identity import technology_purl
from nngauge.bom.inventory import APP_REF, Claim, Item, ItemKind, Link, LinkKind, Place
from nngauge.bom.licensing import license_of
from nngauge.detect.ruleset import Rule
from nngauge.domain.attribution import Attribution, Owner, SdkKind
from nngauge.domain.detection import Category, Detection
from nngauge.domain.evidence import Confidence, EvidenceKind, Presence
from nngauge.domain.scan import Scan
from nngauge.domain.technology import Grade, Technology

_INSIDE: Final = frozenset({Grade.LIBRARY, Grade.EMBEDDED, Grade.PACKED, Grade.DEFINED})
_OUTSIDE: Final = frozenset({Grade.FRAMEWORK, Grade.FETCHED, Grade.ENDPOINT})
_CODE: Final = frozenset({Presence.LIBRARY, Presence.EMBEDDED, Presence.DEFINED})
_EXACT: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]*")
_HOST: Final = re.compile(r"[A-Za-z0-9.-]+\.[A-Za-z]{2,}")
_TRACES: Final = 12


def listed(technology: Technology) -> bool:
    """Does it belong in a bill? Not what is only possible, only named, or known by its model files alone."""
    if technology.confidence is Confidence.POSSIBLE:
        return False
    if technology.grade is Grade.DEAD:
        return technology.presence in _CODE
    return technology.category is Category.CLOUD or technology.grade in _INSIDE | _OUTSIDE


def software_items(scan: Scan, rules: Mapping[str, Rule], digests: Mapping[str, str]) -> Iterator[Item]:
    """One item a technology that is listed. `digests`: SHA-256 of files by their location, as far as known."""
    for technology in scan.technologies:
        if listed(technology):
            found = [each for each in scan.detections if each.technology == technology.id]
            yield _item(technology, found, scan, rules.get(technology.id), digests)


def _item(
    technology: Technology, found: Sequence[Detection], scan: Scan, rule: Rule | None, digests: Mapping[str, str]
) -> Item:
    kind = _kind(technology)
    version = _version(technology)
    places = tuple(_places(technology, found, scan, digests))
    hashes = {place.sha256 for place in places if place.sha256}
    return Item(
        ref=f"{kind.value}:{technology.id}",
        kind=kind,
        name=clean(technology.title),
        version=version,
        supplier=clean(rule.vendor) if rule else "",
        homepage=rule.homepage if rule else "",
        purl=_purl(technology, scan, version),
        sha256=hashes.pop() if len(hashes) == 1 and kind is ItemKind.LIBRARY else "",
        licenses=license_of(rule.license, declared=False) if rule else (),
        claims=tuple(_claims(technology, found)),
        places=places,
        properties=tuple(_properties(technology)),
        optional=technology.dead,
        external=technology.grade in _OUTSIDE,
        endpoints=_endpoints(found) if kind is ItemKind.SERVICE else (),
    )


def _kind(technology: Technology) -> ItemKind:
    if technology.category is Category.CLOUD:
        return ItemKind.SERVICE
    if technology.grade is Grade.FRAMEWORK:
        return ItemKind.PLATFORM
    return ItemKind.LIBRARY


def _version(technology: Technology) -> str:
    """The one version that binaries tell; ranges and several versions are in the properties only."""
    texts = technology.versions
    return texts[0] if len(texts) == 1 and _EXACT.fullmatch(texts[0]) else ""


def _purl(technology: Technology, scan: Scan, version: str) -> str:
    """Only of what is shipped as it was published: a copy inside another library is not that package."""
    if technology.grade not in {Grade.LIBRARY, Grade.DEFINED} or technology.category is Category.CLOUD:
        return ""
    return technology_purl(technology.id, scan.app.platform, version)


def _places(
    technology: Technology, found: Sequence[Detection], scan: Scan, digests: Mapping[str, str]
) -> Iterator[Place]:
    """Libraries that hold it, then where else the detections point. A digest is only that of its own library: what is
    linked into another one has none.
    """
    own = {each.evidence[0].location.path for each in found if each.presence is Presence.LIBRARY and each.evidence}
    libraries = [each for each in scan.libraries if technology.id in each.technologies]
    for library in libraries:
        path = library.location.path
        digest = digests.get(path, "") if path in own else ""
        yield Place(path=inside(library.location, scan.path), size=library.size, sha256=digest)
    seen = {library.location.path for library in libraries}
    for detection in found:
        for trace in detection.evidence[:1]:
            if trace.location.path not in seen:
                seen.add(trace.location.path)
                yield Place(path=inside(trace.location, scan.path), says=detection.presence.value)


def _claims(technology: Technology, found: Sequence[Detection]) -> Iterator[Claim]:
    seen: set[tuple[str, EvidenceKind, str]] = set()
    for detection in found:
        claims = [("name", trace) for trace in detection.evidence]
        if detection.version_evidence is not None:
            claims.append(("version", detection.version_evidence))
        for of, trace in claims:
            key = (of, trace.kind, trace.value)
            if key not in seen and len(seen) < _TRACES:
                seen.add(key)
                yield Claim(of=of, kind=trace.kind, value=clean(trace.value), confidence=detection.confidence)
    if not seen:
        for trace in technology.evidence[:_TRACES]:
            yield Claim(of="name", kind=trace.kind, value=clean(trace.value), confidence=technology.confidence)


def _endpoints(found: Sequence[Detection]) -> tuple[str, ...]:
    """Hosts in the code. The code holds names or whole addresses; these services answer over TLS only."""
    hosts = {
        trace.value
        for detection in found
        if detection.presence is Presence.ENDPOINT
        for trace in detection.evidence
        if _HOST.fullmatch(trace.value)
    }
    return tuple(f"https://{host.lower()}" for host in sorted(hosts))


def _properties(technology: Technology) -> Iterator[tuple[str, str]]:
    yield "technology", technology.id
    yield "technology:category", technology.category.value
    yield "technology:grade", technology.grade.value
    yield "technology:confidence", technology.confidence.value
    for version in technology.versions:
        yield "technology:version", clean(version)
    for abi in technology.abis:
        yield "technology:abi", clean(abi)
    if technology.library_bytes is not None:
        yield "technology:library-bytes", str(technology.library_bytes)
    if technology.owner is not None:
        yield "owner", technology.owner.owner.value
        if technology.owner.sdk:
            yield "owner:sdk", clean(technology.owner.sdk)


# --- components that bring models or code and are no technology by themselves -------------------------------------------


def sdk_items(scan: Scan) -> Iterator[Item]:
    """One item a component of the knowledge base that owns something in the bill, where no technology stands for it.

    Runtimes are left out: the technology is the line.
    """
    listed_ones = [technology for technology in scan.technologies if listed(technology)]
    known = {technology.id for technology in listed_ones}
    owners = [*(technology.owner for technology in listed_ones), *(model.owner for model in scan.models)]
    for owner in owners:
        if owner is not None and _is_sdk(owner) and owner.sdk is not None and owner.sdk not in known:
            known.add(owner.sdk)
            yield _sdk(owner, owner.sdk)


def _is_sdk(owner: Attribution) -> bool:
    return (
        owner.owner is Owner.SDK and owner.kind is not SdkKind.RUNTIME and owner.confidence is not Confidence.POSSIBLE
    )


def _sdk(owner: Attribution, sdk: str) -> Item:
    return Item(
        ref=f"{ItemKind.LIBRARY.value}:{clean(sdk)}",
        kind=ItemKind.LIBRARY,
        name=clean(owner.title or sdk),
        supplier=clean(owner.vendor),
        claims=tuple(
            Claim(of="name", kind=trace.kind, value=clean(trace.value), confidence=owner.confidence)
            for trace in owner.evidence[:_TRACES]
        ),
        properties=(
            ("technology", clean(sdk)),
            ("technology:category", Category.SDK.value),
            ("technology:confidence", owner.confidence.value),
            *((("sdk:kind", owner.kind.value),) if owner.kind is not None else ()),
        ),
    )


# --- links --------------------------------------------------------------------------------------------------------------


def software_links(scan: Scan, refs: Mapping[str, str], models: Mapping[str, str]) -> Iterator[Link]:
    """How technologies hang on the app and on each other, and which models they can load.

    `refs`: technology → reference; `models`: digest → reference.
    """
    technologies = {technology.id for technology in scan.technologies}
    for sdk, ref in refs.items():
        if sdk not in technologies:
            yield Link(APP_REF, ref, LinkKind.USES)
    for technology in scan.technologies:
        ref = refs.get(technology.id, "")
        if not ref:
            continue
        yield _hung(technology, ref, refs)
        for digest in technology.models:
            if digest in models:
                yield Link(ref, models[digest], LinkKind.LOADS)


def _hung(technology: Technology, ref: str, refs: Mapping[str, str]) -> Link:
    host = refs.get(technology.host or "")
    if host is not None and host != ref:
        return Link(host, ref, LinkKind.EMBEDS)
    sdk = refs.get(technology.owner.sdk or "") if technology.owner is not None else None
    if sdk is not None and sdk != ref:
        return Link(sdk, ref, LinkKind.USES)
    outside = technology.category is Category.CLOUD or technology.grade in _OUTSIDE
    return Link(APP_REF, ref, LinkKind.ASKS if outside else LinkKind.USES)
