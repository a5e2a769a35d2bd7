"""Keras in HDF5 and in zips; HDF5 and zips of anything else are no models."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from nngauge.domain.graph import Completeness
from nngauge.errors import InputError, LimitError, MalformedError, NotThisFormat
from nngauge.formats import keras_h5, keras_v3
from nngauge.formats._api import Format, ModelData
from tests.builders import keras
from tests.builders.hostile import MODELS, matches, refuse_lookalikes, refuse_noise, survive

FIRST_WEIGHT = 0.29649106
"""The first kernel element of the example, as h5py reads it."""


def test_real_hdf5() -> None:
    paths = sorted((MODELS / "keras_h5").glob("*"))
    if not paths:
        pytest.skip("real models are not beside this checkout")
    for path in paths:
        data = path.read_bytes()
        graph = keras_h5.FORMAT.parse(ModelData("x", data))
        assert matches(keras_h5.FORMAT, data, "x")
        layers = [node for node in graph.nodes if not node.name.endswith(".depthwise")]
        assert (len(layers), graph.producer) == (45, "Keras 2.0.5 with tensorflow")
        assert graph.completeness is Completeness.FULL
        assert all(node.kind and node.inputs and node.outputs for node in graph.nodes)
        assert graph.tensors[graph.inputs[0]].shape == (None, 64, 64, 1)
        assert graph.parameters == 58_423
        span = next(tensor.data for tensor in graph.tensors if tensor.data)
        assert span.offset + span.size <= len(data)
        separable = next(node for node in graph.nodes if node.name == "separable_conv2d_1.depthwise")
        assert (separable.attributes["group"], separable.attributes["weight_layout"]) == (8, "HWIM")
    survive(keras_h5.FORMAT, data, "x.h5", count=12)


@pytest.mark.parametrize(("name", "form"), [("digits.h5", keras_h5.FORMAT), ("digits.keras", keras_v3.FORMAT)])
def test_example(name: str, form: Format) -> None:
    data = (Path(__file__).resolve().parents[2] / "examples" / "models" / "digits_keras" / name).read_bytes()
    graph = form.parse(ModelData("x", data))
    assert (graph.nodes[0].op, graph.parameters) == ("Conv2D", 6586)
    assert graph.tensors[graph.inputs[0]].shape == (None, 8, 8, 1)
    conv, pool, _, flatten, dense = graph.nodes
    assert [node.kind for node in graph.nodes] == ["Conv", "MaxPool", "Conv", "Flatten", "Gemm"]
    assert conv.attributes == {
        "kernel_shape": (3, 3), "strides": (1, 1), "dilations": (1, 1), "group": 1, "auto_pad": "SAME_UPPER",
        "data_layout": "NHWC", "weight_layout": "HWIO", "fused_activation": "Relu",
    }  # fmt: skip
    assert pool.attributes["auto_pad"] == "VALID"
    assert dense.inputs[0] == flatten.outputs[0]
    assert dense.attributes["fused_activation"] == "Softmax"
    kernel, bias = (graph.tensors[at] for at in conv.inputs[1:])
    assert (kernel.shape, bias.shape) == ((3, 3, 1, 12), (12,))
    assert kernel.data is not None
    first = struct.unpack_from("<f", data, kernel.data.offset)[0]
    assert first == pytest.approx(FIRST_WEIGHT, abs=1e-6)
    survive(form, data, name, count=200)


def test_built_hdf5() -> None:
    graph = keras_h5.FORMAT.parse(ModelData("x", keras.model()))
    assert [node.op for node in graph.nodes] == ["Dense"]
    assert (graph.producer, graph.parameters) == ("Keras 2.9.0", None)
    survive(keras_h5.FORMAT, keras.model(), "x.h5", count=200)


def functional(*, keras_3: bool) -> dict[str, object]:
    """Two inputs through one shared layer, joined, then twice through a nested model."""

    def reference(name: str, number: int) -> object:
        if not keras_3:
            return [name, number, 0, {}]
        history = {"shape": [None, 4], "dtype": "float32", "keras_history": [name, number, 0]}
        return {"class_name": "__keras_tensor__", "config": history}

    def calls(*groups: list[object]) -> list[object]:
        return [
            {"args": [group if len(group) > 1 else group[0]], "kwargs": {}} if keras_3 else group for group in groups
        ]

    def layer(kind: str, name: str, nodes: list[object], **settings: object) -> dict[str, object]:
        return {"class_name": kind, "name": name, "config": {"name": name, **settings}, "inbound_nodes": nodes}

    block = [{"class_name": "Dense", "config": {"name": "inner", "units": 4, "activation": "relu"}}]
    base = 0 if keras_3 else 1  # Keras 2 counts the making of a nested model as a call
    layers = [
        layer("InputLayer", "a", [], batch_input_shape=[None, 4]),
        layer("InputLayer", "b", [], batch_input_shape=[None, 4]),
        layer("Add", "sum", calls([reference("shared", 0), reference("shared", 1)])),
        layer("Dense", "shared", calls([reference("a", 0)], [reference("b", 0)]), units=4),
        layer("Sequential", "block", calls([reference("sum", 0)], [reference("block", base)]), layers=block),
    ]
    ends = {"input_layers": [["a", 0, 0], ["b", 0, 0]], "output_layers": [["block", base + 1, 0]]}
    return {"class_name": "Functional", "config": {"name": "m", "layers": layers, **ends}}


@pytest.mark.parametrize("keras_3", [False, True])
def test_functional(keras_3: bool) -> None:
    graph = keras_h5.FORMAT.parse(ModelData("x", keras.model(functional(keras_3=keras_3))))
    assert [node.name for node in graph.nodes] == ["shared", "shared:1", "sum", "block/inner", "block:1/inner"]
    shared, again, total, inner, last = graph.nodes
    assert [graph.tensors[at].name for at in graph.inputs] == ["a", "b"]
    assert (shared.inputs, again.inputs) == (graph.inputs[:1], graph.inputs[1:])
    assert total.inputs == (*shared.outputs, *again.outputs)
    assert last.inputs == inner.outputs
    assert graph.outputs == last.outputs
    assert inner.attributes == {"transB": 0, "axis": -1, "fused_activation": "Relu", "channels": 4, "bias": 1}
    survive(keras_h5.FORMAT, keras.model(functional(keras_3=keras_3)), "x.h5", count=100)


def test_layers_that_wait_for_each_other() -> None:
    config = functional(keras_3=False)
    layers = config["config"]["layers"]  # type: ignore[index]
    layers[3]["inbound_nodes"] = [[["block", 1, 0, {}]], [["b", 0, 0, {}]]]
    with pytest.raises(MalformedError):
        keras_h5.FORMAT.parse(ModelData("x", keras.model(config)))


def test_calls_of_calls_are_bounded() -> None:
    """Twenty calls of a model that calls another twenty times, and so on: little text, 20¹² nodes."""
    model: dict[str, object] = {"class_name": "Dense", "config": {"name": "d", "units": 1}, "name": "d"}
    for depth in range(12):
        name = f"m{depth}"
        nodes = [[["i" if call == 0 else text(model), max(call - 1, 0), 0, {}]] for call in range(20)]
        layers = [
            {"class_name": "InputLayer", "name": "i", "config": {"name": "i"}, "inbound_nodes": []},
            {**model, "inbound_nodes": nodes},
        ]
        ends = {"input_layers": [["i", 0, 0]], "output_layers": [[text(model), 19, 0]]}
        model = {"class_name": "Functional", "name": name, "config": {"name": name, "layers": layers, **ends}}
    with pytest.raises(LimitError):
        keras_v3.FORMAT.parse(ModelData("x", keras.archive(model)))


def text(model: dict[str, object]) -> str:
    return str(model["name"])


@pytest.mark.parametrize(
    ("layer", "kinds", "attributes"),
    [
        (("LSTM", {"units": 3}), ["LSTM", "Slice", "Squeeze"], {"hidden_size": 3, "direction": "forward", "layout": 1}),
        (("GRU", {"units": 3, "return_sequences": True}), ["GRU"], {"hidden_size": 3}),
        (("Bidirectional", {"layer": {"class_name": "LSTM", "config": {"units": 2, "return_sequences": True}}}), ["LSTM"],
         {"direction": "bidirectional", "hidden_size": 2}),
        (("TimeDistributed", {"layer": {"class_name": "Dense", "config": {"units": 2}}}), ["Gemm"], {"axis": -1}),
        (("Conv1D", {"filters": 2, "kernel_size": [3], "padding": "causal", "dilation_rate": [2]}), ["Conv"],
         {"pads": (4, 0), "data_layout": "NWC", "weight_layout": "WIO", "channels": 2, "bias": 1}),
        (("Conv2DTranspose", {"filters": 2, "kernel_size": 3, "strides": 2}), ["ConvTranspose"],
         {"weight_layout": "HWOI", "strides": (2, 2)}),
        (("ZeroPadding2D", {"padding": [[0, 1], [2, 3]]}), ["Pad"], {"pads": (0, 0, 2, 0, 0, 1, 3, 0)}),
        (("Cropping2D", {"cropping": 1, "data_format": "channels_first"}), ["Slice"],
         {"starts": (1, 1), "ends": (-1, -1), "axes": (2, 3)}),
        (("GlobalAveragePooling2D", {}), ["ReduceMean"], {"axes": (1, 2), "keepdims": 0}),
        (("UpSampling2D", {"size": [2, 3], "interpolation": "bilinear"}), ["Resize"],
         {"scales": (1.0, 2.0, 3.0, 1.0), "mode": "linear"}),
        (("BatchNormalization", {"axis": [1]}), ["BatchNormalization"], {}),
        (("Permute", {"dims": [2, 1]}), ["Transpose"], {"perm": (0, 2, 1)}),
        (("RepeatVector", {"n": 5}), ["Unsqueeze", "Tile"], {"axes": (1,)}),
        (("ReLU", {"max_value": 6.0}), ["Clip"], {"min": 0.0, "max": 6.0}),
        (("Activation", {"activation": "silu"}), ["Swish"], {}),
        (("TFOpLambda", {"function": "math.reduce_mean"}), ["ReduceMean"], {}),
        (("SomethingNew", {}), [None], {}),
    ],
)  # fmt: skip
def test_layers(layer: tuple[str, dict[str, object]], kinds: list[str | None], attributes: dict[str, object]) -> None:
    kind, settings = layer
    config = {
        "class_name": "Sequential",
        "config": {"layers": [{"class_name": kind, "config": {"name": "l", **settings}}]},
    }
    graph = keras_h5.FORMAT.parse(ModelData("x", keras.model(config)))
    assert [node.kind for node in graph.nodes] == kinds
    found = graph.nodes[0].attributes
    assert {key: found.get(key) for key in attributes} == attributes
    assert graph.outputs == graph.nodes[-1].outputs


def test_plain_hdf5_is_not_a_model() -> None:
    mention = keras.hdf5(keras.attribute("history", "converted with keras_version\0 2.0, model_config\0"))
    for data in (keras.hdf5(keras.attribute("units", "m/s")), mention, keras.SIGNATURE + b"keras_version\0" * 50):
        with pytest.raises(NotThisFormat):
            keras_h5.FORMAT.parse(ModelData("x.h5", data))


@pytest.mark.parametrize(
    "config", [[], {"class_name": "Sequential"}, {"class_name": "Sequential", "config": {"layers": [{}]}}]
)
def test_bad_configurations(config: object) -> None:
    with pytest.raises(InputError):
        keras_h5.FORMAT.parse(ModelData("x.h5", keras.model(config)))


def test_nesting_is_bounded() -> None:
    config: dict[str, object] = {"class_name": "Dense", "config": {"name": "d"}}
    for _ in range(90):
        config = {"class_name": "Sequential", "config": {"layers": [config]}}
    with pytest.raises(InputError):
        keras_h5.FORMAT.parse(ModelData("x.h5", keras.model(config)))


def test_keras_3() -> None:
    data = keras.archive()
    assert matches(keras_v3.FORMAT, data, "x")
    graph = keras_v3.FORMAT.parse(ModelData("x", data))
    assert ([node.op for node in graph.nodes], graph.producer) == (["Dense"], "Keras 3.4.1")
    survive(keras_v3.FORMAT, data, "x.keras", count=150)
    with pytest.raises(MalformedError):
        keras_v3.FORMAT.parse(ModelData("x", keras.archive(weights=b"not HDF5")))
    with pytest.raises(NotThisFormat):
        keras_v3.FORMAT.parse(ModelData("x", keras.archive(config={"name": "a web app"})))


def test_real_keras_3() -> None:
    paths = list((MODELS / "keras_v3").glob("*"))
    if not paths:
        pytest.skip("real models are not beside this checkout")
    graph = keras_v3.FORMAT.parse(ModelData("x", paths[0].read_bytes()))
    assert [(node.op, node.kind) for node in graph.nodes] == [("NestedDenseModel", "Custom")]
    assert graph.parameters == 3 * 16 + 8 + 2
    assert graph.producer == "Keras 3.15.0"


def test_lookalikes_and_noise() -> None:
    for form in (keras_h5.FORMAT, keras_v3.FORMAT):
        refuse_lookalikes(form)
        refuse_noise(form)
