"""Minimal models written byte by byte, so that the parsers can be tested without any framework or file."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from examples.builders.flat import flatbuffer
from tests.builders.wire import varint


def message(*fields: tuple[int, Any]) -> bytes:
    """A protobuf message of `(field number, value)`: int a varint, float 32 bits, text or bytes with a length."""
    out = b""
    for number, value in fields:
        if isinstance(value, float):
            out += varint(number << 3 | 5) + struct.pack("<f", value)
        elif isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            raw = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(raw)) + raw
    return out


# --- models ----------------------------------------------------------------------------------------------------------

CONV_WEIGHTS = bytes(4 * 8 * 3 * 3 * 3)


def tflite(*, metadata: bool = True, new_code: bool = False, description: str = "built by hand") -> bytes:
    """One CONV_2D (8 filters of 3×3×3, stride 2, RELU6) on a dynamic batch, with signature and metadata."""
    code = {0: ("b", 127), 3: ("i", 150)} if new_code else {0: ("b", 3)}
    quantization = {2: ("f", [0.5] * 8), 3: ("q", [0] * 8), 6: ("i", 0)}
    tensors = [
        {0: ("i", [1, 32, 32, 3]), 1: ("b", 0), 2: ("I", 0), 3: "image", 7: ("i", [-1, 32, 32, 3])},
        {0: ("i", [8, 3, 3, 3]), 1: ("b", 0), 2: ("I", 1), 3: "filter", 4: quantization},
        {0: ("i", [1, 16, 16, 8]), 1: ("b", 0), 2: ("I", 0), 3: "features"},
    ]
    options = {0: ("b", 0), 1: ("i", 2), 2: ("i", 2), 3: ("b", 3)}
    operator = {0: ("I", 0), 1: ("i", [0, 1, -1]), 2: ("i", [2])}
    if not new_code:
        operator |= {3: ("B", 1), 4: options}
    subgraph = {0: tensors, 1: ("i", [0]), 2: ("i", [2]), 3: [operator], 4: "main"}
    model: dict[int, Any] = {
        0: ("I", 3),
        1: [code],
        2: [subgraph],
        3: description,
        4: [{}, {0: CONV_WEIGHTS}, {0: b"1.5.0\0"}],
    }
    if metadata:
        model[6] = [{0: "min_runtime_version", 1: ("I", 2)}]
        model[7] = [{0: [{0: "x", 1: ("I", 0)}], 1: [{0: "y", 1: ("I", 2)}], 2: "serving_default", 4: ("I", 0)}]
    return flatbuffer(model, b"TFL3")


def ort() -> bytes:
    """One Conv and one fused operator of ONNX Runtime."""
    shape = {0: [{0: {0: ("b", 2), 2: "batch"}}, {0: {0: ("b", 1), 1: ("q", 3)}}]}
    info = {0: "image", 2: {1: ("B", 1), 2: {0: ("i", 1), 1: shape}}}
    weight = {0: "w", 2: ("q", [2, 3]), 3: ("i", 1), 4: bytes(24)}
    attribute = {0: "strides", 2: ("i", 7), 9: ("q", [2, 2])}
    nodes = [
        {0: "first", 5: "Conv", 8: ["image", "w"], 9: ["mid"], 10: [attribute]},
        {0: "second", 2: "com.microsoft", 5: "FusedGemm", 8: ["mid", "w", ""], 9: ["out"]},
    ]
    graph = {0: [weight], 1: [info], 2: nodes, 5: ["image"], 6: ["out"]}
    model = {0: ("q", 8), 1: [{0: "", 1: ("q", 17)}], 2: "builder", 7: graph}
    return flatbuffer({0: "6", 1: model}, b"ORTM")


def onnx_value(name: str, dims: Sequence[int | str]) -> bytes:
    sizes = [(1, message((1, dim) if isinstance(dim, int) else (2, dim))) for dim in dims]
    return message((1, name), (2, message((1, message((1, 1), (2, message(*sizes)))))))


def onnx(*, external: bool = False, domain: str = "") -> bytes:
    """One Conv with an initialiser, stored inside or in ``weights.data``."""
    if external:
        entries = [("location", "model.onnx.data"), ("offset", "16"), ("length", "864")]
        stored = [(13, message((1, key), (2, value))) for key, value in entries] + [(14, 1)]
    else:
        stored = [(9, CONV_WEIGHTS)]
    weight = message((1, 8), (1, 3), (1, 3), (1, 3), (2, 1), (8, "w"), *stored)
    strides = message((1, "strides"), (8, 2), (8, 2), (20, 7))
    node = message(
        (1, "image"), (1, "w"), (1, ""), (2, "features"), (3, "first"), (4, "Conv"), (5, strides), (7, domain)
    )
    graph = message((1, node), (2, "g"), (5, weight), (11, onnx_value("image", ["batch", 3, 32, 32])),
                    (12, onnx_value("features", ["batch", 8, 16, 16])))  # fmt: skip
    opset = message((1, ""), (2, 17))
    return message((1, 8), (2, "builder"), (3, "1.0"), (7, graph), (8, opset), (14, message((1, "task"), (2, "test"))))


def gguf(*, order: str = "<", version: int = 3, tokens: int = 3, tail: bytes = b"") -> bytes:
    """A llama of one Q4_0 tensor (2 rows of 64) and one float vector, with a vocabulary."""
    width = "I" if version == 1 else "Q"

    def text(value: str) -> bytes:
        return struct.pack(order + width, len(value.encode())) + value.encode()

    def pair(key: str, kind: int, value: bytes) -> bytes:
        return text(key) + struct.pack(order + "I", kind) + value

    def array(kind: int, items: Sequence[bytes]) -> bytes:
        return struct.pack(order + "I" + width, kind, len(items)) + b"".join(items)

    pairs = [
        pair("general.architecture", 8, text("llama")),
        pair("general.name", 8, text("tiny")),
        pair("llama.context_length", 4, struct.pack(order + "I", 2048)),
        pair("llama.rope.freq_base", 6, struct.pack(order + "f", 10000.0)),
        pair("tokenizer.ggml.tokens", 9, array(8, [text(f"token{number}") for number in range(tokens)])),
        pair("flags", 9, array(7, [b"\1", b"\0"])),
    ]
    tensors = [
        text("blk.0.weight") + struct.pack(order + "I" + width * 2 + "IQ", 2, 64, 2, 2, 0),
        text("norm") + struct.pack(order + "I" + width + "IQ", 1, 8, 0, 96),
    ]
    head = b"GGUF" + struct.pack(order + "I" + width * 2, version, len(tensors), len(pairs))
    out = head + b"".join(pairs) + b"".join(tensors)
    out += bytes(-len(out) % 32)
    return out + bytes(96) + bytes(32) + tail


NCNN_TEXT = b"""7767517
4 4
Input            data   0 1 data -23330=4,3,32,32,3 0=32 1=32 2=3
Convolution      conv   1 1 data conv 0=8 1=3 3=2 4=1 5=1 6=216 9=1
Pooling          pool   1 1 conv pool 0=1 4=1
InnerProduct     fc     1 1 pool prob 0=10 1=1 2=80
"""


def ncnn_weights() -> bytes:
    """Half-precision filters, plain singles for the rest, in the order of the layers."""
    return struct.pack("<I", 0x01306B47) + bytes(2 * 216) + bytes(4 * 8) + bytes(4) + bytes(4 * 80) + bytes(4 * 10)


def ncnn_binary() -> bytes:
    """The same network in binary."""

    def layer(kind: int, bottoms: Sequence[int], tops: Sequence[int], params: Mapping[int, int]) -> bytes:
        numbers = [kind, len(bottoms), len(tops), *bottoms, *tops]
        for key, value in params.items():
            numbers += [key, value]
        return struct.pack(f"<{len(numbers) + 1}i", *numbers, -233)

    return struct.pack("<3i", 7767517, 4, 4) + b"".join(
        [
            layer(16, [], [0], {0: 32, 1: 32, 2: 3}),
            layer(6, [0], [1], {0: 8, 1: 3, 3: 2, 4: 1, 5: 1, 6: 216, 9: 1}),
            layer(21, [1], [2], {0: 1, 4: 1}),
            layer(15, [2], [3], {0: 10, 1: 1, 2: 80}),
        ]
    )


PROTOTXT = b"""# a deploy network
name: "tiny"
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 32 dim: 32 } } }
layer {
  name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 8 kernel_size: 3 stride: 2 weight_filler { type: "xavier" } }
}
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "conv" top: "loss" include { phase: TRAIN } }
"""


def caffemodel(*, v1: bool = False) -> bytes:
    """Input, convolution with weights, in-place ReLU."""
    blob = message((5, CONV_WEIGHTS), (7, message((1, 8), (1, 3), (1, 3), (1, 3))))
    if v1:
        blob = message((1, 8), (2, 3), (3, 3), (4, 3), (5, CONV_WEIGHTS))
        conv = message((2, "data"), (3, "conv"), (4, "conv"), (5, 4), (6, blob), (10, message((1, 8), (4, 3), (6, 2))))
        relu = message((2, "conv"), (3, "conv"), (4, "relu"), (5, 18))
        return message((1, "tiny"), (2, conv), (2, relu))
    shape = message((1, message((1, 1), (1, 3), (1, 32), (1, 32))))
    conv = message((1, "conv"), (2, "Convolution"), (3, "data"), (4, "conv"), (7, blob),
                   (106, message((1, 8), (4, 3), (6, 2))))  # fmt: skip
    return message(
        (1, "tiny"),
        (100, message((1, "data"), (2, "Input"), (4, "data"), (143, shape))),
        (100, conv),
        (100, message((1, "relu"), (2, "ReLU"), (3, "conv"), (4, "conv"))),
    )


def _attribute(key: str, *value: tuple[int, Any]) -> tuple[int, bytes]:
    return 5, message((1, key), (2, message(*value)))


def graph_def(*, variable: bool = False) -> bytes:
    """Placeholder and constant into Conv2D."""
    shape = message((2, message((1, -1))), (2, message((1, 32))), (2, message((1, 32))), (2, message((1, 3))))
    kernel = message((2, message((1, 3))), (2, message((1, 3))), (2, message((1, 3))), (2, message((1, 8))))
    placeholder = message(
        (1, "image"), (2, "Placeholder"), _attribute("dtype", (6, 1)), _attribute("shape", (7, shape))
    )
    value = message((1, 1), (2, kernel), (4, CONV_WEIGHTS))
    constant = message((1, "kernel"), (2, "Const"), _attribute("dtype", (6, 1)), _attribute("value", (8, value)))
    if variable:
        constant = message(
            (1, "kernel"), (2, "VariableV2"), _attribute("dtype", (6, 1)), _attribute("shape", (7, kernel))
        )
    strides = message((3, bytes([1, 2, 2, 1])))
    conv = message((1, "conv"), (2, "Conv2D"), (3, "image"), (3, "kernel:0"), (3, "^image"),
                   _attribute("strides", (1, strides)), _attribute("padding", (2, "SAME")))  # fmt: skip
    return message((1, placeholder), (1, constant), (1, conv), (4, message((1, 27))))


def saved_model() -> bytes:
    """The same graph with a variable and a serving signature."""

    def port(key: str, name: str) -> bytes:
        shape = message((2, message((1, -1))), (2, message((1, 8))))
        return message((1, key), (2, message((1, name), (2, 1), (3, shape))))

    signature = message((1, port("x", "image:0")), (2, port("y", "conv:0")), (3, "predict"))
    meta = message(
        (1, message((4, "serve"), (5, "2.21.0"))),
        (2, graph_def(variable=True)),
        (5, message((1, "serving_default"), (2, signature))),
    )
    return message((1, 1), (2, meta))
