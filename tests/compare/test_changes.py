"""Newer or older, and how a model changed: the two judgements behind the comparison of snapshots."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nngauge.compare.model_change import ModelFacts, Weights, model_change
from nngauge.compare.version_order import version_change
from nngauge.domain.snapshot_difference import ChangeKind, ModelChange

UP, DOWN, OTHER = ChangeKind.UPGRADED, ChangeKind.DOWNGRADED, ChangeKind.VERSION


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        (["2.8.0"], ["2.17.0"], UP),
        (["2.17.0"], ["2.8.0"], DOWN),
        (["2.8.0"], ["2.8.0"], None),
        (["1.9"], ["1.10"], UP),
        (["2.8.0"], [], None),
        ([], ["2.8.0"], None),
        (["1.8"], ["1.8.5"], OTHER),
        (["2.0-rc1"], ["2.0"], OTHER),
        (["20240102"], ["20241226"], UP),
        (["1.8.0", "2.0.0"], ["2.0.0", "1.8.0"], None),
        (["1.8.0", "2.0.0"], ["2.0.0"], UP),
        (["2.0.0"], ["1.8.0", "2.0.0"], DOWN),
        (["1.0.0", "3.0.0"], ["2.0.0"], OTHER),
        ([">2.15.0,<2.17.0"], [">2.16.0,<2.18.0"], OTHER),
        ([">2.15.0,<2.17.0"], [">2.17.0,<2.19.0"], UP),
        ([">2.17.0,<2.19.0"], [">2.15.0,<2.17.0"], DOWN),
        (["<2.4"], [">2.4"], UP),
        ([">2.4"], [">2.6"], OTHER),
        (["2.4.0"], [">2.4.0,<2.6.0"], UP),
        (["2.5.0"], [">2.4.0,<2.6.0"], OTHER),
        ([">2.4.0,<2.6.0"], ["2.6.0"], UP),
        (["9" * 5000], ["1." * 5000], DOWN),
        (["no version"], ["none"], OTHER),
        ([""], [">"], OTHER),
    ],
)  # fmt: skip
def test_versions_are_newer_only_where_that_is_sure(
    first: list[str], second: list[str], wanted: ChangeKind | None
) -> None:
    assert version_change(first, second) is wanted


def model(**changes: Any) -> ModelFacts:
    made: dict[str, Any] = {
        "digest": "a", "format": "tflite", "size": 4_000, "parameters": 1_000, "nodes": 3,
        "inputs": [{"name": "in", "dtype": "float32", "shape": [1, 28, 28]}],
        "outputs": [{"name": "out", "dtype": "float32", "shape": [1, 10]}],
        "ops": {"CONV_2D": 2, "SOFTMAX": 1}, "weights": {"float32": 1_000},
    } | changes  # fmt: skip
    for name in ("inputs", "outputs", "ops", "weights"):
        made[name] = json.dumps(made[name])
    return ModelFacts(**made)


ONNX = {"format": "onnx", "ops": {"Conv": 2, "Softmax": 1}}


@pytest.mark.parametrize(
    ("first", "second", "weights", "wanted"),
    [
        ({}, {}, None, (ModelChange.WEIGHTS, "")),
        ({}, {}, Weights(8, 8, 6), (ModelChange.WEIGHTS, "2 of 8 weight tensors differ")),
        ({}, {}, Weights(8, 8, 8), (ModelChange.FILE, "all 8 weight tensors are the same")),
        ({}, {"inputs": [{"name": "x", "dtype": "float32", "shape": [1, 28, 28]}]}, None, (ModelChange.WEIGHTS, "")),
        ({}, {"inputs": [{"name": "in", "dtype": "float32", "shape": [1, 32, 32]}]}, None, (ModelChange.INTERFACE, "")),
        (
            {}, {"parameters": 1_200, "weights": {"float32": 1_200}}, Weights(8, 8, 7),
            (ModelChange.LAYERS, "1,000 → 1,200 parameters; 1 of 8 weight tensors differ"),
        ),
        (
            {}, {"ops": {"CONV_2D": 5}, "nodes": 5, "parameters": 900}, None,
            (ModelChange.ARCHITECTURE, "3 → 5 operations, 1,000 → 900 parameters"),
        ),
        (
            {}, {"ops": {"QUANTIZE": 1, "CONV_2D": 2, "SOFTMAX": 1, "DEQUANTIZE": 1}, "parameters": 1_020,
                 "weights": {"int8": 1_000, "int32": 20}},
            None, (ModelChange.QUANTISED, "32 → 8.47 bits a parameter"),
        ),
        (
            {"weights": {"int8": 1_000}, "precision": "full-integer int8"},
            {"weights": {"float16": 1_000}, "precision": "float16"},
            None, (ModelChange.WIDENED, "full-integer int8 → float16"),
        ),
        (
            ONNX, {**ONNX, "ops": {"QLinearConv": 2, "Softmax": 1, "QuantizeLinear": 1}, "weights": {"uint8": 1_000}},
            None, (ModelChange.QUANTISED, "32 → 8 bits a parameter"),
        ),
        (
            {"ops": {}, "weights": {"q8_0": 1_000}, "size": 1_063}, {"ops": {}, "weights": {"q4_0": 1_000}, "size": 563},
            None, (ModelChange.QUANTISED, "8.5 → 4.5 bits a parameter"),
        ),
        ({}, ONNX, None, (ModelChange.CONVERTED, "tflite → onnx")),
        (
            {"layers": "x"}, {**ONNX, "layers": "x", "weights": {"int8": 1_000}}, Weights(8, 8, 0),
            (ModelChange.CONVERTED, "tflite → onnx, the same layers, 32 → 8 bits a parameter; 8 of 8 weight tensors differ"),
        ),
        ({"layers": "x", "ops": {"A": 1}}, {"layers": "x", "ops": {"B": 2}}, None, (ModelChange.WEIGHTS, "")),
        ({}, {"parameters": None, "nodes": None, "ops": {}, "weights": {}}, None, (ModelChange.UNKNOWN, "")),
        ({"weights": {"no such type": 1_000}}, {"weights": {"float32": 1_000}}, None, (ModelChange.LAYERS, "1,000 → 1,000 parameters")),
    ],
)  # fmt: skip
def test_a_change_is_told_by_the_facts_of_both(
    first: dict[str, Any], second: dict[str, Any], weights: Weights | None, wanted: tuple[ModelChange, str]
) -> None:
    assert model_change(model(**first), model(**second), weights) == wanted
