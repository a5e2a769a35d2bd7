"""Which configuration is launched when, and when it is enough.

What is replicated is the launch of a process: runs within one share its memory layout, its caches and its neighbours. All
configurations take turns in blocks, in a random order within each, so that a device that becomes slower in the course
of a session does so for all of them. A configuration has had enough launches when the interval of its median is narrow
enough, never before the sixth and never after the last that the plan allows.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

from msgspec import Struct

from nngauge.domain.interval import Interval
from nngauge.domain.measurement import Configuration, Launch, Refusal
from nngauge.measure.primary import primary, times
from nngauge.measure.statistics import bootstrap


class Cell(Struct, frozen=True, kw_only=True):
    """What is launched: a model in a configuration."""

    model: str
    """Its digest."""
    configuration: Configuration


class Plan(Struct, frozen=True, kw_only=True):
    """How much is measured."""

    least_launches: int = 6
    most_launches: int = 20
    precision: float = 0.02
    """Half the width of the 95 % interval, as a share of the median, at which it is enough."""
    seconds: float = 600.0
    """After which no launch begins that is not needed for the least number."""
    gap_seconds: float = 0.0
    """Between launches: phones get warm."""
    seed: int = 0


class Progress(Struct, frozen=True):
    """How far a session is."""

    launches: int
    expected: int
    """Launches in all, as far as can be told now."""
    running: int
    """Configurations that are not done."""


class Course(Struct):
    """What became of one configuration."""

    launches: list[Launch]
    refusal: Refusal | None = None
    ended: str = ""
    """precise, launches, time: why no more launches were made; empty with a refusal."""


def run(
    cells: Sequence[Cell],
    launch: Callable[[Cell, int], Launch | Refusal],
    plan: Plan,
    *,
    told: Callable[[Progress], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Course]:
    """Launches all cells by the plan; one course each, in their order. `launch` gets a cell and the number of the block.

    A cell that refuses is not launched again; launches that it had stay.
    """
    chance = random.Random(plan.seed)  # noqa: S311 - an order, no secret
    courses = [Course([]) for _ in cells]
    running = set(range(len(cells)))
    begun, block, made = clock(), 0, 0
    while running:
        for at in chance.sample(sorted(running), len(running)):
            if made and plan.gap_seconds:
                sleep(plan.gap_seconds)
            found = launch(cells[at], block)
            made += 1
            if isinstance(found, Refusal):
                courses[at].refusal = found
                running.discard(at)
            else:
                courses[at].launches.append(found)
            told(Progress(made, made + _expected(courses, running, plan), len(running)))
        block += 1
        for at in sorted(running):
            courses[at].ended = _enough(courses[at].launches, cells[at].configuration, plan, clock() - begun)
            if courses[at].ended:
                running.discard(at)
    return courses


def _enough(launches: Sequence[Launch], configuration: Configuration, plan: Plan, spent: float) -> str:
    if len(launches) < plan.least_launches:
        return ""
    if middle(launches, configuration.threads, configuration.delegate).half_width <= plan.precision:
        return "precise"
    if len(launches) >= plan.most_launches:
        return "launches"
    return "time" if spent >= plan.seconds else ""


def _expected(courses: Sequence[Course], running: set[int], plan: Plan) -> int:
    """Launches to come: of the least number at least."""
    return sum(max(plan.least_launches - len(courses[at].launches), 0) for at in running)


def middle(launches: Sequence[Launch], threads: int, delegate: str = "") -> Interval:
    """Median of the launches' medians with its interval, in nanoseconds of the clock that counts."""
    return bootstrap(times(launches, primary(launches, threads, delegate)))
