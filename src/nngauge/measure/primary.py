"""Which clock counts: wall time where the process had its cores for itself, processor time where it had not."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from statistics import median
from typing import Final

from nngauge.domain.measurement import Launch

BUSY: Final = 1.05
"""Wall time over processor time of one thread beyond which other work got in between."""


class Clock(StrEnum):
    """What a time is of."""

    WALL = "wall"
    CPU = "processor"


def primary(launches: Sequence[Launch], threads: int) -> Clock:
    """Processor time for one thread on a busy host, else wall time: of several threads the sum says little."""
    if threads == 1 and share_waiting(launches) > BUSY and all(launch.cpu_ns for launch in launches):
        return Clock.CPU
    return Clock.WALL


def share_waiting(launches: Sequence[Launch]) -> float:
    """Median of wall time over processor time; 1 where there is no processor time."""
    ratios = [
        wall / cpu for launch in launches for wall, cpu in zip(launch.wall_ns, launch.cpu_ns, strict=False) if cpu > 0
    ]
    return median(ratios) if ratios else 1.0


def times(launches: Sequence[Launch], clock: Clock) -> list[float]:
    """The median of each launch's runs, in nanoseconds."""
    return [float(median(launch.cpu_ns if clock is Clock.CPU else launch.wall_ns)) for launch in launches]
