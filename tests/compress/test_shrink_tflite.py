"""Channels that go and channels that stay, in networks of which both are known; the answers are compared by the gate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ai_edge_litert", reason="the schema comes with the wheel ai-edge-litert")

import numpy as np

from nngauge.api import open_model, read_graph
from nngauge.compress.shrink.run import shrink_model
from nngauge.domain.shrinking import Outcome, Shrunk
from tests.builders.layered_tflite import Layers


def dead(weight: Any, bias: Any, channels: Sequence[int], value: float = 0.0) -> tuple[Any, Any]:
    """The same with outputs that are always `value` after a ReLU."""
    weight, bias = weight.copy(), bias.copy()
    weight[list(channels)] = 1e-30
    bias[list(channels)] = value or -0.5
    return weight, bias


def run(tmp_path: Path, content: bytes) -> tuple[Shrunk, Path]:
    source, output = tmp_path / "model.tflite", tmp_path / "small.tflite"
    source.write_bytes(content)
    return shrink_model(source, output, open_model, timed=False), output


def shapes(path: Path, op: str) -> list[tuple[Any, ...]]:
    """Of the weights of all operations of a kind."""
    graph = read_graph(path)
    return [graph.tensors[node.inputs[1]].shape or () for node in graph.nodes if node.op == op]


def conv(
    net: Layers, x: int, channels: int, gone: Sequence[int] = (), value: float = 0.0, size: int = 3, **how: Any
) -> int:
    weight = net.weights(channels, size, size, net.shape(x)[-1])
    return net.conv(x, *dead(weight, net.weights(channels), gone, value), **how)


def test_channels_that_are_always_zero_go(tmp_path: Path) -> None:
    net = Layers()
    first = conv(net, net.input(1, 8, 8, 3), 8, [1, 5, 6])
    found, output = run(tmp_path, net.done(net.pool(conv(net, first, 4))))
    assert found.outcome is Outcome.WRITTEN
    assert shapes(output, "CONV_2D") == [(5, 3, 3, 3), (4, 3, 3, 5)]
    assert found.gate is not None
    assert found.gate.inputs == 32
    assert found.gate.passed
    assert found.after is not None
    assert found.after.file == output.stat().st_size < found.before.file
    assert isinstance(found.after.macs, int)
    assert isinstance(found.before.macs, int)
    assert found.after.macs < found.before.macs


def test_a_constant_goes_into_the_next_bias_where_nothing_is_padded(tmp_path: Path) -> None:
    net = Layers()
    first = conv(net, net.input(1, 8, 8, 3), 8, [0, 7], value=1.5)
    found, output = run(tmp_path, net.done(conv(net, first, 4, same=False)))
    assert found.outcome is Outcome.WRITTEN
    assert shapes(output, "CONV_2D") == [(6, 3, 3, 3), (4, 3, 3, 6)]


def test_a_constant_before_padding_stays(tmp_path: Path) -> None:
    net = Layers()
    first = conv(net, net.input(1, 8, 8, 3), 8, [0, 7], value=1.5)
    found, _ = run(tmp_path, net.done(conv(net, first, 4)))
    assert not any("channel" in change for change in found.changes)


def test_channels_that_the_next_layer_ignores_go(tmp_path: Path) -> None:
    net = Layers()
    first = conv(net, net.input(1, 8, 8, 3), 8)
    weight = net.weights(4, 3, 3, 8)
    weight[..., [2, 3]] = 0
    found, output = run(tmp_path, net.done(net.conv(first, weight, net.weights(4))))
    assert shapes(output, "CONV_2D") == [(6, 3, 3, 3), (4, 3, 3, 6)]
    assert found.outcome is Outcome.WRITTEN


def test_what_only_dead_channels_need_goes_too(tmp_path: Path) -> None:
    """A fixpoint: the second layer's dead rows are all that reads two channels of the first."""
    net = Layers()
    first = conv(net, net.input(1, 8, 8, 3), 8)
    weight, bias = net.weights(6, 3, 3, 8), net.weights(6)
    weight[:4, ..., [6, 7]] = 0
    second = net.conv(first, *dead(weight, bias, [4, 5]))
    _, output = run(tmp_path, net.done(conv(net, second, 3)))
    assert shapes(output, "CONV_2D") == [(6, 3, 3, 3), (4, 3, 3, 6), (3, 3, 3, 4)]


def test_depthwise_and_pooling_pass_it_on(tmp_path: Path) -> None:
    net = Layers()
    first = conv(net, net.input(1, 8, 8, 3), 8, [1, 2])
    weight, bias = net.weights(1, 3, 3, 16), net.weights(16)
    bias[2:6] = -1  # of channels that are 0: dead after the ReLU too
    through = net.pool(net.depthwise(first, weight, bias), 17)
    found, output = run(tmp_path, net.done(conv(net, through, 4, size=1)))
    assert found.outcome is Outcome.WRITTEN
    assert shapes(output, "CONV_2D") == [(6, 3, 3, 3), (4, 1, 1, 12)]
    assert shapes(output, "DEPTHWISE_CONV_2D") == [(1, 3, 3, 12)]


