"""Recordings that other software exported as text: Monsoon, Otii, Joulescope, and tables with units in their headers.

The unit is taken from the header, never from the size of the numbers; a table that does not tell it is refused, saying how to
tell. Every row is bounded; one row that is not numbers ends the reading.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Final

from msgspec import Struct

from nngauge.domain.energy import MeterFacts
from nngauge.errors import LimitError, MalformedError, UnsupportedError, UsageError
from nngauge.instruments._api import MeterKind, Reading, Wanted
from nngauge.instruments.trace import Trace, checked
from nngauge.io.whole import read_whole
from nngauge.limits import MAX_POWER_FILE, MAX_POWER_LINE, MAX_POWER_SAMPLES

_HEADER_LINES: Final = 40
"""In front of the table; exports begin with a few lines about themselves."""
_COLUMNS: Final = 64
_TIME: Final = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_UNITS: Final = {
    "a": ("A", 1.0), "ma": ("A", 1e-3), "ua": ("A", 1e-6), "µa": ("A", 1e-6), "na": ("A", 1e-9),
    "v": ("V", 1.0), "mv": ("V", 1e-3), "uv": ("V", 1e-6), "µv": ("V", 1e-6),
    "w": ("W", 1.0), "mw": ("W", 1e-3), "uw": ("W", 1e-6), "µw": ("W", 1e-6),
}  # fmt: skip
_MONSOON_HZ: Final = 5000.0
"""https://www.msoon.com/high-voltage-power-monitor: it samples at this rate."""
_JOULESCOPE: Final = {"current": ("A", 1.0), "voltage": ("V", 1.0), "power": ("W", 1.0)}
"""Columns without a unit in its exports, which begin with ``#time``; all are SI units:
https://joulescope.readthedocs.io/."""


class Column(Struct, frozen=True, kw_only=True):
    """What a header says of a column."""

    title: str
    quantity: str
    """time, A, V, W; empty: something else."""
    scale: float = 1.0
    unit: str = ""


class _Table(Struct, frozen=True, kw_only=True):
    maker: str
    separator: str
    comma: bool
    """Decimal comma."""
    columns: tuple[Column, ...]
    first: int
    """Line after the header."""


def parse(data: bytes, wanted: Wanted, name: str = "") -> Reading:
    """The recording in a table. Raises `MalformedError` and `UnsupportedError` with the line, `LimitError` for too much."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):  # what spreadsheets call Unicode text
        data = data.decode("utf-16", "replace").encode("utf-8", "replace")
    if b"\0" in data[:4096]:
        raise UnsupportedError("not a table of text", where=name)
    table = _table(data, wanted, name)
    time, picked = _chosen(table, wanted, name)
    seconds, values = _rows(data, table, [time, *picked], name)
    scale = _time_scale(table.columns[time], seconds, table.maker, wanted, name)
    seconds = [value * scale for value in seconds]
    if table.maker == "monsoon":
        seconds = _spread(seconds)
    return _reading(table, picked, seconds, values, wanted, name)


def _lines(data: bytes, name: str) -> Iterator[tuple[int, str]]:
    """Numbered lines, without empty ones, bounded."""
    start, number = 0, 0
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        number += 1
        if end - start > MAX_POWER_LINE:
            raise LimitError(f"a line of {end - start} bytes", where=f"{name} line {number}")
        line = _decoded(data[start:end]).strip("\ufeff \t\r\n").replace("\u03bc", "µ")  # two letters look alike
        start = end + 1
        if line:
            yield number, line


def _decoded(line: bytes) -> str:
    """UTF-8, else what Windows writes in the west of Europe: its µ is another byte."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace")


# --- header ----------------------------------------------------------------------------------------------------------------


def _table(data: bytes, wanted: Wanted, name: str) -> _Table:
    for number, line in _lines(data, name):
        if number > _HEADER_LINES:
            break
        for separator in (";", "\t", ","):
            cells = [cell.strip().strip('"').strip() for cell in line.split(separator)]
            if len(cells) > _COLUMNS:
                raise LimitError(f"{len(cells)} columns", where=f"{name} line {number}")
            if len(cells) > 1 and _is_time(cells[0]) and not _numeric(cells[1]):
                maker = _maker(cells)
                return _Table(
                    maker=maker, separator=separator, comma=separator != ",", first=number,
                    columns=tuple(_column(cell, maker, wanted) for cell in cells),
                )  # fmt: skip
    raise UnsupportedError(
        "no header with a time in its first column was found", where=name, hint="time (s),current (A)"
    )


def _is_time(title: str) -> bool:
    return bool(re.match(r"#?\s*(time|timestamp|t)(?![a-z])", title, re.IGNORECASE))


