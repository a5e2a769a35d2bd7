"""Model files by themselves: what ``nngauge show`` and ``nngauge compare`` must say about broken and hostile networks.

Netron and the formats' own libraries were made for files that somebody trusts: they follow external data to
``../../etc/passwd``, recurse into sub-graphs that contain themselves, allocate what a shape declares (a tensor of
2^63 elements takes one line of text), and print totals of half a network as if they were its totals. Names of layers end
up on terminals, in spreadsheets (a cell that begins with ``=`` is a formula) and in SVG files that browsers run.

nngauge refuses with the kind of error and what was read before it, or reads the part that is there, marks it partial and
prints its totals as lower bounds. Each attack here is read, analysed, shown in every form and compared with itself.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

from attacks._api import Attack, Check, all_of
from attacks._shown import FORGED, at_least, clean, marked, refusal, shown
from examples.builders.flat import flatbuffer
from tests.builders import keras, models, torch_zip
from tests.builders.models import message
from tests.builders.samples import model

_HUGE = 1 << 62
_MARKUP = '\x1b[2J\x1b]0;owned\x07</text><script>alert(1)</script>\u202e=cmd|"/c calc"!A1,\r\n"x'
"""A name that clears the screen, sets its title, ends an SVG text, runs backwards, is a formula and ends a CSV row."""


def _attack(
    name: str, title: str, file: str, data: bytes | Callable[[], bytes], *checks: Check, **parts: bytes
) -> Attack:
    def build(folder: Path) -> Path:
        for other, content in parts.items():
            (folder / other.replace("__", ".")).write_bytes(content)
        target = folder / file
        target.write_bytes(data if isinstance(data, bytes) else data())
        return target

    return Attack(name=name, title=title, build=build, check=all_of(*checks), verb="show", seconds=5.0)


# --- ONNX ---------------------------------------------------------------------------------------------------------------


def _onnx(*graph: tuple[int, object], opset: int = 17) -> bytes:
    return message((1, 8), (2, "pytorch"), (7, message(*graph)), (8, message((1, ""), (2, opset))))


def _node(op: str, inputs: str, outputs: str, name: str = "") -> tuple[int, bytes]:
    return 1, message(*((1, key) for key in inputs.split()), *((2, key) for key in outputs.split()), (3, name), (4, op))


def _weight(name: str, *dims: int, stored: bytes = b"", external: str = "") -> tuple[int, bytes]:
    where = message((1, "location"), (2, external)) if external else None
    more: list[tuple[int, object]] = [(13, where), (14, 1)] if where is not None else [(9, stored)]
    return 5, message(*((1, dim) for dim in dims), (2, 1), (8, name), *more)


_X = (11, models.onnx_value("x", [1, 3, 8, 8]))
_Y = (12, models.onnx_value("y", [1, 3, 8, 8]))


def _external(place: str) -> bytes:
    return _onnx(_node("Add", "x w", "y"), _weight("w", 1, 3, 8, 8, external=place), _X, _Y)


def _nested_ifs(depth: int) -> bytes:
    body = message(_node("Relu", "x", "y"), (12, models.onnx_value("y", [1])))
    for _ in range(depth):
        branch = message((1, "then_branch"), (6, body), (20, 5))
        body = message((1, message((1, "x"), (2, "y"), (4, "If"), (5, branch))), (12, models.onnx_value("y", [1])))
    return message((1, 8), (2, "pytorch"), (7, body), (8, message((1, ""), (2, 17))))


_CALLS_ITSELF = message(
    (1, 8), (2, "pytorch"), (7, message((1, message((1, "x"), (2, "y"), (4, "f"), (7, "d"))), _X, _Y)),
    (8, message((1, ""), (2, 17))),
    (25, message((1, "f"), (4, "x"), (5, "y"), (7, message((1, "x"), (2, "y"), (4, "f"), (7, "d"))), (10, "d"))),
)  # fmt: skip


# --- TFLite -------------------------------------------------------------------------------------------------------------


def _tflite(
    *, inputs: tuple[int, ...] = (0, 1, -1), shape: tuple[int, ...] = (1, 32, 32, 3), code: int = 3, version: int = 3,
    weights: bytes = models.CONV_WEIGHTS, name: str = "features", subgraph: int | None = None, graphs: int = 1, custom: str = "",
) -> bytes:  # fmt: skip
    tensors = [
        {0: ("i", list(shape)), 1: ("b", 0), 2: ("I", 0), 3: "image"},
        {0: ("i", [8, 3, 3, 3]), 1: ("b", 0), 2: ("I", 1), 3: "filter"},
        {0: ("i", [1, 16, 16, 8]), 1: ("b", 0), 2: ("I", 0), 3: name},
    ]
    options = {0: ("b", 0), 1: ("i", 2), 2: ("i", 2), 3: ("b", 3)}
    kind = 1
    if subgraph is not None:  # IfOptions or WhileOptions: two indices of sub-graphs
        kind, options = (92 if code == 118 else 93), {0: ("i", subgraph), 1: ("i", subgraph)}
    operator = {0: ("I", 0), 1: ("i", list(inputs)), 2: ("i", [2]), 3: ("B", kind), 4: options}
    table = {0: tensors, 1: ("i", [0]), 2: ("i", [2]), 3: [operator], 4: "main"}
    codes = [{0: ("b", min(code, 127)), 3: ("i", code)} | ({1: custom} if custom else {})]
    return flatbuffer({0: ("I", version), 1: codes, 2: [table] * graphs, 4: [{}, {0: weights}]}, b"TFL3")


def _cut_torch() -> bytes:
    data = torch_zip.archive(torch_zip.module(), torch_zip.script())
    return data[: data.rindex(b"PK\x01\x02") - 1]


# --- texts --------------------------------------------------------------------------------------------------------------


def _circle() -> bytes:
    return b"7767517\n3 3\nInput x 0 1 x\nReLU a 1 1 c b\nReLU b 1 1 b c\n"


def _caffe(numbers: str) -> bytes:
    head = 'name: "n"\ninput: "data"\ninput_dim: 1\ninput_dim: 3\ninput_dim: 8\ninput_dim: 8\n'
    return (
        head + f'layer {{ name: "c" type: "Convolution" bottom: "data" top: "c" convolution_param {{ {numbers} }} }}\n'
    ).encode()


def _keras(units: object) -> bytes:
    layer = {"class_name": "Dense", "config": {"name": "d", "units": units}}
    first = {"class_name": "InputLayer", "config": {"name": "in", "batch_input_shape": [None, _HUGE]}}
    return keras.model({"class_name": "Sequential", "config": {"name": "s", "layers": [first, layer]}})


def _keras_circle() -> bytes:
    def layer(name: str, source: str) -> dict[str, object]:
        config = {"name": name, "units": 2}
        return {"class_name": "Dense", "name": name, "config": config, "inbound_nodes": [[[source, 0, 0, {}]]]}

    inside = {
        "name": "m",
        "layers": [layer("a", "b"), layer("b", "a")],
        "input_layers": [["a", 0, 0]],
        "output_layers": [["b", 0, 0]],
    }
    return keras.model({"class_name": "Functional", "config": inside})


def _hdf5_loop() -> bytes:
    """A real file whose symbol table's tree names itself as its child."""
    data = bytearray(model("keras_h5"))
    tree = data.index(b"TREE")
    children = struct.unpack_from("<H", data, tree + 6)[0]
    data[tree + 5] = 1  # an inner node
    for child in range(max(children, 1)):
        struct.pack_into("<Q", data, tree + 32 + 16 * child, tree)
    return bytes(data)


