"""Safetensors: the header's promises are checked one by one."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nngauge.domain.graph import Completeness, DType
from nngauge.errors import InputError, MalformedError, NotThisFormat
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


def test_shards_and_configurations() -> None:
    lead, second = "m/x-00001-of-00002.safetensors", "m/x-00002-of-00002.safetensors"
    about = {"hidden_size": 2048, "rope": {"theta": 1e6, "on": True}, "layer_types": ["full", "sliding"], "none": None}
    parts = {
        second: file({"c": entry("F32", [6], 0, 24)}),
        "m/config.json": json.dumps(about | {"long": "x" * 500}).encode(),
        "m/tokenizer_config.json": b"{ not json",
        "m/chat_template.jinja": b"{{ x }}",
    }
    assert FORMAT.bind is not None
    assert FORMAT.bind(lead, [*parts, lead, "config.json"]) == tuple(parts)
    assert FORMAT.bind(second, [*parts, lead]) == ()
    assert FORMAT.bind("m/model.safetensors", list(parts)) == tuple(parts)[1:]
    graph = FORMAT.parse(ModelData(lead, file(GOOD), parts))
    assert [(tensor.name, tensor.data and tensor.data.part) for tensor in graph.tensors] == [
        ("a", 0),
        ("b", 0),
        ("c", 1),
    ]
    assert graph.metadata["config.hidden_size"] == "2048"
    assert graph.metadata["config.rope.on"] == "True"
    assert graph.metadata["config.layer_types"] == "[full, sliding]"
    assert "config.long" not in graph.metadata
    assert "config.none" not in graph.metadata
    assert "unreadable:tokenizer_config.json" in graph.metadata
    assert graph.metadata["chat_template"].startswith("7 bytes, sha256 ")
    half = FORMAT.parse(ModelData(lead, file(GOOD)))
    assert half.completeness is Completeness.PARTIAL
    assert half.notes[-1] == "split into 2 files, of which 1 were read"
    with pytest.raises(MalformedError):
        FORMAT.parse(ModelData(lead, file(GOOD), {second: b"{}"}))


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
        max_leaves=30,
    ),
    st.binary(max_size=40),
)
def test_any_configuration(value: Any, noise: bytes) -> None:
    for content in (json.dumps({"a": value}).encode(), noise, b"{" * 100_000):
        graph = FORMAT.parse(ModelData("model.safetensors", file(GOOD), {"config.json": content}))
        assert all(isinstance(text, str) for text in graph.metadata.values())


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
