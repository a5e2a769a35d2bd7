"""TensorFlow graphs and SavedModels: written by hand, look-alikes, real files against TensorFlow's own count."""

from __future__ import annotations

import struct

import pytest

from nngauge.domain.graph import Completeness, Graph, Span
from nngauge.errors import InputError, MalformedError, NotThisFormat
from nngauge.formats import tf_graph, tf_saved_model
from nngauge.formats._api import ModelData
from tests.builders import models
from tests.builders.hostile import MODELS, matches, refuse_lookalikes, refuse_noise, survive
from tests.builders.models import message
from tests.builders.wire import varint

REAL = {
    # nodes and elements of constants, counted with tensorflow's own protobufs: of frozen graphs all nodes without the
    # four reads of a constant, of SavedModels what the signature leads to when calls are put in place
    "tf_graphdef_pb/openvinotoolkit__open_model_zoo__8f90c595__samplenet.pb": (94, 62_078),
    "tf_graphdef_pb/google-ai-edge__mediapipe__e71c651a__tf_graph_def.pb": (32, 37),
    "tf_savedmodel_pb/tensorflow__examples__c89be943__saved_model.pb": (61, 2_560),
    "tf_savedmodel_pb/tensorflow__tfjs__cc386fac__saved_model.pb": (8, 1),
}


def nodes(graph: Graph) -> int:
    return len(graph.nodes) + sum(nodes(below) for below in graph.subgraphs)


def test_frozen_graph() -> None:
    data = models.graph_def()
    assert matches(tf_graph.FORMAT, data, "a.bin")
    graph = tf_graph.FORMAT.parse(ModelData("x", data))
    conv = graph.nodes[2]
    assert (conv.op, conv.kind) == ("Conv2D", "Conv")
    assert conv.attributes == {
        "strides": (2, 2),
        "auto_pad": "SAME_UPPER",
        "data_layout": "NHWC",
        "weight_layout": "HWIO",
        "kernel_shape": (3, 3),
        "group": 1,
    }
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


def function(name: str, body: bytes, ret: str) -> bytes:
    """A function from ``x`` to ``out``."""
    argument, result = message((1, "x"), (3, 1)), message((1, "out"), (3, 1))
    return message((1, message((1, name), (2, argument), (3, result))), (3, body), (4, message((1, "out"), (2, ret))))


def attribute(key: str, *value: tuple[int, object]) -> tuple[int, bytes]:
    return 5, message((1, key), (2, message(*value)))


def test_calls_are_put_in_place() -> None:
    relu = function("f", message((1, "y"), (2, "Relu"), (3, "x")), "y:activations:0")
    call = message((1, "call"), (2, "PartitionedCall"), (3, "a"), attribute("f", (10, message((1, "f")))))
    after = message((1, "z"), (2, "Tanh"), (3, "call:0"))
    placeholder = message((1, "a"), (2, "Placeholder"))
    data = message((1, placeholder), (1, call), (1, after), (2, message((1, relu))))
    graph = tf_graph.FORMAT.parse(ModelData("x", data))
    assert [(node.name, node.kind) for node in graph.nodes] == [("a", "Input"), ("call/y", "Relu"), ("z", "Tanh")]
    assert graph.nodes[1].inputs == graph.inputs
    assert graph.nodes[2].inputs == graph.nodes[1].outputs
    assert graph.subgraphs == ()


def test_a_function_that_calls_itself_stays_a_call() -> None:
    inner = message((1, "y"), (2, "PartitionedCall"), (3, "x"), attribute("f", (10, message((1, "f")))))
    outer = message((1, "call"), (2, "PartitionedCall"), (3, "a"), attribute("f", (10, message((1, "f")))))
    placeholder = message((1, "a"), (2, "Placeholder"))
    data = message((1, placeholder), (1, outer), (2, message((1, function("f", inner, "y:output:0")))))
    graph = tf_graph.FORMAT.parse(ModelData("x", data))
    assert (graph.nodes[-1].kind, graph.nodes[-1].attributes) == ("Call", {"body": 0})
    assert graph.subgraphs[0].name == "f"


