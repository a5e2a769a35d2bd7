"""The compression tables of a study on a terminal: how far it is, and what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from nngauge.domain.compression import InputSource, Refusal, Scheme, StudyTable, Table
from nngauge.screen.compress import GOOD, best, share_text, sqnr_text
from nngauge.units import format_bytes, format_seconds
from nngauge.words.amounts import plural
from nngauge.words.safe import brief, one_line

_SHOWN: Final = 20
"""Models on the screen; `nngauge study sql` has all."""
_BITS: Final = (8, 4)
"""Of the linear scheme, which formats and kernels of today have."""


class Tally(Struct):
    """What has been done so far, in models."""

    made: int = 0
    known: int = 0
    """Tables that were there before."""
    refused: int = 0

    @property
    def done(self) -> int:
        """Models that were looked at."""
        return self.made + self.known + self.refused

    @property
    def tables(self) -> int:
        """Models with a table."""
        return self.made + self.known

    def add(self, one: StudyTable, *, known: bool) -> None:
        """Counts one model."""
        if one.table is None:
            self.refused += 1
        elif known:
            self.known += 1
        else:
            self.made += 1

    def rate(self, seconds: float) -> str:
        """Of tables that were made."""
        return f"{60 * self.made / seconds:.1f} a minute" if seconds > 0 and self.made else ""


def progress_line(tally: Tally, total: int, looked: int, seconds: float) -> str:
    """One line for logs: tables, rate, time left. `total`: of models or, of the most used, tables; `looked`: of these."""
    new = looked - tally.known
    left = f", {format_seconds((total - looked) * seconds / new)} left" if new > 0 and looked < total else ""
    rate = tally.rate(seconds)
    return f"{looked:,} of {total:,}: {_parts(tally)}{f', {rate}' if rate else ''}{left}"


def _parts(tally: Tally) -> str:
    parts = ((tally.made, "made"), (tally.known, "known already"), (tally.refused, "without a table"))
    return ", ".join(f"{count:,} {name}" for count, name in parts if count) or "none yet"


class Line(Struct, frozen=True, kw_only=True):
    """What is said of one model when it is over."""

    digest: str
    name: str
    format: str
    size: int | None = None
    inputs: int | None = None
    input_source: InputSource | None = None
    cells: tuple[str, ...] = ()
    """For each of `_BITS`, for people."""
    smallest: str = ""
    """The smallest version that keeps `GOOD`; empty: none does."""
    smallest_bytes: int | None = None
    refusal: Refusal | None = None


def line_of(one: StudyTable) -> Line:
    """The line of one model: thousands of tables are not kept in memory for it."""
    table = one.table
    if table is None:
        return Line(digest=one.model, name=one.name, format=one.format, refusal=one.refusal)
    smallest = best(table)
    return Line(
        digest=one.model, name=one.name, format=one.format, size=table.shipped.packed, inputs=table.inputs.count,
        input_source=table.inputs.source, cells=tuple(_cell(table, bits) for bits in _BITS),
        smallest=smallest.variant.label if smallest is not None else "",
        smallest_bytes=smallest.sizes.packed if smallest is not None else None,
    )  # fmt: skip


def render_study(lines: Sequence[Line], tally: Tally, seconds: float, folder: object) -> RenderableType:
    """What became of the models, in the order in which they were looked at."""
    blocks: list[RenderableType] = [
        Text(f"{plural(tally.done, 'model')} in {format_seconds(seconds)}: {_parts(tally)}")
    ]
    tables = [line for line in lines if line.refusal is None]
    if tables:
        blocks += ["", _grid(tables[:_SHOWN])]
        if len(tables) > _SHOWN:
            blocks.append(Text(f"… and {len(tables) - _SHOWN:,} more", style="dim"))
        blocks.append(Text("Agreement with the shipped model, with its 95 % interval; it is not accuracy."))
    blocks += _refused([line.refusal for line in lines if line.refusal is not None])
    blocks.append(Text(f"next: nngauge report {folder} R18", style="dim"))
    return Group(*blocks)


def _grid(lines: Sequence[Line]) -> Grid:
    grid = Grid(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    grid.add_column("model", overflow="fold")
    for title in (
        "size",
        "inputs",
        *(f"{bits} bit linear" for bits in _BITS),
        f"smallest that keeps {100 * GOOD:.0f} %",
    ):
        grid.add_column(title)
    for line in lines:
        smallest = f"{line.smallest}, {format_bytes(line.smallest_bytes or 0)}" if line.smallest else "–"
        source = line.input_source.value if line.input_source is not None else ""
        grid.add_row(
            Text(brief(one_line(line.name))), format_bytes(line.size or 0), f"{line.inputs} × {source}", *line.cells, smallest,
        )  # fmt: skip
    return grid


def _cell(table: Table, bits: int) -> str:
    row = next((row for row in table.rows if row.variant.bits == bits and row.variant.scheme is Scheme.LINEAR), None)
    if row is None or row.agreement is None:
        return row.refusal.reason if row is not None and row.refusal is not None else "–"
    return share_text(row.agreement) if row.agreement.share is not None else sqnr_text(row.agreement)


def _refused(found: Sequence[Refusal]) -> list[RenderableType]:
    if not found:
        return []
    grid = Grid(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    grid.add_column("models", justify="right")
    for title in ("no table", "one of the reasons", "what to do"):
        grid.add_column(title, overflow="fold")
    for kind, count in Counter(refusal.reason for refusal in found).most_common():
        one = next(refusal for refusal in found if refusal.reason == kind)
        grid.add_row(
            f"{count:,}", Text(kind, style="yellow"), Text(brief(one_line(one.explanation))), Text(one_line(one.hint))
        )
    return ["", grid]
