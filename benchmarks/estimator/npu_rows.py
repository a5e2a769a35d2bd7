"""The measured rows: every ``perf.yaml`` of a ``qai-hub-models`` wheel, read as a zip archive, and the networks they belong to.

    python -m benchmarks.estimator.npu_rows qai_hub_models-0.65.0-py3-none-any.whl LAYERS-FOLDER

writes ``npu_rows.csv.xz`` (latencies and memory of what ran wholly on the neural processor, on the processor or on the GPU),
``language_rows.csv.xz`` (tokens per second) and ``npu_networks.json.xz`` (work of the networks that could be rebuilt with
random weights). The wheel is BSD-3-Clause, https://pypi.org/project/qai-hub-models/.
"""

from __future__ import annotations

import csv
import io
import json
import lzma
import math
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from nngauge.domain.cost import Family, Layer
from nngauge.estimate.npu_work import WORKS, Item, Work, work_of

HERE: Final = Path(__file__).parent
ROWS: Final = HERE / "npu_rows.csv.xz"
LANGUAGE_ROWS: Final = HERE / "language_rows.csv.xz"
NETWORKS: Final = HERE / "npu_networks.json.xz"
RUNTIMES: Final = {
    "tflite": "tflite",
    "onnx": "onnx",
    "qnn_dlc": "qnn_dlc",
    "precompiled_qnn_onnx": "onnx",
    "qnn_context_binary": "qnn_dlc",
    "voice_ai": "qnn_dlc",
}
"""Compiled ahead of time or not, the same code runs: the medians of both kinds differ by less than 1 %."""
DUPLICATES: Final = {
    "Dragonwing IQ-X7181": "Snapdragon X Elite CRD",
    "Dragonwing Q-7790": "Snapdragon 7 Gen 4 QRD",
    "Dragonwing Q-8750": "Samsung Galaxy S25",
    "SA8650P ADP": "SA8255P ADP",
    "SA8775P ADP": "SA8255P ADP",
    "Snapdragon XR2 Gen 2": "Samsung Galaxy S22 5G",
}
"""Devices whose rows are copies of another's, number for number: they must not be taken for measurements of their own, least of
all when devices are left out."""
_COLUMNS: Final = (
    "network", "model", "precision", "device", "runtime", "ms", "memory_min_mb", "memory_max_mb", "unit", "layers",
)  # fmt: skip
_LANGUAGE: Final = ("model", "precision", "device", "runtime", "unit", "context", "decode", "prefill", "first_ms")


class Row(NamedTuple):
    """One measurement."""

    network: str
    """``model/component``."""
    model: str
    precision: str
    device: str
    runtime: str
    log_ms: float
    memory_mb: tuple[float, float]
    unit: str


def read_rows(unit: str = "NPU") -> list[Row]:
    """All rows of one unit."""
    with lzma.open(ROWS, "rt", encoding="utf-8", newline="") as text:
        return [
            Row(
                found["network"],
                found["model"],
                found["precision"],
                found["device"],
                found["runtime"],
                math.log(float(found["ms"])),
                (float(found["memory_min_mb"] or -1), float(found["memory_max_mb"] or -1)),
                found["unit"],
            )
            for found in csv.DictReader(text)
            if found["unit"] == unit and found["device"] not in DUPLICATES
        ]


def read_language_rows() -> list[dict[str, str]]:
    """Tokens per second of language models."""
    with lzma.open(LANGUAGE_ROWS, "rt", encoding="utf-8", newline="") as text:
        return [row for row in csv.DictReader(text) if row["device"] not in DUPLICATES]


def read_networks() -> dict[str, tuple[Item, ...]]:
    """Work of each network that was rebuilt."""
    tables = json.loads(lzma.decompress(NETWORKS.read_bytes()))
    return {
        name: tuple(Item(WORKS[item[0]], item[1], item[2], item[3], int(item[4])) for item in table["items"])
        for name, table in tables.items()
    }


def read_totals() -> dict[str, dict[str, float]]:
    """MACs, parameters, bytes at the peak of each network."""
    tables = json.loads(lzma.decompress(NETWORKS.read_bytes()))
    return {name: {key: value for key, value in table.items() if key != "items"} for name, table in tables.items()}


