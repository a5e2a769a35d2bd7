"""Store listings in the facts: rows of tables become shards of the table `market`, one row an app and snapshot.

A later table adds to what earlier ones said of the same app and snapshot and replaces what it says otherwise; it never
empties a value. So ranks of one crawl and ratings of another come together. Shards of other snapshots stay as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from nngauge.limits import MIB
from nngauge.sources.listings import Listings, Row
from nngauge.store.ledger import Ledger, Metadata, Shard
from nngauge.store.schema import MARKET
from nngauge.store.shards import connect, place, quoted, sweep, write_parquet

if TYPE_CHECKING:
    import duckdb

_MEMORY: Final = "1GB"
"""Of DuckDB; what does not fit goes to the study's disk."""
_THREADS: Final = 2
"""Each takes 128 MiB to read JSON, whatever the number of cores."""
_LONGEST: Final = MIB
"""Bytes of one row as JSON: the readers of cells keep 20,000 letters of the longest."""
_KEY: Final = ("package_id", "snapshot")
_SHOWN_SNAPSHOTS: Final = 50


def read_listings(folder: Path, ledger: Ledger, listings: Listings, *, replace: bool = False) -> Metadata:
    """Puts a table into the facts; what was read of it. A table that was read the same way before is not read again.

    `replace`: what was known of its snapshots is forgotten. Raises what `Listings` raises, and `StoreError`; nothing has
    changed then.
    """
    digest = _digest(listings)
    known = None if replace else ledger.metadata_of(digest)
    if known is not None:
        return known
    sweep(folder, ledger)
    batch, number = ledger.next_batch(), ledger.next_metadata()
    merge = _Merge(folder, ledger.shards(), number, replace=replace)
    shards = place(folder, batch, lambda pending: merge.write(pending, listings))
    record = Metadata(
        id=number, file=listings.place, digest=digest, added=datetime.now(UTC).isoformat(timespec="seconds"),
        batch=batch, snapshots=",".join(merge.snapshots), rows=listings.read, kept=merge.kept,
        refused=listings.refused, unreadable=listings.unreadable.total(),
        columns=msgspec.json.encode(listings.used).decode(),
    )  # fmt: skip
    problems = [(item.line, item.column, item.reason, item.text) for item in listings.problems]
    ledger.add_metadata(record, problems, merge.old, shards)
    sweep(folder, ledger)
    return record


class _Merge:
    """One table's way into a shard."""

    def __init__(self, folder: Path, shards: Iterable[Shard], number: int, *, replace: bool) -> None:
        self.old: list[int] = []
        """Batches whose rows the new one holds."""
        self.snapshots: list[str] = []
        self.kept = 0
        self._shards = [shard for shard in shards if shard.part == MARKET.name]
        self._folder = folder
        self._number = number
        self._replace = replace

    def write(self, pending: Path, rows: Iterable[Row]) -> dict[str, int]:
        """Writes `market.parquet` into a folder; rows by table."""
        with connect() as database:
            database.execute(f"SET memory_limit = '{_MEMORY}'")
            database.execute(f"SET threads = {_THREADS}")
            database.execute(f"SET temp_directory = '{quoted(pending / 'spill')}'")
            self._read(database, pending, rows)
            self._find_old(database)
            target = pending / f"{MARKET.name}.parquet"
            done = database.execute(
                f"COPY ({self._merged()} ORDER BY {', '.join(_KEY)}) TO '{quoted(target)}' (FORMAT parquet, COMPRESSION zstd)"
            ).fetchone()
        (pending / "fresh").unlink()
        return {MARKET.name: int(done[0]) if done else 0}

    def _read(self, database: duckdb.DuckDBPyConnection, pending: Path, rows: Iterable[Row]) -> None:
        """Makes a view `fresh` with one row an app and snapshot: the one with the latest date, then the last."""
        file = pending / "fresh"
        numbered = ((*row[:-1], self._number, row[-1]) for row in rows)
        write_parquet(database, MARKET, numbered, file, longest=_LONGEST)
        database.execute(f"CREATE VIEW every AS SELECT * FROM read_parquet('{quoted(file)}')")
        database.execute(
            f"CREATE TABLE winner AS SELECT arg_max(line, (coalesce(date, DATE '0001-01-01'), line)) AS line "
            f"FROM every GROUP BY {', '.join(_KEY)}"
        )
        database.execute("CREATE VIEW fresh AS SELECT * FROM every SEMI JOIN winner USING (line)")
        self.kept = int((database.execute("SELECT count(*) FROM winner").fetchone() or (0,))[0])
        found = database.execute(
            "SELECT DISTINCT snapshot FROM every ORDER BY 1 LIMIT ?", (_SHOWN_SNAPSHOTS,)
        ).fetchall()
        self.snapshots = [row[0] for row in found]

    def _find_old(self, database: duckdb.DuckDBPyConnection) -> None:
        """Makes a view `old` of all shards that tell about one of the same snapshots."""
        files = []
        for shard in self._shards:
            file = f"'{quoted(self._folder / shard.file)}'"
            query = f"SELECT 1 FROM read_parquet({file}) SEMI JOIN every USING (snapshot) LIMIT 1"
            if database.execute(query).fetchone():
                self.old.append(shard.batch)
                files.append(file)
        if files:
            database.execute(f"CREATE VIEW old AS SELECT * FROM read_parquet([{', '.join(files)}])")

    def _merged(self) -> str:
        names = [f'"{name}"' for name in MARKET.names]
        if not self.old:
            return f"SELECT {', '.join(names)} FROM fresh"
        if self._replace:
            columns = ", ".join(names)
            return f"SELECT {columns} FROM fresh UNION ALL SELECT {columns} FROM old ANTI JOIN every USING (snapshot)"
        both = ", ".join(
            name if name.strip('"') in _KEY else f"coalesce(fresh.{name}, old.{name}) AS {name}" for name in names
        )
        return f"SELECT {both} FROM fresh FULL JOIN old USING ({', '.join(_KEY)})"


def _digest(listings: Listings) -> str:
    """Of a table and how it is to be read. Raises `UnreadableError`."""
    content = listings.content_digest()
    return hashlib.sha256(f"{content}\n{listings.settings}".encode()).hexdigest()
