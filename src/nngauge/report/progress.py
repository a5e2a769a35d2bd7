"""How far a study has come, and what it could not do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nngauge.domain.study import Progress, State
from nngauge.units import format_bytes


def render_status(facts: Mapping[str, str], progress: Sequence[Progress], stored: Mapping[str, int]) -> RenderableType:
    """Snapshots with their items by state; `stored`: apps, results, shards and bytes."""
    title = Text(facts.get("name", "study"), style="bold")
    title.append(f"  {facts.get('made by', '')}", style="dim")
    if not progress:
        return Group(title, Text("no packages yet: nngauge study add", style="dim"))
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("snapshot")
    for column in ("packages", *State):
        table.add_column(column, justify="right")
    for item in progress:
        counts = [item.counts.get(state, 0) for state in State]
        table.add_row(item.snapshot, f"{item.total:,}", *(f"{count:,}" if count else "–" for count in counts))
    size = format_bytes(stored.get("bytes", 0))
    store = f"{stored.get('results', 0):,} apps with facts, {stored.get('files', 0):,} files of facts, {size}"
    return Group(title, table, Text(store, style="dim"))


def render_failures(rows: Sequence[Sequence[object]]) -> RenderableType:
    """Items without a result: state, error, what to do."""
    if not rows:
        return Text("nothing failed")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for column in ("snapshot", "state", "tries", "error", "package", "why"):
        table.add_column(column, overflow="fold")
    for snapshot, locator, state, error, reason, hint, attempts in rows:
        why = f"{reason} ({hint})" if hint else str(reason)
        cells = (snapshot, state, attempts, error, locator, why)
        table.add_row(*(Text(str(cell), style="yellow" if at == 3 else "") for at, cell in enumerate(cells)))
    return table


def progress_line(done: int, total: int, failed: int, seconds: float) -> str:
    """One line for logs: count, rate, time left, failures."""
    rate = done / seconds if seconds > 0 else 0.0
    left = f", {_span((total - done) / rate)} left" if rate and total > done else ""
    trouble = f", {failed:,} failed" if failed else ""
    return f"{done:,} of {total:,} packages, {rate:.1f}/s{left}{trouble}"


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
