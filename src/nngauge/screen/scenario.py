"""Scenarios on a terminal: does it keep up, what does it cost, what is not known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nngauge.domain.interval import Interval
from nngauge.knowledge.scenarios import Events, Preset
from nngauge.knowledge.scenarios.daily import Feasible
from nngauge.measure.scenario import Outcome
from nngauge.screen.measurement import configuration, device_line, nanoseconds
from nngauge.units import format_seconds
from nngauge.words.safe import one_line

_ROWS = ("busy", "time, 95 % of runs", "dropped", "energy", "mean power", "charge", "of the battery", "lasts for")


def render_outcomes(outcomes: Sequence[Outcome]) -> RenderableType:
    """A table a model and configuration, a line a rate, and below what is not known and how to get it."""
    blocks: list[RenderableType] = []
    for _, group in groupby(outcomes, key=lambda one: (one.model, one.name, one.configuration)):
        found = list(group)
        blocks += [_head(found[0]), _table(found), *_what_if(found), *_remarks(found)]
    if outcomes:
        blocks.append(Text(f"\non {device_line(outcomes[0].device)}", style="dim"))
    return Group(*blocks)


def _head(one: Outcome) -> Text:
    head = Text(f"\n{one_line(one.name)}", style="bold")
    head.append(f"  {configuration(one.configuration)}", style="not bold dim")
    title = f"{one.preset.title}: {one.work.inferences:,.0f} inferences" if _fixed(one) else one.preset.title
    return head.append(f"\n{one_line(title)}", style="not bold")


def _fixed(one: Outcome) -> bool:
    return one.preset.events is not Events.STEADY


def _table(found: Sequence[Outcome]) -> Table:
    """A column a rate: intervals need room."""
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("")
    for one in found:
        table.add_column(f"{one.work.pace:.3g} a second", justify="right", no_wrap=True)
    for title, *cells in zip(_ROWS, *(_cells(one) for one in found), strict=True):
        table.add_row(Text(title, style="dim"), *cells)
    return table


def _cells(one: Outcome) -> Iterator[str]:
    yield from _timing(one.feasible)
    spent = one.spent
    if spent is None:
        yield from ("–" if one.at_most is None else f"< {number(one.at_most)} J", "–", "–", "–", "–")
        return
    yield _range(spent.joules, "J")
    yield _range(spent.watts, "W")
    yield _range(spent.mah, "mAh")
    yield "–" if spent.share is None else _range(spent.share, "%", 100)
    yield "–" if spent.hours is None else _range(spent.hours, "h")


def _timing(found: Feasible | None) -> Iterator[str]:
    if found is None:
        yield from ("–", "–", "–")
        return
    yield f"{number(100 * found.duty)} %"
    yield nanoseconds(found.p95_seconds * 1e9)
    yield f"{number(100 * found.dropped)} %" if found.dropped else "none"


def number(value: float) -> str:
    """Three digits, never as a power of ten: ``2_651.2`` → ``"2,650"``."""
    if value <= 0:
        return "0"
    digits = 2 - math.floor(math.log10(value))
    return f"{round(value, digits):,.{max(0, min(digits, 9))}f}"


def _range(value: Interval, unit: str, scale: float = 1) -> str:
    low, middle, high = (number(scale * one) for one in (value.low, value.middle, value.high))
    return f"{middle} {unit}" if low == high else f"{middle} {unit} ({low} – {high})"


def _what_if(found: Sequence[Outcome]) -> Iterator[Text]:
    """The first rate against each of the others."""
    first = found[0].spent
    for other in found[1:]:
        if first is None or other.spent is None or other.spent.joules.middle <= 0:
            continue
        ratio = first.joules.middle / other.spent.joules.middle
        yield Text(f"{found[0].work.pace:g} a second takes {ratio:,.1f} times the energy of {other.work.pace:g}")


def _remarks(found: Sequence[Outcome]) -> Iterator[Text]:
    for one in found:
        if one.feasible is not None and one.feasible.dropped:
            rate = f"{number(one.feasible.sustained)} a second is sustained"
            yield Text(f"{one.work.pace:g} a second is too fast: {rate}", style="yellow")
    for note in dict.fromkeys(note for one in found for note in one.notes):
        yield Text(one_line(note), style="dim")
    for item in dict.fromkeys(item for one in found for item in one.unknown):
        yield Text(f"not known: {item.what}  ", style="yellow").append(item.how, style="dim")


def render_presets(presets: Sequence[Preset]) -> RenderableType:
    """Every parameter with its certainty and source."""
    blocks: list[RenderableType] = []
    for preset in presets:
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 2), pad_edge=True)
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold", style="dim")
        for name, parameter in preset.parameters.items():
            value = (
                format_seconds(parameter.value) if parameter.unit == "s" else f"{parameter.value:g} {parameter.unit}"
            )
            table.add_row(name, one_line(value), parameter.certainty.value, one_line(parameter.source))
        blocks += [Text(preset.name, style="bold").append(f"  {one_line(preset.title)}", style="not bold"), table]
    return Group(*blocks)
