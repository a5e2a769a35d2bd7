"""``BenchmarkResult``, the file that ``benchmark_model --result_file_path`` writes since 2025.

https://github.com/tensorflow/tensorflow/blob/master/tensorflow/lite/tools/benchmark/proto/benchmark_result.proto
"""

from __future__ import annotations

from typing import Final

from nngauge.engines.official import _reading as reading
from nngauge.engines.official._api import Summary
from nngauge.errors import MalformedError
from nngauge.io.protobuf import BYTES, FIXED32, VARINT, fields, signed, single

_LATENCY, _MEMORY, _MISC = 2, 3, 4
_TIMES: Final = {
    1: "mean_ns", 2: "least_ns", 3: "most_ns", 4: "deviation_ns", 5: "median_ns", 8: "load_ns", 9: "first_ns",
    10: "warmup_ns",
}  # fmt: skip
_SHARES: Final = {6: "5", 7: "95"}


def read_result(data: bytes) -> Summary:
    """Raises `MalformedError` for other messages, `TruncatedError`."""
    parts: dict[int, dict[int, float]] = {_LATENCY: {}, _MEMORY: {}, _MISC: {}}
    for field in fields(reading.bounded(data)):
        if field.number in parts:
            if field.wire != BYTES:
                raise MalformedError("is no BenchmarkResult", where=f"@{field.start}")
            parts[field.number] |= _numbers(data, field.start, field.end)
    times, memory, misc = parts[_LATENCY], parts[_MEMORY], parts[_MISC]
    if 1 not in times:
        raise MalformedError("is no BenchmarkResult: there is no mean latency")
    facts: dict[str, float | None] = {name: 1e6 * times[key] for key, name in _TIMES.items() if key in times}
    facts |= {
        "runs": misc.get(2), "warmup_runs": misc.get(3), "load_bytes": _bytes(memory.get(1), 1024),
        "peak_bytes": _bytes(memory.get(3), reading.MB) or _bytes(memory.get(2), 1024),
    }  # fmt: skip
    return reading.summary(facts, {name: 1e6 * times[key] for key, name in _SHARES.items() if key in times})


def _numbers(data: bytes, start: int, end: int) -> dict[int, float]:
    found: dict[int, float] = {}
    for field in fields(data, start, end):
        if field.wire == FIXED32:
            found[field.number] = single(field.value)
        elif field.wire == VARINT:
            found[field.number] = signed(field.value)
    return found


def _bytes(value: float | None, unit: int) -> float | None:
    """Footprints are differences and may be negative where the system took memory back: then nothing was added."""
    return None if value is None else max(0.0, value) * unit
