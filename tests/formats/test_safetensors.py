"""Safetensors: the header's promises are checked one by one."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from nngauge.domain.graph import DType
from nngauge.errors import InputError, NotThisFormat
from nngauge.formats._api import ModelData
from nngauge.formats.safetensors import FORMAT
from tests.builders.hostile import MODELS, matches, refuse_lookalikes, refuse_noise, survive


def file(header: Any, data: bytes = bytes(24)) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype: str, shape: list[int], begin: int, end: int) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


GOOD = {"__metadata__": {"format": "mlx"}, "a": entry("F32", [2, 2], 0, 16), "b": entry("BF16", [4], 16, 24)}


def test_reads_tensors_and_extent() -> None:
    data = file(GOOD)
    graph = FORMAT.parse(ModelData("x", data + b"behind"))
    assert matches(FORMAT, data, "x")
    assert (graph.parameters, graph.producer, graph.extent) == (8, "MLX", len(data))
    assert [tensor.dtype for tensor in graph.tensors] == [DType.FLOAT32, DType.BFLOAT16]
    survive(FORMAT, data, "x.safetensors", count=300)


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"a": entry("F32", [2, 2], 0, 8)},
        {"a": entry("F99", [2, 2], 0, 16)},
        {"a": entry("F32", [2, -2], 0, 16)},
        {"a": entry("F32", [4], 4, 20)},
        {"a": entry("F32", [4], 0, 16), "b": entry("F32", [4], 8, 24)},
        {"a": entry("F32", [400], 0, 1600)},
        {"a": {"dtype": "F32", "shape": [4]}},
        {"a": 4},
    ],
)
def test_refuses(header: Any) -> None:
    with pytest.raises((InputError, NotThisFormat)):
        FORMAT.parse(ModelData("x", file(header)))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("huggingface__candle__5608d638__voices.safetensors", 64_812),
        ("huggingface__candle__fa470a13__jfk-codes.safetensors", 1656),
    ],
)
def test_real_file(name: str, parameters: int) -> None:
    path = MODELS / "safetensors" / name
    if not path.exists():
        pytest.skip("real models are not beside this checkout")
    data = path.read_bytes()
    graph = FORMAT.parse(ModelData("x", data))
    assert (graph.parameters, graph.extent) == (parameters, len(data))
    library = pytest.importorskip("safetensors", reason="optional oracle")
    with library.safe_open(path, "np") as opened:
        assert set(opened.keys()) == {tensor.name for tensor in graph.tensors}


def test_lookalikes_and_noise() -> None:
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)
