"""What differs between two snapshots of a study: who adopted, dropped and switched, and how models changed.

A package (platform and application id) that is in both snapshots is *kept*. One that is only in the second is new, one
that is only in the first is gone; neither is a check-in or check-out.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Meaning(StrEnum):
    """What "has AI" means; the three answers of a verdict are never collapsed silently."""

    RUNTIME = "runtime present"
    """Code that executes learned models is shipped."""
    MODEL = "model present"
    """A validated model is shipped."""
    ELSEWHERE = "model elsewhere"
    """System model, Play services, download or cloud."""
    ANY = "any of the three"
    WWW19 = "as in the WWW'19 study"
    """The native library of a deep-learning runtime is in the package, under its own name or inside another library
    (Xu et al., "A First Look at Deep Learning Apps on Smartphones", WWW 2019, section 3.2)."""


class ChangeKind(StrEnum):
    """What happened in one kept package."""

    CHECK_IN = "check-in"
    CHECK_OUT = "check-out"
    SWITCHED = "switched"
    """Runtimes of one family were dropped, and others of that family adopted."""
    ADOPTED = "adopted"
    """A technology. One that is only possible, dead or known by model files alone counts as absent."""
    DROPPED = "dropped"
    REGRADED = "regraded"
    """A technology is inside in another way: its own library, inside another one, classes …"""
    USE = "use"
    """Another verdict on whether it is used. Only where both scans read the code."""
    UPGRADED = "upgraded"
    DOWNGRADED = "downgraded"
    VERSION = "version changed"
    """Other versions or ranges, of which it cannot be told which are newer."""
    SDK_ADDED = "sdk added"
    SDK_REMOVED = "sdk removed"
    ACCELERATOR_ADDED = "accelerator added"
    ACCELERATOR_REMOVED = "accelerator removed"
    ACCELERATOR_CHANGED = "accelerator outcome"
    """Another outcome: it works now, or does not any more."""
    MODEL_ADDED = "model added"
    MODEL_REMOVED = "model removed"
    MODEL_CHANGED = "model changed"
    MODEL_MOVED = "model moved"
    """The same bytes at another place of the package."""
    MODEL_OWNER = "model owner"
    """The same bytes, now thought to be somebody else's."""
    SIGNER = "signer"
    """Another signing certificate: another developer, or another key."""


class ModelChange(StrEnum):
    """How a model changed. As exact as the facts: see `ModelTotals.compared`."""

    CONVERTED = "converted"
    """Another format."""
    ARCHITECTURE = "architecture"
    """Other operations."""
    QUANTISED = "quantised"
    """The same operations but for quantisation, with fewer bits a parameter."""
    WIDENED = "widened"
    """The same, with more bits."""
    LAYERS = "layers"
    """The same operations, but other numbers of parameters: some layers have another size."""
    INTERFACE = "interface"
    """The same operations and parameters, but other inputs or outputs."""
    WEIGHTS = "weights only"
    """The same operations, inputs, outputs and numbers of parameters."""
    FILE = "file only"
    """The same tensors: names, texts or layout of the file differ."""
    UNKNOWN = "unknown"
    """One of the two was not read as far as its operations."""


class Basis(StrEnum):
    """Why two models are taken for the same one before and after, from strongest to weakest."""

    PLACE = "same place"
    NAME = "same file name"
    STEM = "same name but for ending and numbers"
    KNOWN = "made from the same published model"


class AppChange(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change in one kept package."""

    kind: ChangeKind
    platform: str
    package_id: str
    subject: str
    """Meaning, technology, SDK, accelerator, or the model's place in the package."""
    first: str = ""
    """What it was."""
    second: str = ""
    detail: str = ""
    """How a model changed, the family of a switch, the category of a technology."""
    first_bytes: int | None = None
    second_bytes: int | None = None


class SnapshotSide(Struct, frozen=True, kw_only=True):
    """One of the two snapshots."""

    name: str
    items: int
    without_result: int
    """Items that wait, failed or were quarantined: what is in them is not known."""
    unnamed: int
    """Apps whose package tells no application id; they are left out."""
    editions: int
    """Further versions or sources of packages that are counted once, with the highest version code."""
    packages: int
    """Different packages."""


class MeaningShift(Struct, frozen=True, kw_only=True):
    """One meaning of "has AI", counted over packages."""

    meaning: Meaning
    before: int
    """Packages of the first snapshot that have it, gone ones included."""
    after: int
    kept: int
    """Kept packages that had it and have it."""
    check_in: int
    check_out: int
    new: int
    """New packages that have it."""
    gone: int


class Shift(Struct, frozen=True, kw_only=True):
    """One technology, SDK or accelerator, counted over packages."""

    subject: str
    title: str
    category: str = ""
    before: int
    after: int
    kept: int
    adopted: int
    dropped: int
    new: int
    """New packages that have it."""
    gone: int
    upgraded: int = 0
    downgraded: int = 0
    version_changed: int = 0


class VersionMove(Struct, frozen=True, kw_only=True):
    """From these versions of a technology to those."""

    technology: str
    first: tuple[str, ...]
    second: tuple[str, ...]
    kind: ChangeKind
    packages: int


class Switch(Struct, frozen=True, kw_only=True):
    """Runtimes that were left for others of the same family."""

    family: str
    dropped: tuple[str, ...]
    adopted: tuple[str, ...]
    packages: int


class ModelTotals(Struct, frozen=True, kw_only=True):
    """Models of kept packages; one that is in two packages counts twice."""

    kept: int
    """The same bytes in both, moved ones included."""
    moved: int
    added: int
    removed: int
    changed: dict[str, int]
    """By `ModelChange`."""
    compared: int
    """Of the changed ones: tensors were compared. For the others operations, element types and numbers of parameters
    decide."""
    first_bytes: int
    """Of all models of kept packages."""
    second_bytes: int


class SnapshotDifference(Struct, frozen=True, kw_only=True):
    """Two snapshots side by side."""

    first: SnapshotSide
    second: SnapshotSide
    app: str | None = None
    """The one package that was asked about; None: all."""
    kept: int
    identical: int
    """Kept packages of which every byte is the same."""
    new: int
    gone: int
    meanings: tuple[MeaningShift, ...]
    technologies: tuple[Shift, ...]
    versions: tuple[VersionMove, ...]
    switches: tuple[Switch, ...]
    sdks: tuple[Shift, ...]
    accelerators: tuple[Shift, ...]
    models: ModelTotals
    first_bytes: int
    """Of all kept packages, as shipped."""
    second_bytes: int
    counts: dict[str, int]
    """Changes by `ChangeKind`, all of them."""
    changes: tuple[AppChange, ...] = ()
    changes_left_out: int = 0
    """Beyond the number that was asked for."""
    notes: tuple[str, ...] = ()
