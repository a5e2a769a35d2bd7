"""Sessions of `nngauge measure STUDY` as tables: the files below ``measured/`` are what counts, Parquet is kept beside the facts.

A session is written once and never changed. When a study is opened, those that are not in the kept tables yet are read; kept
tables with a file that has changed or gone are made again from what is there. So a session may be copied in from another
machine, or deleted, and the kept tables may be thrown away at any time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from nngauge.domain.energy import Energy, EnergyRefusal
from nngauge.domain.measurement import Configuration, Device, Launch, Measurement, Session, State
from nngauge.store.listing import copy_quickly
from nngauge.store.schema import MEASURED_TABLES, by_name
from nngauge.store.shards import options, quoted, write_parquet

if TYPE_CHECKING:
    import duckdb

MEASURED: Final = "measured"
"""Folder of a study with the sessions of its models."""
LARGEST: Final = 1 << 28
"""Bytes of a session that is read: one model in a hundred configurations takes 100 MB."""
_KEPT: Final = "cache/measured-1"
"""Below the study's folder; the number is raised when tables of `MEASURED_TABLES` change."""
_EACH: Final = 2048
"""Sessions read before their rows are written: some tens of MB."""
_MERGE: Final = 16
"""Kept parts that are made one."""
_OBJECT: Final = 64 << 20
"""Bytes of a session whose samples SQL reads; DuckDB takes some times as much memory."""

Stamp = tuple[int, int]
"""Size and time of change, nanoseconds."""


class _Part(Struct, frozen=True):
    """Tables of some sessions: a manifest and a Parquet file for each table with rows."""

    name: str
    files: Mapping[str, Stamp]
    tables: tuple[str, ...]


def measured_tables(database: duckdb.DuckDBPyConnection, folder: Path, scratch: Path) -> dict[str, list[Path]]:
    """Parquet files of each of `MEASURED_TABLES`, in `scratch`. Raises `duckdb.Error` and `OSError` when that is full."""
    now = dict(_sessions(folder / MEASURED))
    kept = folder / _KEPT
    if not now:
        shutil.rmtree(kept, ignore_errors=True)
        return {}
    known, stale = _known(kept, now)
    whole = [part for part in known if _fetched(kept, scratch, part)]
    for name in stale:
        _drop(kept, name)
    done = {name for part in whole for name in part.files}
    made = [
        _made(database, folder, scratch, {name: now[name] for name in names})
        for names in _chunks(sorted(name for name in now if name not in done))
    ]
    for part in made:
        _keep(scratch, kept, part)
    parts = [*whole, *made]
    parts = _merged(database, scratch, kept, parts)
    return {
        table.name: [scratch / _file(part.name, table.name) for part in parts if table.name in part.tables]
        for table in MEASURED_TABLES
    }


def samples_macro(folder: Path) -> str:
    """SQL of the table macro ``samples('SESSION')``: every sample of every launch, read from the session's file."""
    shape = "STRUCT(launches STRUCT(wall_ns BIGINT[], cpu_ns BIGINT[], interrupted BIGINT[])[])[]"
    launches = "list_transform(item.it.launches, lambda one, place: {'place': place, 'it': one})"
    return (
        "CREATE OR REPLACE MACRO samples(file) AS TABLE SELECT session, nth, launch.place AS launch, "
        "unnest(range(1, len(launch.it.wall_ns) + 1)) AS sample, unnest(launch.it.wall_ns) AS wall_ns, "
        "unnest(launch.it.cpu_ns) AS cpu_ns, unnest(launch.it.interrupted) AS interrupted FROM ("
        f"SELECT parse_filename(filename) AS session, item.place AS nth, unnest({launches}) AS launch FROM ("
        "SELECT filename, unnest(list_transform(measurements, lambda one, place: {'place': place, 'it': one})) AS item FROM read_json("
        f"'{quoted((folder / MEASURED).resolve())}/' || file, format = 'unstructured', filename = true, "
        f"maximum_object_size = {_OBJECT}, columns = {{measurements: '{shape}'}})))"
    )


# --- which files there are ------------------------------------------------------------------------------------------------


