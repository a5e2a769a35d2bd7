"""One piece of evidence about the task, as a rule states it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from nngauge.analyse.task.heads import Head
from nngauge.analyse.task.sketch import Sketch
from nngauge.domain.evidence import EvidenceKind


class Clue(Struct, frozen=True):
    """What was seen, and by how much (natural logarithm of the odds) it speaks for which tasks."""

    rule: str
    """Stable name of the rule."""
    text: str
    """A sentence's worth for people."""
    votes: Mapping[str, float]
    kind: EvidenceKind = EvidenceKind.STRUCTURE


Rule = Callable[[Sketch], Clue | None]


def group(weight: float, tasks: str) -> dict[str, float]:
    """The same vote for several tasks, named in one text."""
    return dict.fromkeys(tasks.split(), weight)


def shape_text(head: Head) -> str:
    """``1 × 896 × 16``; the channels where the shape is unknown."""
    if head.shape is None:
        return f"{head.width} channels" if head.width else "unknown shape"
    return " × ".join("?" if dim is None or dim == -1 else str(dim) for dim in head.shape) or "scalar"
