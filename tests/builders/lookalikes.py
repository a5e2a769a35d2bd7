"""Files of real apps that are no models and have been taken for some: names from public crawls, structures made here."""

from __future__ import annotations

import json
import random
import struct
import zlib

from tests.builders.hostile import LOOKALIKES
from tests.builders.wire import message, number

_RANDOM = random.Random(5)


def _class_file() -> bytes:
    names = [b"kotlin/coroutines/jvm/internal/DebugProbesKt", b"java/lang/Object", b"probeCoroutineCreated", b"Code"]
    pool = b"".join(struct.pack(">BH", 1, len(name)) + name for name in names)
    pool += struct.pack(">BHBH", 7, 1, 7, 2)
    return struct.pack(">IHHH", 0xCAFEBABE, 0, 50, 7) + pool + struct.pack(">HHHHHHH", 0x31, 5, 6, 0, 0, 0, 0)


def _file_descriptor() -> bytes:
    """A FileDescriptorSet entry: the protobuf that schema files compile to; field 1 and 2 are texts, as in ONNX."""
    field = message(2, message(1, "name"), number(3, 1), number(4, 1), number(5, 9))
    types = b"".join(message(4, message(1, f"Message{index}"), field) for index in range(40))
    return message(1, "tensorflow/core/framework/graph.proto") + message(2, "tensorflow") + types


def _resource_table() -> bytes:
    """resources.pb of an AAB: packages, types and entries, nested as graphs are."""
    entry = message(3, number(1, 7), message(2, "app_name"), message(6, message(2, message(1, message(2, "My app")))))
    kind = message(3, number(1, 1), message(2, "string"), *[entry] * 50)
    return message(1, bytes(64)) + message(2, message(1, number(1, 127)), message(2, "org.example"), kind)


def _pvr() -> bytes:
    return struct.pack("<4sIQIIIIIIIII", b"PVR\x03", 0, 2, 0, 0, 256, 256, 1, 1, 1, 9, 0) + _RANDOM.randbytes(8192)


def _v8_snapshot() -> bytes:
    return struct.pack("<III", 1, 1, 40) + b"9.1.269.36".ljust(64, b"\0") + _RANDOM.randbytes(6000)


def _licence() -> bytes:
    return (
        b"TensorFlow Lite\nCopyright 2019 The TensorFlow Authors.  Licensed under the Apache License, Version 2.0\n\n"
        b"ONNX Runtime\nMIT License, Copyright (c) Microsoft Corporation\n\nOpenAI Whisper, MIT\n\n"
        b"This product includes software developed by ncnn (Tencent), MNN (Alibaba) and the PyTorch contributors.\n"
    ) * 20


def _records(size: int) -> bytes:
    return b"".join(struct.pack("<HHi", index % 16, index % 64, index * 7919 % 65521) for index in range(size))


NOT_MODELS: dict[str, bytes] = {
    "DebugProbesKt.bin": _class_file(),
    "assets/animation.json": json.dumps(
        {"v": "5.7", "fr": 30, "nm": "net", "layers": [{"ty": 4, "nm": f"conv{n}", "shapes": []} for n in range(30)]}
    ).encode(),
    "assets/icudt/root.res": LOOKALIKES["icu"],
    "assets/snapshot_blob.bin": _v8_snapshot(),
    "assets/flutter_assets/isolate_snapshot_data": b"\xf5\xf5\xdc\xdc" + _RANDOM.randbytes(5000),
    "assets/grass.ktx": LOOKALIKES["ktx texture"],
    "assets/stone.pvr": _pvr(),
    "assets/haarcascade_frontalface_alt.xml": LOOKALIKES["haarcascade"],
    "assets/map/europe.bin": _records(4000),
    "assets/features.lite": b"# Lite edition\nads=off\nthemes=3\nmodel=basic\n" * 30,
    "assets/licences.txt": _licence(),
    "assets/open_source_licenses.html": b"<html><body><pre>" + _licence() + b"</pre></body></html>",
    "assets/schema.desc": _file_descriptor(),
    "resources.pb": _resource_table(),
    "assets/level1.json": json.dumps(
        {"nodes": [{"op": "door", "name": f"r{n}", "inputs": [[n, 0, 0]]} for n in range(30)], "heads": [[29, 0]]}
    ).encode(),
    "assets/words.db": LOOKALIKES["sqlite"],
    "assets/strings.dat": b"\0".join(b"word%d" % index for index in range(3000)),
    "assets/table.bin": struct.pack("<4000f", *(index / 7 for index in range(4000))),
    "assets/compressed.dat": zlib.compress(_records(20_000)),
    "assets/empty": b"",
    "META-INF/kotlin.kotlin_module": b"\0\0\0\3\0\0\0\1\0\0\0\6\0\0\0\1" + bytes(40),
    "assets/index.js": b"const a = require('./b'); function f(x) { return x * 2 }\n" * 20,
    **{f"assets/lookalike/{label}": data for label, data in LOOKALIKES.items() if label not in ("zip", "deep json")},
}
"""Entry name → content. None is a model, none is a trace of AI."""

FAKE_MAGICS = {
    "TFL3": b"\x1c\0\0\0TFL3",
    "GGUF": b"GGUF\3\0\0\0",
    "ORTM": b"\x10\0\0\0ORTM",
    "ET12": b"\x10\0\0\0ET12",
    "MSL2": b"\x10\0\0\0MSL2",
    "ncnn": b"7767517\n",
    "ncnn binary": b"\xdd\x85\x76\x00",
    "ONNX": b"\x08\x07\x12\x07pytorch",
    "HDF5": b"\x89HDF\r\n\x1a\n",
    "LITERTLM": b"LITERTLM",
    "safetensors": b"\x40\0\0\0\0\0\0\0{",
    "torch": b"PK\x03\x04",
}
"""First bytes of formats, to be followed by nonsense."""
