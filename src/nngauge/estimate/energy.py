"""Modelled energy of an inference: its time × the power of the cores that it keeps busy, at their highest clocks.

E = t × Σ P_core(f_max). The curves tell what a core takes above the idle device, at the battery or at the chip's rails; memory,
regulators and what a network does differently from the benchmark behind the curve are not in it. Nobody has checked the product
against a meter: every estimate says so.

The interval: where two independent sources know the same cores they differ by × 1.7 in the middle and × 2.4 at most; the same
core in another chip differs by × 1.9 in nine of ten cases (benchmarks/estimator/power_curves.py prints them). Modelled energy is
never shown where measured energy stands (`nngauge.domain.energy`).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from nngauge.domain.estimate import Estimate, EstimateDoubt, Ground, NoEstimate, Quantity, Reason, Setting, Unit
from nngauge.knowledge import phones
from nngauge.knowledge.phones import Cluster, Soc

_DATA: Final = Path(__file__).with_name("power.csv")
GPU, NPU = -1, -2
"""Numbers of "clusters" that are none."""
SEVERAL, SINGLE, SCALED = 2.0, 2.5, 3.0
"""The interval is the value × and ÷ this: two sources for the chip, one, none but the same core in other chips."""
_OUTSIDE: Final = 1.1
"""A curve is believed this far beyond its ends."""


class Curve(Struct, frozen=True, kw_only=True):
    """What one core of a cluster takes, by clock."""

    source: str
    """wattson, pixel, freqbench."""
    soc: str
    cluster: int
    core: str
    points: tuple[tuple[float, float], ...]
    """MHz and milliwatts, slowest first."""

    def at(self, mhz: float) -> float | None:
        """Milliwatts at this clock, between the points around it; None where the curve does not reach."""
        (first, _), (last, _) = self.points[0], self.points[-1]
        if not first / _OUTSIDE <= mhz <= last * _OUTSIDE:
            return None
        low = max((point for point in self.points if point[0] <= mhz), default=self.points[0])
        high = min((point for point in self.points if point[0] >= mhz), default=self.points[-1])
        if low[0] == high[0]:
            return low[1]
        part = math.log(mhz / low[0]) / math.log(high[0] / low[0])
        return math.exp((1 - part) * math.log(low[1]) + part * math.log(high[1]))


class Power(Struct, frozen=True, kw_only=True):
    """What some cores take together."""

    milliwatts: float
    factor: float
    """The truth should lie within × and ÷ this."""
    says: str
    """``4 × cortex-a76 at 2.42 GHz``."""
    sources: tuple[str, ...]
    scaled: bool = False
    """From the same core in other chips."""


@cache
def curves() -> tuple[Curve, ...]:
    """All that are shipped."""
    with _DATA.open(encoding="utf-8", newline="") as file:
        return tuple(
            Curve(
                source=row["source"], soc=row["soc"], cluster=int(row["cluster"]), core=row["core"],
                points=tuple(_point(one) for one in row["milliwatts"].split(";")),
            )
            for row in csv.DictReader(file)
        )  # fmt: skip


def _point(text: str) -> tuple[float, float]:
    mhz, milliwatts = text.split(":")
    return float(mhz), float(milliwatts)


def energy(latency: Estimate) -> Estimate | NoEstimate:
    """Millijoules of one inference whose time is estimated; or why they cannot be told. Never without `NOT_VALIDATED`."""
    power = power_of(latency.setting)
    if isinstance(power, NoEstimate):
        return power
    joules = power.milliwatts / 1000
    scaled = (EstimateDoubt.OTHER_DEVICE,) if power.scaled else ()
    return Estimate(
        quantity=Quantity.ENERGY, setting=latency.setting, value=latency.value * joules, level=latency.level,
        low=latency.low * joules / power.factor, high=latency.high * joules * power.factor,
        baseline=None if latency.baseline is None else latency.baseline * joules,
        doubts=tuple(dict.fromkeys((*latency.doubts, *scaled, EstimateDoubt.NOT_VALIDATED))),
        ground=_ground(latency, power),
    )  # fmt: skip


def _ground(latency: Estimate, power: Power) -> Ground:
    """The error is that of the time: of the power none is known."""
    return replace(
        latency.ground,
        profile=f"{latency.ground.profile} × power of {power.says}",
        method=f"{latency.ground.method} × power curve",
        source=f"{latency.ground.source}; power: {', '.join(power.sources)}",
        coverage=None,
    )


def power_of(setting: Setting) -> Power | NoEstimate:
    """What the cores of a setting take."""
    phone = phones.find(setting.device)
    soc = phones.chip(phone) if phone else phones.find_soc(setting.device)
    if soc is None:
        return _none(setting, Reason.NO_DEVICE, f"the chip of {setting.device!r} is not known")
    if setting.unit in (Unit.GPU, Unit.NPU):
        return _accelerator(setting, soc)
    busy = busy_cores(soc, setting.unit, setting.threads)
    if not busy:
        return _none(setting, Reason.NO_POWER, f"the cores of {soc.name} are not known")
    parts = [(count, _core(soc, index)) for index, count in busy]
    if any(part is None for _, part in parts):
        return _none(setting, Reason.NO_POWER, f"no power curve of {soc.name}, nor of the same cores in another chip")
    known = [(count, part) for count, part in parts if part is not None]
    return Power(
        milliwatts=sum(count * part.milliwatts for count, part in known),
        factor=max(part.factor for _, part in known),
        says=" + ".join(f"{count} × {part.says}" for count, part in known),
        sources=tuple(dict.fromkeys(source for _, part in known for source in part.sources)),
        scaled=any(part.scaled for _, part in known),
    )


def busy_cores(soc: Soc, unit: Unit, threads: int) -> Sequence[tuple[int, int]]:
    """Clusters and how many of their cores work: from the first of the unit on, further clusters when it has too few."""
    start = {Unit.BIG: 0, Unit.MIDDLE: 1, Unit.LITTLE: len(soc.clusters) - 1}.get(unit, 0)
    if unit is Unit.MIDDLE and len(soc.clusters) < 3:
        return ()
    found: list[tuple[int, int]] = []
    left = threads
    for index in range(start, len(soc.clusters)):
        if left <= 0:
            break
        found.append((index, min(left, soc.clusters[index].count)))
        left -= found[-1][1]
    return found if left <= 0 else ()


def _core(soc: Soc, index: int) -> Power | None:
    """One core: of this chip's curves, else of the same core in other chips."""
    cluster = soc.clusters[index]
    own = [curve for curve in curves() if (curve.soc, curve.cluster) == (soc.id, index)]
    if own:
        mhz = cluster.ghz * 1000 if cluster.ghz else own[0].points[-1][0]
        values = {curve.source: value for curve in own if (value := curve.at(mhz)) is not None}
        if values:
            factor = SEVERAL if len(values) > 1 else SINGLE
            return _mean(values, factor, cluster, mhz, scaled=False)
    if not cluster.core or not cluster.ghz:
        return None
    mhz = cluster.ghz * 1000
    others = {
        curve.soc: value for curve in curves() if curve.core == cluster.core and (value := curve.at(mhz)) is not None
    }
    return _mean(others, SCALED, cluster, mhz, scaled=True) if others else None


