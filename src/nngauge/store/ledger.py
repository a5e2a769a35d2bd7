"""The ledger of a study: what is to be done, what was done, where the facts are. SQLite, safe to kill at any moment.

A result is one transaction: the item's state, the app's identity and its document in the journal. From the journal the
facts move to shards (`nngauge.store.shards`), and a shard counts from the transaction on that lists it here. So
whatever is killed, every item has a result or waits for one, and no fact is there twice.
"""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec
from msgspec import Struct

from nngauge.domain.outcome import Failure
from nngauge.domain.study import UNOPENED, Item, Progress, State, Work
from nngauge.errors import MalformedError, StoreError, UnreadableError, UnsupportedError
from nngauge.store.rows import StoredResult
from nngauge.store.schema import ADDITIVE, LEDGER_TABLES, VERSION

_BUSY_SECONDS: Final = 30
_CHUNK: Final = 10_000
MAX_ATTEMPTS: Final = 3
"""Losses (worker, network) after which an item is quarantined."""
PAUSES: Final = (10.0, 120.0, 900.0)
"""Seconds before the next attempt."""
_COUNT_CHANGE: Final = (
    "INSERT INTO study VALUES ('changes', '1') ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + 1"
)
"""In every transaction: what was made from the ledger can tell whether it still holds."""


class Shard(Struct, frozen=True):
    """One file of facts."""

    batch: int
    part: str
    """Table."""
    rows: int
    size: int
    sha256: str

    @property
    def file(self) -> str:
        """Path below the study's folder."""
        return f"facts/{self.part}/{self.batch:06d}.parquet"


class Entry(Struct, frozen=True):
    """One result in the journal."""

    app: str
    key: str
    result: StoredResult


class Metadata(Struct, frozen=True, kw_only=True):
    """A table of store listings that was read: the columns of `metadata`."""

    id: int
    file: str
    digest: str
    added: str
    batch: int
    snapshots: str
    rows: int
    kept: int
    refused: int
    unreadable: int
    columns: str


