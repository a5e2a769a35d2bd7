"""From clues to a calibrated verdict: additive log-odds, a task that stands for "not enough", one temperature."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from nngauge.analyse.task import language, numbers_in, picture_boxes, picture_maps, picture_vectors, sound
from nngauge.analyse.task.clues import Clue, Rule
from nngauge.analyse.task.facts import fact_clues
from nngauge.analyse.task.sketch import sketch
from nngauge.analyse.task.words import WORD_RULES, word_clues
from nngauge.domain.evidence import Evidence
from nngauge.domain.graph import Graph
from nngauge.domain.location import Location
from nngauge.domain.model import Model
from nngauge.domain.task import TASKS, UNKNOWN, Alternative, Modality, TaskVerdict
from nngauge.limits import EVIDENCE_EXCERPT, EVIDENCE_PER_FACT

TEMPERATURE: Final = 0.7
"""Divides the sums of clues before they become probabilities. Fitted by `benchmarks.evaluation.tasks`: least log loss over
the hold-out part of tasks.csv, with names and without; the published figures are cross-validated (docs/tasks.md)."""
DOUBT: Final = 2.5
"""The score of "unknown": a task has to collect more than that a picture goes in (1.4) and one weak word."""
LEAST: Final = 0.34
"""A task less probable than this is not named."""
_PRIORS: Final[Mapping[str, float]] = {"image-classification": 0.3, "object-detection": 0.3, "face-detection": 0.3}
"""What phones carry most (WWW 2019, Table 1; IMC 2021)."""
_REPEATED: Final = 0.45
"""Share of further clues of one sort."""
RULES: Final[tuple[Rule, ...]] = (
    *picture_vectors.RULES, *picture_boxes.RULES, *picture_maps.RULES, *sound.RULES, *language.RULES,
    *numbers_in.RULES,
)  # fmt: skip
_MODALITIES: Final[Mapping[str, Modality]] = {task.id: task.modality for task in TASKS}


def classify(graph: Graph, model: Model, words: Sequence[str] = ()) -> TaskVerdict:
    """What the model does, with the evidence. Reads no bytes; the cost is bounded by the size of a few thousand nodes.

    `words`: texts around the model, the nearest first: names of files in its folder (``labels.txt``), its SDK, the app's
    label. At most 32 are looked at, and they weigh less than the model's own names.
    """
    place = model.parts[0].location if model.parts else Location(path=model.name)
    clues = tuple(gather(graph, place.path, words))
    return judge(clues, place)


def gather(graph: Graph, path: str | None, words: Sequence[str] = ()) -> Iterator[Clue]:
    """All clues; without a `path` those of the structure alone, no name of any kind."""
    yield from fact_clues(graph)
    if graph.nodes:
        drawn = sketch(graph)
        for rule in RULES:
            clue = rule(drawn)
            if clue is not None:
                yield clue
    if path is not None:
        yield from word_clues(path, graph, words)


def scores(clues: Sequence[Clue]) -> dict[str, float]:
    """By task: the strongest clue of the structure and of the names, each with a share of the others of its sort.

    Clues of one sort are no independent witnesses: three rules may see the same head.
    """
    seen: dict[str, list[float]] = {}
    said: dict[str, list[float]] = {}
    for clue in clues:
        sort = said if clue.rule in WORD_RULES else seen
        for task, vote in clue.votes.items():
            sort.setdefault(task, []).append(vote)
    total = dict(_PRIORS)
    for sort in (seen, said):
        for task, votes in sort.items():
            strongest = max(votes)
            total[task] = total.get(task, 0.0) + strongest + _REPEATED * (sum(votes) - strongest)
    return total


def probabilities(
    total: Mapping[str, float], temperature: float = TEMPERATURE, doubt: float = DOUBT
) -> dict[str, float]:
    """Softmax over all tasks and `UNKNOWN`; only tasks with a clue are in the result, the others share what is left."""
    raised = {UNKNOWN: doubt, **total}
    peak = max(0.0, *raised.values())
    powers = {task: math.exp((value - peak) / temperature) for task, value in raised.items()}
    silent = (len(TASKS) + 1 - len(raised)) * math.exp(-peak / temperature)
    whole = sum(powers.values()) + silent
    return {task: power / whole for task, power in powers.items()}


def judge(
    clues: Sequence[Clue], place: Location, temperature: float = TEMPERATURE, doubt: float = DOUBT
) -> TaskVerdict:
    """The verdict on clues."""
    chances = probabilities(scores(clues), temperature, doubt)
    ordered = sorted(chances, key=chances.__getitem__, reverse=True)
    best = ordered[0] if chances[ordered[0]] >= LEAST else UNKNOWN
    others = [task for task in ordered[:5] if task not in (best, UNKNOWN)][:3]
    return TaskVerdict(
        task=best,
        modality=_MODALITIES[best] if best != UNKNOWN else _modality(chances),
        probability=round(chances[best], 3),
        because=_evidence(clues, best, place),
        alternatives=tuple([Alternative(task, round(chances[task], 3)) for task in others if chances[task] >= 0.02]),
    )


def _modality(chances: Mapping[str, float]) -> Modality:
    """The modality that all tasks together make more probable than not."""
    total: dict[Modality, float] = {}
    for task, chance in chances.items():
        if task != UNKNOWN:
            total[_MODALITIES[task]] = total.get(_MODALITIES[task], 0.0) + chance
    best = max(total, key=total.__getitem__, default=Modality.UNKNOWN)
    return best if total.get(best, 0.0) >= 0.5 else Modality.UNKNOWN


def _evidence(clues: Sequence[Clue], task: str, place: Location) -> tuple[Evidence, ...]:
    """The clues that speak for the task, strongest first; all of them where the task is unknown."""
    named = [
        (clue.votes.get(task, 0.0) if task != UNKNOWN else max(clue.votes.values(), default=0.0), clue)
        for clue in clues
    ]
    speaking = sorted([pair for pair in named if pair[0] > 0.25], key=lambda pair: -pair[0])[:EVIDENCE_PER_FACT]
    return tuple(
        [
            Evidence(kind=clue.kind, location=place, value=_printable(clue.text), rule=f"task/{clue.rule}")
            for _, clue in speaking
        ]
    )


def _printable(text: str) -> str:
    return "".join([char if char.isprintable() else "?" for char in text[:EVIDENCE_EXCERPT]])
