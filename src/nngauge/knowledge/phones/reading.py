"""Reads the tables of phones, chips and shares: CSV files beside this one, or the user's own table of shares."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from nngauge.errors import LimitError, MalformedError
from nngauge.io.whole import read_whole
from nngauge.knowledge.phones.schema import Cluster, Kind, Phone, Share, Shares, Soc, Source, Tier
from nngauge.limits import MIB

_HERE: Final = Path(__file__).parent
_MOST: Final = 4 * MIB
_ROWS: Final = 20_000
SHARES: Final = _HERE / "shares.csv"


@cache
def sources() -> Mapping[str, Source]:
    """Where facts come from, by id."""
    return {row["id"]: Source(**row) for _, row in _rows(_HERE / "sources.csv")}


@cache
def socs() -> Mapping[str, Soc]:
    """All chips, by id."""
    return {row["id"]: _soc(row, where) for where, row in _rows(_HERE / "socs.csv")}


@cache
def phones() -> Mapping[str, Phone]:
    """All devices, by id."""
    return {row["id"]: _phone(row, where) for where, row in _rows(_HERE / "phones.csv")}


def read_shares(path: Path | None = None) -> Shares:
    """The table of phones in use that comes with nngauge, or that in `path`.

    Columns: platform, year, tier, share. Lines that begin with ``#`` tell what the table is; ``# assumed`` on one of them
    says that it was not counted. Raises `InputError` for a file that is none.
    """
    file = path or SHARES
    remarks = [line[1:].strip() for line in _text(file).splitlines() if line.startswith("#")]
    rows = tuple(_share(row, where) for where, row in _rows(file))
    found = Shares(
        rows=rows,
        title=" ".join(remark for remark in remarks if remark != "assumed") or file.name,
        assumed="assumed" in remarks,
    )
    if not rows or found.total > 1 + 1e-6:
        raise MalformedError(f"the shares add up to {found.total:.3f}, not to at most 1", where=str(file))
    return found


def _soc(row: Mapping[str, str], where: str) -> Soc:
    return Soc(
        id=row["id"], name=row["name"], maker=row["maker"], tier=Tier(row["tier"]) if row["tier"] else None,
        clusters=tuple(_cluster(one, where) for one in row["clusters"].split(",") if one), gpu=row["gpu"], npu=row["npu"],
        bandwidth_gbs=_number(row["bandwidth_gbs"], where), aliases=_list(row["aliases"], ";"), sources=_list(row["sources"]),
    )  # fmt: skip


def _cluster(text: str, where: str) -> Cluster:
    """``4 cortex-a55 1.8``; ``unknown`` for a core that nobody names, no clock where it is not known."""
    words = text.split()
    if len(words) not in {2, 3} or not words[0].isdigit():
        raise MalformedError(f"{text!r} are no cores", where=where)
    return Cluster(
        int(words[0]), "" if words[1] == "unknown" else words[1], _number(words[2], where) if words[2:] else None
    )


def _phone(row: Mapping[str, str], where: str) -> Phone:
    year, battery = _number(row["year"], where), _number(row["battery_mah"], where)
    return Phone(
        id=row["id"], name=row["name"], kind=Kind(row["kind"]), platform=row["platform"], socs=_list(row["socs"]),
        year=None if year is None else int(year), ram_mb=tuple(int(one) for one in row["ram_mb"].split()),
        battery_mah=None if battery is None else int(battery), aliases=_list(row["aliases"], ";"), sources=_list(row["sources"]),
    )  # fmt: skip


def _share(row: Mapping[str, str], where: str) -> Share:
    year, share = _number(row["year"], where), _number(row["share"], where)
    if year is None or share is None or not 0 <= share <= 1:
        raise MalformedError("a share needs a year, and a part between 0 and 1", where=where)
    if row["tier"] not in set(Tier):
        raise MalformedError(f"there is no tier {row['tier']!r}, only {', '.join(Tier)}", where=where)
    return Share(platform=row["platform"], year=int(year), tier=Tier(row["tier"]), share=share)


def _list(text: str, separator: str | None = None) -> tuple[str, ...]:
    return tuple(one.strip() for one in text.split(separator) if one.strip())


def _number(text: str, where: str) -> float | None:
    if not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        raise MalformedError(f"{text!r} is no number", where=where) from None
    if not math.isfinite(value) or value < 0:
        raise MalformedError(f"{text!r} is no amount", where=where)
    return value


def _rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Lines with what they are, and where: every one must have all columns."""
    lines = [line for line in _text(path).splitlines() if line.strip() and not line.startswith("#")]
    if len(lines) > _ROWS:
        raise LimitError(f"has more than {_ROWS} lines", where=str(path))
    reader = csv.DictReader(io.StringIO("\n".join(lines)), strict=True)
    wanted = _COLUMNS[path.name] if path.parent == _HERE else _COLUMNS["shares.csv"]
    if tuple(reader.fieldnames or ()) != wanted:
        raise MalformedError(f"its columns must be {', '.join(wanted)}", where=str(path))
    try:
        for row in reader:
            where = f"{path.name}:{row.get('id') or reader.line_num}"
            if None in row or None in row.values():
                raise MalformedError("a line with too few or too many columns", where=where)
            yield where, row
    except csv.Error as error:
        raise MalformedError(f"is no CSV: {error}", where=str(path)) from None


_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "sources.csv": ("id", "title", "where", "license", "read"),
    "socs.csv": ("id", "name", "maker", "tier", "clusters", "gpu", "npu", "bandwidth_gbs", "aliases", "sources"),
    "phones.csv": ("id", "name", "kind", "platform", "socs", "year", "ram_mb", "battery_mah", "aliases", "sources"),
    "shares.csv": ("platform", "year", "tier", "share"),
}


def _text(path: Path) -> str:
    try:
        return read_whole(path, _MOST, "the table").decode("utf-8-sig")
    except UnicodeDecodeError:
        raise MalformedError("is not UTF-8", where=str(path)) from None
