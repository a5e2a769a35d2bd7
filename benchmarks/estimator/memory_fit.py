"""Fits memory and first inference to the measured files (memory_measure.py) and to AI Hub's memory column.

    python -m benchmarks.estimator.memory_fit

Coefficients are not negative and fitted to relative errors; every figure is of models left out, one file (one model of the
catalogue) at a time.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.estimator.npu_rows import HERE, read_rows, read_totals

OUT: Final = Path(__file__).parents[2] / "src/nngauge/estimate/profiles/memory.json"
RESULTS: Final = Path(__file__).parents[1] / "results/estimator-memory.json"
PHONES: Final = ("Samsung Galaxy S22 5G", "Samsung Galaxy S24", "Samsung Galaxy S25", "Samsung Galaxy S26")
USABLE: Final = 0.5
"""Median error beyond which a runtime's memory column is not shipped: it does not follow from the model."""

Vector = np.ndarray[Any, Any]


def fitted(table: Vector, truth: Vector) -> Vector:
    """Coefficients ≥ 0 with the least relative errors, by coordinate descent."""
    scaled = table / truth[:, None]
    numbers = np.full(table.shape[1], 0.0)
    norms = (scaled**2).sum(0)
    for _ in range(3000):
        for place in range(len(numbers)):
            if norms[place]:
                rest = 1.0 - scaled @ numbers + scaled[:, place] * numbers[place]
                numbers[place] = max(0.0, float(scaled[:, place] @ rest / norms[place]))
    return numbers


def line(table: Vector, truth: Vector, groups: Sequence[str]) -> dict[str, float]:
    """The shipped coefficients with errors of groups left out."""
    guesses = np.zeros(len(truth))
    names = np.array(groups)
    for name in sorted(set(groups)):
        outside = names == name
        guesses[outside] = table[outside] @ fitted(table[~outside], truth[~outside])
    logs = np.abs(np.log(np.maximum(guesses, 1e-9) / truth))
    inside = [logs[place] <= np.quantile(logs[names != names[place]], 0.9) for place in range(len(truth))]
    numbers = [float(number) for number in fitted(table, truth)]
    return {
        "constant": numbers[0], "weights": numbers[1], "activations": numbers[2], "layers": numbers[3],
        "error": round(float(np.median(np.abs(guesses / truth - 1))), 4),
        "width": round(float(np.exp(np.quantile(logs, 0.9))), 3),
        "coverage": round(float(np.mean(inside)), 3), "models": len(set(groups)),
    }  # fmt: skip


def measured() -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Memory and first inference of the files that were measured, and figures about them."""
    with (HERE / "memory_rows.csv").open(encoding="utf-8") as text:
        rows = [row for row in csv.DictReader(text) if float(row["added_bytes"]) > 0]
    number = lambda name: np.array([float(row[name] or 0) for row in rows])  # noqa: E731
    names = [row["name"] for row in rows]
    one = np.ones(len(rows))
    memory = line(
        np.c_[one, number("weight_bytes"), number("peak_activations"), number("layers")], number("added_bytes"), names
    )
    together = number("load_ms") + number("first_ms")
    load = line(np.c_[one, number("weight_bytes"), number("steady_ms"), number("layers")], together, names)
    ratios = number("first_ms") / number("steady_ms")
    added = number("added_bytes")
    figures = {
        "files": len(rows),
        "first over steady": round(float(np.median(ratios)), 3),
        "load and first over steady": round(float(np.median(together / number("steady_ms"))), 2),
        "weights alone, median error": round(float(np.median(np.abs(number("weight_bytes") / added - 1))), 3),
        "weights and activations, median error": round(
            float(np.median(np.abs((number("weight_bytes") + number("peak_activations")) / added - 1))), 3
        ),
        "steady alone for first, median error": round(float(np.median(np.abs(number("steady_ms") / together - 1))), 3),
    }
    return memory, load, figures


def neural(runtime: str) -> dict[str, float]:
    """Upper end of AI Hub's memory range on phones."""
    totals = read_totals()
    size = {"float": 2.0}
    rows = [
        row
        for row in read_rows()
        if row.network in totals and row.runtime == runtime and row.device in PHONES and row.memory_mb[1] > 0
    ]
    weights = np.array([totals[row.network]["params"] * size.get(row.precision, 1.0) for row in rows])
    peaks = np.array([totals[row.network]["peak"] / 4 * size.get(row.precision, 1.0) for row in rows])
    table = np.c_[np.ones(len(rows)), weights, peaks, np.zeros(len(rows))]
    return line(table, np.array([row.memory_mb[1] * 1e6 for row in rows]), [row.model for row in rows])


def main() -> None:
    """Fits, prints, ships."""
    memory, load, figures = measured()
    columns = {runtime: neural(runtime) for runtime in ("tflite", "onnx", "qnn_dlc")}
    document = {
        "id": "memory@1",
        "source": f"{figures['files']} TFLite files measured in LiteRT 2.3.0 on one x86-64 core",
        "cpu": memory,
        "load": load,
        "npu_source": "qai-hub-models 0.65.0, estimated_peak_memory_range_mb, Galaxy S22 to S26",
        "npu": {runtime: found for runtime, found in columns.items() if found["error"] <= USABLE},
    }
    OUT.write_text(json.dumps(document, separators=(",", ":")) + "\n", "utf-8")
    results = {"cpu": memory, "first": load, "figures": figures, "npu": columns}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
