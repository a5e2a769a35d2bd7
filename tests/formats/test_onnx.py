"""ONNX: a model written by hand, external data, control flow, look-alike protobufs, and real files."""

from __future__ import annotations

import pytest

from nngauge.domain.graph import Completeness, DType, Graph
from nngauge.errors import InputError, MalformedError, NotThisFormat
from nngauge.formats._api import ModelData
from nngauge.formats.onnx import FORMAT, bind, probe
from tests.builders import models
from tests.builders.hostile import MODELS, matches, refuse_lookalikes, refuse_noise, survive
from tests.builders.models import message

REAL = {
    # nodes, tensors, parameters: as the onnx package and netron count them (unused initialisers included)
    "OAID__Tengine__fed1b7bd__mnist.onnx": (11, 23, 208_012),
    "keijiro__BlazeFaceBarracuda__de98d931__face_detection_front_128x128_barracuda.onnx": (104, 176, 100_472),
    "onnx__onnx__69931c53__light_densenet121.onnx": (1746, 2595, 1967),
    "openvinotoolkit__open_model_zoo__aa624d6d__samplenet.onnx": (12, 23, 62_006),
}


def parse(data: bytes, **parts: bytes) -> Graph:
    return FORMAT.parse(ModelData("models/model.onnx", data, {f"models/{key}": part for key, part in parts.items()}))


def model(graph: bytes, *more: tuple[int, object]) -> bytes:
    return message((1, 8), (2, "test"), (7, graph), (8, message((1, ""), (2, 17))), *more)


def test_minimal_model() -> None:
    data = models.onnx()
    assert matches(FORMAT, data, "a.bin")
    graph = parse(data)
    node = graph.nodes[0]
    assert (node.op, node.kind, node.name, node.inputs) == ("Conv", "Conv", "first", (0, 1, -1))
    assert node.attributes == {"strides": (2, 2)}
    image, weight = graph.tensors[0], graph.tensors[1]
    assert (image.shape, image.dtype, image.constant) == (("batch", 3, 32, 32), DType.FLOAT32, False)
    assert weight.data is not None
    assert data[weight.data.offset : weight.data.offset + weight.data.size] == models.CONV_WEIGHTS
    assert (graph.parameters, graph.format_version, graph.producer) == (216, "opset 17", "builder 1.0")
    assert graph.metadata["task"] == "test"


def test_operators_of_other_domains_keep_their_domain() -> None:
    assert parse(models.onnx(domain="com.acme")).nodes[0].op == "com.acme::Conv"
    assert parse(models.onnx(domain="com.acme")).nodes[0].kind == "Custom"
    fused = message((1, "a"), (2, "b"), (4, "FusedConv"), (7, "com.microsoft"))
    assert parse(model(message((1, fused)))).nodes[0].kind == "Conv"


def test_external_data_is_found_by_its_location() -> None:
    data = models.onnx(external=True)
    missing = parse(data)
    assert missing.tensors[1].constant
    assert missing.tensors[1].data is None
    assert missing.notes
    assert missing.parameters == 216
    assert missing.completeness is Completeness.TOPOLOGY
    graph = parse(data, **{"model.onnx.data": bytes(16 + 864)})
    assert not graph.notes
    assert graph.completeness is Completeness.FULL
    assert graph.tensors[1].data is not None
    assert (graph.tensors[1].data.part, graph.tensors[1].data.offset) == (1, 16)
    assert parse(data, **{"model.onnx.data": bytes(100)}).notes


def test_bind_takes_the_names_exporters_use() -> None:
    beside = ["m/a.onnx", "m/a.onnx.data", "m/a.onnx_data", "m/a.onnx_data_1", "m/b.onnx.data", "n/a.onnx.data"]
    assert bind("m/a.onnx", beside) == ("m/a.onnx.data", "m/a.onnx_data", "m/a.onnx_data_1")


def test_control_flow_becomes_subgraphs_that_see_outer_values() -> None:
    body = message((1, message((1, "image"), (2, "y"), (4, "Relu"))), (12, models.onnx_value("y", [1])))
    branch = [message((1, key), (6, body), (20, 5)) for key in ("then_branch", "else_branch")]
    node = message((1, "c"), (2, "out"), (4, "If"), (5, branch[0]), (5, branch[1]))
    graph = parse(model(message((1, node), (11, models.onnx_value("image", [1, 3])), (11, models.onnx_value("c", [])))))
    assert graph.nodes[0].attributes == {"then_branch": 0, "else_branch": 1}
    assert len(graph.subgraphs) == 2
    assert graph.subgraphs[0].tensors[graph.subgraphs[0].nodes[0].inputs[0]].shape == (1, 3)


def test_constants_describe_their_output_and_functions_are_read() -> None:
    tensor = message((1, 2), (2, 7), (9, bytes(16)))
    constant = message((2, "k"), (3, "n"), (4, "Constant"), (5, message((1, "value"), (5, tensor), (20, 4))))
    function = message(
        (1, "Twice"), (4, "a"), (5, "b"), (7, message((1, "a"), (1, "a"), (2, "b"), (4, "Add"))), (10, "acme")
    )
    graph = parse(model(message((1, constant)), (25, function)))
    assert (graph.tensors[0].name, graph.tensors[0].shape, graph.tensors[0].dtype) == ("k", (2,), DType.INT64)
    assert graph.tensors[0].constant
    assert (graph.subgraphs[0].name, graph.subgraphs[0].nodes[0].op) == ("acme::Twice", "Add")


