"""Writes a bill as SPDX 3.0.1 JSON-LD with the AI profile's packages.

https://spdx.github.io/spdx-spec/v3.0.1/model/AI/AI/. Nothing but the standard library is needed. The schema is not part of
nngauge; the tests validate against the one that lib4sbom ships and against the bindings of spdx-python-model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid5

from nngauge.bom.inventory import Ancestor, Bill, Card, Item, ItemKind, License, Link, LinkKind, Place
from nngauge.bom.licensing import license_of
from nngauge.version import __version__

CONTEXT: Final = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
SPEC_VERSION: Final = "3.0.1"
NO_LICENSE: Final = "https://spdx.org/rdf/3.0.1/terms/ExpandedLicensing/NoAssertionLicense"
PROFILES: Final = ("core", "software", "simpleLicensing")
"""What documents conform to. Not ``ai``, although models are its packages with its fields and licences: it asks of each a
time of release, besides a supplier, a version and a place of download (AIPackage, "External properties restrictions"), and
no file tells when it was released."""
_NAMESPACE: Final = UUID("6d1f9f2e-6f0e-5d0b-9b0a-3a4b1f3a7c12")
_INFO: Final = "_:creation"
_PURPOSE: Final = {
    ItemKind.APP: "application",
    ItemKind.MODEL: "model",
    ItemKind.LIBRARY: "library",
    ItemKind.PLATFORM: "framework",
    ItemKind.SERVICE: "other",
}
_RELATIONS: Final = {
    LinkKind.USES: "contains",
    LinkKind.EMBEDS: "hasStaticLink",
    LinkKind.ASKS: "hasProvidedDependency",
    LinkKind.LOADS: "hasDataFile",
}
"""https://spdx.github.io/spdx-spec/v3.0.1/model/Core/Vocabularies/RelationshipType/: a data file may be "an AI model file",
and that "does not imply dependency"."""
_HYPERPARAMETERS: Final = frozenset(
    {"context-tokens", "layer-count", "embedding-width", "vocabulary", "parameters", "precision"}
)
"""What the AI profile means by it: settings that shape a model. The other figures go into the comment."""

_Element = dict[str, Any]


def spdx(bill: Bill, *, timestamp: datetime, author: str = "") -> bytes:
    """The bill as UTF-8 JSON-LD. The same bill, time and author give the same bytes."""
    writer = _Writer(_space(bill, author), timestamp, author)
    document = {"@context": CONTEXT, "@graph": writer.graph(bill)}
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


def _space(bill: Bill, author: str) -> str:
    """Namespace of all identifiers: from the content, so that the same content has the same on another day."""
    import msgspec

    content = msgspec.json.encode((__version__, author, bill)).hex()
    return uuid5(_NAMESPACE, content).urn


class _Writer:
    """Collects the elements of one document in the order in which they are read best."""

    def __init__(self, space: str, timestamp: datetime, author: str) -> None:
        self._space = space
        self._time = timestamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._author = author
        self._elements: list[_Element] = []
        self._names: set[str] = set()
        self._agents: dict[str, str] = {}
        self._licenses: dict[License, str] = {}

    def graph(self, bill: Bill) -> list[_Element]:
        """All elements, the creation information and the document first."""
        maker = self._agent("nngauge", "SoftwareAgent")
        makers = [maker, self._agent(self._author)] if self._author else [maker]
        tool = self._add("Tool", "tool", name=f"nngauge {__version__}")
        app = self._package(bill.app)
        packages = {bill.app.ref: app, **{item.ref: self._package(item) for item in bill.items}}
        for item in (bill.app, *bill.items):
            self._relations(item, packages[item.ref])
        for link in bill.links:
            self._link(link, packages)
        sbom = self._add(
            "software_Sbom", "sbom", software_sbomType=["analyzed"], rootElement=[app],
            element=[element["spdxId"] for element in self._elements],
        )  # fmt: skip
        document = self._add(
            "SpdxDocument", "document", name=f"AI in {bill.app.name}", rootElement=[sbom],
            element=[element["spdxId"] for element in self._elements], profileConformance=list(PROFILES),
            comment="\n".join(f"{name}: {value}" for name, value in bill.properties),
        )  # fmt: skip
        info: _Element = {
            "type": "CreationInfo", "@id": _INFO, "specVersion": SPEC_VERSION, "created": self._time, "createdBy": makers,
            "createdUsing": [tool],
        }  # fmt: skip
        last = [element for element in self._elements if element["spdxId"] in (document, sbom)]
        return [info, *reversed(last), *self._elements[: -len(last)]]

    def _add(self, kind: str, ref: str, **fields: Any) -> str:
        name = f"{self._space}#{_slug(ref)}"
        while name in self._names:  # references differ in characters that the fragment of an IRI cannot have
            name += "-"
        self._names.add(name)
        plain = {key: value for key, value in fields.items() if value not in ("", [], None)}
        self._elements.append({"type": kind, "spdxId": name, "creationInfo": _INFO, **plain})
        return name

    def _agent(self, name: str, kind: str = "Organization") -> str:
        if name not in self._agents:
            self._agents[name] = self._add(kind, f"agent-{len(self._agents) + 1}", name=name)
        return self._agents[name]

    def _package(self, item: Item) -> str:
        supplier = self._agent(item.supplier) if item.supplier else None
        kind = "ai_AIPackage" if item.kind is ItemKind.MODEL else "software_Package"
        return self._add(
            kind, item.ref, name=item.name, description=item.description, comment=_comment(item),
            verifiedUsing=_hash(item.sha256), externalRef=_references(item), suppliedBy=supplier,
            software_primaryPurpose=_PURPOSE[item.kind], software_packageVersion=item.version,
            software_packageUrl=item.purl, software_homePage=item.homepage if item.kind is not ItemKind.MODEL else "",
            software_downloadLocation=item.homepage if item.kind is ItemKind.MODEL else "",
            **(_ai_fields(item.card) if item.card is not None else {}),
        )  # fmt: skip

    def _relations(self, item: Item, package: str) -> None:
        """Files, licences and ancestors of one package."""
        if not item.sha256:
            files = [self._file(item, number, place) for number, place in enumerate(item.places, 1) if place.sha256]
            self._relate(f"{item.ref}-files", package, "contains", files)
        declared = tuple(each for each in item.licenses if each.declared)
        concluded = tuple(each for each in item.licenses if not each.declared)
        self._license(item, package, "hasDeclaredLicense", declared)
        self._license(item, package, "hasConcludedLicense", concluded)
        if item.ancestor is not None:
            self._ancestor(item, package, item.ancestor)

    def _file(self, item: Item, number: int, place: Place) -> str:
        return self._add(
            "software_File", f"{item.ref}-file-{number}", name=place.path, verifiedUsing=_hash(place.sha256),
            comment="" if place.size is None else f"{place.size} bytes",
        )  # fmt: skip

    def _license(self, item: Item, package: str, kind: str, licenses: Sequence[License]) -> None:
        """The AI profile wants exactly one of each kind for every model: unknown is said, not left out."""
        targets = [self._expression(each) for each in licenses[:1]]
        if not targets and item.kind is ItemKind.MODEL:
            targets = [NO_LICENSE]
        self._relate(f"{item.ref}-{kind}", package, kind, targets)

    def _expression(self, known: License) -> str:
        plain = License(known.text, spdx=known.spdx, declared=False)
        if plain not in self._licenses:
            ref = f"license-{len(self._licenses) + 1}"
            self._licenses[plain] = (
                self._add("simplelicensing_LicenseExpression", ref, simplelicensing_licenseExpression=plain.text)
                if plain.spdx
                else self._add("simplelicensing_SimpleLicensingText", ref, simplelicensing_licenseText=plain.text)
            )
        return self._licenses[plain]

    def _ancestor(self, item: Item, package: str, known: Ancestor) -> None:
        published = self._add(
            "ai_AIPackage", f"{item.ref}-published", name=known.name, software_packageUrl=known.purl,
            software_downloadLocation=known.source, software_primaryPurpose="model",
        )  # fmt: skip
        licenses = [self._expression(each) for each in license_of(known.license, declared=False)] or [NO_LICENSE]
        self._relate(f"{item.ref}-published-concluded", published, "hasConcludedLicense", licenses)
        self._relate(f"{item.ref}-published-declared", published, "hasDeclaredLicense", [NO_LICENSE])
        self._relate(
            f"{item.ref}-ancestor", package, "descendantOf" if known.derived else "hasVariant", [published], known.says
        )

    def _link(self, link: Link, packages: dict[str, str]) -> None:
        source, target = packages[link.source], packages[link.target]
        self._relate(f"{link.source}-{link.kind.value}-{link.target}", source, _RELATIONS[link.kind], [target])

    def _relate(self, ref: str, source: str, kind: str, targets: Sequence[str], comment: str = "") -> None:
        if targets:
            self._add(
                "Relationship", f"relation-{ref}", relationshipType=kind, **{"from": source}, to=list(targets),
                comment=comment,
            )  # fmt: skip


def _slug(ref: str) -> str:
    """`ref` as the fragment of an IRI; references are made of digests, rule ids and numbers."""
    return "".join(char if char.isalnum() and char.isascii() else "-" for char in ref)


def _hash(digest: str) -> list[_Element]:
    return [{"type": "Hash", "algorithm": "sha256", "hashValue": digest}] if digest else []


def _references(item: Item) -> list[_Element]:
    return [
        {"type": "ExternalRef", "externalRefType": "other", "locator": [address], "comment": "network endpoint"}
        for address in item.endpoints
    ]


def _ai_fields(card: Card) -> _Element:
    return {
        "ai_domain": [card.modality] if card.modality else [],
        "ai_typeOfModel": [text for text in dict.fromkeys((card.family, card.architecture)) if text],
        "ai_hyperparameter": [_entry(name, value) for name, value in card.figures if name in _HYPERPARAMETERS],
        "ai_informationAboutApplication": _application(card),
        "ai_limitation": "; ".join(card.limitations),
    }


def _entry(key: str, value: str) -> _Element:
    return {"type": "DictionaryEntry", "key": key, "value": value}


def _application(card: Card) -> str:
    parts = (("task", [card.task] if card.task else []), ("inputs", card.inputs), ("outputs", card.outputs))
    return "; ".join(f"{name}: {', '.join(values)}" for name, values in parts if values)


def _comment(item: Item) -> str:
    """Everything that the model of SPDX has no field for, one fact a line, as in CycloneDX's properties."""
    return "\n".join(_lines(item))


def _lines(item: Item) -> Iterator[str]:
    for name, value in item.properties:
        yield f"nngauge:{name}: {value}"
    if item.card is not None:
        yield from (
            f"nngauge:model:{name}: {value}" for name, value in item.card.figures if name not in _HYPERPARAMETERS
        )
        yield from (f"nngauge:model:input: {port}" for port in item.card.inputs)
        yield from (f"nngauge:model:output: {port}" for port in item.card.outputs)
    for place in item.places:
        yield f"nngauge:place: {place.path}" + ("" if place.offset is None else f"@{place.offset}")
    for claim in item.claims:
        yield f"nngauge:evidence: {claim.of}, {claim.confidence.value}: {claim.value}"
    if item.external:
        yield "nngauge:external: true"
