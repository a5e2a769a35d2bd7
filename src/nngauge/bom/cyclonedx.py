"""Writes a bill as CycloneDX 1.6 or 1.7 JSON: an ML-BOM.

https://cyclonedx.org/docs/1.6/json/. The document is built with cyclonedx-python-lib, which has no model cards and no
compositions (its issue 913 and the comments in its `Component`); `nngauge.bom.modelcard` adds these to the JSON.
"""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid5

from nngauge.bom.evidence import CONFIDENCE, technique
from nngauge.bom.inventory import APP_REF, Bill, Claim, Item, ItemKind, License, Place
from nngauge.bom.modelcard import add_cards
from nngauge.errors import UsageError
from nngauge.version import __version__

if TYPE_CHECKING:
    from cyclonedx.model import Property
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, Pedigree
    from cyclonedx.model.component_evidence import ComponentEvidence
    from cyclonedx.model.service import Service

VERSIONS: Final = ("1.6", "1.7")
PREFIX: Final = "nngauge:"
"""Namespace of our properties; docs/bom.md lists them."""
_FIRST: Final = ("$schema", "bomFormat", "specVersion", "serialNumber", "version", "metadata")
_NAMESPACE: Final = UUID("6d1f9f2e-6f0e-5d0b-9b0a-3a4b1f3a7c11")
"""Of serial numbers, which are UUIDs of version 5 over the content: RFC 9562, section 5.5."""


def cyclonedx(bill: Bill, *, version: str = "1.6", timestamp: datetime, author: str = "") -> bytes:
    """The bill as UTF-8 JSON. The same bill, time and author give the same bytes.

    Raises `UsageError` when the extra ``bom`` is not installed, or for a version that is not in `VERSIONS`.
    """
    try:
        from cyclonedx.output import make_outputter
        from cyclonedx.schema import OutputFormat, SchemaVersion
    except ImportError:
        raise UsageError("CycloneDX needs a library that is not installed", hint='pip install "nngauge[bom]"') from None
    if version not in VERSIONS:
        raise UsageError(f"no CycloneDX version {version!r}", hint=f"one of {', '.join(VERSIONS)}")
    bom = _bom(bill, timestamp, author)
    schema = SchemaVersion.from_version(version)
    document = json.loads(make_outputter(bom, OutputFormat.JSON, schema).output_as_string())
    add_cards(document, bill)
    for component in (document["metadata"]["component"], *document.get("components", ())):
        _order(component)
    document["serialNumber"] = _serial(document)
    first = {name: document[name] for name in _FIRST}
    return json.dumps(first | document, indent=2, ensure_ascii=False).encode() + b"\n"


def _order(component: dict[str, Any]) -> None:
    """The library sorts occurrences by references that it makes up at random."""
    occurrences = component.get("evidence", {}).get("occurrences", [])
    occurrences.sort(key=lambda each: json.dumps([each["location"], each.get("offset"), each.get("additionalContext")]))


def _serial(document: dict[str, Any]) -> str:
    """From everything but the time and the number itself: the same content has the same number on another day."""
    plain = {name: value for name, value in document.items() if name not in {"serialNumber", "metadata"}}
    plain["metadata"] = {name: value for name, value in document["metadata"].items() if name != "timestamp"}
    return uuid5(_NAMESPACE, json.dumps(plain, sort_keys=True)).urn


def _bom(bill: Bill, timestamp: datetime, author: str) -> Bom:
    from cyclonedx.model.bom import Bom

    bom = Bom(serial_number=_NAMESPACE, metadata=_metadata(bill, timestamp, author))
    made = {APP_REF: bom.metadata.component, **{item.ref: _component(item) for item in bill.items if _is_part(item)}}
    services = {item.ref: _service(item) for item in bill.items if not _is_part(item)}
    for ref, component in made.items():
        if component is not None and ref != APP_REF:
            bom.components.add(component)
    for service in services.values():
        bom.services.add(service)
    known = {**made, **services}
    for ref, target in known.items():
        if target is not None:
            others = [known[link.target] for link in bill.links if link.source == ref]
            bom.register_dependency(target, [other for other in others if other is not None])
    return bom


def _is_part(item: Item) -> bool:
    return item.kind is not ItemKind.SERVICE


def _metadata(bill: Bill, timestamp: datetime, author: str) -> BomMetaData:
    from cyclonedx.model.bom import BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.contact import OrganizationalContact
    from cyclonedx.model.lifecycle import LifecyclePhase, PredefinedLifecycle
    from cyclonedx.model.tool import ToolRepository

    tool = Component(type=ComponentType.APPLICATION, name="nngauge", version=__version__, bom_ref="nngauge")
    return BomMetaData(
        timestamp=timestamp,
        tools=ToolRepository(components=[tool]),
        authors=[OrganizationalContact(name=author)] if author else None,
        component=_component(bill.app),
        lifecycles=[PredefinedLifecycle(LifecyclePhase.POST_BUILD)],
        properties=_properties(bill.properties),
    )


def _component(item: Item) -> Component:
    from cyclonedx.model.component import Component, ComponentScope
    from packageurl import PackageURL

    return Component(
        type=_type(item),
        bom_ref=item.ref,
        name=item.name,
        version=item.version or None,
        description=item.description or None,
        supplier=_organisation(item.supplier),
        scope=ComponentScope.EXCLUDED if item.optional else None,
        is_external=item.external or None,
        hashes=_hashes(item.sha256),
        licenses=_licenses(item.licenses),
        purl=PackageURL.from_string(item.purl) if item.purl else None,
        external_references=_references(item),
        properties=_properties((*item.properties, *_external(item))),
        components=_files(item),
        evidence=_evidence(item),
        pedigree=_pedigree(item),
    )  # fmt: skip


