"""What reports ask: the facts of a study, within the snapshots that were asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from nngauge.errors import UsageError
from nngauge.report.prepared import SNAPSHOTS, used_in
from nngauge.store.warehouse import Answer, Warehouse

_WITH: Final = re.compile(r"\s*WITH\s+", re.IGNORECASE)
_Found = TypeVar("_Found")


class Corpus:
    """Asks questions over facts and prepared tables, which are made once.

    `names`: the snapshots to report on, all when empty. They are put in order by name; the last one is the `latest`, the
    one before it the `earlier`. One corpus a warehouse at a time: the prepared tables are the warehouse's. Raises
    `UsageError` for a snapshot that is not there.
    """

    def __init__(self, facts: Warehouse, names: Sequence[str] = ()) -> None:
        self.facts = facts
        known = [str(row[0]) for row in facts.ask("SELECT DISTINCT snapshot FROM listing ORDER BY 1").rows]
        missing = next((name for name in names if name not in known), None)
        if missing is not None:
            raise UsageError("no such snapshot", where=missing, hint=f"there are: {', '.join(known) or 'none'}")
        self.snapshots = tuple(name for name in known if not names or name in names)
        self._kept: set[str] = set()
        self._held: dict[str, bool] = {}
        self._found: dict[Callable[[Corpus], Any], Any] = {}

    @property
    def latest(self) -> str | None:
        """The last snapshot; None in a study without any."""
        return self.snapshots[-1] if self.snapshots else None

    @property
    def earlier(self) -> str | None:
        """The snapshot before the last; None when there is only one."""
        return self.snapshots[-2] if len(self.snapshots) > 1 else None

    def ask(self, sql: str) -> Answer:
        """The answer to one SELECT over facts and prepared tables. Raises as `Warehouse.ask`."""
        self.prepare(sql)
        return self.facts.ask(sql)

    def prepare(self, sql: str) -> None:
        """Makes the prepared tables that `sql` needs, those that are not there yet."""
        for name, made in ((SNAPSHOTS, self._snapshots_sql()), *((table.name, table.sql) for table in used_in(sql))):
            if name not in self._kept:
                self.facts.keep(name, made)
                self._kept.add(name)

    def once(self, find: Callable[[Corpus], _Found]) -> _Found:
        """What `find` finds here; it is called the first time only, for parts that share an expensive comparison."""
        if find not in self._found:
            self._found[find] = find(self)
        found: _Found = self._found[find]
        return found

    def holds(self, need: str) -> bool:
        """Is there a row in ``table``, or one in which ``table.column`` says something?"""
        if need not in self._held:
            table, _, column = need.partition(".")
            condition = f' WHERE "{column}" IS NOT NULL' if column else ""
            self._held[need] = bool(self.facts.ask(f'SELECT 1 FROM "{table}"{condition} LIMIT 1').rows)
        return self._held[need]

    def whole(self, sql: str) -> str:
        """`sql` as one SELECT that needs no prepared tables: their definitions are put in front."""
        tables = used_in(sql)
        if not tables and not re.search(rf"\b{SNAPSHOTS}\b", sql):
            return sql.strip()
        parts = [f"{SNAPSHOTS} AS ({self._snapshots_sql()})", *(f"{table.name} AS ({table.sql})" for table in tables)]
        begun = _WITH.match(sql)
        rest = f",\n{sql[begun.end() :]}" if begun else f"\n{sql}"
        return "WITH " + ",\n".join(parts) + rest.rstrip()

    def _snapshots_sql(self) -> str:
        names = ", ".join(f"'{name.replace(chr(39), chr(39) * 2)}'" for name in self.snapshots)
        return (
            f"SELECT unnest([{names}]::VARCHAR[]) AS snapshot, unnest(range(1, {len(self.snapshots) + 1})) AS nth, "
            f"unnest(range(1, {len(self.snapshots) + 1})) = {len(self.snapshots)} AS latest"
        )
