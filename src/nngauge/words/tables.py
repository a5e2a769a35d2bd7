"""Answers of rows and columns: CSV and JSON for programs, and values as people read them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from nngauge.units import format_bytes, format_count, format_seconds, format_si
from nngauge.words.safe import csv_text, one_line

_ABSENT: Final = "–"
_SI: Final = {"joules": "J", "watts": "W"}


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


def shown_value(value: Any, unit: str = "") -> str:
    """One cell as people read it: a ``share`` of 0.123 as 12.3 %, ``points`` as +1.2, ``bytes`` as 1.2 MB; – for None."""
    if value is None:
        return _ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _number(value, unit)
    return one_line(str(value))


def _number(value: float, unit: str) -> str:
    if unit == "share":
        return _percent(value)
    if unit == "points":
        return f"{100 * value:+.1f}"
    if unit == "bytes":
        return f"{'-' if value < 0 else ''}{format_bytes(round(abs(value)))}"
    if unit == "seconds" and value >= 0:
        return format_seconds(value) if value >= 1 or value == 0 else format_si(value, "s")
    if unit in _SI:
        return format_si(value, _SI[unit])
    if unit in {"macs", "parameters"} and value >= 0:
        return format_count(round(value))
    if unit == "ratio":
        return f"{value:.2f} ×"
    if unit == "date":  # of which only the year is known
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"


def _percent(value: float) -> str:
    figure = 100 * value
    if 0 < figure < 0.05:
        return "< 0.1 %"
    return f"{figure:.1f} %" if figure < 99.95 or figure > 99.99999 else "> 99.9 %"
