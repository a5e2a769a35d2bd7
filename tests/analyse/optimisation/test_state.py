"""Verdicts, leftovers, duplicates and training signs on small graphs built for one purpose each."""

from __future__ import annotations

import struct

import pytest

from nngauge.analyse.optimisation import optimisation_state
from nngauge.api import open_model
from nngauge.domain.graph import Attribute, DType, Graph, Node, Quantization, Span, Tensor
from nngauge.domain.optimisation import Granularity, Optimisation, Scheme
from nngauge.io.source import ByteSource
from tests.builders.hostile import MODELS
from tests.builders.samples import MODELS as EXAMPLES

FLOAT, HALF, BYTE, UBYTE, NIBBLE = DType.FLOAT32, DType.FLOAT16, DType.INT8, DType.UINT8, DType.INT4
GRID = Quantization(scales=1, scale=0.1, zero_point=0)
CHANNELS = Quantization(scales=8, scale=0.1, zero_point=0, axis=0)


def value(name: str, dtype: DType = FLOAT, quantization: Quantization | None = None) -> Tensor:
    return Tensor(name, dtype, (1, 16), quantization=quantization)


def weight(dtype: DType, quantization: Quantization | None = None, shape: tuple[int, ...] = (8, 16)) -> Tensor:
    return Tensor("w", dtype, shape, quantization=quantization, constant=True)


def node(kind: str, *inputs: int, out: int, op: str = "", **attributes: Attribute) -> Node:
    return Node(op or kind, kind, "", inputs, (out,), attributes)


def graph(tensors: tuple[Tensor, ...], *nodes: Node, form: str = "onnx", **more: object) -> Graph:
    return Graph(format=form, tensors=tensors, nodes=nodes, inputs=(0,), outputs=(len(tensors) - 1,), **more)  # type: ignore[arg-type]


def seen(model: Graph) -> Optimisation:
    return optimisation_state(model, ())


def label(model: Graph) -> str:
    return seen(model).verdict.label


@pytest.mark.parametrize("form", ["onnx", "tflite"])
def test_float(form: str) -> None:
    for dtype in (FLOAT, HALF, DType.BFLOAT16):
        assert (
            label(graph((value("x"), weight(dtype), value("y")), node("Gemm", 0, 1, out=2), form=form)) == dtype.value
        )


def test_float16_behind_dequantise_is_float16() -> None:
    """TFLite's float16 conversion: weights go through DEQUANTIZE."""
    model = graph(
        (value("x"), weight(HALF), value("w32"), value("y")),
        node("DequantizeLinear", 1, out=2, op="DEQUANTIZE"),
        node("Conv", 0, 2, out=3),
        form="tflite",
    )
    assert label(model) == "float16"


def test_integer_weights_and_float_activations() -> None:
    direct = (value("x"), weight(BYTE, CHANNELS), value("y"))
    assert label(graph(direct, node("Gemm", 0, 1, out=2), form="tflite")) == "dynamic-range int8"
    through = (value("x"), weight(BYTE, CHANNELS), value("w32"), value("y"))
    nodes = (node("DequantizeLinear", 1, out=2), node("Gemm", 0, 2, out=3))
    for form in ("tflite", "onnx"):
        assert label(graph(through, *nodes, form=form)) == "weight-only int8"
    assert label(graph(direct, node("MatMulInteger", 0, 1, out=2))) == "dynamic-range int8"
    packed = (value("x"), weight(UBYTE, shape=(8, 1, 16)), value("y"))
    found = seen(graph(packed, node("MatMulNBits", 0, 1, out=2, bits=4))).verdict
    assert (found.label, found.parts[0].parameters) == ("weight-only int4", 256)


def test_full_integer() -> None:
    integers = (value("x", BYTE, GRID), weight(BYTE, CHANNELS), value("y", BYTE, GRID))
    found = seen(graph(integers, node("Conv", 0, 1, out=2), form="tflite"))
    assert found.verdict.label == "full-integer int8"
    assert [(each.dtype, each.granularity) for each in found.weights] == [(BYTE, Granularity.PER_CHANNEL)]
    assert [(each.dtype, each.granularity) for each in found.activations] == [(BYTE, Granularity.PER_TENSOR)]
    wide = (value("x", DType.INT16, GRID), weight(BYTE, CHANNELS), value("y", DType.INT16, GRID))
    assert label(graph(wide, node("Conv", 0, 1, out=2), form="tflite")) == "full-integer int8 with int16 activations"


def test_onnx_qdq_is_full_integer_but_tflite_dequantises_for_real() -> None:
    tensors = (
        value("x"), value("q", BYTE), value("dq"), weight(BYTE), value("w32"), value("y"),
    )  # fmt: skip
    nodes = (
        node("QuantizeLinear", 0, out=1),
        node("DequantizeLinear", 1, out=2),
        node("DequantizeLinear", 3, out=4),
        node("Conv", 2, 4, out=5),
    )
    assert label(graph(tensors, *nodes)) == "full-integer int8"
    assert label(graph(tensors, *nodes, form="tflite")) == "weight-only int8"