class Ledger:
    """Reads and writes `ledger.sqlite`. One writer; readers may look on at any time (WAL)."""

    def __init__(self, database: Path) -> None:
        try:
            self._connection = sqlite3.connect(database, timeout=_BUSY_SECONDS, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._prepare()
        except sqlite3.DatabaseError as error:
            raise UnreadableError(f"not a usable ledger: {error}", where=str(database)) from None

    def _prepare(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version == VERSION:
            return
        if version and version not in ADDITIVE:
            raise UnsupportedError(f"ledger of schema {version}, this nngauge reads {VERSION}", hint="use a new folder")
        statements = "".join(table.ddl for table in LEDGER_TABLES)
        statements += "CREATE UNIQUE INDEX item_identity ON item (snapshot, locator);"
        for kind in ("TABLE", "INDEX", "UNIQUE INDEX"):
            statements = statements.replace(f"CREATE {kind} ", f"CREATE {kind} IF NOT EXISTS ")
        self._connection.executescript(f"BEGIN IMMEDIATE; {statements} PRAGMA user_version = {VERSION}; COMMIT;")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing. Raises `StoreError` when the disk is full or the file is damaged."""
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute(_COUNT_CHANGE)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.OperationalError as error:
            raise StoreError(f"the ledger cannot be written: {error}", hint="free space and run again") from error

    @contextmanager
    def unchanging(self) -> Iterator[int]:
        """All that is read inside belongs together, whatever a run writes meanwhile; its number of changes so far."""
        self._connection.execute("BEGIN")
        try:
            row = self._connection.execute("SELECT value FROM study WHERE name = 'changes'").fetchone()
            yield int(row[0]) if row else 0
        finally:
            self._connection.execute("ROLLBACK")

    # --- the study itself -----------------------------------------------------------------------------------------------

    def facts(self) -> dict[str, str]:
        """What the study says of itself."""
        return dict(self._connection.execute("SELECT name, value FROM study WHERE name <> 'changes'"))

    def set_fact(self, name: str, value: str) -> None:
        """Notes one such fact."""
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO study VALUES (?, ?)", (name, value))

    # --- items ----------------------------------------------------------------------------------------------------------

    def add(self, snapshot: str, kind: str, locator: str, items: Iterable[Item]) -> tuple[int, int]:
        """Adds a source's items; `(new, changed)`. A known item whose stamp changed waits again; others stay."""
        with self._transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO source (snapshot, kind, locator, added) VALUES (?, ?, ?, ?)",
                (snapshot, kind, locator, _now()),
            )
            source = cursor.lastrowid
            new = changed = 0
            for item in items:
                fresh = connection.execute(
                    "INSERT OR IGNORE INTO item (snapshot, source, locator, size, stamp, expected, package_id, "
                    "version_code, state, attempts, not_before) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'waiting', 0, 0)",
                    (
                        snapshot, source, item.locator, item.size, item.stamp, item.sha256, item.package_id,
                        item.version_code,
                    ),
                ).rowcount  # fmt: skip
                new += fresh
                changed += 0 if fresh else self._update(snapshot, item)
            return new, changed

    def _update(self, snapshot: str, item: Item) -> int:
        return self._connection.execute(
            "UPDATE item SET size = ?, stamp = ?, expected = ?, package_id = ?, version_code = ?, state = 'waiting', "
            "attempts = 0, not_before = 0  WHERE snapshot = ? AND locator = ? "
            "AND stamp IS NOT ? AND state <> 'leased'",
            (
                item.size, item.stamp, item.sha256, item.package_id, item.version_code, snapshot, item.locator,
                item.stamp,
            ),
        ).rowcount  # fmt: skip

    def lease(self, count: int, *, now: float | None = None) -> list[Work]:
        """Takes up to `count` items that wait, new ones first, oldest first; they are the caller's until they are settled or released."""
        now = time.time() if now is None else now
        with self._transaction() as connection:
            rows = connection.execute(
                "SELECT item.id, item.snapshot, source.kind, item.locator, item.size, item.stamp, item.expected, "
                "item.package_id, item.version_code, item.attempts FROM item JOIN source ON source.id = item.source "
                "WHERE state = 'waiting' AND not_before <= ? ORDER BY not_before, item.id LIMIT ?",  # the order of the index
                (now, count),
            ).fetchall()
            connection.executemany(
                "UPDATE item SET state = 'leased', attempts = attempts + 1 WHERE id = ?", [(row[0],) for row in rows]
            )
        return [_work(row) for row in rows]

    def release(self) -> int:
        """Items that a run had leased when it ended wait again, as if they had not been tried; how many.

        For whoever holds the study's lock: then no other run is at work. What an item does to its worker is counted by
        the run (`postpone`), and a run that was killed is not its items' fault.
        """
        with self._transaction() as connection:
            return connection.execute(
                "UPDATE item SET state = 'waiting', attempts = attempts - 1 WHERE state = 'leased'"
            ).rowcount

    def stale(self, keys: Sequence[str]) -> int:
        """Results made under none of `keys` wait again; how many."""
        marks = ", ".join("?" * len(keys))
        with self._transaction() as connection:
            return connection.execute(
                "UPDATE item SET state = 'waiting', attempts = 0, not_before = 0 "
                f"WHERE state IN ('done', 'failed') AND coalesce(key, '') NOT IN ({marks})",
                keys,
            ).rowcount

    def retry(self, *, snapshot: str | None = None, error: str | None = None) -> int:
        """Failed and quarantined items wait again, all or those of one snapshot or kind of error; how many."""
        with self._transaction() as connection:
            return connection.execute(
                "UPDATE item SET state = 'waiting', attempts = 0, not_before = 0 WHERE state IN ('failed', 'quarantined') "
                "AND (?1 IS NULL OR snapshot = ?1) AND (?2 IS NULL OR error = ?2)",
                (snapshot, error),
            ).rowcount

    def next_attempt(self) -> float | None:
        """Seconds since 1970 at which the next item may be tried; None when none waits."""
        row = self._connection.execute("SELECT min(not_before) FROM item WHERE state = 'waiting'").fetchone()
        return None if row[0] is None else float(row[0])

    def progress(self) -> list[Progress]:
        """Items by snapshot and state, snapshots in order of their names."""
        found: dict[str, dict[State, int]] = {}
        rows = self._connection.execute("SELECT snapshot, state, count(*) FROM item GROUP BY 1, 2 ORDER BY 1, 2")
        for snapshot, state, count in rows:
            found.setdefault(snapshot, {})[State(state)] = count
        return [Progress(snapshot=name, counts=counts) for name, counts in found.items()]

    def failures(self, limit: int = 1000) -> list[tuple[str, str, str, str, str, str, int]]:
        """`(snapshot, locator, state, error, reason, hint, attempts)` of items without a result."""
        return self._connection.execute(
            "SELECT snapshot, locator, state, coalesce(error, ''), coalesce(reason, ''), coalesce(hint, ''), attempts "
            "FROM item WHERE state IN ('failed', 'quarantined') OR (state = 'waiting' AND error IS NOT NULL) "
            "ORDER BY state, error, locator LIMIT ?",
            (limit,),
        ).fetchall()

    def failure_kinds(self) -> list[tuple[str, str, str, int]]:
        """`(state, error, one of its hints, items)` of those `failures` lists, the most frequent first."""
        return self._connection.execute(
            "SELECT state, coalesce(error, ''), coalesce(min(hint), ''), count(*) FROM item "
            "WHERE state IN ('failed', 'quarantined') OR (state = 'waiting' AND error IS NOT NULL) "
            "GROUP BY 1, 2 ORDER BY 4 DESC, 1, 2"
        ).fetchall()

    def listing(self) -> Iterator[tuple[Any, ...]]:
        """All items as rows of `schema.LISTING`."""
        yield from self._connection.execute(
            "SELECT item.snapshot, item.locator, source.kind, package_id, version_code, size, state, attempts, app, error, "
            "reason, fetched FROM item JOIN source ON source.id = item.source ORDER BY item.id"
        )

    # --- results --------------------------------------------------------------------------------------------------------

    def known(self, app: str, key: str) -> bool:
        """Are the facts of `app` there, made under `key`?"""
        row = self._connection.execute("SELECT 1 FROM result WHERE app = ? AND key = ?", (app, key)).fetchone()
        return row is not None

    def recognise(self, size: int, tail: bytes) -> list[str]:
        """Apps whose packages have this finger-print."""
        rows = self._connection.execute("SELECT app FROM print WHERE size = ? AND tail = ?", (size, tail))
        return [row[0] for row in rows]

    def finish(
        self,
        work: int,
        app: str,
        key: str,
        result: StoredResult | None,
        *,
        fetched: int | None = None,
        fingerprint: tuple[int, bytes] | None = None,
        given_up: bool = False,
    ) -> None:
        """An item has a result; None: the facts of `app` were known already. `given_up`: quarantined with its failure."""
        failed = result.failure if result is not None and result.scan is None else None
        state = State.QUARANTINED if given_up else State.FAILED if failed else State.DONE
        with self._transaction() as connection:
            if result is not None:
                self._journal(connection, app, key, result)
            self._drop_failure(connection, work, app)
            if fingerprint is not None:
                connection.execute("INSERT OR IGNORE INTO print VALUES (?, ?, ?)", (*fingerprint, app))
            connection.execute(
                "UPDATE item SET state = ?, app = ?, key = ?, error = ?, reason = ?, hint = ?, fetched = ?, finished = ?, "
                "package_id = coalesce(package_id, ?) WHERE id = ?",
                (
                    state, app, key, failed and failed.error, failed and failed.reason,
                    failed and failed.hint, fetched, _now(), self._package_id(app, result), work,
                ),
            )  # fmt: skip

    def _package_id(self, app: str, result: StoredResult | None) -> str | None:
        """What the package calls itself, for sources that do not know: what stores say is joined by it."""
        if result is not None:
            return result.scan.app.package_id if result.scan is not None else None
        row = self._connection.execute("SELECT package_id FROM item WHERE app = ? LIMIT 1", (app,)).fetchone()
        return None if row is None else row[0]

    def _drop_failure(self, connection: sqlite3.Connection, work: int, app: str) -> None:
        """Opened at last: that it could not be opened is no fact any more, unless another item says so too."""
        (before,) = connection.execute("SELECT app FROM item WHERE id = ?", (work,)).fetchone()
        if before is None or before == app or not before.startswith(UNOPENED):
            return
        if connection.execute("SELECT 1 FROM item WHERE app = ? AND id <> ?", (before, work)).fetchone():
            return
        connection.execute(
            "INSERT OR IGNORE INTO superseded SELECT app, batch FROM result WHERE app = ? AND batch IS NOT NULL",
            (before,),
        )
        for table in ("result", "journal"):
            connection.execute(f"DELETE FROM {table} WHERE app = ?", (before,))

    def _journal(self, connection: sqlite3.Connection, app: str, key: str, result: StoredResult) -> None:
        row = connection.execute("SELECT batch FROM result WHERE app = ?", (app,)).fetchone()
        if row is not None and row[0] is not None:
            connection.execute("INSERT OR IGNORE INTO superseded VALUES (?, ?)", (app, row[0]))
        connection.execute("INSERT OR REPLACE INTO result VALUES (?, ?, NULL)", (app, key))
        document = zlib.compress(msgspec.json.encode(result), 1)
        connection.execute("INSERT OR REPLACE INTO journal VALUES (?, ?)", (app, document))

    def postpone(self, work: Work, failure: Failure, *, pause: bool, now: float | None = None) -> None:
        """An attempt that may do better next time: waits; with `pause` longer after each attempt."""
        now = time.time() if now is None else now
        later = now + PAUSES[min(work.attempts, len(PAUSES)) - 1] if pause else 0.0
        with self._transaction() as connection:
            connection.execute(
                "UPDATE item SET state = 'waiting', not_before = ?, error = ?, reason = ?, hint = ?, "
                "finished = ? WHERE id = ?",
                (later, failure.error, failure.reason, failure.hint, _now(), work.id),
            )

    # --- journal and shards ---------------------------------------------------------------------------------------------

    def journal_size(self) -> int:
        """Results that are not in shards."""
        return int(self._connection.execute("SELECT count(*) FROM journal").fetchone()[0])

    def journal(self, limit: int = -1) -> Iterator[Entry]:
        """Results that are not in shards, in order of their apps."""
        rows = self._connection.execute(
            "SELECT journal.app, key, document FROM journal JOIN result USING (app) ORDER BY journal.app LIMIT ?",
            (limit,),
        )
        for app, key, document in rows:
            yield Entry(app, key, _decode(document, app))

    def next_batch(self) -> int:
        """A number that no batch has had."""
        (last,) = self._connection.execute("SELECT max(batch) FROM (SELECT batch FROM shard UNION SELECT batch FROM superseded)").fetchone()  # fmt: skip
        return (last or 0) + 1

    def seal(self, batch: int, shards: Sequence[Shard], apps: Iterable[str]) -> None:
        """From now on the facts of `apps` are those in `shards`."""
        with self._transaction() as connection:
            _list(connection, shards)
            for app in apps:
                connection.execute("UPDATE result SET batch = ? WHERE app = ?", (batch, app))
                connection.execute("DELETE FROM journal WHERE app = ?", (app,))

    def replace(self, old: Sequence[int], batch: int, shards: Sequence[Shard]) -> None:
        """`shards` of the new `batch` stand for what is left of the `old` batches."""
        with self._transaction() as connection:
            _replace(connection, old, batch, shards)

    def shards(self) -> list[Shard]:
        """All files of facts."""
        rows = self._connection.execute("SELECT batch, part, rows, size, sha256 FROM shard ORDER BY part, batch")
        return [Shard(*row) for row in rows]

    def superseded(self) -> list[tuple[str, int]]:
        """`(app, batch)` whose facts do not count any more."""
        return self._connection.execute("SELECT app, batch FROM superseded ORDER BY 2, 1").fetchall()

    def forget(self, batch: int) -> int:
        """A batch is lost: its apps wait to be scanned again; how many items that are."""
        with self._transaction() as connection:
            count = connection.execute(
                "UPDATE item SET state = 'waiting', attempts = 0, not_before = 0, error = 'ShardLost', "
                "reason = 'the file with its facts is damaged or gone' "
                "WHERE app IN (SELECT app FROM result WHERE batch = ?) AND state <> 'leased'",
                (batch,),
            ).rowcount
            connection.execute(
                "DELETE FROM metadata_problem WHERE import IN (SELECT id FROM metadata WHERE batch = ?)", (batch,)
            )
            for table in ("shard", "superseded", "result", "metadata"):
                connection.execute(f"DELETE FROM {table} WHERE batch = ?", (batch,))
        return count

    def result(self, app: str) -> StoredResult | None:
        """The result of an app while it is in the journal."""
        row = self._connection.execute("SELECT document FROM journal WHERE app = ?", (app,)).fetchone()
        return None if row is None else _decode(row[0], app)

    def app_of(self, locator: str, snapshot: str) -> str | None:
        """The app that was found at an item; None while there is no result."""
        row = self._connection.execute(
            "SELECT app FROM item WHERE locator = ? AND snapshot = ?", (locator, snapshot)
        ).fetchone()
        return None if row is None else row[0]

    def batch_of(self, app: str) -> int | None:
        """The batch of shards with the facts of `app`; None when they are in the journal or nowhere."""
        row = self._connection.execute("SELECT batch FROM result WHERE app = ?", (app,)).fetchone()
        return None if row is None else row[0]

    # --- store listings -------------------------------------------------------------------------------------------------

    def next_metadata(self) -> int:
        """A number that no table of listings has had."""
        (last,) = self._connection.execute("SELECT max(id) FROM metadata").fetchone()
        return (last or 0) + 1

    def metadata_of(self, digest: str) -> Metadata | None:
        """The table of listings that was read with this digest."""
        return next((item for item in self.metadata() if item.digest == digest), None)

    def metadata(self) -> list[Metadata]:
        """All tables of listings that were read, in order."""
        rows = self._connection.execute(f"SELECT {', '.join(Metadata.__struct_fields__)} FROM metadata ORDER BY id")
        return [Metadata(**dict(zip(Metadata.__struct_fields__, row, strict=True))) for row in rows]

    def metadata_problems(self) -> list[tuple[str, int, str, str, str]]:
        """`(file, line, field, reason, text)` of the first refused rows and unreadable cells of each table."""
        return self._connection.execute(
            "SELECT file, line, field, reason, text FROM metadata_problem JOIN metadata ON metadata.id = import "
            "ORDER BY import, metadata_problem.rowid"
        ).fetchall()

    def add_metadata(
        self,
        record: Metadata,
        problems: Iterable[tuple[int, str, str, str]],
        old: Sequence[int],
        shards: Sequence[Shard],
    ) -> None:
        """A table of listings was read: `shards` hold its rows and those of the `old` batches."""
        with self._transaction() as connection:
            for number in old:
                connection.execute("UPDATE metadata SET batch = ? WHERE batch = ?", (record.batch, number))
            _replace(connection, old, record.batch, shards)
            marks = ", ".join("?" * len(Metadata.__struct_fields__))
            values = msgspec.structs.astuple(record)
            connection.execute(
                f"INSERT INTO metadata ({', '.join(Metadata.__struct_fields__)}) VALUES ({marks})", values
            )
            connection.executemany(
                "INSERT INTO metadata_problem VALUES (?, ?, ?, ?, ?)", [(record.id, *problem) for problem in problems]
            )

    def stored(self) -> dict[str, int]:
        """Results, files of facts and their bytes."""
        (results,) = self._connection.execute("SELECT count(*) FROM result").fetchone()
        files, size = self._connection.execute("SELECT count(*), coalesce(sum(size), 0) FROM shard").fetchone()
        return {"results": results, "files": files, "bytes": size}

    def counts(self) -> Mapping[str, int]:
        """Rows of every table of the ledger."""
        return {
            table.name: self._connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0]
            for table in LEDGER_TABLES
        }


