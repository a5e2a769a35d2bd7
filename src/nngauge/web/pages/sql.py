"""A question in SQL, answered in a process of its own that can only read the study's files of facts."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from nngauge.errors import NngaugeError
from nngauge.store.warehouse import TABLES
from nngauge.web.asked import MOST_SQL, Asked
from nngauge.web.view import Desk, Shown, View
from nngauge.web.workshop import SQL_CELL, SQL_ROWS, SQL_SECONDS


class ColumnHelp(Struct, frozen=True):
    """A column that can be asked about."""

    name: str
    type: str
    meaning: str


class TableHelp(Struct, frozen=True):
    """A table that can be asked about."""

    name: str
    meaning: str
    columns: list[ColumnHelp]


class Sql(Struct, frozen=True, kw_only=True):
    """The page."""

    title: str
    question: str
    columns: list[str]
    types: list[str]
    rows: list[list[Any]]
    more: bool
    """There are more rows than the first of them."""
    seconds: float | None
    """How long it took; None: nothing was asked."""
    problem: str
    """Why there is no answer; empty when there is one."""
    limits: dict[str, float]
    tables: list[TableHelp]
    """What can be asked about; only where nothing was asked."""


EXAMPLES: Final = (
    ("Apps with AI by snapshot", "SELECT snapshot, count(*) AS apps, count(*) FILTER (runtime_present) AS runtime, count(*) FILTER (model_present) AS model\nFROM listing JOIN app USING (app) GROUP BY 1 ORDER BY 1"),
    ("Runtimes by apps", "SELECT title, count(*) AS apps FROM technology\nWHERE category = 'runtime' AND shipped GROUP BY 1 ORDER BY 2 DESC"),
    ("Largest models", "SELECT any_value(name) AS name, any_value(format) AS format, max(size) AS bytes, count(*) AS apps\nFROM model GROUP BY number ORDER BY bytes DESC LIMIT 50"),
    ("Plan of a question", "EXPLAIN SELECT count(*) FROM app"),
)  # fmt: skip


def make(desk: Desk, asked: Asked) -> Shown:
    """The page; a question that cannot be answered is a page that says why."""
    question = asked.text("q", MOST_SQL).strip()
    columns: list[str] = []
    types: list[str] = []
    rows: list[list[Any]] = []
    seconds, more, problem = None, False, ""
    if question:
        try:
            table = desk.explorer.workshop.ask(question)
            columns, types, seconds, more = list(table.columns), list(table.types), table.seconds, table.more
            rows = [list(row) for row in table.rows]
        except NngaugeError as error:
            problem = error.what
    page = Sql(
        title="SQL",
        question=question,
        columns=columns,
        types=types,
        rows=rows,
        more=more,
        seconds=seconds,
        problem=problem,
        limits={"seconds": SQL_SECONDS, "rows": SQL_ROWS, "characters of a cell": SQL_CELL},
        tables=[] if question else _tables(),
    )
    return Shown(page, {"examples": EXAMPLES, "tables": _tables()})


def _tables() -> list[TableHelp]:
    return [
        TableHelp(
            table.name,
            table.meaning,
            [ColumnHelp(column.name, column.type, column.meaning) for column in table.columns],
        )
        for table in TABLES
    ]


VIEW: Final = View(
    path="/sql",
    name="sql",
    title="SQL",
    says="the answer to one SELECT over the facts (docs/reference/facts.md)",
    template="web/sql.html",
    make=make,
    step="overview",
    parameters=(("q", f"the question, at most {MOST_SQL} characters"),),
    section="/sql",
    cached=False,
)
