"""Sessions of `nngauge measure STUDY` as tables, made from the files below ``measured/`` (`nngauge.store.kept`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, Final

import msgspec

from nngauge.domain.energy import Energy, EnergyRefusal
from nngauge.domain.measurement import Configuration, Device, Launch, Measurement, Session, State
from nngauge.store.kept import Kind, Row, held, number_of
from nngauge.store.schema import MEASURED_TABLES
from nngauge.store.shards import quoted

MEASURED: Final = "measured"
"""Folder of a study with the sessions of its models."""
_LARGEST: Final = 1 << 28
"""Bytes of a session that is read: one model in a hundred configurations takes 100 MB."""
_OBJECT: Final = 64 << 20
"""Bytes of a session whose samples SQL reads; DuckDB takes some times as much memory."""


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


def session_rows(name: str, content: bytes | None) -> list[Row]:
    """Rows of one session's file; one refusal when it is damaged (or None: it could not be read)."""
    if content is None:
        return [_damaged(name, "cannot be read, or is too large")]
    rows = held(MEASURED_TABLES, _rows(name, content))
    return [_damaged(name, f"is no session: {rows}")] if isinstance(rows, str) else rows


def _damaged(name: str, reason: str) -> Row:
    nothing = (None,) * (3 + len(Configuration.__struct_fields__))
    return "measurement_refusal", (name, *nothing, "damaged", reason[:500], "delete it, and measure again")


def _rows(name: str, content: bytes) -> Iterator[Row]:
    session = msgspec.json.decode(content, type=Session)
    energies = {(item.model, item.configuration): item.energy or item.refusal for item in session.energies}
    for nth, item in enumerate(session.measurements, 1):
        told = energies.get((item.model, item.configuration))
        yield "measurement", (name, nth, *_measurement(item, session.schema), *_energy(told))
        for at, launch in enumerate(item.launches, 1):
            yield "launch", (name, nth, at, *_launch(launch))
            for op in launch.ops:
                yield "operator_time", (
                    name, nth, item.model, item.name, number_of(item.model), op.name, op.kind, op.calls, op.nanoseconds / 1e9,
                    op.unit,
                )  # fmt: skip
    for refusal in session.refusals:
        yield "measurement_refusal", (
            name, refusal.model, refusal.name, number_of(refusal.model), *_configuration(refusal.configuration), refusal.kind,
            refusal.reason, refusal.hint,
        )  # fmt: skip


def _measurement(item: Measurement, protocol: str) -> Iterator[Any]:
    yield from (item.model, item.name, number_of(item.model), item.format)
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


SESSIONS: Final = Kind(
    folder=MEASURED, kept="cache/measured-1", tables=MEASURED_TABLES, rows=session_rows, largest=_LARGEST
)
