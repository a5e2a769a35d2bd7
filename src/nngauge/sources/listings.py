"""Tables of what a store says about its apps: CSV (comma, semicolon, tab) or JSON lines, plain or gzipped.

Columns are recognised by the names that scrapers and published tables give them (`nngauge.domain.market.FIELDS`), or named
by the user. A row that names no package is refused, a cell that cannot be read is left empty; both are counted, and the
first are kept with their line.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import IO, Any, Final

import msgspec
from msgspec import Struct

from nngauge.domain.market import FIELDS
from nngauge.errors import LimitError, MalformedError, UsageError
from nngauge.io.source import ByteSource
from nngauge.limits import MAX_LIST_ROWS, MAX_LISTING_COLUMNS, MAX_LISTING_LINE, MAX_LISTING_PROBLEMS
from nngauge.sources import _listing_cells as cells
from nngauge.sources._lists import bounded_line, unpacked

Row = tuple[Any, ...]
"""Values in the order of `FIELDS`, then the line."""
_NAMES: Final = tuple(field.name for field in FIELDS)
_AT: Final = {name: index for index, name in enumerate(_NAMES)}
_PACKAGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
"""Application ids, and bundle identifiers, which may hold hyphens."""
_SNAPSHOT: Final = re.compile(r"[^\x00-\x1f\x7f]{1,100}")
_EXCERPT: Final = 120
_SHAPES: Final = 1000
"""Sets of JSON keys whose plan is kept."""
_READERS: Final[Mapping[str, Callable[[cells.Scalar], Any]]] = {
    "title": cells.title, "description": cells.long_text, "rank": cells.rank, "rating": cells.rating,
    "price": cells.price, "date": cells.day, "released": cells.day, "updated": cells.day,
    "downloads": cells.count, "downloads_exact": cells.count, "ratings": cells.count, "reviews": cells.count,
    "free": cells.flag, "in_app": cells.flag, "ads": cells.flag,
}  # fmt: skip

_Key = int | str | tuple[str | int, ...]
"""Where a row has a value: a column's number, a key, or a path into nested JSON."""
_Reader = Callable[[cells.Scalar], Any]


class _Plan(Struct, frozen=True):
    """What to read from rows that have the same columns."""

    pick: Callable[[Any], Sequence[Any]]
    """A row → the cell where each field is looked for first."""
    fields: tuple[tuple[int, _Reader, tuple[_Key, ...]], ...]
    """Place of each field, how to read it, and where to look when the first cell is empty."""


class Problem(Struct, frozen=True):
    """A row that was refused or a cell that was left empty."""

    line: int
    column: str
    """Field that the cell is for; empty: the whole row."""
    reason: str
    text: str
    """Beginning of what stands there."""


