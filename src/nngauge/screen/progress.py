"""How far a study has come, and what it could not do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nngauge.domain.outcome import Failure
from nngauge.domain.study import Progress, State
from nngauge.units import format_bytes

_ADVICE: Final = "replace the package and add it again, or leave it"


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
    store = f"{stored.get('results', 0):,} results, {stored.get('files', 0):,} files of facts, {size}"
    return Group(title, table, Text(store, style="dim"))


def render_failures(
    rows: Sequence[Sequence[object]], kinds: Sequence[tuple[str, str, str, int]], folder: object
) -> RenderableType:
    """Items without a result: how many of which kind (`Ledger.failure_kinds`), then each with what to do."""
    if not kinds:
        return Text("nothing failed")
    kinds_table = _table("packages", "state", "error", "what to do")
    kinds_table.columns[0].justify = "right"
    for state, error, hint, count in kinds:
        advice = "nothing: the next run tries again" if state == State.WAITING else hint or _ADVICE
        kinds_table.add_row(f"{count:,}", Text(state), Text(error, style="yellow"), Text(advice))
    table = _table("snapshot", "tries", "error", "package", "why")
    for snapshot, locator, _, fault, reason, _, attempts in rows:
        cells = (snapshot, attempts, fault, locator, str(reason).removeprefix(f"{locator}: "))
        table.add_row(*(Text(str(cell), style="yellow" if at == 2 else "") for at, cell in enumerate(cells)))
    rest = sum(kind[3] for kind in kinds) - len(rows)
    more = [Text(f"… and {rest:,} more; --limit and --json have them all", style="dim")] if rest > 0 else []
    again = f"another chance: nngauge study retry {folder} [--error NAME], then nngauge study run {folder}"
    return Group(kinds_table, "", table, *more, Text(again, style="dim"))


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


class Tally(Struct):
    """What a run has come to so far, in packages."""

    total: int
    """Those that waited when it began."""
    scanned: int = 0
    known: int = 0
    """The same as another package, whose facts are there."""
    failed: int = 0
    again: int = 0
    """Attempts that failed for now."""

    @property
    def done(self) -> int:
        """Packages that are settled."""
        return self.scanned + self.known + self.failed

    def add(self, result: object, *, again: bool) -> None:
        """Counts one outcome; no result: the package is known."""
        if again:
            self.again += 1
        elif result is None:
            self.known += 1
        elif isinstance(result, Failure):
            self.failed += 1
        else:
            self.scanned += 1

    def parts(self) -> str:
        """What became of the packages, where there is something to tell."""
        parts = (
            (self.known, "known already"), (self.failed, "failed"), (self.again, "attempts to be made again"),
        )  # fmt: skip
        return "".join(f", {count:,} {name}" for count, name in parts if count)


def progress_line(tally: Tally, seconds: float) -> str:
    """One line for logs: count, rate, time left, what was known or failed."""
    rate = tally.done / seconds if seconds > 0 else 0.0
    left = f", {_span((tally.total - tally.done) / rate)} left" if rate and tally.total > tally.done else ""
    return f"{tally.done:,} of {tally.total:,} packages, {rate:.1f}/s{left}{tally.parts()}"


def end_line(tally: Tally, seconds: float) -> str:
    """What a run has done, when it is over."""
    if not tally.done and not tally.again:
        return "nothing to do: no package waits"
    rate = tally.done / seconds if seconds > 0 else 0.0
    return f"{tally.done:,} packages in {_span(seconds)}, {rate:.1f}/s: {tally.scanned:,} scanned{tally.parts()}"


def next_step(progress: Sequence[Progress], folder: object) -> str:
    """The command to go on with after a run; empty when all packages have a result."""

    def count(*states: State) -> int:
        return sum(item.counts.get(state, 0) for item in progress for state in states)

    if waiting := count(State.WAITING, State.LEASED):
        return f"{waiting:,} packages wait; next: nngauge study run {folder}"
    if failed := count(State.FAILED, State.QUARANTINED):
        return f"{failed:,} packages have no result; next: nngauge study failures {folder}"
    return ""


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
