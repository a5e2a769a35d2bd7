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
        message(2, message(1, key), message(2, message(1, message(1, name)))) for key, name in (("x", "x"), ("w", "w"))
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


def compiled() -> bytes:
    """coremldata.bin of a compiled ML Program."""
    body = description()
    return struct.pack("<II20x", 502, 5) + struct.pack("<Q7s", 7, b"generic") + struct.pack("<Q", len(body)) + body
