"""Which published architectures keep a budget. A catalogue with a query, no search for architectures of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from nngauge.domain.estimate import Estimate, NoEstimate, Setting
from nngauge.domain.fitting import Candidate, Fitness, Fitting, Limits, Smallest, Timing
from nngauge.estimate.coarse import coarse
from nngauge.knowledge.architectures import Architecture, architectures, front, measured, sources
from nngauge.words.amounts import plural

Pace = Callable[[Architecture, Setting], Estimate | NoEstimate]
_MEASURED_TASK: Final = "image-classification"
"""What all networks are made for whose times the profiles hold."""
_LANGUAGE: Final = "language-model"
"""What a token takes depends on memory more than on MACs: no profile of networks tells it."""
_ORDER: Final = (Fitness.FITS, Fitness.LIKELY, Fitness.UNKNOWN)
MEASURED: Final = {"float32": ("float32",), "float16": ("float16", "float32"), "int8": ("int8",)}


def fitting(
    task: str, limits: Limits, settings: Sequence[Setting], *, precision: str = "float32", extra_data: bool = False,
    pace: Pace | None = None,
) -> Fitting:  # fmt: skip
    """The architectures for `task` that keep `limits` on every one of `settings`, best score first.

    `extra_data`: with those that were trained with more than the benchmark's own data. `pace`: the estimator of times; by default from MACs.
    """
    known = [one for one in architectures(task) if extra_data or not one.extra_data]
    judged = [_judge(one, limits, settings, precision, pace or _coarse) for one in known]
    kept = [one for one in judged if one.fitness is not Fitness.NO]
    fits = [one for one in kept if one.fitness in (Fitness.FITS, Fitness.LIKELY)]
    names = {(one.name, one.input) for one in front(_back(fits, known))}
    marked = [replace(one, front=(one.name, one.input) in names) for one in kept]
    metrics = list(dict.fromkeys(one.metric for one in known))
    least = () if fits else tuple(_reachable(judged, limits, settings))
    return Fitting(
        task=task, limits=limits, settings=tuple(settings), considered=len(known),
        candidates=tuple(sorted(marked, key=lambda one: (metrics.index(one.metric), _ORDER.index(one.fitness), -(one.score or 0.0)))),
        reachable=least,
        sources=tuple(dict.fromkeys(f"{sources()[one.source].title}: {sources()[one.source].where}" for one in known)),
        notes=(*_together(least, limits), *_notes(judged, settings, precision, extra_data=extra_data)),
    )  # fmt: skip


def _coarse(one: Architecture, setting: Setting) -> Estimate | NoEstimate:
    return coarse(one.macs or 0.0, setting, unlike=one.attention or one.task != _MEASURED_TASK)


def _back(candidates: Iterable[Candidate], known: Iterable[Architecture]) -> list[Architecture]:
    wanted = {(one.name, one.input) for one in candidates}
    return [one for one in known if (one.name, one.input) in wanted]


def _judge(one: Architecture, limits: Limits, settings: Sequence[Setting], precision: str, pace: Pace) -> Candidate:
    size = one.bytes_at(precision)
    timings = tuple(_timing(one, setting, pace) for setting in settings)
    answers = [
        _limit(size, limits.size_bytes, "size"), _limit(one.macs, limits.macs, "MACs"),
        _limit(one.parameters, limits.parameters, "parameters"),
        *(_in_time(timing, limits.milliseconds) for timing in timings),
    ]  # fmt: skip
    verdicts = {fitness for fitness, _ in answers}
    fitness = next((kind for kind in (Fitness.NO, Fitness.UNKNOWN, Fitness.LIKELY) if kind in verdicts), Fitness.FITS)
    return Candidate(
        name=one.name, input=one.input, metric=one.metric, score=one.score, parameters=one.parameters, macs=one.macs,
        size_bytes=size, extra_data=one.extra_data, source=one.source, timings=timings, fitness=fitness,
        licence=one.licence or sources()[one.source].license, misses=tuple(why for _, why in answers if why),
    )  # fmt: skip


def _timing(one: Architecture, setting: Setting, pace: Pace) -> Timing:
    """Measured where it was, at the catalogue's usual input; else from the MACs."""
    usual = one.input in ("224×224", "") or one.task != "image-classification"
    for time in measured().get(one.trunk, ()) if usual else ():
        place = (time.device, time.unit, time.threads)
        if place == (setting.device, setting.unit.value, setting.threads) and time.precision in MEASURED.get(
            setting.precision, ()
        ):
            return Timing(setting=setting, measured=time.milliseconds, source=time.source)
    told = pace(one, setting) if one.macs and one.task != _LANGUAGE else None
    return Timing(setting=setting, estimated=told if isinstance(told, Estimate) else None)


