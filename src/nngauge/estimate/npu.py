"""Latency on the neural processors of Snapdragon chips, from the measured rows of Qualcomm's AI Hub model catalogue.

The time of each layer comes from coefficients of its kind of work, scaled for the device; what networks like it took more or
less than that corrects it (a Gaussian process over residuals). Intervals are the quantiles of errors for networks that were
left out, wider for those that no training network is like. docs/estimates-npu-llm.md says how far off it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from math import exp, log
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from nngauge.domain.cost import Cost
from nngauge.domain.estimate import Estimate, EstimateDoubt, Ground, NoEstimate, Quantity, Reason, Setting, Unit
from nngauge.estimate.last import Last
from nngauge.estimate.npu_cost import Factors, Speeds, coordinates, mean, similarity, total
from nngauge.estimate.npu_work import Item, Work, work_of
from nngauge.knowledge import phones
from nngauge.knowledge.phones import Tier

METHOD: Final = "layers by kind of work + Gaussian process of residuals"
PRECISIONS: Final[Mapping[str, str]] = {
    "float32": "float", "float16": "float", "float": "float", "int8": "w8a8", "w8a8": "w8a8", "uint8": "w8a8",
    "w8a16": "w8a16", "int16": "w8a16",
}  # fmt: skip
"""What precisions of settings are called in the rows. Floats are computed with 16 bits there."""
_FILE: Final = Path(__file__).with_name("profiles") / "npu.json"
_HEXAGON: Final = re.compile(r"Hexagon v(\d+)", re.ASCII)
_KINDS: Final = {Tier.HIGH: "flagship"}
"""Tiers of chips whose rows may stand for another's: those of the middle are up to five times apart."""
_OLDEST: Final = 69
"""Generation of the oldest flagship with rows: older ones do not compute with floats, and would be extrapolated."""
_MOST: Final = 10**18
"""Multiply-accumulates beyond which a file does not describe a model that runs."""
_REACH: Final = 3.0
"""Generations over which the weight of a device of the same kind falls to 1/e."""
_MEASURE: Final = "nngauge measure --device adb:SERIAL --delegate npu measures it"


class NpuDevice(Struct, frozen=True, kw_only=True):
    """One device with rows."""

    id: str
    name: str
    """As the catalogue calls it."""
    chips: tuple[str, ...]
    hexagon: int
    """Generation of the tensor unit."""
    kind: str
    """flagship, middle, pc, embedded."""
    factors: Mapping[str, Factors]
    """Precision → what it takes times the reference."""
    call: float
    """Milliseconds of one inference before any layer."""
    constants: Mapping[str, float]
    """Precision → milliseconds of 10⁹ multiply-accumulates, if nothing else is known."""


class Runtime(Struct, frozen=True, kw_only=True):
    """What a runtime takes times the reference."""

    calls: float
    start: Mapping[str, float]
    """Of the milliseconds before any layer."""
    whole: Mapping[str, float]


class Point(Struct, frozen=True, kw_only=True, array_like=True):
    """One training network in one precision."""

    network: str
    precision: str
    place: tuple[float, ...]
    weight: float
    runtimes: tuple[float, ...]
    """What it weighs more in each runtime, in the profile's order."""
    devices: tuple[float, ...]
    """What it weighs more on each device, in the profile's order."""


class Width(Struct, frozen=True, kw_only=True):
    """How wide the interval is where the most similar training network is at least this similar."""

    similarity: float
    factor: float
    """Interval: value ÷ factor to value × factor, at 90 %."""


class Errors(Struct, frozen=True, kw_only=True):
    """Median absolute errors of one precision, and how many left-out rows lay in their intervals."""

    model: float
    family: float
    device: float
    macs: float
    coverage: float


class Balance(Struct, frozen=True, kw_only=True):
    """Pairs of rows of one network in floats and in integers."""

    device: str
    runtime: str
    precision: str
    cases: int
    slower: int
    gain: float
    """Median of float time ÷ integer time."""


class Profile(Struct, frozen=True, kw_only=True):
    """All that is known about neural processors."""

    id: str
    source: str
    rows: int
    networks: int
    speeds: Mapping[str, Speeds]
    devices: tuple[NpuDevice, ...]
    runtimes: Mapping[str, Runtime]
    lengths: tuple[float, ...]
    """Of the Gaussian process's kernel, for each group of coordinates."""
    cross: Mapping[str, Mapping[str, float]]
    """Similarity of a network to itself in another precision."""
    points: tuple[Point, ...]
    widths: tuple[Width, ...]
    other_device: float
    """Factor by which the interval is wider where the device itself has no rows."""
    errors: Mapping[str, Errors]
    largest: tuple[float, float]
    """Smallest and largest training network, in 10⁹ multiply-accumulates."""
    balances: tuple[Balance, ...]


