"""MXNet symbols and parameter lists."""

from __future__ import annotations

import json
import struct

import pytest

from nngauge.errors import InputError, NotThisFormat
from nngauge.formats._api import ModelData
from nngauge.formats.mxnet import FORMAT
from tests.builders.hostile import MODELS, accepts, matches, refuse_lookalikes, refuse_noise, survive

NODES = [
    {"op": "null", "name": "data", "inputs": []},
    {"op": "null", "name": "fc_weight", "inputs": []},
    {"op": "FullyConnected", "name": "fc", "inputs": [[0, 0, 0], [1, 0, 0]]},
]


def symbol(nodes: object = NODES, heads: object = [[2, 0, 0]]) -> bytes:
    document = {"nodes": nodes, "arg_nodes": [0, 1], "heads": heads, "attrs": {"mxnet_version": ["int", 10901]}}
    return json.dumps(document, indent=2).encode()


def params(names: int = 1) -> bytes:
    array = struct.pack("<IIIqqIII", 0xF993FAC9, 0, 2, 2, 4, 1, 0, 0) + bytes(32)
    label = b"arg:fc_weight"
    return struct.pack("<QQQ", 0x112, 0, 1) + array + struct.pack("<QQ", names, len(label)) + label


def test_pair() -> None:
    assert matches(FORMAT, symbol(), "x")
    assert FORMAT.bind is not None
    listing = ["m/a-symbol.json", "m/a-0000.params", "m/a-0010.params", "m/b-0000.params"]
    assert FORMAT.bind("m/a-symbol.json", listing) == ("m/a-0010.params",)
    graph = FORMAT.parse(ModelData("a-symbol.json", symbol(), {"a-0000.params": params()}))
    assert [(node.op, node.inputs) for node in graph.nodes] == [("FullyConnected", (0, 1))]
    assert (graph.parameters, graph.producer, graph.inputs) == (8, "MXNet 1.9.1", (0,))
    survive(FORMAT, symbol(), "a-symbol.json", count=300)


def test_parameters_alone() -> None:
    assert matches(FORMAT, params(), "x")
    graph = FORMAT.parse(ModelData("x", params() + b"behind"))
    assert (graph.parameters, graph.extent) == (8, len(params()))
    assert not accepts(FORMAT, params(names=2))
    survive(FORMAT, params(), "x.params", count=300)


@pytest.mark.parametrize(
    "data",
    [
        symbol(heads=[[9, 0, 0]]),
        symbol(nodes=[*NODES, {"op": "x", "name": "loop", "inputs": [[3, 0]]}]),
        symbol(nodes=[{"op": "null", "name": "data"}]),
        symbol(nodes=[{"op": "null", "name": "data", "inputs": []}]),
        b'{"nodes": [{"name": "Walk", "inputs": []}], "version": "' + b"x" * 80 + b'"}',
    ],
)
def test_refuses(data: bytes) -> None:
    with pytest.raises((InputError, NotThisFormat)):
        FORMAT.parse(ModelData("a-symbol.json", data))


def test_real_files() -> None:
    paths = sorted((MODELS / "mxnet_symbol").glob("*")) + sorted((MODELS / "mxnet_params").glob("*"))
    if not paths:
        pytest.skip("real models are not beside this checkout")
    data, weights = (path.read_bytes() for path in paths)
    graph = FORMAT.parse(ModelData("s-symbol.json", data, {"s-0000.params": weights}))
    assert (len(graph.nodes), graph.parameters, graph.producer) == (12, 62_006, "MXNet 1.4.0")


def test_lookalikes_and_noise() -> None:
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)
