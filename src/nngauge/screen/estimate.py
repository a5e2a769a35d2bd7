"""Estimates on a terminal: a line a setting, what each rests on, and why some numbers are not told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nngauge.domain.estimate import Estimate, NoEstimate, Setting, Unit
from nngauge.estimate import DeviceCard
from nngauge.estimate.answers import Answer, Answers, LanguageAnswer, ModelAnswers
from nngauge.screen.adapting import Adapting
from nngauge.units import format_bytes
from nngauge.words.amounts import plural, short_amount
from nngauge.words.safe import one_line

_COLUMNS = ("device", "runs on", "time", "90 % interval", "MACs alone", "energy, modelled", "feels")


def render_answers(found: Answers) -> RenderableType:
    """All models, and below what the numbers rest on."""
    blocks: list[RenderableType] = []
    for model in found.models:
        blocks.append(_head(model))
        blocks += [Adapting(_table(model.answers)), *_remarks(model.answers)] if model.answers else []
        blocks += [Adapting(_writing(model.language)), *_unwritten(model.language)] if model.language else []
    blocks += _grounds([answer for model in found.models for answer in model.answers])
    return Group(*blocks)


def _head(model: ModelAnswers) -> Text:
    head = Text(f"\n{one_line(model.name)}", style="bold")
    return head.append(f"  {one_line(model.format)}, {short_amount(model.macs)} MACs", style="not bold dim")


def _table(answers: Sequence[Answer]) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim", pad_edge=False)
    level = next((answer.latency.level for answer in answers if isinstance(answer.latency, Estimate)), 0.9)
    for number, title in enumerate(_COLUMNS):
        text = title.replace("90", f"{100 * level:.0f}")
        table.add_column(text, justify="right" if number in (2, 3, 4, 5) else "left", no_wrap=True)
    for answer in answers:
        table.add_row(*_cells(answer))
    return table


def _cells(answer: Answer) -> Iterator[str]:
    latency = answer.latency
    yield one_line(latency.setting.device)
    yield runs_on(latency.setting)
    if isinstance(latency, NoEstimate):
        yield from ("–", "–", "–", "–", one_line(latency.reason.value))
        return
    yield _milliseconds(latency.value)
    yield f"{_number(latency.low)} … {_milliseconds(latency.high)}"
    yield _milliseconds(latency.baseline) if latency.baseline is not None else "–"
    yield _energy(answer.energy)
    yield " or ".join(verdict.value for verdict in answer.verdicts)


def _writing(answers: Sequence[LanguageAnswer]) -> Table:
    """Of a language model."""
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim", pad_edge=False)
    for number, title in enumerate(
        ("device", "runs on", "writes", "90 % interval", "reads", "memory, 4,096 tokens", "fits")
    ):
        table.add_column(title, justify="right" if number in (2, 3, 4, 5) else "left", no_wrap=True)
    for answer in answers:
        told = answer.decode if isinstance(answer.decode, Estimate) else None
        table.add_row(
            one_line(answer.setting.device),
            "CPU" if answer.setting.unit is Unit.BIG else answer.setting.unit.value.upper(),
            f"{_number(told.value)} tokens/s" if told else "–",
            f"{_number(told.low)} … {_number(told.high)}" if told else "–",
            f"{_number(answer.prefill.value)} tokens/s" if isinstance(answer.prefill, Estimate) else "–",
            format_bytes(round(answer.memory.value)) if isinstance(answer.memory, Estimate) else "–",
            {True: "yes", False: "no", None: "not known"}[answer.fits],
        )
    return table


def _unwritten(answers: Sequence[LanguageAnswer]) -> Iterator[RenderableType]:
    for answer in answers:
        if isinstance(answer.decode, NoEstimate):
            text = f"no estimate: {answer.setting.device} {answer.setting.unit.value}: {answer.decode.explanation} {answer.decode.hint}"
            yield Text(one_line(text), style="red")
        elif answer.decode.doubts:
            doubts = ", ".join(doubt.value for doubt in answer.decode.doubts)
            yield Text(one_line(f"doubt: {doubts} ({answer.setting.device})"), style="yellow")


def _energy(told: Estimate | NoEstimate | None) -> str:
    if not isinstance(told, Estimate):
        return "–"
    return f"{_number(told.value)} mJ ({_number(told.low)} … {_number(told.high)})"


def runs_on(setting: Setting) -> str:
    """``1 big core, float32``."""
    if setting.unit in (Unit.GPU, Unit.NPU):
        return f"{setting.unit.value.upper()}, {setting.precision}"
    return f"{plural(setting.threads, setting.unit.value)}, {setting.precision}"


def _remarks(answers: Sequence[Answer]) -> Iterator[RenderableType]:
    """Doubts and refusals, each once, with the settings they hold for."""
    said: dict[str, list[str]] = {}
    for answer in answers:
        latency = answer.latency
        where = f"{latency.setting.device} {runs_on(latency.setting)}"
        if isinstance(latency, NoEstimate):
            said.setdefault(f"no estimate: {latency.explanation.rstrip('.')}; {latency.hint}", []).append(where)
        else:
            for doubt in latency.doubts:
                said.setdefault(f"doubt: {doubt.value}", []).append(where)
    for text, places in said.items():
        everywhere = len(places) == len(answers)
        yield Text(
            one_line(text if everywhere else f"{text} ({'; '.join(dict.fromkeys(places))})"),
            style="yellow" if text.startswith("doubt") else "red",
        )


def _grounds(answers: Sequence[Answer]) -> Iterator[RenderableType]:
    grounds = {
        answer.latency.ground.profile: answer.latency.ground
        for answer in answers
        if isinstance(answer.latency, Estimate)
    }
    if not grounds:
        return
    yield Text("")
    for ground in grounds.values():
        family = (
            f", {100 * ground.family_error:.0f} % when its family is new" if ground.family_error is not None else ""
        )
        yield Text(
            one_line(
                f"{ground.profile}: {ground.models} networks measured; off by {100 * ground.error:.1f} % for a network "
                f"left out{family}"
            ),
            style="dim",
        )
    yield Text(
        f"measured times: {'; '.join(sorted({one_line(ground.source) for ground in grounds.values()}))}", style="dim"
    )


def render_devices(cards: Sequence[DeviceCard]) -> RenderableType:
    """What has profiles."""
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim", pad_edge=False)
    for title in ("device", "name", "profiles"):
        table.add_column(title)
    for card in cards:
        table.add_row(one_line(card.id), one_line(card.title), _profiles(card.settings))
    return table


def _profiles(settings: Sequence[Setting]) -> str:
    """``big core ×1,2 float32 int8 (tflite)``."""
    groups: dict[tuple[str, str], tuple[set[int], set[str]]] = {}
    for setting in settings:
        counts, precisions = groups.setdefault((setting.unit.value, setting.runtime), (set(), set()))
        counts.add(setting.threads)
        precisions.add(setting.precision)
    return "; ".join(
        f"{unit}{'' if unit == 'gpu' else ' ×' + ','.join(map(str, sorted(counts)))} {' '.join(sorted(precisions))} ({runtime})"
        for (unit, runtime), (counts, precisions) in groups.items()
    )


def _milliseconds(value: float) -> str:
    return f"{_number(value)} ms"


def _number(value: float) -> str:
    """Three digits, never as a power of ten."""
    return f"{value:,.0f}" if value >= 99.5 else f"{value:.1f}" if value >= 9.95 else f"{value:.2f}"
