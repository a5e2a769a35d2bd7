"""Caffe2: both halves written by hand, from either side, and messages that look alike."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from nngauge.domain.graph import Completeness, DType, Graph, Quantization, Span
from nngauge.errors import InputError, NotThisFormat
from nngauge.formats import caffe
from nngauge.formats._api import ModelData
from nngauge.formats.caffe2 import FORMAT, bind, probe
from tests.builders import models
from tests.builders.hostile import matches, mutations, refuse_lookalikes, refuse_noise, survive
from tests.builders.models import message


def singles(*values: float) -> list[bytes]:
    """Unpacked floats of field 5, as Caffe2's writers leave them."""
    return [b"\x2d" + struct.pack("<f", value) for value in values]


def argument(name: str, *fields: tuple[int, Any], floats: int = 0) -> tuple[int, bytes]:
    return 5, message((1, name), *fields) + b"".join(singles(*range(floats)))


def operator(op: str, inputs: str, outputs: str, *arguments: tuple[int, bytes]) -> tuple[int, bytes]:
    names = [(1, name) for name in inputs.split()] + [(2, name) for name in outputs.split()]
    return 2, message(*names, (3, ""), (4, op), *arguments)


def fill(name: str, *shape: int, count: int | None = None) -> tuple[int, bytes]:
    total = 1
    for size in shape:
        total *= size
    sizes = argument("shape", *((6, size) for size in shape))
    return operator("GivenTensorFill", "", name, sizes, argument("values", floats=total if count is None else count))


PREDICT = message(
    (1, "small"),
    operator(
        "Conv",
        "data w b",
        "conv",
        argument("kernel", (3, 3)),
        argument("stride_h", (3, 2)),
        argument("stride_w", (3, 1)),
    ),
    operator("Relu", "conv", "conv"),
    operator(
        "MaxPool",
        "conv",
        "pool",
        argument("kernel", (3, 2)),
        argument("stride", (3, 2)),
        argument("legacy_pad", (3, 3)),
    ),
    operator("FC", "pool fw fb", "fc"),
    operator("Softmax", "fc", "prob"),
    *((7, name) for name in ("data", "w", "b", "fw", "fb")),
    (8, "prob"),
)
INIT = message(
    fill("w", 4, 3, 3, 3),
    fill("b", 4),
    fill("fw", 10, 400),
    fill("fb", 10),
    operator("ConstantFill", "", "data", argument("shape", (6, 1))),
)


def parse(data: bytes, **parts: bytes) -> Graph:
    return FORMAT.parse(ModelData("predict_net.pb", data, parts))


@pytest.mark.parametrize(("lead", "other"), [(PREDICT, INIT), (INIT, PREDICT)])
def test_both_halves(lead: bytes, other: bytes) -> None:
    assert matches(FORMAT, lead, "x")
    graph = parse(lead, other=other)
    assert [(node.op, node.kind) for node in graph.nodes] == [
        ("Conv", "Conv"),
        ("Relu", "Relu"),
        ("MaxPool", "MaxPool"),
        ("FC", "Gemm"),
        ("Softmax", "Softmax"),
    ]
    assert graph.nodes[0].attributes == {
        "kernel_shape": (3, 3),
        "strides": (2, 1),
        "dilations": (1, 1),
        "group": 1,
        "pads": (0, 0, 0, 0),
    }
    assert graph.nodes[2].attributes["ceil_mode"] == 1
    assert graph.nodes[3].attributes == {"axis": 1, "transB": 1}
    assert (graph.parameters, graph.completeness, graph.notes) == (108 + 4 + 4010, Completeness.FULL, ())
    assert [graph.tensors[at].name for at in (*graph.inputs, *graph.outputs)] == ["data", "prob"]
    # The in-place Relu makes a new value of the same name.
    assert graph.nodes[1].inputs == graph.nodes[0].outputs
    assert graph.nodes[1].outputs != graph.nodes[0].outputs


def test_one_half() -> None:
    alone = parse(PREDICT)
    assert (alone.completeness, len(alone.notes)) == (Completeness.TOPOLOGY, 1)
    assert [alone.tensors[at].name for at in alone.inputs] == ["data"]
    weights = parse(INIT)
    assert (len(weights.nodes), weights.parameters, len(weights.notes)) == (0, 4122 + 1, 1)


