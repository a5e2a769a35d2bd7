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


def test_attributes() -> None:
    conv = {"kernel": "(3, 3)", "stride": "(2, 2)", "pad": "(1, 1)", "num_filter": "8", "num_group": "4"}
    nodes = [
        {"op": "null", "name": "data", "attrs": {"__shape__": "(1, 4, 8, 8)"}, "inputs": []},
        {"op": "null", "name": "c_weight", "inputs": []},
        {"op": "Convolution", "name": "c", "attrs": conv, "inputs": [[0, 0, 0], [1, 0, 0]]},
        {"op": "SliceChannel", "name": "s", "attrs": {"num_outputs": "2"}, "inputs": [[2, 0, 0]]},
        {"op": "_Plus", "name": "a", "inputs": [[3, 0, 0], [3, 1, 0]]},
        {"op": "Pooling", "name": "p", "attrs": {"global_pool": "True", "pool_type": "avg"}, "inputs": [[4, 0, 0]]},
        {"op": "slice_axis", "name": "x", "attrs": {"axis": "1", "begin": "0", "end": "None"}, "inputs": [[5, 0]]},
    ]
    graph = FORMAT.parse(ModelData("a-symbol.json", symbol(nodes, [[6, 0, 0]])))
    assert [node.kind for node in graph.nodes] == ["Conv", "Split", "Add", "GlobalAveragePool", "Slice"]
    first, split, add = graph.nodes[:3]
    assert first.attributes["pads"] == (1, 1, 1, 1)
    assert (first.attributes["group"], first.attributes["channels"], first.attributes["bias"]) == (4, 8, 1)
    assert add.inputs == split.outputs
    assert graph.nodes[4].attributes["ends"] == (2**63 - 1,)
    assert graph.tensors[0].shape == (1, 4, 8, 8)
    assert graph.inputs == (0,)


def test_recurrent_parameters_are_split() -> None:
    mode = {"mode": "lstm", "state_size": "3", "num_layers": "2"}
    nodes = [
        {"op": "null", "name": "data", "inputs": []},
        {"op": "null", "name": "fc_weight", "inputs": []},
        {"op": "RNN", "name": "r", "attrs": mode, "inputs": [[0, 0, 0], [1, 0, 0]]},
    ]
    count = 12 * (5 + 3 + 2) + 12 * (3 + 3 + 2)
    array = struct.pack("<IIIqIII", 0xF993FAC9, 0, 1, count, 1, 0, 0) + bytes(4 * count)
    label = b"arg:fc_weight"
    stored = struct.pack("<QQQ", 0x112, 0, 1) + array + struct.pack("<QQ", 1, len(label)) + label
    graph = FORMAT.parse(ModelData("a-symbol.json", symbol(nodes), {"a-0000.params": stored}))
    shapes = [graph.tensors[at].shape for at in graph.nodes[0].inputs]
    assert shapes[1:5] == [(12, 5), (12, 3), (12, 3), (12, 3)]
    assert (graph.parameters, shapes[5:]) == (count, [(12,)] * 4)


def test_real_files() -> None:
    paths = sorted((MODELS / "mxnet_symbol").glob("*")) + sorted((MODELS / "mxnet_params").glob("*"))
    if not paths:
        pytest.skip("real models are not beside this checkout")
    data, weights = (path.read_bytes() for path in paths)
    graph = FORMAT.parse(ModelData("s-symbol.json", data, {"s-0000.params": weights}))
    assert (len(graph.nodes), graph.parameters, graph.producer) == (12, 62_006, "MXNet 1.4.0")
    assert all(node.kind for node in graph.nodes)
    conv, _, pool = graph.nodes[:3]
    assert conv.attributes == {
        "kernel_shape": (5, 5), "strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1), "group": 1,
    }  # fmt: skip
    assert [graph.tensors[at].shape for at in conv.inputs[1:]] == [(6, 3, 5, 5), (6,)]
    assert (pool.kind, pool.attributes["ceil_mode"]) == ("MaxPool", 1)


def test_lookalikes_and_noise() -> None:
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)
