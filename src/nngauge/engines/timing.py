"""The loop that takes the times: warm-up until it settles, then samples of wall and processor time.

Between two clock readings there is nothing but inferences. An inference that is too short to be timed to 1 % on its own is
run several times between two readings, and a sample is their mean. A launch keeps at most 5,000 samples: each is made so long that this is enough for the time that was asked for.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterable
from itertools import repeat
from math import ceil
from statistics import median
from typing import Final

from msgspec import Struct, field

from nngauge.engines._api import Request

MOST_SAMPLES: Final = 5_000
"""Kept of one launch: as JSON some 100 kB."""
SHORTEST_NS: Final = 1_000_000
"""Least time that a sample is made to last. Reading the clocks costs half a microsecond, and the caches and predictors that
it leaves cold some ten: measured beside a loop in C, which ran 2 % faster at half a millisecond a sample."""
_PLANNED: Final = 4_000
"""Samples that the least time is cut into, so that inferences that become faster than they were do not meet the bound."""
_WINDOWS: Final = 5
"""Parts that the end of the warm-up is cut into to see whether it drifts."""
_CALIBRATION: Final = 200
_WAITED_NS: Final = 20_000
"""Wall time beyond processor time at which one thread may have been interrupted: a switch to another process and back
takes longer. Counting interruptions costs 0.6 % of an inference of a millisecond (benchmarks/engines/overhead.py)."""


class Times(Struct):
    """Samples, in nanoseconds of one inference."""

    wall: list[int] = field(default_factory=list)
    cpu: list[int] = field(default_factory=list)
    interrupted: list[int] = field(default_factory=list)
    """Involuntary context switches during the whole sample."""
    per_sample: int = 1
    """Inferences in each."""


def timed(run: Callable[[], object], count: int = 1) -> tuple[int, int]:
    """Wall and processor nanoseconds of so many calls, in all."""
    calls = repeat(None, count)
    cpu, wall = time.process_time_ns(), time.perf_counter_ns()
    for _ in calls:
        run()
    return time.perf_counter_ns() - wall, time.process_time_ns() - cpu


def sample_cost() -> float:
    """Nanoseconds of processor time that a sample shows for an inference that does nothing: the loop's own."""
    return float(median(timed(_nothing)[1] for _ in range(_CALIBRATION)))


def _nothing() -> None:
    """An inference without work."""


def inferences_per_sample(run_ns: float, request: Request) -> int:
    """How many inferences of `run_ns` a sample holds."""
    least = max(SHORTEST_NS, request.least_seconds * 1e9 / _PLANNED)
    return max(1, ceil(least / max(run_ns, 1.0))) if run_ns < least else 1


def warm_up(run: Callable[[], object], request: Request) -> tuple[list[int], bool]:
    """Runs until medians of the last five windows of runs drift by less than `settle`.

    The wall nanoseconds of the runs (means of neighbours, once there are too many), and whether they settled.
    """
    found: list[int] = []
    count, look = 1, request.warmup_runs
    begun = time.perf_counter()
    while True:
        found.append(timed(run, count)[0] // count)
        if len(found) >= MOST_SAMPLES:
            found, count = _means(found), count * 2
            look = len(found)
        spent = time.perf_counter() - begun
        if spent >= request.warmup_most:
            return found, settled(found, request.settle)
        if len(found) >= look and spent >= request.warmup_seconds:
            if settled(found, request.settle):
                return found, True
            look = len(found) + len(found) // 20 + 1  # looking costs time that grows with the number of runs


def _pairs(values: list[int]) -> Iterable[tuple[int, int]]:
    return zip(values[::2], values[1::2], strict=True)


def _means(values: list[int]) -> list[int]:
    """Half as many: each the mean of two neighbours."""
    return [(one + other) // 2 for one, other in _pairs(values)]


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


def take(run: Callable[[], object], request: Request, run_ns: float) -> Times:
    """Samples until there are enough in number and in time, or time is up. `run_ns`: about what one inference takes.

    Where inferences are faster than that, and there are too many samples before the time is over, neighbours become one.
    """
    times = Times(per_sample=inferences_per_sample(run_ns, request))
    most = max(MOST_SAMPLES, request.least_runs + request.least_runs % 2)
    usage, switches = resource.RUSAGE_SELF, resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
    short, many = times.per_sample > 1, False
    begun = time.perf_counter()
    while True:
        count = times.per_sample
        if short:
            run()  # reading the clocks and keeping what they said has cooled the caches: 1 to 2 % of a short sample
        wall, cpu = timed(run, count)
        looked = request.threads > 1 or wall - cpu > _WAITED_NS
        now = resource.getrusage(usage).ru_nivcsw if looked else switches
        times.wall.append(wall // count)
        times.cpu.append(cpu // count)
        times.interrupted.append(now - switches)
        switches = now
        spent = time.perf_counter() - begun
        many |= len(times.wall) >= request.least_runs
        if spent >= request.most_seconds or (many and spent >= request.least_seconds):
            return times
        if len(times.wall) >= most:
            switched = [one + other for one, other in _pairs(times.interrupted)]
            times = Times(_means(times.wall), _means(times.cpu), switched, count * 2)


def resident() -> int:
    """Bytes of memory that this process has in use, from ``/proc``; 0 where there is none."""
    return _status("VmRSS")


def peak() -> int:
    """Highest bytes of memory that this process had in use.

    ``VmHWM`` begins anew with the program; what `getrusage` tells includes the process that started it.
    """
    unit = 1 if sys.platform == "darwin" else 1024
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _status(name: str) -> int:
    try:
        with open("/proc/self/status", encoding="ascii") as file:  # noqa: PTH123 - the child imports as little as it can
            line = next((line for line in file if line.startswith(f"{name}:")), "")
    except OSError:
        return 0
    return int(line.split()[1]) * 1024 if line else 0