def test_older_versions_and_the_runtime_are_rewritten() -> None:
    scales = message((1, 4), (2, 1), (8, "s"), (9, bytes(16)))
    upsample = message((1, "x"), (1, "s"), (2, "y"), (4, "Upsample"))
    cast = message((1, "y"), (2, "z"), (4, "Cast"), (5, message((1, "to"), (3, 10), (20, 2))))
    activation = message((1, "activation"), (4, "Relu"), (20, 3))
    conv = message((1, "z"), (1, "w"), (2, "o"), (4, "NhwcFusedConv"), (5, activation), (7, "com.microsoft"))
    attention = message((1, "o"), (2, "p"), (4, "GroupQueryAttention"), (7, "com.microsoft"))
    nodes = parse(model(message(*[(1, node) for node in (upsample, cast, conv, attention)], (5, scales)))).nodes
    assert (nodes[0].op, nodes[0].kind, nodes[0].inputs) == ("Upsample", "Resize", (1, -1, 0))
    assert nodes[1].attributes == {"to": "float16"}
    assert (nodes[2].kind, nodes[2].attributes) == ("Conv", {"data_layout": "NHWC", "fused_activation": "Relu"})
    assert nodes[3].kind == "GroupQueryAttention"


def test_numbers_that_are_not_plain_bytes_come_with_their_tensor() -> None:
    target = message((1, 2), (2, 7), (8, "s"), (7, b"\x03" + b"\xff" * 9 + b"\x01"))
    limit = message((2, "n"), (4, "Constant"), (5, message((1, "value_int"), (3, 5), (20, 2))))
    body = message((1, message((1, "a"), (2, "b"), (4, "Relu"))))
    loop = message((1, "n"), (1, ""), (1, "x"), (2, "y"), (4, "Loop"), (5, message((1, "body"), (6, body), (20, 5))))
    graph = parse(model(message((1, limit), (1, loop), (5, target))))
    assert (graph.tensors[0].name, graph.tensors[0].values, graph.tensors[0].data) == ("s", (3, -1), None)
    assert (graph.tensors[1].values, graph.tensors[1].constant) == ((5,), True)
    assert graph.nodes[1].attributes == {"body": 0, "trip_count": 5}


def test_own_functions_are_called() -> None:
    function = message((1, "Twice"), (4, "a"), (5, "b"), (7, message((1, "a"), (2, "b"), (4, "Relu"))), (10, "acme"))
    call = message((1, "x"), (2, "y"), (4, "Twice"), (7, "acme"))
    graph = parse(model(message((1, call)), (25, function), (20, b"")))
    assert (graph.nodes[0].op, graph.nodes[0].kind, graph.nodes[0].attributes) == ("acme::Twice", "Call", {"body": 0})
    assert graph.notes == ("1 training methods inside are not read",)


def test_graphs_nested_without_end() -> None:
    body = message((1, message((1, "a"), (2, "b"), (4, "Relu"))))
    for _ in range(200):
        body = message((1, message((1, "a"), (2, "b"), (4, "If"), (5, message((1, "g"), (6, body))))))
    with pytest.raises(InputError):
        parse(model(body))


def test_a_float_attribute_of_the_wrong_wire_type() -> None:
    node = message((1, "a"), (2, "b"), (4, "Elu"), (5, message((1, "alpha"), (2, 1 << 40))))
    with pytest.raises(MalformedError):
        parse(model(message((1, node))))


def test_dimensions_must_agree_with_the_bytes() -> None:
    weight = message((1, 1 << 30), (1, 1 << 30), (2, 1), (8, "w"), (9, bytes(64)))
    with pytest.raises(MalformedError):
        parse(model(message((1, message((1, "w"), (2, "b"), (4, "Relu"))), (5, weight))))


@pytest.mark.parametrize(
    "data",
    [
        models.saved_model(),
        models.graph_def(),
        models.caffemodel(),
        message((1, 4), (2, message((1, "a"), (2, 3)))),  # Core ML: a message where ONNX has the producer's name
        message((1, "my/file.proto"), (2, "my.package"), (4, message((1, "M")))),  # a file descriptor
        message(
            (1, message((1, bytes([1, 0, 28, 0, 200, 1])))), (2, message((1, 127), (2, "com.app")))
        ),  # Android resources
        message((1, 3), (2, "name"), (7, message((1, 5)))),  # a graph that does not begin like one
        message((1, 99), (2, "name"), (7, message((2, "g")))),
    ],
)
def test_other_protobufs(data: bytes) -> None:
    assert not probe(data[:512], len(data), "model.onnx")
    with pytest.raises(NotThisFormat):
        parse(data)


@pytest.mark.parametrize("name", REAL)
def test_real_file(name: str) -> None:
    path = MODELS / "onnx" / name
    if not path.exists():
        pytest.skip("real models are not beside this checkout")
    data = path.read_bytes()
    graph = parse(data)
    assert (len(graph.nodes), len(graph.tensors), graph.parameters) == REAL[name]
    survive(FORMAT, data, "x.onnx", 10)


def test_against_the_onnx_package() -> None:
    onnx = pytest.importorskip("onnx", reason="the onnx package is an optional oracle")
    paths = sorted((MODELS / "onnx").glob("*.onnx"))
    for path in paths:
        reference = onnx.load(path).graph
        graph = parse(path.read_bytes())
        assert [node.op_type for node in reference.node] == [node.op for node in graph.nodes]


def test_not_onnx() -> None:
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)
    survive(FORMAT, models.onnx(), "x.onnx", 200)