def _sessions(folder: Path) -> Iterator[tuple[str, Stamp]]:
    """Name and stamp of each session."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if _is_session(entry.name) and entry.is_file(follow_symlinks=False):
                    stat = entry.stat(follow_symlinks=False)
                    yield entry.name, (stat.st_size, stat.st_mtime_ns)
    except OSError:
        return


def _is_session(name: str) -> bool:
    """By its name, which has to be one that JSON and SQL can hold."""
    return name.endswith(".json") and not name.startswith(".") and name.isprintable()


def _known(kept: Path, now: Mapping[str, Stamp]) -> tuple[list[_Part], list[str]]:
    """Parts whose sessions are all as they were, and names of the others. No session is in two of the first."""
    whole: list[_Part] = []
    stale: list[str] = []
    seen: set[str] = set()
    names = {table.name for table in MEASURED_TABLES}
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


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for at in range(0, len(names), _EACH):
        yield names[at : at + _EACH]


# --- parts ----------------------------------------------------------------------------------------------------------------


def _file(part: str, table: str) -> str:
    return f"{part}.{table}.parquet"


def _name(files: Mapping[str, Stamp]) -> str:
    return hashlib.blake2b(msgspec.json.encode(sorted(files.items())), digest_size=12).hexdigest()


def _made(database: duckdb.DuckDBPyConnection, folder: Path, scratch: Path, files: Mapping[str, Stamp]) -> _Part:
    """A new part in `scratch`, from sessions."""
    rows: dict[str, list[tuple[Any, ...]]] = {}
    for name in files:
        for table, row in session_rows(name, _content(folder / MEASURED / name)):
            rows.setdefault(table, []).append(row)
    part = _Part(_name(files), files, tuple(sorted(rows)))
    tables = by_name(MEASURED_TABLES)
    for table, found in rows.items():
        write_parquet(database, tables[table], found, scratch / _file(part.name, table))
    return part


def _content(file: Path) -> bytes | None:
    """A session; None when it cannot be read or is too large to be one."""
    try:
        if file.stat().st_size > LARGEST:
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


def _drop(kept: Path, part: str) -> None:
    try:
        (kept / f"{part}.json").unlink(missing_ok=True)
        for table in MEASURED_TABLES:
            (kept / _file(part, table.name)).unlink(missing_ok=True)
    except OSError:
        return


def _fetched(kept: Path, scratch: Path, part: _Part) -> bool:
    """Into `scratch`, where no other process throws it away."""
    return all(copy_quickly(kept / _file(part.name, table), scratch / _file(part.name, table)) for table in part.tables)


def _merged(database: duckdb.DuckDBPyConnection, scratch: Path, kept: Path, parts: list[_Part]) -> list[_Part]:
    """Makes the small parts one when they are many, so that questions open few files."""
    small = [part for part in parts if len(part.files) < _EACH]
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
        _drop(kept, part.name)
    return [*(part for part in parts if len(part.files) >= _EACH), whole]


# --- rows -----------------------------------------------------------------------------------------------------------------


def session_rows(name: str, content: bytes | None) -> list[tuple[str, tuple[Any, ...]]]:
    """`(table, row)` of one session's file; one refusal when it is damaged (or None: it could not be read)."""
    if content is None:
        return [_damaged(name, "cannot be read, or is too large")]
    try:
        rows = list(_rows(name, msgspec.json.decode(content, type=Session)))
    except (msgspec.DecodeError, UnicodeError, RecursionError, OverflowError) as error:
        return [_damaged(name, f"is no session: {error}")]
    types = {table.name: [column.type for column in table.columns] for table in MEASURED_TABLES}
    if not all(_fits(cell, kind) for table, row in rows for cell, kind in zip(row, types[table], strict=True)):
        return [_damaged(name, "is no session: it has numbers or texts that no table holds")]
    return rows


def _damaged(name: str, reason: str) -> tuple[str, tuple[Any, ...]]:
    nothing = (None,) * (3 + len(Configuration.__struct_fields__))
    return "measurement_refusal", (name, *nothing, "damaged", reason[:500], "delete it, and measure again")


def _fits(cell: Any, kind: str) -> bool:
    """Can a column of this type hold it? Files may come from anywhere."""
    if isinstance(cell, str):
        return "\0" not in cell
    if kind == "UBIGINT":
        return cell is None or 0 <= cell < 2**64
    return kind != "BIGINT" or cell is None or -(2**63) <= cell < 2**63


