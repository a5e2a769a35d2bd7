"""Estimates on a terminal: a line a setting, what each rests on, and why some numbers are not told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nngauge.domain.estimate import Estimate, NoEstimate, Setting, Unit
from nngauge.estimate import DeviceCard
from nngauge.estimate.answers import Answer, Answers, ModelAnswers
from nngauge.words.amounts import plural, short_amount
from nngauge.words.safe import one_line

_COLUMNS = ("device", "runs on", "time", "90 % interval", "MACs alone", "energy, modelled", "feels")


def render_answers(found: Answers) -> RenderableType:
    """All models, and below what the numbers rest on."""
    blocks: list[RenderableType] = []
    for model in found.models:
        blocks += [_head(model), _table(model.answers), *_remarks(model.answers)]
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
            said.setdefault(f"no estimate: {latency.explanation}; {latency.hint}", []).append(where)
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
