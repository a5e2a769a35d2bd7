"""A profile for a device of one's own, from ten networks that were measured on it.

The devices of the library say how times of networks go together; the new device is a weighted mixture of them
(`nngauge.estimate.mixture`). For a network that the library did not measure, the library's predictions stand for its times.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from math import exp, log, sqrt
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from nngauge.domain.cost import Cost
from nngauge.domain.estimate import Estimate, EstimateDoubt, Ground, NoEstimate, Quantity, Setting, Unit
from nngauge.errors import MalformedError, UsageError
from nngauge.estimate.features import FEATURES, features_of
from nngauge.estimate.library import Library, Profile, libraries, library
from nngauge.estimate.mixture import OTHER_CORES, OTHER_PRECISION, Mixture, graphics_mixture, mixture, net
from nngauge.estimate.prediction import doubts_of, predictor, quantile, refusal_of
from nngauge.io.whole import read_whole
from nngauge.limits import MIB

SCHEMA: Final = "nngauge.calibration/1"
METHOD: Final = "mixture of measured devices"
LEAST: Final = 5
"""Anchors without which there is no calibration."""
MOST: Final = 256
"""Calibrations that are read."""
_LONGEST: Final = 1e8
_HEAVIEST: Final = 100.0
"""Bounds of what a file may say: milliseconds; logarithms and weights."""


class Share(Struct, frozen=True, kw_only=True):
    """What a device of the library contributes."""

    profile: str
    weight: float


class Anchor(Struct, frozen=True, kw_only=True):
    """One network that was measured on the new device."""

    name: str
    measured: float
    """Milliseconds."""
    left_out: float
    """Milliseconds that the other anchors tell for it."""


class Calibration(Struct, frozen=True, kw_only=True):
    """A device that somebody measured anchors on, in one setting."""

    schema: str = SCHEMA
    setting: Setting
    title: str
    library: str
    version: int
    """Of the library."""
    offset: float
    """c, a logarithm of milliseconds."""
    floor: float = 0.0
    """Milliseconds of every inference, beside the mixture: of graphics units."""
    shares: tuple[Share, ...]
    anchors: tuple[Anchor, ...]
    constant: float
    """Milliseconds per MAC in the mean of the anchors' logarithms: the baseline."""
    made: str = ""
    """UTC time, ISO 8601."""
    tool: str = ""

    @property
    def error(self) -> float:
        """Mean absolute percentage error for an anchor that is left out."""
        return sum(abs(one.left_out / one.measured - 1.0) for one in self.anchors) / len(self.anchors)

    @property
    def deviation(self) -> float:
        """Root mean square of the logarithms of those errors."""
        return sqrt(sum(log(one.left_out / one.measured) ** 2 for one in self.anchors) / len(self.anchors))


def calibrate(
    times: Mapping[str, float], setting: Setting, data: Library, *, title: str, made: str = "", tool: str = ""
) -> Calibration:
    """The calibration from milliseconds of anchors, which are networks of the library. Raises `UsageError` with too few."""
    places = {network.name: place for place, network in enumerate(data.networks)}
    anchors = [(name, time) for name, time in sorted(times.items()) if name in places]
    if len(anchors) < LEAST:
        raise UsageError(
            f"{len(anchors)} anchors were measured, {LEAST} are needed", hint="what refused is told by nngauge measure"
        )
    used = alike(data, setting)
    rows = [[_measured(profile, places[name]) for profile in used] for name, _ in anchors]
    measured = [time for _, time in anchors]
    whole = _mixed(rows, measured, used, setting)
    left_out = [
        _mixed([*rows[:at], *rows[at + 1 :]], [*measured[:at], *measured[at + 1 :]], used, setting).time(
            rows[at], _floors(used)
        )
        for at in range(len(rows))
    ]
    ratios = [log(time / data.networks[places[name]].macs) for name, time in anchors]
    return Calibration(
        setting=setting,
        title=title,
        library=data.name,
        version=data.version,
        offset=whole.offset,
        floor=whole.floor,
        shares=tuple(
            Share(profile=profile.id, weight=weight) for profile, weight in zip(used, whole.weights, strict=True)
        ),
        anchors=tuple(
            Anchor(name=name, measured=time, left_out=other)
            for (name, time), other in zip(anchors, left_out, strict=True)
        ),
        constant=exp(sum(ratios) / len(ratios)),
        made=made,
        tool=tool,
    )


def alike(data: Library, setting: Setting) -> list[Profile]:
    """The devices of a library that a new one may be a mixture of: processors for a processor, GPUs for a GPU."""
    gpu = setting.unit is Unit.GPU
    return [
        profile
        for profile in data.profiles
        if (profile.unit is Unit.GPU) is gpu and all(time is not None for time in profile.measured)
    ]


def _mixed(
    rows: Sequence[Sequence[float]], measured: Sequence[float], used: Sequence[Profile], setting: Setting
) -> Mixture:
    """From milliseconds."""
    if setting.unit is Unit.GPU:
        return graphics_mixture(rows, _floors(used), measured)
    trusted = [trust(setting, profile) for profile in used]
    return mixture([[log(value) for value in row] for row in rows], [log(value) for value in measured], trusted)


