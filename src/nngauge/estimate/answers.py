"""One model in the settings that were asked for: time, energy and what the wait means, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from nngauge.domain.cost import Cost
from nngauge.domain.estimate import Estimate, NoEstimate, Reason, Setting, Unit
from nngauge.estimate.calibration import Calibration
from nngauge.estimate.choice import estimate, fastest
from nngauge.estimate.energy import energy
from nngauge.estimate.features import precision_of
from nngauge.estimate.scaling import scaled
from nngauge.estimate.verdict import Verdict, verdicts
from nngauge.knowledge import phones


class Answer(Struct, frozen=True, kw_only=True):
    """One setting."""

    latency: Estimate | NoEstimate
    energy: Estimate | NoEstimate | None = None
    """Modelled; None where the time is not known."""
    verdicts: tuple[Verdict, ...] = ()
    """Of both ends of the interval, one where they agree."""


class ModelAnswers(Struct, frozen=True, kw_only=True):
    """One model."""

    name: str
    format: str
    macs: int | None
    answers: tuple[Answer, ...]


class Answers(Struct, frozen=True, kw_only=True):
    """All that one `nngauge estimate` says."""

    schema: str = "nngauge.estimates/1"
    models: tuple[ModelAnswers, ...]


class Asked(Struct, frozen=True, kw_only=True):
    """What is to be told of each model."""

    devices: tuple[str, ...]
    threads: tuple[int, ...] = (1,)
    units: tuple[Unit, ...] = ()
    """Empty: the fastest cores that have a profile."""
    precision: str = ""
    """Empty: the model's own."""
    runtime: str = ""
    level: float = 0.9


def answers(name: str, form: str, cost: Cost, asked: Asked, calibrations: Sequence[Calibration] = ()) -> ModelAnswers:
    """One model in every setting."""
    return ModelAnswers(
        name=name,
        format=form,
        macs=cost.macs if isinstance(cost.macs, int) else None,
        answers=tuple(
            _answer(cost, form, setting, asked.level, calibrations) for setting in _settings(cost, asked, calibrations)
        ),
    )


def _settings(cost: Cost, asked: Asked, calibrations: Sequence[Calibration]) -> list[Setting]:
    precision = asked.precision or precision_of(cost)
    found = []
    for device in asked.devices:
        for unit in asked.units:
            counts = (1,) if unit in (Unit.GPU, Unit.NPU) else asked.threads
            found += [
                Setting(device=device, unit=unit, threads=count, precision=precision, runtime=asked.runtime)
                for count in counts
            ]
        if not asked.units:
            found += [
                fastest(device, count, precision=precision, runtime=asked.runtime, calibrations=calibrations)
                for count in asked.threads
            ]
    return found


def _answer(cost: Cost, form: str, setting: Setting, level: float, calibrations: Sequence[Calibration]) -> Answer:
    def ask(setting: Setting) -> Estimate | NoEstimate:
        return estimate(cost, setting, form=form, level=level, calibrations=calibrations)

    latency = ask(setting)
    if isinstance(latency, NoEstimate) and latency.reason is Reason.NO_PROFILE:
        phone = phones.find(setting.device)
        soc = phones.chip(phone) if phone else phones.find_soc(setting.device)
        latency = (scaled(ask, soc, setting) if soc else None) or latency
    if isinstance(latency, NoEstimate):
        return Answer(latency=latency)
    return Answer(latency=latency, energy=energy(latency), verdicts=verdicts(latency))
