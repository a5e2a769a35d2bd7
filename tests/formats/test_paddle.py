"""Paddle programs and Paddle Lite models."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest

from examples.builders.flat import flatbuffer
from nngauge.errors import InputError, LimitError, UnsupportedError
from nngauge.formats import paddle, paddle_lite
from nngauge.formats._api import ModelData
from tests.builders.hostile import MODELS, matches, refuse_lookalikes, refuse_noise, survive
from tests.builders.models import message


def test_real_program() -> None:
    path = MODELS / "paddle_pdmodel" / "openvinotoolkit__open_model_zoo__321ac9a1__samplenet.pdmodel"
    if not path.exists():
        pytest.skip("real models are not beside this checkout")
    data = path.read_bytes()
    weights = (MODELS / "paddle_params" / "openvinotoolkit__open_model_zoo__a08fc4ee__samplenet.pdiparams").read_bytes()
    assert matches(paddle.FORMAT, data, "x")
    graph = paddle.FORMAT.parse(ModelData("x", data, {"x.pdiparams": weights}))
    assert (len(graph.nodes), graph.parameters, graph.notes) == (18, 122_570, ())
    assert graph.tensors[graph.inputs[0]].shape == (None, 3, 32, 32)
    assert graph.tensors[graph.outputs[0]].shape == (None, 10)
    assert all(node.kind for node in graph.nodes)
    conv = next(node for node in graph.nodes if node.kind == "Conv")
    assert conv.attributes == {"strides": (1, 1), "dilations": (1, 1), "pads": (0, 0, 0, 0), "group": 1}
    kernel = graph.tensors[conv.inputs[1]]
    assert (kernel.shape, kernel.data is not None) == ((32, 3, 3, 3), True)
    spans = sorted((t.data.offset, t.data.size, t.data.part) for t in graph.tensors if t.data is not None)
    assert sum(size for _, size, _ in spans) == 4 * 122_570
    assert {part for _, _, part in spans} == {1}
    assert all(offset + size <= after for (offset, size, _), (after, _, _) in pairwise(spans))
    assert paddle.FORMAT.parse(ModelData("x", data)).notes == ("the parameter file is missing",)
    with pytest.raises(InputError):
        paddle.FORMAT.parse(ModelData("x", data, {"x.pdiparams": weights[:-3]}))
    survive(paddle.FORMAT, data, "x.pdmodel", count=40)


def block(number: int, parent: int, variables: list[bytes], operations: list[bytes]) -> bytes:
    parts = [
        (1, number),
        (2, parent & (1 << 64) - 1),
        *[(3, item) for item in variables],
        *[(4, i) for i in operations],
    ]
    return message(*parts)


def variable(name: str, *dims: int, stored: bool = False) -> bytes:
    desc = message((1, 5), *[(2, dim & (1 << 64) - 1) for dim in dims])
    return message((1, name), (2, message((1, 7), (3, message((1, desc))))), *([(3, 1)] if stored else []))


def operation(kind: str, read: dict[str, str], written: str, *attributes: tuple[tuple[int, object], ...]) -> bytes:
    slots = [(1, message((1, slot), (2, name))) for slot, name in read.items()]
    found = [(4, message(*attribute)) for attribute in attributes]
    return message(*slots, (2, message((1, "Out"), (2, written))), (3, kind), *found)


def program() -> bytes:
    """A convolution, and a loop with a block of its own."""
    ints = ((1, "strides"), (2, 3), (6, 2), (6, 1))
    pads = ((1, "paddings"), (2, 3), (6, 1), (6, 0), (6, 1), (6, 2))
    conv = operation("conv2d", {"Filter": "w", "Input": "x"}, "y", ints, pads, ((1, "groups"), (2, 0), (3, 4)))
    loop = operation("while", {"Condition": "c", "X": "y"}, "y", ((1, "sub_block"), (2, 8), (12, 1)))
    feed, fetch = operation("feed", {"X": "feed"}, "x"), operation("fetch", {"X": "y"}, "fetch")
    variables = [variable("x", -1, 4, 8, 8), variable("w", 4, 1, 3, 3, stored=True), variable("y", -1, 4, 4, 9)]
    main = block(0, -1, variables, [feed, conv, loop, fetch])
    return message((1, main), (1, block(1, 0, [], [operation("relu", {"X": "y"}, "z")])))


def test_attributes_slots_and_blocks() -> None:
    graph = paddle.FORMAT.parse(ModelData("x", program()))
    conv, loop = graph.nodes
    assert [graph.tensors[at].name for at in conv.inputs] == ["x", "w"]
    assert conv.attributes == {"strides": (2, 1), "pads": (1, 1, 0, 2), "group": 4}
    assert (loop.kind, loop.attributes) == ("Loop", {"body": 0})
    body = graph.subgraphs[0]
    assert (body.nodes[0].kind, body.tensors[body.nodes[0].inputs[0]].shape) == ("Relu", (None, 4, 4, 9))
    survive(paddle.FORMAT, program(), "x.pdmodel", count=300)


def test_companions() -> None:
    assert paddle.FORMAT.bind is not None
    assert paddle.FORMAT.bind("m/a.pdmodel", ["m/a.pdmodel", "m/a.pdiparams"]) == ("m/a.pdiparams",)
    assert paddle.FORMAT.bind("m/__model__", ["m/__model__", "m/__params__"]) == ("m/__params__",)
    assert paddle.FORMAT.bind("m/__model__", ["m/__model__", "n/__params__"]) == ()


def lite(meta: int = 2) -> bytes:
    def var(name: str) -> dict[int, object]:
        tensor = {0: ("i", 5), 1: ("q", [-1, 4])}
        return {0: name, 1: {0: ("i", 7), 2: {0: tensor}}}

    def op(kind: str, read: str, written: str) -> dict[int, object]:
        return {0: kind, 1: [{0: "X", 1: [read]}], 2: [{0: "Out", 1: [written]}]}

    dense = op("fc", "x", "y")
    dense[1] = [{0: "W", 1: ["w"]}, {0: "Input", 1: ["x"]}]
    dense[3] = [
        {0: "in_num_col_dims", 1: ("i", 0), 2: ("i", 1)},
        {0: "activation_type", 1: ("i", 2), 4: "relu"},
        {0: "numbers", 1: ("i", 3), 5: ("i", [1, 2])},
    ]
    ops = [op("feed", "feed", "x"), dense, op("fetch", "y", "fetch")]
    program = flatbuffer({0: [{0: ("i", 0), 1: ("i", -1), 2: [var("x"), var("y")], 3: ops}]})
    param = flatbuffer({1: "w", 2: ("B", 1), 3: {2: ("q", [2, 4]), 3: ("i", 5), 4: bytes(32)}})
    header = struct.pack("<H16sQ", meta, b"v2.12.0", len(program))
    table = struct.pack("<HHHHI", 0, 10, 6, 1, 32) + struct.pack("<II", len(param) + 8, 8)
    return header + program + table + param


def test_lite() -> None:
    data = lite()
    assert matches(paddle_lite.FORMAT, data, "x")
    graph = paddle_lite.FORMAT.parse(ModelData("x.nb", data + b"behind"))
    assert [node.op for node in graph.nodes] == ["fc"]
    assert (graph.parameters, graph.producer, graph.extent) == (8, "Paddle Lite opt v2.12.0", len(data))
    assert graph.tensors[graph.inputs[0]].shape == (None, 4)
    node = graph.nodes[0]
    assert (node.kind, node.attributes) == ("Gemm", {"axis": 1, "fused_activation": "Relu"})
    assert [graph.tensors[at].name for at in node.inputs] == ["x", "w"]
    survive(paddle_lite.FORMAT, data, "x.nb", count=300)
    # The header of a real file: an unfinished version, then bytes of the optimiser's memory.
    odd = data[:2] + b"v2.13-rc\0/\x9c\x10\xff\x7f\0\0" + data[18:]
    assert matches(paddle_lite.FORMAT, odd, "x")
    assert paddle_lite.FORMAT.parse(ModelData("x.nb", odd)).producer == "Paddle Lite opt v2.13-rc"
    with pytest.raises(UnsupportedError):
        paddle_lite.FORMAT.parse(ModelData("x.nb", lite(meta=1)))


def test_shared_argument_lists_do_not_multiply() -> None:
    group = {0: "X", 1: ["x"] * 3000}
    operation = {0: "concat", 1: [group] * 3000}
    program = flatbuffer({0: [{0: ("i", 0), 1: ("i", -1), 2: [], 3: [operation]}]})
    header = struct.pack("<H16sQ", 2, b"v2.12.0", len(program)) + program + struct.pack("<HHHHI", 0, 10, 6, 0, 0)
    with pytest.raises(LimitError):
        paddle_lite.FORMAT.parse(ModelData("x.nb", header))


def test_lookalikes_and_noise() -> None:
    for form in (paddle.FORMAT, paddle_lite.FORMAT):
        refuse_lookalikes(form)
        refuse_noise(form)
