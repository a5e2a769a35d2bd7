"""Devices that were seen, and whether one is fit for measuring."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nngauge.domain.checkup import Checkup, Found, Verdict

_STYLES = {Verdict.GOOD: "green", Verdict.DOUBTFUL: "yellow", Verdict.BLOCKS: "red", Verdict.UNKNOWN: "dim"}


def render_found(found: Sequence[Found]) -> RenderableType:
    """One line for each, with what stands in the way."""
    table = _table("device", "what", "")
    for one in found:
        problem = Text(f"{one.problem}{f': {one.hint}' if one.hint else ''}", style="red") if one.problem else Text("")
        table.add_row(Text(one.id), Text(one.says), problem)
    return table


def render_checkup(checkup: Checkup) -> RenderableType:
    """Each check with what was found, then what to do and why."""
    device = checkup.device
    parts = (f"{device.maker} {device.model}".strip(), device.soc, device.system)
    head = Text(", ".join(part for part in parts if part) or device.kind, style="bold")
    table = _table("", "found", "")
    for check in checkup.checks:
        table.add_row(Text(check.title), Text(check.found), Text(check.verdict, style=_STYLES[check.verdict]))
    return Group(head, table, *_advice(checkup), Text(""), _sum(checkup))


def _advice(checkup: Checkup) -> list[Text]:
    told = [check for check in checkup.checks if check.verdict is not Verdict.GOOD]
    if not told:
        return []
    lines = [Text("\nwhat to do", style="bold")]
    for check in told:
        line = Text(f"{check.title}: ")
        line.append(check.advice or "nothing that is known", style=_STYLES[check.verdict])
        line.append(f" ({check.why})", style="dim")
        lines.append(line)
    return lines


def _sum(checkup: Checkup) -> Text:
    verdicts = [check.verdict for check in checkup.checks]
    if not checkup.fit:
        return Text(f"not fit for measuring: {verdicts.count(Verdict.BLOCKS)} in the way", style="red")
    doubtful = verdicts.count(Verdict.DOUBTFUL)
    text = "fit for measuring" + (f", with doubts: {doubtful}" if doubtful else "")
    return Text(f"{text} ({checkup.seconds:.0f} s)", style="yellow" if doubtful else "green")


def _table(*titles: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for title in titles:
        table.add_column(title, overflow="fold")
    return table
