"""What a power meter recorded: samples over time on one rail and one clock, and the energy in them.

Trapezoids between samples, straight lines within counters. A recording with gaps, in the wrong order, with two values at one
time or with values that no phone or board has is refused instead of integrated.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from nngauge.errors import LimitError, MalformedError, UsageError
from nngauge.limits import MAX_POWER_SAMPLES

MOST_VOLTS: Final = 60.0
"""Of what runs from a battery or a bench supply; more is millivolts read as volts."""
MOST_AMPS: Final = 100.0
MOST_WATTS: Final = 5000.0
"""Of a server's processors together; more is milliwatts read as watts."""
_GAP: Final = 4.0
"""Times the usual step without a sample that make a gap."""


class Trace(Struct, frozen=True, kw_only=True):
    """Samples of one rail. Power is told by exactly one of `watts`, `volts` with `amps`, or `joules`, a counter."""

    rail: str
    clock: str
    """Whose seconds these are: ``host``, ``device``, ``meter``. Times of two clocks are never mixed."""
    seconds: tuple[float, ...]
    """Rising, no two the same."""
    watts: tuple[float, ...] = ()
    volts: tuple[float, ...] = ()
    amps: tuple[float, ...] = ()
    joules: tuple[float, ...] = ()
    """Energy since some moment; never falls."""

    @property
    def start(self) -> float:
        """Time of the first sample."""
        return self.seconds[0]

    @property
    def end(self) -> float:
        """Time of the last sample."""
        return self.seconds[-1]

    @property
    def step(self) -> float:
        """Usual time between samples, seconds."""
        return median(after - before for before, after in pairwise(self.seconds))

    @property
    def power(self) -> tuple[float, ...]:
        """Watts at each sample; of a counter, mean power since the sample before (the first has the second's)."""
        if self.watts:
            return self.watts
        if self.volts:
            return tuple(volts * amps for volts, amps in zip(self.volts, self.amps, strict=True))
        rates = [
            (b - a) / (t1 - t0) for (a, b), (t0, t1) in zip(pairwise(self.joules), pairwise(self.seconds), strict=True)
        ]
        return (rates[0], *rates)


def checked(trace: Trace) -> Trace:
    """The trace, if it can be integrated. Raises `MalformedError` or `LimitError`, naming the first sample that is wrong."""
    count = len(trace.seconds)
    if count > MAX_POWER_SAMPLES:
        raise LimitError(f"more than {MAX_POWER_SAMPLES:,} samples", where=trace.rail)
    if count < 2:
        raise MalformedError("fewer than two samples", where=trace.rail)
    _columns(trace, count)
    _order(trace)
    _sizes(trace)
    return trace


def _columns(trace: Trace, count: int) -> None:
    told = [bool(trace.watts), bool(trace.volts or trace.amps), bool(trace.joules)]
    if sum(told) != 1 or bool(trace.volts) != bool(trace.amps):
        raise MalformedError("power is to be told by watts, by volts and amperes, or by joules", where=trace.rail)
    for column in (trace.seconds, trace.watts, trace.volts, trace.amps, trace.joules):
        if column and len(column) != count:
            raise MalformedError(f"{len(column)} values at {count} times", where=trace.rail)
        for at, value in enumerate(column):
            if not math.isfinite(value):
                raise MalformedError("a value that is not finite", where=f"{trace.rail} sample {at}")


def _order(trace: Trace) -> None:
    for at, (before, after) in enumerate(pairwise(trace.seconds), 1):
        if after == before:
            raise MalformedError(f"two samples at {after:g} s", where=f"{trace.rail} sample {at}")
        if after < before:
            raise MalformedError(f"not in order: {after:g} s after {before:g} s", where=f"{trace.rail} sample {at}")
    for at, (before, after) in enumerate(pairwise(trace.joules), 1):
        if after < before:
            raise MalformedError("the energy counter falls: reset in between", where=f"{trace.rail} sample {at}")


def _sizes(trace: Trace) -> None:
    """Wrong units give values that nothing measured here has."""
    for name, column, most in (
        ("V", trace.volts, MOST_VOLTS), ("A", trace.amps, MOST_AMPS), ("W", trace.power, MOST_WATTS),
    ):  # fmt: skip
        for at, value in enumerate(column):
            if abs(value) > most:
                raise MalformedError(f"{value:g} {name}", where=f"{trace.rail} sample {at}", hint="is the unit right?")