def _nnef() -> bytes:
    return (
        b"version 1.0;\ngraph net( x ) -> ( y )\n{\n x = external<scalar>(shape = [1, 9223372036854775807, 9223372036854775807]);\n"
        b" w = variable<scalar>(shape = [9223372036854775807, 9223372036854775807], label = '../../../../etc/passwd');\n"
        b" y = matmul(x, w);\n}\n"
    )


def _tfjs(**changes: object) -> bytes:
    weights = [{"name": "d/kernel", "shape": [2, 3], "dtype": "float32"}]
    layer = {"class_name": "Dense", "config": {"name": "d", "batch_input_shape": [None, 2], "units": 3}}
    document = {
        "format": "layers-model", "modelTopology": {"class_name": "Sequential", "config": [layer]},
        "weightsManifest": [{"paths": ["../../../../etc/passwd"], "weights": weights}],
    }  # fmt: skip
    return json.dumps(document | changes).encode()


_WIDE_IR = (
    b'<?xml version="1.0"?><net name="n" version="11"><layers><layer id="0" name="x" type="Parameter"><data shape="1" element_type="f32"/>'
    b'<output><port id="0" precision="FP32"><dim>9223372036854775807</dim><dim>9223372036854775807</dim></port></output></layer>'
    b'<layer id="1" name="c" type="Const"><data element_type="f32" shape="1" offset="9223372036854775807" size="9223372036854775807"/>'
    b'<output><port id="0" precision="FP32"><dim>1</dim></port></output></layer></layers><edges/></net>'
)


