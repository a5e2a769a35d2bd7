"""Files below a study's folder as tables: the files are what counts, Parquet is kept beside the facts.

Sessions of `nngauge measure STUDY` and compression tables are such files. One is written once and never changed. When a study
is opened, those that are not in the kept tables yet are read; kept tables with a file that has changed or gone are made again
from what is there. So a file may be copied in from another machine, or deleted, and the kept tables may be thrown away at any
time.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from nngauge.errors import StoreError
from nngauge.io.atomic import write_atomically
from nngauge.store.ledger import Ledger
from nngauge.store.listing import copy_quickly
from nngauge.store.schema import Table, by_name
from nngauge.store.shards import options, quoted, write_parquet

if TYPE_CHECKING:
    import duckdb

_MERGE: Final = 16
"""Kept parts that are made one."""

Row = tuple[str, tuple[Any, ...]]
"""Name of a table, and a row of it."""
Stamp = tuple[int, int]
"""Size and time of change, nanoseconds."""


class Kind(Struct, frozen=True, kw_only=True):
    """One kind of files that become tables."""

    folder: str
    """Below the study's, with the files; their names end with ``.json``."""
    kept: str
    """Below the study's folder, where the tables are kept; a number in it is raised when they change."""
    tables: tuple[Table, ...]
    rows: Callable[[str, bytes | None], list[Row]]
    """Rows of the file with this name and content (None: it cannot be read, or is too large). Never raises."""
    largest: int
    """Bytes of a file that is read."""
    each: int = 2048
    """Files read before their rows are written: some tens of MB."""


class _Part(Struct, frozen=True):
    """Tables of some files: a manifest and a Parquet file for each table with rows."""

    name: str
    files: Mapping[str, Stamp]
    tables: tuple[str, ...]


def kept_tables(database: duckdb.DuckDBPyConnection, folder: Path, scratch: Path, kind: Kind) -> dict[str, list[Path]]:
    """Parquet files of each table of a kind, in `scratch`. Raises `duckdb.Error` and `OSError` when that is full."""
    now = dict(_files(folder / kind.folder))
    kept = folder / kind.kept
    if not now:
        shutil.rmtree(kept, ignore_errors=True)
        return {}
    known, stale = _known(kind, kept, now)
    whole = [part for part in known if _fetched(kept, scratch, part)]
    for name in stale:
        _drop(kind, kept, name)
    done = {name for part in whole for name in part.files}
    made = [
        _made(database, kind, folder, scratch, {name: now[name] for name in names})
        for names in _chunks(sorted(name for name in now if name not in done), kind.each)
    ]
    for part in made:
        _keep(scratch, kept, part)
    parts = [*whole, *made]
    parts = _merged(database, kind, scratch, kept, parts)
    return {
        table.name: [scratch / _file(part.name, table.name) for part in parts if table.name in part.tables]
        for table in kind.tables
    }


def save(file: Path, content: Struct, *, hint: str) -> None:
    """Writes one of the files, whole or not at all. Raises `StoreError`; `hint`: what is there all the same."""
    try:
        file.parent.mkdir(exist_ok=True)
        write_atomically(file, [msgspec.json.encode(content)])
    except OSError as error:
        raise StoreError(f"cannot be written: {error.strerror}", where=str(file), hint=hint) from None


def note(ledger: Path, fact: str) -> None:
    """Tells a study that it has other files now, so that who has it open (the explorer) looks again. Raises `StoreError`."""
    with Ledger(ledger) as opened:
        opened.set_fact(fact, dt.datetime.now(dt.UTC).isoformat(timespec="seconds"))


def held(tables: Iterable[Table], rows: Iterable[Row]) -> list[Row] | str:
    """All `rows` if the tables can hold them, else why not. Files may come from anywhere."""
    types = {table.name: [column.type for column in table.columns] for table in tables}
    try:
        found = list(rows)
    except (msgspec.DecodeError, UnicodeError, RecursionError, OverflowError) as error:
        return str(error)
    if not all(_fits(cell, kind) for table, row in found for cell, kind in zip(row, types[table], strict=True)):
        return "it has numbers or texts that no table holds"
    return found


def number_of(digest: str) -> int | None:
    """As `model.number`."""
    try:
        return int(digest[:16], 16) if digest else None
    except ValueError:
        return None


def _fits(cell: Any, kind: str) -> bool:
    """Can a column of this type hold it?"""
    if isinstance(cell, str):
        return "\0" not in cell
    if kind == "UBIGINT":
        return cell is None or 0 <= cell < 2**64
    return kind != "BIGINT" or cell is None or -(2**63) <= cell < 2**63


# --- which files there are ------------------------------------------------------------------------------------------------


