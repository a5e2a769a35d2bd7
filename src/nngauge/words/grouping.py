"""Models as people think of them: one line a distinct model."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from nngauge.domain.model import Model


class DistinctModel(Struct, frozen=True):
    """One model and all its places."""

    model: Model
    places: tuple[str, ...]


def distinct_models(models: Sequence[Model]) -> list[DistinctModel]:
    """Grouped by digest, largest first."""
    groups: dict[str, list[Model]] = {}
    for model in models:
        groups.setdefault(model.digest, []).append(model)
    found = [
        DistinctModel(group[0], tuple(str(model.parts[0].location) for model in group)) for group in groups.values()
    ]
    return sorted(found, key=lambda item: (-item.model.size, item.places))
