"""Lists that are shown in parts: filtered, sorted, and continued behind a row rather than at a number.

Continuing behind a row takes the same time on every page, and neither skips nor repeats rows when the study grows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from nngauge.web.asked import Asked
from nngauge.web.view import Desk

MOST_ROWS: Final = 200
ROWS: Final = 50


class Order(Struct, frozen=True):
    """What a list can be sorted by."""

    title: str
    sql: str
    """Never NULL."""
    falling: bool = True


class Condition(Struct, frozen=True):
    """A part of a WHERE clause with its parameters."""

    sql: str
    parameters: tuple[object, ...] = ()


class Slice(Struct, frozen=True):
    """A part of a list."""

    keys: list[int]
    total: int
    """Rows that meet the conditions."""
    before: bool
    """There are rows before these."""
    after: bool


def slice_of(
    desk: Desk,
    table: str,
    key: str,
    conditions: Sequence[Condition],
    order: Order,
    *,
    after: int | None = None,
    before: int | None = None,
    rows: int = ROWS,
) -> Slice:
    """The keys of the rows behind the row with key `after`, or in front of `before`, or the first."""
    where, parameters = _where(conditions)
    place = after if after is not None else before
    backwards = after is None and before is not None
    beyond, more = _beyond(desk, table, key, order, place, backwards=backwards)
    sorting = f"value {'DESC' if order.falling != backwards else 'ASC'}, key {'DESC' if backwards else 'ASC'}"
    answer = desk.rows(
        f"WITH met AS MATERIALIZED (SELECT {key} AS key, {order.sql} AS value FROM {table} WHERE {where}) "
        f"SELECT (SELECT count(*) FROM met), list(key ORDER BY {sorting}) "
        f"FROM (SELECT key, value FROM met WHERE {beyond} ORDER BY {sorting} LIMIT {rows + 1})",
        *parameters,
        *more,
    )
    total, found = answer[0][0], answer[0][1] or []
    further = len(found) > rows
    keys = found[:rows]
    if backwards:
        return Slice(keys[::-1], total, further, after=True)
    return Slice(keys, total, place is not None, further)


def _where(conditions: Sequence[Condition]) -> tuple[str, list[object]]:
    sql = " AND ".join(f"({condition.sql})" for condition in conditions) or "true"
    return sql, [parameter for condition in conditions for parameter in condition.parameters]


def _beyond(
    desk: Desk, table: str, key: str, order: Order, place: int | None, *, backwards: bool
) -> tuple[str, tuple[object, ...]]:
    if place is None:
        return "true", ()
    row = desk.row(f"SELECT {order.sql} FROM {table} WHERE {key} = ?", place)
    if row is None:
        return "true", ()
    ahead = "<" if order.falling != backwards else ">"
    behind = "<" if backwards else ">"
    return f"(value {ahead} ? OR (value = ? AND key {behind} ?))", (row[0], row[0], place)


def rows_of(desk: Desk, table: str, key: str, columns: str, keys: Sequence[int]) -> list[dict[str, Any]]:
    """The columns of the rows with `keys`, in their order."""
    if not keys:
        return []
    answer = desk.facts.ask(f"SELECT {key} AS key_of_row, {columns} FROM {table} WHERE {among(table, key, keys)}")
    names = answer.columns[1:]
    found = {row[0]: dict(zip(names, row[1:], strict=True)) for row in answer.rows}
    return [found[item] for item in keys if item in found]


def among(table: str, key: str, keys: Iterable[int]) -> str:
    """SQL condition for the rows with these keys; by row numbers, for which DuckDB does not read the other columns of all rows."""
    listed = ", ".join(str(int(item)) for item in keys) or "NULL"
    return f"{table}.rowid IN (SELECT rowid FROM {table} WHERE {key} IN ({listed}))"


class Choice(Struct, frozen=True):
    """One value of a filter."""

    value: str
    title: str
    count: int | None = None


class Filter(Struct, frozen=True):
    """A filter of a list as the form shows it."""

    name: str
    title: str
    choices: list[Choice]
    chosen: str


class SortLink(Struct, frozen=True):
    """A way to sort, as the heads of columns show it."""

    name: str
    title: str
    href: str
    chosen: bool
    falling: bool


class Pages(Struct, frozen=True):
    """Where the list goes on."""

    first: str = ""
    before: str = ""
    after: str = ""
    """Addresses; empty: nowhere."""


def sort_links(asked: Asked, orders: Mapping[str, Order], chosen: str) -> list[SortLink]:
    """All ways to sort, with the addresses that do."""
    return [
        SortLink(name, order.title, asked.href(sort=name), name == chosen, order.falling)
        for name, order in orders.items()
    ]


def pages_around(asked: Asked, found: Slice, keys: Sequence[str]) -> Pages:
    """Where a list goes on before and after what is shown of it; `keys` of the rows as addresses have them."""
    return Pages(
        first=asked.href() if found.before else "",
        before=asked.href(before=keys[0]) if found.before and keys else "",
        after=asked.href(after=keys[-1]) if found.after else "",
    )


def filters(
    chosen: Mapping[str, str], titles: Mapping[str, str], choices: Mapping[str, Sequence[Choice]]
) -> list[Filter]:
    """All filters with what is chosen; one that has nothing to choose from is left out."""
    return [
        Filter(name, title, list(choices.get(name, ())), chosen.get(name, ""))
        for name, title in titles.items()
        if choices.get(name) or chosen.get(name)
    ]
