"""Core ML in its three shapes: one file, package, compiled folder."""

from __future__ import annotations

import json
import struct
from contextlib import suppress
from pathlib import Path

import pytest

from nngauge.domain.graph import Completeness, DType, Graph, Quantization, Span
from nngauge.errors import InputError, LimitError, MalformedError, NotThisFormat
from nngauge.formats import coreml_mlmodel, coreml_mlmodelc, coreml_mlpackage
from nngauge.formats._api import ModelData
from tests.builders import coreml
from tests.builders.hostile import MODELS, matches, mutations, refuse_lookalikes, refuse_noise, survive
from tests.builders.wire import message, number

FILES = {
    # layers, parameters, output
    "tucan9389__PoseEstimation-CoreML__f07aaac6__model_cpm.mlmodel": (757, 577_212, (14, 96, 96)),
    "tucan9389__PoseEstimation-CoreML__fe25d203__model_hourglass.mlmodel": (844, 418_828, (14, 48, 48)),
}


@pytest.mark.parametrize("name", FILES)
def test_real_mlmodel(name: str) -> None:
    path = MODELS / "coreml_mlmodel" / name
    if not path.exists():
        pytest.skip("real models are not beside this checkout")
    data = path.read_bytes()
    assert matches(coreml_mlmodel.FORMAT, data, "x")
    graph = coreml_mlmodel.FORMAT.parse(ModelData("x", data))
    layers, parameters, shape = FILES[name]
    assert (len(graph.nodes), graph.parameters) == (layers, parameters)
    assert graph.tensors[graph.outputs[0]].shape == shape
    assert graph.completeness is Completeness.FULL
    assert all(node.kind and node.inputs and node.outputs for node in graph.nodes)
    first = graph.nodes[0]
    assert first.attributes == {
        "kernel_shape": (3, 3), "strides": (2, 2), "dilations": (1, 1), "group": 1, "auto_pad": "SAME_UPPER",
        "data_layout": "CHW",
    }  # fmt: skip
    kernel = graph.tensors[first.inputs[1]]
    assert (kernel.shape, kernel.data and kernel.data.size) == ((16, 3, 3, 3), 4 * 432)
    depthwise = next(node for node in graph.nodes if node.attributes.get("group", 1) != 1)
    assert graph.tensors[depthwise.inputs[1]].shape == (depthwise.attributes["group"], 1, 3, 3)
    survive(coreml_mlmodel.FORMAT, data, "x.mlmodel", count=20)


def test_network() -> None:
    graph = coreml_mlmodel.FORMAT.parse(ModelData("x", coreml.network()))
    assert [(node.op, node.kind, node.name) for node in graph.nodes] == [("innerProduct", "Gemm", "fc")]
    assert graph.nodes[0].attributes == {"transB": 1, "axis": 0}
    assert graph.parameters == 8
    assert graph.completeness is Completeness.FULL
    assert graph.tensors[graph.inputs[0]].shape == (1, 4)
    survive(coreml_mlmodel.FORMAT, coreml.network(), "x.mlmodel", count=300)


def layers(*parts: bytes, exact: bool = False) -> Graph:
    """A network of one layer, given as its message."""
    layer = message(1, message(1, "l"), message(2, "x"), message(3, "y"), *parts)
    body = message(500, layer, number(5, 1) if exact else b"")
    return coreml_mlmodel.FORMAT.parse(ModelData("x", number(1, 4) + message(2, coreml.description()) + body))


def packed(*values: int) -> bytes:
    return bytes(values)


BORDERS = message(1, message(10, number(1, 1), number(2, 2)), message(10, number(1, 3), number(2, 4)))