class Listings:
    """One table, to be iterated once; then its counts are known.

    `snapshot`: of all rows; else each row's own, else the month of its date. `columns`: field → name in the table, for
    tables that call things otherwise. `descriptions`: keep the long texts.
    """

    def __init__(
        self, place: str, *, snapshot: str = "", columns: Mapping[str, str] | None = None, descriptions: bool = False
    ) -> None:
        self.place = place
        self.named = dict(columns or {})
        self.read = 0
        """Rows, good and bad."""
        self.refused = 0
        self.unreadable: Counter[str] = Counter()
        """Cells that could not be read, by field."""
        self.problems: list[Problem] = []
        """The first of both."""
        self.used: dict[str, str] = {}
        """Field → what the table calls it."""
        self._snapshot = snapshot
        self._left_out = frozenset(() if descriptions else ("description",))
        unknown = sorted(set(self.named) - set(_NAMES))
        if unknown:
            raise UsageError(f"no field is called {unknown[0]!r}", hint=", ".join(_NAMES))
        if snapshot and not _SNAPSHOT.fullmatch(snapshot):
            raise UsageError("not a name for a snapshot", hint="for example 2026-11")

    @property
    def settings(self) -> str:
        """How it is to be read; two tables with the same content and settings give the same rows."""
        return repr((self._snapshot, sorted(self.named.items()), sorted(self._left_out)))

    def content_digest(self) -> str:
        """SHA-256 of the file. Raises `UnreadableError`."""
        state = hashlib.sha256()
        with ByteSource.open(self.place) as source:
            for piece in source.chunks():
                state.update(piece)
        return state.hexdigest()

    def __iter__(self) -> Iterator[Row]:
        """The good rows.

        Raises `UnreadableError`, `MalformedError` when no row can name a package or packed bytes are damaged, `LimitError`
        and, for names of columns that are not there, `UsageError`.
        """
        with ByteSource.open(self.place) as source:
            lines = _Lines(unpacked(source), self.place)
            if lines.begin == b"[":
                raise MalformedError("one JSON array", where=self.place, hint="one object a line: jq -c '.[]'")
            rows = self._json_rows(lines) if lines.begin == b"{" else self._csv_rows(lines)
            good = 0
            for row in rows:
                good += 1
                yield row
        missing = sorted(set(self.named) - set(self.used))
        if missing:
            name = self.named[missing[0]]
            raise UsageError(f"nothing in the table is called {name!r}", where=self.place)
        if not good:
            told = f": {self.problems[0].reason}" if self.problems else ""
            raise MalformedError(f"no row can be used{told}", where=self.place, hint="--column package_id=NAME")

    # --- CSV --------------------------------------------------------------------------------------------------------

    def _csv_rows(self, lines: _Lines) -> Iterator[Row]:
        header, delimiter = _header(next(lines, ""))
        plan = self._planned(header, nested=False)
        if not any(index == _AT["package_id"] for index, *_ in plan.fields):
            shown = ", ".join(header)[:300]
            raise MalformedError(
                f"no column names a package: {shown}", where=self.place, hint="--column package_id=NAME"
            )
        reader = csv.reader(lines, delimiter=delimiter)
        while True:
            line = lines.number + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                self._count()
                self._refuse(line, f"{error}, up to line {lines.number}: a quote that does not end", "")
                continue
            if not row:
                continue
            self._count()
            if lines.cut:
                self._refuse(line, "a line that is too long", row[0])
                lines.cut = False
            elif len(row) != len(header):
                reason = f"{len(row)} columns, the header has {len(header)}"
                reason += f"; up to line {lines.number}" if lines.number > line else ""
                self._refuse(line, reason, delimiter.join(row))
            elif found := self._good(plan, row, line):
                yield found

    # --- JSON lines ---------------------------------------------------------------------------------------------------

    def _json_rows(self, lines: _Lines) -> Iterator[Row]:
        decoder = msgspec.json.Decoder(dict[str, Any])
        plans: dict[tuple[str, ...], _Plan] = {}
        while data := lines.take():
            number = lines.number
            if lines.cut:
                lines.cut = False
                self._count()
                self._refuse(number, "a line that is too long", _shown(data))
                continue
            data = data.strip()
            if not data:
                continue
            self._count()
            try:
                row = decoder.decode(data)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                self._refuse(number, f"no JSON object: {error}"[:_EXCERPT], _shown(data))
                continue
            shape = tuple(row)
            plan = plans.get(shape)
            if plan is None:
                plan = self._planned(shape, nested=True)
                if len(plans) < _SHAPES:
                    plans[shape] = plan
            if found := self._good(plan, row, number):
                yield found

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _planned(self, names: Sequence[str], *, nested: bool) -> _Plan:
        """What to read from rows with these columns or, `nested`, keys."""
        there: dict[str, _Key] = {}
        for at, name in enumerate(names[:MAX_LISTING_COLUMNS]):
            there.setdefault(plain_name(name), name if nested else at)
        fields, firsts = [], []
        for index, field in enumerate(FIELDS):
            told = self.named.get(field.name)
            called = (told,) if told else () if field.name in self._left_out else field.called
            keys = tuple(key for name in called if (key := _where(name, there, nested=nested)) is not None)
            if keys:
                self.used.setdefault(field.name, names[keys[0]] if isinstance(keys[0], int) else _dotted(keys[0]))
                fields.append((index, _READERS.get(field.name, cells.text), keys[1:]))
                firsts.append(keys[0])
        return _Plan(_picker(firsts, nested=nested), tuple(fields))

    def _good(self, plan: _Plan, row: Any, line: int) -> Row | None:
        """The values of a row; None when it names no package. A million times, so there is little of it."""
        values: list[Any] = [None] * len(_NAMES)
        for (index, read, others), raw in zip(plan.fields, plan.pick(row), strict=True):
            try:
                value = read(raw) if raw is not None and raw != "" else None
                if value is None and others:
                    value = _first_of(row, others, read)
            except (ValueError, OverflowError) as error:
                self._leave(line, index, error, raw)
            else:
                values[index] = value
        reason = self._completed(values)
        if reason:
            self._refuse(line, reason, str(values[0] or ""))
            return None
        values.append(line)
        return tuple(values)

    def _completed(self, values: list[Any]) -> str:
        """Fills in what follows from other values; why the row cannot be used."""
        package = values[_AT["package_id"]]
        if package is None or not _PACKAGE.fullmatch(package):
            return "no name of a package"
        date = values[_AT["date"]]
        snapshot = self._snapshot or values[_AT["snapshot"]] or (date and date[:7])
        if not snapshot or not _SNAPSHOT.fullmatch(snapshot):
            return "neither a snapshot nor a date: --snapshot"
        values[_AT["snapshot"]] = snapshot
        free, price = values[_AT["free"]], values[_AT["price"]]
        if free is None and price is not None:
            values[_AT["free"]] = price == 0
        elif free and price is None:
            values[_AT["price"]] = 0.0
        return ""

    def _count(self) -> None:
        self.read += 1
        if self.read > MAX_LIST_ROWS:
            raise LimitError(f"more than {MAX_LIST_ROWS} rows", where=self.place)

    def _refuse(self, line: int, reason: str, text: str) -> None:
        self.refused += 1
        self._keep(Problem(line, "", reason, text[:_EXCERPT]))

    def _leave(self, line: int, index: int, error: Exception, raw: object) -> None:
        self.unreadable[_NAMES[index]] += 1
        self._keep(Problem(line, _NAMES[index], str(error)[:_EXCERPT], str(raw)[:_EXCERPT]))

    def _keep(self, problem: Problem) -> None:
        if len(self.problems) < MAX_LISTING_PROBLEMS:
            self.problems.append(problem)


