"""What a bill of materials lists, in no format's words: the app, its models, the code that runs them, services, links."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

from nngauge.domain.evidence import Confidence, EvidenceKind

APP_REF: Final = "app"
"""Reference of the app itself."""


class ItemKind(StrEnum):
    """What one line of a bill is."""

    APP = "app"
    MODEL = "model"
    LIBRARY = "library"
    """Code in the app."""
    PLATFORM = "platform"
    """Provided by the phone; the app only asks for it."""
    SERVICE = "service"
    """Over the network."""


class LinkKind(StrEnum):
    """How one item of a bill stands to another."""

    USES = "uses"
    """It is shipped with what uses it."""
    EMBEDS = "embeds"
    """It is linked statically into the other's library."""
    ASKS = "asks"
    """It comes from outside of the package: system frameworks, services."""
    LOADS = "loads"
    """A runtime can load this model."""


class License(Struct, frozen=True):
    """One licence and who says so."""

    text: str
    """SPDX identifier where `spdx`, else a name."""
    spdx: bool
    declared: bool
    """The file itself says so; otherwise it is what its publisher says of the same file or project."""


class Claim(Struct, frozen=True, kw_only=True):
    """One trace that an item's identity rests on."""

    of: str
    """``name``, ``version``, ``purl`` or ``hash``."""
    kind: EvidenceKind
    value: str
    confidence: Confidence


class Place(Struct, frozen=True, kw_only=True):
    """Where an item lies, inside the package."""

    path: str
    offset: int | None = None
    size: int | None = None
    sha256: str = ""
    """Of the whole file; of the range where `offset` is set. Empty where nobody computed it."""
    says: str = ""


class Card(Struct, frozen=True, kw_only=True):
    """What is known of a model besides its identity. Whatever is unknown is empty."""

    task: str = ""
    modality: str = ""
    family: str = ""
    """Architecture family: ``convolutional neural network``."""
    architecture: str = ""
    """Named architecture: ``MobileNet V1 1.0 224``."""
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    limitations: tuple[str, ...] = ()
    figures: tuple[tuple[str, str], ...] = ()
    """Name and value: parameters, MACs, precision …"""


class Ancestor(Struct, frozen=True, kw_only=True):
    """A published model that one of the app was made from, or is like."""

    name: str
    source: str
    license: str
    purl: str
    derived: bool
    """Weights are the published ones; otherwise only the layers are."""
    says: str


class Item(Struct, frozen=True, kw_only=True):
    """One line of a bill."""

    ref: str
    """Unique in the bill, and the same whenever the same app is read."""
    kind: ItemKind
    name: str
    version: str = ""
    supplier: str = ""
    description: str = ""
    homepage: str = ""
    purl: str = ""
    sha256: str = ""
    """Of the one file that it is; empty where it is several files or none."""
    licenses: tuple[License, ...] = ()
    claims: tuple[Claim, ...] = ()
    places: tuple[Place, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    """Names without the ``nngauge:`` in front; a name may stand several times."""
    optional: bool = False
    """Nothing in the app can run it."""
    external: bool = False
    """Not in the package."""
    endpoints: tuple[str, ...] = ()
    card: Card | None = None
    """Of models."""
    ancestor: Ancestor | None = None


class Link(Struct, frozen=True, order=True):
    """One relation, by references."""

    source: str
    target: str
    kind: LinkKind


class Bill(Struct, frozen=True, kw_only=True):
    """The inventory of one app."""

    app: Item
    items: tuple[Item, ...]
    """In order of their references."""
    links: tuple[Link, ...]
    properties: tuple[tuple[str, str], ...]
    """About the bill: how it was made, what was left out, what could not be read."""
    complete: bool
    """Nothing of the package failed to be read."""
