"""Memory and first inference."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from msgspec.structs import replace

from nngauge.domain.cost import Cost, PeakMemory
from nngauge.domain.estimate import Estimate, Ground, NoEstimate, Quantity, Reason, Setting, Unit
from nngauge.estimate import memory
from tests.estimate.costs import mobile

ROWS = Path(__file__).parents[2] / "benchmarks/estimator/memory_rows.csv"


def network(weights: int = 4_000_000, activations: int = 5_000_000) -> Cost:
    return replace(mobile(), weight_bytes=weights, parameters=weights // 4, peak=PeakMemory(bytes=activations, layer=0))


def place(unit: Unit = Unit.BIG, runtime: str = "", precision: str = "float32") -> Setting:
    return Setting(device="galaxy-s25", unit=unit, runtime=runtime, precision=precision)


def told(found: Estimate | NoEstimate) -> Estimate:
    assert isinstance(found, Estimate), found
    return found


def latency(value: float = 10.0) -> Estimate:
    return Estimate(
        quantity=Quantity.LATENCY, setting=place(), value=value, low=value * 0.8, high=value * 1.2,
        ground=Ground(profile="p", method="m", source="s", models=1, error=0.1),
    )  # fmt: skip


def test_more_weights_and_activations_take_more() -> None:
    plain = told(memory.estimate(network(), place()))
    assert plain.value > 4_000_000 + 5_000_000
    assert told(memory.estimate(network(8_000_000), place())).value > plain.value
    assert told(memory.estimate(network(activations=10**7), place())).value > plain.value
    assert plain.low < plain.value < plain.high
    assert plain.baseline == 4_000_000


def test_neural_processors_only_where_the_column_follows_from_the_model() -> None:
    for runtime in ("tflite", "onnx", "qnn_dlc"):
        found = memory.estimate(network(), place(Unit.NPU, runtime))
        if runtime in memory.profile().npu:
            assert told(found).value > 0
        else:
            assert isinstance(found, NoEstimate)
            assert found.reason is Reason.NO_PROFILE


def test_bytes_of_the_file_are_taken_for_those_of_the_precision() -> None:
    if "tflite" not in memory.profile().npu:
        pytest.skip("no runtime's column follows from the model")
    floats = told(memory.estimate(network(), place(Unit.NPU, "tflite", "float32")))
    integers = told(memory.estimate(network(), place(Unit.NPU, "tflite", "int8")))
    assert integers.value < floats.value


@pytest.mark.parametrize("setting", [place(Unit.GPU), place(runtime="ncnn")])
def test_what_was_not_measured_is_not_told(setting: Setting) -> None:
    found = memory.estimate(network(), setting)
    assert isinstance(found, NoEstimate)
    assert found.reason is Reason.NO_PROFILE


def test_a_model_of_unknown_size_has_no_estimate() -> None:
    for one in (replace(network(), weight_bytes=None), replace(network(), peak=None)):
        for found in (memory.estimate(one, place()), memory.first(one, place(), latency())):
            assert isinstance(found, NoEstimate)
            assert found.reason is Reason.NOT_COUNTED


def test_sizes_may_say_anything() -> None:
    assert told(memory.estimate(network(activations=2**2000), place())).value > 2**60


def test_the_first_result_takes_longer_than_the_next() -> None:
    found = told(memory.first(network(), place(), latency()))
    assert found.quantity is Quantity.FIRST
    assert found.value > 10.0
    assert found.low <= found.value < found.high
    assert told(memory.first(network(40_000_000), place(), latency())).value > found.value
    assert isinstance(memory.first(network(), place(Unit.NPU), latency()), NoEstimate)


def test_the_measured_files() -> None:
    if not ROWS.is_file():
        pytest.skip("benchmarks/ is not here")
    with ROWS.open(encoding="utf-8") as text:
        rows = list(csv.DictReader(text))
    assert len(rows) >= 20
    line = memory.profile().cpu
    errors, inside = [], 0
    for row in rows:
        value = (
            line.constant
            + line.weights * float(row["weight_bytes"])
            + line.activations * float(row["peak_activations"])
        )
        value += line.layers * float(row["layers"])
        truth = float(row["added_bytes"])
        errors.append(abs(value / truth - 1))
        inside += value / line.width <= truth <= value * line.width
    assert sorted(errors)[len(errors) // 2] < 0.25
    assert inside / len(rows) >= 0.8