def test_a_loop_that_counts() -> None:
    """`while (i < 7) i += 1` from 2: five runs."""

    def number(name: str, value: int) -> bytes:
        return message((1, name), (2, "Const"), attribute("value", (8, message((1, 3), (2, b""), (7, bytes([value]))))))

    less = message((1, "less"), (2, "Less"), (3, "x"), (3, "end:output:0"))
    add = message((1, "add"), (2, "AddV2"), (3, "x"), (3, "one:output:0"))
    cond = function("c", number("end", 7), "less:z:0") + message((3, less))
    body = function("b", number("one", 1), "add:z:0") + message((3, add))
    names = [attribute(key, (10, message((1, value)))) for key, value in (("cond", "c"), ("body", "b"))]
    loop = message((1, "loop"), (2, "StatelessWhile"), (3, "start"), *names)
    data = message((1, number("start", 2)), (1, loop), (2, message((1, cond), (1, body))))
    graph = tf_graph.FORMAT.parse(ModelData("x", data))
    node = graph.nodes[-1]
    assert (node.kind, node.inputs[:2]) == ("Loop", (-1, -1))
    assert node.attributes == {"cond": 0, "body": 1, "trip_count": 5}
    assert [part.name for part in graph.subgraphs] == ["c", "b"]


def table(entries: dict[bytes, bytes]) -> bytes:
    """A LevelDB table of one block, keys prefix-compressed."""

    def block(pairs: list[tuple[bytes, bytes]]) -> bytes:
        out, before = b"", b""
        for key, value in pairs:
            shared = next(
                (at for at, pair in enumerate(zip(before, key, strict=False)) if pair[0] != pair[1]), len(before)
            )
            out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
            before = key
        return out + struct.pack("<II", 0, 1)

    data = block(sorted(entries.items()))
    handle = varint(0) + varint(len(data))
    index = block([(b"~", handle)])
    at = len(data) + 5
    footer = varint(0) + varint(0) + varint(at) + varint(len(index))
    return data + bytes(5) + index + bytes(5) + footer.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


def checkpoint() -> dict[str, bytes]:
    """The variable of `models.saved_model`, 16 bytes into the shard."""
    sizes = [message((2, message((1, size)))) for size in (3, 3, 3, 8)]
    entry = message((1, 1), (2, b"".join(sizes)), (4, 16), (5, len(models.CONV_WEIGHTS)))
    entries = {b"": message((1, 1)), b"kernel": entry, b"kernel/Adam": message((1, 1), (5, 4))}
    return {
        "m/variables/variables.data-00000-of-00001": bytes(16) + models.CONV_WEIGHTS,
        "m/variables/variables.index": table(entries),
    }


def test_variables_lie_in_the_checkpoint() -> None:
    parts = checkpoint()
    graph = tf_saved_model.FORMAT.parse(ModelData("m/saved_model.pb", models.saved_model(), parts))
    conv = next(node for node in graph.nodes if node.kind == "Conv")
    kernel = graph.tensors[conv.inputs[1]]
    assert (kernel.shape, kernel.constant, graph.completeness) == ((3, 3, 3, 8), True, Completeness.FULL)
    assert kernel.data == Span(16, len(models.CONV_WEIGHTS), 1)
    assert conv.attributes["kernel_shape"] == (3, 3)


@pytest.mark.parametrize("place", range(0, 200, 3))
def test_damaged_checkpoint_is_a_note(place: int) -> None:
    parts = checkpoint()
    index = bytearray(parts["m/variables/variables.index"])
    index[place % len(index)] ^= 0x55
    parts["m/variables/variables.index"] = bytes(index)
    graph = tf_saved_model.FORMAT.parse(ModelData("m/saved_model.pb", models.saved_model(), parts))
    assert graph.parameters == 216


def test_saved_model() -> None:
    data = models.saved_model()
    assert matches(tf_saved_model.FORMAT, data, "a.bin")
    alone = tf_saved_model.FORMAT.parse(ModelData("x", data))
    assert (alone.completeness, alone.producer) == (Completeness.TOPOLOGY, "TensorFlow 2.21.0")
    assert alone.metadata["signature:serving_default"] == "x → y"
    assert [node.kind for node in alone.nodes] == ["Input", "Variable", "Conv"]
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
