"""Times of networks of which no more than the number of MACs is known: those of a catalogue, without their layers.

In each setting of a library the measured times of its networks are fitted as log t = a + b log MACs. The interval is that of
networks whose whole family was left out: wide, because the same MACs take very different times in different layers. `estimate`
with a model file at hand is better: docs/fit.md compares the two. The libraries hold convolutional classifiers only; what networks
with attention, or for other tasks, take is `UNSEEN` times less certain still.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from nngauge.domain.estimate import Estimate, EstimateDoubt, Ground, NoEstimate, Quantity, Reason, Setting
from nngauge.estimate.library import Library, Profile, libraries
from nngauge.estimate.scaling import scaled
from nngauge.knowledge import phones

UNSEEN: Final = 1.5
"""The interval of other networks is wider by this on both sides: a choice, no measured one has told it."""
_LEVEL: Final = 0.9
_FEW: Final = 10
_FAR: Final = 10.0
"""Nothing is told of networks that many times beyond all that were measured."""


class Line(Struct, frozen=True, kw_only=True):
    """The fit of one setting."""

    start: float
    slope: float
    low: float
    """Ends of the interval, as logarithms of the ratio of measured to predicted time."""
    high: float
    error: float
    """Mean absolute percentage error of networks left out one at a time."""
    family_error: float
    """The same with their families left out."""
    coverage: float
    networks: int
    smallest: float
    largest: float
    """MACs of the networks."""
    constant: float


def coarse(macs: float, setting: Setting, *, unlike: bool = False) -> Estimate | NoEstimate:
    """Milliseconds of a network with so many MACs: by a profile of the device, else scaled from another phone's.

    `unlike`: it is no convolutional classifier, as all are that were measured.
    """
    told = _convolutional(macs, setting)
    if not unlike or isinstance(told, NoEstimate):
        return told
    doubts = tuple(dict.fromkeys((*told.doubts, EstimateDoubt.UNSEEN_OPERATORS)))
    return replace(told, low=told.low / UNSEEN, high=told.high * UNSEEN, doubts=doubts)


def _convolutional(macs: float, setting: Setting) -> Estimate | NoEstimate:
    for library in libraries():
        for index, profile in enumerate(library.profiles):
            if _fits(profile, setting):
                return _estimate(macs, setting, library, profile, _line(library.name, index))
    phone = phones.find(setting.device)
    soc = phones.chip(phone) if phone else phones.find_soc(setting.device)
    known = any(profile.device == setting.device for library in libraries() for profile in library.profiles)
    told = scaled(lambda other: _convolutional(macs, other), soc, setting) if soc and not known else None
    if told is not None:
        return told
    return NoEstimate(
        quantity=Quantity.LATENCY, setting=setting, reason=Reason.NO_PROFILE if phone or soc else Reason.NO_DEVICE,
        explanation=f"no profile of the {setting.unit.value} of {setting.device!r} with {setting.threads} threads and {setting.precision}",
        hint="nngauge calibrate --device adb:SERIAL makes a profile of a phone",
    )  # fmt: skip


def _fits(profile: Profile, setting: Setting) -> bool:
    asked = (setting.device, setting.unit, setting.threads, setting.precision)
    return (profile.device, profile.unit, profile.threads, profile.precision) == asked


def _estimate(macs: float, setting: Setting, library: Library, profile: Profile, line: Line) -> Estimate | NoEstimate:
    if not line.smallest / _FAR <= macs <= line.largest * _FAR:
        return NoEstimate(
            quantity=Quantity.LATENCY, setting=setting, reason=Reason.TOO_FAR,
            explanation=f"{macs:.2g} MACs; networks of {line.smallest:.2g} to {line.largest:.2g} MACs were measured",
        )  # fmt: skip
    value = math.exp(line.start + line.slope * math.log(max(macs, 1.0)))
    doubts = [EstimateDoubt.OTHER_SHAPE]
    if not line.smallest <= macs <= line.largest:
        doubts.insert(0, EstimateDoubt.OUTSIDE)
    return Estimate(
        quantity=Quantity.LATENCY, setting=setting, value=value, low=value * math.exp(line.low), high=value * math.exp(line.high),
        level=_LEVEL, baseline=macs * line.constant, doubts=tuple(doubts),
        ground=Ground(
            profile=f"{profile.id}@{profile.version}", method="MACs alone, log-linear", source=library.source,
            models=line.networks, error=line.error, family_error=line.family_error, coverage=line.coverage,
        ),
    )  # fmt: skip


@cache
def _line(name: str, index: int) -> Line:
    """Least squares of the logarithms; everything that says how good it is from networks left out."""
    library = next(one for one in libraries() if one.name == name)
    profile = library.profiles[index]
    known = [
        (network.name, network.family, (math.log(network.macs), math.log(time)))
        for network, time in zip(library.networks, profile.measured, strict=True)
        if time is not None and network.macs > 0
    ]
    points = [point for _, _, point in known]
    alone = _left_out([(name, point) for name, _, point in known])
    residuals = sorted(_left_out([(family, point) for _, family, point in known]))
    start, slope = _fit(points)
    low, high = _ends(residuals)
    return Line(
        start=start, slope=slope, low=low, high=high, networks=len(points),
        error=_percentage(alone), family_error=_percentage(residuals),
        coverage=sum(low <= one <= high for one in residuals) / len(residuals),
        smallest=math.exp(min(x for x, _ in points)), largest=math.exp(max(x for x, _ in points)), constant=profile.constant,
    )  # fmt: skip


def _ends(residuals: list[float]) -> tuple[float, float]:
    """The 5th and 95th of a hundred, each one place further out."""
    cut = max(0, math.floor((1 - _LEVEL) / 2 * (len(residuals) + 1)) - 1)
    return residuals[cut], residuals[-1 - cut]


def _percentage(residuals: list[float]) -> float:
    return sum(abs(math.exp(-one) - 1) for one in residuals) / len(residuals)


def _left_out(known: list[tuple[str, tuple[float, float]]]) -> list[float]:
    """Logarithm of measured over predicted time, each network predicted by those that do not share its name here."""
    lines = {
        group: _fit([point for other, point in known if other != group] or [point for _, point in known])
        for group, _ in known
    }
    return [y - lines[group][0] - lines[group][1] * x for group, (x, y) in known]


def _fit(points: list[tuple[float, float]]) -> tuple[float, float]:
    """Start and slope; a slope of 1 where there are too few points to tell one."""
    middle_x, middle_y = (sum(axis) / len(points) for axis in zip(*points, strict=True))
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    slope = sum((x - middle_x) * (y - middle_y) for x, y in points) / spread if len(points) >= _FEW and spread else 1.0
    return middle_y - slope * middle_x, slope
