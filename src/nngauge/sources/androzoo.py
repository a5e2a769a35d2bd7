"""AndroZoo: 25 million APKs by their SHA-256, with a list as CSV and an interface that hands them out to researchers.

The list is public, packages need a key, which is read from ``ANDROZOO_APIKEY`` and goes nowhere but to the server.
Settings of the list stand behind its name: ``androzoo:latest.csv.gz?market=play.google.com&from=2025-01-01&sample=1000``.
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from heapq import heappush, heappushpop
from pathlib import Path
from typing import Final
from urllib.parse import urlencode, urlsplit

from msgspec import Struct

from nngauge.domain.study import Item
from nngauge.errors import AccessError, MalformedError, UsageError
from nngauge.io.web import require_plain
from nngauge.sources._api import Opened, Source
from nngauge.sources._download import Download, opened
from nngauge.sources._lists import BadRows, numbered_lines, refuse_bad_row
from nngauge.sources._locators import Asked, divided
from nngauge.sources._turns import Turns

_PREFIX: Final = "androzoo:"
_KEY: Final = "ANDROZOO_APIKEY"
_SERVER: Final = "ANDROZOO_API"
"""Environment variable with the address of a server that speaks the same language."""
_DOWNLOAD: Final = "https://androzoo.uni.lu/api/download"
PARALLEL: Final = "androzoo.parallel"
"""Setting of sources: downloads at a time on one machine. "Please use at most ~20" (https://androzoo.uni.lu/api_doc)."""
PER_MINUTE: Final = "androzoo.per_minute"
"""Setting of sources: downloads that begin in a minute on one machine."""
_MOST_PARALLEL: Final = 20
_USUAL_PARALLEL: Final = "10"

_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")
_KEY_FORM: Final = re.compile(r"[0-9A-Za-z._~-]{8,256}")
_DATES: Final = ("dex_date", "vt_scan_date", "added")
_SETTINGS: Final = (
    "market", "package", "from", "to", "date", "max_size", "max_detections", "sample", "seed",
)  # fmt: skip


# --- the list ---------------------------------------------------------------------------------------------------------


class _Row(Struct, frozen=True, order=True):
    """What is kept of a row."""

    sha256: str
    size: int
    package: str
    version: str


def _items(locator: str, _settings: Mapping[str, str]) -> Iterator[Item]:
    place, query = divided(locator.removeprefix(_PREFIX))
    if not place.startswith(("http://", "https://")):
        place = str(Path(place).resolve())
    asked = Asked(query, _SETTINGS)
    bad = BadRows("androzoo", place)
    sample = _Sample(asked.number("sample"), asked.one("seed", "0"))
    lines = numbered_lines(place)
    columns = _columns(place, lines)
    wanted = _filter(asked, columns, place)
    for number, text in lines:
        try:
            row = _row(text, columns, wanted)
        except _Bad as problem:
            yield from bad.item(number, str(problem))
        else:
            if row is not None:
                yield from map(_item, sample.take(row))
    yield from map(_item, sample.taken())
    yield from bad.rest()


class _Bad(Exception):
    """Why a row is bad."""


def _columns(place: str, lines: Iterator[tuple[int, str | None]]) -> dict[str, int]:
    """Names of columns → which. Raises `MalformedError` when the first line does not name them."""
    _, first = next(lines, (0, None))
    names = [name.strip().strip('"') for name in (first or "").split(",")]
    if "sha256" not in names or "apk_size" not in names:
        raise MalformedError("not a list of AndroZoo: its first line does not name sha256 and apk_size", where=place)
    return {name: at for at, name in enumerate(names)}


def _filter(asked: Asked, columns: Mapping[str, int], place: str) -> Callable[[list[str]], bool]:
    """Which rows are asked for. Raises `UsageError`, and `MalformedError` without a column that it needs."""
    markets, packages = asked.all("market"), asked.all("package")
    first, last = asked.day("from"), asked.day("to")
    largest, detections = asked.number("max_size"), asked.number("max_detections")
    dated = asked.choice("date", _DATES, _DATES[0])

    def column(name: str, *, needed: bool) -> int:
        if needed and name not in columns:
            raise MalformedError(f"the list has no column {name}, which is asked about", where=place)
        return columns.get(name, 0)

    at_market, at_package = column("markets", needed=bool(markets)), column("pkg_name", needed=bool(packages))
    at_date, at_found = (
        column(dated, needed=bool(first or last)),
        column("vt_detection", needed=detections is not None),
    )
    at_size = columns["apk_size"]

    def wanted(cells: list[str]) -> bool:
        if markets and markets.isdisjoint(cells[at_market].split("|")):
            return False
        if packages and cells[at_package] not in packages:
            return False
        if first or last:
            day = cells[at_date][:10]
            if len(day) < 10 or day < first or (last and day > last):
                return False
        if detections is not None and not (cells[at_found].isdigit() and int(cells[at_found]) <= detections):
            return False
        return largest is None or not cells[at_size].isdigit() or int(cells[at_size]) <= largest

    return wanted


def _row(text: str | None, columns: Mapping[str, int], wanted: Callable[[list[str]], bool]) -> _Row | None:
    """One row; None when it is not asked for. Raises `_Bad`."""
    if text is None:
        raise _Bad("it is no text, or too long")
    cells = text.split(",")
    if len(cells) != len(columns) or '"' in text:
        cells = _quoted(text)
        if len(cells) != len(columns):
            raise _Bad(f"{len(cells)} columns, the first row names {len(columns)}")
    if not wanted(cells):
        return None
    digest, size = cells[columns["sha256"]], cells[columns["apk_size"]]
    if not _SHA256.fullmatch(digest):
        raise _Bad("what stands for the SHA-256 is not 64 hexadecimal digits")
    if not (size.isascii() and size.isdigit() and len(size) < 19):
        raise _Bad("the size is no number")
    return _Row(
        digest.lower(),
        int(size),
        cells[columns["pkg_name"]] if "pkg_name" in columns else "",
        cells[columns["vercode"]] if "vercode" in columns else "",
    )


def _quoted(text: str) -> list[str]:
    """The cells of a row with quotation marks, which the list has around all names of packages."""
    cells = [cell[1:-1] if cell[:1] == cell[-1:] == '"' and len(cell) > 1 else cell for cell in text.split(",")]
    if not any('"' in cell for cell in cells):
        return cells
    try:
        return next(csv.reader([text], strict=True))
    except (csv.Error, StopIteration) as error:
        raise _Bad(f"it is no CSV ({error})") from None


class _Sample:
    """So many rows, chosen by the seed and their digests: whatever the order of the list, and a part of larger samples."""

    def __init__(self, count: int | None, seed: str) -> None:
        self._count = count
        self._seed = hashlib.blake2b(seed.encode(), digest_size=16).digest()
        self._kept: list[tuple[int, _Row]] = []
        """A heap with the row that goes next at its top: memory is bounded by the sample, not by the list."""

    def take(self, row: _Row) -> Iterator[_Row]:
        """The row at once, when there is no sampling."""
        if self._count is None:
            yield row
            return
        digest = hashlib.blake2b(row.sha256.encode(), key=self._seed, digest_size=8).digest()
        ranked = (-int.from_bytes(digest, "big"), row)
        if len(self._kept) < self._count:
            heappush(self._kept, ranked)
        elif self._kept:
            heappushpop(self._kept, ranked)

    def taken(self) -> Iterator[_Row]:
        """The sample."""
        for _, row in sorted(self._kept, reverse=True):
            yield row


def _item(row: _Row) -> Item:
    return Item(
        locator=_PREFIX + row.sha256,
        size=row.size,
        stamp=row.sha256,
        sha256=row.sha256,
        package_id=row.package or None,
        version_code=row.version or None,
    )


# --- packages ---------------------------------------------------------------------------------------------------------


@contextmanager
def _open(item: Item, settings: Mapping[str, str]) -> Iterator[Opened]:
    refuse_bad_row(item)
    digest = item.locator.removeprefix(_PREFIX)
    turns = _turns(settings)
    address = f"{_server()}?{urlencode({'apikey': _key(), 'sha256': digest.upper()})}"
    download = Download(address, name=item.locator, size=item.size, sha256=item.sha256, busy=turns.hold)
    try:
        with opened(item, download, turns.turn()) as package:
            yield package
    except AccessError as error:
        raise AccessError(error.what, where=item.locator, hint=f"is the key in {_KEY} right?") from None


def _key() -> str:
    """The key. Raises `AccessError`, without showing it."""
    key = os.environ.get(_KEY, "").strip()
    if not key:
        raise AccessError("AndroZoo wants a key", hint=f"set {_KEY}; keys: https://androzoo.uni.lu/access")
    if not _KEY_FORM.fullmatch(key):
        raise AccessError(f"what {_KEY} holds does not look like a key", hint="letters and digits, nothing else")
    return key


def _server() -> str:
    """Address of the interface. Raises `UsageError` for one to which the key would travel unprotected."""
    address = require_plain(os.environ.get(_SERVER, "") or _DOWNLOAD)
    parts = urlsplit(address)
    if parts.query or (parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "::1", "localhost")):
        raise UsageError(f"the address in {_SERVER} has to begin with https:// and to have no question mark")
    return address


