"""Reads bills of materials back: CycloneDX JSON and SPDX 3 JSON-LD, ours and those of other tools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from nngauge.bom.cleaning import clean
from nngauge.bom.entries import Document, Entry, entry_of, number, one, properties_of
from nngauge.bom.inventory import ItemKind
from nngauge.errors import MalformedError, UnreadableError, UnsupportedError
from nngauge.io.whole import read_whole

MAX_BYTES: Final = 64 << 20
"""Of one document; an app with a thousand models makes about 5 MB."""
MAX_DEPTH: Final = 32
"""Components within components."""


def is_document(path: Path) -> bool:
    """Does `path` look like JSON, rather than like a package? Raises `UnreadableError`."""
    try:
        with path.open("rb") as file:
            return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{"
    except IsADirectoryError:
        return False
    except OSError as error:
        raise UnreadableError(error.strerror or "cannot be read", where=str(path)) from None


def read_document(path: Path) -> Document:
    """The bill in a file. Raises `UnreadableError`, `LimitError`, `MalformedError` and `UnsupportedError`."""
    return parse_document(read_whole(path, MAX_BYTES, "the bill of materials"), str(path))


def parse_document(data: bytes, where: str = "") -> Document:
    """The bill in `data`. Raises `MalformedError` and `UnsupportedError`."""
    try:
        head = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"), type=_Head)
        if head.form == "CycloneDX":
            return _cyclonedx(msgspec.convert(head.whole(data), _Cyclone))
        if "spdx.org/rdf/3." in str(head.context):
            return _spdx(msgspec.convert(head.whole(data), _Spdx))
    except (msgspec.DecodeError, RecursionError) as error:
        raise MalformedError(f"no bill of materials: {clean(str(error))}", where=where) from None
    raise UnsupportedError("neither CycloneDX JSON nor SPDX 3 JSON-LD", where=where)


class _Head(Struct, frozen=True):
    form: str = field(default="", name="bomFormat")
    context: Any = field(default="", name="@context")

    def whole(self, data: bytes) -> Any:
        """All of the document."""
        return msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"))


# --- CycloneDX ----------------------------------------------------------------------------------------------------------


class _Named(Struct, frozen=True):
    name: str = ""
    value: str = ""
    id: str = ""


class _Licensed(Struct, frozen=True):
    license: _Named = _Named()
    expression: str = ""


class _Hash(Struct, frozen=True):
    alg: str = ""
    content: str = ""


class _Occurrence(Struct, frozen=True):
    location: str = ""


class _Evidence(Struct, frozen=True):
    occurrences: tuple[_Occurrence, ...] = ()


class _Port(Struct, frozen=True):
    format: str = ""


class _Parameters(Struct, frozen=True):
    inputs: tuple[_Port, ...] = ()
    outputs: tuple[_Port, ...] = ()


class _ModelCard(Struct, frozen=True):
    parameters: _Parameters = field(default=_Parameters(), name="modelParameters")
    properties: tuple[_Named, ...] = ()


class _Component(Struct, frozen=True):
    type: str = ""
    name: str = ""
    version: str = ""
    purl: str = ""
    supplier: _Named = _Named()
    provider: _Named = _Named()
    hashes: tuple[_Hash, ...] = ()
    licenses: tuple[_Licensed, ...] = ()
    properties: tuple[_Named, ...] = ()
    evidence: _Evidence = _Evidence()
    card: _ModelCard = field(default=_ModelCard(), name="modelCard")
    endpoints: tuple[str, ...] = ()
    components: tuple[_Component, ...] = ()


class _Metadata(Struct, frozen=True):
    component: _Component = _Component()
    properties: tuple[_Named, ...] = ()


class _Cyclone(Struct, frozen=True):
    version: str = field(default="", name="specVersion")
    metadata: _Metadata = _Metadata()
    components: tuple[_Component, ...] = ()
    services: tuple[_Component, ...] = ()


def _cyclonedx(document: _Cyclone) -> Document:
    app = document.metadata.component
    made = _pairs(document.metadata.properties)
    facts = _pairs(app.properties)
    parts = [_component(each) for each in _flat(document.components, MAX_DEPTH) if each.type != "file"]
    services = [_component(each, ItemKind.SERVICE) for each in document.services]
    return Document(
        source=f"CycloneDX {clean(document.version)}", app=clean(app.name), app_id=one(facts, "app:id"),
        version=clean(app.version), size=number(one(facts, "app:size")), rules=one(made, "rules"),
        audited=one(made, "audited") == "yes", entries=(*parts, *services),
    )  # fmt: skip


def _flat(components: tuple[_Component, ...], depth: int) -> Iterator[_Component]:
    for component in components:
        yield component
        if depth:
            yield from _flat(component.components, depth - 1)


def _component(component: _Component, kind: ItemKind | None = None) -> Entry:
    properties = _pairs((*component.properties, *component.card.properties))
    ports = component.card.parameters
    return entry_of(
        kind or _kind(component.type, external="external" in properties), component.name, properties,
        version=component.version, purl=component.purl, supplier=(component.supplier.name or component.provider.name),
        sha256=next((each.content for each in component.hashes if each.alg == "SHA-256"), ""),
        license=", ".join(sorted({_license(each) for each in component.licenses})),
        places=[*(each.location for each in component.evidence.occurrences), *properties.get("found-in", ())], endpoints=component.endpoints,
        ports=([port.format for port in ports.inputs], [port.format for port in ports.outputs]),
    )  # fmt: skip


def _pairs(named: tuple[_Named, ...]) -> Mapping[str, Any]:
    return properties_of((each.name, each.value) for each in named)


def _kind(text: str, *, external: bool) -> ItemKind:
    if text in ("machine-learning-model", "ai_AIPackage"):
        return ItemKind.MODEL
    return ItemKind.PLATFORM if text == "framework" and external else ItemKind.LIBRARY


def _license(licensed: _Licensed) -> str:
    return licensed.expression or licensed.license.id or licensed.license.name


# --- SPDX 3 -------------------------------------------------------------------------------------------------------------


class _Element(Struct, frozen=True):
    type: str = ""
    id: str = field(default="", name="spdxId")
    name: str = ""
    comment: str = ""
    version: str = field(default="", name="software_packageVersion")
    purl: str = field(default="", name="software_packageUrl")
    purpose: str = field(default="", name="software_primaryPurpose")
    expression: str = field(default="", name="simplelicensing_licenseExpression")
    text: str = field(default="", name="simplelicensing_licenseText")
    supplier: Any = field(default="", name="suppliedBy")
    hashes: Any = field(default=(), name="verifiedUsing")
    references: Any = field(default=(), name="externalRef")
    hyperparameters: Any = field(default=(), name="ai_hyperparameter")
    relation: str = field(default="", name="relationshipType")
    source: Any = field(default="", name="from")
    target: Any = field(default=(), name="to")


class _Spdx(Struct, frozen=True):
    graph: tuple[_Element, ...] = field(default=(), name="@graph")


def _spdx(document: _Spdx) -> Document:
    elements = {element.id: element for element in document.graph if element.id}
    packages = [each for each in document.graph if each.type in ("software_Package", "ai_AIPackage")]
    app = next((each for each in packages if each.purpose == "application"), _Element())
    facts = _lines(app)
    head = next((each for each in document.graph if each.type == "SpdxDocument"), _Element())
    made = dict(line.partition(": ")[::2] for line in head.comment.split("\n"))
    licenses = _spdx_licenses(document, elements)
    published = {
        _text(target)
        for each in document.graph
        if each.relation in ("descendantOf", "hasVariant")
        for target in _list(each.target)
    }
    return Document(
        source="SPDX 3", app=clean(app.name), app_id=one(facts, "app:id"), version=clean(app.version),
        size=number(one(facts, "app:size")), rules=clean(made.get("rules", "")), audited=made.get("audited") == "yes",
        entries=tuple(
            _package(each, elements, licenses.get(each.id, ""))
            for each in packages if each is not app and each.id not in published
        ),
    )  # fmt: skip


def _package(element: _Element, elements: Mapping[str, _Element], license: str) -> Entry:  # noqa: A002
    properties = _lines(element)
    external = "external" in properties
    endpoints = [_text(place) for each in _list(element.references) for place in _list(_get(each, "locator"))]
    service = properties.get("technology:category") == ["cloud"]
    kind = (
        ItemKind.SERVICE
        if service
        else _kind(element.type if element.type == "ai_AIPackage" else element.purpose, external=external)
    )
    supplier = elements.get(_text(element.supplier), _Element())
    hashes = [_text(_get(each, "hashValue")) for each in _list(element.hashes) if _get(each, "algorithm") == "sha256"]
    return entry_of(
        kind, element.name, properties, version=element.version, purl=element.purl, supplier=supplier.name,
        sha256=hashes[0] if hashes else "", license=license, places=[_path(text) for text in properties.get("place", ())],
        endpoints=endpoints, ports=(properties.get("model:input", ()), properties.get("model:output", ())),
    )  # fmt: skip


def _lines(element: _Element) -> Mapping[str, Any]:
    pairs = [line.partition(": ")[::2] for line in element.comment.split("\n")]
    shaping = [
        (f"nngauge:model:{_text(_get(each, 'key'))}", _text(_get(each, "value")))
        for each in _list(element.hyperparameters)
    ]
    return properties_of([*pairs, *shaping])


def _spdx_licenses(document: _Spdx, elements: Mapping[str, _Element]) -> dict[str, str]:
    """Licences by package, in the order in which CycloneDX would name them."""
    found: dict[str, set[str]] = {}
    for each in document.graph:
        if each.relation in ("hasDeclaredLicense", "hasConcludedLicense"):
            for target in _list(each.target):
                known = elements.get(_text(target))
                if known is not None:
                    found.setdefault(_text(each.source), set()).add(known.expression or known.text)
    return {source: ", ".join(sorted(names)) for source, names in found.items()}


def _path(text: str) -> str:
    """A place without its offset, which CycloneDX keeps beside the path."""
    path, at, offset = text.rpartition("@")
    return path if at and offset.isdigit() else text


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


def _get(value: Any, name: str) -> Any:
    return value.get(name, "") if isinstance(value, dict) else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