def test_eight_bits() -> None:
    scale = argument("Y_scale", (2, 0.5)), argument("Y_zero_point", (3, 128))
    stored = operator(
        "Int8GivenTensorFill", "", "w", argument("shape", (6, 2), (6, 4)), argument("values", (4, b"\x80" * 8)), *scale
    )
    bias = operator(
        "Int8GivenIntTensorFill", "", "b", argument("shape", (6, 2)), argument("values", (6, 5), (6, 7)), *scale
    )
    init = message(stored, bias)
    net = message(operator("Int8FC", "data w b", "fc", *scale))
    graph = parse(net, init=init)
    by_name = {tensor.name: tensor for tensor in graph.tensors}
    assert (by_name["w"].dtype, by_name["w"].quantization) == (DType.UINT8, Quantization(1, 0.5, 128))
    span = by_name["w"].data
    assert span == Span(init.index(b"\x80" * 8), 8, 1)
    assert (by_name["b"].dtype, by_name["b"].values) == (DType.INT32, (5, 7))
    assert (by_name["fc"].dtype, by_name["fc"].quantization) == (DType.UINT8, Quantization(1, 0.5, 128))


def test_layouts_and_slices() -> None:
    net = message(
        operator("Conv", "data w", "a", argument("order", (4, "NHWC")), argument("kernels", (6, 3), (6, 5)), argument("pads", (6, 1), (6, 2), (6, 1), (6, 2))),
        operator("Slice", "a", "b", argument("starts", (6, 0), (6, 1)), argument("ends", (6, -1), (6, -2))),
        operator("Concat", "a b", "c shape", argument("axis", (3, 1)), argument("add_axis", (3, 1))),
    )  # fmt: skip
    first, second, third = (node.attributes for node in parse(net).nodes)
    assert (first["data_layout"], first["weight_layout"], first["kernel_shape"], first["pads"]) == (
        "NHWC",
        "OHWI",
        (3, 5),
        (1, 2, 1, 2),
    )
    assert second == {"starts": (0, 1), "ends": ((1 << 31) - 1, -1), "axes": (0, 1)}
    assert third == {"axis": 1, "new_axis": 1}


def test_values_must_fill_their_shape() -> None:
    with pytest.raises(InputError):
        parse(message(fill("w", 4, 3, count=11)))
    with pytest.raises(InputError):
        parse(message(operator("GivenTensorFill", "", "w", argument("shape", (6, -4)), argument("values", floats=1))))


def test_a_list_of_many_floats_is_stepped_over() -> None:
    """A million floats, each behind its own key, and again broken up by another field."""
    graph = parse(message(fill("w", 1_000_000)))
    assert graph.parameters == 1_000_000
    broken = b"".join((singles(0.5)[0] + b"\x18\x01") for _ in range(20_000))
    with pytest.raises(InputError):
        parse(
            message(
                operator("GivenTensorFill", "", "w", argument("shape", (6, 9)), (5, message((1, "values")) + broken))
            )
        )


def test_bind() -> None:
    paths = [
        "a/predict_net.pb",
        "a/init_net.pb",
        "a/sq_predict_net.pb",
        "a/sq_init_net.pb",
        "b/model.pb",
        "b/model_init.pb",
    ]
    for left, right in zip(paths[::2], paths[1::2], strict=True):
        assert bind(left, paths) == (right,)
        assert bind(right, paths) == (left,)
    assert bind("c/predict_net.pb", paths) == ()


def test_neighbours() -> None:
    for other in (
        models.caffemodel(),
        models.caffemodel(v1=True),
        models.graph_def(),
        models.onnx(),
        models.saved_model(),
    ):
        assert not probe(other[:512], len(other), "x.pb")
        with pytest.raises(NotThisFormat):
            parse(other)
    for own in (PREDICT, INIT):
        with pytest.raises((InputError, NotThisFormat)):
            caffe.FORMAT.parse(ModelData("x", own))


def test_damage() -> None:
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)
    survive(FORMAT, PREDICT, "predict_net.pb", 300)
    survive(FORMAT, INIT, "init_net.pb", 100)
    for damaged in mutations(INIT, 100):
        try:
            parse(PREDICT, init=damaged)
        except (InputError, NotThisFormat):
            continue