def _limit(value: float | None, limit: float | None, what: str) -> tuple[Fitness, str]:
    if limit is None:
        return Fitness.FITS, ""
    if value is None:
        return Fitness.UNKNOWN, f"{what} not known"
    return (Fitness.FITS, "") if value <= limit else (Fitness.NO, what)


def _in_time(timing: Timing, limit: float | None) -> tuple[Fitness, str]:
    if limit is None:
        return Fitness.FITS, ""
    if timing.measured is not None:
        return (Fitness.FITS, "") if timing.measured <= limit else (Fitness.NO, "time")
    told = timing.estimated
    if told is None:
        return Fitness.UNKNOWN, f"time on {timing.setting.device} not known"
    if told.high <= limit:
        return Fitness.FITS, ""
    return (Fitness.LIKELY, "") if told.value <= limit else (Fitness.NO, "time")


def _reachable(judged: Sequence[Candidate], limits: Limits, settings: Sequence[Setting]) -> Iterable[Smallest]:
    """For each limit the architecture that needs least of it."""
    asked: list[tuple[str, str, float | None, Callable[[Candidate], float | None]]] = [
        ("size", "bytes", limits.size_bytes, lambda one: one.size_bytes),
        ("MACs", "MACs", limits.macs, lambda one: one.macs),
        ("parameters", "parameters", limits.parameters, lambda one: one.parameters),
    ]
    for what, unit, limit, value in asked:
        if limit is not None and (
            least := min(
                (one for one in judged if value(one) is not None), key=lambda one: value(one) or 0.0, default=None
            )
        ):
            yield Smallest(what=what, value=value(least) or 0.0, unit=unit, name=least.name)
    for index, setting in enumerate(settings if limits.milliseconds is not None else ()):
        known = [(time, one) for one in judged if (time := _milliseconds(one.timings[index])) is not None]
        if known:
            time, one = min(known, key=lambda pair: pair[0])
            yield Smallest(
                what=f"time on {setting.device}",
                value=time,
                unit="ms",
                name=one.name,
                estimated=one.timings[index].measured is None,
            )


def _together(least: Sequence[Smallest], limits: Limits) -> Iterable[str]:
    """Nothing fits, though each limit alone can be kept."""
    most = {"size": limits.size_bytes, "MACs": limits.macs, "parameters": limits.parameters}
    allowed = [most.get(one.what, limits.milliseconds) for one in least]
    if len(least) > 1 and all(one.value <= (limit or 0.0) for one, limit in zip(least, allowed, strict=True)):
        yield "each limit can be kept alone; no network is known to keep all of them together"


def _milliseconds(timing: Timing) -> float | None:
    if timing.measured is not None:
        return timing.measured
    return timing.estimated.value if timing.estimated else None


def _elsewhere(setting: Setting) -> str:
    """What of the device was measured instead."""
    units = {
        time.unit.partition(" ")[0] for times in measured().values() for time in times if time.device == setting.device
    }
    return f"; measured there: --unit {', '.join(sorted(units))}" if units else ""


def _notes(
    judged: Sequence[Candidate], settings: Sequence[Setting], precision: str, *, extra_data: bool
) -> Iterable[str]:
    if any(one.timings and any(timing.estimated for timing in one.timings) for one in judged):
        yield "estimated times rest on the MACs alone: the interval is wide; nngauge estimate MODEL is better with a file at hand"
    for setting in settings:
        if not any(_milliseconds(one.timings[list(settings).index(setting)]) for one in judged):
            yield (
                f"no times for {setting.device} ({plural(setting.threads, setting.unit.value)}, {setting.precision}): "
                f"no profile, no measured rows{_elsewhere(setting)}"
            )
        if setting.precision != precision:
            yield (
                f"{setting.device}: computed in {setting.precision}; sizes are those of {precision} weights "
                f"(--precision {setting.precision} for those)"
            )
    if not extra_data and any(one.metric.startswith("top-1") for one in judged):
        yield "without networks that were trained with more than ImageNet (--extra-data shows them)"
    if any(one.metric.startswith("Grace2") for one in judged):
        yield "MACs of one token; how fast a language model writes depends on memory more than on them"
    yield "size is that of the weights; a file is a little larger"