def _rows(name: str, session: Session) -> Iterator[tuple[str, tuple[Any, ...]]]:
    energies = {(item.model, item.configuration): item.energy or item.refusal for item in session.energies}
    for nth, item in enumerate(session.measurements, 1):
        told = energies.get((item.model, item.configuration))
        yield "measurement", (name, nth, *_measurement(item, session.schema), *_energy(told))
        for at, launch in enumerate(item.launches, 1):
            yield "launch", (name, nth, at, *_launch(launch))
            for op in launch.ops:
                yield "operator_time", (
                    name, nth, item.model, item.name, _number(item.model), op.name, op.kind, op.calls, op.nanoseconds / 1e9,
                    op.unit,
                )  # fmt: skip
    for refusal in session.refusals:
        yield "measurement_refusal", (
            name, refusal.model, refusal.name, _number(refusal.model), *_configuration(refusal.configuration), refusal.kind,
            refusal.reason, refusal.hint,
        )  # fmt: skip


def _measurement(item: Measurement, protocol: str) -> Iterator[Any]:
    yield from (item.model, item.name, _number(item.model), item.format)
    yield from _device(item.device)
    yield from _configuration(item.configuration)
    yield from (item.engine_version, item.library, item.started, item.tool, protocol, item.seed, item.macs)
    yield len(item.launches)
    yield from _times(item)
    yield ",".join(item.doubts)
    output = item.output
    if output is None:
        yield from (None, None, None, None)
    else:
        yield from (output.finite, output.varies, output.reference or None, output.difference)
    delegated = next((launch.delegated for launch in reversed(item.launches) if launch.delegated), None)
    yield msgspec.json.encode(delegated).decode() if delegated else None


def _times(item: Measurement) -> Iterator[Any]:
    found = item.summary
    if found is None:
        peaks = [launch.peak_bytes for launch in item.launches if launch.peak_bytes]
        yield from (0, *(None,) * 12, max(peaks, default=None))
        return
    yield from (found.runs, found.clock)
    for value in (
        found.load_ns, found.first_ns, found.steady_ns, found.low_ns, found.high_ns, found.p5_ns, found.p90_ns, found.p95_ns,
        found.p99_ns, found.cpu_ns,
    ):  # fmt: skip
        yield value / 1e9 if value is not None else None
    yield from (found.load_bytes, found.peak_bytes)


def _device(device: Device) -> tuple[Any, ...]:
    cores = sum(len(cluster.cores) for cluster in device.clusters)
    name = " ".join(filter(None, (device.maker, device.model))) or device.soc or device.id
    return (
        device.id, name, device.soc, device.abi, device.system, cores or None, device.memory_bytes, device.battery_mah,
        device.emulated,
    )  # fmt: skip


def _configuration(item: Configuration) -> tuple[Any, ...]:
    return item.engine, item.threads, item.delegate, item.batch, ",".join(map(str, item.cpus))


def _energy(told: Energy | EnergyRefusal | None) -> tuple[Any, ...]:
    if told is None:
        return (None,) * 8
    if isinstance(told, EnergyRefusal):
        return (*(None,) * 7, f"{told.kind}: {told.reason}")
    joules = told.joules if told.detected else None
    low = told.low if told.detected else None
    return joules, low, told.high, told.mde, told.baseline_watts, told.meter.name, ",".join(told.doubts), None


def _launch(launch: Launch) -> tuple[Any, ...]:
    timed = bool(launch.wall_ns)
    return (
        launch.block,
        launch.load_ns / 1e9 if timed else None,
        launch.first_ns / 1e9 if timed else None,
        median(launch.wall_ns) / 1e9 if timed else None,
        median(launch.cpu_ns) / 1e9 if launch.cpu_ns else None,
        len(launch.wall_ns),
        launch.inferences_per_sample,
        launch.load_bytes,
        launch.peak_bytes,
        launch.settled,
        *_state(launch.after),
        launch.before.battery if launch.before is not None else None,
    )


def _state(after: State | None) -> tuple[float | None, float | None]:
    if after is None:
        return None, None
    return max(after.celsius.values(), default=None), max(map(float, after.hz.values()), default=None)


def _number(digest: str) -> int | None:
    """As `model.number`."""
    try:
        return int(digest[:16], 16) if digest else None
    except ValueError:
        return None
