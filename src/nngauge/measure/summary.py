"""The numbers of a measurement that people and tables ask for, from its launches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import Final

from nngauge.domain.interval import percentile
from nngauge.domain.measurement import Launch, Measurement, Summary
from nngauge.measure.primary import Clock, primary, singles, times
from nngauge.measure.statistics import bootstrap

_MOST: Final = 2**63
"""Nanoseconds: three hundred years."""


def whole(measurement: Measurement) -> bool:
    """Do its launches tell what launches tell? Files come from anywhere."""
    timed = {bool(launch.wall_ns) for launch in measurement.launches}
    return len(timed) < 2 and measurement.configuration.threads > 0 and all(map(_told, measurement.launches))


def _told(launch: Launch) -> bool:
    columns = (launch.wall_ns, launch.cpu_ns, launch.interrupted)
    numbers = (
        launch.load_ns,
        launch.first_ns,
        launch.inferences_per_sample,
        *(value for one in columns for value in one),
    )
    same = all(len(column) in {0, len(launch.wall_ns)} for column in columns)
    return same and launch.inferences_per_sample > 0 and all(0 <= value < _MOST for value in numbers)


def summary(launches: Sequence[Launch], threads: int, delegate: str = "") -> Summary | None:
    """What they add up to; None where none was timed, as on an emulated processor."""
    if not launches or not all(launch.wall_ns for launch in launches):
        return None
    clock = primary(launches, threads, delegate)
    interval = bootstrap(times(launches, clock))
    pooled = sorted(singles(launches, clock))
    told = all(launch.cpu_ns for launch in launches)
    loads = [launch.load_bytes for launch in launches if launch.load_bytes is not None]
    peaks = [launch.peak_bytes for launch in launches if launch.peak_bytes]
    return Summary(
        clock=clock.value, steady_ns=interval.middle,
        low_ns=interval.low if math.isfinite(interval.low) else None,
        high_ns=interval.high if math.isfinite(interval.high) else None,
        p5_ns=percentile(pooled, 0.05), p90_ns=percentile(pooled, 0.9), p95_ns=percentile(pooled, 0.95), p99_ns=percentile(pooled, 0.99),
        load_ns=median(launch.load_ns for launch in launches), first_ns=median(launch.first_ns for launch in launches),
        cpu_ns=median(times(launches, Clock.CPU)) if told else None,
        runs=sum(len(launch.wall_ns) * launch.inferences_per_sample for launch in launches),
        load_bytes=round(median(loads)) if loads else None, peak_bytes=max(peaks, default=None),
    )  # fmt: skip