def _turns(settings: Mapping[str, str]) -> Turns:
    try:
        places = int(settings.get(PARALLEL, _USUAL_PARALLEL))
        rate = float(settings.get(PER_MINUTE, "0"))
    except ValueError:
        places, rate = 0, -1.0
    if not 1 <= places <= _MOST_PARALLEL or not 0 <= rate < 1e6:
        raise UsageError(
            f"{PARALLEL} is a number from 1 to {_MOST_PARALLEL}, {PER_MINUTE} a number, 0 for as many as come"
        )
    return Turns("androzoo", places, 60 / rate if rate else 0.0)


SOURCE = Source(
    name="androzoo",
    title="AndroZoo",
    example="androzoo:latest.csv.gz?market=play.google.com&from=2025-01-01&sample=1000",
    claims=lambda locator: locator.startswith(_PREFIX),
    items=_items,
    open=_open,
    keeps_promises=True,
    references=("https://androzoo.uni.lu/api_doc", "https://androzoo.uni.lu/lists", "doi:10.1145/2901739.2903508"),
    limitations=(
        "Rows whose date is missing are no part of what from and to ask for.",
        "Limits on downloads hold for one user on one machine; divide androzoo.parallel by the machines of a cluster.",
    ),
    secrets=(_KEY,),
)
