"""Which profile answers a question, and what is said when none does."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from nngauge.domain.analysis import Analysis
from nngauge.domain.cost import Cost
from nngauge.domain.estimate import Estimate, EstimateDoubt, NoEstimate, Quantity, Reason, Setting, Unit
from nngauge.estimate.calibration import Calibration, estimate_calibrated
from nngauge.estimate.library import Library, Profile, libraries
from nngauge.estimate.prediction import estimate_latency

CORES: Final = (Unit.BIG, Unit.MIDDLE, Unit.LITTLE)
"""Fastest first."""


class DeviceCard(Struct, frozen=True, kw_only=True):
    """A device that has profiles."""

    id: str
    title: str
    settings: tuple[Setting, ...]


def profiles() -> tuple[Profile, ...]:
    """All profiles that are shipped."""
    return tuple(profile for library in libraries() for profile in library.profiles)


def devices(calibrations: Sequence[Calibration] = ()) -> tuple[DeviceCard, ...]:
    """The devices that have profiles, with every setting, in the order of the libraries; own ones last."""
    found: dict[str, tuple[str, list[Setting]]] = {}
    for library in libraries():
        for profile in library.profiles:
            title, known = found.setdefault(profile.device, (profile.title, []))
            known.append(_setting(library, profile))
    for own in calibrations:
        _title, known = found.setdefault(own.setting.device, (own.title, []))
        known.append(own.setting)
    return tuple(DeviceCard(id=name, title=title, settings=tuple(known)) for name, (title, known) in found.items())


def _setting(library: Library, profile: Profile) -> Setting:
    return Setting(
        device=profile.device,
        unit=profile.unit,
        threads=profile.threads,
        precision=profile.precision,
        runtime=library.runtime,
    )


def settings(
    device: str, threads: int, *, unit: Unit | None = None, precision: str = "float32",
    calibrations: Sequence[Calibration] = (),
) -> Setting:  # fmt: skip
    """The setting that is meant where no unit is told: so many of the fastest cores that have a profile.

    Where none has one, that of the big cores, for which `estimate` then says why not.
    """
    if unit is not None:
        return Setting(
            device=device, unit=unit, threads=1 if unit in (Unit.GPU, Unit.NPU) else threads, precision=precision
        )
    known = [own for card in devices(calibrations) if card.id == device for own in card.settings]
    for core in CORES:
        if any((own.unit, own.threads, own.precision) == (core, threads, precision) for own in known):
            return Setting(device=device, unit=core, threads=threads, precision=precision)
    return Setting(device=device, unit=Unit.BIG, threads=threads, precision=precision)


def estimate(
    subject: Cost | Analysis, setting: Setting, *, level: float = 0.9, calibrations: Sequence[Calibration] = ()
) -> Estimate | NoEstimate:
    """Latency of one inference in a setting, in milliseconds; or why it cannot be told.

    `level`: share of cases in which the truth should lie in the interval (0.5, 0.8, 0.9 or 0.95; others are rounded up).
    `calibrations`: devices that the user calibrated; they come before those that are shipped.
    """
    cost = subject.cost if isinstance(subject, Analysis) else subject
    for own in calibrations:
        if _fits(setting, own.setting):
            return _with_runtime(subject, estimate_calibrated(cost, own, level), own.setting.runtime)
    for library in libraries():
        for profile in library.profiles:
            known = _setting(library, profile)
            if _fits(setting, known):
                return _with_runtime(subject, estimate_latency(cost, known, library, profile, level), library.runtime)
    return _no_profile(setting, calibrations)


def _fits(asked: Setting, known: Setting) -> bool:
    same = (asked.device, asked.unit, asked.threads, asked.precision)
    return same == (known.device, known.unit, known.threads, known.precision) and asked.runtime in ("", known.runtime)


def _with_runtime(subject: Cost | Analysis, told: Estimate | NoEstimate, runtime: str) -> Estimate | NoEstimate:
    """Doubted where the model's own runtime is another than the profile's."""
    if isinstance(subject, Cost) or isinstance(told, NoEstimate) or subject.model.format == runtime:
        return told
    return replace(told, doubts=(*told.doubts, EstimateDoubt.OTHER_RUNTIME))


def _no_profile(setting: Setting, calibrations: Sequence[Calibration]) -> NoEstimate:
    cards = {card.id: card for card in devices(calibrations)}
    hint = "nngauge calibrate --device adb:SERIAL makes a profile of a phone"

    def none(reason: Reason, explanation: str, hint: str = hint) -> NoEstimate:
        return NoEstimate(quantity=Quantity.LATENCY, setting=setting, reason=reason, explanation=explanation, hint=hint)

    card = cards.get(setting.device)
    if card is None:
        near = get_close_matches(setting.device.lower(), cards, n=3, cutoff=0.5)
        return none(
            Reason.NO_DEVICE,
            f"no profile of {setting.device!r}",
            f"nearest names: {', '.join(near)}"
            if near
            else f"there are profiles of {', '.join(sorted(cards)[:8])}; {hint}",
        )
    known = [own for own in card.settings if setting.runtime in ("", own.runtime)]
    if not any(own.unit is setting.unit for own in known):
        units = ", ".join(dict.fromkeys(own.unit.value for own in known))
        return none(
            Reason.NO_UNIT, f"no profile of its {setting.unit.value}", f"it has: {units or 'none of this runtime'}"
        )
    known = [own for own in known if own.unit is setting.unit]
    if not any(own.precision == setting.precision for own in known):
        able = ", ".join(sorted({own.precision for own in known}))
        return none(
            Reason.NO_PRECISION, f"no {setting.precision} profile of its {setting.unit.value}", f"it has: {able}"
        )
    counts = ", ".join(str(own.threads) for own in known if own.precision == setting.precision)
    return none(
        Reason.NO_PROFILE, f"no measurements with {setting.threads} threads on its {setting.unit.value}",
        f"it has: {counts}",
    )  # fmt: skip
