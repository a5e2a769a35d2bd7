"""Lines of a bill as they are compared: from documents of either format, also those of other tools."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from nngauge.bom.cleaning import clean
from nngauge.bom.inventory import ItemKind
from nngauge.compare.model_change import ModelFacts

Properties = Mapping[str, Sequence[str]]
"""Values by name, without the ``nngauge:`` in front."""


class Entry(Struct, frozen=True, kw_only=True):
    """One line."""

    kind: ItemKind
    key: str
    """What makes two lines the same thing: rule id, package URL without version, or name."""
    name: str
    versions: tuple[str, ...] = ()
    sha256: str = ""
    license: str = ""
    supplier: str = ""
    places: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    grade: str = ""
    protection: str = ""
    known: str = ""
    size: int | None = None
    facts: ModelFacts | None = None
    """Of models that nngauge read."""


class Document(Struct, frozen=True, kw_only=True):
    """What is compared of one bill."""

    source: str
    """``CycloneDX 1.6``."""
    app: str
    app_id: str
    version: str
    size: int | None
    rules: str
    """Digest of the rule set; empty in bills of other tools."""
    audited: bool
    entries: tuple[Entry, ...]


def properties_of(pairs: Iterable[tuple[str, str]]) -> Properties:
    """Pairs as they stand in a document, our own only."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in pairs:
        if name.startswith(_PREFIX):
            found[name.removeprefix(_PREFIX)].append(value)
    return found


_PREFIX: Final = "nngauge:"


def entry_of(
    kind: ItemKind,
    name: str,
    properties: Properties,
    *,
    version: str = "",
    sha256: str = "",
    license: str = "",  # noqa: A002 - the word of both formats
    supplier: str = "",
    purl: str = "",
    places: Sequence[str] = (),
    endpoints: Sequence[str] = (),
    ports: tuple[Sequence[str], Sequence[str]] = ((), ()),
) -> Entry:
    """One line, from what the formats have fields for and from our properties. Everything may come from anywhere."""
    key = one(properties, "technology") or purl.partition("?")[0].partition("#")[0].rpartition("@")[0] or name.lower()
    digest = one(properties, "model:digest") or sha256
    return Entry(
        kind=kind, key=clean(key), name=clean(name) or "unnamed", sha256=clean(digest), license=clean(license),
        supplier=clean(supplier), versions=tuple(sorted(set(properties.get("technology:version", ())))) or _version(version),
        places=tuple(sorted(clean(place) for place in places)), endpoints=tuple(sorted(clean(one) for one in endpoints)),
        grade=one(properties, "technology:grade"), protection=one(properties, "protection"),
        known=one(properties, "model:known"), size=number(one(properties, "model:size") or one(properties, "technology:library-bytes")),
        facts=_facts(digest, properties, ports) if kind is ItemKind.MODEL else None,
    )  # fmt: skip


def one(properties: Properties, name: str) -> str:
    """The first value; empty without one."""
    values = properties.get(name, ())
    return values[0] if values else ""


def number(text: str) -> int | None:
    """A whole number of at most 18 digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _version(version: str) -> tuple[str, ...]:
    return (clean(version),) if version else ()


def _facts(digest: str, properties: Properties, ports: tuple[Sequence[str], Sequence[str]]) -> ModelFacts | None:
    """What tells how a model changed; None where the bill is not ours or the model was not read."""
    form = one(properties, "model:format")
    if not form:
        return None
    return ModelFacts(
        digest=digest, format=form, size=number(one(properties, "model:size")) or 0,
        parameters=number(one(properties, "model:parameters")), nodes=number(one(properties, "model:operations")),
        inputs=_types(ports[0]), outputs=_types(ports[1]), ops=counted(one(properties, "model:operators")),
        weights=counted(one(properties, "model:weight-types")), layers=one(properties, "model:layers") or None,
        structure=one(properties, "model:structure") or None, precision=one(properties, "model:precision") or None,
    )  # fmt: skip


def counted(text: str) -> str:
    """`text` when it is a JSON object of names and numbers, else an empty one: bills can say anything."""
    import msgspec

    try:
        return msgspec.json.encode(msgspec.json.decode(text or "{}", type=dict[str, int])).decode()
    except (msgspec.DecodeError, RecursionError):
        return "{}"


def _types(ports: Sequence[str]) -> str:
    """Inputs or outputs in the form that `ModelFacts` has: element type and shape, without names."""
    import msgspec

    found = []
    for text in ports:
        dtype, _, shape = text.rpartition(": ")[2].partition(" ")
        found.append({"dtype": dtype, "shape": shape})
    return msgspec.json.encode(found).decode()
