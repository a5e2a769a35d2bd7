"""The catalogue of published architectures: parameters, MACs, score, source; and measured times. docs/fit.md tells how to add to it.

``imagenet.csv`` and ``measured.csv`` are made by benchmarks/estimator/architectures.py, ``hub.csv`` and ``hub_times.csv`` by
hub_architectures.py beside it, ``tasks.csv`` and ``nas.csv`` by hand.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from nngauge.knowledge.architectures.schema import Architecture, Measured, Method
from nngauge.knowledge.phones.schema import Source

__all__ = [
    "Architecture",
    "Measured",
    "Method",
    "architectures",
    "dominating",
    "front",
    "measured",
    "methods",
    "sources",
    "tasks",
]

_HERE: Final = Path(__file__).parent
_NEAR: Final = 1.25
"""Networks with MACs within × and ÷ this are taken for alike when a model's own score is not known."""
_FEW: Final = 3


@cache
def architectures(task: str = "") -> tuple[Architecture, ...]:
    """All, or those for one task."""
    found = (
        *map(_classifier, _rows("imagenet.csv")),
        *map(_of_task, _rows("tasks.csv")),
        *map(_of_hub, _rows("hub.csv")),
    )
    return tuple(one for one in found if task in ("", one.task))


@cache
def tasks() -> tuple[str, ...]:
    """Ids of the tasks that have any."""
    return tuple(dict.fromkeys(one.task for one in architectures()))


@cache
def measured() -> Mapping[str, tuple[Measured, ...]]:
    """Measured times by the name without the tag."""
    found: dict[str, list[Measured]] = {}
    for row in (*_rows("measured.csv"), *_rows("hub_times.csv")):
        one = Measured(
            model=row["model"], device=row["device"], unit=row["unit"], threads=int(row["threads"]), precision=row["precision"],
            runtime=row["runtime"], milliseconds=float(row["ms"]), source=row["source"],
        )  # fmt: skip
        found.setdefault(one.model, []).append(one)
    return {name: tuple(times) for name, times in found.items()}


@cache
def methods() -> tuple[Method, ...]:
    """How the search for mobile architectures went on."""
    return tuple(
        Method(
            name=row["method"], top1=float(row["top1"]), milliseconds=float(row["pixel1_ms"]), gpu_hours=_number(row["gpu_hours"]),
            model=row["model"],
        )
        for row in _rows("nas.csv")
    )  # fmt: skip


@cache
def sources() -> Mapping[str, Source]:
    """Where the figures come from."""
    return {row["id"]: Source(**row) for row in _rows("sources.csv")}


def front(candidates: Iterable[Architecture]) -> tuple[Architecture, ...]:
    """Those that no other beats in MACs and score; metrics apart, fewest MACs first. Without MACs or score: not on it."""
    found: list[Architecture] = []
    best: dict[str, float] = {}
    known = [one for one in candidates if one.macs is not None and one.score is not None]
    for one in sorted(known, key=lambda one: (one.macs or 0.0, -(one.score or 0.0))):
        if one.score is not None and one.score > best.get(one.metric, -1.0):
            best[one.metric] = one.score
            found.append(one)
    return tuple(found)


def dominating(
    task: str, macs: float, parameters: float | None = None, *, score: float | None = None, extra_data: bool = False
) -> tuple[Architecture, ...]:
    """Published models for a task that cost less than this one and are as good or better, best first. No weights go over.

    `score`: of the model, in the metric of the catalogue's first entries for the task; where it is not known, the middle score of
    published models with about as many MACs stands for it, and with fewer than three of those nothing is told. `extra_data`: with
    those that were trained with more data, too.
    """
    rivals = [
        one for one in architectures(task)
        if one.macs is not None and one.score is not None and (extra_data or not one.extra_data)
    ]  # fmt: skip
    if not rivals:
        return ()
    metric = rivals[0].metric
    rivals = [one for one in rivals if one.metric == metric]
    goal = score if score is not None else _usual(rivals, macs)
    if goal is None:
        return ()
    better = [
        one for one in rivals
        if (one.macs or 0.0) < macs and (one.score or 0.0) >= goal
        and (parameters is None or one.parameters is None or one.parameters <= parameters)
    ]  # fmt: skip
    return tuple(sorted(front(better), key=lambda one: -(one.score or 0.0)))


def _usual(rivals: Sequence[Architecture], macs: float) -> float | None:
    """The middle score of models that cost about as much."""
    near = sorted(one.score or 0.0 for one in rivals if macs / _NEAR <= (one.macs or 0.0) <= macs * _NEAR)
    return near[len(near) // 2] if len(near) >= _FEW else None


def _classifier(row: Mapping[str, str]) -> Architecture:
    return Architecture(
        name=row["model"], task="image-classification", input=f"{row['input']}×{row['input']}", metric="top-1 ImageNet",
        score=float(row["top1"]), parameters=float(row["mparams"]) * 1e6, macs=float(row["gmacs"]) * 1e9,
        activations=float(row["mactivations"]) * 1e6, extra_data=row["extra"] == "1", source="timm",
    )  # fmt: skip


def _of_hub(row: Mapping[str, str]) -> Architecture:
    return replace(_of_task({**row, "source": "hub"}), licence=row["licence"])


def _of_task(row: Mapping[str, str]) -> Architecture:
    parameters, macs, size = _number(row["mparams"]), _number(row["gmacs"]), _number(row["bytes"])
    return Architecture(
        name=row["model"], task=row["task"], input=row["input"], metric=row["metric"], score=_number(row["score"]),
        parameters=None if parameters is None else parameters * 1e6, macs=None if macs is None else macs * 1e9,
        file_bytes=None if size is None else int(size), precision=row["precision"], source=row["source"],
    )  # fmt: skip


def _number(text: str) -> float | None:
    return float(text) if text else None


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (_HERE / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
