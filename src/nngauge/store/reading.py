"""Is a question one that only reads? DuckDB's word for a statement is not enough.

A ``WITH`` clause may hold INSERT, DELETE or COPY … TO a file and the statement is a SELECT all the same, and ``EXPLAIN
ANALYZE`` does what it explains (DuckDB 2.0). So the parsed tree is asked.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from nngauge.errors import UsageError

if TYPE_CHECKING:
    import duckdb

_EXPLAIN: Final = re.compile(r"EXPLAIN\b\s*(ANALYZE\b)?\s*(\([^()]*\))?", re.IGNORECASE)
_READING: Final = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
"""Kinds of query nodes in DuckDB's serialised trees that read; all others (INSERT_QUERY_NODE, COPY_QUERY_NODE …) may not."""
_REFUSAL: Final = "one SELECT at a time, please: the facts are read-only"


def require_reading(database: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Raises `UsageError` for anything but one SELECT, or EXPLAIN of one, that has nothing in it that writes."""
    kind, text = _statement(database, sql)
    if kind == "EXPLAIN":
        explained = _EXPLAIN.match(text)
        kind, text = _statement(database, text[explained.end() :] if explained else "")
    if kind != "SELECT" or not _kinds(_tree(database, text)) <= _READING:
        raise UsageError(_REFUSAL)


def _statement(database: duckdb.DuckDBPyConnection, sql: str) -> tuple[str, str]:
    """Kind and text of the only statement."""
    import duckdb

    try:
        sql.encode()
        statements = database.extract_statements(sql)
    except (duckdb.Error, UnicodeError) as error:
        raise UsageError(str(error), hint="nngauge study tables lists tables and columns") from None
    if len(statements) != 1:
        raise UsageError(_REFUSAL)
    return statements[0].type.name, statements[0].query


def _tree(database: duckdb.DuckDBPyConnection, sql: str) -> Any:
    import duckdb

    try:
        row = database.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()
        return msgspec.json.decode(row[0] if row else "")
    except (duckdb.Error, msgspec.MsgspecError, RecursionError):
        raise UsageError(_REFUSAL) from None


def _kinds(tree: Any) -> set[str]:
    """Kinds of all query nodes of a tree; of one that could not be serialised ``error``."""
    if not isinstance(tree, dict) or tree.get("error") is not False:
        return {"error"}
    found: set[str] = set()
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            if "modifiers" in node and "cte_map" in node:
                found.add(str(node.get("type")))
            left += node.values()
        elif isinstance(node, list):
            left += node
    return found