class Int8Risk(Struct, frozen=True, kw_only=True):
    """How often integers were slower than floats on a neural processor."""

    cases: int
    slower: int
    gain: float
    """Median of float time ÷ integer time."""
    source: str

    @property
    def share(self) -> float:
        """Of the cases; 0 without any."""
        return self.slower / self.cases if self.cases else 0.0


@cache
def profile() -> Profile:
    """The profile that is shipped."""
    return msgspec.json.decode(_FILE.read_bytes(), type=Profile)


def int8_risk(device: str = "", runtime: str = "", precision: str = "w8a8") -> Int8Risk:
    """Share of measured networks that were slower in 8-bit integers than in floats: on one device, in one runtime, or on all.

    `precision`: ``w8a8``, or ``w8a16`` for activations of 16 bits.
    """
    known = profile()
    found = [
        balance
        for balance in known.balances
        if balance.precision == precision
        and (not device or balance.device == device)
        and (not runtime or balance.runtime == runtime)
    ]
    cases = sum(balance.cases for balance in found)
    gains = sorted((balance.gain, balance.cases) for balance in found)
    return Int8Risk(
        cases=cases, slower=sum(balance.slower for balance in found), gain=_middle(gains), source=known.source
    )


def estimate(cost: Cost, setting: Setting) -> Estimate | NoEstimate:
    """Milliseconds of one inference on the neural processor of `setting.device`."""
    known = profile()
    precision = PRECISIONS.get(setting.precision)
    if precision is None or precision not in known.speeds:
        return _none(setting, Reason.NO_PRECISION, f"No rows of neural processors are in {setting.precision}.")
    runtime = setting.runtime or "qnn_dlc"
    if runtime not in known.runtimes:
        names = ", ".join(sorted(known.runtimes))
        return _none(setting, Reason.NO_PROFILE, f"No rows of neural processors are from {runtime}: there are {names}.")
    devices, exact = _devices(setting.device)
    if not devices:
        return _no_device(setting)
    items = _WORK(cost.layers)
    if not items or not isinstance(cost.macs, int) or not 0 < cost.macs < _MOST:
        return _none(setting, Reason.NOT_COUNTED, "The multiply-accumulates of the model are not known.")
    middle, near = _predicted(items, precision, runtime, devices)
    width = _width(near) * (1.0 if exact else known.other_device)
    errors = known.errors[precision]
    return Estimate(
        quantity=Quantity.LATENCY,
        setting=setting,
        value=middle,
        low=middle / width,
        high=middle * width,
        ground=Ground(
            profile=known.id,
            method=METHOD,
            source=known.source,
            models=known.networks,
            error=errors.model if exact else errors.device,
            family_error=errors.family,
            coverage=errors.coverage,
        ),
        baseline=_baseline(cost.macs, precision, devices),
        doubts=tuple(_doubts(cost, items, near, exact=exact)),
    )


def _predicted(
    items: Sequence[Item], precision: str, runtime: str, devices: Sequence[tuple[NpuDevice, float]]
) -> tuple[float, float]:
    """Milliseconds, and the similarity of the most similar training network."""
    known = profile()
    speeds = known.speeds[precision]
    factors = mean([(device.factors[precision], weight) for device, weight in devices])
    factors = msgspec.structs.replace(factors, calls=factors.calls * known.runtimes[runtime].calls)
    spent = known.runtimes[runtime]
    call = sum(device.call * weight for device, weight in devices) * spent.start[precision]
    places = _SIMILARITIES(items)
    if precision not in places:
        places[precision] = _similarities(coordinates(items, speeds), precision)
    shift = _shift(places[precision], runtime, devices)
    return (total(items, speeds, factors) + call) * spent.whole[precision] * exp(shift), max(places[precision])


def _similarities(place: Sequence[float], precision: str) -> tuple[float, ...]:
    """To each training network."""
    known = profile()
    return tuple(
        similarity(place, point.place, known.lengths) * known.cross[precision][point.precision]
        for point in known.points
    )


