"""Nouns of an evaluation: what people say a package contains, and how a scan compares with it (docs/labels.md)."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from nngauge.domain.detection import Category
from nngauge.domain.evidence import Evidence, Presence

# --- what people say ----------------------------------------------------------------------------------------------------


class TechnologyLabel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One technology that is inside, is only named, or is not there at all."""

    id: str | tuple[str, ...]
    """Rule id or shell pattern (``mlkit-*``); of several, any is the right answer."""
    presence: str = "shipped"
    """A word of `PRESENCES`: in which way it is inside."""
    version: str = ""
    """Version, or shell pattern (``2.14.*``); empty where nobody knows it or nothing in the package tells it."""
    absent: bool = False
    """True when it must not be reported, however much the package looks like it."""
    optional: bool = False
    """True when reporting it is right and leaving it out is right, too."""
    why: str = ""
    """What a person saw."""

    @property
    def ids(self) -> tuple[str, ...]:
        """All right answers."""
        return (self.id,) if isinstance(self.id, str) else self.id

    @property
    def name(self) -> str:
        """The first right answer names the label."""
        return self.ids[0]


class ModelLabel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model file."""

    entry: str
    """Path inside the package."""
    format: str | tuple[str, ...]
    """Name of the format; of several, any is right."""
    optional: bool = False
    why: str = ""

    @property
    def formats(self) -> tuple[str, ...]:
        """All right answers."""
        return (self.format,) if isinstance(self.format, str) else self.format


class PackageLabels(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One package and what it contains."""

    sha256: str
    """Digest of the package: its identity, whatever the file is called."""
    repository: str = ""
    """Where it was published, with `path` and `commit`."""
    path: str = ""
    commit: str = ""
    assembled: bool = False
    """Put together again from the parts of a build; the parts stand below `path`."""
    group: str = ""
    """Any word; results are also summed up by it (``dev``, ``hold-out``)."""
    ai: bool = True
    """False for a package that is known to hold no AI at all."""
    exhaustive: tuple[str, ...] | None = None
    """Categories, and ``model``, in which everything inside is labelled; None: as the file says."""
    note: str = ""
    technology: tuple[TechnologyLabel, ...] = ()
    model: tuple[ModelLabel, ...] = ()

    @property
    def title(self) -> str:
        """Repository and path, or the digest."""
        return f"{self.repository}: {self.path}" if self.repository else self.sha256[:16]


class LabelSet(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A labels file."""

    labels: int
    """Version of the file format: 1."""
    title: str = ""
    exhaustive: tuple[str, ...] = ()
    """What `PackageLabels.exhaustive` is where a package does not say."""
    package: tuple[PackageLabels, ...]


SHIPPED = frozenset({Presence.LIBRARY, Presence.EMBEDDED, Presence.DEFINED})
"""Code of the technology is part of the app."""
NAMED = frozenset({Presence.FRAMEWORK, Presence.REFERENCED, Presence.DECLARED, Presence.ENDPOINT})
"""The app speaks of it; its code is elsewhere or nowhere."""
PRESENCES = {
    "shipped": SHIPPED,
    "named": NAMED,
    "any": frozenset(Presence),
    **{str(presence): frozenset({presence}) for presence in Presence},
}
"""What a label may say about presence, and which grades of evidence agree with it."""
MODEL_SCOPE = "model"
SCOPES = frozenset({*(str(category) for category in Category), MODEL_SCOPE})
"""What labels can list exhaustively."""


# --- how a scan compares ------------------------------------------------------------------------------------------------


class Miss(Struct, frozen=True, kw_only=True):
    """A label that the scan did not give."""

    name: str
    """Technology id, or entry of a model."""
    reason: str
    evidence: tuple[Evidence, ...] = ()
    """What spoke for it and did not suffice."""


class FalseAlarm(Struct, frozen=True, kw_only=True):
    """A claim of the scan that the labels contradict."""

    name: str
    """Technology id, or ``<format> model``."""
    reason: str
    evidence: tuple[Evidence, ...]


class Told(StrEnum):
    """What became of a labelled version."""

    RIGHT = "right"
    WRONG = "wrong"
    """Another version, or the right one beside others."""
    SILENT = "silent"
    """The technology was found, its version was not told."""


class VersionCheck(Struct, frozen=True, kw_only=True):
    """A labelled version of a technology that was found."""

    name: str
    labelled: str
    told: tuple[str, ...]
    verdict: Told
    evidence: tuple[Evidence, ...] = ()


class PackageScore(Struct, frozen=True, kw_only=True):
    """One package, held against its labels."""

    labels: PackageLabels
    path: str
    """The file that was scanned."""
    failure: str = ""
    """Why it could not be scanned; empty when it was."""
    found: tuple[str, ...] = ()
    """Labelled technologies that were found."""
    missed: tuple[Miss, ...] = ()
    right: tuple[str, ...] = ()
    """Technologies of the scan that labels agree with; those of optional labels too."""
    alarms: tuple[FalseAlarm, ...] = ()
    unchecked: tuple[str, ...] = ()
    """Technologies of the scan about which the labels say nothing and need not."""
    versions: tuple[VersionCheck, ...] = ()
    models_found: tuple[str, ...] = ()
    models_missed: tuple[Miss, ...] = ()
    models_unchecked: tuple[str, ...] = ()
    """Entries of models that the labels neither list nor rule out."""
    model_alarms: tuple[FalseAlarm, ...] = ()

    @property
    def clean(self) -> bool:
        """Nothing was claimed that the labels contradict."""
        return not self.alarms and not self.model_alarms

    @property
    def perfect(self) -> bool:
        """Everything labelled was found, and nothing else."""
        told = all(item.verdict is Told.RIGHT for item in self.versions)
        return self.clean and told and not (self.missed or self.models_missed or self.failure)


class TechnologyScore(Struct, frozen=True, kw_only=True):
    """Sums over packages for one name."""

    name: str
    labelled: int = 0
    found: int = 0
    right: int = 0
    """Packages in which it was reported and the labels agree."""
    wrong: int = 0
    """Packages in which it was reported and the labels disagree."""
    versions: int = 0
    """Found and with a labelled version."""
    versions_right: int = 0
    versions_silent: int = 0

    @property
    def precision(self) -> float | None:
        """Share of reports that are right; None when there was none."""
        return _share(self.right, self.right + self.wrong)

    @property
    def recall(self) -> float | None:
        """Share of labels that were found; None when there was none."""
        return _share(self.found, self.labelled)

    @property
    def version_accuracy(self) -> float | None:
        """Share of labelled versions that were told right; None when there was none."""
        return _share(self.versions_right, self.versions)


class Evaluation(Struct, frozen=True, kw_only=True):
    """Everything about one labels file, or one group of it."""

    group: str = ""
    """Empty for the whole file."""
    packages: int = 0
    """Listed."""
    skipped: int = 0
    """Not at hand: what cannot be redistributed stays where it was published."""
    failed: int = 0
    """At hand, and could not be scanned."""
    total: TechnologyScore
    technologies: tuple[TechnologyScore, ...] = ()
    models: TechnologyScore
    without_ai: int = 0
    """Packages without AI that were scanned."""
    without_ai_clean: int = 0
    """Of these, packages about which nothing was claimed."""
    unchecked: int = 0
    """Claims that the labels neither confirm nor contradict."""


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