def test_convolution() -> None:
    common = number(1, 4), number(2, 2), number(10, 2), message(20, packed(3, 5)), message(30, packed(2, 1))
    weights = message(90, message(2, bytes(2 * 4 * 2 * 15))), message(91, message(1, bytes(16)))
    graph = layers(message(100, *common, message(50, BORDERS), number(70, 1), *weights), exact=True)
    (node,) = graph.nodes
    assert node.attributes == {
        "kernel_shape": (3, 5), "strides": (2, 1), "dilations": (1, 1), "group": 2, "pads": (1, 3, 2, 4),
    }  # fmt: skip
    kernel, bias = (graph.tensors[at] for at in node.inputs[1:])
    assert (kernel.dtype, kernel.shape, bias.shape) == (DType.FLOAT16, (4, 2, 3, 5), (4,))
    deconvolution = layers(message(100, *common, message(51, number(1, 1)), number(60, 1), *weights))
    node = deconvolution.nodes[0]
    assert (node.kind, node.attributes["auto_pad"]) == ("ConvTranspose", "SAME_LOWER")
    assert deconvolution.tensors[node.inputs[1]].shape == (120,)  # 2 × 2 × 15 would not be all of them


def test_quantised_weights() -> None:
    scales = message(101, message(1, struct.pack("<2f", 0.5, 0.25)), message(2, struct.pack("<2f", 1, 2)))
    linear = message(30, b"\x12\x34\x56\x78"), message(40, number(1, 4), scales)
    graph = layers(message(140, number(1, 4), number(2, 2), message(20, *linear)))
    tensor = graph.tensors[graph.nodes[0].inputs[1]]
    assert (tensor.dtype, tensor.shape, tensor.quantization) == (DType.UINT4, (2, 4), Quantization(2, 0.5, axis=0))
    table = message(30, b"\x12\x34\x56"), message(40, number(1, 3), message(102, message(1, bytes(32))))
    graph = layers(message(140, number(1, 4), number(2, 2), message(20, *table)))
    tensor = graph.tensors[graph.nodes[0].inputs[1]]
    assert (tensor.dtype, tensor.shape, tensor.quantization) == (DType.UINT3, (2, 4), Quantization(table=8))
    assert tensor.data is not None
    assert tensor.data.size == 3


def test_layers() -> None:
    pool = message(120, number(1, 1), message(10, packed(3, 3)), message(32, message(10, packed(1, 1))))
    node = layers(pool).nodes[0]
    assert (node.kind, node.attributes["ceil_mode"], node.attributes["pads"]) == ("AveragePool", 1, (1, 1, 1, 1))
    scale = message(245, message(1, packed(2)), message(2, message(1, bytes(8))), number(3, 1), message(4, packed(2)),
                    message(5, message(1, bytes(8))))  # fmt: skip
    assert [node.kind for node in layers(scale).nodes] == ["Mul", "Add"]
    negative = message(130, message(5, struct.pack("<Bf", 0x0D, -1.0)))
    assert layers(negative).nodes[0].kind == "Neg"
    loop = message(615, number(1, 7), message(4, message(1, message(1, "in"), message(2, "a"), message(600))))
    graph = coreml_mlmodel.FORMAT.parse(
        ModelData("x", number(1, 4) + message(2, coreml.description()) + message(500, message(1, loop)))
    )
    assert graph.nodes[0].attributes == {"body": 0, "trip_count": 7}
    assert [node.kind for node in graph.subgraphs[0].nodes] == ["Identity"]


def test_recurrent_layer() -> None:
    gates = [message(at, message(1, bytes(4 * 3 * 4))) for at in (1, 2, 3, 4)]
    gates += [message(at, message(1, bytes(4 * 3 * 3))) for at in (20, 21, 22, 23)]
    gates += [message(at, message(1, bytes(4 * 3))) for at in (40, 41, 42, 43)]
    graph = layers(message(420, number(1, 4), number(2, 3), message(20, *gates), number(100, 1)))
    (node,) = graph.nodes
    assert node.attributes == {"hidden_size": 3, "direction": "reverse", "layout": 0}
    shapes = [graph.tensors[at].shape for at in node.inputs[1:]]
    assert shapes == [(3, 4)] * 4 + [(3, 3)] * 4 + [(3,)] * 4