def _mean(values: Mapping[str, float], factor: float, cluster: Cluster, mhz: float, *, scaled: bool) -> Power:
    """Geometric, as the sources differ by factors."""
    mean = math.exp(sum(math.log(value) for value in values.values()) / len(values))
    name = cluster.core or "core"
    return Power(
        milliwatts=mean, factor=factor, says=f"{name} at {mhz / 1000:.2f} GHz",
        sources=tuple(f"other chips: {one}" for one in values) if scaled else tuple(values), scaled=scaled,
    )  # fmt: skip


def _accelerator(setting: Setting, soc: Soc) -> Power | NoEstimate:
    """At its highest clock; nothing is known of chips without a curve: their designs have little in common."""
    wanted = GPU if setting.unit is Unit.GPU else NPU
    for curve in curves():
        if (curve.soc, curve.cluster) == (soc.id, wanted):
            mhz, milliwatts = curve.points[-1]
            return Power(
                milliwatts=milliwatts, factor=SINGLE, says=f"{setting.unit.value} at {mhz / 1000:.2f} GHz",
                sources=(curve.source,),
            )  # fmt: skip
    return _none(setting, Reason.NO_POWER, f"no power curve of the {setting.unit.value} of {soc.name}")


def _none(setting: Setting, reason: Reason, explanation: str) -> NoEstimate:
    return NoEstimate(
        quantity=Quantity.ENERGY, setting=setting, reason=reason, explanation=explanation,
        hint="measure it: nngauge measure MODEL --device adb:SERIAL --energy",
    )  # fmt: skip
