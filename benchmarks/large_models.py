"""Writers of the models of 1 GiB: each as a framework would write it, from the layout that its reader documents."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from examples.builders.flat import flatbuffer
from nngauge.io.flatbuffer import root
from tests.builders.models import message
from tests.builders.wire import varint

LAYERS = 64
WIDTH = 2048
BYTES = 4 * WIDTH * WIDTH
"""Of the weights of one layer."""
_MIB = 1 << 20


def _write(place: Path, pieces: Iterator[bytes]) -> None:
    with place.open("wb") as file:
        for piece in pieces:
            file.write(piece)


def _weights() -> Iterator[bytes]:
    """Of one layer."""
    source = random.Random(7)
    block = struct.pack(f"<{_MIB // 4}f", *(source.uniform(-1, 1) for _ in range(_MIB // 4)))
    for _ in range(BYTES // _MIB):
        yield block


def _every_layer(before: Callable[[int], bytes]) -> Iterator[bytes]:
    """The weights of all layers, each after what goes `before` it."""
    weights = list(_weights())
    for layer in range(LAYERS):
        yield before(layer)
        yield from weights


def _nothing(_: int) -> bytes:
    return b""


def _safetensors(folder: Path) -> None:
    tensors = {
        f"layers.{layer}.weight": {
            "dtype": "F32",
            "shape": [WIDTH, WIDTH],
            "data_offsets": [layer * BYTES, (layer + 1) * BYTES],
        }
        for layer in range(LAYERS)
    }
    header = json.dumps(tensors).encode()
    header += b" " * (-len(header) % 8)

    def pieces() -> Iterator[bytes]:
        yield struct.pack("<Q", len(header)) + header
        yield from _every_layer(_nothing)

    _write(folder / "model.safetensors", pieces())


def _gguf(folder: Path) -> None:
    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    tokens = b"".join(text(f"token{number}") for number in range(32_000))
    pairs = [
        text("general.architecture") + struct.pack("<I", 8) + text("llama"),
        text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 32_000) + tokens,
    ]
    tensors = [
        text(f"blk.{layer}.ffn_up.weight") + struct.pack("<IQQIQ", 2, WIDTH, WIDTH, 0, layer * BYTES)
        for layer in range(LAYERS)
    ]
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs)) + b"".join(pairs + tensors)

    def pieces() -> Iterator[bytes]:
        yield head + bytes(-len(head) % 32)
        yield from _every_layer(_nothing)

    _write(folder / "model.gguf", pieces())


def _open_message(field: int, size: int) -> bytes:
    """The beginning of a protobuf field of `size` bytes that are written after it."""
    return varint(field << 3 | 2) + varint(size)


def _onnx(folder: Path) -> None:
    """Initializers with raw data."""

    def dims(*sizes: int) -> bytes:
        return message((1, message((1, (1)), (2, message(*((1, message((1, size))) for size in sizes))))))

    def initializer(layer: int) -> bytes:
        fields = message((1, WIDTH), (1, WIDTH), (2, 1), (8, f"w{layer}")) + _open_message(9, BYTES)
        return _open_message(5, len(fields) + BYTES) + fields

    nodes = b"".join(
        message((1, message((1, f"x{at}"), (1, f"w{at}"), (2, f"x{at + 1}"), (3, f"fc{at}"), (4, "MatMul"))))
        for at in range(LAYERS)
    )
    edges = message(
        (11, message((1, "x0"), (2, dims(1, WIDTH)))), (12, message((1, f"x{LAYERS}"), (2, dims(1, WIDTH))))
    )
    size = len(nodes) + len(edges) + sum(len(initializer(layer)) + BYTES for layer in range(LAYERS))

    def pieces() -> Iterator[bytes]:
        yield message((1, 8), (8, message((2, 17)))) + _open_message(7, size) + nodes
        yield from _every_layer(initializer)
        yield edges

    _write(folder / "model.onnx", pieces())


def _tf_graph(folder: Path) -> None:
    """A frozen graph: constants with `tensor_content`."""

    def attribute(key: str, value: bytes) -> bytes:
        return message((5, message((1, key), (2, value))))

    kind = attribute("dtype", message((6, 1)))

    def shape(*sizes: int) -> bytes:
        return message(*((2, message((1, size))) for size in sizes))

    def constant(layer: int) -> bytes:
        tensor = message((1, 1), (2, shape(WIDTH, WIDTH))) + _open_message(4, BYTES)
        value = _open_message(8, len(tensor) + BYTES) + tensor
        entry = message((1, "value")) + _open_message(2, len(value) + BYTES) + value
        node = message((1, f"w{layer}"), (2, "Const")) + kind + _open_message(5, len(entry) + BYTES) + entry
        return _open_message(1, len(node) + BYTES) + node

    def pieces() -> Iterator[bytes]:
        given = attribute("shape", message((7, shape(1, WIDTH))))
        yield message((1, message((1, "x0"), (2, "Placeholder")) + kind + given))
        yield from _every_layer(constant)
        for at in range(LAYERS):
            inputs = ((3, f"x{at}"), (3, f"w{at}"))
            yield message((1, message((1, f"x{at + 1}"), (2, "MatMul"), *inputs) + attribute("T", message((6, 1)))))

    _write(folder / "model.pb", pieces())


def _caffe(folder: Path) -> None:
    def blob(layer: int) -> bytes:
        shape = message((7, message((1, WIDTH), (1, WIDTH))))
        values = shape + _open_message(5, BYTES)
        edges = ((3, f"x{layer}"), (4, f"x{layer + 1}"))
        options = message((117, message((1, WIDTH), (2, 0))))
        fields = message((1, f"fc{layer}"), (2, "InnerProduct"), *edges) + options
        fields += _open_message(7, len(values) + BYTES) + values
        return _open_message(100, len(fields) + BYTES) + fields

    def pieces() -> Iterator[bytes]:
        given = message((143, message((1, message((1, 1), (1, WIDTH))))))
        yield message((1, "large"), (100, message((1, "data"), (2, "Input"), (4, "x0")) + given))
        yield from _every_layer(blob)

    _write(folder / "model.caffemodel", pieces())


def _ncnn(folder: Path) -> None:
    layers = [f"InnerProduct fc{at} 1 1 x{at} x{at + 1} 0={WIDTH} 1=0 2={WIDTH * WIDTH}" for at in range(LAYERS)]
    text = ["7767517", f"{LAYERS + 1} {LAYERS + 1}", f"Input in 0 1 x0 0={WIDTH}", *layers]
    (folder / "model.param").write_text("\n".join(text) + "\n")
    _write(folder / "model.bin", _every_layer(lambda _: bytes(4)))


def _darknet(folder: Path) -> None:
    layer = f"[connected]\noutput={WIDTH}\nactivation=linear\n"
    (folder / "model.cfg").write_text(f"[net]\nwidth=1\nheight=1\nchannels={WIDTH}\n" + layer * LAYERS)

    def pieces() -> Iterator[bytes]:
        yield struct.pack("<3iq", 0, 2, 5, 0)
        yield from _every_layer(lambda _: struct.pack("<f", 0.01) * WIDTH)

    _write(folder / "model.weights", pieces())


def _openvino(folder: Path) -> None:
    def port(number: int) -> str:
        return f'<port id="{number}" precision="FP32"><dim>{1}</dim><dim>{WIDTH}</dim></port>'

    matrix = f"<dim>{WIDTH}</dim><dim>{WIDTH}</dim>"
    layers = [
        (
            '<layer id="0" name="x" type="Parameter" version="opset1"><data shape="1,2048" element_type="f32"/>'
            f"<output>{port(0)}</output></layer>"
        )
    ]
    edges = []
    for at in range(LAYERS):
        weight, node, before = 2 * at + 1, 2 * at + 2, 2 * at
        layers += [
            (
                f'<layer id="{weight}" name="w{at}" type="Const" version="opset1"><data element_type="f32" '
                f'shape="{WIDTH},{WIDTH}" offset="{at * BYTES}" size="{BYTES}"/>'
                f'<output><port id="0" precision="FP32">{matrix}</port></output></layer>'
            ),
            (
                f'<layer id="{node}" name="fc{at}" type="MatMul" version="opset1"><data transpose_a="false" '
                f'transpose_b="false"/><input>{port(0)}<port id="1" precision="FP32">{matrix}</port></input>'
                f"<output>{port(2)}</output></layer>"
            ),
        ]
        edges += [
            f'<edge from-layer="{before}" from-port="{2 if at else 0}" to-layer="{node}" to-port="0"/>',
            f'<edge from-layer="{weight}" from-port="0" to-layer="{node}" to-port="1"/>',
        ]
    last = 2 * LAYERS
    layers.append(f'<layer id="{last + 1}" name="y" type="Result" version="opset1"><input>{port(0)}</input></layer>')
    edges.append(f'<edge from-layer="{last}" from-port="2" to-layer="{last + 1}" to-port="0"/>')
    text = f'<net name="large" version="11"><layers>{"".join(layers)}</layers><edges>{"".join(edges)}</edges></net>'
    (folder / "model.xml").write_text(f'<?xml version="1.0"?>\n{text}\n')
    _write(folder / "model.bin", _every_layer(_nothing))


def _tflite(folder: Path) -> None:
    """Buffers behind the tables, as the converter writes models of this size within 2 GiB."""
    tensors = [{0: ("i", [1, WIDTH]), 1: ("b", 0), 2: ("I", 0), 3: f"x{at}"} for at in range(LAYERS + 1)]
    tensors += [{0: ("i", [WIDTH, WIDTH]), 1: ("b", 0), 2: ("I", at + 1), 3: f"w{at}"} for at in range(LAYERS)]
    operators = [
        {0: ("I", 0), 1: ("i", [at, LAYERS + 1 + at, -1]), 2: ("i", [at + 1]), 3: ("B", 8), 4: {0: ("b", 0)}}
        for at in range(LAYERS)
    ]
    subgraph = {0: tensors, 1: ("i", [0]), 2: ("i", [LAYERS]), 3: operators, 4: "main"}
    buffers = [{}, *({0: b"here"} for _ in range(LAYERS))]
    tables = bytearray(
        flatbuffer({0: ("I", 3), 1: [{0: ("b", 9), 3: ("i", 9)}], 2: [subgraph], 3: "large", 4: buffers}, b"TFL3")
    )
    tables += bytes(-len(tables) % 16)
    step = 16 + BYTES
    for layer, buffer in enumerate(root(tables).tables(4)[1:]):
        at = buffer.offset(0)
        struct.pack_into("<I", tables, at, len(tables) + layer * step + 12 - at)

    def pieces() -> Iterator[bytes]:
        yield bytes(tables)
        yield from _every_layer(lambda _: bytes(12) + struct.pack("<I", BYTES))

    _write(folder / "model.tflite", pieces())


WRITERS: dict[str, Callable[[Path], None]] = {
    "caffe": _caffe,
    "darknet": _darknet,
    "gguf": _gguf,
    "ncnn": _ncnn,
    "onnx": _onnx,
    "openvino": _openvino,
    "safetensors": _safetensors,
    "tf_graph": _tf_graph,
    "tflite": _tflite,
}
"""By the names of the formats."""
