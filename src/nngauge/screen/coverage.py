"""Coverage of phones on a terminal: how many, the rows behind it, the plan, and that the table may be an assumption."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nngauge.domain.coverage import Coverage, Part, Way
from nngauge.domain.estimate import Estimate
from nngauge.estimate.scenario import Modelled
from nngauge.knowledge.scenarios.daily import Spent
from nngauge.screen.adapting import Adapting
from nngauge.screen.fit import milliseconds, place
from nngauge.screen.scenario import number
from nngauge.units import format_bytes
from nngauge.words.safe import one_line

_TOP = 5


def render_coverages(found: Sequence[tuple[str, Coverage]]) -> RenderableType:
    """One model in full; of several what matters of each, and once what all of them rest on."""
    if len(found) == 1:
        return render_coverage(found[0][1], found[0][0])
    blocks: list[RenderableType] = []
    for name, one in found:
        blocks += [_head(one, name), _parts(one), _goal(one), _plan(one)]
        blocks += [Text(note, style="dim") for note in _once(one.notes, found)]
    if found:
        shared = [note for note in found[0][1].notes if all(note in one.notes for _, one in found)]
        blocks += [Text(""), _loud(found[0][1]), *(Text(one_line(note), style="dim") for note in shared)]
        blocks.append(Text("by release year and product line of the chip: --json, or one model alone", style="dim"))
    return Group(*blocks)


def _once(notes: Sequence[str], found: Sequence[tuple[str, Coverage]]) -> Iterator[str]:
    """Those that do not hold for all models."""
    return (one_line(note) for note in notes if not all(note in one.notes for _, one in found))


def render_coverage(found: Coverage, name: str = "") -> RenderableType:
    """The answer, loudly what it rests on, the plan, and the rows of the table of shares."""
    blocks: list[RenderableType] = [_head(found, name), _parts(found)]
    blocks += [_goal(found), _loud(found), Text("\nWhat each phone could get", style="bold"), _plan(found)]
    blocks += [Text("\nBy release year and product line of the chip", style="bold"), Adapting(_cells(found))]
    if found.deliveries:
        blocks += [Text("\nDelivery", style="bold"), _deliveries(found)]
    scaled = sum(fit.way is Way.SCALED for fit in found.devices)
    own = sum(fit.way is Way.PROFILE for fit in found.devices)
    blocks.append(
        Text(
            f"{len(found.devices):,} phones stand for the rows: {own} with a profile of their own, {scaled} scaled by the speed of their cores",
            style="dim",
        )
    )
    return Group(*blocks, *(Text(one_line(note), style="dim") for note in found.notes))


def _head(found: Coverage, name: str) -> Text:
    head = Text(f"\n{one_line(name)}  " if name else "\n", style="bold")
    return head.append(
        f"within {found.budget.milliseconds:g} ms, {found.precision}, on one big core or better", style="not bold dim"
    )


def _loud(found: Coverage) -> Text:
    kind = "THE SHARES ARE AN ASSUMPTION. " if found.assumed else ""
    text = Text(kind, style="bold yellow")
    return text.append(f"{one_line(found.shares)} --shares FILE.csv takes your own.", style="not bold dim")


def _goal(found: Coverage) -> Text:
    words = {True: ("reached", "green"), False: ("not reached", "red"), None: ("cannot be told", "yellow")}
    word, style = words[found.reached]
    return Text(f"{percent(found.goal)} of the phones since {found.since}: ").append(word, style=style)


def _parts(found: Coverage) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim", pad_edge=False)
    for title in ("phones in use", "run it", "for certain", "at best", "not known"):
        table.add_column(title, justify="left" if title == "phones in use" else "right")
    for title, part in (("all", found.all), (f"released since {found.since}", found.recent)):
        table.add_row(title, *_shares(part))
    return table


def _shares(part: Part) -> Iterator[str]:
    for value in (part.likely, part.low, part.high, part.unknown):
        yield percent(value)


def percent(value: float) -> str:
    """``0.0031`` → ``"0.3 %"``."""
    return f"{100 * value:.0f} %" if value >= 0.0995 or value == 0 else f"{100 * value:.1f} %"


def _plan(found: Coverage) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for step in found.plan:
        text = Text(step.stage.value).append(f"\n{step.reason}", style="dim")
        if step.devices:
            text.append(f": {one_line(', '.join(step.devices[:_TOP]))} …", style="dim")
        table.add_row(percent(step.share), text)
    return table


def _cells(found: Coverage) -> Table:
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim", pad_edge=False)
    for title in ("platform", "year", "line", "of all", "phones", "run it", "for certain", "at best", "not known"):
        table.add_column(title, justify="left" if title in {"platform", "line"} else "right")
    for cell in found.cells:
        parts = (cell.likely, cell.low, cell.high, cell.unknown)
        table.add_row(
            cell.platform, str(cell.year), cell.tier, percent(cell.share), str(cell.devices) if cell.devices else "none known",
            *(percent(part / cell.share if cell.share else 0) for part in parts),
        )  # fmt: skip
    return table


def _deliveries(found: Coverage) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    for one in found.deliveries:
        word = Text("fits", style="green") if one.fits else Text("too large", style="red")
        table.add_row(word, one.store, one.part, f"≤ {format_bytes(one.limit)}", Text(one.says, style="dim"))
    return table


def render_modelled(rows: tuple[Modelled, ...]) -> RenderableType:
    """Scenarios with modelled numbers, in a table that says so in its title."""
    blocks: list[RenderableType] = []
    for title in dict.fromkeys(row.preset.title for row in rows):
        table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim", pad_edge=False)
        for name in ("", "a second", "busy", "dropped", "energy", "mean power", "of the battery"):
            table.add_column(name, justify="left" if not name else "right", no_wrap=True)
        for row in (one for one in rows if one.preset.title == title):
            table.add_row(
                place(row.setting),
                f"{row.work.pace:.3g}",
                f"{number(100 * row.feasible.duty)} %",
                _dropped(row),
                *_spent(row.spent),
            )
        blocks += [
            Text(f"\n{one_line(title)}", style="bold").append("  modelled, not measured", style="not bold yellow"),
            Adapting(table),
        ]
    blocks += _what_if(rows)
    notes = dict.fromkeys(note for row in rows for note in row.notes)
    for row in rows:
        if isinstance(row.energy, Estimate):
            told = row.energy
            blocks.append(
                Text(
                    f"{place(row.setting)}: {milliseconds(row.latency.value)} ms and {number(told.value)} mJ ({number(told.low)} – {number(told.high)}) an inference",
                    style="dim",
                )
            )
            break
    return Group(*blocks, *(Text(one_line(note), style="dim") for note in notes))


def _what_if(rows: tuple[Modelled, ...]) -> Iterator[Text]:
    """The first rate of each setting against its others."""
    for setting in dict.fromkeys(row.setting for row in rows):
        first, *others = (row for row in rows if row.setting == setting)
        for other in others:
            if first.spent is not None and other.spent is not None and other.spent.joules.middle > 0:
                ratio = first.spent.joules.middle / other.spent.joules.middle
                yield Text(
                    f"{place(setting)}: {first.work.pace:g} a second takes {ratio:,.1f} times the energy of {other.work.pace:g}"
                )


def _dropped(row: Modelled) -> str:
    return f"{number(100 * row.feasible.dropped)} %" if row.feasible.dropped else "none"


def _spent(spent: Spent | None) -> Iterator[str]:
    if spent is None:
        yield from ("–", "–", "–")
        return
    yield f"{number(spent.joules.middle)} J ({number(spent.joules.low)} – {number(spent.joules.high)})"
    yield f"{number(spent.watts.middle)} W"
    share = spent.share
    yield (
        "–"
        if share is None
        else f"{number(100 * share.middle)} % ({number(100 * share.low)} – {number(100 * share.high)})"
    )
