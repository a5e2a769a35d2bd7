"""Channels of ONNX networks that go and that stay; answers compared by the gate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("onnx", reason="ONNX files are written with the package onnx")
pytest.importorskip("onnxruntime", reason="and run with onnxruntime")

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from nngauge.api import open_model, read_graph
from nngauge.compress.shrink.run import shrink_model
from nngauge.domain.shrinking import Outcome, Shrunk


class Net:
    """An ONNX graph being made."""

    def __init__(self, *shape: int) -> None:
        self.chance = np.random.default_rng(1)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]

    def constant(self, value: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def weights(self, *shape: int) -> Any:
        return self.chance.normal(0, 0.5, shape).astype(np.float32)

    def node(self, op: str, *inputs: str, **words: Any) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], **words))
        return name

    def conv(
        self, x: str, rows: int, columns: int, gone: Sequence[int] = (), value: float = 0.0, size: int = 3, pad: int = 1
    ) -> str:
        weight, bias = self.weights(rows, columns, size, size), self.weights(rows)
        weight[list(gone)] = 0
        bias[list(gone)] = value or -1
        made = self.node("Conv", x, self.constant(weight), self.constant(bias), pads=[pad] * 4)
        return self.node("Relu", made)

    def done(self, output: str, shape: Sequence[int]) -> bytes:
        outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)]
        graph = helper.make_graph(self.nodes, "g", self.inputs, outputs, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        return bytes(model.SerializeToString())


def run(tmp_path: Path, content: bytes) -> tuple[Shrunk, list[tuple[Any, ...]]]:
    source, output = tmp_path / "model.onnx", tmp_path / "small.onnx"
    source.write_bytes(content)
    found = shrink_model(source, output, open_model, timed=False)
    graph = read_graph(output if output.exists() else source)
    return found, [graph.tensors[node.inputs[1]].shape or () for node in graph.nodes if node.op in {"Conv", "Gemm"}]


def test_dead_channels_through_normalisation_concatenation_and_pooling(tmp_path: Path) -> None:
    net = Net(1, 3, 8, 8)
    one, two = net.conv("x", 6, 3, [1, 4]), net.conv("x", 4, 3, [0])
    both = net.node("Concat", one, two, axis=1)
    statistics = [
        net.constant(value)
        for value in (net.weights(10), np.zeros(10, np.float32), np.zeros(10, np.float32), np.ones(10, np.float32))
    ]
    normal = net.node("BatchNormalization", both, *statistics)
    pooled = net.node("MaxPool", normal, kernel_shape=[2, 2], strides=[2, 2])
    found, weights = run(tmp_path, net.done(net.conv(pooled, 4, 10), (1, 4, 4, 4)))
    assert found.outcome is Outcome.WRITTEN
    assert weights == [(4, 3, 3, 3), (3, 3, 3, 3), (4, 7, 3, 3)]


def test_a_constant_is_folded_through_flattening(tmp_path: Path) -> None:
    net = Net(1, 3, 4, 4)
    first = net.conv("x", 6, 3, [2], value=1.25)
    flat = net.node("Reshape", first, net.constant(np.array([1, 96], np.int64)))
    out = net.node("Gemm", flat, net.constant(net.weights(5, 96)), net.constant(net.weights(5)), transB=1)
    found, weights = run(tmp_path, net.done(out, (1, 5)))
    assert found.outcome is Outcome.WRITTEN
    assert weights == [(5, 3, 3, 3), (5, 80)]


def test_additions_and_depthwise_layers(tmp_path: Path) -> None:
    net = Net(1, 3, 8, 8)
    both = net.node("Add", net.conv("x", 6, 3, [1, 2]), net.conv("x", 6, 3, [2, 3]))
    bias = net.weights(6)
    bias[2] = -1
    deep = net.node(
        "Relu", net.node("Conv", both, net.constant(net.weights(6, 1, 3, 3)), net.constant(bias), group=6, pads=[1] * 4)
    )
    found, weights = run(tmp_path, net.done(net.conv(deep, 4, 6), (1, 4, 8, 8)))
    assert found.outcome is Outcome.WRITTEN
    assert weights == [(5, 3, 3, 3), (5, 3, 3, 3), (5, 1, 3, 3), (4, 5, 3, 3)]


def test_a_constant_that_two_layers_read_is_cut_for_each(tmp_path: Path) -> None:
    net = Net(1, 3, 8, 8)
    first = net.conv("x", 6, 3, [5])
    shared = net.constant(net.weights(4, 6, 1, 1))
    one, two = (net.node("Conv", first, shared, net.constant(net.weights(4))) for _ in range(2))
    found, weights = run(tmp_path, net.done(net.node("Sub", one, two), (1, 4, 8, 8)))
    assert found.outcome is Outcome.WRITTEN
    assert weights[1:] == [(4, 5, 1, 1), (4, 5, 1, 1)]


def test_duplicates_and_what_nobody_reads(tmp_path: Path) -> None:
    net = Net(1, 3, 8, 8)
    weight = net.weights(3, 3, 3, 3)
    one = net.node("Conv", "x", net.constant(weight), pads=[1] * 4)
    net.node("Conv", "x", net.constant(net.weights(3, 3, 3, 3)))
    two = net.node("Conv", one, net.constant(weight), pads=[1] * 4)
    found, _ = run(tmp_path, net.done(two, (1, 3, 8, 8)))
    assert found.outcome is Outcome.WRITTEN
    assert found.changes == ("1 operation", "1 duplicate constant", "1 unread constant")


def test_weights_in_other_files_are_refused(tmp_path: Path) -> None:
    from nngauge.compress.shrink import ladder
    from nngauge.compress.writing import Job, Recipe, write
    from tests.builders.models import onnx as built

    source = tmp_path / "m.onnx"
    source.write_bytes(built(external=True))
    done = write(ladder("onnx")[0], Job(files=(str(source),), output=str(tmp_path / "o.onnx"), recipe=Recipe.SHRINK))
    assert done.trouble is not None
    assert "other files" in done.trouble.reason


def test_operations_on_constants_become_constants_where_that_is_no_larger(tmp_path: Path) -> None:
    net = Net(1, 3, 8, 8)
    turned = net.node("Transpose", net.constant(net.weights(3, 3, 3, 4)), perm=[3, 2, 0, 1])
    first = net.node("Conv", "x", turned, pads=[1] * 4)
    whole = net.node("Cast", net.constant(net.weights(5, 4, 1, 1).astype(np.float16)), to=TensorProto.FLOAT)
    found, weights = run(tmp_path, net.done(net.node("Conv", first, whole), (1, 5, 8, 8)))
    assert found.outcome is Outcome.WRITTEN
    assert found.changes[0] == "1 operation on constants"  # the cast would double its constant
    assert weights[0] == (4, 3, 3, 3)
    assert found.gate is not None
    assert found.gate.identical
