"""From the journal to Parquet: batches of shards, one file a table, that are written once and never changed.

DuckDB writes them from lines of JSON (no Arrow needed). A batch is written to a folder of its own, moved file by file to
its place, and counts when the ledger lists it; what a killed run left behind is swept away by the next.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from nngauge.errors import StoreError, UsageError
from nngauge.limits import GIB
from nngauge.store.ledger import Entry, Ledger, Shard
from nngauge.store.once import once
from nngauge.store.rows import rows_of
from nngauge.store.schema import FACT_TABLES, MARKET, Column, Table, by_name

if TYPE_CHECKING:
    import duckdb

BATCH: Final = 4096
"""Apps whose facts are sealed together: a few MB of Parquet."""
_MERGE: Final = 16
"""Batches of the same size class that are made one."""
_PENDING: Final = "facts/.pending"


def connect(database: str = ":memory:", *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection that reads no settings and loads nothing from elsewhere. Raises `UsageError` without DuckDB."""
    try:
        import duckdb
    except ImportError:
        raise UsageError(
            "DuckDB is not installed, which keeps and asks the facts of studies", hint='pip install "nngauge[study]"'
        ) from None
    settings: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    return duckdb.connect(database, read_only=read_only, config=settings)


def installed() -> bool:
    """Is DuckDB there?"""
    return find_spec("duckdb") is not None


def seal(folder: Path, ledger: Ledger, *, least: int = BATCH) -> int:
    """Moves the journal to shards when it holds at least `least` results; how many were moved.

    Raises `StoreError` when the disk is full or cannot be written; the journal keeps everything then.
    """
    moved = 0
    while ledger.journal_size() >= max(1, least):
        if not moved:
            sweep(folder, ledger)
        with connect() as database:
            entries = list(once(database, folder, ledger, ledger.journal(BATCH)))
        batch = ledger.next_batch()
        shards = write_batch(folder, batch, entries)
        ledger.seal(batch, shards, [entry.app for entry in entries])
        moved += len(entries)
    return moved


def sweep(folder: Path, ledger: Ledger) -> None:
    """Removes files that the ledger does not list: what a killed run left behind."""
    shutil.rmtree(folder / _PENDING, ignore_errors=True)
    listed = {shard.file for shard in ledger.shards()}
    for file in (folder / "facts").glob("*/*.parquet"):
        if str(file.relative_to(folder)) not in listed:
            file.unlink(missing_ok=True)


def write_batch(folder: Path, batch: int, entries: Iterable[Entry]) -> list[Shard]:
    """Writes the facts of `entries`, a file for each table that has rows. Raises `StoreError`."""
    rows: dict[str, list[tuple[Any, ...]]] = {}
    for entry in entries:
        for name, found in rows_of(entry.app, entry.key, entry.result).items():
            rows.setdefault(name, []).extend(found)
    return place(folder, batch, lambda pending: write_tables(pending, rows))


def write_tables(folder: Path, rows: Mapping[str, Sequence[tuple[Any, ...]]]) -> dict[str, int]:
    """One Parquet file a table below `folder`; rows by table."""
    tables = by_name(FACT_TABLES)
    with connect() as database:
        for name, found in rows.items():
            if found:
                write_parquet(database, tables[name], found, folder / f"{name}.parquet")
    return {name: len(found) for name, found in rows.items() if found}


def write_parquet(
    database: duckdb.DuckDBPyConnection,
    table: Table,
    rows: Iterable[tuple[Any, ...]],
    target: Path,
    *,
    longest: int = GIB,
) -> None:
    """Writes rows to a Parquet file, by way of lines of JSON of at most `longest` bytes: DuckDB takes twice as much memory."""
    lines = target.with_suffix(".jsonl")
    encoder = msgspec.json.Encoder()
    with lines.open("wb") as file:
        for row in rows:
            file.write(encoder.encode(dict(zip(table.names, row, strict=True))) + b"\n")
    columns = ", ".join(f"'{column.name}': '{column.type}'" for column in table.columns)
    database.execute(
        f"COPY (SELECT * FROM read_json('{quoted(lines)}', format = 'newline_delimited', columns = {{{columns}}}, "
        f"maximum_object_size = {longest})) TO '{quoted(target)}' ({options(table.name)})"
    )
    lines.unlink()


def options(table: str) -> str:
    """How DuckDB writes the Parquet files of a table: documents in small groups, for they are read one by one."""
    return "FORMAT parquet, COMPRESSION zstd" + (", ROW_GROUP_SIZE 2048" if table == "document" else "")


