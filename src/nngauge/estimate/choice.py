"""Which profile answers a question, and what is said when none does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from nngauge.domain.analysis import Analysis
from nngauge.domain.cost import Cost
from nngauge.domain.estimate import Estimate, EstimateDoubt, NoEstimate, Quantity, Reason, Setting, Unit
from nngauge.estimate import npu
from nngauge.estimate.calibration import Calibration, estimate_calibrated
from nngauge.estimate.library import Library, Profile, libraries
from nngauge.estimate.prediction import estimate_latency
from nngauge.estimate.scaling import scaled
from nngauge.knowledge import phones

CORES: Final = (Unit.BIG, Unit.MIDDLE, Unit.LITTLE)
"""Fastest first."""
_CALIBRATE: Final = "nngauge calibrate --device adb:SERIAL makes a profile of a phone"


class DeviceCard(Struct, frozen=True, kw_only=True):
    """A device, or a chip, that has profiles."""

    id: str
    title: str
    settings: tuple[Setting, ...]


class Candidate(Struct, frozen=True):
    """A profile that may answer for a device."""

    setting: Setting
    """That of the profile, with the device that was asked for."""
    source: tuple[Library, Profile] | Calibration
    same: bool
    """It was measured on this device, not on another with the chip."""


def profiles() -> tuple[Profile, ...]:
    """All profiles that are shipped."""
    return tuple(profile for library in libraries() for profile in library.profiles)


def devices(calibrations: Sequence[Calibration] = ()) -> tuple[DeviceCard, ...]:
    """What has profiles, with every setting: own devices first, then those of the libraries in their order."""
    found: dict[str, tuple[str, list[Setting]]] = {}
    for own in calibrations:
        found.setdefault(own.setting.device, (own.title, []))[1].append(own.setting)
    for library in libraries():
        for profile in library.profiles:
            found.setdefault(profile.device, (profile.title, []))[1].append(_setting(library, profile, profile.device))
    return tuple(DeviceCard(id=name, title=title, settings=tuple(known)) for name, (title, known) in found.items())


def candidates(device: str, calibrations: Sequence[Calibration] = ()) -> list[Candidate]:
    """Everything that may answer for a device or chip of this name: own calibrations, its own profiles, those of its chip."""
    phone, soc = phones.find(device), phones.find_soc(device)
    name = phone.id if phone else soc.id if soc else device
    chips = (*(phone.socs if phone else ()), *((soc.id,) if soc else ()))
    found = [Candidate(own.setting, own, True) for own in calibrations if own.setting.device in (device, name)]  # noqa: FBT003
    shipped = [(library, profile) for library in libraries() for profile in library.profiles]
    for same in (True, False):
        for library, profile in shipped:
            if (profile.device in (device, name)) is same and (same or profile.soc in chips):
                found.append(Candidate(_setting(library, profile, name), (library, profile), same))
    return found


def _setting(library: Library, profile: Profile, device: str) -> Setting:
    return Setting(
        device=device, unit=profile.unit, threads=profile.threads, precision=profile.precision, runtime=library.runtime
    )


def fastest(
    device: str,
    threads: int,
    *,
    precision: str = "float32",
    runtime: str = "",
    calibrations: Sequence[Calibration] = (),
) -> Setting:
    """The setting that is meant where no unit is told: so many of the fastest cores for which there is a profile.

    Where there is none, that of the big cores, for which `estimate` then says why not.
    """
    known = [one.setting for one in candidates(device, calibrations)]
    wanted = [
        Setting(device=device, unit=core, threads=threads, precision=precision, runtime=runtime) for core in CORES
    ]
    return next((setting for setting in wanted if any(_fits(setting, one) for one in known)), wanted[0])


def estimate(
    subject: Cost | Analysis,
    setting: Setting,
    *,
    form: str = "",
    level: float = 0.9,
    calibrations: Sequence[Calibration] = (),
) -> Estimate | NoEstimate:
    """Latency of one inference in a setting, in milliseconds; or why it cannot be told.

    `form`: the model's format, which an analysis brings along: another than the profile's runtime is doubted.
    `level`: share of cases in which the truth should lie in the interval (0.5, 0.8, 0.9 or 0.95; others are rounded up).
    `calibrations`: devices that the user calibrated; they come before those that are shipped. Neural processors have a model
    of their own (`nngauge.estimate.npu`). One big core that nobody measured is scaled from another's where its speed is known.
    """

    def ask(one: Setting) -> Estimate | NoEstimate:
        return _profiled(subject, one, form, level, calibrations)

    told = ask(setting)
    if isinstance(told, Estimate) or told.reason is not Reason.NO_PROFILE:
        return told
    phone = phones.find(setting.device)
    soc = phones.chip(phone) if phone else phones.find_soc(setting.device)
    return (scaled(ask, soc, setting) if soc else None) or told


def _profiled(
    subject: Cost | Analysis, setting: Setting, form: str, level: float, calibrations: Sequence[Calibration]
) -> Estimate | NoEstimate:
    """By a profile of the device or its chip."""
    if setting.unit is Unit.NPU:
        return npu.estimate(subject.cost if isinstance(subject, Analysis) else subject, setting)
    known = candidates(setting.device, calibrations)
    chosen = next((one for one in known if _fits(setting, one.setting)), None)
    if chosen is None:
        return _none(setting, known)
    cost = subject.cost if isinstance(subject, Analysis) else subject
    if isinstance(chosen.source, Calibration):
        told = estimate_calibrated(cost, chosen.source, level)
    else:
        told = estimate_latency(cost, chosen.setting, *chosen.source, level)
    if isinstance(told, NoEstimate):
        return told
    form = subject.model.format if isinstance(subject, Analysis) else form
    return replace(told, doubts=tuple(dict.fromkeys((*told.doubts, *_doubts(form, chosen)))))


def _fits(asked: Setting, known: Setting) -> bool:
    """Apart from the device."""
    same = (asked.unit, asked.threads, asked.precision) == (known.unit, known.threads, known.precision)
    return same and asked.runtime in ("", known.runtime)


def _doubts(form: str, chosen: Candidate) -> Iterator[EstimateDoubt]:
    if not chosen.same:
        yield EstimateDoubt.OTHER_DEVICE
    if form not in ("", chosen.setting.runtime):
        yield EstimateDoubt.OTHER_RUNTIME


def _none(setting: Setting, candidates: Sequence[Candidate]) -> NoEstimate:
    """Says what is missing, the first of: the device, its unit, the precision, the number of threads."""

    def none(reason: Reason, explanation: str, hint: str) -> NoEstimate:
        return NoEstimate(quantity=Quantity.LATENCY, setting=setting, reason=reason, explanation=explanation, hint=hint)

    known = [one.setting for one in candidates if setting.runtime in ("", one.setting.runtime)]
    if not known:
        return _unknown(setting, none)
    fitting = [own for own in known if own.unit is setting.unit]
    if not fitting:
        units = ", ".join(dict.fromkeys(own.unit.value for own in known))
        return none(Reason.NO_UNIT, f"no profile of its {setting.unit.value}", f"it has: {units}")
    precise = [own for own in fitting if own.precision == setting.precision]
    if not precise:
        able = ", ".join(sorted({own.precision for own in fitting}))
        return none(
            Reason.NO_PRECISION, f"no {setting.precision} profile of its {setting.unit.value}", f"it has: {able}"
        )
    counts = ", ".join(str(count) for count in sorted({own.threads for own in precise}))
    return none(
        Reason.NO_PROFILE,
        f"never measured with {setting.threads} threads on its {setting.unit.value}s",
        f"--threads {counts}",
    )


def _instead(setting: Setting) -> str:
    known = npu.known(setting.device)
    return f"--unit npu has times of its neural processor; {_CALIBRATE}" if known else _CALIBRATE


def _unknown(setting: Setting, none: Callable[[Reason, str, str], NoEstimate]) -> NoEstimate:
    phone = phones.find(setting.device)
    if phone is not None:
        chip = phones.chip(phone)
        return none(
            Reason.NO_PROFILE,
            f"no {setting.unit.value} of {phone.name} was measured" + (f", nor of another {chip.name}" if chip else ""),
            _instead(setting),
        )
    soc = phones.find_soc(setting.device)
    if soc is not None:
        return none(Reason.NO_PROFILE, f"no {setting.unit.value} of {soc.name} was measured", _instead(setting))
    near = phones.close(setting.device)
    return none(
        Reason.NO_DEVICE,
        f"no device is called {setting.device!r}",
        f"nearest: {', '.join(near)}" if near else "nngauge estimate --list tells which devices have profiles",
    )
