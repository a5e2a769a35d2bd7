"""The estimates of a study on a terminal: a line a place, why models have none, and which phones run them in time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nngauge.domain.study_estimate import PlaceSummary, ReachSummary, Summary
from nngauge.units import format_seconds
from nngauge.words.amounts import plural
from nngauge.words.safe import brief, one_line

_COLUMNS: Final = ("device", "runs on", "models", "in doubt", "refused", "25 %", "median", "75 %")
_CORES: Final = ("gpu", "npu")
_REASON: Final = 100
"""Characters of a reason."""


def render_study(found: Summary, folder: object) -> RenderableType:
    """All of it."""
    known = f", {found.known:,} known already" if found.known else ""
    head = f"{plural(found.models, 'distinct model')}{known}: {found.told:,} estimated, {found.refused:,} refused everywhere"
    blocks: list[RenderableType] = [Text(head)]
    if found.places:
        blocks += ["", _places(found), Text("Estimated, never measured: seconds of one inference after warm-up.")]
    blocks += _refusals(found)
    if found.reach is not None:
        blocks += ["", *_reach(found.reach)]
    blocks.append(Text(f"next: nngauge report {folder} R15 R22", style="dim"))
    return Group(*blocks)


def _places(found: Summary) -> Table:
    grid = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for number, title in enumerate(_COLUMNS):
        grid.add_column(title, justify="right" if number > 1 else "left", no_wrap=True)
    for place in found.places:
        times = [_time(seconds) for seconds in place.quartiles] if place.quartiles else ["–"] * 3
        counts = (f"{count:,}" if count else "–" for count in (place.models, place.doubted, place.refused))
        grid.add_row(one_line(place.name), _runs_on(place), *counts, *times)
    return grid


def _time(seconds: float) -> str:
    """Neural processors take less than a millisecond."""
    return format_seconds(seconds) if seconds >= 0.0995 else f"{1000 * seconds:.3g} ms"


def _runs_on(place: PlaceSummary) -> str:
    return place.unit.upper() if place.unit in _CORES else plural(place.threads, place.unit)


def _refusals(found: Summary) -> Iterator[RenderableType]:
    if found.refusals:
        yield ""
        yield Text("Why there is no estimate, in at least one place:")
    for kind, models, reason in found.refusals:
        yield Text(f"  {plural(models, 'model')}  {kind.lower().replace('_', ' ')}: {brief(one_line(reason), _REASON)}")


def _reach(reach: ReachSummary) -> Iterator[RenderableType]:
    budget = format_seconds(reach.budget_seconds)
    yield Text(f"Within {budget} on 95 % of the phones since {reach.since}: {_verdicts(reach)}")
    if reach.quartiles is not None:
        low, middle, high = (f"{100 * share:.0f} %" for share in reach.quartiles)
        yield Text(f"Share of these phones: half of the models {low} to {high}, median {middle}")
    if reach.assumed:
        yield Text("The table of phones in use is AN ASSUMPTION, not a count: --shares FILE", style="yellow")


def _verdicts(reach: ReachSummary) -> str:
    cannot = reach.models - reach.reached - reach.missed - reach.unknown
    parts = (
        (reach.reached, "do"), (reach.missed, "do not"), (cannot, "cannot be decided"), (reach.unknown, "not known"),
    )  # fmt: skip
    return ", ".join(f"{count:,} {says}" for count, says in parts if count) + f" (of {plural(reach.models, 'model')})"
