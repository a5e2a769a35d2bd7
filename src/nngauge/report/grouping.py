"""Detections and models as people think of them: one line a technology, one line a distinct model."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from nngauge.domain.detection import Category, Detection
from nngauge.domain.evidence import Confidence, Presence
from nngauge.domain.model import Model

_PRESENCE = tuple(Presence)
_CONFIDENCE = tuple(Confidence)
_CATEGORY = tuple(Category)


class Technology(Struct, frozen=True):
    """All detections of one technology in an app."""

    id: str
    title: str
    category: Category
    presence: Presence
    """The strongest."""
    confidence: Confidence
    versions: tuple[str, ...]
    abis: tuple[str, ...]
    host: str | None
    detections: tuple[Detection, ...]
    """Strongest first."""

    @property
    def library_bytes(self) -> int:
        """Bytes of the largest binary it was found in."""
        return max((item.library_bytes or 0 for item in self.detections), default=0)


class DistinctModel(Struct, frozen=True):
    """One model and all its places."""

    model: Model
    places: tuple[str, ...]


def technologies(detections: Sequence[Detection]) -> list[Technology]:
    """Grouped by technology: runtimes first, then by strength and title."""
    groups: dict[str, list[Detection]] = {}
    for item in detections:
        groups.setdefault(item.technology, []).append(item)
    found = [_technology(group) for group in groups.values()]
    return sorted(
        found,
        key=lambda tech: (
            _CONFIDENCE.index(tech.confidence) == len(_CONFIDENCE) - 1,
            _CATEGORY.index(tech.category),
            _PRESENCE.index(tech.presence),
            tech.title,
        ),
    )


def _technology(group: Sequence[Detection]) -> Technology:
    ordered = sorted(group, key=lambda item: (_PRESENCE.index(item.presence), _CONFIDENCE.index(item.confidence)))
    first = ordered[0]
    return Technology(
        id=first.technology,
        title=first.title,
        category=first.category,
        presence=first.presence,
        confidence=min((item.confidence for item in ordered), key=_CONFIDENCE.index),
        versions=tuple(dict.fromkeys(item.version for item in ordered if item.version)),
        abis=tuple(dict.fromkeys(item.abi for item in ordered if item.abi)),
        host=first.host,
        detections=tuple(ordered),
    )


def distinct_models(models: Sequence[Model]) -> list[DistinctModel]:
    """Grouped by digest, largest first."""
    groups: dict[str, list[Model]] = {}
    for model in models:
        groups.setdefault(model.digest, []).append(model)
    found = [
        DistinctModel(group[0], tuple(str(model.parts[0].location) for model in group)) for group in groups.values()
    ]
    return sorted(found, key=lambda item: (-item.model.size, item.places))
