"""Answers to SQL questions: a table for people, CSV and JSON for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nngauge.words.safe import csv_text

_NUMBERS: Final = (int, float)


def render_answer(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, most: int = 200) -> RenderableType:
    """A table of the first `most` rows (0: all)."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for at, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[at], _NUMBERS) or row[at] is None for row in rows[:50])
        table.add_column(Text(column), justify="right" if numeric else "left", overflow="fold")
    shown = rows[:most] if most else rows
    for row in shown:
        table.add_row(*(Text(_cell(value)) for value in row))
    rest = len(rows) - len(shown)
    more = f"… and {rest:,} more rows; --csv and --json have them all" if rest else f"{len(rows):,} rows"
    return Group(table, Text(more, style="dim"))


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def answer_csv(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """CSV (RFC 4180) with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in (columns, *rows):
        writer.writerow([csv_text(value) if isinstance(value, str) else value for value in row])
    return text.getvalue()


def answer_json(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    """A list of objects, one a row."""
    return msgspec.json.encode([dict(zip(columns, row, strict=True)) for row in rows])
