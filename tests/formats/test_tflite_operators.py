"""TensorFlow Lite operators in ONNX's terms: shapes that follow from the translation are those the files state."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from examples.builders.flat import flatbuffer
from nngauge.analyse.constants import Constants
from nngauge.analyse.shapes.infer import infer_shapes
from nngauge.domain.graph import Graph, Tensor
from nngauge.formats._api import ModelData
from nngauge.formats.tflite import FORMAT
from nngauge.formats.vocabulary._operation import Operation
from nngauge.formats.vocabulary._tf_slices import strided_slice
from nngauge.io.source import ByteSource
from tests.builders.hostile import MODELS

CODES = {
    "ADD": 0, "CONV_2D": 3, "DEPTHWISE_CONV_2D": 4, "FULLY_CONNECTED": 9, "CUSTOM": 32, "TRANSPOSE_CONV": 67,
    "LESS": 58, "SPLIT": 49, "WHILE": 119, "STABLEHLO_COMPOSITE": 206, "LSTM": 44, "PAD": 34, "BATCH_MATMUL": 126,
}  # fmt: skip


def integers(*values: int) -> dict[int, Any]:
    return {0: b"".join(value.to_bytes(4, "little", signed=True) for value in values)}


class Model:
    """Builds one file: tensors and operators by place."""

    def __init__(self) -> None:
        self.codes: list[dict[int, Any]] = []
        self.buffers: list[dict[int, Any]] = [{}]
        self.subgraphs: list[dict[int, Any]] = []

    def constant(self, *values: int) -> dict[int, Any]:
        self.buffers.append(integers(*values))
        return {
            0: ("i", [len(values)] if len(values) > 1 else []),
            1: ("b", 2),
            2: ("I", len(self.buffers) - 1),
            3: "c",
        }

    def weights(self, *shape: int) -> dict[int, Any]:
        size = 4
        for dim in shape:
            size *= dim
        self.buffers.append({0: bytes(size)})
        return {0: ("i", list(shape)), 2: ("I", len(self.buffers) - 1), 3: "w"}

    def operator(self, op: str, inputs: list[int], outputs: list[int], **more: Any) -> dict[int, Any]:
        code = CODES[op]
        entry: dict[int, Any] = {0: ("b", min(code, 127)), 3: ("i", code)}
        if "custom" in more:
            entry[1] = more["custom"]
        self.codes.append(entry)
        fields: dict[int, Any] = {0: ("I", len(self.codes) - 1), 1: ("i", inputs), 2: ("i", outputs)}
        if "options" in more:
            kind, table = more["options"]
            fields |= {3: ("B", kind), 4: table}
        if "options_2" in more:
            kind, table = more["options_2"]
            fields |= {11: ("B", kind), 12: table}
        if "custom_options" in more:
            fields[5] = more["custom_options"]
        return fields

    def subgraph(self, tensors: list[Any], operators: list[Any], inputs: list[int], outputs: list[int]) -> None:
        self.subgraphs.append({0: tensors, 1: ("i", inputs), 2: ("i", outputs), 3: operators})

    def parse(self) -> Graph:
        root = {0: ("I", 3), 1: self.codes, 2: self.subgraphs, 4: self.buffers}
        return FORMAT.parse(ModelData("x", flatbuffer(root, b"TFL3")))


def activation(*shape: int, kind: int = 0) -> dict[int, Any]:
    return {0: ("i", list(shape)), 1: ("b", kind), 3: "x"}


def one(op: str, tensors: list[Any], inputs: list[int], model: Model, **more: Any) -> Graph:
    model.subgraph(tensors, [model.operator(op, inputs, [len(tensors) - 1], **more)], [0], [len(tensors) - 1])
    return model.parse()


def test_depthwise_convolution() -> None:
    model = Model()
    tensors = [activation(1, 9, 9, 4), model.weights(1, 3, 3, 8), activation(1, 7, 7, 8)]
    node = one("DEPTHWISE_CONV_2D", tensors, [0, 1], model, options=(2, {0: ("b", 1), 1: ("i", 1), 2: ("i", 1)})).nodes[
        0
    ]
    assert (node.attributes["group"], node.attributes["weight_layout"], node.attributes["auto_pad"]) == (
        4,
        "1HWO",
        "VALID",
    )


def test_grouped_convolution() -> None:
    model = Model()
    tensors = [activation(1, 9, 9, 6), model.weights(8, 1, 1, 3), activation(1, 9, 9, 8)]
    assert one("CONV_2D", tensors, [0, 1], model).nodes[0].attributes["group"] == 2


def test_transposed_convolution_has_its_inputs_in_order() -> None:
    model = Model()
    tensors = [model.constant(1, 8, 8, 5), model.weights(5, 3, 3, 2), activation(1, 4, 4, 2), activation(1, 8, 8, 5)]
    node = one("TRANSPOSE_CONV", tensors, [0, 1, 2], model, options=(49, {1: ("i", 2), 2: ("i", 2)})).nodes[0]
    assert (node.kind, node.inputs) == ("ConvTranspose", (2, 1, -1, 0))
    assert (node.attributes["output_shape"], node.attributes["kernel_shape"]) == ((8, 8), (3, 3))


@pytest.mark.parametrize(
    ("shape", "keep", "axis"), [((1, 7, 7, 2), False, 1), ((4, 98), False, 1), ((2, 5, 98), True, 2)]
)
def test_fully_connected(shape: tuple[int, ...], keep: bool, axis: int) -> None:
    model = Model()
    tensors = [activation(*shape), model.weights(10, 98), activation(1, 10)]
    node = one("FULLY_CONNECTED", tensors, [0, 1, -1], model, options=(8, {2: ("?", keep)})).nodes[0]
    assert (node.kind, node.attributes) == ("Gemm", {"transB": 1, "axis": axis})


def test_split_has_its_axis_as_attribute() -> None:
    model = Model()
    node = one(
        "SPLIT", [model.constant(3), activation(1, 8), activation(1, 4)], [0, 1], model, options=(35, {0: ("i", 2)})
    ).nodes[0]
    assert (node.inputs, node.attributes) == ((1, -1, 0), {"axis": 3, "num_outputs": 2})


def test_lstm_takes_its_size_from_the_weights() -> None:
    model = Model()
    weights = {place: model.weights(5, 7) for place in (2, 3, 4)} | {place: model.weights(5, 3) for place in (6, 7, 8)}
    tensors = [activation(1, 9, 7), *weights.values(), activation(1, 9, 3)]
    places = {place: index for index, place in enumerate(weights, 1)}
    inputs = [0, *(places.get(place, -1) for place in range(1, 24))]
    node = one("LSTM", tensors, inputs, model, options=(71, {3: ("?", False)})).nodes[0]
    # Four gates but no input gate's weights: it is coupled with the forget gate.
    assert node.attributes == {"layout": 1, "direction": "forward", "hidden_size": 5, "input_forget": 1}


def test_loop_and_its_trip_count() -> None:
    model = Model()
    scalar = activation(kind=2)
    loop = model.operator("WHILE", [0, 1], [2, 3], options=(93, {0: ("i", 1), 1: ("i", 2)}))
    model.subgraph([model.constant(3), activation(4), scalar, activation(4)], [loop], [1], [3])
    less = model.operator("LESS", [0, 1], [2])
    model.subgraph([scalar, model.constant(10), activation(kind=6), activation(4)], [less], [0, 3], [2])
    add = model.operator("ADD", [0, 1], [2])
    model.subgraph([scalar, model.constant(1), scalar, activation(4)], [add], [0, 3], [2, 3])
    graph = model.parse()
    node = graph.nodes[0]
    assert (node.kind, node.inputs) == ("Loop", (-1, -1, 0, 1))
    assert node.attributes == {"cond": 0, "body": 1, "trip_count": 7}


def test_composite_is_a_call() -> None:
    model = Model()
    composite = model.operator("STABLEHLO_COMPOSITE", [0], [1], options_2=(21, {0: "odml.rms_norm", 1: ("i", 1)}))
    model.subgraph([activation(4), activation(4)], [composite], [0], [1])
    model.subgraph([activation(4), activation(4)], [model.operator("ADD", [0, 0], [1])], [0], [1])
    node = model.parse().nodes[0]
    assert (node.op, node.kind, node.name, node.attributes) == (
        "STABLEHLO_COMPOSITE",
        "Call",
        "odml.rms_norm",
        {"body": 0},
    )


def test_custom_operators() -> None:
    flex = bytes.fromhex("0954616e68783200 18 12 0454616e68 2a 08 0a01 54 1203 30 01 00 00".replace(" ", ""))
    cases = {
        "EdgeThing": (b"", "Custom", {}),
        "edgetpu-custom-op": (b"", "Delegate", {}),
        "FlexErf": (flex, "Erf", {}),
        "FlexNobodyKnows": (b"", "Custom", {}),
        "MaxPoolingWithArgmax2D": (
            b"".join(value.to_bytes(4, "little") for value in (1, 2, 3, 4, 5)),
            "MaxPool",
            {"strides": (3, 2), "auto_pad": "SAME_UPPER", "data_layout": "NHWC", "kernel_shape": (5, 4)},
        ),
    }
    for name, (options, kind, attributes) in cases.items():
        graph = one(
            "CUSTOM", [activation(4), activation(4)], [0], Model(), custom=name, custom_options=options or b"\0"
        )
        assert (graph.nodes[0].op, graph.nodes[0].kind, graph.nodes[0].attributes) == (name, kind, attributes)


@pytest.mark.parametrize(
    ("index", "shape"),
    [
        # x[1:3], x[..., 0], x[:, None, 2], x[None, ..., 1:2, 0], x[::-1], x[-1]
        ({"begin": [1], "end": [3], "strides": [1]}, (2, 5, 6)),
        ({"begin": [0, 0], "end": [0, 1], "strides": [1, 1], "ellipsis_mask": 1, "shrink_axis_mask": 2}, (4, 5)),
        ({"begin": [0, 0, 2], "end": [0, 0, 3], "strides": [1, 1, 1], "begin_mask": 1, "end_mask": 1, "new_axis_mask": 2, "shrink_axis_mask": 4}, (4, 1, 6)),
        ({"begin": [0, 0, 1, 0], "end": [0, 0, 2, 1], "strides": [1] * 4, "new_axis_mask": 1, "ellipsis_mask": 2, "shrink_axis_mask": 8}, (1, 4, 1)),
        ({"begin": [0], "end": [0], "strides": [-1], "begin_mask": 1, "end_mask": 1}, (4, 5, 6)),
        ({"begin": [-1], "end": [0], "strides": [1], "shrink_axis_mask": 1}, (5, 6)),
    ],
)  # fmt: skip
def test_strided_slices(index: dict[str, Any], shape: tuple[int, ...]) -> None:
    """The masks of TensorFlow against the shapes that NumPy gives for the same index of a (4, 5, 6) array."""
    count = len(index["begin"])
    given = [
        Tensor(key, shape=(count,), constant=True, values=tuple(index.pop(key))) for key in ("begin", "end", "strides")
    ]
    made = strided_slice(Operation("STRIDED_SLICE", index, (Tensor("x", shape=(4, 5, 6)), *given)))
    assert made.order == (0, -1, -1, -1, -1, 1, 2, 3)
    graph = _sliced(made.attributes)
    found = infer_shapes(graph, Constants()).graph
    assert found.tensors[1].shape == shape


def _sliced(attributes: dict[str, Any]) -> Graph:
    from nngauge.domain.graph import Node

    tensors = (Tensor("x", shape=(4, 5, 6)), Tensor("y"))
    node = Node("STRIDED_SLICE", "Slice", "", (0,), (1,), attributes)
    return Graph(format="tflite", nodes=(node,), tensors=tensors, inputs=(0,), outputs=(1,))


def _without_shapes(graph: Graph) -> Graph:
    made = {place for node in graph.nodes if node.kind != "Variable" for place in node.outputs} - set(graph.inputs)
    tensors = [
        replace(tensor, shape=None) if place in made and not tensor.constant else tensor
        for place, tensor in enumerate(graph.tensors)
    ]
    return replace(graph, tensors=tuple(tensors), subgraphs=tuple(map(_without_shapes, graph.subgraphs)))


def test_shapes_of_real_files_follow_from_the_translation() -> None:
    """Every shape that a file states is taken away and computed again."""
    paths = sorted((MODELS / "tflite").glob("*"))
    if not paths:
        pytest.skip("real models are not beside this checkout")
    right, wrong = 0, []
    for path in paths:
        graph = FORMAT.parse(ModelData(path.name, path.read_bytes()))
        with ByteSource.open(path) as source:
            found = infer_shapes(_without_shapes(graph), Constants([source])).graph
        for stated, computed in zip((graph, *graph.subgraphs), (found, *found.subgraphs), strict=True):
            for node in stated.nodes:
                for place in node.outputs:
                    want, have = stated.tensors[place].shape, computed.tensors[place].shape
                    if want is None or have is None:
                        continue
                    fits = len(want) == len(have) and all(
                        a is None or not isinstance(b, int) or a == b for a, b in zip(want, have, strict=True)
                    )
                    right += fits
                    wrong += [] if fits else [(path.name, node.op)]
    # This file's pool is undone in place, which the operator cannot do.
    assert wrong == [("google-ai-edge__LiteRT__2983b125__max_unpooling_2d.tflite", "LiteRtMaxUnpooling2D")]
    assert right > 800


def test_every_operator_of_the_real_files_is_known() -> None:
    paths = sorted((MODELS / "tflite").glob("*"))
    if not paths:
        pytest.skip("real models are not beside this checkout")
    for path in paths:
        graph = FORMAT.parse(ModelData(path.name, path.read_bytes()))
        assert not [node.op for part in (graph, *graph.subgraphs) for node in part.nodes if node.kind is None]