class _Lines:
    """Lines of a table: as they are, or as text for the csv module, where what is no UTF-8 becomes U+FFFD."""

    def __init__(self, stream: IO[bytes], place: str) -> None:
        self.number = 0
        """Of the last line that was taken, from 1."""
        self.cut = False
        """Whether a line since this was last cleared was longer than `limits.MAX_LISTING_LINE`."""
        self._stream = stream
        self._place = place
        self._first = self._line().removeprefix(codecs.BOM_UTF8)
        self.begin = self._first.lstrip()[:1]
        """What kind of table it is can be told from its first byte."""

    def take(self) -> bytes:
        """The next line, empty at the end; of one that is too long nothing but a mark."""
        line = self._line() if self.number else self._first
        self.number += bool(line)
        if len(line) == MAX_LISTING_LINE and not line.endswith(b"\n"):
            self.cut = True
            while len(line) == MAX_LISTING_LINE and not line.endswith(b"\n"):
                line = self._line()
            return b"...\n"  # a part of it could open a quote and swallow the next rows
        return line

    def _line(self) -> bytes:
        return bounded_line(self._stream, self._place, MAX_LISTING_LINE)

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self.take()
        if not line:
            raise StopIteration
        return line.decode("utf-8", "replace")


def plain_name(name: str) -> str:
    """A column's name as it is compared: "Last Updated", lastUpdated and last_updated are the same."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _where(name: str, there: Mapping[str, _Key], *, nested: bool) -> _Key | None:
    """Where a value with this name is: a column or key, else what a path leads to."""
    key = there.get(plain_name(name))
    if key is None and nested and "." in name:
        first, *rest = name.split(".")
        outer = there.get(plain_name(first))
        if isinstance(outer, str):
            return (outer, *(int(step) if step.isdecimal() else step for step in rest))
    return key


def _dotted(key: _Key) -> str:
    return ".".join(str(step) for step in key) if isinstance(key, tuple) else str(key)


def _picker(keys: Sequence[_Key], *, nested: bool) -> Callable[[Any], Sequence[Any]]:
    if nested:
        return lambda row: [_found(row, key) for key in keys]
    return itemgetter(*keys) if len(keys) > 1 else lambda row: [row[key] for key in keys]


def _first_of(row: Any, keys: Iterable[_Key], read: _Reader) -> Any:
    """The first cell that is not empty, read."""
    for key in keys:
        raw = _found(row, key)
        value = read(raw) if raw is not None and raw != "" else None
        if value is not None:
            return value
    return None


def _found(row: Any, key: _Key) -> Any:
    """A cell; of a list in JSON the first. What is no single value becomes a text that no reader takes."""
    if isinstance(key, int):
        return row[key]
    value: Any = row
    for step in (key,) if isinstance(key, str) else key:
        if isinstance(value, list) and isinstance(step, int):
            value = value[step] if step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    if isinstance(value, list):
        value = value[0] if value else None
    return cells.NO_VALUE if isinstance(value, dict | list) else value


def _header(line: str) -> tuple[list[str], str]:
    """Names of the columns, and what separates them: whichever gives the most."""
    tried = {mark: next(csv.reader([line], delimiter=mark), []) for mark in (",", "\t", ";")}
    delimiter = max(tried, key=lambda mark: len(tried[mark]))
    return tried[delimiter][:MAX_LISTING_COLUMNS], delimiter


def _shown(data: bytes) -> str:
    return data[:_EXCERPT].decode("utf-8", "replace")