def test_fake_quantisation_left_in() -> None:
    tensors = (value("x"), value("f"), weight(FLOAT), value("y"))
    model = graph(tensors, Node("FakeQuantWithMinMaxVars", None, "", (0,), (1,)), node("Conv", 1, 2, out=3))
    found = seen(model)
    assert found.verdict.label == "quantisation-aware (FakeQuant left in)"
    assert ("fake quantisation", 1) in [(each.what, each.count) for each in found.leftovers]


def test_mixed_and_palettised_and_nothing() -> None:
    tensors = (value("x"), weight(BYTE, CHANNELS), value("m"), weight(FLOAT), value("y"))
    found = seen(graph(tensors, node("Gemm", 0, 1, out=2), node("Gemm", 2, 3, out=4), form="tflite")).verdict
    assert (found.scheme, found.share, len(found.parts)) == (Scheme.MIXED, 0.5, 2)
    assert "dynamic-range int8: 128 parameters in 1 tensors (w)" in found.reasons
    palette = (value("x"), weight(UBYTE), value("w32"), value("y"))
    nodes = (Node("constexpr_lut_to_dense", None, "", (1,), (2,)), node("Conv", 0, 2, out=3))
    assert label(graph(palette, *nodes)) == "palettised uint8"
    table = Quantization(table=16)
    found = seen(graph((value("x"), weight(DType.UINT4, table), value("y")), node("Conv", 0, 1, out=2)))
    assert (found.verdict.label, found.tensors[0].distinct) == ("palettised uint4", 16)
    assert label(graph((value("x"), value("y")), node("Relu", 0, out=1))) == "no weights"


def test_weights_that_are_elsewhere_are_unknown_not_none() -> None:
    port = (value("x"), value("y"))
    for kind in ("Conv", "Delegate"):
        found = seen(graph(port, node(kind, 0, out=1))).verdict
        assert (found.label, len(found.reasons)) == ("unknown", 1)
    tensors = (value("x"), Tensor("w", DType.UNKNOWN, (4, 4), constant=True), value("y"))
    assert label(graph(tensors, node("MatMul", 0, 1, out=2))) == "unknown"


def test_k_quants_of_several_widths_are_one_scheme() -> None:
    tensors = (weight(DType.GGML_Q4_K, shape=(7, 256)), weight(DType.GGML_Q6_K, shape=(3, 256)))
    found = seen(Graph(format="gguf", tensors=tensors)).verdict
    assert (found.label, found.share) == ("block-wise q4_k", 1.0)


def test_per_channel_against_block_wise() -> None:
    blocks = Quantization(scales=32, scale=0.1, axis=0)
    found = seen(graph((value("x"), weight(NIBBLE, blocks), value("y")), node("Gemm", 0, 1, out=2), form="tflite"))
    assert found.weights[0].granularity is Granularity.BLOCKWISE
    assert found.verdict.label == "dynamic-range int4"


def test_batch_norm_left_behind_a_convolution() -> None:
    tensors = (value("x"), weight(FLOAT), value("c"), value("b"), value("y"))
    nodes = (node("Conv", 0, 1, out=2, bias=0), node("BatchNormalization", 2, out=3), node("Relu", 3, out=4))
    found = seen(graph(tensors, *nodes)).batch_norm
    assert (found.nodes, found.foldable, found.convolutions, found.with_bias) == (1, 1, 1, 0)
    shared = (*nodes, node("Add", 2, 3, out=4))
    assert seen(graph(tensors, *shared)).batch_norm.foldable == 0


@pytest.mark.parametrize(
    ("op", "kind", "what"),
    [
        ("Dropout", "Dropout", "dropout"),
        ("ConvGrad", None, "gradient"),
        ("com.microsoft.AdamWOptimizer", None, "optimizer"),
        ("ResourceApplyAdam", None, "optimizer"),
        ("FlexResourceApplyGradientDescent", None, "optimizer"),
        ("SoftmaxWithLoss", None, "loss"),
        ("Print", None, "debug"),
        ("CheckNumerics", None, "debug"),
        ("SaveV2", None, "checkpoint"),
    ],
)
def test_leftover_operations(op: str, kind: str | None, what: str) -> None:
    found = seen(graph((value("x"), value("y")), Node(op, kind, "n", (0,), (1,)))).leftovers
    assert [(each.what, each.count, each.examples) for each in found] == [(what, 1, ("n",))]


@pytest.mark.parametrize("op", ["AveragePool", "Relu", "UpGradable", "Assignment", "PrintedCircuit", "LossyPool"])
def test_no_leftover(op: str) -> None:
    assert not seen(graph((value("x"), value("y")), Node(op, op, "n", (0,), (1,)))).leftovers


def test_identity_chain_and_optimizer_state() -> None:
    slot = Tensor("conv/kernel/Adam_1", FLOAT, (8, 16), constant=True)
    tensors = (value("x"), value("a"), slot, value("y"))
    found = seen(graph(tensors, node("Identity", 0, out=1), node("Identity", 1, out=3))).leftovers
    counts = {each.what: each.count for each in found}
    assert counts == {"identity": 2, "identity chain": 1, "optimizer state": 1}


