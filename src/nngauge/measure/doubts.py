"""Reasons not to believe a measurement, from its samples and the conditions around them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Final

from nngauge.domain.measurement import Doubt, Launch, Measurement, State
from nngauge.measure.floor import floor_ns
from nngauge.measure.outputs import TOLERANCE
from nngauge.measure.primary import Clock, primary, times
from nngauge.measure.protocol import Plan, middle

_PREEMPTED: Final = 0.1
_DRIFT: Final = 0.05
_CLOCK: Final = 0.05
_HOT_BATTERY: Final = 32.0
_HOT_STATUS: Final = 2
"""Android's *moderate*."""
_LOW: Final = 0.2
_LAUNCHES: Final = 6
"""Even from the least to the largest of n values the median of all lies only in 1 - 2 / 2^n of cases: 94 % for five."""
_P99: Final = 100
"""Runs in all below which not even the 90th percentile rests on ten."""


def doubts(measurement: Measurement, plan: Plan) -> tuple[Doubt, ...]:
    """All that apply, in the order of the enumeration."""
    found = set(_of_device(measurement))
    if measurement.launches and not measurement.device.emulated:
        found |= set(_of_samples(measurement, plan)) | set(_of_course(measurement))
    found |= set(_of_outputs(measurement))
    return tuple(doubt for doubt in Doubt if doubt in found)


def _of_device(measurement: Measurement) -> Iterator[Doubt]:
    if measurement.device.emulated:
        yield Doubt.EMULATED
    before = next((launch.before for launch in measurement.launches if launch.before is not None), None)
    if before is None:
        return
    if before.charging:
        yield Doubt.CHARGING
    if before.battery is not None and before.battery < _LOW:
        yield Doubt.LOW_BATTERY
    if _hot(before):
        yield Doubt.HOT


def _hot(state: State) -> bool:
    battery = [value for zone, value in state.celsius.items() if "battery" in zone.lower()]
    return max(battery, default=0.0) > _HOT_BATTERY or (state.thermal_status or 0) >= _HOT_STATUS


def _of_samples(measurement: Measurement, plan: Plan) -> Iterator[Doubt]:
    launches, configuration = measurement.launches, measurement.configuration
    if primary(launches, configuration.threads, configuration.delegate) is Clock.CPU:
        yield Doubt.BUSY
    runs = sum(len(launch.wall_ns) for launch in launches)
    if sum(count > 0 for launch in launches for count in launch.interrupted) > _PREEMPTED * runs:
        yield Doubt.PREEMPTED
    if middle(launches, configuration.threads, configuration.delegate).half_width > plan.precision:
        yield Doubt.WIDE
    if runs < _P99 or len(launches) < plan.least_launches:
        yield Doubt.FEW_RUNS
    if len(launches) < _LAUNCHES:
        yield Doubt.FEW_LAUNCHES
    fastest = min((value for launch in launches for value in launch.wall_ns), default=math.inf)
    if measurement.macs and fastest < floor_ns(measurement.macs, measurement.device, configuration):
        yield Doubt.BELOW_FLOOR
    if configuration.delegate and any(
        unit == "cpu" and count for launch in launches for unit, count in launch.delegated.items()
    ):
        yield Doubt.FELL_BACK


def _of_course(measurement: Measurement) -> Iterator[Doubt]:
    """How the session went on."""
    launches = measurement.launches
    asked = measurement.configuration
    values = times(launches, primary(launches, asked.threads, asked.delegate))
    slope = trend(values)
    slower_clock = _clock_change(launches)
    if slope > _DRIFT and (slower_clock < -_CLOCK or _warmed(launches)):
        yield Doubt.THROTTLED
    elif abs(slope) > _DRIFT or not all(launch.settled for launch in launches):
        yield Doubt.DRIFTING
    if abs(slower_clock) > _CLOCK:
        yield Doubt.CLOCK_MOVED


def trend(values: Sequence[float]) -> float:
    """Change from the first to the last value as a share of the median, by the Theil-Sen slope; 0 where chance explains it.

    Sen (1968, https://doi.org/10.1080/01621459.1968.10480934): the median of all pairwise slopes, which single slow launches
    do not move. It is 0 unless Kendall's test finds more rising (or falling) pairs than chance would at 5 %.
    """
    count = len(values)
    if count < 4:
        return 0.0
    slopes = [(values[j] - values[i]) / (j - i) for i in range(count) for j in range(i + 1, count)]
    score = sum((slope > 0) - (slope < 0) for slope in slopes)
    deviation = math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    if abs(score) - 1 < 1.96 * deviation:
        return 0.0
    return median(slopes) * (count - 1) / median(values)


def _clock_change(launches: Sequence[Launch]) -> float:
    """Of the highest core clock from the first launch to the last, as a share; 0 where it is not told."""
    told = [
        max(state.hz.values()) for launch in launches for state in (launch.before, launch.after) if state and state.hz
    ]
    return (told[-1] - told[0]) / told[0] if len(told) > 1 and told[0] else 0.0


def _warmed(launches: Sequence[Launch]) -> bool:
    told = [
        max(state.celsius.values())
        for launch in launches
        for state in (launch.before, launch.after)
        if state and state.celsius
    ]
    return len(told) > 1 and told[-1] - told[0] > 3.0


def _of_outputs(measurement: Measurement) -> Iterator[Doubt]:
    output = measurement.output
    if output is None:
        if measurement.launches:
            yield Doubt.UNCHECKED
        return
    if not output.finite:
        yield Doubt.NOT_FINITE
    if not output.varies:
        yield Doubt.CONSTANT
    if output.difference is None:
        yield Doubt.UNCHECKED
    elif not output.difference <= TOLERANCE:
        yield Doubt.DIFFERENT