def _performances(wheel: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    import yaml  # type: ignore[import-untyped]

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist()):
            if name.startswith("qai_hub_models/models/") and name.endswith("/perf.yaml"):
                yield name.split("/")[2], yaml.load(archive.read(name), loader)


def _cells(wheel: Path) -> Iterator[tuple[tuple[str, str, str, str, str], Mapping[str, Any]]]:
    """Model, component, precision, device, runtime and what was measured there."""
    for model, document in _performances(wheel):
        for precision, parts in (document.get("precisions") or {}).items():
            for component, part in (parts.get("components") or {}).items():
                for device, runtimes in (part.get("performance_metrics") or {}).items():
                    for runtime, found in (runtimes or {}).items():
                        yield (model, component, precision, device, runtime), found


def _row(place: tuple[str, str, str, str, str], found: Mapping[str, Any]) -> tuple[object, ...] | None:
    model, component, precision, device, runtime = place
    if found.get("inference_time_milliseconds") is None or runtime not in RUNTIMES:
        return None
    layers = found.get("layer_counts") or {}
    used = [unit for unit in ("npu", "gpu", "cpu") if layers.get(unit)]
    memory = found.get("estimated_peak_memory_range_mb") or {}
    unit = used[0].upper() if len(used) == 1 else "mixed"
    network = f"{model}/{component}"
    ms = found["inference_time_milliseconds"]
    ends = (memory.get("min", ""), memory.get("max", ""))
    return (network, model, precision, device, RUNTIMES[runtime], ms, *ends, unit, layers.get("total", ""))


def _language_rows(place: tuple[str, str, str, str, str], found: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    model, _, precision, device, runtime = place
    for metric in found.get("llm_metrics") or ():
        first = (metric.get("time_to_first_token_range_milliseconds") or {}).get("min", "")
        speeds = (metric.get("tokens_per_second"), metric.get("prefill_tokens_per_second", ""), first)
        unit = metric.get("desired_compute_unit", "npu")
        yield (model, precision, device, runtime, unit, metric["context_length"], *speeds)


def _write(path: Path, head: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    path.write_bytes(lzma.compress(text.getvalue().encode(), preset=9))


def _layer(index: int, row: list[Any]) -> Layer:
    (
        op,
        kind,
        family,
        inputs,
        outputs,
        dtype,
        weight_dtype,
        attributes,
        macs,
        parameters,
        size,
        read,
        written,
        repeats,
        note,
    ) = row
    shapes = [tuple(tuple(shape) if shape is not None else None for shape in side) for side in (inputs, outputs)]
    return Layer(
        index=index, name="", op=op, kind=kind, family=Family(family), inputs=shapes[0], outputs=shapes[1], dtype=dtype,
        weight_dtype=weight_dtype, attributes=attributes or "", macs=macs, parameters=parameters, weight_bytes=size,
        read_bytes=read, written_bytes=written, repeats=repeats, note=note,
    )  # fmt: skip


def _network(path: Path) -> dict[str, Any]:
    table = json.loads(path.read_text("utf-8"))
    items = work_of(_layer(index, row) for index, row in enumerate(table["layers"]))
    numbers = {name: int(table[name] or 0) for name in ("macs", "params", "peak", "nparam")}
    packed = [
        [WORKS.index(Work(item.work)), int(item.macs), int(item.weights), int(item.elements), item.times]
        for item in items
    ]
    return {**numbers, "items": packed}


def main(wheel: Path, layers: Path) -> None:
    """Writes the three tables."""
    cells = list(_cells(wheel))
    _write(ROWS, _COLUMNS, [row for place, found in cells if (row := _row(place, found)) is not None])
    _write(LANGUAGE_ROWS, _LANGUAGE, [row for place, found in cells for row in _language_rows(place, found)])
    tables = {path.stem.replace("__", "/", 1): _network(path) for path in sorted(layers.glob("*.json"))}
    NETWORKS.write_bytes(lzma.compress(json.dumps(tables, separators=(",", ":")).encode(), preset=9))
    print(len(cells), "cells,", len(tables), "networks")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
