"""The three-valued verdict on an app, from its technologies and models."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from nngauge.domain.detection import Category
from nngauge.domain.evidence import Confidence, Presence
from nngauge.domain.model import Model
from nngauge.domain.scan import Verdict
from nngauge.domain.technology import Grade, Technology

_EXECUTES = frozenset({Category.RUNTIME, Category.SDK, Category.CLASSICAL})
_NATIVE = frozenset({Grade.LIBRARY, Grade.EMBEDDED, Grade.PACKED})


def judge(technologies: Sequence[Technology], models: Sequence[Model], elsewhere: Collection[str]) -> Verdict:
    """Runtime present, model present, model elsewhere: each on its own evidence.

    `elsewhere` holds the technologies whose presence means that a model lives outside the package. What nothing in the
    app can run counts for no answer.
    """
    counted = [item for item in technologies if item.confidence is not Confidence.POSSIBLE and not item.dead]
    runtimes = [item for item in counted if item.category in _EXECUTES and item.shipped and item.id not in elsewhere]
    outside = [item for item in counted if item.id in elsewhere and item.presence is not Presence.FILE]
    because = []
    if runtimes:
        because.append(f"runtime present: {_names(runtimes)}")
    if models:
        because.append(f"model present: {_counted(models)}")
    if outside:
        because.append(f"model elsewhere: {_names(outside)}")
    return Verdict(
        runtime_present=bool(runtimes),
        model_present=bool(models),
        model_elsewhere=bool(outside),
        because=tuple(because),
    )


def _names(technologies: Iterable[Technology]) -> str:
    ordered = sorted(technologies, key=lambda item: (item.grade not in _NATIVE, item.title))
    return ", ".join(item.title for item in ordered)


def _counted(models: Sequence[Model]) -> str:
    by_title: dict[str, set[str]] = {}
    for model in models:
        by_title.setdefault(model.title, set()).add(model.digest)
    return ", ".join(f"{len(digests)} × {title}" for title, digests in sorted(by_title.items()))
