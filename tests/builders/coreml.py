"""Minimal Core ML models: one inner product, alone, as a program, packed and compiled."""

from __future__ import annotations

import json
import struct

from tests.builders.wire import message, number


def description(outputs: int = 1) -> bytes:
    array = message(5, message(1, b"\x01\x04"), number(2, 65568))
    feature = message(1, "x"), message(3, array)
    out = message(1, "y"), message(3, message(5, message(1, b"\x01\x02"), number(2, 65568)))
    return message(1, *feature) + b"".join(message(10, *out) for _ in range(outputs))


def network() -> bytes:
    weights = message(20, message(1, struct.pack("<8f", *range(8))))
    layer = message(1, message(1, "fc"), message(2, "x"), message(3, "y"), message(140, number(1, 4), weights))
    return number(1, 4) + message(2, description()) + message(500, layer)


def pipeline(depth: int) -> bytes:
    inner = network() if depth == 0 else pipeline(depth - 1)
    return number(1, 4) + message(2, description()) + message(202, message(1, inner))


def program() -> bytes:
    def value_type(*dims: int) -> bytes:
        sizes = b"".join(message(3, message(1, number(1, dim))) for dim in dims)
        return message(2, message(1, number(1, 11), number(2, len(dims)), sizes))

    blob = message(5, message(1, "val"), message(2, message(5, message(1, "@model_path/weights/weight.bin"))))
    const = message(3, message(1, "const"), message(3, message(1, "w"), value_type(2, 4)), blob)
    arguments = b"".join(
        message(2, message(1, key), message(2, message(1, message(1, name))))
        for key, name in (("x", "x"), ("weight", "w"))
    )
    linear = message(3, message(1, "linear"), arguments, message(3, message(1, "y"), value_type(1, 2)))
    block = message(3, message(1, "CoreML5"), message(2, const, linear))
    function = message(2, message(1, "main"), message(2, message(2, "CoreML5"), block))
    return number(1, 6) + message(2, description()) + message(502, number(1, 1), function)


def package() -> tuple[bytes, dict[str, bytes]]:
    """The manifest and the parts it names."""
    entries = {
        "A": {"author": "com.apple.CoreML", "name": "weights", "path": "com.apple.CoreML/weights"},
        "B": {"author": "com.apple.CoreML", "name": "model.mlmodel", "path": "com.apple.CoreML/model.mlmodel"},
    }
    manifest = {"fileFormatVersion": "1.0.0", "itemInfoEntries": entries, "rootModelIdentifier": "B"}
    parts = {
        "m.mlpackage/Data/com.apple.CoreML/model.mlmodel": program(),
        "m.mlpackage/Data/com.apple.CoreML/weights/weight.bin": bytes(128),
    }
    return json.dumps(manifest, indent=4).encode(), parts


MIL = """program(1.0)
[buildInfo = dict<string, string>({{"coremlc-component-MIL", "5.33.5"}})]
{
    func main<ios15>(tensor<fp32, [1, 4]> x) {
            tensor<fp32, [2, 4]> w = const()[name = string("w"), val = tensor<fp32, [2, 4]>(BLOBFILE(offset = 64))];
            tensor<fp32, [1, 2]> y = linear(weight = w, x = x)[name = string("linear_0")];
        } -> (y);
}
"""


BLOBS = struct.pack("<II56x", 2, 2) + b"".join(
    struct.pack("<IIQQ40x", 0xDEADBEEF, code, len(data), place) + data.ljust(64, b"\0")
    for code, data, place in ((3, bytes(16), 128), (1, bytes(8), 256))
)
"""A weight file: 32 indices of four bits, then a table of four halves."""
CONVOLUTION = """program(1.0)
[buildInfo = dict<tensor<string, []>, tensor<string, []>>({{"coremlc-component-MIL", "3402.3.2"}})]
{
    func main<ios16>(tensor<fp16, [1, 4, 8, 8]> x) {
            tensor<fp16, [4, 4, 2, 1]> w = constexpr_lut_to_dense()[indices = tensor<uint8, [16]>(BLOBFILE(path = tensor<string, []>("@model_path/weights/weight.bin"), offset = tensor<uint64, []>(64))), lut = tensor<fp16, [16]>(BLOBFILE(path = tensor<string, []>("@model_path/weights/weight.bin"), offset = tensor<uint64, []>(192))), name = tensor<string, []>("w"), shape = tensor<uint32, [4]>([4, 4, 2, 1])];
            tensor<string, []> pt = const()[name = tensor<string, []>("pt"), val = tensor<string, []>("custom")];
            tensor<int32, [4]> pd = const()[name = tensor<string, []>("pd"), val = tensor<int32, [4]>([0, 1, 2, 3])];
            tensor<int32, [2]> st = const()[name = tensor<string, []>("st"), val = tensor<int32, [2]>([2, 1])];
            tensor<fp16, [1, 4, 4, 13]> c = conv(dilations = tensor<int32, [2]>([1, 1]), groups = tensor<int32, []>(1), pad = pd, pad_type = pt, strides = st, weight = w, x = x)[name = tensor<string, []>("c")];
            tensor<fp16, []> low = const()[name = tensor<string, []>("low"), val = tensor<fp16, []>(-0x1p-1)];
            tensor<fp16, [1, 4, 4, 13]> r = clip(alpha = low, beta = tensor<fp16, []>(0x1.8p+2), x = c)[name = tensor<string, []>("r")];
            tensor<fp16, [1, 2, 4, 13]> a, tensor<fp16, [1, 2, 4, 13]> b = split(axis = tensor<int32, []>(1), num_splits = tensor<int32, []>(2), x = r)[name = tensor<string, []>("s")];
            tensor<fp16, [1, 4, 4, 13]> y = concat(axis = tensor<int32, []>(1), interleave = tensor<bool, []>(false), values = (a, b))[name = tensor<string, []>("y")];
        } -> (y);
}
"""
"""A palettised convolution between the operations that programs have most, in the spelling of iOS 16."""


def compiled() -> bytes:
    """coremldata.bin of a compiled ML Program."""
    body = description()
    return struct.pack("<II20x", 502, 5) + struct.pack("<Q7s", 7, b"generic") + struct.pack("<Q", len(body)) + body