def test_trees_and_linear_models() -> None:
    leaf = message(1, number(1, 1), number(3, 6), message(20, number(1, 0)))
    branch = message(1, number(1, 1), number(2, 1), number(10, 2))
    trees = message(402, message(1, branch, leaf, leaf))
    graph = coreml_mlmodel.FORMAT.parse(ModelData("x", number(1, 4) + message(2, coreml.description()) + trees))
    assert (graph.nodes[0].kind, graph.parameters) == ("TreeEnsembleClassifier", 3)
    assert graph.nodes[0].attributes == {"trees": 1, "nodes": 3}
    linear = message(300, message(1, message(1, bytes(32))), message(2, bytes(8)))
    graph = coreml_mlmodel.FORMAT.parse(ModelData("x", number(1, 4) + message(2, coreml.description()) + linear))
    assert (graph.nodes[0].kind, graph.tensors[2].shape, graph.parameters) == ("LinearRegressor", (1, 4), 5)
    built_in = message(2002, number(1, 1))
    graph = coreml_mlmodel.FORMAT.parse(ModelData("x", number(1, 4) + message(2, coreml.description()) + built_in))
    assert (graph.nodes[0].kind, graph.completeness) == ("Custom", Completeness.PARTIAL)


def test_pipelines_are_bounded() -> None:
    graph = coreml_mlmodel.FORMAT.parse(ModelData("x", coreml.pipeline(2)))
    assert graph.parameters == 8
    with pytest.raises(LimitError):
        coreml_mlmodel.FORMAT.parse(ModelData("x", coreml.pipeline(60)))


def test_a_model_without_outputs_or_kind_is_refused() -> None:
    without_kind = number(1, 4) + message(2, coreml.description())
    without_outputs = number(1, 4) + message(2, coreml.description(outputs=0)) + message(900)
    for data in (without_kind, without_outputs, coreml.network() + message(77, "x")):
        with pytest.raises(NotThisFormat):
            coreml_mlmodel.FORMAT.parse(ModelData("x", data))


def test_package() -> None:
    manifest, parts = coreml.package()
    lead = "m.mlpackage/Manifest.json"
    assert matches(coreml_mlpackage.FORMAT, manifest, lead)
    assert coreml_mlpackage.FORMAT.bind is not None
    assert coreml_mlpackage.FORMAT.bind(lead, [lead, "other/Data/x", *parts]) == tuple(sorted(parts))
    graph = coreml_mlpackage.FORMAT.parse(ModelData(lead, manifest, parts))
    assert [(node.op, node.kind) for node in graph.nodes] == [("linear", "Gemm")]
    assert graph.nodes[0].attributes == {"transB": 1, "axis": -1}
    assert graph.parameters == 8
    with pytest.raises(MalformedError):
        coreml_mlpackage.FORMAT.parse(ModelData(lead, manifest))
    survive(coreml_mlpackage.FORMAT, manifest, lead)


