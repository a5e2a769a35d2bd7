"""The models of an app as lines of its bill, encrypted and fetched ones included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Final

from nngauge.bom.cards import card_of
from nngauge.bom.cleaning import SHORT, clean, inside
from nngauge.bom.identity import source_owner, source_purl
from nngauge.bom.inventory import Ancestor, Card, Claim, Item, ItemKind, License, Place
from nngauge.bom.licensing import license_of
from nngauge.domain.attribution import Attribution, KnownModel, Likeness, Owner
from nngauge.domain.dossier import Dossier, ModelDossier
from nngauge.domain.evidence import Confidence, EvidenceKind
from nngauge.domain.location import Location
from nngauge.domain.model import Model
from nngauge.domain.protection import AuditedModel, Grade

_METADATA: Final = {
    "version": ("model_version_text", "version", "general.version"),
    "description": ("model_description", "description", "general.description", "general.name", "name"),
    "author": ("author", "general.author", "general.organization"),
    "license": ("license", "general.license"),
}
"""Under which keys formats keep what people wrote about a model, best first."""
_BOILERPLATE: Final = frozenset({"MLIR Converted.", "TOCO Converted."})
"""What converters write where a description belongs."""
_DERIVED: Final = frozenset({Likeness.FILE, Likeness.WEIGHTS, Likeness.DERIVED})


def model_items(dossier: Dossier, supplier: str, digests: Mapping[str, str]) -> Iterator[Item]:
    """Validated models, then what the audit found besides: encrypted files that are models, models fetched later.

    `supplier`: whose the app is, and with it the models that are its own. `digests`: SHA-256 of files by their location,
    as far as known.
    """
    names: dict[str, int] = {}
    for entry in dossier.models:
        yield _model(
            entry, _unique(f"model:{entry.model.digest[:16] or 'unhashed'}", names), dossier.scan.path, supplier
        )
    if dossier.audit is None:
        return
    for found in dossier.audit.models:
        if not found.digest:
            path = inside(found.location, dossier.scan.path)
            place = sha256(path.encode()).hexdigest()[:16]
            yield _sealed(found, _unique(f"sealed:{place}", names), path, digests.get(found.location.path, ""))


def _unique(ref: str, names: dict[str, int]) -> str:
    names[ref] = names.get(ref, 0) + 1
    return ref if names[ref] == 1 else f"{ref}:{names[ref]}"


def _model(entry: ModelDossier, ref: str, package: str, supplier: str) -> Item:
    model, known = entry.model, entry.model.known
    same = known is not None and known.likeness is Likeness.FILE
    return Item(
        ref=ref,
        kind=ItemKind.MODEL,
        name=clean(model.name, SHORT) or "model",
        version=clean(_told(model, "version"), SHORT),
        supplier=_supplier(model.owner, supplier)
        or clean(_told(model, "author"), SHORT)
        or (source_owner(known.source) if known is not None and same else ""),
        description=_told(model, "description"),
        homepage=clean(known.source) if known is not None and same else "",
        purl=source_purl(known.source) if known is not None and same else "",
        sha256=model.digest if len(model.parts) == 1 else "",
        licenses=_licenses(model, known),
        claims=tuple(_claims(model, known)),
        places=tuple(_places(entry, package)),
        properties=tuple(_properties(entry)),
        card=card_of(entry),
        ancestor=None if known is None or same else _ancestor(known),
    )


def _told(model: Model, what: str) -> str:
    """What the file says about itself; empty where it does not."""
    texts = (clean(model.metadata.get(key, "")) for key in _METADATA[what])
    return next((text for text in texts if text and text not in _BOILERPLATE), "")


def _supplier(owner: Attribution | None, app: str) -> str:
    if owner is None or owner.confidence is Confidence.POSSIBLE:
        return ""
    if owner.owner is Owner.APP:
        return app
    return clean(owner.vendor) if owner.owner is Owner.SDK else ""


def _licenses(model: Model, known: KnownModel | None) -> tuple[License, ...]:
    """What the file declares, and what the publisher says of the same weights."""
    declared = license_of(_told(model, "license"), declared=True)
    if known is None or known.likeness not in {Likeness.FILE, Likeness.WEIGHTS}:
        return declared
    return declared + license_of(known.license, declared=False)


def _ancestor(known: KnownModel) -> Ancestor:
    return Ancestor(
        name=clean(known.title), source=clean(known.source), license=known.license, purl=source_purl(known.source),
        derived=known.likeness in _DERIVED, says=clean(known.sentence),
    )  # fmt: skip


def _claims(model: Model, known: KnownModel | None) -> Iterator[Claim]:
    for trace in model.evidence:
        yield Claim(of="name", kind=trace.kind, value=clean(trace.value), confidence=Confidence.CERTAIN)
    if known is not None:
        for trace in known.evidence:
            of = "hash" if known.likeness is Likeness.FILE else "name"
            yield Claim(of=of, kind=trace.kind, value=clean(trace.value), confidence=known.confidence)


def _places(entry: ModelDossier, package: str) -> Iterator[Place]:
    """All files of the model, then the further copies of its lead file."""
    parts = entry.model.parts
    for part in parts:
        place = part.location
        yield Place(path=inside(place, package), offset=place.offset, size=part.size, sha256=part.sha256)
    for text in entry.places:
        if parts and text != str(parts[0].location):
            path = inside(Location(path=text), package)
            yield Place(path=path, size=parts[0].size, sha256=parts[0].sha256, says="the same bytes")


def _properties(entry: ModelDossier) -> Iterator[tuple[str, str]]:
    model = entry.model
    yield "model:format", model.format
    yield "model:format-title", clean(model.title)
    if model.format_version:
        yield "model:format-version", clean(model.format_version)
    if model.producer:
        yield "model:producer", clean(model.producer)
    yield "model:size", str(model.size)
    if model.digest:
        yield "model:digest", model.digest
    if model.task is not None:
        yield "model:task", model.task.task
        yield "model:task-probability", f"{model.task.probability:.3f}"
    if model.owner is not None:
        yield from _owned(model.owner)
    if model.known is not None:
        yield "model:known", clean(model.known.id)
        yield "model:likeness", model.known.likeness.value
    if entry.protection is not None:
        yield from _protected(entry.protection)


def _owned(owner: Attribution) -> Iterator[tuple[str, str]]:
    yield "owner", owner.owner.value
    if owner.sdk:
        yield "owner:sdk", clean(owner.sdk)
    yield "owner:confidence", owner.confidence.value


def _protected(audited: AuditedModel) -> Iterator[tuple[str, str]]:
    first, *others = audited.protection.grades
    yield "protection", first.value
    for grade in others:
        yield "protection:also", grade.value
    yield "protection:confidence", audited.protection.confidence.value
    cipher = audited.protection.cipher
    if cipher is not None:
        yield "protection:cipher", clean("-".join(part for part in (cipher.name, cipher.mode) if part))


def _sealed(found: AuditedModel, ref: str, path: str, digest: str) -> Item:
    """A model of which the content is not known."""
    fetched = found.protection.grade is Grade.FETCHED
    return Item(
        ref=ref,
        kind=ItemKind.MODEL,
        name=clean(found.name, SHORT) or "model",
        homepage=_address(found) if fetched else "",
        sha256="" if found.protection.grade is Grade.CODE else digest,
        external=fetched,
        claims=tuple(
            Claim(of="name", kind=each.evidence.kind, value=clean(each.says), confidence=found.protection.confidence)
            for each in found.protection.signals
        ),
        places=(Place(path=path, offset=found.location.offset if fetched else None, size=found.size or None),),
        properties=(
            ("model:content", "fetched at run time" if fetched else "not readable"),
            *((("model:format-title", clean(found.title)),) if found.title else ()),
            *((("model:size", str(found.size)),) if found.size else ()),
            *_protected(found),
        ),
        card=Card(limitations=("its content is not known",)),
    )


def _address(found: AuditedModel) -> str:
    values = (each.evidence.value for each in found.protection.signals if each.evidence.kind is EvidenceKind.STRING)
    return next((clean(value) for value in values if value.startswith(("https://", "http://"))), "")
