"""All facts of a study as tables that DuckDB can be asked about; read-only, and no other file can be reached."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec
from msgspec import Struct

from nngauge.errors import StoreError, UsageError
from nngauge.store.compressed import COMPRESSIONS
from nngauge.store.estimated import ESTIMATES
from nngauge.store.kept import Kind, kept_tables
from nngauge.store.ledger import Entry, Ledger, Shard
from nngauge.store.listing import write_listing
from nngauge.store.measured import SESSIONS, samples_macro
from nngauge.store.once import once
from nngauge.store.reading import require_reading
from nngauge.store.rows import StoredResult, rows_of
from nngauge.store.schema import FACT_TABLES, LISTING, MARKET, Column, Table
from nngauge.store.shards import connect, quoted, reading, write_tables

if TYPE_CHECKING:
    import duckdb

KINDS: Final[tuple[Kind, ...]] = (SESSIONS, ESTIMATES, COMPRESSIONS)
"""Files of a study that become tables."""
TABLES: Final = (*FACT_TABLES, MARKET, *(table for kind in KINDS for table in kind.tables), LISTING)
"""What questions can be asked about."""


class Answer(Struct, frozen=True):
    """Column names and rows."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class Warehouse:
    """Views on the shards, on what the journal holds and on the ledger's items. Use as a context manager.

    Shows the study as it was when this was made; a run may go on meanwhile. `exports`: folders that `export` may write.
    `shelf`: the DuckDB file that keeps what is shared (`share`), given the number of changes of the ledger so far; None: in
    memory. `memory`: bytes that questions may take, as DuckDB counts them.
    """

    def __init__(
        self,
        folder: Path,
        ledger: Ledger,
        *,
        exports: Sequence[Path] = (),
        shelf: Callable[[int], Path] | None = None,
        memory: int | None = None,
    ) -> None:
        self._database: duckdb.DuckDBPyConnection
        self._scratch = tempfile.TemporaryDirectory(prefix="nngauge-")
        scratch = Path(self._scratch.name)
        with ledger.unchanging() as changes:
            self._database = connect(str(shelf(changes)) if shelf else ":memory:")
            shards = ledger.shards()
            missing = next((shard.file for shard in shards if not (folder / shard.file).is_file()), None)
            if missing is not None:
                raise StoreError(
                    "a file of facts is gone", where=str(folder / missing), hint="nngauge study verify --repair"
                )
            self._dead(ledger.superseded())
            recent = _recent(once(self._database, folder, ledger, ledger.journal()), scratch)
            listing = scratch / "listing.parquet"
            write_listing(self._database, folder, ledger, changes, listing)
        kept = self._kept(folder, scratch)
        self._documents = {shard.batch: folder / shard.file for shard in shards if shard.part == "document"}
        for table in (*FACT_TABLES, MARKET):
            recently = [recent[table.name]] if table.name in recent else []
            self._view(table, folder, [shard for shard in shards if shard.part == table.name], recently)
        for table in (table for kind in KINDS for table in kind.tables):
            self._view(table, folder, [], kept.get(table.name, []))
        self._database.execute(f"CREATE OR REPLACE VIEW listing AS SELECT * FROM read_parquet('{quoted(listing)}')")
        if memory is not None:
            self._database.execute(f"SET memory_limit = '{memory}B'")
        self._database.execute(samples_macro(folder))
        self._lock([folder / shard.file for shard in shards], scratch, [*exports, folder / SESSIONS.folder])

    def _kept(self, folder: Path, scratch: Path) -> dict[str, list[Path]]:
        import duckdb

        found: dict[str, list[Path]] = {}
        for kind in KINDS:
            try:
                found |= kept_tables(self._database, folder, scratch, kind)
            except (OSError, duckdb.Error) as error:
                raise StoreError(f"files cannot be read: {error}", where=str(folder / kind.folder)) from None
        return found

    def _dead(self, superseded: Sequence[tuple[str, int]]) -> None:
        self._database.execute("CREATE OR REPLACE TABLE superseded (app VARCHAR, batch BIGINT)")
        if superseded:
            self._database.executemany("INSERT INTO superseded VALUES (?, ?)", superseded)

    def _view(self, table: Table, folder: Path, shards: Sequence[Shard], recent: Sequence[Path]) -> None:
        """A view over all files of one table; batches with facts that do not count any more are read with a sieve.

        The columns and types are the schema's: columns that files were written without are made from others or NULL, and
        types that Parquet does not know come back (it keeps HUGEINT as a floating-point number, exact up to 2⁵³).
        """
        columns = ", ".join(f'"{column.name}"::{column.type} AS "{column.name}"' for column in table.columns)
        empty = ", ".join(f'NULL::{column.type} AS "{column.name}"' for column in table.columns)
        parts = [f"SELECT {empty} WHERE false"]
        sieved = {row[0] for row in self._database.execute("SELECT DISTINCT batch FROM superseded").fetchall()}
        plain = [folder / shard.file for shard in shards if shard.batch not in sieved]
        parts += reading(self._database, table, [*plain, *recent])
        parts += [
            f"{reading(self._database, table, [folder / shard.file])[0]} "
            f"WHERE app NOT IN (SELECT app FROM superseded WHERE batch = {shard.batch})"
            for shard in shards
            if shard.batch in sieved
        ]
        self._database.execute(
            f'CREATE OR REPLACE VIEW "{table.name}" AS SELECT {columns} FROM ({" UNION ALL BY NAME ".join(parts)})'
        )

    def _lock(self, files: Iterable[Path], scratch: Path, within: Sequence[Path]) -> None:
        """From here on only the study's own files can be read, and nothing can change that."""
        folders = ", ".join(f"'{quoted(folder.resolve())}'" for folder in within)
        self._database.execute(f"SET allowed_directories = [{folders}]")
        allowed = ", ".join(f"'{quoted(file)}'" for file in (*files, *scratch.glob("*.parquet")))
        self._database.execute(f"SET allowed_paths = [{allowed}]")
        self._database.execute("SET enable_external_access = false")
        self._database.execute("SET lock_configuration = true")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives back files and memory."""
        self._database.close()
        self._scratch.cleanup()

    def ask(self, sql: str, parameters: Sequence[Any] = ()) -> Answer:
        """The answer to one SELECT. Raises `UsageError` for other statements and mistakes, `StoreError` for bad files."""
        require_reading(self._database, sql)
        return self._run(sql, parameters)

    def _run(self, sql: str, parameters: Sequence[Any]) -> Answer:
        import duckdb

        try:
            cursor = self._database.execute(sql, parameters or None)
            columns = tuple(item[0] for item in cursor.description or ())
            return Answer(columns, cursor.fetchall())
        except (duckdb.IOException, duckdb.InvalidInputException) as error:
            raise StoreError(str(error), hint="nngauge study verify tells which files are damaged") from None
        except duckdb.Error as error:
            raise UsageError(str(error), hint="nngauge study tables lists tables and columns") from None

    def keep(self, name: str, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Keeps the answer to one SELECT in memory as table `name`, for questions that build on it. Raises as `ask`."""
        require_reading(self._database, sql)
        self._run(f'CREATE OR REPLACE TEMP TABLE "{name}" AS {sql}', parameters)

    def check(self, sql: str) -> None:
        """Raises `UsageError` for anything but one statement that only reads."""
        require_reading(self._database, sql)

    def share(self, name: str, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Keeps the answer to one SELECT as table `name` on the shelf, where every session sees it. Raises as `ask`."""
        require_reading(self._database, sql)
        self._run(f'CREATE OR REPLACE TABLE "{name}" AS {sql}', parameters)

    def session(self) -> Warehouse:
        """The same facts for another thread: what it keeps is its own, what is shared is not. Close it before this one."""
        return _Session(self._database.cursor(), self._documents)

    def interrupt(self) -> None:
        """Ends the question that another thread is waiting for: `UsageError` is raised there."""
        self._database.interrupt()

    def result(self, app: str, batch: int | None = None) -> StoredResult | None:
        """The result of one app, None when it is not there; sooner when the batch of its facts is told (`Ledger.batch_of`)."""
        place = f"read_parquet('{quoted(self._documents[batch])}')" if batch in self._documents else "document"
        rows = self.ask(f"SELECT document FROM {place} WHERE app = ?", (app,)).rows
        return msgspec.json.decode(rows[0][0], type=StoredResult) if rows else None

    def export(self, target: Path, kind: str) -> Iterator[tuple[str, int]]:
        """Writes every table to `target` as ``parquet`` or ``csv``; yields names and rows. Raises `StoreError`.

        In CSV a text that a spreadsheet would run as a formula gets an apostrophe in front.
        """
        import duckdb

        form = "FORMAT parquet, COMPRESSION zstd" if kind == "parquet" else "FORMAT csv, HEADER"
        try:
            target.mkdir(parents=True, exist_ok=True)
            for table in TABLES:
                columns = ", ".join(_exported(column, kind) for column in table.columns)
                file = quoted(target.resolve() / f"{table.name}.{kind}")
                done = self._database.execute(f"COPY (SELECT {columns} FROM {table.name}) TO '{file}' ({form})")
                yield table.name, int((done.fetchone() or (0,))[0])
        except (OSError, duckdb.Error) as error:
            raise StoreError(f"cannot export: {error}", where=str(target)) from None

    def documents(self) -> Iterator[tuple[str, str]]:
        """`(app, JSON of its result)` of all apps, in order."""
        cursor = self._database.execute("SELECT app, document FROM document ORDER BY app")
        while rows := cursor.fetchmany(256):
            yield from rows


class _Session(Warehouse):
    """A further connection to the database of a warehouse."""

    def __init__(self, database: duckdb.DuckDBPyConnection, documents: dict[int, Path]) -> None:
        self._database = database
        self._documents = documents

    def close(self) -> None:
        self._database.close()


_CONTROLS: Final = r"[\x00-\x1f\x7f-\x9f\x{2028}\x{2029}\x{202a}-\x{202e}\x{2066}-\x{2069}]"
"""In RE2's syntax: C0, C1, line separators, bidirectional overrides."""


def _exported(column: Column, kind: str) -> str:
    name = f'"{column.name}"'
    if kind != "csv" or column.type != "VARCHAR":
        return name
    # As `nngauge.words.safe.csv_text`, in SQL: no controls, no turned text, no formulas.
    plain = f"regexp_replace(regexp_replace({name}, '[\\t\\n]', ' ', 'g'), '{_CONTROLS}', '', 'g')"
    apostrophe = "''''"
    return (
        f"CASE WHEN ltrim({plain})[1] IN ('=', '+', '-', '@') THEN {apostrophe} || {plain} ELSE {plain} END AS {name}"
    )


def _recent(entries: Iterable[Entry], scratch: Path) -> dict[str, Path]:
    """The journal's facts as Parquet files."""
    rows: dict[str, list[tuple[Any, ...]]] = {}
    for entry in entries:
        for name, found in rows_of(entry.app, entry.key, entry.result).items():
            rows.setdefault(name, []).extend(found)
    return {name: scratch / f"{name}.parquet" for name in write_tables(scratch, rows)}