ATTACKS = (
    _attack("net-cut-onnx", "ONNX: cut in the middle of a graph", "a.onnx", lambda: model("onnx")[:9000],
            refusal("ONNX", "read before that: producer")),
    _attack("net-cut-ncnn", "ncnn: cut in the middle of a layer", "a.param", lambda: model("ncnn")[:500],
            refusal("Tencent ncnn", "of 9 layers")),
    _attack("net-cut-gguf", "GGUF: half a download", "a.gguf", lambda: model("gguf")[:40000], refusal("GGUF", "21 tensors reach to")),
    _attack("net-cut-tflite", "TFLite: half a download", "a.tflite", lambda: model("tflite")[:15000],
            refusal("TensorFlow Lite", "schema version 3")),
    _attack("net-cut-torch", "torch archive without its directory", "a.pt", _cut_torch, marked("cut off"), at_least, clean),
    _attack("net-no-weights", "ncnn: the weights are missing", "a.param", lambda: model("ncnn"), marked("weight"), clean),
    _attack("net-external-missing", "ONNX: external data that is not there", "a.onnx", _external("a.onnx.data"), marked("external"), clean),
    _attack("net-external-outside", "ONNX: external data in ../../../../etc/passwd", "a.onnx", _external("../../../../etc/passwd"),
            marked("external"), clean),
    _attack("net-external-absolute", "ONNX: external data in /etc/passwd", "a.onnx", _external("/etc/passwd"), marked("external"), clean),
    _attack("net-tfjs-outside", "TensorFlow.js: shards in ../../../../etc/passwd", "model.json", _tfjs(), marked(""), clean),
    _attack("net-nnef-outside", "NNEF: 2^63 × 2^63 weights in ../../../../etc/passwd", "graph.nnef", _nnef(), marked(""), clean),
    _attack("net-onnx-circle", "ONNX: two operations that feed each other", "a.onnx",
            _onnx(_node("Relu", "b", "a"), _node("Relu", "a", "b"), _node("Add", "x a", "y"), _X, _Y), at_least, clean),
    _attack("net-onnx-self", "ONNX: a function that calls itself", "a.onnx", _CALLS_ITSELF, at_least, clean),
    _attack("net-onnx-ifs", "ONNX: 60 branches in branches", "a.onnx", _nested_ifs(60), clean),
    _attack("net-onnx-ifs-deep", "ONNX: 500 branches in branches", "a.onnx", _nested_ifs(500), refusal("ONNX", "nested")),
    _attack("net-onnx-dims", "ONNX: a tensor of 2^62 × 2^62 × 2^62 in 60 bytes", "a.onnx",
            _onnx(_node("MatMul", "x w", "y"), _weight("w", _HUGE, _HUGE, _HUGE), _X, _Y), marked("no data"), clean),
    _attack("net-onnx-4gb", "ONNX: 4 GB of weights declared in 20 bytes", "a.onnx",
            _onnx(_node("Add", "x w", "y"), _weight("w", 1 << 30, stored=bytes(4)), _X, _Y), refusal("ONNX", "4 bytes of data for 1073741824 elements")),
    _attack("net-onnx-opset", "ONNX: operator set 9999 and an unknown operation", "a.onnx",
            _onnx(_node("Teleport", "x", "y"), _X, _Y, opset=9999), at_least, clean),
    _attack("net-onnx-shape", "ONNX: reshaped to 2^62 × 2^62, then multiplied", "a.onnx",
            _onnx(_node("Reshape", "x s", "r"), _node("MatMul", "r r", "y"),
                  (5, message((1, 2), (2, 7), (8, "s"), (9, struct.pack("<2q", _HUGE, _HUGE)))), _X, _Y), shown, clean),
    _attack("net-onnx-fanout", "ONNX: 2^64 elements by 64 times doubling", "a.onnx",
            _onnx(*(_node("Concat", f"t{at} t{at}", f"t{at + 1}") for at in range(64)), (11, models.onnx_value("t0", [1 << 20, 4])),
                  (12, models.onnx_value("t64", ["a", "b"]))), shown, clean),
    _attack("net-onnx-name", "ONNX: names of escape sequences, markup and formulas", "a.onnx",
            _onnx(_node("Relu", "x", "y", _MARKUP), (2, _MARKUP), _X, _Y), shown, clean),
    _attack("net-formula", "ONNX: a name that a spreadsheet would run", "a.onnx", _onnx(_node("Relu", "x", "y", "\t=cmd|x!A1"), _X, _Y), shown, clean),
    _attack("net-forged-row", "TFLite: an operator whose name is a line of the report", "a.tflite",
            _tflite(code=32, custom="T\n" + FORGED, name="\n" + FORGED), at_least, clean),
    _attack("net-tflite-name", "TFLite: the same in names of tensors", "a.tflite", _tflite(name=_MARKUP), shown, clean),
    _attack("net-tflite-index", "TFLite: tensor 2 billion of three", "a.tflite", _tflite(inputs=(0, 2_000_000_000, -1)),
            refusal("TensorFlow Lite", "out of range")),
    _attack("net-tflite-negative", "TFLite: tensor −7", "a.tflite", _tflite(inputs=(0, -7, -1)), refusal("TensorFlow Lite", "out of range")),
    _attack("net-tflite-dims", "TFLite: a picture of 2^31 × 2^31 × 2^31", "a.tflite", _tflite(shape=(1, 2**31 - 1, 2**31 - 1, 2**31 - 1)), shown, clean),
    _attack("net-tflite-short", "TFLite: weights of 4 bytes for 216 elements", "a.tflite", _tflite(weights=bytes(4)), marked("fewer bytes"), clean),
    _attack("net-tflite-schema", "TFLite: schema version 9", "a.tflite", _tflite(version=9), refusal("TensorFlow Lite", "schema version 9")),
    _attack("net-tflite-newer", "TFLite: an operator that is newer than the schema", "a.tflite", _tflite(code=250), at_least, clean),
    _attack("net-tflite-if", "TFLite: If whose branches are the graph itself", "a.tflite", _tflite(code=118, subgraph=0), at_least, clean),
    _attack("net-tflite-while", "TFLite: While whose body is the next graph, which is the same", "a.tflite",
            _tflite(code=119, subgraph=1, graphs=2), at_least, clean),
    _attack("net-tflite-nowhere", "TFLite: If into sub-graph 2 billion", "a.tflite", _tflite(code=118, subgraph=2_000_000_000), at_least, clean),
    _attack("net-ncnn-circle", "ncnn: two layers that feed each other", "a.param", _circle(), at_least, clean),
    _attack("net-caffe-dims", "Caffe: 2^63 filters of 2^31 × 2^31", "a.prototxt",
            _caffe("num_output: 9223372036854775807 kernel_size: 2147483647 stride: 0"), at_least, clean),
    _attack("net-caffe-zero", "Caffe: strides and groups of zero", "a.prototxt", _caffe("num_output: 8 kernel_size: 3 stride: 0 group: 0"), at_least, clean),
    _attack("net-keras-dims", "Keras: 2^62 units on 2^62 inputs", "a.h5", _keras(_HUGE), clean),
    _attack("net-keras-types", "Keras: units that are an object", "a.h5", _keras({"a": [1, {"b": None}]}), clean),
    _attack("net-keras-circle", "Keras: two layers that feed each other", "a.h5", _keras_circle(), refusal("Keras HDF5", "read what no layer makes")),
    _attack("net-hdf5-loop", "HDF5: a tree that is its own child", "a.h5", _hdf5_loop, refusal("Keras HDF5", "B-tree")),
    _attack("net-ir-dims", "OpenVINO: 2^63 × 2^63, weights at 2^63", "a.xml", _WIDE_IR, refusal("OpenVINO", "beyond the weight file"), a__bin=bytes(64)),
    _attack("net-safetensors-dims", "safetensors: 2^62 × 2^62 × 0 elements", "a.safetensors",
            struct.pack("<Q", 96) + f'{{"w":{{"dtype":"F32","shape":[{_HUGE},{_HUGE},0],"data_offsets":[0,0]}}}}'.encode().ljust(96), clean),
    _attack("net-config-bomb", "safetensors: a configuration of 200,000 brackets beside it", "model.safetensors",
            struct.pack("<Q", 64) + b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'.ljust(64) + bytes(4),
            shown, clean, config__json=b'{"a":' + b"[" * 200_000),
    _attack("net-config-huge", "safetensors: a configuration of 10^300 layers and heads", "model.safetensors",
            struct.pack("<Q", 64) + b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'.ljust(64) + bytes(4), shown, clean,
            config__json=b'{"model_type":"llama","hidden_size":1e300,"num_hidden_layers":' + b"9" * 300 + b',"num_attention_heads":0}'),
)  # fmt: skip