def test_example_package() -> None:
    folder = Path(__file__).resolve().parents[2] / "examples/models/shapes_coreml/shapes_classifier.mlpackage"
    files = {str(path.relative_to(folder.parent)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    lead = "shapes_classifier.mlpackage/Manifest.json"
    parts = {name: files[name] for name in sorted(files) if name != lead}
    graph = coreml_mlpackage.FORMAT.parse(ModelData(lead, files[lead], parts))
    kinds = ["Conv", "Relu"] * 5 + ["ReduceMax", "Gemm", "Softmax", "Cast", "ZipMap"]
    assert [node.kind for node in graph.nodes] == kinds
    assert (graph.parameters, graph.completeness) == (3301, Completeness.FULL)
    first, _, depthwise = graph.nodes[:3]
    assert first.attributes == {
        "kernel_shape": (3, 3), "strides": (2, 2), "pads": (1, 1, 1, 1), "dilations": (1, 1), "group": 1,
    }  # fmt: skip
    assert depthwise.attributes["group"] == 16
    kernel = graph.tensors[first.inputs[1]]
    assert (kernel.dtype, kernel.shape, kernel.data) == (DType.FLOAT16, (16, 3, 3, 3), Span(128, 864, 2))
    model_only = {name: content for name, content in parts.items() if name.endswith(".mlmodel")}
    bare = coreml_mlpackage.FORMAT.parse(ModelData(lead, files[lead], model_only))
    assert (bare.parameters, bare.notes) == (3301, ("the weight file is missing",))
    # The record in front of the blob, 64 bytes before it, says the same.
    assert struct.unpack_from("<IIQQ", list(parts.values())[1], 64) == (0xDEADBEEF, 1, 864, 128)


def test_a_package_of_something_else() -> None:
    other = {"fileFormatVersion": "1.0.0", "itemInfoEntries": {"A": {"author": "com.acme", "path": "x.mlmodel"}}}
    with pytest.raises(NotThisFormat):
        coreml_mlpackage.FORMAT.parse(ModelData("Manifest.json", json.dumps(other).encode()))


def test_compiled() -> None:
    lead = "m.mlmodelc/coremldata.bin"
    parts = {"m.mlmodelc/model.mil": coreml.MIL.encode(), "m.mlmodelc/metadata.json": b'[{"specificationVersion":6}]'}
    assert matches(coreml_mlmodelc.FORMAT, coreml.compiled(), lead)
    assert not matches(coreml_mlmodelc.FORMAT, coreml.compiled(), "m.mlmodelc/other.bin")
    graph = coreml_mlmodelc.FORMAT.parse(ModelData(lead, coreml.compiled(), parts))
    assert [node.op for node in graph.nodes] == ["linear"]
    assert (graph.parameters, graph.format_version) == (8, "specification 6")
    survive(coreml_mlmodelc.FORMAT, coreml.compiled(), lead, count=300)


def mil(text: str) -> Graph:
    parts = {"m.mlmodelc/model.mil": text.encode(), "m.mlmodelc/weights/weight.bin": coreml.BLOBS}
    return coreml_mlmodelc.FORMAT.parse(ModelData("m.mlmodelc/coremldata.bin", coreml.compiled(), parts))


def test_program_text() -> None:
    graph = mil(coreml.CONVOLUTION)
    assert [node.kind for node in graph.nodes] == ["Palette", "Conv", "Clip", "Split", "Concat"]
    palette, conv, clip, split, concat = graph.nodes
    indices, table = (graph.tensors[at] for at in palette.inputs)
    assert (indices.dtype, indices.shape, indices.data) == (DType.UINT4, (4, 4, 2, 1), Span(128, 16, 2))
    assert indices.quantization == Quantization(table=16)
    assert (table.dtype, table.data) == (DType.FLOAT16, Span(256, 8, 2))
    assert conv.attributes == {
        "kernel_shape": (2, 1), "strides": (2, 1), "pads": (0, 2, 1, 3), "dilations": (1, 1), "group": 1,
    }  # fmt: skip
    assert conv.inputs == (graph.inputs[0], palette.outputs[0])
    assert clip.attributes == {"min": -0.5, "max": 6.0}
    assert split.attributes == {"axis": 1, "num_outputs": 2}
    assert concat.inputs == split.outputs
    assert graph.tensors[concat.outputs[0]].shape == (1, 4, 4, 13)
    assert graph.parameters == 32 + 16
    assert graph.completeness is Completeness.FULL
    survive_text(coreml.CONVOLUTION)


def survive_text(text: str) -> None:
    for damaged in mutations(text.encode(), 200):
        parts = {"m.mlmodelc/model.mil": damaged, "m.mlmodelc/weights/weight.bin": coreml.BLOBS}
        with suppress(InputError, NotThisFormat):
            coreml_mlmodelc.FORMAT.parse(ModelData("m.mlmodelc/coremldata.bin", coreml.compiled(), parts))


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "program(1.0)\n{ func main<ios16>() { } -> (); }",
        'program(1.0)\n{ func main<ios16>() { tensor<fp16, [1]> y = relu(x = "' + '\\"' * 100_000,
        "program(1.0)\n{ func main<ios16>() { " + "tensor<fp16, [1]> y = cond()[] { " * 200,
        "program(1.0)\n{ func main<ios16>() { tensor<fp16, [" + "1, " * 100 + "]> y = relu(x = y)[]; } -> (y); }",
    ],
    ids=["no program", "nothing in it", "text without end", "deep", "rank"],
)
def test_bad_program_text(text: str) -> None:
    with pytest.raises(InputError):
        mil(text)