def _service(item: Item) -> Service:
    from cyclonedx.model import XsUri
    from cyclonedx.model.service import Service

    return Service(
        bom_ref=item.ref,
        name=item.name,
        provider=_organisation(item.supplier),
        endpoints=[XsUri(address) for address in item.endpoints],
        x_trust_boundary=True,
        licenses=_licenses(item.licenses),
        external_references=_references(item),
        properties=_properties((*item.properties, *(("found-in", place.path) for place in item.places))),
    )


def _type(item: Item) -> Any:
    from cyclonedx.model.component import ComponentType

    return {
        ItemKind.APP: ComponentType.APPLICATION,
        ItemKind.MODEL: ComponentType.MACHINE_LEARNING_MODEL,
        ItemKind.LIBRARY: ComponentType.LIBRARY,
        ItemKind.PLATFORM: ComponentType.FRAMEWORK,
    }[item.kind]


def _external(item: Item) -> tuple[tuple[str, str], ...]:
    """CycloneDX 1.6 has no field for what is not in the package."""
    return (("external", "true"),) if item.external else ()


def _organisation(name: str) -> Any:
    from cyclonedx.model.contact import OrganizationalEntity

    return OrganizationalEntity(name=name) if name else None


def _hashes(digest: str) -> list[Any]:
    from cyclonedx.model import HashAlgorithm, HashType

    return [HashType(alg=HashAlgorithm.SHA_256, content=digest)] if digest else []


def _licenses(licenses: tuple[License, ...]) -> list[Any]:
    from cyclonedx.model.license import DisjunctiveLicense, LicenseAcknowledgement

    return [
        DisjunctiveLicense(
            id=each.text if each.spdx else None,
            name=None if each.spdx else each.text,
            acknowledgement=LicenseAcknowledgement.DECLARED if each.declared else LicenseAcknowledgement.CONCLUDED,
        )
        for each in licenses
    ]


def _references(item: Item) -> list[Any]:
    from cyclonedx.model import ExternalReference, ExternalReferenceType, XsUri

    if not item.homepage:
        return []
    kind = ExternalReferenceType.DISTRIBUTION if item.kind is ItemKind.MODEL else ExternalReferenceType.WEBSITE
    return [ExternalReference(type=kind, url=XsUri(item.homepage))]


def _properties(pairs: tuple[tuple[str, str], ...]) -> list[Property]:
    from cyclonedx.model import Property

    return [Property(name=PREFIX + name, value=value) for name, value in pairs]


def _files(item: Item) -> list[Component]:
    """Files of what is made of several, each with its digest."""
    from cyclonedx.model.component import Component, ComponentType

    files = [place for place in item.places if place.sha256]
    if item.sha256 or not files:
        return []
    return [
        Component(
            type=ComponentType.FILE, bom_ref=f"{item.ref}/{number}", name=place.path, hashes=_hashes(place.sha256),
            properties=_properties(() if place.size is None else (("file:size", str(place.size)),)),
        )
        for number, place in enumerate(files, 1)
    ]  # fmt: skip


def _evidence(item: Item) -> ComponentEvidence | None:
    from cyclonedx.model.component_evidence import ComponentEvidence, Identity, IdentityField, Occurrence

    if not item.claims and not item.places:
        return None
    fields = dict.fromkeys(claim.of for claim in item.claims)
    return ComponentEvidence(
        identity=[
            Identity(
                field=IdentityField(field),
                confidence=max(Decimal(CONFIDENCE[claim.confidence]) for claim in _of(item, field)),
                methods=[_method(claim) for claim in _of(item, field)],
            )
            for field in fields
        ],
        occurrences=[
            Occurrence(location=place.path, offset=place.offset, additional_context=_context(place))
            for place in item.places
        ],
    )


def _of(item: Item, field: str) -> list[Claim]:
    return [claim for claim in item.claims if claim.of == field]


def _method(claim: Claim) -> Any:
    from cyclonedx.model.component_evidence import AnalysisTechnique, Method

    return Method(
        technique=AnalysisTechnique(technique(claim.kind, claim.of)),
        confidence=Decimal(CONFIDENCE[claim.confidence]),
        value=claim.value,
    )


def _context(place: Place) -> str | None:
    parts = [place.says, "" if place.size is None else f"{place.size} bytes"]
    return ", ".join(part for part in parts if part) or None


def _pedigree(item: Item) -> Pedigree | None:
    from cyclonedx.model.component import Component, ComponentType, Pedigree
    from packageurl import PackageURL

    from nngauge.bom.licensing import license_of

    known = item.ancestor
    if known is None:
        return None
    published = Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=f"{item.ref}/published",
        name=known.name,
        purl=PackageURL.from_string(known.purl) if known.purl else None,
        licenses=_licenses(license_of(known.license, declared=False)),
        external_references=_source(known.source),
    )
    return Pedigree(
        ancestors=[published] if known.derived else None,
        variants=None if known.derived else [published],
        notes=known.says,
    )


def _source(address: str) -> list[Any]:
    from cyclonedx.model import ExternalReference, ExternalReferenceType, XsUri

    return [ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=XsUri(address))] if address else []