@pytest.mark.parametrize(("other", "left"), [([1, 2], 6), ([2, 3], 7)])
def test_what_an_addition_ties_goes_only_together(tmp_path: Path, other: list[int], left: int) -> None:
    net = Layers()
    x = net.input(1, 8, 8, 3)
    both = net.add(conv(net, x, 8, [1, 2]), conv(net, x, 8, other))
    _, output = run(tmp_path, net.done(conv(net, both, 4)))
    assert shapes(output, "CONV_2D")[-1] == (4, 3, 3, left)


def test_concatenation_and_padding(tmp_path: Path) -> None:
    net = Layers()
    x = net.input(1, 8, 8, 3)
    whole = net.pad(net.concat(conv(net, x, 4, [0]), conv(net, x, 6, [2, 5])))
    found, output = run(tmp_path, net.done(conv(net, whole, 4, same=False)))
    assert found.outcome is Outcome.WRITTEN
    assert shapes(output, "CONV_2D") == [(3, 3, 3, 3), (4, 3, 3, 3), (4, 3, 3, 7)]


def test_flattening_into_a_dense_layer(tmp_path: Path) -> None:
    net = Layers()
    first = conv(net, net.input(1, 4, 4, 3), 6, [3, 4], value=0.7)
    found, output = run(
        tmp_path, net.done(net.softmax(net.dense(net.flatten(first), net.weights(5, 96), net.weights(5))))
    )
    assert found.outcome is Outcome.WRITTEN
    assert shapes(output, "FULLY_CONNECTED") == [(5, 64)]


def test_outputs_keep_all_channels(tmp_path: Path) -> None:
    net = Layers()
    found, _ = run(tmp_path, net.done(conv(net, net.input(1, 8, 8, 3), 8, [1, 2])))
    assert not any("channel" in change for change in found.changes)


def test_one_channel_stays_where_all_are_dead(tmp_path: Path) -> None:
    net = Layers()
    first = conv(net, net.input(1, 8, 8, 3), 4, [0, 1, 2, 3])
    found, output = run(tmp_path, net.done(conv(net, first, 4)))
    assert found.outcome is Outcome.WRITTEN
    assert shapes(output, "CONV_2D") == [(1, 3, 3, 3), (4, 3, 3, 1)]


def test_unread_operations_duplicates_and_the_archive(tmp_path: Path) -> None:
    import io
    import zipfile

    net = Layers()
    x = net.input(1, 8, 8, 3)
    conv(net, x, 16)  # nobody reads it
    weight, bias = net.weights(3, 3, 3, 3), net.weights(3)
    content = net.done(net.conv(net.conv(x, weight, bias), weight, bias))
    archive = io.BytesIO(content)
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("labels.txt", "cat\ndog\n")
    found, output = run(tmp_path, archive.getvalue())
    assert found.outcome is Outcome.WRITTEN
    assert {change.split(" ", 1)[1] for change in found.changes} >= {"operation", "duplicate constants", "tensors"}
    assert zipfile.ZipFile(output).read("labels.txt") == b"cat\ndog\n"
    assert found.gate is not None
    assert found.gate.identical


def test_integers_are_followed_exactly(tmp_path: Path) -> None:
    """A row whose scale is tiny is noise in its integers and a constant in truth."""
    from ai_edge_litert import schema_py_generated as schema

    net = Layers()

    def quantised(x: int, rows: int, tiny: list[int]) -> int:
        columns = net.shape(x)[-1]
        weight = net.chance.integers(-127, 128, (rows, 3, 3, columns))
        scale = np.full(rows, 0.01)
        scale[tiny] = 1e-12
        bias = net.chance.integers(-500, 500, rows)
        bias[tiny] = -1000
        options = schema.Conv2DOptionsT()
        options.padding, options.strideW, options.strideH, options.fusedActivationFunction = 0, 1, 1, 1
        before = float(net.graph.tensors[x].quantization.scale[0])
        inputs = [
            x,
            net.tensor(weight.shape, "int8", weight, scale, np.zeros(rows)),
            net.tensor((rows,), "int32", bias, scale * before, np.zeros(rows)),
        ]
        return net.op(3, inputs, net.tensor((1, 8, 8, rows), "int8", scale=0.1, zero=-128), options, 1)

    x = net.input(1, 8, 8, 3, dtype="int8", scale=0.02, zero=3)
    found, output = run(tmp_path, net.done(quantised(quantised(x, 8, [0, 4, 5]), 4, [])))
    assert found.outcome is Outcome.WRITTEN
    assert shapes(output, "CONV_2D") == [(5, 3, 3, 3), (4, 3, 3, 5)]
    assert found.gate is not None
    assert found.gate.identical


def test_nothing_to_gain(tmp_path: Path) -> None:
    net = Layers()
    found, output = run(tmp_path, net.done(conv(net, net.input(1, 8, 8, 3), 8)))
    assert found.outcome is Outcome.NOTHING
    assert not output.exists()


def test_an_addition_of_which_one_side_lives_keeps_its_channels(tmp_path: Path) -> None:
    net = Layers()
    x = net.input(1, 8, 8, 3)
    found, _ = run(tmp_path, net.done(conv(net, net.add(conv(net, x, 8, [1, 2]), conv(net, x, 8)), 4)))
    assert not any("channel" in change for change in found.changes)