def _replace(connection: sqlite3.Connection, old: Sequence[int], batch: int, shards: Sequence[Shard]) -> None:
    for number in old:
        connection.execute("UPDATE result SET batch = ? WHERE batch = ?", (batch, number))
        connection.execute("DELETE FROM shard WHERE batch = ?", (number,))
        connection.execute("DELETE FROM superseded WHERE batch = ?", (number,))
    _list(connection, shards)


def _list(connection: sqlite3.Connection, shards: Sequence[Shard]) -> None:
    connection.executemany(
        "INSERT INTO shard VALUES (?, ?, ?, ?, ?)",
        [(item.batch, item.part, item.rows, item.size, item.sha256) for item in shards],
    )


def _work(row: tuple[Any, ...]) -> Work:
    number, snapshot, source, locator, size, stamp, expected, package_id, version_code, attempts = row
    item = Item(
        locator=locator, size=size, stamp=stamp, sha256=expected, package_id=package_id, version_code=version_code
    )
    return Work(id=number, snapshot=snapshot, source=source, item=item, attempts=attempts + 1)


def _decode(document: bytes, app: str) -> StoredResult:
    try:
        return msgspec.json.decode(zlib.decompress(document), type=StoredResult)
    except (zlib.error, msgspec.MsgspecError) as error:
        raise MalformedError(f"stored result is damaged: {error}", where=app) from None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