def energy(trace: Trace, start: float, end: float, *, gap: float | None = None) -> float:
    """Joules between two times of the trace's clock.

    Raises `UsageError` for an empty stretch, `MalformedError` where the recording does not cover it, or has no sample for
    longer than `gap` seconds (four usual steps if not told) in it.
    """
    if not start < end:
        raise UsageError("an empty stretch has no energy")
    seconds = trace.seconds
    if start < trace.start or end > trace.end:
        raise MalformedError(
            f"recorded from {trace.start:.3f} s to {trace.end:.3f} s, asked from {start:.3f} s to {end:.3f} s",
            where=trace.rail,
        )
    first, last = bisect_right(seconds, start) - 1, bisect_left(seconds, end)
    most = gap if gap is not None else _GAP * trace.step
    for at in range(first, last):
        if seconds[at + 1] - seconds[at] > most:
            raise MalformedError(
                f"no sample for {seconds[at + 1] - seconds[at]:.3f} s after {seconds[at]:.3f} s", where=trace.rail
            )
    if trace.joules:
        return _at(trace.joules, seconds, last, end) - _at(trace.joules, seconds, first + 1, start)
    return _trapezoids(seconds[first : last + 1], _power(trace, first, last + 1), start, end)


def mean_watts(trace: Trace, start: float, end: float, *, gap: float | None = None) -> float:
    """Mean power between two times. Raises as `energy`."""
    return energy(trace, start, end, gap=gap) / (end - start)


def _power(trace: Trace, first: int, stop: int) -> Sequence[float]:
    if trace.watts:
        return trace.watts[first:stop]
    return [volts * amps for volts, amps in zip(trace.volts[first:stop], trace.amps[first:stop], strict=True)]


def _trapezoids(seconds: Sequence[float], watts: Sequence[float], start: float, end: float) -> float:
    """The first and the last trapezoid are cut at `start` and `end`."""
    inner = range(1, len(seconds) - 1)
    times = [start, *(seconds[at] for at in inner), end]
    values = [
        _at(watts, seconds, 1, start), *(watts[at] for at in inner), _at(watts, seconds, len(seconds) - 1, end),
    ]  # fmt: skip
    return math.fsum(
        (t1 - t0) * (p0 + p1) / 2 for (t0, t1), (p0, p1) in zip(pairwise(times), pairwise(values), strict=True)
    )


def _at(values: Sequence[float], seconds: Sequence[float], after: int, time: float) -> float:
    """The value at a time, on the line that ends at sample `after`."""
    t0, t1 = seconds[after - 1], seconds[after]
    return values[after - 1] + (values[after] - values[after - 1]) * (time - t0) / (t1 - t0)


def moved(trace: Trace, offset: float, *, rate: float = 1.0, clock: str) -> Trace:
    """The trace on another clock, which shows `offset + rate × time`."""
    return replace(trace, seconds=tuple(offset + rate * time for time in trace.seconds), clock=clock)


def together(traces: Sequence[Trace], rail: str) -> Trace:
    """The sum of counters that were read at about the same times, at the first one's times within all of them.

    Raises `UsageError` for none or for rails on several clocks, `MalformedError` where they do not overlap.
    """
    if not traces or len({trace.clock for trace in traces}) != 1 or not all(trace.joules for trace in traces):
        raise UsageError("only counters on one clock can be added")
    start, end = max(trace.start for trace in traces), min(trace.end for trace in traces)
    seconds = tuple(time for time in traces[0].seconds if start <= time <= end)
    if len(seconds) < 2:
        raise MalformedError("rails were not recorded at the same time", where=rail)
    columns = [[_counter(trace, time) for time in seconds] for trace in traces]
    return checked(
        Trace(
            rail=rail,
            clock=traces[0].clock,
            seconds=seconds,
            joules=tuple(sum(row) for row in zip(*columns, strict=True)),
        )
    )


def _counter(trace: Trace, time: float) -> float:
    after = min(max(bisect_left(trace.seconds, time), 1), len(trace.seconds) - 1)
    return _at(trace.joules, trace.seconds, after, time)


def thinned(trace: Trace, count: int) -> Trace:
    """Means of `count` samples each, of watts: what a fast meter gives, small enough to be kept. The energy stays the same
    but for the ends.
    """
    if count < 2 or trace.joules:
        return trace
    power, kept = trace.power, range(0, len(trace.seconds) - count + 1, count)
    return checked(
        Trace(
            rail=trace.rail, clock=trace.clock,
            seconds=tuple(math.fsum(trace.seconds[at : at + count]) / count for at in kept),
            watts=tuple(math.fsum(power[at : at + count]) / count for at in kept),
        )
    )  # fmt: skip