def test_blocks_become_sub_graphs() -> None:
    statements = """bool p = const()[name = string("p"), val = bool(true)];
        tensor<fp32, [2]> k = const()[name = string("k"), val = tensor<fp32, [2]>([0x1p+0, 2.5])];
        tensor<fp32, [1, 2]> y = cond(pred = p)[name = string("c")] {
            tensor<fp32, [1, 2]> t = add(x = x, y = k)[name = string("t")];
        } -> (t) {
            tensor<fp32, [1, 2]> e = mul(x = x, y = k)[name = string("e")];
        } -> (e);"""
    graph = mil("program(1.3)\n{ func main<ios18>(tensor<fp32, [1, 2]> x) {" + statements + "} -> (y); }")
    (node,) = graph.nodes
    assert (node.kind, node.attributes) == ("If", {"then_branch": 0, "else_branch": 1})
    then, other = graph.subgraphs
    assert ([n.kind for n in then.nodes], [n.kind for n in other.nodes]) == (["Add"], ["Mul"])
    constant = then.tensors[then.nodes[0].inputs[1]]
    assert (constant.shape, constant.values) == ((2,), (1.0, 2.5))
    assert then.tensors[then.nodes[0].inputs[0]].shape == (1, 2)  # the model's own input


def test_espresso_network() -> None:
    layers: list[dict[str, object]] = [
        {"type": "convolution", "name": "c", "bottom": "x", "top": "a", "C": 4, "K": 2, "Nx": 3, "Ny": 1, "n_groups": 2,
         "stride_x": 2, "pad_mode": 1, "has_biases": 1, "blob_weights_f16": 1, "blob_biases": 3, "fused_relu": 1},
        {"type": "pool", "name": "p", "bottom": "a", "top": "b", "avg_or_max": 1, "size_x": 3, "size_y": 2,
         "stride_x": 2, "stride_y": 1, "pad_mode": 2},
        {"type": "elementwise", "name": "e", "bottom": "b", "top": "d", "operation": 119, "alpha": 0, "beta": 6},
        {"type": "inner_product", "name": "f", "bottom": "d", "top": "y", "nB": 4, "nC": 2, "blob_weights": 5},
    ]  # fmt: skip
    blobs = {0: bytes(8), 1: bytes(24), 3: bytes(16), 5: bytes(64)}
    table = b"".join(struct.pack("<QQ", number, len(data)) for number, data in blobs.items())
    network = {"format_version": 200, "storage": "model.espresso.weights", "layers": layers}
    shapes = {
        "layer_shapes": {"a": {"k": 4, "w": 5, "n": 1, "_rank": 4, "h": 8}, "d": {"k": 1, "w": 4, "h": 1, "_rank": 2}}
    }
    parts = {
        "m.mlmodelc/model.espresso.net": json.dumps(network).encode(),
        "m.mlmodelc/model.espresso.shape": json.dumps(shapes).encode(),
        "m.mlmodelc/model.espresso.weights": struct.pack("<Q", len(blobs)) + table + b"".join(blobs.values()),
    }
    graph = coreml_mlmodelc.FORMAT.parse(ModelData("m.mlmodelc/coremldata.bin", coreml.compiled(), parts))
    conv, pool, clip, dense = graph.nodes
    assert conv.attributes == {
        "kernel_shape": (1, 3), "strides": (1, 2), "auto_pad": "SAME_UPPER", "dilations": (1, 1), "group": 2,
        "fused_activation": "Relu",
    }  # fmt: skip
    kernel, bias = (graph.tensors[at] for at in conv.inputs[1:])
    start = 8 + len(table)
    assert (kernel.dtype, kernel.shape, kernel.data) == (DType.FLOAT16, (4, 1, 1, 3), Span(start + 8, 24, 3))
    assert (bias.shape, bias.data) == ((4,), Span(start + 32, 16, 3))
    assert (pool.kind, pool.attributes["auto_pad"]) == ("MaxPool", "VALID")
    assert (clip.kind, clip.attributes) == ("Clip", {"min": 0.0, "max": 6.0})
    padded = graph.tensors[dense.inputs[1]]
    assert (padded.shape, padded.data) == ((2, 4), Span(start + 48, 32, 3))
    assert [graph.tensors[at].shape for at in (*conv.outputs, *clip.outputs)] == [(1, 4, 8, 5), (1, 4)]
    assert (graph.completeness, graph.parameters) == (Completeness.FULL, 12 + 4 + 8)
    for name, content in parts.items():
        for damaged in mutations(content, 60):
            with suppress(InputError, NotThisFormat):
                lead = ModelData("m.mlmodelc/coremldata.bin", coreml.compiled(), {**parts, name: damaged})
                coreml_mlmodelc.FORMAT.parse(lead)