def _numeric(cell: str) -> bool:
    return bool(re.fullmatch(r"[-+]?[0-9][0-9.,eE+-]{0,40}", cell))


def _maker(cells: Sequence[str]) -> str:
    lower = [cell.lower() for cell in cells]
    if lower[0].startswith("#time"):
        return "joulescope"
    if any(re.match(r"(main|usb|aux)\s*(avg |average )?(voltage|power|current)?\s*\(", cell) for cell in lower):
        return (
            "monsoon"
            if any(cell.startswith(("main(", "usb(", "aux(", "main avg", "usb avg")) for cell in lower)
            else "otii"
        )
    return "otii" if any(re.search(r"\b(arc|ace)\b", cell) for cell in lower) else "table"


def _column(title: str, maker: str, wanted: Wanted) -> Column:
    match = re.search(r"[(\[]\s*([^)\]]{1,12}?)\s*[)\]]\s*$", title) or re.search(
        r"[_ ]([munµ]?[AVWs]|ms|us|ns)$", title
    )
    unit = match[1] if match else ""
    if _is_time(title):
        return Column(title=title, quantity="time", scale=_TIME.get(unit.lower(), 0.0), unit=unit)
    bare = title.lower().lstrip("#").strip()
    if not unit and maker == "joulescope" and bare in _JOULESCOPE:
        quantity, scale = _JOULESCOPE[bare]
        return Column(title=title, quantity=quantity, scale=scale, unit=quantity)
    if not unit and wanted.value_unit and bare in ("value", "current", "power", "main current", "main power"):
        unit = wanted.value_unit
    quantity, scale = _UNITS.get(unit.lower(), ("", 1.0))
    if unit[:1] == "M":  # megawatts are not milliwatts
        quantity = ""
    return Column(title=title, quantity=quantity, scale=scale, unit=unit)


# --- which columns ---------------------------------------------------------------------------------------------------------


def _chosen(table: _Table, wanted: Wanted, name: str) -> tuple[int, list[int]]:
    """Numbers of the columns: time, then power, or current and voltage, or current only."""
    columns = [column for column in table.columns if column.title]
    times = [at for at, column in enumerate(table.columns) if column.quantity == "time"]
    by_unit = {unit: _only(table, unit, wanted, name) for unit in ("W", "A", "V")}
    if by_unit["A"] is not None and by_unit["V"] is not None:
        return times[0], [by_unit["A"], by_unit["V"]]
    if by_unit["W"] is not None:
        return times[0], [by_unit["W"]]
    if by_unit["A"] is not None and wanted.volts:
        return times[0], [by_unit["A"]]
    titles = ", ".join(column.title[:40] for column in columns)
    if by_unit["A"] is not None:
        raise UnsupportedError("a current without a voltage is no power", where=name, hint="tell the supply's voltage")
    if any(column.title.lower() == "value" for column in columns):
        raise UnsupportedError("a column *value* without a unit", where=name, hint="tell its unit: A, mA, W …")
    raise UnsupportedError(
        f"no column with a current or a power and its unit: {titles[:200]}",
        where=name,
        hint="current (mA), power (W) …",
    )


def _only(table: _Table, unit: str, wanted: Wanted, name: str) -> int | None:
    found = [at for at, column in enumerate(table.columns) if column.quantity == unit]
    if wanted.rails:
        found = [at for at in found if any(rail.lower() in table.columns[at].title.lower() for rail in wanted.rails)]
    if len(found) > 1:
        main = [at for at in found if table.columns[at].title.lower().startswith("main")]
        if len(main) != 1:
            titles = ", ".join(table.columns[at].title[:40] for at in found)
            raise UnsupportedError(f"several columns in {unit}: {titles}", where=name, hint="tell which rail")
        found = main
    return found[0] if found else None


# --- rows ------------------------------------------------------------------------------------------------------------------


def _rows(data: bytes, table: _Table, columns: Sequence[int], name: str) -> tuple[list[float], list[list[float]]]:
    seconds: list[float] = []
    values: list[list[float]] = [[] for _ in columns[1:]]
    for number, line in _lines(data, name):
        if number <= table.first or line.startswith("#"):
            continue
        cells = line.split(table.separator)
        if len(cells) <= max(columns):
            raise MalformedError(f"{len(cells)} columns instead of {len(table.columns)}", where=f"{name} line {number}")
        row = [_value(cells[at], comma=table.comma, where=f"{name} line {number}") for at in columns]
        seconds.append(row[0])
        for column, value in zip(values, row[1:], strict=True):
            column.append(value)
        if len(seconds) > MAX_POWER_SAMPLES:
            raise LimitError(f"more than {MAX_POWER_SAMPLES:,} rows", where=name)
    if len(seconds) < 2:
        raise MalformedError("fewer than two rows", where=name)
    return seconds, values