def test_duplicates() -> None:
    same, other = bytes(range(256)) * 8, bytes(reversed(range(256))) * 8
    data = same + other + same
    places = [Span(0, 2048), Span(2048, 2048), Span(4096, 2048), Span(0, 2048)]
    tensors = tuple(
        Tensor(name, UBYTE, (2048,), span, constant=True) for name, span in zip("abcd", places, strict=True)
    )
    found = optimisation_state(Graph(format="onnx", tensors=tensors), [ByteSource.of_bytes(data, "x")]).duplicates
    assert [(each.names, each.size, each.wasted) for each in found] == [(("a", "c"), 2048, 2048)]


def test_training() -> None:
    port = (value("x"), value("y"))
    signatures = {"signature:train": "…", "signature:infer": "…", "signature:save": "…"}
    model = graph(port, node("Relu", 0, out=1), form="tflite", metadata=signatures)
    assert seen(model).training == ("signature train", "signature save")
    keep = {"signature:serving_default": "…", "signature:save": "…"}
    assert not seen(graph(port, node("Relu", 0, out=1), metadata=keep)).training
    assert seen(graph(port, node("Relu", 0, out=1), metadata={"isUpdatable": "true"})).training == (
        "isUpdatable = true",
    )
    assert not seen(graph(port, node("Relu", 0, out=1), metadata={"isUpdatable": "False"})).training
    ort = (Node("ConvGrad", None, "", (0,), (1,)), Node("SoftmaxCrossEntropyLoss", None, "", (0,), (1,)))
    assert seen(graph(port, *ort)).training == ("1 gradient operations",)


def test_marks() -> None:
    model = graph((value("x"), value("y")), producer="tf2onnx 1.9", format_version="13", metadata={"converter": "c"})
    assert seen(model).marks == (("format", "onnx 13"), ("producer", "tf2onnx 1.9"), ("converter", "c"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("digits_tflite/digits_float32.tflite", "float32"),
        ("digits_tflite/digits_float16.tflite", "float16"),
        ("digits_tflite/digits_dynamic.tflite", "dynamic-range int8"),
        ("digits_tflite/digits_int8.tflite", "full-integer int8"),
        ("keywords_tflite/keywords_int8.tflite", "full-integer int8"),
        ("shapes_coreml/shapes_classifier.mlmodel", "float32"),
        ("story_gguf/story_llama_f16.gguf", "float16"),
        ("story_gguf/story_llama_q4_0.gguf", "block-wise q4_0"),
        ("story_gguf/story_llama_q8_0.gguf", "block-wise q8_0"),
    ],
)
def test_what_real_converters_were_asked_for(name: str, expected: str) -> None:
    """The example models, made by TensorFlow Lite's, Core ML's and llama.cpp's own converters."""
    with open_model(EXAMPLES / name) as extracted:
        found = optimisation_state(extracted.graph, [piece.source for piece in extracted.pieces])
    assert found.verdict.label == expected
    assert found.verdict.share > 0.95
    assert not found.training
    assert not found.sampled


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("f397c517__keras_lstm_mnist_ptq.tflite", "full-integer int8"),
        ("mobilenet_v1_0.25_128_quant.tflite", "full-integer uint8"),
        ("face_detection_front.tflite", "float16"),
        ("SampLeNet.caffemodel", "float32"),
    ],
)
def test_real_models(name: str, expected: str) -> None:
    paths = [path for path in MODELS.rglob("*") if path.name.endswith(name)]
    if not paths:
        pytest.skip("real models are not beside this checkout")
    with open_model(paths[0]) as extracted:
        found = optimisation_state(extracted.graph, [piece.source for piece in extracted.pieces])
    assert found.verdict.label == expected
    assert found.verdict.share > 0.9
    assert found.read_bytes == sum({piece.bytes for piece in found.tensors} and [each.bytes for each in found.tensors])


def test_real_dead_channels() -> None:
    """Two filters of SampLeNet as published are dead, seen by plain Python as well."""
    paths = list((MODELS / "caffemodel").glob("*SampLeNet*"))
    if not paths:
        pytest.skip("real models are not beside this checkout")
    with open_model(paths[0]) as extracted:
        source = extracted.pieces[0].source
        found = optimisation_state(extracted.graph, [source])
        by_name = {tensor.name: tensor for tensor in extracted.graph.tensors}
        dead = 0
        for state in found.tensors:
            tensor = by_name[state.name]
            if state.dead_channels is None or tensor.data is None or not tensor.shape:
                continue
            count = tensor.data.size // 4
            values = struct.unpack(f"<{count}f", source.read(tensor.data.offset, tensor.data.size))
            each = count // (state.channels or 1)
            largest = max(map(abs, values))
            rows = [values[start : start + each] for start in range(0, count, each)]
            dead += sum(max(map(abs, row)) < largest * 2**-21 for row in rows)
    assert dead == sum(state.dead_channels or 0 for state in found.tensors) == 2