def _shift(alike: Sequence[float], runtime: str, devices: Sequence[tuple[NpuDevice, float]]) -> float:
    """What networks like it took more or less than their layers, there, as a logarithm."""
    known = profile()
    column, ids = list(known.runtimes).index(runtime), [device.id for device in known.devices]
    shares = [(ids.index(device.id), weight) for device, weight in devices]
    return sum(
        near * (point.weight + point.runtimes[column] + sum(point.devices[index] * share for index, share in shares))
        for near, point in zip(alike, known.points, strict=True)
    )


_WORK: Final = Last(work_of)
_SIMILARITIES: Final = Last[Sequence[Item], dict[str, tuple[float, ...]]](lambda _: {})
"""Of one network, by precision: the same on all devices."""


def _baseline(macs: int, precision: str, devices: Sequence[tuple[NpuDevice, float]]) -> float | None:
    """Multiply-accumulates × the constant of the devices that have one in this precision."""
    known = [(log(device.constants[precision]), weight) for device, weight in devices if precision in device.constants]
    whole = sum(weight for _, weight in known)
    return macs / 1e9 * exp(sum(value * weight for value, weight in known) / whole) if known else None


def _width(near: float) -> float:
    """Factor of the interval: the one of the nearest class."""
    for width in profile().widths:
        if near >= width.similarity:
            return width.factor
    return profile().widths[-1].factor


def known(device: str) -> bool:
    """Are there times of its neural processor, or of one of its generation?"""
    return bool(_devices(device)[0])


def _devices(name: str) -> tuple[tuple[tuple[NpuDevice, float], ...], bool]:
    """Devices whose rows stand for this one with their weights, and whether it is itself or has the same chip."""
    known = profile().devices
    phone = phones.find(name)
    chips = [phones.find_soc(chip) for chip in phone.socs] if phone is not None else [phones.find_soc(name)]
    ids = {chip.id for chip in chips if chip is not None}
    named = [device for device in known if name in (device.id, device.name) or (phone and device.id == phone.id)]
    same = named or [device for device in known if ids & set(device.chips)]
    if same:
        return tuple((device, 1.0 / len(same)) for device in same), True
    for chip in chips:
        found = _HEXAGON.search(chip.npu or "") if chip is not None else None
        kind = _KINDS.get(chip.tier) if chip is not None and chip.tier is not None else None
        if found and kind and int(found[1]) >= _OLDEST:
            return _alike(kind, int(found[1])), False
    return (), False


def _alike(kind: str, generation: int) -> tuple[tuple[NpuDevice, float], ...]:
    """Devices of a kind, those of near generations counting more."""
    found = [
        (device, exp(-abs(device.hexagon - generation) / _REACH)) for device in profile().devices if device.kind == kind
    ]
    whole = sum(weight for _, weight in found)
    return tuple((device, weight / whole) for device, weight in found)


def _no_device(setting: Setting) -> NoEstimate:
    phone = phones.find(setting.device)
    if phone is None and phones.find_soc(setting.device) is None:
        return _none(setting, Reason.NO_DEVICE, f"{setting.device} is not in the knowledge base.")
    return _none(
        setting,
        Reason.NO_PROFILE,
        f"No rows are from the neural processor of {setting.device}, nor from one of its generation.",
    )


def _doubts(cost: Cost, items: Sequence[Item], near: float, *, exact: bool) -> list[EstimateDoubt]:
    known = profile()
    doubts = [] if exact else [EstimateDoubt.OTHER_DEVICE]
    if near < known.widths[1].similarity:
        doubts.append(EstimateDoubt.OTHER_SHAPE)
    macs = (cost.macs if isinstance(cost.macs, int) else 0) / 1e9
    if not known.largest[0] <= macs <= known.largest[1]:
        doubts.append(EstimateDoubt.OUTSIDE)
    if any(item.work in {Work.RECURRENT, Work.OTHER} for item in items):
        doubts.append(EstimateDoubt.UNSEEN_OPERATORS)
    if cost.lower_bound:
        doubts.append(EstimateDoubt.LOWER_BOUND)
    return doubts


def _none(setting: Setting, reason: Reason, explanation: str) -> NoEstimate:
    unit = "" if setting.unit is Unit.NPU else f" ({setting.unit.value} was asked for)"
    return NoEstimate(
        quantity=Quantity.LATENCY, setting=setting, reason=reason, explanation=explanation + unit, hint=_MEASURE
    )


def _middle(weighted: Sequence[tuple[float, int]]) -> float:
    """Weighted median; 1 of nothing."""
    half = sum(weight for _, weight in weighted) / 2
    for value, weight in weighted:
        half -= weight
        if half <= 0:
            return value
    return 1.0
