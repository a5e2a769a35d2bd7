"""TensorFlow graphs and SavedModels: written by hand, look-alikes, real files against TensorFlow's own count."""

from __future__ import annotations

import pytest

from nngauge.domain.graph import Completeness, Graph
from nngauge.errors import InputError, MalformedError, NotThisFormat
from nngauge.formats import tf_graph, tf_saved_model
from nngauge.formats._api import ModelData
from tests.builders import models
from tests.builders.hostile import MODELS, matches, refuse_lookalikes, refuse_noise, survive
from tests.builders.models import message

REAL = {
    # nodes with those of functions, elements of constants and variables: counted with tensorflow's own protobufs
    "tf_graphdef_pb/openvinotoolkit__open_model_zoo__8f90c595__samplenet.pb": (94, 62_078),
    "tf_graphdef_pb/google-ai-edge__mediapipe__e71c651a__tf_graph_def.pb": (36, 37),
    "tf_savedmodel_pb/tensorflow__examples__c89be943__saved_model.pb": (513, 2_649),
    "tf_savedmodel_pb/tensorflow__tfjs__cc386fac__saved_model.pb": (49, 19),
}


def nodes(graph: Graph) -> int:
    return len(graph.nodes) + sum(nodes(below) for below in graph.subgraphs)


def test_frozen_graph() -> None:
    data = models.graph_def()
    assert matches(tf_graph.FORMAT, data, "a.bin")
    graph = tf_graph.FORMAT.parse(ModelData("x", data))
    conv = graph.nodes[2]
    assert (conv.op, conv.kind, conv.attributes) == ("Conv2D", "Conv", {"strides": (1, 2, 2, 1), "padding": "SAME"})
    # The control edge is no value; `kernel:0` is `kernel`.
    assert [graph.tensors[index].name for index in conv.inputs] == ["image", "kernel"]
    kernel = graph.tensors[conv.inputs[1]]
    assert kernel.data is not None
    assert data[kernel.data.offset : kernel.data.offset + kernel.data.size] == models.CONV_WEIGHTS
    assert graph.tensors[graph.inputs[0]].shape == (None, 32, 32, 3)
    assert graph.outputs == conv.outputs
    assert (graph.parameters, graph.completeness) == (216, Completeness.FULL)


def test_a_graph_with_variables_is_partial() -> None:
    graph = tf_graph.FORMAT.parse(ModelData("x", models.graph_def(variable=True)))
    assert (graph.completeness, graph.parameters) == (Completeness.PARTIAL, 216)


def test_functions() -> None:
    argument = message((1, "x"), (3, 1))
    body = message((1, "y"), (2, "Relu"), (3, "x"))
    ret = message((1, "out"), (2, "y:activations:0"))
    function = message((1, message((1, "f"), (2, argument))), (3, body), (4, ret))
    call = message((1, "call"), (2, "PartitionedCall"), (3, "a"))
    data = message((1, message((1, "a"), (2, "Placeholder"))), (1, call), (2, message((1, function))))
    inner = tf_graph.FORMAT.parse(ModelData("x", data)).subgraphs[0]
    assert (inner.name, [node.op for node in inner.nodes]) == ("f", ["Relu"])
    assert [inner.tensors[index].name for index in (*inner.inputs, *inner.outputs)] == ["x", "y:activations:0"]


def test_saved_model() -> None:
    data = models.saved_model()
    assert matches(tf_saved_model.FORMAT, data, "a.bin")
    alone = tf_saved_model.FORMAT.parse(ModelData("x", data))
    assert (alone.completeness, alone.producer) == (Completeness.PARTIAL, "TensorFlow 2.21.0")
    assert alone.metadata["signature:serving_default"] == "x → y"
    assert [alone.tensors[index].name for index in (*alone.inputs, *alone.outputs)] == ["image", "conv"]
    bound = tf_saved_model.FORMAT.parse(ModelData("x", data, {"variables/variables.index": b""}))
    assert bound.completeness is Completeness.FULL
    paths = ["m/saved_model.pb", "m/variables/variables.index", "m/variables/variables.data-00000-of-00001", "m/x"]
    assert tf_saved_model.bind("m/saved_model.pb", paths) == tuple(sorted(paths[1:3]))


def test_edges_must_lead_somewhere() -> None:
    with pytest.raises(MalformedError):
        tf_graph.FORMAT.parse(ModelData("x", message((1, message((1, "a"), (2, "Relu"), (3, "nobody"))))))


@pytest.mark.parametrize(
    "data",
    [
        message((1, message((1, "google/protobuf/any.proto"), (2, "google.protobuf"), (4, message((1, "Any")))))),
        message((1, message((1, "gate"), (2, "FlowLimiterCalculator"), (3, "in"), (4, "out")))),  # MediaPipe
        message((1, message((1, bytes([1, 0, 28, 0])))), (2, message((1, 127), (2, "com.app")))),  # Android resources
        message((1, message((1, "key"), (2, "value")))),  # a map of texts
        models.onnx(),
        models.caffemodel(),
    ],
)
def test_other_protobufs(data: bytes) -> None:
    for form in (tf_graph.FORMAT, tf_saved_model.FORMAT):
        assert not matches(form, data, "x.pb")
        with pytest.raises(NotThisFormat):
            form.parse(ModelData("x.pb", data))


@pytest.mark.parametrize("name", REAL)
def test_real_file(name: str) -> None:
    path = MODELS / name
    if not path.exists():
        pytest.skip("real models are not beside this checkout")
    form = tf_saved_model.FORMAT if "savedmodel" in name else tf_graph.FORMAT
    graph = form.parse(ModelData("x", path.read_bytes()))
    assert (nodes(graph), graph.parameters) == REAL[name]
    survive(form, path.read_bytes(), "x.pb", 10)


def test_not_tensorflow() -> None:
    for form, data in ((tf_graph.FORMAT, models.graph_def()), (tf_saved_model.FORMAT, models.saved_model())):
        refuse_lookalikes(form)
        refuse_noise(form)
        survive(form, data, "x.pb", 300)
        with pytest.raises((InputError, NotThisFormat)):
            form.parse(ModelData("x.pb", data[:40]))
