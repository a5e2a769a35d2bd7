"""The loop that takes the times: load, first inference, warm-up until it settles, runs.

Between two clock readings there is nothing but the inference; everything else (drift, limits) is decided from stored numbers
in between, so that the loop costs less than a millionth of a second a run.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from statistics import median
from typing import Final

from msgspec import Struct, field

from nngauge.engines._api import Request

_WINDOWS: Final = 5
"""Parts that the end of the warm-up is cut into to see whether it drifts."""
_MOST_RUNS: Final = 100_000


class Times(Struct):
    """Nanoseconds of each run."""

    wall: list[int] = field(default_factory=list)
    cpu: list[int] = field(default_factory=list)
    interrupted: list[int] = field(default_factory=list)
    """Involuntary context switches."""


def timed(run: Callable[[], object]) -> tuple[int, int]:
    """Wall and processor nanoseconds of one call."""
    cpu, wall = time.process_time_ns(), time.perf_counter_ns()
    run()
    return time.perf_counter_ns() - wall, time.process_time_ns() - cpu


def warm_up(run: Callable[[], object], request: Request) -> tuple[list[int], bool]:
    """Runs until medians of the last five windows of runs drift by less than `settle`; the times, and whether they settled."""
    found: list[int] = []
    begun = time.perf_counter()
    while True:
        found.append(timed(run)[0])
        spent = time.perf_counter() - begun
        enough = len(found) >= request.warmup_runs and spent >= request.warmup_seconds
        if enough and settled(found, request.settle):
            return found, True
        if spent >= request.warmup_most or len(found) >= _MOST_RUNS:
            return found, settled(found, request.settle)


def settled(times: list[int], share: float) -> bool:
    """Does the second half, in five windows, drift by less than `share` from its first window to its last?

    The slowest and the fastest window in between are chance; a trend shows at the ends. Needs as many runs as windows.
    """
    tail = times[len(times) // 2 :]
    if len(tail) < _WINDOWS:
        tail = times[-_WINDOWS:]
    if len(tail) < _WINDOWS:
        return False
    width = len(tail) // _WINDOWS
    first, last = median(tail[:width]), median(tail[-width:])
    return abs(last - first) <= share * first


def take(run: Callable[[], object], request: Request) -> Times:
    """Runs until there are enough in number and in time, or time is up."""
    times = Times()
    usage, switches = resource.RUSAGE_SELF, resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
    begun = time.perf_counter()
    while True:
        wall, cpu = timed(run)
        now = resource.getrusage(usage).ru_nivcsw
        times.wall.append(wall)
        times.cpu.append(cpu)
        times.interrupted.append(now - switches)
        switches = now
        spent = time.perf_counter() - begun
        if spent >= request.most_seconds or len(times.wall) >= _MOST_RUNS:
            return times
        if len(times.wall) >= request.least_runs and spent >= request.least_seconds:
            return times


def resident() -> int:
    """Bytes of memory that this process has in use, from ``/proc``; 0 where there is none."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - the child imports as little as it can
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def peak() -> int:
    """Highest bytes of memory that this process had in use."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
