"""The embedded store of a study: SQLite, one transaction per app, safe to kill at any moment."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from nngauge.domain.location import Location
from nngauge.domain.model import Model
from nngauge.domain.outcome import Failure
from nngauge.domain.scan import Scan
from nngauge.errors import MalformedError, UnreadableError, UnsupportedError
from nngauge.store.schema import FACT_TABLES, TABLES, VERSION

_BUSY_SECONDS = 30
Row = tuple[Any, ...]


class StoredResult(msgspec.Struct, frozen=True):
    """A result as it is kept: one of the two."""

    scan: Scan | None = None
    failure: Failure | None = None


class Ledger:
    """Reads and writes `study.sqlite` in a folder. One writer; readers may look on at any time (WAL)."""

    def __init__(self, database: Path) -> None:
        try:
            self._connection = sqlite3.connect(database, timeout=_BUSY_SECONDS, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._prepare()
        except sqlite3.DatabaseError as error:
            raise UnreadableError(f"not a usable store: {error}", where=str(database)) from None

    def _prepare(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version == VERSION:
            return
        if version:
            raise UnsupportedError(f"store of schema {version}, this nngauge reads {VERSION}", hint="use a new folder")
        statements = "".join(table.ddl for table in TABLES)
        self._connection.executescript(f"BEGIN; {statements} PRAGMA user_version = {VERSION}; COMMIT;")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    # --- work ---------------------------------------------------------------------------------------------------------

    def state(self, path: str) -> tuple[str, str | None, int | None, int | None] | None:
        """`(state, key, size, modified)` of a package, None when it was never seen."""
        row = self._connection.execute("SELECT state, key, size, modified FROM work WHERE path = ?", (path,)).fetchone()
        return None if row is None else (row[0], row[1], row[2], row[3])

    def begin(self, path: str) -> None:
        """Notes that a scan of `path` starts; the note survives a kill."""
        self._connection.execute(
            "INSERT INTO work (path, state, attempts) VALUES (?, 'running', 1) "
            "ON CONFLICT (path) DO UPDATE SET state = 'running', attempts = attempts + 1",
            (path,),
        )

    def record(self, path: str, key: str, stamp: tuple[int, int], result: Scan | Failure) -> None:
        """Stores a result and its state in one transaction; what was known of the package before is replaced."""
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            self._forget(path)
            app = self._add_app(path, result)
            for table, rows in _facts(app, result).items():
                if rows:
                    connection.executemany(_INSERT[table], rows)
            connection.execute(
                "UPDATE work SET state = ?, key = ?, size = ?, modified = ?, finished = ? WHERE path = ?",
                ("done" if isinstance(result, Scan) else "failed", key, *stamp, datetime.now(UTC).isoformat(), path),
            )
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise

    def _forget(self, path: str) -> None:
        for (app,) in self._connection.execute("SELECT id FROM app WHERE work = ?", (path,)).fetchall():
            for table in FACT_TABLES:
                self._connection.execute(f"DELETE FROM {table} WHERE app = ?", (app,))  # noqa: S608 - our names
            self._connection.execute("DELETE FROM app WHERE id = ?", (app,))

    def _add_app(self, path: str, result: Scan | Failure) -> int:
        stored = StoredResult(scan=result) if isinstance(result, Scan) else StoredResult(failure=result)
        document = zlib.compress(msgspec.json.encode(stored), 6)
        cursor = self._connection.execute(_INSERT["app"], (None, path, *_app_columns(result), document))
        return int(cursor.lastrowid or 0)

    # --- reading ------------------------------------------------------------------------------------------------------

    def result(self, path: str) -> Scan | Failure:
        """The stored result of a package. Raises `MalformedError` when there is none."""
        row = self._connection.execute("SELECT document FROM app WHERE work = ?", (path,)).fetchone()
        if row is None:
            raise MalformedError("no result is stored", where=path)
        return _decode(row[0], path)

    def results(self) -> Iterator[tuple[str, Scan | Failure]]:
        """`(path, result)` of every package, in order of their numbers."""
        for path, document in self._connection.execute("SELECT work, document FROM app ORDER BY id"):
            yield path, _decode(document, path)

    def query(self, sql: str, parameters: Iterable[Any] = ()) -> list[Row]:
        """Rows of a question asked in SQL."""
        return self._connection.execute(sql, tuple(parameters)).fetchall()


_INSERT = {table.name: table.insert for table in TABLES}


def _decode(document: bytes, path: str) -> Scan | Failure:
    try:
        stored = msgspec.json.decode(zlib.decompress(document), type=StoredResult)
    except (zlib.error, msgspec.MsgspecError) as error:
        raise MalformedError(f"stored result is damaged: {error}", where=path) from None
    result = stored.scan or stored.failure
    if result is None:
        raise MalformedError("stored result is empty", where=path)
    return result


def _app_columns(result: Scan | Failure) -> Row:
    if isinstance(result, Failure):
        return (None,) * 14
    app, verdict = result.app, result.verdict
    return (
        app.platform, app.container, app.package_id, app.version_name, app.version_code, app.label, app.min_os,
        app.target_os, app.signers[0] if app.signers else None, app.size, app.sha256, int(verdict.runtime_present),
        int(verdict.model_present), int(verdict.model_elsewhere),
    )  # fmt: skip


def _facts(app: int, result: Scan | Failure) -> dict[str, list[Row]]:
    if isinstance(result, Failure):
        return {"failure": [_failure_row(app, result)]}
    return {
        "detection": [
            (
                app, item.technology, item.title, item.category, item.presence, item.confidence, item.version, item.host,
                item.abi, item.library_bytes, item.evidence[0].location.path, item.evidence_count,
            )
            for item in result.detections
        ],
        "model": [_model_row(model) for model in result.models],
        "occurrence": [
            (app, model.digest, model.name, *_place(model.parts[0].location, model.size)) for model in result.models
        ],
        "candidate": [
            (app, *_place(item.location, item.size), item.suspicion, ",".join(item.formats), item.reason)
            for item in result.candidates
        ],
        "failure": [_failure_row(app, item) for item in result.failures],
        "anomaly": [(app, item.kind, item.location.path, item.detail, item.count) for item in result.anomalies],
        "coverage": [(app, item.treatment, item.kind, item.entries, item.size) for item in result.coverage],
    }  # fmt: skip


def _place(location: Location, size: int | None) -> Row:
    return location.path, location.offset, size if size is not None else location.size


def _failure_row(app: int, item: Failure) -> Row:
    return app, *_place(item.location, None), item.stage, item.error, item.reason, item.plugin


def _model_row(model: Model) -> Row:
    as_text = msgspec.json.encode
    return (
        model.digest, model.format, model.title, model.size, model.completeness, model.parameters, model.nodes,
        as_text(model.inputs).decode(), as_text(model.outputs).decode(), as_text(model.ops).decode(),
        as_text(model.weights).decode(), model.producer, model.plugin,
    )  # fmt: skip