def _value(cell: str, *, comma: bool, where: str) -> float:
    cell = cell.strip().strip('"')
    cell = cell.replace(",", ".") if comma else cell
    if not re.fullmatch(r"[-+]?[0-9]{0,25}\.?[0-9]{0,25}(?:[eE][-+]?[0-9]{1,3})?", cell, re.ASCII) or not re.search(
        "[0-9]", cell
    ):
        raise MalformedError(f"not a number: {cell[:40]!r}", where=where)
    value = float(cell)
    if not math.isfinite(value):
        raise MalformedError(f"not a finite number: {cell[:40]!r}", where=where)
    return value


def _time_scale(column: Column, times: Sequence[float], maker: str, wanted: Wanted, name: str) -> float:
    """Seconds of the time's unit. Monsoon's Python library writes seconds below the header ``Time(ms)``."""
    if wanted.time_unit:
        if wanted.time_unit not in _TIME:
            raise UsageError(f"unknown unit of time: {wanted.time_unit}", hint="s, ms, us, ns")
        return _TIME[wanted.time_unit]
    if maker == "monsoon" and column.unit.lower() == "ms":
        return _monsoon_scale(times, name)
    if column.scale:
        return column.scale
    if maker in ("joulescope", "otii") or column.title.lower() in ("timestamp", "#time"):
        return 1.0
    raise UnsupportedError("the unit of the time is not told", where=name, hint="tell it: s, ms, us or ns")


def _monsoon_scale(times: Sequence[float], name: str) -> float:
    """Read as milliseconds, rows cannot come faster than the meter samples; if they do, these are seconds."""
    span = times[-1] - times[0]
    if span <= 0:
        raise MalformedError("the time does not go on", where=name)
    rate = (len(times) - 1) / span
    if rate * 1e3 > 1.2 * _MONSOON_HZ:
        return 1.0
    raise UnsupportedError(
        f"{rate:.3g} rows in a unit of time: may be seconds or milliseconds", where=name, hint="tell it: s or ms"
    )


def _spread(seconds: Sequence[float]) -> list[float]:
    """Samples that came in one packet carry one time; they are spread evenly up to the next packet's."""
    found: list[float] = []
    starts = [at for at in range(len(seconds)) if at == 0 or seconds[at] != seconds[at - 1]]
    if len(starts) == len(seconds) or len(starts) < 2:
        return list(seconds)
    usual = median((seconds[b] - seconds[a]) / (b - a) for a, b in pairwise(starts))
    for start, stop in pairwise([*starts, len(seconds)]):
        step = (seconds[stop] - seconds[start]) / (stop - start) if stop < len(seconds) else usual
        found += [seconds[start] + step * at for at in range(stop - start)]
    return found


def _reading(
    table: _Table,
    picked: Sequence[int],
    seconds: Sequence[float],
    values: Sequence[Sequence[float]],
    wanted: Wanted,
    name: str,
) -> Reading:
    scaled = [
        tuple(value * table.columns[at].scale for value in column) for at, column in zip(picked, values, strict=True)
    ]
    first = table.columns[picked[0]]
    rail = first.title[:60]
    if first.quantity == "W":
        trace = Trace(rail=rail, clock="meter", seconds=tuple(seconds), watts=scaled[0])
    else:
        volts = scaled[1] if len(scaled) > 1 else (wanted.volts or 0.0,) * len(seconds)
        trace = Trace(rail=rail, clock="meter", seconds=tuple(seconds), amps=scaled[0], volts=volts)
    unit = ", ".join(table.columns[at].unit for at in picked)
    facts = MeterFacts(name=table.maker, source=name, unit=unit, rails=(rail,))
    return Reading(trace=checked(trace), facts=facts, outside=True)


def _load(path: Path, wanted: Wanted) -> Reading:
    return parse(read_whole(path, MAX_POWER_FILE, "the recording"), wanted, path.name)


METER: Final = MeterKind(
    name="csv",
    title="Recording exported as text (Monsoon, Otii, Joulescope, other)",
    load=_load,
    references=(
        "https://github.com/msoon/PyMonsoon",
        "https://www.qoitech.com/docs/",
        "https://joulescope.readthedocs.io/",
    ),
    limitations=(
        "On the meter's clock: bursts of work at the beginning align it.",
        "Joulescope's and Otii's headers are from memory of their software, not from a recording of ours.",
    ),
)
