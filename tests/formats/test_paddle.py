"""Paddle programs and Paddle Lite models."""

from __future__ import annotations

import struct

import pytest

from nngauge.errors import InputError, LimitError, UnsupportedError
from nngauge.formats import paddle, paddle_lite
from nngauge.formats._api import ModelData
from tests.builders.flat import flatbuffer
from tests.builders.hostile import MODELS, matches, refuse_lookalikes, refuse_noise, survive


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
    assert paddle.FORMAT.parse(ModelData("x", data)).notes == ("the parameter file is missing",)
    with pytest.raises(InputError):
        paddle.FORMAT.parse(ModelData("x", data, {"x.pdiparams": weights[:-3]}))
    survive(paddle.FORMAT, data, "x.pdmodel", count=40)


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

    ops = [op("feed", "feed", "x"), op("fc", "x", "y"), op("fetch", "y", "fetch")]
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