def _files(folder: Path) -> Iterator[tuple[str, Stamp]]:
    """Name and stamp of each."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if _is_named_so(entry.name) and entry.is_file(follow_symlinks=False):
                    stat = entry.stat(follow_symlinks=False)
                    yield entry.name, (stat.st_size, stat.st_mtime_ns)
    except OSError:
        return


def _is_named_so(name: str) -> bool:
    """By its name, which has to be one that JSON and SQL can hold."""
    return name.endswith(".json") and not name.startswith(".") and name.isprintable()


def _known(kind: Kind, kept: Path, now: Mapping[str, Stamp]) -> tuple[list[_Part], list[str]]:
    """Parts whose files are all as they were, and names of the others. No file is in two of the first."""
    whole: list[_Part] = []
    stale: list[str] = []
    seen: set[str] = set()
    names = {table.name for table in kind.tables}
    for file in sorted(kept.glob("*.json")):
        try:
            part = msgspec.json.decode(file.read_bytes(), type=_Part)
        except (OSError, msgspec.DecodeError):
            stale.append(file.stem)
            continue
        good = part.name == file.stem == _name(part.files) and names.issuperset(part.tables)
        good = good and all(now.get(name) == stamp for name, stamp in part.files.items())
        if good and seen.isdisjoint(part.files):
            whole.append(part)
            seen.update(part.files)
        else:
            stale.append(file.stem)
    return whole, stale


def _chunks(names: Sequence[str], each: int) -> Iterator[Sequence[str]]:
    for at in range(0, len(names), each):
        yield names[at : at + each]


# --- parts ----------------------------------------------------------------------------------------------------------------


def _file(part: str, table: str) -> str:
    return f"{part}.{table}.parquet"


def _name(files: Mapping[str, Stamp]) -> str:
    return hashlib.blake2b(msgspec.json.encode(sorted(files.items())), digest_size=12).hexdigest()


def _made(
    database: duckdb.DuckDBPyConnection, kind: Kind, folder: Path, scratch: Path, files: Mapping[str, Stamp]
) -> _Part:
    """A new part in `scratch`, from files."""
    rows: dict[str, list[tuple[Any, ...]]] = {}
    for name in files:
        for table, row in kind.rows(name, _content(folder / kind.folder / name, kind.largest)):
            rows.setdefault(table, []).append(row)
    part = _Part(_name(files), files, tuple(sorted(rows)))
    tables = by_name(kind.tables)
    for table, found in rows.items():
        write_parquet(database, tables[table], found, scratch / _file(part.name, table))
    return part


def _content(file: Path, largest: int) -> bytes | None:
    """None when it cannot be read or is too large."""
    try:
        if file.stat().st_size > largest:
            return None
        return file.read_bytes()
    except OSError:
        return None


def _keep(scratch: Path, kept: Path, part: _Part) -> None:
    """For the next time; a study that cannot be written is read all the same. The manifest comes last."""
    try:
        kept.mkdir(parents=True, exist_ok=True)
        for table in part.tables:
            pending = kept / f".{os.getpid()}.{_file(part.name, table)}"
            shutil.copyfile(scratch / _file(part.name, table), pending)
            pending.replace(kept / _file(part.name, table))
        pending = kept / f".{os.getpid()}.{part.name}"
        pending.write_bytes(msgspec.json.encode(part))
        pending.replace(kept / f"{part.name}.json")
    except OSError:
        return


def _drop(kind: Kind, kept: Path, part: str) -> None:
    try:
        (kept / f"{part}.json").unlink(missing_ok=True)
        for table in kind.tables:
            (kept / _file(part, table.name)).unlink(missing_ok=True)
    except OSError:
        return


def _fetched(kept: Path, scratch: Path, part: _Part) -> bool:
    """Into `scratch`, where no other process throws it away."""
    return all(copy_quickly(kept / _file(part.name, table), scratch / _file(part.name, table)) for table in part.tables)


def _merged(
    database: duckdb.DuckDBPyConnection, kind: Kind, scratch: Path, kept: Path, parts: list[_Part]
) -> list[_Part]:
    """Makes the small parts one when they are many, so that questions open few files."""
    small = [part for part in parts if len(part.files) < kind.each]
    if len(small) < _MERGE:
        return parts
    files = {name: stamp for part in small for name, stamp in part.files.items()}
    tables = tuple(sorted({table for part in small for table in part.tables}))
    whole = _Part(_name(files), files, tables)
    for table in tables:
        old = ", ".join(f"'{quoted(scratch / _file(part.name, table))}'" for part in small if table in part.tables)
        target = quoted(scratch / _file(whole.name, table))
        database.execute(f"COPY (SELECT * FROM read_parquet([{old}])) TO '{target}' ({options(table)})")
    _keep(scratch, kept, whole)
    for part in small:
        _drop(kind, kept, part.name)
    return [*(part for part in parts if len(part.files) >= kind.each), whole]
