"""Latency of a network in a place: work by kind × coefficients, corrected by what networks like it showed, with an interval.

The correction is the mean of a Gaussian process over residual logarithms; its deviation grows with the distance from every
network that was measured, and the interval with it. Interval widths are conformal: the quantile of |error| / deviation for
networks that were left out (Papadopoulos et al., Inductive confidence machines for regression, 2002), one for networks of which
kin was measured and one for the others (Vovk, Conditional validity of inductive conformal predictors, 2012).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import exp, inf, log
from typing import Final, NamedTuple

from nngauge.domain.cost import Cost
from nngauge.domain.estimate import (
    Estimate,
    EstimateDoubt,
    Ground,
    NoEstimate,
    Quantity,
    Reason,
    Setting,
)
from nngauge.estimate.features import Features, features_of
from nngauge.estimate.last import Last
from nngauge.estimate.library import Kernel, Library, Profile
from nngauge.estimate.regression import Process, Vector, located
from nngauge.units import format_count

METHOD: Final = "work by kind + Gaussian process of residuals"
REFUSED: Final = 0.1
"""Share of the work in operators that no training network has, from which there is no estimate."""
_MEASURE: Final = "nngauge measure --device adb:SERIAL measures it"
_FAR: Final = 10.0
"""Times smaller than the smallest training network, or larger than the largest, at which there is no estimate."""
_USUAL: Final = 0.9
"""Share of the training networks that have one of another family nearer than what is called an unlike mix."""


class Prediction(NamedTuple):
    """Milliseconds, before they are told as an estimate."""

    value: float
    deviation: float
    """Of the logarithm."""
    baseline: float


class Predictor:
    """The networks of a library with one kernel, ready to predict."""

    def __init__(self, library: Library, kernel: Kernel) -> None:
        self.library = library
        self.points = [located(network.values, library.space) for network in library.networks]
        self.locate = Last[Features, Vector](lambda features: located(features.values, library.space))
        self.distance = Last[Vector, float](lambda at: nearest(at, self.points))
        self._process = Process(self.points, kernel)
        self._weights: dict[str, tuple[float, ...]] = {}

    def predict(self, features: Features, profile: Profile) -> Prediction:
        """One network in one place."""
        if profile.id not in self._weights:
            self._weights[profile.id] = self._process.weights(self._residuals(profile))
        place = self._process.place(self.locate(features), self._weights[profile.id])
        value = work(features.values, profile.coefficients) * exp(place.mean)
        return Prediction(value, place.deviation, profile.constant * features.macs)

    def has_kin(self, features: Features) -> bool:
        """Whether a measured network is as near as networks of one family are to each other."""
        return self.distance(self.locate(features)) <= self.library.space.kinship

    @cached_property
    def reach(self) -> float:
        """Squared distance within which nearly every network has one of another family."""
        families = [network.family for network in self.library.networks]
        reaches = []
        for point, family in zip(self.points, families, strict=True):
            others = [other for other, name in zip(self.points, families, strict=True) if name != family]
            reaches.append(nearest(point, others))
        return sorted(reaches)[int(_USUAL * (len(reaches) - 1))] if reaches else inf

    def _residuals(self, profile: Profile) -> list[float]:
        return [
            log(measured / work(network.values, profile.coefficients)) if measured is not None else 0.0
            for network, measured in zip(self.library.networks, profile.measured, strict=True)
        ]


def work(values: Sequence[float], coefficients: Sequence[float]) -> float:
    """Milliseconds of the work alone, at least a microsecond."""
    return max(sum(value * price for value, price in zip(values, coefficients, strict=True)), 1e-3)


_FEATURES: Final = Last(features_of)
_PREDICTORS: Final[dict[tuple[str, int], Predictor]] = {}


def predictor(data: Library, kernel: int) -> Predictor:
    """Made once for each kernel of a library, which is known by its name."""
    made = _PREDICTORS.get((data.name, kernel))
    if made is None or made.library is not data:
        made = _PREDICTORS[data.name, kernel] = Predictor(data, data.kernels[kernel])
    return made


def quantile(profile: Profile, level: float, *, kin: bool = False) -> float:
    """Deviations to each side that hold a share of the truths; the next wider one that the profile has.

    `kin`: of networks of which kin was measured.
    """
    table = profile.conformal
    for known, width in zip(table.levels, table.kin if kin else table.quantiles, strict=True):
        if known >= level - 1e-9:
            return width
    return inf


def estimate_latency(
    cost: Cost, setting: Setting, library: Library, profile: Profile, level: float
) -> Estimate | NoEstimate:
    """The estimate for a place that has a profile; none for operators that no training network has."""
    features = _FEATURES(cost)
    refusal = refusal_of(cost, features, setting, library)
    if refusal is not None:
        return refusal
    known = predictor(library, profile.kernel)
    found = known.predict(features, profile)
    spread = exp(quantile(profile, level, kin=known.has_kin(features)) * found.deviation)
    return Estimate(
        quantity=Quantity.LATENCY,
        setting=setting,
        value=found.value,
        low=found.value / spread,
        high=found.value * spread,
        level=level,
        ground=ground_of(library, profile),
        baseline=found.baseline,
        doubts=doubts_of(cost, features, library, profile),
    )


def ground_of(library: Library, profile: Profile) -> Ground:
    """What estimates of a profile rest on."""
    return Ground(
        profile=f"{profile.id}@{profile.version}",
        method=METHOD,
        source=library.source,
        models=sum(1 for measured in profile.measured if measured is not None),
        error=profile.errors.model,
        family_error=profile.errors.family,
        coverage=profile.errors.coverage,
    )


def refusal_of(cost: Cost, features: Features, setting: Setting, library: Library) -> NoEstimate | None:
    """Why there is no estimate for a network, whatever the device."""

    def none(reason: Reason, explanation: str, hint: str = "") -> NoEstimate:
        return NoEstimate(quantity=Quantity.LATENCY, setting=setting, reason=reason, explanation=explanation, hint=hint)

    if isinstance(cost.macs, str):
        return none(
            Reason.NOT_COUNTED,
            f"the cost depends on open dimensions: {cost.macs[:60]} MACs",
            "--input NAME=1x224x224x3",
        )
    strange = {name: share for name, share in features.unseen.items() if share >= REFUSED}
    if strange:
        parts = ", ".join(f"{name} ({share:.0%} of the work)" for name, share in sorted(strange.items()))
        return none(Reason.OPERATORS, f"no training network has {parts}", _MEASURE)
    if cost.macs is None or not features.macs:
        return none(Reason.NOT_COUNTED, "no layer with multiply-accumulates could be counted", "nngauge show tells why")
    sizes = [network.macs for network in library.networks]
    if not min(sizes) / _FAR <= features.macs <= max(sizes) * _FAR:
        span = f"{format_count(int(min(sizes)))} to {format_count(int(max(sizes)))}"
        return none(
            Reason.TOO_FAR, f"{format_count(int(features.macs))} MACs; networks of {span} MACs were measured", _MEASURE
        )
    return None


def doubts_of(cost: Cost, features: Features, library: Library, profile: Profile) -> tuple[EstimateDoubt, ...]:
    """Why an estimate should be believed less than its interval says."""
    macs = [network.macs for network in library.networks]
    known = predictor(library, profile.kernel)
    doubts = []
    if features.unseen:
        doubts.append(EstimateDoubt.UNSEEN_OPERATORS)
    if not min(macs) <= features.macs <= max(macs):
        doubts.append(EstimateDoubt.OUTSIDE)
    if known.distance(known.locate(features)) > known.reach:
        doubts.append(EstimateDoubt.OTHER_SHAPE)
    if cost.lower_bound or features.uncounted:
        doubts.append(EstimateDoubt.LOWER_BOUND)
    if cost.assumptions:
        doubts.append(EstimateDoubt.DYNAMIC)
    return tuple(doubts)


def nearest(at: Sequence[float], points: Sequence[Sequence[float]]) -> float:
    """Squared distance to the nearest point."""
    return min(
        (sum((left - right) ** 2 for left, right in zip(at, point, strict=True)) for point in points), default=inf
    )