def place(folder: Path, batch: int, write: Callable[[Path], dict[str, int]]) -> list[Shard]:
    """Lets `write` fill a folder beside the facts, and moves its files to their places.

    `write` gives the rows of each table whose file it made. Raises `StoreError`.
    """
    pending = folder / _PENDING
    shutil.rmtree(pending, ignore_errors=True)
    try:
        import duckdb

        pending.mkdir(parents=True)
        counts = write(pending)
        shards = []
        for name, count in sorted(counts.items()):
            file = pending / f"{name}.parquet"
            shard = Shard(batch, name, count, file.stat().st_size, file_digest(file))
            target = folder / shard.file
            target.parent.mkdir(parents=True, exist_ok=True)
            with file.open("rb") as written:
                os.fsync(written.fileno())
            file.replace(target)
            shards.append(shard)
    except (OSError, duckdb.Error) as error:
        raise StoreError(
            f"facts cannot be written: {error}", where=str(folder), hint="free space and run again; nothing was lost"
        ) from error
    finally:
        shutil.rmtree(pending, ignore_errors=True)
    return shards


def merge(folder: Path, ledger: Ledger) -> int:
    """Makes many small batches one, so that questions open few files; how many batches went."""
    gone = 0
    while batches := _mergeable(ledger.shards()):
        dead = [(app, batch) for app, batch in ledger.superseded() if batch in batches]
        new = ledger.next_batch()
        shards = place(folder, new, partial(_merged, folder, ledger, batches, dead))
        ledger.replace(batches, new, shards)
        sweep(folder, ledger)
        gone += len(batches)
    return gone


def _mergeable(shards: Sequence[Shard]) -> list[int]:
    """The batches of the smallest size class that has enough of them. Classes differ by a factor of `_MERGE`.

    Listings of stores have no apps of ours and are merged when they are read (`nngauge.store.market`).
    """
    apps: dict[int, int] = {}
    for shard in shards:
        if shard.part == MARKET.name:
            continue
        apps[shard.batch] = max(apps.get(shard.batch, 0), shard.rows if shard.part == "document" else 1)
    classes: dict[int, list[int]] = {}
    for batch, count in sorted(apps.items()):
        size = 0
        while count >= BATCH * _MERGE**size:
            size += 1
        classes.setdefault(size, []).append(batch)
    return next((batches for _, batches in sorted(classes.items()) if len(batches) >= _MERGE), [])


def _merged(
    folder: Path, ledger: Ledger, batches: Sequence[int], dead: Sequence[tuple[str, int]], pending: Path
) -> dict[str, int]:
    counts: dict[str, int] = {}
    with connect() as database:
        database.execute("CREATE TABLE dead (app VARCHAR, batch BIGINT)")
        if dead:
            database.executemany("INSERT INTO dead VALUES (?, ?)", dead)
        for table in FACT_TABLES:
            files = [shard for shard in ledger.shards() if shard.part == table.name and shard.batch in batches]
            if not files:
                continue
            parts = " UNION ALL BY NAME ".join(
                f"{reading(database, table, [folder / shard.file])[0]} "
                f"WHERE app NOT IN (SELECT app FROM dead WHERE batch = {shard.batch})"
                for shard in files
            )
            target = quoted(pending / f"{table.name}.parquet")
            done = database.execute(f"COPY ({parts}) TO '{target}' ({options(table.name)})").fetchone()
            counts[table.name] = int(done[0]) if done else 0
    return counts


def damaged(folder: Path, ledger: Ledger, *, digests: bool) -> list[Shard]:
    """Shards that are gone, of another size or, with `digests` (reads everything), of another content."""
    return [shard for shard in ledger.shards() if not _intact(folder / shard.file, shard, digests=digests)]


def _intact(file: Path, shard: Shard, *, digests: bool) -> bool:
    try:
        return file.stat().st_size == shard.size and (not digests or file_digest(file) == shard.sha256)
    except OSError:
        return False


def repair(folder: Path, ledger: Ledger, broken: Iterable[Shard]) -> int:
    """Gives up the batches of broken shards: their apps wait to be scanned again; how many items that are."""
    items = sum(ledger.forget(batch) for batch in sorted({shard.batch for shard in broken}))
    sweep(folder, ledger)
    return items


def file_digest(file: Path) -> str:
    """SHA-256 of a file, hexadecimal. Raises `OSError`."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def reading(database: duckdb.DuckDBPyConnection, table: Table, files: Sequence[Path]) -> list[str]:
    """SELECTs that together give the rows of `files`; columns they were written without are made from others, or missing."""
    derived = [column for column in table.columns if column.derived]
    groups: dict[str, list[Path]] = {}
    for file in files:
        groups.setdefault(_derived(database, derived, file), []).append(file)
    selects = []
    for more, group in groups.items():
        names = ", ".join(f"'{quoted(file)}'" for file in group)
        selects.append(f"SELECT *{more} FROM read_parquet([{names}], union_by_name = true)")
    return selects


def _derived(database: duckdb.DuckDBPyConnection, derived: Sequence[Column], file: Path) -> str:
    if not derived:
        return ""
    there = {row[0] for row in database.execute("SELECT name FROM parquet_schema(?)", [str(file)]).fetchall()}
    return "".join(f', {column.derived} AS "{column.name}"' for column in derived if column.name not in there)


def quoted(path: Path) -> str:
    """A path inside an SQL string."""
    return str(path).replace("'", "''")
