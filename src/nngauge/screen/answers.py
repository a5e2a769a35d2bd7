"""Answers to questions as a table for people; `nngauge.words.tables` has CSV and JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nngauge.words.tables import shown_value

_NUMBERS: Final = (int, float)


def render_answer(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], *, units: Sequence[str] = (), most: int = 200
) -> RenderableType:
    """A table of the first `most` rows (0: all); `units`: of the columns, as in `nngauge.words.tables.shown_value`."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for at, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[at], _NUMBERS) or row[at] is None for row in rows[:50])
        table.add_column(Text(column), justify="right" if numeric else "left", overflow="fold")
    shown = rows[:most] if most else rows
    units = units or [""] * len(columns)
    for row in shown:
        table.add_row(*(Text(shown_value(value, unit)) for value, unit in zip(row, units, strict=True)))
    rest = len(rows) - len(shown)
    more = f"… and {rest:,} more rows; --csv and --json have them all" if rest else f"{len(rows):,} rows"
    return Group(table, Text(more, style="dim"))
