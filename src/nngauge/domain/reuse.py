"""Models that are used again: in many apps, in other formats, with other weights, with some of the weights."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Relation(StrEnum):
    """How two distinct models are related by their weights, from closest to farthest."""

    SAME = "same weights"
    """Every weight has the same bytes; the files differ in something else."""
    TUNED = "some layers differ"
    """At most three layers have other weights, the others have the same bytes: trained on, or given another head."""
    CONVERTED = "same weights, converted"
    """The same weights in another type, layout or format."""
    TRAINED = "trained on"
    """Floats near the same floats: checkpoints of one training, or trained on from there in all layers."""
    PARTLY = "shared weights"
    """At least a fifth of the weights of each, but not all."""


class Member(Struct, frozen=True, kw_only=True):
    """One distinct model of a group."""

    digest: str
    name: str
    """The name it goes by most often."""
    format: str
    precision: str | None = None
    parameters: int | None = None
    apps: int
    """Packages (by id) that have it."""
    sdk: bool = False
    """It only ever comes as part of an SDK."""


class Group(Struct, frozen=True, kw_only=True):
    """Distinct models that belong together; the one in most apps first."""

    apps: int
    """Packages (by id) that have one of them."""
    members: tuple[Member, ...]
    """The first ones of a large group."""
    models: int
    """All of them."""
    formats: tuple[str, ...]
    relations: tuple[Relation, ...] = ()
    """How they are related, where that was looked at."""


class Share(Struct, frozen=True, kw_only=True):
    """A part of a whole, counted twice: of all models, and without those that come with SDKs."""

    what: str
    part: int
    whole: int
    part_own: int
    whole_own: int


class Reuse(Struct, frozen=True, kw_only=True):
    """The reuse of models in a study."""

    shares: tuple[Share, ...]
    same: tuple[Group, ...]
    """The same model as several files: formats, precisions, rewritten."""
    families: tuple[Group, ...]
    """Models with weights in common that are not all the same model."""
    architectures: tuple[Group, ...]
    """The same graph with weights that have nothing in common."""
    unread: int
    """Distinct models of which no weight could be compared."""
