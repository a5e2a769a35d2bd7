"""One model in the settings that were asked for: time, energy and what the wait means, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from nngauge.domain.cost import Cost
from nngauge.domain.estimate import Estimate, NoEstimate, Quantity, Setting, Unit
from nngauge.domain.language import LanguageModel, Role
from nngauge.estimate import language
from nngauge.estimate.calibration import Calibration
from nngauge.estimate.choice import estimate, fastest
from nngauge.estimate.energy import energy
from nngauge.estimate.features import precision_of
from nngauge.estimate.verdict import Verdict, verdicts

_WRITING: Final = (Unit.BIG, Unit.GPU, Unit.NPU)
_WRITERS: Final = frozenset({Role.DECODER, Role.RECURRENT, Role.ENCODER_DECODER})
"""Write text token by token."""


class Answer(Struct, frozen=True, kw_only=True):
    """One setting."""

    latency: Estimate | NoEstimate
    energy: Estimate | NoEstimate | None = None
    """Modelled; None where the time is not known."""
    verdicts: tuple[Verdict, ...] = ()
    """Of both ends of the interval, one where they agree."""


class LanguageAnswer(Struct, frozen=True, kw_only=True):
    """A language model in one place."""

    setting: Setting
    decode: Estimate | NoEstimate
    """Tokens written in a second."""
    prefill: Estimate | NoEstimate
    """Tokens read in a second."""
    memory: Estimate | NoEstimate
    """Bytes, with the cache."""
    fits: bool | None
    """Into the part of the device's memory that an app can have; None where either is not known."""


class Subject(Struct, frozen=True, kw_only=True):
    """What is asked about one model."""

    name: str
    format: str
    cost: Cost
    language: LanguageModel | None = None


class ModelAnswers(Struct, frozen=True, kw_only=True):
    """One model."""

    name: str
    format: str
    macs: int | None
    answers: tuple[Answer, ...]
    language: tuple[LanguageAnswer, ...] = ()
    """Of a language model, whose time depends on the text: then `answers` is empty."""


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


def is_writer(one: Subject) -> bool:
    """Does it write text token by token, so that its time depends on the text?"""
    return one.language is not None and one.language.role in _WRITERS


def answers(one: Subject, asked: Asked, calibrations: Sequence[Calibration] = ()) -> ModelAnswers:
    """One model in every setting."""
    writer = one.language if is_writer(one) else None
    settings = [] if writer else _settings(one.cost, asked, calibrations)
    return ModelAnswers(
        name=one.name,
        format=one.format,
        macs=one.cost.macs if isinstance(one.cost.macs, int) else None,
        answers=tuple(_answer(one.cost, one.format, setting, asked.level, calibrations) for setting in settings),
        language=tuple(_language(writer, asked)) if writer else (),
    )


def _language(model: LanguageModel, asked: Asked) -> Iterator[LanguageAnswer]:
    """On every device: the units that were asked for, else those that there are rows of; one that says why when there is none."""
    for device in asked.devices:
        found = []
        for unit in asked.units or _WRITING:
            setting = Setting(device=device, unit=unit, precision=asked.precision or "float32", runtime=asked.runtime)
            found.append(
                LanguageAnswer(
                    setting=setting,
                    decode=language.estimate(model, setting, Quantity.DECODE),
                    prefill=language.estimate(model, setting, Quantity.PREFILL),
                    memory=language.memory(model, setting),
                    fits=language.fits(model, setting),
                )
            )
        told = [one for one in found if isinstance(one.decode, Estimate)]
        yield from found if asked.units else told or found[:1]


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
    latency = estimate(cost, setting, form=form, level=level, calibrations=calibrations)
    if isinstance(latency, NoEstimate):
        return Answer(latency=latency)
    return Answer(latency=latency, energy=energy(latency), verdicts=verdicts(latency))