def _floors(used: Sequence[Profile]) -> list[float]:
    """Milliseconds of every inference there; 0 on processors."""
    return [_floor(profile) for profile in used]


def _floor(profile: Profile) -> float:
    return profile.coefficients[FEATURES.index("inference")]


def trust(setting: Setting, profile: Profile) -> float:
    """How much a place of the library counts for a new one before anything is measured there."""
    same = 1.0 if profile.precision == setting.precision else OTHER_PRECISION
    return same * (1.0 if (profile.threads > 1) == (setting.threads > 1) else OTHER_CORES)


def _measured(profile: Profile, place: int) -> float:
    time = profile.measured[place]
    assert time is not None  # noqa: S101 - `alike` takes no others
    return time


def estimate_calibrated(cost: Cost, own: Calibration, level: float) -> Estimate | NoEstimate:
    """The estimate for a calibrated device: the mixture of the library's predictions.

    Half of the interval's logarithm: what the library cannot predict, in the mean of the devices that contribute, and what the
    mixture cannot explain, as the anchors that are left out tell.
    """
    data = library(own.library)
    features = features_of(cost)
    refusal = refusal_of(cost, features, own.setting, data)
    if refusal is not None:
        return refusal
    known = {profile.id: profile for profile in data.profiles}
    found = [
        (share.weight, profile, predictor(data, profile.kernel).predict(features, profile))
        for share in own.shares
        if (profile := known.get(share.profile)) is not None
    ]
    logs = sum(weight * log(net(told.value, _floor(profile))) for weight, profile, told in found)
    value = own.floor + exp(own.offset + logs)
    heaviest = max(found, key=lambda item: item[0])
    whole = sum(abs(weight) for weight, _, _ in found)
    kin = predictor(data, heaviest[1].kernel).has_kin(features)
    width = sum(abs(weight) * quantile(like, level, kin=kin) * one.deviation for weight, like, one in found) / whole
    spread = exp(sqrt(width**2 + (_normal(level) * own.deviation) ** 2))
    return Estimate(
        quantity=Quantity.LATENCY,
        setting=own.setting,
        value=value,
        low=value / spread,
        high=value * spread,
        level=level,
        ground=Ground(
            profile=f"calibrated {own.setting.device} on {own.library}@{own.version}",
            method=METHOD,
            source=f"{len(own.anchors)} anchors measured {own.made[:10]}; {data.source}",
            models=len(own.anchors),
            error=own.error,
        ),
        baseline=own.constant * features.macs,
        doubts=(*doubts_of(cost, features, data, heaviest[1]), EstimateDoubt.OTHER_DEVICE),
    )


def _normal(level: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(0.5 + level / 2.0)


def own_folder() -> Path:
    """Where calibrations are kept: ``~/.local/share/nngauge/calibrations`` or what XDG_DATA_HOME says."""
    root = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return root / "nngauge" / "calibrations"


def own_calibrations(folder: Path | None = None) -> tuple[Calibration, ...]:
    """Those in the user's folder, by name. Raises `InputError` for a file that is none, with its path."""
    place = folder or own_folder()
    if not place.is_dir():
        return ()
    return tuple(read_calibration(file) for file in sorted(place.glob("*.json"))[:MOST])


def read_calibration(file: Path) -> Calibration:
    """One that `nngauge calibrate` wrote. Raises `UnreadableError`, `LimitError` and `MalformedError`."""
    try:
        found = msgspec.json.decode(read_whole(file, MIB, "the calibration"), type=Calibration)
    except msgspec.MsgspecError as error:
        raise MalformedError(f"is no calibration: {error}", where=str(file)) from None
    if found.schema != SCHEMA:
        raise MalformedError(f"is {found.schema}, not {SCHEMA}", where=str(file))
    problem = _problem(found)
    if problem:
        raise MalformedError(problem, where=str(file), hint="nngauge calibrate makes a new one")
    return found


def _problem(found: Calibration) -> str:
    """What is wrong with numbers that somebody else may have written; empty: nothing."""
    shipped = [data for data in libraries() if data.name == found.library]
    if not shipped or shipped[0].version != found.version:
        return f"rests on the library {found.library}@{found.version}, which is not here"
    known = {profile.id for profile in shipped[0].profiles}
    if not found.shares or any(share.profile not in known for share in found.shares):
        return "has shares of profiles that are not in the library"
    numbers = [found.offset, *(share.weight for share in found.shares)]
    times = [found.constant, *(time for one in found.anchors for time in (one.measured, one.left_out))]
    if len(found.anchors) < LEAST or not all(0.0 < time < _LONGEST for time in times):
        return f"needs {LEAST} anchors with times"
    told = 0.0 <= found.floor < _LONGEST and all(abs(number) < _HEAVIEST for number in numbers)
    return "" if told else "has weights that no measurement gives"