def test_compiled_espresso() -> None:
    layers = [{"type": "convolution", "name": "c", "bottom": "x", "top": "y", "C": 3, "K": 2}]
    network = {"format_version": 200, "storage": "model.espresso.weights", "layers": layers}
    lead = "m.mlmodelc/coremldata.bin"
    parts = {"m.mlmodelc/model.espresso.net": json.dumps(network).encode()}
    graph = coreml_mlmodelc.FORMAT.parse(ModelData(lead, coreml.compiled(), parts))
    assert [node.kind for node in graph.nodes] == ["Conv"]
    assert graph.notes == ("the weight file is missing",)
    packed_away = {"m.mlmodelc/model.espresso.net": b"pbze" + bytes(60)}
    graph = coreml_mlmodelc.FORMAT.parse(ModelData(lead, coreml.compiled(), packed_away))
    assert graph.completeness is Completeness.STRUCTURE
    with pytest.raises(InputError):
        coreml_mlmodelc.FORMAT.parse(ModelData(lead, coreml.compiled(), {"model.espresso.net": b'{"layers":[]}'}))


def test_real_compiled_data() -> None:
    folder = MODELS / "coreml_mlmodelc"
    if not folder.exists():
        pytest.skip("real models are not beside this checkout")
    lead = (folder / "apple__coremltools__afec5198__coremldata.bin").read_bytes()
    graph = coreml_mlmodelc.FORMAT.parse(ModelData("coremldata.bin", lead))
    assert graph.completeness is Completeness.STRUCTURE
    assert [graph.tensors[i].name for i in graph.outputs] == ["var_3"]
    assert graph.producer == "coremltools 8.1 from torch==2.5.1"
    details = (folder / "apple__coremltools__00ee0380__coremldata.bin").read_bytes()
    with pytest.raises(NotThisFormat):  # the details file of an inner folder, not a model's lead
        coreml_mlmodelc.FORMAT.parse(ModelData("coremldata.bin", details))


def test_lookalikes_and_noise() -> None:
    for form in (coreml_mlmodel.FORMAT, coreml_mlpackage.FORMAT, coreml_mlmodelc.FORMAT):
        refuse_lookalikes(form)
        refuse_noise(form)
