"""Which clock counts: wall time where the process had its cores for itself, processor time where it had not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from statistics import median
from typing import Final

from nngauge.domain.measurement import Launch

BUSY: Final = 1.05
"""Wall time over processor time of one thread beyond which other work got in between."""
_OFTEN: Final = 0.1
"""Share of samples with other work in between beyond which wall times of whole launches go astray, though most samples do not:
then the median of a launch is one that waited, or not, by chance."""
_PROCESSOR: Final = frozenset({"", "xnnpack"})
"""Delegates that compute on the processor, besides those called cpu…; of others the processor waits, and that is no sign."""
_ENOUGH: Final = 100
"""Samples of single inferences from which their percentiles are told by them alone."""


class Clock(StrEnum):
    """What a time is of."""

    WALL = "wall"
    CPU = "processor"


def primary(launches: Sequence[Launch], threads: int, delegate: str = "") -> Clock:
    """Processor time for one thread on a busy host, else wall time: of several threads the sum says little, and of what an
    accelerator does nothing.
    """
    if alone(threads, delegate) and share_waiting(launches) > _OFTEN and all(launch.cpu_ns for launch in launches):
        return Clock.CPU
    return Clock.WALL


def alone(threads: int, delegate: str) -> bool:
    """Does one thread of the processor do all the work?"""
    return threads == 1 and (delegate in _PROCESSOR or delegate.startswith("cpu"))


def share_waiting(launches: Sequence[Launch]) -> float:
    """Share of samples that took longer by the clock than the processor worked for them; 0 where its time is not told."""
    pairs = [
        (wall, cpu) for launch in launches for wall, cpu in zip(launch.wall_ns, launch.cpu_ns, strict=False) if cpu > 0
    ]
    return sum(wall > BUSY * cpu for wall, cpu in pairs) / len(pairs) if pairs else 0.0


def singles(launches: Sequence[Launch], clock: Clock) -> list[float]:
    """Nanoseconds of single inferences, for percentiles, as far as samples tell them.

    A mean of k inferences spreads less than they do, so its percentiles are too low. Launches whose samples are single inferences
    are taken alone where there are enough; else each deviation from the launch's median is widened by √k, which is right for
    inferences that do not depend on each other, too wide for what slows down all of a sample, and blind to a rare long one.
    """
    runs = [(launch, launch.cpu_ns if clock is Clock.CPU else launch.wall_ns) for launch in launches]
    alone = [float(value) for launch, found in runs if launch.inferences_per_sample == 1 for value in found]
    if len(alone) >= _ENOUGH:
        return alone
    return [value for launch, found in runs for value in _widened(found, launch.inferences_per_sample)]


def _widened(found: Sequence[int], each: int) -> list[float]:
    if each == 1 or not found:
        return [float(value) for value in found]
    middle, factor = median(found), math.sqrt(each)
    least = min(found) / each  # what one would have taken if the others took no time: never below
    return [max(least, middle + factor * (value - middle)) for value in found]


def means(launches: Sequence[Launch]) -> int:
    """How many inferences a sample is the mean of, at most, where percentiles had to be widened for it; else 1."""
    alone = sum(len(launch.wall_ns) for launch in launches if launch.inferences_per_sample == 1)
    return 1 if alone >= _ENOUGH else max((launch.inferences_per_sample for launch in launches), default=1)


def times(launches: Sequence[Launch], clock: Clock) -> list[float]:
    """The median of each launch's runs, in nanoseconds."""
    return [float(median(launch.cpu_ns if clock is Clock.CPU else launch.wall_ns)) for launch in launches]
